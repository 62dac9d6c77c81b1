/* Secrets of a configuration: where they come from, are kept, and are not shown. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture.h"
#include "config/config_tree.h"
#include "config_bench.h"
#include "edge/log.h"
#include "edge/text.h"
#include "service/instance.h"
#include "suites.h"

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
    struct config_bench b;
    config_bench_open(&b);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
    config_bench_load(&b);
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
    config_bench_close(&b);
}

/* What a provider may be given: everything but what nobody may see. */
static void test_secrets_are_kept_from_the_provider(void)
{
    struct config_bench b;
    config_bench_open(&b);
    config_bench_put(
        &b, "configuration.yaml",
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
    config_bench_close(&b);
}

/* What GET /config shows: the same left out, in its place, and its neighbours. */
static void test_secrets_are_masked(void)
{
    struct config_bench b;
    config_bench_open(&b);
    const cJSON *tree = config_bench_tree(
        &b, "{\"Driver\":{\"Pwd\":\"a\",\"PIN\":1234,\"Pinned\":1,\"UsesToken\":true,\"None\":null,"
            "\"List\":[\"b\",\"x://u:pw@host\",[\"Pwd=c\"],{\"Psk\":\"d\",\"On\":1}]},"
            "\"Limits\":{\"Names\":[\"e\",\"?token=f\"]},"
            "\"Writable\":{\"Telemetry\":{\"Metrics\":{\"SecretsAsked\":false}}}}");
    cJSON *shown = cJSON_Duplicate(tree, true);
    config_mask_secrets(&TEST_CONFIG, shown);
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
    config_bench_close(&b);
}

/* A section nobody knows is named in the log with what is in it. */
static void test_secrets_of_unknown_sections_are_not_logged(void)
{
    struct config_bench b;
    config_bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    b.ctx.log = log;
    config_bench_put(&b, "configuration.yaml",
                     "Drvier: {Speed: 7, Pwd: a-secret, List: ['x://u:b-secret@h']}\n");
    capture_start();
    config_bench_load(&b);
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "unknown configuration key ignored"), 1);
    CU_ASSERT_EQUAL(capture_count(text, "<redacted>"), 1);
    CU_ASSERT_EQUAL(capture_count(text, "-secret"), 0);
    free(text);
    b.ctx.log = NULL;
    edge_log_free(log);
    config_bench_close(&b);
}

/* A refused value is logged, but not the password somebody put where none belongs. */
static void test_passwords_of_refused_values_are_not_logged(void)
{
    struct config_bench b;
    config_bench_open(&b);
    struct edge_log *log = edge_log_create("test");
    b.ctx.log = log;
    struct edge_config_remote remote = {
        .own = config_bench_tree(&b, "{\"MessageBus\":{\"Host\":\"tcp://u:a-hidden@h\"},"
                                     "\"Registry\":{\"Port\":\"?token=b-hidden\"}}")};
    b.source.remote = &remote;
    capture_start();
    config_bench_load(&b);
    char *text = capture_end();
    CU_ASSERT_EQUAL(config_bench_refused(&b), 2);
    CU_ASSERT_EQUAL(capture_count(text, "configuration value refused"), 2);
    CU_ASSERT_EQUAL(capture_count(text, "hidden"), 0);
    free(text);
    b.ctx.log = NULL;
    edge_log_free(log);
    config_bench_close(&b);
}

static const char *content(struct config_bench *b, const char *path)
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
    struct config_bench b;
    config_bench_open(&b);
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
    config_bench_load(&b);
    CU_ASSERT_EQUAL(b.config.writable.base.n_insecure_secrets, 2);
    config_bench_put(&b, "data/below/svc/secrets.json", "{\"Writable\":");
    config_bench_load(&b); /* the service runs, without */
    CU_ASSERT_EQUAL(b.config.writable.base.n_insecure_secrets, 0);
    CU_ASSERT_NOT_EQUAL(secrets_store(&b.ctx, path, "z", other, 1), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(content(&b, path), "{\"Writable\":");
    b.ctx.log = NULL;
    edge_log_free(log);
    config_bench_close(&b);
}

CU_TestInfo config_secrets_tests[] = {
    {"secrets come from variables alone",          test_secrets_come_from_variables_alone         },
    {"secrets are kept from the provider",         test_secrets_are_kept_from_the_provider        },
    {"secrets are masked",                         test_secrets_are_masked                        },
    {"secrets of unknown sections are not logged", test_secrets_of_unknown_sections_are_not_logged},
    {"passwords of refused values are not logged", test_passwords_of_refused_values_are_not_logged},
    {"stored secrets are kept in a file",          test_stored_secrets_are_kept_in_a_file         },
    CU_TEST_INFO_NULL,
};
