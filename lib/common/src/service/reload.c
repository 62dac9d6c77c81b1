/*
 * Changes while running: private configuration files are watched (and read again on SIGHUP), a
 * provider announces what changed, and is looked at now and then in case that was missed. The
 * Writable part of what was read takes effect at once; a value that cannot be is left out alone, a
 * file that cannot be read leaves the running configuration as it is.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "instance.h"

enum {
    SETTLE_MS = 100, /* editors write a file in several strokes */
    REMOTE_EVERY_MS = 10000,
    REMOTE_RETRY_MS = 1000,
    REMOTE_CALL_MS = 2000,
};

/* ---- one service --------------------------------------------------------------------------- */

static void keep_generation(struct edge_instance *inst, struct edge_ctx *ctx)
{
    struct edge_ctx *oldest = inst->generations[N_GENERATIONS - 1];
    for (size_t i = N_GENERATIONS - 1; i > 0; i--) {
        inst->generations[i] = inst->generations[i - 1];
    }
    inst->generations[0] = ctx;
    if (oldest) {
        edge_ctx_done(oldest);
        free(oldest);
    }
}

static void log_restart_key(struct edge_ctx *ctx, const char *key)
{
    edge_log_warn(ctx, "configuration change needs a restart", "key", key, NULL);
}

static void log_restart_section(struct edge_ctx *ctx, const cJSON *before, const cJSON *section)
{
    if (!cJSON_IsObject(section) || !cJSON_IsObject(before)) {
        log_restart_key(ctx, section->string);
        return;
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, section)
    {
        if (!cJSON_Compare(member, edge_json_member(before, member->string, true), true)) {
            log_restart_key(ctx,
                            edge_printf(&ctx->arena, "%s.%s", section->string, member->string));
        }
    }
}

/* Name every key outside Writable that differs: it waits for a restart. */
static void log_restart_keys(struct edge_ctx *ctx, const cJSON *running, const cJSON *read)
{
    const cJSON *section;
    cJSON_ArrayForEach(section, read)
    {
        const cJSON *before = edge_json_member(running, section->string, true);
        if (strcmp(section->string, "Writable") != 0 && !cJSON_Compare(section, before, true)) {
            log_restart_section(ctx, before, section);
        }
    }
}

/* A configuration on its way to being the running one. */
struct reading {
    const void *config; /* NULL: there is nothing new */
    struct edge_config_loaded loaded;
    struct edge_config_remote remote;
    bool unread; /* the provider could not be asked */
};

/* The provider's, as it was read last: a newer generation must not lean on an older one. */
static void remember_remote(struct edge_ctx *ctx, const struct edge_instance *inst,
                            struct edge_config_remote *ret)
{
    const cJSON *const known[] = {inst->remote.all_services, inst->remote.section,
                                  inst->remote.own};
    const cJSON **const to[] = {&ret->all_services, &ret->section, &ret->own};
    for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
        *to[i] = known[i] ? edge_json_clone(&ctx->arena, known[i]) : NULL;
    }
}

/* @p ask: what the provider has now, else what it had when it was read last. */
static enum edge_status load_again(struct edge_ctx *ctx, struct edge_instance *inst, bool ask,
                                   struct reading *r)
{
    const struct edge_runtime *rt = &inst->rt;
    struct edge_config_source source =
        instance_source(&ctx->arena, rt->service, rt->options, rt->name, inst->host->n > 1);
    source.client = inst->host->client;
    source.before = &inst->loaded;
    if (inst->provider.url) {
        source.remote = &r->remote;
    }
    if (inst->provider.url && !ask) {
        remember_remote(ctx, inst, &r->remote);
    } else if (inst->provider.url) {
        uint64_t mark = 0;
        r->unread = true;
        EDGE_TRY(provider_read(ctx, &inst->provider, &source, edge_now_mono_ms() + REMOTE_CALL_MS,
                               &r->remote, &mark));
        r->unread = false;
        if (mark == inst->remote_mark) {
            return EDGE_OK;
        }
        inst->remote_mark = mark;
    }
    void *config = edge_alloc(&ctx->arena, 1, rt->service->config->size);
    EDGE_TRY(edge_config_load(ctx, &source, config, &r->loaded));
    listen_amend(inst, config);
    r->config = config;
    return EDGE_OK;
}

/* @p ctx holds what was read and is the instance's from now on. */
static void take_up(struct edge_instance *inst, struct edge_ctx *ctx, const struct reading *r)
{
    const void *config = r->config;
    const struct edge_runtime *rt = &inst->rt;
    EDGE_CTX_SCOPE(scratch);
    scratch.log = rt->log;
    log_restart_keys(&scratch, edge_dto_tree(&scratch, rt->service->config, rt->config),
                     edge_dto_tree(&scratch, rt->service->config, config));
    const struct edge_writable *next =
        (const void *)((const char *)config + rt->service->writable_offset);
    keep_generation(inst, ctx);
    inst->loaded = r->loaded;
    inst->remote = r->remote;
    atomic_store(&inst->writable, next);
    enum edge_log_level level;
    if (edge_log_level_parse(next->log_level, &level)) {
        edge_log_set_level(rt->log, level);
    }
    telemetry_apply(inst);
    edge_log_info(&scratch, "configuration read again", "from",
                  inst->provider.url  ? inst->provider.url
                  : inst->loaded.file ? inst->loaded.file
                                      : "",
                  NULL);
    if (rt->service->reconfigured && !inst->out_of_order) {
        rt->service->reconfigured(rt);
    }
}

/* False where a provider could not be asked: worth another try. */
static bool reload(struct edge_instance *inst, bool ask)
{
    struct edge_ctx *ctx = edge_xalloc(1, sizeof(*ctx));
    struct reading r = {0};
    ctx->log = inst->rt.log;
    enum edge_status st = load_again(ctx, inst, ask, &r);
    if (st == EDGE_OK && r.config) {
        take_up(inst, ctx, &r);
        return true;
    }
    if (r.unread) {
        edge_log_info(ctx, "configuration provider does not answer, trying again", "error",
                      edge_ctx_message(ctx, st), NULL);
    } else if (st != EDGE_OK) {
        edge_log_error(ctx, "configuration not taken up, going on with the one before", "error",
                       edge_ctx_message(ctx, st), NULL);
    }
    edge_ctx_done(ctx);
    free(ctx);
    return !r.unread;
}

static bool file_changed(struct edge_instance *inst)
{
    return inst->loaded.file && !inst->provider.url &&
           instance_file_changed(inst->loaded.file, &inst->seen);
}

/* ---- the provider --------------------------------------------------------------------------- */

static enum edge_status provider_announced(void *state, struct edge_ctx *ctx,
                                           const struct edge_message *m)
{
    struct edge_instance *inst = instance_of_state(state);
    (void)ctx;
    (void)m; /* what changed is looked up: messages may be old, or forged */
    atomic_store(&inst->remote_changed, true);
    host_wake(inst->host);
    return EDGE_OK;
}

enum edge_status watch_provider(struct edge_ctx *ctx, struct edge_instance *inst)
{
    struct edge_arena *a = &ctx->arena;
    const struct edge_runtime *rt = &inst->rt;
    const char *keys[] = {edge_printf(a, PROVIDER_ROOT "%s", provider_level(a, rt->name)),
                          PROVIDER_COMMON "/all-services",
                          rt->service->common_section
                              ? edge_printf(a, PROVIDER_COMMON "/%s", rt->service->common_section)
                              : NULL};
    inst->remote_due_ms = edge_now_mono_ms() + REMOTE_EVERY_MS;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && keys[i]; i++) {
        /* The fixed prefix of contract 11.3, whatever this service's own is. */
        EDGE_TRY(edge_bus_subscribe(ctx, rt->bus, edge_printf(a, "edgex/configs/%s/#", keys[i]),
                                    provider_announced, rt->state, 0));
    }
    return EDGE_OK;
}

static bool any_announced(struct edge_host *host)
{
    for (size_t i = 0; i < host->n; i++) {
        if (atomic_load(&host->instances[i]->remote_changed) ||
            atomic_load(&host->instances[i]->secrets_changed)) {
            return true;
        }
    }
    return false;
}

/* When a provider is to be asked unasked; 0: there is none. */
static int64_t remote_due_ms(const struct edge_host *host)
{
    int64_t first = 0;
    for (size_t i = 0; i < host->n; i++) {
        const struct edge_instance *inst = host->instances[i];
        if (inst->provider.url && (first == 0 || inst->remote_due_ms < first)) {
            first = inst->remote_due_ms;
        }
    }
    return first;
}

/* A change that was announced is asked for until it could be read. *silent: the provider did not
 * answer for another service just now, and is not waited for once more: signals wait meanwhile. */
static void reload_remote(struct edge_instance *inst, bool *silent)
{
    bool announced = atomic_exchange(&inst->remote_changed, false);
    if (announced || edge_now_mono_ms() >= inst->remote_due_ms) {
        *silent = *silent || !reload(inst, true);
        inst->remote_owed = *silent && (announced || inst->remote_owed);
        inst->remote_due_ms =
            edge_now_mono_ms() + (inst->remote_owed ? REMOTE_RETRY_MS : REMOTE_EVERY_MS);
    }
}

/* ---- the watch ----------------------------------------------------------------------------- */

/* The folder, not the file: editors and orchestrators put a new file in its place. */
static void watch_file(struct edge_host *host, struct edge_instance *inst, const char *file)
{
    const uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB;
    const char *slash = strrchr(file, '/');
    const char *dir =
        slash ? edge_strndup(&inst->ctx.arena, file, (size_t)(slash - file) + 1) : ".";
    if (host->watch_fd < 0 || inotify_add_watch(host->watch_fd, dir, events) < 0) {
        edge_log_warn(&inst->ctx, "file not watched for changes, use SIGHUP", "file", file, "error",
                      strerror(errno), NULL);
    }
}

void host_watch_open(struct edge_host *host)
{
    host->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    for (size_t i = 0; i < host->n; i++) {
        struct edge_instance *inst = host->instances[i];
        const char *paths[SECURITY_FILES];
        size_t n = security_paths(inst->rt.base, paths);
        for (size_t k = 0; k < n; k++) {
            watch_file(host, inst, paths[k]);
        }
        if (inst->loaded.file && strchr(inst->loaded.file, '/')) {
            watch_file(host, inst, inst->loaded.file);
        }
    }
}

static void swallow(int fd)
{
    char bytes[4096];
    while (read(fd, bytes, sizeof(bytes)) > 0) {
        ;
    }
}

/* Reload everything on SIGHUP; any other signal ends the watch. */
static bool take_signal(struct edge_host *host, int signal_fd)
{
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return true;
    }
    if (info.ssi_signo != SIGHUP) {
        return false;
    }
    bool silent = false; /* the provider, which is not waited for once more */
    for (size_t i = 0; i < host->n; i++) {
        security_renew(host->instances[i], true);
        if (!silent || !host->instances[i]->provider.url) {
            silent = !reload(host->instances[i], true) || silent;
        }
    }
    return true;
}

static void reload_changed(struct edge_host *host)
{
    bool silent = false;
    for (size_t i = 0; i < host->n; i++) {
        struct edge_instance *inst = host->instances[i];
        security_renew(inst, false);
        if (atomic_exchange(&inst->secrets_changed, false)) {
            (void)reload(inst, false);
        }
        if (inst->provider.url) {
            reload_remote(inst, &silent);
        } else if (file_changed(inst)) {
            (void)reload(inst, true);
        }
    }
}

static bool may_go_on(struct edge_host *host)
{
    EDGE_LOCK(&host->lock);
    return host->failure == EDGE_OK && !atomic_load(&host->stopping);
}

static int64_t earlier(int64_t a_ms, int64_t b_ms) /* 0: never */
{
    return a_ms == 0 || (b_ms != 0 && b_ms < a_ms) ? b_ms : a_ms;
}

void host_watch(struct edge_host *host, int signal_fd)
{
    int64_t settled_ms = 0; /* when to look at what changed; 0: nothing did */
    struct pollfd fds[] = {
        {.fd = host->wake_fd,  .events = POLLIN},
        {.fd = host->watch_fd, .events = POLLIN},
        {.fd = signal_fd,      .events = POLLIN},
    };
    while (may_go_on(host)) {
        int64_t now = edge_now_mono_ms(), due_ms = earlier(settled_ms, remote_due_ms(host));
        int timeout = due_ms == 0 ? -1 : due_ms > now ? (int)(due_ms - now) : 0;
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout) < 0 && errno != EINTR) {
            return;
        }
        if (fds[0].revents) {
            swallow(host->wake_fd);
        }
        if (fds[1].revents) {
            swallow(host->watch_fd);
        }
        if (settled_ms == 0 && (fds[1].revents || any_announced(host))) {
            settled_ms = edge_now_mono_ms() + SETTLE_MS;
        }
        if (fds[2].revents && !take_signal(host, signal_fd)) {
            return;
        }
        due_ms = earlier(settled_ms, remote_due_ms(host));
        if (due_ms != 0 && edge_now_mono_ms() >= due_ms) {
            settled_ms = 0;
            reload_changed(host);
        }
    }
}
