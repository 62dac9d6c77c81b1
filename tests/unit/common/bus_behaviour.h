/**
 * How every bus behaves: cases run against the one in process and the one over a broker alike. A
 * lab is one bus with whatever it needs.
 */
#ifndef TESTS_BUS_BEHAVIOUR_H
#define TESTS_BUS_BEHAVIOUR_H

#include <stdatomic.h>

#include "broker.h"
#include "edge/bus.h"
#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "edge/thread.h"
#include "suites.h"
#include "wait.h"

enum { BUS_SOON_MS = 30 * 1000 }; /* what should happen happens within this */

struct lab {
    struct edge_bus_hub *hub; /* in process, or NULL */
    struct broker *broker;    /* over MQTT, or NULL */
    struct edge_pool *pool;
    struct edge_metrics *metrics;
    struct edge_log *log;
};

/** A bus over @p broker. */
struct lab lab_mqtt(struct broker *broker);
/** Run @p test with a broker of its own (@p more: as of broker_start), or skip it. */
void lab_run_mqtt(void (*test)(struct lab *), const char *more);
void lab_done(struct lab *lab);
struct edge_bus_config lab_config(const struct lab *lab, const char *service);
/** A connection, perhaps not connected yet: open all, listen, then wait (paho takes a second to
 * look at a connection opened while it sleeps). */
struct edge_bus *lab_open(const struct edge_bus_config *config);
struct edge_bus *lab_connect(const struct lab *lab, const char *service);
/** Wait until it hears; fails the test where it does not. */
void lab_ready(struct edge_bus *bus);
uint64_t lab_dropped(const struct lab *lab);

/** Hears messages: remembers how many, and the correlation ids in order. */
struct ear {
    struct edge_mutex lock;
    struct edge_cond heard;
    unsigned n EDGE_GUARDED;
    char last[64] EDGE_GUARDED;
    char topics[4096] EDGE_GUARDED; /* "a/b c/d " */
    int64_t next[8] EDGE_GUARDED;   /* the number to come from each publisher */
    unsigned disorder EDGE_GUARDED, gaps EDGE_GUARDED;
};
void ear_init(struct ear *ear);
void ear_done(struct ear *ear);
edge_bus_handler ear_hears;
/** Counts only, and checks "<publisher>:<number>" correlation ids. */
edge_bus_handler ear_counts;
unsigned ear_n(struct ear *ear);
bool ear_wait(struct ear *ear, unsigned n);

void bus_listen(struct edge_bus *bus, const char *pattern, edge_bus_handler *handler, void *state,
                unsigned flags);
void bus_say(struct edge_bus *bus, const char *topic, const char *correlation_id);

#define BUS_BEHAVIOURS(X)                                                                          \
    X(order, "messages of a publisher keep their order")                                           \
    X(patterns, "each matching handler hears a message once")                                      \
    X(content, "a message arrives as it was sent")                                                 \
    X(requests, "a hundred requests at once get their own answers")                                \
    X(foreign_answers, "foreign, repeated and late answers are ignored")                           \
    X(error_answer, "an error is an answer")                                                       \
    X(no_answer, "a request without answer ends at its deadline")                                  \
    X(busy_asker, "an answer passes a full queue")                                                 \
    X(slow_handler, "a slow handler makes publishers wait")                                        \
    X(stuck_handler, "a stuck handler costs messages, and they are counted")                       \
    X(self_filling, "a handler may publish into its own full queue")                               \
    X(full_pool, "a full worker pool is waited for")                                               \
    X(close_delivers, "closing delivers what is queued")                                           \
    X(close_gives_up, "closing gives up at its deadline")                                          \
    X(close_amid, "connections may close while others publish")                                    \
    X(nonsense, "topics and patterns no broker takes are refused")

#define BEHAVE(name, text) void behave_##name(struct lab *lab);
BUS_BEHAVIOURS(BEHAVE)
#undef BEHAVE

#endif
