/* What core-data says of the events it was sent: which are stored, and that it is there. */
#include <string.h>

#include "contracts/event_ack.h"
#include "edge/clock.h"
#include "parcels.h"

enum {
    GAP_MS = 100,     /* between two looks for what was lost on the way */
    MIN_WINDOW = 256, /* it shrinks to, where events are lost */
    WIDER = 64, /* for a window's worth of acknowledgements, beyond where the broker dropped */
};

/* Most come in the order in which they were sent. What waits to be sent again may have arrived after all. */
static struct parcel *find(struct sdk_outbox *o, const char *id) EDGE_REQUIRES(o->lock);

static struct parcel *find(struct sdk_outbox *o, const char *id)
{
    for (size_t k = 0; k < o->reach; k++) {
        size_t i = (o->hint + k) % o->reach;
        struct parcel *p = sdk_parcel_at(&o->events, i);
        if (p->state != PARCEL_DONE && p->tries > 0 &&
            strcmp(sdk_event_of(p->message)->id, id) == 0) {
            o->hint = i + 1;
            return p;
        }
    }
    return NULL;
}

/* What was sent later was stored, the oldest was not: lost on the way, as all of its time. */
static void look_for_gap(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static void look_for_gap(struct sdk_outbox *o)
{
    const struct parcel *oldest = o->reach > 0 ? sdk_parcel_at(&o->events, 0) : NULL;
    if (!oldest || oldest->state != PARCEL_SENT || oldest->serial >= o->newest ||
        edge_now_mono_ms() < o->next_gap_ms) {
        return;
    }
    o->window = o->window / 2 > MIN_WINDOW ? o->window / 2 : MIN_WINDOW;
    o->threshold = o->window;
    sdk_parcels_resend(o, o->newest);
    o->next_gap_ms = o->progress_ms + GAP_MS;
}

/* As many were acknowledged. What the broker holds for core-data is found by trying, as TCP does. */
static void widen(struct sdk_outbox *o, size_t n) EDGE_REQUIRES(o->lock);

static void widen(struct sdk_outbox *o, size_t n)
{
    size_t more = o->window < o->threshold ? n : (n * WIDER + o->window - 1) / o->window;
    o->window = o->window + more < MAX_WINDOW ? o->window + more : MAX_WINDOW;
}

static void take_acks(struct sdk_outbox *o, const struct event_acks *acks, size_t *ret_refused)
{
    EDGE_LOCK(&o->lock);
    size_t n = 0;
    for (size_t i = 0; i < acks->n_ids; i++) {
        struct parcel *p = find(o, acks->ids[i]);
        if (p) {
            if (p->tries == 1 && p->serial > o->newest) { /* else: which of its sendings arrived? */
                o->newest = p->serial;
            }
            sdk_parcel_finish(o, p);
            n++;
        }
    }
    for (size_t i = 0; i < acks->n_refused; i++) {
        struct parcel *p = find(o, acks->refused[i]);
        if (p) {
            sdk_parcel_finish(o, p);
            ++*ret_refused;
        }
    }
    n += *ret_refused;
    if (n > 0) {
        o->listening = false;
        o->heard = o->serial;
        edge_backoff_reset(&o->resends);
        o->progress_ms = edge_now_mono_ms();
        widen(o, n);
    }
    bool whole = o->events.n > 0 && sdk_parcel_at(&o->events, 0)->state == PARCEL_DONE;
    sdk_parcels_pop_done(o);
    if (whole) {
        o->next_resend_ms = o->progress_ms + FIRST_RESEND_MS;
    } else {
        look_for_gap(o);
    }
    edge_cond_signal(&o->filled);
}

enum edge_status sdk_outbox_acks(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    devsdk_service *svc = state;
    const void *acks = NULL;
    size_t refused = 0;
    EDGE_TRY(edge_message_decode(ctx, m, &EVENT_ACKS, &acks));
    take_acks(svc->outbox, acks, &refused);
    if (refused > 0) {
        edge_counter_add(svc->events_refused, refused);
        edge_log_error(ctx, "core-data refuses events as wrong; its log says why", "events",
                       edge_printf(&ctx->arena, "%zu", refused), NULL);
    }
    return EDGE_OK;
}

enum edge_status sdk_outbox_hello(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    devsdk_service *svc = state;
    struct sdk_outbox *o = svc->outbox;
    const void *object = NULL;
    EDGE_TRY(edge_message_decode(ctx, m, &EVENT_ACKER, &object));
    const struct event_acker *hello = object;
    const char *instance = hello->instance ? hello->instance : "";
    EDGE_LOCK(&o->lock);
    if (edge_bus_is_local(svc->rt->bus) && (!o->present || o->mode != OUTBOX_ACKED)) {
        o->present = true; /* and will be asked, where something waits for it */
        edge_cond_signal(&o->filled);
        return EDGE_OK;
    }
    bool fresh = strncmp(o->instance, instance, sizeof(o->instance) - 1) != 0;
    bool due = edge_now_mono_ms() >= o->next_resend_ms;
    o->mode = OUTBOX_ACKED;
    if (fresh) {
        memcpy(o->instance, instance, strnlen(instance, sizeof(o->instance) - 1) + 1);
        o->next_ask_ms = 0; /* a new one does not know us yet */
        edge_backoff_reset(&o->resends);
    }
    if (fresh || (o->listening && due)) {
        o->listening = false;
        sdk_parcels_resend(o, UINT64_MAX);
    }
    return EDGE_OK;
}
