/** SAPExport: measures as SAP's Cloud Platform IoT took them over MQTT, from a device or gateway with its certificate. */
#include "connectors.h"
#include "mqtt_client.h"
#include "values.h"

#include <string.h>

#include "edge/buf.h"

enum { MESSAGE_MAX = 128 << 10 };

struct sap_stage {
    struct mqtt_stage mqtt; /* the first */
    const char *capability, *sensor;
};

static const struct export_param params[] = {
    {"Host",                  "Of the tenant.", EXPORT_P_TEXT},
    {"DeviceAlternateId",          "Of the device or gateway; the client id, too.", EXPORT_P_TEXT},
    {"CapabilityAlternateId",     "What is measured; may have {placeholders}: {sourcename}.",
     EXPORT_P_TEXT},
    {"SensorAlternateId",          "Who measures; may have {placeholders}: {devicename}.", EXPORT_P_TEXT},
    {"SecretName", "clientcert clientkey; cacert, where it is not the system's.", EXPORT_P_TEXT},
    {"Port",           "Of MQTT over TLS.", EXPORT_P_COUNT, .def = "8883", .min = 1, .max = UINT16_MAX},
    MQTT_PARAMS,
    {NULL    },
};

static enum edge_status sap_credentials(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                        struct mqtt_login *login)
{
    return mqtt_certificate(ctx, s, login->config);
}

static enum edge_status put_name(struct edge_ctx *ctx, const struct export_message *m,
                                 struct edge_buf *b, const char *before, const char *text)
{
    struct export_flow flow = {.ctx = ctx, .values = m->values};
    EDGE_TRY(export_flow_format(&flow, text, &text));
    edge_buf_puts(b, before);
    edge_json_put_string(b, text);
    return EDGE_OK;
}

static enum edge_status sap_compose(struct edge_ctx *ctx, const struct mqtt_stage *stage,
                                    void *memory, const struct export_message *m,
                                    struct edge_mqtt_message *out)
{
    const struct sap_stage *s = (const struct sap_stage *)stage;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    const cJSON *values;
    (void)memory;
    EDGE_TRY(connector_values(ctx, m, &values));
    EDGE_TRY(put_name(ctx, m, &b, "{\"capabilityAlternateId\":", s->capability));
    EDGE_TRY(put_name(ctx, m, &b, ",\"sensorAlternateId\":", s->sensor));
    edge_buf_puts(&b, ",\"measures\":[");
    edge_json_put(&b, values);
    edge_buf_puts(&b, "]}");
    out->payload = edge_strndup(&ctx->arena, b.data, b.len);
    out->size = b.len;
    return b.len <= MESSAGE_MAX ? EDGE_OK
                                : edge_fail(ctx, EDGE_TOO_LARGE, "more than %d bytes", MESSAGE_MAX);
}

static enum edge_status sap_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                    const struct export_host *host, const struct export_params *p,
                                    void **ret)
{
    struct sap_stage *s = edge_new(a, struct sap_stage);
    mqtt_take_cloud(a, host, p, edge_strdup(a, export_params_text(p, "Host")), &s->mqtt);
    EDGE_TRY(mqtt_take_level(ctx, a, p, "DeviceAlternateId", &s->mqtt.client_id));
    s->capability = edge_strdup(a, export_params_text(p, "CapabilityAlternateId"));
    s->sensor = edge_strdup(a, export_params_text(p, "SensorAlternateId"));
    s->mqtt.topic = edge_printf(a, "measures/%s", s->mqtt.client_id);
    s->mqtt.max_bytes = MESSAGE_MAX;
    s->mqtt.credentials = sap_credentials;
    s->mqtt.compose = sap_compose;
    *ret = s;
    return EDGE_OK;
}

const struct export_function export_sap = {
    .name = "SAPExport",
    .doc = "Send measures with the conventions of SAP's Cloud Platform IoT.",
    .params = params,
    .compile = sap_compile,
    .connector = &mqtt_connector,
};
