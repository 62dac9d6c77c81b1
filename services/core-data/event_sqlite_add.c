/**
 * Events into the open segment: their names become numbers, their values what rows hold, and all of a group
 * is one transaction. Readers see them once it is committed.
 */
#include "edge/buf.h"
#include "event_sqlite.h"

struct pending_reading {
    struct dict_entry *series;
    int64_t origin;
    struct row_value value;
    const char *tags;
};

struct pending_event {
    struct dict_entry *source;
    const char *tags;
    struct pending_reading *readings;
    int64_t seq, first_reading;
};

struct batch {
    struct edge_ctx *ctx;
    const struct new_event *events;
    size_t n, n_readings;
    struct dict_entry **fresh[ROW_KINDS]; /* entries whose rows this transaction adds */
    size_t n_fresh[ROW_KINDS];
};

static const char *tags_text(struct edge_ctx *ctx, const cJSON *tags)
{
    if (!tags) {
        return NULL;
    }
    struct edge_buf buf = EDGE_BUF_INIT;
    edge_json_put(&buf, tags);
    const char *text = edge_strndup(&ctx->arena, edge_buf_str(&buf), buf.len);
    edge_buf_done(&buf);
    return text;
}

enum edge_status events_take(struct edge_ctx *ctx, struct new_event *e)
{
    const struct event *event = e->event;
    struct pending_event *p = edge_new(&ctx->arena, struct pending_event);
    p->tags = tags_text(ctx, event->tags);
    p->readings = edge_new_n(&ctx->arena, struct pending_reading, event->n_readings);
    for (size_t i = 0; i < event->n_readings; i++) {
        const struct reading *r = &event->readings[i];
        p->readings[i].origin = r->origin;
        p->readings[i].tags = tags_text(ctx, r->tags);
        EDGE_TRY(value_from_reading(ctx, r, &p->readings[i].value));
    }
    e->own = p;
    return EDGE_OK;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static struct dict_entry *source_of(struct dict *d, const struct event *e)
{
    return dict_intern(d, &(struct dict_entry){
                              .device = or_empty(e->device_name),
                              .name = or_empty(e->source_name),
                              .profile = or_empty(e->profile_name),
                              .units = "",
                              .media = "",
                          });
}

static struct dict_entry *series_of(struct dict *d, const struct reading *r)
{
    return dict_intern(d, &(struct dict_entry){
                              .device = or_empty(r->device_name),
                              .name = or_empty(r->resource_name),
                              .profile = or_empty(r->profile_name),
                              .units = or_empty(r->units),
                              .media = or_empty(r->media_type),
                              .type = r->value_type,
                          });
}

/* False: too many different names. */
static bool resolve_event(struct catalogue *cat, const struct new_event *new)
{
    const struct event *e = new->event;
    struct pending_event *p = new->own;
    p->source = source_of(&cat->dicts[ROW_EVENT], e);
    bool all = p->source != NULL;
    for (size_t k = 0; k < e->n_readings && all; k++) {
        p->readings[k].series = series_of(&cat->dicts[ROW_READING], &e->readings[k]);
        all = p->readings[k].series != NULL;
    }
    return all;
}

/* The names of rows become numbers. New ones are visible to readers at once, with no rows. */
static enum edge_status resolve(struct event_db *s, struct batch *b)
{
    EDGE_LOCK(&s->catalogue.lock);
    for (size_t i = 0; i < b->n; i++) {
        if (!resolve_event(&s->catalogue, &b->events[i])) {
            return edge_fail(b->ctx, EDGE_INVALID,
                             "too many different names of devices and resources");
        }
    }
    return EDGE_OK;
}

static enum edge_status save_entry(struct event_db *s, struct batch *b, enum row_kind kind,
                                   struct dict_entry *e)
{
    static const char *const SQL[ROW_KINDS] = {
        "INSERT INTO source(id, device, name, profile, type, units, media)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        "INSERT INTO series(id, device, name, profile, type, units, media)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    };
    if (e->saved) {
        return EDGE_OK;
    }
    if (!s->insert_entry[kind]) {
        EDGE_TRY(db_prepare(b->ctx, s->db, SQL[kind], 0, &s->insert_entry[kind]));
    }
    sqlite3_stmt *stmt = s->insert_entry[kind];
    sqlite3_bind_int64(stmt, 1, e->id);
    const char *texts[] = {e->device, e->name, e->profile, VALUE_TYPES[e->type],
                           e->units,  e->media};
    for (int i = 0; i < 6; i++) {
        sqlite3_bind_text(stmt, i + 2, texts[i], -1, SQLITE_STATIC);
    }
    EDGE_TRY(db_run(b->ctx, s->db, stmt, "adding to a dictionary"));
    e->saved = true; /* taken back where the transaction fails */
    b->fresh[kind][b->n_fresh[kind]++] = e;
    return EDGE_OK;
}

static void bind_optional(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text) {
        sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(stmt, at);
    }
}

static enum edge_status insert_event(struct event_db *s, struct batch *b,
                                     const struct new_event *new, int64_t *next)
{
    const struct event *e = new->event;
    struct pending_event *p = new->own;
    p->seq = next[ROW_EVENT]++;
    p->first_reading = next[ROW_READING];
    EDGE_TRY(save_entry(s, b, ROW_EVENT, p->source));
    sqlite3_stmt *stmt = s->insert[ROW_EVENT];
    sqlite3_bind_int64(stmt, 1, p->seq);
    sqlite3_bind_int64(stmt, 2, e->origin);
    sqlite3_bind_int64(stmt, 3, p->source->id);
    sqlite3_bind_blob(stmt, 4, new->id, ID_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 5, p->first_reading);
    sqlite3_bind_int64(stmt, 6, (int64_t)e->n_readings);
    bind_optional(stmt, 7, p->tags);
    EDGE_TRY(db_run(b->ctx, s->db, stmt, "adding an event"));

    stmt = s->insert[ROW_READING];
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct pending_reading *r = &p->readings[i];
        EDGE_TRY(save_entry(s, b, ROW_READING, r->series));
        sqlite3_bind_int64(stmt, 1, next[ROW_READING]++);
        sqlite3_bind_int64(stmt, 2, r->origin);
        sqlite3_bind_int64(stmt, 3, r->series->id);
        value_bind(stmt, 4, &r->value);
        bind_optional(stmt, 5, r->tags);
        EDGE_TRY(db_run(b->ctx, s->db, stmt, "adding a reading"));
    }
    return EDGE_OK;
}

static enum edge_status insert_all(struct event_db *s, struct batch *b, int64_t *next)
{
    for (size_t i = 0; i < b->n; i++) {
        EDGE_TRY(insert_event(s, b, &b->events[i], next));
    }
    return EDGE_OK;
}

static void widen(struct segment_rows *rows, int64_t origin)
{
    rows->n++;
    rows->min = origin < rows->min ? origin : rows->min;
    rows->max = origin > rows->max ? origin : rows->max;
}

/* Committed: now readers may see it. */
static void publish(struct event_db *s, const struct batch *b)
{
    struct segment *seg = segment_open_one(s);
    EDGE_LOCK(&s->catalogue.lock);
    for (size_t i = 0; i < b->n; i++) {
        const struct pending_event *p = b->events[i].own;
        const struct event *e = b->events[i].event;
        hot_append(seg->hot, ROW_EVENT, p->seq, e->origin, p->source->id,
                   id_prefix(b->events[i].id));
        widen(&seg->rows[ROW_EVENT], e->origin);
        p->source->n++;
        for (size_t k = 0; k < e->n_readings; k++) {
            const struct pending_reading *r = &p->readings[k];
            hot_append(seg->hot, ROW_READING, p->first_reading + (int64_t)k, r->origin,
                       r->series->id, 0);
            widen(&seg->rows[ROW_READING], r->origin);
            r->series->n++;
        }
    }
}

static enum edge_status commit_batch(struct event_db *s, struct batch *b)
{
    if (segment_is_full(s, segment_open_one(s))) {
        EDGE_TRY(segment_rotate(b->ctx, s));
    }
    EDGE_TRY(segment_prepare_inserts(b->ctx, s));
    EDGE_TRY(resolve(s, b));
    int64_t next[ROW_KINDS] = {s->next_seq[ROW_EVENT], s->next_seq[ROW_READING]};
    b->fresh[ROW_EVENT] = edge_new_n(&b->ctx->arena, struct dict_entry *, b->n);
    b->fresh[ROW_READING] = edge_new_n(&b->ctx->arena, struct dict_entry *, b->n_readings);
    EDGE_TRY(db_begin(b->ctx, s->db));
    enum edge_status st = db_end(b->ctx, s->db, insert_all(s, b, next));
    if (st != EDGE_OK) {
        for (int kind = 0; kind < ROW_KINDS; kind++) {
            for (size_t i = 0; i < b->n_fresh[kind]; i++) {
                b->fresh[kind][i]->saved = false;
            }
            b->n_fresh[kind] = 0;
        }
        return st;
    }
    s->next_seq[ROW_EVENT] = next[ROW_EVENT];
    s->next_seq[ROW_READING] = next[ROW_READING];
    publish(s, b);
    return EDGE_OK;
}

enum edge_status events_add(struct edge_ctx *ctx, struct event_db *s,
                            const struct new_event *events, size_t n)
{
    struct batch b = {.ctx = ctx, .events = events, .n = n};
    for (size_t i = 0; i < n; i++) {
        b.n_readings += events[i].event->n_readings;
    }
    return commit_batch(s, &b);
}
