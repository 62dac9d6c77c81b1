/** Tells when a network interface comes up or gets an address: peers that were out of reach may be there now. */
#ifndef EXPORT_NETWORK_H
#define EXPORT_NETWORK_H

struct network_watch;

/** @p came_up is called on a thread of its own. NULL where the system does not tell: then back-offs do. */
struct network_watch *network_watch_start(void (*came_up)(void *arg), void *arg);
/** Returns when no call is under way any more. NULL is fine. */
void network_watch_stop(struct network_watch *w);

#endif
