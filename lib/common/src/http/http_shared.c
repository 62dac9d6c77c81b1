/*
 * What a call and a connection need of the server and the loop that have them: a reference, the time,
 * to be woken. The loops and the server themselves stand above both.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "edge/budget.h"
#include "edge/clock.h"
#include "http_internal.h"
#include "http_tls.h"

/* ---- the server ---------------------------------------------------------------------------- */

void http_free(struct edge_http *http)
{
    http_tls_forget(http);
    http_router_free(http->router);
    for (unsigned i = 0; i < http->config.threads; i++) {
        http_loop_done(&http->loops[i]);
    }
    free(http->loops);
    edge_budget_unref(http->budget);
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

/* ---- a loop -------------------------------------------------------------------------------- */

void http_loop_done(struct http_loop *loop)
{
    if (loop->http) {
        close(loop->wake_fd);
        close(loop->epoll_fd);
        edge_mutex_done(&loop->lock);
    }
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
    struct http_loop *loop = call->loop;
    {
        EDGE_LOCK(&loop->lock);
        call->next_woken = loop->awake;
        loop->awake = call;
    }
    http_loop_wake(loop);
}

const char *http_loop_date(struct http_loop *loop)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)(edge_now_ms() / 1000);
    if (now != loop->date_s) {
        struct tm t;
        gmtime_r(&now, &t);
        snprintf(loop->date, sizeof(loop->date), "%s, %02u %s %04d %02u:%02u:%02u GMT",
                 days[t.tm_wday], (unsigned)t.tm_mday % 100, months[t.tm_mon],
                 (t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
                 (unsigned)t.tm_sec % 100);
        loop->date_s = now;
    }
    return loop->date;
}
