/* GoogleExport before a mosquitto that verifies JSON web tokens with OpenSSL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud_bench.h"
#include "edge/clock.h"

#define CLIENT "projects/plant/locations/europe-west1/registries/all/devices/pump-1"
#define PEER                                                                                       \
    CLOUD_PEER "plugin_opt_kind google\nplugin_opt_client " CLIENT                                 \
               "\nplugin_opt_project plant\nplugin_opt_key %s/key.pem\n"                           \
               "plugin_opt_topic /devices/pump-1/events\n"

#define GOOGLE(q, c, project, ...)                                                                 \
    CU_ASSERT_PTR_NULL_FATAL(                                                                      \
        bench_stage(q, "GoogleExport",                                                             \
                    (const char *const[]){"Project", project, "Region", "europe-west1",            \
                                          "Registry", "all", "DeviceId", "pump-1", "SecretName",   \
                                          "device", "Host", "localhost", "Port", cloud_port(c),    \
                                          "MaxReconnectInterval", "100ms", __VA_ARGS__ NULL}))

/* The device has a key, the peer its public half. */
static void make_key(struct cloud *c, struct queue_bench *q, const char *kind)
{
    const char *folder = broker_folder(c->b);
    const char *command =
        edge_printf(&c->arena,
                    "cd %s && openssl genpkey -algorithm %s -out srv.csr 2>/dev/null &&"
                    " openssl pkey -in srv.csr -pubout -out key.pem",
                    folder, kind);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    cloud_secret(c, q, "device/privatekey", "srv.csr");
    cloud_secret(c, q, "device/cacert", "ca.pem");
}

#define P256 "EC -pkeyopt ec_paramgen_curve:P-256"

static void test_either_kind_of_key_signs(void)
{
    static const char *const kinds[] = {P256, "RSA"};
    for (size_t i = 0; i < 2; i++) {
        QUEUE_BENCH(q);
        CLOUD(c);
        cloud_start(&c, PEER, "/devices/#");
        make_key(&c, &q, kinds[i]);
        GOOGLE(&q, &c, "plant", "Subfolder", "{devicename}/all", "TokenLife", "24h", );
        bench_open(&q);
        bench_put_with(&q, "a", "{\"values\":{\"devicename\":\"pump\"}}");
        CU_ASSERT(cloud_wait(&c, 1));
        CU_ASSERT(cloud_last_is(&c, "/devices/pump-1/events/pump/all", "a"));
        CU_ASSERT_EQUAL(c.qos, 1);
        CU_ASSERT(bench_wait_depth(&q, 0));
        CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0);
        bench_close(&q);
    }
}

static void test_a_token_is_renewed(void)
{
    char text[16], expected[20000] = "";
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, PEER, "/devices/#");
    make_key(&c, &q, P256);
    GOOGLE(&q, &c, "plant", "TokenLife", "3s", );
    bench_open(&q);
    unsigned n = 0;
    for (int64_t end_ms = edge_now_mono_ms() + 20000;
         cloud_reported(&c, "accepted") < 3 && edge_now_mono_ms() < end_ms;) {
        snprintf(text, sizeof(text), "%u", n++);
        if (strlen(expected) + sizeof(text) < sizeof(expected)) {
            snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s ", text);
        }
        bench_put(&q, text);
        CU_ASSERT(bench_wait_depth(&q, 0));
    }
    CU_ASSERT(cloud_wait_report(&c, "accepted", 3));
    CU_ASSERT(cloud_wait(&c, n));
    CU_ASSERT_NSTRING_EQUAL(c.all, expected, strlen(expected));
    CU_ASSERT_EQUAL(bench_status(&q).retries, 0);
    CU_ASSERT_EQUAL(cloud_reported(&c, "kicked"), 0);
    bench_close(&q);
}

static void test_a_wrong_key_is_mended(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start(&c, PEER, "/devices/#");
    make_key(&c, &q, P256);
    cloud_secret(&c, &q, "device/privatekey", "srv.key"); /* somebody else's */
    GOOGLE(&q, &c, "plant", );
    q.config.denied_first_ms = q.config.denied_last_ms = 3600 * 1000;
    bench_open(&q);
    bench_put(&q, "a");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    CU_ASSERT(cloud_wait_report(&c, "refused " CLIENT " wrong signature", 1));
    bench_secret(&q, "device/privatekey", "no key");
    CU_ASSERT(bench_wait_state(&q, EXPORT_Q_DENIED));
    cloud_secret(&c, &q, "device/privatekey", "srv.csr");
    CU_ASSERT(bench_wait_depth(&q, 0));
    CU_ASSERT(cloud_wait(&c, 1));
    bench_close(&q);
}

static void test_parameters_are_checked(void)
{
    static const struct {
        const char *name, *value, *says;
    } rows[] = {
        {"TokenLife", "25h", "TokenLife"},
        {"Qos",       "2",   "Qos"      },
        {"Subfolder", "#",   "Subfolder"},
        {"Port",      "0",   "Port"     },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        QUEUE_BENCH(q);
        const char *said = bench_stage(
            &q, "GoogleExport",
            (const char *const[]){"Project", "p", "Region", "r", "Registry", "r", "DeviceId", "d",
                                  "SecretName", "s", rows[i].name, rows[i].value, NULL});
        CU_ASSERT_PTR_NOT_NULL_FATAL(said);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, rows[i].says));
    }
}

CU_TestInfo google_export_tests[] = {
    {"either kind of key signs", test_either_kind_of_key_signs},
    {"a token is renewed",       test_a_token_is_renewed      },
    {"a wrong key is mended",    test_a_wrong_key_is_mended   },
    {"parameters are checked",   test_parameters_are_checked  },
    CU_TEST_INFO_NULL,
};
