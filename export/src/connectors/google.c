/**
 * GoogleExport: telemetry as Google's IoT Core took it. Google ended that service in 2023; others keep its conventions
 * (ClearBlade). The password is a JSON web token, signed with the device's key.
 */
#include "connectors.h"
#include "mqtt_client.h"
#include "tokens.h"

#include <string.h>

enum { MESSAGE_MAX = 256 << 10 };
#define LIFE_MAX_MS (INT64_C(24) * 3600 * 1000)

struct google_stage {
    struct mqtt_stage mqtt; /* the first */
    const char *project;
    int64_t life_ms;
};

static const struct export_param params[] = {
    {"Project",            "Who the token is for.", EXPORT_P_TEXT},
    {"Region",       "Where the registry is: europe-west1.", EXPORT_P_TEXT},
    {"Registry",             "Where the device is known.", EXPORT_P_TEXT},
    {"DeviceId",       "As the registry knows it.", EXPORT_P_TEXT},
    {"Subfolder",           "Below the device's events; may have {placeholders}.", EXPORT_P_TEXT, .def = "",
     .may_be_empty = true},
    {"SecretName",       "privatekey (RSA or P-256, PEM); cacert, where it is not the system's.",
     EXPORT_P_TEXT},
    {"TokenLife",           "The connection is made anew, with another token, at 80 % of it; 24h at most.",
     EXPORT_P_DURATION, .def = "1h"},
    {"Qos",       "0 or 1. With 0 nobody knows what arrives.", EXPORT_P_COUNT, .def = "1", .max = 1},
    {"Host",          "Of whoever keeps the conventions.", EXPORT_P_TEXT, .def = "mqtt.googleapis.com"},
    {"Port",       "8883, or 443.", EXPORT_P_COUNT, .def = "8883", .min = 1, .max = UINT16_MAX},
    MQTT_PARAMS,
    {NULL},
};

static enum edge_status google_credentials(struct edge_ctx *ctx, const struct mqtt_stage *stage,
                                           struct mqtt_login *login)
{
    const struct google_stage *s = (const struct google_stage *)stage;
    struct token_claims claims = {.audience = s->project};
    const char *key;
    EDGE_TRY(mqtt_secret(ctx, stage, "privatekey", &key));
    EDGE_TRY(mqtt_token_life(ctx, s->life_ms, login, &claims.issued_s, &claims.expires_s));
    login->config->username = "unused";
    login->config->ca = mqtt_secret_if_any(ctx, stage, "cacert");
    return edge_wrap(ctx, token_jwt(ctx, key, &claims, &login->config->password), "secret '%s'",
                     stage->secret_name);
}

static enum edge_status google_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                       const struct export_host *host,
                                       const struct export_params *p, void **ret)
{
    struct google_stage *s = edge_new(a, struct google_stage);
    const char *region, *registry, *device, *folder = export_params_text(p, "Subfolder");
    mqtt_take_cloud(a, host, p, edge_strdup(a, export_params_text(p, "Host")), &s->mqtt);
    EDGE_TRY(mqtt_take_level(ctx, a, p, "Project", &s->project));
    EDGE_TRY(mqtt_take_level(ctx, a, p, "Region", &region));
    EDGE_TRY(mqtt_take_level(ctx, a, p, "Registry", &registry));
    EDGE_TRY(mqtt_take_level(ctx, a, p, "DeviceId", &device));
    EDGE_TRY(mqtt_take_life(ctx, p, LIFE_MAX_MS, &s->life_ms));
    if (strpbrk(folder, "+#")) {
        return edge_fail(ctx, EDGE_INVALID, "parameter Subfolder must have no wildcard");
    }
    s->mqtt.client_id = edge_printf(a, "projects/%s/locations/%s/registries/%s/devices/%s",
                                    s->project, region, registry, device);
    s->mqtt.topic = edge_printf(a, "/devices/%s/events%s%s", device, *folder ? "/" : "", folder);
    s->mqtt.qos = (int)export_params_count(p, "Qos");
    s->mqtt.max_bytes = MESSAGE_MAX;
    s->mqtt.credentials = google_credentials;
    *ret = s;
    return EDGE_OK;
}

const struct export_function export_google = {
    .name = "GoogleExport",
    .doc = "Send to who keeps the conventions of Google's IoT Core.",
    .params = params,
    .compile = google_compile,
    .connector = &mqtt_connector,
};
