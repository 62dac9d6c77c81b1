/* Arena, context, buffer, status: the smallest rooms. */
#include <string.h>

#include "edge/buf.h"
#include "edge/ctx.h"
#include "suites.h"

static void test_failures_join_and_wrap(void)
{
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(edge_fail(&ctx, EDGE_INVALID, "a is %d", 1), EDGE_INVALID);
    CU_ASSERT_EQUAL(edge_fail(&ctx, EDGE_INVALID, "b is %d", 2), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID), "a is 1; b is 2");
    CU_ASSERT_EQUAL(edge_wrap(&ctx, EDGE_INVALID, "adding"), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID), "adding -> a is 1; b is 2");
    edge_ctx_clear(&ctx);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_NOT_FOUND), "not found");
    CU_ASSERT_EQUAL(edge_wrap(&ctx, EDGE_OK, "unused"), EDGE_OK);
    CU_ASSERT_EQUAL(ctx.message_len, 0);
}

static void test_long_failures_are_cut_at_a_character(void)
{
    EDGE_CTX_SCOPE(ctx);
    for (int i = 0; i < 400; i++) {
        CU_ASSERT_EQUAL(edge_fail(&ctx, EDGE_INVALID, "äöü€"), EDGE_INVALID);
    }
    const char *text = edge_ctx_message(&ctx, EDGE_INVALID);
    size_t len = strlen(text);
    CU_ASSERT(len < sizeof(ctx.message));
    CU_ASSERT((unsigned char)text[len - 1] < 0xc0 || len == 0);
}

static void count_call(void *counter)
{
    (*(int *)counter)++;
}

static void test_arena_runs_deferred_calls(void)
{
    int calls = 0;
    struct edge_arena a = EDGE_ARENA_INIT;
    edge_defer(&a, count_call, &calls);
    char *big = edge_alloc(&a, 100, 1000);
    CU_ASSERT_EQUAL(big[99999], 0);
    CU_ASSERT_STRING_EQUAL(edge_printf(&a, "%s-%d", "x", 7), "x-7");
    edge_arena_done(&a);
    CU_ASSERT_EQUAL(calls, 1);
}

static void test_buffer_grows(void)
{
    struct edge_buf b = EDGE_BUF_INIT;
    for (int i = 0; i < 1000; i++) {
        edge_buf_printf(&b, "%d,", i % 10);
    }
    edge_buf_put_i64(&b, INT64_MIN);
    edge_buf_put_u64(&b, UINT64_MAX);
    CU_ASSERT_EQUAL(strlen(edge_buf_str(&b)), 2000 + 20 + 20);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&b) + 2000, "-922337203685477580818446744073709551615");
    edge_buf_done(&b);
}

static void test_status_maps_to_http_and_back(void)
{
    CU_ASSERT_EQUAL(edge_status_http(EDGE_LOCKED), 423);
    CU_ASSERT_EQUAL(edge_status_from_http(207), EDGE_OK);
    CU_ASSERT_EQUAL(edge_status_from_http(404), EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(edge_status_from_http(418), EDGE_INTERNAL);
}

CU_TestInfo base_tests[] = {
    {"failures join and wrap",               test_failures_join_and_wrap              },
    {"long failures are cut at a character", test_long_failures_are_cut_at_a_character},
    {"arena runs deferred calls",            test_arena_runs_deferred_calls           },
    {"buffer grows",                         test_buffer_grows                        },
    {"status maps to http and back",         test_status_maps_to_http_and_back        },
    CU_TEST_INFO_NULL,
};
