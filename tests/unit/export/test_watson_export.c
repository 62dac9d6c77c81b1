/* WatsonExport before a mosquitto that knows users and, by rules, who may say what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud_bench.h"
#include "connectors/mqtt_client.h"

#define WATSON(q, c, ...)                                                                          \
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(                                                          \
        q, "WatsonExport",                                                                         \
        (const char *const[]){"Org", "acme", "Host", "localhost", "Event", "{sourcename}",         \
                              "SecretName", "maximo", "Port", cloud_port(c),                       \
                              "MaxReconnectInterval", "100ms", __VA_ARGS__ NULL}))
#define VALUES "{\"values\":{\"devicename\":\"pump\",\"sourcename\":\"all\"}}"

/* Only who has this user and password may write, and there alone. */
static void start(struct cloud *c, struct queue_bench *q, const char *user, const char *topic)
{
    cloud_start_plain(c, BROKER_TLS "password_file %s/key.pem\nacl_file %s/rules\n");
    const char *make = edge_printf(
        &c->arena, "mosquitto_passwd -b -c %s/key.pem %s secret && chmod 644 %s/key.pem",
        broker_folder(c->b), user, broker_folder(c->b));
    CU_ASSERT_EQUAL_FATAL(system(make), 0);
    broker_write(
        c->b, "rules",
        edge_printf(&c->arena, "topic read iot-2/#\nuser %s\ntopic write %s\n", user, topic));
    CU_ASSERT_FATAL(broker_restart(c->b));
    cloud_hear(c, "iot-2/#");
    cloud_secret(c, q, "maximo/cacert", "ca.pem");
    bench_secret(q, "maximo/token", "secret");
}

static void test_each_role_has_its_names(void)
{
    static const struct {
        const char *role, *type, *device, *self, *client, *user, *topic;
    } rows[] = {
        {"device",      "pump", "p1",           "",        "d:acme:pump:p1", "use-token-auth", "iot-2/evt/all/fmt/json"},
        {"gateway",     "pump", "{devicename}", "edge:g1", "g:acme:edge:g1", "use-token-auth",
         "iot-2/type/pump/id/pump/evt/all/fmt/json"                                                                    },
        {"application", "pump", "{devicename}", "app1",    "a:acme:app1",    "a-acme-key",
         "iot-2/type/pump/id/pump/evt/all/fmt/json"                                                                    },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        QUEUE_BENCH(q);
        CLOUD(c);
        start(&c, &q, rows[i].user, rows[i].topic);
        bench_secret(&q, "maximo/apikey", "a-acme-key");
        WATSON(&q, &c, "Role", rows[i].role, "Type", rows[i].type, "DeviceId", rows[i].device,
               "ClientId", rows[i].self, );
        CU_ASSERT_STRING_EQUAL(((const struct mqtt_stage *)q.config.stage)->client_id,
                               rows[i].client);
        bench_open(&q);
        bench_put_with(&q, "a", VALUES);
        CU_ASSERT(cloud_wait(&c, 1));
        CU_ASSERT(cloud_last_is(&c, rows[i].topic, "a"));
        CU_ASSERT_EQUAL(c.qos, 1);
        CU_ASSERT(bench_wait_depth(&q, 0));
        bench_close(&q);
    }
}

static void test_values_have_their_time(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    start(&c, &q, "use-token-auth", "iot-2/evt/all/fmt/json");
    WATSON(&q, &c, "Type", "pump", "DeviceId", "p1", "Values", "true", );
    bench_open(&q);
    bench_put_with(&q, "{\"Temp\":21.5}", VALUES);
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT_NSTRING_EQUAL(c.last, "{\"d\":{\"Temp\":21.5},\"ts\":\"20", 27);
    CU_ASSERT_PTR_NOT_NULL(strstr(c.last, "Z\"}"));
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
}

static void test_a_wrong_token_is_mended(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    start(&c, &q, "use-token-auth", "iot-2/evt/all/fmt/json");
    bench_secret(&q, "maximo/token", "wrong");
    WATSON(&q, &c, "Type", "pump", "DeviceId", "p1", );
    bench_open(&q);
    bench_put_with(&q, "a", VALUES);
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    bench_secret(&q, "maximo/token", "secret");
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
}

static void test_parameters_are_checked(void)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"Role",     "application"},
        {"ClientId", "a"          },
        {"Event",    "a/b"        },
        {"Qos",      "2"          },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        QUEUE_BENCH(q);
        const char *said =
            bench_stage(&q, "WatsonExport",
                        (const char *const[]){"Org", "o", "Host", "h", "Type", "t", "DeviceId", "d",
                                              "SecretName", "s", rows[i].name, rows[i].value,
                                              i == 2 ? NULL : "Event", "e", NULL});
        CU_ASSERT_PTR_NOT_NULL_FATAL(said);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, i == 0 ? "ClientId" : rows[i].name));
    }
}

CU_TestInfo watson_export_tests[] = {
    {"each role has its names", test_each_role_has_its_names},
    {"values have their time",  test_values_have_their_time },
    {"a wrong token is mended", test_a_wrong_token_is_mended},
    {"parameters are checked",  test_parameters_are_checked },
    CU_TEST_INFO_NULL,
};
