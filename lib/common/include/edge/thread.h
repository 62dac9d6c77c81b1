/**
 * Locks clang can check. Members a lock of the same struct guards say so (int n EDGE_GUARDED;), the
 * lock stands before them; a scope holds it:
 *     EDGE_LOCK(&cache->lock);  // until the end of the block
 */
#ifndef EDGE_THREAD_H
#define EDGE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__clang__)
#define EDGE_TSA(x) __attribute__((x))
#else
#define EDGE_TSA(x)
#endif
/* In C, clang 14 cannot name the lock in a member's attribute; it checks that some lock is held. */
#define EDGE_GUARDED         EDGE_TSA(guarded_var)
#define EDGE_REQUIRES(mutex) EDGE_TSA(requires_capability(mutex))

struct EDGE_TSA(capability("mutex")) edge_mutex {
    pthread_mutex_t m;
};

struct edge_cond {
    pthread_cond_t c; /* on CLOCK_MONOTONIC */
};

void edge_mutex_init(struct edge_mutex *m);
void edge_mutex_done(struct edge_mutex *m);
void edge_cond_init(struct edge_cond *c);
void edge_cond_done(struct edge_cond *c);
void edge_cond_signal(struct edge_cond *c);
void edge_cond_broadcast(struct edge_cond *c);

/** Wait with @p m held; false if @p deadline_ms (edge_now_mono_ms) passed first. Spurious wakes happen. */
bool edge_cond_wait_until(struct edge_cond *c, struct edge_mutex *m, int64_t deadline_ms);
void edge_cond_wait(struct edge_cond *c, struct edge_mutex *m);

/* The guard below asserts the capability: clang 14 does not follow a cleanup attribute's release. */
struct edge_mutex *edge_guard_take_(struct edge_mutex *m) EDGE_TSA(assert_capability(m));
void edge_guard_drop_(struct edge_mutex **m);

#define EDGE_LOCK_NAME_(line) edge_guard_##line
#define EDGE_LOCK_AT_(mutex, line)                                                                 \
    struct edge_mutex *EDGE_LOCK_NAME_(line) __attribute__((cleanup(edge_guard_drop_), unused)) =  \
        edge_guard_take_(mutex)
#define EDGE_LOCK_LINE_(mutex, line) EDGE_LOCK_AT_(mutex, line)
#define EDGE_LOCK(mutex)             EDGE_LOCK_LINE_(mutex, __LINE__)

/** Start a joinable thread named @p name (15 characters at most) with a small stack; aborts on failure. */
pthread_t edge_thread_start(const char *name, void *(*fn)(void *), void *arg);
/** The same; false where the system has no more threads for us. */
bool edge_thread_try(const char *name, void *(*fn)(void *), void *arg);

#endif
