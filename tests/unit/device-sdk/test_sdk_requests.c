/* What is read and written: by HTTP, over the bus, later, and unasked. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "sdk_bench.h"
#include "suites.h"

/* ---- reading and writing -----------------------------------------------------------------------
 */

static void test_errors_of_the_contract(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    static const struct {
        const char *method, *target, *body;
        int code;
        const char *text;
    } cases[] = {
        {"GET",    "/api/v3/device/name/X/Count",                  NULL,                 404, "device X not found"                 },
        {"GET",    "/api/v3/device/name/D/Nope",                   NULL,                 404, "DeviceResource Nope not found"      },
        {"GET",    "/api/v3/device/name/D/No.*",                   NULL,                 404, "Regex DeviceResource No.* not found"},
        {"GET",    "/api/v3/device/name/D/%5B",                    NULL,                 400, "["                                  },
        {"GET",    "/api/v3/device/name/D/No.*?ds-regexcmd=false", NULL,                 404,
         "DeviceResource No.* not found"                                                                                           },
        {"GET",    "/api/v3/device/name/D/WriteOnly",              NULL,                 405,
         "DeviceResource WriteOnly is marked as write-only"                                                                        },
        {"GET",    "/api/v3/device/name/D/Write.*",                NULL,                 405, "write-only"                         },
        {"PUT",    "/api/v3/device/name/D/ReadOnly",               "{\"ReadOnly\":1}",   405,
         "DeviceResource ReadOnly is marked as read-only"                                                                          },
        {"PUT",    "/api/v3/device/name/D/Mixed",                  "{}",                 405,
         "DeviceCommand Mixed is marked as read-only"                                                                              },
        {"PUT",    "/api/v3/device/name/D/Count",                  "{}",                 500,
         "DeviceResource Count not found in request body and no default value defined"                                             },
        {"PUT",    "/api/v3/device/name/D/Count",                  "",                   500, "no default value defined"           },
        {"PUT",    "/api/v3/device/name/D/Count",                  "{\"Count\":\"\"}",   400,
         "failed to create CommandValue -> "                                                                                       },
        {"PUT",    "/api/v3/device/name/D/Count",                  "{\"Count\":\"1x\"}", 400,
         "failed to create CommandValue -> "                                                                                       },
        {"PUT",    "/api/v3/device/name/D/Count",                  "[1]",                400, "object"                             },
        {"PUT",    "/api/v3/device/name/D/Count",                  "{",                  400, ""                                   },
        {"PUT",    "/api/v3/device/name/D/Small",                  "{\"Small\":101}",    400,
         "failed to transform set parameter -> set command parameter out of maximum value 100"                                     },
        {"PUT",    "/api/v3/device/name/D/Small",                  "{\"Small\":-6}",     400, "out of minimum value -5"            },
        {"GET",    "/api/v3/device/name/D/Sure",                   NULL,                 200, NULL                                 },
        {"POST",   "/api/v3/discovery",                            "",                   503, "device discovery disabled"          },
        {"DELETE", "/api/v3/discovery",                            NULL,                 200, NULL                                 },
        {"POST",   "/api/v3/profilescan",                          "{}",                 501, ""                                   },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cJSON *answer =
            ask(&ctx, r.device, cases[i].method, cases[i].target, cases[i].body, cases[i].code);
        if (cases[i].text) {
            CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "message"), cases[i].text));
        }
    }
}

static void test_drivers_failures_have_their_status(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("3")));
    atomic_store(&bench_control.manner, TIMES_OUT);
    const cJSON *answer = bench_get(&ctx, &r, "Count", 500);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"),
                           "error reading DeviceResource Count for D -> slot 3 is silent");
    atomic_store(&bench_control.manner, DEVICE_ERROR);
    answer = bench_get(&ctx, &r, "Both", 500);
    CU_ASSERT_STRING_EQUAL(
        text_at(answer, "message"),
        "error reading DeviceCommand Both for D -> the device answered with an error");
}

static void test_values_go_through_their_transforms(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    bench_put(&ctx, &r, "Scaled", "{\"Scaled\":\"125\"}", 200);
    const cJSON *answer = bench_get(&ctx, &r, "Scaled", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "125");
    CU_ASSERT_TRUE(events_wait(&r, "D", "Scaled", 1)); /* what was written is told */
    const struct event *e = event_latest(&ctx, &r, "D", "Scaled");
    CU_ASSERT_STRING_EQUAL(e->readings[0].value, "125");
    bench_put(&ctx, &r, "Count", "{\"Count\":9007199254740993}", 200);
    answer = bench_get(&ctx, &r, "Count", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "9007199254740993");
    bench_put(&ctx, &r, "WriteOnly", "{\"WriteOnly\":1}", 200);
    bench_get(&ctx, &r, "Count?ds-pushevent=true", 200);
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", 2));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "WriteOnly"), 0);
}

static void test_results_that_do_not_fit_read_overflow(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    bench_put(&ctx, &r, "Both", "{\"Count\":1}", 200);
    atomic_store(&bench_control.next, 1l << 40);
    const cJSON *answer = bench_get(&ctx, &r, "Mixed", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "1");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.1.value"), "overflow");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.1.valueType"), "String");
    answer = bench_get(&ctx, &r, "Both", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.1.value"), "7"); /* the default */
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.1.units"), "C");
}

static void test_mappings_both_ways(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    bench_put(&ctx, &r, "Modes", "{\"Mode\":\"on\"}", 200);
    const cJSON *answer = bench_get(&ctx, &r, "Mode", 200); /* the first command's mappings */
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "on");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.valueType"), "String");
    bench_put(&ctx, &r, "Modes", "{\"Mode\":\"5\"}", 200);
    answer = bench_get(&ctx, &r, "Modes", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "5");
}

static void test_patterns_read_what_they_match(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    const cJSON *answer = bench_get(&ctx, &r, "(Co|Sm).*", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.sourceName"), "(Co|Sm).*");
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "event.readings")), 2);
    CU_ASSERT_PTR_NULL(bench_get(&ctx, &r, "Count?ds-returnevent=false", 200));
}

static void test_large_reads_are_split(void)
{
    ELSEWHERE;
    bench_reset();
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &bench_windowed, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    for (int i = 0; i < 2; i++) {
        int before = atomic_load(&bench_control.reads);
        const cJSON *answer = bench_get(&ctx, &r, "Both", 200);
        CU_ASSERT_EQUAL(atomic_load(&bench_control.reads) - before, 2);
        CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "event.readings")), 2);
        atomic_store(&bench_control.manner, FROM_ELSEWHERE); /* the second time */
    }
}

/* ---- answers that come later -------------------------------------------------------------------
 */

static void test_answers_may_come_from_elsewhere(void)
{
    ELSEWHERE;
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    atomic_store(&bench_control.manner, FROM_ELSEWHERE);
    for (int i = 0; i < 50; i++) {
        bench_get(&ctx, &r, "Count", 200);
    }
}

static void test_late_answers_are_dropped(void)
{
    setenv("DEVICE_TEST__SERVICE_REQUESTTIMEOUT", "2s", 1); /* a tenth of it is the answer's */
    RIG(r, NULL);
    unsetenv("DEVICE_TEST__SERVICE_REQUESTTIMEOUT");
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    atomic_store(&bench_control.manner, NEVER);
    const cJSON *answer = bench_get(&ctx, &r, "Count", 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "message"), "did not answer in time"));
    devsdk_request *late = atomic_exchange(&bench_control.kept, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(late);
    atomic_store(&bench_control.manner, AT_ONCE);
    bench_get(&ctx, &r, "Count", 200); /* the lane is free again */
    devsdk_set_int(late, 0, 1);
    devsdk_done(late, DEVSDK_OK);
    bench_get(&ctx, &r, "Count", 200);
}

/* ---- the bus -----------------------------------------------------------------------------------
 */

static const struct edge_message *request(struct edge_ctx *ctx, struct device_rig *r,
                                          const char *target, const cJSON *payload)
{
    struct edge_message *m = edge_message_create(0), *answer = NULL;
    struct edge_arena *a = edge_message_arena(m);
    edge_message_topic(m, "edgex/device/command/request/device-test/%s", target);
    m->correlation_id = "6e8a2f40-eb14-4649-9e2b-175247911369";
    m->request_id = edge_printf(a, "6e8a2f40-eb14-4649-9e2b-%012d", rand() % 1000000);
    m->content_type = "application/json";
    m->json = payload ? edge_json_clone(a, payload) : NULL;
    CU_ASSERT_EQUAL_FATAL(edge_bus_request(ctx, r->metadata->bus, m, "edgex/response/device-test",
                                           edge_now_mono_ms() + 10000, &answer),
                          EDGE_OK);
    CU_ASSERT_STRING_EQUAL(answer->request_id, m->request_id);
    edge_message_unref(m);
    return answer;
}

static void test_commands_over_the_bus(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    const cJSON *body;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, "{\"Count\":42}", 12, NULL, &body), EDGE_OK);
    const struct edge_message *m = request(&ctx, &r, "D/Count/set", body);
    CU_ASSERT_EQUAL(m->error_code, 0);
    edge_message_unref(m);
    m = request(&ctx, &r, "D/Count/GET", NULL);
    const void *object;
    CU_ASSERT_EQUAL(m->error_code, 0);
    CU_ASSERT_EQUAL_FATAL(edge_message_decode(&ctx, m, &EVENT_RESPONSE, &object), EDGE_OK);
    const struct event_response *response = object;
    CU_ASSERT_STRING_EQUAL(response->event.readings[0].value, "42");
    CU_ASSERT_STRING_EQUAL(response->request_id, m->request_id);
    edge_message_unref(m);
    m = request(&ctx, &r, "X/Count/get", NULL);
    CU_ASSERT_EQUAL(m->error_code, 1);
    CU_ASSERT_STRING_EQUAL(m->text, "device X not found");
    edge_message_unref(m);
}

static void publish_text(struct edge_ctx *ctx, struct device_rig *r, const char *topic,
                         const char *payload)
{
    struct edge_message *m = edge_message_create(0);
    const cJSON *tree = NULL;
    if (*payload) {
        CU_ASSERT_EQUAL_FATAL(edge_json_parse(ctx, payload, strlen(payload), NULL, &tree), EDGE_OK);
        m->json = edge_json_clone(edge_message_arena(m), tree);
    }
    edge_message_topic(m, "edgex/%s", topic);
    m->correlation_id = m->request_id = "";
    m->content_type = "application/json";
    CU_ASSERT_EQUAL(edge_bus_publish(ctx, r->metadata->bus, m), EDGE_OK);
    edge_message_unref(m);
}

static void test_malformed_messages_do_no_harm(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    static const char *const topics[] = {
        "system-events/core-metadata/device/add/device-test/P",
        "system-events/core-metadata/deviceprofile/update/device-test/P",
        "system-events/core-metadata/provisionwatcher/add/device-test",
        "system-events/core-metadata/deviceservice/update/device-test",
        "device-test/validate/device",
        "device/command/request/device-test",
        "device/command/request/device-test/D",
        "device/command/request/device-test/D/Count/get",
    };
#define EVENT_OF(type, action, more) "{\"type\":\"" type "\",\"action\":\"" action "\"" more "}"
#define OURS                         ",\"owner\":\"device-test\""
    static const char *const payloads[] = {
        "",
        "1",
        "[]",
        "{}",
        "\"x\"",
        EVENT_OF("device", "add", ""),
        EVENT_OF("device", "add", OURS),
        EVENT_OF("device", "delete", OURS ",\"details\":[1]"),
        EVENT_OF("device", "update", OURS ",\"details\":{\"name\":\"D\"}"),
        EVENT_OF("deviceprofile", "update", OURS ",\"details\":{\"name\":\"X\"}"),
        EVENT_OF("deviceprofile", "delete", OURS ",\"details\":{}"),
        EVENT_OF("provisionwatcher", "add", OURS ",\"details\":{\"name\":\"W\"}"),
        EVENT_OF("deviceservice", "update", OURS ",\"details\":null"),
        EVENT_OF("nothing", "known", OURS),
        "{\"device\":{\"name\":\"D\",\"protocols\":{\"Test\":[]}}}",
    };
    for (size_t t = 0; t < sizeof(topics) / sizeof(topics[0]); t++) {
        for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
            publish_text(&ctx, &r, topics[t], payloads[i]);
        }
    }
    const struct edge_message *m = request(&ctx, &r, "D/Count/get", NULL); /* after all of them */
    CU_ASSERT_EQUAL(m->error_code, 0);
    edge_message_unref(m);
}

/* ---- unsolicited data --------------------------------------------------------------------- */

static void test_drivers_may_push(void)
{
    RIG(r, NULL);
    bench_furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    devsdk_service *svc = r.device->state;
    devsdk_device *dev = devsdk_find(svc, "D");
    CU_ASSERT_PTR_NOT_NULL_FATAL(dev);
    devsdk_request *push = devsdk_push(dev, "Both");
    CU_ASSERT_PTR_NOT_NULL_FATAL(push);
    CU_ASSERT_EQUAL(devsdk_count(push), 2);
    devsdk_set_int(push, 0, 5); /* the other one stays out */
    devsdk_origin(push, 0, 1754470001000000001);
    devsdk_done(push, DEVSDK_OK);
    CU_ASSERT_TRUE(events_wait(&r, "D", "Both", 1));
    const struct event *e = event_latest(&ctx, &r, "D", "Both");
    CU_ASSERT_EQUAL(e->n_readings, 1);
    CU_ASSERT_EQUAL(e->readings[0].origin, 1754470001000000001);
    CU_ASSERT_PTR_NULL(devsdk_push(dev, "Nope"));
    devsdk_put(dev);
}

CU_TestInfo sdk_requests_tests[] = {
    {"errors of the contract",                test_errors_of_the_contract               },
    {"drivers' failures have their status",   test_drivers_failures_have_their_status   },
    {"values go through their transforms",    test_values_go_through_their_transforms   },
    {"results that do not fit read overflow", test_results_that_do_not_fit_read_overflow},
    {"mappings both ways",                    test_mappings_both_ways                   },
    {"patterns read what they match",         test_patterns_read_what_they_match        },
    {"large reads are split",                 test_large_reads_are_split                },
    {"answers may come from elsewhere",       test_answers_may_come_from_elsewhere      },
    {"late answers are dropped",              test_late_answers_are_dropped             },
    {"commands over the bus",                 test_commands_over_the_bus                },
    {"malformed messages do no harm",         test_malformed_messages_do_no_harm        },
    {"drivers may push",                      test_drivers_may_push                     },
    CU_TEST_INFO_NULL,
};
