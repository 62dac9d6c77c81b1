#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certificates.h"
#include "channel.h"
#include "chunks.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "ports.h"

const struct service_place service_places[N_SERVICES] = {
#define X(symbol, name, folder, port) {name, folder, port},
    SERVICE_PLACES(X)
#undef X
};

/* ---- preparation ------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "%s is not set; run the tests with ctest or ./edgex test\n", name);
        abort();
    }
    return value;
}

static FILE *must_create(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        abort();
    }
    return f;
}

static void write_configuration(struct platform *p, enum platform_service s)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/res/%s", p->dir.path, service_places[s].name);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/res/%s/configuration.yaml", p->dir.path,
             service_places[s].name);
    FILE *f = must_create(path);
    const char *scheme = p->tls ? "https" : "http";
    fprintf(f, "Service:\n  Host: localhost\n  Port: %d\n  HealthCheckInterval: 1s\n", p->port[s]);
    if (p->tls) {
        fprintf(f,
                "  SecurityOptions:\n    Mode: tls\n    CertFile: %s/server.pem\n"
                "    KeyFile: %s/server.key\n",
                p->dir.path, p->dir.path);
    }
    fputs("Clients:\n", f);
    for (unsigned peer = 0; peer < N_SERVICES; peer++) {
        fprintf(f, "  %s:\n    Protocol: %s\n    Host: localhost\n    Port: %d\n",
                service_places[peer].name, scheme, p->port[peer]);
    }
    fprintf(f, "Registry:\n  Protocol: %s\n  Host: localhost\n  Port: %d\n", scheme,
            p->port[KEEPER]);
    if (p->shape == SHAPE_SPLIT) {
        fprintf(f, "MessageBus:\n  Type: mqtt\n  Host: 127.0.0.1\n  Port: %d\n", p->broker_port);
    }
    const char *source = environment("EDGE_SOURCE_DIR"), *folder = service_places[s].folder;
    if (s == KEEPER) {
        fputs(p->shape == SHAPE_SPLIT ? "" : "MessageBus:\n", f);
        fputs("  BaseTopicPrefix: edgex/configs\n", f);
        fprintf(f, "CommonConfig:\n  File: %s/%s/res/common.yaml\n", source, folder);
    }
    if (s == VIRTUAL) {
        fprintf(f, "Device:\n  ProfilesDir: %s/%s/res/profiles\n", source, folder);
        if (p->devices_dir) {
            fprintf(f, "  DevicesDir: %s\n", p->devices_dir);
        } else {
            fprintf(f, "  DevicesDir: %s/%s/res/devices\n", source, folder);
        }
    }
    if (s == SERVICE_APP_SERVICE_CONFIGURABLE && p->pipelines) {
        fputs(p->pipelines, f);
    }
    fclose(f);
}

void platform_make(struct platform *p, enum platform_shape shape)
{
    *p = (struct platform){.shape = shape, .address = "127.0.0.1", .expected_devices = 6};
    scratch_make(&p->dir);
    if (shape == SHAPE_TLS) {
        p->shape = SHAPE_SPLIT;
        p->tls = certificates_make(p->dir.path);
        setenv("EDGEX_CA_FILE", certificate_file(p->dir.path, "ca", ".pem"), 1);
    }
    if (shape == SHAPE_STACK) {
        p->address = environment("EDGE_STACK");
        for (unsigned s = 0; s < N_SERVICES; s++) {
            p->port[s] = service_places[s].port;
        }
        return;
    }
    char path[128];
    snprintf(path, sizeof(path), "%s/res", p->dir.path);
    mkdir(path, 0700);
    for (unsigned s = 0; s < N_SERVICES; s++) {
        p->port[s] = test_port();
    }
    p->broker_port = test_port();
}

/* ---- programs ---------------------------------------------------------------------------- */

static pid_t launch(const struct platform *p, const char *log, const char *const argv[])
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s.log", p->dir.path, log);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever breaks off leaves nothing behind */
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

void platform_start_broker(struct platform *p)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/mosquitto.conf", p->dir.path);
    FILE *f = must_create(path);
    /* Its limits are those of a stock one: 1,000 queued messages a client. */
    fprintf(f, "listener %d 127.0.0.1\nallow_anonymous true\n", p->broker_port);
    fclose(f);
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
    const char *const argv[] = {"mosquitto", "-c", path, NULL};
    p->broker = launch(p, "mosquitto", argv);
}

void platform_kill_broker(struct platform *p)
{
    if (p->broker > 0) {
        kill(p->broker, SIGKILL);
        waitpid(p->broker, NULL, 0);
        p->broker = 0;
    }
}

static void start_program(struct platform *p, enum platform_service s)
{
    char program[256], resources[128], data[128];
    bool one = p->shape == SHAPE_ONE;
    const char *name = one ? "edgexd" : service_places[s].name;
    snprintf(program, sizeof(program), "%s/%s", environment("EDGE_BIN_DIR"), name);
    snprintf(resources, sizeof(resources), "%s/res%s%s", p->dir.path, one ? "" : "/",
             one ? "" : name);
    snprintf(data, sizeof(data), "%s/data", p->dir.path);
    char provider[64];
    snprintf(provider, sizeof(provider), "-cp=keeper.%s://localhost:%d", p->tls ? "https" : "http",
             p->port[KEEPER]);
    const char *const argv[] = {
        program, "-cd", resources, "--data", data, p->provided ? provider : NULL, "-r", NULL};
    p->pid[s] = launch(p, name, argv);
}

static unsigned n_programs(const struct platform *p)
{
    static const unsigned n[] = {[SHAPE_ONE] = 1, [SHAPE_SPLIT] = N_SERVICES, [SHAPE_STACK] = 0};
    return n[p->shape];
}

void platform_print_logs(const struct platform *p)
{
    char command_path[128], line[512];
    for (unsigned s = 0; s < n_programs(p); s++) {
        snprintf(command_path, sizeof(command_path), "%s/%s.log", p->dir.path,
                 p->shape == SHAPE_ONE ? "edgexd" : service_places[s].name);
        FILE *f = fopen(command_path, "r");
        while (f && fgets(line, sizeof(line), f)) {
            fputs(line, stderr);
        }
        if (f) {
            fclose(f);
        }
    }
}

struct awaited {
    const struct platform *p;
    enum platform_service service;
};

static bool service_answers(void *arg)
{
    const struct awaited *w = arg;
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, w->p, w->service, "GET", "/api/v3/ping", NULL, NULL) == 200;
}

/* device-virtual has said hello to core-metadata: its devices are there. */
static bool devices_are_there(void *arg)
{
    const struct platform *p = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    return call(&ctx, p, METADATA, "GET", "/api/v3/device/all?limit=1", NULL, &body) == 200 &&
           int_at(body, "totalCount") >= p->expected_devices;
}

bool platform_driver_hears(void *arg)
{
    const struct platform *p = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    call(&ctx, p, METADATA, "PATCH", "/api/v3/device",
         "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"Random-Float-Device\","
         "\"adminState\":\"UNLOCKED\"}}]",
         &body);
    return int_at(body, "0.statusCode") == 200;
}

void platform_launch(struct platform *p)
{
    for (unsigned s = 0; s < N_SERVICES && p->shape != SHAPE_STACK; s++) {
        write_configuration(p, s);
    }
    if (p->shape == SHAPE_SPLIT && p->broker <= 0) {
        platform_start_broker(p);
    }
    for (unsigned s = 0; s < n_programs(p); s++) {
        if (p->pid[s] <= 0) {
            start_program(p, s);
        }
    }
}

void platform_start(struct platform *p, enum platform_service s)
{
    write_configuration(p, s);
    start_program(p, s);
}

size_t platform_log_lines(const struct platform *p, enum platform_service s, const char *first,
                          const char *second)
{
    char path[128], line[4096];
    snprintf(path, sizeof(path), "%s/%s.log", p->dir.path,
             p->shape == SHAPE_ONE ? "edgexd" : service_places[s].name);
    FILE *f = fopen(path, "r");
    size_t n = 0;
    while (f && fgets(line, sizeof(line), f)) {
        n += strstr(line, first) && strstr(line, second);
    }
    if (f) {
        fclose(f);
    }
    return n;
}

bool platform_logged(const struct platform *p, enum platform_service s, const char *text)
{
    return platform_log_lines(p, s, text, "") > 0;
}

bool platform_answers(const struct platform *p, enum platform_service s)
{
    struct awaited w = {p, s};
    return wait_until(service_answers, &w, PATIENCE_MS);
}

bool platform_up(struct platform *p)
{
    platform_launch(p);
    bool up = true;
    for (unsigned s = 0; up && s < N_SERVICES; s++) {
        up = platform_answers(p, s);
    }
    up = up && wait_until(devices_are_there, p, PATIENCE_MS);
    up = up && (p->devices_dir || wait_until(platform_driver_hears, p, PATIENCE_MS));
    if (!up) {
        platform_print_logs(p);
    }
    return up;
}

struct ended {
    pid_t pid;
    int status;
};

static bool has_ended(void *arg)
{
    struct ended *e = arg;
    return waitpid(e->pid, &e->status, WNOHANG) == e->pid;
}

bool platform_stop(struct platform *p, enum platform_service s)
{
    if (p->pid[s] <= 0) {
        return true;
    }
    kill(p->pid[s], SIGTERM);
    struct ended e = {p->pid[s], -1};
    bool ended = wait_until(has_ended, &e, PATIENCE_MS);
    bool clean = ended && WIFEXITED(e.status) && WEXITSTATUS(e.status) == 0;
    if (!clean) {
        fprintf(stderr, "program %u: status %x\n", s, (unsigned)e.status);
        platform_print_logs(p);
    }
    p->pid[s] = 0;
    return clean;
}

bool platform_down(struct platform *p)
{
    if (p->shape == SHAPE_STACK) {
        return system(environment("EDGE_STACK_RESTART")) == 0; /* NOLINT: the tests' own words */
    }
    bool all_clean = true;
    for (unsigned i = n_programs(p); i-- > 0;) {
        all_clean = platform_stop(p, i) && all_clean;
    }
    return all_clean;
}

void platform_kill_one(struct platform *p, enum platform_service s)
{
    if (p->pid[s] > 0) {
        kill(p->pid[s], SIGKILL);
        waitpid(p->pid[s], NULL, 0);
        p->pid[s] = 0;
    }
}

void platform_kill(struct platform *p)
{
    for (unsigned s = 0; s < n_programs(p); s++) {
        platform_kill_one(p, s);
    }
}

void platform_done(struct platform *p)
{
    if (p->shape != SHAPE_STACK) {
        (void)platform_down(p);
    }
    platform_kill_broker(p);
    if (p->tls) {
        unsetenv("EDGEX_CA_FILE");
    }
    scratch_done(&p->dir);
}

/* ---- HTTP -------------------------------------------------------------------------------- */

int call_text(struct edge_ctx *ctx, const struct platform *p, enum platform_service service,
              const char *method, const char *target, const char *body, const char **ret_text)
{
    *ret_text = "";
    struct channel channel;
    const char *ca = p->tls ? certificate_file(p->dir.path, "ca", ".pem") : NULL;
    if (!channel_open(&channel, p->address, p->port[service], ca)) {
        return 0;
    }
    struct edge_buf out = EDGE_BUF_INIT, in = EDGE_BUF_INIT;
    edge_buf_printf(&out,
                    "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                    method, target, body ? strlen(body) : 0, body ? body : "");
    int code = 0;
    if (channel_send(&channel, out.data, out.len)) {
        channel_receive_all(&channel, &in);
        char *answer = (char *)(uintptr_t)edge_buf_str(&in);
        char *content = strstr(answer, "\r\n\r\n");
        int64_t number = 0;
        if (content && strncmp(answer, "HTTP/1.1 ", 9) == 0 &&
            edge_int_parse(edge_strndup(&ctx->arena, answer + 9, 3), &number)) {
            code = (int)number;
            size_t len = in.len - (size_t)(content + 4 - answer);
            if (chunks_announced(answer)) {
                long joined = chunks_join(content + 4, len);
                len = joined < 0 ? 0 : (size_t)joined;
            }
            *ret_text = edge_strndup(&ctx->arena, content + 4, len);
        }
    }
    channel_close(&channel);
    edge_buf_done(&out);
    edge_buf_done(&in);
    return code;
}

int call(struct edge_ctx *ctx, const struct platform *p, enum platform_service service,
         const char *method, const char *target, const char *body, const cJSON **ret_body)
{
    const struct edge_json_limits limits = {.nodes = 5000000};
    const char *text = NULL;
    int code = call_text(ctx, p, service, method, target, body, &text);
    if (ret_body) {
        *ret_body = NULL;
        if (*text && edge_json_parse(ctx, text, strlen(text), &limits, ret_body) != EDGE_OK) {
            fprintf(stderr, "%s %s: not JSON: %.200s\n", method, target, text);
        }
    }
    return code;
}

/* ---- looking into answers ---------------------------------------------------------------- */

const cJSON *at(const cJSON *tree, const char *path)
{
    while (tree && *path) {
        size_t len = strcspn(path, ".");
        char key[64];
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        int64_t index = 0;
        if (cJSON_IsArray(tree)) {
            tree = edge_int_parse(key, &index) ? cJSON_GetArrayItem(tree, (int)index) : NULL;
        } else {
            tree = edge_json_member(tree, key, true);
        }
        path += len + (path[len] == '.');
    }
    return tree;
}

const char *text_at(const cJSON *tree, const char *path)
{
    const char *text = cJSON_GetStringValue(at(tree, path));
    return text ? text : "";
}

int64_t int_at(const cJSON *tree, const char *path)
{
    int64_t value = -1;
    const cJSON *node = at(tree, path);
    return node && edge_json_int(node, &value) ? value : -1;
}
