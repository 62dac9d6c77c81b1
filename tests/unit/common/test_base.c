/* Arena, context, buffer, status: the smallest rooms. */
#include <stdlib.h>
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
    CU_ASSERT_EQUAL(ctx.failure, NULL);
}

static void test_many_reasons_are_cut(void)
{
    EDGE_CTX_SCOPE(ctx);
    for (int i = 0; i < 400; i++) {
        CU_ASSERT_EQUAL(edge_fail(&ctx, EDGE_INVALID, "äöü€"), EDGE_INVALID);
    }
    const char *text = edge_ctx_message(&ctx, EDGE_INVALID);
    size_t len = strlen(text);
    CU_ASSERT(len < EDGE_REASONS_MAX + 32);
    CU_ASSERT_STRING_EQUAL(text + len - strlen("äöü€; ..."), "äöü€; ...");
    CU_ASSERT(edge_ctx_is_full(&ctx));
}

/* What a peer says is one link, whatever it looks like. */
static void test_foreign_text_stays_whole(void)
{
    EDGE_CTX_SCOPE(ctx);
    const char *theirs =
        "status code: 500, err: {\"message\":\"reading Count -> slot 3 is silent\"}";
    (void)edge_wrap(&ctx, edge_fail(&ctx, EDGE_INTERNAL, "%s", theirs), "asking");
    CU_ASSERT_STRING_EQUAL(edge_ctx_outermost(&ctx, EDGE_INTERNAL), "asking");
    CU_ASSERT_STRING_EQUAL(ctx.failure->cause->text, theirs);
    CU_ASSERT_PTR_NULL(ctx.failure->cause->cause);
    edge_ctx_clear(&ctx);
    (void)edge_fail(&ctx, EDGE_INTERNAL, "%s", theirs);
    CU_ASSERT_STRING_EQUAL(edge_ctx_outermost(&ctx, EDGE_INTERNAL), theirs);
}

static void test_a_failure_passes_on_link_by_link(void)
{
    EDGE_CTX_SCOPE(ctx);
    {
        EDGE_CTX_SCOPE(own);
        enum edge_status st = edge_wrap(&own, edge_fail(&own, EDGE_LOCKED, "a"), "b");
        CU_ASSERT_EQUAL(edge_pass(&ctx, st, &own), EDGE_LOCKED);
    }
    CU_ASSERT_STRING_EQUAL(edge_ctx_outermost(&ctx, EDGE_LOCKED), "b");
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_LOCKED), "b -> a");
    CU_ASSERT_EQUAL(edge_wrap(&ctx, EDGE_LOCKED, "c"), EDGE_LOCKED);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_LOCKED), "c -> b -> a");
    EDGE_CTX_SCOPE(fine);
    CU_ASSERT_EQUAL(edge_pass(&fine, EDGE_OK, &ctx), EDGE_OK);
    CU_ASSERT_PTR_NULL(fine.failure);
}

/* A failure outlives the memory of the work, and never grows without bounds. */
static void test_failures_have_memory_of_their_own(void)
{
    EDGE_CTX_SCOPE(ctx);
    (void)edge_fail(&ctx, EDGE_INVALID, "a is %d", 1);
    edge_arena_done(&ctx.arena);
    for (int i = 0; i < 100000; i++) {
        CU_ASSERT_EQUAL_FATAL(edge_wrap(&ctx, EDGE_INVALID, "again"), EDGE_INVALID);
        CU_ASSERT_EQUAL_FATAL(edge_fail(&ctx, EDGE_INVALID, "again"), EDGE_INVALID);
    }
    CU_ASSERT_EQUAL(strncmp(edge_ctx_message(&ctx, EDGE_INVALID), "again -> again", 14), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), " -> a is 1; again; "));
    CU_ASSERT(ctx.told.arena.used < 1024 * 1024);
}

/* 16 KiB of a peer's answer are shown, and that there was more. */
static void test_long_reasons_are_marked(void)
{
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf long_text = EDGE_BUF_INIT;
    while (long_text.len < 2 * EDGE_LINK_MAX) {
        edge_buf_puts(&long_text, "wörter ");
    }
    (void)edge_fail(&ctx, EDGE_INVALID, "%s", edge_buf_str(&long_text));
    const char *text = edge_ctx_message(&ctx, EDGE_INVALID);
    size_t len = strlen(text);
    CU_ASSERT(len <= EDGE_LINK_MAX && len > EDGE_LINK_MAX - 16);
    CU_ASSERT_STRING_EQUAL(text + len - strlen("wörter ..."), "wörter ...");
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

static void fill_array(struct edge_arena *a, int **ret, size_t *ret_cap)
{
    int *array = NULL;
    size_t n = 0, cap = 0;
    for (int i = 0; i < 1000; i++) {
        edge_make_room(a, array, n, cap);
        CU_ASSERT_TRUE(cap > n);
        array[n++] = i;
    }
    *ret = array;
    *ret_cap = cap;
}

static void test_arrays_grow(void)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    int *in_arena, *on_heap;
    size_t cap_arena, cap_heap;
    fill_array(&a, &in_arena, &cap_arena);
    fill_array(NULL, &on_heap, &cap_heap);
    CU_ASSERT_EQUAL(cap_arena, 1024);
    CU_ASSERT_EQUAL(cap_heap, 1024);
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_TRUE(in_arena[i] == i && on_heap[i] == i);
    }
    free(on_heap);
    edge_arena_done(&a);
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
    {"failures join and wrap",            test_failures_join_and_wrap           },
    {"many reasons are cut",              test_many_reasons_are_cut             },
    {"foreign text stays whole",          test_foreign_text_stays_whole         },
    {"a failure passes on link by link",  test_a_failure_passes_on_link_by_link },
    {"failures have memory of their own", test_failures_have_memory_of_their_own},
    {"long reasons are marked",           test_long_reasons_are_marked          },
    {"arena runs deferred calls",         test_arena_runs_deferred_calls        },
    {"arrays grow",                       test_arrays_grow                      },
    {"buffer grows",                      test_buffer_grows                     },
    {"status maps to http and back",      test_status_maps_to_http_and_back     },
    CU_TEST_INFO_NULL,
};
