/* Calls on a connection, whatever its transport: references, subscriptions, the way out. */
#include "edge/bus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bus_internal.h"

/* ---- references and calls ------------------------------------------------------------------ */

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
    const char *fault = edge_topic_pattern_fault(pattern);
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
