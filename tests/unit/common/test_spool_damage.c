/* What is torn, flipped, forged or of others costs no more than itself. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/arena.h"
#include "spool_bench.h"
#include "store/spool_format.h"
#include "suites.h"

/* ---- damage --------------------------------------------------------------------------------- */

static const char *only_segment(struct edge_arena *a, const char *dir)
{
    const char *path = NULL;
    DIR *d = opendir(dir);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (strstr(e->d_name, ".seg")) {
            path = edge_printf(a, "%s/%s", dir, e->d_name);
        }
    }
    closedir(d);
    return path;
}

static size_t load(const char *path, unsigned char *bytes, size_t max)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, max);
    close(fd);
    return (size_t)n;
}

static void store(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_EQUAL(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

enum { RECORDS = 6, FILE_MAX = 4096 };

/* What can be read, in order; records are their own numbers. */
static int readable(struct spool_bench *b, bool seen[RECORDS])
{
    uint64_t seq = 0;
    int n = 0, last = -1;
    memset(seen, 0, RECORDS * sizeof(bool));
    for (int i = spool_take(b, &seq); i >= 0 && i < RECORDS; i = spool_take(b, &seq)) {
        CU_ASSERT(i > last);
        last = i;
        seen[i] = true;
        n++;
    }
    return n;
}

static void test_cut_at_every_byte(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    unsigned char bytes[FILE_MAX];
    bool seen[RECORDS];
    spool_bench_open(&b);
    spool_put_numbers(&b, 0, RECORDS);
    spool_bench_close(&b);
    const char *path = only_segment(&ctx.arena, b.dir.path);
    size_t n = load(path, bytes, sizeof(bytes));
    const char *cursor = edge_printf(&ctx.arena, "%s/cursor", b.dir.path);
    for (size_t cut = 0; cut < n; cut++) {
        store(path, bytes, cut);
        unlink(cursor); /* as it was before anything */
        spool_bench_open(&b);
        int left = readable(&b, seen);
        for (int i = 0; i < left; i++) {
            CU_ASSERT(seen[i]); /* the first ones, without a gap */
        }
        CU_ASSERT(left < RECORDS);
        spool_put_numbers(&b, 100, 101); /* and it goes on */
        uint64_t seq = 0;
        for (int i = 0; i < left; i++) {
            spool_take(&b, &seq);
        }
        CU_ASSERT_EQUAL(spool_take(&b, &seq), 100);
        spool_bench_close(&b);
        unlink(only_segment(&ctx.arena, b.dir.path));
    }
}

static void test_any_bit_flipped(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    unsigned char bytes[FILE_MAX];
    bool seen[RECORDS];
    spool_bench_open(&b);
    spool_put_numbers(&b, 0, RECORDS);
    spool_bench_close(&b);
    const char *path = only_segment(&ctx.arena, b.dir.path);
    size_t n = load(path, bytes, sizeof(bytes));
    for (size_t bit = 0; bit < n * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        store(path, bytes, n);
        spool_bench_open(&b);
        int left = readable(&b, seen);
        CU_ASSERT(left >= (bit / 8 < SEGMENT_HEAD ? RECORDS : RECORDS - 1));
        /* Of the last one nobody knows, where its head is gone. */
        uint64_t known = spool_state(&b).dropped[EDGE_DROP_DAMAGED] + (uint64_t)left;
        CU_ASSERT(known == RECORDS || (known == RECORDS - 1 && !seen[RECORDS - 1]));
        spool_bench_close(&b);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        unlink(edge_printf(&ctx.arena, "%s/cursor", b.dir.path));
        for (const char *p = only_segment(&ctx.arena, b.dir.path); p;
             p = only_segment(&ctx.arena, b.dir.path)) {
            unlink(p);
        }
    }
}

/* What a payload holds is no record, whatever it looks like, and whatever happens to the record around it. */
static void test_a_record_in_a_record(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    static const uint64_t numbers[] = {2, 3, UINT64_C(1) << 36};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        unsigned char inner[200], bytes[FILE_MAX];
        const struct edge_spool_record forged = {.seq = numbers[i], .payload = "666", .size = 3};
        spool_record_put(inner, &forged);
        struct edge_spool_record outer = {.payload = inner, .size = spool_record_size(&forged)};
        spool_bench_open(&b);
        CU_ASSERT_EQUAL(spool_put(&b, "1"), EDGE_OK);
        CU_ASSERT_EQUAL(edge_spool_append(&ctx, b.spool, &outer, 1, 0), EDGE_OK);
        spool_bench_close(&b);
        const char *path = only_segment(&ctx.arena, b.dir.path);
        size_t n = load(path, bytes, sizeof(bytes));
        bytes[n - 1] ^= 1; /* in the outer body, behind the inner record's head */
        store(path, bytes, n);
        spool_bench_open(&b);
        uint64_t seq = 0;
        CU_ASSERT_EQUAL(spool_take(&b, &seq), 1);
        CU_ASSERT_EQUAL(spool_take(&b, &seq), -1);
        CU_ASSERT_EQUAL(spool_state(&b).next, outer.seq + 1);
        spool_bench_close(&b);
        unlink(path);
        unlink(edge_printf(&ctx.arena, "%s/cursor", b.dir.path));
    }
}

static void test_files_of_others_are_left_alone(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    spool_bench_open(&b);
    spool_put_numbers(&b, 0, 3);
    spool_bench_close(&b);
    unsigned char head[SEGMENT_HEAD];
    spool_segment_head_put(head, UINT64_C(0xfffffffff));
    store(edge_printf(&ctx.arena, "%s/000000000000ffff.seg", b.dir.path), "", 0);
    store(edge_printf(&ctx.arena, "%s/0000000fffffffff.seg", b.dir.path), head, sizeof(head));
    store(edge_printf(&ctx.arena, "%s/read.me", b.dir.path), "x", 1);
    spool_bench_open(&b);
    uint64_t seq = 0;
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(spool_take(&b, &seq), i);
    }
    spool_put_numbers(&b, 3, 4);
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 3);
    CU_ASSERT_EQUAL(spool_state(&b).next, 5);
}

static void test_a_damaged_cursor_sends_again(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    spool_bench_open(&b);
    spool_put_numbers(&b, 0, 10);
    edge_spool_settle(b.spool, 1);
    spool_bench_close(&b);
    const char *cursor = edge_printf(&ctx.arena, "%s/cursor", b.dir.path);
    struct stat st;
    CU_ASSERT_EQUAL(stat(cursor, &st), 0);
    char *noise = edge_alloc(&ctx.arena, 1, (size_t)st.st_size);
    memset(noise, 0x5a, (size_t)st.st_size);
    store(cursor, noise, (size_t)st.st_size);
    spool_bench_open(&b);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 0);
    CU_ASSERT_EQUAL(spool_state(&b).depth, 10);
}

/* A cursor file with sound checksums, whatever it says. */
static void store_cursor(struct spool_bench *b, uint64_t cursor, uint64_t next, uint64_t from,
                         uint64_t to)
{
    EDGE_CTX_SCOPE(ctx);
    unsigned char slot[56] = "ECUR";
    spool_put_u64(slot + 8, 1000);
    spool_put_u64(slot + 16, cursor);
    spool_put_u64(slot + 24, next);
    spool_put_u32(slot + 32, 1);
    spool_put_u64(slot + 40, from);
    spool_put_u64(slot + 48, to);
    spool_put_u32(slot + 4, spool_crc32c(0, slot + 8, sizeof(slot) - 8));
    store(edge_printf(&ctx.arena, "%s/cursor", b->dir.path), slot, sizeof(slot));
}

static void test_absurd_numbers(void)
{
    static const struct {
        uint64_t cursor, next, from, to, gone;
    } rows[] = {
        {1,          UINT64_C(1) << 40, 20, 20,         0                       },
        {1,          UINT64_C(1) << 40, 20, 30,         (UINT64_C(1) << 40) - 14},
        {1,          UINT64_MAX,        5,  6,          0                       },
        {UINT64_MAX, UINT64_MAX,        5,  6,          0                       },
        {1,          10,                8,  6,          0                       },
        {1,          10,                5,  UINT64_MAX, 0                       },
        {9,          4,                 5,  6,          0                       },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SPOOL_BENCH(b);
        spool_bench_open(&b);
        spool_put_numbers(&b, 0, 3);
        spool_bench_close(&b);
        store_cursor(&b, rows[i].cursor, rows[i].next, rows[i].from, rows[i].to);
        spool_bench_open(&b);
        uint64_t seq = 0;
        bool refused = rows[i].gone == 0;
        CU_ASSERT_EQUAL(spool_take(&b, &seq), 0);
        CU_ASSERT_EQUAL(spool_state(&b).depth, refused ? 3 : rows[i].gone + 3);
        spool_put_numbers(&b, 7, 8);
        CU_ASSERT_EQUAL(spool_take(&b, &seq), 1);
        CU_ASSERT_EQUAL(spool_take(&b, &seq), 2);
        CU_ASSERT_EQUAL(spool_take(&b, &seq), 7);
        CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_DAMAGED], refused ? 0 : rows[i].gone);
    }
}

static void test_the_last_number_is_no_ones(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    unsigned char bytes[SEGMENT_HEAD + RECORD_HEAD];
    struct edge_spool_record r = {.seq = UINT64_MAX};
    spool_segment_head_put(bytes, UINT64_MAX);
    spool_record_put(bytes + SEGMENT_HEAD, &r);
    store(edge_printf(&ctx.arena, "%s/ffffffffffffffff.seg", b.dir.path), bytes, sizeof(bytes));
    spool_segment_head_put(bytes, 1);
    store(edge_printf(&ctx.arena, "%s/0000000000000001.seg", b.dir.path), bytes, sizeof(bytes));
    spool_bench_open(&b);
    spool_put_numbers(&b, 0, 1);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 0);
    CU_ASSERT_EQUAL(spool_state(&b).next, 2);
}

static void test_numbers_are_never_used_again(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    spool_bench_open(&b);
    spool_put_numbers(&b, 0, 10);
    spool_bench_close(&b);
    unlink(only_segment(&ctx.arena, b.dir.path)); /* as a power cut may */
    spool_bench_open(&b);
    spool_put_numbers(&b, 10, 11);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(spool_take(&b, &seq), 10);
    CU_ASSERT_EQUAL(seq, 12);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_DAMAGED], 10);
}

static void test_folders_of_others_are_refused(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool *other;
    unsigned char head[SEGMENT_HEAD];
    spool_bench_open(&b);
    CU_ASSERT_EQUAL(edge_spool_open(&ctx, &b.config, &other), EDGE_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INTERNAL), "in use by another"));
    spool_put_numbers(&b, 0, 1);
    spool_bench_close(&b);
    spool_segment_head_put(head, 1);
    head[8] = FORMAT_VERSION + 1;
    spool_put_u32(head + 28, spool_crc32c(0, head, 28));
    store(only_segment(&ctx.arena, b.dir.path), head, sizeof(head));
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(edge_spool_open(&ctx, &b.config, &other), EDGE_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INTERNAL), "newer version"));
}

CU_TestInfo spool_damage_tests[] = {
    {"cut at every byte",              test_cut_at_every_byte             },
    {"any bit flipped",                test_any_bit_flipped               },
    {"a record in a record",           test_a_record_in_a_record          },
    {"files of others are left alone", test_files_of_others_are_left_alone},
    {"a damaged cursor sends again",   test_a_damaged_cursor_sends_again  },
    {"absurd numbers",                 test_absurd_numbers                },
    {"the last number is no one's",    test_the_last_number_is_no_ones    },
    {"numbers are never used again",   test_numbers_are_never_used_again  },
    {"folders of others are refused",  test_folders_of_others_are_refused },
    CU_TEST_INFO_NULL,
};
