/* The command line and its variables. */
#include <stdlib.h>
#include <string.h>

#include "edge/config.h"
#include "edge/message.h"
#include "suites.h"

enum { MAX_WORDS = 6 };

static int count(const char *const *words)
{
    int n = 0;
    while (n < MAX_WORDS && words[n]) {
        n++;
    }
    return n;
}

static enum edge_status parse(struct edge_ctx *ctx, const char *const *words,
                              struct edge_options *ret)
{
    char *argv[MAX_WORDS + 1] = {(char *)(uintptr_t) "core-data"};
    int argc = 1;
    for (int i = 0; i < count(words); i++) {
        argv[argc++] = (char *)(uintptr_t)words[i];
    }
    return edge_options_parse(ctx, argc, argv, ret);
}

static void expect_text(const char *what, const char *got, const char *expect)
{
    bool same = got && expect ? strcmp(got, expect) == 0 : got == expect;
    if (!same) {
        printf("\n    %s: got '%s', expected '%s'", what, got ? got : "(null)",
               expect ? expect : "(null)");
    }
    CU_ASSERT(same);
}

#define TEXT(member) offsetof(struct edge_options, member)

static void test_texts_in_every_spelling(void)
{
    static const struct {
        const char *words[MAX_WORDS];
        size_t member;
        const char *expect;
    } cases[] = {
        {{"-cd", "etc"},                 TEXT(config_dir),           "etc"                          },
        {{"--cd=etc"},                   TEXT(config_dir),           "etc"                          },
        {{"-configDir=etc"},             TEXT(config_dir),           "etc"                          },
        {{"--configDir", "etc"},         TEXT(config_dir),           "etc"                          },
        {{"-cf=a.yaml"},                 TEXT(config_file),          "a.yaml"                       },
        {{"--configFile", "a=b.yaml"},   TEXT(config_file),          "a=b.yaml"                     },
        {{"-p", "docker"},               TEXT(profile),              "docker"                       },
        {{"--profile=docker"},           TEXT(profile),              "docker"                       },
        {{"-cc", "common.yaml"},         TEXT(common_config),        "common.yaml"                  },
        {{"--commonConfig=common.yaml"}, TEXT(common_config),        "common.yaml"                  },
        {{"-cp"},                        TEXT(config_provider),      "keeper.http://localhost:59890"},
        {{"--configProvider"},           TEXT(config_provider),      "keeper.http://localhost:59890"},
        {{"-cp", "-o"},                  TEXT(config_provider),      "keeper.http://localhost:59890"},
        {{"-cp=keeper.http://a:1"},      TEXT(config_provider),      "keeper.http://a:1"            },
        {{"-cp", "keeper.http://a:1"},   TEXT(config_provider),      "keeper.http://a:1"            },
        {{"-cp=none"},                   TEXT(config_provider),      NULL                           },
        {{"-rsh", "a,b,c"},              TEXT(remote_service_hosts), "a,b,c"                        },
        {{"-i=2"},                       TEXT(instance),             "2"                            },
        {{"--instance", "-dash"},        TEXT(instance),             "-dash"                        },
        {{"--data", "/srv"},             TEXT(data_dir),             "/srv"                         },
        {{"-o"},                         TEXT(data_dir),             "var"                          },
        {{"-cd=a", "-cd=b"},             TEXT(config_dir),           "b"                            },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_options o;
        CU_ASSERT_EQUAL_FATAL(parse(&ctx, cases[i].words, &o), EDGE_OK);
        expect_text(cases[i].words[0], *(const char **)(void *)((char *)&o + cases[i].member),
                    cases[i].expect);
    }
}

static void test_switches_in_every_spelling(void)
{
    static const struct {
        const char *words[MAX_WORDS];
        size_t member;
        bool expect;
    } cases[] = {
        {{"-o"},                   TEXT(overwrite),          true },
        {{"--overwrite=true"},     TEXT(overwrite),          true },
        {{"-o=false"},             TEXT(overwrite),          false},
        {{"-r"},                   TEXT(registry),           true },
        {{"--registry"},           TEXT(registry),           true },
        {{"-d"},                   TEXT(dev),                true },
        {{"--dev"},                TEXT(dev),                true },
        {{"-op"},                  TEXT(overwrite_profiles), true },
        {{"-od"},                  TEXT(overwrite_devices),  true },
        {{"--overwriteDevices=1"}, TEXT(overwrite_devices),  true },
        {{"--health"},             TEXT(health),             true },
        {{"--version"},            TEXT(version),            true },
        {{"-h"},                   TEXT(help),               true },
        {{"--help"},               TEXT(help),               true },
        {{NULL},                   TEXT(overwrite),          false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_options o;
        CU_ASSERT_EQUAL_FATAL(parse(&ctx, cases[i].words, &o), EDGE_OK);
        CU_ASSERT_EQUAL(*((bool *)&o + cases[i].member), cases[i].expect);
    }
}

static void test_faults_name_the_flag(void)
{
    static const struct {
        const char *words[MAX_WORDS], *expect;
    } cases[] = {
        {{"-x"},          "unknown flag '-x'"               },
        {{"--confdir=a"}, "unknown flag '--confdir=a'"      },
        {{"-"},           "unknown flag '-'"                },
        {{"--"},          "unknown flag '--'"               },
        {{"---cd=a"},     "unknown flag '---cd=a'"          },
        {{"etc"},         "unexpected argument 'etc'"       },
        {{"-o", "yes"},   "unexpected argument 'yes'"       },
        {{"-o=perhaps"},  "flag '-o=perhaps': true or false"},
        {{"-cd"},         "flag '-cd' needs a value"        },
        {{"-cd="},        "flag '-cd=' needs a value"       },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_options o;
        enum edge_status st = parse(&ctx, cases[i].words, &o);
        CU_ASSERT_EQUAL(st, EDGE_INVALID);
        expect_text(cases[i].words[0], edge_ctx_message(&ctx, st), cases[i].expect);
    }
}

static void test_variables_stand_for_flags(void)
{
    EDGE_CTX_SCOPE(ctx);
    static const char *const none[] = {NULL}, *const dir[] = {"-cd", "flag", NULL};
    struct edge_options o;
    setenv("EDGEX_CONFIG_DIR", "variable", 1);
    setenv("EDGEX_USE_REGISTRY", "true", 1);
    setenv("EDGEX_INSTANCE_NAME", "", 1);
    setenv("EDGEX_STARTUP_DURATION", "7", 1);
    CU_ASSERT_EQUAL(parse(&ctx, none, &o), EDGE_OK);
    expect_text("variable", o.config_dir, "variable");
    CU_ASSERT(o.registry);
    CU_ASSERT_PTR_NULL(o.instance);
    CU_ASSERT_EQUAL(o.startup_duration_ms, 7000);
    CU_ASSERT_EQUAL(o.startup_interval_ms, 1000);
    CU_ASSERT_EQUAL(parse(&ctx, dir, &o), EDGE_OK);
    expect_text("flag before variable", o.config_dir, "flag");
    unsetenv("EDGEX_CONFIG_DIR");
    unsetenv("EDGEX_USE_REGISTRY");
    unsetenv("EDGEX_INSTANCE_NAME");
    unsetenv("EDGEX_STARTUP_DURATION");
}

static void test_provider_none_turns_the_flag_off(void)
{
    EDGE_CTX_SCOPE(ctx);
    static const char *const provider[] = {"-cp=keeper.http://a:1", NULL};
    struct edge_options o;
    setenv("EDGEX_CONFIG_PROVIDER", "none", 1);
    CU_ASSERT_EQUAL(parse(&ctx, provider, &o), EDGE_OK);
    CU_ASSERT_PTR_NULL(o.config_provider);
    unsetenv("EDGEX_CONFIG_PROVIDER");
}

static void test_bad_variables_are_named(void)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"EDGEX_USE_REGISTRY",     "perhaps"},
        {"EDGEX_OVERWRITE_CONFIG", "2"      },
        {"EDGEX_STARTUP_DURATION", "1h"     },
        {"EDGEX_STARTUP_DURATION", "0"      },
        {"EDGEX_STARTUP_INTERVAL", "-1"     },
    };
    static const char *const none[] = {NULL};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_options o;
        setenv(cases[i].name, cases[i].value, 1);
        enum edge_status st = parse(&ctx, none, &o);
        CU_ASSERT_EQUAL(st, EDGE_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), cases[i].name));
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), cases[i].value));
        unsetenv(cases[i].name);
    }
}

static void test_help_lists_every_flag(void)
{
    static const char *const names[] = {"-cd, --configDir DIR",
                                        "-cp, --configProvider[=URL]",
                                        "-rsh, ",
                                        "-op, ",
                                        "--data DIR",
                                        "--health",
                                        "-h, --help"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_options_help(), names[i]));
    }
}

static void test_forms_of_messages_come_from_the_environment(void)
{
    static const struct {
        const char *name, *value;
        bool any_case;
        size_t member;
    } rows[] = {
        {"EDGEX_MSG_BASE64_PAYLOAD",     "True", true,
         offsetof(struct edge_wire_forms,                                                base64_payloads)},
        {"EDGEX_MSG_CBOR_ENCODE",        "TRUE", true,  offsetof(struct edge_wire_forms, cbor_envelopes) },
        {"EDGEX_ENCODE_ALL_EVENTS_CBOR", "True", false,
         offsetof(struct edge_wire_forms,                                                cbor_events)    },
        {"EDGEX_OPTIMIZE_EVENT_PAYLOAD", "True", false,
         offsetof(struct edge_wire_forms,                                                short_events)   },
    };
    const struct edge_wire_forms none = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct edge_wire_forms expected = none, given;
        *(bool *)((char *)&expected + rows[i].member) = true;
        setenv(rows[i].name, "true", 1);
        given = edge_wire_forms_given();
        CU_ASSERT_EQUAL(memcmp(&given, &expected, sizeof(given)), 0);
        setenv(rows[i].name, rows[i].value, 1);
        given = edge_wire_forms_given();
        CU_ASSERT_EQUAL(memcmp(&given, rows[i].any_case ? &expected : &none, sizeof(given)), 0);
        unsetenv(rows[i].name);
        given = edge_wire_forms_given();
        CU_ASSERT_EQUAL(memcmp(&given, &none, sizeof(given)), 0);
    }
}

CU_TestInfo options_tests[] = {
    {"texts in every spelling",                     test_texts_in_every_spelling         },
    {"switches in every spelling",                  test_switches_in_every_spelling      },
    {"faults name the flag",                        test_faults_name_the_flag            },
    {"variables stand for flags",                   test_variables_stand_for_flags       },
    {"provider none turns the flag off",            test_provider_none_turns_the_flag_off},
    {"bad variables are named",                     test_bad_variables_are_named         },
    {"help lists every flag",                       test_help_lists_every_flag           },
    {"forms of messages come from the environment",
     test_forms_of_messages_come_from_the_environment                                    },
    CU_TEST_INFO_NULL,
};
