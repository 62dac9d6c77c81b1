#include "mqtt_map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 64 };

struct mqtt_map_entry {
    struct mqtt_map_entry *next;
    void *value;
    char key[];
};

static uint64_t hash(const char *key) /* FNV-1a */
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *key; key++) {
        h = (h ^ (unsigned char)*key) * 0x100000001b3u;
    }
    return h;
}

/* Where the entry hangs, or would. */
static struct mqtt_map_entry **place(const struct mqtt_map *m, const char *key)
{
    struct mqtt_map_entry **at = &m->buckets[hash(key) % m->n_buckets];
    while (*at && strcmp((*at)->key, key) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static bool grow(struct mqtt_map *m)
{
    size_t n = m->n_buckets ? m->n_buckets * 2 : FIRST_BUCKETS;
    struct mqtt_map_entry **buckets = calloc(n, sizeof(struct mqtt_map_entry *));
    if (!buckets) {
        return m->n_buckets > 0;
    }
    for (size_t i = 0; i < m->n_buckets; i++) {
        for (struct mqtt_map_entry *e = m->buckets[i], *next; e; e = next) {
            next = e->next;
            struct mqtt_map_entry **at = &buckets[hash(e->key) % n];
            e->next = *at;
            *at = e;
        }
    }
    free(m->buckets);
    m->buckets = buckets;
    m->n_buckets = n;
    return true;
}

void *mqtt_map_get(const struct mqtt_map *m, const char *key)
{
    struct mqtt_map_entry *e = m->n > 0 ? *place(m, key) : NULL;
    return e ? e->value : NULL;
}

bool mqtt_map_put(struct mqtt_map *m, const char *key, void *value)
{
    if (m->n >= m->n_buckets && !grow(m)) {
        return false;
    }
    struct mqtt_map_entry **at = place(m, key), *e = *at;
    if (!e) {
        size_t len = strlen(key);
        e = calloc(1, sizeof(*e) + len + 1);
        if (!e) {
            return false;
        }
        memcpy(e->key, key, len);
        *at = e;
        m->n++;
    }
    e->value = value;
    return true;
}

void *mqtt_map_take(struct mqtt_map *m, const char *key)
{
    struct mqtt_map_entry **at = m->n > 0 ? place(m, key) : NULL, *e = at ? *at : NULL;
    if (!e) {
        return NULL;
    }
    void *value = e->value;
    *at = e->next;
    m->n--;
    free(e);
    return value;
}

void mqtt_map_each(const struct mqtt_map *m, void (*fn)(const char *key, void *value, void *arg),
                   void *arg)
{
    for (size_t i = 0; i < m->n_buckets; i++) {
        for (struct mqtt_map_entry *e = m->buckets[i]; e; e = e->next) {
            fn(e->key, e->value, arg);
        }
    }
}

void mqtt_map_done(struct mqtt_map *m)
{
    for (size_t i = 0; i < m->n_buckets; i++) {
        for (struct mqtt_map_entry *e = m->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(m->buckets);
    *m = (struct mqtt_map){0};
}
