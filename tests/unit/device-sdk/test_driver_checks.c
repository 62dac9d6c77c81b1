/* What a driver's tables cannot say of addresses and attributes, its functions do: before anything is stored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "capture.h"
#include "devsdk/test.h"
#include "scratch.h"
#include "suites.h"

struct address {
    const char *host;
    size_t host_size; /* filled in by check_addr() */
};
struct attribute {
    uint8_t reg;
    unsigned doubled; /* filled in by check_attr() */
};

/* clang-format off */
static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, host, "Host", DEVSDK_STRING, .required = true),
    {0},
};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, reg, "reg", DEVSDK_U8, .max = 9),
    {0},
};
/* clang-format on */

static devsdk_result check_attr(const devsdk_point *point, void *attr, char *why, size_t size)
{
    struct attribute *a = attr;
    if (point->type == DEVSDK_BOOL && a->reg % 2 == 1) {
        snprintf(why, size, "reg: %u is odd, %s is a Bool", (unsigned)a->reg, point->name);
        return DEVSDK_INVALID;
    }
    a->doubled = 2u * a->reg;
    return DEVSDK_OK;
}

static devsdk_result check_addr(const char *protocol, void *addr, char *why, size_t size)
{
    struct address *a = addr;
    if (strcmp(a->host, "mute") == 0) {
        return DEVSDK_INVALID;
    }
    if (strcmp(a->host, "nowhere") == 0) {
        snprintf(why, size, "Host: %s has no %s", a->host, protocol);
        return DEVSDK_INVALID;
    }
    a->host_size = strlen(a->host);
    return DEVSDK_OK;
}

static devsdk_result read_made(devsdk_device *dev, devsdk_request *r)
{
    const struct address *addr = devsdk_addr(dev);
    const struct attribute *a = devsdk_attr(r, 0);
    return devsdk_set_uint(r, 0, a->doubled + addr->host_size);
}

static const devsdk_driver driver = {
    .abi = DEVSDK_ABI,
    .name = "device-checks",
    .version = "1.0.0",
    .protocols = (const devsdk_protocol[]){{"tcp", address_fields}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .read = read_made,
    .check_attr = check_attr,
    .check_addr = check_addr,
};

static const char sound[] =
    "name: sound\n"
    "deviceResources:\n"
    "  - {name: A, attributes: {reg: 1}, properties: {valueType: Int16, readWrite: R}}\n"
    "  - {name: B, attributes: {reg: 2}, properties: {valueType: Bool, readWrite: R}}\n";

static const char odd[] =
    "name: odd\n"
    "deviceResources:\n"
    "  - {name: A, attributes: {reg: 1}, properties: {valueType: Int16, readWrite: R}}\n"
    "  - {name: B, attributes: {reg: 3}, properties: {valueType: Bool, readWrite: R}}\n";

#define DEVICE(name, profile, host)                                                                \
    "name: " name "\nprofileName: " profile "\nprotocols: {tcp: {Host: " host "}}\n"

static void expect_refused(devsdk_test *t, const char *device, const char *why)
{
    CU_ASSERT_EQUAL(devsdk_test_device(t, device), 500); /* as where validate() refuses */
    if (!strstr(devsdk_test_text(t), why)) {
        fprintf(stderr, "not '%s': %s\n", why, devsdk_test_text(t));
        CU_FAIL("another reason");
    }
}

static void test_what_is_filled_in_is_kept(void)
{
    devsdk_test *t = devsdk_test_start(&driver, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, sound), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(t, DEVICE("d", "sound", "north")), 201);
    const devsdk_test_result *r = devsdk_test_read(t, "d", "A", NULL);
    CU_ASSERT_EQUAL(r->status, 200);
    const char *value = devsdk_test_value(r, "A");
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    CU_ASSERT_STRING_EQUAL(value, "7"); /* twice the register, and five letters */
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_devices_are_refused_with_the_reason(void)
{
    devsdk_test *t = devsdk_test_start(&driver, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, sound), 201);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, odd), 201);
    expect_refused(t, DEVICE("n", "sound", "nowhere"), "Host: nowhere has no tcp");
    expect_refused(t, DEVICE("m", "sound", "mute"), "the driver does not take this address");
    expect_refused(t, DEVICE("o", "odd", "north"), "B: reg: 3 is odd, B is a Bool");
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

/* A profile of the service's own folder: the file, the resource and the key are named, and it is not there. */
static void test_a_profile_file_is_refused(void)
{
    static const char said[] = "file not taken up", names[] = "B: reg: 3 is odd";
    SCRATCH(dir);
    char config[256], path[128];
    snprintf(path, sizeof(path), "%s/odd.yaml", dir.path);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(odd, f);
    fclose(f);
    snprintf(config, sizeof(config), "Device:\n  ProfilesDir: %s\n", dir.path);
    capture_start();
    devsdk_test *t = devsdk_test_start(&driver, config);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, sound), 201);
    CU_ASSERT_EQUAL(devsdk_test_device(t, DEVICE("d", "odd", "north")),
                    400); /* there is no such profile */
    char *text = capture_end();
    CU_ASSERT_PTR_NOT_NULL(strstr(text, said));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, path));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, names));
    free(text);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

CU_TestInfo driver_checks_tests[] = {
    {"what is filled in is kept",           test_what_is_filled_in_is_kept          },
    {"devices are refused with the reason", test_devices_are_refused_with_the_reason},
    {"a profile file is refused",           test_a_profile_file_is_refused          },
    CU_TEST_INFO_NULL,
};
