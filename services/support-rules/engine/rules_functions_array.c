#include <stdlib.h>
#include <string.h>

#include "rules_code.h"
#include "rules_tables.h"

/* Where a value is for the first time, or the last; -1: nowhere. */
static int64_t position(const struct rules_value *array, const struct rules_value *v, bool last)
{
    int64_t found = -1;
    for (uint32_t i = 0; i < array->n && (last || found < 0); i++) {
        if (rules_equal(&array->items[i], v)) {
            found = i;
        }
    }
    return found;
}

static bool fn_cardinality(struct rules_call *c, const struct rules_value *args, size_t n,
                           struct rules_value *ret)
{
    (void)n;
    *ret = rules_int(args[0].kind == RULES_ARRAY ? args[0].n : 0);
    return rules_is_nothing(&args[0]) || rules_arg_array(c, args, 0);
}

static bool find(struct rules_call *c, const struct rules_value *args, bool last,
                 struct rules_value *ret)
{
    *ret = rules_int(-1);
    if (rules_is_nothing(&args[0])) {
        return true;
    }
    if (!rules_arg_array(c, args, 0)) {
        return false;
    }
    *ret = rules_int(position(&args[0], &args[1], last));
    return true;
}

static bool fn_position(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    (void)n;
    return find(c, args, false, ret);
}

static bool fn_last_position(struct rules_call *c, const struct rules_value *args, size_t n,
                             struct rules_value *ret)
{
    (void)n;
    return find(c, args, true, ret);
}

static bool fn_element_at(struct rules_call *c, const struct rules_value *args, size_t n,
                          struct rules_value *ret)
{
    int64_t i;
    (void)n;
    if (args[0].kind == RULES_OBJECT && args[1].kind == RULES_TEXT) {
        const struct rules_value *m = rules_member_find(&args[0], args[1].text);
        *ret = m ? *m : rules_null();
        return true;
    }
    if (!rules_arg_array(c, args, 0) || !rules_arg_int(c, args, 1, &i)) {
        return false;
    }
    int64_t at = i < 0 ? i + args[0].n : i;
    if (at < 0 || at >= args[0].n) {
        return rules_error(c, "index %lld is out of range: the array has %u", (long long)i,
                           args[0].n);
    }
    *ret = args[0].items[at];
    return true;
}

static bool fn_contains(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    (void)n;
    if (!rules_arg_array(c, args, 0)) {
        return false;
    }
    *ret = rules_bool(position(&args[0], &args[1], false) >= 0);
    return true;
}

static bool fn_create(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    struct rules_value *items = rules_new_items(c, n);
    if (items && n) {
        memcpy(items, args, n * sizeof(*items));
    }
    *ret = rules_array(items, n);
    return items != NULL;
}

static bool fn_array_concat(struct rules_call *c, const struct rules_value *args, size_t n,
                            struct rules_value *ret)
{
    return rules_concat_arrays(c, args, n, ret);
}

/* ---- sets --------------------------------------------------------------------------------- */

enum { SET_MAX = 4096 }; /* members are compared each with each */

enum set_op { SET_REMOVE, SET_DISTINCT, SET_UNION, SET_INTERSECT, SET_EXCEPT };

static bool wanted(enum set_op op, const struct rules_value *v, const struct rules_value *other)
{
    switch (op) {
    case SET_REMOVE:
        return !rules_equal(v, other);
    case SET_INTERSECT:
        return position(other, v, false) >= 0;
    case SET_EXCEPT:
        return position(other, v, false) < 0;
    default:
        return true;
    }
}

static bool set_of(struct rules_call *c, const struct rules_value *args, enum set_op op,
                   struct rules_value *ret)
{
    bool two = op == SET_UNION || op == SET_INTERSECT || op == SET_EXCEPT;
    if (!rules_arg_array(c, args, 0) || (two && !rules_arg_array(c, args, 1))) {
        return false;
    }
    size_t total = args[0].n + (op == SET_UNION ? (size_t)args[1].n : 0), used = 0;
    if (total > SET_MAX || (two && args[1].n > SET_MAX)) {
        return rules_error(c, "an array of more than %d", SET_MAX);
    }
    struct rules_value *items = rules_spend(c, total * (uint64_t)(two ? args[1].n + total : total))
                                    ? rules_new_items(c, total)
                                    : NULL;
    for (size_t i = 0; items && i < total; i++) {
        const struct rules_value *v =
            i < args[0].n ? &args[0].items[i] : &args[1].items[i - args[0].n];
        struct rules_value so_far = rules_array(items, used);
        if (wanted(op, v, two || op == SET_REMOVE ? &args[1] : NULL) &&
            (op == SET_REMOVE || position(&so_far, v, false) < 0)) {
            items[used++] = *v;
        }
    }
    *ret = rules_array(items, used);
    return items != NULL;
}

#define SET(fn, op)                                                                                \
    static bool fn(struct rules_call *c, const struct rules_value *args, size_t n,                 \
                   struct rules_value *ret)                                                        \
    {                                                                                              \
        (void)n;                                                                                   \
        return set_of(c, args, op, ret);                                                           \
    }
SET(fn_remove, SET_REMOVE)
SET(fn_distinct, SET_DISTINCT)
SET(fn_union, SET_UNION)
SET(fn_intersect, SET_INTERSECT)
SET(fn_except, SET_EXCEPT)

static bool fn_contains_any(struct rules_call *c, const struct rules_value *args, size_t n,
                            struct rules_value *ret)
{
    bool any = false;
    (void)n;
    *ret = rules_bool(false);
    if (rules_is_nothing(&args[0])) {
        return true;
    }
    if (!rules_arg_array(c, args, 0) || !rules_arg_array(c, args, 1)) {
        return false;
    }
    if (args[0].n > SET_MAX || args[1].n > SET_MAX) {
        return rules_error(c, "an array of more than %d", SET_MAX);
    }
    if (!rules_spend(c, (uint64_t)args[0].n * args[1].n)) {
        return false;
    }
    for (uint32_t i = 0; i < args[0].n && !any; i++) {
        any = position(&args[1], &args[0].items[i], false) >= 0;
    }
    *ret = rules_bool(any);
    return true;
}

/* ---- over all ----------------------------------------------------------------------------- */

static bool extreme(struct rules_call *c, const struct rules_value *args, int sign,
                    struct rules_value *ret)
{
    if (!rules_arg_array(c, args, 0)) {
        return false;
    }
    for (uint32_t i = 0; i < args[0].n; i++) {
        const struct rules_value *v = &args[0].items[i];
        if (!rules_is_nothing(v) && (ret->kind == RULES_NULL || rules_compare(v, ret) * sign > 0)) {
            *ret = *v;
        }
    }
    return true;
}

static bool fn_max(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    (void)n;
    return extreme(c, args, 1, ret);
}

static bool fn_min(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    (void)n;
    return extreme(c, args, -1, ret);
}

static bool fn_avg(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    double sum = 0;
    uint32_t count = 0;
    (void)n;
    if (!rules_arg_array(c, args, 0)) {
        return false;
    }
    for (uint32_t i = 0; i < args[0].n; i++) {
        if (rules_is_number(&args[0].items[i])) {
            sum += rules_as_real(&args[0].items[i]);
            count++;
        }
    }
    *ret = count ? rules_real(sum / count) : rules_null();
    return true;
}

static bool fn_array_cardinality(struct rules_call *c, const struct rules_value *args, size_t n,
                                 struct rules_value *ret)
{
    int64_t count = 0;
    (void)n;
    if (!rules_is_nothing(&args[0]) && !rules_arg_array(c, args, 0)) {
        return false;
    }
    for (uint32_t i = 0; args[0].kind == RULES_ARRAY && i < args[0].n; i++) {
        count += !rules_is_nothing(&args[0].items[i]);
    }
    *ret = rules_int(count);
    return true;
}

static bool fn_flatten(struct rules_call *c, const struct rules_value *args, size_t n,
                       struct rules_value *ret)
{
    size_t total = 0, used = 0;
    (void)n;
    if (!rules_arg_array(c, args, 0)) {
        return false;
    }
    for (uint32_t i = 0; i < args[0].n; i++) {
        total += args[0].items[i].kind == RULES_ARRAY ? args[0].items[i].n : 1;
    }
    struct rules_value *items = rules_new_items(c, total);
    for (uint32_t i = 0; items && i < args[0].n; i++) {
        const struct rules_value *v = &args[0].items[i];
        for (uint32_t k = 0; v->kind == RULES_ARRAY && k < v->n; k++) {
            items[used++] = v->items[k];
        }
        if (v->kind != RULES_ARRAY) {
            items[used++] = *v;
        }
    }
    *ret = rules_array(items, used);
    return items != NULL;
}

static bool fn_join(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    const char *by, *null = NULL, *text;
    struct edge_buf out = EDGE_BUF_INIT;
    if (!rules_arg_array(c, args, 0) || !rules_arg_text(c, args, 1, &by) ||
        (n == 3 && !rules_arg_text(c, args, 2, &null))) {
        return false;
    }
    bool ok = true, first = true;
    for (uint32_t i = 0; ok && i < args[0].n; i++) {
        const struct rules_value *v = &args[0].items[i];
        if (rules_is_nothing(v) && !null) {
            continue;
        }
        edge_buf_puts(&out, first ? "" : by);
        first = false;
        ok = rules_is_nothing(v) ? (text = null, true) : rules_to_text(c, v, &text);
        edge_buf_puts(&out, ok ? text : "");
        ok = ok && (out.len <= RULES_TEXT_MAX || rules_error(c, "the text is too long"));
    }
    char *copy = ok ? rules_new_text(c, out.len) : NULL;
    if (copy && out.len) {
        memcpy(copy, out.data, out.len);
    }
    edge_buf_done(&out);
    *ret = copy ? rules_text(copy) : rules_null();
    return copy != NULL;
}

static int by_value(const void *a, const void *b)
{
    return rules_compare(a, b);
}

static bool fn_sort(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    (void)n;
    if (!rules_arg_array(c, args, 0)) {
        return false;
    }
    struct rules_value *items = rules_new_items(c, args[0].n);
    if (items && args[0].n) {
        memcpy(items, args[0].items, args[0].n * sizeof(*items));
        qsort(items, args[0].n, sizeof(*items), by_value);
    }
    *ret = rules_array(items, args[0].n);
    return items != NULL;
}

static bool fn_repeat(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    int64_t times;
    (void)n;
    if (!rules_arg_int(c, args, 1, &times)) {
        return false;
    }
    if (times < 0 || times > RULES_ITEMS_MAX) {
        return rules_error(c, "%lld times", (long long)times);
    }
    struct rules_value *items = rules_new_items(c, (size_t)times);
    for (int64_t i = 0; items && i < times; i++) {
        items[i] = args[0];
    }
    *ret = rules_array(items, (size_t)times);
    return items != NULL;
}

static bool fn_sequence(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    int64_t start, stop, by;
    if (!rules_arg_int(c, args, 0, &start) || !rules_arg_int(c, args, 1, &stop)) {
        return false;
    }
    by = stop >= start ? 1 : -1;
    if (n == 3 && !rules_arg_int(c, args, 2, &by)) {
        return false;
    }
    __int128 span = (__int128)stop - start;
    if (by == 0 || (span != 0 && (span > 0) != (by > 0))) {
        return rules_error(c, "a step of %lld leads nowhere", (long long)by);
    }
    __int128 count = span / by + 1;
    if (count > RULES_ITEMS_MAX) {
        return rules_error(c, "more than %d members", RULES_ITEMS_MAX);
    }
    struct rules_value *items = rules_new_items(c, (size_t)count);
    for (int64_t i = 0; items && i < (int64_t)count; i++) {
        items[i] = rules_int((int64_t)((__int128)start + (__int128)i * by));
    }
    *ret = rules_array(items, (size_t)count);
    return items != NULL;
}

/* clang-format off */
#define ROW(name, min, max, flags, fn, args, doc) {name, min, max, flags, fn, NULL, NULL, args, doc}
const struct rules_function RULES_ARRAYS[] = {
    ROW("cardinality", 1, 1, RULES_FN_NULLS, fn_cardinality, "array", "Members; 0 of null."),
    ROW("array_cardinality", 1, 1, RULES_FN_NULLS, fn_array_cardinality, "array", "Members that are not null."),
    ROW("array_position", 2, 2, RULES_FN_NULLS, fn_position, "array, value", "First place of a value, from 0; -1 where it is not."),
    ROW("array_last_position", 2, 2, RULES_FN_NULLS, fn_last_position, "array, value", "Last place of it."),
    ROW("element_at", 2, 2, 0, fn_element_at, "array, index", "As array[index]; -1 is the last."),
    ROW("array_contains", 2, 2, 0, fn_contains, "array, value", "Whether it is in there."),
    ROW("array_contains_any", 2, 2, RULES_FN_NULLS, fn_contains_any, "array, array", "Whether they have one in common."),
    ROW("array_create", 1, -1, RULES_FN_NULLS, fn_create, "value, ...", "Of these."),
    ROW("array_remove", 2, 2, 0, fn_remove, "array, value", "Without that value."),
    ROW("array_distinct", 1, 1, 0, fn_distinct, "array", "Each value once."),
    ROW("array_union", 2, 2, 0, fn_union, "array, array", "Of both, each once."),
    ROW("array_intersect", 2, 2, 0, fn_intersect, "array, array", "In both, each once."),
    ROW("array_except", 2, 2, 0, fn_except, "array, array", "In the first only, each once."),
    ROW("array_max", 1, 1, 0, fn_max, "array", "The largest."),
    ROW("array_min", 1, 1, 0, fn_min, "array", "The smallest."),
    ROW("array_avg", 1, 1, 0, fn_avg, "array", "Average of its numbers, a float."),
    ROW("array_flatten", 1, 1, 0, fn_flatten, "array", "With members of arrays in it."),
    ROW("array_join", 2, 3, 0, fn_join, "array, separator[, null]", "As a text; null is left out, or that text."),
    ROW("array_concat", 1, -1, RULES_FN_NULLS, fn_array_concat, "array, ...", "One behind the other; null is empty."),
    ROW("array_sort", 1, 1, 0, fn_sort, "array", "In order: null, booleans, numbers, texts."),
    ROW("repeat", 2, 2, RULES_FN_NULLS, fn_repeat, "value, n", "An array of it, n times."),
    ROW("sequence", 2, 3, 0, fn_sequence, "start, stop[, step]", "Integers from start to stop."),
    {0},
};
