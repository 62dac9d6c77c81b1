/* The outbox and the disk: what core-data does not take is kept there, in order, and comes once. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "faulty_system.h"
#include "outbox_rig.h"
#include "scratch.h"

#define KEPT                                                                                       \
    {                                                                                              \
        .max_events = 1000, .max_kb = 4096, .spool_mb = 8, .spool_after = "1ms",                   \
        .spool_max_age = "1h"                                                                      \
    }
#define FIXTURE(f, dir, local, ...)                                                                \
    struct sdk_outbox_config limits = KEPT;                                                        \
    __VA_ARGS__;                                                                                   \
    __attribute__((cleanup(outbox_rig_done))) struct fixture f;                                    \
    if (!outbox_rig_make(&f, &limits, dir, local)) {                                               \
        return;                                                                                    \
    }

/* ---- files -------------------------------------------------------------------------------------- */

static const char *outbox_of(struct edge_arena *a, const char *dir)
{
    return edge_printf(a, "%s/outbox", dir);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[8192];
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, bytes, sizeof(bytes))) > 0;) {
        CU_ASSERT_EQUAL(write(out, bytes, (size_t)n), n);
    }
    close(in);
    close(out);
}

/* What a kill -9 now would leave; less @p cut bytes of the last segment. */
static void copy_outbox(const char *from_dir, const char *to_dir, off_t cut)
{
    EDGE_CTX_SCOPE(ctx);
    const char *from = outbox_of(&ctx.arena, from_dir), *to = outbox_of(&ctx.arena, to_dir);
    const char *last = "";
    DIR *list = opendir(from);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    CU_ASSERT_EQUAL_FATAL(mkdir(to, 0700), 0);
    for (struct dirent *e; (e = readdir(list));) {
        if (e->d_name[0] != '.') {
            const char *copy = edge_printf(&ctx.arena, "%s/%s", to, e->d_name);
            copy_file(edge_printf(&ctx.arena, "%s/%s", from, e->d_name), copy);
            last = strstr(copy, ".seg") && strcmp(copy, last) > 0 ? copy : last;
        }
    }
    closedir(list);
    struct stat st;
    if (cut > 0 && stat(last, &st) == 0) {
        CU_ASSERT_EQUAL(truncate(last, st.st_size - cut), 0);
    }
}

/* ---- what happens ------------------------------------------------------------------------------- */

struct expected {
    struct fixture *f;
    size_t n;
};

static bool is_on_disk(void *arg)
{
    const struct expected *x = arg;
    return edge_gauge_get(x->f->svc.events_on_disk) >= (int64_t)x->n;
}

static bool on_disk(struct fixture *f, size_t n)
{
    struct expected x = {f, n};
    return wait_until(is_on_disk, &x, SOON_MS);
}

static bool is_through(void *arg)
{
    struct fixture *f = arg;
    return outbox_rig_is_empty(f) && edge_gauge_get(f->svc.events_on_disk) == 0;
}

static bool has_room(void *arg)
{
    struct fixture *f = arg;
    return !sdk_outbox_is_full(f->svc.outbox);
}

/* As a driver that waits for room. */
static void put(struct fixture *f, int from, int to)
{
    for (int i = from; i < to; i++) {
        CU_ASSERT_TRUE_FATAL(wait_until(has_room, f, SOON_MS));
        CU_ASSERT_TRUE_FATAL(outbox_rig_put(f, i));
    }
}

/* Numbers [from, to), in order and once each; the FIRST_EVENT is not heard. */
static void check_heard(struct fixture *f, int from, int to)
{
    EDGE_LOCK(&f->acker.lock);
    int64_t origin = 0;
    size_t i = 0;
    for (int number = from; number < to; number++) {
        if (number == FIRST_EVENT) {
            continue;
        }
        CU_ASSERT_TRUE_FATAL(i < f->acker.n);
        CU_ASSERT_EQUAL_FATAL(f->acker.heard[i], number);
        CU_ASSERT_TRUE(f->acker.origins[i] > origin);
        origin = f->acker.origins[i++];
    }
    CU_ASSERT_EQUAL(f->acker.n, i);
}

static void check_all_marked(struct fixture *f)
{
    EDGE_LOCK(&f->acker.lock);
    for (size_t i = 0; i < f->acker.n; i++) {
        CU_ASSERT_TRUE(f->acker.marked[i]);
    }
}

/* ---- tests -------------------------------------------------------------------------------------- */

static void test_nothing_is_written_while_core_data_keeps_up(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    FIXTURE(f, dir.path, false, limits.spool_after = "1m");
    put(&f, 0, 500);
    CU_ASSERT_TRUE(wait_until(outbox_rig_is_empty, &f, SOON_MS));
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_spooled), 0);
    CU_ASSERT_NOT_EQUAL(access(outbox_of(&ctx.arena, dir.path), F_OK), 0);
}

static bool has_heard_twenty(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->acker.lock);
    return f->acker.n == 20;
}

/* As a kill -9 would leave it, and with a part of its last record missing. */
static void test_what_was_on_disk_survives(void)
{
    enum { N = 200, CUT = 20 };
    for (int torn = 0; torn < 2; torn++) {
        SCRATCH(dir);
        SCRATCH(copy);
        FIXTURE(f, dir.path, false, limits.spool_after = "300ms");
        {
            EDGE_LOCK(&f.acker.lock);
            f.acker.mute = true; /* some are on their way when he goes */
        }
        put(&f, 100, 120);
        CU_ASSERT_TRUE_FATAL(wait_until(has_heard_twenty, &f, SOON_MS));
        outbox_rig_away(&f);
        put(&f, 120, 100 + N);
        CU_ASSERT_TRUE_FATAL(on_disk(&f, N));
        copy_outbox(dir.path, copy.path, torn ? CUT : 0);
        outbox_rig_restart(&f, copy.path);
        CU_ASSERT_EQUAL(edge_gauge_get(f.svc.events_on_disk), N - torn);
        CU_ASSERT_EQUAL(edge_gauge_get(f.svc.events_waiting), N - torn);
        outbox_rig_back(&f, "second");
        CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
        check_heard(&f, 100, 100 + N - torn);
        check_all_marked(&f);
        CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
    }
}

/* Nobody is there to acknowledge, but there was: nothing is sent to nobody. */
static void test_a_restart_waits_for_who_acknowledged(void)
{
    SCRATCH(dir);
    FIXTURE(f, dir.path, false, (void)0);
    outbox_rig_away(&f);
    put(&f, 100, 110);
    CU_ASSERT_TRUE_FATAL(on_disk(&f, 10));
    outbox_rig_restart(&f, dir.path);
    put(&f, 110, 120);
    CU_ASSERT_TRUE_FATAL(on_disk(&f, 20));
    {
        EDGE_LOCK(&f.svc.outbox->lock);
        CU_ASSERT_EQUAL(f.svc.outbox->mode, OUTBOX_ACKED);
        CU_ASSERT_TRUE(f.svc.outbox->listening);
    }
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_sent), 0);
    outbox_rig_back(&f, "second");
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    check_heard(&f, 100, 120);
}

static void test_a_stop_keeps_what_is_left(void)
{
    SCRATCH(dir);
    FIXTURE(f, dir.path, false, limits.spool_after = "1h");
    outbox_rig_away(&f);
    put(&f, 100, 150);
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_spooled), 0);
    outbox_rig_restart(&f, dir.path);
    CU_ASSERT_EQUAL(edge_gauge_get(f.svc.events_on_disk), 50);
    outbox_rig_back(&f, "second");
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    check_heard(&f, 100, 150);
}

static void test_more_waits_than_memory_holds(void)
{
    enum { N = 5000 };
    SCRATCH(dir);
    FIXTURE(f, dir.path, false, (limits.max_events = 100, limits.spool_after = "1h"));
    outbox_rig_away(&f);
    put(&f, 100, 100 + N);
    CU_ASSERT_TRUE_FATAL(on_disk(&f, N - 100));
    CU_ASSERT_EQUAL(edge_gauge_get(f.svc.events_waiting), N);
    {
        EDGE_LOCK(&f.svc.outbox->lock);
        CU_ASSERT_TRUE(f.svc.outbox->events.n + f.svc.outbox->fresh.n <= 100);
    }
    outbox_rig_back(&f, "second");
    put(&f, 100 + N, 200 + N); /* behind what waits */
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    check_heard(&f, 100, 200 + N);
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
}

static bool is_written(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->svc.outbox->lock);
    return f->svc.outbox->fresh.n == 0 && f->svc.outbox->spill.tail > 0;
}

/* What does not fit goes, the oldest first; each is counted. */
static void test_the_disk_is_bounded(void)
{
    enum { N = 4000 };
    SCRATCH(dir);
    FIXTURE(f, dir.path, false, limits.spool_mb = 1);
    outbox_rig_away(&f);
    put(&f, 100, 100 + N);
    CU_ASSERT_TRUE_FATAL(wait_until(is_written, &f, SOON_MS));
    CU_ASSERT_TRUE(edge_gauge_get(f.svc.spool_bytes) <= 1 << 20);
    outbox_rig_back(&f, "second");
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    int dropped = (int)edge_counter_get(f.svc.events_dropped);
    CU_ASSERT_TRUE(dropped > 0 && dropped < N - 1000);
    check_heard(&f, 100 + dropped, 100 + N);
}

static void test_what_is_too_old_is_not_sent(void)
{
    SCRATCH(dir);
    FIXTURE(f, dir.path, false, (void)0);
    outbox_rig_away(&f);
    put(&f, 100, 110);
    CU_ASSERT_TRUE_FATAL(on_disk(&f, 10));
    faulty_clock_off_s = 2 * 3600;
    outbox_rig_restart(&f, dir.path);
    put(&f, 110, 120);
    outbox_rig_back(&f, "second");
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    faulty_clock_off_s = 0;
    check_heard(&f, 110, 120);
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 10);
}

static bool is_broken(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->svc.outbox->lock);
    return f->svc.outbox->spill.broken;
}

/* They wait in memory, and nobody is held up. */
static void test_a_disk_that_takes_nothing(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    const char *file = edge_printf(&ctx.arena, "%s/file", dir.path);
    copy_file("/dev/null", file);
    FIXTURE(f, file, false, limits.max_events = 100);
    outbox_rig_away(&f);
    put(&f, 100, 200);
    CU_ASSERT_TRUE(wait_until(is_broken, &f, SOON_MS));
    CU_ASSERT_FALSE(outbox_rig_put(&f, 200));
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 1);
    outbox_rig_back(&f, "second");
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    check_heard(&f, 100, 200);
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 1);
}

/* Others fill it, and make room again. */
static void test_a_full_disk(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    if (mount("tmpfs", dir.path, "tmpfs", 0, "size=24m") != 0) {
        printf("SKIPPED: nothing can be mounted here ");
        return;
    }
    const char *ballast = edge_printf(&ctx.arena, "%s/ballast", dir.path);
    int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_EQUAL(posix_fallocate(fd, 0, 12 << 20), 0);
    close(fd);
    {
        FIXTURE(f, dir.path, false, (void)0);
        outbox_rig_away(&f);
        put(&f, 100, 400);
        CU_ASSERT_TRUE(wait_until(is_broken, &f, SOON_MS));
        CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_spooled), 0);
        CU_ASSERT_EQUAL(unlink(ballast), 0);
        CU_ASSERT_TRUE(on_disk(&f, 300));
        outbox_rig_restart(&f, dir.path);
        outbox_rig_back(&f, "second");
        CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
        check_heard(&f, 100, 400);
        CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
    }
    umount2(dir.path, MNT_DETACH);
}

static enum edge_status count_event(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    (void)ctx;
    (void)m;
    atomic_uint *n = state;
    atomic_fetch_add(n, 1);
    return EDGE_OK;
}

enum { LIVE = 3000 };

static bool have_come(void *arg)
{
    const atomic_uint *n = arg;
    return *n >= LIVE;
}

/* One process, whose core-data is out of order: others hear what comes, and core-data gets it when it is back. */
static void test_in_one_process(void)
{
    enum { N = LIVE };
    SCRATCH(dir);
    atomic_uint live = 0;
    EDGE_CTX_SCOPE(ctx);
    FIXTURE(f, dir.path, true, (void)0);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, f.acker.bus, BASE "/events/#", count_event, &live, 0),
                    EDGE_OK);
    put(&f, 100, 100 + N);
    CU_ASSERT_TRUE_FATAL(on_disk(&f, N));
    CU_ASSERT_TRUE(wait_until(have_come, &live, SOON_MS));
    outbox_rig_restart(&f, dir.path);
    CU_ASSERT_EQUAL(live, LIVE);
    put(&f, 100 + N, 200 + N);
    CU_ASSERT_TRUE_FATAL(on_disk(&f, N + 100));
    outbox_rig_back(&f, "second");
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    check_heard(&f, 100, 200 + N);
    check_all_marked(&f);
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
    put(&f, 200 + N, 300 + N); /* as ever */
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    check_heard(&f, 100, 300 + N);
}

static bool is_absent(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->svc.outbox->lock);
    return f->svc.outbox->mode == OUTBOX_ABSENT;
}

static bool are_said(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->svc.outbox->lock);
    return f->svc.outbox->idle && f->svc.outbox->n_sent == f->svc.outbox->events.n;
}

/* It has no core-data and no disk: what is oldest goes, for others still hear. */
static void test_in_one_process_without_disk(void)
{
    SCRATCH(dir);
    FIXTURE(f, dir.path, true, (limits.max_events = 100, limits.spool_mb = 0));
    CU_ASSERT_TRUE_FATAL(wait_until(is_absent, &f, SOON_MS));
    for (int i = 100; i < 400; i++) {
        CU_ASSERT_TRUE(outbox_rig_put(&f, i));
    }
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 200);
    CU_ASSERT_TRUE(wait_until(are_said, &f, SOON_MS));
    outbox_rig_back(&f, "second");
    CU_ASSERT_TRUE(wait_until(is_through, &f, SOON_MS));
    check_heard(&f, 300, 400);
}

CU_TestInfo outbox_spill_tests[] = {
    {"nothing is written while core-data keeps up",
     test_nothing_is_written_while_core_data_keeps_up                                        },
    {"what was on disk survives",                   test_what_was_on_disk_survives           },
    {"a restart waits for who acknowledged",        test_a_restart_waits_for_who_acknowledged},
    {"a stop keeps what is left",                   test_a_stop_keeps_what_is_left           },
    {"more waits than memory holds",                test_more_waits_than_memory_holds        },
    {"the disk is bounded",                         test_the_disk_is_bounded                 },
    {"what is too old is not sent",                 test_what_is_too_old_is_not_sent         },
    {"a disk that takes nothing",                   test_a_disk_that_takes_nothing           },
    {"a full disk",                                 test_a_full_disk                         },
    {"in one process",                              test_in_one_process                      },
    {"in one process, without a disk",              test_in_one_process_without_disk         },
    CU_TEST_INFO_NULL,
};
