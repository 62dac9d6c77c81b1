/** What a device service is configured with, official key names (contract 12.3, device-services).
 */
#ifndef SDK_CONFIG_H
#define SDK_CONFIG_H

#include "edge/config.h"

struct sdk_reading_config {
    bool reading_units;
};
struct sdk_writable {
    struct edge_writable base;
    struct sdk_reading_config reading;
};
struct sdk_discovery_config {
    bool enabled;
    const char *interval;
};
struct sdk_auto_events_config {
    bool send_changed_readings_only;
};
struct sdk_outbox_config {
    int64_t max_events, max_kb;
    int64_t spool_mb; /* 0: nothing goes to disk */
    const char *spool_after, *spool_max_age;
};
struct sdk_device_config {
    bool data_transform, enable_async_readings;
    int64_t max_cmd_ops, max_cmd_value_len, async_buffer_size;
    const char *profiles_dir, *devices_dir, *watchers_dir;
    struct sdk_discovery_config discovery;
    struct sdk_auto_events_config auto_events;
    int64_t allowed_fails, device_down_timeout; /* 0: off; seconds */
    const char **labels;
    size_t n_labels;
    int64_t max_workers;
    struct sdk_outbox_config outbox;
};
struct sdk_config {
    struct edge_base_config base;
    int64_t max_event_size; /* KB, 0: no limit */
    struct sdk_writable writable;
    struct sdk_device_config device;
    const cJSON *driver; /* object; NULL: none */
};
extern const struct edge_dto SDK_CONFIG;
/** The same where the driver's section is called @p section, a constant; NULL: Driver. */
const struct edge_dto *sdk_config_with(const char *section);

#endif
