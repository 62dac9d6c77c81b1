/*
 * The life of a connection. Messages come from a transport (bus_memory.c, bus_mqtt.c) through
 * bus_arrive() (bus_deliver.c).
 */
#include "edge/bus.h"

#include <stdio.h>
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

bool edge_bus_wait_idle(struct edge_bus *bus, int64_t deadline_ms, bool *ret_waited)
{
    EDGE_LOCK(&bus->lock);
    while (bus->queue.n > 0 || bus->busy || bus->n_on_pool > 0) {
        *ret_waited = true;
        if (!edge_cond_wait_until(&bus->done, &bus->lock, deadline_ms)) {
            return false;
        }
    }
    return true;
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
