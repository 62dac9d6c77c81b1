/* The parcels of an outbox: a ring that grows, and what becomes of each. */
#include <assert.h>
#include <stdlib.h>

#include "edge/clock.h"
#include "parcels.h"

struct parcel *sdk_parcel_at(const struct parcels *p, size_t i)
{
    assert(p->cap > 0);
    return &p->at[(p->head + i) % p->cap];
}

void sdk_parcels_push(struct parcels *p, struct parcel parcel)
{
    if (p->n == p->cap) {
        size_t cap = p->cap > 0 ? p->cap * 2 : BATCH;
        cap = cap > p->max && p->n < p->max ? p->max : cap;
        struct parcel *wider = edge_xalloc(cap, sizeof(*wider));
        for (size_t i = 0; i < p->n; i++) {
            wider[i] = *sdk_parcel_at(p, i);
        }
        free(p->at);
        *p = (struct parcels){wider, 0, p->n, cap, p->max, p->popped};
    }
    *sdk_parcel_at(p, p->n) = parcel;
    p->n++;
}

struct parcel sdk_parcels_pop(struct parcels *p)
{
    struct parcel first = p->at[p->head];
    p->head = (p->head + 1) % p->cap;
    p->n--;
    p->popped++;
    return first;
}

struct parcel sdk_parcels_pop_last(struct parcels *p)
{
    p->n--;
    return *sdk_parcel_at(p, p->n);
}

void sdk_parcel_finish(struct sdk_outbox *o, struct parcel *p)
{
    o->n_sent -= p->state == PARCEL_SENT;
    p->state = PARCEL_DONE;
    o->bytes -= p->bytes;
    edge_message_unref(p->message);
    if (p->seq > 0) {
        sdk_spill_settle(o, p->seq);
    }
}

void sdk_parcels_count(struct sdk_outbox *o)
{
    size_t done = o->mode == OUTBOX_ALONE ? o->n_sent : 0;
    edge_gauge_set(o->svc->events_waiting, (int64_t)(o->events.n - done + sdk_spill_waiting(o)));
}

void sdk_parcels_pop_done(struct sdk_outbox *o)
{
    while (o->events.n > 0 && sdk_parcel_at(&o->events, 0)->state == PARCEL_DONE) {
        sdk_parcels_pop(&o->events);
        o->next -= o->next > 0;
        o->reach -= o->reach > 0;
        o->hint -= o->hint > 0;
        o->spill.written -= o->spill.written > 0;
    }
    sdk_parcels_count(o);
    edge_cond_signal(&o->emptied);
}

void sdk_parcels_resend(struct sdk_outbox *o, uint64_t before)
{
    for (size_t i = 0; i < o->reach; i++) {
        struct parcel *p = sdk_parcel_at(&o->events, i);
        if (p->state == PARCEL_SENT && p->serial < before) {
            p->state = PARCEL_WAITS;
            o->n_sent--;
        }
    }
    o->next = o->hint = 0;
    o->spill.written = o->spill.tail == 0 ? 0 : o->spill.written;
    o->progress_ms = edge_now_mono_ms();
    o->next_resend_ms = o->progress_ms + edge_backoff_next(&o->resends);
    edge_cond_signal(&o->filled);
}
