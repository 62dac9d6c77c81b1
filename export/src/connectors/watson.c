/**
 * WatsonExport: events as IBM's Watson IoT Platform took them, which ended in 2023; its conventions live on in the Maximo
 * Application Suite. A device speaks for itself, a gateway and an application for others, too.
 */
#include "connectors.h"
#include "mqtt_client.h"
#include "values.h"

#include <string.h>

#include "edge/buf.h"
#include "edge/clock.h"

enum { MESSAGE_MAX = 131072, TIME_SIZE = 40 };

enum role { DEVICE, GATEWAY, APPLICATION };
static const char *const ROLES[] = {"device", "gateway", "application", NULL};

struct watson_stage {
    struct mqtt_stage mqtt; /* the first */
    enum role role;
};

static const struct export_param params[] = {
    {"Org",            "The organisation.", EXPORT_P_TEXT},
    {"Host",   "Of Maximo's IoT tool: org.messaging.iot.example.com.", EXPORT_P_TEXT},
    {"Role",           "Who sends.", EXPORT_P_ONE_OF, .def = "device", .names = ROLES},
    {"Type",   "Of the device; with {placeholders} where a gateway or an application sends.",
     EXPORT_P_TEXT},
    {"DeviceId",           "Likewise.", EXPORT_P_TEXT},
    {"ClientId", "A gateway's TYPE:ID, where it is not the device; an application's name.",
     EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"Event",  "Its name; may have {placeholders}.", EXPORT_P_TEXT},
    {"Format",           "As topics name it.", EXPORT_P_TEXT, .def = "json"},
    {"Values",    "An event's values as {\"d\":{resource: value},\"ts\":time} instead of what comes.",
     EXPORT_P_BOOL, .def = "false"},
    {"SecretName",       "token; of an application apikey, too; cacert, where it is not the system's.",
     EXPORT_P_TEXT},
    {"Qos",   "0 or 1. With 0 nobody knows what arrives.", EXPORT_P_COUNT, .def = "1", .max = 1},
    {"Port",       "Of MQTT over TLS.", EXPORT_P_COUNT, .def = "8883", .min = 1, .max = UINT16_MAX},
    MQTT_PARAMS,
    {NULL   },
};

static enum edge_status watson_credentials(struct edge_ctx *ctx, const struct mqtt_stage *stage,
                                           struct mqtt_login *login)
{
    struct edge_mqtt_config *config = login->config;
    config->username = "use-token-auth";
    if (((const struct watson_stage *)stage)->role == APPLICATION) {
        EDGE_TRY(mqtt_secret(ctx, stage, "apikey", &config->username));
    }
    EDGE_TRY(mqtt_secret(ctx, stage, "token", &config->password));
    config->ca = mqtt_secret_if_any(ctx, stage, "cacert");
    return EDGE_OK;
}

static enum edge_status watson_values(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                      void *memory, const struct export_message *m,
                                      struct edge_mqtt_message *out)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    char time[TIME_SIZE];
    const cJSON *values;
    (void)s, (void)memory;
    EDGE_TRY(connector_values(ctx, m, &values));
    edge_rfc3339(m->origin_ns, time, sizeof(time));
    edge_buf_puts(&b, "{\"d\":");
    edge_json_put(&b, values);
    edge_buf_printf(&b, ",\"ts\":\"%s\"}", time);
    out->payload = edge_strndup(&ctx->arena, b.data, b.len);
    out->size = b.len;
    return b.len <= MESSAGE_MAX ? EDGE_OK
                                : edge_fail(ctx, EDGE_TOO_LARGE, "more than %d bytes", MESSAGE_MAX);
}

static enum edge_status take_names(struct edge_ctx *ctx, struct edge_arena *a,
                                   const struct export_params *p, struct watson_stage *s)
{
    static const char kinds[] = "dga";
    const char *org, *type, *device, *event, *format, *self = export_params_text(p, "ClientId");
    EDGE_TRY(mqtt_take_level(ctx, a, p, "Org", &org));
    EDGE_TRY(mqtt_take_level(ctx, a, p, "Type", &type));
    EDGE_TRY(mqtt_take_level(ctx, a, p, "DeviceId", &device));
    EDGE_TRY(mqtt_take_level(ctx, a, p, "Event", &event));
    EDGE_TRY(mqtt_take_level(ctx, a, p, "Format", &format));
    if (s->role == DEVICE && *self) {
        return edge_fail(ctx, EDGE_INVALID, "parameter ClientId is of a gateway or an application");
    }
    bool open = strchr(type, '{') || strchr(device, '{');
    if (!*self && (s->role == APPLICATION || open)) {
        return edge_fail(ctx, EDGE_INVALID, "parameter ClientId must be given with Role %s%s",
                         ROLES[s->role], open ? " and {placeholders}" : "");
    }
    self = *self ? self : edge_printf(a, "%s:%s", type, device);
    s->mqtt.client_id = edge_printf(a, "%c:%s:%s", kinds[s->role], org, self);
    const char *of = s->role == DEVICE ? "" : edge_printf(a, "type/%s/id/%s/", type, device);
    s->mqtt.topic = edge_printf(a, "iot-2/%sevt/%s/fmt/%s", of, event, format);
    return EDGE_OK;
}

static enum edge_status watson_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                       const struct export_host *host,
                                       const struct export_params *p, void **ret)
{
    struct watson_stage *s = edge_new(a, struct watson_stage);
    mqtt_take_cloud(a, host, p, edge_strdup(a, export_params_text(p, "Host")), &s->mqtt);
    s->role = (enum role)export_params_choice(p, "Role");
    EDGE_TRY(take_names(ctx, a, p, s));
    s->mqtt.qos = (int)export_params_count(p, "Qos");
    s->mqtt.max_bytes = MESSAGE_MAX;
    s->mqtt.credentials = watson_credentials;
    s->mqtt.compose = export_params_true(p, "Values") ? watson_values : NULL;
    *ret = s;
    return EDGE_OK;
}

const struct export_function export_watson = {
    .name = "WatsonExport",
    .doc = "Send to Maximo, with the conventions of IBM's Watson IoT Platform.",
    .params = params,
    .compile = watson_compile,
    .connector = &mqtt_connector,
};
