/*
 * Where a service listens. What a provider says of it may be sound as a text and yet no address of
 * this machine, or a port somebody has; from there nobody could mend it, as nothing would run any
 * more. Then the keys at fault are what files, environment and defaults say.
 */
#include <string.h>

#include "edge/budget.h"
#include "edge/log.h"
#include "edge/text.h"
#include "instance.h"

enum { HOST = 1 << 0, BIND_ADDR = 1 << 1, PORT = 1 << 2 };

/* ---- places ---------------------------------------------------------------------------------- */

static struct listen_place place_of(const struct edge_base_config *base)
{
    const struct edge_service_info *info = &base->service;
    return (struct listen_place){info->host ? info->host : "",
                                 info->server_bind_addr ? info->server_bind_addr : "", info->port};
}

static const char *bind_address(const struct listen_place *place)
{
    return *place->bind_addr ? place->bind_addr : *place->host ? place->host : "localhost";
}

const char *host_bind_address(const struct edge_base_config *base)
{
    const struct listen_place place = place_of(base);
    return bind_address(&place);
}

static bool is_same_socket(const struct listen_place *a, const struct listen_place *b)
{
    return strcmp(bind_address(a), bind_address(b)) == 0 && a->port == b->port;
}

static unsigned differing(const struct listen_place *a, const struct listen_place *b)
{
    return (strcmp(a->host, b->host) != 0 ? HOST : 0u) |
           (strcmp(a->bind_addr, b->bind_addr) != 0 ? BIND_ADDR : 0u) |
           (a->port != b->port ? PORT : 0u);
}

/* @p place with @p keys of @p other. */
static struct listen_place mixed(struct listen_place place, const struct listen_place *other,
                                 unsigned keys)
{
    place.host = keys & HOST ? other->host : place.host;
    place.bind_addr = keys & BIND_ADDR ? other->bind_addr : place.bind_addr;
    place.port = keys & PORT ? other->port : place.port;
    return place;
}

/* ---- what is said without the provider ------------------------------------------------------- */

/* Loaded in passing: what there is to say about its values was said when they were loaded first. */
static enum edge_status load_said(struct edge_ctx *ctx, struct edge_instance *inst,
                                  struct listen_place *ret)
{
    const struct edge_runtime *rt = &inst->rt;
    struct edge_options options = *rt->options;
    struct edge_config_source source =
        instance_source(&ctx->arena, rt->service, &options, rt->name, inst->host->n > 1);
    struct edge_config_loaded loaded;
    void *config = edge_alloc(&ctx->arena, 1, rt->service->config->size);
    if (options.common_config && strstr(options.common_config, "://")) {
        options.common_config = NULL; /* the provider stands in for it: not worth waiting for */
    }
    source.client = inst->host->client;
    source.before = &inst->loaded;
    source.secrets_file = NULL;
    EDGE_TRY(edge_config_load(ctx, &source, config, &loaded));
    struct listen_place said = place_of(config);
    said.host = edge_strdup(&inst->ctx.arena, said.host);
    said.bind_addr = edge_strdup(&inst->ctx.arena, said.bind_addr);
    *ret = said;
    return EDGE_OK;
}

/* Where it would listen without a provider; where it does, if that cannot be told. */
static struct listen_place place_said(struct edge_instance *inst)
{
    struct listen_place said = place_of(inst->rt.base);
    if (inst->provider.url) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = inst->rt.log;
        enum edge_status st = load_said(&ctx, inst, &said);
        if (st != EDGE_OK) {
            edge_log_info(&ctx, "cannot tell where to listen without the provider", "reason",
                          edge_ctx_message(&ctx, st), NULL);
        }
    }
    return said;
}

void listen_amend(const struct edge_instance *inst, struct edge_base_config *base)
{
    if (inst->refused_keys == 0) {
        return;
    }
    const struct listen_place place = place_of(base);
    unsigned keys = inst->refused_keys & ~differing(&place, &inst->refused);
    const struct listen_place amended = mixed(place, &inst->listens, keys);
    base->service.host = amended.host;
    base->service.server_bind_addr = amended.bind_addr;
    base->service.port = amended.port;
}

static void log_refused(struct edge_ctx *ctx, const char *key, const char *value,
                        const char *reason)
{
    edge_log_warn(ctx, "configuration value refused, the key keeps what it held", "key", key,
                  "value", value, "source", "the configuration provider", "reason", reason, NULL);
}

/* @p keys of @p theirs cannot be: it listens on @p place, and its configuration says so. */
static void refuse(struct edge_ctx *ctx, struct edge_instance *inst, unsigned keys,
                   const struct listen_place *theirs, const struct listen_place *place,
                   const char *reason)
{
    if (keys & HOST) {
        log_refused(ctx, "Service.Host", theirs->host, reason);
    }
    if (keys & BIND_ADDR) {
        log_refused(ctx, "Service.ServerBindAddr", theirs->bind_addr, reason);
    }
    if (keys & PORT) {
        log_refused(ctx, "Service.Port", edge_printf(&ctx->arena, "%lld", (long long)theirs->port),
                    reason);
    }
    inst->refused_keys = keys;
    inst->refused = *theirs;
    inst->listens = *place;
    listen_amend(inst, (struct edge_base_config *)(uintptr_t)inst->rt.base);
}

/* ---- listening ------------------------------------------------------------------------------- */

static enum edge_status answer_out_of_order(struct edge_call *call)
{
    return edge_fail(edge_call_ctx(call), EDGE_UNAVAILABLE, "%s",
                     instance_of_state(edge_call_state(call))->out_of_order);
}

static void amend_row(const struct edge_instance *inst, struct edge_route *row)
{
    if (inst->out_of_order) {
        row->handler = answer_out_of_order;
        row->flags &= ~(unsigned)EDGE_ROUTE_WAITS;
    } else if (row->flags & EDGE_ROUTE_READS) {
        row->flags |= EDGE_ROUTE_WAITS;
    }
}

/* Its routes as they are; all with one answer where it is out of order; where its store waits, what
 * reads waits too. */
static struct edge_routes routes_of(struct edge_instance *inst)
{
    struct edge_routes routes = inst->rt.service->routes;
    if (inst->out_of_order || inst->reads_wait) {
        struct edge_route *rows = edge_new_n(&inst->ctx.arena, struct edge_route, routes.n);
        for (size_t i = 0; i < routes.n; i++) {
            rows[i] = routes.rows[i];
            amend_row(inst, &rows[i]);
        }
        routes.rows = rows;
    }
    return routes;
}

/* One for all services: the largest of their values; 0 stands for any. */
static struct edge_budget *budget_for(struct edge_host *host, int64_t kb)
{
    if (host->budget_kb != 0 && (kb == 0 || kb > host->budget_kb)) {
        host->budget_kb = kb;
    }
    edge_budget_limit(host->budget, (size_t)host->budget_kb * 1024);
    return host->budget;
}

static enum edge_status listen_at(struct edge_ctx *ctx, struct edge_instance *inst,
                                  const struct listen_place *place)
{
    struct edge_runtime *rt = &inst->rt;
    const struct edge_service_info *info = &rt->base->service;
    struct edge_http_config config = {
        .service = rt->name,
        .host = bind_address(place),
        .port = (uint16_t)place->port,
        .routes = routes_of(inst),
        .common_routes = edge_common_routes,
        .state = rt->state,
        .pool = rt->pool,
        .metrics = rt->metrics,
        .log = rt->log,
        .budget = budget_for(inst->host, info->memory_budget),
        .threads = inst->host->n > 1 ? 1 : 0,
        .max_body = (size_t)info->max_request_size * 1024,
        .max_result_count = info->max_result_count,
        .request_timeout_ms = rt->request_timeout_ms,
        .full_chain = rt->service->full_chain,
        .cors = info->cors.enable ? &info->cors : NULL,
    };
    EDGE_TRY(security_check(ctx, rt->base));
    if (security_is_tls(rt->base)) {
        const char *paths[SECURITY_FILES];
        size_t n = security_paths(rt->base, paths);
        for (size_t i = 0; i < n;
             i++) { /* before they are read: what changes later is read again */
            (void)instance_file_changed(paths[i], &inst->seen_tls[i]);
        }
        struct edge_http_tls *tls = edge_new(&inst->ctx.arena, struct edge_http_tls);
        *tls = security_files(rt->base);
        config.tls = tls;
    }
    EDGE_TRY(edge_http_start(ctx, &config, &rt->http));
    rt->port = edge_http_port(rt->http);
    inst->phase = PHASE_LISTENS;
    return EDGE_OK;
}

/* As few keys as possible are given up: the others are as sound as ever. */
static enum edge_status listen_elsewhere(struct edge_ctx *ctx, struct edge_instance *inst,
                                         const struct listen_place *said, const char *reason)
{
    static const unsigned tries[] = {
        PORT,
        BIND_ADDR,
        HOST,
        PORT | BIND_ADDR,
        PORT | HOST,
        BIND_ADDR | HOST,
        PORT | BIND_ADDR | HOST,
    };
    const struct listen_place theirs = place_of(inst->rt.base);
    unsigned differ = differing(&theirs, said);
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        const struct listen_place place = mixed(theirs, said, tries[i]);
        if ((tries[i] & ~differ) != 0 || is_same_socket(&place, &theirs)) {
            continue;
        }
        if (listen_at(ctx, inst, &place) == EDGE_OK) {
            refuse(ctx, inst, tries[i], &theirs, &place, reason);
            return EDGE_OK;
        }
        edge_ctx_clear(ctx);
    }
    return edge_fail(ctx, EDGE_UNAVAILABLE, "%s", reason);
}

static enum edge_status listen_http(struct edge_ctx *ctx, struct edge_instance *inst,
                                    const struct listen_place *said)
{
    const struct listen_place theirs = place_of(inst->rt.base);
    enum edge_status st = listen_at(ctx, inst, &theirs);
    if (st != EDGE_UNAVAILABLE || is_same_socket(&theirs, said)) {
        return st;
    }
    const char *reason = edge_strdup(&ctx->arena, edge_ctx_message(ctx, st));
    edge_ctx_clear(ctx);
    return listen_elsewhere(ctx, inst, said, reason);
}

enum edge_status listen_first(struct edge_ctx *ctx, struct edge_instance *inst)
{
    inst->said = place_said(inst);
    const struct listen_place theirs = place_of(inst->rt.base);
    return is_same_socket(&theirs, &inst->said) ? listen_http(ctx, inst, &inst->said) : EDGE_OK;
}

/* A port a neighbour may have to fall back to. */
static bool is_claimed(const struct edge_instance *inst)
{
    const struct edge_host *host = inst->host;
    for (size_t i = 0; i < host->n; i++) {
        const struct edge_instance *other = host->instances[i];
        if (other != inst && other->phase == PHASE_STARTED &&
            other->said.port == inst->rt.base->service.port) {
            return true;
        }
    }
    return false;
}

enum edge_status listen_unclaimed(struct edge_ctx *ctx, struct edge_instance *inst)
{
    return is_claimed(inst) ? EDGE_OK : listen_rest(ctx, inst);
}

enum edge_status listen_rest(struct edge_ctx *ctx, struct edge_instance *inst)
{
    return inst->phase >= PHASE_LISTENS ? EDGE_OK : listen_http(ctx, inst, &inst->said);
}
