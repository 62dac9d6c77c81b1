/* Data transforms: exact, and seen where they overflow. */
#include <math.h>
#include <string.h>

#include "model/transform.h"
#include "model/value.h"
#include "suites.h"

enum { NONE = -12345 };

/* A resource with the transforms of a row; NONE: not given. */
struct props {
    double base, scale, offset, shift, mask;
};

static void props_set(struct resource_properties *p, const struct props *from, int64_t *shift,
                      uint64_t *mask)
{
    *shift = (int64_t)from->shift;
    *mask = (uint64_t)from->mask;
    p->base = from->base != NONE ? &from->base : NULL;
    p->scale = from->scale != NONE ? &from->scale : NULL;
    p->offset = from->offset != NONE ? &from->offset : NULL;
    p->shift = from->shift != NONE ? shift : NULL;
    p->mask = from->mask != NONE ? mask : NULL;
}

static const char *const outcomes[] = {"", "overflow", "NaN"};

struct row {
    unsigned type;
    const char *in;
    struct props props;
    const char *expect;
};

static devsdk_value value_of(struct edge_ctx *ctx, unsigned type, const char *text)
{
    devsdk_value v;
    CU_ASSERT_EQUAL_FATAL(sdk_value_parse(ctx, &ctx->arena, type, text, &v), EDGE_OK);
    return v;
}

static void check(const struct row *row, const char *text)
{
    if (strcmp(text, row->expect) != 0) {
        fprintf(stderr, "%s %s: %s, expected %s\n", VALUE_TYPES[row->type], row->in, text,
                row->expect);
    }
    CU_ASSERT_STRING_EQUAL(text, row->expect);
}

static void test_reads(void)
{
    static const struct row rows[] = {
        {VT_UINT8,   "200",                  {NONE, 2, -150, NONE, NONE},     "250"                 },
        {VT_UINT8,   "200",                  {NONE, 2, NONE, NONE, NONE},     "overflow"            },
        {VT_INT8,    "-128",                 {NONE, -1, NONE, NONE, NONE},    "overflow"            },
        {VT_INT8,    "-128",                 {NONE, NONE, 1, NONE, NONE},     "-127"                },
        {VT_INT16,   "7",                    {NONE, 0.5, NONE, NONE, NONE},   "0"                   },
        {VT_INT16,   "7",                    {NONE, 2.9, NONE, NONE, NONE},   "14"                  },
        {VT_INT64,   "9223372036854775806",  {NONE, NONE, 1, NONE, NONE},     "9223372036854775807" },
        {VT_INT64,   "9223372036854775807",  {NONE, NONE, 1, NONE, NONE},     "overflow"            },
        {VT_UINT64,  "18446744073709551615", {NONE, 1e300, NONE, NONE, NONE}, "overflow"            },
        {VT_UINT64,  "0",                    {NONE, 1e300, NONE, NONE, NONE}, "0"                   },
        {VT_UINT64,  "9007199254740993",     {NONE, 3, NONE, NONE, NONE},     "27021597764222979"   },
        {VT_UINT16,  "5",                    {NONE, NONE, -6, NONE, NONE},    "overflow"            },
        {VT_UINT16,  "65535",                {NONE, NONE, NONE, NONE, 0xff0}, "4080"                },
        {VT_UINT16,  "4080",                 {NONE, NONE, NONE, 4, 0xff0},    "255"                 },
        {VT_UINT16,  "1",                    {NONE, NONE, NONE, -15, NONE},   "32768"               },
 /* bits that leave the type are gone, as with device-sdk-go 4 */
        {VT_UINT16,  "1",                    {NONE, NONE, NONE, -16, NONE},   "0"                   },
        {VT_UINT64,  "1",                    {NONE, NONE, NONE, -200, NONE},  "0"                   },
        {VT_UINT32,  "65537",                {NONE, NONE, NONE, -16, NONE},   "65536"               },
        {VT_INT8,    "100",                  {NONE, NONE, NONE, -1, NONE},    "-56"                 },
        {VT_INT8,    "-128",                 {NONE, NONE, NONE, -1, NONE},    "0"                   },
        {VT_UINT8,   "255",                  {NONE, NONE, NONE, -4, NONE},    "240"                 },
        {VT_INT16,   "16385",                {NONE, NONE, NONE, -1, NONE},    "-32766"              },
        {VT_INT32,   "-1",                   {NONE, NONE, NONE, -31, NONE},   "-2147483648"         },
        {VT_INT64,   "1",                    {NONE, NONE, NONE, -63, NONE},   "-9223372036854775808"},
        {VT_UINT64,  "3",                    {NONE, NONE, NONE, -63, NONE},   "9223372036854775808" },
        {VT_UINT8,   "129",                  {NONE, NONE, 1, -1, NONE},       "3"                   },
        {VT_UINT8,   "255",                  {NONE, NONE, NONE, -1, 15},      "30"                  },
        {VT_UINT16,  "65535",                {NONE, NONE, NONE, -8, NONE},    "65280"               },
        {VT_INT32,   "-2147483647",          {NONE, NONE, NONE, -1, NONE},    "2"                   },
        {VT_INT64,   "-1",                   {NONE, NONE, NONE, -64, NONE},   "0"                   },
        {VT_UINT8,   "255",                  {NONE, 2, NONE, -4, NONE},       "overflow"            },
        {VT_UINT8,   "255",                  {NONE, NONE, 15, -4, NONE},      "255"                 },
        {VT_UINT8,   "131",                  {2, NONE, NONE, -1, NONE},       "64"                  },
        {VT_UINT64,  "0",                    {NONE, NONE, NONE, -200, NONE},  "0"                   },
        {VT_INT16,   "-1",                   {NONE, NONE, NONE, 200, NONE},   "-1"                  },
        {VT_INT8,    "-1",                   {NONE, NONE, NONE, NONE, 0x80},  "-128"                },
        {VT_INT8,    "-1",                   {NONE, NONE, NONE, NONE, 0x7f},  "127"                 },
        {VT_UINT32,  "3",                    {10, NONE, NONE, NONE, NONE},    "1000"                },
        {VT_UINT64,  "63",                   {2, NONE, NONE, NONE, NONE},     "9223372036854775808" },
        {VT_UINT64,  "64",                   {2, NONE, NONE, NONE, NONE},     "overflow"            },
        {VT_INT32,   "-2",                   {10, NONE, NONE, NONE, NONE},    "overflow"            },
        {VT_INT32,   "1000000000",           {-1, NONE, NONE, NONE, NONE},    "1"                   },
        {VT_FLOAT64, "2",                    {10, 0.5, 1, NONE, NONE},        "5.1e+01"             },
        {VT_FLOAT64, "1e308",                {NONE, 10, NONE, NONE, NONE},    "overflow"            },
        {VT_FLOAT32, "3e38",                 {NONE, 2, NONE, NONE, NONE},     "overflow"            },
        {VT_FLOAT32, "0.1",                  {NONE, NONE, NONE, NONE, NONE},  "1e-01"               },
        {VT_FLOAT64, "NaN",                  {NONE, NONE, NONE, NONE, NONE},  "NaN"                 },
        {VT_FLOAT64, "+Inf",                 {NONE, NONE, NONE, NONE, NONE},  "+Inf"                },
        {VT_INT16,   "5",                    {0, 1, 0, 0, 0},                 "5"                   },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct resource_properties p = {.value_type = rows[i].type};
        int64_t shift;
        uint64_t mask;
        props_set(&p, &rows[i].props, &shift, &mask);
        devsdk_value v = value_of(&ctx, rows[i].type, rows[i].in);
        enum sdk_transformed outcome = sdk_transform_read(&p, &v);
        check(&rows[i], outcome == SDK_SOUND ? sdk_value_text(&ctx.arena, rows[i].type, &v)
                                             : outcomes[outcome]);
    }
}

static void test_writes(void)
{
    static const struct row rows[] = {
        {VT_UINT8,   "250",                  {NONE, 2, -150, NONE, NONE},    "200"    },
        {VT_INT16,   "14",                   {NONE, 0.5, NONE, NONE, NONE},  "refused"},
        {VT_INT64,   "-9223372036854775808", {NONE, NONE, 1, NONE, NONE},    "refused"},
        {VT_UINT32,  "1000",                 {10, NONE, NONE, NONE, NONE},   "3"      },
        {VT_UINT32,  "0",                    {10, NONE, NONE, NONE, NONE},   "refused"},
        {VT_UINT16,  "255",                  {NONE, NONE, NONE, 4, 0xff0},   "4080"   },
        {VT_UINT8,   "255",                  {NONE, NONE, NONE, 4, NONE},    "refused"},
        {VT_UINT8,   "128",                  {NONE, NONE, NONE, -4, NONE},   "8"      },
        {VT_UINT8,   "129",                  {NONE, NONE, NONE, -4, NONE},   "refused"},
        {VT_UINT32,  "65537",                {NONE, NONE, NONE, -16, NONE},  "refused"},
        {VT_INT8,    "-3",                   {NONE, NONE, NONE, -1, NONE},   "refused"},
        {VT_INT8,    "-4",                   {NONE, NONE, NONE, -1, NONE},   "-2"     },
        {VT_UINT64,  "1",                    {NONE, NONE, NONE, -200, NONE}, "refused"},
        {VT_UINT64,  "0",                    {NONE, NONE, NONE, -200, NONE}, "0"      },
        {VT_FLOAT64, "51",                   {10, 0.5, 1, NONE, NONE},       "2e+00"  },
        {VT_FLOAT64, "1",                    {NONE, 0, NONE, NONE, NONE},    "refused"},
        {VT_FLOAT64, "-1",                   {10, NONE, NONE, NONE, NONE},   "refused"},
        {VT_FLOAT32, "1e38",                 {NONE, 0.01, NONE, NONE, NONE}, "refused"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct resource_properties p = {.value_type = rows[i].type};
        int64_t shift;
        uint64_t mask;
        props_set(&p, &rows[i].props, &shift, &mask);
        devsdk_value v = value_of(&ctx, rows[i].type, rows[i].in);
        check(&rows[i], sdk_transform_write(&ctx, &p, &v) == EDGE_OK
                            ? sdk_value_text(&ctx.arena, rows[i].type, &v)
                            : "refused");
    }
}

static void test_limits(void)
{
    EDGE_CTX_SCOPE(ctx);
    const double min = -5, max = 100;
    struct resource_properties p = {.value_type = VT_INT64, .minimum = &min, .maximum = &max};
    devsdk_value v = value_of(&ctx, VT_INT64, "100");
    CU_ASSERT_EQUAL(sdk_limits_check(&ctx, &p, &v), EDGE_OK);
    v.i = 101;
    CU_ASSERT_EQUAL(sdk_limits_check(&ctx, &p, &v), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID),
                           "set command parameter out of maximum value 100");
    edge_ctx_clear(&ctx);
    v.i = -6;
    CU_ASSERT_EQUAL(sdk_limits_check(&ctx, &p, &v), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID),
                           "set command parameter out of minimum value -5");
    const double tenth = 0.1;
    struct resource_properties narrow = {.value_type = VT_FLOAT32, .maximum = &tenth};
    v = value_of(&ctx, VT_FLOAT32, "0.1");
    CU_ASSERT_EQUAL(sdk_limits_check(&ctx, &narrow, &v), EDGE_OK); /* compared as Float32 */
    v.f = NAN;
    CU_ASSERT_EQUAL(sdk_limits_check(&ctx, &narrow, &v), EDGE_INVALID);
}

CU_TestInfo transforms_tests[] = {
    {"reads",  test_reads },
    {"writes", test_writes},
    {"limits", test_limits},
    CU_TEST_INFO_NULL,
};
