#include <math.h>
#include <stdlib.h>

#include "rules_code.h"
#include "rules_tables.h"

/* What is no number of a double's (log of 0, asin of 2) is nothing. */
static bool real_result(double v, struct rules_value *ret)
{
    *ret = isfinite(v) ? rules_real(v) : rules_null();
    return true;
}

#define ONE_REAL(name, expr)                                                                       \
    static bool name(struct rules_call *c, const struct rules_value *args, size_t n,               \
                     struct rules_value *ret)                                                      \
    {                                                                                              \
        double x;                                                                                  \
        (void)n;                                                                                   \
        return rules_arg_real(c, args, 0, &x) && real_result(expr, ret);                           \
    }
ONE_REAL(fn_acos, acos(x))
ONE_REAL(fn_asin, asin(x))
ONE_REAL(fn_atan, atan(x))
ONE_REAL(fn_cos, cos(x))
ONE_REAL(fn_cosh, cosh(x))
ONE_REAL(fn_cot, 1 / tan(x))
ONE_REAL(fn_exp, exp(x))
ONE_REAL(fn_ln, log(x))
ONE_REAL(fn_sin, sin(x))
ONE_REAL(fn_sinh, sinh(x))
ONE_REAL(fn_sqrt, sqrt(x))
ONE_REAL(fn_tan, tan(x))
ONE_REAL(fn_tanh, tanh(x))
ONE_REAL(fn_degrees, x * 180 / M_PI)
ONE_REAL(fn_radians, x *M_PI / 180)

static bool fn_pi(struct rules_call *c, const struct rules_value *args, size_t n,
                  struct rules_value *ret)
{
    (void)c, (void)args, (void)n;
    return real_result(M_PI, ret);
}

static bool fn_abs(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    double x;
    struct rules_value zero = rules_int(0);
    (void)n;
    if (args[0].kind == RULES_INT && args[0].i < 0) {
        return rules_arith(c, RULES_OP_SUB, &zero, &args[0], ret);
    }
    if (rules_is_integer(&args[0])) {
        *ret = args[0];
        return true;
    }
    return rules_arg_real(c, args, 0, &x) && real_result(fabs(x), ret);
}

static bool fn_atan2(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    double y, x;
    (void)n;
    return rules_arg_real(c, args, 0, &y) && rules_arg_real(c, args, 1, &x) &&
           real_result(atan2(y, x), ret);
}

static bool fn_power(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    double y, x;
    (void)n;
    return rules_arg_real(c, args, 0, &x) && rules_arg_real(c, args, 1, &y) &&
           real_result(pow(x, y), ret);
}

static bool fn_log(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    double x, base = 10;
    if (!rules_arg_real(c, args, n - 1, &x) || (n == 2 && !rules_arg_real(c, args, 0, &base))) {
        return false;
    }
    return real_result(x <= 0 || base <= 1 ? NAN : n == 2 ? log(x) / log(base) : log10(x), ret);
}

static bool fn_mod(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    (void)n;
    return rules_arith(c, RULES_OP_MOD, &args[0], &args[1], ret);
}

static bool fn_rand(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    (void)c, (void)args, (void)n;
    return real_result((double)arc4random() / 0x1p32, ret);
}

/* An integral double as integer where that is exact. */
static bool whole(struct rules_call *c, const struct rules_value *v, double (*fn)(double),
                  struct rules_value *ret)
{
    double x;
    if (rules_is_integer(v)) {
        *ret = *v;
        return true;
    }
    if (!rules_arg_real(c, v, 0, &x)) {
        return false;
    }
    return real_result(fn(x), ret);
}

static bool fn_ceil(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    (void)n;
    return whole(c, args, ceil, ret);
}

static bool fn_floor(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    (void)n;
    return whole(c, args, floor, ret);
}

static bool fn_round(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    (void)n;
    return whole(c, args, round, ret);
}

static bool fn_trunc(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    double x, scale;
    int64_t digits;
    (void)n;
    if (!rules_arg_real(c, args, 0, &x) || !rules_arg_int(c, args, 1, &digits)) {
        return false;
    }
    if (rules_is_integer(&args[0])) {
        *ret = args[0];
        return true;
    }
    scale = pow(10, (double)(digits < 0 ? 0 : digits > 34 ? 34 : digits));
    double cut = trunc(x * scale) / scale;
    return real_result(isfinite(x * scale) ? cut : x, ret);
}

static bool fn_sign(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    struct rules_value zero = rules_int(0);
    double x;
    (void)n;
    if (!rules_arg_real(c, args, 0, &x)) {
        return false;
    }
    int order = rules_number_compare(&args[0], &zero);
    *ret = rules_int(isnan(x) || order == 0 ? 0 : order < 0 ? -1 : 1);
    return true;
}

#define BITS(name, op)                                                                             \
    static bool name(struct rules_call *c, const struct rules_value *args, size_t n,               \
                     struct rules_value *ret)                                                      \
    {                                                                                              \
        int64_t a, b;                                                                              \
        (void)n;                                                                                   \
        if (!rules_arg_int(c, args, 0, &a) || !rules_arg_int(c, args, 1, &b)) {                    \
            return false;                                                                          \
        }                                                                                          \
        *ret = rules_int(a op b);                                                                  \
        return true;                                                                               \
    }
BITS(fn_bitand, &)
BITS(fn_bitor, |)
BITS(fn_bitxor, ^)

static bool fn_bitnot(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    int64_t a;
    (void)n;
    if (!rules_arg_int(c, args, 0, &a)) {
        return false;
    }
    *ret = rules_int(~a);
    return true;
}

/* clang-format off */
#define ROW(name, min, max, flags, fn, args, doc) {name, min, max, flags, fn, NULL, NULL, args, doc}
const struct rules_function RULES_MATHS[] = {
    ROW("abs", 1, 1, 0, fn_abs, "number", "Without its sign; integers stay integers."),
    ROW("acos", 1, 1, 0, fn_acos, "number", "Arc cosine, radians."),
    ROW("asin", 1, 1, 0, fn_asin, "number", "Arc sine, radians."),
    ROW("atan", 1, 1, 0, fn_atan, "number", "Arc tangent, radians."),
    ROW("atan2", 2, 2, 0, fn_atan2, "y, x", "Angle of a point, radians."),
    ROW("bitand", 2, 2, 0, fn_bitand, "integer, integer", "Bits both have."),
    ROW("bitor", 2, 2, 0, fn_bitor, "integer, integer", "Bits one of them has."),
    ROW("bitxor", 2, 2, 0, fn_bitxor, "integer, integer", "Bits only one of them has."),
    ROW("bitnot", 1, 1, 0, fn_bitnot, "integer", "Bits it has not."),
    ROW("ceil", 1, 1, 0, fn_ceil, "number", "Rounded up."),
    ROW("ceiling", 1, 1, 0, fn_ceil, "number", "The same."),
    ROW("cos", 1, 1, 0, fn_cos, "radians", "Cosine."),
    ROW("cosh", 1, 1, 0, fn_cosh, "number", "Hyperbolic cosine."),
    ROW("cot", 1, 1, 0, fn_cot, "radians", "Cotangent."),
    ROW("degrees", 1, 1, 0, fn_degrees, "radians", "In degrees."),
    ROW("exp", 1, 1, 0, fn_exp, "number", "e to that power."),
    ROW("floor", 1, 1, 0, fn_floor, "number", "Rounded down."),
    ROW("ln", 1, 1, 0, fn_ln, "number", "Natural logarithm; null where there is none."),
    ROW("log", 1, 2, 0, fn_log, "[base,] number", "Logarithm, to base 10; null where there is none."),
    ROW("mod", 2, 2, 0, fn_mod, "number, number", "Remainder, as %."),
    ROW("pi", 0, 0, 0, fn_pi, "", "3.14159..."),
    ROW("power", 2, 2, 0, fn_power, "number, exponent", "To that power."),
    ROW("pow", 2, 2, 0, fn_power, "number, exponent", "The same."),
    ROW("radians", 1, 1, 0, fn_radians, "degrees", "In radians."),
    ROW("rand", 0, 0, RULES_FN_IMPURE, fn_rand, "", "A random number from 0 to below 1."),
    ROW("round", 1, 1, 0, fn_round, "number", "To the nearest whole number, halves away from 0."),
    ROW("sign", 1, 1, 0, fn_sign, "number", "-1, 0 or 1."),
    ROW("sin", 1, 1, 0, fn_sin, "radians", "Sine."),
    ROW("sinh", 1, 1, 0, fn_sinh, "number", "Hyperbolic sine."),
    ROW("sqrt", 1, 1, 0, fn_sqrt, "number", "Square root; null of what is negative."),
    ROW("tan", 1, 1, 0, fn_tan, "radians", "Tangent."),
    ROW("tanh", 1, 1, 0, fn_tanh, "number", "Hyperbolic tangent."),
    ROW("trunc", 2, 2, 0, fn_trunc, "number, digits", "Cut to so many digits behind the point."),
    {0},
};
