/*
 * A hierarchical timing wheel: seven levels of 64 slots, each level 64 times coarser than the one
 * below, a bit per occupied slot. A timer stands on the level of the highest digit in which its due
 * tick differs from the present one, so the lowest occupied level, at its lowest bit, is always
 * what comes next: the thread sleeps until exactly then, and for ever when nothing is armed.
 */
#include "edge/timer.h"

#include <assert.h>
#include <stdlib.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/thread.h"

enum { TICK_MS = 10, DIGIT_BITS = 6, SLOTS = 1 << DIGIT_BITS, LEVELS = 7 };

#define LAST_TICK ((INT64_C(1) << (DIGIT_BITS * LEVELS)) - 1) /* 1,393 years */
#define NEVER     INT64_MAX

struct edge_timers {
    struct edge_mutex lock;
    struct edge_cond changed; /* what comes next, for the thread */
    struct edge_cond ran;     /* a callback has returned, for cancel */
    struct edge_timer *slots[LEVELS][SLOTS] EDGE_GUARDED;
    uint64_t occupied[LEVELS] EDGE_GUARDED;
    int64_t now EDGE_GUARDED;                /* tick that has been dealt with */
    struct edge_timer *expired EDGE_GUARDED; /* due, not called yet */
    struct edge_timer *running EDGE_GUARDED;
    pthread_t runner EDGE_GUARDED;     /* who calls, while running is set */
    int64_t sleeps_until EDGE_GUARDED; /* tick; the thread's next look */
    bool stopping EDGE_GUARDED;
    bool has_thread;
    pthread_t thread;
};

static void *turn(void *arg);

struct edge_timers *edge_timers_create_manual(int64_t now_ms)
{
    struct edge_timers *w = edge_xalloc(1, sizeof(*w));
    *w = (struct edge_timers){.now = now_ms / TICK_MS, .sleeps_until = NEVER};
    edge_mutex_init(&w->lock);
    edge_cond_init(&w->changed);
    edge_cond_init(&w->ran);
    return w;
}

struct edge_timers *edge_timers_create(void)
{
    struct edge_timers *w = edge_timers_create_manual(edge_now_mono_ms());
    w->has_thread = true;
    w->thread = edge_thread_start("timers", turn, w);
    return w;
}

static void tell_to_stop(struct edge_timers *w)
{
    EDGE_LOCK(&w->lock);
    w->stopping = true;
    edge_cond_signal(&w->changed);
}

void edge_timers_free(struct edge_timers *w)
{
    if (!w) {
        return;
    }
    if (w->has_thread) {
        tell_to_stop(w);
        pthread_join(w->thread, NULL);
    }
    edge_cond_done(&w->ran);
    edge_cond_done(&w->changed);
    edge_mutex_done(&w->lock);
    free(w);
}

/* ---- the wheel ----------------------------------------------------------------------------- */

static void link_timer(struct edge_timer **head, struct edge_timer *t)
{
    t->next = *head;
    t->link = head;
    if (t->next) {
        t->next->link = &t->next;
    }
    *head = t;
}

static void unlink_timer(struct edge_timers *w, struct edge_timer *t) EDGE_REQUIRES(w->lock)
{
    struct edge_timer **link = t->link;
    *link = t->next;
    if (t->next) {
        t->next->link = link;
    }
    t->next = NULL;
    t->link = NULL;
    uintptr_t at = (uintptr_t)link - (uintptr_t)w->slots;
    if (!*link && at < sizeof(w->slots)) { /* it was the only one of its slot */
        at /= sizeof(w->slots[0][0]);
        w->occupied[at / SLOTS] &= ~(UINT64_C(1) << (at % SLOTS));
    }
}

static int64_t due_tick(const struct edge_timer *t)
{
    int64_t tick = t->due_ms / TICK_MS + (t->due_ms % TICK_MS > 0);
    return tick < LAST_TICK ? tick : LAST_TICK;
}

static unsigned digit(int64_t tick, unsigned level)
{
    return (unsigned)((uint64_t)tick >> (DIGIT_BITS * level)) % SLOTS;
}

/* @p tick lies after the present one. */
static void place(struct edge_timers *w, struct edge_timer *t, int64_t tick) EDGE_REQUIRES(w->lock)
{
    unsigned highest = 63 - (unsigned)__builtin_clzll((uint64_t)(tick ^ w->now));
    unsigned level = highest / DIGIT_BITS;
    unsigned slot = digit(tick, level);
    link_timer(&w->slots[level][slot], t);
    w->occupied[level] |= UINT64_C(1) << slot;
}

/* The next tick at which there is something to do, and where; NEVER when nothing is armed. */
static int64_t next_tick(const struct edge_timers *w, unsigned *ret_level, unsigned *ret_slot)
    EDGE_REQUIRES(w->lock)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        if (w->occupied[level] == 0) {
            continue;
        }
        unsigned shift = DIGIT_BITS * level;
        unsigned slot = (unsigned)__builtin_ctzll(w->occupied[level]);
        int64_t above = w->now >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS);
        *ret_level = level;
        *ret_slot = slot;
        return above | ((int64_t)slot << shift);
    }
    return NEVER;
}

/* Empty one slot: what is due goes to the expired ones, the rest to finer levels. */
static void open_slot(struct edge_timers *w, unsigned level, unsigned slot) EDGE_REQUIRES(w->lock)
{
    struct edge_timer *t = w->slots[level][slot];
    w->slots[level][slot] = NULL;
    w->occupied[level] &= ~(UINT64_C(1) << slot);
    while (t) {
        struct edge_timer *next = t->next;
        int64_t tick = due_tick(t);
        if (tick <= w->now || level == 0) {
            link_timer(&w->expired, t);
        } else {
            place(w, t, tick);
        }
        t = next;
    }
}

static struct edge_timer *begin_expired(struct edge_timers *w)
{
    EDGE_LOCK(&w->lock);
    struct edge_timer *t = w->stopping ? NULL : w->expired;
    if (t) {
        unlink_timer(w, t);
        w->running = t;
        w->runner = pthread_self();
    }
    return t;
}

static void end_expired(struct edge_timers *w)
{
    EDGE_LOCK(&w->lock);
    w->running = NULL;
    edge_cond_broadcast(&w->ran);
}

static void call_expired(struct edge_timers *w)
{
    for (struct edge_timer *t = begin_expired(w); t; t = begin_expired(w)) {
        t->fn(t); /* may free it */
        end_expired(w);
    }
}

/* Move on to the next occupied slot up to @p tick; false when there is none: then we are there. */
static bool step(struct edge_timers *w, int64_t tick)
{
    EDGE_LOCK(&w->lock);
    unsigned level, slot;
    int64_t next = next_tick(w, &level, &slot);
    if (w->stopping || next > tick) {
        w->now = tick > w->now ? tick : w->now;
        return false;
    }
    w->now = next;
    open_slot(w, level, slot);
    return true;
}

void edge_timers_advance(struct edge_timers *w, int64_t now_ms)
{
    while (step(w, now_ms / TICK_MS)) {
        call_expired(w);
    }
}

int64_t edge_timers_skip(struct edge_timers *w, int64_t ms)
{
    EDGE_LOCK(&w->lock);
    unsigned level, slot;
    int64_t now_ms = edge_now_mono_ms(), next = next_tick(w, &level, &slot), by_ms = ms;
    if (next != NEVER && next * TICK_MS < now_ms + ms) {
        by_ms = next * TICK_MS > now_ms ? next * TICK_MS - now_ms : 0;
    }
    edge_clock_skip(by_ms);
    edge_cond_signal(&w->changed);
    while (w->expired || w->running || next_tick(w, &level, &slot) <= (now_ms + by_ms) / TICK_MS) {
        edge_cond_wait(&w->ran, &w->lock);
    }
    return by_ms;
}

/* Sleep until something is due; false when it is time to end. */
static bool sleep_until_due(struct edge_timers *w)
{
    EDGE_LOCK(&w->lock);
    unsigned level, slot;
    w->sleeps_until = next_tick(w, &level, &slot);
    edge_cond_broadcast(&w->ran); /* for who skips: all that was due has been called */
    while (!w->stopping && edge_now_mono_ms() / TICK_MS < w->sleeps_until) {
        if (w->sleeps_until == NEVER) {
            edge_cond_wait(&w->changed, &w->lock);
        } else {
            (void)edge_cond_wait_until(&w->changed, &w->lock, w->sleeps_until * TICK_MS);
        }
        w->sleeps_until = next_tick(w, &level, &slot);
    }
    w->sleeps_until = 0; /* awake: nobody needs to wake us */
    return !w->stopping;
}

static void *turn(void *arg)
{
    struct edge_timers *w = arg;
    while (sleep_until_due(w)) {
        edge_timers_advance(w, edge_now_mono_ms());
    }
    return NULL;
}

/* ---- arm and cancel ------------------------------------------------------------------------ */

void edge_timer_arm(struct edge_timers *w, struct edge_timer *t, int64_t due_ms)
{
    EDGE_LOCK(&w->lock);
    assert(t->fn);
    if (t->link) {
        unlink_timer(w, t);
    }
    t->due_ms = due_ms;
    int64_t tick = due_tick(t);
    if (tick <= w->now) {
        tick = w->now + 1;
    }
    place(w, t, tick);
    if (tick < w->sleeps_until) {
        edge_cond_signal(&w->changed);
    }
}

bool edge_timer_cancel(struct edge_timers *w, struct edge_timer *t)
{
    EDGE_LOCK(&w->lock);
    bool armed = false;
    for (;;) {
        if (t->link) {
            unlink_timer(w, t);
            armed = true;
        }
        if (w->running != t || pthread_equal(w->runner, pthread_self())) {
            return armed;
        }
        edge_cond_wait(&w->ran, &w->lock); /* it may arm itself again meanwhile */
    }
}
