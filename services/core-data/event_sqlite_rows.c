/**
 * Questions that are answered with events and readings: selected rows are fetched by their sequence
 * number and dressed with what the dictionaries know of them.
 */
#include <stdlib.h>
#include <string.h>

#include "event_sqlite.h"

enum { MAX_READINGS = 1 << 24 }; /* of an event: more is damage */

struct fetch {
    struct edge_ctx *ctx;
    struct event_db *store;
    struct reader *reader;
};

static const struct dict_entry *entry_of(const struct fetch *f, enum row_kind kind, int64_t id)
{
    const struct dict *d = &f->store->catalogue.dicts[kind];
    EDGE_LOCK(&f->store->catalogue.lock);
    return id >= 0 && id < d->n_ids ? d->by_id[id] : NULL;
}

static const cJSON *tags_of(const struct fetch *f, sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    return text ? value_tree(f->ctx, text, size) : NULL;
}

/* Columns: origin, series, value, tags. */
static enum edge_status reading_of(const struct fetch *f, sqlite3_stmt *stmt, struct reading *r)
{
    const struct dict_entry *e = entry_of(f, ROW_READING, sqlite3_column_int64(stmt, 1));
    if (!e) {
        return edge_fail(f->ctx, EDGE_INTERNAL, "a stored reading is of an unknown series");
    }
    *r = (struct reading){
        .id = "",
        .device_name = e->device,
        .resource_name = e->name,
        .profile_name = e->profile,
        .units = e->units,
        .media_type = e->media,
        .origin = sqlite3_column_int64(stmt, 0),
        .value_type = e->type,
    };
    value_to_reading(f->ctx, stmt, 2, r);
    r->tags = tags_of(f, stmt, 3);
    return EDGE_OK;
}

struct place {
    int64_t origin;
    size_t at;
};

static int newest_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->origin != y->origin) {
        return x->origin > y->origin ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Newest first, in the order they came among equals; mostly that is how they are. SQLite would make
 * two more copies of each to sort them. */
static void sort_readings(struct edge_ctx *ctx, struct event *e)
{
    size_t n = e->n_readings, n_sorted = 1;
    while (n_sorted < n && e->readings[n_sorted].origin <= e->readings[n_sorted - 1].origin) {
        n_sorted++;
    }
    if (n_sorted >= n) {
        return;
    }
    struct place *places = edge_new_n(&ctx->arena, struct place, n);
    struct reading *sorted = edge_new_n(&ctx->arena, struct reading, n);
    for (size_t i = 0; i < n; i++) {
        places[i] = (struct place){e->readings[i].origin, i};
    }
    qsort(places, n, sizeof(*places), newest_place);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = e->readings[places[i].at];
    }
    e->readings = sorted;
}

static enum edge_status fetch_readings_of(const struct fetch *f, uint32_t segment, int64_t first,
                                          int64_t n, struct event *e)
{
    sqlite3_stmt *stmt = NULL;
    EDGE_TRY(reader_statement(f->ctx, f->store, f->reader, segment, SQL_EVENT_READINGS, &stmt));
    if (n < 0 || n > MAX_READINGS) {
        return edge_fail(f->ctx, EDGE_INTERNAL, "a stored event has %lld readings", (long long)n);
    }
    e->readings = edge_new_n(&f->ctx->arena, struct reading, (size_t)n);
    if (!stmt) {
        return EDGE_OK;
    }
    sqlite3_bind_int64(stmt, 1, first);
    sqlite3_bind_int64(stmt, 2, first + n - 1);
    for (;;) {
        bool row = false;
        EDGE_TRY(reader_step(f->ctx, f->store, f->reader, segment, stmt, &row));
        if (!row || (int64_t)e->n_readings == n) {
            sort_readings(f->ctx, e);
            return EDGE_OK;
        }
        EDGE_TRY(reading_of(f, stmt, &e->readings[e->n_readings]));
        e->n_readings++;
    }
}

/* *ret_row false: removed meanwhile. */
static enum edge_status seek(const struct fetch *f, const struct row_ref *at, enum segment_sql sql,
                             sqlite3_stmt **ret, bool *ret_row)
{
    *ret_row = false;
    EDGE_TRY(reader_statement(f->ctx, f->store, f->reader, at->segment, sql, ret));
    if (!*ret) {
        return EDGE_OK;
    }
    sqlite3_bind_int64(*ret, 1, at->seq);
    return reader_step(f->ctx, f->store, f->reader, at->segment, *ret, ret_row);
}

static enum edge_status fetch_event(const struct fetch *f, const struct row_ref *at,
                                    struct event *ret, bool *ret_found)
{
    sqlite3_stmt *stmt = NULL;
    EDGE_TRY(seek(f, at, SQL_EVENT, &stmt, ret_found));
    if (!*ret_found) {
        return EDGE_OK;
    }
    const struct dict_entry *e = entry_of(f, ROW_EVENT, sqlite3_column_int64(stmt, 1));
    const unsigned char *id = sqlite3_column_blob(stmt, 2);
    if (!e || !id || sqlite3_column_bytes(stmt, 2) != ID_SIZE) {
        return edge_fail(f->ctx, EDGE_INTERNAL, "a stored event is of an unknown source");
    }
    *ret = (struct event){
        .api_version = "v3",
        .id = id_to_text(&f->ctx->arena, id),
        .device_name = e->device,
        .profile_name = e->profile,
        .source_name = e->name,
        .origin = sqlite3_column_int64(stmt, 0),
    };
    ret->tags = tags_of(f, stmt, 5);
    int64_t first = sqlite3_column_int64(stmt, 3), n = sqlite3_column_int64(stmt, 4);
    return fetch_readings_of(f, at->segment, first, n, ret);
}

static enum edge_status fetch_reading(const struct fetch *f, const struct row_ref *at,
                                      struct reading *ret, bool *ret_found)
{
    sqlite3_stmt *stmt = NULL;
    EDGE_TRY(seek(f, at, SQL_READING, &stmt, ret_found));
    if (*ret_found) {
        EDGE_TRY(reading_of(f, stmt, ret));
        sqlite3_reset(stmt); /* its copy of a large value is not kept */
    }
    return EDGE_OK;
}

/* A plan and a reader for as long as a question takes. */
struct question {
    struct fetch fetch;
    struct row_plan plan;
};

static enum edge_status ask(struct edge_ctx *ctx, struct event_db *s, enum row_kind kind,
                            const struct event_filter *filter, struct question *q)
{
    q->fetch = (struct fetch){.ctx = ctx, .store = s};
    row_plan_make(ctx, s, kind, filter, &q->plan);
    return reader_acquire(ctx, s, &q->fetch.reader);
}

static void question_done(struct question *q)
{
    row_plan_done(&q->plan);
    if (q->fetch.reader) {
        reader_release(q->fetch.store, q->fetch.reader);
    }
}

enum edge_status rows_find(struct edge_ctx *ctx, void *db, enum row_kind kind,
                           const struct event_filter *filter, int64_t offset, int64_t limit,
                           struct event_rows *ret)
{
    EDGE_CLEANUP(question_done) struct question q = {0};
    EDGE_TRY(ask(ctx, db, kind, filter, &q));
    return row_plan_newest(ctx, db, q.fetch.reader, &q.plan, offset, limit, &ret->rows, &ret->n);
}

static void fetch_done(struct fetch *f)
{
    if (f->reader) {
        reader_release(f->store, f->reader);
    }
}

/* Room for what is left, but not for all of a long list at once. */
static size_t next_room(const struct event_rows *rows, size_t size)
{
    const size_t most = 64;
    size_t left = rows->n - rows->at;
    return left < most || size == SIZE_MAX ? left : most;
}

enum edge_status rows_next(struct edge_ctx *ctx, void *db, enum row_kind kind,
                           struct event_rows *rows, size_t size, void **ret, size_t *ret_n,
                           size_t *ret_largest)
{
    EDGE_CLEANUP(fetch_done) struct fetch f = {.ctx = ctx, .store = db};
    struct edge_arena *a = &ctx->arena;
    size_t room = next_room(rows, size), n = 0, begin = a->used, before = begin;
    struct event *events = kind == ROW_EVENT ? edge_new_n(a, struct event, room) : NULL;
    struct reading *readings = kind == ROW_READING ? edge_new_n(a, struct reading, room) : NULL;
    EDGE_TRY(reader_acquire(ctx, db, &f.reader));
    while (rows->at < rows->n && n < room && (n == 0 || a->used - begin < size)) {
        bool found = false;
        const struct row_ref *row = &rows->rows[rows->at];
        EDGE_TRY(events ? fetch_event(&f, row, &events[n], &found)
                        : fetch_reading(&f, row, &readings[n], &found));
        *ret_largest = a->used - before > *ret_largest ? a->used - before : *ret_largest;
        before = a->used;
        rows->at++;
        n += found;
    }
    *ret = events ? (void *)events : readings;
    *ret_n = n;
    return EDGE_OK;
}

enum edge_status rows_count(struct edge_ctx *ctx, void *db, enum row_kind kind,
                            const struct event_filter *filter, int64_t *ret)
{
    EDGE_CLEANUP(question_done) struct question q = {.fetch = {.store = db}};
    row_plan_make(ctx, db, kind, filter, &q.plan);
    if (filter->start == INT64_MIN && filter->end == INT64_MAX) {
        *ret = q.plan.match.total;
        return EDGE_OK;
    }
    EDGE_TRY(reader_acquire(ctx, db, &q.fetch.reader));
    return row_plan_count(ctx, db, q.fetch.reader, &q.plan, filter->start, filter->end, ret);
}

enum edge_status rows_nth_origin(struct edge_ctx *ctx, void *db, const struct event_filter *filter,
                                 int64_t nth, int64_t *ret)
{
    struct event_rows rows = {0};
    EDGE_TRY(rows_find(ctx, db, ROW_EVENT, filter, nth, 1, &rows));
    if (rows.n == 0) {
        return EDGE_NOT_FOUND;
    }
    *ret = rows.rows[0].origin;
    return EDGE_OK;
}

/* ---- one event by its id -----------------------------------------------------------------------
 */

/* Half of the id is in memory; a row whose other half differs is not it. */
static enum edge_status find_in_memory(const struct fetch *f, const struct row_part *p,
                                       const char *id, uint64_t prefix, struct event *ret)
{
    for (const struct hot_chunk *c = p->newest; c; c = c->older) {
        for (uint32_t i = c == p->newest ? p->newest_n : c->n; i-- > 0;) {
            if (c->id[i] != prefix) {
                continue;
            }
            bool found = false;
            struct row_ref at = {c->origin[i], c->first_seq + i, p->segment};
            EDGE_TRY(fetch_event(f, &at, ret, &found));
            if (found && strcmp(ret->id, id) == 0) {
                return EDGE_OK;
            }
        }
    }
    return EDGE_NOT_FOUND;
}

static enum edge_status find_in_file(const struct fetch *f, const struct row_part *p,
                                     const unsigned char *id, struct event *ret)
{
    sqlite3_stmt *stmt = NULL;
    EDGE_TRY(reader_statement(f->ctx, f->store, f->reader, p->segment, SQL_EVENT_BY_ID, &stmt));
    if (!stmt) {
        return EDGE_NOT_FOUND;
    }
    sqlite3_bind_blob(stmt, 1, id, ID_SIZE, SQLITE_STATIC);
    bool row = false;
    EDGE_TRY(reader_step(f->ctx, f->store, f->reader, p->segment, stmt, &row));
    if (!row) {
        return EDGE_NOT_FOUND;
    }
    struct row_ref at = {0, sqlite3_column_int64(stmt, 0), p->segment};
    bool found = false;
    EDGE_TRY(fetch_event(f, &at, ret, &found));
    return found ? EDGE_OK : EDGE_NOT_FOUND;
}

enum edge_status rows_get(struct edge_ctx *ctx, void *db, const unsigned char *bytes,
                          struct event *ret)
{
    EDGE_CLEANUP(question_done) struct question q = {0};
    const struct event_filter all = {EVENT_FILTER_ALL};
    EDGE_TRY(ask(ctx, db, ROW_EVENT, &all, &q));
    const char *canonical = id_to_text(&ctx->arena, bytes);
    for (size_t i = 0; i < q.plan.n_parts; i++) {
        const struct row_part *p = &q.plan.parts[i];
        enum edge_status st = p->hot ? find_in_memory(&q.fetch, p, canonical, id_prefix(bytes), ret)
                                     : find_in_file(&q.fetch, p, bytes, ret);
        if (st != EDGE_NOT_FOUND) {
            return st;
        }
    }
    return EDGE_NOT_FOUND;
}
