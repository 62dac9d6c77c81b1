/* Events: tables, the short form services may send each other, and which encoding they travel in.
 */
#include "event.h"

#include <string.h>

#include "edge/message.h"

/* ---- the short form: readings do not repeat what their event says ------------- */

static bool equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Does the only reading of an event bear the name of its source? */
static bool names_source(const struct event *e, const struct reading *r)
{
    return e->n_readings == 1 && equal(r->resource_name, e->source_name);
}

static const struct edge_dto *event_shortened(const void **obj, struct edge_arena *scratch)
{
    if (!edge_wire_forms.short_events) {
        return NULL;
    }
    const struct event *whole = *obj;
    struct event *e = edge_new(scratch, struct event);
    *e = *whole;
    e->readings = edge_new_n(scratch, struct reading, e->n_readings);
    for (size_t i = 0; i < e->n_readings; i++) {
        struct reading *r = &e->readings[i];
        *r = whole->readings[i];
        r->id = NULL;
        r->device_name = equal(r->device_name, e->device_name) ? NULL : r->device_name;
        r->profile_name = equal(r->profile_name, e->profile_name) ? NULL : r->profile_name;
        r->origin = r->origin == e->origin ? 0 : r->origin;
        r->resource_name = names_source(whole, r) ? NULL : r->resource_name;
    }
    *obj = e;
    return &EVENT;
}

static enum edge_status event_restore(const cJSON *json, void *obj, struct edge_scope *at)
{
    (void)json;
    (void)at;
    struct event *e = obj;
    for (size_t i = 0; edge_wire_forms.short_events && i < e->n_readings; i++) {
        struct reading *r = &e->readings[i];
        r->device_name = r->device_name ? r->device_name : e->device_name;
        r->profile_name = r->profile_name ? r->profile_name : e->profile_name;
        r->origin = r->origin ? r->origin : e->origin;
        if (!r->resource_name && e->n_readings == 1) {
            r->resource_name = e->source_name;
        }
    }
    return EDGE_OK;
}

static enum edge_status require(bool there, const char *member, struct edge_scope *at)
{
    return there ? EDGE_OK : edge_scope_fail(at, member, "field is required");
}

static enum edge_status event_check(const void *value, struct edge_scope *at)
{
    const struct event *e = value;
    struct edge_scope list = edge_scope_below(at, "readings", 0);
    bool sound = true;
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct reading *r = &e->readings[i];
        struct edge_scope here = edge_scope_below(&list, NULL, i);
        sound &= require(r->origin != 0, "origin", &here) == EDGE_OK;
        sound &= require(r->device_name && *r->device_name, "deviceName", &here) == EDGE_OK;
        sound &= require(r->resource_name && *r->resource_name, "resourceName", &here) == EDGE_OK;
    }
    return sound ? EDGE_OK : EDGE_INVALID;
}

/* ---- tables -------------------------------------------------------------------------------- */

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct event, m, __VA_ARGS__)
#define EVENT_ROWS(reading_dto)                                                                                                \
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),                   \
    F(id, "id", "UUID.", .flags = EDGE_REQUIRED, .check = edge_check_uuid),                                                    \
    F(device_name, "deviceName", "Device it comes from.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),              \
    F(profile_name, "profileName", "Profile of the device.", .flags = EDGE_EMIT_EMPTY),                                        \
    F(source_name, "sourceName", "Resource or command that was read.", .flags = EDGE_EMIT_EMPTY),                              \
    F(origin, "origin", "When it was made, ns since 1970.", .flags = EDGE_NONZERO),                                            \
    EDGE_LIST(struct event, readings, "readings", "At least one.", reading_dto, .flags = EDGE_REQUIRED | EDGE_NOT_EMPTY),      \
    F(tags, "tags", "Free form.", .check = edge_check_object)
static const struct edge_field event_fields[] = { EVENT_ROWS(&READING) };
static const struct edge_field event_numeric_fields[] = { EVENT_ROWS(&READING_NUMERIC) };
#undef F
/* clang-format on */
#define EVENT_RULES .exact_keys = true, .decode_more = event_restore, .check = event_check
const struct edge_dto EVENT = EDGE_DTO(struct event, "Event", event_fields, EVENT_RULES);
const struct edge_dto EVENT_NUMERIC =
    EDGE_DTO(struct event, "NumericEvent", event_numeric_fields, EVENT_RULES);
/* Between services; clients that just ask get whole events. */
static const struct edge_dto EVENT_SENT =
    EDGE_DTO(struct event, "Event", event_fields, EVENT_RULES, .encode_as = event_shortened);

/* clang-format off */
static const struct edge_field add_event_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct add_event_request),
    EDGE_OBJECT(struct add_event_request, event, "event", "What was read.", &EVENT_SENT, .flags = EDGE_REQUIRED),
};
#define F(m, ...) EDGE_FIELD(struct event_response, m, __VA_ARGS__)
static const struct edge_field event_response_fields[] = {
    F(api_version, "apiVersion", "Version of this API.", .flags = EDGE_EMIT_EMPTY, .def = EDGE_API_VERSION),
    F(request_id, "requestId", "The request's."),
    F(status_code, "statusCode", "HTTP status.", .flags = EDGE_EMIT_EMPTY),
    EDGE_OBJECT(struct event_response, event, "event", "What was read.", &EVENT_SENT, .flags = EDGE_REQUIRED),
};
#undef F
/* clang-format on */
const struct edge_dto ADD_EVENT_REQUEST =
    EDGE_DTO(struct add_event_request, "AddEventRequest", add_event_fields);
const struct edge_dto EVENT_RESPONSE =
    EDGE_DTO(struct event_response, "EventResponse", event_response_fields);

/* ---- encoding ------------------------------------------------------------------------------ */

bool event_has_binary(const struct event *e)
{
    for (size_t i = 0; i < e->n_readings; i++) {
        if (e->readings[i].value_type == VT_BINARY) {
            return true;
        }
    }
    return false;
}

enum edge_encoding event_encoding(const struct event *e)
{
    return edge_wire_forms.cbor_events || event_has_binary(e) ? EDGE_CBOR : EDGE_JSON;
}
