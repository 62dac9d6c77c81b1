/**
 * A client of one MQTT broker (3.1.1 or 5), bytes as they are: it connects in the background, again and
 * again with back-off and jitter, renews its subscriptions before anything is sent, sends in order within a
 * window, and says of each message what became of it. The message bus is made of it; so is whatever talks to
 * a broker of its own.
 *
 * Any thread may call; nothing here waits for the broker but edge_mqtt_wait_connected() and
 * edge_mqtt_stop(). Each client has a thread; the library below (paho) has one that receives and one that
 * sends, for all clients of the process. Who is called back on them:
 *
 * | callback   | on                                                  | may it wait?                          |
 * |------------|-----------------------------------------------------|---------------------------------------|
 * | received   | paho's receiving thread                             | briefly: it holds up all clients      |
 * | settled    | one of paho's, the client's, or the caller's thread | no                                    |
 * | subscribed | one of paho's or the client's thread                | no                                    |
 * | changed    | the client's thread                                 | no                                    |
 *
 * None is called with a lock of ours held; all may publish and subscribe, none may open, stop or free a client.
 */
#ifndef EDGE_MQTT_H
#define EDGE_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/status.h"

struct edge_arena;
struct edge_ctx;
struct edge_log;
struct edge_mqtt;

struct edge_mqtt_property {
    const char *name, *value;
};

struct edge_mqtt_message {
    const char *topic;
    const void *payload;
    size_t size;
    int qos;
    bool retained;
    /* MQTT 5 only: 3.1.1 leaves them out. */
    const char *content_type, *response_topic;
    const void *correlation;
    size_t correlation_size;
    const struct edge_mqtt_property *properties;
    size_t n_properties;
    uint32_t expiry_s; /* 0: none */
};

/** What became of a message. */
enum edge_mqtt_fate {
    /**
     * QoS 0: written; else acknowledged. That proves little: mosquitto acknowledges and then drops what is too
     * large for it, denied by its rules (over 3.1.1) or beyond its queue.
     */
    EDGE_MQTT_SENT,
    EDGE_MQTT_REFUSED, /* by the broker, with a reason; MQTT 5 only. Paho hangs up on it: the others come again */
    EDGE_MQTT_EXPIRED,   /* its time had passed */
    EDGE_MQTT_DISPLACED, /* too much waited, the oldest goes */
    EDGE_MQTT_BROKE, /* the connection broke amid it: where it is sent once, or for the third time */
    EDGE_MQTT_UNSENT, /* the client was stopped */
};

struct edge_mqtt_delivery {
    void *token;        /* comes back when it is settled */
    int64_t expires_ms; /* no use sending it later (edge_now_mono_ms; 0: always of use) */
    bool once;          /* not again, where the connection broke amid it */
    bool behind;        /* waits behind all that is not */
};

struct edge_mqtt_config {
    const char *protocol,
        *host; /* edge_mqtt_protocol(); the host is who the certificate must name */
    uint16_t port;
    int version;           /* 5, else 3.1.1 */
    const char *client_id; /* must be given */
    const char *username, *password;
    /** Each a file, or the PEM text itself, which stays in memory. No @p ca: who the system trusts. */
    const char *ca, *cert, *key;
    bool skip_cert_verify;
    const char *alpn; /* over TLS; NULL: none */
    uint32_t
        session_s; /* the broker keeps our session so long (3.1.1: as it likes); 0: a clean one */
    int keep_alive_s;      /* 0: 10 */
    int connect_timeout_s; /* 0: 5 */
    int retry_first_ms,
        retry_last_ms; /* between attempts, doubling, up to half less; 0: 1 s, 2 min */
    int retry_refused_ms; /* after a refusal, at least, and up to half more; 0: as after any other failure */
    int ack_timeout_ms;  /* without an acknowledgement so long: connect anew; 0: wait for ever */
    size_t max_outgoing; /* messages not yet with the broker; 0: 1000 */
    size_t max_bytes;    /* of them, but a single one passes; 0: 64 MiB */
    size_t max_message;  /* bytes of one; 0: 200 MB, MQTT ends at 256 MiB */
    size_t window;       /* sent and not acknowledged; 0: 64 */
    bool displace;       /* full: the oldest goes; else edge_mqtt_publish() refuses */
    bool held;           /* do not connect before edge_mqtt_release() */
    /** Patterns do not overlap, or copies do no harm: a message like the one before it is one of its own, not what
     * the broker sent for another pattern. */
    bool all;
    const struct edge_mqtt_message
        *will; /* said by the broker, where the connection breaks; NULL: none */

    /* Callbacks may be NULL. What they are shown is valid until they return. */
    void *state;
    /** Once for each message, even if several patterns match (but see all). */
    void (*received)(void *state, const struct edge_mqtt_message *m);
    /** Exactly once for each message edge_mqtt_publish() took. @p reason: a constant but for REFUSED. */
    void (*settled)(void *state, void *token, enum edge_mqtt_fate fate, const char *reason);
    /** At each connection. @p refusal NULL: it is heard. */
    void (*subscribed)(void *state, const char *pattern, const char *refusal);
    /** @p reason, where it is down: refused by ..., what is wrong with TLS, cannot resolve ... */
    void (*changed)(void *state, bool up, const char *reason);
    const struct edge_log *log; /* connections and refused subscriptions; NULL: the process's */
};

/** tcp, mqtt, ssl, tls, mqtts; false for others. */
bool edge_mqtt_protocol(const char *protocol, bool *ret_tls);
/** scheme://host[:port]; texts go to @p a. INVALID, UNSUPPORTED. */
enum edge_status edge_mqtt_url(struct edge_ctx *ctx, struct edge_arena *a, const char *url,
                               const char **ret_protocol, const char **ret_host,
                               uint16_t *ret_port);

/** Copies the configuration and returns at once; *ret is set before the first callback. INVALID for what no broker would take. */
enum edge_status edge_mqtt_open(struct edge_ctx *ctx, const struct edge_mqtt_config *config,
                                struct edge_mqtt **ret);
/**
 * Send what waits (until @p deadline_ms, edge_now_mono_ms; a broker that is away gets a second), hang up. No
 * callback comes after it, and what is published is refused. It lasts 2 s longer at most where the broker is
 * mute, and as long as the system takes to give up looking for a host's name.
 */
void edge_mqtt_stop(struct edge_mqtt *m, int64_t deadline_ms);
/** Stop at once if that is not done yet, and free. NULL is fine. */
void edge_mqtt_free(struct edge_mqtt *m);

/** Connect, where the configuration said held. */
void edge_mqtt_release(struct edge_mqtt *m);
/** Ask for a pattern, now and after every reconnect; one that is known changes nothing. */
void edge_mqtt_subscribe(struct edge_mqtt *m, const char *pattern, int qos);
/**
 * No more of it, soon: what is under way still comes. One that is not known changes nothing. Its text is kept until the
 * client is freed.
 */
void edge_mqtt_unsubscribe(struct edge_mqtt *m, const char *pattern);
/**
 * Queue a copy. TOO_LARGE; INVALID where no broker takes its topic; UNAVAILABLE when stopped, or full where nothing is displaced.
 * What was not confirmed when the connection broke goes back to its place and is sent again.
 */
enum edge_status edge_mqtt_publish(struct edge_ctx *ctx, struct edge_mqtt *m,
                                   const struct edge_mqtt_message *message,
                                   const struct edge_mqtt_delivery *delivery);

/** Other credentials, from the next connection on; where the broker is waited for, it is tried at once. */
void edge_mqtt_login(struct edge_mqtt *m, const char *username, const char *password);

/** The broker may be there now: where it is waited for, it is tried at once. */
void edge_mqtt_retry(struct edge_mqtt *m);

/** Connected, and the broker has answered to all that was subscribed to so far. */
bool edge_mqtt_connected(struct edge_mqtt *m);
/** Wait for that until @p deadline_ms, or edge_mqtt_hurry(). */
bool edge_mqtt_wait_connected(struct edge_mqtt *m, int64_t deadline_ms);
/** Who waits for the connection gives up, from now on. */
void edge_mqtt_hurry(struct edge_mqtt *m);
/** How often it has connected so far. */
unsigned edge_mqtt_connections(struct edge_mqtt *m);

#endif
