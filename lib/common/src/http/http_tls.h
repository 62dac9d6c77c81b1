/**
 * TLS of connections that come in (OpenSSL): bytes go in and out of a socket that does not block, as by
 * recv() and sendmsg().
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "edge/http.h"

struct http_tls;

/* What SSL_read() takes at once at most: with this much room nothing stays behind in OpenSSL, where epoll
 * does not see it. */
enum { HTTP_TLS_RECORD = 16 * 1024 };

/** Have @p http speak TLS with those who come from now on. */
enum edge_status http_tls_use(struct edge_ctx *ctx, struct edge_http *http,
                              const struct edge_http_tls *files);
void http_tls_forget(struct edge_http *http);

/** For a connection on @p fd. NULL: @p http speaks plain HTTP. */
struct http_tls *http_tls_begin(struct edge_http *http, int fd);
/** The handshake, and then what the peer says. -1: EAGAIN, EPROTO (no TLS, or none we accept: the peer has
 * been told), or 0: closed. @p size: at least HTTP_TLS_RECORD. */
ssize_t http_tls_recv(struct http_tls *t, void *bytes, size_t size);
/** What of the parts was taken; the same ones, or more behind them, after EAGAIN. */
ssize_t http_tls_send(struct http_tls *t, const struct iovec *parts, size_t n);
/** What epoll shall wait for before the next http_tls_recv(). */
uint32_t http_tls_events(const struct http_tls *t);
/** Say good-bye, if that can be said at once, and free. NULL is fine. */
void http_tls_end(struct http_tls *t);

#endif
