/* Lines: many at a time, removed under load, pulled out, restarted, idle. */
#include <CUnit/CUnit.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device_modbus.h"
#include "modbus_bench.h"
#include "wait.h"

/* ---- many ---------------------------------------------------------------------------------------- */

static void test_more_than_a_hundred_are_refused(void)
{
    enum { N = 130 };
    struct bench b;
    static struct asker askers[N];
    static char names[N][16];
    unsigned busy = 0;
    modbus_bench_make(&b, "modbus-tcp", NULL);
    for (unsigned i = 0; i < N; i++) {
        modbus_bench_device(&b, i + 1, "Timeout: 2s, MaxInFlight: 1");
        snprintf(names[i], sizeof(names[i]), "u%u", i + 1);
        askers[i] = (struct asker){.b = &b, .device = names[i], .rounds = 1};
    }
    modbus_bench_misbehaves(&b, SLOW_FIRST, 1);
    modbus_bench_ask_all(askers, N);
    for (unsigned i = 0; i < N; i++) {
        busy += askers[i].answered == 0;
    }
    CU_ASSERT(busy >= 1 && busy <= N - 100);

    modbus_bench_done(&b);
}

static void test_a_thousand_devices(void)
{
    enum { N = 1000, ROUNDS = 3 };
    struct bench b;
    char device[300], name[16];
    modbus_bench_make(&b, "modbus-tcp", NULL);
    for (unsigned i = 0; i < N; i++) {
        snprintf(
            device, sizeof(device),
            "name: t%u\nprofileName: p\nprotocols: {modbus-tcp: {Address: 127.0.%u.%u, Port: %u, IdleTimeout: 0.2, UnitID: %u}}\n",
            i, 1 + i / 200, 1 + i % 200, modbus_peer_port(b.peer), i % 250);
        CU_ASSERT_EQUAL(devsdk_test_device(b.t, device), 201);
    }
    for (unsigned i = 0; i < N * ROUNDS; i++) {
        snprintf(name, sizeof(name), "t%u", i % N);
        CU_ASSERT(modbus_bench_reads(&b, name, i % 7 ? "R1" : "All"));
    }
    CU_ASSERT(modbus_peer_connections(b.peer) >= N);
    modbus_bench_done(&b);
}

struct remover {
    struct bench *b;
    atomic_bool over;
};

static void *ask_until_over(void *arg)
{
    struct remover *r = arg;
    for (unsigned i = 0; !atomic_load(&r->over); i++) {
        char name[8];
        snprintf(name, sizeof(name), "u%u", 1 + i % 8);
        (void)modbus_bench_reads(r->b, name, "All"); /* asserts what it gets */
    }
    return NULL;
}

static void test_devices_removed_under_load(void)
{
    static const char *const protocols[] = {"modbus-tcp", "modbus-rtu"};
    for (size_t k = 0; k < 2; k++) {
        struct bench b;
        pthread_t threads[3];
        modbus_bench_make(&b, protocols[k], NULL);
        for (unsigned unit = 1; unit <= 8; unit++) {
            modbus_bench_device(&b, unit, "Timeout: 200ms");
        }
        modbus_bench_misbehaves(&b, SILENT, -1);
        atomic_store(&b.script.unit, 4);
        struct remover r = {&b, false};
        for (size_t i = 0; i < 3; i++) {
            CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_until_over, &r), 0);
        }
        for (unsigned i = 0; i < 40; i++) {
            char name[8];
            snprintf(name, sizeof(name), "u%u", 1 + i % 8);
            CU_ASSERT_EQUAL(devsdk_test_remove(b.t, name), 200);
            modbus_bench_device(&b, 1 + i % 8, "Timeout: 200ms");
        }
        for (unsigned unit = 1; unit <= 8; unit++) { /* the line goes with the last one */
            char name[8];
            snprintf(name, sizeof(name), "u%u", unit);
            CU_ASSERT_EQUAL(devsdk_test_remove(b.t, name), 200);
        }
        atomic_store(&r.over, true);
        for (size_t i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
        }
        modbus_bench_done(&b);
    }
}

/* Sends for ever, sound answers to nobody. */
static bool flood(struct modbus_peer *p, const struct modbus_frame *q, void *arg)
{
    atomic_int *floods = arg;
    if (q->unit == 1 && atomic_load(floods) > 0) {
        atomic_fetch_sub(floods, 1);
        while (
            modbus_peer_send(p, (const uint8_t[]){0xff, 0, 0, 0, 0, 5, 99, 3, 2, 0x77, 0x77}, 11)) {
        }
        return true;
    }
    return false;
}

static void test_a_flood_ends(void)
{
    atomic_int floods = 2;
    char device[200];
    struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, flood, &floods);
    modbus_bench_fill(peer);
    devsdk_test *t = devsdk_test_start(&device_modbus, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, modbus_bench_profile), 201);
    snprintf(
        device, sizeof(device),
        "name: u1\nprofileName: p\nprotocols: {modbus-tcp: {Address: 127.0.0.1, Port: %u, Timeout: 3s}}\n",
        modbus_peer_port(peer));
    CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    int64_t begun = modbus_bench_now_us();
    CU_ASSERT_EQUAL(devsdk_test_read(t, "u1", "R1", NULL)->status, 500);
    CU_ASSERT(modbus_bench_now_us() - begun < 2500000);
    const devsdk_test_result *r = devsdk_test_read(t, "u1", "R1", NULL);
    CU_ASSERT_EQUAL(r->status, 200);
    modbus_peer_free(peer);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

/* ---- the line ------------------------------------------------------------------------------------ */

static void test_broadcasts_are_not_waited_for(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-rtu", NULL);
    modbus_bench_device(&b, 0, "Timeout: 3s, TurnaroundDelay: 200ms");
    modbus_bench_device(&b, 1, "Timeout: 3s");
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    int64_t begun = modbus_bench_now_us();
    CU_ASSERT_EQUAL(devsdk_test_write(b.t, "u0", "R1", "{\"R1\": \"7\"}")->status, 200);
    CU_ASSERT(modbus_bench_now_us() - begun < 150000);
    const devsdk_test_result *r = devsdk_test_read(b.t, "u1", "R1", NULL);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "R1"), "7");
    CU_ASSERT(modbus_bench_now_us() - begun >= 200000);
    r = devsdk_test_read(b.t, "u0", "R1", NULL);
    CU_ASSERT_EQUAL(r->status, 405);
    modbus_bench_done(&b);
}

static bool has_sent(void *arg)
{
    return modbus_peer_requests(arg) > 0;
}

static void *ask_once(void *arg)
{
    const devsdk_test_result *r = devsdk_test_read(arg, "u1", "R1", NULL);
    const char *got = devsdk_test_value(r, "R1");
    CU_ASSERT(got && strcmp(got, "1") == 0);
    return NULL;
}

/* The answer to a question of somebody else, under way when the line is opened. */
static void test_what_was_asked_before_is_not_taken(void)
{
    struct bench b;
    pthread_t asker;
    uint8_t frame[MODBUS_FRAME_MAX];
    modbus_bench_make(&b, "modbus-rtu-tcp", NULL);
    modbus_bench_device(&b, 1, "Timeout: 1s");
    CU_ASSERT_EQUAL_FATAL(pthread_create(&asker, NULL, ask_once, b.t), 0);
    while (modbus_peer_connections(b.peer) == 0) {
        usleep(1000);
    }
    size_t n = modbus_frame_write(MODBUS_RTU, 0, 1, (uint8_t[]){3, 2, 0x77, 0x77}, 4, frame);
    CU_ASSERT_FALSE(has_sent(b.peer));
    modbus_peer_say(b.peer, frame, n);
    pthread_join(asker, NULL);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R2"));
    modbus_bench_done(&b);
}

static void test_a_line_has_one_set_of_settings(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-rtu", NULL);
    modbus_bench_device(&b, 1, "Parity: N");
    modbus_bench_device(&b, 2, "Parity: E");
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    CU_ASSERT_NOT_EQUAL(devsdk_test_read(b.t, "u2", "R1", NULL)->status, 200);
    modbus_bench_done(&b);
}

static bool is_back(void *arg)
{
    struct bench *b = arg;
    return modbus_bench_reads(b, "u1", "R1");
}

static void test_a_port_that_was_pulled_out_is_opened_again(void)
{
    struct bench b;
    char port[100];
    modbus_bench_make(&b, "modbus-rtu", NULL);
    snprintf(port, sizeof(port), "%s/tty", b.dir.path);
    modbus_bench_device(&b, 1, "Timeout: 100ms");
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
        modbus_peer_free(b.peer);
        CU_ASSERT_FALSE(modbus_bench_reads(&b, "u1", "R1"));
        CU_ASSERT_FALSE(modbus_bench_reads(&b, "u1", "R1"));
        b.peer = modbus_peer_serial(MODBUS_RTU, port, modbus_bench_act, &b.script);
        modbus_bench_fill(b.peer);
        CU_ASSERT(wait_until(is_back, &b, 5000));
    }
    modbus_peer_free(b.peer); /* its thread is younger than the kit, which would count it */
    b.peer = NULL;
    modbus_bench_done(&b);
}

static void test_a_peer_that_restarts(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-tcp", "Device: {AllowedFails: 3, DeviceDownTimeout: 1}\n");
    modbus_bench_device(&b, 1, "Timeout: 100ms, IdleTimeout: -1");
    for (unsigned i = 0; i < 3; i++) {
        uint16_t port = modbus_peer_port(b.peer);
        CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
        modbus_bench_misbehaves(&b, SILENT, -1); /* dies with a question in its hands */
        CU_ASSERT_FALSE(modbus_bench_reads(&b, "u1", "R1"));
        modbus_peer_free(b.peer);
        CU_ASSERT_FALSE(modbus_bench_reads(&b, "u1", "R1"));
        modbus_bench_misbehaves(&b, GOOD, 0);
        b.peer = modbus_peer_tcp_at(port, MODBUS_TCP, modbus_bench_act, &b.script);
        modbus_bench_fill(b.peer);
        CU_ASSERT(wait_until(is_back, &b, 8000));
    }
    modbus_peer_free(b.peer); /* its thread is younger than the kit, which would count it */
    b.peer = NULL;
    modbus_bench_done(&b);
}

static bool is_alone(void *arg)
{
    return modbus_peer_connected(arg) == 0;
}

static void test_connections_are_closed_when_idle(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "IdleTimeout: 0");
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
        CU_ASSERT(wait_until(is_alone, b.peer, 5000));
    }
    CU_ASSERT_EQUAL(modbus_peer_connections(b.peer), 5); /* a connection each */
    modbus_bench_done(&b);
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "IdleTimeout: 5");
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    devsdk_test_skip(b.t, 4000);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    CU_ASSERT_EQUAL(modbus_peer_connections(b.peer), 1);
    for (unsigned i = 0; i < 10 && !is_alone(b.peer); i++) {
        devsdk_test_skip(b.t, 1000);
    }
    CU_ASSERT(wait_until(is_alone, b.peer, 10000));
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    CU_ASSERT_EQUAL(modbus_peer_connections(b.peer), 2);
    modbus_bench_done(&b);
}

static void test_what_was_said_last_holds(void)
{
    struct bench b;
    char change[300];
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "IdleTimeout: -1");
    modbus_bench_device(&b, 2, "IdleTimeout: -1");
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    CU_ASSERT_EQUAL(modbus_peer_most_at_once(b.peer), 3);
    snprintf(change, sizeof(change),
             "{name: u1, protocols: {%s, UnitID: 1, IdleTimeout: 0, MaxInFlight: 1}}}", b.place);
    CU_ASSERT_EQUAL(devsdk_test_change(b.t, change), 200);
    modbus_peer_count_anew(b.peer);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    CU_ASSERT(wait_until(is_alone, b.peer, 5000));
    CU_ASSERT(modbus_bench_reads(&b, "u2", "All"));
    CU_ASSERT_EQUAL(modbus_peer_most_at_once(b.peer), 1);
    modbus_bench_done(&b);
}

static void test_recovery_and_delay(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "Timeout: 2s, ConnectDelay: 0.2, LinkRecoveryTimeout: 3");
    int64_t begun = modbus_bench_now_us();
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    CU_ASSERT(modbus_bench_now_us() - begun >= 200000);
    modbus_bench_misbehaves(&b, HANGS_UP, 4);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    modbus_bench_done(&b);
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "Timeout: 0.1, ProtocolRecoveryTimeout: 1");
    modbus_bench_misbehaves(&b, SILENT, 1);
    CU_ASSERT_FALSE(modbus_bench_reads(&b, "u1", "R1"));
    modbus_bench_misbehaves(&b, OTHER_THEN_SLOW, 1);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    modbus_bench_done(&b);
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "Timeout: 1s");
    CU_ASSERT_EQUAL(
        devsdk_test_device(
            b.t,
            "name: nowhere\nprofileName: p\nprotocols: {modbus-tcp: {Address: no.such.host.invalid}}\n"),
        201);
    const devsdk_test_result *r = devsdk_test_read(b.t, "nowhere", "R1", NULL);
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "no.such.host.invalid:502: "));
    modbus_bench_done(&b);
}

CU_TestInfo modbus_lines_tests[] = {
    {"a flood ends",                               test_a_flood_ends                              },
    {"more than a hundred are refused",            test_more_than_a_hundred_are_refused           },
    {"a thousand devices",                         test_a_thousand_devices                        },
    {"devices removed under load",                 test_devices_removed_under_load                },
    {"broadcasts are not waited for",              test_broadcasts_are_not_waited_for             },
    {"what was asked before is not taken",         test_what_was_asked_before_is_not_taken        },
    {"a line has one set of settings",             test_a_line_has_one_set_of_settings            },
    {"a port that was pulled out is opened again", test_a_port_that_was_pulled_out_is_opened_again},
    {"a peer that restarts",                       test_a_peer_that_restarts                      },
    {"connections are closed when idle",           test_connections_are_closed_when_idle          },
    {"what was said last holds",                   test_what_was_said_last_holds                  },
    {"recovery and delay",                         test_recovery_and_delay                        },
    CU_TEST_INFO_NULL,
};
