/*
 * One service of a process: what it is called, and its configuration at the start, from files or from a
 * provider, which is waited for. Later changes are reload.c's. And what it tells the process it is in.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "edge/backoff.h"
#include "edge/log.h"
#include "edge/text.h"
#include "instance.h"

enum { CONSULT_MS = 5000 }; /* for one look at what a provider has: signals wait for its end */

struct edge_instance *instance_of_state(void *state)
{
    return EDGE_CONTAINER(state, struct edge_instance, state);
}

const char *instance_name(struct edge_arena *a, const struct edge_service *service,
                          const struct edge_options *options)
{
    if (service->has_instances && options->instance) {
        return edge_printf(a, "%s_%s", service->name, options->instance);
    }
    const char *key = service->key_by_profile && options->service_key ? options->service_key
                      : options->profile                              ? service->key_by_profile
                                                                      : NULL;
    static const char place[] = "<profile>";
    const char *at = key ? strstr(key, place) : NULL;
    return !key  ? service->name
           : !at ? key
                 : edge_printf(a, "%.*s%s%s", (int)(at - key), key,
                               options->profile ? options->profile : "", at + strlen(place));
}

struct edge_config_source instance_source(struct edge_arena *a, const struct edge_service *service,
                                          const struct edge_options *options, const char *name,
                                          bool shared_process)
{
    return (struct edge_config_source){
        .dto = service->config,
        .service = name,
        .folder = service->name,
        .common_section = service->common_section,
        .port = service->port,
        .bus_type = shared_process ? "memory" : "mqtt",
        .options = options,
        .base_yaml = service->default_config,
        .secrets_file = secrets_file(a, options, name),
        .check_free = service->check_free,
        .free_arg = service->context,
    };
}

/* ---- configuration -------------------------------------------------------------------------- */

static const struct edge_dto *writable_of(const struct edge_service *service)
{
    for (size_t i = 0; i < service->config->n_fields; i++) {
        const struct edge_field *f = &service->config->fields[i];
        if (f->offset == service->writable_offset && f->kind == EDGE_K_OBJ) {
            return f->sub;
        }
    }
    return &EDGE_WRITABLE_CONFIG;
}

/* What the provider has; what it does not know yet it is told first. */
static enum edge_status consult_provider(struct edge_ctx *ctx, struct edge_instance *inst,
                                         const struct edge_config_source *source,
                                         struct edge_config_remote *ret)
{
    const struct provider *p = &inst->provider;
    int64_t deadline_ms = edge_now_mono_ms() + CONSULT_MS;
    bool written;
    EDGE_TRY(provider_read(ctx, p, source, deadline_ms, ret, &inst->remote_mark));
    EDGE_TRY(
        provider_seed(ctx, p, source, ret, inst->rt.options->overwrite, deadline_ms, &written));
    return written ? provider_read(ctx, p, source, deadline_ms, ret, &inst->remote_mark) : EDGE_OK;
}

static bool may_pass(enum edge_status st)
{
    return st == EDGE_UNAVAILABLE || st == EDGE_REMOTE;
}

/* *ret_over: it worked, or will not by waiting. */
static enum edge_status try_provider(struct edge_ctx *ctx, struct edge_instance *inst,
                                     const struct edge_config_source *source,
                                     struct edge_config_remote *ret, bool *ret_over)
{
    int64_t deadline_ms = edge_now_mono_ms() + inst->rt.options->startup_interval_ms;
    *ret_over = false;
    EDGE_TRY(provider_ready(ctx, &inst->provider, deadline_ms));
    enum edge_status st = consult_provider(ctx, inst, source, ret);
    *ret_over = !may_pass(st);
    return st;
}

/* At once, then 50 ms, 100 ms, ... and at last EDGEX_STARTUP_INTERVAL later. */
static enum edge_status wait_for_provider(struct edge_ctx *ctx, struct edge_instance *inst,
                                          const struct edge_config_source *source,
                                          struct edge_config_remote *ret)
{
    const struct edge_options *o = inst->rt.options;
    const int64_t first_ms = 50, longest_ms = o->startup_interval_ms;
    int64_t until = edge_now_mono_ms() + o->startup_duration_ms;
    struct edge_backoff pauses = {.first_ms = first_ms, .last_ms = longest_ms};
    for (;;) {
        bool over; /* there is no point in waiting on */
        enum edge_status st = try_provider(ctx, inst, source, ret, &over);
        if (over) {
            return st;
        }
        int64_t pause = edge_backoff_next(&pauses);
        if (pause == first_ms || pause >= longest_ms) {
            edge_log_info(ctx, "waiting for the configuration", "reason", edge_ctx_message(ctx, st),
                          NULL);
        }
        if (edge_now_mono_ms() + pause >= until) {
            return st;
        }
        edge_ctx_clear(ctx);
        if (!host_pause(inst->host, pause)) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "stopped while waiting for the configuration");
        }
    }
}

/*
 * What waiting does not mend (more values than can be read) is somebody's mistake there and keeps nobody
 * down. In one process nothing does: core-keeper, where it could be mended, would end with the others.
 */
static enum edge_status take_provider(struct edge_ctx *ctx, struct edge_instance *inst,
                                      struct edge_config_source *source)
{
    enum edge_status st = wait_for_provider(ctx, inst, source, &inst->remote);
    if (st == EDGE_OK) {
        source->remote = &inst->remote;
        return EDGE_OK;
    }
    if (atomic_load(&inst->host->stopping) || (may_pass(st) && inst->host->n == 1)) {
        return st;
    }
    edge_log_error(ctx,
                   "the configuration provider's values cannot be used, going on with file, "
                   "environment and defaults",
                   "reason", edge_ctx_message(ctx, st), NULL);
    edge_ctx_clear(ctx);
    inst->remote = (struct edge_config_remote){0};
    return EDGE_OK;
}

enum edge_status instance_load(struct edge_ctx *ctx, struct edge_instance *inst)
{
    struct edge_runtime *rt = &inst->rt;
    const struct edge_service *service = rt->service;
    struct edge_config_source source =
        instance_source(&ctx->arena, service, rt->options, rt->name, inst->host->n > 1);
    source.client = inst->host->client;
    void *config = edge_alloc(&ctx->arena, 1, service->config->size);
    const char *dir, *file;
    EDGE_TRY(edge_config_locate(ctx, &source, &file, &dir));
    if (file) {
        (void)stat(file, &inst->seen);
    }
    if (inst->provider.url) {
        EDGE_TRY(take_provider(ctx, inst, &source));
    }
    EDGE_TRY(edge_config_load(ctx, &source, config, &inst->loaded));
    rt->config = config;
    rt->base = config;
    rt->resource_dir = dir;
    rt->base_topic = rt->base->message_bus.base_topic_prefix;
    inst->writable_dto = writable_of(service);
    atomic_store(&inst->writable, (const char *)config + service->writable_offset);
    int64_t ns = 0; /* checked by its row */
    (void)edge_duration_parse(rt->base->service.request_timeout, true, &ns);
    rt->request_timeout_ms = (ns + 999999) / 1000000;
    return EDGE_OK;
}

bool instance_file_changed(const char *path, struct stat *seen)
{
    struct stat now;
    if (stat(path, &now) != 0) {
        return false;
    }
    bool changed = now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
                   now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
                   now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
    *seen = now;
    return changed;
}

/* ---- what was read --------------------------------------------------------------------------- */

/* Files with their whole path, as nobody knows where a service was started; addresses that hold a
 * password are nobody's business. */
static const char *source_shown(struct edge_arena *a, const char *source)
{
    if (strstr(source, "://")) {
        return edge_config_is_credential(NULL, source) ? "<redacted>" : source;
    }
    char *whole = realpath(source, NULL);
    const char *text = edge_strdup(a, whole ? whole : source);
    free(whole);
    return text;
}

void instance_log_sources(struct edge_ctx *ctx, const struct edge_instance *inst)
{
    struct edge_arena *a = &ctx->arena;
    const struct edge_runtime *rt = &inst->rt;
    const char *provider = inst->provider.url ? source_shown(a, inst->provider.url) : NULL;
    const char *secrets = secrets_file(a, rt->options, rt->name);
    const char *common = rt->options->common_config, *text = "";
    if (provider) {
        text = edge_printf(a, "%s (all-services%s%s), ", provider,
                           rt->service->common_section ? ", " : "",
                           rt->service->common_section ? rt->service->common_section : "");
    } else if (common) {
        text = edge_printf(a, "%s (common), ", source_shown(a, common));
    }
    text =
        inst->loaded.file
            ? edge_printf(a, "%s%s (private), ", text, source_shown(a, inst->loaded.file))
            : edge_printf(a, "%sno private file in %s, ", text, source_shown(a, rt->resource_dir));
    text = edge_printf(a, "%senvironment", text);
    if (provider) {
        text = edge_printf(a, "%s, %s (%s)", text, provider, rt->name);
    }
    if (access(secrets, F_OK) == 0) {
        text = edge_printf(a, "%s, %s (stored secrets)", text, source_shown(a, secrets));
    }
    edge_log_info(ctx, "configuration read", "from", text, NULL);
}

/* ---- the process it is in ------------------------------------------------------------------ */

void host_wake(struct edge_host *host)
{
    const uint64_t one = 1;
    (void)!write(host->wake_fd, &one, sizeof(one));
}

static void note_failure(struct edge_host *host, enum edge_status st, const char *reason)
    EDGE_REQUIRES(host->lock)
{
    if (st != EDGE_OK && host->failure == EDGE_OK && !atomic_load(&host->stopping)) {
        host->failure = st;
        edge_text_fit(host->failure_text, sizeof(host->failure_text), reason);
    }
}

void host_fail(struct edge_host *host, enum edge_status st, const char *reason)
{
    EDGE_LOCK(&host->lock);
    note_failure(host, st, reason);
    edge_cond_broadcast(&host->changed);
    host_wake(host);
}

/* One service less to wait for, or a failure that ends the process. */
void host_note_ready(struct edge_host *host, enum edge_status st, const char *reason)
{
    EDGE_LOCK(&host->lock);
    host->n_pending--;
    note_failure(host, st, reason);
    edge_cond_broadcast(&host->changed);
    host_wake(host);
}

enum edge_status host_failure(struct edge_ctx *ctx, struct edge_host *host)
{
    EDGE_LOCK(&host->lock);
    return host->failure == EDGE_OK ? EDGE_OK
                                    : edge_fail(ctx, host->failure, "%s", host->failure_text);
}

void host_announce_stop(struct edge_host *host)
{
    EDGE_LOCK(&host->lock);
    atomic_store(&host->stopping, true);
    edge_cond_broadcast(&host->changed);
    host_wake(host);
}

bool host_pause(struct edge_host *host, int64_t ms)
{
    struct pollfd fd = {.fd = host->signal_fd, .events = POLLIN};
    struct signalfd_siginfo info;
    if (poll(&fd, 1, (int)ms) > 0 &&
        read(host->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) &&
        info.ssi_signo != SIGHUP) {
        host_announce_stop(host);
    }
    return !atomic_load(&host->stopping);
}
