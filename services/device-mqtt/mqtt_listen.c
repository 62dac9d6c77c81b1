/*
 * Topics of devices' own (ReadTopic): which filters the broker is asked for, and which devices a topic is for. Filters
 * are kept as they are, with the names of the devices behind each; those without wildcards are found by the topic itself.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/mqtt_topic.h"
#include "mqtt_driver.h"

enum { TOPIC_SIZE = 4096 };

struct listen {
    struct listen *next; /* among those with wildcards */
    char *filter;
    char **devices;
    size_t n;
};

static bool given(const char *text)
{
    return text && *text;
}

bool dmqtt_listens(const devsdk_device *dev, const devsdk_point *p, char *ret, size_t size)
{
    const struct mqtt_attribute *attr = p->attr;
    const struct mqtt_address *addr = devsdk_addr(dev);
    const char *form = attr && given(attr->read_topic) ? attr->read_topic : addr->read_topic;
    return attr && p->readable && given(form) &&
           mqtt_topic_fill(form, devsdk_name(dev), p->name, ret, size) > 0;
}

/* ---- one filter ------------------------------------------------------------------------------------------------ */

static bool is_wild(const char *filter)
{
    return strpbrk(filter, "+#") != NULL;
}

static struct listen *listen_make(struct mqtt_broker *b, const char *filter)
{
    struct listen *l = calloc(1, sizeof(*l));
    char *copy = strdup(filter);
    if (!l || !copy || !mqtt_map_put(&b->listens, filter, l)) {
        free(copy);
        free(l);
        return NULL;
    }
    l->filter = copy;
    if (is_wild(filter)) {
        l->next = b->wild;
        b->wild = l;
    }
    if (b->client) {
        devsdk_mqtt_subscribe(b->client, filter, (unsigned)b->where.qos);
    }
    return l;
}

static void listen_free(struct listen *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->devices[i]);
    }
    free(l->devices);
    free(l->filter);
    free(l);
}

static void listen_add(struct mqtt_broker *b, const char *filter, const char *device)
{
    MQTT_LOCK(&b->lock);
    struct listen *l = mqtt_map_get(&b->listens, filter);
    l = l ? l : listen_make(b, filter);
    char **devices = l ? realloc(l->devices, (l->n + 1) * sizeof(*devices)) : NULL;
    if (devices) {
        l->devices = devices;
        l->devices[l->n] = strdup(device);
        l->n += l->devices[l->n] != NULL;
    }
}

static void unlink_wild(struct mqtt_broker *b, const struct listen *l)
{
    struct listen **at = &b->wild;
    while (*at && *at != l) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = l->next;
    }
}

static void listen_drop(struct mqtt_broker *b, const char *filter, const char *device)
{
    MQTT_LOCK(&b->lock);
    struct listen *l = mqtt_map_get(&b->listens, filter);
    for (size_t i = 0; l && i < l->n; i++) {
        if (strcmp(l->devices[i], device) == 0) {
            free(l->devices[i]);
            l->devices[i] = l->devices[--l->n];
            break;
        }
    }
    if (l && l->n == 0) {
        mqtt_map_take(&b->listens, filter);
        unlink_wild(b, l);
        if (b->client) {
            devsdk_mqtt_unsubscribe(b->client, filter);
        }
        listen_free(l);
    }
}

/* ---- all of a device --------------------------------------------------------------------------------------------- */

struct both {
    struct mqtt_broker *broker;
    const char *device;
    const struct mqtt_map *except; /* NULL: none */
};

static void drop_one(const char *filter, void *value, void *arg)
{
    (void)value;
    const struct both *both = arg;
    if (!both->except || !mqtt_map_get(both->except, filter)) {
        listen_drop(both->broker, filter, both->device);
    }
}

void dmqtt_listen_update(devsdk_device *dev)
{
    struct mqtt_device *d = devsdk_data(dev);
    struct mqtt_map wanted = {0};
    char filter[TOPIC_SIZE];
    const devsdk_point *p;
    for (unsigned i = 0; (p = devsdk_point_at(dev, i)) != NULL; i++) {
        if (dmqtt_listens(dev, p, filter, sizeof(filter)) && !mqtt_map_get(&wanted, filter)) {
            mqtt_map_put(&wanted, filter, d);
            if (!mqtt_map_get(&d->listening, filter)) {
                listen_add(d->broker, filter, devsdk_name(dev));
            }
        }
    }
    mqtt_map_each(&d->listening, drop_one, &(struct both){d->broker, devsdk_name(dev), &wanted});
    mqtt_map_done(&d->listening);
    d->listening = wanted;
}

static void free_last(const char *resource, void *last, void *arg)
{
    (void)resource;
    (void)arg;
    free(last);
}

void dmqtt_forget_last(devsdk_device *dev)
{
    struct mqtt_device *d = devsdk_data(dev);
    struct mqtt_map last;
    {
        MQTT_LOCK(&d->broker->lock);
        last = d->last;
        d->last = (struct mqtt_map){0};
    }
    mqtt_map_each(&last, free_last, NULL);
    mqtt_map_done(&last);
}

void dmqtt_listen_end(devsdk_device *dev)
{
    struct mqtt_device *d = devsdk_data(dev);
    mqtt_map_each(&d->listening, drop_one, &(struct both){d->broker, devsdk_name(dev), NULL});
    mqtt_map_done(&d->listening);
    dmqtt_forget_last(dev);
}

/* ---- whose topic is it ---------------------------------------------------------------------------------------------- */

/* Names to be told, outside of the lock. */
struct names {
    char **all;
    size_t n;
};

static void collect(struct names *names, const struct listen *l)
{
    char **all = realloc(names->all, (names->n + l->n) * sizeof(*all));
    if (!all) {
        return;
    }
    const size_t before = names->n;
    names->all = all;
    for (size_t i = 0; i < l->n; i++) {
        char *copy = strdup(l->devices[i]);
        bool known = false;
        for (size_t k = 0; k < before && !known; k++) {
            known = strcmp(names->all[k], l->devices[i]) == 0;
        }
        if (copy && !known) {
            names->all[names->n++] = copy;
        } else {
            free(copy);
        }
    }
}

bool dmqtt_listeners(struct mqtt_broker *b, const char *topic,
                     void (*fn)(const char *device, void *arg), void *arg)
{
    struct names names = {0};
    {
        MQTT_LOCK(&b->lock);
        struct listen *exact = mqtt_map_get(&b->listens, topic);
        if (exact && !is_wild(topic)) {
            collect(&names, exact);
        }
        for (struct listen *l = b->wild; l; l = l->next) {
            if (devsdk_mqtt_matches(l->filter, topic)) {
                collect(&names, l);
            }
        }
    }
    for (size_t i = 0; i < names.n; i++) {
        fn(names.all[i], arg);
        free(names.all[i]);
    }
    free(names.all);
    return names.n > 0;
}

static void subscribe_one(const char *filter, void *listen, void *arg)
{
    (void)listen;
    const struct mqtt_broker *b = arg;
    devsdk_mqtt_subscribe(b->client, filter, (unsigned)b->where.qos);
}

void dmqtt_listens_subscribe(struct mqtt_broker *b)
{
    mqtt_map_each(&b->listens, subscribe_one, b);
}

static void free_listen(const char *filter, void *listen, void *arg)
{
    (void)filter;
    (void)arg;
    listen_free(listen);
}

void dmqtt_listens_done(struct mqtt_broker *b)
{
    mqtt_map_each(&b->listens, free_listen, NULL);
    mqtt_map_done(&b->listens);
}
