/*
 * What the files of the HTTP server share. A call belongs to the thread that runs its handler; its
 * flags say who may answer it (http_run.c). It keeps a copy of everything the socket said, so it
 * may outlive the connection it came by. A connection belongs to the thread of its loop, and ends
 * whatever it holds when it ends itself.
 */
#ifndef EDGE_HTTP_INTERNAL_H
#define EDGE_HTTP_INTERNAL_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "edge/http.h"
#include "edge/thread.h"

struct edge_budget;
struct edge_counter;
struct edge_gauge;
struct edge_histogram;
struct http_tls;

enum {
    HTTP_MAX_PARAMS = 8,
    HTTP_MAX_HEADERS = 64,
    HTTP_MAX_TARGET = 4096,
    HTTP_MAX_LINE = 8 * 1024,             /* a request line */
    HTTP_MAX_HEAD = 16 * 1024,            /* all of a head */
    HTTP_DRAINED_BODY = 16 * 1024 * 1024, /* what we read of a refused body before hanging up */
    HTTP_PIECE = 32 * 1024,               /* of an answer that is made as it is read */
    HTTP_READ = 64 * 1024,                /* of a body, at once */
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
struct http_slice {
    const char *text;
    size_t len;
};
enum http_method http_method_of(const char *name);
const char *http_method_name(enum http_method method);

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
/** The path and query of a target in absolute form ("http://host/path?query", RFC 9112, 3.2.2); any
 * other as it is. */
const char *http_target_origin(struct edge_arena *a, const char *target);
/** Decode a query that passed the check. */
struct http_pair *http_query_parse(struct edge_arena *a, const char *query, size_t *ret_n);

/* ---- the body in the stream (http_body.c) ------------------------------------------------ */

enum http_body_state {
    HTTP_BODY_LENGTH, /* of a known length */
    HTTP_BODY_SIZE,   /* chunks, in the order of their parts */
    HTTP_BODY_BLANKS,
    HTTP_BODY_EXTENSION,
    HTTP_BODY_SIZE_END,
    HTTP_BODY_CHUNK,
    HTTP_BODY_CHUNK_END,
    HTTP_BODY_CHUNK_LF,
    HTTP_BODY_TRAILER,
    HTTP_BODY_TRAILER_END,
    HTTP_BODY_LAST,
    HTTP_BODY_DONE,
    HTTP_BODY_BAD, /* fault says why */
};

struct http_body {
    enum http_body_state state;
    size_t left; /* of the body or the chunk */
    size_t n_digits, framing;
    bool in_line; /* of a trailer */
    const char *fault;
};

void http_body_init(struct http_body *b, bool chunked, size_t length);
/** How many of the bytes were taken; *ret_data of them, the last ones, are data. */
size_t http_body_take(struct http_body *b, const char *bytes, size_t n, size_t *ret_data);

/* ---- one call (http_call.c) -------------------------------------------------------------- */

enum http_call_flags {
    HTTP_FINISHED = 1 << 0, /* the outcome is there */
    HTTP_PARKED = 1 << 1,   /* its connection sleeps, or its caller waits */
    HTTP_GIVEN_UP = 1 << 2, /* nobody waits for the outcome any more */
};

struct edge_call {
    struct edge_ctx ctx;
    struct edge_http *http;
    struct http_loop *loop; /* NULL: from this process */
    struct http_conn *conn; /* NULL: none, or it has ended; the loop's */

    /* The request. All of it is a copy, so that the call may outlive its connection. */
    const char *method, *target, *query; /* query: behind '?', or "" */
    enum http_method known_method;
    size_t path_len;
    const struct edge_route *route; /* NULL: none was found */
    const struct http_endpoint *end;
    const char *params[HTTP_MAX_PARAMS];
    struct http_pair *headers, *queries;
    size_t n_headers, n_queries;
    struct edge_buf body;
    struct http_body framing;
    size_t announced, max_body, n_received;
    int64_t body_since_ms;
    bool has_body, is_10; /* HTTP/1.0 */
    bool asks;            /* to be told to go on before it sends the body */
    bool given_id;        /* the client named the correlation id */

    /* The reply. */
    struct edge_buf reply;
    int code;
    const char *type, *request_id, *allow;
    bool has_items; /* of the list that is open */
    bool typed;     /* the handler chose the type: it is told even of an empty body */
    bool settled;   /* it is there already, no handler runs */
    bool close;     /* the connection ends with it */
    bool preflight;
    bool busy;                 /* the client shall come again soon */
    edge_reply_source *source; /* writes the rest of the body; NULL: there is none */
    void *source_arg;
    bool drained;   /* it has written all of it */
    bool starved;   /* there was no memory for its next piece */
    bool streaming; /* the answer is longer than a piece */

    /* Its life. */
    size_t charged, base_charge; /* bytes of the budget; the base: head and state */
    int64_t started_ns;
    edge_handler *work; /* what a worker shall run */
    enum edge_status outcome;
    atomic_uint flags, refs;
    struct edge_cond done; /* of a caller in this process */
    bool has_done, holds_http;
    const char *late_text;                        /* the answer of a call that was given up */
    int64_t give_up_ms;                           /* monotonic; 0: never */
    struct edge_call *next_parked, **parked_link; /* guarded by the server's lock */
    struct edge_call *next_woken;                 /* guarded by the loop's lock */
};

/** What a handler needs and nobody else has: state, arena, reply. Counted as open. */
struct edge_call *http_call_new(struct edge_http *http);
void http_call_unref(struct edge_call *call);
/** Copy the target; where it is refused, or asks the server as a whole, the call is settled. */
void http_call_set_target(struct edge_call *call, const char *target);
/** The correlation id is as given where that is sound, else new. */
void http_call_set_correlation(struct edge_call *call, const char *given);
/** Find the route; where there is none, the call is settled. */
void http_call_find_route(struct edge_call *call, enum http_method method);
/** Settle with 413. */
void http_call_too_large(struct edge_call *call);
/** Settle with @p code and end the connection: nobody knows where the next request begins. */
void http_call_refuse(struct edge_call *call, int code, const char *why);
/** There is no memory or worker for it: a failure of its context, and counted. */
enum edge_status http_call_refuse_for_now(struct edge_call *call, const char *why);
/** Settle with 503: there is no memory for it. */
void http_call_no_room(struct edge_call *call);
/** Have its share of the budget be @p bytes; false: there is not that much. */
bool http_call_charge(struct edge_call *call, size_t bytes);
/** The same for a guess, of which no more counts than one call may have at all. */
bool http_call_charge_guess(struct edge_call *call, size_t bytes);
/** The reply's memory is what it holds, not what it had room for. */
void http_call_trim(struct edge_call *call);
/** JSON ends with a newline, where it is whole. */
void http_call_end_line(struct edge_call *call);
bool http_call_is_given_up(const struct edge_call *call);

/* ---- replies (http_reply.c) -------------------------------------------------------------- */

/** The error envelope of the context's failure, as whole reply. */
void http_reply_failure(struct edge_call *call, enum edge_status st, int code, bool full_chain);
/** Reason phrase of a status code. */
const char *http_reason(int code);
/** {"message": text}, as the official framework answers for itself. */
void http_reply_plain(struct edge_call *call, int code, const char *message);
/** A BaseResponse but for the closing brace; empty members are left out. */
void http_put_base(struct edge_buf *out, const char *request_id, const char *message, int code);
/** The part of the failure text that clients see. */
const char *http_shown_message(struct edge_ctx *ctx, enum edge_status st, bool full_chain);

typedef void http_header_sink(void *arg, const char *name, const char *value);
/** Visit the CORS headers of the reply (contract 2.8). */
void http_cors_headers(const struct edge_call *call, http_header_sink *add, void *arg);

/* ---- request heads (http_head.c) --------------------------------------------------------- */

/** Length of the head the bytes begin with, its empty line included; 0: it is not whole. @p scanned
 * keeps how far that was looked for. */
size_t http_head_length(const char *bytes, size_t n, size_t *scanned);
/** Copy what a whole head says and refuse what hops may read differently; false: settled, close. */
bool http_head_read(struct edge_call *call, const char *bytes, size_t n);

/* ---- answers made as they are read (http_stream.c) ---------------------------------------- */

/** Have the source write up to a piece into the reply; by the thread that runs the call. */
enum edge_status http_stream_fill(struct edge_call *call);
/** The rest into the reply, however long: for a caller in this process. */
enum edge_status http_stream_drain(struct edge_call *call);

/* ---- connections (http_conn.c) ----------------------------------------------------------- */

/* In the order in which they give way when there are no slots left, the oldest of each first; those
 * behind HTTP_CONN_STAYS never do. */
enum http_conn_state {
    HTTP_CONN_LINGER, /* answered for the last time; what the peer still sends is dropped */
    HTTP_CONN_LEFT,   /* the peer sends no more, or is gone, while its call is at work */
    HTTP_CONN_IDLE,   /* between requests */
    HTTP_CONN_HEAD,   /* in a request's head */
    HTTP_CONN_STAYS,
    HTTP_CONN_BODY = HTTP_CONN_STAYS,
    HTTP_CONN_WORK, /* the call sleeps */
    HTTP_CONN_SEND, /* the answer is being sent */
    HTTP_CONN_DEAD, /* closed, freed at the end of the turn */
    HTTP_CONN_STATES
};

/* What is being sent. */
struct http_out {
    struct edge_buf head;             /* status line and headers, or the size of a chunk */
    const char *body, *tail;          /* of the call or constant */
    size_t head_at, body_at, tail_at; /* sent so far */
    size_t body_len, tail_len;
};

/* Belongs to the thread of its loop. */
struct http_conn {
    TAILQ_ENTRY(http_conn) entry; /* of its state's queue */
    enum http_conn_state state;
    struct http_loop *loop;
    int fd;
    struct http_tls *tls;   /* NULL: plain, or no more */
    int64_t opened_ms;      /* with TLS: the first head is due from here on; 0: it came, or plain */
    uint32_t events;        /* asked of epoll */
    struct edge_buf in;     /* read and not understood yet */
    size_t scanned;         /* of it, for the end of a head */
    size_t charged;         /* bytes of the budget, for it */
    size_t drained;         /* what was dropped while lingering */
    struct edge_call *call; /* NULL: none is under way */
    struct http_out out;
    const char *unsaid;  /* the rest of what stands before the next answer; NULL: nothing */
    bool chunked, close; /* the answer that is being sent */
    bool more;           /* and its call's source has more of it */
    bool starved;        /* the answer's next piece waits for memory */
    int64_t deadline_ms; /* monotonic; 0: none */
    int64_t moved_ms;    /* when bytes went in or out last that are worth mentioning */
    size_t trickled;     /* bytes since then */
    uint64_t looked;     /* the loop's n_looks when it was ticked last */
};

void http_conn_open(struct http_loop *loop, int fd);
void http_conn_close(struct http_conn *conn);
/** epoll has @p events for it. */
void http_conn_ready(struct http_conn *conn, uint32_t events);
/** Its call is awake again. */
void http_conn_wake(struct http_conn *conn);
/** The server is stopping: what is under way on it has little time left. */
void http_conn_hurry(struct http_conn *conn);
/** What time does: deadlines, peers that left, memory that somebody needs. */
void http_conn_tick(struct http_conn *conn, bool pressed);

/* ---- answers as bytes (http_answer.c) ------------------------------------------------------ */

/** Settle the connection's call and make ready to send its answer, or, of one that was given up, that
 * it is late. */
void http_answer_make(struct http_conn *conn);
/** The piece that its source has written since. */
void http_answer_piece(struct http_conn *conn);

/* ---- the server (http_server.c) and its loops (http_loop.c) ------------------------------ */

TAILQ_HEAD(http_conn_queue, http_conn);

struct http_loop {
    struct edge_http *http;
    pthread_t thread;
    int epoll_fd, wake_fd;
    struct http_conn_queue conns[HTTP_CONN_STATES];
    unsigned n_conns;
    unsigned n_orphans; /* calls that are on their way here while their connection has ended */
    int64_t now_ms, watched_ms;
    uint64_t n_looks;
    time_t date_s;
    char date[32]; /* of now, as headers have it */
    bool listens, pressed;
    atomic_bool woken;        /* it will look without being told again */
    atomic_bool shall_accept; /* for another one that has no slots to give */
    struct edge_mutex lock;
    struct edge_call *awake EDGE_GUARDED; /* calls whose connection shall go on, newest first */
    char scratch[HTTP_READ];
};

struct edge_http {
    struct edge_http_config config;
    struct http_router *router;
    struct http_loop *loops; /* config.threads of them */
    int fd;                  /* listens */
    uint16_t port;
    int64_t tick_ms;            /* between two looks at the deadlines */
    struct edge_budget *budget; /* a reference */
    struct edge_counter *requests, *refused;
    struct edge_gauge *memory, *memory_peak;
    struct edge_histogram *duration;

    atomic_bool stopping; /* no keep-alive any more */
    atomic_bool closing;  /* nothing sleeps any more */
    atomic_bool ended;    /* the loops end */
    atomic_uint n_open;   /* calls whose answer is not out yet */
    atomic_uint n_conns;  /* of all loops */

    struct edge_mutex lock;
    struct edge_cond changed;
    void *tls_context EDGE_GUARDED; /* of connections to come (http_tls.c); NULL: plain */
    unsigned refs EDGE_GUARDED;     /* the owner, and who may outlive it */
    struct edge_call *parked EDGE_GUARDED;
};

enum edge_status http_loop_init(struct edge_ctx *ctx, struct http_loop *loop,
                                struct edge_http *http);
void http_loop_start(struct http_loop *loop);
void http_loop_join(struct http_loop *loop);

/* ---- the life of a call (http_run.c) ------------------------------------------------------- */

/** Run the handler, or have it run. True: the outcome is there; else park the call. */
bool http_call_run(struct edge_call *call);
/** The call sleeps until it is woken. False: it was finished meanwhile. */
bool http_call_park(struct edge_call *call);
/** Take it from the list of parked calls. */
void http_call_unpark(struct edge_call *call);
/** The peer of a parked call is gone. False: its outcome is on its way to the loop. */
bool http_call_abandon(struct edge_call *call);
/** Have the source of an answered call write the next piece; as http_call_run(). */
bool http_call_run_more(struct edge_call *call);
void http_call_log_broken(struct edge_call *call);
/** Make the reply of the outcome, log it and count it; or, of a call that was given up, log that.
 */
void http_call_settle(struct edge_call *call);
/** Wake a parked call without an outcome; @p text is its answer (503). */
void http_give_up(struct edge_http *http, struct edge_call *call, const char *text)
    EDGE_REQUIRES(http->lock);
void http_give_up_all(struct edge_http *http, const char *text) EDGE_REQUIRES(http->lock);

/* ---- what calls and connections need of them (http_shared.c) ------------------------------- */

void http_ref(struct edge_http *http);
void http_unref(struct edge_http *http);
/** A call has its answer. */
void http_call_ended(struct edge_http *http);
void http_loop_done(struct http_loop *loop);
/** Have it look around. Any thread. */
void http_loop_wake(struct http_loop *loop);
/** Wake the connection of a parked call. Any thread that holds the call. */
void http_loop_resume(struct edge_call *call);
/** Of now, for a Date header. */
const char *http_loop_date(struct http_loop *loop);
/** With the last reference. */
void http_free(struct edge_http *http);

#endif
