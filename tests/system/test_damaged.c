/* A gateway of one process whose disk has damaged a store while it was off. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform.h"
#include "suites.h"

static const char EVENT[] =
    "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":"
    "\"5d3e1b02-7a0b-4b53-9c38-0d6f6f1c8f01\",\"deviceName\":\"before\",\"profileName\":\"p\","
    "\"sourceName\":\"s\",\"origin\":1,\"readings\":[{\"origin\":1,\"deviceName\":\"before\","
    "\"resourceName\":\"s\",\"profileName\":\"p\",\"valueType\":\"Int8\",\"value\":\"1\"}]}}";
#define EVENT_ROUTE "/api/v3/event/svc/p/before/s"

static void path_of(const struct platform *p, const char *file, char *ret, size_t size)
{
    snprintf(ret, size, "%s/data/%s", p->dir.path, file);
}

/* The name at its beginning, by which SQLite knows its files. The rest stays. */
static void overwrite_head(const struct platform *p, const char *file, const char *bytes)
{
    char path[256];
    path_of(p, file, path, sizeof(path));
    int fd = open(path, O_WRONLY);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(pwrite(fd, bytes, 16, 0), 16);
    close(fd);
}

static const char JUNK[] = "ZZZZZZZZZZZZZZZ", HEAD[] = "SQLite format 3";

static bool answers(const struct platform *p, enum platform_service s)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, p, s, "GET", "/api/v3/ping", NULL, NULL) == 200;
}

static bool all_but_metadata_answer(void *platform)
{
    const struct platform *p = platform;
    EDGE_CTX_SCOPE(ctx);
    return answers(p, DATA) && answers(p, COMMAND) && answers(p, VIRTUAL) && answers(p, KEEPER) &&
           call(&ctx, p, METADATA, "GET", "/api/v3/ping", NULL, NULL) == 503;
}

static int64_t events_of(const struct platform *p, const char *device)
{
    EDGE_CTX_SCOPE(ctx);
    const char *route = edge_printf(&ctx.arena, "/api/v3/event/count/device/name/%s", device);
    return int_at(expect(&ctx, p, DATA, "GET", route, NULL, 200), "count");
}

static bool devices_are_stored(void *platform)
{
    return events_of(platform, "Random-Integer-Device") > 0;
}

static void put_event(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    expect(&ctx, p, DATA, "POST", EVENT_ROUTE, EVENT, 201);
}

/* One line of the log names the file that was kept. */
static void kept_as(const struct platform *p, char *ret, size_t size)
{
    char path[256], line[4096];
    snprintf(path, sizeof(path), "%s/edgexd.log", p->dir.path);
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    *ret = '\0';
    while (fgets(line, sizeof(line), f)) {
        const char *at = strstr(line, "level=ERROR") ? strstr(line, "kept-as=") : NULL;
        if (at) {
            at += strlen("kept-as=");
            snprintf(ret, size, "%.*s", (int)strcspn(at, " \n"), at);
        }
    }
    fclose(f);
}

static void test_a_damaged_event_store_is_put_aside(void)
{
    PLATFORM(p, SHAPE_ONE);
    put_event(&p);
    CU_ASSERT_TRUE(platform_down(&p));
    overwrite_head(&p, "core-data/core-data.db", JUNK);
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    CU_ASSERT_EQUAL(events_of(&p, "before"), 0);
    put_event(&p);
    CU_ASSERT_EQUAL(events_of(&p, "before"), 1);
    CU_ASSERT_TRUE(wait_until(devices_are_stored, &p, PATIENCE_MS));
    CU_ASSERT_EQUAL(platform_log_lines(&p, DATA, "level=ERROR", "is damaged"), 1);
    CU_ASSERT_EQUAL(platform_log_lines(&p, DATA, "level=ERROR", "file is not a database"), 1);
    CU_ASSERT_TRUE(platform_down(&p));

    /* What was acknowledged before is in the file that was kept, mended here as it was broken. */
    char kept[512];
    kept_as(&p, kept, sizeof(kept));
    int fd = open(kept, O_WRONLY);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(pwrite(fd, HEAD, 16, 0), 16);
    close(fd);
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    CU_ASSERT_EQUAL(sqlite3_open(kept, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_prepare_v2(db,
                                       "SELECT count(*) FROM event_1 e JOIN source s ON"
                                       " s.id=e.source WHERE s.device='before'",
                                       -1, &stmt, NULL),
                    SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_step(stmt), SQLITE_ROW);
    CU_ASSERT_EQUAL(sqlite3_column_int(stmt, 0), 1);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static bool driver_waits_again(void *platform)
{
    return platform_logged(platform, VIRTUAL, "not ready yet, trying again");
}

static void test_damaged_metadata_stops_only_itself(void)
{
    PLATFORM(p, SHAPE_ONE);
    CU_ASSERT_TRUE(platform_down(&p));
    overwrite_head(&p, "core-metadata/metadata.db", JUNK);
    setenv("EDGEX_STARTUP_DURATION", "1", 1);
    platform_launch(&p);
    unsetenv("EDGEX_STARTUP_DURATION");
    bool up = wait_until(all_but_metadata_answer, &p, PATIENCE_MS);
    if (!up) {
        platform_print_logs(&p);
    }
    CU_ASSERT_TRUE_FATAL(up);
    put_event(&p);
    CU_ASSERT_EQUAL(events_of(&p, "before"), 1);
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = expect(&ctx, &p, METADATA, "GET", "/api/v3/device/all", NULL, 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(text_at(body, "message"), "metadata.db"));
    expect(&ctx, &p, METADATA, "GET", "/api/v3/version", NULL, 200);
    expect(&ctx, &p, COMMAND, "GET", "/api/v3/device/name/Random-Integer-Device/Int8", NULL, 503);
    expect(&ctx, &p, KEEPER, "GET", "/api/v3/registry/all", NULL, 200);
    CU_ASSERT_EQUAL(platform_log_lines(&p, METADATA, "level=ERROR", "out of order: answers 503"),
                    1);
    /* Who needs it has given up waiting once, and the process has not. */
    CU_ASSERT_TRUE(wait_until(driver_waits_again, &p, PATIENCE_MS));
    CU_ASSERT_TRUE(all_but_metadata_answer(&p));
    CU_ASSERT_TRUE(platform_down(&p));
    overwrite_head(&p, "core-metadata/metadata.db", HEAD);
    CU_ASSERT_TRUE(platform_up(&p));
}

CU_TestInfo damaged_tests[] = {
    {"a damaged event store is put aside", test_a_damaged_event_store_is_put_aside},
    {"damaged metadata stops only itself", test_damaged_metadata_stops_only_itself},
    CU_TEST_INFO_NULL,
};
