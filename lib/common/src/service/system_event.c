/* System events and metrics: what services tell each other about themselves. */
#include "edge/system_event.h"

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct system_event, m, __VA_ARGS__)
static const struct edge_field system_event_fields[] = {
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),
    F(type, "type", "What it is about: device, deviceprofile, ...", .flags = EDGE_REQUIRED),
    F(action, "action", "add, update, delete, ...", .flags = EDGE_REQUIRED),
    F(source, "source", "Service that says so.", .flags = EDGE_EMIT_EMPTY),
    F(owner, "owner", "Service concerned.", .flags = EDGE_EMIT_EMPTY),
    F(tags, "tags", "Free form.", .flags = EDGE_EMIT_NULL, .check = edge_check_object),
    F(details, "details", "The thing itself.", .flags = EDGE_EMIT_NULL),
    F(timestamp, "timestamp", "When it happened, ns since 1970.", .flags = EDGE_EMIT_EMPTY),
};
#undef F

#define F(m, ...) EDGE_FIELD(struct metric_field, m, __VA_ARGS__)
static const struct edge_field metric_field_fields[] = {
    F(name, "name", "counter-count, gauge-value, ...", .flags = EDGE_REQUIRED),
    F(value, "value", "The figure.", .flags = EDGE_EMIT_NULL),
};
#undef F
static const struct edge_dto METRIC_FIELD = EDGE_DTO(struct metric_field, "MetricField", metric_field_fields);

#define F(m, ...) EDGE_FIELD(struct metric_tag, m, __VA_ARGS__)
static const struct edge_field metric_tag_fields[] = {
    F(name, "name", "Name of the tag.", .flags = EDGE_REQUIRED),
    F(value, "value", "Its text.", .flags = EDGE_EMIT_EMPTY),
};
#undef F
static const struct edge_dto METRIC_TAG = EDGE_DTO(struct metric_tag, "MetricTag", metric_tag_fields);

#define F(m, ...) EDGE_FIELD(struct metric, m, __VA_ARGS__)
static const struct edge_field metric_fields[] = {
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),
    F(name, "name", "Name of the metric.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    EDGE_LIST(struct metric, fields, "fields", "Its figures.", &METRIC_FIELD, .flags = EDGE_EMIT_EMPTY),
    EDGE_LIST(struct metric, tags, "tags", "Where it comes from.", &METRIC_TAG),
    F(timestamp, "timestamp", "When it was taken, ns since 1970.", .flags = EDGE_EMIT_EMPTY),
};
#undef F
/* clang-format on */
const struct edge_dto SYSTEM_EVENT =
    EDGE_DTO(struct system_event, "SystemEvent", system_event_fields);
const struct edge_dto METRIC = EDGE_DTO(struct metric, "Metric", metric_fields);
