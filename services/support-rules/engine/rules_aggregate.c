/* Aggregates: over the values of a group, in the order of its rows; null does not count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"
#include "rules_tables.h"

#define AGGREGATE(fn)                                                                              \
    static bool fn(struct rules_call *c, const struct rules_value *values, size_t n,               \
                   const struct rules_value *args, size_t n_args, struct rules_value *ret)

AGGREGATE(agg_count)
{
    int64_t count = 0;
    (void)c, (void)args, (void)n_args;
    for (size_t i = 0; i < n; i++) {
        count += !rules_is_nothing(&values[i]);
    }
    *ret = rules_int(count);
    return true;
}

bool rules_sum_add(struct rules_call *c, struct rules_sum *s, const struct rules_value *v)
{
    if (rules_is_nothing(v)) {
        return true;
    }
    if (!rules_is_number(v)) {
        return rules_error(c, "a %s is no number to add", rules_kind_name(v->kind));
    }
    if (v->kind == RULES_REAL) {
        double t = s->real + v->f; /* Neumaier: what addition loses is kept aside */
        if (isfinite(t)) {
            s->correction += fabs(s->real) >= fabs(v->f) ? s->real - t + v->f : v->f - t + s->real;
        }
        s->real = t;
        s->reals = true;
    } else {
        s->whole += v->kind == RULES_UINT ? (__int128)v->u : (__int128)v->i;
    }
    s->n++;
    return true;
}

static double sum_as_real(const struct rules_sum *s)
{
    return s->real + s->correction + (double)s->whole;
}

static bool whole_value(struct rules_call *c, __int128 v, struct rules_value *ret)
{
    if (v > (__int128)UINT64_MAX || v < (__int128)INT64_MIN) {
        return rules_error(c, "the sum is out of range: it has more than 64 bits");
    }
    *ret = v < 0 ? rules_int((int64_t)v) : rules_uint((uint64_t)v);
    return true;
}

bool rules_sum_total(struct rules_call *c, const struct rules_sum *s, struct rules_value *ret)
{
    *ret = s->n ? rules_real(sum_as_real(s)) : rules_null();
    return s->n == 0 || s->reals || whole_value(c, s->whole, ret);
}

bool rules_sum_average(struct rules_call *c, const struct rules_sum *s, struct rules_value *ret)
{
    *ret = s->n ? rules_real(sum_as_real(s) / (double)s->n) : rules_null();
    return s->n == 0 || s->reals ||
           whole_value(c, s->whole / s->n, ret); /* of integers it is one */
}

static bool sum_up(struct rules_call *c, const struct rules_value *values, size_t n,
                   struct rules_sum *s)
{
    *s = (struct rules_sum){0};
    for (size_t i = 0; i < n; i++) {
        if (!rules_sum_add(c, s, &values[i])) {
            return false;
        }
    }
    return true;
}

AGGREGATE(agg_sum)
{
    struct rules_sum s;
    (void)args, (void)n_args;
    return sum_up(c, values, n, &s) && rules_sum_total(c, &s, ret);
}

AGGREGATE(agg_avg)
{
    struct rules_sum s;
    (void)args, (void)n_args;
    return sum_up(c, values, n, &s) && rules_sum_average(c, &s, ret);
}

bool rules_is_better(struct rules_call *c, const struct rules_value *v,
                     const struct rules_value *best, int sign, bool *ret)
{
    *ret = false;
    if (rules_is_nothing(v)) {
        return true;
    }
    if (!rules_is_nothing(best) && v->kind != best->kind &&
        !(rules_is_number(v) && rules_is_number(best))) {
        return rules_error(c, "%s and %s cannot be compared", rules_kind_name(best->kind),
                           rules_kind_name(v->kind));
    }
    *ret = rules_is_nothing(best) || rules_compare(v, best) * sign > 0;
    return true;
}

static bool extreme(struct rules_call *c, const struct rules_value *values, size_t n, int sign,
                    struct rules_value *ret)
{
    for (size_t i = 0; i < n; i++) {
        bool better;
        if (!rules_is_better(c, &values[i], ret, sign, &better)) {
            return false;
        }
        if (better) {
            *ret = values[i];
        }
    }
    return true;
}

AGGREGATE(agg_max)
{
    (void)args, (void)n_args;
    return extreme(c, values, n, 1, ret);
}

AGGREGATE(agg_min)
{
    (void)args, (void)n_args;
    return extreme(c, values, n, -1, ret);
}

AGGREGATE(agg_collect)
{
    size_t used = 0;
    (void)args, (void)n_args;
    struct rules_value *items = rules_new_items(c, n);
    for (size_t i = 0; items && i < n; i++) {
        if (values[i].kind != RULES_MISSING) {
            items[used++] = values[i];
        }
    }
    *ret = rules_array(items, used);
    return items != NULL;
}

enum { MERGED_MAX = 2000 };

AGGREGATE(agg_merge)
{
    size_t total = 0, used = 0;
    (void)args, (void)n_args;
    for (size_t i = 0; i < n; i++) {
        total += values[i].kind == RULES_OBJECT ? values[i].n : 0;
    }
    struct rules_member *members = rules_new_members(c, total < MERGED_MAX ? total : MERGED_MAX);
    for (size_t i = 0; members && i < n; i++) {
        for (uint32_t k = 0; values[i].kind == RULES_OBJECT && k < values[i].n; k++) {
            const struct rules_member *m = &values[i].members[k];
            size_t at = 0;
            if (!rules_spend(c, used)) {
                return false;
            }
            while (at < used && strcmp(members[at].name, m->name) != 0) {
                at++;
            }
            if (at == MERGED_MAX) {
                return rules_error(c, "more than %d members", MERGED_MAX);
            }
            members[at] = *m;
            used += at == used;
        }
    }
    *ret = rules_object(members, used);
    return members != NULL;
}

/* The first row of each value; or the last row, where its value was not there before. */
AGGREGATE(agg_deduplicate)
{
    bool all = true;
    size_t used = 0;
    const struct rules_value *rows = c->group_rows;
    if (n_args == 1 && !rules_arg_bool(c, args, 0, &all)) {
        return false;
    }
    struct rules_value *seen = rules_new_items(c, n), *items = rules_new_items(c, n);
    if (!seen || !items || !rows) {
        return false;
    }
    bool fresh = false;
    for (size_t i = 0; i < n; i++) {
        fresh = true;
        if (!rules_spend(c, used)) {
            return false;
        }
        for (size_t k = 0; k < used && fresh; k++) {
            fresh = !rules_equal(&seen[k], &values[i]);
        }
        if (fresh) {
            if (used == 4096) {
                return rules_error(c, "more than 4096 different values");
            }
            seen[used] = values[i];
            items[used++] = rows[i];
        }
    }
    *ret = all ? rules_array(items, used) : fresh ? rows[n - 1] : rules_null();
    return true;
}

/* ---- statistics --------------------------------------------------------------------------- */

bool rules_spread_add(struct rules_call *c, struct rules_spread_sum *s, const struct rules_value *v)
{
    if (rules_is_nothing(v)) {
        return true;
    }
    if (!rules_is_number(v)) {
        return rules_error(c, "a %s is no number", rules_kind_name(v->kind));
    }
    double x = rules_as_real(v), d = x - s->mean;
    s->mean += d / (double)++s->n;
    s->m2 += d * (x - s->mean);
    return true;
}

void rules_spread_result(const struct rules_spread_sum *s, int less, bool root,
                         struct rules_value *ret)
{
    *ret = rules_null();
    if (s->n > less) {
        double variance = s->m2 / (double)(s->n - less);
        *ret = rules_real(root ? sqrt(variance) : variance);
    }
}

static bool statistic(struct rules_call *c, const struct rules_value *values, size_t n, int less,
                      bool root, struct rules_value *ret)
{
    struct rules_spread_sum s = {0};
    for (size_t i = 0; i < n; i++) {
        if (!rules_spread_add(c, &s, &values[i])) {
            return false;
        }
    }
    rules_spread_result(&s, less, root, ret);
    return true;
}

#define STATISTIC(fn, less, root)                                                                  \
    AGGREGATE(fn)                                                                                  \
    {                                                                                              \
        (void)args, (void)n_args;                                                                  \
        return statistic(c, values, n, less, root, ret);                                           \
    }
STATISTIC(agg_stddev, 0, true)
STATISTIC(agg_stddevs, 1, true)
STATISTIC(agg_var, 0, false)
STATISTIC(agg_vars, 1, false)

static int by_number(const void *a, const void *b)
{
    return rules_number_compare(a, b);
}

/* The numbers in order; NULL with a reason. */
static struct rules_value *sorted(struct rules_call *c, const struct rules_value *values, size_t n,
                                  size_t *ret_n)
{
    struct rules_value *items = rules_alloc(c->memory, n + 1, sizeof(*items));
    size_t used = 0;
    if (!items) {
        rules_error(c, "too much memory for one group");
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (rules_is_number(&values[i])) {
            items[used++] = values[i];
        } else if (!rules_is_nothing(&values[i])) {
            rules_error(c, "a %s is no number", rules_kind_name(values[i].kind));
            return NULL;
        }
    }
    qsort(items, used, sizeof(*items), by_number);
    *ret_n = used;
    return items;
}

static void continuous(const struct rules_value *items, size_t n, double p, struct rules_value *ret)
{
    double at = p * (double)(n - 1);
    size_t low = (size_t)at;
    double a = rules_as_real(&items[low]);
    double b = rules_as_real(&items[low + 1 < n ? low + 1 : low]);
    *ret = rules_real(a + (b - a) * (at - (double)low));
}

AGGREGATE(agg_median)
{
    size_t used;
    (void)args, (void)n_args;
    struct rules_value *items = sorted(c, values, n, &used);
    if (items && used % 2) {
        *ret = items[used / 2];
    } else if (items && used) {
        continuous(items, used, 0.5, ret);
    }
    return items != NULL;
}

static bool fraction(struct rules_call *c, const struct rules_value *args, double *ret)
{
    if (!rules_arg_real(c, args, 0, ret)) {
        return false;
    }
    return (*ret >= 0 && *ret <= 1) || rules_error(c, "a percentile is from 0 to 1");
}

AGGREGATE(agg_percentile_cont)
{
    size_t used;
    double p;
    (void)n_args;
    struct rules_value *items = sorted(c, values, n, &used);
    if (!items || !fraction(c, args, &p)) {
        return false;
    }
    if (used) {
        continuous(items, used, p, ret);
    }
    return true;
}

AGGREGATE(agg_percentile_disc)
{
    size_t used;
    double p;
    (void)n_args;
    struct rules_value *items = sorted(c, values, n, &used);
    if (!items || !fraction(c, args, &p)) {
        return false;
    }
    if (used) {
        size_t at = (size_t)ceil(p * (double)used);
        *ret = items[at ? at - 1 : 0];
    }
    return true;
}

static bool end_value(struct rules_call *c, const struct rules_value *values, size_t n,
                      const struct rules_value *args, size_t n_args, bool last,
                      struct rules_value *ret)
{
    bool ignore = true;
    if (n_args == 1 && !rules_arg_bool(c, args, 0, &ignore)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct rules_value *v = &values[last ? n - 1 - i : i];
        if (!ignore || !rules_is_nothing(v)) {
            *ret = *v;
            break;
        }
    }
    return true;
}

AGGREGATE(agg_last_value)
{
    return end_value(c, values, n, args, n_args, true, ret);
}

AGGREGATE(agg_first_value)
{
    return end_value(c, values, n, args, n_args, false, ret);
}

/* clang-format off */
#define ROW(name, min, max, flags, fn, args, doc) {name, min, max, flags, NULL, fn, NULL, args, doc}
#define COUNTS (RULES_FN_STAR | RULES_FN_NULLS) /* * is a row, whatever is in it */
#define ROWS RULES_FN_COLUMNS                    /* wants rows beside values */
const struct rules_function RULES_AGGREGATES[] = {
    ROW("avg", 1, 1, 0, agg_avg, "number", "Average; of integers an integer, cut."),
    ROW("count", 1, 1, COUNTS, agg_count, "* or value", "Rows, or those where the value is not null."),
    ROW("max", 1, 1, 0, agg_max, "value", "The largest."),
    ROW("min", 1, 1, 0, agg_min, "value", "The smallest."),
    ROW("sum", 1, 1, 0, agg_sum, "number", "Of all; exact for integers."),
    ROW("collect", 1, 1, RULES_FN_STAR, agg_collect, "* or value", "All of them, an array; rows as objects."),
    ROW("merge_agg", 1, 1, RULES_FN_STAR, agg_merge, "* or object", "One object of all; of equal names the last."),
    ROW("deduplicate", 1, 2, ROWS, agg_deduplicate, "value[, all]", "Rows with a value that none before them has; all false: the last row, if it is one."),
    ROW("median", 1, 1, 0, agg_median, "number", "The middle one."),
    ROW("stddev", 1, 1, 0, agg_stddev, "number", "Standard deviation of all."),
    ROW("stddevs", 1, 1, 0, agg_stddevs, "number", "Standard deviation of a sample."),
    ROW("var", 1, 1, 0, agg_var, "number", "Variance of all."),
    ROW("vars", 1, 1, 0, agg_vars, "number", "Variance of a sample."),
    ROW("percentile", 2, 2, 0, agg_percentile_cont, "number, fraction", "Percentile, between two values where need be."),
    ROW("percentile_cont", 2, 2, 0, agg_percentile_cont, "number, fraction", "The same."),
    ROW("percentile_disc", 2, 2, 0, agg_percentile_disc, "number, fraction", "Percentile, one of the values."),
    ROW("last_value", 1, 2, 0, agg_last_value, "value[, ignore null]", "Of the last row; of the last that is not null, unless ignore null is false."),
    ROW("first_value", 1, 2, 0, agg_first_value, "value[, ignore null]", "Of the first row, likewise."),
    {0},
};
