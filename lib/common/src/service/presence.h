/**
 * One service of a name at a broker. Two with the same name, or the same MQTT client id, would push
 * each other off the broker for ever, answer every command twice and store every event twice.
 *
 * Each service keeps a retained message on <base>/presence/<service>. Before it connects under its
 * own client id it asks there, under another one, and hears its own question come back: the broker
 * puts all questions in one order, so of two that start together one comes first. Who already runs
 * answers; who asked is refused then. What a service left behind that can no longer answer (kill -9
 * while the broker was away) holds up its successor for two seconds.
 *
 * Where a broker starts anew, somebody may ask before who was there has come back. Then two do push
 * each other out, each push makes the broker say the other one's last will, and at the third the one
 * that was started later gives way.
 */
#ifndef EDGE_PRESENCE_H
#define EDGE_PRESENCE_H

#include <pthread.h>
#include <stdbool.h>

#include "edge/bus.h"
#include "edge/text.h"

struct edge_instance;

struct presence {
    struct edge_instance *inst; /* NULL: no broker, nobody to ask */
    struct edge_bus_config config;
    const char *topic, *id; /* id: made at each start */
    int64_t since;          /* ns since 1970 */
    pthread_t thread;
    bool running;
    _Atomic bool subscribed;

    /* By the delivery thread alone. */
    char rival[EDGE_UUID_SIZE]; /* who was here before us and should not live any more */
    unsigned n_signs;           /* of life from it */
};

/** Have @p config keep away from the broker until presence_start() allows it, and say there that we
 * are here. What @p config points to stays as long as the instance. */
void presence_prepare(struct presence *p, struct edge_instance *inst,
                      struct edge_bus_config *config);
/** Ask, on a thread of its own, as long as it takes: then let the bus connect, or have the process
 * fail. */
enum edge_status presence_start(struct edge_ctx *ctx, struct presence *p);
/** All that the service hears from its start on is subscribed to: one with a session may connect. */
void presence_subscribed(struct presence *p);
/** The process is stopping. */
void presence_stop(struct presence *p);

#endif
