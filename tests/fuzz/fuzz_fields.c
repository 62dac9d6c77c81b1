/* Field tables and values of clients: whatever the JSON, nothing breaks, and what was taken up can
 * be printed and taken up again. The first byte chooses the value type of the second half. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/params.h"
#include "model/transform.h"
#include "model/value.h"

static const char *const modes[] = {"COILS", "REGISTERS", NULL};

struct thing {
    bool on;
    int8_t i8;
    int64_t i64;
    uint16_t u16;
    uint64_t u64;
    float f32;
    double f64;
    const char *text, *any;
    uint8_t mode;
    uint32_t ms;
    double s;
};

/* clang-format off */
static const devsdk_field fields[] = {
    DEVSDK_FIELD(struct thing, on, "a", DEVSDK_BOOL),
    DEVSDK_FIELD(struct thing, i8, "b", DEVSDK_I8, .min = -5, .max = 5),
    DEVSDK_FIELD(struct thing, i64, "c", DEVSDK_I64),
    DEVSDK_FIELD(struct thing, u16, "d", DEVSDK_U16, .def = "7"),
    DEVSDK_FIELD(struct thing, u64, "e", DEVSDK_U64),
    DEVSDK_FIELD(struct thing, f32, "f", DEVSDK_F32),
    DEVSDK_FIELD(struct thing, f64, "g", DEVSDK_F64),
    DEVSDK_FIELD(struct thing, text, "h", DEVSDK_STRING, .max = 8),
    DEVSDK_FIELD(struct thing, any, "i", DEVSDK_OBJECT),
    DEVSDK_FIELD(struct thing, mode, "j", DEVSDK_U8, .one_of = modes),
    DEVSDK_FIELD(struct thing, ms, "k", DEVSDK_U32, .unit = "ms"),
    DEVSDK_FIELD(struct thing, s, "l", DEVSDK_F64, .unit = "s"),
    {0},
};
/* clang-format on */

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void try_fields(const cJSON *tree)
{
    EDGE_CTX_SCOPE(ctx);
    struct thing thing = {0}, again = {0};
    if (sdk_params_parse(&ctx, fields, tree, &ctx.arena, &thing) != EDGE_OK) {
        must(*edge_ctx_message(&ctx, EDGE_INVALID) != '\0');
        return;
    }
    must(thing.i8 >= -5 && thing.i8 <= 5 && thing.mode <= 1);
    const cJSON *printed = sdk_params_print(&ctx, fields, &thing);
    must(sdk_params_parse(&ctx, fields, printed, &ctx.arena, &again) == EDGE_OK);
    must(again.i64 == thing.i64 && again.u64 == thing.u64 && again.u16 == thing.u16);
    must(again.f64 == thing.f64 && again.f32 == thing.f32 && again.mode == thing.mode);
}

static void try_value(unsigned type, const cJSON *tree)
{
    EDGE_CTX_SCOPE(ctx);
    const double scale = 3, offset = -1, base = 2;
    const int64_t shift = -3;
    const uint64_t mask = 0xff;
    const struct resource_properties p = {.value_type = type,
                                          .scale = &scale,
                                          .offset = &offset,
                                          .base = &base,
                                          .shift = &shift,
                                          .mask = &mask,
                                          .maximum = &scale};
    devsdk_value v, again;
    if (sdk_value_from_json(&ctx, &ctx.arena, type, tree, &v) != EDGE_OK || v.type == DEVSDK_NULL) {
        return;
    }
    const char *text = sdk_value_text(&ctx.arena, type, &v);
    must(sdk_value_parse(&ctx, &ctx.arena, type, text, &again) == EDGE_OK);
    must(strcmp(sdk_value_text(&ctx.arena, type, &again), text) == 0);
    must(sdk_value_fit(&ctx.arena, type, &v, &again) == DEVSDK_OK);
    (void)!sdk_limits_check(&ctx, &p, &v);
    if (sdk_transform_write(&ctx, &p, &again) == EDGE_OK) {
        (void)sdk_value_text(&ctx.arena, type, &again);
    }
    if (sdk_transform_read(&p, &v) == SDK_SOUND) {
        must(value_text_valid(type, sdk_value_text(&ctx.arena, type, &v)) ||
             !value_type_is_numeric(type));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    if (size == 0 ||
        edge_json_parse(&ctx, (const char *)data + 1, size - 1, NULL, &tree) != EDGE_OK) {
        return 0;
    }
    try_fields(tree);
    try_value(data[0] % VT_COUNT, tree);
    return 0;
}
