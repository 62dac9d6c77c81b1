/** Events that cannot be stored now, as on a full disk, may come by the thousand: one line tells of many. */
#ifndef CORE_DATA_REFUSALS_H
#define CORE_DATA_REFUSALS_H

#include <stdint.h>

#include "edge/log.h"
#include "edge/thread.h"

struct refusals {
    struct edge_mutex lock;
    uint64_t n EDGE_GUARDED;      /* not told yet */
    int64_t next_ms EDGE_GUARDED; /* when they are */
};

void refusals_init(struct refusals *r);
void refusals_done(struct refusals *r);
/** Any thread. The first is told at once, what comes within ten seconds with one of the next ten. */
void refusals_note(struct refusals *r, const struct edge_log *log, const char *why, int64_t now_ms);

#endif
