/*
 * Two gateways that send their events to each other: what one reads is in the other's database under a name of its own,
 * and nothing goes round for ever.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "bus_text.h"
#include "contracts/event.h"
#include "edge/bus.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "http_probe.h"
#include "platform.h"
#include "ports.h"
#include "suites.h"

enum { EVENTS = 20 };

/* ---- an application service with one BusExport ---- */

struct app {
    struct scratch dir;
    uint16_t port;
    pid_t pid;
};

static void app_start(struct app *a, const char *gateway, uint16_t here, uint16_t there,
                      const char *prefix)
{
    EDGE_CTX_SCOPE(ctx);
    scratch_make(&a->dir);
    a->port = test_port();
    const char *file = edge_printf(&ctx.arena, "%s/configuration.yaml", a->dir.path);
    FILE *f = fopen(file, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f,
            "Writable:\n"
            "  LogLevel: WARN\n"
            "  Pipeline:\n"
            "    ExecutionOrder: BusExport\n"
            "    Functions:\n"
            "      BusExport:\n"
            "        Parameters: {BrokerAddress: \"tcp://127.0.0.1:%u\", Gateway: %s,"
            " ClientId: from-%s, NamePrefix: \"%s\"}\n"
            "Service: {Port: %u}\n"
            "MessageBus: {Protocol: tcp, Host: 127.0.0.1, Port: %u, Optional: {ClientId: app-%s}}\n"
            "Trigger: {SubscribeTopics: events/#}\n",
            there, gateway, gateway, prefix, a->port, here, gateway);
    fclose(f);
    const char *program =
        edge_printf(&ctx.arena, "%s/app-service-configurable", getenv("EDGE_BIN_DIR"));
    const char *log = edge_printf(&ctx.arena, "%s/log", a->dir.path);
    const char *data = edge_printf(&ctx.arena, "%s/data", a->dir.path);
    const char *key = edge_printf(&ctx.arena, "app-of-%s", gateway);
    fflush(stdout);
    a->pid = fork();
    CU_ASSERT_FATAL(a->pid >= 0);
    if (a->pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDERR_FILENO);
        dup2(fd, STDOUT_FILENO);
        execl(program, program, "-cd", a->dir.path, "--data", data, "-sk", key, (char *)NULL);
        _exit(127);
    }
}

static bool app_answers(void *arg)
{
    const struct app *a = arg;
    EDGE_CTX_SCOPE(ctx);
    struct http_answer answer;
    http_probe_ask(&ctx.arena, a->port, "GET", "/api/v3/ping", "", NULL, &answer);
    return answer.code == 200;
}

static void app_done(struct app *a)
{
    kill(a->pid, SIGTERM);
    waitpid(a->pid, NULL, 0);
    scratch_done(&a->dir);
}

/* ---- who listens on a bus, and speaks there ---- */

struct ear {
    struct edge_bus *bus;
    struct edge_mutex lock;
    unsigned plain EDGE_GUARDED, named EDGE_GUARDED; /* of Pump, of south.Pump */
    int64_t last EDGE_GUARDED;                       /* the origin of the newest south.Pump */
};

static enum edge_status heard(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct ear *e = state;
    const void *request;
    EDGE_TRY(edge_message_decode(ctx, m, &ADD_EVENT_REQUEST, &request));
    const struct event *event = &((const struct add_event_request *)request)->event;
    EDGE_LOCK(&e->lock);
    if (strcmp(event->device_name, "Pump") == 0) {
        e->plain++;
    } else if (strcmp(event->device_name, "south.Pump") == 0) {
        e->named++;
        e->last = event->origin;
    }
    return EDGE_OK;
}

static void ear_open(struct ear *e, uint16_t port)
{
    EDGE_CTX_SCOPE(ctx);
    *e = (struct ear){0};
    edge_mutex_init(&e->lock);
    const struct edge_bus_config config = {.type = "mqtt",
                                           .service = "ear",
                                           .protocol = "tcp",
                                           .host = "127.0.0.1",
                                           .port = port,
                                           .client_id = "ear",
                                           .event_qos = 1};
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, &config, &e->bus), EDGE_OK);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, e->bus, "edgex/events/#", heard, e, EDGE_SUB_EVENTS),
                    EDGE_OK);
    CU_ASSERT_FATAL(edge_bus_wait_connected(e->bus, edge_now_mono_ms() + PATIENCE_MS));
}

static void ear_close(struct ear *e)
{
    edge_bus_close(e->bus, 1000);
    edge_mutex_done(&e->lock);
}

static void publish(struct ear *e, int64_t origin)
{
    EDGE_CTX_SCOPE(ctx);
    char id[EDGE_UUID_SIZE];
    edge_uuid_new(id);
    const char *text = edge_printf(
        &ctx.arena,
        "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":\"%s\",\"deviceName\":\"Pump\","
        "\"profileName\":\"P\",\"sourceName\":\"T\",\"origin\":%lld,\"readings\":[{\"origin\":%lld,"
        "\"deviceName\":\"Pump\",\"resourceName\":\"T\",\"profileName\":\"P\",\"valueType\":\"Int8\","
        "\"value\":\"1\"}]}}",
        id, (long long)origin, (long long)origin);
    bus_publish_text(e->bus, "edgex/events/device/device-pump/P/Pump/T", text, true);
}

struct wanted {
    struct ear *ear;
    int64_t origin;
};
static bool has_come(void *arg)
{
    struct wanted *w = arg;
    EDGE_LOCK(&w->ear->lock);
    return w->ear->last == w->origin;
}
static bool comes(struct ear *e, int64_t origin)
{
    struct wanted w = {e, origin};
    return wait_until(has_come, &w, PATIENCE_MS);
}

static bool is_stored(void *arg)
{
    const struct platform *p = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    int code =
        call(&ctx, p, DATA, "GET", "/api/v3/event/count/device/name/south.Pump", NULL, &body);
    return code == 200 && int_at(body, "count") == EVENTS + 1;
}

static void test_events_go_to_the_other_gateway_and_no_further(void)
{
    struct broker *south = broker_start(NULL);
    struct ear at_south, at_north;
    struct app to_north, to_south;
    PLATFORM(north, SHAPE_SPLIT);
    ear_open(&at_south, broker_port(south));
    ear_open(&at_north, north.broker_port);
    app_start(&to_north, "south", broker_port(south), north.broker_port, "{gw}.");
    app_start(&to_south, "north", north.broker_port, broker_port(south), "{gw}.");
    CU_ASSERT_FATAL(wait_until(app_answers, &to_north, PATIENCE_MS));
    CU_ASSERT_FATAL(wait_until(app_answers, &to_south, PATIENCE_MS));
    for (int i = 1; i <= EVENTS; i++) {
        publish(&at_south, 1700000000000000000 + i);
    }
    /* Everything is in order: when the last one is back, all are. */
    CU_ASSERT(comes(&at_north, 1700000000000000000 + EVENTS));
    CU_ASSERT(comes(&at_south, 1700000000000000000 + EVENTS));
    /* And what would go round again would be in front of this one. */
    publish(&at_south, 1700000000000000000 + EVENTS + 1);
    CU_ASSERT(comes(&at_north, 1700000000000000000 + EVENTS + 1));
    CU_ASSERT(wait_until(is_stored, &north, PATIENCE_MS));
    {
        EDGE_LOCK(&at_north.lock);
        CU_ASSERT_EQUAL(at_north.named, EVENTS + 1);
        CU_ASSERT_EQUAL(at_north.plain, 0);
    }
    {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *body = expect(&ctx, &north, DATA, "GET",
                                   "/api/v3/event/device/name/south.Pump?limit=1", NULL, 200);
        CU_ASSERT_STRING_EQUAL(text_at(body, "events.0.profileName"), "south.P");
        CU_ASSERT_STRING_EQUAL(text_at(body, "events.0.tags.origin-gw"), "south");
        CU_ASSERT_EQUAL(int_at(body, "events.0.tags.hops"), 1);
        CU_ASSERT_STRING_EQUAL(text_at(body, "events.0.readings.0.deviceName"), "south.Pump");
    }
    app_done(&to_north);
    app_done(&to_south);
    ear_close(&at_south);
    ear_close(&at_north);
    broker_free(south);
}

CU_TestInfo gateways_tests[] = {
    {"events go to the other gateway and no further",
     test_events_go_to_the_other_gateway_and_no_further},
    CU_TEST_INFO_NULL,
};
