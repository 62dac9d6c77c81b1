/**
 * The event store's face: finds the back end, opens and closes it, puts changes into the queue of the writer
 * and has questions wait for what has gathered. Nothing here knows how rows are kept.
 */
#include "event_store.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "event_store_impl.h"

static const struct event_store_ops *const back_ends[] = {&event_store_sqlite};

static const struct event_store_ops *back_end(const char *type)
{
    for (size_t i = 0; type && i < sizeof(back_ends) / sizeof(back_ends[0]); i++) {
        if (strcmp(type, back_ends[i]->name) == 0) {
            return back_ends[i];
        }
    }
    return type ? NULL : back_ends[0];
}

static void store_free(struct event_store *s)
{
    queue_done(&s->queue);
    free(s->path);
    free(s);
}

enum edge_status event_store_open(struct edge_ctx *ctx, const struct event_store_config *config,
                                  struct event_store **ret)
{
    const struct event_store_ops *ops = back_end(config->type);
    if (!ops) {
        return edge_fail(ctx, EDGE_INVALID, "database type '%s' is unknown", config->type);
    }
    struct event_store *s = edge_xalloc(1, sizeof(*s));
    s->ops = ops;
    s->config = *config;
    s->config.file.path = s->path = edge_xstrdup(config->file.path);
    queue_init(&s->queue, config);
    enum edge_status st = ops->open(ctx, &s->config, &s->db);
    if (st != EDGE_OK) {
        store_free(s);
        return st;
    }
    s->writer = edge_thread_start("event-writer", store_writer, s);
    *ret = s;
    return EDGE_OK;
}

void event_store_close(struct event_store *s)
{
    if (s) {
        queue_close(&s->queue);
        pthread_join(s->writer, NULL);
        s->ops->close(s->db);
        store_free(s);
    }
}

/* ---- changes -------------------------------------------------------------------------------------- */

/* An event of @p size bytes goes in or out. */
static void note_size(struct event_store *s, size_t size)
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

enum edge_status event_store_submit(struct edge_ctx *ctx, struct event_store *s,
                                    struct event_job *job, int64_t wait_ms)
{
    size_t weight = store_weight_of(job);
    if (job->kind == EVENT_ADD) {
        EDGE_TRY(s->ops->room(ctx, s->db, weight));
    }
    note_size(s, weight);
    return queue_put(ctx, &s->queue, job, job->held > weight ? job->held : weight, wait_ms);
}

void event_store_hurry(struct event_store *s)
{
    queue_hurry(&s->queue);
}

void event_store_flush(struct event_store *s)
{
    queue_flush(&s->queue);
}

void event_store_settle(struct event_store *s)
{
    event_queue_settle(&s->queue);
}

/* ---- questions ------------------------------------------------------------------------------------ */

enum edge_status event_store_get(struct edge_ctx *ctx, struct event_store *s, const char *id,
                                 struct event *ret)
{
    unsigned char bytes[ID_SIZE];
    if (!id_from_text(id, bytes)) {
        return EDGE_NOT_FOUND;
    }
    queue_catch_up(&s->queue);
    return s->ops->get(ctx, s->db, bytes, ret);
}

static enum edge_status find(struct edge_ctx *ctx, struct event_store *s, enum row_kind kind,
                             const struct event_filter *filter, int64_t offset, int64_t limit,
                             struct event_rows *ret)
{
    *ret = (struct event_rows){0};
    queue_catch_up(&s->queue);
    return s->ops->find(ctx, s->db, kind, filter, offset, limit, ret);
}

static enum edge_status next(struct edge_ctx *ctx, struct event_store *s, enum row_kind kind,
                             struct event_rows *rows, size_t size, void **ret, size_t *ret_n)
{
    size_t largest = 0;
    enum edge_status st = s->ops->next(ctx, s->db, kind, rows, size, ret, ret_n, &largest);
    note_size(s, largest);
    return st;
}

enum edge_status event_store_events(struct edge_ctx *ctx, struct event_store *s,
                                    const struct event_filter *filter, int64_t offset,
                                    int64_t limit, struct event **ret, size_t *ret_n)
{
    struct event_rows rows;
    void *got = NULL;
    EDGE_TRY(find(ctx, s, ROW_EVENT, filter, offset, limit, &rows));
    EDGE_TRY(next(ctx, s, ROW_EVENT, &rows, SIZE_MAX, &got, ret_n));
    *ret = got;
    return EDGE_OK;
}

enum edge_status event_store_find_events(struct edge_ctx *ctx, struct event_store *s,
                                         const struct event_filter *filter, int64_t offset,
                                         int64_t limit, struct event_rows *ret)
{
    return find(ctx, s, ROW_EVENT, filter, offset, limit, ret);
}

enum edge_status event_store_next_events(struct edge_ctx *ctx, struct event_store *s,
                                         struct event_rows *rows, size_t size, struct event **ret,
                                         size_t *ret_n)
{
    void *got = NULL;
    EDGE_TRY(next(ctx, s, ROW_EVENT, rows, size, &got, ret_n));
    *ret = got;
    return EDGE_OK;
}

enum edge_status event_store_count_events(struct edge_ctx *ctx, struct event_store *s,
                                          const struct event_filter *filter, int64_t *ret)
{
    queue_catch_up(&s->queue);
    return s->ops->count(ctx, s->db, ROW_EVENT, filter, ret);
}

enum edge_status event_store_readings(struct edge_ctx *ctx, struct event_store *s,
                                      const struct event_filter *filter, int64_t offset,
                                      int64_t limit, struct reading **ret, size_t *ret_n)
{
    struct event_rows rows;
    void *got = NULL;
    EDGE_TRY(find(ctx, s, ROW_READING, filter, offset, limit, &rows));
    EDGE_TRY(next(ctx, s, ROW_READING, &rows, SIZE_MAX, &got, ret_n));
    *ret = got;
    return EDGE_OK;
}

enum edge_status event_store_find_readings(struct edge_ctx *ctx, struct event_store *s,
                                           const struct event_filter *filter, int64_t offset,
                                           int64_t limit, struct event_rows *ret)
{
    return find(ctx, s, ROW_READING, filter, offset, limit, ret);
}

enum edge_status event_store_next_readings(struct edge_ctx *ctx, struct event_store *s,
                                           struct event_rows *rows, size_t size,
                                           struct reading **ret, size_t *ret_n)
{
    void *got = NULL;
    EDGE_TRY(next(ctx, s, ROW_READING, rows, size, &got, ret_n));
    *ret = got;
    return EDGE_OK;
}

enum edge_status event_store_count_readings(struct edge_ctx *ctx, struct event_store *s,
                                            const struct event_filter *filter, int64_t *ret)
{
    queue_catch_up(&s->queue);
    return s->ops->count(ctx, s->db, ROW_READING, filter, ret);
}

enum edge_status event_store_nth_origin(struct edge_ctx *ctx, struct event_store *s,
                                        const struct event_filter *filter, int64_t nth,
                                        int64_t *ret)
{
    queue_catch_up(&s->queue);
    return s->ops->nth_origin(ctx, s->db, filter, nth, ret);
}

enum edge_status event_store_aggregate(struct edge_ctx *ctx, struct event_store *s,
                                       const struct event_filter *filter, enum event_aggregate how,
                                       int64_t deadline_ms, struct event_group **ret, size_t *ret_n)
{
    queue_catch_up(&s->queue);
    return s->ops->aggregate(ctx, s->db, filter, how, deadline_ms, ret, ret_n);
}

/* ---- what is known without asking the rows -------------------------------------------------------- */

void event_store_sources(struct edge_ctx *ctx, struct event_store *s, struct event_source **ret,
                         size_t *ret_n)
{
    s->ops->sources(ctx, s->db, ret, ret_n);
}

int64_t event_store_newest(struct event_store *s)
{
    return s->ops->newest(s->db);
}

void event_store_stats(struct event_store *s, struct event_store_stats *ret)
{
    *ret = (struct event_store_stats){
        .events = atomic_load(&s->events_persisted),
        .readings = atomic_load(&s->readings_persisted),
        .queued = queue_length(&s->queue),
    };
    s->ops->stats(s->db, ret);
}

/* ---- ids ------------------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool id_from_text(const char *text, unsigned char id[ID_SIZE])
{
    if (!text || strlen(text) != 36) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-') {
                return false;
            }
            continue;
        }
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        id[n++] = (unsigned char)(high << 4 | low);
        i += 2;
    }
    return true;
}
