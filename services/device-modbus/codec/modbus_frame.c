/*
 * Frames of Modbus TCP, RTU and ASCII. The hard one is RTU: answers have neither a mark nor a length in front, so
 * each place of what has come is tried as the begin of a frame, and the checksum says whether it is one.
 */
#include "codec/modbus_frame.h"

#include <string.h>

enum {
    MBAP_SIZE = 7, /* transaction, protocol, length, unit */
    RTU_MAX = 256,
    RTU_MIN = 5, /* an exception: unit, function, code, CRC */
};

/* ---- checksums ----------------------------------------------------------------------------- */

/* CRC-16, polynomial 0xA001 (reflected), four bits at a time. */
static const uint16_t crc_nibbles[16] = {0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00,
                                         0x2800, 0xe401, 0xa001, 0x6c00, 0x7800, 0xb401,
                                         0x5000, 0x9c01, 0x8801, 0x4400};

uint16_t modbus_crc(const uint8_t *bytes, size_t n)
{
    uint16_t crc = 0xffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        crc = (uint16_t)(crc >> 4 ^ crc_nibbles[crc & 15]);
        crc = (uint16_t)(crc >> 4 ^ crc_nibbles[crc & 15]);
    }
    return crc;
}

uint8_t modbus_lrc(const uint8_t *bytes, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += bytes[i];
    }
    return (uint8_t)-sum;
}

/* ---- out ----------------------------------------------------------------------------------- */

static size_t write_tcp(uint16_t transaction, uint8_t unit, const uint8_t *pdu, size_t n,
                        uint8_t *ret)
{
    ret[0] = (uint8_t)(transaction >> 8);
    ret[1] = (uint8_t)transaction;
    ret[2] = ret[3] = 0;
    ret[4] = (uint8_t)((n + 1) >> 8);
    ret[5] = (uint8_t)(n + 1);
    ret[6] = unit;
    memcpy(ret + MBAP_SIZE, pdu, n);
    return MBAP_SIZE + n;
}

static size_t write_rtu(uint8_t unit, const uint8_t *pdu, size_t n, uint8_t *ret)
{
    ret[0] = unit;
    memcpy(ret + 1, pdu, n);
    uint16_t crc = modbus_crc(ret, n + 1);
    ret[n + 1] = (uint8_t)crc;
    ret[n + 2] = (uint8_t)(crc >> 8);
    return n + 3;
}

static size_t write_ascii(uint8_t unit, const uint8_t *pdu, size_t n, uint8_t *ret)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t bytes[MODBUS_PDU_MAX + 2];
    size_t at = 0;
    bytes[0] = unit;
    memcpy(bytes + 1, pdu, n);
    bytes[n + 1] = modbus_lrc(bytes, n + 1);
    ret[at++] = ':';
    for (size_t i = 0; i < n + 2; i++) {
        ret[at++] = (uint8_t)digits[bytes[i] >> 4];
        ret[at++] = (uint8_t)digits[bytes[i] & 15];
    }
    ret[at++] = '\r';
    ret[at++] = '\n';
    return at;
}

size_t modbus_frame_write(enum modbus_framing framing, uint16_t transaction, uint8_t unit,
                          const uint8_t *pdu, size_t n, uint8_t ret[MODBUS_FRAME_MAX])
{
    if (n == 0 || n > MODBUS_PDU_MAX) {
        return 0;
    }
    if (framing == MODBUS_TCP) {
        return write_tcp(transaction, unit, pdu, n, ret);
    }
    return framing == MODBUS_RTU ? write_rtu(unit, pdu, n, ret) : write_ascii(unit, pdu, n, ret);
}

/* ---- in ------------------------------------------------------------------------------------ */

void modbus_decoder_init(struct modbus_decoder *d, enum modbus_framing framing)
{
    *d = (struct modbus_decoder){.framing = framing};
}

void modbus_decoder_reset(struct modbus_decoder *d)
{
    d->first = d->n = 0;
    d->in_text = d->full = d->odd = false;
}

static void drop(struct modbus_decoder *d, size_t n)
{
    d->first = (uint16_t)(d->first + n);
    d->n = (uint16_t)(d->n - n);
}

/* Bytes that belong to nothing. */
static void pass_over(struct modbus_decoder *d, size_t n)
{
    d->damaged += n > 0;
    drop(d, n);
}

/* ---- ASCII: its marks say where a frame begins and ends ------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void text_fails(struct modbus_decoder *d)
{
    d->damaged++;
    modbus_decoder_reset(d);
}

/* Unit, function, code or byte count, LRC. */
static bool text_is_frame(const struct modbus_decoder *d)
{
    return !d->odd && d->n >= 3 && d->n <= MODBUS_PDU_MAX + 2 && modbus_lrc(d->bytes, d->n) == 0;
}

static void take_digit(struct modbus_decoder *d, int digit)
{
    if (d->n > MODBUS_PDU_MAX + 2) {
        text_fails(d);
    } else if (d->odd) {
        d->bytes[d->n - 1] = (uint8_t)(d->bytes[d->n - 1] | digit);
        d->odd = false;
    } else {
        d->bytes[d->n++] = (uint8_t)(digit << 4);
        d->odd = true;
    }
}

static void take_character(struct modbus_decoder *d, uint8_t c)
{
    int digit = hex_digit(c);
    if (c == ':') {
        d->damaged += d->in_text; /* the one before has no end */
        modbus_decoder_reset(d);
        d->in_text = true;
    } else if (!d->in_text) {
        d->damaged += c != '\n' && c != '\r'; /* of a frame that is over */
    } else if (digit >= 0) {
        take_digit(d, digit);
    } else if (c == '\n' && text_is_frame(d)) {
        d->full = true;
    } else if (c != '\r') {
        text_fails(d);
    }
}

static size_t put_text(struct modbus_decoder *d, const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    while (i < n && !d->full) {
        take_character(d, bytes[i++]);
    }
    return i;
}

static bool next_text(struct modbus_decoder *d, struct modbus_frame *ret)
{
    if (!d->full) {
        return false;
    }
    *ret = (struct modbus_frame){.unit = d->bytes[0], .pdu = d->bytes + 1, .n = d->n - 2u};
    modbus_decoder_reset(d);
    return true;
}

/* ---- TCP: a header with a length ------------------------------------------------------------ */

static size_t tcp_length(const uint8_t *head)
{
    size_t n = (size_t)head[4] << 8 | head[5];
    bool sound = head[2] == 0 && head[3] == 0 && n >= 2 && n <= MODBUS_PDU_MAX + 1;
    return sound ? n : 0;
}

static bool next_tcp(struct modbus_decoder *d, struct modbus_frame *ret)
{
    const uint8_t *at = d->bytes + d->first;
    size_t skip = 0;
    while (d->n - skip >= 6 && tcp_length(at + skip) == 0) {
        skip++;
    }
    pass_over(d, skip);
    at += skip;
    size_t n = d->n >= 6 ? tcp_length(at) : 0;
    if (n == 0 || d->n < 6 + n) {
        return false;
    }
    *ret = (struct modbus_frame){.transaction = (uint16_t)(at[0] << 8 | at[1]),
                                 .unit = at[6],
                                 .pdu = at + MBAP_SIZE,
                                 .n = n - 1};
    drop(d, 6 + n);
    return true;
}

/* ---- RTU ----------------------------------------------------------------------------------- */

enum { SHORT = 0, NONE = RTU_MAX + 1 };

/* Bytes of the answer that begins here, checksum included; SHORT: not to be seen yet; NONE: there is no such answer. */
static size_t rtu_length(const uint8_t *at, size_t n)
{
    if (n < 2) {
        return SHORT;
    }
    uint8_t function = at[1];
    if (function & 0x80) {
        return RTU_MIN;
    }
    switch (function) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 23:
        return n < 3 ? SHORT : at[2] == 0 || at[2] > MODBUS_PDU_MAX - 2 ? NONE : 5u + at[2];
    case 5:
    case 6:
    case 8:
    case 15:
    case 16:
        return 8;
    case 22:
        return 10;
    default:
        return NONE;
    }
}

static bool rtu_is_sound(const uint8_t *at, size_t n)
{
    return modbus_crc(at, n - 2) == (at[n - 2] | at[n - 1] << 8);
}

/* May what begins here become the answer that is waited for? */
static bool is_expected(const struct modbus_expected *e, const uint8_t *at, size_t n)
{
    if (e->function == 0 || at[0] != e->unit) {
        return false;
    }
    if (n < 2) {
        return true;
    }
    if (at[1] & 0x80) {
        return at[1] == (e->function | 0x80) || at[1] == 0x80;
    }
    size_t length = rtu_length(at, n);
    return at[1] == e->function && (length == SHORT || length == e->n + 3u);
}

/*
 * The first sound frame. What looks like the begin of another one, all of it not there yet, may be noise: what is
 * waited for is found behind it, nothing else is. The answer itself, once begun, is not looked into.
 */
static bool find_rtu(const struct modbus_decoder *d, const struct modbus_expected *e,
                     size_t *ret_keep, size_t *ret_at, size_t *ret_n)
{
    const uint8_t *bytes = d->bytes + d->first;
    size_t keep = d->n;
    for (size_t at = 0; at < d->n; at++) {
        size_t left = d->n - at;
        size_t length = rtu_length(bytes + at, left);
        if (length == NONE) {
            continue;
        }
        bool wanted = is_expected(e, bytes + at, left);
        if (length == SHORT || length > left) {
            keep = keep < at ? keep : at;
            if (wanted) {
                break;
            }
        } else if ((wanted || keep == d->n) && rtu_is_sound(bytes + at, length)) {
            *ret_at = at;
            *ret_n = length;
            return true;
        }
    }
    *ret_keep = keep;
    return false;
}

static bool next_rtu(struct modbus_decoder *d, const struct modbus_expected *expected,
                     struct modbus_frame *ret)
{
    size_t keep = 0, at = 0, n = 0;
    if (!find_rtu(d, expected, &keep, &at, &n)) {
        pass_over(d, keep);
        return false;
    }
    pass_over(d, at);
    const uint8_t *bytes = d->bytes + d->first;
    *ret = (struct modbus_frame){.unit = bytes[0], .pdu = bytes + 1, .n = n - 3};
    drop(d, n);
    return true;
}

size_t modbus_decoder_put(struct modbus_decoder *d, const uint8_t *bytes, size_t n)
{
    if (d->framing == MODBUS_ASCII) {
        return put_text(d, bytes, n);
    }
    if (d->first > 0) {
        memmove(d->bytes, d->bytes + d->first, d->n);
        d->first = 0;
    }
    size_t room = sizeof(d->bytes) - d->n;
    n = n < room ? n : room;
    memcpy(d->bytes + d->n, bytes, n);
    d->n = (uint16_t)(d->n + n);
    return n;
}

bool modbus_decoder_next(struct modbus_decoder *d, const struct modbus_expected *expected,
                         struct modbus_frame *ret)
{
    if (d->framing == MODBUS_ASCII) {
        return next_text(d, ret);
    }
    return d->framing == MODBUS_TCP ? next_tcp(d, ret) : next_rtu(d, expected, ret);
}
