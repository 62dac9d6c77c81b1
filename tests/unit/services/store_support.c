#include "store_support.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "suites.h"

void store_setup(struct store_fixture *f)
{
    *f = (struct store_fixture){.ctx = EDGE_CTX_INIT};
    scratch_make(&f->dir);
    snprintf(f->path, sizeof(f->path), "%s/core-data.db", f->dir.path);
    f->config = (struct event_store_config){
        .file.path = f->path, .segment_readings = 100, .segment_events = 60};
    store_reopen(f);
}

void store_reopen(struct store_fixture *f)
{
    event_store_close(f->store);
    f->store = NULL;
    enum edge_status st = event_store_open(&f->ctx, &f->config, &f->store);
    if (st != EDGE_OK) {
        fprintf(stderr, "open: %s\n", edge_ctx_message(&f->ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

void store_teardown(struct store_fixture *f)
{
    event_store_close(f->store);
    scratch_done(&f->dir);
    edge_ctx_done(&f->ctx);
}

void latch_init(struct latch *l, size_t n)
{
    *l = (struct latch){.left = n};
    edge_mutex_init(&l->lock);
    edge_cond_init(&l->changed);
}

void latch_wait(struct latch *l)
{
    {
        EDGE_LOCK(&l->lock);
        while (l->left > 0) {
            edge_cond_wait(&l->changed, &l->lock);
        }
    }
    edge_cond_done(&l->changed);
    edge_mutex_done(&l->lock);
}

static void latched_done(struct event_job *job, enum edge_status st, const char *why)
{
    struct latch *l = ((struct latched_job *)job)->latch;
    EDGE_LOCK(&l->lock);
    if (st != EDGE_OK) {
        l->st = st;
        snprintf(l->why, sizeof(l->why), "%s", why);
    }
    l->left--;
    edge_cond_broadcast(&l->changed);
}

void latched_submit(struct event_store *store, struct latched_job *job, struct latch *l)
{
    EDGE_CTX_SCOPE(ctx);
    job->latch = l;
    job->job.done = latched_done;
    CU_ASSERT_EQUAL_FATAL(event_store_submit(&ctx, store, &job->job, 20000), EDGE_OK);
}

enum edge_status store_do(struct store_fixture *f, const struct event_job *job)
{
    struct latch l;
    latch_init(&l, 1);
    struct latched_job latched = {.job = *job};
    latched_submit(f->store, &latched, &l);
    latch_wait(&l);
    edge_ctx_clear(&f->ctx);
    return l.st == EDGE_OK ? EDGE_OK : edge_fail(&f->ctx, l.st, "%s", l.why);
}

enum edge_status store_add(struct store_fixture *f, const struct event *e)
{
    return store_do(f, &(struct event_job){.kind = EVENT_ADD, .event = e});
}

enum edge_status store_remove_id(struct store_fixture *f, const char *id)
{
    return store_do(f, &(struct event_job){.kind = EVENT_REMOVE_ID, .id = id});
}

enum edge_status store_remove(struct store_fixture *f, const char *device, const char *source,
                              int64_t cutoff)
{
    enum edge_status st =
        store_do(f, &(struct event_job){
                        .kind = EVENT_REMOVE, .removal = {device, source, cutoff}
    });
    event_store_settle(f->store);
    return st;
}

const char *make_id(struct edge_arena *a, uint64_t n)
{
    uint64_t mixed = n * 0x9e3779b97f4a7c15u;
    return edge_printf(a, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(mixed >> 32),
                       (unsigned)(mixed >> 16) & 0xffff, (unsigned)mixed & 0xfff,
                       (unsigned)(mixed >> 4) & 0xfff, n);
}

struct event *make_event(struct edge_arena *a, const char *device, const char *source,
                         int64_t origin, size_t n)
{
    static _Atomic uint64_t made;
    struct event *e = edge_new(a, struct event);
    *e = (struct event){
        .api_version = "v3",
        .id = make_id(a, ++made),
        .device_name = device,
        .profile_name = "profile",
        .source_name = source,
        .origin = origin,
        .readings = edge_new_n(a, struct reading, n),
        .n_readings = n,
    };
    for (size_t i = 0; i < n; i++) {
        e->readings[i] = (struct reading){
            .device_name = device,
            .resource_name = edge_printf(a, "r%zu", i),
            .profile_name = "profile",
            .origin = origin,
            .value_type = VT_INT64,
            .value = edge_printf(a, "%" PRId64, origin + (int64_t)i),
        };
    }
    return e;
}
