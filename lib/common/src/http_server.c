/*
 * The server: a listening socket, event loops on it (http_loop.c), and what they call back. A
 * request is read into a call (http_call.c), which is run when it is whole; its reply is queued by
 * the thread that owns the connection, at once or when it is woken.
 */
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "http_internal.h"

enum {
    DEFAULT_CONNECTIONS = 1024,
    DEFAULT_HEADER_MS = 5000,
    DEFAULT_BODY_MS = 10000,
    DEFAULT_IDLE_MS = 15000,
    BYTES_PER_SECOND = 64 * 1024,  /* what a peer must read and write at least */
    FIRST_BODY = 64 * 1024,        /* room made on the client's word */
    CONNECTION_MEMORY = 16 * 1024, /* head and buffers of one connection */
    LEAST_TICK_MS = 10,
    LARGEST_TICK_MS = 500,
    ANSWER_MS = 1000, /* to send the last answers when stopping */
    LATE_MS = 2000,   /* for work that nobody waits for any more to end */
};

/* ---- connections ------------------------------------------------------------------------- */

/* At least 64 KiB/s, and some time to begin with. */
static void set_deadline(struct http_conn *conn, int64_t since_ms, int64_t ms, size_t bytes)
{
    conn->deadline_ms = since_ms + ms + (int64_t)(bytes / BYTES_PER_SECOND) * 1000;
}

static struct http_conn *conn_open(struct http_loop *loop, struct MHD_Connection *mhd)
{
    struct http_conn *conn = edge_xalloc(1, sizeof(*conn));
    conn->loop = loop;
    conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    set_deadline(conn, edge_now_mono_ms(), loop->http->config.header_deadline_ms, 0);
    conn->next = loop->conns;
    conn->link = &loop->conns;
    if (loop->conns) {
        loop->conns->link = &conn->next;
    }
    loop->conns = conn;
    return conn;
}

static void conn_close(struct http_conn *conn)
{
    conn->loop->has_room = true;
    *conn->link = conn->next;
    if (conn->next) {
        conn->next->link = conn->link;
    }
    free(conn);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = conn_open(arg, mhd);
    } else if (*socket_context) {
        conn_close(*socket_context);
        *socket_context = NULL;
    }
}

/* ---- replies ----------------------------------------------------------------------------- */

static void add_header(void *arg, const char *name, const char *value)
{
    MHD_add_response_header(arg, name, value);
}

/* The reply's bytes pass to libmicrohttpd, which frees them. */
static struct MHD_Response *response_of(struct edge_call *call, bool late)
{
    if (late) {
        return MHD_create_response_from_buffer(strlen(call->late_text), (void *)call->late_text,
                                               MHD_RESPMEM_PERSISTENT);
    }
    if (call->reply.len == 0) {
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(call->reply.len, call->reply.data, MHD_RESPMEM_MUST_FREE);
    if (response) {
        call->reply.data = NULL;
    }
    return response;
}

static void add_headers(struct edge_call *call, struct MHD_Response *response, bool late)
{
    bool bare = call->route && (call->route->flags & EDGE_ROUTE_BARE);
    if (late) {
        add_header(response, "Content-Type", "text/plain");
    } else if (call->reply.len > 0 || call->typed) {
        add_header(response, "Content-Type", call->type);
    }
    if (call->given_id || (!bare && call->ctx.correlation_id[0] != '\0')) {
        add_header(response, "X-Correlation-ID", call->ctx.correlation_id);
    }
    if (call->allow) {
        add_header(response, "Allow", call->allow);
    }
    if (call->close || atomic_load_explicit(&call->http->stopping, memory_order_relaxed)) {
        add_header(response, "Connection", "close");
    }
    http_cors_headers(call, add_header, response);
}

static enum MHD_Result answer(struct edge_call *call)
{
    bool late = http_call_is_given_up(call);
    http_call_settle(call);
    int code = late ? 503 : call->code;
    size_t size = late ? 0 : call->reply.len;
    struct MHD_Response *response = response_of(call, late);
    if (!response) {
        return MHD_NO;
    }
    add_headers(call, response, late);
    set_deadline(call->conn, edge_now_mono_ms(), call->http->config.body_deadline_ms, size);
    enum MHD_Result result = MHD_queue_response(call->mhd, (unsigned)code, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- requests ---------------------------------------------------------------------------- */

/* The request line is there, as it came. What is returned stands for the request from now on. */
static void *on_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
    struct edge_http *http = ((struct http_loop *)arg)->http;
    struct edge_call *call = http_call_new(http);
    call->mhd = mhd;
    call->conn = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    call->raw_target = (uintptr_t)target;
    http_call_set_target(call, target ? target : "");
    int64_t by_ms = call->started_ns / 1000000 + http->config.header_deadline_ms;
    if (call->conn->deadline_ms > by_ms) {
        call->conn->deadline_ms = by_ms;
    }
    return call;
}

static size_t keep_escaped(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg, (void)mhd;
    return strlen(text);
}

static enum MHD_Result run(struct edge_call *call)
{
    call->stage = HTTP_AT_WORK;
    call->conn->deadline_ms = 0; /* the handler's time is not the peer's */
    if (call->body.len > 0) {
        edge_buf_str(&call->body);
    }
    if (!http_call_run(call) && http_call_park(call)) {
        return MHD_YES;
    }
    return answer(call);
}

/* Make ready for the body. True: it is not even read, the answer goes out first. */
static bool refuse_body(struct edge_call *call)
{
    if (!call->settled && call->announced > call->max_body) {
        http_call_too_large(call);
    }
    if (call->settled) {
        /* Mostly it is read to its end all the same, or the client might never see the answer. */
        return call->announced > HTTP_DRAINED_BODY || edge_call_header(call, "Expect");
    }
    edge_buf_room(&call->body, (call->announced < FIRST_BODY ? call->announced : FIRST_BODY) + 1);
    return false;
}

/* To answer in this callback means to end the connection, so most wait for the next one. */
static enum MHD_Result on_head(struct edge_call *call, const char *method, const char *version)
{
    enum http_method known = http_method_of(method);
    bool sound = http_guard_head(call, version);
    call->stage = HTTP_AT_BODY;
    call->method =
        known == HTTP_OTHER ? edge_strdup(&call->ctx.arena, method) : http_method_name(known);
    http_call_set_correlation(call, edge_call_header(call, "X-Correlation-ID"));
    if (!call->settled) {
        http_call_find_route(call, known);
    }
    if (!sound || (call->has_body && refuse_body(call))) {
        return run(call);
    }
    call->body_since_ms = edge_now_mono_ms();
    set_deadline(call->conn, call->body_since_ms, call->http->config.body_deadline_ms, 0);
    return MHD_YES;
}

static enum MHD_Result on_body(struct edge_call *call, const char *bytes, size_t n)
{
    call->n_received += n;
    if (call->n_received > HTTP_DRAINED_BODY && call->settled) {
        return MHD_NO;
    }
    if (!call->settled && call->n_received > call->max_body) {
        http_call_too_large(call);
        edge_buf_done(&call->body);
    }
    if (!call->settled) {
        edge_buf_put(&call->body, bytes, n);
    }
    set_deadline(call->conn, call->body_since_ms, call->http->config.body_deadline_ms,
                 call->n_received);
    return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *n_bytes, void **request_context)
{
    struct edge_call *call = *request_context;
    (void)arg, (void)mhd, (void)url;
    switch (call->stage) {
    case HTTP_AT_HEAD:
        return on_head(call, method, version);
    case HTTP_AT_BODY:
        if (*n_bytes == 0) {
            return run(call);
        }
        size_t n = *n_bytes;
        *n_bytes = 0;
        return on_body(call, bytes, n);
    case HTTP_AT_WORK: /* it was parked and is awake again */
        http_call_unpark(call);
        return answer(call);
    }
    return MHD_NO;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    struct edge_http *http = ((struct http_loop *)arg)->http;
    struct edge_call *call = *request_context;
    (void)mhd, (void)code;
    if (!call) {
        return;
    }
    *request_context = NULL;
    if (call->holds_http) { /* it was parked: its neighbours in that list may be changing it */
        http_call_unpark(call);
    }
    /* A silent client is let go by libmicrohttpd; this is for one that begins but does not end. */
    set_deadline(call->conn, edge_now_mono_ms(),
                 http->config.idle_timeout_ms + http->config.header_deadline_ms, 0);
    http_call_unref(call);
    http_call_ended(http);
}

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

static bool is_ipv6(int fd)
{
    int domain = 0;
    socklen_t len = sizeof(domain);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_INET6;
}

static struct MHD_Daemon *start_daemon(struct http_loop *loop)
{
    const struct edge_http_config *config = &loop->http->config;
    int fd = loop->http->fd;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (is_ipv6(fd) ? MHD_USE_IPv6 : 0);
    unsigned share = (config->max_connections + config->threads - 1) / config->threads;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET,           fd,                                               NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT,       1,                                                NULL},
        {MHD_OPTION_CONNECTION_LIMIT,        (intptr_t)share,                                  NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT,      (intptr_t)(config->idle_timeout_ms + 999) / 1000, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,                                NULL},
        {MHD_OPTION_END,                     0,                                                NULL},
    };
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, loop, MHD_OPTION_ARRAY, options,
                            MHD_OPTION_URI_LOG_CALLBACK, on_target, loop,
                            MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop, MHD_OPTION_END);
}

static void wake_loops(struct http_loop *loops, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        http_loop_wake(&loops[i]);
    }
}

/* Their threads have ended, or never begun. */
static void stop_daemons(struct edge_http *http)
{
    for (unsigned i = 0; i < http->config.threads && http->loops[i].daemon; i++) {
        MHD_quiesce_daemon(http->loops[i].daemon); /* the socket is ours */
        MHD_stop_daemon(http->loops[i].daemon);
    }
    close(http->fd);
}

/* ---- start and stop ---------------------------------------------------------------------- */

static void http_free(struct edge_http *http)
{
    http_router_free(http->router);
    for (unsigned i = 0; i < http->config.threads; i++) {
        http_loop_done(&http->loops[i]);
    }
    free(http->loops);
    edge_mutex_done(&http->lock);
    edge_cond_done(&http->changed);
    free(http);
}

void http_ref(struct edge_http *http)
{
    EDGE_LOCK(&http->lock);
    http->refs++;
}

void http_unref(struct edge_http *http)
{
    bool last;
    {
        EDGE_LOCK(&http->lock);
        last = --http->refs == 0;
        edge_cond_broadcast(&http->changed);
    }
    if (last) {
        http_free(http);
    }
}

void http_call_ended(struct edge_http *http)
{
    atomic_fetch_sub(&http->n_open, 1);
    if (atomic_load(&http->stopping)) {
        EDGE_LOCK(&http->lock);
        edge_cond_broadcast(&http->changed);
    }
}

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
    EDGE_TRY(listen_on(ctx, config->host, config->port, &http->fd));
    http->port = port_of(http->fd);
    for (unsigned i = 0; i < config->threads; i++) {
        http->loops[i].daemon = start_daemon(&http->loops[i]);
        if (!http->loops[i].daemon) {
            stop_daemons(http);
            return edge_fail(ctx, EDGE_UNAVAILABLE, "cannot serve %s:%u", config->host,
                             (unsigned)http->port);
        }
    }
    for (unsigned i = 0; i < config->threads; i++) {
        http_loop_start(&http->loops[i]);
    }
    return EDGE_OK;
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
    for (unsigned i = 0; i < http->config.threads; i++) {
        http_loop_init(&http->loops[i], http);
    }
    if (config->metrics) {
        http->requests = edge_counter(config->metrics, "HttpRequests", "Requests answered.");
        http->duration =
            edge_histogram(config->metrics, "HttpRequestDuration", "From head to answer.");
    }
    enum edge_status st = open_server(ctx, http);
    if (st != EDGE_OK) {
        http_free(http);
        return st;
    }
    *ret = http;
    return EDGE_OK;
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

/* Nothing may sleep any more: libmicrohttpd does not stop while a connection is suspended. */
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

void edge_http_stop(struct edge_http *http, int64_t drain_ms)
{
    if (!http) {
        return;
    }
    atomic_store(&http->stopping, true);
    shutdown(http->fd, SHUT_RDWR); /* clients are refused at once */
    wake_loops(http->loops, http->config.threads);
    wait_until_quiet(http, drain_ms);
    give_up_the_rest(http);
    wait_until_quiet(http, ANSWER_MS);
    atomic_store(&http->ended, true);
    wake_loops(http->loops, http->config.threads);
    for (unsigned i = 0; i < http->config.threads; i++) {
        http_loop_join(&http->loops[i]);
    }
    stop_daemons(http);
    wait_for_late_work(http);
    http_unref(http);
}
