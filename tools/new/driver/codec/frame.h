/** Frames of the simulated device: bytes in, bytes out; no socket, no clock. All numbers are big-endian.
 *
 *   0 bytes of the body u8: 6    1 command u8    2 point u8    3 value i32    7 checksum u8: the sum of 0..6, inverted
 */
#ifndef SAMPLE_FRAME_H
#define SAMPLE_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { SAMPLE_BODY = 6, SAMPLE_FRAME_SIZE = SAMPLE_BODY + 2 };
enum sample_command { SAMPLE_GET = 1, SAMPLE_SET, SAMPLE_VALUE, SAMPLE_REFUSED };

struct sample_frame {
    uint8_t command, point;
    int32_t value;
};

enum sample_got {
    SAMPLE_GOT,   /* a frame */
    SAMPLE_MORE,  /* the beginning of one */
    SAMPLE_NOISE, /* none */
};

/** Writes SAMPLE_FRAME_SIZE bytes. */
void sample_frame_put(const struct sample_frame *frame, uint8_t *to);
/** What @p n bytes begin with; *ret where it is a frame. *used bytes are done with: all of a frame, one of noise. */
enum sample_got sample_frame_get(const uint8_t *from, size_t n, struct sample_frame *ret,
                                 size_t *used);

#endif
