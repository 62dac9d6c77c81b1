/* What core-command asks core-metadata: devices, their services and profiles; and what it makes of
 * a profile: the list of commands a device offers. */
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "contracts/profile.h"
#include "edge/text.h"

enum { NO_TIMEOUT_MS = 60 * 1000 }; /* where RequestTimeout is off: nobody waits for ever */

/* The profiles met while one request is answered; devices of a kind share theirs. */
struct profiles_seen {
    struct profile_seen {
        struct profile_seen *next;
        struct device_profile profile;
    } * first;
};

int64_t command_deadline(const struct command_state *cmd, int64_t began_ms)
{
    int64_t timeout_ms = cmd->rt->request_timeout_ms;
    return began_ms + (timeout_ms > 0 ? timeout_ms : NO_TIMEOUT_MS);
}

static enum edge_status metadata_url(struct edge_ctx *ctx, const struct command_state *cmd,
                                     const char **ret)
{
    *ret = edge_peer_url(ctx, cmd->rt, METADATA);
    return *ret ? EDGE_OK
                : edge_fail(ctx, EDGE_UNAVAILABLE, "%s is neither registered nor one of Clients",
                            METADATA);
}

/* GET @p target of core-metadata, as a tree. */
static enum edge_status ask(struct edge_ctx *ctx, struct command_state *cmd, const char *target,
                            int64_t deadline_ms, const cJSON **ret)
{
    struct edge_http_request req = {.method = "GET", .target = target};
    const char *url;
    EDGE_TRY(metadata_url(ctx, cmd, &url));
    return edge_client_json(cmd->rt->client, ctx, url, &req, deadline_ms, ret);
}

/* The object below @p key of the answer to GET @p path<name>. */
static enum edge_status ask_object(struct edge_ctx *ctx, struct command_state *cmd,
                                   const char *path, const char *name, const char *key,
                                   const struct edge_dto *dto, int64_t deadline_ms, void *ret)
{
    const char *target =
        edge_printf(&ctx->arena, "%s%s", path, edge_name_escape(&ctx->arena, name));
    const cJSON *answer = NULL;
    EDGE_TRY(ask(ctx, cmd, target, deadline_ms, &answer));
    const cJSON *object = edge_json_member(answer, key, false);
    if (edge_dto_decode(ctx, dto, object, ret) != EDGE_OK) {
        return edge_wrap(ctx, EDGE_REMOTE, "cannot use the answer of core-metadata to %s", target);
    }
    return EDGE_OK;
}

enum edge_status lookup_device(struct edge_ctx *ctx, struct command_state *cmd, const char *name,
                               int64_t deadline_ms, struct device *ret)
{
    return ask_object(ctx, cmd, "/api/v3/device/name/", name, "device", &DEVICE, deadline_ms, ret);
}

enum edge_status lookup_address(struct edge_ctx *ctx, struct command_state *cmd,
                                const struct device *device, int64_t deadline_ms,
                                const char **ret_url)
{
    struct device_service service;
    EDGE_TRY(ask_object(ctx, cmd, "/api/v3/deviceservice/name/", device->service_name, "service",
                        &DEVICE_SERVICE, deadline_ms, &service));
    *ret_url = service.base_address;
    return EDGE_OK;
}

enum edge_status check_event_switch(struct edge_ctx *ctx, const char *value)
{
    if (value && *value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
        return edge_fail(ctx, EDGE_INVALID, "invalid query parameter, %s has to be true or false",
                         value);
    }
    return EDGE_OK;
}

/* ---- commands out of a profile ----------------------------------------------------------------
 */

static struct command_parameter parameter_of(const struct device_resource *resource)
{
    return (struct command_parameter){resource->name, VALUE_TYPES[resource->properties.value_type]};
}

static void command_address(struct edge_arena *a, const struct command_state *cmd,
                            const char *device, struct core_command *command)
{
    command->path = edge_printf(a, "/api/v3/device/name/%s/%s", device, command->name);
    command->url = edge_runtime_url(a, cmd->rt);
}

static struct core_command from_device_command(struct edge_arena *a,
                                               const struct device_profile *profile,
                                               const struct device_command *c)
{
    struct core_command command = {
        .name = c->name,
        .get = rw_can_read(c->read_write),
        .set = rw_can_write(c->read_write),
        .parameters = edge_new_n(a, struct command_parameter, c->n_operations),
    };
    for (size_t i = 0; i < c->n_operations; i++) {
        const struct device_resource *resource =
            profile_resource(profile, c->operations[i].device_resource);
        if (resource) {
            command.parameters[command.n_parameters++] = parameter_of(resource);
        }
    }
    return command;
}

static struct core_command from_resource(struct edge_arena *a, const struct device_resource *r)
{
    struct core_command command = {
        .name = r->name,
        .get = rw_can_read(r->properties.read_write),
        .set = rw_can_write(r->properties.read_write),
        .parameters = edge_new(a, struct command_parameter),
        .n_parameters = 1,
    };
    command.parameters[0] = parameter_of(r);
    return command;
}

/* The commands people see, then the resources they see that no such command hides. */
static struct device_core_command offer(struct edge_ctx *ctx, const struct command_state *cmd,
                                        const struct device *device,
                                        const struct device_profile *profile)
{
    struct edge_arena *a = &ctx->arena;
    struct device_core_command offered = {
        .device_name = device->name,
        .profile_name = device->profile_name,
        .core_commands =
            edge_new_n(a, struct core_command, profile->n_commands + profile->n_resources),
    };
    for (size_t i = 0; i < profile->n_commands; i++) {
        const struct device_command *c = &profile->commands[i];
        if (!c->is_hidden) {
            offered.core_commands[offered.n_core_commands++] = from_device_command(a, profile, c);
        }
    }
    for (size_t i = 0; i < profile->n_resources; i++) {
        const struct device_resource *r = &profile->resources[i];
        const struct device_command *same = profile_command(profile, r->name);
        if (!r->is_hidden && (!same || same->is_hidden)) {
            offered.core_commands[offered.n_core_commands++] = from_resource(a, r);
        }
    }
    for (size_t i = 0; i < offered.n_core_commands; i++) {
        command_address(a, cmd, device->name, &offered.core_commands[i]);
    }
    return offered;
}

static enum edge_status profile_of(struct edge_ctx *ctx, struct command_state *cmd,
                                   const struct device *device, int64_t deadline_ms,
                                   struct profiles_seen *seen, const struct device_profile **ret)
{
    for (struct profile_seen *s = seen->first; s; s = s->next) {
        if (strcmp(s->profile.name, device->profile_name) == 0) {
            *ret = &s->profile;
            return EDGE_OK;
        }
    }
    struct profile_seen *s = edge_new(&ctx->arena, struct profile_seen);
    EDGE_TRY(ask_object(ctx, cmd, "/api/v3/deviceprofile/name/", device->profile_name, "profile",
                        &DEVICE_PROFILE, deadline_ms, &s->profile));
    s->next = seen->first;
    seen->first = s;
    *ret = &s->profile;
    return EDGE_OK;
}

static bool has_profile(const struct device *device)
{
    return device->profile_name && *device->profile_name;
}

enum edge_status lookup_commands(struct edge_ctx *ctx, struct command_state *cmd, const char *name,
                                 int64_t deadline_ms, struct device_core_command *ret)
{
    struct device device;
    struct profiles_seen seen = {0};
    const struct device_profile *profile;
    EDGE_TRY(lookup_device(ctx, cmd, name, deadline_ms, &device));
    if (!has_profile(&device)) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "device '%s' has no profile", name);
    }
    EDGE_TRY(profile_of(ctx, cmd, &device, deadline_ms, &seen, &profile));
    *ret = offer(ctx, cmd, &device, profile);
    return EDGE_OK;
}

/* ---- lists -------------------------------------------------------------------------------------
 */

enum {
    PAGE = 100,         /* devices fetched at a time; of them, only what is offered is kept */
    MAX_TRIES = 3,      /* a list that changes meanwhile is begun again */
    DEFAULT_MOST = 1024 /* where nothing is configured */
};

struct list {
    struct edge_ctx *ctx; /* of the request; each page has its own */
    struct command_state *cmd;
    int64_t deadline_ms;
    size_t cap;
    struct profiles_seen seen;
    struct multi_device_core_commands_response *made;
};

static void list_add(struct edge_ctx *ctx, struct list *list, struct device_core_command offered)
{
    struct multi_device_core_commands_response *made = list->made;
    edge_make_room(&ctx->arena, made->device_core_commands, made->n_device_core_commands,
                   list->cap);
    made->device_core_commands[made->n_device_core_commands++] = offered;
}

static enum edge_status list_device(struct edge_ctx *ctx, struct command_state *cmd,
                                    struct list *list, struct device *device)
{
    const struct device_profile *profile;
    if (!has_profile(device)) {
        return EDGE_OK;
    }
    EDGE_TRY(profile_of(ctx, cmd, device, list->deadline_ms, &list->seen, &profile));
    device->name = edge_strdup(&ctx->arena, device->name);
    device->profile_name = profile->name;
    list_add(ctx, list, offer(ctx, cmd, device, profile));
    return edge_ctx_charge_arena(ctx);
}

static enum edge_status take_up(struct edge_ctx *page, const cJSON *item, void *arg)
{
    struct list *list = arg;
    struct device device;
    EDGE_TRY(edge_dto_decode(page, &DEVICE, item, &device));
    EDGE_TRY(edge_ctx_charge_arena(page));
    return list_device(list->ctx, list->cmd, list, &device);
}

/* *ret_whole: nothing came or went while it was read. */
static enum edge_status read_list(struct list *list, int64_t offset, int64_t limit, int64_t page,
                                  bool *ret_whole)
{
    struct edge_client_list pages = {
        .path = "/api/v3/device/all",
        .key = "devices",
        .offset = offset,
        .limit = limit,
        .page = page,
        .deadline_ms = list->deadline_ms,
        .visit = take_up,
        .arg = list,
    };
    EDGE_TRY(metadata_url(list->ctx, list->cmd, &pages.base_url));
    EDGE_TRY(edge_client_list(list->cmd->rt->client, list->ctx, &pages));
    list->made->total_count = pages.total;
    *ret_whole = !pages.changed;
    return EDGE_OK;
}

enum edge_status lookup_all_commands(struct edge_ctx *ctx, struct command_state *cmd,
                                     int64_t offset, int64_t limit, int64_t deadline_ms,
                                     struct multi_device_core_commands_response *ret)
{
    int64_t most = cmd->rt->base->service.max_result_count;
    most = most > 0 ? most : DEFAULT_MOST;
    limit = limit == -1 ? most : limit;
    int64_t page =
        limit < 0 || limit > most ? limit : PAGE; /* let core-metadata say what it says */
    bool whole = false;
    for (int tries = 0; !whole && tries < MAX_TRIES; tries++) {
        *ret = (struct multi_device_core_commands_response){.api_version = EDGE_API_VERSION,
                                                            .status_code = 200};
        struct list list = {.ctx = ctx, .cmd = cmd, .deadline_ms = deadline_ms, .made = ret};
        EDGE_TRY(read_list(&list, offset, limit, page, &whole));
    }
    return EDGE_OK;
}
