/* How long questions take with 1 million readings stored, or with as many as the argument says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "scratch.h"

enum { DEVICES = 100, READINGS = 10, RUNS = 21, PAGE = 1000, BAR_MS = 10 };

struct question {
    const char *text, *key;
    struct event_filter filter;
    enum { NEWEST_READINGS, NEWEST_EVENTS, COUNT_READINGS, COUNT_EVENTS, BY_ID } what;
    int64_t offset;
};

static const char *const RESOURCE[] = {"resource-3"};

static int64_t ask(struct event_store *store, const struct question *q, const char *id)
{
    EDGE_CTX_SCOPE(ctx);
    struct reading *readings = NULL;
    struct event *events = NULL, event;
    size_t n = 0;
    int64_t count = 0;
    enum edge_status st = EDGE_OK;
    switch (q->what) {
    case NEWEST_READINGS:
        st = event_store_readings(&ctx, store, &q->filter, q->offset, PAGE, &readings, &n);
        break;
    case NEWEST_EVENTS:
        st = event_store_events(&ctx, store, &q->filter, q->offset, PAGE / READINGS, &events, &n);
        break;
    case COUNT_READINGS:
        st = event_store_count_readings(&ctx, store, &q->filter, &count);
        break;
    case COUNT_EVENTS:
        st = event_store_count_events(&ctx, store, &q->filter, &count);
        break;
    case BY_ID:
        st = event_store_get(&ctx, store, id, &event);
        n = 1;
        break;
    }
    if (st != EDGE_OK) {
        fprintf(stderr, "%s: %s\n", q->text, edge_ctx_message(&ctx, st));
        exit(2);
    }
    return count + (int64_t)n;
}

static double median_ms(struct event_store *store, const struct question *q, const char *id,
                        int64_t *ret_n)
{
    double ms[RUNS];
    for (int i = 0; i < RUNS; i++) {
        double start = bench_now();
        *ret_n = ask(store, q, id);
        ms[i] = (bench_now() - start) * 1e3;
    }
    return bench_median(ms, RUNS);
}

static const struct event *nth_event(struct edge_arena *a, uint64_t n)
{
    const struct bench_shape shape = {DEVICES, READINGS};
    return bench_event(a, &shape, n);
}

static void ask_all(struct event_store *store, uint64_t n_events)
{
    EDGE_CTX_SCOPE(ctx);
    int64_t first = nth_event(&ctx.arena, 0)->origin;
    int64_t last = nth_event(&ctx.arena, n_events - 1)->origin;
    int64_t width = last - first;
    const char *id = nth_event(&ctx.arena, n_events / 3)->id;
    const struct event_filter all = {EVENT_FILTER_ALL};
    const struct event_filter device = {.device = "device-7", EVENT_FILTER_ALL};
    const struct event_filter resource = {
        .resources = RESOURCE, .n_resources = 1, EVENT_FILTER_ALL};
    const struct event_filter both = {
        .device = "device-7", .resources = RESOURCE, .n_resources = 1, EVENT_FILTER_ALL};
    const struct event_filter range = {.start = first + width / 7, .end = last - width / 5};
    struct event_filter device_range = range, both_range = range;
    device_range.device = both_range.device = "device-7";
    both_range.resources = RESOURCE;
    both_range.n_resources = 1;
    const struct question questions[] = {
        {"newest 1,000 readings",                 "newest_all",         all,          NEWEST_READINGS, 0},
        {"newest 1,000 readings of a device",     "newest_device",      device,       NEWEST_READINGS, 0},
        {"newest 1,000 readings of a resource",   "newest_resource",    resource,     NEWEST_READINGS, 0},
        {"newest 1,000 readings of both",         "newest_both",        both,         NEWEST_READINGS, 0},
        {"1,000 readings of a device in a range", "range_device",       device_range, NEWEST_READINGS, 0},
        {"1,000 readings far down the list",      "deep",               all,          NEWEST_READINGS,
         (int64_t)(n_events * READINGS / 2)                                                             },
        {"newest 100 events",                     "events_all",         all,          NEWEST_EVENTS,   0},
        {"newest 100 events of a device",         "events_device",      device,       NEWEST_EVENTS,   0},
        {"count of readings",                     "count_all",          all,          COUNT_READINGS,  0},
        {"count of readings of a device",         "count_device",       device,       COUNT_READINGS,  0},
        {"count of readings of a resource",       "count_resource",     resource,     COUNT_READINGS,  0},
        {"count of events of a device",           "count_events",       device,       COUNT_EVENTS,    0},
        {"count of readings in a range",          "count_range",        range,        COUNT_READINGS,  0},
        {"count of a device's in a range",        "count_range_device", device_range, COUNT_READINGS,  0},
        {"count of a resource's in a range",      "count_range_both",   both_range,   COUNT_READINGS,  0},
        {"event by id",                           "by_id",              all,          BY_ID,           0},
    };
    char line[2048];
    int len = snprintf(line, sizeof(line), "bench query readings=%" PRIu64, n_events * READINGS);
    double worst = 0;
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        int64_t n = 0;
        double ms = median_ms(store, &questions[i], id, &n);
        worst = ms > worst ? ms : worst;
        printf("%-40s %8.3f ms  (%" PRId64 ")\n", questions[i].text, ms, n);
        len +=
            snprintf(line + len, sizeof(line) - (size_t)len, " %s_ms=%.3f", questions[i].key, ms);
    }
    printf("slowest %.3f ms, bar %d ms: %s\n", worst, BAR_MS, worst <= BAR_MS ? "kept" : "missed");
    printf("%s worst_ms=%.3f bar_ms=%d pss=%" PRId64 "\n", line, worst, BAR_MS, bench_pss());
}

int main(int argc, char **argv)
{
    uint64_t n_readings = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint64_t n_events = n_readings / READINGS;
    if (n_events < DEVICES) {
        fprintf(stderr, "usage: %s [readings, at least %d]\n", argv[0], DEVICES * READINGS);
        return 2;
    }
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    const struct event_store_config config = {
        .file.path = edge_printf(&ctx.arena, "%s/core-data.db", dir.path)};
    struct event_store *store = NULL;
    if (event_store_open(&ctx, &config, &store) != EDGE_OK) {
        fprintf(stderr, "%s\n", edge_ctx_message(&ctx, EDGE_INTERNAL));
        return 2;
    }
    const struct bench_shape shape = {DEVICES, READINGS};
    double seconds = bench_store_fill(store, &shape, 0, n_events, 4096);
    event_store_settle(store);
    printf("stored %" PRIu64 " readings in %.1f s\n", n_events * READINGS, seconds);
    ask_all(store, n_events);
    event_store_close(store);
    return 0;
}
