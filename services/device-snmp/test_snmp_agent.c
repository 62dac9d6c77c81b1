/* The driver against Debian's snmpd: every type read and written, tables, v1 to v3, an agent that comes and goes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "device_snmp.h"
#include "devsdk/test.h"
#include "snmpd.h"
#include "suites.h"
#include "wait.h"

#define VALUE(last) SNMPD_VALUES "." #last ".0"

static const char PROFILE[] =
    "name: agent\ndeviceResources:\n"
    "- {name: Descr, attributes: {oid: 1.3.6.1.2.1.1.1.0}, properties: {valueType: String, readWrite: R}}\n"
    "- {name: Up, attributes: {oid: .1.3.6.1.2.1.1.3.0}, properties: {valueType: Uint32, readWrite: R}}\n"
    "- {name: UpSet, attributes: {oid: .1.3.6.1.2.1.1.3.0, type: t}, properties: {valueType: Uint32, readWrite: RW}}\n"
    "- {name: UpText, attributes: {oid: 1.3.6.1.2.1.1.3.0, format: timeticks}, properties: {valueType: String, readWrite: R}}\n"
    "- {name: Contact, attributes: {oid: 1.3.6.1.2.1.1.4.0}, properties: {valueType: String, readWrite: RW}}\n"
    "- {name: Location, attributes: {oid: 1.3.6.1.2.1.1.6.0, size: 8}, properties: {valueType: String, readWrite: RW}}\n"
    "- {name: ObjectID, attributes: {oid: 1.3.6.1.2.1.1.2.0}, properties: {valueType: String, readWrite: R}}\n"
    "- {name: Load, attributes: {oid: 1.3.6.1.4.1.2021.10.1.6.1}, properties: {valueType: Float32, readWrite: R}}\n"
    "- {name: LoadText, attributes: {oid: 1.3.6.1.4.1.2021.10.1.3.1}, properties: {valueType: Float64, readWrite: R}}\n"
    "- {name: InOctets, attributes: {oid: 1.3.6.1.2.1.31.1.1.1.6.1}, properties: {valueType: Uint64, readWrite: R}}\n"
    "- {name: Mac, attributes: {oid: \"" VALUE(
        8) "\", format: mac}, properties: {valueType: String, readWrite: R}}\n"
           "- {name: Hex, attributes: {oid: \"" VALUE(
               8) "\", format: hex, type: x}, properties: {valueType: String, readWrite: RW}}\n"
                  "- {name: Bytes, attributes: {oid: \"" VALUE(
                      8) "\"}, properties: {valueType: Binary, mediaType: application/octet-stream, readWrite: R}}\n"
                         "- {name: Integer, attributes: {oid: \"" VALUE(
                             1) "\"}, properties: {valueType: Int32, readWrite: RW}}\n"
                                "- {name: Small, attributes: {oid: \"" VALUE(
                                    1) "\"}, properties: {valueType: Int8, readWrite: R}}\n"
                                       "- {name: Gauge, attributes: {oid: \"" VALUE(
                                           2) "\"}, properties: {valueType: Uint32, readWrite: RW}}\n"
                                              "- {name: GaugeAsI, attributes: {oid: \"" VALUE(
                                                  2) "\", type: i}, properties: {valueType: Uint32, readWrite: RW}}\n"
                                                     "- {name: Counter, attributes: {oid: \"" VALUE(
                                                         3) "\", type: c}, properties: {valueType: Uint32, readWrite: RW}}\n"
                                                            "- {name: Ticks, attributes: {oid: \"" VALUE(
                                                                4) "\", type: t}, properties: {valueType: Uint32, readWrite: RW}}\n"
                                                                   "- {name: Ip, attributes: {oid: \"" VALUE(
                                                                       5) "\", type: a}, properties: {valueType: String, readWrite: RW}}\n"
                                                                          "- {name: Oid, attributes: {oid: \"" VALUE(
                                                                              6) "\", type: o}, properties: {valueType: String, readWrite: RW}}\n"
                                                                                 "- {name: Text, attributes: {oid: \"" VALUE(
                                                                                     7) "\", type: s}, properties: {valueType: String, readWrite: RW}}\n"
                                                                                        "- {name: Truth, attributes: {oid: \"" VALUE(
                                                                                            9) "\"}, properties: {valueType: Bool, readWrite: RW}}\n"
                                                                                               "- {name: Fixed, attributes: {oid: \"" VALUE(
                                                                                                   10) "\", type: c}, properties: {valueType: Uint32, readWrite: RW}}\n"
                                                                                                       "- {name: None, attributes: {oid: 1.3.6.1.2.1.1.77.0}, properties: {valueType: String, readWrite: R}}\n"
                                                                                                       "- {name: NoInstance, attributes: {oid: 1.3.6.1.2.1.2.2.1.2.99}, properties: {valueType: String, readWrite: R}}\n"
                                                                                                       "- {name: Values, attributes: {oid: \"" SNMPD_VALUES
                                                                                                       "\", walk: true}, properties: {valueType: Object, readWrite: R}}\n"
                                                                                                       "- {name: Nothing, attributes: {oid: 1.3.6.1.2.1.1.77, walk: true}, properties: {valueType: Object, readWrite: R}}\n"
                                                                                                       "- {name: Everything, attributes: {oid: 1.3.6.1.2.1, walk: true}, properties: {valueType: Object, readWrite: R}}\n"
                                                                                                       "- {name: Stranger, attributes: {oid: 1.3.6.1.2.1.1.1.0, community: nobody}, properties: {valueType: String, readWrite: R}}\n"
                                                                                                       "deviceCommands:\n"
                                                                                                       "- {name: System, readWrite: R, resourceOperations: [{deviceResource: Descr}, {deviceResource: None}, {deviceResource: InOctets}, {deviceResource: Integer}, {deviceResource: Values}]}\n"
                                                                                                       "- {name: Two, readWrite: RW, resourceOperations: [{deviceResource: Integer}, {deviceResource: Text}]}\n"
                                                                                                       "- {name: OneWrong, readWrite: W, resourceOperations: [{deviceResource: Contact}, {deviceResource: UpSet}]}\n";

static const char CONFIG[] =
    "Writable:\n  LogLevel: ERROR\n  InsecureSecrets:\n"
    "    v3: {SecretName: v3, SecretData: {authPassword: authpass12, privPassword: privpass12}}\n"
    "    wrong: {SecretName: wrong, SecretData: {authPassword: authpass13, privPassword: privpass12}}\n"
    "    wrongpriv: {SecretName: wrongpriv, SecretData: {authPassword: authpass12, privPassword: privpass13}}\n"
    "    short: {SecretName: short, SecretData: {authPassword: short12}}\n"
    "    words: {SecretName: words, SecretData: {community: private}}\n"
    "Driver: {MaxRows: 100}\n";

struct bench {
    struct snmpd *agent;
    devsdk_test *t;
};

static void bench_done(struct bench *b)
{
    if (b->t) {
        CU_ASSERT_EQUAL(devsdk_test_stop(b->t), 0);
    }
    snmpd_free(b->agent);
}

static void add(struct bench *b, const char *name, const char *more)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{name: %s, profileName: agent, protocols: {SNMP: {Address: 127.0.0.1, Port: %u%s}}}",
             name, snmpd_port(b->agent), more);
    CU_ASSERT_EQUAL(devsdk_test_device(b->t, text), 201);
}

static bool bench_make(struct bench *b, const char *more)
{
    *b = (struct bench){.agent = snmpd_start(more)};
    if (!b->agent) {
        return false;
    }
    b->t = devsdk_test_start(&device_snmp, CONFIG);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_profile(b->t, PROFILE), 201);
    add(b, "agent-1", ", Community: public, WriteCommunity: private");
    return true;
}

#define BENCH(name)                                                                                \
    __attribute__((cleanup(bench_done))) struct bench name;                                        \
    if (!bench_make(&(name), NULL)) {                                                              \
        return;                                                                                    \
    }

static const char *read_of(struct bench *b, const char *device, const char *resource)
{
    const devsdk_test_result *r = devsdk_test_read(b->t, device, resource, NULL);
    const char *value = devsdk_test_value(r, resource);
    if (r->status != 200) {
        printf("%s of %s: %d %s\n", resource, device, r->status, r->text);
    }
    return value ? value : "";
}

static void expect(struct bench *b, const char *device, const char *resource, const char *value)
{
    const char *is = read_of(b, device, resource);
    if (strcmp(is, value) != 0) {
        printf("%s of %s: '%s' is not '%s'\n", resource, device, is, value);
    }
    CU_ASSERT_STRING_EQUAL(is, value);
}

static void refused(const devsdk_test_result *r, int status, const char *words)
{
    if (r->status != status || !strstr(r->text, words)) {
        printf("%d '%s', but expected is %d '%s'\n", r->status, r->text, status, words);
    }
    CU_ASSERT_EQUAL(r->status, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, words));
}

static void test_every_type_is_read(void)
{
    BENCH(b);
    static const struct {
        const char *resource, *value;
    } cases[] = {
        {"Mac",      "00:1b:44:11:3a:b7"      },
        {"Hex",      "001b44113ab7"           },
        {"Integer",  "42"                     },
        {"Small",    "42"                     },
        {"Gauge",    "7"                      },
        {"Counter",  "9"                      },
        {"Ticks",    "100"                    },
        {"Ip",       "10.0.0.7"               },
        {"Oid",      "1.3.6.1"                },
        {"Text",     "text"                   },
        {"Truth",    "true"                   },
        {"ObjectID", "1.3.6.1.4.1.8072.3.2.10"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect(&b, "agent-1", cases[i].resource, cases[i].value);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(read_of(&b, "agent-1", "Descr"), "Linux"));
    CU_ASSERT_EQUAL(strncmp(read_of(&b, "agent-1", "UpText"), "0:00:", 5), 0);
    CU_ASSERT_TRUE(strtod(read_of(&b, "agent-1", "Load"), NULL) >= 0);
    CU_ASSERT_TRUE(strtod(read_of(&b, "agent-1", "LoadText"), NULL) >= 0);
    CU_ASSERT_TRUE(strtoull(read_of(&b, "agent-1", "InOctets"), NULL, 10) > 0);
    const devsdk_test_result *r = devsdk_test_read(b.t, "agent-1", "Bytes", NULL);
    CU_ASSERT_TRUE(r->n == 1 && r->readings[0].n == 6 &&
                   memcmp(r->readings[0].bytes, "\x00\x1b\x44\x11\x3a\xb7", 6) == 0);
}

static void test_every_type_is_written(void)
{
    BENCH(b);
    static const struct {
        const char *resource, *value;
    } cases[] = {
        {"Contact", "ops@example.org"},
        {"Integer", "-2147483648"    },
        {"Gauge",   "4294967295"     },
        {"Counter", "12"             },
        {"Ticks",   "360000"         },
        {"Ip",      "192.168.7.1"    },
        {"Oid",     "1.3.6.1.4.1.9"  },
        {"Text",    "a lab"          },
        {"Truth",   "false"          },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"%s\": \"%s\"}", cases[i].resource, cases[i].value);
        const devsdk_test_result *r = devsdk_test_write(b.t, "agent-1", cases[i].resource, body);
        if (r->status != 200) {
            printf("%s: %s\n", cases[i].resource, r->text);
        }
        CU_ASSERT_EQUAL(r->status, 200);
        expect(&b, "agent-1", cases[i].resource, cases[i].value);
    }
}

static void test_refusals_of_writes_are_named(void)
{
    BENCH(b);
    refused(devsdk_test_write(b.t, "agent-1", "GaugeAsI", "{\"GaugeAsI\": \"5\"}"), 400,
            "GaugeAsI (1.3.6.1.4.1.8072.9998.2.0): wrongType");
    refused(devsdk_test_write(b.t, "agent-1", "Fixed", "{\"Fixed\": \"5\"}"), 405, "notWritable");
    refused(devsdk_test_write(b.t, "agent-1", "Location", "{\"Location\": \"far too long\"}"), 400,
            "longer than 'size'");
    refused(devsdk_test_write(b.t, "agent-1", "Ip", "{\"Ip\": \"300.1.1.1\"}"), 400,
            "no IPv4 address");
    /* All or nothing: the second one is refused, so the first one is as it was. */
    const char *contact = read_of(&b, "agent-1", "Contact");
    refused(
        devsdk_test_write(b.t, "agent-1", "OneWrong", "{\"Contact\": \"me\", \"UpSet\": \"5\"}"),
        405, "UpSet (.1.3.6.1.2.1.1.3.0): notWritable");
    expect(&b, "agent-1", "Contact", contact);
    /* With a community that may only read. */
    add(&b, "reader", ", Community: public");
    refused(devsdk_test_write(b.t, "reader", "Contact", "{\"Contact\": \"me\"}"), 405, "noAccess");
}

static void test_what_is_missing_leaves_the_others(void)
{
    BENCH(b);
    static const char *const versions[] = {"1", "2c"};
    for (int i = 0; i < 2; i++) {
        char name[16], more[32];
        snprintf(name, sizeof(name), "v%s", versions[i]);
        snprintf(more, sizeof(more), ", Version: \"%s\"", versions[i]);
        add(&b, name, more);
        const devsdk_test_result *r = devsdk_test_read(b.t, name, "System", NULL);
        CU_ASSERT_EQUAL(r->status, 200);
        CU_ASSERT_PTR_NULL(devsdk_test_value(r, "None"));
        CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "Integer"), "42");
        CU_ASSERT_PTR_NOT_NULL(devsdk_test_value(r, "Descr"));
        CU_ASSERT_PTR_NOT_NULL(devsdk_test_value(r, "Values"));
        /* v1 has no Counter64 */
        CU_ASSERT_EQUAL(devsdk_test_value(r, "InOctets") != NULL, i == 1);
    }
    refused(devsdk_test_read(b.t, "v2c", "None", NULL), 404,
            "None (1.3.6.1.2.1.1.77.0): noSuchObject");
    refused(devsdk_test_read(b.t, "v2c", "NoInstance", NULL), 404, "noSuchInstance");
    refused(devsdk_test_read(b.t, "v1", "None", NULL), 404, "noSuchName");
    refused(devsdk_test_read(b.t, "v1", "InOctets", NULL), 404, "v1 has no Counter64");
}

static void test_tables_are_walked(void)
{
    BENCH(b);
    static const char all[] =
        "{\"1.0\":42,\"2.0\":7,\"3.0\":9,\"4.0\":100,\"5.0\":\"10.0.0.7\",\"6.0\":\"1.3.6.1\","
        "\"7.0\":\"text\",\"8.0\":\"00:1b:44:11:3a:b7\",\"9.0\":1,\"10.0\":5}";
    static const char *const more[] = {", Version: \"1\"", ", MaxRepetitions: 1",
                                       ", MaxRepetitions: 3", ", MaxRepetitions: 1000"};
    expect(&b, "agent-1", "Values", all);
    expect(&b, "agent-1", "Nothing", "{}");
    for (int i = 0; i < 4; i++) {
        char name[24];
        snprintf(name, sizeof(name), "walker-%d", i);
        add(&b, name, more[i]);
        expect(&b, name, "Values", all);
    }
    refused(devsdk_test_read(b.t, "agent-1", "Everything", NULL), 500, "more than 100 rows");
}

static void test_one_command_several_writes(void)
{
    BENCH(b);
    CU_ASSERT_EQUAL(
        devsdk_test_write(b.t, "agent-1", "Two", "{\"Integer\": \"5\", \"Text\": \"both\"}")
            ->status,
        200);
    const devsdk_test_result *r = devsdk_test_read(b.t, "agent-1", "Two", NULL);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "Integer"), "5");
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "Text"), "both");
}

/* The official block: v2c, "private" unless the attribute says otherwise. */
static void test_the_official_block(void)
{
    BENCH(b);
    char text[256];
    snprintf(
        text, sizeof(text),
        "{name: old, profileName: agent, protocols: {TCP: {Address: 127.0.0.1, Port: \"%u\"}}}",
        snmpd_port(b.agent));
    CU_ASSERT_EQUAL(devsdk_test_device(b.t, text), 201);
    expect(&b, "old", "Integer", "42");
    CU_ASSERT_EQUAL(devsdk_test_write(b.t, "old", "Integer", "{\"Integer\": \"6\"}")->status, 200);
    expect(&b, "old", "Integer", "6");
}

static void test_names_and_ipv6(void)
{
    BENCH(b);
    char text[256];
    static const char *const hosts[] = {"localhost", "::1"};
    for (int i = 0; i < 2; i++) {
        snprintf(
            text, sizeof(text),
            "{name: at-%d, profileName: agent, protocols: {SNMP: {Address: \"%s\", Port: %u}}}", i,
            hosts[i], snmpd_port(b.agent));
        CU_ASSERT_EQUAL(devsdk_test_device(b.t, text), 201);
        snprintf(text, sizeof(text), "at-%d", i);
        expect(&b, text, "Integer", "42");
    }
    snprintf(
        text, sizeof(text),
        "{name: nowhere, profileName: agent, protocols: {SNMP: {Address: no.such.host.invalid, Port: %u}}}",
        snmpd_port(b.agent));
    CU_ASSERT_EQUAL(devsdk_test_device(b.t, text), 201);
    refused(devsdk_test_read(b.t, "nowhere", "Integer", NULL), 500, "no.such.host.invalid");
}

static void test_communities(void)
{
    BENCH(b);
    add(&b, "secret", ", SecretName: words");
    CU_ASSERT_EQUAL(devsdk_test_write(b.t, "secret", "Integer", "{\"Integer\": \"8\"}")->status,
                    200);
    add(&b, "none", ", SecretName: nowhere");
    refused(devsdk_test_read(b.t, "none", "Integer", NULL), 500,
            "secret 'nowhere' has no community");
    add(&b, "hasty", ", Timeout: 50ms, Retries: 0");
    refused(devsdk_test_read(b.t, "hasty", "Stranger", NULL), 500, "no answer from 127.0.0.1");
}

/* ---- v3 ------------------------------------------------------------------------------------ */

static void add_v3(struct bench *b, const char *name, const char *user, const char *level,
                   const char *auth, const char *priv, const char *secret)
{
    char more[256];
    snprintf(
        more, sizeof(more),
        ", Version: 3, SecurityName: %s, SecurityLevel: %s, AuthProtocol: %s, PrivProtocol: %s, "
        "SecretName: %s, Timeout: 1s, Retries: 1",
        user, level, auth, priv, secret);
    add(b, name, more);
}

static void test_users_of_v3(void)
{
    BENCH(b);
    static const struct {
        const char *user, *level, *auth, *priv;
    } cases[] = {
        {"plain",        "noAuthNoPriv", "SHA",     "AES"    },
        {"md5",          "authNoPriv",   "MD5",     "AES"    },
        {"sha224",       "authNoPriv",   "SHA-224", "AES"    },
        {"sha384",       "authNoPriv",   "SHA-384", "AES"    },
        {"md5des",       "authPriv",     "MD5",     "DES"    },
        {"shaaes",       "authPriv",     "SHA1",    "AES128" },
        {"sha256aes",    "authPriv",     "SHA-256", "AES"    },
        {"sha512aes256", "authPriv",     "SHA-512", "AES-256"},
        {"md5aes192",    "authPriv",     "MD5",     "AES-192"},
        {"md5aes256",    "authPriv",     "MD5",     "AES256" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        add_v3(&b, cases[i].user, cases[i].user, cases[i].level, cases[i].auth, cases[i].priv,
               "v3");
        expect(&b, cases[i].user, "Integer", i > 0 ? "17" : "42");
        CU_ASSERT_EQUAL(
            devsdk_test_write(b.t, cases[i].user, "Integer", "{\"Integer\": \"17\"}")->status, 200);
        const devsdk_test_result *r = devsdk_test_read(b.t, cases[i].user, "System", NULL);
        CU_ASSERT_TRUE(r->status == 200 && devsdk_test_value(r, "Values"));
    }
}

static void test_refusals_of_v3_are_named(void)
{
    BENCH(b);
    static const struct {
        const char *name, *user, *level, *auth, *priv, *secret, *words;
    } cases[] = {
        {"a", "nobody", "authPriv",   "SHA", "AES", "v3",        "does not know the user 'nobody'"   },
        {"b", "shaaes", "authPriv",   "SHA", "AES", "wrong",     "wrong authPassword or AuthProtocol"},
        {"c", "shaaes", "authNoPriv", "MD5", "AES", "v3",        "wrong authPassword or AuthProtocol"},
        {"d", "shaaes", "authPriv",   "SHA", "AES", "wrongpriv",
         "are privPassword and PrivProtocol right?"                                                  },
        {"e", "md5",    "authPriv",   "MD5", "AES", "v3",        "does not take this security level" },
        {"f", "shaaes", "authPriv",   "SHA", "AES", "nowhere",
         "secret 'nowhere' has no authPassword"                                                      },
        {"g", "shaaes", "authNoPriv", "SHA", "AES", "short",     "shorter than 8"                    },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        add_v3(&b, cases[i].name, cases[i].user, cases[i].level, cases[i].auth, cases[i].priv,
               cases[i].secret);
        refused(devsdk_test_read(b.t, cases[i].name, "Integer", NULL), 500, cases[i].words);
    }
}

/* Boots go up, the clock begins anew, keys stay: one report, and it goes on. Then another agent takes its place. */
static void test_an_agent_comes_back(void)
{
    BENCH(b);
    add_v3(&b, "v3", "shaaes", "authPriv", "SHA", "AES", "v3");
    expect(&b, "v3", "Integer", "42");
    for (int i = 0; i < 2; i++) {
        snmpd_kill(b.agent);
        CU_ASSERT_TRUE(i == 0 ? snmpd_restart(b.agent) : snmpd_renew(b.agent));
        expect(&b, "v3", "Integer", "42");
        expect(&b, "agent-1", "Integer", "42");
    }
}

static void test_an_agent_is_gone_for_a_while(void)
{
    BENCH(b);
    add(&b, "hasty", ", Timeout: 200ms, Retries: 2");
    add_v3(&b, "v3", "md5des", "authPriv", "MD5", "DES", "v3");
    expect(&b, "v3", "Integer", "42");
    snmpd_freeze(b.agent, true);
    refused(devsdk_test_read(b.t, "hasty", "Integer", NULL), 500, "no answer from 127.0.0.1");
    refused(devsdk_test_read(b.t, "v3", "Integer", NULL), 500, "no answer from 127.0.0.1");
    snmpd_freeze(b.agent, false);
    expect(&b, "hasty", "Integer", "42");
    expect(&b, "v3", "Integer", "42");
    snmpd_kill(b.agent);
    refused(devsdk_test_read(b.t, "hasty", "Integer", NULL), 500, "no answer");
    CU_ASSERT_TRUE(snmpd_restart(b.agent));
    expect(&b, "hasty", "Integer", "42");
}

/* ---- scans --------------------------------------------------------------------------------- */

static const devsdk_test_found *found(const devsdk_test_result *r, const char *name)
{
    for (size_t i = 0; i < r->n_found; i++) {
        if (strcmp(r->found[i].name, name) == 0) {
            return &r->found[i];
        }
    }
    return NULL;
}

static void test_a_profile_is_scanned(void)
{
    BENCH(b);
    const devsdk_test_result *r = devsdk_test_scan_profile(b.t, "agent-1", "{\"max\": 200}");
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL(r->n_found, 200);
    const devsdk_test_found *name = found(r, "sysName"), *up = found(r, "sysUpTime"),
                            *in = found(r, "ifInOctets_1"), *mac = found(r, "ifPhysAddress_1");
    CU_ASSERT_TRUE_FATAL(name && up && in && mac);
    CU_ASSERT_STRING_EQUAL(name->kind, "String");
    CU_ASSERT_STRING_EQUAL(name->access, "RW");
    CU_ASSERT_STRING_EQUAL(up->kind, "Uint32");
    CU_ASSERT_STRING_EQUAL(up->access, "R");
    CU_ASSERT_PTR_NOT_NULL(strstr(in->parameters, "1.3.6.1.2.1.2.2.1.10.1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(mac->parameters, "mac"));
    /* The device follows what was found. */
    CU_ASSERT_TRUE(strlen(read_of(&b, "agent-1", "sysDescr")) > 0);
}

static void test_a_scan_below_a_root(void)
{
    BENCH(b);
    const devsdk_test_result *r =
        devsdk_test_scan_profile(b.t, "agent-1", "{\"root\": \"" SNMPD_VALUES "\"}");
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL(r->n_found, 10);
    CU_ASSERT_PTR_NOT_NULL(found(r, "oid_" SNMPD_VALUES ".1.0"));
    CU_ASSERT_NOT_EQUAL(
        devsdk_test_scan_profile(b.t, "agent-1", "{\"root\": \"sysDescr\"}")->status, 200);
    CU_ASSERT_NOT_EQUAL(devsdk_test_scan_profile(b.t, "agent-1", "{\"max\": 0}")->status, 200);
}

CU_TestInfo snmp_agent_tests[] = {
    {"every type is read",                test_every_type_is_read               },
    {"every type is written",             test_every_type_is_written            },
    {"refusals of writes are named",      test_refusals_of_writes_are_named     },
    {"what is missing leaves the others", test_what_is_missing_leaves_the_others},
    {"tables are walked",                 test_tables_are_walked                },
    {"one command, several writes",       test_one_command_several_writes       },
    {"the official block",                test_the_official_block               },
    {"names and IPv6",                    test_names_and_ipv6                   },
    {"communities",                       test_communities                      },
    {"users of v3",                       test_users_of_v3                      },
    {"refusals of v3 are named",          test_refusals_of_v3_are_named         },
    {"an agent comes back",               test_an_agent_comes_back              },
    {"an agent is gone for a while",      test_an_agent_is_gone_for_a_while     },
    {"a profile is scanned",              test_a_profile_is_scanned             },
    {"a scan below a root",               test_a_scan_below_a_root              },
    CU_TEST_INFO_NULL,
};
