/* JSON where it lies: what is taken, what is found in it, what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "devsdk/json.h"
#include "suites.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* From memory of exactly its size: the sanitizer sees who reads further. */
static bool is_json(const char *text, size_t n)
{
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    bool ok = devsdk_json_parse(copy, n).kind != DEVSDK_JSON_NONE;
    free(copy);
    return ok;
}

static void test_json_is_strict(void)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1.5e+3",
                                       "true",
                                       "null",
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       " [ 1 , 2 ] ",
                                       "{\"a\":{\"b\":[{}]}}",
                                       "\"\\u00e9\\n\\/\xc3\xa9\xf0\x9f\x98\x80\"",
                                       "[[],{\"a\":[]},[1]]"};
    static const char *const bad[] = {"",
                                      " ",
                                      "01",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "-",
                                      "1e",
                                      "tru",
                                      "nulll",
                                      "\"",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"\n\"",
                                      "\"\xff\"",
                                      "\"\xc0\x80\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf5\x80\x80\x80\"",
                                      "[",
                                      "]",
                                      "[1",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{1:1}",
                                      "[1}",
                                      "{\"a\":1]",
                                      "1 1",
                                      "{} x",
                                      "NaN",
                                      "True",
                                      "/**/1",
                                      "\xef\xbb\xbf\x31",
                                      "\"\\u12\"",
                                      "'a'",
                                      "[1],[2]",
                                      "\"a\"b"};
    for (size_t i = 0; i < N(good); i++) {
        CU_ASSERT_TRUE(is_json(good[i], strlen(good[i])));
        devsdk_json json = devsdk_json_parse(good[i], strlen(good[i]));
        bool number = json.kind == DEVSDK_JSON_NUMBER; /* 1 of 1.5 is one too */
        for (size_t n = 0; n < strlen(good[i]) && !number; n++) {
            devsdk_json less = devsdk_json_parse(good[i], n);
            if (less.kind != DEVSDK_JSON_NONE) { /* only white space was cut off */
                CU_ASSERT_EQUAL(less.n, json.n);
            }
        }
    }
    for (size_t i = 0; i < N(bad); i++) {
        CU_ASSERT_FALSE(is_json(bad[i], strlen(bad[i])));
        if (is_json(bad[i], strlen(bad[i]))) {
            printf("taken: %s\n", bad[i]);
        }
    }
    CU_ASSERT_FALSE(is_json("1\0", 2));
}

static void test_json_is_not_too_deep(void)
{
    char text[2 * DEVSDK_JSON_DEPTH + 8];
    for (int depth = DEVSDK_JSON_DEPTH; depth <= DEVSDK_JSON_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        CU_ASSERT_EQUAL(is_json(text, 2 * (size_t)depth), depth == DEVSDK_JSON_DEPTH);
    }
    size_t many = 1000000;
    char *deep = malloc(many);
    memset(deep, '[', many);
    CU_ASSERT_FALSE(is_json(deep, many));
    free(deep);
}

static void test_names_are_compared_unescaped(void)
{
    const char *text =
        "{\"a\":1,\"\\u0061\\u00e9\":2,\"a\":3,\"\\ud83d\\ude00\":4,\"\\ud83d\":5,\"x\\u0000y\":6}";
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"a",                "3" },
        {"a\xc3\xa9",        "2" },
        {"\xf0\x9f\x98\x80", "4" },
        {"\xef\xbf\xbd",     NULL}, /* half of a pair is no character */
        {"x",                NULL},
        {"b",                NULL},
        {"",                 NULL},
        {"aa",               NULL}
    };
    devsdk_json json = devsdk_json_parse(text, strlen(text));
    for (size_t i = 0; i < N(cases); i++) {
        devsdk_json member = devsdk_json_member(json, cases[i].name, strlen(cases[i].name));
        bool found = member.kind != DEVSDK_JSON_NONE;
        CU_ASSERT_EQUAL(found, cases[i].value != NULL);
        CU_ASSERT_TRUE(!found || memcmp(member.text, cases[i].value, member.n) == 0);
    }
}

static const char document[] =
    "{\"a\": {\"b\": [10, {\"c\": \"deep\"}, null]}, \"x/y\": 1, \"m~n\": 2, \"\": 3, "
    "\"d\": 1, \"d\": 2, \"\\u00fc\": 4, \"n\": \"12\"}";

static void test_pointers_lead_where_they_say(void)
{
    static const struct {
        const char *pointer, *text; /* NULL: nowhere */
    } cases[] = {
        {"/a/b/0",          "10"                           },
        {"/a/b/1/c",        "\"deep\""                     },
        {"/a/b/2",          "null"                         },
        {"/a/b/3",          NULL                           },
        {"/a/b/00",         NULL                           },
        {"/a/b/01",         NULL                           },
        {"/a/b/-",          NULL                           },
        {"/a/b/-1",         NULL                           },
        {"/a/b/",           NULL                           },
        {"/a/b/9999999999", NULL                           },
        {"/x~1y",           "1"                            },
        {"/m~0n",           "2"                            },
        {"/",               "3"                            },
        {"/d",              "2"                            },
        {"/\xc3\xbc",       "4"                            },
        {"/n/0",            NULL                           },
        {"/A",              NULL                           },
        {"/a/b",            "[10, {\"c\": \"deep\"}, null]"},
        {"/a/",             NULL                           },
        {"/x/y",            NULL                           },
        {"/n",              "\"12\""                       },
    };
    devsdk_json doc = devsdk_json_parse(document, strlen(document));
    CU_ASSERT_EQUAL_FATAL(doc.kind, DEVSDK_JSON_OBJECT);
    for (size_t i = 0; i < N(cases); i++) {
        devsdk_json v = devsdk_json_at(doc, cases[i].pointer);
        bool right = cases[i].text
                         ? v.n == strlen(cases[i].text) && memcmp(v.text, cases[i].text, v.n) == 0
                         : v.kind == DEVSDK_JSON_NONE;
        if (!right) {
            printf("%s: %.*s\n", cases[i].pointer, (int)v.n, v.text ? v.text : "");
        }
        CU_ASSERT_TRUE(right);
    }
    CU_ASSERT_EQUAL(devsdk_json_at(doc, "").kind, DEVSDK_JSON_OBJECT);
}

static void test_pointers_have_a_form(void)
{
    CU_ASSERT_TRUE(devsdk_json_pointer_valid(""));
    CU_ASSERT_TRUE(devsdk_json_pointer_valid("/a~0b/~1"));
    CU_ASSERT_FALSE(devsdk_json_pointer_valid("a"));
    CU_ASSERT_FALSE(devsdk_json_pointer_valid("/~"));
    CU_ASSERT_FALSE(devsdk_json_pointer_valid("/~2"));
    CU_ASSERT_FALSE(devsdk_json_pointer_valid("$.a"));
    CU_ASSERT_FALSE(devsdk_json_pointer_valid("/\xff"));
}

static void test_strings_are_unescaped(void)
{
    static const char text[] = "\"a\\n\\u00e9\\ud83d\\ude00\\/\"";
    char ret[32];
    size_t n;
    devsdk_json v = devsdk_json_parse(text, strlen(text));
    CU_ASSERT_TRUE(devsdk_json_string(v, ret, sizeof(ret), &n));
    CU_ASSERT_STRING_EQUAL(ret, "a\n\xc3\xa9\xf0\x9f\x98\x80/");
    CU_ASSERT_EQUAL(n, 9);
    CU_ASSERT_TRUE(devsdk_json_string(v, ret, 10, &n));
    CU_ASSERT_FALSE(devsdk_json_string(v, ret, 9, &n));
    CU_ASSERT_FALSE(devsdk_json_string(devsdk_json_parse("\"\\u0000\"", 8), ret, sizeof(ret), &n));
    CU_ASSERT_FALSE(devsdk_json_string(devsdk_json_parse("\"\\ud800\"", 8), ret, sizeof(ret), &n));
    CU_ASSERT_FALSE(
        devsdk_json_string(devsdk_json_parse("\"\\udc00\\ud800\"", 14), ret, sizeof(ret), &n));
    CU_ASSERT_FALSE(devsdk_json_string(devsdk_json_parse("12", 2), ret, sizeof(ret), &n));
}

static void test_members_come_in_order(void)
{
    static const char text[] = "{ \"a\" : 1 , \"b\" :[2,{\"c\":3}],\"d\":\"e,}\" }";
    static const char *const keys[] = {"\"a\"", "\"b\"", "\"d\""};
    devsdk_json doc = devsdk_json_parse(text, strlen(text)), key, value;
    size_t cursor = 0, n = 0;
    while (devsdk_json_next(doc, &cursor, &key, &value) && n < N(keys)) {
        CU_ASSERT_EQUAL(strncmp(key.text, keys[n], key.n), 0);
        n++;
    }
    CU_ASSERT_EQUAL(n, N(keys));
    cursor = 0;
    CU_ASSERT_FALSE(devsdk_json_next(devsdk_json_parse("{ }", 3), &cursor, &key, &value));
    CU_ASSERT_FALSE(devsdk_json_next(devsdk_json_parse("[1]", 3), &cursor, &key, &value));
}

static void test_elements_are_counted(void)
{
    static const char text[] = "[1, [2, 3], {\"a\": [4]}, \"]\", null]";
    static const char *const elements[] = {"1", "[2, 3]", "{\"a\": [4]}", "\"]\"", "null"};
    devsdk_json array = devsdk_json_parse(text, strlen(text));
    CU_ASSERT_EQUAL(devsdk_json_count(array), N(elements));
    for (size_t i = 0; i < N(elements); i++) {
        devsdk_json v = devsdk_json_element(array, i);
        CU_ASSERT_EQUAL_FATAL(v.n, strlen(elements[i]));
        CU_ASSERT_EQUAL(memcmp(v.text, elements[i], v.n), 0);
    }
    CU_ASSERT_EQUAL(devsdk_json_element(array, N(elements)).kind, DEVSDK_JSON_NONE);
    CU_ASSERT_EQUAL(devsdk_json_count(devsdk_json_parse("[]", 2)), 0);
    CU_ASSERT_EQUAL(devsdk_json_element(devsdk_json_parse("[]", 2), 0).kind, DEVSDK_JSON_NONE);
    CU_ASSERT_EQUAL(devsdk_json_count(devsdk_json_parse("{\"a\":1}", 7)), 0);
}

CU_TestInfo sdk_json_tests[] = {
    {"JSON is strict",               test_json_is_strict              },
    {"JSON is not too deep",         test_json_is_not_too_deep        },
    {"names are compared unescaped", test_names_are_compared_unescaped},
    {"members come in order",        test_members_come_in_order       },
    {"elements are counted",         test_elements_are_counted        },
    {"strings are unescaped",        test_strings_are_unescaped       },
    {"pointers lead where they say", test_pointers_lead_where_they_say},
    {"pointers have a form",         test_pointers_have_a_form        },
    CU_TEST_INFO_NULL,
};
