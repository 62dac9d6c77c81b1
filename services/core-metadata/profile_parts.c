/* Parts of profiles: resources, commands and their tags (contract 4.1). Each change is made on the
 * whole profile, which is checked again as a whole before it is stored. */
#include <string.h>

#include "metadata.h"

/* ---- shapes of the requests ---------------------------------------------------------------- */

struct resource_request {
    struct edge_base_request base;
    const char *profile_name;
    struct device_resource resource;
};
struct command_request {
    struct edge_base_request base;
    const char *profile_name;
    struct device_command command;
};
/* What may change of a part; an absent member is NULL. */
struct part_change {
    const char *name, *description;
    const bool *is_hidden;
};
struct part_change_request {
    struct edge_base_request base;
    const char *profile_name;
    struct part_change part;
};
struct part_tags {
    const char *name;
    const cJSON *tags;
};
struct tags_request {
    struct edge_base_request base;
    struct part_tags *resources;
    size_t n_resources;
    struct part_tags *commands;
    size_t n_commands;
};

/* clang-format off */
#define PROFILE_NAME_ROW(T) EDGE_FIELD(T, profile_name, "profileName", "The profile to change.", .flags = EDGE_REQUIRED)
static const struct edge_field resource_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct resource_request),
    PROFILE_NAME_ROW(struct resource_request),
    EDGE_OBJECT(struct resource_request, resource, "resource", "The new resource.", &DEVICE_RESOURCE, .flags = EDGE_REQUIRED),
};
const struct edge_dto RESOURCE_REQUEST = EDGE_DTO(struct resource_request, "AddDeviceResourceRequest", resource_request_fields);

static const struct edge_field command_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct command_request),
    PROFILE_NAME_ROW(struct command_request),
    EDGE_OBJECT(struct command_request, command, "deviceCommand", "The new command.", &DEVICE_COMMAND, .flags = EDGE_REQUIRED),
};
const struct edge_dto COMMAND_REQUEST = EDGE_DTO(struct command_request, "AddDeviceCommandRequest", command_request_fields);

static const struct edge_field part_change_fields[] = {
    EDGE_FIELD(struct part_change, name, "name", "Which one.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    EDGE_FIELD(struct part_change, description, "description", "For people."),
    EDGE_FIELD(struct part_change, is_hidden, "isHidden", "Not offered as a command."),
};
static const struct edge_dto PART_CHANGE = EDGE_DTO(struct part_change, "PartChange", part_change_fields);

static const struct edge_field resource_change_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct part_change_request),
    PROFILE_NAME_ROW(struct part_change_request),
    EDGE_OBJECT(struct part_change_request, part, "resource", "What changes of a resource.", &PART_CHANGE, .flags = EDGE_REQUIRED),
};
const struct edge_dto RESOURCE_CHANGE_REQUEST = EDGE_DTO(struct part_change_request, "UpdateDeviceResourceRequest", resource_change_fields);

static const struct edge_field command_change_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct part_change_request),
    PROFILE_NAME_ROW(struct part_change_request),
    EDGE_OBJECT(struct part_change_request, part, "deviceCommand", "What changes of a command.", &PART_CHANGE, .flags = EDGE_REQUIRED),
};
const struct edge_dto COMMAND_CHANGE_REQUEST = EDGE_DTO(struct part_change_request, "UpdateDeviceCommandRequest", command_change_fields);

static const struct edge_field part_tags_fields[] = {
    EDGE_FIELD(struct part_tags, name, "name", "Resource or command.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    EDGE_FIELD(struct part_tags, tags, "tags", "Merged into the tags it has.", .flags = EDGE_REQUIRED),
};
static const struct edge_dto PART_TAGS = EDGE_DTO(struct part_tags, "Tags", part_tags_fields);

static const struct edge_field tags_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct tags_request),
    EDGE_LIST(struct tags_request, resources, "deviceResources", "Tags by resource.", &PART_TAGS),
    EDGE_LIST(struct tags_request, commands, "deviceCommands", "Tags by command.", &PART_TAGS),
};
const struct edge_dto TAGS_REQUEST = EDGE_DTO(struct tags_request, "UpdateTagsRequest", tags_request_fields);
/* clang-format on */

/* ---- steps ------------------------------------------------------------------------------- */

/* The tables hand out const parts of profiles that were decoded for us alone: these may change. */
static struct device_resource *own_resource(struct device_profile *profile, const char *name)
{
    const struct device_resource *found = profile_resource(profile, name);
    return found ? &profile->resources[found - profile->resources] : NULL;
}

static struct device_command *own_command(struct device_profile *profile, const char *name)
{
    const struct device_command *found = profile_command(profile, name);
    return found ? &profile->commands[found - profile->commands] : NULL;
}

static enum edge_status profile_load(struct edge_call *call, const char *name,
                                     struct device_profile *ret)
{
    return metadata_get(edge_call_ctx(call), edge_call_state(call), &PROFILES, "device profile",
                        name, ret);
}

/* A profile from which something may be removed. */
static enum edge_status profile_load_for_removal(struct edge_call *call, struct device_profile *ret)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *name = edge_call_param(call, "name");
    EDGE_TRY(profile_changes_allowed(ctx, meta));
    EDGE_TRY(profile_has_no_devices(ctx, meta, name, "update"));
    return profile_load(call, name, ret);
}

/* ---- resources --------------------------------------------------------------------------- */

enum edge_status resource_get(struct edge_call *call)
{
    struct device_profile profile;
    EDGE_TRY(profile_load(call, edge_call_param(call, "profileName"), &profile));
    const char *name = edge_call_param(call, "resourceName");
    const struct device_resource *resource = profile_resource(&profile, name);
    if (!resource) {
        return edge_fail(edge_call_ctx(call), EDGE_NOT_FOUND, "resource %s not exists", name);
    }
    return edge_reply_object(call, "resource", &DEVICE_RESOURCE, resource);
}

/** POST item: append a resource to a profile. */
static enum edge_status resource_add(struct edge_call *call, void *object, struct edge_item *item)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const struct resource_request *request = object;
    struct device_profile profile;
    EDGE_TRY(metadata_name_check(ctx, "device resource", request->resource.name));
    EDGE_TRY(profile_load(call, request->profile_name, &profile));
    EDGE_TRY(uom_check_resource(ctx, meta, &request->resource));
    struct device_resource *wider =
        edge_new_n(&ctx->arena, struct device_resource, profile.n_resources + 1);
    if (profile.n_resources > 0) {
        memcpy(wider, profile.resources, profile.n_resources * sizeof(*wider));
    }
    wider[profile.n_resources++] = request->resource;
    profile.resources = wider;
    item->code = 201;
    return profile_store_changed(ctx, meta, &profile);
}

enum edge_status resources_add(struct edge_call *call)
{
    return metadata_change_each(call, &RESOURCE_REQUEST, resource_add);
}

/** PATCH item: description and visibility of a resource. */
static enum edge_status resource_patch(struct edge_call *call, void *object, struct edge_item *item)
{
    (void)item;
    struct edge_ctx *ctx = edge_call_ctx(call);
    const struct part_change_request *request = object;
    struct device_profile profile;
    EDGE_TRY(profile_load(call, request->profile_name, &profile));
    struct device_resource *resource = own_resource(&profile, request->part.name);
    if (!resource) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "device resource not found");
    }
    if (request->part.description) {
        resource->description = request->part.description;
    }
    if (request->part.is_hidden) {
        resource->is_hidden = *request->part.is_hidden;
    }
    return profile_store_changed(ctx, edge_call_state(call), &profile);
}

enum edge_status resources_patch(struct edge_call *call)
{
    return metadata_change_each(call, &RESOURCE_CHANGE_REQUEST, resource_patch);
}

static enum edge_status resource_remove(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device_profile profile;
    EDGE_TRY(profile_load_for_removal(call, &profile));
    const char *name = edge_call_param(call, "resourceName");
    struct device_resource *resource = own_resource(&profile, name);
    if (!resource) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "device resource %s not found", name);
    }
    size_t after = profile.n_resources - (size_t)(resource - profile.resources) - 1;
    memmove(resource, resource + 1, after * sizeof(*resource));
    profile.n_resources--;
    EDGE_TRY(profile_store_changed(ctx, edge_call_state(call), &profile));
    return EDGE_OK;
}

enum edge_status resource_delete(struct edge_call *call)
{
    return metadata_change(call, resource_remove);
}

/* ---- commands ---------------------------------------------------------------------------- */

/** POST item: append a command to a profile. */
static enum edge_status command_add(struct edge_call *call, void *object, struct edge_item *item)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    const struct command_request *request = object;
    struct device_profile profile;
    EDGE_TRY(metadata_name_check(ctx, "device command", request->command.name));
    EDGE_TRY(profile_load(call, request->profile_name, &profile));
    struct device_command *wider =
        edge_new_n(&ctx->arena, struct device_command, profile.n_commands + 1);
    if (profile.n_commands > 0) {
        memcpy(wider, profile.commands, profile.n_commands * sizeof(*wider));
    }
    wider[profile.n_commands++] = request->command;
    profile.commands = wider;
    item->code = 201;
    return profile_store_changed(ctx, edge_call_state(call), &profile);
}

enum edge_status commands_add(struct edge_call *call)
{
    return metadata_change_each(call, &COMMAND_REQUEST, command_add);
}

/** PATCH item: visibility of a command. */
static enum edge_status command_patch(struct edge_call *call, void *object, struct edge_item *item)
{
    (void)item;
    struct edge_ctx *ctx = edge_call_ctx(call);
    const struct part_change_request *request = object;
    struct device_profile profile;
    EDGE_TRY(profile_load(call, request->profile_name, &profile));
    struct device_command *command = own_command(&profile, request->part.name);
    if (!command) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "device command not found");
    }
    if (request->part.is_hidden) {
        command->is_hidden = *request->part.is_hidden;
    }
    return profile_store_changed(ctx, edge_call_state(call), &profile);
}

enum edge_status commands_patch(struct edge_call *call)
{
    return metadata_change_each(call, &COMMAND_CHANGE_REQUEST, command_patch);
}

static enum edge_status command_remove(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device_profile profile;
    EDGE_TRY(profile_load_for_removal(call, &profile));
    const char *name = edge_call_param(call, "commandName");
    struct device_command *command = own_command(&profile, name);
    if (!command) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "device command %s not found", name);
    }
    size_t after = profile.n_commands - (size_t)(command - profile.commands) - 1;
    memmove(command, command + 1, after * sizeof(*command));
    profile.n_commands--;
    EDGE_TRY(profile_store_changed(ctx, edge_call_state(call), &profile));
    return EDGE_OK;
}

enum edge_status command_delete(struct edge_call *call)
{
    return metadata_change(call, command_remove);
}

/* ---- tags -------------------------------------------------------------------------------- */

/* Objects in both are merged, anything else is replaced. Depth is bounded by the JSON door. */
static void tags_merge_into(cJSON *into, const cJSON *from)
{
    for (const cJSON *member = from->child; member; member = member->next) {
        cJSON *old = cJSON_GetObjectItemCaseSensitive(into, member->string);
        if (cJSON_IsObject(old) && cJSON_IsObject(member)) {
            tags_merge_into(old, member);
            continue;
        }
        cJSON *copy = cJSON_Duplicate(member, true);
        if (old) {
            cJSON_ReplaceItemInObjectCaseSensitive(into, member->string, copy);
        } else {
            cJSON_AddItemToObject(into, member->string, copy);
        }
    }
}

static const cJSON *tags_merged(struct edge_ctx *ctx, const cJSON *old, const cJSON *more)
{
    cJSON *merged = edge_json_object(ctx);
    if (cJSON_IsObject(old)) {
        tags_merge_into(merged, old);
    }
    tags_merge_into(merged, more);
    return merged;
}

static enum edge_status tags_are_objects(struct edge_ctx *ctx, const struct part_tags *parts,
                                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!cJSON_IsObject(parts[i].tags) || !parts[i].tags->child) {
            return edge_fail(ctx, EDGE_INVALID,
                             "UpdateTagsRequest.tags of '%s' field should greater than 0",
                             parts[i].name);
        }
    }
    return EDGE_OK;
}

static enum edge_status profile_tags_merge(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct tags_request request;
    const cJSON *body = NULL;
    EDGE_TRY(edge_call_json(call, &body));
    EDGE_TRY(edge_dto_decode(ctx, &TAGS_REQUEST, body, &request));
    edge_call_set_request_id(call, request.base.request_id);
    EDGE_TRY(tags_are_objects(ctx, request.resources, request.n_resources));
    EDGE_TRY(tags_are_objects(ctx, request.commands, request.n_commands));

    struct device_profile profile;
    EDGE_TRY(profile_load(call, edge_call_param(call, "name"), &profile));
    for (size_t i = 0; i < request.n_resources; i++) {
        struct device_resource *r = own_resource(&profile, request.resources[i].name);
        if (r) {
            r->tags = tags_merged(ctx, r->tags, request.resources[i].tags);
        }
    }
    for (size_t i = 0; i < request.n_commands; i++) {
        struct device_command *c = own_command(&profile, request.commands[i].name);
        if (c) {
            c->tags = tags_merged(ctx, c->tags, request.commands[i].tags);
        }
    }
    return profile_store_changed(ctx, edge_call_state(call), &profile);
}

enum edge_status profile_tags_patch(struct edge_call *call)
{
    return metadata_change(call, profile_tags_merge);
}
