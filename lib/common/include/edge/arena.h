/**
 * Memory with one owner and one end: everything an arena hands out lives until edge_arena_done();
 * nothing is freed singly. Allocation never returns NULL: running out of memory aborts, because
 * inputs are bounded before they get here. One thread at a time.
 */
#ifndef EDGE_ARENA_H
#define EDGE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

/** The T whose @p member @p p points to. */
#define EDGE_CONTAINER(p, T, member) ((T *)(void *)((char *)(p)-offsetof(T, member)))

struct edge_arena {
    struct edge_chunk *chunks;
    struct edge_deferred *deferred;
    size_t used; /* bytes handed out */
};

#define EDGE_ARENA_INIT                                                                            \
    {                                                                                              \
        0                                                                                          \
    }

/** Run deferred calls, newest first, then free every byte. Safe on a zeroed arena. */
void edge_arena_done(struct edge_arena *a);

/** Room for @p size bytes in one piece: for who knows how much is coming. */
void edge_arena_reserve(struct edge_arena *a, size_t size);

/** Zeroed memory for @p n objects of @p size; aborts on overflow. */
void *edge_alloc(struct edge_arena *a, size_t n, size_t size)
    __attribute__((returns_nonnull, malloc, alloc_size(2, 3)));

#define edge_new(a, type)      ((type *)edge_alloc((a), 1, sizeof(type)))
#define edge_new_n(a, type, n) ((type *)edge_alloc((a), (n), sizeof(type)))

const char *edge_strdup(struct edge_arena *a, const char *s);
/** NUL-terminated copy of @p len bytes. */
const char *edge_strndup(struct edge_arena *a, const char *s, size_t len);
const char *edge_printf(struct edge_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
const char *edge_vprintf(struct edge_arena *a, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/** Call fn(ptr) when the arena ends: ties a foreign handle to its lifetime. */
void edge_defer(struct edge_arena *a, void (*fn)(void *), void *ptr);

/** malloc and friends for what lives with the process: zeroed, never NULL, freed with free(). */
void *edge_xalloc(size_t n, size_t size) __attribute__((returns_nonnull, malloc));
void *edge_xrealloc(void *ptr, size_t n, size_t size) __attribute__((returns_nonnull));
/**
 * Room for one more in the array @p at, a variable, that has @p n objects and room for @p cap: at least twice as
 * much where it is full. In the arena @p a, or NULL: on the heap.
 */
#define edge_make_room(a, at, n, cap) ((at) = edge_grown((a), (at), (n), &(cap), sizeof(*(at))))
void *edge_grown(struct edge_arena *a, void *at, size_t n, size_t *cap, size_t size);
char *edge_xstrdup(const char *s) __attribute__((returns_nonnull, malloc));

#endif
