#include "codec/modbus_pdu.h"

#include <string.h>

static void put16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static size_t data_size(const struct modbus_query *q)
{
    bool bits = q->function == MODBUS_READ_COILS || q->function == MODBUS_READ_DISCRETE_INPUTS ||
                q->function == MODBUS_WRITE_COILS;
    return bits ? (q->count + 7u) / 8 : 2u * q->count;
}

/* The part that good answers to writes repeat. */
static size_t write_head(const struct modbus_query *q, uint8_t *ret)
{
    ret[0] = q->function;
    put16(ret + 1, q->address);
    switch (q->function) {
    case MODBUS_WRITE_COIL:
        put16(ret + 3, q->value ? 0xff00 : 0);
        return 5;
    case MODBUS_WRITE_REGISTER:
    case MODBUS_ECHO:
        put16(ret + 3, q->value);
        return 5;
    case MODBUS_MASK_REGISTER:
        put16(ret + 3, q->and);
        put16(ret + 5, q->value);
        return 7;
    default:
        put16(ret + 3, q->count);
        return 5;
    }
}

size_t modbus_query_write(const struct modbus_query *q, uint8_t ret[MODBUS_PDU_MAX])
{
    size_t n = write_head(q, ret);
    if (q->function != MODBUS_WRITE_COILS && q->function != MODBUS_WRITE_REGISTERS) {
        return n;
    }
    size_t size = data_size(q);
    ret[n] = (uint8_t)size;
    memcpy(ret + n + 1, q->data, size);
    return n + 1 + size;
}

static bool is_read(const struct modbus_query *q)
{
    return q->function <= MODBUS_READ_INPUT_REGISTERS;
}

size_t modbus_query_answer_size(const struct modbus_query *q)
{
    if (is_read(q)) {
        return 2 + data_size(q);
    }
    return q->function == MODBUS_MASK_REGISTER ? 7 : 5;
}

enum modbus_verdict modbus_answer_check(const struct modbus_query *q, const uint8_t *pdu, size_t n,
                                        uint8_t *ret_code)
{
    /* A server that could not make out the question has no function code to answer with: 0x80. */
    if (n == 2 && (pdu[0] == (q->function | 0x80) || pdu[0] == 0x80)) {
        *ret_code = pdu[1];
        return MODBUS_REFUSED;
    }
    if (n != modbus_query_answer_size(q) || pdu[0] != q->function) {
        return MODBUS_MISFIT;
    }
    if (is_read(q)) {
        return pdu[1] == n - 2 ? MODBUS_GOOD : MODBUS_MISFIT;
    }
    uint8_t head[7];
    return memcmp(pdu, head, write_head(q, head)) == 0 ? MODBUS_GOOD : MODBUS_MISFIT;
}

static const char *const exceptions[] = {
    [1] = "illegal function",
    [2] = "illegal data address",
    [3] = "illegal data value",
    [4] = "device failure",
    [5] = "acknowledged, not done yet",
    [6] = "device busy",
    [7] = "negative acknowledgement",
    [8] = "memory parity error",
    [10] = "gateway: no path to the unit",
    [11] = "gateway: the unit does not answer",
};

const char *modbus_exception_text(uint8_t code)
{
    bool known = code < sizeof(exceptions) / sizeof(exceptions[0]) && exceptions[code];
    return known ? exceptions[code] : "unknown exception";
}
