#include "influx.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/buf.h"
#include "edge/ctx.h"
#include "http_probe.h"
#include "ports.h"
#include "scratch.h"
#include "wait.h"

enum { START_MS = 20 * 1000 };

struct influx_server {
    pid_t pid;
    uint16_t port;
    struct scratch dir;
    char config[96], log[96], url[40];
};

static void write_config(const struct influx_server *s, const char *http)
{
    FILE *f = fopen(s->config, "we");
    if (!f) {
        perror(s->config);
        exit(2);
    }
    fprintf(f,
            "reporting-disabled = true\nbind-address = \"127.0.0.1:%u\"\n"
            "[meta]\ndir = \"%s/meta\"\n[data]\ndir = \"%s/data\"\nwal-dir = \"%s/wal\"\n"
            "[monitor]\nstore-enabled = false\n"
            "[http]\nbind-address = \"127.0.0.1:%u\"\nlog-enabled = false\n%s",
            test_port(), s->dir.path, s->dir.path, s->dir.path, s->port, http ? http : "");
    fclose(f);
}

static _Noreturn void become_influxd(const struct influx_server *s, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0);
    }
    int log = open(s->log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execlp("influxd", "influxd", "-config", s->config, (char *)NULL);
    _exit(127);
}

static bool answers(void *arg)
{
    struct influx_server *s = arg;
    struct edge_arena a = {0};
    struct http_answer answer = {.code = -1};
    int fd = http_probe_open(s->port);
    if (fd >= 0) {
        close(fd);
        http_probe_ask(&a, s->port, "GET", "/ping", "", NULL, &answer);
    }
    edge_arena_done(&a);
    return answer.code == 204;
}

struct influx_server *influx_start(const char *http)
{
    struct influx_server *s = edge_xalloc(1, sizeof(*s));
    pid_t parent = getpid();
    scratch_make(&s->dir);
    s->port = test_port();
    snprintf(s->config, sizeof(s->config), "%s/influxdb.conf", s->dir.path);
    snprintf(s->log, sizeof(s->log), "%s/log", s->dir.path);
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
    write_config(s, http);
    fflush(stdout);
    s->pid = fork();
    if (s->pid == 0) {
        become_influxd(s, parent);
    }
    if (s->pid < 0 || !wait_until(answers, s, START_MS)) {
        fprintf(stderr, "influxd does not start\n");
        exit(1);
    }
    return s;
}

void influx_free(struct influx_server *s)
{
    if (s) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
        scratch_done(&s->dir);
        free(s);
    }
}

const char *influx_url(const struct influx_server *s)
{
    return s->url;
}

static void put_escaped(struct edge_buf *b, const char *text)
{
    for (; *text; text++) {
        edge_buf_printf(b, "%%%02X", (unsigned char)*text);
    }
}

const char *influx_query(struct edge_arena *a, const struct influx_server *s, const char *database,
                         const char *statement)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    struct http_answer answer;
    edge_buf_puts(&b, "q=");
    put_escaped(&b, statement);
    edge_buf_puts(&b, "&db=");
    put_escaped(&b, database);
    http_probe_ask(a, s->port, "POST", "/query",
                   "Content-Type: application/x-www-form-urlencoded\r\n", edge_buf_str(&b),
                   &answer);
    return answer.body;
}

void influx_freeze(struct influx_server *s)
{
    kill(s->pid, SIGSTOP);
}

void influx_thaw(struct influx_server *s)
{
    kill(s->pid, SIGCONT);
}
