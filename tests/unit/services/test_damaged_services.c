/* A process of several services in which the store of one is damaged: who goes on, who is out of order, and
 * that nobody changes what is damaged. */
#include <CUnit/CUnit.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "core_data.h"
#include "core_keeper.h"
#include "core_metadata.h"
#include "damages.h"
#include "edge/service.h"
#include "edge/text.h"
#include "scratch.h"
#include "suites.h"

enum { KEEPER, METADATA, DATA, N_SERVICES };
static const struct edge_service *const SERVICES[] = {&core_keeper, &core_metadata, &core_data};
static const char *const FILES[] = {"core-keeper/keeper.db", "core-metadata/metadata.db",
                                    "core-data/core-data.db"};

struct gateway {
    struct edge_ctx ctx;
    struct scratch dir;
    struct edge_host *host;
    struct edge_buf sound[N_SERVICES]; /* their files with something in them */
};

static const char *file_of(struct gateway *g, int service, const char *suffix)
{
    return edge_printf(&g->ctx.arena, "%s/%s%s", g->dir.path, FILES[service], suffix);
}

static enum edge_status gateway_start(struct gateway *g, struct edge_ctx *ctx, size_t first,
                                      size_t n)
{
    char *argv[] = {(char *)"test", (char *)"--data", g->dir.path,
                    (char *)"-cd",  g->dir.path,      NULL};
    return edge_host_start(ctx, SERVICES + first, n, 5, argv, &g->host);
}

static void gateway_stop(struct gateway *g)
{
    edge_host_stop(g->host);
    g->host = NULL;
}

static int ask(struct gateway *g, struct edge_ctx *ctx, int service, const char *method,
               const char *target, const char *body, const char **ret_text)
{
    const struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = body ? strlen(body) : 0};
    struct edge_http_response res = {0};
    edge_http_call(edge_host_runtime(g->host, SERVICES[service]->name)->http, ctx, &req, &res);
    *ret_text = res.body_size > 0 ? edge_strndup(&ctx->arena, res.body, res.body_size) : "";
    return res.code;
}

static int ping(struct gateway *g, int service, const char **ret_text)
{
    return ask(g, &g->ctx, service, "GET", "/api/v3/ping", NULL, ret_text);
}

static const char PROFILE[] =
    "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"p\",\"deviceResources\":[{\"name\":\"r\","
    "\"properties\":{\"valueType\":\"Int8\",\"readWrite\":\"R\"}}]}}]";

static int post_event(struct gateway *g)
{
    const char *text = "";
    EDGE_CTX_SCOPE(ctx);
    const char *event = edge_printf(
        &ctx.arena,
        "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":\"%s\",\"deviceName\":\"d\","
        "\"profileName\":\"p\",\"sourceName\":\"s\",\"origin\":1,\"readings\":[{\"origin\":1,"
        "\"deviceName\":\"d\",\"resourceName\":\"s\",\"profileName\":\"p\",\"valueType\":\"Int8\","
        "\"value\":\"1\"}]}}",
        edge_uuid_make(&ctx.arena));
    int code = ask(g, &ctx, DATA, "POST", "/api/v3/event/svc/p/d/s", event, &text);
    if (code != 201) {
        fprintf(stderr, "event: %d %s\n", code, text);
    }
    return code;
}

/* A gateway with something in each store, stopped. */
static void gateway_make(struct gateway *g)
{
    *g = (struct gateway){.ctx = EDGE_CTX_INIT};
    scratch_make(&g->dir);
    setenv("MESSAGEBUS_TYPE", "memory", 1);
    setenv("SERVICE_PORT", "0", 1);
    setenv("WRITABLE_LOGLEVEL", "ERROR", 1);
    CU_ASSERT_EQUAL_FATAL(gateway_start(g, &g->ctx, 0, N_SERVICES), EDGE_OK);
    const char *text = "";
    CU_ASSERT_EQUAL(ask(g, &g->ctx, METADATA, "POST", "/api/v3/deviceprofile", PROFILE, &text),
                    207);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "201"));
    CU_ASSERT_EQUAL(post_event(g), 201);
    gateway_stop(g);
    for (int i = 0; i < N_SERVICES; i++) {
        file_read(&g->sound[i], file_of(g, i, ""));
        CU_ASSERT(g->sound[i].len >= 2L * PAGE);
    }
}

static void gateway_done(struct gateway *g)
{
    edge_host_stop(g->host);
    for (int i = 0; i < N_SERVICES; i++) {
        edge_buf_done(&g->sound[i]);
    }
    unsetenv("MESSAGEBUS_TYPE");
    unsetenv("SERVICE_PORT");
    unsetenv("WRITABLE_LOGLEVEL");
    scratch_done(&g->dir);
    edge_ctx_done(&g->ctx);
}

#define GATEWAY(name)                                                                              \
    EDGE_CLEANUP(gateway_done) struct gateway name;                                                \
    gateway_make(&name)

/* All routes of the one say why, all routes of the others work, and nothing was changed in the file. */
static void expect_out_of_order(struct gateway *g, int damaged, const struct edge_buf *bytes)
{
    const char *text = "", *names[] = {"core-keeper", "core-metadata", "core-data"};
    for (int i = 0; i < N_SERVICES; i++) {
        CU_ASSERT_EQUAL(ping(g, i, &text), i == damaged ? 503 : 200);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, i == damaged ? "out of order" : names[i]));
        CU_ASSERT_EQUAL(ask(g, &g->ctx, i, "GET", "/api/v3/config", NULL, &text), 200);
    }
    int code = ask(g, &g->ctx, METADATA, "GET", "/api/v3/deviceprofile/name/p", NULL, &text);
    CU_ASSERT_EQUAL(code, damaged == METADATA ? 503 : 200);
    CU_ASSERT(damaged != METADATA || strstr(text, "the store is damaged and left as it is"));
    code = ask(g, &g->ctx, METADATA, "POST", "/api/v3/deviceprofile", PROFILE, &text);
    CU_ASSERT_EQUAL(code, damaged == METADATA ? 503 : 207);
    code = ask(g, &g->ctx, KEEPER, "GET", "/api/v3/registry/all", NULL, &text);
    CU_ASSERT_EQUAL(code, damaged == KEEPER ? 503 : 200);
    CU_ASSERT_EQUAL(post_event(g), 201);
    CU_ASSERT_EQUAL(ask(g, &g->ctx, damaged, "GET", "/api/v3/metrics", NULL, &text), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "store_damaged"));
    gateway_stop(g);
    CU_ASSERT_TRUE(file_has(file_of(g, damaged, ""), bytes));
}

static void damage_file(struct gateway *g, int service, size_t damage, struct edge_buf *ret)
{
    *ret = (struct edge_buf)EDGE_BUF_INIT;
    edge_buf_put(ret, g->sound[service].data, g->sound[service].len);
    DAMAGES[damage].damage(ret);
    file_write(ret, file_of(g, service, ""));
}

static void expect_refusal_alone(struct gateway *g, int service, size_t damage)
{
    EDGE_CTX_SCOPE(ctx);
    enum edge_status st = gateway_start(g, &ctx, (size_t)service, 1);
    const char *why = st == EDGE_OK ? "started" : edge_ctx_message(&ctx, st);
    bool clear =
        st == EDGE_DAMAGED && strstr(why, ".recover") && strstr(why, file_of(g, service, ""));
    if (!clear) {
        fprintf(stderr, "%s alone: %s: %s\n", FILES[service], DAMAGES[damage].name, why);
    }
    CU_ASSERT_TRUE_FATAL(clear);
}

static void test_damaged_configuration_is_not_begun_anew(void)
{
    GATEWAY(g);
    for (int service = KEEPER; service <= METADATA; service++) {
        for (size_t i = 0; i < N_DAMAGES; i++) {
            if (!DAMAGES[i].shows_anywhere) {
                continue;
            }
            EDGE_CLEANUP(edge_buf_done) struct edge_buf bytes;
            damage_file(&g, service, i, &bytes);
            expect_refusal_alone(&g, service, i);
            CU_ASSERT_TRUE(file_has(file_of(&g, service, ""), &bytes));
            CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
            expect_out_of_order(&g, service, &bytes);
        }
        /* With a backup in its place it is as it was. */
        file_write(&g.sound[service], file_of(&g, service, ""));
        unlink(file_of(&g, service, "-wal"));
        CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
        const char *text = "";
        CU_ASSERT_EQUAL(ping(&g, service, &text), 200);
        CU_ASSERT_EQUAL(
            ask(&g, &g.ctx, METADATA, "GET", "/api/v3/deviceprofile/name/p", NULL, &text), 200);
        gateway_stop(&g);
        CU_ASSERT_EQUAL(access(file_of(&g, service, ".damaged"), F_OK), -1);
    }
}

/* The same process with a damaged event store: it is put aside, and all of them work. */
static void test_a_damaged_event_store_stops_nobody(void)
{
    GATEWAY(g);
    for (size_t i = 0; i < N_DAMAGES; i++) {
        EDGE_CLEANUP(edge_buf_done) struct edge_buf bytes;
        damage_file(&g, DATA, i, &bytes);
        CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
        const char *text = "";
        for (int s = 0; s < N_SERVICES; s++) {
            CU_ASSERT_EQUAL(ping(&g, s, &text), 200);
        }
        CU_ASSERT_EQUAL(post_event(&g), 201);
        CU_ASSERT_EQUAL(ask(&g, &g.ctx, DATA, "GET", "/api/v3/event/count", NULL, &text), 200);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"count\":1"));
        CU_ASSERT_EQUAL(ask(&g, &g.ctx, DATA, "GET", "/api/v3/metrics", NULL, &text), 200);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(text, "edgex_stores_put_aside_total{service=\"core-data\"} 1"));
        gateway_stop(&g);
        char kept[256] = "";
        CU_ASSERT_EQUAL(files_kept(edge_printf(&g.ctx.arena, "%s/core-data", g.dir.path),
                                   "core-data.db.corrupt-", "", kept, sizeof(kept)),
                        i + 1);
    }
}

/* Refused, not damaged: of a later version, or somebody else's. The service stays out of order, its file where
 * it is. */
static void test_foreign_stores_stop_their_service_only(void)
{
    static const struct {
        const char *sql, *reason;
        bool fresh; /* nothing of ours in it */
    } cases[] = {
        {"PRAGMA user_version=9", "version is 9",      false},
        {"CREATE TABLE t(a)",     "another program's", true },
    };
    static const char *const routes[N_SERVICES] = {
        [KEEPER] = "/api/v3/registry/all",
        [METADATA] = "/api/v3/device/all",
        [DATA] = "/api/v3/event/count",
    };
    for (int s = 0; s < N_SERVICES; s++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            GATEWAY(g);
            const char *text = "";
            sqlite3 *db = NULL;
            if (cases[i].fresh) {
                CU_ASSERT_EQUAL(unlink(file_of(&g, s, "")), 0);
            }
            CU_ASSERT_EQUAL(sqlite3_open(file_of(&g, s, ""), &db), SQLITE_OK);
            CU_ASSERT_EQUAL(sqlite3_exec(db, cases[i].sql, NULL, NULL, NULL), SQLITE_OK);
            sqlite3_close(db);
            EDGE_CTX_SCOPE(ctx);
            CU_ASSERT_EQUAL(gateway_start(&g, &ctx, (size_t)s, 1), EDGE_FORBIDDEN);
            CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
            for (int k = 0; k < N_SERVICES; k++) {
                CU_ASSERT_EQUAL(ping(&g, k, &text), k == s ? 503 : 200);
            }
            ping(&g, s, &text);
            CU_ASSERT_PTR_NOT_NULL(strstr(text, cases[i].reason));
            CU_ASSERT_EQUAL(ask(&g, &g.ctx, s, "GET", routes[s], NULL, &text), 503);
            gateway_stop(&g);
        }
    }
}

/* A folder stands where a store or its lock should. */
static void test_folders_in_their_place_stop_their_service_only(void)
{
    static const char *const suffixes[] = {"", ".lock"};
    for (int s = 0; s < N_SERVICES; s++) {
        for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
            GATEWAY(g);
            const char *text = "", *path = file_of(&g, s, suffixes[i]);
            CU_ASSERT_EQUAL(unlink(path), 0);
            CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
            CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
            for (int k = 0; k < N_SERVICES; k++) {
                CU_ASSERT_EQUAL(ping(&g, k, &text), k == s ? 503 : 200);
            }
            ping(&g, s, &text);
            CU_ASSERT_PTR_NOT_NULL(strstr(text, "no regular file"));
            gateway_stop(&g);
            CU_ASSERT_EQUAL(rmdir(path), 0);
        }
    }
}

/* The disk of one service is not mounted, say: links to it lead nowhere, or a file stands there. */
static void test_what_cannot_be_opened_stops_its_service_only(void)
{
    for (int s = 0; s < N_SERVICES; s++) {
        GATEWAY(g);
        const char *text = "", *file = file_of(&g, s, "");
        const char *folder = edge_strndup(&g.ctx.arena, file, (size_t)(strrchr(file, '/') - file));
        const char *away = edge_printf(&g.ctx.arena, "%s.away", folder);
        for (int i = 0; i < 3; i++) {
            const char *stands = i == 0 ? file : folder;
            CU_ASSERT_EQUAL_FATAL(rename(stands, away), 0);
            if (i < 2) {
                CU_ASSERT_EQUAL_FATAL(symlink("/nowhere/of/that/name", stands), 0);
            } else {
                file_write(&g.sound[s], stands);
            }
            CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
            for (int k = 0; k < N_SERVICES; k++) {
                CU_ASSERT_EQUAL(ping(&g, k, &text), k == s ? 503 : 200);
            }
            ping(&g, s, &text);
            CU_ASSERT_PTR_NOT_NULL(strstr(text, "cannot open"));
            gateway_stop(&g);
            CU_ASSERT_EQUAL(unlink(stands), 0);
            CU_ASSERT_EQUAL(rename(away, stands), 0);
        }
    }
}

/* Without a log beside it SQLite takes an empty file for a new database: that is said at least. */
static void test_emptied_files_are_told(void)
{
    for (int s = 0; s < N_SERVICES; s++) {
        GATEWAY(g);
        (void)unlink(file_of(&g, s, "-wal"));
        CU_ASSERT_EQUAL(truncate(file_of(&g, s, ""), 0), 0);
        capture_start();
        CU_ASSERT_EQUAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
        gateway_stop(&g);
        CU_ASSERT_EQUAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
        gateway_stop(&g);
        char *text = capture_end();
        CU_ASSERT_EQUAL(capture_count(text, "is empty: what was stored in it is gone"), 1);
        CU_ASSERT_EQUAL(capture_count(text, FILES[s]), 1);
        free(text);
    }
}

/* A damaged page of a store of configuration: what lies there answers 500, the rest is served, also after
 * a restart. */
static void test_what_can_be_read_of_configuration_is_served(void)
{
    GATEWAY(g);
    int64_t page = root_page(file_of(&g, METADATA, ""), "profile");
    EDGE_CLEANUP(edge_buf_done) struct edge_buf bytes = EDGE_BUF_INIT;
    edge_buf_put(&bytes, g.sound[METADATA].data, g.sound[METADATA].len);
    junk(&bytes, (size_t)(page - 1) * PAGE, PAGE, 0x5a);
    file_write(&bytes, file_of(&g, METADATA, ""));
    for (int round = 0; round < 2; round++) {
        const char *text = "";
        CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
        CU_ASSERT_EQUAL(ping(&g, METADATA, &text), 200);
        CU_ASSERT_EQUAL(ask(&g, &g.ctx, METADATA, "GET", "/api/v3/deviceprofile/all", NULL, &text),
                        500);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "malformed"));
        CU_ASSERT_EQUAL(ask(&g, &g.ctx, METADATA, "GET", "/api/v3/device/all", NULL, &text), 200);
        CU_ASSERT_EQUAL(ask(&g, &g.ctx, METADATA, "GET", "/api/v3/metrics", NULL, &text), 200);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "edgex_store_damaged{service=\"core-metadata\"} 1"));
        gateway_stop(&g);
        CU_ASSERT_EQUAL(access(file_of(&g, METADATA, ".damaged"), F_OK), 0);
    }
}

/* The last changes are gone with a log whose head is damaged; that is said, and the log is kept. */
static void test_a_log_of_configuration_with_a_damaged_head_is_kept(void)
{
    GATEWAY(g);
    static const char another[] =
        "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"q\",\"deviceResources\":[{\"name\":\"r\","
        "\"properties\":{\"valueType\":\"Int8\",\"readWrite\":\"R\"}}]}}]";
    const char *text = "", *folder = edge_printf(&g.ctx.arena, "%s/core-metadata", g.dir.path);
    char kept[256] = "";
    CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
    CU_ASSERT_EQUAL(ask(&g, &g.ctx, METADATA, "POST", "/api/v3/deviceprofile", another, &text),
                    207);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf log;
    file_read(&log, file_of(&g, METADATA, "-wal"));
    gateway_stop(&g);
    for (size_t damaged = 0; damaged < 2; damaged++) {
        file_write(&g.sound[METADATA], file_of(&g, METADATA, ""));
        log.data[2] ^= (char)damaged;
        file_write(&log, file_of(&g, METADATA, "-wal"));
        CU_ASSERT_EQUAL_FATAL(gateway_start(&g, &g.ctx, 0, N_SERVICES), EDGE_OK);
        CU_ASSERT_EQUAL(
            ask(&g, &g.ctx, METADATA, "GET", "/api/v3/deviceprofile/name/p", NULL, &text), 200);
        CU_ASSERT_EQUAL(
            ask(&g, &g.ctx, METADATA, "GET", "/api/v3/deviceprofile/name/q", NULL, &text),
            damaged ? 404 : 200);
        gateway_stop(&g);
        CU_ASSERT_EQUAL(files_kept(folder, "metadata.db.corrupt-", "-wal", kept, sizeof(kept)),
                        damaged);
    }
    CU_ASSERT_TRUE(file_has(kept, &log));
}

CU_TestInfo damaged_services_tests[] = {
    {"damaged configuration is not begun anew",            test_damaged_configuration_is_not_begun_anew},
    {"a damaged event store stops nobody",                 test_a_damaged_event_store_stops_nobody     },
    {"foreign stores stop their service only",             test_foreign_stores_stop_their_service_only },
    {"folders in their place stop their service only",
     test_folders_in_their_place_stop_their_service_only                                               },
    {"what cannot be opened stops its service only",
     test_what_cannot_be_opened_stops_its_service_only                                                 },
    {"emptied files are told",                             test_emptied_files_are_told                 },
    {"what can be read of configuration is served",
     test_what_can_be_read_of_configuration_is_served                                                  },
    {"a log of configuration with a damaged head is kept",
     test_a_log_of_configuration_with_a_damaged_head_is_kept                                           },
    CU_TEST_INFO_NULL,
};
