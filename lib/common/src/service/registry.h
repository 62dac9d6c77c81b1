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
    struct registry_peer {
        char *name, *url;
        int64_t until_ms; /* how long the address is taken as it is */
    } peers[REGISTRY_PEERS] EDGE_GUARDED;
};

/** @p a lives as long as @p r. */
void registry_open(struct edge_arena *a, struct registry *r, const struct edge_runtime *rt);
/** Register on a thread of its own, as long as it takes; the service listens already. */
void registry_start(struct registry *r);
/** Sign off, within about @p patience_ms; the process is stopping. */
void registry_stop(struct registry *r, int64_t patience_ms);
void registry_done(struct registry *r);
/** The address @p service is registered with; NULL where it is not. Waits. Any thread. */
const char *registry_find(struct registry *r, struct edge_ctx *ctx, const char *service);

#endif
