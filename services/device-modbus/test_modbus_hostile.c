/*
 * Units that answer late, for others, twice, in pieces, garbage or not at all. Whatever they do, a value that is told is
 * the right one, a fault is the device's own, and it ends when they mend their ways.
 */
#include <CUnit/CUnit.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "device_modbus.h"
#include "devsdk/test.h"
#include "modbus_peer.h"
#include "scratch.h"
#include "wait.h"

/* Register n has the value n, in each unit. */
static const char profile[] =
    "name: p\ndeviceResources:\n"
    "- {name: R1, attributes: {primaryTable: HOLDING_REGISTERS, startingAddress: 1}, properties: "
    "{valueType: Uint16, readWrite: RW}}\n"
    "- {name: R2, attributes: {primaryTable: HOLDING_REGISTERS, startingAddress: 2}, properties: "
    "{valueType: Uint16, readWrite: RW}}\n"
    "- {name: R50, attributes: {primaryTable: HOLDING_REGISTERS, startingAddress: 50}, properties: "
    "{valueType: Uint16, readWrite: RW}}\n"
    "- {name: R99, attributes: {primaryTable: HOLDING_REGISTERS, startingAddress: 99}, properties: "
    "{valueType: Uint16, readWrite: RW}}\n"
    "deviceCommands:\n"
    "- {name: All, readWrite: R, resourceOperations: [{deviceResource: R1}, {deviceResource: R50}, "
    "{deviceResource: R99}]}\n";

enum mode {
    GOOD,
    SILENT,
    LATE,         /* one request is kept, and answered in front of the next one */
    OTHER_NUMBER, /* of the transaction */
    OTHER_UNIT,   /* in front of the right one */
    OTHER_UNIT_ONLY,
    OTHER_THEN_SLOW, /* another number, and after 300 ms the right one */
    OTHER_FUNCTION,
    OTHER_SIZE,
    OTHER_ECHO, /* of a write */
    CUT_SHORT,  /* and nothing more */
    CUT_AND_GONE,
    GARBAGE,
    NOISE_IN_FRONT,
    TWICE,
    DRIPS,
    HANGS_UP,
    NO_ECHO,     /* LATE, and function 8 is not answered */
    FIRST_ONLY,  /* of what comes in one piece */
    SLOW_BEHIND, /* the others of it half a second later */
    SLOW_FIRST,  /* a second */
};

struct script {
    atomic_int mode;
    atomic_int times; /* so many more; negative: for ever */
    atomic_int unit;  /* only this one; 0: all */
    bool has_kept;
    uint16_t kept_transaction;
    uint8_t kept_unit, kept[MODBUS_PDU_MAX];
    size_t n_kept;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void keep(struct script *s, const struct modbus_frame *q, const uint8_t *pdu, size_t n)
{
    s->has_kept = true;
    s->kept_transaction = q->transaction;
    s->kept_unit = q->unit;
    memcpy(s->kept, pdu, n);
    s->n_kept = n;
}

static void send_kept(struct modbus_peer *p, struct script *s)
{
    if (s->has_kept) {
        modbus_peer_reply(p, s->kept_transaction, s->kept_unit, s->kept, s->n_kept);
        s->has_kept = false;
    }
}

static void send_piecewise(struct modbus_peer *p, const struct modbus_frame *q, const uint8_t *pdu,
                           size_t n, enum modbus_framing framing, size_t most)
{
    uint8_t frame[MODBUS_FRAME_MAX];
    size_t size = modbus_frame_write(framing, q->transaction, q->unit, pdu, n, frame);
    for (size_t i = 0; i < size && i < most; i++) {
        modbus_peer_send(p, frame + i, 1);
        usleep(most > size ? 2000 : 0);
    }
}

static bool misbehave(struct modbus_peer *p, struct script *s, const struct modbus_frame *q)
{
    static const uint8_t garbage[] = "HTTP/1.1 400 Bad Request\r\n\r\n", noise[] = {0x00, 0xff};
    const enum modbus_framing framing = q->transaction ? MODBUS_TCP : MODBUS_RTU;
    uint8_t pdu[MODBUS_PDU_MAX];
    size_t n = modbus_peer_answer(p, q, pdu);
    switch (atomic_load(&s->mode)) {
    case LATE:
    case NO_ECHO:
        keep(s, q, pdu, n);
        return true;
    case OTHER_NUMBER:
        modbus_peer_reply(p, (uint16_t)(q->transaction + 5000), q->unit, pdu, n);
        return true;
    case OTHER_UNIT:
        modbus_peer_reply(p, q->transaction + 5000, q->unit + 1, (uint8_t[]){3, 2, 0x77, 0x77}, 4);
        modbus_peer_reply(p, q->transaction, q->unit, pdu, n);
        return true;
    case OTHER_THEN_SLOW:
        modbus_peer_reply(p, (uint16_t)(q->transaction + 5000), q->unit, pdu, n);
        usleep(300000);
        return false;
    case OTHER_UNIT_ONLY:
        modbus_peer_reply(p, q->transaction, q->unit + 1, pdu, n);
        return true;
    case OTHER_FUNCTION:
        pdu[0] ^= 7; /* 3 and 4 */
        modbus_peer_reply(p, q->transaction, q->unit, pdu, n);
        return true;
    case OTHER_SIZE:
        modbus_peer_reply(p, q->transaction, q->unit, (uint8_t[]){3, 4, 0x77, 0x77, 0x77, 0x77}, 6);
        return true;
    case OTHER_ECHO:
        pdu[n - 1] ^= 1;
        modbus_peer_reply(p, q->transaction, q->unit, pdu, n);
        return true;
    case CUT_SHORT:
        send_piecewise(p, q, pdu, n, framing, 4);
        return true;
    case CUT_AND_GONE:
        send_piecewise(p, q, pdu, n, framing, 4);
        modbus_peer_hang_up(p);
        return true;
    case GARBAGE:
        modbus_peer_send(p, garbage, sizeof(garbage) - 1);
        return true;
    case NOISE_IN_FRONT:
        modbus_peer_send(p, noise, sizeof(noise));
        return false;
    case TWICE:
        modbus_peer_reply(p, q->transaction, q->unit, pdu, n);
        return false;
    case DRIPS:
        send_piecewise(p, q, pdu, n, framing, 1000);
        return true;
    case HANGS_UP:
        modbus_peer_hang_up(p);
        return true;
    default:
        return true; /* silence */
    }
}

static bool act(struct modbus_peer *p, const struct modbus_frame *q, void *arg)
{
    struct script *s = arg;
    int unit = atomic_load(&s->unit), mode = atomic_load(&s->mode);
    if (mode == FIRST_ONLY) {
        return modbus_peer_place(p) > 1;
    }
    if (mode == SLOW_FIRST) {
        usleep(atomic_fetch_sub(&s->times, 1) > 0 ? 1000000 : 0);
        return false;
    }
    if (mode == SLOW_BEHIND) {
        usleep(modbus_peer_place(p) == 2 && atomic_fetch_sub(&s->times, 1) > 0 ? 500000 : 0);
        return false;
    }
    if (mode == NO_ECHO && q->pdu[0] == 8) {
        send_kept(p, s);
        return true;
    }
    send_kept(p, s);
    if (mode == GOOD || (unit != 0 && unit != q->unit) || atomic_load(&s->times) == 0 ||
        (q->pdu[0] == 8 && mode != SILENT)) {
        return false;
    }
    atomic_fetch_sub(&s->times, 1);
    return misbehave(p, s, q);
}

static void fill(struct modbus_peer *p)
{
    for (uint16_t i = 0; i < 200; i++) {
        modbus_peer_set(p, i, i);
    }
}

/* ---- a bench: a peer, the driver, devices ------------------------------------------------------- */

struct bench {
    struct scratch dir;
    struct script script;
    struct modbus_peer *peer;
    devsdk_test *t;
    char place[160]; /* protocol, host, port */
};

static void bench_make(struct bench *b, const char *protocol, const char *config)
{
    memset(&b->script, 0, sizeof(b->script));
    scratch_make(&b->dir);
    bool serial = strcmp(protocol, "modbus-rtu") == 0;
    if (serial) {
        char port[100];
        snprintf(port, sizeof(port), "%s/tty", b->dir.path);
        b->peer = modbus_peer_serial(MODBUS_RTU, port, act, &b->script);
        snprintf(b->place, sizeof(b->place), "%s: {Address: %s, BaudRate: 115200", protocol, port);
    } else {
        b->peer = modbus_peer_tcp(strcmp(protocol, "modbus-tcp") == 0 ? MODBUS_TCP : MODBUS_RTU,
                                  act, &b->script);
        snprintf(b->place, sizeof(b->place), "%s: {Address: 127.0.0.1, Port: %u", protocol,
                 modbus_peer_port(b->peer));
    }
    fill(b->peer);
    b->t = devsdk_test_start(&device_modbus, config);
    CU_ASSERT_EQUAL(devsdk_test_status(b->t), 200);
    CU_ASSERT_EQUAL(devsdk_test_profile(b->t, profile), 201);
}

static void bench_device(struct bench *b, unsigned unit, const char *more)
{
    char device[400];
    snprintf(device, sizeof(device),
             "name: u%u\nprofileName: p\nprotocols: {%s, UnitID: %u, %s}}\n", unit, b->place, unit,
             more);
    CU_ASSERT_EQUAL(devsdk_test_device(b->t, device), 201);
}

static void bench_done(struct bench *b)
{
    CU_ASSERT_EQUAL(devsdk_test_stop(b->t), 0);
    modbus_peer_free(b->peer);
    scratch_done(&b->dir);
}

static void misbehaves(struct bench *b, enum mode mode, int times)
{
    atomic_store(&b->script.times, times);
    atomic_store(&b->script.mode, (int)mode);
}

/* The right value, or none. */
static bool reads(struct bench *b, const char *device, const char *resource)
{
    const devsdk_test_result *r = devsdk_test_read(b->t, device, resource, NULL);
    if (r->status != 200) {
        return false;
    }
    for (size_t i = 0; i < r->n; i++) {
        CU_ASSERT_STRING_EQUAL(r->readings[i].value, r->readings[i].resource + 1);
    }
    return true;
}

/* A known number of tries until it answers again, no more. */
static bool recovers(struct bench *b, const char *device, unsigned tries)
{
    misbehaves(b, GOOD, 0);
    for (unsigned i = 0; i < tries; i++) {
        if (reads(b, device, i % 2 ? "R1" : "R2")) {
            return true;
        }
    }
    return false;
}

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
        bench_make(&b, faults[i].protocol, NULL);
        bench_device(&b, 1, "Timeout: 150ms");
        CU_ASSERT(reads(&b, "u1", "R1"));
        misbehaves(&b, faults[i].mode, faults[i].times);
        bool answered = reads(&b, "u1", "R1");
        bool back = recovers(&b, "u1", faults[i].tries);
        CU_ASSERT_EQUAL(answered, faults[i].answered);
        CU_ASSERT(back);
        if (answered != faults[i].answered || !back) {
            fprintf(stderr, "row %zu: %s mode %d: answered %d, back %d\n", i, faults[i].protocol,
                    (int)faults[i].mode, answered, back);
        }
        CU_ASSERT(reads(&b, "u1", "R99"));
        CU_ASSERT(reads(&b, "u1", "All"));
        bench_done(&b);
    }
}

static void test_every_answer_is_late_by_one(void)
{
    static const char *const protocols[] = {"modbus-tcp", "modbus-rtu", "modbus-rtu-tcp"};
    static const enum mode modes[] = {LATE, NO_ECHO};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++) {
            struct bench b;
            bench_make(&b, protocols[i], NULL);
            bench_device(&b, 1, "Timeout: 50ms, IdleTimeout: -1");
            misbehaves(&b, modes[k], -1);
            for (unsigned n = 0; n < 20; n++) {
                (void)reads(&b, "u1", n % 2 ? "R1" : "R2"); /* asserts what it gets */
            }
            CU_ASSERT(recovers(&b, "u1", 6));
            bench_done(&b);
        }
    }
}

static void test_writes_are_verified(void)
{
    static const char *const protocols[] = {"modbus-tcp", "modbus-rtu"};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        bench_make(&b, protocols[i], NULL);
        bench_device(&b, 1, "Timeout: 150ms");
        misbehaves(&b, OTHER_ECHO, 1);
        CU_ASSERT_EQUAL(devsdk_test_write(b.t, "u1", "R1", "{\"R1\": \"1\"}")->status, 500);
        CU_ASSERT_EQUAL(devsdk_test_write(b.t, "u1", "R1", "{\"R1\": \"1\"}")->status, 200);
        unsigned before = modbus_peer_requests(b.peer);
        misbehaves(&b, HANGS_UP, 1); /* silence, on the serial line */
        CU_ASSERT_EQUAL(devsdk_test_write(b.t, "u1", "R1", "{\"R1\": \"1\"}")->status, 500);
        CU_ASSERT_EQUAL(modbus_peer_requests(b.peer) - before, 1); /* not sent twice */
        bench_done(&b);
    }
}

/* ---- several units ------------------------------------------------------------------------------- */

struct asker {
    struct bench *b;
    const char *device;
    unsigned rounds, answered;
    int64_t longest_ms;
    pthread_t thread;
};

static void *ask_on(void *arg)
{
    struct asker *a = arg;
    for (unsigned i = 0; i < a->rounds; i++) {
        int64_t begun = now_us();
        a->answered += reads(a->b, a->device, i % 2 ? "R1" : "All");
        int64_t took = (now_us() - begun) / 1000;
        a->longest_ms = took > a->longest_ms ? took : a->longest_ms;
    }
    return NULL;
}

static void ask_all(struct asker *askers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&askers[i].thread, NULL, ask_on, &askers[i]), 0);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(askers[i].thread, NULL);
    }
}

static void test_a_silent_unit_does_not_starve_others(void)
{
    static const char *const protocols[] = {"modbus-rtu", "modbus-tcp"};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        bench_make(&b, protocols[i], NULL);
        bench_device(&b, 1, "Timeout: 400ms");
        bench_device(&b, 2, "Timeout: 400ms");
        bench_device(&b, 3, "Timeout: 400ms");
        atomic_store(&b.script.unit, 2);
        misbehaves(&b, SILENT, -1);
        struct asker askers[] = {
            {&b, "u1", 200, .answered = 0},
            {&b, "u3", 200, .answered = 0},
            {&b, "u2", 40,  .answered = 0}
        };
        int64_t begun = now_us();
        ask_all(askers, 3);
        CU_ASSERT_EQUAL(askers[0].answered, 200);
        CU_ASSERT_EQUAL(askers[1].answered, 200);
        CU_ASSERT_EQUAL(askers[2].answered, 0);
        CU_ASSERT(askers[0].longest_ms < 900);
        CU_ASSERT(now_us() - begun < 8000000);
        atomic_store(&b.script.unit, 0);
        misbehaves(&b, GOOD, 0);
        devsdk_test_skip(b.t, 10000);
        CU_ASSERT(reads(&b, "u2", "R1"));
        bench_done(&b);
    }
}

static void test_late_answers_of_others_are_dropped(void)
{
    struct bench b;
    bench_make(&b, "modbus-tcp", NULL);
    bench_device(&b, 1, "Timeout: 100ms");
    bench_device(&b, 2, "Timeout: 400ms");
    atomic_store(&b.script.unit, 1);
    misbehaves(&b, LATE, 1);
    CU_ASSERT_FALSE(reads(&b, "u1", "R1"));
    CU_ASSERT(reads(&b, "u2", "R2"));
    CU_ASSERT(reads(&b, "u1", "R2"));
    bench_done(&b);
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
    ask_all(askers, 4);
    for (size_t i = 0; i < 4; i++) {
        answered += askers[i].answered;
    }
    return answered;
}

static void test_several_questions_at_a_time(void)
{
    struct bench b;
    bench_make(&b, "modbus-tcp", NULL);
    for (unsigned unit = 1; unit <= 4; unit++) {
        bench_device(&b, unit, "Timeout: 1s");
    }
    CU_ASSERT_EQUAL(crowd(&b, 200), 800);
    CU_ASSERT_EQUAL(modbus_peer_connections(b.peer), 1);
    CU_ASSERT(modbus_peer_most_at_once(b.peer) >= 3);
    CU_ASSERT(modbus_peer_most_at_once(b.peer) <= 8);
    bench_done(&b);
}

static void test_a_peer_that_takes_one_question_at_a_time(void)
{
    struct bench b;
    bench_make(&b, "modbus-tcp", NULL);
    bench_device(&b, 1, "Timeout: 3s, IdleTimeout: -1");
    CU_ASSERT(reads(&b, "u1", "R1"));
    misbehaves(&b, FIRST_ONLY, -1);
    CU_ASSERT(reads(&b, "u1", "All")); /* what was forgotten is asked again, alone */
    unsigned answered = 0;
    for (unsigned i = 0; i < 4; i++) {
        answered += reads(&b, "u1", "R1");
    }
    CU_ASSERT_EQUAL(answered, 4);
    misbehaves(&b, GOOD, 0);
    unsigned before = modbus_peer_requests(b.peer);
    CU_ASSERT(reads(&b, "u1", "All"));
    CU_ASSERT_EQUAL(modbus_peer_requests(b.peer) - before, 3);
    bench_done(&b);
}

static void test_a_peer_that_takes_its_time(void)
{
    struct bench b;
    bench_make(&b, "modbus-tcp", NULL);
    bench_device(&b, 1, "Timeout: 3s, IdleTimeout: -1");
    CU_ASSERT(reads(&b, "u1", "R1"));
    misbehaves(&b, SLOW_BEHIND, 1);
    CU_ASSERT(reads(&b, "u1", "All"));
    unsigned before = modbus_peer_requests(b.peer);
    for (unsigned i = 0; i < 10; i++) {
        CU_ASSERT(reads(&b, "u1", "All"));
    }
    CU_ASSERT(modbus_peer_most_at_once(b.peer) == 3); /* it was not taken for one that forgets */
    CU_ASSERT(modbus_peer_requests(b.peer) - before <= 32);
    misbehaves(&b, SLOW_BEHIND, 1); /* and it is not asked twice any more */
    before = modbus_peer_requests(b.peer);
    CU_ASSERT(reads(&b, "u1", "All"));
    CU_ASSERT_EQUAL(modbus_peer_requests(b.peer) - before, 3);
    bench_done(&b);
}

/* ---- many ---------------------------------------------------------------------------------------- */

static void test_more_than_a_hundred_are_refused(void)
{
    enum { N = 130 };
    struct bench b;
    static struct asker askers[N];
    static char names[N][16];
    unsigned busy = 0;
    bench_make(&b, "modbus-tcp", NULL);
    for (unsigned i = 0; i < N; i++) {
        bench_device(&b, i + 1, "Timeout: 2s, MaxInFlight: 1");
        snprintf(names[i], sizeof(names[i]), "u%u", i + 1);
        askers[i] = (struct asker){.b = &b, .device = names[i], .rounds = 1};
    }
    misbehaves(&b, SLOW_FIRST, 1);
    ask_all(askers, N);
    for (unsigned i = 0; i < N; i++) {
        busy += askers[i].answered == 0;
    }
    CU_ASSERT(busy >= 1 && busy <= N - 100);

    bench_done(&b);
}

static void test_a_thousand_devices(void)
{
    enum { N = 1000, ROUNDS = 3 };
    struct bench b;
    char device[300], name[16];
    bench_make(&b, "modbus-tcp", NULL);
    for (unsigned i = 0; i < N; i++) {
        snprintf(
            device, sizeof(device),
            "name: t%u\nprofileName: p\nprotocols: {modbus-tcp: {Address: 127.0.%u.%u, Port: %u, IdleTimeout: 0.2, UnitID: %u}}\n",
            i, 1 + i / 200, 1 + i % 200, modbus_peer_port(b.peer), i % 250);
        CU_ASSERT_EQUAL(devsdk_test_device(b.t, device), 201);
    }
    for (unsigned i = 0; i < N * ROUNDS; i++) {
        snprintf(name, sizeof(name), "t%u", i % N);
        CU_ASSERT(reads(&b, name, i % 7 ? "R1" : "All"));
    }
    CU_ASSERT(modbus_peer_connections(b.peer) >= N);
    bench_done(&b);
}

struct remover {
    struct bench *b;
    atomic_bool over;
};

static void *ask_until_over(void *arg)
{
    struct remover *r = arg;
    for (unsigned i = 0; !atomic_load(&r->over); i++) {
        char name[8];
        snprintf(name, sizeof(name), "u%u", 1 + i % 8);
        (void)reads(r->b, name, "All"); /* asserts what it gets */
    }
    return NULL;
}

static void test_devices_removed_under_load(void)
{
    static const char *const protocols[] = {"modbus-tcp", "modbus-rtu"};
    for (size_t k = 0; k < 2; k++) {
        struct bench b;
        pthread_t threads[3];
        bench_make(&b, protocols[k], NULL);
        for (unsigned unit = 1; unit <= 8; unit++) {
            bench_device(&b, unit, "Timeout: 200ms");
        }
        misbehaves(&b, SILENT, -1);
        atomic_store(&b.script.unit, 4);
        struct remover r = {&b, false};
        for (size_t i = 0; i < 3; i++) {
            CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_until_over, &r), 0);
        }
        for (unsigned i = 0; i < 40; i++) {
            char name[8];
            snprintf(name, sizeof(name), "u%u", 1 + i % 8);
            CU_ASSERT_EQUAL(devsdk_test_remove(b.t, name), 200);
            bench_device(&b, 1 + i % 8, "Timeout: 200ms");
        }
        for (unsigned unit = 1; unit <= 8; unit++) { /* the line goes with the last one */
            char name[8];
            snprintf(name, sizeof(name), "u%u", unit);
            CU_ASSERT_EQUAL(devsdk_test_remove(b.t, name), 200);
        }
        atomic_store(&r.over, true);
        for (size_t i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
        }
        bench_done(&b);
    }
}

/* Sends for ever, sound answers to nobody. */
static bool flood(struct modbus_peer *p, const struct modbus_frame *q, void *arg)
{
    atomic_int *floods = arg;
    if (q->unit == 1 && atomic_load(floods) > 0) {
        atomic_fetch_sub(floods, 1);
        while (
            modbus_peer_send(p, (const uint8_t[]){0xff, 0, 0, 0, 0, 5, 99, 3, 2, 0x77, 0x77}, 11)) {
        }
        return true;
    }
    return false;
}

static void test_a_flood_ends(void)
{
    atomic_int floods = 2;
    char device[200];
    struct modbus_peer *peer = modbus_peer_tcp(MODBUS_TCP, flood, &floods);
    fill(peer);
    devsdk_test *t = devsdk_test_start(&device_modbus, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 201);
    snprintf(
        device, sizeof(device),
        "name: u1\nprofileName: p\nprotocols: {modbus-tcp: {Address: 127.0.0.1, Port: %u, Timeout: 3s}}\n",
        modbus_peer_port(peer));
    CU_ASSERT_EQUAL(devsdk_test_device(t, device), 201);
    int64_t begun = now_us();
    CU_ASSERT_EQUAL(devsdk_test_read(t, "u1", "R1", NULL)->status, 500);
    CU_ASSERT(now_us() - begun < 2500000);
    const devsdk_test_result *r = devsdk_test_read(t, "u1", "R1", NULL);
    CU_ASSERT_EQUAL(r->status, 200);
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
    modbus_peer_free(peer);
}

/* ---- the line ------------------------------------------------------------------------------------ */

static void test_broadcasts_are_not_waited_for(void)
{
    struct bench b;
    bench_make(&b, "modbus-rtu", NULL);
    bench_device(&b, 0, "Timeout: 3s, TurnaroundDelay: 200ms");
    bench_device(&b, 1, "Timeout: 3s");
    CU_ASSERT(reads(&b, "u1", "R1"));
    int64_t begun = now_us();
    CU_ASSERT_EQUAL(devsdk_test_write(b.t, "u0", "R1", "{\"R1\": \"7\"}")->status, 200);
    CU_ASSERT(now_us() - begun < 150000);
    const devsdk_test_result *r = devsdk_test_read(b.t, "u1", "R1", NULL);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "R1"), "7");
    CU_ASSERT(now_us() - begun >= 200000);
    r = devsdk_test_read(b.t, "u0", "R1", NULL);
    CU_ASSERT_EQUAL(r->status, 405);
    bench_done(&b);
}

static bool has_sent(void *arg)
{
    return modbus_peer_requests(arg) > 0;
}

static void *ask_once(void *arg)
{
    const devsdk_test_result *r = devsdk_test_read(arg, "u1", "R1", NULL);
    const char *got = devsdk_test_value(r, "R1");
    CU_ASSERT(got && strcmp(got, "1") == 0);
    return NULL;
}

/* The answer to a question of somebody else, under way when the line is opened. */
static void test_what_was_asked_before_is_not_taken(void)
{
    struct bench b;
    pthread_t asker;
    uint8_t frame[MODBUS_FRAME_MAX];
    bench_make(&b, "modbus-rtu-tcp", NULL);
    bench_device(&b, 1, "Timeout: 1s");
    CU_ASSERT_EQUAL_FATAL(pthread_create(&asker, NULL, ask_once, b.t), 0);
    while (modbus_peer_connections(b.peer) == 0) {
        usleep(1000);
    }
    size_t n = modbus_frame_write(MODBUS_RTU, 0, 1, (uint8_t[]){3, 2, 0x77, 0x77}, 4, frame);
    CU_ASSERT_FALSE(has_sent(b.peer));
    modbus_peer_say(b.peer, frame, n);
    pthread_join(asker, NULL);
    CU_ASSERT(reads(&b, "u1", "R1"));
    CU_ASSERT(reads(&b, "u1", "R2"));
    bench_done(&b);
}

static void test_a_line_has_one_set_of_settings(void)
{
    struct bench b;
    bench_make(&b, "modbus-rtu", NULL);
    bench_device(&b, 1, "Parity: N");
    bench_device(&b, 2, "Parity: E");
    CU_ASSERT(reads(&b, "u1", "R1"));
    CU_ASSERT_NOT_EQUAL(devsdk_test_read(b.t, "u2", "R1", NULL)->status, 200);
    bench_done(&b);
}

static bool is_back(void *arg)
{
    struct bench *b = arg;
    return reads(b, "u1", "R1");
}

static void test_a_port_that_was_pulled_out_is_opened_again(void)
{
    struct bench b;
    char port[100];
    bench_make(&b, "modbus-rtu", NULL);
    snprintf(port, sizeof(port), "%s/tty", b.dir.path);
    bench_device(&b, 1, "Timeout: 100ms");
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT(reads(&b, "u1", "R1"));
        modbus_peer_free(b.peer);
        CU_ASSERT_FALSE(reads(&b, "u1", "R1"));
        CU_ASSERT_FALSE(reads(&b, "u1", "R1"));
        b.peer = modbus_peer_serial(MODBUS_RTU, port, act, &b.script);
        fill(b.peer);
        CU_ASSERT(wait_until(is_back, &b, 5000));
    }
    modbus_peer_free(b.peer); /* its thread is younger than the kit, which would count it */
    b.peer = NULL;
    bench_done(&b);
}

static void test_a_peer_that_restarts(void)
{
    struct bench b;
    bench_make(&b, "modbus-tcp", "Device: {AllowedFails: 3, DeviceDownTimeout: 1}\n");
    bench_device(&b, 1, "Timeout: 100ms, IdleTimeout: -1");
    for (unsigned i = 0; i < 3; i++) {
        uint16_t port = modbus_peer_port(b.peer);
        CU_ASSERT(reads(&b, "u1", "R1"));
        misbehaves(&b, SILENT, -1); /* dies with a question in its hands */
        CU_ASSERT_FALSE(reads(&b, "u1", "R1"));
        modbus_peer_free(b.peer);
        CU_ASSERT_FALSE(reads(&b, "u1", "R1"));
        misbehaves(&b, GOOD, 0);
        b.peer = modbus_peer_tcp_at(port, MODBUS_TCP, act, &b.script);
        fill(b.peer);
        CU_ASSERT(wait_until(is_back, &b, 8000));
    }
    modbus_peer_free(b.peer); /* its thread is younger than the kit, which would count it */
    b.peer = NULL;
    bench_done(&b);
}

static bool is_alone(void *arg)
{
    return modbus_peer_connected(arg) == 0;
}

static void test_connections_are_closed_when_idle(void)
{
    struct bench b;
    bench_make(&b, "modbus-tcp", NULL);
    bench_device(&b, 1, "IdleTimeout: 0");
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT(reads(&b, "u1", "R1"));
        CU_ASSERT(wait_until(is_alone, b.peer, 5000));
    }
    CU_ASSERT_EQUAL(modbus_peer_connections(b.peer), 5); /* a connection each */
    bench_done(&b);
    bench_make(&b, "modbus-tcp", NULL);
    bench_device(&b, 1, "IdleTimeout: 5");
    CU_ASSERT(reads(&b, "u1", "R1"));
    devsdk_test_skip(b.t, 4000);
    CU_ASSERT(reads(&b, "u1", "R1"));
    CU_ASSERT_EQUAL(modbus_peer_connections(b.peer), 1);
    for (unsigned i = 0; i < 10 && !is_alone(b.peer); i++) {
        devsdk_test_skip(b.t, 1000);
    }
    CU_ASSERT(wait_until(is_alone, b.peer, 10000));
    CU_ASSERT(reads(&b, "u1", "R1"));
    CU_ASSERT_EQUAL(modbus_peer_connections(b.peer), 2);
    bench_done(&b);
}

static void test_recovery_and_delay(void)
{
    struct bench b;
    bench_make(&b, "modbus-tcp", NULL);
    bench_device(&b, 1, "Timeout: 2s, ConnectDelay: 0.2, LinkRecoveryTimeout: 3");
    int64_t begun = now_us();
    CU_ASSERT(reads(&b, "u1", "R1"));
    CU_ASSERT(now_us() - begun >= 200000);
    misbehaves(&b, HANGS_UP, 4);
    CU_ASSERT(reads(&b, "u1", "R1"));
    bench_done(&b);
    bench_make(&b, "modbus-tcp", NULL);
    bench_device(&b, 1, "Timeout: 0.1, ProtocolRecoveryTimeout: 1");
    misbehaves(&b, SILENT, 1);
    CU_ASSERT_FALSE(reads(&b, "u1", "R1"));
    misbehaves(&b, OTHER_THEN_SLOW, 1);
    CU_ASSERT(reads(&b, "u1", "R1"));
    bench_done(&b);
    bench_make(&b, "modbus-tcp", NULL);
    bench_device(&b, 1, "Timeout: 1s");
    CU_ASSERT_EQUAL(
        devsdk_test_device(
            b.t,
            "name: nowhere\nprofileName: p\nprotocols: {modbus-tcp: {Address: no.such.host.invalid}}\n"),
        201);
    const devsdk_test_result *r = devsdk_test_read(b.t, "nowhere", "R1", NULL);
    CU_ASSERT_EQUAL(r->status, 500);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->text, "no.such.host.invalid:502: "));
    bench_done(&b);
}

CU_TestInfo modbus_hostile_tests[] = {
    {"faults never make a wrong value",            test_faults_never_make_a_wrong_value           },
    {"every answer is late by one",                test_every_answer_is_late_by_one               },
    {"writes are verified",                        test_writes_are_verified                       },
    {"a silent unit does not starve others",       test_a_silent_unit_does_not_starve_others      },
    {"late answers of others are dropped",         test_late_answers_of_others_are_dropped        },
    {"several questions at a time",                test_several_questions_at_a_time               },
    {"a peer that takes one question at a time",   test_a_peer_that_takes_one_question_at_a_time  },
    {"a flood ends",                               test_a_flood_ends                              },
    {"a peer that takes its time",                 test_a_peer_that_takes_its_time                },
    {"more than a hundred are refused",            test_more_than_a_hundred_are_refused           },
    {"a thousand devices",                         test_a_thousand_devices                        },
    {"devices removed under load",                 test_devices_removed_under_load                },
    {"broadcasts are not waited for",              test_broadcasts_are_not_waited_for             },
    {"what was asked before is not taken",         test_what_was_asked_before_is_not_taken        },
    {"a line has one set of settings",             test_a_line_has_one_set_of_settings            },
    {"a port that was pulled out is opened again", test_a_port_that_was_pulled_out_is_opened_again},
    {"a peer that restarts",                       test_a_peer_that_restarts                      },
    {"connections are closed when idle",           test_connections_are_closed_when_idle          },
    {"recovery and delay",                         test_recovery_and_delay                        },
    CU_TEST_INFO_NULL,
};
