/** Certificates for tests, made as they are needed. */
#ifndef TESTS_CERTIFICATES_H
#define TESTS_CERTIFICATES_H

#include <stdbool.h>

struct certificate {
    const char *name;    /* of the files: <folder>/<name>.pem and <name>.key */
    const char *issuer;  /* another one's name; NULL: signed by itself */
    const char *subject; /* "DNS:localhost,IP:127.0.0.1"; NULL: may sign others instead */
    int days;            /* until it ends; negative: it has ended */
};

/** False, and a word why, where that cannot be done. */
bool certificate_make(const char *folder, const struct certificate *c);
/** "<folder>/<name><end>", until the sixteenth later call. */
const char *certificate_file(const char *folder, const char *name, const char *end);

/** Those most tests want: ca, server (localhost, 127.0.0.1), client, expired, elsewhere (another host's),
 * alone (signed by itself), stranger (a CA nobody knows) and strange (a client it has signed). */
bool certificates_make(const char *folder);

#endif
