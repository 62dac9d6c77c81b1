/*
 * Plans of bulk reads over any resources, and values over any registers. A plan has each resource once, inside a
 * read that is no larger than any of its resources allows; a value read and written again gives the registers it
 * came from.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "codec/modbus_plan.h"
#include "codec/modbus_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MOST = 64, SPAN_BYTES = 6 };

static void check_block(const struct modbus_block *b, const struct modbus_span *spans, bool *seen)
{
    uint32_t reached = b->address;
    for (uint32_t i = b->first; i < b->first + b->n; i++) {
        const struct modbus_span *s = &spans[i];
        assert(!seen[s->item]);
        seen[s->item] = true;
        assert(s->unit == b->unit && s->function == b->function);
        assert(s->address >= b->address && s->address + s->count <= b->address + b->count);
        assert(b->n == 1 || b->count <= s->max_count);
        assert(s->address <= reached + s->max_gap);
        reached = s->address + s->count > (int)reached ? s->address + s->count : reached;
    }
    assert(reached == (uint32_t)b->address + b->count);
}

static void plan(const uint8_t *bytes, size_t n)
{
    struct modbus_span spans[MOST];
    struct modbus_block blocks[MOST];
    bool seen[MOST] = {0};
    size_t n_spans = 0, n_seen = 0;
    for (; n_spans < MOST && n >= SPAN_BYTES; n -= SPAN_BYTES, bytes += SPAN_BYTES) {
        spans[n_spans] = (struct modbus_span){.unit = bytes[0] & 3,
                                              .function = 1 + (bytes[0] >> 2 & 3),
                                              .address = (uint16_t)(bytes[1] << 8 | bytes[2]),
                                              .count = 1 + bytes[3] % 125,
                                              .max_gap = bytes[4] & 15,
                                              .max_count = 1 + bytes[5] % 125,
                                              .item = (uint32_t)n_spans};
        if (spans[n_spans].address + spans[n_spans].count > 65536) {
            spans[n_spans].count = 1;
        }
        n_spans++;
    }
    size_t n_blocks = modbus_plan(spans, n_spans, blocks);
    assert(n_blocks <= n_spans);
    for (size_t i = 0; i < n_blocks; i++) {
        check_block(&blocks[i], spans, seen);
    }
    for (size_t i = 0; i < n_spans; i++) {
        n_seen += seen[i];
    }
    assert(n_seen == n_spans);
}

static bool is_nan(const struct modbus_number *v)
{
    return v->kind == MODBUS_REAL && isnan(v->f);
}

static void convert(const uint8_t *bytes, size_t n)
{
    if (n < 10) {
        return;
    }
    struct modbus_format f = {
        .raw = 1 + bytes[0] % 8, .byte_swap = bytes[0] >> 4 & 1, .word_swap = bytes[0] >> 5 & 1};
    size_t size = 2u * modbus_raw_registers(f.raw);
    uint8_t back[8];
    struct modbus_number v = modbus_number_get(&f, bytes + 2);
    assert(modbus_number_put(&f, &v, back));
    /* A signalling NaN becomes a quiet one on its way through a double. */
    assert(is_nan(&v) || memcmp(back, bytes + 2, size) == 0);

    f.raw = MODBUS_INT16 + (bytes[0] & 1);
    f.bit = bytes[1] & 15;
    f.bits = (uint8_t)(1 + (bytes[1] >> 4) % (16 - f.bit));
    v = modbus_number_get(&f, bytes + 2);
    uint16_t and, or ;
    assert(modbus_field_put(&f, &v, &and, & or));
    uint16_t reg = (uint16_t)(bytes[2] << 8 | bytes[3]);
    assert(((reg & and) | or) == reg);

    char text[8];
    size_t len = modbus_text_get(f.byte_swap, bytes + 2, 4, text);
    assert(len <= 8 && modbus_text_put(f.byte_swap, text, len, 4, back));
    char again[8];
    assert(modbus_text_get(f.byte_swap, back, 4, again) == len && memcmp(text, again, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    convert(bytes, n);
    plan(bytes, n);
    return 0;
}
