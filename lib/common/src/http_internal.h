/*
 * What the rooms of the HTTP server share. A call belongs to the thread that runs its handler; its
 * flags say who may answer it (http_call.c). It keeps a copy of everything the socket said, so it
 * may outlive the connection it came by.
 */
#ifndef EDGE_HTTP_INTERNAL_H
#define EDGE_HTTP_INTERNAL_H

#include <stdatomic.h>

#include "edge/http.h"
#include "edge/thread.h"

struct MHD_Connection;
struct MHD_Daemon;
struct edge_counter;
struct edge_histogram;

enum {
    HTTP_MAX_PARAMS = 8,
    HTTP_MAX_HEADERS = 64,
    HTTP_MAX_TARGET = 4096,
    HTTP_DRAINED_BODY = 16 * 1024 * 1024, /* what we read of a refused body before hanging up */
};

/* ---- routes (http_route.c) --------------------------------------------------------------- */

/* In the order Allow shows them. */
#define HTTP_METHOD_LIST(X) X(OPTIONS) X(DELETE) X(GET) X(PATCH) X(POST) X(PUT) X(HEAD)
enum http_method {
#define X(name) HTTP_##name,
    HTTP_METHOD_LIST(X)
#undef X
        HTTP_METHOD_COUNT,
    HTTP_OTHER = HTTP_METHOD_COUNT
};
enum http_method http_method_of(const char *name);
const char *http_method_name(enum http_method method);

struct http_slice {
    const char *text;
    size_t len;
};
/* A row as it is looked up. */
struct http_endpoint {
    const struct edge_route *row;
    struct http_slice names[HTTP_MAX_PARAMS];
    size_t n_names;
};
struct http_match {
    const struct http_endpoint *end;           /* NULL: no route */
    struct http_slice params[HTTP_MAX_PARAMS]; /* still escaped, as many as end->n_names */
    unsigned methods; /* 1 << enum http_method, of every route with this path; 0: unknown path */
};

struct http_router *http_router_create(void);
void http_router_free(struct http_router *router);
/** INTERNAL names the row that is malformed or there twice. */
enum edge_status http_router_add(struct edge_ctx *ctx, struct http_router *router,
                                 const struct edge_routes *routes);
/** Match the raw path (contract 2.1). */
void http_router_match(const struct http_router *router, enum http_method method, const char *path,
                       size_t len, struct http_match *ret);

/* ---- the target (http_target.c) ---------------------------------------------------------- */

struct http_pair {
    const char *name, *value;
};
/** INVALID where a target is not in the form every hop reads alike. */
enum edge_status http_target_check(struct edge_ctx *ctx, const char *target);
/** Decode a query that passed the check. */
struct http_pair *http_query_parse(struct edge_arena *a, const char *query, size_t *ret_n);

/* ---- one call (http_call.c) -------------------------------------------------------------- */

enum http_call_flags {
    HTTP_FINISHED = 1 << 0, /* the outcome is there */
    HTTP_PARKED = 1 << 1,   /* its connection sleeps, or its caller waits */
    HTTP_GIVEN_UP = 1 << 2, /* answered without an outcome */
};
enum http_stage { HTTP_AT_HEAD, HTTP_AT_BODY, HTTP_AT_WORK };

struct edge_call {
    struct edge_ctx ctx;
    struct edge_http *http;
    struct http_conn *conn;
    struct MHD_Connection *mhd; /* NULL: from this process */

    /* The request. All of it is a copy, so that the call may outlive its connection. */
    const char *method, *target, *query; /* query: behind '?', or "" */
    size_t path_len;
    const struct edge_route *route; /* NULL: none was found */
    const struct http_endpoint *end;
    const char *params[HTTP_MAX_PARAMS];
    struct http_pair *headers, *queries;
    size_t n_headers, n_queries;
    struct edge_buf body;
    size_t announced, max_body, n_received;
    int64_t body_since_ms;
    bool has_body;
    bool given_id; /* the client named the correlation id */

    /* The reply. */
    struct edge_buf reply;
    int code;
    const char *type, *request_id, *allow;
    bool typed;   /* the handler chose the type: it is told even of an empty body */
    bool settled; /* it is there already, no handler runs */
    bool close;   /* the connection ends with it */
    bool preflight;

    /* Its life. */
    enum http_stage stage;
    uintptr_t raw_target; /* where the request line had it */
    int64_t started_ns;
    edge_handler *work; /* what a worker shall run */
    enum edge_status outcome;
    atomic_uint flags, refs;
    struct edge_cond done; /* of a caller in this process */
    bool has_done, holds_http;
    const char *late_text;                        /* the answer of a call that was given up */
    int64_t give_up_ms;                           /* monotonic; 0: never */
    struct edge_call *next_parked, **parked_link; /* guarded by the server's lock */
};

/** What a handler needs and nobody else has: state, arena, reply. Counted as open. */
struct edge_call *http_call_new(struct edge_http *http);
void http_call_unref(struct edge_call *call);
/** Copy the target; where it is refused, the call is settled. */
void http_call_set_target(struct edge_call *call, const char *target);
/** The correlation id is as given where that is sound, else new. */
void http_call_set_correlation(struct edge_call *call, const char *given);
/** Find the route; where there is none, the call is settled. */
void http_call_find_route(struct edge_call *call, enum http_method method);
/** Settle with 413. */
void http_call_too_large(struct edge_call *call);
/** Run the handler, or have it run. True: the outcome is there; else park the call. */
bool http_call_run(struct edge_call *call);
/** The call sleeps until it is woken. False: it was finished meanwhile. */
bool http_call_park(struct edge_call *call);
/** Take it from the list of parked calls. */
void http_call_unpark(struct edge_call *call);
bool http_call_is_given_up(const struct edge_call *call);
/** Make the reply of the outcome, log it and count it; or, of a call that was given up, log that.
 */
void http_call_settle(struct edge_call *call);

/* ---- replies (http_reply.c) -------------------------------------------------------------- */

/** The error envelope of the context's failure, as whole reply. */
void http_reply_failure(struct edge_call *call, enum edge_status st, int code, bool full_chain);
/** {"message": text}, as the official framework answers for itself. */
void http_reply_plain(struct edge_call *call, int code, const char *message);
/** A BaseResponse but for the closing brace; empty members are left out. */
void http_put_base(struct edge_buf *out, const char *request_id, const char *message, int code);
/** The part of the failure text that clients see. */
const char *http_shown_message(struct edge_ctx *ctx, enum edge_status st, bool full_chain);

typedef void http_header_sink(void *arg, const char *name, const char *value);
/** Visit the CORS headers of the reply (contract 2.8). */
void http_cors_headers(const struct edge_call *call, http_header_sink *add, void *arg);

/* ---- what a socket may say (http_guard.c) ------------------------------------------------ */

/** Copy the headers and refuse what hops may read differently; false: settled, close. */
bool http_guard_head(struct edge_call *call, const char *version);

/* ---- the server (http_server.c) and its loops (http_loop.c) ------------------------------ */

/* Belongs to the thread of its loop. */
struct http_conn {
    struct http_conn *next, **link;
    struct http_loop *loop;
    int fd;
    int64_t deadline_ms; /* monotonic; 0: none */
};

struct http_loop {
    struct edge_http *http;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    struct http_conn *conns;
    int64_t watched_ms;
    bool has_room; /* a connection has ended */
    int wake_fd;
    atomic_bool woken; /* it will look without being told again */
};

struct edge_http {
    struct edge_http_config config;
    struct http_router *router;
    struct http_loop *loops; /* config.threads of them */
    int fd;                  /* listens */
    uint16_t port;
    int64_t tick_ms; /* between two looks at the deadlines */
    struct edge_counter *requests;
    struct edge_histogram *duration;

    atomic_bool stopping; /* no keep-alive any more */
    atomic_bool closing;  /* nothing sleeps any more */
    atomic_bool ended;    /* the loops end */
    atomic_uint n_open;   /* calls without an answer yet */

    struct edge_mutex lock;
    struct edge_cond changed;
    unsigned refs EDGE_GUARDED; /* the owner, and who may outlive it */
    struct edge_call *parked EDGE_GUARDED;
};

void http_ref(struct edge_http *http);
void http_unref(struct edge_http *http);
/** A call has its answer. */
void http_call_ended(struct edge_http *http);
void http_loop_init(struct http_loop *loop, struct edge_http *http);
void http_loop_done(struct http_loop *loop);
/** Have it look around. Any thread. */
void http_loop_wake(struct http_loop *loop);
/** Wake the connection of a parked call. Any thread that holds the call. */
void http_loop_resume(struct edge_call *call);
void http_loop_start(struct http_loop *loop);
void http_loop_join(struct http_loop *loop);
/** Wake a parked call without an outcome; @p text is its answer (503). */
void http_give_up(struct edge_http *http, struct edge_call *call, const char *text)
    EDGE_REQUIRES(http->lock);
void http_give_up_all(struct edge_http *http, const char *text) EDGE_REQUIRES(http->lock);

#endif
