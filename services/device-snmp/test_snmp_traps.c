/* Traps and informs of net-snmp's programs, and of others: whose they are, what becomes of them, what is dropped. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "capture.h"
#include "codec/snmp_message.h"
#include "device_snmp.h"
#include "devsdk/test.h"
#include "ports.h"
#include "snmpd.h"
#include "suites.h"
#include "test_snmp_captures.h"

#define LINK_DOWN "1.3.6.1.6.3.1.1.5.3"
#define OWN       "1.3.6.1.4.1.8072.9999.0.17"

static const char PROFILE[] =
    "name: traps\ndeviceResources:\n"
    "- {name: LinkDown, attributes: {trapOid: " LINK_DOWN
    "}, properties: {valueType: Object, readWrite: R}}\n"
    "- {name: Interface, attributes: {trapOid: " LINK_DOWN
    ", oid: 1.3.6.1.2.1.2.2.1.1}, properties: {valueType: Int32, readWrite: R}}\n"
    "- {name: Down, attributes: {trapOid: " LINK_DOWN
    "}, properties: {valueType: Bool, readWrite: R}}\n"
    "- {name: Absent, attributes: {trapOid: " LINK_DOWN
    ", oid: 1.3.6.1.2.1.2.2.1.7}, properties: {valueType: Int32, readWrite: R}}\n"
    "- {name: Alarm, attributes: {trapOid: ." OWN
    "}, properties: {valueType: String, readWrite: R}}\n"
    "- {name: Level, attributes: {trapOid: " OWN
    ", oid: 1.3.6.1.4.1.8072.9999.1}, properties: {valueType: Int32, readWrite: R}}\n";

struct bench {
    devsdk_test *t;
    uint16_t port;
    char at[32];
};

static void bench_done(struct bench *b)
{
    if (b->t) {
        CU_ASSERT_EQUAL(devsdk_test_stop(b->t), 0);
    }
}

static bool bench_make(struct bench *b, const char *driver)
{
    char config[512];
    const char *const probe[] = {"snmptrap", "--version", NULL};
    if (snmp_program(probe) != 0) {
        printf("SKIPPED: there is no snmptrap (Debian package snmp) ");
        return false;
    }
    b->port = test_port();
    snprintf(b->at, sizeof(b->at), "127.0.0.1:%u", b->port);
    snprintf(
        config, sizeof(config),
        "Writable:\n  LogLevel: WARN\n  InsecureSecrets:\n"
        "    v3: {SecretName: v3, SecretData: {authPassword: authpass12, privPassword: privpass12}}\n"
        "Driver: {TrapPort: %u%s}\n",
        b->port, driver);
    b->t = devsdk_test_start(&device_snmp, config);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(b->t), 200);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_profile(b->t, PROFILE), 201);
    return true;
}

#define BENCH(name, driver)                                                                        \
    __attribute__((cleanup(bench_done))) struct bench name;                                        \
    if (!bench_make(&(name), driver)) {                                                            \
        (name).t = NULL;                                                                           \
        return;                                                                                    \
    }

static void add(struct bench *b, const char *name, const char *protocol)
{
    char text[512];
    snprintf(text, sizeof(text), "{name: %s, profileName: traps, protocols: {SNMP: {%s}}}", name,
             protocol);
    CU_ASSERT_EQUAL(devsdk_test_device(b->t, text), 201);
    /* What a lane does comes behind added(): from now on its traps are its own. */
    CU_ASSERT_EQUAL(devsdk_test_read(b->t, name, "LinkDown", NULL)->status, 405);
}

static int trap(struct bench *b, const char *program, const char *community)
{
    const char *const argv[] = {program,   "-v2c",    "-c",
                                community, "-r",      "1",
                                "-t",      "1",       b->at,
                                "77",      LINK_DOWN, "1.3.6.1.2.1.2.2.1.1.2",
                                "i",       "2",       "1.3.6.1.2.1.2.2.1.2.2",
                                "s",       "eth\"0",  NULL};
    return snmp_program(argv);
}

static void send_raw(struct bench *b, const void *bytes, size_t n)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(b->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL(sendto(fd, bytes, n, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)n);
    close(fd);
}

static void test_a_trap_is_an_event(void)
{
    BENCH(b, "");
    add(&b, "switch", "Address: 127.0.0.1");
    CU_ASSERT_EQUAL(trap(&b, "snmptrap", "anything"), 0);
    const devsdk_test_result *e = devsdk_test_event(b.t, "switch", NULL, 5000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_STRING_EQUAL(e->source, "LinkDown");
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Interface"), "2");
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Down"), "true");
    CU_ASSERT_EQUAL(e->n, 4);
    CU_ASSERT_PTR_NULL(devsdk_test_value(e, "Absent")); /* null: it came without */
    const char *all = devsdk_test_value(e, "LinkDown");
    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "\"trapOid\":\"" LINK_DOWN "\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "\"1.3.6.1.2.1.1.3.0\":77"));
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "\"1.3.6.1.2.1.2.2.1.2.2\":\"eth\\\"0\""));
    const devsdk_test_result *r = devsdk_test_read(b.t, "switch", "LinkDown", NULL);
    CU_ASSERT_EQUAL(r->status, 405);
}

static void test_a_trap_of_v1(void)
{
    BENCH(b, "");
    add(&b, "switch", "Address: 127.0.0.1, Version: \"1\"");
    const char *const own[] = {"snmptrap",
                               "-v1",
                               "-c",
                               "public",
                               b.at,
                               "1.3.6.1.4.1.8072.9999",
                               "10.0.0.7",
                               "6",
                               "17",
                               "123",
                               "1.3.6.1.4.1.8072.9999.1",
                               "i",
                               "42",
                               NULL};
    CU_ASSERT_EQUAL(snmp_program(own), 0);
    const devsdk_test_result *e = devsdk_test_event(b.t, "switch", "Alarm", 5000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Alarm"), OWN);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Level"), "42");
    const char *const generic[] = {"snmptrap",
                                   "-v1",
                                   "-c",
                                   "public",
                                   b.at,
                                   "1.3.6.1.4.1.9",
                                   "10.0.0.7",
                                   "2",
                                   "0",
                                   "123",
                                   "1.3.6.1.2.1.2.2.1.1.7",
                                   "i",
                                   "7",
                                   NULL};
    CU_ASSERT_EQUAL(snmp_program(generic), 0);
    e = devsdk_test_event(b.t, "switch", "LinkDown", 5000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Interface"), "7");
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_value(e, "LinkDown"), "\"agent\":\"10.0.0.7\""));
}

/* snmpinform's exit code says whether it heard from us. */
static void test_informs_are_acknowledged(void)
{
    BENCH(b, "");
    CU_ASSERT_NOT_EQUAL(trap(&b, "snmpinform", "public"), 0); /* of a stranger */
    add(&b, "switch", "Address: 127.0.0.1");
    CU_ASSERT_EQUAL(trap(&b, "snmpinform", "public"), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "switch", "LinkDown", 5000));
}

static void test_an_inform_that_is_repeated(void)
{
    BENCH(b, "");
    add(&b, "switch", "Address: 127.0.0.1");
    uint8_t bytes[512], answer[512];
    size_t n = capture_bytes(V2_TRAP_SENT, bytes);
    bytes[13] = SNMP_INFORM;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(b.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    const struct timeval patience = {.tv_sec = 10};
    CU_ASSERT_EQUAL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(send(fd, bytes, n, 0), (ssize_t)n);
        struct snmp_message m;
        ssize_t got = recv(fd, answer, sizeof(answer), 0);
        CU_ASSERT_TRUE_FATAL(got > 0 && snmp_message_of(snmp_view(answer, (size_t)got), &m));
        CU_ASSERT_EQUAL(m.pdu.type, SNMP_RESPONSE);
        CU_ASSERT_EQUAL(m.pdu.n_bindings, 3);
    }
    close(fd);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "switch", "LinkDown", 5000));
    CU_ASSERT_PTR_NULL(devsdk_test_event(b.t, "switch", NULL, 50)); /* once */
}

static const char USER[] = "Address: 127.0.0.1, Version: 3, SecurityName: %s, SecurityLevel: %s, "
                           "AuthProtocol: %s, PrivProtocol: %s, SecretName: v3";

static const struct {
    const char *user, *level, *auth, *priv;
} USERS[] = {
    {"plain",     "noAuthNoPriv", "SHA",     "AES"    },
    {"md5",       "authNoPriv",   "MD5",     "AES"    },
    {"md5des",    "authPriv",     "MD5",     "DES"    },
    {"shaaes",    "authPriv",     "SHA",     "AES"    },
    {"sha512aes", "authPriv",     "SHA-512", "AES-256"},
};

static int trap_v3(struct bench *b, const char *program, unsigned i, const char *password)
{
    const char *const argv[] = {program, "-v3",         "-e",      "0x8000000001020304",
                                "-u",    USERS[i].user, "-l",      USERS[i].level,
                                "-a",    USERS[i].auth, "-A",      password,
                                "-x",    USERS[i].priv, "-X",      "privpass12",
                                "-r",    "1",           "-t",      "1",
                                b->at,   "77",          LINK_DOWN, "1.3.6.1.2.1.2.2.1.1.3",
                                "i",     "3",           NULL};
    /* An inform's engine is ours: it asks. */
    const char *inform[sizeof(argv) / sizeof(argv[0])] = {program, "-v3"};
    for (size_t k = 4; k < sizeof(argv) / sizeof(argv[0]); k++) {
        inform[k - 2] = argv[k];
    }
    return snmp_program(strcmp(program, "snmptrap") == 0 ? argv : inform);
}

static void test_notifications_of_v3(void)
{
    for (unsigned i = 0; i < sizeof(USERS) / sizeof(USERS[0]); i++) {
        BENCH(b, "");
        char protocol[256];
        snprintf(protocol, sizeof(protocol), USER, USERS[i].user, USERS[i].level, USERS[i].auth,
                 USERS[i].priv);
        add(&b, "switch", protocol);
        CU_ASSERT_EQUAL(trap_v3(&b, "snmptrap", i, "authpass12"), 0);
        const devsdk_test_result *e = devsdk_test_event(b.t, "switch", "LinkDown", 5000);
        CU_ASSERT_PTR_NOT_NULL(e);
        CU_ASSERT_TRUE(e && strcmp(devsdk_test_value(e, "Interface"), "3") == 0);
        CU_ASSERT_EQUAL(trap_v3(&b, "snmpinform", i, "authpass12"), 0);
        CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "switch", "LinkDown", 5000));
        CU_ASSERT_EQUAL(trap_v3(&b, "snmpinform", i, "authpass12"), 0); /* with keys there */
        CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "switch", "LinkDown", 5000));
        if (i > 0) { /* with another password it is nobody's */
            CU_ASSERT_EQUAL(trap_v3(&b, "snmptrap", i, "authpass13"), 0);
            CU_ASSERT_NOT_EQUAL(trap_v3(&b, "snmpinform", i, "authpass13"), 0);
        }
        /* A community is no user. */
        CU_ASSERT_EQUAL(trap(&b, "snmptrap", "public"), 0);
        CU_ASSERT_PTR_NULL(devsdk_test_event(b.t, "switch", NULL, 50));
    }
}

static void test_strangers_are_said_once(void)
{
    capture_start();
    {
        BENCH(b, "");
        for (int i = 0; i < 5; i++) {
            CU_ASSERT_EQUAL(trap(&b, "snmptrap", "public"), 0);
        }
        add(&b, "switch", "Address: 127.0.0.1, TrapCommunity: word");
        CU_ASSERT_EQUAL(trap(&b, "snmptrap", "public"), 0);
        CU_ASSERT_EQUAL(trap(&b, "snmptrap", "word"), 0);
        CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "switch", "LinkDown", 5000));
        CU_ASSERT_PTR_NULL(devsdk_test_event(b.t, "switch", NULL, 50));
    }
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "no device has this address"), 1);
    CU_ASSERT_EQUAL(capture_count(text, "dropped"), 1);
    free(text);
}

static void test_two_devices_of_one_address(void)
{
    BENCH(b, "");
    add(&b, "one", "Address: 127.0.0.1, Port: 1161, TrapCommunity: one");
    add(&b, "two", "Address: localhost, Port: 1162, TrapCommunity: two");
    CU_ASSERT_EQUAL(trap(&b, "snmptrap", "one"), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "one", "LinkDown", 5000));
    CU_ASSERT_EQUAL(trap(&b, "snmptrap", "two"), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "two", "LinkDown", 5000));
    CU_ASSERT_PTR_NULL(devsdk_test_event(b.t, "one", NULL, 50));
    CU_ASSERT_EQUAL(devsdk_test_remove(b.t, "two"), 200);
    CU_ASSERT_EQUAL(trap(&b, "snmptrap", "two"), 0);
    CU_ASSERT_EQUAL(trap(&b, "snmptrap", "one"), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "one", "LinkDown", 5000));
}

/* Of several agents behind one address it is those that are asked with its community. */
static void test_the_community_it_is_asked_with(void)
{
    BENCH(b, "");
    add(&b, "one", "Address: 127.0.0.1, Port: 1161, Community: one");
    add(&b, "two", "Address: 127.0.0.1, Port: 1162, ReadCommunity: two");
    CU_ASSERT_EQUAL(trap(&b, "snmpinform", "one"), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "one", "LinkDown", 5000));
    CU_ASSERT_PTR_NULL(devsdk_test_event(b.t, "two", NULL, 50));
    CU_ASSERT_EQUAL(trap(&b, "snmptrap", "two"), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "two", "LinkDown", 5000));
    CU_ASSERT_PTR_NULL(devsdk_test_event(b.t, "one", NULL, 50));
    CU_ASSERT_EQUAL(trap(&b, "snmptrap", "neither"), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "one", "LinkDown", 5000));
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "two", "LinkDown", 5000));
}

/* 2,000 at once: a second's share is taken, then those of the next one; and other things go on. */
static void test_a_flood_is_bounded(void)
{
    capture_start();
    {
        BENCH(b, ", TrapRate: 20");
        add(&b, "switch", "Address: 127.0.0.1");
        uint8_t bytes[512];
        size_t n = capture_bytes(V2_TRAP_SENT, bytes);
        for (int i = 0; i < 2000; i++) {
            send_raw(&b, bytes, n);
        }
        unsigned taken = 0;
        while (devsdk_test_event(b.t, "switch", NULL, 100)) {
            taken++;
        }
        CU_ASSERT_TRUE(taken >= 20 && taken <= 100);
    }
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "more traps than TrapRate"), 1);
    free(text);
}

/* Cut and changed at every byte, and with somebody else's messages: no event but of what is one. */
static void test_garbage(void)
{
    BENCH(b, ", TrapRate: 1000000");
    add(&b, "switch", "Address: 127.0.0.1");
    uint8_t bytes[512];
    size_t n = capture_bytes(V2_TRAP_SENT, bytes);
    for (size_t cut = 0; cut < n; cut++) {
        send_raw(&b, bytes, cut);
    }
    for (size_t i = 0; i < sizeof(CAPTURES) / sizeof(CAPTURES[0]); i++) {
        n = capture_bytes(CAPTURES[i].hex, bytes);
        if (strncmp(CAPTURES[i].name, "V2_TRAP", 7) != 0 &&
            strncmp(CAPTURES[i].name, "V1_TRAP", 7) != 0) {
            send_raw(&b, bytes, n);
        }
    }
    memset(bytes, 0xff, sizeof(bytes));
    send_raw(&b, bytes, sizeof(bytes));
    CU_ASSERT_PTR_NULL(devsdk_test_event(b.t, "switch", NULL, 50));
    CU_ASSERT_EQUAL(trap(&b, "snmptrap", "public"), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_test_event(b.t, "switch", "LinkDown", 5000));
}

static void test_a_port_that_is_taken(void)
{
    char config[128];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    CU_ASSERT_EQUAL(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(config, sizeof(config), "Driver: {TrapPort: %u, TrapAddress: 127.0.0.1}",
             ntohs(at.sin_port));
    capture_start();
    devsdk_test *t = devsdk_test_start(&device_snmp, config);
    CU_ASSERT_NOT_EQUAL(devsdk_test_status(t), 200);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "cannot listen for traps at 127.0.0.1"), 1);
    free(text);
    close(fd);
}

CU_TestInfo snmp_traps_tests[] = {
    {"a trap is an event",             test_a_trap_is_an_event            },
    {"a trap of v1",                   test_a_trap_of_v1                  },
    {"informs are acknowledged",       test_informs_are_acknowledged      },
    {"an inform that is repeated",     test_an_inform_that_is_repeated    },
    {"notifications of v3",            test_notifications_of_v3           },
    {"strangers are said once",        test_strangers_are_said_once       },
    {"two devices of one address",     test_two_devices_of_one_address    },
    {"the community it is asked with", test_the_community_it_is_asked_with},
    {"a flood is bounded",             test_a_flood_is_bounded            },
    {"garbage",                        test_garbage                       },
    {"a port that is taken",           test_a_port_that_is_taken          },
    CU_TEST_INFO_NULL,
};
