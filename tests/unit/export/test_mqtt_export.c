/* MQTTExport before a real mosquitto: order, outages, secrets, certificates, bounds; nothing is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "certificates.h"
#include "edge/clock.h"
#include "edge/mqtt.h"
#include "queue_bench.h"
#include "relay.h"
#include "wait.h"

enum { SOON_MS = 20000 };

/* Who hears what arrives. */
struct ear {
    struct edge_mqtt *client;
    struct edge_mutex lock;
    char last[300], all[4000]; /* "a b c " */
    unsigned n;
    int qos;
};

static void heard(void *state, const struct edge_mqtt_message *m)
{
    struct ear *e = state;
    EDGE_LOCK(&e->lock);
    int n = snprintf(e->last, sizeof(e->last), "%s %.*s%s", m->topic, (int)m->size,
                     m->size ? (const char *)m->payload : "", m->retained ? " retained" : "");
    for (size_t i = 0; i < m->n_properties; i++) {
        n += snprintf(e->last + n, sizeof(e->last) - (size_t)n, " %s=%s", m->properties[i].name,
                      m->properties[i].value);
    }
    size_t len = strlen(e->all);
    snprintf(e->all + len, sizeof(e->all) - len, "%.*s ", (int)m->size, (const char *)m->payload);
    e->qos = m->qos;
    e->n++;
}

static void ear_open(struct ear *e, struct broker *b, const char *user, const char *password)
{
    EDGE_CTX_SCOPE(ctx);
    *e = (struct ear){0};
    edge_mutex_init(&e->lock);
    struct edge_mqtt_config c = {.protocol = "tcp",
                                 .host = "127.0.0.1",
                                 .port = broker_port(b),
                                 .version = 5,
                                 .client_id = "ear",
                                 .username = user,
                                 .password = password,
                                 .retry_first_ms = 10,
                                 .retry_last_ms = 50,
                                 .state = e,
                                 .received = heard};
    CU_ASSERT_EQUAL_FATAL(edge_mqtt_open(&ctx, &c, &e->client), EDGE_OK);
    edge_mqtt_subscribe(e->client, "#", 2);
    CU_ASSERT(edge_mqtt_wait_connected(e->client, edge_now_mono_ms() + SOON_MS));
}

static void ear_close(struct ear *e)
{
    edge_mqtt_free(e->client);
    edge_mutex_done(&e->lock);
}

struct count {
    struct ear *e;
    unsigned n;
};
static bool has_heard(void *arg)
{
    struct count *c = arg;
    EDGE_LOCK(&c->e->lock);
    return c->e->n >= c->n;
}
static bool ear_wait(struct ear *e, unsigned n)
{
    struct count c = {e, n};
    return wait_until(has_heard, &c, SOON_MS);
}

static const char *address(struct queue_bench *q, struct broker *b)
{
    return edge_printf(&q->arena, "tcp://127.0.0.1:%u", broker_port(b));
}

#define MQTT(q, where, auth, ...)                                                                  \
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(                                                          \
        q, "MQTTExport",                                                                           \
        (const char *const[]){"BrokerAddress", where, "Topic", "north/{devicename}", "SecretName", \
                              "cloud", "AuthMode", auth, "ClientId", "us", "MaxReconnectInterval", \
                              "100ms", __VA_ARGS__ NULL}))
#define PUMP(q, text) bench_put_with(q, text, "{\"values\":{\"devicename\":\"pump\"}}")

static void test_a_message_arrives(void)
{
    QUEUE_BENCH(q);
    struct ear e;
    struct broker *b = broker_start(NULL);
    ear_open(&e, b, NULL, NULL);
    MQTT(&q, address(&q, b), "none", "Qos", "1", "WillQos", "2", "Version", "5", );
    bench_open(&q);
    PUMP(&q, "a");
    CU_ASSERT(ear_wait(&e, 1));
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_NSTRING_EQUAL(e.last, "north/pump a id=", strlen("north/pump a id="));
    CU_ASSERT_EQUAL(strlen(e.last), strlen("north/pump a id=") + 32);
    CU_ASSERT_EQUAL(e.qos, 1); /* the will's is its own */
    CU_ASSERT(bench_wait_followed(&q, 1));
    CU_ASSERT_STRING_EQUAL(q.followed[0], "a"); /* what came in goes on */
    bench_close(&q);
    ear_close(&e);
    broker_free(b);
}

static void test_names_with_wildcards_are_escaped(void)
{
    QUEUE_BENCH(q);
    struct ear e;
    struct broker *b = broker_start(NULL);
    ear_open(&e, b, NULL, NULL);
    MQTT(&q, address(&q, b), "none", "Qos", "1", );
    bench_open(&q);
    bench_put_with(&q, "a", "{\"values\":{\"devicename\":\"Int[0-9]+\"}}");
    CU_ASSERT(ear_wait(&e, 1));
    CU_ASSERT_NSTRING_EQUAL(e.last, "north/Int[0-9]%2B a", strlen("north/Int[0-9]%2B a"));
    bench_put(&q, "b"); /* it has no devicename: never to be sent */
    CU_ASSERT(bench_wait_quarantined(&q, 1));
    bench_close(&q);
    ear_close(&e);
    broker_free(b);
}

static void test_an_outage_loses_nothing(void)
{
    char text[16], expected[4000] = "";
    QUEUE_BENCH(q);
    struct ear e;
    struct broker *b = broker_start(NULL);
    ear_open(&e, b, NULL, NULL);
    MQTT(&q, address(&q, b), "none", "Qos", "1", );
    bench_open(&q);
    PUMP(&q, "0");
    CU_ASSERT(ear_wait(&e, 1));
    CU_ASSERT(bench_wait_depth(&q, 0));
    broker_kill(b);
    snprintf(expected, sizeof(expected), "0 ");
    for (int i = 1; i < 200; i++) {
        snprintf(text, sizeof(text), "%d", i);
        snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s ", text);
        PUMP(&q, text);
    }
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_BACKOFF));
    export_queue_pause(q.q, true); /* until somebody hears it */
    bench_close(&q);
    CU_ASSERT(broker_restart(b));
    CU_ASSERT(edge_mqtt_wait_connected(e.client, edge_now_mono_ms() + SOON_MS));
    bench_open(&q);
    CU_ASSERT_EQUAL(bench_status(&q).depth, 199);
    export_queue_pause(q.q, false);
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(ear_wait(&e, 200));
    CU_ASSERT_STRING_EQUAL(e.all, expected);
    bench_close(&q);
    ear_close(&e);
    broker_free(b);
}

static void test_a_mute_broker_is_left(void)
{
    QUEUE_BENCH(q);
    struct broker *b = broker_start(NULL);
    MQTT(&q, address(&q, b), "none", "Qos", "1", "AckTimeout", "300ms", "ConnectTimeout", "1s", );
    bench_open(&q);
    PUMP(&q, "a");
    CU_ASSERT(bench_wait_depth(&q, 0));
    broker_freeze(b);
    PUMP(&q, "b");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_BACKOFF));
    CU_ASSERT_EQUAL(bench_status(&q).depth, 1);
    broker_thaw(b);
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
    broker_free(b);
}

/* ---- what networks do ---- */

static const char *by_relay(struct queue_bench *q, struct relay *r)
{
    return edge_printf(&q->arena, "tcp://127.0.0.1:%u", relay_port(r));
}

/* Nothing comes back on the connection there is: the acknowledgement's deadline ends it, another one is made. */
static void test_a_connection_that_is_half_open(void)
{
    QUEUE_BENCH(q);
    struct ear e;
    struct broker *b = broker_start(NULL);
    struct relay *r = relay_start(broker_port(b));
    ear_open(&e, b, NULL, NULL);
    MQTT(&q, by_relay(&q, r), "none", "Qos", "1", "AckTimeout", "300ms", "ConnectTimeout", "5s", );
    bench_open(&q);
    PUMP(&q, "a");
    CU_ASSERT(bench_wait_depth(&q, 0));
    relay_swallow(r);
    PUMP(&q, "b");
    PUMP(&q, "c");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(bench_says(&q, "no acknowledgement"));
    CU_ASSERT(ear_wait(&e, 3));
    CU_ASSERT_STRING_EQUAL(e.all, "a b c ");
    CU_ASSERT(relay_connections(r) >= 2);
    bench_close(&q);
    ear_close(&e);
    relay_free(r);
    broker_free(b);
}

/* It takes the connection and never says that it is a broker. */
static void test_a_hang_after_connect(void)
{
    QUEUE_BENCH(q);
    struct broker *b = broker_start(NULL);
    struct relay *r = relay_start(broker_port(b));
    relay_hang(r, true);
    MQTT(&q, by_relay(&q, r), "none", "Qos", "1", "ConnectTimeout", "1s", );
    bench_open(&q);
    PUMP(&q, "a");
    CU_ASSERT(relay_wait_for(r, 2)); /* it was left, and tried again */
    CU_ASSERT_EQUAL(bench_status(&q).depth, 1);
    relay_hang(r, false);
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
    relay_free(r);
    broker_free(b);
}

static void test_a_reset_amid_a_message(void)
{
    enum { SIZE = 200000, PART = 100000 };
    QUEUE_BENCH(q);
    struct ear e;
    struct broker *b = broker_start(NULL);
    struct relay *r = relay_start(broker_port(b));
    char *text = edge_new_n(&q.arena, char, SIZE + 1);
    memset(text, 'x', SIZE);
    ear_open(&e, b, NULL, NULL);
    MQTT(&q, by_relay(&q, r), "none", "Qos", "1", );
    bench_open(&q);
    PUMP(&q, "a");
    CU_ASSERT(bench_wait_depth(&q, 0));
    relay_cut(r, PART);
    PUMP(&q, text);
    PUMP(&q, "z");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(bench_says(&q, "closed the connection"));
    CU_ASSERT(ear_wait(&e, 3));
    CU_ASSERT_EQUAL(e.n, 3); /* half a message is none */
    CU_ASSERT_NSTRING_EQUAL(e.last, "north/pump z", 12);
    bench_close(&q);
    ear_close(&e);
    relay_free(r);
    broker_free(b);
}

static void test_certificates_are_looked_at(void)
{
    static const char *const names[] = {"expired", "elsewhere", "alone"};
    SCRATCH(dir);
    CU_ASSERT_FATAL(certificates_make(dir.path));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        QUEUE_BENCH(q);
        struct broker *b = broker_start(edge_printf(&q.arena, "certfile %s\nkeyfile %s\n",
                                                    certificate_file(dir.path, names[i], ".pem"),
                                                    certificate_file(dir.path, names[i], ".key")));
        bench_secret(&q, "cloud/cacert", certificate_file(dir.path, "ca", ".pem"));
        MQTT(&q, edge_printf(&q.arena, "ssl://localhost:%u", broker_port(b)), "cacert", "Qos",
             "1", );
        bench_open(&q);
        PUMP(&q, "a");
        CU_ASSERT(bench_wait_state(&q, EXPORT_Q_BACKOFF));
        CU_ASSERT(bench_says(&q, "certificate"));
        CU_ASSERT_EQUAL(bench_status(&q).depth, 1);
        bench_close(&q);
        broker_free(b);
    }
}

static struct broker *with_users(struct queue_bench *q)
{
    struct broker *b = broker_prepare("allow_anonymous false\npassword_file %s/users\n");
    const char *make =
        edge_printf(&q->arena, "mosquitto_passwd -b -c %s/users us secret && chmod 644 %s/users",
                    broker_folder(b), broker_folder(b));
    CU_ASSERT_EQUAL_FATAL(system(make), 0);
    CU_ASSERT_FATAL(broker_restart(b));
    return b;
}

static void test_messages_wait_for_the_secret(void)
{
    QUEUE_BENCH(q);
    struct broker *b = with_users(&q);
    struct ear e;
    ear_open(&e, b, "us", "secret");
    MQTT(&q, address(&q, b), "usernamepassword", "Qos", "1", );
    q.config.denied_first_ms = q.config.denied_last_ms = 3600 * 1000;
    bench_open(&q);
    PUMP(&q, "a");
    PUMP(&q, "b");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    CU_ASSERT(bench_says(&q, "secret 'cloud'"));
    bench_secret(&q, "cloud/username", "us");
    bench_secret(&q, "cloud/password", "wrong");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    bench_secret(&q, "cloud/password", "secret"); /* another client is made of it */
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(ear_wait(&e, 2));
    CU_ASSERT_STRING_EQUAL(e.all, "a b ");
    bench_close(&q);
    ear_close(&e);
    broker_free(b);
}

static void test_client_certificates(void)
{
    QUEUE_BENCH(q);
    struct broker *b = broker_prepare(BROKER_TLS "require_certificate true\n");
    static const char *const files[] = {"cacert",  "ca.pem",    "clientcert",
                                        "cli.pem", "clientkey", "cli.key"};
    CU_ASSERT_FATAL(broker_certify(b));
    CU_ASSERT_FATAL(broker_restart(b));
    for (int i = 0; i < 6; i += 2) {
        const char *text = broker_file(&q.arena, b, files[i + 1]);
        CU_ASSERT_FATAL(*text);
        bench_secret(&q, edge_printf(&q.arena, "cloud/%s", files[i]), text);
    }
    MQTT(&q, edge_printf(&q.arena, "ssl://localhost:%u", broker_port(b)), "clientcert", "Qos",
         "1", );
    bench_open(&q);
    PUMP(&q, "a");
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
    MQTT(&q, edge_printf(&q.arena, "ssl://127.0.0.1:%u", broker_port(b)), "clientcert", "Qos",
         "1", );
    bench_open(&q); /* the certificate names another host */
    PUMP(&q, "b");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_BACKOFF));
    CU_ASSERT(bench_says(&q, "certificate"));
    CU_ASSERT_EQUAL(bench_status(&q).depth, 1);
    bench_close(&q);
    broker_free(b);
}

/* Over 3.1.1 the broker acknowledges what is too large, and drops it. */
static void test_what_the_broker_would_drop_is_put_aside(void)
{
    QUEUE_BENCH(q);
    struct ear e;
    struct broker *b = broker_start("message_size_limit 10\n");
    ear_open(&e, b, NULL, NULL);
    MQTT(&q, address(&q, b), "none", "Qos", "1", "MaxMessageSize", "10", );
    bench_open(&q);
    PUMP(&q, "12345678901");
    PUMP(&q, "b");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(ear_wait(&e, 1));
    CU_ASSERT_STRING_EQUAL(e.all, "b ");
    CU_ASSERT(bench_wait_quarantined(&q, 1));
    bench_close(&q);
    ear_close(&e);
    broker_free(b);
}

static void test_parameters_are_checked(void)
{
    static const struct {
        const char *params[16];
        const char *says;
    } rows[] = {
        {{"BrokerAddress", "ftp://a", "Topic", "t", "SecretName", "s", "AuthMode", "none",
          "ClientId", "c"},
         "BrokerAddress"},
        {{"BrokerAddress", "tcp://a", "Topic", "t/#", "SecretName", "s", "AuthMode", "none",
          "ClientId", "c"},
         "Topic"        },
        {{"BrokerAddress", "tcp://a", "Topic", "t", "SecretName", "s", "AuthMode", "ca", "ClientId",
          "c"},
         "AuthMode"     },
        {{"BrokerAddress", "tcp://a", "Topic", "t", "SecretName", "", "AuthMode", "cacert",
          "ClientId", "c"},
         "SecretName"   },
        {{"BrokerAddress", "tcp://a", "Topic", "t", "SecretName", "s", "AuthMode", "none",
          "ClientId", "c", "Qos", "3"},
         "Qos"          },
        {{"BrokerAddress", "tcp://a", "Topic", "t", "SecretName", "s", "AuthMode", "none",
          "ClientId", "c", "WillEnabled", "true"},
         "WillTopic"    },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        QUEUE_BENCH(q);
        const char *said = bench_stage(&q, "MQTTExport", rows[i].params);
        CU_ASSERT_PTR_NOT_NULL_FATAL(said);
        if (!strstr(said, rows[i].says)) {
            printf("got: %s\nnot: %s\n", said, rows[i].says);
            CU_FAIL("another text");
        }
    }
}

static void test_the_will_is_said(void)
{
    QUEUE_BENCH(q);
    struct ear e;
    struct broker *b = broker_start(NULL);
    ear_open(&e, b, NULL, NULL);
    MQTT(&q, address(&q, b), "none", "Qos", "1", "WillEnabled", "true", "WillTopic", "north/gone",
         "WillPayload", "we", "PreConnect", "true", );
    bench_open(&q);
    PUMP(&q, "a");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(ear_wait(&e, 1));
    struct ear other; /* with our name: the broker hangs up on us */
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt_config c = {.protocol = "tcp",
                                 .host = "127.0.0.1",
                                 .port = broker_port(b),
                                 .version = 4,
                                 .client_id = "us"};
    CU_ASSERT_EQUAL(edge_mqtt_open(&ctx, &c, &other.client), EDGE_OK);
    CU_ASSERT(ear_wait(&e, 2));
    CU_ASSERT_NSTRING_EQUAL(e.last, "north/gone we", strlen("north/gone we"));
    edge_mqtt_free(other.client);
    bench_close(&q);
    ear_close(&e);
    broker_free(b);
}

CU_TestInfo mqtt_export_tests[] = {
    {"a message arrives",                       test_a_message_arrives                      },
    {"names with wildcards are escaped",        test_names_with_wildcards_are_escaped       },
    {"an outage loses nothing",                 test_an_outage_loses_nothing                },
    {"a mute broker is left",                   test_a_mute_broker_is_left                  },
    {"a connection that is half open",          test_a_connection_that_is_half_open         },
    {"a hang after connect",                    test_a_hang_after_connect                   },
    {"a reset amid a message",                  test_a_reset_amid_a_message                 },
    {"certificates are looked at",              test_certificates_are_looked_at             },
    {"messages wait for the secret",            test_messages_wait_for_the_secret           },
    {"client certificates",                     test_client_certificates                    },
    {"what the broker would drop is put aside", test_what_the_broker_would_drop_is_put_aside},
    {"parameters are checked",                  test_parameters_are_checked                 },
    {"the will is said",                        test_the_will_is_said                       },
    CU_TEST_INFO_NULL,
};
