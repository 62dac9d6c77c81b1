/* Value types and their texts. */
#include <float.h>
#include <math.h>

#include "contracts/value.h"
#include "dtotest.h"
#include "suites.h"

static void test_types_know_their_kind(void)
{
    for (unsigned i = 0; i < VT_COUNT; i++) {
        unsigned back = VT_COUNT;
        CU_ASSERT_TRUE(value_type_parse(VALUE_TYPES[i], &back));
        CU_ASSERT_EQUAL(back, i);
        if (value_type_is_array(i)) {
            struct edge_arena a = EDGE_ARENA_INIT;
            expect_same(VALUE_TYPES[i],
                        edge_printf(&a, "%sArray", VALUE_TYPES[value_type_element(i)]));
            edge_arena_done(&a);
        }
    }
    CU_ASSERT_PTR_NULL(VALUE_TYPES[VT_COUNT]);
    unsigned type;
    CU_ASSERT_TRUE(value_type_parse("uINT8array", &type));
    CU_ASSERT_EQUAL(type, VT_UINT8_ARRAY);
    CU_ASSERT_FALSE(value_type_parse("Float", &type));
    CU_ASSERT_FALSE(value_type_parse("", &type));
    CU_ASSERT_TRUE(value_type_is_numeric(VT_FLOAT32));
    CU_ASSERT_FALSE(value_type_is_numeric(VT_BOOL));
    CU_ASSERT_TRUE(value_type_is_unsigned(VT_UINT64));
    CU_ASSERT_FALSE(value_type_is_unsigned(VT_INT8));
}

static void test_ranges(void)
{
    static const struct {
        unsigned type;
        int64_t min;
        uint64_t max;
    } cases[] = {
        {VT_INT8,   INT8_MIN,  INT8_MAX  },
        {VT_INT16,  INT16_MIN, INT16_MAX },
        {VT_INT32,  INT32_MIN, INT32_MAX },
        {VT_INT64,  INT64_MIN, INT64_MAX },
        {VT_UINT8,  0,         UINT8_MAX },
        {VT_UINT16, 0,         UINT16_MAX},
        {VT_UINT32, 0,         UINT32_MAX},
        {VT_UINT64, 0,         UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t min;
        uint64_t max;
        value_type_range(cases[i].type, &min, &max);
        CU_ASSERT_EQUAL(min, cases[i].min);
        CU_ASSERT_EQUAL(max, cases[i].max);
    }
}

static void test_texts_are_judged_as_official_services_do(void)
{
    static const struct {
        unsigned type;
        const char *text;
        bool valid;
    } cases[] = {
        {VT_BOOL,          "true",                 true },
        {VT_BOOL,          "T",                    true },
        {VT_BOOL,          "0",                    true },
        {VT_BOOL,          "tRUE",                 false},
        {VT_BOOL,          "",                     false},
        {VT_BOOL,          "yes",                  false},
        {VT_INT8,          "-128",                 true },
        {VT_INT8,          "+127",                 true },
        {VT_INT8,          "128",                  false},
        {VT_INT8,          "-129",                 false},
        {VT_INT8,          " 1",                   false},
        {VT_INT8,          "1.0",                  false},
        {VT_INT8,          "0x1",                  false},
        {VT_INT8,          "",                     false},
        {VT_INT8,          "007",                  true },
        {VT_INT64,         "-9223372036854775808", true },
        {VT_INT64,         "9223372036854775808",  false},
        {VT_UINT8,         "255",                  true },
        {VT_UINT8,         "256",                  false},
        {VT_UINT8,         "-1",                   false},
        {VT_UINT8,         "+1",                   false},
        {VT_UINT64,        "18446744073709551615", true },
        {VT_UINT64,        "18446744073709551616", false},
        {VT_FLOAT64,       "1e308",                true },
        {VT_FLOAT64,       "1e309",                false},
        {VT_FLOAT64,       "-.5",                  true },
        {VT_FLOAT64,       "5.",                   true },
        {VT_FLOAT64,       ".",                    false},
        {VT_FLOAT64,       "1e",                   false},
        {VT_FLOAT64,       "1e+",                  false},
        {VT_FLOAT64,       "e5",                   false},
        {VT_FLOAT64,       "0x1.8p1",              true },
        {VT_FLOAT64,       "0X.Cp-3",              true },
        {VT_FLOAT64,       "0x1.8",                false}, /* Go wants the exponent */
        {VT_FLOAT64,       "inf",                  true },
        {VT_FLOAT64,       "-Infinity",            true },
        {VT_FLOAT64,       "+Inf",                 true },
        {VT_FLOAT64,       "infinit",              false},
        {VT_FLOAT64,       "NaN",                  true },
        {VT_FLOAT64,       "-nan",                 false},
        {VT_FLOAT64,       "nan(1)",               false},
        {VT_FLOAT64,       " 1",                   false},
        {VT_FLOAT64,       "1 ",                   false},
        {VT_FLOAT64,       "",                     false},
        {VT_FLOAT64,       "1e-400",               true },
        {VT_FLOAT32,       "3.4e38",               true },
        {VT_FLOAT32,       "3.5e38",               false},
        {VT_STRING,        "",                     true },
        {VT_OBJECT,        "anything",             true },
        {VT_BINARY,        "anything",             true },
        {VT_OBJECT_ARRAY,  "",                     true },
        {VT_INT8_ARRAY,    "[1, -2,3 ]",           true },
        {VT_INT8_ARRAY,    "(1)",                  true }, /* the outer characters may be anything */
        {VT_INT8_ARRAY,    "[1,,2]",               false},
        {VT_INT8_ARRAY,    "[1,200]",              false},
        {VT_INT8_ARRAY,    "[]",                   false},
        {VT_INT8_ARRAY,    "",                     false},
        {VT_INT8_ARRAY,    "1",                    false},
        {VT_BOOL_ARRAY,    "[true,\t0]",           true },
        {VT_FLOAT32_ARRAY, "[1e0, NaN]",           true },
        {VT_STRING_ARRAY,  "[\"a\"]",              true },
        {VT_STRING_ARRAY,  "[]",                   true },
        {VT_STRING_ARRAY,  "",                     false},
        {VT_UINT8_ARRAY,   "[255]",                true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool valid = value_text_valid(cases[i].type, cases[i].text);
        if (valid != cases[i].valid) {
            printf("\n    %s '%s' ", VALUE_TYPES[cases[i].type], cases[i].text);
        }
        CU_ASSERT_EQUAL(valid, cases[i].valid);
    }
}

static void test_numbers_are_written_as_official_sdks_do(void)
{
    static const struct {
        unsigned type;
        const char *in, *text, *json;
    } cases[] = {
        {VT_BOOL,    "T",                    "true",                 "true"                },
        {VT_BOOL,    "0",                    "false",                "false"               },
        {VT_INT8,    "007",                  "7",                    "7"                   },
        {VT_INT64,   "-9223372036854775808", "-9223372036854775808", "-9223372036854775808"},
        {VT_UINT64,  "18446744073709551615", "18446744073709551615", "18446744073709551615"},
        {VT_FLOAT64, "12.34",                "1.234e+01",            "12.34"               },
        {VT_FLOAT64, "0",                    "0e+00",                "0"                   },
        {VT_FLOAT64, "100",                  "1e+02",                "100"                 },
        {VT_FLOAT64, "-0.5",                 "-5e-01",               "-0.5"                },
        {VT_FLOAT64, "1e300",                "1e+300",               "1e+300"              },
        {VT_FLOAT64, "nan",                  "NaN",                  "null"                },
        {VT_FLOAT64, "inf",                  "+Inf",                 "null"                },
        {VT_FLOAT64, "-INF",                 "-Inf",                 "null"                },
        {VT_FLOAT32, "1.1",                  "1.1e+00",              "1.1"                 },
        {VT_FLOAT32, "16777217",             "1.6777216e+07",        "16777216"            },
        {VT_FLOAT32, "3.4028235e38",         "3.4028235e+38",        "3.4028235e+38"       },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct value_number n;
        char text[VALUE_NUMBER_TEXT];
        CU_ASSERT_TRUE_FATAL(value_number_parse(cases[i].type, cases[i].in, &n));
        value_number_text(cases[i].type, &n, text);
        expect_same(text, cases[i].text);
        value_number_json(cases[i].type, &n, text);
        expect_same(text, cases[i].json);
    }
}

static void test_arrays_are_split(void)
{
    static const struct {
        unsigned type;
        const char *text, *joined; /* NULL: malformed */
    } cases[] = {
        {VT_INT8_ARRAY,    "[1, 2,\t3 ]",              "1|2|3|"        },
        {VT_INT8_ARRAY,    "[]",                       ""              },
        {VT_INT8_ARRAY,    "[ ]",                      ""              },
        {VT_INT8_ARRAY,    "[1]",                      "1|"            },
        {VT_INT8_ARRAY,    "1, 2",                     NULL            },
        {VT_INT8_ARRAY,    "[",                        NULL            },
        {VT_INT8_ARRAY,    "",                         NULL            },
        {VT_FLOAT64_ARRAY, "[1.1e+00, 2e+00]",         "1.1e+00|2e+00|"},
        {VT_STRING_ARRAY,  "[\"a, b\",\"c\\n\",\"\"]", "a, b|c\n||"    },
        {VT_STRING_ARRAY,  "[]",                       ""              },
        {VT_STRING_ARRAY,  "[a, b]",                   "a|b|"          }, /* before 4.0.2 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_arena a = EDGE_ARENA_INIT;
        const char **items;
        size_t n;
        bool ok = value_array_split(&a, cases[i].type, cases[i].text, &items, &n);
        CU_ASSERT_EQUAL(ok, cases[i].joined != NULL);
        const char *joined = "";
        for (size_t k = 0; ok && k < n; k++) {
            joined = edge_printf(&a, "%s%s|", joined, items[k]);
        }
        expect_same(joined, cases[i].joined ? cases[i].joined : "");
        edge_arena_done(&a);
    }
}

CU_TestInfo value_tests[] = {
    {"types know their kind",                    test_types_know_their_kind                   },
    {"ranges",                                   test_ranges                                  },
    {"texts are judged as official services do", test_texts_are_judged_as_official_services_do},
    {"numbers are written as official SDKs do",  test_numbers_are_written_as_official_sdks_do },
    {"arrays are split",                         test_arrays_are_split                        },
    CU_TEST_INFO_NULL,
};
