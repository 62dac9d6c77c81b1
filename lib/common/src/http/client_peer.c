/*
 * What was set for peers. A call takes a copy, so that it may be set anew meanwhile. The headers of a
 * request are put together here: its own, its peer's, the token; none may be what frames a message or
 * hold what ends a line.
 */
#include "client_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "edge/log.h"
#include "edge/thread.h"

enum { MAX_HEADERS = 32, MAX_NAME = 128, MAX_VALUE = 8 * 1024 };

struct entry {
    struct entry *next;
    struct edge_arena arena;
    const char *base_url; /* NULL: of all */
    struct edge_client_peer peer;
};

struct client_peers {
    struct edge_mutex lock;
    struct entry *entries EDGE_GUARDED;
};

struct client_peers *client_peers_create(void)
{
    struct client_peers *p = edge_xalloc(1, sizeof(*p));
    edge_mutex_init(&p->lock);
    return p;
}

static void entry_free(struct entry *e)
{
    if (e) {
        struct edge_arena arena = e->arena; /* it holds the entry */
        edge_arena_done(&arena);
    }
}

static struct entry *take_entries(struct client_peers *p)
{
    EDGE_LOCK(&p->lock);
    struct entry *entries = p->entries;
    p->entries = NULL;
    return entries;
}

void client_peers_free(struct client_peers *p)
{
    struct entry *next;
    for (struct entry *e = take_entries(p); e; e = next) {
        next = e->next;
        entry_free(e);
    }
    edge_mutex_done(&p->lock);
    free(p);
}

/* ---- setting -------------------------------------------------------------------------------- */

static const char *copied(struct edge_arena *a, const char *text)
{
    return text && *text ? edge_strdup(a, text) : NULL;
}

struct edge_client_peer client_peer_copy(struct edge_arena *a, const struct edge_client_peer *peer)
{
    struct edge_client_peer to = *peer;
    struct edge_http_header *headers = edge_new_n(a, struct edge_http_header, peer->n_headers + 1);
    for (size_t i = 0; i < peer->n_headers; i++) {
        headers[i] = (struct edge_http_header){edge_strdup(a, peer->headers[i].name),
                                               edge_strdup(a, peer->headers[i].value)};
    }
    to.headers = headers;
    to.bearer = copied(a, peer->bearer);
    to.ca_file = copied(a, peer->ca_file);
    to.cert_file = copied(a, peer->cert_file);
    to.key_file = copied(a, peer->key_file);
    to.server_name = copied(a, peer->server_name);
    to.proxy = copied(a, peer->proxy);
    to.user = copied(a, peer->user);
    to.password = copied(a, peer->password);
    return to;
}

/* The characters of a name, and of a value (RFC 9110, 5.1, 5.5). */
static bool is_name(const char *s)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = strlen(s);
    return len > 0 && len <= MAX_NAME && strspn(s, allowed) == len;
}

static bool is_value(const char *s)
{
    size_t len = 0;
    while (s[len] != '\0' && ((unsigned char)s[len] >= ' ' || s[len] == '\t') && s[len] != 0x7f) {
        len++;
    }
    return s[len] == '\0' && len <= MAX_VALUE;
}

/* Where a message ends is not for who writes a header to say. */
static bool frames(const char *name)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding", "Connection",
                                        "Expect", "Upgrade"};
    size_t i = 0;
    while (i < sizeof(names) / sizeof(names[0]) && strcasecmp(names[i], name) != 0) {
        i++;
    }
    return i < sizeof(names) / sizeof(names[0]);
}

/* A value may be a secret and is not shown. */
static enum edge_status check_headers(struct edge_ctx *ctx, const struct edge_http_header *headers,
                                      size_t n)
{
    if (n > MAX_HEADERS) {
        return edge_fail(ctx, EDGE_INVALID, "more than %d headers", MAX_HEADERS);
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_name(headers[i].name) || frames(headers[i].name)) {
            return edge_fail(ctx, EDGE_INVALID, "header '%.64s' cannot be set", headers[i].name);
        }
        if (!is_value(headers[i].value)) {
            return edge_fail(ctx, EDGE_INVALID,
                             "header '%.64s' has a value that no header can have", headers[i].name);
        }
    }
    return EDGE_OK;
}

static enum edge_status check_file(struct edge_ctx *ctx, const char *path)
{
    return !path || !*path || access(path, R_OK) == 0
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "cannot read %s: %s", path, strerror(errno));
}

enum edge_status edge_client_peer_check(struct edge_ctx *ctx, const struct edge_client_peer *peer)
{
    EDGE_TRY(check_headers(ctx, peer->headers, peer->n_headers));
    if (peer->bearer && !is_value(peer->bearer)) {
        return edge_fail(ctx, EDGE_INVALID, "the token has characters that no header can have");
    }
    EDGE_TRY(check_file(ctx, peer->ca_file));
    EDGE_TRY(check_file(ctx, peer->cert_file));
    return check_file(ctx, peer->key_file);
}

static bool is_of(const struct entry *e, const char *base_url)
{
    return e->base_url && base_url ? strcmp(e->base_url, base_url) == 0 : e->base_url == base_url;
}

/* Put @p e, if there is one, where the entry of @p base_url is, which is returned. */
static struct entry *put_entry(struct client_peers *p, const char *base_url, struct entry *e)
{
    EDGE_LOCK(&p->lock);
    struct entry **at = &p->entries;
    while (*at && !is_of(*at, base_url)) {
        at = &(*at)->next;
    }
    struct entry *before = *at;
    if (before) {
        *at = before->next;
    }
    if (e) {
        e->next = p->entries;
        p->entries = e;
    }
    return before;
}

enum edge_status client_peers_set(struct client_peers *p, struct edge_ctx *ctx,
                                  const char *base_url, const struct edge_client_peer *peer)
{
    struct entry *e = NULL;
    if (peer) {
        EDGE_TRY(edge_client_peer_check(ctx, peer));
        struct edge_arena arena = EDGE_ARENA_INIT;
        e = edge_new(&arena, struct entry);
        e->base_url = base_url ? edge_strdup(&arena, base_url) : NULL;
        e->peer = client_peer_copy(&arena, peer);
        e->arena = arena;
    }
    struct entry *before = put_entry(p, base_url, e);
    if (peer && peer->skip_verify && !(before && before->peer.skip_verify)) {
        edge_log_warn(ctx, "certificates are not verified", "peer", base_url ? base_url : "all",
                      NULL);
    }
    entry_free(before);
    return EDGE_OK;
}

/* ---- asking --------------------------------------------------------------------------------- */

static const struct entry *entry_of(struct client_peers *p, const char *base_url)
    EDGE_REQUIRES(p->lock)
{
    const struct entry *e = p->entries;
    while (e && !is_of(e, base_url)) {
        e = e->next;
    }
    return e;
}

static const struct edge_client_peer *
filled(struct edge_arena *a, const struct edge_client_peer *own, const struct entry *all)
{
    if (!own && !all) {
        return NULL;
    }
    struct edge_client_peer *peer = edge_new(a, struct edge_client_peer);
    *peer = client_peer_copy(a, own ? own : &all->peer);
    if (own && all) {
        bool has_cert = peer->cert_file != NULL;
        peer->proxy = peer->proxy ? peer->proxy : copied(a, all->peer.proxy);
        peer->ca_file = peer->ca_file ? peer->ca_file : copied(a, all->peer.ca_file);
        peer->cert_file = has_cert ? peer->cert_file : copied(a, all->peer.cert_file);
        peer->key_file = has_cert ? peer->key_file : copied(a, all->peer.key_file);
    }
    return peer;
}

const struct edge_client_peer *client_peers_find(struct client_peers *p, struct edge_arena *a,
                                                 const char *base_url)
{
    EDGE_LOCK(&p->lock);
    const struct entry *own = entry_of(p, base_url);
    return filled(a, own ? &own->peer : NULL, entry_of(p, NULL));
}

const struct edge_client_peer *client_peers_fill(struct client_peers *p, struct edge_arena *a,
                                                 const struct edge_client_peer *own)
{
    EDGE_LOCK(&p->lock);
    return filled(a, own, entry_of(p, NULL));
}

static enum edge_status token_of(struct edge_ctx *ctx, const struct edge_client_peer *peer,
                                 const char **ret)
{
    *ret = peer->bearer;
    if (!peer->token) {
        return EDGE_OK;
    }
    enum edge_status st = peer->token(peer->token_arg, ctx, ret);
    if (st != EDGE_OK) {
        return edge_wrap(ctx, st, "no token for the request");
    }
    return !*ret || is_value(*ret)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "the token has characters that no header can have");
}

static bool has_header(const struct edge_http_request *req, const char *name)
{
    size_t i = 0;
    while (i < req->n_headers && strcasecmp(req->headers[i].name, name) != 0) {
        i++;
    }
    return i < req->n_headers;
}

enum edge_status client_peer_headers(struct edge_ctx *ctx, const struct edge_client_peer *peer,
                                     struct edge_http_request *req)
{
    EDGE_TRY(check_headers(ctx, req->headers, req->n_headers));
    if (!peer) {
        return EDGE_OK;
    }
    const char *token = NULL;
    EDGE_TRY(token_of(ctx, peer, &token));
    if (peer->n_headers == 0 && !token) {
        return EDGE_OK;
    }
    struct edge_http_header *all =
        edge_new_n(&ctx->arena, struct edge_http_header, req->n_headers + peer->n_headers + 1);
    size_t n = 0;
    for (; n < req->n_headers; n++) {
        all[n] = req->headers[n];
    }
    for (size_t i = 0; i < peer->n_headers; i++) {
        if (!has_header(req, peer->headers[i].name)) {
            all[n++] = peer->headers[i];
        }
    }
    if (token && !has_header(req, "Authorization")) {
        all[n++] = (struct edge_http_header){"Authorization",
                                             edge_printf(&ctx->arena, "Bearer %s", token)};
    }
    req->headers = all;
    req->n_headers = n;
    return EDGE_OK;
}
