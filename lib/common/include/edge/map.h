/**
 * String to pointer, open addressing. Keys are copied; their hash is seeded at random per map, so that
 * nobody outside can choose names that collide. One thread, or guarded by its owner.
 */
#ifndef EDGE_MAP_H
#define EDGE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct edge_map {
    struct edge_map_slot *slots;
    size_t n, cap;
    uint64_t seed;
};

#define EDGE_MAP_INIT                                                                              \
    {                                                                                              \
        0                                                                                          \
    }

/** Frees the map, not what the values point to. */
void edge_map_done(struct edge_map *m);
void *edge_map_find(const struct edge_map *m, const char *key);
/** Set @p key to @p value (not NULL); returns what was there before, or NULL. */
void *edge_map_put(struct edge_map *m, const char *key, void *value);
void *edge_map_remove(struct edge_map *m, const char *key);
/** Walk in no order: start with *pos = 0; NULL at the end. Do not change the map meanwhile. */
void *edge_map_next(const struct edge_map *m, size_t *pos, const char **ret_key);

#endif
