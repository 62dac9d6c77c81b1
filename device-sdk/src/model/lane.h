/**
 * Lanes: what shares a bottleneck (a device, a serial line, a host) waits in one queue and never
 * runs at once; different lanes run side by side on a few workers. A lane costs memory only.
 */
#ifndef SDK_LANE_H
#define SDK_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sdk_lanes;
struct sdk_lane;

/** What a job says when its turn is over. */
enum sdk_turn {
    SDK_NEXT, /* the next one may run */
    SDK_HELD, /* the lane stays taken until sdk_lane_release(), which may have been called already
               */
};

/** Highest first. */
enum sdk_priority { SDK_CONTROL, SDK_WRITE, SDK_READ, SDK_AUTO, SDK_PRIORITIES };

/** Embedded in what is to be run. */
struct sdk_job {
    struct sdk_job *next, **link; /* link NULL: in no queue */
    unsigned priority;
    /* On a worker, in @p lane; the job may be gone afterwards. */
    enum sdk_turn (*run)(struct sdk_job *job, struct sdk_lane *lane);
};

/** @p max_waiting: writes and reads a lane may have waiting, each. */
struct sdk_lanes *sdk_lanes_create(const char *name, unsigned max_threads, size_t max_waiting);
/** Everything queued has run, its lanes are put. */
void sdk_lanes_free(struct sdk_lanes *lanes);
/** Until nothing waits or runs; false at @p deadline_ms. A held lane with an empty queue is quiet.
 */
bool sdk_lanes_wait_quiet(struct sdk_lanes *lanes, int64_t deadline_ms);

/** The lane of @p key, made on first use; one reference. */
struct sdk_lane *sdk_lane_get(struct sdk_lanes *lanes, const char *key);
void sdk_lane_put(struct sdk_lane *lane);

/**
 * Queue @p job; one that waits already stays where it is. False where too many writes or reads
 * wait; control and auto jobs are bounded by their owners (one per device, one per auto-event).
 */
bool sdk_lane_submit(struct sdk_lane *lane, struct sdk_job *job, enum sdk_priority priority);
/** Take @p job out again; false where it does not wait (any more). */
bool sdk_lane_withdraw(struct sdk_lane *lane, struct sdk_job *job);
/** Ends a turn that was SDK_HELD. Once. Any thread. */
void sdk_lane_release(struct sdk_lane *lane);

#endif
