/*
 * The event loops: each a thread of ours around a libmicrohttpd daemon of its own, all on the same
 * listening socket. Left to itself libmicrohttpd 0.9.75 goes to sleep on what it has been told when
 * just as many events are ready as it takes in one turn (128); so the loop waits by itself, and the
 * daemon never does.
 *
 * Between turns the loop watches over slow peers. libmicrohttpd's own time-out starts anew with
 * every byte, so one byte a second would hold a connection for ever. Here a connection has a
 * deadline for what it is at, and a sleeping call one for its outcome.
 */
#include <assert.h>
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "http_internal.h"

/* How long there is nothing to do unless the outside says so; -1: for ever. */
static int patience_ms(struct http_loop *loop)
{
    if (loop->has_room) { /* libmicrohttpd looks at the listening socket again in its next turn */
        loop->has_room = false;
        return 0;
    }
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    int64_t ms = loop->conns ? loop->http->tick_ms : -1;
    if (MHD_get_timeout(loop->daemon, &timeout_ms) == MHD_YES &&
        (ms < 0 || timeout_ms < (MHD_UNSIGNED_LONG_LONG)ms)) {
        ms = timeout_ms < INT_MAX ? (int64_t)timeout_ms : INT_MAX;
    }
    return (int)ms;
}

static void cut_slow_peers(struct http_loop *loop, int64_t now_ms)
{
    for (struct http_conn *conn = loop->conns; conn; conn = conn->next) {
        if (conn->deadline_ms > 0 && conn->deadline_ms <= now_ms) {
            conn->deadline_ms = 0;
            shutdown(conn->fd, SHUT_RDWR); /* the next turn sees the end and closes it */
        }
    }
}

static void give_up_slow_calls(struct edge_http *http, int64_t now_ms)
{
    EDGE_LOCK(&http->lock);
    for (struct edge_call *call = http->parked; call; call = call->next_parked) {
        if (call->give_up_ms > 0 && call->give_up_ms <= now_ms) {
            http_give_up(http, call, "request timeout");
        }
    }
}

static void watch(struct http_loop *loop)
{
    int64_t now_ms = edge_now_mono_ms();
    if (loop->conns && now_ms - loop->watched_ms >= loop->http->tick_ms) {
        loop->watched_ms = now_ms;
        cut_slow_peers(loop, now_ms);
        give_up_slow_calls(loop->http, now_ms);
    }
}

static void *run_loop(void *arg)
{
    struct http_loop *loop = arg;
    const struct edge_http *http = loop->http;
    int fd = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct pollfd ready[] = {
        {.fd = fd,            .events = POLLIN},
        {.fd = loop->wake_fd, .events = POLLIN},
    };
    bool listens = true;
    while (!atomic_load(&http->ended)) {
        uint64_t times;
        if (listens && atomic_load(&http->stopping)) {
            MHD_quiesce_daemon(loop->daemon);
            listens = false;
        }
        poll(ready, 2, patience_ms(loop));
        if (ready[1].revents != 0 && read(loop->wake_fd, &times, sizeof(times)) > 0) {
            atomic_store(&loop->woken, false); /* from here on the next one writes again */
        }
        if (MHD_run_wait(loop->daemon, 0) != MHD_YES) {
            struct edge_ctx ctx = {.log = http->config.log};
            edge_log_error(&ctx, "an HTTP event loop has failed", NULL);
            break;
        }
        watch(loop);
    }
    return NULL;
}

void http_loop_wake(struct http_loop *loop)
{
    const uint64_t once = 1;
    if (!atomic_exchange(&loop->woken, true)) {
        ssize_t n = write(loop->wake_fd, &once, sizeof(once));
        assert(n == sizeof(once)); /* one at a time never fills it */
    }
}

void http_loop_resume(struct edge_call *call)
{
    struct http_loop *loop = call->conn->loop; /* the connection may be gone once it is awake */
    MHD_resume_connection(call->mhd);
    http_loop_wake(loop);
}

void http_loop_init(struct http_loop *loop, struct edge_http *http)
{
    loop->http = http;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert(loop->wake_fd >= 0);
}

void http_loop_done(struct http_loop *loop)
{
    close(loop->wake_fd);
}

void http_loop_start(struct http_loop *loop)
{
    loop->thread = edge_thread_start("http", run_loop, loop);
}

void http_loop_join(struct http_loop *loop)
{
    pthread_join(loop->thread, NULL);
}
