/*
 * Units that answer late, for others, twice, in pieces, garbage or not at all. Whatever they do, a value that is told is
 * the right one, a fault is the device's own, and it ends when they mend their ways.
 */
#include <CUnit/CUnit.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device_modbus.h"
#include "modbus_bench.h"

/* ---- one fault at a time ------------------------------------------------------------------------- */

static const struct {
    const char *protocol;
    enum mode mode;
    int times;
    bool answered;  /* the read that meets it succeeds all the same */
    unsigned tries; /* until it does again */
} faults[] = {
    {"modbus-tcp",     SILENT,          1, false, 1},
    {"modbus-tcp",     LATE,            1, false, 1},
    {"modbus-tcp",     OTHER_NUMBER,    1, false, 1},
    {"modbus-tcp",     OTHER_UNIT,      1, true,  1},
    {"modbus-tcp",     OTHER_UNIT_ONLY, 1, true,  1}, /* asked again over a new connection */
    {"modbus-tcp",     OTHER_UNIT_ONLY, 2, false, 1},
    {"modbus-tcp",     OTHER_FUNCTION,  1, true,  1},
    {"modbus-tcp",     OTHER_FUNCTION,  9, false, 1},
    {"modbus-tcp",     OTHER_SIZE,      2, false, 1},
    {"modbus-tcp",     CUT_SHORT,       1, false, 1},
    {"modbus-tcp",     CUT_AND_GONE,    1, true,  1},
    {"modbus-tcp",     CUT_AND_GONE,    2, false, 1},
    {"modbus-tcp",     GARBAGE,         1, true,  1},
    {"modbus-tcp",     GARBAGE,         2, false, 1},
    {"modbus-tcp",     NOISE_IN_FRONT,  1, true,  1},
    {"modbus-tcp",     TWICE,           1, true,  1},
    {"modbus-tcp",     DRIPS,           1, true,  1},
    {"modbus-tcp",     HANGS_UP,        1, true,  1},
    {"modbus-tcp",     HANGS_UP,        2, false, 1},
    {"modbus-rtu",     SILENT,          1, false, 1},
    {"modbus-rtu",     LATE,            1, false, 1},
    {"modbus-rtu",     NO_ECHO,         1, false, 5},
    {"modbus-rtu",     OTHER_UNIT,      1, true,  1},
    {"modbus-rtu",     OTHER_UNIT_ONLY, 1, false, 1},
    {"modbus-rtu",     OTHER_FUNCTION,  1, false, 1},
    {"modbus-rtu",     OTHER_SIZE,      1, false, 1},
    {"modbus-rtu",     CUT_SHORT,       1, false, 1},
    {"modbus-rtu",     GARBAGE,         1, false, 1},
    {"modbus-rtu",     NOISE_IN_FRONT,  1, true,  1},
    {"modbus-rtu",     TWICE,           1, true,  2},
    {"modbus-rtu",     DRIPS,           1, true,  1},
    {"modbus-rtu-tcp", SILENT,          1, false, 1},
    {"modbus-rtu-tcp", LATE,            1, false, 1},
    {"modbus-rtu-tcp", OTHER_UNIT,      1, true,  1},
    {"modbus-rtu-tcp", CUT_AND_GONE,    1, true,  1},
    {"modbus-rtu-tcp", DRIPS,           1, true,  1},
};

static void test_faults_never_make_a_wrong_value(void)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct bench b;
        modbus_bench_make(&b, faults[i].protocol, NULL);
        modbus_bench_device(&b, 1, "Timeout: 150ms");
        CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
        modbus_bench_misbehaves(&b, faults[i].mode, faults[i].times);
        bool answered = modbus_bench_reads(&b, "u1", "R1");
        bool back = modbus_bench_recovers(&b, "u1", faults[i].tries);
        CU_ASSERT_EQUAL(answered, faults[i].answered);
        CU_ASSERT(back);
        if (answered != faults[i].answered || !back) {
            fprintf(stderr, "row %zu: %s mode %d: answered %d, back %d\n", i, faults[i].protocol,
                    (int)faults[i].mode, answered, back);
        }
        CU_ASSERT(modbus_bench_reads(&b, "u1", "R99"));
        CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
        modbus_bench_done(&b);
    }
}

static void test_every_answer_is_late_by_one(void)
{
    static const char *const protocols[] = {"modbus-tcp", "modbus-rtu", "modbus-rtu-tcp"};
    static const enum mode modes[] = {LATE, NO_ECHO};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++) {
            struct bench b;
            modbus_bench_make(&b, protocols[i], NULL);
            modbus_bench_device(&b, 1, "Timeout: 50ms, IdleTimeout: -1");
            modbus_bench_misbehaves(&b, modes[k], -1);
            for (unsigned n = 0; n < 20; n++) {
                (void)modbus_bench_reads(&b, "u1", n % 2 ? "R1" : "R2"); /* asserts what it gets */
            }
            CU_ASSERT(modbus_bench_recovers(&b, "u1", 6));
            modbus_bench_done(&b);
        }
    }
}

/* By several readers of one unit's line: a second answer must not be taken for that to the next question. */
static void test_every_answer_comes_twice(void)
{
    static const char *const protocols[] = {"modbus-tcp", "modbus-rtu", "modbus-rtu-tcp"};
    for (size_t i = 0; i < 3; i++) {
        struct bench b;
        modbus_bench_make(&b, protocols[i], NULL);
        modbus_bench_device(&b, 1, "Timeout: 1s");
        modbus_bench_device(&b, 2, "Timeout: 1s");
        modbus_bench_misbehaves(&b, TWICE, -1);
        struct asker askers[] = {
            {&b, "u1", 100, .answered = 0},
            {&b, "u2", 100, .answered = 0}
        };
        modbus_bench_ask_all(askers, 2);
        CU_ASSERT_EQUAL(askers[0].answered, 100);
        CU_ASSERT_EQUAL(askers[1].answered, 100);
        modbus_bench_done(&b);
    }
}

static void test_writes_are_verified(void)
{
    static const char *const protocols[] = {"modbus-tcp", "modbus-rtu"};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        modbus_bench_make(&b, protocols[i], NULL);
        modbus_bench_device(&b, 1, "Timeout: 150ms");
        modbus_bench_misbehaves(&b, OTHER_ECHO, 1);
        CU_ASSERT_EQUAL(devsdk_test_write(b.t, "u1", "R1", "{\"R1\": \"1\"}")->status, 500);
        CU_ASSERT_EQUAL(devsdk_test_write(b.t, "u1", "R1", "{\"R1\": \"1\"}")->status, 200);
        unsigned before = modbus_peer_requests(b.peer);
        modbus_bench_misbehaves(&b, HANGS_UP, 1); /* silence, on the serial line */
        CU_ASSERT_EQUAL(devsdk_test_write(b.t, "u1", "R1", "{\"R1\": \"1\"}")->status, 500);
        CU_ASSERT_EQUAL(modbus_peer_requests(b.peer) - before, 1); /* not sent twice */
        modbus_bench_done(&b);
    }
}

/* ---- several units ------------------------------------------------------------------------------- */

static void test_a_silent_unit_does_not_starve_others(void)
{
    static const char *const protocols[] = {"modbus-rtu", "modbus-tcp"};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        modbus_bench_make(&b, protocols[i], NULL);
        modbus_bench_device(&b, 1, "Timeout: 400ms");
        modbus_bench_device(&b, 2, "Timeout: 400ms");
        modbus_bench_device(&b, 3, "Timeout: 400ms");
        atomic_store(&b.script.unit, 2);
        modbus_bench_misbehaves(&b, SILENT, -1);
        struct asker askers[] = {
            {&b, "u1", 200, .answered = 0},
            {&b, "u3", 200, .answered = 0},
            {&b, "u2", 40,  .answered = 0}
        };
        int64_t begun = modbus_bench_now_us();
        modbus_bench_ask_all(askers, 3);
        CU_ASSERT_EQUAL(askers[0].answered, 200);
        CU_ASSERT_EQUAL(askers[1].answered, 200);
        CU_ASSERT_EQUAL(askers[2].answered, 0);
        CU_ASSERT(askers[0].longest_ms < 900);
        CU_ASSERT(modbus_bench_now_us() - begun < 8000000);
        atomic_store(&b.script.unit, 0);
        modbus_bench_misbehaves(&b, GOOD, 0);
        devsdk_test_skip(b.t, 10000);
        CU_ASSERT(modbus_bench_reads(&b, "u2", "R1"));
        modbus_bench_done(&b);
    }
}

static void test_late_answers_of_others_are_dropped(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "Timeout: 100ms");
    modbus_bench_device(&b, 2, "Timeout: 400ms");
    atomic_store(&b.script.unit, 1);
    modbus_bench_misbehaves(&b, LATE, 1);
    CU_ASSERT_FALSE(modbus_bench_reads(&b, "u1", "R1"));
    CU_ASSERT(modbus_bench_reads(&b, "u2", "R2"));
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R2"));
    modbus_bench_done(&b);
}

/* Reads by several at a time, each with three questions. */
static unsigned crowd(struct bench *b, unsigned rounds)
{
    struct asker askers[4] = {0};
    static const char *const names[] = {"u1", "u2", "u3", "u4"};
    unsigned answered = 0;
    for (size_t i = 0; i < 4; i++) {
        askers[i] = (struct asker){.b = b, .device = names[i], .rounds = rounds};
    }
    modbus_bench_ask_all(askers, 4);
    for (size_t i = 0; i < 4; i++) {
        answered += askers[i].answered;
    }
    return answered;
}

static void test_several_questions_at_a_time(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-tcp", NULL);
    for (unsigned unit = 1; unit <= 4; unit++) {
        modbus_bench_device(&b, unit, "Timeout: 1s");
    }
    CU_ASSERT_EQUAL(crowd(&b, 200), 800);
    CU_ASSERT_EQUAL(modbus_peer_connections(b.peer), 1);
    CU_ASSERT(modbus_peer_most_at_once(b.peer) >= 3);
    CU_ASSERT(modbus_peer_most_at_once(b.peer) <= 8);
    modbus_bench_done(&b);
}

static void test_a_peer_that_takes_one_question_at_a_time(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "Timeout: 3s, IdleTimeout: -1");
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    modbus_bench_misbehaves(&b, FIRST_ONLY, -1);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All")); /* what was forgotten is asked again, alone */
    unsigned answered = 0;
    for (unsigned i = 0; i < 4; i++) {
        answered += modbus_bench_reads(&b, "u1", "R1");
    }
    CU_ASSERT_EQUAL(answered, 4);
    modbus_bench_misbehaves(&b, GOOD, 0);
    unsigned before = modbus_peer_requests(b.peer);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    CU_ASSERT_EQUAL(modbus_peer_requests(b.peer) - before, 3);
    modbus_bench_done(&b);
}

/* It took several questions at first, as they came in pieces of their own. */
static void test_a_peer_that_forgets_later(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "Timeout: 2s, IdleTimeout: -1");
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    modbus_bench_misbehaves(&b, FIRST_ONLY, -1);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    modbus_bench_done(&b);
}

static void test_a_peer_that_takes_its_time(void)
{
    struct bench b;
    modbus_bench_make(&b, "modbus-tcp", NULL);
    modbus_bench_device(&b, 1, "Timeout: 3s, IdleTimeout: -1");
    CU_ASSERT(modbus_bench_reads(&b, "u1", "R1"));
    modbus_bench_misbehaves(&b, SLOW_BEHIND, 1);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    unsigned before = modbus_peer_requests(b.peer);
    for (unsigned i = 0; i < 10; i++) {
        CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    }
    modbus_peer_count_anew(b.peer);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    CU_ASSERT_EQUAL(modbus_peer_most_at_once(b.peer),
                    3); /* it was not taken for one that forgets */
    CU_ASSERT(modbus_peer_requests(b.peer) - before <= 38);
    modbus_bench_misbehaves(&b, SLOW_BEHIND, 1); /* and it is not asked twice any more */
    before = modbus_peer_requests(b.peer);
    CU_ASSERT(modbus_bench_reads(&b, "u1", "All"));
    CU_ASSERT_EQUAL(modbus_peer_requests(b.peer) - before, 3);
    modbus_bench_done(&b);
}

CU_TestInfo modbus_hostile_tests[] = {
    {"faults never make a wrong value",          test_faults_never_make_a_wrong_value         },
    {"every answer is late by one",              test_every_answer_is_late_by_one             },
    {"every answer comes twice",                 test_every_answer_comes_twice                },
    {"writes are verified",                      test_writes_are_verified                     },
    {"a silent unit does not starve others",     test_a_silent_unit_does_not_starve_others    },
    {"late answers of others are dropped",       test_late_answers_of_others_are_dropped      },
    {"several questions at a time",              test_several_questions_at_a_time             },
    {"a peer that takes one question at a time", test_a_peer_that_takes_one_question_at_a_time},
    {"a peer that forgets later",                test_a_peer_that_forgets_later               },
    {"a peer that takes its time",               test_a_peer_that_takes_its_time              },
    CU_TEST_INFO_NULL,
};
