/* app-service-configurable: tables and life cycle. */
#include <string.h>

#include "app.h"
#include "app_service_configurable.h"
#include "edge/clock.h"

enum { STOP_MS = 2000 };

/* clang-format off */
static const struct edge_field setting_fields[] = {
    EDGE_FIELD(struct edge_named_text, name, NULL, "Key.", .flags = EDGE_KEY),
    EDGE_FIELD(struct edge_named_text, value, NULL, "Text.", .flags = EDGE_VALUE | EDGE_SCALAR),
};
static const struct edge_dto SETTING = EDGE_DTO(struct edge_named_text, "ApplicationSetting", setting_fields);

#define F(m, ...) EDGE_FIELD(struct app_http_server, m, __VA_ARGS__)
static const struct edge_field http_server_fields[] = {
    F(protocol, "Protocol", "Means nothing: Service.SecurityOptions.Mode says whether it is https.", .flags = EDGE_EMIT_EMPTY),
    F(secret_name, "SecretName", "Means nothing, likewise.", .flags = EDGE_EMIT_EMPTY),
    F(cert_name, "HTTPSCertName", "Means nothing, likewise.", .flags = EDGE_EMIT_EMPTY),
    F(key_name, "HTTPSKeyName", "Means nothing, likewise.", .flags = EDGE_EMIT_EMPTY),
};
#undef F
static const struct edge_dto HTTP_SERVER = EDGE_DTO(struct app_http_server, "HttpServer", http_server_fields);

static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct app_config, writable, "Writable", "Pipelines, limits, secrets, metrics.", &EXPORT_WRITABLE, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct app_config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct app_config, trigger, "Trigger", "Where messages come from.", &EXPORT_TRIGGER),
    EDGE_OBJECT(struct app_config, http_server, "HttpServer", "Of official files.", &HTTP_SERVER, .flags = EDGE_EMIT_EMPTY),
    EDGE_MAP(struct app_config, settings, "ApplicationSettings", "For functions of others.", &SETTING, .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto APP_CONFIG = EDGE_DTO(struct app_config, "Configuration", config_fields);

#define API    "/api/v3"
#define EXPORT API "/export"
static const struct edge_route routes[] = {
    {"POST", API "/trigger", app_trigger, "Have the pipeline work on this, and answer what comes out of it.", EDGE_ROUTE_WAITS, .request = {EDGE_B_RAW, .also = "application/json"}, .answer = {EDGE_B_RAW, .also = "application/json", .optional = true}, .fails = "404 422", .roles = EDGE_FOR_SOURCES},
    {"GET", EXPORT "/pipeline", app_pipelines, "Ids of the pipelines that run.", 0, .answer = {EDGE_B_PLAIN_LIST, "pipelines"}, .roles = EDGE_FOR_READERS},
    {"POST", EXPORT "/pipeline/{name}/test", app_pipeline_test, "What each function makes of this message; nothing is sent.", EDGE_ROUTE_WAITS, .request = {EDGE_B_RAW, .also = "application/json"}, .answer = {EDGE_B_PLAIN_LIST, "steps", &EXPORT_STEP}, .fails = "404", .roles = EDGE_FOR_KEEPERS},
    EXPORT_QUEUE_ROUTES,
};
/* clang-format on */

/* ---- what functions ask for ----------------------------------------------------------------- */

static enum edge_status find_secret(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                                    const char *name, const char *key, const char **ret)
{
    const struct app *app = state;
    const char *value = edge_runtime_secret(app->rt, name, key);
    if (!value) {
        return edge_fail(ctx, EDGE_NOT_FOUND,
                         "secret '%s' has no '%s': POST it to /api/v3/secret, or set "
                         "Writable.InsecureSecrets.<entry> with SecretName %s",
                         name, key, name);
    }
    *ret = edge_strdup(a, value);
    return EDGE_OK;
}

static unsigned secrets_version(void *state)
{
    return ((struct app *)state)->secrets_version;
}

static void respond(void *state, const struct export_flow *flow)
{
    struct app *app = state;
    switch ((enum export_trigger_type)app->config->trigger.type) {
    case EXPORT_TRIGGER_BUS:
        trigger_bus_respond(app, flow);
        break;
    case EXPORT_TRIGGER_EXTERNAL:
        trigger_external_respond(app, flow);
        break;
    case EXPORT_TRIGGER_HTTP: /* it had its answer */
        break;
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum edge_status open_trigger(struct edge_ctx *ctx, struct app *app)
{
    switch ((enum export_trigger_type)app->config->trigger.type) {
    case EXPORT_TRIGGER_BUS:
        return trigger_bus_start(ctx, app);
    case EXPORT_TRIGGER_EXTERNAL:
        return trigger_external_start(ctx, app);
    case EXPORT_TRIGGER_HTTP:
        break;
    }
    return EDGE_OK;
}

/* Messages are asked for when the first pipeline is there: who has none is spared all of them. */
static enum edge_status listen_when_needed(struct edge_ctx *ctx, struct app *app)
{
    size_t n;
    (void)export_engine_pipelines(&ctx->arena, app->front.engine, &n);
    if (n == 0 || app->listens) {
        return EDGE_OK;
    }
    app->listens = true;
    return open_trigger(ctx, app);
}

/* A pipeline that is refused is told, and leaves the others alone. */
static void apply(struct edge_ctx *ctx, struct app *app)
{
    enum edge_status st =
        export_engine_apply(ctx, app->front.engine, edge_runtime_writable(app->rt));
    if (st != EDGE_OK) {
        edge_log_error(ctx, "configuration refused", "file",
                       edge_printf(&ctx->arena, "%s/configuration.yaml", app->rt->resource_dir),
                       "reason", edge_ctx_message(ctx, st), NULL);
        edge_ctx_clear(ctx);
    }
}

static void tell_silence(struct edge_ctx *ctx, enum edge_status st)
{
    if (st != EDGE_OK) {
        edge_log_error(ctx, "no messages come", "reason", edge_ctx_message(ctx, st), NULL);
        edge_ctx_clear(ctx);
    }
}

static enum edge_status app_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct app *app = rt->state;
    app->rt = rt;
    app->config = rt->config;
    app->host = (struct export_host){.state = app,
                                     .secret = find_secret,
                                     .secrets_version = secrets_version,
                                     .service = rt->name,
                                     .command = app_command};
    const struct export_engine_config config = {
        .dir = edge_printf(&ctx->arena, "%s/queues", rt->data_dir),
        .base_topic = rt->base_topic,
        .host = &app->host,
        .log = rt->log,
        .metrics = rt->metrics,
        .client = rt->client,
        .state = app,
        .respond = respond,
    };
    app->front.engine = export_engine_create(&config);
    apply(ctx, app);
    enum edge_status st = listen_when_needed(ctx, app);
    if (st == EDGE_OK || !rt->options->config_provider) {
        return st;
    }
    tell_silence(ctx, st); /* who mends the value in core-keeper needs a service that runs */
    return EDGE_OK;
}

static void app_quiesce(const struct edge_runtime *rt)
{
    struct app *app = rt->state;
    trigger_external_stop(app);
}

static void app_stop(const struct edge_runtime *rt)
{
    struct app *app = rt->state;
    if (app->front.engine) {
        export_engine_stop(app->front.engine, edge_now_mono_ms() + STOP_MS);
    }
    trigger_external_free(app);
    export_engine_free(app->front.engine);
    app->front.engine = NULL;
}

static void app_reconfigured(const struct edge_runtime *rt)
{
    EDGE_CTX_SCOPE(ctx);
    struct app *app = rt->state;
    ctx.log = rt->log;
    app->secrets_version++;
    apply(&ctx, app);
    tell_silence(&ctx, listen_when_needed(&ctx, app));
}

static const char default_config[] =
    "Service:\n"
    "  Port: 59700\n"
    "  StartupMsg: app-service-configurable is up\n"
    "MessageBus:\n"
    "  Optional:\n"
    "    ClientId: app-service-configurable\n"
    "Clients:\n"
    "  core-command: {Protocol: http, Host: localhost, Port: 59882}\n";

const struct edge_service app_service_configurable = {
    .name = "app-service-configurable",
    .doc = "has pipelines work on events and hand them to others",
    .port = 59700,
    .sdk_version = "4.1.0",
    .common_section = "app-services",
    .key_by_profile = "app-<profile>",
    .keeps_session = true,
    .state_size = sizeof(struct app),
    .config = &APP_CONFIG,
    .writable_offset = offsetof(struct app_config, writable),
    .default_config = default_config,
    .routes = EDGE_TABLE(routes),
    .start = app_start,
    .quiesce = app_quiesce,
    .stop = app_stop,
    .reconfigured = app_reconfigured,
};
