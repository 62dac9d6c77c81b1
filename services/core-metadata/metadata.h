/**
 * What the rooms of core-metadata share: its state, its collections, and the few steps every
 * resource takes (look up, list, announce). One file per resource: profiles.c, profile_parts.c,
 * devices.c, device_services.c, watchers.c, uom.c.
 */
#ifndef METADATA_H
#define METADATA_H

#include "contracts/device.h"
#include "contracts/profile.h"
#include "edge/service.h"
#include "edge/store.h"
#include "edge/system_event.h"

struct profile_change_rules {
    bool strict_changes, strict_deletes;
};
struct uom_rules {
    bool validation;
};
struct uom_source {
    const char *file;
};
struct metadata_writable {
    struct edge_writable base;
    struct profile_change_rules profile_change;
    struct uom_rules uom;
    int64_t max_devices, max_resources; /* 0: no limit */
};

struct metadata_config {
    struct edge_base_config base;
    struct metadata_writable writable;
    struct uom_source uom;
};
extern const struct edge_dto METADATA_CONFIG;

struct metadata {
    const struct edge_runtime *rt;
    struct edge_store *store;
    struct uom *uom;
};

extern const struct edge_collection DEVICES, PROFILES, SERVICES, WATCHERS;

/* Bodies of requests that nobody else knows; profile_parts.c. */
extern const struct edge_dto RESOURCE_REQUEST, RESOURCE_CHANGE_REQUEST, COMMAND_REQUEST,
    COMMAND_CHANGE_REQUEST, TAGS_REQUEST;

/* Handlers, by file. */
edge_handler profiles_add, profiles_put, profile_upload, profile_reupload, profile_get,
    profile_delete, profiles_all, profiles_by_model, profiles_by_manufacturer,
    profiles_by_manufacturer_and_model, profiles_basic_patch, profiles_basic_all; /* profiles.c */
edge_handler resource_get, resources_add, resources_patch, resource_delete, commands_add,
    commands_patch, command_delete, profile_tags_patch; /* profile_parts.c */
edge_handler devices_add, devices_patch, devices_all, device_get, device_get_by_id,
    device_check_name, device_delete, devices_by_service, devices_by_profile; /* devices.c */
edge_handler services_add, services_patch, services_all, service_get,
    service_delete; /* device_services.c */
edge_handler watchers_add, watchers_patch, watchers_all, watcher_get, watcher_delete,
    watchers_by_service, watchers_by_profile; /* watchers.c */
edge_handler uom_get;                         /* uom.c */

/* ---- lookup.c ---- */

/** Does a document with @p member == @p value exist? */
enum edge_status metadata_has(struct edge_ctx *ctx, struct metadata *meta,
                              const struct edge_collection *c, const char *member,
                              const char *value, bool *ret);
/** How many of @p c have @p member == @p value. */
enum edge_status metadata_count(struct edge_ctx *ctx, struct metadata *meta,
                                const struct edge_collection *c, const char *member,
                                const char *value, int64_t *ret);
/** By name; NOT_FOUND "no <what> with name 'X' found". */
enum edge_status metadata_get(struct edge_ctx *ctx, struct metadata *meta,
                              const struct edge_collection *c, const char *what, const char *name,
                              void *obj);
/** The object a patch names by id or name; both given must belong together (contract 3.1). */
enum edge_status metadata_get_patched(struct edge_ctx *ctx, struct metadata *meta,
                                      const struct edge_collection *c, const char *what,
                                      const cJSON *patch, void *obj);
/** All that the query finds, as far as the answer to the call may have memory. */
enum edge_status metadata_gather(struct edge_call *call, const struct edge_query *query,
                                 struct edge_texts *ret);
/** Answer a page (offset, limit, labels of the call) of what the terms of @p query select. */
enum edge_status metadata_reply_page(struct edge_call *call, const char *key,
                                     struct edge_query *query);
/** INVALID where something new has a name that no route could find it by (edge_name_fault). */
enum edge_status metadata_name_check(struct edge_ctx *ctx, const char *what, const char *name);
/** An id for a new object: the client's own or a fresh one; and its times. */
void metadata_stamp(struct edge_ctx *ctx, const char **id, int64_t *created, int64_t *modified);

/* ---- change.c: each runs in one step of the store (edge_store_change), so nothing slow in it ---- */

/** @p change, then 200. */
enum edge_status metadata_change(struct edge_call *call, edge_handler *change);
/** As edge_each_decoded(), a step for each item. */
enum edge_status metadata_change_each(struct edge_call *call, const struct edge_dto *request,
                                      edge_item_handler *each);
/** As edge_each_patch(), a step for each item. */
enum edge_status metadata_change_patched(struct edge_call *call, const char *key,
                                         const struct edge_dto *dto, edge_patch_handler *each);

/* ---- announce.c ---- */

/** @p name as one level of a topic: escaped where Service.EnableNameFieldEscape says so. */
const char *metadata_topic_level(const struct metadata *meta, struct edge_arena *a,
                                 const char *name);
/** Publish the system event of the change under way (contract 4.6), once that is durable; @p profile:
 * last topic level, may be "". */
void metadata_announce(struct edge_ctx *ctx, struct metadata *meta, const char *type,
                       const char *action, const char *owner, const char *profile,
                       const struct edge_dto *dto, const void *details);

/* ---- device_rules.c ---- */

/** The checks of a device against service, profile and capacity (contract 4.3, 1 to 4 but the
 * name). */
enum edge_status device_service_must_exist(struct edge_ctx *ctx, struct metadata *meta,
                                           const char *service);
enum edge_status device_fits_profile(struct edge_ctx *ctx, struct metadata *meta,
                                     const struct device *device);
/** CONFLICT where @p device would be among its own ancestors, INVALID where it is its own parent. */
enum edge_status device_parent_fits(struct edge_ctx *ctx, struct metadata *meta,
                                    const struct device *device);
/** Leave out auto events whose source @p device's profile does not have. */
enum edge_status device_drop_unknown_auto_events(struct edge_ctx *ctx, struct metadata *meta,
                                                 struct device *device);
/** @p before: the device as it was, NULL for a new one. */
enum edge_status device_within_capacity(struct edge_ctx *ctx, struct metadata *meta,
                                        const struct device *before, const struct device *device);
/** Ask the owning device service (contract 4.6). */
enum edge_status device_accepted_by_driver(struct edge_ctx *ctx, struct metadata *meta,
                                           const struct device *device);

/* ---- profiles.c ---- */

/** Publish a profile's change: to core-metadata's owner level, and once to each device service that
 *  has a device of it (contract 4.6). */
void profile_announce_update(struct edge_ctx *ctx, struct metadata *meta,
                             const struct device_profile *profile);
/** Check the whole, store, announce: the end of every change of a profile. */
enum edge_status profile_store_changed(struct edge_ctx *ctx, struct metadata *meta,
                                       struct device_profile *profile);
/** LOCKED while Writable.ProfileChange.StrictDeviceProfileChanges is on. */
enum edge_status profile_changes_allowed(struct edge_ctx *ctx, struct metadata *meta);
/** CONFLICT with the official text while devices use the profile. */
enum edge_status profile_has_no_devices(struct edge_ctx *ctx, struct metadata *meta,
                                        const char *name, const char *verb);

/* ---- upload.c ---- */

/** The part called "file" of a multipart/form-data body. */
enum edge_status upload_file(struct edge_call *call, const char **ret_text, size_t *ret_len);

/* ---- uom.c ---- */

enum edge_status uom_open(struct edge_ctx *ctx, const struct edge_runtime *rt, struct uom **ret);
void uom_close(struct uom *uom);
/** INVALID where a resource's units are not in the list and validation is on. */
enum edge_status uom_check_profile(struct edge_ctx *ctx, struct metadata *meta,
                                   const struct device_profile *profile);
enum edge_status uom_check_resource(struct edge_ctx *ctx, struct metadata *meta,
                                    const struct device_resource *resource);

static inline const struct metadata_writable *metadata_writable(const struct metadata *meta)
{
    return edge_runtime_writable(meta->rt);
}

#endif
