/**
 * HTTP for drivers whose devices speak it: requests that nobody waits for, many at a time, over one thread of the
 * process and connections that are kept and used again. HTTPS, credentials, redirects, compressed answers and
 * limits are taken care of. libcurl is loaded with the first request.
 *
 *     static void on_answer(void *arg, const devsdk_http_answer *a)
 *     {
 *         devsdk_request *r = arg;
 *         if (a->result != DEVSDK_OK) {
 *             devsdk_done(r, devsdk_fail(r, a->result, "%s", a->why));
 *             return;
 *         }
 *         devsdk_set_string(r, 0, a->body, a->n);
 *         devsdk_done(r, DEVSDK_OK);
 *     }
 *     ... in read():
 *     devsdk_http_send(http, &(devsdk_http_request){.url = url, .deadline_ms = devsdk_deadline_ms(r)}, on_answer, r);
 *     return DEVSDK_PENDING;
 *
 * Ownership: what is given is copied; what done() gets lives until it returns. Threads: any may open, send and
 * close; done() runs on the thread all requests of the process share, so it must not block; it may send. Errors:
 * each request ends with exactly one done(), whatever happens.
 */
#ifndef DEVSDK_HTTP_H
#define DEVSDK_HTTP_H

#include "devsdk/devsdk.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a peer, or several, are spoken to. Costs little: one for each device is fine. */
typedef struct devsdk_http devsdk_http;

typedef struct devsdk_http_header {
    const char *name, *value;
} devsdk_http_header;

typedef enum devsdk_http_auth {
    DEVSDK_HTTP_NO_AUTH,
    DEVSDK_HTTP_BASIC,  /* user, password */
    DEVSDK_HTTP_DIGEST, /* user, password */
    DEVSDK_HTTP_BEARER  /* token */
} devsdk_http_auth;

/** What is NULL or 0 is not asked for. */
typedef struct devsdk_http_options {
    const char *ca_file;              /* PEM: who vouches for it; NULL: whom the system trusts */
    const char *cert_file, *key_file; /* PEM: ours, for peers that want one */
    const char *server_name;          /* in its certificate, where it is not the host of the URL */
    bool skip_verify;                 /* its certificate is not looked at: say so to people */
    const char *proxy;                /* "http://host:port"; NULL: straight */
    devsdk_http_auth auth;
    const char *user, *password, *token;
    const devsdk_http_header *headers; /* of each request, 32 at most */
    size_t n_headers;
} devsdk_http_options;

/** NULL where a header cannot be one or a file cannot be read; @p why (at most @p size bytes) says so. @p o may
 * be NULL. Files are read again for each new connection. Close it before stop() returns. */
devsdk_http *devsdk_http_open(devsdk_service *, const devsdk_http_options *o, char *why,
                              size_t size);
/** Ends what is under way (their done() is called, with LINK), waits for that, and frees. Not within done(); not
 * while holding a lock that done() takes. NULL is fine. */
void devsdk_http_close(devsdk_http *);

typedef struct devsdk_http_request {
    const char *method; /* NULL: GET */
    const char *url;  /* http or https, escaped as on the wire: "http://10.0.0.7:8080/a%20b?x=1" */
    const char *type; /* of the body; NULL: application/json */
    const void *body;
    size_t n;
    const devsdk_http_header *headers; /* further ones; they go before those of the options */
    size_t n_headers;
    int64_t
        deadline_ms; /* CLOCK_MONOTONIC: devsdk_deadline_ms(), or devsdk_now_ms() + so many; 0: 15 s */
    size_t answer_max; /* bytes of its body, unpacked; 0: 1 MiB; at most 32 MiB */
    bool stay; /* a redirect is an answer; else one to the same host is followed, five at most */
} devsdk_http_request;

typedef struct devsdk_http_answer {
    /** OK: an answer came, whatever its code. TIMEOUT: none in time. LINK: no connection, or it broke, or TLS does
     * not come about, or we are stopping. RANGE: longer than answer_max. INVALID: no such URL or header. */
    devsdk_result result;
    const char *why; /* why it is not OK; "" */
    int code;
    const char *type; /* "application/json; charset=utf-8"; "" where it says nothing */
    const char *body; /* a NUL stands behind it */
    size_t n;
    const devsdk_http_header *headers; /* the first 64, of 16 KiB in all */
    size_t n_headers;
} devsdk_http_answer;
/** The first header of that name, in any case; NULL: there is none. */
const char *devsdk_http_answer_header(const devsdk_http_answer *, const char *name);

typedef void devsdk_http_done(void *arg, const devsdk_http_answer *);
/**
 * Send it, once. Where a kept connection breaks when it is used again it is sent on a new one; a POST or PATCH, which may
 * have been done, always goes on a new one, and never twice. @p done is called once, maybe
 * before this returns (then on the caller's thread).
 */
void devsdk_http_send(devsdk_http *, const devsdk_http_request *, devsdk_http_done *done,
                      void *arg);

/** @p text (@p n bytes) as it may stand in a path segment or a query value, at most @p size bytes with a NUL;
 * false where that is too little. Only letters, digits and "-._~" stay as they are. */
bool devsdk_http_escape(const char *text, size_t n, char *ret, size_t size);

#ifdef __cplusplus
}
#endif
#endif
