/**
 * What a back end of the event store provides; event_store*.c are the only callers. They gather jobs, commit
 * them in groups, sort out events that come again, and see to it that a question finds what came before it:
 * a back end keeps rows and knows no jobs.
 */
#ifndef CORE_DATA_EVENT_STORE_OPS_H
#define CORE_DATA_EVENT_STORE_OPS_H

#include <stdbool.h>

#include "event_store.h"

enum row_kind { ROW_EVENT, ROW_READING, ROW_KINDS };
enum { ID_SIZE = 16 }; /* of an event, bytes */

/** An event on its way in. */
struct new_event {
    const struct event *event;
    unsigned char id[ID_SIZE];
    void *own; /* what the back end made of it, in the arena of the work */
};

struct event_store_ops {
    const char *name; /* value of Database.Type */
    /** As event_store_open; @p config and its texts live as long as the store. */
    enum edge_status (*open)(struct edge_ctx *ctx, const struct event_store_config *config,
                             void **ret_db);
    void (*close)(void *db);

    /* ---- by the writer's thread only. A call that failed changed nothing. ---- */

    /** Looks for what is wrong with one event (INVALID), before any is stored. */
    enum edge_status (*take)(struct edge_ctx *ctx, void *db, struct new_event *e);
    /** All of them or none, durably; INVALID: one of them cannot be stored. */
    enum edge_status (*commit)(struct edge_ctx *ctx, void *db, const struct new_event *events,
                               size_t n);
    enum edge_status (*has)(struct edge_ctx *ctx, void *db, const struct new_event *e, bool *ret);
    /** NOT_FOUND without a text. */
    enum edge_status (*remove)(struct edge_ctx *ctx, void *db, const unsigned char *id);
    /** Noted durably; done step by step. */
    enum edge_status (*note_removals)(struct edge_ctx *ctx, void *db,
                                      const struct event_removal *removals, size_t n);
    /** About how many bytes go into one commit. */
    size_t (*commit_size)(void *db);
    /** One step of what is not urgent; false: there is nothing to do, for now. It tells of its failures. */
    bool (*step)(void *db);
    /** When there may be something again, edge_now_mono_ms; 0: not before the next change. */
    int64_t (*step_at)(const void *db);

    /* ---- by any thread ---- */

    /** UNAVAILABLE where there is no room for @p size bytes more. */
    enum edge_status (*room)(struct edge_ctx *ctx, void *db, size_t size);
    /** NOT_FOUND without a text. */
    enum edge_status (*get)(struct edge_ctx *ctx, void *db, const unsigned char *id,
                            struct event *ret);
    enum edge_status (*find)(struct edge_ctx *ctx, void *db, enum row_kind kind,
                             const struct event_filter *filter, int64_t offset, int64_t limit,
                             struct event_rows *ret);
    /** *ret: events or readings; SIZE_MAX: all of them. *ret_largest: bytes the largest of them takes. */
    enum edge_status (*next)(struct edge_ctx *ctx, void *db, enum row_kind kind,
                             struct event_rows *rows, size_t size, void **ret, size_t *ret_n,
                             size_t *ret_largest);
    enum edge_status (*count)(struct edge_ctx *ctx, void *db, enum row_kind kind,
                              const struct event_filter *filter, int64_t *ret);
    enum edge_status (*nth_origin)(struct edge_ctx *ctx, void *db,
                                   const struct event_filter *filter, int64_t nth, int64_t *ret);
    enum edge_status (*aggregate)(struct edge_ctx *ctx, void *db, const struct event_filter *filter,
                                  enum event_aggregate how, int64_t deadline_ms,
                                  struct event_group **ret, size_t *ret_n);
    void (*sources)(struct edge_ctx *ctx, void *db, struct event_source **ret, size_t *ret_n);
    int64_t (*newest)(void *db);
    /** segments, removals, wal_pages; 0 where it has none. */
    void (*stats)(void *db, struct event_store_stats *ret);
};

extern const struct event_store_ops event_store_sqlite;

/** False: not a uuid. Any case. */
bool id_from_text(const char *text, unsigned char id[ID_SIZE]);

#endif
