#include "edge/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "edge/clock.h"

/* Deep enough for our handlers, SQLite and libcurl; untouched pages cost nothing. */
enum { STACK_SIZE = 512 * 1024 };

static void must(int error, const char *what)
{
    if (error != 0) {
        fprintf(stderr, "fatal: %s: error %d\n", what, error);
        abort();
    }
}

void edge_mutex_init(struct edge_mutex *m)
{
    must(pthread_mutex_init(&m->m, NULL), "mutex init");
}

void edge_mutex_done(struct edge_mutex *m)
{
    must(pthread_mutex_destroy(&m->m), "mutex destroy");
}

struct edge_mutex *edge_guard_take_(struct edge_mutex *m)
{
    must(pthread_mutex_lock(&m->m), "mutex lock");
    return m;
}

void edge_guard_drop_(struct edge_mutex **m)
{
    must(pthread_mutex_unlock(&(*m)->m), "mutex unlock");
}

void edge_cond_init(struct edge_cond *c)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr), "condition attributes");
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "condition clock");
    must(pthread_cond_init(&c->c, &attr), "condition init");
    pthread_condattr_destroy(&attr);
}

void edge_cond_done(struct edge_cond *c)
{
    must(pthread_cond_destroy(&c->c), "condition destroy");
}

void edge_cond_signal(struct edge_cond *c)
{
    must(pthread_cond_signal(&c->c), "condition signal");
}

void edge_cond_broadcast(struct edge_cond *c)
{
    must(pthread_cond_broadcast(&c->c), "condition broadcast");
}

bool edge_cond_wait_until(struct edge_cond *c, struct edge_mutex *m, int64_t deadline_ms)
{
    deadline_ms -= edge_clock_skipped_ms();
    if (deadline_ms < 0) {
        deadline_ms = 0;
    }
    struct timespec until = {deadline_ms / 1000, (deadline_ms % 1000) * 1000000};
    int error = pthread_cond_timedwait(&c->c, &m->m, &until);
    if (error == ETIMEDOUT) {
        return false;
    }
    must(error, "condition wait");
    return true;
}

void edge_cond_wait(struct edge_cond *c, struct edge_mutex *m)
{
    must(pthread_cond_wait(&c->c, &m->m), "condition wait");
}

static int create(pthread_t *ret, const char *name, void *(*fn)(void *), void *arg)
{
    pthread_attr_t attr;
    must(pthread_attr_init(&attr), "thread attributes");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    must(pthread_attr_setstacksize(&attr, STACK_SIZE), "thread stack");
#endif
    int error = pthread_create(ret, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    if (error == 0) {
        pthread_setname_np(*ret, name);
    }
    return error;
}

pthread_t edge_thread_start(const char *name, void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    must(create(&thread, name, fn, arg), "thread create");
    return thread;
}

bool edge_thread_try(const char *name, void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    return create(&thread, name, fn, arg) == 0;
}
