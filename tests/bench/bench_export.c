/* export [EVENTS]: 100,000 events from the bus (a mosquitto) through app-service-configurable to another mosquitto at
 * QoS 1 and to a web server; a backlog that is drained; memory, and times at 11,100 readings/s, ten an event, with durability os. All must arrive.
 * Calibration, each in the same run: a relay of Paho alone between the two brokers; the same requests on one
 * connection; the same payloads from a bare loop of Paho. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "broker.h"
#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "hops.h"
#include "load.h"
#include "ports.h"
#include "rig.h"

#define MQTT_QUEUE "/api/v3/export/queue/default-pipeline.MQTTExport"

enum { EVENTS = 100 * 1000, PATIENCE = 60 * 1000, RATE = 1110, RATE_SECONDS = 20, READINGS = 10 };

static const enum platform_service APP = SERVICE_APP_SERVICE_CONFIGURABLE;

static const char UNBOUNDED[] = "max_queued_messages 0\nlog_type error\n";

struct bench {
    uint64_t n;
    struct hops_tally *tally;
    struct broker *bus, *peer;
};

/* Of each part its own: for a service that left, a broker keeps what comes. */
static void brokers_start(struct bench *b)
{
    b->bus = broker_start(UNBOUNDED);
    b->peer = broker_start(UNBOUNDED);
    hops_tally_reset(b->tally);
}

static void brokers_stop(struct bench *b)
{
    broker_free(b->bus);
    broker_free(b->peer);
}

static double per_second(const struct hops_tally *t, int64_t begin_ns)
{
    return (double)t->n / ((double)(t->last_ns - begin_ns) / 1e9);
}

/* ---- the service ---- */

static void write_config(const struct platform *p, const struct bench *b, bool http, bool paced)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/configuration.yaml", p->dir.path);
    FILE *f = fopen(path, "w");
    rig_must(f != NULL, "cannot write the configuration");
    fprintf(
        f,
        "Writable:\n"
        "  LogLevel: ERROR\n"
        "  Spool: {Durability: %s}\n"
        "  Pipeline:\n"
        "    ExecutionOrder: %s\n"
        "    Functions:\n"
        "      Transform: {Parameters: {Type: json}}\n"
        "      HTTPExport: {Parameters: {Method: post, Url: \"http://127.0.0.1:%u/\", "
        "MimeType: application/json}}\n"
        "      MQTTExport: {Parameters: {BrokerAddress: \"tcp://127.0.0.1:%u\", Topic: export, "
        "ClientId: bench-export, Qos: \"1\", AuthMode: none, SecretName: mqtt}}\n"
        "Service: {Port: %u}\n"
        "MessageBus: {Protocol: tcp, Host: 127.0.0.1, Port: %u, Optional: {ClientId: bench-app}}\n"
        "Trigger: {SubscribeTopics: events/#}\n",
        paced ? "os" : "group", http ? "HTTPExport" : "Transform, MQTTExport", b->tally->port,
        broker_port(b->peer), p->port[APP], broker_port(b->bus));
    fclose(f);
}

static void app_start(struct platform *p, const struct bench *b, bool http, bool paced)
{
    char program[512], data[128], log[128];
    *p = (struct platform){.address = "127.0.0.1"};
    scratch_make(&p->dir);
    p->port[APP] = test_port();
    write_config(p, b, http, paced);
    snprintf(program, sizeof(program), "%s/app-service-configurable", getenv("EDGE_BIN_DIR"));
    snprintf(data, sizeof(data), "%s/data", p->dir.path);
    snprintf(log, sizeof(log), "%s/log", p->dir.path);
    fflush(stdout);
    p->pid[APP] = fork();
    if (p->pid[APP] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execl(program, program, "-cd", p->dir.path, "--data", data, (char *)NULL);
        _exit(127);
    }
    rig_must(platform_answers(p, APP), "the service does not start");
}

static void app_stop(struct platform *p)
{
    int status = -1;
    kill(p->pid[APP], SIGTERM);
    waitpid(p->pid[APP], &status, 0);
    rig_must(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the service ended badly");
    scratch_done(&p->dir);
}

static uint64_t depth(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    rig_must(call(&ctx, p, APP, "GET", MQTT_QUEUE, NULL, &body) == 200, "no queue");
    int64_t n = int_at(body, "queue.depth");
    return (uint64_t)(n >= 0 ? n : int_at(body, "depth"));
}

static void queue_do(const struct platform *p, const char *what)
{
    EDGE_CTX_SCOPE(ctx);
    int code =
        call(&ctx, p, APP, "POST", edge_printf(&ctx.arena, MQTT_QUEUE "/%s", what), NULL, NULL);
    rig_must(code >= 200 && code < 300, what);
}

/* ---- through it ---- */

struct through {
    double events_s, p50_ms, p99_ms, cpu_us, idle_mb, end_mb;
    uint64_t again;
};

static void take_times(const struct hops_tally *t, struct through *ret)
{
    double *ms = edge_xalloc(t->n, sizeof(*ms));
    size_t n = 0;
    for (uint64_t i = 0; i < t->cap && n < t->n; i++) {
        if (t->arrival[i].seen) {
            ms[n++] = t->arrival[i].took_us / 1000.0;
        }
    }
    qsort(ms, n, sizeof(*ms), bench_compare_doubles);
    ret->p50_ms = rig_quantile(ms, n, 0.5);
    ret->p99_ms = rig_quantile(ms, n, 0.99);
    free(ms);
}

/* What is between source and sink stands already. */
static void push(struct bench *b, uint64_t n, double rate, struct through *ret)
{
    int64_t begin = edge_now_mono_ns();
    pid_t source = hops_source(broker_port(b->bus), 0, n, rate, rate > 0 ? READINGS : 1, true);
    bool whole = hops_arrived(b->tally, n);
    if (!whole) {
        fprintf(stderr, "%llu of %llu arrived\n", (unsigned long long)b->tally->n,
                (unsigned long long)n);
    }
    rig_must(whole && hops_ended(source), "events are missing");
    ret->events_s = per_second(b->tally, begin);
    ret->again = b->tally->again;
    take_times(b->tally, ret);
}

static struct through bare(struct bench *b, uint64_t n, double rate)
{
    struct through ret = {0};
    brokers_start(b);
    pid_t sink = hops_sink(b->tally, broker_port(b->peer));
    pid_t relay = hops_relay(b->tally, broker_port(b->bus), broker_port(b->peer));
    push(b, n, rate, &ret);
    hops_kill(relay);
    hops_kill(sink);
    brokers_stop(b);
    return ret;
}

static struct through ours(struct bench *b, bool http, uint64_t n, double rate)
{
    struct through ret = {0};
    struct platform p;
    brokers_start(b);
    pid_t sink = http ? hops_receiver(b->tally) : hops_sink(b->tally, broker_port(b->peer));
    app_start(&p, b, http, rate > 0);
    ret.idle_mb = (double)rig_pss_kb(&p) / 1024;
    double cpu = rig_cpu_seconds(&p);
    push(b, n, rate, &ret);
    ret.cpu_us = (rig_cpu_seconds(&p) - cpu) * 1e6 / (double)n;
    ret.end_mb = (double)rig_pss_kb(&p) / 1024;
    app_stop(&p);
    hops_kill(sink);
    brokers_stop(b);
    return ret;
}

static size_t make_request(void *arg, uint64_t i, char text[LOAD_REQUEST_SIZE])
{
    (void)arg;
    char event[HOPS_EVENT_SIZE];
    size_t size = hops_event(event, i, 1, false);
    return (size_t)snprintf(
        text, LOAD_REQUEST_SIZE,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        size, event);
}

static double bare_http(struct bench *b)
{
    struct load_result result;
    hops_tally_reset(b->tally);
    pid_t receiver = hops_receiver(b->tally);
    struct load load = {.port = b->tally->port,
                        .connections = 1,
                        .requests = b->n,
                        .make = make_request,
                        .expect = 200};
    rig_must(load_run(&load, &result) == 0 && b->tally->n == b->n, "the web server");
    hops_kill(receiver);
    return (double)b->n / result.seconds;
}

/* ---- a backlog ---- */

struct backlog {
    double idle_mb, half_mb, full_mb, drained_mb, drain_s, bare_s;
    uint64_t again;
};

static void spool(struct bench *b, const struct platform *p, uint64_t first, uint64_t until)
{
    pid_t source = hops_source(broker_port(b->bus), first, until, 0, 1, true);
    int64_t deadline = edge_now_mono_ms() + PATIENCE;
    while (depth(p) < until) {
        rig_must(edge_now_mono_ms() < deadline, "the spool does not fill");
        rig_wait_ms(50);
    }
    rig_must(hops_ended(source), "the source");
}

static struct backlog backlog(struct bench *b)
{
    struct backlog ret = {0};
    struct platform p;
    brokers_start(b);
    broker_stop(b->peer);
    app_start(&p, b, false, false);
    ret.idle_mb = (double)rig_pss_kb(&p) / 1024;
    spool(b, &p, 0, b->n / 2);
    ret.half_mb = (double)rig_pss_kb(&p) / 1024;
    spool(b, &p, b->n / 2, b->n);
    ret.full_mb = (double)rig_pss_kb(&p) / 1024;
    queue_do(&p, "pause");
    rig_must(broker_restart(b->peer), "the peer does not come back");
    pid_t sink = hops_sink(b->tally, broker_port(b->peer));
    queue_do(&p, "resume");
    queue_do(&p, "flush");
    rig_must(hops_arrived(b->tally, b->n), "events are missing");
    ret.drain_s = per_second(b->tally, b->tally->first_ns);
    ret.again = b->tally->again;
    ret.drained_mb = (double)rig_pss_kb(&p) / 1024;
    app_stop(&p);

    hops_tally_reset(b->tally);
    hops_kill(sink);
    sink = hops_sink(b->tally, broker_port(b->peer));
    pid_t source = hops_source(broker_port(b->peer), 0, b->n, 0, 1, false);
    rig_must(hops_arrived(b->tally, b->n) && hops_ended(source), "the bare loop");
    ret.bare_s = per_second(b->tally, b->tally->first_ns);
    hops_kill(sink);
    brokers_stop(b);
    return ret;
}

/* ---- together ---- */

static void say(const char *what, const struct through *t)
{
    printf("%-28s %7.0f events/s, p50 %8.2f ms, p99 %8.2f ms", what, t->events_s, t->p50_ms,
           t->p99_ms);
    if (t->idle_mb > 0) {
        printf(", %.1f us of CPU each, %.1f MB -> %.1f MB, %llu twice", t->cpu_us, t->idle_mb,
               t->end_mb, (unsigned long long)t->again);
    }
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int64_t n = EVENTS;
    rig_must((argc < 2 || edge_int_parse(argv[1], &n)) && n > 1, "usage: bench_export [EVENTS]");
    uint64_t cap =
        (uint64_t)n > (uint64_t)RATE * RATE_SECONDS ? (uint64_t)n : (uint64_t)RATE * RATE_SECONDS;
    struct bench b = {.n = (uint64_t)n, .tally = hops_tally_new(cap)};
    struct through relay = bare(&b, b.n, 0);
    say("relay of Paho", &relay);
    struct through mqtt = ours(&b, false, b.n, 0);
    say("MQTTExport", &mqtt);
    double requests_s = bare_http(&b);
    printf("%-28s %7.0f requests/s\n", "one connection, bare", requests_s);
    struct through http = ours(&b, true, b.n, 0);
    say("HTTPExport", &http);
    struct through paced_relay = bare(&b, (uint64_t)RATE * RATE_SECONDS, RATE);
    say("relay, 11,100 readings/s", &paced_relay);
    struct through paced = ours(&b, false, (uint64_t)RATE * RATE_SECONDS, RATE);
    say("MQTTExport, 11,100 readings/s", &paced);
    struct backlog away = backlog(&b);
    printf(
        "peer away: %.1f MB, with half %.1f MB, with all %.1f MB; drained at %.0f events/s (bare "
        "loop %.0f), %.1f MB, %llu twice\n",
        away.idle_mb, away.half_mb, away.full_mb, away.drain_s, away.bare_s, away.drained_mb,
        (unsigned long long)away.again);
    printf(
        "bench export events=%llu mqtt_s=%.0f relay_s=%.0f http_s=%.0f bare_http_s=%.0f idle_mb=%.1f "
        "end_mb=%.1f cpu_us=%.1f paced_s=%.0f p50_ms=%.2f p99_ms=%.2f paced_relay_s=%.0f relay_p50_ms=%.2f "
        "relay_p99_ms=%.2f away_half_mb=%.1f away_mb=%.1f drain_s=%.0f bare_drain_s=%.0f\n",
        (unsigned long long)b.n, mqtt.events_s, relay.events_s, http.events_s, requests_s,
        mqtt.idle_mb, mqtt.end_mb, mqtt.cpu_us, paced.events_s, paced.p50_ms, paced.p99_ms,
        paced_relay.events_s, paced_relay.p50_ms, paced_relay.p99_ms, away.half_mb, away.full_mb,
        away.drain_s, away.bare_s);
    return 0;
}
