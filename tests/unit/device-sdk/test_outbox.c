/* The outbox over a real broker: an acknowledged event does not come again, any other one does. */
#include <string.h>

#include "contracts/event_ack.h"
#include "edge/text.h"
#include "outbox_rig.h"

#define FIXTURE(f)                                                                                 \
    static const struct sdk_outbox_config small = {.max_events = 1000, .max_kb = 1024};            \
    __attribute__((cleanup(outbox_rig_done))) struct fixture f;                                    \
    if (!outbox_rig_make(&f, &small, NULL, false)) {                                               \
        return;                                                                                    \
    }

static bool has_heard_all(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->acker.lock);
    return f->acker.n >= N_EVENTS;
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void test_what_is_acknowledged_goes(void)
{
    FIXTURE(f);
    for (int i = 0; i < N_EVENTS; i++) {
        CU_ASSERT_TRUE(outbox_rig_put(&f, i));
    }
    CU_ASSERT_TRUE(wait_until(outbox_rig_is_empty, &f, SOON_MS));
    for (int i = 0; i < N_EVENTS; i++) {
        CU_ASSERT_EQUAL(outbox_rig_times(&f.acker, i, false), 1);
    }
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_sent), N_EVENTS + 1);
}

/* What was sent later is acknowledged: the gaps, and nothing else, come again. */
static void test_only_what_was_lost_comes_again(void)
{
    FIXTURE(f);
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.deaf = 1u << 3 | 1u << 6;
    }
    for (int i = 0; i < N_EVENTS; i++) {
        CU_ASSERT_TRUE(outbox_rig_put(&f, i));
    }
    CU_ASSERT_TRUE(wait_until(outbox_rig_is_empty, &f, SOON_MS));
    for (int i = 0; i < N_EVENTS; i++) {
        CU_ASSERT_EQUAL(outbox_rig_times(&f.acker, i, false), 1);
        CU_ASSERT_EQUAL(outbox_rig_times(&f.acker, i, true), i == 3 || i == 6);
    }
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
}

/* Who has forgotten what it heard gets all of it again, in order. */
static void test_a_new_core_data_gets_all(void)
{
    FIXTURE(f);
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.mute = true;
    }
    for (int i = 0; i < N_EVENTS; i++) {
        CU_ASSERT_TRUE(outbox_rig_put(&f, i));
    }
    CU_ASSERT_TRUE(wait_until(has_heard_all, &f, SOON_MS));
    CU_ASSERT_EQUAL(edge_gauge_get(f.svc.events_waiting), N_EVENTS);
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.mute = false;
        f.acker.instance = "second";
        f.acker.n = 0;
    }
    EDGE_CTX_SCOPE(ctx);
    outbox_rig_hello(&ctx, &f.acker);
    CU_ASSERT_TRUE(wait_until(outbox_rig_is_empty, &f, SOON_MS));
    EDGE_LOCK(&f.acker.lock);
    CU_ASSERT_EQUAL(f.acker.n, N_EVENTS);
    for (size_t i = 0; i < f.acker.n; i++) {
        CU_ASSERT_EQUAL(f.acker.heard[i], (int)i);
        CU_ASSERT_TRUE(f.acker.marked[i]);
    }
}

static bool has_heard_all_again(void *arg)
{
    struct fixture *f = arg;
    return has_heard_all(f) && outbox_rig_times(&f->acker, N_EVENTS - 1, true) > 0;
}

/* What is sent again and again is given up where others get through, not where nobody does: his disk is full,
 * say, and he is restarted. */
static void test_nothing_is_given_up_while_nothing_gets_through(void)
{
    enum { RESTARTS = 30 };
    FIXTURE(f);
    EDGE_CTX_SCOPE(ctx);
    for (int restart = 0; restart <= RESTARTS; restart++) {
        {
            EDGE_LOCK(&f.acker.lock);
            f.acker.mute = restart < RESTARTS;
            f.acker.instance = edge_printf(&ctx.arena, "restart %d", restart);
            f.acker.n = 0;
        }
        for (int i = 0; restart == 0 && i < N_EVENTS; i++) {
            CU_ASSERT_TRUE(outbox_rig_put(&f, i));
        }
        outbox_rig_hello(&ctx, &f.acker);
        CU_ASSERT_TRUE_FATAL(
            wait_until(restart > 0 ? has_heard_all_again : has_heard_all, &f, SOON_MS));
    }
    CU_ASSERT_TRUE(wait_until(outbox_rig_is_empty, &f, SOON_MS));
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
}

static bool knows_the_last(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->svc.outbox->lock);
    return strcmp(f->svc.outbox->instance, "the last") == 0;
}

static bool is_alone(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->svc.outbox->lock);
    return f->svc.outbox->mode == OUTBOX_ALONE;
}

static bool has_resent(void *arg)
{
    struct fixture *f = arg;
    return outbox_rig_times(&f->acker, 2 * N_EVENTS - 1, true) > 0;
}

static bool has_sent_all(void *arg)
{
    const struct fixture *f = arg;
    return edge_counter_get(f->svc.events_sent) >= 2 * N_EVENTS + 1;
}

/* Nobody acknowledges: what was sent last, as much as half of the outbox, is kept for who comes late. */
static void test_who_comes_late_gets_the_last_ones(void)
{
    enum { MAX = 8 };
    FIXTURE(f);
    EDGE_CTX_SCOPE(ctx);
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.mute = f.acker.absent = true;
        f.acker.instance = "the last"; /* of his that is still on its way */
    }
    outbox_rig_hello(&ctx, &f.acker);
    CU_ASSERT_TRUE_FATAL(wait_until(knows_the_last, &f, SOON_MS));
    {
        EDGE_LOCK(&f.svc.outbox->lock);
        f.svc.outbox->mode = OUTBOX_ASKING; /* as at the start, and its time is over */
        f.svc.outbox->asking_until_ms = 0;
        f.svc.outbox->events.max = MAX;
        f.svc.outbox->instance[0] = '\0';
        edge_cond_signal(&f.svc.outbox->filled);
    }
    CU_ASSERT_TRUE_FATAL(wait_until(is_alone, &f, SOON_MS));
    for (int i = 0; i < 2 * N_EVENTS; i++) {
        CU_ASSERT_TRUE(outbox_rig_put(&f, i));
        CU_ASSERT_TRUE(wait_until(outbox_rig_is_empty, &f, SOON_MS));
    }
    CU_ASSERT_TRUE_FATAL(wait_until(has_sent_all, &f, SOON_MS));
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.mute = false;
    }
    outbox_rig_hello(&ctx, &f.acker);
    CU_ASSERT_TRUE(wait_until(has_resent, &f, SOON_MS));
    CU_ASSERT_TRUE(wait_until(outbox_rig_is_empty, &f, SOON_MS));
    for (int i = 0; i < 2 * N_EVENTS; i++) {
        CU_ASSERT_EQUAL(outbox_rig_times(&f.acker, i, true), i >= 2 * N_EVENTS - MAX / 2);
    }
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
}

CU_TestInfo outbox_tests[] = {
    {"who comes late gets the last ones",              test_who_comes_late_gets_the_last_ones},
    {"what is acknowledged goes",                      test_what_is_acknowledged_goes        },
    {"only what was lost comes again",                 test_only_what_was_lost_comes_again   },
    {"a new core-data gets all",                       test_a_new_core_data_gets_all         },
    {"nothing is given up while nothing gets through",
     test_nothing_is_given_up_while_nothing_gets_through                                     },
    CU_TEST_INFO_NULL,
};
