/** What the suites of the event store share: a store in a directory of its own, events by the
 * dozen. */
#ifndef TESTS_STORE_SUPPORT_H
#define TESTS_STORE_SUPPORT_H

#include <stdbool.h>

#include "edge/thread.h"
#include "event_store.h"
#include "scratch.h"

struct store_fixture {
    struct edge_ctx ctx;
    struct scratch dir;
    char path[96];
    struct event_store_config config;
    struct event_store *store;
};

/** A new directory and a store in it, with small segments. */
void store_setup(struct store_fixture *f);
void store_teardown(struct store_fixture *f);
void store_reopen(struct store_fixture *f);
#define STORE_FIXTURE(name)                                                                        \
    EDGE_CLEANUP(store_teardown) struct store_fixture name;                                        \
    store_setup(&name)

/** Waits for jobs to be reported. */
struct latch {
    struct edge_mutex lock;
    struct edge_cond changed;
    size_t left;
    enum edge_status st; /* the last failure, or OK */
    char why[256];
};
void latch_init(struct latch *l, size_t n);
void latch_wait(struct latch *l); /* and done */

struct latched_job {
    struct event_job job;
    struct latch *latch;
};
/** Submit @p job, reported to @p l; waits for room in the queue. */
void latched_submit(struct event_store *store, struct latched_job *job, struct latch *l);

/** Do one job and wait for it; the reason of a failure goes into f->ctx. */
enum edge_status store_do(struct store_fixture *f, const struct event_job *job);
enum edge_status store_add(struct store_fixture *f, const struct event *e);
enum edge_status store_remove_id(struct store_fixture *f, const char *id);
/** Noted, done and settled. */
enum edge_status store_remove(struct store_fixture *f, const char *device, const char *source,
                              int64_t cutoff);

/** An event of @p device with @p n Int64 readings of resources r0, r1, ... valued origin + i. */
struct event *make_event(struct edge_arena *a, const char *device, const char *source,
                         int64_t origin, size_t n);
/** The id of the n-th event ever made: not random, so that a failing test fails again. */
const char *make_id(struct edge_arena *a, uint64_t n);

#endif
