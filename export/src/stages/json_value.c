/* Values of JSONLogic: numbers, texts, equality and truth as JavaScript has them. */
#include "json_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/text.h"

logic_value logic_fail(struct logic_eval *e, const char *why)
{
    e->fault = e->fault ? e->fault : why;
    return NULL;
}

bool logic_step(struct logic_eval *e)
{
    if (!e->fault && ++e->steps > LOGIC_STEPS) {
        logic_fail(e, "takes too many steps");
    }
    return !e->fault;
}

cJSON *logic_make(struct logic_eval *e, int type)
{
    cJSON *v = edge_new(&e->ctx->arena, cJSON);
    v->type = type;
    return v;
}

logic_value logic_make_bool(struct logic_eval *e, bool truth)
{
    return logic_make(e, truth ? cJSON_True : cJSON_False);
}

logic_value logic_make_number(struct logic_eval *e, double n)
{
    cJSON *v = logic_make(e, cJSON_Number);
    v->valuedouble = n;
    v->valueint = n >= INT32_MIN && n <= INT32_MAX ? (int)n : 0;
    return v;
}

logic_value logic_make_text(struct logic_eval *e, const char *text, size_t n)
{
    e->bytes += n;
    if (e->bytes > LOGIC_BYTES_MAX) {
        return logic_fail(e, "makes texts that are too long");
    }
    cJSON *v = logic_make(e, cJSON_String);
    v->valuestring = (char *)(uintptr_t)edge_strndup(&e->ctx->arena, text, n);
    return v;
}

/* An element of two lists cannot be the same node. */
void logic_append(struct logic_eval *e, cJSON *list, logic_value item)
{
    if (!logic_step(e)) {
        return;
    }
    cJSON *copy = logic_make(e, cJSON_NULL);
    if (item) {
        *copy = *item;
        copy->string = NULL;
    }
    copy->next = copy->prev = NULL;
    cJSON *last = list->child ? list->child->prev : NULL;
    if (last) {
        last->next = copy;
        copy->prev = last;
    } else {
        list->child = copy;
    }
    list->child->prev = copy;
}

bool logic_is_null(logic_value v)
{
    return !v || cJSON_IsNull(v);
}

static bool is_number(logic_value v)
{
    return v && edge_json_is_number(v);
}

static double number(logic_value v)
{
    double n = NAN;
    (void)(edge_json_real(v, &n) || (v && cJSON_IsNumber(v) && (n = v->valuedouble, true)));
    return n;
}

bool logic_truth(logic_value v)
{
    if (logic_is_null(v) || cJSON_IsFalse(v)) {
        return false;
    }
    if (cJSON_IsString(v)) {
        return *v->valuestring != '\0';
    }
    if (cJSON_IsArray(v)) {
        return v->child != NULL;
    }
    if (is_number(v)) {
        double n = number(v);
        return n != 0 && !isnan(n);
    }
    return true;
}

static const char *text_of_number(struct logic_eval *e, double n)
{
    if (isnan(n) || isinf(n)) {
        return isnan(n) ? "NaN" : n < 0 ? "-Infinity" : "Infinity";
    }
    char text[EDGE_REAL_TEXT_SIZE];
    edge_real_json(n, text);
    return edge_strdup(&e->ctx->arena, n == 0 ? "0" : text);
}

static const char *text_of_scalar(struct logic_eval *e, logic_value v)
{
    if (logic_is_null(v)) {
        return v ? "null" : "undefined";
    }
    if (cJSON_IsString(v)) {
        return v->valuestring;
    }
    if (cJSON_IsBool(v)) {
        return cJSON_IsTrue(v) ? "true" : "false";
    }
    return is_number(v) ? text_of_number(e, number(v)) : "[object Object]";
}

/* A list may hold another many times over, and a rule may put lists into lists as long as there is data. */
static void put_text(struct logic_eval *e, struct edge_buf *b, logic_value v)
{
    if (!cJSON_IsArray(v)) {
        edge_buf_puts(b, logic_is_null(v) ? "" : text_of_scalar(e, v));
        if (b->len > LOGIC_BYTES_MAX - e->bytes) {
            logic_fail(e, "makes texts that are too long");
        }
        return;
    }
    if (e->depth >= LOGIC_DEPTH) {
        logic_fail(e, "is too deep");
        return;
    }
    e->depth++;
    for (const cJSON *i = v->child; i && logic_step(e); i = i->next) {
        put_text(e, b, i);
        edge_buf_puts(b, i->next ? "," : "");
    }
    e->depth--;
}

const char *logic_text_of(struct logic_eval *e, logic_value v)
{
    if (!v || !cJSON_IsArray(v)) {
        return text_of_scalar(e, v);
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    put_text(e, &b, v);
    if (e->fault) {
        return "";
    }
    e->bytes += b.len;
    return edge_strndup(&e->ctx->arena, b.data ? b.data : "", b.len);
}

static size_t units(const char *c)
{
    return (unsigned char)*c >= 0xf0 ? 2 : ((unsigned char)*c & 0xc0) != 0x80;
}

size_t logic_text_length(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        n += units(text);
    }
    return n;
}

const char *logic_text_at(const char *text, size_t i)
{
    for (; *text && (i > 0 || units(text) == 0); text++) {
        size_t n = units(text);
        i = i > n ? i - n : 0;
    }
    return text;
}

static double number_of_text(const char *s)
{
    static const char blank[] = " \t\r\n\v\f";
    s += strspn(s, blank);
    size_t len = strlen(s);
    while (len > 0 && strchr(blank, s[len - 1])) {
        len--;
    }
    if (len == 0) {
        return 0;
    }
    const char *digits = s + (*s == '+' || *s == '-');
    if (strncmp(digits, "Infinity", 8) == 0 && digits + 8 == s + len) {
        return *s == '-' ? -INFINITY : INFINITY;
    }
    bool plain = digits[0] == '.' || (digits[0] >= '0' && digits[0] <= '9');
    bool hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
    if (!plain || (hex && digits != s)) {
        return NAN;
    }
    char *end;
    double n = strtod(s, &end);
    return end == s + len ? n : NAN;
}

double logic_to_number(struct logic_eval *e, logic_value v)
{
    if (is_number(v)) {
        return number(v);
    }
    if (logic_is_null(v) || cJSON_IsBool(v)) {
        return v && cJSON_IsTrue(v) ? 1 : 0;
    }
    return number_of_text(logic_text_of(e, v));
}

/* parseFloat: as much of the beginning as is a number. */
double logic_parse_float(struct logic_eval *e, logic_value v)
{
    if (is_number(v)) {
        return number(v);
    }
    const char *s = logic_text_of(e, v);
    s += strspn(s, " \t\r\n\v\f");
    const char *digits = s + (*s == '+' || *s == '-');
    if (strncmp(digits, "Infinity", 8) == 0) {
        return *s == '-' ? -INFINITY : INFINITY;
    }
    size_t n = strspn(digits, "0123456789");
    size_t point = digits[n] == '.' ? 1 + strspn(digits + n + 1, "0123456789") : 0;
    if (n + point < 1 || (n == 0 && point < 2)) {
        return NAN;
    }
    const char *end = digits + n + point;
    size_t sign = (end[0] | 0x20) == 'e' ? 1 + (size_t)(end[1] == '+' || end[1] == '-') : 0;
    size_t exponent = sign ? strspn(end + sign, "0123456789") : 0;
    end += exponent ? sign + exponent : 0;
    return strtod(edge_strndup(&e->ctx->arena, s, (size_t)(end - s)), NULL);
}

static bool is_scalar(logic_value v)
{
    return logic_is_null(v) || !(cJSON_IsArray(v) || cJSON_IsObject(v));
}

/* A list or an object is equal to itself alone; one that was put into a list is still the same. */
static bool same_thing(logic_value a, logic_value b)
{
    return a == b || (a->child && a->child == b->child);
}

bool logic_same(logic_value a, logic_value b)
{
    if (!a || !b) {
        return !a && !b;
    }
    if (is_number(a) && is_number(b)) {
        return number(a) == number(b);
    }
    if (cJSON_IsString(a) && cJSON_IsString(b)) {
        return strcmp(a->valuestring, b->valuestring) == 0;
    }
    if (!is_scalar(a) && !is_scalar(b)) {
        return same_thing(a, b);
    }
    return (cJSON_IsNull(a) && cJSON_IsNull(b)) ||
           (cJSON_IsBool(a) && cJSON_IsBool(b) && cJSON_IsTrue(a) == cJSON_IsTrue(b));
}

/* == of JavaScript; lists and objects are equal to themselves and to their texts. */
bool logic_alike(struct logic_eval *e, logic_value a, logic_value b)
{
    if (logic_is_null(a) || logic_is_null(b)) {
        return logic_is_null(a) && logic_is_null(b);
    }
    if (!is_scalar(a) && !is_scalar(b)) {
        return same_thing(a, b);
    }
    bool a_text = cJSON_IsString(a) || !is_scalar(a), b_text = cJSON_IsString(b) || !is_scalar(b);
    return a_text && b_text ? strcmp(logic_text_of(e, a), logic_text_of(e, b)) == 0
                            : logic_to_number(e, a) == logic_to_number(e, b);
}

/* < as JavaScript has it: texts among themselves, else numbers. */
bool logic_less(struct logic_eval *e, logic_value a, logic_value b, bool or_equal)
{
    bool a_text = a && (cJSON_IsString(a) || !is_scalar(a));
    bool b_text = b && (cJSON_IsString(b) || !is_scalar(b));
    if (a_text && b_text) {
        int order = strcmp(logic_text_of(e, a), logic_text_of(e, b));
        return order < 0 || (or_equal && order == 0);
    }
    double x = a ? logic_to_number(e, a) : NAN, y = b ? logic_to_number(e, b) : NAN;
    return or_equal ? x <= y : x < y;
}
