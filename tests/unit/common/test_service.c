/* How services run: two of them in this process, over real sockets and files. */
#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/thread.h"
#include "service_bench.h"
#include "suites.h"
#include "tcp_peer.h"

static void test_two_services_answer(void)
{
    struct bench b;
    bench_open(&b);
    bench_start(&b);
    bench_expect(&b, "svc-a", "GET", "/api/v3/ping", NULL, 200, "\"serviceName\":\"svc-a\"}");
    bench_expect(&b, "svc-b", "GET", "/api/v3/ping", NULL, 200, "\"serviceName\":\"svc-b\"}");
    bench_expect(&b, "svc-a", "GET", "/api/v3/version", NULL, 200,
                 "{\"apiVersion\":\"v3\",\"version\":\"4.1.0\",\"serviceName\":\"svc-a\"}");
    bench_expect(&b, "svc-b", "GET", "/api/v3/version", NULL, 200, "\"sdk_version\":\"4.0.0\"");
    bench_expect(&b, "svc-a", "GET", "/api/v3/openapi.json", NULL, 200,
                 "\"description\":\"svc-a A service for tests..\"");
    bench_expect(&b, "svc-b", "GET", "/api/v3/openapi.json", NULL, 200,
                 "\"description\":\"svc-b\"");
    bench_expect(&b, "svc-a", "GET", "/api/v3/metrics", NULL, 200, "reetings");
    bench_expect(&b, "svc-a", "GET", "/api/v3/hello", NULL, 200, "hello");
    bench_expect(&b, "svc-b", "GET", "/api/v3/relay", NULL, 200, "hello");
    bench_expect(&b, "svc-a", "GET", "/api/v3/nothing", NULL, 404, "Not Found");
    bench_close(&b);
}

static void test_config_is_shown_without_secrets(void)
{
    struct bench b;
    bench_open(&b);
    bench_put(&b, "svc-a",
              "Writable:\n"
              "  LogLevel: ERROR\n"
              "  InsecureSecrets: {DB: {SecretName: db, SecretData: {password: hunter2}}}\n"
              "MessageBus: {Optional: {Username: joe, Password: hunter3}}\n");
    bench_start(&b);
    EDGE_CTX_SCOPE(ctx);
    const char *body;
    CU_ASSERT_EQUAL(
        bench_ask(&b, &ctx, bench_port(&b, "svc-a"), "GET", "/api/v3/config", NULL, &body), 200);
    static const char *const parts[] = {
        "{\"apiVersion\":\"v3\",\"config\":{\"Writable\":{\"LogLevel\":\"ERROR\"",
        "\"Speed\":1",
        "\"MessageBus\":{",
        "\"Type\":\"memory\"",
        "\"EnableCORS\":false",
        "\"MaxResultCount\":1024",
        "\"serviceName\":\"svc-a\"}"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(body, parts[i]));
    }
    CU_ASSERT_PTR_NULL(strstr(body, "hunter"));
    CU_ASSERT_PTR_NULL(strstr(body, "joe"));
    bench_close(&b);
}

static void test_secrets_have_nowhere_to_go(void)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"apiVersion\":\"v3\"}",
        "{\"apiVersion\":\"v3\",\"secretName\":\"a\",\"secretData\":[]}",
        "{\"apiVersion\":\"v3\",\"secretName\":\"a\",\"secretData\":[{\"key\":\"k\"}]}"};
    struct bench b;
    bench_open(&b);
    bench_start(&b);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bench_expect(&b, "svc-a", "POST", "/api/v3/secret", bad[i], 400, "\"JSON decode failed\"");
    }
    bench_expect(
        &b, "svc-a", "POST", "/api/v3/secret",
        "{\"apiVersion\":\"v3\",\"requestId\":\"82eb2e26-0f24-48aa-ae4c-de9dac3fb9bc\","
        "\"secretName\":\"a\",\"secretData\":[{\"key\":\"k\",\"value\":\"v\"}]}",
        405,
        "\"requestId\":\"82eb2e26-0f24-48aa-ae4c-de9dac3fb9bc\",\"message\":\"adding secret "
        "failed -> can't store secrets. ConfigurationProvider is not in use or has not "
        "been properly initialized\",\"statusCode\":405}");
    bench_close(&b);
}

static void test_messages_reach_subscribers(void)
{
    struct bench b;
    bench_open(&b);
    bench_start(&b);
    bench_expect(&b, "svc-a", "POST", "/api/v3/tell", NULL, 202, "");
    CU_ASSERT(bench_wait(&b.stage, &b.stage.heard, 1));
    bench_close(&b);
}

static void test_messages_reach_escaped_names(void)
{
    struct bench b;
    bench_open(&b);
#define ESCAPED "Writable: {LogLevel: ERROR}\nService: {EnableNameFieldEscape: true}\n"
    bench_put(&b, "svc-a", ESCAPED);
    bench_put(&b, "svc-b", ESCAPED "Clients: {svc-a: {Port: 59999}}\n");
#undef ESCAPED
    bench_start(&b);
    bench_expect(&b, "svc-a", "POST", "/api/v3/tell", NULL, 202, "");
    CU_ASSERT(bench_wait(&b.stage, &b.stage.heard, 1));
    bench_close(&b);
}

static void test_metrics_are_published(void)
{
    struct bench b;
    bench_open(&b);
    bench_put(
        &b, "svc-a",
        "Writable: {LogLevel: ERROR, Telemetry: {Interval: 20ms, Metrics: {Greetings: true}}}\n");
    bench_start(&b);
    CU_ASSERT(bench_wait(&b.stage, &b.stage.heard, 2));
    {
        EDGE_LOCK(&b.stage.lock);
        CU_ASSERT_PTR_NOT_NULL(strstr(b.stage.journal, "metric;"));
    }
    bench_close(&b);
}

/* The last moment at which everything still works. */
static void svc_quiesce(const struct edge_runtime *rt)
{
    CU_ASSERT_PTR_NOT_NULL(rt->bus);
    CU_ASSERT_PTR_NOT_NULL(rt->http);
    bench_note(rt, "quiesce");
}

static void test_stop_is_the_reverse_of_start(void)
{
    struct bench b;
    bench_open(&b);
    b.services[0].ready = NULL;
    b.services[0].quiesce = b.services[1].quiesce = svc_quiesce;
    bench_start(&b);
    uint16_t port = bench_port(&b, "svc-a");
    edge_host_stop(b.host);
    b.host = NULL;
    bench_expect_journal(&b, "start svc-a;start svc-b;ready svc-b;"
                             "quiesce svc-b;quiesce svc-a;stop svc-b;stop svc-a;");
    CU_ASSERT_EQUAL(b.stage.port_at_stop,
                    port); /* who is still at work may ask, without a server */
    bench_close(&b);
}

struct slow_call {
    struct bench *b;
    uint16_t port; /* looked up beforehand: the host ends while the call is under way */
};

static void *slow_main(void *arg)
{
    const struct slow_call *call = arg;
    bench_expect_at(call->b, call->port, "GET", "/api/v3/slow", NULL, 200, "drained");
    return NULL;
}

static void test_a_call_under_way_is_answered_before_the_stop(void)
{
    struct bench b;
    bench_open(&b);
    bench_start(&b);
    struct slow_call call = {&b, bench_port(&b, "svc-a")};
    pthread_t caller = edge_thread_start("caller", slow_main, &call);
    {
        EDGE_LOCK(&b.stage.lock);
        while (!b.stage.entered) {
            edge_cond_wait(&b.stage.changed, &b.stage.lock);
        }
    }
    int64_t began = edge_now_mono_ms();
    edge_host_stop(b.host);
    pthread_join(caller, NULL);
    CU_ASSERT(edge_now_mono_ms() - began < PATIENCE_MS / 2);
    b.host = NULL;
    bench_close(&b);
}

/* Calls of neighbours go on with what is known, be it from Clients. */
static void test_a_silent_registry_is_not_asked_with_every_call(void)
{
    static const struct peer_step hangs = {PEER_HANG, NULL};
    struct bench b;
    struct tcp_peer *peer = tcp_peer_start(&hangs, 1);
    bench_open(&b);
    const char *port = strrchr(tcp_peer_url(peer), ':') + 1;
    bench_put(&b, "svc-b",
              edge_printf(&b.ctx.arena,
                          "Writable: {LogLevel: ERROR}\n"
                          "Registry: {Host: 127.0.0.1, Port: %s}\n"
                          "Clients: {svc-a: {Host: localhost, Port: 59999}}\n",
                          port));
    bench_put(&b, "svc-a",
              edge_printf(&b.ctx.arena,
                          "Writable: {LogLevel: ERROR}\nRegistry: {Host: 127.0.0.1, Port: %s}\n",
                          port));
    char *argv[] = {(char *)(uintptr_t) "edgexd", (char *)(uintptr_t) "-cd", b.dir.path,
                    (char *)(uintptr_t) "-r"};
    CU_ASSERT_EQUAL_FATAL(edge_host_start(&b.ctx, b.list, 2, 4, argv, &b.host), EDGE_OK);
    const struct edge_runtime *rt = edge_host_runtime(b.host, "svc-b");
    for (int i = 0; i < 5; i++) {
        int64_t begin = edge_now_mono_ms();
        CU_ASSERT_STRING_EQUAL(edge_peer_url(&b.ctx, rt, "svc-a"), "http://localhost:59999");
        CU_ASSERT(i == 0 || edge_now_mono_ms() - begin < 1000);
    }
    edge_host_stop(b.host);
    b.host = NULL;
    tcp_peer_free(peer);
    bench_close(&b);
}

CU_TestInfo service_tests[] = {
    {"two services answer",                            test_two_services_answer            },
    {"config is shown without secrets",                test_config_is_shown_without_secrets},
    {"secrets have nowhere to go",                     test_secrets_have_nowhere_to_go     },
    {"messages reach subscribers",                     test_messages_reach_subscribers     },
    {"messages reach escaped names",                   test_messages_reach_escaped_names   },
    {"metrics are published",                          test_metrics_are_published          },
    {"stop is the reverse of start",                   test_stop_is_the_reverse_of_start   },
    {"a call under way is answered before the stop",
     test_a_call_under_way_is_answered_before_the_stop                                     },
    {"a silent registry is not asked with every call",
     test_a_silent_registry_is_not_asked_with_every_call                                   },
    CU_TEST_INFO_NULL,
};
