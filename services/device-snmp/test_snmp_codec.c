/* BER, OIDs, values and messages: what is valid comes through, what is not is refused, at every length. */
#include <stdlib.h>
#include <string.h>

#include "codec/snmp_message.h"
#include "suites.h"
#include "test_snmp_captures.h"

/* ---- BER ----------------------------------------------------------------------------------- */

static void test_integers_come_back(void)
{
    static const int64_t values[] = {0,          1,          -1,        127,       128,
                                     -128,       -129,       255,       256,       32767,
                                     -32768,     INT32_MAX,  INT32_MIN, INT64_MAX, INT64_MIN,
                                     4294967295, 2147483648, -32769,    65536,     8388608};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t buf[16];
        int64_t back = 0;
        struct snmp_out out = snmp_out(buf, sizeof(buf));
        snmp_put_int(&out, SNMP_INTEGER, values[i]);
        struct snmp_view in = snmp_written(&out);
        CU_ASSERT_TRUE(snmp_take_int(&in, INT64_MIN, INT64_MAX, &back));
        CU_ASSERT_EQUAL(back, values[i]);
        CU_ASSERT_EQUAL(in.n, 0);
    }
}

static void test_integers_are_as_short_as_can_be(void)
{
    static const struct {
        int64_t value;
        const char *bytes;
        size_t n;
    } cases[] = {
        {0,    "\x02\x01\x00",     3},
        {127,  "\x02\x01\x7f",     3},
        {128,  "\x02\x02\x00\x80", 4},
        {-128, "\x02\x01\x80",     3},
        {-129, "\x02\x02\xff\x7f", 4},
        {256,  "\x02\x02\x01\x00", 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t buf[16];
        struct snmp_out out = snmp_out(buf, sizeof(buf));
        snmp_put_int(&out, SNMP_INTEGER, cases[i].value);
        CU_ASSERT_TRUE(snmp_view_equal(snmp_written(&out), snmp_view(cases[i].bytes, cases[i].n)));
    }
}

static void test_unsigned_numbers_of_old_agents(void)
{
    static const struct {
        const char *bytes;
        size_t n, size;
        bool fits;
        uint64_t value;
    } cases[] = {
        {"\x00\xff\xff\xff\xff",                 5, 4, true,  UINT32_MAX},
        {"\xff\xff\xff\xff",                     4, 4, true,  UINT32_MAX},
        {"\x01\x00\x00\x00\x00",                 5, 4, false, 0         },
        {"\x00\xff\xff\xff\xff\xff\xff\xff\xff", 9, 8, true,  UINT64_MAX},
        {"\x01\xff\xff\xff\xff\xff\xff\xff\xff", 9, 8, false, 0         },
        {"",                                     0, 4, false, 0         },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t value = 0;
        CU_ASSERT_EQUAL(snmp_uint_of(snmp_view(cases[i].bytes, cases[i].n), cases[i].size, &value),
                        cases[i].fits);
        CU_ASSERT_EQUAL(value, cases[i].value);
    }
}

static void test_lengths(void)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool sound;
    } cases[] = {
        {"\x04\x02hi",                     4, true }, /* short */
        {"\x04\x81\x02hi",                 5, true }, /* long though it need not be */
        {"\x04\x84\x00\x00\x00\x02hi",     8, true },
        {"\x04\x80hi\x00\x00",             6, false}, /* indefinite */
        {"\x04\x85\x00\x00\x00\x00\x02hi", 9, false}, /* too long a length */
        {"\x04\xff\x02hi",                 5, false},
        {"\x04\x03hi",                     4, false}, /* more than there is */
        {"\x04\x84\xff\xff\xff\xffhi",     8, false},
        {"\x1f\x02hi",                     4, false}, /* a tag of several bytes */
        {"\x04",                           1, false},
        {"",                               0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_view in = snmp_view(cases[i].bytes, cases[i].n), body;
        uint8_t tag;
        CU_ASSERT_EQUAL(snmp_take(&in, &tag, &body), cases[i].sound);
        if (cases[i].sound) {
            CU_ASSERT_TRUE(snmp_view_equal(body, snmp_view("hi", 2)));
        } else {
            CU_ASSERT_EQUAL(in.n, cases[i].n); /* nothing taken */
        }
    }
}

static void test_long_lengths_are_written(void)
{
    for (size_t n = 0; n < 70000; n += n < 300 ? 1 : 997) {
        uint8_t *buf = malloc(n + 16), *bytes = calloc(1, n + 1);
        struct snmp_out out = snmp_out(buf, n + 16);
        struct snmp_view body;
        snmp_put_bytes(&out, SNMP_OCTETS, snmp_view(bytes, n));
        struct snmp_view in = snmp_written(&out);
        CU_ASSERT_FALSE(out.full);
        CU_ASSERT_TRUE(snmp_take_tag(&in, SNMP_OCTETS, &body));
        CU_ASSERT_TRUE(body.n == n && in.n == 0);
        free(buf);
        free(bytes);
    }
}

static void test_what_does_not_fit_is_told(void)
{
    uint8_t buf[8];
    struct snmp_out out = snmp_out(buf, sizeof(buf));
    snmp_put_bytes(&out, SNMP_OCTETS, snmp_view("123456", 6));
    CU_ASSERT_FALSE(out.full);
    snmp_put_int(&out, SNMP_INTEGER, 1);
    CU_ASSERT_TRUE(out.full);
    snmp_put_raw(&out, "", 0);
    CU_ASSERT_TRUE(out.full);
}

/* ---- OIDs ---------------------------------------------------------------------------------- */

static void test_oid_texts(void)
{
    static const struct {
        const char *text, *printed; /* NULL: refused */
    } cases[] = {
        {"1.3.6.1.2.1.1.5.0",        "1.3.6.1.2.1.1.5.0"},
        {".1.3.6.1",                 "1.3.6.1"          },
        {"0.0",                      "0.0"              },
        {"2.999.4294967295",         "2.999.4294967295" },
        {"2.4294967215",             "2.4294967215"     },
        {"1.39",                     "1.39"             },
        {"2.4294967216",             NULL               },
        {"1.40",                     NULL               },
        {"3.1",                      NULL               },
        {"1",                        NULL               },
        {"",                         NULL               },
        {".",                        NULL               },
        {"1.3.",                     NULL               },
        {"1..3",                     NULL               },
        {"1.3.6.1.4294967296",       NULL               },
        {"1.3.99999999999999999999", NULL               },
        {"1.3.a",                    NULL               },
        {"1.3.-6",                   NULL               },
        {"1.3 .6",                   NULL               },
        {"sysDescr.0",               NULL               },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_oid oid, back;
        const char *why = NULL;
        char text[SNMP_OID_TEXT];
        uint8_t bytes[SNMP_OID_BYTES];
        bool sound = snmp_oid_parse(cases[i].text, &oid, &why);
        CU_ASSERT_EQUAL(sound, cases[i].printed != NULL);
        if (!sound) {
            CU_ASSERT_PTR_NOT_NULL(why);
            continue;
        }
        snmp_oid_print(&oid, text, sizeof(text));
        CU_ASSERT_STRING_EQUAL(text, cases[i].printed);
        CU_ASSERT_TRUE(snmp_oid_of(snmp_view(bytes, snmp_oid_bytes(&oid, bytes)), &back));
        CU_ASSERT_EQUAL(snmp_oid_compare(&oid, &back), 0);
    }
}

static void test_the_longest_oid(void)
{
    char text[SNMP_OID_TEXT + 16] = "2.999", printed[SNMP_OID_TEXT];
    size_t n = strlen(text);
    for (unsigned i = 2; i < SNMP_OID_MAX; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, ".4294967295");
    }
    struct snmp_oid oid, back;
    const char *why;
    uint8_t bytes[SNMP_OID_BYTES];
    CU_ASSERT_TRUE_FATAL(snmp_oid_parse(text, &oid, &why));
    CU_ASSERT_TRUE(snmp_oid_of(snmp_view(bytes, snmp_oid_bytes(&oid, bytes)), &back));
    CU_ASSERT_EQUAL(snmp_oid_print(&back, printed, sizeof(printed)), n);
    CU_ASSERT_STRING_EQUAL(printed, text);
    strncat(text, ".1", sizeof(text) - n - 1);
    CU_ASSERT_FALSE(snmp_oid_parse(text, &oid, &why));
}

static void test_oid_bytes_that_are_none(void)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"",                         0},
        {"\x80\x01",                 2}, /* padded */
        {"\x2b\x80\x01",             3},
        {"\x2b\x86",                 2}, /* unfinished */
        {"\x2b\x90\x80\x80\x80\x00", 6}, /* above 32 bits */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_oid oid;
        CU_ASSERT_FALSE(snmp_oid_of(snmp_view(cases[i].bytes, cases[i].n), &oid));
    }
    uint8_t many[SNMP_OID_MAX] = {0x2b}; /* one more than there may be */
    struct snmp_oid oid;
    CU_ASSERT_TRUE(snmp_oid_of(snmp_view(many, SNMP_OID_MAX - 1), &oid));
    CU_ASSERT_FALSE(snmp_oid_of(snmp_view(many, SNMP_OID_MAX), &oid));
}

static void test_oid_order(void)
{
    static const char *const rising[] = {"1.3",     "1.3.6",    "1.3.6.1", "1.3.6.1.0",
                                         "1.3.6.2", "1.3.6.10", "1.3.7",   "2.0"};
    struct snmp_oid a, b;
    const char *why;
    for (size_t i = 0; i + 1 < sizeof(rising) / sizeof(rising[0]); i++) {
        CU_ASSERT_TRUE(snmp_oid_parse(rising[i], &a, &why) &&
                       snmp_oid_parse(rising[i + 1], &b, &why));
        CU_ASSERT_TRUE(snmp_oid_compare(&a, &b) < 0);
        CU_ASSERT_TRUE(snmp_oid_compare(&b, &a) > 0);
    }
    CU_ASSERT_TRUE(snmp_oid_parse("1.3.6.1", &a, &why) && snmp_oid_parse("1.3.6.10", &b, &why));
    CU_ASSERT_FALSE(snmp_oid_below(&b, &a));
    CU_ASSERT_TRUE(snmp_oid_below(&a, &a));
}

/* ---- values -------------------------------------------------------------------------------- */

static void test_values_come_back(void)
{
    static const struct snmp_value values[] = {
        {SNMP_INTEGER,          .i = -5        },
        {SNMP_COUNTER32,        .u = UINT32_MAX},
        {SNMP_GAUGE32,          .u = 0         },
        {SNMP_TIMETICKS,        .u = 123456    },
        {SNMP_COUNTER64,        .u = UINT64_MAX},
        {SNMP_OPAQUE_FLOAT,     .f = 23.5      },
        {SNMP_OPAQUE_DOUBLE,    .f = 1e300     },
        {SNMP_OPAQUE_I64,       .i = INT64_MIN },
        {SNMP_OPAQUE_U64,       .u = UINT64_MAX},
        {SNMP_OPAQUE_COUNTER64, .u = 7         },
        {SNMP_NULL,             .u = 0         },
        {SNMP_END_OF_VIEW,      .u = 0         },
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t buf[32], tag;
        struct snmp_out out = snmp_out(buf, sizeof(buf));
        struct snmp_value back = {0};
        struct snmp_view body;
        snmp_put_value(&out, &values[i]);
        struct snmp_view in = snmp_written(&out);
        CU_ASSERT_TRUE_FATAL(snmp_take(&in, &tag, &body));
        CU_ASSERT_TRUE(snmp_value_of(tag, body, &back));
        CU_ASSERT_EQUAL(back.tag, values[i].tag);
        CU_ASSERT_TRUE(snmp_kind(back.tag) == SNMP_IS_NOTHING || back.u == values[i].u);
    }
}

static void test_opaque_float_as_on_the_wire(void)
{
    uint8_t buf[16];
    struct snmp_out out = snmp_out(buf, sizeof(buf));
    snmp_put_value(&out, &(struct snmp_value){SNMP_OPAQUE_FLOAT, .f = 0.25});
    CU_ASSERT_TRUE(
        snmp_view_equal(snmp_written(&out), snmp_view("\x44\x07\x9f\x78\x04\x3e\x80\x00\x00", 9)));
}

static void test_values_that_are_none(void)
{
    static const struct {
        uint8_t tag;
        const char *bytes;
        size_t n;
        uint8_t as; /* 0xff: refused */
    } cases[] = {
        {SNMP_IP,           "\x7f\x00\x00",                 3, 0xff       },
        {SNMP_IP,           "\x7f\x00\x00\x01\x01",         5, 0xff       },
        {SNMP_NULL,         "x",                            1, 0xff       },
        {SNMP_NO_OBJECT,    "x",                            1, 0xff       },
        {SNMP_INTEGER,      "",                             0, 0xff       },
        {SNMP_INTEGER,      "123456789",                    9, 0xff       },
        {SNMP_COUNTER64,    "",                             0, 0xff       },
        {SNMP_OID,          "\x80",                         1, 0xff       },
        {SNMP_OID,          "",                             0, SNMP_OID   }, /* some agents' null OID */
        {SNMP_OPAQUE,       "\x9f\x78\x05\x3e\x80\x00\x00", 7, SNMP_OPAQUE}, /* a wrong length */
        {SNMP_OPAQUE,       "\x9f\x78\x03\x3e\x80\x00",     6, SNMP_OPAQUE},
        {SNMP_OPAQUE,       "\x9f\x79\x04\x3e\x80\x00\x00", 7, SNMP_OPAQUE},
        {SNMP_OPAQUE,       "",                             0, SNMP_OPAQUE},
        {SNMP_OPAQUE_FLOAT, "\x3e\x80\x00\x00",             4, 0          }, /* outside of an Opaque */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snmp_value value = {.tag = 0xff};
        CU_ASSERT_EQUAL(snmp_value_of(cases[i].tag, snmp_view(cases[i].bytes, cases[i].n), &value),
                        cases[i].as != 0xff);
        CU_ASSERT_EQUAL(value.tag, cases[i].as);
    }
}

/* ---- messages ------------------------------------------------------------------------------ */

static struct snmp_view capture(const char *hex, uint8_t *buf)
{
    return snmp_view(buf, capture_bytes(hex, buf));
}

static void test_an_answer_of_many_types(void)
{
    uint8_t buf[512];
    struct snmp_message m;
    CU_ASSERT_TRUE_FATAL(snmp_message_of(capture(V2_MIXED, buf), &m));
    CU_ASSERT_EQUAL(m.version, SNMP_V2C);
    CU_ASSERT_TRUE(snmp_view_equal(m.community, snmp_view("public", 6)));
    CU_ASSERT_EQUAL(m.pdu.type, SNMP_RESPONSE);
    CU_ASSERT_EQUAL(m.pdu.id, 0x33f3bb26);
    CU_ASSERT_EQUAL(m.pdu.n_bindings, 5);
    struct snmp_binding b[5];
    struct snmp_view list = m.pdu.bindings;
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_TRUE_FATAL(snmp_take_binding(&list, &b[i]));
    }
    CU_ASSERT_EQUAL(list.n, 0);
    CU_ASSERT_TRUE(b[0].value.tag == SNMP_OPAQUE_FLOAT && b[0].value.f > 0.239 &&
                   b[0].value.f < 0.241);
    CU_ASSERT_TRUE(b[1].value.tag == SNMP_COUNTER64 && b[1].value.u == 0x10585f35);
    CU_ASSERT_TRUE(b[2].value.tag == SNMP_IP);
    CU_ASSERT_TRUE(b[3].value.tag == SNMP_OID);
    CU_ASSERT_TRUE(b[4].value.tag == SNMP_NO_OBJECT);
}

static void test_a_refusal_names_its_binding(void)
{
    uint8_t buf[512];
    struct snmp_message m;
    CU_ASSERT_TRUE_FATAL(snmp_message_of(capture(V1_REFUSED, buf), &m));
    CU_ASSERT_EQUAL(m.version, SNMP_V1);
    CU_ASSERT_EQUAL(m.pdu.error_status, SNMP_NO_SUCH_NAME);
    CU_ASSERT_EQUAL(m.pdu.error_index, 2);
}

/* What we write is what net-snmp writes. */
static void test_requests_byte_by_byte(void)
{
    static const uint8_t up[] = {0x2b, 6, 1, 2, 1, 1, 3, 0}, odd[] = {0x2b, 6, 1, 2, 1, 1, 77, 0},
                         contact[] = {0x2b, 6, 1, 2, 1, 1, 4};
    const struct snmp_view two[] = {snmp_view(up, sizeof(up)), snmp_view(odd, sizeof(odd))};
    const struct snmp_view one[] = {snmp_view(contact, sizeof(contact))};
    uint8_t buf[512], expected[512];

    struct snmp_out out = snmp_out(buf, sizeof(buf));
    size_t end = out.at;
    snmp_put_request(&out, SNMP_GET, 0x4d27c6b3, 0, two, 2);
    snmp_put_message(&out, SNMP_V1, snmp_view("public", 6), end);
    CU_ASSERT_TRUE(snmp_view_equal(snmp_written(&out), capture(V1_GET, expected)));

    out = snmp_out(buf, sizeof(buf));
    snmp_put_request(&out, SNMP_GETBULK, 0x3aaf45fb, 2, one, 1);
    snmp_put_message(&out, SNMP_V2C, snmp_view("public", 6), end);
    CU_ASSERT_TRUE(snmp_view_equal(snmp_written(&out), capture(V2_BULK, expected)));
}

static void test_traps_say_what_they_are(void)
{
    static const struct {
        const char *hex, *oid;
    } cases[] = {
        {V1_TRAP_SENT, "1.3.6.1.4.1.8072.9999.0.17"},
        {V2_TRAP_SENT, "1.3.6.1.6.3.1.1.5.3"       },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t buf[512];
        char text[SNMP_OID_TEXT];
        struct snmp_message m;
        struct snmp_oid oid;
        CU_ASSERT_TRUE_FATAL(snmp_message_of(capture(cases[i].hex, buf), &m));
        CU_ASSERT_TRUE_FATAL(snmp_trap_oid(&m.pdu, &oid));
        snmp_oid_print(&oid, text, sizeof(text));
        CU_ASSERT_STRING_EQUAL(text, cases[i].oid);
    }
    /* A generic one of v1: linkDown */
    struct snmp_pdu pdu = {.type = SNMP_TRAP_V1, .v1.generic = 2};
    struct snmp_oid oid;
    CU_ASSERT_TRUE(snmp_trap_oid(&pdu, &oid) && oid.n == 10 && oid.id[9] == 3);
    /* A v2 one that does not say it. */
    pdu = (struct snmp_pdu){.type = SNMP_TRAP};
    CU_ASSERT_FALSE(snmp_trap_oid(&pdu, &oid));
}

static void test_a_v3_probe_and_its_report(void)
{
    uint8_t buf[512], own[512];
    struct snmp_message m, head = {.version = SNMP_V3, .flags = SNMP_FLAG_REPORTABLE};
    size_t mac_at;
    CU_ASSERT_TRUE_FATAL(snmp_message_of(capture(V3_PROBE, buf), &m));
    struct snmp_out out = snmp_out(own, sizeof(own));
    size_t end = out.at;
    head.id = m.id;
    snmp_put_request(&out, SNMP_GET, m.pdu.id, 0, NULL, 0);
    snmp_put_scoped(&out, snmp_view(NULL, 0), snmp_view(NULL, 0), end);
    snmp_put_v3(&out, &head, end, &mac_at);
    CU_ASSERT_EQUAL(snmp_written(&out).n, 64);
    struct snmp_message back;
    CU_ASSERT_TRUE(snmp_message_of(snmp_written(&out), &back));
    CU_ASSERT_EQUAL(back.id, m.id);

    CU_ASSERT_TRUE_FATAL(snmp_message_of(capture(V3_REPORT, buf), &m));
    CU_ASSERT_EQUAL(m.pdu.type, SNMP_REPORT);
    CU_ASSERT_EQUAL(m.engine_id.n, 17);
    CU_ASSERT_EQUAL(m.boots, 1);
    CU_ASSERT_EQUAL(m.time, 0x15);
}

static void test_truncated_at_every_byte(void)
{
    for (size_t i = 0; i < sizeof(CAPTURES) / sizeof(CAPTURES[0]); i++) {
        uint8_t buf[512];
        struct snmp_view whole = capture(CAPTURES[i].hex, buf);
        struct snmp_message m;
        CU_ASSERT_TRUE(snmp_message_of(whole, &m));
        for (size_t n = 0; n < whole.n; n++) {
            uint8_t *part = malloc(n + 1); /* its end is the end of memory */
            memcpy(part + 1, whole.p, n);
            CU_ASSERT_FALSE(snmp_message_of(snmp_view(part + 1, n), &m));
            free(part);
        }
        uint8_t longer[513];
        memcpy(longer, whole.p, whole.n);
        longer[whole.n] = 0;
        CU_ASSERT_FALSE(snmp_message_of(snmp_view(longer, whole.n + 1), &m));
    }
}

/* Whatever one byte becomes: refused, or a message whose bindings can be taken one by one. */
static void test_every_byte_changed(void)
{
    for (size_t i = 0; i < sizeof(CAPTURES) / sizeof(CAPTURES[0]); i++) {
        uint8_t buf[512];
        struct snmp_view whole = capture(CAPTURES[i].hex, buf);
        for (size_t at = 0; at < whole.n; at++) {
            uint8_t was = buf[at];
            for (unsigned to = 0; to < 256; to++) {
                struct snmp_message m;
                struct snmp_binding b;
                buf[at] = (uint8_t)to;
                if (!snmp_message_of(whole, &m)) {
                    continue;
                }
                unsigned n = 0;
                for (struct snmp_view list = m.pdu.bindings; snmp_take_binding(&list, &b); n++) {
                }
                if (n != m.pdu.n_bindings) {
                    CU_FAIL("bindings are other than counted");
                }
            }
            buf[at] = was;
        }
    }
}

static void test_messages_that_are_none(void)
{
    static const struct {
        const char *why, *hex;
    } cases[] = {
        {"version 2",
         "302902010204067075626c6963a01c02044d27c6b4020100020100300e300c06082b060102010103000500"        },
        {"an unknown PDU",
         "302902010104067075626c6963a91c02044d27c6b4020100020100300e300c06082b060102010103000500"        },
        {"no PDU",           "300b02010104067075626c6963"                                                },
        {"a long binding",
         "302902010104067075626c6963a01c02044d27c6b4020100020100300e300d06082b060102010103000500"        },
        {"no value",
         "302702010104067075626c6963a01a02044d27c6b4020100020100300c300a06082b06010201010300"            },
        {"an id of 64 bits",
         "302d02010104067075626c6963a0200208014d27c6b4c6b4c6020100020100300e300c06082b060102010103000500"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t buf[512];
        struct snmp_message m;
        if (snmp_message_of(capture(cases[i].hex, buf), &m)) {
            fprintf(stderr, "taken: %s\n", cases[i].why);
            CU_FAIL("taken");
        }
    }
}

CU_TestInfo snmp_codec_tests[] = {
    {"integers come back",              test_integers_come_back             },
    {"integers are as short as can be", test_integers_are_as_short_as_can_be},
    {"unsigned numbers of old agents",  test_unsigned_numbers_of_old_agents },
    {"lengths",                         test_lengths                        },
    {"long lengths are written",        test_long_lengths_are_written       },
    {"what does not fit is told",       test_what_does_not_fit_is_told      },
    {"OID texts",                       test_oid_texts                      },
    {"the longest OID",                 test_the_longest_oid                },
    {"OID bytes that are none",         test_oid_bytes_that_are_none        },
    {"OID order",                       test_oid_order                      },
    {"values come back",                test_values_come_back               },
    {"an Opaque float as on the wire",  test_opaque_float_as_on_the_wire    },
    {"values that are none",            test_values_that_are_none           },
    {"an answer of many types",         test_an_answer_of_many_types        },
    {"a refusal names its binding",     test_a_refusal_names_its_binding    },
    {"requests byte by byte",           test_requests_byte_by_byte          },
    {"traps say what they are",         test_traps_say_what_they_are        },
    {"a v3 probe and its report",       test_a_v3_probe_and_its_report      },
    {"truncated at every byte",         test_truncated_at_every_byte        },
    {"every byte changed",              test_every_byte_changed             },
    {"messages that are none",          test_messages_that_are_none         },
    CU_TEST_INFO_NULL,
};
