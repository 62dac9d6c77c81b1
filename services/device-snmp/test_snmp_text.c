/* Values as texts and the reverse; which objects to ask for next; names. */
#include <stdlib.h>
#include <string.h>

#include "codec/snmp_names.h"
#include "codec/snmp_plan.h"
#include "codec/snmp_text.h"
#include "suites.h"

static void test_bytes_as_texts(void)
{
    static const struct {
        uint8_t tag, format;
        const char *bytes;
        size_t n;
        const char *text; /* NULL: no such form */
    } cases[] = {
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "eth0",                             4,  "eth0"             },
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "",                                 0,  ""                 },
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "router",                           6,  "router"           }, /* six, but a text */
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "\x00\x1b\x44\x11\x3a\xb7",         6,  "00:1b:44:11:3a:b7"},
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "\x00\x1b",                         2,  "001b"             },
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "pump\0",                           5,  "pump"             }, /* of a C string */
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "a\0b",                             3,  "610062"           },
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "M\xc3\xbcller",                    7,  "M\xc3\xbcller"    },
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "M\xfcller",                        6,  "4d:fc:6c:6c:65:72"},
        {SNMP_OCTETS,    SNMP_FORMAT_STRING,    "M\xfcller",                        6,  "M\xc3\xbcller"    },
        {SNMP_OCTETS,    SNMP_FORMAT_STRING,    "a\0b",                             3,  NULL               },
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "\xed\xa0\x80",                     3,  "eda080"           }, /* a surrogate */
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "\xc0\xaf",                         2,  "c0af"             }, /* overlong */
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "\xe0\x80\xaf",                     3,  "e080af"           },
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "\xf4\x90\x80\x80",                 4,  "f4908080"         },
        {SNMP_OCTETS,    SNMP_FORMAT_AUTO,      "\xe2\x82",                         2,  "e282"             }, /* cut */
        {SNMP_OCTETS,    SNMP_FORMAT_MAC,       "\x00\x1b\x44\x11\x3a\xb7",         6,  "00:1b:44:11:3a:b7"},
        {SNMP_OCTETS,    SNMP_FORMAT_MAC,       "router",                           6,  "72:6f:75:74:65:72"},
        {SNMP_OCTETS,    SNMP_FORMAT_MAC,       "eth0",                             4,  NULL               },
        {SNMP_OCTETS,    SNMP_FORMAT_HEX,       "eth0",                             4,  "65746830"         },
        {SNMP_OCTETS,    SNMP_FORMAT_IP,        "\x0a\x00\x00\x07",                 4,  "10.0.0.7"         },
        {SNMP_OCTETS,    SNMP_FORMAT_IP,        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16, "::1"              },
        {SNMP_OCTETS,    SNMP_FORMAT_IP,        "abc",                              3,  NULL               },
        {SNMP_OCTETS,    SNMP_FORMAT_TIMETICKS, "abcd",                             4,  NULL               },
        {SNMP_IP,        SNMP_FORMAT_AUTO,      "\x0a\x00\x00\x07",                 4,  "10.0.0.7"         },
        {SNMP_IP,        SNMP_FORMAT_HEX,       "\x0a\x00\x00\x07",                 4,  "0a000007"         },
        {SNMP_OID,       SNMP_FORMAT_AUTO,      "\x2b\x06\x01\x02",                 4,  "1.3.6.1.2"        },
        {SNMP_OID,       SNMP_FORMAT_AUTO,      "",                                 0,  "0.0"              },
        {SNMP_OID,       SNMP_FORMAT_MAC,       "\x2b\x06\x01\x02\x03\x04",         6,  NULL               },
        {SNMP_OPAQUE,    SNMP_FORMAT_AUTO,      "\x9f\x00",                         2,  "9f00"             },
        {SNMP_NO_OBJECT, SNMP_FORMAT_AUTO,      "",                                 0,  NULL               },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct snmp_value value = {
            cases[i].tag, .bytes = {(const uint8_t *)cases[i].bytes, cases[i].n}
        };
        size_t n = 0, size = snmp_text_room(&value);
        char *text = malloc(size);
        bool done = snmp_text_of(&value, cases[i].format, text, size, &n);
        CU_ASSERT_EQUAL(done, cases[i].text != NULL);
        if (done && cases[i].text) {
            CU_ASSERT_STRING_EQUAL(text, cases[i].text);
            CU_ASSERT_EQUAL(n, strlen(cases[i].text));
        }
        free(text);
    }
}

static void test_numbers_as_texts(void)
{
    static const struct {
        struct snmp_value value;
        uint8_t format;
        const char *text;
    } cases[] = {
        {{SNMP_INTEGER, .i = -5},           SNMP_FORMAT_AUTO,      "-5"                  },
        {{SNMP_COUNTER64, .u = UINT64_MAX}, SNMP_FORMAT_AUTO,      "18446744073709551615"},
        {{SNMP_OPAQUE_FLOAT, .f = 0.25},    SNMP_FORMAT_AUTO,      "0.25"                },
        {{SNMP_TIMETICKS, .u = 0},          SNMP_FORMAT_TIMETICKS, "0:00:00:00.00"       },
        {{SNMP_TIMETICKS, .u = 9000123},    SNMP_FORMAT_TIMETICKS, "1:01:00:01.23"       },
        {{SNMP_TIMETICKS, .u = UINT32_MAX}, SNMP_FORMAT_TIMETICKS, "497:02:27:52.95"     },
        {{SNMP_INTEGER, .i = 5},            SNMP_FORMAT_TIMETICKS, NULL                  },
        {{SNMP_INTEGER, .i = 5},            SNMP_FORMAT_HEX,       NULL                  },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        size_t n;
        CU_ASSERT_EQUAL(snmp_text_of(&cases[i].value, cases[i].format, text, sizeof(text), &n),
                        cases[i].text != NULL);
        if (cases[i].text) {
            CU_ASSERT_STRING_EQUAL(text, cases[i].text);
        }
    }
}

/* ---- what is to be written ----------------------------------------------------------------- */

#define TEXT(s)                                                                                    \
    {                                                                                              \
        SNMP_WANTED_TEXT, .text = {(const uint8_t *)(s), sizeof(s) - 1 }                           \
    }

static void test_values_to_write(void)
{
    static const struct {
        uint8_t letter;
        struct snmp_wanted wanted;
        uint8_t tag; /* 0: refused */
        const char *bytes;
        size_t n;
        uint64_t number;
    } cases[] = {
        {SNMP_LETTER_AUTO, {SNMP_WANTED_INT, .i = -7},          SNMP_INTEGER,   NULL,                       0, (uint64_t)-7       },
        {SNMP_LETTER_AUTO, {SNMP_WANTED_UINT, .u = 7},          SNMP_GAUGE32,   NULL,                       0, 7                  },
        {SNMP_LETTER_AUTO, {SNMP_WANTED_BOOL, .u = 0},          SNMP_INTEGER,   NULL,                       0, 2                  },
        {SNMP_LETTER_AUTO, {SNMP_WANTED_BOOL, .u = 1},          SNMP_INTEGER,   NULL,                       0, 1                  },
        {SNMP_LETTER_AUTO, TEXT("a lab"),                       SNMP_OCTETS,    "a lab",                    5, 0                  },
        {SNMP_LETTER_I,
         {SNMP_WANTED_INT, .i = INT32_MIN},
         SNMP_INTEGER,                                                          NULL,
         0,                                                                                                    (uint64_t)INT32_MIN},
        {SNMP_LETTER_I,    {SNMP_WANTED_INT, .i = 2147483648},  0,              NULL,                       0, 0                  },
        {SNMP_LETTER_I,    {SNMP_WANTED_UINT, .u = UINT64_MAX}, 0,              NULL,                       0, 0                  },
        {SNMP_LETTER_U,    {SNMP_WANTED_UINT, .u = UINT32_MAX}, SNMP_GAUGE32,   NULL,                       0, UINT32_MAX         },
        {SNMP_LETTER_U,    {SNMP_WANTED_UINT, .u = 4294967296}, 0,              NULL,                       0, 0                  },
        {SNMP_LETTER_U,    {SNMP_WANTED_INT, .i = -1},          0,              NULL,                       0, 0                  },
        {SNMP_LETTER_C,    {SNMP_WANTED_INT, .i = 5},           SNMP_COUNTER32, NULL,                       0, 5                  },
        {SNMP_LETTER_T,    {SNMP_WANTED_UINT, .u = 5},          SNMP_TIMETICKS, NULL,                       0, 5                  },
        {SNMP_LETTER_O,    TEXT("1.3.6.1"),                     SNMP_OID,       "\x2b\x06\x01",             3, 0                  },
        {SNMP_LETTER_O,    TEXT("one.two"),                     0,              NULL,                       0, 0                  },
        {SNMP_LETTER_O,    TEXT("1.3.6.1\0.5"),                 0,              NULL,                       0, 0                  },
        {SNMP_LETTER_A,    TEXT("10.0.0.7"),                    SNMP_IP,        "\x0a\x00\x00\x07",         4, 0                  },
        {SNMP_LETTER_A,    TEXT("10.0.0"),                      0,              NULL,                       0, 0                  },
        {SNMP_LETTER_A,    {SNMP_WANTED_INT, .i = 5},           0,              NULL,                       0, 0                  },
        {SNMP_LETTER_S,    TEXT("a\0b"),                        SNMP_OCTETS,    "a\0b",                     3, 0                  },
        {SNMP_LETTER_X,    TEXT("00:1B-44 113ab7"),             SNMP_OCTETS,    "\x00\x1b\x44\x11\x3a\xb7", 6, 0                  },
        {SNMP_LETTER_X,    TEXT(""),                            SNMP_OCTETS,    "",                         0, 0                  },
        {SNMP_LETTER_X,    TEXT("0"),                           0,              NULL,                       0, 0                  },
        {SNMP_LETTER_X,    TEXT("00:"),                         0,              NULL,                       0, 0                  },
        {SNMP_LETTER_X,    TEXT("0g"),                          0,              NULL,                       0, 0                  },
        {SNMP_LETTER_I,    TEXT("5"),                           0,              NULL,                       0, 0                  },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t scratch[SNMP_OID_BYTES];
        struct snmp_value value = {0};
        const char *why =
            snmp_value_make(cases[i].letter, &cases[i].wanted, scratch, sizeof(scratch), &value);
        CU_ASSERT_EQUAL(value.tag, cases[i].tag);
        CU_ASSERT_EQUAL(why == NULL, cases[i].tag != 0);
        if (cases[i].bytes) {
            CU_ASSERT_TRUE(snmp_view_equal(value.bytes, snmp_view(cases[i].bytes, cases[i].n)));
        } else if (cases[i].tag) {
            CU_ASSERT_EQUAL(value.u, cases[i].number);
        }
    }
}

/* ---- the plan ------------------------------------------------------------------------------ */

enum { ITEMS = 20 };

static void test_as_many_as_may_be(void)
{
    struct snmp_item items[ITEMS] = {0};
    struct snmp_plan plan = {.items = items, .n = ITEMS, .limit = 8};
    unsigned asked[ITEMS], sizes[8] = {0}, rounds = 0, n;
    items[3].group = 1; /* of another community */
    while ((n = snmp_plan_next(&plan, asked, ITEMS)) > 0 && rounds < 8) {
        sizes[rounds++] = n;
        for (unsigned i = 1; i < n; i++) {
            CU_ASSERT_EQUAL(items[asked[i]].group, items[asked[0]].group);
        }
        snmp_plan_settle(&plan, asked, n);
    }
    CU_ASSERT_EQUAL(rounds, 4);
    CU_ASSERT_TRUE(sizes[0] == 8 && sizes[1] == 1 && sizes[2] == 8 && sizes[3] == 3);
}

/* An agent that takes at most so many, refuses some and blames nobody or the right one. */
static void play(unsigned most, unsigned bad, bool names)
{
    struct snmp_item items[ITEMS] = {0};
    struct snmp_plan plan = {.items = items, .n = ITEMS, .limit = ITEMS};
    unsigned asked[ITEMS], rounds = 0, n;
    while ((n = snmp_plan_next(&plan, asked, ITEMS)) > 0 && rounds++ < 200) {
        unsigned blamed = 0;
        for (unsigned i = n; i-- > 0;) {
            blamed = asked[i] == bad ? i + 1 : blamed;
        }
        if (n > most) {
            snmp_plan_refused(&plan, asked, n, SNMP_TOO_BIG, 0);
        } else if (blamed) {
            snmp_plan_refused(&plan, asked, n, SNMP_GEN_ERR, names ? blamed : 0);
        } else {
            snmp_plan_settle(&plan, asked, n);
        }
    }
    CU_ASSERT_TRUE(rounds < 100);
    CU_ASSERT_EQUAL(plan.was_too_big, most < ITEMS);
    for (unsigned i = 0; i < ITEMS; i++) {
        CU_ASSERT_EQUAL(items[i].state, SNMP_SETTLED);
        CU_ASSERT_EQUAL(items[i].error, i == bad ? SNMP_GEN_ERR : 0);
    }
}

static void test_refusals_leave_the_others(void)
{
    for (unsigned most = 1; most <= ITEMS; most++) {
        for (unsigned bad = 0; bad <= ITEMS; bad++) { /* ITEMS: none is */
            play(most, bad, true);
            play(most, bad, false);
        }
    }
}

static void test_one_that_is_too_big_by_itself(void)
{
    struct snmp_item item = {0};
    struct snmp_plan plan = {.items = &item, .n = 1, .limit = 8};
    unsigned asked;
    CU_ASSERT_EQUAL(snmp_plan_next(&plan, &asked, 1), 1);
    snmp_plan_refused(&plan, &asked, 1, SNMP_TOO_BIG, 0);
    CU_ASSERT_EQUAL(item.error, SNMP_TOO_BIG);
    CU_ASSERT_EQUAL(snmp_plan_next(&plan, &asked, 1), 0);
}

/* ---- names --------------------------------------------------------------------------------- */

static void test_names(void)
{
    static const struct {
        const char *oid, *name;
    } cases[] = {
        {"1.3.6.1.2.1.1.1.0",              "sysDescr"                     },
        {"1.3.6.1.2.1.1.1",                "sysDescr"                     },
        {"1.3.6.1.2.1.2.2.1.10.3",         "ifInOctets_3"                 },
        {"1.3.6.1.2.1.2.2.1.1.3",          "ifIndex_3"                    },
        {"1.3.6.1.2.1.31.1.1.1.6.12",      "ifHCInOctets_12"              },
        {"1.3.6.1.2.1.4.20.1.1.127.0.0.1", "ipAdEntAddr_127.0.0.1"        },
        {"1.3.6.1.4.1.2021.10.1.3.1",      "oid_1.3.6.1.4.1.2021.10.1.3.1"},
        {"1.3.6.1.2.1.1.10.0",             "oid_1.3.6.1.2.1.1.10.0"       },
        {"1.3.6.1.2.1.11.1.0",             "snmpInPkts"                   },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_oid oid;
        const char *why;
        char name[128];
        CU_ASSERT_TRUE_FATAL(snmp_oid_parse(cases[i].oid, &oid, &why));
        snmp_resource_name(&oid, name, sizeof(name));
        CU_ASSERT_STRING_EQUAL(name, cases[i].name);
    }
}

CU_TestInfo snmp_text_tests[] = {
    {"bytes as texts",                test_bytes_as_texts               },
    {"numbers as texts",              test_numbers_as_texts             },
    {"values to write",               test_values_to_write              },
    {"as many as may be",             test_as_many_as_may_be            },
    {"refusals leave the others",     test_refusals_leave_the_others    },
    {"one that is too big by itself", test_one_that_is_too_big_by_itself},
    {"names",                         test_names                        },
    CU_TEST_INFO_NULL,
};
