#include "codec/snmp_oid.h"

#include <stdio.h>
#include <string.h>

/* The next number of a dotted text; false: there is none, or it is above 32 bits. */
static bool take_number(const char **text, uint32_t *ret)
{
    uint64_t value = 0;
    const char *c = *text;
    for (; *c >= '0' && *c <= '9'; c++) {
        value = value * 10 + (uint64_t)(*c - '0');
        if (value > UINT32_MAX) {
            return false;
        }
    }
    bool found = c != *text;
    *text = c;
    *ret = (uint32_t)value;
    return found;
}

static const char *fault_of(const struct snmp_oid *oid)
{
    if (oid->n < 2) {
        return "has fewer than two numbers";
    }
    if (oid->id[0] > 2) {
        return "begins with a number above 2";
    }
    if (oid->id[0] < 2 && oid->id[1] > 39) {
        return "has a second number above 39";
    }
    return oid->id[0] == 2 && oid->id[1] > UINT32_MAX - 80 ? "has a second number out of range"
                                                           : NULL;
}

bool snmp_oid_parse(const char *text, struct snmp_oid *ret, const char **ret_why)
{
    ret->n = 0;
    const char *c = *text == '.' ? text + 1 : text;
    do {
        if (ret->n == SNMP_OID_MAX) {
            *ret_why = "has more than 128 numbers";
            return false;
        }
        if (!take_number(&c, &ret->id[ret->n++])) {
            *ret_why = "is no dotted list of numbers of 32 bits";
            return false;
        }
    } while (*c == '.' && *++c != '\0');
    if (*c != '\0' || c[-1] == '.') {
        *ret_why = "is no dotted list of numbers of 32 bits";
        return false;
    }
    *ret_why = fault_of(ret);
    return *ret_why == NULL;
}

size_t snmp_oid_print(const struct snmp_oid *oid, char *ret, size_t size)
{
    size_t n = 0;
    if (size > 0) {
        ret[0] = '\0';
    }
    for (unsigned i = 0; i < oid->n && n < size; i++) {
        int more = snprintf(ret + n, size - n, i > 0 ? ".%u" : "%u", oid->id[i]);
        n += more > 0 ? (size_t)more : 0;
    }
    return n < size ? n : size - 1;
}

static bool take_sub(struct snmp_view *in, uint32_t *ret)
{
    uint64_t value = 0;
    if (in->n == 0 || in->p[0] == 0x80) {
        return false; /* padding: two encodings of one OID would be two OIDs */
    }
    for (size_t i = 0; i < in->n; i++) {
        value = value << 7 | (in->p[i] & 0x7f);
        if (value > UINT32_MAX) {
            return false;
        }
        if (!(in->p[i] & 0x80)) {
            *ret = (uint32_t)value;
            *in = snmp_view(in->p + i + 1, in->n - i - 1);
            return true;
        }
    }
    return false;
}

bool snmp_oid_of(struct snmp_view body, struct snmp_oid *ret)
{
    uint32_t first;
    if (!take_sub(&body, &first)) {
        return false;
    }
    ret->id[0] = first < 80 ? first / 40 : 2;
    ret->id[1] = first - 40 * ret->id[0];
    for (ret->n = 2; body.n > 0; ret->n++) {
        if (ret->n == SNMP_OID_MAX || !take_sub(&body, &ret->id[ret->n])) {
            return false;
        }
    }
    return true;
}

static size_t sub_bytes(uint32_t id, uint8_t *ret)
{
    size_t n = 1;
    for (uint32_t left = id >> 7; left > 0; left >>= 7) {
        n++;
    }
    for (size_t i = n; i-- > 0; id >>= 7) {
        ret[i] = (uint8_t)((id & 0x7f) | (i + 1 < n ? 0x80 : 0));
    }
    return n;
}

size_t snmp_oid_bytes(const struct snmp_oid *oid, uint8_t *ret)
{
    size_t n = 0;
    if (oid->n >= 2) {
        n = sub_bytes(oid->id[0] * 40 + oid->id[1], ret);
    }
    for (unsigned i = 2; i < oid->n; i++) {
        n += sub_bytes(oid->id[i], ret + n);
    }
    return n;
}

void snmp_put_oid(struct snmp_out *out, const struct snmp_oid *oid)
{
    uint8_t bytes[SNMP_OID_BYTES];
    snmp_put_bytes(out, SNMP_OID, snmp_view(bytes, snmp_oid_bytes(oid, bytes)));
}

int snmp_oid_compare(const struct snmp_oid *a, const struct snmp_oid *b)
{
    for (unsigned i = 0; i < a->n && i < b->n; i++) {
        if (a->id[i] != b->id[i]) {
            return a->id[i] < b->id[i] ? -1 : 1;
        }
    }
    return (a->n > b->n) - (a->n < b->n);
}

bool snmp_oid_below(const struct snmp_oid *oid, const struct snmp_oid *root)
{
    return oid->n >= root->n && memcmp(oid->id, root->id, root->n * sizeof(root->id[0])) == 0;
}
