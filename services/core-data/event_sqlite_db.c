/**
 * The event store's file: opening it (ours, nobody else's, whole), its schema, and the few calls
 * the rest makes to SQLite. SQL texts name a segment's tables with '#', which stands for its
 * number.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "edge/log.h"
#include "event_sqlite.h"

enum {
    APPLICATION_ID = 0x45444356, /* what `file` shows: nobody else's database is taken for ours */
    SCHEMA_VERSION = 2,
    N_TABLES = 5, /* that every file of ours has */
    SQL_TEXT_SIZE = 512,
    LOG_SIZE = 4 * 1024 * 1024,
};

static const char *const SCHEMA =
    "CREATE TABLE source(id INTEGER PRIMARY KEY, device TEXT NOT NULL, name TEXT NOT NULL,"
    " profile TEXT NOT NULL, type TEXT NOT NULL, units TEXT NOT NULL, media TEXT NOT NULL);"
    "CREATE TABLE series(id INTEGER PRIMARY KEY, device TEXT NOT NULL, name TEXT NOT NULL,"
    " profile TEXT NOT NULL, type TEXT NOT NULL, units TEXT NOT NULL, media TEXT NOT NULL);"
    "CREATE TABLE segment(id INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
    " created INTEGER NOT NULL, first_event INTEGER NOT NULL, first_reading INTEGER NOT NULL,"
    " last_event INTEGER, event_min INTEGER, event_max INTEGER, reading_min INTEGER,"
    " reading_max INTEGER);"
    "CREATE TABLE tally(segment INTEGER, kind INTEGER, key INTEGER, n INTEGER NOT NULL,"
    " PRIMARY KEY(segment, kind, key)) WITHOUT ROWID;"
    "CREATE TABLE removal(id INTEGER PRIMARY KEY, device TEXT, source TEXT,"
    " cutoff INTEGER NOT NULL, last_event INTEGER NOT NULL, first_origin INTEGER NOT NULL);"
    "PRAGMA application_id=1162101590;"
    "PRAGMA user_version=2;";
static_assert(APPLICATION_ID == 1162101590, "the schema names it in decimal");

/* From a version to the next one; the first is from 1. */
static const char *const MIGRATIONS[] = {
    "ALTER TABLE removal ADD COLUMN first_origin INTEGER NOT NULL DEFAULT -9223372036854775808;"
    "PRAGMA user_version=2;",
};

/* Freed pages need no wiping, and small caches do: what is read often is in the kernel's. */
static const char *const CONNECTION_SETUP =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=OFF;"
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-1024; PRAGMA wal_autocheckpoint=0;";

void db_statement_done(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}

enum edge_status db_fail(struct edge_ctx *ctx, sqlite3 *db, const char *doing)
{
    int code = sqlite3_errcode(db) & 0xff;
    if (code == SQLITE_FULL || (code == SQLITE_IOERR && sqlite3_system_errno(db) == ENOSPC)) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "%s failed: disk full", doing);
    }
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        return edge_fail(ctx, EDGE_DAMAGED, "%s failed: %s", doing, sqlite3_errmsg(db));
    }
    bool row = code == SQLITE_TOOBIG || code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH;
    return edge_fail(ctx, row ? EDGE_INVALID : EDGE_INTERNAL, "%s failed: %s", doing,
                     sqlite3_errmsg(db));
}

enum edge_status db_note(struct edge_ctx *ctx, struct event_db *s, enum edge_status st)
{
    if (st == EDGE_DAMAGED) {
        edge_data_file_note_damage(s->file, edge_ctx_message(ctx, st));
    }
    return st;
}

static void sql_for_segment(const char *sql, uint32_t segment, char *text, size_t size)
{
    size_t len = 0;
    for (; *sql && len + 16 < size; sql++) {
        if (*sql == '#') {
            len += (size_t)snprintf(text + len, size - len, "%u", segment);
        } else {
            text[len++] = *sql;
        }
    }
    assert(*sql == '\0');
    text[len] = '\0';
}

enum edge_status db_prepare(struct edge_ctx *ctx, sqlite3 *db, const char *sql, uint32_t segment,
                            sqlite3_stmt **ret)
{
    char text[SQL_TEXT_SIZE];
    sql_for_segment(sql, segment, text, sizeof(text));
    if (sqlite3_prepare_v2(db, text, -1, ret, NULL) != SQLITE_OK) {
        return db_fail(ctx, db, "preparing a statement");
    }
    return EDGE_OK;
}

enum edge_status db_exec(struct edge_ctx *ctx, sqlite3 *db, const char *sql, uint32_t segment)
{
    char text[SQL_TEXT_SIZE];
    sql_for_segment(sql, segment, text, sizeof(text));
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        return db_fail(ctx, db, "changing the database");
    }
    return EDGE_OK;
}

enum edge_status db_run(struct edge_ctx *ctx, sqlite3 *db, sqlite3_stmt *stmt, const char *doing)
{
    int rc = sqlite3_step(stmt);
    enum edge_status st = rc == SQLITE_DONE ? EDGE_OK : db_fail(ctx, db, doing);
    sqlite3_reset(stmt);
    return st;
}

enum edge_status db_begin(struct edge_ctx *ctx, sqlite3 *db)
{
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        return db_fail(ctx, db, "starting a transaction");
    }
    return EDGE_OK;
}

enum edge_status db_end(struct edge_ctx *ctx, sqlite3 *db, enum edge_status st)
{
    if (st == EDGE_OK && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        st = db_fail(ctx, db, "committing");
    }
    if (!sqlite3_get_autocommit(db)) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return st;
}

/* A file that turns out to be damaged is closed as it is: its log is neither carried into it nor
 * removed. db_trust() ends that. */
enum edge_status db_open_connection(struct edge_ctx *ctx, const struct event_db *s, sqlite3 **ret)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(s->config.file.path, ret, flags, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(*ret, 5000) != SQLITE_OK ||
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK ||
        sqlite3_exec(*ret, CONNECTION_SETUP, NULL, NULL, NULL) != SQLITE_OK) {
        int code = *ret ? sqlite3_errcode(*ret) & 0xff : SQLITE_NOMEM;
        bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
        enum edge_status st =
            edge_fail(ctx, damaged ? EDGE_DAMAGED : EDGE_FORBIDDEN, "cannot open '%s': %s",
                      s->config.file.path, *ret ? sqlite3_errmsg(*ret) : "out of memory");
        sqlite3_close(*ret);
        *ret = NULL;
        return st;
    }
    return EDGE_OK;
}

static enum edge_status get_number(struct edge_ctx *ctx, sqlite3 *db, const char *sql, int64_t *ret)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(db_prepare(ctx, db, sql, 0, &stmt));
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        return db_fail(ctx, db, "reading the header");
    }
    *ret = sqlite3_column_int64(stmt, 0);
    return EDGE_OK;
}

static enum edge_status exec_whole(struct edge_ctx *ctx, struct event_db *s, const char *sql,
                                   const char *doing)
{
    EDGE_TRY(db_begin(ctx, s->db));
    enum edge_status st = EDGE_OK;
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        st = db_fail(ctx, s->db, doing);
    }
    return db_end(ctx, s->db, st);
}

struct header {
    int64_t application, version, objects, tables, pages;
};

static enum edge_status read_header(struct edge_ctx *ctx, sqlite3 *db, struct header *ret)
{
    EDGE_TRY(get_number(ctx, db, "PRAGMA application_id", &ret->application));
    EDGE_TRY(get_number(ctx, db, "PRAGMA user_version", &ret->version));
    EDGE_TRY(get_number(ctx, db, "SELECT count(*) FROM sqlite_schema", &ret->objects));
    EDGE_TRY(get_number(ctx, db, "PRAGMA page_count", &ret->pages));
    return get_number(ctx, db,
                      "SELECT count(*) FROM sqlite_schema WHERE type='table' AND name IN"
                      " ('source','series','segment','tally','removal')",
                      &ret->tables);
}

/* Whose it is, which version, and whether its tables are there. What lies in them is found where it is
 * read: looking through a large file would take longer than anybody waits for a gateway. */
static enum edge_status check_schema(struct edge_ctx *ctx, struct event_db *s)
{
    struct header h = {0};
    EDGE_TRY(read_header(ctx, s->db, &h));
    if (h.objects == 0 && h.pages <= 1) {
        return exec_whole(ctx, s, SCHEMA, "creating the tables");
    }
    bool whole = h.tables == N_TABLES;
    if (h.application != APPLICATION_ID && !whole) {
        return edge_fail(ctx, h.objects > 0 ? EDGE_FORBIDDEN : EDGE_DAMAGED,
                         h.objects > 0 ? "it is another program's database"
                                       : "it has pages and no tables");
    }
    int64_t version = h.version;
    if (version > SCHEMA_VERSION) {
        return edge_fail(ctx, EDGE_FORBIDDEN, "its version is %lld, this program knows %d",
                         (long long)version, SCHEMA_VERSION);
    }
    if (h.application != APPLICATION_ID || !whole || version < 1) {
        return edge_fail(ctx, EDGE_DAMAGED,
                         "its header is damaged: application %lld, version %lld, %lld of %d tables",
                         (long long)h.application, (long long)version, (long long)h.tables,
                         N_TABLES);
    }
    for (; version >= 1 && version < SCHEMA_VERSION; version++) {
        EDGE_TRY(exec_whole(ctx, s, MIGRATIONS[version - 1], "taking up an older version"));
    }
    return EDGE_OK;
}

/* An earlier process met damage: is there any? */
static enum edge_status look_through(struct edge_ctx *ctx, struct event_db *s)
{
    const char *noted = edge_data_file_damage(s->file);
    if (!noted) {
        return EDGE_OK;
    }
    edge_log_warn(ctx, "damage was noted, the store is looked through", "file", s->config.file.path,
                  "noted", noted, NULL);
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(db_prepare(ctx, s->db, "PRAGMA quick_check(1)", 0, &stmt));
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        return db_fail(ctx, s->db, "looking through it");
    }
    const char *found = (const char *)sqlite3_column_text(stmt, 0);
    if (!found || strcmp(found, "ok") != 0) {
        return edge_fail(ctx, EDGE_DAMAGED, "%s", found ? found : noted);
    }
    edge_log_warn(ctx, "the store is sound, the damage is gone", "file", s->config.file.path, NULL);
    edge_data_file_sound(s->file);
    return EDGE_OK;
}

void db_look_inside(struct edge_ctx *ctx, struct event_db *s)
{
    int64_t pages = 0;
    if (get_number(ctx, s->db, "PRAGMA freelist_count", &pages) == EDGE_OK) {
        atomic_store(&s->inside, pages * 4096);
    }
}

void db_trust(struct edge_ctx *ctx, struct event_db *s)
{
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    (void)edge_data_log_carry(&s->log); /* what an earlier process left: it is tried again */
    db_look_inside(ctx, s);
}

enum edge_status db_open(struct edge_ctx *ctx, struct event_db *s)
{
    EDGE_TRY(edge_data_file_check(ctx, s->file));
    EDGE_TRY(db_open_connection(ctx, s, &s->db));
    edge_data_log_watch(&s->log, s->db, s->file, LOG_SIZE);
    EDGE_TRY(edge_wrap(ctx, check_schema(ctx, s), "cannot use '%s'", s->config.file.path));
    EDGE_TRY(edge_wrap(ctx, look_through(ctx, s), "cannot use '%s'", s->config.file.path));
    if (s->config.max_pages > 0) {
        const char *sql =
            edge_printf(&ctx->arena, "PRAGMA max_page_count=%lld", (long long)s->config.max_pages);
        EDGE_TRY(db_exec(ctx, s->db, sql, 0));
    }
    return EDGE_OK;
}
