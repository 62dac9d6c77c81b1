/* The spool keeps what it was given: in order, through restarts, kills, torn and damaged files, within its bounds. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/thread.h"
#include "export/spool.h"
#include "scratch.h"
#include "spool/format.h"
#include "spool/ranges.h"
#include "suites.h"

struct spool_bench {
    struct scratch dir;
    struct export_spool_config config;
    struct edge_log *log;
    struct export_spool *spool;
};

static void bench_open(struct spool_bench *b)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = b->log;
    CU_ASSERT_EQUAL_FATAL(export_spool_open(&ctx, &b->config, &b->spool), EDGE_OK);
}

static void bench_make(struct spool_bench *b)
{
    *b = (struct spool_bench){0};
    scratch_make(&b->dir);
    b->log = edge_log_create("spool");
    edge_log_set_level(b->log, EDGE_LOG_ERROR + 1);
    b->config = (struct export_spool_config){
        .dir = b->dir.path, .durability = EXPORT_OS, .min_free_bytes = 1, .log = b->log};
}

static void bench_close(struct spool_bench *b)
{
    export_spool_close(b->spool);
    b->spool = NULL;
}

static void bench_done(struct spool_bench *b)
{
    bench_close(b);
    edge_log_free(b->log);
    scratch_done(&b->dir);
}

#define BENCH(name)                                                                                \
    __attribute__((cleanup(bench_done))) struct spool_bench name;                                  \
    bench_make(&name)

static enum edge_status put(struct spool_bench *b, const char *text)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = b->log;
    struct export_record r = {.origin_ns = 7,
                              .kind = 3,
                              .content_type = "text/plain",
                              .context = "{}",
                              .payload = text,
                              .size = strlen(text)};
    return export_spool_append(&ctx, b->spool, &r, 1, edge_now_mono_ms());
}

static void put_numbers(struct spool_bench *b, int from, int to)
{
    char text[200];
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof(text), "%d %0*d", i, i % 150, 0);
        CU_ASSERT_EQUAL(put(b, text), EDGE_OK);
    }
}

/* The number of the first record at or after @p seq, -1 where there is none; *seq goes behind it. */
static int take(struct spool_bench *b, uint64_t *seq)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_record r;
    ctx.log = b->log;
    if (export_spool_read(&ctx, b->spool, *seq, &r) != EDGE_OK) {
        return -1;
    }
    *seq = r.seq + 1;
    return atoi(r.payload);
}

static struct export_spool_state state(struct spool_bench *b)
{
    struct export_spool_state st;
    export_spool_state(b->spool, &st);
    return st;
}

/* ---- order and settling --------------------------------------------------------------------- */

static void test_records_come_back_as_they_were(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    bench_open(&b);
    struct export_record in = {.origin_ns = -5,
                               .expires_ms = INT64_MAX,
                               .attempts = 9,
                               .kind = 200,
                               .priority = 4,
                               .correlation_id = "c",
                               .context = "",
                               .payload = "a\0b",
                               .size = 3};
    struct export_record out;
    CU_ASSERT_EQUAL(export_spool_append(&ctx, b.spool, &in, 1, 0), EDGE_OK);
    CU_ASSERT_EQUAL(in.seq, 1);
    bench_close(&b);
    bench_open(&b);
    CU_ASSERT_EQUAL_FATAL(export_spool_read(&ctx, b.spool, 0, &out), EDGE_OK);
    CU_ASSERT_EQUAL(out.seq, 1);
    CU_ASSERT_EQUAL(out.origin_ns, -5);
    CU_ASSERT_EQUAL(out.expires_ms, INT64_MAX);
    CU_ASSERT_EQUAL(out.attempts, 9);
    CU_ASSERT_EQUAL(out.kind, 200);
    CU_ASSERT_EQUAL(out.priority, 4);
    CU_ASSERT_STRING_EQUAL(out.correlation_id, "c");
    CU_ASSERT_PTR_NULL(out.content_type);
    CU_ASSERT_STRING_EQUAL(out.context, "");
    CU_ASSERT_EQUAL(out.size, 3);
    CU_ASSERT_EQUAL(memcmp(out.payload, "a\0b", 4), 0);
    CU_ASSERT(out.spooled_ms > 0);
}

static void test_order_over_segments_and_restarts(void)
{
    enum { N = 3000 };
    BENCH(b);
    b.config.segment_bytes = 8192;
    bench_open(&b);
    uint64_t seq = 0;
    for (int i = 0; i < N; i++) {
        put_numbers(&b, i, i + 1);
        if (i % 3 == 0) {
            CU_ASSERT_EQUAL(take(&b, &seq), i / 3); /* behind who appends */
        }
        if (i % 1000 == 999) {
            bench_close(&b);
            bench_open(&b);
        }
    }
    seq = 0;
    for (int i = 0; i < N; i++) {
        CU_ASSERT_EQUAL(take(&b, &seq), i);
        export_spool_settle(b.spool, seq - 1);
    }
    CU_ASSERT_EQUAL(take(&b, &seq), -1);
    struct export_spool_state st = state(&b);
    CU_ASSERT_EQUAL(st.depth, 0);
    CU_ASSERT(st.disk_bytes <= 2 * 8192);
    CU_ASSERT_EQUAL(st.first, N + 1);
}

static void test_settled_in_any_order_and_remembered(void)
{
    enum { N = 500 };
    BENCH(b);
    b.config.segment_bytes = 4096;
    bench_open(&b);
    bool settled[N + 1] = {false};
    unsigned random = 1;
    put_numbers(&b, 0, N);
    for (int i = 0; i < N; i++) {
        random = random * 1103515245 + 12345;
        uint64_t seq = random / 65536 % N + 1;
        settled[seq] = true;
        export_spool_settle(b.spool, seq);
        if (i % 100 == 0) {
            bench_close(&b);
            bench_open(&b);
        }
    }
    uint64_t seq = 0, left = 0;
    for (int i = 1; i <= N; i++) {
        if (!settled[i]) {
            CU_ASSERT_EQUAL(take(&b, &seq), i - 1);
            left++;
        }
    }
    CU_ASSERT_EQUAL(take(&b, &seq), -1);
    CU_ASSERT_EQUAL(state(&b).depth, left);
    CU_ASSERT_EQUAL(export_spool_purge(b.spool), left);
    CU_ASSERT_EQUAL(state(&b).dropped[EXPORT_DROP_PURGED], left);
    CU_ASSERT_EQUAL(state(&b).depth, 0);
}

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
    for (int i = take(b, &seq); i >= 0 && i < RECORDS; i = take(b, &seq)) {
        CU_ASSERT(i > last);
        last = i;
        seen[i] = true;
        n++;
    }
    return n;
}

static void test_cut_at_every_byte(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    unsigned char bytes[FILE_MAX];
    bool seen[RECORDS];
    bench_open(&b);
    put_numbers(&b, 0, RECORDS);
    bench_close(&b);
    const char *path = only_segment(&ctx.arena, b.dir.path);
    size_t n = load(path, bytes, sizeof(bytes));
    const char *cursor = edge_printf(&ctx.arena, "%s/cursor", b.dir.path);
    for (size_t cut = 0; cut < n; cut++) {
        store(path, bytes, cut);
        unlink(cursor); /* as it was before anything */
        bench_open(&b);
        int left = readable(&b, seen);
        for (int i = 0; i < left; i++) {
            CU_ASSERT(seen[i]); /* the first ones, without a gap */
        }
        CU_ASSERT(left < RECORDS);
        put_numbers(&b, 100, 101); /* and it goes on */
        uint64_t seq = 0;
        for (int i = 0; i < left; i++) {
            take(&b, &seq);
        }
        CU_ASSERT_EQUAL(take(&b, &seq), 100);
        bench_close(&b);
        unlink(only_segment(&ctx.arena, b.dir.path));
    }
}

static void test_any_bit_flipped(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    unsigned char bytes[FILE_MAX];
    bool seen[RECORDS];
    bench_open(&b);
    put_numbers(&b, 0, RECORDS);
    bench_close(&b);
    const char *path = only_segment(&ctx.arena, b.dir.path);
    size_t n = load(path, bytes, sizeof(bytes));
    for (size_t bit = 0; bit < n * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        store(path, bytes, n);
        bench_open(&b);
        int left = readable(&b, seen);
        CU_ASSERT(left >= (bit / 8 < SEGMENT_HEAD ? RECORDS : RECORDS - 1));
        /* Of the last one nobody knows, where its head is gone. */
        uint64_t known = state(&b).dropped[EXPORT_DROP_DAMAGED] + (uint64_t)left;
        CU_ASSERT(known == RECORDS || (known == RECORDS - 1 && !seen[RECORDS - 1]));
        bench_close(&b);
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
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    static const uint64_t numbers[] = {2, 3, UINT64_C(1) << 36};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        unsigned char inner[200], bytes[FILE_MAX];
        const struct export_record forged = {.seq = numbers[i], .payload = "666", .size = 3};
        record_put(inner, &forged);
        struct export_record outer = {.payload = inner, .size = record_size(&forged)};
        bench_open(&b);
        CU_ASSERT_EQUAL(put(&b, "1"), EDGE_OK);
        CU_ASSERT_EQUAL(export_spool_append(&ctx, b.spool, &outer, 1, 0), EDGE_OK);
        bench_close(&b);
        const char *path = only_segment(&ctx.arena, b.dir.path);
        size_t n = load(path, bytes, sizeof(bytes));
        bytes[n - 1] ^= 1; /* in the outer body, behind the inner record's head */
        store(path, bytes, n);
        bench_open(&b);
        uint64_t seq = 0;
        CU_ASSERT_EQUAL(take(&b, &seq), 1);
        CU_ASSERT_EQUAL(take(&b, &seq), -1);
        CU_ASSERT_EQUAL(state(&b).next, outer.seq + 1);
        bench_close(&b);
        unlink(path);
        unlink(edge_printf(&ctx.arena, "%s/cursor", b.dir.path));
    }
}

static void test_files_of_others_are_left_alone(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    bench_open(&b);
    put_numbers(&b, 0, 3);
    bench_close(&b);
    unsigned char head[SEGMENT_HEAD];
    segment_head_put(head, UINT64_C(0xfffffffff));
    store(edge_printf(&ctx.arena, "%s/000000000000ffff.seg", b.dir.path), "", 0);
    store(edge_printf(&ctx.arena, "%s/0000000fffffffff.seg", b.dir.path), head, sizeof(head));
    store(edge_printf(&ctx.arena, "%s/read.me", b.dir.path), "x", 1);
    bench_open(&b);
    uint64_t seq = 0;
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(take(&b, &seq), i);
    }
    put_numbers(&b, 3, 4);
    CU_ASSERT_EQUAL(take(&b, &seq), 3);
    CU_ASSERT_EQUAL(state(&b).next, 5);
}

static void test_a_damaged_cursor_sends_again(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    bench_open(&b);
    put_numbers(&b, 0, 10);
    export_spool_settle(b.spool, 1);
    bench_close(&b);
    const char *cursor = edge_printf(&ctx.arena, "%s/cursor", b.dir.path);
    struct stat st;
    CU_ASSERT_EQUAL(stat(cursor, &st), 0);
    char *noise = edge_alloc(&ctx.arena, 1, (size_t)st.st_size);
    memset(noise, 0x5a, (size_t)st.st_size);
    store(cursor, noise, (size_t)st.st_size);
    bench_open(&b);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(take(&b, &seq), 0);
    CU_ASSERT_EQUAL(state(&b).depth, 10);
}

/* A cursor file with sound checksums, whatever it says. */
static void store_cursor(struct spool_bench *b, uint64_t cursor, uint64_t next, uint64_t from,
                         uint64_t to)
{
    EDGE_CTX_SCOPE(ctx);
    unsigned char slot[56] = "ECUR";
    put_u64(slot + 8, 1000);
    put_u64(slot + 16, cursor);
    put_u64(slot + 24, next);
    put_u32(slot + 32, 1);
    put_u64(slot + 40, from);
    put_u64(slot + 48, to);
    put_u32(slot + 4, crc32c(0, slot + 8, sizeof(slot) - 8));
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
        BENCH(b);
        bench_open(&b);
        put_numbers(&b, 0, 3);
        bench_close(&b);
        store_cursor(&b, rows[i].cursor, rows[i].next, rows[i].from, rows[i].to);
        bench_open(&b);
        uint64_t seq = 0;
        bool refused = rows[i].gone == 0;
        CU_ASSERT_EQUAL(take(&b, &seq), 0);
        CU_ASSERT_EQUAL(state(&b).depth, refused ? 3 : rows[i].gone + 3);
        put_numbers(&b, 7, 8);
        CU_ASSERT_EQUAL(take(&b, &seq), 1);
        CU_ASSERT_EQUAL(take(&b, &seq), 2);
        CU_ASSERT_EQUAL(take(&b, &seq), 7);
        CU_ASSERT_EQUAL(state(&b).dropped[EXPORT_DROP_DAMAGED], refused ? 0 : rows[i].gone);
    }
}

static void test_the_last_number_is_no_ones(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    unsigned char bytes[SEGMENT_HEAD + RECORD_HEAD];
    struct export_record r = {.seq = UINT64_MAX};
    segment_head_put(bytes, UINT64_MAX);
    record_put(bytes + SEGMENT_HEAD, &r);
    store(edge_printf(&ctx.arena, "%s/ffffffffffffffff.seg", b.dir.path), bytes, sizeof(bytes));
    segment_head_put(bytes, 1);
    store(edge_printf(&ctx.arena, "%s/0000000000000001.seg", b.dir.path), bytes, sizeof(bytes));
    bench_open(&b);
    put_numbers(&b, 0, 1);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(take(&b, &seq), 0);
    CU_ASSERT_EQUAL(state(&b).next, 2);
}

static void test_numbers_are_never_used_again(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    bench_open(&b);
    put_numbers(&b, 0, 10);
    bench_close(&b);
    unlink(only_segment(&ctx.arena, b.dir.path)); /* as a power cut may */
    bench_open(&b);
    put_numbers(&b, 10, 11);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(take(&b, &seq), 10);
    CU_ASSERT_EQUAL(seq, 12);
    CU_ASSERT_EQUAL(state(&b).dropped[EXPORT_DROP_DAMAGED], 10);
}

static void test_folders_of_others_are_refused(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    struct export_spool *other;
    unsigned char head[SEGMENT_HEAD];
    bench_open(&b);
    CU_ASSERT_EQUAL(export_spool_open(&ctx, &b.config, &other), EDGE_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INTERNAL), "in use by another"));
    put_numbers(&b, 0, 1);
    bench_close(&b);
    segment_head_put(head, 1);
    head[8] = FORMAT_VERSION + 1;
    put_u32(head + 28, crc32c(0, head, 28));
    store(only_segment(&ctx.arena, b.dir.path), head, sizeof(head));
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(export_spool_open(&ctx, &b.config, &other), EDGE_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INTERNAL), "newer version"));
}

/* ---- kill -9 -------------------------------------------------------------------------------- */

/* Appends numbers, says each on the pipe once it is there, until it is killed. */
static void child(struct spool_bench *b, int out, int from)
{
    bench_open(b);
    for (int i = from;; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        if (put(b, text) != EDGE_OK || write(out, &i, sizeof(i)) != sizeof(i)) {
            _exit(1);
        }
    }
}

static void test_killed_amid_appends(void)
{
    enum { ROUNDS = 20 };
    BENCH(b);
    b.config.segment_bytes = 16384;
    int next = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int pipes[2], i;
        CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
        pid_t pid = fork();
        if (pid == 0) {
            child(&b, pipes[1], next);
        }
        close(pipes[1]);
        for (int n = 0; n < 50 + round * 37 && read(pipes[0], &i, sizeof(i)) == sizeof(i); n++) {
            next = i + 1;
        }
        kill(pid, SIGKILL);
        while (read(pipes[0], &i, sizeof(i)) == sizeof(i)) {
            next = i + 1; /* said before it died */
        }
        close(pipes[0]);
        waitpid(pid, NULL, 0);
    }
    bench_open(&b);
    uint64_t seq = 0;
    int last = -1;
    for (int i = take(&b, &seq); i >= 0; i = take(&b, &seq)) {
        CU_ASSERT(i == last + 1 || i == last); /* one that was not said may be there twice */
        last = i;
    }
    CU_ASSERT(last >= next - 1);
}

/* ---- bounds --------------------------------------------------------------------------------- */

static void test_bounds_by_number(void)
{
    BENCH(b);
    b.config.max_count = 10;
    bench_open(&b);
    put_numbers(&b, 0, 25);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(take(&b, &seq), 15);
    CU_ASSERT_EQUAL(state(&b).depth, 10);
    CU_ASSERT_EQUAL(state(&b).dropped[EXPORT_DROP_COUNT], 15);
    b.config.full = EXPORT_DROP_NEWEST;
    export_spool_limit(b.spool, &b.config);
    CU_ASSERT_EQUAL(put(&b, "26"), EDGE_UNAVAILABLE);
    CU_ASSERT_EQUAL(state(&b).depth, 10);
    CU_ASSERT_EQUAL(state(&b).dropped[EXPORT_DROP_COUNT], 16);
}

static void test_bounds_by_bytes(void)
{
    enum { MAX = 1 << 20 };
    BENCH(b);
    char text[1001];
    memset(text, 'x', sizeof(text));
    text[1000] = '\0';
    b.config.max_bytes = MAX;
    bench_open(&b);
    for (int i = 0; i < 3000; i++) {
        CU_ASSERT_EQUAL(put(&b, text), EDGE_OK);
        CU_ASSERT(state(&b).disk_bytes <= MAX);
    }
    struct export_spool_state st = state(&b);
    CU_ASSERT_EQUAL(st.depth + st.dropped[EXPORT_DROP_BYTES], 3000);
    CU_ASSERT(st.depth > 600);
    char *huge = edge_xalloc(1, MAX);
    memset(huge, 'x', MAX - 1);
    CU_ASSERT_EQUAL(put(&b, huge), EDGE_TOO_LARGE);
    free(huge);
}

/* A bound that is lowered below what the last segment takes, and nothing waits: there is room again. */
static void test_a_lower_bound(void)
{
    static const enum export_full policies[] = {EXPORT_DROP_OLDEST, EXPORT_DROP_NEWEST,
                                                EXPORT_BLOCK};
    for (size_t p = 0; p < 3; p++) {
        BENCH(b);
        char text[1001];
        memset(text, 'x', sizeof(text));
        text[1000] = '\0';
        bench_open(&b);
        for (int i = 0; i < 2000; i++) {
            CU_ASSERT_EQUAL(put(&b, text), EDGE_OK);
            export_spool_settle(b.spool, (uint64_t)i + 1);
        }
        b.config.max_bytes = 1 << 20;
        b.config.full = policies[p];
        export_spool_limit(b.spool, &b.config);
        CU_ASSERT_EQUAL(put(&b, text), EDGE_OK);
        CU_ASSERT_EQUAL(state(&b).depth, 1);
        CU_ASSERT(state(&b).disk_bytes < 1 << 20);
    }
}

struct blocked {
    struct spool_bench *b;
    enum edge_status st;
};

static void *put_blocked(void *arg)
{
    struct blocked *x = arg;
    EDGE_CTX_SCOPE(ctx);
    struct export_record r = {.payload = "9", .size = 1};
    ctx.log = x->b->log;
    x->st = export_spool_append(&ctx, x->b->spool, &r, 1, edge_now_mono_ms() + 20000);
    return NULL;
}

static void test_blocking_waits_for_room(void)
{
    BENCH(b);
    b.config.max_count = 2;
    b.config.full = EXPORT_BLOCK;
    bench_open(&b);
    put_numbers(&b, 0, 2);
    CU_ASSERT_EQUAL(put(&b, "x"), EDGE_UNAVAILABLE); /* its deadline has come */
    struct blocked x = {&b, EDGE_INTERNAL};
    pthread_t t = edge_thread_start("blocked", put_blocked, &x);
    export_spool_settle(b.spool, 1);
    pthread_join(t, NULL);
    CU_ASSERT_EQUAL(x.st, EDGE_OK);
    CU_ASSERT_EQUAL(state(&b).depth, 2);
}

static void test_old_and_expired_ones_go(void)
{
    BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    bench_open(&b);
    struct export_record r[] = {
        {.payload = "0",                        .size = 1, .expires_ms = 1},
        {.payload = "1",                                     .size = 1,                                 .spooled_ms = edge_now_ms() - 100000},
        {.payload = "2", .size = 1},
    };
    CU_ASSERT_EQUAL(export_spool_append(&ctx, b.spool, r, 3, 0), EDGE_OK);
    uint64_t seq = 0;
    CU_ASSERT_EQUAL(take(&b, &seq), 1);
    b.config.max_age_ms = 1000;
    export_spool_limit(b.spool, &b.config);
    seq = 0;
    CU_ASSERT_EQUAL(take(&b, &seq), 2);
    CU_ASSERT_EQUAL(state(&b).dropped[EXPORT_DROP_EXPIRED], 1);
    CU_ASSERT_EQUAL(state(&b).dropped[EXPORT_DROP_AGE], 1);
}

/* ---- two threads ---------------------------------------------------------------------------- */

enum { FOLLOWED = 20000 };

static void *append_all(void *arg)
{
    char text[16];
    for (int i = 0; i < FOLLOWED; i++) {
        snprintf(text, sizeof(text), "%d", i);
        CU_ASSERT_EQUAL(put(arg, text), EDGE_OK);
    }
    return NULL;
}

static void test_a_reader_follows(void)
{
    BENCH(b);
    b.config.segment_bytes = 65536;
    b.config.durability = EXPORT_GROUP;
    bench_open(&b);
    pthread_t t = edge_thread_start("append", append_all, &b);
    uint64_t seq = 0;
    int wrong = 0;
    for (int i = 0; i < FOLLOWED;) {
        int got = take(&b, &seq);
        if (got < 0) {
            CU_ASSERT_FATAL(export_spool_wait(b.spool, seq ? seq : 1, edge_now_mono_ms() + 20000));
            continue;
        }
        wrong += got != i++;
        export_spool_settle(b.spool, seq - 1);
    }
    pthread_join(t, NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(state(&b).depth, 0);
    export_spool_wake(b.spool);
    CU_ASSERT_FALSE(export_spool_wait(b.spool, seq, EDGE_TIME_WRITTEN));
}

static void test_full_disk(void)
{
    BENCH(b);
    b.config.min_free_bytes = UINT64_MAX;
    bench_open(&b);
    CU_ASSERT_EQUAL(put(&b, "1"), EDGE_UNAVAILABLE);
    CU_ASSERT_EQUAL(state(&b).dropped[EXPORT_DROP_DISK], 1);
    b.config.min_free_bytes = 1;
    export_spool_limit(b.spool, &b.config);
    CU_ASSERT_EQUAL(put(&b, "2"), EDGE_OK);
}

/* ---- parts ---------------------------------------------------------------------------------- */

static void test_checksum(void)
{
    static const char digits[] = "123456789"; /* the check value of CRC-32C */
    unsigned char zeros[32] = {0};
    CU_ASSERT_EQUAL(crc32c(0, digits, 9), 0xe3069283);
    CU_ASSERT_EQUAL(crc32c_by_table(0, digits, 9), 0xe3069283);
    CU_ASSERT_EQUAL(crc32c(0, zeros, 32), 0x8a9136aa); /* RFC 3720, B.4 */
    CU_ASSERT_EQUAL(crc32c(crc32c(0, digits, 4), digits + 4, 5), 0xe3069283);
}

static void test_runs(void)
{
    enum { N = 200 };
    struct ranges r = {0};
    bool in[N] = {false};
    unsigned random = 7;
    for (int i = 0; i < 400; i++) {
        random = random * 1103515245 + 12345;
        uint64_t seq = random / 65536 % N;
        uint64_t to = seq + random / 7 % 4, fresh = 0;
        to = to < N ? to : N;
        for (uint64_t k = seq; k < to; k++) {
            fresh += !in[k];
            in[k] = true;
        }
        CU_ASSERT_EQUAL(ranges_add(&r, seq, to), fresh);
        uint64_t total = 0, skip = 0, low = 0;
        for (uint64_t k = 0; k < N; k++) {
            total += in[k];
            low += in[k] && k < 50;
        }
        while (skip < N && in[skip]) {
            skip++;
        }
        CU_ASSERT_EQUAL(r.total, total);
        CU_ASSERT_EQUAL(ranges_skip(&r, 0), skip);
        CU_ASSERT_EQUAL(ranges_count(&r, 0, 50), low);
        CU_ASSERT_EQUAL(ranges_count(&r, 50, N), total - low);
    }
    uint64_t behind = ranges_count(&r, 77, N);
    ranges_trim(&r, 77);
    CU_ASSERT_EQUAL(r.total, behind);
    ranges_done(&r);
}

CU_TestInfo spool_tests[] = {
    {"records come back as they were",       test_records_come_back_as_they_were     },
    {"order over segments and restarts",     test_order_over_segments_and_restarts   },
    {"settled in any order, and remembered", test_settled_in_any_order_and_remembered},
    {"cut at every byte",                    test_cut_at_every_byte                  },
    {"any bit flipped",                      test_any_bit_flipped                    },
    {"a record in a record",                 test_a_record_in_a_record               },
    {"files of others are left alone",       test_files_of_others_are_left_alone     },
    {"a lower bound",                        test_a_lower_bound                      },
    {"a damaged cursor sends again",         test_a_damaged_cursor_sends_again       },
    {"absurd numbers",                       test_absurd_numbers                     },
    {"the last number is no one's",          test_the_last_number_is_no_ones         },
    {"numbers are never used again",         test_numbers_are_never_used_again       },
    {"folders of others are refused",        test_folders_of_others_are_refused      },
    {"killed amid appends",                  test_killed_amid_appends                },
    {"bounds by number",                     test_bounds_by_number                   },
    {"bounds by bytes",                      test_bounds_by_bytes                    },
    {"blocking waits for room",              test_blocking_waits_for_room            },
    {"old and expired ones go",              test_old_and_expired_ones_go            },
    {"a reader follows",                     test_a_reader_follows                   },
    {"a full disk",                          test_full_disk                          },
    {"checksum",                             test_checksum                           },
    {"runs of numbers",                      test_runs                               },
    CU_TEST_INFO_NULL,
};
