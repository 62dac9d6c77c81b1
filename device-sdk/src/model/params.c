/*
 * Field tables. A value is first turned to its text, whatever JSON type it came as, then read as
 * the type the table names, then checked; so a number in quotes and a bare one are the same thing.
 */
#include "params.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"

/* Sizes of the C members, by devsdk_type; 0: not a member type. */
static const size_t member_sizes[] = {[DEVSDK_BOOL] = sizeof(bool),
                                      [DEVSDK_I8] = 1,
                                      [DEVSDK_I16] = 2,
                                      [DEVSDK_I32] = 4,
                                      [DEVSDK_I64] = 8,
                                      [DEVSDK_U8] = 1,
                                      [DEVSDK_U16] = 2,
                                      [DEVSDK_U32] = 4,
                                      [DEVSDK_U64] = 8,
                                      [DEVSDK_F32] = sizeof(float),
                                      [DEVSDK_F64] = sizeof(double),
                                      [DEVSDK_STRING] = sizeof(char *),
                                      [DEVSDK_OBJECT] = sizeof(char *)};

static size_t member_size(devsdk_type type)
{
    size_t n = sizeof(member_sizes) / sizeof(member_sizes[0]);
    return (size_t)type < n ? member_sizes[type] : 0;
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

const devsdk_field *sdk_params_row(const devsdk_field *fields, const char *key,
                                   struct edge_nearest *near)
{
    for (const devsdk_field *f = fields; f && f->key; f++) {
        if (strcmp(f->key, key) == 0) {
            return f;
        }
        edge_nearest_offer(near, f->key);
    }
    return NULL;
}

/* ---- in ------------------------------------------------------------------------------------ */

/* One value on its way in. */
struct input {
    struct edge_ctx *ctx;
    const devsdk_field *field;
    struct edge_arena *arena;
    void *member;
};

/* As much of a value as helps to find it. */
static const char *shown(const struct input *in, const char *text)
{
    return edge_text_brief(&in->ctx->arena, text, 64);
}

static enum edge_status fault(const struct input *in, const char *text, const char *what)
{
    return edge_fail(in->ctx, EDGE_INVALID, "%s: '%s' is %s", in->field->key, shown(in, text),
                     what);
}

static enum edge_status check_limits(const struct input *in, const char *text, double value)
{
    const devsdk_field *f = in->field;
    if (f->min == 0 && f->max == 0) {
        return EDGE_OK;
    }
    if (value < f->min) {
        return edge_fail(in->ctx, EDGE_INVALID, "%s: %s is below %.15g", f->key, shown(in, text),
                         f->min);
    }
    if (value > f->max) {
        return edge_fail(in->ctx, EDGE_INVALID, "%s: %s is above %.15g", f->key, shown(in, text),
                         f->max);
    }
    return EDGE_OK;
}

/* Decimal, or hexadecimal behind 0x. */
static bool whole_parse(const char *text, __int128 *ret)
{
    int64_t i;
    uint64_t u;
    if (edge_int_parse(text, &i)) {
        *ret = i;
        return true;
    }
    if (edge_uint_parse(text, &u)) {
        *ret = u;
        return true;
    }
    if (strncasecmp(text, "0x", 2) != 0 || !strchr("0123456789abcdefABCDEF", text[2]) || !text[2]) {
        return false;
    }
    char *end;
    errno = 0;
    u = strtoull(text + 2, &end, 16);
    *ret = u;
    return errno == 0 && *end == '\0';
}

static bool real_parse(const char *text, double *ret)
{
    char *end;
    errno = 0;
    *ret = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*ret);
}

static void store_whole(const struct input *in, __int128 value)
{
    uint64_t bits = (uint64_t)value;
    switch (member_size(in->field->type)) {
    case 1:
        *(uint8_t *)in->member = (uint8_t)bits;
        break;
    case 2:
        *(uint16_t *)in->member = (uint16_t)bits;
        break;
    case 4:
        *(uint32_t *)in->member = (uint32_t)bits;
        break;
    default:
        *(uint64_t *)in->member = bits;
    }
}

static enum edge_status put_whole(const struct input *in, const char *text, __int128 value)
{
    unsigned bits = 8 * (unsigned)member_size(in->field->type);
    __int128 min = 0;
    __int128 max = ((__int128)1 << bits) - 1;
    if (is_signed(in->field->type)) {
        min = -((__int128)1 << (bits - 1));
        max = -min - 1;
    }
    EDGE_TRY(check_limits(in, text, (double)value));
    if (value < min || value > max) {
        return fault(in, text, "out of range");
    }
    store_whole(in, value);
    return EDGE_OK;
}

static enum edge_status put_real(const struct input *in, const char *text, double value)
{
    EDGE_TRY(check_limits(in, text, value));
    if (in->field->type == DEVSDK_F64) {
        *(double *)in->member = value;
        return EDGE_OK;
    }
    if (fabs(value) > (double)FLT_MAX) {
        return fault(in, text, "out of range");
    }
    *(float *)in->member = (float)value;
    return EDGE_OK;
}

/* "500ms" where the member counts the field's unit; false where it is no duration. */
static bool in_unit(const devsdk_field *f, const char *text, int64_t *ret_ns, int64_t *ret_unit_ns)
{
    EDGE_CTX_SCOPE(scratch);
    const char *one = edge_printf(&scratch.arena, "1%s", f->unit);
    return edge_duration_parse(text, false, ret_ns) &&
           edge_duration_parse(one, false, ret_unit_ns) && *ret_unit_ns > 0;
}

static enum edge_status put_number(const struct input *in, const char *text)
{
    const devsdk_field *f = in->field;
    __int128 whole;
    double real;
    int64_t ns, unit_ns;
    if (!is_real(f->type) && whole_parse(text, &whole)) {
        return put_whole(in, text, whole);
    }
    if (is_real(f->type) && real_parse(text, &real)) {
        return put_real(in, text, real);
    }
    if (f->unit && in_unit(f, text, &ns, &unit_ns)) {
        if (is_real(f->type)) {
            return put_real(in, text, (double)ns / (double)unit_ns);
        }
        if (ns % unit_ns == 0) {
            return put_whole(in, text, ns / unit_ns);
        }
        return edge_fail(in->ctx, EDGE_INVALID, "%s: '%s' is not a whole number of %s", f->key,
                         shown(in, text), f->unit);
    }
    return fault(in, text, is_real(f->type) ? "not a number" : "not a whole number");
}

static enum edge_status put_choice(const struct input *in, const char *text)
{
    const char *const *names = in->field->one_of;
    const char *list = "";
    for (size_t i = 0; names[i]; i++) {
        if (strcasecmp(names[i], text) == 0) {
            store_whole(in, (__int128)i);
            return EDGE_OK;
        }
        list = edge_printf(&in->ctx->arena, "%s%s%s", list, i > 0 ? ", " : "", names[i]);
    }
    return edge_fail(in->ctx, EDGE_INVALID, "%s: '%s' is not one of %s", in->field->key,
                     shown(in, text), list);
}

static enum edge_status put_text(const struct input *in, const char *text)
{
    double len = (double)strlen(text);
    const devsdk_field *f = in->field;
    if (f->max > 0 && len > f->max) {
        return edge_fail(in->ctx, EDGE_INVALID, "%s: longer than %.15g characters", f->key, f->max);
    }
    if (f->min > 0 && len < f->min) {
        return edge_fail(in->ctx, EDGE_INVALID, "%s: shorter than %.15g characters", f->key,
                         f->min);
    }
    *(const char **)in->member = edge_strdup(in->arena, text);
    return EDGE_OK;
}

static enum edge_status put(const struct input *in, const char *text)
{
    if (in->field->one_of) {
        return put_choice(in, text);
    }
    if (in->field->type == DEVSDK_STRING || in->field->type == DEVSDK_OBJECT) {
        return put_text(in, text);
    }
    if (in->field->type == DEVSDK_BOOL) {
        bool value;
        if (!edge_bool_parse(text, &value)) {
            return fault(in, text, "neither true nor false");
        }
        *(bool *)in->member = value;
        return EDGE_OK;
    }
    return put_number(in, text);
}

/* The text of a single value; NULL for lists and objects. */
static const char *scalar_text(struct edge_ctx *ctx, const cJSON *node)
{
    if (cJSON_IsString(node)) {
        return node->valuestring;
    }
    if (cJSON_IsBool(node)) {
        return cJSON_IsTrue(node) ? "true" : "false";
    }
    if (!edge_json_is_number(node)) {
        return NULL;
    }
    int64_t i;
    uint64_t u;
    double real = 0;
    if (edge_json_int(node, &i)) {
        return edge_printf(&ctx->arena, "%lld", (long long)i);
    }
    if (edge_json_uint(node, &u)) {
        return edge_printf(&ctx->arena, "%llu", (unsigned long long)u);
    }
    char text[EDGE_REAL_TEXT_SIZE];
    edge_json_real(node, &real);
    edge_real_json(real, text);
    return edge_strdup(&ctx->arena, text);
}

/* As scalar_text(), but for a text whose row says how many decimals a number has: 10.1 is "10.10" then. */
static const char *field_text(const struct input *in, const cJSON *node)
{
    const devsdk_field *f = in->field;
    int64_t whole;
    double real;
    bool has_fraction = f->type == DEVSDK_STRING && f->unit && f->unit[0] == '.' &&
                        edge_json_is_number(node) && !edge_json_int(node, &whole) &&
                        edge_json_real(node, &real);
    return has_fraction ? edge_printf(&in->ctx->arena, "%.*f", f->unit[1] - '0', real)
                        : scalar_text(in->ctx, node);
}

static const char *json_text(struct edge_ctx *ctx, const cJSON *node)
{
    struct edge_buf buf = EDGE_BUF_INIT;
    edge_json_put(&buf, node);
    const char *text = edge_strndup(&ctx->arena, buf.data, buf.len);
    edge_buf_done(&buf);
    return text;
}

/* The member that may be meant for the row @p f; NULL: none is. */
static const char *slip_for(const devsdk_field *fields, const devsdk_field *f, const cJSON *object)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        struct edge_nearest near = {.wanted = member->string};
        if (!sdk_params_row(fields, member->string, &near) && near.name == f->key) {
            return member->string;
        }
    }
    return NULL;
}

static enum edge_status missing(const struct input *in, const char *slip)
{
    const char *key = in->field->key;
    return slip ? edge_fail(in->ctx, EDGE_INVALID, "%s: is missing, but there is '%s'", key,
                            shown(in, slip))
                : edge_fail(in->ctx, EDGE_INVALID, "%s: is missing", key);
}

static enum edge_status parse_field(const struct input *in, const cJSON *node)
{
    const devsdk_field *f = in->field;
    if (!node || cJSON_IsNull(node)) {
        return f->def ? put(in, f->def) : EDGE_OK;
    }
    const char *text = field_text(in, node);
    if (!text && f->type == DEVSDK_OBJECT) {
        text = json_text(in->ctx, node);
    }
    if (!text) {
        return edge_fail(in->ctx, EDGE_INVALID, "%s: must be a single value", f->key);
    }
    /* An empty text where a number is wanted is how forms say "not set". */
    if (*text == '\0' && f->type != DEVSDK_STRING && f->type != DEVSDK_OBJECT && !f->required) {
        return f->def ? put(in, f->def) : EDGE_OK;
    }
    return put(in, text);
}

/* "A.B": member B of the member A, unless there is one of the whole name. */
static const cJSON *member_at(const cJSON *object, const char *key)
{
    const cJSON *node = object ? edge_json_member(object, key, true) : NULL;
    const char *dot = strchr(key, '.');
    if (node || !dot || !object) {
        return node;
    }
    size_t len = (size_t)(dot - key);
    for (const cJSON *m = object->child; m; m = m->next) {
        if (strncmp(m->string, key, len) == 0 && m->string[len] == '\0' && cJSON_IsObject(m)) {
            return member_at(m, dot + 1);
        }
    }
    return NULL;
}

enum edge_status sdk_params_parse(struct edge_ctx *ctx, const devsdk_field *fields,
                                  const cJSON *object, struct edge_arena *arena, void *ret)
{
    enum edge_status result = EDGE_OK;
    for (const devsdk_field *f = fields; f && f->key; f++) {
        const struct input in = {ctx, f, arena, (char *)ret + f->offset};
        const cJSON *node = member_at(object, f->key);
        bool lacks = f->required && (!node || cJSON_IsNull(node));
        enum edge_status st =
            lacks ? missing(&in, slip_for(fields, f, object)) : parse_field(&in, node);
        if (st != EDGE_OK) {
            result = st;
        }
    }
    return result;
}

/* ---- out ----------------------------------------------------------------------------------- */

static uint64_t load_whole(const devsdk_field *f, const void *member)
{
    switch (f->type) {
    case DEVSDK_I8:
        return (uint64_t) * (const int8_t *)member;
    case DEVSDK_I16:
        return (uint64_t) * (const int16_t *)member;
    case DEVSDK_I32:
        return (uint64_t) * (const int32_t *)member;
    case DEVSDK_U8:
        return *(const uint8_t *)member;
    case DEVSDK_U16:
        return *(const uint16_t *)member;
    case DEVSDK_U32:
        return *(const uint32_t *)member;
    default:
        return *(const uint64_t *)member;
    }
}

static void print_number(struct edge_ctx *ctx, const devsdk_field *f, const void *member,
                         cJSON *object)
{
    if (is_real(f->type)) {
        double v = f->type == DEVSDK_F32 ? (double)*(const float *)member : *(const double *)member;
        cJSON_AddNumberToObject(object, f->key, v);
        return;
    }
    uint64_t bits = load_whole(f, member);
    const char *digits = is_signed(f->type)
                             ? edge_printf(&ctx->arena, "%lld", (long long)(int64_t)bits)
                             : edge_printf(&ctx->arena, "%llu", (unsigned long long)bits);
    if (strlen(digits) > 15) { /* what a tree keeps as digits (edge/json.h) */
        cJSON_AddRawToObject(object, f->key, digits);
    } else {
        cJSON_AddNumberToObject(object, f->key, strtod(digits, NULL));
    }
}

static void print_choice(const devsdk_field *f, const void *member, cJSON *object)
{
    uint64_t index = load_whole(f, member);
    for (uint64_t i = 0; f->one_of[i]; i++) {
        if (i == index) {
            cJSON_AddStringToObject(object, f->key, f->one_of[i]);
        }
    }
}

const cJSON *sdk_params_print(struct edge_ctx *ctx, const devsdk_field *fields, const void *params)
{
    cJSON *object = edge_json_object(ctx);
    for (const devsdk_field *f = fields; f && f->key; f++) {
        const void *member = (const char *)params + f->offset;
        if (f->one_of) {
            print_choice(f, member, object);
        } else if (f->type == DEVSDK_STRING || f->type == DEVSDK_OBJECT) {
            const char *text = *(const char *const *)member;
            if (text) {
                cJSON_AddStringToObject(object, f->key, text);
            }
        } else if (f->type == DEVSDK_BOOL) {
            cJSON_AddBoolToObject(object, f->key, *(const bool *)member);
        } else {
            print_number(ctx, f, member, object);
        }
    }
    return object;
}

/* ---- the table itself ------------------------------------------------------------------------ */

const char *sdk_params_verify(struct edge_ctx *ctx, const devsdk_field *fields, size_t size)
{
    char *scratch = edge_alloc(&ctx->arena, 1, size + sizeof(uint64_t));
    for (const devsdk_field *f = fields; f && f->key; f++) {
        size_t bytes = member_size(f->type);
        if (bytes == 0) {
            return edge_printf(&ctx->arena, "%s: no type for a member", f->key);
        }
        if (f->offset + bytes > size) {
            return edge_printf(&ctx->arena, "%s: lies outside of the struct", f->key);
        }
        if (f->one_of && !is_unsigned(f->type)) {
            return edge_printf(&ctx->arena, "%s: a choice needs an unsigned member", f->key);
        }
        const struct input in = {ctx, f, &ctx->arena, scratch + f->offset};
        if (f->def && put(&in, f->def) != EDGE_OK) {
            return edge_printf(&ctx->arena, "default of %s", edge_ctx_message(ctx, EDGE_INVALID));
        }
        for (const devsdk_field *other = fields; other != f; other++) {
            if (strcmp(other->key, f->key) == 0) {
                return edge_printf(&ctx->arena, "%s: is there twice", f->key);
            }
        }
    }
    return NULL;
}
