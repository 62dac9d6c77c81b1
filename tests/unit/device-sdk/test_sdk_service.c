/* The SDK as a whole: a small driver under the test's control beside the real core-metadata. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_rig.h"
#include "edge/clock.h"
#include "suites.h"

/* ---- the driver ------------------------------------------------------------------------------ */

struct address {
    uint8_t slot;
    const char *line;
};
struct attribute {
    uint8_t index;
};
struct memory {
    int64_t value[8];
    atomic_int inside;
};

enum manner { AT_ONCE, FROM_ELSEWHERE, NEVER, TIMES_OUT, DEVICE_ERROR };

/* What the test makes the driver do, and what it saw of it. */
static struct control {
    atomic_int manner, reads, writes, n_added, n_removed, overlaps;
    atomic_int fail_added; /* so many times */
    _Atomic(devsdk_request *) kept;
    atomic_long next; /* what reads of index 7 say */
    _Atomic(int) n_found;
} control;

/* clang-format off */
static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, slot, "Slot", DEVSDK_U8, .required = true, .max = 7),
    DEVSDK_FIELD(struct address, line, "Line", DEVSDK_STRING),
    {0},
};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, index, "index", DEVSDK_U8, .max = 7),
    {0},
};
/* clang-format on */

static const char *lane(const devsdk_device *dev)
{
    return ((const struct address *)devsdk_addr(dev))->line;
}

static devsdk_result added(devsdk_device *dev)
{
    (void)dev;
    if (atomic_load(&control.fail_added) > 0) {
        atomic_fetch_sub(&control.fail_added, 1);
        return DEVSDK_LINK;
    }
    atomic_fetch_add(&control.n_added, 1);
    return DEVSDK_OK;
}

static void removed(devsdk_device *dev)
{
    struct memory *m = devsdk_data(dev);
    if (atomic_load(&m->inside) != 0) {
        atomic_fetch_add(&control.overlaps, 1);
    }
    atomic_fetch_add(&control.n_removed, 1);
}

static void fill(devsdk_device *dev, devsdk_request *r)
{
    struct memory *m = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        const struct attribute *a = devsdk_attr(r, i);
        devsdk_set_int(r, i, a->index == 7 ? atomic_load(&control.next) : m->value[a->index]);
    }
}

static struct edge_pool *elsewhere; /* made before its device service, freed after it */

static void finish_elsewhere(void *arg)
{
    devsdk_done(arg, DEVSDK_OK);
}

static devsdk_result answer(devsdk_device *dev, devsdk_request *r)
{
    switch (atomic_load(&control.manner)) {
    case FROM_ELSEWHERE:
        fill(dev, r);
        return edge_pool_submit(elsewhere, finish_elsewhere, r) ? DEVSDK_PENDING : DEVSDK_BUSY;
    case NEVER:
        atomic_store(&control.kept, r);
        return DEVSDK_PENDING;
    case TIMES_OUT:
        return devsdk_fail(r, DEVSDK_TIMEOUT, "slot %d is silent",
                           ((const struct address *)devsdk_addr(dev))->slot);
    case DEVICE_ERROR:
        return DEVSDK_DEVICE;
    default:
        fill(dev, r);
        return DEVSDK_OK;
    }
}

static devsdk_result read_slots(devsdk_device *dev, devsdk_request *r)
{
    struct memory *m = devsdk_data(dev);
    if (atomic_fetch_add(&m->inside, 1) != 0) {
        atomic_fetch_add(&control.overlaps, 1);
    }
    atomic_fetch_add(&control.reads, 1);
    devsdk_result result;
    if (atomic_load(&control.manner) == FROM_ELSEWHERE || atomic_load(&control.manner) == NEVER) {
        atomic_fetch_sub(&m->inside, 1); /* r and dev are the other thread's from here on */
        return answer(dev, r);
    }
    result = answer(dev, r);
    atomic_fetch_sub(&m->inside, 1);
    return result;
}

static devsdk_result write_slots(devsdk_device *dev, devsdk_request *r)
{
    struct memory *m = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        m->value[((const struct attribute *)devsdk_attr(r, i))->index] = devsdk_wanted(r, i).i;
    }
    atomic_fetch_add(&control.writes, 1);
    return DEVSDK_OK;
}

static devsdk_result discover(devsdk_service *svc, devsdk_scan *scan)
{
    (void)svc;
    devsdk_report(scan, &(devsdk_found){
                            .name = "Found-1",
                            .protocol = "Test",
                            .addr = &(struct address){.slot = 5, .line = "north"}
    });
    devsdk_report(scan, &(devsdk_found){
                            .name = "Found-2",
                            .protocol = "Test",
                            .addr = &(struct address){.slot = 6, .line = "south"}
    });
    devsdk_report(scan, &(devsdk_found){
                            .name = "Found-3",
                            .protocol = "Test",
                            .addr = &(struct address){.slot = 4, .line = "north"}
    });
    atomic_fetch_add(&control.n_found, 3);
    return DEVSDK_OK;
}

static const devsdk_driver driver = {
    .abi = DEVSDK_ABI,
    .name = "device-test",
    .version = "1.0.0",
    .protocols = (const devsdk_protocol[]){{"Test", address_fields}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .device_size = sizeof(struct memory),
    .blocking = true,
    .lane = lane,
    .added = added,
    .removed = removed,
    .read = read_slots,
    .write = write_slots,
    .discover = discover,
};

static const devsdk_driver windowed = {
    .abi = DEVSDK_ABI,
    .name = "device-test",
    .version = "1.0.0",
    .protocols = (const devsdk_protocol[]){{"Test", address_fields}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .device_size = sizeof(struct memory),
    .max_per_request = 1,
    .added = added,
    .removed = removed,
    .read = read_slots,
    .write = write_slots,
};

static void control_reset(void)
{
    memset((void *)&control, 0, sizeof(control));
}

static void free_elsewhere(struct edge_pool **pool)
{
    edge_pool_free(*pool);
}

#define ELSEWHERE                                                                                  \
    __attribute__((cleanup(free_elsewhere))) struct edge_pool *pool =                              \
        edge_pool_create("elsewhere", 2, 64);                                                      \
    elsewhere = pool

/* ---- a profile and a device --------------------------------------------------------------------
 */

#define RESOURCE(name, type, rw, index, more)                                                      \
    "{\"name\":\"" name "\",\"attributes\":{\"index\":" index "},\"properties\":{\"valueType\":"   \
    "\"" type "\",\"readWrite\":\"" rw "\"" more "}}"

static const char profile[] =
    "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"P\",\"deviceResources\":[" RESOURCE("Count", "Int64", "RW", "0", "") "," RESOURCE("Small", "Int8", "RW", "1", ",\"maximum\":100,\"minimum\":-5,\"units\":\"C\"") "," RESOURCE(
        "Scaled", "Int16", "RW", "2",
        ",\"scale\":10,\"offset\":5") "," RESOURCE("ReadOnly", "Int32", "R", "3",
                                                   "") "," RESOURCE("WriteOnly", "Int32", "W", "4",
                                                                    "") "," RESOURCE("Mode",
                                                                                     "Uint8", "RW",
                                                                                     "5",
                                                                                     ",\"defaultValue\":\"1\"") "," RESOURCE("Sure",
                                                                                                                             "Int32",
                                                                                                                             "R",
                                                                                                                             "6",
                                                                                                                             ",\"assertion\":\"0\"") "," RESOURCE("Moving",
                                                                                                                                                                  "Int32",
                                                                                                                                                                  "R",
                                                                                                                                                                  "7",
                                                                                                                                                                  "") "],\"deviceCommands\":["
                                                                                                                                                                      "{\"name\":\"Both\",\"readWrite\":\"RW\",\"resourceOperations\":[{\"deviceResource\":\"Count\"},"
                                                                                                                                                                      "{\"deviceResource\":\"Small\",\"defaultValue\":\"7\"}]},"
                                                                                                                                                                      "{\"name\":\"Modes\",\"readWrite\":\"RW\",\"resourceOperations\":[{\"deviceResource\":\"Mode\","
                                                                                                                                                                      "\"mappings\":{\"0\":\"off\",\"1\":\"on\"}}]},"
                                                                                                                                                                      "{\"name\":\"Mixed\",\"readWrite\":\"R\",\"resourceOperations\":[{\"deviceResource\":\"Count\"},"
                                                                                                                                                                      "{\"deviceResource\":\"Moving\"}]}"
                                                                                                                                                                      "]}}]";

#define DEVICE_NAMED(name, more)                                                                   \
    "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"" name "\",\"adminState\":\"UNLOCKED\","       \
    "\"operatingState\":\"UP\",\"serviceName\":\"device-test\",\"profileName\":\"P\"," more "}}]"
#define SLOT(n) "\"protocols\":{\"Test\":{\"Slot\":" n "}}"
#define AUTO(interval, source, more)                                                               \
    "\"autoEvents\":[{\"interval\":\"" interval "\",\"sourceName\":\"" source "\"" more "}]"
#define PATCH_OF(name, more) "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"" name "\"," more "}}]"

static const char D[] = "/api/v3/device/name/D/";

static int64_t add(struct edge_ctx *ctx, struct device_rig *r, const char *body)
{
    const cJSON *answer = ask(ctx, r->metadata, "POST", "/api/v3/device", body, 207);
    return int_at(answer, "0.statusCode");
}

static void patch(struct edge_ctx *ctx, struct device_rig *r, const char *body)
{
    const cJSON *answer = ask(ctx, r->metadata, "PATCH", "/api/v3/device", body, 207);
    CU_ASSERT_EQUAL(int_at(answer, "0.statusCode"), 200);
}

/* Device D with @p more; waits until the driver has it. */
static void furnish(struct edge_ctx *ctx, struct device_rig *r, const char *device)
{
    ask(ctx, r->metadata, "POST", "/api/v3/deviceprofile", profile, 207);
    CU_ASSERT_EQUAL(add(ctx, r, device), 201);
    wait_for_code(r->device, "/api/v3/device/name/D/Count", 200);
}

static const cJSON *get(struct edge_ctx *ctx, struct device_rig *r, const char *command, int code)
{
    return ask(ctx, r->device, "GET", edge_printf(&ctx->arena, "%s%s", D, command), NULL, code);
}

static const cJSON *put(struct edge_ctx *ctx, struct device_rig *r, const char *command,
                        const char *body, int code)
{
    return ask(ctx, r->device, "PUT", edge_printf(&ctx->arena, "%s%s", D, command), body, code);
}

#define QUIET "Writable:\n  LogLevel: ERROR\n"
#define RIG(name, config)                                                                          \
    control_reset();                                                                               \
    EDGE_CTX_SCOPE(ctx);                                                                           \
    DEVICE_RIG(name, &driver, config)

struct reached {
    atomic_int *counter;
    int n;
};

static bool has_reached(void *arg)
{
    const struct reached *w = arg;
    return atomic_load(w->counter) >= w->n;
}

static bool wait_count(atomic_int *counter, int n)
{
    struct reached w = {counter, n};
    return wait_until(has_reached, &w, 10000);
}

/* ---- reading and writing -----------------------------------------------------------------------
 */

static void test_errors_of_the_contract(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
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
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("3")));
    atomic_store(&control.manner, TIMES_OUT);
    const cJSON *answer = get(&ctx, &r, "Count", 500);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"),
                           "error reading DeviceResource Count for D -> slot 3 is silent");
    atomic_store(&control.manner, DEVICE_ERROR);
    answer = get(&ctx, &r, "Both", 500);
    CU_ASSERT_STRING_EQUAL(
        text_at(answer, "message"),
        "error reading DeviceCommand Both for D -> the device answered with an error");
}

static void test_values_go_through_their_transforms(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    put(&ctx, &r, "Scaled", "{\"Scaled\":\"125\"}", 200);
    const cJSON *answer = get(&ctx, &r, "Scaled", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "125");
    CU_ASSERT_TRUE(events_wait(&r, "D", "Scaled", 1)); /* what was written is told */
    const struct event *e = event_latest(&ctx, &r, "D", "Scaled");
    CU_ASSERT_STRING_EQUAL(e->readings[0].value, "125");
    put(&ctx, &r, "Count", "{\"Count\":9007199254740993}", 200);
    answer = get(&ctx, &r, "Count", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "9007199254740993");
    put(&ctx, &r, "WriteOnly", "{\"WriteOnly\":1}", 200);
    get(&ctx, &r, "Count?ds-pushevent=true", 200);
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", 2));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "WriteOnly"), 0);
}

static void test_results_that_do_not_fit_read_overflow(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    put(&ctx, &r, "Both", "{\"Count\":1}", 200);
    atomic_store(&control.next, 1l << 40);
    const cJSON *answer = get(&ctx, &r, "Mixed", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "1");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.1.value"), "overflow");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.1.valueType"), "String");
    answer = get(&ctx, &r, "Both", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.1.value"), "7"); /* the default */
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.1.units"), "C");
}

static void test_mappings_both_ways(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    put(&ctx, &r, "Modes", "{\"Mode\":\"on\"}", 200);
    const cJSON *answer = get(&ctx, &r, "Mode", 200); /* the first command's mappings */
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "on");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.valueType"), "String");
    put(&ctx, &r, "Modes", "{\"Mode\":\"5\"}", 200);
    answer = get(&ctx, &r, "Modes", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "5");
}

static void test_patterns_read_what_they_match(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    const cJSON *answer = get(&ctx, &r, "(Co|Sm).*", 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.sourceName"), "(Co|Sm).*");
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "event.readings")), 2);
    CU_ASSERT_PTR_NULL(get(&ctx, &r, "Count?ds-returnevent=false", 200));
}

static void test_large_reads_are_split(void)
{
    ELSEWHERE;
    control_reset();
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &windowed, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    for (int i = 0; i < 2; i++) {
        int before = atomic_load(&control.reads);
        const cJSON *answer = get(&ctx, &r, "Both", 200);
        CU_ASSERT_EQUAL(atomic_load(&control.reads) - before, 2);
        CU_ASSERT_EQUAL(cJSON_GetArraySize(at(answer, "event.readings")), 2);
        atomic_store(&control.manner, FROM_ELSEWHERE); /* the second time */
    }
}

/* ---- answers that come later -------------------------------------------------------------------
 */

static void test_answers_may_come_from_elsewhere(void)
{
    ELSEWHERE;
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    atomic_store(&control.manner, FROM_ELSEWHERE);
    for (int i = 0; i < 50; i++) {
        get(&ctx, &r, "Count", 200);
    }
}

static void test_late_answers_are_dropped(void)
{
    setenv("DEVICE_TEST__SERVICE_REQUESTTIMEOUT", "300ms", 1);
    RIG(r, NULL);
    unsetenv("DEVICE_TEST__SERVICE_REQUESTTIMEOUT");
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    atomic_store(&control.manner, NEVER);
    const cJSON *answer = get(&ctx, &r, "Count", 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "message"), "did not answer in time"));
    devsdk_request *late = atomic_exchange(&control.kept, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(late);
    atomic_store(&control.manner, AT_ONCE);
    get(&ctx, &r, "Count", 200); /* the lane is free again */
    devsdk_set_int(late, 0, 1);
    devsdk_done(late, DEVSDK_OK);
    get(&ctx, &r, "Count", 200);
}

/* ---- metadata's changes ------------------------------------------------------------------------
 */

static void test_devices_are_validated_by_the_driver(void)
{
    RIG(r, NULL);
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile", profile, 207);
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
    CU_ASSERT_EQUAL(add(&ctx, &r, DEVICE_NAMED("D", SLOT("\"7\""))), 201);
}

static void test_devices_come_and_go_while_running(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1") "," AUTO("20ms", "Count", "")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", 3));
    CU_ASSERT_EQUAL(atomic_load(&control.n_added), 1);
    patch(&ctx, &r, PATCH_OF("D", "\"labels\":[\"x\"]")); /* nothing the driver cares for */
    size_t n = events_heard(&r, "D", "Count");
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", n + 3));
    CU_ASSERT_EQUAL(atomic_load(&control.n_added), 1);
    patch(&ctx, &r, PATCH_OF("D", SLOT("2"))); /* another address: another life */
    CU_ASSERT_TRUE(wait_count(&control.n_added, 2));
    CU_ASSERT_TRUE(wait_count(&control.n_removed, 1));
    ask(&ctx, r.metadata, "DELETE", "/api/v3/device/name/D", NULL, 200);
    CU_ASSERT_TRUE(wait_count(&control.n_removed, 2));
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 404);
    n = events_heard(&r, "D", "Count");
    CU_ASSERT_EQUAL(add(&ctx, &r, DEVICE_NAMED("E", SLOT("1") "," AUTO("20ms", "Count", ""))), 201);
    CU_ASSERT_TRUE(events_wait(&r, "E", "Count", 5));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "Count"), n); /* D is silent */
}

static void test_locked_devices_are_left_alone(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1") "," AUTO("20ms", "Count", "")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", 1));
    patch(&ctx, &r, PATCH_OF("D", "\"adminState\":\"LOCKED\""));
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 423);
    CU_ASSERT_STRING_EQUAL(text_at(get(&ctx, &r, "Count", 423), "message"), "device D locked");
    size_t n = events_heard(&r, "D", "Count");
    CU_ASSERT_EQUAL(add(&ctx, &r, DEVICE_NAMED("E", SLOT("1") "," AUTO("20ms", "Count", ""))), 201);
    CU_ASSERT_TRUE(events_wait(&r, "E", "Count", 5));
    CU_ASSERT_TRUE(events_heard(&r, "D", "Count") <= n + 1); /* one was under way */
    patch(&ctx, &r, PATCH_OF("D", "\"adminState\":\"UNLOCKED\""));
    n = events_heard(&r, "D", "Count");
    CU_ASSERT_TRUE(events_wait(&r, "D", "Count", n + 2));
    ask(&ctx, r.metadata, "PATCH", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"service\":{\"name\":\"device-test\",\"adminState\":\"LOCKED\"}}]",
        207);
    wait_for_code(r.device, "/api/v3/device/name/E/Count", 423);
    CU_ASSERT_STRING_EQUAL(text_at(get(&ctx, &r, "Count", 423), "message"), "service locked");
}

static void test_profile_changes_reach_their_devices(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    get(&ctx, &r, "Later", 404);
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
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    ask(&ctx, r.metadata, "DELETE", "/api/v3/device/name/D", NULL, 200);
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 404);
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":" RESOURCE("Later", "Int8",
                                                                               "RW", "5", "") "}]",
        207);
    ask(&ctx, r.metadata, "DELETE", "/api/v3/deviceprofile/name/P/resource/ReadOnly", NULL, 200);
    CU_ASSERT_EQUAL(add(&ctx, &r, DEVICE_NAMED("D", SLOT("1"))), 201);
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 200);
    get(&ctx, &r, "Later", 200);
    get(&ctx, &r, "ReadOnly", 404);
}

/* ---- auto-events -------------------------------------------------------------------------------
 */

static void test_on_change_sends_changes_only(void)
{
    RIG(r, NULL);
    atomic_store(&control.next, 100);
    furnish(&ctx, &r,
            DEVICE_NAMED("D", SLOT("1") "," AUTO("10ms", "Moving", ",\"onChange\":true")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", 1)); /* the first is sent always */
    int reads = atomic_load(&control.reads);
    CU_ASSERT_TRUE(wait_count(&control.reads, reads + 5));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "Moving"), 1);
    atomic_store(&control.next, 101);
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", 2));
    const struct event *e = event_latest(&ctx, &r, "D", "Moving");
    CU_ASSERT_STRING_EQUAL(e->readings[0].value, "101");
}

static void test_on_change_has_a_threshold(void)
{
    RIG(r, NULL);
    atomic_store(&control.next, 100);
    furnish(&ctx, &r,
            DEVICE_NAMED("D", SLOT("1") "," AUTO("10ms", "Moving",
                                                 ",\"onChange\":true,\"onChangeThreshold\":5")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", 1));
    atomic_store(&control.next, 105); /* not more than 5 */
    int reads = atomic_load(&control.reads);
    CU_ASSERT_TRUE(wait_count(&control.reads, reads + 5));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "Moving"), 1);
    atomic_store(&control.next, 106);
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", 2));
}

static void test_changed_readings_alone_where_configured(void)
{
    RIG(r, QUIET "Device:\n  AutoEvents:\n    SendChangedReadingsOnly: true\n");
    atomic_store(&control.next, 1);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1") "," AUTO("10ms", "Mixed", ",\"onChange\":true")));
    CU_ASSERT_TRUE(events_wait(&r, "D", "Mixed", 1));
    CU_ASSERT_EQUAL(event_latest(&ctx, &r, "D", "Mixed")->n_readings, 2);
    atomic_store(&control.next, 2);
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
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    atomic_store(&control.manner, DEVICE_ERROR); /* it lives: such failures do not count */
    for (int i = 0; i < 4; i++) {
        get(&ctx, &r, "Count", 500);
    }
    CU_ASSERT_TRUE(wait_state(&r, "UP"));
    atomic_store(&control.manner, TIMES_OUT);
    for (int i = 0; i < 3; i++) {
        get(&ctx, &r, "Count", 500);
    }
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
    get(&ctx, &r, "Count", 500); /* let through, as it may be tried */
    atomic_store(&control.manner, AT_ONCE);
    CU_ASSERT_TRUE(wait_state(&r, "UP")); /* the probe found it */
    get(&ctx, &r, "Count", 200);
}

static void test_down_devices_are_refused(void)
{
    RIG(r, QUIET "Device:\n  AllowedFails: 1\n");
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1") "," AUTO("20ms", "Moving", "")));
    atomic_store(&control.manner, TIMES_OUT);
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
    const cJSON *answer = get(&ctx, &r, "Count", 423);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"), "device D OperatingState is DOWN");
    atomic_store(&control.manner, AT_ONCE);
    patch(&ctx, &r, PATCH_OF("D", "\"operatingState\":\"UP\""));
    wait_for_code(r.device, "/api/v3/device/name/D/Count", 200);
    size_t n = events_heard(&r, "D", "Moving");
    CU_ASSERT_TRUE(events_wait(&r, "D", "Moving", n + 2)); /* its auto-events are back */
}

static void test_devices_not_taken_up_are_tried_again(void)
{
    RIG(r, NULL);
    atomic_store(&control.fail_added, 1);
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile", profile, 207);
    CU_ASSERT_EQUAL(add(&ctx, &r, DEVICE_NAMED("D", SLOT("1"))), 201);
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
    CU_ASSERT_TRUE(wait_state(&r, "UP"));
    CU_ASSERT_EQUAL(atomic_load(&control.n_added), 1);
    get(&ctx, &r, "Count", 200);
}

static void test_assertions_take_a_device_down(void)
{
    RIG(r, NULL);
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    get(&ctx, &r, "Sure", 200);
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
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":" RESOURCE(
            "Fixed", "Int32", "RW", "5",
            ",\"assertion\":\"5\"") "},"
                                    "{\"apiVersion\":\"v3\",\"profileName\":\"P\",\"resource\":" RESOURCE(
                                        "Known", "Int32", "R", "6", "") "}]",
        207);
    wait_for_code(r.device, "/api/v3/device/name/D/Known", 200);
    put(&ctx, &r, "Fixed", "{\"Fixed\":5}", 200);
    const cJSON *answer = put(&ctx, &r, "Fixed", "{\"Fixed\":6}", 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "message"), "assertion (5) failed"));
    CU_ASSERT_TRUE(wait_state(&r, "DOWN"));
}

/* ---- discovery ---------------------------------------------------------------------------------
 */

static void test_discovered_devices_follow_their_watcher(void)
{
    RIG(r, QUIET "Device:\n  Discovery:\n    Enabled: true\n");
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile", profile, 207);
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
        int found = atomic_load(&control.n_found);
        edge_http_call(r.device->http, &one, &req, &res);
        CU_ASSERT_TRUE(res.code == 202 || res.code == 409);
        CU_ASSERT_TRUE(wait_count(&control.n_found, found + 3));
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
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
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
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
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
    furnish(&ctx, &r, DEVICE_NAMED("D", SLOT("1")));
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
    ask(&ctx, r.metadata, "POST", "/api/v3/deviceprofile", profile, 207);
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
    CU_ASSERT_EQUAL(atomic_load(&control.overlaps), 0);
    for (int i = 0; i < 4; i++) {
        EDGE_CTX_SCOPE(one);
        const struct edge_http_request req = {
            .method = "DELETE", .target = edge_printf(&one.arena, "/api/v3/device/name/C%d", i)};
        struct edge_http_response res = {0};
        edge_http_call(r.metadata->http, &one, &req, &res);
    }
    CU_ASSERT_TRUE(wait_count(&control.n_removed, atomic_load(&control.n_added)));
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
    {"errors of the contract",                  test_errors_of_the_contract                 },
    {"drivers' failures have their status",     test_drivers_failures_have_their_status     },
    {"values go through their transforms",      test_values_go_through_their_transforms     },
    {"results that do not fit read overflow",   test_results_that_do_not_fit_read_overflow  },
    {"mappings both ways",                      test_mappings_both_ways                     },
    {"patterns read what they match",           test_patterns_read_what_they_match          },
    {"large reads are split",                   test_large_reads_are_split                  },
    {"answers may come from elsewhere",         test_answers_may_come_from_elsewhere        },
    {"late answers are dropped",                test_late_answers_are_dropped               },
    {"devices are validated by the driver",     test_devices_are_validated_by_the_driver    },
    {"devices come and go while running",       test_devices_come_and_go_while_running      },
    {"locked devices are left alone",           test_locked_devices_are_left_alone          },
    {"profile changes reach their devices",     test_profile_changes_reach_their_devices    },
    {"an unused profile is fetched again",      test_an_unused_profile_is_fetched_again     },
    {"onChange sends changes only",             test_on_change_sends_changes_only           },
    {"onChange has a threshold",                test_on_change_has_a_threshold              },
    {"changed readings alone where configured", test_changed_readings_alone_where_configured},
    {"devices go down and come up",             test_devices_go_down_and_come_up            },
    {"down devices are refused",                test_down_devices_are_refused               },
    {"devices not taken up are tried again",    test_devices_not_taken_up_are_tried_again   },
    {"assertions take a device down",           test_assertions_take_a_device_down          },
    {"a write that breaks an assertion fails",  test_a_write_that_breaks_an_assertion_fails },
    {"discovered devices follow their watcher", test_discovered_devices_follow_their_watcher},
    {"commands over the bus",                   test_commands_over_the_bus                  },
    {"malformed messages do no harm",           test_malformed_messages_do_no_harm          },
    {"drivers may push",                        test_drivers_may_push                       },
    {"nothing breaks when all happens at once", test_nothing_breaks_when_all_happens_at_once},
    {"a whole driver is below sixty lines",     test_a_whole_driver_is_below_sixty_lines    },
    CU_TEST_INFO_NULL,
};
