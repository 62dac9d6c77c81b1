/*
 * Events through an application service that is killed again and again while they come and while its peer is away at
 * times: each one the broker took is at the receiver, in order, some of them more than once.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "bus_text.h"
#include "edge/arena.h"
#include "edge/bus.h"
#include "edge/clock.h"
#include "edge/http.h"
#include "edge/mqtt.h"
#include "edge/route.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "http_probe.h"
#include "long_run.h"
#include "ports.h"
#include "scratch.h"
#include "suites.h"
#include "wait.h"

enum {
    PATIENCE = 60 * 1000,
    LONG_KILLS = 1000,
    SHORT_KILLS = 20,
    LONG_RESTARTS = 100,
    SHORT_RESTARTS = 4,
    PER_ROUND = 200,
    AWAY_EVERY = 5,
};

/* ---- the receiver ----------------------------------------------------------------------------- */

struct receiver {
    struct edge_mutex lock;
    uint8_t *seen EDGE_GUARDED;
    size_t cap;
    int64_t last EDGE_GUARDED; /* the highest number so far */
    uint64_t n EDGE_GUARDED, again EDGE_GUARDED, disorder EDGE_GUARDED;
    atomic_bool away;
};

/* The number of an event is its origin. False: it is none of ours. */
static bool note(struct receiver *r, const cJSON *event)
{
    int64_t number = -1;
    (void)edge_json_int(edge_json_member(event, "origin", true), &number);
    EDGE_LOCK(&r->lock);
    if (number < 1 || (size_t)number >= r->cap) {
        return false;
    }
    if (r->seen[number]++ > 0) {
        r->again++;
        return true;
    }
    r->n++;
    r->disorder += number < r->last;
    r->last = number > r->last ? number : r->last;
    return true;
}

static enum edge_status receive(struct edge_call *call)
{
    struct receiver *r = edge_call_state(call);
    const cJSON *event = NULL;
    if (atomic_load(&r->away)) {
        return edge_fail(edge_call_ctx(call), EDGE_UNAVAILABLE, "away");
    }
    EDGE_TRY(edge_call_json(call, &event));
    return note(r, event) ? EDGE_OK
                          : edge_fail(edge_call_ctx(call), EDGE_INVALID, "not one of ours");
}

static const struct edge_route routes[] = {
    {"POST", "/events", receive, "An event.", .request = {EDGE_B_ANY}, .answer = {EDGE_B_EMPTY}},
};

static void receiver_make(struct receiver *r, size_t most)
{
    *r = (struct receiver){.cap = most + 1};
    r->seen = edge_xalloc(most + 1, 1);
    edge_mutex_init(&r->lock);
}

static struct edge_http *receiver_open(struct receiver *r, size_t most)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http *http = NULL;
    receiver_make(r, most);
    const struct edge_http_config config = {
        .service = "receiver", .routes = EDGE_TABLE(routes), .state = r};
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &http), EDGE_OK);
    return http;
}

static void hear(void *state, const struct edge_mqtt_message *m)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *event = NULL;
    if (edge_json_parse(&ctx, m->payload, m->size, NULL, &event) == EDGE_OK) {
        (void)note(state, event);
    }
}

/* A client of a broker that keeps its session. */
static struct edge_mqtt *sink_open(struct receiver *r, size_t most, uint16_t broker)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt *sink = NULL;
    receiver_make(r, most);
    const struct edge_mqtt_config config = {.protocol = "tcp",
                                            .host = "127.0.0.1",
                                            .port = broker,
                                            .client_id = "sink",
                                            .session_s = 3600,
                                            .retry_first_ms = 20,
                                            .retry_last_ms = 100,
                                            .state = r,
                                            .received = hear};
    CU_ASSERT_EQUAL_FATAL(edge_mqtt_open(&ctx, &config, &sink), EDGE_OK);
    edge_mqtt_subscribe(sink, "export", 1);
    CU_ASSERT_FATAL(edge_mqtt_wait_connected(sink, edge_now_mono_ms() + PATIENCE));
    return sink;
}

/* ---- the service ------------------------------------------------------------------------------ */

struct app {
    struct scratch dir;
    struct edge_arena arena;
    const char *program, *config, *data, *log;
    pid_t pid;
    uint16_t port;
};

static void app_write(struct app *a, const char *text)
{
    const char *path = edge_printf(&a->arena, "%s/configuration.yaml", a->dir.path);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static void app_prepare(struct app *a, const char *program)
{
    *a = (struct app){0};
    scratch_make(&a->dir);
    a->port = test_port();
    a->program = edge_printf(&a->arena, "%s/%s", getenv("EDGE_BIN_DIR"), program);
    a->data = edge_printf(&a->arena, "%s/data", a->dir.path);
    a->log = edge_printf(&a->arena, "%s/log", a->dir.path);
}

/* @p function and its parameters: who it hands on to. */
static void app_make(struct app *a, uint16_t broker, const char *function, const char *parameters)
{
    app_prepare(a, "app-service-configurable");
    app_write(
        a,
        edge_printf(
            &a->arena,
            "Writable:\n"
            "  LogLevel: WARN\n"
            "  Pipeline:\n"
            "    ExecutionOrder: %s\n"
            "    Functions:\n"
            "      %s: {Parameters: {%s}}\n"
            "Service: {Port: %u}\n"
            "MessageBus: {Protocol: tcp, Host: 127.0.0.1, Port: %u, Optional: {ClientId: app-test}}\n"
            "Trigger: {SubscribeTopics: events/#}\n",
            function, function, parameters, a->port, broker));
}

static void app_start(struct app *a)
{
    a->pid = fork();
    CU_ASSERT_FATAL(a->pid >= 0);
    if (a->pid == 0) {
        int fd = open(a->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDERR_FILENO);
        dup2(fd, STDOUT_FILENO);
        execl(a->program, a->program, "-cd", a->dir.path, "--data", a->data, (char *)NULL);
        _exit(127);
    }
}

static bool is_heard(void *arg)
{
    const struct app *a = arg;
    EDGE_CTX_SCOPE(ctx);
    struct http_answer answer;
    http_probe_ask(&ctx.arena, a->port, "GET", "/api/v3/ping", "", NULL, &answer);
    return answer.code == 200;
}

static void app_kill(struct app *a)
{
    kill(a->pid, SIGKILL);
    waitpid(a->pid, NULL, 0);
}

static void app_done(struct app *a)
{
    int status = -1;
    kill(a->pid, SIGTERM);
    waitpid(a->pid, &status, 0);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    edge_arena_done(&a->arena);
    scratch_done(&a->dir);
}

/* ---- kinds of it ------------------------------------------------------------------------------ */

static void configurable_start(struct app *a, uint16_t broker, uint16_t receiver)
{
    EDGE_CTX_SCOPE(ctx);
    app_make(a, broker, "HTTPExport",
             edge_printf(&ctx.arena,
                         "Method: post, Url: \"http://127.0.0.1:%u/events\", MimeType: \"\"",
                         receiver));
    app_start(a);
}

/* Registered in a life before: it listens as soon as it is heard. */
static void client_start(struct app *a, uint16_t broker, uint16_t receiver)
{
    struct http_answer answer;
    app_prepare(a, "export-client");
    app_write(a, edge_printf(&a->arena,
                             "Writable: {LogLevel: WARN}\n"
                             "Service: {Port: %u}\n"
                             "Distro: {Port: 0}\n"
                             "MessageBus: {Protocol: tcp, Host: 127.0.0.1, Port: %u, Optional: "
                             "{ClientId: client-test}}\n",
                             a->port, broker));
    const char *body = edge_printf(
        &a->arena,
        "{\"name\":\"r\",\"enable\":true,\"format\":\"JSON\",\"destination\":\"REST_ENDPOINT\","
        "\"addressable\":{\"name\":\"a\",\"protocol\":\"HTTP\",\"method\":\"POST\","
        "\"address\":\"127.0.0.1\",\"port\":%u,\"path\":\"/events\"}}",
        receiver);
    app_start(a);
    CU_ASSERT_TRUE_FATAL(wait_until(is_heard, a, PATIENCE));
    http_probe_ask(&a->arena, a->port, "POST", "/api/v1/registration", "", body, &answer);
    CU_ASSERT_EQUAL_FATAL(answer.code, 200);
    app_kill(a);
    app_start(a);
}

/* Each kind of service, and how many nanoseconds of an event's origin are one for its receiver. */
static const struct kind {
    void (*start)(struct app *a, uint16_t broker, uint16_t receiver);
    int64_t unit;
} CONFIGURABLE = {configurable_start, 1}, REGISTRATION = {client_start, 1000000};

/* ---- the source ------------------------------------------------------------------------------- */

static void publish(struct edge_bus *bus, int64_t origin)
{
    EDGE_CTX_SCOPE(ctx);
    char id[EDGE_UUID_SIZE];
    edge_uuid_new(id);
    const char *text = edge_printf(
        &ctx.arena,
        "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":\"%s\",\"deviceName\":\"D\","
        "\"profileName\":\"P\",\"sourceName\":\"S\",\"origin\":%lld,\"readings\":[{\"origin\":%lld,"
        "\"deviceName\":\"D\",\"resourceName\":\"S\",\"profileName\":\"P\",\"valueType\":\"Int8\","
        "\"value\":\"1\"}]}}",
        id, (long long)origin, (long long)origin);
    bus_publish_text(bus, "edgex/events/device/test/P/D/S", text, true);
}

static struct edge_bus *source_open(uint16_t broker)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_bus *bus = NULL;
    const struct edge_bus_config config = {.type = "mqtt",
                                           .service = "source",
                                           .protocol = "tcp",
                                           .host = "127.0.0.1",
                                           .port = broker,
                                           .client_id = "source",
                                           .qos = 1,
                                           .event_qos = 1};
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, &config, &bus), EDGE_OK);
    CU_ASSERT_FATAL(edge_bus_wait_connected(bus, edge_now_mono_ms() + PATIENCE));
    return bus;
}

/* ---- together --------------------------------------------------------------------------------- */

struct goal {
    struct receiver *r;
    uint64_t n;
};

static bool has_received(void *arg)
{
    struct goal *g = arg;
    EDGE_LOCK(&g->r->lock);
    return g->r->n >= g->n;
}

static uint64_t received(struct receiver *r)
{
    EDGE_LOCK(&r->lock);
    return r->n;
}

/* False where nothing has come for PATIENCE. */
static bool receives(struct receiver *r, uint64_t n)
{
    uint64_t so_far;
    while ((so_far = received(r)) < n) {
        struct goal more = {r, so_far + 1};
        if (!wait_until(has_received, &more, PATIENCE)) {
            return false;
        }
    }
    return true;
}

static void print_log(const struct app *a)
{
    FILE *f = fopen(a->log, "r");
    char line[400];
    while (f && fgets(line, sizeof(line), f)) {
        fputs(line, stdout);
    }
    if (f) {
        fclose(f);
    }
}

static void print_missing(const struct receiver *r, int64_t sent)
{
    for (int64_t i = 1, from = 0; i <= sent + 1; i++) {
        bool missing = i <= sent && r->seen[i] == 0;
        if (missing && from == 0) {
            from = i;
        } else if (!missing && from > 0) {
            printf("\n%lld to %lld are missing", (long long)from, (long long)i - 1);
            from = 0;
        }
    }
}

/* Where what is missing is: still waiting, put aside, dropped, or nowhere. */
static void print_queue(const struct app *a)
{
    EDGE_CTX_SCOPE(ctx);
    struct http_answer answer;
    http_probe_ask(&ctx.arena, a->port, "GET", "/api/v3/export/queue", "", NULL, &answer);
    printf("\n%s\n", answer.body ? answer.body : "no answer");
}

static const char PERSISTENT[] =
    "max_queued_messages 0\npersistence true\npersistence_location %s/\n";

static void check(struct receiver *r, const struct app *app, int64_t sent)
{
    bool whole = receives(r, (uint64_t)sent);
    EDGE_LOCK(&r->lock);
    printf("(%lld sent, %llu received, %llu again) ", (long long)sent, (unsigned long long)r->n,
           (unsigned long long)r->again);
    CU_ASSERT(whole);
    CU_ASSERT_EQUAL(r->disorder, 0);
    if (!whole || r->disorder > 0) {
        print_missing(r, sent);
        print_queue(app);
        print_log(app);
    }
}

static void killed_amid_events(const struct kind *kind)
{
    const int kills = long_run_rounds(LONG_KILLS, SHORT_KILLS);
    const int64_t all = (int64_t)(kills + 1) * PER_ROUND;
    struct receiver r;
    struct app app;
    struct broker *broker = broker_start("max_queued_messages 0\n");
    struct edge_http *http = receiver_open(&r, (size_t)all);
    kind->start(&app, broker_port(broker), edge_http_port(http));
    struct edge_bus *bus = source_open(broker_port(broker));
    /* The broker keeps things for it from its first subscription on. */
    CU_ASSERT_TRUE_FATAL(wait_until(is_heard, &app, PATIENCE));
    int64_t number = 1;
    for (int k = 0; k < kills; k++) {
        atomic_store(&r.away, k % AWAY_EVERY == AWAY_EVERY - 1);
        uint64_t before = received(&r);
        for (int i = 0; i < PER_ROUND / 2; i++) {
            publish(bus, kind->unit * number++);
        }
        if (!atomic_load(&r.away) && k % 2 == 0) {
            CU_ASSERT(receives(&r, before + 1)); /* in the midst of it */
        }
        app_kill(&app);
        for (int i = 0; i < PER_ROUND / 2; i++) {
            publish(bus, kind->unit * number++);
        }
        app_start(&app);
        long_run_tell("kills of the application service", k, kills);
    }
    atomic_store(&r.away, false);
    check(&r, &app, number - 1);
    edge_bus_close(bus, 1000);
    app_done(&app);
    edge_http_stop(http, 1000);
    broker_free(broker);
    free(r.seen);
}

static void test_killed_amid_events(void)
{
    killed_amid_events(&CONFIGURABLE);
}

static void test_a_registration_killed_amid_events(void)
{
    killed_amid_events(&REGISTRATION);
}

/* The bus's broker and the peer's in turn, each with what it has on disk. */
static void test_brokers_that_restart(void)
{
    EDGE_CTX_SCOPE(ctx);
    const int restarts = long_run_rounds(LONG_RESTARTS, SHORT_RESTARTS);
    struct receiver r;
    struct app app;
    struct broker *brokers[] = {broker_start(PERSISTENT), broker_start(PERSISTENT)};
    struct edge_mqtt *sink =
        sink_open(&r, (size_t)(restarts + 1) * PER_ROUND, broker_port(brokers[1]));
    app_make(&app, broker_port(brokers[0]), "MQTTExport",
             edge_printf(&ctx.arena,
                         "BrokerAddress: \"tcp://127.0.0.1:%u\", Topic: export, Qos: \"1\", "
                         "ClientId: app-out, AuthMode: none, SecretName: none, "
                         "MaxReconnectInterval: 200ms",
                         broker_port(brokers[1])));
    app_start(&app);
    struct edge_bus *bus = source_open(broker_port(brokers[0]));
    CU_ASSERT_TRUE_FATAL(wait_until(is_heard, &app, PATIENCE));
    int64_t number = 1;
    for (int k = 0; k < restarts; k++) {
        struct broker *one = brokers[k % 2];
        uint64_t before = received(&r);
        for (int i = 0; i < PER_ROUND / 2; i++) {
            publish(bus, number++);
        }
        CU_ASSERT(receives(&r, before + 1)); /* in the midst of it */
        broker_stop(one);
        for (int i = 0; i < PER_ROUND / 2; i++) {
            publish(bus, number++);
        }
        CU_ASSERT_FATAL(broker_restart(one));
        long_run_tell("restarts of brokers", k, restarts);
    }
    check(&r, &app, number - 1);
    edge_bus_close(bus, 1000);
    app_done(&app);
    edge_mqtt_free(sink);
    broker_free(brokers[0]);
    broker_free(brokers[1]);
    free(r.seen);
}

CU_TestInfo export_tests[] = {
    {"killed amid events",                 test_killed_amid_events               },
    {"a registration, killed amid events", test_a_registration_killed_amid_events},
    {"brokers that restart",               test_brokers_that_restart             },
    CU_TEST_INFO_NULL,
};
