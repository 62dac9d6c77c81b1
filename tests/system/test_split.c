/* Every journey through one process per service and a real broker, and what a broker's death does.
 */
#include "journeys.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"

JOURNEYS(JOURNEY_IN_SHAPE_SPLIT)

struct counted {
    const struct platform *p;
    int64_t more_than;
};

static bool more_events_than(void *arg)
{
    const struct counted *c = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    return call(&ctx, c->p, DATA, "GET", "/api/v3/event/count", NULL, &body) == 200 &&
           int_at(body, "count") > c->more_than;
}

static int64_t events_stored(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    return int_at(expect(&ctx, p, DATA, "GET", "/api/v3/event/count", NULL, 200), "count");
}

static void test_a_broker_may_go_and_return(void)
{
    PLATFORM(p, SHAPE_SPLIT);
    CU_ASSERT_TRUE(wait_until(more_events_than, &(struct counted){&p, 0}, PATIENCE_MS));
    for (int round = 0; round < 3; round++) {
        platform_kill_broker(&p);
        int64_t before = events_stored(&p);
        platform_start_broker(&p);
        CU_ASSERT_TRUE(wait_until(more_events_than, &(struct counted){&p, before}, PATIENCE_MS));
        CU_ASSERT_TRUE(
            wait_until(platform_driver_hears, &p, PATIENCE_MS)); /* subscriptions were renewed */
    }
}

static void test_services_start_in_any_order(void)
{
    struct platform p __attribute__((cleanup(platform_done)));
    platform_make(&p, SHAPE_SPLIT);
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    int64_t before = events_stored(&p);
    CU_ASSERT_TRUE_FATAL(platform_down(&p));
    platform_kill_broker(&p);
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    CU_ASSERT_TRUE(wait_until(more_events_than, &(struct counted){&p, before}, PATIENCE_MS));
}

/* A driver that has long waited for core-metadata, and everybody for the broker, notice at once that
 * they are there: pauses do not grow with the time of waiting. */
static void test_who_comes_late_is_found_at_once(void)
{
    const int absence_ms = 12000, bound_ms = 4000; /* without sanitizers, on its own: below 3 s */
    setenv("EDGEX_STARTUP_DURATION", "1", 1);      /* many attempts in a short time */
    PLATFORM(p, SHAPE_SPLIT);
    platform_kill_one(&p, VIRTUAL);
    platform_kill_one(&p, METADATA);
    platform_kill_broker(&p);
    int64_t before = events_stored(&p);
    platform_start(&p, VIRTUAL);
    poll(NULL, 0, absence_ms); /* how long it lasts is what is tested */
    platform_start_broker(&p);
    platform_start(&p, METADATA);
    int64_t began = edge_now_mono_ms();
    CU_ASSERT_TRUE(wait_until(more_events_than, &(struct counted){&p, before}, PATIENCE_MS));
    int64_t took_ms = edge_now_mono_ms() - began;
    printf("(%lld ms) ", (long long)took_ms);
    CU_ASSERT(took_ms < bound_ms);
    unsetenv("EDGEX_STARTUP_DURATION");
}

CU_TestInfo split_tests[] = {
    {"a broker may go and return",               test_a_broker_may_go_and_return     },
    {"a whole restart goes on where it stopped", test_services_start_in_any_order    },
    {"who comes late is found at once",          test_who_comes_late_is_found_at_once},
    JOURNEYS(JOURNEY_ROW) CU_TEST_INFO_NULL,
};
