/* Devices: POST, PATCH, GET, DELETE /device... (contract 4.3). */
#include <string.h>

#include "edge/clock.h"
#include "edge/map.h"
#include "edge/text.h"
#include "metadata.h"

static void announce_device(struct edge_ctx *ctx, struct metadata *meta, const char *action,
                            const struct device *device)
{
    metadata_announce(ctx, meta, "device", action, device->service_name, device->profile_name,
                      &DEVICE, device);
}

/* ---- add --------------------------------------------------------------------------------- */

/* POST with force=true of a device that exists replaces it. */
static enum edge_status device_replace(struct edge_call *call, struct device *device,
                                       const struct device *stored)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    device->id = stored->id;
    device->created = stored->created;
    device->modified = edge_now_ms();
    EDGE_TRY(device_within_capacity(ctx, meta, stored, device));
    EDGE_TRY(edge_store_update(ctx, meta->store, &DEVICES, device));
    announce_device(ctx, meta, "update", device);
    if (strcmp(stored->service_name, device->service_name) != 0) {
        metadata_announce(ctx, meta, "device", "update", stored->service_name, device->profile_name,
                          &DEVICE, device);
    }
    return EDGE_OK;
}

static enum edge_status device_insert(struct edge_call *call, struct device *device, bool validate)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    EDGE_TRY(device_within_capacity(ctx, meta, NULL, device));
    if (validate) {
        EDGE_TRY(device_accepted_by_driver(ctx, meta, device));
    }
    metadata_stamp(ctx, &device->id, &device->created, &device->modified);
    EDGE_TRY(edge_store_add(ctx, meta->store, &DEVICES, device));
    announce_device(ctx, meta, "add", device);
    return EDGE_OK;
}

/** POST item: its service and profile must fit, its driver must accept it. */
static enum edge_status device_add(struct edge_call *call, void *object, struct edge_item *item)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device *device = &((struct device_request *)object)->device;
    bool force = edge_call_query_is_true(call, "force");

    EDGE_TRY(device_service_must_exist(ctx, meta, device->service_name));
    EDGE_TRY(device_fits_profile(ctx, meta, device));
    struct device stored;
    enum edge_status st = edge_store_get(ctx, meta->store, &DEVICES, "name", device->name, &stored);
    if (st == EDGE_OK && !force) {
        return edge_fail(ctx, EDGE_CONFLICT, "device name %s already exists", device->name);
    }
    if (st == EDGE_OK) {
        EDGE_TRY(device_replace(call, device, &stored));
    } else if (st == EDGE_NOT_FOUND) {
        bool bypass = force || edge_call_query_is_true(call, "bypassValidation");
        EDGE_TRY(device_insert(call, device, !bypass));
    } else {
        return st;
    }
    item->id = device->id;
    item->code = 201;
    return EDGE_OK;
}

enum edge_status devices_add(struct edge_call *call)
{
    return edge_each_decoded(call, &DEVICE_REQUEST, device_add);
}

/* ---- patch ------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/** PATCH item: JSON laid over the stored device. */
static enum edge_status device_patch(struct edge_call *call, const cJSON *patch,
                                     struct edge_item *item)
{
    (void)item;
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device before, device;

    const char *service = cJSON_GetStringValue(edge_json_member(patch, "serviceName", false));
    if (service) {
        EDGE_TRY(device_service_must_exist(ctx, meta, service));
    }
    EDGE_TRY(metadata_get_patched(ctx, meta, &DEVICES, "device", patch, &before));
    device = before;
    EDGE_TRY(edge_dto_patch(ctx, &DEVICE, patch, &device));
    EDGE_TRY(device_within_capacity(ctx, meta, &before, &device));
    if (same_text(before.profile_name, device.profile_name)) {
        EDGE_TRY(device_fits_profile(ctx, meta, &device));
    } else {
        EDGE_TRY(device_drop_unknown_auto_events(ctx, meta, &device));
    }
    if (!edge_call_query_is_true(call, "bypassValidation")) {
        EDGE_TRY(device_accepted_by_driver(ctx, meta, &device));
    }
    device.modified = edge_now_ms();
    EDGE_TRY(edge_store_update(ctx, meta->store, &DEVICES, &device));

    announce_device(ctx, meta, "update", &device);
    if (!same_text(before.service_name, device.service_name)) {
        metadata_announce(ctx, meta, "device", "update", before.service_name, device.profile_name,
                          &DEVICE, &device);
    }
    return EDGE_OK;
}

enum edge_status devices_patch(struct edge_call *call)
{
    return edge_each_patch(call, "device", &DEVICE, device_patch);
}

/* ---- read -------------------------------------------------------------------------------- */

static enum edge_status reply_device(struct edge_call *call, const char *member, const char *value)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *text = NULL;
    enum edge_status st = edge_store_get_text(ctx, meta->store, &DEVICES, member, value, &text);
    if (st == EDGE_NOT_FOUND) {
        return edge_fail(ctx, st, "no device with %s '%s' found", member, value);
    }
    EDGE_TRY(st);
    return edge_reply_text(call, "device", text);
}

enum edge_status device_get(struct edge_call *call)
{
    return reply_device(call, "name", edge_call_param(call, "name"));
}

enum edge_status device_get_by_id(struct edge_call *call)
{
    const char *id = edge_call_param(call, "id");
    char canonical[EDGE_UUID_SIZE];
    if (!edge_uuid_parse(id, canonical)) {
        return edge_fail(edge_call_ctx(call), EDGE_INVALID, "device id '%s' is not a valid UUID",
                         id);
    }
    return reply_device(call, "id", canonical);
}

enum edge_status device_check_name(struct edge_call *call)
{
    bool exists = false;
    EDGE_TRY(metadata_has(edge_call_ctx(call), edge_call_state(call), &DEVICES, "name",
                          edge_call_param(call, "name"), &exists));
    return edge_reply_base(call, exists ? 200 : 404, NULL);
}

enum edge_status devices_by_service(struct edge_call *call)
{
    struct edge_query query = {.collection = &DEVICES,
                               .terms = {{"serviceName", edge_call_param(call, "name")}},
                               .n_terms = 1};
    return metadata_reply_page(call, "devices", &query);
}

enum edge_status devices_by_profile(struct edge_call *call)
{
    struct edge_query query = {.collection = &DEVICES,
                               .terms = {{"profileName", edge_call_param(call, "name")}},
                               .n_terms = 1};
    return metadata_reply_page(call, "devices", &query);
}

/* ---- trees ------------------------------------------------------------------------------- */

enum { MAX_TREE = 100000 }; /* devices of one answer: a bound, not a page */

struct tree {
    const char **names, **texts;
    size_t n, cap;
};

static void tree_put(struct edge_ctx *ctx, struct tree *t, const char *name, const char *text)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 32;
        const char **names = edge_new_n(&ctx->arena, const char *, cap);
        const char **texts = edge_new_n(&ctx->arena, const char *, cap);
        if (t->n > 0) {
            memcpy(names, t->names, t->n * sizeof(*names));
            memcpy(texts, t->texts, t->n * sizeof(*texts));
        }
        *t = (struct tree){names, texts, t->n, cap};
    }
    t->names[t->n] = name;
    t->texts[t->n++] = text;
}

/* The children of @p parent not seen before; @p seen ends circles among parents. */
static enum edge_status tree_add_children(struct edge_ctx *ctx, struct metadata *meta,
                                          const struct edge_page *page, const char *parent,
                                          struct edge_map *seen, struct tree *t)
{
    struct edge_query query = {.collection = &DEVICES,
                               .terms = {{"parent", parent}},
                               .n_terms = 1,
                               .labels = page->labels,
                               .n_labels = page->n_labels,
                               .limit = -1};
    struct edge_texts found;
    EDGE_TRY(edge_store_find(ctx, meta->store, &query, &found));
    for (size_t i = 0; i < found.n && t->n < MAX_TREE; i++) {
        const cJSON *device = NULL;
        EDGE_TRY(edge_json_parse(ctx, found.texts[i], strlen(found.texts[i]), NULL, &device));
        const char *name = cJSON_GetStringValue(edge_json_member(device, "name", true));
        if (name && !edge_map_put(seen, name, meta)) {
            tree_put(ctx, t, name, found.texts[i]);
        }
    }
    return EDGE_OK;
}

/* Breadth first: level after level, in order of creation inside; the root is not part of it. */
static enum edge_status tree_collect(struct edge_ctx *ctx, struct metadata *meta,
                                     const struct edge_page *page, const char *root,
                                     int64_t max_levels, struct tree *t)
{
    EDGE_CLEANUP(edge_map_done) struct edge_map seen = EDGE_MAP_INIT;
    edge_map_put(&seen, root, meta);
    EDGE_TRY(tree_add_children(ctx, meta, page, root, &seen, t));
    size_t at = 0;
    for (int64_t level = 1; at < t->n && (max_levels <= 0 || level < max_levels); level++) {
        for (size_t end = t->n; at < end; at++) {
            EDGE_TRY(tree_add_children(ctx, meta, page, t->names[at], &seen, t));
        }
    }
    return EDGE_OK;
}

static enum edge_status reply_tree(struct edge_call *call, const char *root, int64_t max_levels)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct edge_page page;
    EDGE_TRY(edge_call_page(call, 0, &page));
    struct tree t = {0};
    EDGE_TRY(tree_collect(ctx, edge_call_state(call), &page, root, max_levels, &t));
    edge_reply_list_open(call, "devices", (int64_t)t.n);
    size_t end = page.limit == 0 ? t.n : (size_t)(page.offset + page.limit);
    for (size_t i = (size_t)page.offset; i < end && i < t.n; i++) {
        edge_reply_list_item(call);
        edge_buf_puts(edge_reply_body(call), t.texts[i]);
    }
    return edge_reply_list_close(call);
}

enum edge_status devices_all(struct edge_call *call)
{
    int64_t max_levels = 0;
    EDGE_TRY(edge_call_param_int(call, "maxLevels", -1, &max_levels));
    const char *root = edge_call_query(call, "descendantsOf");
    if (root && *root) {
        return reply_tree(call, root, max_levels);
    }
    struct edge_query query = {.collection = &DEVICES};
    return metadata_reply_page(call, "devices", &query);
}

/* ---- delete ------------------------------------------------------------------------------ */

enum edge_status device_delete(struct edge_call *call)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *name = edge_call_param(call, "name");
    struct device device;
    bool has_children = false;

    EDGE_TRY(metadata_get(ctx, meta, &DEVICES, "device", name, &device));
    EDGE_TRY(metadata_has(ctx, meta, &DEVICES, "parent", name, &has_children));
    if (has_children) {
        return edge_fail(ctx, EDGE_CONFLICT, "cannot delete device with children");
    }
    EDGE_TRY(edge_store_remove(ctx, meta->store, &DEVICES, "name", name));
    announce_device(ctx, meta, "delete", &device);
    return edge_reply_base(call, 200, NULL);
}
