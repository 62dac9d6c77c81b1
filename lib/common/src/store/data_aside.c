/* Damaged files of a database: see data_aside.h. The log's layout is SQLite's "WAL file format". */
#include "data_aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "edge/clock.h"

enum { HEAD_SIZE = 32, FRAME_HEAD = 24, SUMMED = 24, PIECE = 65536 };

static const uint32_t MAGIC = 0x377f0682; /* its last bit: words are summed high byte first */
static const char *const SUFFIXES[] = {"", "-wal", "-shm"};

static void descriptor_done(const int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* ---- the log's header ------------------------------------------------------------------------ */

static uint32_t word(const unsigned char *at, bool high_first)
{
    return high_first
               ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
               : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void add_sums(uint32_t sum[2], const unsigned char *bytes, size_t n, bool high_first)
{
    for (size_t i = 0; i < n; i += 8) {
        sum[0] += word(bytes + i, high_first) + sum[1];
        sum[1] += word(bytes + i + 4, high_first) + sum[0];
    }
}

static bool head_is_sound(const unsigned char *head)
{
    uint32_t magic = word(head, true);
    if ((magic & ~1U) != MAGIC) {
        return false;
    }
    uint32_t sum[2] = {0, 0};
    add_sums(sum, head, SUMMED, magic & 1);
    return sum[0] == word(head + SUMMED, true) && sum[1] == word(head + SUMMED + 4, true);
}

/* Zeros to its end: room that the file system gave it and nothing ever reached, as a power cut leaves
 * it. Nothing in it was acknowledged. */
static bool is_blank(int fd)
{
    unsigned char piece[PIECE];
    ssize_t got;
    for (off_t at = 0; (got = pread(fd, piece, sizeof(piece), at)) > 0; at += got) {
        if (piece[0] != 0 || memcmp(piece, piece + 1, (size_t)got - 1) != 0) {
            return false;
        }
    }
    return got == 0;
}

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

bool aside_log_is_headless(const char *path)
{
    EDGE_CTX_SCOPE(ctx);
    const char *name = edge_printf(&ctx.arena, "%s-wal", path);
    EDGE_CLEANUP(descriptor_done) int fd = open(name, O_RDONLY | O_CLOEXEC);
    unsigned char head[HEAD_SIZE];
    if (fd < 0 || pread(fd, head, sizeof(head), 0) < HEAD_SIZE) {
        return false; /* shorter than a header: no frame was ever behind it */
    }
    return !head_is_sound(head) && !is_blank(fd);
}

/* ---- its frames --------------------------------------------------------------------------------- */

struct frames {
    const unsigned char *head; /* of the log */
    size_t page_size;
    uint32_t sum[2];   /* of all so far */
    bool broken;       /* one did not fit */
    bool ended;        /* behind it a change ended */
    bool proven;       /* and a further one was begun */
    int64_t at, sound; /* bytes; the latter: up to the end of the last change before */
};

/* What the log's salts do not mark is of an earlier round. */
static void see_frame(struct frames *f, const unsigned char *frame)
{
    bool ours = memcmp(frame + 8, f->head + 16, 8) == 0, high_first = f->head[3] & 1;
    bool ends = word(frame + 4, true) != 0;
    if (!f->broken) {
        add_sums(f->sum, frame, 8, high_first);
        add_sums(f->sum, frame + FRAME_HEAD, f->page_size, high_first);
        f->broken =
            !ours || f->sum[0] != word(frame + 16, true) || f->sum[1] != word(frame + 20, true);
    }
    f->at += (int64_t)(FRAME_HEAD + f->page_size);
    if (!f->broken) {
        f->sound = ends ? f->at : f->sound;
    } else if (ours) {
        f->proven |= f->ended;
        f->ended |= ends;
    }
}

bool aside_log_is_holed(const char *path, int64_t *ret_sound)
{
    EDGE_CTX_SCOPE(ctx);
    const char *name = edge_printf(&ctx.arena, "%s-wal", path);
    EDGE_CLEANUP(descriptor_done) int fd = open(name, O_RDONLY | O_CLOEXEC);
    unsigned char head[HEAD_SIZE];
    if (fd < 0 || pread(fd, head, sizeof(head), 0) < HEAD_SIZE || !head_is_sound(head)) {
        return false;
    }
    struct frames f = {
        .head = head,
        .page_size = word(head + 8, true),
        .sum = {word(head + SUMMED, true), word(head + SUMMED + 4, true)},
        .at = HEAD_SIZE,
        .sound = HEAD_SIZE
    };
    if (f.page_size < 512 || f.page_size > PIECE || (f.page_size & (f.page_size - 1)) != 0) {
        return false;
    }
    unsigned char *frame = edge_alloc(&ctx.arena, FRAME_HEAD + f.page_size, 1);
    ssize_t size = (ssize_t)(FRAME_HEAD + f.page_size);
    while (!f.proven && pread(fd, frame, (size_t)size, (off_t)f.at) == size) {
        see_frame(&f, frame);
    }
    *ret_sound = f.sound;
    return f.proven;
}

static bool copied(int from, int to)
{
    unsigned char piece[PIECE];
    ssize_t got;
    off_t at = 0;
    for (; (got = pread(from, piece, sizeof(piece), at)) > 0; at += got) {
        if (pwrite(to, piece, (size_t)got, at) != got) {
            return false;
        }
    }
    return got == 0 && fsync(to) == 0;
}

enum edge_status aside_log_cut(struct edge_ctx *ctx, const char *path, const char *aside,
                               int64_t sound)
{
    const char *name = edge_printf(&ctx->arena, "%s-wal", path);
    const char *copy = edge_printf(&ctx->arena, "%s-wal", aside);
    EDGE_CLEANUP(descriptor_done) int from = open(name, O_RDWR | O_CLOEXEC);
    EDGE_CLEANUP(descriptor_done)
    int to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (from < 0 || to < 0 || !copied(from, to)) {
        return aside_rename(ctx, path, aside, "-wal"); /* over what there is of a copy */
    }
    EDGE_TRY(aside_settle(ctx, path)); /* before the other one is cut */
    if (ftruncate(from, (off_t)sound) != 0 || fsync(from) != 0) {
        return edge_fail(ctx, EDGE_DAMAGED, "cannot cut '%s': %s", name, strerror(errno));
    }
    return EDGE_OK;
}

bool aside_file_is_gutted(const char *path)
{
    EDGE_CTX_SCOPE(ctx);
    /* A log comes to be after the first page of its file, and with a frame behind its header. */
    return size_of(path) <= 0 && size_of(edge_printf(&ctx.arena, "%s-wal", path)) > HEAD_SIZE;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static bool is_taken(struct edge_ctx *ctx, const char *aside)
{
    struct stat st;
    for (size_t i = 0; i < sizeof(SUFFIXES) / sizeof(SUFFIXES[0]); i++) {
        if (lstat(edge_printf(&ctx->arena, "%s%s", aside, SUFFIXES[i]), &st) == 0) {
            return true;
        }
    }
    return false;
}

const char *aside_name(struct edge_ctx *ctx, const char *path)
{
    char when[32];
    time_t now = (time_t)(edge_now_ms() / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &utc);
    const char *first = edge_printf(&ctx->arena, "%s.corrupt-%s", path, when), *name = first;
    for (int n = 2; is_taken(ctx, name); n++) {
        name = edge_printf(&ctx->arena, "%s-%d", first, n);
    }
    return name;
}

enum edge_status aside_rename(struct edge_ctx *ctx, const char *path, const char *aside,
                              const char *suffix)
{
    const char *from = edge_printf(&ctx->arena, "%s%s", path, suffix);
    const char *to = edge_printf(&ctx->arena, "%s%s", aside, suffix);
    if (rename(from, to) != 0 && errno != ENOENT) {
        return edge_fail(ctx, EDGE_DAMAGED, "cannot rename '%s' to '%s': %s", from, to,
                         strerror(errno));
    }
    return EDGE_OK;
}

enum edge_status aside_settle(struct edge_ctx *ctx, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? edge_strndup(&ctx->arena, path, (size_t)(slash - path) + 1) : ".";
    EDGE_CLEANUP(descriptor_done) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return edge_fail(ctx, EDGE_DAMAGED, "cannot sync directory '%s': %s", folder,
                         strerror(errno));
    }
    return EDGE_OK;
}
