/* The HTTP server over real sockets: routes, headers, envelopes, calls that wait, calls from
 * inside. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/base.h"
#include "edge/config.h"
#include "edge/http.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "http_probe.h"
#include "suites.h"
#include "wait.h"

/* What the handlers of these tests share with the test. */
struct state {
    struct gate *gate;
    struct edge_call *kept;
    unsigned late; /* runs that ended after their client was answered */
};

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
    struct state *state = edge_call_state(call);
    gate_pass(state->gate);
    edge_buf_printf(edge_reply_body(call), "{\"waited\":\"%s\"}",
                    edge_call_header(call, "X-Test") ? edge_call_header(call, "X-Test") : "");
    __atomic_add_fetch(&state->late, 1, __ATOMIC_SEQ_CST);
    return EDGE_OK;
}

static void *finish_soon(void *arg)
{
    struct edge_call *call = arg;
    edge_buf_puts(edge_reply_body(call), "{\"finished\":true}");
    edge_call_finish(call, EDGE_OK);
    return NULL;
}

/* Finishes the call in the midst of the handler or right after it, as the scheduler likes. */
static enum edge_status finish_elsewhere(struct edge_call *call)
{
    pthread_t thread = edge_thread_start("finisher", finish_soon, call);
    pthread_detach(thread);
    return EDGE_PENDING;
}

static enum edge_status finish_before_return(struct edge_call *call)
{
    finish_soon(call);
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
    struct state *state = edge_call_state(call);
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

/* ---- fixture ----------------------------------------------------------------------------- */

struct fixture {
    struct edge_arena arena;
    struct state state;
    struct edge_pool *pool;
    struct edge_metrics *metrics;
    struct edge_http *http;
    uint16_t port;
    struct http_answer answer;
};

static void serve_with(struct fixture *f, struct edge_http_config config)
{
    EDGE_CTX_SCOPE(ctx);
    *f = (struct fixture){.pool = config.pool};
    if (!f->pool) {
        f->pool = edge_pool_create("test", 8, 64);
    }
    f->metrics = edge_metrics_create("test");
    f->state.gate = gate_create();
    config.service = "test";
    config.routes = (struct edge_routes)EDGE_TABLE(routes);
    config.state = &f->state;
    config.pool = f->pool;
    config.metrics = f->metrics;
    config.threads = config.threads ? config.threads : 2;
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &f->http), EDGE_OK);
    f->port = edge_http_port(f->http);
}

static void serve(struct fixture *f)
{
    serve_with(f, (struct edge_http_config){0});
}

static void done(struct fixture *f)
{
    gate_open(f->state.gate);
    edge_http_stop(f->http, 2000);
    edge_pool_free(f->pool);
    edge_metrics_free(f->metrics);
    gate_free(f->state.gate);
    edge_arena_done(&f->arena);
}

static void ask(struct fixture *f, const char *method, const char *target, const char *headers,
                const char *body)
{
    http_probe_ask(&f->arena, f->port, method, target, headers, body, &f->answer);
}

static const char *header(struct fixture *f, const char *name)
{
    const char *value = http_answer_header(&f->arena, &f->answer, name);
    return value ? value : "";
}

#define EXPECT(f, expected_code, expected_body)                                                    \
    do {                                                                                           \
        CU_ASSERT_EQUAL((f)->answer.code, (expected_code));                                        \
        CU_ASSERT_STRING_EQUAL((f)->answer.body, (expected_body));                                 \
        if (strcmp((f)->answer.body, (expected_body)) != 0) {                                      \
            fprintf(stderr, "got %d %s\n", (f)->answer.code, (f)->answer.body);                    \
        }                                                                                          \
    } while (0)

/* ---- requests and replies ---------------------------------------------------------------- */

static void test_requests_reach_their_handler(void)
{
    struct fixture f;
    serve(&f);
    ask(&f, "GET", "/show/a%2Fb/c%20d?q=1+2&q=3&x=%26", "X-Test: yes\r\n", NULL);
    EXPECT(&f, 200, "GET name=a/b/c d q=1 2 raw=q=1+2&q=3&x=%26 header=yes body=0: [1 2] [3] [&]");
    CU_ASSERT_STRING_EQUAL(header(&f, "Content-Type"), "text/plain");
    ask(&f, "POST", "/show/a", NULL, "hello");
    EXPECT(&f, 200, "POST name=a q=- raw= header=- body=5:hello");
    ask(&f, "GET", "/show/a", NULL, "a body on GET");
    EXPECT(&f, 200, "GET name=a q=- raw= header=- body=13:a body on GET");
    http_probe_raw(&f.arena, f.port,
                   "POST /show/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
                   &f.answer);
    EXPECT(&f, 200, "POST name=a q=- raw= header=- body=7:abcdefg");
    http_probe_raw(&f.arena, f.port, "GET /show/a HTTP/1.0\r\n\r\n", &f.answer);
    EXPECT(&f, 200, "GET name=a q=- raw= header=- body=0:");
    done(&f);
}

static void test_items_leave_no_memory_behind(void)
{
    struct fixture f;
    serve(&f);
    ask(&f, "POST", "/each", NULL,
        "[{\"apiVersion\":\"a\"},{\"apiVersion\":\"bad\"},{\"apiVersion\":\"c\"}]");
    EXPECT(&f, 207,
           "[{\"apiVersion\":\"v3\",\"statusCode\":201,\"id\":\"0 of a\"},"
           "{\"apiVersion\":\"v3\",\"message\":\"0 of bad\",\"statusCode\":409},"
           "{\"apiVersion\":\"v3\",\"statusCode\":201,\"id\":\"0 of c\"}]\n");
    done(&f);
}

static void test_connections_are_kept(void)
{
    static const struct {
        const char *request;
        int code;
    } cases[] = {
        {"GET /json HTTP/1.1\r\nHost: x\r\n\r\n",                             200},
        {"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",                          404},
        {"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 404},
        {"GET /fail/409 HTTP/1.1\r\nHost: x\r\n\r\n",                         409},
        {"GET /show/%zz HTTP/1.1\r\nHost: x\r\n\r\n",                         400},
        {"GET /waits HTTP/1.1\r\nHost: x\r\n\r\n",                            200},
        {"POST /show/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",  200},
        {"OPTIONS /json HTTP/1.1\r\nHost: x\r\n\r\n",                         204},
        {"GET /json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",        200},
    };
    enum { N = sizeof(cases) / sizeof(cases[0]) };
    struct fixture f;
    serve(&f);
    gate_open(f.state.gate);
    int fd = http_probe_open(f.port);
    for (size_t i = 0; i < 2 * N; i++) {
        http_probe_text(fd, cases[i % N].request);
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, cases[i % N].code);
    }
    for (size_t i = 0; i < N; i++) { /* sent at once, answered in order */
        http_probe_text(fd, cases[i].request);
    }
    for (size_t i = 0; i < N; i++) {
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, cases[i].code);
    }
    close(fd);
    done(&f);
}

static void test_framework_answers(void)
{
    struct fixture f;
    serve(&f);
    ask(&f, "GET", "/nowhere", NULL, NULL);
    EXPECT(&f, 404, "{\"message\":\"Not Found\"}\n");
    CU_ASSERT_STRING_EQUAL(header(&f, "Content-Type"), "application/json");
    ask(&f, "DELETE", "/show/a", NULL, NULL);
    EXPECT(&f, 405, "{\"message\":\"Method Not Allowed\"}\n");
    CU_ASSERT_STRING_EQUAL(header(&f, "Allow"), "OPTIONS, GET, POST");
    ask(&f, "get", "/show/a", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 405);
    ask(&f, "POST", "/nowhere", NULL, "a body nobody wants");
    EXPECT(&f, 404, "{\"message\":\"Not Found\"}\n");
    ask(&f, "OPTIONS", "/show/a", NULL, NULL);
    EXPECT(&f, 204, "");
    CU_ASSERT_STRING_EQUAL(header(&f, "Allow"), "OPTIONS, GET, POST");
    ask(&f, "OPTIONS", "/nowhere", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 404);
    ask(&f, "GET", "/empty", NULL, NULL);
    EXPECT(&f, 202, "");
    CU_ASSERT_STRING_EQUAL(header(&f, "Content-Type"), "");
    ask(&f, "GET", "/empty-json", NULL, NULL);
    EXPECT(&f, 200, "");
    CU_ASSERT_STRING_EQUAL(header(&f, "Content-Type"), "application/json");
    done(&f);
}

static void test_head_is_not_allowed(void)
{
    struct fixture f;
    serve(&f);
    int fd = http_probe_open(f.port);
    http_probe_text(fd, "HEAD /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    char text[512] = "";
    size_t n = 0;
    ssize_t got;
    while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
        n += (size_t)got;
    }
    CU_ASSERT_EQUAL(strncmp(text, "HTTP/1.1 405 ", 13), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Allow: OPTIONS, GET\r\n"));
    CU_ASSERT_STRING_EQUAL(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
    done(&f);
}

static const char *exchange(struct fixture *f, const char *text)
{
    struct edge_buf all = EDGE_BUF_INIT;
    int fd = http_probe_open(f->port);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = 1;
    http_probe_text(fd, text);
    while (n > 0 && poll(&p, 1, HTTP_PROBE_MS) > 0) {
        n = read(fd, edge_buf_room(&all, 4096), 4096);
        all.len += n > 0 ? (size_t)n : 0;
    }
    const char *copy = edge_strdup(&f->arena, edge_buf_str(&all));
    edge_buf_done(&all);
    close(fd);
    return copy;
}

/* To what may have no body: HEAD, and 204. The next answer begins right behind the head. */
static void test_answers_without_a_body(void)
{
    static const struct {
        const char *request, *begin, *length;
    } cases[] = {
        {"HEAD /head/json HTTP/1.1\r\nHost: x\r\n\r\n",         "HTTP/1.1 200 ", "Content-Length: 14\r\n"},
        {"HEAD /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",           "HTTP/1.1 404 ", "Content-Length: 24\r\n"},
        {"HEAD /head/keep HTTP/1.1\r\nHost: x\r\n\r\n",         "HTTP/1.1 503 ", "Content-Length: 15\r\n"},
        {"HEAD /head/much?short=1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ",
         "Content-Length: 102401\r\n"                                                                    },
        {"HEAD /head/much HTTP/1.1\r\nHost: x\r\n\r\n",         "HTTP/1.1 200 ", NULL                    },
        {"GET /no-content HTTP/1.1\r\nHost: x\r\n\r\n",         "HTTP/1.1 204 ", NULL                    },
    };
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.request_timeout_ms = 50});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text =
            exchange(&f, edge_printf(&f.arena,
                                     "%sGET /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                                     cases[i].request));
        const char *end = strstr(text, "\r\n\r\n");
        CU_ASSERT_EQUAL(strncmp(text, cases[i].begin, strlen(cases[i].begin)), 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(end);
        CU_ASSERT_EQUAL(strncmp(end, "\r\n\r\nHTTP/1.1 200 OK\r\n", 21), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(end, "{\"ping\":true}"));
        const char *length = strstr(text, "Content-Length: ");
        if (cases[i].length) {
            CU_ASSERT_EQUAL(strncmp(length, cases[i].length, strlen(cases[i].length)), 0);
        } else {
            CU_ASSERT_PTR_NOT_NULL_FATAL(length);
            CU_ASSERT(length > end); /* of the second answer */
        }
    }
    finish_soon(__atomic_exchange_n(&f.state.kept, NULL, __ATOMIC_SEQ_CST));
    done(&f);
}

/* What ends a connection ends it wherever it stands. */
static void test_connections_end_as_asked(void)
{
    static const struct {
        const char *head;
        bool stays;
    } cases[] = {
        {"HTTP/1.1\r\nHost: x\r\n",                                                true },
        {"HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",                           false},
        {"HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n", false},
        {"HTTP/1.1\r\nHost: x\r\nConnection: Close\r\nConnection: keep-alive\r\n", false},
        {"HTTP/1.1\r\nHost: x\r\nConnection: te\r\nconnection: te,keep-alive\r\n", true },
        {"HTTP/1.0\r\n",                                                           false},
        {"HTTP/1.0\r\nConnection: keep-alive\r\n",                                 true },
        {"HTTP/1.0\r\nConnection: te\r\nConnection: Keep-Alive\r\n",               true },
        {"HTTP/1.0\r\nConnection: keep-alive, close\r\n",                          false},
        {"HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n",            false},
    };
    struct fixture f;
    serve(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = http_probe_open(f.port);
        const char *request = edge_printf(&f.arena, "GET /json %s\r\n", cases[i].head);
        http_probe_text(fd, request);
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        EXPECT(&f, 200, "{\"ping\":true}\n");
        CU_ASSERT_EQUAL(strcmp(header(&f, "Connection"), "close") == 0, !cases[i].stays);
        if (cases[i].stays) {
            http_probe_text(fd, request);
            http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
            EXPECT(&f, 200, "{\"ping\":true}\n");
        } else {
            CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
        }
        close(fd);
    }
    done(&f);
}

static void test_expectations(void)
{
    struct fixture f;
    serve(&f);
    static const struct {
        const char *version, *headers;
        int code;
    } cases[] = {
        {"1.1", "Expect: 100-continue\r\n",                         100},
        {"1.1", "Expect: 100-Continue\r\n",                         100},
        {"1.1", "Expect: 100-continue\r\nExpect: 100-continue\r\n", 100},
        {"1.1", "Expect: 200-ok\r\n",                               417},
        {"1.1", "Expect: 100-continue, x=y\r\n",                    417},
        {"1.1", "Expect: 100-continue\r\nExpect: x\r\n",            417},
        {"1.1", "Expect:\r\n",                                      200},
        {"1.0", "Expect: 100-continue\r\n",                         200},
        {"1.0", "Expect: x\r\n",                                    200},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = http_probe_open(f.port);
        http_probe_text(fd, edge_printf(&f.arena,
                                        "POST /show/a HTTP/%s\r\nHost: x\r\n"
                                        "Content-Length: 3\r\n%s\r\nabc",
                                        cases[i].version, cases[i].headers));
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, cases[i].code);
        if (cases[i].code == 100) {
            http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
            CU_ASSERT_EQUAL(f.answer.code, 200);
        } else if (cases[i].code == 417) {
            CU_ASSERT_EQUAL(strncmp(f.answer.head, "HTTP/1.1 417 Expectation Failed\r\n", 33), 0);
            CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS)); /* the body may come or not */
        }
        close(fd);
    }
    ask(&f, "GET", "/json", "Expect: 100-continue\r\n", NULL);
    EXPECT(&f, 200, "{\"ping\":true}\n"); /* there is no body to go on with */
    done(&f);
}

/* As proxies are asked; the Host header and the authority say what only they need to know. */
static void test_absolute_targets(void)
{
    static const struct {
        const char *target;
        int code;
        const char *body;
    } cases[] = {
        {"http://localhost/show/a?q=1",     200, "GET name=a q=1 raw=q=1 header=- body=0: [1]"},
        {"HTTPS://[::1]:59880/show/a%2Fb",  200, "GET name=a/b q=- raw= header=- body=0:"     },
        {"http://a.b-c_d.example:/show/a",  200, "GET name=a q=- raw= header=- body=0:"       },
        {"http://localhost",                404, NULL                                         },
        {"http://localhost?q=/show/a",      404, NULL                                         },
        {"http://localhost//show/a",        404, NULL                                         },
        {"http:///show/a",                  400, NULL                                         },
        {"http://?q=1",                     400, NULL                                         },
        {"http://user:pw@localhost/show/a", 400, NULL                                         },
        {"http://local\\host/show/a",       400, NULL                                         },
        {"http://localhost/show/%2e%2e",    400, NULL                                         },
        {"http://localhost/../show/a",      400, NULL                                         },
        {"http:/show/a",                    400, NULL                                         },
        {"ftp://localhost/show/a",          400, NULL                                         },
        {"localhost:80",                    400, NULL                                         },
    };
    struct fixture f;
    serve(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(&f, "GET", cases[i].target, NULL, NULL);
        CU_ASSERT_EQUAL(f.answer.code, cases[i].code);
        if (cases[i].body) {
            CU_ASSERT_STRING_EQUAL(f.answer.body, cases[i].body);
        }
        if (f.answer.code != cases[i].code) {
            fprintf(stderr, "got %d for %s\n", f.answer.code, cases[i].target);
        }
    }
    done(&f);
}

/* "OPTIONS *" asks the server as a whole. */
static void test_options_of_the_server(void)
{
    struct fixture f;
    serve(&f);
    ask(&f, "OPTIONS", "*", NULL, NULL);
    EXPECT(&f, 200, "");
    CU_ASSERT_STRING_EQUAL(header(&f, "Content-Length"), "0");
    ask(&f, "OPTIONS", "*", NULL, "and a body");
    EXPECT(&f, 200, "");
    ask(&f, "OPTIONS", "**", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 400);
    ask(&f, "GET", "*", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 400);
    done(&f);
}

static void test_failures_become_envelopes(void)
{
    struct fixture f;
    serve(&f);
    ask(&f, "GET", "/fail/409", NULL, NULL);
    EXPECT(&f, 409, "{\"apiVersion\":\"v3\",\"message\":\"doing it\",\"statusCode\":409}\n");
    ask(&f, "GET", "/fail/500?id=abc", NULL, NULL);
    EXPECT(
        &f, 500,
        "{\"apiVersion\":\"v3\",\"requestId\":\"abc\",\"message\":\"doing it\",\"statusCode\":500}\n");
    done(&f);
    serve_with(&f, (struct edge_http_config){.full_chain = true});
    ask(&f, "GET", "/fail/404", NULL, NULL);
    EXPECT(
        &f, 404,
        "{\"apiVersion\":\"v3\",\"message\":\"doing it -> the \\\"cause\\\"\",\"statusCode\":404}\n");
    done(&f);
}

static void test_correlation_ids(void)
{
    struct fixture f;
    serve(&f);
    ask(&f, "GET", "/json", "X-Correlation-ID: my id\r\n", NULL); /* a blank is not printable */
    CU_ASSERT_TRUE(edge_uuid_is_strict(header(&f, "X-Correlation-ID")));
    ask(&f, "GET", "/json", "x-correlation-id: my-id\r\n", NULL);
    CU_ASSERT_STRING_EQUAL(header(&f, "X-Correlation-ID"), "my-id");
    EXPECT(&f, 200, "{\"ping\":true}\n");
    ask(&f, "GET", "/nowhere", NULL, NULL);
    CU_ASSERT_TRUE(edge_uuid_is_strict(header(&f, "X-Correlation-ID")));
    const char *longest = "123456789012345678901234567890123456789012345678901234567890123";
    ask(&f, "GET", "/json", edge_printf(&f.arena, "X-Correlation-ID: %s\r\n", longest), NULL);
    CU_ASSERT_STRING_EQUAL(header(&f, "X-Correlation-ID"), longest);
    ask(&f, "GET", "/json", edge_printf(&f.arena, "X-Correlation-ID: %s4\r\n", longest), NULL);
    CU_ASSERT_TRUE(edge_uuid_is_strict(header(&f, "X-Correlation-ID")));
    ask(&f, "GET", "/bare", NULL, NULL);
    EXPECT(&f, 200, "{\"ping\":true}");
    CU_ASSERT_STRING_EQUAL(header(&f, "X-Correlation-ID"), "");
    ask(&f, "GET", "/bare", "X-Correlation-ID: abc\r\n", NULL);
    CU_ASSERT_STRING_EQUAL(header(&f, "X-Correlation-ID"), "abc");
    done(&f);
}

static enum edge_status only_with_token(struct edge_call *call, void *arg)
{
    const char *token = edge_call_header(call, "Authorization");
    if (!token) {
        return EDGE_UNAUTHORIZED;
    }
    return strcmp(token, arg) == 0
               ? EDGE_OK
               : edge_wrap(edge_call_ctx(call),
                           edge_fail(edge_call_ctx(call), EDGE_UNAUTHORIZED, "bad"), "invalid jwt");
}

static void test_who_may_come_in(void)
{
    struct fixture f;
    char token[] = "Bearer x";
    serve_with(
        &f, (struct edge_http_config){.authenticate = only_with_token, .authenticate_arg = token});
    ask(&f, "GET", "/json", NULL, NULL);
    EXPECT(&f, 401, "{\"message\":\"Unauthorized\"}\n");
    ask(&f, "GET", "/json", "Authorization: Bearer y\r\n", NULL);
    EXPECT(&f, 401,
           "{\"apiVersion\":\"v3\",\"message\":\"invalid jwt -> bad\",\"statusCode\":401}\n");
    ask(&f, "GET", "/json", "Authorization: Bearer x\r\n", NULL);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    ask(&f, "GET", "/open", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    done(&f);
}

static void test_other_origins(void)
{
    static const char preflight[] = "Origin: http://a\r\nAccess-Control-Request-Method: PUT\r\n";
    const struct edge_cors cors = {.enable = true,
                                   .allow_credentials = true,
                                   .allowed_origin = "https://localhost",
                                   .allowed_methods = "GET, POST",
                                   .allowed_headers = "Authorization",
                                   .expose_headers = "X-Correlation-ID",
                                   .max_age = 3600};
    struct fixture f;
    serve(&f);
    ask(&f, "OPTIONS", "/json", preflight, NULL);
    EXPECT(&f, 200, "");
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Allow-Origin"), "");
    done(&f);
    serve_with(&f, (struct edge_http_config){.cors = &cors});
    ask(&f, "GET", "/json", NULL, NULL);
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Allow-Origin"), "");
    ask(&f, "GET", "/json", "Origin: http://a\r\n", NULL);
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Allow-Origin"), "https://localhost");
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Allow-Credentials"), "true");
    CU_ASSERT_STRING_EQUAL(header(&f, "Vary"), "Origin");
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Expose-Headers"), "X-Correlation-ID");
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Allow-Methods"), "");
    ask(&f, "OPTIONS", "/nowhere", preflight, NULL);
    EXPECT(&f, 200, "");
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Allow-Methods"), "GET, POST");
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Allow-Headers"), "Authorization");
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Max-Age"), "3600");
    CU_ASSERT_STRING_EQUAL(header(&f, "Access-Control-Expose-Headers"), "");
    done(&f);
}

static void test_requests_are_counted(void)
{
    struct fixture f;
    serve(&f);
    ask(&f, "GET", "/json", NULL, NULL);
    ask(&f, "GET", "/nowhere", NULL, NULL);
    ask(&f, "GET", "/elsewhere", NULL, NULL);
    CU_ASSERT_EQUAL(edge_counter_get(edge_counter(f.metrics, "HttpRequests", "")), 3);
    CU_ASSERT_EQUAL(edge_histogram_count(edge_histogram(f.metrics, "HttpRequestDuration", "")), 3);
    done(&f);
}

static void test_body_limits(void)
{
    static const char too_large[] = "{\"apiVersion\":\"v3\",\"message\":\"request size exceed "
                                    "Service.MaxRequestSize(%d KB)\",\"statusCode\":413}\n";
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.max_body = 2048});
    char *body = edge_alloc(&f.arena, 2050, 1);
    memset(body, 'x', 2048);
    ask(&f, "POST", "/show/a", NULL, body);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    body[2048] = 'x';
    ask(&f, "POST", "/show/a", NULL, body);
    EXPECT(&f, 413, edge_printf(&f.arena, too_large, 2));
    CU_ASSERT_STRING_EQUAL(header(&f, "Connection"), "close");
    ask(&f, "POST", "/show/a", "Expect: 100-continue\r\n", body);
    CU_ASSERT_EQUAL(f.answer.code, 413);
    ask(&f, "POST", "/small", NULL, "123456789");
    EXPECT(&f, 413, edge_printf(&f.arena, too_large, 1));
    http_probe_raw(&f.arena, f.port,
                   "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n",
                   &f.answer);
    EXPECT(&f, 413, edge_printf(&f.arena, too_large, 1));
    ask(&f, "POST", "/small", "Expect: 100-continue\r\n", "12345678");
    CU_ASSERT_EQUAL(f.answer.code, 100);
    done(&f);
}

/* Service.MaxRequestSize (contract 2.7) is for all routes, also for those that take more. */
static void test_server_limits_all_bodies(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.max_body = 4});
    ask(&f, "POST", "/small", NULL, "1234");
    CU_ASSERT_NOT_EQUAL(f.answer.code, 413);
    ask(&f, "POST", "/small", NULL, "12345");
    CU_ASSERT_EQUAL(f.answer.code, 413);
    done(&f);
}

/* ---- calls that wait --------------------------------------------------------------------- */

static void test_waiting_calls_run_on_workers(void)
{
    enum { N = 6 };
    static const char request[] = "GET /waits HTTP/1.1\r\nHost: x\r\nX-Test: w\r\n\r\n";
    struct fixture f;
    int fds[N];
    serve_with(&f, (struct edge_http_config){.threads = 1});
    for (int i = 0; i < N; i++) {
        fds[i] = http_probe_open(f.port);
        http_probe_text(fds[i], request);
    }
    CU_ASSERT_TRUE(gate_wait_for(f.state.gate, N));
    ask(&f, "GET", "/json", NULL, NULL); /* the event thread is free */
    CU_ASSERT_EQUAL(f.answer.code, 200);
    gate_open(f.state.gate);
    for (int i = 0; i < N; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        EXPECT(&f, 200, "{\"waited\":\"w\"}\n");
        http_probe_text(fds[i], request); /* kept alive */
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        EXPECT(&f, 200, "{\"waited\":\"w\"}\n");
        close(fds[i]);
    }
    ask(&f, "GET", "/worker", NULL, NULL);
    EXPECT(&f, 200, "{\"waited\":\"\"}\n");
    done(&f);
}

static bool two_are_answered(void *arg)
{
    return edge_counter_get(edge_counter(arg, "HttpRequests", "")) == 2;
}

static void test_full_pool_refuses(void)
{
    enum { N = 4 };
    struct fixture f;
    int fds[N], n_done = 0, n_refused = 0;
    serve_with(&f, (struct edge_http_config){.pool = edge_pool_create("one", 1, 1)});
    for (int i = 0; i < N; i++) { /* one runs, one is queued */
        fds[i] = http_probe_open(f.port);
        http_probe_text(fds[i], "GET /waits HTTP/1.1\r\nHost: x\r\n\r\n");
        CU_ASSERT_TRUE(gate_wait_for(f.state.gate, 1));
    }
    CU_ASSERT_TRUE(wait_until(two_are_answered, f.metrics, HTTP_PROBE_MS));
    gate_open(f.state.gate);
    for (int i = 0; i < N; i++) {
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        n_done += f.answer.code == 200;
        n_refused += f.answer.code == 503 && strstr(f.answer.body, "too many requests") != NULL;
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(n_done, 2);
    CU_ASSERT_EQUAL(n_refused, 2);
    done(&f);
}

static void test_calls_finish_any_time(void)
{
    struct fixture f;
    serve(&f);
    int fd = http_probe_open(f.port);
    for (int i = 0; i < 300; i++) {
        const char *target = i % 3 == 0 ? "/before" : "/elsewhere";
        http_probe_text(fd, edge_printf(&f.arena,
                                        i % 3 == 2 ? "POST %s HTTP/1.1\r\nHost: x\r\n"
                                                     "Content-Length: 3\r\n\r\nabc"
                                                   : "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
                                        target));
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        EXPECT(&f, 200, "{\"finished\":true}\n");
    }
    close(fd);
    ask(&f, "GET", "/late-failure", NULL, NULL);
    EXPECT(&f, 409, "{\"apiVersion\":\"v3\",\"message\":\"taken\",\"statusCode\":409}\n");
    done(&f);
}

static bool is_kept(void *arg)
{
    struct state *state = arg;
    return __atomic_load_n(&state->kept, __ATOMIC_SEQ_CST) != NULL;
}

static struct edge_call *take_kept(struct fixture *f)
{
    CU_ASSERT_TRUE_FATAL(wait_until(is_kept, &f->state, HTTP_PROBE_MS));
    return __atomic_exchange_n(&f->state.kept, NULL, __ATOMIC_SEQ_CST);
}

static void test_clients_may_be_gone(void)
{
    struct fixture f;
    serve(&f);
    for (int i = 0; i < 50; i++) {
        int fd = http_probe_open(f.port);
        http_probe_text(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
        struct edge_call *call = take_kept(&f);
        close(fd);
        finish_soon(call);
    }
    ask(&f, "GET", "/json", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    done(&f);
}

static void test_nothing_is_begun_in_vain(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.request_timeout_ms = 200,
                                             .pool = edge_pool_create("one", 1, 10)});
    for (int i = 0; i < 3; i++) { /* the first blocks the only worker, the others are queued */
        ask(&f, "GET", "/waits", NULL, NULL);
        EXPECT(&f, 503, "request timeout");
    }
    gate_open(f.state.gate);
    ask(&f, "GET", "/waits", NULL, NULL);
    EXPECT(&f, 200, "{\"waited\":\"\"}\n");
    CU_ASSERT_EQUAL(__atomic_load_n(&f.state.late, __ATOMIC_SEQ_CST), 2);
    done(&f);
}

static bool has_run_late(void *arg)
{
    struct state *state = arg;
    return __atomic_load_n(&state->late, __ATOMIC_SEQ_CST) > 0;
}

static void test_timeouts_answer_and_drop_what_comes_late(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.request_timeout_ms = 50});
    ask(&f, "GET", "/waits", "X-Correlation-ID: me\r\n", NULL);
    EXPECT(&f, 503, "request timeout");
    CU_ASSERT_STRING_EQUAL(header(&f, "Content-Type"), "text/plain");
    CU_ASSERT_STRING_EQUAL(header(&f, "X-Correlation-ID"), "me");
    gate_open(f.state.gate); /* the handler ends, nobody is there to hear it */
    CU_ASSERT_TRUE(wait_until(has_run_late, &f.state, HTTP_PROBE_MS));
    ask(&f, "GET", "/waits", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    ask(&f, "GET", "/keep", NULL, NULL);
    EXPECT(&f, 503, "request timeout");
    finish_soon(take_kept(&f));
    done(&f);
}

/* A client that asks for answers just before, at and after the time-out, and sometimes leaves. */
static void *ask_at_the_edge(void *arg)
{
    const struct fixture *f = arg;
    struct edge_arena a = EDGE_ARENA_INIT;
    unsigned seed = f->port;
    size_t strange = 0;
    int fd = -1;
    for (int i = 0; i < 60; i++) {
        struct http_answer answer;
        if (fd < 0) {
            fd = http_probe_open(f->port);
        }
        http_probe_text(
            fd, edge_printf(&a, "GET /takes/%d HTTP/1.1\r\nHost: x\r\n\r\n", rand_r(&seed) % 25));
        if (rand_r(&seed) % 4 > 0) {
            http_probe_read(&a, fd, HTTP_PROBE_MS, &answer);
            bool done = answer.code == 200 && strcmp(answer.body, "{\"took\":true}\n") == 0;
            bool late = answer.code == 503 && strcmp(answer.body, "request timeout") == 0;
            strange += !done && !late;
        } else {
            close(fd);
            fd = -1;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    edge_arena_done(&a);
    return (void *)strange;
}

static void test_outcomes_race_with_time_outs(void)
{
    enum { N = 8 };
    struct fixture f;
    pthread_t clients[N];
    serve_with(&f, (struct edge_http_config){.request_timeout_ms = 10,
                                             .pool = edge_pool_create("large", 8, 1000)});
    for (int i = 0; i < N; i++) {
        clients[i] = edge_thread_start("client", ask_at_the_edge, &f);
    }
    for (int i = 0; i < N; i++) {
        void *strange;
        pthread_join(clients[i], &strange);
        CU_ASSERT_PTR_NULL(strange);
    }
    done(&f);
}

static void *ask_until_it_ends(void *arg)
{
    const struct fixture *f = arg;
    struct edge_arena a = EDGE_ARENA_INIT;
    static const char *const targets[] = {"/json", "/elsewhere", "/takes/1", "/before"};
    struct http_answer answer = {.code = 200};
    for (unsigned i = 0; answer.code > 0; i++) {
        http_probe_ask(&a, f->port, "GET", targets[i % 4], NULL, NULL, &answer);
    }
    edge_arena_done(&a);
    return NULL;
}

static void test_stop_under_load(void)
{
    enum { N = 4 };
    for (int round = 0; round < 10; round++) {
        struct fixture f;
        pthread_t clients[N];
        serve(&f);
        for (int i = 0; i < N; i++) {
            clients[i] = edge_thread_start("client", ask_until_it_ends, &f);
        }
        for (int i = 0; i < round; i++) { /* every client is under way */
            ask(&f, "GET", "/takes/1", NULL, NULL);
        }
        edge_http_stop(f.http, round);
        for (int i = 0; i < N; i++) {
            pthread_join(clients[i], NULL);
        }
        f.http = NULL;
        done(&f);
    }
}

/* ---- calls from inside ------------------------------------------------------------------- */

static void test_calls_from_inside(void)
{
    static const struct {
        const char *method, *target, *body;
        int code;
        const char *expect;
    } cases[] = {
        {"GET",  "/json",           NULL,        200, "{\"ping\":true}\n"                              },
        {"POST", "/show/a%2Fb?q=1", "x",         200, "POST name=a/b q=1 raw=q=1 header=- body=1:x [1]"},
        {"GET",  "/waits",          NULL,        200, "{\"waited\":\"\"}\n"                            },
        {"GET",  "/worker",         NULL,        200, "{\"waited\":\"\"}\n"                            },
        {"GET",  "/elsewhere",      NULL,        200, "{\"finished\":true}\n"                          },
        {"GET",  "/before",         NULL,        200, "{\"finished\":true}\n"                          },
        {"GET",  "/late-failure",   NULL,        409,
         "{\"apiVersion\":\"v3\",\"message\":\"taken\",\"statusCode\":409}\n"                          },
        {"GET",  "/nowhere",        NULL,        404, "{\"message\":\"Not Found\"}\n"                  },
        {"PUT",  "/json",           NULL,        405, "{\"message\":\"Method Not Allowed\"}\n"         },
        {"GET",  "/empty",          NULL,        202, ""                                               },
        {"GET",  "/show/%2e",       NULL,        400,
         "{\"apiVersion\":\"v3\",\"message\":\"the request target has a dot "
         "segment\",\"statusCode\":400}\n"                                                             },
        {"POST", "/small",          "123456789", 413,
         "{\"apiVersion\":\"v3\",\"message\":\"request size exceed Service.MaxRequestSize(1 "
         "KB)\",\"statusCode\":413}\n"                                                                 },
    };
    struct fixture f;
    char token[] = "nobody has it";
    serve_with(
        &f, (struct edge_http_config){.authenticate = only_with_token, .authenticate_arg = token});
    gate_open(f.state.gate);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const struct edge_http_request req = {.method = cases[i].method,
                                              .target = cases[i].target,
                                              .body = cases[i].body,
                                              .body_size =
                                                  cases[i].body ? strlen(cases[i].body) : 0};
        struct edge_http_response response;
        edge_http_call(f.http, &ctx, &req, &response);
        CU_ASSERT_EQUAL(response.code, cases[i].code);
        CU_ASSERT_STRING_EQUAL(response.body, cases[i].expect);
        CU_ASSERT_EQUAL(response.body_size, strlen(cases[i].expect));
    }
    done(&f);
}

static void test_inside_timeout(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.request_timeout_ms = 30});
    EDGE_CTX_SCOPE(ctx);
    const struct edge_http_request req = {.method = "GET", .target = "/keep"};
    struct edge_http_response response;
    edge_http_call(f.http, &ctx, &req, &response);
    CU_ASSERT_EQUAL(response.code, 503);
    CU_ASSERT_STRING_EQUAL(response.body, "request timeout");
    finish_soon(take_kept(&f));
    done(&f);
}

/* ---- start and stop ---------------------------------------------------------------------- */

static void *stop_slowly(void *arg)
{
    edge_http_stop(arg, HTTP_PROBE_MS);
    return NULL;
}

static bool refuses_connections(void *arg)
{
    const struct fixture *f = arg;
    int fd = http_probe_open(f->port);
    bool refused = fd < 0;
    if (fd >= 0) {
        close(fd);
    }
    return refused;
}

static void test_stop_waits_for_calls_under_way(void)
{
    struct fixture f;
    serve(&f);
    int fd = http_probe_open(f.port), idle = http_probe_open(f.port);
    http_probe_text(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    struct edge_call *call = take_kept(&f);
    pthread_t stopper = edge_thread_start("stopper", stop_slowly, f.http);
    finish_soon(call);
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    EXPECT(&f, 200, "{\"finished\":true}\n");
    CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
    CU_ASSERT_TRUE(http_probe_closed(idle, HTTP_PROBE_MS));
    pthread_join(stopper, NULL);
    CU_ASSERT_TRUE(refuses_connections(&f));
    close(fd);
    close(idle);
    f.http = NULL;
    done(&f);
}

static void *stop_at_once(void *arg)
{
    edge_http_stop(arg, 0);
    return NULL;
}

static void test_stop_gives_up_what_does_not_end(void)
{
    struct fixture f;
    serve(&f);
    int fd = http_probe_open(f.port);
    http_probe_text(fd, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    struct edge_call *call = take_kept(&f);
    pthread_t stopper = edge_thread_start("stopper", stop_at_once, f.http);
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    EXPECT(&f, 503, "service is stopping");
    finish_soon(call);
    pthread_join(stopper, NULL);
    close(fd);
    f.http = NULL;
    done(&f);
}

static void test_addresses(void)
{
    struct fixture f;
    serve(&f);
    EDGE_CTX_SCOPE(ctx);
    struct edge_http *second = NULL;
    struct edge_http_config config = {.host = "localhost", .port = f.port, .threads = 1};
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &second), EDGE_UNAVAILABLE);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_UNAVAILABLE),
                           edge_printf(&ctx.arena,
                                       "cannot listen on 127.0.0.1:%u: Address already in use",
                                       (unsigned)f.port));
    edge_ctx_clear(&ctx);
    config = (struct edge_http_config){.host = "host.invalid", .threads = 1};
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &second), EDGE_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(edge_ctx_message(&ctx, EDGE_UNAVAILABLE), "cannot listen on host.invalid:0: "));
    config = (struct edge_http_config){.host = "0.0.0.0", .threads = 1};
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &second), EDGE_OK);
    edge_http_stop(second, 0);
    uint16_t port = f.port;
    done(&f);
    config = (struct edge_http_config){.port = port}; /* at once again */
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &second), EDGE_OK);
    edge_http_stop(second, 0);
}

static void test_waiting_routes_need_a_pool(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http *http = NULL;
    const struct edge_http_config config = {.routes = EDGE_TABLE(routes)};
    CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &http), EDGE_INTERNAL);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INTERNAL),
                           "route GET /waits waits, but there is no worker pool");
}

CU_TestInfo http_tests[] = {
    {"items leave no memory behind",             test_items_leave_no_memory_behind            },
    {"requests reach their handler",             test_requests_reach_their_handler            },
    {"connections are kept",                     test_connections_are_kept                    },
    {"framework answers",                        test_framework_answers                       },
    {"HEAD is not allowed",                      test_head_is_not_allowed                     },
    {"answers without a body",                   test_answers_without_a_body                  },
    {"connections end as asked",                 test_connections_end_as_asked                },
    {"expectations",                             test_expectations                            },
    {"absolute targets",                         test_absolute_targets                        },
    {"options of the server",                    test_options_of_the_server                   },
    {"failures become envelopes",                test_failures_become_envelopes               },
    {"correlation ids",                          test_correlation_ids                         },
    {"who may come in",                          test_who_may_come_in                         },
    {"other origins",                            test_other_origins                           },
    {"requests are counted",                     test_requests_are_counted                    },
    {"body limits",                              test_body_limits                             },
    {"the server limits all bodies",             test_server_limits_all_bodies                },
    {"waiting calls run on workers",             test_waiting_calls_run_on_workers            },
    {"a full pool refuses",                      test_full_pool_refuses                       },
    {"calls finish any time",                    test_calls_finish_any_time                   },
    {"clients may be gone",                      test_clients_may_be_gone                     },
    {"timeouts answer and drop what comes late", test_timeouts_answer_and_drop_what_comes_late},
    {"nothing is begun in vain",                 test_nothing_is_begun_in_vain                },
    {"outcomes race with time-outs",             test_outcomes_race_with_time_outs            },
    {"stop under load",                          test_stop_under_load                         },
    {"calls from inside",                        test_calls_from_inside                       },
    {"a timeout inside",                         test_inside_timeout                          },
    {"stop waits for calls under way",           test_stop_waits_for_calls_under_way          },
    {"stop gives up what does not end",          test_stop_gives_up_what_does_not_end         },
    {"addresses",                                test_addresses                               },
    {"waiting routes need a pool",               test_waiting_routes_need_a_pool              },
    CU_TEST_INFO_NULL,
};
