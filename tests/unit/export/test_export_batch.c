/* Batches: when they go on, what of, and that nothing of them is lost before. */
#include <string.h>

#include "edge/clock.h"
#include "queue_bench.h"

#define BATCH(b, ...)                                                                              \
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(b, "Batch", (const char *const[]){__VA_ARGS__, NULL}))

static void test_by_count(void)
{
    QUEUE_BENCH(b);
    BATCH(&b, "Mode", "bycount", "BatchThreshold", "2", "MergeOnSend", "true");
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    bench_put(&b, "c");
    CU_ASSERT(bench_wait_depth(&b, 1));
    CU_ASSERT_EQUAL_FATAL(b.n_followed, 1);
    CU_ASSERT_STRING_EQUAL(b.followed[0], "ab");
    bench_put(&b, "d");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_STRING_EQUAL(b.followed[1], "cd");
}

static void test_by_time(void)
{
    QUEUE_BENCH(b);
    BATCH(&b, "Mode", "bytime", "TimeInterval", "50ms", "MergeOnSend", "true");
    bench_open(&b);
    int64_t began_ms = edge_now_mono_ms();
    bench_put(&b, "a");
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_followed(&b, 1));
    CU_ASSERT(edge_now_mono_ms() - began_ms >= 50);
    CU_ASSERT_STRING_EQUAL(b.followed[0], "ab");
    CU_ASSERT(bench_wait_depth(&b, 0));
}

static void test_by_time_or_count(void)
{
    QUEUE_BENCH(b);
    BATCH(&b, "Mode", "bytimecount", "TimeInterval", "30ms", "BatchThreshold", "2", "MergeOnSend",
          "true");
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    bench_put(&b, "c");
    CU_ASSERT(bench_wait_followed(&b, 2));
    CU_ASSERT_STRING_EQUAL(b.followed[0], "ab");
    CU_ASSERT_STRING_EQUAL(b.followed[1], "c");
}

static void test_a_list_can_be_made_again(void)
{
    QUEUE_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    struct export_data data;
    BATCH(&b, "Mode", "bycount", "BatchThreshold", "2");
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL_FATAL(b.n_followed, 1);
    struct edge_bytes frozen = {b.followed[0], strlen(b.followed[0])};
    CU_ASSERT_EQUAL_FATAL(export_data_thaw(&ctx, b.kind, frozen, "application/json", &data),
                          EDGE_OK);
    CU_ASSERT_EQUAL(data.kind, EXPORT_LIST);
    CU_ASSERT_EQUAL_FATAL(data.n_items, 2);
    CU_ASSERT_NSTRING_EQUAL(data.items[1].bytes.data, "b", 1);
}

/* Bytes in one run, of which it is known what they were merged of. */
static void test_a_merged_batch_can_be_cut(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_data items[] = {
        {.kind = EXPORT_BYTES, .bytes = {"ab", 2}},
        {.kind = EXPORT_BYTES, .bytes = {"", 0}  },
        {.kind = EXPORT_BYTES, .bytes = {"c", 1} }
    };
    struct export_data merged = {.items = items, .n_items = 3, .content_type = "text/plain"}, again;
    struct edge_bytes frozen;
    uint8_t kind;
    const char *type;
    export_data_merge(&ctx, &merged);
    CU_ASSERT_NSTRING_EQUAL(merged.bytes.data, "abc", merged.bytes.size);
    CU_ASSERT_EQUAL(export_data_freeze(&ctx, &merged, &frozen, &kind, &type), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(type, "text/plain");
    CU_ASSERT_EQUAL_FATAL(export_data_thaw(&ctx, kind, frozen, type, &again), EDGE_OK);
    CU_ASSERT_EQUAL(again.kind, EXPORT_BYTES);
    CU_ASSERT_EQUAL(again.bytes.size, 3);
    CU_ASSERT_NSTRING_EQUAL(again.bytes.data, "abc", 3);
    CU_ASSERT_EQUAL_FATAL(again.n_items, 3);
    CU_ASSERT_NSTRING_EQUAL(again.items[2].bytes.data, "c", 1);
    CU_ASSERT_STRING_EQUAL(again.content_type, "text/plain");
}

static void test_what_is_no_event_leaves_the_batch(void)
{
    QUEUE_BENCH(b);
    BATCH(&b, "Mode", "bycount", "BatchThreshold", "2", "IsEventData", "true");
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_quarantined(&b, 2));
    CU_ASSERT(bench_says(&b, "this is no event"));
    CU_ASSERT_EQUAL(b.n_followed, 0);
}

static void test_a_batch_that_cannot_go_on_comes_again(void)
{
    QUEUE_BENCH(b);
    BATCH(&b, "Mode", "bycount", "BatchThreshold", "3", "MergeOnSend", "true");
    b.refuse = 2;
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    bench_put(&b, "c");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL_FATAL(b.n_followed, 1);
    CU_ASSERT_STRING_EQUAL(b.followed[0], "abc");
}

static void test_a_batch_survives_a_restart(void)
{
    QUEUE_BENCH(b);
    BATCH(&b, "Mode", "bycount", "BatchThreshold", "3", "MergeOnSend", "true");
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    bench_close(&b);
    bench_open(&b);
    CU_ASSERT_EQUAL(bench_status(&b).depth, 2);
    bench_put(&b, "c");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL_FATAL(b.n_followed, 1);
    CU_ASSERT_STRING_EQUAL(b.followed[0], "abc");
}

static void test_parameters_are_checked(void)
{
    static const char *const none[] = {"Mode", "bycount", NULL};
    static const char *const never[] = {"Mode", "bytime", "TimeInterval", "0s", NULL};
    QUEUE_BENCH(b);
    const char *said = bench_stage(&b, "Batch", none);
    CU_ASSERT_PTR_NOT_NULL_FATAL(said);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "BatchThreshold"));
    said = bench_stage(&b, "Batch", never);
    CU_ASSERT_PTR_NOT_NULL_FATAL(said);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "TimeInterval"));
}

CU_TestInfo export_batch_tests[] = {
    {"by count",                              test_by_count                             },
    {"by time",                               test_by_time                              },
    {"by time or count",                      test_by_time_or_count                     },
    {"a list can be made again",              test_a_list_can_be_made_again             },
    {"a merged batch can be cut",             test_a_merged_batch_can_be_cut            },
    {"what is no event leaves the batch",     test_what_is_no_event_leaves_the_batch    },
    {"a batch that cannot go on comes again", test_a_batch_that_cannot_go_on_comes_again},
    {"a batch survives a restart",            test_a_batch_survives_a_restart           },
    {"parameters are checked",                test_parameters_are_checked               },
    CU_TEST_INFO_NULL,
};
