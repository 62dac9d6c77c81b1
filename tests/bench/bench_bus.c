/*
 * The message bus: what publishing costs in process, how fast events pass it and a broker, and how
 * long they take on the way.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker.h"
#include "contracts/event.h"
#include "edge/bus.h"
#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/pool.h"
#include "edge/text.h"

enum { NEIGHBOURS = 8, PATTERNS = 5, MAX_SAMPLES = 1000 * 1000 };

struct sink {
    atomic_uint n;
    unsigned n_samples;
    int64_t *samples; /* ns from origin to handler */
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_bus: %s\n", what);
        exit(1);
    }
}

static enum edge_status take_in(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct sink *sink = state;
    const struct add_event_request *request = NULL;
    EDGE_TRY(edge_message_decode(ctx, m, &ADD_EVENT_REQUEST, (const void **)&request));
    if (sink->n_samples < MAX_SAMPLES) {
        sink->samples[sink->n_samples++] = edge_now_ns() - request->event.origin;
    }
    sink->n++;
    return EDGE_OK;
}

static struct edge_message *event_message(unsigned i)
{
    struct edge_message *m = edge_message_create(1000);
    struct edge_arena *a = edge_message_arena(m);
    struct add_event_request *request = edge_new(a, struct add_event_request);
    int64_t now = edge_now_ns();
    request->base.api_version = request->event.api_version = "v3";
    request->base.request_id = request->event.id = "d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e";
    request->event.device_name = edge_printf(a, "D%u", i % 100);
    request->event.profile_name = "Simple-Device";
    request->event.source_name = "Temperature";
    request->event.origin = now;
    request->event.readings = edge_new(a, struct reading);
    request->event.n_readings = 1;
    request->event.readings[0] = (struct reading){
        .id = "0f7e8f9a-2c60-4a3d-8c3c-2f1f7b1f6f43",
        .device_name = request->event.device_name,
        .resource_name = "Temperature",
        .profile_name = "Simple-Device",
        .origin = now,
        .value_type = VT_FLOAT64,
        .value = "2.15e+01",
    };
    edge_message_topic(m, "edgex/events/device/device-simple/Simple-Device/D%u/Temperature",
                       i % 100);
    m->dto = &ADD_EVENT_REQUEST;
    m->object = request;
    return m;
}

static void say(struct edge_bus *bus, unsigned i)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = event_message(i);
    must(edge_bus_publish(&ctx, bus, m) == EDGE_OK, "publish");
    edge_message_unref(m);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Returns the p99 in us. */
static double report(const char *what, int64_t *samples, unsigned n)
{
    qsort(samples, n, sizeof(*samples), compare);
    printf("  %-34s p50 %8.1f us  p99 %8.1f us  max %8.1f us\n", what, (double)samples[n / 2] / 1e3,
           (double)samples[n - 1 - n / 100] / 1e3, (double)samples[n - 1] / 1e3);
    return (double)samples[n - 1 - n / 100] / 1e3;
}

static void wait_for(struct sink *sink, unsigned n)
{
    int64_t deadline = edge_now_mono_ms() + 30 * 1000;
    while (sink->n < n) {
        must(edge_now_mono_ms() < deadline, "messages are missing");
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000}, NULL);
    }
}

static double flood(struct edge_bus *bus, struct sink *sink, unsigned n)
{
    sink->n = sink->n_samples = 0;
    int64_t start = edge_now_mono_ns();
    for (unsigned i = 0; i < n; i++) {
        say(bus, i);
    }
    wait_for(sink, n);
    double per_second = n / ((double)(edge_now_mono_ns() - start) / 1e9);
    printf("  as fast as it goes: %.0f events/s\n", per_second);
    return per_second;
}

static double paced(struct edge_bus *bus, struct sink *sink, unsigned per_second, unsigned n)
{
    sink->n = sink->n_samples = 0;
    int64_t start = edge_now_mono_ns();
    for (unsigned i = 0; i < n; i++) {
        int64_t wait = start + (int64_t)i * 1000000000 / per_second - edge_now_mono_ns();
        if (wait > 0) {
            nanosleep(&(struct timespec){wait / 1000000000, wait % 1000000000}, NULL);
        }
        say(bus, i);
    }
    wait_for(sink, n);
    char what[64];
    snprintf(what, sizeof(what), "latency at %u events/s", per_second);
    return report(what, sink->samples, sink->n_samples);
}

/* The cost of one publish when the message exists already and the listener is awake. */
static void publish_cost(struct edge_bus *bus, struct sink *sink)
{
    enum { N = 15 * 1000, ROUNDS = 20 };
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = event_message(0);
    int64_t spent = 0;
    for (int round = 0; round < ROUNDS; round++) {
        sink->n = sink->n_samples = 0;
        int64_t start = edge_now_mono_ns();
        for (int i = 0; i < N; i++) {
            must(edge_bus_publish(&ctx, bus, m) == EDGE_OK, "publish");
        }
        spent += edge_now_mono_ns() - start;
        wait_for(sink, N);
    }
    edge_message_unref(m);
    printf("  publish: %.2f us\n", (double)spent / (N * ROUNDS) / 1e3);
}

static enum edge_status reply(void *bus, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct edge_message *event = event_message(1);
    enum edge_status st = edge_bus_publish(ctx, bus, event); /* as a device service does */
    edge_message_unref(event);
    EDGE_TRY(st);
    struct edge_message *answer = edge_message_create(0);
    edge_message_topic(answer, "edgex/response/device-simple/%s", m->request_id);
    st = edge_bus_publish(ctx, bus, answer);
    edge_message_unref(answer);
    return st;
}

static double requests(struct edge_bus *bus, int64_t *samples)
{
    enum { N = 3000 };
    for (unsigned i = 0; i < N; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m = edge_message_create(0), *answer = NULL;
        edge_message_topic(m, "edgex/device/command/request/device-simple/D1/Temperature/get");
        m->request_id = edge_uuid_make(edge_message_arena(m));
        int64_t start = edge_now_mono_ns();
        must(edge_bus_request(&ctx, bus, m, "edgex/response/device-simple",
                              edge_now_mono_ms() + 5000, &answer) == EDGE_OK,
             "request");
        samples[i] = edge_now_mono_ns() - start;
        edge_message_unref(answer);
        edge_message_unref(m);
    }
    return report("requests, one after the other", samples, N);
}

static void listen_to(struct edge_bus *bus, const char *pattern, edge_bus_handler *handler,
                      void *state)
{
    EDGE_CTX_SCOPE(ctx);
    must(edge_bus_subscribe(&ctx, bus, pattern, handler, state, 0) == EDGE_OK, "subscribe");
}

static struct edge_bus *open_bus(const struct edge_bus_config *config)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_bus *bus = NULL;
    must(edge_bus_open(&ctx, config, &bus) == EDGE_OK, "open");
    return bus;
}

struct figures {
    double events_s, p99_us, request_p99_us;
};

static struct figures run(const struct edge_bus_config *config, bool memory)
{
    struct figures figures;
    struct sink sink = {.samples = calloc(MAX_SAMPLES, sizeof(int64_t))};
    struct edge_bus *neighbours[NEIGHBOURS];
    struct edge_bus *from = open_bus(config), *to = open_bus(config);
    listen_to(to, "edgex/events/device/#", take_in, &sink);
    listen_to(from, "edgex/device/command/request/device-simple/#", reply, from);
    for (int i = 0; memory && i < NEIGHBOURS; i++) {
        neighbours[i] = open_bus(config);
        for (int k = 0; k < PATTERNS; k++) {
            char pattern[64];
            snprintf(pattern, sizeof(pattern), "edgex/system-events/core-metadata/+/+/s%d-%d/#", i,
                     k);
            listen_to(neighbours[i], pattern, take_in, &sink);
        }
    }
    int64_t deadline = edge_now_mono_ms() + 10 * 1000;
    must(edge_bus_wait_connected(from, deadline) && edge_bus_wait_connected(to, deadline),
         "not connected");
    if (memory) {
        publish_cost(from, &sink);
    }
    flood(from, &sink, memory ? 500 * 1000 : 9000); /* warms up */
    figures.events_s = flood(from, &sink, memory ? 500 * 1000 : 9000);
    paced(from, &sink, 100, 300);
    paced(from, &sink, 2000, 6000);
    figures.p99_us = paced(from, &sink, 11000, 22000);
    figures.request_p99_us = requests(to, sink.samples);
    for (int i = 0; memory && i < NEIGHBOURS; i++) {
        edge_bus_close(neighbours[i], 100);
    }
    edge_bus_close(from, 100);
    edge_bus_close(to, 100);
    free(sink.samples);
    return figures;
}

static void print_figures(const char *prefix, const struct figures *f)
{
    printf(" %s_events_s=%.0f %s_p99_us=%.1f %s_request_p99_us=%.1f", prefix, f->events_s, prefix,
           f->p99_us, prefix, f->request_p99_us);
}

int main(void)
{
    struct edge_bus_config config = {
        .type = "memory", .service = "bench", .hub = edge_bus_hub_create()};
    printf("in process, %d connections of %d subscriptions beside\n", NEIGHBOURS, PATTERNS);
    struct figures memory = run(&config, true), qos0 = {0}, qos1 = {0};
    edge_bus_hub_free(config.hub);
    struct broker *broker = broker_start(NULL);
    if (broker) {
        config = (struct edge_bus_config){.type = "mqtt",
                                          .service = "bench",
                                          .protocol = "tcp",
                                          .host = "127.0.0.1",
                                          .port = broker_port(broker)};
        printf("through mosquitto, QoS 0\n");
        qos0 = run(&config, false);
        config.qos = 1;
        printf("through mosquitto, QoS 1\n");
        qos1 = run(&config, false);
    }
    broker_free(broker);
    printf("bench bus");
    print_figures("memory", &memory);
    print_figures("qos0", &qos0);
    print_figures("qos1", &qos1);
    putchar('\n');
    return 0;
}
