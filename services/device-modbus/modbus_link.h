/**
 * The way to the units: a TCP connection or a serial port, opened without waiting. Bytes only; whose they are,
 * modbus_line.h knows.
 */
#ifndef MODBUS_LINK_H
#define MODBUS_LINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/modbus_frame.h"

enum modbus_parity { MODBUS_NONE, MODBUS_ODD, MODBUS_EVEN };

/** Where a line is. Texts belong to whoever fills it in. */
struct modbus_place {
    enum modbus_framing framing;
    bool serial;
    const char *address; /* host, or serial port */
    uint16_t port;
    uint32_t baud;
    uint8_t data_bits, stop_bits, parity;
};

/** The same way, spoken alike? */
bool modbus_place_same(const struct modbus_place *a, const struct modbus_place *b);
/** The same host and port, or serial port? */
bool modbus_place_meets(const struct modbus_place *a, const struct modbus_place *b);
/** "10.0.0.7:502", "/dev/ttyS0" */
void modbus_place_text(const struct modbus_place *p, char *ret, size_t size);
bool modbus_baud_known(uint32_t baud);
/** What 3.5 characters take, in microseconds; above 19,200 baud, and through TCP, it is 1,750. */
int64_t modbus_silence_us(const struct modbus_place *p);

struct modbus_sockaddr {
    struct sockaddr_storage addr;
    socklen_t size;
};
/** An address that is no name; false where it has to be looked up. */
bool modbus_address_literal(const struct modbus_place *p, struct modbus_sockaddr *ret);
/** Look it up; waits. 0, or what gai_strerror() knows. */
int modbus_address_find(const struct modbus_place *p, struct modbus_sockaddr *ret);

/** A descriptor, non-blocking, on its way to being connected (writable then); -1 and errno. */
int modbus_socket_connect(const struct modbus_sockaddr *to);
/** 0, or the errno of the connection that was not made. */
int modbus_socket_outcome(int fd);
/** Acknowledge now what has come: servers that do not switch off Nagle's algorithm keep further answers until then. */
void modbus_socket_acknowledge(int fd);
/** An open port; -1 and errno. */
int modbus_port_open(const struct modbus_place *p);
/** Throw away what has come and what has not gone yet. */
void modbus_port_flush(int fd);
/** All of it, or errno. */
int modbus_bytes_send(int fd, bool serial, const uint8_t *bytes, size_t n);
/** Bytes; 0: none now; -1 and errno: it is over (0: the other end has closed). */
ptrdiff_t modbus_bytes_receive(int fd, bool serial, uint8_t *ret, size_t size);

#endif
