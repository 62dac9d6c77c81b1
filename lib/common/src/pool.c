/*
 * The worker pool: a bounded ring of jobs and as many threads as there is work for. A job goes to
 * the worker that fell idle last, so that the others get their rest and end.
 */
#include "edge/pool.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/thread.h"

enum { IDLE_MS = 10000, WORKER_NICE = 5 };

struct job {
    void (*fn)(void *);
    void *arg;
};

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
    struct edge_mutex lock;
    struct edge_cond last_left;
    struct job *ring; /* of max_queued; what is in it belongs to the lock too */
    size_t head EDGE_GUARDED, n_queued EDGE_GUARDED;
    struct idler *idlers EDGE_GUARDED; /* the latest first */
    unsigned n_threads EDGE_GUARDED;
    bool closing EDGE_GUARDED;
    /* Each worker that leaves joins the one that left before it, so one handle is all we keep. */
    pthread_t left EDGE_GUARDED;
    bool has_left EDGE_GUARDED;
};

static void *work(void *arg);

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
    edge_mutex_done(&p->lock);
    free(p->ring);
    free(p);
}

bool edge_pool_submit(struct edge_pool *p, void (*fn)(void *), void *arg)
{
    EDGE_LOCK(&p->lock);
    if (p->closing || p->n_queued == p->max_queued) {
        return false;
    }
    p->ring[(p->head + p->n_queued) % p->max_queued] = (struct job){fn, arg};
    p->n_queued++;
    if (p->idlers) {
        wake_idler(p);
    } else if (p->n_threads < p->max_threads) {
        p->n_threads++;
        edge_thread_start(p->name, work, p);
    }
    return true;
}

unsigned edge_pool_threads(struct edge_pool *p)
{
    EDGE_LOCK(&p->lock);
    return p->n_threads;
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

/* The next job, or false when this worker has left: then it owes *ret_before a join, if there is
 * one. */
static bool next_job(struct edge_pool *p, struct job *ret, bool *ret_join, pthread_t *ret_before)
{
    EDGE_LOCK(&p->lock);
    while (p->n_queued == 0) {
        if (p->closing || !idle(p)) {
            *ret_join = leave(p, ret_before);
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
    pthread_t before;
    while (next_job(p, &job, &join, &before)) {
        job.fn(job.arg);
    }
    if (join) {
        pthread_join(before, NULL);
    }
    return NULL;
}
