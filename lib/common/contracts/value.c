/* Value types and the texts of their values, as official services write and judge them. */
#include "value.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"

/* In the order of enum value_type. */
const char *const VALUE_TYPES[] = {
    "Bool",         "String",       "Uint8",       "Uint16",      "Uint32",     "Uint64",
    "Int8",         "Int16",        "Int32",       "Int64",       "Float32",    "Float64",
    "Binary",       "Object",       "BoolArray",   "StringArray", "Uint8Array", "Uint16Array",
    "Uint32Array",  "Uint64Array",  "Int8Array",   "Int16Array",  "Int32Array", "Int64Array",
    "Float32Array", "Float64Array", "ObjectArray", NULL,
};

bool value_type_parse(const char *text, unsigned *ret)
{
    for (unsigned i = 0; VALUE_TYPES[i]; i++) {
        if (strcasecmp(text, VALUE_TYPES[i]) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool value_type_is_unsigned(unsigned type)
{
    return type >= VT_UINT8 && type <= VT_UINT64;
}

bool value_type_is_integer(unsigned type)
{
    return type >= VT_UINT8 && type <= VT_INT64;
}

bool value_type_is_float(unsigned type)
{
    return type == VT_FLOAT32 || type == VT_FLOAT64;
}

bool value_type_is_array(unsigned type)
{
    return type >= VT_BOOL_ARRAY && type <= VT_OBJECT_ARRAY;
}

unsigned value_type_element(unsigned array_type)
{
    assert(value_type_is_array(array_type));
    return array_type == VT_OBJECT_ARRAY ? VT_OBJECT : array_type - VT_BOOL_ARRAY;
}
_Static_assert(VT_BOOL == 0 && VT_FLOAT64_ARRAY - VT_BOOL_ARRAY == VT_FLOAT64,
               "arrays follow the order of their elements");

void value_type_range(unsigned type, int64_t *ret_min, uint64_t *ret_max)
{
    assert(value_type_is_integer(type));
    bool is_unsigned = value_type_is_unsigned(type);
    unsigned bits = 8u << (type - (is_unsigned ? VT_UINT8 : VT_INT8));
    *ret_min = is_unsigned ? 0 : INT64_MIN >> (64 - bits);
    *ret_max = (is_unsigned ? UINT64_MAX : INT64_MAX) >> (64 - bits);
}

/* ---- scalars ------------------------------------------------------------------------------- */

static bool parse_integer(unsigned type, const char *text, struct value_number *ret)
{
    int64_t min;
    uint64_t max;
    value_type_range(type, &min, &max);
    if (value_type_is_unsigned(type)) {
        bool digit = *text >= '0' && *text <= '9'; /* Go takes no sign here */
        return digit && edge_uint_parse(text, &ret->u) && ret->u <= max;
    }
    return edge_int_parse(text, &ret->i) && ret->i >= min && ret->i <= (int64_t)max;
}

static const char DIGITS[] = "0123456789";

/* mantissa [exponent]: what Go takes, which is less than strtod does. */
static bool is_float_text(const char *s)
{
    s += *s == '+' || *s == '-';
    bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
    const char *digits = hex ? "0123456789abcdefABCDEF" : DIGITS;
    s += hex ? 2 : 0;
    size_t whole = strspn(s, digits), part = 0;
    s += whole;
    if (*s == '.') {
        part = strspn(s + 1, digits);
        s += 1 + part;
    }
    if (whole + part == 0) {
        return false;
    }
    bool exponent = hex ? *s == 'p' || *s == 'P' : *s == 'e' || *s == 'E';
    if (!exponent) {
        return !hex && *s == '\0'; /* a hexadecimal one must have it */
    }
    s += 1 + (s[1] == '+' || s[1] == '-');
    size_t n = strspn(s, DIGITS);
    return n > 0 && s[n] == '\0';
}

static bool parse_special(const char *text, double *ret)
{
    if (strcasecmp(text, "nan") == 0) {
        *ret = (double)NAN;
        return true;
    }
    const char *s = text + (*text == '+' || *text == '-');
    if (strcasecmp(s, "inf") != 0 && strcasecmp(s, "infinity") != 0) {
        return false;
    }
    *ret = *text == '-' ? -(double)INFINITY : (double)INFINITY;
    return true;
}

static bool parse_float(unsigned type, const char *text, double *ret)
{
    if (parse_special(text, ret)) {
        return true;
    }
    if (!is_float_text(text)) {
        return false;
    }
    *ret = type == VT_FLOAT32 ? (double)strtof(text, NULL) : strtod(text, NULL);
    return isfinite(*ret); /* infinite: out of range */
}

bool value_number_parse(unsigned type, const char *text, struct value_number *ret)
{
    struct value_number n = {0};
    bool truth = false, ok = false;
    if (type == VT_BOOL) {
        ok = edge_bool_parse(text, &truth);
        n.i = truth;
    } else if (value_type_is_integer(type)) {
        ok = parse_integer(type, text, &n);
    } else if (value_type_is_float(type)) {
        ok = parse_float(type, text, &n.f);
    }
    if (ok) {
        *ret = n;
    }
    return ok;
}

static void put_text(char text[VALUE_NUMBER_TEXT], const char *s)
{
    memcpy(text, s, strlen(s) + 1);
}

static void integer_text(unsigned type, const struct value_number *n, char text[VALUE_NUMBER_TEXT])
{
    if (value_type_is_unsigned(type)) {
        snprintf(text, VALUE_NUMBER_TEXT, "%llu", (unsigned long long)n->u);
    } else {
        snprintf(text, VALUE_NUMBER_TEXT, "%lld", (long long)n->i);
    }
}

void value_number_text(unsigned type, const struct value_number *n, char text[VALUE_NUMBER_TEXT])
{
    if (type == VT_BOOL) {
        put_text(text, n->i ? "true" : "false");
    } else if (!value_type_is_float(type)) {
        integer_text(type, n, text);
    } else if (isnan(n->f)) {
        put_text(text, "NaN");
    } else if (isinf(n->f)) {
        put_text(text, n->f > 0 ? "+Inf" : "-Inf");
    } else if (type == VT_FLOAT32) {
        edge_float_e((float)n->f, text);
    } else {
        edge_real_e(n->f, text);
    }
}

double value_number_real(unsigned type, const struct value_number *n)
{
    if (type == VT_FLOAT32 && isfinite(n->f)) {
        char digits[EDGE_REAL_TEXT_SIZE];
        edge_float_e((float)n->f, digits);
        return strtod(digits, NULL);
    }
    return value_type_is_float(type)      ? n->f
           : value_type_is_unsigned(type) ? (double)n->u
                                          : (double)n->i;
}

void value_number_json(unsigned type, const struct value_number *n, char text[VALUE_NUMBER_TEXT])
{
    if (!value_type_is_float(type)) {
        value_number_text(type, n, text);
    } else if (!isfinite(n->f)) {
        put_text(text, "null");
    } else {
        edge_real_json(value_number_real(type, n), text);
    }
}

/* ---- arrays -------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next element up to *pos's comma, trimmed and ended in place; *pos is NULL after the last one.
 */
static char *next_element(char **pos)
{
    char *start = *pos, *comma = strchr(start, ',');
    char *stop = comma ? comma : start + strlen(start);
    *pos = comma ? comma + 1 : NULL;
    while (start < stop && is_space(*start)) {
        start++;
    }
    while (stop > start && is_space(stop[-1])) {
        stop--;
    }
    *stop = '\0';
    return start;
}

/* A copy without the first and the last character (official services strip them, whatever they
 * are); NULL where there are not two. */
static char *copy_inside(struct edge_arena *a, const char *text)
{
    size_t len = strlen(text);
    return len < 2 ? NULL : memcpy(edge_alloc(a, len - 1, 1), text + 1, len - 2);
}

static bool array_text_valid(unsigned type, const char *text)
{
    struct edge_arena scratch = EDGE_ARENA_INIT;
    char *pos = copy_inside(&scratch, text);
    bool ok = pos != NULL;
    while (ok && pos && type != VT_STRING_ARRAY) { /* texts may be anything */
        struct value_number n;
        const char *item = next_element(&pos);
        ok = value_number_parse(value_type_element(type), item, &n);
    }
    edge_arena_done(&scratch);
    return ok;
}

bool value_text_valid(unsigned type, const char *text)
{
    struct value_number n;
    if (type == VT_BOOL || value_type_is_numeric(type)) {
        return value_number_parse(type, text, &n);
    }
    return !value_type_is_array(type) || type == VT_OBJECT_ARRAY || array_text_valid(type, text);
}

static bool split_strings(struct edge_arena *a, const char *text, const char ***ret, size_t *ret_n)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *json;
    if (edge_json_parse(&ctx, text, strlen(text), NULL, &json) != EDGE_OK || !cJSON_IsArray(json)) {
        return false;
    }
    size_t n = 0;
    const char **items = edge_new_n(a, const char *, (size_t)cJSON_GetArraySize(json));
    for (const cJSON *e = json->child; e; e = e->next) {
        if (!cJSON_IsString(e)) {
            return false;
        }
        items[n++] = edge_strdup(a, e->valuestring);
    }
    *ret = items;
    *ret_n = n;
    return true;
}

bool value_array_split(struct edge_arena *a, unsigned type, const char *text, const char ***ret,
                       size_t *ret_n)
{
    if (type == VT_STRING_ARRAY && split_strings(a, text, ret, ret_n)) {
        return true;
    }
    size_t len = strlen(text), n = 1;
    if (len < 2 || text[0] != '[' || text[len - 1] != ']') {
        return false;
    }
    for (const char *p = text; *p; p++) {
        n += *p == ',';
    }
    const char **items = edge_new_n(a, const char *, n);
    char *pos = copy_inside(a, text);
    for (n = 0; pos; n++) {
        items[n] = next_element(&pos);
    }
    *ret = items;
    *ret_n = n == 1 && items[0][0] == '\0' ? 0 : n; /* "[]" */
    return true;
}
