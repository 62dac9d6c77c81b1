/** Texts and what they stand for; the texts are copied. Not locked. */
#ifndef MQTT_MAP_H
#define MQTT_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct mqtt_map {
    struct mqtt_map_entry **buckets;
    size_t n_buckets, n;
};

/** NULL: it is not there. */
void *mqtt_map_get(const struct mqtt_map *m, const char *key);
/** Put it, or another value in its place; false without memory. */
bool mqtt_map_put(struct mqtt_map *m, const char *key, void *value);
/** What it stood for, NULL where it was not there. */
void *mqtt_map_take(struct mqtt_map *m, const char *key);
/** fn for each. */
void mqtt_map_each(const struct mqtt_map *m, void (*fn)(const char *key, void *value, void *arg),
                   void *arg);
void mqtt_map_done(struct mqtt_map *m);

#endif
