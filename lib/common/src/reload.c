/*
 * Changes while running: private configuration files are watched (and read again on SIGHUP). The
 * Writable part of what was read takes effect at once; anything unsound leaves the running
 * configuration as it is.
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

enum { SETTLE_MS = 100 }; /* editors write a file in several strokes */

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

static enum edge_status load_again(struct edge_ctx *ctx, struct edge_instance *inst,
                                   const void **ret)
{
    const struct edge_runtime *rt = &inst->rt;
    struct edge_config_source source =
        instance_source(rt->service, rt->options, rt->name, inst->host->n > 1);
    void *config = edge_alloc(&ctx->arena, 1, rt->service->config->size);
    const char *file;
    EDGE_TRY(edge_config_load(ctx, &source, config, &file));
    *ret = config;
    return EDGE_OK;
}

static void reload(struct edge_instance *inst)
{
    const struct edge_runtime *rt = &inst->rt;
    struct edge_ctx *ctx = edge_xalloc(1, sizeof(*ctx));
    const void *config = NULL;
    ctx->log = rt->log;
    enum edge_status st = load_again(ctx, inst, &config);
    if (st != EDGE_OK) {
        edge_log_error(ctx, "configuration not taken up, going on with the one before", "error",
                       edge_ctx_message(ctx, st), NULL);
        edge_ctx_done(ctx);
        free(ctx);
        return;
    }
    EDGE_CTX_SCOPE(scratch);
    scratch.log = rt->log;
    log_restart_keys(&scratch, edge_dto_tree(&scratch, rt->service->config, rt->config),
                     edge_dto_tree(&scratch, rt->service->config, config));
    const struct edge_writable *next =
        (const void *)((const char *)config + rt->service->writable_offset);
    keep_generation(inst, ctx);
    atomic_store(&inst->writable, next);
    enum edge_log_level level;
    if (edge_log_level_parse(next->log_level, &level)) {
        edge_log_set_level(rt->log, level);
    }
    telemetry_apply(inst);
    edge_log_info(&scratch, "configuration read again", "file", inst->file ? inst->file : "", NULL);
    if (rt->service->reconfigured) {
        rt->service->reconfigured(rt);
    }
}

static bool file_changed(struct edge_instance *inst)
{
    struct stat now;
    if (!inst->file || stat(inst->file, &now) != 0) {
        return false;
    }
    bool changed = now.st_ino != inst->seen.st_ino || now.st_size != inst->seen.st_size ||
                   now.st_mtim.tv_sec != inst->seen.st_mtim.tv_sec ||
                   now.st_mtim.tv_nsec != inst->seen.st_mtim.tv_nsec;
    inst->seen = now;
    return changed;
}

/* ---- the watch ----------------------------------------------------------------------------- */

void host_watch_open(struct edge_host *host)
{
    const uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB;
    host->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    for (size_t i = 0; i < host->n; i++) {
        struct edge_instance *inst = host->instances[i];
        const char *slash = inst->file ? strrchr(inst->file, '/') : NULL;
        if (!slash) {
            continue;
        }
        /* The folder, not the file: editors and orchestrators put a new file in its place. */
        const char *dir =
            edge_strndup(&inst->ctx.arena, inst->file, (size_t)(slash - inst->file) + 1);
        if (host->watch_fd < 0 || inotify_add_watch(host->watch_fd, dir, events) < 0) {
            edge_log_warn(&inst->ctx, "configuration file not watched, use SIGHUP", "file",
                          inst->file, "error", strerror(errno), NULL);
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
    for (size_t i = 0; i < host->n; i++) {
        reload(host->instances[i]);
    }
    return true;
}

static void reload_changed(struct edge_host *host)
{
    for (size_t i = 0; i < host->n; i++) {
        if (file_changed(host->instances[i])) {
            reload(host->instances[i]);
        }
    }
}

static bool may_go_on(struct edge_host *host)
{
    EDGE_LOCK(&host->lock);
    return host->failure == EDGE_OK && !atomic_load(&host->stopping);
}

void host_watch(struct edge_host *host, int signal_fd)
{
    int64_t settled_ms = 0; /* when to look at the files; 0: nothing changed */
    struct pollfd fds[] = {
        {.fd = host->wake_fd,  .events = POLLIN},
        {.fd = host->watch_fd, .events = POLLIN},
        {.fd = signal_fd,      .events = POLLIN},
    };
    while (may_go_on(host)) {
        int64_t now = edge_now_mono_ms();
        int timeout = settled_ms == 0 ? -1 : settled_ms > now ? (int)(settled_ms - now) : 0;
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout) < 0 && errno != EINTR) {
            return;
        }
        if (fds[0].revents) {
            swallow(host->wake_fd);
        }
        if (fds[1].revents) {
            swallow(host->watch_fd);
            settled_ms = settled_ms ? settled_ms : edge_now_mono_ms() + SETTLE_MS;
        }
        if (fds[2].revents && !take_signal(host, signal_fd)) {
            return;
        }
        if (settled_ms != 0 && edge_now_mono_ms() >= settled_ms) {
            settled_ms = 0;
            reload_changed(host);
        }
    }
}
