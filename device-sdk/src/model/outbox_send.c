/* The outbox's thread: it hands what waits to the bus, and asks who acknowledges. */
#include "contracts/event_ack.h"
#include "edge/clock.h"
#include "parcels.h"

enum {
    GRACE_MS = 10000, /* for somebody who acknowledges to appear */
    ASK_MS = 1000,    /* how often is asked for him */
    WONDER_MS = 5000, /* nothing acknowledged: is he still there? */
    SILENT_MS = 8000, /* nothing acknowledged: no more is sent before he says that he is there */
    POLL_MS = 50,     /* for a bus that is away */
    MOMENT_MS = 250,  /* for core-data of the same process to answer */
    HURRY_MS = 200,   /* when closing, or when nothing is sent before the answer */
    MAX_TRIES = 20,   /* of one event while others get through */
    KEPT_ALONE = 4 * 1024 * 1024, /* bytes: some minutes of a gateway's events */
};

/* In one process: who asks for core-data, and needs no acknowledging. */
#define ANYBODY "-"

/* What is handed to the bus in one turn. */
struct turn {
    struct {
        const struct edge_message *message; /* a reference */
        size_t n_readings;
        bool marked; /* it may have come before */
        bool resent, once;
    } batch[BATCH];
    size_t n;
    bool ask, told_alone, over;
    bool ask_anybody; /* is core-data there? It need not acknowledge */
    size_t given_up;
};

static void turn_add(struct turn *t, const struct parcel *p, bool once)
{
    t->batch[t->n].message = edge_message_ref(p->message);
    t->batch[t->n].n_readings = p->n_readings;
    t->batch[t->n].once = once;
    t->batch[t->n].marked = p->tries > 1 || p->loaded;
    t->batch[t->n].resent = p->tries > 1 || p->was_sent;
    t->n++;
}

static bool is_ours(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

/* Is an event sent again where the bus loses it? */
static bool is_ours(const struct sdk_outbox *o)
{
    return o->mode == OUTBOX_ASKING || o->mode == OUTBOX_ACKED;
}

static bool may_send(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static bool may_send(const struct sdk_outbox *o)
{
    if (o->next == o->events.n || o->holds) {
        return false;
    }
    if (o->mode != OUTBOX_ACKED) {
        return true;
    }
    return !o->listening && o->n_sent < o->window;
}

/* Others of the process hear what came behind a tail, too. */
static void take_fresh(struct sdk_outbox *o, struct turn *t) EDGE_REQUIRES(o->lock);

static void take_fresh(struct sdk_outbox *o, struct turn *t)
{
    while (t->n < BATCH && o->spill.published < o->fresh.n) {
        struct parcel *p = sdk_parcel_at(&o->fresh, o->spill.published++);
        if (p->state == PARCEL_WAITS) {
            p->state = PARCEL_SENT;
            p->tries++;
            o->n_sent++;
            turn_add(t, p, false);
        }
    }
}

/* Alone: those sent last stay, for one who acknowledges may yet come. */
static void forget_oldest(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static void forget_oldest(struct sdk_outbox *o)
{
    size_t bytes = o->max_bytes / 2 < KEPT_ALONE ? o->max_bytes / 2 : KEPT_ALONE;
    for (size_t i = 0; i < o->next && (o->bytes > bytes || o->n_sent > o->events.max / 2); i++) {
        struct parcel *p = sdk_parcel_at(&o->events, i);
        if (p->state == PARCEL_SENT) {
            sdk_parcel_finish(o, p);
        }
    }
}

static void take_events(struct sdk_outbox *o, struct turn *t, int64_t now) EDGE_REQUIRES(o->lock);

static void take_events(struct sdk_outbox *o, struct turn *t, int64_t now)
{
    while (t->n < BATCH && may_send(o)) {
        struct parcel *p = sdk_parcel_at(&o->events, o->next++);
        o->reach = o->next > o->reach ? o->next : o->reach;
        if (p->state != PARCEL_WAITS) {
            continue;
        }
        if (o->mode == OUTBOX_ACKED && p->tries >= MAX_TRIES) {
            t->given_up++;
            sdk_parcel_finish(o, p);
            continue;
        }
        if (p->tries < 2 || p->serial <= o->heard) {
            p->tries++;
        }
        p->serial = ++o->serial;
        turn_add(t, p, is_ours(o));
        if (o->n_sent == 0) {
            o->progress_ms = now; /* from here on he has something to speak of */
        }
        p->state = PARCEL_SENT;
        o->n_sent++;
        if (o->mode == OUTBOX_LOCAL) {
            sdk_parcel_finish(o, p);
        } else if (o->mode == OUTBOX_ALONE && p->seq > 0) {
            sdk_spill_settle(o, p->seq);
            p->seq = 0;
        }
    }
    if (o->mode == OUTBOX_ABSENT) {
        take_fresh(o, t);
    }
    if (o->mode == OUTBOX_ALONE) {
        forget_oldest(o);
    }
    sdk_parcels_pop_done(o);
}

static void look_for_core_data(struct sdk_outbox *o, struct turn *t, int64_t now)
    EDGE_REQUIRES(o->lock);

/* It answers as soon as it works. Nothing is sent in the first moment, lest it be heard live and kept for it, too. */
static void look_for_core_data(struct sdk_outbox *o, struct turn *t, int64_t now)
{
    if (now >= o->next_ask_ms) {
        o->asking_until_ms = o->asking_until_ms > 0 ? o->asking_until_ms : now + MOMENT_MS;
        o->next_ask_ms = now + (now < o->asking_until_ms ? POLL_MS : ASK_MS);
        t->ask_anybody = true;
    }
    o->holds = now < o->asking_until_ms && !o->closed;
    o->mode = o->holds ? o->mode : OUTBOX_ABSENT;
}

static bool look_inside(struct sdk_outbox *o, struct turn *t, int64_t now) EDGE_REQUIRES(o->lock);

/*
 * In one process core-data is there or out of order, and needs no acknowledging but for what waited while it was.
 * False: until that is through it is asked, as over a broker.
 */
static bool look_inside(struct sdk_outbox *o, struct turn *t, int64_t now)
{
    bool waits = o->n_sent > 0 || o->fresh.n > 0 || o->spill.tail > 0 || o->spill.on;
    if (!o->present) {
        look_for_core_data(o, t, now);
        return true;
    }
    o->holds = false;
    if ((o->mode == OUTBOX_ABSENT && waits) || o->spill.tail > 0) {
        o->listening = o->listening || o->mode != OUTBOX_ACKED;
        o->connections = edge_bus_connections(o->svc->rt->bus);
        o->next_ask_ms = o->mode != OUTBOX_ACKED ? 0 : o->next_ask_ms;
        o->mode = OUTBOX_ACKED;
    }
    if (o->mode != OUTBOX_ACKED || (!waits && o->events.n == 0)) {
        o->mode = OUTBOX_LOCAL;
        return true;
    }
    return false;
}

/* What time and the bus have changed. */
static void look(struct sdk_outbox *o, struct turn *t, int64_t now) EDGE_REQUIRES(o->lock);

static void look(struct sdk_outbox *o, struct turn *t, int64_t now)
{
    struct edge_bus *bus = o->svc->rt->bus;
    if (edge_bus_is_local(bus) && look_inside(o, t, now)) {
        return;
    }
    unsigned connections = edge_bus_connections(bus);
    if (connections != o->connections) {
        o->connections = connections;
        o->asking_until_ms = now + GRACE_MS;
        o->next_ask_ms = 0;
        o->window = FIRST_WINDOW;
        o->threshold = MAX_WINDOW;
        edge_backoff_reset(&o->resends);
        o->next_resend_ms = now;
        o->listening = o->mode == OUTBOX_ACKED; /* what was sent may be forgotten, and he be away */
    }
    if (o->mode == OUTBOX_ACKED && o->n_sent > 0 && now >= o->progress_ms + SILENT_MS) {
        o->listening = true;
    }
    if (o->mode == OUTBOX_ASKING && now >= o->asking_until_ms) {
        o->mode = OUTBOX_ALONE;
        t->told_alone = true;
    }
    /* Core-data commits what it has gathered when it is asked, which takes it some seconds else. */
    int64_t patience_ms = o->closed ? 0 : WONDER_MS;
    bool waits = o->mode == OUTBOX_ACKED &&
                 (o->listening || (o->n_sent > 0 && now >= o->progress_ms + patience_ms));
    bool unknown = o->mode == OUTBOX_ASKING || (o->mode == OUTBOX_ACKED && o->next_ask_ms == 0);
    if ((waits || unknown) && now >= o->next_ask_ms) {
        o->next_ask_ms = now + (o->closed || o->listening ? HURRY_MS : ASK_MS);
        t->ask = true;
    }
}

/* Wait for something to do. */
static void take(struct sdk_outbox *o, struct turn *t)
{
    *t = (struct turn){0};
    for (;;) {
        bool connected = edge_bus_connected(o->svc->rt->bus);
        bool more = sdk_spill_step(o, connected);
        EDGE_LOCK(&o->lock);
        int64_t now = edge_now_mono_ms();
        if (o->cut) {
            t->over = true;
            return;
        }
        while (t->n < BATCH && o->replies.n > 0) {
            struct parcel p = sdk_parcels_pop(&o->replies);
            turn_add(t, &p, false);
            edge_message_unref(p.message);
        }
        if (connected) {
            look(o, t, now);
        }
        if (connected || (o->mode == OUTBOX_ALONE && o->limits.max_bytes == 0)) {
            take_events(o, t, now);
        }
        if (t->n > 0 || t->ask || t->ask_anybody || t->told_alone || t->given_up > 0) {
            return;
        }
        if (more) {
            continue;
        }
        o->idle = true;
        edge_cond_signal(&o->emptied);
        bool kept = o->mode == OUTBOX_ALONE && o->next == o->events.n;
        bool spills = o->spill.on || o->disk.spool;
        bool timed = (o->events.n > 0 && !kept) || spills || o->listening ||
                     o->mode == OUTBOX_ASKING || o->mode == OUTBOX_ABSENT || !connected;
        if (timed) {
            edge_cond_wait_until(&o->filled, &o->lock, now + POLL_MS);
        } else {
            edge_cond_wait(&o->filled, &o->lock);
        }
    }
}

static void message_done(void *m)
{
    edge_message_unref(m);
}

/* The same once more, saying so; what it points to lives with the first one. */
static struct edge_message *marked(const struct edge_message *first)
{
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    edge_defer(a, message_done, edge_message_ref(first));
    m->topic = first->topic;
    m->correlation_id = first->correlation_id;
    m->content_type = first->content_type;
    m->is_event = m->once = true;
    m->dto = first->dto;
    m->object = first->object;
    m->params = edge_new(a, struct edge_pair);
    m->params[0] = (struct edge_pair){EVENT_RESENT, "true"};
    m->n_params = 1;
    return m;
}

static void send_one(devsdk_service *svc, const struct edge_message *m, size_t n_readings,
                     bool resent)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    enum edge_status st = edge_bus_publish(&ctx, svc->rt->bus, m);
    if (st == EDGE_OK && n_readings > 0) {
        edge_counter_add(resent ? svc->events_resent : svc->events_sent, 1);
        edge_counter_add(svc->readings_sent, resent ? 0 : n_readings);
    } else if (st != EDGE_OK) {
        edge_counter_add(svc->events_dropped, n_readings > 0 ? 1 : 0);
        edge_log_warn(&ctx, "message not published", "topic", m->topic, "error",
                      edge_ctx_message(&ctx, st), NULL);
    }
}

/* Acknowledge, he that is asked, what @p name sends: from then on. */
static void ask(devsdk_service *svc, const char *name)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    struct event_acker *asking = edge_new(a, struct event_acker);
    *asking = (struct event_acker){EDGE_API_VERSION, edge_strdup(a, svc->rt->name), NULL};
    m->dto = &EVENT_ACKER;
    m->object = asking;
    edge_message_topic(m, "%s/event-acks/core-data/ask/%s", svc->rt->base_topic, name);
    (void)!edge_bus_publish(&ctx, svc->rt->bus, m); /* asked again soon */
    edge_message_unref(m);
}

static void tell(devsdk_service *svc, const struct turn *t)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    if (t->told_alone) {
        edge_log_info(&ctx,
                      "core-data does not acknowledge events: what the broker has taken counts as "
                      "delivered",
                      NULL);
    }
    if (t->given_up > 0) {
        edge_counter_add(svc->events_dropped, t->given_up);
        edge_log_error(&ctx, "events given up: sent again and again, never stored", "events",
                       edge_printf(&ctx.arena, "%zu", t->given_up), NULL);
    }
}

void *sdk_outbox_send_all(void *arg)
{
    struct sdk_outbox *o = arg;
    struct turn t;
    for (take(o, &t); !t.over; take(o, &t)) {
        if (t.ask) {
            EDGE_CTX_SCOPE(ctx);
            ask(o->svc, sdk_topic_level(&ctx.arena, o->svc, o->svc->rt->name));
        }
        if (t.ask_anybody) {
            ask(o->svc, ANYBODY);
        }
        tell(o->svc, &t);
        for (size_t i = 0; i < t.n; i++) {
            const struct edge_message *m = t.batch[i].message;
            struct edge_message *again = t.batch[i].marked ? marked(m) : NULL;
            if (!again && t.batch[i].once) { /* ours alone until it is published now */
                ((struct edge_message *)(uintptr_t)m)->once = true;
            }
            send_one(o->svc, again ? again : m, t.batch[i].n_readings, t.batch[i].resent);
            edge_message_unref(again);
            edge_message_unref(m);
        }
    }
    return NULL;
}
