/** An outbox over a real broker, and who stands in for core-data: he acknowledges what he is told to. */
#ifndef OUTBOX_RIG_H
#define OUTBOX_RIG_H

#include "broker.h"
#include "edge/bus.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "model/config.h"
#include "model/parcels.h"
#include "suites.h"
#include "wait.h"

enum { SOON_MS = 30 * 1000, N_EVENTS = 10, MAX_HEARD = 20000, FIRST_EVENT = 31 };

#define BASE    "edgex"
#define SERVICE "device-outbox"

struct acker {
    struct edge_bus *bus;
    struct edge_mutex lock;
    const char *instance EDGE_GUARDED;
    unsigned deaf EDGE_GUARDED; /* bits: the first sending of this event is lost */
    bool mute EDGE_GUARDED;     /* acknowledges nothing */
    bool once EDGE_GUARDED;     /* stores what is marked only if it is not there */
    bool absent EDGE_GUARDED;   /* nor answers who asks for him */
    int heard[MAX_HEARD] EDGE_GUARDED;
    bool marked[MAX_HEARD] EDGE_GUARDED;
    int64_t origins[MAX_HEARD] EDGE_GUARDED;
    size_t n EDGE_GUARDED;
};

struct fixture {
    struct broker *broker;
    struct edge_bus_hub *hub; /* instead of a broker */
    struct edge_pool *pool;
    struct edge_metrics *metrics, *own; /* own: the outbox's, of one life */
    struct edge_log *log;
    struct edge_runtime rt;
    struct sdk_config config;
    devsdk_service svc;
    struct acker acker;
    bool attended; /* in one process: core-data is there */
};

/** Over a broker; or in one process, without core-data before outbox_rig_back(). False: skipped. */
bool outbox_rig_make(struct fixture *f, const struct sdk_outbox_config *config,
                     const char *data_dir, bool local);
void outbox_rig_done(struct fixture *f);
/** The outbox ends, and another one begins with what is in @p data_dir. */
void outbox_rig_restart(struct fixture *f, const char *data_dir);
void outbox_rig_hello(struct edge_ctx *ctx, struct acker *k);
/** He stops acknowledging and answering, which is known at once; or comes (again) as @p instance. */
void outbox_rig_away(struct fixture *f);
void outbox_rig_back(struct fixture *f, const char *instance);
bool outbox_rig_put(struct fixture *f, int number);
size_t outbox_rig_times(struct acker *k, int number, bool marked_only);
bool outbox_rig_is_empty(void *fixture);

#endif
