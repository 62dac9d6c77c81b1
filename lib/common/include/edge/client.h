/**
 * Outgoing HTTP and HTTPS: one libcurl multi loop per process, connections kept and pooled, every call with a
 * deadline, idempotent ones retried with jitter, a breaker per peer. A peer in the same process is
 * called through its route table instead: same handler, same checks, no socket.
 */
#ifndef EDGE_CLIENT_H
#define EDGE_CLIENT_H

#include "edge/http.h"

struct edge_client;

struct edge_client *edge_client_create(void);
/** One that speaks to peers as @p other was told to (edge_client_peer), then and later; it outlives it. */
struct edge_client *edge_client_create_beside(struct edge_client *other);
/** Calls under way by a socket end as UNAVAILABLE, later ones at once. For who must not wait. */
void edge_client_stop(struct edge_client *c);
/** Stops if that is not done yet, waits for calls under way, and frees. NULL is fine. */
void edge_client_free(struct edge_client *c);

/**
 * Serve @p base_url ("http://localhost:59881") by a server of this process from now on; http NULL
 * takes that back and waits for calls under way.
 */
void edge_client_attach(struct edge_client *c, const char *base_url, struct edge_http *http);

/**
 * The token of one request, in the context's arena; asked for with each call on the caller's thread,
 * so that it may be renewed, which may wait. A failure is the call's.
 */
typedef enum edge_status edge_client_token(void *arg, struct edge_ctx *ctx, const char **ret);

/** How a peer is spoken to; what is NULL or 0 is not asked for. */
struct edge_client_peer {
    const struct edge_http_header *headers; /* of each request, 32 at most */
    size_t n_headers;
    const char *bearer;       /* the token of each request ("Authorization: Bearer ..."), */
    edge_client_token *token; /* or who is asked for it */
    void *token_arg;
    const char *ca_file;              /* PEM: who vouches for it; NULL: whom the system trusts */
    const char *cert_file, *key_file; /* PEM: the own certificate, for peers that ask for one */
    const char *server_name;          /* in its certificate, where it is not the host of the URL */
    const char *proxy;           /* "http://host:port": the way there; NULL: straight, whatever the
                                environment says */
    bool skip_verify;            /* its certificate is not looked at; logged as a warning */
    const char *user, *password; /* who we are: Basic, */
    bool digest;                 /* or Digest (RFC 7616) */
};

/**
 * Speak to @p base_url like this from now on; everything is copied, files are read again for each new
 * connection. @p base_url NULL: to all peers, where they have nothing of their own (a peer takes proxy,
 * CA file and certificate from there). @p peer NULL takes it back. INVALID where a header cannot be one,
 * or a file cannot be read.
 */
enum edge_status edge_client_peer(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_client_peer *peer);

/**
 * Call and wait, at most until @p deadline_ms (edge_now_mono_ms). OK: an answer came, whatever its
 * code; UNAVAILABLE with "failed to send a http request" in the text where none did. GET, HEAD, PUT
 * and DELETE are retried while time is left, where the connection was refused or broke; a peer that
 * breaks five in a row is left alone for a second, and its calls fail at once. An answer is at most
 * 32 MiB, else TOO_LARGE, by socket or not. The correlation id is the request's, else the context's. INVALID where a header cannot be
 * one. Do not call on an event thread.
 *
 * https speaks TLS 1.2 or later and checks certificate and name; what is wrong with them is in the
 * text ("certificate of host:port has expired"), and not tried again.
 */
enum edge_status edge_client_call(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_http_request *req, int64_t deadline_ms,
                                  struct edge_http_response *ret);

/** How an exchange ended; lives until who is told returns. */
struct edge_client_end {
    const struct edge_http_response *answer; /* NULL: none came, */
    const char *why;                         /* because of this */
    bool silent;                             /* connected, but no answer in time */
    bool too_large;                          /* it was longer than it may be */
};

/** On the client's own thread, which all exchanges share: must not block. May send. */
typedef void edge_client_told(void *arg, const struct edge_client_end *end);
struct edge_client_exchange;

/**
 * Call without waiting for the answer: a single try (but for a kept connection that breaks when it is used again, where
 * the method is neither POST nor PATCH), and always by a socket. @p peer says how, NULL: as
 * was set for all peers; what it leaves open is taken from those. All is copied. @p told is called once,
 * maybe before this returns, also where the client is stopped. *ret is good until then, and set before.
 * INVALID where a header cannot be one; UNAVAILABLE where the client is closing or libcurl is missing: told nothing.
 */
enum edge_status edge_client_send(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_client_peer *peer,
                                  const struct edge_http_request *req, int64_t deadline_ms,
                                  edge_client_told *told, void *arg,
                                  struct edge_client_exchange **ret);
/** Have it end without an answer, soon. */
void edge_client_cancel(struct edge_client *c, struct edge_client_exchange *x);
/** INVALID, and why: what edge_client_send() would refuse of @p peer, or a file that cannot be read. */
enum edge_status edge_client_peer_check(struct edge_ctx *ctx, const struct edge_client_peer *peer);

/**
 * edge_client_call() for JSON answers of a neighbour: the body as a tree. An error code becomes our status
 * with the relay text of contract 2.4: "request failed, status code: 404, err: <message>".
 */
enum edge_status edge_client_json(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_http_request *req, int64_t deadline_ms,
                                  const cJSON **ret);

/** One element of a list; @p ctx ends with its page. */
typedef enum edge_status edge_client_visitor(struct edge_ctx *ctx, const cJSON *item, void *arg);

struct edge_client_list {
    const char *base_url, *path; /* without a query */
    const char *key;             /* of the elements in an answer */
    int64_t offset, limit;       /* of the whole; limit -1: all */
    int64_t page;                /* elements asked for at a time; -1: as many as there may be */
    int64_t timeout_ms;          /* of each page, */
    int64_t deadline_ms;         /* or of the whole */
    edge_client_visitor *visit;  /* what it returns other than OK ends it */
    void *arg;
    int64_t total; /* set: how many there are */
    bool changed;  /* set: some came or went meanwhile */
};

/**
 * Each element of a list, page by page; the pages are paid for as @p ctx is. Where an answer is too
 * large fewer are asked for at a time; an element too large alone is told in the log and passed over.
 */
enum edge_status edge_client_list(struct edge_client *c, struct edge_ctx *ctx,
                                  struct edge_client_list *list);

#endif
