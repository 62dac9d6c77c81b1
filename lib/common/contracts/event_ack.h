/**
 * How device services learn that their events are durable. Additional to the platform's wire: who does not
 * know these topics is not disturbed by them.
 *
 *   <base>/event-acks/core-data/ask/<service>     a device service: is anybody there who acknowledges?
 *   <base>/event-acks/core-data/hello             core-data, at its start and when asked: yes
 *   <base>/event-acks/core-data/events/<service>  core-data, after each commit: these need not come again
 *
 * An event that is sent again says so (queryParams resent=true) and is stored once.
 */
#ifndef EDGE_CONTRACTS_EVENT_ACK_H
#define EDGE_CONTRACTS_EVENT_ACK_H

#include "edge/base.h"

#define EVENT_RESENT "resent" /* the query parameter */

/** Of ask and hello. */
struct event_acker {
    const char *api_version, *service_key;
    const char *instance; /* of hello: a new one at each start; what was sent before may be lost */
};

struct event_acks {
    const char *api_version, *instance;
    const char **ids; /* durable, or stored already */
    size_t n_ids;
    const char **refused; /* never will be: wrong in themselves */
    size_t n_refused;
};

extern const struct edge_dto EVENT_ACKER, EVENT_ACKS;

#endif
