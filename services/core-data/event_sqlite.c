/**
 * The embedded back end of the event store: one SQLite file. Opening and closing, the table of what it
 * provides, and what is known without asking the file.
 */
#include "event_sqlite.h"

#include <stdlib.h>

enum {
    SEGMENT_READINGS = 131072,
    SEGMENT_EVENTS = 65536,
    SEGMENT_AGE_MS = 24 * 3600 * 1000,
    LEAST_COMMIT = 64 * 1024, /* bytes, roughly */
};

static void set_defaults(struct event_store_config *c)
{
    c->segment_readings = c->segment_readings ? c->segment_readings : SEGMENT_READINGS;
    c->segment_events = c->segment_events ? c->segment_events : SEGMENT_EVENTS;
    c->segment_age_ms = c->segment_age_ms ? c->segment_age_ms : SEGMENT_AGE_MS;
}

static struct event_db *store_create(const struct event_store_config *config,
                                     struct edge_data_file *file)
{
    struct event_db *s = edge_xalloc(1, sizeof(*s));
    s->config = *config;
    s->file = file;
    set_defaults(&s->config);
    s->slice = SLICE_EVENTS;
    dict_init(&s->catalogue.dicts[ROW_EVENT]);
    dict_init(&s->catalogue.dicts[ROW_READING]);
    edge_mutex_init(&s->catalogue.lock);
    edge_mutex_init(&s->readers.lock);
    edge_cond_init(&s->readers.freed);
    return s;
}

static void store_free(struct event_db *s)
{
    readers_done(s);
    removals_done(s);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        sqlite3_finalize(s->insert[kind]);
        sqlite3_finalize(s->insert_entry[kind]);
        dict_done(&s->catalogue.dicts[kind]);
    }
    for (size_t i = 0; i < s->catalogue.n_segments; i++) {
        segment_free(s->catalogue.segments[i]);
    }
    free(s->catalogue.segments);
    sqlite3_close(s->db);
    edge_cond_done(&s->readers.freed);
    edge_mutex_done(&s->readers.lock);
    edge_mutex_done(&s->catalogue.lock);
    free(s);
}

static enum edge_status open_in(struct edge_ctx *ctx, const struct event_store_config *config,
                                struct edge_data_file *file, struct event_db **ret)
{
    struct event_db *s = store_create(config, file);
    enum edge_status st = db_open(ctx, s);
    if (st == EDGE_OK) {
        st = store_load(ctx, s);
    }
    if (st != EDGE_OK) {
        store_free(s);
        return st;
    }
    db_trust(ctx, s);
    *ret = s;
    return EDGE_OK;
}

/* History is worth less than what happens now: a store that is damaged makes way for an empty one. */
static enum edge_status open_or_begin_anew(struct edge_ctx *ctx,
                                           const struct event_store_config *config,
                                           struct edge_data_file *file, struct event_db **ret)
{
    EDGE_CTX_SCOPE(first);
    first.log = ctx->log;
    enum edge_status st = open_in(&first, config, file, ret);
    if (st != EDGE_DAMAGED) {
        return st == EDGE_OK ? st : edge_pass(ctx, st, &first);
    }
    const char *reason = edge_ctx_message(&first, st);
    EDGE_TRY(edge_wrap(ctx, edge_data_file_put_aside(ctx, file, reason), "%s", reason));
    return open_in(ctx, config, file, ret);
}

static enum edge_status open_file(struct edge_ctx *ctx, const struct event_store_config *config,
                                  void **ret_db)
{
    struct edge_data_file *file = NULL;
    struct event_db *s = NULL;
    EDGE_TRY(edge_data_file_open(ctx, &config->file, &file));
    enum edge_status st = open_or_begin_anew(ctx, config, file, &s);
    if (st != EDGE_OK) {
        if (st == EDGE_FORBIDDEN || st == EDGE_DAMAGED) {
            edge_data_file_unusable(file);
        }
        edge_data_file_close(file);
        return st;
    }
    *ret_db = s;
    return EDGE_OK;
}

static void close_file(void *db)
{
    struct event_db *s = db;
    struct edge_data_file *file = s->file;
    store_free(s);
    edge_data_file_close(file);
}

/* ---- the writer's ------------------------------------------------------------------------------- */

static enum edge_status take(struct edge_ctx *ctx, void *db, struct new_event *e)
{
    return db_note(ctx, db, events_take(ctx, e));
}

static enum edge_status commit(struct edge_ctx *ctx, void *db, const struct new_event *events,
                               size_t n)
{
    return db_note(ctx, db, events_add(ctx, db, events, n));
}

static enum edge_status has(struct edge_ctx *ctx, void *db, const struct new_event *e, bool *ret)
{
    return db_note(ctx, db, event_is_stored(ctx, db, e->id, e->event->origin, ret));
}

/* No room in the log: there is when it begins anew. False: that was not it. */
static bool log_makes_room(struct edge_ctx *ctx, struct event_db *s, enum edge_status st)
{
    if (st != EDGE_UNAVAILABLE) {
        return false;
    }
    (void)edge_data_log_carry(&s->log);
    edge_ctx_clear(ctx);
    return true;
}

static enum edge_status remove_id(struct edge_ctx *ctx, void *db, const unsigned char *id)
{
    struct event_db *s = db;
    edge_data_file_make_way(s->file);
    EDGE_TRY(edge_data_log_room(ctx, &s->log, atomic_load(&s->inside)));
    enum edge_status st = remove_by_id(ctx, s, id);
    if (log_makes_room(ctx, s, st)) {
        st = remove_by_id(ctx, s, id);
    }
    return db_note(ctx, s, st);
}

static enum edge_status note_removals(struct edge_ctx *ctx, void *db,
                                      const struct event_removal *removals, size_t n)
{
    struct event_db *s = db;
    edge_data_file_make_way(s->file);
    EDGE_TRY(edge_data_log_room(ctx, &s->log, atomic_load(&s->inside)));
    enum edge_status st = removals_note(ctx, s, removals, n);
    if (log_makes_room(ctx, s, st)) {
        st = removals_note(ctx, s, removals, n);
    }
    return db_note(ctx, s, st);
}

/* What goes into the log at once must find as much room again in the file. */
static size_t commit_size(void *db)
{
    const struct event_db *s = db;
    int64_t part = edge_data_file_free(s->file) / 8;
    return part > LEAST_COMMIT ? (size_t)part : LEAST_COMMIT;
}

/* ---- anybody's ---------------------------------------------------------------------------------- */

/* What is small is left to the bytes that are kept free anyway; what is large must find room in the log and
 * in the file. */
static bool has_room(struct event_db *s, size_t bytes)
{
    const size_t small = (size_t)16 * 1024;
    int64_t inside = atomic_load(&s->inside) - edge_data_log_bytes(&s->log);
    return edge_data_file_has_room(s->file, inside) &&
           (bytes <= small || edge_data_file_free(s->file) + inside >= 2 * (int64_t)bytes);
}

static enum edge_status room(struct edge_ctx *ctx, void *db, size_t size)
{
    struct event_db *s = db;
    return has_room(s, size) ? EDGE_OK : edge_data_file_no_room(ctx, s->file);
}

static void sources(struct edge_ctx *ctx, void *db, struct event_source **ret, size_t *ret_n)
{
    struct event_db *s = db;
    const struct dict *d = &s->catalogue.dicts[ROW_EVENT];
    EDGE_LOCK(&s->catalogue.lock);
    struct event_source *list = edge_new_n(&ctx->arena, struct event_source, d->n_ids);
    size_t n = 0;
    for (uint32_t id = 0; id < d->n_ids; id++) {
        const struct dict_entry *e = d->by_id[id];
        if (e && e->n > 0) {
            list[n++] = (struct event_source){e->device, e->name, e->n};
        }
    }
    *ret = list;
    *ret_n = n;
}

static int64_t newest(void *db)
{
    struct event_db *s = db;
    int64_t latest = 0;
    EDGE_LOCK(&s->catalogue.lock);
    for (size_t i = 0; i < s->catalogue.n_segments; i++) {
        const struct segment_rows *rows = &s->catalogue.segments[i]->rows[ROW_EVENT];
        latest = rows->n > 0 && rows->max > latest ? rows->max : latest;
    }
    return latest;
}

static void stats(void *db, struct event_store_stats *ret)
{
    struct event_db *s = db;
    ret->wal_pages = edge_data_log_bytes(&s->log) / 4096;
    ret->removals = atomic_load(&s->n_removals);
    EDGE_LOCK(&s->catalogue.lock);
    ret->segments = s->catalogue.n_segments;
}

const struct event_store_ops event_store_sqlite = {
    .name = "sqlite",
    .open = open_file,
    .close = close_file,
    .take = take,
    .commit = commit,
    .has = has,
    .remove = remove_id,
    .note_removals = note_removals,
    .commit_size = commit_size,
    .step = background_step,
    .step_at = background_at,
    .room = room,
    .get = rows_get,
    .find = rows_find,
    .next = rows_next,
    .count = rows_count,
    .nth_origin = rows_nth_origin,
    .aggregate = rows_aggregate,
    .sources = sources,
    .newest = newest,
    .stats = stats,
};
