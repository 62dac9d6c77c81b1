/* Devices, device services, provision watchers on the wire, and their patches. */
#include "contracts/device.h"
#include "dtotest.h"
#include "suites.h"

static const char DURATION_FAULT[] =
    "field should follows the ISO 8601 Durations format, e.g.,100ms, 24h, or be greater than or "
    "equal to the minimum value ";

#define MINIMAL                                                                                     \
    "{\"name\":\"D1\",\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\",\"serviceName\":\"S\"," \
    "\"protocols\":{}"

static void test_a_device_round_trips(void)
{
    expect_round_trip(
        &DEVICE_REQUEST,
        "{\"apiVersion\":\"v3\",\"requestId\":\"e6e8a2f4-eb14-4649-9e2b-175247911369\",\"device\":{\"name\":\"D1\","
        "\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\",\"serviceName\":\"device-simple\",\"profileName\":\"Simple-Device\","
        "\"protocols\":{\"other\":{\"Address\":\"simple01\",\"Port\":300}},\"autoEvents\":[{\"interval\":\"10s\",\"onChange\":false,\"sourceName\":\"SwitchButton\"}]}}",
        "{\"apiVersion\":\"v3\",\"requestId\":\"e6e8a2f4-eb14-4649-9e2b-175247911369\",\"device\":{\"name\":\"D1\","
        "\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\",\"serviceName\":\"device-simple\",\"profileName\":\"Simple-Device\","
        "\"autoEvents\":[{\"interval\":\"10s\",\"onChange\":false,\"onChangeThreshold\":0,\"sourceName\":\"SwitchButton\","
        "\"retention\":{\"maxCap\":0,\"minCap\":0,\"duration\":\"\"}}],\"protocols\":{\"other\":{\"Address\":\"simple01\",\"Port\":300}},\"properties\":{}}}");
    static const char full[] =
        "{\"created\":1,\"modified\":2,\"id\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"name\":\"a/b \xe2\x82\xac\",\"parent\":\"p\","
        "\"description\":\"d\",\"adminState\":\"LOCKED\",\"operatingState\":\"UNKNOWN\",\"labels\":[\"x\"],\"location\":[1,\"two\"],"
        "\"serviceName\":\"S\",\"profileName\":\"P\",\"autoEvents\":[{\"interval\":\"1d\",\"onChange\":true,\"onChangeThreshold\":0.5,"
        "\"sourceName\":\"s\",\"retention\":{\"maxCap\":5,\"minCap\":1,\"duration\":\"1d12h\"}}],\"protocols\":{\"a\":{},\"b\":{\"x\":null}},"
        "\"tags\":{\"t\":1},\"properties\":{\"p\":[]}}";
    expect_round_trip(&DEVICE, full, full);
    expect_round_trip(
        &DEVICE, MINIMAL ",\"location\":null,\"protocols\":{\"p\":null}}",
        "{\"name\":\"D1\",\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\",\"serviceName\":\"S\","
        "\"protocols\":{\"p\":{}},\"properties\":{}}");
}

static void test_bad_devices_are_refused(void)
{
    expect_fault(
        &DEVICE_REQUEST, "{\"apiVersion\":\"v3\"}",
        "AddDeviceRequest.device.name field is required; AddDeviceRequest.device.adminState field is required; "
        "AddDeviceRequest.device.operatingState field is required; AddDeviceRequest.device.serviceName field is required; "
        "AddDeviceRequest.device.protocols field is required");
    expect_fault(
        &DEVICE_REQUEST,
        "{\"apiVersion\":\"v3\",\"device\":{\"name\":\" \",\"adminState\":\"unlocked\",\"operatingState\":\"UP\","
        "\"serviceName\":\"\",\"protocols\":{}}}",
        "AddDeviceRequest.device.name field should not be empty string; "
        "AddDeviceRequest.device.adminState field should be one of 'LOCKED' 'UNLOCKED'; "
        "AddDeviceRequest.device.serviceName field is required");
    struct edge_arena a = EDGE_ARENA_INIT;
    /* clang-format off */
    const struct {
        const char *more, *expect;
    } cases[] = {
        {"\"id\":\"x\"", "Device.id field needs a uuid"},
        {"\"protocols\":{\"p\":[]}", "Device.protocols.p must be an object"},
        {"\"protocols\":null", "Device.protocols field is required"},
        {"\"tags\":\"t\"", "Device.tags must be an object"},
        {"\"autoEvents\":[{}]", "Device.autoEvents[0].interval field is required; Device.autoEvents[0].sourceName field is required"},
        {"\"autoEvents\":[{\"interval\":\"1us\",\"sourceName\":\"s\"}]", edge_printf(&a, "Device.autoEvents[0].interval %s1ms ", DURATION_FAULT)},
        {"\"autoEvents\":[{\"interval\":\"1s\",\"sourceName\":\"s\",\"onChangeThreshold\":-1}]",
         "Device.autoEvents[0].onChangeThreshold field validation failed on the gte tag with value ''"},
        {"\"autoEvents\":[{\"interval\":\"1s\",\"sourceName\":\"s\",\"retention\":{\"duration\":\"-1s\",\"maxCap\":\"1\"}}]",
         edge_printf(&a, "Device.autoEvents[0].retention.maxCap must be an integer; Device.autoEvents[0].retention.duration %s0s ", DURATION_FAULT)},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_fault(&DEVICE, edge_printf(&a, MINIMAL ",%s}", cases[i].more), cases[i].expect);
    }
    edge_arena_done(&a);
}

static const cJSON *tree(struct edge_ctx *ctx, const char *text)
{
    const cJSON *json = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(ctx, text, strlen(text), NULL, &json), EDGE_OK);
    return json;
}

static void test_devices_are_patched(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct device d;
    CU_ASSERT_EQUAL_FATAL(
        decode(
            &ctx, &DEVICE,
            MINIMAL
            ",\"id\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"created\":1,\"labels\":[\"a\",\"b\"],"
            "\"protocols\":{\"p\":{\"a\":1}},\"tags\":{\"t\":1},\"location\":\"here\"}",
            &d),
        EDGE_OK);
    const cJSON *patch = tree(
        &ctx,
        "{\"id\":\"D5471D59281047\",\"name\":\"other\",\"created\":7,\"adminState\":\"LOCKED\",\"labels\":[],"
        "\"protocols\":{\"q\":{}},\"tags\":{},\"location\":null,\"profileName\":\"\",\"serviceName\":null}");
    CU_ASSERT_EQUAL(edge_dto_patch_try(&ctx, &DEVICE, patch), EDGE_OK);
    CU_ASSERT_EQUAL(edge_dto_patch(&ctx, &DEVICE, patch, &d), EDGE_OK);
    expect_same(
        edge_dto_text(&DEVICE, &d, &ctx.arena),
        "{\"created\":1,\"id\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"name\":\"D1\",\"adminState\":\"LOCKED\","
        "\"operatingState\":\"UP\",\"location\":\"here\",\"serviceName\":\"S\",\"protocols\":{\"q\":{}},\"properties\":{}}");
    CU_ASSERT_EQUAL(edge_dto_patch_try(&ctx, &DEVICE, tree(&ctx, "{\"adminState\":\"\"}")),
                    EDGE_INVALID);
    CU_ASSERT_EQUAL(
        edge_dto_patch_try(&ctx, &DEVICE, tree(&ctx, "{\"autoEvents\":[{\"interval\":\"1s\"}]}")),
        EDGE_INVALID);
}

static void test_device_services(void)
{
    expect_round_trip(
        &DEVICE_SERVICE_REQUEST,
        "{\"apiVersion\":\"v3\",\"requestId\":\"\",\"service\":{\"name\":\"s\",\"baseAddress\":\"http://h:1\",\"adminState\":\"UNLOCKED\",\"labels\":[\"l\"],\"description\":\"d\"}}",
        "{\"apiVersion\":\"v3\",\"requestId\":\"\",\"service\":{\"name\":\"s\",\"description\":\"d\",\"labels\":[\"l\"],\"baseAddress\":\"http://h:1\",\"adminState\":\"UNLOCKED\",\"properties\":{}}}");
    expect_fault(&DEVICE_SERVICE, "{\"name\":\"s\",\"baseAddress\":\"h\"}",
                 "DeviceService.baseAddress field validation failed on the uri tag with value ''; "
                 "DeviceService.adminState field is required");
    EDGE_CTX_SCOPE(ctx);
    struct device_service s;
    CU_ASSERT_EQUAL_FATAL(
        decode(&ctx, &DEVICE_SERVICE,
               "{\"name\":\"s\",\"baseAddress\":\"http://h:1\",\"adminState\":\"LOCKED\"}", &s),
        EDGE_OK);
    CU_ASSERT_EQUAL(
        edge_dto_patch(
            &ctx, &DEVICE_SERVICE,
            tree(
                &ctx,
                "{\"id\":null,\"name\":\"s\",\"description\":\"\",\"adminState\":\"UNLOCKED\",\"properties\":{}}"),
            &s),
        EDGE_OK);
    CU_ASSERT_EQUAL(s.admin_state, UNLOCKED);
    CU_ASSERT_STRING_EQUAL(s.description, "");
}

#define WATCHER                                                                                            \
    "{\"name\":\"w\",\"serviceName\":\"s\",\"labels\":[\"l\"],\"identifiers\":{\"address\":\"^10\\\\.\"}," \
    "\"blockingIdentifiers\":{\"port\":[\"1\",\"2\"],\"q\":[]},\"adminState\":\"UNLOCKED\","               \
    "\"discoveredDevice\":{\"profileName\":\"P\",\"adminState\":\"LOCKED\",\"properties\":{\"a\":1}}}"

static void test_provision_watchers(void)
{
    expect_round_trip(&PROVISION_WATCHER, WATCHER, WATCHER);
    expect_fault(
        &PROVISION_WATCHER_REQUEST,
        "{\"apiVersion\":\"v3\",\"provisionWatcher\":{\"name\":\"w\",\"serviceName\":\"s\",\"identifiers\":{}}}",
        "AddProvisionWatcherRequest.provisionWatcher.identifiers field should greater than 0; "
        "AddProvisionWatcherRequest.provisionWatcher.adminState field is required; "
        "AddProvisionWatcherRequest.provisionWatcher.discoveredDevice.adminState field is required");
    expect_fault(
        &PROVISION_WATCHER,
        "{\"name\":\"w\",\"serviceName\":\"s\",\"identifiers\":{\"a\":\"\",\"b\":1},\"blockingIdentifiers\":{\"c\":[1]},"
        "\"adminState\":\"LOCKED\",\"discoveredDevice\":{\"adminState\":\"LOCKED\"}}",
        "ProvisionWatcher.identifiers.a field is required; ProvisionWatcher.identifiers.b must be a string; "
        "ProvisionWatcher.blockingIdentifiers.c[0] must be a string");
    EDGE_CTX_SCOPE(ctx);
    struct provision_watcher w;
    CU_ASSERT_EQUAL_FATAL(decode(&ctx, &PROVISION_WATCHER, WATCHER, &w), EDGE_OK);
    CU_ASSERT_EQUAL(
        edge_dto_patch(
            &ctx, &PROVISION_WATCHER,
            tree(
                &ctx,
                "{\"discoveredDevice\":{\"adminState\":\"UNLOCKED\"},\"identifiers\":{\"x\":\"y\"},\"blockingIdentifiers\":{}}"),
            &w),
        EDGE_OK);
    expect_same(
        edge_dto_text(&PROVISION_WATCHER, &w, &ctx.arena),
        "{\"name\":\"w\",\"serviceName\":\"s\",\"labels\":[\"l\"],\"identifiers\":{\"x\":\"y\"},\"adminState\":\"UNLOCKED\","
        "\"discoveredDevice\":{\"profileName\":\"P\",\"adminState\":\"UNLOCKED\",\"properties\":{\"a\":1}}}");
}

static void test_files_may_be_a_bare_array(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct device_file file;
    const cJSON *json = tree(
        &ctx,
        "[{\"name\":\"a\",\"protocols\":{\"p\":{}},\"adminState\":\"LOCKED\",\"serviceName\":\"own\"},"
        "{\"name\":\"b\",\"protocols\":{\"p\":{}}}]");
    CU_ASSERT_EQUAL_FATAL(device_file_decode(&ctx, json, "s", &file), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(file.n_devices, 2);
    CU_ASSERT_EQUAL(file.devices[0].admin_state, LOCKED);
    CU_ASSERT_STRING_EQUAL(file.devices[0].service_name, "own");
    CU_ASSERT_EQUAL(file.devices[1].admin_state, UNLOCKED);
    CU_ASSERT_STRING_EQUAL(file.devices[1].service_name, "s");
    CU_ASSERT_EQUAL(device_file_decode(&ctx, tree(&ctx, "[{\"name\":\"a\"}]"), "s", &file),
                    EDGE_INVALID);
    expect_same(edge_ctx_message(&ctx, EDGE_INVALID),
                "devices.deviceList[0].protocols field is required");
    EDGE_CTX_SCOPE(alone);
    struct device device;
    CU_ASSERT_EQUAL(
        device_file_item_decode(&alone, tree(&alone, "{\"name\":\"a\"}"), 43, "s", &device),
        EDGE_INVALID);
    expect_same(edge_ctx_message(&alone, EDGE_INVALID),
                "devices.deviceList[43].protocols field is required");
}

CU_TestInfo device_tests[] = {
    {"a device round-trips",      test_a_device_round_trips     },
    {"bad devices are refused",   test_bad_devices_are_refused  },
    {"devices are patched",       test_devices_are_patched      },
    {"device services",           test_device_services          },
    {"provision watchers",        test_provision_watchers       },
    {"files may be a bare array", test_files_may_be_a_bare_array},
    CU_TEST_INFO_NULL,
};
