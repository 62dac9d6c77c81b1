/** Inside the test kit; tests/support/device_rig.h stands on the same rig. */
#ifndef DEVSDK_TESTKIT_H
#define DEVSDK_TESTKIT_H

#include "contracts/event.h"
#include "devsdk/host.h"
#include "devsdk/test.h"
#include "edge/service.h"
#include "edge/system_event.h"
#include "edge/thread.h"

/* ---- rig.c: core-metadata, a listener and the driver's service in this process ---------------- */

struct kit_listener;

struct kit_rig {
    struct edge_service service; /* the driver's */
    struct edge_host *host;
    const struct edge_runtime *metadata, *device;
    struct kit_listener *listener;
};

/** configuration.yaml of @p service below @p dir, on a port of the kernel's choice, saying what @p text says;
 * warnings are logged, where it says nothing of that. */
enum edge_status kit_put_config(struct edge_ctx *ctx, const char *dir, const char *service,
                                const char *text, const char *log_level);
/** The same with what lies in @p folder, the other files included. */
enum edge_status kit_put_folder(struct edge_ctx *ctx, const char *dir, const char *service,
                                const char *folder, const char *log_level);
/** The driver's configuration has been put. */
enum edge_status kit_rig_start(struct edge_ctx *ctx, struct kit_rig *r, const char *dir,
                               const devsdk_driver *driver);
void kit_rig_stop(struct kit_rig *r);
/** A call of a route, in process. */
struct edge_http_response kit_call(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                   const char *method, const char *target, const char *body);
/** A YAML or JSON text, or the file of that name. */
enum edge_status kit_tree(struct edge_ctx *ctx, const char *text_or_path, const cJSON **ret);

/* ---- listen.c: what the device service says -------------------------------------------------- */

extern const struct edge_service kit_listener_service;

struct kit_wanted {
    const char *device, *source; /* NULL or "": any */
};
/** Events of that kind so far. */
size_t kit_events_heard(struct kit_listener *l, struct kit_wanted wanted);
/** Wait for @p n of them; false at the deadline. */
bool kit_events_wait(struct kit_listener *l, struct kit_wanted wanted, size_t n,
                     int64_t deadline_ms);
/** The latest, a copy in @p a; NULL: none. */
const struct event *kit_event_latest(struct kit_listener *l, struct kit_wanted wanted,
                                     struct edge_arena *a);
/** The first that was not taken yet, waited for; a copy in @p a; NULL at the deadline. */
const struct event *kit_event_take(struct kit_listener *l, struct kit_wanted wanted,
                                   int64_t deadline_ms, struct edge_arena *a);
/** How the scan @p id ended: true, and *ret_why NULL or why it failed; false at the deadline. */
bool kit_scan_wait(struct kit_listener *l, const char *id, int64_t deadline_ms,
                   struct edge_arena *a, const char **ret_why);

/* ---- watch.c: the driver's table with somebody who looks on ------------------------------------ */

struct devsdk_service;

/** The table to run in place of @p driver. Faults go to @p t. */
const devsdk_driver *kit_watch_begin(devsdk_test *t, const devsdk_driver *driver);
/** @p still_used: the driver holds on to something, and what it needs stays. */
void kit_watch_end(bool still_used);
/** The service, once its start() was called. */
struct devsdk_service *kit_watch_service(void);
/** Until no handler runs and no request waits for its answer; false at the deadline. */
bool kit_watch_wait_idle(int64_t deadline_ms);
/** Until the driver has no device of that name; false at the deadline. */
bool kit_watch_wait_removed(const char *device, int64_t deadline_ms);
/** Each request without an answer becomes a fault. */
void kit_watch_tell_unanswered(void);
/** What was reported since the last call; in the kit's arena. */
size_t kit_watch_found(devsdk_test *t, const devsdk_test_found **ret);

/* ---- traces.c: what stays behind in the process ------------------------------------------------- */

struct kit_traces {
    unsigned char files[512]; /* a bit per descriptor */
    unsigned threads[256], n_threads;
};
void kit_traces_note(struct kit_traces *before);
void kit_traces_compare(devsdk_test *t, const struct kit_traces *before);

/* ---- kit.c ---------------------------------------------------------------------------------------- */

struct devsdk_test {
    struct kit_rig rig;
    struct kit_traces before;
    char **environment, **quiet; /* the process's own, and what it has while the kit runs */
    char dir[64];
    int status;
    const char *text;
    struct edge_mutex lock;
    struct edge_arena arena EDGE_GUARDED; /* results */
    char **faults EDGE_GUARDED;
    unsigned n_faults EDGE_GUARDED, n_unmet EDGE_GUARDED;
};

/** What devsdk_test_status() and devsdk_test_text() say. */
void kit_say(devsdk_test *t, int status, const char *text);
void kit_fault(devsdk_test *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
