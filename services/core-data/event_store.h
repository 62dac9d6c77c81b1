/**
 * Where events and their readings live, written by one thread that commits whatever has gathered (an event
 * is acknowledged after the commit that holds it), read by several. How rows are kept is a back end's
 * (event_store_ops.h); the embedded one has one SQLite file:
 *
 * Rows are partitioned by arrival into segments. The newest takes all writes and is indexed in
 * memory only, so that writing appends and nothing else; when it is full its SQL indexes are built
 * in one go and it is never written again, except by deletions. Retention by age drops whole
 * segments. How many rows there are of which device and resource is always known, never scanned.
 */
#ifndef CORE_DATA_EVENT_STORE_H
#define CORE_DATA_EVENT_STORE_H

#include <stdint.h>

#include "contracts/event.h"
#include "edge/ctx.h"
#include "edge/data_file.h"

struct event_store;
struct edge_log;

struct event_store_config {
    const char *type; /* "sqlite", the name of a back end; NULL: the embedded one */
    struct edge_data_file_config file;
    /* Events that may wait are committed when so many have gathered or the first of them has waited so
     * long; sooner with any change that may not wait, and when somebody asks for what is stored: a
     * question waits for their commit, so they are found at once. Not yet committed means not yet
     * reported, and gone after a kill. 0: they do not wait. */
    int64_t gather_ms;
    size_t gather_events;
    /* By the writer, each time a commit's jobs were reported; may be NULL. */
    void (*settled)(void *arg);
    void *settled_arg;
    size_t max_queued;         /* jobs waiting for the writer; 0: 8192 */
    uint32_t segment_readings; /* a segment is full at this many; 0: 131072 */
    uint32_t segment_events;   /* or at this many; 0: 65536 */
    int64_t segment_age_ms;    /* or when it is this old; 0: 24 h */
    int64_t max_pages;         /* of 4 KiB, of the whole file; 0: as the disk allows */
    const struct edge_log *log;
};

/**
 * INVALID: the type is unknown. UNAVAILABLE or FORBIDDEN with a text naming path and reason: not ours, of a newer version, in use. A
 * store that is damaged is put aside (edge_data_file_put_aside) and an empty one is opened.
 */
enum edge_status event_store_open(struct edge_ctx *ctx, const struct event_store_config *config,
                                  struct event_store **ret);
/**
 * Finishes what is queued, and deletions as far as they come in two seconds (the rest is done after
 * the next start), then closes. NULL is fine.
 */
void event_store_close(struct event_store *store);

/* ---- changes: queued, done by the writer, durable before they are reported --------------------
 */

enum event_job_kind {
    EVENT_ADD,         /* event */
    EVENT_REMOVE_ID,   /* id; NOT_FOUND where there is none */
    EVENT_REMOVE,      /* removal; reported once it is noted durably, done bit by bit beside the
                        ingest */
    EVENT_REMOVE_EACH, /* the same for each of removals, noted together */
};

/** Every event stored so far of device and source with from <= origin <= cutoff. */
struct event_removal {
    const char *device, *source; /* NULL: any */
    int64_t cutoff;              /* ns; INT64_MAX: any */
    int64_t from;                /* ns; 0: any */
    int64_t
        arrived_before_ms; /* since 1970; 0: any. To the segment: what came within some hours before
                                    may stay */
};

/** A change; it and all it points to stay put until done was called, by the writer's thread, once.
 */
struct event_job {
    enum event_job_kind kind;
    const struct event *event;
    bool again;    /* EVENT_ADD: it may be stored already; CONFLICT then, as good as OK */
    bool may_wait; /* EVENT_ADD: for others, to be committed together (gather_ms) */
    size_t held;   /* bytes that stay until done, where more than the event itself says */
    const char *id;
    struct event_removal removal;
    const struct event_removal *removals;
    size_t n_removals;
    void (*done)(struct event_job *job, enum edge_status st, const char *why); /* why: "" when OK */
    struct event_job *next;                                                    /* the store's */
};

/** UNAVAILABLE where the queue is still full after @p wait_ms, the store closes, or an event would be added
 * to a disk that is nearly full; done is not called then. */
enum edge_status event_store_submit(struct edge_ctx *ctx, struct event_store *store,
                                    struct event_job *job, int64_t wait_ms);
/** What has gathered is committed now. Returns at once. */
void event_store_hurry(struct event_store *store);
/** Likewise, and wait until that and all that was submitted before is done. */
void event_store_flush(struct event_store *store);
/** Wait until everything submitted before is done, deletions and indexes included. For tests and
 * benches. */
void event_store_settle(struct event_store *store);

/* ---- questions: any thread that may wait for a commit ------------------------------------------------------------------- */

/** Which rows. Origins are inclusive. */
struct event_filter {
    const char *device;           /* NULL: any */
    const char *source;           /* events; NULL: any */
    const char *const *resources; /* readings; n_resources 0: any */
    size_t n_resources;
    int64_t start, end;        /* INT64_MIN, INT64_MAX: any */
    int64_t arrived_before_ms; /* as of a removal; 0: any */
};
#define EVENT_FILTER_ALL .start = INT64_MIN, .end = INT64_MAX

/** By id in any of the lenient forms already made canonical; NOT_FOUND without a text of its own.
 */
enum edge_status event_store_get(struct edge_ctx *ctx, struct event_store *store, const char *id,
                                 struct event *ret);
/** Newest origin first, insertion order among equals. */
enum edge_status event_store_events(struct edge_ctx *ctx, struct event_store *store,
                                    const struct event_filter *filter, int64_t offset,
                                    int64_t limit, struct event **ret, size_t *ret_n);
enum edge_status event_store_readings(struct edge_ctx *ctx, struct event_store *store,
                                      const struct event_filter *filter, int64_t offset,
                                      int64_t limit, struct reading **ret, size_t *ret_n);
/**
 * The same for lists that are read bit by bit: which rows is settled by the first call, each further
 * one fetches the next of them. What was removed meanwhile is left out.
 */
struct event_rows {
    struct row_ref *rows; /* in the arena of who asked */
    size_t n, at;         /* at: how many were fetched */
};
enum edge_status event_store_find_events(struct edge_ctx *ctx, struct event_store *store,
                                         const struct event_filter *filter, int64_t offset,
                                         int64_t limit, struct event_rows *ret);
enum edge_status event_store_find_readings(struct edge_ctx *ctx, struct event_store *store,
                                           const struct event_filter *filter, int64_t offset,
                                           int64_t limit, struct event_rows *ret);
/** As many as take some @p size bytes in the context's arena, one at least; none at the end. */
enum edge_status event_store_next_events(struct edge_ctx *ctx, struct event_store *store,
                                         struct event_rows *rows, size_t size, struct event **ret,
                                         size_t *ret_n);
enum edge_status event_store_next_readings(struct edge_ctx *ctx, struct event_store *store,
                                           struct event_rows *rows, size_t size,
                                           struct reading **ret, size_t *ret_n);
/** About how many bytes the largest event takes that went in or out since the store was opened; 0
 * where none is worth mentioning. */
size_t event_store_largest(const struct event_store *store);

enum edge_status event_store_count_events(struct edge_ctx *ctx, struct event_store *store,
                                          const struct event_filter *filter, int64_t *ret);
enum edge_status event_store_count_readings(struct edge_ctx *ctx, struct event_store *store,
                                            const struct event_filter *filter, int64_t *ret);

/** Origin of the event @p nth of those that match (0: the newest); NOT_FOUND where there are fewer.
 * Fetches no event. */
enum edge_status event_store_nth_origin(struct edge_ctx *ctx, struct event_store *store,
                                        const struct event_filter *filter, int64_t nth,
                                        int64_t *ret);

enum event_aggregate {
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_SUM,
    AGGREGATE_AVG,
    AGGREGATE_COUNT
};

/** Of the readings of one device, resource, profile and value type. */
struct event_group {
    const char *device, *resource, *profile;
    unsigned value_type; /* of the value: Int64, Uint64, Float64; the readings' own where there is
                            none */
    const char *value;   /* a JSON number; "" quoted where no reading has a finite one, or no
                          double holds the sum */
};
/**
 * In order of device, resource, profile, value type. Reads every matching row: not on an event
 * thread. UNAVAILABLE where that takes until after @p deadline_ms (edge_now_mono_ms; 0: no limit).
 */
enum edge_status event_store_aggregate(struct edge_ctx *ctx, struct event_store *store,
                                       const struct event_filter *filter, enum event_aggregate how,
                                       int64_t deadline_ms, struct event_group **ret,
                                       size_t *ret_n);

/** A (device, source) that has events, for retention. */
struct event_source {
    const char *device, *source;
    int64_t n_events;
};
void event_store_sources(struct edge_ctx *ctx, struct event_store *store, struct event_source **ret,
                         size_t *ret_n);

struct event_store_stats {
    uint64_t events, readings; /* persisted since open */
    size_t segments, queued;
    size_t removals; /* noted and not done yet */
    int64_t wal_pages;
};
void event_store_stats(struct event_store *store, struct event_store_stats *ret);
/** The largest origin of an event, ns; 0 where there is none. */
int64_t event_store_newest(struct event_store *store);

#endif
