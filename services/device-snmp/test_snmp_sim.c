/* The driver against snmpsim 1.2.2 of PyPI: two hundred agents in one process, each with objects of its own, and the
 * long AES keys net-snmp does not have. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device_snmp.h"
#include "devsdk/test.h"
#include "ports.h"
#include "scratch.h"
#include "suites.h"
#include "wait.h"

enum { AGENTS = 200, ROUNDS = 3, START_MS = 30000 };

static const char INSTALL[] =
    "timeout 60 python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target %s/py "
    "snmpsim==1.2.2 pysnmp==7.1.30 pyasn1==0.6.5 pysmi==1.6.2 cryptography==50.0.2 >%s/pip.log 2>&1";

struct sim {
    struct scratch dir;
    pid_t pid;
    uint16_t port;
    devsdk_test *t;
};

/* An agent is a file: its community is the file's name. */
static void write_agent(const struct sim *s, const char *name, int number)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/data/%s.snmprec", s->dir.path, name);
    FILE *f = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f,
            "1.3.6.1.2.1.1.1.0|4|Simulated switch %d\n1.3.6.1.2.1.1.3.0|67|%d\n"
            "1.3.6.1.2.1.2.2.1.2.1|4|port 1\n1.3.6.1.2.1.2.2.1.10.1|65|%u\n"
            "1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615\n",
            number, number, 4000000000U + (unsigned)number);
    fclose(f);
}

static _Noreturn void become_sim(const struct sim *s, pid_t parent)
{
    char program[160], modules[160], data[160], cache[160], log[160], endpoint[160];
    snprintf(program, sizeof(program), "%s/py/bin/snmpsim-command-responder", s->dir.path);
    snprintf(modules, sizeof(modules), "%s/py", s->dir.path);
    snprintf(data, sizeof(data), "--data-dir=%s/data", s->dir.path);
    snprintf(cache, sizeof(cache), "--cache-dir=%s/cache", s->dir.path);
    snprintf(log, sizeof(log), "%s/log", s->dir.path);
    snprintf(endpoint, sizeof(endpoint), "--agent-udpv4-endpoint=127.0.0.1:%u", s->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0);
    }
    setenv("PYTHONPATH", modules, 1);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    const char *const argv[] = {"python3",
                                program,
                                "--logging-method=null",
                                cache,
                                "--process-user=root",
                                "--process-group=root",
                                "--v3-engine-id=auto",
                                data,
                                endpoint,
                                "--v3-user=reeder256",
                                "--v3-auth-key=authpass12",
                                "--v3-auth-proto=SHA",
                                "--v3-priv-key=privpass12",
                                "--v3-priv-proto=AES256",
                                "--v3-user=reeder192",
                                "--v3-auth-key=authpass12",
                                "--v3-auth-proto=MD5",
                                "--v3-priv-key=privpass12",
                                "--v3-priv-proto=AES192",
                                "--v3-user=blumenthal",
                                "--v3-auth-key=authpass12",
                                "--v3-auth-proto=SHA",
                                "--v3-priv-key=privpass12",
                                "--v3-priv-proto=AES256BLMT",
                                "--v3-user=sha384",
                                "--v3-auth-key=authpass12",
                                "--v3-auth-proto=SHA384",
                                "--v3-priv-key=privpass12",
                                "--v3-priv-proto=AES",
                                NULL};
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static const char PROFILE[] =
    "name: sim\ndeviceResources:\n"
    "- {name: Descr, attributes: {oid: 1.3.6.1.2.1.1.1.0}, properties: {valueType: String, readWrite: R}}\n"
    "- {name: Up, attributes: {oid: 1.3.6.1.2.1.1.3.0}, properties: {valueType: Uint32, readWrite: R}}\n"
    "- {name: In, attributes: {oid: 1.3.6.1.2.1.2.2.1.10.1}, properties: {valueType: Uint32, readWrite: R}}\n"
    "- {name: InHC, attributes: {oid: 1.3.6.1.2.1.31.1.1.1.6.1}, properties: {valueType: Uint64, readWrite: R}}\n"
    "- {name: Ports, attributes: {oid: 1.3.6.1.2.1.2.2, walk: true}, properties: {valueType: Object, readWrite: R}}\n"
    "deviceCommands:\n"
    "- {name: All, readWrite: R, resourceOperations: [{deviceResource: Descr}, {deviceResource: Up}, "
    "{deviceResource: In}, {deviceResource: InHC}, {deviceResource: Ports}]}\n";

static void add(struct sim *s, const char *name, const char *more)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{name: %s, profileName: sim, protocols: {SNMP: {Address: 127.0.0.1, Port: %u, "
             "Timeout: 1s, Retries: 3, %s}}}",
             name, s->port, more);
    CU_ASSERT_EQUAL(devsdk_test_device(s->t, text), 201);
}

static bool answers(void *arg)
{
    struct sim *s = arg;
    return devsdk_test_read(s->t, "first", "Up", NULL)->status == 200;
}

static bool sim_start(struct sim *s)
{
    char path[160], command[640];
    memset(s, 0, sizeof(*s));
    scratch_make(&s->dir);
    snprintf(command, sizeof(command), INSTALL, s->dir.path, s->dir.path);
    if (system(command) != 0) { /* NOLINT: our own words */
        printf("SKIPPED: snmpsim 1.2.2 cannot be had from PyPI ");
        return false;
    }
    snprintf(path, sizeof(path), "%s/data", s->dir.path);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/cache", s->dir.path);
    mkdir(path, 0700);
    write_agent(s, "public", 0);
    for (int i = 0; i < AGENTS; i++) {
        char name[24];
        snprintf(name, sizeof(name), "agent-%d", i);
        write_agent(s, name, i);
    }
    s->port = test_port();
    pid_t parent = getpid();
    s->pid = fork();
    if (s->pid == 0) {
        become_sim(s, parent);
    }
    s->t = devsdk_test_start(
        &device_snmp,
        "Writable:\n  LogLevel: ERROR\n  InsecureSecrets:\n"
        "    v3: {SecretName: v3, SecretData: {authPassword: authpass12, privPassword: privpass12}}\n");
    CU_ASSERT_EQUAL_FATAL(devsdk_test_profile(s->t, PROFILE), 201);
    add(s, "first", "Community: public");
    CU_ASSERT_TRUE_FATAL(wait_until(answers, s, START_MS));
    return true;
}

static void sim_done(struct sim *s)
{
    if (s->t) {
        CU_ASSERT_EQUAL(devsdk_test_stop(s->t), 0);
    }
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    scratch_done(&s->dir);
}

static void expect_agent(struct sim *s, const char *device, int number)
{
    char descr[64], in[32], ports[128];
    const devsdk_test_result *r = devsdk_test_read(s->t, device, "All", NULL);
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL_FATAL(r->n, 5);
    snprintf(descr, sizeof(descr), "Simulated switch %d", number);
    snprintf(in, sizeof(in), "%u", 4000000000U + (unsigned)number);
    snprintf(ports, sizeof(ports), "{\"1.2.1\":\"port 1\",\"1.10.1\":%s}", in);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "Descr"), descr);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "In"), in);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "InHC"), "18446744073709551615");
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "Ports"), ports);
}

static void users(struct sim *s)
{
    static const struct {
        const char *user, *auth, *priv;
    } cases[] = {
        {"reeder256",  "SHA",     "AES-256-C"},
        {"reeder192",  "MD5",     "AES-192-C"},
        {"blumenthal", "SHA",     "AES-256"  },
        {"sha384",     "SHA-384", "AES"      },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char more[256];
        snprintf(more, sizeof(more),
                 "Version: 3, SecurityName: %s, AuthProtocol: %s, PrivProtocol: %s, "
                 "SecretName: v3, ContextName: agent-7",
                 cases[i].user, cases[i].auth, cases[i].priv);
        add(s, cases[i].user, more);
        const devsdk_test_result *r = devsdk_test_read(s->t, cases[i].user, "Up", NULL);
        if (r->status != 200) {
            printf("%s: %s\n", cases[i].user, r->text);
        }
        CU_ASSERT_EQUAL(r->status, 200);
        CU_ASSERT_TRUE(r->status == 200 && strcmp(devsdk_test_value(r, "Up"), "7") == 0);
    }
}

static void test_two_hundred_agents(void)
{
    __attribute__((cleanup(sim_done))) struct sim s;
    if (!sim_start(&s)) {
        return;
    }
    for (int i = 0; i < AGENTS; i++) {
        char name[24], more[64];
        snprintf(name, sizeof(name), "d%d", i);
        snprintf(more, sizeof(more), "Community: agent-%d", i);
        add(&s, name, more);
    }
    for (int k = 0; k < ROUNDS; k++) {
        for (int i = 0; i < AGENTS; i++) {
            char name[24];
            snprintf(name, sizeof(name), "d%d", i);
            expect_agent(&s, name, i);
        }
    }
    users(&s);
}

CU_TestInfo snmp_sim_tests[] = {
    {"two hundred agents", test_two_hundred_agents},
    CU_TEST_INFO_NULL,
};
