/* Calls that wait: on workers, for others, longer than their client, longer than they may. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/thread.h"
#include "http_rig.h"

static void test_waiting_calls_run_on_workers(void)
{
    enum { N = 6 };
    static const char request[] = "GET /waits HTTP/1.1\r\nHost: x\r\nX-Test: w\r\n\r\n";
    struct rig f;
    int fds[N];
    rig_serve_with(&f, (struct edge_http_config){.threads = 1});
    for (int i = 0; i < N; i++) {
        fds[i] = http_probe_open(f.port);
        http_probe_text(fds[i], request);
    }
    CU_ASSERT_TRUE(gate_wait_for(f.state.gate, N));
    rig_ask(&f, "GET", "/json", NULL, NULL); /* the event thread is free */
    CU_ASSERT_EQUAL(f.answer.code, 200);
    gate_open(f.state.gate);
    for (int i = 0; i < N; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        EXPECT(&f, 200, "{\"waited\":\"w\"}\n");
        http_probe_text(fds[i], request); /* kept alive */
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        EXPECT(&f, 200, "{\"waited\":\"w\"}\n");
        close(fds[i]);
    }
    rig_ask(&f, "GET", "/worker", NULL, NULL);
    EXPECT(&f, 200, "{\"waited\":\"\"}\n");
    rig_done(&f);
}

static bool two_are_answered(void *arg)
{
    return edge_counter_get(edge_counter(arg, "HttpRequests", "")) == 2;
}

static void test_full_pool_refuses(void)
{
    enum { N = 4 };
    struct rig f;
    int fds[N], n_done = 0, n_refused = 0;
    rig_serve_with(&f, (struct edge_http_config){.pool = edge_pool_create("one", 1, 1)});
    for (int i = 0; i < N; i++) { /* one runs, one is queued */
        fds[i] = http_probe_open(f.port);
        http_probe_text(fds[i], "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
        CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
    }
    CU_ASSERT_TRUE(wait_until(two_are_answered, f.metrics, HTTP_PROBE_MS));
    gate_open(f.state.gate);
    for (int i = 0; i < N; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        n_done += f.answer.code == 200;
        n_refused += f.answer.code == 503 && strstr(f.answer.body, "too many requests") != NULL;
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(n_done, 2);
    CU_ASSERT_EQUAL(n_refused, 2);
    rig_done(&f);
}

static void test_calls_finish_any_time(void)
{
    struct rig f;
    rig_serve(&f);
    int fd = http_probe_open(f.port);
    for (int i = 0; i < 300; i++) {
        const char *target = i % 3 == 0 ? "/before" : "/elsewhere";
        http_probe_text(fd, edge_printf(&f.arena,
                                        i % 3 == 2 ? "POST %s HTTP/1.1\r\nHost: x\r\n"
                                                     "Content-Length: 3\r\n\r\nabc"
                                                   : "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
                                        target));
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        EXPECT(&f, 200, "{\"finished\":true}\n");
    }
    close(fd);
    rig_ask(&f, "GET", "/late-failure", NULL, NULL);
    EXPECT(&f, 409, "{\"apiVersion\":\"v3\",\"message\":\"taken\",\"statusCode\":409}\n");
    rig_done(&f);
}

static void test_clients_may_be_gone(void)
{
    struct rig f;
    rig_serve(&f);
    for (int i = 0; i < 50; i++) {
        int fd = http_probe_open(f.port);
        http_probe_text(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
        struct edge_call *call = rig_take_kept(&f);
        close(fd);
        rig_finish(call);
    }
    rig_ask(&f, "GET", "/json", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    rig_done(&f);
}

static void test_nothing_is_begun_in_vain(void)
{
    struct rig f;
    rig_serve_with(&f, (struct edge_http_config){.request_timeout_ms = 200,
                                                 .pool = edge_pool_create("one", 1, 10)});
    for (int i = 0; i < 3; i++) { /* the first blocks the only worker, the others are queued */
        rig_ask(&f, "GET", "/waits", NULL, NULL);
        EXPECT(&f, 503, "request timeout");
    }
    gate_open(f.state.gate);
    rig_ask(&f, "GET", "/waits", NULL, NULL);
    EXPECT(&f, 200, "{\"waited\":\"\"}\n");
    CU_ASSERT_EQUAL(__atomic_load_n(&f.state.late, __ATOMIC_SEQ_CST), 2);
    rig_done(&f);
}

static bool has_run_late(void *arg)
{
    struct rig_state *state = arg;
    return __atomic_load_n(&state->late, __ATOMIC_SEQ_CST) > 0;
}

static void test_timeouts_answer_and_drop_what_comes_late(void)
{
    struct rig f;
    rig_serve_with(&f, (struct edge_http_config){.request_timeout_ms = 50});
    rig_ask(&f, "GET", "/waits", "X-Correlation-ID: me\r\n", NULL);
    EXPECT(&f, 503, "request timeout");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Content-Type"), "text/plain");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "X-Correlation-ID"), "me");
    gate_open(f.state.gate); /* the handler ends, nobody is there to hear it */
    CU_ASSERT_TRUE(wait_until(has_run_late, &f.state, HTTP_PROBE_MS));
    rig_ask(&f, "GET", "/waits", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    rig_ask(&f, "GET", "/keep", NULL, NULL);
    EXPECT(&f, 503, "request timeout");
    rig_finish(rig_take_kept(&f));
    rig_done(&f);
}

/* A client that asks for answers just before, at and after the time-out, and sometimes leaves. */
static void *ask_at_the_edge(void *arg)
{
    const struct rig *f = arg;
    struct edge_arena a = EDGE_ARENA_INIT;
    unsigned seed = f->port;
    size_t strange = 0;
    int fd = -1;
    for (int i = 0; i < 60; i++) {
        struct http_answer answer;
        if (fd < 0) {
            fd = http_probe_open(f->port);
        }
        http_probe_text(
            fd, edge_printf(&a, "GET /takes/%d HTTP/1.1\r\nHost: x\r\n\r\n", rand_r(&seed) % 25));
        if (rand_r(&seed) % 4 > 0) {
            http_probe_read(&a, fd, HTTP_PROBE_MS, &answer);
            bool done = answer.code == 200 && strcmp(answer.body, "{\"took\":true}\n") == 0;
            bool late = answer.code == 503 && strcmp(answer.body, "request timeout") == 0;
            strange += !done && !late;
        } else {
            close(fd);
            fd = -1;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    edge_arena_done(&a);
    return (void *)strange;
}

static void test_outcomes_race_with_time_outs(void)
{
    enum { N = 8 };
    struct rig f;
    pthread_t clients[N];
    rig_serve_with(&f, (struct edge_http_config){.request_timeout_ms = 10,
                                                 .pool = edge_pool_create("large", 8, 1000)});
    for (int i = 0; i < N; i++) {
        clients[i] = edge_thread_start("client", ask_at_the_edge, &f);
    }
    for (int i = 0; i < N; i++) {
        void *strange;
        pthread_join(clients[i], &strange);
        CU_ASSERT_PTR_NULL(strange);
    }
    rig_done(&f);
}

CU_TestInfo http_waits_tests[] = {
    {"waiting calls run on workers",             test_waiting_calls_run_on_workers            },
    {"a full pool refuses",                      test_full_pool_refuses                       },
    {"calls finish any time",                    test_calls_finish_any_time                   },
    {"clients may be gone",                      test_clients_may_be_gone                     },
    {"timeouts answer and drop what comes late", test_timeouts_answer_and_drop_what_comes_late},
    {"nothing is begun in vain",                 test_nothing_is_begun_in_vain                },
    {"outcomes race with time-outs",             test_outcomes_race_with_time_outs            },
    CU_TEST_INFO_NULL,
};
