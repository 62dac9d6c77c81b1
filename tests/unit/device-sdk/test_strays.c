/* Keys no table of the driver has: told once, with the name that may be meant, and no harm done. */
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "device_rig.h"
#include "suites.h"
#include "wait.h"

struct address {
    uint8_t slot;
    const char *line;
};
struct attribute {
    uint16_t reg;
    bool swap;
};

static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, slot, "Slot", DEVSDK_U8, .def = "1"),
    DEVSDK_FIELD(struct address, line, "Line", DEVSDK_STRING),
    {0},
};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, reg, "startingAddress", DEVSDK_U16),
    DEVSDK_FIELD(struct attribute, swap, "isByteSwap", DEVSDK_BOOL),
    {0},
};

static devsdk_result read_ones(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_set_int(r, i, 1);
    }
    return DEVSDK_OK;
}

static const devsdk_driver strict = {
    .abi = DEVSDK_ABI,
    .name = "device-test",
    .version = "1.0.0",
    .protocols = (const devsdk_protocol[]){{"Test", address_fields}, {"Free", NULL}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .read = read_ones,
};
static const devsdk_driver lax = {
    .abi = DEVSDK_ABI, .name = "device-test", .version = "1.0.0", .read = read_ones};

static const char config[] = "Writable:\n  LogLevel: WARN\n";

#define RESOURCE(name, attributes)                                                                 \
    "{\"name\":\"" name "\",\"attributes\":{" attributes                                           \
    "},\"properties\":{\"valueType\":\"Int16\",\"readWrite\":\"R\"}}"

/* Two resources have the same slip, one of them another; the third is sound. */
static const char resources[] =
    RESOURCE("A", "\"startingAdress\":1,\"isByteSwap\":true") "," RESOURCE(
        "B", "\"startingAdress\":2,\"comment\":\"x\"") "," RESOURCE("C", "\"startingAddress\":3");

static void profile(struct edge_ctx *ctx, const struct device_rig *r, const char *method,
                    const char *list)
{
    ask(ctx, r->metadata, method, "/api/v3/deviceprofile",
        edge_printf(
            &ctx->arena,
            "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"P\",\"deviceResources\":[%s]}}]",
            list),
        207);
}

static void add_device(struct edge_ctx *ctx, const struct device_rig *r, const char *name,
                       const char *protocols)
{
    ask(ctx, r->metadata, "POST", "/api/v3/device",
        edge_printf(&ctx->arena,
                    "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"%s\",\"adminState\":"
                    "\"UNLOCKED\",\"operatingState\":\"UP\",\"serviceName\":\"device-test\","
                    "\"profileName\":\"P\",\"protocols\":{%s}}}]",
                    name, protocols),
        207);
    wait_for_code(r->device, edge_printf(&ctx->arena, "/api/v3/device/name/%s/A", name), 200);
}

/* Change the device, and wait until its service has taken that up. */
static void patch_device(struct edge_ctx *ctx, const struct device_rig *r, const char *admin_state,
                         const char *more)
{
    ask(ctx, r->metadata, "PATCH", "/api/v3/device",
        edge_printf(&ctx->arena,
                    "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"D\",\"adminState\":\"%s\"%s}}]",
                    admin_state, more),
        207);
    wait_for_code(r->device, "/api/v3/device/name/D/A",
                  strcmp(admin_state, "LOCKED") == 0 ? 423 : 200);
}

static const char about_attributes[] = "msg=\"unknown attribute ignored\"";
static const char about_properties[] = "msg=\"unknown protocol property ignored\"";

/* Is there exactly one line of it that ends so? */
static bool is_told_once(const char *log, const char *sentence, const char *pairs)
{
    EDGE_CTX_SCOPE(ctx);
    return capture_count(log, edge_printf(&ctx.arena, "%s %s\n", sentence, pairs)) == 1;
}

/* So many lines of each kind, and no more. */
static void expect_lines(const char *log, unsigned attributes, unsigned properties)
{
    CU_ASSERT_EQUAL(capture_count(log, about_attributes), attributes);
    CU_ASSERT_EQUAL(capture_count(log, about_properties), properties);
}

static void test_mistyped_attributes_are_told_once(void)
{
    EDGE_CTX_SCOPE(ctx);
    capture_start();
    DEVICE_RIG(r, &strict, config);
    profile(&ctx, &r, "POST", resources);
    add_device(&ctx, &r, "D", "\"Test\":{\"Slot\":2}");
    add_device(&ctx, &r, "E", "\"Test\":{\"Slot\":3}");
    for (int i = 0; i < 5; i++) {
        ask(&ctx, r.device, "GET", "/api/v3/device/name/D/%5BABC%5D", NULL, 200);
    }
    patch_device(&ctx, &r, "LOCKED", "");
    char *log = capture_text();
    CU_ASSERT(is_told_once(log, about_attributes,
                           "profile=P resource=A attribute=startingAdress resources=2 "
                           "nearest=startingAddress"));
    CU_ASSERT(
        is_told_once(log, about_attributes, "profile=P resource=B attribute=comment resources=1"));
    expect_lines(log, 2, 0);
    free(log);
    /* What is new in a changed profile is told, and only that. */
    profile(&ctx, &r, "PUT",
            RESOURCE("A", "\"startingAdress\":1,\"isbyteswap\":true") "," RESOURCE(
                "N", "\"startingAdress\":1"));
    wait_for_code(r.device, "/api/v3/device/name/E/N", 200);
    log = capture_end();
    CU_ASSERT(
        is_told_once(log, about_attributes,
                     "profile=P resource=A attribute=isbyteswap resources=1 nearest=isByteSwap"));
    CU_ASSERT(is_told_once(log, about_attributes,
                           "profile=P resource=N attribute=startingAdress resources=1 "
                           "nearest=startingAddress"));
    expect_lines(log, 4, 0);
    free(log);
}

static void test_mistyped_properties_are_told_once(void)
{
    EDGE_CTX_SCOPE(ctx);
    capture_start();
    DEVICE_RIG(r, &strict, config);
    profile(&ctx, &r, "POST", RESOURCE("A", ""));
    add_device(&ctx, &r, "D",
               "\"Test\":{\"Slto\":2,\"line\":\"x\",\"Note\":\"y\"},\"Other\":{\"Slto\":1}");
    patch_device(&ctx, &r, "LOCKED", "");
    patch_device(&ctx, &r, "UNLOCKED", "");
    profile(&ctx, &r, "PUT", RESOURCE("A", "") "," RESOURCE("N", ""));
    wait_for_code(r.device, "/api/v3/device/name/D/N", 200);
    char *log = capture_text();
    CU_ASSERT(
        is_told_once(log, about_properties, "device=D protocol=Test property=Slto nearest=Slot"));
    CU_ASSERT(
        is_told_once(log, about_properties, "device=D protocol=Test property=line nearest=Line"));
    CU_ASSERT(is_told_once(log, about_properties, "device=D protocol=Test property=Note"));
    expect_lines(log, 0, 3);
    free(log);
    patch_device(&ctx, &r, "LOCKED", ",\"protocols\":{\"Test\":{\"Note\":\"y\",\"Sot\":3}}");
    log = capture_end();
    CU_ASSERT(
        is_told_once(log, about_properties, "device=D protocol=Test property=Sot nearest=Slot"));
    expect_lines(log, 0, 4);
    free(log);
}

static void test_mistyped_keys_of_the_driver_are_told(void)
{
    static const devsdk_field keys[] = {
        {.key = "Retries", .type = DEVSDK_U8, .def = "3"},
        {0     },
    };
    devsdk_driver driver = strict;
    driver.config = keys;
    driver.config_size = 1;
    capture_start();
    {
        DEVICE_RIG(r, &driver, "Driver:\n  Retires: 5\n  Other: 1\n");
        wait_for_code(r.device, "/api/v3/ping", 200);
    }
    char *log = capture_end();
    CU_ASSERT_EQUAL(capture_count(log, "key=Driver.Retires value=5"), 1);
    CU_ASSERT_EQUAL(capture_count(log, "nearest=Retries"), 1);
    CU_ASSERT_EQUAL(capture_count(log, "key=Driver.Other value=1"), 1);
    free(log);
}

static void test_without_a_table_any_key_will_do(void)
{
    EDGE_CTX_SCOPE(ctx);
    capture_start();
    {
        DEVICE_RIG(r, &lax, config);
        profile(&ctx, &r, "POST", resources);
        add_device(&ctx, &r, "D", "\"Test\":{\"Slto\":2}");
    }
    DEVICE_RIG(r, &strict, config);
    profile(&ctx, &r, "POST", RESOURCE("A", ""));
    add_device(&ctx, &r, "D", "\"Free\":{\"Slto\":2}");
    char *log = capture_end();
    expect_lines(log, 0, 0);
    free(log);
}

CU_TestInfo strays_tests[] = {
    {"mistyped attributes are told once",    test_mistyped_attributes_are_told_once   },
    {"mistyped properties are told once",    test_mistyped_properties_are_told_once   },
    {"mistyped keys of the driver are told", test_mistyped_keys_of_the_driver_are_told},
    {"without a table any key will do",      test_without_a_table_any_key_will_do     },
    CU_TEST_INFO_NULL,
};
