/** Devices, device services, provision watchers (contract 3.3). */
#ifndef EDGE_CONTRACTS_DEVICE_H
#define EDGE_CONTRACTS_DEVICE_H

#include "edge/base.h"
#include "states.h"

struct retention {
    int64_t max_cap, min_cap;
    const char *duration;
};
struct auto_event {
    const char *interval, *source_name;
    bool on_change;
    double on_change_threshold;
    struct retention retention;
};
struct protocol {
    const char *name;
    const cJSON *properties; /* object */
};
struct device {
    int64_t created, modified; /* ms since 1970 */
    const char *id, *name, *parent, *description;
    unsigned admin_state, operating_state;
    const char **labels;
    size_t n_labels;
    const cJSON *location;
    const char *service_name, *profile_name;
    struct auto_event *auto_events;
    size_t n_auto_events;
    struct protocol *protocols;
    size_t n_protocols;
    const cJSON *tags, *properties;
};
struct device_request {
    struct edge_base_request base;
    struct device device;
};

/** A driver's file of devices: YAML {deviceList: [...]}, or a JSON array. */
struct device_file {
    struct device *devices;
    size_t n_devices;
};
/** States left out are UNLOCKED and UP, a service left out is @p service_name. */
enum edge_status device_file_decode(struct edge_ctx *ctx, const cJSON *json,
                                    const char *service_name, struct device_file *ret);
/** One element of it alone; faults are told as those of element @p index. */
enum edge_status device_file_item_decode(struct edge_ctx *ctx, const cJSON *item, size_t index,
                                         const char *service_name, struct device *ret);

struct device_service {
    int64_t created, modified;
    const char *id, *name, *description, *base_address;
    const char **labels;
    size_t n_labels;
    unsigned admin_state;
    const cJSON *properties;
};
struct device_service_request {
    struct edge_base_request base;
    struct device_service service;
};

struct watch_identifier {
    const char *key, *pattern;
};
struct watch_blocking {
    const char *key;
    const char **values;
    size_t n_values;
};
struct discovered_device {
    const char *profile_name;
    unsigned admin_state;
    struct auto_event *auto_events;
    size_t n_auto_events;
    const cJSON *properties;
};
struct provision_watcher {
    int64_t created, modified;
    const char *id, *name, *service_name;
    const char **labels;
    size_t n_labels;
    struct watch_identifier *identifiers;
    size_t n_identifiers;
    struct watch_blocking *blocking_identifiers;
    size_t n_blocking_identifiers;
    unsigned admin_state;
    struct discovered_device discovered_device;
};
struct provision_watcher_request {
    struct edge_base_request base;
    struct provision_watcher watcher;
};

extern const struct edge_dto AUTO_EVENT, DEVICE, DEVICE_REQUEST, DEVICE_FILE;
extern const struct edge_dto DEVICE_SERVICE, DEVICE_SERVICE_REQUEST;
extern const struct edge_dto PROVISION_WATCHER, PROVISION_WATCHER_REQUEST;

#endif
