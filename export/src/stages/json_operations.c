/* The operations of jsonlogic.com. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "json_value.h"

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

static logic_value arg(struct logic_eval *e, const cJSON *args, unsigned i, logic_value data)
{
    const cJSON *a = argument(args, i);
    return a ? logic_evaluate(e, a, data) : NULL;
}

/* What is not there is null in some places. */
static logic_value or_null(struct logic_eval *e, logic_value v)
{
    return v ? v : logic_make(e, cJSON_NULL);
}

/* ---- operations ------------------------------------------------------------------------------- */

/* "0", "17", but not "00", "+1" or "": the index of a list or a text; else UINT32_MAX. */
static unsigned index_of(const char *name, size_t len)
{
    enum { DIGITS = 9 };
    unsigned i = 0;
    if (len == 0 || len > DIGITS || (name[0] == '0' && len > 1) ||
        strspn(name, "0123456789") < len) {
        return UINT32_MAX;
    }
    for (size_t k = 0; k < len; k++) {
        i = 10 * i + (unsigned)(name[k] - '0');
    }
    return i;
}

static logic_value member(struct logic_eval *e, logic_value v, const char *name, size_t len)
{
    bool is_text = v && cJSON_IsString(v), is_list = v && cJSON_IsArray(v);
    if ((is_text || is_list) && len == 6 && memcmp(name, "length", 6) == 0) {
        return logic_make_number(e, is_list ? (v->child ? count_of(v) : 0)
                                            : (double)logic_text_length(v->valuestring));
    }
    if (is_list) {
        return argument(v, index_of(name, len));
    }
    if (is_text) {
        const char *at = logic_text_at(v->valuestring, index_of(name, len));
        size_t size = (size_t)(logic_text_at(at, 1) - at);
        return size > 0 ? logic_make_text(e, at, size) : NULL;
    }
    for (const cJSON *m = v && cJSON_IsObject(v) ? v->child : NULL; m; m = m->next) {
        if (m->string && strlen(m->string) == len && memcmp(m->string, name, len) == 0) {
            return m;
        }
    }
    return NULL;
}

/* Of data by a path, as var has it; NULL: it is not there. */
static logic_value lookup(struct logic_eval *e, logic_value data, logic_value path)
{
    if (logic_is_null(path) || (cJSON_IsString(path) && !*path->valuestring)) {
        return data;
    }
    for (const char *at = logic_text_of(e, path); data; at++) {
        size_t len = strcspn(at, ".");
        data = member(e, data, at, len);
        at += len;
        if (!*at) {
            break;
        }
    }
    return data;
}

static logic_value op_var(struct logic_eval *e, const cJSON *args, logic_value data)
{
    logic_value path = arg(e, args, 0, data), other = arg(e, args, 1, data);
    logic_value found = lookup(e, data, path);
    return found ? found : or_null(e, other);
}

static void add_missing(struct logic_eval *e, cJSON *out, logic_value key, logic_value data)
{
    logic_value found = lookup(e, data, key);
    if (logic_is_null(found) || (cJSON_IsString(found) && !*found->valuestring)) {
        logic_append(e, out, key);
    }
}

static logic_value op_missing(struct logic_eval *e, const cJSON *args, logic_value data)
{
    cJSON *out = logic_make(e, cJSON_Array);
    logic_value first = arg(e, args, 0, data);
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

static logic_value op_missing_some(struct logic_eval *e, const cJSON *args, logic_value data)
{
    logic_value need = arg(e, args, 0, data), keys = arg(e, args, 1, data);
    cJSON *out = logic_make(e, cJSON_Array);
    unsigned n = 0, missing = 0;
    for (const cJSON *k = keys && cJSON_IsArray(keys) ? keys->child : NULL; k; k = k->next) {
        n++;
        add_missing(e, out, k, data);
    }
    for (const cJSON *k = out->child; k; k = k->next) {
        missing++;
    }
    return (double)(n - missing) >= logic_to_number(e, need) ? logic_make(e, cJSON_Array) : out;
}

static logic_value op_if(struct logic_eval *e, const cJSON *args, logic_value data)
{
    unsigned n = count_of(args), i = 0;
    for (; i + 1 < n; i += 2) {
        if (logic_truth(arg(e, args, i, data))) {
            return arg(e, args, i + 1, data);
        }
    }
    return i < n ? arg(e, args, i, data) : or_null(e, NULL);
}

static logic_value and_or(struct logic_eval *e, const cJSON *args, logic_value data, bool until)
{
    logic_value v = NULL;
    unsigned n = count_of(args);
    for (unsigned i = 0; i < n; i++) {
        v = arg(e, args, i, data);
        if (logic_truth(v) == until) {
            break;
        }
    }
    return v;
}

static logic_value op_and(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return and_or(e, args, data, false);
}

static logic_value op_or(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return and_or(e, args, data, true);
}

#define COMPARE(name, expression)                                                                  \
    static logic_value op_##name(struct logic_eval *e, const cJSON *args, logic_value data)        \
    {                                                                                              \
        logic_value a = arg(e, args, 0, data), b = arg(e, args, 1, data);                          \
        return logic_make_bool(e, expression);                                                     \
    }
COMPARE(equal, logic_alike(e, a, b))
COMPARE(unequal, !logic_alike(e, a, b))
COMPARE(same, logic_same(a, b))
COMPARE(other, !logic_same(a, b))
COMPARE(more, logic_less(e, b, a, false))
COMPARE(at_least, logic_less(e, b, a, true))

static logic_value between(struct logic_eval *e, const cJSON *args, logic_value data, bool or_equal)
{
    logic_value a = arg(e, args, 0, data), b = arg(e, args, 1, data);
    logic_value c = arg(e, args, 2, data);
    return logic_make_bool(e,
                           logic_less(e, a, b, or_equal) && (!c || logic_less(e, b, c, or_equal)));
}

static logic_value op_less(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return between(e, args, data, false);
}

static logic_value op_at_most(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return between(e, args, data, true);
}

static logic_value op_not(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return logic_make_bool(e, !logic_truth(arg(e, args, 0, data)));
}

static logic_value op_truth(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return logic_make_bool(e, logic_truth(arg(e, args, 0, data)));
}

static logic_value extreme(struct logic_eval *e, const cJSON *args, logic_value data, int sign)
{
    double best = sign > 0 ? -INFINITY : INFINITY;
    for (unsigned i = 0; i < count_of(args); i++) {
        logic_value v = arg(e, args, i, data);
        double n = v ? logic_to_number(e, v) : NAN;
        best = isnan(n) || isnan(best) ? NAN : (n - best) * sign > 0 ? n : best;
    }
    return logic_make_number(e, best);
}

static logic_value op_max(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return extreme(e, args, data, 1);
}

static logic_value op_min(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return extreme(e, args, data, -1);
}

static logic_value op_plus(struct logic_eval *e, const cJSON *args, logic_value data)
{
    double sum = 0;
    for (unsigned i = 0; i < count_of(args); i++) {
        sum += logic_parse_float(e, arg(e, args, i, data));
    }
    return logic_make_number(e, sum);
}

/* One alone stays what it is. */
static logic_value op_times(struct logic_eval *e, const cJSON *args, logic_value data)
{
    logic_value first = arg(e, args, 0, data);
    unsigned n = count_of(args);
    double product = n > 1 ? logic_parse_float(e, first) : 0;
    for (unsigned i = 1; i < n; i++) {
        product *= logic_parse_float(e, arg(e, args, i, data));
    }
    return n > 1 ? logic_make_number(e, product) : first;
}

static double numeric(struct logic_eval *e, logic_value v)
{
    return v ? logic_to_number(e, v) : NAN;
}

static logic_value op_minus(struct logic_eval *e, const cJSON *args, logic_value data)
{
    double a = numeric(e, arg(e, args, 0, data));
    logic_value b = arg(e, args, 1, data);
    return logic_make_number(e, b ? a - logic_to_number(e, b) : -a);
}

static logic_value op_divide(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return logic_make_number(e,
                             numeric(e, arg(e, args, 0, data)) / numeric(e, arg(e, args, 1, data)));
}

static logic_value op_rest(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return logic_make_number(
        e, fmod(numeric(e, arg(e, args, 0, data)), numeric(e, arg(e, args, 1, data))));
}

static const cJSON *items(struct logic_eval *e, const cJSON *args, logic_value data)
{
    logic_value list = arg(e, args, 0, data);
    return list && cJSON_IsArray(list) ? list->child : NULL;
}

static logic_value op_map(struct logic_eval *e, const cJSON *args, logic_value data)
{
    cJSON *out = logic_make(e, cJSON_Array);
    for (const cJSON *i = items(e, args, data); i && !e->fault; i = i->next) {
        logic_append(e, out, arg(e, args, 1, i));
    }
    return out;
}

static logic_value op_filter(struct logic_eval *e, const cJSON *args, logic_value data)
{
    cJSON *out = logic_make(e, cJSON_Array);
    for (const cJSON *i = items(e, args, data); i && !e->fault; i = i->next) {
        if (logic_truth(arg(e, args, 1, i))) {
            logic_append(e, out, i);
        }
    }
    return out;
}

static logic_value op_reduce(struct logic_eval *e, const cJSON *args, logic_value data)
{
    logic_value sum = argument(args, 2) ? arg(e, args, 2, data) : or_null(e, NULL);
    for (const cJSON *i = items(e, args, data); i && !e->fault; i = i->next) {
        cJSON *both = logic_make(e, cJSON_Object);
        logic_append(e, both, i);
        logic_append(e, both, sum);
        if (e->fault) {
            break;
        }
        both->child->string = (char *)(uintptr_t) "current";
        both->child->next->string = (char *)(uintptr_t) "accumulator";
        sum = arg(e, args, 1, both);
    }
    return sum;
}

static logic_value quantify(struct logic_eval *e, const cJSON *args, logic_value data, bool until,
                            bool found, bool none_given)
{
    const cJSON *i = items(e, args, data);
    if (!i) {
        return logic_make_bool(e, none_given);
    }
    for (; i && !e->fault; i = i->next) {
        if (logic_truth(arg(e, args, 1, i)) == until) {
            return logic_make_bool(e, found);
        }
    }
    return logic_make_bool(e, !found);
}

static logic_value op_all(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return quantify(e, args, data, false, false, false);
}

static logic_value op_some(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return quantify(e, args, data, true, true, false);
}

static logic_value op_none(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return quantify(e, args, data, true, false, true);
}

static logic_value op_merge(struct logic_eval *e, const cJSON *args, logic_value data)
{
    cJSON *out = logic_make(e, cJSON_Array);
    for (unsigned i = 0; i < count_of(args); i++) {
        logic_value v = arg(e, args, i, data);
        if (v && cJSON_IsArray(v)) {
            for (const cJSON *k = v->child; k; k = k->next) {
                logic_append(e, out, k);
            }
        } else {
            logic_append(e, out, v);
        }
    }
    return out;
}

static logic_value op_in(struct logic_eval *e, const cJSON *args, logic_value data)
{
    logic_value what = arg(e, args, 0, data), where = arg(e, args, 1, data);
    if (where && cJSON_IsString(where) && *where->valuestring) {
        return logic_make_bool(e, strstr(where->valuestring, logic_text_of(e, what)) != NULL);
    }
    for (const cJSON *i = where && cJSON_IsArray(where) ? where->child : NULL; i; i = i->next) {
        if (logic_same(what, i)) {
            return logic_make_bool(e, true);
        }
    }
    return logic_make_bool(e, false);
}

static logic_value op_cat(struct logic_eval *e, const cJSON *args, logic_value data)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    for (unsigned i = 0; i < count_of(args) && b.len <= LOGIC_BYTES_MAX; i++) {
        logic_value v = arg(e, args, i, data);
        edge_buf_puts(&b, logic_is_null(v) ? "" : logic_text_of(e, v));
    }
    return logic_make_text(e, b.data ? b.data : "", b.len);
}

/* What substr of JavaScript takes for an offset: whole, and not before the beginning. */
static size_t offset(double at, size_t n)
{
    double from = isnan(at) ? 0 : trunc(at);
    from = from < 0 ? (double)n + from : from;
    return from <= 0 ? 0 : from >= (double)n ? n : (size_t)from;
}

static logic_value op_substr(struct logic_eval *e, const cJSON *args, logic_value data)
{
    const char *text = logic_text_of(e, arg(e, args, 0, data));
    size_t n = logic_text_length(text);
    size_t from = offset(numeric(e, arg(e, args, 1, data)), n), rest = n - from;
    logic_value length = arg(e, args, 2, data);
    if (length) {
        double len = logic_to_number(e, length);
        len = len < 0 ? (edge_json_is_number(length) ? (double)rest + len : 0) : len;
        rest = isnan(len) || len < 0 ? 0 : len < (double)rest ? (size_t)len : rest;
    }
    const char *begin = logic_text_at(text, from);
    return logic_make_text(e, begin, (size_t)(logic_text_at(begin, rest) - begin));
}

static logic_value op_log(struct logic_eval *e, const cJSON *args, logic_value data)
{
    return arg(e, args, 0, data);
}

const struct logic_operation LOGIC_OPERATIONS[] = {
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

const size_t LOGIC_N_OPERATIONS = sizeof(LOGIC_OPERATIONS) / sizeof(LOGIC_OPERATIONS[0]);
