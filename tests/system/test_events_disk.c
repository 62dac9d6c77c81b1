/* Events over a broker while core-data and the broker are away and the device service is killed: what had gone to disk
 * is stored, each event once. And in one process whose core-data is out of order. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/buf.h"
#include "edge/clock.h"
#include "edge/map.h"
#include "edge/text.h"
#include "platform.h"
#include "suites.h"

enum { DEVICES = 20, INTERVAL_MS = 50, PATIENCE = 60 * 1000, PAGE = 1024, MANY = 200 };

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

static int64_t metric(const struct platform *p, const char *name)
{
    EDGE_CTX_SCOPE(ctx);
    const char *page = "";
    call_text(&ctx, p, VIRTUAL, "GET", "/api/v3/metrics", NULL, &page);
    const char *line = strstr(page, edge_printf(&ctx.arena, "\n%s{", name));
    const char *end = line ? strchr(line, '}') : NULL;
    return end ? strtoll(end + 1, NULL, 10) : -1;
}

struct look {
    const struct platform *p;
    int64_t n;
};

static bool is_on_disk(void *arg)
{
    const struct look *l = arg;
    return metric(l->p, "edgex_events_on_disk") >= l->n;
}

static bool on_disk(const struct platform *p, int64_t n)
{
    struct look l = {p, n};
    return wait_until(is_on_disk, &l, PATIENCE);
}

static bool is_through(void *arg)
{
    const struct look *l = arg;
    return metric(l->p, "edgex_events_on_disk") == 0 && metric(l->p, "edgex_events_waiting") < MANY;
}

/* ---- ids ------------------------------------------------------------------------------------------ */

static void slurp(const char *path, struct edge_buf *out)
{
    FILE *f = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (size_t n = 1; n > 0; out->len += n) {
        n = fread(edge_buf_room(out, BUFSIZ), 1, BUFSIZ, f);
    }
    fclose(f);
}

/* Those of all events in the segments, crossed out or not. */
static void ids_on_disk(const struct platform *p, struct edge_map *ids)
{
    static const char before[] = "\"event\":{\"apiVersion\":\"v3\",\"id\":\"";
    EDGE_CTX_SCOPE(ctx);
    const char *dir = edge_printf(&ctx.arena, "%s/data/device-virtual/outbox", p->dir.path);
    DIR *list = opendir(dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    for (struct dirent *e; (e = readdir(list));) {
        struct edge_buf all = EDGE_BUF_INIT;
        if (strstr(e->d_name, ".seg")) {
            slurp(edge_printf(&ctx.arena, "%s/%s", dir, e->d_name), &all);
        }
        const char *at = all.data, *end = all.data + all.len;
        while (at && (at = memmem(at, (size_t)(end - at), before, sizeof(before) - 1))) {
            at += sizeof(before) - 1;
            if (at + 36 <= end) {
                edge_map_put(ids, edge_strndup(&ctx.arena, at, 36), ids);
            }
        }
        edge_buf_done(&all);
    }
    closedir(list);
}

/* Takes what is stored out of the map; each is stored once. */
static void strike_out_stored(const struct platform *p, struct edge_map *ids)
{
    struct edge_map seen = EDGE_MAP_INIT;
    size_t n = 0, twice = 0;
    int64_t until_ns = edge_now_ns() - 1000000000; /* what comes now would shift the pages */
    for (int offset = 0;; offset += PAGE) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *body =
            expect(&ctx, p, DATA, "GET",
                   edge_printf(&ctx.arena, "/api/v3/event/start/0/end/%lld?limit=%d&offset=%d",
                               (long long)until_ns, PAGE, offset),
                   NULL, 200);
        const cJSON *events = at(body, "events");
        for (const cJSON *e = events ? events->child : NULL; e; e = e->next) {
            const char *id = text_at(e, "id");
            twice += edge_map_find(&seen, id) != NULL;
            edge_map_put(&seen, id, &seen);
            edge_map_remove(ids, id);
            n++;
        }
        if (cJSON_GetArraySize(events) < PAGE) {
            break;
        }
    }
    printf("(%zu stored, %zu twice, %zu of those on disk missing) ", n, twice, ids->n);
    CU_ASSERT_EQUAL(twice, 0);
    CU_ASSERT_EQUAL(ids->n, 0);
    edge_map_done(&seen);
}

/* No event is made while they are counted. */
static void be_quiet(const struct platform *p)
{
    struct look l = {p, 0};
    CU_ASSERT_TRUE(wait_until(is_through, &l, PATIENCE));
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void test_kills_while_all_is_away(void)
{
    char path[128];
    struct platform p __attribute__((cleanup(platform_done)));
    struct edge_map ids = EDGE_MAP_INIT;
    setenv("DEVICE_OUTBOX_SPOOLAFTER", "1s", 1);
    platform_make(&p, SHAPE_SPLIT);
    fleet(&p, path, sizeof(path));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    CU_ASSERT_EQUAL(metric(&p, "edgex_events_spooled_total"), 0); /* it keeps up */
    platform_kill_one(&p, DATA);
    CU_ASSERT_TRUE_FATAL(on_disk(&p, MANY));
    platform_kill_one(&p, VIRTUAL);
    ids_on_disk(&p, &ids);
    CU_ASSERT_TRUE(ids.n >= MANY);
    platform_start(&p, VIRTUAL); /* core-data is away at its start */
    CU_ASSERT_TRUE_FATAL(platform_answers(&p, VIRTUAL));
    CU_ASSERT_TRUE_FATAL(on_disk(&p, (int64_t)ids.n + MANY));
    platform_kill_broker(&p);
    CU_ASSERT_TRUE_FATAL(on_disk(&p, (int64_t)ids.n + 2 * MANY));
    platform_kill_one(&p, VIRTUAL);
    size_t before = ids.n;
    ids_on_disk(&p, &ids);
    CU_ASSERT_TRUE(ids.n >= before + MANY);
    platform_start_broker(&p);
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    be_quiet(&p);
    CU_ASSERT_EQUAL(metric(&p, "edgex_events_dropped_total"), 0);
    CU_ASSERT_TRUE(platform_stop(&p, VIRTUAL));
    strike_out_stored(&p, &ids);
    edge_map_done(&ids);
    unsetenv("DEVICE_OUTBOX_SPOOLAFTER");
}

/* The disk with core-data's store is not mounted, and later it is; killed between. */
static void test_core_data_out_of_order(void)
{
    char path[128], store[160], kept[160];
    struct platform p __attribute__((cleanup(platform_done)));
    struct edge_map ids = EDGE_MAP_INIT;
    setenv("DEVICE_OUTBOX_SPOOLAFTER", "1s", 1);
    platform_make(&p, SHAPE_ONE);
    fleet(&p, path, sizeof(path));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    CU_ASSERT_TRUE_FATAL(platform_down(&p));
    snprintf(store, sizeof(store), "%s/data/core-data/core-data.db", p.dir.path);
    snprintf(kept, sizeof(kept), "%s/data/core-data/kept", p.dir.path);
    CU_ASSERT_EQUAL_FATAL(rename(store, kept), 0);
    CU_ASSERT_EQUAL_FATAL(symlink("/nowhere/at/all/core-data.db", store), 0);
    platform_launch(&p);
    CU_ASSERT_TRUE_FATAL(platform_answers(&p, VIRTUAL));
    CU_ASSERT_TRUE_FATAL(on_disk(&p, MANY));
    platform_kill(&p);
    ids_on_disk(&p, &ids);
    CU_ASSERT_TRUE(ids.n >= MANY);
    CU_ASSERT_EQUAL_FATAL(unlink(store), 0);
    CU_ASSERT_EQUAL_FATAL(rename(kept, store), 0);
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    be_quiet(&p);
    CU_ASSERT_EQUAL(metric(&p, "edgex_events_dropped_total"), 0);
    strike_out_stored(&p, &ids);
    edge_map_done(&ids);
    unsetenv("DEVICE_OUTBOX_SPOOLAFTER");
}

CU_TestInfo events_disk_tests[] = {
    {"core-data out of order",  test_core_data_out_of_order },
    {"kills while all is away", test_kills_while_all_is_away},
    CU_TEST_INFO_NULL,
};
