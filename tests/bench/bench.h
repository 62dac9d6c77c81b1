/** What the benchmarks share: time, temporary directories, synthetic events, the line of results.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "contracts/event.h"
#include "edge/arena.h"
#include "event_store.h"

/** Seconds since some start. */
double bench_now(void);

/** Shape of a synthetic load: events of @p n_devices devices in turn, origins forward in time. */
struct bench_shape {
    unsigned n_devices, n_readings; /* readings per event */
};
/** Event number @p i of the shape, with an id of its own. */
const struct event *bench_event(struct edge_arena *a, const struct bench_shape *shape, uint64_t i);

/** Events put into a store, always @p in_flight at a time; wall-clock seconds until all are
 * durable. */
double bench_store_fill(struct event_store *store, const struct bench_shape *shape, uint64_t first,
                        uint64_t n, size_t in_flight);

/** The proportional share of memory of this process, bytes. */
int64_t bench_pss(void);

int bench_compare_doubles(const void *a, const void *b);
/** Middle of @p n values, which are sorted in place. */
double bench_median(double *values, size_t n);

#endif
