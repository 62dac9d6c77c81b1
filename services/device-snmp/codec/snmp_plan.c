#include "codec/snmp_plan.h"

unsigned snmp_plan_next(struct snmp_plan *plan, unsigned *ret_items, unsigned max)
{
    unsigned limit = plan->limit < max ? plan->limit : max, n = 0;
    for (unsigned i = 0; i < plan->n && n < limit; i++) {
        struct snmp_item *item = &plan->items[i];
        if (item->state == SNMP_WAITING &&
            (n == 0 || item->group == plan->items[ret_items[0]].group)) {
            item->state = SNMP_ASKED;
            ret_items[n++] = i;
        }
    }
    return n;
}

static void settle(struct snmp_item *item, int64_t error)
{
    item->state = SNMP_SETTLED;
    item->error = error > 0 && error < SNMP_ERRORS ? (uint8_t)error : SNMP_GEN_ERR;
}

/* Each refusal settles one or asks for fewer: so it ends. */
void snmp_plan_refused(struct snmp_plan *plan, const unsigned *items, unsigned n, int64_t error,
                       int64_t index)
{
    bool is_too_big = error == SNMP_TOO_BIG;
    plan->was_too_big = plan->was_too_big || is_too_big;
    bool is_named = !is_too_big && index >= 1 && index <= n;
    for (unsigned i = 0; i < n; i++) {
        plan->items[items[i]].state = SNMP_WAITING;
    }
    if (n == 1) {
        settle(&plan->items[items[0]], error);
    } else if (is_named) {
        settle(&plan->items[items[index - 1]], error);
    } else {
        plan->limit = n / 2;
    }
}

void snmp_plan_settle(struct snmp_plan *plan, const unsigned *items, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        plan->items[items[i]].state = SNMP_SETTLED;
    }
}
