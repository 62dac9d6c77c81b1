/* Device profiles as wholes: POST, PUT, upload, GET, DELETE /deviceprofile... (contract 4.1). Their
 * parts, resources and commands, are in profile_parts.c. */
#include <string.h>

#include "edge/clock.h"
#include "edge/map.h"
#include "edge/yaml.h"
#include "metadata.h"

/* ---- rules ------------------------------------------------------------------------------- */

enum edge_status profile_changes_allowed(struct edge_ctx *ctx, struct metadata *meta)
{
    if (metadata_writable(meta)->profile_change.strict_changes) {
        return edge_fail(ctx, EDGE_LOCKED,
                         "profile change is not allowed when StrictDeviceProfileChanges config is "
                         "enabled");
    }
    return EDGE_OK;
}

enum edge_status profile_has_no_devices(struct edge_ctx *ctx, struct metadata *meta,
                                        const char *name, const char *verb)
{
    bool used = false;
    EDGE_TRY(metadata_has(ctx, meta, &DEVICES, "profileName", name, &used));
    return used ? edge_fail(ctx, EDGE_CONFLICT,
                            "fail to %s the device profile when associated device exists", verb)
                : EDGE_OK;
}

/* ---- announcing -------------------------------------------------------------------------- */

static void announce_profile(struct edge_ctx *ctx, struct metadata *meta, const char *action,
                             const struct device_profile *profile)
{
    metadata_announce(ctx, meta, "deviceprofile", action, "core-metadata", profile->name,
                      &DEVICE_PROFILE, profile);
}

void profile_announce_update(struct edge_ctx *ctx, struct metadata *meta,
                             const struct device_profile *profile)
{
    announce_profile(ctx, meta, "update", profile);
    struct edge_query query = {.collection = &DEVICES,
                               .terms = {{"profileName", profile->name}},
                               .n_terms = 1,
                               .limit = -1};
    struct edge_texts found;
    if (edge_store_find(ctx, meta->store, &query, &found) != EDGE_OK) {
        edge_log_error(ctx, "owners of a changed profile not told", "profile", profile->name, NULL);
        return;
    }
    EDGE_CLEANUP(edge_map_done) struct edge_map told = EDGE_MAP_INIT;
    for (size_t i = 0; i < found.n; i++) {
        EDGE_CTX_SCOPE(turn);
        struct device device;
        if (edge_dto_decode_text(&turn, &DEVICE, found.texts[i], strlen(found.texts[i]), &device) ==
                EDGE_OK &&
            !edge_map_put(&told, device.service_name, meta)) {
            metadata_announce(ctx, meta, "deviceprofile", "update", device.service_name,
                              profile->name, &DEVICE_PROFILE, profile);
        }
    }
}

enum edge_status profile_store_changed(struct edge_ctx *ctx, struct metadata *meta,
                                       struct device_profile *profile)
{
    profile->modified = edge_now_ms();
    profile->linked_device_count = 0;
    EDGE_TRY(edge_dto_check(ctx, &DEVICE_PROFILE, profile));
    EDGE_TRY(edge_store_update(ctx, meta->store, &PROFILES, profile));
    profile_announce_update(ctx, meta, profile);
    return EDGE_OK;
}

/* ---- add and replace --------------------------------------------------------------------- */

static enum edge_status profile_part_names_check(struct edge_ctx *ctx,
                                                 const struct device_profile *profile)
{
    for (size_t i = 0; i < profile->n_resources; i++) {
        EDGE_TRY(metadata_name_check(ctx, "device resource", profile->resources[i].name));
    }
    for (size_t i = 0; i < profile->n_commands; i++) {
        EDGE_TRY(metadata_name_check(ctx, "device command", profile->commands[i].name));
    }
    return EDGE_OK;
}

static enum edge_status profile_insert(struct edge_ctx *ctx, struct metadata *meta,
                                       struct device_profile *profile)
{
    EDGE_TRY(metadata_name_check(ctx, "device profile", profile->name));
    EDGE_TRY(profile_part_names_check(ctx, profile));
    EDGE_TRY(uom_check_profile(ctx, meta, profile));
    bool exists = false;
    EDGE_TRY(metadata_has(ctx, meta, &PROFILES, "name", profile->name, &exists));
    if (exists) {
        return edge_fail(ctx, EDGE_CONFLICT, "device profile name %s already exists",
                         profile->name);
    }
    metadata_stamp(ctx, &profile->id, &profile->created, &profile->modified);
    profile->linked_device_count = 0;
    EDGE_TRY(edge_store_add(ctx, meta->store, &PROFILES, profile));
    announce_profile(ctx, meta, "add", profile);
    return EDGE_OK;
}

/* Full replacement by name; what the request leaves out of id and created is kept. */
static enum edge_status profile_replace(struct edge_ctx *ctx, struct metadata *meta,
                                        struct device_profile *profile)
{
    EDGE_TRY(profile_part_names_check(ctx, profile));
    EDGE_TRY(uom_check_profile(ctx, meta, profile));
    struct device_profile stored;
    enum edge_status st =
        edge_store_get(ctx, meta->store, &PROFILES, "name", profile->name, &stored);
    if (st == EDGE_NOT_FOUND) {
        return edge_fail(ctx, st, "device profile '%s' does not exist", profile->name);
    }
    EDGE_TRY(st);
    profile->id = stored.id;
    profile->created = profile->created ? profile->created : stored.created;
    return profile_store_changed(ctx, meta, profile);
}

/** POST item: add one profile. */
static enum edge_status profile_add(struct edge_call *call, void *object, struct edge_item *item)
{
    struct device_profile *profile = &((struct profile_request *)object)->profile;
    EDGE_TRY(profile_insert(edge_call_ctx(call), edge_call_state(call), profile));
    item->id = profile->id;
    item->code = 201;
    return EDGE_OK;
}

/** PUT item: replace one profile. */
static enum edge_status profile_put(struct edge_call *call, void *object, struct edge_item *item)
{
    (void)item;
    struct device_profile *profile = &((struct profile_request *)object)->profile;
    return profile_replace(edge_call_ctx(call), edge_call_state(call), profile);
}

enum edge_status profiles_add(struct edge_call *call)
{
    return metadata_change_each(call, &PROFILE_REQUEST, profile_add);
}

enum edge_status profiles_put(struct edge_call *call)
{
    EDGE_TRY(profile_changes_allowed(edge_call_ctx(call), edge_call_state(call)));
    return metadata_change_each(call, &PROFILE_REQUEST, profile_put);
}

/* ---- upload ------------------------------------------------------------------------------ */

static enum edge_status profile_from_file(struct edge_call *call, struct device_profile *ret)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *text = NULL;
    size_t len = 0;
    EDGE_TRY(upload_file(call, &text, &len));
    const cJSON *tree = NULL;
    enum edge_status st = edge_yaml_parse(ctx, text, len, NULL, &tree);
    if (st == EDGE_OK) {
        st = edge_dto_decode(ctx, &DEVICE_PROFILE, tree, ret);
    }
    if (st != EDGE_OK && ctx->busy) {
        return st;
    }
    if (st != EDGE_OK) {
        /* The official words in front; what is wrong and where stays visible to the person. */
        const char *why = edge_strdup(&ctx->arena, edge_ctx_message(ctx, st));
        edge_ctx_clear(ctx);
        return edge_fail(ctx, EDGE_INVALID, "*dtos.DeviceProfile yaml decoding failed: %s", why);
    }
    ret->created = ret->modified = 0; /* not the file's to say */
    return EDGE_OK;
}

/* A profile on its way into the store. */
struct profile_step {
    struct metadata *meta;
    struct device_profile profile;
};

static enum edge_status profile_insert_step(struct edge_ctx *ctx, void *arg)
{
    struct profile_step *step = arg;
    return profile_insert(ctx, step->meta, &step->profile);
}

static enum edge_status profile_replace_step(struct edge_ctx *ctx, void *arg)
{
    struct profile_step *step = arg;
    return profile_replace(ctx, step->meta, &step->profile);
}

enum edge_status profile_upload(struct edge_call *call)
{
    struct profile_step step = {.meta = edge_call_state(call)};
    EDGE_TRY(profile_from_file(call, &step.profile));
    EDGE_TRY(edge_store_change(edge_call_ctx(call), step.meta->store, profile_insert_step, &step));
    return edge_reply_id(call, step.profile.id);
}

enum edge_status profile_reupload(struct edge_call *call)
{
    struct profile_step step = {.meta = edge_call_state(call)};
    EDGE_TRY(profile_changes_allowed(edge_call_ctx(call), step.meta));
    EDGE_TRY(profile_from_file(call, &step.profile));
    EDGE_TRY(edge_store_change(edge_call_ctx(call), step.meta->store, profile_replace_step, &step));
    return edge_reply_base(call, 200, NULL);
}

/* ---- basic information ------------------------------------------------------------------- */

/** PATCH item: manufacturer, description, model, labels; allowed even in strict mode. */
static enum edge_status profile_basic_patch(struct edge_call *call, const cJSON *patch,
                                            struct edge_item *item)
{
    (void)item;
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device_profile profile;
    EDGE_TRY(metadata_get_patched(ctx, meta, &PROFILES, "device profile", patch, &profile));
    EDGE_TRY(edge_dto_patch(ctx, &PROFILE_BASIC_INFO, patch, &profile));
    return profile_store_changed(ctx, meta, &profile);
}

enum edge_status profiles_basic_patch(struct edge_call *call)
{
    return metadata_change_patched(call, "basicinfo", &PROFILE_BASIC_INFO, profile_basic_patch);
}

/* ---- read -------------------------------------------------------------------------------- */

enum edge_status profile_get(struct edge_call *call)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device_profile profile;
    EDGE_TRY(metadata_get(ctx, meta, &PROFILES, "device profile", edge_call_param(call, "name"),
                          &profile));
    EDGE_TRY(metadata_count(ctx, meta, &DEVICES, "profileName", profile.name,
                            &profile.linked_device_count));
    return edge_reply_object(call, "profile", &DEVICE_PROFILE, &profile);
}

/* A page of profiles with their count of devices, which is not stored. */
static enum edge_status reply_profiles(struct edge_call *call, const struct edge_dto *dto)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct edge_page page;
    EDGE_TRY(edge_call_page(call, &page));
    struct edge_query query = {.collection = &PROFILES,
                               .labels = page.labels,
                               .n_labels = page.n_labels,
                               .offset = page.offset};
    int64_t total = 0;
    EDGE_TRY(edge_store_count(ctx, meta->store, &query, &total));
    EDGE_TRY(edge_page_check(ctx, &page, total, &query.limit));
    struct edge_texts found = {0};
    if (query.limit > 0) {
        EDGE_TRY(metadata_gather(call, &query, &found));
    }
    edge_reply_list_open(call, "profiles", total);
    for (size_t i = 0; i < found.n; i++) {
        EDGE_CTX_SCOPE(turn);
        struct device_profile profile;
        if (edge_dto_decode_text(&turn, &DEVICE_PROFILE, found.texts[i], strlen(found.texts[i]),
                                 &profile) != EDGE_OK) {
            return edge_fail(ctx, EDGE_INTERNAL, "stored profile cannot be read");
        }
        EDGE_TRY(metadata_count(ctx, meta, &DEVICES, "profileName", profile.name,
                                &profile.linked_device_count));
        edge_reply_list_item(call);
        edge_dto_encode(dto, &profile, EDGE_JSON, edge_reply_body(call));
        EDGE_TRY(edge_reply_check(call));
    }
    return edge_reply_list_close(call);
}

enum edge_status profiles_all(struct edge_call *call)
{
    return reply_profiles(call, &DEVICE_PROFILE);
}

enum edge_status profiles_basic_all(struct edge_call *call)
{
    return reply_profiles(call, &PROFILE_BASIC_INFO);
}

enum edge_status profiles_by_model(struct edge_call *call)
{
    struct edge_query query = {.collection = &PROFILES,
                               .terms = {{"model", edge_call_param(call, "model")}},
                               .n_terms = 1};
    return metadata_reply_page(call, "profiles", &query);
}

enum edge_status profiles_by_manufacturer(struct edge_call *call)
{
    struct edge_query query = {.collection = &PROFILES,
                               .terms = {{"manufacturer", edge_call_param(call, "manufacturer")}},
                               .n_terms = 1};
    return metadata_reply_page(call, "profiles", &query);
}

enum edge_status profiles_by_manufacturer_and_model(struct edge_call *call)
{
    struct edge_query query = {
        .collection = &PROFILES,
        .terms = {{"manufacturer", edge_call_param(call, "manufacturer")},
                  {"model", edge_call_param(call, "model")}},
        .n_terms = 2
    };
    return metadata_reply_page(call, "profiles", &query);
}

/* ---- delete ------------------------------------------------------------------------------ */

static enum edge_status profile_remove(struct edge_call *call)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *name = edge_call_param(call, "name");
    if (metadata_writable(meta)->profile_change.strict_deletes) {
        return edge_fail(
            ctx, EDGE_LOCKED,
            "profile deletion is not allowed when StrictDeviceProfileDeletes config is "
            "enabled");
    }
    struct device_profile profile;
    EDGE_TRY(metadata_get(ctx, meta, &PROFILES, "device profile", name, &profile));
    EDGE_TRY(profile_has_no_devices(ctx, meta, name, "delete"));
    bool watched = false;
    EDGE_TRY(metadata_has(ctx, meta, &WATCHERS, "discoveredDevice.profileName", name, &watched));
    if (watched) {
        return edge_fail(
            ctx, EDGE_CONFLICT,
            "fail to delete the device profile when associated provisionWatcher exists");
    }
    EDGE_TRY(edge_store_remove(ctx, meta->store, &PROFILES, "name", name));
    announce_profile(ctx, meta, "delete", &profile);
    return EDGE_OK;
}

enum edge_status profile_delete(struct edge_call *call)
{
    return metadata_change(call, profile_remove);
}
