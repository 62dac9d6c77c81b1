/*
 * The client: which peers are served by this process (a function call into their route table),
 * which are reached by a socket (transfer.c), and what to do when they are not: try again while
 * that can help, and leave a peer that keeps failing alone for a second.
 */
#include "edge/client.h"
#include "edge/backoff.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client_peer.h"
#include "edge/clock.h"
#include "edge/pool.h"
#include "edge/thread.h"
#include "transfer.h"

enum {
    BREAKER_FAILURES = 5, /* in a row */
    BREAKER_OPEN_MS = 1000,
    BREAKER_FORGET_MS = 60000,
    RETRY_FIRST_MS = 50,
    RETRY_LONGEST_MS = 1000,
};

/* A peer served by this process. */
struct local {
    struct local *next;
    char *base_url;
    struct edge_http *http; /* NULL: no longer */
    unsigned n_calls;
};

/* A peer that failed lately; no entry is a healthy one. */
struct breaker {
    struct breaker *next;
    char *base_url;
    unsigned failures;
    int64_t failed_at;
    int64_t open_until; /* 0: closed */
    bool probing;       /* one call is out to see whether it is back */
};

struct edge_client {
    struct edge_mutex lock;
    struct edge_cond changed; /* a call ended, or the client is closing */
    struct client_peers *peers;
    bool has_peers; /* of its own */
    struct local *locals EDGE_GUARDED;
    struct breaker *breakers EDGE_GUARDED;
    struct edge_transfers *transfers EDGE_GUARDED; /* NULL until a socket is needed */
    unsigned n_callers EDGE_GUARDED;
    bool closing EDGE_GUARDED;
};

static void breaker_forget(struct breaker **at);

struct edge_client *edge_client_create(void)
{
    struct edge_client *c = edge_xalloc(1, sizeof(*c));
    edge_mutex_init(&c->lock);
    edge_cond_init(&c->changed);
    c->peers = client_peers_create();
    c->has_peers = true;
    return c;
}

struct edge_client *edge_client_create_beside(struct edge_client *other)
{
    struct edge_client *c = edge_client_create();
    client_peers_free(c->peers);
    c->peers = other->peers;
    c->has_peers = false;
    return c;
}

/* The loop to end; NULL where there is none, or where it has been told already. */
static struct edge_transfers *begin_closing(struct edge_client *c)
{
    EDGE_LOCK(&c->lock);
    struct edge_transfers *transfers = c->closing ? NULL : c->transfers;
    c->closing = true;
    edge_cond_broadcast(&c->changed);
    return transfers;
}

void edge_client_stop(struct edge_client *c)
{
    edge_transfers_stop(begin_closing(c));
}

/* Returns the loop nobody uses any more. */
static struct edge_transfers *forget_peers(struct edge_client *c)
{
    EDGE_LOCK(&c->lock);
    while (c->n_callers > 0) {
        edge_cond_wait(&c->changed, &c->lock);
    }
    while (c->locals) {
        struct local *next = c->locals->next;
        free(c->locals->base_url);
        free(c->locals);
        c->locals = next;
    }
    while (c->breakers) {
        breaker_forget(&c->breakers);
    }
    return c->transfers;
}

void edge_client_free(struct edge_client *c)
{
    if (!c) {
        return;
    }
    edge_client_stop(c);
    edge_transfers_free(forget_peers(c));
    if (c->has_peers) {
        client_peers_free(c->peers);
    }
    edge_cond_done(&c->changed);
    edge_mutex_done(&c->lock);
    free(c);
}

/* Slashes at the end do not make another peer. */
static const char *trimmed(struct edge_arena *a, const char *base_url)
{
    size_t len = strlen(base_url);
    while (len > 0 && base_url[len - 1] == '/') {
        len--;
    }
    return edge_strndup(a, base_url, len);
}

/* ---- peers in this process ------------------------------------------------------------------ */

static struct local *local_find(struct edge_client *c, const char *base_url) EDGE_REQUIRES(c->lock)
{
    struct local *l = c->locals;
    while (l && strcmp(l->base_url, base_url) != 0) {
        l = l->next;
    }
    return l;
}

void edge_client_attach(struct edge_client *c, const char *base_url, struct edge_http *http)
{
    EDGE_CTX_SCOPE(ctx);
    const char *base = trimmed(&ctx.arena, base_url);
    EDGE_LOCK(&c->lock);
    struct local *l = local_find(c, base);
    if (!l) {
        l = edge_xalloc(1, sizeof(*l));
        *l = (struct local){.next = c->locals, .base_url = edge_xstrdup(base)};
        c->locals = l;
    }
    l->http = NULL; /* no new calls; those under way still use the old server */
    while (l->n_calls > 0) {
        edge_cond_wait(&c->changed, &c->lock);
    }
    l->http = http;
}

enum edge_status edge_client_peer(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_client_peer *peer)
{
    return client_peers_set(c->peers, ctx, base_url ? trimmed(&ctx->arena, base_url) : NULL, peer);
}

/* A call begins; the peer's entry where it is one of ours. */
static struct local *enter(struct edge_client *c, const char *base_url)
{
    EDGE_LOCK(&c->lock);
    c->n_callers++;
    struct local *l = local_find(c, base_url);
    if (!l || !l->http) {
        return NULL;
    }
    l->n_calls++;
    return l;
}

static void leave(struct edge_client *c, struct local *l)
{
    EDGE_LOCK(&c->lock);
    c->n_callers--;
    if (l) {
        l->n_calls--;
    }
    if (c->n_callers == 0 || (l && l->n_calls == 0)) {
        edge_cond_broadcast(&c->changed);
    }
}

/* ---- peers that fail ------------------------------------------------------------------------ */

static struct breaker **breaker_find(struct edge_client *c, const char *base_url)
    EDGE_REQUIRES(c->lock)
{
    struct breaker **at = &c->breakers;
    while (*at && strcmp((*at)->base_url, base_url) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void breaker_forget(struct breaker **at)
{
    struct breaker *b = *at;
    *at = b->next;
    free(b->base_url);
    free(b);
}

/* May this call go out? When the pause is over, the first one goes to see, the others wait for it.
 */
static bool breaker_permits(struct edge_client *c, const char *base_url)
{
    EDGE_LOCK(&c->lock);
    struct breaker *b = *breaker_find(c, base_url);
    if (!b || b->open_until == 0) {
        return true;
    }
    if (b->probing || edge_now_mono_ms() < b->open_until) {
        return false;
    }
    b->probing = true;
    return true;
}

static struct breaker *breaker_add(struct edge_client *c, const char *base_url, int64_t now)
    EDGE_REQUIRES(c->lock)
{
    struct breaker **at = &c->breakers;
    while (*at) { /* peers nobody has asked for since */
        if (!(*at)->probing && now > (*at)->failed_at + BREAKER_FORGET_MS) {
            breaker_forget(at);
        } else {
            at = &(*at)->next;
        }
    }
    *at = edge_xalloc(1, sizeof(**at));
    (*at)->base_url = edge_xstrdup(base_url);
    return *at;
}

static void breaker_learn(struct edge_client *c, const char *base_url,
                          enum edge_transfer_outcome outcome)
{
    EDGE_LOCK(&c->lock);
    struct breaker **at = breaker_find(c, base_url);
    if (outcome == EDGE_TRANSFER_ANSWERED || outcome == EDGE_TRANSFER_SILENT ||
        outcome == EDGE_TRANSFER_TOO_LARGE) {
        if (*at) {
            breaker_forget(at);
        }
    } else if (outcome == EDGE_TRANSFER_UNREACHED) {
        int64_t now = edge_now_mono_ms();
        struct breaker *b = *at ? *at : breaker_add(c, base_url, now);
        b->failures++;
        b->failed_at = now;
        b->probing = false;
        b->open_until = b->failures >= BREAKER_FAILURES ? now + BREAKER_OPEN_MS : 0;
    } else if (*at) {
        (*at)->probing = false; /* says nothing about the peer */
    }
}

/* ---- calls ---------------------------------------------------------------------------------- */

static enum edge_status transfers_of(struct edge_client *c, struct edge_ctx *ctx,
                                     struct edge_transfers **ret)
{
    EDGE_LOCK(&c->lock);
    if (!c->transfers && c->closing) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "the client is closing");
    }
    if (!c->transfers) {
        EDGE_TRY(edge_transfers_create(ctx, &c->transfers));
    }
    *ret = c->transfers;
    return EDGE_OK;
}

static bool is_idempotent(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
           strcmp(method, "PUT") == 0 || strcmp(method, "DELETE") == 0;
}

static bool pause_before_retry(struct edge_client *c, struct edge_backoff *pauses,
                               int64_t deadline_ms)
{
    int64_t until = edge_now_mono_ms() + edge_backoff_next(pauses);
    if (until >= deadline_ms) {
        return false;
    }
    EDGE_LOCK(&c->lock);
    while (!c->closing && edge_wait_on(&c->changed, &c->lock, until)) {
    }
    return !c->closing;
}

static enum edge_status too_large(struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_http_request *req, const char *why)
{
    return edge_fail(ctx, EDGE_TOO_LARGE, "%s %s%s: %s", req->method, base_url, req->target, why);
}

static enum edge_status not_sent(struct edge_ctx *ctx, const char *base_url,
                                 const struct edge_http_request *req, const char *why)
{
    return edge_fail(ctx, EDGE_UNAVAILABLE, "failed to send a http request: %s %s%s: %s",
                     req->method, base_url, req->target, why);
}

static enum edge_status call_by_socket(struct edge_client *c, struct edge_ctx *ctx,
                                       const char *base_url, const struct edge_client_peer *peer,
                                       const struct edge_http_request *req, int64_t deadline_ms,
                                       struct edge_http_response *ret)
{
    struct edge_transfers *transfers = NULL;
    EDGE_TRY(edge_wrap(ctx, transfers_of(c, ctx, &transfers),
                       "failed to send a http request: %s %s%s", req->method, base_url,
                       req->target));
    const char *why = "the peer has failed repeatedly and is given a pause";
    struct edge_backoff pauses = {
        .first_ms = RETRY_FIRST_MS, .last_ms = RETRY_LONGEST_MS, .spread_percent = 50};
    while (breaker_permits(c, base_url)) {
        enum edge_transfer_outcome outcome =
            edge_transfer(transfers, ctx, base_url, peer, req, deadline_ms, ret, &why);
        breaker_learn(c, base_url, outcome);
        if (outcome == EDGE_TRANSFER_ANSWERED) {
            return EDGE_OK;
        }
        if (outcome == EDGE_TRANSFER_TOO_LARGE) {
            return too_large(ctx, base_url, req, why);
        }
        if (outcome != EDGE_TRANSFER_UNREACHED || !is_idempotent(req->method) ||
            !pause_before_retry(c, &pauses, deadline_ms)) {
            break;
        }
    }
    return not_sent(ctx, base_url, req, why);
}

enum edge_status edge_client_call(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_http_request *req, int64_t deadline_ms,
                                  struct edge_http_response *ret)
{
    const char *base = trimmed(&ctx->arena, base_url);
    struct edge_http_request named = *req;
    if (!named.correlation_id) {
        named.correlation_id = ctx->correlation_id;
    }
    const struct edge_client_peer *peer = client_peers_find(c->peers, &ctx->arena, base);
    EDGE_TRY(client_peer_headers(ctx, peer, &named));
    struct edge_wait wait;
    if (!edge_wait_begin(&wait, base)) {
        return not_sent(ctx, base, &named, "too many calls wait for the peer already");
    }
    struct local *local = enter(c, base);
    enum edge_status st = EDGE_OK;
    if (local) {
        edge_http_call(local->http, ctx, &named, ret);
        if (ret->body_size > EDGE_ANSWER_MAX && !named.code_only) {
            st = too_large(ctx, base, &named, "the answer is larger than 32 MiB");
        }
    } else {
        st = call_by_socket(c, ctx, base, peer, &named, deadline_ms, ret);
    }
    leave(c, local);
    edge_wait_end(&wait);
    return st;
}

/* ---- calls nobody waits for ------------------------------------------------------------------ */

struct sent {
    struct edge_client *client;
    edge_client_told *told;
    void *arg;
};

static void tell_end(void *arg, enum edge_transfer_outcome outcome,
                     const struct edge_http_response *answer, const char *why)
{
    struct sent *sent = arg;
    const struct edge_client_end end = {
        .answer = outcome == EDGE_TRANSFER_ANSWERED ? answer : NULL,
        .why = why,
        .silent = outcome == EDGE_TRANSFER_SILENT,
        .too_large = outcome == EDGE_TRANSFER_TOO_LARGE,
    };
    sent->told(sent->arg, &end);
    leave(sent->client, NULL);
    free(sent);
}

/* Not as the caller of a peer in this process. */
static void enter_by_socket(struct edge_client *c)
{
    EDGE_LOCK(&c->lock);
    c->n_callers++;
}

enum edge_status edge_client_send(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_client_peer *peer,
                                  const struct edge_http_request *req, int64_t deadline_ms,
                                  edge_client_told *told, void *arg,
                                  struct edge_client_exchange **ret)
{
    const char *base = trimmed(&ctx->arena, base_url);
    struct edge_http_request named = *req;
    const struct edge_client_peer *how = client_peers_fill(c->peers, &ctx->arena, peer);
    EDGE_TRY(client_peer_headers(ctx, how, &named));
    struct edge_transfers *transfers = NULL;
    EDGE_TRY(transfers_of(c, ctx, &transfers));
    struct sent *sent = edge_xalloc(1, sizeof(*sent));
    *sent = (struct sent){c, told, arg};
    enter_by_socket(c);
    enum edge_status st =
        edge_transfer_begin(transfers, ctx, base, how, &named, deadline_ms, tell_end, sent, ret);
    if (st != EDGE_OK) {
        leave(c, NULL);
        free(sent);
    }
    return st;
}

static struct edge_transfers *loop_of(struct edge_client *c)
{
    EDGE_LOCK(&c->lock);
    return c->transfers;
}

void edge_client_cancel(struct edge_client *c, struct edge_client_exchange *x)
{
    edge_transfer_cancel(loop_of(c), x);
}

const char *edge_http_response_header(const struct edge_http_response *response, const char *name)
{
    for (size_t i = 0; i < response->n_headers; i++) {
        if (strcasecmp(response->headers[i].name, name) == 0) {
            return response->headers[i].value;
        }
    }
    return NULL;
}

/* The relay text of contract 2.4. */
static enum edge_status relay(struct edge_ctx *ctx, const struct edge_http_response *response)
{
    const char *text = response->body;
    EDGE_CTX_SCOPE(parsing);
    const cJSON *body = NULL;
    if (edge_json_parse(&parsing, response->body, response->body_size, NULL, &body) == EDGE_OK) {
        const cJSON *message = edge_json_member(body, "message", false);
        text = cJSON_IsString(message) ? message->valuestring : text;
    }
    enum edge_status st = edge_status_from_http(response->code);
    ctx->busy |= response->busy;
    return edge_fail(ctx, st == EDGE_OK ? EDGE_INTERNAL : st,
                     "request failed, status code: %d, err: %s", response->code, text);
}

/* About: its texts again, and a node for each value. */
static size_t tree_size(const struct edge_http_response *response)
{
    enum { NODE_BYTES = 96 };
    size_t n = 1;
    for (size_t i = 0; i < response->body_size; i++) {
        n += response->body[i] == ',';
    }
    return response->body_size + n * NODE_BYTES;
}

enum edge_status edge_client_json(struct edge_client *c, struct edge_ctx *ctx, const char *base_url,
                                  const struct edge_http_request *req, int64_t deadline_ms,
                                  const cJSON **ret)
{
    struct edge_http_response response;
    EDGE_TRY(edge_client_call(c, ctx, base_url, req, deadline_ms, &response));
    if (response.code > 207) { /* as official clients judge (contract 0.2) */
        return relay(ctx, &response);
    }
    if (response.body_size == 0) {
        *ret = NULL;
        return EDGE_OK;
    }
    EDGE_TRY(edge_ctx_charge_arena(ctx));
    size_t guess = tree_size(&response);
    EDGE_TRY(edge_ctx_charge(ctx, guess));
    enum edge_status st = edge_json_parse(ctx, response.body, response.body_size, NULL, ret);
    edge_ctx_uncharge(ctx, guess);
    if (st != EDGE_OK) {
        return edge_wrap(ctx, st == EDGE_TOO_LARGE ? st : EDGE_REMOTE,
                         "cannot use the answer of %s to %s %s", base_url, req->method,
                         req->target);
    }
    return edge_ctx_charge_arena(ctx);
}
