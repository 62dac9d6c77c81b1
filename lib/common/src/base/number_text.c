/*
 * Real numbers as the shortest text that reads back to the same value, in the two notations of the
 * wire. Typical values (few digits) take a path without printf; the rest asks printf for more
 * digits until the value comes back.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/text.h"

enum { MAX_DIGITS = 17 };

/* 0.d1d2d3... * 10^point, negative or not; digits without trailing zeros. Zero is "0", point 1. */
struct decimal {
    bool negative;
    int n, point;
    char digits[MAX_DIGITS + 8];
};

static void set_digits(struct decimal *d, uint64_t digits, int exponent)
{
    char text[24];
    int n = 0;
    for (; digits > 0; digits /= 10) {
        text[n++] = (char)('0' + digits % 10);
    }
    int zeros = 0;
    while (zeros < n - 1 && text[zeros] == '0') {
        zeros++;
    }
    d->n = n - zeros;
    d->point = n + exponent;
    for (int i = 0; i < d->n; i++) {
        d->digits[i] = text[n - 1 - i];
    }
}

/*
 * v = m / 10^k with m of at most 15 digits: both are exact in a double, the division is rounded
 * correctly, and two decimals of 15 digits are never the same double. So the first k that gives v
 * back gives its shortest text.
 */
static bool double_is_short(double v, struct decimal *d)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    for (int k = 0; k < (int)(sizeof(powers) / sizeof(powers[0])); k++) {
        double scaled = v * powers[k];
        if (scaled >= 1e15) {
            return false;
        }
        int64_t m = llrint(scaled);
        if (m > 0 && (double)m / powers[k] == v) {
            set_digits(d, (uint64_t)m, -k);
            return true;
        }
    }
    return false;
}

/* The same in single precision: m of at most 6 digits, powers exact up to 10^10. */
static bool float_is_short(float v, struct decimal *d)
{
    static const float powers[] = {1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f,
                                   1e6f, 1e7f, 1e8f, 1e9f, 1e10f};
    for (int k = 0; k < (int)(sizeof(powers) / sizeof(powers[0])); k++) {
        float scaled = v * powers[k];
        if (scaled >= 1e6f) {
            return false;
        }
        int64_t m = lrintf(scaled);
        if (m > 0 && (float)m / powers[k] == v) {
            set_digits(d, (uint64_t)m, -k);
            return true;
        }
    }
    return false;
}

static bool reads_back(const char *text, double v, bool single)
{
    return single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v;
}

/*
 * The neighbour above in the last digit. Below a power of two doubles lie closer than above it, so
 * the nearest decimal may miss where the next one up still reads back.
 */
static bool next_up(char *text, int digits)
{
    char *last = digits > 1 ? text + digits : text; /* "d.ddde+xx" */
    if (*last >= '9') {
        return false;
    }
    ++*last;
    return true;
}

static void shortest(double v, bool single, struct decimal *d)
{
    char text[32];
    int exponent;
    bool power_of_two = frexp(v, &exponent) == 0.5;
    int digits = single ? FLT_DIG : DBL_DIG;
    int most = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    if (fabs(v) < (single ? (double)FLT_MIN : DBL_MIN)) {
        digits = 1; /* subnormal: fewer digits carry it */
    }
    for (; digits < most; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, v);
        if (reads_back(text, v, single)) {
            break;
        }
        if (power_of_two && next_up(text, digits) && reads_back(text, v, single)) {
            break;
        }
    }
    if (digits == most) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, v);
    }
    char *e = strchr(text, 'e');
    d->point = (int)strtol(e + 1, NULL, 10) + 1;
    d->n = 0;
    for (const char *s = text; s < e; s++) {
        if (*s != '.') {
            d->digits[d->n++] = *s;
        }
    }
    while (d->n > 1 && d->digits[d->n - 1] == '0') {
        d->n--;
    }
}

static struct decimal decimal_of(double v, bool single)
{
    struct decimal d = {.negative = signbit(v), .n = 1, .point = 1, .digits = "0"};
    v = fabs(v);
    if (v != 0 && !(single ? float_is_short((float)v, &d) : double_is_short(v, &d))) {
        shortest(v, single, &d);
    }
    return d;
}

/* "d.ddde+xx" with at least @p width exponent digits. */
static size_t put_scientific(const struct decimal *d, int width, char *text)
{
    char *out = text;
    if (d->negative) {
        *out++ = '-';
    }
    *out++ = d->digits[0];
    if (d->n > 1) {
        *out++ = '.';
        memcpy(out, d->digits + 1, (size_t)d->n - 1);
        out += d->n - 1;
    }
    int exponent = d->point - 1;
    unsigned magnitude = (unsigned)abs(exponent);
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    if (magnitude >= 100) {
        *out++ = (char)('0' + magnitude / 100);
    }
    if (magnitude >= 10 || width > 1) {
        *out++ = (char)('0' + magnitude / 10 % 10);
    }
    *out++ = (char)('0' + magnitude % 10);
    *out = '\0';
    return (size_t)(out - text);
}

static size_t put_plain(const struct decimal *d, char *text)
{
    char *out = text;
    if (d->negative) {
        *out++ = '-';
    }
    if (d->point <= 0) {
        *out++ = '0';
    }
    for (int i = 0; i < d->point; i++) {
        *out++ = i < d->n ? d->digits[i] : '0';
    }
    if (d->n > d->point) {
        *out++ = '.';
        for (int i = d->point; i < 0; i++) {
            *out++ = '0';
        }
        int from = d->point > 0 ? d->point : 0;
        memcpy(out, d->digits + from, (size_t)(d->n - from));
        out += d->n - from;
    }
    *out = '\0';
    return (size_t)(out - text);
}

size_t edge_real_json(double v, char text[EDGE_REAL_TEXT_SIZE])
{
    struct decimal d = decimal_of(v, false);
    double magnitude = fabs(v);
    bool plain = v == 0 || (magnitude >= 1e-6 && magnitude < 1e21);
    return plain ? put_plain(&d, text) : put_scientific(&d, 1, text);
}

size_t edge_real_plain(double v, char text[EDGE_REAL_PLAIN_SIZE])
{
    struct decimal d = decimal_of(v, false);
    return put_plain(&d, text);
}

static size_t put_e(double v, bool single, char text[EDGE_REAL_TEXT_SIZE])
{
    if (!isfinite(v)) {
        const char *name = isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf";
        return (size_t)snprintf(text, EDGE_REAL_TEXT_SIZE, "%s", name);
    }
    struct decimal d = decimal_of(v, single);
    return put_scientific(&d, 2, text);
}

size_t edge_real_e(double v, char text[EDGE_REAL_TEXT_SIZE])
{
    return put_e(v, false, text);
}

size_t edge_float_e(float v, char text[EDGE_REAL_TEXT_SIZE])
{
    return put_e((double)v, true, text);
}
