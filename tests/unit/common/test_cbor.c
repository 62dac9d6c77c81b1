/* The CBOR door: known bytes in and out, what is refused and where. */
#include <string.h>

#include "edge/cbor.h"
#include "suites.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static size_t from_hex(const char *hex, unsigned char *bytes)
{
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        unsigned v = 0;
        sscanf(hex, "%2x", &v);
        bytes[n++] = (unsigned char)v;
    }
    return n;
}

static const cJSON *parse(struct edge_ctx *ctx, const char *hex)
{
    unsigned char bytes[512];
    const cJSON *tree = NULL;
    size_t n = from_hex(hex, bytes);
    unsigned char *exact = edge_alloc(&ctx->arena, n + 1, 1); /* reads beyond it show */
    memcpy(exact, bytes, n);
    enum edge_status st = edge_cbor_parse(ctx, exact, n, NULL, &tree);
    CU_ASSERT_EQUAL(st == EDGE_OK, tree != NULL);
    return tree;
}

static void test_known_bytes(void)
{
    static const struct {
        const char *hex, *json, *back; /* back NULL: the same bytes */
    } cases[] = {
        {"00",                         "0",                     NULL                  },
        {"17",                         "23",                    NULL                  },
        {"1818",                       "24",                    NULL                  },
        {"1903e8",                     "1000",                  NULL                  },
        {"1a000f4240",                 "1000000",               NULL                  },
        {"1b000000e8d4a51000",         "1000000000000",         NULL                  },
        {"1bffffffffffffffff",         "18446744073709551615",  NULL                  },
        {"1b185e0845b03a6d15",         "1755850000123456789",   NULL                  },
        {"1800",                       "0",                     "00"                  },
        {"20",                         "-1",                    NULL                  },
        {"3903e7",                     "-1000",                 NULL                  },
        {"3b7fffffffffffffff",         "-9223372036854775808",  NULL                  },
        {"3b8000000000000000",         "-9223372036854775809",  NULL                  },
        {"3bffffffffffffffff",         "-18446744073709552000", "fbc3f0000000000000"  },
        {"f93c00",                     "1",                     "01"                  },
        {"f93e00",                     "1.5",                   "fb3ff8000000000000"  },
        {"f90001",                     "5.960464477539063e-8",  "fb3e70000000000000"  },
        {"fa47c35000",                 "100000",                "1a000186a0"          },
        {"fb3ff199999999999a",         "1.1",                   NULL                  },
        {"fb7e37e43c8800759c",         "1e+300",                NULL                  },
        {"f97e00",                     "null",                  "f6"                  },
        {"f97c00",                     "null",                  "f6"                  },
        {"f4",                         "false",                 NULL                  },
        {"f5",                         "true",                  NULL                  },
        {"f6",                         "null",                  NULL                  },
        {"f7",                         "null",                  "f6"                  },
        {"60",                         "\"\"",                  NULL                  },
        {"6449455446",                 "\"IETF\"",              NULL                  },
        {"62c3bc",                     "\"\xc3\xbc\"",          NULL                  },
        {"63610062",
         "\"a\xef\xbf\xbd"
         "b\"",                                                 "6561efbfbd62"        },
        {"4401020304",                 "\"AQIDBA==\"",          "684151494442413d3d"  },
        {"80",                         "[]",                    NULL                  },
        {"83010203",                   "[1,2,3]",               NULL                  },
        {"8301820203820405",           "[1,[2,3],[4,5]]",       NULL                  },
        {"a0",                         "{}",                    NULL                  },
        {"a26161016162820203",         "{\"a\":1,\"b\":[2,3]}", NULL                  },
        {"a2616101616102",             "{\"a\":2}",             "a1616102"            },
        {"9fff",                       "[]",                    "80"                  },
        {"9f018202039f0405ffff",       "[1,[2,3],[4,5]]",       "8301820203820405"    },
        {"bf61610161629f0203ffff",     "{\"a\":1,\"b\":[2,3]}", "a26161016162820203"  },
        {"82bfff9fff",                 "[{},[]]",               "82a080"              },
        {"7f657374726561646d696e67ff", "\"streaming\"",         "6973747265616d696e67"},
        {"7fff",                       "\"\"",                  "60"                  },
        {"5f42010243030405ff",         "\"AQIDBAU=\"",          "68415149444241553d"  },
        {"c11a514b67b0",               "1363896240",            "1a514b67b0"          },
        {"d9d9f7a16161c101",           "{\"a\":1}",             "a1616101"            },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_buf out = EDGE_BUF_INIT;
        const cJSON *tree = parse(&ctx, cases[i].hex);
        CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
        edge_json_put(&out, tree);
        CU_ASSERT_STRING_EQUAL(edge_buf_str(&out), cases[i].json);
        if (strcmp(edge_buf_str(&out), cases[i].json) != 0) {
            printf("%s: %s\n", cases[i].hex, edge_buf_str(&out));
        }
        unsigned char back[64];
        size_t n = from_hex(cases[i].back ? cases[i].back : cases[i].hex, back);
        out.len = 0;
        edge_cbor_put(&out, tree);
        CU_ASSERT_EQUAL(out.len, n);
        CU_ASSERT_EQUAL(memcmp(out.data, back, n), 0);
        edge_buf_done(&out);
    }
}

static void test_keys_become_text(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_buf out = EDGE_BUF_INIT;
    /* 1, -3, 2^64-1, -2^63-1, true, null, 1.5, h'01', "a" (in pieces), tagged "b" */
    const cJSON *tree = parse(&ctx, "aa"
                                    "0100"
                                    "2200"
                                    "1bffffffffffffffff00"
                                    "3b800000000000000000"
                                    "f500"
                                    "f600"
                                    "f93e0000"
                                    "410100"
                                    "7f6161ff00"
                                    "c1616200");
    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    edge_json_put(&out, tree);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out),
                           "{\"1\":0,\"-3\":0,\"18446744073709551615\":0,"
                           "\"-9223372036854775809\":0,\"true\":0,\"null\":0,\"1.5\":0,"
                           "\"AQ==\":0,\"a\":0,\"b\":0}");
    edge_buf_done(&out);
    CU_ASSERT_STRING_EQUAL(parse(&ctx, "a1f97e0000")->child->string, "NaN");
}

static void test_faults_name_the_byte(void)
{
    static const struct {
        const char *hex, *expect;
    } cases[] = {
        {"",                     "EOF"                                        },
        {"18",                   "byte 1: unexpected end"                     },
        {"8201",                 "byte 2: unexpected end"                     },
        {"9f01",                 "byte 2: unexpected end"                     },
        {"a16161",               "byte 3: unexpected end"                     },
        {"6261",                 "byte 2: unexpected end"                     },
        {"7bffffffffffffffff61", "byte 10: unexpected end"                    },
        {"5bffffffffffffffff61", "byte 10: unexpected end"                    },
        {"7f6161",               "byte 3: unexpected end"                     },
        {"c1",                   "byte 1: unexpected end"                     },
        {"9bffffffffffffffff00", "byte 0: too many values"                    },
        {"9bfffffffffffffffe00", "byte 0: too many values"                    },
        {"bb0000000100000000",   "byte 0: too many values"                    },
        {"0000",                 "byte 1: bytes after the value"              },
        {"81f6f6",               "byte 2: bytes after the value"              },
        {"ff",                   "byte 0: unexpected break"                   },
        {"81ff",                 "byte 1: unexpected break"                   },
        {"bf6161ff",             "byte 3: unexpected break"                   },
        {"9fc1ff",               "byte 2: unexpected break"                   },
        {"62c328",               "byte 0: not UTF-8"                          },
        {"a161ff00",             "byte 1: not UTF-8"                          },
        {"7f61c361a4ff",         NULL                                         },
        {"7f61c3ff",             "byte 3: not UTF-8"                          },
        {"7f4161ff",             "byte 1: expected a piece of the string"     },
        {"5f6161ff",             "byte 1: expected a piece of the string"     },
        {"7f7f6161ffff",         "byte 1: expected a piece of the string"     },
        {"7fc16161ff",           "byte 1: expected a piece of the string"     },
        {"5f01ff",               "byte 1: expected a piece of the string"     },
        {"a18000",               "byte 1: a key must not be an array or a map"},
        {"a1bfff00",             "byte 1: a key must not be an array or a map"},
        {"1c",                   "byte 0: unknown kind of item"               },
        {"f0",                   "byte 0: unknown kind of item"               },
        {"f8ff",                 "byte 0: unknown kind of item"               },
        {"fc",                   "byte 0: unknown kind of item"               },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *tree = parse(&ctx, cases[i].hex);
        CU_ASSERT_EQUAL(tree == NULL, cases[i].expect != NULL);
        const char *message = edge_ctx_message(&ctx, EDGE_OK);
        CU_ASSERT_PTR_NOT_NULL(strstr(message, cases[i].expect ? cases[i].expect : "ok"));
        if (!strstr(message, cases[i].expect ? cases[i].expect : "ok")) {
            printf("%s: %s\n", cases[i].hex, message);
        }
    }
}

static void test_limits(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct edge_json_limits limits = {.bytes = 6, .depth = 2, .nodes = 4};
    const cJSON *tree;
    CU_ASSERT_EQUAL(edge_cbor_parse(&ctx, "\x83\x01\x02\x03", 4, &limits, &tree), EDGE_OK);
    CU_ASSERT_EQUAL(edge_cbor_parse(&ctx, "\x84\x01\x02\x03\x04", 5, &limits, &tree), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID),
                           "malformed cbor at byte 4: too many values");
    edge_ctx_clear(&ctx);
    CU_ASSERT_EQUAL(edge_cbor_parse(&ctx, "\x81\x81\x80", 3, &limits, &tree), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID),
                           "malformed cbor at byte 2: nested too deeply");
    CU_ASSERT_EQUAL(edge_cbor_parse(&ctx, "\x66zzzzzz", 7, &limits, &tree), EDGE_TOO_LARGE);
    char deep[4000];
    memset(deep, 0x9f, sizeof(deep));
    CU_ASSERT_EQUAL(edge_cbor_parse(&ctx, deep, sizeof(deep), NULL, &tree), EDGE_INVALID);
    memset(deep, 0xc1, sizeof(deep)); /* tags only */
    CU_ASSERT_EQUAL(edge_cbor_parse(&ctx, deep, sizeof(deep), NULL, &tree), EDGE_INVALID);
}

static void test_json_survives_cbor(void)
{
    static const char *const texts[] = {
        "{\"a\":[1,-2,3.25,\"x\",null,true,false,{}],\"b\":{\"c\":1755850000123456789}}",
        "[-9223372036854775808,18446744073709551615,999999999999999,1000000000000000,-0]",
        "[1e+300,1e-7,1e+22,123456789012345.6]",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_buf cbor = EDGE_BUF_INIT, json = EDGE_BUF_INIT;
        const cJSON *tree = NULL;
        CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, texts[i], strlen(texts[i]), NULL, &tree),
                              EDGE_OK);
        edge_cbor_put(&cbor, tree);
        CU_ASSERT_EQUAL_FATAL(edge_cbor_parse(&ctx, cbor.data, cbor.len, NULL, &tree), EDGE_OK);
        edge_json_put(&json, tree);
        CU_ASSERT_STRING_EQUAL(edge_buf_str(&json), texts[i]);
        edge_buf_done(&cbor);
        edge_buf_done(&json);
    }
}

CU_TestInfo cbor_tests[] = {
    {"known bytes",          test_known_bytes         },
    {"keys become text",     test_keys_become_text    },
    {"faults name the byte", test_faults_name_the_byte},
    {"limits",               test_limits              },
    {"json survives cbor",   test_json_survives_cbor  },
    CU_TEST_INFO_NULL,
};
