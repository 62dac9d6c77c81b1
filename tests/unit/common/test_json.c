/* The JSON door: what passes, what is refused and where, and that text survives the way through. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "edge/json.h"
#include "suites.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const cJSON *parse(struct edge_ctx *ctx, const char *text)
{
    const cJSON *tree = NULL;
    if (edge_json_parse(ctx, text, strlen(text), NULL, &tree) != EDGE_OK) {
        printf("%.60s: %s\n", text, edge_ctx_message(ctx, EDGE_INVALID));
    }
    return tree;
}

static void expect_text(const cJSON *tree, const char *expect)
{
    struct edge_buf out = EDGE_BUF_INIT;
    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    edge_json_put(&out, tree);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out), expect);
    if (strcmp(edge_buf_str(&out), expect) != 0) {
        printf("got  %s\nwant %s\n", edge_buf_str(&out), expect);
    }
    edge_buf_done(&out);
}

static void test_what_passes_comes_out_the_same(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"[]",                                             "[]"                                   },
        {" { } ",                                          "{}"                                   },
        {"null",                                           "null"                                 },
        {"\t\"x\"\r\n",                                    "\"x\""                                },
        {"[true,false,null]",                              "[true,false,null]"                    },
        {"{\"a\":{\"b\":[1,{}]},\"c\":[]}",                "{\"a\":{\"b\":[1,{}]},\"c\":[]}"      },
        {"1755850000123456789",                            "1755850000123456789"                  },
        {"-9223372036854775808",                           "-9223372036854775808"                 },
        {"999999999999999",                                "999999999999999"                      },
        {"1000000000000000",                               "1000000000000000"                     },
        {"[-0,0.5,-1.25e-3,1E+2,1e-7,123456.789]",         "[-0,0.5,-0.00125,100,1e-7,123456.789]"},
        {"0.1234567890123456789",                          "0.12345678901234568"                  },
        {"1e308",                                          "1e+308"                               },
        {"1e-400",                                         "0"                                    },
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",                 "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\"" },
        {"\"\\u00e4\\u20ac\\ud83d\\ude00\\u001f\\u007f\"",
         "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\\u001f\x7f\""                                    },
        {"\"<&>\xe2\x80\xa8\"",                            "\"<&>\xe2\x80\xa8\""                  },
        {"{\"\":1}",                                       "{\"\":1}"                             },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        expect_text(parse(&ctx, cases[i].in), cases[i].out);
    }
}

/* A C string cannot hold them, and what follows must not disappear. */
static void test_unholdable_characters_are_replaced(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"\"a\\u0000b\"",             "a\xef\xbf\xbd"
                          "b"              },
        {"\"\\ud800\"",               "\xef\xbf\xbd"                },
        {"\"\\ude00\\ud83d\"",        "\xef\xbf\xbd\xef\xbf\xbd"    },
        {"\"\\ud800\\u0041\"",        "\xef\xbf\xbd"
                               "A"    },
        {"\"\\ud800\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree = parse(&ctx, cases[i].in);
        CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
        CU_ASSERT_STRING_EQUAL(tree->valuestring, cases[i].out);
    }
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = parse(&ctx, "{\"admin\\u0000x\":1}");
    CU_ASSERT_PTR_NULL(edge_json_member(tree, "admin", false));
}

static void test_faults_name_the_byte(void)
{
    static const struct {
        const char *in, *expect;
    } cases[] = {
        {"",                     "EOF"                                  },
        {" \n\t",                "EOF"                                  },
        {"{",                    "byte 1: unexpected end"               },
        {"[1,2",                 "byte 4: unexpected end"               },
        {"\"abc",                "byte 4: unexpected end"               },
        {"\"abc\\",              "byte 5: unexpected end"               },
        {"[1 2]",                "byte 3: expected ',' or ']'"          },
        {"{\"a\":1;}",           "byte 6: expected ',' or '}'"          },
        {"{\"a\" 1}",            "byte 5: expected ':'"                 },
        {"{a:1}",                "byte 1: expected a key in quotes"     },
        {"{\"a\":1,}",           "byte 7: expected a key in quotes"     },
        {"[1,]",                 "byte 3: expected a value"             },
        {"[,1]",                 "byte 1: expected a value"             },
        {"[1]x",                 "byte 3: text after the value"         },
        {"1 2",                  "byte 2: text after the value"         },
        {"{}}",                  "byte 2: text after the value"         },
        {"]",                    "byte 0: expected a value"             },
        {"[}",                   "byte 1: expected a value"             },
        {"tru",                  "byte 0: expected a value"             },
        {"nulls",                "byte 4: text after the value"         },
        {"NaN",                  "byte 0: expected a value"             },
        {"+1",                   "byte 0: expected a value"             },
        {"[01]",                 "byte 1: leading zero"                 },
        {"-",                    "byte 1: unexpected end"               },
        {"[-x]",                 "byte 2: expected a digit"             },
        {"[1.]",                 "byte 3: expected a digit"             },
        {"[.5]",                 "byte 1: expected a value"             },
        {"[1e+]",                "byte 4: expected a digit"             },
        {"[1e999]",              "byte 1: number out of range"          },
        {"[-1e999]",             "byte 1: number out of range"          },
        {"0x10",                 "byte 1: text after the value"         },
        {"\"a\nb\"",             "byte 2: control character in a string"},
        {"\"\\x41\"",            "byte 1: unknown escape"               },
        {"\"\\u12g4\"",          "byte 1: unknown escape"               },
        {"\"\\u12\"",            "byte 1: unknown escape"               },
        {"\"\\\xc3\xa4\"",       "byte 1: unknown escape"               },
        {"\"\xff\"",             "byte 1: not UTF-8"                    },
        {"\"abcdefgh\xc0\x80\"", "byte 9: not UTF-8"                    },
        {"\xef\xbb\xbf{}",       "byte 0: expected a value"             },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree = NULL;
        CU_ASSERT_EQUAL(edge_json_parse(&ctx, cases[i].in, strlen(cases[i].in), NULL, &tree),
                        EDGE_INVALID);
        CU_ASSERT_PTR_NULL(tree);
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), cases[i].expect));
        if (!strstr(edge_ctx_message(&ctx, EDGE_INVALID), cases[i].expect)) {
            printf("%s: %s\n", cases[i].in, edge_ctx_message(&ctx, EDGE_INVALID));
        }
    }
}

static void test_nul_bytes_are_refused(void)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "\"a\0b\"", 5, NULL, &tree), EDGE_INVALID);
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "{}\0", 3, NULL, &tree), EDGE_INVALID);
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "\0{}", 3, NULL, &tree), EDGE_INVALID);
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "[1,2]", 4, NULL, &tree), EDGE_INVALID);
}

/* Every prefix and every single changed byte: no crash (sanitizers look on), and a verdict. */
static void test_truncated_and_changed_texts(void)
{
    static const char text[] = "{\"a\":[1,-2.5e3,\"x\\u00e4\\n\xe2\x82\xac\"],\"b\":{\"c\":null,"
                               "\"d\":true,\"e\":1755850000123456789}}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree;
        char *exact = edge_alloc(&ctx.arena, len + 1, 1);
        memcpy(exact, text, len);
        CU_ASSERT_EQUAL(edge_json_parse(&ctx, exact, len, NULL, &tree), EDGE_INVALID);
    }
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        for (int c = 0; c < 256; c += 5) {
            EDGE_CTX_SCOPE(ctx);
            char changed[sizeof(text)];
            const cJSON *tree = NULL;
            memcpy(changed, text, sizeof(text));
            changed[i] = (char)c;
            enum edge_status st = edge_json_parse(&ctx, changed, sizeof(text) - 1, NULL, &tree);
            CU_ASSERT_EQUAL(st == EDGE_OK, tree != NULL);
        }
    }
}

static void test_limits(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct edge_json_limits limits = {.bytes = 20, .depth = 3, .nodes = 5};
    const cJSON *tree;
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "[[[]],{},1]", 11, &limits, &tree), EDGE_OK);
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "[[[]],{},1,2]", 13, &limits, &tree), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID),
                           "json at byte 12: too many values");
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "[[[[]]]]", 8, &limits, &tree), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID),
                           "json at byte 3: nested too deeply");
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "[                   ]", 21, &limits, &tree),
                    EDGE_TOO_LARGE);
    char deep[3000];
    memset(deep, '[', sizeof(deep));
    memset(deep + 1000, ']', 1000);
    const struct edge_json_limits deepest = {.depth = SIZE_MAX};
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, deep, 2000, &deepest, &tree), EDGE_OK);
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, deep, 2000, NULL, &tree), EDGE_INVALID);
}

static void test_the_last_of_equal_keys_stays(void)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = parse(&ctx, "{\"a\":1,\"b\":2,\"a\":3,\"A\":4,\"a\":5,\"c\":6}");
    expect_text(tree, "{\"b\":2,\"A\":4,\"a\":5,\"c\":6}");
    CU_ASSERT_EQUAL(edge_json_member(tree, "A", true)->valueint, 4);
    CU_ASSERT_EQUAL(edge_json_member(tree, "A", false)->valueint, 5);
    CU_ASSERT_PTR_NULL(edge_json_member(tree, "B", true));
    CU_ASSERT_EQUAL(edge_json_member(tree, "B", false)->valueint, 2);
    CU_ASSERT_PTR_NULL(edge_json_member(tree, "x", false));
    CU_ASSERT_PTR_NULL(edge_json_member(tree->child, "a", false));
    CU_ASSERT_PTR_NULL(edge_json_member(NULL, "a", false));
    CU_ASSERT_PTR_EQUAL(tree->child->prev->next, NULL);

    struct edge_buf many = EDGE_BUF_INIT;
    for (int i = 0; i < 50000; i++) {
        edge_buf_printf(&many, "%s\"k%d\":%d", i ? "," : "{", i % 25000, i);
    }
    edge_buf_puts(&many, "}");
    tree = parse(&ctx, edge_buf_str(&many));
    CU_ASSERT_EQUAL(cJSON_GetArraySize(tree), 25000);
    CU_ASSERT_EQUAL(edge_json_member(tree, "k0", true)->valueint, 25000);
    CU_ASSERT_EQUAL(tree->child->prev->valueint, 49999);
    edge_buf_done(&many);
}

static void test_integers_are_exact(void)
{
    static const struct {
        const char *text;
        bool is_int, is_uint;
        int64_t i;
        uint64_t u;
    } cases[] = {
        {"0",                    true,  true,  0,         0                    },
        {"-1",                   true,  false, -1,        0                    },
        {"5.0",                  true,  true,  5,         5                    },
        {"1e3",                  true,  true,  1000,      1000                 },
        {"5.5",                  false, false, 0,         0                    },
        {"1e19",                 false, true,  0,         10000000000000000000u},
        {"1e20",                 false, false, 0,         0                    },
        {"9223372036854775807",  true,  true,  INT64_MAX, INT64_MAX            },
        {"9223372036854775808",  false, true,  0,         9223372036854775808u },
        {"-9223372036854775808", true,  false, INT64_MIN, 0                    },
        {"-9223372036854775809", false, false, 0,         0                    },
        {"18446744073709551615", false, true,  0,         UINT64_MAX           },
        {"18446744073709551616", false, false, 0,         0                    },
        {"\"5\"",                false, false, 0,         0                    },
        {"true",                 false, false, 0,         0                    },
    };
    for (size_t n = 0; n < COUNT(cases); n++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree = parse(&ctx, cases[n].text);
        int64_t i = 0;
        uint64_t u = 0;
        CU_ASSERT_EQUAL(edge_json_int(tree, &i), cases[n].is_int);
        CU_ASSERT_EQUAL(i, cases[n].i);
        CU_ASSERT_EQUAL(edge_json_uint(tree, &u), cases[n].is_uint);
        CU_ASSERT_EQUAL(u, cases[n].u);
    }
    EDGE_CTX_SCOPE(ctx);
    double v = 0;
    CU_ASSERT(edge_json_real(parse(&ctx, "18446744073709551616"), &v) && v == 0x1p64);
    CU_ASSERT_FALSE(edge_json_real(parse(&ctx, "\"1\""), &v));
    CU_ASSERT_FALSE(edge_json_real(NULL, &v));
}

/* The fast path and strtod must agree on every kind of text. */
static void test_reals_are_rounded_once(void)
{
    static const char *const texts[] = {
        "0.1",
        "3.14159265358979",
        "1e22",
        "1e23",
        "123456789012345e22",
        "123456789012345e-22",
        "0.000000000000001",
        "9007199254740993e0",
        "2.2250738585072011e-308",
        "4.9e-324",
        "1.7976931348623157e308",
        "0.30000000000000004",
        "100000000000000000000000000000.5",
        "0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000001"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree = parse(&ctx, texts[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
        CU_ASSERT_EQUAL(tree->valuedouble, strtod(texts[i], NULL));
    }
}

/* Special bytes at every place of a word: reader and writer look at eight bytes at a time. */
static void test_special_bytes_at_every_place(void)
{
    static const char *const specials[] = {"\"",   "\\",       "\n",
                                           "\x01", "\xc3\xa4", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < COUNT(specials); i++) {
        for (size_t at = 0; at < 20; at++) {
            EDGE_CTX_SCOPE(ctx);
            struct edge_buf out = EDGE_BUF_INIT;
            char text[64] = "";
            memset(text, 'x', at);
            snprintf(text + at, sizeof(text) - at, "%s%.*s%s", specials[i], (int)(at % 9),
                     "yyyyyyyyy", specials[i]);
            edge_json_put_string(&out, text);
            const cJSON *tree = NULL;
            CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, out.data, out.len, NULL, &tree), EDGE_OK);
            CU_ASSERT_STRING_EQUAL(tree->valuestring, text);
            edge_buf_done(&out);
        }
    }
}

static void test_strings_are_made_safe(void)
{
    struct edge_buf out = EDGE_BUF_INIT;
    edge_json_put_string(&out, "a\"\\\x01\x1f\n\x7f\xc3\xa4\xff\xc3");
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out),
                           "\"a\\\"\\\\\\u0001\\u001f\\n\x7f\xc3\xa4\xef\xbf\xbd"
                           "\xef\xbf\xbd\"");
    out.len = 0;
    edge_json_put_real(&out, NAN);
    edge_json_put_real(&out, -INFINITY);
    edge_json_put_real(&out, -0.0);
    edge_json_put_real(&out, 1e15);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out), "nullnull-01000000000000000");
    edge_buf_done(&out);
}

static void test_clones_outlive_their_tree(void)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    const char *text = "{\"a\":[1,\"x\",{\"b\":1755850000123456789}],\"c\":true,\"d\":null}";
    const cJSON *copy;
    {
        EDGE_CTX_SCOPE(ctx);
        copy = edge_json_clone(&a, parse(&ctx, text));
    }
    expect_text(copy, text);
    CU_ASSERT_EQUAL(edge_json_member(copy, "a", true)->child->prev->type, cJSON_Object);

    EDGE_CTX_SCOPE(ctx);
    cJSON *made = edge_json_object(&ctx);
    cJSON_AddStringToObject(made, "k", "v");
    cJSON_AddItemReferenceToObject(made, "ref", (cJSON *)copy);
    cJSON_AddItemToObject(made, "dup", cJSON_Duplicate(copy->child, true));
    expect_text(made,
                "{\"k\":\"v\",\"ref\":{\"a\":[1,\"x\",{\"b\":1755850000123456789}],\"c\":true,"
                "\"d\":null},\"dup\":[1,\"x\",{\"b\":1755850000123456789}]}");
    edge_arena_done(&a);
}

/* The public test suite of JSON parsers: y_ must pass, n_ must not, i_ may. */
static void check_file(const char *path, const char *name, const char *text, size_t len)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    enum edge_status st = edge_json_parse(&ctx, text, len, NULL, &tree);
    bool right = name[0] == 'i' || (st == EDGE_OK) == (name[0] == 'y');
    CU_ASSERT(right);
    if (!right) {
        printf("%s: %s\n", path, edge_ctx_message(&ctx, st));
    }
    if (st != EDGE_OK) {
        return;
    }
    struct edge_buf first = EDGE_BUF_INIT, second = EDGE_BUF_INIT;
    edge_json_put(&first, tree);
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, first.data, first.len, NULL, &tree), EDGE_OK);
    edge_json_put(&second, tree);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&first), edge_buf_str(&second));
    edge_buf_done(&first);
    edge_buf_done(&second);
}

static void test_public_suite(void)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    const char *dir = data_dir(&a, "json-parsing");
    if (dir) {
        CU_ASSERT(data_each(&a, dir, check_file) >= 318);
    }
    edge_arena_done(&a);
}

CU_TestInfo json_tests[] = {
    {"what passes comes out the same",     test_what_passes_comes_out_the_same    },
    {"unholdable characters are replaced", test_unholdable_characters_are_replaced},
    {"faults name the byte",               test_faults_name_the_byte              },
    {"NUL bytes are refused",              test_nul_bytes_are_refused             },
    {"truncated and changed texts",        test_truncated_and_changed_texts       },
    {"limits",                             test_limits                            },
    {"the last of equal keys stays",       test_the_last_of_equal_keys_stays      },
    {"integers are exact",                 test_integers_are_exact                },
    {"reals are rounded once",             test_reals_are_rounded_once            },
    {"special bytes at every place",       test_special_bytes_at_every_place      },
    {"strings are made safe",              test_strings_are_made_safe             },
    {"clones outlive their tree",          test_clones_outlive_their_tree         },
    {"public suite",                       test_public_suite                      },
    CU_TEST_INFO_NULL,
};
