/* The official services' own files, and every key official configuration has, as they are: no word
 * of an unknown key, nothing left out, core-metadata takes it all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data.h"
#include "device_modbus.h"
#include "device_rig.h"
#include "model/model.h"
#include "suites.h"

/* ---- drivers ------------------------------------------------------------------------------------ */

static devsdk_result read_ones(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_set_int(r, i, 1);
    }
    return DEVSDK_OK;
}

static const devsdk_driver plain = {
    .abi = DEVSDK_ABI,
    .name = "device-virtual",
    .version = "1.0.0",
    .read = read_ones,
};

/* ---- what is logged ------------------------------------------------------------------------------ */

struct hush {
    int stderr_fd;
    FILE *file;
};

static void hush_begin(struct hush *h)
{
    fflush(stderr);
    h->file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(h->file);
    h->stderr_fd = dup(STDERR_FILENO);
    dup2(fileno(h->file), STDERR_FILENO);
}

/* All that was logged meanwhile. */
static const char *hush_end(struct hush *h, struct edge_arena *a)
{
    enum { MAX = 1 << 18 };
    dup2(h->stderr_fd, STDERR_FILENO);
    close(h->stderr_fd);
    rewind(h->file);
    char *text = edge_alloc(a, MAX, 1);
    text[fread(text, 1, MAX - 1, h->file)] = '\0';
    fclose(h->file);
    return text;
}

static void expect_silence(const char *log)
{
    static const char *const words[] = {"unknown configuration", "not taken up", "faulty",
                                        "cannot take up", "level=ERROR"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *at = strstr(log, words[i]);
        if (at) {
            printf("logged: %.200s\n", at);
        }
        CU_ASSERT_PTR_NULL(at);
    }
}

/* ---- files ------------------------------------------------------------------------------------- */

static int64_t total(struct edge_ctx *ctx, struct device_rig *r, const char *path)
{
    return int_at(ask(ctx, r->metadata, "GET", path, NULL, 200), "totalCount");
}

static void official(const devsdk_driver *driver, const char *service, int64_t profiles,
                     int64_t devices, const char *read)
{
    EDGE_CTX_SCOPE(ctx);
    const char *dir =
        data_dir(&ctx.arena, edge_printf(&ctx.arena, "official-profiles/%s", service));
    if (!dir) {
        return;
    }
    char *folder = realpath(dir, NULL);
    struct hush h;
    hush_begin(&h);
    struct device_rig r;
    device_rig_make_from(&r, driver, folder);
    const char *log = hush_end(&h, &ctx.arena);
    expect_silence(log);
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "level=INFO")); /* it was logged, and here */
    CU_ASSERT_EQUAL(total(&ctx, &r, "/api/v3/deviceprofile/all"), profiles);
    CU_ASSERT_EQUAL(
        total(&ctx, &r, edge_printf(&ctx.arena, "/api/v3/device/service/name/%s", driver->name)),
        devices);
    if (read) {
        ask(&ctx, r.device, "GET", read, NULL, 200);
    }
    device_rig_done(&r);
    free(folder);
}

static void test_official_device_virtual(void)
{
    setenv("DEVICE_VIRTUAL__SERVICE_PORT", "0", 1);
    official(&plain, "device-virtual-go", 6, 6, "/api/v3/device/name/Random-Integer-Device/Int8");
    unsetenv("DEVICE_VIRTUAL__SERVICE_PORT");
}

/* Its configuration names no folders; an override does, as its own comment says. */
static void test_official_device_modbus(void)
{
    setenv("DEVICE_MODBUS__SERVICE_PORT", "0", 1);
    setenv("DEVICE_MODBUS__DEVICE_PROFILESDIR", "./res/profiles", 1);
    setenv("DEVICE_MODBUS__DEVICE_DEVICESDIR", "./res/devices", 1);
    official(&device_modbus, "device-modbus-go", 2, 3, NULL); /* there is no such machine here */
    unsetenv("DEVICE_MODBUS__SERVICE_PORT");
    unsetenv("DEVICE_MODBUS__DEVICE_PROFILESDIR");
    unsetenv("DEVICE_MODBUS__DEVICE_DEVICESDIR");
}

/* ---- keys -------------------------------------------------------------------------------------- */

/* All of contract 12.3 that concerns a device service, below a Service section with a port. */
static const char all_keys[] =
    "Service:\n"
    "  Host: localhost\n"
    "  HealthCheckInterval: 10s\n"
    "  ServerBindAddr: \"\"\n"
    "  StartupMsg: hello\n"
    "  MaxResultCount: 1024\n"
    "  MaxRequestSize: 0\n"
    "  RequestTimeout: 5s\n"
    "  EnableNameFieldEscape: false\n"
    "  CORSConfiguration: {EnableCORS: false, CORSAllowCredentials: false, "
    "CORSAllowedOrigin: \"https://localhost\", CORSAllowedMethods: \"GET, POST, PUT, PATCH, DELETE\", "
    "CORSAllowedHeaders: \"Authorization, Accept\", CORSExposeHeaders: \"Cache-Control\", "
    "CORSMaxAge: 3600}\n"
    "  SecurityOptions: {Mode: \"\", OpenZitiController: \"openziti:1280\"}\n"
    "MaxEventSize: 0\n"
    "Writable:\n"
    "  LogLevel: INFO\n"
    "  InsecureSecrets: {DB: {SecretName: postgres, SecretData: {username: a, password: b}}}\n"
    "  Reading: {ReadingUnits: true}\n"
    "  Telemetry: {Interval: 30s, Metrics: {SecuritySecretsRequested: false, "
    "SecuritySecretsStored: false, SecurityRuntimeSecretTokenDuration: false, "
    "SecurityGetSecretDuration: false, EventsSent: false, ReadingsSent: false, "
    "LastConnected: false}, Tags: {Gateway: a}}\n"
    "Registry: {Host: localhost, Port: 59890, Type: keeper}\n"
    "Database: {Host: localhost, Port: 5432, Timeout: 5s, Type: postgres, MaxConns: 4, "
    "MaxConnIdleTime: 30m, MaxConnLifetime: 1h}\n"
    "MessageBus:\n"
    "  Protocol: mqtt\n"
    "  Host: localhost\n"
    "  Port: 1883\n"
    "  Type: mqtt\n"
    "  AuthMode: none\n"
    "  SecretName: mqtt-bus\n"
    "  BaseTopicPrefix: edgex\n"
    "  Disabled: false\n"
    "  Optional: {ClientId: x, Qos: \"0\", KeepAlive: \"10\", Retained: \"false\", "
    "AutoReconnect: \"true\", ConnectTimeout: \"5\", SkipCertVerify: \"false\", Format: nats, "
    "RetryOnFailedConnect: \"true\", QueueGroup: \"\", Durable: \"\", AutoProvision: \"true\", "
    "Deliver: new, DefaultPubRetryAttempts: \"2\", Subject: \"edgex/#\"}\n"
    "Clients:\n"
    "  core-metadata: {Protocol: http, Host: localhost, Port: 59881, "
    "SecurityOptions: {Mode: \"\", OpenZitiController: \"\"}}\n"
    "  security-proxy-auth: {Protocol: http, Host: localhost, Port: 59842}\n"
    "Device:\n"
    "  DataTransform: true\n"
    "  MaxCmdOps: 12800\n"
    "  MaxCmdValueLen: 256\n"
    "  ProfilesDir: ./res/profiles\n"
    "  DevicesDir: ./res/devices\n"
    "  ProvisionWatchersDir: \"\"\n"
    "  EnableAsyncReadings: true\n"
    "  AsyncBufferSize: 16\n"
    "  Labels: []\n"
    "  AllowedFails: 0\n"
    "  DeviceDownTimeout: 0\n"
    "  Discovery: {Enabled: false, Interval: 0s}\n"
    "  AutoEvents: {SendChangedReadingsOnly: false}\n";

static void test_every_official_key_is_known(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct hush h;
    hush_begin(&h);
    struct device_rig r;
    device_rig_make(&r, &plain, all_keys);
    const char *log = hush_end(&h, &ctx.arena);
    expect_silence(log);
    CU_ASSERT_PTR_NOT_NULL(strstr(log, "level=INFO"));
    device_rig_done(&r);
    hush_begin(&h);
    device_rig_make(&r, &plain,
                    "Device:\n  NoSuchKey: 1\n"); /* the silence above means something */
    CU_ASSERT_PTR_NOT_NULL(strstr(hush_end(&h, &ctx.arena), "NoSuchKey"));
    device_rig_done(&r);
}

CU_TestInfo official_tests[] = {
    {"official device-virtual",     test_official_device_virtual    },
    {"official device-modbus",      test_official_device_modbus     },
    {"every official key is known", test_every_official_key_is_known},
    CU_TEST_INFO_NULL,
};
