/** A queue in a folder of its own, before a function with given parameters; what follows it is remembered. */
#ifndef TESTS_QUEUE_BENCH_H
#define TESTS_QUEUE_BENCH_H

#include "edge/config.h"
#include "edge/metrics.h"
#include "edge/thread.h"
#include "export/queue.h"
#include "scratch.h"
#include "suites.h"

enum { BENCH_MAX = 20000 };

struct queue_bench {
    struct scratch dir;
    struct edge_arena arena;
    struct edge_log *log;
    struct edge_metrics *metrics;
    struct export_host host;
    struct export_queue_config config;
    struct export_queue *q;

    struct edge_mutex lock;
    struct edge_named_text secrets[8];
    size_t n_secrets;
    unsigned version;
    char *followed[BENCH_MAX]; /* what went on */
    size_t n_followed;
    uint8_t kind; /* of the last */
    unsigned refuse;
    unsigned told;
};

void bench_make(struct queue_bench *b);
void bench_done(struct queue_bench *b);
#define QUEUE_BENCH(name)                                                                          \
    __attribute__((cleanup(bench_done))) struct queue_bench name;                                  \
    bench_make(&name)

/** Compile @p function with names and values in turn, NULL at the end; the failure's text, or NULL. */
const char *bench_stage(struct queue_bench *b, const char *function, const char *const *params);
void bench_open(struct queue_bench *b);
void bench_close(struct queue_bench *b);
void bench_put(struct queue_bench *b, const char *text);
void bench_put_with(struct queue_bench *b, const char *text, const char *context);
/** name/key, as "name/key". */
void bench_secret(struct queue_bench *b, const char *name_key, const char *value);
struct export_queue_status bench_status(struct queue_bench *b);
/** Until so many wait no more than @p depth, are followed, have been retried...; 10 s. */
bool bench_wait_depth(struct queue_bench *b, uint64_t depth);
bool bench_wait_followed(struct queue_bench *b, size_t n);
bool bench_wait_state(struct queue_bench *b, enum export_queue_state state);
bool bench_wait_retries(struct queue_bench *b, uint64_t n);
bool bench_wait_quarantined(struct queue_bench *b, uint64_t n);
/** The last error has @p text in it; prints what it was where not. */
bool bench_says(struct queue_bench *b, const char *text);

#endif
