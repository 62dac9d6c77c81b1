/** What core-command offers of a device (contract 3.3). */
#ifndef EDGE_CONTRACTS_COMMAND_H
#define EDGE_CONTRACTS_COMMAND_H

#include "edge/base.h"

struct command_parameter {
    const char *resource_name, *value_type;
};
struct core_command {
    const char *name, *path, *url;
    bool get, set;
    struct command_parameter *parameters;
    size_t n_parameters;
};
struct device_core_command {
    const char *device_name, *profile_name;
    struct core_command *core_commands;
    size_t n_core_commands;
};
struct device_core_command_response {
    const char *api_version, *request_id;
    int64_t status_code;
    struct device_core_command device_core_command;
};
struct multi_device_core_commands_response {
    const char *api_version, *request_id;
    int64_t status_code, total_count;
    struct device_core_command *device_core_commands; /* none: null (contract 6.1) */
    size_t n_device_core_commands;
};

extern const struct edge_dto DEVICE_CORE_COMMAND, DEVICE_CORE_COMMAND_RESPONSE,
    MULTI_DEVICE_CORE_COMMANDS_RESPONSE;

#endif
