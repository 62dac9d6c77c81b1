/**
 * Which of many objects to ask for next. As many as go into one request; what is too big is asked for in halves, and
 * what an agent refuses is left out when the others are asked for again.
 */
#ifndef SNMP_PLAN_H
#define SNMP_PLAN_H

#include "codec/snmp_pdu.h"

enum snmp_item_state { SNMP_WAITING, SNMP_ASKED, SNMP_SETTLED };

struct snmp_item {
    uint8_t state;
    uint8_t error;  /* enum snmp_error of a refusal */
    uint16_t group; /* those of one group may go into one request */
};

struct snmp_plan {
    struct snmp_item *items;
    unsigned n;
    unsigned limit; /* per request; at least 1 */
    bool was_too_big;
};

/** Mark those to ask for next and list up to @p max of them; how many. 0: all are settled. */
unsigned snmp_plan_next(struct snmp_plan *plan, unsigned *ret_items, unsigned max);
/** They were refused; @p index as in the answer, 1 for the first. */
void snmp_plan_refused(struct snmp_plan *plan, const unsigned *items, unsigned n, int64_t error,
                       int64_t index);
/** They were answered. */
void snmp_plan_settle(struct snmp_plan *plan, const unsigned *items, unsigned n);

#endif
