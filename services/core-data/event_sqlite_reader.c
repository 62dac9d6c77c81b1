/**
 * The reading connections of the event store: a few, opened when first needed, each with its most
 * recently used statements. A reader sees one state of the file between acquire and release.
 */
#include <stdlib.h>
#include <string.h>

#include "event_sqlite.h"

/* INDEXED BY: the planner has no statistics, and the choice of the index is made in select.c. */
static const char *const STATEMENTS[SQL_COUNT] = {
    [SQL_EVENT_BY_ID] = "SELECT seq FROM event_# INDEXED BY event_#_id WHERE id=?1",
    [SQL_EVENT] = "SELECT origin, source, id, first_reading, n, tags FROM event_# WHERE seq=?1",
    [SQL_READING] = "SELECT origin, series, value, tags FROM reading_# WHERE seq=?1",
    [SQL_EVENT_READINGS] = "SELECT origin, series, value, tags FROM reading_#"
                           " WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq",
    [SQL_ALL_READINGS] = "SELECT origin, series, value FROM reading_# NOT INDEXED",
    [SQL_SERIES_READINGS] =
        "SELECT origin, series, value FROM reading_# INDEXED BY reading_#_series"
        " WHERE series=?1 AND origin BETWEEN ?2 AND ?3",
    [SQL_EVENT_KEYED] = "SELECT origin, seq FROM event_# INDEXED BY event_#_source"
                        " WHERE source=?1 AND origin BETWEEN ?2 AND ?3 ORDER BY origin DESC, seq",
    [SQL_READING_KEYED] = "SELECT origin, seq FROM reading_# INDEXED BY reading_#_series"
                          " WHERE series=?1 AND origin BETWEEN ?2 AND ?3 ORDER BY origin DESC, seq",
    [SQL_EVENT_WALK] = "SELECT origin, seq, source FROM event_# INDEXED BY event_#_origin"
                       " WHERE origin BETWEEN ?1 AND ?2 ORDER BY origin DESC",
    [SQL_READING_WALK] = "SELECT origin, seq, series FROM reading_# INDEXED BY reading_#_origin"
                         " WHERE origin BETWEEN ?1 AND ?2 ORDER BY origin DESC",
    [SQL_EVENT_COUNT_KEYED] = "SELECT count(*) FROM event_# INDEXED BY event_#_source"
                              " WHERE source=?1 AND origin BETWEEN ?2 AND ?3",
    [SQL_READING_COUNT_KEYED] = "SELECT count(*) FROM reading_# INDEXED BY reading_#_series"
                                " WHERE series=?1 AND origin BETWEEN ?2 AND ?3",
    [SQL_EVENT_COUNT] = "SELECT count(*) FROM event_# INDEXED BY event_#_origin"
                        " WHERE origin BETWEEN ?1 AND ?2",
    [SQL_READING_COUNT] = "SELECT count(*) FROM reading_# INDEXED BY reading_#_origin"
                          " WHERE origin BETWEEN ?1 AND ?2",
};

static void reader_free(struct reader *r)
{
    for (size_t i = 0; i < READER_STATEMENTS; i++) {
        sqlite3_finalize(r->statements[i].stmt);
    }
    sqlite3_close(r->db);
    free(r);
}

/* An idle reader, or leave to open another one. */
static struct reader *reader_take(struct reader_pool *pool, bool *ret_open)
{
    EDGE_LOCK(&pool->lock);
    while (!pool->idle && pool->n == MAX_READERS) {
        edge_cond_wait(&pool->freed, &pool->lock);
    }
    struct reader *r = pool->idle;
    if (r) {
        pool->idle = r->next;
    } else {
        pool->n++;
    }
    *ret_open = !r;
    return r;
}

static void reader_give(struct reader_pool *pool, struct reader *r)
{
    EDGE_LOCK(&pool->lock);
    if (r) {
        r->next = pool->idle;
        pool->idle = r;
    } else {
        pool->n--;
    }
    edge_cond_signal(&pool->freed);
}

enum edge_status reader_acquire(struct edge_ctx *ctx, struct event_db *s, struct reader **ret)
{
    bool open = false;
    struct reader *r = reader_take(&s->readers, &open);
    if (open) {
        sqlite3 *db = NULL;
        enum edge_status st = db_open_connection(ctx, s, &db);
        if (st != EDGE_OK) {
            reader_give(&s->readers, NULL);
            return db_note(ctx, s, st);
        }
        r = edge_xalloc(1, sizeof(*r));
        r->db = db;
    }
    if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        enum edge_status st = db_note(ctx, s, db_fail(ctx, r->db, "reading"));
        reader_release(s, r);
        return st;
    }
    *ret = r;
    return EDGE_OK;
}

void reader_release(struct event_db *s, struct reader *r)
{
    for (size_t i = 0; i < READER_STATEMENTS; i++) {
        if (r->statements[i].stmt) {
            sqlite3_reset(r->statements[i].stmt);
        }
    }
    sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
    reader_give(&s->readers, r);
}

void readers_done(struct event_db *s)
{
    EDGE_LOCK(&s->readers.lock);
    for (struct reader *r = s->readers.idle, *next; r; r = next) {
        next = r->next;
        reader_free(r);
    }
    s->readers.idle = NULL;
}

static bool segment_exists(struct event_db *s, uint32_t id)
{
    EDGE_LOCK(&s->catalogue.lock);
    for (size_t i = 0; i < s->catalogue.n_segments; i++) {
        if (s->catalogue.segments[i]->id == id) {
            return !s->catalogue.segments[i]->dropping;
        }
    }
    return false;
}

enum edge_status reader_statement(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                                  uint32_t segment, enum segment_sql sql, sqlite3_stmt **ret)
{
    struct reader_statement *oldest = &r->statements[0];
    for (size_t i = 0; i < READER_STATEMENTS; i++) {
        struct reader_statement *st = &r->statements[i];
        if (st->stmt && st->segment == segment && st->sql == sql) {
            st->used = ++r->clock;
            sqlite3_reset(st->stmt);
            *ret = st->stmt;
            return EDGE_OK;
        }
        if (st->used < oldest->used) {
            oldest = st;
        }
    }
    sqlite3_finalize(oldest->stmt);
    *oldest = (struct reader_statement){0};
    sqlite3_stmt *stmt = NULL;
    enum edge_status status = db_prepare(ctx, r->db, STATEMENTS[sql], segment, &stmt);
    if (status != EDGE_OK) {
        if (segment_exists(s, segment)) {
            return db_note(ctx, s, status);
        }
        edge_ctx_clear(ctx);
        *ret = NULL;
        return EDGE_OK;
    }
    *oldest = (struct reader_statement){stmt, segment, sql, ++r->clock};
    *ret = stmt;
    return EDGE_OK;
}

enum edge_status reader_step(struct edge_ctx *ctx, struct event_db *s, struct reader *r,
                             uint32_t segment, sqlite3_stmt *stmt, bool *ret_row)
{
    int rc = sqlite3_step(stmt);
    *ret_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE || !segment_exists(s, segment)) {
        return EDGE_OK;
    }
    return db_note(ctx, s, db_fail(ctx, r->db, "reading"));
}
