/* core-command with device services that take requests and never answer, beside live ones. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command_world.h"
#include "edge/budget.h"
#include "edge/clock.h"
#include "edge/service.h"
#include "edge/text.h"
#include "http_probe.h"
#include "suites.h"
#include "tcp_peer.h"
#include "wait.h"

/* QUICK_MS: long for a machine that is emulated, short beside what all of them wait for in turn. */
enum { MANY = 300, CROWD = 400, QUICK_MS = 3000, SETTLE_MS = 2000 };

/* Takes connections and never says anything. */
static int silent_listener(char *url, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, len), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 1024), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(url, size, "http://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

/* How many have come within @p ms, at most @p wanted; their sockets in @p at. */
static size_t take_in(int listener, int *at, size_t wanted, int ms)
{
    size_t n = 0;
    struct pollfd fd = {listener, POLLIN, 0};
    while (n < wanted && poll(&fd, 1, ms) > 0) {
        at[n++] = accept(listener, NULL, NULL);
    }
    return n;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        close(fds[i]);
    }
}

/* Each on a connection of its own; the answers are not waited for. */
static void ask_by_http(const struct world *w, int *fds, size_t n, const char *target)
{
    char text[256];
    uint16_t port = edge_http_port(edge_host_runtime(w->host, "core-command")->http);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    for (size_t i = 0; i < n; i++) {
        fds[i] = http_probe_open(port);
        CU_ASSERT_TRUE_FATAL(fds[i] >= 0 && http_probe_text(fds[i], text));
    }
}

static void test_a_silent_peer_holds_up_nobody_else(void)
{
    static const struct peer_step answer[] = {
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}"}
    };
    static int asking[MANY], waiting[MANY];
    char url[64];
    struct tcp_peer *live = tcp_peer_start(answer, N(answer));
    int silent = silent_listener(url, sizeof(url));
    struct world *w = world_start("5s");
    device_service_url = tcp_peer_url(live);
    silent_service_url = url;
    ask_by_http(w, asking, MANY, "/api/v3/device/name/still/Temp");
    size_t n = take_in(silent, waiting, MANY, QUICK_MS);
    CU_ASSERT_EQUAL(n, MANY); /* all of them wait for it at once */
    EDGE_CTX_SCOPE(ctx);
    struct http_answer got;
    int64_t began = edge_now_mono_ms();
    http_probe_ask(&ctx.arena, edge_http_port(edge_host_runtime(w->host, "core-command")->http),
                   "GET", "/api/v3/device/name/D1/Temp", "", NULL, &got);
    CU_ASSERT_EQUAL(got.code, 200);
    CU_ASSERT(edge_now_mono_ms() - began < QUICK_MS);
    close_all(asking, MANY);
    close_all(waiting, n);
    close(silent);
    world_stop(w);
    silent_service_url = NOBODY;
    tcp_peer_free(live);
}

/* Who comes when there is no more room beside a silent one is told at once. */
static void test_a_crowd_at_a_silent_peer_is_refused(void)
{
    static int asking[CROWD], waiting[CROWD];
    char url[64];
    int silent = silent_listener(url, sizeof(url));
    struct world *w = world_start("10s");
    silent_service_url = url;
    ask_by_http(w, asking, CROWD, "/api/v3/device/name/still/Temp");
    size_t n = take_in(silent, waiting, CROWD, SETTLE_MS);
    CU_ASSERT(n >= MANY);
    EDGE_CTX_SCOPE(ctx);
    struct http_answer got;
    int64_t began = edge_now_mono_ms();
    http_probe_ask(&ctx.arena, edge_http_port(edge_host_runtime(w->host, "core-command")->http),
                   "GET", "/api/v3/device/name/still/Temp", "", NULL, &got);
    CU_ASSERT_EQUAL(got.code, 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(got.body, "too many calls wait for the peer already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got.body, url));
    CU_ASSERT(edge_now_mono_ms() - began < QUICK_MS);
    close(silent);
    close_all(waiting, n);
    close_all(asking, CROWD);
    world_stop(w);
    silent_service_url = NOBODY;
}

static void ask_in_vain(const struct world *w, size_t n)
{
    const struct edge_runtime *rt = edge_host_runtime(w->host, "core-metadata");
    EDGE_CTX_SCOPE(ctx);
    for (size_t i = 0; i < n; i++) {
        struct edge_message *m = edge_message_create(0);
        edge_message_topic(m, "edgex/core/command/request/D1/silent/get");
        m->request_id = edge_uuid_make(edge_message_arena(m));
        CU_ASSERT_EQUAL(edge_bus_publish(&ctx, rt->bus, m), EDGE_OK);
        edge_message_unref(m);
    }
}

static void test_silence_on_the_bus_holds_up_nobody_else(void)
{
    struct world *w = world_start("5s");
    ask_in_vain(w, MANY);
    struct edge_message *m =
        world_ask(w, "command/request/D1/Temp/get", NULL, NULL, NULL, QUICK_MS);
    CU_ASSERT(answer_has(m, false, "\"did\":\"get\""));
    edge_message_unref(m);
    world_stop(w);
}

static void set_in_vain(const struct world *w, size_t n, size_t size)
{
    const struct edge_runtime *rt = edge_host_runtime(w->host, "core-metadata");
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m = edge_message_create(0);
        struct edge_arena *a = edge_message_arena(m);
        char *value = edge_new_n(a, char, size + 1);
        memset(value, 'x', size);
        cJSON *tree = edge_json_object(&ctx);
        cJSON_AddStringToObject(tree, "Set", value);
        m->json = edge_json_clone(a, tree);
        m->request_id = edge_uuid_make(a);
        edge_message_topic(m, "edgex/core/command/request/D1/silent/set");
        CU_ASSERT_EQUAL(edge_bus_publish(&ctx, rt->bus, m), EDGE_OK);
        edge_message_unref(m);
    }
}

static bool some_were_refused(void *budget)
{
    struct edge_budget_state state;
    edge_budget_state(budget, &state);
    return state.refused > 0;
}

static void test_messages_that_wait_are_paid_for(void)
{
    enum { KB = 1024, BUDGET = 4096 * KB };
    struct world *w = world_start("30s\n  MemoryBudget: 4096");
    struct edge_budget *budget = edge_host_runtime(w->host, "core-command")->budget;
    struct edge_budget_state state;
    set_in_vain(w, 100, 200 * KB);
    CU_ASSERT(wait_until(some_were_refused, budget, 10000));
    edge_budget_state(budget, &state);
    CU_ASSERT_EQUAL(state.limit, BUDGET);
    CU_ASSERT(state.peak <= BUDGET && state.in_use >= BUDGET / 2);
    struct edge_message *m =
        world_ask(w, "command/request/D1/Temp/get", NULL, NULL, NULL, QUICK_MS);
    CU_ASSERT(answer_has(m, false, "\"did\":\"get\"")); /* small ones pass */
    edge_message_unref(m);
    int64_t began = edge_now_mono_ms();
    world_stop(w);
    CU_ASSERT(edge_now_mono_ms() - began < 1500);
}

/* A thousand of them may not have begun. */
static void test_a_stop_does_not_wait_for_the_silent(void)
{
    struct world *w = world_start("30s");
    ask_in_vain(w, 1000);
    struct edge_message *m = world_ask(w, "commandquery/request/D1", NULL, NULL, NULL, 10000);
    CU_ASSERT(answer_has(m, false, "\"deviceName\":\"D1\""));
    edge_message_unref(m);
    int64_t began = edge_now_mono_ms();
    world_stop(w);
    CU_ASSERT(edge_now_mono_ms() - began < 1500);
}

CU_TestInfo silent_peers_tests[] = {
    {"a silent peer holds up nobody else",      test_a_silent_peer_holds_up_nobody_else     },
    {"a crowd at a silent peer is refused",     test_a_crowd_at_a_silent_peer_is_refused    },
    {"silence on the bus holds up nobody else", test_silence_on_the_bus_holds_up_nobody_else},
    {"messages that wait are paid for",         test_messages_that_wait_are_paid_for        },
    {"a stop does not wait for the silent",     test_a_stop_does_not_wait_for_the_silent    },
    CU_TEST_INFO_NULL,
};
