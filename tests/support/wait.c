/* Conditions with deadlines, for tests of what runs on several threads. */
#include "wait.h"

#include <stdlib.h>
#include <time.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/thread.h"

struct gate {
    struct edge_mutex lock;
    struct edge_cond changed;
    unsigned come EDGE_GUARDED;
    bool open EDGE_GUARDED;
};

bool wait_until(bool (*ready)(void *), void *arg, int64_t ms)
{
    int64_t deadline = edge_now_mono_ms() + ms;
    while (!ready(arg)) {
        if (edge_now_mono_ms() > deadline) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return true;
}

struct gate *gate_create(void)
{
    struct gate *g = edge_xalloc(1, sizeof(*g));
    edge_mutex_init(&g->lock);
    edge_cond_init(&g->changed);
    return g;
}

void gate_free(struct gate *g)
{
    edge_cond_done(&g->changed);
    edge_mutex_done(&g->lock);
    free(g);
}

void gate_pass(struct gate *g)
{
    EDGE_LOCK(&g->lock);
    g->come++;
    edge_cond_broadcast(&g->changed);
    while (!g->open) {
        edge_cond_wait(&g->changed, &g->lock);
    }
}

void gate_open(struct gate *g)
{
    EDGE_LOCK(&g->lock);
    g->open = true;
    edge_cond_broadcast(&g->changed);
}

bool gate_wait_for(struct gate *g, unsigned n)
{
    EDGE_LOCK(&g->lock);
    int64_t deadline = edge_now_mono_ms() + 10000;
    while (g->come < n) {
        if (!edge_cond_wait_until(&g->changed, &g->lock, deadline)) {
            return g->come >= n;
        }
    }
    return true;
}
