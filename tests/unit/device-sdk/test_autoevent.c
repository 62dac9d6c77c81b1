/* The auto-event machine: every cell of its table, then its life on a wheel driven by hand. */
#include <string.h>

#include "model/autoevent.h"
#include "suites.h"

/* ---- the table ----------------------------------------------------------------------------- */

/* What each cell must be, written a second time, by meaning instead of by order. */
static struct sdk_auto_step expected(enum sdk_auto_state state, enum sdk_auto_event event)
{
    bool waits = state == SDK_QUEUED, runs = state == SDK_RUNNING;
    switch (event) {
    case SDK_ENABLE:
        return state == SDK_DISARMED ? (struct sdk_auto_step){SDK_ARMED, SDK_ARM}
                                     : (struct sdk_auto_step){state, 0};
    case SDK_DISABLE:
        if (state == SDK_DISARMED) {
            return (struct sdk_auto_step){SDK_DISARMED, 0};
        }
        return (struct sdk_auto_step){SDK_DISARMED, waits ? SDK_CANCEL | SDK_WITHDRAW : SDK_CANCEL};
    case SDK_DUE:
        if (state == SDK_DISARMED) {
            return (struct sdk_auto_step){SDK_DISARMED, 0};
        }
        return waits || runs ? (struct sdk_auto_step){state, SDK_REARM | SDK_SKIP}
                             : (struct sdk_auto_step){SDK_QUEUED, SDK_REARM | SDK_ENQUEUE};
    case SDK_REFUSED:
        return waits ? (struct sdk_auto_step){SDK_ARMED, SDK_SKIP}
                     : (struct sdk_auto_step){state, 0};
    case SDK_START:
        return waits ? (struct sdk_auto_step){SDK_RUNNING, SDK_RUN}
                     : (struct sdk_auto_step){state, 0};
    default:
        return (struct sdk_auto_step){runs ? SDK_ARMED : state, 0};
    }
}

static void test_every_cell_of_the_table(void)
{
    for (enum sdk_auto_state s = 0; s < SDK_AUTO_STATES; s++) {
        for (enum sdk_auto_event e = 0; e < SDK_AUTO_EVENTS; e++) {
            struct sdk_auto_step want = expected(s, e), have = sdk_auto_step(s, e);
            CU_ASSERT_EQUAL(have.next, want.next);
            CU_ASSERT_EQUAL(have.actions, want.actions);
        }
    }
}

/* From any state, any sequence of four events keeps to the rules a user relies on. */
static void walk(enum sdk_auto_state state, bool armed, bool queued, unsigned left)
{
    CU_ASSERT_EQUAL(armed, state != SDK_DISARMED); /* a timer exactly while enabled */
    CU_ASSERT_EQUAL(queued, state == SDK_QUEUED);  /* at most one read waits */
    for (enum sdk_auto_event e = 0; e < SDK_AUTO_EVENTS && left > 0; e++) {
        struct sdk_auto_step s = sdk_auto_step(state, e);
        bool arms = (s.actions & (SDK_ARM | SDK_REARM)) != 0;
        bool now_armed = (armed || arms) && !(s.actions & SDK_CANCEL);
        bool now_queued = (queued || (s.actions & SDK_ENQUEUE)) &&
                          !(s.actions & (SDK_WITHDRAW | SDK_RUN)) && e != SDK_REFUSED;
        CU_ASSERT_FALSE((s.actions & SDK_ENQUEUE) && queued);
        walk(s.next, now_armed, now_queued, left - 1);
    }
}

static void test_no_sequence_breaks_the_rules(void)
{
    walk(SDK_DISARMED, false, false, 5);
}

/* ---- on a wheel ---------------------------------------------------------------------------- */

static int64_t clock_ms;

struct rig {
    struct sdk_auto machine; /* first */
    struct edge_timers *wheel;
    unsigned queued, withdrawn;
    uint64_t skipped;
    bool refuse;
};

static bool enqueue(struct sdk_auto *a)
{
    struct rig *r = (struct rig *)a;
    r->queued += !r->refuse;
    return !r->refuse;
}

static void withdraw(struct sdk_auto *a)
{
    ((struct rig *)a)->withdrawn++;
}

static void skipped(struct sdk_auto *a, uint64_t n)
{
    ((struct rig *)a)->skipped += n;
}

static int64_t now_ms(void)
{
    return clock_ms;
}

static const struct sdk_auto_ops ops = {enqueue, withdraw, skipped, now_ms};

static void rig_make(struct rig *r, int64_t interval_ms, const char *seed)
{
    memset(r, 0, sizeof(*r));
    clock_ms = 1000;
    r->wheel = edge_timers_create_manual(clock_ms);
    sdk_auto_init(&r->machine, r->wheel, &ops, interval_ms, seed);
}

static void rig_done(struct rig *r)
{
    sdk_auto_disable(&r->machine);
    sdk_auto_done(&r->machine);
    edge_timers_free(r->wheel);
}

#define RIG(name, interval)                                                                        \
    __attribute__((cleanup(rig_done))) struct rig name;                                            \
    rig_make(&name, interval, "device/source")

static void advance(struct rig *r, int64_t ms)
{
    for (int64_t until = clock_ms + ms; clock_ms < until;) {
        clock_ms += 10;
        edge_timers_advance(r->wheel, clock_ms);
    }
}

static void read_now(struct rig *r)
{
    unsigned generation;
    CU_ASSERT_TRUE(sdk_auto_start(&r->machine, &generation));
    sdk_auto_finish(&r->machine, generation);
}

static void test_reads_come_once_an_interval(void)
{
    RIG(r, 1000);
    sdk_auto_enable(&r.machine);
    for (unsigned i = 1; i <= 20; i++) {
        advance(&r, 1000);
        CU_ASSERT_EQUAL(r.queued, i);
        read_now(&r);
    }
    CU_ASSERT_EQUAL(r.skipped, 0);
}

static void test_a_slow_read_does_not_shift_the_schedule(void)
{
    RIG(r, 1000);
    unsigned generation;
    sdk_auto_enable(&r.machine);
    advance(&r, 1000);
    CU_ASSERT_TRUE(sdk_auto_start(&r.machine, &generation));
    advance(&r, 3000); /* three times pass while it runs */
    CU_ASSERT_EQUAL(r.queued, 1);
    CU_ASSERT_EQUAL(r.skipped, 3);
    sdk_auto_finish(&r.machine, generation);
    advance(&r, 1000);
    CU_ASSERT_EQUAL(r.queued, 2);
}

static void test_waiting_reads_are_not_doubled(void)
{
    RIG(r, 100);
    sdk_auto_enable(&r.machine);
    advance(&r, 1000);
    CU_ASSERT_EQUAL(r.queued, 1);
    CU_ASSERT_EQUAL(r.skipped, 9);
}

static void test_refused_reads_are_skipped_and_tried_again(void)
{
    RIG(r, 100);
    r.refuse = true;
    sdk_auto_enable(&r.machine);
    advance(&r, 300);
    CU_ASSERT_EQUAL(r.skipped, 3);
    r.refuse = false;
    advance(&r, 100);
    CU_ASSERT_EQUAL(r.queued, 1);
}

static void test_a_late_wheel_realigns(void)
{
    RIG(r, 100);
    sdk_auto_enable(&r.machine);
    clock_ms += 1050; /* the process was stopped */
    edge_timers_advance(r.wheel, clock_ms);
    CU_ASSERT_EQUAL(r.queued, 1);
    CU_ASSERT_TRUE(r.skipped >= 9 && r.skipped <= 10);
    read_now(&r);
    advance(&r, 100);
    CU_ASSERT_EQUAL(r.queued, 2);
}

static void test_disabled_ones_are_silent(void)
{
    RIG(r, 100);
    sdk_auto_enable(&r.machine);
    advance(&r, 100);
    sdk_auto_disable(&r.machine);
    CU_ASSERT_EQUAL(r.withdrawn, 1);
    advance(&r, 1000);
    CU_ASSERT_EQUAL(r.queued, 1);
    CU_ASSERT_EQUAL(sdk_auto_state(&r.machine), SDK_DISARMED);
    sdk_auto_enable(&r.machine);
    advance(&r, 100);
    CU_ASSERT_EQUAL(r.queued, 2);
}

static void test_a_read_of_before_is_stale(void)
{
    RIG(r, 100);
    unsigned before, after;
    sdk_auto_enable(&r.machine);
    advance(&r, 100);
    CU_ASSERT_TRUE(sdk_auto_start(&r.machine, &before));
    sdk_auto_disable(&r.machine);
    CU_ASSERT_FALSE(sdk_auto_is_current(&r.machine, before));
    sdk_auto_enable(&r.machine);
    advance(&r, 100);
    CU_ASSERT_TRUE(sdk_auto_start(&r.machine, &after));
    sdk_auto_finish(&r.machine, before); /* comes late, ends nothing */
    CU_ASSERT_EQUAL(sdk_auto_state(&r.machine), SDK_RUNNING);
    sdk_auto_finish(&r.machine, after);
    CU_ASSERT_EQUAL(sdk_auto_state(&r.machine), SDK_ARMED);
}

static void test_enabling_twice_changes_nothing(void)
{
    RIG(r, 1000);
    sdk_auto_enable(&r.machine);
    int64_t due = r.machine.timer.due_ms;
    advance(&r, 10);
    sdk_auto_enable(&r.machine);
    CU_ASSERT_EQUAL(r.machine.timer.due_ms, due);
}

static void test_first_times_are_spread(void)
{
    enum { N = 10000, BUCKETS = 100 };
    unsigned buckets[BUCKETS] = {0};
    for (int i = 0; i < N; i++) {
        char seed[32];
        struct sdk_auto a = {0};
        snprintf(seed, sizeof(seed), "device-%d/Int8", i);
        sdk_auto_init(&a, NULL, &ops, 1000, seed);
        CU_ASSERT_TRUE(a.phase_ms >= 0 && a.phase_ms < 1000);
        buckets[a.phase_ms / 10]++;
        sdk_auto_done(&a);
    }
    for (int i = 0; i < BUCKETS; i++) { /* 100 each, give or take 5 standard deviations */
        CU_ASSERT_TRUE(buckets[i] > 50 && buckets[i] < 150);
    }
}

CU_TestInfo autoevent_tests[] = {
    {"every cell of the table",                   test_every_cell_of_the_table                  },
    {"no sequence breaks the rules",              test_no_sequence_breaks_the_rules             },
    {"reads come once an interval",               test_reads_come_once_an_interval              },
    {"a slow read does not shift the schedule",   test_a_slow_read_does_not_shift_the_schedule  },
    {"waiting reads are not doubled",             test_waiting_reads_are_not_doubled            },
    {"refused reads are skipped and tried again", test_refused_reads_are_skipped_and_tried_again},
    {"a late wheel realigns",                     test_a_late_wheel_realigns                    },
    {"disabled ones are silent",                  test_disabled_ones_are_silent                 },
    {"a read of before is stale",                 test_a_read_of_before_is_stale                },
    {"enabling twice changes nothing",            test_enabling_twice_changes_nothing           },
    {"first times are spread",                    test_first_times_are_spread                   },
    CU_TEST_INFO_NULL,
};
