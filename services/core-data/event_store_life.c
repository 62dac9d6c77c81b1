/**
 * The event store's face: opening and closing, the queue in front of the writer, and what is known
 * without asking the file.
 */
#include "event_store.h"

#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "event_store_impl.h"

enum {
    MAX_QUEUED = 8192,
    MAX_WEIGHT = 32 * 1024 * 1024, /* bytes */
    SEGMENT_READINGS = 131072,
    SEGMENT_EVENTS = 65536,
    SEGMENT_AGE_MS = 24 * 3600 * 1000,
};

static void set_defaults(struct event_store_config *c)
{
    c->max_queued = c->max_queued ? c->max_queued : MAX_QUEUED;
    c->segment_readings = c->segment_readings ? c->segment_readings : SEGMENT_READINGS;
    c->segment_events = c->segment_events ? c->segment_events : SEGMENT_EVENTS;
    c->segment_age_ms = c->segment_age_ms ? c->segment_age_ms : SEGMENT_AGE_MS;
}

static struct event_store *store_create(const struct event_store_config *config,
                                        struct edge_data_file *file)
{
    struct event_store *s = edge_xalloc(1, sizeof(*s));
    s->config = *config;
    s->file = file;
    set_defaults(&s->config);
    s->path = edge_xstrdup(config->file.path);
    s->config.file.path = s->path;
    s->queue.max = s->config.max_queued;
    s->slice = SLICE_EVENTS;
    dict_init(&s->catalogue.dicts[ROW_EVENT]);
    dict_init(&s->catalogue.dicts[ROW_READING]);
    edge_mutex_init(&s->catalogue.lock);
    edge_mutex_init(&s->queue.lock);
    edge_mutex_init(&s->readers.lock);
    edge_cond_init(&s->queue.work);
    edge_cond_init(&s->queue.room);
    edge_cond_init(&s->queue.settled);
    edge_cond_init(&s->queue.reported);
    edge_cond_init(&s->readers.freed);
    return s;
}

static void store_free(struct event_store *s)
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
    edge_cond_done(&s->queue.reported);
    edge_cond_done(&s->queue.settled);
    edge_cond_done(&s->queue.room);
    edge_cond_done(&s->queue.work);
    edge_mutex_done(&s->readers.lock);
    edge_mutex_done(&s->queue.lock);
    edge_mutex_done(&s->catalogue.lock);
    free(s->path);
    free(s);
}

static enum edge_status open_in(struct edge_ctx *ctx, const struct event_store_config *config,
                                struct edge_data_file *file, struct event_store **ret)
{
    struct event_store *s = store_create(config, file);
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
                                           struct edge_data_file *file, struct event_store **ret)
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

enum edge_status event_store_open(struct edge_ctx *ctx, const struct event_store_config *config,
                                  struct event_store **ret)
{
    struct edge_data_file *file = NULL;
    struct event_store *s = NULL;
    EDGE_TRY(edge_data_file_open(ctx, &config->file, &file));
    enum edge_status st = open_or_begin_anew(ctx, config, file, &s);
    if (st != EDGE_OK) {
        if (st == EDGE_FORBIDDEN || st == EDGE_DAMAGED) {
            edge_data_file_unusable(file);
        }
        edge_data_file_close(file);
        return st;
    }
    s->writer = edge_thread_start("event-writer", store_writer, s);
    *ret = s;
    return EDGE_OK;
}

void event_store_close(struct event_store *s)
{
    if (!s) {
        return;
    }
    {
        EDGE_LOCK(&s->queue.lock);
        s->queue.closing = true;
        edge_cond_broadcast(&s->queue.work);
        edge_cond_broadcast(&s->queue.room);
        edge_cond_broadcast(&s->queue.reported);
    }
    pthread_join(s->writer, NULL);
    struct edge_data_file *file = s->file;
    store_free(s);
    edge_data_file_close(file);
}

void store_note_size(struct event_store *s, size_t size)
{
    const size_t worth_mentioning = (size_t)64 * 1024;
    size_t largest = atomic_load_explicit(&s->largest, memory_order_relaxed);
    while (size > largest && size > worth_mentioning &&
           !atomic_compare_exchange_weak(&s->largest, &largest, size)) {
    }
}

size_t event_store_largest(const struct event_store *s)
{
    return atomic_load_explicit(&s->largest, memory_order_relaxed);
}

size_t store_weight_of(const struct event_job *job)
{
    size_t weight = sizeof(struct event);
    for (size_t i = 0; job->kind == EVENT_ADD && i < job->event->n_readings; i++) {
        const struct reading *r = &job->event->readings[i];
        weight += 2 * sizeof(*r) + r->binary.size + (r->value ? strlen(r->value) : 0);
    }
    return weight;
}

/* What is small is left to the bytes that are kept free anyway; what is large must find room in the log and
 * in the file. */
bool store_has_room(struct event_store *s, size_t bytes)
{
    const size_t small = (size_t)16 * 1024;
    int64_t inside = atomic_load(&s->inside) - edge_data_log_bytes(&s->log);
    return edge_data_file_has_room(s->file, inside) &&
           (bytes <= small || edge_data_file_free(s->file) + inside >= 2 * (int64_t)bytes);
}

static bool is_full(const struct job_queue *q, size_t weight) EDGE_REQUIRES(q->lock);

static bool is_full(const struct job_queue *q, size_t weight)
{
    return q->n >= q->max || (q->n > 0 && q->weight + weight > MAX_WEIGHT);
}

/* One more is there that may wait; is it time to commit? */
static bool note_gathered(struct job_queue *q, const struct event_store_config *config)
    EDGE_REQUIRES(q->lock);

static bool note_gathered(struct job_queue *q, const struct event_store_config *config)
{
    if (q->n_gathered++ == 0) {
        q->gather_until_ms = edge_now_mono_ms() + config->gather_ms;
    }
    return q->n_gathered >= config->gather_events || q->weight > MAX_WEIGHT / 4;
}

/* One more that may not; likewise. */
static bool note_lingering(struct job_queue *q, const struct event_job *job) EDGE_REQUIRES(q->lock);

static bool note_lingering(struct job_queue *q, const struct event_job *job)
{
    size_t n = q->n - q->n_gathered;
    if (n == 1) {
        q->linger_until_ms = edge_now_mono_ms() + 1;
    }
    return job->kind != EVENT_ADD || n >= q->n_together / 2;
}

enum edge_status event_store_submit(struct edge_ctx *ctx, struct event_store *s,
                                    struct event_job *job, int64_t wait_ms)
{
    struct job_queue *q = &s->queue;
    int64_t deadline_ms = wait_ms > 0 ? edge_now_mono_ms() + wait_ms : 0;
    size_t weight = store_weight_of(job);
    if (job->kind == EVENT_ADD && !store_has_room(s, weight)) {
        return edge_data_file_no_room(ctx, s->file);
    }
    store_note_size(s, weight);
    weight = job->held > weight ? job->held : weight;
    EDGE_LOCK(&q->lock);
    while (is_full(q, weight) && !q->closing) {
        if (wait_ms <= 0 || !edge_cond_wait_until(&q->room, &q->lock, deadline_ms)) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "the event store is busy: %zu changes wait",
                             q->n);
        }
    }
    if (q->closing) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "the event store is closing");
    }
    job->next = NULL;
    if (q->tail) {
        q->tail->next = job;
    } else {
        q->head = job;
    }
    q->tail = job;
    q->n++;
    q->n_submitted++;
    q->weight += weight;
    bool waits = job->kind == EVENT_ADD && job->may_wait && s->config.gather_ms > 0;
    bool time = waits ? note_gathered(q, &s->config) : note_lingering(q, job);
    /* The first of its sort sets the writer's alarm; who makes it time wakes it. */
    bool first = waits ? q->n_gathered == 1 : q->n - q->n_gathered == 1;
    if (first || (time && !q->hurry)) {
        q->hurry = q->hurry || time;
        edge_cond_signal(&q->work);
    }
    return EDGE_OK;
}

void event_store_hurry(struct event_store *s)
{
    struct job_queue *q = &s->queue;
    EDGE_LOCK(&q->lock);
    if (q->n > 0 && !q->hurry) {
        q->hurry = true;
        edge_cond_signal(&q->work);
    }
}

static void flush(struct job_queue *q) EDGE_REQUIRES(q->lock);

static void flush(struct job_queue *q)
{
    uint64_t all = q->n_submitted;
    q->hurry = q->n > 0;
    edge_cond_signal(&q->work);
    while (q->n_reported < all && !q->closing) {
        edge_cond_wait(&q->reported, &q->lock);
    }
}

void event_store_flush(struct event_store *s)
{
    EDGE_LOCK(&s->queue.lock);
    flush(&s->queue);
}

void store_catch_up(struct event_store *s)
{
    EDGE_LOCK(&s->queue.lock);
    if (s->queue.n_gathered > 0) {
        flush(&s->queue);
    }
}

void event_store_settle(struct event_store *s)
{
    struct job_queue *q = &s->queue;
    EDGE_LOCK(&q->lock);
    q->settling++;
    edge_cond_signal(&q->work);
    while (q->settling > 0) {
        edge_cond_wait(&q->settled, &q->lock);
    }
}

void event_store_sources(struct edge_ctx *ctx, struct event_store *s, struct event_source **ret,
                         size_t *ret_n)
{
    const struct dict *d = &s->catalogue.dicts[ROW_EVENT];
    EDGE_LOCK(&s->catalogue.lock);
    struct event_source *sources = edge_new_n(&ctx->arena, struct event_source, d->n_ids);
    size_t n = 0;
    for (uint32_t id = 0; id < d->n_ids; id++) {
        const struct dict_entry *e = d->by_id[id];
        if (e && e->n > 0) {
            sources[n++] = (struct event_source){e->device, e->name, e->n};
        }
    }
    *ret = sources;
    *ret_n = n;
}

int64_t event_store_newest(struct event_store *s)
{
    int64_t newest = 0;
    EDGE_LOCK(&s->catalogue.lock);
    for (size_t i = 0; i < s->catalogue.n_segments; i++) {
        const struct segment_rows *rows = &s->catalogue.segments[i]->rows[ROW_EVENT];
        newest = rows->n > 0 && rows->max > newest ? rows->max : newest;
    }
    return newest;
}

void event_store_stats(struct event_store *s, struct event_store_stats *ret)
{
    *ret = (struct event_store_stats){
        .events = atomic_load(&s->events_persisted),
        .readings = atomic_load(&s->readings_persisted),
        .wal_pages = edge_data_log_bytes(&s->log) / 4096,
        .removals = atomic_load(&s->n_removals),
    };
    {
        EDGE_LOCK(&s->catalogue.lock);
        ret->segments = s->catalogue.n_segments;
    }
    EDGE_LOCK(&s->queue.lock);
    ret->queued = s->queue.n;
}
