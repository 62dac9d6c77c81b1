/*
 * The way in: a bounded queue per connection, filled by whoever brings a message, emptied by the
 * connection's delivery thread, which calls the handlers or hands messages to the worker pool.
 */
#include "edge/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus_internal.h"
#include "edge/clock.h"
#include "edge/pool.h"

enum {
    BATCH = 64,         /* messages taken out of the queue at a time */
    POOL_RETRY_MS = 20, /* a full worker pool is tried again */
};

struct pool_job {
    struct edge_bus *bus;
    const struct bus_subscription *sub;
    struct edge_message *message;
};

/* Is it time to say it? Then *ret tells how often it happened since. */
static bool complaint_due(struct bus_complaint *c, struct bus_complaint *ret)
{
    int64_t now = c->n > 0 ? edge_now_mono_ms() : 0;
    if (c->n == 0 || now < c->quiet_until_ms) {
        return false;
    }
    *ret = *c;
    *c = (struct bus_complaint){.quiet_until_ms = now + 1000};
    return true;
}

static void complain(struct edge_bus *bus)
{
    struct bus_complaint c;
    {
        EDGE_LOCK(&bus->lock);
        if (!complaint_due(&bus->drops, &c)) {
            return;
        }
    }
    char count[24];
    snprintf(count, sizeof(count), "%zu", c.n);
    struct edge_ctx ctx = {.log = bus->log};
    edge_log_warn(&ctx, "bus messages dropped", "count", count, "reason", c.reason, NULL);
}

void bus_count_dropped(struct edge_bus *bus, size_t n, const char *reason)
{
    bus_count(bus->dropped, n);
    {
        EDGE_LOCK(&bus->lock);
        bus->drops.n += n;
        bus->drops.reason = reason;
    }
    complain(bus);
}

static void queue_push(struct bus_queue *q, struct edge_message *m)
{
    if (q->n == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : BATCH;
        struct edge_message **at = edge_xalloc(cap, sizeof(struct edge_message *));
        for (size_t i = 0; i < q->n; i++) {
            at[i] = q->at[(q->head + i) % q->cap];
        }
        free(q->at);
        *q = (struct bus_queue){.at = at, .cap = cap, .n = q->n, .bytes = q->bytes};
    }
    q->at[(q->head + q->n) % q->cap] = m;
    q->n++;
    q->bytes += edge_message_bytes(m);
}

static struct edge_message *queue_pop(struct bus_queue *q)
{
    struct edge_message *m = q->at[q->head];
    q->head = (q->head + 1) % q->cap;
    q->n--;
    q->bytes -= edge_message_bytes(m);
    return m;
}

static bool is_full(const struct edge_bus *bus, size_t bound) EDGE_REQUIRES(bus->lock)
{
    return bus->queue.n >= bound || (bus->queue.n > 0 && bus->queue.bytes >= BUS_MAX_QUEUED_BYTES);
}

/* Waits at most once per standstill: the first to lose patience speaks for all after it. */
static void wait_for_room(struct edge_bus *bus) EDGE_REQUIRES(bus->lock)
{
    int64_t deadline = edge_now_mono_ms() + BUS_PATIENCE_MS;
    bus->n_waiting++;
    while (is_full(bus, bus->max_queued) && !bus->stuck && !bus->draining) {
        if (!edge_cond_wait_until(&bus->room, &bus->lock, deadline)) {
            bus->stuck = true;
        }
    }
    bus->n_waiting--;
}

static bool enqueue(struct edge_bus *bus, const struct edge_message *m, bool may_wait)
{
    EDGE_LOCK(&bus->lock);
    if (may_wait && is_full(bus, bus->max_queued)) {
        wait_for_room(bus);
    }
    if (bus->draining) {
        return true; /* as if we had left a moment earlier */
    }
    if (is_full(bus, may_wait ? bus->max_queued : bus->max_queued * 2)) {
        return false;
    }
    queue_push(&bus->queue, edge_message_ref(m));
    if (bus->idle) {
        bus->idle = false;
        edge_cond_signal(&bus->arrived);
    }
    return true;
}

/* Was it told already, before it was queued? */
static bool had_it(const struct edge_bus *bus, const struct bus_subscription *s)
{
    return bus->transport->at_once && (s->flags & EDGE_SUB_AT_ONCE);
}

void bus_arrive(struct edge_bus *bus, const struct edge_message *m, bool may_wait)
{
    bool handled = false, answer = false;
    for (const struct bus_subscription *s = bus_first_subscription(bus); s;
         s = bus_next_subscription(s)) {
        bool wanted = s->handler ? !handled : !answer;
        if (wanted && !had_it(bus, s) && edge_topic_matches(s->pattern, m->topic)) {
            handled |= s->handler != NULL;
            answer |= s->handler == NULL;
        }
    }
    if ((!handled && !answer) || !bus_enter(bus)) {
        return;
    }
    bus_count(bus->received, 1);
    if (answer) {
        bus_requests_answer(bus, m);
    }
    if (handled && !enqueue(bus, m, may_wait)) {
        bus_count_dropped(bus, 1, "queue is full");
    }
    bus_leave(bus);
}

/* ---- delivery ---------------------------------------------------------------------------- */

static void run_handler(struct edge_bus *bus, const struct bus_subscription *sub,
                        const struct edge_message *m)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = bus->log;
    ctx.budget = bus->budget;
    size_t len = strnlen(m->correlation_id, sizeof(ctx.correlation_id) - 1);
    memcpy(ctx.correlation_id, m->correlation_id, len);
    enum edge_status st = sub->handler(sub->state, &ctx, m);
    if (st != EDGE_OK) {
        edge_log_warn(&ctx, "bus message failed", "topic", m->topic, "reason",
                      edge_ctx_message(&ctx, st), NULL);
    }
}

static void job_done(struct edge_bus *bus)
{
    EDGE_LOCK(&bus->lock);
    bus->n_on_pool--;
    edge_cond_broadcast(&bus->done);
}

static void run_job(void *arg)
{
    struct pool_job *job = arg;
    struct edge_bus *bus = job->bus;
    if (!atomic_load(&bus->closing)) {
        run_handler(bus, job->sub, job->message);
    }
    edge_message_unref(job->message);
    free(job);
    job_done(bus); /* the last touch: the bus may go now */
}

/* A full pool is waited for like a full queue: its own jobs end, or others' do. */
static bool submit(struct edge_bus *bus, struct pool_job *job)
{
    int64_t deadline = edge_now_mono_ms() + BUS_PATIENCE_MS;
    while (!edge_pool_submit(bus->pool, run_job, job)) {
        int64_t now = edge_now_mono_ms();
        if (now >= deadline || atomic_load(&bus->closing)) {
            return false;
        }
        EDGE_LOCK(&bus->lock);
        edge_cond_wait_until(&bus->done, &bus->lock, now + POOL_RETRY_MS);
    }
    return true;
}

static void hand_to_pool(struct edge_bus *bus, const struct bus_subscription *sub,
                         const struct edge_message *m)
{
    struct pool_job *job = edge_xalloc(1, sizeof(*job));
    *job = (struct pool_job){bus, sub, edge_message_ref(m)};
    {
        EDGE_LOCK(&bus->lock);
        bus->n_on_pool++;
    }
    if (!submit(bus, job)) {
        bus_count_dropped(bus, 1, "worker pool is full");
        edge_message_unref(job->message);
        free(job);
        job_done(bus);
    }
}

static void refuse(struct edge_bus *bus, const struct edge_message *m, const char *reason)
{
    struct edge_ctx ctx = {.log = bus->log};
    edge_log_warn(&ctx, "bus message refused", "topic", m->topic, "reason", reason, NULL);
}

/* Which subscriptions are told of it: those that have all these flags. */
static bool is_readable(struct edge_bus *bus, struct edge_message *m, unsigned *ret_flags)
{
    *ret_flags = 0;
    if (!bus_message_of(m)->wire) {
        return true;
    }
    EDGE_CTX_SCOPE(ctx);
    enum edge_status st = bus_message_open(&ctx, m);
    if (st != EDGE_OK && !m->fault) {
        refuse(bus, m, edge_ctx_message(&ctx, st));
        return false;
    }
    *ret_flags = st == EDGE_OK ? 0 : EDGE_SUB_REQUESTS;
    return true;
}

/* Its handlers are the caller's until the transport has hung up, a stop under way or not. */
void bus_at_once(struct edge_bus *bus, struct edge_message *m)
{
    unsigned flags = EDGE_SUB_AT_ONCE;
    bool readable = false;
    for (const struct bus_subscription *s = bus_first_subscription(bus); s;
         s = bus_next_subscription(s)) {
        if (!s->handler || !had_it(bus, s) || !edge_topic_matches(s->pattern, m->topic)) {
            continue;
        }
        if (!readable) {
            bus_count(bus->received, 1);
            if (!is_readable(bus, m, &flags)) {
                return;
            }
            readable = true;
        }
        if ((s->flags & flags) == flags) {
            run_handler(bus, s, m);
        }
    }
}

static void deliver(struct edge_bus *bus, struct edge_message *m)
{
    unsigned flags;
    bool taken = false;
    if (!is_readable(bus, m, &flags)) {
        return;
    }
    for (const struct bus_subscription *s = bus_first_subscription(bus); s;
         s = bus_next_subscription(s)) {
        if (!s->handler || (s->flags & flags) != flags || had_it(bus, s) ||
            !edge_topic_matches(s->pattern, m->topic)) {
            continue;
        }
        taken = true;
        if ((s->flags & (EDGE_SUB_WAITS | EDGE_SUB_REQUESTS)) &&
            !bus_message_charge(m, bus->budget)) {
            bus_count_dropped(bus, 1, "too much memory is in use for requests");
            continue;
        }
        if (s->flags & EDGE_SUB_WAITS) {
            hand_to_pool(bus, s, m);
        } else {
            run_handler(bus, s, m);
        }
    }
    if (m->fault && !taken) {
        refuse(bus, m, m->fault);
    }
}

/* Waits for messages; 0: it is time to stop. */
static size_t take_batch(struct edge_bus *bus, struct edge_message *batch[BATCH])
{
    EDGE_LOCK(&bus->lock);
    bus->busy = false;
    if (bus->queue.n == 0) {
        edge_cond_broadcast(&bus->done);
    }
    while (bus->queue.n == 0 && !bus->stopping) {
        bus->idle = true;
        edge_cond_wait(&bus->arrived, &bus->lock);
    }
    bus->idle = false;
    bus->busy = true;
    bus->stuck = false;
    size_t n = bus->stopping ? 0 : bus->queue.n < BATCH ? bus->queue.n : BATCH;
    for (size_t i = 0; i < n; i++) {
        batch[i] = queue_pop(&bus->queue);
    }
    if (bus->n_waiting > 0) {
        edge_cond_broadcast(&bus->room);
    }
    return n;
}

static size_t throw_away(struct edge_bus *bus)
{
    EDGE_LOCK(&bus->lock);
    size_t n = bus->queue.n;
    while (bus->queue.n > 0) {
        edge_message_unref(queue_pop(&bus->queue));
    }
    return n;
}

void *bus_deliver_all(void *arg)
{
    struct edge_bus *bus = arg;
    struct edge_message *batch[BATCH];
    size_t n, lost = 0;
    while ((n = take_batch(bus, batch)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (atomic_load(&bus->closing)) {
                lost++;
            } else {
                deliver(bus, batch[i]);
            }
            edge_message_unref(batch[i]);
        }
        complain(bus); /* of what was not mentioned yet */
    }
    lost += throw_away(bus);
    if (lost > 0) {
        bus_count_dropped(bus, lost, "closing before they were handled");
    }
    return NULL;
}
