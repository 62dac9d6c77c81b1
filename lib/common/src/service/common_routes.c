/*
 * The routes every service has: ping, version, config, secret (contract 1.1), its metrics as
 * Prometheus text, and what routes it has.
 */
#include <string.h>

#include "config/config_tree.h"
#include "edge/base.h"
#include "instance.h"

/* ---- ping and version ---------------------------------------------------------------------- */

struct ping {
    const char *api_version, *timestamp, *service_name;
};
struct version {
    const char *api_version, *version, *service_name, *sdk_version;
};
struct shown_config {
    const char *api_version;
    const cJSON *config;
    const char *service_name;
};
struct secret_entry {
    const char *key, *value;
};
struct secret_request {
    struct edge_base_request base;
    const char *secret_name;
    struct secret_entry *secret_data;
    size_t n_secret_data;
};

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct ping, m, __VA_ARGS__)
static const struct edge_field ping_fields[] = {
    F(api_version, "apiVersion", "v3."),
    F(timestamp, "timestamp", "Now, as date(1) writes it."),
    F(service_name, "serviceName", "Service key."),
};
#undef F
static const struct edge_dto PING = EDGE_DTO(struct ping, "Ping", ping_fields);

#define F(m, ...) EDGE_FIELD(struct version, m, __VA_ARGS__)
static const struct edge_field version_fields[] = {
    F(api_version, "apiVersion", "v3."),
    F(version, "version", "Of EdgeX, as the service speaks it."),
    F(service_name, "serviceName", "Service key."),
    F(sdk_version, "sdk_version", "Of the SDK, where one is used."),
};
#undef F
static const struct edge_dto VERSION = EDGE_DTO(struct version, "Version", version_fields);

#define F(m, ...) EDGE_FIELD(struct shown_config, m, __VA_ARGS__)
static const struct edge_field shown_config_fields[] = {
    F(api_version, "apiVersion", "v3."),
    F(config, "config", "The effective configuration."),
    F(service_name, "serviceName", "Service key."),
};
#undef F
static const struct edge_dto SHOWN_CONFIG = EDGE_DTO(struct shown_config, "Config", shown_config_fields);

#define F(m, ...) EDGE_FIELD(struct secret_entry, m, __VA_ARGS__)
static const struct edge_field secret_entry_fields[] = {
    F(key, "key", "Name of the value.", .flags = EDGE_REQUIRED),
    F(value, "value", "The secret.", .flags = EDGE_REQUIRED),
};
#undef F
static const struct edge_dto SECRET_ENTRY = EDGE_DTO(struct secret_entry, "SecretDataKeyValue", secret_entry_fields);

static const struct edge_field secret_request_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct secret_request),
    EDGE_FIELD(struct secret_request, secret_name, "secretName", "What it is asked for by.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank),
    EDGE_LIST(struct secret_request, secret_data, "secretData", "Its values.", &SECRET_ENTRY, .flags = EDGE_REQUIRED | EDGE_NOT_EMPTY),
};
static const struct edge_dto SECRET_REQUEST = EDGE_DTO(struct secret_request, "SecretRequest", secret_request_fields);
/* clang-format on */

static const struct edge_instance *instance_of_call(struct edge_call *call)
{
    return instance_of_state(edge_call_state(call));
}

static enum edge_status ping_get(struct edge_call *call)
{
    const struct edge_instance *inst = instance_of_call(call);
    char now[64];
    if (inst->out_of_order) {
        return edge_fail(edge_call_ctx(call), EDGE_UNAVAILABLE, "%s", inst->out_of_order);
    }
    if (!atomic_load(&inst->up)) {
        return edge_fail(edge_call_ctx(call), EDGE_UNAVAILABLE,
                         "%s is starting: it is not heard on the message bus yet", inst->rt.name);
    }
    edge_unix_date(edge_now_ms(), now, sizeof(now));
    struct ping ping = {EDGE_API_VERSION, now, inst->rt.name};
    return edge_reply_dto(call, &PING, &ping);
}

static enum edge_status version_get(struct edge_call *call)
{
    const struct edge_runtime *rt = &instance_of_call(call)->rt;
    struct version version = {EDGE_API_VERSION, EDGE_WIRE, rt->name, rt->service->sdk_version};
    return edge_reply_dto(call, &VERSION, &version);
}

/* ---- config -------------------------------------------------------------------------------- */

const cJSON *config_shown(struct edge_ctx *ctx, const struct edge_instance *inst)
{
    const struct edge_dto *dto = inst->rt.service->config;
    char *whole = edge_alloc(&ctx->arena, 1, dto->size);
    memcpy(whole, inst->rt.config, dto->size);
    memcpy(whole + inst->rt.service->writable_offset, edge_runtime_writable(&inst->rt),
           inst->writable_dto->size);
    struct edge_base_config *base = (void *)whole;
    base->message_bus.optional.username = NULL;
    base->message_bus.optional.password = NULL;
    cJSON *shown = edge_json_object(ctx);
    const cJSON *section;
    cJSON_ArrayForEach(section, edge_dto_tree(ctx, dto, whole))
    {
        config_put(shown, section->string, cJSON_Duplicate(section, true));
    }
    if (config_member(shown, "Databases")) { /* core-command's name of it (seen) */
        cJSON_DeleteItemFromObjectCaseSensitive(shown, "Database");
    }
    config_mask_secrets(dto, shown);
    return shown;
}

static enum edge_status config_get(struct edge_call *call)
{
    const struct edge_instance *inst = instance_of_call(call);
    struct shown_config shown = {EDGE_API_VERSION, config_shown(edge_call_ctx(call), inst),
                                 inst->rt.name};
    return edge_reply_dto(call, &SHOWN_CONFIG, &shown);
}

/* ---- secret and metrics -------------------------------------------------------------------- */

/* In a file of the service's own: what core-keeper holds everybody can read. */
static enum edge_status secret_store(struct edge_ctx *ctx, struct edge_instance *inst,
                                     const struct secret_request *request)
{
    const char *path = secrets_file(&ctx->arena, inst->rt.options, inst->rt.name);
    struct edge_named_text *data =
        edge_new_n(&ctx->arena, struct edge_named_text, request->n_secret_data);
    for (size_t i = 0; i < request->n_secret_data; i++) {
        const struct secret_entry *entry = &request->secret_data[i];
        data[i] = (struct edge_named_text){entry->key, entry->value};
    }
    EDGE_LOCK(&inst->secrets_lock);
    enum edge_status st =
        secrets_store(ctx, path, request->secret_name, data, request->n_secret_data);
    if (st != EDGE_OK) {
        return edge_wrap(ctx, st, "adding secret failed");
    }
    edge_counter_add(edge_counter(inst->rt.metrics, SECRETS_STORED, "Secrets stored."), 1);
    atomic_store(&inst->secrets_changed, true);
    host_wake(inst->host);
    return EDGE_OK;
}

static enum edge_status secret_post(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct edge_instance *inst = instance_of_state(edge_call_state(call));
    struct secret_request request;
    const cJSON *body;
    if (edge_call_json(call, &body) != EDGE_OK ||
        edge_dto_decode(ctx, &SECRET_REQUEST, body, &request) != EDGE_OK) {
        edge_ctx_clear(ctx);
        return edge_fail(ctx, EDGE_INVALID, "JSON decode failed");
    }
    edge_call_set_request_id(call, request.base.request_id);
    if (!inst->provider.url) { /* and no secret store: there is nowhere to put it */
        return edge_reply_base(call, 405,
                               "adding secret failed -> can't store secrets. "
                               "ConfigurationProvider is not in use or has not been properly "
                               "initialized");
    }
    EDGE_TRY(secret_store(ctx, inst, &request));
    return edge_reply_base(call, 201, NULL);
}

static enum edge_status metrics_get(struct edge_call *call)
{
    edge_reply_type(call, "text/plain; version=0.0.4; charset=utf-8");
    edge_metrics_prometheus(instance_of_call(call)->rt.metrics, edge_reply_body(call));
    return EDGE_OK;
}

/* Made when it is asked for: it is large, and rarely wanted. */
static enum edge_status openapi_get(struct edge_call *call)
{
    const cJSON *document;
    EDGE_TRY(
        edge_service_describe(edge_call_ctx(call), instance_of_call(call)->rt.service, &document));
    EDGE_TRY(edge_reply_check(call));
    edge_json_put(edge_reply_body(call), document);
    return EDGE_OK;
}

/* clang-format off */
static const struct edge_route routes[] = {
    {"GET",  "/api/v3/ping",    ping_get,    "Tell that the service answers.",   EDGE_ROUTE_OPEN | EDGE_ROUTE_BARE, .answer = {EDGE_B_DTO, .dto = &PING}, .roles = EDGE_FOR_ALL},
    {"GET",  "/api/v3/version", version_get, "Version of the service.",          EDGE_ROUTE_BARE, .answer = {EDGE_B_DTO, .dto = &VERSION}, .roles = EDGE_FOR_MONITORS},
    {"GET",  "/api/v3/config",  config_get,  "The effective configuration.",     EDGE_ROUTE_BARE, .answer = {EDGE_B_DTO, .dto = &SHOWN_CONFIG}, .roles = EDGE_FOR_SHOWN_CONFIG},
    {"POST", "/api/v3/secret",  secret_post, "Store a secret of the service.",   EDGE_ROUTE_BARE | EDGE_ROUTE_WAITS, .request = {EDGE_B_DTO, .dto = &SECRET_REQUEST}, .answer = {EDGE_B_BASE, .code = 201}, .fails = "405", .roles = EDGE_FOR_SECRETS},
    {"GET",  "/api/v3/metrics", metrics_get, "Metrics in Prometheus' text form.", EDGE_ROUTE_BARE, .answer = {EDGE_B_RAW, .also = "text/plain"}, .roles = EDGE_FOR_MONITORS},
    {"GET",  "/api/v3/openapi.json", openapi_get, "This description of the routes.", EDGE_ROUTE_BARE, .answer = {EDGE_B_ANY}, .roles = EDGE_FOR_ALL},
};
/* clang-format on */
const struct edge_routes edge_common_routes = EDGE_TABLE(routes);

enum edge_status edge_service_describe(struct edge_ctx *ctx, const struct edge_service *service,
                                       const cJSON **ret)
{
    const struct edge_routes tables[] = {service->routes, edge_common_routes};
    return edge_routes_describe(
        ctx, service->name,
        service->doc ? edge_printf(&ctx->arena, "%s %s.", service->name, service->doc)
                     : service->name,
        tables, 2, ret);
}
