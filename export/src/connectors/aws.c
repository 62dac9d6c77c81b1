/**
 * AWSExport: messages to AWS IoT Core, or a Greengrass core, as a thing with its certificate; or what it reads as the
 * reported state of the thing's shadow, which is done when the shadow has taken it.
 */
#include "connectors.h"
#include "mqtt_client.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"

enum {
    PORT_443 = 443,
    MESSAGE_MAX = 128 << 10,
    SHADOW_MAX = 8 << 10,
    TOPIC_MAX = 256,
    SLASHES_MAX = 7,
    RULE_SLASHES = 3, /* of "$aws/rules/NAME/", which do not count */
    CLIENT_ID_MAX = 128,
    KEEP_ALIVE_MIN_S = 30,
    KEEP_ALIVE_MAX_S = 1200,
    SHADOWS_MAX = 10, /* under way */
};

struct aws_stage {
    struct mqtt_stage mqtt; /* the first */
    const char *patterns[3];
};

static const struct export_param params[] = {
    {"Endpoint",           "prefix-ats.iot.region.amazonaws.com, or a Greengrass core.", EXPORT_P_TEXT},
    {"Thing",       "Its name is the client id, too.", EXPORT_P_TEXT},
    {"Topic",              "May have {placeholders}. Not with Shadow.", EXPORT_P_TEXT, .def = "",
     .may_be_empty = true},
    {"Shadow",       "Write values to the thing's shadow, as reported, instead of messages to a topic.",
     EXPORT_P_BOOL, .def = "false"},
    {"ShadowName",              "Of a named shadow; may have {placeholders}: {devicename}.", EXPORT_P_TEXT,
     .def = "", .may_be_empty = true},
    {"SecretName",       "clientcert clientkey; cacert, where it is not the system's.", EXPORT_P_TEXT},
    {"Qos", "0 or 1. With 0 nobody knows what arrives.", EXPORT_P_COUNT, .def = "1", .max = 1},
    {"Port",             "8883, or 443.", EXPORT_P_COUNT, .def = "8883", .min = 1, .max = UINT16_MAX},
    {"Alpn",        "What TLS is for, where the port does not say: x-amzn-mqtt-ca with 443.",
     EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    MQTT_PARAMS,
    {NULL                   },
};

/* ---- messages ---- */

static enum edge_status check_topic(struct edge_ctx *ctx, const char *topic)
{
    static const char rules[] = "$aws/rules/";
    int slashes = strncmp(topic, rules, sizeof(rules) - 1) == 0 ? -RULE_SLASHES : 0;
    for (const char *c = topic; *c; c++) {
        slashes += *c == '/';
    }
    if (!*topic || strpbrk(topic, "+#")) {
        return edge_fail(ctx, EDGE_INVALID, "topic '%s' is empty or has a wildcard", topic);
    }
    if (strlen(topic) > TOPIC_MAX || slashes > SLASHES_MAX) {
        return edge_fail(ctx, EDGE_INVALID, "topic '%s' has more than %d bytes or %d slashes",
                         topic, TOPIC_MAX, SLASHES_MAX);
    }
    return EDGE_OK;
}

static enum edge_status message_compose(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                        void *memory, const struct export_message *m,
                                        struct edge_mqtt_message *out)
{
    (void)s, (void)memory, (void)m;
    return check_topic(ctx, out->topic);
}

/* {"state":{"reported":{resource: value}},"clientToken":id} */
static enum edge_status shadow_compose(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                       void *memory, const struct export_message *m,
                                       struct edge_mqtt_message *out)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    const cJSON *values;
    (void)s, (void)memory;
    EDGE_TRY(connector_values(ctx, m, &values));
    edge_buf_puts(&b, "{\"state\":{\"reported\":");
    edge_json_put(&b, values);
    edge_buf_printf(&b, "},\"clientToken\":\"%s\"}", m->id);
    if (b.len > SHADOW_MAX) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "%zu bytes are more than the %d of a shadow", b.len,
                         SHADOW_MAX);
    }
    out->payload = edge_strndup(&ctx->arena, b.data, b.len);
    out->size = b.len;
    return EDGE_OK;
}

/* .../update/accepted, .../update/rejected: {"clientToken": id, "code": 400, "message": ...} */
static void shadow_received(struct mqtt *c, const struct mqtt_stage *s,
                            const struct edge_mqtt_message *m)
{
    static const char accepted[] = "/accepted";
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree, *token, *message;
    int64_t code = 0;
    size_t len = strlen(m->topic);
    (void)s;
    if (edge_json_parse(&ctx, m->payload, m->size, NULL, &tree) != EDGE_OK ||
        !cJSON_IsString(token = edge_json_member(tree, "clientToken", true))) {
        return; /* an answer to somebody else */
    }
    if (len >= sizeof(accepted) && strcmp(m->topic + len - (sizeof(accepted) - 1), accepted) == 0) {
        mqtt_answer(c, token->valuestring, EXPORT_DELIVERED, "");
        return;
    }
    message = edge_json_member(tree, "message", true);
    (void)edge_json_int(edge_json_member(tree, "code", true), &code);
    mqtt_answer(c, token->valuestring,
                code == 401 || code == 403   ? EXPORT_DENIED
                : code == 429 || code >= 500 ? EXPORT_RETRY
                                             : EXPORT_REJECTED,
                edge_printf(&ctx.arena, "shadow: %lld %s", (long long)code,
                            cJSON_IsString(message) ? message->valuestring : ""));
}

/* ---- compiling ---- */

static enum edge_status aws_credentials(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                        struct mqtt_login *login)
{
    return mqtt_certificate(ctx, s, login->config);
}

static enum edge_status take_shadow(struct edge_ctx *ctx, struct edge_arena *a,
                                    const struct export_params *p, struct aws_stage *s)
{
    const char *name = export_params_text(p, "ShadowName");
    const char *base = edge_printf(a, "$aws/things/%s/shadow", s->mqtt.client_id);
    const char *any = strchr(name, '{') ? "+" : name;
    if (*export_params_text(p, "Topic")) {
        return edge_fail(ctx, EDGE_INVALID, "parameters Topic and Shadow exclude each other");
    }
    if (strpbrk(name, "/+#")) {
        return edge_fail(ctx, EDGE_INVALID, "parameter ShadowName must have no / + #");
    }
    s->mqtt.topic = edge_printf(a, "%s%s%s/update", base, *name ? "/name/" : "", name);
    base = edge_printf(a, "%s%s%s/update", base, *name ? "/name/" : "", any);
    s->patterns[0] = edge_printf(a, "%s/accepted", base);
    s->patterns[1] = edge_printf(a, "%s/rejected", base);
    s->mqtt.patterns = s->patterns;
    s->mqtt.compose = shadow_compose;
    s->mqtt.received = shadow_received;
    s->mqtt.window = SHADOWS_MAX;
    s->mqtt.qos = 1;
    return EDGE_OK;
}

static enum edge_status take_topic(struct edge_ctx *ctx, struct edge_arena *a,
                                   const struct export_params *p, struct aws_stage *s)
{
    s->mqtt.topic = edge_strdup(a, export_params_text(p, "Topic"));
    s->mqtt.compose = message_compose;
    s->mqtt.qos = (int)export_params_count(p, "Qos");
    if (strchr(s->mqtt.topic, '{')) {
        return EDGE_OK; /* when it is known */
    }
    return edge_wrap(ctx, check_topic(ctx, s->mqtt.topic), "parameter Topic");
}

static enum edge_status aws_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                    const struct export_host *host, const struct export_params *p,
                                    void **ret)
{
    struct aws_stage *s = edge_new(a, struct aws_stage);
    const char *alpn = export_params_text(p, "Alpn");
    mqtt_take_cloud(a, host, p, edge_strdup(a, export_params_text(p, "Endpoint")), &s->mqtt);
    EDGE_TRY(mqtt_take_level(ctx, a, p, "Thing", &s->mqtt.client_id));
    if (strlen(s->mqtt.client_id) > CLIENT_ID_MAX || strchr(s->mqtt.client_id, '{')) {
        return edge_fail(ctx, EDGE_INVALID, "parameter Thing must have %d bytes at most, and no {",
                         CLIENT_ID_MAX);
    }
    EDGE_TRY(mqtt_check_keep_alive(ctx, &s->mqtt, KEEP_ALIVE_MIN_S, KEEP_ALIVE_MAX_S));
    s->mqtt.alpn = *alpn                      ? edge_strdup(a, alpn)
                   : s->mqtt.port == PORT_443 ? "x-amzn-mqtt-ca"
                                              : NULL;
    s->mqtt.max_bytes = MESSAGE_MAX;
    s->mqtt.hangs_up = true;
    s->mqtt.credentials = aws_credentials;
    *ret = s;
    return export_params_true(p, "Shadow") ? take_shadow(ctx, a, p, s) : take_topic(ctx, a, p, s);
}

const struct export_function export_aws = {
    .name = "AWSExport",
    .doc = "Send to AWS IoT Core or a Greengrass core.",
    .params = params,
    .compile = aws_compile,
    .connector = &mqtt_connector,
};
