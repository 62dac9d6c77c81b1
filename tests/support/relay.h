/**
 * Stands between a client and a peer on the loopback, and does to their connections what networks do: keeps what it is
 * given, says nothing, breaks off amid a message.
 */
#ifndef TESTS_RELAY_H
#define TESTS_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct relay;

/** To @p port of the loopback. */
struct relay *relay_start(uint16_t port);
void relay_free(struct relay *r); /* closes all connections; NULL is fine */
uint16_t relay_port(const struct relay *r);

/** The connections there are stay, but whatever is said on them is kept from now on; later ones pass. */
void relay_swallow(struct relay *r);
/** New connections are taken, and nothing is passed on, until it is false again; then they are reset. */
void relay_hang(struct relay *r, bool hang);
/** Once: the connection on which the client has said @p bytes more is reset. */
void relay_cut(struct relay *r, size_t bytes);
/** So many have come, all in all. */
unsigned relay_connections(struct relay *r);
/** Wait until it is so; false after 10 s. */
bool relay_wait_for(struct relay *r, unsigned connections);

#endif
