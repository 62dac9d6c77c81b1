/*
 * The catalogue: which devices and profiles there are. One change at a time (service.changes); each
 * swaps a snapshot under a short lock, so readers never wait for a change.
 */
#include <string.h>

#include "edge/text.h"
#include "flows.h"

/* ---- profiles ------------------------------------------------------------------------------ */

/* Keep @p p (its reference too) unless one of that name is there already, which is used then. */
static struct sdk_profile *profile_keep(devsdk_service *svc, struct sdk_profile *p, bool *ret_new)
{
    EDGE_LOCK(&svc->lock);
    struct sdk_profile *there = edge_map_find(&svc->profiles, p->dto->name);
    *ret_new = !there;
    if (there) {
        sdk_profile_unref(p);
        return sdk_profile_ref(there);
    }
    edge_map_put(&svc->profiles, p->dto->name, p);
    return sdk_profile_ref(p);
}

enum edge_status sdk_profile_get(struct edge_ctx *ctx, devsdk_service *svc, const char *name,
                                 struct sdk_profile **ret)
{
    struct device_profile dto;
    struct sdk_profile *p = sdk_profile_find(svc, name);
    if (!p) {
        EDGE_TRY(sdk_metadata_profile(ctx, svc, name, &dto));
        bool is_new;
        p = profile_keep(svc, sdk_profile_create(svc->driver, &dto), &is_new);
        if (is_new) {
            sdk_strays_of_profile(svc, p, NULL);
        }
        EDGE_CTX_SCOPE(check);
        check.log = ctx->log;
        enum edge_status st = sdk_profile_check(&check, p);
        if (st != EDGE_OK) {
            edge_log_warn(&check, "profile has faulty attributes", "profile", name, "error",
                          edge_ctx_message(&check, st), NULL);
        }
    }
    *ret = p;
    return EDGE_OK;
}

static struct sdk_profile *profile_swap(devsdk_service *svc, struct sdk_profile *p)
{
    EDGE_LOCK(&svc->lock);
    return edge_map_put(&svc->profiles, p->dto->name, p);
}

/* ---- devices ------------------------------------------------------------------------------- */

static struct sdk_entry *entry_get(devsdk_service *svc, const char *name)
{
    struct sdk_entry *e = sdk_entry_find(svc, name);
    if (e) {
        return e;
    }
    e = sdk_entry_create(svc, name);
    sdk_attend_init(e);
    EDGE_LOCK(&svc->lock);
    edge_map_put(&svc->entries, name, sdk_entry_ref(e));
    return e;
}

/* service.changes held. */
static void count_user(struct sdk_profile *p, int more)
{
    if (p) {
        p->users += (unsigned)more;
    }
}

static devsdk_device *device_swap(struct sdk_entry *e, devsdk_device *d)
{
    EDGE_LOCK(&e->lock);
    devsdk_device *before = e->device;
    e->device = d;
    return before;
}

/* Have @p dto be the entry's device; takes over the profile's reference. service.changes held.
 * @p is_news: it comes from metadata, so its operating state counts. */
static void entry_set(struct sdk_entry *e, const struct device *dto, struct sdk_profile *profile,
                      bool is_news)
{
    devsdk_device *current = sdk_entry_device(e);
    devsdk_device *d = sdk_device_create(e, dto, profile, current);
    bool same = current && current->life == d->life && current->revision == d->revision;
    if (d->fault) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = e->svc->rt->log;
        edge_log_warn(&ctx, "device has faulty protocols", "device", e->name, "error", d->fault,
                      NULL);
    }
    sdk_strays_of_device(e->svc, d, current);
    sdk_device_ref(d);
    count_user(d->profile, 1);
    devsdk_device *before = device_swap(e, d);
    count_user(before ? before->profile : NULL, -1);
    devsdk_put(before);
    devsdk_put(current);
    if (is_news) {
        sdk_note_snapshot(e, dto);
    }
    sdk_schedules_update(e, d);
    if (!same) {
        sdk_attend_now(e);
    }
    sdk_device_unref(d);
}

/* Core-metadata tells of changes of a profile only while a device of ours has it. */
static bool is_known_unused(devsdk_service *svc, const char *name)
{
    EDGE_LOCK(&svc->flows->changes);
    struct sdk_profile *p = sdk_profile_find(svc, name);
    bool unused = p && p->users == 0;
    sdk_profile_unref(p);
    return unused;
}

enum edge_status sdk_profile_get_now(struct edge_ctx *ctx, devsdk_service *svc, const char *name,
                                     struct sdk_profile **ret)
{
    if (is_known_unused(svc, name)) {
        struct device_profile dto;
        enum edge_status st = sdk_metadata_profile(ctx, svc, name, &dto);
        if (st == EDGE_NOT_FOUND) {
            sdk_profile_remove(svc, name);
        }
        EDGE_TRY(st);
        sdk_profile_apply(svc, &dto);
    }
    return sdk_profile_get(ctx, svc, name, ret);
}

enum edge_status sdk_device_apply(struct edge_ctx *ctx, devsdk_service *svc,
                                  const struct device *dto)
{
    struct sdk_profile *profile = NULL;
    if (dto->profile_name && *dto->profile_name) {
        EDGE_TRY(sdk_profile_get_now(ctx, svc, dto->profile_name, &profile));
    }
    EDGE_LOCK(&svc->flows->changes);
    struct sdk_profile *newer = profile ? sdk_profile_find(svc, dto->profile_name) : NULL;
    if (newer) { /* it may have changed since we asked */
        sdk_profile_unref(profile);
        profile = newer;
    }
    struct sdk_entry *e = entry_get(svc, dto->name);
    entry_set(e, dto, profile, true);
    sdk_entry_unref(e);
    return EDGE_OK;
}

static struct sdk_entry *entry_take(devsdk_service *svc, const char *name)
{
    EDGE_LOCK(&svc->lock);
    return edge_map_remove(&svc->entries, name);
}

void sdk_device_remove(devsdk_service *svc, const char *name)
{
    EDGE_LOCK(&svc->flows->changes);
    struct sdk_entry *e = entry_take(svc, name);
    if (!e) {
        return;
    }
    sdk_profile_scan_cancel(svc, name);
    sdk_schedules_update(e, NULL);
    devsdk_device *before = device_swap(e, NULL); /* nobody arms its timer from now on */
    count_user(before ? before->profile : NULL, -1);
    devsdk_put(before);
    edge_timer_cancel(svc->rt->timers, &e->timer);
    sdk_connected_forget(e);
    sdk_entry_unref(e);
}

/* ---- changes that concern several devices ---------------------------------------------------- */

typedef void entry_visitor(struct sdk_entry *e, devsdk_device *dev, void *arg);

/* Under service.changes, so that the set of devices stands still. */
static void each_device(devsdk_service *svc, entry_visitor *visit, void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    const char **names;
    size_t n = sdk_entry_names(svc, &ctx.arena, &names);
    for (size_t i = 0; i < n; i++) {
        struct sdk_entry *e = sdk_entry_find(svc, names[i]);
        devsdk_device *dev = e ? sdk_entry_device(e) : NULL;
        if (dev) {
            visit(e, dev, arg);
            sdk_device_unref(dev);
        }
        if (e) {
            sdk_entry_unref(e);
        }
    }
}

static void renew_with(struct sdk_entry *e, devsdk_device *dev, void *arg)
{
    struct sdk_profile *p = arg;
    if (dev->profile && strcmp(dev->profile->dto->name, p->dto->name) == 0) {
        entry_set(e, dev->dto, sdk_profile_ref(p), false);
    }
}

static bool same_profile(const struct device_profile *a, const struct device_profile *b)
{
    EDGE_CTX_SCOPE(ctx);
    return strcmp(edge_dto_text(&DEVICE_PROFILE, a, &ctx.arena),
                  edge_dto_text(&DEVICE_PROFILE, b, &ctx.arena)) == 0;
}

void sdk_profile_apply(devsdk_service *svc, const struct device_profile *dto)
{
    EDGE_LOCK(&svc->flows->changes);
    struct sdk_profile *known = sdk_profile_find(svc, dto->name);
    bool same = known && same_profile(known->dto, dto); /* two have asked for it: devices live on */
    sdk_profile_unref(known);
    if (same) {
        return;
    }
    struct sdk_profile *p = sdk_profile_create(svc->driver, dto);
    struct sdk_profile *before = profile_swap(svc, sdk_profile_ref(p));
    sdk_strays_of_profile(svc, p, before);
    sdk_profile_unref(before);
    each_device(svc, renew_with, p);
    sdk_profile_unref(p);
}

struct profile_use {
    const char *name;
    bool used;
};

static void note_use(struct sdk_entry *e, devsdk_device *dev, void *arg)
{
    (void)e;
    struct profile_use *use = arg;
    use->used = use->used || (dev->profile && strcmp(dev->profile->dto->name, use->name) == 0);
}

static struct sdk_profile *profile_take(devsdk_service *svc, const char *name)
{
    EDGE_LOCK(&svc->lock);
    return edge_map_remove(&svc->profiles, name);
}

void sdk_profile_remove(devsdk_service *svc, const char *name)
{
    struct profile_use use = {.name = name};
    EDGE_LOCK(&svc->flows->changes);
    each_device(svc, note_use, &use);
    if (!use.used) {
        sdk_profile_unref(profile_take(svc, name));
    }
}

static void refresh(struct sdk_entry *e, devsdk_device *dev, void *arg)
{
    (void)arg;
    sdk_schedules_update(e, dev);
}

void sdk_catalog_refresh(devsdk_service *svc)
{
    EDGE_LOCK(&svc->flows->changes);
    each_device(svc, refresh, NULL);
}

void sdk_catalog_clear(devsdk_service *svc)
{
    EDGE_CTX_SCOPE(ctx);
    const char **names;
    size_t n = sdk_entry_names(svc, &ctx.arena, &names);
    for (size_t i = 0; i < n; i++) {
        sdk_device_remove(svc, names[i]);
    }
    EDGE_LOCK(&svc->lock);
    size_t pos = 0;
    struct sdk_profile *p;
    while ((p = edge_map_next(&svc->profiles, &pos, NULL)) != NULL) {
        sdk_profile_unref(p);
    }
    edge_map_done(&svc->profiles);
    edge_map_done(&svc->entries);
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* Devices core-metadata has; the value only says "there". */
static enum edge_status take_up_device(struct edge_ctx *ctx, devsdk_service *svc, const cJSON *item,
                                       void *seen)
{
    struct device dto;
    EDGE_TRY(edge_dto_decode(ctx, &DEVICE, item, &dto));
    edge_map_put(seen, dto.name, svc);
    return edge_wrap(ctx, sdk_device_apply(ctx, svc, &dto), "device %s", dto.name);
}

static enum edge_status take_up_watcher(struct edge_ctx *ctx, devsdk_service *svc,
                                        const cJSON *item, void *seen)
{
    struct provision_watcher dto;
    EDGE_TRY(edge_dto_decode(ctx, &PROVISION_WATCHER, item, &dto));
    edge_map_put(seen, dto.name, svc);
    return sdk_watcher_apply(ctx, svc, &dto);
}

static void free_map(void *map)
{
    edge_map_done(map);
}

static enum edge_status sync_devices(struct edge_ctx *ctx, devsdk_service *svc)
{
    struct edge_map *seen = edge_new(&ctx->arena, struct edge_map);
    edge_defer(&ctx->arena, free_map, seen);
    const char *path = edge_printf(&ctx->arena, "/api/v3/device/service/name/%s",
                                   edge_name_escape(&ctx->arena, svc->rt->name));
    EDGE_TRY(sdk_metadata_each(ctx, svc, path, "devices", take_up_device, seen));
    const char **names;
    size_t n = sdk_entry_names(svc, &ctx->arena, &names);
    for (size_t i = 0; i < n; i++) {
        if (!edge_map_find(seen, names[i])) {
            sdk_device_remove(svc, names[i]);
        }
    }
    return EDGE_OK;
}

static enum edge_status sync_watchers(struct edge_ctx *ctx, devsdk_service *svc)
{
    struct edge_map *seen = edge_new(&ctx->arena, struct edge_map);
    edge_defer(&ctx->arena, free_map, seen);
    const char *path = edge_printf(&ctx->arena, "/api/v3/provisionwatcher/service/name/%s",
                                   edge_name_escape(&ctx->arena, svc->driver->name));
    EDGE_TRY(sdk_metadata_each(ctx, svc, path, "provisionWatchers", take_up_watcher, seen));
    sdk_watchers_keep(ctx, svc, seen);
    return EDGE_OK;
}

/* The names of all profiles, in @p a. */
static size_t profile_names(devsdk_service *svc, struct edge_arena *a, const char ***ret)
{
    EDGE_LOCK(&svc->lock);
    size_t n = 0, pos = 0;
    const char *name;
    const char **names = edge_new_n(a, const char *, svc->profiles.n + 1);
    while (edge_map_next(&svc->profiles, &pos, &name)) {
        names[n++] = edge_strdup(a, name);
    }
    *ret = names;
    return n;
}

/* What changed while we did not hear of it. */
static enum edge_status sync_profile(struct edge_ctx *ctx, devsdk_service *svc, const char *name)
{
    struct device_profile dto;
    enum edge_status st = sdk_metadata_profile(ctx, svc, name, &dto);
    if (st == EDGE_NOT_FOUND) {
        sdk_profile_remove(svc, name);
        return EDGE_OK;
    }
    EDGE_TRY(st);
    struct sdk_profile *p = sdk_profile_find(svc, name);
    bool changed = p && p->dto->modified != dto.modified;
    sdk_profile_unref(p);
    if (changed) {
        sdk_profile_apply(svc, &dto);
    }
    return EDGE_OK;
}

enum edge_status sdk_catalog_sync(struct edge_ctx *ctx, devsdk_service *svc)
{
    const char **names;
    size_t n = profile_names(svc, &ctx->arena, &names);
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(one);
        enum edge_status st = sync_profile(&one, svc, names[i]);
        if (st != EDGE_OK) {
            return edge_pass(ctx, st, &one);
        }
    }
    EDGE_TRY(sync_devices(ctx, svc));
    return sync_watchers(ctx, svc);
}
