/* The SDK as a whole: devices that come, change and go, also all at once. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "sdk_bench.h"
#include "suites.h"

/* ---- metadata's changes ------------------------------------------------------------------------
 */

static void test_devices_are_validated_by_the_driver(void)
{
    RIG(r, NULL);
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile", bench_profile, 207);
    static const struct {
        const char *body, *text;
    } cases[] = {
        {DEVICE_NAMED("A", SLOT("8")),                     "Slot: 8 is above 7"      },
        {DEVICE_NAMED("A", "\"protocols\":{\"Test\":{}}"), "Slot: is missing"        },
        {DEVICE_NAMED("A", "\"protocols\":{}"),            "'Test' is missing"       },
        {DEVICE_NAMED("A", SLOT("\"x\"")),                 "Slot: 'x' is not a whole"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cJSON *answer = ask(&ctx, r.metadata, "POST", "/api/v3/device", cases[i].body, 207);
        CU_ASSERT_EQUAL(int_at(answer, "0.statusCode"), 500);
        CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "0.message"), cases[i].text));
    }
    CU_ASSERT_EQUAL(bench_add(&ctx, &r, DEVICE_NAMED("D", SLOT("\"7\""))), 201);
}

static void test_devices_come_and_go_while_running(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1") "," AUTO("20ms", "Count", "")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", 3));
    CU_ASSERT_EQUAL(atomic_load(&bench_control.n_added), 1);
    bench_patch(&ctx, &r, PATCH_OF("D", "\"labels\":[\"x\"]")); /* nothing the driver cares for */
    size_t n = events_heard(&r, "D", "Count");
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", n + 3));
    CU_ASSERT_EQUAL(atomic_load(&bench_control.n_added), 1);
    bench_patch(&ctx, &r, PATCH_OF("D", SLOT("2"))); /* another address: another life */
    CU_ASSERT_TRUE(bench_wait_count(&bench_control.n_added, 2));
    CU_ASSERT_TRUE(bench_wait_count(&bench_control.n_removed, 1));
    ask(&ctx, r.metadata, "DELETE", "/api/v3/device/name/D", NULL, 200);
    CU_ASSERT_TRUE(bench_wait_count(&bench_control.n_removed, 2));
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 404);
    n = events_heard(&r, "D", "Count");
    CU_ASSERT_EQUAL(bench_add(&ctx, &r, DEVICE_NAMED("E", SLOT("1") "," AUTO("20ms", "Count", ""))),
                    201);
    CU_ASSERT_TRUE(events_wait(&r, "E", "Count", 5));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "Count"), n); /* D is silent */
}

static void test_locked_devices_are_left_alone(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1") "," AUTO("20ms", "Count", "")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", 1));
    bench_patch(&ctx, &r, PATCH_OF("D", "\"adminState\":\"LOCKED\""));
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 423);
    CU_ASSERT_STRING_EQUAL(text_at(bench_get(&ctx, &r, "Count", 423), "message"),
                           "device D locked");
    size_t n = events_heard(&r, "D", "Count");
    CU_ASSERT_EQUAL(bench_add(&ctx, &r, DEVICE_NAMED("E", SLOT("1") "," AUTO("20ms", "Count", ""))),
                    201);
    CU_ASSERT_TRUE(events_wait(&r, "E", "Count", 5));
    CU_ASSERT_TRUE(events_heard(&r, "D", "Count") <= n + 1); /* one was under way */
    bench_patch(&ctx, &r, PATCH_OF("D", "\"adminState\":\"UNLOCKED\""));
    n = events_heard(&r, "D", "Count");
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", n + 2));
    ask(&ctx, r.metadata, "PATCH", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"service\":{\"name\":\"device-test\",\"adminState\":\"LOCKED\"}}]",
        207);
    wait_for_code(r.device, "/api/v3/device/name/E/Count", 423);
    CU_ASSERT_STRING_EQUAL(text_at(bench_get(&ctx, &r, "Count", 423), "message"), "service locked");
}

static void test_profile_changes_reach_their_devices(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    bench_get(&ctx, &r, "Later", 404);
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":" RESOURCE("Later", "Int8",
                                                                               "RW", "5", "") "}]",
        207);
    wait_for_code(r.device, "/api/v3/device/name/D/Later", 200);
}

/* Core-metadata tells only of profiles that devices of ours use. */
static void test_an_unused_profile_is_fetched_again(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    ask(&ctx, r.metadata, "DELETE", "/api/v3/device/name/D", NULL, 200);
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 404);
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":" RESOURCE("Later", "Int8",
                                                                               "RW", "5", "") "}]",
        207);
    ask(&ctx, r.metadata, "DELETE", "/api/v3/deviceprofile/name/P/resource/ReadOnly", NULL, 200);
    CU_ASSERT_EQUAL(bench_add(&ctx, &r, DEVICE_NAMED("D", SLOT("1"))), 201);
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 200);
    bench_get(&ctx, &r, "Later", 200);
    bench_get(&ctx, &r, "ReadOnly", 404);
}

/* ---- all at once -------------------------------------------------------------------------------
 */

static atomic_bool stop_reading;

static void *read_all_the_time(void *arg)
{
    struct device_rig *r = arg;
    for (unsigned i = 0; !atomic_load(&stop_reading); i++) {
        EDGE_CTX_SCOPE(ctx);
        const struct edge_http_request req = {
            .method = i % 3 ? "GET" : "PUT",
            .target = edge_printf(&ctx.arena, "/api/v3/device/name/C%u/Count", i % 4),
            .body = "{\"Count\":1}",
            .body_size = 11};
        struct edge_http_response res = {0};
        edge_http_call(r->device->http, &ctx, &req, &res);
        CU_ASSERT_TRUE(res.code == 200 || res.code == 404 || res.code == 423);
    }
    return NULL;
}

static void churn(struct edge_ctx *ctx, struct device_rig *r, unsigned i)
{
    static const char *const bodies[] = {
        DEVICE_NAMED("C0", "\"protocols\":{\"Test\":{\"Slot\":1,\"Line\":\"a\"}}," AUTO(
                               "10ms", "Count", "")),
        DEVICE_NAMED("C1", "\"protocols\":{\"Test\":{\"Slot\":2,\"Line\":\"a\"}}," AUTO(
                               "10ms", "Mixed", "")),
        DEVICE_NAMED("C2", SLOT("3") "," AUTO("10ms", "Co.*", "")),
        DEVICE_NAMED("C3", SLOT("4")),
    };
    const char *name = edge_printf(&ctx->arena, "C%u", i % 4);
    switch (i % 5) {
    case 0:
    case 1:
        ask(ctx, r->metadata, "POST", "/api/v3/device?force=true", bodies[i % 4], 207);
        break;
    case 2:
        ask(ctx, r->metadata, "PATCH", "/api/v3/device?bypassValidation=true",
            edge_printf(&ctx->arena, PATCH_OF("%s", "\"adminState\":\"%s\""), name,
                        i % 2 ? "LOCKED" : "UNLOCKED"),
            207);
        break;
    case 3:
        ask(ctx, r->metadata, "PATCH", "/api/v3/device?bypassValidation=true",
            edge_printf(&ctx->arena,
                        PATCH_OF("%s", "\"protocols\":{\"Test\":{\"Slot\":%u,\"Line\":\"b\"}}"),
                        name, i % 8),
            207);
        break;
    default: {
        EDGE_CTX_SCOPE(own);
        const struct edge_http_request req = {
            .method = "DELETE", .target = edge_printf(&own.arena, "/api/v3/device/name/%s", name)};
        struct edge_http_response res = {0};
        edge_http_call(r->metadata->http, &own, &req, &res);
        CU_ASSERT_TRUE(res.code == 200 || res.code == 404);
    }
    }
}

static void test_nothing_breaks_when_all_happens_at_once(void)
{
    RIG(r, QUIET "Device:\n  AllowedFails: 2\n");
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile", bench_profile, 207);
    pthread_t readers[2];
    atomic_store(&stop_reading, false);
    for (int i = 0; i < 2; i++) {
        readers[i] = edge_thread_start("reader", read_all_the_time, &r);
    }
    for (unsigned i = 0; i < 300; i++) {
        EDGE_CTX_SCOPE(one);
        churn(&one, &r, i);
    }
    atomic_store(&stop_reading, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(readers[i], NULL);
    }
    CU_ASSERT_EQUAL(atomic_load(&bench_control.overlaps), 0);
    for (int i = 0; i < 4; i++) {
        EDGE_CTX_SCOPE(one);
        const struct edge_http_request req = {
            .method = "DELETE", .target = edge_printf(&one.arena, "/api/v3/device/name/C%d", i)};
        struct edge_http_response res = {0};
        edge_http_call(r.metadata->http, &one, &req, &res);
    }
    CU_ASSERT_TRUE(bench_wait_count(&bench_control.n_removed, atomic_load(&bench_control.n_added)));
}

/* ---- the example -------------------------------------------------------------------------------
 */

static void test_a_whole_driver_is_below_sixty_lines(void)
{
    EDGE_CTX_SCOPE(ctx);
    const char *source = getenv("EDGE_SOURCE_DIR");
    FILE *f = fopen(edge_printf(&ctx.arena, "%s/device-sdk/examples/device-hello/device_hello.c",
                                source ? source : "."),
                    "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    int lines = 0;
    for (int c = fgetc(f); c != EOF; c = fgetc(f)) {
        lines += c == '\n';
    }
    fclose(f);
    CU_ASSERT_TRUE(lines > 20 && lines < 60);
}

CU_TestInfo sdk_service_tests[] = {
    {"devices are validated by the driver",     test_devices_are_validated_by_the_driver    },
    {"devices come and go while running",       test_devices_come_and_go_while_running      },
    {"locked devices are left alone",           test_locked_devices_are_left_alone          },
    {"profile changes reach their devices",     test_profile_changes_reach_their_devices    },
    {"an unused profile is fetched again",      test_an_unused_profile_is_fetched_again     },
    {"nothing breaks when all happens at once", test_nothing_breaks_when_all_happens_at_once},
    {"a whole driver is below sixty lines",     test_a_whole_driver_is_below_sixty_lines    },
    CU_TEST_INFO_NULL,
};
