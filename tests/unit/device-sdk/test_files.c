/* The files a device service brings along: what is sound is created whatever stands beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture.h"
#include "device_rig.h"
#include "suites.h"

struct address {
    uint8_t slot;
};

static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, slot, "Slot", DEVSDK_U8, .max = 9),
    {0},
};

static devsdk_result read_nothing(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    return devsdk_fail(r, DEVSDK_TIMEOUT, "nothing to read");
}

static const devsdk_driver driver = {
    .abi = DEVSDK_ABI,
    .name = "device-files",
    .doc = "Brings files along.",
    .protocols = (const devsdk_protocol[]){{"Test", address_fields}, {0}},
    .addr_size = sizeof(struct address),
    .read = read_nothing,
};

enum { N_DEVICES = 150, REFUSED = 40, UNSOUND = 120 };

static FILE *open_file(const struct scratch *dir, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    return f;
}

/* One the driver refuses, one that is no device at all. */
static void write_devices(const struct scratch *dir)
{
    FILE *f = open_file(dir, "devices.json");
    for (int i = 0; i < N_DEVICES; i++) {
        fprintf(f,
                "%s{\"name\":\"D%d\",\"adminState\":\"%s\",\"operatingState\":\"UP\","
                "\"protocols\":{\"Test\":{\"Slot\":%d}}}",
                i > 0 ? "," : "[", i, i == UNSOUND ? "AJAR" : "UNLOCKED", i == REFUSED ? 77 : 1);
    }
    fputs("]", f);
    fclose(f);
    f = open_file(dir, "another.json"); /* no list: named, and nothing else suffers */
    fputs("{\"name\":\"alone\"}", f);
    fclose(f);
}

static void test_one_bad_device_drops_no_other(void)
{
    SCRATCH(dir);
    write_devices(&dir);
    char config[256];
    snprintf(config, sizeof(config),
             "Writable:\n  LogLevel: ERROR\nDevice:\n  DevicesDir: %s\n  ProfilesDir: \"\"\n",
             dir.path);
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &driver, config);
    wait_for_code(r.metadata, "/api/v3/device/name/D149", 200);
    for (int i = 0; i < N_DEVICES; i++) {
        bool bad = i == REFUSED || i == UNSOUND;
        ask(&ctx, r.metadata, "GET", edge_printf(&ctx.arena, "/api/v3/device/name/D%d", i), NULL,
            bad ? 404 : 200);
    }
}

static bool is_told(void *arg)
{
    char *text = capture_text();
    bool told = capture_count(text, arg) > 0;
    free(text);
    return told;
}

/* A conflict of another sort than that it is there. */
static void test_a_conflict_is_told(void)
{
    static char refused[] = "device=second";
    SCRATCH(dir);
    FILE *f = open_file(&dir, "circle.json");
    static const char *const devices[][2] = {
        {"first",  "second"},
        {"second", "first" },
        {"third",  ""      }
    };
    for (size_t i = 0; i < 3; i++) {
        fprintf(f, "%s{\"name\":\"%s\",\"parent\":\"%s\",\"protocols\":{\"Test\":{\"Slot\":1}}}",
                i > 0 ? "," : "[", devices[i][0], devices[i][1]);
    }
    fputs("]", f);
    fclose(f);
    char config[256];
    snprintf(config, sizeof(config),
             "Writable:\n  LogLevel: ERROR\nDevice:\n  DevicesDir: %s\n  ProfilesDir: \"\"\n",
             dir.path);
    EDGE_CTX_SCOPE(ctx);
    capture_start();
    DEVICE_RIG(r, &driver, config);
    wait_for_code(r.metadata, "/api/v3/device/name/third", 200);
    bool told = wait_until(is_told, refused, 10000);
    free(capture_end());
    CU_ASSERT_TRUE(told);
    ask(&ctx, r.metadata, "GET", "/api/v3/device/name/second", NULL, 404);
}

CU_TestInfo files_tests[] = {
    {"one bad device drops no other", test_one_bad_device_drops_no_other},
    {"a conflict is told",            test_a_conflict_is_told           },
    CU_TEST_INFO_NULL,
};
