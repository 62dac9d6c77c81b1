/*
 * The way out: everything that is published asynchronously waits here, in order, for one thread that
 * hands it to the bus. So no driver and no lane waits for the bus, and nothing is sent after the bus is
 * closed. Bounded; what finds it full is refused and counted.
 *
 * Over a broker an event stays here until core-data says that it is durable (contracts/event_ack.h): a
 * broker's acknowledgement proves nothing, it may forget what it took. After a reconnect, a restart of
 * core-data or a gap among what it names, what is still here is sent again, in order and marked; core-data
 * stores it once. Where nobody acknowledges (an official core-data), the broker's word has to do.
 */
#include <stdlib.h>
#include <string.h>

#include "contracts/event_ack.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "model.h"

enum {
    BATCH = 64,
    MAX_REPLIES = 10000, /* answers and progress; they are not acknowledged */
    GRACE_MS = 10000,    /* for somebody who acknowledges to appear */
    ASK_MS = 1000,       /* how often is asked for him */
    WONDER_MS = 5000,    /* nothing acknowledged: is he still there? */
    SILENT_MS = 8000,    /* nothing acknowledged: no more is sent before he says that he is there */
    GONE_MS = 600 * 1000, /* so long on a living bus: he does not come back */
    FIRST_RESEND_MS = 1000,
    GAP_MS = 100,               /* between two looks for what was lost on the way */
    LAST_RESEND_MS = 60 * 1000, /* between two rounds without progress */
    POLL_MS = 50,               /* for a bus that is away */
    HURRY_MS = 200,             /* when closing, or when nothing is sent before the answer */
    MIN_WINDOW = 256,           /* events sent and not acknowledged; */
    FIRST_WINDOW = 1000,        /* a stock broker drops what is beyond for a client; */
    WIDER = 64,        /* for a window's worth of acknowledgements, beyond where it dropped; */
    MAX_WINDOW = 5000, /* the bus drops what is beyond 10,000 */
    MAX_TRIES = 20,    /* of one event while others get through */
    COMPLAIN_MS = 10 * 1000,
};

enum parcel_state {
    PARCEL_WAITS,
    PARCEL_SENT,
    PARCEL_DONE, /* acknowledged, or given up */
};

struct parcel {
    const struct edge_message *message;
    uint64_t serial; /* of its last sending */
    uint32_t n_readings, bytes;
    uint8_t state, tries;
};

/* A ring that grows up to its bound. */
struct parcels {
    struct parcel *at;
    size_t head, n, cap, max;
};

enum outbox_mode {
    OUTBOX_LOCAL,  /* in one process: published is delivered */
    OUTBOX_ASKING, /* does anybody acknowledge? Sent, and kept until that is known */
    OUTBOX_ACKED,
    OUTBOX_ALONE, /* nobody does */
};

struct sdk_outbox {
    devsdk_service *svc;
    struct edge_mutex lock;
    struct edge_cond filled, emptied;
    struct parcels replies EDGE_GUARDED, events EDGE_GUARDED;
    size_t next EDGE_GUARDED;   /* of events: those before it are sent or done, */
    size_t reach EDGE_GUARDED;  /* those before it were sent at least once */
    size_t hint EDGE_GUARDED;   /* where the next acknowledged one probably is */
    size_t n_sent EDGE_GUARDED; /* of events: sent and not acknowledged */
    size_t bytes EDGE_GUARDED, max_bytes;
    size_t window EDGE_GUARDED, threshold EDGE_GUARDED; /* up to here it grows fast */
    uint64_t serial EDGE_GUARDED, newest EDGE_GUARDED;  /* of all sendings, of those acknowledged */
    enum outbox_mode mode EDGE_GUARDED;
    char instance[EDGE_UUID_SIZE] EDGE_GUARDED; /* of who acknowledges */
    unsigned connections EDGE_GUARDED;          /* of the bus, as of the last look */
    bool listening EDGE_GUARDED; /* nothing is sent before he says that he is there */
    int64_t asking_until_ms EDGE_GUARDED, next_ask_ms EDGE_GUARDED;
    int64_t progress_ms EDGE_GUARDED; /* when he spoke last, or there was nothing to speak of */
    int64_t next_resend_ms EDGE_GUARDED, resend_pause_ms EDGE_GUARDED, next_gap_ms EDGE_GUARDED;
    int64_t complained_ms EDGE_GUARDED;
    size_t n_refused EDGE_GUARDED; /* since the last complaint */
    bool idle EDGE_GUARDED;        /* the thread waits */
    bool closed EDGE_GUARDED;      /* takes nothing */
    bool cut EDGE_GUARDED;         /* sends nothing either */
    bool joined;
    pthread_t thread;
};

static void *send_all(void *arg);

/* ---- the ring ------------------------------------------------------------------------------ */

static struct parcel *parcel_at(const struct parcels *p, size_t i)
{
    return &p->at[(p->head + i) % p->cap];
}

static void parcels_push(struct parcels *p, struct parcel parcel)
{
    if (p->n == p->cap) {
        size_t cap = p->cap > 0 ? p->cap * 2 : BATCH;
        cap = cap < p->max ? cap : p->max;
        struct parcel *wider = edge_xalloc(cap, sizeof(*wider));
        for (size_t i = 0; i < p->n; i++) {
            wider[i] = *parcel_at(p, i);
        }
        free(p->at);
        *p = (struct parcels){wider, 0, p->n, cap, p->max};
    }
    *parcel_at(p, p->n) = parcel;
    p->n++;
}

static struct parcel parcels_pop(struct parcels *p)
{
    struct parcel first = p->at[p->head];
    p->head = (p->head + 1) % p->cap;
    p->n--;
    return first;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct sdk_outbox *sdk_outbox_create(devsdk_service *svc, size_t max, size_t max_bytes)
{
    struct sdk_outbox *o = edge_xalloc(1, sizeof(*o));
    o->svc = svc;
    o->max_bytes = max_bytes;
    edge_mutex_init(&o->lock);
    edge_cond_init(&o->filled);
    edge_cond_init(&o->emptied);
    {
        EDGE_LOCK(&o->lock);
        o->replies.max = MAX_REPLIES;
        o->events.max = max;
        o->window = FIRST_WINDOW;
        o->threshold = MAX_WINDOW;
        o->resend_pause_ms = FIRST_RESEND_MS;
        o->mode = OUTBOX_ASKING;
    }
    o->thread = edge_thread_start("outbox", send_all, o);
    return o;
}

static void close_until(struct sdk_outbox *o, int64_t deadline_ms)
{
    EDGE_LOCK(&o->lock);
    o->closed = true;
    o->next_ask_ms = 0;
    edge_cond_signal(&o->filled);
    while ((o->replies.n > 0 || o->events.n > 0 || !o->idle) && edge_now_mono_ms() < deadline_ms) {
        if (o->mode == OUTBOX_ASKING && o->replies.n == 0 && o->next == o->events.n) {
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
    EDGE_LOCK(&o->lock);
    size_t lost = 0;
    while (o->events.n > 0) {
        struct parcel p = parcels_pop(&o->events);
        lost += p.state == PARCEL_WAITS || (p.state == PARCEL_SENT && o->mode == OUTBOX_ACKED);
        edge_message_unref(p.state == PARCEL_DONE ? NULL : p.message);
    }
    while (o->replies.n > 0) {
        edge_message_unref(parcels_pop(&o->replies).message);
    }
    free(o->events.at);
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
    return o->closed || o->events.n >= o->events.max || o->bytes >= o->max_bytes;
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
    if (event ? has_no_room(o) : o->closed || o->replies.n >= o->replies.max) {
        *ret_complaint = complaint(o);
        return false;
    }
    size_t bytes = edge_message_arena((struct edge_message *)(uintptr_t)m)->used;
    parcels_push(event ? &o->events : &o->replies,
                 (struct parcel){.message = edge_message_ref(m),
                                 .n_readings = (uint32_t)n_readings,
                                 .bytes = (uint32_t)bytes});
    o->bytes += event ? bytes : 0;
    edge_gauge_set(o->svc->events_waiting, (int64_t)o->events.n);
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
    return has_no_room(o);
}

/* ---- what core-data says --------------------------------------------------------------------- */

static void finish(struct sdk_outbox *o, struct parcel *p) EDGE_REQUIRES(o->lock);
static void pop_done(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);
static void resend(struct sdk_outbox *o, uint64_t before) EDGE_REQUIRES(o->lock);

static void finish(struct sdk_outbox *o, struct parcel *p)
{
    o->n_sent -= p->state == PARCEL_SENT;
    p->state = PARCEL_DONE;
    o->bytes -= p->bytes;
    edge_message_unref(p->message);
}

static void pop_done(struct sdk_outbox *o)
{
    while (o->events.n > 0 && parcel_at(&o->events, 0)->state == PARCEL_DONE) {
        parcels_pop(&o->events);
        o->next -= o->next > 0;
        o->reach -= o->reach > 0;
        o->hint -= o->hint > 0;
    }
    edge_gauge_set(o->svc->events_waiting, (int64_t)o->events.n);
    edge_cond_signal(&o->emptied);
}

/* What was sent before the sending @p before, in order. */
static void resend(struct sdk_outbox *o, uint64_t before)
{
    for (size_t i = 0; i < o->reach; i++) {
        struct parcel *p = parcel_at(&o->events, i);
        if (p->state == PARCEL_SENT && p->serial < before) {
            p->state = PARCEL_WAITS;
            o->n_sent--;
        }
    }
    o->next = o->hint = 0;
    o->progress_ms = edge_now_mono_ms();
    o->next_resend_ms = o->progress_ms + o->resend_pause_ms;
    o->resend_pause_ms =
        o->resend_pause_ms * 2 < LAST_RESEND_MS ? o->resend_pause_ms * 2 : LAST_RESEND_MS;
    edge_cond_signal(&o->filled);
}

/* Most come in the order in which they were sent. What waits to be sent again may have arrived after all. */
static struct parcel *find(struct sdk_outbox *o, const char *id) EDGE_REQUIRES(o->lock);

static struct parcel *find(struct sdk_outbox *o, const char *id)
{
    for (size_t k = 0; k < o->reach; k++) {
        size_t i = (o->hint + k) % o->reach;
        struct parcel *p = parcel_at(&o->events, i);
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
    const struct parcel *oldest = o->reach > 0 ? parcel_at(&o->events, 0) : NULL;
    if (!oldest || oldest->state != PARCEL_SENT || oldest->serial >= o->newest ||
        edge_now_mono_ms() < o->next_gap_ms) {
        return;
    }
    o->window = o->window / 2 > MIN_WINDOW ? o->window / 2 : MIN_WINDOW;
    o->threshold = o->window;
    resend(o, o->newest);
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
            finish(o, p);
            n++;
        }
    }
    for (size_t i = 0; i < acks->n_refused; i++) {
        struct parcel *p = find(o, acks->refused[i]);
        if (p) {
            finish(o, p);
            ++*ret_refused;
        }
    }
    n += *ret_refused;
    if (n > 0) {
        o->listening = false;
        o->resend_pause_ms = FIRST_RESEND_MS;
        o->progress_ms = edge_now_mono_ms();
        widen(o, n);
    }
    bool whole = o->events.n > 0 && parcel_at(&o->events, 0)->state == PARCEL_DONE;
    pop_done(o);
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
    if (o->mode == OUTBOX_LOCAL) {
        return EDGE_OK;
    }
    bool fresh = strncmp(o->instance, instance, sizeof(o->instance) - 1) != 0;
    bool due = edge_now_mono_ms() >= o->next_resend_ms;
    o->mode = OUTBOX_ACKED;
    if (fresh) {
        memcpy(o->instance, instance, strnlen(instance, sizeof(o->instance) - 1) + 1);
        o->next_ask_ms = 0; /* a new one does not know us yet */
        o->resend_pause_ms = FIRST_RESEND_MS;
    }
    if (fresh || (o->listening && due)) {
        o->listening = false;
        resend(o, UINT64_MAX);
    }
    return EDGE_OK;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* What is handed to the bus in one turn. */
struct turn {
    struct {
        const struct edge_message *message; /* a reference */
        size_t n_readings;
        bool resent, once;
    } batch[BATCH];
    size_t n;
    bool ask, told_alone, over;
    size_t given_up;
};

static void turn_add(struct turn *t, const struct parcel *p, bool once)
{
    t->batch[t->n].message = edge_message_ref(p->message);
    t->batch[t->n].n_readings = p->n_readings;
    t->batch[t->n].once = once;
    t->batch[t->n].resent = p->tries > 1;
    t->n++;
}

static bool keeps(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

/* Does an event stay when it was sent? */
static bool keeps(const struct sdk_outbox *o)
{
    return o->mode == OUTBOX_ASKING || o->mode == OUTBOX_ACKED;
}

static bool may_send(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static bool may_send(const struct sdk_outbox *o)
{
    if (o->next == o->events.n) {
        return false;
    }
    if (o->mode != OUTBOX_ACKED) {
        return true;
    }
    return !o->listening && o->n_sent < o->window;
}

static void take_events(struct sdk_outbox *o, struct turn *t, int64_t now) EDGE_REQUIRES(o->lock);

static void take_events(struct sdk_outbox *o, struct turn *t, int64_t now)
{
    while (t->n < BATCH && may_send(o)) {
        struct parcel *p = parcel_at(&o->events, o->next++);
        o->reach = o->next > o->reach ? o->next : o->reach;
        if (p->state != PARCEL_WAITS) {
            continue;
        }
        if (o->mode == OUTBOX_ACKED && p->tries >= MAX_TRIES) {
            t->given_up++;
            finish(o, p);
            continue;
        }
        p->tries++;
        p->serial = ++o->serial;
        turn_add(t, p, keeps(o));
        if (o->n_sent == 0) {
            o->progress_ms = now; /* from here on he has something to speak of */
        }
        p->state = PARCEL_SENT;
        o->n_sent++;
        if (!keeps(o)) {
            finish(o, p);
        }
    }
    pop_done(o);
}

/* What time and the bus have changed. */
static void look(struct sdk_outbox *o, struct turn *t, int64_t now) EDGE_REQUIRES(o->lock);

static void look(struct sdk_outbox *o, struct turn *t, int64_t now)
{
    struct edge_bus *bus = o->svc->rt->bus;
    if (edge_bus_is_local(bus)) {
        o->mode = OUTBOX_LOCAL;
        return;
    }
    unsigned connections = edge_bus_connections(bus);
    if (connections != o->connections) {
        o->connections = connections;
        o->asking_until_ms = now + GRACE_MS;
        o->next_ask_ms = 0;
        o->window = FIRST_WINDOW;
        o->threshold = MAX_WINDOW;
        o->resend_pause_ms = FIRST_RESEND_MS;
        o->next_resend_ms = now;
        o->listening = o->mode == OUTBOX_ACKED; /* what was sent may be forgotten, and he be away */
    }
    if (o->mode == OUTBOX_ACKED && o->n_sent > 0 && now >= o->progress_ms + SILENT_MS) {
        o->listening = true;
    }
    bool gone = o->mode == OUTBOX_ACKED && o->n_sent > 0 && now >= o->progress_ms + GONE_MS;
    if ((o->mode == OUTBOX_ASKING && now >= o->asking_until_ms) || gone) {
        o->mode = OUTBOX_ALONE;
        t->told_alone = true;
        for (size_t i = 0; i < o->reach; i++) {
            struct parcel *p = parcel_at(&o->events, i);
            if (p->state == PARCEL_SENT) {
                finish(o, p);
            }
        }
        pop_done(o);
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
        EDGE_LOCK(&o->lock);
        int64_t now = edge_now_mono_ms();
        if (o->cut) {
            t->over = true;
            return;
        }
        while (t->n < BATCH && o->replies.n > 0) {
            struct parcel p = parcels_pop(&o->replies);
            turn_add(t, &p, false);
            edge_message_unref(p.message);
        }
        if (connected) {
            look(o, t, now);
        }
        if (connected || o->mode == OUTBOX_ALONE) {
            take_events(o, t, now);
        }
        if (t->n > 0 || t->ask || t->told_alone || t->given_up > 0) {
            return;
        }
        o->idle = true;
        edge_cond_signal(&o->emptied);
        bool timed = o->events.n > 0 || o->listening || o->mode == OUTBOX_ASKING || !connected;
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

static void ask(devsdk_service *svc)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    struct event_acker *asking = edge_new(a, struct event_acker);
    *asking = (struct event_acker){EDGE_API_VERSION, edge_strdup(a, svc->rt->name), NULL};
    m->dto = &EVENT_ACKER;
    m->object = asking;
    edge_message_topic(m, "%s/event-acks/core-data/ask/%s", svc->rt->base_topic,
                       sdk_topic_level(a, svc, svc->rt->name));
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

static void *send_all(void *arg)
{
    struct sdk_outbox *o = arg;
    struct turn t;
    for (take(o, &t); !t.over; take(o, &t)) {
        if (t.ask) {
            ask(o->svc);
        }
        tell(o->svc, &t);
        for (size_t i = 0; i < t.n; i++) {
            const struct edge_message *m = t.batch[i].message;
            struct edge_message *again = t.batch[i].resent ? marked(m) : NULL;
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
