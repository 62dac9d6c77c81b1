/* Devices: POST, PATCH, GET, DELETE /device... (contract 4.3). */
#include <string.h>

#include "edge/clock.h"
#include "edge/map.h"
#include "edge/text.h"
#include "metadata.h"

/* ---- add and patch ----------------------------------------------------------------------- */

enum { MAX_TRIES = 16 }; /* others that change the device while its driver is asked */

/* A change of one device: what is asked for, what that makes of the device as it is now, and the
 * device its driver was asked about, which takes longer than anybody may hold the store. */
struct device_step {
    struct edge_call *call;
    const struct device *added; /* POST */
    const cJSON *patch;         /* PATCH */
    struct device before;       /* the stored one; */
    bool existed;               /* if there is one */
    struct device device;       /* what it shall be */
    bool ask_driver;
    const char *accepted; /* its text as the driver accepted it */
    bool changed;         /* by others since then */
};

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* POST: its service and profile must fit; with force=true one that exists is replaced. */
static enum edge_status device_make_added(struct edge_ctx *ctx, struct metadata *meta,
                                          struct device_step *s)
{
    bool force = edge_call_query_is_true(s->call, "force");
    s->device = *s->added;
    EDGE_TRY(device_service_must_exist(ctx, meta, s->device.service_name));
    EDGE_TRY(device_fits_profile(ctx, meta, &s->device));
    enum edge_status st =
        edge_store_get(ctx, meta->store, &DEVICES, "name", s->device.name, &s->before);
    s->existed = st == EDGE_OK;
    if (s->existed && !force) {
        return edge_fail(ctx, EDGE_CONFLICT, "device name %s already exists", s->device.name);
    }
    if (s->existed) {
        s->device.id = s->before.id;
        s->device.created = s->before.created;
    } else if (st == EDGE_NOT_FOUND) {
        EDGE_TRY(metadata_name_check(ctx, "device", s->device.name));
    } else {
        return st;
    }
    s->ask_driver = !s->existed && !force && !edge_call_query_is_true(s->call, "bypassValidation");
    return device_within_capacity(ctx, meta, s->existed ? &s->before : NULL, &s->device);
}

/* PATCH: JSON laid over the stored device. */
static enum edge_status device_make_patched(struct edge_ctx *ctx, struct metadata *meta,
                                            struct device_step *s)
{
    const char *service = cJSON_GetStringValue(edge_json_member(s->patch, "serviceName", false));
    if (service) {
        EDGE_TRY(device_service_must_exist(ctx, meta, service));
    }
    EDGE_TRY(metadata_get_patched(ctx, meta, &DEVICES, "device", s->patch, &s->before));
    s->existed = true;
    s->device = s->before;
    EDGE_TRY(edge_dto_patch(ctx, &DEVICE, s->patch, &s->device));
    s->ask_driver = !edge_call_query_is_true(s->call, "bypassValidation");
    EDGE_TRY(device_within_capacity(ctx, meta, &s->before, &s->device));
    return same_text(s->before.profile_name, s->device.profile_name)
               ? device_fits_profile(ctx, meta, &s->device)
               : device_drop_unknown_auto_events(ctx, meta, &s->device);
}

static enum edge_status device_make(struct edge_ctx *ctx, struct device_step *s)
{
    struct metadata *meta = edge_call_state(s->call);
    EDGE_TRY(s->patch ? device_make_patched(ctx, meta, s) : device_make_added(ctx, meta, s));
    bool below_same = s->existed && same_text(s->before.parent, s->device.parent);
    return below_same ? EDGE_OK : device_parent_fits(ctx, meta, &s->device);
}

/* What a driver's opinion is about: all but when it was changed last. */
static const char *device_opinion_text(struct edge_ctx *ctx, const struct device *device)
{
    struct device timeless = *device;
    timeless.modified = 0;
    return edge_dto_text(&DEVICE, &timeless, &ctx->arena);
}

static void announce_device(struct edge_ctx *ctx, struct metadata *meta, const char *action,
                            const char *owner, const struct device *device)
{
    metadata_announce(ctx, meta, "device", action, owner, device->profile_name, &DEVICE, device);
}

static enum edge_status device_store(struct edge_ctx *ctx, void *arg)
{
    struct device_step *s = arg;
    struct metadata *meta = edge_call_state(s->call);
    EDGE_TRY(device_make(ctx, s));
    s->changed = s->ask_driver &&
                 (!s->accepted || strcmp(s->accepted, device_opinion_text(ctx, &s->device)) != 0);
    if (s->changed) {
        return edge_fail(ctx, EDGE_CONFLICT, "device '%s' is being changed by others",
                         s->device.name);
    }
    if (!s->existed) {
        metadata_stamp(ctx, &s->device.id, &s->device.created, &s->device.modified);
        EDGE_TRY(edge_store_add(ctx, meta->store, &DEVICES, &s->device));
        announce_device(ctx, meta, "add", s->device.service_name, &s->device);
        return EDGE_OK;
    }
    s->device.modified = edge_now_ms();
    EDGE_TRY(edge_store_update(ctx, meta->store, &DEVICES, &s->device));
    announce_device(ctx, meta, "update", s->device.service_name, &s->device);
    if (!same_text(s->before.service_name, s->device.service_name)) {
        announce_device(ctx, meta, "update", s->before.service_name, &s->device);
    }
    return EDGE_OK;
}

/* The driver is asked about the device as it would be now; if it would be another one by the time of
 * the answer, it is asked again. */
static enum edge_status device_change(struct device_step *s)
{
    struct metadata *meta = edge_call_state(s->call);
    struct edge_ctx *ctx = edge_call_ctx(s->call);
    enum edge_status st = EDGE_OK;
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        edge_ctx_clear(ctx);
        EDGE_TRY(device_make(ctx, s));
        if (s->ask_driver) {
            EDGE_TRY(device_accepted_by_driver(ctx, meta, &s->device));
            s->accepted = device_opinion_text(ctx, &s->device);
        }
        st = edge_store_change(ctx, meta->store, device_store, s);
        if (!s->changed) {
            break;
        }
    }
    return st;
}

static enum edge_status device_add(struct edge_call *call, void *object, struct edge_item *item)
{
    struct device_step step = {.call = call, .added = &((struct device_request *)object)->device};
    EDGE_TRY(device_change(&step));
    item->id = step.device.id;
    item->code = 201;
    return EDGE_OK;
}

enum edge_status devices_add(struct edge_call *call)
{
    return edge_each_decoded(call, &DEVICE_REQUEST, device_add);
}

static enum edge_status device_patch(struct edge_call *call, const cJSON *patch,
                                     struct edge_item *item)
{
    (void)item;
    struct device_step step = {.call = call, .patch = patch};
    return device_change(&step);
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
    struct edge_call *call;
    const char **names, **texts;
    size_t n, cap;
};

static void tree_put(struct edge_ctx *ctx, struct tree *t, const char *name, const char *text)
{
    size_t cap = t->cap; /* of both */
    edge_make_room(&ctx->arena, t->names, t->n, cap);
    edge_make_room(&ctx->arena, t->texts, t->n, t->cap);
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
    EDGE_TRY(metadata_gather(t->call, &query, &found));
    for (size_t i = 0; i < found.n && t->n < MAX_TREE; i++) {
        const cJSON *device = NULL;
        EDGE_TRY(edge_json_parse(ctx, found.texts[i], strlen(found.texts[i]), NULL, &device));
        EDGE_TRY(edge_reply_check(t->call));
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
    EDGE_TRY(edge_call_page(call, &page));
    struct tree t = {.call = call};
    EDGE_TRY(tree_collect(ctx, edge_call_state(call), &page, root, max_levels, &t));
    edge_reply_list_open(call, "devices", (int64_t)t.n);
    size_t end = page.limit == 0 ? t.n : (size_t)(page.offset + page.limit);
    for (size_t i = (size_t)page.offset; i < end && i < t.n; i++) {
        edge_reply_list_item(call);
        edge_buf_puts(edge_reply_body(call), t.texts[i]);
        EDGE_TRY(edge_reply_check(call));
    }
    return edge_reply_list_close(call);
}

enum edge_status devices_all(struct edge_call *call)
{
    int64_t max_levels = 0;
    EDGE_TRY(edge_call_param_int(call, "maxLevels", &max_levels));
    const char *root = edge_call_query(call, "descendantsOf");
    if (root && *root) {
        return reply_tree(call, root, max_levels);
    }
    struct edge_query query = {.collection = &DEVICES};
    return metadata_reply_page(call, "devices", &query);
}

/* ---- delete ------------------------------------------------------------------------------ */

static enum edge_status device_remove(struct edge_call *call)
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
    announce_device(ctx, meta, "delete", device.service_name, &device);
    return EDGE_OK;
}

enum edge_status device_delete(struct edge_call *call)
{
    return metadata_change(call, device_remove);
}
