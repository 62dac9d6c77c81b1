/**
 * The tables of functions: one row each, from which names, numbers of arguments and docs/rules.md follow. Scalar ones
 * compute, aggregates see the values of a group, analytic ones remember what was before.
 */
#ifndef RULES_FUNCTIONS_H
#define RULES_FUNCTIONS_H

#include "edge/arena.h"
#include "rules_value.h"

struct rules_call; /* one evaluation: memory, time, and the text of its failure */

/** Say why this row is in error; always false, so that "return rules_error(...)" fails. */
bool rules_error(struct rules_call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** False: rules_error() was called. @p ret is null beforehand. */
typedef bool rules_scalar_fn(struct rules_call *c, const struct rules_value *args, size_t n,
                             struct rules_value *ret);
/** @p values: of the rows of the group, nothings included; @p args: of its further arguments. */
typedef bool rules_aggregate_fn(struct rules_call *c, const struct rules_value *values,
                                size_t n_values, const struct rules_value *args, size_t n_args,
                                struct rules_value *ret);
/**
 * @p state: what it left the last time in this partition, missing the first time; it may replace it by any value in
 * the call's memory.
 */
typedef bool rules_analytic_fn(struct rules_call *c, struct rules_value *state,
                               const struct rules_value *args, size_t n, struct rules_value *ret);

enum {
    RULES_FN_IMPURE = 1,  /* not the same for the same arguments: not folded */
    RULES_FN_PATTERN = 2, /* the second argument is a pattern, compiled once where it is constant */
    RULES_FN_NULLS =
        4, /* wants nothings too; others answer null where the first argument is nothing */
    RULES_FN_STAR = 8,     /* takes * */
    RULES_FN_COLUMNS = 16, /* gives columns, not a value: in SELECT only */
};
enum { RULES_ARGS_MAX = 64 };

struct rules_function {
    const char *name; /* lower case; any case in statements */
    int8_t min, max;  /* arguments; max -1: RULES_ARGS_MAX */
    uint8_t flags;
    rules_scalar_fn *scalar;
    rules_aggregate_fn *aggregate;
    rules_analytic_fn *analytic;
    const char *args, *doc; /* "text, pattern", "What it gives." */
};

struct rules_function_table {
    const char *title;
    const struct rules_function *rows; /* ended by one without a name */
};
/** All tables, in the order of the documentation. */
extern const struct rules_function_table RULES_FUNCTIONS[];
extern const size_t RULES_N_FUNCTIONS; /* tables */

/** NULL: none; *@p ret_near is the name that may have been meant then, or NULL. */
const struct rules_function *rules_function_find(const char *name, const char **ret_near);

#endif
