/* Pauses between attempts: how they grow, what chance does to them, and floors. */
#include "edge/backoff.h"
#include "suites.h"

static void test_pauses_double_up_to_the_longest(void)
{
    static const int64_t expected[] = {50, 100, 200, 400, 800, 1000, 1000};
    struct edge_backoff b = {.first_ms = 50, .last_ms = 1000};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
            CU_ASSERT_EQUAL(edge_backoff_next(&b), expected[i]);
        }
        edge_backoff_reset(&b);
    }
}

static void test_pauses_do_not_overflow(void)
{
    struct edge_backoff b = {.first_ms = 1, .last_ms = INT64_MAX};
    int64_t before = 0;
    for (int i = 0; i < 100; i++) {
        int64_t pause = edge_backoff_next(&b);
        CU_ASSERT_TRUE(pause >= before && pause > 0);
        before = pause;
    }
    CU_ASSERT_EQUAL(before, INT64_MAX);
}

/* The least and the most of many pauses at @p b's longest. */
static void range(struct edge_backoff b, int64_t *ret_least, int64_t *ret_most)
{
    *ret_least = INT64_MAX;
    *ret_most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t floor = b.floor_ms, pause = edge_backoff_next(&b);
        b.floor_ms = floor;
        *ret_least = pause < *ret_least ? pause : *ret_least;
        *ret_most = pause > *ret_most ? pause : *ret_most;
    }
}

static void test_chance_has_its_share(void)
{
    int64_t least, most;
    range((struct edge_backoff){1000, 1000, .spread_percent = 50, .seed = 7}, &least, &most);
    CU_ASSERT_TRUE(least >= 500 && least < 520);
    CU_ASSERT_TRUE(most > 980 && most <= 1000);
    range((struct edge_backoff){1000, 1000, .spread_percent = 100, .seed = 7}, &least, &most);
    CU_ASSERT_TRUE(least >= 0 && least < 20);
    CU_ASSERT_TRUE(most > 980 && most <= 1000);
}

static void test_one_seed_gives_one_sequence(void)
{
    struct edge_backoff a = {10, 10000, .spread_percent = 100, .seed = 3}, b = a;
    struct edge_backoff other = {10, 10000, .spread_percent = 100, .seed = 4};
    unsigned same = 0;
    for (int i = 0; i < 50; i++) {
        int64_t pause = edge_backoff_next(&a);
        CU_ASSERT_EQUAL(edge_backoff_next(&b), pause);
        same += edge_backoff_next(&other) == pause;
    }
    CU_ASSERT_TRUE(same < 25);
}

static void test_without_a_seed_callers_part(void)
{
    struct edge_backoff a = {1000000, 1000000, .spread_percent = 100}, b = a;
    unsigned same = 0;
    for (int i = 0; i < 50; i++) {
        same += edge_backoff_next(&a) == edge_backoff_next(&b);
    }
    CU_ASSERT_TRUE(same < 5);
}

static void test_a_floor_holds_once(void)
{
    struct edge_backoff b = {.first_ms = 50, .last_ms = 1000, .floor_ms = 30000};
    CU_ASSERT_EQUAL(edge_backoff_next(&b), 30000);
    CU_ASSERT_EQUAL(edge_backoff_next(&b), 100);
    b.floor_ms = 10;
    CU_ASSERT_EQUAL(edge_backoff_next(&b), 200);
}

static void test_chance_comes_on_top_of_a_floor(void)
{
    int64_t least, most;
    range((struct edge_backoff){50, 1000, .spread_percent = 50, .floor_ms = 30000, .seed = 7},
          &least, &most);
    CU_ASSERT_TRUE(least >= 30000 && least < 30300);
    CU_ASSERT_TRUE(most > 44700 && most <= 45000);
}

CU_TestInfo backoff_tests[] = {
    {"pauses double up to the longest", test_pauses_double_up_to_the_longest},
    {"pauses do not overflow",          test_pauses_do_not_overflow         },
    {"chance has its share",            test_chance_has_its_share           },
    {"one seed gives one sequence",     test_one_seed_gives_one_sequence    },
    {"without a seed callers part",     test_without_a_seed_callers_part    },
    {"a floor holds once",              test_a_floor_holds_once             },
    {"chance comes on top of a floor",  test_chance_comes_on_top_of_a_floor },
    CU_TEST_INFO_NULL,
};
