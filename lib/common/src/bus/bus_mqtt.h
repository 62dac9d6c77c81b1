/** What the two halves of the MQTT transport share: the connection and what waits to be sent. */
#ifndef EDGE_BUS_MQTT_H
#define EDGE_BUS_MQTT_H

#include <MQTTAsync.h>

#include "bus_internal.h"
#include "edge/ctx.h"

/** An encoded message on its way to the broker. */
struct outgoing {
    struct outgoing *next;
    struct link *link;
    uint64_t seq;      /* order of publishing */
    unsigned n_breaks; /* connections that broke at it */
    bool tried;        /* paho has had it */
    bool once;         /* not put back */
    bool is_event;     /* waits behind what is none */
    int qos;
    bool retained;
    int64_t expires_ms; /* monotonic; 0: never */
    struct edge_buf bytes;
    char topic[];
};

/** In order of publishing. */
struct outgoing_queue {
    struct outgoing *head, *tail;
};

enum link_state {
    LINK_DOWN,       /* until next_ms */
    LINK_CONNECTING, /* at most until next_ms */
    LINK_CONNECTED,
    LINK_SUBSCRIBING, /* connected, subscriptions are being renewed */
    LINK_UP,
};

/** What the broker is asked for; texts stay. */
struct pattern {
    const char *text;
    int qos;
};

struct link {
    struct edge_bus *bus;
    MQTTAsync client;
    pthread_t thread; /* connects, subscribes, sends; paho's own threads call us back */

    /* As configured; texts live in the arena. */
    struct edge_arena arena;
    const char *uri, *client_id, *username, *password, *ca_file, *cert_file, *key_file;
    bool tls, skip_cert_verify, retained;
    uint16_t port;
    int qos, event_qos, keep_alive_s, connect_timeout_s;
    size_t max_outgoing;
    const struct edge_message *here, *away; /* a reference each, NULL: nothing to say */
    struct edge_buf will;                   /* away, as the broker says it for us */

    /* The last message several of our patterns match: brokers send it once for each. Touched by
     * paho's receiving thread only. */
    struct edge_message *last;
    size_t n_copies; /* of it, still to come */

    struct edge_mutex lock;
    struct edge_cond wake;    /* the link thread */
    struct edge_cond changed; /* connected, or nothing left to send, or hung up */
    enum link_state state EDGE_GUARDED;
    bool held EDGE_GUARDED; /* not connected before it is allowed */
    int64_t next_ms EDGE_GUARDED, up_since_ms EDGE_GUARDED;
    int64_t backoff_ms EDGE_GUARDED;
    unsigned epoch EDGE_GUARDED;           /* counts connections */
    bool broke EDGE_GUARDED;               /* a connection, and nobody was blamed yet */
    unsigned n_short EDGE_GUARDED;         /* that ended soon, in a row */
    struct pattern *patterns EDGE_GUARDED; /* distinct, append only */
    size_t n_patterns EDGE_GUARDED, cap_patterns EDGE_GUARDED;
    size_t n_asked EDGE_GUARDED, n_acked EDGE_GUARDED; /* of them, in this connection */
    /* A question or an answer does not wait for thousands of events before it. */
    struct outgoing_queue events EDGE_GUARDED, others EDGE_GUARDED;
    size_t n_outgoing EDGE_GUARDED, outgoing_bytes EDGE_GUARDED;
    size_t in_flight EDGE_GUARDED;         /* handed to paho */
    size_t in_flight_unacked EDGE_GUARDED; /* of them, at QoS 0 */
    uint64_t seq EDGE_GUARDED, progress EDGE_GUARDED;
    bool pumping EDGE_GUARDED; /* somebody hands messages to paho */
    bool stop EDGE_GUARDED, hung_up EDGE_GUARDED;
    bool report EDGE_GUARDED; /* a change of state to be logged by the link thread */
    int64_t quiet_until_ms EDGE_GUARDED;
    char reason[200] EDGE_GUARDED, tls_fault[200] EDGE_GUARDED;
};

enum { LINK_ANSWER_MS = 10 * 1000 }; /* for what a living broker answers at once */

/** A pattern to ask the broker for, now and after every reconnect. */
void incoming_want(struct link *link, const char *pattern, int qos);
/** One SUBSCRIBE for all patterns the broker has not heard of in this connection. */
void incoming_ask(struct link *link);
/** Paho's callback. */
MQTTAsync_messageArrived incoming_take;

/** Small packets to @p port leave at once. */
void socket_no_delay(uint16_t port);

/** A message encoded, retained as configured. */
struct outgoing *outgoing_make(struct link *link, const struct edge_message *m);
void outgoing_free(struct outgoing *o);
/** Take over @p o; the oldest go where it is too many. */
void outgoing_add(struct link *link, struct outgoing *o);
/** Is there something to hand to paho, and room for it? */
bool outgoing_ready(const struct link *link) EDGE_REQUIRES(link->lock);
/** Hand to paho what it may have. Not with the lock held; from any thread. */
void outgoing_pump(struct link *link);
/** After a connection broke: the oldest message under way may be the reason; three times, it goes.
 */
void outgoing_blame(struct link *link);
/** Free what is left; returns how many. */
size_t outgoing_clear(struct link *link);

#endif
