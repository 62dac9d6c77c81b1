/*
 * The way out: everything that is published asynchronously waits here, in order, for one thread that
 * hands it to the bus. So no driver and no lane waits for the bus, and nothing is sent after the bus is
 * closed. Bounded; what finds it full is refused and counted.
 *
 * Over a broker an event stays here until core-data says that it is durable (contracts/event_ack.h): a
 * broker's acknowledgement proves nothing, it may forget what it took. After a reconnect, a restart of
 * core-data or a gap among what it names, what is still here is sent again, in order and marked; core-data
 * stores it once. Where nobody acknowledges (an official core-data), the broker's word has to do.
 *
 * What waits for long, or is more than memory holds, goes to disk: outbox_spill.c.
 */
#include <stdlib.h>

#include "config.h"
#include "edge/clock.h"
#include "parcels.h"

enum {
    MAX_REPLIES = 10000, /* answers and progress; they are not acknowledged */
    COMPLAIN_MS = 10 * 1000,
};

/* ---- life ---------------------------------------------------------------------------------- */

static int64_t duration_ms(const char *text)
{
    int64_t ns = 0;
    return text && edge_duration_parse(text, true, &ns) ? ns / 1000000 : 0;
}

struct sdk_outbox *sdk_outbox_create(devsdk_service *svc, const struct sdk_outbox_config *config)
{
    struct sdk_outbox *o = edge_xalloc(1, sizeof(*o));
    o->svc = svc;
    o->max_bytes = (size_t)config->max_kb * 1024;
    o->limits.max_bytes = (uint64_t)config->spool_mb << 20;
    o->limits.after_ms = duration_ms(config->spool_after);
    o->limits.max_age_ms = duration_ms(config->spool_max_age);
    edge_mutex_init(&o->lock);
    edge_cond_init(&o->filled);
    edge_cond_init(&o->emptied);
    {
        EDGE_LOCK(&o->lock);
        o->replies.max = MAX_REPLIES;
        o->events.max = o->fresh.max = (size_t)config->max_events;
        o->window = FIRST_WINDOW;
        o->threshold = MAX_WINDOW;
        o->resends = (struct edge_backoff){.first_ms = FIRST_RESEND_MS, .last_ms = LAST_RESEND_MS};
        o->mode = OUTBOX_ASKING;
        o->holds = edge_bus_is_local(svc->rt->bus);
    }
    sdk_spill_begin(o);
    o->thread = edge_thread_start("outbox", sdk_outbox_send_all, o);
    return o;
}

static void close_until(struct sdk_outbox *o, int64_t deadline_ms)
{
    EDGE_LOCK(&o->lock);
    o->closed = true;
    o->next_ask_ms = 0;
    edge_cond_signal(&o->filled);
    while ((o->replies.n > 0 || o->events.n > 0 || !o->idle) && edge_now_mono_ms() < deadline_ms) {
        bool unheard =
            o->mode == OUTBOX_ASKING || o->mode == OUTBOX_ALONE || o->mode == OUTBOX_ABSENT;
        if (unheard && o->replies.n == 0 && o->next == o->events.n) {
            break; /* sent, and nobody known who would say more */
        }
        edge_cond_wait_until(&o->emptied, &o->lock, deadline_ms);
    }
    o->cut = true;
    edge_cond_signal(&o->filled);
}

void sdk_outbox_close(struct sdk_outbox *o, int64_t deadline_ms)
{
    if (o && !o->joined) {
        close_until(o, deadline_ms);
        pthread_join(o->thread, NULL);
        o->joined = true;
    }
}

static void drop_rest(struct sdk_outbox *o)
{
    size_t lost = sdk_spill_end(o);
    EDGE_LOCK(&o->lock);
    while (o->events.n + o->fresh.n > 0) {
        struct parcel p = sdk_parcels_pop(o->events.n > 0 ? &o->events : &o->fresh);
        edge_message_unref(p.state == PARCEL_DONE ? NULL : p.message);
    }
    while (o->replies.n > 0) {
        edge_message_unref(sdk_parcels_pop(&o->replies).message);
    }
    free(o->events.at);
    free(o->fresh.at);
    free(o->spill.settled);
    free(o->replies.at);
    if (lost > 0) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = o->svc->rt->log;
        edge_counter_add(o->svc->events_dropped, lost);
        edge_log_warn(&ctx, "stopped before core-data had stored all events", "events",
                      edge_printf(&ctx.arena, "%zu", lost), NULL);
    }
}

void sdk_outbox_free(struct sdk_outbox *o)
{
    if (!o) {
        return;
    }
    sdk_outbox_close(o, 0);
    drop_rest(o);
    edge_cond_done(&o->emptied);
    edge_cond_done(&o->filled);
    edge_mutex_done(&o->lock);
    free(o);
}

/* ---- in ------------------------------------------------------------------------------------ */

static bool has_no_room(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static bool has_no_room(const struct sdk_outbox *o)
{
    return o->closed || o->events.n + o->fresh.n >= o->events.max || o->bytes >= o->max_bytes;
}

/* No core-data in this process, and no disk: others hear what comes, so that is what stays. */
static bool forgets(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static bool forgets(const struct sdk_outbox *o)
{
    bool disk = o->limits.max_bytes > 0 && !o->spill.broken;
    return !o->closed && o->mode == OUTBOX_ABSENT && !disk;
}

static bool forget_first(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static bool forget_first(struct sdk_outbox *o)
{
    if (!forgets(o) || o->events.n + o->fresh.n == 0) {
        return false;
    }
    bool fresh = o->events.n == 0;
    struct parcel *p = sdk_parcel_at(fresh ? &o->fresh : &o->events, 0);
    if (p->state != PARCEL_DONE) {
        sdk_parcel_finish(o, p);
        edge_counter_add(o->svc->events_dropped, 1);
    }
    if (fresh) {
        sdk_parcels_pop(&o->fresh);
        o->spill.published -= o->spill.published > 0;
    }
    sdk_parcels_pop_done(o);
    return true;
}

/* How many were refused, now and then; 0: nothing to say. */
static size_t complaint(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static size_t complaint(struct sdk_outbox *o)
{
    int64_t now = edge_now_mono_ms();
    o->n_refused++;
    if (now < o->complained_ms + COMPLAIN_MS && o->complained_ms != 0) {
        return 0;
    }
    size_t n = o->n_refused;
    o->complained_ms = now;
    o->n_refused = 0;
    return n;
}

static bool put(struct sdk_outbox *o, const struct edge_message *m, size_t n_readings,
                size_t *ret_complaint)
{
    EDGE_LOCK(&o->lock);
    bool event = n_readings > 0;
    while (event && has_no_room(o) && forget_first(o)) {
    }
    if (event ? has_no_room(o) : o->closed || o->replies.n >= o->replies.max) {
        *ret_complaint = complaint(o);
        return false;
    }
    size_t bytes = edge_message_arena((struct edge_message *)(uintptr_t)m)->used;
    sdk_parcels_push(!event        ? &o->replies
                     : o->spill.on ? &o->fresh
                                   : &o->events,
                     (struct parcel){.message = edge_message_ref(m),
                                     .n_readings = (uint32_t)n_readings,
                                     .bytes = (uint32_t)bytes});
    o->bytes += event ? bytes : 0;
    sdk_parcels_count(o);
    if (o->idle) {
        o->idle = false;
        edge_cond_signal(&o->filled);
    }
    return true;
}

bool sdk_outbox_put(struct sdk_outbox *o, const struct edge_message *m, size_t n_readings)
{
    size_t n = 0;
    if (put(o, m, n_readings, &n)) {
        return true;
    }
    edge_counter_add(o->svc->events_dropped, n_readings > 0 ? 1 : 0);
    if (n > 0) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = o->svc->rt->log;
        edge_log_warn(&ctx, "the outbox is full: core-data does not take our events", "dropped",
                      edge_printf(&ctx.arena, "%zu", n), NULL);
    }
    return false;
}

bool sdk_outbox_is_full(struct sdk_outbox *o)
{
    EDGE_LOCK(&o->lock);
    return has_no_room(o) && !forgets(o);
}
