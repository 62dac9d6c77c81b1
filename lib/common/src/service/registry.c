/*
 * The registry (contract 7.2, 7.4): tells core-keeper where the service is, which from then on asks
 * it for its health, and looks up where neighbours are. The entry is of who has the name at the broker:
 * one that another service of the name has written, before it had to give way, is written again.
 */
#include "registry.h"

#include <stdlib.h>
#include <string.h>

#include "edge/backoff.h"
#include "edge/clock.h"
#include "edge/keeper.h"
#include "edge/log.h"
#include "edge/text.h"
#include "instance.h"

enum { CALL_MS = 2000, FIRST_PAUSE_MS = 100, PAUSE_MS = 1000, PEER_KEPT_MS = 5000 };
enum {
    LOOK_MS = 10000,   /* between two looks at the own entry */
    UNSURE_MS = 15000, /* for a silent one of our name to come back */
};

void registry_open(struct edge_arena *a, struct registry *r, const struct edge_runtime *rt)
{
    const struct edge_registry_info *info = &rt->base->registry;
    r->rt = rt;
    r->url = edge_printf(a, "%s://%s:%d", info->protocol, info->host, (int)info->port);
    edge_mutex_init(&r->lock);
    edge_cond_init(&r->changed);
}

static const char *entry_target(struct edge_ctx *ctx, const char *service)
{
    return edge_printf(&ctx->arena, "/api/v3/registry/serviceId/%s",
                       edge_name_escape(&ctx->arena, service));
}

/* ---- the service's own entry ---------------------------------------------------------------- */

static enum edge_status send_entry(struct edge_ctx *ctx, const struct registry *r,
                                   const char *method, const char *status, int64_t deadline_ms)
{
    const struct edge_runtime *rt = r->rt;
    const struct edge_service_info *info = &rt->base->service;
    struct registration_request request = {
        .base = {EDGE_API_VERSION, edge_uuid_make(&ctx->arena)      },
        .registration = { .service_id = rt->name,
                 .status = status,
                 .host = info->host,
                 .port = rt->port,
                 .health_check = {info->health_check_interval, "/api/v3/ping",
                                          security_scheme(rt->base)}},
    };
    const char *body = edge_dto_text(&REGISTRATION_REQUEST, &request, &ctx->arena);
    const struct edge_http_request call = {
        .method = method, .target = "/api/v3/registry", .body = body, .body_size = strlen(body)};
    const cJSON *answer;
    return edge_client_json(rt->client, ctx, r->url, &call, deadline_ms, &answer);
}

/* Known or not is the registry's to say: it may have been set up anew meanwhile. */
static enum edge_status enter(struct edge_ctx *ctx, const struct registry *r)
{
    int64_t deadline_ms = edge_now_mono_ms() + CALL_MS;
    enum edge_status st = send_entry(ctx, r, "PUT", "", deadline_ms);
    if (st != EDGE_NOT_FOUND) {
        return st;
    }
    edge_ctx_clear(ctx);
    return send_entry(ctx, r, "POST", "", deadline_ms);
}

/* True where the registry answered. *ret: the entry is there, and leads here. */
static bool look(struct edge_ctx *ctx, const struct registry *r, int64_t deadline_ms, bool *ret)
{
    const struct edge_runtime *rt = r->rt;
    const struct edge_http_request request = {.method = "GET",
                                              .target = entry_target(ctx, rt->name)};
    const cJSON *answer;
    struct registration entry = {0};
    *ret = false;
    enum edge_status st = edge_client_json(rt->client, ctx, r->url, &request, deadline_ms, &answer);
    if (st == EDGE_OK) {
        st = edge_dto_decode(ctx, &REGISTRATION, edge_json_member(answer, "registration", false),
                             &entry);
        *ret = st == EDGE_OK && !registration_is(&entry, REGISTRATION_HALT) &&
               strcmp(entry.host, rt->base->service.host) == 0 && entry.port == rt->port &&
               strcmp(entry.health_check.type, security_scheme(rt->base)) == 0;
    }
    return st == EDGE_OK || st == EDGE_NOT_FOUND;
}

/* Until @p ms are over or there is a doubt; false where it is to end. */
static bool wait_for_doubt(struct registry *r, int64_t ms)
{
    int64_t deadline_ms = edge_now_mono_ms() + ms;
    EDGE_LOCK(&r->lock);
    while (!r->ended && !r->doubted && edge_now_mono_ms() < deadline_ms) {
        edge_cond_wait_until(&r->changed, &r->lock, deadline_ms);
    }
    r->doubted = false;
    return !r->ended;
}

/* False where it is to end. */
static bool wait_until_sure(struct registry *r)
{
    EDGE_LOCK(&r->lock);
    while (!r->ended && edge_now_mono_ms() < r->unsure_until_ms) {
        edge_cond_wait_until(&r->changed, &r->lock, r->unsure_until_ms);
    }
    return !r->ended;
}

/* It may have been written by another one of our name, signed off by it, or removed. */
static void keep_entry(struct registry *r)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = r->rt->log;
    bool own;
    if (!look(&ctx, r, edge_now_mono_ms() + CALL_MS, &own) || own || edge_runtime_stopping(r->rt)) {
        return;
    }
    edge_ctx_clear(&ctx);
    if (enter(&ctx, r) == EDGE_OK) {
        edge_log_warn(&ctx, "registered anew: the entry was not this service's own any more",
                      "registry", r->url, NULL);
    }
}

static void *registry_main(void *arg)
{
    struct registry *r = arg;
    const struct edge_runtime *rt = r->rt;
    struct edge_backoff pauses = {.first_ms = FIRST_PAUSE_MS, .last_ms = PAUSE_MS};
    bool told = false;
    if (!wait_until_sure(r)) {
        return NULL;
    }
    do {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = rt->log;
        enum edge_status st = enter(&ctx, r);
        if (st == EDGE_OK) {
            atomic_store(&r->registered, true);
            edge_log_info(&ctx, "registered", "registry", r->url, NULL);
            break;
        }
        if (!told && !edge_runtime_stopping(rt)) {
            edge_log_warn(&ctx, "not registered yet, trying again", "registry", r->url, "error",
                          edge_ctx_message(&ctx, st), NULL);
            told = true;
        }
    } while (edge_runtime_sleep(rt, edge_backoff_next(&pauses)));
    while (atomic_load(&r->registered) && wait_for_doubt(r, LOOK_MS)) {
        keep_entry(r);
    }
    return NULL;
}

void registry_doubt(struct registry *r)
{
    if (r->url) {
        EDGE_LOCK(&r->lock);
        r->doubted = true;
        edge_cond_broadcast(&r->changed);
    }
}

void registry_wait(struct registry *r)
{
    if (r->url) {
        EDGE_LOCK(&r->lock);
        r->unsure_until_ms = edge_now_mono_ms() + UNSURE_MS;
        edge_cond_broadcast(&r->changed);
    }
}

void registry_start(struct registry *r)
{
    if (r->url) {
        r->thread = edge_thread_start("registry", registry_main, r);
        r->running = true;
    }
}

void registry_stop(struct registry *r, int64_t patience_ms)
{
    const struct edge_runtime *rt = r->rt;
    if (!r->running) {
        return;
    }
    {
        EDGE_LOCK(&r->lock);
        r->ended = true;
        edge_cond_broadcast(&r->changed);
    }
    pthread_join(r->thread, NULL);
    r->running = false;
    if (!atomic_load(&r->registered)) {
        return;
    }
    EDGE_CTX_SCOPE(ctx);
    ctx.log = rt->log;
    int64_t deadline_ms = edge_now_mono_ms() + patience_ms;
    bool own;
    if (look(&ctx, r, deadline_ms, &own) && !own) {
        return; /* of who has the name now */
    }
    edge_ctx_clear(&ctx);
    enum edge_status st = send_entry(&ctx, r, "PUT", "HALT", deadline_ms);
    if (st != EDGE_OK) {
        edge_log_warn(&ctx, "could not sign off from the registry", "registry", r->url, "error",
                      edge_ctx_message(&ctx, st), NULL);
    }
}

void registry_done(struct registry *r)
{
    if (!r->url) {
        return;
    }
    {
        EDGE_LOCK(&r->lock);
        for (size_t i = 0; i < REGISTRY_PEERS; i++) {
            free(r->peers[i].name);
            free(r->peers[i].url);
        }
    }
    edge_cond_done(&r->changed);
    edge_mutex_done(&r->lock);
}

/* ---- neighbours ----------------------------------------------------------------------------- */

/* *ret: where it was last, NULL where it is not registered; true: recent enough to go by. */
static bool kept(struct registry *r, struct edge_arena *a, const char *service, const char **ret)
{
    EDGE_LOCK(&r->lock);
    *ret = NULL;
    for (size_t i = 0; i < REGISTRY_PEERS; i++) {
        const struct registry_peer *peer = &r->peers[i];
        if (peer->name && strcmp(peer->name, service) == 0) {
            *ret = peer->url ? edge_strdup(a, peer->url) : NULL;
            return edge_now_mono_ms() < peer->until_ms;
        }
    }
    return false;
}

/* In its old place, else in a free one, else in the oldest one's. */
static void keep(struct registry *r, const char *service, const char *url, int64_t ms)
{
    EDGE_LOCK(&r->lock);
    struct registry_peer *place = &r->peers[0];
    for (size_t i = 0; i < REGISTRY_PEERS; i++) {
        struct registry_peer *peer = &r->peers[i];
        if (!peer->name || strcmp(peer->name, service) == 0) {
            place = peer;
            break;
        }
        place = peer->until_ms < place->until_ms ? peer : place;
    }
    free(place->name);
    free(place->url);
    place->name = edge_xstrdup(service);
    place->url = url ? edge_xstrdup(url) : NULL;
    place->until_ms = edge_now_mono_ms() + ms;
}

static const char *address_of(struct edge_ctx *ctx, const cJSON *answer)
{
    struct registration entry;
    if (edge_dto_decode(ctx, &REGISTRATION, edge_json_member(answer, "registration", false),
                        &entry) != EDGE_OK ||
        registration_is(&entry, REGISTRATION_HALT)) {
        return NULL;
    }
    return edge_printf(&ctx->arena, "%s://%s:%d", entry.health_check.type, entry.host,
                       (int)entry.port);
}

/* A registry that does not answer is not waited for with every call: what was known last, be it
 * nothing, then goes on. */
const char *registry_find(struct registry *r, struct edge_ctx *ctx, const char *service)
{
    const char *last;
    if (kept(r, &ctx->arena, service, &last)) {
        return last;
    }
    EDGE_CTX_SCOPE(own); /* what fails here is not the caller's failure */
    own.log = ctx->log;
    const struct edge_http_request request = {.method = "GET",
                                              .target = entry_target(&own, service)};
    const cJSON *answer;
    enum edge_status st = edge_client_json(r->rt->client, &own, r->url, &request,
                                           edge_now_mono_ms() + CALL_MS, &answer);
    bool away = st != EDGE_OK && st != EDGE_NOT_FOUND;
    const char *url = away ? last : st == EDGE_OK ? address_of(&own, answer) : NULL;
    keep(r, service, url, away || url ? PEER_KEPT_MS : 0); /* 0: it may register any moment */
    return url ? edge_strdup(&ctx->arena, url) : NULL;
}
