/* The virtual device service as a whole, with its own files, beside the real core-metadata. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "device_rig.h"
#include "device_virtual.h"
#include "suites.h"

/* Its configuration with the folders of @p res. */
static const char *config_of(struct edge_ctx *ctx, const char *res)
{
    return edge_printf(&ctx->arena,
                       "Writable:\n  LogLevel: ERROR\nDevice:\n  ProfilesDir: %s/profiles\n"
                       "  DevicesDir: %s/devices\n",
                       res, res);
}

static const char *own_config(struct edge_ctx *ctx)
{
    const char *source = getenv("EDGE_SOURCE_DIR");
    return config_of(
        ctx, edge_printf(&ctx->arena, "%s/services/device-virtual/res", source ? source : "."));
}

static const char *read_value(struct edge_ctx *ctx, struct device_rig *r, const char *target)
{
    const cJSON *answer = ask(ctx, r->device, "GET", target, NULL, 200);
    return text_at(answer, "event.readings.0.value");
}

static void test_every_resource_is_read(void)
{
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &device_virtual, own_config(&ctx));
    static const struct {
        const char *device, *resource, *type;
    } cases[] = {
        {"Random-Boolean-Device",         "Bool",         "Bool"        },
        {"Random-Boolean-Device",         "BoolArray",    "BoolArray"   },
        {"Random-Integer-Device",         "Int8",         "Int8"        },
        {"Random-Integer-Device",         "Int64",        "Int64"       },
        {"Random-Integer-Device",         "Int64Array",   "Int64Array"  },
        {"Random-UnsignedInteger-Device", "Uint64",       "Uint64"      },
        {"Random-UnsignedInteger-Device", "Uint8Array",   "Uint8Array"  },
        {"Random-Float-Device",           "Float32",      "Float32"     },
        {"Random-Float-Device",           "Float64Array", "Float64Array"},
        {"Fixed-Object-Device",           "Object",       "Object"      },
        {"Fixed-Object-Device",           "ObjectArray",  "ObjectArray" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *target = edge_printf(&ctx.arena, "/api/v3/device/name/%s/%s", cases[i].device,
                                         cases[i].resource);
        const cJSON *answer = ask(&ctx, r.device, "GET", target, NULL, 200);
        CU_ASSERT_STRING_EQUAL(text_at(answer, "event.readings.0.valueType"), cases[i].type);
        CU_ASSERT_STRING_EQUAL(text_at(answer, "event.sourceName"), cases[i].resource);
    }
    const cJSON *object =
        ask(&ctx, r.device, "GET", "/api/v3/device/name/Fixed-Object-Device/Object", NULL, 200);
    CU_ASSERT_EQUAL(int_at(object, "event.readings.0.objectValue.key2"), 123);
}

static void test_arrays_have_five_elements(void)
{
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &device_virtual, own_config(&ctx));
    const char *text = read_value(&ctx, &r, "/api/v3/device/name/Random-Integer-Device/Int16Array");
    size_t commas = 0;
    for (const char *c = text; *c; c++) {
        commas += *c == ',';
    }
    CU_ASSERT_EQUAL(commas, 4);
}

static void test_binary_comes_as_cbor(void)
{
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &device_virtual, own_config(&ctx));
    const struct edge_http_request req = {
        .method = "GET", .target = "/api/v3/device/name/Random-Binary-Device/Binary"};
    struct edge_http_response res = {0};
    edge_http_call(r.device->http, &ctx, &req, &res);
    CU_ASSERT_EQUAL(res.code, 200);
    CU_ASSERT_STRING_EQUAL(res.content_type, "application/cbor");
    CU_ASSERT_TRUE(res.body_size > 128);
}

static void test_auto_events_flow(void)
{
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &device_virtual, own_config(&ctx));
    CU_ASSERT_TRUE(events_wait(&r, "Random-Boolean-Device", "Bool", 2));
    CU_ASSERT_TRUE(events_wait(&r, "Random-Integer-Device", "Int64", 1));
    const struct event *e = event_latest(&ctx, &r, "Random-Boolean-Device", "Bool");
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL(e->n_readings, 1);
    CU_ASSERT_STRING_EQUAL(e->profile_name, "Random-Boolean-Device");
    CU_ASSERT_TRUE(e->origin > 0);
}

static void test_writing_stops_randomisation(void)
{
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &device_virtual, own_config(&ctx));
    const char *value = "/api/v3/device/name/Random-Integer-Device/Int64";
    ask(&ctx, r.device, "PUT", value, "{\"Int64\":9223372036854775807}", 200);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_STRING_EQUAL(read_value(&ctx, &r, value), "9223372036854775807");
    }
    ask(&ctx, r.device, "PUT",
        "/api/v3/device/name/Random-Integer-Device/EnableRandomization_Int64",
        "{\"EnableRandomization_Int64\":\"true\"}", 200);
    bool changed = false; /* two draws of 64 bits are not twice the largest */
    for (int i = 0; i < 2; i++) {
        changed = changed || strcmp(read_value(&ctx, &r, value), "9223372036854775807") != 0;
    }
    CU_ASSERT_TRUE(changed);
}

static void test_write_commands_have_defaults(void)
{
    EDGE_CTX_SCOPE(ctx);
    DEVICE_RIG(r, &device_virtual, own_config(&ctx));
    ask(&ctx, r.device, "PUT", "/api/v3/device/name/Random-Float-Device/WriteFloat32ArrayValue",
        "{\"Float32Array\":\"[1.5, 2]\"}", 200);
    CU_ASSERT_STRING_EQUAL(
        read_value(&ctx, &r, "/api/v3/device/name/Random-Float-Device/Float32Array"),
        "[1.5e+00, 2e+00]");
    ask(&ctx, r.device, "PUT", "/api/v3/device/name/Fixed-Object-Device/Object",
        "{\"Object\":{\"a\":[1,2]}}", 200);
    const cJSON *object =
        ask(&ctx, r.device, "GET", "/api/v3/device/name/Fixed-Object-Device/Object", NULL, 200);
    CU_ASSERT_EQUAL(int_at(object, "event.readings.0.objectValue.a.1"), 2);
    ask(&ctx, r.device, "PUT", "/api/v3/device/name/Random-Binary-Device/Binary",
        "{\"Binary\":\"AAAA\"}", 405);
}

static void test_official_files_load_unchanged(void)
{
    EDGE_CTX_SCOPE(ctx);
    const char *dir = data_dir(&ctx.arena, "official-profiles");
    if (!dir) {
        return;
    }
    DEVICE_RIG(r, &device_virtual,
               config_of(&ctx, edge_printf(&ctx.arena, "%s/device-virtual-go", dir)));
    const cJSON *devices =
        ask(&ctx, r.metadata, "GET", "/api/v3/device/service/name/device-virtual", NULL, 200);
    CU_ASSERT_EQUAL(int_at(devices, "totalCount"), 6);
    const cJSON *profiles = ask(&ctx, r.metadata, "GET", "/api/v3/deviceprofile/all", NULL, 200);
    CU_ASSERT_EQUAL(int_at(profiles, "totalCount"), 6);
    ask(&ctx, r.device, "PUT", "/api/v3/device/name/Random-Boolean-Device/WriteBoolArrayValue",
        "{\"BoolArray\":\"[true, false]\"}", 200);
    CU_ASSERT_STRING_EQUAL(
        read_value(&ctx, &r, "/api/v3/device/name/Random-Boolean-Device/BoolArray"),
        "[true, false]");
}

CU_TestInfo device_virtual_tests[] = {
    {"every resource is read",        test_every_resource_is_read       },
    {"arrays have five elements",     test_arrays_have_five_elements    },
    {"binary comes as CBOR",          test_binary_comes_as_cbor         },
    {"auto-events flow",              test_auto_events_flow             },
    {"writing stops randomisation",   test_writing_stops_randomisation  },
    {"write commands have defaults",  test_write_commands_have_defaults },
    {"official files load unchanged", test_official_files_load_unchanged},
    CU_TEST_INFO_NULL,
};
