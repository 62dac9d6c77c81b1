/** MQTTExport: to the operator's own broker, as the parameters say. The client behind it is mqtt_client.c. */
#include "connectors.h"
#include "mqtt_client.h"

#include <string.h>

#include "edge/service.h"

enum { QOS_MAX = 2, MQTT_MAX = 256 << 20 };

/* As EDGE_AUTH_MODES. */
enum auth_mode { AUTH_NONE, AUTH_PASSWORD, AUTH_CLIENT_CERT, AUTH_CA_CERT };
static const char *const VERSIONS[] = {"3.1.1", "5", NULL};

/* clang-format off */
static const struct export_param params[] = {
    {"BrokerAddress", "scheme://host:port; tcp, mqtt, ssl, tls, mqtts.", EXPORT_P_TEXT},
    {"Topic", "May have {placeholders}.", EXPORT_P_TEXT},
    {"SecretName", "username password clientcert clientkey cacert, as AuthMode needs them.", EXPORT_P_TEXT, .may_be_empty = true},
    {"AuthMode", "What the broker wants to see.", EXPORT_P_ONE_OF, .names = EDGE_AUTH_MODES},
    {"ClientId", "Each client of a broker has its own.", EXPORT_P_TEXT},
    {"Qos", "0, 1 or 2. With 0 nobody knows what arrives.", EXPORT_P_COUNT, .def = "0", .max = QOS_MAX},
    {"Retain", "The broker keeps the last one.", EXPORT_P_BOOL, .def = "false"},
    {"AutoReconnect", "Taken for its name: a lost connection is always made again.", EXPORT_P_BOOL, .def = "false"},
    {"SkipVerify", "Do not look at the broker's certificate.", EXPORT_P_BOOL, .def = "false"},
    {"ConnectTimeout", "Of one attempt.", EXPORT_P_DURATION, .def = "5s"},
    {"KeepAlive", "Without a word so long, the broker is asked.", EXPORT_P_DURATION, .def = "10s"},
    {"MaxReconnectInterval", "Between two attempts, at most.", EXPORT_P_DURATION, .def = "2m"},
    {"PersistOnError", "Keep what could not be sent, and send it later.", EXPORT_P_BOOL, .def = "false"},
    {"WillEnabled", "The broker says something when the connection breaks.", EXPORT_P_BOOL, .def = "false"},
    {"WillTopic", "Where.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"WillPayload", "What.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"WillQos", "Of the will alone.", EXPORT_P_COUNT, .def = "0", .max = QOS_MAX},
    {"WillRetained", "The broker keeps it.", EXPORT_P_BOOL, .def = "false"},
    {"PreConnect", "Connect before the first message comes; nothing waits for it.", EXPORT_P_BOOL, .def = "false"},
    {"PreConnectRetryCount", "Taken for its name: there are attempts until one succeeds.", EXPORT_P_COUNT, .def = "6"},
    {"PreConnectRetryInterval", "Likewise.", EXPORT_P_DURATION, .def = "10s"},
    {"Version", "Of MQTT.", EXPORT_P_ONE_OF, .def = "3.1.1", .names = VERSIONS},
    {"AckTimeout", "Without an acknowledgement so long: connect anew, send again.", EXPORT_P_DURATION, .def = "30s"},
    {"MaxMessageSize", "Bytes the broker takes; larger ones are put aside unsent: brokers acknowledge and drop them. 0: what MQTT has room for.", EXPORT_P_COUNT, .def = "0"},
    {NULL},
};
/* clang-format on */

static enum edge_status with_password(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                      struct mqtt_login *login)
{
    EDGE_TRY(mqtt_secret(ctx, s, "username", &login->config->username));
    EDGE_TRY(mqtt_secret(ctx, s, "password", &login->config->password));
    login->config->ca = mqtt_secret_if_any(ctx, s, "cacert");
    return EDGE_OK;
}

static enum edge_status with_certificate(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                         struct mqtt_login *login)
{
    return mqtt_certificate(ctx, s, login->config);
}

static enum edge_status with_ca(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                struct mqtt_login *login)
{
    return mqtt_secret(ctx, s, "cacert", &login->config->ca);
}

static enum edge_status take_broker(struct edge_ctx *ctx, struct edge_arena *a, const char *url,
                                    struct mqtt_stage *s)
{
    if (strncmp(url, "tcps://", 7) == 0) { /* an official name for the same */
        url = edge_printf(a, "ssl://%s", url + 7);
    }
    return edge_wrap(ctx, edge_mqtt_url(ctx, a, url, &s->protocol, &s->broker_host, &s->port),
                     "parameter BrokerAddress");
}

static enum edge_status take_will(struct edge_ctx *ctx, struct edge_arena *a,
                                  const struct export_params *p, struct mqtt_stage *s)
{
    const char *payload = export_params_text(p, "WillPayload");
    s->has_will = export_params_true(p, "WillEnabled");
    s->will.qos = (int)export_params_count(p, "WillQos");
    s->will.topic = edge_strdup(a, export_params_text(p, "WillTopic"));
    s->will.payload = edge_strdup(a, payload);
    s->will.size = strlen(payload);
    s->will.retained = export_params_true(p, "WillRetained");
    if (s->has_will && !*s->will.topic) {
        return edge_fail(ctx, EDGE_INVALID, "parameter WillTopic must be given with WillEnabled");
    }
    return EDGE_OK;
}

static enum edge_status take_auth(struct edge_ctx *ctx, const struct export_params *p,
                                  struct mqtt_stage *s)
{
    unsigned mode = export_params_choice(p, "AuthMode");
    s->credentials = mode == AUTH_PASSWORD      ? with_password
                     : mode == AUTH_CLIENT_CERT ? with_certificate
                     : mode == AUTH_CA_CERT     ? with_ca
                                                : NULL;
    if (s->credentials && !*s->secret_name) {
        return edge_fail(ctx, EDGE_INVALID, "parameter SecretName must be given with AuthMode %s",
                         EDGE_AUTH_MODES[mode]);
    }
    return EDGE_OK;
}

static enum edge_status mqtt_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct export_host *host, const struct export_params *p,
                                     void **ret)
{
    struct mqtt_stage *s = edge_new(a, struct mqtt_stage);
    int64_t max = export_params_count(p, "MaxMessageSize");
    mqtt_take_params(a, host, p, s);
    s->topic = edge_strdup(a, export_params_text(p, "Topic"));
    s->client_id = edge_strdup(a, export_params_text(p, "ClientId"));
    s->version = export_params_choice(p, "Version") == 1 ? 5 : 4;
    s->retain = export_params_true(p, "Retain");
    s->skip_verify = export_params_true(p, "SkipVerify");
    s->connect_first = export_params_true(p, "PreConnect");
    s->max_bytes = max > 0 && max < MQTT_MAX ? (size_t)max : EDGE_SPOOL_RECORD_MAX;
    s->qos = (int)export_params_count(p, "Qos");
    EDGE_TRY(take_broker(ctx, a, export_params_text(p, "BrokerAddress"), s));
    EDGE_TRY(take_will(ctx, a, p, s));
    EDGE_TRY(take_auth(ctx, p, s));
    if (strpbrk(s->topic, "+#")) {
        return edge_fail(ctx, EDGE_INVALID, "parameter Topic must have no wildcard");
    }
    *ret = s;
    return EDGE_OK;
}

const struct export_function export_mqtt = {
    .name = "MQTTExport",
    .doc = "Send to an MQTT broker.",
    .params = params,
    .compile = mqtt_compile,
    .connector = &mqtt_connector,
};
