/** A connection of a test to a service: what is said is heard, plain or through TLS. */
#ifndef TESTS_CHANNEL_H
#define TESTS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct edge_buf;

struct channel {
    int fd;
    void *ssl, *context; /* NULL: plain */
};

/** To "localhost" at @p address; @p ca_file says who vouches for it, NULL: plain. False: there is none, or
 * none to be believed. */
bool channel_open(struct channel *c, const char *address, uint16_t port, const char *ca_file);
bool channel_send(struct channel *c, const char *data, size_t n);
/** To the end of the connection, or 10 s of silence. */
void channel_receive_all(struct channel *c, struct edge_buf *in);
/** The serial number of the certificate; 0: plain. */
long channel_serial(const struct channel *c);
void channel_close(struct channel *c);

#endif
