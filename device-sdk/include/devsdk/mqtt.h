/**
 * A client of one MQTT broker (3.1.1 or 5), for drivers whose devices are behind one.
 *
 * It connects in the background, again and again with back-off and jitter, renews its subscriptions, sends in order, and
 * says of each message what became of it. A broker that is away, late, restarted or refuses is no failure of open().
 *
 *     devsdk_mqtt *m = devsdk_mqtt_open(service, &(devsdk_mqtt_config){.host = "broker", .received = take}, why, sizeof(why));
 *     devsdk_mqtt_subscribe(m, "plant/+/data", 1);
 *     devsdk_mqtt_publish(m, &(devsdk_mqtt_message){.topic = "plant/7/set", .payload = "1", .n = 1}, 0, NULL);
 *     devsdk_mqtt_close(m);
 *
 * Threads: any may call. What is called back runs on one thread of the client, never two at once, in the order things
 * happened; it may wait (what comes meanwhile is kept, within bounds) and may call anything here but close().
 */
#ifndef DEVSDK_MQTT_H
#define DEVSDK_MQTT_H

#include "devsdk/devsdk.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct devsdk_mqtt devsdk_mqtt;

typedef struct devsdk_mqtt_message {
    const char *topic;
    const void *payload;
    size_t n;
    uint8_t qos; /* 0, 1 or 2 */
    bool retained;
    /* MQTT 5 only; NULL and 0: none */
    const char *content_type, *response_topic;
    const void *correlation;
    size_t correlation_n;
    uint32_t expiry_s;
} devsdk_mqtt_message;

typedef enum devsdk_mqtt_fate {
    DEVSDK_MQTT_SENT, /* QoS 0: written; else acknowledged, which does not say that anybody gets it */
    DEVSDK_MQTT_REFUSED, /* by the broker, with a reason; MQTT 5 only */
    DEVSDK_MQTT_EXPIRED, /* its time had passed before the broker was there */
    DEVSDK_MQTT_UNSENT   /* the client was closed, or the connection broke at it three times */
} devsdk_mqtt_fate;

typedef struct devsdk_mqtt_config {
    const char *scheme; /* tcp, mqtt, ssl, tls, mqtts; NULL: tcp */
    const char *host;   /* must be given; who the broker's certificate has to name */
    uint16_t port;      /* 0: 1883, 8883 with TLS */
    unsigned version;   /* 5; else 3.1.1 */
    const char
        *client_id; /* NULL: the service's name; two connections of one id push each other out */
    const char *username, *password;
    /** Each a file, or the PEM text itself. No @p ca: who the system trusts. */
    const char *ca, *cert, *key;
    bool skip_verify; /* whoever it is: for tests */
    unsigned
        session_s; /* the broker keeps our session so long (3.1.1: as it likes); 0: a clean one */
    unsigned keep_alive_s, connect_timeout_s; /* 0: 10, 5 */
    unsigned retry_first_ms, retry_last_ms;   /* between attempts, doubling; 0: 1 s, 2 min */
    size_t max_waiting, max_waiting_bytes;    /* to be sent; 0: 1000, 16 MiB */
    size_t max_unread,
        max_unread_bytes; /* come and not yet shown to received(); 0: 10000, 8 MiB; one passes */
    size_t max_message;   /* bytes of one that is taken; 0: 16 MiB */
    const devsdk_mqtt_message
        *will; /* said by the broker, where the connection breaks; NULL: none */

    /* Callbacks; each may be NULL. What they are shown is valid until they return. */
    void *arg;
    /** Where filters overlap, a broker may send a message once for each. */
    void (*received)(void *arg, const devsdk_mqtt_message *);
    /** Exactly once for each message with a @p token that devsdk_mqtt_publish() took; close() says the last. */
    void (*sent)(void *arg, void *token, devsdk_mqtt_fate, const char *reason);
    /** At each connection, of each filter. @p refusal NULL: it is heard. */
    void (*subscribed)(void *arg, const char *filter, const char *refusal);
    /** @p reason, where it is down: what an operator can do something about. */
    void (*changed)(void *arg, bool up, const char *reason);
} devsdk_mqtt_config;

/**
 * Copies the configuration and returns at once. NULL: no broker would take that, because of @p why (at most @p size
 * bytes). Close it in stop() at the latest.
 */
devsdk_mqtt *devsdk_mqtt_open(devsdk_service *, const devsdk_mqtt_config *, char *why, size_t size);
/**
 * Send what waits, half a second at most, hang up, free. Not in a callback, nor while holding a lock one takes: it waits
 * for the one that runs; none comes after it. NULL is fine.
 */
void devsdk_mqtt_close(devsdk_mqtt *);

/** Other credentials, from the next connection on: for secrets_changed(). NULL: none. */
void devsdk_mqtt_login(devsdk_mqtt *, const char *username, const char *password);

/** Ask for a filter ("a/+/b", "a/#"), now and after every reconnect. One that is known changes nothing. INVALID: no
 * broker takes it. */
devsdk_result devsdk_mqtt_subscribe(devsdk_mqtt *, const char *filter, unsigned qos);
/** No more of it, soon: what is under way still comes. */
void devsdk_mqtt_unsubscribe(devsdk_mqtt *, const char *filter);
/**
 * Queue a copy, also while the broker is away. @p until_ms (devsdk_now_ms(); 0: for ever): not sent later. @p token NULL:
 * nobody wants to know what became of it. INVALID: a topic no broker takes; RANGE: too large; BUSY: max_waiting.
 */
devsdk_result devsdk_mqtt_publish(devsdk_mqtt *, const devsdk_mqtt_message *, int64_t until_ms,
                                  void *token);

/** Connected, and the broker has answered to all that was subscribed to so far. */
bool devsdk_mqtt_connected(devsdk_mqtt *);
/** How many messages were dropped: more than max_unread, or larger than max_message. Counted in the metric
 * MqttMessagesDropped too, and logged. */
uint64_t devsdk_mqtt_dropped(devsdk_mqtt *);

/** Does @p topic match @p filter, by MQTT's rule? */
bool devsdk_mqtt_matches(const char *filter, const char *topic);

#ifdef __cplusplus
}
#endif
#endif
