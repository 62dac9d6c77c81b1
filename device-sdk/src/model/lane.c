/*
 * Lanes over a worker pool. Lanes with work and free stand in the ready list; up to max_threads
 * runners take one job each from the lane in front, which then queues up again at the end. So a
 * lane with much to do does not keep the others waiting, and a slow device costs one worker.
 */
#include "lane.h"

#include <assert.h>
#include <stdlib.h>

#include "edge/arena.h"
#include "edge/map.h"
#include "edge/pool.h"
#include "edge/thread.h"

struct queue {
    struct sdk_job *head, **tail;
    size_t n;
};

struct sdk_lane {
    struct sdk_lanes *lanes;
    struct sdk_lane *next_ready;
    char *key;
    unsigned refs;
    bool taken;    /* ready, running or held */
    bool held;     /* its job said so */
    bool released; /* before its job could say held */
    struct queue queues[SDK_PRIORITIES];
};

struct sdk_lanes {
    struct edge_mutex lock; /* of everything here, the lanes included */
    struct edge_cond quiet;
    struct edge_map by_key EDGE_GUARDED;
    struct sdk_lane *ready EDGE_GUARDED, *ready_last EDGE_GUARDED;
    unsigned n_runners EDGE_GUARDED;
    unsigned max_runners;
    size_t max_waiting;
    struct edge_pool *pool;
};

static void run_lanes(void *arg);

struct sdk_lanes *sdk_lanes_create(const char *name, unsigned max_threads, size_t max_waiting)
{
    struct sdk_lanes *lanes = edge_xalloc(1, sizeof(*lanes));
    edge_mutex_init(&lanes->lock);
    edge_cond_init(&lanes->quiet);
    lanes->max_runners = max_threads > 0 ? max_threads : 1;
    lanes->max_waiting = max_waiting;
    /* One place more than runners: a runner that ends may not have left the pool's queue yet. */
    lanes->pool = edge_pool_create(name, lanes->max_runners, lanes->max_runners + 1);
    return lanes;
}

static void forget_all(struct sdk_lanes *lanes)
{
    EDGE_LOCK(&lanes->lock);
    assert(lanes->by_key.n == 0);
    edge_map_done(&lanes->by_key);
}

void sdk_lanes_free(struct sdk_lanes *lanes)
{
    if (!lanes) {
        return;
    }
    edge_pool_free(lanes->pool);
    forget_all(lanes);
    edge_cond_done(&lanes->quiet);
    edge_mutex_done(&lanes->lock);
    free(lanes);
}

bool sdk_lanes_wait_quiet(struct sdk_lanes *lanes, int64_t deadline_ms)
{
    EDGE_LOCK(&lanes->lock);
    while (lanes->n_runners > 0) {
        if (!edge_cond_wait_until(&lanes->quiet, &lanes->lock, deadline_ms)) {
            return lanes->n_runners == 0;
        }
    }
    return true;
}

/* ---- a lane's life ------------------------------------------------------------------------- */

struct sdk_lane *sdk_lane_get(struct sdk_lanes *lanes, const char *key)
{
    EDGE_LOCK(&lanes->lock);
    struct sdk_lane *lane = edge_map_find(&lanes->by_key, key);
    if (!lane) {
        lane = edge_xalloc(1, sizeof(*lane));
        lane->lanes = lanes;
        lane->key = edge_xstrdup(key);
        for (size_t i = 0; i < SDK_PRIORITIES; i++) {
            lane->queues[i].tail = &lane->queues[i].head;
        }
        edge_map_put(&lanes->by_key, key, lane);
    }
    lane->refs++;
    return lane;
}

static struct queue *first_queue(struct sdk_lane *lane)
{
    for (size_t i = 0; i < SDK_PRIORITIES; i++) {
        if (lane->queues[i].head) {
            return &lane->queues[i];
        }
    }
    return NULL;
}

/* Nobody knows it and nothing of it runs or waits: gone. */
static void forget_unused(struct sdk_lanes *lanes, struct sdk_lane *lane) EDGE_REQUIRES(lanes->lock)
{
    if (lane->refs > 0 || lane->taken || first_queue(lane)) {
        return;
    }
    edge_map_remove(&lanes->by_key, lane->key);
    free(lane->key);
    free(lane);
}

void sdk_lane_put(struct sdk_lane *lane)
{
    struct sdk_lanes *lanes = lane->lanes;
    EDGE_LOCK(&lanes->lock);
    assert(lane->refs > 0);
    lane->refs--;
    forget_unused(lanes, lane);
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static void link_job(struct queue *q, struct sdk_job *job)
{
    job->next = NULL;
    job->link = q->tail;
    *q->tail = job;
    q->tail = &job->next;
    q->n++;
}

static void unlink_job(struct queue *q, struct sdk_job *job)
{
    *job->link = job->next;
    if (job->next) {
        job->next->link = job->link;
    } else {
        q->tail = job->link;
    }
    job->next = NULL;
    job->link = NULL;
    q->n--;
}

/* Put a lane with work into the ready list and see that somebody runs it. */
static void make_ready(struct sdk_lanes *lanes, struct sdk_lane *lane) EDGE_REQUIRES(lanes->lock)
{
    lane->taken = true;
    lane->next_ready = NULL;
    if (lanes->ready) {
        lanes->ready_last->next_ready = lane;
    } else {
        lanes->ready = lane;
    }
    lanes->ready_last = lane;
    if (lanes->n_runners < lanes->max_runners && edge_pool_submit(lanes->pool, run_lanes, lanes)) {
        lanes->n_runners++;
    }
    assert(lanes->n_runners > 0);
}

bool sdk_lane_submit(struct sdk_lane *lane, struct sdk_job *job, enum sdk_priority priority)
{
    struct sdk_lanes *lanes = lane->lanes;
    struct queue *q = &lane->queues[priority];
    EDGE_LOCK(&lanes->lock);
    if (job->link) {
        return true;
    }
    if ((priority == SDK_READ || priority == SDK_WRITE) && q->n >= lanes->max_waiting) {
        return false;
    }
    job->priority = priority;
    link_job(q, job);
    if (!lane->taken) {
        make_ready(lanes, lane);
    }
    return true;
}

bool sdk_lane_withdraw(struct sdk_lane *lane, struct sdk_job *job)
{
    EDGE_LOCK(&lane->lanes->lock);
    if (!job->link) {
        return false;
    }
    unlink_job(&lane->queues[job->priority], job);
    return true;
}

static void turn_ended(struct sdk_lanes *lanes, struct sdk_lane *lane) EDGE_REQUIRES(lanes->lock)
{
    lane->taken = false;
    if (first_queue(lane)) {
        make_ready(lanes, lane);
    } else {
        forget_unused(lanes, lane);
    }
}

void sdk_lane_release(struct sdk_lane *lane)
{
    struct sdk_lanes *lanes = lane->lanes;
    EDGE_LOCK(&lanes->lock);
    if (!lane->held) {
        lane->released = true; /* its job has not come back yet to say it holds the lane */
        return;
    }
    lane->held = false;
    turn_ended(lanes, lane);
}

static void end_turn(struct sdk_lanes *lanes, struct sdk_lane *lane, enum sdk_turn turn)
    EDGE_REQUIRES(lanes->lock)
{
    if (turn == SDK_HELD && !lane->released) {
        lane->held = true;
        return;
    }
    lane->released = false;
    turn_ended(lanes, lane);
}

static struct sdk_job *next_job(struct sdk_lanes *lanes, struct sdk_lane **lane)
    EDGE_REQUIRES(lanes->lock)
{
    while (lanes->ready) {
        *lane = lanes->ready;
        lanes->ready = (*lane)->next_ready;
        struct queue *q = first_queue(*lane);
        if (q) {
            struct sdk_job *job = q->head;
            unlink_job(q, job);
            return job;
        }
        turn_ended(lanes, *lane); /* its work was withdrawn */
    }
    return NULL;
}

/* Ends the turn of *lane, if any, and takes the next job; NULL: none, and the runner has left. */
static struct sdk_job *take_turn(struct sdk_lanes *lanes, struct sdk_lane **lane,
                                 enum sdk_turn turn)
{
    EDGE_LOCK(&lanes->lock);
    if (*lane) {
        end_turn(lanes, *lane, turn);
    }
    struct sdk_job *job = next_job(lanes, lane);
    if (!job && --lanes->n_runners == 0) {
        edge_cond_broadcast(&lanes->quiet);
    }
    return job;
}

static void run_lanes(void *arg)
{
    struct sdk_lanes *lanes = arg;
    struct sdk_lane *lane = NULL;
    struct sdk_job *job;
    enum sdk_turn turn = SDK_NEXT;
    while ((job = take_turn(lanes, &lane, turn)) != NULL) {
        turn = job->run(job, lane);
    }
}
