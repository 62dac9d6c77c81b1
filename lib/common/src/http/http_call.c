/*
 * One call: its request, its reply and its share of the memory. What becomes of it stands in
 * http_run.c.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "edge/budget.h"
#include "edge/clock.h"
#include "edge/metrics.h"
#include "edge/text.h"
#include "http_internal.h"

enum { DEFAULT_MAX_BODY = 1024 * 1024 };

struct edge_call *http_call_new(struct edge_http *http)
{
    struct edge_call *call = edge_xalloc(1, sizeof(*call));
    call->ctx.log = http->config.log;
    call->ctx.budget = http->budget;
    call->http = http;
    call->code = 200;
    call->type = "application/json";
    call->method = call->target = call->query = "";
    call->started_ns = edge_now_mono_ns();
    atomic_init(&call->refs, 1);
    atomic_fetch_add(&http->n_open, 1);
    return call;
}

void http_call_unref(struct edge_call *call)
{
    if (atomic_fetch_sub(&call->refs, 1) > 1) {
        return;
    }
    struct edge_http *http = call->holds_http ? call->http : NULL;
    if (call->has_done) {
        edge_cond_done(&call->done);
    }
    edge_buf_done(&call->body);
    edge_buf_done(&call->reply);
    edge_ctx_done(&call->ctx);
    if (http) { /* else its connection has given back what there was, and the server may be gone */
        (void)http_call_charge(call, 0);
    }
    free(call);
    if (http) {
        http_unref(http);
    }
}

/* ---- memory ------------------------------------------------------------------------------ */

bool http_call_charge(struct edge_call *call, size_t bytes)
{
    if (!edge_budget_resize(call->http->budget, call->charged, bytes)) {
        return false;
    }
    call->charged = bytes;
    return true;
}

bool http_call_charge_guess(struct edge_call *call, size_t bytes)
{
    size_t most = edge_budget_most(call->http->budget);
    return http_call_charge(call, bytes < most ? bytes : most);
}

void http_call_trim(struct edge_call *call)
{
    struct edge_buf *reply = &call->reply;
    if (reply->cap - reply->len > HTTP_PIECE) {
        reply->data = edge_xrealloc(reply->data, reply->len + 2, 1);
        reply->cap = reply->len + 2; /* room for the newline */
    }
}

enum edge_status http_call_refuse_for_now(struct edge_call *call, const char *why)
{
    call->busy = true;
    if (call->http->refused) {
        edge_counter_add(call->http->refused, 1);
    }
    return edge_fail(&call->ctx, EDGE_UNAVAILABLE, "%s", why);
}

enum edge_status edge_call_reserve(struct edge_call *call, size_t bytes)
{
    if (!http_call_charge_guess(call, call->base_charge + call->body.cap + bytes)) {
        return http_call_refuse_for_now(call, "too much memory is in use for requests");
    }
    return EDGE_OK;
}

enum edge_status edge_reply_check(struct edge_call *call)
{
    size_t made = call->body.cap + call->ctx.arena.used + call->reply.cap -
                  edge_ctx_charged_arena(&call->ctx);
    size_t bytes = call->base_charge + made, most = edge_budget_most(call->http->budget);
    if (http_call_is_given_up(call)) {
        return edge_fail(&call->ctx, EDGE_UNAVAILABLE, "nobody waits for the answer any more");
    }
    if (!call->loop &&
        call->reply.len > EDGE_ANSWER_MAX) { /* as its caller by a socket would say */
        most = EDGE_ANSWER_MAX;
    } else if (bytes <= call->charged || made <= HTTP_PIECE) {
        return EDGE_OK;
    }
    if (bytes > most) {
        return edge_fail(&call->ctx, EDGE_TOO_LARGE,
                         "the answer is longer than %zu KB: ask for fewer at once", most / 1024);
    }
    /* In steps, as the reply grows: an answer of many small elements does not ask for each. */
    return edge_call_reserve(call, made - call->body.cap + HTTP_PIECE);
}

void http_call_no_room(struct edge_call *call)
{
    call->settled = true;
    edge_ctx_clear(&call->ctx);
    edge_buf_done(&call->body);
    (void)http_call_charge(call,
                           call->base_charge < call->charged ? call->base_charge : call->charged);
    enum edge_status st = http_call_refuse_for_now(call, "too much memory is in use for requests");
    http_reply_failure(call, st, edge_status_http(st), true);
}

/* ---- what is asked ----------------------------------------------------------------------- */

void http_call_set_target(struct edge_call *call, const char *target)
{
    struct edge_ctx *ctx = &call->ctx;
    call->target = edge_strdup(&ctx->arena, target);
    call->path_len = strcspn(call->target, "?");
    call->query = call->target + call->path_len + (call->target[call->path_len] == '?');
    if (strlen(call->target) > HTTP_MAX_TARGET) {
        call->settled = true;
        enum edge_status st =
            edge_fail(ctx, EDGE_INVALID, "the request target is longer than %d", HTTP_MAX_TARGET);
        http_reply_failure(call, st, 414, true);
        return;
    }
    if (call->known_method == HTTP_OPTIONS && strcmp(target, "*") == 0) {
        call->settled = true; /* 200 and nothing more, as the official servers answer */
        return;
    }
    enum edge_status st = http_target_check(ctx, call->target);
    if (st != EDGE_OK) {
        call->settled = true;
        http_reply_failure(call, st, edge_status_http(st), true);
        return;
    }
    if (*call->query != '\0') {
        call->queries = http_query_parse(&ctx->arena, call->query, &call->n_queries);
    }
}

void http_call_set_correlation(struct edge_call *call, const char *given)
{
    char *id = call->ctx.correlation_id;
    size_t len = given ? strlen(given) : 0;
    call->given_id = len > 0 && len < sizeof(call->ctx.correlation_id);
    for (size_t i = 0; i < len && call->given_id; i++) {
        call->given_id = given[i] > ' ' && given[i] < 0x7f;
    }
    if (call->given_id) {
        memcpy(id, given, len + 1);
    } else {
        edge_uuid_new(id);
    }
}

static void set_allow(struct edge_call *call, unsigned methods)
{
    const char *allow = http_method_name(HTTP_OPTIONS);
    for (unsigned m = HTTP_OPTIONS + 1; m < HTTP_METHOD_COUNT; m++) {
        if (methods & (1U << m)) {
            allow = edge_printf(&call->ctx.arena, "%s, %s", allow, http_method_name(m));
        }
    }
    call->allow = allow;
}

static bool is_preflight(const struct edge_call *call, enum http_method method)
{
    return method == HTTP_OPTIONS && edge_call_header(call, "Access-Control-Request-Method");
}

/* The server's limit holds for every route; a route that wants less is stricter. */
static size_t body_limit(size_t of_route, size_t of_server)
{
    if (of_route == 0) {
        return of_server ? of_server : DEFAULT_MAX_BODY;
    }
    return of_server && of_server < of_route ? of_server : of_route;
}

void http_call_find_route(struct edge_call *call, enum http_method method)
{
    struct http_match match;
    http_router_match(call->http->router, method, call->target, call->path_len, &match);
    call->settled = match.end == NULL;
    if (match.end) {
        call->end = match.end;
        call->route = match.end->row;
        call->max_body = body_limit(call->route->max_body, call->http->config.max_body);
        size_t most = edge_budget_most(call->http->budget);
        call->max_body = call->max_body < most ? call->max_body : most;
        for (size_t i = 0; i < match.end->n_names; i++) {
            struct http_slice raw = match.params[i];
            const char *value = edge_percent_decode(&call->ctx.arena, raw.text, raw.len);
            assert(value); /* http_target_check() let it pass */
            call->params[i] = value;
        }
    } else if (is_preflight(call, method)) {
        call->preflight = true;
    } else if (match.methods == 0) {
        http_reply_plain(call, 404, "Not Found");
    } else {
        set_allow(call, match.methods);
        if (method == HTTP_OPTIONS) {
            call->code = 204;
        } else {
            http_reply_plain(call, 405, "Method Not Allowed");
        }
    }
}

void http_call_refuse(struct edge_call *call, int code, const char *why)
{
    call->close = call->settled = true;
    edge_buf_done(&call->body);
    edge_ctx_clear(&call->ctx);
    enum edge_status st = edge_fail(&call->ctx, EDGE_INVALID, "%s", why);
    http_reply_failure(call, st, code, true);
}

void http_call_too_large(struct edge_call *call)
{
    call->settled = call->close = true;
    edge_buf_done(&call->body);
    enum edge_status st =
        edge_fail(&call->ctx, EDGE_TOO_LARGE, "request size exceed Service.MaxRequestSize(%zu KB)",
                  (call->max_body + 1023) / 1024);
    http_reply_failure(call, st, edge_status_http(st), true);
}

void http_call_end_line(struct edge_call *call)
{
    struct edge_buf *out = &call->reply;
    bool bare = call->route && (call->route->flags & EDGE_ROUTE_BARE);
    if (!bare && (!call->source || call->drained) && out->len > 0 &&
        out->data[out->len - 1] != '\n' && strcmp(call->type, "application/json") == 0) {
        edge_buf_putc(out, '\n');
    }
}

bool http_call_is_given_up(const struct edge_call *call)
{
    return (atomic_load(&call->flags) & HTTP_GIVEN_UP) != 0;
}

bool edge_call_is_abandoned(const struct edge_call *call)
{
    return http_call_is_given_up(call);
}

int64_t edge_call_began_ms(const struct edge_call *call)
{
    return call->started_ns / 1000000;
}
