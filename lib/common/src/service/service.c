/*
 * The whole of a daemon's main(): flags, what is refused, signals, exit codes. Behind it the host
 * brings services up and takes them down.
 */
#include "edge/service.h"
#include "edge/message.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "edge/base.h"
#include "instance.h"

enum { EXIT_USAGE = 2, DRAIN_MS = 5000, GIVE_UP_S = 10, MAX_FILES = 65536 };

/* ---- what is refused ----------------------------------------------------------------------- */

/* Nobody shall believe to be protected. */
static enum edge_status check_security(struct edge_ctx *ctx)
{
    const char *wanted = getenv("EDGEX_SECURITY_SECRET_STORE");
    if (wanted && *wanted && strcmp(wanted, "false") != 0) {
        return edge_fail(ctx, EDGE_UNSUPPORTED,
                         "EDGEX_SECURITY_SECRET_STORE=%s: secure mode is not available yet; set it "
                         "to false to run without authentication",
                         wanted);
    }
    return EDGE_OK;
}

static enum edge_status check_options(struct edge_ctx *ctx, const struct edge_options *o)
{
    const char *url;
    return o->config_provider ? provider_url(ctx, o->config_provider, &url) : EDGE_OK;
}

/* What was asked for and cannot be had, but does no harm. */
static void warn_options(const struct edge_options *o, bool instances, bool provider)
{
    if (o->overwrite && !o->config_provider && !provider) {
        edge_log_warn(NULL, "nothing to overwrite without a configuration provider", "flag", "-o",
                      NULL);
    }
    if (o->instance && !instances) {
        edge_log_warn(NULL, "only device services have instances, name ignored", "instance",
                      o->instance, NULL);
    }
}

static void warn_of(const struct edge_options *o, const struct edge_service *const *services,
                    size_t n)
{
    bool instances = false, provider = false;
    for (size_t i = 0; i < n; i++) {
        instances = instances || services[i]->has_instances;
        provider = provider || services[i]->is_provider;
    }
    warn_options(o, instances, provider);
}

/* It names a folder, levels of topics and keys. */
static enum edge_status check_names(struct edge_ctx *ctx, const struct edge_options *o,
                                    const struct edge_service *const *services, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = instance_name(&ctx->arena, services[i], o);
        if (!*name || *name == '.' || strpbrk(name, "/+#\\")) {
            return edge_fail(ctx, EDGE_INVALID, "'%s' cannot be the key of a service", name);
        }
    }
    return EDGE_OK;
}

/* Flags and environment, judged. */
static enum edge_status take_options(struct edge_ctx *ctx,
                                     const struct edge_service *const *services, size_t n, int argc,
                                     char **argv, struct edge_options *ret)
{
    EDGE_TRY(edge_options_parse(ctx, argc, argv, ret));
    if (ret->help || ret->version || ret->health) {
        return EDGE_OK;
    }
    EDGE_TRY(check_options(ctx, ret));
    EDGE_TRY(check_security(ctx));
    EDGE_TRY(check_names(ctx, ret, services, n));
    edge_wire_forms = edge_wire_forms_given();
    warn_of(ret, services, n);
    return EDGE_OK;
}

enum { HELP_WIDTH = 32 };

/* ---- the small commands -------------------------------------------------------------------- */

static void print_flags(const char *at)
{
    while (*at) {
        int names = (int)strcspn(at, "\t"), line = (int)strcspn(at, "\n");
        printf("  %-*.*s  %.*s\n", HELP_WIDTH, names, at, line - names - 1, at + names + 1);
        at += line + 1;
    }
}

static void print_help(const char *program, const struct edge_service *const *services, size_t n)
{
    printf("usage: %s [flags]\n\n", program);
    for (size_t i = 0; i < n; i++) {
        const struct edge_service *s = services[i];
        printf("  %-*s  %s\n", HELP_WIDTH, s->name, s->doc ? s->doc : "");
    }
    printf("\n");
    print_flags(edge_options_help());
    print_flags(n == 1 && services[0]->more_help ? services[0]->more_help : "");
}

static const char *health_host(const struct edge_base_config *base)
{
    const char *addr = host_bind_address(base);
    return strcmp(addr, "0.0.0.0") == 0 || strcmp(addr, "::") == 0 ? "127.0.0.1" : addr;
}

/* Where the service listens may be said there; if it is out of reach, the files have to do. */
static bool ask_provider(struct edge_ctx *ctx, struct edge_client *client,
                         const struct edge_config_source *source, int64_t patience_ms,
                         struct edge_config_remote *ret)
{
    struct provider provider = {.client = client};
    uint64_t mark;
    enum edge_status st = provider_url(ctx, source->options->config_provider, &provider.url);
    if (st == EDGE_OK) {
        st = provider_read(ctx, &provider, source, edge_now_mono_ms() + patience_ms, ret, &mark);
    }
    edge_ctx_clear(ctx);
    return st == EDGE_OK;
}

/* Another service may have that port: it is asked for its name. */
static enum edge_status ask_ping(struct edge_ctx *ctx, struct edge_client *client,
                                 const struct edge_service *service,
                                 const struct edge_config_source *source, int64_t deadline_ms)
{
    struct edge_base_config *base = edge_alloc(&ctx->arena, 1, service->config->size);
    struct edge_config_loaded loaded;
    EDGE_TRY(edge_config_load(ctx, source, base, &loaded));
    const struct edge_http_request ping = {.method = "GET", .target = "/api/v3/ping"};
    const char *url = edge_printf(&ctx->arena, "%s://%s:%d", security_scheme(base),
                                  health_host(base), (int)base->service.port);
    security_of_self(ctx, client, url, base);
    const cJSON *answer;
    EDGE_TRY(edge_client_json(client, ctx, url, &ping, deadline_ms, &answer));
    const cJSON *name = edge_json_member(answer, "serviceName", false);
    return cJSON_IsString(name) && strcmp(name->valuestring, source->service) == 0
               ? EDGE_OK
               : edge_fail(ctx, EDGE_UNAVAILABLE, "%s is another service", url);
}

/* Where it cannot listen on what the provider says, it does on what files and environment say. */
static enum edge_status ask_health(struct edge_ctx *ctx, struct edge_client *client,
                                   const struct edge_service *service,
                                   const struct edge_options *options, bool shared_process)
{
    const int64_t patience_ms = 2000;
    const char *name = instance_name(&ctx->arena, service, options);
    struct edge_config_source source =
        instance_source(&ctx->arena, service, options, name, shared_process);
    source.client = client;
    struct edge_config_remote remote;
    if (options->config_provider && !service->is_provider &&
        ask_provider(ctx, client, &source, patience_ms / 2, &remote)) {
        source.remote = &remote;
        if (ask_ping(ctx, client, service, &source, edge_now_mono_ms() + patience_ms) == EDGE_OK) {
            return EDGE_OK;
        }
        edge_ctx_clear(ctx);
        source.remote = NULL;
    }
    return ask_ping(ctx, client, service, &source, edge_now_mono_ms() + patience_ms);
}

static int health(const struct edge_service *const *services, size_t n,
                  const struct edge_options *options)
{
    int code = EXIT_SUCCESS;
    struct edge_client *client = edge_client_create();
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_log *log = edge_log_create(services[i]->name);
        edge_log_set_level(log, EDGE_LOG_ERROR);
        ctx.log = log;
        enum edge_status st = security_of_all(&ctx, client);
        if (st == EDGE_OK) {
            st = ask_health(&ctx, client, services[i], options, n > 1);
        }
        if (st != EDGE_OK) {
            fprintf(stderr, "%s: %s\n", services[i]->name, edge_ctx_message(&ctx, st));
            code = EXIT_FAILURE;
        }
        edge_log_free(log);
    }
    edge_client_free(client);
    return code;
}

/* ---- signals ------------------------------------------------------------------------------- */

/* Before any thread is made, so that all of them inherit it and the watch alone hears signals. */
static int signals_open(sigset_t *ret_heard)
{
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(ret_heard);
    sigaddset(ret_heard, SIGTERM);
    sigaddset(ret_heard, SIGINT);
    sigaddset(ret_heard, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret_heard, NULL);
    return signalfd(-1, ret_heard, SFD_CLOEXEC);
}

static void give_up(int number)
{
    static const char text[] = "stopping took too long, gave up\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(EXIT_FAILURE);
}

/* From now on a second signal ends the process at once, and so does a stop that hangs. */
static void signals_hurry(const sigset_t *heard)
{
    signal(SIGALRM, give_up);
    alarm(GIVE_UP_S);
    pthread_sigmask(SIG_UNBLOCK, heard, NULL);
}

/* Few arenas and an early trim: threads are many and short-lived here, memory is dear. */
static void tune_memory(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

/* As many sockets as the system lets us have: a database that cannot open its file for want of a
 * descriptor is worse off than a client that is sent away. */
static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max < MAX_FILES ? files.rlim_max : MAX_FILES;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* ---- main ---------------------------------------------------------------------------------- */

static void log_free(struct edge_log **log)
{
    edge_log_free(*log);
}

static int run(const char *program, const struct edge_service *const *services, size_t n,
               const struct edge_options *options)
{
    EDGE_CLEANUP(log_free) struct edge_log *log = edge_log_create(program);
    EDGE_CTX_SCOPE(ctx);
    ctx.log = log;
    sigset_t heard;
    struct edge_host *host;
    tune_memory();
    raise_files();
    int signal_fd = signals_open(&heard);
    enum edge_status st = host_launch(&ctx, services, n, options, signal_fd, &host);
    if (st == EDGE_OK) {
        host_watch(host, signal_fd);
        st = host_failure(&ctx, host);
    }
    if (st != EDGE_OK && !host_pause(host, 0)) {
        st = EDGE_OK; /* told to stop before it was up */
    } else if (st != EDGE_OK) {
        edge_log_error(&ctx, "cannot go on", "error", edge_ctx_message(&ctx, st), NULL);
    }
    signals_hurry(&heard);
    host_stop(host, DRAIN_MS);
    close(signal_fd);
    return st == EDGE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int edge_host_main(const struct edge_service *const *services, size_t n, int argc, char **argv)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_options options;
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];
    enum edge_status st = take_options(&ctx, services, n, argc, argv, &options);
    if (st != EDGE_OK) {
        fprintf(stderr, "%s: %s\n", program, edge_ctx_message(&ctx, st));
        if (st == EDGE_INVALID) {
            fprintf(stderr, "try %s --help\n", program);
        }
        return st == EDGE_INVALID ? EXIT_USAGE : EXIT_FAILURE;
    }
    if (options.help) {
        print_help(program, services, n);
        return EXIT_SUCCESS;
    }
    if (options.version) {
        const char *own = n == 1 ? services[0]->version : NULL;
        printf("%s %s (EdgeX %s)\n", program, own ? own : EDGE_VERSION, EDGE_WIRE);
        return EXIT_SUCCESS;
    }
    return options.health ? health(services, n, &options) : run(program, services, n, &options);
}

int edge_service_main(const struct edge_service *service, int argc, char **argv)
{
    return edge_host_main(&service, 1, argc, argv);
}

/* ---- for tests ----------------------------------------------------------------------------- */

static void *watch_main(void *arg)
{
    host_watch(arg, -1);
    return NULL;
}

static enum edge_status wait_ready(struct edge_ctx *ctx, struct edge_host *host)
{
    {
        EDGE_LOCK(&host->lock);
        while (host->n_pending > 0 && host->failure == EDGE_OK) {
            edge_cond_wait(&host->changed, &host->lock);
        }
    }
    return host_failure(ctx, host);
}

enum edge_status edge_host_start(struct edge_ctx *ctx, const struct edge_service *const *services,
                                 size_t n, int argc, char **argv, struct edge_host **ret)
{
    struct edge_options options;
    struct edge_host *host;
    EDGE_TRY(take_options(ctx, services, n, argc, argv, &options));
    enum edge_status st = host_launch(ctx, services, n, &options, -1, &host);
    if (st == EDGE_OK) {
        st = wait_ready(ctx, host);
    }
    if (st != EDGE_OK) {
        host_stop(host, DRAIN_MS);
        return st;
    }
    host->watch_thread = edge_thread_start("watch", watch_main, host);
    host->watch_running = true;
    *ret = host;
    return EDGE_OK;
}

void edge_host_stop(struct edge_host *host)
{
    if (host) {
        host_stop(host, DRAIN_MS);
    }
}

const struct edge_runtime *edge_host_runtime(const struct edge_host *host, const char *service)
{
    for (size_t i = 0; i < host->n; i++) {
        if (strcmp(host->instances[i]->rt.service->name, service) == 0) {
            return &host->instances[i]->rt;
        }
    }
    return NULL;
}
