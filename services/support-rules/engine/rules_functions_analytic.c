/* Functions over what was before: each gets the state it left, and leaves another one. */
#include <string.h>

#include "rules_code.h"
#include "rules_tables.h"

#define ANALYTIC(fn)                                                                               \
    static bool fn(struct rules_call *c, struct rules_value *state,                                \
                   const struct rules_value *args, size_t n, struct rules_value *ret)

enum { LAG_MAX = 1000 };

/* State: the last values, the oldest first. lag(value[, offset[, default[, ignore null]]]) */
ANALYTIC(an_lag)
{
    int64_t offset = 1;
    bool ignore = false;
    if ((n > 1 && !rules_arg_int(c, args, 1, &offset)) ||
        (n > 3 && !rules_arg_bool(c, args, 3, &ignore))) {
        return false;
    }
    if (offset < 1 || offset > LAG_MAX) {
        return rules_error(c, "an offset is from 1 to %d", LAG_MAX);
    }
    struct rules_value was = state->kind == RULES_ARRAY ? *state : rules_array(NULL, 0);
    *ret = was.n >= offset ? was.items[was.n - (uint64_t)offset] : n > 2 ? args[2] : rules_null();
    if (ignore && rules_is_nothing(&args[0])) {
        return true;
    }
    uint32_t keep = was.n < offset ? was.n : (uint32_t)offset - 1;
    struct rules_value *items = rules_new_items(c, keep + 1U);
    if (!items) {
        return false;
    }
    if (keep) {
        memcpy(items, was.items + (was.n - keep), keep * sizeof(*items));
    }
    items[keep] = args[0];
    *state = rules_array(items, keep + 1U);
    return true;
}

ANALYTIC(an_latest)
{
    (void)c;
    if (!rules_is_nothing(&args[0])) {
        *state = args[0];
    }
    *ret = rules_is_nothing(state) ? (n > 1 ? args[1] : rules_null()) : *state;
    return true;
}

/* Whether @p v is another value than @p was; null may not count. */
static bool differs(const struct rules_value *was, const struct rules_value *v, bool ignore)
{
    if (ignore && rules_is_nothing(v)) {
        return false;
    }
    return was->kind == RULES_MISSING || !rules_equal(was, v);
}

/* What is remembered of a value: null is one, missing is "nothing yet". */
static struct rules_value remembered(const struct rules_value *v)
{
    return rules_is_nothing(v) ? rules_null() : *v;
}

ANALYTIC(an_changed_col)
{
    bool ignore;
    (void)n;
    if (!rules_arg_bool(c, args, 0, &ignore)) {
        return false;
    }
    if (differs(state, &args[1], ignore)) {
        *ret = args[1];
        *state = remembered(&args[1]);
    }
    return true;
}

/* State: an array with the last of each argument. */
ANALYTIC(an_had_changed)
{
    bool ignore, changed = false;
    if (!rules_arg_bool(c, args, 0, &ignore)) {
        return false;
    }
    struct rules_value *items = rules_new_items(c, n - 1);
    if (!items) {
        return false;
    }
    bool has = state->kind == RULES_ARRAY && state->n == n - 1;
    for (size_t i = 0; i + 1 < n; i++) {
        struct rules_value was = has ? state->items[i] : (struct rules_value){0};
        bool differ = differs(&was, &args[i + 1], ignore);
        changed |= differ;
        items[i] = differ ? remembered(&args[i + 1]) : was;
    }
    *state = rules_array(items, n - 1);
    *ret = rules_bool(changed);
    return true;
}

/* ---- changed_cols ------------------------------------------------------------------------- */

struct changes {
    struct rules_call *c;
    const char *prefix;
    bool ignore;
    struct rules_member *now, *out; /* what is remembered from now on; what has changed */
    size_t n_now, n_out, max;
    const struct rules_value *was;
};

static bool change(struct changes *x, const char *name, const struct rules_value *v)
{
    const struct rules_value missing = {0};
    const struct rules_value *was = rules_member_find(x->was, name);
    if (x->n_now == x->max) {
        return rules_error(x->c, "more than %zu columns", x->max);
    }
    bool differ = differs(was ? was : &missing, v, x->ignore);
    x->now[x->n_now++] = (struct rules_member){name, differ ? remembered(v) : was ? *was : missing};
    if (differ) {
        size_t len = strlen(x->prefix) + strlen(name);
        char *named = rules_new_text(x->c, len);
        if (!named) {
            return false;
        }
        stpcpy(stpcpy(named, x->prefix), name);
        x->out[x->n_out++] = (struct rules_member){named, *v};
    }
    return true;
}

/* changed_cols(prefix, ignore null, value or *, ...): columns, not a value. */
ANALYTIC(an_changed_cols)
{
    struct changes x = {.c = c, .was = state, .max = 0};
    if (!rules_arg_text(c, args, 0, &x.prefix) || !rules_arg_bool(c, args, 1, &x.ignore)) {
        return false;
    }
    for (size_t i = 2; i < n; i++) {
        x.max += args[i].kind == RULES_OBJECT ? args[i].n + 1 : 1;
    }
    x.max = x.max < 2000 ? x.max : 2000;
    x.now = rules_new_members(c, x.max);
    x.out = rules_new_members(c, x.max);
    bool ok = x.now && x.out;
    for (size_t i = 2; ok && i < n; i++) {
        if (strcmp(c->names[i], "*") != 0) {
            ok = change(&x, c->names[i], &args[i]);
            continue;
        }
        for (uint32_t k = 0; ok && k < args[i].n; k++) {
            ok = change(&x, args[i].members[k].name, &args[i].members[k].value);
        }
    }
    *state = rules_object(x.now, x.n_now);
    *ret = rules_object(x.out, x.n_out);
    return ok;
}

/* ---- what adds up ------------------------------------------------------------------------- */

ANALYTIC(an_acc_count)
{
    (void)c, (void)n;
    int64_t count = state->kind == RULES_INT && state->i < INT64_MAX ? state->i : 0;
    *state = rules_int(count + !rules_is_nothing(&args[0]));
    *ret = *state;
    return true;
}

ANALYTIC(an_acc_sum)
{
    (void)n;
    struct rules_value was = rules_is_number(state) ? *state : rules_int(0);
    *state = was;
    *ret = was;
    if (rules_is_nothing(&args[0])) {
        return true;
    }
    if (!rules_arith(c, RULES_OP_ADD, &was, &args[0], state)) {
        *state = was;
        return false;
    }
    *ret = *state;
    return true;
}

static bool acc_extreme(struct rules_call *c, struct rules_value *state,
                        const struct rules_value *args, int sign, struct rules_value *ret)
{
    if (!rules_is_nothing(&args[0])) {
        if (!rules_is_number(&args[0])) {
            return rules_error(c, "a %s is no number", rules_kind_name(args[0].kind));
        }
        if (!rules_is_number(state) || rules_compare(&args[0], state) * sign > 0) {
            *state = args[0];
        }
    }
    *ret = rules_is_number(state) ? *state : rules_null();
    return true;
}

ANALYTIC(an_acc_max)
{
    (void)n;
    return acc_extreme(c, state, args, 1, ret);
}

ANALYTIC(an_acc_min)
{
    (void)n;
    return acc_extreme(c, state, args, -1, ret);
}

/* State: sum and number. A running average is a float. */
ANALYTIC(an_acc_avg)
{
    (void)n;
    bool has = state->kind == RULES_ARRAY && state->n == 2;
    struct rules_value sum = has ? state->items[0] : rules_int(0);
    struct rules_value count = has ? state->items[1] : rules_int(0);
    struct rules_value *items = rules_new_items(c, 2);
    if (!items) {
        return false;
    }
    items[0] = sum;
    items[1] = count;
    if (!rules_is_nothing(&args[0])) {
        struct rules_value one = rules_int(1);
        if (!rules_arith(c, RULES_OP_ADD, &sum, &args[0], &items[0]) ||
            !rules_arith(c, RULES_OP_ADD, &count, &one, &items[1])) {
            return false;
        }
    }
    *state = rules_array(items, 2);
    double number = rules_as_real(&items[1]);
    *ret = number > 0 ? rules_real(rules_as_real(&items[0]) / number) : rules_null();
    return true;
}

/* clang-format off */
#define ROW(name, min, max, flags, fn, args, doc) {name, min, max, flags, NULL, NULL, fn, args, doc}
const struct rules_function RULES_ANALYTICS[] = {
    ROW("lag", 1, 4, 0, an_lag, "value[, offset[, default[, ignore null]]]", "Of the row before, or so many before."),
    ROW("latest", 1, 2, 0, an_latest, "value[, default]", "The last that was not null, this row's among them."),
    ROW("changed_col", 2, 2, RULES_FN_STAR, an_changed_col, "ignore null, value", "The value where it has changed, else null."),
    ROW("changed_cols", 3, -1, RULES_FN_STAR | RULES_FN_COLUMNS, an_changed_cols, "prefix, ignore null, value, ...", "Columns that have changed; in SELECT, alone."),
    ROW("had_changed", 2, -1, RULES_FN_STAR, an_had_changed, "ignore null, value, ...", "Whether one of them has changed."),
    ROW("acc_avg", 1, 1, 0, an_acc_avg, "number", "Average of all rows so far, a float."),
    ROW("acc_count", 1, 1, RULES_FN_STAR, an_acc_count, "value", "Rows so far where it was not null."),
    ROW("acc_max", 1, 1, 0, an_acc_max, "number", "The largest so far."),
    ROW("acc_min", 1, 1, 0, an_acc_min, "number", "The smallest so far."),
    ROW("acc_sum", 1, 1, 0, an_acc_sum, "number", "Sum so far."),
    {0},
};
