/*
 * The bus inside one process: a hub knows its connections, a publisher hands each that listens a
 * reference to the same immutable message. The list of connections is an immutable array too, so
 * that publishing holds the hub's lock for two instructions and may wait without it.
 */
#include <assert.h>
#include <stdlib.h>

#include "bus_internal.h"

struct members {
    _Atomic unsigned refs;
    size_t n;
    struct edge_bus *at[]; /* a reference each */
};

struct edge_bus_hub {
    struct edge_mutex lock;
    struct members *members EDGE_GUARDED;
};

static struct members *members_create(size_t n)
{
    struct members *m = edge_xalloc(1, sizeof(*m) + n * sizeof(m->at[0]));
    atomic_init(&m->refs, 1);
    return m;
}

static void members_drop(struct members *m)
{
    if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < m->n; i++) {
        bus_unref(m->at[i]);
    }
    free(m);
}

static struct members *members_take(struct edge_bus_hub *hub)
{
    EDGE_LOCK(&hub->lock);
    atomic_fetch_add_explicit(&hub->members->refs, 1, memory_order_relaxed);
    return hub->members;
}

/* Puts a new array in place: all but @p leaving, plus @p joining (each may be NULL). */
static void members_change(struct edge_bus_hub *hub, struct edge_bus *joining,
                           const struct edge_bus *leaving)
{
    struct members *old;
    {
        EDGE_LOCK(&hub->lock);
        old = hub->members;
        struct members *now = members_create(old->n + 1);
        for (size_t i = 0; i < old->n; i++) {
            if (old->at[i] != leaving) {
                now->at[now->n++] = bus_ref(old->at[i]);
            }
        }
        if (joining) {
            now->at[now->n++] = bus_ref(joining);
        }
        hub->members = now;
    }
    members_drop(old);
}

struct edge_bus_hub *edge_bus_hub_create(void)
{
    struct edge_bus_hub *hub = edge_xalloc(1, sizeof(*hub));
    edge_mutex_init(&hub->lock);
    EDGE_LOCK(&hub->lock);
    hub->members = members_create(0);
    return hub;
}

void edge_bus_hub_free(struct edge_bus_hub *hub)
{
    if (!hub) {
        return;
    }
    {
        EDGE_LOCK(&hub->lock);
        assert(hub->members->n == 0);
        members_drop(hub->members);
    }
    edge_mutex_done(&hub->lock);
    free(hub);
}

static enum edge_status memory_open(struct edge_ctx *ctx, struct edge_bus *bus,
                                    const struct edge_bus_config *config)
{
    (void)ctx;
    assert(config->hub);
    bus->link = config->hub;
    members_change(config->hub, bus, NULL);
    return EDGE_OK;
}

static void memory_subscribe(struct edge_bus *bus, const char *pattern, unsigned flags)
{
    (void)bus;
    (void)pattern;
    (void)flags;
}

static enum edge_status memory_publish(struct edge_ctx *ctx, struct edge_bus *bus,
                                       const struct edge_message *m, int64_t expires_ms)
{
    (void)ctx;
    (void)expires_ms;
    /* A delivery thread never waits: two of them could wait for each other's queue. */
    bool may_wait = !pthread_equal(pthread_self(), bus->thread);
    struct members *members = members_take(bus->link);
    for (size_t i = 0; i < members->n; i++) {
        bus_arrive(members->at[i], m, may_wait);
    }
    members_drop(members);
    bus_count(bus->sent, 1);
    return EDGE_OK;
}

static bool memory_wanted(const struct edge_bus *bus, const char *topic)
{
    struct members *members = members_take(bus->link);
    bool wanted = false;
    for (size_t i = 0; i < members->n && !wanted; i++) {
        wanted = bus_hears(members->at[i], topic);
    }
    members_drop(members);
    return wanted;
}

static bool memory_connected(const struct edge_bus *bus)
{
    return !atomic_load(&bus->closing);
}

static bool memory_wait_connected(struct edge_bus *bus, int64_t deadline_ms)
{
    (void)deadline_ms;
    return memory_connected(bus);
}

static unsigned memory_connections(const struct edge_bus *bus)
{
    (void)bus;
    return 1;
}

static void memory_release(struct edge_bus *bus)
{
    (void)bus;
}

static void memory_announce(struct edge_bus *bus)
{
    (void)bus;
}

static void memory_wake(struct edge_bus *bus)
{
    (void)bus;
}

static void memory_close(struct edge_bus *bus, int64_t deadline_ms)
{
    (void)deadline_ms;
    members_change(bus->link, NULL, bus);
}

static void memory_free(struct edge_bus *bus)
{
    (void)bus;
}

const struct bus_transport BUS_MEMORY = {
    .open = memory_open,
    .subscribe = memory_subscribe,
    .publish = memory_publish,
    .wanted = memory_wanted,
    .connected = memory_connected,
    .wait_connected = memory_wait_connected,
    .connections = memory_connections,
    .release = memory_release,
    .announce = memory_announce,
    .wake = memory_wake,
    .close = memory_close,
    .free = memory_free,
};
