/** A service's entry in the registry of core-keeper (-r), and the entries of its neighbours. */
#ifndef EDGE_REGISTRY_H
#define EDGE_REGISTRY_H

#include <pthread.h>
#include <stdatomic.h>

#include "edge/service.h"
#include "edge/thread.h"

enum { REGISTRY_PEERS = 16 };

struct registry {
    const char *url; /* of core-keeper; NULL: no registry is used */
    const struct edge_runtime *rt;
    bool running;
    pthread_t thread;
    _Atomic bool registered;
    struct edge_mutex lock;
    struct edge_cond changed;
    bool doubted EDGE_GUARDED; /* somebody of our name was heard of: look at the entry at once */
    bool ended EDGE_GUARDED;
    int64_t unsure_until_ms EDGE_GUARDED; /* whether we are who has the name: no entry till then */
    struct registry_peer {
        char *name, *url;
        int64_t until_ms; /* how long the address is taken as it is */
    } peers[REGISTRY_PEERS] EDGE_GUARDED;
};

/** @p a lives as long as @p r. */
void registry_open(struct edge_arena *a, struct registry *r, const struct edge_runtime *rt);
/**
 * Register on a thread of its own, as long as it takes; the service listens already. From then on it
 * looks now and then whether the entry is still there and its own, and makes it so.
 */
void registry_start(struct registry *r);
/** Another one of our name was heard of at the broker: the entry may be its. Any thread. */
void registry_doubt(struct registry *r);
/** One of our name was there and is silent: no entry of ours before it has had time to come back. */
void registry_wait(struct registry *r);
/** Sign off, if the entry is our own, within about @p patience_ms; the process is stopping. */
void registry_stop(struct registry *r, int64_t patience_ms);
void registry_done(struct registry *r);
/** The address @p service is registered with; NULL where it is not. Waits. Any thread. */
const char *registry_find(struct registry *r, struct edge_ctx *ctx, const char *service);

#endif
