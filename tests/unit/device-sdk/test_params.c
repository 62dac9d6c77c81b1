/* Field tables: what they take, what they refuse, and in which words. */
#include <stdio.h>
#include <string.h>

#include "devsdk/host.h"
#include "edge/service.h"
#include "edge/text.h"
#include "model/params.h"
#include "suites.h"

static const char *const modes[] = {"COILS", "REGISTERS", NULL};

struct thing {
    bool on;
    int8_t i8;
    int64_t i64;
    uint8_t slot;
    uint16_t port;
    uint64_t u64;
    float f32;
    double f64;
    const char *address;
    const char *any;
    uint8_t mode;
    uint32_t timeout_ms;
    double timeout_s;
};

/* clang-format off */
static const devsdk_field fields[] = {
    DEVSDK_FIELD(struct thing, on, "on", DEVSDK_BOOL),
    DEVSDK_FIELD(struct thing, i8, "i8", DEVSDK_I8),
    DEVSDK_FIELD(struct thing, i64, "i64", DEVSDK_I64),
    DEVSDK_FIELD(struct thing, slot, "slot", DEVSDK_U8, .max = 7),
    DEVSDK_FIELD(struct thing, port, "Port", DEVSDK_U16, .def = "502"),
    DEVSDK_FIELD(struct thing, u64, "u64", DEVSDK_U64),
    DEVSDK_FIELD(struct thing, f32, "f32", DEVSDK_F32),
    DEVSDK_FIELD(struct thing, f64, "f64", DEVSDK_F64, .min = -1, .max = 1.5),
    DEVSDK_FIELD(struct thing, address, "Address", DEVSDK_STRING, .required = true, .max = 16),
    DEVSDK_FIELD(struct thing, any, "any", DEVSDK_OBJECT),
    DEVSDK_FIELD(struct thing, mode, "mode", DEVSDK_U8, .one_of = modes, .def = "REGISTERS"),
    DEVSDK_FIELD(struct thing, timeout_ms, "timeoutMs", DEVSDK_U32, .unit = "ms", .def = "1s"),
    DEVSDK_FIELD(struct thing, timeout_s, "timeout", DEVSDK_F64, .unit = "s"),
    {0},
};
/* clang-format on */

static enum edge_status parse(struct edge_ctx *ctx, const char *text, struct thing *ret)
{
    const cJSON *tree;
    *ret = (struct thing){0};
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(ctx, text, strlen(text), NULL, &tree), EDGE_OK);
    return sdk_params_parse(ctx, fields, tree, &ctx->arena, ret);
}

static void test_values_of_all_types(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct thing t;
    CU_ASSERT_EQUAL(
        parse(&ctx,
              "{\"Address\":\"host\",\"on\":true,\"i8\":-128,\"i64\":-9223372036854775808,"
              "\"slot\":7,\"Port\":65535,\"u64\":18446744073709551615,\"f32\":0.5,\"f64\":-1,"
              "\"any\":{\"a\":[1]},\"mode\":\"coils\",\"timeoutMs\":250,\"timeout\":\"1.5s\","
              "\"unknown\":[]}",
              &t),
        EDGE_OK);
    CU_ASSERT_TRUE(t.on);
    CU_ASSERT_EQUAL(t.i8, -128);
    CU_ASSERT_EQUAL(t.i64, INT64_MIN);
    CU_ASSERT_EQUAL(t.slot, 7);
    CU_ASSERT_EQUAL(t.port, 65535);
    CU_ASSERT_EQUAL(t.u64, UINT64_MAX);
    CU_ASSERT_EQUAL(t.f32, 0.5f);
    CU_ASSERT_EQUAL(t.f64, -1);
    CU_ASSERT_STRING_EQUAL(t.address, "host");
    CU_ASSERT_STRING_EQUAL(t.any, "{\"a\":[1]}");
    CU_ASSERT_EQUAL(t.mode, 0);
    CU_ASSERT_EQUAL(t.timeout_ms, 250);
    CU_ASSERT_EQUAL(t.timeout_s, 1.5);
}

static void test_texts_and_numbers_are_the_same(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct thing t;
    CU_ASSERT_EQUAL(parse(&ctx,
                          "{\"Address\":161,\"on\":\"1\",\"i8\":\"-5\",\"slot\":\"0x7\","
                          "\"Port\":\"5000\",\"f64\":\"1e0\",\"timeoutMs\":\"0.5s\"}",
                          &t),
                    EDGE_OK);
    CU_ASSERT_STRING_EQUAL(t.address, "161");
    CU_ASSERT_TRUE(t.on);
    CU_ASSERT_EQUAL(t.i8, -5);
    CU_ASSERT_EQUAL(t.slot, 7);
    CU_ASSERT_EQUAL(t.port, 5000);
    CU_ASSERT_EQUAL(t.f64, 1);
    CU_ASSERT_EQUAL(t.timeout_ms, 500);
}

static void test_defaults_stand_where_nothing_is_given(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct thing t;
    CU_ASSERT_EQUAL(parse(&ctx, "{\"Address\":\"\",\"Port\":\"\",\"mode\":null}", &t), EDGE_OK);
    CU_ASSERT_EQUAL(t.port, 502);
    CU_ASSERT_EQUAL(t.mode, 1);
    CU_ASSERT_EQUAL(t.timeout_ms, 1000);
    CU_ASSERT_STRING_EQUAL(t.address, "");
}

static void test_faults_have_exact_words(void)
{
    static const struct {
        const char *json, *expect;
    } cases[] = {
        {"{}",                                    "Address: is missing"                         },
        {"{\"Address\":1,\"slot\":8}",            "slot: 8 is above 7"                          },
        {"{\"Address\":1,\"slot\":-1}",           "slot: -1 is below 0"                         },
        {"{\"Address\":1,\"f64\":-1.25}",         "f64: -1.25 is below -1"                      },
        {"{\"Address\":1,\"i8\":128}",            "i8: '128' is out of range"                   },
        {"{\"Address\":1,\"Port\":-1}",           "Port: '-1' is out of range"                  },
        {"{\"Address\":1,\"Port\":70000}",        "Port: '70000' is out of range"               },
        {"{\"Address\":1,\"Port\":\"x\"}",        "Port: 'x' is not a whole number"             },
        {"{\"Address\":1,\"Port\":1.5}",          "Port: '1.5' is not a whole number"           },
        {"{\"Address\":1,\"f64\":\"nan\"}",       "f64: 'nan' is not a number"                  },
        {"{\"Address\":1,\"f32\":1e39}",          "f32: '1e+39' is out of range"                },
        {"{\"Address\":1,\"on\":\"yes\"}",        "on: 'yes' is neither true nor false"         },
        {"{\"Address\":1,\"mode\":\"bits\"}",     "mode: 'bits' is not one of COILS, REGISTERS" },
        {"{\"Address\":[1]}",                     "Address: must be a single value"             },
        {"{\"Address\":\"12345678901234567\"}",   "Address: longer than 16 characters"          },
        {"{\"Address\":1,\"timeoutMs\":\"1us\"}", "timeoutMs: '1us' is not a whole number of ms"},
        {"{\"Address\":1,\"i8\":\"0x\"}",         "i8: '0x' is not a whole number"              },
        {"{\"slot\":9}",                          "slot: 9 is above 7; Address: is missing"     },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct thing t;
        CU_ASSERT_EQUAL(parse(&ctx, cases[i].json, &t), EDGE_INVALID);
        CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID), cases[i].expect);
    }
}

/* Whoever adds a device is told at once which of its keys may be meant. */
static void test_a_slip_in_a_required_key_is_named(void)
{
    static const devsdk_field needed[] = {
        {.key = "Port",     .type = DEVSDK_U16, .required = true},
        {.key = "Host", .type = DEVSDK_STRING, .offset = 8, .required = true},
        {0    },
    };
    static const struct {
        const char *json, *fault;
    } cases[] = {
        {"{\"Prot\":502,\"Host\":\"h\"}",   "Port: is missing, but there is 'Prot'"    },
        {"{\"port\":502,\"HOST\":\"h\"}",
         "Port: is missing, but there is 'port'; Host: is missing, but there is 'HOST'"},
        {"{\"Hst\":\"x\",\"Port\":502}",    "Host: is missing, but there is 'Hst'"     },
        {"{\"Number\":502,\"Host\":\"h\"}", "Port: is missing"                         },
        {"{\"Port\":null,\"Host\":\"h\"}",  "Port: is missing"                         },
        {"{\"Host\":\"h\",\"Post\":1}",     "Port: is missing, but there is 'Post'"    },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *object = NULL;
        char ret[16] = {0};
        CU_ASSERT_EQUAL_FATAL(
            edge_json_parse(&ctx, cases[i].json, strlen(cases[i].json), NULL, &object), EDGE_OK);
        CU_ASSERT_EQUAL(sdk_params_parse(&ctx, needed, object, &ctx.arena, ret), EDGE_INVALID);
        CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID), cases[i].fault);
    }
    EDGE_CTX_SCOPE(ctx);
    char ret[16] = {0};
    CU_ASSERT_EQUAL(sdk_params_parse(&ctx, needed, NULL, &ctx.arena, ret), EDGE_INVALID);
}

static void test_texts_that_are_numbers_with_decimals(void)
{
    static const devsdk_field place[] = {
        {.key = "at",   .type = DEVSDK_STRING, .unit = ".2"},
        {0},
    };
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"{\"at\":10.1}",     "10.10"}, /* which is how YAML gives 10.10 */
        {"{\"at\":\"10.1\"}", "10.1" },
        {"{\"at\":10.03}",    "10.03"},
        {"{\"at\":10}",       "10"   },
        {"{\"at\":10.0}",     "10"   },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *object = NULL;
        const char *text = NULL;
        CU_ASSERT_EQUAL_FATAL(
            edge_json_parse(&ctx, cases[i].json, strlen(cases[i].json), NULL, &object), EDGE_OK);
        CU_ASSERT_EQUAL(sdk_params_parse(&ctx, place, object, &ctx.arena, &text), EDGE_OK);
        CU_ASSERT_STRING_EQUAL(text, cases[i].text);
    }
}

static void test_printing_is_the_way_back(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct thing t, again;
    CU_ASSERT_EQUAL(
        parse(&ctx,
              "{\"Address\":\"host\",\"on\":true,\"i8\":-1,\"u64\":18446744073709551615,"
              "\"i64\":-9007199254740993,\"f64\":0.25,\"mode\":\"COILS\"}",
              &t),
        EDGE_OK);
    const cJSON *tree = sdk_params_print(&ctx, fields, &t);
    CU_ASSERT_EQUAL(sdk_params_parse(&ctx, fields, tree, &ctx.arena, &again), EDGE_OK);
    CU_ASSERT_EQUAL(again.i8, -1);
    CU_ASSERT_EQUAL(again.u64, UINT64_MAX);
    CU_ASSERT_EQUAL(again.i64, -9007199254740993);
    CU_ASSERT_EQUAL(again.f64, 0.25);
    CU_ASSERT_EQUAL(again.mode, 0);
    CU_ASSERT_TRUE(again.on);
    CU_ASSERT_STRING_EQUAL(again.address, "host");
}

static void test_unsound_tables_are_found(void)
{
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_PTR_NULL(sdk_params_verify(&ctx, fields, sizeof(struct thing)));
    CU_ASSERT_PTR_NULL(sdk_params_verify(&ctx, NULL, 0));
    const devsdk_field outside[] = {
        {.key = "a",   .type = DEVSDK_U64, .offset = 8},
        {0}
    };
    CU_ASSERT_PTR_NOT_NULL(sdk_params_verify(&ctx, outside, 8));
    const devsdk_field twice[] = {
        {.key = "a",         .type = DEVSDK_U8},
        {.key = "a",                  .type = DEVSDK_U8, .offset = 1},
        {0}
    };
    CU_ASSERT_PTR_NOT_NULL(sdk_params_verify(&ctx, twice, 8));
    const devsdk_field bad_default[] = {
        {.key = "a",    .type = DEVSDK_U8, .def = "256"},
        {0}
    };
    CU_ASSERT_PTR_NOT_NULL(sdk_params_verify(&ctx, bad_default, 8));
    const devsdk_field no_member[] = {
        {.key = "a", .type = DEVSDK_ARRAY},
        {0         }
    };
    CU_ASSERT_PTR_NOT_NULL(sdk_params_verify(&ctx, no_member, 8));
    const devsdk_field signed_choice[] = {
        {.key = "a",       .type = DEVSDK_I8, .one_of = modes},
        {0}
    };
    CU_ASSERT_PTR_NOT_NULL(sdk_params_verify(&ctx, signed_choice, 8));
}

/* What a configuration provider says of a driver's key is held against the driver's table. */
static void test_keys_of_drivers_are_checked_one_by_one(void)
{
    static const devsdk_field keys[] = {
        {.key = "Port",     .type = DEVSDK_U16, .required = true},
        {.key = "Host", .type = DEVSDK_STRING, .offset = 8, .required = true},
        {0    }
    };
    static const devsdk_field nested[] = {
        {.key = "Writable.Wait", .type = DEVSDK_U16, .max = 1000},
        {0          }
    };
    static const devsdk_driver driver = {.name = "d", .config = keys, .config_size = 16};
    static const devsdk_driver named = {
        .abi = 4, .name = "n", .config = nested, .config_size = 16, .config_section = "Broker"};
    static const struct {
        const char *section, *key, *json;
        enum edge_status st;
        const char *nearest;
    } cases[] = {
        {"Driver", "Port",     "\"502\"",                 EDGE_OK,        NULL           },
        {"Driver", "Port",     "\"65536\"",               EDGE_INVALID,   NULL           },
        {"driver", "Port",     "\"x\"",                   EDGE_INVALID,   NULL           },
        {"Driver", "Port",     "{}",                      EDGE_INVALID,   NULL           },
        {"Driver", "Host",     "\"h\"",                   EDGE_OK,        NULL           },
        {"Driver", "Other",    "\"x\"",                   EDGE_NOT_FOUND, NULL           },
        {"Driver", "Prot",     "\"x\"",                   EDGE_NOT_FOUND, "Port"         },
        {"Driver", "port",     "\"x\"",                   EDGE_NOT_FOUND, "Port"         },
        {"Custom", "Port",     "\"x\"",                   EDGE_OK,        NULL           },
        {"Broker", "Writable", "{\"Wait\":\"5\"}",        EDGE_OK,        NULL           },
        {"broker", "Writable", "{\"Wait\":1001}",         EDGE_INVALID,   NULL           },
        {"Broker", "Writable", "{\"Wait\":1,\"Wayt\":2}", EDGE_NOT_FOUND, "Writable.Wait"},
        {"Broker", "Writable", "5",                       EDGE_NOT_FOUND, "none"         },
    };
    enum { OF_NAMED = 9 };
    struct edge_service service;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *value = NULL;
        devsdk_descriptor(i < OF_NAMED ? &driver : &named, NULL, &service);
        struct edge_nearest near = {.wanted = cases[i].key};
        CU_ASSERT_EQUAL_FATAL(
            edge_json_parse(&ctx, cases[i].json, strlen(cases[i].json), NULL, &value), EDGE_OK);
        enum edge_status st =
            service.check_free(&ctx, service.context, cases[i].section, cases[i].key, value, &near);
        CU_ASSERT_EQUAL(st, cases[i].st);
        if (st == EDGE_NOT_FOUND) {
            const char *nearest = cases[i].nearest ? cases[i].nearest : "none";
            CU_ASSERT_STRING_EQUAL(near.name ? near.name : "none", nearest);
        }
    }
    static const devsdk_driver free_driver = {.name = "d"};
    EDGE_CTX_SCOPE(ctx);
    struct edge_nearest near = {.wanted = "Any"};
    devsdk_descriptor(&free_driver, NULL, &service);
    CU_ASSERT_EQUAL(service.check_free(&ctx, service.context, "Driver", "Any", NULL, &near),
                    EDGE_OK);
}

static void test_the_schema_says_what_the_table_says(void)
{
    static const devsdk_protocol protocols[] = {
        {"thing", fields},
        {0      }
    };
    static const devsdk_driver driver = {.abi = DEVSDK_ABI,
                                         .name = "device-thing",
                                         .protocols = protocols,
                                         .attributes = fields,
                                         .config = fields};
    static const struct {
        const char *key, *expect; /* of the row */
    } rows[] = {
        {"on",      "\"type\":[\"boolean\",\"string\"]"                    },
        {"i8",      "\"minimum\":-128,\"maximum\":127"                     },
        {"slot",    "\"minimum\":0,\"maximum\":7"                          },
        {"Port",    "\"maximum\":65535"                                    },
        {"Port",    "\"default\":502"                                      },
        {"u64",     "\"minimum\":0,"                                       },
        {"f64",     "\"minimum\":-1,\"maximum\":1.5"                       },
        {"Address", "\"maxLength\":16"                                     },
        {"any",     "\"type\":[\"object\",\"array\",\"string\",\"number\"]"},
        {"mode",    "\"enum\":[\"COILS\",\"REGISTERS\"]"                   },
        {"mode",    "\"default\":\"REGISTERS\""                            },
    };
    EDGE_CTX_SCOPE(ctx);
    const cJSON *schema = sdk_params_schema(&ctx, &driver);
    const cJSON *defs = edge_json_member(schema, "$defs", true);
    const cJSON *parts[] = {edge_json_member(defs, "Driver", true),
                            edge_json_member(defs, "attributes", true)};
    for (size_t part = 0; part < 2; part++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            const cJSON *properties = edge_json_member(parts[part], "properties", true);
            char *text = cJSON_PrintUnformatted(edge_json_member(properties, rows[i].key, true));
            CU_ASSERT_PTR_NOT_NULL_FATAL(text);
            if (!strstr(text, rows[i].expect)) {
                CU_FAIL(rows[i].expect);
                printf("%s: %s\n", rows[i].key, text);
            }
            cJSON_free(text);
        }
        const cJSON *required = edge_json_member(parts[part], "required", true);
        CU_ASSERT_EQUAL(cJSON_GetArraySize(required), 1);
        CU_ASSERT_STRING_EQUAL(required->child->valuestring, "Address");
    }
}

CU_TestInfo params_tests[] = {
    {"the schema says what the table says",    test_the_schema_says_what_the_table_says   },
    {"keys of drivers are checked one by one", test_keys_of_drivers_are_checked_one_by_one},
    {"values of all types",                    test_values_of_all_types                   },
    {"texts and numbers are the same",         test_texts_and_numbers_are_the_same        },
    {"defaults stand where nothing is given",  test_defaults_stand_where_nothing_is_given },
    {"faults have exact words",                test_faults_have_exact_words               },
    {"a slip in a required key is named",      test_a_slip_in_a_required_key_is_named     },
    {"texts that are numbers with decimals",   test_texts_that_are_numbers_with_decimals  },
    {"printing is the way back",               test_printing_is_the_way_back              },
    {"unsound tables are found",               test_unsound_tables_are_found              },
    CU_TEST_INFO_NULL,
};
