/* JSON, templates, payloads and values, byte by byte. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "codec/rest_template.h"
#include "codec/rest_value.h"
#include "suites.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* ---- payloads --------------------------------------------------------------------------------------- */

static void test_payloads_become_texts(void)
{
    static const struct {
        const char *payload;
        devsdk_type type;
        const char *pointer;
        enum rest_found found;
        const char *text;
    } cases[] = {
        {" 21.5\r\n",                         DEVSDK_F64,    NULL, REST_FOUND,     "21.5"                },
        {" hi \n",                            DEVSDK_STRING, NULL, REST_FOUND,     " hi \n"              },
        {"\"hi\"",                            DEVSDK_STRING, NULL, REST_FOUND,     "\"hi\""              },
        {"\"hi\"",                            DEVSDK_STRING, "",   REST_FOUND,     "hi"                  },
        {"",                                  DEVSDK_STRING, NULL, REST_EMPTY,     ""                    },
        {" \n",                               DEVSDK_I32,    NULL, REST_EMPTY,     ""                    },
        {"\xff",                              DEVSDK_STRING, NULL, REST_NO_TEXT,   ""                    },
        {"{\"a\": 12.0}",                     DEVSDK_I32,    "/a", REST_FOUND,     "12"                  },
        {"{\"a\": -1.20e1}",                  DEVSDK_I32,    "/a", REST_FOUND,     "-12"                 },
        {"{\"a\": 0.12e2}",                   DEVSDK_I32,    "/a", REST_FOUND,     "12"                  },
        {"{\"a\": 1200e-2}",                  DEVSDK_U8,     "/a", REST_FOUND,     "12"                  },
        {"{\"a\": -0.0}",                     DEVSDK_I32,    "/a", REST_FOUND,     "0"                   },
        {"{\"a\": 0e5}",                      DEVSDK_I32,    "/a", REST_FOUND,     "0"                   },
        {"{\"a\": 12.5}",                     DEVSDK_I32,    "/a", REST_FOUND,     "12.5"                },
        {"{\"a\": 1e30}",                     DEVSDK_I64,    "/a", REST_FOUND,     "1e30"                },
        {"{\"a\": 1e-999999999999}",          DEVSDK_I64,    "/a", REST_FOUND,     "1e-999999999999"     },
        {"{\"a\": 18446744073709551615}",     DEVSDK_U64,    "/a", REST_FOUND,     "18446744073709551615"},
        {"{\"a\": 1.8446744073709551615e19}", DEVSDK_U64,    "/a", REST_FOUND,     "18446744073709551615"},
        {"{\"a\": 12.0}",                     DEVSDK_F64,    "/a", REST_FOUND,     "12.0"                },
        {"{\"a\": true}",                     DEVSDK_BOOL,   "/a", REST_FOUND,     "true"                },
        {"{\"a\": \"12\"}",                   DEVSDK_I32,    "/a", REST_FOUND,     "12"                  },
        {"{\"a\": null}",                     DEVSDK_I32,    "/a", REST_IS_NULL,   ""                    },
        {"{\"a\": [1, 2]}",                   DEVSDK_ARRAY,  "/a", REST_FOUND,     "[1, 2]"              },
        {"{\"a\": {\"b\":1}}",                DEVSDK_OBJECT, "/a", REST_FOUND,     "{\"b\":1}"           },
        {"{\"a\": 1}",                        DEVSDK_I32,    "/b", REST_NO_MEMBER, ""                    },
        {"<html>",                            DEVSDK_I32,    "/b", REST_NO_JSON,   ""                    },
        {"",                                  DEVSDK_I32,    "/b", REST_NO_JSON,   ""                    },
        {"{\"a\": \"\\u0000\"}",              DEVSDK_STRING, "/a", REST_NO_TEXT,   ""                    },
        {"12",                                DEVSDK_I32,    "",   REST_FOUND,     "12"                  },
    };
    for (size_t i = 0; i < N(cases); i++) {
        size_t n = strlen(cases[i].payload);
        char *buf = malloc(n + 32),
             *payload = malloc(n + 1); /* no NUL behind: ASan sees who looks there */
        struct rest_text text = {"", 0};
        memcpy(payload, cases[i].payload, n);
        payload = realloc(payload, n ? n : 1);
        enum rest_found found =
            rest_payload(payload, n, cases[i].type, cases[i].pointer, buf, &text);
        bool right = found == cases[i].found &&
                     (found != REST_FOUND || (text.n == strlen(cases[i].text) &&
                                              memcmp(text.text, cases[i].text, text.n) == 0));
        if (!right) {
            printf("%s: %d '%.*s'\n", cases[i].payload, found, (int)text.n, text.text);
        }
        CU_ASSERT_TRUE(right);
        CU_ASSERT_TRUE(rest_found_text(found)[0] != '\0');
        free(buf);
        free(payload);
    }
    char buf[40];
    struct rest_text text;
    CU_ASSERT_EQUAL(rest_payload("a\0b", 3, DEVSDK_STRING, NULL, buf, &text), REST_NO_TEXT);
}

/* ---- values ------------------------------------------------------------------------------------------ */

static bool shows(devsdk_value v, const char *wanted)
{
    char text[256];
    size_t n = rest_value_text(&v, NULL, 0);
    bool right =
        n == strlen(wanted) && rest_value_text(&v, text, n + 1) == n && strcmp(text, wanted) == 0;
    if (!right) {
        printf("got %s, not %s\n", text, wanted);
    }
    return right;
}

static void test_values_become_texts(void)
{
    const char *texts[] = {"a\"b", "", "\n"};
    CU_ASSERT_TRUE(shows((devsdk_value){.type = DEVSDK_BOOL, .b = true}, "true"));
    CU_ASSERT_TRUE(
        shows((devsdk_value){.type = DEVSDK_I64, .i = INT64_MIN}, "-9223372036854775808"));
    CU_ASSERT_TRUE(
        shows((devsdk_value){.type = DEVSDK_U64, .u = UINT64_MAX}, "18446744073709551615"));
    CU_ASSERT_TRUE(shows((devsdk_value){.type = DEVSDK_F64, .f = 0.1}, "0.1"));
    CU_ASSERT_TRUE(shows((devsdk_value){.type = DEVSDK_F32, .f = (double)0.1f}, "0.1"));
    CU_ASSERT_TRUE(shows((devsdk_value){.type = DEVSDK_F64, .f = 21}, "21"));
    CU_ASSERT_TRUE(shows((devsdk_value){.type = DEVSDK_F64, .f = 1.0 / 3}, "0.3333333333333333"));
    CU_ASSERT_TRUE(shows((devsdk_value){.type = DEVSDK_F64, .f = (double)NAN}, "NaN"));
    CU_ASSERT_TRUE(shows((devsdk_value){.type = DEVSDK_STRING, .p = "a\nb", .n = 3}, "a\nb"));
    CU_ASSERT_TRUE(shows((devsdk_value){.type = DEVSDK_OBJECT, .p = "{}", .n = 2}, "{}"));
    CU_ASSERT_TRUE(shows(
        (devsdk_value){
            .type = DEVSDK_ARRAY, .elem = DEVSDK_I16, .n = 2, .p = (int64_t[]){1, -2}
    },
        "[1,-2]"));
    CU_ASSERT_TRUE(shows(
        (devsdk_value){.type = DEVSDK_ARRAY, .elem = DEVSDK_F64, .n = 1, .p = (double[]){1.5}},
        "[1.5]"));
    CU_ASSERT_TRUE(shows(
        (devsdk_value){
            .type = DEVSDK_ARRAY, .elem = DEVSDK_BOOL, .n = 2, .p = (bool[]){true, false}
    },
        "[true,false]"));
    CU_ASSERT_TRUE(
        shows((devsdk_value){.type = DEVSDK_ARRAY, .elem = DEVSDK_STRING, .n = 3, .p = texts},
              "[\"a\\\"b\",\"\",\"\\n\"]"));
    CU_ASSERT_TRUE(
        shows((devsdk_value){.type = DEVSDK_ARRAY, .elem = DEVSDK_I16, .n = 0, .p = ""}, "[]"));
    CU_ASSERT_FALSE(rest_value_is_json(&(devsdk_value){.type = DEVSDK_F64, .f = (double)INFINITY}));
    CU_ASSERT_FALSE(rest_value_is_json(&(devsdk_value){
        .type = DEVSDK_ARRAY, .elem = DEVSDK_F64, .n = 1, .p = (double[]){(double)NAN}}));
    CU_ASSERT_FALSE(rest_value_is_json(&(devsdk_value){.type = DEVSDK_STRING}));
    CU_ASSERT_TRUE(rest_value_is_json(&(devsdk_value){.type = DEVSDK_I8}));
}

static void test_media_types_are_compared_without_parameters(void)
{
    CU_ASSERT_TRUE(rest_media_type_is("Image/JPEG", "image/jpeg"));
    CU_ASSERT_TRUE(rest_media_type_is("application/json; charset=utf-8", "application/json"));
    CU_ASSERT_TRUE(rest_media_type_is("application/json;charset=utf-8", "application/json;x=1"));
    CU_ASSERT_FALSE(rest_media_type_is("application/jsonp", "application/json"));
    CU_ASSERT_FALSE(rest_media_type_is("", "application/json"));
}

/* ---- templates ------------------------------------------------------------------------------------------ */

static const struct rest_var vars[] = {
    {"value",  "a\"b&<\n ü", 9, false},
    {"number", "21.5",        4, true },
    {"list",   "[\"x\"]",     5, true },
};

static bool fills(enum rest_format format, const char *source, const char *wanted)
{
    char text[256];
    size_t n = rest_template_put(format, source, vars, N(vars), NULL, 0);
    bool right = rest_template_put(format, source, vars, N(vars), text, sizeof(text)) == n &&
                 strlen(text) == n && strcmp(text, wanted) == 0;
    if (!right) {
        printf("%s: got %s, not %s\n", source, text, wanted);
    }
    return right;
}

static void test_templates_escape_as_their_format_wants(void)
{
    CU_ASSERT_TRUE(fills(REST_RAW, "<${value}>", "<a\"b&<\n ü>"));
    CU_ASSERT_TRUE(fills(REST_AS_JSON, "{\"v\": \"${value}\"}", "{\"v\": \"a\\\"b&<\\n ü\"}"));
    CU_ASSERT_TRUE(fills(REST_AS_JSON, "{\"v\": ${value}}", "{\"v\": \"a\\\"b&<\\n ü\"}"));
    CU_ASSERT_TRUE(fills(REST_AS_JSON, "{\"v\": ${number}}", "{\"v\": 21.5}"));
    CU_ASSERT_TRUE(fills(REST_AS_JSON, "{\"v\": \"${number} C\"}", "{\"v\": \"21.5 C\"}"));
    CU_ASSERT_TRUE(fills(REST_AS_JSON, "{\"v\": ${list}, \"t\": \"${list}\"}",
                         "{\"v\": [\"x\"], \"t\": \"[\\\"x\\\"]\"}"));
    CU_ASSERT_TRUE(fills(REST_AS_JSON, "{\"a\\\"\": ${number}}", "{\"a\\\"\": 21.5}"));
    CU_ASSERT_TRUE(fills(REST_AS_JSON, "{\"a\\\\\": ${value}}", "{\"a\\\\\": \"a\\\"b&<\\n ü\"}"));
    CU_ASSERT_TRUE(
        fills(REST_AS_URL, "set?v=${value}&n=${number}", "set?v=a%22b%26%3C%0A%20%C3%BC&n=21.5"));
    CU_ASSERT_TRUE(fills(REST_AS_XML, "<v>${value}</v>", "<v>a&quot;b&amp;&lt;\n ü</v>"));
    CU_ASSERT_TRUE(fills(REST_RAW, "$${value} $ ${ $$ ${nope}", "${value} $ ${ $$ ${nope}"));
    char text[4];
    CU_ASSERT_EQUAL(rest_template_put(REST_RAW, "abcdef", NULL, 0, text, sizeof(text)), 6);
    CU_ASSERT_STRING_EQUAL(text, "abc");
}

static void test_templates_name_what_they_cannot_fill(void)
{
    char why[64];
    CU_ASSERT_TRUE(rest_template_check("a ${value} $${x} $ {}", vars, N(vars), why, sizeof(why)));
    CU_ASSERT_FALSE(rest_template_check("a ${vlaue}", vars, N(vars), why, sizeof(why)));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "${vlaue}"));
    CU_ASSERT_FALSE(rest_template_check("a ${value", vars, N(vars), why, sizeof(why)));
    CU_ASSERT_FALSE(rest_template_check("${}", vars, N(vars), why, sizeof(why)));
}

static void test_formats_follow_from_media_types(void)
{
    CU_ASSERT_EQUAL(rest_format_of("application/json"), REST_AS_JSON);
    CU_ASSERT_EQUAL(rest_format_of("application/vnd.x+JSON; a=b"), REST_AS_JSON);
    CU_ASSERT_EQUAL(rest_format_of("text/xml"), REST_AS_XML);
    CU_ASSERT_EQUAL(rest_format_of("application/x-www-form-urlencoded"), REST_AS_URL);
    CU_ASSERT_EQUAL(rest_format_of("text/plain"), REST_RAW);
    CU_ASSERT_EQUAL(rest_format_of(""), REST_RAW);
}

CU_TestInfo rest_codec_tests[] = {
    {"payloads become texts",                       test_payloads_become_texts                 },
    {"values become texts",                         test_values_become_texts                   },
    {"media types are compared without parameters",
     test_media_types_are_compared_without_parameters                                          },
    {"templates escape as their format wants",      test_templates_escape_as_their_format_wants},
    {"templates name what they cannot fill",        test_templates_name_what_they_cannot_fill  },
    {"formats follow from media types",             test_formats_follow_from_media_types       },
    CU_TEST_INFO_NULL,
};
