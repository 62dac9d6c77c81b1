/*
 * Metrics on the bus: every Writable.Telemetry.Interval those that Writable.Telemetry.Metrics names
 * by prefix go to <base>/telemetry/<service>/<configured name> (contract 11.5).
 */
#include <string.h>

#include "edge/system_event.h"
#include "edge/text.h"
#include "instance.h"

struct publication {
    struct edge_instance *inst;
    struct edge_ctx *ctx;
    const struct edge_telemetry *telemetry;
    int64_t now_ns;
};

static const char *configured_name(const struct edge_telemetry *t, const char *metric)
{
    for (size_t i = 0; i < t->n_metrics; i++) {
        const struct edge_named_bool *m = &t->metrics[i];
        if (m->value && *m->name && strncmp(metric, m->name, strlen(m->name)) == 0) {
            return m->name;
        }
    }
    return NULL;
}

static void tag_add(struct metric *m, const char *name, const char *value)
{
    m->tags[m->n_tags++] = (struct metric_tag){name, value};
}

static struct metric *metric_make(struct edge_arena *a, const struct publication *p,
                                  const struct edge_metric_shown *shown)
{
    const struct edge_telemetry *t = p->telemetry;
    struct metric *m = edge_new(a, struct metric);
    m->api_version = EDGE_API_VERSION;
    m->name = edge_strdup(a, shown->name);
    m->timestamp = p->now_ns;
    m->fields = edge_new_n(a, struct metric_field, shown->n_fields);
    for (unsigned i = 0; i < shown->n_fields; i++) {
        cJSON *value = edge_new(a, cJSON);
        value->type = cJSON_Number;
        value->valuedouble = shown->fields[i].value;
        m->fields[m->n_fields++] =
            (struct metric_field){edge_strdup(a, shown->fields[i].name), value};
    }
    m->tags = edge_new_n(a, struct metric_tag, t->n_tags + 2);
    for (size_t i = 0; i < t->n_tags; i++) {
        tag_add(m, edge_strdup(a, t->tags[i].name), edge_strdup(a, t->tags[i].value));
    }
    tag_add(m, "service", edge_strdup(a, p->inst->rt.name));
    if (shown->tag) {
        tag_add(m, edge_strdup(a, shown->tag), edge_strdup(a, shown->tag_value));
    }
    return m;
}

static void message_drop(struct edge_message **m)
{
    edge_message_unref(*m);
}

static void metric_publish(void *arg, const struct edge_metric_shown *shown)
{
    struct publication *p = arg;
    const struct edge_runtime *rt = &p->inst->rt;
    const char *configured = configured_name(p->telemetry, shown->name);
    if (!configured) {
        return;
    }
    EDGE_CLEANUP(message_drop) struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    edge_message_topic(m, "%s/telemetry/%s/%s", rt->base_topic, rt->name, configured);
    m->correlation_id = edge_uuid_make(a);
    m->dto = &METRIC;
    m->object = metric_make(a, p, shown);
    if (edge_bus_publish(p->ctx, rt->bus, m) != EDGE_OK) {
        edge_log_debug(p->ctx, "metric not published", "metric", shown->name, NULL);
        edge_ctx_clear(p->ctx);
    }
}

static void publish_all(void *arg)
{
    struct edge_instance *inst = arg;
    EDGE_CTX_SCOPE(ctx);
    ctx.log = inst->rt.log;
    /* A copy: publishing to a slow bus may outlast several changes of the configuration. */
    const struct edge_writable *w =
        edge_dto_clone(&EDGE_WRITABLE_CONFIG, &ctx.arena, edge_runtime_writable(&inst->rt));
    struct publication p = {inst, &ctx, &w->telemetry, edge_now_ns()};
    edge_metrics_each(inst->rt.metrics, metric_publish, &p);
    EDGE_LOCK(&inst->host->lock);
    inst->publishing = false;
    edge_cond_broadcast(&inst->host->changed);
}

/* One publication at a time: a slow bus skips turns rather than to pile them up. */
static bool may_publish(struct edge_instance *inst)
{
    EDGE_LOCK(&inst->host->lock);
    bool idle = !inst->publishing;
    inst->publishing = true;
    return idle;
}

static void publish_soon(struct edge_instance *inst)
{
    if (!may_publish(inst)) {
        return;
    }
    if (!edge_pool_submit(inst->rt.pool, publish_all, inst)) {
        edge_log_warn(&inst->ctx, "metrics not published, workers are busy", NULL);
        EDGE_LOCK(&inst->host->lock);
        inst->publishing = false;
    }
}

/* On the wheel's thread: hands on, and asks to be called again. */
static void telemetry_due(struct edge_timer *t)
{
    struct edge_instance *inst = EDGE_CONTAINER(t, struct edge_instance, telemetry);
    int64_t every = atomic_load(&inst->telemetry_ms);
    if (every > 0) {
        publish_soon(inst);
        edge_timer_arm(inst->rt.timers, t, edge_now_mono_ms() + every);
    }
}

void telemetry_apply(struct edge_instance *inst)
{
    const struct edge_writable *w = edge_runtime_writable(&inst->rt);
    int64_t ns = 0;
    bool sound = edge_duration_parse(w->telemetry.interval, true, &ns);
    int64_t every = sound && ns > 0 ? (ns + 999999) / 1000000 : 0;
    if (atomic_exchange(&inst->telemetry_ms, every) == every) {
        return;
    }
    edge_timer_cancel(inst->rt.timers, &inst->telemetry);
    inst->telemetry.fn = telemetry_due;
    if (every > 0) {
        edge_timer_arm(inst->rt.timers, &inst->telemetry, edge_now_mono_ms() + every);
    }
}

void telemetry_stop(struct edge_instance *inst)
{
    atomic_store(&inst->telemetry_ms, 0);
    edge_timer_cancel(inst->rt.timers, &inst->telemetry);
    EDGE_LOCK(&inst->host->lock);
    while (inst->publishing) {
        edge_cond_wait(&inst->host->changed, &inst->host->lock);
    }
}
