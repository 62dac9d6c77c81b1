/* Lanes: never two jobs of one at once, order by priority, no lane waits for another's slow job. */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "edge/clock.h"
#include "edge/thread.h"
#include "model/lane.h"
#include "suites.h"
#include "wait.h"

enum { SOON_MS = 10000 };

struct work {
    struct sdk_job job; /* first */
    atomic_int *inside; /* of its lane */
    atomic_int *overlaps, *done;
    struct gate *gate; /* NULL: at once */
    int mark, *marks, *n_marks;
    enum sdk_turn turn;
};

static enum sdk_turn run_work(struct sdk_job *job, struct sdk_lane *lane)
{
    (void)lane;
    struct work *w = (struct work *)job;
    enum sdk_turn turn = w->turn;
    if (w->inside && atomic_fetch_add(w->inside, 1) != 0) {
        atomic_fetch_add(w->overlaps, 1);
    }
    if (w->gate) {
        gate_pass(w->gate);
    }
    if (w->marks) {
        w->marks[(*w->n_marks)++] = w->mark;
    }
    if (w->inside) {
        atomic_fetch_sub(w->inside, 1);
    }
    if (w->done) {
        atomic_fetch_add(w->done, 1);
    }
    return turn;
}

static bool quiet(struct sdk_lanes *lanes)
{
    return sdk_lanes_wait_quiet(lanes, edge_now_mono_ms() + SOON_MS);
}

static void test_jobs_of_a_lane_never_overlap(void)
{
    enum { LANES = 8, JOBS = 500 };
    struct sdk_lanes *lanes = sdk_lanes_create("test", 8, 100);
    atomic_int inside[LANES] = {0}, overlaps = 0, done = 0;
    struct work *works = calloc(LANES * JOBS, sizeof(*works));
    struct sdk_lane *lane[LANES];
    for (int i = 0; i < LANES; i++) {
        char key[2] = {(char)('a' + i), '\0'};
        lane[i] = sdk_lane_get(lanes, key);
    }
    for (int i = 0; i < LANES * JOBS; i++) {
        works[i] = (struct work){.job.run = run_work,
                                 .inside = &inside[i % LANES],
                                 .overlaps = &overlaps,
                                 .done = &done};
        CU_ASSERT_TRUE(sdk_lane_submit(lane[i % LANES], &works[i].job, SDK_AUTO));
    }
    CU_ASSERT_TRUE(quiet(lanes));
    CU_ASSERT_EQUAL(atomic_load(&done), LANES * JOBS);
    CU_ASSERT_EQUAL(atomic_load(&overlaps), 0);
    for (int i = 0; i < LANES; i++) {
        sdk_lane_put(lane[i]);
    }
    sdk_lanes_free(lanes);
    free(works);
}

static void test_priorities_go_first(void)
{
    struct sdk_lanes *lanes = sdk_lanes_create("test", 2, 100);
    struct sdk_lane *lane = sdk_lane_get(lanes, "a");
    struct gate *gate = gate_create();
    int marks[8], n_marks = 0;
    struct work first = {.job.run = run_work, .gate = gate};
    struct work works[4];
    static const enum sdk_priority order[] = {SDK_AUTO, SDK_READ, SDK_WRITE, SDK_CONTROL};
    sdk_lane_submit(lane, &first.job, SDK_AUTO);
    CU_ASSERT_TRUE(gate_wait_for(gate, 1));
    for (int i = 0; i < 4; i++) {
        works[i] = (struct work){
            .job.run = run_work, .mark = (int)order[i], .marks = marks, .n_marks = &n_marks};
        sdk_lane_submit(lane, &works[i].job, order[i]);
    }
    gate_open(gate);
    CU_ASSERT_TRUE(quiet(lanes));
    CU_ASSERT_EQUAL_FATAL(n_marks, 4);
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(marks[i], i); /* control, write, read, auto */
    }
    sdk_lane_put(lane);
    sdk_lanes_free(lanes);
    gate_free(gate);
}

static void test_full_lanes_refuse_clients_only(void)
{
    struct sdk_lanes *lanes = sdk_lanes_create("test", 1, 2);
    struct sdk_lane *lane = sdk_lane_get(lanes, "a");
    struct gate *gate = gate_create();
    struct work first = {.job.run = run_work, .gate = gate};
    struct work works[5];
    for (int i = 0; i < 5; i++) {
        works[i] = (struct work){.job.run = run_work};
    }
    sdk_lane_submit(lane, &first.job, SDK_READ);
    CU_ASSERT_TRUE(gate_wait_for(gate, 1));
    CU_ASSERT_TRUE(sdk_lane_submit(lane, &works[0].job, SDK_READ));
    CU_ASSERT_TRUE(sdk_lane_submit(lane, &works[0].job, SDK_READ)); /* waits already: the same */
    CU_ASSERT_TRUE(sdk_lane_submit(lane, &works[1].job, SDK_READ));
    CU_ASSERT_FALSE(sdk_lane_submit(lane, &works[2].job, SDK_READ));
    CU_ASSERT_TRUE(sdk_lane_submit(lane, &works[3].job, SDK_WRITE));
    CU_ASSERT_TRUE(sdk_lane_submit(lane, &works[4].job, SDK_AUTO));
    CU_ASSERT_TRUE(sdk_lane_withdraw(lane, &works[1].job));
    CU_ASSERT_FALSE(sdk_lane_withdraw(lane, &works[1].job));
    CU_ASSERT_TRUE(sdk_lane_submit(lane, &works[2].job, SDK_READ));
    gate_open(gate);
    CU_ASSERT_TRUE(quiet(lanes));
    sdk_lane_put(lane);
    sdk_lanes_free(lanes);
    gate_free(gate);
}

static void test_a_slow_lane_delays_no_other(void)
{
    struct sdk_lanes *lanes = sdk_lanes_create("test", 2, 10);
    struct sdk_lane *slow = sdk_lane_get(lanes, "slow"), *fast = sdk_lane_get(lanes, "fast");
    struct gate *gate = gate_create();
    atomic_int done = 0;
    struct work blocked = {.job.run = run_work, .gate = gate};
    struct work works[5];
    sdk_lane_submit(slow, &blocked.job, SDK_READ);
    CU_ASSERT_TRUE(gate_wait_for(gate, 1));
    for (int i = 0; i < 5; i++) {
        works[i] = (struct work){.job.run = run_work, .done = &done};
        sdk_lane_submit(fast, &works[i].job, SDK_READ);
    }
    for (int64_t until = edge_now_mono_ms() + SOON_MS;
         atomic_load(&done) < 5 && edge_now_mono_ms() < until;) {
        sched_yield();
    }
    CU_ASSERT_EQUAL(atomic_load(&done), 5);
    gate_open(gate);
    CU_ASSERT_TRUE(quiet(lanes));
    sdk_lane_put(slow);
    sdk_lane_put(fast);
    sdk_lanes_free(lanes);
    gate_free(gate);
}

static void test_held_lanes_wait_for_their_release(void)
{
    struct sdk_lanes *lanes = sdk_lanes_create("test", 2, 10);
    struct sdk_lane *lane = sdk_lane_get(lanes, "a");
    atomic_int done = 0;
    struct work holder = {.job.run = run_work, .turn = SDK_HELD, .done = &done};
    struct work next = {.job.run = run_work, .done = &done};
    sdk_lane_submit(lane, &holder.job, SDK_READ);
    CU_ASSERT_TRUE(quiet(lanes)); /* nothing runs, but the lane is taken */
    sdk_lane_submit(lane, &next.job, SDK_READ);
    CU_ASSERT_TRUE(quiet(lanes));
    CU_ASSERT_EQUAL(atomic_load(&done), 1);
    sdk_lane_release(lane);
    CU_ASSERT_TRUE(quiet(lanes));
    CU_ASSERT_EQUAL(atomic_load(&done), 2);
    sdk_lane_put(lane);
    sdk_lanes_free(lanes);
}

/* Released by another thread, sometimes before the job has said that it holds the lane. */
struct race {
    struct sdk_job job; /* first */
    struct sdk_lane *lane;
    atomic_int entered;
};

static enum sdk_turn enter(struct sdk_job *job, struct sdk_lane *lane)
{
    (void)lane;
    atomic_fetch_add(&((struct race *)job)->entered, 1);
    return SDK_HELD;
}

static void *release_each(void *arg)
{
    struct race *r = arg;
    for (int i = 1; i <= 2000; i++) {
        while (atomic_load(&r->entered) < i) {
            sched_yield();
        }
        sdk_lane_submit(r->lane, &r->job, SDK_READ);
        sdk_lane_release(r->lane);
    }
    return NULL;
}

static void test_releases_may_come_early(void)
{
    struct sdk_lanes *lanes = sdk_lanes_create("test", 2, 10);
    struct race r = {.job.run = enter, .lane = sdk_lane_get(lanes, "a")};
    pthread_t thread = edge_thread_start("release", release_each, &r);
    sdk_lane_submit(r.lane, &r.job, SDK_READ);
    pthread_join(thread, NULL);
    CU_ASSERT_TRUE(quiet(lanes));
    CU_ASSERT_EQUAL(atomic_load(&r.entered), 2001);
    sdk_lane_release(r.lane);
    CU_ASSERT_TRUE(quiet(lanes));
    sdk_lane_put(r.lane);
    sdk_lanes_free(lanes);
}

CU_TestInfo lanes_tests[] = {
    {"jobs of a lane never overlap",      test_jobs_of_a_lane_never_overlap     },
    {"priorities go first",               test_priorities_go_first              },
    {"full lanes refuse clients only",    test_full_lanes_refuse_clients_only   },
    {"a slow lane delays no other",       test_a_slow_lane_delays_no_other      },
    {"held lanes wait for their release", test_held_lanes_wait_for_their_release},
    {"releases may come early",           test_releases_may_come_early          },
    CU_TEST_INFO_NULL,
};
