/* What commands and queries over a message bus have in common, be it the platform's (bus.c) or a
 * broker outside (external.c): handed on to the device service's topic, its answer back to who
 * asked; queries answered from core-metadata. */
#include <string.h>
#include <strings.h>

#include "command.h"
#include "contracts/event.h"
#include "edge/clock.h"
#include "edge/text.h"

/* ---- answers -----------------------------------------------------------------------------------
 */

static void unref(void *message)
{
    edge_message_unref(message);
}

/* A message with the payload of @p m, which lives on as long as it. */
struct edge_message *serve_copy(const struct edge_message *m)
{
    struct edge_message *out = edge_message_create(0);
    edge_defer(edge_message_arena(out), unref, edge_message_ref(m));
    out->correlation_id = m->correlation_id;
    out->request_id = m->request_id;
    out->error_code = m->error_code;
    out->content_type = m->content_type;
    out->params = m->params;
    out->n_params = m->n_params;
    out->dto = m->dto;
    out->object = m->object;
    out->json = m->json;
    out->text = m->text;
    out->fault = m->fault;
    return out;
}

/* A tree knows bytes as base64 text only. What came as CBOR has to go on with byte strings, so an
 * event goes on as an event. */
static void keep_binaries(struct edge_ctx *ctx, const struct edge_message *m,
                          struct edge_message *out)
{
    const void *event = NULL;
    if (!m->json || !edge_media_is(m->content_type, "application/cbor")) {
        return;
    }
    if (edge_message_decode(ctx, m, &EVENT_RESPONSE, &event) != EDGE_OK) {
        edge_ctx_clear(ctx); /* no event, so none of its binaries */
        return;
    }
    out->dto = &EVENT_RESPONSE;
    out->object = edge_dto_clone(&EVENT_RESPONSE, edge_message_arena(out), event);
    out->json = NULL;
}

/* Publish where who asks listens, and drop our reference. */
static enum edge_status respond(struct edge_ctx *ctx, const struct asker *to,
                                struct edge_message *out)
{
    edge_message_topic(out, "%s", to->topic);
    if (to->external) {
        out->received_topic = out->topic;
    }
    enum edge_status st = edge_bus_publish(ctx, to->bus, out);
    edge_message_unref(out);
    return st;
}

/* Tell who asked what went wrong, and hand the failure on to be logged. */
enum edge_status serve_failure(struct edge_ctx *ctx, const struct edge_message *m,
                               const struct asker *to, enum edge_status st)
{
    struct edge_message *out = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(out);
    out->correlation_id = edge_uuid_make(a);
    out->request_id = edge_strdup(a, m->request_id);
    out->error_code = 1;
    out->content_type = "text/plain";
    out->text = edge_strdup(a, edge_ctx_message(ctx, st));
    EDGE_TRY(respond(ctx, to, out));
    return st;
}

static enum edge_status respond_object(struct edge_ctx *ctx, const struct asker *to,
                                       const struct edge_message *m, const struct edge_dto *dto,
                                       const void *object)
{
    struct edge_message *out = edge_message_create(4096);
    struct edge_arena *a = edge_message_arena(out);
    out->correlation_id = edge_strdup(a, m->correlation_id);
    out->request_id = edge_strdup(a, m->request_id);
    out->content_type = "application/json";
    out->dto = dto;
    out->object = edge_dto_clone(dto, a, object);
    return respond(ctx, to, out);
}

static const char *topic_level(struct edge_arena *a, const struct edge_runtime *rt,
                               const char *name)
{
    return edge_name_level(a, name, rt->base->service.enable_name_field_escape);
}

static int64_t deadline_of(const struct command_state *cmd, const struct edge_message *m)
{
    return command_deadline(cmd, edge_message_made_ms(m));
}

/* Nobody waits any more for what came so long ago; under load, leaving it out is what catches up. */
static enum edge_status check_age(struct edge_ctx *ctx, const struct command_state *cmd,
                                  const struct edge_message *m)
{
    return edge_now_mono_ms() < deadline_of(cmd, m)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_UNAVAILABLE, "request is older than Service.RequestTimeout");
}

/* ---- commands ---------------------------------------------------------------------------------
 */

/* Where a command goes. */
struct way {
    const struct bus_target *target;
    const char *method, *service;
    int64_t deadline_ms;
};

static enum edge_status prepare(struct edge_ctx *ctx, struct command_state *cmd,
                                const struct edge_message *m, struct way *ret)
{
    struct device device;
    bool get = strcasecmp(ret->target->method, "get") == 0;
    if (!get && strcasecmp(ret->target->method, "set") != 0) {
        return edge_fail(ctx, EDGE_INVALID, "unknown request method %s, only get or set",
                         ret->target->method);
    }
    ret->method = get ? "get" : "set";
    if (get) {
        EDGE_TRY(check_event_switch(ctx, edge_message_param(m, "ds-returnevent")));
        EDGE_TRY(check_event_switch(ctx, edge_message_param(m, "ds-pushevent")));
    }
    ret->deadline_ms = deadline_of(cmd, m);
    EDGE_TRY(lookup_device(ctx, cmd, ret->target->device, ret->deadline_ms, &device));
    ret->service = device.service_name;
    return EDGE_OK;
}

/* Ask the device service and hand its answer back. */
static enum edge_status hand_on(struct edge_ctx *ctx, const struct command_state *cmd,
                                const struct edge_message *m, const struct way *way,
                                const struct asker *to)
{
    const struct edge_runtime *rt = cmd->rt;
    struct edge_arena *a = &ctx->arena;
    struct edge_message *out = serve_copy(m), *answer = NULL;
    const char *service = topic_level(a, rt, way->service);
    edge_message_topic(out, "%s/device/command/request/%s/%s/%s/%s", rt->base_topic, service,
                       topic_level(a, rt, way->target->device),
                       topic_level(a, rt, way->target->command), way->method);
    enum edge_status st = edge_bus_request(
        ctx, rt->bus, out, edge_printf(a, "%s/response/%s", rt->base_topic, service),
        way->deadline_ms, &answer);
    edge_message_unref(out);
    if (st == EDGE_UNAVAILABLE) {
        st = edge_wrap(ctx, st, "device service '%s' is silent", way->service);
        return to->external ? serve_failure(ctx, m, to, st) : st; /* (contract 6.2) */
    }
    if (st != EDGE_OK) {
        return serve_failure(ctx, m, to, st);
    }
    struct edge_message *back = serve_copy(answer);
    keep_binaries(ctx, answer, back);
    edge_message_unref(answer);
    return respond(ctx, to, back);
}

enum edge_status serve_command(struct edge_ctx *ctx, struct command_state *cmd,
                               const struct edge_message *m, const struct bus_target *target,
                               const struct asker *to)
{
    struct way way = {.target = target};
    EDGE_TRY(check_age(ctx, cmd, m));
    enum edge_status st = prepare(ctx, cmd, m, &way);
    return st == EDGE_OK ? hand_on(ctx, cmd, m, &way, to) : serve_failure(ctx, m, to, st);
}

/* ---- queries ----------------------------------------------------------------------------------
 */

static enum edge_status page_param(struct edge_ctx *ctx, const struct edge_message *m,
                                   const char *key, int64_t absent, int64_t *ret)
{
    const char *text = edge_message_param(m, key);
    *ret = absent;
    if (text && *text && !edge_int_parse(text, ret)) {
        return edge_fail(ctx, EDGE_INVALID, "failed to parse %s '%s' into integer", key, text);
    }
    return EDGE_OK;
}

static enum edge_status query_all(struct edge_ctx *ctx, struct command_state *cmd,
                                  const struct edge_message *m, const struct asker *to)
{
    int64_t offset, limit;
    struct multi_device_core_commands_response answer;
    EDGE_TRY(page_param(ctx, m, "offset", 0, &offset));
    EDGE_TRY(page_param(ctx, m, "limit", 20, &limit));
    EDGE_TRY(lookup_all_commands(ctx, cmd, offset, limit, deadline_of(cmd, m), &answer));
    answer.request_id = m->request_id;
    return respond_object(ctx, to, m, &MULTI_DEVICE_CORE_COMMANDS_RESPONSE, &answer);
}

static enum edge_status query_one(struct edge_ctx *ctx, struct command_state *cmd,
                                  const struct edge_message *m, const char *device,
                                  const struct asker *to)
{
    struct device_core_command_response answer = {
        .api_version = EDGE_API_VERSION, .request_id = m->request_id, .status_code = 200};
    EDGE_TRY(lookup_commands(ctx, cmd, device, deadline_of(cmd, m), &answer.device_core_command));
    return respond_object(ctx, to, m, &DEVICE_CORE_COMMAND_RESPONSE, &answer);
}

enum edge_status serve_query(struct edge_ctx *ctx, struct command_state *cmd,
                             const struct edge_message *m, const char *device,
                             const struct asker *to)
{
    EDGE_TRY(check_age(ctx, cmd, m));
    enum edge_status st = strcmp(device, "all") == 0 ? query_all(ctx, cmd, m, to)
                                                     : query_one(ctx, cmd, m, device, to);
    return st == EDGE_OK ? st : serve_failure(ctx, m, to, st);
}
