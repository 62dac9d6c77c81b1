/**
 * What stands between a pipeline and a peer: a spool, and a thread that hands its messages to a connector and
 * settles them when the peer has them. In order: where one fails, everything from it on is sent again after a
 * back-off with jitter; what the peer will never take goes to the quarantine, and the rest goes on.
 */
#ifndef EXPORT_QUEUE_H
#define EXPORT_QUEUE_H

#include "edge/dto.h"
#include "export/connector.h"

struct export_queue;

/*
 * A record's context is a JSON object: "values" are the texts of {placeholders}, "id" is the event's. "mid", "reason"
 * and "since" are the queue's own; what else is in it is the owner's.
 */
/** In @p ctx's arena; *ret_tree may be NULL: there is none. */
enum edge_status export_context_read(struct edge_ctx *ctx, const char *context,
                                     const cJSON **ret_tree,
                                     const struct export_value **ret_values);

/**
 * What the message's way goes on with, on the queue's thread, once delivered; before it is settled. The outcome's
 * response is what came in where the peer gave none.
 */
typedef enum edge_status export_continue(void *arg, struct edge_ctx *ctx,
                                         const struct edge_spool_record *record,
                                         const struct export_outcome *outcome);

typedef void export_told(void *arg, struct edge_ctx *ctx, const struct edge_spool_record *record,
                         const struct export_outcome *outcome);

struct export_queue_config {
    const char *name;               /* "<pipeline>.<function>", unique; its folder, escaped */
    struct edge_spool_config spool; /* dir: of this queue */
    const struct export_connector *connector;
    const void *stage;
    struct export_connector_env env;         /* queue, settle, line: set by the queue */
    unsigned window;                         /* 0: the connector's */
    int64_t retry_first_ms, retry_last_ms;   /* 0: 1 s, 120 s; full jitter */
    int64_t denied_first_ms, denied_last_ms; /* 0: 30 s, 15 min */
    int64_t retry_interval_ms; /* StoreAndForward.RetryInterval; 0: the back-off above */
    unsigned max_retries;      /* StoreAndForward.MaxRetryCount; 0: for ever */
    bool keep; /* false: a message that fails once is dropped (StoreAndForward off, by choice) */
    unsigned max_rejections; /* of the same message, before it goes to the quarantine; 0: 1 */
    double rate, bytes_rate; /* a second at most; 0: as fast as may be */
    bool live_first; /* after an outage new ones go beside those that waited; else in order */
    export_continue *go_on; /* NULL: nothing follows */
    /* It failed for the first time, or for good (then it is no more); NULL: nobody wants to know. */
    export_told *told;
    void *go_on_arg;
};

#define EXPORT_QUEUE_STATES(X)                                                                     \
    X(IDLE, "idle")                                                                                \
    X(SENDING, "sending")                                                                          \
    X(BACKOFF, "backoff")                                                                          \
    X(BLOCKED, "blocked") /* full, and nothing may be dropped */                                   \
    X(PAUSED, "paused")                                                                            \
    X(CLOCK, "waiting-clock")                                                                      \
    X(DENIED, "auth-failed")                                                                       \
    X(UNCONNECTED, "no-connector") /* of what has no queue: nobody speaks to such peers */         \
    X(REFUSED, "refused")          /* it cannot be made */
enum export_queue_state {
#define X(name, text) EXPORT_Q_##name,
    EXPORT_QUEUE_STATES(X)
#undef X
};
extern const char *const EXPORT_QUEUE_STATE_NAMES[]; /* NULL-ended */

/** As GET /api/v3/export/queue/{name} shows it. */
struct export_queue_status {
    const char *name, *last_error;
    unsigned state;
    uint64_t depth, bytes, in_flight, acknowledged, retries, quarantined;
    int64_t oldest_age_ms, next_retry_ms, last_error_ms;
    bool paused;
    uint64_t dropped[EDGE_DROP_REASONS];
};

enum edge_status export_queue_open(struct edge_ctx *ctx, const struct export_queue_config *config,
                                   struct export_queue **ret);
/** Limits, retries and rate as @p config says from now on; name, folder, connector and stage stay. */
void export_queue_configure(struct export_queue *q, const struct export_queue_config *config);
/** What is under way is waited for until @p deadline_ms; everything else stays in the spool. */
void export_queue_stop(struct export_queue *q, int64_t deadline_ms);
void export_queue_close(struct export_queue *q);

/** As edge_spool_append(). What is too large for the connector goes to the quarantine in its turn. */
enum edge_status export_queue_put(struct edge_ctx *ctx, struct export_queue *q,
                                  struct edge_spool_record *records, size_t n, int64_t deadline_ms);
void export_queue_pause(struct export_queue *q, bool paused); /* survives a restart */
/** Try now, whatever the back-off; also where the network came up. */
void export_queue_flush(struct export_queue *q);
uint64_t export_queue_purge(struct export_queue *q);
void export_queue_status(struct edge_ctx *ctx, struct export_queue *q,
                         struct export_queue_status *ret);

/* The quarantine: itself a spool, each message settled by hand. */
struct export_quarantined {
    uint64_t seq;
    struct edge_spool_record record;
    const char *reason;
    int64_t since_ms;
};
enum edge_status export_quarantine_list(struct edge_ctx *ctx, struct export_queue *q,
                                        uint64_t after, size_t limit,
                                        struct export_quarantined **ret, size_t *ret_n);
/** @p seq 0: all. NOT_FOUND where there is none. */
enum edge_status export_quarantine_replay(struct edge_ctx *ctx, struct export_queue *q,
                                          uint64_t seq);
enum edge_status export_quarantine_delete(struct edge_ctx *ctx, struct export_queue *q,
                                          uint64_t seq);

#endif
