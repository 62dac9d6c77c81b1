/* String to pointer: linear probing, load at most 3/4, deletion by shifting back (no tombstones).
 */
#include "edge/map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "edge/arena.h"

enum { FIRST_CAP = 16 };

struct edge_map_slot {
    char *key; /* NULL: free */
    void *value;
    uint64_t hash;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const struct edge_map *m, const char *key)
{
    size_t len = strlen(key);
    uint64_t h = m->seed ^ len;
    for (; len >= 8; len -= 8, key += 8) {
        uint64_t word;
        memcpy(&word, key, 8);
        h = mix(h ^ word, 0x9e3779b97f4a7c15u);
    }
    uint64_t rest = 0;
    memcpy(&rest, key, len);
    return mix(h ^ rest, 0xd6e8feb86659fd93u ^ m->seed);
}

/* Where @p key is, or the free slot where it would go. */
static struct edge_map_slot *slot_of(const struct edge_map *m, const char *key, uint64_t hash)
{
    size_t i = hash & (m->cap - 1);
    while (m->slots[i].key && (m->slots[i].hash != hash || strcmp(m->slots[i].key, key) != 0)) {
        i = (i + 1) & (m->cap - 1);
    }
    return &m->slots[i];
}

static void seed(struct edge_map *m)
{
    while (getrandom(&m->seed, sizeof(m->seed), 0) != sizeof(m->seed)) {
        /* EINTR, before the kernel's generator is seeded */
    }
}

static void grow(struct edge_map *m)
{
    if (m->cap == 0) {
        seed(m);
    }
    struct edge_map old = *m;
    m->cap = old.cap ? old.cap * 2 : FIRST_CAP;
    m->slots = edge_xalloc(m->cap, sizeof(*m->slots));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].key) {
            *slot_of(m, old.slots[i].key, old.slots[i].hash) = old.slots[i];
        }
    }
    free(old.slots);
}

void edge_map_done(struct edge_map *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        free(m->slots[i].key);
    }
    free(m->slots);
    *m = (struct edge_map)EDGE_MAP_INIT;
}

void *edge_map_find(const struct edge_map *m, const char *key)
{
    return m->n > 0 ? slot_of(m, key, hash_of(m, key))->value : NULL;
}

void *edge_map_put(struct edge_map *m, const char *key, void *value)
{
    if (m->n + 1 > m->cap / 4 * 3) {
        grow(m);
    }
    uint64_t hash = hash_of(m, key);
    struct edge_map_slot *slot = slot_of(m, key, hash);
    void *before = slot->value;
    if (!slot->key) {
        *slot = (struct edge_map_slot){.key = edge_xstrdup(key), .hash = hash};
        m->n++;
    }
    slot->value = value;
    return before;
}

void *edge_map_remove(struct edge_map *m, const char *key)
{
    if (m->n == 0) {
        return NULL;
    }
    struct edge_map_slot *slot = slot_of(m, key, hash_of(m, key));
    if (!slot->key) {
        return NULL;
    }
    void *value = slot->value;
    free(slot->key);
    m->n--;
    /* Pull followers back whose way from home leads over the hole. */
    size_t mask = m->cap - 1;
    size_t hole = (size_t)(slot - m->slots);
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct edge_map_slot){0};
    return value;
}

void *edge_map_next(const struct edge_map *m, size_t *pos, const char **ret_key)
{
    for (; *pos < m->cap; ++*pos) {
        const struct edge_map_slot *slot = &m->slots[*pos];
        if (slot->key) {
            ++*pos;
            if (ret_key) {
                *ret_key = slot->key;
            }
            return slot->value;
        }
    }
    return NULL;
}
