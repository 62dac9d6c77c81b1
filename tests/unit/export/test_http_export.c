/* HTTPExport before web servers that answer, refuse, hang, break, and show wrong certificates. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "certificates.h"
#include "edge/clock.h"
#include "http_probe.h"
#include "ports.h"
#include "queue_bench.h"
#include "relay.h"
#include "tcp_peer.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define ANSWER(code, more, body, len)                                                              \
    "HTTP/1.1 " code " Text\r\nContent-Length: " len "\r\n" more "\r\n" body
#define OK ANSWER("200", "Content-Type: text/plain\r\n", "taken", "5")

static const char *url(struct queue_bench *b, struct tcp_peer *p, const char *path)
{
    return edge_printf(&b->arena, "%s%s", tcp_peer_url(p), path);
}

/* More parameters: names and values in turn. */
#define HTTP(b, address, ...)                                                                      \
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(b, "HTTPExport",                                          \
                                         (const char *const[]){"Method", "post", "Url", address,   \
                                                               "MimeType", "", __VA_ARGS__ NULL}))

static void test_a_message_is_a_request(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    bench_secret(&b, "web/token", "s3cret");
    HTTP(&b, url(&b, p, "/in/{devicename}?a={profilename}"), "HeaderName", "X-Token", "SecretName",
         "web", "SecretValueKey", "token", "HttpRequestHeaders", "{\"X-Site\":\"north\"}", );
    bench_open(&b);
    bench_put_with(
        &b, "{}", "{\"id\":\"e1\",\"values\":{\"devicename\":\"pump 1\",\"profilename\":\"P&Q\"}}");
    CU_ASSERT(bench_wait_depth(&b, 0));
    const char *got = tcp_peer_last(p);
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "POST /in/pump%201?a=P%26Q HTTP/1.1\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "X-Token: s3cret\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "X-Site: north\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "Content-Type: application/json\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strcasestr(got, "X-Correlation-ID: correlated\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "Idempotency-Key: "));
    CU_ASSERT_EQUAL_FATAL(b.n_followed, 1);
    CU_ASSERT_STRING_EQUAL(b.followed[0], "taken");
    bench_close(&b);
    tcp_peer_free(p);
}

static void test_what_came_in_may_go_on(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    HTTP(&b, url(&b, p, "/"), "ReturnInputData", "true", );
    bench_open(&b);
    bench_put(&b, "mine");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_STRING_EQUAL(b.followed[0], "mine");
    bench_close(&b);
    tcp_peer_free(p);
}

/* What fails is sent again, with the same key; nothing is lost, whatever the failure. */
static void test_failures_that_pass(void)
{
    static const struct {
        struct peer_step step;
        const char *reason;
    } rows[] = {
        {{PEER_ANSWER, ANSWER("500", "", "broken", "6")},                   "answered 500: broken"},
        {{PEER_ANSWER, ANSWER("503", "", "", "0")},                         "answered 503"        },
        {{PEER_ANSWER, ANSWER("408", "", "", "0")},                         "answered 408"        },
        {{PEER_ANSWER, ANSWER("425", "", "", "0")},                         "answered 425"        },
        {{PEER_ANSWER, ANSWER("429", "", "", "0")},                         "answered 429"        },
        {{PEER_ANSWER, ANSWER("302", "Location: /portal\r\n", "", "0")},    "answered 302"        },
        {{PEER_ANSWER, ANSWER("401", "", "who?", "4")},                     "answered 401: who?"  },
        {{PEER_ANSWER, ANSWER("403", "", "", "0")},                         "answered 403"        },
        {{PEER_RESET, NULL},                                                "failed to send"      },
        {{PEER_RESET, "HTTP/1.1 200 OK\r\nContent-Le"},                     "failed to send"      },
        {{PEER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"}, "failed to send"      },
        {{PEER_HANG, NULL},                                                 "failed to send"      },
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct peer_step script[] = {
            rows[i].step, {PEER_ANSWER, OK}
        };
        QUEUE_BENCH(b);
        struct tcp_peer *p = tcp_peer_start(script, N(script));
        HTTP(&b, url(&b, p, "/"), "Timeout", "200ms", );
        bench_open(&b);
        bench_put(&b, "a");
        CU_ASSERT(bench_wait_depth(&b, 0));
        CU_ASSERT_EQUAL(tcp_peer_requests(p), 2);
        CU_ASSERT(bench_says(&b, rows[i].reason));
        CU_ASSERT_EQUAL(bench_status(&b).retries, 1);
        CU_ASSERT_EQUAL(b.n_followed, 1);
        bench_close(&b);
        tcp_peer_free(p);
    }
}

static void test_failures_of_the_message_itself(void)
{
    static const char *const answers[] = {ANSWER("400", "", "", "0"), ANSWER("404", "", "", "0"),
                                          ANSWER("413", "", "", "0"), ANSWER("422", "", "", "0")};
    for (size_t i = 0; i < N(answers); i++) {
        struct peer_step script[] = {
            {PEER_ANSWER, answers[i]},
            {PEER_ANSWER, OK        }
        };
        QUEUE_BENCH(b);
        struct tcp_peer *p = tcp_peer_start(script, N(script));
        HTTP(&b, url(&b, p, "/"), );
        bench_open(&b);
        bench_put(&b, "a");
        bench_put(&b, "b");
        CU_ASSERT(bench_wait_depth(&b, 0));
        CU_ASSERT_EQUAL(tcp_peer_requests(p), 2);
        CU_ASSERT(bench_wait_quarantined(&b, 1));
        bench_close(&b);
        tcp_peer_free(p);
    }
}

/* A batch that is too large for the peer comes in halves. */
static void test_a_batch_in_halves(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, ANSWER("413", "", "", "0")},
        {PEER_ANSWER,         OK                },
        {PEER_ANSWER, ANSWER("413",   "", "", "0")},
        {PEER_ANSWER, OK},
    };
    EDGE_CTX_SCOPE(ctx);
    QUEUE_BENCH(b);
    struct export_data items[] = {
        {.kind = EXPORT_BYTES, .bytes = {"one", 3}},
        {.kind = EXPORT_BYTES, .bytes = {"two", 3}},
    };
    struct export_data list = {.kind = EXPORT_LIST, .items = items, .n_items = 2};
    struct edge_spool_record r = {.origin_ns = edge_now_ns(), .context = "{}"};
    struct edge_bytes bytes;
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    HTTP(&b, url(&b, p, "/"), );
    bench_open(&b);
    CU_ASSERT_EQUAL(export_data_freeze(&ctx, &list, &bytes, &r.kind, &r.content_type), EDGE_OK);
    r.payload = bytes.data;
    r.size = bytes.size;
    CU_ASSERT_EQUAL(export_queue_put(&ctx, b.q, &r, 1, edge_now_mono_ms()), EDGE_OK);
    bench_put(&b, "three");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(bench_wait_quarantined(&b, 1));
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 4);
    CU_ASSERT_EQUAL(b.n_followed, 2);
    bench_close(&b);
    tcp_peer_free(p);
}

static void test_retry_after(void)
{
    enum { DAY = 24 * 3600 };
    char date[64], past[64], answers[6][200];
    time_t then = time(NULL) + 100, before = time(NULL) - 365 * DAY;
    struct tm tm;
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
    strftime(past, sizeof(past), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&before, &tm));
    const struct {
        const char *code, *says;
        int64_t least_s, most_s; /* until the next attempt, beside 20 ms of its own */
    } rows[] = {
        {"429", "100",         90,      100},
        {"429", date,          90,      100},
        {"503", date,          90,      100},
        {"429", "99999999999", DAY - 1, DAY}, /* for ever is a day */
        {"429", past,          0,       0  }, /* or whose clock is wrong: as without */
        {"429", "soon",        0,       0  },
    };
    for (size_t i = 0; i < N(rows); i++) {
        snprintf(answers[i], sizeof(answers[i]),
                 "HTTP/1.1 %s No\r\nContent-Length: 0\r\nRetry-After: %s\r\n\r\n", rows[i].code,
                 rows[i].says);
    }
    for (size_t i = 0; i < N(rows); i++) {
        struct peer_step script[] = {
            {PEER_ANSWER, answers[i]},
            {PEER_ANSWER, OK        }
        };
        QUEUE_BENCH(b);
        struct tcp_peer *p = tcp_peer_start(script, N(script));
        HTTP(&b, url(&b, p, "/"), );
        bench_open(&b);
        bench_put(&b, "a");
        if (rows[i].most_s > 0) {
            CU_ASSERT(bench_wait_state(&b, EXPORT_Q_BACKOFF));
            int64_t wait_ms = bench_status(&b).next_retry_ms - edge_now_ms();
            CU_ASSERT(wait_ms > rows[i].least_s * 1000 && wait_ms <= rows[i].most_s * 1000);
            export_queue_flush(b.q);
        }
        CU_ASSERT(bench_wait_depth(&b, 0));
        bench_close(&b);
        tcp_peer_free(p);
    }
}

static void test_a_peer_that_is_not_there(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_create(script, N(script));
    HTTP(&b, url(&b, p, "/"), );
    bench_open(&b);
    for (int i = 0; i < 20; i++) {
        bench_put(&b, "a");
    }
    CU_ASSERT(bench_wait_retries(&b, 3));
    bench_close(&b); /* a restart with a backlog */
    bench_open(&b);
    CU_ASSERT_EQUAL(bench_status(&b).depth, 20);
    tcp_peer_listen(p);
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(b.n_followed, 20);
    bench_close(&b);
    tcp_peer_free(p);
}

/* The client tries a PUT again by itself, but not for as long as it has time. */
static void test_a_put_comes_back_soon(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_create(script, N(script));
    const char *const params[] = {"Method", "put", "Url", url(&b, p, "/"), "MimeType", "", NULL};
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(&b, "HTTPExport", params));
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_retries(&b, 2));
    tcp_peer_listen(p);
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_NSTRING_EQUAL(tcp_peer_last(p), "PUT / ", 6);
    bench_close(&b);
    tcp_peer_free(p);
}

/* ---- what networks do ---- */

static const char *by_relay(struct queue_bench *b, struct relay *r)
{
    return edge_printf(&b->arena, "http://127.0.0.1:%u/", relay_port(r));
}

static uint16_t port_of(struct tcp_peer *p)
{
    return (uint16_t)strtoul(strrchr(tcp_peer_url(p), ':') + 1, NULL, 10);
}

/* The kept connection leads nowhere any more, without a word: the deadline ends that, another one is made. */
static void test_a_connection_that_is_half_open(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct relay *r = relay_start(port_of(p));
    HTTP(&b, by_relay(&b, r), "Timeout", "200ms", );
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_depth(&b, 0));
    relay_swallow(r);
    bench_put(&b, "b");
    bench_put(&b, "c");
    CU_ASSERT(bench_wait_retries(&b, 1));
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(b.n_followed, 3);
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 3); /* what was swallowed came once */
    CU_ASSERT(relay_connections(r) >= 2);
    bench_close(&b);
    relay_free(r);
    tcp_peer_free(p);
}

/* Somebody takes the connection and then says nothing, not even that TLS is not spoken here. */
static void test_a_hang_after_connect(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    static const char *const schemes[] = {"http", "https"};
    for (size_t i = 0; i < N(schemes); i++) {
        QUEUE_BENCH(b);
        struct tcp_peer *p = tcp_peer_start(script, N(script));
        struct relay *r = relay_start(port_of(p));
        relay_hang(r, true);
        HTTP(&b, edge_printf(&b.arena, "%s://localhost:%u/", schemes[i], relay_port(r)), "Timeout",
             "100ms", );
        bench_open(&b);
        bench_put(&b, "a");
        CU_ASSERT(bench_wait_retries(&b, 2));
        CU_ASSERT_EQUAL(bench_status(&b).depth, 1);
        relay_hang(r, false);
        CU_ASSERT(i == 1 || bench_wait_depth(&b, 0));
        bench_close(&b);
        relay_free(r);
        tcp_peer_free(p);
    }
}

static void test_a_reset_amid_a_message(void)
{
    enum { SIZE = 50000, PART = 20000 }; /* both more than a segment, less than the peer keeps */
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct relay *r = relay_start(port_of(p));
    char *text = edge_new_n(&b.arena, char, SIZE + 1);
    memset(text, 'x', SIZE - 3);
    memcpy(text + SIZE - 3, "end", sizeof("end"));
    HTTP(&b, by_relay(&b, r), );
    bench_open(&b);
    relay_cut(r, PART);
    bench_put(&b, text);
    bench_put(&b, "after");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(bench_status(&b).retries, 1);
    CU_ASSERT_EQUAL(b.n_followed, 2);
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 2); /* half a message is none */
    CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(p), "\r\n\r\nafter"));
    bench_close(&b);
    relay_free(r);
    tcp_peer_free(p);
}

static void test_a_stop_does_not_wait_for_a_mute_peer(void)
{
    static const struct peer_step script[] = {
        {PEER_HANG, NULL}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    HTTP(&b, url(&b, p, "/"), );
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(tcp_peer_wait_for(p, 1));
    int64_t began_ms = edge_now_mono_ms();
    export_queue_stop(b.q, edge_now_mono_ms() + 50);
    CU_ASSERT(edge_now_mono_ms() - began_ms < 5000);
    CU_ASSERT_EQUAL(bench_status(&b).depth, 1);
    bench_close(&b);
    tcp_peer_free(p);
}

static void test_a_missing_secret_is_named_and_waited_for(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    HTTP(&b, url(&b, p, "/"), "HeaderName", "X-Token", "SecretName", "web", "SecretValueKey",
         "token", );
    b.config.denied_first_ms = b.config.denied_last_ms = 3600 * 1000;
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_DENIED));
    CU_ASSERT(bench_says(&b, "secret 'web' has no 'token'"));
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 0);
    bench_secret(&b, "web/token", "s3cret");
    CU_ASSERT(bench_wait_depth(&b, 0));
    bench_close(&b);
    tcp_peer_free(p);
}

static void test_through_a_proxy(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    HTTP(&b, "http://far.example/in", "Proxy", url(&b, p, ""), );
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(p), "POST http://far.example/in HTTP/1.1\r\n"));
    bench_close(&b);
    tcp_peer_free(p);
}

static pid_t serve(const char *folder, const char *name, uint16_t port)
{
    char text[8];
    snprintf(text, sizeof(text), "%u", port);
    const char *cert = certificate_file(folder, name, ".pem"),
               *key = certificate_file(folder, name, ".key");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("openssl", "openssl", "s_server", "-quiet", "-www", "-accept", text, "-cert", cert,
               "-key", key, (char *)NULL);
        _exit(127);
    }
    int fd = -1;
    for (int64_t until = edge_now_mono_ms() + HTTP_PROBE_MS;
         fd < 0 && edge_now_mono_ms() < until;) {
        fd = http_probe_open(port);
    }
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    return pid;
}

static void test_certificates_are_looked_at(void)
{
    static const struct {
        const char *cert, *reason;
    } rows[] = {
        {"expired",   "expired"    },
        {"elsewhere", "certificate"},
        {"alone",     "certificate"}
    };
    for (size_t i = 0; i < N(rows); i++) {
        QUEUE_BENCH(b);
        CU_ASSERT_FATAL(certificates_make(b.dir.path));
        uint16_t port = test_port();
        pid_t pid = serve(b.dir.path, rows[i].cert, port);
        HTTP(&b, edge_printf(&b.arena, "https://localhost:%u/", port), "CaFile",
             certificate_file(b.dir.path, "ca", ".pem"), );
        bench_open(&b);
        bench_put(&b, "a");
        CU_ASSERT(bench_wait_retries(&b, 2));
        CU_ASSERT(bench_says(&b, rows[i].reason));
        CU_ASSERT_EQUAL(bench_status(&b).depth, 1);
        bench_close(&b);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

static void test_parameters_are_checked(void)
{
    static const struct {
        const char *params[14];
        const char *says;
    } rows[] = {
        {{"Method", "post", "MimeType", ""},                                                    "Url"        },
        {{"Method", "get", "MimeType", "", "Url", "http://a/"},                                 "Method"     },
        {{"Method", "post", "MimeType", "", "Url", "ftp://a/"},                                 "Url"        },
        {{"Method", "post", "MimeType", "", "Url", "http://{devicename}/"},                     "placeholder"},
        {{"Method", "post", "MimeType", "", "Url", "http://a/", "HeaderName", "X"},             "SecretName" },
        {{"Method", "post", "MimeType", "", "Url", "http://a/", "HttpRequestHeaders", "[1]"},
         "HttpRequestHeaders"                                                                                },
        {{"Method", "post", "MimeType", "", "Url", "http://a/", "ContinueOnSendError", "true"},
         "ReturnInputData"                                                                                   },
        {{"Method", "post", "MimeType", "", "Url", "http://a/", "ContinueOnSendError", "true",
          "ReturnInputData", "true", "PersistOnError", "true"},
         "PersistOnError"                                                                                    },
    };
    for (size_t i = 0; i < N(rows); i++) {
        QUEUE_BENCH(b);
        const char *said = bench_stage(&b, "HTTPExport", rows[i].params);
        CU_ASSERT_PTR_NOT_NULL_FATAL(said);
        if (!strstr(said, rows[i].says)) {
            printf("got: %s\nnot: %s\n", said, rows[i].says);
            CU_FAIL("another text");
        }
    }
}

static void test_an_error_may_be_passed_over(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, ANSWER("500", "", "", "0")}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    HTTP(&b, url(&b, p, "/"), "ContinueOnSendError", "true", "ReturnInputData", "true", );
    bench_open(&b);
    bench_put(&b, "mine");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 1);
    CU_ASSERT_STRING_EQUAL(b.followed[0], "mine");
    CU_ASSERT(bench_says(&b, "answered 500"));
    bench_close(&b);
    tcp_peer_free(p);
}

CU_TestInfo http_export_tests[] = {
    {"a message is a request",                   test_a_message_is_a_request                  },
    {"what came in may go on",                   test_what_came_in_may_go_on                  },
    {"failures that pass",                       test_failures_that_pass                      },
    {"failures of the message itself",           test_failures_of_the_message_itself          },
    {"a batch in halves",                        test_a_batch_in_halves                       },
    {"Retry-After",                              test_retry_after                             },
    {"a peer that is not there",                 test_a_peer_that_is_not_there                },
    {"a PUT comes back soon",                    test_a_put_comes_back_soon                   },
    {"a connection that is half open",           test_a_connection_that_is_half_open          },
    {"a hang after connect",                     test_a_hang_after_connect                    },
    {"a reset amid a message",                   test_a_reset_amid_a_message                  },
    {"a stop does not wait for a mute peer",     test_a_stop_does_not_wait_for_a_mute_peer    },
    {"a missing secret is named and waited for", test_a_missing_secret_is_named_and_waited_for},
    {"through a proxy",                          test_through_a_proxy                         },
    {"certificates are looked at",               test_certificates_are_looked_at              },
    {"parameters are checked",                   test_parameters_are_checked                  },
    {"an error may be passed over",              test_an_error_may_be_passed_over             },
    CU_TEST_INFO_NULL,
};
