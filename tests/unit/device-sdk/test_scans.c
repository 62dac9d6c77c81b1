/* Discoveries and profile scans: a driver that looks as long as the test wants it to, beside the
 * real core-metadata, and who listens to its progress. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_rig.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "flows/flows.h"
#include "suites.h"

/* ---- the driver ------------------------------------------------------------------------------ */

struct address {
    const char *line;
    uint8_t slot;
};
enum kind { COIL, HOLDING };
static const char *const kinds[] = {"coil", "holding", NULL};
struct attribute {
    uint8_t kind;
    uint64_t number;
};

static struct control {
    atomic_bool linger;     /* scans go on until they are cancelled */
    atomic_bool fail, deaf; /* deaf: added() fails */
    atomic_bool hold;       /* reads wait */
    atomic_int n_scans, n_reads, n_found, wrong;
} control;

/* clang-format off */
static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, line, "Line", DEVSDK_STRING),
    DEVSDK_FIELD(struct address, slot, "Slot", DEVSDK_U8, .max = 7),
    {0},
};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, kind, "kind", DEVSDK_U8, .one_of = kinds),
    DEVSDK_FIELD(struct attribute, number, "number", DEVSDK_U64),
    {0},
};
/* clang-format on */

static void insist(bool holds)
{
    atomic_fetch_add(&control.wrong, !holds);
}

static devsdk_result added(devsdk_device *dev)
{
    (void)dev;
    return atomic_load(&control.deaf) ? DEVSDK_LINK : DEVSDK_OK;
}

static bool let_go(void *arg)
{
    (void)arg;
    return !atomic_load(&control.hold);
}

static devsdk_result read_numbers(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    atomic_fetch_add(&control.n_reads, 1);
    wait_until(let_go, NULL, 10000);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_set_uint(r, i, ((const struct attribute *)devsdk_attr(r, i))->number);
    }
    return DEVSDK_OK;
}

static bool is_cancelled(void *scan)
{
    return devsdk_cancelled(scan);
}

static devsdk_result look_around(devsdk_scan *scan)
{
    atomic_fetch_add(&control.n_scans, 1);
    devsdk_progress(scan, 50, "half way");
    if (atomic_load(&control.linger)) {
        return wait_until(is_cancelled, scan, 10000) ? DEVSDK_OK : DEVSDK_TIMEOUT;
    }
    if (atomic_load(&control.fail)) {
        return devsdk_scan_fail(scan, DEVSDK_LINK, "nobody %s", "there");
    }
    return DEVSDK_OK;
}

/* clang-format off */
static const devsdk_offered offers[] = {
    {.name = "Pressure", .type = DEVSDK_F32, .readable = true, .units = "bar", .min = -1, .max = 16, .description = "of the pipe", .attr = &(struct attribute){HOLDING, 18446744073709551615u}},
    {.name = "Valve", .type = DEVSDK_BOOL, .readable = true, .writable = true, .def = "false", .attr = &(struct attribute){COIL, 3}},
    {.name = "Reset", .type = DEVSDK_U16, .writable = true, .attr = &(struct attribute){COIL, 4}},
    {.name = "Picture", .type = DEVSDK_BINARY, .readable = true, .media_type = "image/png"},
    {.name = "Levels", .type = DEVSDK_ARRAY, .elem = DEVSDK_I16, .readable = true},
    {.name = "Log", .type = DEVSDK_ARRAY, .elem = DEVSDK_OBJECT, .readable = true},
};
static const devsdk_offered refused[] = {
    {.name = "Valve", .type = DEVSDK_BOOL, .readable = true},
    {.name = "", .type = DEVSDK_BOOL, .readable = true},
    {.type = DEVSDK_BOOL, .readable = true},
    {.name = "Neither", .type = DEVSDK_BOOL},
    {.name = "Untyped", .readable = true},
    {.name = "Bare", .type = DEVSDK_ARRAY, .readable = true},
    {.name = "Upload", .type = DEVSDK_BINARY, .readable = true, .writable = true},
};
/* clang-format on */

static devsdk_result scan_profile(devsdk_device *dev, devsdk_scan *scan)
{
    insist(strcmp(((const struct address *)devsdk_addr(dev))->line, "north") == 0);
    insist(devsdk_report(scan, &(devsdk_found){.name = "X", .protocol = "Test"}) ==
           DEVSDK_UNSUPPORTED);
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        insist(devsdk_offer(scan, &offers[i]) == DEVSDK_OK);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        insist(devsdk_offer(scan, &refused[i]) == DEVSDK_INVALID);
    }
    const char *more = devsdk_scan_option(scan, "more");
    int64_t count = 0;
    insist(!more || edge_int_parse(more, &count));
    char name[32];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "More%d", i);
        devsdk_result expected = i + 6 < 10000 ? DEVSDK_OK : DEVSDK_BUSY;
        insist(devsdk_offer(scan,
                            &(devsdk_offered){.name = name, .type = DEVSDK_I8, .readable = true}) ==
               expected);
    }
    devsdk_describe(scan, "Acme", devsdk_scan_option(scan, "model"), NULL);
    insist(devsdk_scan_option(scan, "absent") == NULL);
    return look_around(scan);
}

static devsdk_result discover(devsdk_service *svc, devsdk_scan *scan)
{
    (void)svc;
    insist(devsdk_offer(scan, &offers[0]) == DEVSDK_UNSUPPORTED);
    insist(devsdk_scan_option(scan, "any") == NULL);
    /* clang-format off */
    static const struct {
        const char *name;
        struct address addr;
    } found[] = {
        {"Found-1", {"north-east", 1}},
        {"Found-2", {"north", 2}},
        {"Found-3", {"south", 1}},
        {"Found-4", {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 1}},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        devsdk_report(scan, &(devsdk_found){
                                .name = found[i].name, .protocol = "Test", .addr = &found[i].addr});
    }
    atomic_fetch_add(&control.n_found, 1);
    return look_around(scan);
}

static const devsdk_driver driver = {
    .abi = DEVSDK_ABI,
    .name = "device-test",
    .version = "1.0.0",
    .protocols = (const devsdk_protocol[]){{"Test", address_fields}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .blocking = true,
    .added = added,
    .read = read_numbers,
    .discover = discover,
    .scan_profile = scan_profile,
};

static const devsdk_driver incapable = {
    .abi = DEVSDK_ABI,
    .name = "device-test",
    .version = "1.0.0",
    .read = read_numbers,
};

/* ---- who listens ------------------------------------------------------------------------------- */

struct said {
    char topic[128], text[512];
};
static struct {
    struct edge_mutex lock;
    struct said said[256];
    size_t n;
} heard;

static enum edge_status hear(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    (void)state;
    const cJSON *event;
    EDGE_TRY(edge_message_tree(ctx, m, &event));
    const cJSON *details = at(event, "details");
    EDGE_LOCK(&heard.lock);
    if (heard.n < sizeof(heard.said) / sizeof(heard.said[0])) {
        struct said *s = &heard.said[heard.n++];
        snprintf(s->topic, sizeof(s->topic), "%s", m->topic);
        snprintf(s->text, sizeof(s->text), "%s/%s/%s/%s %s %lld %s %lld", text_at(event, "type"),
                 text_at(event, "action"), text_at(event, "source"), text_at(event, "owner"),
                 text_at(details, "requestId"), (long long)int_at(details, "progress"),
                 text_at(details, "message"), (long long)int_at(details, "discoveredDeviceCount"));
    }
    return EDGE_OK;
}

static bool was_said(void *text)
{
    EDGE_LOCK(&heard.lock);
    for (size_t i = 0; i < heard.n; i++) {
        if (strstr(heard.said[i].text, text)) {
            return true;
        }
    }
    return false;
}

static void listen_to(struct device_rig *r)
{
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&ctx, r->metadata->bus, "edgex/system-events/device-test/#",
                                       hear, NULL, 0),
                    EDGE_OK);
}

#define ID(n) "6e8a2f40-eb14-4649-9e2b-00000000000" n

/* Of the scan @p id: a progress, its message, a count (-1: none given). */
static void expect_progress(struct edge_ctx *ctx, const char *action, const char *id, int percent,
                            const char *message, int count)
{
    char *text =
        (char *)(uintptr_t)edge_printf(&ctx->arena, "device/%s/device-test/device-test %s %d %s %d",
                                       action, id, percent, message, count);
    bool came = wait_until(was_said, text, 10000);
    if (!came) {
        fprintf(stderr, "never said: %s\n", text);
        EDGE_LOCK(&heard.lock);
        for (size_t i = 0; i < heard.n; i++) {
            fprintf(stderr, "  said: %s\n", heard.said[i].text);
        }
    }
    CU_ASSERT_TRUE(came);
}

/* ---- the rig ----------------------------------------------------------------------------------- */

static void begin(void)
{
    memset((void *)&control, 0, sizeof(control));
    memset(&heard, 0, sizeof(heard));
    edge_mutex_init(&heard.lock);
}

#define DISCOVERY "Writable:\n  LogLevel: ERROR\nDevice:\n  Discovery:\n    Enabled: true\n"
#define RIG(name, config)                                                                          \
    begin();                                                                                       \
    EDGE_CTX_SCOPE(ctx);                                                                           \
    DEVICE_RIG(name, &driver, config);                                                             \
    listen_to(&name)

static void add_device(struct edge_ctx *ctx, struct device_rig *r, const char *name,
                       const char *profile)
{
    ask(ctx, r->metadata, "POST", "/api/v3/device",
        edge_printf(&ctx->arena,
                    "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"%s\",\"adminState\":"
                    "\"UNLOCKED\",\"operatingState\":\"UP\",\"serviceName\":\"device-test\","
                    "\"profileName\":\"%s\",\"protocols\":{\"Test\":{\"Line\":\"north\"}}}}]",
                    name, profile),
        207);
    wait_for_code(r->device, edge_printf(&ctx->arena, "/api/v3/device/name/%s/Number", name),
                  *profile ? 200 : 423);
}

static void add_profile(struct edge_ctx *ctx, struct device_rig *r)
{
    ask(ctx, r->metadata, "POST", "/api/v3/deviceprofile",
        "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"P\",\"deviceResources\":[{\"name\":\"Number\","
        "\"attributes\":{\"number\":1},\"properties\":{\"valueType\":\"Uint64\",\"readWrite\":\"R\"}}]}}]",
        207);
}

#define SCAN(device, more) "{\"apiVersion\":\"v3\",\"deviceName\":\"" device "\"" more "}"
#define PROFILE(name)      ",\"profileName\":\"" name "\""
#define REQUEST(n)         ",\"requestId\":\"" ID(n) "\""

static const cJSON *scan(struct edge_ctx *ctx, struct device_rig *r, const char *body, int code)
{
    return ask(ctx, r->device, "POST", "/api/v3/profilescan", body, code);
}

static const cJSON *stop(struct edge_ctx *ctx, struct device_rig *r, const char *device, int code)
{
    const char *path = edge_printf(&ctx->arena, "/api/v3/profilescan/device/name/%s", device);
    return ask(ctx, r->device, "DELETE", path, NULL, code);
}

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

/* ---- profile scans ----------------------------------------------------------------------------- */

static void test_a_scan_makes_the_profile_of_its_device(void)
{
    RIG(r, NULL);
    add_device(&ctx, &r, "D", "");
    const cJSON *answer =
        scan(&ctx, &r,
             SCAN("D", PROFILE("Made") REQUEST("1") ",\"options\":{\"model\":{\"a\":[1]}}"), 202);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "requestId"), ID("1"));
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"), "Device ProfileScan is triggered.");
    CU_ASSERT_EQUAL(int_at(answer, "statusCode"), 202);
    expect_progress(&ctx, "profilescan", ID("1"), 0, "", -1);
    expect_progress(&ctx, "profilescan", ID("1"), 50, "half way", -1);
    expect_progress(&ctx, "profilescan", ID("1"), 100, "", -1);
    CU_ASSERT_STRING_EQUAL(heard.said[0].topic,
                           "edgex/system-events/device-test/device/profilescan/device-test");
    CU_ASSERT_EQUAL(atomic_load(&control.wrong), 0);

    answer = ask(&ctx, r.metadata, "GET", "/api/v3/deviceprofile/name/Made", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "profile.manufacturer"), "Acme");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "profile.model"), "{\"a\":[1]}");
    static const struct {
        const char *path, *text;
    } texts[] = {
        {"0.name",                    "Pressure"   },
        {"0.description",             "of the pipe"},
        {"0.properties.valueType",    "Float32"    },
        {"0.properties.readWrite",    "R"          },
        {"0.properties.units",        "bar"        },
        {"0.attributes.kind",         "holding"    },
        {"1.properties.readWrite",    "RW"         },
        {"1.properties.defaultValue", "false"      },
        {"2.properties.readWrite",    "W"          },
        {"2.properties.valueType",    "Uint16"     },
        {"3.properties.mediaType",    "image/png"  },
        {"4.properties.valueType",    "Int16Array" },
        {"5.properties.valueType",    "ObjectArray"},
    };
    const cJSON *resources = at(answer, "profile.deviceResources");
    CU_ASSERT_EQUAL(cJSON_GetArraySize(resources), 6);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CU_ASSERT_STRING_EQUAL(text_at(resources, texts[i].path), texts[i].text);
    }
    CU_ASSERT_EQUAL(int_at(resources, "0.properties.minimum"), -1);
    CU_ASSERT_EQUAL(int_at(resources, "0.properties.maximum"), 16);
    CU_ASSERT_PTR_NULL(at(resources, "1.properties.minimum"));

    answer = ask(&ctx, r.metadata, "GET", "/api/v3/device/name/D", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "device.profileName"), "Made");
    wait_for_code(r.device, "/api/v3/device/name/D/Valve", 200);
    answer = ask(&ctx, r.device, "GET", "/api/v3/device/name/D/Pressure", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), "1.8446744e+19");
}

static void test_a_scan_without_names_makes_them_up(void)
{
    RIG(r, NULL);
    add_device(&ctx, &r, "D", "");
    const cJSON *answer = scan(&ctx, &r, SCAN("D", ""), 202);
    const char *id = text_at(answer, "requestId");
    CU_ASSERT_EQUAL(strlen(id), 36); /* the correlation id */
    expect_progress(&ctx, "profilescan", id, 100, "", -1);
    answer = ask(&ctx, r.metadata, "GET", "/api/v3/device/name/D", NULL, 200);
    const char *name = text_at(answer, "device.profileName");
    CU_ASSERT_EQUAL(strncmp(name, "D_profile_17", 12), 0);
    CU_ASSERT_EQUAL(strlen(name), strlen("D_profile_1720169510000"));
}

static void test_scans_are_refused(void)
{
    RIG(r, NULL);
    add_profile(&ctx, &r);
    add_device(&ctx, &r, "D", "P");
    /* clang-format off */
    static const struct {
        const char *body;
        int code;
        const char *text;
    } cases[] = {
        {"",                                                  400, ""                            },
        {"[]",                                                400, ""                            },
        {"{\"apiVersion\":\"v3\"}",                           400, "deviceName field is required"},
        {"{\"deviceName\":\"D\"}",                            400, "apiVersion"                  },
        {SCAN("X", ""),                                       404, "device X not found"          },
        {SCAN("D", PROFILE("P")),                             409, "profile name P is duplicated"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cJSON *answer = scan(&ctx, &r, cases[i].body, cases[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(text_at(answer, "message"), cases[i].text));
    }
    CU_ASSERT_STRING_EQUAL(text_at(stop(&ctx, &r, "X", 404), "message"), "device X not found");
    stop(&ctx, &r, "D", 200); /* nothing runs */
    atomic_store(&control.linger, true);
    scan(&ctx, &r, SCAN("D", REQUEST("1")), 202);
    const cJSON *answer = scan(&ctx, &r, SCAN("D", REQUEST("2")), 409);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"),
                           "another profile scan process for D is currently running");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "requestId"), ID("2"));
    ask(&ctx, r.metadata, "PATCH", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"service\":{\"name\":\"device-test\",\"adminState\":\"LOCKED\"}}]",
        207);
    wait_for_code(r.device, "/api/v3/device/name/D/Number", 423);
    scan(&ctx, &r, SCAN("D", ""), 423);
    stop(&ctx, &r, "D", 423);
} /* and the service stops while a scan runs */

static void test_scans_can_be_stopped(void)
{
    RIG(r, "Writable:\n  LogLevel: ERROR\n");
    add_device(&ctx, &r, "D", "");
    atomic_store(&control.linger, true);
    scan(&ctx, &r, SCAN("D", PROFILE("Made") REQUEST("1")), 202);
    expect_progress(&ctx, "profilescan", ID("1"), 50, "half way", -1);
    stop(&ctx, &r, "D", 200);
    expect_progress(&ctx, "profilescan", ID("1"), -1, "stopped", -1);
    ask(&ctx, r.metadata, "GET", "/api/v3/deviceprofile/name/Made", NULL, 404);
    atomic_store(&control.linger, false);
    scan(&ctx, &r, SCAN("D", PROFILE("Made") REQUEST("2")), 202); /* the next one may run */
    expect_progress(&ctx, "profilescan", ID("2"), 100, "", -1);
}

static void test_a_scan_that_waits_for_its_device_can_be_stopped(void)
{
    RIG(r, "Writable:\n  LogLevel: ERROR\n");
    add_profile(&ctx, &r);
    add_device(&ctx, &r, "D", "P");
    atomic_store(&control.hold, true);
    int before = atomic_load(&control.n_reads);
    ask(&ctx, r.metadata, "PATCH", "/api/v3/device",
        "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"D\",\"autoEvents\":[{\"interval\":\"10ms\","
        "\"sourceName\":\"Number\"}]}}]",
        207);
    CU_ASSERT_TRUE(wait_count(&control.n_reads, before + 1)); /* the lane is taken */
    scan(&ctx, &r, SCAN("D", REQUEST("1")), 202);
    stop(&ctx, &r, "D", 200);
    expect_progress(&ctx, "profilescan", ID("1"), -1, "stopped", -1);
    CU_ASSERT_EQUAL(atomic_load(&control.n_scans), 0);
    atomic_store(&control.hold, false);
}

static void test_reads_go_on_while_a_scan_runs(void)
{
    RIG(r, NULL);
    add_profile(&ctx, &r);
    add_device(&ctx, &r, "D", "P");
    atomic_store(&control.linger, true);
    scan(&ctx, &r, SCAN("D", REQUEST("1")), 202);
    expect_progress(&ctx, "profilescan", ID("1"), 50, "half way", -1);
    ask(&ctx, r.device, "GET", "/api/v3/device/name/D/Number", NULL, 200);
    ask(&ctx, r.metadata, "DELETE", "/api/v3/device/name/D", NULL, 200);
    expect_progress(&ctx, "profilescan", ID("1"), -1, "stopped", -1); /* went with its device */
}

static void test_scans_that_fail_say_why(void)
{
    RIG(r, "Writable:\n  LogLevel: ERROR\n");
    add_device(&ctx, &r, "D", "");
    atomic_store(&control.fail, true);
    scan(&ctx, &r, SCAN("D", REQUEST("1")), 202);
    expect_progress(&ctx, "profilescan", ID("1"), -1, "nobody there", -1);
    atomic_store(&control.fail, false);
    scan(&ctx, &r, SCAN("D", PROFILE("Large") REQUEST("2") ",\"options\":{\"more\":10005}"), 202);
    expect_progress(&ctx, "profilescan", ID("2"), 50, "half way", -1);
    CU_ASSERT_EQUAL(atomic_load(&control.wrong), 0);
    atomic_store(&control.deaf, true);
    add_device(&ctx, &r, "E", "");
    scan(&ctx, &r, SCAN("E", REQUEST("3")), 202);
    expect_progress(&ctx, "profilescan", ID("3"), -1, "the driver could not take the device up",
                    -1);
}

static void test_scans_at_once_are_bounded(void)
{
    RIG(r, NULL);
    atomic_store(&control.linger, true);
    for (int i = 0; i < 9; i++) {
        const char *name = edge_printf(&ctx.arena, "D%d", i);
        add_device(&ctx, &r, name, "");
        const char *body =
            edge_printf(&ctx.arena, "{\"apiVersion\":\"v3\",\"deviceName\":\"%s\"}", name);
        scan(&ctx, &r, body, i < 8 ? 202 : 503);
    }
    CU_ASSERT_TRUE(wait_count(&control.n_scans, 8)); /* side by side */
}

static void test_drivers_need_not_scan(void)
{
    begin();
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &incapable,
               "Writable:\n  LogLevel: ERROR\nDevice:\n  Discovery:\n    Enabled: true\n");
    scan(&ctx, &r, SCAN("X", ""), 501);
    stop(&ctx, &r, "X", 501);
    ask(&ctx, r.device, "POST", "/api/v3/discovery", NULL, 501);
    ask(&ctx, r.device, "DELETE", "/api/v3/discovery", NULL, 501);
    ask(&ctx, r.device, "DELETE", "/api/v3/discovery/requestId/" ID("1"), NULL, 501);
}

/* ---- discovery --------------------------------------------------------------------------------- */

static const cJSON *discovery(struct edge_ctx *ctx, struct device_rig *r, const char *id, int code)
{
    snprintf(ctx->correlation_id, sizeof(ctx->correlation_id), "%s", id);
    return ask(ctx, r->device, "POST", "/api/v3/discovery", NULL, code);
}

static void test_a_discovery_can_be_stopped(void)
{
    RIG(r, DISCOVERY);
    ask(&ctx, r.device, "DELETE", "/api/v3/discovery", NULL, 200); /* nothing runs */
    ask(&ctx, r.device, "DELETE", "/api/v3/discovery/requestId/" ID("9"), NULL, 200);
    atomic_store(&control.linger, true);
    const cJSON *answer = discovery(&ctx, &r, ID("1"), 202);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"), "Device Discovery is triggered.");
    CU_ASSERT_STRING_EQUAL(text_at(answer, "requestId"), ID("1"));
    expect_progress(&ctx, "discovery", ID("1"), 0, "", 0);
    expect_progress(&ctx, "discovery", ID("1"), 50, "half way", 0);
    answer = discovery(&ctx, &r, ID("2"), 202); /* one at a time: it is that one */
    CU_ASSERT_STRING_EQUAL(text_at(answer, "requestId"), ID("1"));
    answer = ask(&ctx, r.device, "DELETE", "/api/v3/discovery/requestId/" ID("2"), NULL, 404);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "requestId"), ID("2"));
    ask(&ctx, r.device, "DELETE", "/api/v3/discovery/requestId/" ID("1"), NULL, 200);
    expect_progress(&ctx, "discovery", ID("1"), 100, "stopped", 0);
    CU_ASSERT_STRING_EQUAL(heard.said[0].topic,
                           "edgex/system-events/device-test/device/discovery/device-test");
    discovery(&ctx, &r, ID("3"), 202);
    expect_progress(&ctx, "discovery", ID("3"), 50, "half way", 0);
    ask(&ctx, r.device, "DELETE", "/api/v3/discovery", NULL, 200);
    expect_progress(&ctx, "discovery", ID("3"), 100, "stopped", 0);
    CU_ASSERT_EQUAL(atomic_load(&control.n_scans), 2);
    CU_ASSERT_EQUAL(atomic_load(&control.wrong), 0);
}

static void test_a_discovery_that_fails_says_why(void)
{
    RIG(r, DISCOVERY);
    atomic_store(&control.fail, true);
    discovery(&ctx, &r, ID("1"), 202);
    expect_progress(&ctx, "discovery", ID("1"), -1, "nobody there", 0);
}

static bool is_locked(void *svc)
{
    return atomic_load(&((devsdk_service *)svc)->locked);
}

static void test_no_discovery_of_a_locked_service(void)
{
    RIG(r, DISCOVERY);
    ask(&ctx, r.metadata, "PATCH", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"service\":{\"name\":\"device-test\",\"adminState\":\"LOCKED\"}}]",
        207);
    CU_ASSERT_TRUE(wait_until(is_locked, r.device->state, 10000));
    const cJSON *answer = discovery(&ctx, &r, ID("1"), 423);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "message"), "service locked");
}

/* As though the news had been lost with a connection. */
static void test_the_admin_state_is_fetched_again(void)
{
    RIG(r, DISCOVERY);
    ask(&ctx, r.metadata, "PATCH", "/api/v3/deviceservice",
        "[{\"apiVersion\":\"v3\",\"service\":{\"name\":\"device-test\",\"adminState\":\"LOCKED\"}}]",
        207);
    devsdk_service *svc = r.device->state;
    CU_ASSERT_TRUE(wait_until(is_locked, svc, 10000));
    atomic_store(&svc->locked, false);
    sdk_resync(svc);
    CU_ASSERT_TRUE(wait_until(is_locked, svc, 10000));
}

static void test_a_discovery_by_itself(void)
{
    begin();
    DEVICE_RIG(r, &driver, DISCOVERY "    Interval: 20ms\n");
    CU_ASSERT_TRUE(wait_count(&control.n_found, 3));
}

#define WATCHER(name, state, identifiers, blocking)                                                \
    "[{\"apiVersion\":\"v3\",\"provisionwatcher\":{\"name\":\"" name "\",\"serviceName\":"         \
    "\"device-test\",\"adminState\":\"" state "\",\"identifiers\":{" identifiers                   \
    "},\"blockingIdentifiers\":{" blocking "},\"discoveredDevice\":{\"profileName\":\"P\","        \
    "\"adminState\":\"LOCKED\",\"properties\":{\"a\":1},\"autoEvents\":[{\"interval\":\"1h\","     \
    "\"sourceName\":\"Number\"}]}}}]"

struct watchers_wanted {
    devsdk_service *svc;
    size_t n;
};

static bool has_watchers(void *arg)
{
    const struct watchers_wanted *w = arg;
    EDGE_LOCK(&w->svc->flows->scan_lock);
    return w->svc->flows->n_watchers == w->n;
}

static void wait_watchers(struct device_rig *r, size_t n)
{
    struct watchers_wanted w = {r->device->state, n};
    CU_ASSERT_TRUE(wait_until(has_watchers, &w, 10000));
}

static void test_watchers_say_what_is_wanted(void)
{
    /* clang-format off */
    static const struct {
        const char *watcher;
        int count;
        const char *found; /* one of them */
    } cases[] = {
        {WATCHER("W", "UNLOCKED", "\"Line\":\"or\"", ""),                                   2, "Found-1"},
        {WATCHER("W", "UNLOCKED", "\"Line\":\"^north$\"", ""),                              1, "Found-2"},
        {WATCHER("W", "UNLOCKED", "\"Line\":\"th\",\"Slot\":\"1\"", ""),                    2, "Found-3"},
        {WATCHER("W", "UNLOCKED", "\"Line\":\"th\"", "\"Slot\":[\"2\",\"3\"]"),             2, "Found-1"},
        {WATCHER("W", "UNLOCKED", "\"Line\":\"th\"", "\"Line\":[\"sou\",\"north\"]"),       2, "Found-3"},
        {WATCHER("W", "UNLOCKED", "\"Slot\":\".\"", "\"Absent\":[\"1\"]"),                  4, "Found-4"},
        {WATCHER("W", "UNLOCKED", "\"Absent\":\".*\"", ""),                                 0, NULL     },
        {WATCHER("W", "UNLOCKED", "\"line\":\".*\"", ""),                                   0, NULL     },
        {WATCHER("W", "LOCKED", "\"Line\":\".*\"", ""),                                     0, NULL     },
        {WATCHER("W", "UNLOCKED", "\"Line\":\"^(a|aa)+$\"", ""),                            0, NULL     },
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        RIG(r, DISCOVERY);
        add_profile(&ctx, &r);
        ask(&ctx, r.metadata, "POST", "/api/v3/provisionwatcher", cases[i].watcher, 207);
        wait_watchers(&r, 1);
        int64_t before_ms = edge_now_mono_ms();
        discovery(&ctx, &r, ID("1"), 202);
        expect_progress(&ctx, "discovery", ID("1"), 100, "", cases[i].count);
        CU_ASSERT_TRUE(edge_now_mono_ms() - before_ms < 5000); /* whatever the pattern */
        const cJSON *all = ask(&ctx, r.metadata, "GET", "/api/v3/device/all", NULL, 200);
        CU_ASSERT_EQUAL(int_at(all, "totalCount"), cases[i].count);
        if (cases[i].found) {
            const cJSON *d =
                ask(&ctx, r.metadata, "GET",
                    edge_printf(&ctx.arena, "/api/v3/device/name/%s", cases[i].found), NULL, 200);
            CU_ASSERT_STRING_EQUAL(text_at(d, "device.adminState"), "LOCKED");
            CU_ASSERT_STRING_EQUAL(text_at(d, "device.operatingState"), "UP");
            CU_ASSERT_STRING_EQUAL(text_at(d, "device.profileName"), "P");
            CU_ASSERT_STRING_EQUAL(text_at(d, "device.autoEvents.0.sourceName"), "Number");
            CU_ASSERT_EQUAL(int_at(d, "device.properties.a"), 1);
        }
        CU_ASSERT_EQUAL(atomic_load(&control.wrong), 0);
    }
}

static void test_watchers_that_are_gone_are_forgotten(void)
{
    RIG(r, DISCOVERY);
    devsdk_service *svc = r.device->state;
    add_profile(&ctx, &r);
    ask(&ctx, r.metadata, "POST", "/api/v3/provisionwatcher",
        WATCHER("W", "UNLOCKED", "\"Line\":\".*\"", ""), 207);
    wait_watchers(&r, 1);
    struct watch_identifier any = {"Line", ".*"};
    const struct provision_watcher missed = {.name = "Missed", /* deleted while we did not hear */
                                             .service_name = "device-test",
                                             .identifiers = &any,
                                             .n_identifiers = 1,
                                             .admin_state = UNLOCKED};
    CU_ASSERT_EQUAL(sdk_watcher_apply(&ctx, svc, &missed), EDGE_OK);
    wait_watchers(&r, 2);
    CU_ASSERT_EQUAL(sdk_catalog_sync(&ctx, svc), EDGE_OK);
    wait_watchers(&r, 1);
    ask(&ctx, r.metadata, "DELETE", "/api/v3/provisionwatcher/name/W", NULL, 200);
    wait_watchers(&r, 0);
}

/* ---- files --------------------------------------------------------------------------------------- */

static void test_watchers_may_be_brought_along(void)
{
    begin();
    EDGE_CTX_SCOPE(ctx);
    __attribute__((cleanup(scratch_done))) struct scratch dir;
    scratch_make(&dir);
    FILE *f = fopen(edge_printf(&ctx.arena, "%s/w.yaml", dir.path), "w");
    fputs("name: Brought\nserviceName: device-test\nadminState: UNLOCKED\n"
          "identifiers: {Line: north}\ndiscoveredDevice: {adminState: UNLOCKED}\n",
          f);
    fclose(f);
    DEVICE_RIG(r, &driver,
               edge_printf(&ctx.arena, DISCOVERY "  ProvisionWatchersDir: %s\n", dir.path));
    const cJSON *answer =
        ask(&ctx, r.metadata, "GET", "/api/v3/provisionwatcher/name/Brought", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(answer, "provisionWatcher.identifiers.Line"), "north");
    wait_watchers(&r, 1);
    discovery(&ctx, &r, ID("1"), 202);
    wait_for_code(r.metadata, "/api/v3/device/name/Found-2", 200);
}

CU_TestInfo scans_tests[] = {
    {"a scan makes the profile of its device", test_a_scan_makes_the_profile_of_its_device         },
    {"a scan without names makes them up",     test_a_scan_without_names_makes_them_up             },
    {"scans are refused",                      test_scans_are_refused                              },
    {"scans can be stopped",                   test_scans_can_be_stopped                           },
    {"a scan that waits can be stopped",       test_a_scan_that_waits_for_its_device_can_be_stopped},
    {"reads go on while a scan runs",          test_reads_go_on_while_a_scan_runs                  },
    {"scans that fail say why",                test_scans_that_fail_say_why                        },
    {"scans at once are bounded",              test_scans_at_once_are_bounded                      },
    {"drivers need not scan",                  test_drivers_need_not_scan                          },
    {"a discovery can be stopped",             test_a_discovery_can_be_stopped                     },
    {"a discovery that fails says why",        test_a_discovery_that_fails_says_why                },
    {"no discovery of a locked service",       test_no_discovery_of_a_locked_service               },
    {"the admin state is fetched again",       test_the_admin_state_is_fetched_again               },
    {"a discovery by itself",                  test_a_discovery_by_itself                          },
    {"watchers say what is wanted",            test_watchers_say_what_is_wanted                    },
    {"watchers that are gone are forgotten",   test_watchers_that_are_gone_are_forgotten           },
    {"watchers may be brought along",          test_watchers_may_be_brought_along                  },
    CU_TEST_INFO_NULL,
};
