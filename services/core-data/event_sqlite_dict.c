/**
 * The dictionaries of the event store: what many rows have in common (device, resource, profile,
 * type, ...) is kept once and named by a small number. Entries never go away while the store is
 * open.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "edge/clock.h"
#include "event_sqlite.h"

enum {
    FIRST_SLOTS = 64,
    /* Names come from outside, and entries stay. */
    MAX_ENTRIES = 1 << 20,
    MAX_BYTES = 64 << 20,
};

static uint64_t hash_text(uint64_t h, const char *s)
{
    for (; *s; s++) {
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    }
    return (h ^ 0xff) * 0x100000001b3u; /* a byte no text has: "a","b" differs from "ab","" */
}

static uint64_t hash_entry(const struct dict *d, const struct dict_entry *e)
{
    uint64_t h = (0xcbf29ce484222325u ^ d->seed) + e->type;
    h = hash_text(h, e->device);
    h = hash_text(h, e->name);
    h = hash_text(h, e->profile);
    h = hash_text(h, e->units);
    h = hash_text(h, e->media);
    return h ^ (h >> 32);
}

static bool entry_equal(const struct dict_entry *a, const struct dict_entry *b)
{
    return a->hash == b->hash && a->type == b->type && strcmp(a->device, b->device) == 0 &&
           strcmp(a->name, b->name) == 0 && strcmp(a->profile, b->profile) == 0 &&
           strcmp(a->units, b->units) == 0 && strcmp(a->media, b->media) == 0;
}

static struct dict_entry **slot_of(struct dict_entry **slots, size_t cap,
                                   const struct dict_entry *key)
{
    size_t at = key->hash & (cap - 1);
    while (slots[at] && !entry_equal(slots[at], key)) {
        at = (at + 1) & (cap - 1);
    }
    return &slots[at];
}

static void grow_slots(struct dict *d)
{
    size_t cap = d->cap ? d->cap * 2 : FIRST_SLOTS;
    struct dict_entry **slots = edge_xalloc(cap, sizeof(struct dict_entry *));
    for (size_t i = 0; i < d->cap; i++) {
        if (d->slots[i]) {
            *slot_of(slots, cap, d->slots[i]) = d->slots[i];
        }
    }
    free(d->slots);
    d->slots = slots;
    d->cap = cap;
}

static void group_add(struct edge_map *groups, const char *name, struct dict_entry *e)
{
    struct dict_group *g = edge_map_find(groups, name);
    if (!g) {
        g = edge_xalloc(1, sizeof(*g));
        edge_map_put(groups, name, g);
    }
    edge_make_room(NULL, g->entries, g->n, g->cap);
    g->entries[g->n++] = e;
}

void dict_reserve(struct dict *d, uint32_t n_ids)
{
    if (n_ids > d->cap_ids) {
        size_t cap = d->cap_ids ? d->cap_ids : FIRST_SLOTS;
        while (cap < n_ids) {
            cap *= 2;
        }
        d->by_id = edge_xrealloc(d->by_id, cap, sizeof(struct dict_entry *));
        memset(d->by_id + d->cap_ids, 0, (cap - d->cap_ids) * sizeof(struct dict_entry *));
        d->cap_ids = cap;
    }
    d->n_ids = n_ids > d->n_ids ? n_ids : d->n_ids;
}

static struct dict_entry *entry_add(struct dict *d, const struct dict_entry *key, uint32_t id)
{
    struct dict_entry *e = edge_new(&d->arena, struct dict_entry);
    *e = *key;
    e->id = id;
    e->device = edge_strdup(&d->arena, key->device);
    e->name = edge_strdup(&d->arena, key->name);
    e->profile = edge_strdup(&d->arena, key->profile);
    e->units = *key->units ? edge_strdup(&d->arena, key->units) : "";
    e->media = *key->media ? edge_strdup(&d->arena, key->media) : "";
    if ((d->n + 1) * 4 > d->cap * 3) {
        grow_slots(d);
    }
    *slot_of(d->slots, d->cap, e) = e;
    d->n++;
    dict_reserve(d, id + 1);
    d->by_id[id] = e;
    group_add(&d->devices, e->device, e);
    group_add(&d->names, e->name, e);
    return e;
}

static size_t bytes_of(const struct dict_entry *e)
{
    return sizeof(*e) + strlen(e->device) + strlen(e->name) + strlen(e->profile) +
           strlen(e->units) + strlen(e->media);
}

struct dict_entry *dict_intern(struct dict *d, const struct dict_entry *key)
{
    struct dict_entry wanted = *key;
    wanted.hash = hash_entry(d, key);
    wanted.saved = false;
    wanted.n = 0;
    struct dict_entry *found = d->cap ? *slot_of(d->slots, d->cap, &wanted) : NULL;
    if (found || d->n >= MAX_ENTRIES || d->arena.used + bytes_of(key) > MAX_BYTES) {
        return found;
    }
    return entry_add(d, &wanted, d->n_ids);
}

void dict_restore(struct dict *d, const struct dict_entry *stored)
{
    struct dict_entry e = *stored;
    e.hash = hash_entry(d, stored);
    e.saved = true;
    entry_add(d, &e, stored->id);
}

static void groups_done(struct edge_map *groups)
{
    size_t pos = 0;
    const char *name;
    for (struct dict_group *g; (g = edge_map_next(groups, &pos, &name));) {
        free(g->entries);
        free(g);
    }
    edge_map_done(groups);
}

void dict_init(struct dict *d)
{
    if (getrandom(&d->seed, sizeof(d->seed), GRND_NONBLOCK) != sizeof(d->seed)) {
        d->seed = (uint64_t)edge_now_mono_ns();
    }
}

void dict_done(struct dict *d)
{
    groups_done(&d->devices);
    groups_done(&d->names);
    free(d->slots);
    free(d->by_id);
    edge_arena_done(&d->arena);
}
