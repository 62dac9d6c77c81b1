/* The application service as a whole: what its trigger answers, what the bus brings, what a configuration may change. */
#include <string.h>

#include "app.h"
#include "app_service_configurable.h"
#include "broker.h"
#include "contracts/event.h"
#include "edge/clock.h"
#include "edge/mqtt.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "service_rig.h"
#include "suites.h"
#include "tcp_peer.h"
#include "wait.h"

enum { SOON_MS = 20000 };

#define EVENT_OF(device)                                                                           \
    "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\","                                     \
    "\"id\":\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\",\"deviceName\":\"" device "\","               \
    "\"profileName\":\"P\",\"sourceName\":\"S\",\"origin\":1602168089665565200,\"readings\":["     \
    "{\"origin\":1602168089665565200,\"deviceName\":\"" device "\",\"resourceName\":\"R\","        \
    "\"profileName\":\"P\",\"valueType\":\"Int8\",\"value\":\"1\"}]}}"

static const char transformer[] =
    "Writable:\n"
    "  Pipeline:\n"
    "    ExecutionOrder: FilterByDeviceName, Transform, SetResponseData\n"
    "    Functions:\n"
    "      FilterByDeviceName: {Parameters: {DeviceNames: Pump}}\n"
    "      Transform: {Parameters: {Type: xml}}\n"
    "      SetResponseData: {Parameters: {ResponseContentType: \"\"}}\n"
    "      JSONLogic: {Parameters: {Rule: \"not even JSON\"}}\n"
    "Trigger: {Type: http}\n";

static const char *ask(struct edge_ctx *ctx, struct service_rig *r, const char *target,
                       const char *body, int code, const char **ret_type)
{
    struct edge_http_response answer;
    const struct edge_http_request request = {
        .method = "POST", .target = target, .body = body, .body_size = strlen(body)};
    edge_http_call(r->rt->http, ctx, &request, &answer);
    if (answer.code != code) {
        printf("(%s: %d %s) ", target, answer.code, answer.body);
    }
    CU_ASSERT_EQUAL(answer.code, code);
    if (ret_type) {
        *ret_type = answer.content_type;
    }
    return answer.body;
}

static void test_the_trigger_answers_what_comes_out(void)
{
    SERVICE_RIG(r, &app_service_configurable, transformer);
    EDGE_CTX_SCOPE(ctx);
    const char *type = NULL;
    const char *body = ask(&ctx, &r, "/api/v3/trigger", EVENT_OF("Pump"), 200, &type);
    CU_ASSERT_EQUAL(strncmp(body, "<Event><ApiVersion>v3</ApiVersion>", 34), 0);
    CU_ASSERT_STRING_EQUAL(type, "application/xml");
    CU_ASSERT_STRING_EQUAL(ask(&ctx, &r, "/api/v3/trigger", EVENT_OF("Fan"), 200, NULL), "");
    ask(&ctx, &r, "/api/v3/trigger", "{\"neither\":1}", 400, NULL);
    ask(&ctx, &r, "/api/v3/trigger", "{", 400, NULL);
    ask(&ctx, &r, "/api/v3/trigger", "", 400, NULL);
}

static void test_each_function_is_shown(void)
{
    SERVICE_RIG(r, &app_service_configurable, transformer);
    EDGE_CTX_SCOPE(ctx);
    const char *body =
        ask(&ctx, &r, "/api/v3/export/pipeline/default-pipeline/test", EVENT_OF("Pump"), 200, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        body, "{\"function\":\"FilterByDeviceName\",\"verdict\":\"goes on\",\"kind\":\"event\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(body, "\"function\":\"SetResponseData\""));
    body =
        ask(&ctx, &r, "/api/v3/export/pipeline/default-pipeline/test", EVENT_OF("Fan"), 200, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(body, "\"verdict\":\"stops\""));
    CU_ASSERT_PTR_NULL(strstr(body, "Transform"));
    ask(&ctx, &r, "/api/v3/export/pipeline/other/test", EVENT_OF("Fan"), 404, NULL);
}

/* ---- to a peer ------------------------------------------------------------------------------- */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ndone"
#define NO_ANSWER "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
#define NEVER     "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad"

static const char *exporter(struct edge_arena *a, const struct tcp_peer *peer, const char *trigger,
                            const char *more)
{
    return edge_printf(a,
                       "Writable:\n"
                       "  Pipeline:\n"
                       "    ExecutionOrder: HTTPExport, SetResponseData\n"
                       "    Functions:\n"
                       "      SetResponseData: {Parameters: {ResponseContentType: \"\"}}\n"
                       "      HTTPExport:\n"
                       "        Parameters:\n"
                       "          Method: post\n"
                       "          Url: %s/{deviceName}\n"
                       "          MimeType: \"\"\n"
                       "%s"
                       "Trigger: {Type: %s}\n",
                       tcp_peer_url(peer), more, trigger);
}

static void test_what_the_peer_answers_goes_on(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct peer_step script[] = {
        {PEER_ANSWER, OK_ANSWER}
    };
    struct tcp_peer *peer = tcp_peer_start(script, 1);
    {
        SERVICE_RIG(r, &app_service_configurable, exporter(&ctx.arena, peer, "http", ""));
        CU_ASSERT_STRING_EQUAL(ask(&ctx, &r, "/api/v3/trigger", EVENT_OF("Pump"), 200, NULL),
                               "done");
        CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(peer), "POST /Pump HTTP/1.1\r\n"));
        CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(peer), "Idempotency-Key: "));
    }
    tcp_peer_free(peer);
}

static bool is_empty(void *arg)
{
    struct service_rig *r = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = service_rig_ask(
        &ctx, r, "GET", "/api/v3/export/queue/default-pipeline.HTTPExport", NULL, 200);
    const cJSON *queue = edge_json_member(body, "queue", true);
    return edge_json_member(queue, "depth", true)->valueint == 0;
}

static void test_a_peer_that_is_not_there_is_tried_again(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct peer_step script[] = {
        {PEER_ANSWER, NO_ANSWER},
        {PEER_ANSWER, OK_ANSWER}
    };
    struct tcp_peer *peer = tcp_peer_start(script, 2);
    {
        SERVICE_RIG(r, &app_service_configurable, exporter(&ctx.arena, peer, "http", ""));
        const char *body = ask(&ctx, &r, "/api/v3/trigger", EVENT_OF("Pump"), 422, NULL);
        CU_ASSERT_PTR_NOT_NULL(strstr(body, "it is kept and tried again"));
        CU_ASSERT(tcp_peer_wait_for(peer, 2));
        CU_ASSERT(wait_until(is_empty, &r, SOON_MS));
    }
    tcp_peer_free(peer);
}

static void test_what_it_never_takes_is_set_aside(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct peer_step script[] = {
        {PEER_ANSWER, NEVER    },
        {PEER_ANSWER, OK_ANSWER}
    };
    struct tcp_peer *peer = tcp_peer_start(script, 2);
    {
        static const char queue[] = "/api/v3/export/queue/default-pipeline.HTTPExport";
        SERVICE_RIG(r, &app_service_configurable, exporter(&ctx.arena, peer, "http", ""));
        ask(&ctx, &r, "/api/v3/trigger", EVENT_OF("Pump"), 422, NULL);
        CU_ASSERT(wait_until(is_empty, &r, SOON_MS));
        const cJSON *list = service_rig_ask(
            &ctx, &r, "GET", edge_printf(&ctx.arena, "%s/quarantine", queue), NULL, 200);
        const cJSON *messages = edge_json_member(list, "messages", true);
        CU_ASSERT_EQUAL_FATAL(cJSON_GetArraySize(messages), 1);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(edge_json_member(messages->child, "reason", true)->valuestring, "400"));
        service_rig_ask(&ctx, &r, "POST", edge_printf(&ctx.arena, "%s/quarantine/replay", queue),
                        "", 200);
        CU_ASSERT(tcp_peer_wait_for(peer, 2));
        CU_ASSERT(wait_until(is_empty, &r, SOON_MS));
        list = service_rig_ask(&ctx, &r, "GET", edge_printf(&ctx.arena, "%s/quarantine", queue),
                               NULL, 200);
        CU_ASSERT_EQUAL(cJSON_GetArraySize(edge_json_member(list, "messages", true)), 0);
        service_rig_ask(&ctx, &r, "POST", edge_printf(&ctx.arena, "%s/dance", queue), "", 404);
        service_rig_ask(&ctx, &r, "GET", "/api/v3/export/queue/nobody", NULL, 404);
    }
    tcp_peer_free(peer);
}

/* ---- from the bus ----------------------------------------------------------------------------- */

static void say(struct service_rig *r, const char *topic, const char *json)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    struct edge_message *m = edge_message_create(0);
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, json, strlen(json), NULL, &tree), EDGE_OK);
    edge_message_topic(m, "edgex/%s", topic);
    m->json = edge_json_clone(edge_message_arena(m), tree);
    m->content_type = "application/json";
    CU_ASSERT_EQUAL(edge_bus_publish(&ctx, r->rt->bus, m), EDGE_OK);
    edge_message_unref(m);
}

static void test_kept_over_a_restart(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct peer_step script[] = {
        {PEER_ANSWER, OK_ANSWER}
    };
    struct tcp_peer *peer = tcp_peer_create(script, 1); /* refuses */
    {
        static const char queue[] = "/api/v3/export/queue/default-pipeline.HTTPExport";
        SERVICE_RIG(r, &app_service_configurable,
                    exporter(&ctx.arena, peer, "edgex-messagebus", ""));
        for (int i = 0; i < 5; i++) {
            say(&r, "events/device/svc/P/Pump/S", EVENT_OF("Pump"));
        }
        service_rig_stop(&r);
        CU_ASSERT_EQUAL_FATAL(service_rig_start(&ctx, &r, NULL), EDGE_OK);
        const cJSON *body = service_rig_ask(&ctx, &r, "GET", queue, NULL, 200);
        CU_ASSERT_EQUAL(
            edge_json_member(edge_json_member(body, "queue", true), "depth", true)->valueint, 5);
        tcp_peer_listen(peer);
        service_rig_ask(&ctx, &r, "POST", edge_printf(&ctx.arena, "%s/flush", queue), "", 200);
        CU_ASSERT(tcp_peer_wait_for(peer, 5));
        CU_ASSERT(wait_until(is_empty, &r, SOON_MS));
    }
    tcp_peer_free(peer);
}

/* ---- from a broker outside ---------------------------------------------------------------------- */

struct outside {
    struct edge_mutex lock;
    char topic[100] EDGE_GUARDED, payload[100] EDGE_GUARDED;
};

static void outside_hears(void *state, const struct edge_mqtt_message *m)
{
    struct outside *o = state;
    EDGE_LOCK(&o->lock);
    snprintf(o->topic, sizeof(o->topic), "%s", m->topic);
    snprintf(o->payload, sizeof(o->payload), "%.*s", (int)m->size, (const char *)m->payload);
}

static bool outside_heard(void *arg)
{
    struct outside *o = arg;
    EDGE_LOCK(&o->lock);
    return o->topic[0] != '\0';
}

static void test_a_broker_outside(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct broker *broker = broker_start(NULL);
    struct outside o = {0};
    struct edge_mqtt *client = NULL;
    edge_mutex_init(&o.lock);
    const struct edge_mqtt_config config = {.protocol = "tcp",
                                            .host = "127.0.0.1",
                                            .port = broker_port(broker),
                                            .client_id = "outside",
                                            .state = &o,
                                            .received = outside_hears};
    CU_ASSERT_EQUAL_FATAL(edge_mqtt_open(&ctx, &config, &client), EDGE_OK);
    edge_mqtt_subscribe(client, "answers/#", 1);
    {
        SERVICE_RIG(
            r, &app_service_configurable,
            edge_printf(
                &ctx.arena,
                "Writable:\n"
                "  Pipeline:\n"
                "    TargetType: raw\n"
                "    ExecutionOrder: Script, SetResponseData\n"
                "    Functions:\n"
                "      Script: {Parameters: {Script: \"function process(t) return t:upper() end\"}}\n"
                "      SetResponseData: {Parameters: {ResponseContentType: text/plain}}\n"
                "Trigger:\n"
                "  Type: external-mqtt\n"
                "  SubscribeTopics: questions/#\n"
                "  PublishTopic: \"answers/{receivedtopic}\"\n"
                "  ExternalMqtt: {Url: \"tcp://127.0.0.1:%u\", ClientId: inside, QoS: 1}\n",
                broker_port(broker)));
        CU_ASSERT(edge_mqtt_wait_connected(client, edge_now_mono_ms() + SOON_MS));
        const struct edge_mqtt_message m = {
            .topic = "questions/a", .payload = "how much?", .size = 9, .qos = 1};
        bool answered = false;
        for (int i = 0; i < 100 && !answered; i++) { /* it may not have subscribed yet */
            CU_ASSERT_EQUAL(edge_mqtt_publish(&ctx, client, &m, &(struct edge_mqtt_delivery){0}),
                            EDGE_OK);
            answered = wait_until(outside_heard, &o, 200);
        }
        CU_ASSERT(answered);
        EDGE_LOCK(&o.lock);
        CU_ASSERT_STRING_EQUAL(o.topic, "answers/questions/a");
        CU_ASSERT_STRING_EQUAL(o.payload, "HOW MUCH?");
    }
    edge_mqtt_free(client);
    edge_mutex_done(&o.lock);
    broker_free(broker);
}

/* ---- configuration ---------------------------------------------------------------------------- */

static void test_a_wrong_pipeline_leaves_the_others_alone(void)
{
    SERVICE_RIG(r, &app_service_configurable,
                "Writable:\n"
                "  Pipeline:\n"
                "    ExecutionOrder: Transform, NoSuch\n"
                "    PerTopicPipelines:\n"
                "      a: {Id: good, Topics: events/#, ExecutionOrder: TransformJson}\n"
                "      b: {Id: bad, Topics: events/#, ExecutionOrder: TransformNone}\n"
                "    Functions:\n"
                "      Transform: {Parameters: {Type: xml}}\n"
                "      TransformJson: {Parameters: {Type: json}}\n"
                "      TransformNone: {Parameters: {Type: yaml}}\n");
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = service_rig_ask(&ctx, &r, "GET", "/api/v3/export/pipeline", NULL, 200);
    const cJSON *list = edge_json_member(body, "pipelines", true);
    CU_ASSERT_EQUAL_FATAL(cJSON_GetArraySize(list), 1);
    CU_ASSERT_STRING_EQUAL(list->child->valuestring, "good");
}

static void rewrite(const struct service_rig *r, const char *yaml)
{
    char path[128], temporary[140];
    snprintf(path, sizeof(path), "%s/configuration.yaml", r->dir.path);
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    FILE *f = fopen(temporary, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("Service:\n  Port: 0\nMessageBus:\n  Type: memory\n", f);
    fputs(yaml, f);
    fclose(f);
    CU_ASSERT_EQUAL(rename(temporary, path), 0);
}

struct wanted {
    struct service_rig *r;
    const char *beginning; /* of the trigger's answer */
};

static bool answers_so(void *arg)
{
    const struct wanted *w = arg;
    EDGE_CTX_SCOPE(ctx);
    const char *body = ask(&ctx, w->r, "/api/v3/trigger", EVENT_OF("Pump"), 200, NULL);
    return strncmp(body, w->beginning, strlen(w->beginning)) == 0;
}

static bool runs(struct edge_ctx *ctx, struct service_rig *r, const char *pipeline)
{
    const cJSON *body = service_rig_ask(ctx, r, "GET", "/api/v3/export/pipeline", NULL, 200), *id;
    cJSON_ArrayForEach(id, edge_json_member(body, "pipelines", true))
    {
        if (strcmp(id->valuestring, pipeline) == 0) {
            return true;
        }
    }
    return false;
}

static bool runs_second(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    return runs(&ctx, arg, "second");
}

#define TRANSFORM_AS(order, type, more)                                                            \
    "Writable:\n"                                                                                  \
    "  LogLevel: TRACE\n"                                                                          \
    "  Pipeline:\n"                                                                                \
    "    ExecutionOrder: " order "\n"                                                              \
    "    Functions:\n"                                                                             \
    "      Transform: {Parameters: {Type: " type "}}\n"                                            \
    "      SetResponseData: {Parameters: {ResponseContentType: \"\"}}\n" more                      \
    "Trigger: {Type: http}\n"

/* While it runs: a good change is taken up, a bad one leaves the pipeline as it was and takes up the rest. */
static void test_a_changed_configuration(void)
{
    SERVICE_RIG(r, &app_service_configurable,
                TRANSFORM_AS("Transform, SetResponseData", "xml", ""));
    EDGE_CTX_SCOPE(ctx);
    struct wanted xml = {&r, "<Event>"}, json = {&r, "{"};
    CU_ASSERT(answers_so(&xml));
    rewrite(&r, TRANSFORM_AS("Transform, SetResponseData", "json", ""));
    CU_ASSERT(wait_until(answers_so, &json, SOON_MS));
    rewrite(&r,
            TRANSFORM_AS(
                "Transform, SetResponseData", "yaml",
                "    PerTopicPipelines:\n"
                "      a: {Id: second, Topics: \"events/#\", ExecutionOrder: SetResponseData}\n"));
    CU_ASSERT(wait_until(runs_second, &r, SOON_MS));
    CU_ASSERT(runs(&ctx, &r, "default-pipeline"));
    CU_ASSERT(answers_so(&json));
    rewrite(&r, TRANSFORM_AS("Transform, SetResponseData", "xml", ""));
    CU_ASSERT(wait_until(answers_so, &xml, SOON_MS));
    CU_ASSERT_FALSE(runs(&ctx, &r, "second"));
}

static bool peer_has_one(void *arg)
{
    return tcp_peer_requests(arg) > 0;
}

/* Without a pipeline nothing is asked for; the first one that comes is heard. */
static void test_the_first_pipeline_comes_later(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct peer_step script[] = {
        {PEER_ANSWER, OK_ANSWER}
    };
    struct tcp_peer *peer = tcp_peer_start(script, 1);
    {
        SERVICE_RIG(r, &app_service_configurable, "Trigger: {Type: edgex-messagebus}\n");
        CU_ASSERT_FALSE(edge_bus_wanted(r.rt->bus, "edgex/events/device/svc/P/Pump/S"));
        rewrite(&r, exporter(&ctx.arena, peer, "edgex-messagebus", ""));
        bool came = false;
        for (int i = 0; i < 100 && !came; i++) {
            say(&r, "events/device/svc/P/Pump/S", EVENT_OF("Pump"));
            came = wait_until(peer_has_one, peer, 200);
        }
        CU_ASSERT(came);
    }
    tcp_peer_free(peer);
}

static int64_t expired(struct service_rig *r)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = service_rig_ask(
        &ctx, r, "GET", "/api/v3/export/queue/default-pipeline.HTTPExport", NULL, 200);
    const cJSON *dropped = edge_json_member(edge_json_member(body, "queue", true), "dropped", true);
    const cJSON *n = edge_json_member(dropped, "expired", true);
    return n ? n->valueint : 0;
}

static bool has_expired(void *arg)
{
    return expired(arg) > 0;
}

/* The event is of 2020. */
static void test_what_is_of_no_use_any_more(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct peer_step script[] = {
        {PEER_ANSWER, OK_ANSWER}
    };
    struct tcp_peer *peer = tcp_peer_start(script, 1);
    {
        SERVICE_RIG(r, &app_service_configurable,
                    exporter(&ctx.arena, peer, "edgex-messagebus", "          queuettl: 1h\n"));
        say(&r, "events/device/svc/P/Pump/S", EVENT_OF("Pump"));
        CU_ASSERT(wait_until(has_expired, &r, SOON_MS));
        CU_ASSERT_EQUAL(tcp_peer_requests(peer), 0);
    }
    {
        SERVICE_RIG(r, &app_service_configurable,
                    exporter(&ctx.arena, peer, "http", "          QueueOrder: newest\n"));
        const cJSON *body = service_rig_ask(&ctx, &r, "GET", "/api/v3/export/pipeline", NULL, 200);
        CU_ASSERT_EQUAL(cJSON_GetArraySize(edge_json_member(body, "pipelines", true)), 0);
    }
    tcp_peer_free(peer);
}

static void test_commands_go_through_core_command(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER,
         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
         "{\"event\":{}}"                                                 },
        {PEER_ANSWER, "HTTP/1.1 423 Locked\r\nContent-Length: 2\r\n\r\n{}"},
    };
    struct tcp_peer *peer = tcp_peer_start(script, 2);
    {
        EDGE_CTX_SCOPE(ctx);
        const char *port = strrchr(tcp_peer_url(peer), ':') + 1, *body;
        SERVICE_RIG(r, &app_service_configurable,
                    edge_printf(&ctx.arena,
                                "Trigger: {Type: http}\nClients:\n  core-command: {Protocol: http, "
                                "Host: 127.0.0.1, Port: %s}\n",
                                port));
        const struct export_host *host = &((const struct app *)r.rt->state)->host;
        int code;
        CU_ASSERT_EQUAL(
            host->command(host->state, &ctx, &ctx.arena, "Pump/1", "Speed", NULL, &code, &body),
            EDGE_OK);
        CU_ASSERT_EQUAL(code, 200);
        CU_ASSERT_STRING_EQUAL(body, "{\"event\":{}}");
        CU_ASSERT_PTR_NOT_NULL(
            strstr(tcp_peer_last(peer), "GET /api/v3/device/name/Pump%2F1/Speed HTTP/1.1\r\n"));
        CU_ASSERT_EQUAL(host->command(host->state, &ctx, &ctx.arena, "Pump", "Speed",
                                      "{\"Speed\":\"3\"}", &code, &body),
                        EDGE_OK);
        CU_ASSERT_EQUAL(code, 423);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(tcp_peer_last(peer), "PUT /api/v3/device/name/Pump/Speed HTTP/1.1\r\n"));
        CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(peer), "\r\n\r\n{\"Speed\":\"3\"}"));
    }
    tcp_peer_free(peer);
}

CU_TestInfo app_service_tests[] = {
    {"commands go through core-command",         test_commands_go_through_core_command        },
    {"the trigger answers what comes out",       test_the_trigger_answers_what_comes_out      },
    {"each function is shown",                   test_each_function_is_shown                  },
    {"what the peer answers goes on",            test_what_the_peer_answers_goes_on           },
    {"a peer that is not there is tried again",  test_a_peer_that_is_not_there_is_tried_again },
    {"what it never takes is set aside",         test_what_it_never_takes_is_set_aside        },
    {"kept over a restart",                      test_kept_over_a_restart                     },
    {"a wrong pipeline leaves the others alone", test_a_wrong_pipeline_leaves_the_others_alone},
    {"a broker outside",                         test_a_broker_outside                        },
    {"the first pipeline comes later",           test_the_first_pipeline_comes_later          },
    {"what is of no use any more",               test_what_is_of_no_use_any_more              },
    {"a changed configuration",                  test_a_changed_configuration                 },
    CU_TEST_INFO_NULL,
};
