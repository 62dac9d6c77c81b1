/**
 * The inside of the driver. A broker is a connection and what hangs on it: devices that listen to topics of their own,
 * commands that wait for an answer. What comes runs on the connection's thread (devsdk/mqtt.h); requests on the SDK's
 * workers; time-outs on the SDK's watch thread.
 *
 * Locks, outer before inner: service.lock, broker.lock. Neither is held while anything of the SDK is called that may
 * wait for a callback (devsdk_unwatch(), devsdk_mqtt_close()).
 */
#ifndef MQTT_DRIVER_H
#define MQTT_DRIVER_H

#include <pthread.h>

#include "devsdk/devsdk.h"
#include "devsdk/mqtt.h"
#include "mqtt_map.h"

/* ---- what the tables fill ---------------------------------------------------------------------------------- */

enum mqtt_auth { MQTT_AUTH_NONE, MQTT_AUTH_USER, MQTT_AUTH_CERT, MQTT_AUTH_CA };

/** Where a broker is and who we are there; texts NULL or "" where nothing is said. */
struct mqtt_where {
    const char *schema, *host;
    uint16_t port;
    const char *client_id;
    uint16_t keep_alive_s;
    uint8_t auth; /* enum mqtt_auth */
    const char *credentials;
    const char *ca, *cert, *key;
    bool skip_verify;
    uint8_t version; /* 0: 3.1.1, 1: 5 */
    const char *incoming, *response;
    int8_t qos; /* -1: as configured */
};

struct mqtt_config {
    struct mqtt_where where;
    uint32_t credentials_retry_s, credentials_wait_s, connect_retries; /* taken, without effect */
    uint32_t retry_s;
    uint32_t fetch_interval_ms;
    uint32_t listen_s; /* discovery */
};

struct mqtt_address {
    struct mqtt_where where; /* host NULL: the configured broker */
    const char *command_topic, *read_topic;
    uint32_t max_age_ms;
};

struct mqtt_attribute {
    const char *read_topic, *json_path, *write_topic, *write_payload;
    bool retain;
    int8_t qos;
};

/* ---- what runs ------------------------------------------------------------------------------------------------ */

struct mqtt_service {
    devsdk_service *svc;
    pthread_mutex_t lock;
    struct mqtt_broker *brokers;
};

struct mqtt_broker {
    struct mqtt_broker *next;
    unsigned refs;   /* service.lock held */
    bool configured; /* the service's own, of which there is one */
    struct mqtt_service *service;
    char *key;               /* all of its settings, as a text */
    struct mqtt_where where; /* texts live behind @p key */
    devsdk_mqtt *client;     /* NULL: waits for its credentials; set once, service.lock held */

    pthread_mutex_t lock;
    bool up;
    char reason[160];        /* why not */
    bool unanswered;         /* it does not let us read the answers */
    struct mqtt_map listens; /* filter: struct listen (mqtt_listen.c) */
    struct listen *wild;     /* those with wildcards */
    struct mqtt_map waiting; /* id: struct item (mqtt_command.c) */
    uint64_t n_tokens;       /* of messages whose fate is waited for */
    struct mqtt_map heard;   /* what was said once; "device NAME": of such a device nobody knows */

    /* Of the connection's thread */
    char *room;
    size_t room_size;
    struct mqtt_finding *findings;
    size_t n_findings;
};

/** The device's memory. Touched in its lane; last with the broker's lock held. */
struct mqtt_device {
    struct mqtt_broker *broker;
    struct mqtt_map listening; /* filters */
    struct mqtt_map last;      /* resource: struct mqtt_last */
};

/** What came last for a resource that is not asked for. */
struct mqtt_last {
    int64_t at_ms;
    bool bare; /* a whole payload, else JSON */
    size_t n;
    char bytes[];
};

#define MQTT_LOCK(mutex)                                                                           \
    __attribute__((cleanup(mqtt_unlock))) pthread_mutex_t *mqtt_locked = (mutex);                  \
    pthread_mutex_lock(mqtt_locked)
static inline void mqtt_unlock(pthread_mutex_t **m)
{
    pthread_mutex_unlock(*m);
}

/* ---- mqtt_broker.c ----------------------------------------------------------------------------------------------- */

/** The broker of an address, +1 reference; NULL: why. */
struct mqtt_broker *dmqtt_broker_of(struct mqtt_service *s, const struct mqtt_address *addr,
                                    char *why, size_t size);
void dmqtt_broker_put(struct mqtt_broker *b);
/** Is that address behind this broker? */
bool dmqtt_broker_serves(const struct mqtt_broker *b, const struct mqtt_address *addr);
/** All of them, at the end. */
void dmqtt_brokers_close(struct mqtt_service *s);
/** Secrets have come. */
void dmqtt_brokers_log_in(struct mqtt_service *s);
/** "tcp://host:1883 is not connected: reason", or "" where it is. */
void dmqtt_broker_state(struct mqtt_broker *b, char *ret, size_t size);
/** Say @p text of @p what once; at most so many things are remembered. False: it was said. */
bool dmqtt_once(struct mqtt_broker *b, const char *what);
/** The QoS of what is published for an address. */
uint8_t dmqtt_qos(const struct mqtt_broker *b, const struct mqtt_address *addr,
                  const struct mqtt_attribute *attr);

/* ---- mqtt_listen.c: topics of devices' own ------------------------------------------------------------------------ */

/** Ask the broker for what the device listens to as it is now, and no longer for what it did; in its lane. */
void dmqtt_listen_update(devsdk_device *dev);
void dmqtt_listen_end(devsdk_device *dev);
/** Values that came are read no more. */
void dmqtt_forget_last(devsdk_device *dev);
/** Does the resource get its value that way? Its filter into @p ret; false where it does not. */
bool dmqtt_listens(const devsdk_device *dev, const devsdk_point *p, char *ret, size_t size);
/** fn for the name of each device that listens to @p topic; true where there was one. */
bool dmqtt_listeners(struct mqtt_broker *b, const char *topic,
                     void (*fn)(const char *device, void *arg), void *arg);
/** Renewed after the client is there. */
void dmqtt_listens_subscribe(struct mqtt_broker *b);
void dmqtt_listens_done(struct mqtt_broker *b);

/* ---- mqtt_incoming.c ------------------------------------------------------------------------------------------------- */

/** devsdk/mqtt.h's received(); the argument is the broker. */
void dmqtt_received(void *broker, const devsdk_mqtt_message *m);
/** The value of the i-th resource from what came last. */
devsdk_result dmqtt_read_last(devsdk_device *dev, devsdk_request *r, unsigned i);

/* ---- mqtt_command.c -------------------------------------------------------------------------------------------------- */

devsdk_result dmqtt_read(devsdk_device *dev, devsdk_request *r);
devsdk_result dmqtt_write(devsdk_device *dev, devsdk_request *r);
/** An answer has come. */
void dmqtt_answer(struct mqtt_broker *b, const devsdk_mqtt_message *m);
/** devsdk/mqtt.h's sent(). */
void dmqtt_sent(void *broker, void *token, devsdk_mqtt_fate fate, const char *reason);

#endif
