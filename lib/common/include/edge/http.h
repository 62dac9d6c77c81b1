/**
 * The HTTP server: a route table behind epoll loops. The dispatcher does what all routes share: path
 * matching (contract 2.1), limits, deadlines and the memory budget, correlation id, error envelope,
 * access log, metrics. A handler tells the story of one request: check, act, reply.
 *
 * A handler runs on the server's event thread, so it may compute and read, not wait. One that waits
 * (for a device, a neighbour, a commit) either says so in its route row (EDGE_ROUTE_WAITS: it runs
 * on the worker pool) or returns EDGE_PENDING and has edge_call_finish() called later, by any
 * thread.
 */
#ifndef EDGE_HTTP_H
#define EDGE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/buf.h"
#include "edge/ctx.h"
#include "edge/route.h"

struct edge_budget;
struct edge_http;
struct edge_log;
struct edge_metrics;
struct edge_pool;

/** What browsers of other origins may do (contract 2.8); max_age in seconds. */
struct edge_cors {
    bool enable, allow_credentials;
    const char *allowed_origin, *allowed_methods, *allowed_headers, *expose_headers;
    int64_t max_age;
};

/* ---- the request ------------------------------------------------------------------------- */

struct edge_ctx *edge_call_ctx(struct edge_call *call);
/** The service's state (edge_http_config.state). */
void *edge_call_state(struct edge_call *call);
const char *edge_call_method(const struct edge_call *call);
/** The row it came by; for handlers that several rows share. */
const struct edge_route *edge_call_route(const struct edge_call *call);
/** Decoded path parameter by its name in the route; never NULL or "" (an empty segment is a 400). */
const char *edge_call_param(const struct edge_call *call, const char *name);
/** Decoded query parameter, NULL where absent; the first of several. */
const char *edge_call_query(const struct edge_call *call, const char *name);
/** The raw query string without '?', "" if none. */
const char *edge_call_query_string(const struct edge_call *call);
/** Query parameters in the order they came: NULL at the end. */
const char *edge_call_query_at(const struct edge_call *call, size_t i, const char **ret_value);
/** The first header of that name, in any case; NULL where absent. */
const char *edge_call_header(const struct edge_call *call, const char *name);
/** A NUL stands behind the last byte. */
const void *edge_call_body(const struct edge_call *call, size_t *ret_size);
/** The body as a tree; INVALID as contract 2.5 says. */
enum edge_status edge_call_json(struct edge_call *call, const cJSON **ret);

/** offset, limit and labels with the rules and texts of contract 2.6. */
struct edge_page {
    int64_t offset, limit;
    const char **labels;
    size_t n_labels;
};
/** The route's row has rows of these parameters. limit -1 is turned into max_result_count. */
enum edge_status edge_call_page(struct edge_call *call, struct edge_page *ret);
/**
 * An integer, not below what the parameter's row says: of the path where the route has one of that
 * name, else of the query, which leaves *ret as it is where absent or blank. Texts of contract 2.6.
 */
enum edge_status edge_call_param_int(struct edge_call *call, const char *name, int64_t *ret);
/** True only for the literal "true". */
bool edge_call_query_is_true(const struct edge_call *call, const char *name);
/** The rule behind a page (contract 2.6): OUT_OF_RANGE beyond the total, n 0: nothing to read. */
enum edge_status edge_page_check(struct edge_ctx *ctx, const struct edge_page *page, int64_t total,
                                 int64_t *ret_n);

/* ---- the reply --------------------------------------------------------------------------- */

/** Where the body goes; a handler that returns a failure has it replaced by the error envelope. */
struct edge_buf *edge_reply_body(struct edge_call *call);
void edge_reply_code(struct edge_call *call, int http_code); /* default 200 */
/** Content-Type. Default: application/json, and none where the body is empty. */
void edge_reply_type(struct edge_call *call, const char *content_type);
/** Echoed in this call's envelopes ("requestId"). */
void edge_call_set_request_id(struct edge_call *call, const char *request_id);

/** BaseResponse with @p http_code; message may be NULL. */
enum edge_status edge_reply_base(struct edge_call *call, int http_code, const char *message);
/** BaseWithId: 201. */
enum edge_status edge_reply_id(struct edge_call *call, const char *id);
/** {"apiVersion","statusCode":200,"<key>":<obj>} */
enum edge_status edge_reply_object(struct edge_call *call, const char *key,
                                   const struct edge_dto *dto, const void *obj);
/** The same around JSON text that is there already (a stored document). */
enum edge_status edge_reply_text(struct edge_call *call, const char *key, const char *json);
/** Whole body from a DTO. */
enum edge_status edge_reply_dto(struct edge_call *call, const struct edge_dto *dto,
                                const void *obj);
/**
 * Opens {"apiVersion","statusCode":200,"totalCount":n,"<key>":[ ; write elements, then close. A
 * negative @p total is left out.
 */
void edge_reply_list_open(struct edge_call *call, const char *key, int64_t total);
void edge_reply_list_item(struct edge_call *call); /* the comma, before each element */
enum edge_status edge_reply_list_close(struct edge_call *call);

/**
 * Writes what comes next of the body, and *ret_done = true with the last of it. Runs where the
 * handler ran, each time the peer has taken what was written before; what it needs lives in the
 * call's arena (the request's body is gone). UNAVAILABLE: it is asked again later; any other failure
 * breaks the answer off.
 */
typedef enum edge_status edge_reply_source(struct edge_call *call, bool *ret_done);
/**
 * The body goes on with what @p source writes, once the handler has returned EDGE_OK: an answer of
 * any length of which no more than a piece is in memory. A short one is sent as any other, a longer
 * one in chunks.
 */
void edge_reply_stream(struct edge_call *call, edge_reply_source *source, void *arg);
void *edge_call_source_arg(const struct edge_call *call);
/**
 * About to use @p bytes of memory for the reply or on the way to it: UNAVAILABLE (a 503 with
 * Retry-After) where the budget does not have them. Taken until the reply is there; again with
 * another number replaces it. More than one request may ever have is as good as that.
 */
enum edge_status edge_call_reserve(struct edge_call *call, size_t bytes);
/**
 * Is there memory for what was made so far (the reply and the context's arena)? Between the elements
 * of a list that is built whole. UNAVAILABLE as above, or where nobody waits for the answer any more;
 * TOO_LARGE where no answer may ever be so long.
 */
enum edge_status edge_reply_check(struct edge_call *call);
/** When it came (edge_now_mono_ms). */
int64_t edge_call_began_ms(const struct edge_call *call);
/** Nobody waits for the outcome any more: work that takes long may end. Any thread. */
bool edge_call_is_abandoned(const struct edge_call *call);

/** Batches (contract 2.5): one handler per item; its reply goes into the 207 array. */
struct edge_item {
    const char *request_id;
    const char *id; /* set by the handler: BaseWithId */
    int code;       /* set by the handler; default 200 */
};
typedef enum edge_status edge_item_handler(struct edge_call *call, void *object,
                                           struct edge_item *item);
/**
 * Decode every element as @p request (its first members must be an edge_base_request), 400 unless
 * all are sound, then @p each in order, which may wait: the route row says EDGE_ROUTE_WAITS.
 */
enum edge_status edge_each_decoded(struct edge_call *call, const struct edge_dto *request,
                                   edge_item_handler *each);
/** What @p each of a batch is run in: calls it once, before or after doing more. */
typedef enum edge_status edge_item_runner(struct edge_call *call, edge_item_handler *each,
                                          void *object, struct edge_item *item);
enum edge_status edge_each_decoded_in(struct edge_call *call, const struct edge_dto *request,
                                      edge_item_runner *run, edge_item_handler *each);

typedef enum edge_status edge_patch_handler(struct edge_call *call, const cJSON *patch,
                                            struct edge_item *item);
/**
 * PATCH batches: each element {apiVersion!, requestId, <key>: {...}}, named by id or name. All are
 * first tried on empty objects of @p dto, so one bad item is a 400 before any is applied. @p each
 * gets the object behind @p key.
 */
enum edge_status edge_each_patch(struct edge_call *call, const char *key,
                                 const struct edge_dto *dto, edge_patch_handler *each);
typedef enum edge_status edge_patch_runner(struct edge_call *call, edge_patch_handler *each,
                                           const cJSON *patch, struct edge_item *item);
enum edge_status edge_each_patch_in(struct edge_call *call, const char *key,
                                    const struct edge_dto *dto, edge_patch_runner *run,
                                    edge_patch_handler *each);

/**
 * Ends a call whose handler returns EDGE_PENDING, be it before or after that return: same meaning
 * of @p st as a handler's return. Once, from any thread; the call is gone afterwards.
 */
void edge_call_finish(struct edge_call *call, enum edge_status st);
/** Run fn(call) on the service's worker pool and return EDGE_PENDING; UNAVAILABLE where it is full.
 */
enum edge_status edge_call_on_worker(struct edge_call *call, edge_handler *fn);

/* ---- the server -------------------------------------------------------------------------- */

/** TLS of a server: PEM files. TLS 1.2 or later. */
struct edge_http_tls {
    const char *cert_file; /* the certificate, and behind it those that lead to its CA */
    const char *key_file;  /* its key, without a passphrase */
    const char
        *client_ca_file; /* who signs the certificates that clients must show; NULL: no need */
};

struct edge_http_config {
    const char *service; /* name in envelopes, logs and metrics */
    const char *host;    /* address to bind, "localhost", "0.0.0.0", ...; NULL: loopback */
    uint16_t port;       /* 0: any free one, see edge_http_port() */
    struct edge_routes routes, common_routes; /* the service's, and those every service has */
    void *state;
    struct edge_pool *pool;
    struct edge_metrics *metrics;
    const struct edge_log *log;
    struct edge_budget *budget; /* of bodies and answers, shared; NULL: one of its own, 64 MiB */
    unsigned threads;           /* 0: one per core */
    unsigned max_connections;   /* 0: 1024; idle ones give way to new ones */
    size_t max_body;            /* bytes, of any route; 0: what each takes, or 1 MiB */
    int64_t max_result_count;   /* Service.MaxResultCount */
    int64_t request_timeout_ms; /* 503 "request timeout" for calls that wait; 0: none */
    bool full_chain; /* error texts are the whole chain (device services, contract 2.4) */
    const struct edge_cors *cors;    /* NULL: off (contract 2.8) */
    const struct edge_http_tls *tls; /* NULL: plain HTTP */
    /**
     * Asked before every handler but those of EDGE_ROUTE_OPEN rows and calls from this process;
     * NULL lets everybody in. UNAUTHORIZED without a text becomes the bare 401 of contract 2.9.
     */
    enum edge_status (*authenticate)(struct edge_call *call, void *arg);
    void *authenticate_arg;
    /* Time for a head, for a body (plus 1 s per 64 KiB), and until the next request; 0: 5, 10, 15 s
     */
    int64_t header_deadline_ms, body_deadline_ms, idle_timeout_ms;
};

/** Strings, tables and objects of @p config outlive the server, @p config itself need not.
 * UNAVAILABLE with a text naming the address where it cannot be bound. */
enum edge_status edge_http_start(struct edge_ctx *ctx, const struct edge_http_config *config,
                                 struct edge_http **ret);
uint16_t edge_http_port(const struct edge_http *http);
/**
 * Read the files of a server with TLS again, for connections that begin from now on. A failure names the
 * file and leaves the server with what it has. Any thread.
 */
enum edge_status edge_http_renew(struct edge_ctx *ctx, struct edge_http *http,
                                 const struct edge_http_tls *tls);
/** Stop listening, and hurry those that send or read slowly: the first half of a stop. */
void edge_http_refuse(struct edge_http *http);
/**
 * Stop listening; wait up to @p drain_ms for calls under way, then answer the rest with 503; free.
 * Who keeps a call still finishes it, before what its handler uses ends.
 */
void edge_http_stop(struct edge_http *http, int64_t drain_ms);

struct edge_http_header {
    const char *name, *value;
};

/** A request that did not come by a socket: a neighbour in the same process. */
struct edge_http_request {
    const char *method, *target; /* "/api/v3/device/name/a?x=y", escaped as on the wire */
    const char *content_type;    /* of the body; NULL: application/json */
    const char *correlation_id;
    const void *body;
    size_t body_size;
    bool code_only; /* a socket's answer: its body is passed over, and cut short where it is long */
    bool follow;    /* a GET or HEAD goes on where a redirect points to, five times at most */
    bool wants_headers;                     /* of the answer */
    bool unpacks;                           /* a socket's answer may come compressed */
    size_t answer_max;                      /* bytes of a socket's answer; 0: EDGE_ANSWER_MAX */
    const struct edge_http_header *headers; /* further ones; they go before the peer's */
    size_t n_headers;
};
enum { EDGE_ANSWER_MAX = 32 * 1024 * 1024 }; /* bytes of what answers one of us */

struct edge_http_response {
    int code;
    const char *content_type;
    const char *body; /* NUL-terminated; never NULL */
    size_t body_size;
    bool busy; /* it says when to come again */
    const char
        *redirect; /* of a socket's redirect that was not followed: to where; NULL: nowhere */
    /* Where they were wanted: the first 64, of 16 KiB in all, in the order they came. */
    const struct edge_http_header *headers;
    size_t n_headers;
};
/** The first header of that name, in any case; NULL where absent. */
const char *edge_http_response_header(const struct edge_http_response *response, const char *name);
/**
 * Run @p req through the route table on the calling thread, as if it had come by a socket; waits
 * for calls that finish later. The response lives in the context's arena.
 */
void edge_http_call(struct edge_http *http, struct edge_ctx *ctx,
                    const struct edge_http_request *req, struct edge_http_response *ret);

#endif
