/**
 * What a device service does: the flows above its model. Each knows those before it here at most by what
 * stands in this header, and drivers know none of them.
 */
#ifndef SDK_FLOWS_H
#define SDK_FLOWS_H

#include "model/model.h"

struct sdk_news;
struct sdk_profile_scan;
struct sdk_watcher;
struct sdk_watches;

/** What a service's flows keep. */
struct sdk_flows {
    devsdk_service *svc;
    bool driver_started;
    atomic_bool booted;     /* its devices were fetched, or there are none */
    struct edge_timer tick; /* every second */
    unsigned connections;   /* of the bus, as of the last tick that saw it connected */
    int64_t resync_ms;      /* when everything is fetched again, whether news were lost or not */

    struct sdk_watches *watches;
    uint64_t secrets; /* a hash of what the driver knows */

    struct edge_mutex changes;  /* one change of the catalogue at a time */
    struct edge_map complained; /* of files: who was named already; of the upload's thread */

    /* callbacks.c, under the service's lock */
    struct sdk_news *news EDGE_GUARDED, *news_last EDGE_GUARDED; /* system events to take up */
    size_t n_news EDGE_GUARDED;
    bool news_lost EDGE_GUARDED, news_running EDGE_GUARDED;

    struct edge_mutex scan_lock;
    struct sdk_watcher **watchers EDGE_GUARDED;
    size_t n_watchers EDGE_GUARDED;
    devsdk_scan *scan EDGE_GUARDED; /* the discovery under way */
    struct sdk_profile_scan *profile_scans EDGE_GUARDED;
    size_t n_profile_scans EDGE_GUARDED;
    struct edge_timer discovery;
};

/* schedule.c: auto-events */
/** Have the entry's schedules be those of its device, running where they may. flows.changes held. */
void sdk_schedules_update(struct sdk_entry *e, const devsdk_device *dev);

/* catalog.c: devices and profiles; any thread but those of events and timers */
/** The profile from the cache or from core-metadata. */
enum edge_status sdk_profile_get(struct edge_ctx *ctx, devsdk_service *svc, const char *name,
                                 struct sdk_profile **ret);
/** The same, as core-metadata has it now: one that no device of ours has may have changed unheard. */
enum edge_status sdk_profile_get_now(struct edge_ctx *ctx, devsdk_service *svc, const char *name,
                                     struct sdk_profile **ret);
/** Add the device, or have it be as @p dto says. */
enum edge_status sdk_device_apply(struct edge_ctx *ctx, devsdk_service *svc,
                                  const struct device *dto);
void sdk_device_remove(devsdk_service *svc, const char *name);
/** A new content of a profile, for its devices too. */
void sdk_profile_apply(devsdk_service *svc, const struct device_profile *dto);
void sdk_profile_remove(devsdk_service *svc, const char *name);
/** Have the catalogue be what core-metadata says. */
enum edge_status sdk_catalog_sync(struct edge_ctx *ctx, devsdk_service *svc);
/** Start or stop auto-events according to locks and states. */
void sdk_catalog_refresh(devsdk_service *svc);
void sdk_catalog_clear(devsdk_service *svc);

/* strays.c: keys the driver's tables do not have are told; @p before, which may be NULL, told its own */
void sdk_strays_of_profile(devsdk_service *svc, const struct sdk_profile *now,
                           const struct sdk_profile *before);
void sdk_strays_of_device(devsdk_service *svc, const devsdk_device *now,
                          const devsdk_device *before);

/* opstate.c: what follows from being up or down */
/** Of all that changed; the service's report. */
void sdk_report(devsdk_service *svc, void *arg);
/** Take up what metadata says of the state. */
void sdk_note_snapshot(struct sdk_entry *e, const struct device *dto);
void sdk_attend_init(struct sdk_entry *e);
/** Have added() called, or see whether a device that is DOWN answers: now, in the lane. */
void sdk_attend_now(struct sdk_entry *e);

/* metadata.c: core-metadata's REST side */
enum edge_status sdk_metadata_profile(struct edge_ctx *ctx, devsdk_service *svc, const char *name,
                                      struct device_profile *ret);
typedef enum edge_status sdk_item_visitor(struct edge_ctx *ctx, devsdk_service *svc,
                                          const cJSON *item, void *arg);
/** Each element of the list @p key of all pages of @p path; what cannot be taken up is logged. */
enum edge_status sdk_metadata_each(struct edge_ctx *ctx, devsdk_service *svc, const char *path,
                                   const char *key, sdk_item_visitor *visit, void *arg);
enum edge_status sdk_metadata_register(struct edge_ctx *ctx, devsdk_service *svc);
/** What core-metadata knows of us; our address again, where another service of our name has left its own. */
enum edge_status sdk_metadata_reclaim(struct edge_ctx *ctx, devsdk_service *svc,
                                      struct device_service *ret_known);
/** 200: true, 404: false. */
enum edge_status sdk_metadata_has(struct edge_ctx *ctx, devsdk_service *svc, const char *kind,
                                  const char *name, bool *ret);
/** Send a batch; the first failed item fails it, 409 passes where @p existing_is_fine. */
enum edge_status sdk_metadata_send(struct edge_ctx *ctx, devsdk_service *svc, const char *method,
                                   const char *target, const char *body, bool existing_is_fine);
/** Told of each item of a batch that was refused for good; the reason is the context's. */
typedef void sdk_refused(struct edge_ctx *ctx, enum edge_status st, size_t item, void *arg);
/** A batch item by item, what exists already being fine; UNAVAILABLE where some could not be judged now. */
enum edge_status sdk_metadata_send_each(struct edge_ctx *ctx, devsdk_service *svc,
                                        const char *method, const char *target, const char *body,
                                        sdk_refused *refused, void *arg);

/* files.c: what the service brings along */
enum edge_status sdk_upload_files(struct edge_ctx *ctx, devsdk_service *svc);

/* watch.c: what drivers wait for */
struct sdk_watches *sdk_watches_create(devsdk_service *svc);
/** The driver has stopped: what it left is ended. NULL is fine. */
void sdk_watches_free(struct sdk_watches *ws);

/* routes.c: the SDK's, and the driver's own behind them */
struct edge_routes sdk_routes_with(struct edge_routes sdk, const devsdk_driver *driver);

/* commands.c: reads and writes by clients */
enum edge_status sdk_http_get(struct edge_call *call);
enum edge_status sdk_http_put(struct edge_call *call);
edge_bus_handler sdk_bus_command;
/** What to say of a device that is not here: NOT_FOUND, or UNAVAILABLE before the devices were fetched. */
enum edge_status sdk_device_unknown(struct edge_ctx *ctx, const devsdk_service *svc,
                                    const char *name);
/** Not more resources than Device.MaxCmdOps. */
enum edge_status sdk_source_check(struct edge_ctx *ctx, const devsdk_device *dev,
                                  const struct sdk_source *source);

/* callbacks.c: what core-metadata tells and asks over the bus */
edge_bus_handler sdk_bus_validate, sdk_bus_system_event;
/** Fetch everything again, soon. */
void sdk_resync(devsdk_service *svc);
/** Take up what still waits. */
void sdk_news_kick(devsdk_service *svc);
void sdk_news_clear(devsdk_service *svc);

/* discovery.c */
enum edge_status sdk_http_discovery_start(struct edge_call *call);
enum edge_status sdk_http_discovery_stop(struct edge_call *call);
enum edge_status sdk_watcher_apply(struct edge_ctx *ctx, devsdk_service *svc,
                                   const struct provision_watcher *dto);
void sdk_watcher_remove(devsdk_service *svc, const char *name);
bool sdk_watcher_has(devsdk_service *svc, const char *name);
/** Remove those whose name is not in @p names. */
void sdk_watchers_keep(struct edge_ctx *ctx, devsdk_service *svc, const struct edge_map *names);
void sdk_watchers_clear(devsdk_service *svc);
void sdk_discovery_schedule(devsdk_service *svc);
void sdk_discovery_cancel(devsdk_service *svc);

/* profilescan.c */
enum edge_status sdk_http_profile_scan_start(struct edge_call *call);
enum edge_status sdk_http_profile_scan_stop(struct edge_call *call);
/** Stop the one of @p device; NULL: all of them. */
void sdk_profile_scan_cancel(devsdk_service *svc, const char *device);

#endif
