/* HTTP for drivers against peers that behave well, badly, or not at all. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "devsdk/http.h"
#include "devsdk/test.h"
#include "suites.h"
#include "tcp_peer.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define OK_TEXT                                                                                    \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Thing: 7\r\nContent-Length: 2\r\n\r\nok"

/* ---- a driver that only has a service ---------------------------------------------------------- */

static devsdk_service *service;

static devsdk_result start(devsdk_service *svc)
{
    service = svc;
    return DEVSDK_OK;
}

static devsdk_result read_nothing(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    (void)r;
    return DEVSDK_OK;
}

static const devsdk_driver driver = {
    .abi = 3, .name = "device-http-test", .version = "1", .start = start, .read = read_nothing};

/* ---- an exchange, kept ------------------------------------------------------------------------- */

struct got {
    atomic_uint times;
    devsdk_result result;
    int code;
    char why[256], type[64], body[256], thing[16];
    size_t n;
};

static void keep(void *arg, const devsdk_http_answer *a)
{
    struct got *got = arg;
    const char *thing = devsdk_http_answer_header(a, "x-thing");
    got->result = a->result;
    got->code = a->code;
    got->n = a->n;
    snprintf(got->why, sizeof(got->why), "%s", a->why);
    snprintf(got->type, sizeof(got->type), "%s", a->type);
    snprintf(got->body, sizeof(got->body), "%s", a->body);
    snprintf(got->thing, sizeof(got->thing), "%s", thing ? thing : "");
    atomic_fetch_add(&got->times, 1);
}

static bool is_told(void *arg)
{
    return atomic_load(&((struct got *)arg)->times) > 0;
}

/* Send it to @p path of the peer and wait; the texts of the request otherwise as given. */
static void exchange(devsdk_http *http, struct tcp_peer *p, const char *path,
                     devsdk_http_request req, struct got *got)
{
    char url[256];
    snprintf(url, sizeof(url), "%s%s", tcp_peer_url(p), path);
    *got = (struct got){0};
    req.url = url;
    devsdk_http_send(http, &req, keep, got);
    CU_ASSERT_TRUE_FATAL(wait_until(is_told, got, 10000));
    CU_ASSERT_EQUAL(atomic_load(&got->times), 1);
}

static bool last_has(struct tcp_peer *p, const char *text)
{
    bool has = strstr(tcp_peer_last(p), text);
    if (!has) {
        printf("request: %s\nlacks: %s\n", tcp_peer_last(p), text);
    }
    return has;
}

struct lab {
    devsdk_test *kit;
    devsdk_http *http;
    struct tcp_peer *peer;
};

static struct lab lab_make(const struct peer_step *script, size_t n, const devsdk_http_options *o)
{
    char why[128] = "";
    struct lab lab = {.peer =
                          tcp_peer_start(script, n)}; /* the kit sees threads that begin after it */
    lab.kit = devsdk_test_start(&driver, NULL);
    lab.http = devsdk_http_open(service, o, why, sizeof(why));
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab.http);
    return lab;
}

static void lab_done(struct lab *lab)
{
    devsdk_http_close(lab->http);
    tcp_peer_free(lab->peer); /* its connections are none of the driver's */
    CU_ASSERT_EQUAL(devsdk_test_stop(lab->kit), 0);
}

/* ---- what goes out and comes back --------------------------------------------------------------- */

static void test_answers_come_back_whole(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK_TEXT                                                  },
        {PEER_ANSWER, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"},
        {PEER_ANSWER, "HTTP/1.1 204 No Content\r\n\r\n"                        },
    };
    struct lab lab = lab_make(script, N(script), NULL);
    struct got got;
    exchange(lab.http, lab.peer, "/a%20b?x=1", (devsdk_http_request){0}, &got);
    CU_ASSERT_EQUAL(got.result, DEVSDK_OK);
    CU_ASSERT_EQUAL(got.code, 200);
    CU_ASSERT_STRING_EQUAL(got.body, "ok");
    CU_ASSERT_STRING_EQUAL(got.type, "text/plain");
    CU_ASSERT_STRING_EQUAL(got.thing, "7");
    CU_ASSERT_TRUE(last_has(lab.peer, "GET /a%20b?x=1 HTTP/1.1\r\n"));
    exchange(lab.http, lab.peer, "", (devsdk_http_request){0}, &got);
    CU_ASSERT_EQUAL(got.result, DEVSDK_OK);
    CU_ASSERT_EQUAL(got.code, 404);
    CU_ASSERT_STRING_EQUAL(got.body, "nope");
    CU_ASSERT_TRUE(last_has(lab.peer, "GET / HTTP/1.1\r\n"));
    exchange(lab.http, lab.peer, "?y", (devsdk_http_request){0}, &got);
    CU_ASSERT_EQUAL(got.code, 204);
    CU_ASSERT_STRING_EQUAL(got.body, "");
    CU_ASSERT_TRUE(last_has(lab.peer, "GET /?y HTTP/1.1\r\n"));
    CU_ASSERT_EQUAL(tcp_peer_connections(lab.peer), 1);
    lab_done(&lab);
}

static void test_requests_go_out_as_given(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK_TEXT}
    };
    const devsdk_http_options options = {
        .auth = DEVSDK_HTTP_BASIC,
        .user = "me",
        .password = "it",
        .headers = (devsdk_http_header[]){{"X-Of-All", "1"}, {"X-Both", "all"}},
        .n_headers = 2
    };
    struct lab lab = lab_make(script, N(script), &options);
    struct got got;
    exchange(lab.http, lab.peer, "/p",
             (devsdk_http_request){.method = "PUT",
                                   .type = "text/plain",
                                   .body = "21",
                                   .n = 2,
                                   .headers = (devsdk_http_header[]){{"X-Both", "own"}},
                                   .n_headers = 1},
             &got);
    CU_ASSERT_EQUAL(got.result, DEVSDK_OK);
    CU_ASSERT_TRUE(last_has(lab.peer, "PUT /p HTTP/1.1\r\n"));
    CU_ASSERT_TRUE(last_has(lab.peer, "Authorization: Basic bWU6aXQ=\r\n"));
    CU_ASSERT_TRUE(last_has(lab.peer, "Content-Type: text/plain\r\n"));
    CU_ASSERT_TRUE(last_has(lab.peer, "X-Of-All: 1\r\n"));
    CU_ASSERT_TRUE(last_has(lab.peer, "X-Both: own\r\n"));
    CU_ASSERT_PTR_NULL(strstr(tcp_peer_last(lab.peer), "X-Both: all"));
    CU_ASSERT_TRUE(last_has(lab.peer, "\r\n\r\n21"));
    lab_done(&lab);
}

static void test_what_cannot_be_is_told(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK_TEXT}
    };
    static const char *const urls[] = {"",
                                       "ftp://a/",
                                       "file:///etc/passwd",
                                       "http://",
                                       "http:///x",
                                       "http://me:it@127.0.0.1/",
                                       "http://127.0.0.1/a b",
                                       "http://127.0.0.1/\r\nX: y",
                                       "127.0.0.1/x"};
    struct lab lab = lab_make(script, N(script), NULL);
    for (size_t i = 0; i < N(urls); i++) {
        struct got got = {0};
        devsdk_http_send(lab.http, &(devsdk_http_request){.url = urls[i]}, keep, &got);
        CU_ASSERT_EQUAL(got.result, DEVSDK_INVALID); /* at once, on this thread */
        CU_ASSERT_EQUAL(atomic_load(&got.times), 1);
    }
    struct got got;
    exchange(lab.http, lab.peer, "/",
             (devsdk_http_request){.headers = (devsdk_http_header[]){{"A", "b\r\nC: d"}},
                                   .n_headers = 1},
             &got);
    CU_ASSERT_EQUAL(got.result, DEVSDK_INVALID);
    CU_ASSERT_EQUAL(tcp_peer_requests(lab.peer), 0);
    char why[128] = "";
    CU_ASSERT_PTR_NULL(devsdk_http_open(service, &(devsdk_http_options){.ca_file = "/nowhere.pem"},
                                        why, sizeof(why)));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "/nowhere.pem"));
    lab_done(&lab);
}

/* ---- peers that fail ----------------------------------------------------------------------------- */

static void test_each_failure_has_its_result(void)
{
    static const struct {
        struct peer_step step;
        devsdk_result result;
    } cases[] = {
        {{PEER_HANG, NULL},                                                                        DEVSDK_TIMEOUT},
        {{PEER_DRIP, OK_TEXT},                                                                     DEVSDK_OK     },
        {{PEER_CLOSE, NULL},                                                                       DEVSDK_LINK   },
        {{PEER_RESET, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nha"},                          DEVSDK_LINK   },
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nha"},                          DEVSDK_LINK   },
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha"},             DEVSDK_LINK   },
        {{PEER_CLOSE, "garbage\r\n\r\n"},                                                          DEVSDK_LINK   },
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nha"},
         DEVSDK_LINK                                                                                             },
        {{PEER_FLOOD, "HTTP/1.1 200 OK\r\n\r\n"},                                                  DEVSDK_RANGE  },
        {{PEER_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"},                     DEVSDK_RANGE  },
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct lab lab = lab_make(&cases[i].step, 1, NULL);
        struct got got;
        int64_t ms = cases[i].step.action == PEER_HANG ? 300 : 8000;
        exchange(lab.http, lab.peer, "/",
                 (devsdk_http_request){.deadline_ms = devsdk_now_ms() + ms, .answer_max = 100000},
                 &got);
        if (got.result != cases[i].result) {
            printf("case %zu: %d, %s\n", i, got.result, got.why);
        }
        CU_ASSERT_EQUAL(got.result, cases[i].result);
        CU_ASSERT_TRUE(got.result == DEVSDK_OK || got.why[0] != '\0');
        lab_done(&lab);
    }
}

static void test_a_peer_that_refuses_is_a_broken_link(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK_TEXT}
    };
    struct lab lab = lab_make(script, N(script), NULL);
    struct tcp_peer *deaf = tcp_peer_create(script, N(script));
    struct got got;
    exchange(lab.http, deaf, "/", (devsdk_http_request){0}, &got);
    CU_ASSERT_EQUAL(got.result, DEVSDK_LINK);
    tcp_peer_listen(deaf);
    exchange(lab.http, deaf, "/", (devsdk_http_request){0},
             &got); /* at once: nothing holds a grudge */
    CU_ASSERT_EQUAL(got.result, DEVSDK_OK);
    tcp_peer_free(deaf);
    lab_done(&lab);
}

/* A kept connection may break when it is used again: who only asks, or sets, does it again on a new one. What a POST does may
 * have been done. */
static void test_what_may_have_been_done_is_not_done_twice(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK_TEXT},
        {PEER_RESET,  NULL   },
        {PEER_ANSWER, OK_TEXT},
    };
    static const struct {
        const char *method;
        devsdk_result result;
        unsigned requests;
    } cases[] = {
        {"GET",   DEVSDK_OK,   3},
        {"PUT",   DEVSDK_OK,   3},
        {"POST",  DEVSDK_LINK, 2},
        {"PATCH", DEVSDK_LINK, 2},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct lab lab = lab_make(script, N(script), NULL);
        struct got got;
        exchange(lab.http, lab.peer, "/", (devsdk_http_request){0}, &got);
        CU_ASSERT_EQUAL(got.result, DEVSDK_OK);
        exchange(lab.http, lab.peer, "/", (devsdk_http_request){.method = cases[i].method}, &got);
        if (got.result != cases[i].result) {
            printf("%s: %d, %u requests\n", cases[i].method, got.result,
                   tcp_peer_requests(lab.peer));
        }
        CU_ASSERT_EQUAL(got.result, cases[i].result);
        CU_ASSERT_EQUAL(tcp_peer_requests(lab.peer), cases[i].requests);
        lab_done(&lab);
    }
}

static void test_closing_ends_what_is_under_way(void)
{
    enum { MANY = 20 };
    static const struct peer_step script[] = {
        {PEER_HANG, NULL}
    };
    struct lab lab = lab_make(script, N(script), NULL);
    struct got got[MANY] = {0};
    for (size_t i = 0; i < MANY; i++) {
        devsdk_http_send(lab.http, &(devsdk_http_request){.url = tcp_peer_url(lab.peer)}, keep,
                         &got[i]);
    }
    CU_ASSERT_TRUE(tcp_peer_wait_for(lab.peer, MANY));
    int64_t began = devsdk_now_ms();
    devsdk_http_close(lab.http);
    CU_ASSERT_TRUE(devsdk_now_ms() - began < 5000);
    for (size_t i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(atomic_load(&got[i].times), 1);
        CU_ASSERT_EQUAL(got[i].result, DEVSDK_LINK);
    }
    lab.http = NULL;
    lab_done(&lab);
}

/* ---- redirects ------------------------------------------------------------------------------------ */

static void test_redirects_stay_at_the_host(void)
{
    static const struct {
        const char *answer, *method;
        bool stay, follows;
    } cases[] = {
        {"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",                   "GET", false, true },
        {"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",                   "GET", true,  false},
        {"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",                   "PUT", false,
         false                                                                                                       },
        {"HTTP/1.1 307 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",                   "PUT", false, true },
        {"HTTP/1.1 302 Found\r\nLocation: http://localhost:1/there\r\nContent-Length: 0\r\n\r\n",
         "GET",                                                                                          false, false},
        {"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",       "GET",
         false,                                                                                                 false},
        {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",                                       "GET", false, false},
    };
    for (size_t i = 0; i < N(cases); i++) {
        const struct peer_step script[] = {
            {PEER_ANSWER, cases[i].answer},
            {PEER_ANSWER, OK_TEXT        }
        };
        struct lab lab = lab_make(script, N(script), NULL);
        struct got got;
        exchange(lab.http, lab.peer, "/here",
                 (devsdk_http_request){.method = cases[i].method, .stay = cases[i].stay}, &got);
        CU_ASSERT_EQUAL(got.result, DEVSDK_OK);
        CU_ASSERT_EQUAL(got.code == 200, cases[i].follows);
        CU_ASSERT_EQUAL(tcp_peer_requests(lab.peer), cases[i].follows ? 2 : 1);
        CU_ASSERT_EQUAL(strstr(tcp_peer_last(lab.peer), "/there HTTP") != NULL, cases[i].follows);
        lab_done(&lab);
    }
}

static void test_redirects_end(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"}
    };
    struct lab lab = lab_make(script, N(script), NULL);
    struct got got;
    exchange(lab.http, lab.peer, "/", (devsdk_http_request){0}, &got);
    CU_ASSERT_EQUAL(got.code, 302);
    CU_ASSERT_EQUAL(tcp_peer_requests(lab.peer), 6);
    lab_done(&lab);
}

static void test_texts_are_made_to_fit_into_urls(void)
{
    char text[32];
    CU_ASSERT_TRUE(devsdk_http_escape("a b/ü&=%.~", strlen("a b/ü&=%.~"), text, sizeof(text)));
    CU_ASSERT_STRING_EQUAL(text, "a%20b%2F%C3%BC%26%3D%25.~");
    CU_ASSERT_TRUE(devsdk_http_escape("a\0b", 3, text, 6));
    CU_ASSERT_STRING_EQUAL(text, "a%00b");
    CU_ASSERT_FALSE(devsdk_http_escape("a\0b", 3, text, 5));
    CU_ASSERT_TRUE(devsdk_http_escape("", 0, text, 1));
    CU_ASSERT_FALSE(devsdk_http_escape("", 0, text, 0));
}

CU_TestInfo sdk_http_tests[] = {
    {"answers come back whole",                   test_answers_come_back_whole                  },
    {"requests go out as given",                  test_requests_go_out_as_given                 },
    {"what cannot be is told",                    test_what_cannot_be_is_told                   },
    {"each failure has its result",               test_each_failure_has_its_result              },
    {"a peer that refuses is a broken link",      test_a_peer_that_refuses_is_a_broken_link     },
    {"what may have been done is not done twice", test_what_may_have_been_done_is_not_done_twice},
    {"closing ends what is under way",            test_closing_ends_what_is_under_way           },
    {"redirects stay at the host",                test_redirects_stay_at_the_host               },
    {"redirects end",                             test_redirects_end                            },
    {"texts are made to fit into URLs",           test_texts_are_made_to_fit_into_urls          },
    CU_TEST_INFO_NULL,
};
