/** What the files of a queue share. */
#ifndef EXPORT_QUEUE_INTERNAL_H
#define EXPORT_QUEUE_INTERNAL_H

#include "edge/backoff.h"
#include "edge/buf.h"
#include "edge/json.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/thread.h"
#include "export/queue.h"

enum {
    QUEUE_ERROR_SIZE = 512,
    QUEUE_ENDS = 64, /* halves of halves: more than a number of messages has */
};

/** Of something that is sent by itself: the last item of it, where a record is a list; else item is 0. */
struct queue_end {
    uint64_t seq;
    size_t item;
};

/** A message in the connector's hands, or back from there and not settled yet. */
struct queue_slot {
    struct export_queue *q;
    struct edge_ctx ctx;
    struct edge_spool_record record;
    struct export_message message;
    size_t item, n_items, n_all; /* of a list: the first one, how many, of how many; else 0 */
    struct edge_buf response;    /* where what follows is done later */
    bool back;                   /* the fields below are valid */
    bool went_on;                /* what follows is done */
    enum export_fate fate;
    int64_t sent_ns, back_ns; /* mono */
    int64_t retry_after_ms;
    uint8_t response_kind;
    bool has_response;
    const char *response_type; /* in the slot's arena */
    char reason[QUEUE_ERROR_SIZE];
};

struct export_queue {
    struct export_queue_config config; /* texts in arena; limits change under the lock */
    struct edge_arena arena;
    unsigned window;
    size_t max_bytes;
    struct edge_spool *spool;
    void *connector;
    pthread_t thread;
    struct edge_gauge *size;         /* NULL without metrics, as the next */
    struct edge_histogram *duration; /* from a message's origin until its peer had it, */
    struct edge_histogram *waited;   /* of that in the spool, */
    struct edge_histogram *answered; /* and from when it was handed on */

    struct edge_mutex lock;
    struct edge_cond changed EDGE_GUARDED;
    struct edge_spool *quarantine EDGE_GUARDED; /* NULL: nothing was ever in it */
    struct queue_slot **slots;                  /* a ring of `window`; what is in it is guarded */
    unsigned first EDGE_GUARDED, n EDGE_GUARDED;
    unsigned n_out EDGE_GUARDED; /* of them with the connector */
    size_t ahead EDGE_GUARDED;   /* bytes in the ring */
    uint64_t next_seq EDGE_GUARDED;
    struct queue_end ends[QUEUE_ENDS] EDGE_GUARDED;
    unsigned n_ends EDGE_GUARDED;
    struct queue_end
        parted[2] EDGE_GUARDED; /* lists of which these items are done; of each lane one */
    bool running EDGE_GUARDED, stopping EDGE_GUARDED, stopped EDGE_GUARDED;
    bool paused EDGE_GUARDED, woken EDGE_GUARDED, full EDGE_GUARDED;
    enum export_line line EDGE_GUARDED;
    unsigned denied EDGE_GUARDED, failures EDGE_GUARDED; /* in a row */
    struct edge_backoff retry_pause EDGE_GUARDED, denied_pause EDGE_GUARDED;
    unsigned secrets EDGE_GUARDED;    /* version at the last denial */
    uint64_t failed_seq EDGE_GUARDED; /* the one that failed last, */
    unsigned failed_times EDGE_GUARDED, rejected_times EDGE_GUARDED; /* and how often */
    /* live_first, after an outage: those below boundary waited, the others are new; 0: there is one lane. */
    uint64_t boundary EDGE_GUARDED, live_seq EDGE_GUARDED;
    unsigned turn EDGE_GUARDED;
    int64_t not_before_ms EDGE_GUARDED, next_send_ns EDGE_GUARDED; /* mono */
    uint64_t acknowledged EDGE_GUARDED, retries EDGE_GUARDED;
    int64_t last_error_ms EDGE_GUARDED;
    char last_error[QUEUE_ERROR_SIZE] EDGE_GUARDED;
};

/* queue_message.c */
/** The record as the connector is to have it; a failure is one of the message, for good. */
enum edge_status queue_message_make(struct export_queue *q, struct queue_slot *slot);
void queue_message_id(const char *queue, const struct edge_spool_record *record,
                      const cJSON *context, char id[33]);
/** NULL where there is none of that name. */
const char *queue_context_text(const cJSON *tree, const char *name);

/* queue_split.c */
/** What came back first is too much at once: its first half is what goes next. False: it is one alone. */
bool queue_split(struct export_queue *q) EDGE_REQUIRES(q->lock);
/** Of a list, what is to go now. */
enum edge_status queue_part(struct export_queue *q, struct queue_slot *slot,
                            struct export_data *list);
/** Others of the same list follow. */
bool queue_is_part(const struct queue_slot *slot);
/** Whether something that is sent by itself ends with this record. */
bool queue_ends_with(struct export_queue *q, uint64_t seq);
/** This one is done with; so is what ends with it. */
void queue_passed(struct export_queue *q, const struct queue_slot *slot) EDGE_REQUIRES(q->lock);

/* queue_pump.c */
void *queue_pump(void *q);
export_settle queue_settle;
void queue_line(void *q, enum export_line line, const char *reason);
/** Settle, in order, what is back. */
void queue_reap(struct export_queue *q);
/** With live_first: what is in the spool now waited, what comes is new. */
void queue_lanes(struct export_queue *q) EDGE_REQUIRES(q->lock);
/** Whatever is still in the ring stays in the spool. */
void queue_forget(struct export_queue *q);
void queue_error(struct export_queue *q, const char *reason) EDGE_REQUIRES(q->lock);

/* queue_quarantine.c */
/** Open it where it is there, or must be. */
enum edge_status queue_quarantine_open(struct edge_ctx *ctx, struct export_queue *q, bool make);
/** NULL: nothing was ever in it. */
struct edge_spool *queue_quarantine(struct export_queue *q);
/** False: it is full; the message is not there. */
bool queue_quarantine_put(struct edge_ctx *ctx, struct export_queue *q,
                          const struct queue_slot *slot, const char *reason);

#endif
