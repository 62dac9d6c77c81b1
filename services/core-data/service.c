/* core-data: what it is made of (configuration, routes, subscriptions), how it starts and stops. */
#include "core_data.h"

#include "edge/text.h"
#include "state.h"

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct data_writable, m, __VA_ARGS__)
static const struct edge_field writable_fields[] = {
    EDGE_OBJECT(struct data_writable, base, NULL, "What every service has.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_INLINE),
    F(persist_data, "PersistData", "Store events; false: pass them on only.", .flags = EDGE_EMIT_EMPTY, .def = "true"),
    F(event_purge, "EventPurge", "Remove the events of a device that is removed.", .flags = EDGE_EMIT_EMPTY, .def = "false"),
};
#undef F
static const struct edge_dto DATA_WRITABLE = EDGE_DTO(struct data_writable, "Writable", writable_fields);

#define F(m, ...) EDGE_FIELD(struct data_retention, m, __VA_ARGS__)
static const struct edge_field retention_fields[] = {
    F(interval, "Interval", "How often old events are looked for; 0s or below: never.", .flags = EDGE_EMIT_EMPTY, .def = "10m", .check = edge_check_duration_set),
    F(default_max_cap, "DefaultMaxCap", "Events of a source that start a clean-up; -1: any number.", .flags = EDGE_EMIT_EMPTY, .def = "-1"),
    F(default_min_cap, "DefaultMinCap", "Newest events of a source that stay.", .flags = EDGE_EMIT_EMPTY, .def = "1"),
    F(default_duration, "DefaultDuration", "Age from which events may go.", .flags = EDGE_EMIT_EMPTY, .def = "168h", .check = edge_check_interval),
    F(clock_settle_time, "ClockSettleTime", "How long a clock that jumped ahead must keep its new time before events go by it.", .flags = EDGE_EMIT_EMPTY, .def = "24h", .check = edge_check_interval),
};
#undef F
static const struct edge_dto DATA_RETENTION = EDGE_DTO(struct data_retention, "Retention", retention_fields);

#define F(m, ...) EDGE_FIELD(struct data_gather, m, __VA_ARGS__)
static const struct edge_field gather_fields[] = {
    F(interval, "Interval", "Events from the bus are committed together when the first has waited so long, or somebody asks; 0s: each at once.", .flags = EDGE_EMIT_EMPTY, .def = "3s", .check = edge_check_interval),
    F(events, "Events", "Or when so many have gathered.", .flags = EDGE_EMIT_EMPTY, .def = "100", .min = 1, .max = 4096),
};
#undef F
static const struct edge_dto DATA_GATHER = EDGE_DTO(struct data_gather, "Gather", gather_fields);

static const struct edge_field config_fields[] = {
    EDGE_FIELD(struct data_config, max_event_size, "MaxEventSize", "Largest posted event, KB; 0: as large as the route takes.", .flags = EDGE_EMIT_EMPTY, .def = "25000", .min = 0, .max = 1048576),
    EDGE_OBJECT(struct data_config, writable, "Writable", "Switches, limits, secrets, metrics.", &DATA_WRITABLE, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct data_config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct data_config, retention, "Retention", "How long events are kept.", &DATA_RETENTION),
    EDGE_OBJECT(struct data_config, gather, "Gather", "Fewer commits wear the flash less.", &DATA_GATHER, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto DATA_CONFIG = EDGE_DTO(struct data_config, "Configuration", config_fields);

enum { MAX_BODY = 32 * 1024 * 1024 }; /* above the default MaxEventSize, which says it better */

#define API "/api/v3"
#define NUMERIC_ROW {"numeric", EDGE_P_BOOL, "true: numbers as JSON numbers, not as texts."}
#define PAGE_ROWS   {"offset", EDGE_P_INT, "How many to leave out; 0 if not given, -1: 0, and totalCount is not counted.", .min = -1}, EDGE_LIMIT_ROW
#define TIME_ROWS   {"start", EDGE_P_INT, "From, ns since 1970."}, {"end", EDGE_P_INT, "To, ns since 1970; included."}
#define READING_ROWS PAGE_ROWS, NUMERIC_ROW, {"aggregateFunc", EDGE_P_TEXT, "One number of each resource instead; any case.", AGGREGATES}
#define ID_ROW      {"id", EDGE_P_UUID, "Of the event."}
static const struct edge_param EVENT_PARAMS[] = {ID_ROW, NUMERIC_ROW, {NULL}};
static const struct edge_param ID_PARAMS[] = {ID_ROW, {NULL}};
static const struct edge_param EVENTS_PARAMS[] = {PAGE_ROWS, NUMERIC_ROW, {NULL}};
static const struct edge_param TIMED_EVENTS_PARAMS[] = {TIME_ROWS, PAGE_ROWS, NUMERIC_ROW, {NULL}};
static const struct edge_param READINGS_PARAMS[] = {READING_ROWS, {NULL}};
static const struct edge_param TIMED_READINGS_PARAMS[] = {TIME_ROWS, READING_ROWS, {NULL}};
static const struct edge_param AGE_PARAMS[] = {{"age", EDGE_P_INT, "ns."}, {NULL}};
static const struct edge_body NUMERIC_EVENT = {EDGE_B_OBJECT, "event", &EVENT_NUMERIC};
static const struct edge_body NUMERIC_EVENTS = {EDGE_B_LIST, "events", &EVENT_NUMERIC};
static const struct edge_body AGGREGATED = {EDGE_B_DTO, .dto = &AGGREGATE_RESPONSE};
static const struct edge_body NUMERIC_READINGS = {EDGE_B_LIST, "readings", &READING_NUMERIC, .other = &AGGREGATED};

/* What rows of one kind have in common. What reads from the disk, or waits for what has gathered to be on
 * it, runs on workers. */
#define EVENTS(which)   EDGE_ROUTE_WAITS, .params = (which), .answer = {EDGE_B_LIST, "events", &EVENT, .other = &NUMERIC_EVENTS}, .roles = EDGE_FOR_READERS
#define READINGS(which) EDGE_ROUTE_WAITS, .params = (which), .answer = {EDGE_B_LIST, "readings", &READING, .other = &NUMERIC_READINGS}, .roles = EDGE_FOR_READERS
#define COUNTS          EDGE_ROUTE_WAITS, .answer = {EDGE_B_DTO, .dto = &COUNT_RESPONSE}, .roles = EDGE_FOR_READERS
#define PURGES          .answer = {EDGE_B_BASE, .code = 202}, .roles = EDGE_FOR_PURGING

static const struct edge_route routes[] = {
    {"POST",   API "/event/{serviceName}/{profileName}/{deviceName}/{sourceName}", event_add, "Take in an event, JSON or CBOR; durable when acknowledged.", 0, MAX_BODY, .request = {EDGE_B_DTO, .dto = &ADD_EVENT_REQUEST, .also = "application/cbor"}, .answer = {EDGE_B_ID}, .roles = EDGE_FOR_SOURCES},
    {"GET",    API "/event/id/{id}", event_get, "One event.", EDGE_ROUTE_WAITS, .params = EVENT_PARAMS, .answer = {EDGE_B_OBJECT, "event", &EVENT, .other = &NUMERIC_EVENT}, .fails = "404", .roles = EDGE_FOR_READERS},
    {"DELETE", API "/event/id/{id}", event_delete, "Remove one event.", .params = ID_PARAMS, .answer = {EDGE_B_BASE}, .fails = "404", .roles = EDGE_FOR_PURGING},
    {"GET",    API "/event/all", events_all, "Events, newest first.", EVENTS(EVENTS_PARAMS)},
    {"GET",    API "/event/count", events_count, "How many events there are.", COUNTS},
    {"GET",    API "/event/count/device/name/{name}", events_count_by_device, "How many events of a device.", COUNTS},
    {"GET",    API "/event/device/name/{name}", events_by_device, "Events of a device, newest first.", EVENTS(EVENTS_PARAMS)},
    {"DELETE", API "/event/device/name/{name}", events_delete_by_device, "Remove all events of a device, bit by bit.", PURGES},
    {"GET",    API "/event/start/{start}/end/{end}", events_by_time, "Events of a time range (ns, inclusive), newest first.", EVENTS(TIMED_EVENTS_PARAMS)},
    {"DELETE", API "/event/age/{age}", events_delete_by_age, "Remove events older than an age (ns), bit by bit.", PURGES, .params = AGE_PARAMS},

    {"GET",    API "/reading/all", readings_all, "Readings, newest first.", READINGS(READINGS_PARAMS)},
    {"GET",    API "/reading/count", readings_count, "How many readings there are.", COUNTS},
    {"GET",    API "/reading/count/device/name/{name}", readings_count_by_device, "How many readings of a device.", COUNTS},
    {"GET",    API "/reading/device/name/{name}", readings_by_device, "Readings of a device, newest first.", READINGS(READINGS_PARAMS)},
    {"GET",    API "/reading/resourceName/{resourceName}", readings_by_resource, "Readings of a resource, newest first.", READINGS(READINGS_PARAMS)},
    {"GET",    API "/reading/start/{start}/end/{end}", readings_by_time, "Readings of a time range (ns, inclusive), newest first.", READINGS(TIMED_READINGS_PARAMS)},
    {"GET",    API "/reading/resourceName/{resourceName}/start/{start}/end/{end}", readings_by_resource_and_time, "Readings of a resource in a time range.", READINGS(TIMED_READINGS_PARAMS)},
    {"GET",    API "/reading/device/name/{name}/resourceName/{resourceName}", readings_by_device_and_resource, "Readings of a resource of a device.", READINGS(READINGS_PARAMS)},
    {"GET",    API "/reading/device/name/{name}/resourceName/{resourceName}/start/{start}/end/{end}", readings_by_device_resource_and_time, "Readings of a resource of a device in a time range.", READINGS(TIMED_READINGS_PARAMS)},
    {"GET",    API "/reading/device/name/{name}/start/{start}/end/{end}", readings_by_device_and_time, "Readings of a device in a time range; a body may name resources.", READINGS(TIMED_READINGS_PARAMS), .request = {EDGE_B_DTO, .dto = &RESOURCE_NAMES, .optional = true}},
};

static const struct edge_subscription subscriptions[] = {
    {"events/device/#", event_received, "Events of device services, stored.", EDGE_SUB_EVENTS},
    {"event-acks/core-data/ask/+", acks_asked, "Who acknowledges? Answered with hello, and from then on with the events that are durable.", 0},
    {"system-events/core-metadata/device/#", device_changed, "Devices: how long their events are kept; those of removed ones go where EventPurge says so.", 0},
};
/* clang-format on */

bool data_persists(const struct core_data *data)
{
    return ((const struct data_writable *)edge_runtime_writable(data->rt))->persist_data;
}

void data_count_persisted(const struct core_data *data, const struct event *event)
{
    edge_counter_add(data->events_persisted, 1);
    edge_counter_add(data->readings_persisted, event->n_readings);
}

static void committed(void *arg)
{
    const struct core_data *data = arg;
    acks_flush(data->acks);
}

static enum edge_status data_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct core_data *data = rt->state;
    data->rt = rt;
    data->events_persisted =
        edge_counter(rt->metrics, "EventsPersisted", "Events stored since the start.");
    data->readings_persisted =
        edge_counter(rt->metrics, "ReadingsPersisted", "Readings stored since the start.");
    data->events_refused =
        edge_counter(rt->metrics, "EventsRefused", "Events from the bus that were not stored.");
    data->acks = acks_create(rt);
    data->refusals = edge_new(&data->arena, struct refusals);
    refusals_init(data->refusals);
    const struct data_config *settings = rt->config;
    int64_t gather_ns = 0;
    if (!edge_duration_parse(settings->gather.interval, true, &gather_ns) || gather_ns < 0) {
        return edge_fail(ctx, EDGE_INVALID, "Gather.Interval needs a duration");
    }
    struct event_store_config config = {.type = edge_runtime_store_type(rt),
                                        .gather_ms = gather_ns / 1000000,
                                        .gather_events = (size_t)settings->gather.events,
                                        .settled = committed,
                                        .settled_arg = data};
    const char *name = rt->base->database.name;
    EDGE_TRY(edge_runtime_data_file(ctx, rt, name && *name ? name : "core-data.db", &config.file));
    EDGE_TRY(event_store_open(ctx, &config, &data->store));
    return retention_create(ctx, data);
}

static enum edge_status data_ready(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct core_data *data = rt->state;
    acks_hello(ctx, data->acks);
    retention_start(data);
    return EDGE_OK;
}

/* What is committed from here on is acknowledged when it comes again. */
static void data_quiesce(const struct edge_runtime *rt)
{
    struct core_data *data = rt->state;
    if (data->acks) {
        acks_silence(data->acks);
    }
}

static void data_stop(const struct edge_runtime *rt)
{
    struct core_data *data = rt->state;
    retention_free(data);
    event_store_close(data->store);
    data->store = NULL;
    acks_free(data->acks);
    data->acks = NULL;
    if (data->refusals) {
        refusals_done(data->refusals);
    }
    edge_arena_done(&data->arena);
}

static const char default_config[] = "Writable:\n"
                                     "  Telemetry:\n"
                                     "    Metrics:\n"
                                     "      EventsPersisted: false\n"
                                     "      ReadingsPersisted: false\n"
                                     "Service:\n"
                                     "  Port: 59880\n"
                                     "  StartupMsg: core-data is up\n"
                                     "MessageBus:\n"
                                     "  Optional:\n"
                                     "    ClientId: core-data\n"
                                     "Clients:\n"
                                     "  core-metadata:\n"
                                     "    Protocol: http\n"
                                     "    Host: localhost\n"
                                     "    Port: 59881\n";

const struct edge_service core_data = {
    .name = "core-data",
    .doc = "keeps events and readings",
    .port = 59880,
    .state_size = sizeof(struct core_data),
    .config = &DATA_CONFIG,
    .writable_offset = offsetof(struct data_config, writable),
    .default_config = default_config,
    .routes = EDGE_TABLE(routes),
    .subscriptions = subscriptions,
    .n_subscriptions = sizeof(subscriptions) / sizeof(subscriptions[0]),
    .start = data_start,
    .ready = data_ready,
    .quiesce = data_quiesce,
    .stop = data_stop,
};
