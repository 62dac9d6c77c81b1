/* Answers made as they are read: any length in little memory, and none waits for another. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chunks.h"
#include "http_bounded.h"

enum { PIECES = 100 };

/* The body behind the head, taken out of its chunks; NULL where it is not well-formed. */
static const char *unchunk(struct bounded *f, const char *text, size_t n, size_t *ret_n)
{
    const char *head_end = strstr(text, "\r\n\r\n");
    size_t at = head_end ? (size_t)(head_end - text) + 4 : n;
    char *body = edge_alloc(&f->arena, n - at + 1, 1);
    memcpy(body, text + at, n - at);
    long joined = chunks_join(body, n - at);
    *ret_n = joined < 0 ? 0 : (size_t)joined;
    return joined < 0 ? NULL : edge_strndup(&f->arena, body, *ret_n);
}

static void expect_letters(const char *body, size_t n, size_t n_items)
{
    static const char head[] = "{\"apiVersion\":\"v3\",\"statusCode\":200,\"totalCount\":";
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    CU_ASSERT_EQUAL(strncmp(body, head, sizeof(head) - 1), 0);
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, body, n, NULL, &tree), EDGE_OK);
    const cJSON *letters = edge_json_member(tree, "letters", true);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(letters), (int)n_items);
    CU_ASSERT_EQUAL(body[n - 1], '\n');
}

static void test_long_answers_are_streamed(void)
{
    static const char *const targets[] = {"/stream/100", "/on-worker/100"};
    struct bounded f;
    bounded_serve(&f);
    for (size_t i = 0; i < 2; i++) {
        size_t n, size;
        int fd = bounded_open(
            &f, edge_printf(&f.arena, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                            targets[i]));
        const char *text = bounded_read(&f, fd, &n);
        CU_ASSERT_TRUE(chunks_announced(text));
        const char *body = unchunk(&f, text, n, &size);
        expect_letters(body, size, PIECES);
        close(fd);
        fd = bounded_open(&f, edge_printf(&f.arena, "GET %s HTTP/1.0\r\n\r\n", targets[i]));
        text = bounded_read(&f, fd, &n);
        CU_ASSERT_PTR_NULL(strstr(text, "\r\nTransfer-Encoding"));
        body = strstr(text, "\r\n\r\n") + 4;
        expect_letters(body, n - (size_t)(body - text), PIECES);
        close(fd);
    }
    CU_ASSERT(bounded_peak(&f) < 200 * 1024); /* of 5 MB each */
    http_probe_ask(&f.arena, f.port, "GET", "/stream/0", NULL, NULL, &f.answer);
    expect_letters(f.answer.body, f.answer.body_size, 0); /* a short one has its length */
    bounded_done(&f);
}

static void test_connections_outlive_long_answers(void)
{
    struct bounded f;
    bounded_serve(&f);
    int fd = bounded_open(&f, "GET /stream/3 HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t n;
    const char *text = bounded_read(&f, fd, &n);
    const char *second = strstr(text, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(second);
    CU_ASSERT_PTR_NOT_NULL(strstr(second, "{\"ping\":true}"));
    close(fd);
    bounded_done(&f);
}

static void test_readers_that_do_not_read(void)
{
    enum { N = 50 };
    struct bounded f;
    int fds[N];
    bounded_serve(&f);
    for (int i = 0; i < N; i++) {
        fds[i] = bounded_open(&f, i % 2 ? "GET /stream/1000 HTTP/1.1\r\nHost: x\r\n\r\n"
                                        : "GET /on-worker/1000 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    CU_ASSERT(bounded_peak(&f) <= BOUNDED_LIMIT + 128 * 1024); /* 50 MB each, if one let them */
    CU_ASSERT_TRUE(wait_until(bounded_owes_nothing, &f, HTTP_PROBE_MS));
    bounded_done(&f);
}

static void test_a_failing_source_breaks_off(void)
{
    struct bounded f;
    bounded_serve(&f);
    int fd = bounded_open(&f, "GET /breaks HTTP/1.1\r\nHost: x\r\n\r\n");
    size_t n;
    const char *text = bounded_read(&f, fd, &n);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 200 OK"));
    CU_ASSERT_PTR_NULL(strstr(text, "\r\n0\r\n\r\n")); /* nobody takes it for whole */
    close(fd);
    bounded_done(&f);
}

enum { TAKEN = BOUNDED_LIMIT / 8 * 5, STARVED = 3 };

/* Take so much of the budget that a source of /starves has to wait. */
static void take_memory(struct bounded *f, bool take)
{
    size_t bytes = TAKEN;
    CU_ASSERT_TRUE_FATAL(edge_budget_resize(f->budget, take ? 0 : bytes, take ? bytes : 0));
}

struct refusals {
    const struct edge_budget *budget;
    uint64_t n;
};

static bool is_refused_often(void *arg)
{
    const struct refusals *r = arg;
    struct edge_budget_state state;
    edge_budget_state((struct edge_budget *)(uintptr_t)r->budget, &state);
    return state.refused >= r->n;
}

static void wait_for_refusals(struct bounded *f, uint64_t n)
{
    struct refusals r = {f->budget, n};
    CU_ASSERT_TRUE_FATAL(wait_until(is_refused_often, &r, HTTP_PROBE_MS));
}

/* The request behind an answer that had to wait for memory is answered, too. */
static void test_requests_behind_starved_answers(void)
{
    struct bounded f;
    bounded_serve_with(&f, (struct edge_http_config){.header_deadline_ms = 1000});
    take_memory(&f, true);
    int fd = bounded_open(&f, "GET /starves HTTP/1.1\r\nHost: x\r\n\r\n"
                              "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    wait_for_refusals(&f, 1);
    take_memory(&f, false);
    size_t n;
    const char *text = bounded_read(&f, fd, &n);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "{\"ping\":true}"));
    close(fd);
    bounded_done(&f);
}

static bool starved_hold_little(void *arg)
{
    return bounded_in_use(arg) <= TAKEN + STARVED * 8 * 1024;
}

/* However many answers wait for memory: who needs none is served, and they keep none from each other. */
static void test_starved_answers_hold_up_nobody(void)
{
    enum { N = STARVED };
    struct bounded f;
    int fds[N];
    bounded_serve(&f);
    take_memory(&f, true);
    for (int i = 0; i < N; i++) {
        fds[i] = bounded_open(&f, "GET /starves HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    wait_for_refusals(&f, 3 * N); /* each has been looked at more than once */
    http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    CU_ASSERT_TRUE(wait_until(starved_hold_little, &f, HTTP_PROBE_MS));
    take_memory(&f, false);
    for (int i = 0; i < N; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200);
        CU_ASSERT_EQUAL(f.answer.body_size, 2 * BOUNDED_PIECE + 1);
        close(fds[i]);
    }
    bounded_done(&f);
}

static void test_starved_answers_end_with_the_server(void)
{
    struct bounded f;
    bounded_serve(&f);
    take_memory(&f, true);
    int fd = bounded_open(&f, "GET /starves HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_refusals(&f, 1);
    edge_http_refuse(f.http);
    CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS)); /* though there is no memory yet */
    take_memory(&f, false);
    close(fd);
    bounded_stop(&f);
}

CU_TestInfo http_streams_tests[] = {
    {"long answers are streamed",           test_long_answers_are_streamed          },
    {"connections outlive long answers",    test_connections_outlive_long_answers   },
    {"readers that do not read",            test_readers_that_do_not_read           },
    {"a failing source breaks off",         test_a_failing_source_breaks_off        },
    {"requests behind starved answers",     test_requests_behind_starved_answers    },
    {"starved answers hold up nobody",      test_starved_answers_hold_up_nobody     },
    {"starved answers end with the server", test_starved_answers_end_with_the_server},
    CU_TEST_INFO_NULL,
};
