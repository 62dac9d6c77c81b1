/* Frames, questions and answers, as the wire has them. */
#include <CUnit/CUnit.h>
#include <string.h>

#include "codec/modbus_pdu.h"

static size_t from_hex(const char *hex, uint8_t *ret)
{
    size_t n = 0;
    unsigned byte;
    for (int used; sscanf(hex, " %2x%n", &byte, &used) == 1; hex += used) {
        ret[n++] = (uint8_t)byte;
    }
    return n;
}

static bool is_hex(const uint8_t *bytes, size_t n, const char *hex)
{
    uint8_t wanted[600];
    bool same = from_hex(hex, wanted) == n && memcmp(bytes, wanted, n) == 0;
    if (!same) {
        fprintf(stderr, "wanted %s, got", hex);
        for (size_t i = 0; i < n; i++) {
            fprintf(stderr, " %02x", bytes[i]);
        }
        fprintf(stderr, "\n");
    }
    return same;
}

/* ---- questions ----------------------------------------------------------------------------- */

static const uint8_t two_registers[] = {0x00, 0x0a, 0x01, 0x02}, ten_coils[] = {0xcd, 0x01};

/* Of the specification and its guides, unit 0x11. */
static const struct {
    struct modbus_query q;
    const char *rtu;
} questions[] = {
    {{.function = 1, .address = 0x13, .count = 0x25},                   "1101001300250e84"      },
    {{.function = 2, .address = 0xc4, .count = 0x16},                   "110200c40016baa9"      },
    {{.function = 3, .address = 0x6b, .count = 3},                      "1103006b00037687"      },
    {{.function = 4, .address = 8, .count = 1},                         "110400080001b298"      },
    {{.function = 5, .address = 0xac, .value = 1},                      "110500acff004e8b"      },
    {{.function = 6, .address = 1, .value = 3},                         "1106000100039a9b"      },
    {{.function = 15, .address = 0x13, .count = 10, .data = ten_coils}, "110f0013000a02cd01bf0b"},
    {{.function = 16, .address = 1, .count = 2, .data = two_registers},
     "11100001000204000a0102c6f0"                                                               },
};

static void test_questions_are_as_in_the_specification(void)
{
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        uint8_t pdu[MODBUS_PDU_MAX], frame[MODBUS_FRAME_MAX];
        size_t n = modbus_query_write(&questions[i].q, pdu);
        n = modbus_frame_write(MODBUS_RTU, 0, 0x11, pdu, n, frame);
        CU_ASSERT(is_hex(frame, n, questions[i].rtu));
    }
}

static void test_framings(void)
{
    uint8_t pdu[MODBUS_PDU_MAX], frame[MODBUS_FRAME_MAX];
    size_t n = modbus_query_write(&questions[2].q, pdu);
    size_t size = modbus_frame_write(MODBUS_TCP, 0x1234, 0x11, pdu, n, frame);
    CU_ASSERT(is_hex(frame, size, "123400000006 11 03 006b 0003"));
    size = modbus_frame_write(MODBUS_ASCII, 0, 0x11, pdu, n, frame);
    CU_ASSERT_EQUAL(size, 17);
    CU_ASSERT_NSTRING_EQUAL(frame, ":1103006B00037E\r\n", 17);
    CU_ASSERT_EQUAL(modbus_frame_write(MODBUS_TCP, 0, 1, pdu, 0, frame), 0);
    CU_ASSERT_EQUAL(modbus_frame_write(MODBUS_RTU, 0, 1, pdu, MODBUS_PDU_MAX + 1, frame), 0);
    struct modbus_query mask = {.function = 22, .address = 4, .and = 0xf2, .value = 0x25};
    n = modbus_query_write(&mask, pdu);
    CU_ASSERT(is_hex(pdu, n, "16 0004 00f2 0025"));
}

/* ---- answers ------------------------------------------------------------------------------- */

static void test_answers_are_told_from_what_is_none(void)
{
    static const struct {
        size_t question;
        const char *pdu;
        enum modbus_verdict verdict;
        uint8_t code;
    } cases[] = {
        {0, "01 05 cd6bb20e1b",     MODBUS_GOOD,    0 },
        {2, "03 06 ae4156524340",   MODBUS_GOOD,    0 },
        {2, "03 04 ae415652",       MODBUS_MISFIT,  0 },
        {2, "03 04 ae4156524340",   MODBUS_MISFIT,  0 },
        {2, "04 06 ae4156524340",   MODBUS_MISFIT,  0 },
        {2, "03 06 ae415652434000", MODBUS_MISFIT,  0 },
        {2, "83 02",                MODBUS_REFUSED, 2 },
        {2, "84 02",                MODBUS_MISFIT,  0 },
        {2, "80 01",                MODBUS_REFUSED, 1 }, /* who cannot make out the question */
        {2, "83 02 00",             MODBUS_MISFIT,  0 },
        {2, "83",                   MODBUS_MISFIT,  0 },
        {4, "05 00ac ff00",         MODBUS_GOOD,    0 },
        {4, "05 00ac 0000",         MODBUS_MISFIT,  0 },
        {5, "06 0001 0003",         MODBUS_GOOD,    0 },
        {5, "06 0001 0004",         MODBUS_MISFIT,  0 },
        {5, "06 0002 0003",         MODBUS_MISFIT,  0 },
        {6, "0f 0013 000a",         MODBUS_GOOD,    0 },
        {7, "10 0001 0002",         MODBUS_GOOD,    0 },
        {7, "10 0001 0001",         MODBUS_MISFIT,  0 },
        {7, "90 0b",                MODBUS_REFUSED, 11},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t pdu[MODBUS_PDU_MAX], code = 0;
        size_t n = from_hex(cases[i].pdu, pdu);
        const struct modbus_query *q = &questions[cases[i].question].q;
        CU_ASSERT_EQUAL(modbus_answer_check(q, pdu, n, &code), cases[i].verdict);
        CU_ASSERT_EQUAL(code, cases[i].code);
    }
    CU_ASSERT_STRING_EQUAL(modbus_exception_text(2), "illegal data address");
    CU_ASSERT_STRING_EQUAL(modbus_exception_text(9), "unknown exception");
    CU_ASSERT_STRING_EQUAL(modbus_exception_text(200), "unknown exception");
}

/* ---- decoders ------------------------------------------------------------------------------ */

static const struct modbus_expected three_registers = {0x11, 3, 8};

/* All frames of @p bytes, given @p piece at a time, as "unit pdu;" in hex. */
static const char *decoded(enum modbus_framing framing, const uint8_t *bytes, size_t n,
                           size_t piece, uint32_t *ret_damaged)
{
    static char text[2048];
    struct modbus_decoder d;
    struct modbus_frame f;
    size_t len = 0;
    modbus_decoder_init(&d, framing);
    text[0] = '\0';
    for (size_t at = 0; at < n;) {
        at += modbus_decoder_put(&d, bytes + at, n - at < piece ? n - at : piece);
        while (modbus_decoder_next(&d, &three_registers, &f)) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%02x ", f.unit);
            for (size_t i = 0; i < f.n; i++) {
                len += (size_t)snprintf(text + len, sizeof(text) - len, "%02x", f.pdu[i]);
            }
            len += (size_t)snprintf(text + len, sizeof(text) - len, ";");
        }
    }
    *ret_damaged = d.damaged;
    return text;
}

#define ANSWER "110306ae415652434049ad"
#define IS     "11 0306ae4156524340;"

static void test_rtu_finds_its_way_back(void)
{
    static const struct {
        const char *bytes, *frames;
        bool damaged;
    } cases[] = {
        {ANSWER,                           IS,                   false},
        {ANSWER ANSWER,                    IS IS,                false},
        {"00" ANSWER,                      IS,                   true }, /* turned round late */
        {"ff00ff" ANSWER,                  IS,                   true },
        {"1103" ANSWER,                    IS,                   true }, /* broke off, came again */
        {"110306ae41" ANSWER "0000000000", IS,                   true },
        {"05037d" ANSWER,                  IS,                   true }, /* begins as a longer one */
        {"1183"
         "02"
         "c134" ANSWER,
         "11 8302;" IS,                                          false},
        {"0a8102b053" ANSWER,              "0a 8102;" IS,        false},
        {"1106000100039a9b" ANSWER,        "11 0600010003;" IS,  false},
        {"110306ae415652434049ae",         "",                   true }, /* the checksum is wrong */
        {"110306ae415652434149ad",         "",                   true },
        {"1101"
         "05cd6bb20e1b45e6",      "11 0105cd6bb20e1b;", false},
        {"110f0013000a2699",               "11 0f0013000a;",     false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[300];
        size_t n = from_hex(cases[i].bytes, bytes);
        for (size_t piece = 1; piece <= n; piece++) {
            uint32_t damaged;
            const char *frames = decoded(MODBUS_RTU, bytes, n, piece, &damaged);
            CU_ASSERT_STRING_EQUAL(frames, cases[i].frames);
            CU_ASSERT(damaged == 0 || cases[i].damaged);
        }
    }
}

static void test_an_answer_is_not_looked_into(void)
{
    /* Its registers have an answer in them, checksum and all; 0x11 0x06 is one nobody waits for. */
    uint8_t pdu[] = {3, 8, 0x11, 0x06, 0x00, 0x01, 0x00, 0x03, 0x9a, 0x9b}, frame[MODBUS_FRAME_MAX];
    size_t n = modbus_frame_write(MODBUS_RTU, 0, 0x11, pdu, sizeof(pdu), frame);
    struct modbus_expected four = {0x11, 3, 10};
    struct modbus_decoder d;
    struct modbus_frame f;
    modbus_decoder_init(&d, MODBUS_RTU);
    for (size_t i = 0; i + 1 < n; i++) {
        modbus_decoder_put(&d, frame + i, 1);
        CU_ASSERT_FALSE(modbus_decoder_next(&d, &four, &f));
    }
    modbus_decoder_put(&d, frame + n - 1, 1);
    CU_ASSERT(modbus_decoder_next(&d, &four, &f));
    CU_ASSERT_EQUAL(f.n, sizeof(pdu));
    CU_ASSERT_EQUAL(d.damaged, 0);
}

static void test_ascii_finds_its_way_back(void)
{
    static const struct {
        const char *text, *frames;
        bool damaged;
    } cases[] = {
        {":1103006B00037E\r\n",                    "11 03006b0003;",               false},
        {":1103006b00037e\r\n",                    "11 03006b0003;",               false},
        {":1103006B00037E\n",                      "11 03006b0003;",               false},
        {":1103006B00037E\r\n:1103006B00037E\r\n", "11 03006b0003;11 03006b0003;", false},
        {"xx:1103006B00037E\r\n",                  "11 03006b0003;",               true },
        {":1103:1103006B00037E\r\n",               "11 03006b0003;",               true },
        {":1103006B00037F\r\n:1103006B00037E\r\n", "11 03006b0003;",               true },
        {":1103006B00037\r\n",                     "",                             true },
        {":\r\n:11\r\n:11EF\r\n",                  "",                             true },
        {":11G3006B00037E\r\n",                    "",                             true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = strlen(cases[i].text);
        for (size_t piece = 1; piece <= n; piece++) {
            uint32_t damaged;
            const char *frames =
                decoded(MODBUS_ASCII, (const uint8_t *)cases[i].text, n, piece, &damaged);
            CU_ASSERT_STRING_EQUAL(frames, cases[i].frames);
            CU_ASSERT_EQUAL(damaged > 0, cases[i].damaged);
        }
    }
}

static void test_ascii_has_an_end(void)
{
    uint8_t text[2000];
    uint32_t damaged;
    memset(text, '0', sizeof(text));
    text[0] = ':';
    CU_ASSERT_STRING_EQUAL(decoded(MODBUS_ASCII, text, sizeof(text), 100, &damaged), "");
    CU_ASSERT(damaged > 0);
}

static void test_tcp_finds_its_way_back(void)
{
#define MBAP_ANSWER "000100000009 11 0306ae4156524340"
    static const struct {
        const char *bytes, *frames;
        bool damaged;
    } cases[] = {
        {MBAP_ANSWER,                   IS,    false},
        {MBAP_ANSWER MBAP_ANSWER,       IS IS, false},
        {"deadbeef" MBAP_ANSWER,        IS,    true },
        {"000100010009" MBAP_ANSWER,    IS,    true }, /* another protocol */
        {"000100000001 11" MBAP_ANSWER, IS,    true }, /* no function code */
        {"0001000000ff 11" MBAP_ANSWER, IS,    true }, /* longer than any */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[300];
        size_t n = from_hex(cases[i].bytes, bytes);
        for (size_t piece = 1; piece <= n; piece++) {
            uint32_t damaged;
            CU_ASSERT_STRING_EQUAL(decoded(MODBUS_TCP, bytes, n, piece, &damaged), cases[i].frames);
            CU_ASSERT_EQUAL(damaged > 0, cases[i].damaged);
        }
    }
}

static void test_frames_cut_short_are_none(void)
{
    uint8_t pdu[MODBUS_PDU_MAX] = {3, 250}, frame[MODBUS_FRAME_MAX];
    for (int framing = MODBUS_TCP; framing <= MODBUS_ASCII; framing++) {
        size_t n = modbus_frame_write((enum modbus_framing)framing, 7, 0x11, pdu, 252, frame);
        for (size_t cut = 0; cut < n; cut++) {
            uint32_t damaged;
            const char *frames =
                decoded((enum modbus_framing)framing, frame, cut, cut + 1, &damaged);
            CU_ASSERT_STRING_EQUAL(frames, "");
        }
    }
}

CU_TestInfo modbus_codec_tests[] = {
    {"questions are as in the specification", test_questions_are_as_in_the_specification},
    {"framings",                              test_framings                             },
    {"answers are told from what is none",    test_answers_are_told_from_what_is_none   },
    {"RTU finds its way back",                test_rtu_finds_its_way_back               },
    {"an answer is not looked into",          test_an_answer_is_not_looked_into         },
    {"ASCII finds its way back",              test_ascii_finds_its_way_back             },
    {"ASCII has an end",                      test_ascii_has_an_end                     },
    {"TCP finds its way back",                test_tcp_finds_its_way_back               },
    {"frames cut short are none",             test_frames_cut_short_are_none            },
    CU_TEST_INFO_NULL,
};
