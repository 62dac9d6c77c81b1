/* Opening a SQLite file: ours, whole, with a table per collection: the JSON text and a column per key member. */
#include <stdlib.h>
#include <string.h>

#include "edge/log.h"
#include "store_sqlite.h"

enum { LOG_SIZE = 1024 * 1024 }; /* bytes */

/* ---- schema ------------------------------------------------------------------------------ */

/* Column of a key member: "k_" and the path with '_' for '.'. Members come from our own tables. */
const char *sqlite_column(struct edge_ctx *ctx, const char *member)
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
        enum edge_status st = sqlite_says_damaged(s->writer.db) ? EDGE_DAMAGED : EDGE_UNAVAILABLE;
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
        const char *column = sqlite_column(ctx, *m);
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
            edge_buf_printf(&sql, ", %s TEXT", sqlite_column(ctx, *m));
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

static struct sqlite_connection *readers_all(struct sqlite_store *s)
{
    EDGE_LOCK(&s->lock);
    return s->readers;
}

static void store_free(struct sqlite_store *s)
{
    for (struct sqlite_connection *c = readers_all(s), *next; c; c = next) {
        next = c->next;
        sqlite_disconnect(c);
        free(c);
    }
    sqlite_disconnect(&s->writer);
    edge_mutex_done(&s->lock);
    edge_cond_done(&s->writer_free);
    free(s->path);
    free(s);
}

void sqlite_store_close(void *db)
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
    EDGE_CLEANUP(sqlite_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(sqlite_statement(ctx, &s->writer, sql, &stmt));
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
    EDGE_TRY(sqlite_connect(ctx, &s->writer, s->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
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

enum edge_status sqlite_store_open(struct edge_ctx *ctx, const struct edge_store_config *config,
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
