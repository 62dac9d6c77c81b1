#include "outbox_rig.h"

#include <stdlib.h>
#include <string.h>

#include "contracts/event.h"
#include "contracts/event_ack.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/text.h"

/* ---- core-data ----------------------------------------------------------------------------------- */

static void say(struct edge_ctx *ctx, struct acker *k, const char *topic,
                const struct edge_dto *dto, const void *object)
{
    struct edge_message *m = edge_message_create(0);
    m->dto = dto;
    m->object = edge_dto_clone(dto, edge_message_arena(m), object);
    edge_message_topic(m, "%s", topic);
    CU_ASSERT_EQUAL(edge_bus_publish(ctx, k->bus, m), EDGE_OK);
    edge_message_unref(m);
}

void outbox_rig_hello(struct edge_ctx *ctx, struct acker *k)
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
        outbox_rig_hello(ctx, k);
    }
    return EDGE_OK;
}

static bool hears(struct acker *k, int number, bool marked, int64_t origin)
{
    EDGE_LOCK(&k->lock);
    if (!marked && number < 32 && (k->deaf & (1u << number))) {
        return false;
    }
    bool again = false;
    for (size_t i = 0; k->once && marked && i < k->n && !again; i++) {
        again = k->heard[i] == number;
    }
    if (!again && number != FIRST_EVENT && k->n < MAX_HEARD) {
        k->heard[k->n] = number;
        k->origins[k->n] = origin;
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
    if (hears(k, number, edge_message_param(m, EVENT_RESENT) != NULL, event->origin)) {
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
size_t outbox_rig_times(struct acker *k, int number, bool marked_only)
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
        .type = f->hub ? "memory" : "mqtt",
        .hub = f->hub,
        .service = service,
        .protocol = "tcp",
        .host = "127.0.0.1",
        .port = f->broker ? broker_port(f->broker) : 0,
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
    svc->events_spooled = edge_counter(m, "EventsSpooled", "");
    svc->events_on_disk = edge_gauge(m, "EventsOnDisk", "");
    svc->spool_bytes = edge_gauge(m, "SpoolBytes", "");
}

bool outbox_rig_put(struct fixture *f, int number)
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
    bool taken = sdk_outbox_put(f->svc.outbox, m, 1);
    edge_message_unref(m);
    return taken;
}

bool outbox_rig_is_empty(void *arg)
{
    const struct fixture *f = arg;
    return edge_gauge_get(f->svc.events_waiting) == 0;
}

/* What core-data subscribes to; in one process it is there from then on. */
static void attend(struct fixture *f)
{
    struct acker *k = &f->acker;
    listen(k->bus, BASE "/events/device/#", on_event, k);
    listen(k->bus, BASE "/event-acks/core-data/ask/+", on_ask, k);
}

static void begin(struct fixture *f)
{
    f->rt.bus = connect_as(f, SERVICE);
    f->svc.outbox =
        sdk_outbox_create(&f->svc, &f->config.device.outbox); /* before who speaks to it */
    listen(f->rt.bus, BASE "/event-acks/core-data/events/" SERVICE, sdk_outbox_acks, &f->svc);
    listen(f->rt.bus, BASE "/event-acks/core-data/hello", sdk_outbox_hello, &f->svc);
    CU_ASSERT_FATAL(edge_bus_wait_connected(f->rt.bus, edge_now_mono_ms() + SOON_MS));
}

static void end(struct fixture *f)
{
    sdk_outbox_close(f->svc.outbox, 0);
    edge_bus_stop(f->rt.bus, 0); /* no handler is in the outbox any more */
    sdk_outbox_free(f->svc.outbox);
    edge_bus_close(f->rt.bus, 0);
}

bool outbox_rig_make(struct fixture *f, const struct sdk_outbox_config *config,
                     const char *data_dir, bool local)
{
    *f = (struct fixture){.broker = local ? NULL : broker_start(NULL)};
    if (!local && !f->broker) {
        return false;
    }
    f->hub = local ? edge_bus_hub_create() : NULL;
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
    f->config.device.outbox = *config;
    f->rt = (struct edge_runtime){
        .name = SERVICE, .base_topic = BASE, .log = f->log, .data_dir = data_dir};
    f->svc.rt = &f->rt;
    f->svc.config = &f->config;
    f->own = edge_metrics_create("test");
    counters(&f->svc, f->own);
    if (local) {
        begin(f);
        return true;
    }
    attend(f);
    CU_ASSERT_FATAL(edge_bus_wait_connected(k->bus, edge_now_mono_ms() + SOON_MS));
    begin(f);
    /* What is sent before the two know each other comes twice. */
    CU_ASSERT_TRUE(outbox_rig_put(f, FIRST_EVENT));
    CU_ASSERT_TRUE_FATAL(wait_until(outbox_rig_is_empty, f, SOON_MS));
    return true;
}

void outbox_rig_done(struct fixture *f)
{
    if (f->metrics) {
        end(f);
        edge_bus_close(f->acker.bus, 0);
        edge_mutex_done(&f->acker.lock);
        edge_pool_free(f->pool);
        edge_metrics_free(f->metrics);
        edge_metrics_free(f->own);
        edge_log_free(f->log);
        edge_bus_hub_free(f->hub);
        broker_free(f->broker);
    }
}

void outbox_rig_restart(struct fixture *f, const char *data_dir)
{
    end(f);
    f->rt.data_dir = data_dir;
    edge_metrics_free(f->own);
    f->own = edge_metrics_create("test");
    counters(&f->svc, f->own);
    begin(f);
}

void outbox_rig_away(struct fixture *f)
{
    {
        EDGE_LOCK(&f->acker.lock);
        f->acker.mute = f->acker.absent = true;
    }
    EDGE_LOCK(&f->svc.outbox->lock);
    f->svc.outbox->listening = true;
}

void outbox_rig_back(struct fixture *f, const char *instance)
{
    EDGE_CTX_SCOPE(ctx);
    {
        EDGE_LOCK(&f->acker.lock);
        f->acker.mute = f->acker.absent = false;
        f->acker.once = true;
        f->acker.instance = instance;
        f->acker.n = 0;
    }
    if (f->hub && !f->attended) {
        f->attended = true;
        attend(f);
    }
    outbox_rig_hello(&ctx, &f->acker);
}
