/* Devices that serve, played by another HTTP server (python3's), with TLS, killed and started again, a thousand of them. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <CUnit/CUnit.h>

#include "certificates.h"
#include "device_rest.h"
#include "devsdk/test.h"
#include "edge/thread.h"
#include "rest_peer.h"
#include "scratch.h"
#include "suites.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char profile[] =
    "name: p\n"
    "deviceResources:\n"
    "- {name: value, properties: {valueType: Float64, readWrite: RW}}\n"
    "- {name: mode, properties: {valueType: String, readWrite: RW}}\n"
    "- {name: gzip, attributes: {jsonPointer: /celsius}, properties: {valueType: Float64, readWrite: R}}\n"
    "- {name: chunks, attributes: {jsonPointer: /celsius}, properties: {valueType: Float64, readWrite: R}}\n"
    "- {name: moved, attributes: {jsonPointer: /celsius}, properties: {valueType: Float64, readWrite: R}}\n"
    "- {name: away, attributes: {jsonPointer: /celsius}, properties: {valueType: Float64, readWrite: R}}\n"
    "- {name: host, attributes: {path: status, jsonPointer: /host}, properties: {valueType: String, readWrite: R}}\n"
    "- {name: bomb, properties: {valueType: String, readWrite: R}}\n"
    "- {name: die, properties: {valueType: Int32, readWrite: R}}\n"
    "- {name: silent, properties: {valueType: Int32, readWrite: R}}\n";

/* ---- the lab --------------------------------------------------------------------------------------------- */

static devsdk_test *begin(const char *config)
{
    devsdk_test *t = devsdk_test_start(&device_rest, config);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(t), 200);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_profile(t, profile), 201);
    return t;
}

static void add(devsdk_test *t, const char *name, const char *host, uint16_t port, const char *more)
{
    char device[1024];
    snprintf(device, sizeof(device),
             "{name: %s, profileName: p, protocols: {REST: {Host: %s, Port: %u%s}}}", name, host,
             port, more);
    int status = devsdk_test_device(t, device);
    if (status != 201) {
        fprintf(stderr, "%s: %s\n", device, devsdk_test_text(t));
    }
    CU_ASSERT_EQUAL(status, 201);
}

static bool reads(devsdk_test *t, const char *device, const char *source, int status,
                  const char *text)
{
    const devsdk_test_result *r = devsdk_test_read(t, device, source, NULL);
    const char *got = r->status == 200 ? devsdk_test_value(r, source) : r->text;
    bool right = r->status == status && got && strstr(got, text);
    if (!right) {
        printf("%s of %s: %d %s\n", source, device, r->status, got ? got : "none");
    }
    return right;
}

/* ---- tests ------------------------------------------------------------------------------------------------ */

static void test_another_server_is_read_and_written(void)
{
    struct rest_peer p = {0};
    if (!rest_peer_start(&p, NULL)) {
        return;
    }
    devsdk_test *t = begin("Writable: {LogLevel: ERROR}");
    add(t, "d", "127.0.0.1", p.port, "");
    CU_ASSERT_TRUE(reads(t, "d", "value", 200, "2.15e+01"));
    CU_ASSERT_EQUAL(devsdk_test_write(t, "d", "value", "{\"value\": \"-3.5\"}")->status, 200);
    CU_ASSERT_TRUE(reads(t, "d", "value", 200, "-3.5e+00"));
    CU_ASSERT_EQUAL(devsdk_test_write(t, "d", "mode", "{\"mode\": \"a \\\"b\\\" ü\"}")->status,
                    200);
    CU_ASSERT_TRUE(reads(t, "d", "mode", 200, "a \"b\" ü"));
    CU_ASSERT_TRUE(reads(t, "d", "gzip", 200, "2.15e+01"));
    CU_ASSERT_TRUE(reads(t, "d", "chunks", 200, "2.15e+01"));
    CU_ASSERT_TRUE(reads(t, "d", "moved", 200, "2.15e+01"));
    CU_ASSERT_TRUE(reads(t, "d", "away", 500, "answered 302 to http://localhost:"));
    CU_ASSERT_TRUE(reads(t, "d", "bomb", 500, "larger than 16777216 bytes"));
    CU_ASSERT_TRUE(reads(t, "d", "host", 200, "127.0.0.1:"));
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    rest_peer_end(&p);
}

static void test_tls_is_verified(void)
{
    SCRATCH(dir);
    CU_ASSERT_TRUE_FATAL(certificates_make(dir.path));
    const char *const files[] = {certificate_file(dir.path, "server", ".pem"),
                                 certificate_file(dir.path, "server", ".key"),
                                 certificate_file(dir.path, "ca", ".pem"), NULL};
    struct rest_peer p = {0};
    if (!rest_peer_start(&p, files)) {
        return;
    }
    devsdk_test *t = begin("Writable: {LogLevel: ERROR}");
    char more[512], client[256];
    snprintf(client, sizeof(client), ", Scheme: https, CertFile: %s, KeyFile: %s",
             certificate_file(dir.path, "client", ".pem"),
             certificate_file(dir.path, "client", ".key"));
    add(t, "unknown", "127.0.0.1", p.port, client);
    snprintf(more, sizeof(more), "%s, CAFile: %s", client,
             certificate_file(dir.path, "ca", ".pem"));
    add(t, "known", "127.0.0.1", p.port, more);
    snprintf(more, sizeof(more), "%s, CAFile: %s", client,
             certificate_file(dir.path, "stranger", ".pem"));
    add(t, "strange", "127.0.0.1", p.port, more);
    snprintf(more, sizeof(more), "%s, CAFile: %s, ServerName: other.example", client,
             certificate_file(dir.path, "ca", ".pem"));
    add(t, "named", "127.0.0.1", p.port, more);
    snprintf(more, sizeof(more), "%s, SkipCertVerify: true", client);
    add(t, "blind", "127.0.0.1", p.port, more);
    snprintf(more, sizeof(more), ", Scheme: https, CAFile: %s",
             certificate_file(dir.path, "ca", ".pem"));
    add(t, "bare", "127.0.0.1", p.port, more);
    add(t, "plain", "127.0.0.1", p.port, "");
    CU_ASSERT_TRUE(reads(t, "known", "value", 200, "2.15e+01"));
    CU_ASSERT_TRUE(reads(t, "unknown", "value", 500, "signed by nobody who is trusted here"));
    CU_ASSERT_TRUE(reads(t, "strange", "value", 500, "certificate of 127.0.0.1:"));
    CU_ASSERT_TRUE(reads(t, "named", "value", 500, "is not for 'other.example'"));
    CU_ASSERT_TRUE(reads(t, "blind", "value", 200, "2.15e+01"));
    CU_ASSERT_TRUE(reads(t, "bare", "value", 500,
                         "GET https://127.0.0.1:")); /* told before, or cut off after */
    CU_ASSERT_TRUE(reads(t, "plain", "value", 500, "GET http://127.0.0.1:"));
    CU_ASSERT_TRUE(reads(t, "known", "value", 200, "2.15e+01"));
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    rest_peer_end(&p);
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/www/%s", dir, name);
    FILE *f = fopen(path, "we");
    CU_ASSERT_TRUE_FATAL(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void test_nginx_with_all_it_can_ask_for(void)
{
    SCRATCH(dir);
    struct rest_peer p = {0};
    char www[128], more[512];
    CU_ASSERT_TRUE_FATAL(certificates_make(dir.path));
    snprintf(www, sizeof(www), "%s/www", dir.path);
    CU_ASSERT_EQUAL_FATAL(mkdir(www, 0700), 0);
    put_file(dir.path, "value", "21.5\n");
    put_file(dir.path, "gzip",
             "{\"celsius\": 21.5, \"more\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}");
    if (!rest_nginx_start(&p, dir.path)) {
        return;
    }
    devsdk_test *t = begin(
        "Writable: {LogLevel: ERROR, InsecureSecrets: {a: {SecretName: good, SecretData: {username: me, password: it}}, "
        "b: {SecretName: bad, SecretData: {username: me, password: no}}}}");
    snprintf(more, sizeof(more), ", CAFile: %s, CertFile: %s, KeyFile: %s",
             certificate_file(dir.path, "ca", ".pem"), certificate_file(dir.path, "client", ".pem"),
             certificate_file(dir.path, "client", ".key"));
    char with[640];
    add(t, "nobody", "127.0.0.1", p.port, more);
    snprintf(with, sizeof(with), "%s, AuthMode: basic, SecretName: good", more);
    add(t, "good", "127.0.0.1", p.port, with);
    snprintf(with, sizeof(with), "%s, AuthMode: basic, SecretName: bad", more);
    add(t, "bad", "127.0.0.1", p.port, with);
    CU_ASSERT_TRUE(reads(t, "good", "value", 200, "2.15e+01")); /* http, sent on to https */
    CU_ASSERT_TRUE(reads(t, "good", "gzip", 200, "2.15e+01"));
    CU_ASSERT_TRUE(reads(t, "good", "mode", 500, "answered 404"));
    CU_ASSERT_TRUE(reads(t, "nobody", "value", 500, "answered 401"));
    CU_ASSERT_TRUE(reads(t, "bad", "value", 500, "answered 401"));
    CU_ASSERT_EQUAL(devsdk_test_write(t, "good", "value", "{\"value\": \"1\"}")->status,
                    500); /* 301 of a PUT */
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    rest_peer_end(&p);
}

struct state {
    devsdk_test *t;
    const char *device;
    bool up;
};

static bool is_so(void *arg)
{
    struct state *s = arg;
    devsdk_test_skip(s->t, 1000);
    return devsdk_test_is_up(s->t, s->device) == s->up;
}

static void test_a_peer_that_dies_and_comes_back(void)
{
    struct rest_peer p = {0};
    if (!rest_peer_start(&p, NULL)) {
        return;
    }
    devsdk_test *t =
        begin("Writable: {LogLevel: ERROR}\nDevice: {AllowedFails: 2, DeviceDownTimeout: 2}");
    add(t, "d", "127.0.0.1", p.port, "");
    CU_ASSERT_TRUE(reads(t, "d", "value", 200, "2.15e+01"));
    CU_ASSERT_TRUE(reads(t, "d", "die", 500, "GET http://127.0.0.1:")); /* amid its answer */
    waitpid(p.pid, NULL, 0);
    CU_ASSERT_TRUE(devsdk_test_is_up(t, "d"));
    CU_ASSERT_TRUE(reads(t, "d", "value", 500, "GET http://127.0.0.1:"));
    CU_ASSERT_TRUE(wait_until(is_so, &(struct state){t, "d", false}, 10000));
    if (rest_peer_start(&p, NULL)) {
        CU_ASSERT_TRUE(wait_until(is_so, &(struct state){t, "d", true}, 20000)); /* by itself */
        CU_ASSERT_TRUE(reads(t, "d", "value", 200, "2.15e+01"));
    }
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    rest_peer_end(&p);
}

/* ---- many ------------------------------------------------------------------------------------------------- */

enum { MANY = 1000 };

struct heard {
    devsdk_test *t;
    bool from[MANY];
    unsigned n;
};

static bool all_heard(void *arg)
{
    struct heard *h = arg;
    const devsdk_test_result *e;
    while ((e = devsdk_test_event(h->t, NULL, "host", 0))) {
        char host[32];
        unsigned i = 0;
        (void)sscanf(e->readings[0].device, "d%u", &i);
        snprintf(host, sizeof(host), "127.1.%u.%u:", i / 250, i % 250 + 1);
        CU_ASSERT_TRUE(i < MANY &&
                       strstr(e->readings[0].value, host)); /* its own value, nobody else's */
        h->n += !h->from[i % MANY];
        h->from[i % MANY] = true;
    }
    return h->n == MANY;
}

static void test_a_thousand_devices_beside_silent_ones(void)
{
    struct rest_peer p = {0};
    if (!rest_peer_start(&p, NULL)) {
        return;
    }
    devsdk_test *t = begin("Writable: {LogLevel: ERROR}");
    for (unsigned i = 0; i < 10; i++) {
        char name[16], host[32];
        snprintf(name, sizeof(name), "s%u", i);
        snprintf(host, sizeof(host), "127.2.0.%u", i + 1);
        char device[512];
        snprintf(
            device, sizeof(device),
            "{name: %s, profileName: p, protocols: {REST: {Host: %s, Port: %u, Timeout: 1s}}, autoEvents: [{interval: 1s, sourceName: silent}]}",
            name, host, p.port);
        CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    }
    for (unsigned i = 0; i < MANY; i++) {
        char device[512];
        snprintf(
            device, sizeof(device),
            "{name: d%u, profileName: p, protocols: {REST: {Host: 127.1.%u.%u, Port: %u}}, autoEvents: [{interval: 2s, sourceName: host}]}",
            i, i / 250, i % 250 + 1, p.port);
        CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    }
    struct heard *heard = calloc(1, sizeof(*heard));
    heard->t = t;
    CU_ASSERT_TRUE(wait_until(all_heard, heard, 60000));
    CU_ASSERT_EQUAL(heard->n, MANY);
    free(heard);
    for (unsigned i = 0; i < 20; i++) { /* under load */
        char name[16];
        snprintf(name, sizeof(name), i < 10 ? "s%u" : "d%u", i);
        int status = devsdk_test_remove(t, name);
        if (status != 200) {
            fprintf(stderr, "%s: %d %s\n", name, status, devsdk_test_text(t));
        }
        CU_ASSERT_EQUAL(status, 200);
    }
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    rest_peer_end(&p);
}

/* ---- removed under load -------------------------------------------------------------------------------------- */

struct load {
    devsdk_test *t;
    atomic_bool ends;
    atomic_uint read;
};

static void *read_on(void *arg)
{
    struct load *load = arg;
    while (!atomic_load(&load->ends)) {
        int status = devsdk_test_read(load->t, "d", "value", NULL)->status;
        CU_ASSERT_TRUE(status == 200 || status == 404);
        atomic_fetch_add(&load->read, 1);
    }
    return NULL;
}

static bool has_read(void *arg)
{
    return atomic_load(&((struct load *)arg)->read) > 50;
}

static void test_a_device_is_removed_under_load(void)
{
    struct rest_peer p = {0};
    if (!rest_peer_start(&p, NULL)) {
        return;
    }
    devsdk_test *t = begin("Writable: {LogLevel: ERROR}");
    struct load load = {.t = t};
    add(t, "d", "127.0.0.1", p.port, "");
    pthread_t threads[3];
    for (size_t i = 0; i < N(threads); i++) {
        threads[i] = edge_thread_start("load", read_on, &load);
    }
    for (unsigned round = 0; round < 3; round++) {
        atomic_store(&load.read, 0);
        CU_ASSERT_TRUE(wait_until(has_read, &load, 20000));
        CU_ASSERT_EQUAL(devsdk_test_remove(t, "d"), 200);
        add(t, "d", "127.0.0.1", p.port, "");
    }
    atomic_store(&load.ends, true);
    for (size_t i = 0; i < N(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    rest_peer_end(&p);
}

CU_TestInfo rest_peers_tests[] = {
    {"another server is read and written",    test_another_server_is_read_and_written   },
    {"TLS is verified",                       test_tls_is_verified                      },
    {"nginx with all it can ask for",         test_nginx_with_all_it_can_ask_for        },
    {"a peer that dies and comes back",       test_a_peer_that_dies_and_comes_back      },
    {"a thousand devices beside silent ones", test_a_thousand_devices_beside_silent_ones},
    {"a device is removed under load",        test_a_device_is_removed_under_load       },
    CU_TEST_INFO_NULL,
};
