/** What is asked of a unit and what it answers: function codes 1 to 6, 8, 15, 16 and 22, and exceptions. */
#ifndef MODBUS_PDU_H
#define MODBUS_PDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/modbus_frame.h"

enum modbus_function {
    MODBUS_READ_COILS = 1,
    MODBUS_READ_DISCRETE_INPUTS = 2,
    MODBUS_READ_HOLDING_REGISTERS = 3,
    MODBUS_READ_INPUT_REGISTERS = 4,
    MODBUS_WRITE_COIL = 5,
    MODBUS_WRITE_REGISTER = 6,
    MODBUS_ECHO = 8, /* diagnostics, "return query data" */
    MODBUS_WRITE_COILS = 15,
    MODBUS_WRITE_REGISTERS = 16,
    MODBUS_MASK_REGISTER = 22,
};

enum {
    MODBUS_MAX_BITS = 2000,
    MODBUS_MAX_REGISTERS = 125,
    MODBUS_MAX_BITS_WRITTEN = 1968,
    MODBUS_MAX_REGISTERS_WRITTEN = 123,
};

struct modbus_query {
    uint8_t function;
    uint16_t address;
    uint16_t count;      /* of bits or registers */
    uint16_t value, and; /* of 5, 6 and 8; of 22: or, and */
    const uint8_t *data; /* of 15 and 16, as the wire has it */
};

enum modbus_verdict { MODBUS_GOOD, MODBUS_REFUSED, MODBUS_MISFIT };

/** How many bytes. */
size_t modbus_query_write(const struct modbus_query *q, uint8_t ret[MODBUS_PDU_MAX]);
/** Bytes of the PDU of its good answer. */
size_t modbus_query_answer_size(const struct modbus_query *q);
/** REFUSED: because of @p ret_code. MISFIT: it is no answer to this. The data of a read begins at pdu[2]. */
enum modbus_verdict modbus_answer_check(const struct modbus_query *q, const uint8_t *pdu, size_t n,
                                        uint8_t *ret_code);
/** "illegal data address" */
const char *modbus_exception_text(uint8_t code);

#endif
