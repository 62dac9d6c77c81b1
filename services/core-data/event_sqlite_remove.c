/** Taking events out of a segment, row by row, and finding the one with an id. */
#include <stdlib.h>
#include <string.h>

#include "event_sqlite.h"

/* ---- is it there? ----------------------------------------------------------------------------- */

static enum edge_status row_has_id(struct edge_ctx *ctx, struct event_db *s, uint32_t segment,
                                   const unsigned char *id, int64_t seq, bool *ret)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(db_prepare(ctx, s->db,
                        seq >= 0 ? "SELECT 1 FROM event_# WHERE id=?1 AND seq=?2"
                                 : "SELECT 1 FROM event_# WHERE id=?1",
                        segment, &stmt));
    sqlite3_bind_blob(stmt, 1, id, ID_SIZE, SQLITE_STATIC);
    if (seq >= 0) {
        sqlite3_bind_int64(stmt, 2, seq);
    }
    int rc = sqlite3_step(stmt);
    *ret = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? EDGE_OK
                                                 : db_fail(ctx, s->db, "looking for an event");
}

static enum edge_status hot_has_id(struct edge_ctx *ctx, struct event_db *s,
                                   const struct segment *seg, const unsigned char *id, bool *ret)
{
    uint64_t prefix = id_prefix(id);
    for (const struct hot_chunk *c = seg->hot->newest[ROW_EVENT]; c && !*ret; c = c->older) {
        for (uint32_t i = 0; i < c->n && !*ret; i++) {
            if (c->id[i] == prefix) {
                EDGE_TRY(row_has_id(ctx, s, seg->id, id, c->first_seq + i, ret));
            }
        }
    }
    return EDGE_OK;
}

enum edge_status event_is_stored(struct edge_ctx *ctx, struct event_db *s, const unsigned char *id,
                                 int64_t origin, bool *ret)
{
    *ret = false;
    for (size_t i = s->catalogue.n_segments; i-- > 0 && !*ret;) {
        const struct segment *seg = s->catalogue.segments[i];
        const struct segment_rows *rows = &seg->rows[ROW_EVENT];
        if (rows->n > 0 && origin >= rows->min && origin <= rows->max) {
            EDGE_TRY(seg->hot ? hot_has_id(ctx, s, seg, id, ret)
                              : row_has_id(ctx, s, seg->id, id, -1, ret));
        }
    }
    return EDGE_OK;
}

/* ---- taking rows out ------------------------------------------------------------------------------ */

/* Rows removed of one key, within a transaction. */
struct decrement {
    enum row_kind kind;
    uint32_t key, n;
};

struct gone {
    struct event_db *store;
    struct segment *seg;
    int64_t *events, *first_reading, *n_readings;
    size_t n;
    struct decrement *keys; /* one per row, then merged */
    size_t n_keys, cap_keys;
};

static void gone_key(struct edge_ctx *ctx, struct gone *g, enum row_kind kind, int64_t key)
{
    edge_make_room(&ctx->arena, g->keys, g->n_keys, g->cap_keys);
    g->keys[g->n_keys++] = (struct decrement){kind, (uint32_t)key, 1};
}

static int compare_keys(const void *a, const void *b)
{
    const struct decrement *x = a, *y = b;
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    return x->key < y->key ? -1 : x->key > y->key;
}

static void merge_keys(struct gone *g)
{
    if (g->n_keys == 0) {
        return;
    }
    qsort(g->keys, g->n_keys, sizeof(*g->keys), compare_keys);
    size_t last = 0;
    for (size_t i = 1; i < g->n_keys; i++) {
        if (compare_keys(&g->keys[last], &g->keys[i]) == 0) {
            g->keys[last].n++;
        } else {
            g->keys[++last] = g->keys[i];
        }
    }
    g->n_keys = last + 1;
}

struct delete_statements {
    sqlite3_stmt *event, *readings, *delete_readings, *delete_event, *tally;
};

static void delete_statements_done(struct delete_statements *d)
{
    sqlite3_finalize(d->event);
    sqlite3_finalize(d->readings);
    sqlite3_finalize(d->delete_readings);
    sqlite3_finalize(d->delete_event);
    sqlite3_finalize(d->tally);
}

static enum edge_status prepare_deletes(struct edge_ctx *ctx, sqlite3 *db, uint32_t segment,
                                        struct delete_statements *d)
{
    EDGE_TRY(db_prepare(ctx, db, "SELECT source, first_reading, n FROM event_# WHERE seq=?1",
                        segment, &d->event));
    EDGE_TRY(db_prepare(ctx, db, "SELECT series FROM reading_# WHERE seq BETWEEN ?1 AND ?2",
                        segment, &d->readings));
    EDGE_TRY(db_prepare(ctx, db, "DELETE FROM reading_# WHERE seq BETWEEN ?1 AND ?2", segment,
                        &d->delete_readings));
    EDGE_TRY(db_prepare(ctx, db, "DELETE FROM event_# WHERE seq=?1", segment, &d->delete_event));
    return db_prepare(ctx, db, "UPDATE tally SET n=n-?3 WHERE segment=# AND kind=?1 AND key=?2",
                      segment, &d->tally);
}

static enum edge_status delete_event(struct edge_ctx *ctx, struct gone *g,
                                     struct delete_statements *d, size_t at)
{
    sqlite3 *db = g->store->db;
    sqlite3_bind_int64(d->event, 1, g->events[at]);
    if (sqlite3_step(d->event) != SQLITE_ROW) {
        sqlite3_reset(d->event);
        return db_fail(ctx, db, "finding an event to remove");
    }
    gone_key(ctx, g, ROW_EVENT, sqlite3_column_int64(d->event, 0));
    int64_t first = g->first_reading[at] = sqlite3_column_int64(d->event, 1);
    int64_t n = g->n_readings[at] = sqlite3_column_int64(d->event, 2);
    sqlite3_reset(d->event);

    sqlite3_bind_int64(d->readings, 1, first);
    sqlite3_bind_int64(d->readings, 2, first + n - 1);
    while (sqlite3_step(d->readings) == SQLITE_ROW) {
        gone_key(ctx, g, ROW_READING, sqlite3_column_int64(d->readings, 0));
    }
    sqlite3_reset(d->readings);

    sqlite3_bind_int64(d->delete_readings, 1, first);
    sqlite3_bind_int64(d->delete_readings, 2, first + n - 1);
    EDGE_TRY(db_run(ctx, db, d->delete_readings, "removing readings"));
    sqlite3_bind_int64(d->delete_event, 1, g->events[at]);
    return db_run(ctx, db, d->delete_event, "removing an event");
}

static enum edge_status delete_rows(struct edge_ctx *ctx, struct gone *g)
{
    EDGE_CLEANUP(delete_statements_done) struct delete_statements d = {0};
    EDGE_TRY(prepare_deletes(ctx, g->store->db, g->seg->id, &d));
    for (size_t i = 0; i < g->n; i++) {
        EDGE_TRY(delete_event(ctx, g, &d, i));
    }
    merge_keys(g);
    for (size_t i = 0; i < g->n_keys && g->seg->state == SEGMENT_SEALED; i++) {
        sqlite3_bind_int(d.tally, 1, (int)g->keys[i].kind);
        sqlite3_bind_int64(d.tally, 2, g->keys[i].key);
        sqlite3_bind_int64(d.tally, 3, g->keys[i].n);
        EDGE_TRY(db_run(ctx, g->store->db, d.tally, "saving counts"));
    }
    return EDGE_OK;
}

/* Committed: take the rows out of the counts and of the memory index. */
static void publish_removal(const struct gone *g)
{
    struct catalogue *cat = &g->store->catalogue;
    EDGE_LOCK(&cat->lock);
    for (size_t i = 0; i < g->n_keys; i++) {
        const struct decrement *k = &g->keys[i];
        struct segment_rows *rows = &g->seg->rows[k->kind];
        cat->dicts[k->kind].by_id[k->key]->n -= k->n;
        rows->n -= k->n;
        struct tally *t = segment_tally(rows, k->key);
        if (t) {
            t->n -= k->n;
        }
    }
    for (size_t i = 0; g->seg->hot && i < g->n; i++) {
        hot_remove(g->seg->hot, ROW_EVENT, g->events[i]);
        for (int64_t k = 0; k < g->n_readings[i]; k++) {
            hot_remove(g->seg->hot, ROW_READING, g->first_reading[i] + k);
        }
    }
}

enum edge_status remove_events(struct edge_ctx *ctx, struct event_db *s, struct segment *seg,
                               int64_t *events, size_t n)
{
    struct gone g = {
        .store = s,
        .seg = seg,
        .events = events,
        .first_reading = edge_new_n(&ctx->arena, int64_t, n),
        .n_readings = edge_new_n(&ctx->arena, int64_t, n),
        .n = n,
    };
    EDGE_TRY(db_begin(ctx, s->db));
    EDGE_TRY(db_end(ctx, s->db, delete_rows(ctx, &g)));
    publish_removal(&g);
    return EDGE_OK;
}

/* ---- by id -------------------------------------------------------------------------------------
 */

static enum edge_status has_id(struct edge_ctx *ctx, struct event_db *s, const struct segment *seg,
                               const char *sql, int64_t seq, const unsigned char *id,
                               int64_t *ret_seq)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(db_prepare(ctx, s->db, sql, seg->id, &stmt));
    sqlite3_bind_blob(stmt, 1, id, ID_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, seq);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *ret_seq = sqlite3_column_int64(stmt, 0);
        return EDGE_OK;
    }
    return rc == SQLITE_DONE ? EDGE_NOT_FOUND : db_fail(ctx, s->db, "finding an event");
}

static enum edge_status find_in_segment(struct edge_ctx *ctx, struct event_db *s,
                                        const struct segment *seg, const unsigned char *id,
                                        int64_t *ret_seq)
{
    if (!seg->hot) {
        return has_id(ctx, s, seg,
                      "SELECT seq FROM event_# INDEXED BY event_#_id WHERE id=?1 AND ?2=0", 0, id,
                      ret_seq);
    }
    uint64_t prefix = id_prefix(id);
    for (const struct hot_chunk *c = seg->hot->newest[ROW_EVENT]; c; c = c->older) {
        for (uint32_t i = c->n; i-- > 0;) {
            if (c->id[i] != prefix ||
                atomic_load_explicit(&c->key[i], memory_order_relaxed) == KEY_REMOVED) {
                continue;
            }
            enum edge_status st =
                has_id(ctx, s, seg, "SELECT seq FROM event_# WHERE id=?1 AND seq=?2",
                       c->first_seq + i, id, ret_seq);
            if (st != EDGE_NOT_FOUND) {
                return st;
            }
        }
    }
    return EDGE_NOT_FOUND;
}

/* Newest segment first; *ret_seg NULL where none has it. */
static enum edge_status find_event(struct edge_ctx *ctx, struct event_db *s,
                                   const unsigned char *id, struct segment **ret_seg,
                                   int64_t *ret_seq)
{
    *ret_seg = NULL;
    for (size_t i = s->catalogue.n_segments; i-- > 0;) {
        struct segment *seg = s->catalogue.segments[i];
        enum edge_status st = find_in_segment(ctx, s, seg, id, ret_seq);
        if (st == EDGE_OK) {
            *ret_seg = seg;
        }
        if (st != EDGE_NOT_FOUND) {
            return st;
        }
    }
    return EDGE_OK;
}

enum edge_status remove_by_id(struct edge_ctx *ctx, struct event_db *s, const unsigned char *id)
{
    for (bool found = false;; found = true) { /* ids may repeat: all of them go */
        struct segment *seg = NULL;
        int64_t seq = 0;
        EDGE_TRY(find_event(ctx, s, id, &seg, &seq));
        if (!seg) {
            return found ? EDGE_OK : EDGE_NOT_FOUND;
        }
        EDGE_TRY(remove_events(ctx, s, seg, &seq, 1));
    }
}
