/** What the files of the MQTT client share: the connection and what waits to be sent. */
#ifndef EDGE_MQTT_INTERNAL_H
#define EDGE_MQTT_INTERNAL_H

#include <MQTTAsync.h>

#include "edge/arena.h"
#include "edge/backoff.h"
#include "edge/buf.h"
#include "edge/mqtt.h"
#include "edge/thread.h"

/** A message on its way to the broker; its texts and bytes stand behind it. */
struct outgoing {
    struct outgoing *next;
    struct edge_mqtt *mqtt;
    uint64_t seq;      /* order of publishing */
    int64_t sent_ms;   /* handed to paho */
    unsigned n_breaks; /* connections that broke at it */
    bool tried;        /* paho has had it */
    struct edge_mqtt_delivery delivery;
    struct edge_mqtt_message message;
    struct edge_mqtt_property properties[];
};

/** In order of publishing. */
struct outgoing_queue {
    struct outgoing *head, *tail;
};

enum mqtt_state {
    MQTT_DOWN,       /* until next_ms */
    MQTT_CONNECTING, /* at most until next_ms */
    MQTT_CONNECTED,
    MQTT_SUBSCRIBING, /* connected, subscriptions are being renewed */
    MQTT_UP,
};

/** What the broker is asked for; texts stay. */
struct pattern {
    const char *text;
    int qos;
    bool unwanted, left; /* no longer wanted; and nothing is left to tell the broker of it */
};

struct edge_mqtt {
    MQTTAsync client; /* changed by the client's thread, with the neighbours' lock held */
    pthread_t thread; /* connects, subscribes, sends; paho's own threads call us back */
    bool running;
    struct edge_mqtt *neighbour; /* of the same process; see mqtt_paho.c */

    struct edge_arena arena;        /* of patterns, and of what config points at */
    struct edge_mqtt_config config; /* our own copy, defaults filled in */
    struct edge_mqtt_message will;
    const char *uri;
    bool tls;
    int pem_fds[3];
    unsigned char alpn[256]; /* as TLS writes it */

    /* The last message several of our patterns match: brokers send it once for each. Touched by
     * paho's receiving thread only. */
    struct edge_buf last_topic, last_payload;
    size_t n_copies; /* of it, still to come */

    struct edge_mutex lock;
    struct edge_cond wake;    /* the client's thread */
    struct edge_cond changed; /* connected, or nothing left to send, or hung up */
    enum mqtt_state state EDGE_GUARDED;
    bool held EDGE_GUARDED, hurried EDGE_GUARDED;
    int64_t next_ms EDGE_GUARDED, up_since_ms EDGE_GUARDED;
    struct edge_backoff backoff EDGE_GUARDED;
    unsigned epoch EDGE_GUARDED;   /* counts connections */
    bool broke EDGE_GUARDED;       /* a connection, and nobody was blamed yet */
    unsigned n_short EDGE_GUARDED; /* that ended soon, in a row */
    struct pattern *patterns
        EDGE_GUARDED; /* those wanted are distinct; append only while connected */
    size_t n_patterns EDGE_GUARDED, cap_patterns EDGE_GUARDED;
    size_t n_leaving EDGE_GUARDED;                     /* of them, unwanted and not left */
    size_t n_asked EDGE_GUARDED, n_acked EDGE_GUARDED; /* of them, in this connection */
    /* Who waits behind others does not hold them up. */
    struct outgoing_queue behind EDGE_GUARDED, others EDGE_GUARDED;
    struct outgoing_queue flying EDGE_GUARDED; /* handed to paho, in that order */
    size_t n_outgoing EDGE_GUARDED, outgoing_bytes EDGE_GUARDED;
    size_t in_flight EDGE_GUARDED;                       /* handed to paho */
    size_t in_flight_unacked EDGE_GUARDED;               /* of them, at QoS 0 */
    size_t window EDGE_GUARDED, max_packet EDGE_GUARDED; /* of this connection */
    uint64_t seq EDGE_GUARDED, progress EDGE_GUARDED;
    bool pumping EDGE_GUARDED; /* somebody hands messages to paho */
    bool stop EDGE_GUARDED, stopped EDGE_GUARDED, hung_up EDGE_GUARDED;
    bool report EDGE_GUARDED; /* a change of state to be told by the client's thread */
    bool unsure EDGE_GUARDED; /* why it is down: paho did not say */
    int64_t quiet_until_ms EDGE_GUARDED;
    char reason[200] EDGE_GUARDED, tls_fault[200] EDGE_GUARDED;
};

enum { MQTT_ANSWER_MS = 10 * 1000 }; /* for what a living broker answers at once */

/* ---- mqtt_connect.c: what paho is told, and what it says about a connection --------------------------- */

/** A client of paho's; a text of why not, else NULL. */
const char *mqtt_connect_prepare(struct edge_mqtt *m);
/** One attempt, in the background. */
void mqtt_connect_now(struct edge_mqtt *m);
void mqtt_connect_hang_up(struct edge_mqtt *m, const char *reason);
/** So that the broker need not guess what became of us. */
void mqtt_connect_say_goodbye(struct edge_mqtt *m);
/** From whatever to down; @p reason is foreign text. */
void mqtt_connect_set_down(struct edge_mqtt *m, const char *reason) EDGE_REQUIRES(m->lock);

/* ---- mqtt_paho.c: what paho does not do by itself ---------------------------------------------------- */

/** Small packets to @p port leave at once; a peer that is gone without a word is found. */
void mqtt_paho_tune(uint16_t port);
/** Paho's sending thread looks again at what it has. */
void mqtt_paho_wake_sender(struct edge_mqtt *m);
/** Paho's receiving thread looks at a new connection of @p m. */
void mqtt_paho_wake_receiver(const struct edge_mqtt *m);
/** Among those whose connections can wake it, or no more. */
void mqtt_paho_join(struct edge_mqtt *m);
void mqtt_paho_leave(struct edge_mqtt *m);
/** From now on @p fresh, NULL for none, is the client's; what the old one had comes back. */
void mqtt_paho_replace(struct edge_mqtt *m, MQTTAsync fresh);
/** What stands between us and host and port, where anything does: NULL where not. */
const char *mqtt_paho_obstacle(struct edge_arena *a, const char *host, uint16_t port, bool dial,
                               int64_t deadline_ms);

/* ---- mqtt_in.c ---------------------------------------------------------------------------------------- */

/** One SUBSCRIBE for all patterns the broker has not heard of in this connection. */
void mqtt_in_ask(struct edge_mqtt *m);
/** One UNSUBSCRIBE for all that are no longer wanted. */
void mqtt_in_leave(struct edge_mqtt *m);
/** Those the broker need not hear of in a new connection go. */
void mqtt_in_forget(struct edge_mqtt *m) EDGE_REQUIRES(m->lock);
/** Paho's callback. */
MQTTAsync_messageArrived mqtt_in_take;

/* ---- mqtt_out.c --------------------------------------------------------------------------------------- */

/** Is there something to hand to paho, and room for it? */
bool mqtt_out_ready(const struct edge_mqtt *m) EDGE_REQUIRES(m->lock);
/** Hand to paho what it may have. Not with the lock held; from any thread. */
void mqtt_out_pump(struct edge_mqtt *m);
/** After a connection broke: the oldest message under way may be the reason; three times, it goes.
 */
void mqtt_out_blame(struct edge_mqtt *m);
/** What paho forgot to hand back goes back to its place. */
void mqtt_out_recall(struct edge_mqtt *m);
/** Settle what is left. */
void mqtt_out_clear(struct edge_mqtt *m);

#endif
