/* Device services as core-metadata keeps them. */
#include "device.h"

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct device_service, m, __VA_ARGS__)
static const struct edge_field service_fields[] = {
    F(created, "created", "When it was added, ms.", .flags = EDGE_READONLY),
    F(modified, "modified", "When it was changed, ms.", .flags = EDGE_READONLY),
    F(id, "id", "UUID; made by the service where none is given.", .flags = EDGE_READONLY, .check = edge_check_uuid),
    F(name, "name", "Unique among device services.", .flags = EDGE_REQUIRED | EDGE_READONLY, .check = edge_check_not_blank),
    F(description, "description", "For people."),
    EDGE_LIST(struct device_service, labels, "labels", "Words to search by.", NULL),
    F(base_address, "baseAddress", "URI others reach it by.", .flags = EDGE_REQUIRED, .check = edge_check_uri),
    F(admin_state, "adminState", "Set by people: LOCKED refuses commands.", .flags = EDGE_REQUIRED, .names = ADMIN_STATES),
    F(properties, "properties", "Free form.", .flags = EDGE_EMIT_EMPTY, .check = edge_check_object),
};
#undef F
static const struct edge_field service_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct device_service_request),
    EDGE_OBJECT(struct device_service_request, service, "service", "The device service.", &DEVICE_SERVICE),
};
/* clang-format on */
const struct edge_dto DEVICE_SERVICE =
    EDGE_DTO(struct device_service, "DeviceService", service_fields);
const struct edge_dto DEVICE_SERVICE_REQUEST =
    EDGE_DTO(struct device_service_request, "AddDeviceServiceRequest", service_request_fields);
