#include "codec/modbus_plan.h"

#include <stdbool.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct modbus_span *x = a, *y = b;
    long kx = (long)x->unit << 8 | x->function, ky = (long)y->unit << 8 | y->function;
    if (kx != ky) {
        return kx < ky ? -1 : 1;
    }
    if (x->address != y->address) {
        return x->address < y->address ? -1 : 1;
    }
    return x->item < y->item ? -1 : x->item > y->item;
}

static uint32_t end_of(uint16_t address, uint16_t count)
{
    return (uint32_t)address + count;
}

static bool joins(const struct modbus_block *b, uint16_t most, const struct modbus_span *s)
{
    uint32_t end = end_of(b->address, b->count), new_end = end_of(s->address, s->count);
    new_end = new_end > end ? new_end : end;
    return b->unit == s->unit && b->function == s->function && s->address <= end + s->max_gap &&
           new_end - b->address <= most;
}

static uint16_t smaller(uint16_t a, uint16_t b)
{
    return a < b ? a : b;
}

size_t modbus_plan(struct modbus_span *spans, size_t n, struct modbus_block *ret)
{
    size_t n_blocks = 0;
    uint16_t most = 0; /* of the block at hand */
    qsort(spans, n, sizeof(*spans), compare);
    for (size_t i = 0; i < n; i++) {
        const struct modbus_span *s = &spans[i];
        struct modbus_block *b = n_blocks > 0 ? &ret[n_blocks - 1] : NULL;
        if (b && joins(b, smaller(most, s->max_count), s)) {
            uint32_t end = end_of(b->address, b->count), new_end = end_of(s->address, s->count);
            b->count = (uint16_t)((new_end > end ? new_end : end) - b->address);
            b->n++;
            most = smaller(most, s->max_count);
            continue;
        }
        ret[n_blocks++] = (struct modbus_block){.unit = s->unit,
                                                .function = s->function,
                                                .address = s->address,
                                                .count = s->count,
                                                .first = (uint32_t)i,
                                                .n = 1};
        most = s->max_count;
    }
    return n_blocks;
}
