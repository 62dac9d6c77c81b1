/* AzureExport before a mosquitto that receives as an IoT Hub: its tokens, names and topics, and what it hangs up on. */
#include <stdio.h>
#include <string.h>

#include "cloud_bench.h"
#include "edge/clock.h"
#include "wait.h"

#define KEY   "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define WRONG "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWU="
#define HUB                                                                                        \
    CLOUD_PEER "plugin_opt_kind azure\nplugin_opt_hub localhost\nplugin_opt_device pump-1\n"       \
               "plugin_opt_key " KEY "\n"
#define DEVICE HUB "plugin_opt_topic devices/pump-1/messages/events/\n"
#define EVENTS "devices/pump-1/messages/events/"

#define AZURE(q, c, ...)                                                                           \
    CU_ASSERT_PTR_NULL_FATAL(                                                                      \
        bench_stage(q, "AzureExport",                                                              \
                    (const char *const[]){"Host", "localhost", "DeviceId", "pump-1", "SecretName", \
                                          "hub", "Port", cloud_port(c), "MaxReconnectInterval",    \
                                          "100ms", __VA_ARGS__ NULL}))

static void secrets(struct queue_bench *q, struct cloud *c, const char *key)
{
    cloud_secret(c, q, "hub/cacert", "ca.pem");
    bench_secret(q, "hub/sharedaccesskey", key);
}

static void test_a_message_arrives_with_its_properties(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE, "devices/#");
    secrets(&q, &c, KEY);
    AZURE(&q, &c, "Properties", "device={devicename}, fixed=a&b", );
    bench_open(&q);
    bench_put_with(&q, "a",
                   "{\"values\":{\"devicename\":\"Pump/2+\"},"
                   "\"mid\":\"0123456789abcdef0123456789abcdef\"}");
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(cloud_last_is(&c,
                            EVENTS "%24.mid=0123456789abcdef0123456789abcdef"
                                   "&%24.ct=text%2Fplain&%24.ce=utf-8&device=Pump%2F2%2B"
                                   "&fixed=a%26b",
                            "a"));
    CU_ASSERT_EQUAL(c.qos, 1);
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0);
    bench_close(&q);
}

static void test_a_module_has_names_of_its_own(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c,
                HUB "plugin_opt_module edge\nplugin_opt_topic devices/pump-1/modules/edge/messages/"
                    "events/\nplugin_opt_user-tail &DeviceClientType=edgex%2F4&model-id=dtmi%3Aa%"
                    "3B1\n",
                "devices/#");
    secrets(&q, &c, KEY);
    AZURE(&q, &c, "ModuleId", "edge", "DeviceClientType", "edgex/4", "ModelId", "dtmi:a;1", );
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
}

static void test_a_certificate_instead_of_a_token(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start_plain(&c, DEVICE "plugin_opt_certificate yes\nrequire_certificate true\n");
    CU_ASSERT_FATAL(broker_restart(c.b));
    cloud_secret(&c, &q, "hub/cacert", "ca.pem");
    cloud_secret(&c, &q, "hub/clientcert", "cli.pem");
    cloud_secret(&c, &q, "hub/clientkey", "cli.key");
    AZURE(&q, &c, "AuthMode", "x509", );
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_EQUAL(cloud_reported(&c, "accepted pump-1"), 1);
    bench_close(&q);
}

/* Twenty messages wait at each time, while the connection is made anew twice. */
static void test_renewal_leaves_no_gap(void)
{
    static char expected[200000];
    char text[16];
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE, "devices/#");
    secrets(&q, &c, KEY);
    AZURE(&q, &c, "TokenLife", "3s", );
    bench_open(&q);
    expected[0] = '\0';
    unsigned n = 0;
    for (int64_t end_ms = edge_now_mono_ms() + 20000;
         cloud_reported(&c, "accepted pump-1") < 3 && edge_now_mono_ms() < end_ms;) {
        for (int i = 0; i < 20; i++) {
            snprintf(text, sizeof(text), "%u", n++);
            snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s ", text);
            bench_put(&q, text);
        }
        CU_ASSERT(bench_wait_depth(&q, 20));
    }
    CU_ASSERT(cloud_wait_report(&c, "accepted pump-1", 3));
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(cloud_wait(&c, n));
    CU_ASSERT_STRING_EQUAL(c.all, expected); /* in order, and none of them twice */
    CU_ASSERT_EQUAL(bench_status(&q).retries, 0);
    CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0); /* no token ended in use */
    bench_close(&q);
}

static void test_a_quiet_connection_is_renewed_too(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE, "devices/#");
    secrets(&q, &c, KEY);
    AZURE(&q, &c, "TokenLife", "2s", );
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(cloud_wait_report(&c, "accepted pump-1", 3));
    bench_put(&q, "b");
    CU_ASSERT(cloud_wait(&c, 2));
    CU_ASSERT_STRING_EQUAL(c.all, "a b ");
    bench_close(&q);
}

static void test_a_wrong_key_is_mended(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE, "devices/#");
    secrets(&q, &c, WRONG);
    AZURE(&q, &c, );
    q.config.denied_first_ms = q.config.denied_last_ms = 3600 * 1000;
    bench_open(&q);
    bench_put(&q, "a");
    bench_put(&q, "b");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    CU_ASSERT(cloud_wait_report(&c, "refused pump-1 wrong signature", 1));
    bench_secret(&q, "hub/sharedaccesskey", "no base64!");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    bench_secret(&q, "hub/sharedaccesskey", KEY);
    CU_ASSERT(cloud_wait(&c, 2));
    CU_ASSERT_STRING_EQUAL(c.all, "a b ");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_NOT_EQUAL(bench_status(&q).state, EXPORT_Q_DENIED);
    bench_close(&q);
}

/* The hub is two hours before us: tokens of an hour have ended when they come. */
static void test_an_expired_token_is_denied(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE "plugin_opt_ahead 7200\n", "devices/#");
    secrets(&q, &c, KEY);
    AZURE(&q, &c, );
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    CU_ASSERT(cloud_wait_report(&c, "refused pump-1 expired", 1));
    edge_clock_step(INT64_C(7200) * 1000000000); /* our clock is set: another token */
    CU_ASSERT(cloud_wait(&c, 1));
    edge_clock_step(INT64_C(-7200) * 1000000000);
    bench_close(&q);
}

static void test_without_the_time_messages_wait(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE, "devices/#");
    secrets(&q, &c, KEY);
    AZURE(&q, &c, );
    int64_t back_ns = edge_now_ns() - 1000000000;
    edge_clock_step(-back_ns); /* 1970 */
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(bench_wait_retries(&q, 1));
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_CLOCK));
    CU_ASSERT(bench_says(&q, "clock"));
    edge_clock_step(back_ns);
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
}

static void test_what_a_hub_would_not_take_is_put_aside(void)
{
    static char large[(256 << 10) + 1];
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE, "devices/#");
    secrets(&q, &c, KEY);
    AZURE(&q, &c, );
    bench_open(&q);
    memset(large, 'x', sizeof(large) - 1);
    bench_put(&q, large); /* the properties do not fit any more */
    bench_put(&q, "b");
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(bench_wait_quarantined(&q, 1));
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_STRING_EQUAL(c.last, "b");
    CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0);
    bench_close(&q);
}

/* That the peer is one: what ours never does ends the connection. */
static void test_the_peer_hangs_up_as_a_hub_does(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE "plugin_opt_certificate yes\n", "devices/#");
    cloud_secret(&c, &q, "hub/cacert", "ca.pem");
    bench_secret(&q, "hub/username", "localhost/pump-1/?api-version=2021-04-12");
    bench_secret(&q, "hub/password", "");
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(
        &q, "MQTTExport",
        (const char *const[]){
            "BrokerAddress", edge_printf(&q.arena, "ssl://localhost:%s", cloud_port(&c)), "Topic",
            EVENTS, "SecretName", "hub", "AuthMode", "usernamepassword", "ClientId", "pump-1",
            "Qos", "2", "MaxReconnectInterval", "100ms", NULL}));
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(cloud_wait_report(&c, "kicked pump-1 qos 2", 1));
    bench_close(&q);
}

static void test_parameters_are_checked(void)
{
    static const struct {
        const char *params[12];
        const char *says;
    } rows[] = {
        {{"Host", "h", "DeviceId", "a/b", "SecretName", "s"},                        "DeviceId"      },
        {{"Host", "h", "DeviceId", "a", "SecretName", "s", "ModuleId", "#"},         "ModuleId"      },
        {{"Host", "h", "DeviceId", "a", "SecretName", "s", "TokenLife", "1ms"},      "TokenLife"     },
        {{"Host", "h", "DeviceId", "a", "SecretName", "s", "Properties", "a"},       "Properties"    },
        {{"Host", "h", "DeviceId", "a", "SecretName", "s", "Properties", "$.mid=1"}, "Properties"    },
        {{"Host", "h", "DeviceId", "a", "SecretName", "s", "KeepAlive", "1h"},       "KeepAlive"     },
        {{"Host", "h", "DeviceId", "a", "SecretName", "s", "AuthMode", "none"},      "AuthMode"      },
        {{"Host", "h", "DeviceId", "a", "SecretName", "s", "Port", "0"},             "Port"          },
        {{"Host", "h", "SecretName", "s"},                                           "DeviceId"      },
        {{"SecretName", "s"},                                                        "IdScope"       },
        {{"IdScope", "i", "SecretName", "s"},                                        "RegistrationId"},
        {{"IdScope", "i", "RegistrationId", "r", "Host", "h", "SecretName", "s"},    "exclude"       },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        QUEUE_BENCH(q);
        const char *said = bench_stage(&q, "AzureExport", rows[i].params);
        CU_ASSERT_PTR_NOT_NULL_FATAL(said);
        if (!strstr(said, rows[i].says)) {
            printf("got: %s\nnot: %s\n", said, rows[i].says);
            CU_FAIL("another text");
        }
    }
}

/* ---- the Device Provisioning Service ---- */

#define DPS   DEVICE "plugin_opt_scope 0ne1\nplugin_opt_registration reg-1\n"
#define ASKED "$dps/registrations/PUT/# $dps/registrations/GET/# devices/#"
#define ASSIGNED                                                                                   \
    "{\"operationId\":\"op/1\",\"status\":\"assigned\",\"registrationState\":{"                    \
    "\"assignedHub\":\"localhost\",\"deviceId\":\"pump-1\"}}"

/* One answer after the other, to whatever is asked; the last one again and again. */
struct script {
    const char *asked, *status, *body;
};

static void play(struct cloud *c, const struct edge_mqtt_message *m)
{
    const struct script **at = c->answer_arg;
    const char *rid = strstr(m->topic, "$rid=");
    if (strncmp(m->topic, "$dps/", 5) != 0 || !rid) {
        return;
    }
    bool fits = strncmp(m->topic, (*at)->asked, strlen((*at)->asked)) == 0 &&
                (!strstr(m->topic, "GET") || strstr(m->topic, "&operationId=op%2F1"));
    EDGE_CTX_SCOPE(ctx);
    const char *number = edge_strndup(&ctx.arena, rid, strcspn(rid, "&"));
    cloud_publish(c,
                  edge_printf(&ctx.arena, "$dps/registrations/res/%s/?%s&retry-after=1",
                              fits ? (*at)->status : "400", number),
                  fits ? (*at)->body : "{\"errorCode\":400999,\"message\":\"not that\"}");
    *at += (*at)[1].asked != NULL;
}

#define REGISTER "$dps/registrations/PUT/iotdps-register/?"
#define POLL     "$dps/registrations/GET/iotdps-get-operationstatus/?"
#define PROVISIONED(q, c)                                                                          \
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(                                                          \
        q, "AzureExport",                                                                          \
        (const char *const[]){"IdScope", "0ne1", "RegistrationId", "reg-1", "ProvisioningHost",    \
                              "localhost", "SecretName", "hub", "Port", cloud_port(c),             \
                              "MaxReconnectInterval", "100ms", NULL}))

static void test_the_place_is_asked_for(void)
{
    static const struct script script[] = {
        {REGISTER,                                               "202", "{\"operationId\":\"op/1\",\"status\":\"assigning\"}"},
        {POLL, "202", "{\"operationId\":\"op/1\",\"status\":\"assigning\"}"},
        {POLL,                                                   "200", ASSIGNED},
        {0},
    };
    QUEUE_BENCH(q);
    CLOUD(c);
    const struct script *at = script;
    c.answer_arg = &at;
    c.answer = play;
    cloud_start(&c, DPS, ASKED);
    secrets(&q, &c, KEY);
    PROVISIONED(&q, &c);
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(cloud_wait(&c, 4));
    CU_ASSERT_STRING_EQUAL(c.all, "{\"registrationId\":\"reg-1\"}   a ");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_EQUAL(bench_status(&q).retries, 0);
    CU_ASSERT_EQUAL(cloud_reported(&c, "accepted reg-1 dps"), 1);
    CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0);
    bench_close(&q);
}

static void test_why_there_is_no_place_is_said(void)
{
    static const struct {
        struct script script[2];
        enum export_queue_state state;
        const char *says;
    } rows[] = {
        {{{REGISTER, "401", "{\"errorCode\":401002,\"message\":\"Unauthorized\"}"}},
         EXPORT_Q_DENIED,                                                                             "401 Unauthorized, error 401002"                },
        {{{REGISTER, "200",
           "{\"operationId\":\"op/1\",\"status\":\"failed\",\"registrationState\":{\"errorCode\":"
           "400207,\"errorMessage\":\"Custom allocation failed\"}}"}},
         EXPORT_Q_DENIED,                                                                             "failed: Custom allocation failed, error 400207"},
        {{{REGISTER, "200", "{\"status\":\"disabled\"}"}},                           EXPORT_Q_DENIED, "disabled"                                      },
        {{{REGISTER, "200", "{\"status\":\"assigned\"}"}},                           EXPORT_Q_DENIED, "assigned to hub ''"                            },
        {{{REGISTER, "429", "{\"errorCode\":429001,\"message\":\"Throttled\"}"}},
         EXPORT_Q_BACKOFF,                                                                            "429 Throttled"                                 },
        {{{REGISTER, "200", "no json"}},                                             EXPORT_Q_DENIED, "200"                                           },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        QUEUE_BENCH(q);
        CLOUD(c);
        const struct script *at = rows[i].script;
        c.answer_arg = &at;
        c.answer = play;
        cloud_start(&c, DPS, ASKED);
        secrets(&q, &c, KEY);
        PROVISIONED(&q, &c);
        q.config.retry_first_ms = q.config.retry_last_ms = 3600 * 1000;
        q.config.denied_first_ms = q.config.denied_last_ms = 3600 * 1000;
        bench_open(&q);
        bench_put(&q, "a");
        CU_ASSERT(bench_wait_state(&q, rows[i].state));
        CU_ASSERT(bench_says(&q, rows[i].says));
        CU_ASSERT(bench_says(&q, "registration 'reg-1' at localhost"));
        CU_ASSERT_EQUAL(bench_status(&q).depth, 1);
        bench_close(&q);
    }
}

static void test_a_registration_with_a_wrong_key_is_mended(void)
{
    static const struct script script[] = {
        {REGISTER,  "200", ASSIGNED},
        {0},
    };
    QUEUE_BENCH(q);
    CLOUD(c);
    const struct script *at = script;
    c.answer_arg = &at;
    c.answer = play;
    cloud_start(&c, DPS, ASKED);
    secrets(&q, &c, WRONG);
    PROVISIONED(&q, &c);
    q.config.denied_first_ms = q.config.denied_last_ms = 3600 * 1000;
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    CU_ASSERT(bench_says(&q, "refused: not authorized"));
    bench_secret(&q, "hub/sharedaccesskey", KEY);
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
}

/* Nobody answers: the queue stops all the same. */
static void test_a_mute_service_holds_up_nobody(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DPS, ASKED);
    secrets(&q, &c, KEY);
    PROVISIONED(&q, &c);
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(cloud_wait(&c, 1));
    int64_t from_ms = edge_now_mono_ms();
    bench_close(&q);
    CU_ASSERT(edge_now_mono_ms() - from_ms < 10000);
}

/* ---- commands ---- */

#define COMMANDS "$iothub/methods/res/# $iothub/twin/PATCH/properties/reported/# $iothub/twin/GET/#"

/* Stands in for the service: what it was asked for, and its answer. */
static struct executor {
    struct edge_mutex lock;
    char asked[4000];
    struct gate *gate; /* NULL: it does not wait */
} executor;

static enum edge_status execute(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                                const char *device, const char *command, const char *values,
                                int *ret_code, const char **ret_body)
{
    (void)state;
    {
        EDGE_LOCK(&executor.lock);
        size_t len = strlen(executor.asked);
        snprintf(executor.asked + len, sizeof(executor.asked) - len, "%s %s %s;", device, command,
                 values ? values : "-");
    }
    if (executor.gate) {
        gate_pass(executor.gate);
    }
    if (strcmp(device, "Nobody") == 0) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "no \"answer\"");
    }
    *ret_code = strcmp(device, "Pump") == 0 ? 200 : 404;
    *ret_body = edge_printf(a, "{\"statusCode\":%d}", *ret_code);
    return EDGE_OK;
}

static void prepare_commands(struct queue_bench *q, struct cloud *c, const char *key)
{
    cloud_start(c, DEVICE, COMMANDS);
    secrets(q, c, key);
    q->host.command = execute;
    edge_mutex_init(&executor.lock);
    executor.asked[0] = '\0';
    executor.gate = NULL;
    AZURE(q, c, "Commands", "true", );
    bench_open(q);
}

static void start_commands(struct queue_bench *q, struct cloud *c)
{
    prepare_commands(q, c, KEY);
    CU_ASSERT(cloud_wait(c, 1)); /* it asks for its twin: no message is needed */
    CU_ASSERT(cloud_last_is(c, "$iothub/twin/GET/?$rid=get", ""));
}

/* No message is there that could say so. */
static void test_why_no_commands_come_is_said(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    prepare_commands(&q, &c, "no base64!");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    CU_ASSERT(bench_says(&q, "no base64"));
    bench_secret(&q, "hub/sharedaccesskey", KEY);
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_IDLE));
    bench_close(&q);
    edge_mutex_done(&executor.lock);
}

static void test_methods_are_answered(void)
{
    static const struct {
        const char *topic, *body, *answer, *says;
    } rows[] = {
        {"command/?$rid=1",      "{\"device\":\"Pump\",\"command\":\"Speed\"}",
         "$iothub/methods/res/200/?$rid=1",                                                                                      "{\"statusCode\":200}"                      },
        {"command/?$rid=a2&x=y",
         "{\"device\":\"Pump\",\"command\":\"Speed\",\"values\":{\"Speed\":\"3\"}}",         "$iothub/methods/res/200/?$rid=a2", "{\"statusCode\":200}"                      },
        {"command/?$rid=3",      "{\"device\":\"Fan\",\"command\":\"Speed\"}",
         "$iothub/methods/res/404/?$rid=3",                                                                                      "{\"statusCode\":404}"                      },
        {"command/?$rid=4",      "{\"device\":\"Nobody\",\"command\":\"Speed\"}",
         "$iothub/methods/res/503/?$rid=4",                                                                                      "{\"message\":\"no \\\"answer\\\"\"}"       },
        {"command/?$rid=5",      "{\"device\":\"Pump\"}",                                    "$iothub/methods/res/400/?$rid=5",
         "{\"message\":\"device and command must be texts\"}"                                                                                                                },
        {"command/?$rid=6",      "{\"device\":\"Pump\",\"command\":\"Speed\",\"values\":3}",
         "$iothub/methods/res/400/?$rid=6",                                                                                      "{\"message\":\"values must be an object\"}"},
        {"reboot/?$rid=7",       "{}",                                                       "$iothub/methods/res/404/?$rid=7",
         "{\"message\":\"the method is called command\"}"                                                                                                                    },
    };
    QUEUE_BENCH(q);
    CLOUD(c);
    start_commands(&q, &c);
    cloud_publish(&c, "$iothub/methods/POST/command/", "{}"); /* nobody to answer */
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cloud_publish(&c, edge_printf(&c.arena, "$iothub/methods/POST/%s", rows[i].topic),
                      rows[i].body);
        CU_ASSERT(cloud_wait(&c, i + 2));
        CU_ASSERT(cloud_last_is(&c, rows[i].answer, rows[i].says));
    }
    CU_ASSERT_STRING_EQUAL(executor.asked,
                           "Pump Speed -;Pump Speed {\"Speed\":\"3\"};Fan Speed -;Nobody Speed -;");
    CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0);
    bench_close(&q);
    edge_mutex_done(&executor.lock);
}

/* One is under way, sixteen wait, the next ones are refused; messages go on meanwhile. */
static void test_too_many_commands_are_refused(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    start_commands(&q, &c);
    executor.gate = gate_create();
    for (int i = 0; i < 18; i++) {
        cloud_publish(&c, edge_printf(&c.arena, "$iothub/methods/POST/command/?$rid=%d", i),
                      "{\"device\":\"Pump\",\"command\":\"Speed\"}");
        if (i == 0) {
            CU_ASSERT(gate_wait_for(executor.gate, 1));
        }
    }
    CU_ASSERT(cloud_wait(&c, 2));
    CU_ASSERT(cloud_last_is(&c, "$iothub/methods/res/429/?$rid=17",
                            "{\"message\":\"too many commands wait\"}"));
    bench_put(&q, "a");
    CU_ASSERT(bench_wait_depth(&q, 0));
    gate_open(executor.gate);
    CU_ASSERT(cloud_wait(&c, 19));
    bench_close(&q);
    gate_free(executor.gate);
    edge_mutex_done(&executor.lock);
}

static void test_desired_properties_are_written_and_reported(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    start_commands(&q, &c);
    cloud_publish(
        &c, "$iothub/twin/PATCH/properties/desired/?$version=4",
        "{\"devices\":{\"Pump\":{\"Speed\":{\"Speed\":\"3\"},\"Gone\":null}},\"$version\":4}");
    CU_ASSERT(cloud_wait(&c, 2));
    CU_ASSERT(cloud_last_is(&c, "$iothub/twin/PATCH/properties/reported/?$rid=set",
                            "{\"devices\":{\"Pump\":{\"Speed\":{\"Speed\":\"3\"}}},\"errors\":{"
                            "\"Pump\":{\"Speed\":null}}}"));
    cloud_publish(&c, "$iothub/twin/PATCH/properties/desired/?$version=5",
                  "{\"devices\":{\"Fan\":{\"On\":{\"On\":\"true\"}}}}");
    CU_ASSERT(cloud_wait(&c, 3));
    CU_ASSERT(
        cloud_last_is(&c, "$iothub/twin/PATCH/properties/reported/?$rid=set",
                      "{\"errors\":{\"Fan\":{\"On\":{\"code\":404,\"answer\":\"{\\\"statusCode\\\":"
                      "404}\"}}}}"));
    /* The whole of it: what is reported already is left alone. */
    cloud_publish(
        &c, "$iothub/twin/res/200/?$rid=get",
        "{\"desired\":{\"devices\":{\"Pump\":{\"Speed\":{\"Speed\":\"3\"},\"On\":{\"On\":\"1\"}}}},"
        "\"reported\":{\"devices\":{\"Pump\":{\"Speed\":{\"Speed\":\"3\"}}}}}");
    CU_ASSERT(cloud_wait(&c, 4));
    CU_ASSERT_STRING_EQUAL(executor.asked, "Pump Speed {\"Speed\":\"3\"};Fan On {\"On\":\"true\"};"
                                           "Pump On {\"On\":\"1\"};");
    bench_close(&q);
    edge_mutex_done(&executor.lock);
}

static void test_without_the_parameter_there_are_no_commands(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, DEVICE, COMMANDS " devices/#");
    secrets(&q, &c, KEY);
    q.host.command = execute;
    edge_mutex_init(&executor.lock);
    executor.asked[0] = '\0';
    executor.gate = NULL;
    AZURE(&q, &c, );
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(cloud_wait(&c, 1));
    cloud_publish(&c, "$iothub/methods/POST/command/?$rid=1",
                  "{\"device\":\"Pump\",\"command\":\"Speed\"}");
    bench_put(&q, "b");
    CU_ASSERT(cloud_wait(&c, 2));
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_STRING_EQUAL(c.all, "a b ");
    CU_ASSERT_STRING_EQUAL(executor.asked, "");
    bench_close(&q);
    edge_mutex_done(&executor.lock);
}

CU_TestInfo azure_export_tests[] = {
    {"a message arrives with its properties",       test_a_message_arrives_with_its_properties    },
    {"a module has names of its own",               test_a_module_has_names_of_its_own            },
    {"a certificate instead of a token",            test_a_certificate_instead_of_a_token         },
    {"renewal leaves no gap",                       test_renewal_leaves_no_gap                    },
    {"a quiet connection is renewed too",           test_a_quiet_connection_is_renewed_too        },
    {"a wrong key is mended",                       test_a_wrong_key_is_mended                    },
    {"an expired token is denied",                  test_an_expired_token_is_denied               },
    {"without the time messages wait",              test_without_the_time_messages_wait           },
    {"what a hub would not take is put aside",      test_what_a_hub_would_not_take_is_put_aside   },
    {"the peer hangs up as a hub does",             test_the_peer_hangs_up_as_a_hub_does          },
    {"parameters are checked",                      test_parameters_are_checked                   },
    {"the place is asked for",                      test_the_place_is_asked_for                   },
    {"why there is no place is said",               test_why_there_is_no_place_is_said            },
    {"a registration with a wrong key is mended",   test_a_registration_with_a_wrong_key_is_mended},
    {"a mute service holds up nobody",              test_a_mute_service_holds_up_nobody           },
    {"methods are answered",                        test_methods_are_answered                     },
    {"too many commands are refused",               test_too_many_commands_are_refused            },
    {"desired properties are written and reported",
     test_desired_properties_are_written_and_reported                                             },
    {"without the parameter there are no commands",
     test_without_the_parameter_there_are_no_commands                                             },
    {"why no commands come is said",                test_why_no_commands_come_is_said             },
    CU_TEST_INFO_NULL,
};
