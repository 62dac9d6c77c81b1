/*
 * One process full of services: brings them up step by step (configuration, own resources, HTTP,
 * bus, heard, ready), each step for all before the next, and takes them down in reverse. A service alone
 * is a host of one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "edge/base.h"
#include "edge/budget.h"
#include "edge/text.h"
#include "instance.h"

enum {
    POOL_THREADS = 32,
    POOL_QUEUE = 1024,
    POOL_LENT = 480,         /* workers that wait for a peer, beside those that work */
    POOL_LENT_FOR_ONE = 360, /* likewise, for one that is silent */
    SIGN_OFF_MS = 500,
    HEARD_MS = 5000, /* for a broker to take our subscriptions, before we start without it */
    SESSION_S = 7 * 86400,
    SIGNAL_MS = 50, /* how soon a stop is noticed meanwhile */
};

typedef enum edge_status instance_step(struct edge_ctx *ctx, struct edge_instance *inst);

/* ---- configure ----------------------------------------------------------------------------- */

static enum edge_status open_bus(struct edge_ctx *ctx, struct edge_instance *inst)
{
    struct edge_runtime *rt = &inst->rt;
    const struct edge_writable *writable = edge_runtime_writable(rt);
    struct edge_bus_config config;
    enum edge_status st =
        bus_options(ctx, &inst->ctx.arena, rt->base, writable, rt->metrics, &config);
    if (st != EDGE_OK && inst->provider.url) {
        /* Values may be sound each and not together; and the secret that is missing is brought by
         * POST /secret, to a service that runs. */
        edge_log_error(ctx, "message bus without credentials", "reason", edge_ctx_message(ctx, st),
                       NULL);
        edge_ctx_clear(ctx);
        struct edge_base_config plain = *rt->base;
        plain.message_bus.auth_mode = "none";
        st = bus_options(ctx, &inst->ctx.arena, &plain, writable, rt->metrics, &config);
    }
    EDGE_TRY(st);
    if (rt->options->instance && config.client_id &&
        strcmp(config.client_id, rt->service->name) == 0) {
        config.client_id = rt->name; /* the file is that of all instances */
    }
    config.service = rt->name;
    config.session_s = rt->service->keeps_session ? SESSION_S : 0;
    config.hub = inst->host->hub;
    config.pool = rt->pool;
    config.budget = rt->budget;
    config.log = rt->log;
    presence_prepare(&inst->presence, inst, &config);
    EDGE_TRY(edge_bus_open(ctx, &config, &rt->bus));
    return presence_start(ctx, &inst->presence);
}

/* Files core-keeper names that are not here: calls of that neighbour fail, where it cannot be believed
 * without, and who mends the value there needs this process. */
static enum edge_status know_clients(struct edge_ctx *ctx, struct edge_instance *inst)
{
    enum edge_status st = security_of_clients(ctx, inst->host->client, inst->rt.base);
    if (st != EDGE_OK && inst->provider.url) {
        edge_log_error(ctx, "a neighbour's TLS cannot be as configured", "reason",
                       edge_ctx_message(ctx, st), NULL);
        edge_ctx_clear(ctx);
        st = EDGE_OK;
    }
    return st;
}

static enum edge_status configure(struct edge_ctx *ctx, struct edge_instance *inst)
{
    struct edge_runtime *rt = &inst->rt;
    enum edge_log_level level;
    inst->phase = PHASE_CONFIGURED;
    if (rt->options->config_provider && !rt->service->is_provider) {
        inst->provider.client = inst->host->client;
        EDGE_TRY(provider_url(&inst->ctx, rt->options->config_provider, &inst->provider.url));
    }
    enum edge_status st = instance_load(&inst->ctx, inst);
    if (st != EDGE_OK) {
        return edge_pass(ctx, st, &inst->ctx);
    }
    EDGE_TRY(know_clients(ctx, inst));
    const struct edge_writable *w = edge_runtime_writable(rt);
    if (edge_log_level_parse(w->log_level, &level)) {
        edge_log_set_level(rt->log, level);
    }
    instance_log_sources(ctx, inst);
    rt->data_dir = edge_printf(&inst->ctx.arena, "%s/%s", rt->options->data_dir, rt->name);
    rt->metrics = edge_metrics_create(rt->name);
    rt->budget = inst->host->budget;
    rt->pool = edge_pool_create(rt->name, POOL_THREADS, POOL_QUEUE);
    edge_pool_lend(rt->pool, POOL_LENT, POOL_LENT_FOR_ONE);
    edge_counter(rt->metrics, SECRETS_REQUESTED, "Secrets asked for.");
    edge_counter(rt->metrics, SECRETS_STORED, "Secrets stored.");
    if (rt->options->registry && !rt->service->is_provider) {
        registry_open(&inst->ctx.arena, &inst->registry, rt);
    }
    return open_bus(ctx, inst);
}

/* ---- start, subscribe, ready ---------------------------------------------------------------- */

/*
 * A store that cannot be used takes its own service out of order, not its neighbours: their ports answer
 * as ever, its own says why it does not. Alone in its process a service ends, as its supervisor expects.
 */
static void put_out_of_order(struct edge_ctx *ctx, struct edge_instance *inst, enum edge_status st)
{
    struct edge_runtime *rt = &inst->rt;
    const char *reason = edge_ctx_message(ctx, st);
    edge_log_error(ctx, "out of order: answers 503 until it is started with a store it can use",
                   "reason", reason, NULL);
    inst->out_of_order = edge_printf(&inst->ctx.arena, "%s is out of order: %s", rt->name, reason);
    if (rt->service->stop) {
        rt->service->stop(rt);
    }
}

static enum edge_status start(struct edge_ctx *ctx, struct edge_instance *inst)
{
    inst->phase = PHASE_STARTED;
    enum edge_status st =
        inst->rt.service->start ? inst->rt.service->start(ctx, &inst->rt) : EDGE_OK;
    if (st != EDGE_OK && (inst->store_unusable || st == EDGE_DAMAGED) && inst->host->n > 1) {
        put_out_of_order(ctx, inst, st);
        return EDGE_OK;
    }
    return st;
}

static enum edge_status subscribe(struct edge_ctx *ctx, struct edge_instance *inst)
{
    static const char placeholder[] = "{service}";
    const struct edge_runtime *rt = &inst->rt;
    const char *name =
        edge_name_level(&ctx->arena, rt->name, rt->base->service.enable_name_field_escape);
    inst->phase = PHASE_SUBSCRIBED;
    for (size_t i = 0; i < rt->service->n_subscriptions && !inst->out_of_order; i++) {
        const struct edge_subscription *s = &rt->service->subscriptions[i];
        const char *own = strstr(s->topic, placeholder);
        const char *pattern =
            own ? edge_printf(&ctx->arena, "%s/%.*s%s%s", rt->base_topic, (int)(own - s->topic),
                              s->topic, name, own + sizeof(placeholder) - 1)
                : edge_printf(&ctx->arena, "%s/%s", rt->base_topic, s->topic);
        EDGE_TRY(edge_bus_subscribe(ctx, rt->bus, pattern, s->handler, rt->state, s->flags));
    }
    EDGE_TRY(inst->provider.url ? watch_provider(ctx, inst) : EDGE_OK);
    presence_subscribed(&inst->presence);
    return EDGE_OK;
}

/*
 * Up means heard: what is published the moment ping answers must arrive. A broker that stays away
 * keeps nobody down for ever.
 */
static enum edge_status be_heard(struct edge_ctx *ctx, struct edge_instance *inst)
{
    struct edge_host *host = inst->host;
    bool heard = false;
    for (int64_t now = 0; !heard && now < host->heard_until_ms;) {
        now = edge_now_mono_ms();
        int64_t slice_ms = now + SIGNAL_MS;
        heard = edge_bus_wait_connected(
            inst->rt.bus, slice_ms < host->heard_until_ms ? slice_ms : host->heard_until_ms);
        if (!host_pause(host, 0)) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "stopped while waiting for the message bus");
        }
        EDGE_TRY(host_failure(ctx, host));
    }
    if (!heard) {
        edge_log_warn(ctx, "message bus not connected in time, starting without it", NULL);
    }
    atomic_store(&inst->up, true);
    return EDGE_OK;
}

static void log_ready(const struct edge_instance *inst)
{
    const struct edge_runtime *rt = &inst->rt;
    EDGE_CTX_SCOPE(ctx);
    ctx.log = rt->log;
    double ms = (double)(edge_now_mono_ns() - inst->host->started_ns) / 1e6;
    edge_log_info(&ctx, rt->base->service.startup_msg, "address",
                  edge_printf(&ctx.arena, "%s:%u", host_bind_address(rt->base), (unsigned)rt->port),
                  "ms", edge_printf(&ctx.arena, "%.1f", ms), "version",
                  rt->service->version ? rt->service->version : EDGE_VERSION, NULL);
}

static void *ready_main(void *arg)
{
    struct edge_instance *inst = arg;
    const struct edge_runtime *rt = &inst->rt;
    EDGE_CTX_SCOPE(ctx);
    ctx.log = rt->log;
    enum edge_status st = rt->service->ready(&ctx, rt);
    if (st == EDGE_OK && !edge_runtime_stopping(rt)) {
        log_ready(inst);
    }
    const char *reason = st == EDGE_OK ? "" : edge_ctx_message(&ctx, st);
    host_note_ready(inst->host, st, edge_printf(&ctx.arena, "%s: %s", rt->name, reason));
    return NULL;
}

static enum edge_status get_ready(struct edge_ctx *ctx, struct edge_instance *inst)
{
    (void)ctx;
    telemetry_apply(inst);
    registry_start(&inst->registry);
    if (inst->rt.service->ready && !inst->out_of_order) {
        inst->ready_thread = edge_thread_start("ready", ready_main, inst);
        inst->ready_running = true;
        return EDGE_OK;
    }
    if (!inst->out_of_order) {
        log_ready(inst);
    }
    host_note_ready(inst->host, EDGE_OK, "");
    return EDGE_OK;
}

/* ---- neighbours ---------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
           strcmp(host, "::1") == 0;
}

/* Does the entry mean the service of this process, or one elsewhere? */
static bool means(const struct edge_client_info *entry, const struct edge_instance *inst)
{
    const struct edge_service_info *info = &inst->rt.base->service;
    return strcmp(entry->name, inst->rt.name) == 0 &&
           (is_loopback(entry->host) || strcmp(entry->host, info->host) == 0) &&
           (info->port == 0 || entry->port == info->port);
}

static void attach_as(struct edge_instance *inst, const char *url)
{
    edge_client_attach(inst->host->client, url, inst->rt.http);
    inst->urls[inst->n_urls++] = url;
}

/* Calls of a neighbour become calls of a function, under every address neighbours know it by. */
static enum edge_status attach(struct edge_ctx *ctx, struct edge_instance *inst)
{
    (void)ctx;
    const struct edge_host *host = inst->host;
    struct edge_arena *a = &inst->ctx.arena;
    inst->urls = edge_new_n(a, const char *, host->n + 1);
    for (size_t i = 0; i < host->n; i++) {
        const struct edge_base_config *base = host->instances[i]->rt.base;
        for (size_t k = 0; base && k < base->n_clients; k++) { /* NULL: not configured yet */
            if (means(&base->clients[k], inst)) {
                attach_as(inst, edge_config_client_url(a, base, base->clients[k].name));
                break;
            }
        }
    }
    /* The address a device service registers with core-metadata. */
    attach_as(inst, edge_runtime_url(a, &inst->rt));
    return EDGE_OK;
}

static void detach(struct edge_instance *inst)
{
    for (size_t i = 0; i < inst->n_urls; i++) {
        edge_client_attach(inst->host->client, inst->urls[i], NULL);
    }
}

/* ---- the host ------------------------------------------------------------------------------ */

static struct edge_instance *instance_create(struct edge_host *host,
                                             const struct edge_service *service)
{
    struct edge_instance *inst = edge_xalloc(1, sizeof(*inst) + service->state_size);
    inst->host = host;
    inst->rt.service = service;
    inst->rt.options = &host->options;
    inst->rt.name = instance_name(&host->ctx.arena, service, &host->options);
    inst->rt.state = inst->state;
    inst->rt.timers = host->timers;
    inst->rt.client = host->client;
    inst->rt.log = edge_log_create(inst->rt.name);
    inst->ctx.log = inst->rt.log;
    edge_mutex_init(&inst->secrets_lock);
    return inst;
}

/* Take one step with every service, provider of others or not; a failure says whose it is. */
static enum edge_status each(struct edge_ctx *ctx, struct edge_host *host, bool provider,
                             instance_step *step)
{
    for (size_t i = 0; i < host->n; i++) {
        struct edge_instance *inst = host->instances[i];
        if (inst->rt.service->is_provider != provider) {
            continue;
        }
        EDGE_CTX_SCOPE(own);
        own.log = inst->rt.log;
        enum edge_status st = step(&own, inst);
        if (st != EDGE_OK) {
            return edge_fail(ctx, st, "%s: %s", inst->rt.name, edge_ctx_message(&own, st));
        }
    }
    return EDGE_OK;
}

/* Who is open to the network says where, and what has made it so. */
static void log_open(const struct edge_host *host)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = host->instances[0]->rt.log;
    const struct edge_options *o = &host->options;
    const char *where = NULL;
    for (size_t i = 0; i < host->n; i++) {
        const struct edge_runtime *rt = &host->instances[i]->rt;
        const char *address = host_bind_address(rt->base);
        if (!is_loopback(address)) {
            where = edge_printf(&ctx.arena, "%s%s%s:%u (%s)", where ? where : "", where ? ", " : "",
                                address, (unsigned)rt->port, rt->name);
        }
    }
    if (where) {
        edge_log_warn(&ctx, "no authentication: open to everybody who reaches the port", "listens",
                      where, "because",
                      o->remote_service_hosts ? "-rsh or EDGEX_REMOTE_SERVICE_HOSTS"
                      : o->dev                ? "-d: every address of this machine"
                                              : "Service.ServerBindAddr or Service.Host",
                      NULL);
    } else {
        edge_log_info(&ctx, "no authentication: open to everybody on this machine", NULL);
    }
}

/* Nobody else runs yet, but the compiler wants it said under the lock. */
static void set_pending(struct edge_host *host)
{
    EDGE_LOCK(&host->lock);
    host->n_pending = host->n;
}

/* Ports that nobody disputes are taken first, so that none is lost to a neighbour's mistake.
 * Who keeps the configuration of others has to answer before these are configured. */
static enum edge_status launch(struct edge_ctx *ctx, struct edge_host *host, bool provider)
{
    static instance_step *const steps[] = {configure,   start,  listen_first, listen_unclaimed,
                                           listen_rest, attach, subscribe};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        EDGE_TRY(each(ctx, host, provider, steps[i]));
    }
    host->heard_until_ms = edge_now_mono_ms() + HEARD_MS;
    return each(ctx, host, provider, be_heard);
}

enum edge_status host_launch(struct edge_ctx *ctx, const struct edge_service *const *services,
                             size_t n, const struct edge_options *options, int signal_fd,
                             struct edge_host **ret)
{
    struct edge_host *host = edge_xalloc(1, sizeof(*host));
    *ret = host;
    host->started_ns = edge_now_mono_ns();
    host->options = *options;
    options_keep(&host->ctx.arena, &host->options);
    edge_mutex_init(&host->lock);
    edge_cond_init(&host->changed);
    host->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    host->watch_fd = -1;
    host->signal_fd = signal_fd;
    host->client = edge_client_create();
    host->budget = edge_budget_create(0);
    host->budget_kb = -1;
    host->timers = edge_timers_create();
    host->hub = edge_bus_hub_create();
    host->instances = edge_xalloc(n, sizeof(struct edge_instance *));
    host->n = n;
    for (size_t i = 0; i < n; i++) {
        host->instances[i] = instance_create(host, services[i]);
    }
    set_pending(host);
    if (host->wake_fd < 0) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot make an eventfd: %s", strerror(errno));
    }
    EDGE_TRY(security_of_all(ctx, host->client));
    EDGE_TRY(launch(ctx, host, true));
    EDGE_TRY(launch(ctx, host, false));
    log_open(host);
    host_watch_open(host);
    EDGE_TRY(each(ctx, host, true, get_ready));
    return each(ctx, host, false, get_ready);
}

static int64_t left_ms(int64_t deadline_ms)
{
    const int64_t least = 50; /* even the last one gets a chance to end well */
    int64_t left = deadline_ms - edge_now_mono_ms();
    return left > least ? left : least;
}

/* Undo what was reached, last step first. */
static void instance_stop(struct edge_instance *inst, int64_t deadline_ms)
{
    struct edge_runtime *rt = &inst->rt;
    telemetry_stop(inst);
    presence_stop(&inst->presence);
    registry_stop(&inst->registry, SIGN_OFF_MS);
    detach(inst);
    if (inst->phase >= PHASE_LISTENS) {
        edge_http_stop(rt->http, left_ms(deadline_ms));
        rt->http = NULL;
    }
    edge_bus_stop(rt->bus, left_ms(deadline_ms));
    if (rt->pool) {
        edge_pool_close(rt->pool);
    }
    if (inst->phase >= PHASE_STARTED && !inst->out_of_order && rt->service->stop) {
        rt->service->stop(rt);
    }
    edge_bus_close(rt->bus, 0); /* the service's own threads might still publish until here */
    rt->bus = NULL;
}

static void instance_free(struct edge_instance *inst)
{
    struct edge_runtime *rt = &inst->rt;
    edge_pool_free(rt->pool);
    registry_done(&inst->registry);
    if (rt->metrics) {
        edge_metrics_free(rt->metrics);
    }
    for (size_t i = 0; i < N_GENERATIONS; i++) {
        if (inst->generations[i]) {
            edge_ctx_done(inst->generations[i]);
            free(inst->generations[i]);
        }
    }
    edge_mutex_done(&inst->secrets_lock);
    edge_ctx_done(&inst->ctx);
    edge_log_free(rt->log);
    free(inst);
}

void host_stop(struct edge_host *host, int64_t drain_ms)
{
    int64_t deadline_ms = edge_now_mono_ms() + drain_ms;
    host_announce_stop(host);
    if (host->watch_running) {
        pthread_join(host->watch_thread, NULL);
    }
    for (size_t i = host->n; i-- > 0;) {
        if (host->instances[i]->ready_running) {
            pthread_join(host->instances[i]->ready_thread, NULL);
        }
    }
    for (size_t i = host->n; i-- > 0;) {
        const struct edge_runtime *rt = &host->instances[i]->rt;
        if (host->instances[i]->phase >= PHASE_STARTED && !host->instances[i]->out_of_order &&
            rt->service->quiesce) {
            rt->service->quiesce(rt);
        }
    }
    for (size_t i = 0; i < host->n; i++) { /* slow clients of all of them have the same time */
        if (host->instances[i]->phase >= PHASE_LISTENS) {
            edge_http_refuse(host->instances[i]->rt.http);
        }
    }
    for (size_t i = host->n; i-- > 0;) {
        instance_stop(host->instances[i], deadline_ms);
    }
    for (size_t i = host->n; i-- > 0;) {
        instance_free(host->instances[i]);
    }
    edge_timers_free(host->timers);
    edge_client_free(host->client);
    edge_bus_hub_free(host->hub);
    edge_budget_unref(host->budget);
    close(host->wake_fd);
    if (host->watch_fd >= 0) {
        close(host->watch_fd);
    }
    edge_cond_done(&host->changed);
    edge_mutex_done(&host->lock);
    edge_ctx_done(&host->ctx);
    free(host->instances);
    free(host);
}
