/* Configuration: tables, layers of files and environment, merged and decoded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "config/config_tree.h"
#include "data.h"
#include "edge/client.h"
#include "edge/config.h"
#include "edge/log.h"
#include "edge/text.h"
#include "scratch.h"
#include "service/instance.h"
#include "suites.h"
#include "tcp_peer.h"

struct limits {
    int64_t max_entries;
    double ratio;
    const char **names;
    size_t n_names;
};
struct writable {
    struct edge_writable base;
    bool persist;
};
struct test_config {
    struct edge_base_config base;
    struct writable writable;
    struct limits limits;
    const cJSON *driver;
};

/* clang-format off */
static const struct edge_field limits_fields[] = {
    EDGE_FIELD(struct limits, max_entries, "MaxEntries", "Most of them.", .def = "100", .min = 1, .max = 1000),
    EDGE_FIELD(struct limits, ratio, "Ratio", "Of something.", .def = "0.5"),
    EDGE_LIST(struct limits, names, "Names", "Some words.", NULL),
};
static const struct edge_dto LIMITS = EDGE_DTO(struct limits, "Limits", limits_fields);
static const struct edge_field writable_fields[] = {
    EDGE_OBJECT(struct writable, base, NULL, "Common.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_INLINE),
    EDGE_FIELD(struct writable, persist, "PersistData", "Store events.", .def = "true", .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto WRITABLE = EDGE_DTO(struct writable, "Writable", writable_fields);
static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct test_config, base, NULL, "Common.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct test_config, writable, "Writable", "Live.", &WRITABLE, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct test_config, limits, "Limits", "Bounds.", &LIMITS),
    EDGE_FIELD(struct test_config, driver, "Driver", "Free form."),
};
static const struct edge_dto CONFIG = EDGE_DTO(struct test_config, "Configuration", config_fields);
/* clang-format on */

/* A folder of its own for each test, and the sources that read from it. */
struct bench {
    struct edge_ctx ctx;
    struct scratch dir;
    struct edge_options options;
    struct edge_config_source source;
    struct test_config config;
    struct edge_config_loaded loaded;
};

static void bench_open(struct bench *b)
{
    *b = (struct bench){.ctx = EDGE_CTX_INIT};
    scratch_make(&b->dir);
    b->options = (struct edge_options){.config_dir = b->dir.path, .data_dir = "var"};
    b->source = (struct edge_config_source){
        .dto = &CONFIG, .service = "core-data", .port = 59880, .options = &b->options};
}

static void bench_close(struct bench *b)
{
    scratch_done(&b->dir);
    edge_ctx_done(&b->ctx);
}

static void put_file(struct bench *b, const char *name, const char *text)
{
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        mkdir(edge_printf(&b->ctx.arena, "%s/%.*s", b->dir.path, (int)(slash - name), name), 0700);
    }
    FILE *f = fopen(edge_printf(&b->ctx.arena, "%s/%s", b->dir.path, name), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static void load(struct bench *b)
{
    enum edge_status st = edge_config_load(&b->ctx, &b->source, &b->config, &b->loaded);
    if (st != EDGE_OK) {
        printf("\n    %s", edge_ctx_message(&b->ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

static void expect_failure(struct bench *b, const char *text)
{
    enum edge_status st = edge_config_load(&b->ctx, &b->source, &b->config, &b->loaded);
    CU_ASSERT_NOT_EQUAL(st, EDGE_OK);
    bool named = strstr(edge_ctx_message(&b->ctx, st), text) != NULL;
    if (!named) {
        printf("\n    got '%s', expected '%s'", edge_ctx_message(&b->ctx, st), text);
    }
    CU_ASSERT(named);
    edge_ctx_clear(&b->ctx);
}

static void test_tables_are_sound(void)
{
    const struct edge_dto *const tables[] = {&EDGE_BASE_CONFIG, &EDGE_WRITABLE_CONFIG, &CONFIG};
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
    struct bench b;
    bench_open(&b);
    load(&b);
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
    bench_close(&b);
}

static void test_device_services_know_core_metadata(void)
{
    struct bench b;
    bench_open(&b);
    b.source.is_device_service = true;
    load(&b);
    CU_ASSERT_STRING_EQUAL(edge_config_client_url(&b.ctx.arena, &b.config.base, "core-metadata"),
                           "http://localhost:59881");
    CU_ASSERT_PTR_NULL(edge_config_client_url(&b.ctx.arena, &b.config.base, "core-data"));
    bench_close(&b);
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
                                       "  Device: {MaxCmdOps: 128}\n";

static void test_later_layers_win(void)
{
    struct bench b;
    bench_open(&b);
    put_file(&b, "common.yaml", common_file);
    put_file(&b, "configuration.yaml",
             "Writable:\n  LogLevel: DEBUG\nLimits: {MaxEntries: 7, Ratio: 2}\n"
             "Clients:\n  core-metadata: {Port: 1}\n");
    b.options.common_config = edge_printf(&b.ctx.arena, "%s/common.yaml", b.dir.path);
    setenv("LIMITS_MAXENTRIES", "9", 1);
    load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.max_result_count, 500);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "7s");
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.log_level, "DEBUG");
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 9);
    CU_ASSERT_DOUBLE_EQUAL(b.config.limits.ratio, 2, 0);
    CU_ASSERT_EQUAL_FATAL(b.config.writable.base.telemetry.n_metrics, 1);
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.telemetry.metrics[0].name, "EventsSent");
    CU_ASSERT_FALSE(b.config.writable.base.telemetry.metrics[0].value);
    CU_ASSERT_STRING_EQUAL(b.config.base.clients[0].host, "localhost");

    b.source.is_device_service = true;
    setenv("ALL_SERVICES_SERVICE_REQUESTTIMEOUT", "10s", 1);
    load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "8s");
    setenv("DEVICE_SERVICES_SERVICE_REQUESTTIMEOUT", "11s", 1);
    load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.request_timeout, "11s");
    unsetenv("DEVICE_SERVICES_SERVICE_REQUESTTIMEOUT");
    unsetenv("ALL_SERVICES_SERVICE_REQUESTTIMEOUT");
    unsetenv("LIMITS_MAXENTRIES");
    bench_close(&b);
}

static void test_keys_in_any_case_and_values_in_any_spelling(void)
{
    struct bench b;
    bench_open(&b);
    put_file(
        &b, "configuration.yaml",
        "service: {PORT: '1234', StartupMsg: 1.10, EnableNameFieldEscape: 'true', Labels: [a, 2]}\n"
        "MessageBus: {Port: '77', Optional: {Qos: 1, Retained: true, ClientId: }}\n"
        "Limits: {Ratio: '0.25', Names: }\n"
        "Writable: {Telemetry: {Metrics: {A: on, B: 'true', C: No}}}\n");
    load(&b);
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
    bench_close(&b);
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
    struct bench b;
    bench_open(&b);
    put_file(&b, "configuration.yaml",
             "Clients: {core-metadata: {Port: 59881}}\n"
             "Writable:\n"
             "  Telemetry: {Metrics: {EventsPersisted: false}}\n"
             "  InsecureSecrets: {DB: {SecretName: db, SecretData: {username: '', password: ''}}}\n"
             "Driver: {Depth: {Speed: 1}, Name: x}\n");
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
    load(&b);
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
    bench_close(&b);
}

static void test_secrets_come_from_variables_alone(void)
{
    static const char *const variables[][2] = {
        {"WRITABLE_INSECURESECRETS_MQTT_SECRETDATA_USERNAME",     "ann"     },
        {"WRITABLE_INSECURESECRETS_MQTT_SECRETDATA_PASSWORD",     "hunter2" },
        {"WRITABLE_INSECURESECRETS_MQTT_BUS_SECRETDATA_USERNAME", "bob"     },
        {"WRITABLE_INSECURESECRETS_DB_SECRETNAME",                "postgres"},
        {"WRITABLE_INSECURESECRETS_DB_SECRETDATA_API_KEY",        "k"       },
        {"WRITABLE_INSECURESECRETS_SECRETDATA_X",                 "nobody"  },
        {"WRITABLE_TELEMETRY_METRICS_EVENTSSENT",                 "true"    },
    };
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
    load(&b);
    const struct edge_writable *w = &b.config.writable.base;
    struct edge_metrics *m = edge_metrics_create("test");
    CU_ASSERT_EQUAL(w->n_insecure_secrets, 3);
    CU_ASSERT_STRING_EQUAL(secret_find(w, m, "mqtt", "username"), "ann");
    CU_ASSERT_STRING_EQUAL(secret_find(w, m, "mqtt", "password"), "hunter2");
    CU_ASSERT_STRING_EQUAL(secret_find(w, m, "mqtt-bus", "username"), "bob");
    CU_ASSERT_STRING_EQUAL(secret_find(w, m, "postgres", "api_key"), "k");
    CU_ASSERT_PTR_NULL(secret_find(w, m, "db", "api_key"));
    CU_ASSERT_EQUAL(w->telemetry.n_metrics, 0);
    edge_metrics_free(m);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        unsetenv(variables[i][0]);
    }
    bench_close(&b);
}

/* What a provider may be given: everything but what nobody may see. */
static void test_secrets_are_kept_from_the_provider(void)
{
    struct bench b;
    bench_open(&b);
    put_file(&b, "configuration.yaml",
             "MessageBus: {Host: bus, Optional: {Username: u-secret, Password: p-secret}}\n"
             "Registry: {Host: 'http://ann:h-secret@host'}\n"
             "Writable:\n"
             "  InsecureSecrets: {DB: {SecretName: db, SecretData: {password: d-secret}}}\n"
             "Driver: {Password: f-secret, Unit: {ApiKey: g-secret, Speed: 1}, SecretName: one,\n"
             "  Url: 'tcp://a:i-secret@h:1/', Servers: [{Token: j-secret, Port: 7}],\n"
             "  List: [a, 'x://u:k-secret@host'], Lists: [[[b, 'Pwd=l-secret']]], Names: [c, d],\n"
             "  Odd: [1, {Psk: m-secret, On: 1}]}\n"
             "Service: {Labels: [e, 'x://u:n-secret@host']}\n"
             "Limits: {Names: ['?token=o-secret']}\n");
    setenv("MESSAGEBUS_OPTIONAL_PASSWORD", "e-secret", 1);
    cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_config_private(&b.ctx, &b.source, &tree), EDGE_OK);
    unsetenv("MESSAGEBUS_OPTIONAL_PASSWORD");
    struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, tree);
    CU_ASSERT_STRING_EQUAL(
        edge_buf_str(&text),
        "{\"MessageBus\":{\"Host\":\"bus\",\"Optional\":{}},\"Registry\":{},\"Writable\":"
        "{\"InsecureSecrets\":{\"DB\":{\"SecretName\":\"db\"}}},\"Driver\":{\"Unit\":{\"Speed\":1},"
        "\"SecretName\":\"one\",\"Servers\":[{\"Port\":7}],\"Names\":[\"c\",\"d\"],\"Odd\":[1,{\"On\":1}]},"
        "\"Service\":{},\"Limits\":{}}");
    edge_buf_done(&text);
    bench_close(&b);
}

static const cJSON *parsed(struct bench *b, const char *json)
{
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&b->ctx, json, strlen(json), NULL, &tree), EDGE_OK);
    return tree;
}

/* What GET /config shows: the same left out, in its place, and its neighbours. */
static void test_secrets_are_masked(void)
{
    struct bench b;
    bench_open(&b);
    const cJSON *tree = parsed(
        &b, "{\"Driver\":{\"Pwd\":\"a\",\"PIN\":1234,\"Pinned\":1,\"UsesToken\":true,\"None\":null,"
            "\"List\":[\"b\",\"x://u:pw@host\",[\"Pwd=c\"],{\"Psk\":\"d\",\"On\":1}]},"
            "\"Limits\":{\"Names\":[\"e\",\"?token=f\"]},"
            "\"Writable\":{\"Telemetry\":{\"Metrics\":{\"SecretsAsked\":false}}}}");
    cJSON *shown = cJSON_Duplicate(tree, true);
    config_mask_secrets(&CONFIG, shown);
    struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, shown);
    CU_ASSERT_STRING_EQUAL(
        edge_buf_str(&text),
        "{\"Driver\":{\"Pwd\":\"<redacted>\",\"PIN\":\"<redacted>\",\"Pinned\":1,\"UsesToken\":true,"
        "\"None\":null,\"List\":[\"b\",\"<redacted>\",[\"<redacted>\"],"
        "{\"Psk\":\"<redacted>\",\"On\":1}]},\"Limits\":{\"Names\":[\"e\",\"<redacted>\"]},"
        "\"Writable\":{\"Telemetry\":{\"Metrics\":{\"SecretsAsked\":false}}}}");
    edge_buf_done(&text);
    cJSON_Delete(shown);
    bench_close(&b);
}

/* A section nobody knows is named in the log with what is in it. */
static void test_secrets_of_unknown_sections_are_not_logged(void)
{
    struct bench b;
    bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    b.ctx.log = log;
    put_file(&b, "configuration.yaml",
             "Drvier: {Speed: 7, Pwd: a-secret, List: ['x://u:b-secret@h']}\n");
    capture_start();
    load(&b);
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "unknown configuration key ignored"), 1);
    CU_ASSERT_EQUAL(capture_count(text, "<redacted>"), 1);
    CU_ASSERT_EQUAL(capture_count(text, "-secret"), 0);
    free(text);
    b.ctx.log = NULL;
    edge_log_free(log);
    bench_close(&b);
}

/* ---- values that cannot be ----------------------------------------------------------------- */

static size_t n_refused(const struct bench *b)
{
    return (size_t)cJSON_GetArraySize(b->loaded.refused);
}

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
    struct bench b;
    bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    b.ctx.log = log;
    put_file(&b, "configuration.yaml", "Limits: {MaxEntries: 7, Names: [x]}\nDriver: {Name: n}\n");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct edge_config_remote remote = {
            .own = parsed(&b, edge_printf(&b.ctx.arena, "{%s}", bad[i]))};
        b.source.remote = &remote;
        load(&b);
        CU_ASSERT_EQUAL(n_refused(&b), 1);
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
    bench_close(&b);
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

/* A refused value is logged, but not the password somebody put where none belongs. */
static void test_passwords_of_refused_values_are_not_logged(void)
{
    struct bench b;
    bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    b.ctx.log = log;
    struct edge_config_remote remote = {
        .own = parsed(&b, "{\"MessageBus\":{\"Host\":\"tcp://u:a-hidden@h\"},"
                          "\"Registry\":{\"Port\":\"?token=b-hidden\"}}")};
    b.source.remote = &remote;
    capture_start();
    load(&b);
    char *text = capture_end();
    CU_ASSERT_EQUAL(n_refused(&b), 2);
    CU_ASSERT_EQUAL(capture_count(text, "configuration value refused"), 2);
    CU_ASSERT_EQUAL(capture_count(text, "hidden"), 0);
    free(text);
    b.ctx.log = NULL;
    edge_log_free(log);
    bench_close(&b);
}

static void test_free_form_keys_have_rules_of_their_own(void)
{
    struct bench b;
    bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    b.ctx.log = log;
    b.source.check_free = short_name;
    b.source.free_arg = "driver";
    put_file(&b, "configuration.yaml", "Driver: {Name: n, Speed: 1}\n");
    struct edge_config_remote remote = {
        .own = parsed(&b, "{\"Driver\":{\"Name\":\"much too long\",\"Speed\":\"2\"}}")};
    b.source.remote = &remote;
    load(&b);
    CU_ASSERT_EQUAL(n_refused(&b), 1);
    CU_ASSERT_STRING_EQUAL(edge_json_member(b.config.driver, "Name", true)->valuestring, "n");
    CU_ASSERT_STRING_EQUAL(edge_json_member(b.config.driver, "Speed", true)->valuestring, "2");
    b.ctx.log = NULL;
    edge_log_free(log);
    bench_close(&b);
}

/* What a bad value finds in its place is what the key held, wherever that came from. */
static void test_a_bad_value_keeps_what_was_held(void)
{
    struct bench b;
    bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    b.ctx.log = log;
    put_file(&b, "configuration.yaml", "Limits: {MaxEntries: 7}\n");
    struct edge_config_remote remote = {
        .all_services = parsed(&b, "{\"Service\":{\"MaxResultCount\":\"11\"}}"),
        .own = parsed(&b, "{\"Limits\":{\"MaxEntries\":\"8\",\"Names\":\"a, b\"},"
                          "\"Clients\":{\"c\":{\"Port\":\"5\"}}}")};
    b.source.remote = &remote;
    load(&b);
    struct edge_config_loaded before = b.loaded;
    b.source.before = &before;
    remote.all_services = parsed(&b, "{\"Service\":{\"MaxResultCount\":\"-1\"}}");
    remote.own = parsed(&b, "{\"Limits\":{\"MaxEntries\":\"x\",\"Names\":{\"0\":{\"1\":\"2\"}},"
                            "\"Ratio\":\"3\"},\"Clients\":{\"c\":{\"Port\":\"70000\"}}}");
    load(&b);
    CU_ASSERT_EQUAL(n_refused(&b), 4);
    CU_ASSERT_EQUAL(b.config.base.service.max_result_count, 11);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 8);
    CU_ASSERT_EQUAL(b.config.limits.n_names, 2);
    CU_ASSERT_DOUBLE_EQUAL(b.config.limits.ratio, 3, 0);
    CU_ASSERT_EQUAL(b.config.base.clients[0].port, 5);

    put_file(&b, "configuration.yaml", "Limits: {MaxEntries: none}\nWritable: {LogLevel: WARN}\n");
    remote.own = NULL; /* where it is gone, the file's counts again, which is bad by now */
    before = b.loaded;
    load(&b);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 8);
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.log_level, "WARN");
    b.ctx.log = NULL;
    edge_log_free(log);
    bench_close(&b);
}

static const char *content(struct bench *b, const char *path)
{
    const char *text = NULL;
    size_t len = 0;
    CU_ASSERT_EQUAL_FATAL(edge_config_read(&b->ctx, NULL, b->dir.path, path, &text, &len), EDGE_OK);
    return text;
}

/* Added to what is there, for nobody else's eyes; a file that cannot be read is not written over. */
static void test_stored_secrets_are_kept_in_a_file(void)
{
    static const struct edge_named_text first[] =
        {
            {"username", "ann"},
            {"password", "a"  }
    },
                                        second[] = {{"password", "b"}}, other[] = {{"k", "v"}};
    struct bench b;
    bench_open(&b);
    b.options.data_dir = edge_printf(&b.ctx.arena, "%s/data/below", b.dir.path);
    const char *path = secrets_file(&b.ctx.arena, &b.options, "svc");
    CU_ASSERT_EQUAL(secrets_store(&b.ctx, path, "x y", first, 2), EDGE_OK);
    CU_ASSERT_EQUAL(secrets_store(&b.ctx, path, "z", other, 1), EDGE_OK);
    CU_ASSERT_EQUAL(secrets_store(&b.ctx, path, "x y", second, 1), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(
        content(&b, path),
        "{\"Writable\":{\"InsecureSecrets\":{\"x y\":{\"SecretName\":\"x y\",\"SecretData\":"
        "{\"username\":\"ann\",\"password\":\"b\"}},\"z\":{\"SecretName\":\"z\",\"SecretData\":"
        "{\"k\":\"v\"}}}}}");
    struct stat st;
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);

    struct edge_log *log = edge_log_create("test");
    edge_log_set_level(log, EDGE_LOG_ERROR + 1);
    b.ctx.log = log;
    b.source.secrets_file = path;
    load(&b);
    CU_ASSERT_EQUAL(b.config.writable.base.n_insecure_secrets, 2);
    put_file(&b, "data/below/svc/secrets.json", "{\"Writable\":");
    load(&b); /* the service runs, without */
    CU_ASSERT_EQUAL(b.config.writable.base.n_insecure_secrets, 0);
    CU_ASSERT_NOT_EQUAL(secrets_store(&b.ctx, path, "z", other, 1), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(content(&b, path), "{\"Writable\":");
    b.ctx.log = NULL;
    edge_log_free(log);
    bench_close(&b);
}

static void test_a_short_file_leaves_what_is_built_in(void)
{
    struct bench b;
    bench_open(&b);
    b.source.base_yaml =
        "Service: {StartupMsg: built in}\nClients: {core-metadata: {Port: 59881}}\n"
        "MessageBus: {BaseTopicPrefix: edgex/configs}\n";
    put_file(&b, "configuration.yaml", "Writable: {LogLevel: WARN}\n");
    load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.writable.base.log_level, "WARN");
    CU_ASSERT_STRING_EQUAL(b.config.base.service.startup_msg, "built in");
    CU_ASSERT_STRING_EQUAL(b.config.base.message_bus.base_topic_prefix, "edgex/configs");
    CU_ASSERT_STRING_EQUAL(edge_config_client_url(&b.ctx.arena, &b.config.base, "core-metadata"),
                           "http://localhost:59881");
    bench_close(&b);
}

static void test_a_variable_for_one_service_goes_first(void)
{
    struct bench b;
    bench_open(&b);
    setenv("SERVICE_PORT", "1", 1);
    setenv("CORE_DATA__SERVICE_PORT", "2", 1);
    setenv("CORE_COMMAND__SERVICE_PORT", "3", 1);
    load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.port, 2);
    unsetenv("SERVICE_PORT");
    unsetenv("CORE_DATA__SERVICE_PORT");
    unsetenv("CORE_COMMAND__SERVICE_PORT");
    bench_close(&b);
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
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv(cases[i].name, cases[i].value, 1);
        expect_failure(&b, cases[i].expect);
        unsetenv(cases[i].name);
    }
    bench_close(&b);
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
    struct bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_file(&b, "configuration.yaml", cases[i].text);
        expect_failure(&b, cases[i].expect);
    }
    bench_close(&b);
}

static void test_a_value_that_names_a_key_has_no_origin(void)
{
    struct bench b;
    bench_open(&b);
    put_file(&b, "configuration.yaml",
             "Service: {Port: 5}\nRegistry: {Type: 'no Service.Port is'}\n");
    enum edge_status st = edge_config_load(&b.ctx, &b.source, &b.config, &b.loaded);
    CU_ASSERT_EQUAL(st, EDGE_INVALID);
    const char *why = edge_ctx_message(&b.ctx, st);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "(Registry.Type: from /"));
    CU_ASSERT_PTR_NULL(strstr(why, "(Service.Port: from"));
    bench_close(&b);
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
    struct bench b;
    bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    b.ctx.log = log;
    b.source.check_free = short_name;
    b.source.free_arg = "driver";
    put_file(&b, "configuration.yaml",
             "Servce: {Port: 1}\nService: {Prt: 1, Port: 5}\nWritable: {Telemetry: {name: x}}\n"
             "Clients: {core-data: {name: x, Hots: y, Port: 7, SecurityOptions: {Mode: ''}}}\n"
             "Driver: {Nmae: n, Speed: 1, Other: 2}\n");
    capture_start();
    load(&b);
    b.source.before = &(struct edge_config_loaded){b.loaded.file, b.loaded.tree, b.loaded.refused};
    load(&b); /* what was said is not said again */
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
    bench_close(&b);
}

static void test_files_are_looked_up_by_service_first(void)
{
    struct bench b;
    bench_open(&b);
    b.source.base_yaml = "Service: {Port: 1}\n";
    load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.port, 1);
    static const struct {
        const char *file;
        int port;
    } steps[] = {
        {"configuration.yaml",               2},
        {"core-data/res/configuration.yaml", 3},
        {"core-data/configuration.yaml",     4},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        put_file(&b, steps[i].file,
                 edge_printf(&b.ctx.arena, "Service: {Port: %d}\n", steps[i].port));
        load(&b);
        CU_ASSERT_EQUAL(b.config.base.service.port, steps[i].port);
        CU_ASSERT_STRING_EQUAL(b.loaded.file,
                               edge_printf(&b.ctx.arena, "%s/%s", b.dir.path, steps[i].file));
    }
    b.options.profile = "docker";
    expect_failure(&b, "configuration file docker/configuration.yaml does not exist in /");
    put_file(&b, "core-data/docker/configuration.yaml", "Service: {Port: 5}\n");
    load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.port, 5);
    bench_close(&b);
}

static void test_files_asked_for_by_name_must_exist(void)
{
    struct bench b;
    bench_open(&b);
    b.source.base_yaml = "Service: {Port: 1}\n";
    b.options.config_file = "other.yaml";
    expect_failure(&b, "configuration file other.yaml does not exist in /");
    b.options.config_file = "/nowhere/other.yaml";
    expect_failure(&b, "/nowhere/other.yaml");
    b.options.config_file = "http://host/configuration.yaml";
    expect_failure(&b, "only http and https");
    b.options.config_file = NULL;
    b.options.common_config = "/nowhere/common.yaml";
    expect_failure(&b, "cannot read /nowhere/common.yaml: No such file or directory");
    b.options.common_config = b.dir.path;
    expect_failure(&b, "not a file");
    b.options.common_config = NULL;
    b.options.config_dir = "/nowhere";
    expect_failure(&b, "configuration directory /nowhere does not exist");
    bench_close(&b);
}

static void test_named_files_are_found_beside_the_configuration(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    const char *path = edge_printf(&ctx.arena, "%s/extra.yaml", dir.path), *text = NULL;
    size_t len = 0;
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("a: 1\n", f);
    fclose(f);
    const char *const names[] = {path, "extra.yaml", "./res/extra.yaml"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        text = NULL;
        CU_ASSERT_EQUAL(edge_config_read(&ctx, NULL, dir.path, names[i], &text, &len), EDGE_OK);
        CU_ASSERT_STRING_EQUAL(text, "a: 1\n");
        CU_ASSERT_EQUAL(len, 5);
    }
    CU_ASSERT_EQUAL(edge_config_read(&ctx, NULL, dir.path, "none.yaml", &text, &len),
                    EDGE_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_NOT_FOUND), "none.yaml"));
    CU_ASSERT_EQUAL(edge_config_read(&ctx, NULL, dir.path, "/extra.yaml", &text, &len),
                    EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(edge_config_read(&ctx, NULL, dir.path, dir.path, &text, &len), EDGE_INVALID);
}

static const char *http_text(struct bench *b, int code, const char *body)
{
    return edge_printf(&b->ctx.arena, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n\r\n%s", code,
                       strlen(body), body);
}

static void test_files_come_from_web_servers(void)
{
    struct bench b;
    bench_open(&b);
    const struct peer_step script[] = {
        {PEER_ANSWER,                                        http_text(&b, 200, "all-services: {Service: {MaxResultCount: 9}}\n")},
        {PEER_ANSWER, http_text(&b,             200, "Limits: {MaxEntries: 8}\n")},
        {PEER_ANSWER,                                      http_text(&b,                                   404, "nothing")},
        {PEER_HANG,                                                  NULL                                                   },
    };
    struct tcp_peer *peer = tcp_peer_start(script, sizeof(script) / sizeof(script[0]));
    const char *uri = edge_printf(&b.ctx.arena, "%s/conf/a.yaml?x=1", tcp_peer_url(peer));
    b.options.common_config = uri;
    b.options.config_file = uri;
    expect_failure(&b, "only http and https");
    b.source.client = edge_client_create();
    load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.max_result_count, 9);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 8);
    CU_ASSERT_STRING_EQUAL(b.loaded.file, uri);
    CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(peer), "GET /conf/a.yaml?x=1 HTTP/1.1"));
    expect_failure(&b, "it answers 404");

    setenv("EDGEX_FILE_URI_TIMEOUT", "100ms", 1);
    expect_failure(&b, uri);
    setenv("EDGEX_FILE_URI_TIMEOUT", "soon", 1);
    expect_failure(&b, "EDGEX_FILE_URI_TIMEOUT: 'soon' is not a duration");
    unsetenv("EDGEX_FILE_URI_TIMEOUT");
    b.options.common_config = "ftp://localhost/a.yaml";
    expect_failure(&b, "ftp://localhost/a.yaml: only http and https");
    edge_client_free(b.source.client);
    tcp_peer_free(peer);
    bench_close(&b);
}

static void test_remote_hosts(void)
{
    struct bench b;
    bench_open(&b);
    b.source.is_device_service = true;
    b.options.remote_service_hosts = "10.0.0.1,10.0.0.2,0.0.0.0";
    load(&b);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.host, "10.0.0.1");
    CU_ASSERT_STRING_EQUAL(b.config.base.service.server_bind_addr, "0.0.0.0");
    CU_ASSERT_STRING_EQUAL(b.config.base.message_bus.host, "10.0.0.2");
    CU_ASSERT_STRING_EQUAL(b.config.base.clients[0].host, "10.0.0.2");
    static const char *const bad[] = {"a", "a,b", "a,b,", "a,,c", "a,b,c,d"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b.options.remote_service_hosts = bad[i];
        expect_failure(&b, "-rsh needs three hosts");
    }
    bench_close(&b);
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
        struct bench b;
        bench_open(&b);
        b.options.config_dir = data_dir(
            &b.ctx.arena, edge_printf(&b.ctx.arena, "official-profiles/%s", cases[i].service));
        if (b.options.config_dir) {
            load(&b);
            CU_ASSERT_PTR_NOT_NULL(b.loaded.file);
            CU_ASSERT_EQUAL(b.config.base.service.port, cases[i].port);
        }
        bench_close(&b);
    }
}

/* A provider has texts only: a key without a value in the file it was filled from is an empty one. */
static void test_empty_texts_of_a_provider_say_nothing(void)
{
    static const char shared[] =
        "{\"Service\":{\"Port\":\"\",\"StartupMsg\":\"\",\"Labels\":\"\"},\"Clients\":\"\","
        "\"Writable\":{\"Telemetry\":{\"Tags\":\"\",\"Metrics\":{\"a\":\"\",\"b\":\"true\"}}}}";
    static const char own[] = "{\"Clients\":{\"core-data\":\"\",\"x\":{\"Port\":\"7\"}},"
                              "\"Limits\":\"\",\"Writable\":{\"PersistData\":\"\"}}";
    struct bench b;
    bench_open(&b);
    struct edge_config_remote remote = {0};
    b.source.remote = &remote;
    CU_ASSERT_EQUAL_FATAL(
        edge_json_parse(&b.ctx, shared, strlen(shared), NULL, &remote.all_services), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&b.ctx, own, strlen(own), NULL, &remote.own), EDGE_OK);
    load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.port, 59880);
    CU_ASSERT_STRING_EQUAL(b.config.base.service.startup_msg, ""); /* a text may be empty */
    CU_ASSERT_EQUAL(b.config.base.service.n_labels, 0);
    CU_ASSERT_EQUAL_FATAL(b.config.base.n_clients, 1);
    CU_ASSERT_EQUAL(b.config.base.clients[0].port, 7);
    CU_ASSERT_EQUAL(b.config.writable.base.telemetry.n_metrics, 1);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 100);
    CU_ASSERT_TRUE(b.config.writable.persist);
    bench_close(&b);
}

CU_TestInfo config_tests[] = {
    {"tables are sound",                               test_tables_are_sound                           },
    {"defaults are the official ones",                 test_defaults_are_the_official_ones             },
    {"device services know core-metadata",             test_device_services_know_core_metadata         },
    {"later layers win",                               test_later_layers_win                           },
    {"keys in any case, values in any spelling",       test_keys_in_any_case_and_values_in_any_spelling},
    {"every key has a variable",                       test_every_key_has_a_variable                   },
    {"secrets come from variables alone",              test_secrets_come_from_variables_alone          },
    {"secrets are kept from the provider",             test_secrets_are_kept_from_the_provider         },
    {"secrets are masked",                             test_secrets_are_masked                         },
    {"secrets of unknown sections are not logged",     test_secrets_of_unknown_sections_are_not_logged },
    {"a bad value is refused alone",                   test_a_bad_value_is_refused_alone               },
    {"free-form keys have rules of their own",         test_free_form_keys_have_rules_of_their_own     },
    {"passwords of refused values are not logged",     test_passwords_of_refused_values_are_not_logged },
    {"a bad value keeps what was held",                test_a_bad_value_keeps_what_was_held            },
    {"stored secrets are kept in a file",              test_stored_secrets_are_kept_in_a_file          },
    {"a short file leaves what is built in",           test_a_short_file_leaves_what_is_built_in       },
    {"a variable for one service goes first",          test_a_variable_for_one_service_goes_first      },
    {"bad variables are fatal by name",                test_bad_variables_are_fatal_by_name            },
    {"bad files are fatal by place",                   test_bad_files_are_fatal_by_place               },
    {"a value that names a key has no origin",         test_a_value_that_names_a_key_has_no_origin     },
    {"unknown keys do no harm",                        test_unknown_keys_do_no_harm                    },
    {"files are looked up by service first",           test_files_are_looked_up_by_service_first       },
    {"files asked for by name must exist",             test_files_asked_for_by_name_must_exist         },
    {"named files are found beside the configuration",
     test_named_files_are_found_beside_the_configuration                                               },
    {"files come from web servers",                    test_files_come_from_web_servers                },
    {"remote hosts",                                   test_remote_hosts                               },
    {"empty texts of a provider say nothing",          test_empty_texts_of_a_provider_say_nothing      },
    {"official files load unchanged",                  test_official_files_load_unchanged              },
    CU_TEST_INFO_NULL,
};
