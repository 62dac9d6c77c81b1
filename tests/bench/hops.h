/**
 * Peers of a benchmark, each a process of its own as they would be, with Paho and nothing of ours: who publishes
 * events, who hands them on, who counts what arrives.
 */
#ifndef BENCH_HOPS_H
#define BENCH_HOPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HOPS_EVENT_SIZE = 4096, HOPS_WINDOW = 64 };

/** What arrived, seen by all processes. */
struct hops_tally {
    atomic_uint_fast64_t n, again, strange; /* numbers seen, those seen before, no number */
    atomic_int_fast64_t first_ns, last_ns;  /* monotonic: of the first, of the last new one */
    atomic_bool ready;
    uint16_t port; /* of the HTTP receiver */
    uint64_t cap;
    struct hops_arrival {
        uint32_t seen, took_us; /* from the event's origin */
    } arrival[];
};

/** For numbers below @p cap; for all processes forked from here on. */
struct hops_tally *hops_tally_new(uint64_t cap);
void hops_tally_reset(struct hops_tally *t);
/** Until @p n have arrived; false where none has for 20 s. */
bool hops_arrived(struct hops_tally *t, uint64_t n);

/** Event number @p i of now with so many readings (10 at most), as JSON; in the bus's envelope or bare. Returns the size. */
size_t hops_event(char text[HOPS_EVENT_SIZE], uint64_t i, unsigned readings, bool envelope);

/** Counts what comes to topic export of that broker; returns once it hears it. */
pid_t hops_sink(struct hops_tally *t, uint16_t port);
/** A web server that takes everything; tally.port says where. */
pid_t hops_receiver(struct hops_tally *t);
/** From the events of one broker to topic export of another, QoS 1. */
pid_t hops_relay(struct hops_tally *t, uint16_t from, uint16_t to);
/**
 * Publishes events @p first to @p end - 1, QoS 1, at @p rate a second (0: as fast as they are acknowledged): to the bus's
 * topic in envelopes, or bare to topic export.
 */
pid_t hops_source(uint16_t port, uint64_t first, uint64_t end, double rate, unsigned readings,
                  bool envelope);

/** Waits for its end; was that a good one? */
bool hops_ended(pid_t pid);
void hops_kill(pid_t pid);

#endif
