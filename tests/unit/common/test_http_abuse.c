/* What the outside may throw at the HTTP server: it answers 4xx or hangs up, and stays healthy. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/http.h"
#include "http_probe.h"
#include "suites.h"

static enum edge_status echo(struct edge_call *call)
{
    size_t size;
    const void *body = edge_call_body(call, &size);
    edge_reply_type(call, "text/plain");
    edge_buf_printf(edge_reply_body(call), "name=%s body=", edge_call_param(call, "name"));
    edge_buf_put(edge_reply_body(call), body, size);
    return EDGE_OK;
}

static const struct edge_route routes[] = {
    {"GET",  "/show/{name}", echo, "", 0, 0},
    {"POST", "/show/{name}", echo, "", 0, 0},
};

struct fixture {
    struct edge_arena arena;
    struct edge_http *http;
    uint16_t port;
    struct http_answer answer;
};

static void serve_with(struct fixture *f, struct edge_http_config config)
{
    EDGE_CTX_SCOPE(ctx);
    *f = (struct fixture){0};
    config.routes = (struct edge_routes)EDGE_TABLE(routes);
    config.threads = 1;
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &f->http), EDGE_OK);
    f->port = edge_http_port(f->http);
}

static void serve(struct fixture *f)
{
    serve_with(f, (struct edge_http_config){0});
}

static void expect_healthy(struct fixture *f)
{
    http_probe_ask(&f->arena, f->port, "GET", "/show/a", NULL, NULL, &f->answer);
    CU_ASSERT_EQUAL(f->answer.code, 200);
    CU_ASSERT_STRING_EQUAL(f->answer.body, "name=a body=");
}

static void done(struct fixture *f)
{
    expect_healthy(f);
    edge_http_stop(f->http, 0);
    edge_arena_done(&f->arena);
}

/* ---- what hops may read differently ------------------------------------------------------ */

#define POST "POST /show/a HTTP/1.1\r\nHost: x\r\n"

static void test_ambiguous_heads_are_refused(void)
{
    static const struct {
        int code;
        const char *request;
    } cases[] = {
        {400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"                        },
        {400, POST "Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc"                       },
        {400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"         },
        {400, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"         },
        {400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"                        },
        {400, POST "Transfer-Encoding: identity\r\n\r\nabc"                                   },
        {400, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"                             },
        {400, POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n"                                      },
        {400, POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"                             },
        {400, POST "Content-Length : 3\r\n\r\nabc"                                            },
        {400, POST "Content-Length: +3\r\n\r\nabc"                                            },
        {400, POST "Content-Length: -3\r\n\r\nabc"                                            },
        {400, POST "Content-Length: 0x3\r\n\r\nabc"                                           },
        {400, POST "Content-Length: 3, 3\r\n\r\nabc"                                          },
        {400, POST "Content-Length:\r\n\r\nabc"                                               },
        {413, POST "Content-Length: 99999999999999999999999\r\n\r\nabc"                       },
        {400, POST "X (y): z\r\n\r\n"                                                         },
        {400, POST "Host: y\r\n\r\n"                                                          },
        {400, POST "host: x\r\n\r\n"                                                          },
        {400, POST "no colon\r\n\r\n"                                                         },
        {400, "GET /show/a HTTP/1.1\r\n\r\n"                                                  },
        {400, "POST /show/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"          },
        {400, "GET /show/a HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"                            },
        {505, "GET /show/a HTTP/2.0\r\nHost: x\r\n\r\n"                                       },
        {400, "GET /show/a http/1.1\r\nHost: x\r\n\r\n"                                       },
    };
    struct fixture f;
    serve(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = http_probe_open(f.port);
        http_probe_text(fd, cases[i].request);
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, cases[i].code);
        if (f.answer.code != cases[i].code) {
            fprintf(stderr, "got %d for %s\n", f.answer.code, cases[i].request);
        }
        CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS)); /* what follows is not a request */
        close(fd);
    }
    done(&f);
}

static void test_bad_targets_are_refused(void)
{
    static const struct {
        int code;
        const char *target;
    } cases[] = {
        {200, "/show/a%2Fb"           },
        {200, "/show/..a"             },
        {200, "/show/%252e"           },
        {200, "/show/a;b"             },
        {400, "/show/.."              },
        {400, "/show/%2e%2e"          },
        {400, "/show/.%2E/show/a"     },
        {400, "/./show/a"             },
        {400, "/show/a%00b"           },
        {400, "/show/a%0"             },
        {400, "/show/%c0%ae"          },
        {400, "/show/\xff"            },
        {400, "/show/a\\b"            },
        {400, "/show/a?x=%"           },
        {400, "show/a"                },
        {400, "ftp://localhost/show/a"},
        {400, "*"                     },
        {404, "//show/a"              },
        {404, "/show/"                },
        {404, "/show"                 },
    };
    struct fixture f;
    serve(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        http_probe_ask(&f.arena, f.port, "GET", cases[i].target, NULL, NULL, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, cases[i].code);
        if (f.answer.code != cases[i].code) {
            fprintf(stderr, "got %d for %s\n", f.answer.code, cases[i].target);
        }
    }
    done(&f);
}

static void test_nul_in_the_request_line(void)
{
    static const char request[] = "GET /show/a\0b HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture f;
    serve(&f);
    int fd = http_probe_open(f.port);
    http_probe_send(fd, request, sizeof(request) - 1);
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 400);
    CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
    close(fd);
    done(&f);
}

/* ---- too much ---------------------------------------------------------------------------- */

static const char *repeated(struct edge_arena *a, const char *text, size_t n)
{
    size_t len = strlen(text);
    char *all = edge_alloc(a, n * len + 1, 1);
    for (size_t i = 0; i < n; i++) {
        memcpy(all + i * len, text, len);
    }
    return all;
}

static void test_sizes_are_bounded(void)
{
    struct fixture f;
    serve(&f);
    struct edge_arena *a = &f.arena;
    const char *longest = edge_printf(a, "/show/%s", repeated(a, "a", 4096 - 6));
    const char *too_long = edge_printf(a, "%sa", longest);
    const char *far_too_long = repeated(a, "/aaaaaaaaa", 10000);
    const char *most = repeated(a, "X-A: b\r\n", 63);
    const char *too_many = repeated(a, "X-A: b\r\n", 64);
    const char *large = edge_printf(a, "X: %s\r\n", repeated(a, "y", 6000));
    const char *too_large = edge_printf(a, "X: %s\r\n", repeated(a, "y", 40000));
    const char *odd = edge_printf(a, "%s: y\r\n", repeated(a, "X", 40000));
    const struct {
        int code;
        const char *target, *headers;
    } cases[] = {
        {200, longest,      NULL     },
        {414, too_long,     NULL     },
        {414, far_too_long, NULL     },
        {200, "/show/a",    most     },
        {431, "/show/a",    too_many },
        {200, "/show/a",    large    },
        {431, "/show/a",    too_large},
        {431, "/show/a",    odd      },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        http_probe_ask(a, f.port, "GET", cases[i].target, cases[i].headers, NULL, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, cases[i].code);
    }
    done(&f);
}

static void test_refused_bodies_are_not_read_for_ever(void)
{
    struct fixture f;
    serve(&f);
    int fd = http_probe_open(f.port);
    http_probe_text(fd, POST "Transfer-Encoding: chunked\r\n\r\n");
    const char *chunk = repeated(&f.arena, "x", 64 * 1024);
    size_t sent = 0;
    while (sent < 64 * 1024 * 1024 && http_probe_text(fd, "10000\r\n") &&
           http_probe_text(fd, chunk) && http_probe_text(fd, "\r\n")) {
        sent += 64 * 1024;
    }
    CU_ASSERT(sent < 64 * 1024 * 1024);
    close(fd);
    http_probe_raw(&f.arena, f.port, POST "Content-Length: 99999999\r\n\r\nabc", &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 413);
    done(&f);
}

static void test_many_connections_are_kept(void)
{
    enum { N = 1000 };
    struct fixture f;
    int fds[N];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    serve(&f);
    for (int i = 0; i < N; i++) {
        fds[i] = http_probe_open(f.port);
        CU_ASSERT_FATAL(fds[i] >= 0);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            http_probe_text(fds[i], "GET /show/a HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        for (int i = 0; i < N; i++) {
            http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
            CU_ASSERT_EQUAL(f.answer.code, 200);
        }
    }
    for (int i = 0; i < N; i++) {
        close(fds[i]);
    }
    done(&f);
}

static void test_idle_connections_give_way(void)
{
    struct fixture f;
    int fds[3];
    serve_with(&f, (struct edge_http_config){.max_connections = 2});
    for (int i = 0; i < 3; i++) {
        fds[i] = http_probe_open(f.port);
        http_probe_text(fds[i], "GET /show/a HTTP/1.1\r\nHost: x\r\n\r\n");
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200);
    }
    CU_ASSERT_TRUE(http_probe_closed(fds[0], HTTP_PROBE_MS)); /* idle for the longest time */
    http_probe_text(fds[1], "GET /show/a HTTP/1.1\r\nHost: x\r\n\r\n");
    http_probe_read(&f.arena, fds[1], HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    done(&f);
}

/* ---- too slow ---------------------------------------------------------------------------- */

/* Send @p n bytes, one every 5 ms; true when the peer hangs up before the end. */
static bool hangs_up_on_drip(int fd, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!http_probe_send(fd, "x", 1) || http_probe_closed(fd, 5)) {
            return true;
        }
    }
    return false;
}

static void test_slow_peers_are_cut(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.header_deadline_ms = 100,
                                             .body_deadline_ms = 100,
                                             .idle_timeout_ms = 1000});
    const size_t endless = 4000;
    int fd = http_probe_open(f.port);
    CU_ASSERT_TRUE(hangs_up_on_drip(fd, endless)); /* in the request line */
    close(fd);
    fd = http_probe_open(f.port);
    http_probe_text(fd, "GET /show/a HTTP/1.1\r\nHost: x\r\nX: ");
    CU_ASSERT_TRUE(hangs_up_on_drip(fd, endless)); /* in the head */
    close(fd);
    fd = http_probe_open(f.port);
    http_probe_text(fd, POST "Content-Length: 4000\r\n\r\n");
    CU_ASSERT_TRUE(hangs_up_on_drip(fd, endless)); /* in the body */
    close(fd);
    fd = http_probe_open(f.port);
    http_probe_text(fd, POST "Transfer-Encoding: chunked\r\n\r\nFFFF\r\n");
    CU_ASSERT_TRUE(hangs_up_on_drip(fd, endless)); /* in a chunk */
    close(fd);
    fd = http_probe_open(f.port);
    http_probe_text(fd, "GET /show/a HTTP/1.1\r\nHost: x\r\n\r\n");
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    http_probe_text(fd, "GET /show/a HTTP/1.1\r\nHost: x\r\nX: ");
    CU_ASSERT_TRUE(hangs_up_on_drip(fd, endless)); /* in the second head */
    close(fd);
    done(&f);
}

/* Who was too slow is told so; who was refused before hears that. */
static void test_slow_peers_are_told(void)
{
    static const struct {
        const char *part;
        int code;
    } cases[] = {
        {"GET /show/a HTTP/1.1\r\nHost: x\r\nX: ",                          408},
        {POST "X-Correlation-ID: me\r\nContent-Length: 10\r\n\r\n01234",    408},
        {POST "Transfer-Encoding: chunked\r\n\r\nA\r\n01234",               408},
        {"POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234", 404},
    };
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.header_deadline_ms = 100, .body_deadline_ms = 100});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = http_probe_open(f.port);
        http_probe_text(fd, cases[i].part);
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, cases[i].code);
        const char *connection = http_answer_header(&f.arena, &f.answer, "Connection");
        CU_ASSERT_STRING_EQUAL(connection ? connection : "", "close");
        const char *id = http_answer_header(&f.arena, &f.answer, "X-Correlation-ID");
        CU_ASSERT_PTR_NOT_NULL_FATAL(id);
        CU_ASSERT_EQUAL(strcmp(id, "me") == 0, strstr(cases[i].part, "ID: me") != NULL);
        CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
        close(fd);
    }
    done(&f);
}

static void test_silent_peers_are_let_go(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.header_deadline_ms = 200, .idle_timeout_ms = 1000});
    int fd = http_probe_open(f.port), used = http_probe_open(f.port);
    http_probe_text(used, "GET /show/a HTTP/1.1\r\nHost: x\r\n\r\n");
    http_probe_read(&f.arena, used, HTTP_PROBE_MS, &f.answer);
    int64_t since_ms = edge_now_mono_ms();
    CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
    CU_ASSERT(edge_now_mono_ms() - since_ms < 1000); /* it never said a word */
    CU_ASSERT_TRUE(http_probe_closed(used, HTTP_PROBE_MS));
    CU_ASSERT(edge_now_mono_ms() - since_ms >= 500);
    close(fd);
    close(used);
    done(&f);
}

static void test_a_slow_but_steady_body_passes(void)
{
    struct fixture f;
    serve_with(&f, (struct edge_http_config){.body_deadline_ms = 5000});
    int fd = http_probe_open(f.port);
    http_probe_text(fd, POST "Content-Length: 40\r\n\r\n");
    CU_ASSERT_FALSE(hangs_up_on_drip(fd, 39));
    http_probe_text(fd, "x");
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    close(fd);
    done(&f);
}

/* ---- cut short, and noise ---------------------------------------------------------------- */

static void test_requests_may_be_cut_anywhere(void)
{
    static const char *const requests[] = {
        POST "Content-Length: 10\r\n\r\n0123456789",
        POST "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    };
    struct fixture f;
    serve(&f);
    for (size_t i = 0; i < 3 * sizeof(requests) / sizeof(requests[0]); i++) {
        const char *request = requests[i / 3];
        for (size_t n = 0; n < strlen(request); n++) {
            int fd = http_probe_open(f.port);
            http_probe_send(fd, request, n);
            if (i % 3 == 1) {
                const struct linger reset = {.l_onoff = 1};
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
            } else if (i % 3 == 2) {
                shutdown(fd, SHUT_WR);
                CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
            }
            close(fd);
        }
    }
    done(&f);
}

/* One answer for each request, in order, wherever the packets end. */
static void test_requests_in_a_row(void)
{
    static const struct {
        const char *request;
        int code;
        const char *body;
    } cases[] = {
        {"GET /show/a HTTP/1.1\r\nHost: x\r\n\r\n",                                               200, "name=a body="          },
        {POST "Content-Length: 10\r\n\r\n0123456789",                                             200, "name=a body=0123456789"},
        {"\r\nGET http://x/show/b HTTP/1.1\r\nHost: x\r\n\r\n",                                   200, "name=b body="          },
        {POST "Transfer-Encoding: chunked\r\n\r\n2 ;x\r\nab\r\n0\r\nT: y\r\n\r\n",                200,
         "name=a body=ab"                                                                                                      },
        {"FOO /show/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",                        405, NULL                    },
        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",                                                 200, ""                      },
        {"POST /no HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nG\r\n0\r\n\r\n",
         404,                                                                                          NULL                    },
        {"GET /show/c HTTP/1.1\r\nHost: x\r\n\r\n",                                               200, "name=c body="          },
    };
    enum { N = sizeof(cases) / sizeof(cases[0]), ROUNDS = 50 };
    struct fixture f;
    struct edge_buf all = EDGE_BUF_INIT;
    serve(&f);
    for (size_t i = 0; i < N; i++) {
        edge_buf_puts(&all, cases[i].request);
    }
    for (size_t cut = 0; cut <= all.len; cut++) {
        int fd = http_probe_open(f.port);
        for (size_t round = 0; round < (cut == 0 ? ROUNDS : 1); round++) {
            http_probe_send(fd, all.data, cut);
            http_probe_send(fd, all.data + cut, all.len - cut);
        }
        shutdown(fd, SHUT_WR);
        for (size_t i = 0; i < (cut == 0 ? ROUNDS * N : N); i++) {
            http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
            CU_ASSERT_EQUAL(f.answer.code, cases[i % N].code);
            CU_ASSERT_TRUE(!cases[i % N].body || strcmp(f.answer.body, cases[i % N].body) == 0);
        }
        CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
        close(fd);
    }
    edge_buf_done(&all);
    done(&f);
}

static void test_noise(void)
{
    enum { ROUNDS = 500, SIZE = 300 };
    static const char *const words[] = {
        "GET ",    "/show/", " HTTP/1.1", "\r\n",     "Host: x", "\r\n\r\n", "Content", "-Length: ",
        "chunked", "\n",     "%2e",       "\xff\xfe", "0",       "\x01",     ": ",
    };
    enum { N_WORDS = sizeof(words) / sizeof(words[0]) };
    struct fixture f;
    unsigned seed = 1;
    serve(&f);
    for (int round = 0; round < ROUNDS; round++) {
        int fd = http_probe_open(f.port);
        if (round % 2 == 0) {
            http_probe_text(fd, POST);
        }
        for (int i = 0; i < SIZE / 10; i++) {
            http_probe_text(fd, words[(unsigned)rand_r(&seed) % N_WORDS]);
        }
        close(fd);
    }
    done(&f);
}

/* ---- what else has a descriptor open ----------------------------------------------------------- */

/* The server's end of a connection of this process. */
static int other_end(int fd, uint16_t port)
{
    struct sockaddr_in own, local, peer;
    socklen_t size = sizeof(own);
    getsockname(fd, (struct sockaddr *)&own, &size);
    for (int other = 0; other < 1024; other++) {
        socklen_t local_size = sizeof(local), peer_size = sizeof(peer);
        if (getsockname(other, (struct sockaddr *)&local, &local_size) == 0 &&
            getpeername(other, (struct sockaddr *)&peer, &peer_size) == 0 &&
            local.sin_port == htons(port) && peer.sin_port == own.sin_port) {
            return other;
        }
    }
    return -1;
}

/* A thread that looks at a descriptor in the moment it is closed keeps the socket open; the kernel goes on
 * telling of it. */
static void test_closed_connections_are_not_heard_of(void)
{
    struct fixture f;
    serve(&f);
    int fd = http_probe_open(f.port);
    http_probe_text(fd, "GET /show/a HTTP/1.1\r\nHost: x\r\n\r\n");
    http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    /* By the bare system call: the thread sanitizer takes dup() and the server's close() for a race. */
    int held = (int)syscall(SYS_dup, other_end(fd, f.port));
    CU_ASSERT(held >= 0);
    close(fd);
    for (int i = 0; i < 10; i++) {
        expect_healthy(&f);
    }
    close(held);
    done(&f);
}

CU_TestInfo http_abuse_tests[] = {
    {"ambiguous heads are refused",          test_ambiguous_heads_are_refused         },
    {"bad targets are refused",              test_bad_targets_are_refused             },
    {"NUL in the request line",              test_nul_in_the_request_line             },
    {"sizes are bounded",                    test_sizes_are_bounded                   },
    {"refused bodies are not read for ever", test_refused_bodies_are_not_read_for_ever},
    {"many connections are kept",            test_many_connections_are_kept           },
    {"idle connections give way",            test_idle_connections_give_way           },
    {"slow peers are cut",                   test_slow_peers_are_cut                  },
    {"slow peers are told",                  test_slow_peers_are_told                 },
    {"silent peers are let go",              test_silent_peers_are_let_go             },
    {"a slow but steady body passes",        test_a_slow_but_steady_body_passes       },
    {"requests may be cut anywhere",         test_requests_may_be_cut_anywhere        },
    {"requests in a row",                    test_requests_in_a_row                   },
    {"noise",                                test_noise                               },
    {"closed connections are not heard of",  test_closed_connections_are_not_heard_of },
    CU_TEST_INFO_NULL,
};
