/* Whatever comes, the codec moves on, and a frame it takes is the one it would write. */
#include "codec/sample_frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        struct sample_frame frame;
        uint8_t again[SAMPLE_FRAME_SIZE];
        size_t used;
        enum sample_got got = sample_frame_get(bytes, n, &frame, &used);
        if (got == SAMPLE_MORE) {
            break;
        }
        if (used == 0 || used > n) {
            abort();
        }
        if (got == SAMPLE_GOT) {
            sample_frame_put(&frame, again);
            if (used != sizeof(again) || memcmp(again, bytes, used) != 0) {
                abort();
            }
        }
        bytes += used;
        n -= used;
    }
    return 0;
}
