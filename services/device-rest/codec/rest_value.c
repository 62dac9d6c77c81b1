#include "codec/rest_value.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "codec/rest_template.h"

enum { DIGITS_MAX = 24, NUMBER_SIZE = 32 };

/* ---- from a device -------------------------------------------------------------------------------- */

const char *rest_found_text(enum rest_found found)
{
    static const char *const texts[] = {
        [REST_FOUND] = "has a value",
        [REST_IS_NULL] = "is null",
        [REST_EMPTY] = "is empty",
        [REST_NO_JSON] = "is no JSON",
        [REST_NO_MEMBER] = "has nothing where jsonPointer leads to",
        [REST_NO_TEXT] = "is not UTF-8, or has a NUL in it",
    };
    return texts[found];
}

static bool is_integer(devsdk_type type)
{
    return type >= DEVSDK_I8 && type <= DEVSDK_U64;
}

/* 12.0 and 1.2e1 as 12: exactly, by moving the point. False: it is no whole number of so few digits. */
static bool whole_text(devsdk_json number, char *ret)
{
    char digits[DIGITS_MAX + 1];
    size_t n = 0, i = number.text[0] == '-';
    long point = -1, exponent = 0;
    for (; i < number.n && number.text[i] != 'e' && number.text[i] != 'E'; i++) {
        if (number.text[i] == '.') {
            point = (long)n;
        } else if (n > 0 || number.text[i] != '0' || point >= 0) {
            if (n == DIGITS_MAX) {
                return false;
            }
            digits[n++] = number.text[i];
        }
    }
    if (i < number.n) {
        exponent =
            strtol(number.text + i + 1, NULL, 10); /* something that is no digit stands behind */
    }
    long whole = (point >= 0 ? point : (long)n) + (exponent > 99    ? 99
                                                   : exponent < -99 ? -99
                                                                    : exponent);
    for (long k = whole > 0 ? whole : 0; k < (long)n; k++) {
        if (digits[k] != '0') {
            return false;
        }
    }
    if (whole > DIGITS_MAX) {
        return false;
    }
    size_t at = 0;
    ret[at++] = '-';
    for (long k = 0; k < whole; k++) {
        char c = k < (long)n ? digits[k] : '0';
        if (c != '0' || at > 1) {
            ret[at++] = c;
        }
    }
    if (at == 1) {
        ret[at++] = '0';
    }
    ret[at] = '\0';
    return true;
}

/* A number of a document ends where another character stands; a lone one has to be given such an end. */
static enum rest_found number_text(devsdk_json node, devsdk_type type, char *buf,
                                   struct rest_text *ret)
{
    char copy[128], whole[NUMBER_SIZE];
    *ret = (struct rest_text){node.text, node.n};
    if (!is_integer(type) || node.n >= sizeof(copy)) {
        return REST_FOUND;
    }
    memcpy(copy, node.text, node.n);
    copy[node.n] = '\0';
    if (whole_text((devsdk_json){DEVSDK_JSON_NUMBER, copy, node.n}, whole)) {
        const char *text = copy[0] == '-' && strcmp(whole, "-0") != 0 ? whole : whole + 1;
        size_t n = strlen(text);
        memcpy(buf, text, n + 1);
        *ret = (struct rest_text){buf, n};
    }
    return REST_FOUND;
}

enum rest_found rest_node(devsdk_json node, devsdk_type type, char *buf, struct rest_text *ret)
{
    switch (node.kind) {
    case DEVSDK_JSON_NONE:
        return REST_NO_MEMBER;
    case DEVSDK_JSON_NULL:
        return REST_IS_NULL;
    case DEVSDK_JSON_STRING:
        ret->text = buf;
        return devsdk_json_string(node, buf, node.n + 1, &ret->n) ? REST_FOUND : REST_NO_TEXT;
    case DEVSDK_JSON_NUMBER:
        return number_text(node, type, buf, ret);
    default:
        *ret = (struct rest_text){node.text, node.n};
        return REST_FOUND;
    }
}

static struct rest_text trimmed(const char *text, size_t n)
{
    while (n > 0 && (unsigned char)text[0] <= ' ') {
        text++;
        n--;
    }
    while (n > 0 && (unsigned char)text[n - 1] <= ' ') {
        n--;
    }
    return (struct rest_text){text, n};
}

enum rest_found rest_payload(const char *payload, size_t n, devsdk_type type, const char *pointer,
                             char *buf, struct rest_text *ret)
{
    if (pointer) {
        devsdk_json doc = devsdk_json_parse(payload, n);
        return doc.kind == DEVSDK_JSON_NONE
                   ? REST_NO_JSON
                   : rest_node(devsdk_json_at(doc, pointer), type, buf, ret);
    }
    *ret = type == DEVSDK_STRING ? (struct rest_text){payload, n} : trimmed(payload, n);
    if (ret->n == 0) {
        return REST_EMPTY;
    }
    bool is_text = devsdk_utf8_valid(ret->text, ret->n) && !memchr(ret->text, '\0', ret->n);
    return is_text ? REST_FOUND : REST_NO_TEXT;
}

bool rest_media_type_is(const char *type, const char *wanted)
{
    size_t n = strcspn(type, "; \t"), len = strcspn(wanted, "; \t");
    return n == len && strncasecmp(type, wanted, n) == 0;
}

/* ---- for a device --------------------------------------------------------------------------------- */

/* The fewest digits that are read as the same number again. */
static void real_text(double f, bool narrow, char ret[NUMBER_SIZE])
{
    if (isnan(f) || isinf(f)) {
        (void)snprintf(ret, NUMBER_SIZE, "%s", isnan(f) ? "NaN" : f > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 1; digits <= (narrow ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG); digits++) {
        (void)snprintf(ret, NUMBER_SIZE, "%.*g", digits, f);
        if (narrow ? strtof(ret, NULL) == (float)f : strtod(ret, NULL) == f) {
            break;
        }
    }
}

static void scalar_text(const devsdk_value *v, char ret[NUMBER_SIZE])
{
    if (v->type == DEVSDK_BOOL) {
        (void)snprintf(ret, NUMBER_SIZE, "%s", v->b ? "true" : "false");
    } else if (v->type >= DEVSDK_I8 && v->type <= DEVSDK_I64) {
        (void)snprintf(ret, NUMBER_SIZE, "%" PRId64, v->i);
    } else if (v->type >= DEVSDK_U8 && v->type <= DEVSDK_U64) {
        (void)snprintf(ret, NUMBER_SIZE, "%" PRIu64, v->u);
    } else {
        real_text(v->f, v->type == DEVSDK_F32, ret);
    }
}

static devsdk_value element(const devsdk_value *v, size_t i)
{
    devsdk_value one = {.type = v->elem};
    if (v->elem == DEVSDK_BOOL) {
        one.b = ((const bool *)v->p)[i];
    } else if (v->elem == DEVSDK_STRING) {
        one.p = ((const char *const *)v->p)[i];
        one.n = strlen(one.p);
    } else {
        one.u = ((const uint64_t *)v->p)[i]; /* the bits of whichever it is */
    }
    return one;
}

/* The i-th element as JSON, behind what stands there; how long. */
static size_t element_text(const devsdk_value *v, size_t i, char *ret, size_t size)
{
    devsdk_value one = element(v, i);
    char number[NUMBER_SIZE];
    struct rest_var var = {"v", one.p, one.n, one.type != DEVSDK_STRING};
    if (one.type != DEVSDK_STRING) {
        scalar_text(&one, number);
        var.text = number;
        var.n = strlen(number);
    }
    return rest_template_put(REST_AS_JSON, i > 0 ? ",${v}" : "${v}", &var, 1, ret, size);
}

static size_t array_text(const devsdk_value *v, char *ret, size_t size)
{
    size_t at = 1;
    for (size_t i = 0; i < v->n; i++) {
        at += at < size ? element_text(v, i, ret + at, size - at) : element_text(v, i, NULL, 0);
    }
    at++;
    if (at < size) {
        ret[0] = '[';
        ret[at - 1] = ']';
        ret[at] = '\0';
    }
    return at;
}

size_t rest_value_text(const devsdk_value *v, char *ret, size_t size)
{
    char number[NUMBER_SIZE];
    if (v->type == DEVSDK_ARRAY) {
        return array_text(v, ret, size);
    }
    if (v->type == DEVSDK_BINARY || v->type == DEVSDK_NULL) {
        return 0;
    }
    const char *text = number;
    size_t n = v->n;
    if (v->type == DEVSDK_STRING || v->type == DEVSDK_OBJECT) {
        text = v->p;
    } else {
        scalar_text(v, number);
        n = strlen(number);
    }
    if (n < size) {
        memcpy(ret, text, n);
        ret[n] = '\0';
    }
    return n;
}

static bool is_finite(const devsdk_value *v)
{
    return (v->type != DEVSDK_F32 && v->type != DEVSDK_F64) || isfinite(v->f);
}

bool rest_value_is_json(const devsdk_value *v)
{
    bool finite = is_finite(v);
    for (size_t i = 0; v->type == DEVSDK_ARRAY && v->elem != DEVSDK_STRING && i < v->n; i++) {
        devsdk_value one = element(v, i);
        finite = finite && is_finite(&one);
    }
    return finite && v->type != DEVSDK_STRING && v->type != DEVSDK_BINARY;
}
