/* Payloads, paths and topics, without a broker: what is read and written, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/mqtt_path.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_value.h"
#include "suites.h"

#define N(table) (sizeof(table) / sizeof((table)[0]))

static void expect(const char *got, const char *wanted, const char *of)
{
    CU_ASSERT_STRING_EQUAL(got, wanted);
    if (strcmp(got, wanted) != 0) {
        printf("%s: got '%s', not '%s'\n", of, got, wanted);
    }
}

/* ---- paths ---------------------------------------------------------------------------------------------------- */

static void test_paths_name_one_value(void)
{
    const char *text = "{\"a\":{\"b\":[10,{\"c d\":\"x\"},[30]]},\"a.b\":1,\"\":2,\"0\":3}";
    static const struct {
        const char *path, *value;
    } cases[] = {
        {"$.a.b[0]",              "10"   },
        {"a.b[0]",                "10"   },
        {"$['a']['b'][1]['c d']", "\"x\""},
        {"$.a.b[1][\"c d\"]",     "\"x\""},
        {"$.a.b[-1][0]",          "30"   },
        {"$['a.b']",              "1"    },
        {"$['']",                 "2"    },
        {"$.0",                   "3"    },
        {"$.a.b[3]",              NULL   },
        {"$.a.b[-4]",             NULL   },
        {"$.x",                   NULL   },
        {"$.a.b.c",               NULL   },
        {"$[0]",                  NULL   },
        {"$.a.b[0].x",            NULL   }
    };
    devsdk_json json = devsdk_json_parse(text, strlen(text));
    CU_ASSERT_EQUAL_FATAL(json.kind, DEVSDK_JSON_OBJECT);
    for (size_t i = 0; i < N(cases); i++) {
        CU_ASSERT_PTR_NULL(mqtt_path_fault(cases[i].path));
        char got[64] = "none";
        devsdk_json found = mqtt_path_find(json, cases[i].path);
        if (found.kind != DEVSDK_JSON_NONE) {
            snprintf(got, sizeof(got), "%.*s", (int)found.n, found.text);
        }
        expect(got, cases[i].value ? cases[i].value : "none", cases[i].path);
    }
    CU_ASSERT_EQUAL(mqtt_path_find(json, "$").n, strlen(text));
}

static void test_paths_to_more_are_refused(void)
{
    static const char *const bad[] = {
        "",      ".a",      "$a.b[",     "$.",    "$..a",       "$.*",
        "$[*]",  "$.a[]",   "$[01]",     "$[-0]", "$[1:2]",     "$['a]",
        "$['a'", "$['a'x]", "$[?(@.a)]", "$.a b", "$['a\\'b']", "$[1234567890]",
        "$.a]",  "a..b",    "$\xff"};
    for (size_t i = 0; i < N(bad); i++) {
        CU_ASSERT_PTR_NOT_NULL(mqtt_path_fault(bad[i]));
        if (!mqtt_path_fault(bad[i])) {
            printf("taken: %s\n", bad[i]);
        }
    }
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

/* The value as a text: its type's first letter and what it holds; or why not. */
static void show(const devsdk_value *v, char *ret, size_t size)
{
    if (v->type == DEVSDK_NULL) {
        snprintf(ret, size, "null");
    } else {
        const char *kind = v->type == DEVSDK_STRING ? "s" : v->type == DEVSDK_BINARY ? "b" : "o";
        snprintf(ret, size, "%s:%.*s", kind, (int)v->n, (const char *)v->p);
    }
}

static void test_values_are_read(void)
{
    static const struct {
        const char *payload;
        devsdk_type type;
        const char *wanted;
    } cases[] = {
        {"12",                     DEVSDK_I16,    "s:12"                   },
        {" 12\n",                  DEVSDK_I16,    "s:12"                   },
        {"\"12\"",                 DEVSDK_I16,    "s:12"                   },
        {"\" 12 \"",               DEVSDK_I16,    "s:12"                   },
        {"12.0",                   DEVSDK_I16,    "s:12"                   },
        {"1.2e1",                  DEVSDK_U8,     "s:12"                   },
        {"\"1.2e1\"",              DEVSDK_U8,     "s:12"                   },
        {"1e19",                   DEVSDK_U64,    "s:10000000000000000000" },
        {"18446744073709551615",   DEVSDK_U64,    "s:18446744073709551615" },
        {"1e20",                   DEVSDK_U64,    "is out of range"        },
        {"1e999",                  DEVSDK_I8,     "is out of range"        },
        {"12.5",                   DEVSDK_I16,    "is no whole number"     },
        {"\"12.5\"",               DEVSDK_I16,    "is no whole number"     },
        {"12.5",                   DEVSDK_F32,    "s:12.5"                 },
        {"1e3",                    DEVSDK_F64,    "s:1e3"                  },
        {"true",                   DEVSDK_BOOL,   "s:true"                 },
        {"on",                     DEVSDK_BOOL,   "s:on"                   }, /* devsdk_set() refuses */
        {"",                       DEVSDK_BOOL,   "is empty"               },
        {"\"\"",                   DEVSDK_I8,     "is empty"               },
        {"",                       DEVSDK_STRING, "s:"                     },
        {"hello there",            DEVSDK_STRING, "s:hello there"          },
        {"\"he\\\"y\\u0041\"",     DEVSDK_STRING, "s:he\"yA"               },
        {"21.50",                  DEVSDK_STRING, "s:21.50"                },
        {"\xff",                   DEVSDK_STRING, "is no text"             },
        {"{\"a\":1}",              DEVSDK_STRING, "is an object"           },
        {"[1]",                    DEVSDK_I8,     "is a list"              },
        {"null",                   DEVSDK_I8,     "null"                   },
        {"{\"r\": 5}",             DEVSDK_I8,     "s:5"                    },
        {"{\"r\": {\"r\": 5}}",    DEVSDK_OBJECT, "o:{\"r\":5}"            },
        {"{\"x\": \"a b\\\" c\"}", DEVSDK_OBJECT, "o:{\"x\":\"a b\\\" c\"}"},
        {"nothing",                DEVSDK_OBJECT, "is no JSON"             },
        {"5",                      DEVSDK_OBJECT, "is a single value"      },
        {"[ 1 ,\t2 ]",             DEVSDK_ARRAY,  "o:[1,2]"                },
        {"\"[1,2]\"",              DEVSDK_ARRAY,  "s:[1,2]"                },
        {"1",                      DEVSDK_ARRAY,  "is a single value"      },
        {"\xff\x01",               DEVSDK_BINARY, "b:\xff\x01"             },
        {"{\"r\":\"aGk=\"}",       DEVSDK_BINARY, "b:hi"                   },
        {"{\"r\":\"aGk\"}",        DEVSDK_BINARY, "b:hi"                   },
        {"{\"r\":\"_-8=\"}",       DEVSDK_BINARY, "b:\xff\xef"             },
        {"{\"r\":\"\"}",           DEVSDK_BINARY, "b:"                     },
        {"{\"r\":\"aGk==\"}",      DEVSDK_BINARY, "is no base64"           },
        {"{\"r\":\"a\"}",          DEVSDK_BINARY, "is no base64"           },
        {"{\"r\":\"a$==\"}",       DEVSDK_BINARY, "is no base64"           },
        {"{\"r\":7}",              DEVSDK_BINARY, "is a single value"      },
        {"{\"R\":7}",              DEVSDK_BINARY, "b:{\"R\":7}"            },
    };
    for (size_t i = 0; i < N(cases); i++) {
        size_t n = strlen(cases[i].payload);
        char *room = malloc(n + MQTT_VALUE_ROOM), *payload = malloc(n ? n : 1), got[128];
        devsdk_value value;
        memcpy(payload, cases[i].payload, n);
        const char *fault = mqtt_value_bare(payload, n, "r", cases[i].type, room, &value);
        if (fault) {
            snprintf(got, sizeof(got), "%s", fault);
        } else {
            show(&value, got, sizeof(got));
        }
        expect(got, cases[i].wanted, cases[i].payload);
        free(payload);
        free(room);
    }
}

static const char *written(const char *form, const devsdk_value *value, char *out, size_t size)
{
    size_t n = mqtt_payload_write(form, "d\"1", "r", value, NULL, 0);
    CU_ASSERT_TRUE_FATAL(n < size);
    CU_ASSERT_EQUAL(mqtt_payload_write(form, "d\"1", "r", value, out, n), n);
    out[n] = '\0';
    return out;
}

static void test_values_are_written(void)
{
    char out[256];
    const struct {
        const char *form;
        devsdk_value value;
        const char *wanted;
    } cases[] = {
        {NULL,                                              {.type = DEVSDK_I16, .i = -7},                     "{\"r\":-7}"                  },
        {NULL,                                              {.type = DEVSDK_U64, .u = UINT64_MAX},             "{\"r\":18446744073709551615}"},
        {NULL,                                              {.type = DEVSDK_BOOL, .b = true},                  "{\"r\":true}"                },
        {NULL,                                              {.type = DEVSDK_F64, .f = 0.1},                    "{\"r\":0.1}"                 },
        {NULL,                                              {.type = DEVSDK_F32, .f = (double)0.1f},           "{\"r\":0.1}"                 },
        {NULL,                                              {.type = DEVSDK_F64, .f = 1.0 / 0.0},              "{\"r\":null}"                },
        {NULL,                                              {.type = DEVSDK_STRING, .p = "a\"\n\\", .n = 4},   "{\"r\":\"a\\\"\\u000a\\\\\"}"},
        {NULL,                                              {.type = DEVSDK_BINARY, .p = "hi", .n = 2},        "{\"r\":\"aGk=\"}"            },
        {NULL,                                              {.type = DEVSDK_BINARY, .p = "hi!", .n = 3},       "{\"r\":\"aGkh\"}"            },
        {NULL,                                              {.type = DEVSDK_OBJECT, .p = "{\"x\":1}", .n = 7}, "{\"r\":{\"x\":1}}"           },
        {NULL,
         {.type = DEVSDK_ARRAY, .elem = DEVSDK_I8, .n = 2, .p = (const int64_t[]){1, -2}},
         "{\"r\":[1,-2]}"                                                                                                                    },
        {NULL,
         {.type = DEVSDK_ARRAY, .elem = DEVSDK_BOOL, .n = 2, .p = (const bool[]){true, false}},
         "{\"r\":[true,false]}"                                                                                                              },
        {NULL,
         {.type = DEVSDK_ARRAY, .elem = DEVSDK_F64, .n = 1, .p = (const double[]){1.5}},
         "{\"r\":[1.5]}"                                                                                                                     },
        {NULL,
         {.type = DEVSDK_ARRAY, .elem = DEVSDK_STRING, .n = 1, .p = (const char *const[]){"a"}},
         "{\"r\":[\"a\"]}"                                                                                                                   },
        {NULL,                                              {.type = DEVSDK_NULL},                             "{\"r\":null}"                },
        {"{text}",                                          {.type = DEVSDK_STRING, .p = "ON", .n = 2},        "ON"                          },
        {"{value}",                                         {.type = DEVSDK_STRING, .p = "ON", .n = 2},        "\"ON\""                      },
        {"{\"{resource}\": {value}, \"of\": \"{device}\"}",
         {.type = DEVSDK_U8, .u = 5},
         "{\"r\": 5, \"of\": \"d\\\"1\"}"                                                                                                    },
        {"{{value}",                                        {.type = DEVSDK_U8, .u = 5},                       "{value}"                     },
    };
    for (size_t i = 0; i < N(cases); i++) {
        expect(written(cases[i].form, &cases[i].value, out, sizeof(out)), cases[i].wanted,
               cases[i].wanted);
    }
    CU_ASSERT_PTR_NOT_NULL(mqtt_form_fault("{volue}"));
    CU_ASSERT_PTR_NOT_NULL(mqtt_form_fault("\xff"));
    CU_ASSERT_PTR_NULL(mqtt_form_fault("{\"state\": {value}, \"x\": {}}"));
    CU_ASSERT_PTR_NULL(mqtt_form_fault("{{volue}"));
}

/* ---- topics ---------------------------------------------------------------------------------------------------- */

static void test_topics_name_device_and_source(void)
{
    static const struct {
        const char *filter, *topic, *wanted; /* "device source", or NULL */
    } cases[] = {
        {"incoming/data/#", "incoming/data/d1/temp",   "d1 temp"},
        {"incoming/data/#", "incoming/data/d1",        NULL     },
        {"incoming/data/#", "incoming/data",           NULL     },
        {"incoming/data/#", "incoming/data/d1/temp/x", NULL     },
        {"incoming/data/#", "incoming/data/d1/",       NULL     },
        {"incoming/data/#", "incoming/data//temp",     NULL     },
        {"incoming/data/#", "incoming/other/d1/temp",  NULL     },
        {"#",               "d1/temp",                 "d1 temp"},
        {"#",               "a/d1/temp",               NULL     },
        {"site/+/in/#",     "site/7/in/d1/temp",       "d1 temp"},
        {"site/+/in/#",     "site/7/out/d1/temp",      NULL     },
        {"in/+/+",          "in/d1/temp",              "d1 temp"},
        {"in/+/+",          "in/d1/temp/x",            NULL     },
        {"+/+",             "d1/temp",                 "d1 temp"},
        {"in/d1/temp",      "in/d1/temp",              "d1 temp"},
        {"/#",              "/d1/temp",                "d1 temp"},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct mqtt_level device, source;
        char got[64] = "none";
        if (mqtt_topic_split(cases[i].filter, cases[i].topic, &device, &source)) {
            snprintf(got, sizeof(got), "%.*s %.*s", (int)device.n, device.at, (int)source.n,
                     source.at);
        }
        expect(got, cases[i].wanted ? cases[i].wanted : "none", cases[i].topic);
    }
    CU_ASSERT_EQUAL(mqtt_topic_last("a/b/cde").n, 3);
    CU_ASSERT_EQUAL(mqtt_topic_last("abc").n, 3);
    CU_ASSERT_EQUAL(mqtt_topic_last("a/").n, 0);
}

static void test_levels_are_decoded(void)
{
    static const struct {
        const char *level, *wanted;
    } cases[] = {
        {"a%2Fb",     "a/b"      },
        {"%41%c3%a9", "A\xc3\xa9"},
        {"plain",     NULL       },
        {"%4",        NULL       },
        {"%zz",       NULL       },
        {"%ff",       NULL       },
        {"%00",       NULL       },
        {"%",         NULL       }
    };
    for (size_t i = 0; i < N(cases); i++) {
        char got[32];
        bool ok =
            mqtt_level_decode((struct mqtt_level){cases[i].level, strlen(cases[i].level)}, got);
        expect(ok ? got : "none", cases[i].wanted ? cases[i].wanted : "none", cases[i].level);
    }
}

static void test_topics_are_filled_in(void)
{
    char out[32];
    CU_ASSERT_EQUAL(mqtt_topic_fill("z/{device}/{resource}/x", "d", "r", out, sizeof(out)), 7);
    expect(out, "z/d/r/x", "fill");
    CU_ASSERT_EQUAL(mqtt_topic_fill("{device}", "a/+#%", "", out, sizeof(out)), 13);
    expect(out, "a%2F%2B%23%25", "escape");
    CU_ASSERT_EQUAL(
        mqtt_topic_fill("{device}", "12345678901234567890123456789012", "", out, sizeof(out)), 0);
    CU_ASSERT_EQUAL(mqtt_topic_fill("12345678901234567890123456789012", "", "", out, sizeof(out)),
                    0);
    CU_ASSERT_PTR_NULL(mqtt_topic_form_fault("a/{device}/+/#", true));
    static const char *const bad[] = {"a/{devise}", "a{", "a/#/b", "a+", "", "a\n", "a/\xff"};
    for (size_t i = 0; i < N(bad); i++) {
        CU_ASSERT_PTR_NOT_NULL(mqtt_topic_form_fault(bad[i], true));
    }
    CU_ASSERT_PTR_NOT_NULL(mqtt_topic_form_fault("a/+", false));
}

CU_TestInfo mqtt_codec_tests[] = {
    {"paths name one value",          test_paths_name_one_value         },
    {"paths to more are refused",     test_paths_to_more_are_refused    },
    {"values are read",               test_values_are_read              },
    {"values are written",            test_values_are_written           },
    {"topics name device and source", test_topics_name_device_and_source},
    {"levels are decoded",            test_levels_are_decoded           },
    {"topics are filled in",          test_topics_are_filled_in         },
    CU_TEST_INFO_NULL,
};
