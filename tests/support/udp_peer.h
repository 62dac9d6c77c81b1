/** A peer on UDP sockets of the loopback that does with each datagram what the test says. */
#ifndef TESTS_UDP_PEER_H
#define TESTS_UDP_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct udp_peer;

/** On the peer's thread: the @p n bytes that came from @p from to the socket of number @p index. */
typedef void udp_peer_fn(struct udp_peer *p, void *arg, unsigned index, const uint8_t *bytes,
                         size_t n, const struct sockaddr_in *from);

/** @p ports sockets, each on a port of its own. */
struct udp_peer *udp_peer_start(unsigned ports, udp_peer_fn *fn, void *arg);
void udp_peer_free(struct udp_peer *p); /* NULL is fine */
uint16_t udp_peer_port(const struct udp_peer *p, unsigned index);
/** From the socket of that number. */
void udp_peer_send(struct udp_peer *p, unsigned index, const void *bytes, size_t n,
                   const struct sockaddr_in *to);
/** So many datagrams have come. */
unsigned udp_peer_count(struct udp_peer *p);

#endif
