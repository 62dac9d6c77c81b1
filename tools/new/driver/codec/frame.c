/* See sample_frame.h. */
#include "codec/sample_frame.h"

static uint8_t checksum(const uint8_t *bytes)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < SAMPLE_FRAME_SIZE - 1; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return (uint8_t)~sum;
}

void sample_frame_put(const struct sample_frame *frame, uint8_t *to)
{
    uint32_t value = (uint32_t)frame->value;
    to[0] = SAMPLE_BODY;
    to[1] = frame->command;
    to[2] = frame->point;
    for (int i = 0; i < 4; i++) {
        to[3 + i] = (uint8_t)(value >> (24 - 8 * i));
    }
    to[SAMPLE_FRAME_SIZE - 1] = checksum(to);
}

enum sample_got sample_frame_get(const uint8_t *from, size_t n, struct sample_frame *ret,
                                 size_t *used)
{
    *used = 0;
    if (n > 0 && from[0] != SAMPLE_BODY) {
        *used = 1;
        return SAMPLE_NOISE;
    }
    if (n < SAMPLE_FRAME_SIZE) {
        return SAMPLE_MORE;
    }
    if (from[SAMPLE_FRAME_SIZE - 1] != checksum(from)) {
        *used = 1; /* a frame may begin within */
        return SAMPLE_NOISE;
    }
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value = value << 8 | from[3 + i];
    }
    *ret = (struct sample_frame){.command = from[1], .point = from[2], .value = (int32_t)value};
    *used = SAMPLE_FRAME_SIZE;
    return SAMPLE_GOT;
}
