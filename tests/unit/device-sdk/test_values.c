/* Values between drivers, clients and readings. */
#include <math.h>
#include <string.h>

#include "model/value.h"
#include "suites.h"

static void test_clients_may_write_json_or_text(void)
{
    static const struct {
        unsigned type;
        const char *json, *expect; /* reading text, NULL: refused */
    } cases[] = {
        {VT_INT64,         "1000000",                  "1000000"               },
        {VT_INT64,         "9223372036854775807",      "9223372036854775807"   },
        {VT_INT64,         "9223372036854775808",      NULL                    },
        {VT_UINT64,        "18446744073709551615",     "18446744073709551615"  },
        {VT_UINT64,        "\"18446744073709551615\"", "18446744073709551615"  },
        {VT_INT8,          "127",                      "127"                   },
        {VT_INT8,          "128",                      NULL                    },
        {VT_INT8,          "12.0",                     "12"                    },
        {VT_INT8,          "12.5",                     NULL                    },
        {VT_UINT8,         "-1",                       NULL                    },
        {VT_INT16,         "\" 1\"",                   NULL                    },
        {VT_INT16,         "\"\"",                     NULL                    },
        {VT_INT32,         "true",                     NULL                    },
        {VT_BOOL,          "true",                     "true"                  },
        {VT_BOOL,          "\"1\"",                    "true"                  },
        {VT_BOOL,          "0",                        "false"                 },
        {VT_BOOL,          "2",                        NULL                    },
        {VT_FLOAT64,       "12.34",                    "1.234e+01"             },
        {VT_FLOAT64,       "\"1e400\"",                NULL                    },
        {VT_FLOAT32,       "\"QUXCjw==\"",             "1.236e+01"             },
        {VT_FLOAT64,       "\"QCjXCj1wo9c=\"",         "1.242e+01"             },
        {VT_STRING,        "\"\"",                     ""                      },
        {VT_STRING,        "5",                        "5"                     },
        {VT_STRING,        "{\"a\":1}",                "{\"a\":1}"             },
        {VT_INT8_ARRAY,    "[1,-2, 3]",                "[1, -2, 3]"            },
        {VT_INT8_ARRAY,    "\"[1,-2, 3]\"",            "[1, -2, 3]"            },
        {VT_INT8_ARRAY,    "[1,128]",                  NULL                    },
        {VT_INT8_ARRAY,    "[]",                       "[]"                    },
        {VT_INT8_ARRAY,    "\"[ ]\"",                  "[]"                    },
        {VT_INT8_ARRAY,    "[[1]]",                    NULL                    },
        {VT_UINT64_ARRAY,  "[18446744073709551615]",   "[18446744073709551615]"},
        {VT_FLOAT32_ARRAY, "[1.1, 2]",                 "[1.1e+00, 2e+00]"      },
        {VT_BOOL_ARRAY,    "[true,false]",             "[true, false]"         },
        {VT_STRING_ARRAY,  "[\"a\",\"b c\"]",          "[\"a\",\"b c\"]"       },
        {VT_OBJECT,        "{\"a\":[1]}",              "{\"a\":[1]}"           },
        {VT_OBJECT,        "\"{\\\"a\\\":1}\"",        "{\"a\":1}"             },
        {VT_OBJECT,        "[1]",                      NULL                    },
        {VT_OBJECT_ARRAY,  "[{\"a\":1}]",              "[{\"a\":1}]"           },
        {VT_OBJECT_ARRAY,  "{}",                       NULL                    },
        {VT_BINARY,        "\"AAAA\"",                 NULL                    },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree;
        devsdk_value v;
        CU_ASSERT_EQUAL_FATAL(
            edge_json_parse(&ctx, cases[i].json, strlen(cases[i].json), NULL, &tree), EDGE_OK);
        enum edge_status st = sdk_value_from_json(&ctx, &ctx.arena, cases[i].type, tree, &v);
        const char *text =
            st == EDGE_OK ? sdk_value_text(&ctx.arena, cases[i].type, &v) : "(refused)";
        const char *expect = cases[i].expect ? cases[i].expect : "(refused)";
        if (strcmp(text, expect) != 0) {
            fprintf(stderr, "%s %s: %s\n", VALUE_TYPES[cases[i].type], cases[i].json, text);
        }
        CU_ASSERT_STRING_EQUAL(text, expect);
    }
}

static void test_null_is_a_value(void)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    devsdk_value v = {.type = DEVSDK_I8};
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, "null", 4, NULL, &tree), EDGE_OK);
    CU_ASSERT_EQUAL(sdk_value_from_json(&ctx, &ctx.arena, VT_INT8, tree, &v), EDGE_OK);
    CU_ASSERT_EQUAL(v.type, DEVSDK_NULL);
}

static devsdk_result fit(struct edge_ctx *ctx, unsigned type, devsdk_value in, const char **ret)
{
    devsdk_value v;
    devsdk_result result = sdk_value_fit(&ctx->arena, type, &in, &v);
    *ret =
        result == DEVSDK_OK && v.type != DEVSDK_NULL ? sdk_value_text(&ctx->arena, type, &v) : "";
    return result;
}

static void test_drivers_values_are_checked_against_the_type(void)
{
    const struct {
        unsigned type;
        devsdk_value in;
        devsdk_result result;
        const char *expect;
    } cases[] = {
        {VT_INT8,    {.type = DEVSDK_I64, .i = -128},            DEVSDK_OK,      "-128"                },
        {VT_INT8,    {.type = DEVSDK_I64, .i = 128},             DEVSDK_RANGE,   ""                    },
        {VT_UINT64,  {.type = DEVSDK_U64, .u = UINT64_MAX},      DEVSDK_OK,      "18446744073709551615"},
        {VT_INT64,   {.type = DEVSDK_U64, .u = UINT64_MAX},      DEVSDK_RANGE,   ""                    },
        {VT_UINT8,   {.type = DEVSDK_I64, .i = -1},              DEVSDK_RANGE,   ""                    },
        {VT_INT16,   {.type = DEVSDK_F64, .f = 7},               DEVSDK_OK,      "7"                   },
        {VT_INT16,   {.type = DEVSDK_F64, .f = 7.5},             DEVSDK_RANGE,   ""                    },
        {VT_INT16,   {.type = DEVSDK_F64, .f = NAN},             DEVSDK_RANGE,   ""                    },
        {VT_FLOAT32, {.type = DEVSDK_F64, .f = 1e39},            DEVSDK_RANGE,   ""                    },
        {VT_FLOAT32, {.type = DEVSDK_F64, .f = INFINITY},        DEVSDK_OK,      "+Inf"                },
        {VT_FLOAT64, {.type = DEVSDK_I64, .i = 100},             DEVSDK_OK,      "1e+02"               },
        {VT_BOOL,    {.type = DEVSDK_I64, .i = 1},               DEVSDK_OK,      "true"                },
        {VT_BOOL,    {.type = DEVSDK_I64, .i = 2},               DEVSDK_RANGE,   ""                    },
        {VT_INT32,   {.type = DEVSDK_BOOL, .b = true},           DEVSDK_OK,      "1"                   },
        {VT_STRING,  {.type = DEVSDK_I64, .i = -5},              DEVSDK_OK,      "-5"                  },
        {VT_INT32,   {.type = DEVSDK_STRING, .n = 2, .p = "42"}, DEVSDK_OK,      "42"                  },
        {VT_INT32,   {.type = DEVSDK_STRING, .n = 1, .p = "42"}, DEVSDK_OK,      "4"                   },
        {VT_INT32,   {.type = DEVSDK_STRING, .n = 1, .p = "x"},  DEVSDK_INVALID, ""                    },
        {VT_INT32,   {.type = DEVSDK_BINARY, .n = 1, .p = "x"},  DEVSDK_INVALID, ""                    },
        {VT_OBJECT,  {.type = DEVSDK_OBJECT, .n = 2, .p = "{}"}, DEVSDK_OK,      "{}"                  },
        {VT_OBJECT,  {.type = DEVSDK_OBJECT, .n = 1, .p = "{}"}, DEVSDK_INVALID, ""                    },
        {VT_INT32,   {.type = DEVSDK_NULL},                      DEVSDK_OK,      ""                    },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *text;
        CU_ASSERT_EQUAL(fit(&ctx, cases[i].type, cases[i].in, &text), cases[i].result);
        CU_ASSERT_STRING_EQUAL(text, cases[i].expect);
    }
}

static void test_arrays_convert_element_by_element(void)
{
    EDGE_CTX_SCOPE(ctx);
    const char *text;
    const int64_t numbers[] = {1, -2, 300};
    const devsdk_value v = {.type = DEVSDK_ARRAY, .elem = DEVSDK_I64, .n = 3, .p = numbers};
    CU_ASSERT_EQUAL(fit(&ctx, VT_INT16_ARRAY, v, &text), DEVSDK_OK);
    CU_ASSERT_STRING_EQUAL(text, "[1, -2, 300]");
    CU_ASSERT_EQUAL(fit(&ctx, VT_FLOAT64_ARRAY, v, &text), DEVSDK_OK);
    CU_ASSERT_STRING_EQUAL(text, "[1e+00, -2e+00, 3e+02]");
    CU_ASSERT_EQUAL(fit(&ctx, VT_INT8_ARRAY, v, &text), DEVSDK_RANGE);
    CU_ASSERT_EQUAL(fit(&ctx, VT_INT8, v, &text), DEVSDK_INVALID);
    CU_ASSERT_EQUAL(fit(&ctx, VT_STRING_ARRAY, v, &text), DEVSDK_OK);
    CU_ASSERT_STRING_EQUAL(text, "[\"1\",\"-2\",\"300\"]");
}

CU_TestInfo values_tests[] = {
    {"clients may write JSON or text",               test_clients_may_write_json_or_text   },
    {"null is a value",                              test_null_is_a_value                  },
    {"drivers' values are checked against the type",
     test_drivers_values_are_checked_against_the_type                                      },
    {"arrays convert element by element",            test_arrays_convert_element_by_element},
    CU_TEST_INFO_NULL,
};
