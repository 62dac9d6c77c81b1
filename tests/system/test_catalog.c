/* What a device service knows of devices and profiles: files it brings along, of which some are bad, and
 * profiles that change while it has no device of them. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "platform.h"
#include "suites.h"

enum { DEVICES = 150, BAD = 77, PATIENCE = 30 * 1000 };

static void write_devices(struct platform *p, char *path, size_t size)
{
    snprintf(path, size, "%s/fleet", p->dir.path);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    char file[160];
    snprintf(file, sizeof(file), "%s/devices.json", path);
    FILE *f = fopen(file, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int i = 0; i < DEVICES; i++) {
        fprintf(f, "%s{\"name\":\"fleet-%d\",\"profileName\":\"%s\",\"protocols\":{\"other\":{}}}",
                i ? ",\n" : "[", i, i == BAD ? "NoSuchProfile" : "Random-Integer-Device");
    }
    fputs("]\n", f);
    fclose(f);
    p->devices_dir = path;
    p->expected_devices = DEVICES - 1;
}

static int times_logged(const struct platform *p, const char *text)
{
    char path[128], line[4096];
    snprintf(path, sizeof(path), "%s/device-virtual.log", p->dir.path);
    FILE *f = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    int n = 0;
    while (fgets(line, sizeof(line), f)) {
        n += strstr(line, text) != NULL;
    }
    fclose(f);
    return n;
}

/* Core-metadata asks the service about each device over the bus, and comes late here. */
static void test_one_bad_device_keeps_out_nobody_else(void)
{
    struct platform p __attribute__((cleanup(platform_done)));
    char devices[128];
    platform_make(&p, SHAPE_SPLIT);
    write_devices(&p, devices, sizeof(devices));
    platform_start_broker(&p);
    platform_start(&p, KEEPER);
    platform_start(&p, VIRTUAL);
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    EDGE_CTX_SCOPE(ctx);
    expect(&ctx, &p, METADATA, "GET", "/api/v3/device/name/fleet-149", NULL, 200);
    expect(&ctx, &p, METADATA, "GET", "/api/v3/device/name/fleet-77", NULL, 404);
    CU_ASSERT_EQUAL(times_logged(&p, "device of a file refused"), 1);
    CU_ASSERT_EQUAL(times_logged(&p, "device=fleet-77"), 1);
}

static int read_of(const struct platform *p, const char *resource)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, p, COMMAND, "GET",
                edge_printf(&ctx.arena, "/api/v3/device/name/Changing/%s", resource), NULL, NULL);
}

struct wanted {
    const struct platform *p;
    const char *resource;
    int code;
};

static bool reads(void *arg)
{
    const struct wanted *w = arg;
    return read_of(w->p, w->resource) == w->code;
}

#define RESOURCE(name)                                                                             \
    "{\"name\":\"" name "\",\"properties\":{\"valueType\":\"Int8\",\"readWrite\":\"R\"}}"
#define PROFILE(resources)                                                                         \
    "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"Changed\",\"deviceResources\":[" resources    \
    "]}}]"

static void add_device(struct edge_ctx *ctx, const struct platform *p)
{
    const cJSON *answer = expect(
        ctx, p, METADATA, "POST", "/api/v3/device",
        "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"Changing\",\"profileName\":\"Changed\","
        "\"serviceName\":\"device-virtual\",\"adminState\":\"UNLOCKED\","
        "\"operatingState\":\"UP\",\"protocols\":{\"other\":{}}}}]",
        207);
    CU_ASSERT_EQUAL(int_at(answer, "0.statusCode"), 201);
}

static void check_reads(const struct platform *p, const char *resource, int code)
{
    CU_ASSERT_TRUE(wait_until(reads, &(struct wanted){p, resource, code}, PATIENCE));
}

static void test_a_profile_is_taken_as_it_is_now(void)
{
    PLATFORM(p, SHAPE_ONE);
    EDGE_CTX_SCOPE(ctx);
    expect(&ctx, &p, METADATA, "POST", "/api/v3/deviceprofile", PROFILE(RESOURCE("First")), 207);
    add_device(&ctx, &p);
    check_reads(&p, "First", 200);
    CU_ASSERT_EQUAL(read_of(&p, "Second"), 404);
    /* a resource more while nobody has the profile */
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/device/name/Changing", NULL, 200);
    expect(
        &ctx, &p, METADATA, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"Changed\",\"resource\":" RESOURCE("Second") "}]",
        207);
    add_device(&ctx, &p);
    check_reads(&p, "First", 200);
    check_reads(&p, "Second", 200);
    /* the whole of it put anew */
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/device/name/Changing", NULL, 200);
    expect(&ctx, &p, METADATA, "PUT", "/api/v3/deviceprofile", PROFILE(RESOURCE("Second")), 207);
    add_device(&ctx, &p);
    check_reads(&p, "Second", 200);
    check_reads(&p, "First", 404);
    /* deleted and added anew, and while it is used */
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/device/name/Changing", NULL, 200);
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/deviceprofile/name/Changed", NULL, 200);
    expect(&ctx, &p, METADATA, "POST", "/api/v3/deviceprofile", PROFILE(RESOURCE("Third")), 207);
    add_device(&ctx, &p);
    check_reads(&p, "Third", 200);
    check_reads(&p, "Second", 404);
    expect(
        &ctx, &p, METADATA, "POST", "/api/v3/deviceprofile/resource",
        "[{\"apiVersion\":\"v3\",\"profileName\":\"Changed\",\"resource\":" RESOURCE("Fourth") "}]",
        207);
    check_reads(&p, "Fourth", 200);
}

CU_TestInfo catalog_tests[] = {
    {"one bad device keeps out nobody else", test_one_bad_device_keeps_out_nobody_else},
    {"a profile is taken as it is now",      test_a_profile_is_taken_as_it_is_now     },
    CU_TEST_INFO_NULL,
};
