/** State, configuration and handlers of core-data, shared by its files only. */
#ifndef CORE_DATA_STATE_H
#define CORE_DATA_STATE_H

#include "edge/service.h"
#include "event_store.h"

struct data_writable {
    struct edge_writable base;
    bool persist_data, event_purge;
};
struct data_retention {
    const char *interval, *default_duration;
    int64_t default_max_cap, default_min_cap;
};
struct data_config {
    struct edge_base_config base;
    struct data_writable writable;
    int64_t max_event_size; /* KB, 0: as large as the route takes */
    struct data_retention retention;
};

struct core_data {
    const struct edge_runtime *rt;
    struct event_store *store;
    struct edge_counter *events_persisted, *readings_persisted;
};

bool data_persists(const struct core_data *data);
/** Counts an event that was committed. */
void data_count_persisted(const struct core_data *data, const struct event *event);

/* events.c */
edge_handler event_add, event_get, event_delete, events_all, events_by_device, events_by_time;
edge_handler events_count, events_count_by_device, events_delete_by_device, events_delete_by_age;

/* readings.c */
edge_handler readings_all, readings_by_device, readings_by_resource, readings_by_time;
edge_handler readings_by_resource_and_time, readings_by_device_and_resource;
edge_handler readings_by_device_and_time, readings_by_device_resource_and_time;
edge_handler readings_count, readings_count_by_device;

/* bus.c */
edge_bus_handler event_received, device_removed;

/* query.c: what queries of events and readings share */
struct data_query {
    struct edge_page page;
    struct event_filter filter;
    bool numeric;
    bool want_total; /* offset was not -1 */
};
/** The query parameter numeric: numbers instead of their texts. */
bool data_wants_numbers(struct edge_call *call);
/** Page and numeric from the query string, start and end from the path where @p timed. */
enum edge_status data_query_parse(struct edge_call *call, bool timed, struct data_query *ret);
/** {"apiVersion","statusCode":200,"count":n} */
enum edge_status data_reply_count(struct edge_call *call, int64_t n);

#endif
