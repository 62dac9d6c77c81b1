/* A disk that takes no more, or does not keep what it was given: nothing is acknowledged that is not there. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "edge/clock.h"
#include "faulty_system.h"
#include "spool_bench.h"
#include "suites.h"
#include "wait.h"

static enum edge_status sync_now(struct spool_bench *b)
{
    EDGE_CTX_SCOPE(ctx);
    return edge_spool_sync(&ctx, b->spool);
}

static int first_of(struct spool_bench *b)
{
    uint64_t seq = 0;
    return spool_take(b, &seq);
}

static void test_sync_says_no(void)
{
    SPOOL_BENCH(b);
    b.config.durability = EDGE_SPOOL_SYNC;
    spool_bench_open(&b);
    CU_ASSERT_EQUAL(spool_put(&b, "1"), EDGE_OK);
    faulty_fdatasync = true;
    CU_ASSERT_EQUAL(spool_put(&b, "2"), EDGE_UNAVAILABLE);
    CU_ASSERT_EQUAL(spool_put(&b, "3"), EDGE_UNAVAILABLE);
    faulty_fdatasync = false;
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_DISK], 2);
    CU_ASSERT_EQUAL(spool_state(&b).depth, 1);
    spool_bench_close(&b); /* what was refused is not there later on either */
    spool_bench_open(&b);
    CU_ASSERT_EQUAL(spool_state(&b).depth, 1);
    CU_ASSERT_EQUAL(spool_put(&b, "4"), EDGE_OK);
    spool_bench_close(&b);
    spool_bench_open(&b);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 1);
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 4);
    CU_ASSERT_EQUAL(spool_take(&b, &seq), -1);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_DAMAGED], 0);
}

/* The first of a segment: the one that was there stays, and the new one is not begun. */
static void test_sync_says_no_to_a_segment(void)
{
    SPOOL_BENCH(b);
    b.config.durability = EDGE_SPOOL_SYNC;
    b.config.segment_bytes = 300;
    spool_bench_open(&b);
    faulty_fdatasync = true;
    CU_ASSERT_EQUAL(spool_put(&b, "1"), EDGE_UNAVAILABLE);
    faulty_fdatasync = false;
    for (int i = 2; i < 10; i++) {
        char text[12];
        snprintf(text, sizeof(text), "%d", i);
        faulty_fdatasync = i % 2 == 1;
        CU_ASSERT_EQUAL(spool_put(&b, text), i % 2 == 1 ? EDGE_UNAVAILABLE : EDGE_OK);
    }
    faulty_fdatasync = false;
    uint64_t seq = 0;
    for (int i = 2; i < 10; i += 2) {
        CU_ASSERT_EQUAL(spool_take(&b, &seq), i);
    }
    CU_ASSERT_EQUAL(spool_take(&b, &seq), -1);
}

static bool has_failed(void *arg)
{
    (void)arg;
    return faulty_syncs > 0;
}

/* Who asks whether it is on disk hears no until what the disk did not take is settled. */
static void test_the_flusher_hears_no(void)
{
    SPOOL_BENCH(b);
    b.config.durability = EDGE_SPOOL_GROUP;
    b.config.group_ms = 1;
    spool_bench_open(&b);
    CU_ASSERT_EQUAL(spool_put(&b, "1"), EDGE_OK);
    CU_ASSERT_EQUAL(sync_now(&b), EDGE_OK);
    faulty_syncs = 0;
    faulty_fdatasync = true;
    CU_ASSERT_EQUAL(spool_put(&b, "2"), EDGE_OK); /* group: taken, not promised */
    CU_ASSERT(wait_until(has_failed, NULL, 10000));
    CU_ASSERT_EQUAL(sync_now(&b), EDGE_UNAVAILABLE);
    faulty_fdatasync = false;
    CU_ASSERT_EQUAL(sync_now(&b), EDGE_UNAVAILABLE); /* it may have forgotten */
    CU_ASSERT_EQUAL(first_of(&b), 1);
    edge_spool_settle(b.spool, 1);
    edge_spool_settle(b.spool, 2);
    CU_ASSERT_EQUAL(sync_now(&b), EDGE_OK);
}

/* Files may grow so far and no further; what is half written is taken back. */
static void test_a_write_that_stops_half_way(void)
{
    enum { FULL = 2000, TEXT = 150 };
    SPOOL_BENCH(b);
    struct rlimit before, limit;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    char text[TEXT + 1];
    int taken = 0, refused = 0;
    spool_bench_open(&b);
    fflush(stdout);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){FULL, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "%-*d", TEXT, i);
        enum edge_status st = spool_put(&b, text);
        taken += st == EDGE_OK;
        refused += st == EDGE_UNAVAILABLE;
    }
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    CU_ASSERT(taken > 0 && taken < 20);
    CU_ASSERT_EQUAL(taken + refused, 20);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_DISK], (uint64_t)refused);
    CU_ASSERT_EQUAL(spool_put(&b, "20"), EDGE_OK);
    spool_bench_close(&b);
    spool_bench_open(&b);
    uint64_t seq = 0;
    for (int i = 0; i < taken; i++) {
        CU_ASSERT_EQUAL(spool_take(&b, &seq), i);
    }
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 20);
    CU_ASSERT_EQUAL(spool_take(&b, &seq), -1);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_DAMAGED], 0);
}

CU_TestInfo spool_disk_tests[] = {
    {"sync says no",                test_sync_says_no               },
    {"sync says no to a segment",   test_sync_says_no_to_a_segment  },
    {"the flusher hears no",        test_the_flusher_hears_no       },
    {"a write that stops half way", test_a_write_that_stops_half_way},
    CU_TEST_INFO_NULL,
};
