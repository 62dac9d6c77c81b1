/* The platform with its configuration and its registry in core-keeper (-cp, -r), in both shapes:
 * values are seeded, changes arrive, and whoever comes late or goes away is waited for. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "platform.h"
#include "suites.h"

/* Sooner than the provider is asked unasked: an announcement was heard. */
enum { PROMPT_MS = 7000 };

#define KVS    "/api/v3/kvs/key/"
#define COMMON "edgex/v4/core-common-config-bootstrapper"

#define PROVIDED(name, shape)                                                                      \
    __attribute__((cleanup(platform_done))) struct platform name;                                  \
    platform_make(&name, shape);                                                                   \
    name.provided = true;                                                                          \
    CU_ASSERT_TRUE_FATAL(platform_up(&name))

static void put(const struct platform *p, const char *key, const char *json)
{
    EDGE_CTX_SCOPE(ctx);
    expect(&ctx, p, KEEPER, "PUT", edge_printf(&ctx.arena, KVS "%s", key),
           edge_printf(&ctx.arena, "{\"apiVersion\":\"\",\"requestId\":\"\",\"value\":%s}", json),
           200);
}

/* A text at a path of an answer, once it is there. */
struct awaited_text {
    const struct platform *p;
    enum platform_service service;
    const char *target, *path, *text;
};

static bool has_text(void *arg)
{
    const struct awaited_text *w = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    call(&ctx, w->p, w->service, "GET", w->target, NULL, &body);
    return strcmp(text_at(body, w->path), w->text) == 0;
}

static void shows_within(int64_t ms, const struct platform *p, enum platform_service service,
                         const char *target, const char *path, const char *text)
{
    struct awaited_text w = {p, service, target, path, text};
    bool shown = wait_until(has_text, &w, ms);
    if (!shown) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *body = NULL;
        call(&ctx, p, service, "GET", target, NULL, &body);
        fprintf(stderr, "%s: %s is '%s' instead of '%s'\n", target, path, text_at(body, path),
                text);
        platform_print_logs(p);
    }
    CU_ASSERT_TRUE(shown);
}

static void shows(const struct platform *p, enum platform_service service, const char *target,
                  const char *path, const char *text)
{
    shows_within(PATIENCE_MS, p, service, target, path, text);
}

/* What GET /config shows of Writable, and soon. */
static void writable(const struct platform *p, enum platform_service service, const char *key,
                     const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "config.Writable.%s", key);
    shows_within(PROMPT_MS, p, service, "/api/v3/config", path, text);
}

static void registered(const struct platform *p, const char *service, const char *status)
{
    char target[128];
    snprintf(target, sizeof(target), "/api/v3/registry/serviceId/%s", service);
    shows(p, KEEPER, target, "registration.status", status);
}

static void values_and_changes(enum platform_shape shape)
{
    PROVIDED(p, shape);
    char port[8];
    snprintf(port, sizeof(port), "%d", p.port[DATA]);
    shows(&p, KEEPER, KVS "edgex/v4/core-data/Service/Port?plaintext=true", "response.0.value",
          port);
    shows(&p, KEEPER, KVS "edgex/v4/device-virtual/Clients/core-metadata/Host?plaintext=true",
          "response.0.value", "localhost");

    /* Each tells at its start that it is the provider that has the last word. */
    CU_ASSERT(platform_logged(&p, DATA, "(all-services), "));
    CU_ASSERT(platform_logged(&p, DATA, "(private), environment, http://"));
    CU_ASSERT(platform_logged(&p, DATA, " (core-data)\""));
    CU_ASSERT(platform_logged(&p, VIRTUAL, "(all-services, device-services), "));

    put(&p, "edgex/v4/core-data/Writable/LogLevel", "\"DEBUG\"");
    writable(&p, DATA, "LogLevel", "DEBUG");
    put(&p, "edgex/v4/core-metadata/Writable", "\"flat\""); /* a text where a section is: no harm */
    put(&p, "edgex/v4/core-metadata/Writable/LogLevel", "\"WARN\"");
    writable(&p, METADATA, "LogLevel", "WARN");
    put(&p, COMMON "/all-services/Writable/Telemetry/Interval", "\"11m\"");
    writable(&p, VIRTUAL, "Telemetry.Interval", "11m");
    writable(&p, COMMAND, "Telemetry.Interval", "11m");
    put(&p, COMMON "/device-services/Writable/Telemetry/Interval", "\"12m\"");
    writable(&p, VIRTUAL, "Telemetry.Interval", "12m");

    /* What cannot be is logged and changes nothing; the next sound value is taken up again. */
    put(&p, "edgex/v4/core-data/Writable/PersistData", "\"perhaps\"");
    put(&p, "edgex/v4/core-data/Writable/LogLevel", "\"ERROR\"");
    put(&p, "edgex/v4/core-data/Writable/PersistData", "true");
    writable(&p, DATA, "LogLevel", "ERROR");

    /* Other values wait for a restart, and win over the file then. */
    put(&p, "edgex/v4/core-command/Service/StartupMsg", "\"hello again\"");
    CU_ASSERT_TRUE(platform_down(&p));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    shows(&p, COMMAND, "/api/v3/config", "config.Service.StartupMsg", "hello again");
    writable(&p, DATA, "LogLevel", "ERROR");
}

static void test_values_and_changes_in_one_process(void)
{
    values_and_changes(SHAPE_ONE);
}

static void test_values_and_changes_between_processes(void)
{
    values_and_changes(SHAPE_SPLIT);
}

static void the_registry_knows(enum platform_shape shape)
{
    static const char *const others[] = {"core-metadata", "core-data", "core-command",
                                         "device-virtual"};
    PROVIDED(p, shape);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        registered(&p, others[i], "UP");
    }
    EDGE_CTX_SCOPE(ctx);
    const cJSON *command = expect(&ctx, &p, COMMAND, "GET",
                                  "/api/v3/device/name/Random-Integer-Device/Int8", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(command, "event.deviceName"), "Random-Integer-Device");
}

static void test_the_registry_knows_one_process(void)
{
    the_registry_knows(SHAPE_ONE);
}

static void test_the_registry_knows_processes(void)
{
    the_registry_knows(SHAPE_SPLIT);
}

/* Each service, stopped and started again while the others run. */
static void test_restarts_in_any_order(void)
{
    PROVIDED(p, SHAPE_SPLIT);
    registered(&p, "core-command", "UP");
    CU_ASSERT_TRUE(platform_stop(&p, COMMAND));
    registered(&p, "core-command", "HALT");
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    registered(&p, "core-command", "UP");

    CU_ASSERT_TRUE(platform_stop(&p, KEEPER));
    EDGE_CTX_SCOPE(ctx);
    expect(&ctx, &p, COMMAND, "GET", "/api/v3/device/name/Random-Integer-Device/Int8", NULL, 200);
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    put(&p, "edgex/v4/core-data/Writable/LogLevel", "\"WARN\"");
    writable(&p, DATA, "LogLevel", "WARN");

    platform_kill_broker(&p);
    platform_start_broker(&p);
    put(&p, "edgex/v4/core-data/Writable/LogLevel",
        "\"INFO\""); /* nobody may have been there to hear */
    shows(&p, DATA, "/api/v3/config", "config.Writable.LogLevel", "INFO");
}

static bool command_waits(void *p)
{
    return platform_logged(p, COMMAND, "waiting for the configuration");
}

/* All but core-keeper are started, which comes when they have been waiting for it. */
static void test_services_wait_for_the_keeper(void)
{
    __attribute__((cleanup(platform_done))) struct platform p;
    platform_make(&p, SHAPE_SPLIT);
    p.provided = true;
    platform_start_broker(&p);
    for (unsigned s = 0; s < N_SERVICES; s++) {
        if (s != KEEPER) {
            platform_start(&p, s);
        }
    }
    CU_ASSERT_TRUE(wait_until(command_waits, &p, PATIENCE_MS));
    CU_ASSERT_TRUE(platform_stop(&p, COMMAND)); /* told to stop while it waits: no failure */
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    registered(&p, "device-virtual", "UP");
}

/* ---- secrets -------------------------------------------------------------------------------- */

static void holds_no(const struct platform *p, const char *const *secrets, size_t n)
{
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, expect(&ctx, p, KEEPER, "GET", KVS "edgex?plaintext=true", NULL, 200));
    for (unsigned s = 0; s < N_SERVICES; s++) {
        edge_json_put(&text, expect(&ctx, p, s, "GET", "/api/v3/config", NULL, 200));
    }
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_PTR_NULL(strstr(edge_buf_str(&text), secrets[i]));
    }
}

static void test_secrets_are_kept_by_their_service(void)
{
    static const char secret[] = "{\"apiVersion\":\"v3\",\"secretName\":\"a/b c\",\"secretData\":"
                                 "[{\"key\":\"username\",\"value\":\"ann-of-the-secret\"}]}";
    static const char name[] = "config.Writable.InsecureSecrets.a/b c.SecretName";
    static const char *const variables[][2] = {
        {"WRITABLE_INSECURESECRETS_MQTT_SECRETDATA_PASSWORD", "hunter2"},
        {"MESSAGEBUS_OPTIONAL_USERNAME",                      "joe"    },
        {"MESSAGEBUS_OPTIONAL_PASSWORD",                      "hunter3"},
    };
    static const char *const secrets[] = {"ann-of-the-secret", "hunter2", "hunter3"};
    for (size_t i = 0; i < 3; i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
    PROVIDED(p, SHAPE_SPLIT);
    EDGE_CTX_SCOPE(ctx);
    shows(&p, DATA, "/api/v3/config", "config.Writable.InsecureSecrets.mqtt.SecretData.password",
          "<redacted>");
    expect(&ctx, &p, DATA, "POST", "/api/v3/secret", secret, 201);
    shows(&p, DATA, "/api/v3/config", name, "a/b c");
    holds_no(&p, secrets, sizeof(secrets) / sizeof(secrets[0]));

    struct stat st;
    const char *file = edge_printf(&ctx.arena, "%s/data/core-data/secrets.json", p.dir.path);
    CU_ASSERT_EQUAL_FATAL(stat(file, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);

    CU_ASSERT_TRUE(platform_stop(&p, DATA));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    shows(&p, DATA, "/api/v3/config", name, "a/b c");
    CU_ASSERT_TRUE(platform_stop(&p, KEEPER)); /* not needed for it */
    expect(&ctx, &p, COMMAND, "POST", "/api/v3/secret", secret, 201);
    shows(&p, COMMAND, "/api/v3/config", name, "a/b c");
    for (size_t i = 0; i < 3; i++) {
        unsetenv(variables[i][0]);
    }
}

/* ---- values that cannot be ------------------------------------------------------------------ */

/* Put for core-data; each is named in the log by @p named, and what the key held stays. */
static const struct bad_value {
    const char *key, *json, *named;
} bad_values[] = {
    {"Writable/PersistData",           "\"perhaps\"",        "perhaps"                 },
    {"Writable/EventPurge",            "{\"x\":1}",          "x"                       },
    {"Writable/Telemetry/Interval",    "\"5 parsecs\"",      "5 parsecs"               },
    {"Writable/Telemetry/Interval",    "\"-5s\"",            "value=-5s"               },
    {"Writable/InsecureSecrets",       "\"none\"",           "Writable.InsecureSecrets"},
    {"Writable/Telemetry/Metrics/All", "\"2\"",              "Metrics.All"             },
    {"Writable/Nonsense",              "\"1\"",              "Writable.Nonsense"       },
    {"Service/Port",                   "\"http\"",           "Service.Port"            },
    {"Service/MaxResultCount",         "\"0\"",              "MaxResultCount"          },
    {"Service/RequestTimeout",         "\"\"",               "RequestTimeout"          },
    {"Service/RequestTimeout",         "\"-3s\"",            "value=-3s"               },
    {"Service/HealthCheckInterval",    "\"often\"",          "often"                   },
    {"Service/CORSConfiguration",      "\"[\\\"{\"",         "CORSConfiguration"       },
    {"MessageBus/Type",                "\"pigeons\"",        "pigeons"                 },
    {"MessageBus/Protocol",            "\"gopher\"",         "gopher"                  },
    {"MessageBus/AuthMode",            "\"oath\"",           "oath"                    },
    {"MessageBus/BaseTopicPrefix",     "\"a/#\"",            "BaseTopicPrefix"         },
    {"MessageBus/Optional/Qos",        "\"3\"",              "Optional.Qos"            },
    {"MessageBus/Optional/KeepAlive",  "[1,2]",              "Optional.KeepAlive"      },
    {"Database/Type",                  "\"tape\"",           "tape"                    },
    {"Service/ServerBindAddr",         "\"[\\\"{\"",         "ServerBindAddr"          },
    {"Database/Name",                  "\"no/such/folder\"", "Database.Name"           },
    {"Retention/Interval",             "\"\"",               "Retention.Interval"      },
    {"Retention/DefaultMaxCap",        "\"1e99\"",           "1e99"                    },
    {"MaxEventSize",                   "\"-1\"",             "MaxEventSize"            },
    {"Clients/core-metadata",          "\"here\"",           "Clients/core-metadata "  },
};

static void put_below(const struct platform *p, const char *service, const char *key,
                      const char *json)
{
    char path[192];
    snprintf(path, sizeof(path), "edgex/v4/%s/%s", service, key);
    put(p, path, json);
}

struct awaited_line {
    const struct platform *p;
    const char *named;
};

static bool is_named(void *arg)
{
    const struct awaited_line *w = arg;
    return platform_log_lines(w->p, DATA, "configuration", w->named) > 0;
}

/* As `/config` shows it, without what a test changes on purpose. */
static void held(const struct platform *p, bool restarted)
{
    static const char *const kept[][2] = {
        {"config.Writable.Telemetry.Interval",   "30s"  },
        {"config.Service.RequestTimeout",        "5s"   },
        {"config.Service.HealthCheckInterval",   "1s"   },
        {"config.MessageBus.BaseTopicPrefix",    "edgex"},
        {"config.MessageBus.AuthMode",           "none" },
        {"config.MessageBus.Optional.Qos",       "0"    },
        {"config.MessageBus.Optional.KeepAlive", "10"   },
        {"config.Retention.Interval",            "10m"  },
    };
    EDGE_CTX_SCOPE(ctx);
    const cJSON *shown = expect(&ctx, p, DATA, "GET", "/api/v3/config", NULL, 200);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        CU_ASSERT_STRING_EQUAL(text_at(shown, kept[i][0]), kept[i][1]);
    }
    CU_ASSERT_EQUAL(int_at(shown, "config.Service.Port"), p->port[DATA]);
    CU_ASSERT_EQUAL(int_at(shown, "config.Service.MaxResultCount"), restarted ? 77 : 1024);
    CU_ASSERT_EQUAL(int_at(shown, "config.MaxEventSize"), 25000);
    CU_ASSERT_EQUAL(int_at(shown, "config.Clients.core-metadata.Port"), p->port[METADATA]);
}

static void bad_values_are_refused_alone(enum platform_shape shape)
{
    PROVIDED(p, shape);
    for (size_t i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++) {
        put_below(&p, "core-data", bad_values[i].key, bad_values[i].json);
        struct awaited_line w = {&p, bad_values[i].named};
        bool named = wait_until(is_named, &w, PROMPT_MS);
        CU_ASSERT_TRUE(named);
        if (!named) {
            fprintf(stderr, "not named: %s\n", bad_values[i].key);
        }
    }
    put_below(&p, "core-data", "Writable/LogLevel", "\"DEBUG\""); /* after all of these */
    writable(&p, DATA, "LogLevel", "DEBUG");
    held(&p, false);

    /* Sound each, but of no use to who reads them at the start: that is left out. */
    put_below(&p, "core-command", "ExternalMQTT/Enabled", "true");
    put_below(&p, "core-command", "ExternalMQTT/Url", "\"gopher://nowhere\"");
    put_below(&p, "core-metadata", "UoM/UoMFile", "\"/proc/self\"");
    put_below(&p, "core-metadata", "MessageBus/AuthMode", "\"usernamepassword\"");
    put_below(&p, "core-metadata", "MessageBus/SecretName", "\"nobody-has-it\"");

    /* A value for everybody; and a sound one beside them, of those that wait for a restart. */
    put(&p, COMMON "/all-services/Writable/Telemetry/Interval", "\"now and then\"");
    put_below(&p, "core-metadata", "Writable/LogLevel", "\"WARN\"");
    writable(&p, METADATA, "LogLevel", "WARN");
    put_below(&p, "core-data", "Service/MaxResultCount", "\"77\"");
    put_below(&p, "core-data", "Writable/LogLevel", "\"ERROR\"");
    writable(&p, DATA, "LogLevel", "ERROR");
    CU_ASSERT_EQUAL(platform_log_lines(&p, DATA, "refused", "MessageBus.Type"), 1);
    CU_ASSERT_EQUAL(platform_log_lines(&p, DATA, "not taken up", ""), 0);

    CU_ASSERT_TRUE(platform_down(&p));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    held(&p, true);
    writable(&p, DATA, "LogLevel", "ERROR");
    writable(&p, VIRTUAL, "Telemetry.Interval", "30s");
}

static void test_bad_values_are_refused_alone_in_one_process(void)
{
    bad_values_are_refused_alone(SHAPE_ONE);
}

static void test_bad_values_are_refused_alone_between_processes(void)
{
    bad_values_are_refused_alone(SHAPE_SPLIT);
}

/* ---- places nobody can listen at -------------------------------------------------------------- */

static void put_port(const struct platform *p, const char *service, uint16_t port)
{
    char json[16];
    snprintf(json, sizeof(json), "\"%d\"", port);
    put_below(p, service, "Service/Port", json);
}

/* As it says itself, and as core-keeper knows it. */
static void listens_as_its_file_says(const struct platform *p, enum platform_service s,
                                     const char *name)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *shown = expect(&ctx, p, s, "GET", "/api/v3/config", NULL, 200);
    CU_ASSERT_EQUAL(int_at(shown, "config.Service.Port"), p->port[s]);
    CU_ASSERT_STRING_EQUAL(text_at(shown, "config.Service.Host"), "localhost");
    CU_ASSERT_STRING_EQUAL(text_at(shown, "config.Service.ServerBindAddr"), "");
    registered(p, name, "UP");
    const char *target = edge_printf(&ctx.arena, "/api/v3/registry/serviceId/%s", name);
    const cJSON *entry = expect(&ctx, p, KEEPER, "GET", target, NULL, 200);
    CU_ASSERT_EQUAL(int_at(entry, "registration.port"), p->port[s]);
    CU_ASSERT_STRING_EQUAL(text_at(entry, "registration.host"), "localhost");
}

/* --health knows where to ask, too. */
static bool is_healthy(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    const char *command =
        edge_printf(&ctx.arena,
                    "%s/edgexd -cd %s/res --data %s/data -cp=keeper.http://localhost:%d"
                    " --health",
                    getenv("EDGE_BIN_DIR"), p->dir.path, p->dir.path, p->port[KEEPER]);
    return system(command) == 0;
}

/* Each of these kept the whole process down, with nobody left to mend it. */
static void bad_places_keep_nobody_down(enum platform_shape shape)
{
    PROVIDED(p, shape);
    put_below(&p, "core-command", "Service/ServerBindAddr", "\"999.1.2.3\"");
    put_below(&p, "device-virtual", "Service/Host", "\"192.0.2.1\"");
    if (shape ==
        SHAPE_ONE) { /* core-metadata is started before core-data, core-keeper before both */
        put_port(&p, "core-metadata", p.port[DATA]);
        put_port(&p, "core-data", p.port[KEEPER]);
        put_below(&p, "core-data", "Service/Host", "\"192.0.2.1\"");
    }
    CU_ASSERT_TRUE(platform_down(&p));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    listens_as_its_file_says(&p, METADATA, "core-metadata");
    listens_as_its_file_says(&p, DATA, "core-data");
    listens_as_its_file_says(&p, COMMAND, "core-command");
    listens_as_its_file_says(&p, VIRTUAL, "device-virtual");
    CU_ASSERT_EQUAL(platform_log_lines(&p, COMMAND, "refused", "key=Service.ServerBindAddr"), 1);
    CU_ASSERT_EQUAL(platform_log_lines(&p, VIRTUAL, "refused", "value=192.0.2.1"),
                    shape == SHAPE_ONE ? 2 : 1);
    CU_ASSERT_EQUAL(platform_log_lines(&p, METADATA, "refused", "key=Service.Port"),
                    shape == SHAPE_ONE ? 2 : 0);
    EDGE_CTX_SCOPE(ctx);
    expect(&ctx, &p, COMMAND, "GET", "/api/v3/device/name/Random-Integer-Device/Int8", NULL, 200);

    if (shape == SHAPE_ONE) {
        CU_ASSERT_TRUE(is_healthy(&p));
    }

    /* What is refused does not wait for a restart; something else does. */
    size_t before = platform_log_lines(&p, COMMAND, "needs a restart", "key=Service.");
    put_below(&p, "core-command", "Writable/LogLevel", "\"DEBUG\"");
    writable(&p, COMMAND, "LogLevel", "DEBUG");
    CU_ASSERT_EQUAL(platform_log_lines(&p, COMMAND, "needs a restart", "key=Service."), before);
    put_below(&p, "core-command", "Service/ServerBindAddr", "\"0.0.0.0\"");
    put_below(&p, "core-command", "Writable/LogLevel", "\"INFO\"");
    writable(&p, COMMAND, "LogLevel", "INFO");
    CU_ASSERT_TRUE(platform_log_lines(&p, COMMAND, "needs a restart", "key=Service.") > before);
}

static void test_bad_places_in_one_process(void)
{
    bad_places_keep_nobody_down(SHAPE_ONE);
}

static void test_bad_places_between_processes(void)
{
    bad_places_keep_nobody_down(SHAPE_SPLIT);
}

CU_TestInfo provider_tests[] = {
    {"values and changes, in one process",    test_values_and_changes_in_one_process             },
    {"values and changes, between processes", test_values_and_changes_between_processes          },
    {"the registry knows one process",        test_the_registry_knows_one_process                },
    {"the registry knows processes",          test_the_registry_knows_processes                  },
    {"restarts in any order",                 test_restarts_in_any_order                         },
    {"services wait for the keeper",          test_services_wait_for_the_keeper                  },
    {"bad values, in one process",            test_bad_values_are_refused_alone_in_one_process   },
    {"bad values, between processes",         test_bad_values_are_refused_alone_between_processes},
    {"bad places, in one process",            test_bad_places_in_one_process                     },
    {"bad places, between processes",         test_bad_places_between_processes                  },
    {"secrets are kept by their service",     test_secrets_are_kept_by_their_service             },
    CU_TEST_INFO_NULL,
};
