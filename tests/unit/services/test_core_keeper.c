/* core-keeper's rules over its own routes, with its real store and bus, in this process; the
 * services it watches are scripted peers on sockets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_keeper.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "platform.h"
#include "scratch.h"
#include "service_rig.h"
#include "suites.h"
#include "tcp_peer.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define KVS      "/api/v3/kvs/key/"
#define REGISTRY "/api/v3/registry"
#define COMMON   "edgex/v4/core-common-config-bootstrapper"
#define YAML     "  BaseTopicPrefix: edgex/configs\n"
#define BARE     YAML "CommonConfig:\n  File: \"\"\n"

#define ask service_rig_ask

static const char *put_body(struct edge_ctx *ctx, const char *value)
{
    return edge_printf(&ctx->arena, "{\"apiVersion\":\"\",\"requestId\":\"\",\"value\":%s}", value);
}

/* ---- values ------------------------------------------------------------------------------ */

static void test_values_come_back_as_texts(void)
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"\"DEBUG\"",                        "DEBUG"                                             },
        {"\"\"",                             ""                                                  },
        {"\"a\\u0000b \\\"\\u00fc\\n\"",     "a\xef\xbf\xbd"
                                         "b \"\xc3\xbc\n"},
        {"true",                             "true"                                              },
        {"false",                            "false"                                             },
        {"1",                                "1"                                                 },
        {"1234567",                          "1234567"                                           },
        {"0.5",                              "0.5"                                               },
        {"1e21",                             "1000000000000000000000"                            },
        {"1e-7",                             "0.0000001"                                         },
        {"9223372036854775807",              "9223372036854775807"                               },
        {"[]",                               "[]"                                                },
        {"[1,\"a\",null,{\"b\":0.5}]",       "[1,\"a\",null,{\"b\":0.5}]"                        },
        {"{\"b\":{\"a\":\"x\"},\"a\":null}", "{\"b\":{\"a\":\"x\"},\"a\":null}"                  },
    };
    SERVICE_RIG(r, &core_keeper, BARE);
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *body = put_body(&ctx, cases[i].json);
        const cJSON *answer = ask(&ctx, &r, "PUT", KVS "edgex%2Fv4%2Fk?flatten=false", body, 200);
        CU_ASSERT_STRING_EQUAL(text_at(answer, "response.0"), "edgex/v4/k");
        answer = ask(&ctx, &r, "GET", KVS "edgex/v4/k?plaintext=true", NULL, 200);
        CU_ASSERT_STRING_EQUAL(text_at(answer, "response.0.value"), cases[i].text);
        CU_ASSERT_TRUE(cJSON_IsString(at(answer, "response.0.value")));
        CU_ASSERT_STRING_EQUAL(text_at(answer, "response.0.key"), "edgex/v4/k");
        CU_ASSERT_TRUE(int_at(answer, "response.0.Created") > 0);
        CU_ASSERT_TRUE(int_at(answer, "response.0.Modified") > 0);
        answer = ask(&ctx, &r, "GET", KVS "edgex/v4/k", NULL, 200);
        const char *encoded = edge_base64_encode(&ctx.arena, cases[i].text, strlen(cases[i].text));
        CU_ASSERT_STRING_EQUAL(text_at(answer, "response.0.value"), encoded);
    }
}

static bool clock_is_past(void *ms)
{
    return edge_now_ms() > *(int64_t *)ms;
}

static void test_trees_become_keys(void)
{
    SERVICE_RIG(r, &core_keeper, BARE);
    EDGE_CTX_SCOPE(ctx);
    const char *tree =
        put_body(&ctx, "{\"A\":{\"B\":1,\"C\":{},\"D\":[1,2],\"E\":null},\"F\":\"\"}");
    const cJSON *answer = ask(&ctx, &r, "PUT", KVS "top?flatten=true", tree, 200);
    static const char *const keys[] = {"top/A/B", "top/A/D", "top/F"};
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "response")), (int)N(keys));
    answer = ask(&ctx, &r, "GET", KVS "top?keyOnly=T", NULL, 200);
    for (size_t i = 0; i < N(keys); i++) {
        char path[32];
        snprintf(path, sizeof(path), "response.%zu", i);
        CU_ASSERT_STRING_EQUAL(text_at(answer, path), keys[i]);
    }
    answer = ask(&ctx, &r, "GET", KVS "top/A?plaintext=1", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "response.0.value"), "1");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "response.1.value"), "");
    ask(&ctx, &r, "GET", KVS "to?keyOnly=true", NULL, 404); /* a prefix of a level is none */
    /* A key with children may have a value of its own; its time of creation stays. */
    ask(&ctx, &r, "PUT", KVS "top/A", put_body(&ctx, "\"x\""), 200);
    answer = ask(&ctx, &r, "GET", KVS "top/A?keyOnly=true", NULL, 200);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "response")), 3);
    int64_t created = int_at(ask(&ctx, &r, "GET", KVS "top/F", NULL, 200), "response.0.Created");
    CU_ASSERT_TRUE(wait_until(clock_is_past, &created, 1000));
    ask(&ctx, &r, "PUT", KVS "top/F?flatten=1", put_body(&ctx, "7"), 200);
    answer = ask(&ctx, &r, "GET", KVS "top/F", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "response.0.Created"), created);
    CU_ASSERT_TRUE(int_at(answer, "response.0.Modified") > created);
}

static void test_bad_requests_change_nothing(void)
{
    static const struct {
        const char *method, *target, *body;
        int code;
        const char *says;
    } cases[] = {
        {"PUT",    KVS "k",                "{\"apiVersion\":\"v3\"}",                 400, "the value field is undefined"           },
        {"PUT",    KVS "k",                "{\"value\":null}",                        400, "the value field is undefined"           },
        {"PUT",    KVS "k",                "{\"value\":{}}",                          400, "the value field is an empty object"     },
        {"PUT",    KVS "k",                "{\"value\":\"x\"",                        400, "malformed json"                         },
        {"PUT",    KVS "k",                "[{\"value\":\"x\"}]",                     400, ""                                       },
        {"PUT",    KVS "k",                "",                                        400, "EOF"                                    },
        {"PUT",    KVS "k?flatten=maybe",  "{\"value\":\"x\"}",                       400,
         "failed to parse querystring flatten into bool. Error:"                                                                    },
        {"PUT",    KVS "k%20y",            "{\"value\":\"x\"}",                       400, "key only allows characters between"     },
        {"PUT",    KVS "k%2By",            "{\"value\":\"x\"}",                       400, "key only allows characters between"     },
        {"PUT",    KVS "k%23",             "{\"value\":\"x\"}",                       400, "key only allows characters between"     },
        {"PUT",    KVS "%C3%BC",           "{\"value\":\"x\"}",                       400, "key only allows characters between"     },
        {"PUT",    KVS "k%0A",             "{\"value\":\"x\"}",                       400, "key only allows characters between"     },
        {"PUT",    KVS "k?flatten=true",   "{\"value\":{\"a\":1,\"b c\":2,\"+\":3}}", 400,
         "key only allows characters between"                                                                                       },
        {"GET",    KVS "k?keyOnly=yes",    NULL,                                      400,
         "failed to parse querystring keyOnly into bool. Error:"                                                                    },
        {"GET",    KVS "k?plaintext=2",    NULL,                                      400, "failed to parse querystring plaintext"  },
        {"GET",    KVS "k",                NULL,                                      404, "no key starting with 'k' found"         },
        {"DELETE", KVS "k",                NULL,                                      404, "key 'k' not found"                      },
        {"DELETE", KVS "k?prefixMatch=t",  NULL,                                      404, "key 'k' not found"                      },
        {"DELETE", KVS "k?prefixMatch=ja", NULL,                                      400, "failed to parse querystring prefixMatch"},
        {"GET",    KVS "",                 NULL,                                      404, ""                                       },
        {"POST",   KVS "k",                "{}",                                      405, ""                                       },
    };
    SERVICE_RIG(r, &core_keeper, BARE);
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *answer =
            ask(&ctx, &r, cases[i].method, cases[i].target, cases[i].body, cases[i].code);
        if (!strstr(text_at(answer, "message"), cases[i].says)) {
            printf("\n    %s: %s ", cases[i].target, text_at(answer, "message"));
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "message"), cases[i].says));
    }
    EDGE_CTX_SCOPE(ctx);
    ask(&ctx, &r, "GET", KVS "k", NULL, 404);
}

static const char *repeated(struct edge_ctx *ctx, const char *text, size_t n)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        edge_buf_puts(&b, text);
    }
    return edge_strdup(&ctx->arena, edge_buf_str(&b));
}

static const char *wide_tree(struct edge_ctx *ctx, size_t n)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        edge_buf_printf(&b, "%s\"k%zu\":%zu", i ? "," : "{", i, i);
    }
    edge_buf_putc(&b, '}');
    return put_body(ctx, edge_buf_str(&b));
}

static void test_too_much_is_refused_as_a_whole(void)
{
    SERVICE_RIG(r, &core_keeper, BARE);
    EDGE_CTX_SCOPE(ctx);
    struct edge_arena *a = &ctx.arena;
    const char *one = put_body(&ctx, "1");
    ask(&ctx, &r, "PUT", edge_printf(a, KVS "%s", repeated(&ctx, "k", 1024)), one, 200);
    ask(&ctx, &r, "PUT", edge_printf(a, KVS "%s", repeated(&ctx, "k", 1025)), one, 400);
    ask(&ctx, &r, "PUT", edge_printf(a, KVS "%sk", repeated(&ctx, "k/", 63)), one, 200);
    ask(&ctx, &r, "PUT", edge_printf(a, KVS "%sk", repeated(&ctx, "k/", 64)), one, 400);
    const char *large = edge_printf(a, "\"%s\"", repeated(&ctx, "v", 256 * 1024));
    const char *larger = edge_printf(a, "\"%s\"", repeated(&ctx, "v", 256 * 1024 + 1));
    ask(&ctx, &r, "PUT", KVS "large", put_body(&ctx, large), 200);
    ask(&ctx, &r, "PUT", KVS "larger", put_body(&ctx, larger), 413);
    ask(&ctx, &r, "PUT", KVS "wide?flatten=true", wide_tree(&ctx, 10000), 200);
    ask(&ctx, &r, "PUT", KVS "wider?flatten=true", wide_tree(&ctx, 10001), 413);
    ask(&ctx, &r, "GET", KVS "wider", NULL, 404);
    const char *deep =
        edge_printf(a, "%s1%s", repeated(&ctx, "{\"a\":", 100000), repeated(&ctx, "}", 100000));
    ask(&ctx, &r, "PUT", KVS "deep?flatten=true", put_body(&ctx, deep), 400);
    /* A long name on top of many: each key would have it. */
    const char *heavy = edge_printf(a, "{\"%s\":{\"a\":1,\"b\":2}}", repeated(&ctx, "n", 500000));
    ask(&ctx, &r, "PUT", KVS "heavy?flatten=true", put_body(&ctx, heavy), 400);
    const cJSON *answer = ask(&ctx, &r, "DELETE", KVS "wide?prefixMatch=true", NULL, 200);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "response")), 10000);
}

static void test_an_answer_is_bounded(void)
{
    SERVICE_RIG(r, &core_keeper, BARE);
    EDGE_CTX_SCOPE(ctx);
    const char *v = repeated(&ctx, "v", 250 * 1024);
    const char *three =
        edge_printf(&ctx.arena, "{\"a\":\"%s\",\"b\":\"%s\",\"c\":\"%s\"}", v, v, v);
    const char *body = put_body(&ctx, three);
    for (int i = 0; i < 46; i++) {
        EDGE_CTX_SCOPE(each);
        ask(&each, &r, "PUT", edge_printf(&each.arena, KVS "big/%d?flatten=true", i), body, 200);
    }
    ask(&ctx, &r, "GET", KVS "big?plaintext=true", NULL, 413);
    ask(&ctx, &r, "GET", KVS "big?keyOnly=true", NULL, 200);
    ask(&ctx, &r, "GET", KVS "big/7?plaintext=true", NULL, 200);
}

static void test_a_tree_is_removed_when_asked_for(void)
{
    SERVICE_RIG(r, &core_keeper, BARE);
    EDGE_CTX_SCOPE(ctx);
    const char *one = put_body(&ctx, "1");
    static const char *const keys[] = {KVS "a", KVS "a/b", KVS "a/b/c", KVS "ab", KVS "d/e"};
    for (size_t i = 0; i < N(keys); i++) {
        ask(&ctx, &r, "PUT", keys[i], one, 200);
    }
    ask(&ctx, &r, "DELETE", KVS "a", NULL, 409);
    ask(&ctx, &r, "DELETE", KVS "d?prefixMatch=false", NULL, 409); /* no value of its own */
    const cJSON *answer = ask(&ctx, &r, "GET", KVS "a?keyOnly=true", NULL, 200);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "response")), 3); /* all still there */
    answer = ask(&ctx, &r, "DELETE", KVS "a%2Fb%2Fc", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "response.0"), "a/b/c");
    answer = ask(&ctx, &r, "DELETE", KVS "a?prefixMatch=true", NULL, 200);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "response")), 2);
    ask(&ctx, &r, "GET", KVS "a", NULL, 404);
    ask(&ctx, &r, "GET", KVS "ab", NULL, 200);
}

/* ---- changes ----------------------------------------------------------------------------- */

struct changes {
    struct edge_mutex lock;
    struct edge_buf seen EDGE_GUARDED; /* "topic payload\n" each */
    size_t n EDGE_GUARDED;
    size_t wanted;
};

static enum edge_status note_change(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct changes *c = state;
    const cJSON *payload = NULL;
    EDGE_TRY(edge_message_tree(ctx, m, &payload));
    EDGE_LOCK(&c->lock);
    edge_buf_printf(&c->seen, "%s %s ", m->topic, m->content_type);
    edge_json_put(&c->seen, payload);
    edge_buf_putc(&c->seen, '\n');
    c->n++;
    return EDGE_OK;
}

static bool all_came(void *arg)
{
    struct changes *c = arg;
    EDGE_LOCK(&c->lock);
    return c->n >= c->wanted;
}

static const char *changes_text(struct changes *c)
{
    EDGE_LOCK(&c->lock);
    return edge_buf_str(&c->seen);
}

static void changes_done(struct changes *c)
{
    EDGE_LOCK(&c->lock);
    edge_buf_done(&c->seen);
}

static void test_changes_are_announced(void)
{
    EDGE_CLEANUP(changes_done) struct changes changes = {.wanted = 4};
    edge_mutex_init(&changes.lock);
    SERVICE_RIG(r, &core_keeper, BARE);
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(
        edge_bus_subscribe(&ctx, r.rt->bus, "edgex/configs/#", note_change, &changes, 0), EDGE_OK);
    ask(&ctx, &r, "PUT", KVS "edgex%2Fv4%2Fcore%2Ddata%2FWritable%2FLogLevel?flatten=false",
        put_body(&ctx, "\"DEBUG\""), 200);
    ask(&ctx, &r, "PUT", KVS "edgex/v4/x", put_body(&ctx, "{}"), 400);
    ask(&ctx, &r, "PUT", KVS "edgex/v4/x?flatten=true", put_body(&ctx, "{\"a\":{\"b\":1,\"c\":2}}"),
        200);
    ask(&ctx, &r, "DELETE", KVS "edgex/v4/x", NULL, 409);
    ask(&ctx, &r, "DELETE", KVS "edgex/v4/x?prefixMatch=true", NULL, 200);
    ask(&ctx, &r, "PUT", KVS "edgex/v4/y", put_body(&ctx, "\"\""), 200);
    CU_ASSERT_TRUE(wait_until(all_came, &changes, 10000));
    static const char expected[] =
        "edgex/configs/edgex/v4/core-data/Writable/LogLevel application/json "
        "{\"key\":\"edgex/v4/core-data/Writable/LogLevel\",\"Created\":0,\"Modified\":0,\"value\":"
        "\"DEBUG\"}\n"
        "edgex/configs/edgex/v4/x application/json "
        "{\"key\":\"edgex/v4/x\",\"Created\":0,\"Modified\":0,\"value\":{\"a\":{\"b\":1,\"c\":2}}}\n"
        "edgex/configs/edgex/v4/x application/json "
        "{\"key\":\"edgex/v4/x\",\"Created\":0,\"Modified\":0}\n"
        "edgex/configs/edgex/v4/y application/json "
        "{\"key\":\"edgex/v4/y\",\"Created\":0,\"Modified\":0,\"value\":\"\"}\n";
    CU_ASSERT_STRING_EQUAL(changes_text(&changes), expected);
    service_rig_stop(&r); /* before what its handler writes to ends */
}

/* ---- the common configuration ------------------------------------------------------------ */

static const char *common_yaml(struct edge_ctx *ctx, const char *file)
{
    const char *source = getenv("EDGE_SOURCE_DIR");
    return edge_printf(&ctx->arena, YAML "CommonConfig:\n  File: %s/services/core-keeper/res/%s\n",
                       source ? source : ".", file);
}

static void expect_common(struct service_rig *r, const char *key, const char *value)
{
    EDGE_CTX_SCOPE(ctx);
    const char *target = edge_printf(&ctx.arena, KVS COMMON "/%s?plaintext=true", key);
    const cJSON *answer = ask(&ctx, r, "GET", target, NULL, 200);
    if (strcmp(text_at(answer, "response.0.value"), value) != 0) {
        printf("\n    %s: %s ", key, text_at(answer, "response.0.value"));
    }
    CU_ASSERT_STRING_EQUAL(text_at(answer, "response.0.value"), value);
}

static void test_official_services_find_their_configuration(void)
{
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"IsCommonConfigReady",                                           "true"    },
        {"all-services/Service/CORSConfiguration/CORSMaxAge",             "3600"    },
        {"all-services/Service/ServerBindAddr",                           ""        },
        {"all-services/Service/RequestTimeout",                           "5s"      },
        {"all-services/MessageBus/Optional/Qos",                          "0"       },
        {"all-services/MessageBus/Optional/Subject",                      "edgex/#" },
        {"all-services/Clients/security-proxy-auth/Port",                 "59842"   },
        {"all-services/Writable/InsecureSecrets/DB/SecretName",           "postgres"},
        {"all-services/Writable/InsecureSecrets/DB/SecretData/username",  "postgres"},
        {"all-services/Writable/Telemetry/Metrics/SecuritySecretsStored", "false"   },
        {"all-services/MessageBus/SecretName",                            "mqtt-bus"},
        {"device-services/Device/Discovery/Interval",                     "0s"      },
        {"device-services/Device/MaxCmdOps",                              "12800"   },
        {"device-services/Device/DataTransform",                          "true"    },
        {"device-services/Clients/core-metadata/SecurityOptions/Mode",    ""        },
        {"app-services/Writable/StoreAndForward/MaxRetryCount",           "10"      },
        {"app-services/Trigger/SubscribeTopics",                          "events/#"},
    };
    EDGE_CTX_SCOPE(ctx);
    setenv("ALL_SERVICES_MESSAGEBUS_HOST", "broker", 1);
    setenv("DEVICE_SERVICES_CLIENTS_CORE_METADATA_PORT", "1", 1);
    SERVICE_RIG(r, &core_keeper, common_yaml(&ctx, "common.yaml"));
    unsetenv("ALL_SERVICES_MESSAGEBUS_HOST");
    unsetenv("DEVICE_SERVICES_CLIENTS_CORE_METADATA_PORT");
    for (size_t i = 0; i < N(cases); i++) {
        expect_common(&r, cases[i].key, cases[i].value);
    }
    expect_common(&r, "all-services/MessageBus/Host", "broker");
    expect_common(&r, "device-services/Clients/core-metadata/Port", "1");
    const cJSON *answer = ask(&ctx, &r, "GET", KVS COMMON "?keyOnly=true", NULL, 200);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "response")), 97);

    /* What people changed stays, unless somebody wants the file's values back. */
    ask(&ctx, &r, "PUT", KVS COMMON "/all-services/MessageBus/Port", put_body(&ctx, "7"), 200);
    ask(&ctx, &r, "DELETE", KVS COMMON "/all-services/MessageBus/Type", NULL, 200);
    service_rig_stop(&r);
    CU_ASSERT_EQUAL_FATAL(service_rig_start(&ctx, &r, NULL), EDGE_OK);
    expect_common(&r, "all-services/MessageBus/Port", "7");
    ask(&ctx, &r, "GET", KVS COMMON "/all-services/MessageBus/Type", NULL, 404);
    service_rig_stop(&r);
    CU_ASSERT_EQUAL_FATAL(service_rig_start(&ctx, &r, "-o"), EDGE_OK);
    expect_common(&r, "all-services/MessageBus/Port", "1883");
    expect_common(&r, "all-services/MessageBus/Type", "mqtt");
    expect_common(&r, "all-services/MessageBus/Host", "localhost");
}

/* Neither the file's nor a variable's, under whatever name: everybody can read there. */
static void test_credentials_of_the_common_configuration_are_left_out(void)
{
    static const char *const variables[] = {
        "ALL_SERVICES_WRITABLE_INSECURESECRETS_DB_SECRETDATA_PASSWORD",
        "ALL_SERVICES_MESSAGEBUS_OPTIONAL_PASSWORD",
        "ALL_SERVICES_SERVICE_STARTUPMSG",
    };
    static const char file[] =
        "all-services:\n"
        "  Writable:\n"
        "    InsecureSecrets:\n"
        "      DB: {SecretName: db, SecretData: {username: a-hidden, password: b-hidden}}\n"
        "      X: {secretname: x, secretdata: {Colour: c-hidden, Deep: {er: d-hidden}}}\n"
        "    Telemetry: {Metrics: {SecuritySecretsRequested: false}}\n"
        "  MessageBus: {Optional: {Username: e-hidden, Password: '', Qos: '0'}}\n"
        "  Service: {StartupMsg: hi, Port: 1, Labels: ['x://u:f-hidden@h']}\n"
        "app-services:\n"
        "  ApplicationSettings: {Pwd: g-hidden, PIN: 4711, ApiKeys: [h-hidden], Pinned: 'yes'}\n";
    EDGE_CTX_SCOPE(ctx);
    struct scratch dir;
    scratch_make(&dir);
    const char *path = edge_printf(&ctx.arena, "%s/common.yaml", dir.path);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(file, f);
    fclose(f);
    for (size_t i = 0; i < N(variables); i++) {
        setenv(variables[i], "tcp://u:i-hidden@h", 1);
    }
    SERVICE_RIG(r, &core_keeper, edge_printf(&ctx.arena, YAML "CommonConfig:\n  File: %s\n", path));
    for (size_t i = 0; i < N(variables); i++) {
        unsetenv(variables[i]);
    }
    expect_common(&r, "all-services/Writable/InsecureSecrets/DB/SecretName", "db");
    expect_common(&r, "all-services/Writable/Telemetry/Metrics/SecuritySecretsRequested", "false");
    expect_common(&r, "all-services/Service/Port", "1");
    expect_common(&r, "app-services/ApplicationSettings/Pinned", "yes");
    const cJSON *answer = ask(&ctx, &r, "GET", KVS COMMON "?plaintext=true", NULL, 200);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "response")), 7);
    char *text = cJSON_PrintUnformatted(answer);
    CU_ASSERT_PTR_NULL(strstr(text, "hidden"));
    CU_ASSERT_PTR_NULL(strstr(text, "4711"));
    cJSON_free(text);
    scratch_done(&dir);
}

static void test_bad_common_configuration_is_not_half_written(void)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"APP_SERVICES_CLIENTS_CORE_METADATA_PORT", "many"    },
        {"ALL_SERVICES_SERVICE_MAXRESULTCOUNT",     ""        },
        {"DEVICE_SERVICES_DEVICE_DATATRANSFORM",    "perhaps" },
        {"ALL_SERVICES_MESSAGEBUS_HOST",            "\xff\xfe"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        __attribute__((cleanup(service_rig_done))) struct service_rig r;
        service_rig_make(&r, &core_keeper, common_yaml(&ctx, "common.yaml"));
        setenv(cases[i].name, cases[i].value, 1);
        CU_ASSERT_EQUAL(service_rig_start(&ctx, &r, NULL), EDGE_INVALID);
        unsetenv(cases[i].name);
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), cases[i].name));
        edge_ctx_clear(&ctx);
        CU_ASSERT_EQUAL_FATAL(service_rig_start(&ctx, &r, NULL), EDGE_OK);
        expect_common(&r, "IsCommonConfigReady", "true");
    }
    EDGE_CTX_SCOPE(ctx);
    SERVICE_RIG(r, &core_keeper, common_yaml(&ctx, "nowhere.yaml")); /* goes on without */
    ask(&ctx, &r, "GET", KVS COMMON "/IsCommonConfigReady", NULL, 404);
}

/* ---- the registry ------------------------------------------------------------------------ */

static const char *registration(struct edge_ctx *ctx, const char *id, const char *status,
                                const char *host, int port, const char *interval)
{
    return edge_printf(&ctx->arena,
                       "{\"apiVersion\":\"v3\",\"requestId\":\"\",\"registration\":{\"serviceId\":"
                       "\"%s\",\"status\":\"%s\",\"host\":\"%s\",\"port\":%d,\"healthCheck\":{"
                       "\"interval\":\"%s\",\"path\":\"/api/v3/ping\",\"type\":\"http\"}}}",
                       id, status, host, port, interval);
}

static void test_services_register_and_leave(void)
{
    SERVICE_RIG(r, &core_keeper, BARE);
    EDGE_CTX_SCOPE(ctx);
    const char *body = registration(&ctx, "device/one", "SLEEPY", "h", 1, "1h");
    ask(&ctx, &r, "PUT", REGISTRY, body, 404);
    const cJSON *answer = ask(&ctx, &r, "POST", REGISTRY, body, 201);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "serviceName"), "device/one");
    CU_ASSERT_EQUAL(int_at(answer, "statusCode"), 201);
    answer = ask(&ctx, &r, "POST", REGISTRY, body, 409);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"),
                           "registry with service id 'device/one' already exists");
    answer = ask(&ctx, &r, "GET", REGISTRY "/serviceId/device/one", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "registration.status"), "UNKNOWN");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "registration.HealthCheck.interval"), "1h");
    int64_t created = int_at(answer, "registration.created");
    CU_ASSERT_TRUE(created > 0);

    CU_ASSERT_PTR_NULL(ask(&ctx, &r, "PUT", REGISTRY,
                           registration(&ctx, "device/one", "HALT", "g", 2, "1h"), 204));
    answer = ask(&ctx, &r, "GET", REGISTRY "/serviceId/device%2Fone", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "registration.status"), "HALT");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "registration.host"), "g");
    CU_ASSERT_EQUAL(int_at(answer, "registration.created"), created);
    ask(&ctx, &r, "POST", REGISTRY, registration(&ctx, "two", "UP", "h", 2, "1h"), 201);
    answer = ask(&ctx, &r, "GET", REGISTRY "/all", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "totalCount"), 1);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "registrations.0.serviceId"), "two");
    answer = ask(&ctx, &r, "GET", REGISTRY "/all?deregistered=true", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "totalCount"), 2);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "registrations")), 2);
    ask(&ctx, &r, "GET", REGISTRY "/all?deregistered=maybe", NULL, 400);

    CU_ASSERT_PTR_NULL(ask(&ctx, &r, "DELETE", REGISTRY "/serviceId/device/one", NULL, 204));
    answer = ask(&ctx, &r, "DELETE", REGISTRY "/serviceId/device/one", NULL, 404);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"), "registration not found by serviceId");
    ask(&ctx, &r, "GET", REGISTRY "/serviceId/device/one", NULL, 404);
}

static void test_nonsense_does_not_register(void)
{
    static const struct {
        const char *id, *host, *interval;
        int port;
    } cases[] = {
        {"",  "h",           "1s",                    1    },
        {" ", "h",           "1s",                    1    },
        {"a", "",            "1s",                    1    },
        {"a", "h/../x",      "1s",                    1    },
        {"a", "u@h",         "1s",                    1    },
        {"a", "h h",         "1s",                    1    },
        {"a", "h\\r\\nX: y", "1s",                    1    },
        {"a", "\xc3\xbc",    "1s",                    1    },
        {"a", "h",           "",                      1    },
        {"a", "h",           "0s",                    1    },
        {"a", "h",           "-1s",                   1    },
        {"a", "h",           "soon",                  1    },
        {"a", "h",           "99999999999999999999h", 1    },
        {"a", "h",           "1s",                    0    },
        {"a", "h",           "1s",                    -1   },
        {"a", "h",           "1s",                    65536},
    };
    SERVICE_RIG(r, &core_keeper, BARE);
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        ask(&ctx, &r, "POST", REGISTRY,
            registration(&ctx, cases[i].id, "UP", cases[i].host, cases[i].port, cases[i].interval),
            400);
    }
    EDGE_CTX_SCOPE(ctx);
    static const char *const bodies[] = {"",
                                         "[]",
                                         "null",
                                         "{\"apiVersion\":\"v3\"}",
                                         "{\"apiVersion\":\"v3\",\"registration\":7}",
                                         "{\"registration\":{}}"};
    for (size_t i = 0; i < N(bodies); i++) {
        ask(&ctx, &r, "POST", REGISTRY, bodies[i], 400);
        ask(&ctx, &r, "PUT", REGISTRY, bodies[i], 400);
    }
    const cJSON *answer = ask(&ctx, &r, "GET", REGISTRY "/all", NULL, 200);
    CU_ASSERT_EQUAL(int_at(answer, "totalCount"), 0);
    for (int i = 0; i <= 512; i++) {
        const char *id = edge_printf(&ctx.arena, "s%d", i);
        ask(&ctx, &r, "POST", REGISTRY, registration(&ctx, id, "", "h", 1, "200000h"),
            i < 512 ? 201 : 413);
    }
}

/* ---- health ------------------------------------------------------------------------------ */

#define OK_ANSWER   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define FAIL_ANSWER "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"

static const struct peer_step HEALTHY[] = {
    {PEER_ANSWER, OK_ANSWER}
};
static const struct peer_step SILENT[] = {
    {PEER_HANG, NULL}
};

static int port_of(const struct tcp_peer *p)
{
    return (int)strtol(strrchr(tcp_peer_url(p), ':') + 1, NULL, 10);
}

static void add_service(struct service_rig *r, const char *id, const struct tcp_peer *p,
                        const char *interval)
{
    EDGE_CTX_SCOPE(ctx);
    ask(&ctx, r, "POST", REGISTRY, registration(&ctx, id, "", "127.0.0.1", port_of(p), interval),
        201);
}

struct expected {
    struct service_rig *r;
    const char *id, *status;
    int64_t modified_after;
};

static bool has_status(void *arg)
{
    struct expected *e = arg;
    EDGE_CTX_SCOPE(ctx);
    const char *target = edge_printf(&ctx.arena, REGISTRY "/serviceId/%s", e->id);
    const cJSON *answer = ask(&ctx, e->r, "GET", target, NULL, 200);
    return strcmp(text_at(answer, "registration.status"), e->status) == 0 &&
           int_at(answer, "registration.modified") > e->modified_after;
}

static void expect_status(struct service_rig *r, const char *id, const char *status)
{
    struct expected e = {r, id, status, 0};
    CU_ASSERT_TRUE(wait_until(has_status, &e, 10000));
}

static void test_health_follows_the_answers(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, FAIL_ANSWER  },
        {PEER_CLOSE,  "SSH-2.0\r\n"},
        {PEER_ANSWER, OK_ANSWER    },
        {PEER_ANSWER, OK_ANSWER    },
        {PEER_ANSWER, FAIL_ANSWER  },
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    SERVICE_RIG(r, &core_keeper, BARE);
    EDGE_CTX_SCOPE(ctx);
    add_service(&r, "s", p, "400ms");
    expect_status(&r, "s", "DOWN");
    expect_status(&r, "s", "UP");
    CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(p), "GET /api/v3/ping HTTP/1.1"));
    expect_status(&r, "s", "DOWN");
    /* Checks that change nothing show as well. */
    const cJSON *answer = ask(&ctx, &r, "GET", REGISTRY "/all", NULL, 200);
    struct expected later = {&r, "s", "DOWN", int_at(answer, "registrations.0.modified")};
    CU_ASSERT_TRUE(wait_until(has_status, &later, 10000));
    tcp_peer_free(p);
    expect_status(&r, "s", "DOWN");
}

static void test_silent_hosts_delay_nobody(void)
{
    struct tcp_peer *silent = tcp_peer_start(SILENT, 1), *healthy = tcp_peer_start(HEALTHY, 1);
    {
        SERVICE_RIG(r, &core_keeper, BARE);
        for (int i = 0; i < 40; i++) {
            char id[32];
            snprintf(id, sizeof(id), "silent%d", i);
            add_service(&r, id, silent, "200ms");
        }
        add_service(&r, "healthy", healthy, "200ms");
        CU_ASSERT_TRUE(tcp_peer_wait_for(healthy, 5));
        expect_status(&r, "healthy", "UP");
    }
    tcp_peer_free(silent);
    tcp_peer_free(healthy);
}

static void test_slow_answers_count(void)
{
    char slow[200]; /* some 3 ms each byte */
    snprintf(slow, sizeof(slow), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Pad: %0120d\r\n\r\n",
             0);
    const struct peer_step script[] = {
        {PEER_DRIP, slow}
    };
    struct tcp_peer *p = tcp_peer_start(script, 1);
    {
        SERVICE_RIG(r, &core_keeper, BARE);
        add_service(&r, "s", p, "200ms");
        expect_status(&r, "s", "UP");
    }
    tcp_peer_free(p);
}

/* Neither that nor how long it is: only the code counts, and nothing else is kept. */
static void test_a_body_without_end_is_not_waited_for(void)
{
    static const struct {
        struct peer_step step;
        const char *status;
    } cases[] = {
        {{PEER_FLOOD, "HTTP/1.1 200 OK\r\n\r\n"},                                       "UP"  },
        {{PEER_FLOOD, "HTTP/1.1 204 No Content\r\nContent-Length: 9999999999\r\n\r\n"}, "UP"  },
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\nx"},        "UP"  },
        {{PEER_FLOOD, "HTTP/1.1 500 Oops\r\n\r\n"},                                     "DOWN"},
        {{PEER_FLOOD, "HTTP/1.1 "},                                                     "DOWN"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct tcp_peer *p = tcp_peer_start(&cases[i].step, 1);
        {
            SERVICE_RIG(r, &core_keeper, BARE);
            add_service(&r, "s", p, "200ms");
            expect_status(&r, "s", cases[i].status);
        }
        tcp_peer_free(p);
    }
}

static void test_stopping_does_not_wait_for_silent_hosts(void)
{
    struct tcp_peer *silent = tcp_peer_start(SILENT, 1);
    SERVICE_RIG(r, &core_keeper, BARE);
    add_service(&r, "s", silent, "200ms");
    CU_ASSERT_TRUE(tcp_peer_wait_for(silent, 1));
    int64_t began = edge_now_mono_ms();
    service_rig_stop(&r);
    CU_ASSERT_TRUE(edge_now_mono_ms() - began < 3000); /* RequestTimeout is 5 s */
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL_FATAL(service_rig_start(&ctx, &r, NULL), EDGE_OK);
    const cJSON *answer = ask(&ctx, &r, "GET", REGISTRY "/serviceId/s", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "registration.status"), "UNKNOWN"); /* not judged */
    CU_ASSERT_TRUE(tcp_peer_wait_for(silent, 2)); /* a restart goes on asking */
    service_rig_stop(&r);
    tcp_peer_free(silent);
}

static void test_changes_of_a_registration_count_at_once(void)
{
    struct tcp_peer *a = tcp_peer_start(HEALTHY, 1), *b = tcp_peer_start(HEALTHY, 1);
    {
        SERVICE_RIG(r, &core_keeper, BARE);
        EDGE_CTX_SCOPE(ctx);
        add_service(&r, "s", a, "2400h");
        ask(&ctx, &r, "PUT", REGISTRY,
            registration(&ctx, "s", "", "127.0.0.1", port_of(a), "200ms"), 204);
        expect_status(&r, "s", "UP");
        ask(&ctx, &r, "PUT", REGISTRY,
            registration(&ctx, "s", "HALT", "127.0.0.1", port_of(a), "200ms"), 204);
        add_service(&r, "t", b, "200ms");
        CU_ASSERT_TRUE(tcp_peer_wait_for(b, 2));
        unsigned asked = tcp_peer_requests(a);
        CU_ASSERT_TRUE(tcp_peer_wait_for(b, 6));
        CU_ASSERT_EQUAL(tcp_peer_requests(a), asked); /* halted: left alone */
        expect_status(&r, "s", "HALT");
        ask(&ctx, &r, "PUT", REGISTRY,
            registration(&ctx, "s", "", "127.0.0.1", port_of(a), "200ms"), 204);
        CU_ASSERT_TRUE(tcp_peer_wait_for(a, asked + 1)); /* and again */
        ask(&ctx, &r, "DELETE", REGISTRY "/serviceId/s", NULL, 204);
        add_service(&r, "s", b, "2400h"); /* the same name, another service */
        expect_status(&r, "t", "UP");
    }
    tcp_peer_free(a);
    tcp_peer_free(b);
}

/* Registered and never seen reading: whoever puts a value is told, and the value is kept. */
static void test_values_nobody_reads_are_remarked_on(void)
{
    static const char key[] = KVS "edgex/v4/svc%252Fa/Writable/LogLevel";
    static const char said[] = "svc/a is registered and has not read its configuration";
    SERVICE_RIG(r, &core_keeper, BARE);
    EDGE_CTX_SCOPE(ctx);
    edge_log_set_level(r.rt->log, EDGE_LOG_ERROR);
    const char *value = put_body(&ctx, "\"DEBUG\"");
    CU_ASSERT_PTR_NULL(at(ask(&ctx, &r, "PUT", key, value, 200), "message")); /* nobody yet */

    ask(&ctx, &r, "POST", REGISTRY, registration(&ctx, "svc/a", "UP", "h", 1, "1h"), 201);
    const cJSON *answer = ask(&ctx, &r, "PUT", key, value, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "response.0"), "edgex/v4/svc%2Fa/Writable/LogLevel");
    CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "message"), said));
    ask(&ctx, &r, "GET", key, NULL, 200); /* a part of it is no sign of a service */
    CU_ASSERT_PTR_NOT_NULL(at(ask(&ctx, &r, "PUT", key, value, 200), "message"));
    CU_ASSERT_PTR_NULL(at(ask(&ctx, &r, "PUT", KVS COMMON "/x", value, 200), "message"));
    CU_ASSERT_PTR_NULL(at(ask(&ctx, &r, "PUT", KVS "elsewhere", value, 200), "message"));

    ask(&ctx, &r, "GET", KVS "edgex/v4/svc%252Fb?keyOnly=true", NULL, 404); /* another's */
    CU_ASSERT_PTR_NOT_NULL(at(ask(&ctx, &r, "PUT", key, value, 200), "message"));
    ask(&ctx, &r, "GET", KVS "edgex%2Fv4%2Fsvc%252Fa?keyOnly=true", NULL, 200);
    CU_ASSERT_PTR_NULL(at(ask(&ctx, &r, "PUT", key, value, 200), "message"));
    ask(&ctx, &r, "PUT", REGISTRY, registration(&ctx, "svc/a", "HALT", "h", 1, "1h"), 204);
    ask(&ctx, &r, "PUT", REGISTRY, registration(&ctx, "svc/a", "UP", "h", 1, "1h"), 204);
    CU_ASSERT_PTR_NOT_NULL(at(ask(&ctx, &r, "PUT", key, value, 200), "message"));
    ask(&ctx, &r, "GET", KVS "edgex%2Fv4%2Fsvc%252Fa?plaintext=true", NULL, 200);
    CU_ASSERT_PTR_NULL(at(ask(&ctx, &r, "PUT", key, value, 200), "message"));
}

CU_TestInfo core_keeper_tests[] = {
    {"values nobody reads are remarked on",                  test_values_nobody_reads_are_remarked_on       },
    {"values come back as texts",                            test_values_come_back_as_texts                 },
    {"trees become keys",                                    test_trees_become_keys                         },
    {"bad requests change nothing",                          test_bad_requests_change_nothing               },
    {"too much is refused as a whole",                       test_too_much_is_refused_as_a_whole            },
    {"an answer is bounded",                                 test_an_answer_is_bounded                      },
    {"a tree is removed when asked for",                     test_a_tree_is_removed_when_asked_for          },
    {"changes are announced",                                test_changes_are_announced                     },
    {"official services find their configuration",           test_official_services_find_their_configuration},
    {"credentials of the common configuration are left out",
     test_credentials_of_the_common_configuration_are_left_out                                              },
    {"bad common configuration is not half written",
     test_bad_common_configuration_is_not_half_written                                                      },
    {"services register and leave",                          test_services_register_and_leave               },
    {"nonsense does not register",                           test_nonsense_does_not_register                },
    {"health follows the answers",                           test_health_follows_the_answers                },
    {"silent hosts delay nobody",                            test_silent_hosts_delay_nobody                 },
    {"a body without end is not waited for",                 test_a_body_without_end_is_not_waited_for      },
    {"slow answers count",                                   test_slow_answers_count                        },
    {"stopping does not wait for silent hosts",              test_stopping_does_not_wait_for_silent_hosts   },
    {"changes of a registration count at once",              test_changes_of_a_registration_count_at_once   },
    CU_TEST_INFO_NULL,
};
