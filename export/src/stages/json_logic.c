/*
 * JSONLogic: a rule in JSON decides whether a message goes on. The operations of jsonlogic.com with JavaScript's
 * ideas of equality, truth and numbers; rules are checked when the pipeline is made, and steps have a bound, since
 * map, filter and reduce can be put into each other.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/text.h"
#include "stages.h"

enum { STEPS = 1000000, DEPTH = 64, NUMBER_TEXT = 40, BYTES_MAX = 4 << 20 };

struct logic {
    const cJSON *rule;
};

struct eval {
    struct edge_ctx *ctx;
    const cJSON *data;
    unsigned steps, depth;
    size_t bytes;
    const char *fault;
};

typedef const cJSON *value; /* NULL: null (undefined) */

static value evaluate(struct eval *e, const cJSON *rule, value data);

/* ---- values ---------------------------------------------------------------------------------- */

static value fail(struct eval *e, const char *why)
{
    e->fault = e->fault ? e->fault : why;
    return NULL;
}

static cJSON *make(struct eval *e, int type)
{
    cJSON *v = edge_new(&e->ctx->arena, cJSON);
    v->type = type;
    return v;
}

static value make_bool(struct eval *e, bool truth)
{
    return make(e, truth ? cJSON_True : cJSON_False);
}

static value make_number(struct eval *e, double n)
{
    cJSON *v = make(e, cJSON_Number);
    v->valuedouble = n;
    v->valueint = n >= INT32_MIN && n <= INT32_MAX ? (int)n : 0;
    return v;
}

static value make_text(struct eval *e, const char *text, size_t n)
{
    e->bytes += n;
    if (e->bytes > BYTES_MAX) {
        return fail(e, "makes texts that are too long");
    }
    cJSON *v = make(e, cJSON_String);
    v->valuestring = (char *)(uintptr_t)edge_strndup(&e->ctx->arena, text, n);
    return v;
}

/* An element of two lists cannot be the same node. */
static void append(struct eval *e, cJSON *list, value item)
{
    cJSON *copy = make(e, cJSON_NULL);
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

static bool is_null(value v)
{
    return !v || cJSON_IsNull(v);
}

static bool is_number(value v)
{
    return v && edge_json_is_number(v);
}

static double number(value v)
{
    double n = NAN;
    (void)(edge_json_real(v, &n) || (v && cJSON_IsNumber(v) && (n = v->valuedouble, true)));
    return n;
}

static bool truth(value v)
{
    if (is_null(v) || cJSON_IsFalse(v)) {
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

static const char *text_of(struct eval *e, value v);

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

static double to_number(struct eval *e, value v)
{
    if (is_number(v)) {
        return number(v);
    }
    if (is_null(v) || cJSON_IsBool(v)) {
        return v && cJSON_IsTrue(v) ? 1 : 0;
    }
    return number_of_text(text_of(e, v));
}

/* parseFloat: as much of the beginning as is a number. */
static double parse_float(struct eval *e, value v)
{
    if (is_number(v)) {
        return number(v);
    }
    const char *s = text_of(e, v);
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

static const char *text_of_number(struct eval *e, double n)
{
    if (isnan(n) || isinf(n)) {
        return isnan(n) ? "NaN" : n < 0 ? "-Infinity" : "Infinity";
    }
    char text[EDGE_REAL_TEXT_SIZE];
    edge_real_json(n, text);
    return edge_strdup(&e->ctx->arena, n == 0 ? "0" : text);
}

static const char *text_of(struct eval *e, value v)
{
    if (is_null(v)) {
        return v ? "null" : "undefined";
    }
    if (cJSON_IsString(v)) {
        return v->valuestring;
    }
    if (cJSON_IsBool(v)) {
        return cJSON_IsTrue(v) ? "true" : "false";
    }
    if (is_number(v)) {
        return text_of_number(e, number(v));
    }
    if (!cJSON_IsArray(v)) {
        return "[object Object]";
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    for (const cJSON *i = v->child; i; i = i->next) {
        edge_buf_puts(&b, is_null(i) ? "" : text_of(e, i));
        edge_buf_puts(&b, i->next ? "," : "");
    }
    return edge_strndup(&e->ctx->arena, b.data ? b.data : "", b.len);
}

static bool is_scalar(value v)
{
    return is_null(v) || !(cJSON_IsArray(v) || cJSON_IsObject(v));
}

static bool same(value a, value b)
{
    if (is_null(a) || is_null(b)) {
        return is_null(a) && is_null(b);
    }
    if (is_number(a) && is_number(b)) {
        return number(a) == number(b);
    }
    if (cJSON_IsString(a) && cJSON_IsString(b)) {
        return strcmp(a->valuestring, b->valuestring) == 0;
    }
    return cJSON_IsBool(a) && cJSON_IsBool(b) && cJSON_IsTrue(a) == cJSON_IsTrue(b);
}

/* == of JavaScript; lists and objects are equal to nothing but their texts. */
static bool alike(struct eval *e, value a, value b)
{
    if (is_null(a) || is_null(b)) {
        return is_null(a) && is_null(b);
    }
    if (!is_scalar(a) && !is_scalar(b)) {
        return false;
    }
    bool a_text = cJSON_IsString(a) || !is_scalar(a), b_text = cJSON_IsString(b) || !is_scalar(b);
    return a_text && b_text ? strcmp(text_of(e, a), text_of(e, b)) == 0
                            : to_number(e, a) == to_number(e, b);
}

/* < as JavaScript has it: texts among themselves, else numbers. */
static bool less(struct eval *e, value a, value b, bool or_equal)
{
    bool a_text = a && (cJSON_IsString(a) || !is_scalar(a));
    bool b_text = b && (cJSON_IsString(b) || !is_scalar(b));
    if (a_text && b_text) {
        int order = strcmp(text_of(e, a), text_of(e, b));
        return order < 0 || (or_equal && order == 0);
    }
    double x = a ? to_number(e, a) : NAN, y = b ? to_number(e, b) : NAN;
    return or_equal ? x <= y : x < y;
}

/* ---- arguments -------------------------------------------------------------------------------- */

/* The i-th argument as it stands; a single one may stand without a list. */
static const cJSON *argument(const cJSON *args, unsigned i)
{
    if (!cJSON_IsArray(args)) {
        return i == 0 ? args : NULL;
    }
    const cJSON *a = args->child;
    while (a && i-- > 0) {
        a = a->next;
    }
    return a;
}

static unsigned count_of(const cJSON *args)
{
    unsigned n = 0;
    if (!cJSON_IsArray(args)) {
        return 1;
    }
    for (const cJSON *a = args->child; a; a = a->next) {
        n++;
    }
    return n;
}

static value arg(struct eval *e, const cJSON *args, unsigned i, value data)
{
    const cJSON *a = argument(args, i);
    return a ? evaluate(e, a, data) : NULL;
}

/* ---- operations ------------------------------------------------------------------------------- */

static value member(value v, const char *name, size_t len)
{
    if (!v) {
        return NULL;
    }
    if (cJSON_IsArray(v)) {
        char *end;
        unsigned long i = strtoul(name, &end, 10);
        return end == name + len && len > 0 && i < UINT32_MAX ? argument(v, (unsigned)i) : NULL;
    }
    for (const cJSON *m = cJSON_IsObject(v) ? v->child : NULL; m; m = m->next) {
        if (m->string && strlen(m->string) == len && memcmp(m->string, name, len) == 0) {
            return m;
        }
    }
    return NULL;
}

static value lookup(value data, const char *path)
{
    for (const char *at = path; data; at++) {
        size_t len = strcspn(at, ".");
        data = member(data, at, len);
        at += len;
        if (!*at) {
            break;
        }
    }
    return data;
}

static value op_var(struct eval *e, const cJSON *args, value data)
{
    value path = arg(e, args, 0, data), other = arg(e, args, 1, data);
    if (is_null(path) || (cJSON_IsString(path) && !*path->valuestring)) {
        return data;
    }
    value found = lookup(data, text_of(e, path));
    return is_null(found) ? other : found;
}

static void add_missing(struct eval *e, cJSON *out, value key, value data)
{
    value found = lookup(data, text_of(e, key));
    if (is_null(found) || (cJSON_IsString(found) && !*found->valuestring)) {
        append(e, out, key);
    }
}

static value op_missing(struct eval *e, const cJSON *args, value data)
{
    cJSON *out = make(e, cJSON_Array);
    value first = arg(e, args, 0, data);
    if (first && cJSON_IsArray(first)) {
        for (const cJSON *k = first->child; k; k = k->next) {
            add_missing(e, out, k, data);
        }
        return out;
    }
    for (unsigned i = 0; i < count_of(args); i++) {
        add_missing(e, out, arg(e, args, i, data), data);
    }
    return out;
}

static value op_missing_some(struct eval *e, const cJSON *args, value data)
{
    value need = arg(e, args, 0, data), keys = arg(e, args, 1, data);
    cJSON *out = make(e, cJSON_Array);
    unsigned n = 0, missing = 0;
    for (const cJSON *k = keys && cJSON_IsArray(keys) ? keys->child : NULL; k; k = k->next) {
        n++;
        add_missing(e, out, k, data);
    }
    for (const cJSON *k = out->child; k; k = k->next) {
        missing++;
    }
    return (double)(n - missing) >= to_number(e, need) ? make(e, cJSON_Array) : out;
}

static value op_if(struct eval *e, const cJSON *args, value data)
{
    unsigned n = count_of(args), i = 0;
    for (; i + 1 < n; i += 2) {
        if (truth(arg(e, args, i, data))) {
            return arg(e, args, i + 1, data);
        }
    }
    return i < n ? arg(e, args, i, data) : NULL;
}

static value and_or(struct eval *e, const cJSON *args, value data, bool until)
{
    value v = NULL;
    unsigned n = count_of(args);
    for (unsigned i = 0; i < n; i++) {
        v = arg(e, args, i, data);
        if (truth(v) == until) {
            break;
        }
    }
    return v;
}

static value op_and(struct eval *e, const cJSON *args, value data)
{
    return and_or(e, args, data, false);
}

static value op_or(struct eval *e, const cJSON *args, value data)
{
    return and_or(e, args, data, true);
}

#define COMPARE(name, expression)                                                                  \
    static value op_##name(struct eval *e, const cJSON *args, value data)                          \
    {                                                                                              \
        value a = arg(e, args, 0, data), b = arg(e, args, 1, data);                                \
        return make_bool(e, expression);                                                           \
    }
COMPARE(equal, alike(e, a, b))
COMPARE(unequal, !alike(e, a, b))
COMPARE(same, same(a, b))
COMPARE(other, !same(a, b))
COMPARE(more, less(e, b, a, false))
COMPARE(at_least, less(e, b, a, true))

static value between(struct eval *e, const cJSON *args, value data, bool or_equal)
{
    value a = arg(e, args, 0, data), b = arg(e, args, 1, data);
    bool is = less(e, a, b, or_equal);
    if (count_of(args) > 2 && is) {
        is = less(e, b, arg(e, args, 2, data), or_equal);
    }
    return make_bool(e, is);
}

static value op_less(struct eval *e, const cJSON *args, value data)
{
    return between(e, args, data, false);
}

static value op_at_most(struct eval *e, const cJSON *args, value data)
{
    return between(e, args, data, true);
}

static value op_not(struct eval *e, const cJSON *args, value data)
{
    return make_bool(e, !truth(arg(e, args, 0, data)));
}

static value op_truth(struct eval *e, const cJSON *args, value data)
{
    return make_bool(e, truth(arg(e, args, 0, data)));
}

static value extreme(struct eval *e, const cJSON *args, value data, int sign)
{
    double best = sign > 0 ? -INFINITY : INFINITY;
    for (unsigned i = 0; i < count_of(args); i++) {
        value v = arg(e, args, i, data);
        double n = v ? to_number(e, v) : NAN;
        best = isnan(n) || isnan(best) ? NAN : (n - best) * sign > 0 ? n : best;
    }
    return make_number(e, best);
}

static value op_max(struct eval *e, const cJSON *args, value data)
{
    return extreme(e, args, data, 1);
}

static value op_min(struct eval *e, const cJSON *args, value data)
{
    return extreme(e, args, data, -1);
}

static value op_plus(struct eval *e, const cJSON *args, value data)
{
    double sum = 0;
    for (unsigned i = 0; i < count_of(args); i++) {
        sum += parse_float(e, arg(e, args, i, data));
    }
    return make_number(e, sum);
}

static value op_times(struct eval *e, const cJSON *args, value data)
{
    double product = 1;
    for (unsigned i = 0; i < count_of(args); i++) {
        product *= parse_float(e, arg(e, args, i, data));
    }
    return make_number(e, product);
}

static double numeric(struct eval *e, value v)
{
    return v ? to_number(e, v) : NAN;
}

static value op_minus(struct eval *e, const cJSON *args, value data)
{
    double a = numeric(e, arg(e, args, 0, data));
    return make_number(e, count_of(args) > 1 ? a - numeric(e, arg(e, args, 1, data)) : -a);
}

static value op_divide(struct eval *e, const cJSON *args, value data)
{
    return make_number(e, numeric(e, arg(e, args, 0, data)) / numeric(e, arg(e, args, 1, data)));
}

static value op_rest(struct eval *e, const cJSON *args, value data)
{
    return make_number(e,
                       fmod(numeric(e, arg(e, args, 0, data)), numeric(e, arg(e, args, 1, data))));
}

static const cJSON *items(struct eval *e, const cJSON *args, value data)
{
    value list = arg(e, args, 0, data);
    return list && cJSON_IsArray(list) ? list->child : NULL;
}

static value op_map(struct eval *e, const cJSON *args, value data)
{
    cJSON *out = make(e, cJSON_Array);
    for (const cJSON *i = items(e, args, data); i && !e->fault; i = i->next) {
        append(e, out, arg(e, args, 1, i));
    }
    return out;
}

static value op_filter(struct eval *e, const cJSON *args, value data)
{
    cJSON *out = make(e, cJSON_Array);
    for (const cJSON *i = items(e, args, data); i && !e->fault; i = i->next) {
        if (truth(arg(e, args, 1, i))) {
            append(e, out, i);
        }
    }
    return out;
}

static value op_reduce(struct eval *e, const cJSON *args, value data)
{
    value sum = arg(e, args, 2, data);
    for (const cJSON *i = items(e, args, data); i && !e->fault; i = i->next) {
        cJSON *both = make(e, cJSON_Object);
        append(e, both, i);
        append(e, both, sum);
        both->child->string = (char *)(uintptr_t) "current";
        both->child->next->string = (char *)(uintptr_t) "accumulator";
        sum = arg(e, args, 1, both);
    }
    return sum;
}

static value quantify(struct eval *e, const cJSON *args, value data, bool until, bool found,
                      bool none_given)
{
    const cJSON *i = items(e, args, data);
    if (!i) {
        return make_bool(e, none_given);
    }
    for (; i && !e->fault; i = i->next) {
        if (truth(arg(e, args, 1, i)) == until) {
            return make_bool(e, found);
        }
    }
    return make_bool(e, !found);
}

static value op_all(struct eval *e, const cJSON *args, value data)
{
    return quantify(e, args, data, false, false, false);
}

static value op_some(struct eval *e, const cJSON *args, value data)
{
    return quantify(e, args, data, true, true, false);
}

static value op_none(struct eval *e, const cJSON *args, value data)
{
    return quantify(e, args, data, true, false, true);
}

static value op_merge(struct eval *e, const cJSON *args, value data)
{
    cJSON *out = make(e, cJSON_Array);
    for (unsigned i = 0; i < count_of(args); i++) {
        value v = arg(e, args, i, data);
        if (v && cJSON_IsArray(v)) {
            for (const cJSON *k = v->child; k; k = k->next) {
                append(e, out, k);
            }
        } else {
            append(e, out, v);
        }
    }
    return out;
}

static value op_in(struct eval *e, const cJSON *args, value data)
{
    value what = arg(e, args, 0, data), where = arg(e, args, 1, data);
    if (where && cJSON_IsString(where)) {
        return make_bool(e, strstr(where->valuestring, text_of(e, what)) != NULL);
    }
    for (const cJSON *i = where && cJSON_IsArray(where) ? where->child : NULL; i; i = i->next) {
        if (same(what, i)) {
            return make_bool(e, true);
        }
    }
    return make_bool(e, false);
}

static value op_cat(struct eval *e, const cJSON *args, value data)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    for (unsigned i = 0; i < count_of(args) && b.len <= BYTES_MAX; i++) {
        value v = arg(e, args, i, data);
        edge_buf_puts(&b, is_null(v) ? "" : text_of(e, v));
    }
    return make_text(e, b.data ? b.data : "", b.len);
}

/* Offsets count bytes; a cut never falls into a character. */
static size_t clip(const char *text, double at, size_t n)
{
    double from = at < 0 ? (double)n + at : at;
    size_t i = from <= 0 || isnan(from) ? 0 : from >= (double)n ? n : (size_t)from;
    while (i > 0 && i < n && ((unsigned char)text[i] & 0xc0) == 0x80) {
        i--;
    }
    return i;
}

static value op_substr(struct eval *e, const cJSON *args, value data)
{
    const char *text = text_of(e, arg(e, args, 0, data));
    size_t n = strlen(text);
    size_t from = clip(text, to_number(e, arg(e, args, 1, data)), n), to = n;
    value length = arg(e, args, 2, data);
    if (length && !is_null(length)) {
        double len = to_number(e, length);
        to = len < 0 ? clip(text, len, n) : clip(text, (double)from + len, n);
    }
    return make_text(e, text + from, to > from ? to - from : 0);
}

static value op_log(struct eval *e, const cJSON *args, value data)
{
    return arg(e, args, 0, data);
}

static const struct operation {
    const char *name;
    value (*run)(struct eval *e, const cJSON *args, value data);
} operations[] = {
    {"var",          op_var         },
    {"missing",      op_missing     },
    {"missing_some", op_missing_some},
    {"if",           op_if          },
    {"?:",           op_if          },
    {"and",          op_and         },
    {"or",           op_or          },
    {"==",           op_equal       },
    {"!=",           op_unequal     },
    {"===",          op_same        },
    {"!==",          op_other       },
    {"!",            op_not         },
    {"!!",           op_truth       },
    {">",            op_more        },
    {">=",           op_at_least    },
    {"<",            op_less        },
    {"<=",           op_at_most     },
    {"max",          op_max         },
    {"min",          op_min         },
    {"+",            op_plus        },
    {"-",            op_minus       },
    {"*",            op_times       },
    {"/",            op_divide      },
    {"%",            op_rest        },
    {"map",          op_map         },
    {"filter",       op_filter      },
    {"reduce",       op_reduce      },
    {"all",          op_all         },
    {"some",         op_some        },
    {"none",         op_none        },
    {"merge",        op_merge       },
    {"in",           op_in          },
    {"cat",          op_cat         },
    {"substr",       op_substr      },
    {"log",          op_log         },
};

static const struct operation *find(const char *name)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(operations[i].name, name) == 0) {
            return &operations[i];
        }
    }
    return NULL;
}

/* ---- evaluating ------------------------------------------------------------------------------- */

static bool is_rule(const cJSON *v)
{
    return cJSON_IsObject(v) && v->child && !v->child->next;
}

static value evaluate(struct eval *e, const cJSON *rule, value data)
{
    if (e->fault || ++e->steps > STEPS || e->depth > DEPTH) {
        return fail(e, e->depth > DEPTH ? "is too deep" : "takes too many steps");
    }
    e->depth++;
    value result = rule;
    if (cJSON_IsArray(rule)) {
        cJSON *out = make(e, cJSON_Array);
        for (const cJSON *i = rule->child; i; i = i->next) {
            append(e, out, evaluate(e, i, data));
        }
        result = out;
    } else if (is_rule(rule)) {
        const struct operation *op = find(rule->child->string);
        result = op ? op->run(e, rule->child, data) : fail(e, "has an operation nobody knows");
    }
    e->depth--;
    return e->fault ? NULL : result;
}

/* Names of operations, wherever something could be run. */
static enum edge_status check(struct edge_ctx *ctx, const cJSON *rule)
{
    if (is_rule(rule) && !find(rule->child->string)) {
        struct edge_nearest near = {.wanted = rule->child->string};
        for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
            edge_nearest_offer(&near, operations[i].name);
        }
        return edge_fail(ctx, EDGE_INVALID, "Rule: there is no operation '%s'%s%s",
                         rule->child->string, near.name ? ", the nearest is " : "",
                         near.name ? near.name : "");
    }
    for (const cJSON *i = cJSON_IsArray(rule) || is_rule(rule) ? rule->child : NULL; i;
         i = i->next) {
        EDGE_TRY(check(ctx, i));
    }
    return EDGE_OK;
}

enum edge_status export_logic_apply(struct edge_ctx *ctx, const cJSON *rule, const cJSON *data,
                                    const cJSON **ret)
{
    struct eval e = {.ctx = ctx, .data = data};
    *ret = evaluate(&e, rule, data);
    return e.fault ? edge_fail(ctx, EDGE_INVALID, "the rule %s", e.fault) : EDGE_OK;
}

static enum export_verdict run(const void *stage, struct export_flow *flow)
{
    const struct logic *l = stage;
    struct edge_ctx *ctx = flow->ctx;
    struct edge_bytes bytes;
    const char *type;
    const cJSON *data = NULL, *result = NULL;
    if (export_data_bytes(ctx, &flow->data, &bytes, &type) != EDGE_OK ||
        edge_json_parse(ctx, bytes.data, bytes.size, NULL, &data) != EDGE_OK ||
        export_logic_apply(ctx, l->rule, data, &result) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    if (!result || !cJSON_IsBool(result)) {
        (void)!edge_fail(ctx, EDGE_INVALID, "the rule gives no truth value");
        return EXPORT_FAIL;
    }
    return cJSON_IsTrue(result) ? EXPORT_GO_ON : EXPORT_STOP;
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)host;
    const char *text = export_params_text(params, "Rule");
    const cJSON *rule = NULL;
    struct logic *l = edge_new(a, struct logic);
    *ret = l;
    EDGE_TRY(edge_wrap(ctx, edge_json_parse(ctx, text, strlen(text), NULL, &rule), "Rule"));
    l->rule = edge_json_clone(a, rule);
    return check(ctx, rule);
}

static const struct export_param params[] = {
    {"Rule",         "Of jsonlogic.com; it must give true or false.", EXPORT_P_TEXT},
    {0},
};

const struct export_function export_json_logic = {
    .name = "JSONLogic",
    .doc = "Goes on where a rule is true of it.",
    .params = params,
    .compile = compile,
    .run = run,
};
