/* Provision watchers: which discovered devices are taken in, and with what. */
#include "device.h"

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct watch_identifier, m, __VA_ARGS__)
static const struct edge_field identifier_fields[] = {
    F(key, NULL, "Protocol property.", .flags = EDGE_KEY | EDGE_REQUIRED),
    F(pattern, NULL, "Regular expression its value matches.", .flags = EDGE_VALUE | EDGE_REQUIRED),
};
#undef F
static const struct edge_dto IDENTIFIER = EDGE_DTO(struct watch_identifier, "Identifier", identifier_fields);

static const struct edge_field blocking_fields[] = {
    EDGE_FIELD(struct watch_blocking, key, NULL, "Protocol property.", .flags = EDGE_KEY),
    EDGE_LIST(struct watch_blocking, values, NULL, "Values that keep a device out.", NULL, .flags = EDGE_VALUE),
};
static const struct edge_dto BLOCKING = EDGE_DTO(struct watch_blocking, "BlockingIdentifier", blocking_fields);

#define F(m, ...) EDGE_FIELD(struct discovered_device, m, __VA_ARGS__)
static const struct edge_field discovered_fields[] = {
    F(profile_name, "profileName", "Profile of the new device."),
    F(admin_state, "adminState", "State of the new device.", .flags = EDGE_REQUIRED, .names = ADMIN_STATES),
    EDGE_LIST(struct discovered_device, auto_events, "autoEvents", "Scheduled reads.", &AUTO_EVENT),
    F(properties, "properties", "Free form.", .flags = EDGE_EMIT_EMPTY, .check = edge_check_object),
};
#undef F
static const struct edge_dto DISCOVERED = EDGE_DTO(struct discovered_device, "DiscoveredDevice", discovered_fields);

#define F(m, ...) EDGE_FIELD(struct provision_watcher, m, __VA_ARGS__)
static const struct edge_field watcher_fields[] = {
    F(created, "created", "When it was added, ms.", .flags = EDGE_READONLY),
    F(modified, "modified", "When it was changed, ms.", .flags = EDGE_READONLY),
    F(id, "id", "UUID; made by the service where none is given.", .flags = EDGE_READONLY, .check = edge_check_uuid),
    F(name, "name", "Unique among watchers.", .flags = EDGE_REQUIRED | EDGE_READONLY, .check = edge_check_not_blank),
    F(service_name, "serviceName", "Device service that discovers.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    EDGE_LIST(struct provision_watcher, labels, "labels", "Words to search by.", NULL),
    EDGE_MAP(struct provision_watcher, identifiers, "identifiers", "All must match.", &IDENTIFIER, .flags = EDGE_REQUIRED | EDGE_NOT_EMPTY),
    EDGE_MAP(struct provision_watcher, blocking_identifiers, "blockingIdentifiers", "None may match.", &BLOCKING),
    F(admin_state, "adminState", "LOCKED: it rests.", .flags = EDGE_REQUIRED, .names = ADMIN_STATES),
    EDGE_OBJECT(struct provision_watcher, discovered_device, "discoveredDevice", "What a new device gets.", &DISCOVERED),
};
#undef F
static const struct edge_field watcher_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct provision_watcher_request),
    EDGE_OBJECT(struct provision_watcher_request, watcher, "provisionWatcher", "The watcher.", &PROVISION_WATCHER),
};
/* clang-format on */
const struct edge_dto PROVISION_WATCHER =
    EDGE_DTO(struct provision_watcher, "ProvisionWatcher", watcher_fields);
const struct edge_dto PROVISION_WATCHER_REQUEST = EDGE_DTO(
    struct provision_watcher_request, "AddProvisionWatcherRequest", watcher_request_fields);
