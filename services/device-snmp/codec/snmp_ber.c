#include "codec/snmp_ber.h"

#include <string.h>

enum { LONG_FORM = 0x80, LENGTH_BYTES = 4, HIGH_TAG = 0x1f };

bool snmp_view_equal(struct snmp_view a, struct snmp_view b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The length at in->p[*at], in short or long form. */
static bool take_length(const struct snmp_view *in, size_t *at, size_t *ret)
{
    if (*at >= in->n) {
        return false;
    }
    uint8_t first = in->p[(*at)++];
    if (first < LONG_FORM) {
        *ret = first;
        return true;
    }
    size_t bytes = first & ~LONG_FORM & 0xff;
    if (bytes == 0 || bytes > LENGTH_BYTES || in->n - *at < bytes) {
        return false; /* 0: indefinite, which SNMP forbids */
    }
    size_t length = 0;
    for (size_t i = 0; i < bytes; i++) {
        length = length << 8 | in->p[(*at)++];
    }
    *ret = length;
    return true;
}

bool snmp_take(struct snmp_view *in, uint8_t *ret_tag, struct snmp_view *ret_body)
{
    size_t at = 1, length;
    if (in->n < 2 || (in->p[0] & HIGH_TAG) == HIGH_TAG || !take_length(in, &at, &length) ||
        in->n - at < length) {
        return false;
    }
    *ret_tag = in->p[0];
    *ret_body = snmp_view(in->p + at, length);
    *in = snmp_view(in->p + at + length, in->n - at - length);
    return true;
}

bool snmp_take_tag(struct snmp_view *in, uint8_t tag, struct snmp_view *ret_body)
{
    struct snmp_view left = *in, body;
    uint8_t found;
    if (!snmp_take(&left, &found, &body) || found != tag) {
        return false;
    }
    *in = left;
    *ret_body = body;
    return true;
}

bool snmp_int_of(struct snmp_view body, int64_t *ret)
{
    if (body.n == 0 || body.n > sizeof(int64_t)) {
        return false;
    }
    uint64_t value = body.p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < body.n; i++) {
        value = value << 8 | body.p[i];
    }
    *ret = (int64_t)value;
    return true;
}

bool snmp_uint_of(struct snmp_view body, size_t size, uint64_t *ret)
{
    if (body.n == 0 || body.n > size + 1 || (body.n == size + 1 && body.p[0] != 0)) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < body.n; i++) {
        value = value << 8 | body.p[i];
    }
    *ret = value;
    return true;
}

bool snmp_take_int(struct snmp_view *in, int64_t min, int64_t max, int64_t *ret)
{
    struct snmp_view left = *in, body;
    int64_t value;
    if (!snmp_take_tag(&left, SNMP_INTEGER, &body) || !snmp_int_of(body, &value) || value < min ||
        value > max) {
        return false;
    }
    *in = left;
    *ret = value;
    return true;
}

/* ---- writing ------------------------------------------------------------------------------- */

struct snmp_view snmp_written(const struct snmp_out *out)
{
    return snmp_view(out->buf + out->at, out->size - out->at);
}

void snmp_put_raw(struct snmp_out *out, const void *p, size_t n)
{
    if (out->full || n > out->at) {
        out->full = true;
        return;
    }
    out->at -= n;
    if (n > 0) {
        memcpy(out->buf + out->at, p, n);
    }
}

static void put_byte(struct snmp_out *out, uint8_t byte)
{
    snmp_put_raw(out, &byte, 1);
}

void snmp_put_head(struct snmp_out *out, uint8_t tag, size_t end)
{
    size_t length = end - out->at;
    if (length < LONG_FORM) {
        put_byte(out, (uint8_t)length);
    } else {
        uint8_t bytes = 0;
        for (; length > 0; length >>= 8, bytes++) {
            put_byte(out, (uint8_t)length);
        }
        put_byte(out, LONG_FORM | bytes);
    }
    put_byte(out, tag);
}

void snmp_put_bytes(struct snmp_out *out, uint8_t tag, struct snmp_view bytes)
{
    size_t end = out->at;
    snmp_put_raw(out, bytes.p, bytes.n);
    snmp_put_head(out, tag, end);
}

void snmp_put_int(struct snmp_out *out, uint8_t tag, int64_t value)
{
    size_t end = out->at;
    int64_t left = value;
    uint8_t byte;
    do {
        byte = (uint8_t)left;
        put_byte(out, byte);
        left = left < 0 ? ~(~left >> 8) : left >> 8;
    } while (left != (byte & 0x80 ? -1 : 0));
    snmp_put_head(out, tag, end);
}

void snmp_put_uint(struct snmp_out *out, uint8_t tag, uint64_t value)
{
    size_t end = out->at;
    uint8_t byte;
    do {
        byte = (uint8_t)value;
        put_byte(out, byte);
        value >>= 8;
    } while (value > 0);
    if (byte & 0x80) {
        put_byte(out, 0);
    }
    snmp_put_head(out, tag, end);
}
