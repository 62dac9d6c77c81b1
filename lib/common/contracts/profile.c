/* Device profiles: tables, and the rules that tie commands to resources. */
#include "profile.h"

#include <string.h>

#include "edge/map.h"

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct resource_properties, m, __VA_ARGS__)
static const struct edge_field properties_fields[] = {
    F(value_type, "valueType", "Type of every reading; any case.", .flags = EDGE_REQUIRED | EDGE_ANY_CASE, .names = VALUE_TYPES, .fault = VALUE_TYPE_FAULT),
    F(read_write, "readWrite", "Allowed directions.", .flags = EDGE_REQUIRED, .names = READ_WRITES),
    F(units, "units", "Unit of measure."),
    F(minimum, "minimum", "Smallest value a write may have."),
    F(maximum, "maximum", "Largest value a write may have."),
    F(default_value, "defaultValue", "Written where a request names no value."),
    F(mask, "mask", "Bits kept of an integer reading."),
    F(shift, "shift", "Bits to shift an integer reading: right, negative left."),
    F(scale, "scale", "Factor of readings."),
    F(offset, "offset", "Added to readings after the factor."),
    F(base, "base", "Readings are exponents of this base."),
    F(assertion, "assertion", "Text a reading must equal, else the device goes DOWN."),
    F(media_type, "mediaType", "Of Binary values."),
    F(optional, "optional", "Free form.", .check = edge_check_object),
};
#undef F
static const struct edge_dto PROPERTIES = EDGE_DTO(struct resource_properties, "ResourceProperties", properties_fields);

#define F(m, ...) EDGE_FIELD(struct device_resource, m, __VA_ARGS__)
static const struct edge_field resource_fields[] = {
    F(description, "description", "For people."),
    F(name, "name", "Unique within the profile.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    F(is_hidden, "isHidden", "Not offered as a command.", .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct device_resource, properties, "properties", "What its values are.", &PROPERTIES),
    F(attributes, "attributes", "Where the driver finds it.", .check = edge_check_object),
    F(tags, "tags", "Copied to its readings.", .check = edge_check_object),
};
#undef F

#define F(m, ...) EDGE_FIELD(struct value_mapping, m, __VA_ARGS__)
static const struct edge_field mapping_fields[] = {
    F(from, NULL, "Text of the value.", .flags = EDGE_KEY),
    F(to, NULL, "Text instead of it.", .flags = EDGE_VALUE),
};
#undef F
static const struct edge_dto MAPPING = EDGE_DTO(struct value_mapping, "Mapping", mapping_fields);

#define F(m, ...) EDGE_FIELD(struct resource_operation, m, __VA_ARGS__)
static const struct edge_field operation_fields[] = {
    F(device_resource, "deviceResource", "Resource of the same profile.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    F(default_value, "defaultValue", "Written where a request names no value."),
    EDGE_MAP(struct resource_operation, mappings, "mappings", "Other texts for values.", &MAPPING),
};
#undef F
static const struct edge_dto OPERATION = EDGE_DTO(struct resource_operation, "ResourceOperation", operation_fields);

#define F(m, ...) EDGE_FIELD(struct device_command, m, __VA_ARGS__)
static const struct edge_field command_fields[] = {
    F(name, "name", "Unique within the profile.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    F(is_hidden, "isHidden", "Not offered by core-command.", .flags = EDGE_EMIT_EMPTY),
    F(read_write, "readWrite", "Allowed directions.", .flags = EDGE_REQUIRED, .names = READ_WRITES),
    EDGE_LIST(struct device_command, operations, "resourceOperations", "Done in this order.", &OPERATION, .flags = EDGE_REQUIRED | EDGE_NOT_EMPTY),
    F(tags, "tags", "Copied to its events.", .check = edge_check_object),
};
#undef F
/* clang-format on */
const struct edge_dto DEVICE_RESOURCE =
    EDGE_DTO(struct device_resource, "DeviceResource", resource_fields);
const struct edge_dto DEVICE_COMMAND =
    EDGE_DTO(struct device_command, "DeviceCommand", command_fields);

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct device_profile, m, __VA_ARGS__)
#define BASIC_ROWS                                                                                                                \
    F(created, "created", "When it was added, ms.", .flags = EDGE_READONLY),                                                      \
    F(modified, "modified", "When it was changed, ms.", .flags = EDGE_READONLY),                                                  \
    F(id, "id", "UUID; made by the service where none is given.", .flags = EDGE_READONLY, .check = edge_check_uuid),              \
    F(name, "name", "Unique among profiles.", .flags = EDGE_REQUIRED | EDGE_READONLY, .check = edge_check_not_blank),             \
    F(manufacturer, "manufacturer", "Maker of the device."),                                                                      \
    F(description, "description", "For people."),                                                                                 \
    F(model, "model", "Maker's model."),                                                                                          \
    EDGE_LIST(struct device_profile, labels, "labels", "Words to search by.", NULL),                                              \
    F(linked_device_count, "linkedDeviceCount", "Devices that follow it; counted, never taken.", .flags = EDGE_READONLY | EDGE_EMIT_EMPTY)
static const struct edge_field basic_info_fields[] = { BASIC_ROWS };
static const struct edge_field profile_fields[] = {
    BASIC_ROWS,
    EDGE_LIST(struct device_profile, resources, "deviceResources", "Values the device has.", &DEVICE_RESOURCE, .flags = EDGE_EMIT_EMPTY),
    EDGE_LIST(struct device_profile, commands, "deviceCommands", "Groups of resources.", &DEVICE_COMMAND, .flags = EDGE_EMIT_EMPTY),
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),
};
#undef F
static const struct edge_field profile_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct profile_request),
    EDGE_OBJECT(struct profile_request, profile, "profile", "The profile.", &DEVICE_PROFILE),
};
#define F(m, ...) EDGE_FIELD(struct profile_scan_request, m, __VA_ARGS__)
static const struct edge_field profile_scan_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct profile_scan_request),
    F(device_name, "deviceName", "Device to look at.", .flags = EDGE_REQUIRED),
    F(profile_name, "profileName", "Of the profile to make; `{deviceName}_profile_{ms since 1970}` where none is given."),
    F(options, "options", "For the driver."),
};
#undef F
/* clang-format on */
const struct edge_dto PROFILE_BASIC_INFO =
    EDGE_DTO(struct device_profile, "DeviceProfileBasicInfo", basic_info_fields);
const struct edge_dto DEVICE_PROFILE =
    EDGE_DTO(struct device_profile, "DeviceProfile", profile_fields, .check = profile_check);
const struct edge_dto PROFILE_REQUEST =
    EDGE_DTO(struct profile_request, "DeviceProfileRequest", profile_request_fields);
const struct edge_dto PROFILE_SCAN_REQUEST =
    EDGE_DTO(struct profile_scan_request, "ProfileScanRequest", profile_scan_fields);

const struct device_resource *profile_resource(const struct device_profile *p, const char *name)
{
    for (size_t i = 0; i < p->n_resources; i++) {
        if (strcmp(p->resources[i].name, name) == 0) {
            return &p->resources[i];
        }
    }
    return NULL;
}

const struct device_command *profile_command(const struct device_profile *p, const char *name)
{
    for (size_t i = 0; i < p->n_commands; i++) {
        if (strcmp(p->commands[i].name, name) == 0) {
            return &p->commands[i];
        }
    }
    return NULL;
}

/* ---- rules across members, in the order of the contract ------------------------------------ */

static enum edge_status check_resource(const struct device_resource *r, struct edge_map *resources,
                                       struct edge_scope *at)
{
    const struct resource_properties *p = &r->properties;
    if (p->value_type == VT_BINARY && rw_can_write(p->read_write)) {
        return edge_scope_fail(
            at, NULL, "write permission not support Binary value type for resource '%s'", r->name);
    }
    if (edge_map_put(resources, r->name, (void *)(uintptr_t)r)) {
        return edge_scope_fail(at, NULL, "device resource %s is duplicated", r->name);
    }
    return EDGE_OK;
}

static bool permits(unsigned resource_rw, unsigned command_rw)
{
    return resource_rw == RW_RW || resource_rw == RW_WR || resource_rw == command_rw;
}

static enum edge_status check_command(const struct device_command *c, struct edge_map *commands,
                                      const struct edge_map *resources, struct edge_scope *at)
{
    if (edge_map_put(commands, c->name, (void *)(uintptr_t)c)) {
        return edge_scope_fail(at, NULL, "device command %s is duplicated", c->name);
    }
    for (size_t i = 0; i < c->n_operations; i++) {
        const char *name = c->operations[i].device_resource;
        const struct device_resource *r = edge_map_find(resources, name);
        if (!r) {
            return edge_scope_fail(
                at, NULL, "device command's resource %s doesn't match any device resource", name);
        }
        if (!permits(r->properties.read_write, c->read_write)) {
            return edge_scope_fail(
                at, NULL,
                "device command's ReadWrite permission '%s' doesn't align the device resource",
                READ_WRITES[c->read_write]);
        }
    }
    return EDGE_OK;
}

enum edge_status profile_check(const void *profile, struct edge_scope *at)
{
    const struct device_profile *p = profile;
    EDGE_CLEANUP(edge_map_done) struct edge_map resources = EDGE_MAP_INIT;
    EDGE_CLEANUP(edge_map_done) struct edge_map commands = EDGE_MAP_INIT;
    for (size_t i = 0; i < p->n_resources; i++) {
        EDGE_TRY(check_resource(&p->resources[i], &resources, at));
    }
    for (size_t i = 0; i < p->n_commands; i++) {
        EDGE_TRY(check_command(&p->commands[i], &commands, &resources, at));
    }
    return EDGE_OK;
}
