/*
 * Bytes as a Modbus unit may send them, in any pieces, on each kind of line. Whatever comes out of a decoder is a
 * sound frame: written again it is what came in. And what was garbage in front does not keep a frame from being
 * found once the line was silent.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec/modbus_pdu.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool contains(const uint8_t *bytes, size_t n, const uint8_t *frame, size_t size)
{
    return memmem(bytes, n, frame, size) != NULL;
}

/* ASCII may come in small letters, with or without CR: compared as bytes. */
static void check_frame(enum modbus_framing framing, const struct modbus_frame *f,
                        const uint8_t *bytes, size_t n)
{
    uint8_t frame[MODBUS_FRAME_MAX];
    assert(f->n >= 1 && f->n <= MODBUS_PDU_MAX);
    size_t size = modbus_frame_write(framing, f->transaction, f->unit, f->pdu, f->n, frame);
    assert(size > 0);
    assert(framing == MODBUS_ASCII || contains(bytes, n, frame, size));
}

static void decode(enum modbus_framing framing, const struct modbus_expected *e, size_t piece,
                   const uint8_t *bytes, size_t n)
{
    struct modbus_decoder d;
    struct modbus_frame f;
    modbus_decoder_init(&d, framing);
    for (size_t at = 0; at < n;) {
        size_t took = modbus_decoder_put(&d, bytes + at, n - at < piece ? n - at : piece);
        assert(took > 0);
        at += took;
        while (modbus_decoder_next(&d, e, &f)) {
            struct modbus_query q = {.function = e->function, .count = 3};
            uint8_t code;
            (void)modbus_answer_check(&q, f.pdu, f.n, &code);
            check_frame(framing, &f, bytes, n);
        }
    }
    const uint8_t pdu[] = {3, 6, 1, 2, 3, 4, 5, 6};
    uint8_t frame[MODBUS_FRAME_MAX];
    modbus_decoder_reset(&d);
    size_t size = modbus_frame_write(framing, 9, e->unit, pdu, sizeof(pdu), frame);
    assert(modbus_decoder_put(&d, frame, size) == size);
    assert(modbus_decoder_next(&d, e, &f));
    assert(f.n == sizeof(pdu) && memcmp(f.pdu, pdu, f.n) == 0 && f.unit == e->unit);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < 2) {
        return 0;
    }
    struct modbus_expected e = {bytes[0], 3, 8};
    size_t piece = 1u + bytes[1] % 64;
    for (int framing = MODBUS_TCP; framing <= MODBUS_ASCII; framing++) {
        decode((enum modbus_framing)framing, &e, piece, bytes + 2, n - 2);
    }
    return 0;
}
