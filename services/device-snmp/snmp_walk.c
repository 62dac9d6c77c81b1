#include "snmp_walk.h"

#include <stdio.h>

enum { WHY = 192 };

static void on_answer(void *arg, enum snmp_outcome outcome, const struct snmp_pdu *pdu,
                      const char *why);

static void go_on(struct snmp_walk *w)
{
    uint8_t bytes[SNMP_OID_BYTES], list[SNMP_OID_BYTES + 16];
    struct snmp_out out = snmp_out(list, sizeof(list));
    snmp_put_binding(&out, snmp_view(bytes, snmp_oid_bytes(&w->last, bytes)),
                     &(struct snmp_value){.tag = SNMP_NULL});
    struct snmp_ask ask = w->ask;
    ask.type = ask.session->version == SNMP_V1 ? SNMP_GETNEXT : SNMP_GETBULK;
    ask.list = snmp_written(&out);
    ask.fn = on_answer;
    ask.arg = w;
    snmp_engine_ask(w->engine, &ask);
}

void snmp_walk_start(struct snmp_walk *walk)
{
    walk->last = walk->root;
    walk->rows = 0;
    go_on(walk);
}

static void end(struct snmp_walk *w, enum snmp_walk_end how, const char *why)
{
    w->done(w->arg, how, SNMP_ANSWERED, why);
}

/* Take one row. False: the walk is over, and its end was told. */
static bool take(struct snmp_walk *w, const struct snmp_binding *binding)
{
    char why[WHY], oid_text[SNMP_OID_TEXT];
    struct snmp_oid oid;
    bool inside = snmp_oid_of(binding->oid, &oid) && snmp_oid_below(&oid, &w->root);
    if (!inside || snmp_kind(binding->value.tag) == SNMP_IS_NOTHING) {
        end(w, SNMP_WALKED, NULL);
        return false;
    }
    if (snmp_oid_compare(&oid, &w->last) <= 0) {
        snmp_oid_print(&oid, oid_text, sizeof(oid_text));
        snprintf(why, sizeof(why), "the agent's OIDs do not rise at %.120s", oid_text);
        end(w, SNMP_WALK_CIRCLES, why);
        return false;
    }
    if (w->rows == w->max_rows) {
        snprintf(why, sizeof(why), "there are more than %u rows", w->max_rows);
        end(w, SNMP_WALK_FULL, why);
        return false;
    }
    w->rows++;
    w->last = oid;
    if (!w->row(w->arg, &oid, &binding->value)) {
        end(w, SNMP_WALKED, NULL);
        return false;
    }
    return true;
}

/* False: the walk is over. */
static bool take_refusal(struct snmp_walk *w, const struct snmp_pdu *pdu)
{
    char why[WHY], text[SNMP_OID_TEXT];
    if (w->ask.session->version == SNMP_V1 && pdu->error_status == SNMP_NO_SUCH_NAME) {
        end(w, SNMP_WALKED, NULL); /* v1's way of saying that there is no more */
        return false;
    }
    if (pdu->error_status == SNMP_TOO_BIG && w->ask.repetitions > 1) {
        w->ask.repetitions /= 2;
        return true;
    }
    snmp_oid_print(&w->last, text, sizeof(text));
    snprintf(why, sizeof(why), "%s behind %.120s", snmp_error_name(pdu->error_status), text);
    end(w, SNMP_WALK_ERROR, why);
    return false;
}

static void on_answer(void *arg, enum snmp_outcome outcome, const struct snmp_pdu *pdu,
                      const char *why)
{
    struct snmp_walk *w = arg;
    if (outcome != SNMP_ANSWERED) {
        w->done(w->arg, SNMP_WALK_LOST, outcome, why);
        return;
    }
    if (pdu->error_status != SNMP_NO_ERROR) {
        if (take_refusal(w, pdu)) {
            go_on(w);
        }
        return;
    }
    struct snmp_view list = pdu->bindings;
    struct snmp_binding binding;
    if (list.n == 0) {
        end(w, SNMP_WALK_ERROR, "an answer without an object");
        return;
    }
    while (snmp_take_binding(&list, &binding)) {
        if (!take(w, &binding)) {
            return;
        }
    }
    go_on(w);
}
