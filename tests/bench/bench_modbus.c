/* modbus [UNITS [SECONDS]]: device-modbus beside core services and a broker, against a server of our own that
 * answers for all units: 1,000 units (an address each) with 4 auto events at 1 s: missed events, CPU and memory of the
 * device service, commands meanwhile; registers/s and reads/s of one peer; the same fleet on a service of the
 * official SDK in Go. Calibration: libmodbus' own client against the same server, what one core does in a second. */
#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "modbus_server.h"
#include "ports.h"
#include "rig.h"

enum { AUTO_EVENTS = 4, BLOCK = 100, ASKED = 500, MAX_REGISTERS = 100 };

/* ---- libmodbus ----------------------------------------------------------------------------- */

struct client_figures {
    double reads_s, registers_s, p99_ms;
};

static double reads_for(modbus_t *client, int registers, double seconds, double *ret_p99_ms)
{
    enum { SAMPLES = 200000 };
    double *ms = calloc(SAMPLES, sizeof(*ms));
    uint16_t values[BLOCK];
    size_t n = 0;
    int64_t begin = edge_now_mono_ns(), end = begin + (int64_t)(seconds * 1e9), now = begin;
    while (now < end) {
        int at = registers == 1 ? (int)(n % BLOCK) : 0;
        rig_must(modbus_read_registers(client, at, registers, values) == registers,
                 "libmodbus: no answer");
        rig_must(values[0] == at, "libmodbus: another value");
        int64_t after = edge_now_mono_ns();
        ms[n++ % SAMPLES] = (double)(after - now) / 1e6;
        now = after;
    }
    size_t kept = n < SAMPLES ? n : SAMPLES;
    (void)rig_median(ms, kept); /* sorts */
    *ret_p99_ms = rig_quantile(ms, kept, 0.99);
    free(ms);
    return (double)n / ((double)(now - begin) / 1e9);
}

static struct client_figures libmodbus_figures(const struct modbus_server *s)
{
    struct client_figures f = {0};
    double ignored;
    modbus_t *client = modbus_new_tcp("127.0.0.1", s->port);
    rig_must(client && modbus_connect(client) == 0, "libmodbus does not connect");
    modbus_set_slave(client, 1);
    f.reads_s = reads_for(client, 1, 2, &f.p99_ms);
    f.registers_s = reads_for(client, BLOCK, 2, &ignored) * BLOCK;
    modbus_close(client);
    modbus_free(client);
    return f;
}

/* ---- files of the device service ------------------------------------------------------------- */

static FILE *create(const struct platform *p, const char *name)
{
    char path[192];
    snprintf(path, sizeof(path), "%s/modbus/%s", p->dir.path, name);
    FILE *f = fopen(path, "w");
    rig_must(f != NULL, "cannot write the device service's files");
    return f;
}

static void write_profile(const struct platform *p)
{
    FILE *f = create(p, "profiles/bench.yaml");
    fputs(
        "name: bench\nmanufacturer: bench\nmodel: bench\ndescription: registers\ndeviceResources:\n",
        f);
    for (int i = 0; i < MAX_REGISTERS; i++) {
        fprintf(
            f,
            "  - {name: R%d, isHidden: false, description: \"\", attributes: {primaryTable: HOLDING_REGISTERS, "
            "startingAddress: %d}, properties: {valueType: Uint16, readWrite: R}}\n",
            i, i);
    }
    fputs("deviceCommands:\n  - name: Block\n    readWrite: R\n    resourceOperations:\n", f);
    for (int i = 0; i < BLOCK; i++) {
        fprintf(f, "      - {deviceResource: R%d}\n", i);
    }
    fclose(f);
}

struct fleet {
    const char *source; /* of each auto event; NULL: R0, R1, ... */
    unsigned n, events;
    const char *interval;
    bool one_address; /* units of one peer; else each has an address */
};

static void write_device(FILE *f, const struct modbus_server *s, const struct fleet *fleet,
                         unsigned i)
{
    unsigned host = fleet->one_address ? 1 : i + 1;
    fprintf(f,
            "  - name: unit-%04u\n    profileName: bench\n    description: \"\"\n    protocols:\n"
            "      modbus-tcp: {Address: 127.0.%u.%u, Port: %u, UnitID: %u, Timeout: 5, "
            "IdleTimeout: 60}\n    autoEvents:\n",
            i, host / 250, host % 250 + 1, s->port, fleet->one_address ? i + 1 : 1u);
    for (unsigned k = 0; k < fleet->events; k++) {
        char source[16];
        snprintf(source, sizeof(source), "R%u", k);
        fprintf(f, "      - {interval: %s, onChange: false, sourceName: %s}\n", fleet->interval,
                fleet->source ? fleet->source : source);
    }
}

static void write_files(const struct platform *p, const struct modbus_server *s,
                        const struct fleet *fleet, uint16_t port)
{
    char path[192];
    static const char *const folders[] = {"", "/profiles", "/devices"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/modbus%s", p->dir.path, folders[i]);
        mkdir(path, 0700);
    }
    FILE *f = create(p, "configuration.yaml");
    fprintf(
        f,
        "Writable:\n  LogLevel: WARN\nService:\n  Host: localhost\n  Port: %u\n  StartupMsg: up\n"
        "MessageBus:\n  Type: mqtt\n  Host: 127.0.0.1\n  Port: %u\n  Optional:\n    ClientId: device-modbus\n"
        "Clients:\n  core-metadata:\n    Protocol: http\n    Host: localhost\n    Port: %u\n"
        "Registry:\n  Host: localhost\n  Port: %u\n"
        "Device:\n  AsyncBufferSize: 16\n  ProfilesDir: %s/modbus/profiles\n  DevicesDir: %s/modbus/devices\n",
        port, p->broker_port, p->port[METADATA], p->port[KEEPER], p->dir.path, p->dir.path);
    fclose(f);
    write_profile(p);
    f = create(p, "devices/fleet.yaml");
    fputs("deviceList:\n", f);
    for (unsigned i = 0; i < fleet->n; i++) {
        write_device(f, s, fleet, i);
    }
    fclose(f);
}

/* ---- a device service ------------------------------------------------------------------------ */

static pid_t launch(const struct platform *p, const char *official)
{
    char ours[256], folder[160], data[160], provider[64], log[160];
    snprintf(ours, sizeof(ours), "%s/device-modbus", getenv("EDGE_BIN_DIR"));
    snprintf(folder, sizeof(folder), "%s/modbus", p->dir.path);
    snprintf(data, sizeof(data), "%s/data", p->dir.path);
    snprintf(log, sizeof(log), "%s/modbus.log", p->dir.path);
    snprintf(provider, sizeof(provider), "-cp=keeper.http://localhost:%u", p->port[KEEPER]);
    const char *const ours_argv[] = {ours, "-cd", folder, "--data", data, NULL};
    const char *const official_argv[] = {official, "-cd", folder, provider, "-r", NULL};
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        setenv("EDGEX_SECURITY_SECRET_STORE", "false", 1);
        execv(official ? official : ours,
              (char *const *)(uintptr_t)(official ? official_argv : ours_argv));
        _exit(127);
    }
    return pid;
}

struct awaited {
    struct platform *p;
    int64_t n;
};

static bool has_devices(void *arg)
{
    const struct awaited *w = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    return call(&ctx, w->p, METADATA, "GET", "/api/v3/device/all?limit=1", NULL, &body) == 200 &&
           int_at(body, "totalCount") >= w->n;
}

static bool has_events(void *arg)
{
    const struct awaited *w = arg;
    return rig_events(w->p) >= w->n;
}

static void print_log(const struct platform *p)
{
    char command[256];
    snprintf(command, sizeof(command), "tail -n 20 %s/modbus.log >&2", p->dir.path);
    (void)!system(command); /* NOLINT: our own words */
}

struct figures {
    double events_s, due_s, missed, cpu, mb, requests_s, registers_s, command_p99_ms;
    double cpu_platform;
};

/* GET of a resource by way of core-command, one after the other. */
static double command_p99_ms(const struct platform *p, unsigned n_devices)
{
    double ms[ASKED];
    for (unsigned i = 0; i < ASKED; i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *target =
            edge_printf(&ctx.arena, "/api/v3/device/name/unit-%04u/R7", i * 7 % n_devices);
        int64_t begin = edge_now_mono_ns();
        rig_must(call(&ctx, p, COMMAND, "GET", target, NULL, NULL) == 200, "a command failed");
        ms[i] = (double)(edge_now_mono_ns() - begin) / 1e6;
    }
    (void)rig_median(ms, ASKED);
    return rig_quantile(ms, ASKED, 0.99);
}

static struct figures measure(const struct modbus_server *s, const struct fleet *fleet,
                              int64_t interval_ms, int seconds, const char *official, bool commands)
{
    struct figures f = {0};
    struct platform p;
    platform_make(&p, SHAPE_SPLIT);
    p.provided = true;
    p.expected_devices = 0;
    p.devices_dir = p.dir.path; /* device-virtual has none */
    write_files(&p, s, fleet, test_port());
    rig_must(platform_up(&p), "the platform does not start");
    pid_t pid = launch(&p, official);
    bool there = wait_until(has_devices, &(struct awaited){&p, fleet->n}, 120000) &&
                 wait_until(has_events, &(struct awaited){&p, 1}, 60000);
    if (!there) {
        print_log(&p);
    }
    rig_must(there, "the device service does not bring its devices");
    rig_wait_ms(5000);

    int64_t events = rig_events(&p), begin = edge_now_mono_ms();
    double cpu = rig_pid_cpu_seconds(pid), all = rig_cpu_seconds(&p);
    uint64_t requests = s->counts->requests, registers = s->counts->registers;
    rig_wait_ms((int64_t)seconds * 1000);
    double took = (double)(edge_now_mono_ms() - begin) / 1000;
    f.events_s = (double)(rig_events(&p) - events) / took;
    f.due_s = (double)(fleet->n * fleet->events) * 1000 / (double)interval_ms;
    f.missed = (f.due_s - f.events_s) * took;
    f.cpu = (rig_pid_cpu_seconds(pid) - cpu) / took * 100;
    f.cpu_platform = (rig_cpu_seconds(&p) - all) / took * 100;
    f.requests_s = (double)(s->counts->requests - requests) / took;
    f.registers_s = (double)(s->counts->registers - registers) / took;
    f.mb = (double)rig_pid_pss_kb(pid) / 1024;
    f.command_p99_ms = commands ? command_p99_ms(&p, fleet->n) : 0;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    platform_done(&p);
    return f;
}

static void print_figures(const char *what, const struct figures *f)
{
    printf(
        "%-9s %7.0f events/s of %.0f due, %.0f missed; %.0f requests/s, %.0f registers/s; device service %.0f %% of a "
        "core, %.1f MB; core services %.0f %%",
        what, f->events_s, f->due_s, f->missed < 1 ? 0 : f->missed, f->requests_s, f->registers_s,
        f->cpu, f->mb, f->cpu_platform);
    if (f->command_p99_ms > 0) {
        printf("; a command p99 %.1f ms", f->command_p99_ms);
    }
    putchar('\n');
    fflush(stdout);
}

/* The service of tests/peers/device_modbus, or false: what it needs cannot be had. */
static bool official_build(const char *program)
{
    char command[512];
    snprintf(command, sizeof(command), "touch %s && %s/tests/peers/device_modbus/build.sh %s",
             program, getenv("EDGE_SOURCE_DIR"), program);
    int status = system(command); /* NOLINT: our own words */
    return status == 0;
}

int main(int argc, char **argv)
{
    int64_t units = 1000, seconds = 20;
    rig_must((argc < 2 || edge_int_parse(argv[1], &units)) &&
                 (argc < 3 || edge_int_parse(argv[2], &seconds)) && units > 0 && units <= 10000 &&
                 seconds > 0,
             "usage: bench_modbus [UNITS [SECONDS]]");
    /* A thousand devices in one request, each shown to its driver over the broker: that takes a while. */
    setenv("SERVICE_REQUESTTIMEOUT", "120s", 1);
    struct modbus_server server;
    modbus_server_start(&server, test_port());
    double loops = rig_loops_per_second();
    struct client_figures lib = libmodbus_figures(&server);
    printf("libmodbus %7.0f reads/s of one register, %.0f registers/s by %d; p99 %.2f ms\n",
           lib.reads_s, lib.registers_s, BLOCK, lib.p99_ms);
    fflush(stdout);

    const struct fleet fleet = {.n = (unsigned)units, .events = AUTO_EVENTS, .interval = "1s"};
    struct figures ours = measure(&server, &fleet, 1000, (int)seconds, NULL, true);
    print_figures("fleet", &ours);
    const struct fleet block = {
        .source = "Block", .n = 20, .events = 1, .interval = "10ms", .one_address = true};
    struct figures blocks = measure(&server, &block, 10, (int)seconds, NULL, false);
    print_figures("blocks", &blocks);
    const struct fleet singles = {.n = 64, .events = 10, .interval = "10ms", .one_address = true};
    struct figures reads = measure(&server, &singles, 10, (int)seconds, NULL, false);
    print_figures("reads", &reads);

    char program[] = "/tmp/device-modbus-official-XXXXXX";
    struct figures theirs = {0};
    int fd = mkstemp(program);
    close(fd);
    if (official_build(program)) {
        theirs = measure(&server, &fleet, 1000, (int)seconds, program, true);
        print_figures("official", &theirs);
    }
    unlink(program);
    modbus_server_stop(&server);
    printf(
        "bench modbus units=%lld missed=%.0f cpu_percent=%.0f pss_mb=%.1f command_p99_ms=%.1f peer_p99_ms=%.2f "
        "block_registers_s=%.0f reads_s=%.0f libmodbus_reads_s=%.0f libmodbus_registers_s=%.0f "
        "official_missed=%.0f official_cpu_percent=%.0f official_pss_mb=%.1f loops_s=%.0f\n",
        (long long)units, ours.missed < 1 ? 0 : ours.missed, ours.cpu, ours.mb, ours.command_p99_ms,
        lib.p99_ms, blocks.registers_s, reads.requests_s, lib.reads_s, lib.registers_s,
        theirs.missed < 1 ? 0 : theirs.missed, theirs.cpu, theirs.mb, loops);
    return 0;
}
