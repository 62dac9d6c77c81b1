/**
 * The journeys of readings, commands and changes through the whole platform; the same tests for
 * each shape it runs in. A suite is this list with SHAPE defined.
 */
#ifndef TESTS_JOURNEYS_H
#define TESTS_JOURNEYS_H

#include "platform.h"
#include "suites.h"

/* name, what it shows */
#define JOURNEYS(X)                                                                                \
    X(readings_arrive, "readings of the virtual devices arrive and can be queried")                \
    X(commands_read_and_write, "commands read and change a device")                                \
    X(posted_events_are_stored, "events posted are stored, queried and deleted")                   \
    X(restart_keeps_everything, "a restart keeps what was acknowledged")                           \
    X(devices_come_and_go, "devices are added, locked and removed while running")                  \
    X(odd_names_travel, "readings arrive whatever characters names have")                          \
    X(profiles_are_uploaded, "profiles are uploaded, used and protected")                          \
    X(bad_input_is_refused, "bad input is refused and changes nothing")                            \
    X(drivers_judge_devices, "a device its driver refuses is not stored")                          \
    X(common_endpoints_answer, "ping, version, config, metrics answer everywhere")                 \
    X(deletions_are_followed, "readings of a device can be purged")                                \
    X(configuration_is_served, "the common configuration and the registry are there, and stay")

#define DECLARE(name, text) void journey_##name(enum platform_shape shape);
JOURNEYS(DECLARE)
#undef DECLARE

#define JOURNEY_SUITE(suite, shape)                                                                \
    JOURNEYS(JOURNEY_IN_##shape)                                                                   \
    CU_TestInfo suite[] = {JOURNEYS(JOURNEY_ROW) CU_TEST_INFO_NULL}
#define JOURNEY_ROW(name, text) {text, run_##name},
#define JOURNEY_IN_SHAPE_ONE(name, text)                                                           \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        journey_##name(SHAPE_ONE);                                                                 \
    }
#define JOURNEY_IN_SHAPE_SPLIT(name, text)                                                         \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        journey_##name(SHAPE_SPLIT);                                                               \
    }
#define JOURNEY_IN_SHAPE_STACK(name, text)                                                         \
    static void run_##name(void)                                                                   \
    {                                                                                              \
        journey_##name(SHAPE_STACK);                                                               \
    }

#endif
