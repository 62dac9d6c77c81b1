/**
 * The life of one auto-event: a timer, at most one read waiting or under way, and a state machine
 * that is a table. It knows nothing of devices: what a read is, its owner says.
 */
#ifndef SDK_AUTOEVENT_H
#define SDK_AUTOEVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/thread.h"
#include "edge/timer.h"

enum sdk_auto_state {
    SDK_DISARMED, /* device locked, down, without profile, or removed */
    SDK_ARMED,    /* waits for its time */
    SDK_QUEUED,   /* its read waits in the lane */
    SDK_RUNNING,  /* its read is with the driver */
    SDK_AUTO_STATES
};
enum sdk_auto_event {
    SDK_ENABLE,  /* the device may be read */
    SDK_DISABLE, /* it may not */
    SDK_DUE,     /* the timer fired */
    SDK_REFUSED, /* the lane does not take the read */
    SDK_START,   /* the read's turn has come */
    SDK_FINISH,  /* the read is over */
    SDK_AUTO_EVENTS
};
enum sdk_auto_action {
    SDK_ARM = 1 << 0,      /* the timer, at the first time by its phase */
    SDK_REARM = 1 << 1,    /* the timer, one interval after the time before */
    SDK_CANCEL = 1 << 2,   /* the timer */
    SDK_ENQUEUE = 1 << 3,  /* the read */
    SDK_WITHDRAW = 1 << 4, /* the read */
    SDK_RUN = 1 << 5,      /* the read */
    SDK_SKIP = 1 << 6,     /* count one that did not take place */
};
struct sdk_auto_step {
    enum sdk_auto_state next;
    unsigned actions;
};
/** The table. */
struct sdk_auto_step sdk_auto_step(enum sdk_auto_state state, enum sdk_auto_event event);

struct sdk_auto;
/** What the owner does; called with the auto-event's lock held, so they only queue and count. */
struct sdk_auto_ops {
    bool (*enqueue)(struct sdk_auto *a);
    void (*withdraw)(struct sdk_auto *a);
    void (*skipped)(struct sdk_auto *a, uint64_t n);
    int64_t (*now_ms)(void); /* the wheel's clock */
};

struct sdk_auto {
    struct edge_mutex lock;
    enum sdk_auto_state state EDGE_GUARDED;
    unsigned generation EDGE_GUARDED; /* counts disablings: a read of an earlier one is stale */
    int64_t due_ms EDGE_GUARDED;
    struct edge_timer timer;
    int64_t interval_ms, phase_ms;
    struct edge_timers *wheel;
    const struct sdk_auto_ops *ops;
};

/** @p seed: text whose hash spreads first times over the interval: "device/source". */
void sdk_auto_init(struct sdk_auto *a, struct edge_timers *wheel, const struct sdk_auto_ops *ops,
                   int64_t interval_ms, const char *seed);
/** It is disabled. */
void sdk_auto_done(struct sdk_auto *a);

/* Enabling and disabling of one auto-event never overlap. */
void sdk_auto_enable(struct sdk_auto *a);
/** Afterwards the timer is neither running nor going to; a read under way is stale. */
void sdk_auto_disable(struct sdk_auto *a);

/** The read's turn: true if it is to run, then *ret_generation names it. */
bool sdk_auto_start(struct sdk_auto *a, unsigned *ret_generation);
/** Is the read of that generation still wanted? */
bool sdk_auto_is_current(struct sdk_auto *a, unsigned generation);
void sdk_auto_finish(struct sdk_auto *a, unsigned generation);
enum sdk_auto_state sdk_auto_state(struct sdk_auto *a);

#endif
