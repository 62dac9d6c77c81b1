/* snmp [DEVICES [OBJECTS [INTERVAL_MS]]]: 500 agents, 20 objects of each read every 10 s by device-snmp, in a process of
 * its own beside the platform's; its CPU, memory, events missed. The agents are one process of ours with a port each
 * (snmpsim takes more CPU than there is for this). Calibration, on the same agents in the same run: net-snmp's snmpget
 * of as many objects, and its snmpwalk, whose process does 2,000 requests one after the other. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/snmp_message.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "ports.h"
#include "rig.h"

enum { SECONDS = 30, SETTLE_S = 12, GETS = 200, ROWS = 2000, BATCH = 64, OBJECTS_MAX = 64 };

/* 1.3.6.1.4.1.9999.1.<row>.0 */
static const struct snmp_oid ROOT = {
    8, {1, 3, 6, 1, 4, 1, 9999, 1}
};

/* ---- the agents ----------------------------------------------------------------------------- */

/* What stands there: types in turn, values that change. */
static void value_at(uint32_t row, struct snmp_value *ret)
{
    static const char text[] = "GigabitEthernet0/1 uplink";
    static const uint8_t tags[] = {SNMP_COUNTER32, SNMP_COUNTER64, SNMP_GAUGE32, SNMP_INTEGER,
                                   SNMP_OCTETS};
    *ret = (struct snmp_value){.tag = tags[row % sizeof(tags)]};
    if (ret->tag == SNMP_OCTETS) {
        ret->bytes = snmp_view(text, sizeof(text) - 1);
    } else {
        ret->u = (uint64_t)edge_now_mono_ms() % 1000000 + row;
    }
}

static void answer_one(struct snmp_out *out, uint8_t type, const struct snmp_binding *asked)
{
    struct snmp_oid oid = {0};
    struct snmp_value value = {.tag = SNMP_NO_OBJECT};
    uint8_t bytes[SNMP_OID_BYTES];
    if (!snmp_oid_of(asked->oid, &oid) || !snmp_oid_below(&oid, &ROOT)) {
        snmp_put_binding(out, asked->oid, &value);
        return;
    }
    uint32_t row = oid.n > ROOT.n ? oid.id[ROOT.n] : 0;
    row += type == SNMP_GETNEXT;
    oid.n = ROOT.n + 2;
    oid.id[ROOT.n] = row;
    oid.id[ROOT.n + 1] = 0;
    if (row > ROWS) {
        value.tag = SNMP_END_OF_VIEW;
    } else {
        value_at(row, &value);
    }
    snmp_put_binding(out, snmp_view(bytes, snmp_oid_bytes(&oid, bytes)), &value);
}

static void answer(int fd, uint8_t *in, uint8_t *buf)
{
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    struct snmp_message m;
    struct snmp_binding asked[OBJECTS_MAX];
    ssize_t n = recvfrom(fd, in, SNMP_MESSAGE_MAX, 0, (struct sockaddr *)&from, &size);
    if (n <= 0 || !snmp_message_of(snmp_view(in, (size_t)n), &m)) {
        return;
    }
    unsigned n_asked = 0;
    while (n_asked < OBJECTS_MAX && snmp_take_binding(&m.pdu.bindings, &asked[n_asked])) {
        n_asked++;
    }
    struct snmp_out out = snmp_out(buf, SNMP_MESSAGE_MAX);
    size_t end = out.at;
    for (unsigned i = n_asked; i-- > 0;) {
        answer_one(&out, m.pdu.type, &asked[i]);
    }
    snmp_put_pdu(&out, SNMP_RESPONSE, m.pdu.id, 0, 0, end);
    snmp_put_message(&out, m.version, m.community, end);
    struct snmp_view bytes = snmp_written(&out);
    (void)!sendto(fd, bytes.p, bytes.n, 0, (struct sockaddr *)&from, size);
}

static _Noreturn void be_agents(const int *fds, int64_t n)
{
    uint8_t *in = malloc(SNMP_MESSAGE_MAX), *buf = malloc(SNMP_MESSAGE_MAX);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int64_t i = 0; i < n; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
    }
    for (;;) {
        struct epoll_event events[BATCH];
        int ready = epoll_wait(epoll, events, BATCH, -1);
        for (int i = 0; i < ready; i++) {
            answer(events[i].data.fd, in, buf);
        }
    }
}

/* Each on a port of its own; the ports are told. */
static pid_t agents_start(int64_t n, uint16_t *ports)
{
    int *fds = calloc((size_t)n, sizeof(int));
    for (int64_t i = 0; i < n; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(at);
        fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        rig_must(fds[i] >= 0 && bind(fds[i], (struct sockaddr *)&at, size) == 0 &&
                     getsockname(fds[i], (struct sockaddr *)&at, &size) == 0,
                 "no UDP port");
        ports[i] = ntohs(at.sin_port);
    }
    pid_t pid = fork();
    if (pid == 0) {
        be_agents(fds, n);
    }
    for (int64_t i = 0; i < n; i++) {
        close(fds[i]);
    }
    free(fds);
    return pid;
}

/* ---- the service ---------------------------------------------------------------------------- */

static FILE *create(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    rig_must(f != NULL, "cannot write a file");
    return f;
}

static void write_profile(const char *folder, int64_t objects)
{
    static const char *const types[] = {"Uint32", "Uint64", "Uint32", "Int32", "String"};
    FILE *f = create(folder, "profile.yaml");
    fputs("name: bench\ndeviceResources:\n", f);
    for (int64_t i = 1; i <= objects; i++) {
        fprintf(f,
                "- {name: R%lld, attributes: {oid: 1.3.6.1.4.1.9999.1.%lld.0}, properties: "
                "{valueType: %s, readWrite: R}}\n",
                (long long)i, (long long)i, types[i % 5]);
    }
    fputs("deviceCommands:\n- name: All\n  readWrite: R\n  resourceOperations: [", f);
    for (int64_t i = 1; i <= objects; i++) {
        fprintf(f, "%s{deviceResource: R%lld}", i > 1 ? ", " : "", (long long)i);
    }
    fputs("]\n", f);
    fclose(f);
}

static void write_devices(const char *folder, const uint16_t *ports, int64_t n, int64_t ms)
{
    FILE *f = create(folder, "devices.json");
    for (int64_t i = 0; i < n; i++) {
        fprintf(f,
                "%s{\"name\":\"agent-%lld\",\"profileName\":\"bench\",\"protocols\":{\"SNMP\":"
                "{\"Address\":\"127.0.0.1\",\"Port\":%u}},\"autoEvents\":[{\"interval\":\"%lldms\","
                "\"onChange\":false,\"sourceName\":\"All\"}]}",
                i > 0 ? ",\n" : "[", (long long)i, ports[i], (long long)ms);
    }
    fputs("]\n", f);
    fclose(f);
}

static pid_t service_start(const struct platform *p, const char *folder)
{
    char program[256], data[128];
    FILE *f = create(folder, "configuration.yaml");
    fprintf(f,
            "Writable:\n  LogLevel: WARN\nService:\n  Host: 127.0.0.1\n  Port: %u\n"
            "Clients:\n  core-metadata:\n    Host: localhost\n    Port: %u\n"
            "MessageBus:\n  Type: mqtt\n  Host: 127.0.0.1\n  Port: %u\n"
            "Device:\n  ProfilesDir: %s/profiles\n  DevicesDir: %s/devices\n",
            test_port(), p->port[METADATA], p->broker_port, folder, folder);
    fclose(f);
    snprintf(program, sizeof(program), "%s/device-snmp", getenv("EDGE_BIN_DIR"));
    snprintf(data, sizeof(data), "%s/data", folder);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, "-cd", folder, "--data", data, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* ---- net-snmp ------------------------------------------------------------------------------- */

static double used(int whose)
{
    struct rusage u;
    getrusage(whose, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* CPU seconds of a program that ends well; < 0: there is none. */
static double run(char *const argv[])
{
    double before = used(RUSAGE_CHILDREN);
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(fd, 1);
        dup2(fd, 2);
        setenv("MIBS", "", 1);
        setenv("SNMPCONFPATH", "/nonexistent", 1);
        execvp(argv[0], argv);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) != pid) {
    }
    return status == 0 ? used(RUSAGE_CHILDREN) - before : -1;
}

/* Milliseconds of CPU a read of so many objects takes snmpget, and an exchange snmpwalk. */
static void net_snmp(uint16_t port, int64_t objects, double *ret_get, double *ret_walk)
{
    char at[32], oids[OBJECTS_MAX][48];
    snprintf(at, sizeof(at), "127.0.0.1:%u", port);
    char get[] = "snmpget", walk[] = "snmpwalk", v2c[] = "-v2c", c[] = "-c", word[] = "public",
         numbers[] = "-On", root[] = "1.3.6.1.4.1.9999.1";
    char *gets[OBJECTS_MAX + 8] = {get, v2c, c, word, numbers, at};
    for (int64_t i = 0; i < objects; i++) {
        snprintf(oids[i], sizeof(oids[i]), "1.3.6.1.4.1.9999.1.%lld.0", (long long)i + 1);
        gets[6 + i] = oids[i];
    }
    double total = 0;
    for (int i = 0; i < GETS && total >= 0; i++) {
        double one = run(gets);
        total = one < 0 ? -1 : total + one;
    }
    *ret_get = total < 0 ? -1 : total * 1000 / GETS;
    char *walks[] = {walk, v2c, c, word, numbers, at, root, NULL};
    double walked = run(walks);
    *ret_walk = walked < 0 ? -1 : walked * 1000 / ROWS;
}

/* Devices that came together are read together: the figures begin in a pause, where there is one. */
static void wait_for_pause(const struct platform *p)
{
    int64_t last = -1, now = rig_events(p);
    for (int i = 0; i < 40 && now != last; i++) {
        last = now;
        rig_wait_ms(500);
        now = rig_events(p);
    }
}

/* ---- the figures ---------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    int64_t devices = 500, objects = 20, ms = 10000;
    rig_must((argc < 2 || edge_int_parse(argv[1], &devices)) &&
                 (argc < 3 || edge_int_parse(argv[2], &objects)) &&
                 (argc < 4 || edge_int_parse(argv[3], &ms)) && devices > 0 && objects > 0 &&
                 objects <= OBJECTS_MAX && ms >= 100,
             "usage: bench_snmp [DEVICES [OBJECTS (64 at most) [INTERVAL_MS]]]");
    uint16_t *ports = calloc((size_t)devices, sizeof(*ports));
    pid_t agents = agents_start(devices, ports);
    struct platform p;
    platform_make(&p, SHAPE_SPLIT);
    rig_fleet(&p, "none", NULL, 0, 0, "1s");
    rig_must(platform_up(&p), "the platform does not start");

    char folder[128], path[160];
    snprintf(folder, sizeof(folder), "%s/snmp", p.dir.path);
    mkdir(folder, 0700);
    snprintf(path, sizeof(path), "%s/profiles", folder);
    mkdir(path, 0700);
    write_profile(path, objects);
    snprintf(path, sizeof(path), "%s/devices", folder);
    mkdir(path, 0700);
    struct platform one = {.pid = {service_start(&p, folder)}};
    rig_wait_ms(3000);
    int64_t idle_kb = rig_pss_kb(&one);
    kill(one.pid[0], SIGTERM);
    waitpid(one.pid[0], NULL, 0);
    write_devices(path, ports, devices, ms);
    one.pid[0] = service_start(&p, folder);
    rig_wait_ms(SETTLE_S * 1000);
    wait_for_pause(&p);

    int64_t before = rig_events(&p), begin = edge_now_mono_ms();
    double cpu = rig_cpu_seconds(&one);
    rig_wait_ms(SECONDS * 1000);
    cpu = rig_cpu_seconds(&one) - cpu;
    double seconds = (double)(edge_now_mono_ms() - begin) / 1000;
    double stored = (double)(rig_events(&p) - before);
    double due = (double)devices * seconds * 1000 / (double)ms;
    int64_t pss_kb = rig_pss_kb(&one);
    double get_ms, walk_ms, own_ms = cpu * 1000 / stored;
    kill(one.pid[0], SIGTERM);
    waitpid(one.pid[0], NULL, 0);
    net_snmp(ports[0], objects, &get_ms, &walk_ms);
    platform_done(&p);
    kill(agents, SIGKILL);
    waitpid(agents, NULL, 0);
    free(ports);

    printf(
        "%lld agents, %lld objects every %lld ms: %.1f %% of a core, %.0f of %.0f reads stored, %.1f MB "
        "(%.1f without devices)\na read: %.2f ms of CPU with all that becomes of it; snmpget: %.2f "
        "ms; an exchange of snmpwalk, one object: %.3f ms\n",
        (long long)devices, (long long)objects, (long long)ms, cpu / seconds * 100, stored, due,
        (double)pss_kb / 1024, (double)idle_kb / 1024, own_ms, get_ms, walk_ms);
    printf("bench snmp devices=%lld objects=%lld cpu_percent=%.1f stored=%.0f due=%.0f pss_mb=%.1f "
           "idle_pss_mb=%.1f read_cpu_ms=%.2f snmpget_cpu_ms=%.2f snmpwalk_exchange_cpu_ms=%.3f\n",
           (long long)devices, (long long)objects, cpu / seconds * 100, stored, due,
           (double)pss_kb / 1024, (double)idle_kb / 1024, own_ms, get_ms, walk_ms);
    return 0;
}
