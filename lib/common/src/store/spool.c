/* The spool: what is appended, settled and dropped, and when it is on disk. Files are segments.c's and cursor.c's. */
#include "edge/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "spool_segments.h"

enum {
    GROUP_MS = 50,
    GROUP_RECORDS = 256,
    OUT_MAX = 1 << 20,    /* kept of an append's buffer */
    LOOK_EVERY = 1 << 20, /* bytes between looks at the room of the file system */
    LOOK_MS = 500,
    DIR_MODE = 0750,
};
#define SEGMENT_BYTES  (UINT64_C(4) << 20)
#define SEGMENT_LEAST  (UINT64_C(64) << 10)
#define MAX_BYTES      (UINT64_C(1) << 30)
#define MIN_FREE_BYTES (UINT64_C(16) << 20)

const char *const EDGE_DROP_NAMES[EDGE_DROP_REASONS] = {
#define X(name, text) text,
    EDGE_DROPS(X)
#undef X
};

/* ---- settling ------------------------------------------------------------------------------- */

static uint64_t depth(const struct edge_spool *s)
{
    return s->next - s->cursor - s->beyond.total;
}

/* The flusher sleeps until the first that gathers, and then for a while. */
static void mark_dirty(struct edge_spool *s) EDGE_REQUIRES(&s->lock)
{
    if (!s->cursor_dirty) {
        s->cursor_dirty = true;
        edge_cond_signal(&s->work);
    }
}

uint64_t spool_settle_locked(struct edge_spool *s, uint64_t from, uint64_t to)
{
    from = from < s->cursor ? s->cursor : from;
    to = to > s->next ? s->next : to;
    uint64_t n = from < to ? spool_ranges_add(&s->beyond, from, to) : 0;
    if (n == 0) {
        return 0;
    }
    mark_dirty(s);
    uint64_t cursor = spool_ranges_skip(&s->beyond, s->cursor);
    if (cursor != s->cursor) {
        s->cursor = cursor;
        spool_ranges_trim(&s->beyond, cursor);
        spool_segments_trim(s);
        edge_cond_broadcast(&s->room);
    }
    return n;
}

void spool_drop_locked(struct edge_spool *s, uint64_t from, uint64_t to, enum edge_drop why)
{
    s->dropped[why] += spool_settle_locked(s, from, to);
}

void edge_spool_settle(struct edge_spool *s, uint64_t seq)
{
    EDGE_LOCK(&s->lock);
    s->settled_n += spool_settle_locked(s, seq, seq + 1);
}

void edge_spool_drop(struct edge_spool *s, uint64_t seq, enum edge_drop reason)
{
    EDGE_LOCK(&s->lock);
    spool_drop_locked(s, seq, seq + 1, reason);
}

uint64_t edge_spool_purge(struct edge_spool *s)
{
    EDGE_LOCK(&s->lock);
    uint64_t n = depth(s);
    if (n > 0) {
        s->dropped[EDGE_DROP_PURGED] += n;
        s->cursor = s->next;
        spool_ranges_trim(&s->beyond, s->cursor);
        spool_segments_trim(s);
        mark_dirty(s);
        edge_cond_broadcast(&s->room);
    }
    return n;
}

/* ---- bounds --------------------------------------------------------------------------------- */

static void look_for_room(struct edge_spool *s) EDGE_REQUIRES(&s->lock)
{
    struct statvfs fs;
    s->checked_bytes = s->written_bytes;
    s->low = fstatvfs(s->dir_fd, &fs) == 0 &&
             (uint64_t)fs.f_bavail * fs.f_frsize < s->config.min_free_bytes;
}

/* Which bound an append would break; EDGE_DROP_REASONS: none. */
static enum edge_drop broken_bound(struct edge_spool *s, uint64_t bytes, size_t n)
    EDGE_REQUIRES(&s->lock)
{
    if (s->low || s->written_bytes + bytes >= s->checked_bytes + LOOK_EVERY) {
        look_for_room(s);
    }
    return s->config.max_count > 0 && depth(s) + n > s->config.max_count ? EDGE_DROP_COUNT
           : s->disk_bytes + bytes > s->config.max_bytes                 ? EDGE_DROP_BYTES
           : s->low                                                      ? EDGE_DROP_DISK
                                                                         : EDGE_DROP_REASONS;
}

/* One message, or all of the first segment, whose room comes back with it. */
static enum edge_status drop_oldest(struct edge_ctx *ctx, struct edge_spool *s, enum edge_drop why)
    EDGE_REQUIRES(&s->lock)
{
    if (why == EDGE_DROP_COUNT) {
        spool_drop_locked(s, s->cursor, s->cursor + 1, why);
        return EDGE_OK;
    }
    if (s->n_segments < 2) {
        EDGE_TRY(spool_segments_add(ctx, s));
    }
    uint64_t end = s->n_segments > 1 ? s->segments[1].first : s->next;
    uint64_t n = end - s->cursor - spool_ranges_count(&s->beyond, s->cursor, end);
    s->dropped[why] += n;
    s->cursor = spool_ranges_skip(&s->beyond, end);
    spool_ranges_trim(&s->beyond, s->cursor);
    spool_segments_trim(s);
    mark_dirty(s);
    return EDGE_OK;
}

/* Each line at most once a second: the log has its own bound. */
static void tell_drop(struct edge_ctx *ctx, const struct edge_spool *s, enum edge_drop why)
{
    if (s->config.quiet) {
        return;
    }
    edge_log_warn(ctx, "spool is full", "folder", s->config.dir, "bound", EDGE_DROP_NAMES[why],
                  "policy",
                  s->config.full == EDGE_SPOOL_DROP_OLDEST   ? "drop-oldest"
                  : s->config.full == EDGE_SPOOL_DROP_NEWEST ? "drop-newest"
                                                             : "block",
                  NULL);
}

/* Nothing waits, and the last segment still takes room: it goes. */
static enum edge_status give_back(struct edge_ctx *ctx, struct edge_spool *s)
    EDGE_REQUIRES(&s->lock)
{
    if (depth(s) == 0 && s->n_segments > 0 && s->disk_bytes > SEGMENT_HEAD) {
        EDGE_TRY(spool_segments_add(ctx, s));
        spool_segments_trim(s);
    }
    return EDGE_OK;
}

/*
 * Whether what waits is to go for what comes. Where the file system is full of other things that would be in vain, and
 * all would be lost for nothing: one segment at a time, and only where ours is what takes the room.
 */
static bool may_drop(const struct edge_spool *s, enum edge_drop why, unsigned dropped)
{
    return s->config.full == EDGE_SPOOL_DROP_OLDEST && s->next > s->cursor &&
           (why != EDGE_DROP_DISK ||
            (dropped == 0 && s->n_segments > 1 && s->disk_bytes >= s->config.min_free_bytes));
}

static enum edge_status make_room(struct edge_ctx *ctx, struct edge_spool *s, uint64_t bytes,
                                  size_t n, int64_t deadline_ms) EDGE_REQUIRES(&s->lock)
{
    bool told = false;
    for (unsigned dropped = 0;;) {
        enum edge_drop why = broken_bound(s, bytes, n);
        if (why == EDGE_DROP_BYTES && depth(s) == 0) {
            EDGE_TRY(give_back(ctx, s));
            why = broken_bound(s, bytes, n);
        }
        if (why == EDGE_DROP_REASONS) {
            return EDGE_OK;
        }
        if (!told) {
            tell_drop(ctx, s, why);
            told = true;
        }
        if (may_drop(s, why, dropped)) {
            EDGE_TRY(drop_oldest(ctx, s, why));
            dropped++;
            continue;
        }
        if (s->config.full == EDGE_SPOOL_BLOCK && !s->woken && edge_now_mono_ms() < deadline_ms) {
            int64_t look_ms = edge_now_mono_ms() + LOOK_MS; /* nobody tells of room on the disk */
            (void)edge_cond_wait_until(&s->room, &s->lock,
                                       look_ms < deadline_ms ? look_ms : deadline_ms);
            continue;
        }
        s->dropped[why] += n;
        return edge_fail(ctx, EDGE_UNAVAILABLE, "the queue is full (%s)", EDGE_DROP_NAMES[why]);
    }
}

/* ---- appending ------------------------------------------------------------------------------ */

static enum edge_status write_records(struct edge_ctx *ctx, struct edge_spool *s, size_t n)
    EDGE_REQUIRES(&s->lock)
{
    struct segment *seg = &s->segments[s->n_segments - 1];
    ssize_t done = pwrite(s->fd, s->out.data, s->out.len, (off_t)seg->size);
    bool whole = done == (ssize_t)s->out.len;
    bool durable = whole && (s->config.durability != EDGE_SPOOL_SYNC || fdatasync(s->fd) == 0);
    if (!durable) {
        int why = whole || done < 0 ? errno : ENOSPC;
        /* What is half there would be taken for the end of a spool that was torn. */
        if (ftruncate(s->fd, (off_t)seg->size) != 0) {
            edge_log_error(ctx, "spool: cannot cut a segment", "folder", s->config.dir, "reason",
                           strerror(errno), NULL);
        }
        s->dropped[EDGE_DROP_DISK] += n;
        s->low = true;
        return edge_fail(ctx, EDGE_UNAVAILABLE, "cannot write to %s: %s", s->config.dir,
                         strerror(why));
    }
    seg->size += s->out.len;
    s->disk_bytes += s->out.len;
    s->written_bytes += s->out.len;
    s->next += n;
    s->appended_n += n;
    return EDGE_OK;
}

static enum edge_status check_sizes(struct edge_ctx *ctx, const struct edge_spool *s,
                                    const struct edge_spool_record *records, size_t n,
                                    uint64_t *ret_bytes)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const struct edge_spool_record *r = &records[i];
        if (r->size > EDGE_SPOOL_RECORD_MAX ||
            (r->context && strlen(r->context) > EDGE_SPOOL_CONTEXT_MAX)) {
            return edge_fail(ctx, EDGE_TOO_LARGE, "a message of %zu bytes is too large to be kept",
                             r->size);
        }
        bytes += spool_record_size(r);
    }
    if (bytes > s->config.max_bytes / 2) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "%llu bytes are too much for a queue of at most %llu",
                         (unsigned long long)bytes, (unsigned long long)s->config.max_bytes);
    }
    *ret_bytes = bytes;
    return EDGE_OK;
}

static void encode(struct edge_spool *s, struct edge_spool_record *records, size_t n)
    EDGE_REQUIRES(&s->lock)
{
    int64_t now_ms = edge_now_ms();
    s->out.len = 0;
    for (size_t i = 0; i < n; i++) {
        struct edge_spool_record *r = &records[i];
        size_t size = spool_record_size(r);
        r->seq = s->next + i;
        r->spooled_ms = r->spooled_ms ? r->spooled_ms : now_ms;
        spool_record_put((unsigned char *)edge_buf_room(&s->out, size), r);
        s->out.len += size;
    }
}

static enum edge_status append_locked(struct edge_ctx *ctx, struct edge_spool *s,
                                      struct edge_spool_record *records, size_t n, uint64_t bytes,
                                      int64_t deadline_ms) EDGE_REQUIRES(&s->lock)
{
    EDGE_TRY(make_room(ctx, s, bytes, n, deadline_ms));
    const struct segment *seg = s->n_segments > 0 ? &s->segments[s->n_segments - 1] : NULL;
    if (s->fd < 0 || !seg ||
        (seg->size + bytes > s->config.segment_bytes && seg->size > SEGMENT_HEAD)) {
        enum edge_status st = spool_segments_add(ctx, s);
        if (st != EDGE_OK) {
            s->dropped[EDGE_DROP_DISK] += n;
            return st;
        }
        spool_segments_trim(s);
    }
    encode(s, records, n);
    EDGE_TRY(write_records(ctx, s, n));
    s->unsynced += n;
    mark_dirty(s); /* the cursor says which numbers were given, too */
    return EDGE_OK;
}

enum edge_status edge_spool_append(struct edge_ctx *ctx, struct edge_spool *s,
                                   struct edge_spool_record *records, size_t n, int64_t deadline_ms)
{
    uint64_t bytes = 0;
    EDGE_TRY(check_sizes(ctx, s, records, n, &bytes));
    EDGE_LOCK(&s->lock);
    enum edge_status st = append_locked(ctx, s, records, n, bytes, deadline_ms);
    if (s->out.cap > OUT_MAX) {
        edge_buf_done(&s->out);
    }
    if (st == EDGE_OK) {
        edge_cond_broadcast(&s->appended);
        if (s->unsynced >= s->config.group_records && s->unsynced - n < s->config.group_records) {
            edge_cond_signal(&s->work);
        }
    }
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Why a record is of no use any more; EDGE_DROP_REASONS: it is. */
static enum edge_drop is_over(const struct edge_spool *s, const struct edge_spool_record *r,
                              int64_t now_ms)
{
    return r->expires_ms > 0 && r->expires_ms <= now_ms ? EDGE_DROP_EXPIRED
           : s->config.max_age_ms > 0 && r->spooled_ms + s->config.max_age_ms < now_ms
               ? EDGE_DROP_AGE
               : EDGE_DROP_REASONS;
}

enum edge_status edge_spool_read(struct edge_ctx *ctx, struct edge_spool *s, uint64_t seq,
                                 struct edge_spool_record *ret)
{
    int64_t now_ms = edge_now_ms();
    EDGE_LOCK(&s->lock);
    seq = seq < s->cursor ? s->cursor : seq;
    for (;;) {
        seq = spool_ranges_skip(&s->beyond, seq);
        if (spool_segments_read(ctx, s, seq, ret) != EDGE_OK) {
            return EDGE_NOT_FOUND;
        }
        enum edge_drop over = is_over(s, ret, now_ms);
        if (over != EDGE_DROP_REASONS) {
            spool_drop_locked(s, ret->seq, ret->seq + 1, over);
        } else if (spool_ranges_skip(&s->beyond, ret->seq) == ret->seq) {
            if (ret->seq == s->cursor) {
                s->first_known = ret->seq;
                s->first_spooled_ms = ret->spooled_ms;
            }
            return EDGE_OK;
        }
        seq = ret->seq + 1;
    }
}

bool edge_spool_wait(struct edge_spool *s, uint64_t seq, int64_t deadline_ms)
{
    EDGE_LOCK(&s->lock);
    while (s->next <= seq && !s->woken) {
        if (!edge_cond_wait_until(&s->appended, &s->lock, deadline_ms)) {
            return false;
        }
    }
    return s->next > seq && !s->woken;
}

void edge_spool_wake(struct edge_spool *s)
{
    EDGE_LOCK(&s->lock);
    s->woken = true;
    edge_cond_broadcast(&s->appended);
    edge_cond_broadcast(&s->room);
}

/* ---- to the disk ---------------------------------------------------------------------------- */

static bool sync_data(int fd)
{
    bool ok = fd < 0 || fdatasync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* What gathered since the last time. */
static void flush(struct edge_spool *s)
{
    size_t cursor = 0;
    int fd = -1;
    uint64_t next;
    {
        EDGE_LOCK(&s->lock);
        if (s->unsynced > 0 && s->config.durability == EDGE_SPOOL_GROUP && s->fd >= 0) {
            fd = dup(s->fd);
        }
        s->unsynced = 0;
        next = s->next;
        if (s->cursor_dirty) {
            cursor = spool_cursor_bytes(s);
            s->cursor_dirty = false;
        }
    }
    bool ok = sync_data(fd);
    if (!ok) {
        EDGE_LOCK(&s->lock);
        s->unsure = next;
    }
    ok = (cursor == 0 || spool_cursor_write(s, cursor)) && ok;
    if (!ok) {
        struct edge_ctx ctx = {.log = s->config.log};
        edge_log_error(&ctx, "spool: the disk does not take what is written", "folder",
                       s->config.dir, "reason", strerror(errno), NULL);
    }
}

static void *flusher_main(void *arg)
{
    struct edge_spool *s = arg;
    for (;;) {
        {
            EDGE_LOCK(&s->lock);
            while (!s->closing && s->unsynced == 0 && !s->cursor_dirty) {
                edge_cond_wait(&s->work, &s->lock);
            }
            int64_t until = edge_now_mono_ms() + s->config.group_ms;
            while (!s->closing && s->unsynced < s->config.group_records &&
                   edge_cond_wait_until(&s->work, &s->lock, until)) {
            }
            if (s->closing) {
                return NULL;
            }
        }
        flush(s);
    }
}

enum edge_status edge_spool_sync(struct edge_ctx *ctx, struct edge_spool *s)
{
    EDGE_LOCK(&s->lock);
    bool ok = spool_segments_sync(s);
    /* What it did not take once it may have forgotten, whatever it says now. */
    return ok && s->unsure <= s->cursor
               ? EDGE_OK
               : edge_fail(ctx, EDGE_UNAVAILABLE, "%s: the disk does not take what is written",
                           s->config.dir);
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum edge_status make_dirs(struct edge_ctx *ctx, const char *path)
{
    char *copy = (char *)(uintptr_t)edge_strdup(&ctx->arena, path);
    for (char *at = copy + 1; *at; at++) {
        if (*at == '/') {
            *at = '\0';
            (void)!mkdir(copy, DIR_MODE);
            *at = '/';
        }
    }
    if (mkdir(copy, DIR_MODE) != 0 && errno != EEXIST) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot make %s: %s", path, strerror(errno));
    }
    return EDGE_OK;
}

static void set_limits(struct edge_spool *s, const struct edge_spool_config *c)
{
    struct edge_spool_config *to = &s->config;
    const char *dir = to->dir;
    uint64_t segment_bytes = to->segment_bytes;
    *to = *c;
    to->max_bytes = c->max_bytes ? c->max_bytes : MAX_BYTES;
    to->group_ms = c->group_ms ? c->group_ms : GROUP_MS;
    to->group_records = c->group_records ? c->group_records : GROUP_RECORDS;
    to->min_free_bytes = c->min_free_bytes ? c->min_free_bytes : MIN_FREE_BYTES;
    if (dir) {
        to->dir = dir;
        to->segment_bytes = segment_bytes;
        return;
    }
    to->dir = edge_strdup(&s->arena, c->dir);
    uint64_t quarter = to->max_bytes / 4;
    uint64_t usual = c->segment_bytes          ? c->segment_bytes
                     : quarter < SEGMENT_BYTES ? quarter
                                               : SEGMENT_BYTES;
    to->segment_bytes = usual < SEGMENT_LEAST && !c->segment_bytes ? SEGMENT_LEAST : usual;
}

static enum edge_status open_dir(struct edge_ctx *ctx, struct edge_spool *s)
{
    const char *dir = s->config.dir;
    EDGE_TRY(make_dirs(ctx, dir));
    s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->lock_fd =
        s->dir_fd >= 0 ? openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640) : -1;
    if (s->lock_fd < 0) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot use %s: %s", dir, strerror(errno));
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return edge_fail(ctx, EDGE_INTERNAL, "%s is in use by another process", dir);
    }
    return EDGE_OK;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

enum edge_status edge_spool_open(struct edge_ctx *ctx, const struct edge_spool_config *config,
                                 struct edge_spool **ret)
{
    struct edge_spool *s = edge_xalloc(1, sizeof(*s));
    s->dir_fd = s->lock_fd = s->cursor_fd = s->fd = s->reader.fd = s->other.fd = -1;
    set_limits(s, config);
    edge_mutex_init(&s->lock);
    edge_cond_init(&s->appended);
    edge_cond_init(&s->room);
    edge_cond_init(&s->work);
    enum edge_status st = open_dir(ctx, s);
    st = st == EDGE_OK ? spool_cursor_open(ctx, s) : st;
    st = st == EDGE_OK ? spool_segments_open(ctx, s) : st;
    if (st != EDGE_OK) {
        edge_spool_close(s);
        return st;
    }
    {
        EDGE_LOCK(&s->lock);
        look_for_room(s);
        spool_segments_trim(s);
    }
    s->flusher = edge_thread_start("spool", flusher_main, s);
    s->running = true;
    *ret = s;
    return EDGE_OK;
}

void edge_spool_limit(struct edge_spool *s, const struct edge_spool_config *config)
{
    EDGE_LOCK(&s->lock);
    set_limits(s, config);
    edge_cond_broadcast(&s->room);
}

void edge_spool_close(struct edge_spool *s)
{
    if (!s) {
        return;
    }
    if (s->running) {
        {
            EDGE_LOCK(&s->lock);
            s->closing = s->cursor_dirty = true;
            edge_cond_signal(&s->work);
        }
        pthread_join(s->flusher, NULL);
        flush(s);
    }
    spool_segments_close(s);
    close_fd(s->cursor_fd);
    close_fd(s->lock_fd);
    close_fd(s->dir_fd);
    spool_ranges_done(&s->beyond);
    edge_buf_done(&s->out);
    free(s->cursor_buffer);
    edge_cond_done(&s->appended);
    edge_cond_done(&s->room);
    edge_cond_done(&s->work);
    edge_mutex_done(&s->lock);
    edge_arena_done(&s->arena);
    free(s);
}

uint64_t edge_spool_depth(struct edge_spool *s)
{
    EDGE_LOCK(&s->lock);
    return depth(s);
}

void edge_spool_state(struct edge_spool *s, struct edge_spool_state *ret)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool_record r;
    ctx.log = s->config.log;
    EDGE_LOCK(&s->lock);
    if (depth(s) > 0 && s->first_known != s->cursor &&
        spool_segments_read(&ctx, s, s->cursor, &r) == EDGE_OK) {
        s->first_known = r.seq;
        s->first_spooled_ms = r.spooled_ms;
    }
    *ret = (struct edge_spool_state){
        .first = s->cursor,
        .next = s->next,
        .depth = depth(s),
        .bytes = depth(s) > 0 ? s->disk_bytes : 0,
        .disk_bytes = s->disk_bytes,
        .oldest_ms = depth(s) > 0 ? s->first_spooled_ms : 0,
        .appended = s->appended_n,
        .settled = s->settled_n,
        .written_bytes = s->written_bytes,
    };
    memcpy(ret->dropped, s->dropped, sizeof(ret->dropped));
}
