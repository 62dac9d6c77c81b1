/*
 * The way of a message: decoded as the target type says, through the functions of each pipeline, into the queue of
 * the first that hands on; from there, once the peer has it, through those behind.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/bus.h"
#include "edge/cbor.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/system_event.h"
#include "edge/text.h"
#include "pipeline.h"

enum { PUT_MS = 5000 }; /* for room in a queue that blocks */

/* ---- who waits ----------------------------------------------------------------------------- */

static struct waiter *waiter_of(struct export_engine *e, uint64_t run) EDGE_REQUIRES(&e->lock)
{
    struct waiter *w = e->waiters;
    while (w && w->run != run) {
        w = w->next;
    }
    return w;
}

/* A run of a pipeline ended; a reason goes to who waits, as does the first response. */
static bool tell_waiter(struct export_engine *e, uint64_t run, struct edge_ctx *ctx,
                        enum edge_status st, const struct export_flow *flow)
{
    EDGE_LOCK(&e->lock);
    struct waiter *w = run ? waiter_of(e, run) : NULL;
    if (!w || w->open == 0) {
        return w != NULL;
    }
    w->open--;
    if (st != EDGE_OK && w->outcome == EDGE_OK) {
        w->outcome = edge_fail(w->ctx, st, "%s", edge_ctx_message(ctx, st));
    }
    if (flow && flow->response.data && !w->answer->body.data) {
        struct edge_arena *a = &w->ctx->arena;
        char *copy = edge_alloc(a, 1, flow->response.size + 1);
        memcpy(copy, flow->response.data, flow->response.size);
        w->answer->body = (struct edge_bytes){copy, flow->response.size};
        w->answer->content_type =
            flow->response_content_type ? edge_strdup(a, flow->response_content_type) : NULL;
    }
    edge_cond_broadcast(&e->ended);
    return true;
}

static void run_ended(struct export_engine *e, uint64_t run, struct export_flow *flow,
                      enum edge_status st)
{
    if (tell_waiter(e, run, flow->ctx, st, flow)) {
        return;
    }
    if (st == EDGE_OK && flow->response.data && e->config.respond) {
        e->config.respond(e->config.state, flow);
    }
}

/* ---- what a queue keeps of a run ----------------------------------------------------------- */

/* As queue.h says: values and the event's id; the run is the engine's own. */
static const char *context_text(struct edge_ctx *ctx, uint64_t run, const struct export_flow *flow)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    edge_buf_putc(&b, '{');
    if (run) {
        edge_buf_printf(&b, "\"run\":\"%llu\",", (unsigned long long)run);
    }
    if (flow->data.event && flow->data.event->id) {
        edge_buf_puts(&b, "\"id\":");
        edge_json_put_string(&b, flow->data.event->id);
        edge_buf_putc(&b, ',');
    }
    edge_buf_puts(&b, "\"values\":{");
    for (const struct export_value *v = flow->values; v; v = v->next) {
        edge_json_put_string(&b, v->name);
        edge_buf_putc(&b, ':');
        edge_json_put_string(&b, v->value);
        edge_buf_puts(&b, v->next ? "," : "");
    }
    edge_buf_puts(&b, "}}");
    return edge_strndup(&ctx->arena, b.data, b.len);
}

static uint64_t context_read(struct edge_ctx *ctx, const char *text, struct export_flow *flow)
{
    const cJSON *tree;
    uint64_t run = 0;
    if (export_context_read(ctx, text, &tree, &flow->values) != EDGE_OK) {
        edge_ctx_clear(ctx);
        return 0;
    }
    const cJSON *number = edge_json_member(tree, "run", true);
    return cJSON_IsString(number) && edge_uint_parse(number->valuestring, &run) ? run : 0;
}

static enum edge_status hand_on(struct station *s, struct export_flow *flow, uint64_t run)
{
    struct edge_ctx *ctx = flow->ctx;
    struct edge_bytes bytes;
    int64_t origin_ms = flow->origin_ns > 0 ? flow->origin_ns / 1000000 : edge_now_ms();
    struct edge_spool_record record = {
        .origin_ns = flow->origin_ns,
        .expires_ms = s->ttl_ms > 0 ? origin_ms + s->ttl_ms : 0,
        .correlation_id = ctx->correlation_id,
        .context = context_text(ctx, run, flow),
    };
    if (!s->queue) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "queue %s is not open", s->name);
    }
    EDGE_TRY(export_data_freeze(ctx, &flow->data, &bytes, &record.kind, &record.content_type));
    record.payload = bytes.data;
    record.size = bytes.size;
    return export_queue_put(ctx, s->queue, &record, 1, edge_now_mono_ms() + PUT_MS);
}

/* ---- functions ----------------------------------------------------------------------------- */

/* From the step at @p at on. *ret_parked: it waits in a queue, and ends another time. */
static enum edge_status run_steps(const struct pipeline *p, size_t at, struct export_flow *flow,
                                  uint64_t run, bool *ret_parked)
{
    *ret_parked = false;
    for (; at < p->n_steps; at++) {
        const struct step *s = &p->steps[at];
        if (s->station) {
            enum edge_status st = hand_on(s->station, flow, run);
            *ret_parked = st == EDGE_OK;
            return edge_wrap(flow->ctx, st, "%s", s->name);
        }
        switch (s->type->run(s->stage, flow)) {
        case EXPORT_GO_ON:
            break;
        case EXPORT_STOP:
            return EDGE_OK;
        case EXPORT_FAIL:
            return edge_wrap(flow->ctx, EDGE_CONFLICT, "%s", s->name);
        }
    }
    return EDGE_OK;
}

static enum edge_status run_pipeline(struct export_engine *e, const struct pipeline *p,
                                     const struct export_flow *in, uint64_t run)
{
    struct edge_ctx *ctx = in->ctx;
    struct export_flow flow = *in;
    bool parked = false;
    int64_t began_ns = edge_now_mono_ns();
    export_flow_set(&flow, "pipelineid", p->id);
    enum edge_status st = run_steps(p, 0, &flow, run, &parked);
    edge_counter_add(p->processed, 1);
    edge_histogram_add(p->time, (uint64_t)(edge_now_mono_ns() - began_ns));
    if (st != EDGE_OK) {
        edge_counter_add(p->errors, 1);
        edge_log_warn(ctx, "pipeline failed", "pipeline", p->id, "reason",
                      edge_ctx_message(ctx, st), NULL);
    }
    if (!parked) {
        run_ended(e, run, &flow, st);
    }
    return st;
}

/* ---- behind a queue ------------------------------------------------------------------------ */

static size_t step_behind(const struct pipeline *p, const char *function)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        if (strcmp(p->steps[i].name, function) == 0) {
            return i + 1;
        }
    }
    return p->n_steps;
}

static struct export_flow flow_behind(struct edge_ctx *ctx, const struct edge_spool_record *record,
                                      uint64_t *ret_run)
{
    struct export_flow flow = {.ctx = ctx, .origin_ns = record->origin_ns};
    if (record->correlation_id) {
        size_t len = strnlen(record->correlation_id, sizeof(ctx->correlation_id) - 1);
        memcpy(ctx->correlation_id, record->correlation_id, len);
        ctx->correlation_id[len] = '\0';
    }
    *ret_run = context_read(ctx, record->context, &flow);
    return flow;
}

enum edge_status run_continue(void *arg, struct edge_ctx *ctx,
                              const struct edge_spool_record *record,
                              const struct export_outcome *outcome)
{
    struct station *s = arg;
    struct export_engine *e = s->engine;
    uint64_t run;
    bool parked = false;
    struct export_flow flow = flow_behind(ctx, record, &run);
    enum edge_status st = export_data_thaw(ctx, outcome->response_kind, outcome->response,
                                           outcome->response_type, &flow.data);
    pthread_rwlock_rdlock(&e->swap);
    const struct pipeline *p = pipeline_find(e->current, s->pipeline);
    if (st == EDGE_OK && p) {
        st = run_steps(p, step_behind(p, s->function), &flow, run, &parked);
    }
    bool again = st == EDGE_UNAVAILABLE; /* a queue behind has no room: not lost, but later */
    if (st != EDGE_OK && p && !again) {
        edge_counter_add(p->errors, 1);
        edge_log_warn(ctx, "pipeline failed behind a queue", "queue", s->name, "reason",
                      edge_ctx_message(ctx, st), NULL);
    }
    if (!parked && !again) {
        run_ended(e, run, &flow, st);
    }
    pthread_rwlock_unlock(&e->swap);
    return again ? st : EDGE_OK;
}

void run_told(void *arg, struct edge_ctx *ctx, const struct edge_spool_record *record,
              const struct export_outcome *outcome)
{
    struct station *s = arg;
    uint64_t run;
    struct export_flow flow = flow_behind(ctx, record, &run);
    bool kept = outcome->fate == EXPORT_RETRY || outcome->fate == EXPORT_DENIED;
    enum edge_status st = edge_fail(ctx, EDGE_CONFLICT, "%s: %s%s", s->function,
                                    outcome->reason ? outcome->reason : "not delivered",
                                    kept ? " (it is kept and tried again)" : "");
    tell_waiter(s->engine, run, flow.ctx, st, NULL);
}

/* ---- in ------------------------------------------------------------------------------------ */

static void name_values(struct export_flow *flow, const struct event *event)
{
    export_flow_set(flow, "devicename", event->device_name ? event->device_name : "");
    export_flow_set(flow, "profilename", event->profile_name ? event->profile_name : "");
    export_flow_set(flow, "sourcename", event->source_name ? event->source_name : "");
    flow->data = (struct export_data){.kind = EXPORT_EVENT, .event = event};
    flow->origin_ns = event->origin;
}

static bool looks_like_json(struct edge_bytes b)
{
    const char *c = b.data;
    return b.size > 0 && (c[0] == '{' || c[0] == '[');
}

/* What came, as a tree. */
static enum edge_status input_tree(struct edge_ctx *ctx, const struct export_input *in,
                                   const cJSON **ret)
{
    if (in->message) {
        return edge_message_tree(ctx, in->message, ret);
    }
    bool cbor = in->content_type ? edge_media_is(in->content_type, "application/cbor")
                                 : !looks_like_json(in->body);
    return cbor ? edge_cbor_parse(ctx, in->body.data, in->body.size, NULL, ret)
                : edge_json_parse(ctx, in->body.data, in->body.size, NULL, ret);
}

/* An AddEventRequest, or the event alone. */
static enum edge_status take_event(struct edge_ctx *ctx, const struct export_input *in,
                                   struct export_flow *flow)
{
    const cJSON *tree = NULL;
    if (in->message && in->message->dto == &ADD_EVENT_REQUEST) {
        name_values(flow, &((const struct add_event_request *)in->message->object)->event);
        return EDGE_OK;
    }
    EDGE_TRY(input_tree(ctx, in, &tree));
    if (tree && edge_json_member(tree, "event", false)) {
        struct add_event_request *request = edge_new(&ctx->arena, struct add_event_request);
        EDGE_TRY(edge_dto_decode(ctx, &ADD_EVENT_REQUEST, tree, request));
        name_values(flow, &request->event);
        return EDGE_OK;
    }
    struct event *event = edge_new(&ctx->arena, struct event);
    EDGE_TRY(edge_dto_decode(ctx, &EVENT, tree, event));
    name_values(flow, event);
    return EDGE_OK;
}

static enum edge_status take_metric(struct edge_ctx *ctx, const struct export_input *in,
                                    struct export_flow *flow)
{
    const cJSON *tree = NULL;
    struct metric *metric = edge_new(&ctx->arena, struct metric);
    EDGE_TRY(input_tree(ctx, in, &tree));
    EDGE_TRY(edge_dto_decode(ctx, &METRIC, tree, metric));
    flow->data = (struct export_data){.kind = EXPORT_METRIC, .metric = metric};
    return EDGE_OK;
}

static enum edge_status take_raw(struct edge_ctx *ctx, const struct export_input *in,
                                 struct export_flow *flow)
{
    struct export_data *d = &flow->data;
    d->kind = EXPORT_BYTES;
    d->content_type = in->message ? in->message->content_type : in->content_type;
    d->bytes = in->body;
    if (!in->message) {
        return EDGE_OK;
    }
    const cJSON *tree = NULL;
    EDGE_TRY(edge_message_tree(ctx, in->message, &tree));
    if (cJSON_IsString(tree) &&
        edge_base64_decode(&ctx->arena, tree->valuestring, &d->bytes.data, &d->bytes.size)) {
        return EDGE_OK; /* as bytes travel in an envelope */
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    if (tree) {
        edge_json_put(&b, tree);
    }
    d->bytes = (struct edge_bytes){edge_strndup(&ctx->arena, b.data ? b.data : "", b.len), b.len};
    return EDGE_OK;
}

static enum edge_status take(struct edge_ctx *ctx, enum export_target target,
                             const struct export_input *in, struct export_flow *ret)
{
    struct export_flow flow = {.ctx = ctx, .origin_ns = edge_now_ns()};
    flow.input_content_type = in->message ? in->message->content_type : in->content_type;
    export_flow_set(&flow, "receivedtopic", in->topic ? in->topic : "");
    enum edge_status st = target == EXPORT_TARGET_RAW      ? take_raw(ctx, in, &flow)
                          : target == EXPORT_TARGET_METRIC ? take_metric(ctx, in, &flow)
                                                           : take_event(ctx, in, &flow);
    *ret = flow;
    return st;
}

/* ---- a message ----------------------------------------------------------------------------- */

static bool is_for(const struct pipeline *p, const char *topic)
{
    bool match = p->n_topics == 0;
    for (size_t i = 0; i < p->n_topics && topic && !match; i++) {
        match = edge_topic_matches(p->topics[i], topic);
    }
    return match;
}

static struct waiter *wait_begin(struct export_engine *e, struct waiter *w)
{
    EDGE_LOCK(&e->lock);
    w->next = e->waiters;
    e->waiters = w;
    return w;
}

static enum edge_status wait_end(struct export_engine *e, struct waiter *w, int64_t deadline_ms)
{
    EDGE_LOCK(&e->lock);
    while (w->open > 0 && edge_cond_wait_until(&e->ended, &e->lock, deadline_ms)) {
    }
    for (struct waiter **at = &e->waiters; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    if (w->open > 0 && w->outcome == EDGE_OK) {
        return edge_fail(w->ctx, EDGE_UNAVAILABLE, "not delivered yet; it is kept and tried again");
    }
    return w->outcome;
}

static bool is_for_any(const struct generation *g, const char *topic)
{
    bool any = false;
    for (size_t i = 0; g && i < g->n_pipelines && !any; i++) {
        any = is_for(&g->pipelines[i], topic);
    }
    return any;
}

/* Each pipeline it is for; what is for none is not even read. */
static enum edge_status run_all(struct edge_ctx *ctx, struct export_engine *e,
                                const struct export_input *in, struct waiter *w, bool *ret_any)
{
    const struct generation *g = e->current;
    struct export_flow flow;
    *ret_any = is_for_any(g, in->topic);
    if (!*ret_any) {
        return EDGE_OK;
    }
    enum edge_status st = take(ctx, g->target, in, &flow);
    if (st != EDGE_OK) {
        edge_counter_add(e->invalid, 1);
        return st;
    }
    for (size_t i = 0; i < g->n_pipelines; i++) {
        if (!is_for(&g->pipelines[i], in->topic)) {
            continue;
        }
        if (w) {
            EDGE_LOCK(&e->lock);
            w->open++;
        }
        /* Its failure was logged and told to who waits; the others run all the same. */
        (void)!run_pipeline(e, &g->pipelines[i], &flow, w ? w->run : 0);
        edge_ctx_clear(ctx);
    }
    return EDGE_OK;
}

enum edge_status export_engine_run(struct edge_ctx *ctx, struct export_engine *e,
                                   const struct export_input *in, struct export_answer *answer,
                                   int64_t deadline_ms)
{
    EDGE_CTX_SCOPE(told);
    struct waiter w = {.run = ++e->next_run, .ctx = &told, .answer = answer};
    bool any;
    edge_counter_add(e->received, 1);
    if (answer) {
        wait_begin(e, &w);
    }
    pthread_rwlock_rdlock(&e->swap);
    enum edge_status st = run_all(ctx, e, in, answer ? &w : NULL, &any);
    pthread_rwlock_unlock(&e->swap);
    if (!answer) {
        return st;
    }
    enum edge_status waited = wait_end(e, &w, st == EDGE_OK ? deadline_ms : 0);
    EDGE_TRY(st);
    if (!any) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "no pipeline takes what comes this way");
    }
    if (answer->body.data) {
        struct edge_bytes b = answer->body;
        char *copy = edge_alloc(&ctx->arena, 1, b.size + 1);
        memcpy(copy, b.data, b.size);
        answer->body.data = copy;
        answer->content_type =
            answer->content_type ? edge_strdup(&ctx->arena, answer->content_type) : NULL;
    }
    return edge_pass(ctx, waited, &told);
}

/* ---- a try --------------------------------------------------------------------------------- */

enum edge_status export_engine_try(struct edge_ctx *ctx, struct export_engine *e,
                                   const char *pipeline, const struct export_input *in,
                                   export_step *step, void *arg)
{
    struct export_flow flow;
    pthread_rwlock_rdlock(&e->swap);
    const struct generation *g = e->current;
    const struct pipeline *p = g ? pipeline_find(g, pipeline) : NULL;
    enum edge_status st = p ? take(ctx, g->target, in, &flow)
                            : edge_fail(ctx, EDGE_NOT_FOUND, "there is no pipeline '%s'", pipeline);
    for (size_t i = 0; st == EDGE_OK && i < p->n_steps; i++) {
        const struct step *s = &p->steps[i];
        enum export_verdict verdict = s->station ? EXPORT_GO_ON : s->type->run(s->stage, &flow);
        step(arg, ctx, s->name, verdict, &flow);
        if (verdict != EXPORT_GO_ON) {
            edge_ctx_clear(ctx);
            break;
        }
    }
    pthread_rwlock_unlock(&e->swap);
    return st;
}
