/**
 * Modbus frames: what stands around a PDU on a TCP connection (MBAP), on a serial line (RTU) and on one that
 * carries text (ASCII). Writing is one call; reading is a decoder that takes bytes as they come, in any pieces,
 * and finds its way back after garbage. No clock: silence on the line is the caller's.
 */
#ifndef MODBUS_FRAME_H
#define MODBUS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum modbus_framing { MODBUS_TCP, MODBUS_RTU, MODBUS_ASCII };

enum {
    MODBUS_PDU_MAX = 253,   /* of the function code and what follows */
    MODBUS_FRAME_MAX = 513, /* of any framing: ':', 2 x (unit, PDU, LRC), CR, LF */
};

struct modbus_frame {
    uint16_t transaction; /* TCP only */
    uint8_t unit;
    const uint8_t *pdu; /* at least one byte; the decoder's, until it is called again */
    size_t n;
};

/** What is waited for. On a serial line, where nothing but a checksum says where a frame begins, it tells an
 * answer that is under way from noise. */
struct modbus_expected {
    uint8_t unit, function; /* function 0: nothing is waited for */
    uint8_t n;              /* bytes of the PDU of the good answer */
};

/** How many bytes the frame has; 0: no PDU has that length. */
size_t modbus_frame_write(enum modbus_framing framing, uint16_t transaction, uint8_t unit,
                          const uint8_t *pdu, size_t n, uint8_t ret[MODBUS_FRAME_MAX]);

struct modbus_decoder {
    enum modbus_framing framing;
    uint16_t first, n;       /* what is there, in bytes[] */
    bool in_text, full, odd; /* ASCII: behind a ':', at the end of a frame, half a byte is there */
    uint32_t damaged;        /* stretches of garbage passed over */
    uint8_t bytes[260];
};

void modbus_decoder_init(struct modbus_decoder *d, enum modbus_framing framing);
/** Forget what is there: the line was silent, or is a new one. */
void modbus_decoder_reset(struct modbus_decoder *d);
/** How many of @p n bytes it took. Ask for frames, then go on with the rest. */
size_t modbus_decoder_put(struct modbus_decoder *d, const uint8_t *bytes, size_t n);
/** The next frame whose checksum or header is right, whoever it is for; false: more bytes are needed. */
bool modbus_decoder_next(struct modbus_decoder *d, const struct modbus_expected *expected,
                         struct modbus_frame *ret);

uint16_t modbus_crc(const uint8_t *bytes, size_t n);
uint8_t modbus_lrc(const uint8_t *bytes, size_t n);

#endif
