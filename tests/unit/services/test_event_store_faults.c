/* The event store where things break: killed at any moment, disk full, somebody else's file. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/metrics.h"
#include "store_support.h"
#include "suites.h"
#include "wait.h"

static const struct event_filter ALL = {EVENT_FILTER_ALL};

static int64_t count_readings(struct store_fixture *f)
{
    int64_t n = -1;
    CU_ASSERT_EQUAL(event_store_count_readings(&f->ctx, f->store, &ALL, &n), EDGE_OK);
    return n;
}

/* ---- killed ------------------------------------------------------------------------------------
 */

enum { KILLED_READINGS = 3, IN_FLIGHT = 64 };

struct acknowledged {
    struct event_job job;
    struct edge_ctx ctx;
    int pipe;
    uint64_t number;
};

/* The child's whole life after an event was reported durable: say so. */
static void say_number(struct event_job *job, enum edge_status st, const char *why)
{
    struct acknowledged *a = (struct acknowledged *)job;
    (void)why;
    if (st == EDGE_OK && write(a->pipe, &a->number, sizeof(a->number)) != sizeof(a->number)) {
        _exit(3);
    }
    edge_ctx_done(&a->ctx);
    free(a);
}

/* Adds events until it is killed; now and then everything of one device goes. */
static _Noreturn void write_until_killed(const struct event_store_config *config, int out,
                                         uint64_t first)
{
    struct edge_ctx ctx = EDGE_CTX_INIT;
    struct event_store *store = NULL;
    if (event_store_open(&ctx, config, &store) != EDGE_OK) {
        fprintf(stderr, "child: %s\n", edge_ctx_message(&ctx, EDGE_INTERNAL));
        _exit(2);
    }
    for (uint64_t n = first;; n++) {
        struct acknowledged *a = edge_xalloc(1, sizeof(*a));
        a->number = n;
        a->pipe = out;
        struct event *e =
            make_event(&a->ctx.arena, "d", "s", (int64_t)(n * 37 % 1000), KILLED_READINGS);
        e->id = make_id(&a->ctx.arena, n);
        a->job = (struct event_job){.kind = EVENT_ADD, .event = e, .done = say_number};
        if (event_store_submit(&ctx, store, &a->job, 10000) != EDGE_OK) {
            _exit(4);
        }
    }
}

/* Reads what the child acknowledged until it is gone; kills it after @p n_wanted. */
static uint64_t collect(int in, pid_t child, uint64_t n_wanted, unsigned extra_us)
{
    uint64_t number = 0, last = 0, n = 0;
    while (read(in, &number, sizeof(number)) == sizeof(number)) {
        last = number;
        if (++n == n_wanted) {
            struct timespec pause = {0, extra_us * 1000L};
            nanosleep(&pause, NULL); /* somewhere within the next commits */
            kill(child, SIGKILL);
        }
    }
    return last;
}

static void verify_events(struct store_fixture *f, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++) {
        EDGE_CTX_SCOPE(ctx);
        struct event e;
        enum edge_status st = event_store_get(&ctx, f->store, make_id(&ctx.arena, n), &e);
        CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
        CU_ASSERT_EQUAL(e.n_readings, KILLED_READINGS);
    }
}

static void check_counts(struct store_fixture *f)
{
    EDGE_CTX_SCOPE(ctx);
    int64_t events = 0, in_range = 0;
    struct event_filter range = {.start = -1, .end = 1000000};
    CU_ASSERT_EQUAL(event_store_count_events(&ctx, f->store, &ALL, &events), EDGE_OK);
    CU_ASSERT_EQUAL(event_store_count_events(&ctx, f->store, &range, &in_range), EDGE_OK);
    CU_ASSERT_EQUAL(events, in_range);
    CU_ASSERT_EQUAL(count_readings(f), events * KILLED_READINGS);
    struct event_filter device = {.device = "d", EVENT_FILTER_ALL};
    struct reading *r = NULL;
    size_t n = 0;
    CU_ASSERT_EQUAL(event_store_readings(&ctx, f->store, &device, 0, INT32_MAX, &r, &n), EDGE_OK);
    CU_ASSERT_EQUAL((int64_t)n, events * KILLED_READINGS);
}

static void test_nothing_acknowledged_is_lost_by_a_kill(void)
{
    STORE_FIXTURE(f);
    f.config.segment_readings = 900;
    f.config.segment_events = 300;
    f.config.max_queued = IN_FLIGHT;
    f.config.file.metrics = edge_metrics_create("core-data");
    uint64_t next = 1;
    for (unsigned round = 0; round < 12; round++) {
        event_store_close(f.store);
        f.store = NULL;
        int fds[2];
        CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            write_until_killed(&f.config, fds[1], next);
        }
        close(fds[1]);
        uint64_t last = collect(fds[0], child, 50 + round * 97, round * 113);
        close(fds[0]);
        int status = 0;
        CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
        CU_ASSERT_TRUE(WIFSIGNALED(status));
        store_reopen(&f);
        CU_ASSERT_EQUAL(edge_counter_get(edge_counter(f.config.file.metrics, "StoresPutAside", "")),
                        0); /* whenever it was killed: that is no damage */
        verify_events(&f, next, last);
        check_counts(&f);
        next = last + 10 * IN_FLIGHT; /* ids of events under way may be there too */
    }
    event_store_settle(f.store);
    check_counts(&f);
    event_store_close(f.store);
    f.store = NULL;
    edge_metrics_free(f.config.file.metrics);
}

static void test_a_noted_removal_survives_a_kill(void)
{
    STORE_FIXTURE(f);
    event_store_close(f.store);
    f.store = NULL;
    int fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        store_reopen(&f);
        for (int64_t i = 0; i < 700; i++) {
            if (store_add(&f, make_event(&f.ctx.arena, i % 2 ? "a" : "b", "s", i, 1)) != EDGE_OK) {
                _exit(2);
            }
        }
        (void)store_do(&f,
                       &(struct event_job){
                           .kind = EVENT_REMOVE, .removal = {.device = "a", .cutoff = INT64_MAX}
        });
        (void)!write(fds[1], "x", 1);
        kill(getpid(), SIGKILL);
    }
    close(fds[1]);
    char done = 0;
    CU_ASSERT_EQUAL(read(fds[0], &done, 1), 1);
    close(fds[0]);
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
    store_reopen(&f);
    event_store_settle(f.store);
    CU_ASSERT_EQUAL(count_readings(&f), 350);
    struct event_filter a = {.device = "a", EVENT_FILTER_ALL};
    int64_t left = -1;
    CU_ASSERT_EQUAL(event_store_count_readings(&f.ctx, f.store, &a, &left), EDGE_OK);
    CU_ASSERT_EQUAL(left, 0);
}

static void test_a_torn_log_loses_only_its_tail(void)
{
    STORE_FIXTURE(f);
    event_store_close(f.store);
    f.store = NULL;
    pid_t child = fork();
    if (child == 0) {
        store_reopen(&f);
        for (int64_t i = 0; i < 20; i++) {
            (void)store_add(&f, make_event(&f.ctx.arena, "d", "s", i, 1));
        }
        kill(getpid(), SIGKILL);
    }
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
    const char *wal = edge_printf(&f.ctx.arena, "%s-wal", f.path);
    struct stat st;
    CU_ASSERT_EQUAL_FATAL(stat(wal, &st), 0);
    CU_ASSERT_EQUAL(truncate(wal, st.st_size - 100), 0);
    store_reopen(&f);
    CU_ASSERT_EQUAL(count_readings(&f), 19);
}

/* ---- disk full ---------------------------------------------------------------------------------
 */

static enum edge_status fill(struct store_fixture *f, size_t n_max)
{
    for (size_t i = 0; i < n_max; i++) {
        EDGE_CTX_SCOPE(ctx);
        enum edge_status st = store_add(f, make_event(&ctx.arena, "d", "s", (int64_t)i, 50));
        if (st != EDGE_OK) {
            return st;
        }
    }
    return EDGE_OK;
}

static bool has_room(void *arg)
{
    return fill(arg, 1) == EDGE_OK;
}

static void test_a_full_disk_says_so_and_recovers(void)
{
    STORE_FIXTURE(f);
    CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, "gone", "s", 1, 3)), EDGE_OK);
    CU_ASSERT_EQUAL(store_remove(&f, "gone", NULL, INT64_MAX), EDGE_OK);
    f.config.segment_readings = 1000;
    f.config.max_pages = 100;
    store_reopen(&f);
    CU_ASSERT_EQUAL(fill(&f, 10000), EDGE_UNAVAILABLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&f.ctx, EDGE_UNAVAILABLE), "disk full"));
    int64_t kept = count_readings(&f);
    CU_ASSERT(kept > 0 && kept % 50 == 0);
    struct event_filter range = {.start = -1, .end = INT64_MAX};
    int64_t indexed = -1;
    CU_ASSERT_EQUAL(event_store_count_readings(&f.ctx, f.store, &range, &indexed), EDGE_OK);
    CU_ASSERT_EQUAL(indexed, kept);
    store_reopen(&f);
    CU_ASSERT_EQUAL(count_readings(&f), kept);
    /* Room is made: it goes on, and what was kept is still there after a restart. */
    CU_ASSERT_EQUAL(
        store_do(&f, &(struct event_job){.kind = EVENT_REMOVE, .removal = {.cutoff = 19}}),
        EDGE_OK);
    CU_ASSERT_TRUE(wait_until(has_room, &f, 20000));
    CU_ASSERT_EQUAL(fill(&f, 1), EDGE_OK);
    kept = count_readings(&f);
    store_reopen(&f);
    CU_ASSERT_EQUAL(count_readings(&f), kept);
}

/* The same with the system refusing to let files grow, in a child: the limit is the process's. */
static void test_a_file_size_limit_fails_the_job_only(void)
{
    STORE_FIXTURE(f);
    event_store_close(f.store);
    f.store = NULL;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = {300000, RLIM_INFINITY};
        store_reopen(&f);
        setrlimit(RLIMIT_FSIZE, &limit);
        enum edge_status st = fill(&f, 10000);
        bool clear = strstr(edge_ctx_message(&f.ctx, st), "disk I/O error") != NULL;
        limit.rlim_cur = RLIM_INFINITY;
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(st != EDGE_OK && clear && fill(&f, 20) == EDGE_OK ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    store_reopen(&f);
    CU_ASSERT(count_readings(&f) >= 1000);
}

/* ---- files that are not ours -------------------------------------------------------------------
 */

static void expect_refusal(struct store_fixture *f, const char *reason)
{
    EDGE_CTX_SCOPE(ctx);
    struct event_store *store = NULL;
    enum edge_status st = event_store_open(&ctx, &f->config, &store);
    CU_ASSERT_NOT_EQUAL(st, EDGE_OK);
    CU_ASSERT_PTR_NULL(store);
    const char *why = edge_ctx_message(&ctx, st);
    bool named = strstr(why, reason) && strstr(why, f->path);
    if (!named) {
        fprintf(stderr, "refused with: %s\n", why);
    }
    CU_ASSERT_TRUE(named);
}

static void remove_database(struct store_fixture *f)
{
    event_store_close(f->store);
    f->store = NULL;
    unlink(f->path);
}

static void test_files_that_are_not_ours_are_refused(void)
{
    STORE_FIXTURE(f);
    remove_database(&f);
    sqlite3 *db = NULL;
    CU_ASSERT_EQUAL(sqlite3_open(f.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    expect_refusal(&f, "another program's");

    unlink(f.path);
    store_reopen(&f);
    remove_database(&f);
    CU_ASSERT_EQUAL(mkdir(f.path, 0700), 0);
    expect_refusal(&f, "no regular file");
    rmdir(f.path);
    store_reopen(&f);
}

static void test_a_newer_version_is_refused(void)
{
    STORE_FIXTURE(f);
    event_store_close(f.store);
    f.store = NULL;
    sqlite3 *db = NULL;
    CU_ASSERT_EQUAL(sqlite3_open(f.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "PRAGMA user_version=9", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    expect_refusal(&f, "version is 9");
}

static void test_a_second_process_is_refused(void)
{
    STORE_FIXTURE(f);
    expect_refusal(&f, "in use by another process");
    CU_ASSERT_EQUAL(fill(&f, 1), EDGE_OK);
}

/* ---- pressure ----------------------------------------------------------------------------------
 */

struct blocking_job {
    struct event_job job;
    struct gate *gate;
};

static void block(struct event_job *job, enum edge_status st, const char *why)
{
    (void)st;
    (void)why;
    gate_pass(((struct blocking_job *)job)->gate);
}

static void test_a_full_queue_refuses_or_waits(void)
{
    STORE_FIXTURE(f);
    f.config.max_queued = 4;
    store_reopen(&f);
    struct blocking_job b = {
        .job = {.kind = EVENT_REMOVE_ID, .id = "", .done = block},
          .gate = gate_create()
    };
    CU_ASSERT_EQUAL_FATAL(event_store_submit(&f.ctx, f.store, &b.job, 0), EDGE_OK);
    CU_ASSERT_TRUE_FATAL(gate_wait_for(b.gate, 1));
    struct latch l;
    latch_init(&l, 4);
    struct latched_job jobs[5];
    for (size_t i = 0; i < 5; i++) {
        jobs[i] = (struct latched_job){
            .job = {.kind = EVENT_ADD, .event = make_event(&f.ctx.arena, "d", "s", 1, 1)}
        };
    }
    for (size_t i = 0; i < 4; i++) {
        latched_submit(f.store, &jobs[i], &l);
    }
    CU_ASSERT_EQUAL(event_store_submit(&f.ctx, f.store, &jobs[4].job, 0), EDGE_UNAVAILABLE);
    int64_t before = edge_now_mono_ms();
    CU_ASSERT_EQUAL(event_store_submit(&f.ctx, f.store, &jobs[4].job, 50), EDGE_UNAVAILABLE);
    CU_ASSERT(edge_now_mono_ms() - before >= 49);
    gate_open(b.gate);
    latch_wait(&l);
    event_store_settle(f.store);
    CU_ASSERT_EQUAL(count_readings(&f), 4);
    gate_free(b.gate);
}

/* Few events of many bytes: memory is bounded too. */
static void test_a_queue_of_large_events_is_full_early(void)
{
    enum { LARGE = 10 * 1024 * 1024 };
    STORE_FIXTURE(f);
    char *bytes = edge_xalloc(LARGE, 1);
    struct blocking_job b = {
        .job = {.kind = EVENT_REMOVE_ID, .id = "", .done = block},
          .gate = gate_create()
    };
    CU_ASSERT_EQUAL_FATAL(event_store_submit(&f.ctx, f.store, &b.job, 0), EDGE_OK);
    CU_ASSERT_TRUE_FATAL(gate_wait_for(b.gate, 1));
    struct latch l;
    latch_init(&l, 3);
    struct latched_job jobs[4];
    for (size_t i = 0; i < 4; i++) {
        struct event *e = make_event(&f.ctx.arena, "d", "s", 1, 1);
        e->readings[0].value_type = VT_BINARY;
        e->readings[0].media_type = "x/y";
        e->readings[0].binary = (struct edge_bytes){bytes, LARGE};
        jobs[i] = (struct latched_job){
            .job = {.kind = EVENT_ADD, .event = e}
        };
        if (i < 3) {
            latched_submit(f.store, &jobs[i], &l);
        }
    }
    CU_ASSERT_EQUAL(event_store_submit(&f.ctx, f.store, &jobs[3].job, 0), EDGE_UNAVAILABLE);
    gate_open(b.gate);
    latch_wait(&l);
    CU_ASSERT_EQUAL(l.st, EDGE_OK);
    CU_ASSERT_EQUAL(count_readings(&f), 3);
    free(bytes);
    gate_free(b.gate);
}

static void test_the_log_stays_small(void)
{
    enum { MAX_LOG = 16 * 1024 * 1024 };
    STORE_FIXTURE(f);
    f.config.segment_readings = 20000;
    f.config.segment_events = 20000;
    store_reopen(&f);
    const char *wal = edge_printf(&f.ctx.arena, "%s-wal", f.path);
    off_t largest = 0;
    for (int round = 0; round < 60; round++) {
        EDGE_CTX_SCOPE(ctx);
        struct latch l;
        latch_init(&l, 500);
        struct latched_job *jobs = edge_new_n(&ctx.arena, struct latched_job, 500);
        for (int64_t i = 0; i < 500; i++) {
            jobs[i].job = (struct event_job){.kind = EVENT_ADD,
                                             .event = make_event(&ctx.arena, "d", "s", i, 5)};
            latched_submit(f.store, &jobs[i], &l);
        }
        latch_wait(&l);
        struct stat st = {0};
        CU_ASSERT_EQUAL(stat(wal, &st), 0);
        largest = st.st_size > largest ? st.st_size : largest;
    }
    event_store_settle(f.store);
    CU_ASSERT_EQUAL(count_readings(&f), 150000);
    CU_ASSERT(largest < MAX_LOG);
}

/* Readers at work while segments are sealed and dropped under them. */
struct asking {
    struct event_store *store;
    _Atomic bool stop;
    _Atomic int failures, asked;
};

static void *ask_on(void *arg)
{
    struct asking *a = arg;
    const char *resource = "r0";
    while (!a->stop) {
        EDGE_CTX_SCOPE(ctx);
        struct reading *r = NULL;
        struct event *e = NULL;
        size_t n = 0;
        int64_t count = 0;
        struct event_filter range = {
            .resources = &resource, .n_resources = 1, .start = 100, .end = 3000};
        bool ok = event_store_readings(&ctx, a->store, &ALL, 0, 50, &r, &n) == EDGE_OK;
        ok = ok && event_store_events(&ctx, a->store, &ALL, 5, 20, &e, &n) == EDGE_OK;
        ok = ok && event_store_count_readings(&ctx, a->store, &range, &count) == EDGE_OK;
        ok = ok && event_store_readings(&ctx, a->store, &range, 0, 500, &r, &n) == EDGE_OK;
        if (!ok) {
            fprintf(stderr, "asking: %s\n", edge_ctx_message(&ctx, EDGE_INTERNAL));
            a->failures++;
        }
        a->asked++;
    }
    return NULL;
}

static void test_readers_and_the_writer_do_not_meet(void)
{
    STORE_FIXTURE(f);
    struct asking a = {.store = f.store};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        threads[i] = edge_thread_start("asking", ask_on, &a);
    }
    for (int64_t i = 0; i < 3000; i++) {
        EDGE_CTX_SCOPE(ctx);
        CU_ASSERT_EQUAL(store_add(&f, make_event(&ctx.arena, i % 3 ? "a" : "b", "s", i, 2)),
                        EDGE_OK);
        if (i % 300 == 299) {
            CU_ASSERT_EQUAL(store_remove(&f, i % 600 == 299 ? "a" : NULL, NULL, i - 100), EDGE_OK);
        }
    }
    a.stop = true;
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    CU_ASSERT_EQUAL(a.failures, 0);
    CU_ASSERT(a.asked > 0);
}

CU_TestInfo event_store_faults_tests[] = {
    {"nothing acknowledged is lost by a kill", test_nothing_acknowledged_is_lost_by_a_kill},
    {"a noted removal survives a kill",        test_a_noted_removal_survives_a_kill       },
    {"a torn log loses only its tail",         test_a_torn_log_loses_only_its_tail        },
    {"a full disk says so and recovers",       test_a_full_disk_says_so_and_recovers      },
    {"a file size limit fails the job only",   test_a_file_size_limit_fails_the_job_only  },
    {"files that are not ours are refused",    test_files_that_are_not_ours_are_refused   },
    {"a newer version is refused",             test_a_newer_version_is_refused            },
    {"a second process is refused",            test_a_second_process_is_refused           },
    {"a full queue refuses or waits",          test_a_full_queue_refuses_or_waits         },
    {"a queue of large events is full early",  test_a_queue_of_large_events_is_full_early },
    {"the log stays small",                    test_the_log_stays_small                   },
    {"readers and the writer do not meet",     test_readers_and_the_writer_do_not_meet    },
    CU_TEST_INFO_NULL,
};
