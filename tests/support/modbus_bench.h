/**
 * A bench for the Modbus driver: a peer that misbehaves as told, the driver beside it, devices, and readers that assert
 * that whatever is read is right. Register n has the value n, in each unit.
 */
#ifndef TESTS_MODBUS_BENCH_H
#define TESTS_MODBUS_BENCH_H

#include <pthread.h>
#include <stdatomic.h>

#include "devsdk/test.h"
#include "modbus_peer.h"
#include "scratch.h"

/** Resources R1, R2, R50 and R99, holding registers, and the command All of three of them. */
extern const char modbus_bench_profile[];

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

struct bench {
    struct scratch dir;
    struct script script;
    struct modbus_peer *peer;
    devsdk_test *t;
    char place[160]; /* protocol, host, port */
};

/** @p protocol: modbus-tcp, modbus-rtu (behind a pseudo terminal) or modbus-rtu-tcp. */
void modbus_bench_make(struct bench *b, const char *protocol, const char *config);
/** A device u<unit>; @p more: properties. */
void modbus_bench_device(struct bench *b, unsigned unit, const char *more);
void modbus_bench_done(struct bench *b);
/** So many times; negative: for ever. */
void modbus_bench_misbehaves(struct bench *b, enum mode mode, int times);
/** Is there an answer? It is asserted to be the right one. */
bool modbus_bench_reads(struct bench *b, const char *device, const char *resource);
/** From now on it behaves: is there an answer after so many tries at most? */
bool modbus_bench_recovers(struct bench *b, const char *device, unsigned tries);
/** The peer's function, and what is in its registers: for peers made anew. */
modbus_peer_fn modbus_bench_act;
void modbus_bench_fill(struct modbus_peer *p);
int64_t modbus_bench_now_us(void);

struct asker {
    struct bench *b;
    const char *device;
    unsigned rounds, answered;
    int64_t longest_ms;
    pthread_t thread;
};
/** All at the same time, to their ends. */
void modbus_bench_ask_all(struct asker *askers, size_t n);

#endif
