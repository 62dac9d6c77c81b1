/* The YAML door: typing of scalars, what is refused and on which line, and the official files. */
#include <string.h>

#include "data.h"
#include "edge/dto.h"
#include "edge/yaml.h"
#include "suites.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const cJSON *parse(struct edge_ctx *ctx, const char *text)
{
    const cJSON *tree = NULL;
    if (edge_yaml_parse(ctx, text, strlen(text), NULL, &tree) != EDGE_OK) {
        printf("%s: %s\n", text, edge_ctx_message(ctx, EDGE_INVALID));
    }
    return tree;
}

static void expect_json(const char *yaml, const char *expect)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_buf out = EDGE_BUF_INIT;
    const cJSON *tree = parse(&ctx, yaml);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    edge_json_put(&out, tree);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out), expect);
    if (strcmp(edge_buf_str(&out), expect) != 0) {
        printf("got  %s\nwant %s\n", edge_buf_str(&out), expect);
    }
    edge_buf_done(&out);
}

static void test_scalars_are_typed_by_the_core_schema(void)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"[~, null, Null, NULL, nULL]",                                       "[null,null,null,null,\"nULL\"]"                       },
        {"a:\nb: \"\"",                                                       "{\"a\":null,\"b\":\"\"}"                              },
        {"[true, True, TRUE, tRUE, false]",                                   "[true,true,true,\"tRUE\",false]"                      },
        {"[yes, no, on, off, y, N]",                                          "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"N\"]"          },
        {"[0, -1, +5, 007, 0x1F, 0o17]",                                      "[0,-1,5,7,31,15]"                                     },
        {"[0xg, 0o8, 0b1, 1_000, 0x, -0x1]",                                  "[\"0xg\",\"0o8\",\"0b1\",\"1_000\",\"0x\",\"-0x1\"]"  },
        {"[1.5, .5, 1., 1e3, -1E-2, +.5e1]",                                  "[1.5,0.5,1,1000,-0.01,5]"                             },
        {"[., -, +, e1, 1e, 1e+, 1.2.3]",                                     "[\".\",\"-\",\"+\",\"e1\",\"1e\",\"1e+\",\"1.2.3\"]"  },
        {"[.inf, -.INF, .nan, 12e4567]",                                      "[\".inf\",\"-.INF\",\".nan\",\"12e4567\"]"            },
        {"[0.0.0.0, 2026-01-01, 12:30, 15s]",                                 "[\"0.0.0.0\",\"2026-01-01\",\"12:30\",\"15s\"]"       },
        {"[1755850000123456789, -9223372036854775808, 18446744073709551615]",
         "[1755850000123456789,-9223372036854775808,18446744073709551615]"                                                           },
        {"[0xffffffffffffffff, 0x10000000000000000]",
         "[18446744073709551615,\"0x10000000000000000\"]"                                                                            },
        {"[00000000000000000007, 001234567890123456789]",                     "[7,\"001234567890123456789\"]"                        },
        {"['1', \"true\", '~', \"0x1F\"]",                                    "[\"1\",\"true\",\"~\",\"0x1F\"]"                      },
        {"a: |\n  1\n  2\nb: >-\n  x\n  y\n",                                 "{\"a\":\"1\\n2\\n\",\"b\":\"x y\"}"                   },
        {"1: a\ntrue: b\n~: c\n\"\": d",                                      "{\"1\":\"a\",\"true\":\"b\",\"~\":\"c\",\"\":\"d\"}"  },
 /* as yaml.v3, the parser of the official services, reads it */
        {"a: &x 1\nb: *x\nc: [*x, *x]\n",                                     "{\"a\":1,\"b\":1,\"c\":[1,1]}"                        },
        {"a: &x {k: 1, l: [2]}\nb: *x\n",                                     "{\"a\":{\"k\":1,\"l\":[2]},\"b\":{\"k\":1,\"l\":[2]}}"},
        {"a: &x 1\nb: &x 2\nc: *x\n",                                         "{\"a\":1,\"b\":2,\"c\":2}"                            },
        {"base: &b {k: 1, l: 2}\nd:\n  <<: *b\n  l: 3\n",
         "{\"base\":{\"k\":1,\"l\":2},\"d\":{\"l\":3,\"k\":1}}"                                                                      },
        {"x: &x {k: 1}\ny: &y {k: 2, m: 3}\nd: {<<: [*x, *y], n: 4}\n",
         "{\"x\":{\"k\":1},\"y\":{\"k\":2,\"m\":3},\"d\":{\"n\":4,\"k\":1,\"m\":3}}"                                                 },
        {"d: {<<: {k: 1}}\n",                                                 "{\"d\":{\"k\":1}}"                                    },
        {"d: {\"<<\": 1}\n",                                                  "{\"d\":{\"<<\":1}}"                                   },
        {"a: !!str 1\nb: ! 2\n",                                              "{\"a\":\"1\",\"b\":\"2\"}"                            },
        {"{ x: {\"true\":\"ON\"}, y: [] }",                                   "{\"x\":{\"true\":\"ON\"},\"y\":[]}"                   },
        {"\xef\xbb\xbf"
         "a: \xc3\xa4",                                              "{\"a\":\"\xc3\xa4\"}"                                 },
        {"a: \"x\\0y\"",                                                      "{\"a\":\"x\xef\xbf\xbdy\"}"                           },
        {"%YAML 1.2\n---\na: 1\n...\n",                                       "{\"a\":1}"                                            },
        {"",                                                                  "null"                                                 },
        {"# only a comment\n",                                                "null"                                                 },
        {"text",                                                              "\"text\""                                             },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_json(cases[i].yaml, cases[i].json);
    }
}

static void test_numbers_and_booleans_carry_their_text(void)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = parse(&ctx, "[1.10, 007, True, 0x1F, 1755850000123456789, text, ~]");
    static const char *const expect[] = {"1.10", "007", "True", "0x1F", "1755850000123456789",
                                         "text"};
    const cJSON *node = tree->child;
    for (size_t i = 0; i < COUNT(expect); i++, node = node->next) {
        CU_ASSERT_STRING_EQUAL(node->valuestring, expect[i]);
    }
    CU_ASSERT_PTR_NULL(node->valuestring);
    double v = 0;
    CU_ASSERT(edge_json_real(tree->child, &v) && v == 1.1);
    const cJSON *copy = edge_json_clone(&ctx.arena, tree);
    CU_ASSERT_STRING_EQUAL(copy->child->valuestring, "1.10");
}

static void test_faults_name_the_line(void)
{
    static const struct {
        const char *yaml, *expect;
    } cases[] = {
        {"a: 1\n\nb: *x\n",                     "line 3: there is no anchor 'x' above"        },
        {"a: &x [*x]\n",                        "line 1: there is no anchor 'x' above"        },
        {"a: 1\nb: 2\na: 3\n",                  "line 3: key 'a' stands in line 1 already"    },
        {"a:\n  b: 1\n  c: {d: 1,\n   d: 2}\n", "line 4: key 'd' stands in line 3 already"    },
        {"a: {<<: 1}\n",                        "line 1: '<<' takes mappings only"            },
        {"a: !!binary aGk=\n",                  "line 1: tags are not allowed"                },
        {"a: !<tag:x> [1]\n",                   "line 1: tags are not allowed"                },
        {"a: 1\n? [x]\n: 2\n",                  "line 2: a key must be a plain or quoted text"},
        {"a: 1\n---\nb: 2\n",                   "line 2: only one document is allowed"        },
        {"a: 1\n  b: 2\n",                      "line 2: "                                    },
        {"a: [1,\n",                            "line 2: "                                    },
        {"a: \"x\n",                            "line 2: "                                    },
        {"a:\n\t- 1\n",                         "line 2: "                                    },
        {"a: 1\nb: \xff\n",                     "line 2: "                                    },
        {"a: 1\n\nb: \x01\n",                   "line 3: control characters are not allowed"  },
        {"}",                                   "line 1: "                                    },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree = NULL;
        CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, cases[i].yaml, strlen(cases[i].yaml), NULL, &tree),
                        EDGE_INVALID);
        CU_ASSERT_PTR_NULL(tree);
        const char *message = edge_ctx_message(&ctx, EDGE_INVALID);
        CU_ASSERT_EQUAL(strncmp(message, cases[i].expect, strlen(cases[i].expect)), 0);
        if (strncmp(message, cases[i].expect, strlen(cases[i].expect)) != 0) {
            printf("%s: %s\n", cases[i].yaml, message);
        }
    }
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, "a: b\0c", 6, NULL, &tree), EDGE_INVALID);
}

static void test_limits(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct edge_json_limits limits = {.bytes = 30, .depth = 2, .nodes = 4};
    const cJSON *tree;
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, "- [1]\n- 2\n", 10, &limits, &tree), EDGE_OK);
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, "- [1]\n- 2\n- 3\n", 14, &limits, &tree), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID), "line 3: too many values");
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, "[[\n[]]]", 7, &limits, &tree), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID), "line 2: nested too deeply");
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, "# ............................\n", 31, &limits, &tree),
                    EDGE_TOO_LARGE);
    char deep[4000];
    memset(deep, '[', sizeof(deep));
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, deep, sizeof(deep), NULL, &tree), EDGE_INVALID);
    memset(deep, ' ', sizeof(deep));
    for (size_t i = 0; i < sizeof(deep); i += 2) {
        deep[i] = '-';
    }
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, deep, sizeof(deep), NULL, &tree), EDGE_INVALID);
}

static void check_file(const char *path, const char *name, const char *text, size_t len)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    if (!strstr(name, ".y")) {
        return;
    }
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, text, len, NULL, &tree), EDGE_OK);
    CU_ASSERT(cJSON_IsObject(tree));
    if (strstr(path, "/profiles/")) {
        CU_ASSERT(cJSON_IsString(edge_json_member(tree, "name", true)));
        CU_ASSERT(cJSON_GetArraySize(edge_json_member(tree, "deviceResources", true)) > 0);
    }
    if (!tree) {
        printf("%s: %s\n", path, edge_ctx_message(&ctx, EDGE_INVALID));
    }
}

static void test_official_files(void)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    const char *dir = data_dir(&a, "official-profiles");
    if (dir) {
        CU_ASSERT(data_each(&a, dir, check_file) >= 12);
    }
    edge_arena_done(&a);
}

/* Nine lists of nine of the one before: what grows without bound is refused within the limits. */
static void test_aliases_multiply_within_the_limits(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_buf text = EDGE_BUF_INIT;
    edge_buf_puts(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++) {
        edge_buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++) {
            edge_buf_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
        }
        edge_buf_puts(&text, "]\n");
    }
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL(edge_yaml_parse(&ctx, edge_buf_str(&text), text.len, NULL, &tree),
                    EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), "too many values"));
    edge_buf_done(&text);
}

struct switches {
    bool on;
    const char *text;
    const cJSON *any;
};
static const struct edge_field switch_fields[] = {
    EDGE_FIELD(struct switches, on, "on", "A boolean."),
    EDGE_FIELD(struct switches, text, "text", "A text."),
    EDGE_FIELD(struct switches, any, "any", "Anything."),
};
static const struct edge_dto SWITCHES = EDGE_DTO(struct switches, "Switches", switch_fields);

static void test_yes_is_a_boolean_where_one_is_wanted(void)
{
    static const struct {
        const char *word;
        bool is, value;
    } rows[] = {
        {"yes",   true,  true },
        {"No",    true,  false},
        {"ON",    true,  true },
        {"off",   true,  false},
        {"true",  true,  true },
        {"'yes'", false, false},
        {"y",     true,  true },
        {"maybe", false, false}
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct switches s;
        const char *yaml = edge_printf(&ctx.arena, "{'on': %s, text: on, any: off}", rows[i].word);
        enum edge_status st = edge_dto_decode(&ctx, &SWITCHES, parse(&ctx, yaml), &s);
        CU_ASSERT_EQUAL(st, rows[i].is ? EDGE_OK : EDGE_INVALID);
        if (st == EDGE_OK) {
            CU_ASSERT_EQUAL(s.on, rows[i].value);
            CU_ASSERT_STRING_EQUAL(s.text, "on");
            CU_ASSERT_TRUE(cJSON_IsString(s.any));
        }
    }
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void expect_yaml(const char *json, const char *expect)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_buf out = EDGE_BUF_INIT, again = EDGE_BUF_INIT;
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, json, strlen(json), NULL, &tree), EDGE_OK);
    edge_yaml_put(&out, tree);
    if (strcmp(edge_buf_str(&out), expect) != 0) {
        printf("got  %s\nwant %s\n", edge_buf_str(&out), expect);
    }
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out), expect);
    tree = parse(&ctx, edge_buf_str(&out));
    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    edge_json_put(&again, tree);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&again), json);
    edge_buf_done(&out);
    edge_buf_done(&again);
}

static void test_trees_are_written_for_people(void)
{
    expect_yaml(
        "{\"name\":\"pump 1\",\"list\":[1,2.5,true,null],\"more\":{\"a\":[],\"b\":{},\"c\":\"\"}}",
        "name: pump 1\nlist:\n  - 1\n  - 2.5\n  - true\n  - null\nmore:\n  a: []\n  b: {}\n  c: \"\"\n");
    expect_yaml("[{\"a\":1,\"b\":[[2],{\"c\":3}]},[]]",
                "- a: 1\n  b:\n    - - 2\n    - c: 3\n- []\n");
    expect_yaml("\"yes\"", "\"yes\"\n");
    expect_yaml("{}", "{}\n");
    expect_yaml("12345678901234567890", "12345678901234567890\n");
}

static void test_texts_stay_texts(void)
{
    expect_yaml(
        "[\"10.3\",\"1\",\"0x10\",\"true\",\"No\",\"null\",\"~\",\"a: b\",\"a #b\",\"- a\",\" a\",\"a \",\"a\\nb\"]",
        "- \"10.3\"\n- \"1\"\n- \"0x10\"\n- \"true\"\n- \"No\"\n- \"null\"\n- \"~\"\n- \"a: b\"\n- \"a #b\"\n"
        "- \"- a\"\n- \" a\"\n- \"a \"\n- \"a\\nb\"\n");
    expect_yaml("[\"\xc2\xb0"
                "C\",\"q\\\"\\\\\",\"\xe2\x80\xa8\xc2\x85\xef\xbb\xbf\"]",
                "- \"\xc2\xb0"
                "C\"\n- \"q\\\"\\\\\"\n- \"\\u2028\\u0085\\uFEFF\"\n");
    expect_yaml("{\"1\":1,\"a: b\":2,\"no\":3}", "\"1\": 1\n\"a: b\": 2\n\"no\": 3\n");
}

CU_TestInfo yaml_tests[] = {
    {"scalars are typed by the core schema",  test_scalars_are_typed_by_the_core_schema },
    {"numbers and booleans carry their text", test_numbers_and_booleans_carry_their_text},
    {"faults name the line",                  test_faults_name_the_line                 },
    {"limits",                                test_limits                               },
    {"official files",                        test_official_files                       },
    {"aliases multiply within the limits",    test_aliases_multiply_within_the_limits   },
    {"yes is a boolean where one is wanted",  test_yes_is_a_boolean_where_one_is_wanted },
    {"trees are written for people",          test_trees_are_written_for_people         },
    {"texts stay texts",                      test_texts_stay_texts                     },
    CU_TEST_INFO_NULL,
};
