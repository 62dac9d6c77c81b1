/* The time by which history is removed, when the clock of the gateway does what it should not. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "age_clock.h"
#include "edge/clock.h"
#include "scratch.h"
#include "state.h"
#include "store_support.h"
#include "suites.h"

#define SECOND   INT64_C(1000000000)
#define HOUR     (3600 * SECOND)
#define DAY      (24 * HOUR)
#define YEAR     (365 * DAY)
#define N(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the rule ------------------------------------------------------------------------------- */

static void test_jumps_are_followed_when_they_have_settled(void)
{
    enum { START = 1000 };
    static const struct {
        int64_t after;  /* boot time since the step before */
        int64_t offset; /* what the wall clock shows beyond the true time */
        int64_t counts; /* and what counts beyond it */
        enum age_news news;
    } steps[] = {
        {DAY,       0,            0,            AGE_NO_NEWS   },
        {HOUR,      300 * SECOND, 300 * SECOND, AGE_NO_NEWS   }, /* a time server corrects */
        {HOUR,      0,            0,            AGE_NO_NEWS   },
        {HOUR,      YEAR,         0,            AGE_JUMPED    },
        {HOUR,      YEAR,         0,            AGE_NO_NEWS   }, /* said once */
        {20 * HOUR, YEAR,         0,            AGE_NO_NEWS   },
        {HOUR,      0,            0,            AGE_NO_NEWS   }, /* set right before it settled */
        {HOUR,      YEAR,         0,            AGE_JUMPED    },
        {20 * HOUR, 2 * YEAR,     0,            AGE_JUMPED    }, /* another jump starts anew */
        {23 * HOUR, 2 * YEAR,     0,            AGE_NO_NEWS   },
        {2 * HOUR,  2 * YEAR,     2 * YEAR,     AGE_SETTLED   },
        {HOUR,      2 * YEAR,     2 * YEAR,     AGE_NO_NEWS   },
        {HOUR,      -DAY,         -DAY,         AGE_WENT_BACK },
        {HOUR,      -DAY,         -DAY,         AGE_NO_NEWS   },
        {HOUR,      -40 * YEAR,   -40 * YEAR,   AGE_UNBELIEVED}, /* 1986 */
        {HOUR,      -40 * YEAR,   -40 * YEAR,   AGE_NO_NEWS   },
        {HOUR,      -DAY,         -DAY,         AGE_NO_NEWS   }, /* as it would have gone on */
        {HOUR,      0,            -DAY,         AGE_JUMPED    },
        {25 * HOUR, 0,            0,            AGE_SETTLED   },
    };
    struct age_rule r;
    int64_t boot = START, began = EDGE_TIME_WRITTEN + DAY;
    age_rule_init(&r, DAY, 0, began, boot);
    for (size_t i = 0; i < N(steps); i++) {
        boot += steps[i].after;
        enum age_news news;
        int64_t truth = began + (boot - START);
        int64_t counts = age_rule_read(&r, truth + steps[i].offset, boot, &news);
        if (counts != truth + steps[i].counts || news != steps[i].news) {
            fprintf(stderr, "step %zu: %" PRId64 " h, news %d\n", i, (counts - truth) / HOUR, news);
        }
        CU_ASSERT_EQUAL(counts, truth + steps[i].counts);
        CU_ASSERT_EQUAL(news, steps[i].news);
    }
}

/* Each is too small for a jump; together they are one. */
static void test_many_small_steps_are_a_jump(void)
{
    enum { STEPS = 99, START = 1000 };
    struct age_rule r;
    int64_t boot = START, truth = EDGE_TIME_WRITTEN + DAY, counts = 0;
    enum age_news news;
    size_t jumps = 0;
    age_rule_init(&r, DAY, 0, truth, boot);
    for (int i = 1; i <= STEPS; i++) {
        boot += SECOND;
        truth += SECOND;
        counts = age_rule_read(&r, truth + i * 50 * SECOND, boot, &news);
        jumps += news == AGE_JUMPED;
    }
    CU_ASSERT(counts - truth <= 600 * SECOND);
    CU_ASSERT(jumps >= 1);
    /* A clock that is put right every week is followed each time. */
    age_rule_init(&r, DAY, 0, truth, boot);
    for (int i = 1; i <= STEPS; i++) {
        boot += 7 * DAY;
        truth += 7 * DAY;
        CU_ASSERT_EQUAL(age_rule_read(&r, truth + i * 50 * SECOND, boot, &news),
                        truth + i * 50 * SECOND);
        CU_ASSERT_EQUAL(news, AGE_NO_NEWS);
    }
    /* As is one that a server pulls to and fro. */
    for (int i = 1; i <= STEPS; i++) {
        boot += SECOND;
        truth += SECOND;
        int64_t wall = truth + (STEPS * 50 + (i % 2) * 300) * SECOND;
        CU_ASSERT_EQUAL(age_rule_read(&r, wall, boot, &news), wall);
    }
}

static void test_a_start_is_judged_by_the_last_run(void)
{
    static const struct {
        int64_t last, wall; /* after the time this was written; last 0: none */
        int64_t counts;
        enum age_news news;
    } rows[] = {
        {0,       DAY,        DAY,        AGE_NO_NEWS   }, /* nothing to compare with */
        {DAY,     DAY + HOUR, DAY + HOUR, AGE_NO_NEWS   }, /* a short stop */
        {DAY,     3 * DAY,    DAY,        AGE_JUMPED    }, /* a long one, or a wrong clock */
        {DAY,     YEAR,       DAY,        AGE_JUMPED    },
        {2 * DAY, DAY,        DAY,        AGE_WENT_BACK },
        {DAY,     -YEAR,      -YEAR,      AGE_UNBELIEVED},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct age_rule r;
        enum age_news news;
        int64_t last = rows[i].last ? EDGE_TIME_WRITTEN + rows[i].last : 0;
        age_rule_init(&r, DAY, last, EDGE_TIME_WRITTEN + rows[i].wall, 5);
        int64_t counts = age_rule_read(&r, EDGE_TIME_WRITTEN + rows[i].wall, 5, &news);
        CU_ASSERT_EQUAL(counts, EDGE_TIME_WRITTEN + rows[i].counts);
        CU_ASSERT_EQUAL(news, rows[i].news);
    }
}

static void test_the_time_survives_a_restart(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    const char *path = edge_printf(&ctx.arena, "%s/clock", dir.path);
    struct edge_metrics *metrics = edge_metrics_create("test");
    struct edge_counter *jumps = edge_counter(metrics, "ClockJumps", "");
    struct age_clock c;
    age_clock_init(&ctx, &c, path, DAY, 0, jumps);
    int64_t before = edge_now_ns();
    age_clock_keep(&ctx, &c);
    age_clock_done(&c);
    edge_clock_step(YEAR);
    age_clock_init(&ctx, &c, path, DAY, 0, jumps);
    int64_t now = age_clock_now(&ctx, &c);
    CU_ASSERT_TRUE(now >= before && now - before < HOUR);
    age_clock_keep(&ctx, &c); /* what is believed, not what is shown */
    age_clock_done(&c);
    age_clock_init(&ctx, &c, path, DAY, 0, jumps);
    CU_ASSERT_TRUE(age_clock_now(&ctx, &c) - before < HOUR);
    CU_ASSERT_EQUAL(edge_counter_get(jumps), 2); /* one at each start */
    age_clock_done(&c);
    edge_clock_step(-YEAR);
    FILE *f = fopen(path, "w"); /* torn: as if there were none */
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("17\n", f);
    fclose(f);
    age_clock_init(&ctx, &c, path, DAY, 0, jumps);
    CU_ASSERT_TRUE(age_clock_now(&ctx, &c) >= before);
    age_clock_done(&c);
    edge_metrics_free(metrics);
}

/* Before the first time is kept, what is stored tells how far the clock may have come. */
static void test_history_tells_the_time(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    const char *path = edge_printf(&ctx.arena, "%s/clock", dir.path);
    struct edge_metrics *metrics = edge_metrics_create("test");
    struct edge_counter *jumps = edge_counter(metrics, "ClockJumps", "");
    const struct {
        int64_t newest; /* from now on */
        int64_t step;   /* what the clock shows beyond the true time */
        int64_t counts; /* and what counts beyond it */
    } rows[] = {
        {-HOUR,     0,        0       },
        {-HOUR,     YEAR,     0       }, /* it was off that long, or the clock is wrong */
        {YEAR,      0,        0       }, /* the event is dated ahead */
        {INT64_MAX, 0,        0       },
        {INT64_MIN, 2 * HOUR, 2 * HOUR}, /* no history, nothing to lose */
    };
    int64_t now = edge_now_ns();
    for (size_t i = 0; i < N(rows); i++) {
        struct age_clock c;
        int64_t newest = rows[i].newest == INT64_MAX   ? INT64_MAX
                         : rows[i].newest == INT64_MIN ? 0
                                                       : now + rows[i].newest;
        edge_clock_step(rows[i].step);
        age_clock_init(&ctx, &c, path, DAY, newest, jumps);
        int64_t counts = age_clock_now(&ctx, &c);
        CU_ASSERT_TRUE(llabs(counts - now - rows[i].counts) < 2 * HOUR);
        age_clock_done(&c);
        CU_ASSERT_EQUAL(access(path, F_OK), 0); /* kept at once */
        CU_ASSERT_EQUAL(unlink(path), 0);
        edge_clock_step(-rows[i].step);
    }
    edge_metrics_free(metrics);
}

/* ---- events dated ahead ------------------------------------------------------------------------- */

static int64_t count(struct store_fixture *f, const char *source)
{
    const struct event_filter filter = {.device = "d", .source = source, EVENT_FILTER_ALL};
    int64_t n = -1;
    CU_ASSERT_EQUAL(event_store_count_events(&f->ctx, f->store, &filter, &n), EDGE_OK);
    return n;
}

static void add(struct store_fixture *f, const char *source, int64_t origin)
{
    CU_ASSERT_EQUAL(store_add(f, make_event(&f->ctx.arena, "d", source, origin, 1)), EDGE_OK);
}

static void apply(struct store_fixture *f, const struct policy *policy, const char *source)
{
    const struct event_source asked = {"d", source, count(f, source)};
    struct event_removal removal;
    enum edge_status st =
        retention_ahead(&f->ctx, f->store, policy, &asked, edge_now_ns(), &removal);
    CU_ASSERT_TRUE(st == EDGE_OK || st == EDGE_NOT_FOUND);
    if (st == EDGE_OK) {
        const struct event_job job = {.kind = EVENT_REMOVE, .removal = removal};
        CU_ASSERT_EQUAL(store_do(f, &job), EDGE_OK);
        event_store_settle(f->store);
    }
}

static void test_events_dated_ahead_are_as_old_as_their_arrival(void)
{
    static const struct policy week = {-1, 1, 7 * DAY};
    STORE_FIXTURE(f);
    int64_t now = edge_now_ns();
    for (int64_t i = 0; i < 3; i++) {
        add(&f, "s", now - DAY + i);
        add(&f, "s", now + YEAR + i);
        add(&f, "other", now + YEAR + i);
    }
    event_store_settle(f.store);
    apply(&f, &week, "s");
    CU_ASSERT_EQUAL(count(&f, "s"), 6); /* they have just come */
    edge_clock_step(3 * DAY);
    add(&f, "s", now + 3 * DAY);
    edge_clock_step(5 * DAY);
    add(&f, "s", now + 8 * DAY); /* the segment of the first ones ended five days ago */
    event_store_settle(f.store);
    apply(&f, &week, "s");
    CU_ASSERT_EQUAL(count(&f, "s"), 8);
    edge_clock_step(3 * DAY);
    apply(&f, &week, "s");
    CU_ASSERT_EQUAL(count(&f, "s"), 5); /* those dated right go by their date, not by this */
    CU_ASSERT_EQUAL(count(&f, "other"), 3);
    store_reopen(&f);
    CU_ASSERT_EQUAL(count(&f, "s"), 5);
    apply(&f, &(struct policy){-1, 1, -1}, "other"); /* kept for ever, whatever their date */
    CU_ASSERT_EQUAL(count(&f, "other"), 3);
    apply(&f, &week, "other");
    CU_ASSERT_EQUAL(count(&f, "other"), 0);
    edge_clock_step(-11 * DAY);
}

static void test_an_event_dated_ahead_is_not_the_newest(void)
{
    static const struct policy newest = {-1, 1, 0};
    STORE_FIXTURE(f);
    int64_t now = edge_now_ns(), cutoff = 0;
    add(&f, "s", now - HOUR);
    add(&f, "s", now - 2 * HOUR);
    add(&f, "s", now + YEAR);
    const struct event_source source = {"d", "s", 3};
    CU_ASSERT_EQUAL(retention_cutoff(&f.ctx, f.store, &newest, &source, now, &cutoff), EDGE_OK);
    CU_ASSERT_EQUAL(cutoff, now - HOUR - 1);
    apply(&f, &newest, "s");
    CU_ASSERT_EQUAL(count(&f, "s"), 2);
}

static void test_a_store_of_the_first_version_is_taken_up(void)
{
    STORE_FIXTURE(f);
    add(&f, "s", 10);
    add(&f, "s", 20);
    event_store_close(f.store);
    f.store = NULL;
    sqlite3 *db = NULL;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(f.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db,
                                 "ALTER TABLE removal DROP COLUMN first_origin;"
                                 "INSERT INTO removal VALUES(1, 'd', 's', 10, 99);"
                                 "PRAGMA user_version=1;",
                                 NULL, NULL, NULL),
                    SQLITE_OK);
    sqlite3_close(db);
    store_reopen(&f);
    event_store_settle(f.store);
    CU_ASSERT_EQUAL(count(&f, "s"), 1);
}

CU_TestInfo age_clock_tests[] = {
    {"jumps are followed when they have settled",      test_jumps_are_followed_when_they_have_settled},
    {"many small steps are a jump",                    test_many_small_steps_are_a_jump              },
    {"a start is judged by the last run",              test_a_start_is_judged_by_the_last_run        },
    {"history tells the time",                         test_history_tells_the_time                   },
    {"the time survives a restart",                    test_the_time_survives_a_restart              },
    {"events dated ahead are as old as their arrival",
     test_events_dated_ahead_are_as_old_as_their_arrival                                             },
    {"an event dated ahead is not the newest",         test_an_event_dated_ahead_is_not_the_newest   },
    {"a store of the first version is taken up",       test_a_store_of_the_first_version_is_taken_up },
    CU_TEST_INFO_NULL,
};
