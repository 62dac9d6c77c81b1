/* The HTTP server starts and stops: with calls under way, under load, on addresses it has or not. */
#include <string.h>
#include <unistd.h>

#include "edge/thread.h"
#include "http_rig.h"

static void *stop_slowly(void *arg)
{
    edge_http_stop(arg, HTTP_PROBE_MS);
    return NULL;
}

static bool refuses_connections(void *arg)
{
    const struct rig *f = arg;
    int fd = http_probe_open(f->port);
    bool refused = fd < 0;
    if (fd >= 0) {
        close(fd);
    }
    return refused;
}

static void test_stop_waits_for_calls_under_way(void)
{
    struct rig f;
    rig_serve(&f);
    int fd = http_probe_open(f.port), idle = http_probe_open(f.port);
    http_probe_text(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    struct edge_call *call = rig_take_kept(&f);
    pthread_t stopper = edge_thread_start("stopper", stop_slowly, f.http);
    rig_finish(call);
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    EXPECT(&f, 200, "{\"finished\":true}\n");
    CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
    CU_ASSERT_TRUE(http_probe_closed(idle, HTTP_PROBE_MS));
    pthread_join(stopper, NULL);
    CU_ASSERT_TRUE(refuses_connections(&f));
    close(fd);
    close(idle);
    f.http = NULL;
    rig_done(&f);
}

static void *stop_at_once(void *arg)
{
    edge_http_stop(arg, 0);
    return NULL;
}

static void test_stop_gives_up_what_does_not_end(void)
{
    struct rig f;
    rig_serve(&f);
    int fd = http_probe_open(f.port);
    http_probe_text(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    struct edge_call *call = rig_take_kept(&f);
    pthread_t stopper = edge_thread_start("stopper", stop_at_once, f.http);
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    EXPECT(&f, 503, "service is stopping");
    rig_finish(call);
    pthread_join(stopper, NULL);
    close(fd);
    f.http = NULL;
    rig_done(&f);
}

static void *ask_until_it_ends(void *arg)
{
    const struct rig *f = arg;
    struct edge_arena a = EDGE_ARENA_INIT;
    static const char *const targets[] = {"/json", "/elsewhere", "/takes/1", "/before"};
    struct http_answer answer = {.code = 200};
    for (unsigned i = 0; answer.code > 0; i++) {
        http_probe_ask(&a, f->port, "GET", targets[i % 4], NULL, NULL, &answer);
    }
    edge_arena_done(&a);
    return NULL;
}

static void test_stop_under_load(void)
{
    enum { N = 4 };
    for (int round = 0; round < 10; round++) {
        struct rig f;
        pthread_t clients[N];
        rig_serve(&f);
        for (int i = 0; i < N; i++) {
            clients[i] = edge_thread_start("client", ask_until_it_ends, &f);
        }
        for (int i = 0; i < round; i++) { /* every client is under way */
            rig_ask(&f, "GET", "/takes/1", NULL, NULL);
        }
        edge_http_stop(f.http, round);
        for (int i = 0; i < N; i++) {
            pthread_join(clients[i], NULL);
        }
        f.http = NULL;
        rig_done(&f);
    }
}

static void test_addresses(void)
{
    struct rig f;
    rig_serve(&f);
    EDGE_CTX_SCOPE(ctx);
    struct edge_http *second = NULL;
    struct edge_http_config config = {.host = "localhost", .port = f.port, .threads = 1};
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &second), EDGE_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_UNAVAILABLE),
                           edge_printf(&ctx.arena,
                                       "cannot listen on 127.0.0.1:%u: Address already in use",
                                       (unsigned)f.port));
    edge_ctx_clear(&ctx);
    config = (struct edge_http_config){.host = "host.invalid", .threads = 1};
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &second), EDGE_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(edge_ctx_message(&ctx, EDGE_UNAVAILABLE), "cannot listen on host.invalid:0: "));
    config = (struct edge_http_config){.host = "0.0.0.0", .threads = 1};
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &second), EDGE_OK);
    edge_http_stop(second, 0);
    uint16_t port = f.port;
    rig_done(&f);
    config = (struct edge_http_config){.port = port}; /* at once again */
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &second), EDGE_OK);
    edge_http_stop(second, 0);
}

static void test_waiting_routes_need_a_pool(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http *http = NULL;
    const struct edge_http_config config = {.routes = rig_routes};
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &http), EDGE_INTERNAL);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INTERNAL),
                           "route GET /waits waits, but there is no worker pool");
}

CU_TestInfo http_lifetime_tests[] = {
    {"stop under load",                 test_stop_under_load                },
    {"stop waits for calls under way",  test_stop_waits_for_calls_under_way },
    {"stop gives up what does not end", test_stop_gives_up_what_does_not_end},
    {"addresses",                       test_addresses                      },
    {"waiting routes need a pool",      test_waiting_routes_need_a_pool     },
    CU_TEST_INFO_NULL,
};
