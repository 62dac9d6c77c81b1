/* core-command: hands the commands of people and programs on to the device services, and tells
 * which commands there are. */
#include "core_command.h"

#include "command.h"

/* clang-format off */
static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct command_config, writable, "Writable", "May change while running.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct command_config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
};
static const struct edge_dto COMMAND_CONFIG = EDGE_DTO(struct command_config, "Configuration", config_fields);

#define API "/api/v3"
static const struct edge_route routes[] = {
    {"GET", API "/device/all", commands_all, "Commands of all devices, a page of them.", EDGE_ROUTE_WAITS, 0, NULL},
    {"GET", API "/device/name/{name}", commands_of_device, "Commands of one device.", EDGE_ROUTE_WAITS, 0, NULL},
    {"GET", API "/device/name/{name}/{command}", command_read, "Read from a device; answers the event.", EDGE_ROUTE_WAITS, 0, NULL},
    {"PUT", API "/device/name/{name}/{command}", command_write, "Write to a device: an object of resources and values.", EDGE_ROUTE_WAITS, 0, NULL},
};

static const struct edge_subscription subscriptions[] = {
    {"core/command/request/#", bus_command, "<device>/<command>/<get|set>: as GET and PUT of a command.", EDGE_SUB_WAITS},
    {"core/commandquery/request/#", bus_query, "<device|all>: which commands there are.", EDGE_SUB_WAITS},
};
/* clang-format on */

static enum edge_status command_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct command_state *cmd = rt->state;
    cmd->rt = rt;
    return edge_config_client_url(&ctx->arena, rt->base, METADATA)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "Clients has no " METADATA);
}

static const char default_config[] = "Service:\n"
                                     "  Port: 59882\n"
                                     "  StartupMsg: core-command is up\n"
                                     "MessageBus:\n"
                                     "  Optional:\n"
                                     "    ClientId: core-command\n"
                                     "Clients:\n"
                                     "  core-metadata:\n"
                                     "    Protocol: http\n"
                                     "    Host: localhost\n"
                                     "    Port: 59881\n";

const struct edge_service core_command = {
    .name = "core-command",
    .doc = "hands commands on to device services",
    .port = 59882,
    .state_size = sizeof(struct command_state),
    .config = &COMMAND_CONFIG,
    .writable_offset = offsetof(struct command_config, writable),
    .default_config = default_config,
    .routes = EDGE_TABLE(routes),
    .subscriptions = subscriptions,
    .n_subscriptions = sizeof(subscriptions) / sizeof(subscriptions[0]),
    .start = command_start,
};
