/* The configuration table of every device service; a driver's own keys stand below Driver, or a section it names. */
#include "config.h"

#include <pthread.h>
#include <string.h>

#define ROW(T, m, key, text, ...)                                                                  \
    EDGE_FIELD(T, m, key, text, .flags = EDGE_EMIT_EMPTY __VA_OPT__(, ) __VA_ARGS__)

/* clang-format off */
static const struct edge_field reading_fields[] = {
    ROW(struct sdk_reading_config, reading_units, "ReadingUnits", "Readings carry their units.", .def = "true"),
};
static const struct edge_dto READING_CONFIG = EDGE_DTO(struct sdk_reading_config, "Reading", reading_fields);

static const struct edge_field writable_fields[] = {
    EDGE_OBJECT(struct sdk_writable, base, NULL, "Parts every service has.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct sdk_writable, reading, "Reading", "What readings show.", &READING_CONFIG, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto WRITABLE_CONFIG = EDGE_DTO(struct sdk_writable, "Writable", writable_fields);

static const struct edge_field discovery_fields[] = {
    ROW(struct sdk_discovery_config, enabled, "Enabled", "Look for devices when asked to.", .def = "false"),
    ROW(struct sdk_discovery_config, interval, "Interval", "How often without being asked; 0s: never.", .def = "0s", .check = edge_check_duration_0s),
};
static const struct edge_dto DISCOVERY_CONFIG = EDGE_DTO(struct sdk_discovery_config, "Discovery", discovery_fields);

static const struct edge_field auto_events_fields[] = {
    ROW(struct sdk_auto_events_config, send_changed_readings_only, "SendChangedReadingsOnly", "onChange: leave out the readings that did not change.", .def = "false"),
};
static const struct edge_dto AUTO_EVENTS_CONFIG = EDGE_DTO(struct sdk_auto_events_config, "AutoEvents", auto_events_fields);

static const struct edge_field outbox_fields[] = {
    ROW(struct sdk_outbox_config, max_events, "MaxEvents", "Events kept in memory until core-data has stored them; what comes beyond is refused and counted.", .def = "100000", .min = 1, .max = 10000000),
    ROW(struct sdk_outbox_config, max_kb, "MaxKB", "And their memory.", .def = "65536", .min = 64, .max = 16777216),
    ROW(struct sdk_outbox_config, spool_mb, "SpoolMB", "Disk for events that core-data does not take; what is oldest goes where they need more. 0: they wait in memory only.", .def = "64", .min = 0, .max = 1048576),
    ROW(struct sdk_outbox_config, spool_after, "SpoolAfter", "They go to disk when one has waited for so long, or memory is three quarters full.", .def = "10s", .check = edge_check_duration_1ms),
    ROW(struct sdk_outbox_config, spool_max_age, "SpoolMaxAge", "What was on disk for longer is not sent any more; 0s: it always is.", .def = "720h", .check = edge_check_duration_0s),
};
static const struct edge_dto OUTBOX_CONFIG = EDGE_DTO(struct sdk_outbox_config, "Outbox", outbox_fields);

#define F(m, key, text, ...) ROW(struct sdk_device_config, m, key, text __VA_OPT__(, ) __VA_ARGS__)
static const struct edge_field device_fields[] = {
    F(data_transform, "DataTransform", "Apply the transforms of profiles.", .def = "true"),
    F(max_cmd_ops, "MaxCmdOps", "Most resources one command may touch.", .def = "12800", .min = 1, .max = 1000000),
    F(max_cmd_value_len, "MaxCmdValueLen", "Kept for compatibility with older files.", .def = "256", .check = edge_check_count),
    F(profiles_dir, "ProfilesDir", "Profiles to bring along.", .def = "./res/profiles"),
    F(devices_dir, "DevicesDir", "Devices to bring along.", .def = "./res/devices"),
    F(watchers_dir, "ProvisionWatchersDir", "Provision watchers to bring along; empty: none."),
    F(enable_async_readings, "EnableAsyncReadings", "Take readings the driver was not asked for.", .def = "true"),
    F(async_buffer_size, "AsyncBufferSize", "Kept for compatibility; the outbox has a bound of its own.", .def = "16", .check = edge_check_count),
    EDGE_OBJECT(struct sdk_device_config, discovery, "Discovery", "Looking for devices.", &DISCOVERY_CONFIG, .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct sdk_device_config, auto_events, "AutoEvents", "Scheduled reads.", &AUTO_EVENTS_CONFIG, .flags = EDGE_EMIT_EMPTY),
    F(allowed_fails, "AllowedFails", "Failures in a row after which a device is DOWN; 0: never.", .def = "0", .min = 0, .max = 1000000),
    F(device_down_timeout, "DeviceDownTimeout", "Seconds between tries of a device that is DOWN; 0: none.", .def = "0", .min = 0, .max = 1000000),
    EDGE_LIST(struct sdk_device_config, labels, "Labels", "Words to search the device service by.", NULL, .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct sdk_device_config, outbox, "Outbox", "Events on their way to core-data.", &OUTBOX_CONFIG, .flags = EDGE_EMIT_EMPTY),
    F(max_workers, "MaxWorkers", "Threads at most for a driver that blocks.", .def = "64", .min = 1, .max = 1024),
};
static const struct edge_dto DEVICE_CONFIG = EDGE_DTO(struct sdk_device_config, "Device", device_fields);
#undef F

static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct sdk_config, base, NULL, "Parts every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    ROW(struct sdk_config, max_event_size, "MaxEventSize", "Largest event on the bus, KB; 0: any.", .def = "0", .min = 0, .max = 1048576),
    EDGE_OBJECT(struct sdk_config, writable, "Writable", "Switches, limits, secrets, metrics.", &WRITABLE_CONFIG, .flags = EDGE_EMIT_EMPTY | EDGE_WRITABLE),
    EDGE_OBJECT(struct sdk_config, device, "Device", "Devices and what is done with them.", &DEVICE_CONFIG, .flags = EDGE_EMIT_EMPTY),
    EDGE_FIELD(struct sdk_config, driver, "Driver", "The driver's own keys."),
};
const struct edge_dto SDK_CONFIG = EDGE_DTO(struct sdk_config, "Configuration", config_fields);
static const struct edge_field named_section = EDGE_FIELD(struct sdk_config, driver, NULL, "The driver's own keys.");
/* clang-format on */

enum { N_FIELDS = sizeof(config_fields) / sizeof(config_fields[0]), DRIVER_FIELD = N_FIELDS - 1 };

/* Tables with another section in the place of Driver: made once, kept as constant tables are. */
struct named_config {
    struct named_config *next;
    struct edge_dto dto;
    struct edge_field fields[N_FIELDS];
};
static struct {
    pthread_mutex_t lock;
    struct named_config *first;
} made = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct named_config *config_make(const char *section)
{
    struct named_config *c = edge_xalloc(1, sizeof(*c));
    c->dto = SDK_CONFIG;
    c->dto.fields = c->fields;
    memcpy(c->fields, config_fields, sizeof(c->fields));
    c->fields[DRIVER_FIELD] = named_section;
    c->fields[DRIVER_FIELD].json = section;
    return c;
}

const struct edge_dto *sdk_config_with(const char *section)
{
    if (!section) {
        return &SDK_CONFIG;
    }
    pthread_mutex_lock(&made.lock);
    struct named_config *c = made.first;
    while (c && strcmp(c->fields[DRIVER_FIELD].json, section) != 0) {
        c = c->next;
    }
    if (!c) {
        c = config_make(section);
        c->next = made.first;
        made.first = c;
    }
    pthread_mutex_unlock(&made.lock);
    return &c->dto;
}
