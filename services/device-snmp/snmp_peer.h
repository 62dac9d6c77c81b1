/** Where an agent is: an address and a port of UDP; IPv4 addresses are kept as IPv6 has them (::ffff:10.0.0.7). */
#ifndef SNMP_PEER_H
#define SNMP_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snmp_peer {
    uint8_t ip[16];
    uint32_t scope; /* of link-local addresses */
    uint16_t port;
};

enum { SNMP_PEER_TEXT = 72 };

/** "10.0.0.7", "2001:db8::7", "fe80::7%eth0"; no name. */
bool snmp_peer_parse(const char *host, uint16_t port, struct snmp_peer *ret);
/** What getaddrinfo() or recvfrom() brought. */
bool snmp_peer_from(const struct sockaddr *from, struct snmp_peer *ret);
/** For a socket of @p family; 0: it cannot be said there. */
socklen_t snmp_peer_to(const struct snmp_peer *peer, int family, struct sockaddr_storage *ret);
bool snmp_peer_same_host(const struct snmp_peer *a, const struct snmp_peer *b);
bool snmp_peer_equal(const struct snmp_peer *a, const struct snmp_peer *b);
/** "10.0.0.7:161", "[2001:db8::7]:161" */
void snmp_peer_print(const struct snmp_peer *peer, char ret[SNMP_PEER_TEXT]);
/** The same without the port. */
void snmp_peer_print_host(const struct snmp_peer *peer, char ret[SNMP_PEER_TEXT]);

/**
 * A UDP socket that neither blocks nor is inherited: for IPv6 and IPv4, or IPv4 alone where there is no IPv6. @p at NULL:
 * on any port. -1 and errno.
 */
int snmp_socket_open(const struct snmp_peer *at, int *ret_family);

#endif
