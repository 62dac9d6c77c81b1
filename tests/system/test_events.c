/* Events over a broker, while the broker, core-data and both are killed again and again: what the device
 * service sent is stored, each event once. A long run has a million events and a hundred kills of each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "edge/clock.h"
#include "edge/map.h"
#include "long_run.h"
#include "platform.h"
#include "suites.h"

enum { DEVICES = 100, INTERVAL_MS = 50, PATIENCE = 60 * 1000, BACKLOG = 20000, SHOWN = 20 };

/* 100 devices of device-virtual, an event every 50 ms each: 2,000 a second. */
static void fleet(struct platform *p, char *path, size_t size)
{
    snprintf(path, size, "%s/fleet", p->dir.path);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    p->devices_dir = path;
    p->expected_devices = DEVICES;
    char file[160];
    snprintf(file, sizeof(file), "%s/devices.json", path);
    FILE *f = fopen(file, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int i = 0; i < DEVICES; i++) {
        fprintf(f,
                "%s{\"name\":\"fleet-%d\",\"profileName\":\"Random-Integer-Device\","
                "\"protocols\":{\"other\":{}},\"autoEvents\":[{\"interval\":\"%dms\","
                "\"onChange\":false,\"sourceName\":\"Int16\"}]}",
                i ? ",\n" : "[", i, INTERVAL_MS);
    }
    fputs("]\n", f);
    fclose(f);
}

/* One line of the metrics page; 0 where there is none. */
static int64_t metric(const struct platform *p, enum platform_service s, const char *name)
{
    EDGE_CTX_SCOPE(ctx);
    const char *page = "";
    call_text(&ctx, p, s, "GET", "/api/v3/metrics", NULL, &page);
    const char *line = strstr(page, edge_printf(&ctx.arena, "\n%s{", name));
    const char *end = line ? strchr(line, '}') : NULL;
    return end ? strtoll(end + 1, NULL, 10) : 0;
}

static int64_t stored(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    int64_t n = -1;
    if (call(&ctx, p, DATA, "GET", "/api/v3/event/count", NULL, &body) == 200) {
        n = int_at(body, "count");
    }
    return n;
}

struct look {
    const struct platform *p;
    int64_t n;
};

static bool has_stored(void *arg)
{
    const struct look *l = arg;
    return stored(l->p) >= l->n;
}

static int64_t waiting(const struct platform *p)
{
    return metric(p, VIRTUAL, "edgex_events_waiting");
}

/* On a slow machine: the outbox has room for what the next absence brings. */
static bool has_caught_up(void *arg)
{
    return waiting(((const struct look *)arg)->p) < BACKLOG;
}

static bool stores_more(const struct platform *p, int64_t n)
{
    struct look l = {p, stored(p) + n};
    bool more = wait_until(has_stored, &l, PATIENCE) && wait_until(has_caught_up, &l, 5 * PATIENCE);
    if (!more) {
        platform_print_logs(p);
    }
    return more;
}

static bool has_fetched(void *arg)
{
    const struct look *l = arg;
    return platform_log_lines(l->p, VIRTUAL, "devices fetched again", "") > (size_t)l->n;
}

/* What core-metadata said while the broker was away is asked for: once after the start, and once for each
 * break. */
static bool fetches_again(const struct platform *p, size_t breaks)
{
    struct look l = {p, (int64_t)breaks};
    return wait_until(has_fetched, &l, PATIENCE);
}

/* Nothing more is on its way, and nothing more comes. */
static bool all_is_stored(void *arg)
{
    struct look *l = arg;
    int64_t sent = metric(l->p, VIRTUAL, "edgex_events_sent_total");
    bool quiet = waiting(l->p) == 0;
    l->n = stored(l->p);
    return quiet && sent > 0 && metric(l->p, VIRTUAL, "edgex_events_sent_total") == sent;
}

/* Origins of a device differ, so a page of it shows what was stored twice. */
static void check_once(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    int64_t twice = 0;
    for (int d = 0; d < DEVICES; d++) {
        EDGE_CLEANUP(edge_map_done) struct edge_map ids = EDGE_MAP_INIT;
        int64_t total = 1;
        for (int64_t offset = 0; offset < total; offset += 1000) {
            EDGE_CTX_SCOPE(page);
            const char *target = edge_printf(
                &page.arena, "/api/v3/event/device/name/fleet-%d?limit=1000&offset=%" PRId64, d,
                offset);
            const cJSON *body = expect(&page, p, DATA, "GET", target, NULL, 200);
            total = int_at(body, "totalCount");
            const cJSON *events = at(body, "events");
            for (const cJSON *e = events ? events->child : NULL; e; e = e->next) {
                const char *id = edge_strdup(&ctx.arena, text_at(e, "id"));
                if (edge_map_put(&ids, id, &ids) != NULL && ++twice <= SHOWN) {
                    printf("(fleet-%d twice: %s) ", d, id);
                }
            }
        }
    }
    CU_ASSERT_EQUAL(twice, 0);
}

static void test_events_over_a_broker_are_stored_once(void)
{
    const int rounds = long_run_rounds(100, 3);
    const int64_t each = long_run_rounds(5000, 1500);
    struct platform p __attribute__((cleanup(platform_done)));
    char devices[128];
    platform_make(&p, SHAPE_SPLIT);
    fleet(&p, devices, sizeof(devices));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    CU_ASSERT_TRUE_FATAL(stores_more(&p, 1000));
    size_t breaks = 0; /* of the connection, each short */
    for (int round = 0; round < rounds; round++) {
        long_run_tell("kills of the broker and of core-data", round, rounds);
        platform_kill_broker(&p);
        platform_start_broker(&p);
        CU_ASSERT_TRUE_FATAL(stores_more(&p, each));
        CU_ASSERT_TRUE(fetches_again(&p, ++breaks));
        platform_kill_one(&p, DATA);
        platform_start(&p, DATA);
        CU_ASSERT_TRUE_FATAL(stores_more(&p, each));
        if (round % 2) { /* both, and the broker last */
            platform_kill_one(&p, DATA);
            platform_kill_broker(&p);
            platform_start(&p, DATA);
            platform_start_broker(&p);
            CU_ASSERT_TRUE_FATAL(stores_more(&p, each));
            CU_ASSERT_TRUE(fetches_again(&p, ++breaks));
        }
    }
    EDGE_CTX_SCOPE(ctx);
    const cJSON *locked = expect(
        &ctx, &p, METADATA, "PATCH", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"service\":{\"name\":\"device-virtual\",\"adminState\":\"LOCKED\"}}]",
        207);
    CU_ASSERT_EQUAL(int_at(locked ? locked->child : NULL, "statusCode"), 200);
    struct look l = {.p = &p};
    bool all = wait_until(all_is_stored, &l, 5 * PATIENCE);
    int64_t sent = metric(&p, VIRTUAL, "edgex_events_sent_total");
    printf("(%" PRId64 " sent, %" PRId64 " stored, %" PRId64 " wait, %" PRId64
           " sent again, %" PRId64 " dropped) ",
           sent, l.n, waiting(&p), metric(&p, VIRTUAL, "edgex_events_resent_total"),
           metric(&p, VIRTUAL, "edgex_events_dropped_total"));
    if (!all || l.n != sent) {
        platform_print_logs(&p);
    }
    CU_ASSERT_TRUE(all);
    CU_ASSERT_EQUAL(l.n, sent);
    CU_ASSERT_EQUAL(metric(&p, VIRTUAL, "edgex_events_dropped_total"), 0);
    check_once(&p);
}

static bool so_many_wait(void *arg)
{
    const struct look *l = arg;
    return waiting(l->p) >= l->n;
}

/* However long core-data is away: what was made meanwhile is stored when it is back. A long run has it away for
 * a quarter of an hour. */
static void test_events_wait_for_core_data(void)
{
    enum { LONG_MS = 30 * 60 * 1000 };
    PLATFORM(p, SHAPE_SPLIT);
    CU_ASSERT_TRUE_FATAL(stores_more(&p, 1));
    CU_ASSERT_TRUE(platform_stop(&p, DATA));
    struct look l = {&p, long_run_rounds(13000, 150)};
    CU_ASSERT_TRUE(wait_until(so_many_wait, &l, LONG_MS));
    platform_start(&p, DATA);
    CU_ASSERT_TRUE_FATAL(platform_answers(&p, DATA));
    EDGE_CTX_SCOPE(ctx);
    expect(
        &ctx, &p, METADATA, "PATCH", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"service\":{\"name\":\"device-virtual\",\"adminState\":\"LOCKED\"}}]",
        207);
    CU_ASSERT_TRUE(wait_until(all_is_stored, &l, PATIENCE));
    CU_ASSERT_EQUAL(l.n, metric(&p, VIRTUAL, "edgex_events_sent_total"));
    CU_ASSERT_EQUAL(metric(&p, VIRTUAL, "edgex_events_dropped_total"), 0);
}

static bool is_alone(void *platform)
{
    return platform_logged(platform, VIRTUAL, "core-data does not acknowledge events");
}

/* As with an official core-data: the broker's word counts, nothing piles up, and that is said. */
static void test_without_acknowledgements_the_broker_counts(void)
{
    static const enum platform_service others[] = {KEEPER, METADATA, COMMAND, VIRTUAL};
    struct platform p __attribute__((cleanup(platform_done)));
    platform_make(&p, SHAPE_SPLIT);
    platform_start_broker(&p);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        platform_start(&p, others[i]);
    }
    CU_ASSERT_TRUE(wait_until(is_alone, &p, PATIENCE));
    CU_ASSERT_EQUAL(metric(&p, VIRTUAL, "edgex_events_dropped_total"), 0);
    platform_start(
        &p, DATA); /* one that does appears: its word counts, and what it missed comes again */
    CU_ASSERT_TRUE_FATAL(stores_more(&p, 1));
    struct look l = {&p, metric(&p, VIRTUAL, "edgex_events_sent_total")};
    CU_ASSERT_TRUE(wait_until(has_stored, &l, PATIENCE));
    platform_kill_one(&p, DATA);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE(stores_more(&p, 1));
    CU_ASSERT_EQUAL(metric(&p, VIRTUAL, "edgex_events_dropped_total"), 0);
}

CU_TestInfo events_tests[] = {
    {"events over a broker are stored once",       test_events_over_a_broker_are_stored_once      },
    {"events wait for core-data",                  test_events_wait_for_core_data                 },
    {"without acknowledgements the broker counts", test_without_acknowledgements_the_broker_counts},
    CU_TEST_INFO_NULL,
};
