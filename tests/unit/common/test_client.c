/* Outgoing HTTP against peers on real sockets that behave well, badly, or not at all. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_words.h"
#include "edge/budget.h"
#include "edge/client.h"
#include "edge/clock.h"
#include "edge/pool.h"
#include "edge/thread.h"
#include "suites.h"
#include "tcp_peer.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define JSON_ANSWER                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"answer\":7}"

static const struct edge_http_request GET = {.method = "GET", .target = "/api/v3/thing?a=b%2Fc"};
static const struct edge_http_request POST = {
    .method = "POST", .target = "/api/v3/thing", .body = "{}", .body_size = 2};

/* One call of a fresh context: its status, or EDGE_OK only where the body is what JSON_ANSWER
 * holds. */
static enum edge_status call(struct edge_client *c, const char *url,
                             const struct edge_http_request *req, int64_t ms)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    EDGE_TRY(edge_client_call(c, &ctx, url, req, in_ms(ms), &r));
    return r.code == 200 && strcmp(r.body, "{\"answer\":7}") == 0 ? EDGE_OK : EDGE_REMOTE;
}

static bool last_has(struct tcp_peer *p, const char *text)
{
    if (!strstr(tcp_peer_last(p), text)) {
        printf("request: %s\nlacks: %s\n", tcp_peer_last(p), text);
        return false;
    }
    return true;
}

/* ---- what the first call brings ------------------------------------------------------------ */

static bool is_loaded(const char *library)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && !found && fgets(line, sizeof(line), maps)) {
        found = strstr(line, library);
    }
    if (maps) {
        fclose(maps);
    }
    return found;
}

/* The first of the suite: it stays loaded. */
static void test_libcurl_waits_for_the_first_socket(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, JSON_ANSWER}
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    CU_ASSERT_FALSE(is_loaded("libcurl"));
    CU_ASSERT_EQUAL(call(c, tcp_peer_url(p), &GET, 10000), EDGE_OK);
    CU_ASSERT_TRUE(is_loaded("libcurl"));
    edge_client_free(c);
    tcp_peer_free(p);
}

/* ---- what goes out and comes back ----------------------------------------------------------- */

static void test_answers_come_back_whole(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, JSON_ANSWER                                                            },
        {PEER_ANSWER,
         "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"  },
        {PEER_DRIP,   "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nno\0"},
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &GET, in_ms(10000), &r), EDGE_OK);
    CU_ASSERT_EQUAL(r.code, 200);
    CU_ASSERT_STRING_EQUAL(r.content_type, "application/json");
    CU_ASSERT_STRING_EQUAL(r.body, "{\"answer\":7}");
    CU_ASSERT_EQUAL(r.body_size, 12);
    CU_ASSERT(last_has(p, "GET /api/v3/thing?a=b%2Fc HTTP/1.1\r\n"));

    const char *with_slash = edge_printf(&ctx.arena, "%s/", tcp_peer_url(p));
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, with_slash, &GET, in_ms(10000), &r), EDGE_OK);
    CU_ASSERT_EQUAL(r.code, 302); /* not followed */
    CU_ASSERT_EQUAL(r.body_size, 0);
    CU_ASSERT_STRING_EQUAL(r.body, "");
    CU_ASSERT_EQUAL(tcp_peer_connections(p), 1); /* kept and used again */
    edge_client_free(c);
    edge_client_free(NULL);
    tcp_peer_free(p);
}

static void test_requests_go_out_as_given(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, JSON_ANSWER}
    };
    static const struct {
        struct edge_http_request req;
        const char *has[3];
    } cases[] = {
        {{"GET", "/x", NULL, NULL, "{\"q\":1}", 7},
         {"GET /x ", "Content-Length: 7\r\n", "\r\n\r\n{\"q\":1}"}                                          },
        {{"POST", "/x", NULL, NULL, NULL, 0},              {"POST /x ", "Content-Length: 0\r\n", "\r\n\r\n"}},
        {{"PUT", "/../a%2F", "text/plain", NULL, "hi", 2},
         {"PUT /../a%2F ", "Content-Type: text/plain\r\n", "\r\n\r\nhi"}                                    },
        {{"PATCH", "/x", NULL, "id-7", "[]", 2},
         {"PATCH /x ", "Content-Type: application/json\r\n", "X-Correlation-ID: id-7\r\n"}                  },
        {{"DELETE", "/x", NULL, NULL, NULL, 0},
         {"DELETE /x ", "X-Correlation-ID: of-ctx\r\n", "\r\n\r\n"}                                         },
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        snprintf(ctx.correlation_id, sizeof(ctx.correlation_id), "of-ctx");
        struct edge_http_response r;
        CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &cases[i].req, in_ms(10000), &r),
                        EDGE_OK);
        for (size_t j = 0; j < 3; j++) {
            CU_ASSERT(last_has(p, cases[i].has[j]));
        }
        CU_ASSERT_PTR_NULL(strstr(tcp_peer_last(p), "Expect"));
    }
    edge_client_free(c);
    tcp_peer_free(p);
}

static void test_headers_cannot_be_injected(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, JSON_ANSWER}
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    struct edge_http_request req = GET;
    req.correlation_id = "x\r\nX-Admin: yes";
    CU_ASSERT_EQUAL(call(c, tcp_peer_url(p), &req, 10000), EDGE_OK);
    CU_ASSERT_PTR_NULL(strstr(tcp_peer_last(p), "X-Admin"));
    req.correlation_id = "fine";
    req.target = "/a HTTP/1.1\r\nX-Admin: yes\r\n";
    (void)!call(c, tcp_peer_url(p), &req, 10000);
    CU_ASSERT_PTR_NULL(strstr(tcp_peer_last(p), "\r\nX-Admin"));
    edge_client_free(c);
    tcp_peer_free(p);
}

/* ---- peers that are not there --------------------------------------------------------------- */

static void test_what_cannot_be_sent_says_so(void)
{
    static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "", "http://",
                                       "http://127.0.0.1:99999"};
    struct edge_client *c = edge_client_create();
    for (size_t i = 0; i < N(urls); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_http_response r;
        CU_ASSERT_EQUAL(edge_client_call(c, &ctx, urls[i], &POST, in_ms(5000), &r),
                        EDGE_UNAVAILABLE);
        CU_ASSERT(says(&ctx, "failed to send a http request"));
    }
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, "http://127.0.0.1:1", &GET, 0, &r), EDGE_UNAVAILABLE);
    CU_ASSERT(says(&ctx, "no time is left"));
    edge_client_free(c);
}

static void test_a_broken_connection_is_tried_again(void)
{
    static const struct peer_step script[] = {
        {PEER_RESET,  NULL                                               },
        {PEER_CLOSE,  NULL                                               },
        {PEER_CLOSE,  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"},
        {PEER_ANSWER, JSON_ANSWER                                        },
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    CU_ASSERT_EQUAL(call(c, tcp_peer_url(p), &GET, 10000), EDGE_OK);
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 4);
    edge_client_free(c);
    tcp_peer_free(p);
}

static void test_a_post_is_never_repeated(void)
{
    static const struct peer_step script[] = {
        {PEER_RESET,  NULL       },
        {PEER_ANSWER, JSON_ANSWER}
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    CU_ASSERT_EQUAL(call(c, tcp_peer_url(p), &POST, 10000), EDGE_UNAVAILABLE);
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 1);
    edge_client_free(c);
    tcp_peer_free(p);
}

static void test_deadlines_hold(void)
{
    static const struct peer_step hang[] = {
        {PEER_HANG, NULL}
    };
    static const struct peer_step drip[] = {
        {PEER_DRIP,
         "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n....................................."
         ".............................................................................."}
    };
    const struct peer_step *const scripts[] = {hang, drip};
    for (size_t i = 0; i < N(scripts); i++) {
        struct tcp_peer *p = tcp_peer_start(scripts[i], 1);
        struct edge_client *c = edge_client_create();
        int64_t start = edge_now_mono_ms();
        CU_ASSERT_EQUAL(call(c, tcp_peer_url(p), &GET, 150), EDGE_UNAVAILABLE);
        CU_ASSERT(edge_now_mono_ms() - start >= 145);
        CU_ASSERT(edge_now_mono_ms() - start < 5000);
        CU_ASSERT_EQUAL(tcp_peer_requests(p), 1);
        edge_client_free(c);
        tcp_peer_free(p);
    }
}

struct attempt {
    struct edge_client *client;
    const char *url;
    int64_t ms;
    enum edge_status st;
};

static bool post_gets_through(void *arg)
{
    struct attempt *a = arg;
    a->st = call(a->client, a->url, &POST, a->ms);
    return a->st == EDGE_OK;
}

static void test_a_dead_peer_gets_a_pause_and_comes_back(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, JSON_ANSWER}
    };
    struct tcp_peer *p = tcp_peer_create(script, N(script));
    struct edge_client *c = edge_client_create();
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    int64_t start = edge_now_mono_ms();
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &GET, in_ms(60000), &r),
                    EDGE_UNAVAILABLE); /* five tries, then the breaker ends it */
    CU_ASSERT(edge_now_mono_ms() - start < 10000);
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &POST, in_ms(60000), &r),
                    EDGE_UNAVAILABLE);
    CU_ASSERT(says(&ctx, "is given a pause"));
    tcp_peer_listen(p);
    struct attempt a = {c, tcp_peer_url(p), 5000, EDGE_OK};
    CU_ASSERT(wait_until(post_gets_through, &a, 10000));
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 1);
    CU_ASSERT_EQUAL(call(c, tcp_peer_url(p), &GET, 5000), EDGE_OK);
    edge_client_free(c);
    tcp_peer_free(p);
}

static void *probe(void *arg)
{
    struct attempt *a = arg;
    (void)wait_until(post_gets_through, a, 10000);
    return NULL;
}

static void test_one_probe_at_a_time(void)
{
    static const struct peer_step script[] = {
        {PEER_DRIP, JSON_ANSWER}
    };
    struct tcp_peer *p = tcp_peer_create(script, N(script));
    struct edge_client *c = edge_client_create();
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(call(c, tcp_peer_url(p), &POST, 5000), EDGE_UNAVAILABLE);
    }
    tcp_peer_listen(p);
    struct attempt a = {c, tcp_peer_url(p), 10000, EDGE_OK};
    pthread_t thread = edge_thread_start("probe", probe, &a);
    CU_ASSERT(tcp_peer_wait_for(p, 1)); /* it is out, and its answer drips */
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &POST, in_ms(5000), &r),
                    EDGE_UNAVAILABLE);
    CU_ASSERT(says(&ctx, "is given a pause"));
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(a.st, EDGE_OK);
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 1);
    edge_client_free(c);
    tcp_peer_free(p);
}

static void *call_once(void *arg)
{
    struct attempt *a = arg;
    a->st = call(a->client, a->url, &GET, a->ms);
    return NULL;
}

static void test_free_ends_calls_under_way(void)
{
    static const struct peer_step script[] = {
        {PEER_HANG, NULL}
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    struct attempt a = {c, tcp_peer_url(p), 600000, EDGE_OK};
    pthread_t thread = edge_thread_start("call", call_once, &a);
    CU_ASSERT(tcp_peer_wait_for(p, 1));
    edge_client_free(c);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(a.st, EDGE_UNAVAILABLE);
    tcp_peer_free(p);
}

static void test_stop_ends_calls_and_refuses_later_ones(void)
{
    static const struct peer_step script[] = {
        {PEER_HANG, NULL}
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    struct attempt a = {c, tcp_peer_url(p), 600000, EDGE_OK};
    pthread_t thread = edge_thread_start("call", call_once, &a);
    CU_ASSERT(tcp_peer_wait_for(p, 1));
    edge_client_stop(c);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(a.st, EDGE_UNAVAILABLE);
    call_once(&a);
    CU_ASSERT_EQUAL(a.st, EDGE_UNAVAILABLE);
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 1);
    edge_client_free(c);
    tcp_peer_free(p);
}

/* ---- answers that are not fit to read ---------------------------------------------------------
 */

static void test_hostile_answers_are_refused(void)
{
    static const struct {
        struct peer_step step;
        const char *says;
    } cases[] = {
        {{PEER_CLOSE, "SSH-2.0-OpenSSH\r\n"},                                         "failed to send a http request"},
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 33554433\r\n\r\n"},         "larger than 32 MiB"           },
        {{PEER_FLOOD, "HTTP/1.1 200 OK\r\n\r\n"},                                     "larger than 32 MiB"           },
        {{PEER_FLOOD, "HTTP/1.1 200 OK\r\nX: "},                                      "failed to send a http request"},
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"},
         "failed to send a http request"                                                                             },
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
         "failed to send a http request"                                                                             },
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct tcp_peer *p = tcp_peer_start(&cases[i].step, 1);
        struct edge_client *c = edge_client_create();
        EDGE_CTX_SCOPE(ctx);
        struct edge_http_response r;
        CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &POST, in_ms(20000), &r),
                        strstr(cases[i].says, "larger") ? EDGE_TOO_LARGE : EDGE_UNAVAILABLE);
        CU_ASSERT(says(&ctx, cases[i].says));
        edge_client_free(c);
        tcp_peer_free(p);
    }
}

static void test_a_code_is_enough_where_nobody_wants_the_body(void)
{
    static const struct {
        struct peer_step step;
        enum edge_status st;
        int code;
    } cases[] = {
        {{PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"},        EDGE_OK,          200},
        {{PEER_ANSWER, "HTTP/1.1 204 No Content\r\n\r\n"},                       EDGE_OK,          204},
        {{PEER_FLOOD, "HTTP/1.1 503 Busy\r\n\r\n"},                              EDGE_OK,          503},
        {{PEER_FLOOD, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}, EDGE_OK,          200},
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"},          EDGE_OK,          200},
        {{PEER_FLOOD, "HTTP/1.1 200 OK\r\nX: "},                                 EDGE_UNAVAILABLE, 0  },
        {{PEER_CLOSE, "SSH-2.0-OpenSSH\r\n"},                                    EDGE_UNAVAILABLE, 0  },
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct tcp_peer *p = tcp_peer_start(&cases[i].step, 1);
        struct edge_client *c = edge_client_create();
        EDGE_CTX_SCOPE(ctx);
        struct edge_http_response r = {0};
        struct edge_http_request req = POST;
        req.code_only = true;
        CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &req, in_ms(20000), &r),
                        cases[i].st);
        CU_ASSERT_EQUAL(r.code, cases[i].code);
        CU_ASSERT_EQUAL(r.body_size, 0);
        edge_client_free(c);
        tcp_peer_free(p);
    }
}

static void test_json_relays_errors(void)
{
    static const struct {
        const char *answer;
        enum edge_status st;
        const char *says;
    } cases[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 46\r\n\r\n{\"apiVersion\":\"v3\",\"message\":\"no such device\"}",
         EDGE_NOT_FOUND,                                                                                                              "request failed, status code: 404, err: no such device"},
        {"HTTP/1.1 423 Locked\r\nContent-Length: 6\r\n\r\nlocked",                                                     EDGE_LOCKED,
         "request failed, status code: 423, err: locked"                                                                                                                                     },
        {"HTTP/1.1 418 Teapot\r\nContent-Length: 2\r\n\r\n{}",                                                         EDGE_INTERNAL,
         "request failed, status code: 418, err: {}"                                                                                                                                         },
        {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",                                             EDGE_INTERNAL,
         "request failed, status code: 302, err: "                                                                                                                                           },
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\":",                                                        EDGE_REMOTE,
         "cannot use the answer of http://127.0.0.1"                                                                                                                                         },
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct peer_step step = {PEER_ANSWER, cases[i].answer};
        struct tcp_peer *p = tcp_peer_start(&step, 1);
        struct edge_client *c = edge_client_create();
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree = NULL;
        CU_ASSERT_EQUAL(edge_client_json(c, &ctx, tcp_peer_url(p), &GET, in_ms(5000), &tree),
                        cases[i].st);
        CU_ASSERT(says(&ctx, cases[i].says));
        edge_client_free(c);
        tcp_peer_free(p);
    }
}

static void test_json_returns_trees(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, JSON_ANSWER                                                 },
        {PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"              },
        {PEER_ANSWER, "HTTP/1.1 207 Multi-Status\r\nContent-Length: 4\r\n\r\nnull"},
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    int64_t answer = 0;
    CU_ASSERT_EQUAL(edge_client_json(c, &ctx, tcp_peer_url(p), &GET, in_ms(5000), &tree), EDGE_OK);
    CU_ASSERT(edge_json_int(edge_json_member(tree, "answer", true), &answer));
    CU_ASSERT_EQUAL(answer, 7);
    CU_ASSERT_EQUAL(edge_client_json(c, &ctx, tcp_peer_url(p), &GET, in_ms(5000), &tree), EDGE_OK);
    CU_ASSERT_PTR_NULL(tree);
    CU_ASSERT_EQUAL(edge_client_json(c, &ctx, tcp_peer_url(p), &GET, in_ms(5000), &tree), EDGE_OK);
    CU_ASSERT(cJSON_IsNull(tree));
    edge_client_free(c);
    tcp_peer_free(p);
}

static void *call_often(void *arg)
{
    struct attempt *a = arg;
    for (int i = 0; i < 50 && a->st == EDGE_OK; i++) {
        a->st = call(a->client, a->url, i % 2 ? &GET : &POST, a->ms);
    }
    return NULL;
}

static void test_many_callers_share_the_loop(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, JSON_ANSWER}
    };
    enum { CALLERS = 8 };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    struct attempt attempts[CALLERS];
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        attempts[i] = (struct attempt){c, tcp_peer_url(p), 20000, EDGE_OK};
        threads[i] = edge_thread_start("call", call_often, &attempts[i]);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(attempts[i].st, EDGE_OK);
    }
    CU_ASSERT_EQUAL(tcp_peer_requests(p), CALLERS * 50);
    CU_ASSERT(tcp_peer_connections(p) <= CALLERS);
    edge_client_free(c);
    tcp_peer_free(p);
}

/* ---- peers in this process ------------------------------------------------------------------ */

static struct gate *local_gate;
static atomic_bool local_done;

static enum edge_status local_echo(struct edge_call *call)
{
    size_t size;
    const char *body = edge_call_body(call, &size);
    edge_buf_printf(edge_reply_body(call), "%s %s %.*s", edge_call_method(call),
                    edge_call_ctx(call)->correlation_id, (int)size, body ? body : "");
    return EDGE_OK;
}

static enum edge_status local_slow(struct edge_call *call)
{
    gate_pass(local_gate);
    local_done = true;
    return edge_reply_base(call, 200, NULL);
}

static const struct edge_route local_routes[] = {
    {"PUT", "/echo", local_echo, "", 0,                0},
    {"GET", "/slow", local_slow, "", EDGE_ROUTE_WAITS, 0},
};

static struct edge_http *local_start(struct edge_pool *pool)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http *http = NULL;
    struct edge_http_config config = {
        .service = "local", .routes = EDGE_TABLE(local_routes), .pool = pool};
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &http), EDGE_OK);
    return http;
}

static void test_a_local_peer_is_a_function_call(void)
{
    static const char url[] = "http://127.0.0.1:1"; /* nobody listens there */
    struct edge_pool *pool = edge_pool_create("test", 2, 10);
    struct edge_http *http = local_start(pool);
    struct edge_client *c = edge_client_create();
    EDGE_CTX_SCOPE(ctx);
    snprintf(ctx.correlation_id, sizeof(ctx.correlation_id), "of-ctx");
    struct edge_http_request put = {
        .method = "PUT", .target = "/echo", .body = "hi", .body_size = 2};
    struct edge_http_response r;
    edge_client_attach(c, "http://127.0.0.1:1/", http);
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, url, &put, in_ms(5000), &r), EDGE_OK);
    CU_ASSERT_EQUAL(r.code, 200);
    CU_ASSERT_EQUAL(strncmp(r.body, "PUT of-ctx hi", strlen("PUT of-ctx hi")), 0);
    put.target = "/nowhere";
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL(edge_client_json(c, &ctx, url, &put, in_ms(5000), &tree), EDGE_NOT_FOUND);
    CU_ASSERT(says(&ctx, "request failed, status code: 404, err: Not Found"));
    edge_client_attach(c, url, NULL);
    CU_ASSERT_EQUAL(call(c, url, &POST, 5000), EDGE_UNAVAILABLE);
    edge_client_free(c);
    edge_http_stop(http, 1000);
    edge_pool_free(pool);
}

struct detachment {
    struct edge_client *client;
    bool call_was_done;
};

static void *detach(void *arg)
{
    struct detachment *d = arg;
    edge_client_attach(d->client, "http://local", NULL);
    d->call_was_done = local_done;
    return NULL;
}

static void *call_slow(void *client)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r = {0};
    struct edge_http_request req = {.method = "GET", .target = "/slow"};
    enum edge_status st = edge_client_call(client, &ctx, "http://local", &req, in_ms(10000), &r);
    return st == EDGE_OK && r.code == 200 ? client : NULL;
}

static void test_detaching_waits_for_calls_under_way(void)
{
    struct edge_pool *pool = edge_pool_create("test", 2, 10);
    struct edge_http *http = local_start(pool);
    struct edge_client *c = edge_client_create();
    local_gate = gate_create();
    local_done = false;
    edge_client_attach(c, "http://local", http);
    pthread_t caller = edge_thread_start("call", call_slow, c);
    CU_ASSERT(gate_wait_for(local_gate, 1));
    struct detachment d = {c, false};
    pthread_t detacher = edge_thread_start("detach", detach, &d);
    gate_open(local_gate);
    void *ok = NULL;
    pthread_join(caller, &ok);
    pthread_join(detacher, NULL);
    CU_ASSERT_PTR_NOT_NULL(ok);
    CU_ASSERT(d.call_was_done);
    edge_client_free(c);
    edge_http_stop(http, 1000);
    edge_pool_free(pool);
    gate_free(local_gate);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static size_t in_use(const struct edge_budget *b)
{
    struct edge_budget_state state;
    edge_budget_state(b, &state);
    return state.in_use;
}

/* A JSON list of so many bytes, about. */
static char *long_answer(size_t size)
{
    struct edge_buf text = EDGE_BUF_INIT;
    edge_buf_printf(&text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n[\"", size + 4);
    memset(edge_buf_room(&text, size), 'x', size);
    text.len += size;
    edge_buf_puts(&text, "\"]");
    (void)edge_buf_str(&text);
    return text.data;
}

static enum edge_status long_reply(struct edge_call *call)
{
    struct edge_buf *body = edge_reply_body(call);
    size_t size = *(const size_t *)edge_call_state(call);
    EDGE_TRY(edge_call_reserve(call, size + 4));
    edge_buf_puts(body, "[\"");
    memset(edge_buf_room(body, size), 'x', size);
    body->len += size;
    edge_buf_puts(body, "\"]");
    return EDGE_OK;
}

static void test_answers_are_paid_for(void)
{
    static const struct {
        size_t size, limit;
        bool fits;
    } cases[] = {
        {4 << 20, 64 << 20, true },
        {4 << 20, 4 << 20,  false},
        {4 << 20, 7 << 20,  false}, /* it comes, but there is no memory for its tree */
        {100,     64 << 20, true },
    };
    static const struct edge_route routes[] = {
        {"GET", "/api/v3/thing", long_reply, "", 0, 0}
    };
    for (size_t i = 0; i < 2 * N(cases); i++) {
        bool local = i >= N(cases);
        size_t size = cases[i % N(cases)].size;
        struct edge_budget *budget = edge_budget_create(cases[i % N(cases)].limit);
        char *text = long_answer(size);
        const struct peer_step script[] = {
            {PEER_ANSWER, text}
        };
        struct tcp_peer *p = tcp_peer_start(script, N(script));
        struct edge_client *c = edge_client_create();
        struct edge_http_config config = {
            .routes = EDGE_TABLE(routes), .state = &size, .budget = budget, .threads = 1};
        struct edge_http *http = NULL;
        EDGE_CTX_SCOPE(starting);
        CU_ASSERT_EQUAL_FATAL(edge_http_start(&starting, &config, &http), EDGE_OK);
        if (local) {
            edge_client_attach(c, tcp_peer_url(p), http);
        }
        {
            EDGE_CTX_SCOPE(ctx);
            const cJSON *tree = NULL;
            ctx.budget = budget;
            enum edge_status st =
                edge_client_json(c, &ctx, tcp_peer_url(p), &GET, in_ms(10000), &tree);
            CU_ASSERT_EQUAL(st == EDGE_OK, cases[i % N(cases)].fits);
            CU_ASSERT(st == EDGE_OK || st == EDGE_UNAVAILABLE || st == EDGE_TOO_LARGE);
            CU_ASSERT(st != EDGE_OK || size < 1000 || in_use(budget) >= 2 * size);
        }
        CU_ASSERT_EQUAL(in_use(budget), 0);
        edge_client_free(c);
        edge_http_stop(http, 1000);
        tcp_peer_free(p);
        free(text);
        edge_budget_unref(budget);
    }
}

CU_TestInfo client_tests[] = {
    {"libcurl waits for the first socket",           test_libcurl_waits_for_the_first_socket     },
    {"answers come back whole",                      test_answers_come_back_whole                },
    {"answers are paid for",                         test_answers_are_paid_for                   },
    {"requests go out as given",                     test_requests_go_out_as_given               },
    {"headers cannot be injected",                   test_headers_cannot_be_injected             },
    {"what cannot be sent says so",                  test_what_cannot_be_sent_says_so            },
    {"a broken connection is tried again",           test_a_broken_connection_is_tried_again     },
    {"a post is never repeated",                     test_a_post_is_never_repeated               },
    {"deadlines hold",                               test_deadlines_hold                         },
    {"a dead peer gets a pause and comes back",      test_a_dead_peer_gets_a_pause_and_comes_back},
    {"one probe at a time",                          test_one_probe_at_a_time                    },
    {"stop ends calls and refuses later ones",       test_stop_ends_calls_and_refuses_later_ones },
    {"free ends calls under way",                    test_free_ends_calls_under_way              },
    {"a code is enough where nobody wants the body",
     test_a_code_is_enough_where_nobody_wants_the_body                                           },
    {"hostile answers are refused",                  test_hostile_answers_are_refused            },
    {"json relays errors",                           test_json_relays_errors                     },
    {"json returns trees",                           test_json_returns_trees                     },
    {"many callers share the loop",                  test_many_callers_share_the_loop            },
    {"a local peer is a function call",              test_a_local_peer_is_a_function_call        },
    {"detaching waits for calls under way",          test_detaching_waits_for_calls_under_way    },
    CU_TEST_INFO_NULL,
};
