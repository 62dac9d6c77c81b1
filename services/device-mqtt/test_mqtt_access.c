/* The driver where a broker wants to know who it is, or does not let it: credentials that come and change, TLS, rules; and
 * the end while something is under way. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_mqtt.h"
#include "mqtt_scene.h"
#include "suites.h"
#include "testkit.h"
#include "wait.h"

enum { SOON_MS = 20 * 1000, CONFIG_SIZE = 8192 };

static void expect_failure(const devsdk_test_result *r, int status, const char *text)
{
    CU_ASSERT_EQUAL(r->status, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, text));
    if (!strstr(r->text, text)) {
        printf("%d '%s', not '%s'\n", r->status, r->text, text);
    }
}

/* ---- a driver that asks a device nobody has built: its failure says how it stands with the broker ------------------ */

static devsdk_test *begin(const char *config, const char *device)
{
    devsdk_test *t = devsdk_test_start(&device_mqtt, config);
    CU_ASSERT_EQUAL(devsdk_test_status(t), 200);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, mqtt_scene_profile), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    return t;
}

struct state {
    devsdk_test *t;
    const char *text; /* NULL: connected */
    const devsdk_test_result *r;
};

static bool is_so(void *arg)
{
    struct state *s = arg;
    s->r = devsdk_test_read(s->t, "d1", "count", NULL);
    return s->text ? strstr(s->r->text, s->text) != NULL
                   : strstr(s->r->text, "no answer to") && !strstr(s->r->text, "is not connected");
}

static void expect_state(devsdk_test *t, const char *text)
{
    struct state s = {.t = t, .text = text};
    bool ok = wait_until(is_so, &s, SOON_MS);
    CU_ASSERT_TRUE(ok);
    if (!ok) {
        printf("'%s', not '%s'\n", s.r->text, text ? text : "connected");
    }
}

/* ---- credentials ------------------------------------------------------------------------------------------------------ */

static struct broker *guarded_broker(void)
{
    struct broker *b = broker_prepare("allow_anonymous false\npassword_file %s/users\n");
    char command[512];
    broker_write(b, "users", "");
    snprintf(command, sizeof(command),
             "mosquitto_passwd -b %s/users me secret && chmod 644 %s/users", broker_folder(b),
             broker_folder(b));
    CU_ASSERT_EQUAL(system(command), 0); /* NOLINT(cert-env33-c) */
    CU_ASSERT_TRUE(broker_restart(b));
    return b;
}

static const char *config_of(const struct broker *b, const char *secrets, const char *more)
{
    static char config[CONFIG_SIZE];
    snprintf(
        config, sizeof(config),
        "Writable:\n  LogLevel: ERROR\n%s%s"
        "MQTTBrokerInfo:\n  Host: localhost\n  Port: %u\n  ConnRetryWaitTime: 1\n%s  Writable:\n    "
        "ResponseFetchInterval: 50\n",
        *secrets ? "  InsecureSecrets:\n" : "", secrets, broker_port(b), more);
    return config;
}

#define RIGHT "    A: {SecretName: right, SecretData: {username: me, password: secret}}\n"
#define WRONG "    B: {SecretName: wrong, SecretData: {username: me, password: other}}\n"

static void test_credentials_are_said(void)
{
    static const struct {
        const char *more, *state;
    } cases[] = {
        {"  AuthMode: none\n",                                         "is not connected: refused: not authorized"},
        {"  AuthMode: usernamepassword\n  CredentialsName: nothing\n",
         "is not connected: the secret 'nothing' has no username"                                                 },
        {"  AuthMode: usernamepassword\n  CredentialsName: wrong\n",
         "is not connected: refused: not authorized"                                                              },
        {"  AuthMode: cacert\n  CredentialsName: right\n",             "the secret 'right' has no cacert"         },
        {"  AuthMode: clientcert\n  CredentialsName: right\n",
         "the secret 'right' has no clientcert and clientkey"                                                     },
        {"  AuthMode: usernamepassword\n  CredentialsName: right\n",   NULL                                       },
    };
    struct broker *b = guarded_broker();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        devsdk_test *t = begin(config_of(b, RIGHT WRONG, cases[i].more), mqtt_scene_device);
        expect_state(t, cases[i].state);
        CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    }
    broker_free(b);
}

/* As an editor does it; the service looks at its file now and then. */
static void rewrite(devsdk_test *t, const char *config)
{
    char paths[2][128];
    snprintf(paths[0], sizeof(paths[0]), "%s/new", t->dir);
    snprintf(paths[1], sizeof(paths[1]), "%s/device-mqtt/configuration.yaml", t->dir);
    FILE *file = fopen(paths[0], "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT(fputs(config, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(rename(paths[0], paths[1]), 0);
}

static void test_credentials_come_and_change(void)
{
    static const char mode[] = "  AuthMode: usernamepassword\n  CredentialsName: right\n";
    static const char bad[] =
        "    A: {SecretName: right, SecretData: {username: me, password: old}}\n";
    struct broker *b = guarded_broker();
    devsdk_test *t = begin(config_of(b, WRONG, mode), mqtt_scene_device);
    expect_state(t, "the secret 'right' has no username");
    rewrite(t, config_of(b, bad, mode));
    expect_state(t, "is not connected: refused: not authorized");
    rewrite(t, config_of(b, RIGHT, mode));
    expect_state(t, NULL);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    broker_free(b);
}

/* ---- TLS ----------------------------------------------------------------------------------------------------------------- */

/* A file's text as a block of YAML, indented. */
static void put_block(char *out, size_t size, const struct broker *b, const char *name)
{
    char path[256], line[256];
    size_t n = strlen(out);
    snprintf(path, sizeof(path), "%s/%s", broker_folder(b), name);
    FILE *f = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    while (fgets(line, sizeof(line), f)) {
        n += (size_t)snprintf(out + n, size - n, "          %s", line);
    }
    (void)fclose(f);
}

static void test_certificates_say_who_is_who(void)
{
    struct broker *b = broker_prepare(BROKER_TLS "require_certificate true\n");
    if (!broker_certify(b)) {
        printf("SKIPPED: no openssl\n");
        broker_free(b);
        return;
    }
    CU_ASSERT_TRUE(broker_restart(b));
    char device[1024],
        secrets[CONFIG_SIZE / 2] = "    C:\n      SecretName: pem\n      SecretData:\n";
    const char *folder = broker_folder(b);

    /* a device's own broker, by files; without a certificate of ours it hangs up */
    snprintf(
        device, sizeof(device),
        "{name: d1, profileName: sensor, protocols: {mqtt: {CommandTopic: c, Host: localhost, Port: '%u', Schema: "
        "mqtts, CaCert: %s/ca.pem}}}",
        broker_port(b), folder);
    devsdk_test *t = begin(config_of(b, "", ""), device);
    expect_state(t, "TLS: ");
    CU_ASSERT_EQUAL(devsdk_test_remove(t, "d1"), 200);
    snprintf(
        device, sizeof(device),
        "{name: d1, profileName: sensor, protocols: {mqtt: {CommandTopic: c, Host: localhost, Port: '%u', Schema: ssl, "
        "Version: '5', AuthMode: clientcert, CaCert: %s/ca.pem, ClientCert: %s/cli.pem, ClientKey: %s/cli.key}}}",
        broker_port(b), folder, folder, folder);
    CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    expect_state(t, NULL);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);

    /* the configured one, by texts in a secret */
    static const char *const keys[][2] = {
        {"cacert",     "ca.pem" },
        {"clientcert", "cli.pem"},
        {"clientkey",  "cli.key"}
    };
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(secrets);
        snprintf(secrets + n, sizeof(secrets) - n, "        %s: |\n", keys[i][0]);
        put_block(secrets, sizeof(secrets), b, keys[i][1]);
    }
    t = begin(
        config_of(b, secrets, "  Schema: tls\n  AuthMode: clientcert\n  CredentialsName: pem\n"),
        mqtt_scene_device);
    expect_state(t, NULL);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    broker_free(b);
}

/* ---- rules ----------------------------------------------------------------------------------------------------------------- */

static void test_answers_nobody_lets_us_read_are_said(void)
{
    struct mqtt_scene s = {0};
    mqtt_scene_make(&s, broker_ruled(), "  IncomingTopic: open/incoming/#\n");
    CU_ASSERT_EQUAL(devsdk_test_profile(s.kit, mqtt_scene_profile), 201);
    CU_ASSERT_EQUAL(
        devsdk_test_device(
            s.kit, "{name: d1, profileName: sensor, protocols: {mqtt: {CommandTopic: open/c}}}"),
        201);
    const devsdk_test_result *r = devsdk_test_read(s.kit, "d1", "count", NULL);
    expect_failure(r, 500, "(the broker does not let us read command/response/#)");
    mqtt_scene_done(&s);
}

/* ---- the end, while something is under way ----------------------------------------------------------------------------------- */

static void *read_in_vain(void *arg)
{
    struct mqtt_scene *s = arg;
    expect_failure(devsdk_test_read(s->kit, "d1", "both", NULL), 500, "no answer to");
    return NULL;
}

static void test_a_device_goes_while_it_is_asked(void)
{
    struct mqtt_scene s = {.fetch_ms = 200};
    mqtt_scene_make(&s, NULL, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(s.kit, mqtt_scene_profile), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(s.kit, mqtt_scene_device), 201);
    mqtt_scene_wait_heard(&s);
    mqtt_scene_manner(&s, MQTT_SILENT);
    unsigned before;
    {
        EDGE_LOCK(&s.lock);
        before = s.n_asked;
    }
    pthread_t asker;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&asker, NULL, read_in_vain, &s), 0);
    CU_ASSERT_TRUE(mqtt_scene_wait_asked(&s, before + 2));
    CU_ASSERT_EQUAL(devsdk_test_remove(s.kit, "d1"),
                    200); /* when the time of what was asked is up */
    pthread_join(asker, NULL);
    mqtt_scene_done(&s);
}

CU_TestInfo mqtt_access_tests[] = {
    {"credentials are said",                 test_credentials_are_said                },
    {"credentials come and change",          test_credentials_come_and_change         },
    {"certificates say who is who",          test_certificates_say_who_is_who         },
    {"answers nobody lets us read are said", test_answers_nobody_lets_us_read_are_said},
    {"a device goes while it is asked",      test_a_device_goes_while_it_is_asked     },
    CU_TEST_INFO_NULL,
};
