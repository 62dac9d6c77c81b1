/** A small HTTP load generator: keep-alive connections, one request at a time on each, one thread.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

enum { LOAD_REQUEST_SIZE = 8192 };

struct load {
    uint16_t port; /* of 127.0.0.1 */
    unsigned connections;
    uint64_t requests; /* all together */
    /** Put whole request number @p i, headers included, into @p text; returns its size. */
    size_t (*make)(void *arg, uint64_t i, char text[LOAD_REQUEST_SIZE]);
    void *arg;
    int expect; /* status code */
};

struct load_result {
    double seconds;
    uint64_t answered, unexpected;
    double p50_us, p99_us, max_us;
};

/** 0, or -1 with a line on standard error: no connection, or one broke. */
int load_run(const struct load *load, struct load_result *ret);

#endif
