/*
 * File descriptors and moments that drivers wait for, on one thread of the service, which starts with
 * the first of them. A watch that is over is freed by that thread, when no event can name it any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "edge/clock.h"
#include "flows.h"

enum { BATCH = 32 };

struct devsdk_watch {
    struct sdk_watches *of;
    struct devsdk_watch *next; /* of->lock held */
    struct edge_timer timer;
    int fd; /* -1: a moment */
    bool due, over;
    devsdk_ready *fn;
    void *arg;
};

struct sdk_watches {
    devsdk_service *svc;
    struct edge_mutex lock;
    struct edge_cond ended; /* a call of fn */
    int epoll, wake;
    pthread_t thread;
    bool started EDGE_GUARDED, ending EDGE_GUARDED;
    /* else there is no need to look through them */
    bool any_due EDGE_GUARDED, any_over EDGE_GUARDED;
    struct devsdk_watch *first EDGE_GUARDED;
    const struct devsdk_watch *running EDGE_GUARDED;
};

static void wake(struct sdk_watches *ws)
{
    (void)!write(ws->wake, &(uint64_t){1}, sizeof(uint64_t)); /* full: it is awake */
}

/* ---- the thread ---------------------------------------------------------------------------- */

static bool begins(struct devsdk_watch *w)
{
    EDGE_LOCK(&w->of->lock);
    w->of->running = w->over ? NULL : w;
    w->due = false;
    return !w->over;
}

static void call(struct devsdk_watch *w, unsigned events)
{
    struct sdk_watches *ws = w->of;
    if (begins(w)) {
        w->fn(w->arg, w->fd, events);
        EDGE_LOCK(&ws->lock);
        ws->running = NULL;
        edge_cond_broadcast(&ws->ended);
    }
}

static struct devsdk_watch *next_due(struct sdk_watches *ws)
{
    EDGE_LOCK(&ws->lock);
    struct devsdk_watch *w = ws->any_due ? ws->first : NULL;
    while (w && (!w->due || w->over)) {
        w = w->next;
    }
    ws->any_due = w != NULL;
    return w;
}

/* Free those that are over; false at the end of all. */
static bool sweep(struct sdk_watches *ws)
{
    EDGE_LOCK(&ws->lock);
    for (struct devsdk_watch **at = &ws->first; ws->any_over && *at;) {
        struct devsdk_watch *w = *at;
        if (w->over) {
            *at = w->next;
            free(w);
        } else {
            at = &w->next;
        }
    }
    ws->any_over = false;
    return !ws->ending;
}

static unsigned events_of(uint32_t events)
{
    return (events & EPOLLIN ? DEVSDK_READABLE : 0u) | (events & EPOLLOUT ? DEVSDK_WRITABLE : 0u) |
           (events & (EPOLLERR | EPOLLHUP) ? DEVSDK_HANGUP : 0u);
}

static void *watch_all(void *arg)
{
    struct sdk_watches *ws = arg;
    struct epoll_event events[BATCH];
    while (sweep(ws)) {
        int n = epoll_wait(ws->epoll, events, BATCH, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                call(events[i].data.ptr, events_of(events[i].events));
            } else {
                (void)!read(ws->wake, &(uint64_t){0}, sizeof(uint64_t));
            }
        }
        for (struct devsdk_watch *w = next_due(ws); w; w = next_due(ws)) {
            call(w, 0);
        }
    }
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct sdk_watches *sdk_watches_create(devsdk_service *svc)
{
    struct sdk_watches *ws = edge_xalloc(1, sizeof(*ws));
    ws->svc = svc;
    ws->epoll = ws->wake = -1;
    edge_mutex_init(&ws->lock);
    edge_cond_init(&ws->ended);
    return ws;
}

static bool end_thread(struct sdk_watches *ws, size_t *ret_left)
{
    EDGE_LOCK(&ws->lock);
    for (struct devsdk_watch *w = ws->first; w; w = w->next) {
        *ret_left += !w->over;
    }
    ws->ending = true;
    return ws->started;
}

void sdk_watches_free(struct sdk_watches *ws)
{
    size_t left = 0;
    if (!ws) {
        return;
    }
    if (end_thread(ws, &left)) {
        wake(ws);
        pthread_join(ws->thread, NULL);
    }
    for (;;) {
        struct devsdk_watch *w;
        {
            EDGE_LOCK(&ws->lock);
            w = ws->first;
        }
        if (!w) {
            break;
        }
        devsdk_unwatch(w);
        sweep(ws);
    }
    if (left > 0) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = ws->svc->rt->log;
        edge_log_warn(&ctx, "the driver left watches behind", "watches",
                      edge_printf(&ctx.arena, "%zu", left), NULL);
    }
    if (ws->epoll >= 0) {
        close(ws->epoll);
        close(ws->wake);
    }
    edge_cond_done(&ws->ended);
    edge_mutex_done(&ws->lock);
    free(ws);
}

/* ---- for drivers --------------------------------------------------------------------------- */

static bool start(struct sdk_watches *ws) EDGE_REQUIRES(ws->lock)
{
    struct epoll_event event = {.events = EPOLLIN};
    if (ws->epoll < 0) {
        ws->epoll = epoll_create1(EPOLL_CLOEXEC);
        ws->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (ws->epoll < 0 || ws->wake < 0 ||
            epoll_ctl(ws->epoll, EPOLL_CTL_ADD, ws->wake, &event) != 0) {
            int error = errno;
            close(ws->epoll);
            close(ws->wake);
            ws->epoll = ws->wake = -1;
            errno = error;
            return false;
        }
        ws->thread = edge_thread_start("watch", watch_all, ws);
        ws->started = true;
    }
    return true;
}

static bool add(struct sdk_watches *ws, struct devsdk_watch *w, unsigned events)
{
    EDGE_LOCK(&ws->lock);
    struct epoll_event event = {.data.ptr = w};
    event.events =
        (events & DEVSDK_READABLE ? EPOLLIN : 0u) | (events & DEVSDK_WRITABLE ? EPOLLOUT : 0u);
    if (!start(ws) || (w->fd >= 0 && epoll_ctl(ws->epoll, EPOLL_CTL_ADD, w->fd, &event) != 0)) {
        return false;
    }
    w->next = ws->first;
    ws->first = w;
    return true;
}

static struct devsdk_watch *watch(devsdk_service *svc, struct devsdk_watch what, unsigned events)
{
    struct devsdk_watch *w = edge_xalloc(1, sizeof(*w));
    *w = what;
    w->of = svc->flows->watches;
    if (add(w->of, w, events)) {
        return w;
    }
    free(w);
    return NULL;
}

devsdk_watch *devsdk_watch_fd(devsdk_service *svc, int fd, unsigned events, devsdk_ready *fn,
                              void *arg)
{
    if (fd < 0) {
        errno = EBADF;
        return NULL;
    }
    return watch(svc, (struct devsdk_watch){.fd = fd, .fn = fn, .arg = arg}, events);
}

static void come(struct edge_timer *timer)
{
    struct devsdk_watch *w = EDGE_CONTAINER(timer, struct devsdk_watch, timer);
    EDGE_LOCK(&w->of->lock);
    w->due = w->of->any_due = true;
    wake(w->of);
}

devsdk_watch *devsdk_after(devsdk_service *svc, int64_t ms, devsdk_ready *fn, void *arg)
{
    devsdk_watch *w =
        watch(svc, (struct devsdk_watch){.fd = -1, .fn = fn, .arg = arg, .timer.fn = come}, 0);
    if (w) {
        edge_timer_arm(svc->rt->timers, &w->timer, edge_now_mono_ms() + ms);
    }
    return w;
}

void devsdk_unwatch(devsdk_watch *w)
{
    if (!w) {
        return;
    }
    struct sdk_watches *ws = w->of;
    if (w->fd < 0) {
        edge_timer_cancel(ws->svc->rt->timers, &w->timer);
    }
    EDGE_LOCK(&ws->lock);
    if (w->fd >= 0) {
        epoll_ctl(ws->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    }
    ws->any_over = true;
    w->over = true; /* freed by the thread when no event names it any more: not to be touched */
    wake(ws);
    while (ws->running == w && !pthread_equal(pthread_self(), ws->thread)) {
        edge_cond_wait(&ws->ended, &ws->lock);
    }
}
