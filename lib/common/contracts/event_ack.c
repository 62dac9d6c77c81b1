/* Acknowledgements of events: see event_ack.h. */
#include "event_ack.h"

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct event_acker, m, __VA_ARGS__)
static const struct edge_field event_acker_fields[] = {
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),
    F(service_key, "serviceKey", "Who speaks.", .flags = EDGE_EMIT_EMPTY),
    F(instance, "instance", "A new one at each start of who acknowledges."),
};
#undef F
const struct edge_dto EVENT_ACKER = EDGE_DTO(struct event_acker, "EventAcknowledger", event_acker_fields);

#define F(m, ...) EDGE_FIELD(struct event_acks, m, __VA_ARGS__)
static const struct edge_field event_acks_fields[] = {
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),
    F(instance, "instance", "As of hello.", .flags = EDGE_EMIT_EMPTY),
    EDGE_LIST(struct event_acks, ids, "ids", "Events that are durable.", NULL, .flags = EDGE_EMIT_EMPTY),
    EDGE_LIST(struct event_acks, refused, "refused", "Events that are wrong and need not come again.", NULL),
};
#undef F
const struct edge_dto EVENT_ACKS = EDGE_DTO(struct event_acks, "EventAcknowledgements", event_acks_fields);
/* clang-format on */
