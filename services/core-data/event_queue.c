/**
 * Jobs wait here: for others to be committed with (gather_ms), for a moment where they may not wait, and for
 * room where too many are there already.
 */
#include "event_queue.h"

#include "edge/clock.h"

enum {
    MAX_QUEUED = 8192,
    MAX_WEIGHT = 32 * 1024 * 1024, /* bytes */
};

void queue_init(struct job_queue *q, const struct event_store_config *config)
{
    q->max = config->max_queued ? config->max_queued : MAX_QUEUED;
    q->gather_ms = config->gather_ms;
    q->gather_events = config->gather_events;
    edge_mutex_init(&q->lock);
    edge_cond_init(&q->work);
    edge_cond_init(&q->room);
    edge_cond_init(&q->settled);
    edge_cond_init(&q->reported);
}

void queue_done(struct job_queue *q)
{
    edge_cond_done(&q->reported);
    edge_cond_done(&q->settled);
    edge_cond_done(&q->room);
    edge_cond_done(&q->work);
    edge_mutex_done(&q->lock);
}

void queue_close(struct job_queue *q)
{
    EDGE_LOCK(&q->lock);
    q->closing = true;
    edge_cond_broadcast(&q->work);
    edge_cond_broadcast(&q->room);
    edge_cond_broadcast(&q->reported);
}

/* ---- putting in --------------------------------------------------------------------------------- */

static bool is_full(const struct job_queue *q, size_t weight) EDGE_REQUIRES(q->lock);

static bool is_full(const struct job_queue *q, size_t weight)
{
    return q->n >= q->max || (q->n > 0 && q->weight + weight > MAX_WEIGHT);
}

/* One more is there that may wait; is it time to commit? */
static bool note_gathered(struct job_queue *q) EDGE_REQUIRES(q->lock);

static bool note_gathered(struct job_queue *q)
{
    if (q->n_gathered++ == 0) {
        q->gather_until_ms = edge_now_mono_ms() + q->gather_ms;
    }
    return q->n_gathered >= q->gather_events || q->weight > MAX_WEIGHT / 4;
}

/* One more that may not; likewise. */
static bool note_lingering(struct job_queue *q, const struct event_job *job) EDGE_REQUIRES(q->lock);

static bool note_lingering(struct job_queue *q, const struct event_job *job)
{
    size_t n = q->n - q->n_gathered;
    if (n == 1) {
        q->linger_until_ms = edge_now_mono_ms() + 1;
    }
    return job->kind != EVENT_ADD || n >= q->n_together / 2;
}

enum edge_status queue_put(struct edge_ctx *ctx, struct job_queue *q, struct event_job *job,
                           size_t weight, int64_t wait_ms)
{
    int64_t deadline_ms = wait_ms > 0 ? edge_now_mono_ms() + wait_ms : 0;
    EDGE_LOCK(&q->lock);
    while (is_full(q, weight) && !q->closing) {
        if (wait_ms <= 0 || !edge_cond_wait_until(&q->room, &q->lock, deadline_ms)) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "the event store is busy: %zu changes wait",
                             q->n);
        }
    }
    if (q->closing) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "the event store is closing");
    }
    job->next = NULL;
    if (q->tail) {
        q->tail->next = job;
    } else {
        q->head = job;
    }
    q->tail = job;
    q->n++;
    q->n_submitted++;
    q->weight += weight;
    bool waits = job->kind == EVENT_ADD && job->may_wait && q->gather_ms > 0;
    bool time = waits ? note_gathered(q) : note_lingering(q, job);
    /* The first of its sort sets the writer's alarm; who makes it time wakes it. */
    bool first = waits ? q->n_gathered == 1 : q->n - q->n_gathered == 1;
    if (first || (time && !q->hurry)) {
        q->hurry = q->hurry || time;
        edge_cond_signal(&q->work);
    }
    return EDGE_OK;
}

void queue_hurry(struct job_queue *q)
{
    EDGE_LOCK(&q->lock);
    if (q->n > 0 && !q->hurry) {
        q->hurry = true;
        edge_cond_signal(&q->work);
    }
}

static void flush(struct job_queue *q) EDGE_REQUIRES(q->lock);

static void flush(struct job_queue *q)
{
    uint64_t all = q->n_submitted;
    q->hurry = q->n > 0;
    edge_cond_signal(&q->work);
    while (q->n_reported < all && !q->closing) {
        edge_cond_wait(&q->reported, &q->lock);
    }
}

void queue_flush(struct job_queue *q)
{
    EDGE_LOCK(&q->lock);
    flush(q);
}

void queue_catch_up(struct job_queue *q)
{
    EDGE_LOCK(&q->lock);
    if (q->n_gathered > 0) {
        flush(q);
    }
}

void event_queue_settle(struct job_queue *q)
{
    EDGE_LOCK(&q->lock);
    q->settling++;
    edge_cond_signal(&q->work);
    while (q->settling > 0) {
        edge_cond_wait(&q->settled, &q->lock);
    }
}

size_t queue_length(struct job_queue *q)
{
    EDGE_LOCK(&q->lock);
    return q->n;
}

/* ---- taking out --------------------------------------------------------------------------------- */

/* Is there work that cannot wait any longer? */
static bool is_time(const struct job_queue *q) EDGE_REQUIRES(q->lock);

/* When it is at the latest; 0: nothing is there. */
static int64_t alarm_ms(const struct job_queue *q) EDGE_REQUIRES(q->lock);

static int64_t alarm_ms(const struct job_queue *q)
{
    bool lingers = q->n_gathered < q->n;
    if (q->n_gathered == 0 || (lingers && q->linger_until_ms < q->gather_until_ms)) {
        return lingers ? q->linger_until_ms : 0;
    }
    return q->gather_until_ms;
}

static bool is_time(const struct job_queue *q)
{
    return q->head &&
           (q->hurry || q->closing || q->settling > 0 || edge_now_mono_ms() >= alarm_ms(q));
}

struct event_job *queue_take(struct job_queue *q, bool wait, int64_t deadline_ms, bool *ret_closing)
{
    EDGE_LOCK(&q->lock);
    if (wait && !q->head && q->settling > 0 && deadline_ms == 0) {
        q->settling = 0;
        edge_cond_broadcast(&q->settled);
    }
    while (wait && !is_time(q) && !q->closing && q->settling == 0) {
        int64_t alarm = alarm_ms(q);
        int64_t until =
            alarm > 0 && (deadline_ms == 0 || alarm < deadline_ms) ? alarm : deadline_ms;
        if (until == 0) {
            edge_cond_wait(&q->work, &q->lock);
        } else if (!edge_cond_wait_until(&q->work, &q->lock, until) && until == deadline_ms) {
            break;
        }
    }
    *ret_closing = q->closing;
    if (!is_time(q)) {
        return NULL;
    }
    struct event_job *jobs = q->head;
    size_t lingered = q->n - q->n_gathered;
    q->n_together = q->n_last + lingered;
    q->n_last = lingered;
    q->head = q->tail = NULL;
    q->n = q->weight = q->n_gathered = 0;
    q->hurry = false;
    edge_cond_broadcast(&q->room);
    return jobs;
}

void queue_reported(struct job_queue *q, size_t n)
{
    EDGE_LOCK(&q->lock);
    q->n_reported += n;
    edge_cond_broadcast(&q->reported);
}
