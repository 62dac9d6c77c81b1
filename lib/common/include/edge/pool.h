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

struct edge_pool *edge_pool_create(const char *name, unsigned max_threads, size_t max_queued);
/** Finishes what is queued, then joins every worker; submit refuses from now on. */
void edge_pool_close(struct edge_pool *p);
/** Closes, and frees. NULL is fine. */
void edge_pool_free(struct edge_pool *p);
/** Run fn(arg) on a worker, in order of submission. False when the queue is full or closing. */
bool edge_pool_submit(struct edge_pool *p, void (*fn)(void *), void *arg);

/* For tests: workers that end after @p idle_ms without work, and how many there are. */
struct edge_pool *edge_pool_create_idle(const char *name, unsigned max_threads, size_t max_queued,
                                        int64_t idle_ms);
unsigned edge_pool_threads(struct edge_pool *p);

#endif
