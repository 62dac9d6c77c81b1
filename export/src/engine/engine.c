/* The engine's life: a configuration takes the place of the one before, queues come and go. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "edge/text.h"
#include "network.h"
#include "pipeline.h"

enum { HAND_OVER_MS = 2000 }; /* for what a queue that changes has on the way */

struct export_engine *export_engine_create(const struct export_engine_config *config)
{
    struct export_engine *e = edge_xalloc(1, sizeof(*e));
    e->config = *config;
    e->config.dir = edge_strdup(&e->arena, config->dir);
    e->config.base_topic = edge_strdup(&e->arena, config->base_topic);
    pthread_rwlockattr_t kind; /* messages that keep coming must not keep a new configuration out */
    pthread_rwlockattr_init(&kind);
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&e->swap, &kind);
    pthread_rwlockattr_destroy(&kind);
    edge_mutex_init(&e->lock);
    edge_cond_init(&e->ended);
    e->next_run = (uint64_t)edge_now_ns(); /* no run of a life before is taken for one of this */
    e->received = edge_counter(config->metrics, "MessagesReceived", "Messages that came.");
    e->invalid = edge_counter(config->metrics, "InvalidMessagesReceived",
                              "Messages that could not be understood.");
    return e;
}

/* ---- queues -------------------------------------------------------------------------------- */

static int64_t duration_ms(const char *text)
{
    int64_t ns = 0;
    return text && edge_duration_parse(text, true, &ns) && ns > 0 ? ns / 1000000 : 0;
}

static struct export_queue_config queue_config(struct edge_arena *a, struct export_engine *e,
                                               struct station *s, const struct export_writable *w)
{
    enum { SECOND = 1000 };
    const struct export_store_and_forward *f = &w->store_and_forward;
    bool official = f->enabled && s->persists;
    int64_t interval = duration_ms(f->retry_interval);
    struct export_queue_config config = {
        .name = s->name,
        .spool =
            {
                    .dir = edge_printf(a,               "%s/%s", e->config.dir, edge_name_escape(a, s->name)),
                    .max_bytes = w->spool.max_mb << 20,
                    .max_count = w->spool.max_count,
                    .max_age_ms = duration_ms(w->spool.max_age),
                    .full = w->spool.full,
                    .durability = w->spool.durability,
                    .log = e->config.log,
                    },
        .connector = s->type->connector,
        .stage = s->stage,
        .env =
            {
                    .host = e->config.host,
                    .name = s->name,
                    .log = e->config.log,
                    .metrics = e->config.metrics,
                    .client = e->config.client,
                    },
        .retry_interval_ms = !official           ? 0
                             : interval < SECOND ? SECOND
                                                 : interval,
        .max_retries = !official                ? 0
                       : f->max_retry_count < 0 ? 1
                                                : (unsigned)f->max_retry_count,
        .keep = official || w->spool.keep,
        .go_on = run_continue,
        .told = run_told,
        .go_on_arg = s,
    };
    queue_params_apply(&s->limits, &config);
    return config;
}

static enum edge_status open_queue(struct edge_ctx *ctx, struct export_engine *e, struct station *s,
                                   const struct export_writable *w)
{
    struct export_queue_config c = queue_config(&s->arena, e, s, w);
    return export_queue_open(ctx, &c, &s->queue);
}

static void configure_queue(struct export_engine *e, struct station *s,
                            const struct export_writable *w)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_queue_config c = queue_config(&ctx.arena, e, s, w);
    if (s->queue) {
        export_queue_configure(s->queue, &c);
    }
}

/* Whatever waits for its peer tries now. */
static void flush_all(void *arg)
{
    struct export_engine *e = arg;
    pthread_rwlock_rdlock(&e->swap);
    for (struct station *s = e->stations; s; s = s->next) {
        if (s->queue) {
            export_queue_flush(s->queue);
        }
    }
    pthread_rwlock_unlock(&e->swap);
}

static struct station *station_called(struct station *list, const char *name)
{
    while (list && strcmp(list->name, name) != 0) {
        list = list->next;
    }
    return list;
}

/* What waits there stays on disk for whoever is called so again. */
static void tell_orphans(struct edge_ctx *ctx, const struct export_engine *e)
{
    DIR *dir = opendir(e->config.dir);
    for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        const char *name = edge_percent_decode(&ctx->arena, d->d_name, strlen(d->d_name));
        if (d->d_name[0] == '.' || !name || station_called(e->stations, name)) {
            continue;
        }
        const char *folder = edge_printf(&ctx->arena, "%s/%s", e->config.dir, d->d_name);
        if (e->config.orphan) {
            e->config.orphan(e->config.state, ctx, name, folder);
        } else {
            edge_log_warn(ctx, "no function has this queue; what waits in it is kept", "queue",
                          name, "folder", folder, NULL);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* ---- another configuration ----------------------------------------------------------------- */

static void mark_wanted(struct export_engine *e, const struct generation *g)
{
    for (struct station *s = e->stations; s; s = s->next) {
        s->wanted = false;
    }
    for (size_t i = 0; i < g->n_pipelines; i++) {
        for (size_t k = 0; k < g->pipelines[i].n_steps; k++) {
            if (g->pipelines[i].steps[k].station) {
                g->pipelines[i].steps[k].station->wanted = true;
            }
        }
    }
}

/* Takes unwanted stations from the list; nobody puts anything into them any more. */
static struct station *take_unwanted(struct station **list)
{
    struct station *gone = NULL;
    while (*list) {
        struct station *s = *list;
        if (s->wanted) {
            list = &s->next;
            continue;
        }
        *list = s->next;
        s->next = gone;
        gone = s;
    }
    return gone;
}

static void free_stations(struct station *list)
{
    while (list) {
        struct station *s = list;
        list = s->next;
        station_free(s);
    }
}

/* Nothing runs meanwhile: of a queue that changes, the old one is closed before the new one opens the folder. */
static enum edge_status swap_in(struct edge_ctx *ctx, struct export_engine *e, struct generation *g,
                                struct station *made)
{
    enum edge_status st = EDGE_OK;
    pthread_rwlock_wrlock(&e->swap);
    struct station *gone = take_unwanted(&e->stations);
    struct generation *before = e->current;
    struct station *unused = take_unwanted(&made);
    free_stations(gone);
    free_stations(unused);
    for (struct station *s = e->stations; s; s = s->next) {
        configure_queue(e, s, g->settings);
    }
    while (made) {
        struct station *s = made;
        made = s->next;
        enum edge_status one = open_queue(ctx, e, s, g->settings);
        st = st == EDGE_OK ? one : st;
        s->next = e->stations;
        e->stations = s;
    }
    e->current = g;
    pthread_rwlock_unlock(&e->swap);
    generation_free(before);
    return st;
}

enum edge_status export_engine_apply(struct edge_ctx *ctx, struct export_engine *e,
                                     const struct export_writable *settings)
{
    struct station *made = NULL;
    struct generation *g = pipelines_compile(ctx, e, settings, &made);
    enum edge_status compiled = ctx->failure ? EDGE_INVALID : EDGE_OK;
    mark_wanted(e, g);
    for (struct station *s = e->stations; s; s = s->next) {
        if (!s->wanted && s->queue) {
            export_queue_stop(s->queue, edge_now_mono_ms() + HAND_OVER_MS);
        }
    }
    enum edge_status opened = swap_in(ctx, e, g, made);
    tell_orphans(ctx, e);
    if (e->stations && !e->network) {
        e->network = network_watch_start(flush_all, e);
    }
    return compiled != EDGE_OK ? compiled : opened;
}

/* ---- end ----------------------------------------------------------------------------------- */

void export_engine_stop(struct export_engine *e, int64_t deadline_ms)
{
    network_watch_stop(e->network);
    e->network = NULL;
    for (struct station *s = e->stations; s; s = s->next) {
        if (s->queue) {
            export_queue_stop(s->queue, deadline_ms);
        }
    }
    EDGE_LOCK(&e->lock);
    for (struct waiter *w = e->waiters; w; w = w->next) {
        w->open = 0;
        w->outcome = EDGE_UNAVAILABLE;
    }
    edge_cond_broadcast(&e->ended);
}

void export_engine_free(struct export_engine *e)
{
    if (!e) {
        return;
    }
    network_watch_stop(e->network);
    free_stations(e->stations);
    generation_free(e->current);
    edge_cond_done(&e->ended);
    edge_mutex_done(&e->lock);
    pthread_rwlock_destroy(&e->swap);
    edge_arena_done(&e->arena);
    free(e);
}

/* ---- shown --------------------------------------------------------------------------------- */

const char **export_engine_pipelines(struct edge_arena *a, struct export_engine *e, size_t *ret_n)
{
    pthread_rwlock_rdlock(&e->swap);
    const struct generation *g = e->current;
    size_t n = g ? g->n_pipelines : 0;
    const char **ids = edge_new_n(a, const char *, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = edge_strdup(a, g->pipelines[i].id);
    }
    pthread_rwlock_unlock(&e->swap);
    *ret_n = n;
    return ids;
}

enum edge_status export_engine_queues(struct edge_ctx *ctx, struct export_engine *e,
                                      const char *name, export_queue_visitor *fn, void *arg)
{
    enum edge_status st = EDGE_OK;
    bool found = !name;
    pthread_rwlock_rdlock(&e->swap);
    for (struct station *s = e->stations; s && st == EDGE_OK; s = s->next) {
        if (s->queue && (!name || strcmp(s->name, name) == 0)) {
            found = true;
            st = fn(arg, ctx, s->queue);
        }
    }
    pthread_rwlock_unlock(&e->swap);
    return found ? st : edge_fail(ctx, EDGE_NOT_FOUND, "there is no queue '%s'", name);
}
