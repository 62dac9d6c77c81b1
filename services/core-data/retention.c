/* Old events go (contract 5.6): now and then a thread looks at every source that has events, and
 * has the store remove what its policy no longer keeps. It asks for counts and single origins only,
 * never for events; the removing is the store's, beside the ingest. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "state.h"

/* An event dated so much ahead of the clock is not taken for the newest one. */
#define AHEAD_NS INT64_C(600000000000)

enum {
    PING_MS = 500,              /* a stop of core-data waits no longer for who is away */
    RETRY_MS = 1000,            /* while core-metadata is away */
    RELOAD_MS = 60 * 60 * 1000, /* what the bus may have failed to tell is asked for again */
    SUBMIT_MS = 5000,           /* for room in the store's queue; then at the next run */
    BATCH = 256,                /* removals noted in one commit */
};

static const char METADATA[] = "core-metadata";

struct retention_loop {
    struct core_data *data;
    struct policy defaults;
    int64_t interval_ms;
    bool loaded;          /* policies are known */
    int64_t next_load_ms; /* monotonic */
    bool warned;
    bool running;
    pthread_t thread;
};

/* ---- what goes ---------------------------------------------------------------------------------
 */

static bool stays_whole(const struct policy *policy, const struct event_source *source)
{
    return (policy->max_cap > 0 && source->n_events < policy->max_cap) || policy->duration < 0;
}

enum edge_status retention_cutoff(struct edge_ctx *ctx, struct event_store *store,
                                  const struct policy *policy, const struct event_source *source,
                                  int64_t now, int64_t *ret)
{
    if (stays_whole(policy, source) ||
        (policy->min_cap > 0 && source->n_events <= policy->min_cap)) {
        return EDGE_NOT_FOUND;
    }
    struct event_filter going = {
        .device = source->device,
        .source = source->source,
        .start = INT64_MIN,
        .end = policy->duration > 0  ? now - policy->duration
               : policy->min_cap > 0 ? now + AHEAD_NS
                                     : INT64_MAX,
    };
    if (policy->min_cap >
        0) { /* the newest of them stay, and what is as old as the last of these */
        int64_t oldest = 0;
        EDGE_TRY(event_store_nth_origin(ctx, store, &going, policy->min_cap - 1, &oldest));
        if (oldest == INT64_MIN) {
            return EDGE_NOT_FOUND;
        }
        going.end = oldest - 1;
    }
    int64_t n = 0;
    EDGE_TRY(event_store_count_events(ctx, store, &going, &n));
    *ret = going.end;
    return n > 0 ? EDGE_OK : EDGE_NOT_FOUND;
}

enum edge_status retention_ahead(struct edge_ctx *ctx, struct event_store *store,
                                 const struct policy *policy, const struct event_source *source,
                                 int64_t now, struct event_removal *ret)
{
    if (stays_whole(policy, source) || (policy->duration == 0 && policy->min_cap <= 0)) {
        return EDGE_NOT_FOUND;
    }
    struct event_filter ahead = {
        .device = source->device,
        .source = source->source,
        .start = policy->duration > 0 ? now - policy->duration + 1 : now + AHEAD_NS + 1,
        .end = INT64_MAX,
        .arrived_before_ms = policy->duration > 0 ? (now - policy->duration) / 1000000 : 0,
    };
    int64_t n = 0;
    EDGE_TRY(event_store_count_events(ctx, store, &ahead, &n));
    *ret = (struct event_removal){
        .device = source->device,
        .source = source->source,
        .from = ahead.start,
        .cutoff = INT64_MAX,
        .arrived_before_ms = ahead.arrived_before_ms,
    };
    return n > 0 ? EDGE_OK : EDGE_NOT_FOUND;
}

/* Removals on their way into the store's notes. */
struct noting {
    struct event_job job;
    struct edge_mutex lock;
    struct edge_cond changed;
    bool done EDGE_GUARDED;
    enum edge_status st;
    char why[256];
};

static void noted(struct event_job *job, enum edge_status st, const char *why)
{
    struct noting *n = (struct noting *)job;
    EDGE_LOCK(&n->lock);
    n->st = st;
    edge_text_fit(n->why, sizeof(n->why), why);
    n->done = true;
    edge_cond_broadcast(&n->changed);
}

static enum edge_status note(struct edge_ctx *ctx, struct event_store *store,
                             const struct event_removal *removals, size_t n_removals)
{
    if (n_removals == 0) {
        return EDGE_OK;
    }
    struct noting n = {
        .job = {.kind = EVENT_REMOVE_EACH,
                .removals = removals,
                .n_removals = n_removals,
                .done = noted}
    };
    edge_mutex_init(&n.lock);
    edge_cond_init(&n.changed);
    enum edge_status st = event_store_submit(ctx, store, &n.job, SUBMIT_MS);
    if (st == EDGE_OK) {
        EDGE_LOCK(&n.lock);
        while (!n.done) {
            edge_cond_wait(&n.changed, &n.lock);
        }
        st = n.st == EDGE_OK ? EDGE_OK : edge_fail(ctx, n.st, "%s", n.why);
    }
    edge_cond_done(&n.changed);
    edge_mutex_done(&n.lock);
    return st;
}

static int by_name(const void *a, const void *b)
{
    const struct event_source *x = a, *y = b;
    int order = strcmp(x->device, y->device);
    return order != 0 ? order : strcmp(x->source, y->source);
}

/* The store keeps sources of different profiles apart; here they are one. */
static size_t merge(struct event_source *sources, size_t n)
{
    if (n == 0) {
        return 0;
    }
    qsort(sources, n, sizeof(*sources), by_name);
    size_t last = 0;
    for (size_t i = 1; i < n; i++) {
        if (by_name(&sources[last], &sources[i]) == 0) {
            sources[last].n_events += sources[i].n_events;
        } else {
            sources[++last] = sources[i];
        }
    }
    return last + 1;
}

/* What goes, gathered for one commit. */
struct going {
    struct event_removal removals[BATCH];
    size_t n, n_sources;
};

/* Look at one source, and add what of it goes: two removals at most. */
static enum edge_status look(struct edge_ctx *ctx, const struct retention_loop *loop,
                             const struct event_source *source, int64_t now, struct going *g)
{
    EDGE_CTX_SCOPE(own);
    struct event_store *store = loop->data->store;
    const struct policy policy =
        policies_find(loop->data->policies, source->device, source->source);
    int64_t cutoff = 0;
    size_t before = g->n;
    enum edge_status st = retention_cutoff(&own, store, &policy, source, now, &cutoff);
    if (st == EDGE_OK) {
        g->removals[g->n++] = (struct event_removal){
            .device = source->device, .source = source->source, .cutoff = cutoff};
    }
    if (st == EDGE_OK || st == EDGE_NOT_FOUND) {
        st = retention_ahead(&own, store, &policy, source, now, &g->removals[g->n]);
        g->n += st == EDGE_OK;
    }
    g->n_sources += g->n > before;
    return st == EDGE_OK || st == EDGE_NOT_FOUND ? EDGE_OK : edge_pass(ctx, st, &own);
}

static enum edge_status run(struct edge_ctx *ctx, const struct retention_loop *loop)
{
    struct event_store *store = loop->data->store;
    int64_t now = age_clock_now(ctx, &loop->data->clock);
    age_clock_keep(ctx, &loop->data->clock);
    struct event_store_stats stats;
    event_store_stats(store, &stats);
    if (stats.removals > 0) {
        edge_log_debug(ctx, "retention waits for earlier deletions", NULL);
        return EDGE_OK;
    }
    struct event_source *sources = NULL;
    size_t n = 0;
    event_store_sources(ctx, store, &sources, &n);
    n = merge(sources, n);
    struct going *g = edge_new(&ctx->arena, struct going);
    for (size_t i = 0; i < n && !edge_runtime_stopping(loop->data->rt); i++) {
        EDGE_TRY(look(ctx, loop, &sources[i], now, g));
        if (g->n + 2 > BATCH) {
            EDGE_TRY(note(ctx, store, g->removals, g->n));
            g->n = 0;
        }
    }
    if (g->n_sources > 0) {
        edge_log_debug(ctx, "removing old events", "sources",
                       edge_printf(&ctx->arena, "%zu of %zu", g->n_sources, n), NULL);
    }
    return note(ctx, store, g->removals, g->n);
}

/* ---- policies ----------------------------------------------------------------------------------
 */

static enum edge_status take_up(struct edge_ctx *ctx, const cJSON *item, void *policies)
{
    struct device device;
    EDGE_TRY(edge_dto_decode(ctx, &DEVICE, item, &device));
    policies_list(policies, &device);
    return EDGE_OK;
}

/* Calls are tried again until their deadline, which for lists is far away. */
static enum edge_status ping(struct edge_ctx *ctx, const struct edge_runtime *rt, const char *url)
{
    const struct edge_http_request req = {.method = "GET", .target = "/api/v3/ping"};
    const cJSON *answer = NULL;
    return url ? edge_client_json(rt->client, ctx, url, &req, edge_now_mono_ms() + PING_MS, &answer)
               : edge_fail(ctx, EDGE_UNAVAILABLE, "%s is neither registered nor one of Clients",
                           METADATA);
}

/* All of them, or none counts: who is missing would be held to the defaults. */
static enum edge_status list_devices(struct edge_ctx *ctx, const struct retention_loop *loop)
{
    const struct edge_runtime *rt = loop->data->rt;
    EDGE_CTX_SCOPE(own);
    own.log = ctx->log;
    own.budget = rt->budget;
    struct edge_client_list list = {
        .base_url = edge_peer_url(ctx, rt, METADATA),
        .path = "/api/v3/device/all",
        .key = "devices",
        .limit = -1,
        .page = -1,
        .timeout_ms = rt->request_timeout_ms > 0 ? rt->request_timeout_ms : 60000,
        .visit = take_up,
        .arg = loop->data->policies,
    };
    EDGE_TRY(ping(ctx, rt, list.base_url));
    EDGE_TRY(edge_pass(ctx, edge_client_list(rt->client, &own, &list), &own));
    return list.changed ? edge_fail(ctx, EDGE_UNAVAILABLE, "devices changed while they were listed")
                        : EDGE_OK;
}

static void load(struct edge_ctx *ctx, struct retention_loop *loop)
{
    struct policies *policies = loop->data->policies;
    policies_list_begin(policies);
    enum edge_status st = list_devices(ctx, loop);
    if (st == EDGE_OK) {
        policies_list_end(policies);
        loop->loaded = true;
        loop->warned = false;
        loop->next_load_ms = edge_now_mono_ms() + RELOAD_MS;
        return;
    }
    loop->next_load_ms = edge_now_mono_ms() + RETRY_MS;
    if (!loop->warned && !edge_runtime_stopping(loop->data->rt)) {
        edge_log_warn(ctx,
                      loop->loaded ? "devices not listed again, their policies are as known so far"
                                   : "retention waits for core-metadata",
                      "reason", edge_ctx_message(ctx, st), NULL);
        loop->warned = true;
    }
    edge_ctx_clear(ctx);
}

/* ---- the loop ----------------------------------------------------------------------------------
 */

static void *retention_main(void *arg)
{
    struct retention_loop *loop = arg;
    const struct edge_runtime *rt = loop->data->rt;
    int64_t wait_ms = 0, next_run_ms = edge_now_mono_ms() + loop->interval_ms;
    while (edge_runtime_sleep(rt, wait_ms)) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = rt->log;
        if (edge_now_mono_ms() >= loop->next_load_ms) {
            load(&ctx, loop);
        }
        if (loop->loaded && edge_now_mono_ms() >= next_run_ms) {
            enum edge_status st = run(&ctx, loop);
            if (st != EDGE_OK) {
                edge_log_warn(&ctx, "retention did not finish, will try again", "reason",
                              edge_ctx_message(&ctx, st), NULL);
            }
            next_run_ms = edge_now_mono_ms() + loop->interval_ms;
        }
        int64_t wake_ms =
            loop->loaded && next_run_ms < loop->next_load_ms ? next_run_ms : loop->next_load_ms;
        int64_t now_ms = edge_now_mono_ms();
        wait_ms = wake_ms > now_ms ? wake_ms - now_ms : 0;
    }
    return NULL;
}

static enum edge_status read_duration(struct edge_ctx *ctx, const char *key, const char *text,
                                      int64_t *ret_ns)
{
    if (!text || !edge_duration_parse(text, true, ret_ns)) {
        return edge_fail(ctx, EDGE_INVALID, "Retention.%s needs a duration", key);
    }
    return EDGE_OK;
}

static enum edge_status clock_create(struct edge_ctx *ctx, struct core_data *data)
{
    const struct data_config *config = data->rt->config;
    int64_t settle = 0;
    EDGE_TRY(read_duration(ctx, "ClockSettleTime", config->retention.clock_settle_time, &settle));
    struct edge_counter *jumps =
        edge_counter(data->rt->metrics, "ClockJumps", "Jumps of the wall clock since the start.");
    age_clock_init(ctx, &data->clock, edge_printf(&data->arena, "%s/clock", data->rt->data_dir),
                   settle, event_store_newest(data->store), jumps);
    data->has_clock = true;
    return EDGE_OK;
}

enum edge_status retention_create(struct edge_ctx *ctx, struct core_data *data)
{
    const struct data_retention *config =
        &((const struct data_config *)data->rt->config)->retention;
    EDGE_TRY(clock_create(ctx, data));
    int64_t interval = 0;
    struct policy defaults = {config->default_max_cap, config->default_min_cap, 0};
    EDGE_TRY(read_duration(ctx, "Interval", config->interval, &interval));
    EDGE_TRY(read_duration(ctx, "DefaultDuration", config->default_duration, &defaults.duration));
    if (interval <= 0) {
        return EDGE_OK;
    }
    struct retention_loop *loop = edge_xalloc(1, sizeof(*loop));
    loop->data = data;
    loop->interval_ms = interval / 1000000 > 0 ? interval / 1000000 : 1;
    loop->defaults = defaults;
    if (!data->rt->options->registry && /* nobody to ask: defaults for all */
        !edge_config_client_url(&data->arena, data->rt->base, METADATA)) {
        loop->loaded = true;
        loop->next_load_ms = INT64_MAX;
    }
    data->policies = policies_create(&defaults);
    data->retention = loop;
    return EDGE_OK;
}

void retention_start(struct core_data *data)
{
    if (data->retention) {
        data->retention->thread = edge_thread_start("retention", retention_main, data->retention);
        data->retention->running = true;
    }
}

void retention_free(struct core_data *data)
{
    if (data->retention && data->retention->running) {
        pthread_join(data->retention->thread, NULL);
    }
    free(data->retention);
    policies_free(data->policies);
    if (data->has_clock) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = data->rt->log;
        age_clock_keep(&ctx, &data->clock);
        age_clock_done(&data->clock);
        data->has_clock = false;
    }
    data->retention = NULL;
    data->policies = NULL;
}
