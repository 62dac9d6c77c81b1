/**
 * The message bus: in process (a message is a pointer to immutable data, nothing is encoded) or
 * over an MQTT broker (envelope of contract 11.2; encoded once per publish). The two behave alike.
 *
 * A service opens one connection. What arrives is queued (bounded) and handed to the handlers on
 * the connection's delivery thread, in order; a handler that waits for others belongs on the worker
 * pool (EDGE_SUB_WAITS). Any thread may publish and request. A connection hears its own messages
 * too, and each message once, even if several of its patterns match: then each of their handlers is
 * called.
 */
#ifndef EDGE_BUS_H
#define EDGE_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/dto.h"
#include "edge/message.h"

struct edge_bus;
struct edge_bus_hub; /* where the connections of one process meet */
struct edge_pool;
struct edge_budget;
struct edge_metrics;

/** A failure is logged once by the caller (topic, reason); the message is dropped. */
typedef enum edge_status edge_bus_handler(void *state, struct edge_ctx *ctx,
                                          const struct edge_message *m);

enum edge_sub_flags {
    EDGE_SUB_WAITS = 1 << 0,  /* each message on the worker pool; order is not kept */
    EDGE_SUB_EVENTS = 1 << 1, /* events: at the bus's event_qos at least */
    /* Requests: unsound ones that have a requestID come too (fault), to be answered and no more. */
    EDGE_SUB_REQUESTS = 1 << 2,
    /**
     * What a broker brings is handled before it is told that it came, on the thread that receives for all
     * clients of the process: be quick, and do not wait for a broker. In process: as others.
     */
    EDGE_SUB_AT_ONCE = 1 << 3,
};

struct edge_bus_config {
    const char *type; /* "memory" or "mqtt" */
    const char *service;
    /* mqtt only; secrets are read by the caller */
    const char *protocol, *host; /* tcp, mqtt, ssl, tls, mqtts */
    uint16_t port;
    const char *client_id, *username, *password;
    const char *ca, *cert, *key; /* files, or PEM texts */
    bool skip_cert_verify, retained;
    bool held;          /* do not connect before edge_bus_release() */
    uint32_t session_s; /* mqtt: what we subscribed to is kept for us so long while we are away */
    /**
     * Retained at the broker: @p here from each connect on, @p away from an orderly end or, as our
     * last will, a broken connection on. NULL: nothing. edge_bus_open() takes over the caller's
     * references.
     */
    const struct edge_message *here, *away;
    int qos, event_qos, keep_alive_s, connect_timeout_s;
    /**
     * Messages waiting for a handler (0: 20 000). Full: in process the publisher waits up to 5 s,
     * MQTT's reader likewise; as long as nothing moves after that, messages are dropped and counted
     * at once. A delivery thread never waits: its messages are accepted up to twice the bound.
     */
    size_t max_queued;
    /** Messages not yet with the broker (0: 10 000). Full: the oldest is dropped and counted. */
    size_t max_outgoing;
    struct edge_bus_hub *hub; /* memory only */
    struct edge_pool *pool;
    /**
     * Pays for messages of EDGE_SUB_WAITS and EDGE_SUB_REQUESTS while they wait or are worked at, and
     * for answers. Where there is no more, they are dropped and counted. NULL: nobody counts.
     */
    struct edge_budget *budget;
    struct edge_metrics *metrics; /* BusMessagesDropped, BusMessagesReceived, BusMessagesSent */
    const struct edge_log *log;
};

struct edge_bus_hub *edge_bus_hub_create(void);
void edge_bus_hub_free(struct edge_bus_hub *hub); /* after its connections were closed */

/**
 * Memory: at once. MQTT: returns at once too and connects in the background, again and again with
 * back-off; subscriptions are renewed on every connect; what is published meanwhile is kept,
 * bounded.
 */
enum edge_status edge_bus_open(struct edge_ctx *ctx, const struct edge_bus_config *config,
                               struct edge_bus **ret);
/**
 * Deliver what is queued, send what is out (each up to @p drain_ms), hang up. Handlers may publish
 * until the queue is empty; running handlers and calls of other threads are waited for. From then on
 * calls are refused (UNAVAILABLE), so threads that still publish may end later. NULL is fine.
 */
void edge_bus_stop(struct edge_bus *bus, int64_t drain_ms);
/** Stop if that is not done yet, and free: nobody may call any more. NULL is fine. */
void edge_bus_close(struct edge_bus *bus, int64_t drain_ms);
/** In one process: nothing is lost on the way but what a full queue drops. */
bool edge_bus_is_local(const struct edge_bus *bus);
/** How often it has connected so far: where that changed, messages may have been lost in between. */
unsigned edge_bus_connections(const struct edge_bus *bus);
/** Connected, and all that was subscribed to so far is being heard. */
bool edge_bus_connected(const struct edge_bus *bus);
/** Wait for that until @p deadline_ms (edge_now_mono_ms). */
bool edge_bus_wait_connected(struct edge_bus *bus, int64_t deadline_ms);
/** Until its handlers have done with all that has arrived; false where that takes longer. *ret_waited: it was not so at
 * once. For tests that let time jump. */
bool edge_bus_wait_idle(struct edge_bus *bus, int64_t deadline_ms, bool *ret_waited);

/** Connect, where the configuration said held. */
void edge_bus_release(struct edge_bus *bus);
/** Say the configuration's `here` once more. */
void edge_bus_announce(struct edge_bus *bus);

/**
 * Complete topic pattern with + and #; @p state goes to the handler. For good: there is no way to
 * unsubscribe. Returns at once; edge_bus_wait_connected() waits until the broker knows.
 */
enum edge_status edge_bus_subscribe(struct edge_ctx *ctx, struct edge_bus *bus, const char *pattern,
                                    edge_bus_handler *handler, void *state, unsigned flags);

/**
 * Send; takes its own reference. Never waits for a broker. UNAVAILABLE only when closing; INVALID
 * for a topic no broker would take (empty, wildcards, control characters, too long or deep).
 */
enum edge_status edge_bus_publish(struct edge_ctx *ctx, struct edge_bus *bus,
                                  const struct edge_message *m);
/** Would anybody of this process hear it? Over MQTT: always true. Saves building what nobody reads.
 */
bool edge_bus_wanted(const struct edge_bus *bus, const char *topic);

/**
 * Publish @p m (whose request_id is a UUID) and wait for the message on
 * <response_prefix>/<request_id>, listening before sending. One reference in *ret; an error
 * envelope is an answer too. UNAVAILABLE at @p deadline_ms (edge_now_mono_ms), REMOTE where the
 * answer is no envelope. A request that could not be sent by then never is. Not on an event or
 * delivery thread.
 */
enum edge_status edge_bus_request(struct edge_ctx *ctx, struct edge_bus *bus,
                                  const struct edge_message *m, const char *response_prefix,
                                  int64_t deadline_ms, struct edge_message **ret);

/** MQTT's matching rule: + one level, # the rest (the parent level too). */
bool edge_topic_matches(const char *pattern, const char *topic);
/** Why no broker would take @p pattern: "has a wildcard that is not a whole level"; NULL: one would. */
const char *edge_topic_pattern_fault(const char *pattern);
/**
 * The levels of @p topic, split at '/', percent-decoded where @p decode (a level with a malformed
 * escape, or one that is no UTF-8, stays as it is); count returned.
 */
size_t edge_topic_levels(struct edge_arena *a, const char *topic, bool decode, const char ***ret);

#endif
