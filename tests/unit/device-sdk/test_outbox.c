/* The outbox over a real broker: an acknowledged event does not come again, any other one does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "contracts/event.h"
#include "contracts/event_ack.h"
#include "edge/bus.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/pool.h"
#include "edge/text.h"
#include "model/parcels.h"
#include "suites.h"
#include "wait.h"

enum { SOON_MS = 30 * 1000, N_EVENTS = 10, MAX_HEARD = 100, FIRST_EVENT = 31 };

#define BASE    "edgex"
#define SERVICE "device-outbox"

/* Stands in for core-data: acknowledges what it is told to. */
struct acker {
    struct edge_bus *bus;
    struct edge_mutex lock;
    const char *instance EDGE_GUARDED;
    unsigned deaf EDGE_GUARDED; /* bits: the first sending of this event is lost */
    bool mute EDGE_GUARDED;     /* acknowledges nothing */
    bool absent EDGE_GUARDED;   /* nor answers who asks for him */
    int heard[MAX_HEARD] EDGE_GUARDED;
    bool marked[MAX_HEARD] EDGE_GUARDED;
    size_t n EDGE_GUARDED;
};

struct fixture {
    struct broker *broker;
    struct edge_pool *pool;
    struct edge_metrics *metrics;
    struct edge_log *log;
    struct edge_runtime rt;
    struct sdk_config config;
    devsdk_service svc;
    struct acker acker;
};

/* ---- core-data ----------------------------------------------------------------------------------- */

static void say(struct edge_ctx *ctx, struct acker *k, const char *topic,
                const struct edge_dto *dto, const void *object)
{
    struct edge_message *m = edge_message_create(0);
    m->dto = dto;
    m->object = object; /* encoded before publishing returns */
    edge_message_topic(m, "%s", topic);
    CU_ASSERT_EQUAL(edge_bus_publish(ctx, k->bus, m), EDGE_OK);
    edge_message_unref(m);
}

static void hello(struct edge_ctx *ctx, struct acker *k)
{
    struct event_acker *said = edge_new(&ctx->arena, struct event_acker);
    EDGE_LOCK(&k->lock);
    *said = (struct event_acker){EDGE_API_VERSION, "core-data", k->instance};
    say(ctx, k, BASE "/event-acks/core-data/hello", &EVENT_ACKER, said);
}

static enum edge_status on_ask(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    (void)m;
    struct acker *k = state;
    bool absent;
    {
        EDGE_LOCK(&k->lock);
        absent = k->absent;
    }
    if (!absent) {
        hello(ctx, k);
    }
    return EDGE_OK;
}

static bool hears(struct acker *k, int number, bool marked)
{
    EDGE_LOCK(&k->lock);
    if (!marked && (k->deaf & (1u << number))) {
        return false;
    }
    if (number != FIRST_EVENT && k->n < MAX_HEARD) {
        k->heard[k->n] = number;
        k->marked[k->n++] = marked;
    }
    return !k->mute;
}

static enum edge_status on_event(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct acker *k = state;
    const void *object;
    EDGE_TRY(edge_message_decode(ctx, m, &ADD_EVENT_REQUEST, &object));
    const struct event *event = &((const struct add_event_request *)object)->event;
    int number = (int)strtol(event->source_name, NULL, 10);
    if (hears(k, number, edge_message_param(m, EVENT_RESENT) != NULL)) {
        struct event_acks *acks = edge_new(&ctx->arena, struct event_acks);
        const char **ids = edge_new(&ctx->arena, const char *);
        *ids = event->id;
        *acks = (struct event_acks){.api_version = EDGE_API_VERSION, .ids = ids, .n_ids = 1};
        EDGE_LOCK(&k->lock);
        acks->instance = k->instance;
        say(ctx, k, BASE "/event-acks/core-data/events/" SERVICE, &EVENT_ACKS, acks);
    }
    return EDGE_OK;
}

/* How often an event was heard, and how often as one that is sent again. */
static size_t times(struct acker *k, int number, bool marked_only)
{
    EDGE_LOCK(&k->lock);
    size_t n = 0;
    for (size_t i = 0; i < k->n; i++) {
        n += k->heard[i] == number && (k->marked[i] || !marked_only);
    }
    return n;
}

/* ---- fixture ------------------------------------------------------------------------------------- */

static struct edge_bus *connect_as(struct fixture *f, const char *service)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_bus *bus = NULL;
    const struct edge_bus_config config = {
        .type = "mqtt",
        .service = service,
        .protocol = "tcp",
        .host = "127.0.0.1",
        .port = broker_port(f->broker),
        .event_qos = 1,
        .pool = f->pool,
        .metrics = f->metrics,
        .log = f->log,
    };
    CU_ASSERT_EQUAL_FATAL(edge_bus_open(&ctx, &config, &bus), EDGE_OK);
    return bus;
}

static void listen(struct edge_bus *bus, const char *pattern, edge_bus_handler *handler,
                   void *state)
{
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL_FATAL(edge_bus_subscribe(&ctx, bus, pattern, handler, state, 0), EDGE_OK);
}

static void counters(devsdk_service *svc, struct edge_metrics *m)
{
    svc->events_waiting = edge_gauge(m, "EventsWaiting", "");
    svc->events_resent = edge_counter(m, "EventsResent", "");
    svc->events_refused = edge_counter(m, "EventsRefused", "");
    svc->events_sent = edge_counter(m, "EventsSent", "");
    svc->readings_sent = edge_counter(m, "ReadingsSent", "");
    svc->events_dropped = edge_counter(m, "EventsDropped", "");
}

static void put(struct fixture *f, int number)
{
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    struct add_event_request *request = edge_new(a, struct add_event_request);
    request->base.api_version = EDGE_API_VERSION;
    request->base.request_id = edge_uuid_make(a);
    request->event = (struct event){.api_version = EDGE_API_VERSION,
                                    .id = edge_uuid_make(a),
                                    .device_name = "d",
                                    .profile_name = "p",
                                    .source_name = edge_printf(a, "%d", number),
                                    .origin = edge_origin_ns(),
                                    .readings = edge_new(a, struct reading),
                                    .n_readings = 1};
    request->event.readings[0] = (struct reading){.id = edge_uuid_make(a),
                                                  .device_name = "d",
                                                  .profile_name = "p",
                                                  .resource_name = "r",
                                                  .origin = request->event.origin,
                                                  .value_type = VT_BOOL,
                                                  .value = "true"};
    m->dto = &ADD_EVENT_REQUEST;
    m->object = request;
    m->is_event = true;
    m->content_type = "application/json";
    edge_message_topic(m, BASE "/events/device/" SERVICE "/p/d/%d", number);
    CU_ASSERT_TRUE(sdk_outbox_put(f->svc.outbox, m, 1));
    edge_message_unref(m);
}

static bool is_empty(void *arg)
{
    const struct fixture *f = arg;
    return edge_gauge_get(f->svc.events_waiting) == 0;
}

static bool make(struct fixture *f)
{
    *f = (struct fixture){.broker = broker_start(NULL)};
    if (!f->broker) {
        return false;
    }
    f->pool = edge_pool_create("test", 2, 100);
    f->metrics = edge_metrics_create("test");
    f->log = edge_log_create("test");
    struct acker *k = &f->acker;
    edge_mutex_init(&k->lock);
    {
        EDGE_LOCK(&k->lock);
        k->instance = "first";
    }
    k->bus = connect_as(f, "core-data");
    listen(k->bus, BASE "/events/device/#", on_event, k);
    listen(k->bus, BASE "/event-acks/core-data/ask/+", on_ask, k);
    f->rt = (struct edge_runtime){
        .name = SERVICE, .base_topic = BASE, .log = f->log, .bus = connect_as(f, SERVICE)};
    f->svc.rt = &f->rt;
    f->svc.config = &f->config;
    counters(&f->svc, f->metrics);
    f->svc.outbox = sdk_outbox_create(&f->svc, 1000, 1 << 20); /* before anybody may speak to it */
    listen(f->rt.bus, BASE "/event-acks/core-data/events/" SERVICE, sdk_outbox_acks, &f->svc);
    listen(f->rt.bus, BASE "/event-acks/core-data/hello", sdk_outbox_hello, &f->svc);
    int64_t deadline = edge_now_mono_ms() + SOON_MS;
    CU_ASSERT_FATAL(edge_bus_wait_connected(k->bus, deadline));
    CU_ASSERT_FATAL(edge_bus_wait_connected(f->rt.bus, deadline));
    /* What is sent before the two know each other comes twice. */
    put(f, FIRST_EVENT);
    CU_ASSERT_TRUE_FATAL(wait_until(is_empty, f, SOON_MS));
    return true;
}

static void done(struct fixture *f)
{
    if (f->broker) {
        edge_bus_stop(f->rt.bus, 0); /* no handler is in the outbox any more */
        sdk_outbox_free(f->svc.outbox);
        edge_bus_close(f->rt.bus, 0);
        edge_bus_close(f->acker.bus, 0);
        edge_mutex_done(&f->acker.lock);
        edge_pool_free(f->pool);
        edge_metrics_free(f->metrics);
        edge_log_free(f->log);
        broker_free(f->broker);
    }
}

#define FIXTURE(f)                                                                                 \
    __attribute__((cleanup(done))) struct fixture f;                                               \
    if (!make(&f)) {                                                                               \
        return;                                                                                    \
    }

static bool has_heard_all(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->acker.lock);
    return f->acker.n >= N_EVENTS;
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void test_what_is_acknowledged_goes(void)
{
    FIXTURE(f);
    for (int i = 0; i < N_EVENTS; i++) {
        put(&f, i);
    }
    CU_ASSERT_TRUE(wait_until(is_empty, &f, SOON_MS));
    for (int i = 0; i < N_EVENTS; i++) {
        CU_ASSERT_EQUAL(times(&f.acker, i, false), 1);
    }
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_sent), N_EVENTS + 1);
}

/* What was sent later is acknowledged: the gaps, and nothing else, come again. */
static void test_only_what_was_lost_comes_again(void)
{
    FIXTURE(f);
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.deaf = 1u << 3 | 1u << 6;
    }
    for (int i = 0; i < N_EVENTS; i++) {
        put(&f, i);
    }
    CU_ASSERT_TRUE(wait_until(is_empty, &f, SOON_MS));
    for (int i = 0; i < N_EVENTS; i++) {
        CU_ASSERT_EQUAL(times(&f.acker, i, false), 1);
        CU_ASSERT_EQUAL(times(&f.acker, i, true), i == 3 || i == 6);
    }
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
}

/* Who has forgotten what it heard gets all of it again, in order. */
static void test_a_new_core_data_gets_all(void)
{
    FIXTURE(f);
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.mute = true;
    }
    for (int i = 0; i < N_EVENTS; i++) {
        put(&f, i);
    }
    CU_ASSERT_TRUE(wait_until(has_heard_all, &f, SOON_MS));
    CU_ASSERT_EQUAL(edge_gauge_get(f.svc.events_waiting), N_EVENTS);
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.mute = false;
        f.acker.instance = "second";
        f.acker.n = 0;
    }
    EDGE_CTX_SCOPE(ctx);
    hello(&ctx, &f.acker);
    CU_ASSERT_TRUE(wait_until(is_empty, &f, SOON_MS));
    EDGE_LOCK(&f.acker.lock);
    CU_ASSERT_EQUAL(f.acker.n, N_EVENTS);
    for (size_t i = 0; i < f.acker.n; i++) {
        CU_ASSERT_EQUAL(f.acker.heard[i], (int)i);
        CU_ASSERT_TRUE(f.acker.marked[i]);
    }
}

static bool has_heard_all_again(void *arg)
{
    struct fixture *f = arg;
    return has_heard_all(f) && times(&f->acker, N_EVENTS - 1, true) > 0;
}

/* What is sent again and again is given up where others get through, not where nobody does: his disk is full,
 * say, and he is restarted. */
static void test_nothing_is_given_up_while_nothing_gets_through(void)
{
    enum { RESTARTS = 30 };
    FIXTURE(f);
    EDGE_CTX_SCOPE(ctx);
    for (int restart = 0; restart <= RESTARTS; restart++) {
        {
            EDGE_LOCK(&f.acker.lock);
            f.acker.mute = restart < RESTARTS;
            f.acker.instance = edge_printf(&ctx.arena, "restart %d", restart);
            f.acker.n = 0;
        }
        for (int i = 0; restart == 0 && i < N_EVENTS; i++) {
            put(&f, i);
        }
        hello(&ctx, &f.acker);
        CU_ASSERT_TRUE_FATAL(
            wait_until(restart > 0 ? has_heard_all_again : has_heard_all, &f, SOON_MS));
    }
    CU_ASSERT_TRUE(wait_until(is_empty, &f, SOON_MS));
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
}

static bool knows_the_last(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->svc.outbox->lock);
    return strcmp(f->svc.outbox->instance, "the last") == 0;
}

static bool is_alone(void *arg)
{
    struct fixture *f = arg;
    EDGE_LOCK(&f->svc.outbox->lock);
    return f->svc.outbox->mode == OUTBOX_ALONE;
}

static bool has_resent(void *arg)
{
    struct fixture *f = arg;
    return times(&f->acker, 2 * N_EVENTS - 1, true) > 0;
}

static bool has_sent_all(void *arg)
{
    const struct fixture *f = arg;
    return edge_counter_get(f->svc.events_sent) >= 2 * N_EVENTS + 1;
}

/* Nobody acknowledges: what was sent last, as much as half of the outbox, is kept for who comes late. */
static void test_who_comes_late_gets_the_last_ones(void)
{
    enum { MAX = 8 };
    FIXTURE(f);
    EDGE_CTX_SCOPE(ctx);
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.mute = f.acker.absent = true;
        f.acker.instance = "the last"; /* of his that is still on its way */
    }
    hello(&ctx, &f.acker);
    CU_ASSERT_TRUE_FATAL(wait_until(knows_the_last, &f, SOON_MS));
    {
        EDGE_LOCK(&f.svc.outbox->lock);
        f.svc.outbox->mode = OUTBOX_ASKING; /* as at the start, and its time is over */
        f.svc.outbox->asking_until_ms = 0;
        f.svc.outbox->events.max = MAX;
        f.svc.outbox->instance[0] = '\0';
        edge_cond_signal(&f.svc.outbox->filled);
    }
    CU_ASSERT_TRUE_FATAL(wait_until(is_alone, &f, SOON_MS));
    for (int i = 0; i < 2 * N_EVENTS; i++) {
        put(&f, i);
        CU_ASSERT_TRUE(wait_until(is_empty, &f, SOON_MS));
    }
    CU_ASSERT_TRUE_FATAL(wait_until(has_sent_all, &f, SOON_MS));
    {
        EDGE_LOCK(&f.acker.lock);
        f.acker.mute = false;
    }
    hello(&ctx, &f.acker);
    CU_ASSERT_TRUE(wait_until(has_resent, &f, SOON_MS));
    CU_ASSERT_TRUE(wait_until(is_empty, &f, SOON_MS));
    for (int i = 0; i < 2 * N_EVENTS; i++) {
        CU_ASSERT_EQUAL(times(&f.acker, i, true), i >= 2 * N_EVENTS - MAX / 2);
    }
    CU_ASSERT_EQUAL(edge_counter_get(f.svc.events_dropped), 0);
}

CU_TestInfo outbox_tests[] = {
    {"who comes late gets the last ones",              test_who_comes_late_gets_the_last_ones},
    {"what is acknowledged goes",                      test_what_is_acknowledged_goes        },
    {"only what was lost comes again",                 test_only_what_was_lost_comes_again   },
    {"a new core-data gets all",                       test_a_new_core_data_gets_all         },
    {"nothing is given up while nothing gets through",
     test_nothing_is_given_up_while_nothing_gets_through                                     },
    CU_TEST_INFO_NULL,
};
