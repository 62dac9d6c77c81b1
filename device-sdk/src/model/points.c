/* What drivers ask of a device beyond their own tables: the resources it has, and keys as they were written. */
#include <string.h>

#include "model.h"

const devsdk_point *devsdk_point_at(const devsdk_device *d, unsigned i)
{
    return d->profile && i < d->profile->dto->n_resources ? &d->profile->resources[i].point : NULL;
}

/* ---- keys as texts --------------------------------------------------------------------------- */

/* What is no text in JSON, made one for who asked. */
struct sdk_text {
    const cJSON *item;
    const char *text;
    struct sdk_text *next;
};

/* Kept in @p a, which lives as long as @p item; the service's lock guards both lists and arenas. */
static const char *text_of(devsdk_service *svc, struct edge_arena *a, struct sdk_text **list,
                           const cJSON *item)
{
    if (!item || cJSON_IsString(item)) {
        return item ? item->valuestring : NULL;
    }
    EDGE_LOCK(&svc->lock);
    for (const struct sdk_text *t = *list; t; t = t->next) {
        if (t->item == item) {
            return t->text;
        }
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, item);
    struct sdk_text *fresh = edge_new(a, struct sdk_text);
    *fresh = (struct sdk_text){item, edge_strdup(a, edge_buf_str(&text)), *list};
    *list = fresh;
    return fresh->text;
}

const char *devsdk_attribute(const devsdk_device *d, unsigned i, const char *key)
{
    if (!devsdk_point_at(d, i)) {
        return NULL;
    }
    struct sdk_resource *r = &d->profile->resources[i];
    return text_of(d->entry->svc, &d->profile->arena, &r->texts,
                   edge_json_member(r->dto->attributes, key, true));
}

const char *devsdk_block_at(const devsdk_device *d, unsigned i)
{
    return i < d->dto->n_protocols ? d->dto->protocols[i].name : NULL;
}

static const cJSON *block(const devsdk_device *d, const char *protocol)
{
    const char *name = protocol ? protocol : d->protocol;
    for (size_t i = 0; i < d->dto->n_protocols; i++) {
        if (strcmp(d->dto->protocols[i].name, name) == 0) {
            return d->dto->protocols[i].properties;
        }
    }
    return NULL;
}

const char *devsdk_property(const devsdk_device *d, const char *protocol, const char *key)
{
    devsdk_device *own = (devsdk_device *)(uintptr_t)d; /* its texts are a cache */
    return text_of(d->entry->svc, &own->arena, &own->texts,
                   edge_json_member(block(d, protocol), key, true));
}

const char *devsdk_property_at(const devsdk_device *d, const char *protocol, unsigned i)
{
    const cJSON *object = block(d, protocol);
    const cJSON *item = object ? object->child : NULL;
    while (item && i-- > 0) {
        item = item->next;
    }
    return item ? item->string : NULL;
}

struct wanted {
    const char *protocol, *key, *value;
    devsdk_device *found;
};

static bool look(devsdk_device *d, void *arg)
{
    struct wanted *w = arg;
    const char *value = devsdk_property(d, w->protocol, w->key);
    if (!value || strcmp(value, w->value) != 0) {
        return true;
    }
    w->found = sdk_device_ref(d);
    return false;
}

devsdk_device *devsdk_find_by(devsdk_service *svc, const char *protocol, const char *key,
                              const char *value)
{
    struct wanted w = {protocol, key, value, NULL};
    devsdk_each(svc, look, &w);
    return w.found;
}
