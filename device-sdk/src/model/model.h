/**
 * The inside of a device service, below its flows (flows/flows.h), of which it knows nothing: profiles,
 * devices, requests, events, and the service they belong to. Snapshots (a profile, a device) are
 * immutable and counted; what outlives a snapshot of a device (its auto-events, its failures) is the
 * device's entry.
 *
 * Locks, outer before inner: flows.changes (one change of the catalogue at a time), then any of
 * the others, which are never held together: entry.lock, service.lock, flows.scan_lock.
 */
#ifndef SDK_MODEL_H
#define SDK_MODEL_H

#include <stdatomic.h>

#include "autoevent.h"
#include "config.h"
#include "contracts/device.h"
#include "contracts/event.h"
#include "contracts/profile.h"
#include "devsdk/devsdk.h"
#include "edge/backoff.h"
#include "edge/map.h"
#include "edge/service.h"
#include "lane.h"

struct sdk_flows;
struct sdk_outbox;
struct sdk_outbox_config;
struct sdk_schedule;
struct sdk_text;

/* ---- profiles (profile.c) ------------------------------------------------------------------- */

struct sdk_resource {
    const struct device_resource *dto;
    devsdk_point point;                   /* as drivers see it */
    const char *fault;                    /* what is wrong with its attributes; NULL: nothing */
    const struct value_mapping *mappings; /* of the first command that names it */
    size_t n_mappings;
    struct sdk_text *texts; /* of attributes; service.lock held */
};

struct sdk_profile {
    atomic_uint refs;
    unsigned users; /* devices that have it now; flows.changes held */
    struct edge_arena arena;
    const struct device_profile *dto;
    struct sdk_resource *resources; /* in the order of dto->resources */
};

/** One resource of a source, and how a command names it. */
struct sdk_op {
    const struct sdk_resource *resource;
    const struct resource_operation *operation; /* NULL: not by a command */
};

/** What a name of a command, a resource or a pattern of resources stands for. */
struct sdk_source {
    const char *name;
    const struct device_command *command; /* NULL: resources */
    struct sdk_op *ops;
    size_t n_ops;
};

enum { SDK_WHY_MAX = 512 }; /* of a driver's words for why it takes something not */

enum sdk_access { SDK_FOR_READ, SDK_FOR_WRITE };

/** A snapshot with one reference. Faulty attributes are noted at their resource, not refused. */
struct sdk_profile *sdk_profile_create(const devsdk_driver *driver,
                                       const struct device_profile *dto);
struct sdk_profile *sdk_profile_ref(struct sdk_profile *p);
void sdk_profile_unref(struct sdk_profile *p); /* NULL is fine */
/** INVALID with all faults of its resources' attributes: "Temperature: slot: 8 is above 7". */
enum edge_status sdk_profile_check(struct edge_ctx *ctx, const struct sdk_profile *p);
/**
 * Resolve @p name (contract 10.1: command, else pattern where @p patterns allows, else resource).
 * *ret lives in @p a and in the profile.
 */
enum edge_status sdk_source_find(struct edge_ctx *ctx, struct edge_arena *a,
                                 const struct sdk_profile *p, const char *name,
                                 enum sdk_access access, bool patterns, struct sdk_source *ret);
/** Name of the first resource that can be read; NULL: none. */
const char *sdk_profile_probe(const struct sdk_profile *p);

/* ---- devices (device.c) --------------------------------------------------------------------- */

/** From added() to removed(): the driver's memory. Snapshots with the same address share it. */
struct sdk_life {
    atomic_uint refs;
    bool added;                  /* this and the next three: in the device's lane only */
    unsigned heard;              /* revision that added() or updated() was called with last */
    struct edge_backoff backoff; /* when added() failed */
    int64_t retry_ms;
    struct sdk_job job;  /* its removal */
    devsdk_device *last; /* the snapshot removed() is called with */
    /* What the driver was told of last, under the entry's lock; over: it has no reference any more */
    devsdk_device *told EDGE_GUARDED;
    bool told_is_over EDGE_GUARDED;
    _Alignas(max_align_t) unsigned char data[];
};

struct devsdk_device {
    atomic_uint refs;
    struct sdk_entry *entry;
    struct sdk_life *life;
    struct edge_arena arena;
    const struct device *dto;
    struct sdk_profile *profile; /* NULL: has none */
    const char *protocol;
    void *addr;
    const char *fault;      /* what is wrong with its protocols; NULL: nothing */
    const char *topic;      /* of its events, up to the source's level */
    struct sdk_text *texts; /* of properties; service.lock held */
    struct sdk_lane *lane;
    unsigned revision; /* of what the driver is to hear of, within its life */
};

/** What is known of a device's name. */
struct sdk_entry {
    atomic_uint refs;
    devsdk_service *svc;
    char *name;
    struct edge_mutex lock;
    devsdk_device *device EDGE_GUARDED; /* NULL: removed */
    unsigned failures EDGE_GUARDED;     /* in a row */
    bool down EDGE_GUARDED;             /* as far as we know */
    uint64_t broken EDGE_GUARDED;  /* hash of the resource whose assertion put it down; 0: none */
    bool push_faulty EDGE_GUARDED; /* its last unsolicited data were not taken, and that is said */
    bool unreported EDGE_GUARDED;  /* metadata has not been told */
    unsigned echoes EDGE_GUARDED;  /* updates to come that only repeat what we told */
    int64_t echoes_until_ms EDGE_GUARDED;
    bool dirty EDGE_GUARDED; /* stands in the service's list of such */
    struct sdk_entry *next_dirty;
    struct edge_timer timer;         /* next try of added(), or of a device that is DOWN */
    int64_t timer_ms EDGE_GUARDED;   /* when that is, or was */
    struct sdk_job attend;           /* that try, in the lane */
    bool attending EDGE_GUARDED;     /* it waits there, and holds a reference */
    struct sdk_schedule **schedules; /* changed under flows.changes */
    size_t n_schedules;
    _Atomic(struct edge_gauge *) last_connected; /* NULL: nobody wanted to know yet */
};

struct sdk_entry *sdk_entry_create(devsdk_service *svc, const char *name);
struct sdk_entry *sdk_entry_ref(struct sdk_entry *e);
void sdk_entry_unref(struct sdk_entry *e);
/** The present snapshot with a reference; NULL where it was removed. */
devsdk_device *sdk_entry_device(struct sdk_entry *e);
bool sdk_entry_is_down(struct sdk_entry *e);

/** A snapshot with one reference; takes over @p profile's. It shares the life of @p before where it
 * may. */
devsdk_device *sdk_device_create(struct sdk_entry *e, const struct device *dto,
                                 struct sdk_profile *profile, devsdk_device *before);
/** One that is asked only: in no lane, without a life. */
devsdk_device *sdk_device_draft(devsdk_service *svc, const struct device *dto,
                                struct sdk_profile *profile);
devsdk_device *sdk_device_ref(devsdk_device *d);
/** The last one of a life has removed() called in the lane. */
void sdk_device_unref(devsdk_device *d);
/** Parse @p dto's protocols; INVALID says what is wrong. Strings to @p a. */
enum edge_status sdk_address_parse(struct edge_ctx *ctx, const devsdk_driver *driver,
                                   const struct device *dto, struct edge_arena *a, void *addr,
                                   const char **ret_protocol);
/** added(), unless it has been called, or updated(), where that is due; in the lane. */
devsdk_result sdk_life_begin(devsdk_device *d);

/* ---- requests (request.c) ------------------------------------------------------------------- */

enum sdk_item_state { SDK_UNSET, SDK_SET, SDK_TOO_LARGE };
struct sdk_item {
    struct sdk_op op;
    devsdk_value value;
    enum sdk_item_state state;
    int64_t origin; /* the device's own; 0: none */
};

/** What the driver tags. */
struct sdk_tag {
    const struct sdk_item *item; /* NULL: the event */
    const char *key, *value;
    struct sdk_tag *next;
};

/** Called once, on any thread, with what became of it; the request is gone afterwards. */
typedef void sdk_request_done(struct devsdk_request *r, devsdk_result result);

struct devsdk_request {
    atomic_uint refs;
    _Atomic int phase;
    struct sdk_job job;
    struct edge_timer timer;
    devsdk_service *svc;
    devsdk_device *dev;
    struct edge_arena arena;
    enum sdk_access access;
    bool pushed; /* made by devsdk_push(): not in a lane */
    const char *source_name;
    const struct device_command *command;
    struct sdk_item *items;
    size_t n_items;
    size_t first, n_window; /* what the driver sees at present */
    int64_t deadline_ms;
    const char *message; /* the driver's words for a failure */
    struct sdk_tag *tags;
    const struct edge_pair *options;
    size_t n_options;
    const char *correlation_id;
    sdk_request_done *done;
    void *arg;
};

/** A request of @p source; options, correlation id and written values are the caller's to fill in.
 */
struct devsdk_request *sdk_request_create(devsdk_device *dev, const struct sdk_source *source,
                                          enum sdk_access access, sdk_request_done *done,
                                          void *arg);
/** Queue it. False where the lane is full: then done() was not and will not be called. */
bool sdk_request_submit(struct devsdk_request *r, enum sdk_priority priority);
/** It is this lane's turn already. */
enum sdk_turn sdk_request_run_now(struct devsdk_request *r);
void sdk_request_free(struct devsdk_request *r); /* one that was never submitted */
/** What a result is to the platform; *ret_text, which may be NULL, is a sentence of it. */
enum edge_status sdk_outcome(devsdk_result result, const char **ret_text);
/** The result as a failure with its text; OK passes. */
enum edge_status sdk_request_status(struct edge_ctx *ctx, const struct devsdk_request *r,
                                    devsdk_result result);

/** Who looks on: the test kit, set while no service runs; NULL: nobody. */
struct sdk_onlooker {
    void (*pushes)(const struct devsdk_request *r);  /* devsdk_push() has made it */
    bool (*answers)(const struct devsdk_request *r); /* devsdk_done() is called; false: in vain */
    void (*reports)(const devsdk_found *found, const cJSON *address);
};
extern const struct sdk_onlooker *sdk_onlooker;

/* ---- events (event.c) and the way out (outbox.c) --------------------------------------------- */

/**
 * What a finished read (or write) says, as a message on its topic; *ret NULL where nothing was
 * set. INTERNAL where an assertion does not hold; the device is DOWN then.
 */
enum edge_status sdk_event_build(struct edge_ctx *ctx, const struct devsdk_request *r,
                                 struct edge_message **ret);
/** The event inside. */
static inline const struct event *sdk_event_of(const struct edge_message *m)
{
    return &((const struct add_event_request *)m->object)->event;
}
/** Publish it, counted; takes its own reference. */
bool sdk_event_publish(devsdk_service *svc, const struct edge_message *m);

/** What waits, to be sent or for core-data's word, is bounded by @p config; what a former life left on disk is first. */
struct sdk_outbox *sdk_outbox_create(devsdk_service *svc, const struct sdk_outbox_config *config);
/** Send what is queued, and wait for core-data's word, until @p deadline_ms; then take and send no more. */
void sdk_outbox_close(struct sdk_outbox *o, int64_t deadline_ms);
void sdk_outbox_free(struct sdk_outbox *o);
/** @p n_readings 0: no event. False, and counted, where it is full or closed. */
bool sdk_outbox_put(struct sdk_outbox *o, const struct edge_message *m, size_t n_readings);
bool sdk_outbox_is_full(struct sdk_outbox *o);
/** Bus handlers: core-data is there; it has stored events. */
edge_bus_handler sdk_outbox_hello, sdk_outbox_acks;

/* ---- the service (kit.c) --------------------------------------------------------------------- */

struct devsdk_service {
    const devsdk_driver *driver;
    const struct edge_runtime *rt;
    const struct sdk_config *config;
    struct sdk_flows *flows; /* what only the flows know */
    struct edge_arena arena;
    void *driver_config, *driver_data;
    bool initialised;
    atomic_bool quiet;  /* stopping: no new work */
    atomic_bool locked; /* adminState of the service */
    atomic_bool wants_last_connected;
    struct sdk_lanes *lanes;
    struct sdk_outbox *outbox;

    struct edge_mutex lock;
    struct edge_map entries EDGE_GUARDED;  /* by device name */
    struct edge_map profiles EDGE_GUARDED; /* by name */
    struct sdk_entry *dirty EDGE_GUARDED;
    struct edge_cond idle;              /* n_background and n_lives */
    unsigned n_background EDGE_GUARDED; /* jobs on the pool */
    size_t n_lives EDGE_GUARDED;
    bool reporting EDGE_GUARDED;
    void (*report)(devsdk_service *svc,
                   void *arg); /* the flow that follows from being up or down */

    struct edge_gauge *events_waiting, *events_on_disk, *spool_bytes;
    struct edge_counter *events_resent, *events_refused, *pushes_refused, *events_spooled;
    struct edge_counter *events_sent, *readings_sent, *events_dropped, *auto_events_skipped,
        *requests_refused, *reads_executed, *writes_executed;
};

/** The table as this SDK has it, of a driver made for this one or an older one. */
void sdk_driver_copy(devsdk_driver *ret, const devsdk_driver *driver);
/** Run fn(svc, arg) on the worker pool; false where it cannot. */
bool sdk_background(devsdk_service *svc, void (*fn)(devsdk_service *svc, void *arg), void *arg);
/** @p name as a topic level: escaped where the configuration says so. */
const char *sdk_topic_level(struct edge_arena *a, const devsdk_service *svc, const char *name);
const struct sdk_writable *sdk_writable(const devsdk_service *svc);

/** A message back to who asked: @p text is an error, NULL: none. */
struct edge_message *sdk_answer(devsdk_service *svc, const struct edge_message *request,
                                const char *error);

/* lookup.c: devices and profiles by their names; any thread but those of events and timers */
struct sdk_entry *sdk_entry_find(devsdk_service *svc, const char *name);     /* +1 reference */
devsdk_device *sdk_device_find(devsdk_service *svc, const char *name);       /* +1 reference */
struct sdk_profile *sdk_profile_find(devsdk_service *svc, const char *name); /* +1 reference */
/** All there are now, in @p a. */
size_t sdk_entry_names(devsdk_service *svc, struct edge_arena *a, const char ***ret);

/* notes.c: whether a device is up, as it shows */
/** Does the telemetry name LastConnected now? */
void sdk_connected_reconfigure(devsdk_service *svc);
void sdk_connected_forget(struct sdk_entry *e);
void sdk_note_result(devsdk_device *dev, devsdk_result result);
void sdk_note_link(struct sdk_entry *e, bool up, const char *why);
/** The assertion of a resource does not hold: the device is down. Or does: it is up again, if that was why not. */
void sdk_note_assertion(struct sdk_entry *e, const char *resource, bool holds);
/** Unsolicited data were taken or not; true where that they were not is news. */
bool sdk_note_push(struct sdk_entry *e, bool taken);
/** Tell metadata what it could not be told before. */
void sdk_report_retry(devsdk_service *svc);
/** @p e, which was found unset as dirty, is among those to be reported. */
void sdk_report_list(struct sdk_entry *e);
/** The report is through. */
void sdk_report_ends(devsdk_service *svc);

#endif
