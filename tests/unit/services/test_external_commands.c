/* Commands over a broker outside: a real broker that is not the platform's, a client of it, and
 * core-command between a core-metadata and a device service that say what a test wants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "core_command.h"
#include "edge/clock.h"
#include "edge/service.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "scratch.h"
#include "suites.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

enum { SOON_MS = 20 * 1000 };

/* ---- the neighbours ---------------------------------------------------------------------------
 */

struct plain_config {
    struct edge_base_config base;
    struct edge_writable writable;
};

/* clang-format off */
static const struct edge_field plain_fields[] = {
    EDGE_OBJECT(struct plain_config, writable, "Writable", "May change.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct plain_config, base, NULL, "All have it.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
};
static const struct edge_dto PLAIN_CONFIG = EDGE_DTO(struct plain_config, "Configuration", plain_fields);
/* clang-format on */

static enum edge_status fake_device(struct edge_call *call)
{
    const char *name = edge_call_param(call, "name");
    if (strcmp(name, "nobody") == 0) {
        return edge_fail(edge_call_ctx(call), EDGE_NOT_FOUND, "no device with name '%s' found",
                         name);
    }
    return edge_reply_text(
        call, "device",
        edge_printf(&edge_call_ctx(call)->arena,
                    "{\"name\":\"%s\",\"serviceName\":\"device-fake\",\"profileName\":\"P\","
                    "\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\",\"protocols\":{}}",
                    name));
}

static enum edge_status fake_devices(struct edge_call *call)
{
    edge_buf_puts(edge_reply_body(call),
                  "{\"apiVersion\":\"v3\",\"statusCode\":200,\"totalCount\":7,\"devices\":[]}");
    return EDGE_OK;
}

static enum edge_status fake_profile(struct edge_call *call)
{
    return edge_reply_text(call, "profile",
                           "{\"name\":\"P\",\"deviceResources\":[{\"name\":\"Temp\",\"properties\":"
                           "{\"valueType\":\"Int8\",\"readWrite\":\"RW\"}}]}");
}

static const struct edge_route metadata_routes[] = {
    {"GET", "/api/v3/device/all",                fake_devices, "", 0, 0},
    {"GET", "/api/v3/device/name/{name}",        fake_device,  "", 0, 0},
    {"GET", "/api/v3/deviceprofile/name/{name}", fake_profile, "", 0, 0},
};

static const struct edge_service fake_metadata = {
    .name = "core-metadata",
    .port = 59881,
    .config = &PLAIN_CONFIG,
    .writable_offset = offsetof(struct plain_config, writable),
    .routes = EDGE_TABLE(metadata_routes),
};

struct driver {
    const struct edge_runtime *rt;
    struct edge_mutex lock;
    unsigned n_asked;
    unsigned n_held;
};

static enum edge_status driver_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    (void)ctx;
    struct driver *d = rt->state;
    d->rt = rt;
    edge_mutex_init(&d->lock);
    return EDGE_OK;
}

static enum edge_status driver_answer(struct edge_ctx *ctx, const struct driver *d,
                                      const char *request_id, const char *did, bool bad)
{
    struct edge_message *out = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(out);
    bool escape = d->rt->base->service.enable_name_field_escape;
    edge_message_topic(out, "%s/response/%s/%s", d->rt->base_topic,
                       edge_name_level(a, "device-fake", escape), request_id);
    out->request_id = edge_strdup(a, request_id);
    out->error_code = bad;
    if (bad) {
        out->text = "sensor broken";
    } else {
        EDGE_CTX_SCOPE(made);
        cJSON *tree = edge_json_object(&made);
        cJSON_AddStringToObject(tree, "did", did);
        out->json = edge_json_clone(a, tree);
    }
    enum edge_status st = edge_bus_publish(ctx, d->rt->bus, out);
    edge_message_unref(out);
    return st;
}

/* Command "bad" fails, "silent" is not answered, "held" when the test says so. */
static enum edge_status driver_asked(void *state, struct edge_ctx *ctx,
                                     const struct edge_message *m)
{
    struct driver *d = state;
    const char **levels;
    size_t n = edge_topic_levels(&ctx->arena, m->topic, true, &levels);
    const char *command = levels[n - 2];
    {
        EDGE_LOCK(&d->lock);
        d->n_asked++;
        if (strcmp(command, "held") == 0) {
            d->n_held++;
            return EDGE_OK;
        }
    }
    if (strcmp(command, "silent") == 0) {
        return EDGE_OK;
    }
    const cJSON *payload = NULL;
    EDGE_TRY(edge_message_tree(ctx, m, &payload));
    const cJSON *value = payload ? edge_json_member(payload, "Temp", false) : NULL;
    const char *did = edge_printf(&ctx->arena, "%s %s %s", levels[n - 1], levels[n - 3],
                                  cJSON_IsString(value) ? value->valuestring : "-");
    return driver_answer(ctx, d, m->request_id, did, strcmp(command, "bad") == 0);
}

static const struct edge_subscription driver_subscriptions[] = {
    {"device/command/request/#", driver_asked, "", 0},
};

static const struct edge_service fake_driver = {
    .name = "device-fake",
    .port = 59990,
    .state_size = sizeof(struct driver),
    .config = &PLAIN_CONFIG,
    .writable_offset = offsetof(struct plain_config, writable),
    .subscriptions = driver_subscriptions,
    .n_subscriptions = N(driver_subscriptions),
    .start = driver_start,
};

/* ---- the client outside -----------------------------------------------------------------------
 */

struct answer {
    char topic[128], received_topic[128], request_id[64], correlation_id[64], text[512];
    unsigned error;
};

struct client {
    struct edge_log *log;
    struct edge_bus *bus;
    struct edge_mutex lock;
    struct edge_cond changed;
    size_t n;
    struct answer answers[64];
};

static enum edge_status client_hears(void *state, struct edge_ctx *ctx,
                                     const struct edge_message *m)
{
    struct client *c = state;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    const cJSON *tree = NULL;
    if (m->error_code) {
        edge_buf_puts(&text, m->text);
    } else {
        EDGE_TRY(edge_message_tree(ctx, m, &tree));
        edge_json_put(&text, tree);
    }
    EDGE_LOCK(&c->lock);
    struct answer *a = &c->answers[c->n++ % N(c->answers)];
    snprintf(a->topic, sizeof(a->topic), "%s", m->topic);
    snprintf(a->received_topic, sizeof(a->received_topic), "%s", m->received_topic);
    snprintf(a->request_id, sizeof(a->request_id), "%s", m->request_id);
    snprintf(a->correlation_id, sizeof(a->correlation_id), "%s", m->correlation_id);
    snprintf(a->text, sizeof(a->text), "%s", edge_buf_str(&text));
    a->error = m->error_code;
    edge_cond_broadcast(&c->changed);
    return EDGE_OK;
}

static void client_open(struct client *c, const struct broker *b, const char *username)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_bus_config config = {
        .type = "mqtt",
        .protocol = "tcp",
        .host = "127.0.0.1",
        .port = broker_port(b),
        .service = "client",
        .log = edge_log_create("client"),
        .username = username,
        .password = username ? "secret" : NULL,
    };
    *c = (struct client){.log = (struct edge_log *)(uintptr_t)config.log};
    edge_log_set_level(c->log, EDGE_LOG_ERROR);
    edge_mutex_init(&c->lock);
    edge_cond_init(&c->changed);
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, &config, &c->bus), EDGE_OK);
    CU_ASSERT_EQUAL(
        edge_bus_subscribe(&ctx, c->bus, "edgex/command/response/#", client_hears, c, 0), EDGE_OK);
    CU_ASSERT_EQUAL(
        edge_bus_subscribe(&ctx, c->bus, "edgex/commandquery/response", client_hears, c, 0),
        EDGE_OK);
    CU_ASSERT_TRUE_FATAL(edge_bus_wait_connected(c->bus, edge_now_mono_ms() + SOON_MS));
}

static void client_close(struct client *c)
{
    edge_bus_close(c->bus, 1000);
    edge_log_free(c->log);
    edge_cond_done(&c->changed);
    edge_mutex_done(&c->lock);
}

static const struct answer *client_find(struct client *c, const char *id)
{
    for (size_t i = 0; i < c->n && i < N(c->answers); i++) {
        if (strcmp(c->answers[i].request_id, id) == 0) {
            return &c->answers[i];
        }
    }
    return NULL;
}

static bool client_has(struct client *c, const char *id)
{
    EDGE_LOCK(&c->lock);
    return client_find(c, id) != NULL;
}

static struct answer client_wait(struct client *c, const char *id)
{
    int64_t deadline_ms = edge_now_mono_ms() + SOON_MS;
    EDGE_LOCK(&c->lock);
    while (!client_find(c, id) && edge_cond_wait_until(&c->changed, &c->lock, deadline_ms)) {
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(client_find(c, id));
    return *client_find(c, id);
}

/* ---- the world --------------------------------------------------------------------------------
 */

struct world {
    struct edge_ctx ctx;
    struct scratch dir;
    struct broker *broker;
    struct edge_host *host;
    struct client client;
    size_t n_ids;
    size_t n_heard; /* before the broker was killed */
};

struct setting {
    const char *name, *value;
};
static const struct setting NONE[] = {
    {NULL, NULL}
};

static void set_all(const struct setting *settings, bool set)
{
    for (; settings->name; settings++) {
        if (set) {
            setenv(settings->name, settings->value, 1);
        } else {
            unsetenv(settings->name);
        }
    }
}

static void write_config(const struct world *w)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/configuration.yaml", w->dir.path);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("Writable:\n  LogLevel: ERROR\n  InsecureSecrets:\n    outside:\n"
          "      SecretName: outside\n      SecretData:\n        username: commander\n"
          "        password: secret\n"
          "Service:\n  Port: 0\nMessageBus:\n  Type: memory\n"
          "Clients:\n  core-metadata:\n    Host: localhost\n    Port: 59881\n",
          f);
    fclose(f);
}

static enum edge_status platform_start(struct world *w, const struct setting *settings)
{
    static const struct edge_service *const services[] = {&fake_metadata, &fake_driver,
                                                          &core_command};
    char url[64];
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", w->broker ? broker_port(w->broker) : 1);
    const struct setting always[] = {
        {"EXTERNALMQTT_ENABLED", "true"},
        {"EXTERNALMQTT_URL",     url   },
        {NULL,                   NULL  },
    };
    char *argv[] = {(char *)"test",   (char *)"-cd", w->dir.path,
                    (char *)"--data", w->dir.path,   NULL};
    set_all(always, true);
    set_all(settings, true);
    enum edge_status st = edge_host_start(&w->ctx, services, N(services), 5, argv, &w->host);
    set_all(settings, false);
    set_all(always, false);
    return st;
}

/* A broker, the platform, a client; false where there is no mosquitto. */
static bool world_start(struct world *w, const struct setting *settings)
{
    *w = (struct world){.ctx = EDGE_CTX_INIT, .broker = broker_start(NULL)};
    if (!w->broker) {
        return false;
    }
    scratch_make(&w->dir);
    write_config(w);
    CU_ASSERT_EQUAL_FATAL(platform_start(w, settings), EDGE_OK);
    client_open(&w->client, w->broker, NULL);
    return true;
}

static void world_stop(struct world *w)
{
    if (w->host) {
        edge_host_stop(w->host);
    }
    if (w->client.bus) {
        client_close(&w->client);
    }
    if (w->broker) {
        broker_free(w->broker);
        scratch_done(&w->dir);
    }
    edge_ctx_done(&w->ctx);
}
#define WORLD(name, settings)                                                                      \
    EDGE_CLEANUP(world_stop) struct world name;                                                    \
    if (!world_start(&name, settings)) {                                                           \
        return;                                                                                    \
    }

static struct driver *driver_of(const struct world *w)
{
    return edge_host_runtime(w->host, "device-fake")->state;
}

/* The n-th request id of the world, and the same in a request. */
static const char *id_of(struct world *w, size_t n)
{
    return edge_printf(&w->ctx.arena, "e6e8a2f4-eb14-4649-9e2b-%012zu", n);
}

static void send_raw(struct world *w, const char *topic, const char *envelope)
{
    CU_ASSERT_TRUE(broker_publish_raw(w->broker, topic, envelope, strlen(envelope)));
}

/* A sound request; returns its id. */
static const char *send(struct world *w, const char *topic, const char *payload, const char *params)
{
    const char *id = id_of(w, ++w->n_ids);
    send_raw(w, topic,
             edge_printf(&w->ctx.arena,
                         "{\"apiVersion\":\"v3\",\"receivedTopic\":\"\",\"correlationID\":\"\","
                         "\"requestID\":\"%s\",\"errorCode\":0,\"payload\":%s,"
                         "\"contentType\":\"application/json\",\"queryParams\":{%s}}",
                         id, payload, params));
    return id;
}

static bool has_answer(void *arg)
{
    struct world *w = arg;
    send(w, "edgex/commandquery/request/all", "null", "");
    int64_t soon = edge_now_mono_ms() + 100;
    EDGE_LOCK(&w->client.lock);
    while (w->client.n == w->n_heard &&
           edge_cond_wait_until(&w->client.changed, &w->client.lock, soon)) {
    }
    return w->client.n > w->n_heard;
}

/* From the first question that was answered on all are: wait for them, so that nothing is under way. */
static void wait_listening(struct world *w)
{
    CU_ASSERT_TRUE_FATAL(wait_until(has_answer, w, SOON_MS));
    size_t first = 1;
    while (!client_has(&w->client, id_of(w, first))) {
        first++;
    }
    for (; first <= w->n_ids; first++) {
        client_wait(&w->client, id_of(w, first));
    }
}

static void check_answer(const struct answer *a, const char *id, const char *topic, bool error,
                         const char *text)
{
    if (!strstr(a->text, text)) {
        fprintf(stderr, "%s: %s\nnot %s\n", a->topic, a->text, text);
        CU_FAIL("another answer");
    }
    CU_ASSERT_EQUAL(a->error, error);
    CU_ASSERT_STRING_EQUAL(a->request_id, id);
    if (strcmp(a->topic, topic) != 0) {
        fprintf(stderr, "on %s\nnot %s\n", a->topic, topic);
    }
    CU_ASSERT_STRING_EQUAL(a->topic, topic);
    CU_ASSERT_STRING_EQUAL(a->received_topic, topic);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void test_requests_are_answered(void)
{
    static const struct {
        const char *topic, *payload, *params, *answer_topic;
        bool error;
        const char *text;
    } rows[] = {
        {"command/request/D1/Temp/get",          "null",             "",                                       "command/response/D1/Temp/get",     false,
         "{\"did\":\"get D1 -\"}"                                                                                                                                                               },
        {"command/request/D1/Temp/SET",          "{\"Temp\":\"7\"}", "",                                       "command/response/D1/Temp/SET",
         false,                                                                                                                                           "{\"did\":\"set D1 7\"}"              },
        {"command/request/a%2Fb%20%2B/T%25/get", "null",             "",
         "command/response/a%2Fb%20%2B/T%25/get",                                                                                                  false, "{\"did\":\"get a/b + -\"}"           },
        {"command/request/D1/bad/get",           "null",             "",                                       "command/response/D1/bad/get",      true,
         "sensor broken"                                                                                                                                                                        },
        {"command/request/D1/silent/get",        "null",             "",                                       "command/response/D1/silent/get",   true,
         "device service 'device-fake' is silent"                                                                                                                                               },
        {"command/request/nobody/Temp/get",      "null",             "",                                       "command/response/nobody/Temp/get", true,
         "no device with name 'nobody' found"                                                                                                                                                   },
        {"command/request/D1/Temp/poke",         "null",             "",                                       "command/response/D1/Temp/poke",    true,
         "unknown request method poke"                                                                                                                                                          },
        {"command/request/D1/Temp/get",          "null",             "\"ds-pushevent\":\"yes\"",
         "command/response/D1/Temp/get",                                                                                                           true,  "yes has to be true or false"         },
        {"commandquery/request/D1",              "null",             "",                                       "commandquery/response",            false,
         "\"deviceCoreCommand\":{\"deviceName\":\"D1\""                                                                                                                                         },
        {"commandquery/request/all",             "null",             "\"limit\":\"5\"",                        "commandquery/response",            false,
         "\"totalCount\":7"                                                                                                                                                                     },
        {"commandquery/request/all",             "null",             "\"limit\":5,\"offset\":0,\"more\":null",
         "commandquery/response",                                                                                                                  false, "\"totalCount\":7"                    },
        {"commandquery/request/all",             "null",             "\"limit\":[5]",                          "commandquery/response",            true,
         "queryParams.limit must be a single value"                                                                                                                                             },
        {"command/request/D1/Temp/get",          "null",             "\"ds-pushevent\":false",
         "command/response/D1/Temp/get",                                                                                                           false, "{\"did\":\"get D1 -\"}"              },
        {"command/request/D1/Temp/get",          "null",             "\"a\":{\"b\":1}",                        "command/response/D1/Temp/get",
         true,                                                                                                                                            "queryParams.a must be a single value"},
        {"command/request/D1/Temp/set",          "\"eyJh\"",         "",                                       "command/response/D1/Temp/set",     true,
         "payload"                                                                                                                                                                              },
        {"commandquery/request/all",             "null",             "\"limit\":\"many\"",                     "commandquery/response",            true,
         "limit"                                                                                                                                                                                },
        {"commandquery/request/nobody",          "null",             "",                                       "commandquery/response",            true,
         "no device with name 'nobody' found"                                                                                                                                                   },
    };
    static const struct setting BRIEF[] = {
        {"SERVICE_REQUESTTIMEOUT", "500ms"},
        {NULL,                     NULL   },
    };
    WORLD(w, BRIEF);
    wait_listening(&w);
    for (size_t i = 0; i < N(rows); i++) {
        const char *id = send(&w, edge_printf(&w.ctx.arena, "edgex/%s", rows[i].topic),
                              rows[i].payload, rows[i].params);
        struct answer a = client_wait(&w.client, id);
        check_answer(&a, id, edge_printf(&w.ctx.arena, "edgex/%s", rows[i].answer_topic),
                     rows[i].error, rows[i].text);
    }
}

/* Outside, names stand as the request spells them; the platform's own bus has them escaped. */
static void test_answers_keep_the_spelling_of_requests(void)
{
    static const struct {
        const char *names, *seen; /* by the driver, on its escaped topic */
    } rows[] = {
        {"D-1/Temp.x/get",       "D-1"        },
        {"a b/T~emp/GET",        "a b"        },
        {"a%2Db/T%65mp/set",     "a-b"        },
        {"a%2fb/Temp/get",       "a/b"        },
        {"100%/Temp/get",        "100%"       },
        {"gr\xc3\xbcn/Temp/Get", "gr\xc3\xbcn"},
        {"gr%C3%BCn/Temp/get",   "gr\xc3\xbcn"},
    };
    static const struct setting ESCAPED[] = {
        {"SERVICE_ENABLENAMEFIELDESCAPE", "true"},
        {NULL,                            NULL  },
    };
    for (int escape = 0; escape < 2; escape++) {
        WORLD(w, escape ? ESCAPED : NONE);
        wait_listening(&w);
        for (size_t i = 0; i < N(rows); i++) {
            struct edge_arena *a = &w.ctx.arena;
            const char *id =
                send(&w, edge_printf(a, "edgex/command/request/%s", rows[i].names), "null", "");
            struct answer answer = client_wait(&w.client, id);
            check_answer(&answer, id, edge_printf(a, "edgex/command/response/%s", rows[i].names),
                         false, edge_printf(a, " %s -", rows[i].seen));
        }
    }
}

/* A broker sends what is retained at every connection: a write must not happen each time. */
static void test_retained_requests_are_not_obeyed(void)
{
    EDGE_CLEANUP(world_stop)
    struct world w = {.ctx = EDGE_CTX_INIT, .broker = broker_start(NULL)};
    scratch_make(&w.dir);
    write_config(&w);
    client_open(&w.client, w.broker, NULL);
    EDGE_CTX_SCOPE(ctx);
    struct edge_bus *bus = NULL;
    struct edge_bus_config config = {.type = "mqtt",
                                     .protocol = "tcp",
                                     .host = "127.0.0.1",
                                     .port = broker_port(w.broker),
                                     .service = "keeps",
                                     .log = w.client.log,
                                     .retained = true};
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, &config, &bus), EDGE_OK);
    CU_ASSERT_TRUE_FATAL(edge_bus_wait_connected(bus, edge_now_mono_ms() + SOON_MS));
    struct edge_message *m = edge_message_create(0);
    edge_message_topic(m, "edgex/command/request/D1/Temp/set");
    m->request_id = "e6e8a2f4-eb14-4649-9e2b-175247911369";
    m->content_type = "application/json";
    CU_ASSERT_EQUAL(edge_bus_publish(&ctx, bus, m), EDGE_OK);
    edge_message_unref(m);
    edge_bus_close(bus, 5000);

    CU_ASSERT_EQUAL_FATAL(platform_start(&w, NONE), EDGE_OK);
    wait_listening(&w);
    const char *id = send(&w, "edgex/command/request/D1/Temp/get", "null", "");
    client_wait(&w.client, id);
    CU_ASSERT_EQUAL(driver_of(&w)->n_asked, 1);
    CU_ASSERT_FALSE(client_has(&w.client, "e6e8a2f4-eb14-4649-9e2b-175247911369"));
}

/* Each is followed by a sound request: its answer is the next one. */
static void test_unsound_requests_are_dropped(void)
{
#define GOOD "\"apiVersion\":\"v3\",\"contentType\":\"application/json\",\"payload\":null"
#define UUID "\"requestID\":\"e6e8a2f4-eb14-4649-9e2b-175247911369\""
    static const struct {
        const char *topic, *envelope;
    } rows[] = {
        {"edgex/command/request/D1/Temp/get", ""                                                  },
        {"edgex/command/request/D1/Temp/get", "garbage \xff"                                      },
        {"edgex/command/request/D1/Temp/get", "{"                                                 },
        {"edgex/command/request/D1/Temp/get", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["            },
        {"edgex/command/request/D1/Temp/get", "{}"                                                },
        {"edgex/command/request/D1/Temp/get", "{" GOOD "}"                                        },
        {"edgex/command/request/D1/Temp/get", "{" GOOD ",\"requestID\":\"\"}"                     },
        {"edgex/command/request/D1/Temp/get", "{" GOOD ",\"requestID\":\"+\"}"                    },
        {"edgex/command/request/D1/Temp/get", "{" GOOD ",\"requestID\":\"a/b\"}"                  },
        {"edgex/command/request/D1/Temp/get", "{" GOOD ",\"requestID\":7}"                        },
        {"edgex/command/request/D1/Temp/get", "{" GOOD "," UUID ",\"correlationID\":\"mine\"}"    },
        {"edgex/command/request/D1/Temp/get",
         "{\"apiVersion\":\"v2\",\"contentType\":\"application/json\",\"payload\":null," UUID "}" },
        {"edgex/command/request/D1/Temp/get",
         "{\"contentType\":\"application/json\",\"payload\":null," UUID "}"                       },
        {"edgex/command/request/D1/Temp/get",
         "{\"apiVersion\":\"v3\",\"contentType\":\"application/cbor\",\"payload\":null," UUID "}" },
        {"edgex/command/request/D1/Temp/get",
         "{\"apiVersion\":\"v3\",\"contentType\":\"application/jsonp\",\"payload\":null," UUID "}"},
        {"edgex/command/request/D1/get",      "{" GOOD "," UUID "}"                               },
        {"edgex/command/request/get",         "{" GOOD "," UUID "}"                               },
        {"edgex/command/request",             "{" GOOD "," UUID "}"                               },
        {"edgex/commandquery/request",        "{" GOOD "," UUID "}"                               },
        {"edgex/commandquery/request/D1",     "{" GOOD ",\"requestID\":\"x\"}"                    },
    };
    WORLD(w, NONE);
    wait_listening(&w);
    for (size_t i = 0; i < N(rows); i++) {
        send_raw(&w, rows[i].topic, rows[i].envelope);
        const char *id = send(&w, "edgex/command/request/D1/Temp/get", "null", "");
        struct answer a = client_wait(&w.client, id);
        CU_ASSERT_TRUE(edge_uuid_parse(a.correlation_id, NULL) || !*a.correlation_id);
    }
    CU_ASSERT_EQUAL(driver_of(&w)->n_asked, N(rows));
    static const char *const unsound[] = {"", "+", "a/b", "x",
                                          "e6e8a2f4-eb14-4649-9e2b-175247911369"};
    for (size_t i = 0; i < N(unsound); i++) {
        CU_ASSERT_FALSE(client_has(&w.client, unsound[i]));
    }
}

static bool holds_two(void *arg)
{
    struct driver *d = arg;
    EDGE_LOCK(&d->lock);
    return d->n_held == 2;
}

/* A request ends after its answer was sent: until then the next one may meet a full house. */
static bool has_room(void *arg)
{
    struct world *w = arg;
    const char *id = send(w, "edgex/command/request/D1/Temp/get", "null", "");
    return client_wait(&w->client, id).error == 0;
}

static void test_too_many_at_a_time_are_told_so(void)
{
    static const struct setting TWO[] = {
        {"EXTERNALCOMMAND_MAXCONCURRENTREQUESTS", "2"  },
        {"SERVICE_REQUESTTIMEOUT",                "60s"},
        {NULL,                                    NULL },
    };
    WORLD(w, TWO);
    wait_listening(&w);
    struct driver *d = driver_of(&w);
    const char *ids[2];
    ids[0] = send(&w, "edgex/command/request/D1/held/get", "null", "");
    ids[1] = send(&w, "edgex/command/request/D2/held/get", "null", "");
    CU_ASSERT_TRUE_FATAL(wait_until(holds_two, d, SOON_MS));
    w.n_ids -= 2; /* the first one once more, as a broker may send it: not obeyed again */
    CU_ASSERT_STRING_EQUAL(send(&w, "edgex/command/request/D1/held/get", "null", ""), ids[0]);
    w.n_ids++;
    const char *third = send(&w, "edgex/command/request/D3/Temp/get", "null", "");
    struct answer a = client_wait(&w.client, third);
    check_answer(&a, third, "edgex/command/response/D3/Temp/get", true,
                 "core-command busy: too many concurrent external commands");
    for (size_t i = 0; i < 2; i++) {
        EDGE_CTX_SCOPE(ctx);
        CU_ASSERT_FALSE(client_has(&w.client, ids[i]));
        CU_ASSERT_EQUAL(driver_answer(&ctx, d, ids[i], "late", false), EDGE_OK);
        a = client_wait(&w.client, ids[i]);
        CU_ASSERT_STRING_EQUAL(a.text, "{\"did\":\"late\"}");
    }
    CU_ASSERT_TRUE(wait_until(has_room, &w, SOON_MS));
    CU_ASSERT_EQUAL(d->n_held, 2);
}

static void test_answers_are_retained_unless_told_otherwise(void)
{
    static const struct setting LOST[] = {
        {"EXTERNALMQTT_RETAIN", "false"},
        {"EXTERNALMQTT_QOS",    "1"    },
        {NULL,                  NULL   },
    };
    for (int retain = 0; retain < 2; retain++) {
        WORLD(w, retain ? NONE : LOST);
        wait_listening(&w);
        const char *before = send(&w, "edgex/command/request/D1/Temp/get", "null", "");
        client_wait(&w.client, before);
        struct client late;
        client_open(&late, w.broker, NULL);
        const char *after = send(&w, "edgex/command/request/D2/Temp/get", "null", "");
        client_wait(&late, after);
        CU_ASSERT_EQUAL(client_has(&late, before), retain);
        client_close(&late);
    }
}

static void test_a_broker_may_come_late_and_go(void)
{
    EDGE_CLEANUP(world_stop)
    struct world w = {.ctx = EDGE_CTX_INIT, .broker = broker_prepare(NULL)};
    scratch_make(&w.dir);
    write_config(&w);
    CU_ASSERT_EQUAL_FATAL(platform_start(&w, NONE), EDGE_OK);
    CU_ASSERT_TRUE_FATAL(broker_restart(w.broker));
    client_open(&w.client, w.broker, NULL);
    wait_listening(&w);
    w.n_heard = w.client.n;
    broker_kill(w.broker);
    CU_ASSERT_TRUE_FATAL(broker_restart(w.broker));
    CU_ASSERT_TRUE_FATAL(edge_bus_wait_connected(w.client.bus, edge_now_mono_ms() + SOON_MS));
    CU_ASSERT_TRUE(wait_until(has_answer, &w, SOON_MS));
}

static void test_a_user_and_a_password_open_doors(void)
{
    EDGE_CLEANUP(world_stop)
    struct world w = {.ctx = EDGE_CTX_INIT,
                      .broker = broker_prepare("allow_anonymous false\npassword_file %s/users\n")};
    scratch_make(&w.dir);
    write_config(&w);
    const char *users = edge_printf(
        &w.ctx.arena, "mosquitto_passwd -b -c %s/users commander secret", broker_folder(w.broker));
    CU_ASSERT_EQUAL_FATAL(system(users), 0);
    CU_ASSERT_TRUE_FATAL(broker_restart(w.broker));
    static const struct setting PASSWORD[] = {
        {"EXTERNALMQTT_AUTHMODE",   "usernamepassword"},
        {"EXTERNALMQTT_SECRETNAME", "outside"         },
        {NULL,                      NULL              },
    };
    CU_ASSERT_EQUAL_FATAL(platform_start(&w, PASSWORD), EDGE_OK);
    client_open(&w.client, w.broker, "commander");
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = edge_message_create(0);
    edge_message_topic(m, "edgex/commandquery/request/all");
    m->request_id = id_of(&w, 1);
    int64_t deadline_ms = edge_now_mono_ms() + SOON_MS;
    while (edge_now_mono_ms() < deadline_ms) { /* until core-command listens */
        CU_ASSERT_EQUAL(edge_bus_publish(&ctx, w.client.bus, m), EDGE_OK);
        EDGE_LOCK(&w.client.lock);
        edge_cond_wait_until(&w.client.changed, &w.client.lock, edge_now_mono_ms() + 100);
        if (w.client.n > 0) {
            break;
        }
    }
    edge_message_unref(m);
    struct answer a = client_wait(&w.client, id_of(&w, 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(a.text, "\"totalCount\":7"));
}

static void test_what_cannot_be_is_refused(void)
{
    static const struct {
        struct setting settings[3];
        enum edge_status st;
        const char *text;
    } rows[] = {
        {{{"EXTERNALMQTT_URL", "ws://broker:80/mqtt"}},              EDGE_UNSUPPORTED, "ws is not supported"                     },
        {{{"EXTERNALMQTT_URL", "broker:1883"}},                      EDGE_INVALID,     "is not like tcp://host:1883"             },
        {{{"EXTERNALMQTT_URL", "tcp://"}},                           EDGE_INVALID,     "is not like"                             },
        {{{"EXTERNALMQTT_URL", "tcp://u:p@broker:1883"}},            EDGE_INVALID,     "is not like"                             },
        {{{"EXTERNALMQTT_URL", "tcp://broker:99999"}},               EDGE_INVALID,     "is not like"                             },
        {{{"EXTERNALMQTT_AUTHMODE", "clientcert"}},
         EDGE_INVALID,                                                                 "no secret 'mqtt' with clientcert"        },
        {{{"EXTERNALMQTT_AUTHMODE", "usernamepassword"}},            EDGE_INVALID,     "no secret 'mqtt'"                        },
        {{{"EXTERNALMQTT_AUTHMODE", "oath"}},                        EDGE_INVALID,     "AuthMode"                                },
        {{{"EXTERNALMQTT_QOS", "3"}},                                EDGE_INVALID,     "ExternalMQTT.QoS must be between 0 and 2"},
        {{{"EXTERNALMQTT_KEEPALIVE", "-1"}},                         EDGE_INVALID,     "ExternalMQTT.KeepAlive"                  },
        {{{"EXTERNALMQTT_CONNECTTIMEOUT", "soon"}},                  EDGE_INVALID,     "ConnectTimeout"                          },
        {{{"EXTERNALMQTT_TOPICS_COMMANDREQUESTTOPIC", "edgex/x#"}},
         EDGE_INVALID,                                                                 "ExternalMQTT.Topics.CommandRequestTopic" },
        {{{"EXTERNALMQTT_TOPICS_COMMANDREQUESTTOPIC", "edgex/#"}},
         EDGE_INVALID,                                                                 "would be taken for requests"             },
        {{{"EXTERNALMQTT_TOPICS_COMMANDQUERYRESPONSETOPIC", "a/+"}}, EDGE_INVALID,     "has wildcards"                           },
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct world w = {.ctx = EDGE_CTX_INIT};
        scratch_make(&w.dir);
        write_config(&w);
        enum edge_status st = platform_start(&w, rows[i].settings);
        CU_ASSERT_EQUAL(st, rows[i].st);
        if (!strstr(edge_ctx_message(&w.ctx, st), rows[i].text)) {
            fprintf(stderr, "%s\nnot %s\n", edge_ctx_message(&w.ctx, st), rows[i].text);
            CU_FAIL("another reason");
        }
        if (st == EDGE_OK) {
            edge_host_stop(w.host);
        }
        scratch_done(&w.dir);
        edge_ctx_done(&w.ctx);
    }
}

CU_TestInfo external_commands_tests[] = {
    {"requests are answered",                      test_requests_are_answered                     },
    {"answers keep the spelling of requests",      test_answers_keep_the_spelling_of_requests     },
    {"retained requests are not obeyed",           test_retained_requests_are_not_obeyed          },
    {"unsound requests are dropped",               test_unsound_requests_are_dropped              },
    {"too many at a time are told so",             test_too_many_at_a_time_are_told_so            },
    {"answers are retained unless told otherwise", test_answers_are_retained_unless_told_otherwise},
    {"a broker may come late and go",              test_a_broker_may_come_late_and_go             },
    {"a user and a password open doors",           test_a_user_and_a_password_open_doors          },
    {"what cannot be is refused",                  test_what_cannot_be_is_refused                 },
    CU_TEST_INFO_NULL,
};
