/**
 * An ordered log of messages on disk, from which each one goes when somebody says that it is settled. It
 * keeps what must reach a peer whatever happens to the peer, the line or this process.
 *
 * A spool is a folder: segments (NNNNNNNN.seg: records behind one another, appended only), and `cursor`, two
 * slots of which the later valid one counts: the first record that is not settled, and those settled beyond it.
 * A record carries its own length and checksum; one that is torn or damaged is passed over, counted and told,
 * and the rest is read on. A segment goes when all of it is settled. A start reads the cursor and the last
 * segment, whatever the backlog.
 *
 * Bounded by bytes, number and age; what the bounds drop is counted by reason. Any thread may call; one appends
 * at a time, readers read beside it. Sequence numbers start at 1, grow by 1, and are never used again.
 */
#ifndef EDGE_SPOOL_H
#define EDGE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/ctx.h"

struct edge_log;
struct edge_spool;

/** When an append is on disk. */
enum edge_spool_durability {
    EDGE_SPOOL_GROUP, /* within group_ms or group_records: fdatasync from a thread of the spool's own */
    EDGE_SPOOL_SYNC, /* before the append returns */
    EDGE_SPOOL_OS,   /* when the system likes: safe from kill -9, not from a power cut */
};
/** What happens where a bound is met. */
enum edge_spool_full { EDGE_SPOOL_DROP_OLDEST, EDGE_SPOOL_DROP_NEWEST, EDGE_SPOOL_BLOCK };
/** Why a message went without being settled; also the names in metrics and answers. */
#define EDGE_DROPS(X)                                                                              \
    X(BYTES, "bytes")       /* too many of them waited */                                          \
    X(COUNT, "count")       /* too many messages */                                                \
    X(AGE, "age")           /* waited for too long */                                              \
    X(EXPIRED, "expired")   /* its own time had passed */                                          \
    X(DAMAGED, "damaged")   /* could not be read back */                                           \
    X(DISK, "disk")         /* could not be written */                                             \
    X(REJECTED, "rejected") /* the peer will never take it, and the quarantine is full */          \
    X(RETRIES, "retries")   /* MaxRetryCount is used up */                                         \
    X(PURGED, "purged")     /* by an operator */
enum edge_drop {
#define X(name, text) EDGE_DROP_##name,
    EDGE_DROPS(X)
#undef X
        EDGE_DROP_REASONS
};
extern const char *const EDGE_DROP_NAMES[EDGE_DROP_REASONS];

struct edge_spool_config {
    const char *dir;        /* made, with its parents, 0750 */
    uint64_t segment_bytes; /* 0: 4 MiB */
    uint64_t max_bytes;     /* of what waits; 0: 1 GiB */
    uint64_t max_count;     /* 0: none */
    int64_t max_age_ms;     /* 0: none */
    enum edge_spool_full full;
    enum edge_spool_durability durability;
    int64_t group_ms;        /* 0: 50 */
    unsigned group_records;  /* 0: 256 */
    uint64_t min_free_bytes; /* of the file system: below, as though full; 0: 16 MiB */
    bool quiet;              /* the owner says that it is full */
    const struct edge_log *log;
};

/** A message as it is written and read. Texts may be NULL. */
struct edge_spool_record {
    uint64_t seq;       /* given by the append */
    int64_t origin_ns;  /* since 1970: of what it tells */
    int64_t spooled_ms; /* since 1970: 0 when appended: now */
    int64_t expires_ms; /* since 1970; 0: never */
    uint32_t attempts;  /* of deliveries in former lives (a replay from the quarantine) */
    uint8_t kind;       /* the owner's: what the payload is */
    uint8_t priority;
    const char *correlation_id, *content_type;
    const char *context; /* the owner's, a text: what a continuation needs */
    const void *payload;
    size_t size;
};

enum {
    EDGE_SPOOL_RECORD_MAX = 64 << 20, /* bytes of a payload */
    EDGE_SPOOL_CONTEXT_MAX = 60 << 10,
};

/**
 * Opens, or makes. What could not be read is told in the log and counted; INTERNAL only where the folder cannot
 * be used at all, or another process has it (a lock), or a newer version wrote it.
 */
enum edge_status edge_spool_open(struct edge_ctx *ctx, const struct edge_spool_config *config,
                                 struct edge_spool **ret);
/** Writes out, and frees. Nobody may call any more. NULL is fine. */
void edge_spool_close(struct edge_spool *s);
/** New bounds and policy, from now on (dir, segment_bytes stay). */
void edge_spool_limit(struct edge_spool *s, const struct edge_spool_config *config);

/**
 * Append @p n records in one write; their seq are set. UNAVAILABLE where it is full and nothing may be dropped,
 * TOO_LARGE for a record beyond the bounds; then none of them is there. EDGE_SPOOL_BLOCK waits until @p deadline_ms
 * (edge_now_mono_ms) for room first.
 */
enum edge_status edge_spool_append(struct edge_ctx *ctx, struct edge_spool *s,
                                   struct edge_spool_record *records, size_t n,
                                   int64_t deadline_ms);
/** What was appended so far is on disk when it returns. */
enum edge_status edge_spool_sync(struct edge_ctx *ctx, struct edge_spool *s);

/**
 * The first record at or after @p seq that is not settled, into @p ctx's arena; NOT_FOUND where there is none
 * (yet). Records that expired or grew too old are dropped on the way. Reading on is cheap.
 */
enum edge_status edge_spool_read(struct edge_ctx *ctx, struct edge_spool *s, uint64_t seq,
                                 struct edge_spool_record *ret);
/**
 * This one is done with. The cursor moves when all before it are; those beyond it are remembered (4096 runs of
 * them, then the oldest come again after a restart). On disk within group_ms; after a kill -9 some come again.
 */
void edge_spool_settle(struct edge_spool *s, uint64_t seq);
/** Settled, and counted as dropped. */
void edge_spool_drop(struct edge_spool *s, uint64_t seq, enum edge_drop reason);
/** Everything that waits now; how many. */
uint64_t edge_spool_purge(struct edge_spool *s);
/**
 * Wait for a record at or after @p seq; false at @p deadline_ms, or when woken.
 */
bool edge_spool_wait(struct edge_spool *s, uint64_t seq, int64_t deadline_ms);
/** Whoever waits returns, now and from now on. */
void edge_spool_wake(struct edge_spool *s);

struct edge_spool_state {
    uint64_t first, next;       /* first not settled (= next where none waits), the next seq */
    uint64_t depth, bytes;      /* what waits; bytes on disk of them */
    uint64_t disk_bytes;        /* of all segments */
    int64_t oldest_ms;          /* spooled_ms of the first; 0: none */
    uint64_t appended, settled; /* since the start */
    uint64_t dropped[EDGE_DROP_REASONS];
    uint64_t written_bytes; /* since the start: wear */
};
/** What oldest_ms costs may be a look at a file. */
void edge_spool_state(struct edge_spool *s, struct edge_spool_state *ret);
/** What waits, alone: costs nothing. */
uint64_t edge_spool_depth(struct edge_spool *s);

#endif
