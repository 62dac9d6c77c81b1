/* What goes on by itself: auto-events, devices that go down and come up, discovery. */
#include <stdatomic.h>
#include <string.h>

#include "edge/clock.h"
#include "sdk_bench.h"
#include "suites.h"

/* ---- auto-events -------------------------------------------------------------------------------
 */

static void test_on_change_sends_changes_only(void)
{
    RIG(r, NULL);
    atomic_store(&bench_control.next, 100);
    bench_furnish(&ctx, &r,
                  DEVICE_NAMED("D", SLOT("1") "," AUTO("10ms", "Moving", ",\"onChange\":true")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", 1)); /* the first is sent always */
    int reads = atomic_load(&bench_control.reads);
    CU_ASSERT_TRUE(bench_wait_count(&bench_control.reads, reads + 5));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "Moving"), 1);
    atomic_store(&bench_control.next, 101);
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", 2));
    const struct event *e = event_latest(&ctx, &r, "D", "Moving");
    CU_ASSERT_STRING_EQUAL(e->readings[0].value, "101");
}

static void test_on_change_has_a_threshold(void)
{
    RIG(r, NULL);
    atomic_store(&bench_control.next, 100);
    bench_furnish(
        &ctx, &r,
        DEVICE_NAMED("D", SLOT("1") "," AUTO("10ms", "Moving",
                                             ",\"onChange\":true,\"onChangeThreshold\":5")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", 1));
    atomic_store(&bench_control.next, 105); /* not more than 5 */
    int reads = atomic_load(&bench_control.reads);
    CU_ASSERT_TRUE(bench_wait_count(&bench_control.reads, reads + 5));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "Moving"), 1);
    atomic_store(&bench_control.next, 106);
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", 2));
}

static void test_changed_readings_alone_where_configured(void)
{
    RIG(r, QUIET "Device:\n  AutoEvents:\n    SendChangedReadingsOnly: true\n");
    atomic_store(&bench_control.next, 1);
    bench_furnish(&ctx, &r,
                  DEVICE_NAMED("D", SLOT("1") "," AUTO("10ms", "Mixed", ",\"onChange\":true")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Mixed", 1));
    CU_ASSERT_EQUAL(event_latest(&ctx, &r, "D", "Mixed")->n_readings, 2);
    atomic_store(&bench_control.next, 2);
    CU_ASSERT_TRUE(events_wait(&r, "D", "Mixed", 2));
    const struct event *e = event_latest(&ctx, &r, "D", "Mixed");
    CU_ASSERT_EQUAL(e->n_readings, 1);
    CU_ASSERT_STRING_EQUAL(e->readings[0].resource_name, "Moving");
}

/* ---- up and down -------------------------------------------------------------------------------
 */

struct state_wanted {
    struct device_rig *rig;
    const char *state;
};

static bool is_in_state(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    const struct state_wanted *w = arg;
    const cJSON *answer = ask(&ctx, w->rig->metadata, "GET", "/api/v3/device/name/D", NULL, 200);
    return strcmp(text_at(answer, "device.operatingState"), w->state) == 0;
}

static bool wait_state(struct device_rig *r, const char *state)
{
    struct state_wanted w = {r, state};
    return wait_until(is_in_state, &w, 10000);
}

static void test_devices_go_down_and_come_up(void)
{
    RIG(r, QUIET "Device:\n  AllowedFails: 3\n  DeviceDownTimeout: 1\n");
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    atomic_store(&bench_control.manner, DEVICE_ERROR); /* it lives: such failures do not count */
    for (int i = 0; i < 4; i++) {
        bench_get(&ctx, &r, "Count", 500);
    }
    CU_ASSERT_TRUE(wait_state(&r, "UP"));
    atomic_store(&bench_control.manner, TIMES_OUT);
    for (int i = 0; i < 3; i++) {
        bench_get(&ctx, &r, "Count", 500);
    }
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
    bench_get(&ctx, &r, "Count", 500); /* let through, as it may be tried */
    atomic_store(&bench_control.manner, AT_ONCE);
    CU_ASSERT_TRUE(wait_state(&r, "UP")); /* the probe found it */
    bench_get(&ctx, &r, "Count", 200);
}

static void test_down_devices_are_refused(void)
{
    RIG(r, QUIET "Device:\n  AllowedFails: 1\n");
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1") "," AUTO("20ms", "Moving", "")));
    atomic_store(&bench_control.manner, TIMES_OUT);
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
    const cJSON *answer = bench_get(&ctx, &r, "Count", 423);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"), "device D OperatingState is DOWN");
    atomic_store(&bench_control.manner, AT_ONCE);
    bench_patch(&ctx, &r, PATCH_OF("D", "\"operatingState\":\"UP\""));
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 200);
    size_t n = events_heard(&r, "D", "Moving");
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", n + 2)); /* its auto-events are back */
}

static void test_devices_not_taken_up_are_tried_again(void)
{
    RIG(r, NULL);
    atomic_store(&bench_control.fail_added, 1);
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile", bench_profile, 207);
    CU_ASSERT_EQUAL(bench_add(&ctx, &r, DEVICE_NAMED("D", SLOT("1"))), 201);
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
    CU_ASSERT_TRUE(wait_state(&r, "UP"));
    CU_ASSERT_EQUAL(atomic_load(&bench_control.n_added), 1);
    bench_get(&ctx, &r, "Count", 200);
}

static void test_assertions_take_a_device_down(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    bench_get(&ctx, &r, "Sure", 200);
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":" RESOURCE(
            "Unsure", "Int32", "R", "7", ",\"assertion\":\"5\"") "}]",
        207);
    wait_for_code(r.device, "/api/v3/device/name/D/Unsure", 500);
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
}

static void test_a_write_that_breaks_an_assertion_fails(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":" RESOURCE(
            "Fixed", "Int32", "RW", "5",
            ",\"assertion\":\"5\"") "},"
                                    "{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":" RESOURCE(
                                        "Known", "Int32", "R", "6", "") "}]",
        207);
    wait_for_code(r.device, "/api/v3/device/name/D/Known", 200);
    bench_put(&ctx, &r, "Fixed", "{\"Fixed\":5}", 200);
    const cJSON *answer = bench_put(&ctx, &r, "Fixed", "{\"Fixed\":6}", 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "message"), "assertion (5) failed"));
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
}

/* ---- discovery ---------------------------------------------------------------------------------
 */

static void test_discovered_devices_follow_their_watcher(void)
{
    RIG(r, QUIET "Device:\n  Discovery:\n    Enabled: true\n");
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile", bench_profile, 207);
    ask(&ctx, r.metadata, "POST", "/api/v3/provisionwatcher",
        "[{\"apiVersion\":\"v3\",\"provisionwatcher\":{\"name\":\"W\",\"serviceName\":\"device-test\","
        "\"adminState\":\"UNLOCKED\",\"identifiers\":{\"Line\":\"^no\",\"Slot\":\"[4-6]\"},"
        "\"blockingIdentifiers\":{\"Slot\":[\"4\"]},\"discoveredDevice\":{\"profileName\":\"P\","
        "\"adminState\":\"UNLOCKED\"}}}]",
        207);
    const cJSON *answer = NULL;
    for (int64_t until = edge_now_mono_ms() + 10000; edge_now_mono_ms() < until;) {
        EDGE_CTX_SCOPE(one); /* the watcher's news may take a moment */
        const struct edge_http_request req = {.method = "POST", .target = "/api/v3/discovery"};
        struct edge_http_response res = {0};
        int found = atomic_load(&bench_control.n_found);
        edge_http_call(r.device->http, &one, &req, &res);
        CU_ASSERT_TRUE(res.code == 202 || res.code == 409);
        CU_ASSERT_TRUE(bench_wait_count(&bench_control.n_found, found + 3));
        const struct edge_http_request look = {.method = "GET",
                                               .target = "/api/v3/device/name/Found-1"};
        edge_http_call(r.metadata->http, &one, &look, &res);
        if (res.code == 200) {
            break;
        }
    }
    answer = ask(&ctx, r.metadata, "GET", "/api/v3/device/name/Found-1", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "device.profileName"), "P");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "device.protocols.Test.Line"), "north");
    CU_ASSERT_EQUAL(int_at(answer, "device.protocols.Test.Slot"), 5);
    ask(&ctx, r.metadata, "GET", "/api/v3/device/name/Found-2", NULL, 404); /* not identified */
    ask(&ctx, r.metadata, "GET", "/api/v3/device/name/Found-3", NULL, 404); /* blocked */
    wait_for_code(r.device, "/api/v3/device/name/Found-1/Count", 200);
}

CU_TestInfo sdk_states_tests[] = {
    {"onChange sends changes only",             test_on_change_sends_changes_only           },
    {"onChange has a threshold",                test_on_change_has_a_threshold              },
    {"changed readings alone where configured", test_changed_readings_alone_where_configured},
    {"devices go down and come up",             test_devices_go_down_and_come_up            },
    {"down devices are refused",                test_down_devices_are_refused               },
    {"devices not taken up are tried again",    test_devices_not_taken_up_are_tried_again   },
    {"assertions take a device down",           test_assertions_take_a_device_down          },
    {"a write that breaks an assertion fails",  test_a_write_that_breaks_an_assertion_fails },
    {"discovered devices follow their watcher", test_discovered_devices_follow_their_watcher},
    CU_TEST_INFO_NULL,
};
