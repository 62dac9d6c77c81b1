/* core-command: hands the commands of people and programs on to the device services, and tells
 * which commands there are. */
#include "core_command.h"

#include "command.h"
#include "contracts/event.h"

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct external_topics, m, __VA_ARGS__)
static const struct edge_field topics_fields[] = {
    F(request, "CommandRequestTopic", "`{device}/{command}/get` or `set` in place of #.", .flags = EDGE_EMIT_EMPTY, .def = "edgex/command/request/#"),
    F(response_prefix, "CommandResponseTopicPrefix", "Before `{device}/{command}/get` or `set`, for answers.", .flags = EDGE_EMIT_EMPTY, .def = "edgex/command/response"),
    F(query_request, "CommandQueryRequestTopic", "`{device}` or `all` in place of #.", .flags = EDGE_EMIT_EMPTY, .def = "edgex/commandquery/request/#"),
    F(query_response, "CommandQueryResponseTopic", "Answers to queries.", .flags = EDGE_EMIT_EMPTY, .def = "edgex/commandquery/response"),
};
#undef F
static const struct edge_dto EXTERNAL_TOPICS = EDGE_DTO(struct external_topics, "Topics", topics_fields);

#define F(m, ...) EDGE_FIELD(struct external_mqtt, m, __VA_ARGS__)
static const struct edge_field external_mqtt_fields[] = {
    F(enabled, "Enabled", "Take commands from a broker outside.", .flags = EDGE_EMIT_EMPTY, .def = "false"),
    F(url, "Url", "Of that broker: tcp, mqtt, ssl, tls or mqtts.", .flags = EDGE_EMIT_EMPTY, .def = "tcp://localhost:1883"),
    F(client_id, "ClientId", "Nobody else's at that broker.", .flags = EDGE_EMIT_EMPTY, .def = "ex-core-command"),
    F(connect_timeout, "ConnectTimeout", "For the broker's answer to a connection.", .flags = EDGE_EMIT_EMPTY, .def = "5s", .check = edge_check_duration_0s),
    F(auto_reconnect, "AutoReconnect", "A broker that is away is waited for in any case.", .flags = EDGE_EMIT_EMPTY, .def = "true"),
    F(keep_alive, "KeepAlive", "Seconds between signs of life.", .flags = EDGE_EMIT_EMPTY, .def = "10", .min = 0, .max = 65535),
    F(qos, "QoS", "Of requests and answers: 0, 1 or 2.", .flags = EDGE_EMIT_EMPTY, .def = "0", .min = 0, .max = 2),
    F(retain, "Retain", "Whether the broker keeps answers.", .flags = EDGE_EMIT_EMPTY, .def = "true"),
    F(skip_cert_verify, "SkipCertVerify", "Trust any broker.", .flags = EDGE_EMIT_EMPTY, .def = "false"),
    F(secret_name, "SecretName", "Of the secret with what AuthMode takes.", .flags = EDGE_EMIT_EMPTY, .def = "mqtt"),
    F(auth_mode, "AuthMode", "How to show who one is: usernamepassword, clientcert, cacert or none.", .flags = EDGE_EMIT_EMPTY, .def = "none", .names = EDGE_AUTH_MODES),
    EDGE_OBJECT(struct external_mqtt, topics, "Topics", "Where commands come and answers go.", &EXTERNAL_TOPICS),
};
#undef F
static const struct edge_dto EXTERNAL_MQTT = EDGE_DTO(struct external_mqtt, "ExternalMQTT", external_mqtt_fields);

static const struct edge_field external_command_fields[] = {
    EDGE_FIELD(struct external_command, max_concurrent_requests, "MaxConcurrentRequests", "More at a time are told that core-command is busy; below 1: 32.", .flags = EDGE_EMIT_EMPTY, .def = "32"),
};
static const struct edge_dto EXTERNAL_COMMAND = EDGE_DTO(struct external_command, "ExternalCommand", external_command_fields);

static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct command_config, writable, "Writable", "Switches, limits, secrets, metrics.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct command_config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_FIELD(struct command_config, databases, "Databases", "Means nothing: core-command keeps nothing.", .flags = EDGE_EMIT_NULL),
    EDGE_OBJECT(struct command_config, external_mqtt, "ExternalMQTT", "Commands over a broker outside.", &EXTERNAL_MQTT),
    EDGE_OBJECT(struct command_config, external_command, "ExternalCommand", "Bounds of commands from outside.", &EXTERNAL_COMMAND),
};
static const struct edge_dto COMMAND_CONFIG = EDGE_DTO(struct command_config, "Configuration", config_fields);

#define API "/api/v3"
static const char *const TRUE_OR_FALSE[] = {"true", "false", NULL};
/* They go to the device service with all the others. */
static const struct edge_param READ_PARAMS[] = {
    {"ds-pushevent", EDGE_P_TEXT, "true: the event goes to the message bus too.", TRUE_OR_FALSE},
    {"ds-returnevent", EDGE_P_TEXT, "false: the answer is empty.", TRUE_OR_FALSE},
    {"ds-regexcmd", EDGE_P_TEXT, "false: the command's name is no pattern."},
    {"jsonObject", EDGE_P_TEXT, "For the driver: a JSON object, base64url."},
    {NULL},
};
#define COMMAND API "/device/name/{name}/{command}"
static const struct edge_route routes[] = {
    {"GET", API "/device/all", commands_all, "Commands of all devices, a page of them.", EDGE_ROUTE_WAITS, .params = EDGE_PAGE_PARAMS, .answer = {EDGE_B_DTO, .dto = &MULTI_DEVICE_CORE_COMMANDS_RESPONSE}, .roles = EDGE_FOR_READERS},
    {"GET", API "/device/name/{name}", commands_of_device, "Commands of one device.", EDGE_ROUTE_WAITS, .answer = {EDGE_B_OBJECT, "deviceCoreCommand", &DEVICE_CORE_COMMAND}, .fails = "404", .roles = EDGE_FOR_READERS},
    {"GET", COMMAND, command_read, "Read from a device; answers the event.", EDGE_ROUTE_WAITS, .params = READ_PARAMS, .answer = {EDGE_B_DTO, .dto = &EVENT_RESPONSE, .optional = true}, .fails = "404 405 423", .roles = EDGE_FOR_OPERATORS},
    {"PUT", COMMAND, command_write, "Write to a device: an object of resources and values.", EDGE_ROUTE_WAITS, .request = {EDGE_B_ANY}, .answer = {EDGE_B_BASE}, .fails = "404 405 423", .roles = EDGE_FOR_OPERATORS},
};

static const struct edge_subscription subscriptions[] = {
    {"core/command/request/#", bus_command, "`{device}/{command}/get` or `set`: as GET and PUT of a command.", EDGE_SUB_WAITS | EDGE_SUB_REQUESTS},
    {"core/commandquery/request/#", bus_query, "`{device}` or `all`: which commands there are.", EDGE_SUB_WAITS | EDGE_SUB_REQUESTS},
};
/* clang-format on */

static enum edge_status command_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct command_state *cmd = rt->state;
    cmd->rt = rt;
    if (!rt->options->registry && !edge_config_client_url(&ctx->arena, rt->base, METADATA)) {
        return edge_fail(ctx, EDGE_INVALID, "Clients has no " METADATA);
    }
    enum edge_status st = external_create(ctx, cmd);
    if (st == EDGE_OK || !rt->options->config_provider) {
        return st;
    }
    /* A value somebody has put in core-keeper must not keep everybody from their devices. */
    edge_log_error(ctx, "no commands from the broker outside", "reason", edge_ctx_message(ctx, st),
                   NULL);
    edge_ctx_clear(ctx);
    return EDGE_OK;
}

static enum edge_status command_ready(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    return external_open(ctx, rt->state);
}

static void command_quiesce(const struct edge_runtime *rt)
{
    external_quiesce(rt->state);
}

static void command_stop(const struct edge_runtime *rt)
{
    struct command_state *cmd = rt->state;
    external_free(cmd);
    edge_arena_done(&cmd->arena);
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
    .ready = command_ready,
    .quiesce = command_quiesce,
    .stop = command_stop,
};
