/**
 * One timer wheel per process, on the monotonic clock with a 10 ms tick. Adding, moving and
 * cancelling are O(1). Callbacks run on the wheel's thread and must only compute or hand on work
 * (pool.h); they may re-arm or cancel any timer, themselves included.
 */
#ifndef EDGE_TIMER_H
#define EDGE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct edge_timer {
    struct edge_timer *next, **link; /* in its slot; link NULL: not armed */
    int64_t due_ms;                  /* monotonic */
    void (*fn)(struct edge_timer *);
};

struct edge_timers *edge_timers_create(void);
/** Stops and joins the wheel's thread; armed timers never fire. */
void edge_timers_free(struct edge_timers *w);

/** Fire once at @p due_ms (edge_now_mono_ms), or at the next tick where that has passed. Re-arms.
 * Any thread. */
void edge_timer_arm(struct edge_timers *w, struct edge_timer *t, int64_t due_ms);
/**
 * After it returns the callback is neither running nor going to run (called from the wheel's own
 * thread: is not going to run). True if it was armed. Any thread.
 */
bool edge_timer_cancel(struct edge_timers *w, struct edge_timer *t);

/* For tests: a wheel without a thread, driven by hand to @p now_ms. */
struct edge_timers *edge_timers_create_manual(int64_t now_ms);
void edge_timers_advance(struct edge_timers *w, int64_t now_ms);
/**
 * For tests: the clock skips (edge_clock_skip) to what is due next, by @p ms at most; returns by how much, when
 * what is due then has been called. Not for a wheel driven by hand, nor from a callback.
 */
int64_t edge_timers_skip(struct edge_timers *w, int64_t ms);

#endif
