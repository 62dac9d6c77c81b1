/** All objects below one, in their order: GETBULK, and GETNEXT of v1. */
#ifndef SNMP_WALK_H
#define SNMP_WALK_H

#include "snmp_driver.h"

enum snmp_walk_end {
    SNMP_WALKED,
    SNMP_WALK_FULL,    /* a row more than max_rows */
    SNMP_WALK_CIRCLES, /* OIDs that do not rise */
    SNMP_WALK_ERROR,   /* the agent's */
    SNMP_WALK_LOST,    /* no answer */
};

/** A row; valid meanwhile. False ends the walk as WALKED. */
typedef bool snmp_walk_row(void *arg, const struct snmp_oid *oid, const struct snmp_value *value);
/** @p why: where it did not come to its end. */
typedef void snmp_walk_done(void *arg, enum snmp_walk_end end, enum snmp_outcome outcome,
                            const char *why);

struct snmp_walk {
    struct snmp_engine *engine;
    struct snmp_ask ask; /* session, community, times, repetitions */
    struct snmp_oid root, last;
    unsigned rows, max_rows;
    snmp_walk_row *row;
    snmp_walk_done *done; /* exactly once; may free the walk */
    void *arg;
};

/** Begin; the outcome often comes before this returns. */
void snmp_walk_start(struct snmp_walk *walk);

#endif
