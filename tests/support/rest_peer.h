/** tests/peers/rest_device.py: a device with python3's web server, for drivers that ask over HTTP. */
#ifndef TESTS_REST_PEER_H
#define TESTS_REST_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct rest_peer {
    pid_t pid;
    uint16_t port; /* 0: one of its own is found when it starts, and kept */
};

/** With TLS where @p files (NULL-ended) are certificate, key and who vouches for clients. False, and failed: it does not
 * run. */
bool rest_peer_start(struct rest_peer *p, const char *const *files);
/**
 * nginx in its place, on two ports: what comes to @p p's is sent on to the other, which speaks TLS, wants a client certificate
 * and user "me" with password "it", and packs what it sends: the files of @p dir/www. Certificates are those of
 * certificates_make(@p dir). False: it is not installed, said loudly, or it does not run, and failed.
 */
bool rest_nginx_start(struct rest_peer *p, const char *dir);
/** Kill it. */
void rest_peer_end(struct rest_peer *p);

#endif
