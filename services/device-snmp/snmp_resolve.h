/** Addresses of names, looked up on threads of their own: the system may take its time, and whoever asks must not wait. */
#ifndef SNMP_RESOLVE_H
#define SNMP_RESOLVE_H

#include "snmp_peer.h"

struct snmp_resolver;

/** One question. Whoever holds it sees the outcome when done is true. */
struct snmp_lookup {
    char *host;
    uint16_t port;
    bool done, found; /* the resolver's lock held: snmp_lookup_state() */
    struct snmp_peer peer;
    char why[96]; /* where nothing was found */
    unsigned holders;
    struct snmp_lookup *next;
};

/** @p done is called on a thread of the resolver, no lock held, each time one is through. NULL: no memory. */
struct snmp_resolver *snmp_resolver_create(void (*done)(void *arg), void *arg);
/** Waits for questions that are being asked. */
void snmp_resolver_free(struct snmp_resolver *res);
/** To be put; NULL: no memory or no thread. */
struct snmp_lookup *snmp_lookup_start(struct snmp_resolver *res, const char *host, uint16_t port);
/** A copy of what it is by now; false: not through yet. */
bool snmp_lookup_state(struct snmp_resolver *res, const struct snmp_lookup *lookup,
                       struct snmp_lookup *ret);
void snmp_lookup_put(struct snmp_resolver *res, struct snmp_lookup *lookup); /* NULL is fine */

#endif
