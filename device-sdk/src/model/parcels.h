/**
 * What waits in the outbox, in order, and how far each has got. For the outbox's own files.
 */
#ifndef SDK_PARCELS_H
#define SDK_PARCELS_H

#include "edge/backoff.h"
#include "edge/spool.h"
#include "edge/text.h"
#include "model.h"

enum {
    BATCH = 64,
    FIRST_RESEND_MS = 1000,
    LAST_RESEND_MS = 60 * 1000, /* between two rounds without progress */
    FIRST_WINDOW = 1000, /* events sent and not acknowledged: a stock broker drops what is beyond */
    MAX_WINDOW = 5000,   /* the bus drops what is beyond 10,000 */
};

enum parcel_state {
    PARCEL_WAITS,
    PARCEL_SENT,
    PARCEL_DONE, /* acknowledged, or given up */
};

struct parcel {
    const struct edge_message *message;
    uint64_t serial; /* of its last sending */
    uint32_t n_readings, bytes;
    uint8_t state;
    uint8_t tries; /* sendings; from the second on only those behind which others got through */
    bool loaded;   /* from disk */
    bool was_sent; /* before it went there */
    uint64_t seq;  /* on disk; 0: it is not */
};

/* A ring that grows up to its bound. */
struct parcels {
    struct parcel *at;
    size_t head, n, cap, max;
    uint64_t popped; /* from the beginning, so far */
};

/*
 * Events on disk. Those behind the parcels in memory are there alone, from tail on; what comes meanwhile is fresh, and
 * follows them.
 */
struct spill {
    bool on;           /* events go to disk */
    bool broken;       /* it took nothing, last time */
    uint64_t tail;     /* the first that is on disk alone; 0: there is none */
    uint64_t next;     /* number of the next record */
    size_t written;    /* of the parcels of events: those before it are on disk, or need not be */
    size_t published;  /* of the fresh ones: those before it were heard by others already */
    uint64_t *settled; /* numbers core-data has, not yet crossed out */
    size_t n_settled, cap_settled;
};

/* The thread's own of it. */
struct spill_disk {
    struct edge_spool *spool; /* NULL: not needed so far */
    uint64_t found, lost;     /* events: at the opening; dropped since, and counted */
    uint64_t depth;           /* as of the last look */
    int64_t retry_ms;         /* it took nothing: not before */
    bool told;                /* that events go to disk */
    int64_t told_ms, complained_ms, looked_ms;
};

enum outbox_mode {
    OUTBOX_LOCAL,  /* in one process: published is delivered */
    OUTBOX_ABSENT, /* in one process, and no core-data in it works: others hear, and it is kept */
    OUTBOX_ASKING, /* does anybody acknowledge? Sent, and kept until that is known */
    OUTBOX_ACKED,
    OUTBOX_ALONE, /* nobody does; some are kept for one who comes late */
};

struct sdk_outbox {
    devsdk_service *svc;
    struct edge_mutex lock;
    struct edge_cond filled, emptied;
    struct parcels replies EDGE_GUARDED, events EDGE_GUARDED;
    struct spill spill EDGE_GUARDED; /* what is on disk, between events and fresh ones */
    struct parcels fresh EDGE_GUARDED;
    struct spill_disk disk;
    size_t next EDGE_GUARDED;   /* of events: those before it are sent or done, */
    size_t reach EDGE_GUARDED;  /* those before it were sent at least once */
    size_t hint EDGE_GUARDED;   /* where the next acknowledged one probably is */
    size_t n_sent EDGE_GUARDED; /* of events: sent and not acknowledged */
    size_t bytes EDGE_GUARDED, max_bytes;
    size_t window EDGE_GUARDED, threshold EDGE_GUARDED; /* up to here it grows fast */
    struct sdk_spill_limits {
        uint64_t max_bytes; /* 0: no disk */
        int64_t after_ms, max_age_ms;
    } limits;
    uint64_t serial EDGE_GUARDED, newest EDGE_GUARDED; /* of all sendings, of those acknowledged */
    uint64_t heard EDGE_GUARDED; /* of the last sending before he acknowledged any */
    enum outbox_mode mode EDGE_GUARDED;
    char instance[EDGE_UUID_SIZE] EDGE_GUARDED; /* of who acknowledges */
    bool present EDGE_GUARDED;         /* in one process: core-data has answered, so it works */
    bool holds EDGE_GUARDED;           /* in one process: nothing is sent before it could answer */
    unsigned connections EDGE_GUARDED; /* of the bus, as of the last look */
    bool listening EDGE_GUARDED;       /* nothing is sent before he says that he is there */
    int64_t asking_until_ms EDGE_GUARDED, next_ask_ms EDGE_GUARDED;
    int64_t progress_ms EDGE_GUARDED; /* when he spoke last, or there was nothing to speak of */
    int64_t next_resend_ms EDGE_GUARDED, next_gap_ms EDGE_GUARDED;
    struct edge_backoff resends EDGE_GUARDED;
    int64_t complained_ms EDGE_GUARDED;
    size_t n_refused EDGE_GUARDED; /* since the last complaint */
    bool idle EDGE_GUARDED;        /* the thread waits */
    bool closed EDGE_GUARDED;      /* takes nothing */
    bool cut EDGE_GUARDED;         /* sends nothing either */
    bool joined;
    pthread_t thread;
};

struct parcel *sdk_parcel_at(const struct parcels *p, size_t i);
void sdk_parcels_push(struct parcels *p, struct parcel parcel);
struct parcel sdk_parcels_pop(struct parcels *p);
struct parcel sdk_parcels_pop_last(struct parcels *p);
/** It is stored, or given up: its message may go. */
void sdk_parcel_finish(struct sdk_outbox *o, struct parcel *p) EDGE_REQUIRES(o->lock);
/** How many core-data is waited for with. */
void sdk_parcels_count(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);
/** Those that are finished leave, as far as all before them are. */
void sdk_parcels_pop_done(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);
/** Have what was sent before the sending @p before be sent again, in order. */
void sdk_parcels_resend(struct sdk_outbox *o, uint64_t before) EDGE_REQUIRES(o->lock);

/* outbox_spill.c: to the disk and back; on the outbox's thread, or when that has ended. */
/** What a former life has left: at the start, before there is a thread. */
void sdk_spill_begin(struct sdk_outbox *o);
/** A step of writing, reading and crossing out; true where there is more to do at once. */
bool sdk_spill_step(struct sdk_outbox *o, bool connected);
/** What is still in memory and may be missing; returns how many went nowhere. */
size_t sdk_spill_end(struct sdk_outbox *o);
/** Cross out a number, soon. */
void sdk_spill_settle(struct sdk_outbox *o, uint64_t seq) EDGE_REQUIRES(o->lock);
/** Events that are in neither ring that is sent from. */
size_t sdk_spill_waiting(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

/** The thread, with the outbox as its argument; outbox_send.c. */
void *sdk_outbox_send_all(void *arg);

#endif
