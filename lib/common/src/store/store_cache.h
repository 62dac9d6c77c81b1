/**
 * The documents asked for last, so that one that is asked for again and again costs a copy and no
 * query. Every change makes all of it forgotten; while a transaction is open nothing is remembered
 * or found. Any thread.
 */
#ifndef EDGE_STORE_CACHE_H
#define EDGE_STORE_CACHE_H

#include "edge/store.h"
#include "edge/thread.h"

enum { STORE_CACHE_SLOTS = 128, STORE_CACHE_TEXT = 8192 }; /* at most 1 MiB */

struct store_cache_slot {
    const struct edge_collection *collection; /* NULL: empty */
    const char *member;                       /* of the collection's own tables */
    char *value, *text;
    uint64_t age; /* as of this age; another one: forgotten */
};

struct store_cache {
    struct edge_mutex lock;
    uint64_t age EDGE_GUARDED;          /* changes so far */
    unsigned transactions EDGE_GUARDED; /* open ones */
    struct store_cache_slot slots[STORE_CACHE_SLOTS] EDGE_GUARDED;
};

void store_cache_init(struct store_cache *c);
void store_cache_done(struct store_cache *c);

/** A copy in @p a, or NULL. *ret_age: what to tell store_cache_put() once it was looked up. */
const char *store_cache_find(struct store_cache *c, struct edge_arena *a,
                             const struct edge_collection *collection, const char *member,
                             const char *value, uint64_t *ret_age);
/** Remember, unless something changed since @p age. */
void store_cache_put(struct store_cache *c, const struct edge_collection *collection,
                     const char *member, const char *value, const char *text, uint64_t age);

/** Something changed. */
void store_cache_forget(struct store_cache *c);
void store_cache_transaction(struct store_cache *c, bool begins);

#endif
