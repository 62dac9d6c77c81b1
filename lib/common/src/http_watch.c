/*
 * The watch over slow peers. libmicrohttpd's own timeout starts anew with every byte, so one byte a
 * second holds a connection for ever. Here every connection has a deadline for what it is at; one
 * thread walks over them while there are any, and sleeps while there are none. It also gives up the
 * calls nobody finishes in time.
 */
#include <sys/socket.h>

#include "edge/clock.h"
#include "http_internal.h"

static void sweep(struct edge_http *http, int64_t now_ms) EDGE_REQUIRES(http->lock);

static void sweep(struct edge_http *http, int64_t now_ms)
{
    for (struct http_conn *conn = http->conns; conn; conn = conn->next) {
        int64_t deadline_ms = atomic_load(&conn->deadline_ms);
        if (deadline_ms > 0 && deadline_ms <= now_ms &&
            atomic_compare_exchange_strong(&conn->deadline_ms, &deadline_ms, 0)) {
            shutdown(conn->fd, SHUT_RDWR); /* its event thread sees the end and closes it */
        }
    }
    for (struct edge_call *call = http->parked; call; call = call->next_parked) {
        if (call->give_up_ms > 0 && call->give_up_ms <= now_ms) {
            http_give_up(http, call, "request timeout");
        }
    }
}

static void *watch(void *arg)
{
    struct edge_http *http = arg;
    EDGE_LOCK(&http->lock);
    while (!http->watch_ends) {
        if (!http->conns) {
            edge_cond_wait(&http->changed, &http->lock);
            continue;
        }
        edge_cond_wait_until(&http->changed, &http->lock, edge_now_mono_ms() + http->tick_ms);
        sweep(http, edge_now_mono_ms());
    }
    return NULL;
}

void http_watch_start(struct edge_http *http)
{
    http->watch = edge_thread_start("http-watch", watch, http);
}

void http_watch_stop(struct edge_http *http)
{
    {
        EDGE_LOCK(&http->lock);
        http->watch_ends = true;
        edge_cond_broadcast(&http->changed);
    }
    pthread_join(http->watch, NULL);
}
