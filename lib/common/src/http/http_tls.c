/*
 * OpenSSL behind a connection. The handshake is part of the first reading; whatever it costs a peer to
 * dawdle or to send garbage, it costs what the same would cost without TLS: a slot until the deadline of
 * a head. Nothing of OpenSSL is touched where no server speaks TLS.
 */
#include "http_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "edge/log.h"
#include "http_internal.h"

struct http_tls {
    SSL *ssl;
    int fd;
    uint32_t events;
    bool broken; /* nothing more can be said on it */
};

/* ---- what a server speaks with --------------------------------------------------------------- */

/* In OpenSSL's words. */
static const char *reason(void)
{
    unsigned long error = ERR_peek_last_error();
    const char *text = error ? ERR_reason_error_string(error) : NULL;
    return text ? text : error ? strerror(ERR_GET_REASON(error)) : "unknown reason";
}

/* No terminal is asked for the passphrase of a key. */
static int no_passphrase(char *text, int size, int writing, void *arg)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

/* Who offers protocols must offer ours. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                           const unsigned char *offered, unsigned len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl;
    (void)arg;
    return SSL_select_next_proto((unsigned char **)(uintptr_t)ret, ret_len, ours, sizeof(ours) - 1,
                                 offered, len) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void set_rules(SSL_CTX *context)
{
    static const unsigned char name[] = "edgex";
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20"); /* of 1.2 */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    /* Sessions are resumed by tickets, which the clients keep; their keys end with the context. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, name, sizeof(name) - 1);
    SSL_CTX_set_num_tickets(context, 1);
}

static enum edge_status load_files(struct edge_ctx *ctx, SSL_CTX *context,
                                   const struct edge_http_tls *files)
{
    const char *ca = files->client_ca_file;
    if (SSL_CTX_use_certificate_chain_file(context, files->cert_file) != 1) {
        return edge_fail(ctx, EDGE_INVALID, "cannot use the certificate %s: %s", files->cert_file,
                         reason());
    }
    if (SSL_CTX_use_PrivateKey_file(context, files->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return edge_fail(ctx, EDGE_INVALID, "cannot use the key %s of the certificate %s: %s",
                         files->key_file, files->cert_file, reason());
    }
    if (!ca) {
        return EDGE_OK;
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);
    if (!names || SSL_CTX_load_verify_file(context, ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return edge_fail(ctx, EDGE_INVALID, "cannot use the CA file %s: %s", ca, reason());
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return EDGE_OK;
}

/* It is used all the same: a clock may be wrong, and clients say what they think of it. */
static void warn_of_age(struct edge_ctx *ctx, SSL_CTX *context, const struct edge_http_tls *files)
{
    const X509 *own = SSL_CTX_get0_certificate(context);
    if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
        edge_log_warn(ctx, "the certificate has expired", "file", files->cert_file, NULL);
    }
}

static void *exchange_context(struct edge_http *http, void *context)
{
    EDGE_LOCK(&http->lock);
    void *before = http->tls_context;
    http->tls_context = context;
    return before;
}

enum edge_status http_tls_use(struct edge_ctx *ctx, struct edge_http *http,
                              const struct edge_http_tls *files)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) {
        return edge_fail(ctx, EDGE_INTERNAL, "TLS cannot be used: %s", reason());
    }
    set_rules(context);
    enum edge_status st = load_files(ctx, context, files);
    if (st == EDGE_OK) {
        warn_of_age(ctx, context, files);
    }
    ERR_clear_error();
    SSL_CTX_free(st == EDGE_OK ? exchange_context(http, context) : context);
    return st;
}

void http_tls_forget(struct edge_http *http)
{
    SSL_CTX *context = exchange_context(http, NULL);
    if (context) {
        SSL_CTX_free(context);
    }
}

/* ---- a connection ---------------------------------------------------------------------------- */

/* With a reference of its own to the context. */
static SSL *new_ssl(struct edge_http *http)
{
    EDGE_LOCK(&http->lock);
    return http->tls_context ? SSL_new(http->tls_context) : NULL;
}

struct http_tls *http_tls_begin(struct edge_http *http, int fd)
{
    SSL *ssl = new_ssl(http);
    if (!ssl) {
        return NULL;
    }
    struct http_tls *t = edge_xalloc(1, sizeof(*t));
    *t = (struct http_tls){.ssl = ssl, .fd = fd, .events = EPOLLIN | EPOLLRDHUP};
    SSL_set_fd(ssl, fd);
    SSL_set_accept_state(ssl);
    return t;
}

uint32_t http_tls_events(const struct http_tls *t)
{
    return t->events;
}

/* Who speaks plain HTTP can read what is wrong. */
static void tell_plain(const struct http_tls *t)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 27\r\nConnection: close\r\n\r\n"
                               "this port speaks https only";
    (void)!send(t->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t break_off(struct http_tls *t)
{
    unsigned long error = ERR_peek_error();
    int why = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    t->broken = true;
    if (error == 0 || why == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return 0; /* gone, without a word */
    }
    if (why == SSL_R_HTTP_REQUEST) {
        tell_plain(t);
    }
    edge_log_debug(NULL, "TLS broken off", "reason", reason(), NULL);
    errno = EPROTO;
    return -1;
}

ssize_t http_tls_recv(struct http_tls *t, void *bytes, size_t size)
{
    size_t n;
    ERR_clear_error();
    t->events = EPOLLIN | EPOLLRDHUP;
    if (SSL_read_ex(t->ssl, bytes, size, &n) == 1) {
        return (ssize_t)n;
    }
    switch (SSL_get_error(t->ssl, 0)) {
    case SSL_ERROR_WANT_WRITE:
        t->events = EPOLLOUT; /* an end that is half there would be told again and again */
        /* fall through */
    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return break_off(t);
    }
}

/* The parts as one text, as far as a record has room: a short answer is one record, one packet. */
static size_t gather(char *to, size_t room, const struct iovec *parts, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n && len < room; i++) {
        size_t more = parts[i].iov_len < room - len ? parts[i].iov_len : room - len;
        if (more > 0) {
            memcpy(to + len, parts[i].iov_base, more);
        }
        len += more;
    }
    return len;
}

ssize_t http_tls_send(struct http_tls *t, const struct iovec *parts, size_t n)
{
    char record[HTTP_TLS_RECORD];
    while (n > 0 && parts->iov_len == 0) {
        parts++;
        n--;
    }
    const void *bytes = n > 0 ? parts->iov_base : NULL;
    size_t len = n > 0 ? parts->iov_len : 0, sent = 0;
    if (n > 1 && len < sizeof(record)) {
        bytes = record;
        len = gather(record, sizeof(record), parts, n);
    }
    ERR_clear_error();
    if (!t->broken && len > 0 && SSL_write_ex(t->ssl, bytes, len, &sent) == 1) {
        return (ssize_t)sent;
    }
    if (!t->broken && len > 0 && SSL_get_error(t->ssl, 0) == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    t->broken = true;
    errno = EPIPE;
    return -1;
}

void http_tls_end(struct http_tls *t)
{
    if (!t) {
        return;
    }
    ERR_clear_error();
    if (!t->broken && SSL_is_init_finished(t->ssl)) {
        (void)SSL_shutdown(t->ssl);
    }
    SSL_free(t->ssl);
    free(t);
    ERR_clear_error();
}
