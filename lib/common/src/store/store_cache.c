/* A direct-mapped cache of document texts: see store_cache.h for what it promises. */
#include "store_cache.h"

#include <stdlib.h>
#include <string.h>

#include "edge/text.h"

void store_cache_init(struct store_cache *c)
{
    edge_mutex_init(&c->lock);
}

static void slot_clear(struct store_cache_slot *s)
{
    free(s->value);
    free(s->text);
    *s = (struct store_cache_slot){0};
}

void store_cache_done(struct store_cache *c)
{
    {
        EDGE_LOCK(&c->lock);
        for (size_t i = 0; i < STORE_CACHE_SLOTS; i++) {
            slot_clear(&c->slots[i]);
        }
    }
    edge_mutex_done(&c->lock);
}

/* Who picks names to collide only makes the cache useless for them. */
static size_t slot_of(const struct edge_collection *collection, const char *member,
                      const char *value)
{
    uint64_t hash = edge_hash(edge_hash(edge_hash(EDGE_HASH, collection->name), member), value);
    return (hash >> 32) % STORE_CACHE_SLOTS;
}

const char *store_cache_find(struct store_cache *c, struct edge_arena *a,
                             const struct edge_collection *collection, const char *member,
                             const char *value, uint64_t *ret_age)
{
    size_t at = slot_of(collection, member, value);
    EDGE_LOCK(&c->lock);
    *ret_age = c->age;
    const struct store_cache_slot *s = &c->slots[at];
    bool found = c->transactions == 0 && s->collection == collection && s->age == c->age &&
                 strcmp(s->member, member) == 0 && strcmp(s->value, value) == 0;
    return found ? edge_strdup(a, s->text) : NULL;
}

void store_cache_put(struct store_cache *c, const struct edge_collection *collection,
                     const char *member, const char *value, const char *text, uint64_t age)
{
    if (strlen(text) > STORE_CACHE_TEXT || strlen(value) > STORE_CACHE_TEXT) {
        return;
    }
    size_t at = slot_of(collection, member, value);
    EDGE_LOCK(&c->lock);
    if (c->transactions > 0 || c->age != age) {
        return;
    }
    slot_clear(&c->slots[at]);
    c->slots[at] = (struct store_cache_slot){
        .collection = collection,
        .member = member,
        .value = edge_xstrdup(value),
        .text = edge_xstrdup(text),
        .age = age,
    };
}

void store_cache_forget(struct store_cache *c)
{
    EDGE_LOCK(&c->lock);
    c->age++;
}

void store_cache_transaction(struct store_cache *c, bool begins)
{
    EDGE_LOCK(&c->lock);
    c->transactions = begins ? c->transactions + 1 : c->transactions - 1;
    c->age++;
}
