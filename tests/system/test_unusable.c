/* Whatever core-keeper holds for a key, be it of the wrong form or sound and of no use, keeps no
 * process from starting: nobody could mend it there, as core-keeper would not run either. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "long_run.h"
#include "platform.h"
#include "suites.h"

#define KVS    "/api/v3/kvs/key/"
#define ROOT   "edgex/v4/"
#define COMMON "core-common-config-bootstrapper"

static void put(const struct platform *p, const char *key, const char *value)
{
    EDGE_CTX_SCOPE(ctx);
    cJSON *body = edge_json_object(&ctx);
    cJSON_AddStringToObject(body, "value", value);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, body);
    expect(&ctx, p, KEEPER, "PUT", edge_printf(&ctx.arena, KVS "%s", key), edge_buf_str(&text),
           200);
}

/* As it was configured; with devices it may be out of luck. */
static bool all_answer(struct platform *p)
{
    platform_launch(p);
    for (unsigned s = 0; s < N_SERVICES; s++) {
        if (!platform_answers(p, s)) {
            fprintf(stderr, "service %u does not answer\n", s);
            platform_print_logs(p);
            return false;
        }
    }
    return true;
}

#define PROVIDED(name, shape)                                                                      \
    __attribute__((cleanup(platform_done))) struct platform name;                                  \
    platform_make(&name, shape);                                                                   \
    name.provided = true;                                                                          \
    CU_ASSERT_TRUE_FATAL(platform_up(&name))

/* ---- every key there is ------------------------------------------------------------------- */

static const char *const sections[] = {"core-metadata", "core-data", "core-command",
                                       "device-virtual", COMMON};
enum { N_SECTIONS = sizeof(sections) / sizeof(sections[0]) };

/* Of these it is no matter of form where a service is to be found afterwards. */
static bool leads_elsewhere(const char *key, const char *value)
{
    const char *last = strrchr(key, '/');
    return strcmp(last, "/IsCommonConfigReady") == 0 ||
           (strcmp(last, "/Port") == 0 && strstr(key, "/Service/") && strcmp(value, "0") == 0);
}

struct pairs {
    const cJSON *of[N_SECTIONS];
};

static void pairs_read(struct edge_ctx *ctx, const struct platform *p, struct pairs *ret)
{
    for (size_t i = 0; i < N_SECTIONS; i++) {
        const char *target = edge_printf(&ctx->arena, KVS ROOT "%s?plaintext=true", sections[i]);
        ret->of[i] = at(expect(ctx, p, KEEPER, "GET", target, NULL, 200), "response");
        CU_ASSERT_TRUE(cJSON_GetArraySize(ret->of[i]) > 10);
    }
}

/* All of them @p value; NULL: as they were. */
static void put_all(const struct platform *p, const struct pairs *pairs, const char *value)
{
    for (size_t i = 0; i < N_SECTIONS; i++) {
        const cJSON *pair;
        cJSON_ArrayForEach(pair, pairs->of[i])
        {
            const char *key = text_at(pair, "key");
            if (!leads_elsewhere(key, value ? value : "")) {
                put(p, key, value ? value : text_at(pair, "value"));
            }
        }
    }
}

static void every_key(enum platform_shape shape)
{
    static const char *const values[] = {
        "consul",          "",     "-1",     "0",      "[\"{",
        "5 parsecs",       "true", "a/#/+b", "tcp://", "99999999999999999999",
        "127.0.0.1:99999",
    };
    const size_t n = (size_t)long_run_rounds(sizeof(values) / sizeof(values[0]), 5);
    PROVIDED(p, shape);
    EDGE_CTX_SCOPE(ctx);
    struct pairs pairs;
    pairs_read(&ctx, &p, &pairs);
    for (size_t i = 0; i < n; i++) {
        put_all(&p, &pairs, values[i]);
        CU_ASSERT_TRUE(platform_down(&p));
        bool up = all_answer(&p);
        CU_ASSERT_TRUE_FATAL(up);
    }
    put_all(&p, &pairs, NULL);
    CU_ASSERT_TRUE(platform_down(&p));
    CU_ASSERT_TRUE(platform_up(&p));
}

static void test_every_key_in_one_process(void)
{
    every_key(SHAPE_ONE);
}

static void test_every_key_between_processes(void)
{
    every_key(SHAPE_SPLIT);
}

/* ---- sound, and of no use ----------------------------------------------------------------- */

/* Each of these is judged by whom it is for, not by its form. */
static const struct unusable {
    const char *section, *key, *value;
} unusable[] = {
    {"core-data",      "Registry/Type",                                 "consul"           },
    {COMMON,           "all-services/Registry/Type",                    "eureka"           },
    {"core-metadata",  "Registry/Host",                                 "nowhere.invalid"  },
    {"core-command",   "Registry/Port",                                 "0"                },
    {"core-data",      "MessageBus/Protocol",                           "ssl"              },
    {"core-data",      "MessageBus/Optional/CaFile",                    "/no/such/file.pem"},
    {"core-metadata",  "MessageBus/AuthMode",                           "cacert"           },
    {"core-command",   "MessageBus/AuthMode",                           "clientcert"       },
    {"device-virtual", "MessageBus/AuthMode",                           "usernamepassword" },
    {"device-virtual", "MessageBus/SecretName",                         "nobody-has-it"    },
    {"core-command",   "MessageBus/Host",                               ""                 },
    {"core-metadata",  "MessageBus/Port",                               "0"                },
    {"core-metadata",  "MessageBus/Optional/ClientId",                  ""                 },
    {"core-command",   "MessageBus/BaseTopicPrefix",                    "a//b"             },
    {"core-data",      "MessageBus/BaseTopicPrefix",                    "$SYS"             },
    {"device-virtual", "MessageBus/Disabled",                           "true"             },
    {"core-data",      "Database/Type",                                 "redisdb"          },
    {"core-data",      "Database/Host",                                 "nowhere.invalid"  },
    {"core-data",      "Database/Name",                                 "secrets.json"     },
    {"core-data",      "Clients/core-metadata/Protocol",                "gopher"           },
    {"core-command",   "Clients/core-metadata/Host",                    "nowhere.invalid"  },
    {"device-virtual", "Clients/core-metadata/Port",                    "0"                },
    {"core-command",   "Clients/core-metadata/Host",                    ""                 },
    {"core-command",   "Service/Host",                                  ""                 },
    {"core-data",      "Service/MemoryBudget",                          "1"                },
    {"core-data",      "Service/RequestTimeout",                        "1ns"              },
    {"core-metadata",  "Service/HealthCheckInterval",                   "1ns"              },
    {"core-metadata",  "UoM/UoMFile",                                   "/proc/self"       },
    {"core-command",   "ExternalMQTT/Enabled",                          "true"             },
    {"core-command",   "ExternalMQTT/Url",                              "gopher://nowhere" },
    {"core-command",   "ExternalMQTT/Topics/CommandQueryResponseTopic", "edgex/+"          },
    {"core-data",      "Retention/Interval",                            "1ns"              },
    {"core-data",      "Retention/DefaultDuration",                     "1ns"              },
    {"core-data",      "Gather/Interval",                               "99999h"           },
    {"core-data",      "Writable/Telemetry/Interval",                   "1ns"              },
    {"device-virtual", "Device/ProfilesDir",                            "/proc/self/mem"   },
    {"device-virtual", "Device/DevicesDir",                             "/no/such/folder"  },
    {"device-virtual", "Device/Discovery/Enabled",                      "true"             },
    {"device-virtual", "Device/Discovery/Interval",                     "1ns"              },
    {"device-virtual", "Device/Outbox/MaxKB",                           "16777217"         },
    {"device-virtual", "Device/MaxWorkers",                             "0"                },
    {"device-virtual", "Driver/Nonsense/Of/Depth",                      "x"                },
    {COMMON,           "device-services/Device/MaxCmdOps",              "0"                },
    {COMMON,           "all-services/Service/ServerBindAddr",           "198.51.100.77"    },
    {COMMON,           "all-services/Clients/core-metadata/Protocol",   "gopher"           },
};

static const char *key_of(struct edge_arena *a, const struct unusable *u)
{
    return edge_printf(a, ROOT "%s/%s", u->section, u->key);
}

/* What is refused is named with all there is to say; and the services find each other. */
static void expect_named(const struct platform *p)
{
    static const char *const named[][2] = {
        {"key=Registry.Type",                  "value=consul"      },
        {"key=Database.Type",                  "value=redisdb"     },
        {"key=Database.Name",                  "value=secrets.json"},
        {"key=Clients.core-metadata.Protocol", "value=gopher"      },
    };
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        CU_ASSERT_TRUE(platform_log_lines(p, DATA, named[i][0], named[i][1]) > 0);
    }
    CU_ASSERT_TRUE(platform_log_lines(p, DATA, "value=consul", "source=\"the configuration") > 0);
    CU_ASSERT_TRUE(platform_log_lines(p, DATA, "value=eureka", "source=\"all-services of") > 0);
    EDGE_CTX_SCOPE(ctx);
    const cJSON *shown = expect(&ctx, p, DATA, "GET", "/api/v3/config", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(shown, "config.Registry.Type"), "keeper");
    CU_ASSERT_STRING_EQUAL(text_at(shown, "config.Clients.core-metadata.Protocol"), "http");
}

static void of_no_use(enum platform_shape shape)
{
    PROVIDED(p, shape);
    EDGE_CTX_SCOPE(ctx);
    for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
        put(&p, key_of(&ctx.arena, &unusable[i]), unusable[i].value);
    }
    CU_ASSERT_TRUE(platform_down(&p));
    bool up = all_answer(&p);
    CU_ASSERT_TRUE_FATAL(up);
    expect_named(&p);
}

static void test_of_no_use_in_one_process(void)
{
    of_no_use(SHAPE_ONE);
}

static void test_of_no_use_between_processes(void)
{
    of_no_use(SHAPE_SPLIT);
}

/* ---- too much ------------------------------------------------------------------------------ */

/* More values, and larger ones, than a service reads. */
static void too_much(enum platform_shape shape)
{
    enum { N_SMALL = 5100, N_LARGE = 160, LARGE = 250 * 1000 };
    setenv("EDGEX_STARTUP_DURATION", "3", 1);
    PROVIDED(p, shape);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf all = EDGE_BUF_INIT;
    edge_buf_puts(&all, "{\"apiVersion\":\"v3\",\"value\":{\"k\":\"v\"");
    for (int i = 0; i < N_SMALL; i++) {
        edge_buf_printf(&all, ",\"k%d\":\"v\"", i);
    }
    edge_buf_puts(&all, "}}");
    expect(&ctx, &p, KEEPER, "PUT", KVS ROOT "core-data/Junk?flatten=true", edge_buf_str(&all),
           200);
    char *large = edge_xalloc(1, LARGE + 1);
    memset(large, 'x', LARGE);
    for (int i = 0; i < N_LARGE && shape == SHAPE_ONE; i++) {
        put(&p, edge_printf(&ctx.arena, ROOT "core-command/Junk/%d", i), large);
    }
    free(large);
    CU_ASSERT_TRUE(platform_down(&p));
    bool up = all_answer(&p);
    unsetenv("EDGEX_STARTUP_DURATION");
    CU_ASSERT_TRUE_FATAL(up);
    CU_ASSERT_TRUE(platform_log_lines(&p, DATA, "values cannot be used", "app=core-data") > 0);
}

static void test_too_much_in_one_process(void)
{
    too_much(SHAPE_ONE);
}

static void test_too_much_between_processes(void)
{
    too_much(SHAPE_SPLIT);
}

CU_TestInfo unusable_tests[] = {
    {"every key, in one process",    test_every_key_in_one_process   },
    {"every key, between processes", test_every_key_between_processes},
    {"of no use, in one process",    test_of_no_use_in_one_process   },
    {"of no use, between processes", test_of_no_use_between_processes},
    {"too much, in one process",     test_too_much_in_one_process    },
    {"too much, between processes",  test_too_much_between_processes },
    CU_TEST_INFO_NULL,
};
