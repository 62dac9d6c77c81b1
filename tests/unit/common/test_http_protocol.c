/* What HTTP asks of a server: connections, heads and bodies, expectations, kinds of targets. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "http_rig.h"

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
    struct rig f;
    rig_serve(&f);
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
    rig_done(&f);
}

static void test_head_is_not_allowed(void)
{
    struct rig f;
    rig_serve(&f);
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
    rig_done(&f);
}

static const char *exchange(struct rig *f, const char *text)
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
    struct rig f;
    rig_serve_with(&f, (struct edge_http_config){.request_timeout_ms = 50});
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
    rig_finish(__atomic_exchange_n(&f.state.kept, NULL, __ATOMIC_SEQ_CST));
    rig_done(&f);
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
    struct rig f;
    rig_serve(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = http_probe_open(f.port);
        const char *request = edge_printf(&f.arena, "GET /json %s\r\n", cases[i].head);
        http_probe_text(fd, request);
        http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
        EXPECT(&f, 200, "{\"ping\":true}\n");
        CU_ASSERT_EQUAL(strcmp(rig_header(&f, "Connection"), "close") == 0, !cases[i].stays);
        if (cases[i].stays) {
            http_probe_text(fd, request);
            http_probe_read(&f.arena, fd, HTTP_PROBE_MS, &f.answer);
            EXPECT(&f, 200, "{\"ping\":true}\n");
        } else {
            CU_ASSERT_TRUE(http_probe_closed(fd, HTTP_PROBE_MS));
        }
        close(fd);
    }
    rig_done(&f);
}

static void test_expectations(void)
{
    struct rig f;
    rig_serve(&f);
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
    rig_ask(&f, "GET", "/json", "Expect: 100-continue\r\n", NULL);
    EXPECT(&f, 200, "{\"ping\":true}\n"); /* there is no body to go on with */
    rig_done(&f);
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
    struct rig f;
    rig_serve(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rig_ask(&f, "GET", cases[i].target, NULL, NULL);
        CU_ASSERT_EQUAL(f.answer.code, cases[i].code);
        if (cases[i].body) {
            CU_ASSERT_STRING_EQUAL(f.answer.body, cases[i].body);
        }
        if (f.answer.code != cases[i].code) {
            fprintf(stderr, "got %d for %s\n", f.answer.code, cases[i].target);
        }
    }
    rig_done(&f);
}

/* "OPTIONS *" asks the server as a whole. */
static void test_options_of_the_server(void)
{
    struct rig f;
    rig_serve(&f);
    rig_ask(&f, "OPTIONS", "*", NULL, NULL);
    EXPECT(&f, 200, "");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Content-Length"), "0");
    rig_ask(&f, "OPTIONS", "*", NULL, "and a body");
    EXPECT(&f, 200, "");
    rig_ask(&f, "OPTIONS", "**", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 400);
    rig_ask(&f, "GET", "*", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 400);
    rig_done(&f);
}

CU_TestInfo http_protocol_tests[] = {
    {"connections are kept",     test_connections_are_kept    },
    {"HEAD is not allowed",      test_head_is_not_allowed     },
    {"answers without a body",   test_answers_without_a_body  },
    {"connections end as asked", test_connections_end_as_asked},
    {"expectations",             test_expectations            },
    {"absolute targets",         test_absolute_targets        },
    {"options of the server",    test_options_of_the_server   },
    CU_TEST_INFO_NULL,
};
