/* What is refused is one answer, however it is broken; and chunks are read wherever they are cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_bounded.h"

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
    struct bounded f;
    bounded_serve(&f);
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
        int fd = bounded_open(&f, cases[i].request);
        const char *text = bounded_read(&f, fd, &n);
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
    bounded_done(&f);
}

static void test_chunks_are_read(void)
{
    static const char *const requests[] = {
        POST_CHUNKED "3;ext\r\nabc\r\n4 \t ; a=b;c=\"d\"\r\ndefg\r\n0;last\r\n\r\n",
        POST_CHUNKED "007\r\nabcdefg\r\n000\r\nTrailer: x\r\nOther: y\r\n\r\n",
        POST_CHUNKED "1\r\na\r\n6\r\nbcdefg\r\n0\r\n\r\n",
    };
    struct bounded f;
    bounded_serve(&f);
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
    bounded_done(&f);
}

CU_TestInfo http_refusals_tests[] = {
    {"refusals are one answer", test_refusals_are_one_answer},
    {"chunks are read",         test_chunks_are_read        },
    CU_TEST_INFO_NULL,
};
