/*
 * Asks every registered service again and again whether it is up. A registration has a probe: its
 * timer hands it to a worker, the worker asks, notes a change of the status in the store and winds
 * the timer up again. A service that does not answer soon is asked again by workers of their own,
 * who have the full time, so that silent hosts keep nobody else waiting.
 *
 * Only a worker frees its probe, when the store no longer has a registration to be asked: POST, PUT
 * and DELETE merely make the probe look again. The calls have a client of their own, which can be
 * stopped before anything else is.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/map.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "keeper.h"

enum {
    LANE_THREADS = 16,
    SOON_MS = 500,      /* an answer that comes later is a slow one */
    MIN_PAUSE_MS = 100, /* however short an interval somebody asks for */
    RETRY_MS = 1000,    /* after a failure of our own */
    DEFAULT_TIMEOUT_MS = 5000,
};

struct probe {
    struct edge_timer timer; /* first: the timer's callback gets it */
    struct health *health;
    char *service_id;
    /* Guarded by the lock of health. */
    bool busy;  /* with a worker, or on the way to one; else the timer is armed */
    bool again; /* something changed while it was busy */
    bool seen_up;
    bool slow; /* no answer soon, the last time */
    int64_t checked_ms;
};

struct health {
    struct keeper *keeper;
    struct edge_client *client;
    struct edge_pool *lanes[2]; /* for those who answer soon, and for the slow ones */
    int64_t timeout_ms;
    struct edge_mutex lock;
    struct edge_map probes EDGE_GUARDED; /* by service id */
    bool stopping EDGE_GUARDED;
};

/* What became of one question. */
struct verdict {
    bool gone; /* there is nobody to ask any more */
    bool moot; /* no answer, or one to a registration that has changed */
    bool up, slow;
    int64_t interval_ms;
};

static void probe_due(struct edge_timer *timer);

/* ---- the timer's side -------------------------------------------------------------------- */

static void probe_arm(struct probe *p, int64_t pause_ms)
{
    struct edge_timers *timers = p->health->keeper->rt->timers;
    edge_timer_arm(timers, &p->timer, edge_now_mono_ms() + pause_ms);
}

static int64_t interval_ms_of(const struct registration *r)
{
    int64_t ns = 0;
    if (!edge_duration_parse(r->health_check.interval, true, &ns)) {
        ns = 0;
    }
    return ns / 1000000;
}

/* Twice as often until it has been up once. */
static int64_t pause_ms_for(int64_t interval_ms, bool seen_up)
{
    int64_t pause = seen_up ? interval_ms : interval_ms / 2;
    return pause > MIN_PAUSE_MS ? pause : MIN_PAUSE_MS;
}

static struct probe *probe_make(struct health *h, const char *service_id) EDGE_REQUIRES(h->lock)
{
    struct probe *p = edge_xalloc(1, sizeof(*p));
    p->timer.fn = probe_due;
    p->health = h;
    p->service_id = edge_xstrdup(service_id);
    edge_map_put(&h->probes, service_id, p);
    return p;
}

static void probe_free(struct probe *p)
{
    free(p->service_id);
    free(p);
}

void health_watch(struct health *h, const struct registration *r)
{
    if (registration_is(r, REGISTRATION_HALT)) {
        health_forget(h, r->service_id);
        return;
    }
    EDGE_LOCK(&h->lock);
    if (h->stopping) {
        return;
    }
    struct probe *p = edge_map_find(&h->probes, r->service_id);
    if (!p) {
        p = probe_make(h, r->service_id);
    }
    p->seen_up = false;
    p->slow = false;
    p->again = p->busy;
    if (!p->busy) {
        probe_arm(p, pause_ms_for(interval_ms_of(r), false));
    }
}

void health_forget(struct health *h, const char *service_id)
{
    EDGE_LOCK(&h->lock);
    struct probe *p = edge_map_find(&h->probes, service_id);
    if (p && !p->busy && !h->stopping) {
        probe_arm(p, 0); /* its worker finds nobody to ask */
    }
}

int64_t health_checked_ms(struct health *h, const char *service_id)
{
    EDGE_LOCK(&h->lock);
    const struct probe *p = edge_map_find(&h->probes, service_id);
    return p ? p->checked_ms : 0;
}

/* ---- a worker's side --------------------------------------------------------------------- */

static bool may_ask(struct probe *p, bool *ret_slow)
{
    EDGE_LOCK(&p->health->lock);
    *ret_slow = p->slow;
    return !p->health->stopping;
}

static void ask(struct edge_ctx *ctx, struct health *h, const struct registration *r, bool slow,
                struct verdict *v)
{
    bool bare_v6 = strchr(r->host, ':') && r->host[0] != '[';
    const char *url = edge_printf(&ctx->arena, bare_v6 ? "%s://[%s]:%d" : "%s://%s:%d",
                                  r->health_check.type, r->host, (int)r->port);
    struct edge_http_request req = {
        .method = "GET", .target = r->health_check.path, .code_only = true};
    struct edge_http_response res = {0};
    int64_t soon_ms = h->timeout_ms < SOON_MS ? h->timeout_ms : SOON_MS;
    int64_t began_ms = edge_now_mono_ms();
    int64_t deadline_ms = began_ms + (slow ? h->timeout_ms : soon_ms);
    bool answered = edge_client_call(h->client, ctx, url, &req, deadline_ms, &res) == EDGE_OK;
    edge_ctx_clear(ctx); /* no answer is an answer here */
    v->slow = edge_now_mono_ms() - began_ms >= soon_ms;
    v->up = answered && res.code / 100 == 2;
    v->moot = !answered && v->slow && !slow; /* it gets more time before it is judged */
}

/* The registration as it is now; NOT_FOUND also where it is halted. */
static enum edge_status load(struct edge_ctx *ctx, struct probe *p, const char **ret_text,
                             struct registration *ret)
{
    struct keeper *keeper = p->health->keeper;
    EDGE_TRY(edge_store_get_text(ctx, keeper->store, &REGISTRATIONS, "serviceId", p->service_id,
                                 ret_text));
    EDGE_TRY(edge_dto_decode_text(ctx, &REGISTRATION, *ret_text, strlen(*ret_text), ret));
    return registration_is(ret, REGISTRATION_HALT) ? EDGE_NOT_FOUND : EDGE_OK;
}

/* A verdict to be noted. */
struct note {
    struct probe *probe;
    const char *asked; /* the registration as it was then */
    struct verdict *verdict;
};

/* Who was asked must still be who is registered. */
static enum edge_status note_status(struct edge_ctx *ctx, void *arg)
{
    const struct note *note = arg;
    struct probe *p = note->probe;
    struct verdict *v = note->verdict;
    const char *text = NULL;
    struct registration r;
    enum edge_status st = load(ctx, p, &text, &r);
    v->moot = st == EDGE_NOT_FOUND || (st == EDGE_OK && strcmp(text, note->asked) != 0);
    if (v->moot) {
        return EDGE_OK;
    }
    EDGE_TRY(st);
    r.status = REGISTRATION_STATUSES[v->up ? REGISTRATION_UP : REGISTRATION_DOWN];
    r.modified = edge_now_ms();
    EDGE_TRY(edge_store_update(ctx, p->health->keeper->store, &REGISTRATIONS, &r));
    edge_log_info(ctx, v->up ? "service is up" : "service is down", "service", r.service_id, NULL);
    return EDGE_OK;
}

static enum edge_status probe_ask(struct edge_ctx *ctx, struct probe *p, struct verdict *v)
{
    struct health *h = p->health;
    const char *asked = NULL;
    bool slow = false;
    if (!may_ask(p, &slow)) {
        return EDGE_OK;
    }
    struct registration r;
    enum edge_status st = load(ctx, p, &asked, &r);
    if (st == EDGE_NOT_FOUND) {
        v->gone = true;
        return EDGE_OK;
    }
    EDGE_TRY(st);
    v->interval_ms = interval_ms_of(&r);
    ask(ctx, h, &r, slow, v);
    if (v->moot || !may_ask(p, &slow)) { /* at the end answers are cut short */
        v->moot = true;
        return EDGE_OK;
    }
    /* Most answers change nothing, and cost the disk nothing. */
    if (registration_is(&r, v->up ? REGISTRATION_UP : REGISTRATION_DOWN)) {
        return EDGE_OK;
    }
    struct note note = {.probe = p, .asked = asked, .verdict = v};
    return edge_store_change(ctx, h->keeper->store, note_status, &note);
}

/* Wind it up again, or take it away. */
static void probe_done(struct probe *p, const struct verdict *v)
{
    struct health *h = p->health;
    EDGE_LOCK(&h->lock);
    p->busy = false;
    if (h->stopping) {
        return;
    }
    if (v->gone && !p->again) {
        edge_map_remove(&h->probes, p->service_id);
        probe_free(p);
        return;
    }
    bool settled = !v->moot && !p->again;
    if (settled) {
        p->seen_up = p->seen_up || v->up;
        p->checked_ms = edge_now_ms();
    }
    p->slow = v->slow && !p->again;
    p->again = false;
    probe_arm(p, settled ? pause_ms_for(v->interval_ms, p->seen_up) : MIN_PAUSE_MS);
}

static void probe_run(void *arg)
{
    struct probe *p = arg;
    struct verdict v = {.interval_ms = RETRY_MS};
    EDGE_CTX_SCOPE(ctx);
    ctx.log = p->health->keeper->rt->log;
    enum edge_status st = probe_ask(&ctx, p, &v);
    if (st != EDGE_OK) {
        edge_log_error(&ctx, "health of a service not noted", "service", p->service_id, "reason",
                       edge_ctx_message(&ctx, st), NULL);
    }
    probe_done(p, &v);
}

static void probe_due(struct edge_timer *timer)
{
    struct probe *p = (struct probe *)timer;
    struct health *h = p->health;
    EDGE_LOCK(&h->lock);
    if (h->stopping) {
        return;
    }
    p->busy = edge_pool_submit(h->lanes[p->slow], probe_run, p);
    if (!p->busy) {
        probe_arm(p, RETRY_MS);
    }
}

/* ---- start and stop ---------------------------------------------------------------------- */

static enum edge_status watch_stored(void *arg, const char *text, size_t len)
{
    EDGE_CTX_SCOPE(ctx);
    struct health *h = arg;
    struct registration r;
    ctx.log = h->keeper->rt->log;
    enum edge_status st = edge_dto_decode_text(&ctx, &REGISTRATION, text, len, &r);
    if (st == EDGE_OK) {
        health_watch(h, &r);
    } else {
        edge_log_error(&ctx, "a stored registration cannot be read", "reason",
                       edge_ctx_message(&ctx, st), NULL);
    }
    return EDGE_OK;
}

enum edge_status health_start(struct edge_ctx *ctx, struct keeper *keeper, struct health **ret)
{
    struct health *h = edge_xalloc(1, sizeof(*h));
    *ret = h;
    h->keeper = keeper;
    h->client = edge_client_create_beside(keeper->rt->client);
    h->timeout_ms =
        keeper->rt->request_timeout_ms > 0 ? keeper->rt->request_timeout_ms : DEFAULT_TIMEOUT_MS;
    edge_mutex_init(&h->lock);
    h->lanes[false] = edge_pool_create("health", LANE_THREADS, KEEPER_MAX_REGISTRATIONS);
    h->lanes[true] = edge_pool_create("health-slow", LANE_THREADS, KEEPER_MAX_REGISTRATIONS);
    struct edge_query all = {.collection = &REGISTRATIONS, .limit = -1};
    return edge_store_each(ctx, keeper->store, &all, watch_stored, h);
}

static void say_stopping(struct health *h)
{
    EDGE_LOCK(&h->lock);
    h->stopping = true;
}

void health_quiesce(struct health *h)
{
    if (h) {
        say_stopping(h);
        edge_client_stop(h->client);
    }
}

/* The workers have ended, so the map stays as it is; a timer's last callback may still run. */
static struct probe *next_probe(struct health *h, size_t *pos)
{
    EDGE_LOCK(&h->lock);
    return edge_map_next(&h->probes, pos, NULL);
}

static void forget_all(struct health *h)
{
    EDGE_LOCK(&h->lock);
    edge_map_done(&h->probes);
}

void health_free(struct health *h)
{
    if (!h) {
        return;
    }
    edge_pool_free(h->lanes[false]);
    edge_pool_free(h->lanes[true]);
    size_t pos = 0;
    for (struct probe *p; (p = next_probe(h, &pos)) != NULL;) {
        edge_timer_cancel(h->keeper->rt->timers, &p->timer);
        probe_free(p);
    }
    forget_all(h);
    edge_client_free(h->client);
    edge_mutex_done(&h->lock);
    free(h);
}
