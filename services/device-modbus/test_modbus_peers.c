/*
 * Units that are not ours: pymodbus over TCP, RTU and ASCII, libmodbus over TCP and RTU. Serial lines are two pseudo
 * terminals with a wire between them.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "device_modbus.h"
#include "devsdk/test.h"
#include "modbus_programs.h"
#include "ports.h"
#include "wait.h"

#define R(name, table, at, type, access, more)                                                     \
    "- {name: " name ", attributes: {primaryTable: " table ", startingAddress: '" at "'" more      \
    "}, properties: {valueType: " type ", readWrite: " access "}}\n"
#define H(name, at, type, more) R(name, "HOLDING_REGISTERS", at, type, "RW", more)

static const char profile[] = "name: all\ndeviceResources:\n" R(
    "Coil", "COILS", "3", "Bool", "RW",
    "") R("Coils", "COILS", "16", "BoolArray", "RW",
          ", arraySize: 11") R("Discrete", "DISCRETES_INPUT", "5", "Bool", "R",
                               "") R("Input", "INPUT_REGISTERS", "33", "Uint16", "R", "")
    H("Untouched", "44", "Int16", "") H("Bit", "11.3", "Bool", "") H(
        "Int16", "20", "Int16",
        "") H("Uint16", "21", "Uint16", ", isByteSwap: true")
        H("Int32", "22", "Int32", "") H("Uint32", "24", "Uint32", ", isWordSwap: true") H(
            "Int64", "26", "Int64",
            "") H("Uint64", "30", "Uint64", ", isWordSwap: true")
            H("Float32", "34", "Float32", "") H("Float64", "36", "Float64", ", isByteSwap: true") H(
                "String",
                "50",
                "String",
                ", stringRegisterSize: 8") H("Int16s", "60", "Int16Array", ", arraySize: 100")
                H("Absent", "400", "Int16",
                  "") "deviceCommands:\n"
                      "- {name: Mixed, readWrite: R, resourceOperations: [{deviceResource: Coil}, {deviceResource: "
                      "Discrete}, {deviceResource: Input}, {deviceResource: Untouched}, {deviceResource: Int16}, "
                      "{deviceResource: Int32}]}\n";

static const struct {
    const char *resource, *value;
} values[] = {
    {"Coil",    "true"                   },
    {"Coil",    "false"                  },
    {"Bit",     "true"                   },
    {"Bit",     "false"                  },
    {"Int16",   "-32768"                 },
    {"Uint16",  "65535"                  },
    {"Int32",   "-2147483648"            },
    {"Uint32",  "4294967295"             },
    {"Int64",   "-9223372036854775808"   },
    {"Uint64",  "18446744073709551615"   },
    {"Float32", "1.5e+00"                },
    {"Float64", "1.2345678901234568e-300"},
    {"String",  "pump-1"                 },
};

/* ---- a wire between two terminals --------------------------------------------------------------- */

struct wire {
    int masters[2], slaves[2], stop[2];
    char ends[2][64];
    pthread_t thread;
};

static void *carry(void *arg)
{
    struct wire *w = arg;
    for (;;) {
        struct pollfd fds[] = {
            {w->masters[0], POLLIN, 0},
            {w->masters[1], POLLIN, 0},
            {w->stop[0],    POLLIN, 0}
        };
        (void)poll(fds, 3, -1);
        if (fds[2].revents) {
            return NULL;
        }
        for (int i = 0; i < 2; i++) {
            char bytes[512];
            ssize_t n = fds[i].revents ? read(w->masters[i], bytes, sizeof(bytes)) : 0;
            if (n > 0) {
                (void)!write(w->masters[1 - i], bytes, (size_t)n);
            }
        }
    }
}

static void wire_make(struct wire *w)
{
    struct termios raw;
    memset(&raw, 0, sizeof(raw));
    cfmakeraw(&raw);
    raw.c_cflag |= CREAD | CLOCAL;
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(openpty(&w->masters[i], &w->slaves[i], NULL, &raw, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(ttyname_r(w->slaves[i], w->ends[i], sizeof(w->ends[i])), 0);
        (void)fcntl(w->masters[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(w->slaves[i], F_SETFD, FD_CLOEXEC);
    }
    CU_ASSERT_EQUAL_FATAL(pipe2(w->stop, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&w->thread, NULL, carry, w), 0);
}

static void wire_done(struct wire *w)
{
    (void)!write(w->stop[1], "", 1);
    pthread_join(w->thread, NULL);
    for (int i = 0; i < 2; i++) {
        close(w->masters[i]);
        close(w->slaves[i]);
        close(w->stop[i]);
    }
}

/* ---- what each has to do ------------------------------------------------------------------------- */

static devsdk_test *driver(const char *protocol)
{
    char device[300];
    devsdk_test *t = devsdk_test_start(&device_modbus, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 201);
    snprintf(device, sizeof(device), "name: d\nprofileName: all\nprotocols: {%s}\n", protocol);
    CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    return t;
}

static void expect_text(const devsdk_test_result *r, const char *resource, const char *wanted)
{
    const char *got = devsdk_test_value(r, resource);
    bool same = got && strcmp(got, wanted) == 0;
    CU_ASSERT(same);
    if (!same) {
        fprintf(stderr, "%s: wanted %s, got %s (%d %s)\n", resource, wanted, got ? got : "nothing",
                r->status, r->text);
    }
}

static void write_and_read(devsdk_test *t, const char *resource, const char *value)
{
    char body[200];
    snprintf(body, sizeof(body), "{\"%s\": \"%s\"}", resource, value);
    const devsdk_test_result *r = devsdk_test_write(t, "d", resource, body);
    CU_ASSERT_EQUAL(r->status, 200);
    if (r->status != 200) {
        fprintf(stderr, "%s = %s: %s\n", resource, value, r->text);
    }
    expect_text(devsdk_test_read(t, "d", resource, NULL), resource, value);
}

static void write_lists(devsdk_test *t)
{
    char body[1200] = "{\"Int16s\": [";
    size_t n = strlen(body);
    for (int i = 0; i < 100; i++) {
        n += (size_t)snprintf(body + n, sizeof(body) - n, "%s%d", i ? "," : "", i * 300 - 15000);
    }
    snprintf(body + n, sizeof(body) - n, "]}");
    CU_ASSERT_EQUAL(devsdk_test_write(t, "d", "Int16s", body)->status, 200);
    const devsdk_test_result *r = devsdk_test_read(t, "d", "Int16s", NULL);
    const char *got = devsdk_test_value(r, "Int16s");
    CU_ASSERT_PTR_NOT_NULL(got);
    CU_ASSERT_PTR_NOT_NULL(got ? strstr(got, "-15000") : NULL);
    CU_ASSERT_PTR_NOT_NULL(got ? strstr(got, "14700]") : NULL);
    CU_ASSERT_EQUAL(
        devsdk_test_write(
            t, "d", "Coils",
            "{\"Coils\": [true,false,true,true,false,false,false,false,true,false,true]}")
            ->status,
        200);
    got = devsdk_test_value(devsdk_test_read(t, "d", "Coils", NULL), "Coils");
    CU_ASSERT_PTR_NOT_NULL(got ? strstr(got, "true") : NULL);
}

static void check(const char *protocol, const char *absent_text)
{
    devsdk_test *t = driver(protocol);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        write_and_read(t, values[i].resource, values[i].value);
    }
    write_lists(t);
    const devsdk_test_result *r = devsdk_test_read(t, "d", "Mixed", NULL);
    expect_text(r, "Coil", "false");
    expect_text(r, "Discrete", "true");
    expect_text(r, "Input", "33");
    expect_text(r, "Untouched", "44");
    expect_text(r, "Int32", "-2147483648");
    r = devsdk_test_read(t, "d", "Absent", NULL);
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, absent_text));
    expect_text(devsdk_test_read(t, "d", "Untouched", NULL), "Untouched", "44");
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void check_tcp(bool (*begin_peer)(struct modbus_program *, const char *, const char *))
{
    struct modbus_program peer;
    char port[8], protocol[100];
    snprintf(port, sizeof(port), "%u", test_port());
    if (begin_peer(&peer, "tcp", port)) {
        snprintf(protocol, sizeof(protocol),
                 "modbus-tcp: {Address: 127.0.0.1, Port: %s, UnitID: 1}", port);
        check(protocol, "illegal data address (exception 2)");
        modbus_program_end(&peer);
    }
}

static void check_serial(bool (*begin_peer)(struct modbus_program *, const char *, const char *),
                         const char *kind)
{
    struct modbus_program peer;
    struct wire wire;
    char protocol[160];
    wire_make(&wire);
    if (begin_peer(&peer, kind, wire.ends[1])) {
        snprintf(protocol, sizeof(protocol),
                 "modbus-%s: {Address: %s, UnitID: 1, BaudRate: 115200}", kind, wire.ends[0]);
        check(protocol, "illegal data address (exception 2)");
        modbus_program_end(&peer);
    }
    wire_done(&wire);
}

static void test_pymodbus_over_tcp(void)
{
    check_tcp(modbus_program_pymodbus);
}

static void test_pymodbus_over_rtu(void)
{
    check_serial(modbus_program_pymodbus, "rtu");
}

static void test_pymodbus_over_ascii(void)
{
    check_serial(modbus_program_pymodbus, "ascii");
}

static void test_libmodbus_over_tcp(void)
{
    check_tcp(modbus_program_libmodbus);
}

static void test_libmodbus_over_rtu(void)
{
    check_serial(modbus_program_libmodbus, "rtu");
}

/* ---- it goes and comes back ----------------------------------------------------------------------- */

static bool answers(void *arg)
{
    const devsdk_test_result *r = devsdk_test_read(arg, "d", "Untouched", NULL);
    const char *got = devsdk_test_value(r, "Untouched");
    CU_ASSERT(r->status != 200 || (got && strcmp(got, "44") == 0));
    return r->status == 200;
}

static void test_peers_that_are_killed_and_come_back(void)
{
    bool (*const peers[])(struct modbus_program *, const char *,
                          const char *) = {modbus_program_libmodbus, modbus_program_pymodbus};
    for (size_t i = 0; i < 2; i++) {
        struct modbus_program peer;
        char port[8], protocol[140];
        snprintf(port, sizeof(port), "%u", test_port());
        if (!peers[i](&peer, "tcp", port)) {
            continue;
        }
        snprintf(protocol, sizeof(protocol),
                 "modbus-tcp: {Address: 127.0.0.1, Port: %s, Timeout: 300ms, IdleTimeout: -1}",
                 port);
        devsdk_test *t = driver(protocol);
        for (unsigned round = 0; round < 3; round++) {
            CU_ASSERT(wait_until(answers, t, 5000));
            kill(peer.pid, SIGSTOP); /* killed with a question in its hands */
            CU_ASSERT_FALSE(answers(t));
            modbus_program_end(&peer);
            CU_ASSERT_FALSE(answers(t));
            CU_ASSERT(peers[i](&peer, "tcp", port));
            CU_ASSERT(wait_until(answers, t, 5000));
        }
        CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
        modbus_program_end(&peer);
    }
}

CU_TestInfo modbus_peers_tests[] = {
    {"pymodbus over TCP",                   test_pymodbus_over_tcp                  },
    {"pymodbus over RTU",                   test_pymodbus_over_rtu                  },
    {"pymodbus over ASCII",                 test_pymodbus_over_ascii                },
    {"libmodbus over TCP",                  test_libmodbus_over_tcp                 },
    {"libmodbus over RTU",                  test_libmodbus_over_rtu                 },
    {"peers that are killed and come back", test_peers_that_are_killed_and_come_back},
    CU_TEST_INFO_NULL,
};
