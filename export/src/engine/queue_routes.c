/* What a service with queues answers about them over HTTP: export/routes.h. */
#include "export/routes.h"

#include <string.h>

#include "edge/http.h"
#include "edge/text.h"

enum { QUARANTINE_PAGE = 20, QUARANTINE_MOST = 1000, SHOWN_BYTES = 4096 };

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
/* clang-format off */
static const struct edge_field count_fields[] = {
    EDGE_FIELD(struct count, name, NULL, "Why.", .flags = EDGE_KEY),
    EDGE_FIELD(struct count, value, NULL, "How many.", .flags = EDGE_VALUE | EDGE_EMIT_EMPTY),
};
static const struct edge_dto COUNT = EDGE_DTO(struct count, "Count", count_fields);

#define F(m, key, text, ...) EDGE_FIELD(struct queue_view, m, key, text, .flags = EDGE_EMIT_EMPTY __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field queue_fields[] = {
    F(s.name, "name", "Pipeline and function, a dot between them."),
    F(s.state, "state", "idle, sending, backoff, blocked, paused, waiting-clock or auth-failed; of what has none: no-connector or refused.", .names = EXPORT_QUEUE_STATE_NAMES),
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

static const char *const VERBS[] = {"pause", "resume", "purge", "flush", NULL};
const struct edge_param EXPORT_DO_PARAMS[] = {
    {"action", EDGE_P_TEXT, "pause, resume, flush (try now) or purge (drop all that waits).", VERBS},
    {NULL},
};
const struct edge_param EXPORT_QUARANTINE_PARAMS[] = {
    {"after", EDGE_P_INT, "Those behind this one; 0 if not given."},
    EDGE_LIMIT_ROW,
    {NULL},
};
const struct edge_param EXPORT_SEQ_PARAMS[] = {
    {"seq", EDGE_P_INT, "Of a message of the quarantine; 0: all."},
    {NULL},
};
/* clang-format on */

static const char *shown(struct edge_arena *a, const void *bytes, size_t size)
{
    return edge_text_brief(
        a, edge_strndup(a, bytes ? bytes : "", size < SHOWN_BYTES ? size : SHOWN_BYTES),
        SHOWN_BYTES);
}

/* ---- queues --------------------------------------------------------------------------------- */

static const struct export_front *front_of(struct edge_call *call)
{
    return edge_call_state(call);
}

static struct queue_view view_of_status(struct edge_ctx *ctx, const struct export_queue_status *s)
{
    struct queue_view v = {.s = *s};
    v.s.last_error = v.s.last_error ? v.s.last_error : "";
    v.dropped = edge_new_n(&ctx->arena, struct count, EDGE_DROP_REASONS);
    for (size_t i = 0; i < EDGE_DROP_REASONS; i++) {
        if (v.s.dropped[i] > 0) {
            v.dropped[v.n_dropped++] = (struct count){EDGE_DROP_NAMES[i], v.s.dropped[i]};
        }
    }
    return v;
}

static struct queue_view view_of(struct edge_call *call, struct edge_ctx *ctx,
                                 struct export_queue *q)
{
    const struct export_front *front = front_of(call);
    struct export_queue_status s;
    export_queue_status(ctx, q, &s);
    if (front->outside) {
        s.name = front->outside(edge_call_state(call), &ctx->arena, s.name);
    }
    return view_of_status(ctx, &s);
}

static const struct export_queue_status *missing(struct edge_call *call, size_t *ret_n)
{
    const struct export_front *front = front_of(call);
    *ret_n = 0;
    return front->missing ? front->missing(edge_call_state(call), edge_call_ctx(call), ret_n)
                          : NULL;
}

static void put_view(struct edge_call *call, const struct queue_view *v)
{
    edge_reply_list_item(call);
    edge_dto_encode(&EXPORT_QUEUE, v, EDGE_JSON, edge_reply_body(call));
}

static enum edge_status list_queue(void *arg, struct edge_ctx *ctx, struct export_queue *q)
{
    struct queue_view v = view_of(arg, ctx, q);
    put_view(arg, &v);
    return EDGE_OK;
}

enum edge_status export_queues_route(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    size_t n;
    edge_reply_list_open(call, "queues", -1);
    EDGE_TRY(export_engine_queues(ctx, front_of(call)->engine, NULL, list_queue, call));
    const struct export_queue_status *s = missing(call, &n);
    for (size_t i = 0; i < n; i++) {
        struct queue_view v = view_of_status(ctx, &s[i]);
        put_view(call, &v);
    }
    return edge_reply_list_close(call);
}

/* @p fn with the queue the path names. */
static enum edge_status with_queue(struct edge_call *call, export_queue_visitor *fn)
{
    const struct export_front *front = front_of(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *name = edge_call_param(call, "name");
    const char *inside =
        front->inside ? front->inside(edge_call_state(call), &ctx->arena, name) : name;
    if (!inside) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "there is no queue '%s'", name);
    }
    return export_engine_queues(ctx, front->engine, inside, fn, call);
}

static enum edge_status show_queue(void *arg, struct edge_ctx *ctx, struct export_queue *q)
{
    struct queue_view v = view_of(arg, ctx, q);
    return edge_reply_object(arg, "queue", &EXPORT_QUEUE, &v);
}

enum edge_status export_queue_route(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    size_t n;
    const struct export_queue_status *s = missing(call, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(s[i].name, edge_call_param(call, "name")) == 0) {
            struct queue_view v = view_of_status(ctx, &s[i]);
            return edge_reply_object(call, "queue", &EXPORT_QUEUE, &v);
        }
    }
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

enum edge_status export_queue_do_route(struct edge_call *call)
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
        const struct edge_spool_record *r = &list[i].record;
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

enum edge_status export_quarantine_route(struct edge_call *call)
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

enum edge_status export_quarantine_replay_route(struct edge_call *call)
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

enum edge_status export_quarantine_delete_route(struct edge_call *call)
{
    return with_queue(call, forget);
}
