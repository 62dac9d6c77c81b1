/**
 * AzureExport: device-to-cloud messages of an Azure IoT Hub. The token stands for one connection, which is made anew before
 * it ends; what is under way then may come twice, and has the same $.mid.
 */
#include "azure_commands.h"
#include "azure_dps.h"
#include "connectors.h"
#include "tokens.h"

#include <string.h>
#include <strings.h>

#include "edge/buf.h"
#include "edge/text.h"

enum { MESSAGE_MAX = 256 << 10, KEEP_ALIVE_MAX_S = 1177 };
#define LIFE_MAX_MS (INT64_C(365) * 24 * 3600 * 1000)

enum auth_mode { AUTH_SAS, AUTH_X509 };
static const char *const AUTH_MODES[] = {"sas", "x509", NULL};

struct property {
    const char *name, *value; /* the name is escaped, the value may have {placeholders} */
};

struct azure_stage {
    struct mqtt_stage mqtt;   /* the first */
    struct azure_place given; /* the hub is "": asked for */
    struct azure_registration registration;
    const char *module, *version, *client_type, *model;
    struct property *properties;
    size_t n_properties;
};

static const struct export_param params[] = {
    {"Host",                "The hub: name.azure-devices.net.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"DeviceId",        "As the hub knows it.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"IdScope", "Of the Device Provisioning Service, which knows hub and device instead.",
     EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"RegistrationId",            "As the Device Provisioning Service knows the device.", EXPORT_P_TEXT,
     .def = "", .may_be_empty = true},
    {"ProvisioningHost",        "The Device Provisioning Service.", EXPORT_P_TEXT,
     .def = "global.azure-devices-provisioning.net"},
    {"ModuleId", "Of a module of the device.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"AuthMode",             "A token made of the device's key, or a certificate.", EXPORT_P_ONE_OF,
     .def = "sas", .names = AUTH_MODES},
    {"SecretName",
     "sharedaccesskey; x509: clientcert clientkey; cacert, where it is not the system's.", EXPORT_P_TEXT},
    {"TokenLife", "The connection is made anew, with another token, at 80 % of it.",
     EXPORT_P_DURATION, .def = "1h"},
    {"Properties",      "Of the message, to route by: name=value, name=value; {placeholders} in values.",
     EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"DeviceClientType",        "Who sends, as the hub's operator sees it.", EXPORT_P_TEXT, .def = "",
     .may_be_empty = true},
    {"ModelId", "Of IoT Plug and Play: dtmi:...", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"ApiVersion",    "Of the hub.", EXPORT_P_TEXT, .def = "2021-04-12"},
    {"Port",        "Of MQTT over TLS.", EXPORT_P_COUNT, .def = "8883", .min = 1, .max = UINT16_MAX},
    MQTT_COMMANDS_PARAM,
    MQTT_PARAMS,
    {NULL                    },
};

/* ---- the connection ---- */

static const char *identity(struct edge_arena *a, const struct azure_stage *s,
                            const struct azure_place *place, const char *between)
{
    return edge_printf(a, "%s%s%s", place->device, *s->module ? between : "", s->module);
}

static enum edge_status find_place(struct edge_ctx *ctx, const struct azure_stage *s,
                                   struct mqtt_login *login)
{
    struct azure_place *place = login->memory;
    if (*s->given.hub) {
        *place = s->given;
    } else if (!*place->hub || login->refused) { /* another hub may have it by now */
        EDGE_TRY(azure_register(ctx, &s->registration, login, place));
    }
    return EDGE_OK;
}

static enum edge_status azure_credentials(struct edge_ctx *ctx, const struct mqtt_stage *stage,
                                          struct mqtt_login *login)
{
    const struct azure_stage *s = (const struct azure_stage *)stage;
    const struct azure_place *place = login->memory;
    struct edge_arena *a = &ctx->arena;
    struct edge_mqtt_config *config = login->config;
    int64_t from_s, until_s;
    const char *key;
    EDGE_TRY(find_place(ctx, s, login));
    config->host = place->hub;
    config->client_id = identity(a, s, place, "/");
    config->username = edge_printf(
        a, "%s/%s/?api-version=%s%s%s%s%s", place->hub, config->client_id, s->version,
        *s->client_type ? "&DeviceClientType=" : "", token_url_escape(a, s->client_type),
        *s->model ? "&model-id=" : "", token_url_escape(a, s->model));
    if (s->registration.x509) {
        return mqtt_certificate(ctx, stage, config);
    }
    EDGE_TRY(mqtt_secret(ctx, stage, "sharedaccesskey", &key));
    EDGE_TRY(mqtt_token_life(ctx, s->registration.life_ms, login, &from_s, &until_s));
    config->ca = mqtt_secret_if_any(ctx, stage, "cacert");
    const char *resource =
        edge_printf(a, "%s/devices/%s", place->hub, identity(a, s, place, "/modules/"));
    return edge_wrap(ctx, token_sas(ctx, resource, key, until_s, NULL, &config->password),
                     "secret '%s'", stage->secret_name);
}

/* ---- messages ---- */

static bool is_text(const char *type)
{
    return strncasecmp(type, "text/", 5) == 0 || strcasestr(type, "json") ||
           strcasestr(type, "xml");
}

/* What the hub and those behind it see without looking into the message. */
static enum edge_status put_properties(struct edge_ctx *ctx, const struct azure_stage *s,
                                       const struct export_message *m, struct edge_buf *b)
{
    struct edge_arena *a = &ctx->arena;
    struct export_flow flow = {.ctx = ctx, .values = m->values};
    edge_buf_printf(b, "%%24.mid=%s", m->id);
    if (m->content_type) {
        edge_buf_printf(b, "&%%24.ct=%s", token_url_escape(a, m->content_type));
        edge_buf_puts(b, is_text(m->content_type) ? "&%24.ce=utf-8" : "");
    }
    for (size_t i = 0; i < s->n_properties; i++) {
        const char *value;
        EDGE_TRY(export_flow_format(&flow, s->properties[i].value, &value));
        edge_buf_printf(b, "&%s=%s", s->properties[i].name, token_url_escape(a, value));
    }
    return EDGE_OK;
}

static enum edge_status azure_compose(struct edge_ctx *ctx, const struct mqtt_stage *stage,
                                      void *memory, const struct export_message *m,
                                      struct edge_mqtt_message *out)
{
    const struct azure_stage *s = (const struct azure_stage *)stage;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf bag = EDGE_BUF_INIT;
    EDGE_TRY(put_properties(ctx, s, m, &bag));
    if (bag.len + m->size > MESSAGE_MAX) {
        return edge_fail(ctx, EDGE_TOO_LARGE,
                         "%zu bytes with %zu of properties are more than the %d a hub takes",
                         m->size, bag.len, MESSAGE_MAX);
    }
    out->topic = edge_printf(&ctx->arena, "devices/%s/messages/events/%s",
                             identity(&ctx->arena, s, memory, "/modules/"), edge_buf_str(&bag));
    return EDGE_OK;
}

/* ---- compiling ---- */

static enum edge_status take_properties(struct edge_ctx *ctx, struct edge_arena *a,
                                        const struct export_params *p, struct azure_stage *s)
{
    size_t n;
    const char **given = export_list(a, export_params_text(p, "Properties"), &n);
    s->properties = edge_new_n(a, struct property, n + 1);
    for (size_t i = 0; i < n; i++) {
        const char *equals = strchr(given[i], '=');
        if (!equals || equals == given[i] || given[i][0] == '$') {
            return edge_fail(ctx, EDGE_INVALID,
                             "parameter Properties must be like name=value, name=value");
        }
        const char *name = edge_strndup(a, given[i], (size_t)(equals - given[i]));
        s->properties[s->n_properties++] = (struct property){token_url_escape(a, name), equals + 1};
    }
    return EDGE_OK;
}

/* Host and DeviceId, or IdScope and RegistrationId. */
static enum edge_status take_place(struct edge_ctx *ctx, struct edge_arena *a,
                                   const struct export_params *p, struct azure_stage *s)
{
    const char *hub = export_params_text(p, "Host"), *device = export_params_text(p, "DeviceId");
    struct azure_registration *r = &s->registration;
    r->scope = edge_strdup(a, export_params_text(p, "IdScope"));
    r->host = edge_strdup(a, export_params_text(p, "ProvisioningHost"));
    if (!*r->scope) {
        if (!*hub || strlen(hub) >= sizeof(s->given.hub)) {
            return edge_fail(ctx, EDGE_INVALID, "parameter Host or IdScope must be given");
        }
        EDGE_TRY(mqtt_take_level(ctx, a, p, "DeviceId", &device));
        edge_text_fit(s->given.hub, sizeof(s->given.hub), hub);
        edge_text_fit(s->given.device, sizeof(s->given.device), device);
        return EDGE_OK;
    }
    if (*hub || *device || *s->module) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameters Host, DeviceId and ModuleId exclude IdScope");
    }
    return mqtt_take_level(ctx, a, p, "RegistrationId", &r->id);
}

static enum edge_status azure_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                      const struct export_host *host, const struct export_params *p,
                                      void **ret)
{
    struct azure_stage *s = edge_new(a, struct azure_stage);
    mqtt_take_cloud(a, host, p, s->given.hub, &s->mqtt);
    s->module = edge_strdup(a, export_params_text(p, "ModuleId"));
    s->version = edge_strdup(a, export_params_text(p, "ApiVersion"));
    s->client_type = edge_strdup(a, export_params_text(p, "DeviceClientType"));
    s->model = edge_strdup(a, export_params_text(p, "ModelId"));
    EDGE_TRY(*s->module ? mqtt_take_level(ctx, a, p, "ModuleId", &s->module) : EDGE_OK);
    EDGE_TRY(take_place(ctx, a, p, s));
    s->registration.stage = &s->mqtt;
    s->registration.x509 = export_params_choice(p, "AuthMode") == AUTH_X509;
    EDGE_TRY(mqtt_take_life(ctx, p, LIFE_MAX_MS, &s->registration.life_ms));
    EDGE_TRY(take_properties(ctx, a, p, s));
    EDGE_TRY(mqtt_check_keep_alive(ctx, &s->mqtt, 1, KEEP_ALIVE_MAX_S));
    s->mqtt.max_bytes = MESSAGE_MAX;
    s->mqtt.memory_size = sizeof(struct azure_place);
    s->mqtt.credentials = azure_credentials;
    s->mqtt.compose = azure_compose;
    if (export_params_true(p, "Commands")) {
        s->mqtt.patterns = AZURE_PATTERNS;
        s->mqtt.received = azure_received;
        s->mqtt.heard = azure_heard;
        s->mqtt.executed = azure_executed;
    }
    *ret = s;
    return EDGE_OK;
}

const struct export_function export_azure = {
    .name = "AzureExport",
    .doc = "Send to an Azure IoT Hub.",
    .params = params,
    .compile = azure_compile,
    .connector = &mqtt_connector,
};
