/*
 * Files of a spool from anywhere: opened, read to the end, appended to, closed. Never more comes out than is there,
 * and a new record is taken and given back. Checksums are set right where the first byte says so, or none would pass.
 */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/log.h"
#include "store/spool_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CURSOR_HEAD = 40, RUN = 16, PREFIX = 3, PATH_SIZE = 96 };
enum { MEND_CURSOR = 1, MEND_HEAD = 2, MEND_RECORDS = 4 };
static char dir[] = "/tmp/fuzz-spool-XXXXXX";
static struct edge_log *quiet;

static void clear(void)
{
    DIR *d = opendir(dir);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
}

static void leave(void)
{
    clear();
    rmdir(dir);
    edge_log_free(quiet);
}

static void prepare(void)
{
    if (!quiet) {
        quiet = edge_log_create("fuzz");
        edge_log_set_level(quiet, EDGE_LOG_ERROR + 1);
        assert(mkdtemp(dir));
        atexit(leave);
    }
    clear();
}

static void store(const char *name, const unsigned char *bytes, size_t n)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

static void mend_cursor(unsigned char *b, size_t n)
{
    if (n >= CURSOR_HEAD) {
        uint32_t runs = (uint32_t)((n - CURSOR_HEAD) / RUN);
        memcpy(b, "ECUR", 4);
        spool_put_u32(b + 32, runs);
        spool_put_u32(b + 4, spool_crc32c(0, b + 8, CURSOR_HEAD - 8 + (size_t)runs * RUN));
    }
}

static void mend_records(unsigned char *b, size_t n)
{
    size_t at = SEGMENT_HEAD;
    while (at + RECORD_HEAD <= n) {
        unsigned char *head = b + at;
        if (memcmp(head, "EREC", 4) != 0) {
            at++;
            continue;
        }
        size_t body = spool_get_u32(head + 12), left = n - at - RECORD_HEAD;
        body = body < left ? body : left;
        spool_put_u32(head + 8, spool_crc32c(0, head + RECORD_HEAD, body));
        spool_put_u32(head + 4, spool_crc32c(0, head + 8, RECORD_HEAD - 8));
        at += RECORD_HEAD + body;
    }
}

/* Under the name its head asks for. */
static void store_segment(unsigned char *b, size_t n, unsigned mend)
{
    char name[PATH_SIZE];
    uint64_t first = n >= SEGMENT_HEAD ? spool_get_u64(b + 16) : 1;
    first = first ? first : 1;
    if (mend & MEND_HEAD && n >= SEGMENT_HEAD) {
        spool_segment_head_put(b, first);
    }
    if (mend & MEND_RECORDS) {
        mend_records(b, n);
    }
    snprintf(name, sizeof(name), "%016llx.seg", (unsigned long long)first);
    store(name, b, n);
}

static void read_all(struct edge_spool *s, size_t there)
{
    size_t bytes = 0;
    uint64_t seq = 0;
    for (unsigned n = 0;; n++) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = quiet;
        struct edge_spool_record r;
        if (edge_spool_read(&ctx, s, seq, &r) != EDGE_OK) {
            break;
        }
        assert(r.seq >= seq);
        bytes += RECORD_HEAD + r.size;
        seq = r.seq + 1;
        if (n % 3 == 0) {
            edge_spool_settle(s, r.seq);
        }
    }
    assert(bytes <= there);
}

static void take_one(struct edge_spool *s)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool_record mine = {.payload = "fresh", .size = 5, .content_type = "text/plain"},
                             r;
    struct edge_spool_state state;
    assert(edge_spool_append(&ctx, s, &mine, 1, 0) == EDGE_OK);
    assert(edge_spool_read(&ctx, s, mine.seq, &r) == EDGE_OK);
    assert(r.seq == mine.seq && r.size == 5 && memcmp(r.payload, "fresh", 5) == 0);
    edge_spool_state(s, &state);
    assert(state.first <= mine.seq && state.next == mine.seq + 1);
    assert(state.depth >= 1 && state.depth <= state.next - state.first);
}

static void use(size_t there)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = quiet;
    const struct edge_spool_config config = {
        .dir = dir, .durability = EDGE_SPOOL_OS, .min_free_bytes = 1, .log = quiet};
    struct edge_spool *s = NULL;
    if (edge_spool_open(&ctx, &config, &s) != EDGE_OK) {
        assert(ctx.failure);
        return;
    }
    read_all(s, there);
    take_one(s);
    edge_spool_close(s);
}

/* What to mend, two bytes of the cursor's size, the cursor, the segment. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX) {
        return 0;
    }
    EDGE_CTX_SCOPE(ctx);
    size -= PREFIX;
    unsigned char *b = edge_alloc(&ctx.arena, 1, size + 1);
    memcpy(b, data + PREFIX, size);
    size_t cursor = data[1] | (size_t)data[2] << 8;
    cursor = cursor < size ? cursor : size;
    prepare();
    if (data[0] & MEND_CURSOR) {
        mend_cursor(b, cursor);
    }
    if (cursor > 0) {
        store("cursor", b, cursor);
    }
    if (size > cursor) {
        store_segment(b + cursor, size - cursor, data[0]);
    }
    use(size - cursor);
    return 0;
}
