/** Events and readings (contract 3.3, 3.4). */
#ifndef EDGE_CONTRACTS_EVENT_H
#define EDGE_CONTRACTS_EVENT_H

#include "edge/base.h"
#include "value.h"

struct reading {
    const char *id, *device_name, *resource_name, *profile_name, *units;
    const char *media_type;   /* Binary */
    int64_t origin;           /* ns since 1970 */
    unsigned value_type;      /* enum value_type */
    bool is_null;             /* a null reading of whatever type */
    const char *value;        /* text of scalars, strings and arrays */
    struct edge_bytes binary; /* Binary */
    const cJSON *object;      /* Object, ObjectArray */
    const cJSON *tags;
};

struct event {
    const char *api_version, *id, *device_name, *profile_name, *source_name;
    int64_t origin; /* ns since 1970 */
    struct reading *readings;
    size_t n_readings;
    const cJSON *tags;
};

struct add_event_request {
    struct edge_base_request base;
    struct event event;
};

struct event_response {
    const char *api_version, *request_id;
    int64_t status_code;
    struct event event;
};

extern const struct edge_dto READING, EVENT, ADD_EVENT_REQUEST, EVENT_RESPONSE;

/** Write readings' numeric values as JSON numbers (numeric=true): the same tables otherwise. */
extern const struct edge_dto READING_NUMERIC, EVENT_NUMERIC;

/** CBOR is the encoding of an event that holds binary data (contract 3.4). */
bool event_has_binary(const struct event *e);
/** That, or binary data: how an event is sent that came in no encoding. */
enum edge_encoding event_encoding(const struct event *e);

#endif
