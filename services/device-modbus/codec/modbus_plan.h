/** Which reads fetch what is wanted: few, none too large, none over more foreign registers than allowed. */
#ifndef MODBUS_PLAN_H
#define MODBUS_PLAN_H

#include <stddef.h>
#include <stdint.h>

/** Something wanted. */
struct modbus_span {
    uint8_t unit, function; /* one that reads */
    uint16_t address, count;
    uint16_t max_gap;   /* between it and the one before */
    uint16_t max_count; /* of the read it is part of */
    uint32_t item;      /* the caller's */
};

/** A read; spans [first, first + n) are inside. */
struct modbus_block {
    uint8_t unit, function;
    uint16_t address, count;
    uint32_t first, n;
};

/** Sorts @p spans; returns how many blocks, at most @p n, there are in @p ret. A span that is larger than its
 * max_count is a block of its own. */
size_t modbus_plan(struct modbus_span *spans, size_t n, struct modbus_block *ret);

#endif
