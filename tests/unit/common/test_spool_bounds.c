/* Bounds of a spool, and what is dropped, refused or waits where they are met. */
#include <stdlib.h>
#include <string.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/thread.h"
#include "spool_bench.h"
#include "suites.h"

/* ---- bounds --------------------------------------------------------------------------------- */

static void test_bounds_by_number(void)
{
    SPOOL_BENCH(b);
    b.config.max_count = 10;
    spool_bench_open(&b);
    spool_put_numbers(&b, 0, 25);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 15);
    CU_ASSERT_EQUAL(spool_state(&b).depth, 10);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_COUNT], 15);
    b.config.full = EDGE_SPOOL_DROP_NEWEST;
    edge_spool_limit(b.spool, &b.config);
    CU_ASSERT_EQUAL(spool_put(&b, "26"), EDGE_UNAVAILABLE);
    CU_ASSERT_EQUAL(spool_state(&b).depth, 10);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_COUNT], 16);
}

static void test_bounds_by_bytes(void)
{
    enum { MAX = 1 << 20 };
    SPOOL_BENCH(b);
    char text[1001];
    memset(text, 'x', sizeof(text));
    text[1000] = '\0';
    b.config.max_bytes = MAX;
    spool_bench_open(&b);
    for (int i = 0; i < 3000; i++) {
        CU_ASSERT_EQUAL(spool_put(&b, text), EDGE_OK);
        CU_ASSERT(spool_state(&b).disk_bytes <= MAX);
    }
    struct edge_spool_state st = spool_state(&b);
    CU_ASSERT_EQUAL(st.depth + st.dropped[EDGE_DROP_BYTES], 3000);
    CU_ASSERT(st.depth > 600);
    char *huge = edge_xalloc(1, MAX);
    memset(huge, 'x', MAX - 1);
    CU_ASSERT_EQUAL(spool_put(&b, huge), EDGE_TOO_LARGE);
    free(huge);
}

/* A bound that is lowered below what the last segment takes, and nothing waits: there is room again. */
static void test_a_lower_bound(void)
{
    static const enum edge_spool_full policies[] = {EDGE_SPOOL_DROP_OLDEST, EDGE_SPOOL_DROP_NEWEST,
                                                    EDGE_SPOOL_BLOCK};
    for (size_t p = 0; p < 3; p++) {
        SPOOL_BENCH(b);
        char text[1001];
        memset(text, 'x', sizeof(text));
        text[1000] = '\0';
        spool_bench_open(&b);
        for (int i = 0; i < 2000; i++) {
            CU_ASSERT_EQUAL(spool_put(&b, text), EDGE_OK);
            edge_spool_settle(b.spool, (uint64_t)i + 1);
        }
        b.config.max_bytes = 1 << 20;
        b.config.full = policies[p];
        edge_spool_limit(b.spool, &b.config);
        CU_ASSERT_EQUAL(spool_put(&b, text), EDGE_OK);
        CU_ASSERT_EQUAL(spool_state(&b).depth, 1);
        CU_ASSERT(spool_state(&b).disk_bytes < 1 << 20);
    }
}

struct blocked {
    struct spool_bench *b;
    enum edge_status st;
};

static void *put_blocked(void *arg)
{
    struct blocked *x = arg;
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool_record r = {.payload = "9", .size = 1};
    ctx.log = x->b->log;
    x->st = edge_spool_append(&ctx, x->b->spool, &r, 1, edge_now_mono_ms() + 20000);
    return NULL;
}

static void test_blocking_waits_for_room(void)
{
    SPOOL_BENCH(b);
    b.config.max_count = 2;
    b.config.full = EDGE_SPOOL_BLOCK;
    spool_bench_open(&b);
    spool_put_numbers(&b, 0, 2);
    CU_ASSERT_EQUAL(spool_put(&b, "x"), EDGE_UNAVAILABLE); /* its deadline has come */
    struct blocked x = {&b, EDGE_INTERNAL};
    pthread_t t = edge_thread_start("blocked", put_blocked, &x);
    edge_spool_settle(b.spool, 1);
    pthread_join(t, NULL);
    CU_ASSERT_EQUAL(x.st, EDGE_OK);
    CU_ASSERT_EQUAL(spool_state(&b).depth, 2);
}

static void test_old_and_expired_ones_go(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    spool_bench_open(&b);
    struct edge_spool_record r[] = {
        {.payload = "0",                        .size = 1, .expires_ms = 1},
        {.payload = "1",                                     .size = 1,                                 .spooled_ms = edge_now_ms() - 100000},
        {.payload = "2", .size = 1},
    };
    CU_ASSERT_EQUAL(edge_spool_append(&ctx, b.spool, r, 3, 0), EDGE_OK);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 1);
    b.config.max_age_ms = 1000;
    edge_spool_limit(b.spool, &b.config);
    seq = 0;
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 2);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_EXPIRED], 1);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_AGE], 1);
}

static void test_full_disk(void)
{
    SPOOL_BENCH(b);
    b.config.min_free_bytes = UINT64_MAX;
    spool_bench_open(&b);
    CU_ASSERT_EQUAL(spool_put(&b, "1"), EDGE_UNAVAILABLE);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_DISK], 1);
    b.config.min_free_bytes = 1;
    edge_spool_limit(b.spool, &b.config);
    CU_ASSERT_EQUAL(spool_put(&b, "2"), EDGE_OK);
}

CU_TestInfo spool_bounds_tests[] = {
    {"a lower bound",           test_a_lower_bound          },
    {"bounds by number",        test_bounds_by_number       },
    {"bounds by bytes",         test_bounds_by_bytes        },
    {"blocking waits for room", test_blocking_waits_for_room},
    {"old and expired ones go", test_old_and_expired_ones_go},
    {"a full disk",             test_full_disk              },
    CU_TEST_INFO_NULL,
};
