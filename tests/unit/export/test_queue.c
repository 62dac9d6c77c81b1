/* Queues before a peer that does as it is told: order, retries, quarantine, pauses, restarts, kills. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/clock.h"
#include "faulty_system.h"
#include "queue_bench.h"
#include "wait.h"

/* A peer in the same process. It settles at once, or holds what it has. */
struct peer {
    struct export_connector_env env;
    pthread_mutex_t lock;
    enum export_fate next[64]; /* of the next messages; after them DELIVERED */
    unsigned n_next, at;
    int64_t retry_after_ms;
    bool holds;
    const struct export_message *held[64];
    unsigned n_held;
    char seen[4000]; /* "a b c " */
    char ids[8][33];
    unsigned n_ids, sent;
};
static struct peer peer = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum edge_status peer_open(struct edge_ctx *ctx, const void *stage,
                                  const struct export_connector_env *env, void **ret)
{
    (void)ctx, (void)stage;
    peer.env = *env;
    *ret = &peer;
    return EDGE_OK;
}

static void answer(const struct export_message *m, enum export_fate fate)
{
    struct export_outcome outcome = {.fate = fate,
                                     .reason = fate == EXPORT_DELIVERED ? NULL : "the peer says no",
                                     .retry_after_ms = peer.retry_after_ms};
    (void)peer.env.settle(peer.env.queue, m->token, &outcome);
}

static void peer_send(void *c, struct edge_ctx *ctx, const struct export_message *m)
{
    (void)c, (void)ctx;
    pthread_mutex_lock(&peer.lock);
    size_t len = strlen(peer.seen);
    snprintf(peer.seen + len, sizeof(peer.seen) - len, "%.*s ", (int)m->size,
             (const char *)m->payload);
    if (peer.n_ids < 8) {
        snprintf(peer.ids[peer.n_ids], sizeof(peer.ids[0]), "%s", m->id);
        peer.n_ids++;
    }
    peer.sent++;
    enum export_fate fate = peer.at < peer.n_next ? peer.next[peer.at++] : EXPORT_DELIVERED;
    bool holds = peer.holds;
    if (holds) {
        peer.held[peer.n_held++] = m;
    }
    pthread_mutex_unlock(&peer.lock);
    if (!holds) {
        answer(m, fate);
    }
}

static void peer_send_quietly(void *c, struct edge_ctx *ctx, const struct export_message *m)
{
    (void)c, (void)ctx;
    answer(m, peer.at < peer.n_next ? peer.next[peer.at++] : EXPORT_DELIVERED);
}

static void peer_stop(void *c, int64_t deadline_ms)
{
    (void)c, (void)deadline_ms;
    for (unsigned i = 0; i < peer.n_held; i++) {
        answer(peer.held[i], EXPORT_UNSENT);
    }
    peer.n_held = 0;
}

static void peer_close(void *c)
{
    (void)c;
}

static const struct export_connector PEER = {.window = 4,
                                             .max_bytes = 100,
                                             .open = peer_open,
                                             .send = peer_send,
                                             .stop = peer_stop,
                                             .close = peer_close};

static void script(const enum export_fate *fates, unsigned n)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    peer = (struct peer){.lock = lock, .n_next = n};
    if (n > 0) {
        memcpy(peer.next, fates, n * sizeof(*fates));
    }
}

static bool has_held(void *arg)
{
    pthread_mutex_lock(&peer.lock);
    bool yes = peer.n_held >= *(unsigned *)arg;
    pthread_mutex_unlock(&peer.lock);
    return yes;
}

static bool has_sent(void *arg)
{
    pthread_mutex_lock(&peer.lock);
    bool yes = peer.sent >= *(unsigned *)arg;
    pthread_mutex_unlock(&peer.lock);
    return yes;
}

#define SAW(text) CU_ASSERT_STRING_EQUAL(peer.seen, text)

static void test_everything_goes_in_order(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    bench_put(&b, "c");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a b c ");
    CU_ASSERT_EQUAL(b.n_followed, 3);
    CU_ASSERT_STRING_EQUAL(b.followed[2], "c");
    CU_ASSERT_EQUAL(bench_status(&b).state, EXPORT_Q_IDLE);
    CU_ASSERT_EQUAL(bench_status(&b).acknowledged, 3);
}

static void test_what_failed_is_sent_again_from_there(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    peer.holds = true;
    unsigned three = 3;
    b.config.connector = &PEER;
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    bench_put(&b, "c");
    CU_ASSERT_FATAL(wait_until(has_held, &three, 10000));
    pthread_mutex_lock(&peer.lock);
    peer.holds = false;
    peer.n_held = 0;
    pthread_mutex_unlock(&peer.lock);
    answer(peer.held[2], EXPORT_DELIVERED);
    answer(peer.held[1], EXPORT_RETRY);
    answer(peer.held[0], EXPORT_DELIVERED);
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a b c b c ");
    CU_ASSERT_EQUAL(b.n_followed, 3);
    CU_ASSERT_EQUAL(b.told, 1);
    CU_ASSERT_STRING_EQUAL(peer.ids[1], peer.ids[3]); /* the same message */
    CU_ASSERT_STRING_NOT_EQUAL(peer.ids[1], peer.ids[2]);
    CU_ASSERT(bench_says(&b, "the peer says no"));
}

static void test_while_the_peer_is_away_one_is_tried_at_a_time(void)
{
    static const enum export_fate away[] = {EXPORT_RETRY, EXPORT_RETRY, EXPORT_RETRY};
    QUEUE_BENCH(b);
    script(away, 3);
    b.config.connector = &PEER;
    b.config.window = 1;
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a a a a b ");
    CU_ASSERT_EQUAL(bench_status(&b).retries, 3);
}

static void test_the_peer_says_when(void)
{
    static const enum export_fate away[] = {EXPORT_RETRY};
    QUEUE_BENCH(b);
    script(away, 1);
    peer.retry_after_ms = 60000;
    b.config.connector = &PEER;
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_BACKOFF));
    struct export_queue_status s = bench_status(&b);
    CU_ASSERT(s.next_retry_ms > edge_now_ms() + 50000);
    export_queue_flush(b.q); /* whatever it said */
    CU_ASSERT(bench_wait_depth(&b, 0));
}

static void test_retries_are_counted_out(void)
{
    static const enum export_fate away[] = {EXPORT_RETRY, EXPORT_RETRY, EXPORT_RETRY};
    QUEUE_BENCH(b);
    script(away, 3);
    b.config.connector = &PEER;
    b.config.window = 1;
    b.config.max_retries = 2;
    b.config.retry_interval_ms = 1;
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a a a b ");
    CU_ASSERT_EQUAL(bench_status(&b).dropped[EDGE_DROP_RETRIES], 1);
}

static void test_what_is_not_kept_goes_with_the_first_failure(void)
{
    static const enum export_fate away[] = {EXPORT_RETRY};
    QUEUE_BENCH(b);
    script(away, 1);
    b.config.connector = &PEER;
    b.config.keep = false;
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a b ");
    CU_ASSERT_EQUAL(bench_status(&b).dropped[EDGE_DROP_RETRIES], 1);
    CU_ASSERT_EQUAL(b.told, 1);
}

/* What is in the peer's hands stays whole until it gives it back. */
static void test_a_stop_with_several_on_the_way(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    peer.holds = true;
    unsigned three = 3;
    b.config.connector = &PEER;
    b.config.keep = false;
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    bench_put(&b, "c");
    CU_ASSERT_FATAL(wait_until(has_held, &three, 10000));
    answer(peer.held[0], EXPORT_UNSENT);
    answer(peer.held[1], EXPORT_UNSENT);
    export_queue_pause(b.q, true); /* a round of its thread */
    answer(peer.held[2], EXPORT_UNSENT);
    peer.n_held = 0;
    bench_close(&b);
    bench_open(&b);
    CU_ASSERT_EQUAL(bench_status(&b).depth, 3);
}

static void test_what_the_peer_will_never_take_is_put_aside(void)
{
    static const enum export_fate never[] = {EXPORT_REJECTED};
    struct export_quarantined *list;
    size_t n;
    QUEUE_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    script(never, 1);
    b.config.connector = &PEER;
    bench_open(&b);
    bench_put_with(&b, "a", "{\"values\":{\"devicename\":\"pump\"}}");
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(bench_wait_quarantined(&b, 1));
    bench_close(&b); /* and there it stays */
    bench_open(&b);
    CU_ASSERT_EQUAL_FATAL(export_quarantine_list(&ctx, b.q, 0, 10, &list, &n), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_STRING_EQUAL(list[0].reason, "the peer says no");
    CU_ASSERT(list[0].since_ms > 0);
    CU_ASSERT_NSTRING_EQUAL(list[0].record.payload, "a", 1);
    CU_ASSERT_EQUAL(export_quarantine_replay(&ctx, b.q, 99), EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(export_quarantine_replay(&ctx, b.q, list[0].seq), EDGE_OK);
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a b a ");
    CU_ASSERT_STRING_EQUAL(peer.ids[0], peer.ids[2]); /* whatever its seq is now */
    CU_ASSERT(bench_wait_quarantined(&b, 0));
}

/* It holds 64 MiB; what the peer refuses then is dropped, counted and told, and the queue goes on. */
static void test_a_full_quarantine(void)
{
    enum { SIZE = 9 << 20, N = 9 };
    static enum export_fate never[N];
    QUEUE_BENCH(b);
    char *text = calloc(1, SIZE + 1);
    memset(text, 'x', SIZE);
    for (unsigned i = 0; i < N; i++) {
        never[i] = EXPORT_REJECTED;
    }
    script(never, N);
    struct export_connector large = PEER;
    large.max_bytes = SIZE;
    large.send = peer_send_quietly;
    b.config.connector = &large;
    bench_open(&b);
    for (unsigned i = 0; i < N; i++) {
        bench_put(&b, text);
    }
    bench_put(&b, "goes on");
    CU_ASSERT(bench_wait_depth(&b, 0));
    struct export_queue_status s = bench_status(&b);
    CU_ASSERT_EQUAL(s.quarantined, 7);
    CU_ASSERT_EQUAL(s.dropped[EDGE_DROP_REJECTED], 2);
    CU_ASSERT_EQUAL(s.acknowledged, 1);
    CU_ASSERT_EQUAL(b.told, N);
    bench_close(&b);
    free(text);
}

static void test_a_full_queue_that_drops_nothing(void)
{
    static const enum export_fate away[] = {EXPORT_RETRY};
    QUEUE_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    script(away, 1);
    peer.retry_after_ms = 60000;
    b.config.connector = &PEER;
    b.config.spool.max_count = 2;
    b.config.spool.full = EDGE_SPOOL_BLOCK;
    bench_open(&b);
    bench_put(&b, "a");
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_retries(&b, 1));
    struct edge_spool_record third = {.payload = "c", .size = 1};
    CU_ASSERT_EQUAL(export_queue_put(&ctx, b.q, &third, 1, edge_now_mono_ms()), EDGE_UNAVAILABLE);
    CU_ASSERT_EQUAL(bench_status(&b).state, EXPORT_Q_BLOCKED);
    CU_ASSERT(bench_says(&b, "the queue is full (count)"));
    export_queue_flush(b.q);
    CU_ASSERT(bench_wait_depth(&b, 0));
    bench_put(&b, "d");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(bench_status(&b).state, EXPORT_Q_IDLE);
    SAW("a a b d ");
}

/* Before the time this was written no certificate is valid: that is not the peer's fault. */
static void test_a_clock_that_is_wrong(void)
{
    static const enum export_fate away[] = {EXPORT_RETRY};
    QUEUE_BENCH(b);
    script(away, 1);
    peer.retry_after_ms = 60000;
    b.config.connector = &PEER;
    bench_open(&b);
    faulty_clock_off_s = -20LL * 365 * 86400;
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_CLOCK));
    faulty_clock_off_s = 0;
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_BACKOFF));
    export_queue_flush(b.q);
    CU_ASSERT(bench_wait_depth(&b, 0));
}

static void test_what_is_too_large_is_not_sent(void)
{
    char large[200];
    QUEUE_BENCH(b);
    EDGE_CTX_SCOPE(ctx);
    script(NULL, 0);
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    b.config.connector = &PEER;
    bench_open(&b);
    bench_put(&b, large);
    bench_put(&b, "b");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("b ");
    CU_ASSERT(bench_wait_quarantined(&b, 1));
    CU_ASSERT(bench_says(&b, "199 bytes are more than the 100 the peer takes"));
    CU_ASSERT_EQUAL(export_quarantine_delete(&ctx, b.q, 0), EDGE_OK);
    CU_ASSERT(bench_wait_quarantined(&b, 0));
}

static void test_a_pause_survives_a_restart(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    bench_open(&b);
    export_queue_pause(b.q, true);
    bench_put(&b, "a");
    bench_close(&b);
    bench_open(&b);
    CU_ASSERT_EQUAL(bench_status(&b).state, EXPORT_Q_PAUSED);
    CU_ASSERT_EQUAL(bench_status(&b).depth, 1);
    bench_put(&b, "b");
    struct edge_gauge *size =
        edge_gauge_tagged(b.metrics, "StoreForwardQueueSize", "", "queue", b.config.name);
    CU_ASSERT_EQUAL(edge_gauge_get(size), 2);
    export_queue_pause(b.q, false);
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a b ");
    bench_close(&b);
    static const char *const times[] = {"ExportDuration", "ExportWaiting", "ExportAnswering"};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(edge_histogram_count(edge_histogram(b.metrics, times[i], "")), 2);
    }
}

static void test_a_purge_is_counted(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    bench_open(&b);
    export_queue_pause(b.q, true);
    bench_put(&b, "a");
    bench_put(&b, "b");
    CU_ASSERT_EQUAL(export_queue_purge(b.q), 2);
    CU_ASSERT_EQUAL(bench_status(&b).dropped[EDGE_DROP_PURGED], 2);
    export_queue_pause(b.q, false);
    bench_put(&b, "c");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("c ");
}

static void test_a_denial_waits_for_other_secrets(void)
{
    static const enum export_fate denied[] = {EXPORT_DENIED};
    QUEUE_BENCH(b);
    script(denied, 1);
    b.config.connector = &PEER;
    b.config.denied_first_ms = b.config.denied_last_ms = 3600 * 1000;
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_DENIED));
    bench_secret(&b, "any/key", "new");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a a ");
}

static void test_what_follows_may_fail(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    b.config.window = 1;
    b.refuse = 2;
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a a a ");
    CU_ASSERT_EQUAL(b.n_followed, 1);
    CU_ASSERT(bench_says(&b, "no room behind"));
}

static void test_the_rate_has_a_bound(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    b.config.rate = 20;
    bench_open(&b);
    int64_t began_ms = edge_now_mono_ms();
    for (int i = 0; i < 5; i++) {
        bench_put(&b, "a");
    }
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(edge_now_mono_ms() - began_ms >= 190);
}

static void test_the_bytes_have_a_bound(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    b.config.bytes_rate = 100;
    bench_open(&b);
    int64_t began_ms = edge_now_mono_ms();
    for (unsigned i = 0; i < 4; i++) {
        bench_put(&b, "ten bytes.");
    }
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(edge_now_mono_ms() - began_ms >= 295); /* three pauses of 100 ms */
}

/* a is tried until the peer is there; b to f waited, A to D came since. */
static void test_live_ones_go_first_after_an_outage(void)
{
    static const enum export_fate away[] = {EXPORT_RETRY};
    QUEUE_BENCH(b);
    script(away, 1);
    peer.retry_after_ms = 60000;
    b.config.connector = &PEER;
    b.config.window = 1;
    b.config.live_first = true;
    bench_open(&b);
    bench_put(&b, "a");
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_BACKOFF));
    for (const char *name = "bcdef"; *name; name++) {
        bench_put(&b, (char[2]){*name});
    }
    peer.holds = true;
    export_queue_flush(b.q);
    unsigned one = 1;
    CU_ASSERT_FATAL(wait_until(has_held, &one, 10000));
    answer(peer.held[0], EXPORT_DELIVERED); /* it is back: from here on there are two lanes */
    unsigned two = 2;
    CU_ASSERT_FATAL(wait_until(has_held, &two, 10000));
    for (const char *name = "ABCDEF"; *name; name++) {
        bench_put(&b, (char[2]){*name});
    }
    pthread_mutex_lock(&peer.lock);
    peer.holds = false;
    pthread_mutex_unlock(&peer.lock);
    answer(peer.held[1], EXPORT_DELIVERED);
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a a b A B C D c E F d e f ");
    peer.n_held = 0;
}

/* A failure amid two lanes: what was sent ahead of its turn comes again, what is settled does not. */
static void test_lanes_lose_nothing(void)
{
    static const enum export_fate away[] = {EXPORT_RETRY, EXPORT_DELIVERED, EXPORT_DELIVERED,
                                            EXPORT_RETRY, EXPORT_RETRY,     EXPORT_DELIVERED,
                                            EXPORT_RETRY};
    QUEUE_BENCH(b);
    script(away, sizeof(away) / sizeof(away[0]));
    b.config.connector = &PEER;
    b.config.live_first = true;
    b.config.retry_interval_ms = 1;
    bench_open(&b);
    enum { N = 200 };
    bool seen[N] = {0};
    for (unsigned i = 0; i < N; i++) {
        char name[8];
        snprintf(name, sizeof(name), "%u", i);
        bench_put(&b, name);
    }
    CU_ASSERT(bench_wait_depth(&b, 0));
    for (size_t i = 0; i < b.n_followed; i++) {
        long number = strtol(b.followed[i], NULL, 10);
        CU_ASSERT_FALSE(seen[number]);
        seen[number] = true;
    }
    CU_ASSERT_EQUAL(b.n_followed, N);
}

static void test_what_was_not_settled_comes_after_a_restart(void)
{
    QUEUE_BENCH(b);
    script(NULL, 0);
    peer.holds = true;
    unsigned two = 2;
    b.config.connector = &PEER;
    bench_open(&b);
    bench_put_with(&b, "a", "{\"id\":\"event-1\"}");
    bench_put(&b, "b");
    CU_ASSERT(wait_until(has_held, &two, 10000));
    bench_close(&b);
    peer.holds = false;
    bench_open(&b);
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a b a b ");
    CU_ASSERT_STRING_EQUAL(peer.ids[0], peer.ids[2]);
    CU_ASSERT_STRING_EQUAL(peer.ids[1], peer.ids[3]);
}

static void die_amid(struct queue_bench *b)
{
    unsigned two = 2;
    peer.holds = true;
    bench_open(b);
    bench_put(b, "a");
    bench_put(b, "b");
    _exit(wait_until(has_sent, &two, 10000) ? raise(SIGKILL) : 1);
}

static void test_a_kill_loses_nothing(void)
{
    int status;
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    pid_t pid = fork();
    if (pid == 0) {
        die_amid(&b);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    bench_open(&b);
    CU_ASSERT(bench_wait_depth(&b, 0));
    SAW("a b ");
    CU_ASSERT_EQUAL(b.n_followed, 2);
}

/* By this process, from files and others. */
static long long bytes_read(void)
{
    long long n = -1;
    FILE *f = fopen("/proc/self/io", "r");
    CU_ASSERT_FATAL(f && fscanf(f, "rchar: %lld", &n) == 1);
    fclose(f);
    return n;
}

/* What is measured for each message must not have the spool begin anew in its segment. */
static void test_a_backlog_is_read_once(void)
{
    enum { N = 3000, TEXT = 90, MOST = 1024 };
    char text[TEXT + 1];
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    bench_open(&b);
    export_queue_pause(b.q, true);
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof(text), "%0*d", TEXT, i);
        bench_put(&b, text);
    }
    long long before = bytes_read();
    export_queue_pause(b.q, false);
    unsigned all = N; /* not by the queue's state: that reads, too */
    CU_ASSERT(wait_until(has_sent, &all, 10000));
    CU_ASSERT(bytes_read() - before < (long long)N * MOST);
}

/* Two lanes are two places of one file: each is read on from. */
static void test_lanes_are_read_once(void)
{
    enum { N = 1500, TEXT = 90, MOST = 1024 };
    char text[TEXT + 1];
    QUEUE_BENCH(b);
    script(NULL, 0);
    b.config.connector = &PEER;
    b.config.live_first = true;
    bench_open(&b);
    export_queue_pause(b.q, true);
    for (int i = 0; i < 2 * N; i++) {
        if (i == N) {
            peer.holds = true;
            export_queue_pause(b.q, false); /* what is put from here on is live */
        }
        snprintf(text, sizeof(text), "%0*d", TEXT, i);
        bench_put(&b, text);
    }
    unsigned four = 4, all = 2 * N;
    CU_ASSERT_FATAL(wait_until(has_held, &four, 10000));
    pthread_mutex_lock(&peer.lock);
    peer.holds = false;
    pthread_mutex_unlock(&peer.lock);
    long long before = bytes_read();
    for (unsigned i = 0; i < four; i++) {
        answer(peer.held[i], EXPORT_DELIVERED);
    }
    peer.n_held = 0;
    CU_ASSERT(wait_until(has_sent, &all, 10000));
    CU_ASSERT(bytes_read() - before < (long long)all * MOST);
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(b.n_followed, all);
}

CU_TestInfo queue_tests[] = {
    {"everything goes in order",                       test_everything_goes_in_order                  },
    {"what failed is sent again from there",           test_what_failed_is_sent_again_from_there      },
    {"while the peer is away, one is tried at a time",
     test_while_the_peer_is_away_one_is_tried_at_a_time                                               },
    {"the peer says when",                             test_the_peer_says_when                        },
    {"retries are counted out",                        test_retries_are_counted_out                   },
    {"what is not kept goes with the first failure",
     test_what_is_not_kept_goes_with_the_first_failure                                                },
    {"a stop with several on the way",                 test_a_stop_with_several_on_the_way            },
    {"what the peer will never take is put aside",     test_what_the_peer_will_never_take_is_put_aside},
    {"a full quarantine",                              test_a_full_quarantine                         },
    {"a full queue that drops nothing",                test_a_full_queue_that_drops_nothing           },
    {"a clock that is wrong",                          test_a_clock_that_is_wrong                     },
    {"what is too large is not sent",                  test_what_is_too_large_is_not_sent             },
    {"a pause survives a restart",                     test_a_pause_survives_a_restart                },
    {"a purge is counted",                             test_a_purge_is_counted                        },
    {"a denial waits for other secrets",               test_a_denial_waits_for_other_secrets          },
    {"what follows may fail",                          test_what_follows_may_fail                     },
    {"the rate has a bound",                           test_the_rate_has_a_bound                      },
    {"the bytes have a bound",                         test_the_bytes_have_a_bound                    },
    {"live ones go first after an outage",             test_live_ones_go_first_after_an_outage        },
    {"lanes lose nothing",                             test_lanes_lose_nothing                        },
    {"what was not settled comes after a restart",     test_what_was_not_settled_comes_after_a_restart},
    {"a backlog is read once",                         test_a_backlog_is_read_once                    },
    {"lanes are read once",                            test_lanes_are_read_once                       },
    {"a kill loses nothing",                           test_a_kill_loses_nothing                      },
    CU_TEST_INFO_NULL,
};
