#include "codec/modbus_value.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const struct {
    uint8_t registers;
    bool is_signed, is_real;
} raws[] = {
    [MODBUS_RAW_NONE] = {1, false, false},
      [MODBUS_INT16] = {1, true,  false},
    [MODBUS_UINT16] = {1, false, false},
      [MODBUS_INT32] = {2, true,  false},
    [MODBUS_UINT32] = {2, false, false},
      [MODBUS_INT64] = {4, true,  false},
    [MODBUS_UINT64] = {4, false, false},
      [MODBUS_FLOAT32] = {2, false, true },
    [MODBUS_FLOAT64] = {4, false, true },
};

unsigned modbus_raw_registers(enum modbus_raw raw)
{
    return raws[raw].registers;
}

/* ---- registers and the bits of one value ----------------------------------------------------- */

/* Where register i of n has its high byte, and its low one. */
static size_t high_byte(const struct modbus_format *f, size_t i, size_t n)
{
    return 2 * (f->word_swap ? n - 1 - i : i) + (f->byte_swap ? 1 : 0);
}

static uint64_t load(const struct modbus_format *f, const uint8_t *at)
{
    uint64_t bits = 0;
    size_t n = raws[f->raw].registers;
    for (size_t i = 0; i < n; i++) {
        size_t high = high_byte(f, i, n);
        bits = bits << 16 | (uint64_t)at[high] << 8 | at[high ^ 1];
    }
    return bits;
}

static void store(const struct modbus_format *f, uint64_t bits, uint8_t *ret)
{
    size_t n = raws[f->raw].registers;
    for (size_t i = n; i-- > 0; bits >>= 16) {
        size_t high = high_byte(f, i, n);
        ret[high] = (uint8_t)(bits >> 8);
        ret[high ^ 1] = (uint8_t)bits;
    }
}

/* ---- in ------------------------------------------------------------------------------------ */

static int64_t extend(uint64_t bits, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (width - 1);
    return (int64_t)((bits ^ sign) - sign);
}

static double real_of(const struct modbus_format *f, uint64_t bits)
{
    if (f->raw == MODBUS_FLOAT32) {
        float narrow;
        uint32_t word = (uint32_t)bits;
        memcpy(&narrow, &word, sizeof(narrow));
        return (double)narrow;
    }
    double wide;
    memcpy(&wide, &bits, sizeof(wide));
    return wide;
}

struct modbus_number modbus_number_get(const struct modbus_format *f, const uint8_t *at)
{
    uint64_t bits = load(f, at);
    unsigned width = 16u * raws[f->raw].registers;
    if (f->bits > 0) {
        width = f->bits;
        bits = bits >> f->bit & ((UINT64_C(1) << width) - 1);
    }
    if (raws[f->raw].is_real) {
        return (struct modbus_number){MODBUS_REAL, .f = real_of(f, bits)};
    }
    if (raws[f->raw].is_signed) {
        return (struct modbus_number){MODBUS_SIGNED, .i = extend(bits, width)};
    }
    return (struct modbus_number){MODBUS_UNSIGNED, .u = bits};
}

/* ---- out ----------------------------------------------------------------------------------- */

static bool whole_fits(__int128 whole, bool is_signed, unsigned width)
{
    __int128 span = (__int128)1 << width;
    return is_signed ? whole >= -(span / 2) && whole < span / 2 : whole >= 0 && whole < span;
}

static bool whole_of(const struct modbus_number *v, __int128 *ret)
{
    if (v->kind != MODBUS_REAL) {
        *ret = v->kind == MODBUS_SIGNED ? (__int128)v->i : (__int128)v->u;
        return true;
    }
    double rounded = round(v->f);
    *ret = isfinite(rounded) && fabs(rounded) <= 0x1p64 ? (__int128)rounded : 0;
    return isfinite(rounded) && fabs(rounded) <= 0x1p64;
}

static double as_real(const struct modbus_number *v)
{
    if (v->kind == MODBUS_REAL) {
        return v->f;
    }
    return v->kind == MODBUS_SIGNED ? (double)v->i : (double)v->u;
}

static bool real_bits(const struct modbus_format *f, double real, uint64_t *ret)
{
    if (f->raw == MODBUS_FLOAT64) {
        memcpy(ret, &real, sizeof(*ret));
        return true;
    }
    if (isfinite(real) && fabs(real) > (double)FLT_MAX) {
        return false;
    }
    float narrow = (float)real;
    uint32_t word;
    memcpy(&word, &narrow, sizeof(word));
    *ret = word;
    return true;
}

bool modbus_number_put(const struct modbus_format *f, const struct modbus_number *v, uint8_t *ret)
{
    uint64_t bits;
    __int128 whole;
    if (raws[f->raw].is_real) {
        if (!real_bits(f, as_real(v), &bits)) {
            return false;
        }
    } else {
        unsigned width = 16u * raws[f->raw].registers;
        if (!whole_of(v, &whole) || !whole_fits(whole, raws[f->raw].is_signed, width)) {
            return false;
        }
        bits = (uint64_t)whole;
    }
    store(f, bits, ret);
    return true;
}

bool modbus_field_put(const struct modbus_format *f, const struct modbus_number *v,
                      uint16_t *ret_and, uint16_t *ret_or)
{
    __int128 whole;
    if (!whole_of(v, &whole) || !whole_fits(whole, raws[f->raw].is_signed, f->bits)) {
        return false;
    }
    unsigned mask = ((1u << f->bits) - 1) << f->bit;
    unsigned or = (unsigned)whole << f->bit & mask;
    unsigned and = ~mask & 0xffff;
    if (f->byte_swap) {
        and = (and << 8 | and >> 8) & 0xffff;
        or = (or << 8 | or >> 8) & 0xffff;
    }
    *ret_and = (uint16_t) and;
    *ret_or = (uint16_t) or ;
    return true;
}

/* ---- texts and bits -------------------------------------------------------------------------- */

size_t modbus_text_get(bool byte_swap, const uint8_t *at, size_t registers, char *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < 2 * registers; i++) {
        char c = (char)at[byte_swap ? i ^ 1 : i];
        if (c == '\0' && n > 0) {
            break;
        }
        if (c != '\0') {
            ret[n++] = c;
        }
    }
    return n;
}

bool modbus_text_put(bool byte_swap, const char *text, size_t n, size_t registers, uint8_t *ret)
{
    if (n > 2 * registers) {
        return false;
    }
    memset(ret, 0, 2 * registers);
    for (size_t i = 0; i < n; i++) {
        ret[byte_swap ? i ^ 1 : i] = (uint8_t)text[i];
    }
    return true;
}

/* Bytes of the character that begins here; 0: none does. No surrogates, no long forms, no control characters but
 * white space. */
static size_t character(const uint8_t *at, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : 4;
    if (size == 1) {
        return at[0] >= 0x20 || (at[0] >= 9 && at[0] <= 13) ? 1 : 0;
    }
    if (size > n || (size == 4 && at[0] >> 3 != 30)) {
        return 0;
    }
    uint32_t code = at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (at[i] >> 6 != 2) {
            return 0;
        }
        code = code << 6 | (at[i] & 63);
    }
    bool sound = code >= least[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return sound ? size : 0;
}

bool modbus_text_is_sound(const char *text, size_t n)
{
    const uint8_t *at = (const uint8_t *)text;
    while (n > 0) {
        size_t size = character(at, n);
        if (size == 0) {
            return false;
        }
        at += size;
        n -= size;
    }
    return true;
}

bool modbus_bit_get(const uint8_t *at, size_t i)
{
    return at[i / 8] >> i % 8 & 1;
}

void modbus_bit_put(uint8_t *at, size_t i, bool value)
{
    uint8_t mask = (uint8_t)(1u << i % 8);
    at[i / 8] = (uint8_t)(value ? at[i / 8] | mask : at[i / 8] & ~mask);
}
