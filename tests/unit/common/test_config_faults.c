/* Values and keys that cannot be: refused alone, fatal, or named in the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "config_bench.h"
#include "edge/log.h"
#include "edge/text.h"
#include "suites.h"

/* Whatever the provider says of one key, its neighbours are taken and nothing fails. */
static void test_a_bad_value_is_refused_alone(void)
{
    static const char *const bad[] = {
        "\"Limits\":{\"Ratio\":\"9\",\"MaxEntries\":\"many\"}",
        "\"Limits\":{\"Ratio\":\"9\",\"MaxEntries\":\"0\"}",
        "\"Limits\":{\"Ratio\":\"9\",\"MaxEntries\":\"1001\"}",
        "\"Limits\":{\"Ratio\":\"9\",\"MaxEntries\":\"99999999999999999999\"}",
        "\"Limits\":{\"Ratio\":\"9\",\"MaxEntries\":{\"a\":\"1\"}}",
        "\"Limits\":{\"Ratio\":\"9\",\"Names\":{\"0\":\"a\",\"1\":{\"b\":\"c\"}}}",
        "\"Limits\":{\"Ratio\":\"9\",\"Nonsense\":\"1\"}",
        "\"Limits\":{\"Ratio\":\"9\"},\"Service\":\"[\"",
        "\"Limits\":{\"Ratio\":\"9\"},\"Clients\":{\"a\":\"b\"}",
        "\"Limits\":{\"Ratio\":\"9\"},\"Clients\":{\"a\":{\"Port\":\"b\"}}",
        "\"Limits\":{\"Ratio\":\"9\"},\"Clients\":\"a\"",
        "\"Limits\":{\"Ratio\":\"9\"},\"Driver\":\"none\"",
        "\"Limits\":{\"Ratio\":\"9\"},\"Driver\":{\"Name\":{\"x\":\"1\"}}",
        "\"Limits\":{\"Ratio\":\"9\"},\"Writable\":{\"Telemetry\":{\"Metrics\":{\"a\":\"perhaps\"}}}",
        "\"Limits\":{\"Ratio\":\"9\"},\"Service\":{\"RequestTimeout\":\"\"}",
    };
    struct config_bench b;
    config_bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    b.ctx.log = log;
    config_bench_put(&b, "configuration.yaml",
                     "Limits: {MaxEntries: 7, Names: [x]}\nDriver: {Name: n}\n");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct edge_config_remote remote = {
            .own = config_bench_tree(&b, edge_printf(&b.ctx.arena, "{%s}", bad[i]))};
        b.source.remote = &remote;
        config_bench_load(&b);
        CU_ASSERT_EQUAL(config_bench_refused(&b), 1);
        CU_ASSERT_DOUBLE_EQUAL(b.config.limits.ratio, 9, 0);
        CU_ASSERT_EQUAL(b.config.limits.max_entries, 7);
        CU_ASSERT_EQUAL_FATAL(b.config.limits.n_names, 1);
        CU_ASSERT_STRING_EQUAL(b.config.limits.names[0], "x");
        CU_ASSERT_EQUAL(b.config.base.n_clients, 0);
        CU_ASSERT_STRING_EQUAL(edge_json_member(b.config.driver, "Name", true)->valuestring, "n");
        CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "5s");
    }
    b.ctx.log = NULL;
    edge_log_free(log);
    config_bench_close(&b);
}

/* As a driver's table would: Name has at most three letters, and Speed is the other key there is. */
static enum edge_status short_name(struct edge_ctx *ctx, const void *arg, const char *section,
                                   const char *key, const cJSON *value, struct edge_nearest *near)
{
    edge_nearest_offer(near, "Name");
    edge_nearest_offer(near, "Speed");
    if (strcmp(key, "Name") != 0 && strcmp(key, "Speed") != 0) {
        return EDGE_NOT_FOUND;
    }
    CU_ASSERT_STRING_EQUAL(section, "Driver");
    CU_ASSERT_STRING_EQUAL(arg, "driver");
    bool wrong = strcmp(key, "Name") == 0 && strlen(value->valuestring) > 3;
    return wrong ? edge_fail(ctx, EDGE_INVALID, "is too long") : EDGE_OK;
}

static void test_free_form_keys_have_rules_of_their_own(void)
{
    struct config_bench b;
    config_bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    b.ctx.log = log;
    b.source.check_free = short_name;
    b.source.free_arg = "driver";
    config_bench_put(&b, "configuration.yaml", "Driver: {Name: n, Speed: 1}\n");
    struct edge_config_remote remote = {
        .own = config_bench_tree(&b, "{\"Driver\":{\"Name\":\"much too long\",\"Speed\":\"2\"}}")};
    b.source.remote = &remote;
    config_bench_load(&b);
    CU_ASSERT_EQUAL(config_bench_refused(&b), 1);
    CU_ASSERT_STRING_EQUAL(edge_json_member(b.config.driver, "Name", true)->valuestring, "n");
    CU_ASSERT_STRING_EQUAL(edge_json_member(b.config.driver, "Speed", true)->valuestring, "2");
    b.ctx.log = NULL;
    edge_log_free(log);
    config_bench_close(&b);
}

/* What a bad value finds in its place is what the key held, wherever that came from. */
static void test_a_bad_value_keeps_what_was_held(void)
{
    struct config_bench b;
    config_bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    b.ctx.log = log;
    config_bench_put(&b, "configuration.yaml", "Limits: {MaxEntries: 7}\n");
    struct edge_config_remote remote = {
        .all_services = config_bench_tree(&b, "{\"Service\":{\"MaxResultCount\":\"11\"}}"),
        .own = config_bench_tree(&b, "{\"Limits\":{\"MaxEntries\":\"8\",\"Names\":\"a, b\"},"
                                     "\"Clients\":{\"c\":{\"Port\":\"5\"}}}")};
    b.source.remote = &remote;
    config_bench_load(&b);
    struct edge_config_loaded before = b.loaded;
    b.source.before = &before;
    remote.all_services = config_bench_tree(&b, "{\"Service\":{\"MaxResultCount\":\"-1\"}}");
    remote.own =
        config_bench_tree(&b, "{\"Limits\":{\"MaxEntries\":\"x\",\"Names\":{\"0\":{\"1\":\"2\"}},"
                              "\"Ratio\":\"3\"},\"Clients\":{\"c\":{\"Port\":\"70000\"}}}");
    config_bench_load(&b);
    CU_ASSERT_EQUAL(config_bench_refused(&b), 4);
    CU_ASSERT_EQUAL(b.config.base.service.max_result_count, 11);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 8);
    CU_ASSERT_EQUAL(b.config.limits.n_names, 2);
    CU_ASSERT_DOUBLE_EQUAL(b.config.limits.ratio, 3, 0);
    CU_ASSERT_EQUAL(b.config.base.clients[0].port, 5);

    config_bench_put(&b, "configuration.yaml",
                     "Limits: {MaxEntries: none}\nWritable: {LogLevel: WARN}\n");
    remote.own = NULL; /* where it is gone, the file's counts again, which is bad by now */
    before = b.loaded;
    config_bench_load(&b);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 8);
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.log_level, "WARN");
    b.ctx.log = NULL;
    edge_log_free(log);
    config_bench_close(&b);
}

static void test_bad_variables_are_fatal_by_name(void)
{
    static const struct {
        const char *name, *value, *expect;
    } cases[] = {
        {"SERVICE_PORT",              "http",   "environment variable SERVICE_PORT: 'http' is not an integer"},
        {"SERVICE_PORT",              "",       "environment variable SERVICE_PORT: '' is not an integer"    },
        {"SERVICE_PORT",              "70000",  "Service.Port"                                               },
        {"LIMITS_RATIO",              "nan",    "environment variable LIMITS_RATIO: 'nan' is not a number"   },
        {"WRITABLE_PERSISTDATA",      "maybe",
         "environment variable WRITABLE_PERSISTDATA: 'maybe' is not true or false"                           },
        {"WRITABLE_LOGLEVEL",         "LOUD",   "Writable.LogLevel"                                          },
        {"REGISTRY_TYPE",             "consul", "(Registry.Type: from environment variable REGISTRY_TYPE)"   },
        {"SERVICE_HOST",              "a\xff",  "environment variable SERVICE_HOST: not UTF-8"               },
        {"ALL_SERVICES_SERVICE_PORT", "x",      "environment variable ALL_SERVICES_SERVICE_PORT"             },
        {"CORE_DATA__SERVICE_PORT",   "x",      "environment variable CORE_DATA__SERVICE_PORT"               },
    };
    struct config_bench b;
    config_bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv(cases[i].name, cases[i].value, 1);
        config_bench_fails(&b, cases[i].expect);
        unsetenv(cases[i].name);
    }
    config_bench_close(&b);
}

static void test_bad_files_are_fatal_by_place(void)
{
    static const struct {
        const char *text, *expect;
    } cases[] = {
        {"Service:\n  Port: [\n",            "configuration.yaml -> line "                               },
        {"Service: 5\n",                     "configuration.yaml: Service: must be a section"            },
        {"Service: {Port: many}\n",          "configuration.yaml: Service.Port: 'many' is not an integer"},
        {"Service: {Port: {a: 1}}\n",        "Service.Port: is not a single value"                       },
        {"Service: {Labels: a}\n",           "Service.Labels: must be a list"                            },
        {"Clients: [a]\n",                   "Clients: must be a section"                                },
        {"Clients: {core-data: 1}\n",        "Clients.core-data: must be a section"                      },
        {"- a\n",                            "the whole: must be a section"                              },
        {"Limits: {MaxEntries: 0}\n",        "Limits.MaxEntries"                                         },
        {"Service: {Port: 99999}\n",         "Service.Port must be between 0 and 65535"                  },
        {"service: {port: 99999}\n",         "/configuration.yaml)"                                      },
        {"Registry: {Type: consul}\n",
         "Registry.Type 'consul' is not supported; one of keeper (Registry.Type: from /"                 },
        {"Clients: {a: {Protocol: ftp}}\n",
         "Protocol 'ftp' is not supported; one of http https (Clients.a.Protocol: from /"                },
        {"Database: {Name: secrets.json}\n",
         "Database.Name is the name of another file kept there (Database.Name: from /"                   },
        {"Service: {MemoryBudget: 1}\n",
         "Service.MemoryBudget must be 0 or at least 64 KB (Service.MemoryBudget: from /"                },
    };
    struct config_bench b;
    config_bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config_bench_put(&b, "configuration.yaml", cases[i].text);
        config_bench_fails(&b, cases[i].expect);
    }
    config_bench_close(&b);
}

static void test_a_value_that_names_a_key_has_no_origin(void)
{
    struct config_bench b;
    config_bench_open(&b);
    config_bench_put(&b, "configuration.yaml",
                     "Service: {Port: 5}\nRegistry: {Type: 'no Service.Port is'}\n");
    enum edge_status st = edge_config_load(&b.ctx, &b.source, &b.config, &b.loaded);
    CU_ASSERT_EQUAL(st, EDGE_INVALID);
    const char *why = edge_ctx_message(&b.ctx, st);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "(Registry.Type: from /"));
    CU_ASSERT_PTR_NULL(strstr(why, "(Service.Port: from"));
    config_bench_close(&b);
}

/* The line of the log that names @p key. */
static bool says(const char *log, const char *key, const char *nearest)
{
    char wanted[128];
    snprintf(wanted, sizeof(wanted), " key=%s value=", key);
    const char *at = strstr(log, wanted);
    size_t len = at ? strcspn(at, "\n") : 0;
    snprintf(wanted, sizeof(wanted), " nearest=%s\n", nearest ? nearest : "");
    const char *found = at ? strstr(at, nearest ? wanted : " nearest=") : NULL;
    return at && (found && found < at + len) == (nearest != NULL);
}

static void test_unknown_keys_do_no_harm(void)
{
    struct config_bench b;
    config_bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    b.ctx.log = log;
    b.source.check_free = short_name;
    b.source.free_arg = "driver";
    config_bench_put(
        &b, "configuration.yaml",
        "Servce: {Port: 1}\nService: {Prt: 1, Port: 5}\nWritable: {Telemetry: {name: x}}\n"
        "Clients: {core-data: {name: x, Hots: y, Port: 7, SecurityOptions: {Mode: ''}}}\n"
        "Driver: {Nmae: n, Speed: 1, Other: 2}\n");
    capture_start();
    config_bench_load(&b);
    b.source.before = &(struct edge_config_loaded){b.loaded.file, b.loaded.tree, b.loaded.refused};
    config_bench_load(&b); /* what was said is not said again */
    char *text = capture_end();
    CU_ASSERT_EQUAL(b.config.base.service.port, 5);
    CU_ASSERT_STRING_EQUAL(b.config.base.clients[0].name, "core-data");
    CU_ASSERT_STRING_EQUAL(edge_json_member(b.config.driver, "Nmae", true)->valuestring, "n");
    CU_ASSERT(says(text, "Servce", "Service"));
    CU_ASSERT(says(text, "Service.Prt", "Port"));
    CU_ASSERT(says(text, "Writable.Telemetry.name", NULL));
    CU_ASSERT(says(text, "Clients.core-data.Hots", "Host"));
    CU_ASSERT(says(text, "Driver.Nmae", "Name"));
    CU_ASSERT(says(text, "Driver.Other", NULL));
    CU_ASSERT_EQUAL(capture_count(text, "unknown configuration key ignored"), 7);
    free(text);
    b.ctx.log = NULL;
    edge_log_free(log);
    config_bench_close(&b);
}

CU_TestInfo config_faults_tests[] = {
    {"a bad value is refused alone",           test_a_bad_value_is_refused_alone          },
    {"free-form keys have rules of their own", test_free_form_keys_have_rules_of_their_own},
    {"a bad value keeps what was held",        test_a_bad_value_keeps_what_was_held       },
    {"bad variables are fatal by name",        test_bad_variables_are_fatal_by_name       },
    {"bad files are fatal by place",           test_bad_files_are_fatal_by_place          },
    {"a value that names a key has no origin", test_a_value_that_names_a_key_has_no_origin},
    {"unknown keys do no harm",                test_unknown_keys_do_no_harm               },
    CU_TEST_INFO_NULL,
};
