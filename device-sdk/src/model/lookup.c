/* Devices and profiles by their names. */
#include "model.h"

struct sdk_entry *sdk_entry_find(devsdk_service *svc, const char *name)
{
    EDGE_LOCK(&svc->lock);
    struct sdk_entry *e = edge_map_find(&svc->entries, name);
    return e ? sdk_entry_ref(e) : NULL;
}

devsdk_device *sdk_device_find(devsdk_service *svc, const char *name)
{
    struct sdk_entry *e = sdk_entry_find(svc, name);
    if (!e) {
        return NULL;
    }
    devsdk_device *d = sdk_entry_device(e);
    sdk_entry_unref(e);
    return d;
}

struct sdk_profile *sdk_profile_find(devsdk_service *svc, const char *name)
{
    EDGE_LOCK(&svc->lock);
    struct sdk_profile *p = edge_map_find(&svc->profiles, name);
    return p ? sdk_profile_ref(p) : NULL;
}

/* The names of all devices, in @p a. */
size_t sdk_entry_names(devsdk_service *svc, struct edge_arena *a, const char ***ret)
{
    EDGE_LOCK(&svc->lock);
    size_t n = 0, pos = 0;
    const char *name;
    const char **names = edge_new_n(a, const char *, svc->entries.n + 1);
    while (edge_map_next(&svc->entries, &pos, &name)) {
        names[n++] = edge_strdup(a, name);
    }
    *ret = names;
    return n;
}

devsdk_device *devsdk_find(devsdk_service *svc, const char *name)
{
    return sdk_device_find(svc, name);
}

void devsdk_each(devsdk_service *svc, bool (*fn)(devsdk_device *, void *), void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    const char **names;
    size_t n = sdk_entry_names(svc, &ctx.arena, &names);
    bool more = true;
    for (size_t i = 0; i < n && more; i++) {
        devsdk_device *d = sdk_device_find(svc, names[i]);
        more = !d || fn(d, arg);
        devsdk_put(d);
    }
}
