/* The driver without platform, broker or network. RES is the folder of its configuration. */
#include "device_example.h"

#include <devsdk/test.h>
#include <string.h>

#include "test_frame.h"

static void test_reads_and_writes(devsdk_test *t)
{
    const devsdk_test_result *r = devsdk_test_read(t, "example-1", "Level", NULL);
    DEVSDK_EXPECT(t, r->status == 200);
    DEVSDK_EXPECT_TEXT(t, devsdk_test_value(r, "Level"), "100");
    r = devsdk_test_write(t, "example-1", "Level", "{\"Level\": \"42\"}");
    DEVSDK_EXPECT(t, r->status == 200);
    DEVSDK_EXPECT_TEXT(
        t, devsdk_test_value(devsdk_test_read(t, "example-1", "Status", NULL), "Level"), "42");
}

static void test_errors_are_named(devsdk_test *t)
{
    const devsdk_test_result *r =
        devsdk_test_write(t, "example-1", "Level", "{\"Level\": \"a lot\"}");
    DEVSDK_EXPECT(t, r->status == 400);
    DEVSDK_EXPECT(t, devsdk_test_device(
                         t, "{name: x, profileName: example, protocols: {example: {}}}") == 500);
    DEVSDK_EXPECT(t, strstr(devsdk_test_text(t), "Host: is missing") != NULL);
}

static void test_reads_by_itself(devsdk_test *t)
{
    devsdk_test_skip(t, 20000); /* two turns of the auto event in res/devices */
    const devsdk_test_result *e = devsdk_test_event(t, "example-1", "Status", 1000);
    if (DEVSDK_EXPECT(t, e != NULL)) {
        DEVSDK_EXPECT(t, e->n == 3);
    }
}

/* Hours pass at once: the clock of the kit is its own. */
static void test_a_silent_one_is_down_and_asked_again(devsdk_test *t)
{
    DEVSDK_EXPECT(t, devsdk_test_device(t, "{name: x, profileName: example, protocols: "
                                           "{example: {Host: nowhere}}}") == 201);
    DEVSDK_EXPECT(t, devsdk_test_is_up(t, "x"));
    for (int i = 0; i < 3; i++) { /* Device.AllowedFails of res/configuration.yaml */
        const devsdk_test_result *r = devsdk_test_read(t, "x", "Level", NULL);
        DEVSDK_EXPECT(t, r->status == 500);
    }
    for (int i = 0; i < 60 && devsdk_test_is_up(t, "x"); i++) {
        devsdk_test_skip(t, 1000);
    }
    DEVSDK_EXPECT(t, !devsdk_test_is_up(t, "x"));
    DEVSDK_EXPECT(t, devsdk_test_is_up(t, "example-1")); /* it delays nobody else */
}

int main(void)
{
    devsdk_test *t = devsdk_test_start_in(&device_example, RES);
    DEVSDK_EXPECT(t, devsdk_test_status(t) == 200);
    test_reads_and_writes(t);
    test_errors_are_named(t);
    test_reads_by_itself(t);
    test_a_silent_one_is_down_and_asked_again(t);
    test_frames(t);
    return devsdk_test_stop(t) == 0 ? 0 : 1;
}
