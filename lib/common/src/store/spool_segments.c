/*
 * Segments on disk. A start looks at their names and reads the last one only; reading goes on where it stopped.
 * What cannot be read is passed over to the next record that can.
 */
#include "spool_segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/log.h"

enum { BUFFER = 64 * 1024, NAME_SIZE = 24, NAME_DIGITS = 16, MODE = 0640 };

static const char *segment_name(char name[NAME_SIZE], uint64_t first)
{
    snprintf(name, NAME_SIZE, "%016llx.seg", (unsigned long long)first);
    return name;
}

static struct segment *last_of(struct edge_spool *s)
{
    return &s->segments[s->n_segments - 1];
}

static uint64_t end_of(const struct edge_spool *s, size_t i)
{
    return i + 1 < s->n_segments ? s->segments[i + 1].first : s->next;
}

/* The segment that holds @p seq, or would. */
static size_t segment_of(const struct edge_spool *s, uint64_t seq)
{
    size_t low = 0, high = s->n_segments;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (s->segments[mid].first <= seq) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return low;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void reader_close(struct edge_spool *s)
{
    if (s->reader.fd >= 0) {
        close(s->reader.fd);
    }
    s->reader.fd = -1;
    s->reader.seq = 0;
    s->reader.buffer_n = 0;
}

static bool reader_open(struct edge_spool *s, const struct segment *seg)
{
    char name[NAME_SIZE];
    unsigned char head[SEGMENT_HEAD];
    uint64_t first = 0;
    reader_close(s);
    s->reader.fd = openat(s->dir_fd, segment_name(name, seg->first), O_RDONLY | O_CLOEXEC);
    s->reader.first = seg->first;
    s->reader.seq = seg->first;
    s->reader.offset = SEGMENT_HEAD;
    return s->reader.fd >= 0 && pread(s->reader.fd, head, SEGMENT_HEAD, 0) == SEGMENT_HEAD &&
           spool_segment_head_get(head, &first) == EDGE_OK && first == seg->first;
}

static bool stands_in(const struct spool_reader *r, const struct segment *seg, uint64_t seq)
{
    return r->fd >= 0 && r->first == seg->first && r->seq > 0 && r->seq <= seq;
}

static void swap_readers(struct edge_spool *s)
{
    struct spool_reader r = s->reader;
    s->reader = s->other;
    s->other = r;
}

static void readers_close(struct edge_spool *s)
{
    reader_close(s);
    swap_readers(s);
    reader_close(s);
}

/*
 * The reader that stands next before @p seq, or has come to the end of the segment before: one that reads on. Somewhere else it
 * is the one that was not used last: two who read in turn (queue_pump.c's lanes) have one each.
 */
static bool reader_seek(struct edge_spool *s, const struct segment *seg, uint64_t seq)
{
    bool here = stands_in(&s->reader, seg, seq), there = stands_in(&s->other, seg, seq);
    if (there && (!here || s->other.seq > s->reader.seq)) {
        swap_readers(s);
    }
    if (here || there) {
        return true;
    }
    if (s->reader.fd < 0 || s->reader.seq != seg->first) {
        swap_readers(s);
    }
    return reader_open(s, seg);
}

/* @p n bytes at @p offset of the open segment, of which @p size bytes count; NULL where there are not so many. */
static const unsigned char *reader_bytes(struct edge_spool *s, uint64_t offset, size_t n,
                                         uint64_t size)
{
    if (offset + n > size) {
        return NULL;
    }
    if (offset >= s->reader.buffer_at && offset + n <= s->reader.buffer_at + s->reader.buffer_n) {
        return s->reader.buffer + (offset - s->reader.buffer_at);
    }
    size_t want = n > BUFFER ? n : BUFFER;
    want = offset + want > size ? (size_t)(size - offset) : want;
    if (want > s->reader.buffer_cap || (s->reader.buffer_cap > BUFFER && want <= BUFFER)) {
        s->reader.buffer_cap = want > BUFFER ? want : BUFFER;
        free(s->reader.buffer);
        s->reader.buffer = edge_xalloc(1, s->reader.buffer_cap);
    }
    ssize_t got = pread(s->reader.fd, s->reader.buffer, want, (off_t)offset);
    s->reader.buffer_at = offset;
    s->reader.buffer_n = got > 0 ? (size_t)got : 0;
    return s->reader.buffer_n >= n ? s->reader.buffer : NULL;
}

/* A record there has no higher number: those before it take so many bytes at least. */
static uint64_t bound_at(const struct edge_spool *s, uint64_t offset, uint64_t below)
{
    uint64_t most = s->reader.first + offset / RECORD_HEAD + 1;
    return most < below ? most : below;
}

/* Somewhere behind @p offset: the next head that can be one. */
static bool find_head(struct edge_spool *s, uint64_t *offset, uint64_t size, uint64_t above,
                      uint64_t below)
{
    uint64_t seq = 0;
    size_t body = 0;
    for (uint64_t at = *offset + 1; at + RECORD_HEAD <= size; at++) {
        const unsigned char *head = reader_bytes(s, at, RECORD_HEAD, size);
        if (!head) {
            return false;
        }
        if (head[0] == 'E' && spool_record_head_get(head, &seq, &body) && seq >= above &&
            seq < bound_at(s, at, below)) {
            *offset = at;
            return true;
        }
    }
    return false;
}

/* The record at the reader, or the first sound one behind it, within this segment; NULL: none. */
static const unsigned char *sound_head(struct edge_spool *s, uint64_t size, uint64_t below,
                                       uint64_t *ret_seq, size_t *ret_body)
{
    for (;;) {
        const unsigned char *head = reader_bytes(s, s->reader.offset, RECORD_HEAD, size);
        if (head && spool_record_head_get(head, ret_seq, ret_body) && *ret_seq >= s->reader.seq &&
            *ret_seq < bound_at(s, s->reader.offset, below) &&
            s->reader.offset + RECORD_HEAD + *ret_body <= size) {
            return head;
        }
        if (!find_head(s, &s->reader.offset, size, s->reader.seq, below)) {
            return NULL;
        }
    }
}

/* Within one segment. NOT_FOUND: nothing (more) can be read of it from @p seq on. */
static enum edge_status read_in(struct edge_ctx *ctx, struct edge_spool *s, size_t i, uint64_t seq,
                                struct edge_spool_record *ret) EDGE_REQUIRES(&s->lock)
{
    uint64_t end = end_of(s, i), size = s->segments[i].size;
    if (!reader_seek(s, &s->segments[i], seq) && s->reader.fd < 0) {
        return EDGE_NOT_FOUND;
    }
    for (;;) {
        uint64_t found = 0;
        size_t body = 0;
        const unsigned char *head = sound_head(s, size, end, &found, &body);
        if (!head) {
            return EDGE_NOT_FOUND;
        }
        uint64_t at = s->reader.offset;
        if (found < seq) {
            s->reader.seq = found + 1;
            s->reader.offset = at + RECORD_HEAD + body;
            continue;
        }
        head = reader_bytes(s, at, RECORD_HEAD + body, size);
        bool sound = head && spool_record_get(&ctx->arena, head, head + RECORD_HEAD, ret);
        spool_drop_locked(s, seq, found + !sound, EDGE_DROP_DAMAGED);
        s->reader.seq = found + 1;
        s->reader.offset = at + RECORD_HEAD + body;
        if (sound) {
            return EDGE_OK;
        }
        seq = found + 1;
    }
}

enum edge_status spool_segments_read(struct edge_ctx *ctx, struct edge_spool *s, uint64_t seq,
                                     struct edge_spool_record *ret)
{
    while (seq < s->next && s->n_segments > 0) {
        size_t i = segment_of(s, seq);
        uint64_t end = end_of(s, i);
        if (seq < s->segments[i].first) {
            spool_drop_locked(s, seq, s->segments[i].first, EDGE_DROP_DAMAGED);
            seq = s->segments[i].first;
        }
        if (read_in(ctx, s, i, seq, ret) == EDGE_OK) {
            return EDGE_OK;
        }
        uint64_t from = s->reader.seq > seq && s->reader.seq <= end ? s->reader.seq : seq;
        if (from < end) {
            edge_log_error(ctx, "spool: records cannot be read", "folder", s->config.dir, "from",
                           edge_printf(&ctx->arena, "%llu", (unsigned long long)from), "to",
                           edge_printf(&ctx->arena, "%llu", (unsigned long long)end - 1), NULL);
        }
        spool_drop_locked(s, from, end, EDGE_DROP_DAMAGED);
        seq = end;
        reader_close(s);
    }
    return EDGE_NOT_FOUND;
}

/* ---- the end of the last one ---------------------------------------------------------------- */

/* Where its last sound record ends; what is torn or damaged before that is found when it is read. */
/* Returns the number behind its last record. */
static uint64_t judge_last(struct edge_ctx *ctx, struct edge_spool *s)
{
    struct segment *seg = last_of(s);
    uint64_t sound_end = SEGMENT_HEAD, next = seg->first;
    if (!reader_open(s, seg)) {
        edge_log_error(ctx, "spool: a segment's head is damaged", "folder", s->config.dir, NULL);
    }
    while (s->reader.fd >= 0) {
        uint64_t seq = 0;
        size_t body = 0;
        const unsigned char *head = sound_head(s, seg->size, SEQ_LIMIT, &seq, &body);
        if (!head) {
            break;
        }
        uint64_t at = s->reader.offset;
        head = reader_bytes(s, at, RECORD_HEAD + body, seg->size);
        bool sound = head && spool_get_u32(head + 8) == spool_crc32c(0, head + RECORD_HEAD, body);
        /* A sound head says where its body ends, sound or not: what stands in it is no record. */
        s->reader.seq = seq + 1;
        s->reader.offset = at + RECORD_HEAD + body;
        next = seq + 1; /* one whose body is torn is missed when it is read */
        if (sound) {
            sound_end = at + RECORD_HEAD + body;
        }
    }
    reader_close(s);
    if (sound_end < seg->size) {
        edge_log_warn(ctx, "spool: a torn end is cut off", "folder", s->config.dir, "bytes",
                      edge_printf(&ctx->arena, "%llu", (unsigned long long)(seg->size - sound_end)),
                      NULL);
    }
    s->disk_bytes -= seg->size - (sound_end < seg->size ? sound_end : seg->size);
    seg->size = sound_end < seg->size ? sound_end : seg->size;
    s->next = next > s->next ? next : s->next;
    return next;
}

/* ---- files ---------------------------------------------------------------------------------- */

static int by_first(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static bool parse_name(const char *name, uint64_t *ret_first)
{
    char *end;
    *ret_first = strtoull(name, &end, 16);
    return end - name == NAME_DIGITS && strcmp(end, ".seg") == 0 && *ret_first > 0 &&
           *ret_first < SEQ_LIMIT;
}

static bool has_head(const struct edge_spool *s, uint64_t first)
{
    char name[NAME_SIZE];
    unsigned char head[SEGMENT_HEAD];
    uint64_t said = 0;
    int fd = openat(s->dir_fd, segment_name(name, first), O_RDONLY | O_CLOEXEC);
    bool whole = fd >= 0 && pread(fd, head, SEGMENT_HEAD, 0) == SEGMENT_HEAD;
    if (fd >= 0) {
        close(fd);
    }
    return whole && spool_segment_head_get(head, &said) == EDGE_OK && said == first;
}

/*
 * Files that are none of ours, whatever they are called: too short for a head (a start was cut off there), or numbered
 * beyond what the one before and the cursor allow.
 */
static void drop_strangers(struct edge_ctx *ctx, struct edge_spool *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n_segments; i++) {
        const struct segment seg = s->segments[i];
        const struct segment *before = kept > 0 ? &s->segments[kept - 1] : NULL;
        uint64_t most = before ? before->first + before->size / RECORD_HEAD + 1 : seg.first;
        bool may_be = seg.first <= most || seg.first <= s->next ||
                      (seg.size > SEGMENT_HEAD && has_head(s, seg.first));
        if (seg.size >= SEGMENT_HEAD && may_be) {
            s->segments[kept++] = seg;
            continue;
        }
        char name[NAME_SIZE];
        s->disk_bytes -= seg.size;
        edge_log_warn(ctx, "spool: a file that is no segment is left alone", "folder",
                      s->config.dir, "file", segment_name(name, seg.first), NULL);
    }
    s->n_segments = kept;
}

static enum edge_status list_segments(struct edge_ctx *ctx, struct edge_spool *s)
{
    int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot read %s: %s", s->config.dir, strerror(errno));
    }
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        struct stat st;
        uint64_t first;
        if (parse_name(d->d_name, &first) && fstatat(s->dir_fd, d->d_name, &st, 0) == 0) {
            edge_make_room(NULL, s->segments, s->n_segments, s->cap_segments);
            s->segments[s->n_segments++] = (struct segment){first, (uint64_t)st.st_size};
            s->disk_bytes += (uint64_t)st.st_size;
        }
    }
    closedir(dir);
    if (s->n_segments > 0) {
        qsort(s->segments, s->n_segments, sizeof(*s->segments), by_first);
        drop_strangers(ctx, s);
    }
    return EDGE_OK;
}

static enum edge_status check_version(struct edge_ctx *ctx, struct edge_spool *s)
{
    char name[NAME_SIZE];
    unsigned char head[SEGMENT_HEAD];
    uint64_t first;
    int fd = openat(s->dir_fd, segment_name(name, last_of(s)->first), O_RDONLY | O_CLOEXEC);
    bool newer = fd >= 0 && pread(fd, head, SEGMENT_HEAD, 0) == SEGMENT_HEAD &&
                 spool_segment_head_get(head, &first) == EDGE_UNSUPPORTED;
    if (fd >= 0) {
        close(fd);
    }
    return newer ? edge_fail(ctx, EDGE_INTERNAL, "%s/%s is of a newer version", s->config.dir, name)
                 : EDGE_OK;
}

static enum edge_status open_last(struct edge_ctx *ctx, struct edge_spool *s)
{
    char name[NAME_SIZE];
    struct segment *seg = last_of(s);
    s->fd = openat(s->dir_fd, segment_name(name, seg->first), O_RDWR | O_CLOEXEC);
    if (s->fd < 0 || ftruncate(s->fd, (off_t)seg->size) != 0) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot open %s/%s: %s", s->config.dir, name,
                         strerror(errno));
    }
    return EDGE_OK;
}

enum edge_status spool_segments_open(struct edge_ctx *ctx, struct edge_spool *s)
{
    uint64_t behind = 0;
    s->fd = s->reader.fd = -1;
    EDGE_TRY(list_segments(ctx, s));
    if (s->n_segments > 0) {
        EDGE_TRY(check_version(ctx, s));
        behind = judge_last(ctx, s);
        s->cursor = s->cursor < s->segments[0].first ? s->segments[0].first : s->cursor;
    }
    s->next = s->next < s->cursor ? s->cursor : s->next;
    spool_ranges_trim(&s->beyond, s->cursor);
    /* Behind a damaged head nothing is appended; and in a segment numbers have no gaps: where some are lost, a new one
     * begins. */
    bool usable = s->n_segments > 0 && last_of(s)->size > SEGMENT_HEAD && s->next == behind;
    return usable ? open_last(ctx, s) : EDGE_OK;
}

/* The segment that ends, and the folder that knows the new one; both, whatever becomes of the other. */
static bool sync_both(struct edge_spool *s)
{
    bool data = s->fd < 0 || fdatasync(s->fd) == 0;
    return fsync(s->dir_fd) == 0 && data;
}

bool spool_segments_sync(struct edge_spool *s)
{
    bool ok = true;
    for (size_t i = segment_of(s, s->synced); i < s->n_segments; i++) {
        char name[NAME_SIZE];
        int fd = openat(s->dir_fd, segment_name(name, s->segments[i].first), O_RDONLY | O_CLOEXEC);
        ok = fd >= 0 && fdatasync(fd) == 0 && ok;
        if (fd >= 0) {
            close(fd);
        }
    }
    ok = fsync(s->dir_fd) == 0 && ok;
    if (ok) {
        s->synced = s->n_segments > 0 ? last_of(s)->first : s->next;
    } else {
        s->unsure = s->next;
    }
    return ok;
}

enum edge_status spool_segments_add(struct edge_ctx *ctx, struct edge_spool *s)
{
    char name[NAME_SIZE];
    unsigned char head[SEGMENT_HEAD];
    spool_segment_head_put(head, s->next);
    int fd = openat(s->dir_fd, segment_name(name, s->next), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                    MODE);
    if (fd < 0 || write(fd, head, SEGMENT_HEAD) != SEGMENT_HEAD) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
            unlinkat(s->dir_fd, name, 0);
        }
        return edge_fail(ctx, EDGE_UNAVAILABLE, "cannot write %s/%s: %s", s->config.dir, name,
                         strerror(why));
    }
    bool synced = s->config.durability == EDGE_SPOOL_OS || sync_both(s);
    if (!synced && s->config.durability == EDGE_SPOOL_SYNC) {
        int why = errno;
        close(fd);
        unlinkat(s->dir_fd, name, 0);
        s->unsure = s->next;
        return edge_fail(ctx, EDGE_UNAVAILABLE, "the disk does not take what is written to %s: %s",
                         s->config.dir, strerror(why));
    }
    if (!synced) {
        s->unsure = s->next;
        edge_log_error(ctx, "spool: the disk does not take what is written", "folder",
                       s->config.dir, "reason", strerror(errno), NULL);
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->fd = fd;
    if (s->n_segments > 0 && last_of(s)->first == s->next) {
        s->disk_bytes -= last_of(s)->size; /* it was empty, or damaged from its head on */
        s->n_segments--;
        readers_close(s);
    }
    edge_make_room(NULL, s->segments, s->n_segments, s->cap_segments);
    s->segments[s->n_segments++] = (struct segment){s->next, SEGMENT_HEAD};
    s->disk_bytes += SEGMENT_HEAD;
    return EDGE_OK;
}

void spool_segments_trim(struct edge_spool *s)
{
    size_t gone = 0;
    while (gone + 1 < s->n_segments && s->segments[gone + 1].first <= s->cursor) {
        char name[NAME_SIZE];
        unlinkat(s->dir_fd, segment_name(name, s->segments[gone].first), 0);
        s->disk_bytes -= s->segments[gone].size;
        gone++;
    }
    if (gone > 0) {
        for (unsigned i = 0; i < 2; i++, swap_readers(s)) {
            if (s->reader.fd >= 0 && s->reader.first < s->segments[gone].first) {
                reader_close(s);
            }
        }
        memmove(s->segments, s->segments + gone, (s->n_segments - gone) * sizeof(*s->segments));
        s->n_segments -= gone;
    }
}

void spool_segments_close(struct edge_spool *s)
{
    readers_close(s);
    free(s->reader.buffer);
    free(s->other.buffer);
    if (s->fd >= 0) {
        close(s->fd);
    }
    free(s->segments);
}
