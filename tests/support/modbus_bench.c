#include "modbus_bench.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "device_modbus.h"

const char modbus_bench_profile[] =
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

int64_t modbus_bench_now_us(void)
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

/* In one piece: what comes after the next question cannot be told from its answer on a serial line. */
static void send_twice(struct modbus_peer *p, const struct modbus_frame *q, const uint8_t *pdu,
                       size_t n, enum modbus_framing framing)
{
    uint8_t frames[2 * MODBUS_FRAME_MAX];
    size_t size = modbus_frame_write(framing, q->transaction, q->unit, pdu, n, frames);
    memcpy(frames + size, frames, size);
    (void)modbus_peer_send(p, frames, 2 * size);
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
        send_twice(p, q, pdu, n, framing);
        return true;
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

bool modbus_bench_act(struct modbus_peer *p, const struct modbus_frame *q, void *arg)
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

void modbus_bench_fill(struct modbus_peer *p)
{
    for (uint16_t i = 0; i < 200; i++) {
        modbus_peer_set(p, i, i);
    }
}

/* ---- a bench: a peer, the driver, devices ------------------------------------------------------- */

void modbus_bench_make(struct bench *b, const char *protocol, const char *config)
{
    memset(&b->script, 0, sizeof(b->script));
    scratch_make(&b->dir);
    bool serial = strcmp(protocol, "modbus-rtu") == 0;
    if (serial) {
        char port[100];
        snprintf(port, sizeof(port), "%s/tty", b->dir.path);
        b->peer = modbus_peer_serial(MODBUS_RTU, port, modbus_bench_act, &b->script);
        snprintf(b->place, sizeof(b->place), "%s: {Address: %s, BaudRate: 115200", protocol, port);
    } else {
        b->peer = modbus_peer_tcp(strcmp(protocol, "modbus-tcp") == 0 ? MODBUS_TCP : MODBUS_RTU,
                                  modbus_bench_act, &b->script);
        snprintf(b->place, sizeof(b->place), "%s: {Address: 127.0.0.1, Port: %u", protocol,
                 modbus_peer_port(b->peer));
    }
    modbus_bench_fill(b->peer);
    b->t = devsdk_test_start(&device_modbus, config);
    CU_ASSERT_EQUAL(devsdk_test_status(b->t), 200);
    CU_ASSERT_EQUAL(devsdk_test_profile(b->t, modbus_bench_profile), 201);
}

void modbus_bench_device(struct bench *b, unsigned unit, const char *more)
{
    char device[400];
    snprintf(device, sizeof(device),
             "name: u%u\nprofileName: p\nprotocols: {%s, UnitID: %u, %s}}\n", unit, b->place, unit,
             more);
    CU_ASSERT_EQUAL(devsdk_test_device(b->t, device), 201);
}

void modbus_bench_done(struct bench *b)
{
    modbus_peer_free(b->peer);
    CU_ASSERT_EQUAL(devsdk_test_stop(b->t), 0);
    scratch_done(&b->dir);
}

void modbus_bench_misbehaves(struct bench *b, enum mode mode, int times)
{
    atomic_store(&b->script.times, times);
    atomic_store(&b->script.mode, (int)mode);
}

/* The right value, or none. */
bool modbus_bench_reads(struct bench *b, const char *device, const char *resource)
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
bool modbus_bench_recovers(struct bench *b, const char *device, unsigned tries)
{
    modbus_bench_misbehaves(b, GOOD, 0);
    for (unsigned i = 0; i < tries; i++) {
        if (modbus_bench_reads(b, device, i % 2 ? "R1" : "R2")) {
            return true;
        }
    }
    return false;
}

static void *ask_on(void *arg)
{
    struct asker *a = arg;
    for (unsigned i = 0; i < a->rounds; i++) {
        int64_t begun = modbus_bench_now_us();
        a->answered += modbus_bench_reads(a->b, a->device, i % 2 ? "R1" : "All");
        int64_t took = (modbus_bench_now_us() - begun) / 1000;
        a->longest_ms = took > a->longest_ms ? took : a->longest_ms;
    }
    return NULL;
}

void modbus_bench_ask_all(struct asker *askers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&askers[i].thread, NULL, ask_on, &askers[i]), 0);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(askers[i].thread, NULL);
    }
}
