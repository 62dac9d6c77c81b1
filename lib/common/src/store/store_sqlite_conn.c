/* Connections to a SQLite file and the statements they keep. One writes (WAL, synchronous=FULL) and belongs to
 * the thread that took it; readers come from a small pool and never wait for it. */
#include <stdlib.h>
#include <string.h>

#include "store_sqlite.h"

enum {
    MAX_READERS = 8,
    MAX_STATEMENTS = 128, /* cached per connection; shapes vary only with terms */
};

bool sqlite_says_damaged(sqlite3 *db)
{
    int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

enum edge_status sqlite_failure(struct edge_ctx *ctx, const struct sqlite_connection *c,
                                const char *what)
{
    sqlite3 *db = c->db;
    if (sqlite_says_damaged(db)) {
        enum edge_status st = edge_fail(ctx, EDGE_DAMAGED, "%s: %s", what, sqlite3_errmsg(db));
        edge_data_file_note_damage(c->file, edge_ctx_message(ctx, st));
        return st;
    }
    switch (sqlite3_errcode(db)) {
    case SQLITE_FULL:
        return edge_fail(ctx, EDGE_UNAVAILABLE, "%s: the disk is full", what);
    case SQLITE_IOERR:
        return edge_fail(ctx, EDGE_UNAVAILABLE, "%s: %s", what, strerror(sqlite3_system_errno(db)));
    case SQLITE_BUSY:
        return edge_fail(ctx, EDGE_UNAVAILABLE, "%s: the database is busy", what);
    default:
        return edge_fail(ctx, EDGE_INTERNAL, "%s: %s", what, sqlite3_errmsg(db));
    }
}

/* ---- connections ------------------------------------------------------------------------- */

enum edge_status sqlite_connect(struct edge_ctx *ctx, struct sqlite_connection *c, const char *path,
                                int flags)
{
    int rc = sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        /* A file that turns out to be damaged is closed as it is, its log beside it. */
        sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_busy_timeout(c->db, 5000);
        rc = sqlite3_exec(
            c->db,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-512;"
            "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA wal_autocheckpoint=0;"
            "PRAGMA secure_delete=FAST;", /* what is removed does not go through the log */
            NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK) {
        enum edge_status st = sqlite_says_damaged(c->db) ? EDGE_DAMAGED : EDGE_UNAVAILABLE;
        return edge_fail(ctx, st, "cannot open database %s: %s", path,
                         c->db ? sqlite3_errmsg(c->db) : "out of memory");
    }
    return EDGE_OK;
}

void sqlite_disconnect(struct sqlite_connection *c)
{
    size_t pos = 0;
    for (sqlite3_stmt *s; (s = edge_map_next(&c->statements, &pos, NULL)) != NULL;) {
        sqlite3_finalize(s);
    }
    edge_map_done(&c->statements);
    sqlite3_close_v2(c->db);
}

/* Any but one that is at work. */
static void statement_forget_one(struct sqlite_connection *c)
{
    size_t pos = 0;
    const char *sql = NULL;
    sqlite3_stmt *s;
    do {
        s = edge_map_next(&c->statements, &pos, &sql);
    } while (s && sqlite3_stmt_busy(s));
    if (s) {
        sqlite3_finalize(s);
        edge_map_remove(&c->statements, sql);
    }
}

enum edge_status sqlite_statement(struct edge_ctx *ctx, struct sqlite_connection *c,
                                  const char *sql, sqlite3_stmt **ret)
{
    *ret = edge_map_find(&c->statements, sql);
    if (*ret) {
        return EDGE_OK;
    }
    if (sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK) {
        return sqlite_failure(ctx, c, "cannot prepare");
    }
    if (c->statements.n >= MAX_STATEMENTS) {
        statement_forget_one(c);
    }
    edge_map_put(&c->statements, sql, *ret);
    return EDGE_OK;
}

void sqlite_statement_done(sqlite3_stmt **s)
{
    if (*s) {
        sqlite3_reset(*s);
        sqlite3_clear_bindings(*s);
    }
}

/* ---- who writes, who reads --------------------------------------------------------------- */

void sqlite_writer_take(struct sqlite_store *s)
{
    EDGE_LOCK(&s->lock);
    if (s->writer_taken && pthread_equal(s->owner, pthread_self())) {
        s->depth++;
        return;
    }
    while (s->writer_taken) {
        edge_cond_wait(&s->writer_free, &s->lock);
    }
    s->writer_taken = true;
    s->owner = pthread_self();
    s->depth = 1;
}

void sqlite_writer_drop(struct sqlite_store **store)
{
    struct sqlite_store *s = *store;
    EDGE_LOCK(&s->lock);
    if (--s->depth == 0) {
        s->writer_taken = false;
        edge_cond_signal(&s->writer_free);
    }
}

static bool writer_is_mine(struct sqlite_store *s)
{
    EDGE_LOCK(&s->lock);
    return s->writer_taken && pthread_equal(s->owner, pthread_self());
}

enum edge_status sqlite_reader_take(struct edge_ctx *ctx, struct sqlite_store *s,
                                    struct sqlite_reader *ret)
{
    ret->store = s;
    if (writer_is_mine(s)) { /* sees what its own transaction wrote */
        ret->connection = &s->writer;
        return EDGE_OK;
    }
    {
        EDGE_LOCK(&s->lock);
        struct sqlite_connection *c = s->readers;
        if (c) {
            s->readers = c->next;
            s->n_readers--;
            ret->connection = c;
            return EDGE_OK;
        }
    }
    struct sqlite_connection *c = edge_xalloc(1, sizeof(*c));
    c->file = s->file;
    enum edge_status st = sqlite_connect(ctx, c, s->path, SQLITE_OPEN_READWRITE);
    if (st != EDGE_OK) {
        sqlite_disconnect(c);
        free(c);
        return st;
    }
    ret->connection = c;
    return EDGE_OK;
}

void sqlite_reader_drop(struct sqlite_reader *r)
{
    if (!r->connection || r->connection == &r->store->writer) {
        return;
    }
    struct sqlite_connection *c = r->connection;
    {
        EDGE_LOCK(&r->store->lock);
        if (r->store->n_readers < MAX_READERS) {
            c->next = r->store->readers;
            r->store->readers = c;
            r->store->n_readers++;
            return;
        }
    }
    sqlite_disconnect(c);
    free(c);
}
