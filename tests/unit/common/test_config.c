/* Configuration: tables, and layers of files, environment and provider, merged and decoded. */
#include <stdlib.h>
#include <string.h>

#include "config_bench.h"
#include "data.h"
#include "suites.h"

static void test_tables_are_sound(void)
{
    const struct edge_dto *const tables[] = {&EDGE_BASE_CONFIG, &EDGE_WRITABLE_CONFIG,
                                             &TEST_CONFIG};
    for (size_t i = 0; i < 3; i++) {
        const char *fault = edge_dto_verify(tables[i]);
        CU_ASSERT_PTR_NULL(fault);
        if (fault) {
            printf("\n    %s", fault);
        }
    }
}

static void test_defaults_are_the_official_ones(void)
{
    struct config_bench b;
    config_bench_open(&b);
    config_bench_load(&b);
    const struct edge_base_config *base = &b.config.base;
    CU_ASSERT_PTR_NULL(b.loaded.file);
    CU_ASSERT_STRING_EQUAL(base->service.host, "localhost");
    CU_ASSERT_EQUAL(base->service.port, 59880);
    CU_ASSERT_STRING_EQUAL(base->service.request_timeout, "5s");
    CU_ASSERT_EQUAL(base->service.max_result_count, 1024);
    CU_ASSERT_STRING_EQUAL(base->service.cors.allowed_methods, "GET, POST, PUT, PATCH, DELETE");
    CU_ASSERT_STRING_EQUAL(base->message_bus.type, "mqtt");
    CU_ASSERT_EQUAL(base->message_bus.port, 1883);
    CU_ASSERT_STRING_EQUAL(base->message_bus.base_topic_prefix, "edgex");
    CU_ASSERT_STRING_EQUAL(base->message_bus.optional.client_id, "core-data");
    CU_ASSERT_STRING_EQUAL(base->message_bus.optional.qos, "0");
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.log_level, "INFO");
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.telemetry.interval, "30s");
    CU_ASSERT(b.config.writable.persist);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 100);
    CU_ASSERT_EQUAL(base->n_clients, 0);
    config_bench_close(&b);
}

static void test_device_services_know_core_metadata(void)
{
    struct config_bench b;
    config_bench_open(&b);
    b.source.common_section = "device-services";
    config_bench_load(&b);
    CU_ASSERT_STRING_EQUAL(edge_config_client_url(&b.ctx.arena, &b.config.base, "core-metadata"),
                           "http://localhost:59881");
    CU_ASSERT_PTR_NULL(edge_config_client_url(&b.ctx.arena, &b.config.base, "core-data"));
    config_bench_close(&b);
}

static const char *const common_file = "all-services:\n"
                                       "  Service:\n"
                                       "    MaxResultCount: 500\n"
                                       "    RequestTimeout: 7s\n"
                                       "  Writable:\n"
                                       "    LogLevel: WARN\n"
                                       "    Telemetry:\n"
                                       "      Metrics: {EventsSent: false}\n"
                                       "device-services:\n"
                                       "  Service:\n"
                                       "    RequestTimeout: 8s\n"
                                       "  Device: {MaxCmdOps: 128}\n"
                                       "app-services:\n"
                                       "  Service:\n"
                                       "    RequestTimeout: 9s\n";

static void test_later_layers_win(void)
{
    struct config_bench b;
    config_bench_open(&b);
    config_bench_put(&b, "common.yaml", common_file);
    config_bench_put(&b, "configuration.yaml",
                     "Writable:\n  LogLevel: DEBUG\nLimits: {MaxEntries: 7, Ratio: 2}\n"
                     "Clients:\n  core-metadata: {Port: 1}\n");
    b.options.common_config = edge_printf(&b.ctx.arena, "%s/common.yaml", b.dir.path);
    setenv("LIMITS_MAXENTRIES", "9", 1);
    config_bench_load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.max_result_count, 500);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "7s");
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.log_level, "DEBUG");
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 9);
    CU_ASSERT_DOUBLE_EQUAL(b.config.limits.ratio, 2, 0);
    CU_ASSERT_EQUAL_FATAL(b.config.writable.base.telemetry.n_metrics, 1);
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.telemetry.metrics[0].name, "EventsSent");
    CU_ASSERT_FALSE(b.config.writable.base.telemetry.metrics[0].value);
    CU_ASSERT_STRING_EQUAL(b.config.base.clients[0].host, "localhost");

    b.source.common_section = "device-services";
    setenv("ALL_SERVICES_SERVICE_REQUESTTIMEOUT", "10s", 1);
    config_bench_load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "8s");
    setenv("DEVICE_SERVICES_SERVICE_REQUESTTIMEOUT", "11s", 1);
    config_bench_load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "11s");
    b.source.common_section = "app-services";
    config_bench_load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "9s");
    setenv("APP_SERVICES_SERVICE_REQUESTTIMEOUT", "12s", 1);
    config_bench_load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "12s");
    unsetenv("APP_SERVICES_SERVICE_REQUESTTIMEOUT");
    unsetenv("DEVICE_SERVICES_SERVICE_REQUESTTIMEOUT");
    unsetenv("ALL_SERVICES_SERVICE_REQUESTTIMEOUT");
    unsetenv("LIMITS_MAXENTRIES");
    config_bench_close(&b);
}

static void test_keys_in_any_case_and_values_in_any_spelling(void)
{
    struct config_bench b;
    config_bench_open(&b);
    config_bench_put(
        &b, "configuration.yaml",
        "service: {PORT: '1234', StartupMsg: 1.10, EnableNameFieldEscape: 'true', Labels: [a, 2]}\n"
        "MessageBus: {Port: '77', Optional: {Qos: 1, Retained: true, ClientId: }}\n"
        "Limits: {Ratio: '0.25', Names: }\n"
        "Writable: {Telemetry: {Metrics: {A: on, B: 'true', C: No}}}\n");
    config_bench_load(&b);
    const struct edge_telemetry *t = &b.config.writable.base.telemetry;
    size_t seen = 0;
    for (size_t i = 0; i < t->n_metrics; i++) {
        if (strlen(t->metrics[i].name) == 1) {
            CU_ASSERT_EQUAL(t->metrics[i].value, t->metrics[i].name[0] != 'C');
            seen++;
        }
    }
    CU_ASSERT_EQUAL(seen, 3);
    const struct edge_service_info *s = &b.config.base.service;
    CU_ASSERT_EQUAL(s->port, 1234);
    CU_ASSERT_STRING_EQUAL(s->startup_msg, "1.10");
    CU_ASSERT(s->enable_name_field_escape);
    CU_ASSERT_EQUAL_FATAL(s->n_labels, 2);
    CU_ASSERT_STRING_EQUAL(s->labels[1], "2");
    CU_ASSERT_EQUAL(b.config.base.message_bus.port, 77);
    CU_ASSERT_STRING_EQUAL(b.config.base.message_bus.optional.qos, "1");
    CU_ASSERT_STRING_EQUAL(b.config.base.message_bus.optional.retained, "true");
    CU_ASSERT_STRING_EQUAL(b.config.base.message_bus.optional.client_id, "core-data");
    CU_ASSERT_DOUBLE_EQUAL(b.config.limits.ratio, 0.25, 0);
    config_bench_close(&b);
}

static void test_every_key_has_a_variable(void)
{
    static const char *const variables[][2] = {
        {"SERVICE_PORT",                                    "4711"     },
        {"SERVICE_CORSCONFIGURATION_ENABLECORS",            "1"        },
        {"SERVICE_LABELS",                                  " a, b ,,c"},
        {"MESSAGEBUS_OPTIONAL_CLIENTID",                    "me"       },
        {"CLIENTS_CORE_METADATA_HOST",                      "meta"     },
        {"CLIENTS_SUPPORT_RULES_PORT",                      "59700"    },
        {"WRITABLE_LOGLEVEL",                               "trace"    },
        {"WRITABLE_TELEMETRY_METRICS_EVENTSPERSISTED",      "true"     },
        {"WRITABLE_INSECURESECRETS_DB_SECRETDATA_USERNAME", "me"       },
        {"WRITABLE_PERSISTDATA",                            "false"    },
        {"LIMITS_RATIO",                                    "1e-3"     },
        {"DRIVER_DEPTH_SPEED",                              "12"       },
        {"DRIVER_NAME",                                     "5"        },
    };
    struct config_bench b;
    config_bench_open(&b);
    config_bench_put(
        &b, "configuration.yaml",
        "Clients: {core-metadata: {Port: 59881}}\n"
        "Writable:\n"
        "  Telemetry: {Metrics: {EventsPersisted: false}}\n"
        "  InsecureSecrets: {DB: {SecretName: db, SecretData: {username: '', password: ''}}}\n"
        "Driver: {Depth: {Speed: 1}, Name: x}\n");
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
    config_bench_load(&b);
    const struct edge_base_config *base = &b.config.base;
    struct edge_arena *a = &b.ctx.arena;
    CU_ASSERT_EQUAL(base->service.port, 4711);
    CU_ASSERT(base->service.cors.enable);
    CU_ASSERT_EQUAL_FATAL(base->service.n_labels, 3);
    CU_ASSERT_STRING_EQUAL(base->service.labels[1], "b");
    CU_ASSERT_STRING_EQUAL(base->message_bus.optional.client_id, "me");
    CU_ASSERT_STRING_EQUAL(edge_config_client_url(a, base, "core-metadata"), "http://meta:59881");
    CU_ASSERT_STRING_EQUAL(edge_config_client_url(a, base, "support-rules"),
                           "http://localhost:59700");
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.log_level, "trace");
    CU_ASSERT(b.config.writable.base.telemetry.metrics[0].value);
    CU_ASSERT_EQUAL_FATAL(b.config.writable.base.n_insecure_secrets, 1);
    const struct edge_insecure_secret *secret = &b.config.writable.base.insecure_secrets[0];
    CU_ASSERT_EQUAL_FATAL(secret->n_secret_data, 2);
    CU_ASSERT_STRING_EQUAL(secret->secret_data[1].value, "me");
    CU_ASSERT_FALSE(b.config.writable.persist);
    CU_ASSERT_DOUBLE_EQUAL(b.config.limits.ratio, 1e-3, 0);
    int64_t speed = 0;
    const cJSON *depth = edge_json_member(b.config.driver, "Depth", true);
    CU_ASSERT(edge_json_int(edge_json_member(depth, "Speed", true), &speed));
    CU_ASSERT_EQUAL(speed, 12);
    CU_ASSERT_STRING_EQUAL(edge_json_member(b.config.driver, "Name", true)->valuestring, "5");
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        unsetenv(variables[i][0]);
    }
    config_bench_close(&b);
}

static void test_a_short_file_leaves_what_is_built_in(void)
{
    struct config_bench b;
    config_bench_open(&b);
    b.source.base_yaml =
        "Service: {StartupMsg: built in}\nClients: {core-metadata: {Port: 59881}}\n"
        "MessageBus: {BaseTopicPrefix: edgex/configs}\n";
    config_bench_put(&b, "configuration.yaml", "Writable: {LogLevel: WARN}\n");
    config_bench_load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.log_level, "WARN");
    CU_ASSERT_STRING_EQUAL(b.config.base.service.startup_msg, "built in");
    CU_ASSERT_STRING_EQUAL(b.config.base.message_bus.base_topic_prefix, "edgex/configs");
    CU_ASSERT_STRING_EQUAL(edge_config_client_url(&b.ctx.arena, &b.config.base, "core-metadata"),
                           "http://localhost:59881");
    config_bench_close(&b);
}

static void test_a_variable_for_one_service_goes_first(void)
{
    struct config_bench b;
    config_bench_open(&b);
    setenv("SERVICE_PORT", "1", 1);
    setenv("CORE_DATA__SERVICE_PORT", "2", 1);
    setenv("CORE_COMMAND__SERVICE_PORT", "3", 1);
    config_bench_load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.port, 2);
    unsetenv("SERVICE_PORT");
    unsetenv("CORE_DATA__SERVICE_PORT");
    unsetenv("CORE_COMMAND__SERVICE_PORT");
    config_bench_close(&b);
}

static void test_remote_hosts(void)
{
    struct config_bench b;
    config_bench_open(&b);
    b.source.common_section = "device-services";
    b.options.remote_service_hosts = "10.0.0.1,10.0.0.2,0.0.0.0";
    config_bench_load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.host, "10.0.0.1");
    CU_ASSERT_STRING_EQUAL(b.config.base.service.server_bind_addr, "0.0.0.0");
    CU_ASSERT_STRING_EQUAL(b.config.base.message_bus.host, "10.0.0.2");
    CU_ASSERT_STRING_EQUAL(b.config.base.clients[0].host, "10.0.0.2");
    static const char *const bad[] = {"a", "a,b", "a,b,", "a,,c", "a,b,c,d"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b.options.remote_service_hosts = bad[i];
        config_bench_fails(&b, "-rsh needs three hosts");
    }
    config_bench_close(&b);
}

/* A provider has texts only: a key without a value in the file it was filled from is an empty one. */
static void test_empty_texts_of_a_provider_say_nothing(void)
{
    static const char shared[] =
        "{\"Service\":{\"Port\":\"\",\"StartupMsg\":\"\",\"Labels\":\"\"},\"Clients\":\"\","
        "\"Writable\":{\"Telemetry\":{\"Tags\":\"\",\"Metrics\":{\"a\":\"\",\"b\":\"true\"}}}}";
    static const char own[] = "{\"Clients\":{\"core-data\":\"\",\"x\":{\"Port\":\"7\"}},"
                              "\"Limits\":\"\",\"Writable\":{\"PersistData\":\"\"}}";
    struct config_bench b;
    config_bench_open(&b);
    struct edge_config_remote remote = {0};
    b.source.remote = &remote;
    CU_ASSERT_EQUAL_FATAL(
        edge_json_parse(&b.ctx, shared, strlen(shared), NULL, &remote.all_services), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&b.ctx, own, strlen(own), NULL, &remote.own), EDGE_OK);
    config_bench_load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.port, 59880);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.startup_msg, ""); /* a text may be empty */
    CU_ASSERT_EQUAL(b.config.base.service.n_labels, 0);
    CU_ASSERT_EQUAL_FATAL(b.config.base.n_clients, 1);
    CU_ASSERT_EQUAL(b.config.base.clients[0].port, 7);
    CU_ASSERT_EQUAL(b.config.writable.base.telemetry.n_metrics, 1);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 100);
    CU_ASSERT_TRUE(b.config.writable.persist);
    config_bench_close(&b);
}

static void test_official_files_load_unchanged(void)
{
    static const struct {
        const char *service;
        int port;
    } cases[] = {
        {"device-virtual-go", 59900},
        {"device-modbus-go",  59901},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config_bench b;
        config_bench_open(&b);
        b.options.config_dir = data_dir(
            &b.ctx.arena, edge_printf(&b.ctx.arena, "official-profiles/%s", cases[i].service));
        if (b.options.config_dir) {
            config_bench_load(&b);
            CU_ASSERT_PTR_NOT_NULL(b.loaded.file);
            CU_ASSERT_EQUAL(b.config.base.service.port, cases[i].port);
        }
        config_bench_close(&b);
    }
}

CU_TestInfo config_tests[] = {
    {"tables are sound",                         test_tables_are_sound                           },
    {"defaults are the official ones",           test_defaults_are_the_official_ones             },
    {"device services know core-metadata",       test_device_services_know_core_metadata         },
    {"later layers win",                         test_later_layers_win                           },
    {"keys in any case, values in any spelling", test_keys_in_any_case_and_values_in_any_spelling},
    {"every key has a variable",                 test_every_key_has_a_variable                   },
    {"a short file leaves what is built in",     test_a_short_file_leaves_what_is_built_in       },
    {"a variable for one service goes first",    test_a_variable_for_one_service_goes_first      },
    {"remote hosts",                             test_remote_hosts                               },
    {"empty texts of a provider say nothing",    test_empty_texts_of_a_provider_say_nothing      },
    {"official files load unchanged",            test_official_files_load_unchanged              },
    CU_TEST_INFO_NULL,
};
