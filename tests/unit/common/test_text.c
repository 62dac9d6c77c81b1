/* The small grammars: what they accept, what they refuse, what they write. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/ctx.h"
#include "edge/text.h"
#include "suites.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void test_uuids_are_new_and_strict(void)
{
    char before[EDGE_UUID_SIZE] = "", text[EDGE_UUID_SIZE];
    for (int i = 0; i < 1000; i++) {
        edge_uuid_new(text);
        CU_ASSERT(edge_uuid_is_strict(text));
        CU_ASSERT_EQUAL(text[14], '4');
        CU_ASSERT_PTR_NOT_NULL(strchr("89ab", text[19]));
        CU_ASSERT_STRING_NOT_EQUAL(text, before);
        memcpy(before, text, sizeof(before));
    }
}

static void test_uuids_differ_after_fork(void)
{
    char mine[EDGE_UUID_SIZE], theirs[EDGE_UUID_SIZE] = "";
    int pipes[2];
    edge_uuid_new(mine);
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    pid_t child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (child == 0) {
        edge_uuid_new(theirs);
        _exit(write(pipes[1], theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
    }
    edge_uuid_new(mine);
    CU_ASSERT_EQUAL(read(pipes[0], theirs, sizeof(theirs)), sizeof(theirs));
    CU_ASSERT_STRING_NOT_EQUAL(mine, theirs);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_uuid_grammars(void)
{
    static const struct {
        const char *text;
        bool strict, lenient;
    } cases[] = {
        {"6ba7b810-9dad-11d1-80b4-00c04fd430c8",          true,  true },
        {"6BA7B810-9DAD-11D1-80B4-00C04FD430C8",          false, true },
        {"{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",        false, true },
        {"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", false, true },
        {"URN:UUID:6ba7b810-9dad-11d1-80b4-00c04fd430c8", false, true },
        {"6ba7b8109dad11d180b400c04fd430c8",              false, true },
        {"{6ba7b810-9dad-11d1-80b4-00c04fd430c8",         false, false},
        {"6ba7b810-9dad-11d1-80b4-00c04fd430c8}",         false, false},
        {"6ba7b810-9dad-11d1-80b4-00c04fd430c",           false, false},
        {"6ba7b810-9dad-11d1-80b4-00c04fd430c8a",         false, false},
        {"6ba7b8109-dad-11d1-80b4-00c04fd430c8",          false, false},
        {"6ba7b810-9dad-11d1-80b4-00c04fd430cg",          false, false},
        {"6ba7b8109dad11d180b400c04fd430c",               false, false},
        {"",                                              false, false},
        {"urn:uuid:",                                     false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[EDGE_UUID_SIZE];
        CU_ASSERT_EQUAL(edge_uuid_is_strict(cases[i].text), cases[i].strict);
        CU_ASSERT_EQUAL(edge_uuid_parse(cases[i].text, text), cases[i].lenient);
        CU_ASSERT_EQUAL(edge_uuid_parse(cases[i].text, NULL), cases[i].lenient);
        if (cases[i].lenient) {
            CU_ASSERT_STRING_EQUAL(text, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        }
    }
}

static void test_durations(void)
{
    static const struct {
        const char *text;
        bool go, days;
        int64_t ns;
    } cases[] = {
        {"0",                      true,  true,  0              },
        {"-0",                     true,  true,  0              },
        {"0s",                     true,  true,  0              },
        {"1h30m",                  true,  true,  5400000000000  },
        {"250ms",                  true,  true,  250000000      },
        {"-1.5s",                  true,  true,  -1500000000    },
        {"+5s",                    true,  true,  5000000000     },
        {".5s",                    true,  true,  500000000      },
        {"1.s",                    true,  true,  1000000000     },
        {"1us2ns",                 true,  true,  1002           },
        {"1\xc2\xb5s",             true,  true,  1000           },
        {"1\xce\xbcs",             true,  true,  1000           },
        {"3000000h",               false, false, 0              },
        {"9223372036854775807ns",  true,  true,  INT64_MAX      },
        {"9223372036854775808ns",  false, false, 0              },
        {"-9223372036854775808ns", true,  true,  INT64_MIN      },
        {"-9223372036854775809ns", false, false, 0              },
        {"99999999999999999999s",  false, false, 0              },
        {"0.3333333333333333333h", true,  true,  1200000000000  },
        {"1d",                     false, true,  86400000000000 },
        {"1d12h",                  false, true,  129600000000000},
        {"12h0.5d",                false, true,  86400000000000 },
        {"",                       false, false, 0              },
        {"-",                      false, false, 0              },
        {"1",                      false, false, 0              },
        {".s",                     false, false, 0              },
        {"s",                      false, false, 0              },
        {"1x",                     false, false, 0              },
        {"1h ",                    false, false, 0              },
        {" 1h",                    false, false, 0              },
        {"1h-5m",                  false, false, 0              },
        {"1S",                     false, false, 0              },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns = 0;
        CU_ASSERT_EQUAL(edge_duration_parse(cases[i].text, false, &ns), cases[i].go);
        CU_ASSERT_EQUAL(ns, cases[i].go ? cases[i].ns : 0);
        CU_ASSERT_EQUAL(edge_duration_parse(cases[i].text, true, &ns), cases[i].days);
        CU_ASSERT_EQUAL(ns, cases[i].days ? cases[i].ns : 0);
    }
}

static void test_names_are_escaped_and_back(void)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    const char *name = "a b/+#-._~$&:=@\xc3\xa4Z9";
    const char *text = edge_name_escape(&a, name);
    CU_ASSERT_STRING_EQUAL(text, "a%20b%2F%2B%23%2D%2E%5F%7E$&:=@%C3%A4Z9");
    CU_ASSERT_STRING_EQUAL(edge_percent_decode(&a, text, strlen(text)), name);
    CU_ASSERT_STRING_EQUAL(edge_percent_decode(&a, "%2fx", 3), "/");
    CU_ASSERT_STRING_EQUAL(edge_percent_decode(&a, "a+b%252F", 8), "a+b%2F");
    static const char *const bad[] = {"%", "%2", "%zz", "a%0", "%00", "x%00y"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        CU_ASSERT_PTR_NULL(edge_percent_decode(&a, bad[i], strlen(bad[i])));
    }
    CU_ASSERT_PTR_NULL(edge_percent_decode(&a, "a\0b", 3));
    edge_arena_done(&a);
}

static void test_a_name_is_one_level_of_a_topic(void)
{
    static const struct {
        const char *name, *plain, *escaped;
    } cases[] = {
        {"pump-1 \xc3\xa4",  "pump-1 \xc3\xa4",   "pump%2D1%20%C3%A4"},
        {"",                 "",                  ""                 },
        {"Int[0-9]+",        "Int%5B0%2D9%5D%2B", "Int%5B0%2D9%5D%2B"},
        {"a/b",              "a%2Fb",             "a%2Fb"            },
        {"#",                "%23",               "%23"              },
        {"a%20b",            "a%2520b",           "a%2520b"          },
        {"a\nb",             "a%0Ab",             "a%0Ab"            },
        {"a\x7f",            "a%7F",              "a%7F"             },
        {"\xc2\x85",         "%C2%85",            "%C2%85"           },
        {"\xc2\xa0",         "\xc2\xa0",          "%C2%A0"           },
        {"\xef\xb7\x90",     "%EF%B7%90",         "%EF%B7%90"        },
        {"\xef\xb7\xb0",     "\xef\xb7\xb0",      "%EF%B7%B0"        },
        {"\xef\xbf\xbf",     "%EF%BF%BF",         "%EF%BF%BF"        },
        {"\xf0\x9f\xbf\xbe", "%F0%9F%BF%BE",      "%F0%9F%BF%BE"     },
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80",  "%F0%9F%98%80"     },
    };
    struct edge_arena a = EDGE_ARENA_INIT;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *plain = edge_name_level(&a, cases[i].name, false);
        CU_ASSERT_STRING_EQUAL(plain, cases[i].plain);
        CU_ASSERT_STRING_EQUAL(edge_percent_decode(&a, plain, strlen(plain)), cases[i].name);
        CU_ASSERT_STRING_EQUAL(edge_name_level(&a, cases[i].name, true), cases[i].escaped);
    }
    edge_arena_done(&a);
}

static void test_utf8(void)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"",                 true },
        {"plain",            true },
        {"\xc3\xa4",         true },
        {"\xe2\x82\xac",     true },
        {"\xf0\x9f\x98\x80", true },
        {"\xf4\x8f\xbf\xbf", true },
        {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
        {"\xc0\x80",         false}, /* overlong */
        {"\xe0\x80\x80",     false},
        {"\xf0\x80\x80\x80", false},
        {"\xed\xa0\x80",     false}, /* surrogate */
        {"\x80",             false},
        {"\xc3",             false},
        {"\xe2\x82",         false},
        {"\xf0\x9f\x98",     false},
        {"\xe2\x28\xac",     false},
        {"\xff",             false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CU_ASSERT_EQUAL(edge_utf8_valid(cases[i].text, strlen(cases[i].text)), cases[i].valid);
    }
    CU_ASSERT_FALSE(edge_utf8_valid("\xe2\x82\xac", 2));
}

static void test_truth_and_integers(void)
{
    bool b = false;
    CU_ASSERT(edge_bool_parse("True", &b) && b);
    CU_ASSERT(edge_bool_parse("f", &b) && !b);
    CU_ASSERT_FALSE(edge_bool_parse("yes", &b));
    CU_ASSERT_FALSE(edge_bool_parse("tRUE", &b));
    CU_ASSERT_FALSE(edge_bool_parse("", &b));

    int64_t i = 0;
    CU_ASSERT(edge_int_parse("-9223372036854775808", &i) && i == INT64_MIN);
    CU_ASSERT(edge_int_parse("+9223372036854775807", &i) && i == INT64_MAX);
    CU_ASSERT(edge_int_parse("007", &i) && i == 7);
    static const char *const bad_ints[] = {"",
                                           "-",
                                           "+",
                                           "--1",
                                           "1 ",
                                           " 1",
                                           "1.0",
                                           "0x1",
                                           "1e3",
                                           "+-1",
                                           "9223372036854775808",
                                           "-9223372036854775809"};
    for (size_t n = 0; n < COUNT(bad_ints); n++) {
        CU_ASSERT_FALSE(edge_int_parse(bad_ints[n], &i));
    }

    uint64_t u = 0;
    CU_ASSERT(edge_uint_parse("18446744073709551615", &u) && u == UINT64_MAX);
    static const char *const bad_uints[] = {"", "-1", "+1", "18446744073709551616", "1a"};
    for (size_t n = 0; n < COUNT(bad_uints); n++) {
        CU_ASSERT_FALSE(edge_uint_parse(bad_uints[n], &u));
    }
}

static void test_reals_of_known_text(void)
{
    static const struct {
        double v;
        const char *e, *json;
    } cases[] = {
        {0,                      "0e+00",                   "0"                      },
        {-0.0,                   "-0e+00",                  "-0"                     },
        {12.34,                  "1.234e+01",               "12.34"                  },
        {100,                    "1e+02",                   "100"                    },
        {-0.5,                   "-5e-01",                  "-0.5"                   },
        {0.1,                    "1e-01",                   "0.1"                    },
        {0.30000000000000004,    "3.0000000000000004e-01",  "0.30000000000000004"    },
        {1e6,                    "1e+06",                   "1000000"                },
        {1e20,                   "1e+20",                   "100000000000000000000"  },
        {1e21,                   "1e+21",                   "1e+21"                  },
        {1e-6,                   "1e-06",                   "0.000001"               },
        {1e-7,                   "1e-07",                   "1e-7"                   },
        {1.5e300,                "1.5e+300",                "1.5e+300"               },
        {5e-324,                 "5e-324",                  "5e-324"                 },
        {1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308"},
        {5e-324 * 3,             "1.5e-323",                "1.5e-323"               },
        {0x1p-44,                "5.684341886080802e-14",   "5.684341886080802e-14"  },
        {0x1p-1022,              "2.2250738585072014e-308", "2.2250738585072014e-308"},
        {9007199254740993.0,     "9.007199254740992e+15",   "9007199254740992"       },
        {123456789012345.6,      "1.234567890123456e+14",   "123456789012345.6"      },
        {1755850000123456789.0,  "1.7558500001234568e+18",  "1755850000123456800"    },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[EDGE_REAL_TEXT_SIZE];
        CU_ASSERT_EQUAL(edge_real_json(cases[i].v, text), strlen(cases[i].json));
        CU_ASSERT_STRING_EQUAL(text, cases[i].json);
        edge_real_e(cases[i].v, text);
        double back = strtod(text, NULL);
        CU_ASSERT_EQUAL(back, cases[i].v);
        CU_ASSERT_EQUAL(strcmp(text, cases[i].e), 0);
        if (strcmp(text, cases[i].e) != 0) {
            printf("got %s, want %s\n", text, cases[i].e);
        }
    }
}

static void test_plain_reals_have_no_exponent(void)
{
    static const struct {
        double v;
        const char *plain;
    } cases[] = {
        {0,             "0"                       },
        {-0.0,          "-0"                      },
        {1,             "1"                       },
        {0.5,           "0.5"                     },
        {-1234567.25,   "-1234567.25"             },
        {1e21,          "1000000000000000000000"  },
        {-1.5e22,       "-15000000000000000000000"},
        {1e-7,          "0.0000001"               },
        {1755850000123, "1755850000123"           },
    };
    char text[EDGE_REAL_PLAIN_SIZE];
    for (size_t i = 0; i < COUNT(cases); i++) {
        CU_ASSERT_EQUAL(edge_real_plain(cases[i].v, text), strlen(cases[i].plain));
        CU_ASSERT_STRING_EQUAL(text, cases[i].plain);
    }
    static const double ends[] = {-DBL_MAX, DBL_MIN, -DBL_TRUE_MIN, -2.2250738585072011e-308};
    for (size_t i = 0; i < COUNT(ends); i++) {
        CU_ASSERT(edge_real_plain(ends[i], text) < EDGE_REAL_PLAIN_SIZE);
        CU_ASSERT_PTR_NULL(strchr(text, 'e'));
        CU_ASSERT_EQUAL(strtod(text, NULL), ends[i]);
    }
}

static void test_floats_use_their_own_digits(void)
{
    static const struct {
        float v;
        const char *e;
    } cases[] = {
        {0.1f,            "1e-01"        },
        {12.34f,          "1.234e+01"    },
        {16777216.0f,     "1.6777216e+07"},
        {3.4028235e38f,   "3.4028235e+38"},
        {1e-45f,          "1e-45"        },
        {1.17549435e-38f, "1.1754944e-38"},
        {-3.0f,           "-3e+00"       },
        {0.33333334f,     "3.3333334e-01"},
        {0x1p-96f,        "1.2621775e-29"},
    };
    char text[EDGE_REAL_TEXT_SIZE];
    for (size_t i = 0; i < COUNT(cases); i++) {
        CU_ASSERT_EQUAL(edge_float_e(cases[i].v, text), strlen(cases[i].e));
        CU_ASSERT_STRING_EQUAL(text, cases[i].e);
    }
    edge_float_e(NAN, text);
    CU_ASSERT_STRING_EQUAL(text, "NaN");
    edge_real_e(INFINITY, text);
    CU_ASSERT_STRING_EQUAL(text, "+Inf");
    edge_real_e(-INFINITY, text);
    CU_ASSERT_STRING_EQUAL(text, "-Inf");
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t digits_in(const char *text)
{
    size_t n = 0;
    for (; *text && *text != 'e'; text++) {
        n += *text >= '0' && *text <= '9';
    }
    return n;
}

/* Any bits read back, and no printf with fewer digits does. */
static void test_random_reals_are_shortest(void)
{
    uint64_t state = 42;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&state);
        double v;
        memcpy(&v, &bits, sizeof(v));
        if (i % 3 == 0) {
            v = (double)(int64_t)(bits % 2000000) / 1000 - 1000;
        }
        if (!isfinite(v)) {
            continue;
        }
        char text[EDGE_REAL_TEXT_SIZE], fewer[64];
        CU_ASSERT_EQUAL(edge_real_e(v, text), strlen(text));
        CU_ASSERT_EQUAL(strtod(text, NULL), v);
        size_t n = digits_in(text);
        CU_ASSERT(n <= 17);
        if (n > 1) {
            snprintf(fewer, sizeof(fewer), "%.*e", (int)n - 2, v);
            CU_ASSERT_NOT_EQUAL(strtod(fewer, NULL), v);
        }
        CU_ASSERT(edge_real_json(v, text) < EDGE_REAL_TEXT_SIZE);
        CU_ASSERT_EQUAL(strtod(text, NULL), v);

        float f = (float)v;
        if (isfinite(f)) {
            edge_float_e(f, text);
            CU_ASSERT_EQUAL(strtof(text, NULL), f);
            CU_ASSERT(digits_in(text) <= 9);
        }
    }
}

static void test_base64(void)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"",             ""        },
        {"f",            "Zg=="    },
        {"fo",           "Zm8="    },
        {"foo",          "Zm9v"    },
        {"foob",         "Zm9vYg=="},
        {"fooba",        "Zm9vYmE="},
        {"foobar",       "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+"    },
    };
    struct edge_arena a = EDGE_ARENA_INIT;
    const void *bytes;
    size_t n;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i].bytes);
        CU_ASSERT_STRING_EQUAL(edge_base64_encode(&a, cases[i].bytes, len), cases[i].text);
        CU_ASSERT_FATAL(edge_base64_decode(&a, cases[i].text, &bytes, &n));
        CU_ASSERT_EQUAL(n, len);
        CU_ASSERT_EQUAL(memcmp(bytes, cases[i].bytes, len), 0);
    }
    static const char *const bad[] = {"Zg",   "Zg=",   "Z===",   "====", "Zg==Zg==", "Zm9-",
                                      "Zm9_", "Zm 9v", "Zm9v\n", "=Zm9", "Z=9v"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        CU_ASSERT_FALSE(edge_base64_decode(&a, bad[i], &bytes, &n));
    }
    edge_arena_done(&a);
}

/* Cut between words and characters, and marked. */
static void test_long_texts_are_cut_with_a_mark(void)
{
    static const struct {
        const char *text;
        size_t max;
        const char *expected;
    } cases[] = {
        {"short",                                            8,  "short"                      },
        {"exactly so",                                       10, "exactly so"                 },
        {"one two three",                                    12, "one two ..."                },
        {"one two three",                                    11, "one two ..."                },
        {"costs 1234.5678",                                  14, "costs ..."                  },
        {"{\"a\":\"b\",\"long\":1}",                         14, "{\"a\":\"b\",\"..."         },
        {"abcdefghijklmnopqrstuvwxyz",                       12, "abcdefghi..."               }, /* no words to cut between */
        {"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 11, "\xe2\x82\xac\xe2\x82\xac..."},
        {"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",         8,  "\xc3\xa4\xc3\xa4..."        },
    };
    EDGE_CTX_SCOPE(ctx);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *got = edge_text_brief(&ctx.arena, cases[i].text, cases[i].max);
        CU_ASSERT_STRING_EQUAL(got, cases[i].expected);
    }
    char small[12];
    edge_text_fit(small, sizeof(small), "one two three");
    CU_ASSERT_STRING_EQUAL(small, "one two ...");
}

static void test_the_nearest_name_is_found(void)
{
    static const char long_name[] =
        "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde";
    static const struct {
        const char *wanted, *known[4], *nearest;
    } cases[] = {
        {"Prot",                 {"Host", "Port"},                         "Port"                }, /* two letters changed places */
        {"port",                 {"Host", "Port"},                         "Port"                },
        {"Timout",               {"Timeouts", "Timeout"},                  "Timeout"             },
        {"Timeuots",             {"Timeout", "Timeouts"},                  "Timeouts"            },
        {"startingAdress",       {"startingAddress"},                      "startingAddress"     },
        {"MaxRetires",           {"MaxRetries", "MaxRecords"},             "MaxRetries"          },
        {"EnableAsyncReading",   {"EnableAsyncReadings", "EnableReading"}, "EnableAsyncReadings" },
        {"ProfileDirectory",     {"ProfilesDir"},                          NULL                  },
        {"ProvisionWatcherDirs", {"ProvisionWatchersDir"},                 "ProvisionWatchersDir"},
        {"slt",                  {"slot"},                                 "slot"                },
        {"ab",                   {"xy", "bc"},                             NULL                  }, /* as many wrong letters as there are */
        {"ip",                   {"id"},                                   "id"                  },
        {"x",                    {"y"},                                    NULL                  },
        {"x",                    {"X"},                                    "X"                   },
        {"",                     {"", "a"},                                ""                    },
        {"a",                    {""},                                     NULL                  },
        {"speed",                {"Line", "Slot"},                         NULL                  },
        {"abc",                  {"abd", "abe"},                           "abd"                 }, /* the first of equals */
        {"Gr\xc3\xb6\xc3\x9f"
         "e",           {"Gr\xc3\xb6sse", "Gross"},
         "Gr\xc3\xb6sse"                                                                         },
        {long_name,              {long_name},                              NULL                  },
        {long_name + 1,          {long_name, long_name + 1},               long_name + 1         },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct edge_nearest n = {.wanted = cases[i].wanted};
        for (size_t k = 0; k < 4 && cases[i].known[k]; k++) {
            edge_nearest_offer(&n, cases[i].known[k]);
        }
        const char *got = n.name ? n.name : "none", *want = cases[i].nearest;
        if (strcmp(got, want ? want : "none") != 0) {
            printf("%s: %s\n", cases[i].wanted, got);
        }
        CU_ASSERT_STRING_EQUAL(got, want ? want : "none");
    }
}

static void test_media_types_are_told_apart(void)
{
    static const struct {
        const char *media;
        bool expect;
    } cases[] = {
        {"application/cbor",               true },
        {"Application/CBOR",               true },
        {"application/cbor; charset=utf8", true },
        {"application/cbor;x",             true },
        {"application/cbor-seq",           false},
        {"application/cbo",                false},
        {"",                               false},
        {NULL,                             false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(edge_media_is(cases[i].media, "application/cbor"), cases[i].expect);
    }
}

CU_TestInfo text_tests[] = {
    {"media types are told apart",     test_media_types_are_told_apart    },
    {"the nearest name is found",      test_the_nearest_name_is_found     },
    {"long texts are cut with a mark", test_long_texts_are_cut_with_a_mark},
    {"uuids are new and strict",       test_uuids_are_new_and_strict      },
    {"uuids differ after fork",        test_uuids_differ_after_fork       },
    {"uuid grammars",                  test_uuid_grammars                 },
    {"durations",                      test_durations                     },
    {"a name is one level of a topic", test_a_name_is_one_level_of_a_topic},
    {"names are escaped and back",     test_names_are_escaped_and_back    },
    {"utf-8",                          test_utf8                          },
    {"truth and integers",             test_truth_and_integers            },
    {"reals of known text",            test_reals_of_known_text           },
    {"floats use their own digits",    test_floats_use_their_own_digits   },
    {"plain reals have no exponent",   test_plain_reals_have_no_exponent  },
    {"random reals are shortest",      test_random_reals_are_shortest     },
    {"base64",                         test_base64                        },
    CU_TEST_INFO_NULL,
};
