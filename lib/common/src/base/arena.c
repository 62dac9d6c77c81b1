#include "edge/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#ifndef __clang__ /* poisoning reads nothing, whatever gcc makes of its const argument */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
enum { REDZONE = 16 };
#define POISON(p, n)   __asan_poison_memory_region((void *)(p), n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
enum { REDZONE = 0 };
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

/* The first chunk is small (most pieces of work are), the next ones double up to a bound. */
enum { FIRST_CHUNK = 1024, LARGEST_CHUNK = 64 * 1024 };

struct edge_chunk {
    struct edge_chunk *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct edge_deferred {
    struct edge_deferred *next;
    void (*fn)(void *);
    void *ptr;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "fatal: %s\n", what);
    abort();
}

static size_t checked_size(size_t n, size_t size)
{
    size_t want;
    if (__builtin_mul_overflow(n, size, &want) || want > SIZE_MAX / 2) {
        die("allocation size overflow");
    }
    return want;
}

static struct edge_chunk *chunk_add(struct edge_arena *a, size_t take)
{
    size_t cap = a->chunks ? a->chunks->size * 2 : FIRST_CHUNK;
    if (cap > LARGEST_CHUNK) {
        cap = LARGEST_CHUNK;
    }
    if (cap < take) {
        cap = take;
    }
    struct edge_chunk *c = malloc(sizeof(*c) + cap);
    if (!c) {
        die("out of memory");
    }
    *c = (struct edge_chunk){.next = a->chunks, .size = cap};
    a->chunks = c;
    POISON(c->bytes, cap);
    return c;
}

void edge_arena_reserve(struct edge_arena *a, size_t size)
{
    size_t take = checked_size(size, 1);
    if (!a->chunks || a->chunks->size - a->chunks->used < take) {
        chunk_add(a, take);
    }
}

void *edge_alloc(struct edge_arena *a, size_t n, size_t size)
{
    size_t want = checked_size(n, size);
    const size_t align = alignof(max_align_t);
    size_t take = (want + REDZONE + align - 1) & ~(align - 1);
    struct edge_chunk *c = a->chunks;
    if (!c || c->size - c->used < take) {
        c = chunk_add(a, take);
    }
    void *p = c->bytes + c->used;
    c->used += take;
    a->used += want;
    UNPOISON(p, want);
    return memset(p, 0, want);
}

const char *edge_strdup(struct edge_arena *a, const char *s)
{
    return edge_strndup(a, s, strlen(s));
}

const char *edge_strndup(struct edge_arena *a, const char *s, size_t len)
{
    char *copy = edge_alloc(a, len + 1, 1);
    if (len > 0) {
        memcpy(copy, s, len);
    }
    return copy;
}

const char *edge_vprintf(struct edge_arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n < 0) {
        die("bad format");
    }
    char *s = edge_alloc(a, (size_t)n + 1, 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

const char *edge_printf(struct edge_arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *s = edge_vprintf(a, fmt, args);
    va_end(args);
    return s;
}

void edge_defer(struct edge_arena *a, void (*fn)(void *), void *ptr)
{
    struct edge_deferred *d = edge_new(a, struct edge_deferred);
    *d = (struct edge_deferred){a->deferred, fn, ptr};
    a->deferred = d;
}

void edge_arena_done(struct edge_arena *a)
{
    for (struct edge_deferred *d = a->deferred; d; d = d->next) {
        d->fn(d->ptr);
    }
    while (a->chunks) {
        struct edge_chunk *c = a->chunks;
        a->chunks = c->next;
        UNPOISON(c->bytes, c->size);
        free(c);
    }
    *a = (struct edge_arena)EDGE_ARENA_INIT;
}

void *edge_xalloc(size_t n, size_t size)
{
    void *p = calloc(1, checked_size(n, size) + (n == 0));
    if (!p) {
        die("out of memory");
    }
    return p;
}

void *edge_xrealloc(void *ptr, size_t n, size_t size)
{
    void *p = realloc(ptr, checked_size(n, size) + (n == 0));
    if (!p) {
        die("out of memory");
    }
    return p;
}

void *edge_grown(struct edge_arena *a, void *at, size_t n, size_t *cap, size_t size)
{
    enum { FIRST_ROOM = 8 };
    if (n < *cap) {
        return at;
    }
    *cap = n > 0 ? n * 2
                 : FIRST_ROOM; /* no overflow: what there is takes half of all addresses at most */
    if (!a) {
        return edge_xrealloc(at, *cap, size);
    }
    void *wider = edge_alloc(a, *cap, size);
    return n > 0 ? memcpy(wider, at, n * size) : wider;
}

char *edge_xstrdup(const char *s)
{
    size_t size = strlen(s) + 1;
    return memcpy(edge_xalloc(size, 1), s, size);
}
