/* What devices post, as the platform takes it: the real route beside the real core-metadata. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "device_rest.h"
#include "devsdk/test.h"
#include "edge/http.h"
#include "edge/service.h"
#include "suites.h"
#include "testkit.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char all_types[] =
    "name: all\n"
    "deviceResources:\n"
    "- {name: Bool, properties: {valueType: Bool, readWrite: R}}\n"
    "- {name: Int8, properties: {valueType: Int8, readWrite: R}}\n"
    "- {name: Int16, properties: {valueType: Int16, readWrite: R}}\n"
    "- {name: Int32, properties: {valueType: Int32, readWrite: R}}\n"
    "- {name: Int64, properties: {valueType: Int64, readWrite: RW}}\n"
    "- {name: Uint8, properties: {valueType: Uint8, readWrite: R}}\n"
    "- {name: Uint16, properties: {valueType: Uint16, readWrite: R}}\n"
    "- {name: Uint32, properties: {valueType: Uint32, readWrite: R}}\n"
    "- {name: Uint64, properties: {valueType: Uint64, readWrite: R}}\n"
    "- {name: Float32, properties: {valueType: Float32, readWrite: R}}\n"
    "- {name: Float64, properties: {valueType: Float64, readWrite: R}}\n"
    "- {name: String, properties: {valueType: String, readWrite: R}}\n"
    "- {name: Binary, properties: {valueType: Binary, readWrite: R, mediaType: image/png}}\n"
    "- {name: Object, properties: {valueType: Object, readWrite: R, mediaType: application/json}}\n"
    "- {name: Ints, properties: {valueType: Int16Array, readWrite: R}}\n"
    "- {name: Reals, properties: {valueType: Float64Array, readWrite: R}}\n"
    "- {name: Texts, properties: {valueType: StringArray, readWrite: R}}\n"
    "- {name: Deep, attributes: {jsonPointer: /a/0}, properties: {valueType: Int32, readWrite: R}}\n"
    "- {name: Mute, properties: {valueType: Int32, readWrite: W}}\n"
    "- {name: Both, properties: {valueType: Int32, readWrite: R}}\n"
    "deviceCommands:\n"
    "- {name: Some, readWrite: R, resourceOperations: [{deviceResource: Int8}, {deviceResource: String}, {deviceResource: Object}]}\n"
    "- {name: Foreign, readWrite: R, resourceOperations: [{deviceResource: Deep}, {deviceResource: Bool}]}\n"
    "- {name: Both, readWrite: R, resourceOperations: [{deviceResource: Both}, {deviceResource: Bool}]}\n";

static devsdk_test *begin(void)
{
    devsdk_test *t = devsdk_test_start(&device_rest, NULL);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_status(t), 200);
    CU_ASSERT_EQUAL_FATAL(devsdk_test_profile(t, all_types), 201);
    CU_ASSERT_EQUAL_FATAL(
        devsdk_test_device(t, "{name: d, profileName: all, protocols: {other: {}}}"), 201);
    return t;
}

static void end(devsdk_test *t)
{
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

/* The code; what is not it, or lacks @p text, is printed. */
static bool post(devsdk_test *t, const char *target, const char *type, const void *body, size_t n,
                 int code, const char *text)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response res;
    char path[256];
    snprintf(path, sizeof(path), "/api/v3/resource/%s", target);
    const struct edge_http_request req = {
        .method = "POST", .target = path, .content_type = type, .body = body, .body_size = n};
    edge_http_call(t->rig.device->http, &ctx, &req, &res);
    bool right = res.code == code && strstr(res.body, text);
    if (!right) {
        fprintf(stderr, "POST %s: %d %s\n", path, res.code, res.body);
    }
    return right;
}

static bool post_text(devsdk_test *t, const char *target, const char *body, int code,
                      const char *text)
{
    return post(t, target, "text/plain", body, strlen(body), code, text);
}

/* ---- values ---------------------------------------------------------------------------------------- */

static void test_values_of_all_types_become_events(void)
{
    static const struct {
        const char *resource, *body, *value;
    } cases[] = {
        {"Bool",    "true",                 "true"                },
        {"Int8",    "-128",                 "-128"                },
        {"Int16",   " 32767\n",             "32767"               },
        {"Int32",   "-7",                   "-7"                  },
        {"Int64",   "9223372036854775807",  "9223372036854775807" },
        {"Uint8",   "255",                  "255"                 },
        {"Uint16",  "65535",                "65535"               },
        {"Uint32",  "4294967295",           "4294967295"          },
        {"Uint64",  "18446744073709551615", "18446744073709551615"},
        {"Float32", "1.5",                  "1.5e+00"             },
        {"Float64", "-2.25e-3",             "-2.25e-03"           },
        {"String",  "hot & \"dry\" ü",     "hot & \"dry\" ü"    },
        {"Ints",    "[1, -2,3]",            "[1, -2, 3]"          },
        {"Reals",   "[1.5]",                "[1.5e+00]"           },
        {"Texts",   "[\"a\", \"b\"]",       "[\"a\",\"b\"]"       },
        {"Deep",    "{\"a\": [42.0]}",      "42"                  },
        {"Both",    "5",                    "5"                   },
    };
    devsdk_test *t = begin();
    for (size_t i = 0; i < N(cases); i++) {
        char target[64];
        snprintf(target, sizeof(target), "d/%s", cases[i].resource);
        CU_ASSERT_TRUE(post_text(t, target, cases[i].body, 200, ""));
        const devsdk_test_result *e = devsdk_test_event(t, "d", cases[i].resource, 10000);
        CU_ASSERT_PTR_NOT_NULL_FATAL(e);
        CU_ASSERT_EQUAL(e->n, 1);
        const char *value = devsdk_test_value(e, cases[i].resource);
        if (!value || strcmp(value, cases[i].value) != 0) {
            fprintf(stderr, "%s: %s\n", cases[i].resource, value ? value : "none");
        }
        CU_ASSERT_TRUE(value && strcmp(value, cases[i].value) == 0);
    }
    end(t);
}

static void test_bytes_and_documents_say_what_they_are(void)
{
    devsdk_test *t = begin();
    CU_ASSERT_TRUE(post(t, "d/Binary", "image/png", "\x89PNG\0\1", 6, 200, ""));
    const devsdk_test_result *e = devsdk_test_event(t, "d", "Binary", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL_FATAL(e->readings[0].n, 6);
    CU_ASSERT_EQUAL(memcmp(e->readings[0].bytes, "\x89PNG\0\1", 6), 0);
    CU_ASSERT_STRING_EQUAL(e->readings[0].media_type, "image/png");
    CU_ASSERT_TRUE(
        post(t, "d/Object", "application/json; charset=utf-8", "{\"a\": 1}", 8, 200, ""));
    e = devsdk_test_event(t, "d", "Object", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Object"), "{\"a\":1}");
    CU_ASSERT_TRUE(post(t, "d/Binary", "image/jpeg", "x", 1, 400, "image/png"));
    CU_ASSERT_TRUE(post(t, "d/Object", "text/plain", "{}", 2, 400, "application/json"));
    CU_ASSERT_TRUE(post(t, "d/Object", "application/json", "[1]", 3, 400, "is no Object"));
    CU_ASSERT_TRUE(post(t, "d/Object", "application/json", "{\"a\":", 5, 400, "is no Object"));
    CU_ASSERT_PTR_NULL(devsdk_test_event(t, NULL, NULL, 50));
    end(t);
}

static void test_what_cannot_be_is_refused_with_its_reason(void)
{
    static const struct {
        const char *target, *body;
        int code;
        const char *text;
    } cases[] = {
        {"d/Int8",    "",                     400, "the body is empty"          },
        {"d/Int8",    " ",                    400, "Int8: what came is empty"   },
        {"d/Int8",    "128",                  400, "'128' is no Int8"           },
        {"d/Int8",    "1.5",                  400, "is no Int8"                 },
        {"d/Int8",    "abc",                  400, "'abc' is no Int8"           },
        {"d/Uint8",   "-1",                   400, "is no Uint8"                },
        {"d/Uint64",  "18446744073709551616", 400, "is no Uint64"               },
        {"d/Bool",    "yes",                  400, "is no Bool"                 },
        {"d/Float32", "1e39",                 400, "is no Float32"              },
        {"d/Ints",    "[1, a]",               400, "is no Int16Array"           },
        {"d/Ints",    "7",                    400, "is no Int16Array"           },
        {"d/String",  "\xff\xfe",             400, "is not UTF-8"               },
        {"d/Deep",    "{\"a\": []}",          400, "nothing where jsonPointer"  },
        {"d/Deep",    "<a/>",                 400, "is no JSON"                 },
        {"d/Deep",    "{\"a\": [{}]}",        400, "is no Int32"                },
        {"d/Nope",    "1",                    404, "no resource or command Nope"},
        {"x/Int8",    "1",                    404, "device x not found"         },
        {"d/Mute",    "1",                    405, "cannot be read"             },
    };
    devsdk_test *t = begin();
    for (size_t i = 0; i < N(cases); i++) {
        CU_ASSERT_TRUE(post_text(t, cases[i].target, cases[i].body, cases[i].code, cases[i].text));
    }
    CU_ASSERT_PTR_NULL(devsdk_test_event(t, NULL, NULL, 50));
    end(t);
}

/* ---- commands ---------------------------------------------------------------------------------------- */

static void test_a_command_takes_an_object(void)
{
    devsdk_test *t = begin();
    CU_ASSERT_TRUE(post_text(
        t, "d/Some", "{\"Int8\": 7, \"String\": \"a\\nb\", \"Object\": {\"x\": [1]}}", 200, ""));
    const devsdk_test_result *e = devsdk_test_event(t, "d", "Some", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL(e->n, 3);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Int8"), "7");
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "String"), "a\nb");
    CU_ASSERT_TRUE(
        post_text(t, "d/Some", "{\"Int8\": \"8\"}", 200, "")); /* the others are left out */
    e = devsdk_test_event(t, "d", "Some", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_EQUAL(e->n, 1);
    CU_ASSERT_TRUE(
        post_text(t, "d/Foreign", "{\"a\": [3, 4], \"Bool\": true, \"more\": {}}", 200, ""));
    e = devsdk_test_event(t, "d", "Foreign", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Deep"), "3");
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(e, "Bool"), "true");
    CU_ASSERT_TRUE(post_text(t, "d/Some", "{\"Int8\": null}", 200, ""));
    e = devsdk_test_event(t, "d", "Some", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_PTR_NULL(e->readings[0].value);
    end(t);
}

static void test_a_command_is_taken_whole_or_not_at_all(void)
{
    devsdk_test *t = begin();
    CU_ASSERT_TRUE(post_text(t, "d/Some", "", 400, "the body is empty"));
    CU_ASSERT_TRUE(post_text(t, "d/Some", "7", 400, "JSON object"));
    CU_ASSERT_TRUE(post_text(t, "d/Some", "[]", 400, "JSON object"));
    CU_ASSERT_TRUE(post_text(t, "d/Some", "{}", 400, "no value"));
    CU_ASSERT_TRUE(post_text(t, "d/Some", "{\"Int8\": 7, \"Strin\": 1}", 400,
                             "Strin is no resource of the command"));
    CU_ASSERT_TRUE(
        post_text(t, "d/Some", "{\"String\": \"a\", \"Int8\": 700}", 400, "'700' is no Int8"));
    CU_ASSERT_TRUE(post_text(t, "d/Some", "{\"Object\": 3}", 400, "is no Object"));
    CU_ASSERT_PTR_NULL(devsdk_test_event(t, NULL, NULL, 50));
    end(t);
}

/* ---- who may not ----------------------------------------------------------------------------------------- */

static void test_a_locked_device_is_not_heard(void)
{
    devsdk_test *t = begin();
    CU_ASSERT_EQUAL(devsdk_test_change(t, "{name: d, adminState: LOCKED}"), 200);
    CU_ASSERT_TRUE(post_text(t, "d/Int8", "1", 423, "device d locked"));
    CU_ASSERT_TRUE(post_text(t, "d/Some", "{\"Int8\": 1}", 423, "device d locked"));
    CU_ASSERT_TRUE(post_text(t, "d/Nope", "1", 404, ""));
    CU_ASSERT_EQUAL(devsdk_test_change(t, "{name: d, adminState: UNLOCKED}"), 200);
    CU_ASSERT_TRUE(post_text(t, "d/Int8", "1", 200, ""));
    CU_ASSERT_EQUAL(devsdk_test_remove(t, "d"), 200);
    CU_ASSERT_TRUE(post_text(t, "d/Int8", "1", 404, "device d not found"));
    end(t);
}

static void test_one_way_devices_are_not_asked(void)
{
    devsdk_test *t = begin();
    CU_ASSERT_EQUAL(devsdk_test_read(t, "d", "Int8", NULL)->status, 405);
    CU_ASSERT_EQUAL(devsdk_test_write(t, "d", "Int64", "{\"Int64\": \"1\"}")->status, 405);
    CU_ASSERT_TRUE(devsdk_test_is_up(t, "d"));
    end(t);
}

CU_TestInfo rest_in_tests[] = {
    {"values of all types become events",         test_values_of_all_types_become_events        },
    {"bytes and documents say what they are",     test_bytes_and_documents_say_what_they_are    },
    {"what cannot be is refused with its reason", test_what_cannot_be_is_refused_with_its_reason},
    {"a command takes an object",                 test_a_command_takes_an_object                },
    {"a command is taken whole or not at all",    test_a_command_is_taken_whole_or_not_at_all   },
    {"a locked device is not heard",              test_a_locked_device_is_not_heard             },
    {"one-way devices are not asked",             test_one_way_devices_are_not_asked            },
    CU_TEST_INFO_NULL,
};
