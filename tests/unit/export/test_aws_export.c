/* AWSExport before a mosquitto that knows a thing by its certificate and hangs up as AWS does; ALPN before OpenSSL. */
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cloud_bench.h"
#include "edge/clock.h"
#include "ports.h"
#include "wait.h"

#define CERTIFIED "require_certificate true\nuse_identity_as_username true\n"
#define PEER                                                                                       \
    CLOUD_PEER CERTIFIED "plugin_opt_kind aws\nplugin_opt_device gateway\nplugin_opt_topic "

#define AWS(q, port, ...)                                                                          \
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(                                                          \
        q, "AWSExport",                                                                            \
        (const char *const[]){"Endpoint", "localhost", "Thing", "gateway", "SecretName", "thing",  \
                              "Port", port, "MaxReconnectInterval", "100ms", __VA_ARGS__ NULL}))
#define PUMP(q, text) bench_put_with(q, text, "{\"values\":{\"devicename\":\"pump\"}}")

static void secrets(struct queue_bench *q, struct cloud *c)
{
    cloud_secret(c, q, "thing/cacert", "ca.pem");
    cloud_secret(c, q, "thing/clientcert", "cli.pem");
    cloud_secret(c, q, "thing/clientkey", "cli.key");
}

/* No code but mosquitto's own. */
static void test_a_thing_is_known_by_its_certificate(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start_plain(&c, BROKER_TLS CERTIFIED "acl_file %s/rules\nmax_qos 1\n");
    broker_write(c.b, "rules", "pattern write plants/%u/#\npattern read plants/#\n");
    CU_ASSERT_FATAL(broker_restart(c.b));
    cloud_hear(&c, "plants/#");
    secrets(&q, &c);
    AWS(&q, cloud_port(&c), "Topic", "plants/gateway/{devicename}", );
    bench_open(&q);
    PUMP(&q, "a");
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(cloud_last_is(&c, "plants/gateway/pump", "a"));
    CU_ASSERT_EQUAL(c.qos, 1);
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
}

static void test_without_the_certificate_messages_wait(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, PEER "plants/\n", "plants/#");
    cloud_secret(&c, &q, "thing/cacert", "ca.pem");
    AWS(&q, cloud_port(&c), "Topic", "plants/a", );
    q.config.denied_first_ms = q.config.denied_last_ms = 3600 * 1000;
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    CU_ASSERT(bench_says(&q, "clientcert"));
    secrets(&q, &c);
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
}

/* AWS says nothing about what is not allowed: it hangs up. */
static void test_what_the_policy_forbids_is_denied(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, PEER "plants/\n", "plants/#");
    secrets(&q, &c);
    AWS(&q, cloud_port(&c), "Topic", "elsewhere", );
    q.config.denied_first_ms = q.config.denied_last_ms = 3600 * 1000;
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(cloud_wait_report(&c, "kicked gateway foreign topic", 3));
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    CU_ASSERT(bench_says(&q, "policy"));
    CU_ASSERT_EQUAL(bench_status(&q).depth, 1);
    bench_close(&q);
}

static void test_what_aws_would_not_take_is_put_aside(void)
{
    static char large[(128 << 10) + 2];
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, PEER "plants/\n", "plants/#");
    secrets(&q, &c);
    AWS(&q, cloud_port(&c), "Topic", "plants/{devicename}", );
    bench_open(&q);
    memset(large, 'x', sizeof(large) - 1);
    PUMP(&q, large);
    bench_put_with(&q, "deep", "{\"values\":{\"devicename\":\"a/b/c/d/e/f/g/h\"}}");
    large[128 << 10] = '\0';
    PUMP(&q, large); /* just fits */
    bench_put_with(&q, "b", "{\"values\":{\"devicename\":\"a/b/c/d/e/f/g\"}}");
    CU_ASSERT(cloud_wait(&c, 2));
    CU_ASSERT(cloud_last_is(&c, "plants/a/b/c/d/e/f/g", "b"));
    CU_ASSERT(bench_wait_quarantined(&q, 2));
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0);
    bench_close(&q);
}

/* ---- ALPN ---- */

struct tls_ear {
    struct cloud *c;
    int fd;
    struct edge_mutex lock;
    char alpn[64], sni[64];
};

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *arg)
{
    struct tls_ear *e = arg;
    EDGE_LOCK(&e->lock);
    snprintf(e->alpn, sizeof(e->alpn), "%.*s", (int)in[0], (const char *)in + 1);
    snprintf(e->sni, sizeof(e->sni), "%s", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    *out = in + 1;
    *out_len = in[0];
    return in_len > in[0] ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void *tls_listen(void *arg)
{
    struct tls_ear *e = arg;
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    char path[200];
    snprintf(path, sizeof(path), "%s/srv.pem", broker_folder(e->c->b));
    SSL_CTX_use_certificate_file(tls, path, SSL_FILETYPE_PEM);
    snprintf(path, sizeof(path), "%s/srv.key", broker_folder(e->c->b));
    SSL_CTX_use_PrivateKey_file(tls, path, SSL_FILETYPE_PEM);
    SSL_CTX_set_alpn_select_cb(tls, on_alpn, e);
    for (int fd; (fd = accept(e->fd, NULL, NULL)) >= 0; close(fd)) {
        SSL *ssl = SSL_new(tls);
        SSL_set_fd(ssl, fd);
        (void)SSL_accept(ssl);
        SSL_free(ssl);
    }
    SSL_CTX_free(tls);
    return NULL;
}

static bool has_alpn(void *arg)
{
    struct tls_ear *e = arg;
    EDGE_LOCK(&e->lock);
    return e->alpn[0];
}

static void test_alpn_says_what_tls_is_for(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start_plain(&c, BROKER_TLS);
    secrets(&q, &c);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(test_port()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct tls_ear e = {.c = &c, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    edge_mutex_init(&e.lock);
    CU_ASSERT_EQUAL_FATAL(bind(e.fd, (struct sockaddr *)&at, sizeof(at)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(e.fd, 8), 0);
    pthread_t thread = edge_thread_start("tls-ear", tls_listen, &e);
    AWS(&q, edge_printf(&q.arena, "%u", ntohs(at.sin_port)), "Topic", "a", "Alpn",
        "x-amzn-mqtt-ca", );
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(wait_until(has_alpn, &e, 20000));
    CU_ASSERT_STRING_EQUAL(e.alpn, "x-amzn-mqtt-ca");
    CU_ASSERT_STRING_EQUAL(e.sni, "localhost");
    bench_close(&q);
    shutdown(e.fd, SHUT_RDWR);
    close(e.fd);
    pthread_join(thread, NULL);
    edge_mutex_done(&e.lock);
}

/* ---- shadows ---- */

#define EVENT                                                                                                                      \
    "{\"apiVersion\":\"v3\",\"id\":\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\",\"deviceName\":\"pump\","                              \
    "\"profileName\":\"P\",\"sourceName\":\"all\",\"origin\":1,\"readings\":[" READING("Temp", "Float64", "2.15e+01") "," READING( \
        "Count", "Uint64",                                                                                                         \
        "18446744073709551615") "," READING("On", "Bool",                                                                          \
                                            "true") "," READING("Name", "String",                                                  \
                                                                "a\\\"b") "," READING("List",                                      \
                                                                                      "Int32Array",                                \
                                                                                      "[1, 2]") "]}"
#define READING(name, type, value)                                                                 \
    "{\"origin\":1,\"deviceName\":\"pump\",\"resourceName\":\"" name                               \
    "\",\"profileName\":\"P\",\"valueType\":\"" type "\",\"value\":\"" value "\"}"
#define VALUES                                                                                     \
    "{\"Temp\":21.5,\"Count\":18446744073709551615,\"On\":true,\"Name\":\"a\\\"b\",\"List\":[1, 2]}"
#define SHADOW PEER "$aws/things/gateway/shadow/\n"
#define MID    "0123456789abcdef0123456789abcdef"

/* answer_arg: the answers in turn, "accepted" or what is rejected; the last one again and again. */
static void answer(struct cloud *c, const struct edge_mqtt_message *m)
{
    const char *const **at = c->answer_arg;
    const char *token = strstr(m->payload, "\"clientToken\":\"");
    size_t len = strlen(m->topic);
    if (len < 7 || strcmp(m->topic + len - 7, "/update") != 0 || !token || !**at) {
        return;
    }
    EDGE_CTX_SCOPE(ctx);
    bool yes = strcmp(**at, "accepted") == 0;
    cloud_publish(
        c, edge_printf(&ctx.arena, "%s/%s", m->topic, yes ? "accepted" : "rejected"),
        edge_printf(&ctx.arena, "{%.*s%s}", (int)strcspn(token, "}"), token, yes ? "" : **at));
    *at += (*at)[1] != NULL;
}

static void test_a_shadow_reports(void)
{
    static const char *const answers[] = {"accepted", NULL};
    const char *const *at = answers;
    QUEUE_BENCH(q);
    CLOUD(c);
    c.answer = answer;
    c.answer_arg = &at;
    cloud_start(&c, SHADOW, "$aws/#");
    secrets(&q, &c);
    AWS(&q, cloud_port(&c), "Shadow", "true", );
    bench_open(&q);
    bench_put_with(&q, EVENT, "{\"mid\":\"" MID "\"}");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(cloud_wait(&c, 2)); /* the answer, too */
    CU_ASSERT_PTR_NOT_NULL(
        strstr(c.all, "{\"state\":{\"reported\":" VALUES "},\"clientToken\":\"" MID "\"} "));
    CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0);
    bench_close(&q);
}

static void test_each_device_has_a_named_shadow(void)
{
    static const char *const answers[] = {"accepted", NULL};
    const char *const *at = answers;
    QUEUE_BENCH(q);
    CLOUD(c);
    c.answer = answer;
    c.answer_arg = &at;
    cloud_start(&c, SHADOW, "$aws/things/+/shadow/name/+/update");
    secrets(&q, &c);
    AWS(&q, cloud_port(&c), "Shadow", "true", "ShadowName", "{devicename}", );
    bench_open(&q);
    bench_put_with(&q, "{\"a\":1}", "{\"values\":{\"devicename\":\"pump\"},\"mid\":\"" MID "\"}");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(cloud_last_is(&c, "$aws/things/gateway/shadow/name/pump/update",
                            "{\"state\":{\"reported\":{\"a\":1}},\"clientToken\":\"" MID "\"}"));
    bench_close(&q);
}

/* Not the acknowledgement of MQTT counts but what the shadow says. */
static void test_what_a_shadow_rejects_is_put_aside(void)
{
    static const char *const answers[] = {",\"code\":500,\"message\":\"try again\"",
                                          ",\"code\":400,\"message\":\"not that\"", "accepted",
                                          NULL};
    const char *const *at = answers;
    QUEUE_BENCH(q);
    CLOUD(c);
    c.answer = answer;
    c.answer_arg = &at;
    cloud_start(&c, SHADOW, "$aws/things/gateway/shadow/update");
    secrets(&q, &c);
    AWS(&q, cloud_port(&c), "Shadow", "true", );
    bench_open(&q);
    bench_put(&q, "{\"a\":1}");
    CU_ASSERT(bench_wait_quarantined(&q, 1));
    CU_ASSERT(bench_says(&q, "shadow: 400 not that"));
    CU_ASSERT_EQUAL(bench_status(&q).retries, 1);
    bench_put(&q, "no json");
    CU_ASSERT(bench_wait_quarantined(&q, 2));
    bench_put(&q, "{\"b\":1}");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT_EQUAL(bench_status(&q).quarantined, 2);
    bench_close(&q);
}

static void test_a_shadow_that_says_nothing_is_asked_again(void)
{
    static const char *const silence[] = {NULL}, *const answers[] = {"accepted", NULL};
    const char *const *at = silence;
    QUEUE_BENCH(q);
    CLOUD(c);
    c.answer = answer;
    c.answer_arg = &at;
    cloud_start(&c, SHADOW, "$aws/things/gateway/shadow/update");
    secrets(&q, &c);
    AWS(&q, cloud_port(&c), "Shadow", "true", "AckTimeout", "1s", );
    bench_open(&q);
    bench_put(&q, "{\"a\":1}");
    CU_ASSERT(bench_wait_retries(&q, 1));
    CU_ASSERT(bench_says(&q, "no answer"));
    bench_close(&q);
    CU_ASSERT(cloud_wait(&c, 1));
    at = answers;
    bench_open(&q);
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_close(&q);
}

/* ---- commands ---- */

static enum edge_status execute(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                                const char *device, const char *command, const char *values,
                                int *ret_code, const char **ret_body)
{
    (void)state, (void)ctx, (void)values;
    *ret_code = strcmp(device, "Pump") == 0 && strcmp(command, "Speed") == 0 ? 200 : 404;
    *ret_body = edge_strdup(a, "{}");
    return EDGE_OK;
}

static void test_a_delta_is_written_and_reported(void)
{
    static const char reported[] =
        "{\"state\":{\"reported\":{\"devices\":{\"Pump\":{\"Speed\":{\"Speed\":"
        "3}}},\"errors\":{\"Pump\":{\"Speed\":null}}}}}";
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, SHADOW, "$aws/things/gateway/shadow/get $aws/things/gateway/shadow/update");
    secrets(&q, &c);
    q.host.command = execute;
    AWS(&q, cloud_port(&c), "Shadow", "true", "Commands", "true", );
    bench_open(&q);
    CU_ASSERT(cloud_wait(&c, 1)); /* it asks for its shadow: no message is needed */
    CU_ASSERT(cloud_last_is(&c, "$aws/things/gateway/shadow/get", ""));
    cloud_publish(&c, "$aws/things/gateway/shadow/update/delta",
                  "{\"version\":2,\"state\":{\"devices\":{\"Pump\":{\"Speed\":{\"Speed\":3}}}}}");
    CU_ASSERT(cloud_wait(&c, 2));
    CU_ASSERT(cloud_last_is(&c, "$aws/things/gateway/shadow/update", reported));
    cloud_publish(&c, "$aws/things/gateway/shadow/get/accepted",
                  "{\"state\":{\"delta\":{\"devices\":{\"Fan\":{\"On\":{\"On\":1}}}}}}");
    CU_ASSERT(cloud_wait(&c, 3));
    CU_ASSERT(cloud_last_is(&c, "$aws/things/gateway/shadow/update",
                            "{\"state\":{\"reported\":{\"errors\":{\"Fan\":{\"On\":{\"code\":404,"
                            "\"answer\":\"{}\"}}}}}}"));
    bench_close(&q);
}

static void test_parameters_are_checked(void)
{
#define GIVEN "Endpoint", "e", "SecretName", "s", "Thing"
    static const struct {
        const char *params[14];
        const char *says;
    } rows[] = {
        {{GIVEN, "t", "Topic", "a/b/c/d/e/f/g/h/i"},                          "slashes"   },
        {{GIVEN, "t", "Topic", "a/#"},                                        "Topic"     },
        {{GIVEN, "t"},                                                        "Topic"     },
        {{GIVEN, "a/b", "Topic", "a"},                                        "Thing"     },
        {{GIVEN, "t", "Topic", "a", "Qos", "2"},                              "Qos"       },
        {{GIVEN, "t", "Topic", "a", "Shadow", "true"},                        "Shadow"    },
        {{GIVEN, "t", "Shadow", "true", "ShadowName", "a/b"},                 "ShadowName"},
        {{GIVEN, "t", "Topic", "a", "ShadowName", "{b}", "Commands", "true"}, "Commands"  },
        {{GIVEN, "t", "Topic", "a", "KeepAlive", "10s"},                      "KeepAlive" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        QUEUE_BENCH(q);
        const char *said = bench_stage(&q, "AWSExport", rows[i].params);
        CU_ASSERT_PTR_NOT_NULL_FATAL(said);
        if (!strstr(said, rows[i].says)) {
            printf("got: %s\nnot: %s\n", said, rows[i].says);
            CU_FAIL("another text");
        }
    }
    QUEUE_BENCH(q); /* what a rule takes does not count */
    CU_ASSERT_PTR_NULL(bench_stage(
        &q, "AWSExport",
        (const char *const[]){GIVEN, "t", "Topic", "$aws/rules/r/1/2/3/4/5/6/7/8", NULL}));
}

CU_TestInfo aws_export_tests[] = {
    {"a thing is known by its certificate",       test_a_thing_is_known_by_its_certificate      },
    {"without the certificate messages wait",     test_without_the_certificate_messages_wait    },
    {"what the policy forbids is denied",         test_what_the_policy_forbids_is_denied        },
    {"what AWS would not take is put aside",      test_what_aws_would_not_take_is_put_aside     },
    {"ALPN says what TLS is for",                 test_alpn_says_what_tls_is_for                },
    {"a shadow reports",                          test_a_shadow_reports                         },
    {"each device has a named shadow",            test_each_device_has_a_named_shadow           },
    {"what a shadow rejects is put aside",        test_what_a_shadow_rejects_is_put_aside       },
    {"a shadow that says nothing is asked again", test_a_shadow_that_says_nothing_is_asked_again},
    {"a delta is written and reported",           test_a_delta_is_written_and_reported          },
    {"parameters are checked",                    test_parameters_are_checked                   },
    CU_TEST_INFO_NULL,
};
