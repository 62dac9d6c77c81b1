/* Device profiles: bodies, the rules across members, and the official files. */
#include <dirent.h>
#include <stdlib.h>

#include "contracts/device.h"
#include "contracts/profile.h"
#include "dtotest.h"
#include "edge/yaml.h"
#include "suites.h"

#define RESOURCE(name, type, rw)                                                                   \
    "{\"name\":\"" name "\",\"isHidden\":false,\"properties\":{\"valueType\":\"" type              \
    "\",\"readWrite\":\"" rw "\"}}"
#define COMMAND(name, rw, resource)                                                                \
    "{\"name\":\"" name "\",\"isHidden\":false,\"readWrite\":\"" rw                                \
    "\",\"resourceOperations\":[{\"deviceResource\":\"" resource "\"}]}"
#define PROFILE(resources, commands)                                                               \
    "{\"name\":\"P\",\"deviceResources\":[" resources "],\"deviceCommands\":[" commands "]}"

static void test_a_profile_round_trips(void)
{
    static const char full[] =
        "{\"created\":1,\"modified\":2,\"id\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"name\":\"P \xe2\x82\xac/1\","
        "\"manufacturer\":\"m\",\"description\":\"d\",\"model\":\"o\",\"labels\":[\"a\"],\"linkedDeviceCount\":3,"
        "\"deviceResources\":[{\"description\":\"d\",\"name\":\"R\",\"isHidden\":true,\"properties\":{\"valueType\":\"Int16\","
        "\"readWrite\":\"RW\",\"units\":\"C\",\"minimum\":0,\"maximum\":100.5,\"defaultValue\":\"0\",\"mask\":18446744073709551615,"
        "\"shift\":-3,\"scale\":0.1,\"offset\":0,\"base\":2,\"assertion\":\"a\",\"mediaType\":\"t\",\"optional\":{\"x\":[1]}},"
        "\"attributes\":{\"startingAddress\":0},\"tags\":{\"t\":\"u\"}}],"
        "\"deviceCommands\":[{\"name\":\"C\",\"isHidden\":false,\"readWrite\":\"R\",\"resourceOperations\":[{\"deviceResource\":\"R\","
        "\"defaultValue\":\"1\",\"mappings\":{\"0\":\"off\",\"1\":\"on\"}}],\"tags\":{\"t\":1}}],\"apiVersion\":\"v3\"}";
    expect_round_trip(&DEVICE_PROFILE, full, full);
    expect_round_trip(
        &DEVICE_PROFILE, "{\"NAME\":\"P\",\"deviceResources\":null,\"unknown\":{}}",
        "{\"name\":\"P\",\"linkedDeviceCount\":0,\"deviceResources\":[],\"deviceCommands\":[],\"apiVersion\":\"v3\"}");
    expect_round_trip(
        &PROFILE_BASIC_INFO, full,
        "{\"created\":1,\"modified\":2,\"id\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"name\":\"P \xe2\x82\xac/1\","
        "\"manufacturer\":\"m\",\"description\":\"d\",\"model\":\"o\",\"labels\":[\"a\"],\"linkedDeviceCount\":3}");
    expect_round_trip(
        &PROFILE_REQUEST,
        "{\"apiVersion\":\"v3\",\"profile\":" PROFILE(RESOURCE("R", "bOOL", "WR"), "") "}",
        "{\"apiVersion\":\"v3\",\"requestId\":\"\",\"profile\":{\"name\":\"P\",\"linkedDeviceCount\":0,\"deviceResources\":[" RESOURCE(
            "R", "Bool", "WR") "],\"deviceCommands\":[],\"apiVersion\":\"v3\"}}");
}

static void test_rules_of_a_profile(void)
{
    /* clang-format off */
    static const struct {
        const char *json, *expect;
    } cases[] = {
        {"{}", "DeviceProfile.name field is required"},
        {PROFILE("{\"name\":\"R\"}", "{\"name\":\"C\"}"),
         "DeviceProfile.deviceResources[0].properties.valueType field is required; "
         "DeviceProfile.deviceResources[0].properties.readWrite field is required; "
         "DeviceProfile.deviceCommands[0].readWrite field is required; "
         "DeviceProfile.deviceCommands[0].resourceOperations field is required"},
        {PROFILE("", "{\"name\":\"C\",\"readWrite\":\"R\",\"resourceOperations\":[]}"),
         "DeviceProfile.deviceCommands[0].resourceOperations field should greater than 0"},
        {PROFILE(RESOURCE("R", "Float", "RX"), ""),
         "DeviceProfile.deviceResources[0].properties.valueType " VALUE_TYPE_FAULT "; "
         "DeviceProfile.deviceResources[0].properties.readWrite field should be one of 'R' 'W' 'RW' 'WR'"},
        {PROFILE(RESOURCE("R", "Bool", "R") "," RESOURCE("x", "binary", "WR"), ""),
         "DeviceProfile write permission not support Binary value type for resource 'x'"},
        {PROFILE(RESOURCE("x", "Bool", "R") "," RESOURCE("x", "Int8", "R"), ""),
         "DeviceProfile device resource x is duplicated"},
        {PROFILE(RESOURCE("R", "Bool", "R"), COMMAND("x", "R", "R") "," COMMAND("x", "R", "R")),
         "DeviceProfile device command x is duplicated"},
        {PROFILE(RESOURCE("R", "Bool", "R"), COMMAND("C", "R", "x")),
         "DeviceProfile device command's resource x doesn't match any device resource"},
        {PROFILE(RESOURCE("R", "Bool", "R"), COMMAND("C", "RW", "R")),
         "DeviceProfile device command's ReadWrite permission 'RW' doesn't align the device resource"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_fault(&DEVICE_PROFILE, cases[i].json, cases[i].expect);
    }
    EDGE_CTX_SCOPE(ctx);
    struct device_profile p;
    CU_ASSERT_EQUAL_FATAL(
        decode(&ctx, &DEVICE_PROFILE,
               PROFILE(RESOURCE("a", "Bool", "RW") "," RESOURCE("b", "Binary", "R"),
                       COMMAND("c", "W", "a") "," COMMAND("a", "R", "b")),
               &p),
        EDGE_OK);
    CU_ASSERT_PTR_EQUAL(profile_resource(&p, "b"), &p.resources[1]);
    CU_ASSERT_PTR_NULL(profile_resource(&p, "c"));
    CU_ASSERT_PTR_EQUAL(profile_command(&p, "a"), &p.commands[1]);
    CU_ASSERT_PTR_NULL(profile_command(&p, "b"));
}

static void test_basic_info_is_patched(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct device_profile p;
    const cJSON *patch = NULL;
    static const char text[] =
        "{\"id\":\"{D5471D59-2810-4EDF-A5F4-5A1C0B3D0C0E}\",\"name\":\"x\",\"description\":\"new\","
        "\"labels\":[\"l\"],\"linkedDeviceCount\":9,\"created\":9,\"deviceResources\":[]}";
    CU_ASSERT_EQUAL_FATAL(
        decode(&ctx, &DEVICE_PROFILE, PROFILE(RESOURCE("R", "Bool", "R"), ""), &p), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, text, strlen(text), NULL, &patch), EDGE_OK);
    CU_ASSERT_EQUAL(edge_dto_patch_try(&ctx, &PROFILE_BASIC_INFO, patch), EDGE_OK);
    CU_ASSERT_EQUAL(edge_dto_patch(&ctx, &PROFILE_BASIC_INFO, patch, &p), EDGE_OK);
    expect_same(
        edge_dto_text(&DEVICE_PROFILE, &p, &ctx.arena),
        "{\"name\":\"P\",\"description\":\"new\",\"labels\":[\"l\"],\"linkedDeviceCount\":0,\"deviceResources\":[" RESOURCE(
            "R", "Bool", "R") "],\"deviceCommands\":[],\"apiVersion\":\"v3\"}");
}

/* ---- official files ------------------------------------------------------------------------ */

static const char *data_dir(struct edge_arena *a)
{
    const char *dir = getenv("EDGE_DATA_DIR");
    const char *source = getenv("EDGE_SOURCE_DIR");
    return dir ? dir : edge_printf(a, "%s/../shared/data", source ? source : ".");
}

/* NULL where there is no such file. */
static const cJSON *read_yaml(struct edge_ctx *ctx, const char *path)
{
    FILE *in = fopen(path, "r");
    if (!in) {
        return NULL;
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    size_t n;
    while ((n = fread(edge_buf_room(&text, 4096), 1, 4096, in)) > 0) {
        text.len += n;
    }
    fclose(in);
    const cJSON *json = NULL;
    enum edge_status st = edge_yaml_parse(ctx, text.data, text.len, NULL, &json);
    if (st != EDGE_OK) {
        printf("\n    %s: %s ", path, edge_ctx_message(ctx, st));
    }
    CU_ASSERT_EQUAL(st, EDGE_OK);
    return json;
}

static size_t profiles_below(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (e->d_name[0] == '.') {
            continue;
        }
        EDGE_CTX_SCOPE(ctx);
        struct device_profile p;
        const char *path = edge_printf(&ctx.arena, "%s/%s", dir, e->d_name);
        const cJSON *json = read_yaml(&ctx, path);
        CU_ASSERT_PTR_NOT_NULL_FATAL(json);
        enum edge_status st = edge_dto_decode(&ctx, &DEVICE_PROFILE, json, &p);
        if (st != EDGE_OK) {
            printf("\n    %s: %s ", path, edge_ctx_message(&ctx, st));
        }
        CU_ASSERT_EQUAL(st, EDGE_OK);
        CU_ASSERT(p.n_resources > 0);
        const char *text = edge_dto_text(&DEVICE_PROFILE, &p, &ctx.arena);
        expect_round_trip(&DEVICE_PROFILE, text, text);
        n++;
    }
    if (d) {
        closedir(d);
    }
    return n;
}

static size_t devices_in(const char *path)
{
    EDGE_CTX_SCOPE(ctx);
    struct device_file file = {0};
    const cJSON *json = read_yaml(&ctx, path);
    if (!json) {
        return 0;
    }
    CU_ASSERT_EQUAL(device_file_decode(&ctx, json, "device-x", &file), EDGE_OK);
    for (size_t i = 0; i < file.n_devices; i++) {
        CU_ASSERT_EQUAL(file.devices[i].admin_state, UNLOCKED);
        CU_ASSERT_EQUAL(file.devices[i].operating_state, OPERATING_UP);
        CU_ASSERT_STRING_EQUAL(file.devices[i].service_name, "device-x");
        CU_ASSERT(file.devices[i].n_protocols > 0);
        CU_ASSERT_EQUAL(edge_dto_check(&ctx, &DEVICE, &file.devices[i]), EDGE_OK);
    }
    return file.n_devices;
}

static void test_official_files_load_unchanged(void)
{
    static const struct {
        const char *service, *devices;
        size_t n_profiles, n_devices;
    } cases[] = {
        {"device-virtual-go", "devices/devices.yaml",             6, 6},
        {"device-modbus-go",  "devices/modbus.test.devices.yaml", 2, 3},
    };
    struct edge_arena a = EDGE_ARENA_INIT;
    const char *data = data_dir(&a);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *dir = edge_printf(&a, "%s/official-profiles/%s", data, cases[i].service);
        size_t profiles = profiles_below(edge_printf(&a, "%s/profiles", dir));
        if (profiles == 0) {
            printf("\n    SKIPPED: no official files below %s ", dir);
            continue;
        }
        CU_ASSERT_EQUAL(profiles, cases[i].n_profiles);
        size_t devices = devices_in(edge_printf(&a, "%s/%s", dir, cases[i].devices));
        CU_ASSERT_EQUAL(devices, cases[i].n_devices);
    }
    edge_arena_done(&a);
}

CU_TestInfo profile_tests[] = {
    {"a profile round-trips",         test_a_profile_round_trips        },
    {"rules of a profile",            test_rules_of_a_profile           },
    {"basic info is patched",         test_basic_info_is_patched        },
    {"official files load unchanged", test_official_files_load_unchanged},
    CU_TEST_INFO_NULL,
};
