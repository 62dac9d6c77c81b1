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
    struct mqtt_stage mqtt;  /* the first */
    const char *shadow;      /* topic; its commands come below */
    const char *patterns[5]; /* ended by NULL */
    size_t n_patterns;
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
    MQTT_COMMANDS_PARAM,
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

/* {"clientToken": id, "code": 400, "message": ...} */
static void take_answer(struct mqtt *c, struct edge_ctx *ctx, const cJSON *tree, bool accepted)
{
    const cJSON *token = edge_json_member(tree, "clientToken", true);
    const cJSON *message = edge_json_member(tree, "message", true);
    int64_t code = 0;
    if (!cJSON_IsString(token)) {
        return; /* an answer to somebody else */
    }
    if (accepted) {
        mqtt_answer(c, token->valuestring, EXPORT_DELIVERED, "");
        return;
    }
    (void)edge_json_int(edge_json_member(tree, "code", true), &code);
    mqtt_answer(c, token->valuestring,
                code == 401 || code == 403   ? EXPORT_DENIED
                : code == 429 || code >= 500 ? EXPORT_RETRY
                                             : EXPORT_REJECTED,
                edge_printf(&ctx->arena, "shadow: %lld %s", (long long)code,
                            cJSON_IsString(message) ? message->valuestring : ""));
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static void aws_received(struct mqtt *c, const struct mqtt_stage *s,
                         const struct edge_mqtt_message *m)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    if (edge_json_parse(&ctx, m->payload, m->size, NULL, &tree) != EDGE_OK) {
        return;
    }
    const cJSON *state = edge_json_member(tree, "state", true);
    if (ends_with(m->topic, "/get/accepted")) {
        state = edge_json_member(state, "delta", true);
    } else if (!ends_with(m->topic, "/update/delta")) {
        take_answer(c, &ctx, tree, ends_with(m->topic, "/update/accepted"));
        return;
    }
    if (s->executed) {
        export_commands_add_settings(mqtt_commands(c), edge_json_member(state, "devices", true),
                                     NULL, "");
    }
}

/* What was wanted while nobody heard it. */
static void aws_heard(struct mqtt *c, const struct mqtt_stage *stage)
{
    EDGE_CTX_SCOPE(ctx);
    const struct aws_stage *s = (const struct aws_stage *)stage;
    mqtt_reply(c, edge_printf(&ctx.arena, "%s/get", s->shadow), "");
}

static void aws_executed(struct mqtt *c, const struct mqtt_stage *stage, struct edge_ctx *ctx,
                         const struct export_command *command, int code, const char *body)
{
    const struct aws_stage *s = (const struct aws_stage *)stage;
    mqtt_reply(c, edge_printf(&ctx->arena, "%s/update", s->shadow),
               edge_printf(&ctx->arena, "{\"state\":{\"reported\":%s}}",
                           export_command_report(&ctx->arena, command, code, body)));
}

/* ---- compiling ---- */

static enum edge_status aws_credentials(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                        struct mqtt_login *login)
{
    return mqtt_certificate(ctx, s, login->config);
}

static void listen(struct edge_arena *a, struct aws_stage *s, const char *base, const char *end)
{
    s->patterns[s->n_patterns++] = edge_printf(a, "%s%s", base, end);
    s->mqtt.patterns = s->patterns;
    s->mqtt.received = aws_received;
}

static enum edge_status take_shadow(struct edge_ctx *ctx, struct edge_arena *a,
                                    const struct export_params *p, struct aws_stage *s)
{
    const char *base = strchr(s->shadow, '{')
                           ? edge_printf(a, "$aws/things/%s/shadow/name/+", s->mqtt.client_id)
                           : s->shadow;
    if (*export_params_text(p, "Topic")) {
        return edge_fail(ctx, EDGE_INVALID, "parameters Topic and Shadow exclude each other");
    }
    s->mqtt.topic = edge_printf(a, "%s/update", s->shadow);
    listen(a, s, base, "/update/accepted");
    listen(a, s, base, "/update/rejected");
    s->mqtt.compose = shadow_compose;
    s->mqtt.answers = true;
    s->mqtt.window = SHADOWS_MAX;
    s->mqtt.qos = 1;
    return EDGE_OK;
}

static enum edge_status take_commands(struct edge_ctx *ctx, struct edge_arena *a,
                                      const struct export_params *p, struct aws_stage *s)
{
    const char *name = export_params_text(p, "ShadowName");
    if (strpbrk(name, "/+#")) {
        return edge_fail(ctx, EDGE_INVALID, "parameter ShadowName must have no / + #");
    }
    s->shadow =
        edge_printf(a, "$aws/things/%s/shadow%s%s", s->mqtt.client_id, *name ? "/name/" : "", name);
    if (!export_params_true(p, "Commands")) {
        return EDGE_OK;
    }
    if (strchr(name, '{')) {
        return edge_fail(ctx, EDGE_INVALID,
                         "parameter ShadowName must have no {placeholders} with Commands");
    }
    listen(a, s, s->shadow, "/update/delta");
    listen(a, s, s->shadow, "/get/accepted");
    s->mqtt.heard = aws_heard;
    s->mqtt.executed = aws_executed;
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
    EDGE_TRY(take_commands(ctx, a, p, s));
    return export_params_true(p, "Shadow") ? take_shadow(ctx, a, p, s) : take_topic(ctx, a, p, s);
}

const struct export_function export_aws = {
    .name = "AWSExport",
    .doc = "Send to AWS IoT Core or a Greengrass core.",
    .params = params,
    .compile = aws_compile,
    .connector = &mqtt_connector,
};
