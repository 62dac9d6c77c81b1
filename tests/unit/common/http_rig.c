/* The server several suites of HTTP ask, and what its routes do. */
#include "http_rig.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "edge/base.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "suites.h"

/* ---- handlers ---------------------------------------------------------------------------- */

static enum edge_status show(struct edge_call *call)
{
    size_t size;
    const char *body = edge_call_body(call, &size), *value = NULL;
    const char *query = edge_call_query(call, "q");
    const char *header = edge_call_header(call, "x-test");
    struct edge_buf *out = edge_reply_body(call);
    edge_reply_type(call, "text/plain");
    edge_buf_printf(out, "%s name=%s q=%s raw=%s header=%s body=%zu:%s", edge_call_method(call),
                    edge_call_param(call, "name"), query ? query : "-",
                    edge_call_query_string(call), header ? header : "-", size, body);
    for (size_t i = 0; edge_call_query_at(call, i, &value); i++) {
        edge_buf_printf(out, " [%s]", value);
    }
    return EDGE_OK;
}

static enum edge_status answer_ping(struct edge_call *call)
{
    edge_buf_puts(edge_reply_body(call), "{\"ping\":true}");
    return EDGE_OK;
}

static enum edge_status fail_as_asked(struct edge_call *call)
{
    edge_buf_puts(edge_reply_body(call), "{\"half\":");
    edge_call_set_request_id(call, edge_call_query(call, "id"));
    enum edge_status st =
        edge_status_from_http((int)strtol(edge_call_param(call, "code"), NULL, 10));
    st = edge_fail(edge_call_ctx(call), st, "the \"cause\"");
    return edge_wrap(edge_call_ctx(call), st, "doing it");
}

static enum edge_status answer_nothing_as_json(struct edge_call *call)
{
    edge_reply_type(call, "application/json");
    return EDGE_OK;
}

static enum edge_status answer_empty(struct edge_call *call)
{
    edge_reply_code(call, 202);
    return EDGE_OK;
}

static enum edge_status answer_no_content(struct edge_call *call)
{
    edge_buf_puts(edge_reply_body(call), "{\"nobody\":\"reads it\"}");
    edge_reply_code(call, 204);
    return EDGE_OK;
}

static enum edge_status put_much(struct edge_call *call, bool *ret_done)
{
    enum { MUCH = 100 * 1024 };
    memset(edge_buf_room(edge_reply_body(call), MUCH), 'm', MUCH);
    edge_reply_body(call)->len += MUCH;
    *ret_done = edge_call_query(call, "short") != NULL;
    return EDGE_OK;
}

static enum edge_status stream_much(struct edge_call *call)
{
    edge_reply_stream(call, put_much, NULL);
    return EDGE_OK;
}

static enum edge_status wait_at_gate(struct edge_call *call)
{
    struct rig_state *state = edge_call_state(call);
    gate_pass(state->gate);
    edge_buf_printf(edge_reply_body(call), "{\"waited\":\"%s\"}",
                    edge_call_header(call, "X-Test") ? edge_call_header(call, "X-Test") : "");
    __atomic_add_fetch(&state->late, 1, __ATOMIC_SEQ_CST);
    return EDGE_OK;
}

void *rig_finish(void *arg)
{
    struct edge_call *call = arg;
    edge_buf_puts(edge_reply_body(call), "{\"finished\":true}");
    edge_call_finish(call, EDGE_OK);
    return NULL;
}

/* Finishes the call in the midst of the handler or right after it, as the scheduler likes. */
static enum edge_status finish_elsewhere(struct edge_call *call)
{
    pthread_t thread = edge_thread_start("finisher", rig_finish, call);
    pthread_detach(thread);
    return EDGE_PENDING;
}

static enum edge_status finish_before_return(struct edge_call *call)
{
    rig_finish(call);
    return EDGE_PENDING;
}

static enum edge_status fail_later(struct edge_call *call)
{
    enum edge_status st = edge_fail(edge_call_ctx(call), EDGE_CONFLICT, "taken");
    edge_call_finish(call, st);
    return EDGE_PENDING;
}

static enum edge_status keep(struct edge_call *call)
{
    struct rig_state *state = edge_call_state(call);
    __atomic_store_n(&state->kept, call, __ATOMIC_SEQ_CST);
    return EDGE_PENDING;
}

/* As long as a device takes that is sometimes slower than the server's patience. */
static enum edge_status take_some_time(struct edge_call *call)
{
    int64_t ms = strtol(edge_call_param(call, "ms"), NULL, 10);
    poll(NULL, 0, (int)ms);
    edge_buf_puts(edge_reply_body(call), "{\"took\":true}");
    return EDGE_OK;
}

static enum edge_status go_to_worker(struct edge_call *call)
{
    return edge_call_on_worker(call, wait_at_gate);
}

/* Its id says how much memory of earlier items it found. */
static enum edge_status take_much(struct edge_call *call, void *object, struct edge_item *item)
{
    struct edge_arena *a = &edge_call_ctx(call)->arena;
    const struct edge_base_request *request = object;
    item->code = 201;
    item->id = edge_printf(a, "%zu of %s", a->used, request->api_version);
    edge_alloc(a, 1, 1 << 20);
    return strcmp(request->api_version, "bad") == 0
               ? edge_fail(edge_call_ctx(call), EDGE_CONFLICT, "%s", item->id)
               : EDGE_OK;
}

static enum edge_status take_each(struct edge_call *call)
{
    return edge_each_decoded(call, &EDGE_BASE_REQUEST, take_much);
}

static const struct edge_route routes[] = {
    {"GET",  "/show/{name}",  show,                   "", 0,                0},
    {"POST", "/show/{name}",  show,                   "", 0,                0},
    {"POST", "/small",        show,                   "", 0,                8},
    {"GET",  "/fail/{code}",  fail_as_asked,          "", 0,                0},
    {"GET",  "/empty-json",   answer_nothing_as_json, "", 0,                0},
    {"POST", "/each",         take_each,              "", 0,                0},
    {"GET",  "/empty",        answer_empty,           "", 0,                0},
    {"GET",  "/open",         answer_ping,            "", EDGE_ROUTE_OPEN,  0},
    {"GET",  "/bare",         answer_ping,            "", EDGE_ROUTE_BARE,  0},
    {"GET",  "/json",         answer_ping,            "", 0,                0},
    {"GET",  "/waits",        wait_at_gate,           "", EDGE_ROUTE_WAITS, 0},
    {"GET",  "/worker",       go_to_worker,           "", 0,                0},
    {"GET",  "/elsewhere",    finish_elsewhere,       "", 0,                0},
    {"POST", "/elsewhere",    finish_elsewhere,       "", 0,                0},
    {"GET",  "/before",       finish_before_return,   "", 0,                0},
    {"GET",  "/late-failure", fail_later,             "", 0,                0},
    {"GET",  "/keep",         keep,                   "", 0,                0},
    {"GET",  "/no-content",   answer_no_content,      "", 0,                0},
    {"HEAD", "/head/json",    answer_ping,            "", 0,                0},
    {"HEAD", "/head/keep",    keep,                   "", 0,                0},
    {"HEAD", "/head/much",    stream_much,            "", 0,                0},
    {"GET",  "/takes/{ms}",   take_some_time,         "", EDGE_ROUTE_WAITS, 0},
};

const struct edge_routes rig_routes = EDGE_TABLE(routes);

/* ---- fixture ----------------------------------------------------------------------------- */

void rig_serve_with(struct rig *f, struct edge_http_config config)
{
    EDGE_CTX_SCOPE(ctx);
    *f = (struct rig){.pool = config.pool};
    if (!f->pool) {
        f->pool = edge_pool_create("test", 8, 64);
    }
    f->metrics = edge_metrics_create("test");
    f->state.gate = gate_create();
    config.service = "test";
    config.routes = rig_routes;
    config.state = &f->state;
    config.pool = f->pool;
    config.metrics = f->metrics;
    config.threads = config.threads ? config.threads : 2;
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &f->http), EDGE_OK);
    f->port = edge_http_port(f->http);
}

void rig_serve(struct rig *f)
{
    rig_serve_with(f, (struct edge_http_config){0});
}

void rig_done(struct rig *f)
{
    gate_open(f->state.gate);
    edge_http_stop(f->http, 2000);
    edge_pool_free(f->pool);
    edge_metrics_free(f->metrics);
    gate_free(f->state.gate);
    edge_arena_done(&f->arena);
}

void rig_ask(struct rig *f, const char *method, const char *target, const char *headers,
             const char *body)
{
    http_probe_ask(&f->arena, f->port, method, target, headers, body, &f->answer);
}

const char *rig_header(struct rig *f, const char *name)
{
    const char *value = http_answer_header(&f->arena, &f->answer, name);
    return value ? value : "";
}

static bool is_kept(void *arg)
{
    struct rig_state *state = arg;
    return __atomic_load_n(&state->kept, __ATOMIC_SEQ_CST) != NULL;
}

struct edge_call *rig_take_kept(struct rig *f)
{
    CU_ASSERT_TRUE_FATAL(wait_until(is_kept, &f->state, HTTP_PROBE_MS));
    return __atomic_exchange_n(&f->state.kept, NULL, __ATOMIC_SEQ_CST);
}
