/* Outgoing HTTPS against the server of the OpenSSL command line, and what peers may be set to. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "certificates.h"
#include "client_words.h"
#include "edge/client.h"
#include "edge/clock.h"
#include "http_probe.h"
#include "ports.h"
#include "scratch.h"
#include "suites.h"
#include "tcp_peer.h"

#define N(array)  (sizeof(array) / sizeof((array)[0]))
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct edge_http_request GET = {.method = "GET", .target = "/"};

/* ---- openssl s_server ------------------------------------------------------------------------ */

struct lab {
    struct scratch dir;
    struct edge_client *client;
    pid_t pid;
    char url[64];
};

/* Of the scratch folder. */
static const char *file(const struct lab *lab, const char *name, const char *end)
{
    return certificate_file(lab->dir.path, name, end);
}

static _Noreturn void become_server(const struct lab *lab, const char *port, const char *cert,
                                    const char *const *more)
{
    const char *words[24] = {"openssl", "s_server",
                             "-quiet",  "-www",
                             "-accept", port,
                             "-cert",   file(lab, cert, ".pem"),
                             "-key",    file(lab, cert, ".key")};
    size_t n = 10;
    while (more && *more && n < N(words) - 1) {
        words[n++] = *more++;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp("openssl", (char *const *)(uintptr_t)words);
    _exit(127);
}

/* False, and failed: it does not run. */
static bool lab_serve(struct lab *lab, const char *cert, const char *const *more)
{
    uint16_t port = test_port();
    char text[8];
    snprintf(text, sizeof(text), "%u", port);
    snprintf(lab->url, sizeof(lab->url), "https://localhost:%u", port);
    fflush(stdout);
    lab->pid = fork();
    if (lab->pid == 0) {
        become_server(lab, text, cert, more);
    }
    for (int64_t until = in_ms(HTTP_PROBE_MS); in_ms(0) < until;) {
        int fd = http_probe_open(port);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        if (waitpid(lab->pid, NULL, WNOHANG) == lab->pid) {
            lab->pid = 0;
            CU_FAIL("openssl s_server does not run");
            return false;
        }
        poll(NULL, 0, 1);
    }
    return false;
}

static void lab_end_server(struct lab *lab)
{
    if (lab->pid > 0) {
        kill(lab->pid, SIGKILL);
        waitpid(lab->pid, NULL, 0);
    }
    lab->pid = 0;
}

static void lab_open(struct lab *lab)
{
    *lab = (struct lab){.client = edge_client_create()};
    scratch_make(&lab->dir);
    CU_ASSERT_FATAL(certificates_make(lab->dir.path));
}

static void lab_done(struct lab *lab)
{
    lab_end_server(lab);
    edge_client_free(lab->client);
    scratch_done(&lab->dir);
}

static enum edge_status lab_set(struct lab *lab, const struct edge_client_peer *peer)
{
    EDGE_CTX_SCOPE(ctx);
    return edge_client_peer(lab->client, &ctx, lab->url, peer);
}

/* The code of an answer, or 0 where the failure's text has @p reason. */
static int lab_ask(struct lab *lab, const char *url, const char *reason)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    enum edge_status st = edge_client_call(lab->client, &ctx, url, &GET, in_ms(HTTP_PROBE_MS), &r);
    if (st == EDGE_OK) {
        return r.code;
    }
    return st == EDGE_UNAVAILABLE && says(&ctx, reason) ? 0 : -1;
}

/* "certificate of localhost:8443 has expired" */
static const char *worded(const struct lab *lab, const char *before, const char *behind)
{
    static char text[200];
    snprintf(text, sizeof(text), "%s%s%s", before, lab->url + strlen("https://"), behind);
    return text;
}

/* ---- whom it believes ------------------------------------------------------------------------ */

static void test_certificates_are_looked_at(void)
{
    static const struct {
        const char *cert, *ca, *reason; /* NULL: believed */
    } cases[] = {
        {"server",    "ca",       NULL                                      },
        {"alone",     "alone",    NULL                                      },
        {"server",    "server",   NULL                                      }, /* itself, and nobody else */
        {"expired",   "ca",       " has expired"                            },
        {"elsewhere", "ca",       " is not for 'localhost'"                 },
        {"alone",     "ca",       " is self-signed, and not known here"     },
        {"server",    "stranger", " is signed by nobody who is trusted here"},
        {"server",    NULL,       " is signed by nobody who is trusted here"},
    };
    struct lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < N(cases) && lab_serve(&lab, cases[i].cert, NULL); i++) {
        const struct edge_client_peer peer = {
            .ca_file = cases[i].ca ? file(&lab, cases[i].ca, ".pem") : NULL};
        const char *reason =
            worded(&lab, "certificate of ", cases[i].reason ? cases[i].reason : "");
        CU_ASSERT_EQUAL(lab_set(&lab, &peer), EDGE_OK);
        CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, reason), cases[i].reason ? 0 : 200);
        lab_end_server(&lab);
    }
    lab_done(&lab);
}

static void test_what_is_not_looked_at_when_asked_so(void)
{
    struct lab lab;
    lab_open(&lab);
    if (lab_serve(&lab, "expired", NULL)) {
        const struct edge_client_peer blind = {.skip_verify = true};
        CU_ASSERT_EQUAL(lab_set(&lab, &blind), EDGE_OK);
        CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, "-"), 200);
        CU_ASSERT_EQUAL(lab_set(&lab, NULL), EDGE_OK); /* a kept connection is no excuse */
        CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, worded(&lab, "certificate of ", "")), 0);
    }
    lab_done(&lab);
}

static void test_the_name_may_be_another_one(void)
{
    struct lab lab;
    lab_open(&lab);
    if (lab_serve(&lab, "elsewhere", NULL)) {
        const struct edge_client_peer peer = {.ca_file = file(&lab, "ca", ".pem"),
                                              .server_name = "elsewhere"};
        CU_ASSERT_EQUAL(lab_set(&lab, &peer), EDGE_OK);
        CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, "-"), 200);
    }
    lab_done(&lab);
}

/* What holds for all peers is for those that have nothing of their own. */
static void test_what_holds_for_all(void)
{
    struct lab lab;
    EDGE_CTX_SCOPE(ctx);
    lab_open(&lab);
    if (lab_serve(&lab, "server", NULL)) {
        const struct edge_client_peer all = {.ca_file = file(&lab, "ca", ".pem")};
        const struct edge_http_header own = {"X-Own", "1"};
        const struct edge_client_peer headers = {.headers = &own, .n_headers = 1};
        CU_ASSERT_EQUAL(edge_client_peer(lab.client, &ctx, NULL, &all), EDGE_OK);
        CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, "-"), 200);
        CU_ASSERT_EQUAL(lab_set(&lab, &headers), EDGE_OK);
        CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, "-"), 200);
        CU_ASSERT_EQUAL(edge_client_peer(lab.client, &ctx, NULL, NULL), EDGE_OK);
        CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, "signed by nobody"), 0);
    }
    lab_done(&lab);
}

static void test_own_certificates_are_shown(void)
{
    static const char *const tls[] = {"-tls1_3", "-tls1_2"};
    struct lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < N(tls); i++) {
        const char *const mutual[] = {tls[i],    "-Verify",
                                      "1",       "-verify_return_error",
                                      "-CAfile", strdup(file(&lab, "ca", ".pem")),
                                      NULL};
        if (lab_serve(&lab, "server", mutual)) {
            struct edge_client_peer peer = {.ca_file = file(&lab, "ca", ".pem")};
            CU_ASSERT_EQUAL(lab_set(&lab, &peer), EDGE_OK);
            CU_ASSERT_EQUAL(lab_ask(&lab, lab.url,
                                    i == 0 ? worded(&lab, "", " wants a client certificate")
                                           : worded(&lab, "TLS with ", " failed: ")),
                            0);
            peer.cert_file = file(&lab, "strange", ".pem");
            peer.key_file = file(&lab, "strange", ".key");
            CU_ASSERT_EQUAL(lab_set(&lab, &peer), EDGE_OK);
            CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, " does not accept the client certificate"), 0);
            peer.cert_file = file(&lab, "client", ".pem");
            CU_ASSERT_EQUAL(lab_set(&lab, &peer), EDGE_OK);
            CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, "cannot use the client certificate"), 0);
            peer.key_file = file(&lab, "client", ".key");
            CU_ASSERT_EQUAL(lab_set(&lab, &peer), EDGE_OK);
            CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, "-"), 200);
        }
        lab_end_server(&lab);
        free((char *)(uintptr_t)mutual[5]);
    }
    lab_done(&lab);
}

static void test_who_speaks_no_tls_is_named(void)
{
    const struct edge_http_config config = {
        .service = "plain", .threads = 1, .header_deadline_ms = 100};
    struct edge_http *plain = NULL;
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &plain), EDGE_OK);
    struct lab lab;
    lab_open(&lab);
    snprintf(lab.url, sizeof(lab.url), "https://127.0.0.1:%u", edge_http_port(plain));
    CU_ASSERT_EQUAL(lab_ask(&lab, lab.url, worded(&lab, "", " does not speak TLS")), 0);
    static const char *const old[] = {"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", NULL};
    if (lab_serve(&lab, "server", old)) {
        CU_ASSERT_EQUAL(
            lab_ask(&lab, lab.url, worded(&lab, "", " does not speak TLS 1.2 or later")), 0);
    }
    edge_http_stop(plain, 100);
    lab_done(&lab);
}

/* ---- headers and tokens ---------------------------------------------------------------------- */

static bool last_has(struct tcp_peer *p, const char *text, bool wanted)
{
    bool has = strstr(tcp_peer_last(p), text) != NULL;
    if (has != wanted) {
        printf("request: %s\n%s: %s\n", tcp_peer_last(p), wanted ? "lacks" : "has", text);
    }
    return has == wanted;
}

static enum edge_status count_tokens(void *arg, struct edge_ctx *ctx, const char **ret)
{
    unsigned *n = arg;
    if (++*n > 2) {
        return edge_fail(ctx, EDGE_UNAUTHORIZED, "nobody is logged in");
    }
    *ret = edge_printf(&ctx->arena, "token-%u", *n);
    return EDGE_OK;
}

static void test_headers_go_out(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK_ANSWER}
    };
    static const struct edge_http_header of_peer[] = {
        {"X-Key",  "k"   },
        {"X-Both", "peer"},
    };
    static const struct edge_http_header of_call[] = {
        {"x-both",       "call"  },
        {"X-Empty",      ""      },
        {"Content-Type", "text/x"},
    };
    const struct edge_http_request put = {.method = "PUT",
                                          .target = "/",
                                          .body = "b",
                                          .body_size = 1,
                                          .headers = of_call,
                                          .n_headers = N(of_call)};
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    unsigned n = 0;
    struct edge_client_peer peer = {.headers = of_peer, .n_headers = N(of_peer), .bearer = "abc"};
    CU_ASSERT_EQUAL(edge_client_peer(c, &ctx, tcp_peer_url(p), &peer), EDGE_OK);
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &put, in_ms(10000), &r), EDGE_OK);
    CU_ASSERT(last_has(p, "X-Key: k\r\n", true));
    CU_ASSERT(last_has(p, "x-both: call\r\n", true));
    CU_ASSERT(last_has(p, "X-Both: peer", false));
    CU_ASSERT(last_has(p, "X-Empty:\r\n", true));
    CU_ASSERT(last_has(p, "Content-Type: text/x\r\n", true));
    CU_ASSERT(last_has(p, "application/json", false));
    CU_ASSERT(last_has(p, "Authorization: Bearer abc\r\n", true));

    peer = (struct edge_client_peer){.token = count_tokens, .token_arg = &n};
    CU_ASSERT_EQUAL(edge_client_peer(c, &ctx, tcp_peer_url(p), &peer), EDGE_OK);
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &GET, in_ms(10000), &r), EDGE_OK);
    CU_ASSERT(last_has(p, "Authorization: Bearer token-1\r\n", true));
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &GET, in_ms(10000), &r), EDGE_OK);
    CU_ASSERT(last_has(p, "Authorization: Bearer token-2\r\n", true));
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &GET, in_ms(10000), &r),
                    EDGE_UNAUTHORIZED);
    CU_ASSERT(says(&ctx, "no token for the request -> nobody is logged in"));
    edge_client_free(c);
    tcp_peer_free(p);
}

static void test_what_no_header_can_be_is_refused(void)
{
    static const struct {
        struct edge_http_header header;
        const char *text;
    } cases[] = {
        {{"X-A", "a\r\nX-B: b"},     "header 'X-A' has a value that no header can have"},
        {{"X-A", "a\x7f"},           "header 'X-A' has a value"                        },
        {{"X A", "a"},               "header 'X A' cannot be set"                      },
        {{"", "a"},                  "header '' cannot be set"                         },
        {{"content-length", "0"},    "header 'content-length' cannot be set"           },
        {{"Transfer-Encoding", "x"}, "cannot be set"                                   },
    };
    struct edge_client *c = edge_client_create();
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        EDGE_CTX_SCOPE(setting);
        struct edge_http_response r;
        struct edge_http_request req = {"GET", "/", .headers = &cases[i].header, .n_headers = 1};
        const struct edge_client_peer peer = {.headers = &cases[i].header, .n_headers = 1};
        CU_ASSERT_EQUAL(edge_client_call(c, &ctx, "http://127.0.0.1:1", &req, in_ms(100), &r),
                        EDGE_INVALID);
        CU_ASSERT(says(&ctx, cases[i].text));
        CU_ASSERT_EQUAL(edge_client_peer(c, &setting, NULL, &peer), EDGE_INVALID);
        CU_ASSERT(says(&setting, cases[i].text));
    }
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(edge_client_peer(c, &ctx, NULL, &(struct edge_client_peer){.bearer = "a\nb"}),
                    EDGE_INVALID);
    CU_ASSERT_EQUAL(
        edge_client_peer(c, &ctx, NULL, &(struct edge_client_peer){.ca_file = "/nowhere/ca.pem"}),
        EDGE_INVALID);
    CU_ASSERT(says(&ctx, "cannot read /nowhere/ca.pem: "));
    edge_client_free(c);
}

static void test_headers_come_back_for_who_wants_them(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, "HTTP/1.1 429 Slow\r\nRetry-After:  7 \r\nETag: \"a:b\"\r\nEmpty:\r\n"
                      "Content-Length: 0\r\n\r\n"},
        {PEER_ANSWER, OK_ANSWER                                       },
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    struct edge_http_request req = GET;
    req.wants_headers = true;
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &req, in_ms(10000), &r), EDGE_OK);
    CU_ASSERT_EQUAL(r.code, 429);
    CU_ASSERT_STRING_EQUAL(edge_http_response_header(&r, "retry-after"), "7");
    CU_ASSERT_STRING_EQUAL(edge_http_response_header(&r, "etag"), "\"a:b\"");
    CU_ASSERT_STRING_EQUAL(edge_http_response_header(&r, "empty"), "");
    CU_ASSERT_PTR_NULL(edge_http_response_header(&r, "Location"));
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &GET, in_ms(10000), &r), EDGE_OK);
    CU_ASSERT_EQUAL(r.n_headers, 0);
    edge_client_free(c);
    tcp_peer_free(p);
}

static void test_redirects_are_followed_when_asked(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"},
        {PEER_ANSWER, OK_ANSWER                                                            },
        {PEER_ANSWER, "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n"},
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    struct edge_http_request req = GET;
    req.follow = req.wants_headers = true;
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &req, in_ms(10000), &r), EDGE_OK);
    CU_ASSERT_EQUAL(r.code, 200);
    CU_ASSERT_PTR_NULL(edge_http_response_header(&r, "Location")); /* the last answer's */
    CU_ASSERT(last_has(p, "GET /there HTTP/1.1\r\n", true));
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, tcp_peer_url(p), &req, in_ms(10000), &r),
                    EDGE_UNAVAILABLE);
    CU_ASSERT(says(&ctx, "redirects"));
    edge_client_free(c);
    tcp_peer_free(p);
}

static void test_a_proxy_is_gone_through(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, OK_ANSWER}
    };
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    struct edge_client *c = edge_client_create();
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    const struct edge_client_peer peer = {.proxy = tcp_peer_url(p)};
    CU_ASSERT_EQUAL(edge_client_peer(c, &ctx, "http://far.away:8080", &peer), EDGE_OK);
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, "http://far.away:8080", &GET, in_ms(10000), &r),
                    EDGE_OK);
    CU_ASSERT(last_has(p, "GET http://far.away:8080/ HTTP/1.1\r\n", true));
    edge_client_free(c);
    tcp_peer_free(p);
}

/* ---- in the same process --------------------------------------------------------------------- */

static enum edge_status show_headers(struct edge_call *call)
{
    const char *own = edge_call_header(call, "x-own"),
               *token = edge_call_header(call, "authorization");
    edge_reply_type(call, "text/plain");
    edge_buf_printf(edge_reply_body(call), "%s %s", own ? own : "-", token ? token : "-");
    return EDGE_OK;
}

static void test_a_call_in_process_carries_them_too(void)
{
    static const struct edge_route routes[] = {
        {"GET", "/show", show_headers, "Shows them."}
    };
    static const struct edge_http_header own = {"X-Own", "1"};
    const struct edge_http_config config = {
        .service = "test", .routes = EDGE_TABLE(routes), .threads = 1};
    const struct edge_client_peer peer = {.bearer = "abc"};
    struct edge_client *c = edge_client_create();
    struct edge_http *http = NULL;
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response r;
    struct edge_http_request req = {"GET", "/show", .headers = &own, .n_headers = 1,
                                    .wants_headers = true};
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &http), EDGE_OK);
    edge_client_attach(c, "https://local", http);
    CU_ASSERT_EQUAL(edge_client_peer(c, &ctx, "https://local/", &peer), EDGE_OK);
    CU_ASSERT_EQUAL(edge_client_call(c, &ctx, "https://local", &req, in_ms(1000), &r), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(r.body, "1 Bearer abc");
    CU_ASSERT_STRING_EQUAL(edge_http_response_header(&r, "content-type"), "text/plain");
    edge_client_attach(c, "https://local", NULL);
    edge_client_free(c);
    edge_http_stop(http, 100);
}

CU_TestInfo client_tls_tests[] = {
    {"certificates are looked at",           test_certificates_are_looked_at          },
    {"not where that is asked for",          test_what_is_not_looked_at_when_asked_so },
    {"the name may be another one",          test_the_name_may_be_another_one         },
    {"what holds for all",                   test_what_holds_for_all                  },
    {"own certificates are shown",           test_own_certificates_are_shown          },
    {"who speaks no TLS is named",           test_who_speaks_no_tls_is_named          },
    {"headers go out",                       test_headers_go_out                      },
    {"what no header can be is refused",     test_what_no_header_can_be_is_refused    },
    {"headers come back for who wants them", test_headers_come_back_for_who_wants_them},
    {"redirects are followed when asked",    test_redirects_are_followed_when_asked   },
    {"a proxy is gone through",              test_a_proxy_is_gone_through             },
    {"a call in process carries them too",   test_a_call_in_process_carries_them_too  },
    CU_TEST_INFO_NULL,
};
