/* A data partition of a few megabytes that somebody fills: what must still work then, also after a
 * restart, and that what was acknowledged is there when room is back. */
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core_data.h"
#include "core_keeper.h"
#include "core_metadata.h"
#include "edge/clock.h"
#include "edge/data_file.h"
#include "scratch.h"
#include "suites.h"
#include "wait.h"

/* Keeper, metadata and data in one process, their data on a file system of their own. */
struct world {
    struct edge_ctx ctx;
    struct scratch dir;
    char data[96], filler[128];
    struct edge_host *host;
    unsigned n_posted;
};

static const struct edge_service *const SERVICES[] = {&core_keeper, &core_metadata, &core_data};

static const char *const SETTINGS[][2] = {
    {"MESSAGEBUS_TYPE",    "memory"},
    {"SERVICE_PORT",       "0"     },
    {"WRITABLE_LOGLEVEL",  "ERROR" },
    {"RETENTION_INTERVAL", "50ms"  },
};

static void world_run(struct world *w)
{
    char *argv[] = {(char *)"test", (char *)"--data", w->data, (char *)"-cd", w->dir.path, NULL};
    for (size_t i = 0; i < sizeof(SETTINGS) / sizeof(SETTINGS[0]); i++) {
        setenv(SETTINGS[i][0], SETTINGS[i][1], 1);
    }
    enum edge_status st = edge_host_start(&w->ctx, SERVICES, 3, 5, argv, &w->host);
    if (st != EDGE_OK) {
        fprintf(stderr, "%s\n", edge_ctx_message(&w->ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

/* False, said so, where nothing may be mounted here. */
static bool world_make(struct world *w, unsigned size_mb)
{
    char size[32];
    snprintf(size, sizeof(size), "size=%um", size_mb);
    *w = (struct world){.ctx = EDGE_CTX_INIT};
    scratch_make(&w->dir);
    snprintf(w->data, sizeof(w->data), "%s/data", w->dir.path);
    snprintf(w->filler, sizeof(w->filler), "%s/somebody-elses", w->data);
    CU_ASSERT_EQUAL_FATAL(mkdir(w->data, 0755), 0);
    if (mount("tmpfs", w->data, "tmpfs", 0, size) != 0) {
        printf("SKIPPED: nothing can be mounted here ");
        scratch_done(&w->dir);
        return false;
    }
    char path[128];
    snprintf(path, sizeof(path), "%s/configuration.yaml", w->dir.path);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("Clients:\n  core-metadata:\n    Protocol: http\n    Host: localhost\n    Port: 59881\n",
          file);
    fclose(file);
    world_run(w);
    return true;
}

static void world_stop(struct world *w)
{
    edge_host_stop(w->host);
    w->host = NULL;
}

static void world_done(struct world *w)
{
    world_stop(w);
    for (size_t i = 0; i < sizeof(SETTINGS) / sizeof(SETTINGS[0]); i++) {
        unsetenv(SETTINGS[i][0]); /* other suites have their own */
    }
    umount2(w->data, MNT_DETACH);
    scratch_done(&w->dir);
    edge_ctx_done(&w->ctx);
}

/* All there is, to the last block. */
static void fill(struct world *w)
{
    static char block[65536];
    int fd = open(w->filler, O_WRONLY | O_CREAT | O_APPEND, 0600);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    memset(block, 'x', sizeof(block));
    for (size_t size = sizeof(block); size > 0; size /= 2) {
        while (write(fd, block, size) == (ssize_t)size) {
        }
    }
    close(fd);
}

static int64_t free_bytes(const struct world *w)
{
    struct statvfs fs;
    CU_ASSERT_EQUAL(statvfs(w->data, &fs), 0);
    return (int64_t)(fs.f_bavail * fs.f_frsize);
}

static struct edge_http_response ask(struct world *w, const char *service, const char *method,
                                     const char *target, const char *body)
{
    struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = strlen(body)};
    struct edge_http_response answer = {0};
    edge_http_call(edge_host_runtime(w->host, service)->http, &w->ctx, &req, &answer);
    return answer;
}

/* The status of the only item where the answer is a batch's. */
static int code_of(struct edge_http_response r)
{
    const char *item = r.code == 207 ? strstr(r.body, "\"statusCode\":") : NULL;
    return item ? (int)strtol(item + strlen("\"statusCode\":"), NULL, 10) : r.code;
}

static void expect(struct world *w, const char *service, const char *method, const char *target,
                   const char *body, int code)
{
    struct edge_http_response r = ask(w, service, method, target, body);
    if (code_of(r) != code) {
        fprintf(stderr, "%s %s: %d instead of %d: %.300s\n", method, target, code_of(r), code,
                r.body);
    }
    CU_ASSERT_EQUAL(code_of(r), code);
}

static int post(struct world *w, const char *device, int64_t age_s, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    char *value = edge_alloc(&ctx.arena, size + 1, 1);
    memset(value, 'v', size);
    long long origin = (long long)(edge_now_ns() - age_s * 1000000000);
    const char *body = edge_printf(
        &ctx.arena,
        "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\","
        "\"id\":\"%08x-0000-4000-8000-9d2b2e5e0000\",\"deviceName\":\"%s\",\"profileName\":\"P\","
        "\"sourceName\":\"s\",\"origin\":%lld,\"readings\":[{\"origin\":%lld,\"deviceName\":\"%s\","
        "\"resourceName\":\"r\",\"profileName\":\"P\",\"valueType\":\"String\",\"value\":\"%s\"}]}}",
        ++w->n_posted, device, origin, origin, device, value);
    return ask(w, "core-data", "POST", edge_printf(&ctx.arena, "/api/v3/event/svc/P/%s/s", device),
               body)
        .code;
}

static int64_t events_of(struct world *w, const char *device)
{
    const char *target = edge_printf(&w->ctx.arena, "/api/v3/event/count/device/name/%s", device);
    struct edge_http_response r = ask(w, "core-data", "GET", target, "");
    const char *n = strstr(r.body, "\"Count\":");
    n = n ? n : strstr(r.body, "\"count\":");
    return n ? strtoll(n + strlen("\"count\":"), NULL, 10) : -1;
}

struct wanted {
    struct world *w;
    const char *device;
    int64_t n;
};

static bool has_events(void *arg)
{
    const struct wanted *wanted = arg;
    return events_of(wanted->w, wanted->device) == wanted->n;
}

static bool takes_events(void *arg)
{
    const struct wanted *wanted = arg;
    return post(wanted->w, wanted->device, 0, 10) == 201;
}

#define ITEM(key, members) "[{\"apiVersion\":\"v3\",\"" key "\":{" members "}}]"
#define DEVICE(name)                                                                               \
    ITEM("device", "\"name\":\"" name "\",\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\","  \
                   "\"serviceName\":\"S\",\"protocols\":{}")
#define DEVICES "/api/v3/device?bypassValidation=true"

static void furnish(struct world *w)
{
    expect(w, "core-metadata", "POST", "/api/v3/deviceservice",
           ITEM("service",
                "\"name\":\"S\",\"baseAddress\":\"http://h:1\",\"adminState\":\"UNLOCKED\""),
           201);
    static const char *const devices[] = {DEVICE("A"), DEVICE("B"), DEVICE("C"), DEVICE("D")};
    for (size_t i = 0; i < 4; i++) {
        expect(w, "core-metadata", "POST", DEVICES, devices[i], 201);
    }
    expect(w, "core-keeper", "PUT", "/api/v3/kvs/key/k/a",
           "{\"apiVersion\":\"v3\",\"value\":\"1\"}", 200);
    expect(w, "core-keeper", "PUT", "/api/v3/kvs/key/k/b",
           "{\"apiVersion\":\"v3\",\"value\":\"1\"}", 200);
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(post(w, "kept", 0, 1000), 201);
        CU_ASSERT_EQUAL(post(w, "gone", 0, 1000), 201);
        CU_ASSERT_EQUAL(post(w, "gone-too", 0, 1000), 201);
    }
}

static const char *repeated(struct edge_ctx *ctx, size_t n)
{
    char *text = edge_alloc(&ctx->arena, n + 1, 1);
    memset(text, 'x', n);
    return text;
}

/* Nothing is added, anything is changed and removed. */
static void check_full(struct world *w, const char *device, const char *patched, const char *events)
{
    CU_ASSERT_EQUAL(post(w, "kept", 0, 10), 503);
    expect(w, "core-metadata", "POST", DEVICES, DEVICE("E"), 503);
    expect(w, "core-keeper", "PUT", "/api/v3/kvs/key/k/new",
           "{\"apiVersion\":\"v3\",\"value\":\"1\"}", 503);
    const char *large = repeated(&w->ctx, 60 * 1024);
    for (int i = 0; i < 30; i++) { /* what would use up the reserve is refused */
        expect(w, "core-metadata", "PATCH", DEVICES,
               edge_printf(&w->ctx.arena, ITEM("device", "\"name\":\"%s\",\"description\":\"%s\""),
                           patched, large + i),
               503);
        expect(w, "core-keeper", "PUT", "/api/v3/kvs/key/k/a",
               edge_printf(&w->ctx.arena, "{\"apiVersion\":\"v3\",\"value\":\"%s\"}", large + i),
               503);
    }
    for (int i = 0; i < 100; i++) { /* more than any log has room for by chance */
        expect(
            w, "core-metadata", "PATCH", DEVICES,
            edge_printf(&w->ctx.arena,
                        ITEM("device", "\"name\":\"%s\",\"adminState\":\"%s\",\"labels\":[\"%d\"]"),
                        patched, i % 2 ? "LOCKED" : "UNLOCKED", i),
            200);
        expect(w, "core-keeper", "PUT", "/api/v3/kvs/key/k/a",
               edge_printf(&w->ctx.arena, "{\"apiVersion\":\"v3\",\"value\":\"%d\"}", i), 200);
    }
    expect(w, "core-metadata", "DELETE",
           edge_printf(&w->ctx.arena, "/api/v3/device/name/%s", device), "", 200);
    expect(w, "core-data", "DELETE",
           edge_printf(&w->ctx.arena, "/api/v3/event/device/name/%s", events), "", 202);
    CU_ASSERT_TRUE(wait_until(has_events, &(struct wanted){w, events, 0}, 20000));
    CU_ASSERT_EQUAL(events_of(w, "kept"), 50);
}

static void test_removing_works_on_a_full_disk(void)
{
    struct world w;
    if (!world_make(&w, 48)) {
        return;
    }
    furnish(&w);
    fill(&w);
    CU_ASSERT_EQUAL(free_bytes(&w), 0);
    world_stop(&w);
    world_run(&w);
    check_full(&w, "A", "D", "gone");
    world_stop(&w);
    world_run(&w); /* on what the first time left of the reserve */
    check_full(&w, "B", "D", "gone-too");

    CU_ASSERT_EQUAL(truncate(w.filler, 0), 0);
    CU_ASSERT_TRUE(wait_until(takes_events, &(struct wanted){&w, "after", 0}, 20000));
    expect(&w, "core-metadata", "POST", DEVICES, DEVICE("E"), 201);
    CU_ASSERT_EQUAL(events_of(&w, "kept"), 50);
    expect(&w, "core-metadata", "GET", "/api/v3/device/name/C", "", 200);
    expect(&w, "core-metadata", "GET", "/api/v3/device/name/A", "", 404);
    fill(&w); /* the reserve is there again */
    expect(&w, "core-metadata", "DELETE", "/api/v3/device/name/C", "", 200);
    world_done(&w);
}

/* Fills the disk with events that will be old in @p soon_s; false: it took longer than that, so some went meanwhile. */
static bool fill_with_events(struct world *w, int64_t soon_s)
{
    enum { OLD_S = 7 * 24 * 3600, EVENT_BYTES = 100000 };
    int64_t deadline_ms = edge_now_mono_ms() + soon_s * 1000;
    int code = 201;
    for (int64_t left = OLD_S - soon_s; code == 201 && edge_now_mono_ms() < deadline_ms;) {
        code = post(w, "old", left, EVENT_BYTES);
    }
    CU_ASSERT_TRUE(code == 201 || code == 503);
    return code == 503;
}

/* Ingest ends before the disk does, and retention makes room for more: the file does not shrink, but what
 * is free in it counts. */
static void test_ingest_leaves_room_for_retention(void)
{
    bool full = false;
    for (int64_t soon_s = 6; !full && soon_s < 200;
         soon_s *= 3) { /* as slow as the machine may be */
        struct world w;
        if (!world_make(&w, 48)) {
            return;
        }
        full = fill_with_events(&w, soon_s);
        if (full) {
            CU_ASSERT_TRUE(free_bytes(&w) > 0);
            CU_ASSERT_TRUE(events_of(&w, "old") > 100);
            CU_ASSERT_TRUE(wait_until(takes_events, &(struct wanted){&w, "new", 0},
                                      (int)soon_s * 1000 + 30000));
        }
        world_done(&w);
    }
    CU_ASSERT_TRUE(full);
}

/* The log of what was committed is no way out of the disk's size: what it holds has room in the file, or
 * is not taken. */
static void test_a_small_disk_is_no_trap(void)
{
    static const struct {
        unsigned size_mb;
        size_t event;
    } rows[] = {
        {4, 2000 },
        {5, 8000 },
        {4, 60000},
        {8, 4000 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        if (!world_make(&w, rows[i].size_mb)) {
            return;
        }
        int code = 201;
        while (code == 201) {
            code = post(&w, "d", 0, rows[i].event);
        }
        CU_ASSERT_EQUAL(code, 503);
        unsigned n = w.n_posted - 1;
        CU_ASSERT_TRUE((size_t)n * rows[i].event > 256 * 1024);
        for (unsigned k = 1; k <= n / 2; k++) {
            expect(
                &w, "core-data", "DELETE",
                edge_printf(&w.ctx.arena, "/api/v3/event/id/%08x-0000-4000-8000-9d2b2e5e0000", k),
                "", 200);
        }
        CU_ASSERT_TRUE(wait_until(takes_events, &(struct wanted){&w, "new", 0}, 20000));
        for (code = 201; code == 201;) {
            code = post(&w, "d", 0, rows[i].event);
        }
        world_stop(&w);
        world_run(&w);
        expect(&w, "core-data", "DELETE", "/api/v3/event/device/name/d", "", 202);
        CU_ASSERT_TRUE(wait_until(has_events, &(struct wanted){&w, "d", 0}, 20000));
        CU_ASSERT_TRUE(wait_until(takes_events, &(struct wanted){&w, "newer", 0}, 20000));
        world_done(&w);
    }
}

/* Somebody reads for long, a backup, say: the log cannot begin anew, and removing would fill the disk with it. Then the
 * file could not grow by what is in the log, and nothing would ever work again. */
static void test_a_reader_is_no_trap(void)
{
    struct world w;
    if (!world_make(&w, 5)) {
        return;
    }
    sqlite3 *reader = NULL;
    char path[128];
    CU_ASSERT_EQUAL(post(&w, "d", 0, 8000), 201);
    snprintf(path, sizeof(path), "%s/core-data/core-data.db", w.data);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM sqlite_master", NULL, NULL, NULL),
        SQLITE_OK);
    int code = 201;
    while (code == 201) {
        code = post(&w, "d", 0, 8000);
    }
    CU_ASSERT_EQUAL(code, 503);
    unsigned n = w.n_posted - 1, removed = 0;
    for (unsigned k = 1; k <= n; k++) {
        struct edge_http_response r = ask(
            &w, "core-data", "DELETE",
            edge_printf(&w.ctx.arena, "/api/v3/event/id/%08x-0000-4000-8000-9d2b2e5e0000", k), "");
        removed += r.code == 200;
        CU_ASSERT_TRUE(r.code == 200 || r.code == 503);
    }
    CU_ASSERT_EQUAL(sqlite3_close(reader), SQLITE_OK);
    CU_ASSERT_TRUE(wait_until(has_events, &(struct wanted){&w, "d", (int64_t)n - removed}, 20000));
    expect(&w, "core-data", "DELETE", "/api/v3/event/device/name/d", "", 202);
    CU_ASSERT_TRUE(wait_until(has_events, &(struct wanted){&w, "d", 0}, 20000));
    CU_ASSERT_TRUE(wait_until(takes_events, &(struct wanted){&w, "new", 0}, 20000));
    world_done(&w);
}

/* Who is refused waits for the file to grow less: its log is carried over, however short, as nothing else will
 * come and make it longer. */
static void test_a_low_disk_is_tight(void)
{
    struct scratch dir;
    scratch_make(&dir);
    EDGE_CTX_SCOPE(ctx);
    const struct edge_data_file_config config = {
        .path = edge_printf(&ctx.arena, "%s/x.db", dir.path), .min_free_bytes = 4096};
    struct edge_data_file *f = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_data_file_open(&ctx, &config, &f), EDGE_OK);
    CU_ASSERT_FALSE(edge_data_file_is_tight(f, 4096));
    CU_ASSERT_FALSE(edge_data_file_has_room(f, -(INT64_C(1) << 60)));
    CU_ASSERT_TRUE(edge_data_file_is_tight(f, 4096));
    CU_ASSERT_TRUE(edge_data_file_has_room(f, 0));
    CU_ASSERT_FALSE(edge_data_file_is_tight(f, 4096));
    edge_data_file_close(f);
    scratch_done(&dir);
}

/* There is none for the one, which goes through the log into the file; there is for the others. */
static void test_a_large_event_turns_no_small_ones_away(void)
{
    enum { SIZE_MB = 16, LARGE = 2 << 20 };
    struct world w;
    if (!world_make(&w, SIZE_MB)) {
        return;
    }
    const int64_t kept_free = ((int64_t)SIZE_MB << 20) / 10;
    int code = 201;
    while (code == 201 && free_bytes(&w) > kept_free + kept_free / 8) {
        code = post(&w, "d", 0, 5000);
    }
    CU_ASSERT_EQUAL(code, 201);
    CU_ASSERT_EQUAL(post(&w, "d", 0, LARGE), 503);
    CU_ASSERT_EQUAL(post(&w, "d", 0, 10), 201);
    world_done(&w);
}

/* Values of @p size below "tree" until there is no room. */
static void fill_with_values(struct world *w, size_t size, unsigned at_once)
{
    int code = 200;
    for (unsigned n = 0; code == 200 && n < 90000; n += at_once) {
        EDGE_CTX_SCOPE(turn);
        struct edge_buf body = EDGE_BUF_INIT;
        edge_buf_puts(&body, "{\"apiVersion\":\"v3\",\"value\":{");
        for (unsigned k = 0; k < at_once; k++) {
            edge_buf_printf(&body, "%s\"k%u\":\"%u%s\"", k ? "," : "", (n + k) * 7919 % 99991,
                            n + k, repeated(&turn, size));
        }
        edge_buf_puts(&body, "}}");
        code =
            ask(w, "core-keeper", "PUT", "/api/v3/kvs/key/tree?flatten=true", edge_buf_str(&body))
                .code;
        edge_buf_done(&body);
    }
    CU_ASSERT_EQUAL(code, 503);
}

/* As with events: changes that are small may use the reserve, but not the room the log will need. */
static void test_a_reader_is_no_trap_for_documents(void)
{
    struct world w;
    if (!world_make(&w, 6)) {
        return;
    }
    sqlite3 *reader = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/core-keeper/keeper.db", w.data);
    expect(&w, "core-keeper", "PUT", "/api/v3/kvs/key/k/a",
           "{\"apiVersion\":\"v3\",\"value\":\"1\"}", 200);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM sqlite_master", NULL, NULL, NULL),
        SQLITE_OK);
    fill_with_values(&w, 5000, 1);
    unsigned changed = 0, refused = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct edge_http_response r =
            ask(&w, "core-keeper", "PUT", "/api/v3/kvs/key/k/a",
                edge_printf(&w.ctx.arena, "{\"apiVersion\":\"v3\",\"value\":\"%u\"}", i));
        changed += r.code == 200;
        refused += r.code == 503;
    }
    CU_ASSERT_EQUAL(changed + refused, 3000);
    CU_ASSERT_EQUAL(sqlite3_close(reader), SQLITE_OK);
    expect(&w, "core-keeper", "DELETE", "/api/v3/kvs/key/tree?prefixMatch=true", "", 200);
    expect(&w, "core-keeper", "PUT", "/api/v3/kvs/key/k/new",
           "{\"apiVersion\":\"v3\",\"value\":\"1\"}", 200);
    world_done(&w);
}

/* However much is removed at once, and however little room there is for it. */
static void test_a_tree_can_be_removed(void)
{
    static const struct {
        unsigned size_mb;
        size_t value;
        unsigned at_once;
        bool fill; /* to the last block */
    } rows[] = {
        {4,  20000, 1,   false},
        {12, 20000, 1,   true },
        {6,  20,    500, false},
        {6,  100,   500, true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        if (!world_make(&w, rows[i].size_mb)) {
            return;
        }
        expect(&w, "core-keeper", "PUT", "/api/v3/kvs/key/k/a",
               "{\"apiVersion\":\"v3\",\"value\":\"1\"}", 200);
        fill_with_values(&w, rows[i].value, rows[i].at_once);
        if (rows[i].fill) {
            fill(&w);
        }
        expect(&w, "core-keeper", "DELETE", "/api/v3/kvs/key/tree?prefixMatch=true", "", 200);
        expect(&w, "core-keeper", "GET", "/api/v3/kvs/key/tree?keyOnly=true", "", 404);
        expect(&w, "core-keeper", "GET", "/api/v3/kvs/key/k/a", "", 200);
        expect(&w, "core-keeper", "PUT", "/api/v3/kvs/key/k/b",
               "{\"apiVersion\":\"v3\",\"value\":\"1\"}", 200);
        world_done(&w);
    }
}

static void test_files_are_closed_to_others(void)
{
    SCRATCH(dir);
    mode_t before = umask(0);
    struct world w = {.ctx = EDGE_CTX_INIT};
    snprintf(w.data, sizeof(w.data), "%s/data", dir.path);
    w.dir = dir;
    world_run(&w);
    CU_ASSERT_EQUAL(post(&w, "d", 0, 10), 201);
    for (size_t s = 0; s < 3; s++) {
        const char *folder = edge_printf(&w.ctx.arena, "%s/%s", w.data, SERVICES[s]->name);
        struct stat st;
        CU_ASSERT_EQUAL(stat(folder, &st), 0);
        CU_ASSERT_EQUAL(st.st_mode & 0777, 0750);
        DIR *files = opendir(folder);
        CU_ASSERT_PTR_NOT_NULL_FATAL(files);
        int n = 0;
        for (struct dirent *e; (e = readdir(files));) {
            if (e->d_name[0] != '.') {
                const char *name = edge_printf(&w.ctx.arena, "%s/%s", folder, e->d_name);
                CU_ASSERT_EQUAL(stat(name, &st), 0);
                CU_ASSERT_EQUAL(st.st_mode & 0777, 0640);
                n++;
            }
        }
        closedir(files);
        CU_ASSERT_TRUE(n >= 4); /* database, log, lock, reserve, ... */
    }
    /* A second process, here the same one again, is told who has it. */
    char *argv[] = {(char *)"test", (char *)"--data", w.data, (char *)"-cd", w.dir.path, NULL};
    struct edge_host *second = NULL;
    for (size_t s = 0; s < 3; s++) {
        EDGE_CTX_SCOPE(ctx);
        CU_ASSERT_EQUAL(edge_host_start(&ctx, &SERVICES[s], 1, 5, argv, &second), EDGE_UNAVAILABLE);
        const char *text = edge_ctx_message(&ctx, EDGE_UNAVAILABLE);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "in use by another process"));
        CU_ASSERT_PTR_NOT_NULL(strstr(text, edge_printf(&ctx.arena, "pid %d", (int)getpid())));
    }
    world_stop(&w);
    umask(before);
    edge_ctx_done(&w.ctx);
}

static void test_an_unknown_database_is_refused(void)
{
    static const struct {
        const char *type;
        enum edge_status st;
    } rows[] = {
        {"sqlite",   EDGE_OK     },
        {"postgres", EDGE_OK     },
        {"redisdb",  EDGE_INVALID},
        {"mongodb",  EDGE_INVALID},
        {"SQLite3",  EDGE_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t s = 0; s < 3; s++) {
            SCRATCH(dir);
            EDGE_CTX_SCOPE(ctx);
            setenv("DATABASE_TYPE", rows[i].type, 1);
            char *argv[] = {(char *)"test", (char *)"--data", dir.path,
                            (char *)"-cd",  dir.path,         NULL};
            struct edge_host *host = NULL;
            enum edge_status st = edge_host_start(&ctx, &SERVICES[s], 1, 5, argv, &host);
            unsetenv("DATABASE_TYPE");
            CU_ASSERT_EQUAL(st, rows[i].st);
            if (st == EDGE_OK) {
                edge_host_stop(host);
            } else {
                CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), rows[i].type));
                CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), "Database.Type"));
            }
        }
    }
}

CU_TestInfo disk_full_tests[] = {
    {"removing works on a full disk",     test_removing_works_on_a_full_disk         },
    {"ingest leaves room for retention",  test_ingest_leaves_room_for_retention      },
    {"a reader is no trap",               test_a_reader_is_no_trap                   },
    {"a reader is no trap for documents", test_a_reader_is_no_trap_for_documents     },
    {"a small disk is no trap",           test_a_small_disk_is_no_trap               },
    {"a low disk is tight",               test_a_low_disk_is_tight                   },
    {"a large event turns no small away", test_a_large_event_turns_no_small_ones_away},
    {"a tree can be removed",             test_a_tree_can_be_removed                 },
    {"files are closed to others",        test_files_are_closed_to_others            },
    {"an unknown database is refused",    test_an_unknown_database_is_refused        },
    CU_TEST_INFO_NULL,
};
