/** Pauses between attempts, each twice as long as the one before. Plain data; who keeps it guards it. */
#ifndef EDGE_BACKOFF_H
#define EDGE_BACKOFF_H

#include <stdint.h>

struct edge_backoff {
    int64_t first_ms, last_ms; /* the shortest pause and the longest */
    unsigned spread_percent;   /* so much of a pause is left to chance: 0 none of it, 100 all */
    int64_t floor_ms;          /* the next pause is no shorter (Retry-After); it alone */
    uint64_t seed;             /* what chance begins with; 0: the clock. Tests name one */
    int64_t pause_ms;          /* the last one before chance; 0: none since the beginning */
};

/** How long to wait now that an attempt failed. */
int64_t edge_backoff_next(struct edge_backoff *b);
/** It worked: the next pause is the first. */
void edge_backoff_reset(struct edge_backoff *b);

#endif
