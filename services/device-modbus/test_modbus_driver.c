/* Every type through the driver and back, on each kind of line, in bulk and one by one. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_modbus.h"
#include "devsdk/test.h"
#include "modbus_peer.h"
#include "scratch.h"
#include "wait.h"

#define R(name, type, attributes)                                                                  \
    "- {name: " name ", attributes: {" attributes "}, properties: {valueType: " type               \
    ", readWrite: RW}}\n"
#define H(name, type, attributes) R(name, type, "primaryTable: HOLDING_REGISTERS, " attributes)

static const char profile[] = "name: all\ndeviceResources:\n" R(
    "Coil", "Bool", "primaryTable: COILS, startingAddress: 3")
    R("Coils", "BoolArray", "primaryTable: COILS, startingAddress: 100, arraySize: 11") H(
        "Bool", "Bool", "startingAddress: 10") H("Bit", "Bool", "startingAddress: '11.3'")
        H("Int8", "Int8", "startingAddress: 12") H("Uint8", "Uint8", "startingAddress: 13") H(
            "High", "Uint8", "startingAddress: '14.8', bits: 8") H("Int16", "Int16",
                                                                   "startingAddress: 20")
            H("Uint16", "Uint16", "startingAddress: 21, isByteSwap: true") H(
                "Int32", "Int32", "startingAddress: 22") H("Uint32", "Uint32",
                                                           "startingAddress: 24, isWordSwap: true")
                H("Int64", "Int64", "startingAddress: 26, isByteSwap: true, isWordSwap: true") H(
                    "Uint64", "Uint64",
                    "startingAddress: 30") H("Float32", "Float32",
                                             "startingAddress: 34, isWordSwap: true")
                    H("Float64", "Float64", "startingAddress: 36") H(
                        "Scaled", "Float32",
                        "startingAddress: 40, rawType: INT16") H("String", "String",
                                                                 "startingAddress: 50, stringRegisterSize: 8")
                        H("Int16s", "Int16Array", "startingAddress: 60, arraySize: 3") H(
                            "Uint64s", "Uint64Array",
                            "startingAddress: 64, arraySize: 2, isWordSwap: true")
                            H("Floats", "Float64Array",
                              "startingAddress: 72, arraySize: 2, rawType: FLOAT32") "- {name: Input, attributes: {primaryTable: INPUT_REGISTERS, startingAddress: 20}, properties: {valueType: Int16, readWrite: R}}\n"
                                                                                     "- {name: Discrete, attributes: {primaryTable: DISCRETES_INPUT, startingAddress: 3}, properties: {valueType: Bool, readWrite: R}}\n"
                                                                                     "deviceCommands:\n"
                                                                                     "- {name: Numbers, readWrite: RW, resourceOperations: [{deviceResource: Int16}, {deviceResource: Uint16}, {deviceResource: Int32}, {deviceResource: Float64}]}\n"
                                                                                     "- {name: Mixed, readWrite: R, resourceOperations: [{deviceResource: Coil}, {deviceResource: Int16}, {deviceResource: Input}, {deviceResource: String}, {deviceResource: Uint64s}]}\n";

static const struct {
    const char *resource, *value, *other;
} values[] = {
    {"Coil",    "true",                                                            "false"                },
    {"Coils",   "[true,false,false,true,false,false,false,false,false,true,true]",
     "[false,true,true,true,true,true,true,true,true,true,false]"                                         },
    {"Bool",    "true",                                                            "false"                },
    {"Bit",     "true",                                                            "false"                },
    {"Int8",    "-128",                                                            "127"                  },
    {"Uint8",   "255",                                                             "1"                    },
    {"High",    "171",                                                             "0"                    },
    {"Int16",   "-32768",                                                          "12345"                },
    {"Uint16",  "65535",                                                           "258"                  },
    {"Int32",   "-2147483648",                                                     "16909060"             },
    {"Uint32",  "4294967295",                                                      "16909060"             },
    {"Int64",   "-9223372036854775808",                                            "72623859790382856"    },
    {"Uint64",  "18446744073709551615",                                            "72623859790382856"    },
    {"Float32", "1.5e+00",                                                         "-1e+30"               },
    {"Float64", "1.2345678901234567e-300",                                         "-3e+00"               },
    {"Scaled",  "-1.2e+01",                                                        "3.2767e+04"           },
    {"String",  "pump-1",                                                          "a text of 16 ch."     },
    {"Int16s",  "[1,-2,3]",                                                        "[-32768,32767,0]"     },
    {"Uint64s", "[1,18446744073709551615]",                                        "[72623859790382856,2]"},
    {"Floats",  "[1.5e+00,-2e+00]",                                                "[0e+00,1e+00]"        },
};

static bool same_value(const char *got, const char *wanted)
{
    if (!got) {
        return false;
    }
    char *end_got, *end_wanted;
    double a = strtod(got, &end_got), b = strtod(wanted, &end_wanted);
    bool integers = strlen(got) == strlen(wanted) && strcmp(got, wanted) == 0;
    bool reals = strchr(wanted, 'e') && wanted[0] != '[' && *end_got == '\0' &&
                 *end_wanted == '\0' && a - b < 1e-7 * (b < 0 ? -b : b) &&
                 b - a < 1e-7 * (b < 0 ? -b : b) + 1e-310;
    return integers || reals;
}

static void expect_value(const devsdk_test_result *r, const char *resource, const char *wanted)
{
    const char *got = devsdk_test_value(r, resource);
    bool same = r->status == 200 && same_value(got, wanted);
    if (!same && got && wanted[0] == '[') { /* lists may have spaces */
        char text[400];
        size_t n = 0;
        for (const char *c = got; *c && n < sizeof(text) - 1; c++) {
            if (*c != ' ') {
                text[n++] = *c;
            }
        }
        text[n] = '\0';
        same = strcmp(text, wanted) == 0;
    }
    CU_ASSERT(same);
    if (!same) {
        fprintf(stderr, "%s: wanted %s, got %s (%d %s)\n", resource, wanted, got ? got : "nothing",
                r->status, r->text);
    }
}

static void write_and_read(devsdk_test *t, const char *resource, const char *value)
{
    char body[400];
    const char *quote = value[0] == '[' ? "" : "\"";
    snprintf(body, sizeof(body), "{\"%s\": %s%s%s}", resource, quote, value, quote);
    const devsdk_test_result *r = devsdk_test_write(t, "d", resource, body);
    CU_ASSERT_EQUAL(r->status, 200);
    if (r->status != 200) {
        fprintf(stderr, "%s = %s: %d %s\n", resource, value, r->status, r->text);
    }
    expect_value(devsdk_test_read(t, "d", resource, NULL), resource, value);
}

/* Ends the peer. */
static void check_all(struct modbus_peer *peer, const char *protocols)
{
    char device[400];
    devsdk_test *t = devsdk_test_start(&device_modbus, NULL);
    snprintf(device, sizeof(device), "name: d\nprofileName: all\nprotocols: {%s}\n", protocols);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    modbus_peer_set(peer, 11, 0xf0f0);
    modbus_peer_set(peer, 14, 0x00cd);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        write_and_read(t, values[i].resource, values[i].value);
        write_and_read(t, values[i].resource, values[i].other);
        write_and_read(t, values[i].resource, values[i].value);
    }
    CU_ASSERT_EQUAL(modbus_peer_get(peer, 11), 0xf0f8);
    CU_ASSERT_EQUAL(modbus_peer_get(peer, 14), 0xabcd);
    CU_ASSERT_EQUAL(modbus_peer_get(peer, 24), 0xffff);
    unsigned before = modbus_peer_requests(peer);
    const devsdk_test_result *r = devsdk_test_read(t, "d", "Numbers", NULL);
    CU_ASSERT_EQUAL(modbus_peer_requests(peer) - before, 2); /* 24 to 35 is a gap of 12 */
    expect_value(r, "Int16", "-32768");
    expect_value(r, "Float64", "1.2345678901234567e-300");
    r = devsdk_test_read(t, "d", "Mixed", NULL);
    expect_value(r, "Coil", "true");
    expect_value(r, "Input", "-32768");
    expect_value(r, "String", "pump-1");
    expect_value(devsdk_test_read(t, "d", "Discrete", NULL), "Discrete", "true");
    r = devsdk_test_write(t, "d", "Numbers",
                          "{\"Int16\":\"1\",\"Uint16\":\"2\",\"Int32\":\"3\",\"Float64\":\"4\"}");
    CU_ASSERT_EQUAL(r->status, 200);
    r = devsdk_test_read(t, "d", "Numbers", NULL);
    expect_value(r, "Int16", "1");
    expect_value(r, "Int32", "3");
    unsigned connections = modbus_peer_connections(peer);
    CU_ASSERT(connections <= 1); /* one for all of it */
    modbus_peer_free(peer);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_all_types_over_tcp(void)
{
    char protocols[100];
    struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, NULL, NULL);
    snprintf(protocols, sizeof(protocols), "modbus-tcp: {Address: localhost, Port: %u}",
             modbus_peer_port(peer));
    check_all(peer, protocols);
}

static void test_all_types_over_rtu_in_tcp(void)
{
    char protocols[100];
    struct modbus_peer *peer = modbus_peer_tcp(MODBUS_RTU, NULL, NULL);
    snprintf(protocols, sizeof(protocols), "modbus-rtu-tcp: {Address: 127.0.0.1, Port: %u}",
             modbus_peer_port(peer));
    check_all(peer, protocols);
}

static void test_all_types_over_a_serial_line(void)
{
    static const struct {
        const char *name;
        enum modbus_framing framing;
    } kinds[] = {
        {"modbus-rtu",   MODBUS_RTU  },
        {"modbus-ascii", MODBUS_ASCII},
    };
    for (size_t i = 0; i < 2; i++) {
        char protocols[200], port[100];
        SCRATCH(dir);
        snprintf(port, sizeof(port), "%s/tty", dir.path);
        struct modbus_peer *peer = modbus_peer_serial(kinds[i].framing, port, NULL, NULL);
        snprintf(protocols, sizeof(protocols),
                 "%s: {Address: %s, UnitID: 7, BaudRate: 115200, Parity: E}", kinds[i].name, port);
        check_all(peer, protocols);
    }
}

/* ---- devices that refuse ---------------------------------------------------------------------- */

struct dumb {
    unsigned lacks;    /* bit n: function n */
    unsigned hole;     /* this register is not there; 0: all are */
    unsigned most;     /* registers of a read */
    unsigned odd_code; /* says so with function code 0x80 */
    uint8_t code;      /* refuses everything so; 0: no */
};

static bool dumb_answer(struct modbus_peer *p, const struct modbus_frame *q, void *arg)
{
    const struct dumb *d = arg;
    unsigned at = (unsigned)q->pdu[1] << 8 | q->pdu[2], n = (unsigned)q->pdu[3] << 8 | q->pdu[4];
    uint8_t code = d->code;
    if (d->lacks >> q->pdu[0] & 1) {
        code = 1;
    } else if (q->pdu[0] == 3 && d->most && n > d->most) {
        code = 3;
    } else if (q->pdu[0] == 3 && d->hole && at <= d->hole && d->hole < at + n) {
        code = 2;
    }
    if (code == 0) {
        return false;
    }
    uint8_t pdu[] = {(uint8_t)(d->odd_code ? 0x80 : q->pdu[0] | 0x80), code};
    modbus_peer_reply(p, q->transaction, q->unit, pdu, 2);
    return true;
}

static devsdk_test *with_peer(struct modbus_peer *peer)
{
    char device[200];
    devsdk_test *t = devsdk_test_start(&device_modbus, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 201);
    snprintf(
        device, sizeof(device),
        "name: d\nprofileName: all\nprotocols: {modbus-tcp: {Address: 127.0.0.1, Port: %u, Timeout: 300ms}}\n",
        modbus_peer_port(peer));
    CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    return t;
}

static void test_devices_without_some_functions(void)
{
    for (unsigned odd = 0; odd < 2; odd++) {
        struct dumb dumb = {.lacks = 1u << 5 | 1u << 6 | 1u << 22, .odd_code = odd};
        struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, dumb_answer, &dumb);
        devsdk_test *t = with_peer(peer);
        modbus_peer_set(peer, 11, 0xf0f0);
        write_and_read(t, "Bit", "true");
        CU_ASSERT_EQUAL(modbus_peer_get(peer, 11), 0xf0f8);
        write_and_read(t, "Bit", "false");
        CU_ASSERT_EQUAL(modbus_peer_get(peer, 11), 0xf0f0);
        write_and_read(t, "Coil", "true");
        write_and_read(t, "Int16", "-7");
        modbus_peer_free(peer);
        CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    }
}

static void test_devices_that_refuse_bulk_reads(void)
{
    struct dumb dumb = {.hole = 41}; /* between Scaled and what would follow */
    struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, dumb_answer, &dumb);
    devsdk_test *t = with_peer(peer);
    CU_ASSERT_EQUAL(
        devsdk_test_profile(
            t,
            "name: gap\ndeviceResources:\n" H("A", "Int16", "startingAddress: 40") H(
                "B", "Int16", "startingAddress: 42") H("C", "Int16", "startingAddress: 43")
                H("Hole", "Int16",
                  "startingAddress: 41") "deviceCommands:\n- {name: ABC, readWrite: R, resourceOperations: [{deviceResource: A}, {deviceResource: B}, {deviceResource: C}]}\n- {name: AHole, readWrite: R, resourceOperations: [{deviceResource: A}, {deviceResource: Hole}]}\n"),
        201);
    CU_ASSERT_EQUAL(devsdk_test_change(t, "{name: d, profileName: gap}"), 200);
    modbus_peer_set(peer, 40, 4);
    modbus_peer_set(peer, 42, 5);
    modbus_peer_set(peer, 43, 6);
    static const unsigned wanted[] = {4, 2, 2}; /* refused and one by one; then as learned */
    for (size_t i = 0; i < 3; i++) {
        unsigned before = modbus_peer_requests(peer);
        const devsdk_test_result *r = devsdk_test_read(t, "d", "ABC", NULL);
        expect_value(r, "A", "4");
        expect_value(r, "B", "5");
        expect_value(r, "C", "6");
        CU_ASSERT_EQUAL(modbus_peer_requests(peer) - before, wanted[i]);
    }
    const devsdk_test_result *r = devsdk_test_read(t, "d", "AHole", NULL);
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "Hole: unit 1 at 127.0.0.1:"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(r->text, "refuses holding register 41: illegal data address (exception 2)"));
    CU_ASSERT(devsdk_test_is_up(t, "d"));
    modbus_peer_free(peer);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_devices_that_take_small_reads_only(void)
{
    struct dumb dumb = {.most = 4};
    struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, dumb_answer, &dumb);
    devsdk_test *t = with_peer(peer);
    modbus_peer_set(peer, 20, 4);
    for (size_t i = 0; i < 2; i++) {
        expect_value(devsdk_test_read(t, "d", "Numbers", NULL), "Int16", "4");
    }
    unsigned before = modbus_peer_requests(peer);
    expect_value(devsdk_test_read(t, "d", "Numbers", NULL), "Int16", "4");
    CU_ASSERT_EQUAL(modbus_peer_requests(peer) - before, 2);
    modbus_peer_free(peer);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static bool is_down(void *arg)
{
    return !devsdk_test_is_up(arg, "d");
}

static void test_exceptions_are_told(void)
{
    static const struct {
        uint8_t code;
        int status;
        bool failure; /* of the device: it goes down */
        const char *text;
    } cases[] = {
        {1,  500, false, "illegal function (exception 1)"                  },
        {2,  500, false, "illegal data address (exception 2)"              },
        {3,  500, false, "illegal data value (exception 3)"                },
        {4,  500, false, "device failure (exception 4)"                    },
        {6,  503, false, "device busy (exception 6)"                       },
        {10, 500, true,  "gateway: no path to the unit (exception 10)"     },
        {11, 500, true,  "gateway: the unit does not answer (exception 11)"},
        {99, 500, false, "unknown exception (exception 99)"                },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dumb dumb = {.code = cases[i].code, .odd_code = i % 2};
        struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, dumb_answer, &dumb);
        char device[200];
        devsdk_test *t = devsdk_test_start(&device_modbus,
                                           "Device: {AllowedFails: 1, DeviceDownTimeout: 3600}\n");
        CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 201);
        snprintf(
            device, sizeof(device),
            "name: d\nprofileName: all\nprotocols: {modbus-tcp: {Address: 127.0.0.1, Port: %u}}\n",
            modbus_peer_port(peer));
        CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
        const devsdk_test_result *r = devsdk_test_read(t, "d", "Int16", NULL);
        CU_ASSERT_EQUAL(r->status, cases[i].status);
        CU_ASSERT_PTR_NOT_NULL(strstr(r->text, cases[i].text));
        CU_ASSERT(cases[i].failure ? wait_until(is_down, t, 5000) : devsdk_test_is_up(t, "d"));
        modbus_peer_free(peer);
        CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    }
}

/* ---- values that are none ----------------------------------------------------------------------- */

static void test_values_that_do_not_fit(void)
{
    struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, NULL, NULL);
    devsdk_test *t = with_peer(peer);
    modbus_peer_set(peer, 13, 256);
    const devsdk_test_result *r = devsdk_test_read(t, "d", "Uint8", NULL);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "Uint8"), "overflow");
    modbus_peer_set(peer, 50, 0xff41);
    r = devsdk_test_read(t, "d", "String", NULL);
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "String: what it has is no such value"));
    r = devsdk_test_write(t, "d", "String", "{\"String\": \"a text of 17 ch..\"}");
    CU_ASSERT_EQUAL(r->status, 400);
    r = devsdk_test_write(t, "d", "Scaled", "{\"Scaled\": \"40000\"}");
    CU_ASSERT_EQUAL(r->status, 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "Scaled: the value does not fit"));
    r = devsdk_test_write(t, "d", "Int16s", "{\"Int16s\": [1, 2]}");
    CU_ASSERT_EQUAL(r->status, 400);
    modbus_peer_free(peer);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

struct found {
    devsdk_test *t;
    const char *name;
};

static bool is_there(void *arg)
{
    struct found *f = arg;
    return devsdk_test_read(f->t, f->name, "Int16", NULL)->status == 200;
}

static void test_discovery(void)
{
    struct dumb dumb = {.code = 2};
    struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, dumb_answer, &dumb);
    char config[300];
    snprintf(
        config, sizeof(config),
        "Device: {Discovery: {Enabled: true}}\nDriver: {DiscoveryAddresses: '127.0.0.1-127.0.0.3, 127.0.0.9', DiscoveryPort: %u, DiscoveryUnits: '1,7'}\n",
        modbus_peer_port(peer));
    devsdk_test *t = devsdk_test_start(&device_modbus, config);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 201);
    CU_ASSERT_EQUAL(
        devsdk_test_watcher(
            t,
            "name: w\nidentifiers: {Address: '127.*', UnitID: '7'}\nserviceName: device-modbus\nadminState: UNLOCKED\ndiscoveredDevice: {profileName: all, adminState: UNLOCKED}\n"),
        201);
    const devsdk_test_result *r = devsdk_test_discover(t);
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL(r->n_found, 8);
    dumb.code = 0;
    char name[64];
    snprintf(name, sizeof(name), "modbus-127.0.0.9-%u-7", modbus_peer_port(peer));
    modbus_peer_set(peer, 20, 77);
    struct found found = {t, name};
    CU_ASSERT(wait_until(is_there, &found, 5000));
    expect_value(devsdk_test_read(t, name, "Int16", NULL), "Int16", "77");
    snprintf(name, sizeof(name), "modbus-127.0.0.9-%u-1", modbus_peer_port(peer));
    CU_ASSERT_EQUAL(devsdk_test_read(t, name, "Int16", NULL)->status, 404);
    modbus_peer_free(peer);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_discovery_says_why_not(void)
{
    static const struct {
        const char *config, *text;
    } cases[] = {
        {"Driver: {}\n",                                                  "Driver.DiscoveryAddresses does not say where to look"},
        {"Driver: {DiscoveryAddresses: '10.0.0.0/8'}\n",
         "Driver.DiscoveryAddresses: more than 64 ranges, or 65536 addresses"                                                   },
        {"Driver: {DiscoveryAddresses: 127.0.0.1, DiscoveryUnits: no}\n",
         "Driver.DiscoveryUnits: wrong at"                                                                                      },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char config[300];
        snprintf(config, sizeof(config), "Device: {Discovery: {Enabled: true}}\n%s",
                 cases[i].config);
        devsdk_test *t = devsdk_test_start(&device_modbus, config);
        const devsdk_test_result *r = devsdk_test_discover(t);
        CU_ASSERT_NOT_EQUAL(r->status, 200);
        CU_ASSERT_PTR_NOT_NULL(strstr(r->text, cases[i].text));
        CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    }
}

CU_TestInfo modbus_driver_tests[] = {
    {"all types over TCP",                 test_all_types_over_tcp                },
    {"all types over RTU in TCP",          test_all_types_over_rtu_in_tcp         },
    {"all types over a serial line",       test_all_types_over_a_serial_line      },
    {"devices without some functions",     test_devices_without_some_functions    },
    {"devices that refuse bulk reads",     test_devices_that_refuse_bulk_reads    },
    {"devices that take small reads only", test_devices_that_take_small_reads_only},
    {"exceptions are told",                test_exceptions_are_told               },
    {"values that do not fit",             test_values_that_do_not_fit            },
    {"discovery",                          test_discovery                         },
    {"discovery says why not",             test_discovery_says_why_not            },
    CU_TEST_INFO_NULL,
};
