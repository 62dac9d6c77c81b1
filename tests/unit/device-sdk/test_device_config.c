/* What the configuration of a device service does, and what its metrics say (contract 10.2, 10.3,
 * 12.3): a driver whose every resource reads 10. */
#include <string.h>

#include "device_rig.h"
#include "edge/metrics.h"
#include "model/model.h"
#include "suites.h"

static devsdk_result read_tens(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_set_int(r, i, 10);
    }
    return DEVSDK_OK;
}

static devsdk_result write_nothing(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    (void)r;
    return DEVSDK_OK;
}

static const devsdk_driver driver = {
    .abi = DEVSDK_ABI,
    .name = "device-test",
    .version = "1.0.0",
    .read = read_tens,
    .write = write_nothing,
};

static devsdk_service *kept;

static devsdk_result keep_service(devsdk_service *svc)
{
    kept = svc;
    return DEVSDK_OK;
}

#define RESOURCE(name, access, more)                                                               \
    "{\"name\":\"" name "\",\"properties\":{\"valueType\":\"Int16\",\"readWrite\":\"" access       \
    "\"" more "}}"
#define RESOURCES                                                                                  \
    RESOURCE("A", "RW", ",\"units\":\"C\",\"scale\":3,\"maximum\":50")                             \
    "," RESOURCE("B", "RW", "") "," RESOURCE("W", "W", "")

static void furnish(struct edge_ctx *ctx, struct device_rig *r, const char *auto_events)
{
    ask(ctx, r->metadata, "POST", "/api/v3/deviceprofile",
        "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"P\",\"deviceResources\":[" RESOURCES
        "],\"deviceCommands\":[{\"name\":\"AB\",\"readWrite\":\"RW\",\"resourceOperations\":["
        "{\"deviceResource\":\"A\"},{\"deviceResource\":\"B\"}]}]}}]",
        207);
    ask(ctx, r->metadata, "POST", "/api/v3/device",
        edge_printf(&ctx->arena,
                    "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"D\",\"adminState\":"
                    "\"UNLOCKED\",\"operatingState\":\"UP\",\"serviceName\":\"device-test\","
                    "\"profileName\":\"P\",\"protocols\":{},\"autoEvents\":[%s]}}]",
                    auto_events),
        207);
    wait_for_code(r->device, "/api/v3/device/name/D/B", 200);
}

static const cJSON *get(struct edge_ctx *ctx, struct device_rig *r, const char *command, int code)
{
    return ask(ctx, r->device, "GET", edge_printf(&ctx->arena, "/api/v3/device/name/D/%s", command),
               NULL, code);
}

#define RIG(name, config)                                                                          \
    EDGE_CTX_SCOPE(ctx);                                                                           \
    DEVICE_RIG(name, &driver, "Writable:\n  LogLevel: ERROR\n" config)

static void test_units_and_transforms_can_be_off(void)
{
    static const struct {
        const char *config, *units, *value;
        int code; /* of writing 60, which is above the maximum */
    } cases[] = {
        {"",                                      "C", "30", 400},
        {"  Reading:\n    ReadingUnits: false\n", "",  "30", 400},
        {"Device:\n  DataTransform: false\n",     "C", "10", 200},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *config =
            edge_printf(&ctx.arena, "Writable:\n  LogLevel: ERROR\n%s", cases[i].config);
        DEVICE_RIG(r, &driver, config);
        furnish(&ctx, &r, "");
        const cJSON *answer = get(&ctx, &r, "A", 200);
        CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.units"), cases[i].units);
        CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.value"), cases[i].value);
        ask(&ctx, r.device, "PUT", "/api/v3/device/name/D/A", "{\"A\":60}", cases[i].code);
    }
}

static void test_a_command_may_touch_so_many_resources(void)
{
    RIG(r, "Device:\n  MaxCmdOps: 1\n");
    furnish(
        &ctx, &r,
        "{\"interval\":\"10ms\",\"sourceName\":\"AB\"},{\"interval\":\"10ms\",\"sourceName\":\"[AB]\"},"
        "{\"interval\":\"10ms\",\"sourceName\":\"A\"}");
    get(&ctx, &r, "A", 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(text_at(get(&ctx, &r, "AB", 500), "message"), "MaxCmdOps"));
    ask(&ctx, r.device, "PUT", "/api/v3/device/name/D/AB", "{\"A\":1,\"B\":1}", 500);
    CU_ASSERT_TRUE(events_wait(&r, "D", "A", 5));
    CU_ASSERT_EQUAL(events_heard(&r, "D", "AB"), 0); /* auto-events are commands too */
    CU_ASSERT_EQUAL(events_heard(&r, "D", "[AB]"), 0);
}

/* The resources an expression matches are counted like those of a command; what is only written is
 * not read, so it does not count. */
static void test_an_expression_may_match_so_many_resources(void)
{
    static const struct {
        const char *expression;
        int code;
        const char *message;
    } cases[] = {
        {"%5BA%5D",  200, NULL                                },
        {"%5BAW%5D", 200, NULL                                },
        {"%5BAB%5D", 500, "command [AB] exceeds MaxCmdOps (1)"},
        {".*",       500, "command .* exceeds MaxCmdOps (1)"  },
        {"AB",       500, "command AB exceeds MaxCmdOps (1)"  },
        {"B",        200, NULL                                },
    };
    RIG(r, "Device:\n  MaxCmdOps: 1\n");
    furnish(&ctx, &r, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cJSON *answer = get(&ctx, &r, cases[i].expression, cases[i].code);
        if (cases[i].message) {
            CU_ASSERT_STRING_EQUAL(text_at(answer, "message"), cases[i].message);
        } else {
            CU_ASSERT_EQUAL(cJSON_GetArraySize(edge_json_member(
                                edge_json_member(answer, "event", true), "readings", true)),
                            1);
        }
    }
}

/* ---- metrics ----------------------------------------------------------------------------------- */

struct look {
    const char *name;
    double value; /* -1: not there */
    bool tagged;
};

static void look_at(void *arg, const struct edge_metric_shown *shown)
{
    struct look *l = arg;
    if (strcmp(shown->name, l->name) == 0) {
        l->value = shown->fields[0].value;
        l->tagged =
            shown->tag && strcmp(shown->tag, "device") == 0 && strcmp(shown->tag_value, "D") == 0;
    }
}

static struct look metric(const struct device_rig *r, const char *name)
{
    struct look l = {name, -1, false};
    edge_metrics_each(r->device->metrics, look_at, &l);
    return l;
}

static bool is_gone(void *rig)
{
    return metric(rig, "LastConnected-D").value < 0;
}

static void test_commands_and_events_are_counted(void)
{
    RIG(r, "");
    furnish(&ctx, &r, "");
    double reads = metric(&r, "ReadCommandsExecuted").value;
    CU_ASSERT_TRUE(reads >= 1);
    get(&ctx, &r, "AB", 200);
    CU_ASSERT_EQUAL(metric(&r, "ReadCommandsExecuted").value, reads + 1);
    CU_ASSERT_EQUAL(metric(&r, "EventsSent").value, 0); /* nobody asked for one */
    get(&ctx, &r, "AB?ds-pushevent=true", 200);
    CU_ASSERT_TRUE(events_wait(&r, "D", "AB", 1));
    ask(&ctx, r.device, "PUT", "/api/v3/device/name/D/B", "{\"B\":1}", 200);
    CU_ASSERT_TRUE(events_wait(&r, "D", "B", 1));
    CU_ASSERT_EQUAL(metric(&r, "WriteCommandsExecuted").value, 1);
    CU_ASSERT_TRUE(metric(&r, "EventsSent").value >= 1); /* the last may be counted in a moment */
    CU_ASSERT_TRUE(metric(&r, "ReadingsSent").value >= 2);
    CU_ASSERT_EQUAL(metric(&r, "LastConnected-D").value, -1); /* nor for that */
}

static void test_devices_say_when_they_answered_last(void)
{
    RIG(r, "  Telemetry:\n    Metrics:\n      LastConnected: true\n");
    furnish(&ctx, &r, "");
    struct look before = metric(&r, "LastConnected-D");
    CU_ASSERT_TRUE(before.value > 1.7e18); /* an answer is enough, no event went out */
    CU_ASSERT_TRUE(before.tagged);
    get(&ctx, &r, "A", 200);
    CU_ASSERT_TRUE(metric(&r, "LastConnected-D").value >= before.value);
    ask(&ctx, r.metadata, "DELETE", "/api/v3/device/name/D", NULL, 200);
    CU_ASSERT_TRUE(wait_until(is_gone, &r, 10000));
}

/* A driver's keys may stand in a section of another name, and in sections of that. */
static void test_a_section_has_the_drivers_name(void)
{
    struct own {
        const char *host;
        uint16_t wait;
    };
    static const devsdk_field fields[] = {
        DEVSDK_FIELD(struct own, host, "Host", DEVSDK_STRING, .def = "nowhere"),
        DEVSDK_FIELD(struct own, wait, "Writable.Wait", DEVSDK_U16, .def = "500"),
        {0},
    };
    devsdk_driver named = driver;
    named.config = fields;
    named.config_size = sizeof(struct own);
    named.start = keep_service;
    named.config_section = "BrokerInfo";
    {
        EDGE_CTX_SCOPE(ctx);
        DEVICE_RIG(r, &named,
                   "BrokerInfo:\n  Host: here\n  Writable:\n    Wait: '7'\nDriver:\n  Host: x\n");
        const struct own *own = devsdk_config(kept);
        CU_ASSERT_STRING_EQUAL(own->host, "here");
        CU_ASSERT_EQUAL(own->wait, 7);
        const cJSON *shown = edge_json_member(
            ask(&ctx, r.device, "GET", "/api/v3/config", NULL, 200), "config", true);
        CU_ASSERT_PTR_NOT_NULL(edge_json_member(shown, "BrokerInfo", true));
        CU_ASSERT_PTR_NULL(edge_json_member(shown, "Driver", true));
    }
    {
        DEVICE_RIG(r, &named, "Writable:\n  LogLevel: ERROR\n");
        const struct own *own = devsdk_config(kept);
        CU_ASSERT_STRING_EQUAL(own->host, "nowhere");
        CU_ASSERT_EQUAL(own->wait, 500);
    }
}

CU_TestInfo device_config_tests[] = {
    {"an expression may match so many resources", test_an_expression_may_match_so_many_resources},
    {"units and transforms can be off",           test_units_and_transforms_can_be_off          },
    {"a command may touch so many resources",     test_a_command_may_touch_so_many_resources    },
    {"commands and events are counted",           test_commands_and_events_are_counted          },
    {"devices say when they answered last",       test_devices_say_when_they_answered_last      },
    {"a section has the driver's name",           test_a_section_has_the_drivers_name           },
    CU_TEST_INFO_NULL,
};
