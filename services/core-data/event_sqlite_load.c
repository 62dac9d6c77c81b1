/**
 * Opening: the catalogue as the file has it. Sealed segments bring their saved counts; the few
 * others (bounded in size) are read through to make their memory index again. Dictionary entries
 * nobody uses any more are forgotten here.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/log.h"
#include "event_sqlite.h"

enum { MAX_ID = 1 << 24 }; /* of a dictionary; more is damage */

/* Rows per key, by id, before the dictionary's entries exist. */
struct counts {
    int64_t *n;
    size_t cap;
};

/* Entries without rows: not taken up, and removed from the file when all else is done. */
struct unused {
    uint32_t *ids; /* in the context's arena */
    size_t n;
};

static void counts_done(struct counts (*c)[ROW_KINDS])
{
    free((*c)[ROW_EVENT].n);
    free((*c)[ROW_READING].n);
}

/* The schema says that it is there: where it is not, the schema is damaged. */
static enum edge_status load_prepare(struct edge_ctx *ctx, sqlite3 *db, const char *sql,
                                     uint32_t segment, sqlite3_stmt **ret)
{
    enum edge_status st = db_prepare(ctx, db, sql, segment, ret);
    return st == EDGE_INTERNAL && sqlite3_errcode(db) == SQLITE_ERROR ? EDGE_DAMAGED : st;
}

static enum edge_status counts_add(struct edge_ctx *ctx, struct counts *c, int64_t key, int64_t n)
{
    if (key < 0 || (size_t)key >= c->cap || n < 0) {
        return edge_fail(ctx, EDGE_DAMAGED, "a row has key %lld, which no dictionary holds",
                         (long long)key);
    }
    c->n[key] += n;
    return EDGE_OK;
}

static void widen(struct segment_rows *rows, int64_t origin)
{
    rows->min = origin < rows->min ? origin : rows->min;
    rows->max = origin > rows->max ? origin : rows->max;
}

static enum edge_status load_hot(struct edge_ctx *ctx, struct event_db *s, struct segment *seg,
                                 enum row_kind kind, struct counts *counts)
{
    static const char *const SQL[ROW_KINDS] = {
        "SELECT seq, origin, source, id FROM event_# NOT INDEXED ORDER BY seq",
        "SELECT seq, origin, series FROM reading_# NOT INDEXED ORDER BY seq",
    };
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(load_prepare(ctx, s->db, SQL[kind], seg->id, &stmt));
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t seq = sqlite3_column_int64(stmt, 0), origin = sqlite3_column_int64(stmt, 1);
        int64_t key = sqlite3_column_int64(stmt, 2);
        EDGE_TRY(counts_add(ctx, counts, key, 1));
        uint64_t prefix = 0;
        if (kind == ROW_EVENT && sqlite3_column_bytes(stmt, 3) == ID_SIZE) {
            prefix = id_prefix(sqlite3_column_blob(stmt, 3));
        }
        hot_append(seg->hot, kind, seq, origin, (uint32_t)key, prefix);
        widen(&seg->rows[kind], origin);
        seg->rows[kind].n++;
        if (seq >= s->next_seq[kind]) {
            s->next_seq[kind] = seq + 1;
        }
    }
    return rc == SQLITE_DONE ? EDGE_OK : db_fail(ctx, s->db, "reading a segment");
}

static enum edge_status load_tallies(struct edge_ctx *ctx, struct event_db *s, struct segment *seg,
                                     enum row_kind kind, struct counts *counts)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(load_prepare(
        ctx, s->db, "SELECT key, n FROM tally WHERE segment=# AND kind=?1 AND n<>0 ORDER BY key",
        seg->id, &stmt));
    sqlite3_bind_int(stmt, 1, (int)kind);
    struct segment_rows *rows = &seg->rows[kind];
    size_t cap = 0;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t key = sqlite3_column_int64(stmt, 0), n = sqlite3_column_int64(stmt, 1);
        EDGE_TRY(counts_add(ctx, counts, key, n));
        edge_make_room(NULL, rows->tallies, rows->n_tallies, cap);
        rows->tallies[rows->n_tallies++] = (struct tally){(uint32_t)key, (uint32_t)n};
        rows->n += n;
    }
    return rc == SQLITE_DONE ? EDGE_OK : db_fail(ctx, s->db, "reading counts");
}

static enum edge_status load_segment(struct edge_ctx *ctx, struct event_db *s, struct segment *seg,
                                     struct counts counts[ROW_KINDS])
{
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        if (seg->state == SEGMENT_SEALED) {
            EDGE_TRY(load_tallies(ctx, s, seg, (enum row_kind)kind, &counts[kind]));
        } else {
            EDGE_TRY(load_hot(ctx, s, seg, (enum row_kind)kind, &counts[kind]));
        }
    }
    return EDGE_OK;
}

static enum edge_status load_segments(struct edge_ctx *ctx, struct event_db *s,
                                      struct counts counts[ROW_KINDS])
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(
        load_prepare(ctx, s->db,
                     "SELECT id, state, created, first_event, first_reading, last_event,"
                     " event_min, event_max, reading_min, reading_max FROM segment ORDER BY id",
                     0, &stmt));
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct segment *seg = segment_new((uint32_t)sqlite3_column_int64(stmt, 0),
                                          (enum segment_state)sqlite3_column_int(stmt, 1));
        segment_add(&s->catalogue, seg);
        if (seg->state > SEGMENT_SEALED) {
            return edge_fail(ctx, EDGE_DAMAGED, "segment %u has state %u", seg->id,
                             (unsigned)seg->state);
        }
        int64_t created_ms = sqlite3_column_int64(stmt, 2);
        /* A clock that was wrong may have written it. */
        bool sure = created_ms >= segment_latest_ms(&s->catalogue);
        seg->created_ms = sure ? created_ms : CREATED_UNKNOWN;
        if (seg->state != SEGMENT_OPEN) {
            seg->last_event = sqlite3_column_int64(stmt, 5);
        }
        for (int kind = 0; kind < ROW_KINDS; kind++) {
            int64_t first = sqlite3_column_int64(stmt, 3 + kind);
            if (first > s->next_seq[kind]) {
                s->next_seq[kind] = first;
            }
            if (seg->state == SEGMENT_SEALED) {
                seg->rows[kind].min = sqlite3_column_int64(stmt, 6 + 2 * kind);
                seg->rows[kind].max = sqlite3_column_int64(stmt, 7 + 2 * kind);
            }
        }
        EDGE_TRY(load_segment(ctx, s, seg, counts));
    }
    return rc == SQLITE_DONE ? EDGE_OK : db_fail(ctx, s->db, "reading the segments");
}

static const char *const DICT_TABLES[ROW_KINDS] = {"source", "series"};

static enum edge_status counts_size(struct edge_ctx *ctx, struct event_db *s, enum row_kind kind,
                                    struct counts *ret)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    const char *sql = edge_printf(&ctx->arena, "SELECT max(id) FROM %s", DICT_TABLES[kind]);
    EDGE_TRY(load_prepare(ctx, s->db, sql, 0, &stmt));
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        return db_fail(ctx, s->db, "reading a dictionary");
    }
    int64_t max = sqlite3_column_type(stmt, 0) == SQLITE_NULL ? -1 : sqlite3_column_int64(stmt, 0);
    if (max < -1 || max >= MAX_ID) {
        return edge_fail(ctx, EDGE_DAMAGED, "table %s has id %lld", DICT_TABLES[kind],
                         (long long)max);
    }
    ret->cap = (size_t)(max + 1);
    ret->n = edge_xalloc(ret->cap, sizeof(int64_t));
    return EDGE_OK;
}

static const char *column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return text ? text : "";
}

static enum edge_status load_dict(struct edge_ctx *ctx, struct event_db *s, enum row_kind kind,
                                  const struct counts *counts, struct unused *unused)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    const char *table = DICT_TABLES[kind];
    EDGE_TRY(load_prepare(ctx, s->db,
                          edge_printf(&ctx->arena,
                                      "SELECT id, device, name, profile, type, units, media FROM %s"
                                      " ORDER BY id",
                                      table),
                          0, &stmt));
    dict_reserve(&s->catalogue.dicts[kind], (uint32_t)counts->cap);
    unused->ids = edge_new_n(&ctx->arena, uint32_t, counts->cap);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct dict_entry e = {
            .id = (uint32_t)sqlite3_column_int64(stmt, 0),
            .device = column_text(stmt, 1),
            .name = column_text(stmt, 2),
            .profile = column_text(stmt, 3),
            .units = column_text(stmt, 5),
            .media = column_text(stmt, 6),
        };
        e.n = e.id < counts->cap ? counts->n[e.id] : 0;
        if (e.n == 0) {
            unused->ids[unused->n++] = e.id;
            continue;
        }
        if (!value_type_parse(column_text(stmt, 4), &e.type)) {
            return edge_fail(ctx, EDGE_DAMAGED, "table %s has type '%s'", table,
                             column_text(stmt, 4));
        }
        dict_restore(&s->catalogue.dicts[kind], &e);
    }
    return rc == SQLITE_DONE ? EDGE_OK : db_fail(ctx, s->db, "reading a dictionary");
}

static enum edge_status check_keys(struct edge_ctx *ctx, const struct event_db *s,
                                   enum row_kind kind, const struct counts *counts)
{
    const struct dict *d = &s->catalogue.dicts[kind];
    for (size_t key = 0; key < counts->cap; key++) {
        if (counts->n[key] > 0 && (key >= d->n_ids || !d->by_id[key])) {
            return edge_fail(ctx, EDGE_DAMAGED, "table %s lacks id %zu, which rows name",
                             DICT_TABLES[kind], key);
        }
    }
    return EDGE_OK;
}

static enum edge_status load_removals(struct edge_ctx *ctx, struct event_db *s)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    EDGE_TRY(load_prepare(ctx, s->db,
                          "SELECT id, device, source, cutoff, last_event, first_origin FROM removal"
                          " ORDER BY id",
                          0, &stmt));
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *device = (const char *)sqlite3_column_text(stmt, 1);
        const char *source = (const char *)sqlite3_column_text(stmt, 2);
        const struct removal r = {
            .id = sqlite3_column_int64(stmt, 0),
            .device = device ? edge_xstrdup(device) : NULL,
            .source = source ? edge_xstrdup(source) : NULL,
            .rows = {.from = sqlite3_column_int64(stmt, 5),
                     .cutoff = sqlite3_column_int64(stmt, 3),
                     .last_event = sqlite3_column_int64(stmt, 4)},
        };
        removal_restore(s, &r);
        if (r.rows.last_event >= s->next_seq[ROW_EVENT]) {
            s->next_seq[ROW_EVENT] = r.rows.last_event + 1; /* new events are not what was meant */
        }
    }
    return rc == SQLITE_DONE ? EDGE_OK : db_fail(ctx, s->db, "reading removals");
}

static enum edge_status load_all(struct edge_ctx *ctx, struct event_db *s,
                                 struct unused unused[ROW_KINDS])
{
    EDGE_CLEANUP(counts_done) struct counts counts[ROW_KINDS] = {0};
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        EDGE_TRY(counts_size(ctx, s, (enum row_kind)kind, &counts[kind]));
    }
    EDGE_TRY(load_segments(ctx, s, counts));
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        EDGE_TRY(load_dict(ctx, s, (enum row_kind)kind, &counts[kind], &unused[kind]));
        EDGE_TRY(check_keys(ctx, s, (enum row_kind)kind, &counts[kind]));
    }
    return load_removals(ctx, s);
}

static enum edge_status forget(struct edge_ctx *ctx, struct event_db *s, enum row_kind kind,
                               const struct unused *unused)
{
    EDGE_CLEANUP(db_statement_done) sqlite3_stmt *stmt = NULL;
    const char *sql = edge_printf(&ctx->arena, "DELETE FROM %s WHERE id=?1", DICT_TABLES[kind]);
    EDGE_TRY(load_prepare(ctx, s->db, sql, 0, &stmt));
    for (size_t i = 0; i < unused->n; i++) {
        sqlite3_bind_int64(stmt, 1, unused->ids[i]);
        EDGE_TRY(db_run(ctx, s->db, stmt, "forgetting a dictionary entry"));
    }
    return EDGE_OK;
}

/* Not worth failing for: the disk may be full, and the store has to open to make room. */
static void forget_unused(struct edge_ctx *ctx, struct event_db *s,
                          const struct unused unused[ROW_KINDS])
{
    if (unused[ROW_EVENT].n + unused[ROW_READING].n == 0) {
        return;
    }
    enum edge_status st = db_begin(ctx, s->db);
    for (int kind = 0; kind < ROW_KINDS && st == EDGE_OK; kind++) {
        st = forget(ctx, s, (enum row_kind)kind, &unused[kind]);
    }
    st = db_end(ctx, s->db, st);
    if (st != EDGE_OK) {
        edge_log_warn(ctx, "unused dictionary entries stay", "reason", edge_ctx_message(ctx, st),
                      NULL);
        edge_ctx_clear(ctx);
    }
}

enum edge_status store_load(struct edge_ctx *ctx, struct event_db *s)
{
    s->next_seq[ROW_EVENT] = s->next_seq[ROW_READING] = 1;
    EDGE_TRY(db_begin(ctx, s->db));
    struct unused unused[ROW_KINDS] = {0};
    EDGE_TRY(edge_wrap(ctx, db_end(ctx, s->db, load_all(ctx, s, unused)), "cannot use '%s'",
                       s->config.file.path));
    forget_unused(ctx, s, unused);
    struct segment *last = segment_open_one(s);
    if (!last || last->state != SEGMENT_OPEN) {
        EDGE_TRY(edge_wrap(ctx, segment_rotate(ctx, s), "cannot use '%s'", s->config.file.path));
    }
    return EDGE_OK;
}
