/*
 * The auto-event machine. Every change is one look into the table under the auto-event's lock. The
 * timer runs on a fixed schedule (the time before plus the interval); times that pass while a read
 * waits or runs are skipped and counted, never made up for.
 */
#include "autoevent.h"

#include <stddef.h>

#include "edge/arena.h"
#include "edge/text.h"

#define STAY(state)                                                                                \
    {                                                                                              \
        state, 0                                                                                   \
    }

/* clang-format off */
static const struct sdk_auto_step table[SDK_AUTO_STATES][SDK_AUTO_EVENTS] = {
    [SDK_DISARMED] = {
        [SDK_ENABLE]  = {SDK_ARMED, SDK_ARM},
        [SDK_DISABLE] = STAY(SDK_DISARMED),
        [SDK_DUE]     = STAY(SDK_DISARMED), /* fired while it was being disabled */
        [SDK_REFUSED] = STAY(SDK_DISARMED),
        [SDK_START]   = STAY(SDK_DISARMED), /* its turn came while it was being disabled */
        [SDK_FINISH]  = STAY(SDK_DISARMED),
    },
    [SDK_ARMED] = {
        [SDK_ENABLE]  = STAY(SDK_ARMED),
        [SDK_DISABLE] = {SDK_DISARMED, SDK_CANCEL},
        [SDK_DUE]     = {SDK_QUEUED, SDK_REARM | SDK_ENQUEUE},
        [SDK_REFUSED] = STAY(SDK_ARMED),
        [SDK_START]   = STAY(SDK_ARMED),    /* disabled and enabled again before its turn */
        [SDK_FINISH]  = STAY(SDK_ARMED),
    },
    [SDK_QUEUED] = {
        [SDK_ENABLE]  = STAY(SDK_QUEUED),
        [SDK_DISABLE] = {SDK_DISARMED, SDK_CANCEL | SDK_WITHDRAW},
        [SDK_DUE]     = {SDK_QUEUED, SDK_REARM | SDK_SKIP},
        [SDK_REFUSED] = {SDK_ARMED, SDK_SKIP},
        [SDK_START]   = {SDK_RUNNING, SDK_RUN},
        [SDK_FINISH]  = STAY(SDK_QUEUED),
    },
    [SDK_RUNNING] = {
        [SDK_ENABLE]  = STAY(SDK_RUNNING),
        [SDK_DISABLE] = {SDK_DISARMED, SDK_CANCEL},
        [SDK_DUE]     = {SDK_RUNNING, SDK_REARM | SDK_SKIP},
        [SDK_REFUSED] = STAY(SDK_RUNNING),
        [SDK_START]   = STAY(SDK_RUNNING),
        [SDK_FINISH]  = {SDK_ARMED, 0},     /* the timer has been running all along */
    },
};
/* clang-format on */

struct sdk_auto_step sdk_auto_step(enum sdk_auto_state state, enum sdk_auto_event event)
{
    return table[state][event];
}

/* With a last stir for its weak low bits. */
static uint64_t hash(const char *text)
{
    uint64_t h = edge_hash(EDGE_HASH, text);
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static void due(struct edge_timer *timer);

void sdk_auto_init(struct sdk_auto *a, struct edge_timers *wheel, const struct sdk_auto_ops *ops,
                   int64_t interval_ms, const char *seed)
{
    edge_mutex_init(&a->lock);
    a->timer.fn = due;
    a->wheel = wheel;
    a->ops = ops;
    a->interval_ms = interval_ms;
    a->phase_ms = (int64_t)(hash(seed) % (uint64_t)interval_ms);
}

void sdk_auto_done(struct sdk_auto *a)
{
    edge_mutex_done(&a->lock);
}

static void rearm(struct sdk_auto *a, int64_t now_ms) EDGE_REQUIRES(a->lock)
{
    a->due_ms += a->interval_ms;
    if (a->due_ms <= now_ms) {
        int64_t missed = (now_ms - a->due_ms) / a->interval_ms + 1;
        a->due_ms += missed * a->interval_ms;
        a->ops->skipped(a, (uint64_t)missed);
    }
    edge_timer_arm(a->wheel, &a->timer, a->due_ms);
}

/* Take @p event; the actions that must wait until the lock is free are returned. */
static unsigned step(struct sdk_auto *a, enum sdk_auto_event event, int64_t now_ms)
    EDGE_REQUIRES(a->lock)
{
    struct sdk_auto_step s = sdk_auto_step(a->state, event);
    a->state = s.next;
    if (s.actions & SDK_ARM) {
        a->due_ms = now_ms + a->phase_ms;
        edge_timer_arm(a->wheel, &a->timer, a->due_ms);
    }
    if (s.actions & SDK_REARM) {
        rearm(a, now_ms);
    }
    if (s.actions & SDK_WITHDRAW) {
        a->ops->withdraw(a);
    }
    if (s.actions & SDK_SKIP) {
        a->ops->skipped(a, 1);
    }
    if ((s.actions & SDK_ENQUEUE) && !a->ops->enqueue(a)) {
        return step(a, SDK_REFUSED, now_ms);
    }
    return s.actions & (SDK_CANCEL | SDK_RUN);
}

static void due(struct edge_timer *timer)
{
    struct sdk_auto *a = EDGE_CONTAINER(timer, struct sdk_auto, timer);
    EDGE_LOCK(&a->lock);
    step(a, SDK_DUE, a->ops->now_ms());
}

void sdk_auto_enable(struct sdk_auto *a)
{
    EDGE_LOCK(&a->lock);
    step(a, SDK_ENABLE, a->ops->now_ms());
}

static unsigned disable(struct sdk_auto *a)
{
    EDGE_LOCK(&a->lock);
    a->generation++;
    return step(a, SDK_DISABLE, 0);
}

void sdk_auto_disable(struct sdk_auto *a)
{
    /* Cancelling waits for the callback, which wants the lock: so not while holding it. */
    if (disable(a) & SDK_CANCEL) {
        edge_timer_cancel(a->wheel, &a->timer);
    }
}

bool sdk_auto_start(struct sdk_auto *a, unsigned *ret_generation)
{
    EDGE_LOCK(&a->lock);
    *ret_generation = a->generation;
    return step(a, SDK_START, 0) & SDK_RUN;
}

bool sdk_auto_is_current(struct sdk_auto *a, unsigned generation)
{
    EDGE_LOCK(&a->lock);
    return a->generation == generation;
}

void sdk_auto_finish(struct sdk_auto *a, unsigned generation)
{
    EDGE_LOCK(&a->lock);
    if (a->generation == generation) {
        step(a, SDK_FINISH, 0);
    }
}

enum sdk_auto_state sdk_auto_state(struct sdk_auto *a)
{
    EDGE_LOCK(&a->lock);
    return a->state;
}
