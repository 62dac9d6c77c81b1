/**
 * Workers for what has to wait (a device, a neighbour, a disk): threads are started as work comes,
 * up to a bound, and end when idle. The queue is bounded; when it is full, submit refuses, and the
 * caller answers 503.
 */
#ifndef EDGE_POOL_H
#define EDGE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/thread.h"

struct edge_pool *edge_pool_create(const char *name, unsigned max_threads, size_t max_queued);
/** Finishes what is queued, then joins every worker; submit refuses from now on. */
void edge_pool_close(struct edge_pool *p);
/** Closes, and frees. NULL is fine. */
void edge_pool_free(struct edge_pool *p);
/** Run fn(arg) on a worker, in order of submission. False when the queue is full or closing. */
bool edge_pool_submit(struct edge_pool *p, void (*fn)(void *), void *arg);

/**
 * Waiting for a peer shall not take the workers from everybody else: have up to @p most of them that
 * wait for one (edge_wait_begin) be replaced meanwhile; more wait at the cost of the others. Of these
 * at most @p most_for_one wait for one peer that leaves its callers waiting.
 */
void edge_pool_lend(struct edge_pool *p, unsigned most, unsigned most_for_one);

/** A wait of this thread for a peer; on its stack. They may be nested. */
struct edge_wait {
    struct edge_wait *next, **link; /* the pool's, the oldest first */
    const char *peer;
    int64_t since_ms;
};
/**
 * This thread begins to wait for @p peer, which names it until the end. False: too many wait for it
 * already, and long; do not. Nothing but true on a thread that is no worker of a pool that lends.
 */
bool edge_wait_begin(struct edge_wait *w, const char *peer);
void edge_wait_end(struct edge_wait *w);
#define EDGE_NO_DEADLINE INT64_MAX
/**
 * Wait on @p c with @p m held until @p deadline_ms; false when that has passed. Spurious wakes
 * happen. Within a wait for a peer, one that turns out to be long has this worker replaced.
 */
bool edge_wait_on(struct edge_cond *c, struct edge_mutex *m, int64_t deadline_ms);

/* For tests: workers that end after @p idle_ms without work, and how many there are. */
struct edge_pool *edge_pool_create_idle(const char *name, unsigned max_threads, size_t max_queued,
                                        int64_t idle_ms);
unsigned edge_pool_threads(struct edge_pool *p);

#endif
