/* Registers to values and back, and the plan of bulk reads. */
#include <CUnit/CUnit.h>
#include <math.h>
#include <string.h>

#include "codec/modbus_plan.h"
#include "codec/modbus_value.h"

static void test_numbers_in_all_orders(void)
{
    static const struct {
        struct modbus_format f;
        uint8_t at[8];
        struct modbus_number v;
    } cases[] = {
        {{MODBUS_INT16},                      {0xff, 0xfe},                {MODBUS_SIGNED, .i = -2}                  },
        {{MODBUS_UINT16},                     {0xff, 0xfe},                {MODBUS_UNSIGNED, .u = 65534}             },
        {{MODBUS_UINT16, .byte_swap = true},  {0x34, 0x12},                {MODBUS_UNSIGNED, .u = 0x1234}            },
        {{MODBUS_UINT32},                     {0x12, 0x34, 0x56, 0x78},    {MODBUS_UNSIGNED, .u = 0x12345678}        },
        {{MODBUS_UINT32, .byte_swap = true},
         {0x34, 0x12, 0x78, 0x56},
         {MODBUS_UNSIGNED, .u = 0x12345678}                                                                          },
        {{MODBUS_UINT32, .word_swap = true},
         {0x56, 0x78, 0x12, 0x34},
         {MODBUS_UNSIGNED, .u = 0x12345678}                                                                          },
        {{MODBUS_UINT32, true, true},         {0x78, 0x56, 0x34, 0x12},    {MODBUS_UNSIGNED, .u = 0x12345678}        },
        {{MODBUS_INT32},                      {0xff, 0xff, 0xff, 0xff},    {MODBUS_SIGNED, .i = -1}                  },
        {{MODBUS_UINT64},                     {1, 2, 3, 4, 5, 6, 7, 8},    {MODBUS_UNSIGNED, .u = 0x0102030405060708}},
        {{MODBUS_UINT64, .word_swap = true},
         {7, 8, 5, 6, 3, 4, 1, 2},
         {MODBUS_UNSIGNED, .u = 0x0102030405060708}                                                                  },
        {{MODBUS_UINT64, .byte_swap = true},
         {2, 1, 4, 3, 6, 5, 8, 7},
         {MODBUS_UNSIGNED, .u = 0x0102030405060708}                                                                  },
        {{MODBUS_UINT64, true, true},
         {8, 7, 6, 5, 4, 3, 2, 1},
         {MODBUS_UNSIGNED, .u = 0x0102030405060708}                                                                  },
        {{MODBUS_INT64},                      {0x80, 0, 0, 0, 0, 0, 0, 0}, {MODBUS_SIGNED, .i = INT64_MIN}           },
        {{MODBUS_FLOAT32},                    {0x42, 0xf6, 0xe9, 0x79},    {MODBUS_REAL, .f = (double)123.456f}      },
        {{MODBUS_FLOAT32, .word_swap = true},
         {0xe9, 0x79, 0x42, 0xf6},
         {MODBUS_REAL, .f = (double)123.456f}                                                                        },
        {{MODBUS_FLOAT64},
         {0x40, 0x5e, 0xdd, 0x2f, 0x1a, 0x9f, 0xbe, 0x77},
         {MODBUS_REAL, .f = 123.456}                                                                                 },
        {{MODBUS_FLOAT64, .word_swap = true},
         {0xbe, 0x77, 0x1a, 0x9f, 0xdd, 0x2f, 0x40, 0x5e},
         {MODBUS_REAL, .f = 123.456}                                                                                 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct modbus_number v = modbus_number_get(&cases[i].f, cases[i].at);
        CU_ASSERT_EQUAL(v.kind, cases[i].v.kind);
        CU_ASSERT_EQUAL(v.u, cases[i].v.u);
        uint8_t back[8] = {0};
        CU_ASSERT(modbus_number_put(&cases[i].f, &v, back));
        CU_ASSERT_EQUAL(memcmp(back, cases[i].at, 8), 0);
    }
}

static void test_what_does_not_fit_is_refused(void)
{
    static const struct {
        uint8_t raw;
        struct modbus_number v;
        bool fits;
    } cases[] = {
        {MODBUS_INT16,   {MODBUS_SIGNED, .i = 32767},          true },
        {MODBUS_INT16,   {MODBUS_SIGNED, .i = 32768},          false},
        {MODBUS_INT16,   {MODBUS_SIGNED, .i = -32768},         true },
        {MODBUS_INT16,   {MODBUS_SIGNED, .i = -32769},         false},
        {MODBUS_UINT16,  {MODBUS_SIGNED, .i = -1},             false},
        {MODBUS_UINT16,  {MODBUS_UNSIGNED, .u = 65536},        false},
        {MODBUS_UINT32,  {MODBUS_REAL, .f = 4294967295.4},     true },
        {MODBUS_UINT32,  {MODBUS_REAL, .f = 4294967295.5},     false},
        {MODBUS_INT64,   {MODBUS_UNSIGNED, .u = UINT64_MAX},   false},
        {MODBUS_UINT64,  {MODBUS_UNSIGNED, .u = UINT64_MAX},   true },
        {MODBUS_UINT64,  {MODBUS_REAL, .f = 0x1p64},           false},
        {MODBUS_INT16,   {MODBUS_REAL, .f = (double)NAN},      false},
        {MODBUS_INT16,   {MODBUS_REAL, .f = (double)INFINITY}, false},
        {MODBUS_FLOAT32, {MODBUS_REAL, .f = 1e39},             false},
        {MODBUS_FLOAT32, {MODBUS_REAL, .f = (double)INFINITY}, true },
        {MODBUS_FLOAT64, {MODBUS_REAL, .f = 1e39},             true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t at[8];
        struct modbus_format f = {.raw = cases[i].raw};
        CU_ASSERT_EQUAL(modbus_number_put(&f, &cases[i].v, at), cases[i].fits);
    }
    struct modbus_format f = {.raw = MODBUS_INT16};
    struct modbus_number half = {MODBUS_REAL, .f = 21.4999999};
    uint8_t at[2];
    CU_ASSERT(modbus_number_put(&f, &half, at));
    CU_ASSERT_EQUAL(at[1], 21);
}

static void test_bits_of_a_register(void)
{
    static const struct {
        struct modbus_format f;
        uint8_t at[2];
        int64_t value;
        uint16_t and, or ;
    } cases[] = {
        {{MODBUS_UINT16, .bit = 3, .bits = 1},                    {0x00, 0x08}, 1,      0xfff7, 0x0008},
        {{MODBUS_UINT16, .bit = 3, .bits = 1},                    {0xff, 0xf7}, 0,      0xfff7, 0x0000},
        {{MODBUS_UINT16, .bit = 15, .bits = 1},                   {0x80, 0x00}, 1,      0x7fff, 0x8000},
        {{MODBUS_UINT16, .bit = 8, .bits = 8},                    {0xab, 0xcd}, 0xab,   0x00ff, 0xab00},
        {{MODBUS_INT16, .bit = 4, .bits = 4},                     {0x00, 0xf5}, -1,     0xff0f, 0x00f0},
        {{MODBUS_UINT16, .bit = 0, .bits = 16},                   {0xab, 0xcd}, 0xabcd, 0,      0xabcd},
        {{MODBUS_UINT16, .byte_swap = true, .bit = 3, .bits = 1}, {0x08, 0x00}, 1,      0xf7ff, 0x0800},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct modbus_number v = modbus_number_get(&cases[i].f, cases[i].at);
        uint16_t and, or ;
        CU_ASSERT_EQUAL(v.i, cases[i].value);
        CU_ASSERT(modbus_field_put(&cases[i].f, &v, &and, & or));
        CU_ASSERT_EQUAL(and, cases[i].and);
        CU_ASSERT_EQUAL(or, cases[i].or);
    }
    struct modbus_format f = {MODBUS_UINT16, .bit = 4, .bits = 4};
    struct modbus_number sixteen = {MODBUS_SIGNED, .i = 16};
    uint16_t and, or ;
    CU_ASSERT_FALSE(modbus_field_put(&f, &sixteen, &and, & or));
}

static void test_texts(void)
{
    uint8_t at[8];
    char text[8];
    CU_ASSERT(modbus_text_put(false, "pump", 4, 4, at));
    CU_ASSERT_EQUAL(memcmp(at, "pump\0\0\0\0", 8), 0);
    CU_ASSERT_EQUAL(modbus_text_get(false, at, 4, text), 4);
    CU_ASSERT_NSTRING_EQUAL(text, "pump", 4);
    CU_ASSERT(modbus_text_put(true, "pumps", 5, 4, at));
    CU_ASSERT_EQUAL(memcmp(at, "uppm\0s\0\0", 8), 0);
    CU_ASSERT_EQUAL(modbus_text_get(true, at, 4, text), 5);
    CU_ASSERT_FALSE(modbus_text_put(false, "too long!", 9, 4, at));
    CU_ASSERT(modbus_text_put(false, "eight ch", 8, 4, at));
    CU_ASSERT_EQUAL(modbus_text_get(false, at, 4, text), 8);
    CU_ASSERT_EQUAL(modbus_text_get(false, (const uint8_t *)"\0\0ab\0cd", 4, text), 2);
}

/* ---- plans ----------------------------------------------------------------------------------- */

static void test_plans(void)
{
    enum { H = 3, I = 4 };
    static const struct {
        struct modbus_span spans[5];
        size_t n;
        struct modbus_block blocks[5];
        size_t n_blocks;
    } cases[] = {
        {{{1, H, 10, 2, 8, 125, 0}},                                                         1, {{1, H, 10, 2, 0, 1}},                                           1},
        {{{1, H, 12, 2, 8, 125, 0}, {1, H, 10, 2, 8, 125, 1}},                               2, {{1, H, 10, 4, 0, 2}},                                           1},
        {{{1, H, 10, 2, 8, 125, 0}, {1, H, 20, 1, 8, 125, 1}},                               2, {{1, H, 10, 11, 0, 2}},                                          1},
        {{{1, H, 10, 2, 8, 125, 0}, {1, H, 21, 1, 8, 125, 1}},
         2,                                                                                     {{1, H, 10, 2, 0, 1}, {1, H, 21, 1, 1, 1}},
         2                                                                                                                                                        },
        {{{1, H, 10, 2, 0, 125, 0}, {1, H, 13, 1, 0, 125, 1}},
         2,                                                                                     {{1, H, 10, 2, 0, 1}, {1, H, 13, 1, 1, 1}},
         2                                                                                                                                                        },
        {{{1, H, 10, 4, 8, 125, 0}, {1, H, 11, 1, 8, 125, 1}, {1, H, 13, 4, 8, 125, 2}},
         3,                                                                                     {{1, H, 10, 7, 0, 3}},
         1                                                                                                                                                        },
        {{{1, H, 0, 100, 8, 125, 0}, {1, H, 100, 25, 8, 125, 1}, {1, H, 125, 1, 8, 125, 2}},
         3,                                                                                     {{1, H, 0, 125, 0, 2}, {1, H, 125, 1, 2, 1}},
         2                                                                                                                                                        },
        {{{1, H, 0, 4, 8, 125, 0}, {1, H, 4, 4, 8, 4, 1}},
         2,                                                                                     {{1, H, 0, 4, 0, 1}, {1, H, 4, 4, 1, 1}},
         2                                                                                                                                                        },
        {{{1, H, 10, 1, 8, 125, 0}, {2, H, 11, 1, 8, 125, 1}, {1, I, 11, 1, 8, 125, 2}},
         3,                                                                                     {{1, H, 10, 1, 0, 1}, {1, I, 11, 1, 1, 1}, {2, H, 11, 1, 2, 1}},
         3                                                                                                                                                        },
        {{{1, H, 65535, 1, 8, 125, 0}, {1, H, 65530, 2, 8, 125, 1}},
         2,                                                                                     {{1, H, 65530, 6, 0, 2}},
         1                                                                                                                                                        },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct modbus_span spans[5];
        struct modbus_block blocks[5];
        memcpy(spans, cases[i].spans, sizeof(spans));
        CU_ASSERT_EQUAL(modbus_plan(spans, cases[i].n, blocks), cases[i].n_blocks);
        for (size_t k = 0; k < cases[i].n_blocks; k++) {
            const struct modbus_block *b = &blocks[k], *w = &cases[i].blocks[k];
            CU_ASSERT(b->unit == w->unit && b->function == w->function && b->address == w->address);
            CU_ASSERT(b->count == w->count && b->first == w->first && b->n == w->n);
        }
    }
}

CU_TestInfo modbus_value_tests[] = {
    {"numbers in all orders",        test_numbers_in_all_orders       },
    {"what does not fit is refused", test_what_does_not_fit_is_refused},
    {"bits of a register",           test_bits_of_a_register          },
    {"texts",                        test_texts                       },
    {"plans",                        test_plans                       },
    CU_TEST_INFO_NULL,
};
