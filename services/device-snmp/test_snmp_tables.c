/* What the tables refuse and in which words; ranges; discovery; a device that is DOWN and comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_snmp.h"
#include "devsdk/test.h"
#include "scratch.h"
#include "snmp_peer.h"
#include "snmpd.h"
#include "suites.h"
#include "wait.h"

static void kit_done(devsdk_test **t)
{
    CU_ASSERT_EQUAL(devsdk_test_stop(*t), 0);
}

static devsdk_test *kit_start(const char *more)
{
    char config[256];
    snprintf(config, sizeof(config), "Writable: {LogLevel: ERROR}\n%s", more);
    devsdk_test *t = devsdk_test_start(&device_snmp, config);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(t), 200);
    return t;
}

#define KIT __attribute__((cleanup(kit_done))) devsdk_test *

static void refused(devsdk_test *t, int status, const char *words)
{
    if (status != 500 || !strstr(devsdk_test_text(t), words)) {
        printf("%d '%s', but expected is 500 '%s'\n", status, devsdk_test_text(t), words);
    }
    CU_ASSERT_EQUAL(status, 500); /* what a validation brings, in the official words */
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), words));
}

static int device_with(devsdk_test *t, const char *profile, const char *attributes,
                       const char *type, const char *access)
{
    char text[512];
    snprintf(
        text, sizeof(text),
        "name: %s\ndeviceResources:\n- {name: R, attributes: {%s}, properties: {valueType: %s, "
        "readWrite: %s, mediaType: a/b}}\n",
        profile, attributes, type, access);
    (void)devsdk_test_profile(t, text);
    snprintf(text, sizeof(text),
             "{name: of-%s, profileName: %s, protocols: {SNMP: {Address: 127.0.0.1}}}", profile,
             profile);
    return devsdk_test_device(t, text);
}

static void test_attributes(void)
{
    KIT t = kit_start("");
    static const struct {
        const char *attributes, *type, *access, *words; /* NULL: taken */
    } cases[] = {
        {"oid: 1.3.6.1.2.1.1.1.0",                                    "String",     "R",  NULL                                               },
        {"oid: .1.3.6.1.2.1.1.1.0, community: private, size: \"64\"", "String",     "RW", NULL                                               },
        {"oid: 1.3.6.1, walk: \"true\", format: hex",                 "Object",     "R",  NULL                                               },
        {"trapOid: 1.3.6.1.6.3.1.1.5.3",                              "Object",     "R",  NULL                                               },
        {"trapOid: 1.3.6.1.6.3.1.1.5.3, oid: 1.3.6.1.2.1.2.2.1.1",    "Int32",      "RW", NULL                                               },
        {"oid: 1.3.6.1, type: i",                                     "Bool",       "RW", NULL                                               },
        {"community: private",                                        "String",     "R",  "oid: is missing"                                  },
        {"oid: sysDescr.0",                                           "String",     "R",  "oid: 'sysDescr.0' is no dotted list of numbers"   },
        {"oid: \"1.3.\"",                                             "String",     "R",  "oid: '1.3.' is no dotted list"                    },
        {"oid: 1.40.1",                                               "String",     "R",  "oid: '1.40.1' has a second number above 39"       },
        {"oid: 1.3.6.1, trapOid: linkDown",                           "String",     "R",  "trapOid: 'linkDown' is no"                        },
        {"oid: 1.3.6.1, type: z",                                     "String",     "RW", "type: 'z' is not one of auto, i, u"               },
        {"oid: 1.3.6.1, type: a",                                     "Int32",      "RW", "type: does not fit this valueType"                },
        {"oid: 1.3.6.1, type: i",                                     "String",     "RW", "type: does not fit this valueType"                },
        {"oid: 1.3.6.1, type: s",                                     "Binary",     "R",  "type: does not fit this valueType"                },
        {"oid: 1.3.6.1",                                              "Float32",    "RW", "type: a Float cannot be written"                  },
        {"oid: 1.3.6.1, format: mac",                                 "Int32",      "R",  "format: needs valueType String"                   },
        {"oid: 1.3.6.1, format: dec",                                 "String",     "R",  "format: 'dec' is not one of auto, mac"            },
        {"oid: 1.3.6.1, walk: true",                                  "String",     "R",  "walk: needs an oid and valueType Object"          },
        {"trapOid: 1.3.6.1, walk: true",                              "Object",     "R",  "walk: needs an oid"                               },
        {"oid: 1.3.6.1, walk: true",                                  "Object",     "RW", "walk: a table cannot be written"                  },
        {"oid: 1.3.6.1",                                              "Object",     "R",  "walk: valueType Object needs walk: true"          },
        {"oid: 1.3.6.1",                                              "Int32Array", "R",  "oid: no object of SNMP is an array"               },
        {"trapOid: 1.3.6.1",                                          "Int32",      "R",  "trapOid: without an oid needs valueType"          },
        {"trapOid: 1.3.6.1",                                          "String",     "RW", "trapOid: without an oid there is nothing to write"},
        {"oid: 1.3.6.1, size: -1",                                    "String",     "R",  "size: '-1' is out of range"                       },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char profile[16];
        snprintf(profile, sizeof(profile), "p%zu", i);
        int status = device_with(t, profile, cases[i].attributes, cases[i].type, cases[i].access);
        if (!cases[i].words) {
            CU_ASSERT_EQUAL(status, 201);
            if (status != 201) {
                printf("%s: %s\n", cases[i].attributes, devsdk_test_text(t));
            }
        } else {
            refused(t, status, cases[i].words);
        }
    }
}

static void test_addresses(void)
{
    KIT t = kit_start("");
    static const struct {
        const char *protocol, *words;
    } cases[] = {
        {"SNMP: {Address: 10.0.0.7}",                                                                  NULL                                 },
        {"SNMP: {Address: switch.example.org, Port: \"1161\", Version: 1, Timeout: 500ms}",            NULL                                 },
        {"SNMP: {Address: \"fe80::1%lo\", Version: 2C}",                                               NULL                                 },
        {"SNMP: {Address: 10.0.0.7, Version: 3, SecurityName: a, SecurityLevel: noauthnopriv}",
         NULL                                                                                                                               },
        {"SNMP: {Address: 10.0.0.7, Version: 3, SecurityName: a, SecretName: b}",                      NULL                                 },
        {"TCP: {Address: 10.0.0.7, Port: \"161\"}",                                                    NULL                                 },
        {"SNMP: {Port: 161}",                                                                          "Address: is missing"                },
        {"SNMP: {Address: \"\"}",                                                                      "Address: is empty"                  },
        {"SNMP: {Address: 10.0.0.7, Port: 0}",                                                         "Port: 0 is below 1"                 },
        {"SNMP: {Address: 10.0.0.7, Version: 4}",                                                      "Version: '4' is not one of 1, 2c, 3"},
        {"SNMP: {Address: 10.0.0.7, Timeout: 1ms}",                                                    "Timeout: "                          },
        {"SNMP: {Address: 10.0.0.7, Version: 3}",                                                      "SecurityName: is missing"           },
        {"SNMP: {Address: 10.0.0.7, Version: 3, SecurityName: a}",
         "SecretName: is missing, SecurityLevel authPriv"                                                                                   },
        {"SNMP: {Address: 10.0.0.7, Version: 3, SecurityName: a, AuthProtocol: SHA3}",
         "AuthProtocol: 'SHA3' is not one of MD5"                                                                                           },
        {"SNMP: {Address: 10.0.0.7, Version: 3, SecurityName: abcdefghijklmnopqrstuvwxyz-0123456789}",
         "SecurityName: is longer than 32"                                                                                                  },
    };
    CU_ASSERT_EQUAL(
        devsdk_test_profile(
            t,
            "name: p\ndeviceResources:\n- {name: R, attributes: {oid: 1.3.6.1}, properties: {valueType: Int32, readWrite: R}}\n"),
        201);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "{name: d%zu, profileName: p, protocols: {%s}}", i,
                 cases[i].protocol);
        int status = devsdk_test_device(t, text);
        if (cases[i].words) {
            refused(t, status, cases[i].words);
        } else {
            CU_ASSERT_EQUAL(status, 201);
        }
    }
}

static void test_addresses_and_ports_are_printed(void)
{
    static const char *const cases[][2] = {
        {"10.0.0.7",    "10.0.0.7:161"     },
        {"2001:db8::7", "[2001:db8::7]:161"},
        {"::1",         "[::1]:161"        }
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_peer peer;
        char text[SNMP_PEER_TEXT];
        CU_ASSERT_TRUE(snmp_peer_parse(cases[i][0], 161, &peer));
        snmp_peer_print(&peer, text);
        CU_ASSERT_STRING_EQUAL(text, cases[i][1]);
    }
    struct snmp_peer peer;
    CU_ASSERT_FALSE(snmp_peer_parse("localhost", 161, &peer));
}

/* ---- discovery ----------------------------------------------------------------------------- */

static void discover(uint16_t port, const char *as)
{
    char config[512];
    snprintf(
        config, sizeof(config),
        "Writable:\n  LogLevel: ERROR\n  InsecureSecrets:\n"
        "    v3: {SecretName: v3, SecretData: {authPassword: authpass12, privPassword: privpass12}}\n"
        "Device: {Discovery: {Enabled: true}}\n"
        "Driver: {DiscoveryRanges: 127.0.0.1-127.0.0.40, DiscoveryPort: %u, DiscoveryRate: 1000, "
        "DiscoveryTimeout: 500ms, DiscoveryRetries: 1%s}\n",
        port, as);
    devsdk_test *t = devsdk_test_start(&device_snmp, config);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(t), 200);
    const devsdk_test_result *r = devsdk_test_discover(t);
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL(r->n_found, 1);
    if (r->n_found == 1) {
        CU_ASSERT_STRING_EQUAL(r->found[0].kind, "SNMP");
        CU_ASSERT_STRING_EQUAL(r->found[0].name, "core_switch-127.0.0.1");
        const char *p = r->found[0].parameters;
        CU_ASSERT_PTR_NOT_NULL(strstr(p, "\"SysObjectID\":\"1.3.6.1.4.1.8072.3.2.10\""));
        CU_ASSERT_PTR_NOT_NULL(strstr(p, "\"SysName\":\"core switch\""));
        CU_ASSERT_PTR_NOT_NULL(strstr(p, "\"Address\":\"127.0.0.1\""));
    }
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_discovery(void)
{
    struct snmpd *agent = snmpd_start("sysName core switch\n");
    if (!agent) {
        return;
    }
    discover(snmpd_port(agent), "");
    discover(snmpd_port(agent),
             ", DiscoveryVersion: 3, DiscoverySecurityName: shaaes, DiscoverySecretName: v3");
    snmpd_free(agent);
}

static void test_discovery_that_cannot_be(void)
{
    static const struct {
        const char *config, *words;
    } cases[] = {
        {"",                                                            "DiscoveryRanges names no addresses"     },
        {"Driver: {DiscoveryRanges: 10.0.0.0/8}\n",                     "more than 64 ranges, or 65536 addresses"},
        {"Driver: {DiscoveryRanges: 127.0.0.1, DiscoveryVersion: 3}\n", "SecurityName: is missing"               },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char config[256];
        snprintf(config, sizeof(config),
                 "Writable: {LogLevel: ERROR}\nDevice: {Discovery: {Enabled: true}}\n%s",
                 cases[i].config);
        devsdk_test *t = devsdk_test_start(&device_snmp, config);
        const devsdk_test_result *r = devsdk_test_discover(t);
        CU_ASSERT_NOT_EQUAL(r->status, 200);
        CU_ASSERT_PTR_NOT_NULL(strstr(r->text, cases[i].words));
        CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    }
}

/* ---- down and up --------------------------------------------------------------------------- */

static bool is_down(void *t)
{
    return !devsdk_test_is_up(t, "d");
}

static void test_down_and_up_again(void)
{
    struct snmpd *agent = snmpd_start(NULL);
    if (!agent) {
        return;
    }
    {
        KIT t = kit_start("Device: {AllowedFails: 2, DeviceDownTimeout: 1}\n");
        char text[512];
        CU_ASSERT_EQUAL(
            devsdk_test_profile(
                t,
                "name: p\ndeviceResources:\n- {name: Up, attributes: {oid: 1.3.6.1.2.1.1.3.0}, properties: {valueType: Uint32, readWrite: R}}\n"),
            201);
        snprintf(text, sizeof(text),
                 "{name: d, profileName: p, protocols: {SNMP: {Address: 127.0.0.1, Port: %u, "
                 "Timeout: 100ms, Retries: 0}}, autoEvents: [{interval: 500ms, sourceName: Up}]}",
                 snmpd_port(agent));
        CU_ASSERT_EQUAL(devsdk_test_device(t, text), 201);
        CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(t, "d", "Up", 5000));
        snmpd_kill(agent);
        for (int i = 0; i < 2; i++) {
            CU_ASSERT_EQUAL(devsdk_test_read(t, "d", "Up", NULL)->status, 500);
        }
        CU_ASSERT_TRUE(wait_until(is_down, t, 5000));
        CU_ASSERT_TRUE(snmpd_restart(agent));
        while (devsdk_test_event(t, "d", "Up", 1)) {
        }
        CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(t, "d", "Up", 10000)); /* by itself */
        CU_ASSERT_TRUE(devsdk_test_is_up(t, "d"));
    }
    snmpd_free(agent);
}

/* ---- what it brings along ------------------------------------------------------------------ */

static void test_samples(void)
{
    char path[256], command[640];
    SCRATCH(dir);
    snmp_resources(path, sizeof(path));
    devsdk_test *t = devsdk_test_start_in(&device_snmp, path);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(t), 200);
    snprintf(command, sizeof(command), "cp %s/devices/agents.yaml.example %s/agents.yaml", path,
             dir.path);
    CU_ASSERT_EQUAL(system(command), 0); /* NOLINT: our own words */
    snprintf(path, sizeof(path), "%s/agents.yaml", dir.path);
    CU_ASSERT_EQUAL(devsdk_test_device(t, path), 201);
    CU_ASSERT_EQUAL(devsdk_test_remove(t, "core-switch"), 200);
    CU_ASSERT_EQUAL(devsdk_test_remove(t, "this-machine"), 200);
    CU_ASSERT_EQUAL(devsdk_test_remove(t, "as-with-the-official-service"), 200);
    struct snmpd *agent = snmpd_start(NULL);
    if (agent) {
        snprintf(
            path, sizeof(path),
            "{name: h, profileName: snmp-host, protocols: {SNMP: {Address: 127.0.0.1, Port: %u}}}",
            snmpd_port(agent));
        CU_ASSERT_EQUAL(devsdk_test_device(t, path), 201);
        const devsdk_test_result *r = devsdk_test_read(t, "h", "Health", NULL);
        CU_ASSERT_TRUE(r->status == 200 && r->n == 3);
        r = devsdk_test_read(t, "h", "Interfaces", NULL);
        CU_ASSERT_TRUE(r->status == 200 &&
                       strstr(devsdk_test_value(r, "Interfaces"), "\"1.2.1\":\"lo\""));
    }
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    snmpd_free(agent);
}

CU_TestInfo snmp_tables_tests[] = {
    {"attributes",                      test_attributes                     },
    {"addresses",                       test_addresses                      },
    {"addresses and ports are printed", test_addresses_and_ports_are_printed},
    {"discovery",                       test_discovery                      },
    {"discovery that cannot be",        test_discovery_that_cannot_be       },
    {"down and up again",               test_down_and_up_again              },
    {"samples",                         test_samples                        },
    CU_TEST_INFO_NULL,
};
