/*
 * The life of a call: routed, run, perhaps parked until somebody finishes it, answered. Two sides
 * hold on to it: the connection (or the caller in this process), which answers it, and the work,
 * which finishes it. Either may be through first; the flags say who wakes whom:
 *
 *     finish       sets FINISHED; wakes the other side if that is PARKED and was not given up
 *     park         sets PARKED; goes on at once if FINISHED came first
 *     give up      turns PARKED alone into PARKED|GIVEN_UP; a later outcome is dropped
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "edge/text.h"
#include "http_internal.h"

enum {
    SMALL_BODY = 16 * 1024,
    LARGE_BODY = 64 * 1024, /* takes a millisecond to read */
    NODE_BYTES = 80,
    NODES_PER_BYTE = NODE_BYTES / 2, /* of memory: two bytes of JSON may be a value */
};

static void wake(struct edge_call *call);

/* ---- running ----------------------------------------------------------------------------- */

/* A handler that leaves a source is through when the first piece is there, or, for a caller in this
 * process, all of it. */
static enum edge_status with_source(struct edge_call *call, enum edge_status st)
{
    if (st != EDGE_OK || !call->source) {
        return st;
    }
    return call->loop ? http_stream_fill(call) : http_stream_drain(call);
}

static void run_work(void *arg)
{
    struct edge_call *call = arg;
    /* What nobody waits for any more is not begun; under load that is what catches up. */
    bool in_vain = http_call_is_given_up(call) &&
                   (call->work == call->route->handler || call->work == http_stream_fill);
    enum edge_status st = in_vain ? EDGE_UNAVAILABLE : call->work(call);
    if (!in_vain && call->work != http_stream_fill) {
        st = with_source(call, st);
    }
    if (st != EDGE_PENDING) {
        edge_call_finish(call, st);
    }
}

enum edge_status edge_call_on_worker(struct edge_call *call, edge_handler *fn)
{
    if (!call->loop) {
        return fn(call); /* this thread may wait */
    }
    call->work = fn;
    if (!edge_pool_submit(call->http->config.pool, run_work, call)) {
        return http_call_refuse_for_now(call, "too many requests are waiting");
    }
    return EDGE_PENDING;
}

/* Who may come in; false: settled. */
static bool admit(struct edge_call *call)
{
    const struct edge_http_config *config = &call->http->config;
    if (!config->authenticate || !call->loop || (call->route->flags & EDGE_ROUTE_OPEN)) {
        return true;
    }
    enum edge_status st = config->authenticate(call, config->authenticate_arg);
    if (st == EDGE_OK) {
        return true;
    }
    call->settled = true;
    if (st == EDGE_UNAUTHORIZED && !call->ctx.failure) {
        http_reply_plain(call, 401, "Unauthorized");
    } else {
        http_reply_failure(call, st, edge_status_http(st), true);
    }
    return false;
}

/* A segment may be empty and still match; it names nothing (contract 2.1). False: settled. */
static bool has_all_params(struct edge_call *call)
{
    for (size_t i = 0; i < call->end->n_names; i++) {
        if (*call->params[i] == '\0') {
            const struct http_slice *name = &call->end->names[i];
            call->settled = true;
            enum edge_status st = edge_fail(&call->ctx, EDGE_INVALID, "path param %.*s is empty",
                                            (int)name->len, name->text);
            http_reply_failure(call, st, edge_status_http(st), true);
            return false;
        }
    }
    return true;
}

/*
 * What may become of a body while it is worked at: its texts once more as a tree and as objects, and
 * a node for each value. A small one may be all nodes; in a larger one they are counted by what stands
 * between them, or a few megabytes of picture would ask for as much as they never need.
 */
static size_t guess_work(const struct edge_buf *body)
{
    if (body->len <= SMALL_BODY) {
        return body->len * NODES_PER_BYTE;
    }
    size_t n = 0;
    for (size_t i = 0; i < body->len; i++) {
        n += body->data[i] == ',';
    }
    return body->len * 5 / 2 + n * NODE_BYTES;
}

/* False, settled: there is no memory to work at it. */
static bool has_room(struct edge_call *call)
{
    size_t bytes = call->base_charge + call->body.cap + guess_work(&call->body);
    if (call->body.len == 0 || http_call_charge_guess(call, bytes)) {
        return true;
    }
    http_call_no_room(call);
    return false;
}

/* What waits, and what only computes but for so long that others would wait: a large body. */
static bool wants_worker(const struct edge_call *call)
{
    return (call->route->flags & EDGE_ROUTE_WAITS) ||
           (call->http->config.pool && call->body.len > LARGE_BODY);
}

static enum edge_status run_handler(struct edge_call *call)
{
    edge_handler *handler = call->route->handler;
    return with_source(call,
                       wants_worker(call) ? edge_call_on_worker(call, handler) : handler(call));
}

/* True: the outcome is there. The work's own reference is taken here. */
static bool run(struct edge_call *call, edge_handler *fn)
{
    atomic_fetch_add(&call->refs, 1);
    enum edge_status st = fn(call);
    if (st == EDGE_PENDING) {
        return false;
    }
    atomic_fetch_sub(&call->refs, 1);
    call->outcome = st;
    atomic_store(&call->flags, HTTP_FINISHED);
    return true;
}

bool http_call_run(struct edge_call *call)
{
    if (call->settled || !admit(call) || !has_all_params(call) || !has_room(call)) {
        call->outcome = EDGE_OK;
        atomic_store(&call->flags, HTTP_FINISHED);
        return true;
    }
    return run(call, run_handler);
}

static enum edge_status run_source(struct edge_call *call)
{
    if (!(call->route->flags & EDGE_ROUTE_WAITS)) {
        return http_stream_fill(call);
    }
    enum edge_status st = edge_call_on_worker(call, http_stream_fill);
    if (st == EDGE_PENDING) {
        return st;
    }
    edge_ctx_clear(&call->ctx);
    call->busy = false;
    call->starved = true;
    return EDGE_OK;
}

bool http_call_run_more(struct edge_call *call)
{
    atomic_store(&call->flags,
                 0); /* whoever finished it before has let go, but for its reference */
    return run(call, run_source);
}

void edge_call_finish(struct edge_call *call, enum edge_status st)
{
    assert(st != EDGE_PENDING);
    call->outcome = st;
    unsigned before = atomic_fetch_or(&call->flags, HTTP_FINISHED);
    assert((before & HTTP_FINISHED) == 0); /* once */
    if (before == HTTP_PARKED) {
        wake(call);
    }
    http_call_unref(call);
}

/* ---- sleeping and waking ------------------------------------------------------------------ */

static void wake(struct edge_call *call)
{
    if (call->loop) {
        http_loop_resume(call);
        return;
    }
    EDGE_LOCK(&call->http->lock);
    edge_cond_signal(&call->done);
}

static void list_parked(struct edge_call *call)
{
    struct edge_http *http = call->http;
    EDGE_LOCK(&http->lock);
    call->next_parked = http->parked;
    call->parked_link = &http->parked;
    if (http->parked) {
        http->parked->parked_link = &call->next_parked;
    }
    http->parked = call;
}

bool http_call_park(struct edge_call *call)
{
    struct edge_http *http = call->http;
    if (atomic_load(&call->flags) & HTTP_FINISHED) {
        return false;
    }
    if (!call->holds_http) {
        http_ref(http);
        call->holds_http = true;
    }
    if (http->config.request_timeout_ms > 0) {
        call->give_up_ms = edge_now_mono_ms() + http->config.request_timeout_ms;
    }
    if (!call->loop) {
        edge_cond_init(&call->done);
        call->has_done = true;
    }
    list_parked(call);
    if (atomic_fetch_or(&call->flags, HTTP_PARKED) & HTTP_FINISHED) {
        wake(call);
    } else if (atomic_load(&http->closing)) {
        EDGE_LOCK(&http->lock);
        http_give_up(http, call, "service is stopping");
    }
    return true;
}

void http_call_unpark(struct edge_call *call)
{
    EDGE_LOCK(&call->http->lock);
    if (call->parked_link) {
        *call->parked_link = call->next_parked;
        if (call->next_parked) {
            call->next_parked->parked_link = call->parked_link;
        }
        call->parked_link = NULL;
    }
}

void http_give_up(struct edge_http *http, struct edge_call *call, const char *text)
{
    (void)http; /* names the lock */
    unsigned expected = HTTP_PARKED;
    call->late_text = text;
    if (!atomic_compare_exchange_strong(&call->flags, &expected, HTTP_PARKED | HTTP_GIVEN_UP)) {
        return;
    }
    if (call->loop) {
        http_loop_resume(call);
    } else {
        edge_cond_signal(&call->done);
    }
}

bool http_call_abandon(struct edge_call *call)
{
    unsigned expected = HTTP_PARKED;
    if (!atomic_compare_exchange_strong(&call->flags, &expected, HTTP_PARKED | HTTP_GIVEN_UP)) {
        return false;
    }
    http_call_unpark(call);
    return true;
}

void http_give_up_all(struct edge_http *http, const char *text)
{
    for (struct edge_call *call = http->parked; call; call = call->next_parked) {
        http_give_up(http, call, text);
    }
}

/* ---- the answer -------------------------------------------------------------------------- */

static void count(const struct edge_call *call, int64_t took_ns)
{
    const struct edge_http *http = call->http;
    if (http->requests) {
        edge_counter_add(http->requests, 1);
        edge_histogram_add(http->duration, took_ns > 0 ? (uint64_t)took_ns : 0);
    }
}

/* One line for each request; a failure of ours is an error, told with everything we know. */
static void log_call(const struct edge_call *call, int code, int64_t took_ns, const char *failure)
{
    const struct edge_ctx *ctx = &call->ctx;
    enum edge_log_level level = failure ? EDGE_LOG_ERROR : EDGE_LOG_DEBUG;
    if (!edge_log_enabled(ctx, level)) {
        return;
    }
    struct edge_arena a = EDGE_ARENA_INIT; /* the call's own may be in use by its handler */
    const char *path = edge_strndup(&a, call->target, call->path_len);
    const char *status = edge_printf(&a, "%d", code);
    const char *took = edge_printf(&a, "%.3f", (double)took_ns / 1e6);
    if (failure) {
        edge_log_error(ctx, "request failed", "method", call->method, "path", path, "status",
                       status, "ms", took, "error", failure, NULL);
    } else {
        edge_log_debug(ctx, "request", "method", call->method, "path", path, "status", status, "ms",
                       took, NULL);
    }
    edge_arena_done(&a);
}

/* The request is through, its memory is the reply's now. */
static void charge_reply(struct edge_call *call)
{
    edge_buf_done(&call->body);
    http_call_trim(call);
    if (http_call_charge(call, call->base_charge + call->reply.cap)) {
        return;
    }
    edge_buf_done(&call->reply);
    call->source = NULL;
    call->outcome = EDGE_OK;
    http_call_no_room(call);
}

void http_call_log_broken(struct edge_call *call)
{
    if (!http_call_is_given_up(call)) {
        log_call(call, call->code, edge_now_mono_ns() - call->started_ns,
                 edge_ctx_message(&call->ctx, call->outcome));
    }
}

/* Is it a failure of ours? What the peer brought about shall not fill the log. */
static bool is_ours(const struct edge_call *call)
{
    return call->code >= 500 && call->code != 505 && !call->busy;
}

void http_call_settle(struct edge_call *call)
{
    int64_t took_ns = edge_now_mono_ns() - call->started_ns;
    count(call, took_ns);
    if (http_call_is_given_up(call)) {
        log_call(call, 503, took_ns, call->late_text);
        return;
    }
    enum edge_status st = call->outcome;
    if (st != EDGE_OK) {
        call->source = NULL;
        call->busy |= call->ctx.busy;
        http_reply_failure(call, st, edge_status_http(st), call->http->config.full_chain);
    }
    charge_reply(call);
    http_call_end_line(call);
    log_call(call, call->code, took_ns,
             is_ours(call) ? edge_ctx_message(&call->ctx, EDGE_INTERNAL) : NULL);
}

/* ---- calls from this process -------------------------------------------------------------- */

static void set_request(struct edge_call *call, const struct edge_http_request *req,
                        const char *correlation_id)
{
    struct edge_arena *a = &call->ctx.arena;
    call->method = edge_strdup(a, req->method);
    call->headers = edge_new_n(a, struct http_pair, 2 + req->n_headers);
    call->headers[call->n_headers++] = (struct http_pair){
        "Content-Type", edge_strdup(a, req->content_type ? req->content_type : "application/json")};
    http_call_set_correlation(call, correlation_id);
    call->headers[call->n_headers++] =
        (struct http_pair){"X-Correlation-ID", call->ctx.correlation_id};
    for (size_t i = 0; i < req->n_headers; i++) {
        call->headers[call->n_headers++] = (struct http_pair){
            edge_strdup(a, req->headers[i].name), edge_strdup(a, req->headers[i].value)};
    }
    http_call_set_target(call, req->target);
    if (!call->settled) {
        http_call_find_route(call, http_method_of(req->method));
    }
    if (!call->settled && req->body_size > call->max_body) {
        http_call_too_large(call);
    } else if (req->body_size > 0) {
        edge_buf_put(&call->body, req->body, req->body_size);
        edge_buf_str(&call->body);
    }
}

static void wait_for(struct edge_call *call)
{
    struct edge_http *http = call->http;
    int64_t until = call->give_up_ms > 0 ? call->give_up_ms : EDGE_NO_DEADLINE;
    EDGE_LOCK(&http->lock);
    while ((atomic_load(&call->flags) & (HTTP_FINISHED | HTTP_GIVEN_UP)) == 0) {
        if (!edge_wait_on(&call->done, &http->lock, until)) {
            http_give_up(http, call, "request timeout");
        }
    }
}

/* Those a socket would have shown, but for its framing. */
static void show_headers(const struct edge_call *call, struct edge_arena *a,
                         struct edge_http_response *ret)
{
    struct edge_http_header *headers = edge_new_n(a, struct edge_http_header, 4);
    size_t n = 0;
    headers[n++] = (struct edge_http_header){"Content-Type", ret->content_type};
    headers[n++] =
        (struct edge_http_header){"X-Correlation-ID", edge_strdup(a, call->ctx.correlation_id)};
    if (call->allow) {
        headers[n++] = (struct edge_http_header){"Allow", edge_strdup(a, call->allow)};
    }
    if (call->busy) {
        headers[n++] = (struct edge_http_header){"Retry-After", "1"};
    }
    ret->headers = headers;
    ret->n_headers = n;
}

static void take_response(struct edge_call *call, struct edge_ctx *ctx, bool wants_headers,
                          struct edge_http_response *ret)
{
    if (http_call_is_given_up(call)) {
        *ret = (struct edge_http_response){503, "text/plain", call->late_text,
                                           strlen(call->late_text), false};
        return;
    }
    size_t size = call->reply.cap;
    (void)http_call_charge(call, 0); /* the caller's account has it from here, if there is one */
    enum edge_status st = edge_ctx_charge(ctx, size);
    if (st != EDGE_OK) {
        const char *text = edge_strdup(&ctx->arena, edge_ctx_message(ctx, st));
        edge_ctx_clear(ctx);
        *ret = (struct edge_http_response){edge_status_http(st), "text/plain", text, strlen(text),
                                           st == EDGE_UNAVAILABLE};
        return;
    }
    *ret = (struct edge_http_response){
        .code = call->code,
        .busy = call->busy,
        .content_type = edge_strdup(&ctx->arena, call->type),
        .body_size = call->reply.len,
        .body = edge_buf_str(&call->reply),
    };
    if (wants_headers) {
        show_headers(call, &ctx->arena, ret);
    }
    edge_defer(&ctx->arena, free, call->reply.data);
    call->reply = (struct edge_buf)EDGE_BUF_INIT;
}

void edge_http_call(struct edge_http *http, struct edge_ctx *ctx,
                    const struct edge_http_request *req, struct edge_http_response *ret)
{
    http_ref(http);
    struct edge_call *call = http_call_new(http);
    set_request(call, req, req->correlation_id ? req->correlation_id : ctx->correlation_id);
    if (!http_call_run(call) && http_call_park(call)) {
        wait_for(call);
        http_call_unpark(call);
    }
    http_call_settle(call);
    take_response(call, ctx, req->wants_headers, ret);
    http_call_ended(http);
    http_call_unref(call);
    http_unref(http);
}
