/**
 * Modbus units that behave as a test says: on a TCP port of the loopback network or behind a pseudo terminal. As long as
 * the test's own function does not take a request, it is answered from a bank of registers and coils, for every unit.
 */
#ifndef TESTS_MODBUS_PEER_H
#define TESTS_MODBUS_PEER_H

#include "codec/modbus_frame.h"

struct modbus_peer;

/** On the peer's thread. True: the request has been dealt with, one way or another. */
typedef bool modbus_peer_fn(struct modbus_peer *p, const struct modbus_frame *request, void *arg);

/** Listens on a free port of all addresses of the loopback network. @p fn may be NULL. */
struct modbus_peer *modbus_peer_tcp(enum modbus_framing framing, modbus_peer_fn *fn, void *arg);
/** On that port: for peers that come back. */
struct modbus_peer *modbus_peer_tcp_at(uint16_t port, enum modbus_framing framing,
                                       modbus_peer_fn *fn, void *arg);
/** Behind a pseudo terminal. @p link: a symbolic link to it is made there. */
struct modbus_peer *modbus_peer_serial(enum modbus_framing framing, const char *link,
                                       modbus_peer_fn *fn, void *arg);
/** Before the kit is stopped, which would count its connections. */
void modbus_peer_free(struct modbus_peer *p);
uint16_t modbus_peer_port(const struct modbus_peer *p);

/** Holding and input registers are the same, coils and inputs are; all units are the same. */
void modbus_peer_set(struct modbus_peer *p, uint16_t address, uint16_t value);
uint16_t modbus_peer_get(struct modbus_peer *p, uint16_t address);
bool modbus_peer_coil(struct modbus_peer *p, uint16_t address);
/** Requests so far. */
unsigned modbus_peer_requests(struct modbus_peer *p);
unsigned modbus_peer_connections(struct modbus_peer *p);
/** Connections that are open. */
unsigned modbus_peer_connected(struct modbus_peer *p);
/** The most requests that came in one piece. */
unsigned modbus_peer_most_at_once(struct modbus_peer *p);
void modbus_peer_count_anew(struct modbus_peer *p); /* those */

/** Unasked, on the first connection; the peer has to be idle. */
void modbus_peer_say(struct modbus_peer *p, const uint8_t *bytes, size_t n);

/* ---- for the test's function: to who has asked ---- */
void modbus_peer_reply(struct modbus_peer *p, uint16_t transaction, uint8_t unit,
                       const uint8_t *pdu, size_t n);
/** Which one of those that came in one piece it is, from 1. */
unsigned modbus_peer_place(const struct modbus_peer *p);
/** The usual answer, from the bank. */
size_t modbus_peer_answer(struct modbus_peer *p, const struct modbus_frame *request,
                          uint8_t ret[MODBUS_PDU_MAX]);
/** False: who asked is gone. */
bool modbus_peer_send(struct modbus_peer *p, const uint8_t *bytes, size_t n);
void modbus_peer_hang_up(struct modbus_peer *p);

#endif
