/** Device profiles (contract 3.3). */
#ifndef EDGE_CONTRACTS_PROFILE_H
#define EDGE_CONTRACTS_PROFILE_H

#include "edge/base.h"
#include "states.h"
#include "value.h"

struct resource_properties {
    unsigned value_type; /* enum value_type */
    unsigned read_write; /* enum read_write */
    const char *units, *default_value, *assertion, *media_type;
    const double *minimum, *maximum, *scale, *offset, *base;
    const uint64_t *mask;
    const int64_t *shift;
    const cJSON *optional;
};
struct device_resource {
    const char *description, *name;
    bool is_hidden;
    struct resource_properties properties;
    const cJSON *attributes, *tags;
};
struct value_mapping {
    const char *from, *to;
};
struct resource_operation {
    const char *device_resource, *default_value;
    struct value_mapping *mappings;
    size_t n_mappings;
};
struct device_command {
    const char *name;
    bool is_hidden;
    unsigned read_write;
    struct resource_operation *operations;
    size_t n_operations;
    const cJSON *tags;
};
struct device_profile {
    int64_t created, modified; /* ms since 1970 */
    const char *id, *name, *manufacturer, *description, *model;
    const char **labels;
    size_t n_labels;
    int64_t linked_device_count;
    struct device_resource *resources;
    size_t n_resources;
    struct device_command *commands;
    size_t n_commands;
    const char *api_version;
};
struct profile_request {
    struct edge_base_request base;
    struct device_profile profile;
};
/** Asks a device service to find out what a device has (contract 10.1). */
struct profile_scan_request {
    struct edge_base_request base;
    const char *device_name, *profile_name; /* profile_name NULL: the service makes one up */
    const cJSON *options;
};
extern const struct edge_dto DEVICE_RESOURCE, DEVICE_COMMAND, DEVICE_PROFILE, PROFILE_REQUEST;
extern const struct edge_dto PROFILE_SCAN_REQUEST;
/** A profile without resources, commands and apiVersion; the same struct. */
extern const struct edge_dto PROFILE_BASIC_INFO;

const struct device_resource *profile_resource(const struct device_profile *p, const char *name);
const struct device_command *profile_command(const struct device_profile *p, const char *name);
/** The rules across members (contract 3.3, in its order), also run by decoding. */
enum edge_status profile_check(const void *profile, struct edge_scope *at);

#endif
