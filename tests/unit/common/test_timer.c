/* The timer wheel: driven by hand for what it does, with its thread for how it does it. */
#include <stdatomic.h>
#include <stdlib.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/thread.h"
#include "edge/timer.h"
#include "suites.h"
#include "wait.h"

struct probe {
    struct edge_timer timer; /* first member: the callback gets its address */
    struct edge_timers *wheel;
    atomic_uint fired;
    int64_t due_ms, fired_ms, again_ms;
    struct edge_timer *victim;
    struct gate *gate;
};

static int64_t clock_ms; /* of manual wheels */

static void note(struct edge_timer *t)
{
    struct probe *p = (struct probe *)t;
    p->fired_ms = clock_ms;
    p->fired++;
}

static void note_and_rearm(struct edge_timer *t)
{
    struct probe *p = (struct probe *)t;
    note(t);
    edge_timer_arm(p->wheel, t, clock_ms + p->again_ms);
}

static void note_and_cancel_other(struct edge_timer *t)
{
    struct probe *p = (struct probe *)t;
    note(t);
    (void)edge_timer_cancel(p->wheel, p->victim);
}

static void advance(struct edge_timers *w, int64_t to_ms)
{
    clock_ms = to_ms;
    edge_timers_advance(w, to_ms);
}

static void test_fires_when_due_and_once(void)
{
    struct edge_timers *w = edge_timers_create_manual(1000);
    struct probe p = {.timer.fn = note};
    edge_timer_arm(w, &p.timer, 1055);
    advance(w, 1054);
    CU_ASSERT_EQUAL(p.fired, 0);
    advance(w, 1059);
    CU_ASSERT_EQUAL(p.fired, 0); /* rounded up to the tick */
    advance(w, 1060);
    CU_ASSERT_EQUAL(p.fired, 1);
    advance(w, 100000);
    CU_ASSERT_EQUAL(p.fired, 1);
    CU_ASSERT_FALSE(edge_timer_cancel(w, &p.timer));
    edge_timers_free(w);
}

static void test_past_due_fires_at_the_next_tick(void)
{
    struct edge_timers *w = edge_timers_create_manual(1000);
    struct probe p[3] = {{.timer.fn = note}, {.timer.fn = note}, {.timer.fn = note}};
    edge_timer_arm(w, &p[0].timer, 0);
    edge_timer_arm(w, &p[1].timer, INT64_MIN);
    edge_timer_arm(w, &p[2].timer, 1000);
    advance(w, 1005);
    CU_ASSERT_EQUAL(p[0].fired + p[1].fired + p[2].fired, 0);
    advance(w, 1010);
    CU_ASSERT_EQUAL(p[0].fired + p[1].fired + p[2].fired, 3);
    edge_timers_free(w);
}

static void test_cancel_and_move(void)
{
    struct edge_timers *w = edge_timers_create_manual(0);
    struct probe p = {.timer.fn = note};
    CU_ASSERT_FALSE(edge_timer_cancel(w, &p.timer));
    edge_timer_arm(w, &p.timer, 50);
    CU_ASSERT(edge_timer_cancel(w, &p.timer));
    CU_ASSERT_FALSE(edge_timer_cancel(w, &p.timer));
    advance(w, 100);
    CU_ASSERT_EQUAL(p.fired, 0);
    edge_timer_arm(w, &p.timer, 200);
    edge_timer_arm(w, &p.timer, 90000); /* moved out */
    advance(w, 1000);
    CU_ASSERT_EQUAL(p.fired, 0);
    edge_timer_arm(w, &p.timer, 1100); /* and in again */
    advance(w, 1100);
    CU_ASSERT_EQUAL(p.fired, 1);
    advance(w, 200000);
    CU_ASSERT_EQUAL(p.fired, 1);
    edge_timers_free(w);
}

static void test_callbacks_arm_and_cancel(void)
{
    struct edge_timers *w = edge_timers_create_manual(0);
    struct probe periodic = {.timer.fn = note_and_rearm, .wheel = w, .again_ms = 1000};
    edge_timer_arm(w, &periodic.timer, 1000);
    for (int64_t t = 0; t <= 60000; t += 10) {
        advance(w, t);
    }
    CU_ASSERT_EQUAL(periodic.fired, 60);
    CU_ASSERT(edge_timer_cancel(w, &periodic.timer));

    struct probe a = {.timer.fn = note_and_cancel_other, .wheel = w};
    struct probe b = {.timer.fn = note_and_cancel_other, .wheel = w};
    a.victim = &b.timer; /* whoever comes first takes the other out of the same tick */
    b.victim = &a.timer;
    edge_timer_arm(w, &a.timer, 70000);
    edge_timer_arm(w, &b.timer, 70000);
    advance(w, 80000);
    CU_ASSERT_EQUAL(a.fired + b.fired, 1);
    edge_timers_free(w);
}

static void test_every_distance_is_right(void)
{
    enum { N = 3000 };
    struct probe *p = edge_xalloc(N, sizeof(*p));
    struct edge_timers *w = edge_timers_create_manual(123456);
    unsigned seed = 7, early = 0, late = 0, missing = 0;
    int64_t last = 0;
    for (int i = 0; i < N; i++) {
        unsigned bits = (unsigned)rand_r(&seed) % 36;
        int64_t distance =
            ((int64_t)rand_r(&seed) << 16 ^ rand_r(&seed)) & ((INT64_C(1) << bits) - 1);
        p[i] = (struct probe){.timer.fn = note, .due_ms = 123456 + distance};
        edge_timer_arm(w, &p[i].timer, p[i].due_ms);
        last = p[i].due_ms > last ? p[i].due_ms : last;
    }
    int64_t before[N];
    int64_t now = 123456;
    while (now <= last) {
        int64_t step = (INT64_C(1) << rand_r(&seed) % 34) + rand_r(&seed) % 50;
        for (int i = 0; i < N; i++) {
            before[i] = p[i].fired ? INT64_MIN : now;
        }
        now += step;
        advance(w, now);
        for (int i = 0; i < N; i++) {
            early += p[i].fired && p[i].fired_ms < p[i].due_ms;
            late += p[i].fired && before[i] != INT64_MIN && before[i] >= p[i].due_ms + 10;
        }
    }
    advance(w, now + 20);
    for (int i = 0; i < N; i++) {
        missing += p[i].fired != 1;
    }
    CU_ASSERT_EQUAL(early, 0);
    CU_ASSERT_EQUAL(late, 0);
    CU_ASSERT_EQUAL(missing, 0);
    edge_timers_free(w);
    free(p);
}

static void test_forever_is_a_time(void)
{
    struct edge_timers *w = edge_timers_create_manual(0);
    struct probe p = {.timer.fn = note};
    edge_timer_arm(w, &p.timer, INT64_MAX);
    advance(w, INT64_C(86400000) * 365 * 100);
    CU_ASSERT_EQUAL(p.fired, 0);
    CU_ASSERT(edge_timer_cancel(w, &p.timer));
    edge_timers_free(w);
}

static bool has_fired(void *probe)
{
    return ((struct probe *)probe)->fired > 0;
}

static void note_real_time(struct edge_timer *t)
{
    struct probe *p = (struct probe *)t;
    p->fired_ms = edge_now_mono_ms();
    p->fired++;
}

static void test_the_thread_wakes_in_time(void)
{
    struct edge_timers *w = edge_timers_create();
    struct probe far = {.timer.fn = note_real_time}, near = {.timer.fn = note_real_time};
    edge_timer_arm(w, &far.timer, edge_now_mono_ms() + 3600000);
    int64_t due = edge_now_mono_ms() + 30;
    edge_timer_arm(w, &near.timer, due); /* earlier than what the thread sleeps for */
    CU_ASSERT(wait_until(has_fired, &near, 10000));
    CU_ASSERT(near.fired_ms >= due);
    CU_ASSERT(near.fired_ms < due + 2000);
    CU_ASSERT_EQUAL(far.fired, 0);
    CU_ASSERT(edge_timer_cancel(w, &far.timer));
    edge_timers_free(w);
}

static void wait_at_gate(struct edge_timer *t)
{
    struct probe *p = (struct probe *)t;
    gate_pass(p->gate);
    edge_timer_arm(p->wheel, t, edge_now_mono_ms() + 10); /* cancel must catch this too */
    p->fired++;
}

static void *cancel_it(void *arg)
{
    struct probe *p = arg;
    bool armed = edge_timer_cancel(p->wheel, &p->timer);
    return armed && p->fired == 1 ? p : NULL;
}

static void test_cancel_waits_for_the_callback(void)
{
    struct gate *gate = gate_create();
    struct edge_timers *w = edge_timers_create();
    struct probe p = {.timer.fn = wait_at_gate, .wheel = w, .gate = gate};
    edge_timer_arm(w, &p.timer, 0);
    CU_ASSERT(gate_wait_for(gate, 1));
    pthread_t canceller = edge_thread_start("cancel", cancel_it, &p);
    gate_open(gate);
    void *ok = NULL;
    pthread_join(canceller, &ok);
    CU_ASSERT_PTR_NOT_NULL(ok);
    CU_ASSERT_FALSE(edge_timer_cancel(w, &p.timer));
    edge_timers_free(w);
    gate_free(gate);
}

static void count_only(struct edge_timer *t)
{
    ((struct probe *)t)->fired++;
}

static void *arm_and_cancel(void *arg)
{
    struct edge_timers *w = arg;
    struct probe p[20] = {0};
    unsigned seed = (unsigned)(uintptr_t)&p;
    for (int i = 0; i < 20; i++) {
        p[i].timer.fn = count_only;
    }
    for (int i = 0; i < 5000; i++) {
        struct probe *x = &p[rand_r(&seed) % 20];
        if (rand_r(&seed) % 3) {
            edge_timer_arm(w, &x->timer, edge_now_mono_ms() + rand_r(&seed) % 40);
        } else {
            (void)edge_timer_cancel(w, &x->timer);
        }
    }
    for (int i = 0; i < 20; i++) {
        (void)edge_timer_cancel(w, &p[i].timer); /* p ends with this function */
    }
    return NULL;
}

static void test_many_threads(void)
{
    struct edge_timers *w = edge_timers_create();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        threads[i] = edge_thread_start("arm", arm_and_cancel, w);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    struct probe last = {.timer.fn = note_real_time};
    edge_timer_arm(w, &last.timer, 0);
    CU_ASSERT(wait_until(has_fired, &last, 10000)); /* the wheel still turns */
    edge_timers_free(w);
}

static void test_free_with_armed_timers(void)
{
    struct edge_timers *w = edge_timers_create();
    struct probe p = {.timer.fn = count_only};
    edge_timer_arm(w, &p.timer, edge_now_mono_ms() + 3600000);
    edge_timers_free(w);
    edge_timers_free(NULL);
    CU_ASSERT_EQUAL(p.fired, 0);
}

static void count_and_rearm(struct edge_timer *t)
{
    struct probe *p = (struct probe *)t;
    p->fired++;
    edge_timer_arm(p->wheel, t, t->due_ms + p->again_ms);
}

/* From one that is due to the next: an hour passes at once, and nothing of it is left out. */
static void test_time_can_be_skipped(void)
{
    struct edge_timers *w = edge_timers_create();
    struct probe every_minute = {.timer.fn = count_and_rearm, .wheel = w, .again_ms = 60000};
    struct probe tomorrow = {.timer.fn = count_only};
    int64_t began = edge_now_mono_ms(), wall = edge_now_ms();
    edge_timer_arm(w, &every_minute.timer, began + 60000);
    edge_timer_arm(w, &tomorrow.timer, began + 86400000);
    while (edge_now_mono_ms() < began + 3600000) {
        (void)edge_timers_skip(w, began + 3600000 - edge_now_mono_ms());
    }
    CU_ASSERT(every_minute.fired >= 59 && every_minute.fired <= 60);
    CU_ASSERT_EQUAL(tomorrow.fired, 0);
    CU_ASSERT(edge_now_ms() - wall >= 3599000);
    edge_timer_cancel(w, &every_minute.timer);
    struct probe near = {.timer.fn = note_real_time}; /* what waits goes by the kernel's clock */
    edge_timer_arm(w, &near.timer, edge_now_mono_ms() + 30);
    CU_ASSERT(wait_until(has_fired, &near, 10000));
    edge_timer_cancel(w, &tomorrow.timer);
    edge_timers_free(w);
}

CU_TestInfo timer_tests[] = {
    {"fires when due and once",         test_fires_when_due_and_once        },
    {"past due fires at the next tick", test_past_due_fires_at_the_next_tick},
    {"cancel and move",                 test_cancel_and_move                },
    {"callbacks arm and cancel",        test_callbacks_arm_and_cancel       },
    {"every distance is right",         test_every_distance_is_right        },
    {"forever is a time",               test_forever_is_a_time              },
    {"the thread wakes in time",        test_the_thread_wakes_in_time       },
    {"cancel waits for the callback",   test_cancel_waits_for_the_callback  },
    {"many threads",                    test_many_threads                   },
    {"free with armed timers",          test_free_with_armed_timers         },
    {"time can be skipped",             test_time_can_be_skipped            },
    CU_TEST_INFO_NULL,
};
