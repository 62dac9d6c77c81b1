/* SAPExport before a mosquitto that knows devices by their certificates. */
#include <stdio.h>
#include <string.h>

#include "cloud_bench.h"

static void test_measures_arrive(void)
{
    QUEUE_BENCH(q);
    CLOUD(c);
    cloud_start_plain(&c, BROKER_TLS "require_certificate true\nuse_identity_as_username true\n"
                                     "acl_file %s/rules\n");
    broker_write(c.b, "rules", "pattern write measures/%u\npattern read measures/#\n");
    CU_ASSERT_FATAL(broker_restart(c.b));
    cloud_hear(&c, "measures/#");
    cloud_secret(&c, &q, "sap/cacert", "ca.pem");
    cloud_secret(&c, &q, "sap/clientcert", "cli.pem");
    cloud_secret(&c, &q, "sap/clientkey", "cli.key");
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(
        &q, "SAPExport",
        (const char *const[]){"Host", "localhost", "DeviceAlternateId", "gateway",
                              "CapabilityAlternateId", "{sourcename}", "SensorAlternateId",
                              "{devicename}", "SecretName", "sap", "Port", cloud_port(&c), NULL}));
    bench_open(&q);
    bench_put_with(&q, "{\"Temp\":21.5}",
                   "{\"values\":{\"devicename\":\"pu\\\"mp\",\"sourcename\":\"all\"}}");
    CU_ASSERT(cloud_wait(&c, 1));
    CU_ASSERT(cloud_last_is(&c, "measures/gateway",
                            "{\"capabilityAlternateId\":\"all\",\"sensorAlternateId\":\"pu\\\"mp\","
                            "\"measures\":[{\"Temp\":21.5}]}"));
    CU_ASSERT_EQUAL(c.qos, 1);
    CU_ASSERT(bench_wait_depth(&q, 0));
    bench_put_with(&q, "[1]", "{\"values\":{\"devicename\":\"a\",\"sourcename\":\"b\"}}");
    bench_put_with(&q, "{}", "{\"values\":{\"devicename\":\"a\"}}");
    CU_ASSERT(bench_wait_quarantined(&q, 2));
    bench_close(&q);
}

static void test_parameters_are_checked(void)
{
    QUEUE_BENCH(q);
    const char *said = bench_stage(
        &q, "SAPExport",
        (const char *const[]){"Host", "h", "DeviceAlternateId", "a/b", "CapabilityAlternateId", "c",
                              "SensorAlternateId", "s", "SecretName", "s", NULL});
    CU_ASSERT_PTR_NOT_NULL_FATAL(said);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "DeviceAlternateId"));
}

CU_TestInfo sap_export_tests[] = {
    {"measures arrive",        test_measures_arrive       },
    {"parameters are checked", test_parameters_are_checked},
    CU_TEST_INFO_NULL,
};
