/** A mosquitto with tests/peers/cloud.c in it, which receives as a cloud does, and one who hears what arrives. */
#ifndef TESTS_CLOUD_BENCH_H
#define TESTS_CLOUD_BENCH_H

#include "broker.h"
#include "edge/mqtt.h"
#include "edge/thread.h"
#include "queue_bench.h"

struct cloud {
    struct broker *b;
    struct edge_mqtt *ear;
    struct edge_arena arena; /* of the test's thread */

    struct edge_mutex lock;
    char last_topic[600], last[4000];
    char all[200000]; /* payloads, each with a blank behind */
    unsigned n;
    int qos;
    /** NULL, or called with what arrives, on paho's thread; may publish. */
    void (*answer)(struct cloud *c, const struct edge_mqtt_message *m);
    void *answer_arg;
};

/**
 * @p options: lines of its configuration, %s its folder; "plugin_opt_..." are the peer's. The ear hears @p topics,
 * each ended by a blank.
 */
void cloud_start(struct cloud *c, const char *options, const char *topics);
void cloud_done(struct cloud *c);
#define CLOUD(name) __attribute__((cleanup(cloud_done))) struct cloud name = {0}
/** Prepared, with certificates; not started, and nobody hears. */
void cloud_start_plain(struct cloud *c, const char *options);
void cloud_hear(struct cloud *c, const char *topics);
/** The lines that load the peer, which is built for it. */
#define CLOUD_PEER                                                                                 \
    BROKER_TLS "plugin %s/peer.so\nplugin_opt_report %s/report\nmax_packet_size 400000\n"

const char *cloud_port(struct cloud *c);
/** The broker's own file as a secret. */
void cloud_secret(struct cloud *c, struct queue_bench *q, const char *name_key, const char *file);
/** Until so many have arrived. */
bool cloud_wait(struct cloud *c, unsigned n);
bool cloud_last_is(struct cloud *c, const char *topic, const char *payload);
/** Until the peer's report has @p line so often; how often it has it now. */
bool cloud_wait_report(struct cloud *c, const char *line, unsigned n);
unsigned cloud_reported(struct cloud *c, const char *line);
void cloud_publish(struct cloud *c, const char *topic, const char *payload);

#endif
