/* What core-data hears on the message bus: events of devices, and changes of devices. */
#include <stdlib.h>
#include <string.h>

#include "contracts/system_event.h"
#include "state.h"

enum {
    ROOM_MS = 5000, /* how long delivery waits for the store before an event is given up */
    EVENT_LEVELS = 6,
};

/* An event on its way into the store, kept where the message it came in put it. */
struct received {
    struct event_job job;
    const struct core_data *data;
    struct edge_arena arena; /* holds this struct too */
    const struct edge_log *log;
    char correlation_id[64];
};

static void received_done(struct event_job *job, enum edge_status st, const char *why)
{
    struct received *r = (struct received *)job;
    if (st == EDGE_OK) {
        data_count_persisted(r->data, job->event);
    } else {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = r->log;
        memcpy(ctx.correlation_id, r->correlation_id, sizeof(ctx.correlation_id));
        edge_log_error(&ctx, "event from the bus not stored", "device", job->event->device_name,
                       "id", job->event->id, "reason", why, NULL);
    }
    struct edge_arena arena = r->arena;
    edge_arena_done(&arena);
}

/* The last levels of the topic are the event's profile, device and source (contract 5.4). */
static enum edge_status check_topic(struct edge_ctx *ctx, const char *topic,
                                    const struct event *event)
{
    const char **levels = NULL;
    size_t n = edge_topic_levels(&ctx->arena, topic, true, &levels);
    if (n < EVENT_LEVELS) {
        return edge_fail(ctx, EDGE_INVALID, "topic '%s' names no event", topic);
    }
    const char *const names[] = {event->profile_name, event->device_name, event->source_name};
    for (size_t i = 0; i < 3; i++) {
        const char *name = names[i] ? names[i] : "";
        if (strcmp(levels[n - 3 + i], name) != 0) {
            return edge_fail(ctx, EDGE_INVALID, "event's '%s' does not match topic '%s'", name,
                             topic);
        }
    }
    return EDGE_OK;
}

enum edge_status event_received(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    const struct core_data *data = state;
    const void *object = NULL;
    EDGE_TRY(edge_message_decode(ctx, m, &ADD_EVENT_REQUEST, &object));
    const struct event *event = &((const struct add_event_request *)object)->event;
    EDGE_TRY(check_topic(ctx, m->topic, event));
    if (!data_persists(data)) {
        return EDGE_OK;
    }
    struct received *r = edge_new(&ctx->arena, struct received);
    *r = (struct received){
        .job = {.kind = EVENT_ADD, .event = event, .done = received_done},
        .data = data,
        .log = ctx->log,
    };
    memcpy(r->correlation_id, ctx->correlation_id, sizeof(r->correlation_id));
    /* What the event points to lives in the context's arena: it stays until the commit. */
    r->arena = ctx->arena;
    ctx->arena = (struct edge_arena)EDGE_ARENA_INIT;
    enum edge_status st = event_store_submit(ctx, data->store, &r->job, ROOM_MS);
    if (st != EDGE_OK) {
        struct edge_arena arena = r->arena;
        edge_arena_done(&arena);
    }
    return st;
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
