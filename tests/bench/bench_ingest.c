/*
 * How fast events become durable: the store itself, core-data over HTTP with 64 connections,
 * core-data from the bus; beside them, in the same run, what the disk and SQLite alone can do.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "core_data.h"
#include "load.h"
#include "scratch.h"

enum { DEVICES = 100, WIDE = 10, RAW_BATCH = 1000, CONNECTIONS = 64, IN_FLIGHT = 4096 };

static const struct bench_shape NARROW = {DEVICES, 1}, BROAD = {DEVICES, WIDE};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(2);
}

/* ---- calibration -------------------------------------------------------------------------------
 */

/* Appends of 4 KiB, each made durable, per second. */
static double sync_rate(const char *dir)
{
    char path[256], page[4096] = {1};
    snprintf(path, sizeof(path), "%s/sync", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    double start = bench_now();
    int n = 0;
    while (bench_now() - start < 1.0) {
        if (write(fd, page, sizeof(page)) != sizeof(page) || fdatasync(fd) != 0) {
            die("cannot write");
        }
        n++;
    }
    double rate = n / (bench_now() - start);
    close(fd);
    return rate;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) {
        die(error);
    }
}

static void step(sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        die("insert failed");
    }
    sqlite3_reset(stmt);
}

static void insert_raw(sqlite3_stmt *event, sqlite3_stmt *reading, const struct bench_shape *shape,
                       uint64_t i)
{
    uint64_t id[2] = {(i + 1) * 0x9e3779b97f4a7c15u, i};
    int64_t origin = 1754470000000000000 + (int64_t)i * 90000;
    int64_t device = (int64_t)(i % shape->n_devices);
    int64_t first = (int64_t)(i * shape->n_readings);
    sqlite3_bind_int64(event, 1, (int64_t)i + 1);
    sqlite3_bind_int64(event, 2, origin);
    sqlite3_bind_int64(event, 3, device);
    sqlite3_bind_blob(event, 4, id, sizeof(id), SQLITE_STATIC);
    sqlite3_bind_int64(event, 5, first + 1);
    sqlite3_bind_int64(event, 6, shape->n_readings);
    step(event);
    for (unsigned k = 0; k < shape->n_readings; k++) {
        sqlite3_bind_int64(reading, 1, first + k + 1);
        sqlite3_bind_int64(reading, 2, origin);
        sqlite3_bind_int64(reading, 3, device * shape->n_readings + k);
        sqlite3_bind_int64(reading, 4, (int64_t)(id[0] >> k & 0xffff));
        step(reading);
    }
}

/* The same rows, with the same indexes, in transactions of 1000 rows; events per second. */
static double raw_rate(const char *dir, const struct bench_shape *shape, uint64_t n)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/raw.db", dir);
    unlink(path);
    sqlite3 *db = NULL;
    sqlite3_stmt *event = NULL, *reading = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        die("cannot open a database");
    }
    run_sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                "CREATE TABLE event(seq INTEGER PRIMARY KEY, origin INTEGER, source INTEGER,"
                " id BLOB, first_reading INTEGER, n INTEGER, tags TEXT);"
                "CREATE TABLE reading(seq INTEGER PRIMARY KEY, origin INTEGER, series INTEGER,"
                " value, tags TEXT);"
                "CREATE INDEX event_id ON event(id);"
                "CREATE INDEX event_origin ON event(origin);"
                "CREATE INDEX event_source ON event(source, origin);"
                "CREATE INDEX reading_origin ON reading(origin);"
                "CREATE INDEX reading_series ON reading(series, origin);");
    sqlite3_prepare_v2(db, "INSERT INTO event VALUES(?,?,?,?,?,?,NULL)", -1, &event, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO reading VALUES(?,?,?,?,NULL)", -1, &reading, NULL);
    uint64_t per_batch = RAW_BATCH / (1 + shape->n_readings);
    double start = bench_now();
    for (uint64_t i = 0; i < n;) {
        run_sql(db, "BEGIN");
        for (uint64_t k = 0; k < per_batch && i < n; k++, i++) {
            insert_raw(event, reading, shape, i);
        }
        run_sql(db, "COMMIT");
    }
    double rate = (double)n / (bench_now() - start);
    sqlite3_finalize(event);
    sqlite3_finalize(reading);
    sqlite3_close(db);
    unlink(path);
    return rate;
}

/* ---- the store ---------------------------------------------------------------------------------
 */

static double store_rate(const char *dir, const struct bench_shape *shape, uint64_t n)
{
    EDGE_CTX_SCOPE(ctx);
    const struct event_store_config config = {
        .file.path = edge_printf(&ctx.arena, "%s/store-%u.db", dir, shape->n_readings)};
    struct event_store *store = NULL;
    if (event_store_open(&ctx, &config, &store) != EDGE_OK) {
        die(edge_ctx_message(&ctx, EDGE_INTERNAL));
    }
    double seconds = bench_store_fill(store, shape, 0, n, IN_FLIGHT);
    event_store_close(store);
    return (double)n / seconds;
}

/* ---- core-data ---------------------------------------------------------------------------------
 */

static struct edge_host *start_core_data(struct edge_ctx *ctx, const char *dir)
{
    setenv("EDGEX_SECURITY_SECRET_STORE", "false", 1);
    setenv("MESSAGEBUS_TYPE", "memory", 1);
    setenv("SERVICE_PORT", "0", 1);
    setenv("WRITABLE_LOGLEVEL", "ERROR", 1);
    static const struct edge_service *const SERVICES[] = {&core_data};
    char *argv[] = {(char *)"bench", (char *)"--data", (char *)(uintptr_t)dir, NULL};
    struct edge_host *host = NULL;
    if (edge_host_start(ctx, SERVICES, 1, 3, argv, &host) != EDGE_OK) {
        die(edge_ctx_message(ctx, EDGE_INTERNAL));
    }
    return host;
}

static size_t make_post(void *arg, uint64_t i, char text[LOAD_REQUEST_SIZE])
{
    EDGE_CTX_SCOPE(ctx);
    const uint64_t *first = arg;
    struct add_event_request request = {
        .base = {"v3", ""},
        .event = *bench_event(&ctx.arena, &NARROW, *first + i),
    };
    const char *body = edge_dto_text(&ADD_EVENT_REQUEST, &request, &ctx.arena);
    int n = snprintf(text, LOAD_REQUEST_SIZE,
                     "POST /api/v3/event/bench/bench/%s/values HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     request.event.device_name, strlen(body), body);
    return (size_t)n;
}

/* In a child: what it costs to make requests is not core-data's, but the processors are shared. */
static double post_rate(uint16_t port, uint64_t first, uint64_t n, struct load_result *ret)
{
    int fds[2];
    if (pipe(fds) != 0) {
        die("no pipe");
    }
    pid_t child = fork();
    if (child == 0) {
        struct load_result r;
        const struct load load = {port, CONNECTIONS, n, make_post, &first, 201};
        int rc = load_run(&load, &r);
        _exit(rc == 0 && write(fds[1], &r, sizeof(r)) == sizeof(r) ? 0 : 1);
    }
    close(fds[1]);
    if (read(fds[0], ret, sizeof(*ret)) != sizeof(*ret) || ret->unexpected > 0) {
        die("the load failed");
    }
    close(fds[0]);
    waitpid(child, NULL, 0);
    return (double)n / ret->seconds;
}

/* What this process, core-data, has used of the processors, seconds. */
static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void wait_for_count(const struct edge_runtime *rt, uint64_t events)
{
    struct edge_counter *c = edge_counter(rt->metrics, "EventsPersisted", "");
    while (edge_counter_get(c) < events) {
        usleep(500);
    }
}

/* Events over the bus of the process, decoded by nobody; events per second until all are durable.
 */
static double bus_rate(const struct edge_runtime *rt, uint64_t first, uint64_t n)
{
    uint64_t before = edge_counter_get(edge_counter(rt->metrics, "EventsPersisted", ""));
    double start = bench_now();
    for (uint64_t i = first; i < first + n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m = edge_message_create(4096);
        struct edge_arena *a = edge_message_arena(m);
        struct add_event_request *request = edge_new(a, struct add_event_request);
        request->base = (struct edge_base_request){"v3", ""};
        request->event = *bench_event(a, &BROAD, i);
        edge_message_topic(m, "%s/events/device/bench/bench/%s/values", rt->base_topic,
                           request->event.device_name);
        m->dto = &ADD_EVENT_REQUEST;
        m->object = request;
        if (edge_bus_publish(&ctx, rt->bus, m) != EDGE_OK) {
            die(edge_ctx_message(&ctx, EDGE_UNAVAILABLE));
        }
        edge_message_unref(m);
    }
    wait_for_count(rt, before + n);
    return (double)n / (bench_now() - start);
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    SCRATCH(dir);
    double sync = sync_rate(dir.path);
    printf("append and fdatasync                  %9.0f /s\n", sync);
    double raw1 = raw_rate(dir.path, &NARROW, n), raw10 = raw_rate(dir.path, &BROAD, n / WIDE);
    printf("raw SQLite, events of 1 reading       %9.0f events/s\n", raw1);
    printf("raw SQLite, events of 10 readings     %9.0f readings/s\n", raw10 * WIDE);
    double store1 = store_rate(dir.path, &NARROW, n), store10 = store_rate(dir.path, &BROAD, n / 2);
    printf("store, events of 1 reading            %9.0f events/s (%.0f %% of raw)\n", store1,
           100 * store1 / raw1);
    printf("store, events of 10 readings          %9.0f readings/s (%.0f %% of raw)\n",
           store10 * WIDE, 100 * store10 / raw10);

    EDGE_CTX_SCOPE(ctx);
    struct edge_host *host = start_core_data(&ctx, dir.path);
    const struct edge_runtime *rt = edge_host_runtime(host, "core-data");
    struct load_result posted;
    double cpu = cpu_seconds();
    double post = post_rate(edge_http_port(rt->http), 0, n, &posted);
    double post_cpu_us = 1e6 * (cpu_seconds() - cpu) / (double)n;
    printf("POST, 64 connections                  %9.0f events/s (%.0f %% of raw, %.1f per sync)\n",
           post, 100 * post / raw1, post / sync);
    printf("  latency p50 %.0f us, p99 %.0f us, max %.0f us; processor %.1f us each\n",
           posted.p50_us, posted.p99_us, posted.max_us, post_cpu_us);
    double bus = bus_rate(rt, n, n / 2) * WIDE;
    printf("bus, events of 10 readings            %9.0f readings/s\n", bus);
    int64_t pss = bench_pss();
    edge_host_stop(host);
    printf(
        "bench ingest sync=%.0f raw1=%.0f raw10=%.0f store1=%.0f store10=%.0f post=%.0f"
        " post_of_raw=%.2f post_cpu_us=%.1f post_p50_us=%.0f post_p99_us=%.0f bus_readings=%.0f pss=%" PRId64
        "\n",
        sync, raw1, raw10 * WIDE, store1, store10 * WIDE, post, post / raw1, post_cpu_us,
        posted.p50_us, posted.p99_us, bus, pss);
    return 0;
}
