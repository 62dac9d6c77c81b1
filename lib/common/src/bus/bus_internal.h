/** What the files of the bus share: a connection with its queue, the transport behind it. */
#ifndef EDGE_BUS_INTERNAL_H
#define EDGE_BUS_INTERNAL_H

#include <stdatomic.h>

#include "edge/arena.h"
#include "edge/bus.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/thread.h"
#include "message.h"

enum {
    BUS_PATIENCE_MS = 5000,       /* how long a full queue is waited for */
    BUS_LEAVE_MS = 500,           /* for messages on the worker pool when stopping */
    BUS_MAX_QUEUED = 20 * 1000,   /* messages, where the configuration says nothing */
    BUS_MAX_OUTGOING = 10 * 1000, /* likewise */
    /* A single larger message still passes. */
    BUS_MAX_QUEUED_BYTES = 16 * 1024 * 1024, /* on their way in */
    BUS_MAX_BYTES = 64 * 1024 * 1024,        /* waiting for the broker */
    BUS_MAX_TOPIC = 4096,                    /* bytes */
    BUS_MAX_LEVELS = 100,                    /* brokers hang up on deeper topics (mosquitto: 200) */
};

/* ---- topics ------------------------------------------------------------------------------ */

/** NULL if messages may be published on it, else what is wrong with it. */
const char *bus_topic_fault(const char *topic);

/* ---- a connection ------------------------------------------------------------------------ */

/** Subscriptions are added and never removed, so that readers walk them without a lock. */
struct bus_subscription {
    struct bus_subscription *_Atomic next;
    const char *pattern;
    edge_bus_handler *handler; /* NULL: answers to requests */
    void *state;
    unsigned flags;
};

/** Where messages come from and go to: in process, or a broker. */
struct bus_transport {
    enum edge_status (*open)(struct edge_ctx *ctx, struct edge_bus *bus,
                             const struct edge_bus_config *config);
    /** From now on messages for @p pattern shall arrive; may be told of one pattern twice. */
    bool at_once; /* brings what is wanted at once by bus_at_once() */
    void (*subscribe)(struct edge_bus *bus, const char *pattern, unsigned flags);
    /** @p expires_ms: no use sending it later (monotonic; 0: always of use). */
    enum edge_status (*publish)(struct edge_ctx *ctx, struct edge_bus *bus,
                                const struct edge_message *m, int64_t expires_ms);
    bool (*wanted)(const struct edge_bus *bus, const char *topic);
    /** All that was subscribed to so far is being heard. */
    bool (*connected)(const struct edge_bus *bus);
    bool (*wait_connected)(struct edge_bus *bus, int64_t deadline_ms);
    unsigned (*connections)(const struct edge_bus *bus);
    void (*release)(struct edge_bus *bus);
    void (*announce)(struct edge_bus *bus);
    /** Closing has begun: who waits for the connection gives up. */
    void (*wake)(struct edge_bus *bus);
    /** Send what is out, hang up: nothing arrives after it. */
    void (*close)(struct edge_bus *bus, int64_t deadline_ms);
    void (*free)(struct edge_bus *bus);
};
extern const struct bus_transport BUS_MEMORY, BUS_MQTT;

/** Says something at most once a second. */
struct bus_complaint {
    int64_t quiet_until_ms;
    size_t n;           /* since it was last said */
    const char *reason; /* the last one's, a constant */
};

struct bus_request; /* somebody waits for an answer */

/** Messages waiting for the delivery thread: a ring that grows up to its bound. */
struct bus_queue {
    struct edge_message **at;
    size_t cap, head, n, bytes;
};

struct edge_bus {
    _Atomic unsigned refs;    /* the owner's, the hub's, and of each call under way */
    _Atomic unsigned n_calls; /* under way: what the owner lent us is used until they end */
    const struct bus_transport *transport;
    void *link; /* the transport's own */
    const struct edge_log *log;
    struct edge_pool *pool;
    struct edge_budget *budget;                     /* NULL: nobody counts */
    struct edge_counter *received, *sent, *dropped; /* NULL where nobody counts */
    size_t max_queued;
    pthread_t thread;
    struct edge_arena arena; /* of subscriptions; grows under the lock */
    struct bus_subscription *_Atomic subscriptions;
    atomic_bool closing; /* publishing is over */

    struct edge_mutex lock;
    struct edge_cond arrived; /* or it is time to stop */
    struct edge_cond room;    /* in the queue */
    struct edge_cond done;    /* with a batch, a message on the pool, or a call */
    struct bus_queue queue EDGE_GUARDED;
    struct bus_subscription *last EDGE_GUARDED;
    struct bus_request *requests EDGE_GUARDED;
    struct bus_complaint drops EDGE_GUARDED;
    size_t n_waiting EDGE_GUARDED; /* publishers waiting for room */
    size_t n_on_pool EDGE_GUARDED; /* messages handed to it and not finished */
    bool idle EDGE_GUARDED;        /* the delivery thread sleeps */
    bool busy EDGE_GUARDED;        /* the delivery thread has taken messages */
    bool stuck EDGE_GUARDED;       /* patience ran out and nothing moved since */
    bool draining EDGE_GUARDED;    /* nothing new is queued */
    bool stopping EDGE_GUARDED;    /* what is still queued is thrown away */
};

/* ---- bus.c: references, subscriptions, the way out -------------------------------------- */

void bus_unref(struct edge_bus *bus);
static inline struct edge_bus *bus_ref(struct edge_bus *bus)
{
    atomic_fetch_add_explicit(&bus->refs, 1, memory_order_relaxed);
    return bus;
}

/** Begin a call from outside; false when closing. While it lasts, edge_bus_close() waits. */
bool bus_enter(struct edge_bus *bus);
void bus_leave(struct edge_bus *bus);
/** The failure of calls that come too late. */
enum edge_status bus_closing(struct edge_ctx *ctx);

static inline const struct bus_subscription *bus_first_subscription(const struct edge_bus *bus)
{
    return atomic_load_explicit(&bus->subscriptions, memory_order_acquire);
}

static inline const struct bus_subscription *
bus_next_subscription(const struct bus_subscription *sub)
{
    return atomic_load_explicit(&sub->next, memory_order_acquire);
}

/** Listen for answers; false if that is done already. The transport is to be told. */
bool bus_subscribe_once(struct edge_bus *bus, const char *pattern);
/** Does any handler or standing request subscription match? */
bool bus_hears(const struct edge_bus *bus, const char *topic);
/** Within bus_enter(). */
enum edge_status bus_publish(struct edge_ctx *ctx, struct edge_bus *bus,
                             const struct edge_message *m, int64_t expires_ms);

/* ---- bus_request.c ------------------------------------------------------------------------ */

/** Give it to who waits for it, if anybody does. */
void bus_requests_answer(struct edge_bus *bus, const struct edge_message *m);
void bus_requests_wake(struct edge_bus *bus);

/* ---- bus_deliver.c: the way in ------------------------------------------------------------- */

/**
 * A message has come: answers go to who waits for them, the rest is queued (a reference) if a
 * handler wants it. Full: waits up to BUS_PATIENCE_MS where @p may_wait, else accepts up to twice
 * the bound; then it is dropped and counted.
 */
void bus_arrive(struct edge_bus *bus, const struct edge_message *m, bool may_wait);
/** Before that: those that want it at once are called. */
void bus_at_once(struct edge_bus *bus, struct edge_message *m);
/** The delivery thread. */
void *bus_deliver_all(void *bus);
/** Count some that are lost, and say so now and then. */
void bus_count_dropped(struct edge_bus *bus, size_t n, const char *reason);

static inline void bus_count(struct edge_counter *counter, uint64_t n)
{
    if (counter) {
        edge_counter_add(counter, n);
    }
}

#endif
