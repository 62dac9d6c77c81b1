/*
 * The file `cursor`: two slots of SLOT bytes, written in turn, so that one is whole whatever happens to the other.
 *
 *   0 magic "ECUR"  4 crc32c of 8..end  8 generation u64  16 cursor u64  24 next seq u64  32 runs u32  36 zero
 *   40 runs: from u64, to u64
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/log.h"
#include "spool_segments.h"

enum { SLOT = 128 * 1024, CURSOR_HEAD = 40, RUN = 16, RUNS_MAX = 4096 };
static const unsigned char MAGIC[4] = {'E', 'C', 'U', 'R'};

/* Whether it can be: a checksum says that it is as it was written, not by whom. */
static bool slot_makes_sense(const unsigned char *b, uint32_t runs)
{
    uint64_t last = spool_get_u64(b + 16), next = spool_get_u64(b + 24);
    bool ok = last > 0 && last <= next && next < SEQ_LIMIT;
    for (uint32_t i = 0; i < runs && ok; i++) {
        const unsigned char *at = b + CURSOR_HEAD + (size_t)i * RUN;
        ok = spool_get_u64(at) > last && spool_get_u64(at + 8) > spool_get_u64(at) &&
             spool_get_u64(at + 8) <= next;
        last = spool_get_u64(at + 8);
    }
    return ok;
}

static bool slot_read(const struct edge_spool *s, int slot, unsigned char *b)
{
    ssize_t n = pread(s->cursor_fd, b, SLOT, (off_t)slot * SLOT);
    uint32_t runs = n >= CURSOR_HEAD ? spool_get_u32(b + 32) : 0;
    return n >= CURSOR_HEAD && memcmp(b, MAGIC, sizeof(MAGIC)) == 0 && runs <= RUNS_MAX &&
           (size_t)n >= CURSOR_HEAD + (size_t)runs * RUN &&
           spool_get_u32(b + 4) == spool_crc32c(0, b + 8, CURSOR_HEAD - 8 + (size_t)runs * RUN) &&
           slot_makes_sense(b, runs);
}

static void slot_take(struct edge_spool *s, const unsigned char *b)
{
    uint32_t runs = spool_get_u32(b + 32);
    s->cursor_generation = spool_get_u64(b + 8);
    s->cursor = spool_get_u64(b + 16);
    s->next = spool_get_u64(b + 24);
    spool_ranges_done(&s->beyond);
    for (uint32_t i = 0; i < runs; i++) {
        const unsigned char *at = b + CURSOR_HEAD + (size_t)i * RUN;
        const struct range r = {spool_get_u64(at), spool_get_u64(at + 8)};
        edge_make_room(NULL, s->beyond.at, s->beyond.n, s->beyond.cap);
        s->beyond.at[s->beyond.n++] = r;
        s->beyond.total += r.to - r.from;
    }
}

enum edge_status spool_cursor_open(struct edge_ctx *ctx, struct edge_spool *s)
{
    s->cursor_fd = openat(s->dir_fd, "cursor", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (s->cursor_fd < 0) {
        return edge_fail(ctx, EDGE_INTERNAL, "cannot open %s/cursor: %s", s->config.dir,
                         strerror(errno));
    }
    s->cursor_buffer = edge_xalloc(1, SLOT);
    s->cursor = s->next = 1;
    bool found = false;
    for (int slot = 0; slot < 2; slot++) {
        if (slot_read(s, slot, s->cursor_buffer) &&
            spool_get_u64(s->cursor_buffer + 8) >= s->cursor_generation) {
            slot_take(s, s->cursor_buffer);
            found = true;
        }
    }
    if (!found && lseek(s->cursor_fd, 0, SEEK_END) > 0) {
        edge_log_error(ctx, "spool: the cursor is damaged; all that is on disk is sent again",
                       "folder", s->config.dir, NULL);
    }
    return EDGE_OK;
}

size_t spool_cursor_bytes(struct edge_spool *s)
{
    unsigned char *b = s->cursor_buffer;
    uint32_t runs = s->beyond.n < RUNS_MAX ? (uint32_t)s->beyond.n : RUNS_MAX;
    memset(b, 0, CURSOR_HEAD);
    memcpy(b, MAGIC, sizeof(MAGIC));
    spool_put_u64(b + 8, ++s->cursor_generation);
    spool_put_u64(b + 16, s->cursor);
    spool_put_u64(b + 24, s->next);
    spool_put_u32(b + 32, runs);
    for (uint32_t i = 0; i < runs; i++) {
        spool_put_u64(b + CURSOR_HEAD + (size_t)i * RUN, s->beyond.at[i].from);
        spool_put_u64(b + CURSOR_HEAD + (size_t)i * RUN + 8, s->beyond.at[i].to);
    }
    size_t n = CURSOR_HEAD + (size_t)runs * RUN;
    spool_put_u32(b + 4, spool_crc32c(0, b + 8, n - 8));
    return n;
}

bool spool_cursor_write(struct edge_spool *s, size_t n)
{
    off_t at = (off_t)(s->cursor_generation % 2) * SLOT;
    return pwrite(s->cursor_fd, s->cursor_buffer, n, at) == (ssize_t)n;
}
