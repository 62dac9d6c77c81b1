/* The server over TLS: with OpenSSL as client, byte by byte where it matters, and with curl. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "capture.h"
#include "certificates.h"
#include "edge/client.h"
#include "edge/clock.h"
#include "edge/pool.h"
#include "http_probe.h"
#include "scratch.h"
#include "suites.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

enum { LONG_ANSWER = 1024 * 1024, SHORT_MS = 300 };

struct lab {
    struct scratch dir;
    struct edge_http *http;
    struct edge_pool *pool;
    struct gate *gate;
    SSL_CTX *context; /* of our clients */
};

/* ---- the server ------------------------------------------------------------------------------ */

static enum edge_status echo(struct edge_call *call)
{
    size_t size;
    const void *body = edge_call_body(call, &size);
    edge_reply_type(call, "text/plain");
    edge_buf_put(edge_reply_body(call), body, size);
    return EDGE_OK;
}

static enum edge_status write_piece(struct edge_call *call, bool *ret_done)
{
    size_t *written = edge_call_source_arg(call);
    static const char line[] = "0123456789abcdef0123456789abcde\n";
    for (size_t i = 0; i < 256 && *written < LONG_ANSWER; i++) {
        edge_buf_put(edge_reply_body(call), line, sizeof(line) - 1);
        *written += sizeof(line) - 1;
    }
    *ret_done = *written >= LONG_ANSWER;
    return EDGE_OK;
}

static enum edge_status answer_long(struct edge_call *call)
{
    size_t *written = edge_new(&edge_call_ctx(call)->arena, size_t);
    edge_reply_type(call, "text/plain");
    edge_reply_stream(call, write_piece, written);
    return EDGE_OK;
}

static enum edge_status wait_at_gate(struct edge_call *call)
{
    struct lab *lab = edge_call_state(call);
    gate_pass(lab->gate);
    edge_buf_puts(edge_reply_body(call), "{}");
    return EDGE_OK;
}

static const struct edge_route routes[] = {
    {"POST",   "/echo",      echo,        "Says what it hears.", .max_body = 4 * 1024 * 1024},
    {"GET",    "/long",      answer_long, "Says a lot."        },
    {"GET", "/wait", wait_at_gate,    "Waits.",      EDGE_ROUTE_WAITS                           },
};

static const char *file(const struct lab *lab, const char *name, const char *end)
{
    return certificate_file(lab->dir.path, name, end);
}

static struct edge_http_tls files_of(const struct lab *lab, const char *name, const char *client_ca)
{
    return (struct edge_http_tls){file(lab, name, ".pem"), file(lab, name, ".key"),
                                  client_ca ? file(lab, client_ca, ".pem") : NULL};
}

static void lab_open(struct lab *lab, const char *client_ca, const struct edge_http_config *more)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_config config = more ? *more : (struct edge_http_config){.threads = 2};
    *lab = (struct lab){.gate = gate_create(), .pool = edge_pool_create("tls", 4, 16)};
    scratch_make(&lab->dir);
    CU_ASSERT_FATAL(certificates_make(lab->dir.path));
    const struct edge_http_tls tls = files_of(lab, "server", client_ca);
    config.service = "tls";
    config.routes = (struct edge_routes)EDGE_TABLE(routes);
    config.state = lab;
    config.pool = lab->pool;
    config.tls = &tls;
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &lab->http), EDGE_OK);
    lab->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(lab->context, SSL_VERIFY_PEER, NULL);
    CU_ASSERT_EQUAL(SSL_CTX_load_verify_file(lab->context, file(lab, "ca", ".pem")), 1);
}

static void lab_done(struct lab *lab)
{
    gate_open(lab->gate);
    edge_http_stop(lab->http, 1000);
    edge_pool_close(lab->pool);
    edge_pool_free(lab->pool);
    gate_free(lab->gate);
    SSL_CTX_free(lab->context);
    scratch_done(&lab->dir);
}

/* ---- clients --------------------------------------------------------------------------------- */

static int dial(const struct lab *lab)
{
    int fd = http_probe_open(edge_http_port(lab->http));
    const struct timeval patience = {.tv_sec = HTTP_PROBE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

/* Not connected yet. */
static SSL *ssl_new(const struct lab *lab)
{
    SSL *ssl = SSL_new(lab->context);
    SSL_set_fd(ssl, dial(lab));
    return ssl;
}

static void ssl_free(SSL *ssl)
{
    close(SSL_get_fd(ssl));
    SSL_free(ssl);
    ERR_clear_error();
}

static SSL *ssl_connect(const struct lab *lab)
{
    SSL *ssl = ssl_new(lab);
    CU_ASSERT_EQUAL(SSL_connect(ssl), 1);
    return ssl;
}

static bool say(SSL *ssl, const char *text)
{
    return SSL_write(ssl, text, (int)strlen(text)) == (int)strlen(text);
}

/* Read until @p end has come, or the peer has closed; what came is in @p in. */
static bool hear(SSL *ssl, struct edge_buf *in, const char *end)
{
    char bytes[4096];
    int n = 1;
    while (!strstr(edge_buf_str(in), end) && n > 0) {
        n = SSL_read(ssl, bytes, sizeof(bytes));
        edge_buf_put(in, bytes, n > 0 ? (size_t)n : 0);
    }
    return n > 0;
}

static bool answers(SSL *ssl)
{
    struct edge_buf in = EDGE_BUF_INIT;
    bool heard = say(ssl, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello") &&
                 hear(ssl, &in, "hello") && strncmp(in.data, "HTTP/1.1 200 ", 13) == 0;
    edge_buf_done(&in);
    return heard;
}

static bool serves(const struct lab *lab)
{
    SSL *ssl = ssl_connect(lab);
    bool heard = answers(ssl);
    ssl_free(ssl);
    return heard;
}

/* ---- tests: the handshake -------------------------------------------------------------------- */

static void test_it_speaks_tls_of_today(void)
{
    static const struct {
        int version;
        bool spoken;
    } cases[] = {
        {TLS1_3_VERSION, true },
        {TLS1_2_VERSION, true },
        {TLS1_1_VERSION, false},
    };
    struct lab lab;
    lab_open(&lab, NULL, NULL);
    SSL_CTX_set_cipher_list(lab.context, "DEFAULT@SECLEVEL=0");
    for (size_t i = 0; i < N(cases); i++) {
        SSL *ssl = ssl_new(&lab);
        SSL_set_min_proto_version(ssl, cases[i].version);
        SSL_set_max_proto_version(ssl, cases[i].version);
        CU_ASSERT_EQUAL(SSL_connect(ssl) == 1 && answers(ssl) && answers(ssl), cases[i].spoken);
        ssl_free(ssl);
    }
    lab_done(&lab);
}

static void test_protocols_are_agreed_upon(void)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", other[] = "\x02h2";
    struct lab lab;
    lab_open(&lab, NULL, NULL);
    const unsigned char *chosen;
    unsigned len;
    SSL *ssl = ssl_new(&lab);
    SSL_set_alpn_protos(ssl, both, sizeof(both) - 1);
    CU_ASSERT_EQUAL(SSL_connect(ssl), 1);
    SSL_get0_alpn_selected(ssl, &chosen, &len);
    CU_ASSERT(len == 8 && memcmp(chosen, "http/1.1", 8) == 0);
    ssl_free(ssl);
    ssl = ssl_new(&lab);
    SSL_set_alpn_protos(ssl, other, sizeof(other) - 1);
    CU_ASSERT_NOT_EQUAL(SSL_connect(ssl), 1);
    ssl_free(ssl);
    lab_done(&lab);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **kept = SSL_get_app_data(ssl);
    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

static void test_sessions_are_resumed(void)
{
    struct lab lab;
    SSL_SESSION *session = NULL;
    lab_open(&lab, NULL, NULL);
    SSL_CTX_set_session_cache_mode(lab.context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(lab.context, keep_session);
    for (int i = 0; i < 2; i++) {
        SSL *ssl = ssl_new(&lab);
        SSL_set_app_data(ssl, &session);
        SSL_set_session(ssl, session);
        CU_ASSERT_EQUAL(SSL_connect(ssl), 1);
        CU_ASSERT(answers(ssl)); /* the ticket comes with it */
        CU_ASSERT_EQUAL(SSL_session_reused(ssl), i);
        (void)SSL_shutdown(ssl); /* what breaks off is not resumed */
        ssl_free(ssl);
    }
    SSL_SESSION_free(session);
    lab_done(&lab);
}

static void test_clients_show_certificates_where_asked(void)
{
    static const struct {
        const char *name; /* NULL: none */
        bool heard;
    } cases[] = {
        {NULL,      false},
        {"strange", false},
        {"client",  true },
    };
    struct lab lab;
    lab_open(&lab, "ca", NULL);
    for (size_t i = 0; i < N(cases); i++) {
        SSL *ssl = ssl_new(&lab);
        if (cases[i].name) {
            SSL_use_certificate_file(ssl, file(&lab, cases[i].name, ".pem"), SSL_FILETYPE_PEM);
            SSL_use_PrivateKey_file(ssl, file(&lab, cases[i].name, ".key"), SSL_FILETYPE_PEM);
        }
        CU_ASSERT_EQUAL(SSL_connect(ssl) == 1 && answers(ssl), cases[i].heard);
        ssl_free(ssl);
    }
    lab_done(&lab);
}

static void test_plain_http_is_told(void)
{
    struct lab lab;
    EDGE_CTX_SCOPE(ctx);
    struct http_answer answer;
    lab_open(&lab, NULL, NULL);
    http_probe_raw(&ctx.arena, edge_http_port(lab.http), "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n",
                   &answer);
    CU_ASSERT_EQUAL(answer.code, 400);
    CU_ASSERT_STRING_EQUAL(answer.body, "this port speaks https only");
    CU_ASSERT(serves(&lab));
    lab_done(&lab);
}

/* The first bytes of a handshake, as OpenSSL says them. */
static int client_hello(const struct lab *lab, char *bytes, int size)
{
    SSL *ssl = SSL_new(lab->context);
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    (void)SSL_connect(ssl);
    int n = BIO_read(out, bytes, size);
    SSL_free(ssl);
    ERR_clear_error();
    return n;
}

static void test_what_is_no_handshake_ends(void)
{
    struct lab lab;
    char hello[2048], garbage[600];
    lab_open(&lab, NULL, NULL);
    int n = client_hello(&lab, hello, sizeof(hello));
    for (size_t i = 0; i < sizeof(garbage); i++) {
        garbage[i] = (char)(i * 131 + 7);
    }
    for (int at = 1; at < n; at += 37) { /* cut off anywhere */
        int fd = dial(&lab);
        CU_ASSERT(http_probe_send(fd, hello, (size_t)at));
        close(fd);
    }
    for (int at = 0; at < n; at += 37) { /* and wrong from there on */
        int fd = dial(&lab);
        CU_ASSERT(http_probe_send(fd, hello, (size_t)at));
        (void)http_probe_send(fd, garbage, sizeof(garbage));
        shutdown(fd, SHUT_WR);
        CU_ASSERT(http_probe_closed(fd, HTTP_PROBE_MS));
        close(fd);
    }
    CU_ASSERT(serves(&lab));
    lab_done(&lab);
}

static void test_a_slow_handshake_has_the_time_of_a_head(void)
{
    const struct edge_http_config config = {.threads = 1, .header_deadline_ms = SHORT_MS};
    struct lab lab;
    char hello[2048];
    lab_open(&lab, NULL, &config);
    int n = client_hello(&lab, hello, sizeof(hello)), fd = dial(&lab);
    int64_t began = edge_now_mono_ms();
    CU_ASSERT(http_probe_send(fd, hello, (size_t)n - 1));
    CU_ASSERT(http_probe_closed(fd, HTTP_PROBE_MS));
    CU_ASSERT(edge_now_mono_ms() - began >= SHORT_MS / 2);
    close(fd);
    /* The handshake is over, and its head does not come: as without TLS. */
    SSL *ssl = ssl_connect(&lab);
    struct edge_buf in = EDGE_BUF_INIT;
    CU_ASSERT(say(ssl, "GET /"));
    CU_ASSERT(hear(ssl, &in, "408 "));
    edge_buf_done(&in);
    ssl_free(ssl);
    lab_done(&lab);
}

static void test_who_dawdles_gives_way(void)
{
    const struct edge_http_config config = {.threads = 1, .max_connections = 4};
    struct lab lab;
    char hello[2048];
    int fds[8];
    lab_open(&lab, NULL, &config);
    int n = client_hello(&lab, hello, sizeof(hello));
    for (size_t i = 0; i < N(fds); i++) {
        fds[i] = dial(&lab);
        CU_ASSERT(http_probe_send(fds[i], hello, (size_t)n - 1));
    }
    CU_ASSERT(serves(&lab));
    CU_ASSERT(http_probe_closed(fds[0], HTTP_PROBE_MS));
    for (size_t i = 0; i < N(fds); i++) {
        close(fds[i]);
    }
    lab_done(&lab);
}

static void test_a_thousand_handshakes(void)
{
    struct lab lab;
    unsigned served = 0;
    lab_open(&lab, NULL, NULL);
    for (int i = 0; i < 1000; i++) {
        SSL *ssl = ssl_new(&lab);
        served += SSL_connect(ssl) == 1 && (i % 10 != 0 || answers(ssl));
        ssl_free(ssl);
    }
    CU_ASSERT_EQUAL(served, 1000);
    lab_done(&lab);
}

/* ---- tests: requests ------------------------------------------------------------------------- */

static void test_requests_may_follow_at_once(void)
{
    struct lab lab;
    struct edge_buf in = EDGE_BUF_INIT;
    lab_open(&lab, NULL, NULL);
    SSL *ssl = ssl_connect(&lab);
    CU_ASSERT(say(ssl, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                       "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nthree"));
    CU_ASSERT(hear(ssl, &in, "three"));
    const char *one = strstr(in.data, "one"), *two = strstr(in.data, "HTTP/1.1 404");
    CU_ASSERT(one && two && one < two && two < strstr(in.data, "three"));
    edge_buf_done(&in);
    ssl_free(ssl);
    lab_done(&lab);
}

static void test_bodies_may_be_large(void)
{
    struct lab lab;
    EDGE_CTX_SCOPE(ctx);
    lab_open(&lab, NULL, NULL);
    struct edge_client *c = edge_client_create();
    const struct edge_client_peer peer = {.ca_file = file(&lab, "ca", ".pem")};
    const char *url = edge_printf(&ctx.arena, "https://127.0.0.1:%u", edge_http_port(lab.http));
    CU_ASSERT_EQUAL(edge_client_peer(c, &ctx, url, &peer), EDGE_OK);
    static const size_t sizes[] = {1, 100 * 1024, 3 * 1024 * 1024};
    for (size_t i = 0; i < N(sizes); i++) {
        char *body = edge_new_n(&ctx.arena, char, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++) {
            body[k] = (char)('a' + k % 23);
        }
        const struct edge_http_request post = {
            .method = "POST", .target = "/echo", .body = body, .body_size = sizes[i]};
        struct edge_http_response r = {0};
        CU_ASSERT_EQUAL(
            edge_client_call(c, &ctx, url, &post, edge_now_mono_ms() + HTTP_PROBE_MS, &r), EDGE_OK);
        CU_ASSERT(r.body_size == sizes[i] && memcmp(r.body, body, sizes[i]) == 0);
    }
    edge_client_free(c);
    lab_done(&lab);
}

static void test_long_answers_come_in_chunks(void)
{
    struct lab lab;
    struct edge_buf in = EDGE_BUF_INIT;
    lab_open(&lab, NULL, NULL);
    SSL *ssl = ssl_connect(&lab);
    CU_ASSERT(say(ssl, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n"));
    char bytes[512]; /* slowly, so that the socket fills */
    int n = 1;
    while (n > 0 && !(in.len > 5 && memcmp(in.data + in.len - 5, "0\r\n\r\n", 5) == 0)) {
        n = SSL_read(ssl, bytes, sizeof(bytes));
        edge_buf_put(&in, bytes, n > 0 ? (size_t)n : 0);
    }
    CU_ASSERT(in.len > LONG_ANSWER);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_buf_str(&in), "Transfer-Encoding: chunked"));
    size_t lines = 0;
    for (size_t i = 31; i < in.len; i++) {
        lines += in.data[i] == '\n' &&
                 memcmp(in.data + i - 31, "0123456789abcdef0123456789abcde", 31) == 0;
    }
    CU_ASSERT_EQUAL(lines, LONG_ANSWER / 32);
    CU_ASSERT(answers(ssl));
    edge_buf_done(&in);
    ssl_free(ssl);
    lab_done(&lab);
}

static void test_a_peer_that_asks_is_told_to_go_on(void)
{
    struct lab lab;
    struct edge_buf in = EDGE_BUF_INIT;
    lab_open(&lab, NULL, NULL);
    SSL *ssl = ssl_connect(&lab);
    CU_ASSERT(say(ssl, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                       "Content-Length: 5\r\n\r\n"));
    CU_ASSERT(hear(ssl, &in, "HTTP/1.1 100 Continue\r\n\r\n"));
    CU_ASSERT(say(ssl, "hello"));
    CU_ASSERT(hear(ssl, &in, "hello"));
    edge_buf_done(&in);
    ssl_free(ssl);
    lab_done(&lab);
}

static void test_who_hangs_up_at_work_is_missed_by_nobody(void)
{
    struct lab lab;
    lab_open(&lab, NULL, NULL);
    SSL *ssl = ssl_connect(&lab);
    CU_ASSERT(say(ssl, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
    CU_ASSERT(gate_wait_for(lab.gate, 1));
    ssl_free(ssl);
    CU_ASSERT(serves(&lab));
    gate_open(lab.gate);
    CU_ASSERT(serves(&lab));
    lab_done(&lab);
}

/* ---- tests: files ---------------------------------------------------------------------------- */

static long serial_of(const struct lab *lab)
{
    SSL *ssl = ssl_connect(lab);
    X509 *x = SSL_get1_peer_certificate(ssl);
    long serial = x ? ASN1_INTEGER_get(X509_get_serialNumber(x)) : -1;
    X509_free(x);
    ssl_free(ssl);
    return serial;
}

static void test_certificates_are_renewed(void)
{
    static const struct certificate again = {"server", "ca", "DNS:localhost,IP:127.0.0.1", 20};
    struct lab lab;
    EDGE_CTX_SCOPE(ctx);
    lab_open(&lab, NULL, NULL);
    SSL *kept = ssl_connect(&lab);
    CU_ASSERT(answers(kept));
    long before = serial_of(&lab);
    CU_ASSERT(certificate_make(lab.dir.path, &again));
    const struct edge_http_tls files = files_of(&lab, "server", NULL);
    CU_ASSERT_EQUAL(edge_http_renew(&ctx, lab.http, &files), EDGE_OK);
    long behind = serial_of(&lab);
    CU_ASSERT_NOT_EQUAL(before, behind);
    CU_ASSERT(answers(kept));
    const struct edge_http_tls mixed = {file(&lab, "server", ".pem"), file(&lab, "client", ".key"),
                                        NULL};
    CU_ASSERT_EQUAL(edge_http_renew(&ctx, lab.http, &mixed), EDGE_INVALID);
    CU_ASSERT_EQUAL(serial_of(&lab), behind);
    ssl_free(kept);
    lab_done(&lab);
}

static void test_an_old_certificate_is_warned_of(void)
{
    struct lab lab;
    EDGE_CTX_SCOPE(ctx);
    lab_open(&lab, NULL, NULL);
    const struct edge_http_tls expired = files_of(&lab, "expired", NULL);
    capture_start();
    CU_ASSERT_EQUAL(edge_http_renew(&ctx, lab.http, &expired), EDGE_OK);
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "the certificate has expired"), 1);
    free(text);
    SSL *ssl = ssl_new(&lab);
    CU_ASSERT_NOT_EQUAL(SSL_connect(ssl), 1);
    ssl_free(ssl);
    lab_done(&lab);
}

static void test_files_that_cannot_be_used_are_named(void)
{
    SCRATCH(dir);
    CU_ASSERT_FATAL(certificates_make(dir.path));
    const char *pem = certificate_file(dir.path, "server", ".pem"),
               *key = certificate_file(dir.path, "server", ".key");
    const struct {
        struct edge_http_tls tls;
        const char *text;
    } cases[] = {
        {{"/nowhere.pem", key, NULL},                               "cannot use the certificate /nowhere.pem: "},
        {{key, key, NULL},                                          "cannot use the certificate "              },
        {{pem, "/nowhere.key", NULL},                               "cannot use the key /nowhere.key of "      },
        {{pem, certificate_file(dir.path, "client", ".key"), NULL}, "key values mismatch"                      },
        {{pem, key, "/nowhere.ca"},                                 "cannot use the CA file /nowhere.ca: "     },
    };
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        const struct edge_http_config config = {
            .service = "tls", .threads = 1, .tls = &cases[i].tls};
        struct edge_http *http = NULL;
        CU_ASSERT_EQUAL(edge_http_start(&ctx, &config, &http), EDGE_INVALID);
        const char *text = edge_ctx_message(&ctx, EDGE_INVALID);
        if (!strstr(text, cases[i].text)) {
            printf("got: %s\n", text);
            CU_FAIL("another text");
        }
    }
}

/* ---- tests: peers ---------------------------------------------------------------------------- */

static void test_command_lines_speak_with_it(void)
{
    static const char *const commands[] = {
        /* of PORT, DIR */
        "curl -sS --cacert $DIR/ca.pem --cert $DIR/client.pem --key $DIR/client.key "
        "-d hello https://localhost:$PORT/echo | grep -qx hello",
        "curl -sS --tls-max 1.2 --http2 --cacert $DIR/ca.pem --cert $DIR/client.pem --key "
        "$DIR/client.key https://localhost:$PORT/long | wc -c | grep -qx 1048576",
        "curl -s --cacert $DIR/stranger.pem https://localhost:$PORT/long; test $? = 60",
        "printf 'POST /echo HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: 5\\r\\n\\r\\n"
        "hello' | openssl s_client -quiet -CAfile $DIR/ca.pem -cert $DIR/client.pem -key "
        "$DIR/client.key -verify_return_error -ign_eof -connect localhost:$PORT 2>/dev/null | grep -q hello",
        "python3 -c \"import ssl,http.client as h;"
        "c=ssl.create_default_context(cafile='$DIR/ca.pem');"
        "c.load_cert_chain('$DIR/client.pem','$DIR/client.key');"
        "k=h.HTTPSConnection('localhost',$PORT,context=c);"
        "[(k.request('POST','/echo',b'x'*100000),exit(1) if k.getresponse().read()!=b'x'*100000 else 0)"
        " for i in range(3)]\"",
    };
    struct lab lab;
    char port[8];
    lab_open(&lab, "ca", NULL);
    snprintf(port, sizeof(port), "%u", edge_http_port(lab.http));
    setenv("PORT", port, 1);
    setenv("DIR", lab.dir.path, 1);
    fflush(stdout);
    for (size_t i = 0; i < N(commands); i++) {
        if (system(commands[i]) != 0) {
            printf("failed: %s\n", commands[i]);
            CU_FAIL("a command line");
        }
    }
    lab_done(&lab);
}

CU_TestInfo http_tls_tests[] = {
    {"it speaks TLS of today",                   test_it_speaks_tls_of_today                  },
    {"protocols are agreed upon",                test_protocols_are_agreed_upon               },
    {"sessions are resumed",                     test_sessions_are_resumed                    },
    {"clients show certificates where asked",    test_clients_show_certificates_where_asked   },
    {"plain HTTP is told",                       test_plain_http_is_told                      },
    {"what is no handshake ends",                test_what_is_no_handshake_ends               },
    {"a slow handshake has the time of a head",  test_a_slow_handshake_has_the_time_of_a_head },
    {"who dawdles gives way",                    test_who_dawdles_gives_way                   },
    {"a thousand handshakes",                    test_a_thousand_handshakes                   },
    {"requests may follow at once",              test_requests_may_follow_at_once             },
    {"bodies may be large",                      test_bodies_may_be_large                     },
    {"long answers come in chunks",              test_long_answers_come_in_chunks             },
    {"a peer that asks is told to go on",        test_a_peer_that_asks_is_told_to_go_on       },
    {"who hangs up at work is missed by nobody", test_who_hangs_up_at_work_is_missed_by_nobody},
    {"certificates are renewed",                 test_certificates_are_renewed                },
    {"an old certificate is warned of",          test_an_old_certificate_is_warned_of         },
    {"files that cannot be used are named",      test_files_that_cannot_be_used_are_named     },
    {"command lines speak with it",              test_command_lines_speak_with_it             },
    CU_TEST_INFO_NULL,
};
