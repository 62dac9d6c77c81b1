/** State, configuration and handlers of core-data, shared by its files only. */
#ifndef CORE_DATA_STATE_H
#define CORE_DATA_STATE_H

#include "acks.h"
#include "age_clock.h"
#include "contracts/device.h"
#include "edge/service.h"
#include "event_store.h"
#include "refusals.h"

struct data_writable {
    struct edge_writable base;
    bool persist_data, event_purge;
};
struct data_retention {
    const char *interval, *default_duration, *clock_settle_time;
    int64_t default_max_cap, default_min_cap;
};
struct data_gather {
    const char *interval;
    int64_t events;
};
struct data_config {
    struct edge_base_config base;
    struct data_writable writable;
    int64_t max_event_size; /* KB, 0: as large as the route takes */
    struct data_retention retention;
    struct data_gather gather;
};

struct core_data {
    const struct edge_runtime *rt;
    struct edge_arena arena; /* of what lives as long */
    struct event_store *store;
    struct policies *policies;        /* NULL: no retention */
    struct retention_loop *retention; /* likewise */
    struct age_clock clock;           /* for ages */
    bool has_clock;
    struct edge_counter *events_persisted, *readings_persisted, *events_refused;
    struct acks *acks;
    struct refusals *refusals; /* of events from the bus */
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

/* Their answers and parameters that nobody else knows. */
extern const struct edge_dto AGGREGATE_RESPONSE, RESOURCE_NAMES; /* readings.c */
extern const char *const AGGREGATES[];                           /* by enum event_aggregate */
extern const struct edge_dto COUNT_RESPONSE;                     /* query.c */

/* bus.c */
edge_bus_handler event_received, device_changed, acks_asked;

/* policies.c: how long events are kept, as auto events of devices say. Any thread. */
struct policy {
    int64_t max_cap;  /* as many start a clean-up; not above 0: any number */
    int64_t min_cap;  /* so many of those that may go stay, the newest; not above 0: none */
    int64_t duration; /* ns; younger ones stay; 0: none is too young; below: all stay */
};
struct policies *policies_create(const struct policy *defaults);
void policies_free(struct policies *p); /* NULL is fine */
/** What a device says from now on; what it said before is forgotten. */
void policies_put(struct policies *p, const struct device *device);
void policies_remove(struct policies *p, const char *device);
/** A list of all devices: what put and remove say between begin and end stands against it. Without
 * end it adds only. One list at a time. */
void policies_list_begin(struct policies *p);
void policies_list(struct policies *p, const struct device *device);
void policies_list_end(struct policies *p);
struct policy policies_find(struct policies *p, const char *device, const char *source);

/* retention.c: the thread that looks for old events */
/** INVALID names the setting. Makes nothing where Retention.Interval is not above 0. */
enum edge_status retention_create(struct edge_ctx *ctx, struct core_data *data);
void retention_start(struct core_data *data);
void retention_free(struct core_data *data);
/** Up to which origin (ns, included) events of a source go; NOT_FOUND: none goes. */
enum edge_status retention_cutoff(struct edge_ctx *ctx, struct event_store *store,
                                  const struct policy *policy, const struct event_source *source,
                                  int64_t now, int64_t *ret);
/**
 * Which events of a source go though they are dated later than that, filled into *ret; NOT_FOUND: none.
 * Dated ahead of the clock they came by, they are as old as their arrival is.
 */
enum edge_status retention_ahead(struct edge_ctx *ctx, struct event_store *store,
                                 const struct policy *policy, const struct event_source *source,
                                 int64_t now, struct event_removal *ret);

/* query.c: what queries of events and readings share */
enum { DATA_PIECE = 16 * 1024 }; /* of a list, fetched at once, bytes */
/** Room for the largest event there may be: as a row, as an object and as text. */
enum edge_status data_reserve(struct edge_call *call);
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
