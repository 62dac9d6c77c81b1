/* Provision watchers: POST, PATCH, GET, DELETE /provisionwatcher... (contract 4.4). */
#include <string.h>

#include "edge/clock.h"
#include "metadata.h"

static void announce_watcher(struct edge_ctx *ctx, struct metadata *meta, const char *action,
                             const char *owner, const struct provision_watcher *watcher)
{
    metadata_announce(ctx, meta, "provisionwatcher", action, owner,
                      watcher->discovered_device.profile_name, &PROVISION_WATCHER, watcher);
}

static enum edge_status watched_profile_must_exist(struct edge_ctx *ctx, struct metadata *meta,
                                                   const struct provision_watcher *watcher)
{
    const char *profile = watcher->discovered_device.profile_name;
    if (!profile || !*profile) {
        return EDGE_OK;
    }
    bool exists = false;
    EDGE_TRY(metadata_has(ctx, meta, &PROFILES, "name", profile, &exists));
    return exists ? EDGE_OK
                  : edge_fail(ctx, EDGE_NOT_FOUND, "device profile '%s' does not exists", profile);
}

/** POST item: add one watcher; its profile must exist, its service need not. */
static enum edge_status watcher_add(struct edge_call *call, void *object, struct edge_item *item)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct provision_watcher *watcher = &((struct provision_watcher_request *)object)->watcher;
    EDGE_TRY(metadata_name_check(ctx, "provision watcher", watcher->name));
    EDGE_TRY(watched_profile_must_exist(ctx, meta, watcher));
    bool exists = false;
    EDGE_TRY(metadata_has(ctx, meta, &WATCHERS, "name", watcher->name, &exists));
    if (exists) {
        return edge_fail(ctx, EDGE_CONFLICT, "provision watcher name %s already exists",
                         watcher->name);
    }
    metadata_stamp(ctx, &watcher->id, &watcher->created, &watcher->modified);
    EDGE_TRY(edge_store_add(ctx, meta->store, &WATCHERS, watcher));
    announce_watcher(ctx, meta, "add", watcher->service_name, watcher);
    item->id = watcher->id;
    item->code = 201;
    return EDGE_OK;
}

enum edge_status watchers_add(struct edge_call *call)
{
    return metadata_change_each(call, &PROVISION_WATCHER_REQUEST, watcher_add);
}

/** PATCH item: JSON laid over the stored watcher. */
static enum edge_status watcher_patch(struct edge_call *call, const cJSON *patch,
                                      struct edge_item *item)
{
    (void)item;
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct provision_watcher watcher;
    EDGE_TRY(metadata_get_patched(ctx, meta, &WATCHERS, "provision watcher", patch, &watcher));
    const char *old_owner = watcher.service_name;
    EDGE_TRY(edge_dto_patch(ctx, &PROVISION_WATCHER, patch, &watcher));
    EDGE_TRY(watched_profile_must_exist(ctx, meta, &watcher));
    watcher.modified = edge_now_ms();
    EDGE_TRY(edge_store_update(ctx, meta->store, &WATCHERS, &watcher));
    announce_watcher(ctx, meta, "update", watcher.service_name, &watcher);
    if (strcmp(old_owner, watcher.service_name) != 0) {
        announce_watcher(ctx, meta, "update", old_owner, &watcher);
    }
    return EDGE_OK;
}

enum edge_status watchers_patch(struct edge_call *call)
{
    return metadata_change_patched(call, "provisionWatcher", &PROVISION_WATCHER, watcher_patch);
}

enum edge_status watchers_all(struct edge_call *call)
{
    struct edge_query query = {.collection = &WATCHERS};
    return metadata_reply_page(call, "provisionWatchers", &query);
}

enum edge_status watchers_by_service(struct edge_call *call)
{
    struct edge_query query = {.collection = &WATCHERS,
                               .terms = {{"serviceName", edge_call_param(call, "name")}},
                               .n_terms = 1};
    return metadata_reply_page(call, "provisionWatchers", &query);
}

enum edge_status watchers_by_profile(struct edge_call *call)
{
    struct edge_query query = {
        .collection = &WATCHERS,
        .terms = {{"discoveredDevice.profileName", edge_call_param(call, "name")}},
        .n_terms = 1};
    return metadata_reply_page(call, "provisionWatchers", &query);
}

enum edge_status watcher_get(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct provision_watcher watcher;
    EDGE_TRY(metadata_get(ctx, edge_call_state(call), &WATCHERS, "provision watcher",
                          edge_call_param(call, "name"), &watcher));
    return edge_reply_object(call, "provisionWatcher", &PROVISION_WATCHER, &watcher);
}

static enum edge_status watcher_remove(struct edge_call *call)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *name = edge_call_param(call, "name");
    struct provision_watcher watcher;
    EDGE_TRY(metadata_get(ctx, meta, &WATCHERS, "provision watcher", name, &watcher));
    EDGE_TRY(edge_store_remove(ctx, meta->store, &WATCHERS, "name", name));
    announce_watcher(ctx, meta, "delete", watcher.service_name, &watcher);
    return EDGE_OK;
}

enum edge_status watcher_delete(struct edge_call *call)
{
    return metadata_change(call, watcher_remove);
}
