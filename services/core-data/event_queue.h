/**
 * The queue in front of the event store's writer: who changes something puts a job in, the writer takes
 * what has gathered, and those who must not miss it wait until it is reported.
 */
#ifndef CORE_DATA_EVENT_QUEUE_H
#define CORE_DATA_EVENT_QUEUE_H

#include <stdbool.h>

#include "edge/thread.h"
#include "event_store.h"

struct job_queue {
    struct edge_mutex lock;
    struct edge_cond work, room, settled;
    struct event_job *head EDGE_GUARDED;
    struct event_job *tail EDGE_GUARDED;
    size_t n EDGE_GUARDED;
    size_t weight EDGE_GUARDED;           /* bytes, roughly */
    unsigned settling EDGE_GUARDED;       /* threads waiting for settled */
    size_t n_gathered EDGE_GUARDED;       /* jobs that may wait; all n: the writer need not begin */
    int64_t gather_until_ms EDGE_GUARDED; /* when the first of them may wait no longer */
    /* Jobs that may not wait gather for a millisecond at most, until half of those who write at the same
     * time are there: while one half is committed the other one comes. Who writes alone never waits. */
    size_t n_together EDGE_GUARDED;       /* jobs of the last two commits */
    size_t n_last EDGE_GUARDED;           /* of the last one */
    int64_t linger_until_ms EDGE_GUARDED; /* when the first of them may wait no longer */
    bool hurry EDGE_GUARDED;
    uint64_t n_submitted EDGE_GUARDED, n_reported EDGE_GUARDED; /* since open */
    struct edge_cond reported;
    bool closing EDGE_GUARDED;
    size_t max;
    int64_t gather_ms; /* as configured */
    size_t gather_events;
};

void queue_init(struct job_queue *q, const struct event_store_config *config);
void queue_done(struct job_queue *q);
/** UNAVAILABLE as event_store_submit. @p weight: bytes it keeps in memory, roughly. */
enum edge_status queue_put(struct edge_ctx *ctx, struct job_queue *q, struct event_job *job,
                           size_t weight, int64_t wait_ms);
/** No more is taken; nobody waits any longer. */
void queue_close(struct job_queue *q);
void queue_hurry(struct job_queue *q);
/** All that was put in before is done. */
void queue_flush(struct job_queue *q);
/** Have what has gathered committed, and wait for that; at once where nothing has. */
void queue_catch_up(struct job_queue *q);
/** Nothing is left to be done, without a job either. */
void event_queue_settle(struct job_queue *q);
size_t queue_length(struct job_queue *q);

/* by the writer */
/** What has gathered, when it is time; NULL when there is nothing. With @p wait, until there is or at the
 * deadline (0: none). */
struct event_job *queue_take(struct job_queue *q, bool wait, int64_t deadline_ms,
                             bool *ret_closing);
void queue_reported(struct job_queue *q, size_t n);

#endif
