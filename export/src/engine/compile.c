/* Pipelines from their configuration: everything that can be wrong is found here, before anything runs. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "pipeline.h"

static const char DEFAULT_PIPELINE[] = "default-pipeline";

struct compiler {
    struct edge_ctx *ctx;
    struct export_engine *e;
    const struct export_pipeline_info *info;
    const struct export_topic_pipeline *own; /* whose turn it is; NULL: default-pipeline's */
    struct generation *g;
    struct station *made; /* new ones */
};

static const struct export_function_info *function_called(const struct export_function_info *list,
                                                          size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(list[i].name, name) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

static const struct export_function_info *configured(const struct compiler *c, const char *name)
{
    const struct export_function_info *own =
        c->own ? function_called(c->own->functions, c->own->n_functions, name) : NULL;
    return own ? own : function_called(c->info->functions, c->info->n_functions, name);
}

static uint64_t function_signature(uint64_t hash, const struct export_function_info *f)
{
    hash = edge_hash(hash, f->name);
    for (size_t i = 0; i < f->n_parameters; i++) {
        hash = edge_hash(edge_hash(hash, f->parameters[i].name), f->parameters[i].value);
    }
    return hash;
}

/* ---- functions ------------------------------------------------------------------------------ */

static bool truth_given(const struct export_function_info *f, const char *name)
{
    for (size_t i = 0; i < f->n_parameters; i++) {
        bool truth = false;
        if (strcasecmp(f->parameters[i].name, name) == 0) {
            return edge_bool_parse(f->parameters[i].value, &truth) && truth;
        }
    }
    return false;
}

static enum edge_status make_stage(struct edge_ctx *ctx, struct edge_arena *a,
                                   const struct export_engine *e,
                                   const struct export_function *type,
                                   const struct export_function_info *f, void **ret)
{
    struct export_params params;
    EDGE_TRY(export_params_check(ctx, a, type, f->name, f->parameters, f->n_parameters, &params));
    return edge_wrap(ctx, type->compile(ctx, a, e->config.host, &params, ret), "%s", f->name);
}

static struct station *known_station(struct station *list, const char *name, uint64_t signature)
{
    for (struct station *s = list; s; s = s->next) {
        if (strcmp(s->name, name) == 0 && s->signature == signature) {
            return s;
        }
    }
    return NULL;
}

static enum edge_status make_station(struct compiler *c, const char *pipeline,
                                     const struct export_function *type,
                                     const struct export_function_info *f, struct station **ret)
{
    struct edge_ctx *ctx = c->ctx;
    uint64_t signature = function_signature(EDGE_HASH, f);
    const char *name = edge_printf(&c->g->arena, "%s.%s", pipeline, f->name);
    const char *fault = edge_name_fault(&ctx->arena, name);
    if (fault) {
        return edge_fail(ctx, EDGE_INVALID, "%s %s", name, fault);
    }
    struct station *s = known_station(c->e->stations, name, signature);
    s = s ? s : known_station(c->made, name, signature);
    if (s) {
        *ret = s;
        return EDGE_OK;
    }
    s = edge_xalloc(1, sizeof(*s));
    s->engine = c->e;
    s->name = edge_strdup(&s->arena, name);
    s->pipeline = edge_strdup(&s->arena, pipeline);
    s->function = edge_strdup(&s->arena, f->name);
    s->signature = signature;
    s->type = type;
    s->persists = truth_given(f, "PersistOnError");
    enum edge_status st = queue_params_check(ctx, &s->arena, f, &s->limits);
    enum edge_status made = make_stage(ctx, &s->arena, c->e, type, f, &s->stage);
    st = st == EDGE_OK ? made : st;
    if (st != EDGE_OK) {
        station_free(s);
        return st;
    }
    s->ttl_ms = export_params_ms(&s->limits, "QueueTTL");
    s->next = c->made;
    c->made = s;
    *ret = s;
    return EDGE_OK;
}

static enum edge_status make_step(struct compiler *c, const char *pipeline, const char *name,
                                  struct step *ret)
{
    const struct export_function_info *f = configured(c, name);
    const struct export_function *type = export_function_find(name);
    if (!f) {
        return edge_fail(c->ctx, EDGE_INVALID, "%s is not among Writable.Pipeline.Functions", name);
    }
    if (!type) {
        struct edge_nearest near = {.wanted = name};
        for (size_t i = 0; i < EXPORT_N_FUNCTIONS; i++) {
            edge_nearest_offer(&near, EXPORT_FUNCTIONS[i]->name);
        }
        return edge_fail(c->ctx, EDGE_INVALID, "there is no function %s%s%s", name,
                         near.name ? "; the nearest is " : "", near.name ? near.name : "");
    }
    ret->name = f->name;
    ret->type = type;
    return type->connector ? make_station(c, pipeline, type, f, &ret->station)
                           : make_stage(c->ctx, &c->g->arena, c->e, type, f, &ret->stage);
}

/* ---- pipelines ------------------------------------------------------------------------------ */

static void make_metrics(const struct export_engine *e, struct edge_arena *a, struct pipeline *p)
{
    struct edge_metrics *m = e->config.metrics;
    p->processed = edge_counter(m, edge_printf(a, "PipelineMessagesProcessed-%s", p->id),
                                "Messages a pipeline was run for.");
    p->errors = edge_counter(m, edge_printf(a, "PipelineProcessingErrors-%s", p->id),
                             "Messages for which one of its functions failed.");
    p->time = edge_histogram(m, edge_printf(a, "PipelineMessageProcessingTime-%s", p->id),
                             "Of its functions, up to the first that hands on, in ns.");
}

static enum edge_status check_topics(struct compiler *c, const char *topics, struct pipeline *p)
{
    struct edge_arena *a = &c->g->arena;
    p->topics = export_list(a, topics, &p->n_topics);
    for (size_t i = 0; i < p->n_topics; i++) {
        p->topics[i] = edge_printf(a, "%s/%s", c->e->config.base_topic, p->topics[i]);
    }
    return p->n_topics > 0 ? EDGE_OK : edge_fail(c->ctx, EDGE_INVALID, "Topics is missing");
}

static bool is_known(const struct generation *g, const char *id)
{
    return pipeline_find(g, id) != NULL;
}

/* @p topics NULL: whatever comes. All faults of its functions are told. */
static enum edge_status make_pipeline(struct compiler *c, const char *id, const char *topics,
                                      const char *order, struct pipeline *p)
{
    struct edge_arena *a = &c->g->arena;
    size_t n;
    const char **names = export_list(a, order, &n);
    p->id = edge_strdup(a, id);
    p->steps = edge_new_n(a, struct step, n);
    p->n_steps = n;
    p->made_of = c->info;
    p->own = c->own;
    p->topic_list = topics;
    p->order = order;
    if (is_known(c->g, id)) {
        return edge_fail(c->ctx, EDGE_INVALID, "another pipeline has this Id");
    }
    if (n == 0) {
        return edge_fail(c->ctx, EDGE_INVALID, "ExecutionOrder names no function");
    }
    enum edge_status st = topics ? check_topics(c, topics, p) : EDGE_OK;
    for (size_t i = 0; i < n; i++) {
        enum edge_status one = make_step(c, id, names[i], &p->steps[i]);
        st = st == EDGE_OK ? one : st;
    }
    if (st == EDGE_OK) {
        make_metrics(c->e, a, p);
    }
    return st;
}

/* As it was before, where it was: that worked. */
static void keep_pipeline(struct compiler *c, const char *id, struct pipeline *p)
{
    const struct pipeline *old = c->e->current ? pipeline_find(c->e->current, id) : NULL;
    if (!old) {
        return;
    }
    struct edge_arena *a = &c->g->arena;
    const struct export_pipeline_info *info = c->info;
    const struct export_topic_pipeline *own = c->own;
    struct export_writable as_then = {.pipeline = *old->made_of};
    c->info = &((struct export_writable *)edge_dto_clone(&EXPORT_WRITABLE, a, &as_then))->pipeline;
    c->own = old->own ? &c->info->per_topic[old->own - old->made_of->per_topic] : NULL;
    *p = (struct pipeline){0};
    if (make_pipeline(c, id, old->topic_list ? edge_strdup(a, old->topic_list) : NULL,
                      edge_strdup(a, old->order), p) == EDGE_OK) {
        c->g->n_pipelines++;
    }
    c->info = info;
    c->own = own;
}

/* One that cannot be made leaves the others alone, and itself as it was. */
static enum edge_status add_pipeline(struct compiler *c, const char *id, const char *topics,
                                     const char *order, const char *where)
{
    EDGE_CTX_SCOPE(own);
    struct edge_ctx *ctx = c->ctx;
    own.log = ctx->log;
    c->ctx = &own;
    struct pipeline *p = &c->g->pipelines[c->g->n_pipelines];
    *p = (struct pipeline){0};
    enum edge_status st = make_pipeline(c, id, topics, order, p);
    if (st == EDGE_OK) {
        c->g->n_pipelines++;
    } else {
        (void)!edge_fail(ctx, EDGE_INVALID, "pipeline %s (%s): %s", id, where,
                         edge_ctx_message(&own, st));
        edge_ctx_clear(&own);
        keep_pipeline(c, id, p);
    }
    c->ctx = ctx;
    return st;
}

struct generation *pipelines_compile(struct edge_ctx *ctx, struct export_engine *e,
                                     const struct export_writable *settings,
                                     struct station **ret_new)
{
    struct generation *g = edge_xalloc(1, sizeof(*g));
    g->settings = edge_dto_clone(&EXPORT_WRITABLE, &g->arena, settings);
    const struct export_pipeline_info *info = &g->settings->pipeline;
    struct compiler c = {.ctx = ctx, .e = e, .info = info, .g = g};
    g->target = info->target_type;
    g->pipelines = edge_new_n(&g->arena, struct pipeline, info->n_per_topic + 1);
    if (info->execution_order && *info->execution_order) {
        (void)!add_pipeline(&c, DEFAULT_PIPELINE, NULL, info->execution_order,
                            "Writable.Pipeline.ExecutionOrder");
    }
    for (size_t i = 0; i < info->n_per_topic; i++) {
        const struct export_topic_pipeline *t = &info->per_topic[i];
        c.own = t;
        const char *where =
            edge_printf(&ctx->arena, "Writable.Pipeline.PerTopicPipelines.%s", t->key);
        (void)!add_pipeline(&c, t->id && *t->id ? t->id : t->key, t->topics ? t->topics : "",
                            t->execution_order ? t->execution_order : "", where);
    }
    *ret_new = c.made;
    return g;
}

struct pipeline *pipeline_find(const struct generation *g, const char *id)
{
    for (size_t i = 0; i < g->n_pipelines; i++) {
        if (strcmp(g->pipelines[i].id, id) == 0) {
            return &g->pipelines[i];
        }
    }
    return NULL;
}

void generation_free(struct generation *g)
{
    if (g) {
        edge_arena_done(&g->arena);
        free(g);
    }
}

void station_free(struct station *s)
{
    export_queue_close(s->queue);
    edge_arena_done(&s->arena);
    free(s);
}
