/*
 * The worker pool: a bounded ring of jobs and as many threads as there is work for. A job goes to
 * the worker that fell idle last, so that the others get their rest and end.
 */
#include "edge/pool.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/thread.h"

enum {
    IDLE_MS = 10000,
    WORKER_NICE = 5,
    SHORT_WAIT_MS = 10,    /* a peer that answers within it never costs another thread */
    LEFT_WAITING_MS = 500, /* a peer that lets its callers wait for so long is silent */
};

struct job {
    void (*fn)(void *);
    void *arg;
};

/* What a worker's thread knows of itself. */
struct worker {
    struct edge_pool *pool;
    unsigned n_waits;
    bool replaced; /* by another worker, while it waits */
};
static _Thread_local struct worker me; /* a wait is deep below the job that knows its pool */

/* A worker with nothing to do; lives on its stack. */
struct idler {
    struct idler *next;
    struct edge_cond wake;
    bool woken;
};

struct edge_pool {
    char name[16];
    unsigned max_threads;
    size_t max_queued;
    int64_t idle_ms;
    unsigned max_lent, max_for_one; /* 0: does not lend */
    struct edge_mutex lock;
    struct edge_cond last_left;
    struct edge_cond fewer_wait; /* for a peer */
    struct job *ring;            /* of max_queued; what is in it belongs to the lock too */
    size_t head EDGE_GUARDED, n_queued EDGE_GUARDED;
    struct idler *idlers EDGE_GUARDED;                              /* the latest first */
    struct edge_wait *waits EDGE_GUARDED, **last_wait EDGE_GUARDED; /* the oldest first */
    unsigned n_at_door EDGE_GUARDED; /* would wait for a peer for which enough do */
    unsigned n_threads EDGE_GUARDED;
    unsigned n_lent EDGE_GUARDED; /* of them: wait for a peer, and another may work */
    bool closing EDGE_GUARDED;
    /* Each worker that leaves joins the one that left before it, so one handle is all we keep. */
    pthread_t left EDGE_GUARDED;
    bool has_left EDGE_GUARDED;
};

static void *work(void *arg);

static void init_waits(struct edge_pool *p)
{
    EDGE_LOCK(&p->lock);
    p->last_wait = &p->waits;
}

struct edge_pool *edge_pool_create(const char *name, unsigned max_threads, size_t max_queued)
{
    return edge_pool_create_idle(name, max_threads, max_queued, IDLE_MS);
}

struct edge_pool *edge_pool_create_idle(const char *name, unsigned max_threads, size_t max_queued,
                                        int64_t idle_ms)
{
    struct edge_pool *p = edge_xalloc(1, sizeof(*p));
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->max_threads = max_threads > 0 ? max_threads : 1;
    p->max_queued = max_queued > 0 ? max_queued : 1;
    p->idle_ms = idle_ms;
    p->ring = edge_xalloc(p->max_queued, sizeof(*p->ring));
    edge_mutex_init(&p->lock);
    edge_cond_init(&p->last_left);
    edge_cond_init(&p->fewer_wait);
    init_waits(p);
    return p;
}

static void wake_idler(struct edge_pool *p) EDGE_REQUIRES(p->lock)
{
    struct idler *idler = p->idlers;
    p->idlers = idler->next;
    idler->woken = true;
    edge_cond_signal(&idler->wake);
}

/* True where somebody has left, whose handle is *ret_last. */
static bool wait_for_workers(struct edge_pool *p, pthread_t *ret_last)
{
    EDGE_LOCK(&p->lock);
    p->closing = true;
    while (p->idlers) {
        wake_idler(p);
    }
    while (p->n_threads > 0) {
        edge_cond_wait(&p->last_left, &p->lock);
    }
    *ret_last = p->left;
    bool some = p->has_left;
    p->has_left = false;
    return some;
}

void edge_pool_close(struct edge_pool *p)
{
    pthread_t last;
    if (wait_for_workers(p, &last)) {
        pthread_join(last, NULL);
    }
}

void edge_pool_free(struct edge_pool *p)
{
    if (!p) {
        return;
    }
    edge_pool_close(p);
    edge_cond_done(&p->last_left);
    edge_cond_done(&p->fewer_wait);
    edge_mutex_done(&p->lock);
    free(p->ring);
    free(p);
}

/* The first one there must be; who comes instead of one that waits is left out where the system has
 * no more threads. */
static void start_worker(struct edge_pool *p) EDGE_REQUIRES(p->lock)
{
    p->n_threads++;
    if (p->n_threads == 1) {
        edge_thread_start(p->name, work, p);
    } else if (!edge_thread_try(p->name, work, p)) {
        p->n_threads--;
    }
}

static void call_worker(struct edge_pool *p) EDGE_REQUIRES(p->lock)
{
    if (p->idlers) {
        wake_idler(p);
    } else if (p->n_threads - p->n_lent < p->max_threads) {
        start_worker(p);
    }
}

bool edge_pool_submit(struct edge_pool *p, void (*fn)(void *), void *arg)
{
    EDGE_LOCK(&p->lock);
    if (p->closing || p->n_queued == p->max_queued) {
        return false;
    }
    p->ring[(p->head + p->n_queued) % p->max_queued] = (struct job){fn, arg};
    p->n_queued++;
    call_worker(p);
    return true;
}

unsigned edge_pool_threads(struct edge_pool *p)
{
    EDGE_LOCK(&p->lock);
    return p->n_threads;
}

/* ---- waiting for peers ---------------------------------------------------------------------- */

void edge_pool_lend(struct edge_pool *p, unsigned most, unsigned most_for_one)
{
    p->max_lent = most;
    p->max_for_one = most_for_one;
}

static bool lends(void)
{
    return me.pool && me.pool->max_lent > 0;
}

/* How long the oldest of those that may wait for @p peer at a time does; < 0: there is room. */
static int64_t crowd_age(struct edge_pool *p, const char *peer, int64_t now) EDGE_REQUIRES(p->lock)
{
    const struct edge_wait *oldest = NULL;
    unsigned n = 0;
    for (const struct edge_wait *w = p->waits; w; w = w->next) {
        if (strcmp(w->peer, peer) == 0) {
            oldest = oldest ? oldest : w;
            n++;
        }
    }
    return n >= p->max_for_one ? now - oldest->since_ms : -1;
}

/* A peer that answers has room soon; one that leaves its callers waiting gets no more of them. */
static bool find_room(struct edge_pool *p, const char *peer) EDGE_REQUIRES(p->lock)
{
    for (;;) {
        int64_t now = edge_now_mono_ms(), age = crowd_age(p, peer, now);
        if (age < 0 || age >= LEFT_WAITING_MS) {
            return age < 0;
        }
        p->n_at_door++;
        edge_cond_wait_until(&p->fewer_wait, &p->lock, now + LEFT_WAITING_MS - age);
        p->n_at_door--;
    }
}

bool edge_wait_begin(struct edge_wait *w, const char *peer)
{
    if (!lends()) {
        return true;
    }
    struct edge_pool *p = me.pool;
    EDGE_LOCK(&p->lock);
    if (!find_room(p, peer)) {
        return false;
    }
    int64_t now = edge_now_mono_ms();
    *w = (struct edge_wait){.peer = peer, .since_ms = now, .link = p->last_wait};
    *p->last_wait = w;
    p->last_wait = &w->next;
    me.n_waits++;
    return true;
}

void edge_wait_end(struct edge_wait *w)
{
    if (!lends()) {
        return;
    }
    struct edge_pool *p = me.pool;
    EDGE_LOCK(&p->lock);
    *w->link = w->next;
    if (w->next) {
        w->next->link = w->link;
    } else {
        p->last_wait = w->link;
    }
    if (p->n_at_door > 0) {
        edge_cond_broadcast(&p->fewer_wait);
    }
    if (--me.n_waits == 0 && me.replaced) {
        me.replaced = false;
        p->n_lent--;
    }
}

static void let_another_work(void)
{
    struct edge_pool *p = me.pool;
    EDGE_LOCK(&p->lock);
    if (p->n_lent >= p->max_lent) {
        return;
    }
    me.replaced = true;
    p->n_lent++;
    if (p->n_queued > 0) {
        call_worker(p);
    }
}

static bool wait_on(struct edge_cond *c, struct edge_mutex *m, int64_t deadline_ms)
{
    if (deadline_ms != EDGE_NO_DEADLINE) {
        return edge_cond_wait_until(c, m, deadline_ms);
    }
    edge_cond_wait(c, m);
    return true;
}

bool edge_wait_on(struct edge_cond *c, struct edge_mutex *m, int64_t deadline_ms)
{
    int64_t soon = edge_now_mono_ms() + SHORT_WAIT_MS;
    if (!lends() || me.n_waits == 0 || me.replaced || deadline_ms <= soon) {
        return wait_on(c, m, deadline_ms);
    }
    if (!edge_cond_wait_until(c, m, soon)) {
        let_another_work();
    }
    return true;
}

/* ---- a worker ------------------------------------------------------------------------------ */

static void forget_idler(struct edge_pool *p, struct idler *idler) EDGE_REQUIRES(p->lock)
{
    struct idler **at = &p->idlers;
    while (*at != idler) {
        at = &(*at)->next;
    }
    *at = idler->next;
}

/* Wait for work; false when it did not come in time. */
static bool idle(struct edge_pool *p) EDGE_REQUIRES(p->lock)
{
    struct idler idler = {.next = p->idlers};
    edge_cond_init(&idler.wake);
    p->idlers = &idler;
    int64_t until = edge_now_mono_ms() + p->idle_ms;
    bool in_time = true;
    while (!idler.woken && in_time) {
        in_time = edge_cond_wait_until(&idler.wake, &p->lock, until);
    }
    if (!idler.woken) {
        forget_idler(p, &idler);
    }
    edge_cond_done(&idler.wake);
    return idler.woken;
}

/* Hand our own handle on and take the one of who left before us; false where we are the first. */
static bool leave(struct edge_pool *p, pthread_t *ret_before) EDGE_REQUIRES(p->lock)
{
    bool some = p->has_left;
    *ret_before = p->left;
    p->left = pthread_self();
    p->has_left = true;
    if (--p->n_threads == 0) {
        edge_cond_signal(&p->last_left);
    }
    return some;
}

/* Those it stood in for have come back. */
static bool is_spare(const struct edge_pool *p) EDGE_REQUIRES(p->lock)
{
    return p->n_threads - p->n_lent > p->max_threads;
}

/* The next job, or false when this worker has left: then it owes *ret_before a join, if there is
 * one. */
static bool next_job(struct edge_pool *p, struct job *ret, bool *ret_join, pthread_t *ret_before)
{
    EDGE_LOCK(&p->lock);
    while (p->n_queued == 0 || is_spare(p)) {
        if (p->closing || is_spare(p) || !idle(p)) {
            *ret_join = leave(p, ret_before);
            if (p->n_queued > 0) {
                call_worker(p); /* a job we were woken for */
            }
            return false;
        }
    }
    *ret = p->ring[p->head];
    p->head = (p->head + 1) % p->max_queued;
    p->n_queued--;
    return true;
}

/* Dozens of workers shall not keep the few event threads from the cores: a ping is answered while all
 * of them are busy. */
static void give_way(void)
{
    setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE); /* Linux: of this thread only */
}

static void *work(void *arg)
{
    struct edge_pool *p = arg;
    struct job job;
    bool join = false;
    give_way();
    me.pool = p;
    pthread_t before;
    while (next_job(p, &job, &join, &before)) {
        job.fn(job.arg);
    }
    if (join) {
        pthread_join(before, NULL);
    }
    return NULL;
}
