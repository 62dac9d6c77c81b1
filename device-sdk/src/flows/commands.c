/*
 * Reads and writes by clients, over HTTP and over the bus: one story with two ends. The checks of
 * contract 10.1 in their order, then the lane; the answer is made when the request is over.
 */
#include <string.h>

#include "edge/text.h"
#include "flows.h"
#include "model/transform.h"
#include "model/value.h"

/* Who waits for the answer; in the request's arena. */
struct asker {
    struct edge_call *call;             /* HTTP, or */
    const struct edge_message *message; /* the bus */
    bool push_event, return_event;
};

/* ---- checks -------------------------------------------------------------------------------- */

/* The failure budget is used up, but tries go on: then clients may try too (contract 10.1). */
static bool may_try_though_down(struct sdk_entry *e)
{
    const struct sdk_device_config *config = &e->svc->config->device;
    EDGE_LOCK(&e->lock);
    return config->allowed_fails > 0 && config->device_down_timeout > 0 &&
           e->failures >= config->allowed_fails;
}

static enum edge_status check_device(struct edge_ctx *ctx, const devsdk_device *dev)
{
    const char *name = dev->dto->name;
    if (dev->dto->admin_state == LOCKED) {
        return edge_fail(ctx, EDGE_LOCKED, "device %s locked", name);
    }
    if (sdk_entry_is_down(dev->entry) && !may_try_though_down(dev->entry)) {
        return edge_fail(ctx, EDGE_LOCKED, "device %s OperatingState is DOWN", name);
    }
    if (!dev->profile) {
        return edge_fail(ctx, EDGE_LOCKED, "no associated device profile");
    }
    return EDGE_OK;
}

static void put_device(void *dev)
{
    devsdk_put(dev);
}

enum edge_status sdk_device_unknown(struct edge_ctx *ctx, const devsdk_service *svc,
                                    const char *name)
{
    return atomic_load(&svc->flows->booted)
               ? edge_fail(ctx, EDGE_NOT_FOUND, "device %s not found", name)
               : edge_fail(ctx, EDGE_UNAVAILABLE,
                           "device %s is not known: %s is starting and has not fetched its devices",
                           name, svc->rt->name);
}

/* The device, held as long as the context. */
static enum edge_status find_device(struct edge_ctx *ctx, devsdk_service *svc, const char *name,
                                    devsdk_device **ret)
{
    if (atomic_load(&svc->quiet)) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "the service is stopping");
    }
    if (atomic_load(&svc->locked)) {
        return edge_fail(ctx, EDGE_LOCKED, "service locked");
    }
    devsdk_device *dev = sdk_device_find(svc, name);
    if (!dev) {
        return sdk_device_unknown(ctx, svc, name);
    }
    edge_defer(&ctx->arena, put_device, dev);
    EDGE_TRY(check_device(ctx, dev));
    *ret = dev;
    return EDGE_OK;
}

enum edge_status sdk_source_check(struct edge_ctx *ctx, const devsdk_device *dev,
                                  const struct sdk_source *source)
{
    int64_t most = dev->entry->svc->config->device.max_cmd_ops;
    return (int64_t)source->n_ops <= most
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INTERNAL, "command %s exceeds MaxCmdOps (%lld)", source->name,
                           (long long)most);
}

static enum edge_status find_source(struct edge_ctx *ctx, const devsdk_device *dev,
                                    const char *name, enum sdk_access access, bool patterns,
                                    struct sdk_source *ret)
{
    EDGE_TRY(sdk_source_find(ctx, &ctx->arena, dev->profile, name, access, patterns, ret));
    return sdk_source_check(ctx, dev, ret);
}

/* ---- answers ------------------------------------------------------------------------------- */

static struct event_response response_of(const struct edge_message *m, const char *request_id)
{
    return (struct event_response){.api_version = EDGE_API_VERSION,
                                   .request_id = request_id,
                                   .status_code = 200,
                                   .event = *sdk_event_of(m)};
}

static enum edge_status answer_http(struct edge_call *call, const struct edge_message *event)
{
    if (!event) {
        return EDGE_OK; /* an empty body */
    }
    struct event_response response = response_of(event, NULL);
    if (event_encoding(&response.event) == EDGE_CBOR) {
        edge_reply_type(call, "application/cbor");
        edge_dto_encode(&EVENT_RESPONSE, &response, EDGE_CBOR, edge_reply_body(call));
        return EDGE_OK;
    }
    return edge_reply_dto(call, &EVENT_RESPONSE, &response);
}

static void unref_message(void *message)
{
    edge_message_unref(message);
}

static void answer_bus(devsdk_service *svc, const struct edge_message *request,
                       const struct edge_message *event, const char *error)
{
    struct edge_message *m = sdk_answer(svc, request, error);
    if (event && !error) {
        struct event_response *response = edge_new(edge_message_arena(m), struct event_response);
        *response = response_of(event, m->request_id);
        edge_defer(edge_message_arena(m), unref_message, edge_message_ref(event));
        m->dto = &EVENT_RESPONSE;
        m->object = response;
        m->content_type = event->content_type;
    }
    sdk_outbox_put(svc->outbox, m, 0);
    edge_message_unref(m);
}

/* Tell who asked, and be done with it. @p ctx holds the reason of a failure. */
static void answer(devsdk_service *svc, const struct asker *asker, struct edge_ctx *ctx,
                   enum edge_status st, const struct edge_message *event)
{
    const char *error = st == EDGE_OK ? NULL : edge_ctx_message(ctx, st);
    if (asker->message) {
        answer_bus(svc, asker->message, event, error);
        edge_message_unref(asker->message);
    } else if (error) {
        edge_call_finish(asker->call, edge_fail(edge_call_ctx(asker->call), st, "%s", error));
    } else {
        edge_call_finish(asker->call, answer_http(asker->call, event));
    }
}

static void read_done(struct devsdk_request *r, devsdk_result result)
{
    EDGE_CTX_SCOPE(ctx);
    const struct asker *asker = r->arg;
    struct edge_message *event = NULL;
    enum edge_status st = sdk_request_status(&ctx, r, result);
    if (st == EDGE_OK) {
        st = sdk_event_build(&ctx, r, &event);
    }
    answer(r->svc, asker, &ctx, st, asker->return_event ? event : NULL);
    if (event && asker->push_event) {
        sdk_event_publish(r->svc, event);
    }
    edge_message_unref(event);
}

static bool is_write_only(const struct devsdk_request *r)
{
    unsigned access =
        r->command ? r->command->read_write : r->items[0].op.resource->dto->properties.read_write;
    return access == RW_W;
}

/* What was written is told to everybody, as if it had been read (contract 10.1). A value that breaks its
 * resource's assertion fails the write, although the driver has it by then. */
static void write_done(struct devsdk_request *r, devsdk_result result)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = r->svc->rt->log;
    const struct asker *asker = r->arg;
    struct edge_message *event = NULL;
    enum edge_status st = sdk_request_status(&ctx, r, result);
    if (st == EDGE_OK && !is_write_only(r)) {
        st = sdk_event_build(&ctx, r, &event);
    }
    if (st == EDGE_OK && asker->call) {
        st = edge_reply_base(asker->call, 200, NULL);
    }
    if (asker->message || st != EDGE_OK) {
        answer(r->svc, asker, &ctx, st, NULL);
    } else {
        edge_call_finish(asker->call, EDGE_OK);
    }
    if (event) {
        sdk_event_publish(r->svc, event);
        edge_message_unref(event);
    }
}

/* ---- options ------------------------------------------------------------------------------- */

static bool is_reserved(const char *key)
{
    return strncmp(key, "ds-", 3) == 0;
}

static void add_option(struct devsdk_request *r, struct edge_pair *options, const char *key,
                       const char *value)
{
    if (!is_reserved(key)) {
        options[r->n_options].key = edge_strdup(&r->arena, key);
        options[r->n_options].value = edge_strdup(&r->arena, value ? value : "");
        r->n_options++;
    }
    r->options = options;
}

static void options_from_call(struct devsdk_request *r, struct edge_call *call)
{
    size_t n = 0;
    const char *key, *value;
    while (edge_call_query_at(call, n, &value)) {
        n++;
    }
    struct edge_pair *options = edge_new_n(&r->arena, struct edge_pair, n + 1);
    for (size_t i = 0; i < n && (key = edge_call_query_at(call, i, &value)) != NULL; i++) {
        add_option(r, options, key, value);
    }
}

static void options_from_message(struct devsdk_request *r, const struct edge_message *m)
{
    struct edge_pair *options = edge_new_n(&r->arena, struct edge_pair, m->n_params + 1);
    for (size_t i = 0; i < m->n_params; i++) {
        add_option(r, options, m->params[i].key, m->params[i].value);
    }
}

/* With who asks, and what he has said beside it. */
static struct devsdk_request *asked(struct edge_ctx *ctx, const struct asker *asker,
                                    struct devsdk_request *r)
{
    struct asker *copy = edge_new(&r->arena, struct asker);
    *copy = *asker;
    r->arg = copy;
    if (asker->call) {
        options_from_call(r, asker->call);
    } else {
        options_from_message(r, asker->message);
    }
    r->correlation_id = edge_strdup(&r->arena, ctx->correlation_id);
    return r;
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum edge_status busy(struct edge_ctx *ctx, const char *device)
{
    return edge_fail(ctx, EDGE_UNAVAILABLE, "device %s is busy: too many commands wait", device);
}

/* From here on the answer comes from read_done(), unless the lane refuses. */
static enum edge_status read_begin(struct edge_ctx *ctx, devsdk_device *dev,
                                   const struct sdk_source *source, const struct asker *asker)
{
    struct devsdk_request *r =
        asked(ctx, asker, sdk_request_create(dev, source, SDK_FOR_READ, read_done, NULL));
    return sdk_request_submit(r, SDK_READ) ? EDGE_PENDING : busy(ctx, dev->dto->name);
}

/* ---- writing ------------------------------------------------------------------------------- */

static const char *text_of_string(const cJSON *node)
{
    return cJSON_IsString(node) ? node->valuestring : NULL;
}

/* Clients speak in the words readings show: back to the device's. */
static const char *mapped_back(const struct resource_operation *op, const char *text)
{
    for (size_t i = 0; op && text && i < op->n_mappings; i++) {
        if (strcmp(op->mappings[i].to, text) == 0) {
            return op->mappings[i].from;
        }
    }
    return text;
}

static const char *default_of(const struct sdk_op *op)
{
    if (op->operation && op->operation->default_value && *op->operation->default_value) {
        return op->operation->default_value;
    }
    const char *text = op->resource->dto->properties.default_value;
    return text && *text ? text : NULL;
}

static enum edge_status wanted_value(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct sdk_op *op, const cJSON *body, devsdk_value *ret)
{
    const struct device_resource *dto = op->resource->dto;
    const cJSON *node = edge_json_member(body, dto->name, true);
    const char *text = node ? text_of_string(node) : default_of(op);
    enum edge_status st;
    if (!node && !text) {
        return edge_fail(ctx, EDGE_INTERNAL,
                         "DeviceResource %s not found in request body and no default value defined",
                         dto->name);
    }
    if (text && (*text || dto->properties.value_type == VT_STRING)) {
        st = sdk_value_parse(ctx, a, dto->properties.value_type,
                             edge_strdup(a, mapped_back(op->operation, text)), ret);
    } else {
        st = sdk_value_from_json(ctx, a, dto->properties.value_type, node, ret);
    }
    return edge_wrap(ctx, st, "failed to create CommandValue");
}

static enum edge_status fill(struct edge_ctx *ctx, struct devsdk_request *r, const cJSON *body)
{
    bool transform = r->svc->config->device.data_transform;
    for (size_t i = 0; i < r->n_items; i++) {
        struct sdk_item *item = &r->items[i];
        const struct resource_properties *p = &item->op.resource->dto->properties;
        EDGE_TRY(wanted_value(ctx, &r->arena, &item->op, body, &item->value));
        if (transform) {
            enum edge_status st = sdk_limits_check(ctx, p, &item->value);
            if (st == EDGE_OK) {
                st = sdk_transform_write(ctx, p, &item->value);
            }
            EDGE_TRY(edge_wrap(ctx, st, "failed to transform set parameter"));
        }
        item->state = SDK_SET;
    }
    return EDGE_OK;
}

static enum edge_status write_begin(struct edge_ctx *ctx, devsdk_device *dev,
                                    const struct sdk_source *source, const cJSON *body,
                                    const struct asker *asker)
{
    if (body && !cJSON_IsObject(body) && !cJSON_IsNull(body)) {
        return edge_fail(ctx, EDGE_INVALID, "the body must be an object");
    }
    struct devsdk_request *r =
        asked(ctx, asker, sdk_request_create(dev, source, SDK_FOR_WRITE, write_done, NULL));
    enum edge_status st = fill(ctx, r, body);
    if (st != EDGE_OK) {
        sdk_request_free(r);
        return st;
    }
    return sdk_request_submit(r, SDK_WRITE) ? EDGE_PENDING : busy(ctx, dev->dto->name);
}

/* ---- over HTTP ----------------------------------------------------------------------------- */

/* Query parameters of ours; absent: @p otherwise. */
static bool flag(const char *value, bool otherwise)
{
    return value ? strcmp(value, "true") == 0 : otherwise;
}

enum edge_status sdk_http_get(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    devsdk_service *svc = edge_call_state(call);
    devsdk_device *dev;
    struct sdk_source source;
    const struct asker asker = {
        .call = call,
        .push_event = flag(edge_call_query(call, "ds-pushevent"), false),
        .return_event = flag(edge_call_query(call, "ds-returnevent"), true),
    };
    EDGE_TRY(find_device(ctx, svc, edge_call_param(call, "name"), &dev));
    EDGE_TRY(find_source(ctx, dev, edge_call_param(call, "command"), SDK_FOR_READ,
                         flag(edge_call_query(call, "ds-regexcmd"), true), &source));
    return read_begin(ctx, dev, &source, &asker);
}

enum edge_status sdk_http_put(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    devsdk_service *svc = edge_call_state(call);
    devsdk_device *dev;
    struct sdk_source source;
    const cJSON *body = NULL;
    size_t size;
    const struct asker asker = {.call = call};
    EDGE_TRY(find_device(ctx, svc, edge_call_param(call, "name"), &dev));
    EDGE_TRY(
        find_source(ctx, dev, edge_call_param(call, "command"), SDK_FOR_WRITE, false, &source));
    edge_call_body(call, &size);
    if (size > 0) {
        EDGE_TRY(edge_call_json(call, &body));
    }
    return write_begin(ctx, dev, &source, body, &asker);
}

/* ---- over the bus -------------------------------------------------------------------------- */

struct bus_target {
    const char *device, *command, *method;
};

/* .../device/command/request/<service>/<device>/<command>/<method>; a command may have slashes. */
static enum edge_status parse_target(struct edge_ctx *ctx, devsdk_service *svc,
                                     const struct edge_message *m, struct bus_target *ret)
{
    const char **levels, **base;
    size_t n = edge_topic_levels(&ctx->arena, m->topic, true, &levels);
    size_t first = edge_topic_levels(&ctx->arena, svc->rt->base_topic, false, &base) + 4;
    if (n < first + 3) {
        return edge_fail(ctx, EDGE_INVALID, "topic names no device, command and method");
    }
    ret->device = levels[first];
    ret->command = levels[first + 1];
    ret->method = levels[n - 1];
    for (size_t i = first + 2; i < n - 1; i++) {
        ret->command = edge_printf(&ctx->arena, "%s/%s", ret->command, levels[i]);
    }
    return EDGE_OK;
}

static enum edge_status begin_from_bus(struct edge_ctx *ctx, devsdk_service *svc,
                                       const struct edge_message *m)
{
    struct bus_target target = {0};
    devsdk_device *dev;
    struct sdk_source source;
    const cJSON *body = NULL;
    const struct asker asker = {
        .message = m,
        .push_event = flag(edge_message_param(m, "ds-pushevent"), false),
        .return_event = flag(edge_message_param(m, "ds-returnevent"), true),
    };
    EDGE_TRY(edge_message_sound(ctx, m));
    if (!edge_uuid_parse(m->request_id, NULL) || !edge_uuid_parse(m->correlation_id, NULL)) {
        return edge_fail(ctx, EDGE_INVALID, "requestID and correlationID must be UUIDs");
    }
    EDGE_TRY(parse_target(ctx, svc, m, &target));
    bool is_read = strcasecmp(target.method, "get") == 0;
    if (!is_read && strcasecmp(target.method, "set") != 0) {
        return edge_fail(ctx, EDGE_INVALID, "method must be get or set");
    }
    EDGE_TRY(find_device(ctx, svc, target.device, &dev));
    if (is_read) {
        EDGE_TRY(find_source(ctx, dev, target.command, SDK_FOR_READ,
                             flag(edge_message_param(m, "ds-regexcmd"), true), &source));
        return read_begin(ctx, dev, &source, &asker);
    }
    EDGE_TRY(find_source(ctx, dev, target.command, SDK_FOR_WRITE, false, &source));
    EDGE_TRY(edge_message_tree(ctx, m, &body));
    return write_begin(ctx, dev, &source, body, &asker);
}

enum edge_status sdk_bus_command(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    devsdk_service *svc = state;
    edge_message_ref(m); /* the answer's */
    enum edge_status st = begin_from_bus(ctx, svc, m);
    if (st == EDGE_PENDING) {
        return EDGE_OK;
    }
    const struct asker asker = {.message = m};
    answer(svc, &asker, ctx, st, NULL);
    return EDGE_OK;
}
