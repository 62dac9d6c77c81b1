/* Devices and their auto events, on the wire and in the files drivers bring along. */
#include "device.h"

static enum edge_status check_threshold(const void *value, struct edge_scope *at)
{
    if (*(const double *)value >= 0) {
        return EDGE_OK;
    }
    return edge_scope_fail(at, NULL, "field validation failed on the gte tag with value ''");
}

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct retention, m, __VA_ARGS__)
static const struct edge_field retention_fields[] = {
    F(max_cap, "maxCap", "Purge from this many readings on; 0: the service's default.", .flags = EDGE_EMIT_EMPTY),
    F(min_cap, "minCap", "Always keep this many; 0: the service's default.", .flags = EDGE_EMIT_EMPTY),
    F(duration, "duration", "Keep what is younger; empty: the service's default.", .flags = EDGE_EMIT_EMPTY, .check = edge_check_duration_0s),
};
#undef F
static const struct edge_dto RETENTION = EDGE_DTO(struct retention, "Retention", retention_fields);

#define F(m, ...) EDGE_FIELD(struct auto_event, m, __VA_ARGS__)
static const struct edge_field auto_event_fields[] = {
    F(interval, "interval", "Time between reads, at least 1ms.", .flags = EDGE_REQUIRED, .check = edge_check_duration_1ms),
    F(on_change, "onChange", "Send only what changed.", .flags = EDGE_EMIT_EMPTY),
    F(on_change_threshold, "onChangeThreshold", "A smaller difference of numbers is no change.", .flags = EDGE_EMIT_EMPTY, .check = check_threshold),
    F(source_name, "sourceName", "Resource, command, or pattern of resources.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    EDGE_OBJECT(struct auto_event, retention, "retention", "How long its events are kept.", &RETENTION),
};
#undef F
/* clang-format on */
const struct edge_dto AUTO_EVENT = EDGE_DTO(struct auto_event, "AutoEvent", auto_event_fields);

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct protocol, m, __VA_ARGS__)
static const struct edge_field protocol_fields[] = {
    F(name, NULL, "Name of the protocol.", .flags = EDGE_KEY),
    F(properties, NULL, "Address of the device.", .flags = EDGE_VALUE, .check = edge_check_object),
};
#undef F
static const struct edge_dto PROTOCOL = EDGE_DTO(struct protocol, "ProtocolProperties", protocol_fields);

/* On the wire the states and the service must be there; a driver's file may leave them out. */
#define F(m, ...) EDGE_FIELD(struct device, m, __VA_ARGS__)
#define DEVICE_ROWS(admin_rule, operating_rule, service_rule)                                                                     \
    F(created, "created", "When it was added, ms.", .flags = EDGE_READONLY),                                                      \
    F(modified, "modified", "When it was changed, ms.", .flags = EDGE_READONLY),                                                  \
    F(id, "id", "UUID; made by the service where none is given.", .flags = EDGE_READONLY, .check = edge_check_uuid),              \
    F(name, "name", "Unique among devices.", .flags = EDGE_REQUIRED | EDGE_READONLY, .check = edge_check_not_blank),              \
    F(parent, "parent", "Device it hangs below."),                                                                                \
    F(description, "description", "For people."),                                                                                 \
    F(admin_state, "adminState", "Set by people: LOCKED refuses commands.", admin_rule, .names = ADMIN_STATES),                   \
    F(operating_state, "operatingState", "Whether it answers.", operating_rule, .names = OPERATING_STATES),                       \
    EDGE_LIST(struct device, labels, "labels", "Words to search by.", NULL),                                                      \
    F(location, "location", "Free form."),                                                                                        \
    F(service_name, "serviceName", "Device service that owns it.", .check = edge_check_not_blank, service_rule),                  \
    F(profile_name, "profileName", "Profile it follows; may come later."),                                                        \
    EDGE_LIST(struct device, auto_events, "autoEvents", "Scheduled reads.", &AUTO_EVENT),                                         \
    EDGE_MAP(struct device, protocols, "protocols", "Addresses, by protocol.", &PROTOCOL, .flags = EDGE_REQUIRED),                \
    F(tags, "tags", "Copied to its events.", .check = edge_check_object),                                                         \
    F(properties, "properties", "Free form.", .flags = EDGE_EMIT_EMPTY, .check = edge_check_object)
static const struct edge_field device_fields[] = {
    DEVICE_ROWS(.flags = EDGE_REQUIRED, .flags = EDGE_REQUIRED, .flags = EDGE_REQUIRED),
};
static const struct edge_field file_device_fields[] = {
    DEVICE_ROWS(.def = "UNLOCKED", .def = "UP", .flags = 0),
};
#undef F
static const struct edge_field device_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct device_request),
    EDGE_OBJECT(struct device_request, device, "device", "The device.", &DEVICE),
};
/* clang-format on */
const struct edge_dto DEVICE = EDGE_DTO(struct device, "Device", device_fields);
const struct edge_dto DEVICE_REQUEST =
    EDGE_DTO(struct device_request, "AddDeviceRequest", device_request_fields);
static const struct edge_dto FILE_DEVICE = EDGE_DTO(struct device, "Device", file_device_fields);

/* clang-format off */
static const struct edge_field device_file_fields[] = {
    EDGE_LIST(struct device_file, devices, "deviceList", "Devices to add.", &FILE_DEVICE),
};
/* clang-format on */
const struct edge_dto DEVICE_FILE = EDGE_DTO(struct device_file, "devices", device_file_fields);

static void own_device(struct device *d, const char *service_name)
{
    d->service_name = d->service_name && *d->service_name ? d->service_name : service_name;
}

enum edge_status device_file_decode(struct edge_ctx *ctx, const cJSON *json,
                                    const char *service_name, struct device_file *ret)
{
    /* JSON files are the bare array. */
    cJSON member = {.type = cJSON_Array, .child = json->child, .string = (char[]){"deviceList"}};
    cJSON object = {.type = cJSON_Object, .child = &member};
    EDGE_TRY(edge_dto_decode(ctx, &DEVICE_FILE, cJSON_IsArray(json) ? &object : json, ret));
    for (size_t i = 0; i < ret->n_devices; i++) {
        own_device(&ret->devices[i], service_name);
    }
    return EDGE_OK;
}

enum edge_status device_file_item_decode(struct edge_ctx *ctx, const cJSON *item, size_t index,
                                         const char *service_name, struct device *ret)
{
    struct edge_dto there = FILE_DEVICE;
    there.name = edge_printf(&ctx->arena, "devices.deviceList[%zu]", index);
    EDGE_TRY(edge_dto_decode(ctx, &there, item, ret));
    own_device(ret, service_name);
    return EDGE_OK;
}
