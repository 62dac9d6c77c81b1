/**
 * The writer: the only thread that changes the back end. It takes everything that has gathered, commits
 * it in groups, and reports each job after its commit. Between groups it does one step of the work in the
 * background: log, deletions, indexes.
 */
#include <stdatomic.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "event_store_impl.h"

enum {
    BATCH_EVENTS = 4096,
    BATCH_READINGS = 16384,
    CLOSING_MS = 2000, /* for deletions; what is left then is done after the next start */
    MAX_NAME = 1024,   /* bytes of a name, a unit, a media type: they are kept in memory */
};

struct batch {
    struct edge_ctx *ctx;
    struct event_store *store;
    struct new_event *events;
    struct event_job **jobs; /* theirs */
    size_t n, n_readings;
};

static enum edge_status check_names(struct edge_ctx *ctx, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i] && strnlen(names[i], MAX_NAME + 1) > MAX_NAME) {
            return edge_fail(ctx, EDGE_INVALID, "'%s' is longer than %d bytes",
                             edge_text_brief(&ctx->arena, names[i], 64), MAX_NAME);
        }
    }
    return EDGE_OK;
}

static enum edge_status check_event_names(struct edge_ctx *ctx, const struct event *e)
{
    const char *const names[] = {e->device_name, e->source_name, e->profile_name};
    EDGE_TRY(check_names(ctx, names, 3));
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct reading *r = &e->readings[i];
        const char *const more[] = {r->device_name, r->resource_name, r->profile_name, r->units,
                                    r->media_type};
        EDGE_TRY(check_names(ctx, more, 5));
    }
    return EDGE_OK;
}

/* CONFLICT where the event is stored, or before it in this batch. */
static enum edge_status check_new(const struct batch *b, const struct new_event *e)
{
    bool stored = false;
    for (size_t i = 0; i < b->n && !stored; i++) {
        stored = memcmp(b->events[i].id, e->id, ID_SIZE) == 0;
    }
    if (!stored) {
        EDGE_TRY(b->store->ops->has(b->ctx, b->store->db, e, &stored));
    }
    return stored ? edge_fail(b->ctx, EDGE_CONFLICT, "event is stored already") : EDGE_OK;
}

/* Everything about an event that can be wrong is found here, before the commit. */
static enum edge_status pend(struct batch *b, struct event_job *job)
{
    const struct event *event = job->event;
    struct new_event *e = &b->events[b->n];
    *e = (struct new_event){.event = event};
    if (!id_from_text(event->id, e->id)) {
        return edge_fail(b->ctx, EDGE_INVALID, "event id '%s' is not a uuid",
                         event->id ? event->id : "");
    }
    EDGE_TRY(check_event_names(b->ctx, event));
    if (job->again) {
        EDGE_TRY(check_new(b, e));
    }
    EDGE_TRY(b->store->ops->take(b->ctx, b->store->db, e));
    b->jobs[b->n++] = job;
    b->n_readings += event->n_readings;
    return EDGE_OK;
}

static enum edge_status commit(struct edge_ctx *ctx, struct event_store *s,
                               const struct new_event *events, size_t n)
{
    EDGE_TRY(s->ops->commit(ctx, s->db, events, n));
    size_t n_readings = 0;
    for (size_t i = 0; i < n; i++) {
        n_readings += events[i].event->n_readings;
    }
    atomic_fetch_add(&s->events_persisted, n);
    atomic_fetch_add(&s->readings_persisted, n_readings);
    return EDGE_OK;
}

static void report(struct edge_ctx *ctx, struct event_job *job, enum edge_status st)
{
    job->done(job, st, st == EDGE_OK ? "" : edge_ctx_message(ctx, st));
}

/* One event at a time, so that the one that cannot be stored does not take the others with it. */
static void commit_singly(const struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        EDGE_CTX_SCOPE(ctx);
        enum edge_status st = commit(&ctx, b->store, &b->events[i], 1);
        report(&ctx, b->jobs[i], st);
    }
}

static void commit_batch(const struct batch *b)
{
    if (b->n == 0) {
        return;
    }
    struct event_store *s = b->store;
    enum edge_status st = s->ops->room(b->ctx, s->db, 0);
    if (st == EDGE_OK) {
        st = commit(b->ctx, s, b->events, b->n);
    }
    if (st == EDGE_INVALID && b->n > 1) {
        commit_singly(b);
        return;
    }
    for (size_t i = 0; i < b->n; i++) {
        report(b->ctx, b->jobs[i], st);
    }
}

/* Adds from @p job on, as many as go into one batch; returns the job after them. */
static struct event_job *add_batch(struct event_store *s, struct event_job *job, size_t *ret_n)
{
    *ret_n = 0;
    EDGE_CTX_SCOPE(ctx);
    struct batch b = {.ctx = &ctx, .store = s};
    size_t n = 0;
    for (struct event_job *j = job; j && j->kind == EVENT_ADD && n < BATCH_EVENTS; j = j->next) {
        n++;
    }
    b.events = edge_new_n(&ctx.arena, struct new_event, n);
    b.jobs = edge_new_n(&ctx.arena, struct event_job *, n);
    size_t most = s->ops->commit_size(s->db), size = 0;
    while (n-- > 0 && b.n_readings < BATCH_READINGS && size < most) {
        size += store_weight_of(job);
        struct event_job *next = job->next; /* the job may be gone once it is reported */
        enum edge_status st = pend(&b, job);
        ++*ret_n;
        if (st != EDGE_OK) {
            report(&ctx, job, st);
            edge_ctx_clear(&ctx);
        }
        job = next;
    }
    commit_batch(&b);
    return job;
}

static enum edge_status remove_as(struct edge_ctx *ctx, struct event_store *s,
                                  const struct event_job *job)
{
    unsigned char id[ID_SIZE];
    switch (job->kind) {
    case EVENT_REMOVE_ID:
        return id_from_text(job->id, id)
                   ? s->ops->remove(ctx, s->db, id)
                   : edge_fail(ctx, EDGE_INVALID, "'%s' is not a uuid", job->id ? job->id : "");
    case EVENT_REMOVE_EACH:
        return s->ops->note_removals(ctx, s->db, job->removals, job->n_removals);
    default:
        return s->ops->note_removals(ctx, s->db, &job->removal, 1);
    }
}

static struct event_job *remove_one(struct event_store *s, struct event_job *job)
{
    EDGE_CTX_SCOPE(ctx);
    struct event_job *next = job->next;
    enum edge_status st = remove_as(&ctx, s, job);
    report(&ctx, job, st);
    return next;
}

/* Does one batch, or one other change; returns the jobs after it. */
static struct event_job *do_jobs(struct event_store *s, struct event_job *jobs)
{
    size_t n = 1;
    jobs = jobs->kind == EVENT_ADD ? add_batch(s, jobs, &n) : remove_one(s, jobs);
    queue_reported(&s->queue, n);
    if (s->config.settled) {
        s->config.settled(s->config.settled_arg);
    }
    return jobs;
}

static bool removes(struct event_store *s)
{
    struct event_store_stats stats = {0};
    s->ops->stats(s->db, &stats);
    return stats.removals > 0;
}

void *store_writer(void *arg)
{
    struct event_store *s = arg;
    bool did = true, closing = false;
    int64_t give_up_ms = 0;
    for (;;) {
        int64_t later = s->ops->step_at(s->db);
        struct event_job *jobs = queue_take(&s->queue, !did && !closing, later, &closing);
        if (closing && give_up_ms == 0) {
            give_up_ms = edge_now_mono_ms() + CLOSING_MS;
        }
        if (!jobs && closing && (!did || !removes(s) || edge_now_mono_ms() > give_up_ms)) {
            return NULL;
        }
        while (jobs) {
            jobs = do_jobs(s, jobs);
            if (jobs) {
                s->ops->step(s->db);
            }
        }
        did = s->ops->step(s->db);
    }
}
