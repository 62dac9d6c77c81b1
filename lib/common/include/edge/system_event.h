/** System events and metrics as they go over the bus (contract 3.3, 4.6, 11.5). */
#ifndef EDGE_SYSTEM_EVENT_H
#define EDGE_SYSTEM_EVENT_H

#include "edge/base.h"

struct system_event {
    const char *api_version, *type, *action, *source, *owner;
    const cJSON *tags;
    const cJSON *details;
    int64_t timestamp; /* ns since 1970 */
};

struct metric_field {
    const char *name;
    const cJSON *value; /* a number, as ours always are; others send texts and truths, too */
};
struct metric_tag {
    const char *name, *value;
};
struct metric {
    const char *api_version, *name;
    struct metric_field *fields;
    size_t n_fields;
    struct metric_tag *tags;
    size_t n_tags;
    int64_t timestamp; /* ns since 1970 */
};

extern const struct edge_dto SYSTEM_EVENT, METRIC;

#endif
