/** Registers and coils to values and back: width, sign, order of bytes and words, bits, texts. */
#ifndef MODBUS_VALUE_H
#define MODBUS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What stands in the registers; the register with the lower address is the high word. */
enum modbus_raw {
    MODBUS_RAW_NONE,
    MODBUS_INT16,
    MODBUS_UINT16,
    MODBUS_INT32,
    MODBUS_UINT32,
    MODBUS_INT64,
    MODBUS_UINT64,
    MODBUS_FLOAT32,
    MODBUS_FLOAT64,
};

struct modbus_format {
    uint8_t raw;       /* enum modbus_raw */
    bool byte_swap;    /* the two bytes of each register */
    bool word_swap;    /* the first register is the low word */
    uint8_t bit, bits; /* bits > 0: so many of one register (INT16, UINT16), from this one on */
};

struct modbus_number {
    enum { MODBUS_SIGNED, MODBUS_UNSIGNED, MODBUS_REAL } kind;
    union {
        int64_t i;
        uint64_t u;
        double f;
    };
};

/** Registers one value takes. */
unsigned modbus_raw_registers(enum modbus_raw raw);

/** @p at: the registers, as the wire has them. */
struct modbus_number modbus_number_get(const struct modbus_format *f, const uint8_t *at);
/** False where it does not fit; a fraction is rounded. Not for formats with bits: see modbus_field_put(). */
bool modbus_number_put(const struct modbus_format *f, const struct modbus_number *v, uint8_t *ret);
/** The masks that write it and leave the other bits alone: register = (register and and) or or. */
bool modbus_field_put(const struct modbus_format *f, const struct modbus_number *v,
                      uint16_t *ret_and, uint16_t *ret_or);

/** The text up to its NUL, NULs in front left out: how many bytes of @p ret (2 x @p registers at most). */
size_t modbus_text_get(bool byte_swap, const uint8_t *at, size_t registers, char *ret);
/** Filled up with NULs; false where it is too long. */
bool modbus_text_put(bool byte_swap, const char *text, size_t n, size_t registers, uint8_t *ret);

/** Is it UTF-8, as texts on the way have to be? */
bool modbus_text_is_sound(const char *text, size_t n);

bool modbus_bit_get(const uint8_t *at, size_t i);
void modbus_bit_put(uint8_t *at, size_t i, bool value);

#endif
