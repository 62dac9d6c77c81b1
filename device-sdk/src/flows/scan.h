/** What a discovery and the scan of a device's profile have in common: an id, an end, progress. */
#ifndef SDK_SCAN_H
#define SDK_SCAN_H

#include "flows.h"

enum { SDK_SCAN_ID_SIZE = 64, SDK_SCAN_FAULT_SIZE = 512 };

struct sdk_profile_scan;

struct devsdk_scan {
    devsdk_service *svc;
    const char *action; /* of its system events: "discovery", "profilescan" */
    char request_id[SDK_SCAN_ID_SIZE];
    atomic_bool cancelled;
    struct edge_mutex lock;
    char fault[SDK_SCAN_FAULT_SIZE] EDGE_GUARDED; /* the driver's words for its failure */
    atomic_uint n_added, n_reported;              /* a discovery's devices */
    struct sdk_profile_scan *profile;             /* NULL: a discovery */
};

/** @p scan is zeroed. */
void sdk_scan_init(devsdk_scan *scan, devsdk_service *svc, const char *action,
                   const char *request_id);
void sdk_scan_done(devsdk_scan *scan);
/** Tell everybody: 0..100, -1 where it failed. @p message may be NULL. */
void sdk_scan_progress(devsdk_scan *scan, int percent, const char *message);
/** Why the driver's callback failed: its own words, else the result's. */
const char *sdk_scan_fault(struct edge_ctx *ctx, devsdk_scan *scan, devsdk_result result);

#endif
