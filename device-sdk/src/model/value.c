/*
 * Conversions between the three forms of a value: the driver's devsdk_value, the JSON or text a
 * client writes, and the text a reading carries. Integers are exact all the way.
 */
#include "value.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/text.h"

enum { MAX_ELEMENTS = 100000 };

static const devsdk_type scalar_types[] = {
    [VT_BOOL] = DEVSDK_BOOL,     [VT_STRING] = DEVSDK_STRING, [VT_UINT8] = DEVSDK_U8,
    [VT_UINT16] = DEVSDK_U16,    [VT_UINT32] = DEVSDK_U32,    [VT_UINT64] = DEVSDK_U64,
    [VT_INT8] = DEVSDK_I8,       [VT_INT16] = DEVSDK_I16,     [VT_INT32] = DEVSDK_I32,
    [VT_INT64] = DEVSDK_I64,     [VT_FLOAT32] = DEVSDK_F32,   [VT_FLOAT64] = DEVSDK_F64,
    [VT_BINARY] = DEVSDK_BINARY, [VT_OBJECT] = DEVSDK_OBJECT};

devsdk_type sdk_type_of(unsigned value_type, devsdk_type *ret_elem)
{
    *ret_elem = DEVSDK_NULL;
    if (value_type == VT_OBJECT_ARRAY) {
        return DEVSDK_OBJECT;
    }
    if (value_type_is_array(value_type)) {
        *ret_elem = scalar_types[value_type_element(value_type)];
        return DEVSDK_ARRAY;
    }
    return scalar_types[value_type];
}

unsigned sdk_integer_bits(unsigned value_type)
{
    switch (value_type) {
    case VT_INT8:
    case VT_UINT8:
        return 8;
    case VT_INT16:
    case VT_UINT16:
        return 16;
    case VT_INT32:
    case VT_UINT32:
        return 32;
    default:
        return 64;
    }
}

static bool is_signed(devsdk_type type)
{
    return type >= DEVSDK_I8 && type <= DEVSDK_I64;
}

static bool is_unsigned(devsdk_type type)
{
    return type >= DEVSDK_U8 && type <= DEVSDK_U64;
}

static bool is_real(devsdk_type type)
{
    return type == DEVSDK_F32 || type == DEVSDK_F64;
}

__int128 sdk_value_whole(const devsdk_value *v)
{
    return is_unsigned(v->type) ? (__int128)v->u : (__int128)v->i;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static devsdk_result fit_whole(unsigned vt, __int128 whole, devsdk_value *ret)
{
    if (vt == VT_BOOL) {
        ret->b = whole != 0;
        return whole == 0 || whole == 1 ? DEVSDK_OK : DEVSDK_RANGE;
    }
    if (vt == VT_FLOAT64) {
        ret->f = (double)whole;
        return DEVSDK_OK;
    }
    if (vt == VT_FLOAT32) {
        ret->f = (double)(float)whole;
        return DEVSDK_OK;
    }
    int64_t min;
    uint64_t max;
    value_type_range(vt, &min, &max);
    if (whole < min || whole > (__int128)max) {
        return DEVSDK_RANGE;
    }
    if (value_type_is_unsigned(vt)) {
        ret->u = (uint64_t)whole;
    } else {
        ret->i = (int64_t)whole;
    }
    return DEVSDK_OK;
}

static devsdk_result fit_real(unsigned vt, double real, devsdk_value *ret)
{
    if (vt == VT_FLOAT64) {
        ret->f = real;
        return DEVSDK_OK;
    }
    if (vt == VT_FLOAT32) {
        ret->f = (double)(float)real;
        return isfinite(real) && fabs(real) > (double)FLT_MAX ? DEVSDK_RANGE : DEVSDK_OK;
    }
    if (!isfinite(real) || trunc(real) != real || fabs(real) > 0x1p64) {
        return DEVSDK_RANGE;
    }
    return fit_whole(vt, (__int128)real, ret);
}

static devsdk_result fit_number(unsigned vt, const devsdk_value *in, devsdk_value *ret)
{
    if (in->type == DEVSDK_BOOL) {
        return fit_whole(vt, in->b ? 1 : 0, ret);
    }
    if (is_real(in->type)) {
        return fit_real(vt, in->f, ret);
    }
    return fit_whole(vt, sdk_value_whole(in), ret);
}

static bool is_number(devsdk_type type)
{
    return type == DEVSDK_BOOL || is_signed(type) || is_unsigned(type) || is_real(type);
}

/* ---- arrays -------------------------------------------------------------------------------- */

static size_t element_size(devsdk_type elem)
{
    if (elem == DEVSDK_BOOL) {
        return sizeof(bool);
    }
    return elem == DEVSDK_STRING ? sizeof(char *) : sizeof(uint64_t);
}

static void element_put(void *elements, devsdk_type elem, size_t i, const devsdk_value *v)
{
    if (elem == DEVSDK_BOOL) {
        ((bool *)elements)[i] = v->b;
    } else if (elem == DEVSDK_STRING) {
        ((const char **)elements)[i] = v->p;
    } else if (is_real(elem)) {
        ((double *)elements)[i] = v->f;
    } else if (is_unsigned(elem)) {
        ((uint64_t *)elements)[i] = v->u;
    } else {
        ((int64_t *)elements)[i] = v->i;
    }
}

static devsdk_value element_get(const devsdk_value *array, size_t i)
{
    devsdk_value v = {.type = array->elem};
    if (array->elem == DEVSDK_BOOL) {
        v.b = ((const bool *)array->p)[i];
    } else if (array->elem == DEVSDK_STRING) {
        v.p = ((const char *const *)array->p)[i];
        v.n = strlen(v.p);
    } else if (is_real(array->elem)) {
        v.f = ((const double *)array->p)[i];
    } else if (is_unsigned(array->elem)) {
        v.u = ((const uint64_t *)array->p)[i];
    } else {
        v.i = ((const int64_t *)array->p)[i];
    }
    return v;
}

static devsdk_result fit_array(struct edge_arena *a, unsigned vt, const devsdk_value *in,
                               devsdk_value *ret)
{
    if (in->type != DEVSDK_ARRAY) {
        return DEVSDK_INVALID;
    }
    unsigned element = value_type_element(vt);
    void *elements = edge_alloc(a, in->n + 1, element_size(ret->elem));
    for (size_t i = 0; i < in->n; i++) {
        devsdk_value from = element_get(in, i), to;
        devsdk_result result = sdk_value_fit(a, element, &from, &to);
        if (result != DEVSDK_OK) {
            return result;
        }
        element_put(elements, ret->elem, i, &to);
    }
    ret->n = in->n;
    ret->p = elements;
    return DEVSDK_OK;
}

/* ---- from the driver ----------------------------------------------------------------------- */

static devsdk_result fit_text(struct edge_arena *a, unsigned vt, const char *text, size_t n,
                              devsdk_value *ret)
{
    EDGE_CTX_SCOPE(scratch);
    const char *copy = edge_strndup(a, text, n);
    return sdk_value_parse(&scratch, a, vt, copy, ret) == EDGE_OK ? DEVSDK_OK : DEVSDK_INVALID;
}

static devsdk_result fit_bytes(struct edge_arena *a, const devsdk_value *in, devsdk_value *ret)
{
    if (in->type != DEVSDK_BINARY && in->type != DEVSDK_STRING) {
        return DEVSDK_INVALID;
    }
    ret->n = in->n;
    ret->p = edge_strndup(a, in->p, 0);
    if (in->n > 0) {
        char *copy = edge_alloc(a, in->n, 1);
        memcpy(copy, in->p, in->n);
        ret->p = copy;
    }
    return DEVSDK_OK;
}

devsdk_result sdk_value_fit(struct edge_arena *a, unsigned vt, const devsdk_value *in,
                            devsdk_value *ret)
{
    devsdk_value v = {.type = DEVSDK_NULL};
    devsdk_result result;
    if (in->type == DEVSDK_NULL) {
        *ret = v;
        return DEVSDK_OK;
    }
    v.type = sdk_type_of(vt, &v.elem);
    if (v.type == DEVSDK_BINARY) {
        result = fit_bytes(a, in, &v);
    } else if (in->type == DEVSDK_STRING || in->type == DEVSDK_OBJECT) {
        result = fit_text(a, vt, in->p, in->n, &v);
    } else if (v.type == DEVSDK_ARRAY) {
        result = fit_array(a, vt, in, &v);
    } else if (v.type == DEVSDK_STRING && is_number(in->type)) {
        static const unsigned shown_as[] = {
            [DEVSDK_BOOL] = VT_BOOL,   [DEVSDK_I8] = VT_INT64,   [DEVSDK_I16] = VT_INT64,
            [DEVSDK_I32] = VT_INT64,   [DEVSDK_I64] = VT_INT64,  [DEVSDK_U8] = VT_UINT64,
            [DEVSDK_U16] = VT_UINT64,  [DEVSDK_U32] = VT_UINT64, [DEVSDK_U64] = VT_UINT64,
            [DEVSDK_F32] = VT_FLOAT32, [DEVSDK_F64] = VT_FLOAT64};
        v.p = sdk_value_text(a, shown_as[in->type], in);
        v.n = strlen(v.p);
        result = DEVSDK_OK;
    } else if (is_number(v.type) && is_number(in->type)) {
        result = fit_number(vt, in, &v);
    } else {
        result = DEVSDK_INVALID;
    }
    if (result == DEVSDK_OK) {
        *ret = v;
    }
    return result;
}

/* ---- from a client ------------------------------------------------------------------------- */

static enum edge_status mismatch(struct edge_ctx *ctx, unsigned vt, const char *text)
{
    return edge_fail(ctx, EDGE_INVALID, "the value '%s' does not match the %s valueType",
                     edge_text_brief(&ctx->arena, text, 64), VALUE_TYPES[vt]);
}

/* Base64 of big-endian IEEE bytes, the other form official services take for floats. */
static bool real_from_base64(struct edge_arena *a, unsigned vt, const char *text, double *ret)
{
    const void *bytes;
    size_t n, want = vt == VT_FLOAT32 ? 4 : 8;
    if (!edge_base64_decode(a, text, &bytes, &n) || n != want) {
        return false;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | ((const unsigned char *)bytes)[i];
    }
    if (vt == VT_FLOAT32) {
        uint32_t low = (uint32_t)bits;
        float f;
        memcpy(&f, &low, sizeof(f));
        *ret = (double)f;
    } else {
        memcpy(ret, &bits, sizeof(*ret));
    }
    return true;
}

static enum edge_status parse_scalar(struct edge_ctx *ctx, struct edge_arena *a, unsigned vt,
                                     const char *text, devsdk_value *v)
{
    struct value_number number = {0};
    if (vt == VT_STRING) {
        v->p = text;
        v->n = strlen(text);
        return EDGE_OK;
    }
    if (value_text_valid(vt, text) && value_number_parse(vt, text, &number)) {
        if (vt == VT_BOOL) {
            v->b = number.i != 0;
        } else if (value_type_is_float(vt)) {
            v->f = number.f;
        } else if (value_type_is_unsigned(vt)) {
            v->u = number.u;
        } else {
            v->i = number.i;
        }
        return EDGE_OK;
    }
    if (value_type_is_float(vt) && real_from_base64(a, vt, text, &v->f)) {
        return EDGE_OK;
    }
    return mismatch(ctx, vt, text);
}

static bool is_empty_list(const char *text)
{
    text += strspn(text, " \t");
    if (*text != '[') {
        return false;
    }
    text++;
    text += strspn(text, " \t");
    return *text == ']' && text[1 + strspn(text + 1, " \t")] == '\0';
}

static enum edge_status parse_array(struct edge_ctx *ctx, struct edge_arena *a, unsigned vt,
                                    const char *text, devsdk_value *v)
{
    const char **parts;
    size_t n = 0;
    unsigned element = value_type_element(vt);
    if (!is_empty_list(text) && (!value_array_split(a, vt, text, &parts, &n) || n > MAX_ELEMENTS)) {
        return mismatch(ctx, vt, text);
    }
    void *elements = edge_alloc(a, n + 1, element_size(v->elem));
    for (size_t i = 0; i < n; i++) {
        devsdk_value one = {.type = v->elem};
        EDGE_TRY(parse_scalar(ctx, a, element, parts[i], &one));
        element_put(elements, v->elem, i, &one);
    }
    v->n = n;
    v->p = elements;
    return EDGE_OK;
}

static enum edge_status parse_object(struct edge_ctx *ctx, struct edge_arena *a, unsigned vt,
                                     const char *text, devsdk_value *v)
{
    const cJSON *tree;
    EDGE_TRY(edge_json_parse(ctx, text, strlen(text), NULL, &tree));
    if (vt == VT_OBJECT ? !cJSON_IsObject(tree) : !cJSON_IsArray(tree)) {
        return mismatch(ctx, vt, text);
    }
    v->p = edge_strdup(a, text);
    v->n = strlen(text);
    return EDGE_OK;
}

enum edge_status sdk_value_parse(struct edge_ctx *ctx, struct edge_arena *a, unsigned vt,
                                 const char *text, devsdk_value *ret)
{
    devsdk_value v = {0};
    v.type = sdk_type_of(vt, &v.elem);
    if (v.type == DEVSDK_BINARY) {
        return edge_fail(ctx, EDGE_INVALID, "a Binary value has no text");
    }
    if (v.type == DEVSDK_ARRAY) {
        EDGE_TRY(parse_array(ctx, a, vt, text, &v));
    } else if (v.type == DEVSDK_OBJECT) {
        EDGE_TRY(parse_object(ctx, a, vt, text, &v));
    } else {
        EDGE_TRY(parse_scalar(ctx, a, vt, text, &v));
    }
    *ret = v;
    return EDGE_OK;
}

/* The text of a JSON scalar as the type reads it: 12.0 is a whole number, true is a Bool. */
static const char *scalar_text(struct edge_arena *a, unsigned vt, const cJSON *node)
{
    int64_t i;
    uint64_t u;
    double real;
    if (cJSON_IsString(node)) {
        return node->valuestring;
    }
    if (cJSON_IsBool(node)) {
        return cJSON_IsTrue(node) ? "true" : "false";
    }
    if (edge_json_int(node, &i)) {
        return edge_printf(a, "%lld", (long long)i);
    }
    if (edge_json_uint(node, &u)) {
        return edge_printf(a, "%llu", (unsigned long long)u);
    }
    if (!edge_json_real(node, &real)) {
        return NULL;
    }
    if (value_type_is_integer(vt) && trunc(real) == real && fabs(real) <= 0x1p64) {
        return edge_printf(a, "%.0f", real);
    }
    char text[EDGE_REAL_TEXT_SIZE];
    edge_real_json(real, text);
    return edge_strdup(a, text);
}

static const char *node_text(struct edge_arena *a, const cJSON *node)
{
    struct edge_buf buf = EDGE_BUF_INIT;
    edge_json_put(&buf, node);
    const char *text = edge_strndup(a, buf.data, buf.len);
    edge_buf_done(&buf);
    return text;
}

static enum edge_status array_from_json(struct edge_ctx *ctx, struct edge_arena *a, unsigned vt,
                                        const cJSON *node, devsdk_value *v)
{
    size_t n = (size_t)cJSON_GetArraySize(node), i = 0;
    unsigned element = value_type_element(vt);
    if (n > MAX_ELEMENTS) {
        return edge_fail(ctx, EDGE_INVALID, "more than %d elements", MAX_ELEMENTS);
    }
    void *elements = edge_alloc(a, n + 1, element_size(v->elem));
    for (const cJSON *item = node->child; item; item = item->next) {
        const char *text = scalar_text(a, element, item);
        devsdk_value one = {.type = v->elem};
        if (!text) {
            return mismatch(ctx, vt, node_text(a, node));
        }
        EDGE_TRY(parse_scalar(ctx, a, element, edge_strdup(a, text), &one));
        element_put(elements, v->elem, i++, &one);
    }
    v->n = n;
    v->p = elements;
    return EDGE_OK;
}

enum edge_status sdk_value_from_json(struct edge_ctx *ctx, struct edge_arena *a, unsigned vt,
                                     const cJSON *node, devsdk_value *ret)
{
    if (cJSON_IsNull(node)) {
        *ret = (devsdk_value){.type = DEVSDK_NULL};
        return EDGE_OK;
    }
    devsdk_value v = {0};
    v.type = sdk_type_of(vt, &v.elem);
    if (v.type == DEVSDK_ARRAY && cJSON_IsArray(node)) {
        EDGE_TRY(array_from_json(ctx, a, vt, node, &v));
        *ret = v;
        return EDGE_OK;
    }
    const char *text = scalar_text(a, vt, node);
    if (!text) {
        text = node_text(a, node);
    }
    if (*text == '\0' && v.type != DEVSDK_STRING) {
        return edge_fail(ctx, EDGE_INVALID, "empty string is invalid for %s value type",
                         VALUE_TYPES[vt]);
    }
    return sdk_value_parse(ctx, a, vt, edge_strdup(a, text), ret);
}

/* ---- to a reading -------------------------------------------------------------------------- */

static void put_text(struct edge_buf *buf, unsigned vt, const devsdk_value *v)
{
    char text[VALUE_NUMBER_TEXT];
    struct value_number number = {0};
    if (vt == VT_STRING) {
        edge_json_put_string(buf, v->p);
        return;
    }
    if (v->type == DEVSDK_BOOL) {
        number.i = v->b ? 1 : 0;
    } else if (is_real(v->type)) {
        number.f = v->f;
    } else if (is_unsigned(v->type)) {
        number.u = v->u;
    } else {
        number.i = v->i;
    }
    value_number_text(vt, &number, text);
    edge_buf_puts(buf, text);
}

static const char *array_text(struct edge_arena *a, unsigned vt, const devsdk_value *v)
{
    struct edge_buf buf = EDGE_BUF_INIT;
    unsigned element = value_type_element(vt);
    const char *comma = vt == VT_STRING_ARRAY ? "," : ", ";
    edge_buf_putc(&buf, '[');
    for (size_t i = 0; i < v->n; i++) {
        devsdk_value one = element_get(v, i);
        edge_buf_puts(&buf, i > 0 ? comma : "");
        put_text(&buf, element, &one);
    }
    edge_buf_putc(&buf, ']');
    const char *text = edge_strndup(a, buf.data, buf.len);
    edge_buf_done(&buf);
    return text;
}

const char *sdk_value_text(struct edge_arena *a, unsigned vt, const devsdk_value *v)
{
    char text[VALUE_NUMBER_TEXT];
    struct value_number number = {0};
    switch (v->type) {
    case DEVSDK_ARRAY:
        return array_text(a, vt, v);
    case DEVSDK_STRING:
    case DEVSDK_OBJECT:
        return edge_strndup(a, v->p, v->n);
    case DEVSDK_BOOL:
        return edge_strdup(a, v->b ? "true" : "false");
    default:
        if (is_real(v->type)) {
            number.f = v->f;
        } else if (is_unsigned(v->type)) {
            number.u = v->u;
        } else {
            number.i = v->i;
        }
        value_number_text(vt, &number, text);
        return edge_strdup(a, text);
    }
}
