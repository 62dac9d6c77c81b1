/* Memory and slots have a bound, whatever the peers do; and what a peer began ends with it. */
#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chunks.h"
#include "edge/budget.h"
#include "edge/clock.h"
#include "edge/http.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "edge/thread.h"
#include "http_probe.h"
#include "suites.h"
#include "wait.h"

enum { LIMIT = 1024 * 1024, PIECES = 100, PIECE = 50 * 1000 };

/* ---- handlers ---------------------------------------------------------------------------------- */

struct state {
    struct gate *gate;
    struct edge_call *kept;
    unsigned begun;
};

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
    struct state *state = edge_call_state(call);
    __atomic_store_n(&state->kept, call, __ATOMIC_SEQ_CST);
    return EDGE_PENDING;
}

static enum edge_status wait_at_gate(struct edge_call *call)
{
    struct state *state = edge_call_state(call);
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
    put_letters(edge_reply_body(call), 2 * LIMIT, 'w');
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
        put_letters(edge_reply_body(call), PIECE, (char)('a' + l->at % 26));
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
    put_letters(edge_reply_body(call), PIECE, 'x');
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
        EDGE_TRY(edge_call_reserve(call, LIMIT / 2));
    }
    put_letters(edge_reply_body(call), PIECE, 'm');
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
    {"GET",  "/ping",          answer_ping,       "", 0,                0        },
    {"POST", "/size",          tell_size,         "", 0,                8 * LIMIT},
    {"GET",  "/keep",          keep,              "", 0,                0        },
    {"POST", "/reads",         wait_at_gate,      "", 0,                8 * LIMIT},
    {"GET",  "/waits",         wait_at_gate,      "", EDGE_ROUTE_WAITS, 0        },
    {"GET",  "/whole",         answer_whole,      "", 0,                0        },
    {"GET",  "/stream/{n}",    stream,            "", 0,                0        },
    {"GET",  "/on-worker/{n}", stream,            "", EDGE_ROUTE_WAITS, 0        },
    {"GET",  "/breaks",        stream_and_break,  "", 0,                0        },
    {"GET",  "/starves",       stream_and_starve, "", 0,                0        },
};

/* ---- fixture ----------------------------------------------------------------------------------- */

struct fixture {
    struct edge_arena arena;
    struct state state;
    struct edge_budget *budget;
    struct edge_metrics *metrics;
    struct edge_pool *pool;
    struct edge_http *http;
    uint16_t port;
    struct http_answer answer;
};

static void serve_with(struct fixture *f, struct edge_http_config config)
{
    EDGE_CTX_SCOPE(ctx);
    *f = (struct fixture){.budget = edge_budget_create(LIMIT),
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

static void serve(struct fixture *f)
{
    serve_with(f, (struct edge_http_config){0});
}

static size_t in_use(const struct fixture *f)
{
    struct edge_budget_state state;
    edge_budget_state(f->budget, &state);
    return state.in_use;
}

static size_t peak(const struct fixture *f)
{
    struct edge_budget_state state;
    edge_budget_state(f->budget, &state);
    return state.peak;
}

static bool nothing_is_in_use(void *arg)
{
    return in_use(arg) == 0;
}

/* Whatever was done to it: it stops at once and owes nothing. */
static void stop(struct fixture *f)
{
    int64_t since_ms = edge_now_mono_ms();
    gate_open(f->state.gate);
    edge_http_stop(f->http, HTTP_PROBE_MS);
    CU_ASSERT(edge_now_mono_ms() - since_ms < 1000);
    edge_pool_free(f->pool);
    CU_ASSERT_EQUAL(in_use(f), 0);
    edge_budget_unref(f->budget);
    edge_metrics_free(f->metrics);
    gate_free(f->state.gate);
    edge_arena_done(&f->arena);
}

static void done(struct fixture *f)
{
    http_probe_ask(&f->arena, f->port, "GET", "/ping", NULL, NULL, &f->answer);
    CU_ASSERT_EQUAL(f->answer.code, 200);
    stop(f);
}

static void allow_many_files(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_with(const struct fixture *f, const char *text)
{
    int fd = http_probe_open(f->port);
    CU_ASSERT_FATAL(fd >= 0);
    http_probe_text(fd, text);
    return fd;
}

/* All until the peer closes. */
static const char *read_to_end(struct fixture *f, int fd, size_t *ret_n)
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

/* ---- the budget -------------------------------------------------------------------------------- */

static void test_a_budget_is_kept(void)
{
    struct edge_budget *b = edge_budget_create(LIMIT);
    struct edge_budget_state state;
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, LIMIT / 2));
    CU_ASSERT_FALSE(edge_budget_resize(b, 0, LIMIT / 2)); /* an eighth is left to the small */
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, 1000));
    CU_ASSERT_TRUE(edge_budget_resize(b, LIMIT / 2, LIMIT / 4));
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, LIMIT / 2));
    edge_budget_state(b, &state);
    CU_ASSERT_EQUAL(state.in_use, LIMIT / 4 + LIMIT / 2 + 1000);
    CU_ASSERT_EQUAL(state.peak, state.in_use);
    CU_ASSERT_EQUAL(state.refused, 1);
    CU_ASSERT(state.refused_ms > 0);
    CU_ASSERT_TRUE(edge_budget_resize(b, state.in_use, 0));
    CU_ASSERT_FALSE(edge_budget_resize(b, 0, LIMIT - LIMIT / 8)); /* too much for one */
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, edge_budget_most(b)));
    edge_budget_limit(b, 0);
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, SIZE_MAX / 2));
    edge_budget_unref(b);
}

static void test_bodies_have_a_budget(void)
{
    enum { N = 4, SIZE = 400 * 1024 };
    struct fixture f;
    int fds[N];
    unsigned refused = 0;
    serve_with(&f, (struct edge_http_config){.body_deadline_ms = 60000});
    char *part = edge_alloc(&f.arena, SIZE + 1, 1);
    memset(part, ' ', SIZE);
    for (int i = 0; i < N; i++) {
        fds[i] = open_with(&f, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 700000\r\n\r\n");
        http_probe_text(fds[i], part);
        http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200); /* who wants little is served all the same */
    }
    for (int i = 0; i < N; i++) { /* those that stand still give way, too */
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        refused += f.answer.code == 503;
        if (f.answer.code == 503) {
            CU_ASSERT_STRING_EQUAL(http_answer_header(&f.arena, &f.answer, "Retry-After"), "1");
            CU_ASSERT_PTR_NOT_NULL(strstr(f.answer.body, "too much memory is in use"));
        }
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(refused, N);
    CU_ASSERT(peak(&f) <= LIMIT);
    CU_ASSERT(edge_counter_get(edge_counter(f.metrics, "HttpRequestsRefused", "")) >= 1);
    CU_ASSERT_TRUE(wait_until(nothing_is_in_use, &f, HTTP_PROBE_MS));
    const char *body = edge_strndup(&f.arena, part, 200 * 1024);
    http_probe_ask(&f.arena, f.port, "POST", "/size", NULL, body, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200); /* and there is room again */
    http_probe_ask(&f.arena, f.port, "POST", "/size", "Content-Length: 4000000\r\n", NULL,
                   &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 413); /* what never fits says so, not to come again */
    done(&f);
}

static void test_answers_have_a_budget(void)
{
    struct fixture f;
    serve(&f);
    http_probe_ask(&f.arena, f.port, "GET", "/whole", NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 503);
    CU_ASSERT_STRING_EQUAL(http_answer_header(&f.arena, &f.answer, "Retry-After"), "1");
    CU_ASSERT_TRUE(wait_until(nothing_is_in_use, &f, HTTP_PROBE_MS));
    done(&f);
}

/* ---- answers made as they are read ------------------------------------------------------------- */

/* The body behind the head, taken out of its chunks; NULL where it is not well-formed. */
static const char *unchunk(struct fixture *f, const char *text, size_t n, size_t *ret_n)
{
    const char *head_end = strstr(text, "\r\n\r\n");
    size_t at = head_end ? (size_t)(head_end - text) + 4 : n;
    char *body = edge_alloc(&f->arena, n - at + 1, 1);
    memcpy(body, text + at, n - at);
    long joined = chunks_join(body, n - at);
    *ret_n = joined < 0 ? 0 : (size_t)joined;
    return joined < 0 ? NULL : edge_strndup(&f->arena, body, *ret_n);
}

static void expect_letters(const char *body, size_t n, size_t n_items)
{
    static const char head[] = "{\"apiVersion\":\"v3\",\"statusCode\":200,\"totalCount\":";
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    CU_ASSERT_EQUAL(strncmp(body, head, sizeof(head) - 1), 0);
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, body, n, NULL, &tree), EDGE_OK);
    const cJSON *letters = edge_json_member(tree, "letters", true);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(letters), (int)n_items);
    CU_ASSERT_EQUAL(body[n - 1], '\n');
}

static void test_long_answers_are_streamed(void)
{
    static const char *const targets[] = {"/stream/100", "/on-worker/100"};
    struct fixture f;
    serve(&f);
    for (size_t i = 0; i < 2; i++) {
        size_t n, size;
        int fd = open_with(
            &f, edge_printf(&f.arena, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                            targets[i]));
        const char *text = read_to_end(&f, fd, &n);
        CU_ASSERT_TRUE(chunks_announced(text));
        const char *body = unchunk(&f, text, n, &size);
        expect_letters(body, size, PIECES);
        close(fd);
        fd = open_with(&f, edge_printf(&f.arena, "GET %s HTTP/1.0\r\n\r\n", targets[i]));
        text = read_to_end(&f, fd, &n);
        CU_ASSERT_PTR_NULL(strstr(text, "\r\nTransfer-Encoding"));
        body = strstr(text, "\r\n\r\n") + 4;
        expect_letters(body, n - (size_t)(body - text), PIECES);
        close(fd);
    }
    CU_ASSERT(peak(&f) < 200 * 1024); /* of 5 MB each */
    http_probe_ask(&f.arena, f.port, "GET", "/stream/0", NULL, NULL, &f.answer);
    expect_letters(f.answer.body, f.answer.body_size, 0); /* a short one has its length */
    done(&f);
}

static void test_connections_outlive_long_answers(void)
{
    struct fixture f;
    serve(&f);
    int fd = open_with(&f, "GET /stream/3 HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t n;
    const char *text = read_to_end(&f, fd, &n);
    const char *second = strstr(text, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(second);
    CU_ASSERT_PTR_NOT_NULL(strstr(second, "{\"ping\":true}"));
    close(fd);
    done(&f);
}

static void test_readers_that_do_not_read(void)
{
    enum { N = 50 };
    struct fixture f;
    int fds[N];
    serve(&f);
    for (int i = 0; i < N; i++) {
        fds[i] = open_with(&f, i % 2 ? "GET /stream/1000 HTTP/1.1\r\nHost: x\r\n\r\n"
                                     : "GET /on-worker/1000 HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    CU_ASSERT(peak(&f) <= LIMIT + 128 * 1024); /* 50 MB each, if one let them */
    CU_ASSERT_TRUE(wait_until(nothing_is_in_use, &f, HTTP_PROBE_MS));
    done(&f);
}

static void test_a_failing_source_breaks_off(void)
{
    struct fixture f;
    serve(&f);
    int fd = open_with(&f, "GET /breaks HTTP/1.1\r\nHost: x\r\n\r\n");
    size_t n;
    const char *text = read_to_end(&f, fd, &n);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "HTTP/1.1 200 OK"));
    CU_ASSERT_PTR_NULL(strstr(text, "\r\n0\r\n\r\n")); /* nobody takes it for whole */
    close(fd);
    done(&f);
}

enum { TAKEN = LIMIT / 8 * 5, STARVED = 3 };

/* Take so much of the budget that a source of /starves has to wait. */
static void take_memory(struct fixture *f, bool take)
{
    size_t bytes = TAKEN;
    CU_ASSERT_TRUE_FATAL(edge_budget_resize(f->budget, take ? 0 : bytes, take ? bytes : 0));
}

struct refusals {
    const struct edge_budget *budget;
    uint64_t n;
};

static bool is_refused_often(void *arg)
{
    const struct refusals *r = arg;
    struct edge_budget_state state;
    edge_budget_state((struct edge_budget *)(uintptr_t)r->budget, &state);
    return state.refused >= r->n;
}

static void wait_for_refusals(struct fixture *f, uint64_t n)
{
    struct refusals r = {f->budget, n};
    CU_ASSERT_TRUE_FATAL(wait_until(is_refused_often, &r, HTTP_PROBE_MS));
}

/* The request behind an answer that had to wait for memory is answered, too. */
static void test_requests_behind_starved_answers(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.header_deadline_ms = 1000});
    take_memory(&f, true);
    int fd = open_with(&f, "GET /starves HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    wait_for_refusals(&f, 1);
    take_memory(&f, false);
    size_t n;
    const char *text = read_to_end(&f, fd, &n);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "{\"ping\":true}"));
    close(fd);
    done(&f);
}

static bool starved_hold_little(void *arg)
{
    return in_use(arg) <= TAKEN + STARVED * 8 * 1024;
}

/* However many answers wait for memory: who needs none is served, and they keep none from each other. */
static void test_starved_answers_hold_up_nobody(void)
{
    enum { N = STARVED };
    struct fixture f;
    int fds[N];
    serve(&f);
    take_memory(&f, true);
    for (int i = 0; i < N; i++) {
        fds[i] = open_with(&f, "GET /starves HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    wait_for_refusals(&f, 3 * N); /* each has been looked at more than once */
    http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    CU_ASSERT_TRUE(wait_until(starved_hold_little, &f, HTTP_PROBE_MS));
    take_memory(&f, false);
    for (int i = 0; i < N; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200);
        CU_ASSERT_EQUAL(f.answer.body_size, 2 * PIECE + 1);
        close(fds[i]);
    }
    done(&f);
}

static void test_starved_answers_end_with_the_server(void)
{
    struct fixture f;
    serve(&f);
    take_memory(&f, true);
    int fd = open_with(&f, "GET /starves HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for_refusals(&f, 1);
    edge_http_refuse(f.http);
    CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS)); /* though there is no memory yet */
    take_memory(&f, false);
    close(fd);
    stop(&f);
}

/* ---- what a peer began ends with it ------------------------------------------------------------ */

/* Heads of which no server can make anything, by the thousand. */
static void test_oversized_heads_leave_nothing(void)
{
    struct fixture f;
    serve(&f);
    struct edge_buf text = EDGE_BUF_INIT;
    for (int shape = 0; shape < 3; shape++) {
        text.len = 0;
        edge_buf_puts(&text, shape == 0   ? "GET /ping?"
                             : shape == 1 ? "GET /ping HTTP/1.1\r\nHost: x\r\nCookie: "
                                          : "");
        for (int i = 0; i < 3000; i++) {
            edge_buf_puts(&text, shape == 0   ? "abc=d&"
                                 : shape == 1 ? "abc=d; "
                                              : "GET /ping HTTP/1.1\r\nHost: x\r\nX: y\r\n");
        }
        for (int i = 0; i < 300; i++) {
            int fd = http_probe_open(f.port);
            http_probe_send(fd, text.data, text.len);
            close(fd);
        }
    }
    edge_buf_done(&text);
    CU_ASSERT_TRUE(wait_until(nothing_is_in_use, &f, HTTP_PROBE_MS));
    CU_ASSERT(peak(&f) <= LIMIT);
    done(&f);
}

static bool is_kept(void *arg)
{
    struct state *state = arg;
    return __atomic_load_n(&state->kept, __ATOMIC_SEQ_CST) != NULL;
}

static void test_many_parameters_are_read(void)
{
    struct fixture f;
    serve(&f);
    struct edge_buf target = EDGE_BUF_INIT;
    edge_buf_puts(&target, "/ping?");
    while (target.len < 4090) {
        edge_buf_puts(&target, "a=1&");
    }
    http_probe_ask(&f.arena, f.port, "GET", edge_buf_str(&target), NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    edge_buf_done(&target);
    done(&f);
}

/* A target of many parameters is made into several times its length. */
static void test_parameters_are_counted(void)
{
    enum { N = 2000 };
    struct fixture f;
    serve(&f);
    struct edge_buf text = EDGE_BUF_INIT;
    edge_buf_puts(&text, "GET /keep?");
    for (int i = 0; i < N; i++) {
        edge_buf_puts(&text, "a&");
    }
    edge_buf_puts(&text, " HTTP/1.1\r\nHost: x\r\n\r\n");
    int fd = open_with(&f, edge_buf_str(&text));
    edge_buf_done(&text);
    CU_ASSERT_TRUE_FATAL(wait_until(is_kept, &f.state, HTTP_PROBE_MS));
    CU_ASSERT(in_use(&f) >= N * 2 * sizeof(char *));
    edge_call_finish(f.state.kept, EDGE_OK);
    close(fd);
    CU_ASSERT_TRUE(wait_until(nothing_is_in_use, &f, HTTP_PROBE_MS));
    done(&f);
}

/* Data and the end at once: nobody is there any more, and no deadline has to pass to see it. */
static void test_vanished_peers_keep_no_slot(void)
{
    enum { N = 300 };
    static const char *const parts[] = {
        "GET /ping HTT", "GET /ping HTTP/1.1\r\nHost: x\r\nX: ",
        "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"};
    struct fixture f;
    int fds[N];
    allow_many_files();
    serve_with(&f,
               (struct edge_http_config){.header_deadline_ms = 60000, .body_deadline_ms = 60000});
    for (int i = 0; i < N; i++) {
        fds[i] = open_with(&f, parts[i % 3]);
        shutdown(fds[i], SHUT_WR);
    }
    int64_t since_ms = edge_now_mono_ms();
    for (int i = 0; i < N; i++) {
        CU_ASSERT_TRUE(http_probe_closed(fds[i], HTTP_PROBE_MS));
        close(fds[i]);
    }
    CU_ASSERT(edge_now_mono_ms() - since_ms < 5000);
    done(&f);
}

static bool is_abandoned(void *arg)
{
    return edge_call_is_abandoned(arg);
}

/* Both ends of each connection are of this process. */
static size_t n_open_files(void)
{
    size_t n = 0;
    DIR *files = opendir("/proc/self/fd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(files);
    while (readdir(files)) {
        n++;
    }
    closedir(files);
    return n;
}

static bool no_more_files_are_open(void *arg)
{
    const size_t *n = arg;
    return n_open_files() <= *n;
}

static void test_work_nobody_waits_for(void)
{
    struct fixture f;
    serve(&f);
    size_t before = n_open_files();
    int fd = open_with(&f, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    CU_ASSERT_TRUE_FATAL(wait_until(is_kept, &f.state, HTTP_PROBE_MS));
    CU_ASSERT_FALSE(edge_call_is_abandoned(f.state.kept));
    CU_ASSERT_EQUAL(edge_reply_check(f.state.kept), EDGE_OK);
    close(fd);
    CU_ASSERT_TRUE(wait_until(is_abandoned, f.state.kept, HTTP_PROBE_MS));
    CU_ASSERT_EQUAL(edge_reply_check(f.state.kept), EDGE_UNAVAILABLE); /* a list ends here */
    edge_call_finish(f.state.kept, EDGE_OK);
    enum { N = 20 };
    int fds[N];
    for (int i = 0; i < N; i++) { /* one is at work, the others are queued */
        fds[i] = open_with(&f, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
        CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
    }
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    CU_ASSERT_TRUE(wait_until(no_more_files_are_open, &before, HTTP_PROBE_MS)); /* it was seen */
    int last = open_with(&f, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
    gate_open(f.state.gate);
    http_probe_read(&f.arena, last, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    CU_ASSERT_EQUAL(__atomic_load_n(&f.state.begun, __ATOMIC_SEQ_CST), 2);
    close(last);
    done(&f);
}

/* A peer that only says it sends no more is answered. */
static void test_half_closed_peers_are_answered(void)
{
    struct fixture f;
    serve(&f);
    gate_open(f.state.gate);
    static const char *const requests[] = {"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "GET /stream/100 HTTP/1.1\r\nHost: x\r\n\r\n"};
    for (size_t i = 0; i < 3; i++) {
        int fd = open_with(&f, requests[i]);
        shutdown(fd, SHUT_WR);
        do { /* where the machine is busy, that the server is there comes first */
            http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        } while (f.answer.code == 100);
        CU_ASSERT_EQUAL(f.answer.code, 200);
        close(fd);
    }
    done(&f);
}

/* However long that takes: it hears a word that asks nothing of it, and only who is gone resets. */
static void test_half_closed_peers_wait(void)
{
    static const char old[] = "GET /waits HTTP/1.0\r\n\r\n",
                      once[] = "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n",
                      twice[] = "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n"
                                "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
    const char *const requests[] = {old, once, twice}; /* the old one cannot be told */
    struct fixture f;
    int fds[3];
    serve(&f);
    for (size_t i = 0; i < 3; i++) {
        fds[i] = open_with(&f, requests[i]);
        CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
        shutdown(fds[i], SHUT_WR);
    }
    for (size_t i = 1; i < 3; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 100);
    }
    gate_open(f.state.gate);
    for (size_t i = 0; i < 3; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200);
    }
    http_probe_read(&f.arena, fds[2], HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_STRING_EQUAL(f.answer.body, "{\"ping\":true}\n");
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(http_probe_closed(fds[i], HTTP_PROBE_MS));
        close(fds[i]);
    }
    done(&f);
}

/* Who is known to wait for an answer keeps its slot. */
static void test_half_closed_peers_keep_their_slot(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.max_connections = 2});
    int waits = open_with(&f, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(waits, SHUT_WR);
    http_probe_read(&f.arena, waits, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 100);
    int idle = open_with(&f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    http_probe_read(&f.arena, idle, HTTP_PROBE_MS, &f.answer);
    int newest = open_with(&f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    http_probe_read(&f.arena, newest, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    CU_ASSERT_TRUE(http_probe_closed(idle, HTTP_PROBE_MS));
    gate_open(f.state.gate);
    http_probe_read(&f.arena, waits, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    close(waits);
    close(idle);
    close(newest);
    done(&f);
}

static bool has_answer(int fd, int64_t timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, (int)timeout_ms) > 0;
}

/* A byte now and then does not keep a slot that somebody needs. */
static void test_trickling_peers_give_way(void)
{
    enum { N = 2 };
    struct fixture f;
    int fds[N];
    serve_with(&f, (struct edge_http_config){.max_connections = N, .body_deadline_ms = 60000});
    for (int i = 0; i < N; i++) {
        fds[i] = open_with(&f, "POST /size HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                               "Content-Length: 100000\r\n\r\n");
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 100);
    }
    int fd = open_with(&f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
    int64_t since_ms = edge_now_mono_ms();
    while (!has_answer(fd, 20) && edge_now_mono_ms() - since_ms < HTTP_PROBE_MS) {
        for (int i = 0; i < N; i++) {
            http_probe_text(fds[i], "b");
        }
    }
    CU_ASSERT_TRUE_FATAL(has_answer(fd, 0));
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    close(fd);
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    done(&f);
}

/* There are as many slots as were promised, whichever threads the connections come to. */
static void test_slots_are_shared_by_threads(void)
{
    enum { N = 64 };
    struct fixture f;
    int fds[N];
    serve_with(&f, (struct edge_http_config){.max_connections = N, .threads = 8});
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            if (round == 0) {
                fds[i] = open_with(&f, "");
            }
            http_probe_text(fds[i], "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
            http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
            CU_ASSERT_EQUAL(f.answer.code, 200);
        }
    }
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    done(&f);
}

/* The thread that hears of a new connection may have no slot to give, but another one has. */
static void test_any_thread_makes_room(void)
{
    enum { ROUNDS = 40 };
    struct fixture f;
    serve_with(&f, (struct edge_http_config){
                       .max_connections = 2, .threads = 2, .idle_timeout_ms = 60000});
    int busy = open_with(&f, "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n"), idle = -1;
    CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
    for (int i = 0; i < ROUNDS; i++) {
        int fd = open_with(&f, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL_FATAL(f.answer.code, 200);
        close(idle);
        idle = i % 2 ? fd : -1;
        if (idle < 0) {
            close(fd);
        }
    }
    close(idle);
    close(busy);
    done(&f);
}

/* Who comes to a thread that has few connections does not take the place of the few. */
static void test_the_many_give_way(void)
{
    enum { N = 64, THREADS = 8, NEW = N / THREADS, ROUNDS = 5 };
    struct fixture f;
    int idle[N], fds[NEW];
    for (int round = 0; round < ROUNDS; round++) {
        serve_with(&f, (struct edge_http_config){.max_connections = N, .threads = THREADS});
        for (int i = 0; i < N; i++) {
            idle[i] = open_with(&f, "");
        }
        for (int i = 0; i < 2 * NEW; i++) {
            if (i < NEW) {
                fds[i] = open_with(&f, "");
            }
            http_probe_text(fds[i % NEW], "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
            http_probe_read(&f.arena, fds[i % NEW], HTTP_PROBE_MS, &f.answer);
            CU_ASSERT_EQUAL(f.answer.code, 200);
        }
        for (int i = 0; i < N; i++) {
            close(idle[i]);
        }
        for (int i = 0; i < NEW; i++) {
            close(fds[i]);
        }
        done(&f);
    }
}

/* What a large body says takes its time: not that of the thread all others wait for. */
static void test_large_bodies_delay_nobody(void)
{
    enum { SIZE = 100 * 1024 };
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.threads = 1});
    char *body = edge_alloc(&f.arena, SIZE + 1, 1);
    memset(body, 'b', SIZE);
    int fd = open_with(
        &f, edge_printf(&f.arena, "POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
                        SIZE, body));
    CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
    http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    gate_open(f.state.gate);
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    close(fd);
    done(&f);
}

static void test_idle_peers_delay_nobody(void)
{
    enum { N = 3000, TRIES = 20 };
    struct fixture f;
    static int fds[N];
    allow_many_files();
    serve(&f);
    for (int i = 0; i < N; i++) {
        fds[i] = http_probe_open(f.port);
        CU_ASSERT_FATAL(fds[i] >= 0);
    }
    int64_t since_ns = edge_now_mono_ns();
    for (int i = 0; i < TRIES; i++) {
        http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200);
    }
    CU_ASSERT((edge_now_mono_ns() - since_ns) / TRIES < 50 * 1000 * 1000);
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    done(&f);
}

/* ---- every answer is one answer ---------------------------------------------------------------- */

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *s = strstr(text, what); s; s = strstr(s + 1, what)) {
        n++;
    }
    return n;
}

static const char *repeated(struct edge_arena *a, const char *before, const char *text, size_t n,
                            const char *after)
{
    struct edge_buf all = EDGE_BUF_INIT;
    edge_buf_puts(&all, before);
    for (size_t i = 0; i < n; i++) {
        edge_buf_puts(&all, text);
    }
    edge_buf_puts(&all, after);
    const char *copy = edge_strdup(a, edge_buf_str(&all));
    edge_buf_done(&all);
    return copy;
}

#define POST_CHUNKED "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static void test_refusals_are_one_answer(void)
{
    struct fixture f;
    serve(&f);
    struct edge_arena *a = &f.arena;
    const char *parameters =
        repeated(a, "GET /ping?", "a=1&", 5000, " HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *endless = repeated(a, "GET /", "a", 100000, "");
    const char *cookies = repeated(a, "GET /ping HTTP/1.1\r\nCookie: ", "a=1; ", 5000, "\r\n\r\n");
    const char *headers = repeated(a, "GET /ping HTTP/1.1\r\nHost: x\r\n", "X: y\r\n", 80, "\r\n");
    const char *name = repeated(a, "GET /ping HTTP/1.1\r\n", "X", 100000, "");
    const char *extension = repeated(a, POST_CHUNKED "3;", "ext=y;", 5000, "\r\nabc\r\n0\r\n\r\n");
    const char *extensions =
        repeated(a, POST_CHUNKED, "1;e=xxxxxxxxxxxxxxxx\r\nx\r\n", 5000, "0\r\n\r\n");
    /* One byte more than there may be of it, and that is the end of its line. */
    const char *to_the_end = repeated(a, POST_CHUNKED "3;", "x", 16384, "\r\nabc\r\n0\r\n\r\n");
    const char *trailed = repeated(a, POST_CHUNKED "0\r\n", "x", 16384, "\r\n\r\n");
    const char *trailers = repeated(a, POST_CHUNKED "0\r\n", "Trailer: y\r\n", 5000, "\r\n");
    const struct {
        int code;
        const char *request;
    } cases[] = {
        {414, parameters                                           },
        {414, endless                                              },
        {431, cookies                                              },
        {431, headers                                              },
        {431, name                                                 },
        {400, "GET /ping\r\n\r\n"                                  },
        {400, "GET  /ping HTTP/1.1\r\nHost: x\r\n\r\n"             },
        {400, "G(T /ping HTTP/1.1\r\nHost: x\r\n\r\n"              },
        {400, "GET /ping HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n"},
        {400, "GET /ping HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n"   },
        {400, "GET /ping HTTP/1.1\r\nHost: x\r\nX: a\x01\r\n\r\n"  },
        {505, "GET /ping HTTP/3.0\r\nHost: x\r\n\r\n"              },
        {400, POST_CHUNKED "x\r\n"                                 },
        {400, POST_CHUNKED "\r\n"                                  },
        {400, POST_CHUNKED "-1\r\n"                                },
        {400, POST_CHUNKED "3\r\nabcd\r\n0\r\n\r\n"                },
        {400, POST_CHUNKED "3\nabc\r\n0\r\n\r\n"                   },
        {400, POST_CHUNKED "1111111111111111111\r\n"               },
        {400, POST_CHUNKED "3 4\r\nabc\r\n0\r\n\r\n"               },
        {400, POST_CHUNKED "3 \r\nabc\r\n0\r\n\r\n"                },
        {400, POST_CHUNKED "3\t\t4;x\r\nabc\r\n0\r\n\r\n"          },
        {400, POST_CHUNKED "3 x\r\nabc\r\n0\r\n\r\n"               },
        {400, to_the_end                                           },
        {400, trailed                                              },
        {400, extension                                            },
        {400, extensions                                           },
        {400, trailers                                             },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = 0;
        int fd = open_with(&f, cases[i].request);
        const char *text = read_to_end(&f, fd, &n);
        const char *body = strstr(text, "\r\n\r\n");
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree = NULL;
        int64_t code = 0;
        CU_ASSERT_EQUAL(strncmp(text, "HTTP/1.1 ", 9), 0);
        CU_ASSERT_EQUAL(count_of(text, "Content-Length: "), 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(body);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(text, edge_printf(a, "\r\nContent-Length: %zu\r\n", strlen(body + 4))));
        CU_ASSERT_EQUAL(edge_json_parse(&ctx, body + 4, strlen(body + 4), NULL, &tree), EDGE_OK);
        CU_ASSERT_TRUE(edge_json_int(edge_json_member(tree, "statusCode", true), &code));
        CU_ASSERT_EQUAL(code, cases[i].code);
        CU_ASSERT_EQUAL(strtol(text + 9, NULL, 10), cases[i].code);
        if (code != cases[i].code) {
            fprintf(stderr, "%zu: got %s\n", i, text);
        }
        close(fd);
    }
    done(&f);
}

static void test_chunks_are_read(void)
{
    static const char *const requests[] = {
        POST_CHUNKED "3;ext\r\nabc\r\n4 \t ; a=b;c=\"d\"\r\ndefg\r\n0;last\r\n\r\n",
        POST_CHUNKED "007\r\nabcdefg\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n",
        POST_CHUNKED "1\r\na\r\n6\r\nbcdefg\r\n0\r\n\r\n",
    };
    struct fixture f;
    serve(&f);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        size_t len = strlen(requests[i]);
        for (size_t cut = 1; cut <= len; cut += 7) { /* wherever the packets end */
            int fd = http_probe_open(f.port);
            http_probe_send(fd, requests[i], cut);
            http_probe_send(fd, requests[i] + cut, len - cut);
            http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
            CU_ASSERT_EQUAL(f.answer.code, 200);
            CU_ASSERT_STRING_EQUAL(f.answer.body, "{\"size\":7}\n");
            close(fd);
        }
    }
    done(&f);
}

CU_TestInfo http_budget_tests[] = {
    {"a budget is kept",                    test_a_budget_is_kept                   },
    {"bodies have a budget",                test_bodies_have_a_budget               },
    {"answers have a budget",               test_answers_have_a_budget              },
    {"long answers are streamed",           test_long_answers_are_streamed          },
    {"connections outlive long answers",    test_connections_outlive_long_answers   },
    {"readers that do not read",            test_readers_that_do_not_read           },
    {"a failing source breaks off",         test_a_failing_source_breaks_off        },
    {"requests behind starved answers",     test_requests_behind_starved_answers    },
    {"starved answers hold up nobody",      test_starved_answers_hold_up_nobody     },
    {"starved answers end with the server", test_starved_answers_end_with_the_server},
    {"oversized heads leave nothing",       test_oversized_heads_leave_nothing      },
    {"many parameters are read",            test_many_parameters_are_read           },
    {"parameters are counted",              test_parameters_are_counted             },
    {"vanished peers keep no slot",         test_vanished_peers_keep_no_slot        },
    {"work nobody waits for",               test_work_nobody_waits_for              },
    {"half-closed peers are answered",      test_half_closed_peers_are_answered     },
    {"half-closed peers wait",              test_half_closed_peers_wait             },
    {"half-closed peers keep their slot",   test_half_closed_peers_keep_their_slot  },
    {"trickling peers give way",            test_trickling_peers_give_way           },
    {"slots are shared by threads",         test_slots_are_shared_by_threads        },
    {"any thread makes room",               test_any_thread_makes_room              },
    {"the many give way",                   test_the_many_give_way                  },
    {"large bodies delay nobody",           test_large_bodies_delay_nobody          },
    {"idle peers delay nobody",             test_idle_peers_delay_nobody            },
    {"refusals are one answer",             test_refusals_are_one_answer            },
    {"chunks are read",                     test_chunks_are_read                    },
    CU_TEST_INFO_NULL,
};
