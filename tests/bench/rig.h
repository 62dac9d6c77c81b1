/** What the benchmarks of whole platforms share: sizes, times, fleets of virtual devices. */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include <stddef.h>
#include <stdint.h>

#include "platform.h"

/** A devices file for device-virtual: @p n devices with one auto event per source, every @p
 * interval. */
void rig_fleet(struct platform *p, const char *profile, const char *const *sources,
               size_t n_sources, int64_t n, const char *interval);

int64_t rig_pss_kb(const struct platform *p);     /* of all programs but the broker */
double rig_cpu_seconds(const struct platform *p); /* used so far, of the same */
int64_t rig_pid_pss_kb(pid_t pid);
double rig_pid_cpu_seconds(pid_t pid);
/** What one core does in a second: turns of a counting loop. CPU shares of different machines compare with it. */
double rig_loops_per_second(void);
int64_t rig_events(const struct platform *p); /* stored so far */
void rig_wait_ms(int64_t ms);

double rig_median(double *values, size_t n); /* sorts */
double rig_quantile(double *sorted, size_t n, double q);

/** Aborts with @p what unless @p ok: a figure from a broken run is worse than none. */
void rig_must(bool ok, const char *what);

#endif
