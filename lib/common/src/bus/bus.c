/*
 * What both buses share: the life of a connection, its subscriptions, the way out. Messages come
 * from a transport (bus_memory.c, bus_mqtt.c) through bus_arrive() (bus_deliver.c).
 */
#include "edge/bus.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus_internal.h"
#include "edge/clock.h"

/* ---- life -------------------------------------------------------------------------------- */

static struct edge_bus *bus_create(const struct edge_bus_config *config,
                                   const struct bus_transport *transport)
{
    struct edge_bus *bus = edge_xalloc(1, sizeof(*bus));
    atomic_init(&bus->refs, 1);
    bus->transport = transport;
    bus->log = config->log;
    bus->pool = config->pool;
    bus->budget = config->budget;
    bus->max_queued = config->max_queued ? config->max_queued : BUS_MAX_QUEUED;
    if (config->metrics) {
        struct edge_metrics *m = config->metrics;
        bus->received = edge_counter(m, "BusMessagesReceived", "Messages that came over the bus.");
        bus->sent = edge_counter(m, "BusMessagesSent", "Messages published on the bus.");
        bus->dropped = edge_counter(m, "BusMessagesDropped", "Messages lost: a queue was full.");
    }
    edge_mutex_init(&bus->lock);
    edge_cond_init(&bus->arrived);
    edge_cond_init(&bus->room);
    edge_cond_init(&bus->done);
    return bus;
}

void bus_unref(struct edge_bus *bus)
{
    if (atomic_fetch_sub_explicit(&bus->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    bus->transport->free(bus);
    edge_cond_done(&bus->arrived);
    edge_cond_done(&bus->room);
    edge_cond_done(&bus->done);
    {
        EDGE_LOCK(&bus->lock);
        free(bus->queue.at);
    }
    edge_mutex_done(&bus->lock);
    edge_arena_done(&bus->arena);
    free(bus);
}

enum edge_status edge_bus_open(struct edge_ctx *ctx, const struct edge_bus_config *config,
                               struct edge_bus **ret)
{
    bool memory = strcmp(config->type, "memory") == 0;
    if (!memory && strcmp(config->type, "mqtt") != 0) {
        return edge_fail(ctx, EDGE_UNSUPPORTED, "message bus type '%s' is not supported",
                         config->type);
    }
    struct edge_bus *bus = bus_create(config, memory ? &BUS_MEMORY : &BUS_MQTT);
    enum edge_status st = bus->transport->open(ctx, bus, config);
    if (st != EDGE_OK) {
        bus_unref(bus);
        return st;
    }
    char name[16];
    snprintf(name, sizeof(name), "bus-%s", config->service ? config->service : "");
    bus->thread = edge_thread_start(name, bus_deliver_all, bus);
    *ret = bus;
    return EDGE_OK;
}

/* What is on the pool may wait for somebody silent: it does not get all the time there is. */
static void wait_delivered(struct edge_bus *bus, int64_t deadline_ms)
{
    int64_t pool_deadline_ms = edge_now_mono_ms() + BUS_LEAVE_MS;
    pool_deadline_ms = pool_deadline_ms < deadline_ms ? pool_deadline_ms : deadline_ms;
    EDGE_LOCK(&bus->lock);
    bus->draining = true;
    edge_cond_broadcast(&bus->room);
    while (bus->queue.n > 0 || bus->busy || bus->n_on_pool > 0) {
        int64_t until = bus->n_on_pool > 0 ? pool_deadline_ms : deadline_ms;
        if (!edge_cond_wait_until(&bus->done, &bus->lock, until)) {
            return;
        }
    }
}

/* Handlers still running find their calls refused; their end is waited for, however long. */
static void stop_delivery(struct edge_bus *bus)
{
    atomic_store(&bus->closing, true);
    {
        EDGE_LOCK(&bus->lock);
        bus->stopping = true;
        edge_cond_signal(&bus->arrived);
        edge_cond_broadcast(&bus->room);
        edge_cond_broadcast(&bus->done);
    }
    bus_requests_wake(bus);
    bus->transport->wake(bus);
    pthread_join(bus->thread, NULL);
    EDGE_LOCK(&bus->lock);
    while (bus->n_on_pool > 0 || atomic_load(&bus->n_calls) > 0) {
        edge_cond_wait(&bus->done, &bus->lock);
    }
}

void edge_bus_stop(struct edge_bus *bus, int64_t drain_ms)
{
    if (!bus || atomic_load(&bus->closing)) {
        return;
    }
    wait_delivered(bus, edge_now_mono_ms() + drain_ms);
    stop_delivery(bus);
    bus->transport->close(bus, edge_now_mono_ms() + drain_ms);
}

void edge_bus_close(struct edge_bus *bus, int64_t drain_ms)
{
    if (bus) {
        edge_bus_stop(bus, drain_ms);
        bus_unref(bus);
    }
}

bool bus_enter(struct edge_bus *bus)
{
    bus_ref(bus);
    atomic_fetch_add(&bus->n_calls, 1);
    if (!atomic_load(&bus->closing)) {
        return true;
    }
    bus_leave(bus);
    return false;
}

void bus_leave(struct edge_bus *bus)
{
    atomic_fetch_sub(&bus->n_calls, 1);
    if (atomic_load(&bus->closing)) {
        EDGE_LOCK(&bus->lock);
        edge_cond_broadcast(&bus->done);
    }
    bus_unref(bus);
}

bool edge_bus_connected(const struct edge_bus *bus)
{
    return bus->transport->connected(bus);
}

bool edge_bus_is_local(const struct edge_bus *bus)
{
    return bus->transport == &BUS_MEMORY;
}

unsigned edge_bus_connections(const struct edge_bus *bus)
{
    return bus->transport->connections(bus);
}

bool edge_bus_wait_connected(struct edge_bus *bus, int64_t deadline_ms)
{
    return bus->transport->wait_connected(bus, deadline_ms);
}

void edge_bus_release(struct edge_bus *bus)
{
    bus->transport->release(bus);
}

void edge_bus_announce(struct edge_bus *bus)
{
    bus->transport->announce(bus);
}

/* ---- subscriptions ----------------------------------------------------------------------- */

static void subscription_add(struct edge_bus *bus, const char *pattern, edge_bus_handler *handler,
                             void *state, unsigned flags) EDGE_REQUIRES(bus->lock)
{
    struct bus_subscription *sub = edge_new(&bus->arena, struct bus_subscription);
    sub->pattern = edge_strdup(&bus->arena, pattern);
    sub->handler = handler;
    sub->state = state;
    sub->flags = flags;
    atomic_store_explicit(bus->last ? &bus->last->next : &bus->subscriptions, sub,
                          memory_order_release);
    bus->last = sub;
}

enum edge_status edge_bus_subscribe(struct edge_ctx *ctx, struct edge_bus *bus, const char *pattern,
                                    edge_bus_handler *handler, void *state, unsigned flags)
{
    assert(bus->pool || !(flags & EDGE_SUB_WAITS));
    const char *fault = bus_pattern_fault(pattern);
    if (fault) {
        return edge_fail(ctx, EDGE_INVALID, "topic pattern '%s' %s", pattern, fault);
    }
    {
        EDGE_LOCK(&bus->lock);
        subscription_add(bus, pattern, handler, state, flags);
    }
    bus->transport->subscribe(bus, pattern, flags);
    return EDGE_OK;
}

bool bus_subscribe_once(struct edge_bus *bus, const char *pattern)
{
    EDGE_LOCK(&bus->lock);
    for (const struct bus_subscription *s = bus_first_subscription(bus); s;
         s = bus_next_subscription(s)) {
        if (!s->handler && strcmp(s->pattern, pattern) == 0) {
            return false;
        }
    }
    subscription_add(bus, pattern, NULL, NULL, 0);
    return true;
}

bool bus_hears(const struct edge_bus *bus, const char *topic)
{
    for (const struct bus_subscription *s = bus_first_subscription(bus); s;
         s = bus_next_subscription(s)) {
        if (edge_topic_matches(s->pattern, topic)) {
            return true;
        }
    }
    return false;
}

/* ---- out --------------------------------------------------------------------------------- */

enum edge_status bus_closing(struct edge_ctx *ctx)
{
    return edge_fail(ctx, EDGE_UNAVAILABLE, "message bus is closing");
}

enum edge_status bus_publish(struct edge_ctx *ctx, struct edge_bus *bus,
                             const struct edge_message *m, int64_t expires_ms)
{
    const char *fault = bus_topic_fault(m->topic);
    if (fault) {
        return edge_fail(ctx, EDGE_INVALID, "topic '%s' %s", m->topic, fault);
    }
    return bus->transport->publish(ctx, bus, m, expires_ms);
}

enum edge_status edge_bus_publish(struct edge_ctx *ctx, struct edge_bus *bus,
                                  const struct edge_message *m)
{
    if (!bus_enter(bus)) {
        return bus_closing(ctx);
    }
    enum edge_status st = bus_publish(ctx, bus, m, 0);
    bus_leave(bus);
    return st;
}

bool edge_bus_wanted(const struct edge_bus *bus, const char *topic)
{
    return bus->transport->wanted(bus, topic);
}
