/* The store over SQLite: one table per collection with the JSON text and a column per key member.
 * One connection writes (WAL, synchronous=FULL); readers take a connection from a small pool and
 * never wait for the writer. A transaction belongs to the thread that began it. */
#include "store_ops.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/data_log.h"
#include "edge/log.h"
#include "edge/map.h"
#include "edge/thread.h"

enum {
    MAX_READERS = 8,
    PAGE_SIZE = 4096,
    SMALL_DOCUMENT = 16 * 1024,  /* bytes */
    LOG_SIZE = 1024 * 1024,      /* bytes */
    STEP_DOCUMENTS = 256,        /* removed in one step where the disk is full */
    LAST_BYTES = 16 * PAGE_SIZE, /* that a commit may still write */
    MAX_STATEMENTS = 128,        /* cached per connection; shapes vary only with terms */
};

/* A connection and the statements it has seen, by their text. */
struct connection {
    struct connection *next;
    sqlite3 *db;
    struct edge_data_file *file; /* told of damage */
    struct edge_map statements;
};

struct sqlite_store {
    char *path;
    struct edge_data_file *file;
    struct connection writer;
    struct edge_data_log log;
    int64_t added, n_changes; /* bytes by the transaction; changes before it */
    struct edge_mutex lock;
    struct edge_cond writer_free;
    bool writer_taken EDGE_GUARDED;
    unsigned depth EDGE_GUARDED; /* of the owner's begin and calls */
    pthread_t owner EDGE_GUARDED;
    struct connection *readers EDGE_GUARDED; /* idle ones */
    unsigned n_readers EDGE_GUARDED;         /* idle ones */
};

static bool says_damaged(sqlite3 *db)
{
    int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

static enum edge_status sqlite_failure(struct edge_ctx *ctx, const struct connection *c,
                                       const char *what)
{
    sqlite3 *db = c->db;
    if (says_damaged(db)) {
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

static enum edge_status connection_open(struct edge_ctx *ctx, struct connection *c,
                                        const char *path, int flags)
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
        enum edge_status st = says_damaged(c->db) ? EDGE_DAMAGED : EDGE_UNAVAILABLE;
        return edge_fail(ctx, st, "cannot open database %s: %s", path,
                         c->db ? sqlite3_errmsg(c->db) : "out of memory");
    }
    return EDGE_OK;
}

static void connection_close(struct connection *c)
{
    size_t pos = 0;
    for (sqlite3_stmt *s; (s = edge_map_next(&c->statements, &pos, NULL)) != NULL;) {
        sqlite3_finalize(s);
    }
    edge_map_done(&c->statements);
    sqlite3_close_v2(c->db);
}

/* Any but one that is at work. */
static void statement_forget_one(struct connection *c)
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

static enum edge_status statement_get(struct edge_ctx *ctx, struct connection *c, const char *sql,
                                      sqlite3_stmt **ret)
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

/* A statement goes back to the cache clean, and forgets the caller's strings. */
static void statement_done(sqlite3_stmt **s)
{
    if (*s) {
        sqlite3_reset(*s);
        sqlite3_clear_bindings(*s);
    }
}

/* ---- who writes, who reads --------------------------------------------------------------- */

static void writer_take(struct sqlite_store *s)
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

static void writer_drop(struct sqlite_store **store)
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

struct reader {
    struct sqlite_store *store;
    struct connection *connection;
};

static enum edge_status reader_take(struct edge_ctx *ctx, struct sqlite_store *s,
                                    struct reader *ret)
{
    ret->store = s;
    if (writer_is_mine(s)) { /* sees what its own transaction wrote */
        ret->connection = &s->writer;
        return EDGE_OK;
    }
    {
        EDGE_LOCK(&s->lock);
        struct connection *c = s->readers;
        if (c) {
            s->readers = c->next;
            s->n_readers--;
            ret->connection = c;
            return EDGE_OK;
        }
    }
    struct connection *c = edge_xalloc(1, sizeof(*c));
    c->file = s->file;
    enum edge_status st = connection_open(ctx, c, s->path, SQLITE_OPEN_READWRITE);
    if (st != EDGE_OK) {
        connection_close(c);
        free(c);
        return st;
    }
    ret->connection = c;
    return EDGE_OK;
}

static void reader_drop(struct reader *r)
{
    if (!r->connection || r->connection == &r->store->writer) {
        return;
    }
    struct connection *c = r->connection;
    {
        EDGE_LOCK(&r->store->lock);
        if (r->store->n_readers < MAX_READERS) {
            c->next = r->store->readers;
            r->store->readers = c;
            r->store->n_readers++;
            return;
        }
    }
    connection_close(c);
    free(c);
}

/* ---- schema ------------------------------------------------------------------------------ */

/* Column of a key member: "k_" and the path with '_' for '.'. Members come from our own tables. */
static const char *column_name(struct edge_ctx *ctx, const char *member)
{
    char *name = edge_alloc(&ctx->arena, strlen(member) + 3, 1);
    memcpy(name, "k_", 2);
    for (size_t i = 0; member[i]; i++) {
        name[i + 2] = member[i] == '.' ? '_' : member[i];
    }
    return name;
}

static enum edge_status schema_exec(struct edge_ctx *ctx, struct sqlite_store *s, const char *sql)
{
    if (sqlite3_exec(s->writer.db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        enum edge_status st = says_damaged(s->writer.db) ? EDGE_DAMAGED : EDGE_UNAVAILABLE;
        return edge_fail(ctx, st, "cannot set up database %s: %s", s->path,
                         sqlite3_errmsg(s->writer.db));
    }
    return EDGE_OK;
}

static enum edge_status schema_keys(struct edge_ctx *ctx, struct sqlite_store *s,
                                    const struct edge_collection *c, const char *const *members,
                                    const char *kind)
{
    for (const char *const *m = members; m && *m; m++) {
        const char *column = column_name(ctx, *m);
        EDGE_TRY(
            schema_exec(ctx, s,
                        edge_printf(&ctx->arena, "CREATE %s INDEX IF NOT EXISTS %s_%s ON %s(%s)",
                                    kind, c->name, column, c->name, column)));
    }
    return EDGE_OK;
}

static enum edge_status schema_make(struct edge_ctx *ctx, struct sqlite_store *s,
                                    const struct edge_collection *c)
{
    struct edge_buf sql = EDGE_BUF_INIT;
    edge_buf_printf(
        &sql, "CREATE TABLE IF NOT EXISTS %s(seq INTEGER PRIMARY KEY, doc TEXT NOT NULL", c->name);
    const char *const *const lists[] = {c->unique, c->indexed};
    for (size_t l = 0; l < 2; l++) {
        for (const char *const *m = lists[l]; m && *m; m++) {
            edge_buf_printf(&sql, ", %s TEXT", column_name(ctx, *m));
        }
    }
    edge_buf_puts(&sql, ")");
    enum edge_status st = schema_exec(ctx, s, edge_buf_str(&sql));
    edge_buf_done(&sql);
    EDGE_TRY(st);
    EDGE_TRY(schema_keys(ctx, s, c, c->unique, "UNIQUE"));
    return schema_keys(ctx, s, c, c->indexed, "");
}

/* All of it or none, and one wait for the disk. */
static enum edge_status schema_make_all(struct edge_ctx *ctx, struct sqlite_store *s,
                                        const struct edge_collection *const *collections, size_t n)
{
    EDGE_TRY(schema_exec(ctx, s, "BEGIN IMMEDIATE"));
    for (size_t i = 0; i < n; i++) {
        EDGE_TRY(schema_make(ctx, s, collections[i]));
    }
    return schema_exec(ctx, s, "COMMIT");
}

/* ---- open and close ---------------------------------------------------------------------- */

static struct connection *readers_all(struct sqlite_store *s)
{
    EDGE_LOCK(&s->lock);
    return s->readers;
}

static void store_free(struct sqlite_store *s)
{
    for (struct connection *c = readers_all(s), *next; c; c = next) {
        next = c->next;
        connection_close(c);
        free(c);
    }
    connection_close(&s->writer);
    edge_mutex_done(&s->lock);
    edge_cond_done(&s->writer_free);
    free(s->path);
    free(s);
}

static void store_close(void *db)
{
    struct sqlite_store *s = db;
    struct edge_data_file *file = s->file;
    store_free(s);
    edge_data_file_close(file);
}

/* The number, or the text, a statement of one row brings. */
static enum edge_status ask_one(struct edge_ctx *ctx, struct sqlite_store *s, const char *sql,
                                int64_t *ret_number, const char **ret_text)
{
    EDGE_CLEANUP(statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(statement_get(ctx, &s->writer, sql, &stmt));
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        return sqlite_failure(ctx, &s->writer, "cannot read the header");
    }
    *ret_number = sqlite3_column_int64(stmt, 0);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    *ret_text = edge_strdup(&ctx->arena, text ? text : "");
    return EDGE_OK;
}

/* Has a file with tables any of ours, and of this version? */
static enum edge_status check_owner(struct edge_ctx *ctx, struct sqlite_store *s,
                                    const struct edge_collection *const *collections, size_t n)
{
    int64_t ours = 0, version = 0;
    const char *text = NULL;
    EDGE_TRY(ask_one(ctx, s, "PRAGMA user_version", &version, &text));
    if (version != 0) {
        return edge_fail(ctx, EDGE_FORBIDDEN,
                         "cannot use database %s: its version is %d, this program knows 0", s->path,
                         (int)version);
    }
    for (size_t i = 0; i < n && ours == 0; i++) {
        const char *sql =
            edge_printf(&ctx->arena, "SELECT count(*) FROM sqlite_schema WHERE name='%s'",
                        collections[i]->name);
        EDGE_TRY(ask_one(ctx, s, sql, &ours, &text));
    }
    return ours > 0 ? EDGE_OK
                    : edge_fail(ctx, EDGE_FORBIDDEN,
                                "cannot use database %s: it is another program's", s->path);
}

/* A file with pages and no tables would be taken for a new one. */
static enum edge_status check_tables(struct edge_ctx *ctx, struct sqlite_store *s,
                                     const struct edge_collection *const *collections, size_t n)
{
    int64_t tables = 0, pages = 0;
    const char *text = NULL;
    EDGE_TRY(ask_one(ctx, s, "SELECT count(*) FROM sqlite_schema", &tables, &text));
    if (tables > 0) {
        return check_owner(ctx, s, collections, n);
    }
    EDGE_TRY(ask_one(ctx, s, "PRAGMA page_count", &pages, &text));
    return pages <= 1 ? EDGE_OK
                      : edge_fail(ctx, EDGE_DAMAGED,
                                  "cannot use database %s: it has pages and no tables", s->path);
}

/* An earlier process met damage. What can be read is worth more than nothing, so it is only said. */
static void look_through(struct edge_ctx *ctx, struct sqlite_store *s)
{
    int64_t number = 0;
    const char *found = "";
    if (!edge_data_file_damage(s->file)) {
        return;
    }
    enum edge_status st = ask_one(ctx, s, "PRAGMA quick_check(1)", &number, &found);
    if (st == EDGE_OK && strcmp(found, "ok") == 0) {
        edge_log_warn(ctx, "damage was noted and is gone", "file", s->path, NULL);
        edge_data_file_sound(s->file);
        return;
    }
    edge_log_error(ctx, "stored data is damaged: what can be read is served", "file", s->path,
                   "reason", st == EDGE_OK ? found : edge_ctx_message(ctx, st), NULL);
}

static enum edge_status open_whole(struct edge_ctx *ctx, struct sqlite_store *s,
                                   const struct edge_collection *const *collections, size_t n)
{
    EDGE_TRY(edge_data_file_check(ctx, s->file));
    EDGE_TRY(connection_open(ctx, &s->writer, s->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    EDGE_TRY(check_tables(ctx, s, collections, n));
    EDGE_TRY(schema_make_all(ctx, s, collections, n));
    EDGE_CTX_SCOPE(own);
    own.log = ctx->log;
    look_through(&own, s);
    sqlite3_db_config(s->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    edge_data_log_watch(&s->log, s->writer.db, s->file, LOG_SIZE);
    (void)edge_data_log_carry(&s->log); /* what an earlier process left: it is tried again */
    return EDGE_OK;
}

/* What people have set is not begun anew: an empty store would say that all of it was removed. */
static enum edge_status refuse_damaged(struct edge_ctx *ctx, struct edge_data_file *file,
                                       const char *path)
{
    edge_data_file_note_damage(file, edge_ctx_message(ctx, EDGE_DAMAGED));
    edge_data_file_unusable(file);
    return edge_fail(
        ctx, EDGE_DAMAGED,
        "the store is damaged and left as it is; put a backup in its place, recover it "
        "(sqlite3 %s .recover), or move it away to begin with nothing",
        path);
}

static enum edge_status store_open(struct edge_ctx *ctx, const struct edge_store_config *config,
                                   const struct edge_collection *const *collections, size_t n,
                                   void **ret_db)
{
    struct edge_data_file *file = NULL;
    EDGE_TRY(edge_data_file_open(ctx, &config->file, &file));
    struct sqlite_store *s = edge_xalloc(1, sizeof(*s));
    s->path = edge_xstrdup(config->file.path);
    s->file = s->writer.file = file;
    edge_mutex_init(&s->lock);
    edge_cond_init(&s->writer_free);
    enum edge_status st = open_whole(ctx, s, collections, n);
    if (st != EDGE_OK) {
        store_free(s);
        if (st == EDGE_DAMAGED) {
            st = refuse_damaged(ctx, file, config->file.path);
        } else if (st == EDGE_FORBIDDEN) {
            edge_data_file_unusable(file);
        }
        edge_data_file_close(file);
        return st;
    }
    *ret_db = s;
    return EDGE_OK;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text) {
        sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(stmt, at);
    }
}

/* SQLite says "UNIQUE constraint failed: device.k_name"; the caller wants the member. */
static enum edge_status write_failure(struct edge_ctx *ctx, const struct connection *connection,
                                      const struct edge_collection *c)
{
    sqlite3 *db = connection->db;
    if (sqlite3_extended_errcode(db) == SQLITE_CONSTRAINT_UNIQUE) {
        const char *column = strstr(sqlite3_errmsg(db), ".k_");
        return edge_fail(ctx, EDGE_CONFLICT, "%s %s already exists", c->name,
                         column ? column + 3 : "key");
    }
    return sqlite_failure(ctx, connection, "cannot write");
}

static enum edge_status write_row(struct edge_ctx *ctx, struct sqlite_store *s,
                                  const struct edge_collection *c, const char *sql,
                                  const char *const *values, size_t n)
{
    writer_take(s);
    EDGE_CLEANUP(writer_drop) struct sqlite_store *held = s;
    EDGE_CLEANUP(statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(statement_get(ctx, &held->writer, sql, &stmt));
    for (size_t i = 0; i < n; i++) {
        bind_text(stmt, (int)i + 1, values[i]);
    }
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        return write_failure(ctx, &held->writer, c);
    }
    return sqlite3_changes(held->writer.db) > 0 ? EDGE_OK : EDGE_NOT_FOUND;
}

/* "k_id%s, k_name%s, ..." in the order of store_row's keys. */
static void put_columns(struct edge_ctx *ctx, struct edge_buf *sql, const struct edge_collection *c,
                        const char *after)
{
    const char *const *const lists[] = {c->unique, c->indexed};
    for (size_t l = 0; l < 2; l++) {
        for (const char *const *m = lists[l]; m && *m; m++) {
            edge_buf_printf(sql, ", %s%s", column_name(ctx, *m), after);
        }
    }
}

static void row_values(const struct store_row *row, const char **values)
{
    values[0] = row->doc;
    memcpy(values + 1, row->keys, row->n_keys * sizeof(row->keys[0]));
}

/* Bytes of the file that hold nothing. */
static enum edge_status bytes_inside(struct edge_ctx *ctx, struct sqlite_store *s, int64_t *ret)
{
    EDGE_CLEANUP(statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(statement_get(ctx, &s->writer, "PRAGMA freelist_count", &stmt));
    *ret = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) * PAGE_SIZE : 0;
    return EDGE_OK;
}

/* What the log has and the transaction adds must find room in the file yet. */
static enum edge_status ask_for_room(struct edge_ctx *ctx, struct sqlite_store *s, size_t size)
{
    int64_t inside = 0, owed = edge_data_log_bytes(&s->log) + s->added;
    EDGE_TRY(bytes_inside(ctx, s, &inside));
    s->added += (int64_t)size;
    return edge_data_file_has_room(s->file, inside - owed) ? EDGE_OK
                                                           : edge_data_file_no_room(ctx, s->file);
}

static enum edge_status store_add(struct edge_ctx *ctx, void *db, const struct edge_collection *c,
                                  const struct store_row *row)
{
    EDGE_TRY(ask_for_room(ctx, db, strlen(row->doc)));
    EDGE_CLEANUP(edge_buf_done) struct edge_buf sql = EDGE_BUF_INIT;
    edge_buf_printf(&sql, "INSERT INTO %s(doc", c->name);
    put_columns(ctx, &sql, c, "");
    edge_buf_puts(&sql, ") VALUES(?");
    for (size_t i = 0; i < row->n_keys; i++) {
        edge_buf_puts(&sql, ",?");
    }
    edge_buf_puts(&sql, ")");
    const char *values[1 + sizeof(row->keys) / sizeof(row->keys[0])];
    row_values(row, values);
    return write_row(ctx, db, c, edge_buf_str(&sql), values, row->n_keys + 1);
}

static enum edge_status store_update(struct edge_ctx *ctx, void *db,
                                     const struct edge_collection *c, const struct store_row *row)
{
    /* What locks, unlocks and configures is small, and may use the reserve; what fills it may not. */
    if (strlen(row->doc) > SMALL_DOCUMENT) {
        EDGE_TRY(ask_for_room(ctx, db, strlen(row->doc)));
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf sql = EDGE_BUF_INIT;
    edge_buf_printf(&sql, "UPDATE %s SET doc=?", c->name);
    put_columns(ctx, &sql, c, "=?");
    edge_buf_printf(&sql, " WHERE %s=?2", column_name(ctx, c->unique[0]));
    const char *values[1 + sizeof(row->keys) / sizeof(row->keys[0])];
    row_values(row, values);
    return write_row(ctx, db, c, edge_buf_str(&sql), values, row->n_keys + 1);
}

static enum edge_status store_remove(struct edge_ctx *ctx, void *db,
                                     const struct edge_collection *c, const char *member,
                                     const char *value)
{
    const char *sql =
        edge_printf(&ctx->arena, "DELETE FROM %s WHERE %s=?", c->name, column_name(ctx, member));
    return write_row(ctx, db, c, sql, &value, 1);
}

/* ---- what a query selects ---------------------------------------------------------------- */

static void put_where(struct edge_ctx *ctx, struct edge_buf *sql, const struct edge_query *q)
{
    const char *joint = " WHERE ";
    for (size_t i = 0; i < q->n_terms; i++, joint = " AND ") {
        const char *column = column_name(ctx, q->terms[i].member);
        if (q->terms[i].below) {
            edge_buf_printf(sql, "%s(%s=? OR (%s>=? AND %s<?))", joint, column, column, column);
        } else {
            edge_buf_printf(sql, "%s%s=?", joint, column);
        }
    }
    if (q->n_labels > 0) { /* one text however many there are: no wanted one that it has not */
        edge_buf_printf(sql,
                        "%sNOT EXISTS(SELECT 1 FROM json_each(?) AS w WHERE NOT EXISTS("
                        "SELECT 1 FROM json_each(doc,'$.%s') AS l WHERE l.value=w.value))",
                        joint, q->collection->labels);
    }
}

static const char *json_list(struct edge_arena *a, const char *const *texts, size_t n)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf list = EDGE_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        edge_buf_putc(&list, i > 0 ? ',' : '[');
        edge_json_put_string(&list, texts[i]);
    }
    edge_buf_putc(&list, ']');
    return edge_strndup(a, edge_buf_str(&list), list.len);
}

static int bind_where(struct edge_ctx *ctx, sqlite3_stmt *stmt, const struct edge_query *q)
{
    int at = 1;
    for (size_t i = 0; i < q->n_terms; i++) {
        const char *value = q->terms[i].value;
        bind_text(stmt, at++, value);
        if (q->terms[i].below) { /* from "a/" up to what comes behind all that starts with it */
            bind_text(stmt, at++, edge_printf(&ctx->arena, "%s%c", value, '/'));
            bind_text(stmt, at++, edge_printf(&ctx->arena, "%s%c", value, '/' + 1));
        }
    }
    if (q->n_labels > 0) {
        bind_text(stmt, at++, json_list(&ctx->arena, q->labels, q->n_labels));
    }
    return at;
}

/* Of what a query selects: where each document lies, or the member it asks for. An index may have it in
 * another order, and what is sorted is held in memory: never documents. */
static enum edge_status select_places(struct edge_ctx *ctx, struct connection *c,
                                      const struct edge_query *q, sqlite3_stmt **ret)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf sql = EDGE_BUF_INIT;
    edge_buf_printf(&sql, "SELECT %s FROM %s", q->only ? column_name(ctx, q->only) : "seq",
                    q->collection->name);
    put_where(ctx, &sql, q);
    edge_buf_puts(&sql, " ORDER BY seq LIMIT ? OFFSET ?");
    EDGE_TRY(statement_get(ctx, c, edge_buf_str(&sql), ret));
    int at = bind_where(ctx, *ret, q);
    sqlite3_bind_int64(*ret, at, q->limit);
    sqlite3_bind_int64(*ret, at + 1, q->offset);
    return EDGE_OK;
}

static enum edge_status visit_column(sqlite3_stmt *stmt, edge_store_visitor *visit, void *arg)
{
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    return visit(arg, text ? text : "", (size_t)sqlite3_column_bytes(stmt, 0));
}

/* As of the moment @p places began: it goes on beside it. */
static enum edge_status visit_document(struct edge_ctx *ctx, struct connection *c,
                                       const struct edge_query *q, sqlite3_stmt *places,
                                       edge_store_visitor *visit, void *arg)
{
    EDGE_CLEANUP(statement_done) sqlite3_stmt *document = NULL;
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT doc FROM %s WHERE seq=?", q->collection->name);
    EDGE_TRY(statement_get(ctx, c, sql, &document));
    sqlite3_bind_int64(document, 1, sqlite3_column_int64(places, 0));
    int rc = sqlite3_step(document);
    if (rc == SQLITE_ROW) {
        return visit_column(document, visit, arg);
    }
    return rc == SQLITE_DONE ? EDGE_OK : sqlite_failure(ctx, c, "cannot read");
}

static enum edge_status store_each(struct edge_ctx *ctx, void *db, const struct edge_query *q,
                                   edge_store_visitor *visit, void *arg)
{
    EDGE_CLEANUP(reader_drop) struct reader reader = {0};
    EDGE_TRY(reader_take(ctx, db, &reader));
    struct connection *c = reader.connection;
    EDGE_CLEANUP(statement_done) sqlite3_stmt *places = NULL;
    EDGE_TRY(select_places(ctx, c, q, &places));
    int rc;
    while ((rc = sqlite3_step(places)) == SQLITE_ROW) {
        EDGE_TRY(q->only ? visit_column(places, visit, arg)
                         : visit_document(ctx, c, q, places, visit, arg));
    }
    return rc == SQLITE_DONE ? EDGE_OK : sqlite_failure(ctx, c, "cannot read");
}

static enum edge_status store_count(struct edge_ctx *ctx, void *db, const struct edge_query *q,
                                    int64_t *ret)
{
    EDGE_CLEANUP(reader_drop) struct reader reader = {0};
    EDGE_TRY(reader_take(ctx, db, &reader));
    EDGE_CLEANUP(edge_buf_done) struct edge_buf sql = EDGE_BUF_INIT;
    edge_buf_printf(&sql, "SELECT count(*) FROM %s", q->collection->name);
    put_where(ctx, &sql, q);
    EDGE_CLEANUP(statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(statement_get(ctx, reader.connection, edge_buf_str(&sql), &stmt));
    bind_where(ctx, stmt, q);
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        return sqlite_failure(ctx, reader.connection, "cannot count");
    }
    *ret = sqlite3_column_int64(stmt, 0);
    return EDGE_OK;
}

/* ---- transactions ------------------------------------------------------------------------ */

static enum edge_status begin(struct edge_ctx *ctx, struct sqlite_store *s)
{
    s->added = 0;
    s->n_changes = sqlite3_total_changes64(s->writer.db);
    return sqlite3_exec(s->writer.db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK
               ? EDGE_OK
               : sqlite_failure(ctx, &s->writer, "cannot begin");
}

/* After some failures SQLite has ended it by itself. */
static void roll_back(struct sqlite_store *s)
{
    if (!sqlite3_get_autocommit(s->writer.db)) {
        sqlite3_exec(s->writer.db, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* A failure shows in the room there is, not in what was done. */
static void carry_over(struct sqlite_store *s)
{
    if (edge_data_log_is_due(&s->log)) {
        (void)edge_data_log_carry(&s->log);
    }
}

static enum edge_status store_begin(struct edge_ctx *ctx, void *db)
{
    struct sqlite_store *s = db;
    writer_take(s);
    edge_data_file_make_way(s->file);
    carry_over(s);
    enum edge_status st = begin(ctx, s);
    if (st != EDGE_OK) {
        writer_drop(&s);
    }
    return st;
}

static enum edge_status store_end(struct edge_ctx *ctx, void *db, bool commit)
{
    EDGE_CLEANUP(writer_drop) struct sqlite_store *s = db;
    enum edge_status st = EDGE_OK;
    if (commit && sqlite3_exec(s->writer.db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        st = sqlite_failure(ctx, &s->writer, "cannot commit");
    }
    roll_back(s);
    carry_over(s);
    return st;
}

/* ---- removing many ------------------------------------------------------------------------- */

/* At most @p limit of what the query finds; all of what that changes is in the log then. */
static int remove_found(struct edge_ctx *ctx, struct sqlite_store *s, const struct edge_query *q,
                        int64_t limit, int64_t *ret_n)
{
    const char *table = q->collection->name;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf sql = EDGE_BUF_INIT;
    edge_buf_printf(&sql, "DELETE FROM %s WHERE seq IN (SELECT seq FROM %s", table, table);
    put_where(ctx, &sql, q);
    edge_buf_puts(&sql, " LIMIT ?)");
    EDGE_CLEANUP(statement_done) sqlite3_stmt *stmt = NULL;
    if (statement_get(ctx, &s->writer, edge_buf_str(&sql), &stmt) != EDGE_OK) {
        return sqlite3_errcode(s->writer.db);
    }
    int at = bind_where(ctx, stmt, q);
    sqlite3_bind_int64(stmt, at, limit);
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_DONE) {
        return rc;
    }
    *ret_n = sqlite3_changes64(s->writer.db);
    sqlite3_reset(stmt);
    rc = sqlite3_db_cacheflush(s->writer.db);
    return rc == SQLITE_BUSY ? SQLITE_OK : rc;
}

static bool is_full(int rc, sqlite3 *db)
{
    rc &= 0xff;
    return rc == SQLITE_FULL || (rc == SQLITE_IOERR && sqlite3_system_errno(db) == ENOSPC);
}

static enum edge_status remove_failure(struct edge_ctx *ctx, struct sqlite_store *s, int rc)
{
    return is_full(rc, s->writer.db)
               ? edge_fail(ctx, EDGE_UNAVAILABLE, "cannot remove: the disk is full")
               : sqlite_failure(ctx, &s->writer, "cannot remove");
}

/* One step, committed, and the log ready to begin anew. */
static enum edge_status remove_step(struct edge_ctx *ctx, struct sqlite_store *s,
                                    const struct edge_query *q, int64_t limit, int64_t *ret_n,
                                    bool *ret_full)
{
    edge_data_file_make_way(s->file);
    EDGE_TRY(begin(ctx, s));
    int rc = remove_found(ctx, s, q, limit, ret_n);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(s->writer.db, "COMMIT", NULL, NULL, NULL);
    }
    *ret_full = is_full(rc, s->writer.db);
    enum edge_status st = rc == SQLITE_OK ? EDGE_OK : remove_failure(ctx, s, rc);
    roll_back(s);
    (void)edge_data_log_carry(&s->log);
    return st;
}

/* The disk has no room for all at once: what is gone stays gone, whatever comes after it. */
static enum edge_status remove_in_steps(struct edge_ctx *ctx, struct sqlite_store *s,
                                        const struct edge_query *q)
{
    int64_t limit = STEP_DOCUMENTS, n = 0;
    roll_back(s);
    (void)edge_data_log_carry(&s->log);
    enum edge_status st;
    do {
        bool full = false;
        edge_ctx_clear(ctx);
        st = remove_step(ctx, s, q, limit, &n, &full);
        if (full && limit > 1) {
            limit /= 4;
            n = 1;
            st = EDGE_OK;
        }
    } while (st == EDGE_OK && n > 0);
    enum edge_status begun = begin(ctx, s);
    return st == EDGE_OK ? begun : st;
}

static enum edge_status store_remove_all(struct edge_ctx *ctx, void *db, const struct edge_query *q)
{
    struct sqlite_store *s = db;
    writer_take(s);
    EDGE_CLEANUP(writer_drop) struct sqlite_store *held = s;
    int64_t n = 0;
    bool first = sqlite3_total_changes64(held->writer.db) == held->n_changes;
    int rc = remove_found(ctx, held, q, -1, &n);
    bool full = is_full(rc, held->writer.db) ||
                (rc == SQLITE_OK && n > 1 && !edge_data_file_has_bytes(held->file, LAST_BYTES));
    if (first && full) {
        return remove_in_steps(ctx, held, q);
    }
    return rc == SQLITE_OK ? EDGE_OK : remove_failure(ctx, held, rc);
}

const struct edge_store_ops edge_store_sqlite = {
    .name = "sqlite",
    .open = store_open,
    .close = store_close,
    .add = store_add,
    .update = store_update,
    .remove = store_remove,
    .remove_all = store_remove_all,
    .each = store_each,
    .count = store_count,
    .begin = store_begin,
    .end = store_end,
};
