/** The codec's suite. */
#ifndef TEST_FRAME_H
#define TEST_FRAME_H

#include <devsdk/test.h>

void test_frames(devsdk_test *t);

#endif
