/* Device commands as core-command offers them. */
#include "command.h"

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct command_parameter, m, __VA_ARGS__)
static const struct edge_field parameter_fields[] = {
    F(resource_name, "resourceName", "Key of the value in a request.", .flags = EDGE_EMIT_EMPTY),
    F(value_type, "valueType", "Type of the value.", .flags = EDGE_EMIT_EMPTY),
};
#undef F
static const struct edge_dto PARAMETER = EDGE_DTO(struct command_parameter, "CoreCommandParameter", parameter_fields);

#define F(m, ...) EDGE_FIELD(struct core_command, m, __VA_ARGS__)
static const struct edge_field core_command_fields[] = {
    F(name, "name", "Command or resource.", .flags = EDGE_REQUIRED),
    F(get, "get", "It can be read."),
    F(set, "set", "It can be written."),
    F(path, "path", "Path of the request."),
    F(url, "url", "Address of core-command."),
    EDGE_LIST(struct core_command, parameters, "parameters", "Values it reads or takes.", &PARAMETER),
};
#undef F
static const struct edge_dto CORE_COMMAND = EDGE_DTO(struct core_command, "CoreCommand", core_command_fields);

#define F(m, ...) EDGE_FIELD(struct device_core_command, m, __VA_ARGS__)
static const struct edge_field device_fields[] = {
    F(device_name, "deviceName", "The device.", .flags = EDGE_REQUIRED),
    F(profile_name, "profileName", "Its profile.", .flags = EDGE_EMIT_EMPTY),
    EDGE_LIST(struct device_core_command, core_commands, "coreCommands", "What it offers.", &CORE_COMMAND),
};
#undef F

#define F(m, ...) EDGE_FIELD(struct device_core_command_response, m, __VA_ARGS__)
static const struct edge_field response_fields[] = {
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),
    F(request_id, "requestId", "The request's."),
    F(status_code, "statusCode", "HTTP status.", .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct device_core_command_response, device_core_command, "deviceCoreCommand", "The device.", &DEVICE_CORE_COMMAND),
};
#undef F

#define F(m, ...) EDGE_FIELD(struct multi_device_core_commands_response, m, __VA_ARGS__)
static const struct edge_field multi_response_fields[] = {
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),
    F(request_id, "requestId", "The request's."),
    F(status_code, "statusCode", "HTTP status.", .flags = EDGE_EMIT_EMPTY),
    F(total_count, "totalCount", "Devices there are.", .flags = EDGE_EMIT_EMPTY),
    EDGE_LIST(struct multi_device_core_commands_response, device_core_commands, "deviceCoreCommands", "Of this page; null if none.", &DEVICE_CORE_COMMAND, .flags = EDGE_EMIT_NULL),
};
#undef F
/* clang-format on */
const struct edge_dto DEVICE_CORE_COMMAND =
    EDGE_DTO(struct device_core_command, "DeviceCoreCommand", device_fields);
const struct edge_dto DEVICE_CORE_COMMAND_RESPONSE =
    EDGE_DTO(struct device_core_command_response, "DeviceCoreCommandResponse", response_fields);
const struct edge_dto MULTI_DEVICE_CORE_COMMANDS_RESPONSE =
    EDGE_DTO(struct multi_device_core_commands_response, "MultiDeviceCoreCommandsResponse",
             multi_response_fields);
