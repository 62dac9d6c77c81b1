/*
 * The outbox's way to the disk and back. Nothing is written while core-data keeps up. When an event has waited for
 * SpoolAfter, or memory is three quarters full, all that waits is written, oldest first, and what comes goes behind it;
 * memory then holds the beginning only. What was written is read back in the same order as core-data takes it, is sent
 * marked, and is crossed out when core-data has it. A stop writes what is left; the next start begins with it. So a
 * kill -9 costs what was younger than SpoolAfter, and a power cut a second more.
 *
 * Order: events (memory, some of them on disk too), the tail (disk alone), fresh (memory, came behind a tail).
 *
 * Where the disk has no room, what is oldest on it goes; where it takes nothing, events wait in memory as if there
 * were none. The spool is the common one: it has order, bounds, damage and the cursor. It is opened when it is needed
 * first, so a device service whose core-data is there has no file of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/cbor.h"
#include "edge/clock.h"
#include "edge/json.h"
#include "parcels.h"

enum {
    RETRY_MS = 1000,  /* between tries of a disk that takes nothing */
    LOOK_MS = 1000,   /* between looks at what the spool has dropped */
    GROUP_MS = 1000,  /* a power cut costs as much */
    QUIET_MS = 60000, /* between lines about the same */
    BATCH_BYTES = 256 * 1024,
    MAX_NODES = 1000 * 1000,
    MAX_DEPTH = 32,
    MAX_RECORD = 64 << 20,
    KIND_ANY = 0,
    KIND_WAITS = 1, /* for somebody who acknowledges: he was known to exist */
};

/* A batch on its way to the disk. */
struct batch {
    struct {
        const struct edge_message *message; /* a reference */
        uint64_t number;                    /* of the parcel, in its ring */
        bool was_sent;
    } at[BATCH];
    struct edge_spool_record records[BATCH];
    size_t n, bytes;
    bool fresh;
    uint8_t kind;
};

static void batch_done(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        edge_message_unref(b->at[i].message);
    }
}

/* ---- the spool ------------------------------------------------------------------------------ */

static const char *spool_dir(struct edge_ctx *ctx, const struct sdk_outbox *o)
{
    return edge_printf(&ctx->arena, "%s/outbox", o->svc->rt->data_dir);
}

static enum edge_status spool_open(struct edge_ctx *ctx, struct sdk_outbox *o)
{
    const struct edge_spool_config config = {
        .dir = spool_dir(ctx, o),
        .max_bytes = o->limits.max_bytes,
        .max_age_ms = o->limits.max_age_ms,
        .full = EDGE_SPOOL_DROP_OLDEST,
        .durability = EDGE_SPOOL_GROUP,
        .group_ms = GROUP_MS,
        .quiet = true,
        .log = o->svc->rt->log,
    };
    struct edge_spool_state state;
    EDGE_TRY(edge_spool_open(ctx, &config, &o->disk.spool));
    edge_spool_state(o->disk.spool, &state);
    o->disk.found = state.depth;
    o->disk.lost = 0;
    EDGE_LOCK(&o->lock);
    o->spill.next = state.next;
    return EDGE_OK;
}

static bool is_due(int64_t *last_ms, int64_t every_ms)
{
    int64_t now = edge_now_mono_ms();
    if (*last_ms != 0 && now < *last_ms + every_ms) {
        return false;
    }
    *last_ms = now;
    return true;
}

/* Parcels whose records the spool has dropped are not sent any more: they are counted. */
static void forget_before(struct sdk_outbox *o, uint64_t first)
{
    EDGE_LOCK(&o->lock);
    for (size_t i = 0; i < o->events.n; i++) {
        struct parcel *p = sdk_parcel_at(&o->events, i);
        if (p->seq == 0 || p->seq >= first) {
            break;
        }
        if (p->state != PARCEL_DONE) {
            sdk_parcel_finish(o, p);
        }
    }
    if (o->spill.tail > 0 && o->spill.tail < first) {
        o->spill.tail = first < o->spill.next ? first : 0;
    }
    sdk_parcels_pop_done(o);
}

/* What the spool dropped is what came in and neither went out nor is there. */
static void look_after(struct sdk_outbox *o)
{
    struct edge_spool_state s;
    devsdk_service *svc = o->svc;
    o->disk.looked_ms = edge_now_mono_ms();
    edge_spool_state(o->disk.spool, &s);
    edge_gauge_set(svc->spool_bytes, (int64_t)s.bytes);
    edge_gauge_set(svc->events_on_disk, (int64_t)s.depth);
    o->disk.depth = s.depth;
    uint64_t lost = o->disk.found + s.appended - s.settled - s.depth;
    if (lost <= o->disk.lost) {
        return;
    }
    edge_counter_add(svc->events_dropped, lost - o->disk.lost);
    o->disk.lost = lost;
    forget_before(o, s.first);
    if (is_due(&o->disk.complained_ms, QUIET_MS)) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = svc->rt->log;
        edge_log_warn(&ctx, "events on disk dropped, the oldest first: no room, too old or damaged",
                      "folder", spool_dir(&ctx, o), "events",
                      edge_printf(&ctx.arena, "%llu", (unsigned long long)lost), NULL);
    }
}

/* Cross out what core-data has. */
static void cross_out(struct sdk_outbox *o)
{
    uint64_t *settled;
    size_t n;
    {
        EDGE_LOCK(&o->lock);
        settled = o->spill.settled;
        n = o->spill.n_settled;
        o->spill.settled = NULL;
        o->spill.n_settled = o->spill.cap_settled = 0;
    }
    for (size_t i = 0; i < n && o->disk.spool; i++) {
        edge_spool_settle(o->disk.spool, settled[i]);
    }
    free(settled);
}

/* ---- when ----------------------------------------------------------------------------------- */

static bool is_old(const struct sdk_outbox *o, const struct parcel *p) EDGE_REQUIRES(o->lock);

static bool is_old(const struct sdk_outbox *o, const struct parcel *p)
{
    return edge_now_mono_ms() >= edge_message_made_ms(p->message) + o->limits.after_ms;
}

/* The first that is on no disk and not known to be elsewhere. */
static const struct parcel *first_unsafe(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static const struct parcel *first_unsafe(const struct sdk_outbox *o)
{
    bool sent_is_safe = o->mode == OUTBOX_ASKING || o->mode == OUTBOX_ALONE;
    size_t i = o->spill.written;
    for (i = sent_is_safe && o->next > i ? o->next : i; i < o->events.n; i++) {
        const struct parcel *p = sdk_parcel_at(&o->events, i);
        if (p->state != PARCEL_DONE) {
            return p;
        }
    }
    return o->fresh.n > 0 ? sdk_parcel_at(&o->fresh, 0) : NULL;
}

static size_t n_pending(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

/* Where nobody acknowledges, what was sent is through, and kept for who comes late. */
static size_t n_pending(const struct sdk_outbox *o)
{
    return o->events.n - (o->mode == OUTBOX_ALONE ? o->next : 0);
}

static size_t most_kept(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

/* Events in memory while others are on disk. */
static size_t most_kept(const struct sdk_outbox *o)
{
    return o->events.max / 2 < MAX_WINDOW ? o->events.max / 2 : MAX_WINDOW;
}

static bool is_tight(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static bool is_tight(const struct sdk_outbox *o)
{
    return o->events.n + o->fresh.n > o->events.max / 4 * 3 || o->bytes > o->max_bytes / 4 * 3;
}

static bool is_wanted(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static bool is_wanted(const struct sdk_outbox *o)
{
    const struct parcel *p = first_unsafe(o);
    return p && (is_tight(o) || is_old(o, p));
}

static bool is_heard(const struct sdk_outbox *o, bool connected) EDGE_REQUIRES(o->lock);

/* Does somebody take what is read back? */
static bool is_heard(const struct sdk_outbox *o, bool connected)
{
    return connected && (o->mode == OUTBOX_ALONE || (o->mode == OUTBOX_ACKED && !o->listening) ||
                         o->mode == OUTBOX_LOCAL);
}

static void join(struct sdk_outbox *o, struct parcel p) EDGE_REQUIRES(o->lock);

/* A fresh one is the next in order. Others may have heard it; core-data has not. */
static void join(struct sdk_outbox *o, struct parcel p)
{
    if (p.state == PARCEL_SENT && o->mode != OUTBOX_ABSENT) {
        p.state = PARCEL_WAITS;
        o->n_sent--;
    }
    sdk_parcels_push(&o->events, p);
}

static bool is_moving(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

/* What is in memory goes on: it is little, and young. */
static bool is_moving(const struct sdk_outbox *o)
{
    if (o->events.n == 0 || o->mode == OUTBOX_ALONE) {
        return n_pending(o) == 0;
    }
    const struct parcel *first = sdk_parcel_at(&o->events, 0); /* it is not done */
    return n_pending(o) < most_kept(o) / 2 && !is_old(o, first);
}

/* Nothing is on disk alone: what came meanwhile follows in memory. */
static void rejoin(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static void rejoin(struct sdk_outbox *o)
{
    while (o->fresh.n > 0) {
        join(o, sdk_parcels_pop(&o->fresh));
    }
    o->spill.published = 0;
    o->spill.on = false;
}

enum turn_of_things { NOTHING, BEGINS, ENDS };

static enum turn_of_things decide(struct sdk_outbox *o, bool connected)
{
    EDGE_LOCK(&o->lock);
    if (!o->spill.on && is_wanted(o) && edge_now_mono_ms() >= o->disk.retry_ms) {
        o->spill.on = true;
        return BEGINS;
    }
    if (o->spill.on && o->spill.tail == 0 && is_heard(o, connected) && is_moving(o)) {
        rejoin(o);
        return ENDS;
    }
    return NOTHING;
}

static void tell(struct sdk_outbox *o, enum turn_of_things what)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = o->svc->rt->log;
    if (what == BEGINS && !o->disk.told && is_due(&o->disk.told_ms, QUIET_MS)) {
        o->disk.told = true;
        edge_log_warn(&ctx, "core-data does not take events: they go to disk", "folder",
                      spool_dir(&ctx, o), NULL);
    } else if (what == ENDS && o->disk.told) {
        o->disk.told = false;
        edge_log_info(&ctx, "core-data takes events again: none waits on disk alone", NULL);
    }
}

/* ---- out to the disk ------------------------------------------------------------------------ */

static void batch_add(struct batch *b, const struct parcels *ring, size_t i)
{
    const struct parcel *p = sdk_parcel_at(ring, i);
    b->at[b->n].message = edge_message_ref(p->message);
    b->at[b->n].number = ring->popped + i;
    b->at[b->n].was_sent = p->was_sent || p->tries > 0;
    b->bytes += p->bytes;
    b->n++;
}

static bool has_space(const struct batch *b)
{
    return b->n < BATCH && b->bytes < BATCH_BYTES;
}

/* What is to be written next, in order. */
static void gather(struct sdk_outbox *o, struct batch *b)
{
    EDGE_LOCK(&o->lock);
    bool sent_is_safe = o->mode == OUTBOX_ALONE || (o->mode == OUTBOX_ASKING && !o->closed);
    b->kind = o->mode == OUTBOX_ASKING || o->mode == OUTBOX_ALONE ? KIND_ANY : KIND_WAITS;
    for (; o->spill.written < o->events.n && has_space(b); o->spill.written++) {
        const struct parcel *p = sdk_parcel_at(&o->events, o->spill.written);
        if (p->seq == 0 &&
            (p->state == PARCEL_WAITS || (p->state == PARCEL_SENT && !sent_is_safe))) {
            batch_add(b, &o->events, o->spill.written);
        }
    }
    b->fresh = b->n == 0;
    /* Others hear it first: from disk it comes back for core-data. */
    size_t ready = o->mode == OUTBOX_ABSENT && !o->cut ? o->spill.published : o->fresh.n;
    for (size_t i = 0; b->fresh && i < ready && has_space(b); i++) {
        batch_add(b, &o->fresh, i);
    }
}

static void encode(struct edge_ctx *ctx, const struct edge_message *m, bool was_sent, uint8_t kind,
                   struct edge_spool_record *ret)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    bool cbor = edge_media_is(m->content_type, "application/cbor");
    edge_dto_encode(m->dto, m->object, cbor ? EDGE_CBOR : EDGE_JSON, &body);
    void *copy = edge_alloc(&ctx->arena, 1, body.len + 1);
    memcpy(copy, body.data, body.len);
    *ret = (struct edge_spool_record){
        .origin_ns = sdk_event_of(m)->origin,
        .attempts = was_sent,
        .kind = kind,
        .correlation_id = m->correlation_id,
        .content_type = m->content_type,
        .context = m->topic,
        .payload = copy,
        .size = body.len,
    };
}

/* Those from @p keep on are not written now. */
static void take_back(struct sdk_outbox *o, struct batch *b, size_t keep)
{
    EDGE_LOCK(&o->lock);
    uint64_t number = b->at[keep].number;
    if (!b->fresh && number < o->events.popped + o->spill.written) {
        o->spill.written = number > o->events.popped ? (size_t)(number - o->events.popped) : 0;
    }
    for (size_t i = keep; i < b->n; i++) {
        edge_message_unref(b->at[i].message);
    }
    b->n = keep;
}

/* It takes what it is given, or nothing; told once. */
static bool is_broken(struct edge_ctx *ctx, struct sdk_outbox *o, enum edge_status st)
{
    bool broken = st != EDGE_OK;
    {
        EDGE_LOCK(&o->lock);
        bool was = o->spill.broken;
        o->spill.broken = broken;
        o->disk.retry_ms = broken ? edge_now_mono_ms() + RETRY_MS : 0;
        if (was || !broken) {
            return broken;
        }
    }
    edge_log_error(ctx, "the disk takes no events: they wait in memory, as many as it holds",
                   "folder", spool_dir(ctx, o), "error", edge_ctx_message(ctx, st), NULL);
    return true;
}

/* Whether the spool has it now; one that is too large for it has no number then. */
static bool append(struct edge_ctx *ctx, struct sdk_outbox *o, struct batch *b)
{
    enum edge_status st = o->disk.spool ? EDGE_OK : spool_open(ctx, o);
    st = st == EDGE_OK ? edge_spool_append(ctx, o->disk.spool, b->records, b->n, 0) : st;
    if (st == EDGE_TOO_LARGE && b->n > 1) {
        take_back(o, b, 1);
        edge_ctx_clear(ctx);
        st = edge_spool_append(ctx, o->disk.spool, b->records, 1, 0);
    }
    if (st == EDGE_TOO_LARGE) {
        b->records[0].seq = 0;
        return true;
    }
    return !is_broken(ctx, o, st);
}

/* A parcel leaves memory: on disk it waits on. */
static void leave(struct sdk_outbox *o, struct parcel p) EDGE_REQUIRES(o->lock);

static void leave(struct sdk_outbox *o, struct parcel p)
{
    if (p.state != PARCEL_DONE) {
        o->n_sent -= p.state == PARCEL_SENT;
        o->bytes -= p.bytes;
        edge_message_unref(p.message);
    }
}

static bool is_roomy(const struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static bool is_roomy(const struct sdk_outbox *o)
{
    return n_pending(o) < most_kept(o) && o->bytes < o->max_bytes / 8 * 5;
}

/* Memory keeps the beginning; what is behind it, and on disk, goes. */
static void trim(struct sdk_outbox *o) EDGE_REQUIRES(o->lock);

static void trim(struct sdk_outbox *o)
{
    while (o->events.n > 1 && o->spill.written == o->events.n && !is_roomy(o)) {
        const struct parcel *last = sdk_parcel_at(&o->events, o->events.n - 1);
        bool idle = last->state == (o->mode == OUTBOX_ABSENT ? PARCEL_SENT : PARCEL_WAITS);
        if (last->seq == 0 || !idle) {
            break;
        }
        o->spill.tail = last->seq;
        leave(o, sdk_parcels_pop_last(&o->events));
        size_t n = o->events.n;
        o->spill.written = n;
        o->next = o->next < n ? o->next : n;
        o->reach = o->reach < n ? o->reach : n;
        o->hint = o->hint < n ? o->hint : n;
    }
}

/* It is on disk as @p seq; 0: it could not be kept. */
static void note_written(struct sdk_outbox *o, uint64_t number, uint64_t seq)
    EDGE_REQUIRES(o->lock);

static void note_written(struct sdk_outbox *o, uint64_t number, uint64_t seq)
{
    struct parcel *p =
        number >= o->events.popped ? sdk_parcel_at(&o->events, number - o->events.popped) : NULL;
    if (p && p->state != PARCEL_DONE) {
        p->seq = seq;
    } else if (seq > 0) { /* core-data was quicker */
        sdk_spill_settle(o, seq);
    }
}

/* A fresh one is on disk: it joins those in memory, or is part of the tail. */
static void move_fresh(struct sdk_outbox *o, uint64_t number, uint64_t seq) EDGE_REQUIRES(o->lock);

static void move_fresh(struct sdk_outbox *o, uint64_t number, uint64_t seq)
{
    if (number < o->fresh.popped) {
        sdk_spill_settle(o, seq); /* given up meanwhile */
        return;
    }
    struct parcel p = sdk_parcels_pop(&o->fresh);
    o->spill.published -= o->spill.published > 0;
    p.seq = seq;
    if (o->spill.tail == 0 && is_roomy(o)) {
        join(o, p);
        o->spill.written = o->events.n;
        return;
    }
    o->spill.tail = o->spill.tail > 0 ? o->spill.tail : seq;
    leave(o, p);
}

static void note_batch(struct sdk_outbox *o, const struct batch *b, size_t *ret_lost)
{
    EDGE_LOCK(&o->lock);
    for (size_t i = 0; i < b->n; i++) {
        uint64_t seq = b->records[i].seq;
        if (seq >= o->spill.next) {
            o->spill.next = seq + 1;
        }
        if (!b->fresh) {
            note_written(o, b->at[i].number, seq);
        } else if (seq > 0) {
            move_fresh(o, b->at[i].number, seq);
        } else if (b->at[i].number >= o->fresh.popped) {
            leave(o, sdk_parcels_pop(&o->fresh)); /* it cannot stay: it would be passed */
            o->spill.published -= o->spill.published > 0;
            ++*ret_lost;
        }
    }
    trim(o);
    sdk_parcels_count(o);
}

/* True where it wrote something, and there may be more. */
static bool write_some(struct sdk_outbox *o)
{
    EDGE_CLEANUP(batch_done) struct batch b = {0};
    if (edge_now_mono_ms() < o->disk.retry_ms) {
        return false;
    }
    gather(o, &b);
    if (b.n == 0) {
        return false;
    }
    EDGE_CTX_SCOPE(ctx);
    ctx.log = o->svc->rt->log;
    for (size_t i = 0; i < b.n; i++) {
        encode(&ctx, b.at[i].message, b.at[i].was_sent, b.kind, &b.records[i]);
    }
    if (!append(&ctx, o, &b)) {
        take_back(o, &b, 0);
        return false;
    }
    size_t lost = 0;
    note_batch(o, &b, &lost);
    edge_counter_add(o->svc->events_spooled, b.n - lost);
    edge_counter_add(o->svc->events_dropped, lost);
    if (lost > 0) {
        edge_log_error(&ctx, "events larger than half of SpoolMB are not kept on disk", "events",
                       edge_printf(&ctx.arena, "%zu", lost), NULL);
    }
    look_after(o);
    return true;
}

/* ---- back ----------------------------------------------------------------------------------- */

static enum edge_status decode(struct edge_ctx *ctx, const struct edge_spool_record *r,
                               struct edge_message **ret)
{
    static const struct edge_json_limits limits = {MAX_RECORD, MAX_DEPTH, MAX_NODES};
    const cJSON *tree = NULL;
    struct add_event_request *request = edge_new(&ctx->arena, struct add_event_request);
    bool cbor = edge_media_is(r->content_type, "application/cbor");
    EDGE_TRY(cbor ? edge_cbor_parse(ctx, r->payload, r->size, &limits, &tree)
                  : edge_json_parse(ctx, r->payload, r->size, &limits, &tree));
    EDGE_TRY(edge_dto_decode(ctx, &ADD_EVENT_REQUEST, tree, request));
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    m->dto = &ADD_EVENT_REQUEST;
    m->object = edge_dto_clone(m->dto, a, request);
    m->correlation_id = r->correlation_id ? edge_strdup(a, r->correlation_id) : "";
    m->request_id = "";
    m->is_event = true;
    m->content_type = cbor ? "application/cbor" : "application/json";
    edge_message_topic(m, "%s", r->context ? r->context : "");
    *ret = m;
    return EDGE_OK;
}

static void put_back(struct sdk_outbox *o, const struct edge_spool_record *r,
                     const struct edge_message *m)
{
    EDGE_LOCK(&o->lock);
    size_t bytes = edge_message_arena((struct edge_message *)(uintptr_t)m)->used;
    sdk_parcels_push(&o->events,
                     (struct parcel){.message = m,
                                     .n_readings = (uint32_t)sdk_event_of(m)->n_readings,
                                     .bytes = (uint32_t)bytes,
                                     .seq = r->seq,
                                     .loaded = true,
                                     .was_sent = r->attempts > 0});
    o->bytes += bytes;
    o->spill.written = o->events.n;
}

static uint64_t tail_of(struct sdk_outbox *o, bool connected)
{
    EDGE_LOCK(&o->lock);
    bool takes = is_heard(o, connected) && is_roomy(o) && o->spill.written == o->events.n;
    return takes ? o->spill.tail : 0;
}

/* One event from disk; false where there is no more to be had now. */
static bool load_one(struct sdk_outbox *o, bool connected)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = o->svc->rt->log;
    struct edge_spool_record r;
    struct edge_message *m = NULL;
    uint64_t seq = tail_of(o, connected);
    if (seq == 0) {
        return false;
    }
    bool found = edge_spool_read(&ctx, o->disk.spool, seq, &r) == EDGE_OK;
    enum edge_status st = found ? decode(&ctx, &r, &m) : EDGE_OK;
    if (st != EDGE_OK) {
        edge_log_error(&ctx, "an event on disk cannot be read", "error", edge_ctx_message(&ctx, st),
                       NULL);
        edge_spool_drop(o->disk.spool, r.seq, EDGE_DROP_DAMAGED);
    } else if (found) {
        put_back(o, &r, m);
    }
    EDGE_LOCK(&o->lock);
    o->spill.tail = found && r.seq + 1 < o->spill.next ? r.seq + 1 : 0;
    return o->spill.tail > 0;
}

static bool load_some(struct sdk_outbox *o, bool connected)
{
    for (int i = 0; i < BATCH; i++) {
        if (!load_one(o, connected)) {
            return false;
        }
    }
    return true;
}

/* ---- life ----------------------------------------------------------------------------------- */

void sdk_spill_settle(struct sdk_outbox *o, uint64_t seq)
{
    struct spill *s = &o->spill;
    edge_make_room(NULL, s->settled, s->n_settled, s->cap_settled);
    s->settled[s->n_settled++] = seq;
}

size_t sdk_spill_waiting(const struct sdk_outbox *o)
{
    uint64_t alone = o->spill.tail > 0 ? o->spill.next - o->spill.tail : 0;
    return o->fresh.n + (size_t)alone;
}

static bool is_on(struct sdk_outbox *o)
{
    EDGE_LOCK(&o->lock);
    return o->spill.on;
}

static bool is_idle(struct sdk_outbox *o)
{
    EDGE_LOCK(&o->lock);
    if (o->holds) {
        return true;
    }
    return !o->spill.on && !o->disk.spool && o->spill.n_settled == 0 && !is_wanted(o);
}

bool sdk_spill_step(struct sdk_outbox *o, bool connected)
{
    if (o->limits.max_bytes == 0 || is_idle(o)) {
        return false;
    }
    cross_out(o);
    enum turn_of_things what = decide(o, connected);
    tell(o, what);
    bool on = is_on(o);
    bool more = on && write_some(o);
    more = on && o->disk.spool && load_some(o, connected) && more;
    if (o->disk.spool && edge_now_mono_ms() >= o->disk.looked_ms + LOOK_MS) {
        look_after(o);
        if (!on && o->disk.depth == 0) { /* all is through: no thread and no files for it */
            edge_spool_close(o->disk.spool);
            o->disk.spool = NULL;
        }
    }
    return more;
}

void sdk_spill_begin(struct sdk_outbox *o)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = o->svc->rt->log;
    struct edge_spool_record first;
    if (!o->svc->rt->data_dir) {
        o->limits.max_bytes = 0;
    }
    if (o->limits.max_bytes == 0 || access(spool_dir(&ctx, o), F_OK) != 0) {
        return;
    }
    enum edge_status st = spool_open(&ctx, o);
    if (st != EDGE_OK) {
        edge_log_error(&ctx, "events on disk are not sent", "folder", spool_dir(&ctx, o), "error",
                       edge_ctx_message(&ctx, st), NULL);
        o->limits.max_bytes = 0;
        return;
    }
    if (edge_spool_read(&ctx, o->disk.spool, 0, &first) != EDGE_OK) {
        look_after(o);
        edge_spool_close(o->disk.spool); /* nothing waits: no thread for it */
        o->disk.spool = NULL;
        return;
    }
    edge_log_info(
        &ctx, "events on disk wait for core-data", "events",
        edge_printf(&ctx.arena, "%llu", (unsigned long long)edge_spool_depth(o->disk.spool)), NULL);
    look_after(o);
    EDGE_LOCK(&o->lock);
    o->spill.on = true;
    o->spill.tail = first.seq;
    if (first.kind == KIND_WAITS) {
        o->mode = OUTBOX_ACKED;
        o->listening = true;
    }
    sdk_parcels_count(o);
}

static size_t count_unkept(struct sdk_outbox *o)
{
    EDGE_LOCK(&o->lock);
    size_t n = o->fresh.n;
    for (size_t i = 0; i < o->events.n; i++) {
        const struct parcel *p = sdk_parcel_at(&o->events, i);
        bool due = p->state == PARCEL_WAITS || (p->state == PARCEL_SENT && o->mode == OUTBOX_ACKED);
        n += due && p->seq == 0;
    }
    return n;
}

size_t sdk_spill_end(struct sdk_outbox *o)
{
    cross_out(o);
    if (o->limits.max_bytes > 0) {
        o->disk.retry_ms = 0;
        while (write_some(o)) {
        }
        cross_out(o);
    }
    edge_spool_close(o->disk.spool);
    o->disk.spool = NULL;
    return count_unkept(o);
}
