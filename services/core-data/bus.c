/* What core-data hears on the message bus: events of devices, and changes of devices. */
#include <stdlib.h>
#include <string.h>

#include "contracts/event_ack.h"
#include "edge/clock.h"
#include "edge/system_event.h"
#include "state.h"

enum {
    ROOM_MS = 5000, /* how long delivery waits for the store before an event is given up */
    EVENT_LEVELS = 6,
};

/* An event on its way into the store, kept where the message it came in put it. */
struct received {
    struct event_job job;
    const struct core_data *data;
    const char *service;     /* that sent it, as a level of the topic */
    struct edge_arena arena; /* holds this struct too */
    const struct edge_log *log;
    char correlation_id[64];
};

static void received_done(struct event_job *job, enum edge_status st, const char *why)
{
    struct received *r = (struct received *)job;
    bool refused = st == EDGE_INVALID;
    if (st == EDGE_OK) {
        data_count_persisted(r->data, job->event);
    }
    if (st == EDGE_OK || st == EDGE_CONFLICT || refused) {
        acks_note(r->data->acks, r->service, job->event->id, refused);
    }
    if (st != EDGE_OK && st != EDGE_CONFLICT) {
        edge_counter_add(r->data->events_refused, 1);
    }
    if (st == EDGE_UNAVAILABLE) {
        refusals_note(r->data->refusals, r->log, why, edge_now_mono_ms());
    } else if (st != EDGE_OK && st != EDGE_CONFLICT) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = r->log;
        memcpy(ctx.correlation_id, r->correlation_id, sizeof(ctx.correlation_id));
        edge_log_error(&ctx, "event from the bus not stored", "device", job->event->device_name,
                       "id", job->event->id, "reason", why, NULL);
    }
    struct edge_arena arena = r->arena;
    edge_arena_done(&arena);
}

/* Levels of an event's topic, counted from its end, names as they are. */
struct event_topic {
    const char *service, *profile, *device, *source;
};

static enum edge_status parse_topic(struct edge_ctx *ctx, const char *topic,
                                    struct event_topic *ret)
{
    const char **levels = NULL, **raw = NULL;
    size_t n = edge_topic_levels(&ctx->arena, topic, true, &levels);
    edge_topic_levels(&ctx->arena, topic, false, &raw);
    if (n < EVENT_LEVELS) {
        return edge_fail(ctx, EDGE_INVALID, "topic '%s' names no event", topic);
    }
    *ret = (struct event_topic){raw[n - 4], levels[n - 3], levels[n - 2], levels[n - 1]};
    return EDGE_OK;
}

/* The last levels of the topic are the event's profile, device and source (contract 5.4). */
static enum edge_status check_topic(struct edge_ctx *ctx, const char *topic,
                                    const struct event_topic *t, const struct event *event)
{
    const char *const names[] = {event->profile_name, event->device_name, event->source_name};
    const char *const levels[] = {t->profile, t->device, t->source};
    for (size_t i = 0; i < 3; i++) {
        const char *name = names[i] ? names[i] : "";
        if (strcmp(levels[i], name) != 0) {
            return edge_fail(ctx, EDGE_INVALID, "event's '%s' does not match topic '%s'", name,
                             topic);
        }
    }
    return EDGE_OK;
}

static enum edge_status submit(struct edge_ctx *ctx, const struct core_data *data,
                               const struct edge_message *m, const char *service,
                               const struct event *event)
{
    struct received *r = edge_new(&ctx->arena, struct received);
    size_t held = ctx->arena.used + edge_message_bytes(m);
    bool paid = edge_ctx_charge(ctx, held) == EDGE_OK;
    edge_ctx_clear(ctx);
    *r = (struct received){
        .job = {.kind = EVENT_ADD,
                .held = held,
                .event = event,
                .again = edge_message_param(m, EVENT_RESENT) != NULL,
                .may_wait = true,
                .done = received_done},
        .data = data,
        .service = service,
        .log = ctx->log,
    };
    memcpy(r->correlation_id, ctx->correlation_id, sizeof(r->correlation_id));
    /* What the event points to lives in the context's arena: it stays until the commit. */
    r->arena = ctx->arena;
    ctx->arena = (struct edge_arena)EDGE_ARENA_INIT;
    ctx->account = NULL; /* it is in that arena, and settled with it */
    enum edge_status st = event_store_submit(ctx, data->store, &r->job, ROOM_MS);
    if (st != EDGE_OK) {
        struct edge_arena arena = r->arena;
        edge_arena_done(&arena);
    } else if (!paid) {
        event_store_flush(
            data->store); /* what nobody can pay for is gone before the next one comes */
    }
    return st;
}

/* What is wrong in itself need not come again; of what cannot even be read, no id is known. */
static enum edge_status refuse(struct edge_ctx *ctx, const struct core_data *data,
                               const struct edge_message *m, const char *service,
                               enum edge_status st)
{
    EDGE_CTX_SCOPE(own);
    const cJSON *tree = NULL;
    edge_counter_add(data->events_refused, 1);
    if (st == EDGE_INVALID && edge_message_tree(&own, m, &tree) == EDGE_OK && tree) {
        const cJSON *id = edge_json_member(edge_json_member(tree, "event", false), "id", false);
        if (cJSON_IsString(id)) {
            acks_note(data->acks, service, id->valuestring, true);
            acks_flush(data->acks);
        }
    }
    if (st == EDGE_UNAVAILABLE) { /* it may be one of very many */
        refusals_note(data->refusals, ctx->log, edge_ctx_message(ctx, st), edge_now_mono_ms());
        return EDGE_OK;
    }
    return st;
}

enum edge_status event_received(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    const struct core_data *data = state;
    const void *object = NULL;
    struct event_topic topic = {0};
    EDGE_TRY(parse_topic(ctx, m->topic, &topic));
    struct edge_budget *budget = ctx->budget;
    ctx->budget =
        NULL; /* one at a time, and paid for when it is kept: what cannot be is stored at once */
    enum edge_status st = edge_message_decode(ctx, m, &ADD_EVENT_REQUEST, &object);
    ctx->budget = budget;
    const struct event *event = object ? &((const struct add_event_request *)object)->event : NULL;
    if (st == EDGE_OK) {
        st = check_topic(ctx, m->topic, &topic, event);
    }
    if (st == EDGE_OK && !data_persists(data)) {
        acks_note(data->acks, topic.service, event->id, false);
        acks_flush(data->acks);
        return EDGE_OK;
    }
    if (st == EDGE_OK) {
        st = submit(ctx, data, m, topic.service, event);
    }
    return st == EDGE_OK ? EDGE_OK : refuse(ctx, data, m, topic.service, st);
}

/* <base>/event-acks/core-data/ask/<service> */
enum edge_status acks_asked(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    const struct core_data *data = state;
    const char *service = strrchr(m->topic, '/');
    if (service && service[1]) {
        acks_want(data->acks, service + 1);
        acks_hello(ctx, data->acks);
        event_store_hurry(data->store); /* who asks may be about to stop */
    }
    return EDGE_OK;
}

/* ---- devices that change ---------------------------------------------------------------------
 */

struct purge {
    struct event_job job;
    const struct edge_log *log;
    char *device;
};

static void purge_done(struct event_job *job, enum edge_status st, const char *why)
{
    struct purge *p = (struct purge *)job;
    EDGE_CTX_SCOPE(ctx);
    ctx.log = p->log;
    if (st == EDGE_OK) {
        edge_log_info(&ctx, "removing the events of a removed device", "device", p->device, NULL);
    } else {
        edge_log_error(&ctx, "events of a removed device stay", "device", p->device, "reason", why,
                       NULL);
    }
    free(p->device);
    free(p);
}

static enum edge_status purge(struct edge_ctx *ctx, const struct core_data *data,
                              const char *device)
{
    struct purge *p = edge_xalloc(1, sizeof(*p));
    p->log = ctx->log;
    p->device = edge_xstrdup(device);
    p->job = (struct event_job){
        .kind = EVENT_REMOVE,
        .removal = {.device = p->device, .cutoff = INT64_MAX},
        .done = purge_done
    };
    enum edge_status st = event_store_submit(ctx, data->store, &p->job, ROOM_MS);
    if (st != EDGE_OK) {
        free(p->device);
        free(p);
    }
    return st;
}

static enum edge_status device_removed(struct edge_ctx *ctx, const struct core_data *data,
                                       const cJSON *details)
{
    const struct data_writable *writable = edge_runtime_writable(data->rt);
    const cJSON *name = edge_json_member(details, "name", false);
    if (!cJSON_IsString(name)) {
        return edge_fail(ctx, EDGE_INVALID, "system event names no device");
    }
    if (data->policies) {
        policies_remove(data->policies, name->valuestring);
    }
    return writable->event_purge ? purge(ctx, data, name->valuestring) : EDGE_OK;
}

enum edge_status device_changed(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    const struct core_data *data = state;
    const void *object = NULL;
    EDGE_TRY(edge_message_decode(ctx, m, &SYSTEM_EVENT, &object));
    const struct system_event *e = object;
    if (strcmp(e->type, "device") != 0) {
        return EDGE_OK;
    }
    if (strcmp(e->action, "delete") == 0) {
        return device_removed(ctx, data, e->details);
    }
    if (data->policies) {
        struct device device;
        EDGE_TRY(edge_wrap(ctx, edge_dto_decode(ctx, &DEVICE, e->details, &device),
                           "system event about a device"));
        policies_put(data->policies, &device);
    }
    return EDGE_OK;
}
