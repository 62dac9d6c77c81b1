/* The store over SQLite: rows written, selected and removed, in transactions that belong to the thread that
 * began them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_sqlite.h"

enum {
    PAGE_SIZE = 4096,
    SMALL_DOCUMENT = 16 * 1024,  /* bytes */
    STEP_DOCUMENTS = 256,        /* removed in one step where the disk is full */
    LAST_BYTES = 16 * PAGE_SIZE, /* that a commit may still write */
};

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
static enum edge_status write_failure(struct edge_ctx *ctx,
                                      const struct sqlite_connection *connection,
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
    sqlite_writer_take(s);
    EDGE_CLEANUP(sqlite_writer_drop) struct sqlite_store *held = s;
    EDGE_CLEANUP(sqlite_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(sqlite_statement(ctx, &held->writer, sql, &stmt));
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
            edge_buf_printf(sql, ", %s%s", sqlite_column(ctx, *m), after);
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
    EDGE_CLEANUP(sqlite_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(sqlite_statement(ctx, &s->writer, "PRAGMA freelist_count", &stmt));
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
    edge_buf_printf(&sql, " WHERE %s=?2", sqlite_column(ctx, c->unique[0]));
    const char *values[1 + sizeof(row->keys) / sizeof(row->keys[0])];
    row_values(row, values);
    return write_row(ctx, db, c, edge_buf_str(&sql), values, row->n_keys + 1);
}

static enum edge_status store_remove(struct edge_ctx *ctx, void *db,
                                     const struct edge_collection *c, const char *member,
                                     const char *value)
{
    const char *sql =
        edge_printf(&ctx->arena, "DELETE FROM %s WHERE %s=?", c->name, sqlite_column(ctx, member));
    return write_row(ctx, db, c, sql, &value, 1);
}

/* ---- what a query selects ---------------------------------------------------------------- */

static void put_where(struct edge_ctx *ctx, struct edge_buf *sql, const struct edge_query *q)
{
    const char *joint = " WHERE ";
    for (size_t i = 0; i < q->n_terms; i++, joint = " AND ") {
        const char *column = sqlite_column(ctx, q->terms[i].member);
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
static enum edge_status select_places(struct edge_ctx *ctx, struct sqlite_connection *c,
                                      const struct edge_query *q, sqlite3_stmt **ret)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf sql = EDGE_BUF_INIT;
    edge_buf_printf(&sql, "SELECT %s FROM %s", q->only ? sqlite_column(ctx, q->only) : "seq",
                    q->collection->name);
    put_where(ctx, &sql, q);
    edge_buf_puts(&sql, " ORDER BY seq LIMIT ? OFFSET ?");
    EDGE_TRY(sqlite_statement(ctx, c, edge_buf_str(&sql), ret));
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
static enum edge_status visit_document(struct edge_ctx *ctx, struct sqlite_connection *c,
                                       const struct edge_query *q, sqlite3_stmt *places,
                                       edge_store_visitor *visit, void *arg)
{
    EDGE_CLEANUP(sqlite_statement_done) sqlite3_stmt *document = NULL;
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT doc FROM %s WHERE seq=?", q->collection->name);
    EDGE_TRY(sqlite_statement(ctx, c, sql, &document));
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
    EDGE_CLEANUP(sqlite_reader_drop) struct sqlite_reader reader = {0};
    EDGE_TRY(sqlite_reader_take(ctx, db, &reader));
    struct sqlite_connection *c = reader.connection;
    EDGE_CLEANUP(sqlite_statement_done) sqlite3_stmt *places = NULL;
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
    EDGE_CLEANUP(sqlite_reader_drop) struct sqlite_reader reader = {0};
    EDGE_TRY(sqlite_reader_take(ctx, db, &reader));
    EDGE_CLEANUP(edge_buf_done) struct edge_buf sql = EDGE_BUF_INIT;
    edge_buf_printf(&sql, "SELECT count(*) FROM %s", q->collection->name);
    put_where(ctx, &sql, q);
    EDGE_CLEANUP(sqlite_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(sqlite_statement(ctx, reader.connection, edge_buf_str(&sql), &stmt));
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
    sqlite_writer_take(s);
    edge_data_file_make_way(s->file);
    carry_over(s);
    enum edge_status st = edge_data_log_room(ctx, &s->log, 0);
    st = st == EDGE_OK ? begin(ctx, s) : st;
    if (st != EDGE_OK) {
        sqlite_writer_drop(&s);
    }
    return st;
}

static enum edge_status store_end(struct edge_ctx *ctx, void *db, bool commit)
{
    EDGE_CLEANUP(sqlite_writer_drop) struct sqlite_store *s = db;
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
    EDGE_CLEANUP(sqlite_statement_done) sqlite3_stmt *stmt = NULL;
    if (sqlite_statement(ctx, &s->writer, edge_buf_str(&sql), &stmt) != EDGE_OK) {
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
    sqlite_writer_take(s);
    EDGE_CLEANUP(sqlite_writer_drop) struct sqlite_store *held = s;
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
    .open = sqlite_store_open,
    .close = sqlite_store_close,
    .add = store_add,
    .update = store_update,
    .remove = store_remove,
    .remove_all = store_remove_all,
    .each = store_each,
    .count = store_count,
    .begin = store_begin,
    .end = store_end,
};
