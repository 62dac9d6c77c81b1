/* The codec: what it writes it reads, and nothing else. */
#include "test_frame.h"

#include "codec/sample_frame.h"

static const struct sample_frame frames[] = {
    {SAMPLE_GET,     0,   0        },
    {SAMPLE_SET,     1,   -1       },
    {SAMPLE_VALUE,   255, INT32_MAX},
    {SAMPLE_REFUSED, 2,   INT32_MIN},
};

static void test_the_way_back(devsdk_test *t)
{
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        uint8_t bytes[SAMPLE_FRAME_SIZE];
        struct sample_frame got = {0};
        size_t used = 0;
        sample_frame_put(&frames[i], bytes);
        DEVSDK_EXPECT(t, sample_frame_get(bytes, sizeof(bytes), &got, &used) == SAMPLE_GOT);
        DEVSDK_EXPECT(t, used == sizeof(bytes));
        DEVSDK_EXPECT(t, got.command == frames[i].command && got.point == frames[i].point &&
                             got.value == frames[i].value);
    }
}

static void test_as_it_is_written(devsdk_test *t)
{
    static const uint8_t expect[] = {6, 3, 1, 0, 0, 0x10, 0xe1, 0x04};
    uint8_t bytes[SAMPLE_FRAME_SIZE];
    sample_frame_put(&(struct sample_frame){SAMPLE_VALUE, 1, 4321}, bytes);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        DEVSDK_EXPECT(t, bytes[i] == expect[i]);
    }
}

/* Cut at every byte it waits for more; with any bit wrong it is none. */
static void test_cut_and_damaged(devsdk_test *t)
{
    uint8_t bytes[SAMPLE_FRAME_SIZE];
    struct sample_frame got;
    size_t used;
    sample_frame_put(&frames[1], bytes);
    for (size_t n = 0; n < sizeof(bytes); n++) {
        DEVSDK_EXPECT(t, sample_frame_get(bytes, n, &got, &used) == SAMPLE_MORE && used == 0);
    }
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        DEVSDK_EXPECT(t, sample_frame_get(bytes, sizeof(bytes), &got, &used) == SAMPLE_NOISE);
        DEVSDK_EXPECT(t, used == 1);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

void test_frames(devsdk_test *t)
{
    test_the_way_back(t);
    test_as_it_is_written(t);
    test_cut_and_damaged(t);
}
