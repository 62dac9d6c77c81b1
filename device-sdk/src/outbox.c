/*
 * The way out: everything that is published asynchronously waits here, in order, for one thread
 * that hands it to the bus. So no driver and no lane waits for the bus, and nothing is sent after
 * the bus is closed. Bounded; what finds it full is refused and counted.
 */
#include <stdlib.h>

#include "edge/clock.h"
#include "sdk.h"

enum { BATCH = 64 };

struct parcel {
    const struct edge_message *message;
    size_t n_readings;
};

struct sdk_outbox {
    devsdk_service *svc;
    struct edge_mutex lock;
    struct edge_cond filled, emptied;
    struct parcel *ring EDGE_GUARDED; /* grows up to max */
    size_t head EDGE_GUARDED, n EDGE_GUARDED, cap EDGE_GUARDED;
    size_t max;
    bool idle EDGE_GUARDED;   /* the thread waits */
    bool closed EDGE_GUARDED; /* takes nothing */
    bool cut EDGE_GUARDED;    /* sends nothing either */
    bool joined;
    pthread_t thread;
};

static void *send_all(void *arg);

struct sdk_outbox *sdk_outbox_create(devsdk_service *svc, size_t max)
{
    struct sdk_outbox *o = edge_xalloc(1, sizeof(*o));
    o->svc = svc;
    o->max = max;
    edge_mutex_init(&o->lock);
    edge_cond_init(&o->filled);
    edge_cond_init(&o->emptied);
    o->thread = edge_thread_start("outbox", send_all, o);
    return o;
}

static void close_until(struct sdk_outbox *o, int64_t deadline_ms)
{
    EDGE_LOCK(&o->lock);
    o->closed = true;
    edge_cond_signal(&o->filled);
    while ((o->n > 0 || !o->idle) && edge_now_mono_ms() < deadline_ms) {
        edge_cond_wait_until(&o->emptied, &o->lock, deadline_ms);
    }
    o->cut = true;
    edge_cond_signal(&o->filled);
}

void sdk_outbox_close(struct sdk_outbox *o, int64_t deadline_ms)
{
    if (o && !o->joined) {
        close_until(o, deadline_ms);
        pthread_join(o->thread, NULL);
        o->joined = true;
    }
}

static void drop_rest(struct sdk_outbox *o)
{
    EDGE_LOCK(&o->lock);
    for (; o->n > 0; o->n--) {
        struct parcel *p = &o->ring[o->head];
        edge_counter_add(o->svc->events_dropped, p->n_readings > 0 ? 1 : 0);
        edge_message_unref(p->message);
        o->head = (o->head + 1) % o->cap;
    }
    free(o->ring);
}

void sdk_outbox_free(struct sdk_outbox *o)
{
    if (!o) {
        return;
    }
    sdk_outbox_close(o, 0);
    drop_rest(o);
    edge_cond_done(&o->emptied);
    edge_cond_done(&o->filled);
    edge_mutex_done(&o->lock);
    free(o);
}

static void grow(struct sdk_outbox *o) EDGE_REQUIRES(o->lock)
{
    size_t cap = o->cap > 0 ? o->cap * 2 : BATCH;
    if (cap > o->max) {
        cap = o->max;
    }
    struct parcel *ring = edge_xalloc(cap, sizeof(*ring));
    for (size_t i = 0; i < o->n; i++) {
        ring[i] = o->ring[(o->head + i) % o->cap];
    }
    free(o->ring);
    o->ring = ring;
    o->head = 0;
    o->cap = cap;
}

static bool put(struct sdk_outbox *o, const struct edge_message *m, size_t n_readings)
{
    EDGE_LOCK(&o->lock);
    if (o->closed || o->n == o->max) {
        return false;
    }
    if (o->n == o->cap) {
        grow(o);
    }
    o->ring[(o->head + o->n) % o->cap] = (struct parcel){edge_message_ref(m), n_readings};
    o->n++;
    if (o->idle) {
        o->idle = false;
        edge_cond_signal(&o->filled);
    }
    return true;
}

bool sdk_outbox_put(struct sdk_outbox *o, const struct edge_message *m, size_t n_readings)
{
    if (put(o, m, n_readings)) {
        return true;
    }
    edge_counter_add(o->svc->events_dropped, n_readings > 0 ? 1 : 0);
    return false;
}

bool sdk_outbox_is_full(struct sdk_outbox *o)
{
    EDGE_LOCK(&o->lock);
    return o->closed || o->n == o->max;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Wait for parcels; 0: it is over. */
static size_t take(struct sdk_outbox *o, struct parcel batch[BATCH])
{
    EDGE_LOCK(&o->lock);
    while (o->n == 0 && !o->cut) {
        o->idle = true;
        edge_cond_signal(&o->emptied);
        edge_cond_wait(&o->filled, &o->lock);
    }
    size_t n = 0;
    while (o->n > 0 && n < BATCH && !o->cut) {
        batch[n++] = o->ring[o->head];
        o->head = (o->head + 1) % o->cap;
        o->n--;
    }
    return n;
}

static void send_one(devsdk_service *svc, const struct parcel *p)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    enum edge_status st = edge_bus_publish(&ctx, svc->rt->bus, p->message);
    if (st == EDGE_OK && p->n_readings > 0) {
        edge_counter_add(svc->events_sent, 1);
        edge_counter_add(svc->readings_sent, p->n_readings);
    } else if (st != EDGE_OK) {
        edge_counter_add(svc->events_dropped, p->n_readings > 0 ? 1 : 0);
        edge_log_warn(&ctx, "message not published", "topic", p->message->topic, "error",
                      edge_ctx_message(&ctx, st), NULL);
    }
    edge_message_unref(p->message);
}

static void *send_all(void *arg)
{
    struct sdk_outbox *o = arg;
    struct parcel batch[BATCH];
    size_t n;
    while ((n = take(o, batch)) > 0) {
        for (size_t i = 0; i < n; i++) {
            send_one(o->svc, &batch[i]);
        }
    }
    return NULL;
}
