/**
 * The part of BER that SNMP uses: low tags, definite lengths. Reading never leaves the bytes it was given;
 * writing goes from the end of a buffer to its front, so that every length is known when it is written.
 */
#ifndef SNMP_BER_H
#define SNMP_BER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SNMP_INTEGER = 0x02,
    SNMP_OCTETS = 0x04,
    SNMP_NULL = 0x05,
    SNMP_OID = 0x06,
    SNMP_SEQUENCE = 0x30,
    SNMP_IP = 0x40,
    SNMP_COUNTER32 = 0x41,
    SNMP_GAUGE32 = 0x42,
    SNMP_TIMETICKS = 0x43,
    SNMP_OPAQUE = 0x44,
    SNMP_COUNTER64 = 0x46,
    SNMP_NO_OBJECT = 0x80,
    SNMP_NO_INSTANCE = 0x81,
    SNMP_END_OF_VIEW = 0x82,
};

/** Some bytes of somebody else. */
struct snmp_view {
    const uint8_t *p;
    size_t n;
};

static inline struct snmp_view snmp_view(const void *p, size_t n)
{
    return (struct snmp_view){p, n};
}
bool snmp_view_equal(struct snmp_view a, struct snmp_view b);

/* ---- reading: what is taken is gone from @p in; false leaves it as it was ---- */

/** The next element, whatever it is. */
bool snmp_take(struct snmp_view *in, uint8_t *ret_tag, struct snmp_view *ret_body);
bool snmp_take_tag(struct snmp_view *in, uint8_t tag, struct snmp_view *ret_body);
/** An INTEGER that fits @p min..@p max. */
bool snmp_take_int(struct snmp_view *in, int64_t min, int64_t max, int64_t *ret);
/** Contents of a signed integer, up to 8 bytes. */
bool snmp_int_of(struct snmp_view body, int64_t *ret);
/** Contents of an unsigned one of @p size bytes; the leading zero may be missing, as old agents do it. */
bool snmp_uint_of(struct snmp_view body, size_t size, uint64_t *ret);

/* ---- writing ---- */

struct snmp_out {
    uint8_t *buf;
    size_t at; /* the first byte that is written */
    size_t size;
    bool full; /* something did not fit: nothing of it is to be used */
};

static inline struct snmp_out snmp_out(void *buf, size_t size)
{
    return (struct snmp_out){.buf = buf, .at = size, .size = size};
}
/** What is there so far. */
struct snmp_view snmp_written(const struct snmp_out *out);
void snmp_put_raw(struct snmp_out *out, const void *p, size_t n);
/** Tag and length before what was written since @p end, which was snmp_out.at then. */
void snmp_put_head(struct snmp_out *out, uint8_t tag, size_t end);
void snmp_put_bytes(struct snmp_out *out, uint8_t tag, struct snmp_view bytes);
void snmp_put_int(struct snmp_out *out, uint8_t tag, int64_t value);
void snmp_put_uint(struct snmp_out *out, uint8_t tag, uint64_t value);

#endif
