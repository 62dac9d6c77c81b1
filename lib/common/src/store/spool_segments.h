/** The files of a spool: which there are, and reading in them. The spool's lock guards all of it. */
#ifndef SPOOL_SEGMENTS_H
#define SPOOL_SEGMENTS_H

#include "edge/buf.h"
#include "edge/thread.h"
#include "spool_format.h"
#include "spool_ranges.h"

struct segment {
    uint64_t first; /* seq; also its name */
    uint64_t size;  /* bytes */
};

/** Reading goes on where it stopped. */
struct spool_reader {
    uint64_t seq;   /* of the record at offset; 0: nowhere */
    uint64_t first; /* of the open segment */
    uint64_t offset;
    int fd;
    unsigned char *buffer;
    uint64_t buffer_at; /* offset of its first byte in the file */
    size_t buffer_n, buffer_cap;
};

struct edge_spool {
    struct edge_spool_config config;
    struct edge_arena arena;
    int dir_fd, lock_fd, cursor_fd;
    struct edge_mutex lock;
    struct edge_cond appended, room, work;

    struct segment *segments; /* in order; the last one is appended to */
    size_t n_segments, cap_segments;
    int fd;          /* of the last one */
    uint64_t next;   /* seq of the next record */
    uint64_t cursor; /* the first that is not settled */
    uint64_t unsure; /* records before it may not be on the disk: it did not take them */
    uint64_t synced; /* segments before the one with it are on the disk */
    struct ranges beyond;
    uint64_t disk_bytes;
    int64_t first_spooled_ms; /* of the record at the cursor; 0: not known */
    uint64_t first_known;     /* the seq that is of */

    struct spool_reader reader,
        other; /* the one in use, and another place somebody reads on from */

    struct edge_buf out; /* of an append */
    uint64_t appended_n, settled_n, written_bytes, dropped[EDGE_DROP_REASONS];
    uint64_t checked_bytes; /* written since the file system was asked for room */
    bool low;               /* it had none */

    /* The flusher: a thread. */
    pthread_t flusher;
    bool running, closing, woken;
    uint64_t unsynced; /* records not on disk yet */
    bool cursor_dirty;
    uint64_t cursor_generation;
    unsigned char *cursor_buffer;
};

/** Finds the segments, judges the last one, and goes on behind its last sound record. */
enum edge_status spool_segments_open(struct edge_ctx *ctx, struct edge_spool *s);
/** A new one that begins with s->next. */
enum edge_status spool_segments_add(struct edge_ctx *ctx, struct edge_spool *s)
    EDGE_REQUIRES(&s->lock);
/** All that was written so far is on the disk; false where it is not. */
bool spool_segments_sync(struct edge_spool *s) EDGE_REQUIRES(&s->lock);
/** Remove those before the one with the cursor; all, where everything is settled, but the last. */
void spool_segments_trim(struct edge_spool *s) EDGE_REQUIRES(&s->lock);
/** The first record of [seq, next) that can be read, whatever is settled; what is damaged on the way is dropped. */
enum edge_status spool_segments_read(struct edge_ctx *ctx, struct edge_spool *s, uint64_t seq,
                                     struct edge_spool_record *ret) EDGE_REQUIRES(&s->lock);
void spool_segments_close(struct edge_spool *s);

/** cursor.c: what is settled, from disk; a first start has nothing. */
enum edge_status spool_cursor_open(struct edge_ctx *ctx, struct edge_spool *s);
/** Make its bytes (with the lock), and write them (without). */
size_t spool_cursor_bytes(struct edge_spool *s) EDGE_REQUIRES(&s->lock);
bool spool_cursor_write(struct edge_spool *s, size_t n);

/** [from, to) is settled; how many of them were not yet. */
uint64_t spool_settle_locked(struct edge_spool *s, uint64_t from, uint64_t to)
    EDGE_REQUIRES(&s->lock);
void spool_drop_locked(struct edge_spool *s, uint64_t from, uint64_t to, enum edge_drop why)
    EDGE_REQUIRES(&s->lock);

#endif
