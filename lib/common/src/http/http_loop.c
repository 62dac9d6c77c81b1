/*
 * The event loops: each a thread of its own around an epoll set, all on the same listening socket.
 *
 * Slots are bounded, for all loops together: which one hears of a connection is the kernel's choice,
 * and it likes to choose the same. A new connection that finds none free takes one from who has the
 * least to lose: a peer that has had its last answer, one that hung up, one between requests, one
 * whose head is not whole yet, the oldest first; then one whose body or answer has stood still for a
 * second. Only where all are at work it waits in the listening queue.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/budget.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "http_internal.h"

enum {
    MAX_EVENTS = 512,
    MAX_ACCEPTED = 64, /* in one turn */
    STANDSTILL_MS = 1000,
    PRESSED_MS = 2000, /* memory was short so recently that who stands still gives way */
    STOPPING_TICK_MS = 50,
};

/* ---- slots ------------------------------------------------------------------------------- */

static struct http_conn *standing_still(struct http_loop *loop, enum http_conn_state state)
{
    struct http_conn *conn;
    TAILQ_FOREACH(conn, &loop->conns[state], entry)
    {
        if (loop->now_ms - conn->moved_ms >= STANDSTILL_MS) {
            return conn;
        }
    }
    return NULL;
}

/* Has it said something that nobody has read yet? */
static bool has_input(const struct http_conn *conn)
{
    int n = 0;
    return ioctl(conn->fd, FIONREAD, &n) == 0 && n > 0;
}

static bool is_between(const struct http_conn *conn)
{
    return conn->state == HTTP_CONN_IDLE || conn->state == HTTP_CONN_HEAD;
}

static struct http_conn *who_gives_way(struct http_loop *loop)
{
    for (unsigned state = 0; state < HTTP_CONN_STAYS; state++) {
        if (!TAILQ_EMPTY(&loop->conns[state])) {
            return TAILQ_FIRST(&loop->conns[state]);
        }
    }
    struct http_conn *conn = standing_still(loop, HTTP_CONN_BODY);
    return conn ? conn : standing_still(loop, HTTP_CONN_SEND);
}

static bool is_full(const struct edge_http *http)
{
    return atomic_load(&http->n_conns) >= http->config.max_connections;
}

/* Who has just asked is heard before it is sent away. */
static bool make_room(struct http_loop *loop)
{
    struct http_conn *conn;
    while ((conn = who_gives_way(loop))) {
        bool at_work = is_between(conn) && has_input(conn);
        if (at_work) {
            http_conn_ready(conn, EPOLLIN);
            at_work = !is_between(conn);
        }
        if (!at_work) {
            http_conn_close(conn);
        }
        if (!is_full(loop->http)) {
            return true;
        }
    }
    return false;
}

static void listen_for(struct http_loop *loop, bool on)
{
    if (loop->listens == on) {
        return;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &loop->listens};
    epoll_ctl(loop->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, loop->http->fd, &e);
    loop->listens = on;
}

/* Why a loop looks for new connections. */
enum reason {
    HEARD,     /* it was told of one */
    ASKED_FOR, /* by a loop that heard of one and can make no room */
    LEFT_OVER, /* nobody else took it, if it is there still */
};

/* Of the loops that have their part of all slots at least one can, as long as there is no slot free; who
 * came to the others would take the place of those who came just before. */
static bool can_make_room(struct http_loop *loop, enum reason reason)
{
    const struct edge_http_config *config = &loop->http->config;
    bool has_its_part = loop->n_conns * config->threads >= config->max_connections;
    return (has_its_part || reason == LEFT_OVER) && who_gives_way(loop);
}

/* The kernel tells only one loop of a connection. */
static void ask_the_others(struct http_loop *loop)
{
    struct edge_http *http = loop->http;
    for (unsigned i = 0; i < http->config.threads; i++) {
        if (&http->loops[i] != loop) {
            atomic_store(&http->loops[i].shall_accept, true);
            http_loop_wake(&http->loops[i]);
        }
    }
}

static void leave_it(struct http_loop *loop, enum reason reason)
{
    listen_for(loop, false); /* until one ends, or a tick */
    if (reason == HEARD) {
        ask_the_others(loop);
    }
}

static void accept_some(struct http_loop *loop, enum reason reason)
{
    for (int i = 0; i < MAX_ACCEPTED; i++) {
        bool full = is_full(loop->http);
        if (full && !can_make_room(loop, reason)) {
            leave_it(loop, reason);
            return;
        }
        int fd = accept4(loop->http->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (full) {
                (void)make_room(loop);
            }
            http_conn_open(loop, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!make_room(loop)) {
                leave_it(loop, reason);
                return;
            }
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return; /* there is none left */
        }
    }
}

/* ---- time -------------------------------------------------------------------------------- */

static void give_up_slow_calls(struct edge_http *http, int64_t now_ms)
{
    EDGE_LOCK(&http->lock);
    for (struct edge_call *call = http->parked; call; call = call->next_parked) {
        if (call->give_up_ms > 0 && call->give_up_ms <= now_ms) {
            http_give_up(http, call, "request timeout");
        }
    }
}

static void give_memory_back(void *unused)
{
    (void)unused;
    malloc_trim(0); /* holes below what still lives, which the heap keeps otherwise */
}

/* The server's budget may be everybody's: each shows the whole of it. */
static bool look_at_memory(struct http_loop *loop)
{
    const struct edge_http *http = loop->http;
    struct edge_budget_state memory;
    if (http->config.pool && edge_budget_has_rest(http->budget)) {
        (void)edge_pool_submit(http->config.pool, give_memory_back, NULL);
    }
    edge_budget_state(http->budget, &memory);
    if (http->memory) {
        edge_gauge_set(http->memory, (int64_t)memory.in_use);
        edge_gauge_set(http->memory_peak, (int64_t)memory.peak);
    }
    bool pressed = memory.refused_ms > 0 && loop->now_ms - memory.refused_ms < PRESSED_MS;
    if (pressed && !loop->pressed) { /* once, not for each request that is refused */
        struct edge_ctx ctx = {.log = http->config.log};
        char limit[32];
        snprintf(limit, sizeof(limit), "%zu", memory.limit);
        edge_log_warn(&ctx, "memory for requests is short, some are refused", "bytes", limit, NULL);
    }
    loop->pressed = pressed;
    return pressed;
}

/* Each once: who is looked at may go to the end of a queue, even of the same one. */
static void tick_all(struct http_loop *loop, bool pressed)
{
    loop->n_looks++;
    for (unsigned state = 0; state < HTTP_CONN_DEAD; state++) {
        struct http_conn *conn = TAILQ_FIRST(&loop->conns[state]);
        while (conn) {
            struct http_conn *next = TAILQ_NEXT(conn, entry);
            if (conn->looked != loop->n_looks) {
                conn->looked = loop->n_looks;
                http_conn_tick(conn, pressed);
            }
            conn = next;
        }
    }
}

static int64_t tick_ms(const struct http_loop *loop)
{
    const struct edge_http *http = loop->http;
    bool stopping = atomic_load_explicit(&http->stopping, memory_order_relaxed);
    return stopping && http->tick_ms > STOPPING_TICK_MS ? STOPPING_TICK_MS : http->tick_ms;
}

static void look_around(struct http_loop *loop)
{
    if (loop->now_ms - loop->watched_ms < tick_ms(loop)) {
        return;
    }
    loop->watched_ms = loop->now_ms;
    tick_all(loop, look_at_memory(loop));
    give_up_slow_calls(loop->http, loop->now_ms);
    if (!loop->listens && !atomic_load(&loop->http->stopping)) {
        accept_some(loop, LEFT_OVER);
        listen_for(loop, true);
    }
}

/* ---- turns ------------------------------------------------------------------------------- */

static struct edge_call *take_awake(struct http_loop *loop)
{
    EDGE_LOCK(&loop->lock);
    struct edge_call *newest = loop->awake, *in_order = NULL;
    loop->awake = NULL;
    while (newest) {
        struct edge_call *next = newest->next_woken;
        newest->next_woken = in_order;
        in_order = newest;
        newest = next;
    }
    return in_order;
}

static void wake_calls(struct http_loop *loop)
{
    uint64_t times;
    if (read(loop->wake_fd, &times, sizeof(times)) > 0) {
        atomic_store(&loop->woken, false); /* from here on the next one writes again */
    }
    for (struct edge_call *call = take_awake(loop); call;) {
        struct edge_call *next = call->next_woken;
        http_call_unpark(call);
        if (call->conn) {
            http_conn_wake(call->conn);
        } else {
            loop->n_orphans--;
            http_call_unref(call);
        }
        call = next;
    }
}

static void bury(struct http_loop *loop)
{
    struct http_conn *conn;
    while ((conn = TAILQ_FIRST(&loop->conns[HTTP_CONN_DEAD]))) {
        TAILQ_REMOVE(&loop->conns[HTTP_CONN_DEAD], conn, entry);
        free(conn);
    }
}

static void close_all(struct http_loop *loop, enum http_conn_state from, enum http_conn_state to)
{
    for (unsigned state = from; state <= to; state++) {
        while (!TAILQ_EMPTY(&loop->conns[state])) {
            http_conn_close(TAILQ_FIRST(&loop->conns[state]));
        }
    }
}

static void turn(struct http_loop *loop)
{
    struct epoll_event events[MAX_EVENTS];
    bool has_deadlines = loop->n_conns > 0 || !loop->listens;
    int n = epoll_wait(loop->epoll_fd, events, MAX_EVENTS, has_deadlines ? (int)tick_ms(loop) : -1);
    loop->now_ms = edge_now_mono_ms();
    bool accepts = false;
    for (int i = 0; i < n; i++) {
        void *what = events[i].data.ptr;
        if (what == &loop->listens) {
            accepts = true;
        } else if (what == &loop->wake_fd) {
            wake_calls(loop);
        } else {
            http_conn_ready(what, events[i].events);
        }
    }
    bool asked = atomic_exchange(&loop->shall_accept, false);
    if ((accepts || asked) && !atomic_load(&loop->http->stopping)) {
        /* Behind the others, whose slots may have become free. */
        accept_some(loop, accepts ? HEARD : ASKED_FOR);
    }
    look_around(loop);
    if (!TAILQ_EMPTY(&loop->conns[HTTP_CONN_DEAD]) && !atomic_load(&loop->http->stopping)) {
        listen_for(loop, true);
    }
    bury(loop);
}

/* Nothing new comes in, and who says nothing is sent away. */
static void stop_listening(struct http_loop *loop)
{
    struct http_conn *conn;
    listen_for(loop, false);
    close_all(loop, HTTP_CONN_IDLE, HTTP_CONN_HEAD);
    TAILQ_FOREACH(conn, &loop->conns[HTTP_CONN_BODY], entry)
    {
        http_conn_hurry(conn);
    }
    TAILQ_FOREACH(conn, &loop->conns[HTTP_CONN_SEND], entry)
    {
        http_conn_hurry(conn);
    }
}

static void *run_loop(void *arg)
{
    struct http_loop *loop = arg;
    const struct edge_http *http = loop->http;
    bool stopping = false;
    loop->now_ms = edge_now_mono_ms();
    listen_for(loop, true);
    while (!atomic_load(&http->ended)) {
        turn(loop);
        if (!stopping && atomic_load(&http->stopping)) {
            stopping = true;
            stop_listening(loop);
        }
    }
    close_all(loop, 0, HTTP_CONN_SEND);
    while (loop->n_orphans > 0) { /* who finishes them is between two steps */
        turn(loop);
    }
    bury(loop);
    return NULL;
}

/* ---- from outside ------------------------------------------------------------------------ */

enum edge_status http_loop_init(struct edge_ctx *ctx, struct http_loop *loop,
                                struct edge_http *http)
{
    loop->http = http;
    edge_mutex_init(&loop->lock);
    for (unsigned state = 0; state < HTTP_CONN_STATES; state++) {
        TAILQ_INIT(&loop->conns[state]);
    }
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &loop->wake_fd};
    if (loop->wake_fd < 0 || loop->epoll_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &e) != 0) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "cannot make an event loop: %s", strerror(errno));
    }
    return EDGE_OK;
}

void http_loop_start(struct http_loop *loop)
{
    loop->thread = edge_thread_start("http", run_loop, loop);
}

void http_loop_join(struct http_loop *loop)
{
    pthread_join(loop->thread, NULL);
}
