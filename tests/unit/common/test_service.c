/* Life cycle: real services in this process and in children, over real sockets and files. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/service.h"
#include "edge/system_event.h"
#include "edge/thread.h"
#include "scratch.h"
#include "suites.h"
#include "tcp_peer.h"

enum { PATIENCE_MS = 10000 };

/* ---- two services -------------------------------------------------------------------------- */

/* What a test shares with its services, by way of their descriptor's context. */
struct stage {
    struct edge_mutex lock;
    struct edge_cond changed;
    char journal[256] EDGE_GUARDED; /* who did what, in order */
    unsigned heard EDGE_GUARDED;    /* bus messages */
    unsigned reconfigured EDGE_GUARDED;
    bool entered EDGE_GUARDED; /* a slow call is under way */
    bool fail_start, fail_ready;
    uint16_t port_at_stop; /* of the last to stop */
};

struct writable {
    struct edge_writable base;
    int64_t speed;
};
struct test_config {
    struct edge_base_config base;
    struct writable writable;
};
/* clang-format off */
static const struct edge_field writable_fields[] = {
    EDGE_OBJECT(struct writable, base, NULL, "Common.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_INLINE),
    EDGE_FIELD(struct writable, speed, "Speed", "How fast.", .def = "1", .min = 1, .max = 9, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto WRITABLE = EDGE_DTO(struct writable, "Writable", writable_fields);
static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct test_config, writable, "Writable", "Live.", &WRITABLE, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct test_config, base, NULL, "Common.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
};
static const struct edge_dto CONFIG = EDGE_DTO(struct test_config, "Configuration", config_fields);
/* clang-format on */

struct state {
    const struct edge_runtime *rt;
};

static struct stage *stage_of(const struct edge_runtime *rt)
{
    return (struct stage *)(uintptr_t)rt->service->context;
}

static void note(const struct edge_runtime *rt, const char *what)
{
    struct stage *s = stage_of(rt);
    EDGE_LOCK(&s->lock);
    size_t len = strlen(s->journal);
    snprintf(s->journal + len, sizeof(s->journal) - len, "%s %s;", what, rt->name);
    edge_cond_broadcast(&s->changed);
}

static enum edge_status svc_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct state *state = rt->state;
    state->rt = rt;
    note(rt, "start");
    edge_counter_add(edge_counter(rt->metrics, "GreetingsSaid", "Greetings."), 3);
    return stage_of(rt)->fail_start ? edge_fail(ctx, EDGE_INTERNAL, "no fuel") : EDGE_OK;
}

static enum edge_status svc_ready(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    if (stage_of(rt)->fail_ready) {
        return edge_fail(ctx, EDGE_INTERNAL, "no fuel left");
    }
    note(rt, "ready");
    return EDGE_OK;
}

/* The last moment at which everything still works. */
static void svc_quiesce(const struct edge_runtime *rt)
{
    CU_ASSERT_PTR_NOT_NULL(rt->bus);
    CU_ASSERT_PTR_NOT_NULL(rt->http);
    note(rt, "quiesce");
}

static void svc_stop(const struct edge_runtime *rt)
{
    stage_of(rt)->port_at_stop = rt->port;
    note(rt, "stop");
}

static void svc_reconfigured(const struct edge_runtime *rt)
{
    struct stage *s = stage_of(rt);
    EDGE_LOCK(&s->lock);
    s->reconfigured++;
    edge_cond_broadcast(&s->changed);
}

static enum edge_status hello_get(struct edge_call *call)
{
    return edge_reply_base(call, 200, "hello");
}

/* Asks svc-a, its neighbour. */
static enum edge_status relay_get(struct edge_call *call)
{
    const struct edge_runtime *rt = ((struct state *)edge_call_state(call))->rt;
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *url = edge_config_client_url(&ctx->arena, rt->base, "svc-a");
    const struct edge_http_request req = {.method = "GET", .target = "/api/v3/hello"};
    const cJSON *answer;
    EDGE_TRY(edge_client_json(rt->client, ctx, url, &req, edge_now_mono_ms() + 5000, &answer));
    return edge_reply_base(call, 200, edge_json_member(answer, "message", true)->valuestring);
}

/* Under way until the service is told to stop. */
static enum edge_status slow_get(struct edge_call *call)
{
    const struct edge_runtime *rt = ((struct state *)edge_call_state(call))->rt;
    struct stage *s = stage_of(rt);
    {
        EDGE_LOCK(&s->lock);
        s->entered = true;
        edge_cond_broadcast(&s->changed);
    }
    bool slept = edge_runtime_sleep(rt, PATIENCE_MS);
    return edge_reply_base(call, 200, slept ? "slept" : "drained");
}

static enum edge_status tell_post(struct edge_call *call)
{
    const struct edge_runtime *rt = ((struct state *)edge_call_state(call))->rt;
    struct edge_message *m = edge_message_create(0);
    bool escape = rt->base->service.enable_name_field_escape;
    edge_message_topic(m, "%s/greetings/%s/from/%s", rt->base_topic, escape ? "svc%2Db" : "svc-b",
                       rt->name);
    m->content_type = "application/json";
    enum edge_status st = edge_bus_publish(edge_call_ctx(call), rt->bus, m);
    edge_message_unref(m);
    return st == EDGE_OK ? edge_reply_base(call, 202, NULL) : st;
}

static enum edge_status heard(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct stage *s = stage_of(((struct state *)state)->rt);
    (void)ctx;
    EDGE_LOCK(&s->lock);
    s->heard++;
    if (strstr(m->topic, "/telemetry/")) {
        strncat(s->journal, "metric;", sizeof(s->journal) - strlen(s->journal) - 1);
    }
    edge_cond_broadcast(&s->changed);
    return EDGE_OK;
}

static const struct edge_route routes[] = {
    {"GET",  "/api/v3/hello", hello_get, "Greet.",               0               },
    {"GET",  "/api/v3/relay", relay_get, "Have svc-a greet.",    EDGE_ROUTE_WAITS},
    {"GET",  "/api/v3/slow",  slow_get,  "Take until the stop.", EDGE_ROUTE_WAITS},
    {"POST", "/api/v3/tell",  tell_post, "Greet on the bus.",    0               },
};
static const struct edge_subscription subscriptions[] = {
    {"greetings/{service}/#", heard, "Greetings.", 0},
    {"telemetry/svc-a/#",     heard, "Metrics.",   0},
};

struct bench {
    struct edge_ctx ctx;
    struct scratch dir;
    struct stage stage;
    struct edge_service services[2];
    const struct edge_service *list[2];
    struct edge_host *host;
    struct edge_client *client;
};

static void put_file(struct bench *b, const char *service, const char *text)
{
    const char *dir = edge_printf(&b->ctx.arena, "%s/%s", b->dir.path, service);
    const char *path = edge_printf(&b->ctx.arena, "%s/configuration.yaml", dir);
    const char *fresh = edge_printf(&b->ctx.arena, "%s/fresh", dir);
    mkdir(dir, 0700);
    FILE *f = fopen(fresh, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
    CU_ASSERT_EQUAL(rename(fresh, path), 0);
}

static void bench_open(struct bench *b)
{
    *b = (struct bench){.ctx = EDGE_CTX_INIT};
    scratch_make(&b->dir);
    edge_mutex_init(&b->stage.lock);
    edge_cond_init(&b->stage.changed);
    for (int i = 0; i < 2; i++) {
        b->services[i] = (struct edge_service){
            .name = i == 0 ? "svc-a" : "svc-b",
            .doc = "A service for tests.",
            .sdk_version = i == 0 ? NULL : "4.0.0",
            .state_size = sizeof(struct state),
            .config = &CONFIG,
            .writable_offset = offsetof(struct test_config, writable),
            .routes = EDGE_TABLE(routes),
            .subscriptions = subscriptions,
            .n_subscriptions = i == 0 ? 0 : 2,
            .context = &b->stage,
            .start = svc_start,
            .ready = svc_ready,
            .stop = svc_stop,
            .reconfigured = svc_reconfigured,
        };
        b->list[i] = &b->services[i];
    }
    put_file(b, "svc-a", "Writable: {LogLevel: ERROR}\n");
    put_file(b, "svc-b", "Writable: {LogLevel: ERROR}\nClients: {svc-a: {Port: 59999}}\n");
    b->client = edge_client_create();
}

static void bench_close(struct bench *b)
{
    edge_host_stop(b->host);
    edge_client_free(b->client);
    scratch_done(&b->dir);
    edge_cond_done(&b->stage.changed);
    edge_mutex_done(&b->stage.lock);
    edge_ctx_done(&b->ctx);
}

static enum edge_status host_start(struct bench *b, struct edge_ctx *ctx)
{
    char *argv[] = {(char *)(uintptr_t) "edgexd", (char *)(uintptr_t) "-cd", b->dir.path,
                    (char *)(uintptr_t) "--data", b->dir.path};
    return edge_host_start(ctx, b->list, 2, 5, argv, &b->host);
}

static void must_start(struct bench *b)
{
    enum edge_status st = host_start(b, &b->ctx);
    if (st != EDGE_OK) {
        printf("\n    %s", edge_ctx_message(&b->ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

/* A call over a real socket. */
static int ask(struct bench *b, struct edge_ctx *ctx, uint16_t port, const char *method,
               const char *target, const char *body, const char **ret_body)
{
    const char *url = edge_printf(&ctx->arena, "http://127.0.0.1:%u", (unsigned)port);
    const struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = body ? strlen(body) : 0};
    struct edge_http_response answer;
    enum edge_status st =
        edge_client_call(b->client, ctx, url, &req, edge_now_mono_ms() + PATIENCE_MS, &answer);
    if (st != EDGE_OK) {
        printf("\n    %s %s: %s", method, target, edge_ctx_message(ctx, st));
        *ret_body = "";
        return 0;
    }
    *ret_body = answer.body;
    return answer.code;
}

static uint16_t port_of(const struct bench *b, const char *service)
{
    return edge_http_port(edge_host_runtime(b->host, service)->http);
}

static void expect_at(struct bench *b, uint16_t port, const char *method, const char *target,
                      const char *body, int code, const char *part)
{
    EDGE_CTX_SCOPE(ctx);
    const char *got;
    int got_code = ask(b, &ctx, port, method, target, body, &got);
    bool same = got_code == code && strstr(got, part) != NULL;
    if (!same) {
        printf("\n    %s %s: got %d %s, expected %d %s", method, target, got_code, got, code, part);
    }
    CU_ASSERT(same);
}

static void expect(struct bench *b, const char *service, const char *method, const char *target,
                   const char *body, int code, const char *part)
{
    expect_at(b, port_of(b, service), method, target, body, code, part);
}

static bool wait_count(struct stage *s, const unsigned *count, unsigned n)
{
    int64_t deadline = edge_now_mono_ms() + PATIENCE_MS;
    EDGE_LOCK(&s->lock);
    while (*count < n && edge_now_mono_ms() < deadline) {
        edge_cond_wait_until(&s->changed, &s->lock, deadline);
    }
    return *count >= n;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void test_two_services_answer(void)
{
    struct bench b;
    bench_open(&b);
    must_start(&b);
    expect(&b, "svc-a", "GET", "/api/v3/ping", NULL, 200, "\"serviceName\":\"svc-a\"}");
    expect(&b, "svc-b", "GET", "/api/v3/ping", NULL, 200, "\"serviceName\":\"svc-b\"}");
    expect(&b, "svc-a", "GET", "/api/v3/version", NULL, 200,
           "{\"apiVersion\":\"v3\",\"version\":\"4.1.0\",\"serviceName\":\"svc-a\"}");
    expect(&b, "svc-b", "GET", "/api/v3/version", NULL, 200, "\"sdk_version\":\"4.0.0\"");
    expect(&b, "svc-a", "GET", "/api/v3/metrics", NULL, 200, "reetings");
    expect(&b, "svc-a", "GET", "/api/v3/hello", NULL, 200, "hello");
    expect(&b, "svc-b", "GET", "/api/v3/relay", NULL, 200, "hello");
    expect(&b, "svc-a", "GET", "/api/v3/nothing", NULL, 404, "Not Found");
    bench_close(&b);
}

static void test_config_is_shown_without_secrets(void)
{
    struct bench b;
    bench_open(&b);
    put_file(&b, "svc-a",
             "Writable:\n"
             "  LogLevel: ERROR\n"
             "  InsecureSecrets: {DB: {SecretName: db, SecretData: {password: hunter2}}}\n"
             "MessageBus: {Optional: {Username: joe, Password: hunter3}}\n");
    must_start(&b);
    EDGE_CTX_SCOPE(ctx);
    const char *body;
    CU_ASSERT_EQUAL(ask(&b, &ctx, port_of(&b, "svc-a"), "GET", "/api/v3/config", NULL, &body), 200);
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
    must_start(&b);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect(&b, "svc-a", "POST", "/api/v3/secret", bad[i], 400, "\"JSON decode failed\"");
    }
    expect(&b, "svc-a", "POST", "/api/v3/secret",
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
    must_start(&b);
    expect(&b, "svc-a", "POST", "/api/v3/tell", NULL, 202, "");
    CU_ASSERT(wait_count(&b.stage, &b.stage.heard, 1));
    bench_close(&b);
}

static void test_messages_reach_escaped_names(void)
{
    struct bench b;
    bench_open(&b);
#define ESCAPED "Writable: {LogLevel: ERROR}\nService: {EnableNameFieldEscape: true}\n"
    put_file(&b, "svc-a", ESCAPED);
    put_file(&b, "svc-b", ESCAPED "Clients: {svc-a: {Port: 59999}}\n");
#undef ESCAPED
    must_start(&b);
    expect(&b, "svc-a", "POST", "/api/v3/tell", NULL, 202, "");
    CU_ASSERT(wait_count(&b.stage, &b.stage.heard, 1));
    bench_close(&b);
}

static void test_metrics_are_published(void)
{
    struct bench b;
    bench_open(&b);
    put_file(
        &b, "svc-a",
        "Writable: {LogLevel: ERROR, Telemetry: {Interval: 20ms, Metrics: {Greetings: true}}}\n");
    must_start(&b);
    CU_ASSERT(wait_count(&b.stage, &b.stage.heard, 2));
    {
        EDGE_LOCK(&b.stage.lock);
        CU_ASSERT_PTR_NOT_NULL(strstr(b.stage.journal, "metric;"));
    }
    bench_close(&b);
}

static void expect_journal(struct bench *b, const char *text)
{
    EDGE_LOCK(&b->stage.lock);
    if (strcmp(b->stage.journal, text) != 0) {
        printf("\n    got '%s', expected '%s'", b->stage.journal, text);
    }
    CU_ASSERT_STRING_EQUAL(b->stage.journal, text);
}

static void test_stop_is_the_reverse_of_start(void)
{
    struct bench b;
    bench_open(&b);
    b.services[0].ready = NULL;
    b.services[0].quiesce = b.services[1].quiesce = svc_quiesce;
    must_start(&b);
    uint16_t port = port_of(&b, "svc-a");
    edge_host_stop(b.host);
    b.host = NULL;
    expect_journal(&b, "start svc-a;start svc-b;ready svc-b;"
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
    expect_at(call->b, call->port, "GET", "/api/v3/slow", NULL, 200, "drained");
    return NULL;
}

static void test_a_call_under_way_is_answered_before_the_stop(void)
{
    struct bench b;
    bench_open(&b);
    must_start(&b);
    struct slow_call call = {&b, port_of(&b, "svc-a")};
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

static int64_t speed(struct bench *b)
{
    const struct writable *w = edge_runtime_writable(edge_host_runtime(b->host, "svc-a"));
    return w->speed;
}

static void test_a_changed_file_is_taken_up(void)
{
    struct bench b;
    bench_open(&b);
    must_start(&b);
    for (unsigned i = 1; i <= 4; i++) {
        put_file(&b, "svc-a",
                 edge_printf(&b.ctx.arena, "Writable: {LogLevel: ERROR, Speed: %u}\n", i + 1));
        CU_ASSERT_FATAL(wait_count(&b.stage, &b.stage.reconfigured, i));
        CU_ASSERT_EQUAL(speed(&b), i + 1);
    }
    expect(&b, "svc-a", "GET", "/api/v3/config", NULL, 200, "\"Speed\":5");
    expect(&b, "svc-b", "GET", "/api/v3/config", NULL, 200, "\"Speed\":1");
    bench_close(&b);
}

static void test_an_unsound_file_changes_nothing(void)
{
    static const char *const bad[] = {"Writable: [\n", "Writable: {Speed: 5}\n: [\n", "- 5\n"};
    struct bench b;
    bench_open(&b);
    must_start(&b);
    edge_log_set_level(edge_host_runtime(b.host, "svc-a")->log, EDGE_LOG_ERROR + 1);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put_file(&b, "svc-a", bad[i]);
        put_file(&b, "svc-b",
                 edge_printf(&b.ctx.arena, "Writable: {LogLevel: ERROR, Speed: %u}\n", i + 2));
        CU_ASSERT_FATAL(wait_count(&b.stage, &b.stage.reconfigured, i + 1));
        CU_ASSERT_EQUAL(speed(&b), 1);
    }
    bench_close(&b);
}

/* The key alone keeps what it held; what stands beside it is taken up. */
static void test_a_bad_value_of_a_file_is_refused_alone(void)
{
    static const char *const bad[] = {
        "Writable: {Speed: 3, LogLevel: LOUD}\n", "Writable: {Speed: 4, Telemetry: 5}\n",
        "Writable: {Speed: 5}\nService: {Port: x}\n", "Writable: {Speed: 10, LogLevel: DEBUG}\n",
        "Writable: {Speed: [6], LogLevel: DEBUG}\n"};
    static const int64_t speeds[] = {3, 4, 5, 5, 5};
    struct bench b;
    bench_open(&b);
    put_file(&b, "svc-a", "Writable: {Speed: 2, LogLevel: ERROR, Telemetry: {Interval: 7m}}\n");
    must_start(&b);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        edge_log_set_level(edge_host_runtime(b.host, "svc-a")->log, EDGE_LOG_ERROR);
        put_file(&b, "svc-a", bad[i]);
        CU_ASSERT_FATAL(wait_count(&b.stage, &b.stage.reconfigured, i + 1));
        CU_ASSERT_EQUAL(speed(&b), speeds[i]);
    }
    bench_close(&b);
}

static void test_keys_outside_writable_wait_for_a_restart(void)
{
    struct bench b;
    bench_open(&b);
    must_start(&b);
    edge_log_set_level(edge_host_runtime(b.host, "svc-a")->log, EDGE_LOG_ERROR);
    put_file(&b, "svc-a", "Service: {MaxResultCount: 5}\nWritable: {LogLevel: ERROR, Speed: 2}\n");
    CU_ASSERT_FATAL(wait_count(&b.stage, &b.stage.reconfigured, 1));
    CU_ASSERT_EQUAL(speed(&b), 2);
    const struct edge_runtime *rt = edge_host_runtime(b.host, "svc-a");
    CU_ASSERT_EQUAL(rt->base->service.max_result_count, 1024);
    expect(&b, "svc-a", "GET", "/api/v3/config", NULL, 200, "\"MaxResultCount\":1024");
    bench_close(&b);
}

/* ---- failures of a start ------------------------------------------------------------------- */

static void expect_no_start(struct bench *b, const char *const *parts, size_t n)
{
    EDGE_CTX_SCOPE(ctx);
    enum edge_status st = host_start(b, &ctx);
    CU_ASSERT_NOT_EQUAL(st, EDGE_OK);
    const char *text = edge_ctx_message(&ctx, st);
    for (size_t i = 0; i < n; i++) {
        if (!strstr(text, parts[i])) {
            printf("\n    got '%s', expected '%s'", text, parts[i]);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(text, parts[i]));
    }
}

static void test_a_port_taken_is_named(void)
{
    struct bench b;
    bench_open(&b);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    const char *port = edge_printf(&b.ctx.arena, "%d", ntohs(addr.sin_port));
    put_file(&b, "svc-b",
             edge_printf(&b.ctx.arena, "Service: {Host: 127.0.0.1, Port: %s}\n", port));
    expect_no_start(&b, (const char *const[]){"svc-b: ", "127.0.0.1", port}, 3);
    expect_journal(&b, "start svc-a;start svc-b;stop svc-b;stop svc-a;");
    close(fd);
    bench_close(&b);
}

static void test_tls_that_cannot_be_is_named(void)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"Service: {SecurityOptions: {Mode: tls}}\n",
         "svc-b: Service.SecurityOptions.Mode tls: needs Service.SecurityOptions.CertFile and KeyFile"                                 },
        {"Service: {SecurityOptions: {Mode: tls, CertFile: /nowhere.pem, KeyFile: /nowhere.key}}\n",
         "svc-b: cannot use the certificate /nowhere.pem: "                                                                            },
        {"Service: {SecurityOptions: {Mode: zerotrust}}\n",                                              "'zerotrust' is not supported"},
        {"Clients: {x: {Protocol: https, Host: h, Port: 1, SecurityOptions: {CaFile: /nowhere.pem}}}\n",
         "svc-b: Clients.x.SecurityOptions -> cannot read /nowhere.pem: "                                                              },
    };
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_file(&b, "svc-b", cases[i].yaml);
        expect_no_start(&b, &cases[i].says, 1);
    }
    put_file(&b, "svc-b", "Service: {Port: 0}\n");
    setenv("EDGEX_CA_FILE", "/nowhere.pem", 1);
    expect_no_start(&b, (const char *const[]){"cannot read /nowhere.pem: "}, 1);
    unsetenv("EDGEX_CA_FILE");
    bench_close(&b);
}

static void test_bad_configuration_is_fatal(void)
{
    static const struct {
        const char *text, *expect;
    } cases[] = {
        {"Service:\n  Port: [\n",                      "svc-a/configuration.yaml -> line "},
        {"MessageBus: {Type: nats-core}\n",            "MessageBus.Type 'nats-core'"      },
        {"MessageBus: {Optional: {Qos: 3}}\n",         "MessageBus.Optional.Qos '3'"      },
        {"MessageBus: {AuthMode: usernamepassword}\n", "no secret 'mqtt-bus'"             },
        {"Service: {RequestTimeout: soon}\n",          "RequestTimeout"                   },
    };
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_file(&b, "svc-a", cases[i].text);
        expect_no_start(&b, (const char *const[]){"svc-a: ", cases[i].expect}, 2);
    }
    bench_close(&b);
}

static void test_bad_variables_are_fatal(void)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"SERVICE_PORT",                "x"                   },
        {"SVC_B__WRITABLE_SPEED",       "10x"                 },
        {"EDGEX_SECURITY_SECRET_STORE", "true"                },
        {"EDGEX_CONFIG_PROVIDER",       "consul.http://host:1"},
        {"EDGEX_CONFIG_PROVIDER",       "keeper.http://host"  },
        {"EDGEX_USE_REGISTRY",          "perhaps"             },
    };
    static const char *const names[] = {"SERVICE_PORT",
                                        "SVC_B__WRITABLE_SPEED",
                                        "EDGEX_SECURITY_SECRET_STORE",
                                        "'consul.http://host:1': only keeper.http://HOST:PORT",
                                        "not of the form keeper.http://HOST:PORT",
                                        "EDGEX_USE_REGISTRY"};
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv(cases[i].name, cases[i].value, 1);
        expect_no_start(&b, &names[i], 1);
        unsetenv(cases[i].name);
    }
    bench_close(&b);
}

static void test_a_failing_start_is_undone(void)
{
    struct bench b;
    bench_open(&b);
    b.stage.fail_start = true;
    expect_no_start(&b, (const char *const[]){"svc-a: no fuel"}, 1);
    expect_journal(&b, "start svc-a;stop svc-a;");
    bench_close(&b);
}

static void test_a_failing_ready_is_fatal(void)
{
    struct bench b;
    bench_open(&b);
    b.services[0].ready = NULL;
    b.stage.fail_ready = true;
    expect_no_start(&b, (const char *const[]){"svc-b: no fuel left"}, 1);
    expect_journal(&b, "start svc-a;start svc-b;stop svc-b;stop svc-a;");
    bench_close(&b);
}

/* ---- neighbours ---------------------------------------------------------------------------- */

static enum edge_status await_svc_a(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    EDGE_TRY(edge_wait_for_peer(ctx, rt, "svc-a"));
    note(rt, "found");
    return EDGE_OK;
}

static void test_neighbours_of_the_process_are_found_at_once(void)
{
    struct bench b;
    bench_open(&b);
    b.services[0].ready = NULL;
    b.services[1].ready = await_svc_a;
    must_start(&b);
    expect_journal(&b, "start svc-a;start svc-b;found svc-b;");
    bench_close(&b);
}

static void test_absent_neighbours_are_given_up_in_time(void)
{
    struct bench b;
    bench_open(&b);
    b.services[0].ready = await_svc_a;
    b.services[1].ready = NULL;
    expect_no_start(&b, (const char *const[]){"svc-a: Clients.svc-a is not configured"}, 1);
    put_file(&b, "svc-a",
             "Writable: {LogLevel: ERROR}\nClients: {svc-a: {Host: 127.0.0.2, Port: 1}}\n");
    setenv("EDGEX_STARTUP_DURATION", "1", 1);
    expect_no_start(&b, (const char *const[]){"svc-a: svc-a does not answer at http://127.0.0.2:1"},
                    1);
    unsetenv("EDGEX_STARTUP_DURATION");
    bench_close(&b);
}

/* ---- as a program -------------------------------------------------------------------------- */

struct child {
    pid_t pid;
    FILE *out; /* both streams */
    char text[4096];
};

/* svc-a alone in a process of its own; with the library's main, as a daemon has it. */
static void child_open(struct bench *b, struct child *c, const char *flag)
{
    int fds[2];
    c->text[0] = '\0';
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    fflush(NULL);
    c->pid = fork();
    if (c->pid == 0) {
        char *argv[] = {(char *)(uintptr_t) "svc-a", (char *)(uintptr_t) "-cd", b->dir.path,
                        (char *)(uintptr_t)flag, NULL};
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        int code = edge_service_main(&b->services[0], flag ? 4 : 3, argv);
        fflush(NULL);
        _exit(code);
    }
    close(fds[1]);
    c->out = fdopen(fds[0], "r");
}

/* Read on until a line holds @p part. */
static bool child_says(struct child *c, const char *part)
{
    size_t len = strlen(c->text);
    while (!strstr(c->text, part) && len + 2 < sizeof(c->text) &&
           fgets(c->text + len, (int)(sizeof(c->text) - len), c->out)) {
        len = strlen(c->text);
    }
    return strstr(c->text, part) != NULL;
}

static void child_close(struct child *c, int expect_code)
{
    int status;
    child_says(c, "never said, so that all is read");
    CU_ASSERT_EQUAL(waitpid(c->pid, &status, 0), c->pid);
    bool as_expected = WIFEXITED(status) && WEXITSTATUS(status) == expect_code;
    if (!as_expected) {
        printf("\n    status %x, said: %s", (unsigned)status, c->text);
    }
    CU_ASSERT(as_expected);
    fclose(c->out);
}

static void test_flags_have_exit_codes(void)
{
    static const struct {
        const char *flag, *says;
        int code;
    } cases[] = {
        {"--help",                           "A service for tests.",                        0},
        {"--version",                        "svc-a 4.0.0 (EdgeX 4.1.0)",                   0},
        {"--nonsense",                       "svc-a: unknown flag '--nonsense'",            2},
        {"-cp=consul.http://localhost:8500",
         "svc-a: configuration provider 'consul.http://localhost:8500': only "
         "keeper.http://HOST:PORT and keeper.https://HOST:PORT are supported",              1},
        {"-cf=none.yaml",                    "configuration file none.yaml does not exist", 1},
    };
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct child c;
        child_open(&b, &c, cases[i].flag);
        CU_ASSERT(child_says(&c, cases[i].says));
        child_close(&c, cases[i].code);
    }
    b.client = edge_client_create();
    bench_close(&b);
}

static void test_signals_reload_and_stop(void)
{
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    put_file(&b, "svc-a",
             "Service: {Port: 0, StartupMsg: here we are}\n"
             "MessageBus: {Type: memory}\n");
    struct child c;
    child_open(&b, &c, NULL);
    CU_ASSERT(child_says(&c, "here we are"));
    CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "no authentication: open to everybody on this machine"));
    CU_ASSERT_PTR_NOT_NULL(strstr(c.text, "address=localhost:"));
    kill(c.pid, SIGHUP);
    CU_ASSERT(child_says(&c, "configuration read again"));
    kill(c.pid, SIGTERM);
    child_close(&c, 0);
    b.client = edge_client_create();
    bench_close(&b);
}

/* svc-a with this flag, until it runs or has ended; what it said up to then. */
static void child_run(struct bench *b, struct child *c, const char *flag)
{
    edge_client_free(b->client);
    b->client = NULL;
    child_open(b, c, flag);
    CU_ASSERT(child_says(c, "here we are"));
    kill(c->pid, SIGTERM);
    child_close(c, 0);
    b->client = edge_client_create();
}

static void expect_said(const struct child *c, const char *part)
{
    if (!strstr(c->text, part)) {
        printf("\n    '%s' is not in: %s", part, c->text);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(c->text, part));
}

#define HERE "Service: {Port: 0, StartupMsg: here we are}\nMessageBus: {Type: memory}\n"

/* In the order of their weight; where it has no file, where one was looked for. */
static void test_the_start_names_what_was_read(void)
{
    struct bench b;
    struct child c;
    bench_open(&b);
    const char *dir = b.dir.path;
    put_file(&b, "svc-a", HERE);
    put_file(&b, "shared", "all-services: {Writable: {LogLevel: INFO}}\n");
    const char *common = edge_printf(&b.ctx.arena, "%s/shared/configuration.yaml", dir);
    child_run(&b, &c, edge_printf(&b.ctx.arena, "-cc=%s", common));
    expect_said(&c, edge_printf(&b.ctx.arena,
                                "msg=\"configuration read\" from=\"%s (common), "
                                "%s/svc-a/configuration.yaml (private), environment\"",
                                common, dir));
    CU_ASSERT_EQUAL_FATAL(unlink(edge_printf(&b.ctx.arena, "%s/svc-a/configuration.yaml", dir)), 0);
    setenv("SERVICE_STARTUPMSG", "here we are", 1);
    setenv("SERVICE_PORT", "0", 1);
    setenv("MESSAGEBUS_TYPE", "memory", 1);
    child_run(&b, &c, NULL);
    unsetenv("SERVICE_STARTUPMSG");
    unsetenv("SERVICE_PORT");
    unsetenv("MESSAGEBUS_TYPE");
    expect_said(
        &c, edge_printf(&b.ctx.arena, "from=\"no private file in %s/svc-a, environment\"", dir));
    bench_close(&b);
}

/* Nobody opens the machine without being told so, and by what. */
static void test_an_open_port_is_named(void)
{
    static const struct {
        const char *flag, *more, *address, *because;
    } cases[] = {
        {"-d",                                 "",                              "0.0.0.0",   "because=\"-d: every address of this machine\""},
        {"-rsh=127.0.0.2,localhost,127.0.0.2", "",                              "127.0.0.2",
         "because=\"-rsh or EDGEX_REMOTE_SERVICE_HOSTS\""                                                                                   },
        {NULL,                                 "  ServerBindAddr: 127.0.0.3\n", "127.0.0.3",
         "because=\"Service.ServerBindAddr or Service.Host\""                                                                               },
    };
    struct bench b;
    struct child c;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_file(&b, "svc-a",
                 edge_printf(&b.ctx.arena,
                             "MessageBus: {Type: memory}\n"
                             "Service:\n  Port: 0\n  StartupMsg: here we are\n%s",
                             cases[i].more));
        child_run(&b, &c, cases[i].flag);
        expect_said(&c, "level=WARN");
        expect_said(&c, "open to everybody who reaches the port");
        expect_said(&c, edge_printf(&b.ctx.arena, "listens=\"%s:", cases[i].address));
        expect_said(&c, " (svc-a)\"");
        expect_said(&c, cases[i].because);
    }
    bench_close(&b);
}

#define ANSWER(body) "HTTP/1.1 200 OK\r\nContent-Length: " body
#define READY        ANSWER("35\r\n\r\n{\"response\":[{\"value\":\"true\"}]}    ")

/* svc-a with a provider that acts as @p script says: started, and told to stop once it has said so. */
static void with_provider(const struct peer_step *script, size_t n, unsigned n_requests,
                          const char *says)
{
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    put_file(&b, "svc-a",
             "Service: {Port: 0, StartupMsg: here we are}\n"
             "MessageBus: {Type: memory}\n");
    struct tcp_peer *peer = tcp_peer_create(script, n);
    struct child c;
    child_open(&b, &c, edge_printf(&b.ctx.arena, "-cp=keeper.%s", tcp_peer_url(peer)));
    tcp_peer_listen(peer);
    CU_ASSERT(tcp_peer_wait_for(peer, n_requests));
    CU_ASSERT(child_says(&c, says));
    kill(c.pid, SIGTERM);
    child_close(&c, 0);
    tcp_peer_free(peer);
    b.client = edge_client_create();
    bench_close(&b);
}

static void test_a_provider_out_of_sorts_is_waited_for(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, READY                               },
        {PEER_ANSWER, ANSWER("14\r\n\r\n{\"response\":7}")},
        {PEER_ANSWER, READY                               },
        {PEER_ANSWER, ANSWER("0\r\n\r\n")                 },
        {PEER_ANSWER, READY                               },
    };
    with_provider(script, sizeof(script) / sizeof(script[0]), 5, "here we are");
}

static void test_a_stop_does_not_wait_for_a_silent_provider(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, READY},
        {PEER_HANG,   NULL }
    };
    int64_t begin = edge_now_mono_ms();
    with_provider(script, 2, 2, "");
    CU_ASSERT(edge_now_mono_ms() - begin < PATIENCE_MS);
}

/* The signal waited while the start did: it is a stop all the same, not a failure. */
static void test_a_start_that_fails_after_a_signal_is_a_stop(void)
{
    static const struct peer_step hangs = {PEER_HANG, NULL};
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    setenv("EDGEX_FILE_URI_TIMEOUT", "1s", 1);
    struct tcp_peer *peer = tcp_peer_create(&hangs, 1);
    struct child c;
    child_open(&b, &c, edge_printf(&b.ctx.arena, "-cc=%s/common.yaml", tcp_peer_url(peer)));
    tcp_peer_listen(peer);
    CU_ASSERT(tcp_peer_wait_for(peer, 1));
    kill(c.pid, SIGTERM);
    child_close(&c, 0);
    unsetenv("EDGEX_FILE_URI_TIMEOUT");
    tcp_peer_free(peer);
    b.client = edge_client_create();
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
    put_file(&b, "svc-b",
             edge_printf(&b.ctx.arena,
                         "Writable: {LogLevel: ERROR}\n"
                         "Registry: {Host: 127.0.0.1, Port: %s}\n"
                         "Clients: {svc-a: {Host: localhost, Port: 59999}}\n",
                         port));
    put_file(&b, "svc-a",
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

static void test_health_asks_the_running_service(void)
{
    struct bench b;
    bench_open(&b);
    edge_client_free(b.client);
    b.client = NULL;
    put_file(&b, "svc-a", "Service: {Port: 0, StartupMsg: up}\nMessageBus: {Type: memory}\n");
    struct child running, asking;
    child_open(&b, &running, NULL);
    CU_ASSERT_FATAL(child_says(&running, "address=localhost:"));
    int port = (int)strtol(strstr(running.text, "address=localhost:") + 18, NULL, 10);
    put_file(&b, "svc-a", edge_printf(&b.ctx.arena, "Service: {Port: %d}\n", port));
    child_open(&b, &asking, "--health");
    child_close(&asking, 0);
    kill(running.pid, SIGINT);
    child_close(&running, 0);
    child_open(&b, &asking, "--health");
    child_close(&asking, 1);
    b.client = edge_client_create();
    bench_close(&b);
}

CU_TestInfo service_tests[] = {
    {"two services answer",                            test_two_services_answer                       },
    {"config is shown without secrets",                test_config_is_shown_without_secrets           },
    {"secrets have nowhere to go",                     test_secrets_have_nowhere_to_go                },
    {"messages reach subscribers",                     test_messages_reach_subscribers                },
    {"messages reach escaped names",                   test_messages_reach_escaped_names              },
    {"metrics are published",                          test_metrics_are_published                     },
    {"stop is the reverse of start",                   test_stop_is_the_reverse_of_start              },
    {"a call under way is answered before the stop",
     test_a_call_under_way_is_answered_before_the_stop                                                },
    {"a changed file is taken up",                     test_a_changed_file_is_taken_up                },
    {"an unsound file changes nothing",                test_an_unsound_file_changes_nothing           },
    {"a bad value of a file is refused alone",         test_a_bad_value_of_a_file_is_refused_alone    },
    {"keys outside Writable wait for a restart",       test_keys_outside_writable_wait_for_a_restart  },
    {"TLS that cannot be is named",                    test_tls_that_cannot_be_is_named               },
    {"a port taken is named",                          test_a_port_taken_is_named                     },
    {"bad configuration is fatal",                     test_bad_configuration_is_fatal                },
    {"bad variables are fatal",                        test_bad_variables_are_fatal                   },
    {"a failing start is undone",                      test_a_failing_start_is_undone                 },
    {"a failing ready is fatal",                       test_a_failing_ready_is_fatal                  },
    {"neighbours of the process are found at once",
     test_neighbours_of_the_process_are_found_at_once                                                 },
    {"absent neighbours are given up in time",         test_absent_neighbours_are_given_up_in_time    },
    {"flags have exit codes",                          test_flags_have_exit_codes                     },
    {"the start names what was read",                  test_the_start_names_what_was_read             },
    {"an open port is named",                          test_an_open_port_is_named                     },
    {"signals reload and stop",                        test_signals_reload_and_stop                   },
    {"a provider out of sorts is waited for",          test_a_provider_out_of_sorts_is_waited_for     },
    {"a stop does not wait for a silent provider",     test_a_stop_does_not_wait_for_a_silent_provider},
    {"a start that fails after a signal is a stop",
     test_a_start_that_fails_after_a_signal_is_a_stop                                                 },
    {"a silent registry is not asked with every call",
     test_a_silent_registry_is_not_asked_with_every_call                                              },
    {"health asks the running service",                test_health_asks_the_running_service           },
    CU_TEST_INFO_NULL,
};
