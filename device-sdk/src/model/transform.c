/*
 * Transforms. Integers are computed in 128 bits, so that no step rounds and an overflow is seen
 * rather than wrapped; a factor of an integer is truncated to an integer first, as official
 * services do. Floats are computed in double and checked against their type's range at the end.
 */
#include "transform.h"

#include <float.h>
#include <math.h>

#include "edge/text.h"
#include "value.h"

static bool given(const double *factor, double neutral)
{
    return factor && *factor != neutral;
}

/* A factor as integers see it. Beyond 2^80 it makes any value but 0 overflow, as 2^80 does. */
static __int128 truncated(double factor)
{
    if (isnan(factor)) {
        return 0;
    }
    return (__int128)fmax(fmin(factor, 0x1p80), -0x1p80);
}

static bool fits(unsigned vt, __int128 x)
{
    int64_t min;
    uint64_t max;
    value_type_range(vt, &min, &max);
    return x >= min && x <= (__int128)max;
}

static void keep_whole(unsigned vt, __int128 x, devsdk_value *v)
{
    if (value_type_is_unsigned(vt)) {
        v->u = (uint64_t)x;
    } else {
        v->i = (int64_t)x;
    }
}

static __int128 masked(unsigned vt, __int128 x, uint64_t mask)
{
    unsigned unused = 64 - sdk_integer_bits(vt);
    uint64_t bits = ((uint64_t)x & mask) << unused;
    if (value_type_is_unsigned(vt)) {
        return bits >> unused;
    }
    return (int64_t)bits >> unused; /* the sign bit of the type again */
}

/* A value that is read: by @p by bits to the right, or to the left, where the bits that leave the type are
 * gone, as with the official Go SDK (contract 10.2). */
static __int128 shifted_within(unsigned vt, __int128 x, int64_t by)
{
    if (by >= 0) {
        return x >> (by < 127 ? by : 127);
    }
    if (by <= -64) {
        return 0;
    }
    uint64_t moved = (uint64_t)x << -by;
    return masked(vt, moved, UINT64_MAX);
}

/* One that is written, which must come back when it is read: by @p by bits to the right, where the bits
 * that go must be none, or to the left where negative. */
static bool shifted(__int128 *x, int64_t by)
{
    if (by > 127 || by < -127) {
        by = by > 0 ? 127 : -127;
    }
    if (by >= 0) {
        const unsigned __int128 low_bits = ((unsigned __int128)1 << by) - 1;
        bool comes_back = ((unsigned __int128)*x & low_bits) == 0;
        *x >>= by;
        return comes_back;
    }
    for (; by < 0 && *x != 0; by++) {
        if (__builtin_mul_overflow(*x, 2, x)) {
            return false;
        }
    }
    return true;
}

/* base to the power of x, which must come out whole. */
static bool raised(__int128 *x, double base)
{
    if (trunc(base) == base && fabs(base) < 0x1p63 && *x >= 0) {
        __int128 result = 1, factor = (__int128)base;
        for (__int128 n = *x; n > 0; n--) {
            if (factor == 0 || factor == 1 || factor == -1) {
                result = n % 2 == 0 && factor == -1 ? 1 : factor;
                break;
            }
            if (__builtin_mul_overflow(result, factor, &result)) {
                return false;
            }
        }
        *x = result;
        return true;
    }
    double result = pow(base, (double)*x);
    if (!isfinite(result) || trunc(result) != result || fabs(result) > 0x1p64) {
        return false;
    }
    *x = (__int128)result;
    return true;
}

static enum sdk_transformed read_whole(const struct resource_properties *p, devsdk_value *v)
{
    __int128 x = sdk_value_whole(v);
    if (p->mask && *p->mask != 0) {
        x = masked(p->value_type, x, *p->mask);
    }
    if (p->shift && *p->shift != 0) {
        x = shifted_within(p->value_type, x, *p->shift);
    }
    if (given(p->base, 0) && !raised(&x, *p->base)) {
        return SDK_OVERFLOW;
    }
    if (given(p->scale, 1) && __builtin_mul_overflow(x, truncated(*p->scale), &x)) {
        return SDK_OVERFLOW;
    }
    if (given(p->offset, 0) && __builtin_add_overflow(x, truncated(*p->offset), &x)) {
        return SDK_OVERFLOW;
    }
    if (!fits(p->value_type, x)) {
        return SDK_OVERFLOW;
    }
    keep_whole(p->value_type, x, v);
    return SDK_SOUND;
}

static bool keep_real(unsigned vt, double x, devsdk_value *v)
{
    if (!isfinite(x) || (vt == VT_FLOAT32 && fabs(x) > (double)FLT_MAX)) {
        return false;
    }
    v->f = vt == VT_FLOAT32 ? (double)(float)x : x;
    return true;
}

static enum sdk_transformed read_real(const struct resource_properties *p, devsdk_value *v)
{
    if (isnan(v->f)) {
        return SDK_NAN;
    }
    if (!given(p->base, 0) && !given(p->scale, 1) && !given(p->offset, 0)) {
        return SDK_SOUND;
    }
    double x = v->f;
    if (given(p->base, 0)) {
        x = pow(*p->base, x);
    }
    if (given(p->scale, 1)) {
        x *= *p->scale;
    }
    if (given(p->offset, 0)) {
        x += *p->offset;
    }
    return keep_real(p->value_type, x, v) ? SDK_SOUND : SDK_OVERFLOW;
}

enum sdk_transformed sdk_transform_read(const struct resource_properties *p, devsdk_value *v)
{
    if (v->type == DEVSDK_NULL || !value_type_is_numeric(p->value_type)) {
        return SDK_SOUND;
    }
    return value_type_is_float(p->value_type) ? read_real(p, v) : read_whole(p, v);
}

/* ---- write --------------------------------------------------------------------------------- */

enum edge_status sdk_limits_check(struct edge_ctx *ctx, const struct resource_properties *p,
                                  const devsdk_value *v)
{
    if (v->type == DEVSDK_NULL || !value_type_is_numeric(p->value_type)) {
        return EDGE_OK;
    }
    /* long double holds every 64-bit integer and every double exactly */
    bool real = value_type_is_float(p->value_type), narrow = p->value_type == VT_FLOAT32;
    long double x = real ? (long double)v->f : (long double)sdk_value_whole(v);
    char text[EDGE_REAL_TEXT_SIZE];
    if (p->maximum) {
        double max = narrow ? (double)(float)*p->maximum : *p->maximum;
        if (!(x <= (long double)max)) {
            edge_real_json(*p->maximum, text);
            return edge_fail(ctx, EDGE_INVALID, "set command parameter out of maximum value %s",
                             text);
        }
    }
    if (p->minimum) {
        double min = narrow ? (double)(float)*p->minimum : *p->minimum;
        if (!(x >= (long double)min)) {
            edge_real_json(*p->minimum, text);
            return edge_fail(ctx, EDGE_INVALID, "set command parameter out of minimum value %s",
                             text);
        }
    }
    return EDGE_OK;
}

static enum edge_status overflow(struct edge_ctx *ctx, const struct resource_properties *p)
{
    return edge_fail(ctx, EDGE_INVALID, "overflow: the transformed value is no %s",
                     VALUE_TYPES[p->value_type]);
}

/* The power to which base must be raised for x; whole where it is so but for rounding. */
static double exponent(double base, double x)
{
    double power = log(x) / log(base), near = round(power);
    return fabs(power - near) < 1e-9 * fmax(1, fabs(near)) ? near : power;
}

static bool scaled_back(__int128 *x, double scale)
{
    __int128 factor = truncated(scale);
    if (factor == 0) {
        return false;
    }
    *x /= factor;
    return true;
}

static enum edge_status write_whole(struct edge_ctx *ctx, const struct resource_properties *p,
                                    devsdk_value *v)
{
    __int128 x = sdk_value_whole(v);
    if (given(p->offset, 0) && __builtin_sub_overflow(x, truncated(*p->offset), &x)) {
        return overflow(ctx, p);
    }
    if (given(p->scale, 1) && !scaled_back(&x, *p->scale)) {
        return edge_fail(ctx, EDGE_INVALID, "the scale of a whole number cannot be below 1");
    }
    if (given(p->base, 0)) {
        double power = exponent(*p->base, (double)x);
        if (!isfinite(power)) {
            return overflow(ctx, p);
        }
        x = (__int128)power;
    }
    if (p->shift && *p->shift != 0) {
        if (*p->shift == INT64_MIN || !shifted(&x, -*p->shift)) {
            return edge_fail(ctx, EDGE_INVALID,
                             "overflow: shift %lld would not bring the value back",
                             (long long)*p->shift);
        }
    }
    if (!fits(p->value_type, x)) {
        return overflow(ctx, p);
    }
    if (p->mask && *p->mask != 0) {
        x = masked(p->value_type, x, *p->mask);
    }
    keep_whole(p->value_type, x, v);
    return EDGE_OK;
}

static enum edge_status write_real(struct edge_ctx *ctx, const struct resource_properties *p,
                                   devsdk_value *v)
{
    if (!given(p->base, 0) && !given(p->scale, 1) && !given(p->offset, 0)) {
        return EDGE_OK;
    }
    double x = v->f;
    if (given(p->offset, 0)) {
        x -= *p->offset;
    }
    if (given(p->scale, 1)) {
        x /= *p->scale;
    }
    if (given(p->base, 0)) {
        x = exponent(*p->base, x);
    }
    return keep_real(p->value_type, x, v) ? EDGE_OK : overflow(ctx, p);
}

enum edge_status sdk_transform_write(struct edge_ctx *ctx, const struct resource_properties *p,
                                     devsdk_value *v)
{
    if (v->type == DEVSDK_NULL || !value_type_is_numeric(p->value_type)) {
        return EDGE_OK;
    }
    return value_type_is_float(p->value_type) ? write_real(ctx, p, v) : write_whole(ctx, p, v);
}
