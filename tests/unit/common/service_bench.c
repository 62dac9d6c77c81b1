#include "service_bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "edge/clock.h"
#include "suites.h"

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

void bench_note(const struct edge_runtime *rt, const char *what)
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
    bench_note(rt, "start");
    edge_counter_add(edge_counter(rt->metrics, "GreetingsSaid", "Greetings."), 3);
    return stage_of(rt)->fail_start ? edge_fail(ctx, EDGE_INTERNAL, "no fuel") : EDGE_OK;
}

static enum edge_status svc_ready(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    if (stage_of(rt)->fail_ready) {
        return edge_fail(ctx, EDGE_INTERNAL, "no fuel left");
    }
    bench_note(rt, "ready");
    return EDGE_OK;
}

static void svc_stop(const struct edge_runtime *rt)
{
    stage_of(rt)->port_at_stop = rt->port;
    bench_note(rt, "stop");
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

void bench_put(struct bench *b, const char *service, const char *text)
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

void bench_open(struct bench *b)
{
    *b = (struct bench){.ctx = EDGE_CTX_INIT};
    scratch_make(&b->dir);
    edge_mutex_init(&b->stage.lock);
    edge_cond_init(&b->stage.changed);
    for (int i = 0; i < 2; i++) {
        b->services[i] = (struct edge_service){
            .name = i == 0 ? "svc-a" : "svc-b",
            .doc = i == 0 ? "A service for tests." : NULL,
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
    bench_put(b, "svc-a", "Writable: {LogLevel: ERROR}\n");
    bench_put(b, "svc-b", "Writable: {LogLevel: ERROR}\nClients: {svc-a: {Port: 59999}}\n");
    b->client = edge_client_create();
}

void bench_close(struct bench *b)
{
    edge_host_stop(b->host);
    edge_client_free(b->client);
    scratch_done(&b->dir);
    edge_cond_done(&b->stage.changed);
    edge_mutex_done(&b->stage.lock);
    edge_ctx_done(&b->ctx);
}

enum edge_status bench_try(struct bench *b, struct edge_ctx *ctx)
{
    char *argv[] = {(char *)(uintptr_t) "edgexd", (char *)(uintptr_t) "-cd", b->dir.path,
                    (char *)(uintptr_t) "--data", b->dir.path};
    return edge_host_start(ctx, b->list, 2, 5, argv, &b->host);
}

void bench_start(struct bench *b)
{
    enum edge_status st = bench_try(b, &b->ctx);
    if (st != EDGE_OK) {
        printf("\n    %s", edge_ctx_message(&b->ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

int bench_ask(struct bench *b, struct edge_ctx *ctx, uint16_t port, const char *method,
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

uint16_t bench_port(const struct bench *b, const char *service)
{
    return edge_http_port(edge_host_runtime(b->host, service)->http);
}

void bench_expect_at(struct bench *b, uint16_t port, const char *method, const char *target,
                     const char *body, int code, const char *part)
{
    EDGE_CTX_SCOPE(ctx);
    const char *got;
    int got_code = bench_ask(b, &ctx, port, method, target, body, &got);
    bool same = got_code == code && strstr(got, part) != NULL;
    if (!same) {
        printf("\n    %s %s: got %d %s, expected %d %s", method, target, got_code, got, code, part);
    }
    CU_ASSERT(same);
}

void bench_expect(struct bench *b, const char *service, const char *method, const char *target,
                  const char *body, int code, const char *part)
{
    bench_expect_at(b, bench_port(b, service), method, target, body, code, part);
}

bool bench_wait(struct stage *s, const unsigned *count, unsigned n)
{
    int64_t deadline = edge_now_mono_ms() + PATIENCE_MS;
    EDGE_LOCK(&s->lock);
    while (*count < n && edge_now_mono_ms() < deadline) {
        edge_cond_wait_until(&s->changed, &s->lock, deadline);
    }
    return *count >= n;
}

void bench_expect_journal(struct bench *b, const char *text)
{
    EDGE_LOCK(&b->stage.lock);
    if (strcmp(b->stage.journal, text) != 0) {
        printf("\n    got '%s', expected '%s'", b->stage.journal, text);
    }
    CU_ASSERT_STRING_EQUAL(b->stage.journal, text);
}

int64_t bench_speed(struct bench *b)
{
    const struct writable *w = edge_runtime_writable(edge_host_runtime(b->host, "svc-a"));
    return w->speed;
}
