/**
 * A peer on a socket that behaves as a script says: for clients under attack. Each request takes
 * the next step of the script, whichever connection it comes on; the last step is repeated.
 */
#ifndef TESTS_TCP_PEER_H
#define TESTS_TCP_PEER_H

#include <stdbool.h>
#include <stddef.h>

enum peer_action {
    PEER_ANSWER, /* the text, and go on with the connection */
    PEER_CLOSE,  /* the text (may be NULL), then close */
    PEER_RESET,  /* the text (may be NULL), then an RST */
    PEER_DRIP,   /* the text, a byte every few milliseconds */
    PEER_HANG,   /* nothing, until the peer is freed */
    PEER_FLOOD,  /* the text, then zero bytes without end */
};

struct peer_step {
    enum peer_action action;
    const char *text;
};

/** Bound to a free port of the loopback address, but refusing connections until tcp_peer_listen().
 */
struct tcp_peer *tcp_peer_create(const struct peer_step *script, size_t n);
void tcp_peer_listen(struct tcp_peer *p);
struct tcp_peer *tcp_peer_start(const struct peer_step *script, size_t n);
void tcp_peer_free(struct tcp_peer *p);

/** "http://127.0.0.1:40000" */
const char *tcp_peer_url(const struct tcp_peer *p);
unsigned tcp_peer_requests(struct tcp_peer *p);
unsigned tcp_peer_connections(struct tcp_peer *p);
/** The newest request as it came, head and body; valid until the next one. */
const char *tcp_peer_last(struct tcp_peer *p);
/** Wait until @p n requests have come; false after 10 s. */
bool tcp_peer_wait_for(struct tcp_peer *p, unsigned n);

#endif
