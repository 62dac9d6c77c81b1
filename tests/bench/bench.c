#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/clock.h"
#include "edge/thread.h"

double bench_now(void)
{
    return (double)edge_now_mono_ns() / 1e9;
}

const struct event *bench_event(struct edge_arena *a, const struct bench_shape *shape, uint64_t i)
{
    uint64_t device = i % shape->n_devices;
    uint64_t mixed = (i + 1) * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 29;
    int64_t origin = 1754470000000000000 + (int64_t)i * 90000;
    const char *name = edge_printf(a, "device-%" PRIu64, device);
    struct event *e = edge_new(a, struct event);
    *e = (struct event){
        .api_version = "v3",
        .id = edge_printf(a, "%08x-%04x-4000-8000-%012" PRIx64, (unsigned)(mixed >> 32),
                          (unsigned)mixed & 0xffff, i),
        .device_name = name,
        .profile_name = "bench",
        .source_name = "values",
        .origin = origin,
        .readings = edge_new_n(a, struct reading, shape->n_readings),
        .n_readings = shape->n_readings,
    };
    for (unsigned k = 0; k < shape->n_readings; k++) {
        e->readings[k] = (struct reading){
            .device_name = name,
            .resource_name = edge_printf(a, "resource-%u", k),
            .profile_name = "bench",
            .origin = origin,
            .value_type = VT_INT32,
            .value = edge_printf(a, "%u", (unsigned)(mixed >> k) & 0xffff),
        };
    }
    return e;
}

/* ---- filling a store ---------------------------------------------------------------------------
 */

struct filling {
    struct edge_mutex lock;
    struct edge_cond changed;
    uint64_t left;
    struct fill_job *idle;
    unsigned failures;
};

struct fill_job {
    struct event_job job;
    struct filling *filling;
    struct fill_job *next;
    struct edge_arena arena;
};

static void fill_done(struct event_job *job, enum edge_status st, const char *why)
{
    struct fill_job *j = (struct fill_job *)job;
    struct filling *f = j->filling;
    edge_arena_done(&j->arena);
    EDGE_LOCK(&f->lock);
    if (st != EDGE_OK && f->failures++ == 0) {
        fprintf(stderr, "not stored: %s\n", why);
    }
    j->next = f->idle;
    f->idle = j;
    if (--f->left == 0 || !j->next) {
        edge_cond_signal(&f->changed);
    }
}

static struct fill_job *take_idle(struct filling *f)
{
    EDGE_LOCK(&f->lock);
    while (!f->idle) {
        edge_cond_wait(&f->changed, &f->lock);
    }
    struct fill_job *j = f->idle;
    f->idle = j->next;
    return j;
}

double bench_store_fill(struct event_store *store, const struct bench_shape *shape, uint64_t first,
                        uint64_t n, size_t in_flight)
{
    struct filling f = {.left = n};
    edge_mutex_init(&f.lock);
    edge_cond_init(&f.changed);
    struct fill_job *jobs = edge_xalloc(in_flight, sizeof(*jobs));
    for (size_t i = 0; i < in_flight; i++) {
        jobs[i].filling = &f;
        jobs[i].next = f.idle;
        f.idle = &jobs[i];
    }
    double start = bench_now();
    for (uint64_t i = first; i < first + n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct fill_job *j = take_idle(&f);
        j->job = (struct event_job){
            .kind = EVENT_ADD, .event = bench_event(&j->arena, shape, i), .done = fill_done};
        if (event_store_submit(&ctx, store, &j->job, 60000) != EDGE_OK) {
            fprintf(stderr, "%s\n", edge_ctx_message(&ctx, EDGE_UNAVAILABLE));
            exit(2);
        }
    }
    {
        EDGE_LOCK(&f.lock);
        while (f.left > 0) {
            edge_cond_wait(&f.changed, &f.lock);
        }
    }
    double seconds = bench_now() - start;
    free(jobs);
    edge_cond_done(&f.changed);
    edge_mutex_done(&f.lock);
    return seconds;
}

int64_t bench_pss(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long long kib = 0;
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "Pss: %lld kB", &kib) == 1) {
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    return kib * 1024;
}

int bench_compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), bench_compare_doubles);
    return values[n / 2];
}
