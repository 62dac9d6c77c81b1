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

enum { HEAD_SIZE = 32, SUMMED = 24, PIECE = 65536 };

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

static bool head_is_sound(const unsigned char *head)
{
    uint32_t magic = word(head, true);
    if ((magic & ~1U) != MAGIC) {
        return false;
    }
    uint32_t sum[2] = {0, 0};
    for (size_t i = 0; i < SUMMED; i += 8) {
        sum[0] += word(head + i, magic & 1) + sum[1];
        sum[1] += word(head + i + 4, magic & 1) + sum[0];
    }
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
