/*
 * HTTP for drivers, on the library's client: options become a peer, a URL the place and the target. A redirect
 * is followed here, not by libcurl, for a device must not send the gateway to other hosts, nor our credentials.
 */
#include "devsdk/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/client.h"
#include "edge/clock.h"
#include "edge/thread.h"
#include "model/model.h"

enum {
    REDIRECTS_MAX = 5,
    ANSWER_DEFAULT = 1024 * 1024,
    TIME_DEFAULT_MS = 15000,
    URL_MAX = 16 * 1024,
};

struct devsdk_http {
    devsdk_service *svc;
    struct edge_arena arena; /* of the peer */
    struct edge_client_peer peer;
    struct edge_mutex lock;
    struct edge_cond ended;
    struct sending *first EDGE_GUARDED; /* under way */
    bool closing EDGE_GUARDED;
};

/* A request under way, through all its redirects. */
struct sending {
    struct sending *next, **link;
    devsdk_http *http;
    struct edge_client_exchange *exchange; /* http->lock held: NULL between two of them */
    struct edge_arena arena;
    struct edge_http_request req;
    const char *base_url;
    int64_t deadline_ms;
    unsigned redirects;
    bool stay;
    devsdk_http_done *done;
    void *arg;
};

/* ---- open and close -------------------------------------------------------------------------- */

static const struct edge_http_header *headers_of(struct edge_arena *a,
                                                 const devsdk_http_header *headers, size_t n)
{
    struct edge_http_header *list = edge_new_n(a, struct edge_http_header, n + 1);
    for (size_t i = 0; i < n; i++) {
        list[i] =
            (struct edge_http_header){edge_strdup(a, headers[i].name ? headers[i].name : ""),
                                      edge_strdup(a, headers[i].value ? headers[i].value : "")};
    }
    return list;
}

static const char *copied(struct edge_arena *a, const char *text)
{
    return text && *text ? edge_strdup(a, text) : NULL;
}

static struct edge_client_peer peer_of(struct edge_arena *a, const devsdk_http_options *o)
{
    bool named = o->auth == DEVSDK_HTTP_BASIC || o->auth == DEVSDK_HTTP_DIGEST;
    return (struct edge_client_peer){
        .headers = headers_of(a, o->headers, o->n_headers),
        .n_headers = o->n_headers,
        .ca_file = copied(a, o->ca_file),
        .cert_file = copied(a, o->cert_file),
        .key_file = copied(a, o->key_file),
        .server_name = copied(a, o->server_name),
        .skip_verify = o->skip_verify,
        .proxy = copied(a, o->proxy),
        .user = named ? edge_strdup(a, o->user ? o->user : "") : NULL,
        .password = named ? edge_strdup(a, o->password ? o->password : "") : NULL,
        .digest = o->auth == DEVSDK_HTTP_DIGEST,
        .bearer = o->auth == DEVSDK_HTTP_BEARER ? edge_strdup(a, o->token ? o->token : "") : NULL,
    };
}

devsdk_http *devsdk_http_open(devsdk_service *svc, const devsdk_http_options *o, char *why,
                              size_t size)
{
    static const devsdk_http_options nothing = {0};
    struct edge_arena arena = EDGE_ARENA_INIT;
    struct edge_client_peer peer = peer_of(&arena, o ? o : &nothing);
    EDGE_CTX_SCOPE(ctx);
    enum edge_status st = edge_client_peer_check(&ctx, &peer);
    if (st != EDGE_OK) {
        (void)snprintf(why, size, "%s", edge_ctx_message(&ctx, st));
        edge_arena_done(&arena);
        return NULL;
    }
    devsdk_http *h = edge_xalloc(1, sizeof(*h));
    h->svc = svc;
    h->arena = arena;
    h->peer = peer;
    edge_mutex_init(&h->lock);
    edge_cond_init(&h->ended);
    return h;
}

static void end_all(devsdk_http *h)
{
    EDGE_LOCK(&h->lock);
    h->closing = true;
    for (struct sending *s = h->first; s; s = s->next) {
        if (s->exchange) {
            edge_client_cancel(h->svc->rt->client, s->exchange);
        }
    }
    while (h->first) {
        edge_cond_wait(&h->ended, &h->lock);
    }
}

void devsdk_http_close(devsdk_http *h)
{
    if (!h) {
        return;
    }
    end_all(h);
    edge_cond_done(&h->ended);
    edge_mutex_done(&h->lock);
    edge_arena_done(&h->arena);
    free(h);
}

/* ---- URLs ------------------------------------------------------------------------------------ */

static bool has_scheme(const char *url, const char *scheme)
{
    return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

/* "http://host:port" and the rest; false where it is none, or names a user, or has what no URL has. */
static bool split(struct edge_arena *a, const char *url, const char **ret_base,
                  const char **ret_target)
{
    size_t scheme = has_scheme(url, "http://") ? 7 : has_scheme(url, "https://") ? 8 : 0;
    size_t len = strnlen(url, URL_MAX + 1);
    if (scheme == 0 || len > URL_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)url[i] <= ' ' || (unsigned char)url[i] >= 0x7f || url[i] == '\\') {
            return false;
        }
    }
    size_t place = strcspn(url + scheme, "/?#");
    if (place == 0 || memchr(url + scheme, '@', place)) {
        return false;
    }
    const char *target = url + scheme + place;
    size_t target_len = strcspn(target, "#");
    *ret_base = edge_strndup(a, url, scheme + place);
    *ret_target = edge_printf(a, "%s%.*s", *target == '/' ? "" : "/", (int)target_len, target);
    return true;
}

/* The host of a base URL, without scheme and port. */
static size_t host_of(const char *base, const char **ret)
{
    *ret = strstr(base, "://") + 3;
    const char *bracket = strchr(*ret, ']'), *colon = strchr(bracket ? bracket : *ret, ':');
    return colon ? (size_t)(colon - *ret) : strlen(*ret);
}

static bool is_same_host(const char *base, const char *other)
{
    const char *host, *other_host;
    size_t len = host_of(base, &host), other_len = host_of(other, &other_host);
    return len == other_len && strncasecmp(host, other_host, len) == 0;
}

bool devsdk_http_escape(const char *text, size_t n, char *ret, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c != 0 && strchr("-._~", c));
        if (at + (plain ? 1 : 3) >= size) {
            return false;
        }
        if (plain) {
            ret[at++] = (char)c;
        } else {
            ret[at++] = '%';
            ret[at++] = digits[c >> 4];
            ret[at++] = digits[c & 15];
        }
    }
    if (at < size) {
        ret[at] = '\0';
    }
    return at < size;
}

/* ---- the end of a request --------------------------------------------------------------------- */

static void forget(struct sending *s)
{
    devsdk_http *h = s->http;
    EDGE_LOCK(&h->lock);
    *s->link = s->next;
    if (s->next) {
        s->next->link = s->link;
    }
    edge_cond_broadcast(&h->ended); /* the lock is the last that is touched */
}

static void end(struct sending *s, const devsdk_http_answer *answer)
{
    struct edge_arena arena = s->arena; /* it holds the request */
    s->done(s->arg, answer);
    forget(s);
    edge_arena_done(&arena);
}

static void fail(struct sending *s, devsdk_result result, const char *why)
{
    const devsdk_http_answer answer = {
        .result = result, .why = why ? why : "", .type = "", .body = ""};
    end(s, &answer);
}

static void answered(struct sending *s, const struct edge_http_response *from)
{
    devsdk_http_header *headers = edge_new_n(&s->arena, devsdk_http_header, from->n_headers + 1);
    for (size_t i = 0; i < from->n_headers; i++) {
        headers[i] = (devsdk_http_header){from->headers[i].name, from->headers[i].value};
    }
    const devsdk_http_answer answer = {
        .result = DEVSDK_OK,
        .why = "",
        .code = from->code,
        .type = from->content_type,
        .body = from->body,
        .n = from->body_size,
        .headers = headers,
        .n_headers = from->n_headers,
    };
    end(s, &answer);
}

const char *devsdk_http_answer_header(const devsdk_http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->n_headers; i++) {
        if (strcasecmp(answer->headers[i].name, name) == 0) {
            return answer->headers[i].value;
        }
    }
    return NULL;
}

/* ---- on its way -------------------------------------------------------------------------------- */

static void send_now(struct sending *s);

static bool asks_only(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* What is changed at the device is changed where it was told to be: 307 and 308 alone say "the same there". */
static bool may_move(const struct sending *s, int code)
{
    bool asks = asks_only(s->req.method);
    return code == 307 || code == 308 || (asks && (code == 301 || code == 302 || code == 303));
}

/* Go where the redirect leads, where that is the same host and TLS stays TLS; false: it is the answer. */
static bool follow(struct sending *s, const struct edge_http_response *answer)
{
    const char *base, *target;
    if (s->stay || !answer->redirect || !may_move(s, answer->code) ||
        s->redirects >= REDIRECTS_MAX || !split(&s->arena, answer->redirect, &base, &target) ||
        !is_same_host(s->base_url, base) ||
        (has_scheme(s->base_url, "https:") && !has_scheme(base, "https:"))) {
        return false;
    }
    s->redirects++;
    s->base_url = base;
    s->req.target = target;
    send_now(s);
    return true;
}

static void forget_exchange(struct sending *s)
{
    EDGE_LOCK(&s->http->lock);
    s->exchange = NULL;
}

static void told(void *arg, const struct edge_client_end *e)
{
    struct sending *s = arg;
    forget_exchange(s);
    if (e->answer) {
        if (!follow(s, e->answer)) {
            answered(s, e->answer);
        }
        return;
    }
    bool late = e->silent || edge_now_mono_ms() >= s->deadline_ms;
    fail(s, e->too_large ? DEVSDK_RANGE : late ? DEVSDK_TIMEOUT : DEVSDK_LINK, e->why);
}

/* Under the lock, so that who closes finds either no exchange or one that is good. */
static enum edge_status begin(struct edge_ctx *ctx, struct sending *s)
{
    devsdk_http *h = s->http;
    EDGE_LOCK(&h->lock);
    if (h->closing) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "the client is closing");
    }
    return edge_client_send(h->svc->rt->client, ctx, s->base_url, &h->peer, &s->req, s->deadline_ms,
                            told, s, &s->exchange);
}

static void send_now(struct sending *s)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.budget = s->http->svc->rt->budget;
    enum edge_status st = begin(&ctx, s);
    if (st != EDGE_OK) {
        fail(s, st == EDGE_INVALID ? DEVSDK_INVALID : DEVSDK_LINK, edge_ctx_message(&ctx, st));
    }
}

static void note(struct sending *s)
{
    devsdk_http *h = s->http;
    EDGE_LOCK(&h->lock);
    s->next = h->first;
    s->link = &h->first;
    if (s->next) {
        s->next->link = &s->next;
    }
    h->first = s;
}

void devsdk_http_send(devsdk_http *h, const devsdk_http_request *from, devsdk_http_done *done,
                      void *arg)
{
    struct edge_arena arena = EDGE_ARENA_INIT;
    struct sending *s = edge_new(&arena, struct sending);
    size_t max = from->answer_max > 0 ? from->answer_max : ANSWER_DEFAULT;
    s->http = h;
    s->done = done;
    s->arg = arg;
    s->stay = from->stay;
    s->deadline_ms =
        from->deadline_ms > 0 ? from->deadline_ms : edge_now_mono_ms() + TIME_DEFAULT_MS;
    s->req = (struct edge_http_request){
        .method = edge_strdup(&arena, from->method ? from->method : "GET"),
        .content_type = copied(&arena, from->type),
        .body = from->n > 0 ? edge_strndup(&arena, from->body, from->n) : NULL,
        .body_size = from->n,
        .wants_headers = true,
        .unpacks = true,
        .answer_max = max < EDGE_ANSWER_MAX ? max : EDGE_ANSWER_MAX,
        .headers = headers_of(&arena, from->headers, from->n_headers),
        .n_headers = from->n_headers,
    };
    bool is_url = split(&arena, from->url, &s->base_url, &s->req.target);
    s->arena = arena;
    note(s);
    if (is_url) {
        send_now(s);
    } else {
        fail(s, DEVSDK_INVALID, "no URL of http or https");
    }
}
