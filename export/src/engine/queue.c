/** Queues: opened, changed, looked at, stopped. The pump is queue_pump.c. */
#include "queue_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/text.h"

const char *const EXPORT_QUEUE_STATE_NAMES[] = {
#define X(name, text) text,
    EXPORT_QUEUE_STATES(X)
#undef X
        NULL,
};

static int64_t either(int64_t given, int64_t otherwise)
{
    return given > 0 ? given : otherwise;
}

#define SECOND INT64_C(1000) /* ms */

static void take_limits(struct export_queue *q, const struct export_queue_config *c)
    EDGE_REQUIRES(q->lock)
{
    enum { ALL = 100 }; /* full jitter */
    q->retry_pause.first_ms = either(c->retry_first_ms, SECOND);
    q->retry_pause.last_ms = either(c->retry_last_ms, 120 * SECOND);
    q->denied_pause.first_ms = either(c->denied_first_ms, 30 * SECOND);
    q->denied_pause.last_ms = either(c->denied_last_ms, 900 * SECOND);
    q->retry_pause.spread_percent = q->denied_pause.spread_percent = ALL;
    q->config.retry_interval_ms = c->retry_interval_ms;
    q->config.max_retries = c->max_retries;
    q->config.max_rejections = c->max_rejections > 0 ? c->max_rejections : 1;
    q->config.rate = c->rate;
    q->config.bytes_rate = c->bytes_rate;
    q->config.live_first = c->live_first;
    q->config.keep = c->keep;
}

static void copy_config(struct export_queue *q, const struct export_queue_config *c)
{
    q->config = *c;
    q->config.name = edge_strdup(&q->arena, c->name);
    q->config.spool.dir = edge_strdup(&q->arena, c->spool.dir);
    q->config.env.name = q->config.name;
    q->config.env.queue = q;
    q->config.env.settle = queue_settle;
    q->config.env.line = queue_line;
    {
        EDGE_LOCK(&q->lock);
        take_limits(q, c);
    }
    unsigned window = c->connector->window;
    q->max_bytes = c->connector->max_bytes;
    if (c->connector->limits) {
        c->connector->limits(c->stage, &window, &q->max_bytes);
    }
    q->window = c->window > 0 && !c->connector->gathers ? c->window : window;
    q->window = q->window > 0 ? q->window : 1;
    q->slots = edge_xalloc(q->window, sizeof(struct queue_slot *));
}

static const char *pause_file(struct edge_arena *a, const struct export_queue *q)
{
    return edge_printf(a, "%s/paused", q->config.spool.dir);
}

static enum edge_status open_parts(struct edge_ctx *ctx, struct export_queue *q)
{
    struct edge_spool_state state;
    EDGE_TRY(edge_spool_open(ctx, &q->config.spool, &q->spool));
    EDGE_TRY(queue_quarantine_open(ctx, q, false));
    edge_spool_state(q->spool, &state);
    bool paused = access(pause_file(&ctx->arena, q), F_OK) == 0;
    {
        EDGE_LOCK(&q->lock);
        q->next_seq = state.first;
        q->paused = paused;
        q->line = EXPORT_LINE_UP; /* until somebody says otherwise */
        queue_lanes(q);
    }
    if (q->config.env.metrics) {
        q->size = edge_gauge_tagged(q->config.env.metrics, "StoreForwardQueueSize",
                                    "Messages that wait for their peer.", "queue", q->config.name);
        edge_gauge_set(q->size, (int64_t)state.depth);
        q->duration = edge_histogram(q->config.env.metrics, "ExportDuration",
                                     "From a message's origin until its peer had it, in ns.");
        q->waited = edge_histogram(q->config.env.metrics, "ExportWaiting",
                                   "From the spool until it was handed on, in ns.");
        q->answered = edge_histogram(q->config.env.metrics, "ExportAnswering",
                                     "From when it was handed on until its peer had it, in ns.");
    }
    return q->config.connector->open(ctx, q->config.stage, &q->config.env, &q->connector);
}

enum edge_status export_queue_open(struct edge_ctx *ctx, const struct export_queue_config *config,
                                   struct export_queue **ret)
{
    struct export_queue *q = edge_xalloc(1, sizeof(*q));
    edge_mutex_init(&q->lock);
    edge_cond_init(&q->changed);
    copy_config(q, config);
    enum edge_status st = open_parts(ctx, q);
    if (st != EDGE_OK) {
        {
            EDGE_LOCK(&q->lock);
            q->stopped = true;
        }
        export_queue_close(q);
        return edge_wrap(ctx, st, "queue '%s'", config->name);
    }
    {
        EDGE_LOCK(&q->lock); /* until the thread's name is known */
        q->running = true;
        q->thread = edge_thread_start("export-queue", queue_pump, q);
    }
    *ret = q;
    return EDGE_OK;
}

void export_queue_configure(struct export_queue *q, const struct export_queue_config *config)
{
    edge_spool_limit(q->spool, &config->spool);
    EDGE_LOCK(&q->lock);
    take_limits(q, config);
    q->woken = true;
    edge_cond_broadcast(&q->changed);
}

void export_queue_stop(struct export_queue *q, int64_t deadline_ms)
{
    bool running;
    {
        EDGE_LOCK(&q->lock);
        if (q->stopped) {
            return;
        }
        q->stopped = q->stopping = true;
        edge_cond_broadcast(&q->changed);
        while (q->running && edge_cond_wait_until(&q->changed, &q->lock, deadline_ms)) {
        }
        running = q->running; /* it waits for the peer */
    }
    edge_spool_wake(q->spool);
    if (running && q->config.connector->interrupt) {
        q->config.connector->interrupt(q->connector);
    }
    if (running && !q->config.connector->gathers) { /* one that gathers is ours alone */
        q->config.connector->stop(q->connector, deadline_ms);
        pthread_join(q->thread, NULL);
    } else {
        pthread_join(q->thread, NULL);
        q->config.connector->stop(q->connector, deadline_ms);
    }
    queue_reap(q);
}

void export_queue_close(struct export_queue *q)
{
    if (!q) {
        return;
    }
    export_queue_stop(q, edge_now_mono_ms());
    if (q->connector) {
        q->config.connector->close(q->connector);
    }
    queue_forget(q);
    if (q->size) {
        edge_gauge_retire(q->size);
    }
    edge_spool_close(queue_quarantine(q));
    edge_spool_close(q->spool);
    free(q->slots);
    edge_cond_done(&q->changed);
    edge_mutex_done(&q->lock);
    edge_arena_done(&q->arena);
    free(q);
}

enum edge_status export_queue_put(struct edge_ctx *ctx, struct export_queue *q,
                                  struct edge_spool_record *records, size_t n, int64_t deadline_ms)
{
    enum edge_status st = edge_spool_append(ctx, q->spool, records, n, deadline_ms);
    if (q->size && st == EDGE_OK) {
        /* Here too: the pump may be waiting for its peer. */
        edge_gauge_set(q->size, (int64_t)edge_spool_depth(q->spool));
    }
    EDGE_LOCK(&q->lock);
    q->full = st == EDGE_UNAVAILABLE;
    if (st != EDGE_OK) {
        queue_error(q, edge_ctx_message(ctx, st));
    } else {
        q->woken = true;
        if (q->n < q->window) {
            edge_cond_broadcast(&q->changed);
        }
    }
    return edge_wrap(ctx, st, "queue '%s'", q->config.name);
}

void export_queue_pause(struct export_queue *q, bool paused)
{
    EDGE_CTX_SCOPE(ctx);
    const char *file = pause_file(&ctx.arena, q);
    ctx.log = q->config.env.log;
    if (paused) {
        int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0640);
        if (fd < 0) {
            edge_log_warn(&ctx, "the pause will not survive a restart", "file", file, "reason",
                          strerror(errno), NULL);
        } else {
            close(fd);
        }
    } else {
        (void)unlink(file);
    }
    EDGE_LOCK(&q->lock);
    q->paused = paused;
    q->woken = true;
    if (!paused) {
        queue_lanes(q);
    }
    edge_cond_broadcast(&q->changed);
}

void export_queue_flush(struct export_queue *q)
{
    if (q->config.connector->retry) {
        q->config.connector->retry(q->connector);
    }
    EDGE_LOCK(&q->lock);
    q->not_before_ms = 0;
    q->woken = true;
    edge_cond_broadcast(&q->changed);
}

uint64_t export_queue_purge(struct export_queue *q)
{
    uint64_t n = edge_spool_purge(q->spool);
    EDGE_LOCK(&q->lock);
    q->full = false;
    q->woken = true;
    edge_cond_broadcast(&q->changed);
    return n;
}

static enum export_queue_state state_of(const struct export_queue *q, uint64_t depth)
    EDGE_REQUIRES(q->lock)
{
    bool waits = q->not_before_ms > edge_now_mono_ms();
    if (q->paused) {
        return EXPORT_Q_PAUSED;
    }
    if (q->line == EXPORT_LINE_DENIED || (q->denied > 0 && depth > 0)) {
        return EXPORT_Q_DENIED;
    }
    if ((waits || q->line == EXPORT_LINE_DOWN) && edge_now_ns() < EDGE_TIME_WRITTEN) {
        return EXPORT_Q_CLOCK; /* no certificate is valid yet */
    }
    if (q->full) {
        return EXPORT_Q_BLOCKED;
    }
    if (depth > 0 && (waits || q->line == EXPORT_LINE_DOWN)) {
        return EXPORT_Q_BACKOFF;
    }
    return depth > 0 ? EXPORT_Q_SENDING : EXPORT_Q_IDLE;
}

void export_queue_status(struct edge_ctx *ctx, struct export_queue *q,
                         struct export_queue_status *ret)
{
    struct edge_spool_state spool, aside = {0};
    edge_spool_state(q->spool, &spool);
    EDGE_LOCK(&q->lock);
    if (q->quarantine) {
        edge_spool_state(q->quarantine, &aside);
    }
    int64_t now_ms = edge_now_ms(), wait_ms = q->not_before_ms - edge_now_mono_ms();
    *ret = (struct export_queue_status){
        .name = q->config.name,
        .last_error = edge_strdup(&ctx->arena, q->last_error),
        .state = state_of(q, spool.depth),
        .depth = spool.depth,
        .bytes = spool.bytes,
        .in_flight = q->n_out,
        .acknowledged = q->acknowledged,
        .retries = q->retries,
        .quarantined = aside.depth,
        .oldest_age_ms =
            spool.oldest_ms > 0 && now_ms > spool.oldest_ms ? now_ms - spool.oldest_ms : 0,
        .next_retry_ms = wait_ms > 0 ? now_ms + wait_ms : 0,
        .last_error_ms = q->last_error_ms,
        .paused = q->paused,
    };
    memcpy(ret->dropped, spool.dropped, sizeof(ret->dropped));
}
