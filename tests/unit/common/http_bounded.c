/* A server whose memory has a bound, and what its routes do. */
#include "http_bounded.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "edge/clock.h"
#include "suites.h"

/* ---- handlers ---------------------------------------------------------------------------------- */

static enum edge_status answer_ping(struct edge_call *call)
{
    edge_buf_puts(edge_reply_body(call), "{\"ping\":true}");
    return EDGE_OK;
}

static enum edge_status tell_size(struct edge_call *call)
{
    size_t size;
    (void)edge_call_body(call, &size);
    edge_buf_printf(edge_reply_body(call), "{\"size\":%zu}", size);
    return EDGE_OK;
}

static enum edge_status keep(struct edge_call *call)
{
    struct bounded_state *state = edge_call_state(call);
    __atomic_store_n(&state->kept, call, __ATOMIC_SEQ_CST);
    return EDGE_PENDING;
}

static enum edge_status wait_at_gate(struct edge_call *call)
{
    struct bounded_state *state = edge_call_state(call);
    __atomic_add_fetch(&state->begun, 1, __ATOMIC_SEQ_CST);
    gate_pass(state->gate);
    return EDGE_OK;
}

static void put_letters(struct edge_buf *out, size_t n, char letter)
{
    memset(edge_buf_room(out, n), letter, n);
    out->len += n;
}

/* More than there may be of all answers together. */
static enum edge_status answer_whole(struct edge_call *call)
{
    put_letters(edge_reply_body(call), 2 * BOUNDED_LIMIT, 'w');
    return EDGE_OK;
}

struct letters {
    size_t at, n;
};

static enum edge_status put_piece(struct edge_call *call, bool *ret_done)
{
    struct letters *l = edge_call_source_arg(call);
    if (l->at < l->n) {
        edge_reply_list_item(call);
        edge_buf_putc(edge_reply_body(call), '"');
        put_letters(edge_reply_body(call), BOUNDED_PIECE, (char)('a' + l->at % 26));
        edge_buf_putc(edge_reply_body(call), '"');
        l->at++;
    }
    *ret_done = l->at >= l->n;
    return *ret_done ? edge_reply_list_close(call) : EDGE_OK;
}

static enum edge_status stream(struct edge_call *call)
{
    struct letters *l = edge_new(&edge_call_ctx(call)->arena, struct letters);
    l->n = strtoul(edge_call_param(call, "n"), NULL, 10);
    edge_reply_list_open(call, "letters", (int64_t)l->n);
    edge_reply_stream(call, put_piece, l);
    return EDGE_OK;
}

static enum edge_status break_off(struct edge_call *call, bool *ret_done)
{
    (void)ret_done;
    struct letters *l = edge_call_source_arg(call);
    put_letters(edge_reply_body(call), BOUNDED_PIECE, 'x');
    return ++l->at < 3 ? EDGE_OK : edge_fail(edge_call_ctx(call), EDGE_INTERNAL, "it broke");
}

static enum edge_status stream_and_break(struct edge_call *call)
{
    edge_reply_stream(call, break_off, edge_new(&edge_call_ctx(call)->arena, struct letters));
    return EDGE_OK;
}

/* A first piece, then one that wants more memory than there is while the test holds it. */
static enum edge_status put_when_there_is_memory(struct edge_call *call, bool *ret_done)
{
    struct letters *l = edge_call_source_arg(call);
    if (l->at > 0) {
        EDGE_TRY(edge_call_reserve(call, BOUNDED_LIMIT / 2));
    }
    put_letters(edge_reply_body(call), BOUNDED_PIECE, 'm');
    *ret_done = ++l->at == 2;
    return EDGE_OK;
}

static enum edge_status stream_and_starve(struct edge_call *call)
{
    edge_reply_stream(call, put_when_there_is_memory,
                      edge_new(&edge_call_ctx(call)->arena, struct letters));
    return EDGE_OK;
}

static const struct edge_route routes[] = {
    {"GET",  "/ping",          answer_ping,       "", 0,                0                },
    {"POST", "/size",          tell_size,         "", 0,                8 * BOUNDED_LIMIT},
    {"GET",  "/keep",          keep,              "", 0,                0                },
    {"POST", "/reads",         wait_at_gate,      "", 0,                8 * BOUNDED_LIMIT},
    {"GET",  "/waits",         wait_at_gate,      "", EDGE_ROUTE_WAITS, 0                },
    {"GET",  "/whole",         answer_whole,      "", 0,                0                },
    {"GET",  "/stream/{n}",    stream,            "", 0,                0                },
    {"GET",  "/on-worker/{n}", stream,            "", EDGE_ROUTE_WAITS, 0                },
    {"GET",  "/breaks",        stream_and_break,  "", 0,                0                },
    {"GET",  "/starves",       stream_and_starve, "", 0,                0                },
};

/* ---- fixture ----------------------------------------------------------------------------------- */

void bounded_serve_with(struct bounded *f, struct edge_http_config config)
{
    EDGE_CTX_SCOPE(ctx);
    *f = (struct bounded){.budget = edge_budget_create(BOUNDED_LIMIT),
                          .metrics = edge_metrics_create("test"),
                          .pool = edge_pool_create("test", 1, 64)};
    f->state.gate = gate_create();
    config.routes = (struct edge_routes)EDGE_TABLE(routes);
    config.threads = config.threads ? config.threads : 1;
    config.state = &f->state;
    config.budget = f->budget;
    config.metrics = f->metrics;
    config.pool = f->pool;
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &f->http), EDGE_OK);
    f->port = edge_http_port(f->http);
}

void bounded_serve(struct bounded *f)
{
    bounded_serve_with(f, (struct edge_http_config){0});
}

size_t bounded_in_use(const struct bounded *f)
{
    struct edge_budget_state state;
    edge_budget_state(f->budget, &state);
    return state.in_use;
}

size_t bounded_peak(const struct bounded *f)
{
    struct edge_budget_state state;
    edge_budget_state(f->budget, &state);
    return state.peak;
}

bool bounded_owes_nothing(void *arg)
{
    return bounded_in_use(arg) == 0;
}

void bounded_stop(struct bounded *f)
{
    int64_t since_ms = edge_now_mono_ms();
    gate_open(f->state.gate);
    edge_http_stop(f->http, HTTP_PROBE_MS);
    CU_ASSERT(edge_now_mono_ms() - since_ms < 1000);
    edge_pool_free(f->pool);
    CU_ASSERT_EQUAL(bounded_in_use(f), 0);
    edge_budget_unref(f->budget);
    edge_metrics_free(f->metrics);
    gate_free(f->state.gate);
    edge_arena_done(&f->arena);
}

void bounded_done(struct bounded *f)
{
    http_probe_ask(&f->arena, f->port, "GET", "/ping", NULL, NULL, &f->answer);
    CU_ASSERT_EQUAL(f->answer.code, 200);
    bounded_stop(f);
}

int bounded_open(const struct bounded *f, const char *text)
{
    int fd = http_probe_open(f->port);
    CU_ASSERT_FATAL(fd >= 0);
    http_probe_text(fd, text);
    return fd;
}

const char *bounded_read(struct bounded *f, int fd, size_t *ret_n)
{
    struct edge_buf all = EDGE_BUF_INIT;
    ssize_t n;
    struct timeval patience = {.tv_sec = HTTP_PROBE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while ((n = recv(fd, edge_buf_room(&all, 4096), 4096, 0)) > 0) {
        all.len += (size_t)n;
    }
    const char *text = edge_strndup(&f->arena, edge_buf_str(&all), all.len);
    *ret_n = all.len;
    edge_buf_done(&all);
    return text;
}

bool bounded_is_kept(void *arg)
{
    struct bounded_state *state = arg;
    return __atomic_load_n(&state->kept, __ATOMIC_SEQ_CST) != NULL;
}
