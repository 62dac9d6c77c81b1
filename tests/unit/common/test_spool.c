/* The spool keeps what it was given: in order, through restarts, kills, torn and damaged files, within its bounds. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/arena.h"
#include "edge/clock.h"
#include "edge/thread.h"
#include "spool_bench.h"
#include "store/spool_format.h"
#include "store/spool_ranges.h"
#include "suites.h"

/* ---- order and settling --------------------------------------------------------------------- */

static void test_records_come_back_as_they_were(void)
{
    SPOOL_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    spool_bench_open(&b);
    struct edge_spool_record in = {.origin_ns = -5,
                                   .expires_ms = INT64_MAX,
                                   .attempts = 9,
                                   .kind = 200,
                                   .priority = 4,
                                   .correlation_id = "c",
                                   .context = "",
                                   .payload = "a\0b",
                                   .size = 3};
    struct edge_spool_record out;
    CU_ASSERT_EQUAL(edge_spool_append(&ctx, b.spool, &in, 1, 0), EDGE_OK);
    CU_ASSERT_EQUAL(in.seq, 1);
    spool_bench_close(&b);
    spool_bench_open(&b);
    CU_ASSERT_EQUAL_FATAL(edge_spool_read(&ctx, b.spool, 0, &out), EDGE_OK);
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
    SPOOL_BENCH(b);
    b.config.segment_bytes = 8192;
    spool_bench_open(&b);
    uint64_t seq = 0;
    for (int i = 0; i < N; i++) {
        spool_put_numbers(&b, i, i + 1);
        if (i % 3 == 0) {
            CU_ASSERT_EQUAL(spool_take(&b, &seq), i / 3); /* behind who appends */
        }
        if (i % 1000 == 999) {
            spool_bench_close(&b);
            spool_bench_open(&b);
        }
    }
    seq = 0;
    for (int i = 0; i < N; i++) {
        CU_ASSERT_EQUAL(spool_take(&b, &seq), i);
        edge_spool_settle(b.spool, seq - 1);
    }
    CU_ASSERT_EQUAL(spool_take(&b, &seq), -1);
    struct edge_spool_state st = spool_state(&b);
    CU_ASSERT_EQUAL(st.depth, 0);
    CU_ASSERT(st.disk_bytes <= 2 * 8192);
    CU_ASSERT_EQUAL(st.first, N + 1);
}

static void test_settled_in_any_order_and_remembered(void)
{
    enum { N = 500 };
    SPOOL_BENCH(b);
    b.config.segment_bytes = 4096;
    spool_bench_open(&b);
    bool settled[N + 1] = {false};
    unsigned random = 1;
    spool_put_numbers(&b, 0, N);
    for (int i = 0; i < N; i++) {
        random = random * 1103515245 + 12345;
        uint64_t seq = random / 65536 % N + 1;
        settled[seq] = true;
        edge_spool_settle(b.spool, seq);
        if (i % 100 == 0) {
            spool_bench_close(&b);
            spool_bench_open(&b);
        }
    }
    uint64_t seq = 0, left = 0;
    for (int i = 1; i <= N; i++) {
        if (!settled[i]) {
            CU_ASSERT_EQUAL(spool_take(&b, &seq), i - 1);
            left++;
        }
    }
    CU_ASSERT_EQUAL(spool_take(&b, &seq), -1);
    CU_ASSERT_EQUAL(spool_state(&b).depth, left);
    CU_ASSERT_EQUAL(edge_spool_purge(b.spool), left);
    CU_ASSERT_EQUAL(spool_state(&b).dropped[EDGE_DROP_PURGED], left);
    CU_ASSERT_EQUAL(spool_state(&b).depth, 0);
}

/* ---- kill -9 -------------------------------------------------------------------------------- */

/* Appends numbers, says each on the pipe once it is there, until it is killed. */
static void child(struct spool_bench *b, int out, int from)
{
    spool_bench_open(b);
    for (int i = from;; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        if (spool_put(b, text) != EDGE_OK || write(out, &i, sizeof(i)) != sizeof(i)) {
            _exit(1);
        }
    }
}

static void test_killed_amid_appends(void)
{
    enum { ROUNDS = 20 };
    SPOOL_BENCH(b);
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
    spool_bench_open(&b);
    uint64_t seq = 0;
    int last = -1;
    for (int i = spool_take(&b, &seq); i >= 0; i = spool_take(&b, &seq)) {
        CU_ASSERT(i == last + 1 || i == last); /* one that was not said may be there twice */
        last = i;
    }
    CU_ASSERT(last >= next - 1);
}

/* ---- two threads ---------------------------------------------------------------------------- */

enum { FOLLOWED = 20000 };

static void *append_all(void *arg)
{
    char text[16];
    for (int i = 0; i < FOLLOWED; i++) {
        snprintf(text, sizeof(text), "%d", i);
        CU_ASSERT_EQUAL(spool_put(arg, text), EDGE_OK);
    }
    return NULL;
}

static void test_a_reader_follows(void)
{
    SPOOL_BENCH(b);
    b.config.segment_bytes = 65536;
    b.config.durability = EDGE_SPOOL_GROUP;
    spool_bench_open(&b);
    pthread_t t = edge_thread_start("append", append_all, &b);
    uint64_t seq = 0;
    int wrong = 0;
    for (int i = 0; i < FOLLOWED;) {
        int got = spool_take(&b, &seq);
        if (got < 0) {
            CU_ASSERT_FATAL(edge_spool_wait(b.spool, seq ? seq : 1, edge_now_mono_ms() + 20000));
            continue;
        }
        wrong += got != i++;
        edge_spool_settle(b.spool, seq - 1);
    }
    pthread_join(t, NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(spool_state(&b).depth, 0);
    edge_spool_wake(b.spool);
    CU_ASSERT_FALSE(edge_spool_wait(b.spool, seq, EDGE_TIME_WRITTEN));
}

/* ---- parts ---------------------------------------------------------------------------------- */

static void test_checksum(void)
{
    static const char digits[] = "123456789"; /* the check value of CRC-32C */
    unsigned char zeros[32] = {0};
    CU_ASSERT_EQUAL(spool_crc32c(0, digits, 9), 0xe3069283);
    CU_ASSERT_EQUAL(spool_crc32c_by_table(0, digits, 9), 0xe3069283);
    CU_ASSERT_EQUAL(spool_crc32c(0, zeros, 32), 0x8a9136aa); /* RFC 3720, B.4 */
    CU_ASSERT_EQUAL(spool_crc32c(spool_crc32c(0, digits, 4), digits + 4, 5), 0xe3069283);
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
        CU_ASSERT_EQUAL(spool_ranges_add(&r, seq, to), fresh);
        uint64_t total = 0, skip = 0, low = 0;
        for (uint64_t k = 0; k < N; k++) {
            total += in[k];
            low += in[k] && k < 50;
        }
        while (skip < N && in[skip]) {
            skip++;
        }
        CU_ASSERT_EQUAL(r.total, total);
        CU_ASSERT_EQUAL(spool_ranges_skip(&r, 0), skip);
        CU_ASSERT_EQUAL(spool_ranges_count(&r, 0, 50), low);
        CU_ASSERT_EQUAL(spool_ranges_count(&r, 50, N), total - low);
    }
    uint64_t behind = spool_ranges_count(&r, 77, N);
    spool_ranges_trim(&r, 77);
    CU_ASSERT_EQUAL(r.total, behind);
    spool_ranges_done(&r);
}

CU_TestInfo spool_tests[] = {
    {"records come back as they were",       test_records_come_back_as_they_were     },
    {"order over segments and restarts",     test_order_over_segments_and_restarts   },
    {"settled in any order, and remembered", test_settled_in_any_order_and_remembered},
    {"killed amid appends",                  test_killed_amid_appends                },
    {"a reader follows",                     test_a_reader_follows                   },
    {"checksum",                             test_checksum                           },
    {"runs of numbers",                      test_runs                               },
    CU_TEST_INFO_NULL,
};
