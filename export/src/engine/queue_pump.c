/**
 * The queue's thread. It reads ahead of the spool up to the window and hands messages to the connector; what comes
 * back waits in its slot until all before it are settled. Where one failed, nothing more is sent; when the connector
 * has given back everything, reading begins again at the one that failed. So order is kept, at the price of duplicates.
 * With live_first there are two lanes after an outage, each in order: what waited, and what came since.
 */
#include "queue_internal.h"

#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"

enum {
    SECRETS_MS = 500, /* a new secret is seen within */
    READ_AGAIN_MS = 1000,
    AHEAD_MAX = 16 << 20, /* bytes in memory, but a single message passes */
    LIVE_SHARE = 4,       /* live ones for each that waited */
    NS_PER_MS = 1000000,
};

void queue_error(struct export_queue *q, const char *reason)
{
    edge_text_fit(q->last_error, sizeof(q->last_error), reason ? reason : "");
    q->last_error_ms = edge_now_ms();
}

/* ---- what comes back ---- */

static bool on_pump(struct export_queue *q) EDGE_REQUIRES(q->lock)
{
    return q->running && pthread_equal(q->thread, pthread_self());
}

/* What follows has its own context: its failure is not the message's. */
static bool go_on(struct export_queue *q, struct queue_slot *slot,
                  const struct export_outcome *outcome)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_outcome with_input = *outcome;
    if (!q->config.go_on) {
        return true;
    }
    if (!outcome->response.data) {
        with_input.response = (struct edge_bytes){slot->record.payload, slot->record.size};
        with_input.response_kind = slot->record.kind;
        with_input.response_type = slot->record.content_type;
    }
    ctx.log = q->config.env.log;
    if (slot->record.correlation_id) {
        edge_text_fit(ctx.correlation_id, sizeof(ctx.correlation_id), slot->record.correlation_id);
    }
    enum edge_status st = q->config.go_on(q->config.go_on_arg, &ctx, &slot->record, &with_input);
    if (st != EDGE_OK) {
        edge_text_fit(slot->reason, sizeof(slot->reason), edge_ctx_message(&ctx, st));
    }
    return st == EDGE_OK;
}

/* While half a window is still to come the pump sleeps on: a wake-up for each costs more than the message. */
static bool is_worth_waking(const struct export_queue *q, enum export_fate fate)
    EDGE_REQUIRES(q->lock)
{
    return q->n_out <= q->window / 2 || (fate != EXPORT_DELIVERED && fate != EXPORT_ABSORBED);
}

bool queue_settle(void *queue, void *token, const struct export_outcome *outcome)
{
    struct export_queue *q = queue;
    struct queue_slot *slot = token;
    enum export_fate fate = outcome->fate;
    bool here;
    {
        EDGE_LOCK(&q->lock);
        here = on_pump(q);
    }
    if (fate != EXPORT_DELIVERED && fate != EXPORT_ABSORBED) {
        edge_text_fit(slot->reason, sizeof(slot->reason),
                      outcome->reason ? outcome->reason : "the peer did not say why");
    }
    if (fate == EXPORT_DELIVERED && here) {
        slot->went_on = go_on(q, slot, outcome);
        fate = slot->went_on ? fate : EXPORT_RETRY;
    } else if (fate == EXPORT_DELIVERED && q->config.go_on && outcome->response.data) {
        slot->has_response = true;
        edge_buf_put(&slot->response, outcome->response.data, outcome->response.size);
        slot->response_kind = outcome->response_kind;
        slot->response_type =
            outcome->response_type ? edge_strdup(&slot->ctx.arena, outcome->response_type) : NULL;
    }
    EDGE_LOCK(&q->lock);
    slot->fate = fate;
    slot->retry_after_ms = outcome->retry_after_ms;
    slot->back = true;
    slot->back_ns = edge_now_mono_ns();
    q->n_out--;
    if (is_worth_waking(q, fate)) {
        edge_cond_broadcast(&q->changed);
    }
    return fate == outcome->fate;
}

void queue_line(void *queue, enum export_line line, const char *reason)
{
    struct export_queue *q = queue;
    EDGE_LOCK(&q->lock);
    if (line == EXPORT_LINE_UP && q->line != EXPORT_LINE_UP) {
        queue_lanes(q);
    }
    q->line = line;
    if (line != EXPORT_LINE_UP) {
        queue_error(q, reason);
    }
    edge_cond_broadcast(&q->changed);
}

/* ---- settling ---- */

static void back_off(struct export_queue *q, const struct queue_slot *slot) EDGE_REQUIRES(q->lock)
{
    const struct export_queue_config *c = &q->config;
    bool denied = slot->fate == EXPORT_DENIED;
    struct edge_backoff *pause = denied ? &q->denied_pause : &q->retry_pause;
    q->retries++;
    if (denied) {
        q->denied++;
        q->secrets = c->env.host && c->env.host->secrets_version
                         ? c->env.host->secrets_version(c->env.host->state)
                         : 0;
    } else {
        q->denied = 0;
        q->failures++;
        edge_backoff_reset(&q->denied_pause);
    }
    bool fixed = !denied && c->retry_interval_ms > 0;
    int64_t wait_ms = fixed ? c->retry_interval_ms : edge_backoff_next(pause);
    wait_ms = wait_ms > slot->retry_after_ms ? wait_ms : slot->retry_after_ms;
    q->not_before_ms = edge_now_mono_ms() + wait_ms;
}

static void count_failure(struct export_queue *q, const struct queue_slot *slot)
    EDGE_REQUIRES(q->lock)
{
    if (q->failed_seq != slot->record.seq) {
        q->failed_seq = slot->record.seq;
        q->failed_times = q->rejected_times = 0;
    }
    q->failed_times += slot->fate == EXPORT_RETRY;
    q->rejected_times += slot->fate == EXPORT_REJECTED;
}

enum verdict { DONE, DROPPED, ASIDE, AGAIN };

static enum verdict judge(struct export_queue *q, struct queue_slot *slot) EDGE_REQUIRES(q->lock)
{
    const struct export_queue_config *c = &q->config;
    bool seen = slot->fate == EXPORT_DELIVERED || slot->fate == EXPORT_ABSORBED;
    if (seen || slot->fate == EXPORT_UNSENT) {
        if (seen) {
            q->acknowledged++;
            if (q->failures + q->denied > 0) {
                queue_lanes(q);
            }
            q->failures = q->denied = 0;
            edge_backoff_reset(&q->retry_pause);
            edge_backoff_reset(&q->denied_pause);
            q->not_before_ms = 0;
            q->line = EXPORT_LINE_UP;
        }
        return seen ? DONE : AGAIN;
    }
    queue_error(q, slot->reason);
    if (slot->fate == EXPORT_TOO_MUCH) {
        if (queue_split(q)) {
            return AGAIN;
        }
        slot->fate = EXPORT_REJECTED;
    }
    count_failure(q, slot);
    if (slot->fate == EXPORT_REJECTED && q->rejected_times >= c->max_rejections) {
        return ASIDE;
    }
    if (!c->keep || (c->max_retries > 0 && q->failed_times > c->max_retries)) {
        return DROPPED;
    }
    back_off(q, slot);
    return AGAIN;
}

static void slot_free(struct queue_slot *slot)
{
    if (slot) {
        edge_buf_done(&slot->response);
        edge_ctx_done(&slot->ctx);
        free(slot);
    }
}

/* It failed for the first time, or for good. */
static void tell(struct export_queue *q, struct queue_slot *slot, enum verdict verdict)
{
    EDGE_CTX_SCOPE(ctx);
    struct export_outcome outcome = {
        .fate = verdict == AGAIN ? slot->fate : EXPORT_REJECTED,
        .reason = slot->reason,
    };
    bool first;
    {
        EDGE_LOCK(&q->lock);
        first = q->failed_times + q->rejected_times + q->denied <= 1;
    }
    bool failed = slot->fate != EXPORT_DELIVERED && slot->fate != EXPORT_ABSORBED &&
                  slot->fate != EXPORT_UNSENT && slot->fate != EXPORT_TOO_MUCH;
    if (q->config.told && failed && (first || verdict != AGAIN)) {
        ctx.log = q->config.env.log;
        q->config.told(q->config.go_on_arg, &ctx, &slot->record, &outcome);
    }
}

/* The first of the ring, when it is back; NULL: it is not. */
static struct queue_slot *first_back(struct export_queue *q)
{
    EDGE_LOCK(&q->lock);
    return q->n > 0 && q->slots[q->first]->back ? q->slots[q->first] : NULL;
}

static void measure(struct export_queue *q, const struct queue_slot *slot)
{
    if (!q->size) {
        return;
    }
    edge_gauge_set(q->size, (int64_t)edge_spool_depth(q->spool));
    if (slot->fate != EXPORT_DELIVERED) {
        return;
    }
    int64_t now_ns = edge_now_ns(), answer_ns = slot->back_ns - slot->sent_ns;
    int64_t waited_ns = now_ns - slot->record.spooled_ms * NS_PER_MS - answer_ns;
    if (slot->record.origin_ns > 0 && now_ns >= slot->record.origin_ns) {
        edge_histogram_add(q->duration, (uint64_t)(now_ns - slot->record.origin_ns));
    }
    edge_histogram_add(q->waited, waited_ns > 0 ? (uint64_t)waited_ns : 0);
    edge_histogram_add(q->answered, (uint64_t)answer_ns);
}

static void finish(struct export_queue *q, struct queue_slot *slot, enum verdict verdict)
{
    uint64_t seq = slot->record.seq;
    bool aside = verdict == ASIDE && queue_quarantine_put(&slot->ctx, q, slot, slot->reason);
    if (verdict == DONE || aside) {
        if (!queue_is_part(slot)) {
            edge_spool_settle(q->spool, seq);
        }
    } else if (verdict == DROPPED) {
        edge_spool_drop(q->spool, seq, EDGE_DROP_RETRIES);
    } else {
        edge_spool_drop(q->spool, seq, EDGE_DROP_REJECTED);
    }
    if (verdict != DONE) {
        edge_log_warn(&slot->ctx, verdict == ASIDE ? "message put aside" : "message dropped",
                      "queue", q->config.name, "reason", slot->reason, NULL);
    }
    measure(q, slot);
    EDGE_LOCK(&q->lock);
    queue_passed(q, slot);
    q->slots[q->first] = NULL;
    q->first = (q->first + 1) % q->window;
    q->n--;
    q->ahead -= slot->record.size;
    q->full = false;
    slot_free(slot);
    edge_cond_broadcast(&q->changed);
}

/* All are back and the first one failed: read again from there. */
static void rewind_to(struct export_queue *q, uint64_t seq)
{
    EDGE_LOCK(&q->lock);
    for (; q->n > 0; q->n--) {
        slot_free(q->slots[q->first]);
        q->slots[q->first] = NULL;
        q->first = (q->first + 1) % q->window;
    }
    q->next_seq = q->config.live_first ? 0 : seq; /* of two lanes either may be behind */
    q->live_seq = q->boundary;
    q->ahead = 0;
    edge_cond_broadcast(&q->changed);
}

void queue_forget(struct export_queue *q)
{
    rewind_to(q, 0);
}

static bool may_come_again(const struct export_queue *q, const struct queue_slot *slot)
    EDGE_REQUIRES(q->lock)
{
    switch (slot->fate) {
    case EXPORT_DELIVERED:
    case EXPORT_ABSORBED:
        return false;
    case EXPORT_REJECTED:
        return q->config.keep && q->config.max_rejections > 1;
    case EXPORT_RETRY:
    case EXPORT_DENIED:
        return q->config.keep;
    case EXPORT_TOO_MUCH:
    case EXPORT_UNSENT:
        break;
    }
    return true;
}

void queue_reap(struct export_queue *q)
{
    for (struct queue_slot *slot; (slot = first_back(q)) != NULL;) {
        enum verdict verdict;
        if (slot->fate == EXPORT_DELIVERED && !slot->went_on) {
            struct export_outcome outcome = {
                .fate = EXPORT_DELIVERED,
                .response = {slot->has_response ? edge_buf_str(&slot->response) : NULL,
                             slot->response.len},
                .response_kind = slot->response_kind,
                .response_type = slot->response_type,
            };
            slot->went_on = go_on(q, slot, &outcome);
            slot->fate = slot->went_on ? EXPORT_DELIVERED : EXPORT_RETRY;
        }
        {
            EDGE_LOCK(&q->lock);
            if (q->n_out > 0 && may_come_again(q, slot)) {
                return; /* the others first: until they are back nothing can be sent again */
            }
            verdict = judge(q, slot);
        }
        tell(q, slot, verdict);
        if (verdict == AGAIN) {
            rewind_to(q, slot->record.seq);
            return;
        }
        finish(q, slot, verdict);
    }
}

/* ---- sending ---- */

/* Whether something may be sent now; else *until_ms is when to look again. */
static bool may_send(struct export_queue *q, int64_t *until_ms) EDGE_REQUIRES(q->lock)
{
    int64_t now_ms = edge_now_mono_ms();
    const struct export_host *host = q->config.env.host;
    unsigned window = q->failures + q->denied > 0 && !q->config.connector->gathers ? 1 : q->window;
    if (q->denied > 0 && host && host->secrets_version && q->not_before_ms > now_ms) {
        if (host->secrets_version(host->state) != q->secrets) {
            q->not_before_ms = 0;
        } else if (*until_ms > now_ms + SECRETS_MS) {
            *until_ms = now_ms + SECRETS_MS;
        }
    }
    bool much =
        q->ahead > AHEAD_MAX && !q->config.connector->gathers; /* that has a bound of its own */
    if (q->paused || q->n >= window || much) {
        return false;
    }
    for (unsigned i = 0; i < q->n; i++) { /* one that failed: first it must be settled */
        const struct queue_slot *slot = q->slots[(q->first + i) % q->window];
        if (slot->back && slot->fate != EXPORT_DELIVERED && slot->fate != EXPORT_ABSORBED) {
            return false;
        }
    }
    int64_t rate_ms = (q->next_send_ns + 999999) / 1000000;
    int64_t at_ms = q->not_before_ms > rate_ms ? q->not_before_ms : rate_ms;
    if (at_ms > now_ms) {
        *until_ms = at_ms < *until_ms ? at_ms : *until_ms;
        return false;
    }
    return true;
}

static void pace(struct export_queue *q, size_t size) EDGE_REQUIRES(q->lock)
{
    const struct export_queue_config *c = &q->config;
    double by_number = c->rate > 0 ? 1 / c->rate : 0;
    double by_size = c->bytes_rate > 0 ? (double)size / c->bytes_rate : 0;
    int64_t now_ns = edge_now_mono_ns();
    int64_t base_ns = q->next_send_ns > now_ns ? q->next_send_ns : now_ns;
    double pause_s = by_number > by_size ? by_number : by_size;
    q->next_send_ns = pause_s > 0 ? base_ns + (int64_t)(pause_s * 1e9) : 0;
}

/* ---- lanes ---- */

enum lane { ONLY, LIVE, BACKLOG };

void queue_lanes(struct export_queue *q)
{
    struct edge_spool_state state;
    if (q->config.live_first) {
        edge_spool_state(q->spool, &state);
        q->boundary = q->live_seq = state.next;
        q->turn = 0;
    }
}

/* While nothing is delivered, the oldest is tried again and again: it has a number of attempts. */
static enum lane turn_of(struct export_queue *q, uint64_t *ret_seq, uint64_t *ret_boundary)
{
    EDGE_LOCK(&q->lock);
    enum lane lane = q->boundary == 0                                       ? ONLY
                     : q->turn < LIVE_SHARE && q->failures + q->denied == 0 ? LIVE
                                                                            : BACKLOG;
    *ret_seq = lane == LIVE ? q->live_seq : q->next_seq;
    *ret_boundary = q->boundary;
    return lane;
}

/* The next one of the lane whose turn it is; where there is none, of the other. */
static enum edge_status read_next(struct export_queue *q, struct queue_slot *slot,
                                  enum lane *ret_lane)
{
    for (;;) {
        uint64_t seq, boundary;
        enum lane lane = *ret_lane = turn_of(q, &seq, &boundary);
        enum edge_status st = edge_spool_read(&slot->ctx, q->spool, seq, &slot->record);
        bool over = lane == BACKLOG && st == EDGE_OK && slot->record.seq >= boundary;
        if (lane == ONLY || (st == EDGE_OK && !over) || (st != EDGE_OK && st != EDGE_NOT_FOUND)) {
            return st;
        }
        EDGE_LOCK(&q->lock);
        if (lane == LIVE) {
            q->turn = LIVE_SHARE;
        } else { /* what waited is gone */
            q->next_seq = q->live_seq;
            q->boundary = 0;
        }
    }
}

static void step_on(struct export_queue *q, enum lane lane, const struct queue_slot *slot)
    EDGE_REQUIRES(q->lock)
{
    *(lane == LIVE ? &q->live_seq : &q->next_seq) = slot->record.seq + !queue_is_part(slot);
    q->turn = lane == LIVE ? q->turn + 1 : 0;
}

/* ---- one message ---- */

/* It is in the connector's hands from here on. */
static void take(struct export_queue *q, struct queue_slot *slot, enum lane lane)
    EDGE_REQUIRES(q->lock)
{
    step_on(q, lane, slot);
    if (slot->record.seq == q->failed_seq) {
        slot->message.attempt += q->failed_times + q->rejected_times;
    }
    pace(q, slot->record.size);
    q->slots[(q->first + q->n) % q->window] = slot;
    q->n++;
    q->ahead += slot->record.size;
    q->n_out++;
    slot->sent_ns = edge_now_mono_ns();
}

/* Read the next one and hand it over. False: there is none. */
static bool send_next(struct export_queue *q)
{
    struct queue_slot *slot = edge_xalloc(1, sizeof(*slot));
    enum lane lane;
    slot->q = q;
    slot->ctx = (struct edge_ctx)EDGE_CTX_INIT;
    slot->ctx.log = q->config.env.log;
    enum edge_status st = read_next(q, slot, &lane);
    if (st != EDGE_OK) {
        if (st != EDGE_NOT_FOUND) {
            EDGE_LOCK(&q->lock);
            queue_error(q, edge_ctx_message(&slot->ctx, st));
            q->not_before_ms = edge_now_mono_ms() + READ_AGAIN_MS;
        }
        slot_free(slot);
        return st != EDGE_NOT_FOUND;
    }
    if (slot->record.correlation_id) {
        edge_text_fit(slot->ctx.correlation_id, sizeof(slot->ctx.correlation_id),
                      slot->record.correlation_id);
    }
    enum edge_status made = queue_message_make(q, slot);
    bool paused;
    {
        EDGE_LOCK(&q->lock);
        paused = q->paused; /* since it was seen that something may be sent */
        if (!paused) {
            take(q, slot, lane);
        }
    }
    if (paused) {
        slot_free(slot);
        return true;
    }
    if (made == EDGE_OK) {
        q->config.connector->send(q->connector, &slot->ctx, &slot->message);
    } else {
        struct export_outcome never = {
            .fate = made == EDGE_TOO_LARGE ? EXPORT_TOO_MUCH : EXPORT_REJECTED,
            .reason = edge_ctx_message(&slot->ctx, made),
        };
        (void)queue_settle(q, slot, &never);
    }
    return true;
}

static bool first_waits(struct export_queue *q) EDGE_REQUIRES(q->lock)
{
    return q->n > 0 && q->slots[q->first]->back;
}

void *queue_pump(void *arg)
{
    struct export_queue *q = arg;
    bool more = true;
    for (;;) {
        bool send;
        int64_t until_ms = INT64_MAX;
        queue_reap(q);
        if (q->config.connector->tick) {
            EDGE_CTX_SCOPE(ctx);
            until_ms = q->config.connector->tick(q->connector, &ctx);
        }
        {
            EDGE_LOCK(&q->lock);
            if (q->stopping) {
                break;
            }
            more = more || q->woken;
            q->woken = false;
            send = may_send(q, &until_ms) && more;
            if (!send && !(first_waits(q) && q->n_out == 0)) {
                (void)edge_cond_wait_until(&q->changed, &q->lock, until_ms);
                more = true; /* whatever it was that changed */
            }
        }
        if (send) {
            more = send_next(q);
        }
    }
    EDGE_LOCK(&q->lock);
    q->running = false;
    edge_cond_broadcast(&q->changed);
    return NULL;
}
