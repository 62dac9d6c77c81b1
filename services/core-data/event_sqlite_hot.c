/**
 * The memory index of a segment that has no SQL indexes yet: origins and keys in the order of
 * arrival, in chunks that know their bounds. A look through all of it takes well below a
 * millisecond, so nothing is sorted. The writer appends under the catalogue's lock; readers walk
 * without it, over the chunks and the count they saw under the lock.
 */
#include <stdlib.h>

#include "event_sqlite.h"

struct hot *hot_create(void)
{
    struct hot *hot = edge_xalloc(1, sizeof(*hot));
    atomic_init(&hot->refs, 1);
    return hot;
}

struct hot *hot_ref(struct hot *hot)
{
    atomic_fetch_add(&hot->refs, 1);
    return hot;
}

void hot_unref(struct hot *hot)
{
    if (!hot || atomic_fetch_sub(&hot->refs, 1) != 1) {
        return;
    }
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        for (struct hot_chunk *c = hot->newest[kind], *older; c; c = older) {
            older = c->older;
            free(c);
        }
    }
    free(hot);
}

static struct hot_chunk *chunk_for(struct hot *hot, enum row_kind kind, int64_t seq)
{
    struct hot_chunk *c = hot->newest[kind];
    if (c && c->n < CHUNK_ROWS && c->first_seq + c->n == seq) {
        return c;
    }
    size_t ids = kind == ROW_EVENT ? CHUNK_ROWS * sizeof(uint64_t) : 0;
    struct hot_chunk *fresh = edge_xalloc(1, sizeof(*fresh) + ids);
    fresh->older = c;
    fresh->first_seq = seq;
    fresh->min = INT64_MAX;
    fresh->max = INT64_MIN;
    hot->newest[kind] = fresh;
    return fresh;
}

void hot_append(struct hot *hot, enum row_kind kind, int64_t seq, int64_t origin, uint32_t key,
                uint64_t id)
{
    struct hot_chunk *c = chunk_for(hot, kind, seq);
    c->origin[c->n] = origin;
    atomic_store_explicit(&c->key[c->n], key, memory_order_relaxed);
    if (kind == ROW_EVENT) {
        c->id[c->n] = id;
    }
    c->min = origin < c->min ? origin : c->min;
    c->max = origin > c->max ? origin : c->max;
    c->n++;
}

uint32_t hot_remove(struct hot *hot, enum row_kind kind, int64_t seq)
{
    for (struct hot_chunk *c = hot->newest[kind]; c; c = c->older) {
        if (seq >= c->first_seq) {
            int64_t at = seq - c->first_seq;
            return at < c->n
                       ? atomic_exchange_explicit(&c->key[at], KEY_REMOVED, memory_order_relaxed)
                       : KEY_REMOVED;
        }
    }
    return KEY_REMOVED;
}
