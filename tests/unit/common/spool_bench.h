/** A spool in a folder of its own, and records that are numbers. */
#ifndef TESTS_SPOOL_BENCH_H
#define TESTS_SPOOL_BENCH_H

#include "edge/log.h"
#include "edge/spool.h"
#include "scratch.h"

struct spool_bench {
    struct scratch dir;
    struct edge_spool_config config;
    struct edge_log *log;
    struct edge_spool *spool;
};

/** Says nothing, keeps to the system's sync; opened by hand. */
void spool_bench_make(struct spool_bench *b);
void spool_bench_open(struct spool_bench *b);
void spool_bench_close(struct spool_bench *b);
void spool_bench_done(struct spool_bench *b);
#define SPOOL_BENCH(name)                                                                          \
    __attribute__((cleanup(spool_bench_done))) struct spool_bench name;                            \
    spool_bench_make(&name)

enum edge_status spool_put(struct spool_bench *b, const char *text);
/** Records of different lengths that begin with @p from, ... @p to - 1. */
void spool_put_numbers(struct spool_bench *b, int from, int to);
/** The number of the first record at or after *seq, -1 where there is none; *seq goes behind it. */
int spool_take(struct spool_bench *b, uint64_t *seq);
struct edge_spool_state spool_state(struct spool_bench *b);

#endif
