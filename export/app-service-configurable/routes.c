/* What the application service answers over HTTP: its trigger, its pipelines, its queues. */
#include <string.h>

#include "app.h"
#include "edge/text.h"

enum { CONFLICT_CODE = 422, QUARANTINE_PAGE = 20, QUARANTINE_MOST = 1000, SHOWN_BYTES = 4096 };

/* ---- tables --------------------------------------------------------------------------------- */

struct count {
    const char *name;
    uint64_t value;
};
struct queue_view {
    struct export_queue_status s;
    struct count *dropped;
    size_t n_dropped;
};
struct quarantined_view {
    uint64_t seq;
    int64_t since;
    const char *reason, *correlation_id, *content_type, *payload;
    uint64_t size;
};
struct step_view {
    const char *function;
    unsigned verdict;
    const char *kind, *content_type, *reason;
    const char *output;
    const cJSON *values;
};

static const char *const VERDICTS[] = {"goes on", "stops", "fails", NULL};

/* clang-format off */
static const struct edge_field count_fields[] = {
    EDGE_FIELD(struct count, name, NULL, "Why.", .flags = EDGE_KEY),
    EDGE_FIELD(struct count, value, NULL, "How many.", .flags = EDGE_VALUE | EDGE_EMIT_EMPTY),
};
static const struct edge_dto COUNT = EDGE_DTO(struct count, "Count", count_fields);

#define F(m, key, text, ...) EDGE_FIELD(struct queue_view, m, key, text, .flags = EDGE_EMIT_EMPTY __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field queue_fields[] = {
    F(s.name, "name", "Pipeline and function, a dot between them."),
    F(s.state, "state", "idle, sending, backoff, blocked, paused, waiting-clock or auth-failed.", .names = EXPORT_QUEUE_STATE_NAMES),
    F(s.depth, "depth", "Messages that wait."),
    F(s.bytes, "bytes", "Of them, on disk."),
    F(s.oldest_age_ms, "oldestAge", "Of the first, in ms."),
    F(s.in_flight, "inFlight", "With the peer, not acknowledged."),
    F(s.acknowledged, "acknowledged", "By the peer, since the start."),
    F(s.retries, "retries", "Attempts after a failure, since the start."),
    F(s.quarantined, "quarantined", "Messages the peer will never take."),
    EDGE_MAP(struct queue_view, dropped, "dropped", "Messages that went undelivered since the start, by reason.", &COUNT, .flags = EDGE_EMIT_EMPTY),
    F(s.last_error, "lastError", "What the peer or the line said last; empty: nothing was wrong so far."),
    F(s.last_error_ms, "lastErrorTime", "In ms since 1970; 0: never."),
    F(s.next_retry_ms, "nextRetry", "In ms since 1970; 0: not waiting for it."),
};
#undef F
const struct edge_dto EXPORT_QUEUE = EDGE_DTO(struct queue_view, "ExportQueue", queue_fields);

#define F(m, key, text, ...) EDGE_FIELD(struct quarantined_view, m, key, text, .flags = EDGE_EMIT_EMPTY)
static const struct edge_field quarantined_fields[] = {
    F(seq, "seq", "Its number, to replay or delete it by."),
    F(since, "since", "In ms since 1970."),
    F(reason, "reason", "What the peer said."),
    F(correlation_id, "correlationId", "Of the request or event it came of."),
    F(content_type, "contentType", "Of the payload."),
    F(size, "size", "Bytes of the payload."),
    F(payload, "payload", "Its beginning."),
};
#undef F
const struct edge_dto EXPORT_QUARANTINED = EDGE_DTO(struct quarantined_view, "ExportQuarantined", quarantined_fields);

#define F(m, key, text, ...) EDGE_FIELD(struct step_view, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field step_fields[] = {
    F(function, "function", "As configured.", .flags = EDGE_REQUIRED),
    F(verdict, "verdict", "goes on, stops (filtered out) or fails.", .names = VERDICTS, .flags = EDGE_EMIT_EMPTY),
    F(reason, "reason", "Of a failure."),
    F(kind, "kind", "What comes out of it.", .flags = EDGE_EMIT_EMPTY),
    F(content_type, "contentType", "Of what comes out."),
    F(output, "output", "What comes out, its beginning.", .flags = EDGE_EMIT_EMPTY),
};
#undef F
const struct edge_dto EXPORT_STEP = EDGE_DTO(struct step_view, "ExportStep", step_fields);
/* clang-format on */

static const char *shown(struct edge_arena *a, const void *bytes, size_t size)
{
    return edge_text_brief(
        a, edge_strndup(a, bytes ? bytes : "", size < SHOWN_BYTES ? size : SHOWN_BYTES),
        SHOWN_BYTES);
}

/* ---- trigger -------------------------------------------------------------------------------- */

static struct export_input input_of(struct edge_call *call)
{
    size_t size;
    const void *body = edge_call_body(call, &size);
    return (struct export_input){
        .body = {body, size},
          .content_type = edge_call_header(call, "Content-Type")
    };
}

enum edge_status app_trigger(struct edge_call *call)
{
    struct app *app = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct export_answer answer = {0};
    struct export_input in = input_of(call);
    if (app->config->trigger.type != EXPORT_TRIGGER_HTTP) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "Trigger.Type is not http");
    }
    enum edge_status st = export_engine_run(ctx, app->engine, &in, &answer,
                                            edge_call_began_ms(call) + app->rt->request_timeout_ms);
    if (st == EDGE_CONFLICT) {
        return edge_reply_base(call, CONFLICT_CODE, edge_ctx_message(ctx, st));
    }
    EDGE_TRY(st);
    if (answer.body.data) {
        edge_buf_put(edge_reply_body(call), answer.body.data, answer.body.size);
        edge_reply_type(call, answer.content_type ? answer.content_type : "application/json");
    }
    return EDGE_OK;
}

/* ---- pipelines ------------------------------------------------------------------------------ */

enum edge_status app_pipelines(struct edge_call *call)
{
    struct app *app = edge_call_state(call);
    size_t n;
    const char **ids = export_engine_pipelines(&edge_call_ctx(call)->arena, app->engine, &n);
    edge_reply_list_open(call, "pipelines", -1);
    for (size_t i = 0; i < n; i++) {
        edge_reply_list_item(call);
        edge_json_put_string(edge_reply_body(call), ids[i]);
    }
    return edge_reply_list_close(call);
}

static void show_step(void *arg, struct edge_ctx *ctx, const char *function,
                      enum export_verdict verdict, const struct export_flow *flow)
{
    struct edge_call *call = arg;
    struct step_view view = {.function = function, .verdict = verdict};
    struct edge_bytes bytes = {0};
    if (verdict == EXPORT_FAIL) {
        view.reason = edge_ctx_message(ctx, EDGE_CONFLICT);
    } else if (verdict == EXPORT_GO_ON &&
               export_data_bytes(ctx, &flow->data, &bytes, &view.content_type) == EDGE_OK) {
        view.output = shown(&ctx->arena, bytes.data, bytes.size);
    }
    view.kind = EXPORT_KIND_NAMES[flow->data.kind];
    edge_reply_list_item(call);
    edge_dto_encode(&EXPORT_STEP, &view, EDGE_JSON, edge_reply_body(call));
}

enum edge_status app_pipeline_test(struct edge_call *call)
{
    struct app *app = edge_call_state(call);
    struct export_input in = input_of(call);
    edge_reply_list_open(call, "steps", -1);
    EDGE_TRY(export_engine_try(edge_call_ctx(call), app->engine, edge_call_param(call, "name"), &in,
                               show_step, call));
    return edge_reply_list_close(call);
}

/* ---- queues --------------------------------------------------------------------------------- */

static struct queue_view view_of(struct edge_ctx *ctx, struct export_queue *q)
{
    struct queue_view v = {0};
    export_queue_status(ctx, q, &v.s);
    v.s.last_error = v.s.last_error ? v.s.last_error : "";
    v.dropped = edge_new_n(&ctx->arena, struct count, EXPORT_DROP_REASONS);
    for (size_t i = 0; i < EXPORT_DROP_REASONS; i++) {
        if (v.s.dropped[i] > 0) {
            v.dropped[v.n_dropped++] = (struct count){EXPORT_DROP_NAMES[i], v.s.dropped[i]};
        }
    }
    return v;
}

static enum edge_status list_queue(void *arg, struct edge_ctx *ctx, struct export_queue *q)
{
    struct edge_call *call = arg;
    struct queue_view v = view_of(ctx, q);
    edge_reply_list_item(call);
    edge_dto_encode(&EXPORT_QUEUE, &v, EDGE_JSON, edge_reply_body(call));
    return EDGE_OK;
}

enum edge_status app_queues(struct edge_call *call)
{
    struct app *app = edge_call_state(call);
    edge_reply_list_open(call, "queues", -1);
    EDGE_TRY(export_engine_queues(edge_call_ctx(call), app->engine, NULL, list_queue, call));
    return edge_reply_list_close(call);
}

/* @p fn with the queue the path names. */
static enum edge_status with_queue(struct edge_call *call, export_queue_visitor *fn)
{
    struct app *app = edge_call_state(call);
    return export_engine_queues(edge_call_ctx(call), app->engine, edge_call_param(call, "name"), fn,
                                call);
}

static enum edge_status show_queue(void *arg, struct edge_ctx *ctx, struct export_queue *q)
{
    struct queue_view v = view_of(ctx, q);
    return edge_reply_object(arg, "queue", &EXPORT_QUEUE, &v);
}

enum edge_status app_queue(struct edge_call *call)
{
    return with_queue(call, show_queue);
}

static enum edge_status do_to_queue(void *arg, struct edge_ctx *ctx, struct export_queue *q)
{
    struct edge_call *call = arg;
    const char *action = edge_call_param(call, "action");
    const char *message = NULL;
    if (strcmp(action, "pause") == 0 || strcmp(action, "resume") == 0) {
        export_queue_pause(q, action[0] == 'p');
    } else if (strcmp(action, "flush") == 0) {
        export_queue_flush(q);
    } else if (strcmp(action, "purge") == 0) {
        message = edge_printf(&ctx->arena, "%llu messages dropped",
                              (unsigned long long)export_queue_purge(q));
    } else {
        return edge_fail(ctx, EDGE_NOT_FOUND,
                         "a queue can pause, resume, flush and purge, not '%s'", action);
    }
    return edge_reply_base(call, 200, message);
}

enum edge_status app_queue_do(struct edge_call *call)
{
    return with_queue(call, do_to_queue);
}

/* ---- quarantine ----------------------------------------------------------------------------- */

static enum edge_status list_quarantine(void *arg, struct edge_ctx *ctx, struct export_queue *q)
{
    struct edge_call *call = arg;
    int64_t after = 0, limit = QUARANTINE_PAGE;
    struct export_quarantined *list = NULL;
    size_t n = 0;
    EDGE_TRY(edge_call_param_int(call, "after", &after));
    EDGE_TRY(edge_call_param_int(call, "limit", &limit));
    limit = limit < 0 || limit > QUARANTINE_MOST ? QUARANTINE_MOST : limit;
    EDGE_TRY(export_quarantine_list(ctx, q, (uint64_t)after, (size_t)limit, &list, &n));
    edge_reply_list_open(call, "messages", -1);
    for (size_t i = 0; i < n; i++) {
        const struct export_record *r = &list[i].record;
        const struct quarantined_view v = {
            .seq = list[i].seq,
            .since = list[i].since_ms,
            .reason = list[i].reason ? list[i].reason : "",
            .correlation_id = r->correlation_id ? r->correlation_id : "",
            .content_type = r->content_type ? r->content_type : "",
            .size = r->size,
            .payload = shown(&ctx->arena, r->payload, r->size),
        };
        edge_reply_list_item(call);
        edge_dto_encode(&EXPORT_QUARANTINED, &v, EDGE_JSON, edge_reply_body(call));
    }
    return edge_reply_list_close(call);
}

enum edge_status app_quarantine(struct edge_call *call)
{
    return with_queue(call, list_quarantine);
}

static enum edge_status seq_of(struct edge_call *call, uint64_t *ret)
{
    int64_t seq = 0;
    EDGE_TRY(edge_call_param_int(call, "seq", &seq));
    *ret = (uint64_t)seq;
    return EDGE_OK;
}

static enum edge_status replay(void *arg, struct edge_ctx *ctx, struct export_queue *q)
{
    uint64_t seq;
    EDGE_TRY(seq_of(arg, &seq));
    EDGE_TRY(export_quarantine_replay(ctx, q, seq));
    return edge_reply_base(arg, 200, NULL);
}

enum edge_status app_quarantine_replay(struct edge_call *call)
{
    return with_queue(call, replay);
}

static enum edge_status forget(void *arg, struct edge_ctx *ctx, struct export_queue *q)
{
    uint64_t seq;
    EDGE_TRY(seq_of(arg, &seq));
    EDGE_TRY(export_quarantine_delete(ctx, q, seq));
    return edge_reply_base(arg, 200, NULL);
}

enum edge_status app_quarantine_delete(struct edge_call *call)
{
    return with_queue(call, forget);
}
