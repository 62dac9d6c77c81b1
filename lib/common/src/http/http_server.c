/*
 * The server: a listening socket, event loops on it (http_loop.c) with their connections
 * (http_conn.c), started and stopped. A request is read into a call (http_call.c), which is run when
 * it is whole; its reply is sent by the thread that owns the connection.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/budget.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "http_internal.h"
#include "http_tls.h"

enum {
    DEFAULT_CONNECTIONS = 1024,
    DEFAULT_HEADER_MS = 5000,
    DEFAULT_BODY_MS = 10000,
    DEFAULT_IDLE_MS = 15000,
    LEAST_TICK_MS = 10,
    LARGEST_TICK_MS = 200,
    ANSWER_MS = 700, /* to send the last answers when stopping */
    LATE_MS = 2000,  /* for work that nobody waits for any more to end */
};

/* ---- listening --------------------------------------------------------------------------- */

static int open_listener(const struct addrinfo *ai)
{
    const int on = 1, off = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void addrinfo_done(struct addrinfo **list)
{
    if (*list) {
        freeaddrinfo(*list);
    }
}

static enum edge_status listen_on(struct edge_ctx *ctx, const char *host, uint16_t port,
                                  int *ret_fd)
{
    EDGE_CLEANUP(addrinfo_done) struct addrinfo *list = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    int error = getaddrinfo(host, service, &hints, &list);
    if (error != 0) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "cannot listen on %s:%u: %s", host, (unsigned)port,
                         gai_strerror(error));
    }
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
        *ret_fd = open_listener(ai);
        if (*ret_fd >= 0) {
            return EDGE_OK;
        }
    }
    return edge_fail(ctx, EDGE_UNAVAILABLE, "cannot listen on %s:%u: %s", host, (unsigned)port,
                     strerror(errno));
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    char port[8] = "0";
    if (getsockname(fd, (struct sockaddr *)&addr, &len) == 0) {
        getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
    }
    return (uint16_t)strtoul(port, NULL, 10);
}

static void wake_loops(struct http_loop *loops, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        http_loop_wake(&loops[i]);
    }
}

/* ---- start and stop ---------------------------------------------------------------------- */

static void fill_defaults(struct edge_http_config *c)
{
    if (c->threads == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        c->threads = cores > 0 ? (unsigned)cores : 1;
    }
    c->host = !c->host || strcmp(c->host, "localhost") == 0 ? "127.0.0.1" : c->host;
    c->max_connections = c->max_connections ? c->max_connections : DEFAULT_CONNECTIONS;
    c->header_deadline_ms = c->header_deadline_ms ? c->header_deadline_ms : DEFAULT_HEADER_MS;
    c->body_deadline_ms = c->body_deadline_ms ? c->body_deadline_ms : DEFAULT_BODY_MS;
    c->idle_timeout_ms = c->idle_timeout_ms ? c->idle_timeout_ms : DEFAULT_IDLE_MS;
}

/* Late by a tenth of the shortest deadline at most. */
static int64_t tick_for(const struct edge_http_config *c)
{
    int64_t shortest =
        c->header_deadline_ms < c->body_deadline_ms ? c->header_deadline_ms : c->body_deadline_ms;
    if (c->request_timeout_ms > 0 && c->request_timeout_ms < shortest) {
        shortest = c->request_timeout_ms;
    }
    int64_t tick = shortest / 10;
    return tick < LEAST_TICK_MS ? LEAST_TICK_MS : tick > LARGEST_TICK_MS ? LARGEST_TICK_MS : tick;
}

static enum edge_status check_pool(struct edge_ctx *ctx, const struct edge_http_config *config,
                                   const struct edge_routes *routes)
{
    for (size_t i = 0; i < routes->n && !config->pool; i++) {
        if (routes->rows[i].flags & EDGE_ROUTE_WAITS) {
            return edge_fail(ctx, EDGE_INTERNAL, "route %s %s waits, but there is no worker pool",
                             routes->rows[i].method, routes->rows[i].path);
        }
    }
    return EDGE_OK;
}

static enum edge_status open_server(struct edge_ctx *ctx, struct edge_http *http)
{
    struct edge_http_config *config = &http->config;
    EDGE_TRY(check_pool(ctx, config, &config->routes));
    EDGE_TRY(check_pool(ctx, config, &config->common_routes));
    EDGE_TRY(http_router_add(ctx, http->router, &config->routes));
    EDGE_TRY(http_router_add(ctx, http->router, &config->common_routes));
    for (unsigned i = 0; i < config->threads; i++) {
        EDGE_TRY(http_loop_init(ctx, &http->loops[i], http));
    }
    if (config->tls) {
        EDGE_TRY(http_tls_use(ctx, http, config->tls));
    }
    EDGE_TRY(listen_on(ctx, config->host, config->port, &http->fd));
    http->port = port_of(http->fd);
    for (unsigned i = 0; i < config->threads; i++) {
        http_loop_start(&http->loops[i]);
    }
    return EDGE_OK;
}

static void make_metrics(struct edge_http *http)
{
    struct edge_metrics *m = http->config.metrics;
    http->requests = edge_counter(m, "HttpRequests", "Requests answered.");
    http->refused =
        edge_counter(m, "HttpRequestsRefused", "Requests refused for want of memory or workers.");
    http->duration = edge_histogram(m, "HttpRequestDuration", "From head to answer.");
    http->memory = edge_gauge(m, "HttpMemoryInUse",
                              "Bytes of the process's budget in use by requests and answers.");
    http->memory_peak =
        edge_gauge(m, "HttpMemoryPeak", "The most there ever was of HttpMemoryInUse.");
}

enum edge_status edge_http_start(struct edge_ctx *ctx, const struct edge_http_config *config,
                                 struct edge_http **ret)
{
    struct edge_http *http = edge_xalloc(1, sizeof(*http));
    http->config = *config;
    http->router = http_router_create();
    edge_mutex_init(&http->lock);
    edge_cond_init(&http->changed);
    http_ref(http);
    fill_defaults(&http->config);
    http->tick_ms = tick_for(&http->config);
    http->loops = edge_xalloc(http->config.threads, sizeof(*http->loops));
    http->budget =
        config->budget ? edge_budget_ref(config->budget) : edge_budget_create(EDGE_BUDGET_DEFAULT);
    if (config->metrics) {
        make_metrics(http);
    }
    enum edge_status st = open_server(ctx, http);
    if (st != EDGE_OK) {
        http_free(http);
        return st;
    }
    *ret = http;
    return EDGE_OK;
}

enum edge_status edge_http_renew(struct edge_ctx *ctx, struct edge_http *http,
                                 const struct edge_http_tls *tls)
{
    return http_tls_use(ctx, http, tls);
}

uint16_t edge_http_port(const struct edge_http *http)
{
    return http->port;
}

/* Until every call is answered, or @p ms are over. */
static void wait_until_quiet(struct edge_http *http, int64_t ms)
{
    int64_t deadline_ms = edge_now_mono_ms() + ms;
    EDGE_LOCK(&http->lock);
    while (atomic_load(&http->n_open) > 0 &&
           edge_cond_wait_until(&http->changed, &http->lock, deadline_ms)) {
    }
}

/* Nothing may sleep any more. */
static void give_up_the_rest(struct edge_http *http)
{
    EDGE_LOCK(&http->lock);
    atomic_store(&http->closing, true);
    http_give_up_all(http, "service is stopping");
}

static void wait_for_late_work(struct edge_http *http)
{
    int64_t deadline_ms = edge_now_mono_ms() + LATE_MS;
    EDGE_LOCK(&http->lock);
    while (http->refs > 1) {
        if (!edge_cond_wait_until(&http->changed, &http->lock, deadline_ms)) {
            struct edge_ctx ctx = {.log = http->config.log};
            edge_log_error(&ctx, "calls outlive their server, its state must outlive them", NULL);
            return;
        }
    }
}

void edge_http_refuse(struct edge_http *http)
{
    atomic_store(&http->stopping, true);
    shutdown(http->fd, SHUT_RDWR); /* clients are refused at once */
    wake_loops(http->loops, http->config.threads);
}

void edge_http_stop(struct edge_http *http, int64_t drain_ms)
{
    if (!http) {
        return;
    }
    edge_http_refuse(http);
    wait_until_quiet(http, drain_ms);
    give_up_the_rest(http);
    wait_until_quiet(http, ANSWER_MS);
    atomic_store(&http->ended, true);
    wake_loops(http->loops, http->config.threads);
    for (unsigned i = 0; i < http->config.threads; i++) {
        http_loop_join(&http->loops[i]);
    }
    close(http->fd);
    wait_for_late_work(http);
    http_unref(http);
}
