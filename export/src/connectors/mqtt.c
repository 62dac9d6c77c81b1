/**
 * MQTTExport: a client of the stage's own broker. It is made when the first message comes, and made anew when its
 * secret changes; while the secret is missing, messages are denied, and wait. A message is delivered when the broker has
 * acknowledged it (QoS 0: when it is written), which has a deadline.
 */
#include "connectors.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/mqtt.h"
#include "edge/service.h"
#include "edge/text.h"
#include "edge/thread.h"

enum {
    WINDOW = 64,
    ACK_MS = 30 * 1000,
    SECRETS_MS = 1000,
    REFUSED_MS = 30 * 1000,
    QOS_MAX = 2,
    MQTT_MAX = 256 << 20
};

/* As EDGE_AUTH_MODES. */
enum auth_mode { AUTH_NONE, AUTH_PASSWORD, AUTH_CLIENT_CERT, AUTH_CA_CERT };
static const char *const VERSIONS[] = {"3.1.1", "5", NULL};

struct mqtt_stage {
    const struct export_host *host;
    const char *protocol, *broker_host, *topic, *client_id, *secret_name;
    uint16_t port;
    enum auth_mode auth;
    int version, qos, connect_timeout_s, keep_alive_s, retry_last_ms, ack_ms;
    bool retain, skip_verify, connect_first, has_will;
    struct edge_mqtt_message will;
    size_t max_bytes;
};

struct mqtt {
    const struct mqtt_stage *stage;
    struct export_connector_env env;
    struct edge_counter *errors;
    struct edge_histogram *size;

    struct edge_mutex lock;
    struct edge_mqtt *client EDGE_GUARDED; /* NULL: none yet, or its secret is missing */
    bool stopping EDGE_GUARDED;
    unsigned secrets; /* of the client; the queue's thread */
};

static const struct export_param params[] = {
    {"BrokerAddress",                                                "scheme://host:port; tcp, mqtt, ssl, tls, mqtts.", EXPORT_P_TEXT},
    {"Topic",                                                 "May have {placeholders}.", EXPORT_P_TEXT},
    {"SecretName",                                                        "username password clientcert clientkey cacert, as AuthMode needs them.",
     EXPORT_P_TEXT, .may_be_empty = true},
    {"AuthMode",                                                 "What the broker wants to see.", EXPORT_P_ONE_OF, .names = EDGE_AUTH_MODES},
    {"ClientId",                                                   "Each client of a broker has its own.", EXPORT_P_TEXT},
    {"Qos",                                                  "0, 1 or 2. With 0 nobody knows what arrives.", EXPORT_P_COUNT, .def = "0",
     .max = QOS_MAX},
    {"Retain",                                                              "The broker keeps the last one.", EXPORT_P_BOOL, .def = "false"},
    {"AutoReconnect","Taken for its name: a lost connection is always made again.", EXPORT_P_BOOL,
     .def = "false"},
    {"SkipVerify",                                      "Do not look at the broker's certificate.", EXPORT_P_BOOL, .def = "false"},
    {"ConnectTimeout",                                                     "Of one attempt.", EXPORT_P_DURATION, .def = "5s"},
    {"KeepAlive",                                                 "Without a word so long, the broker is asked.", EXPORT_P_DURATION, .def = "10s"},
    {"MaxReconnectInterval",                                                          "Between two attempts, at most.", EXPORT_P_DURATION, .def = "2m"},
    {"PersistOnError",                                                "Keep what could not be sent, and send it later.", EXPORT_P_BOOL,
     .def = "false"},
    {"WillEnabled",                                                 "The broker says something when the connection breaks.", EXPORT_P_BOOL,
     .def = "false"},
    {"WillTopic",                                                       "Where.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"WillPayload",                                                 "What.", EXPORT_P_TEXT, .def = "", .may_be_empty = true},
    {"WillQos",                                                              "Of the will alone.", EXPORT_P_COUNT, .def = "0", .max = QOS_MAX},
    {"WillRetained",                   "The broker keeps it.", EXPORT_P_BOOL, .def = "false"},
    {"PreConnect",                                                 "Connect before the first message comes; nothing waits for it.", EXPORT_P_BOOL,
     .def = "false"},
    {"PreConnectRetryCount",                                                   "Taken for its name: there are attempts until one succeeds.",
     EXPORT_P_COUNT, .def = "6"},
    {"PreConnectRetryInterval",                                                 "Likewise.", EXPORT_P_DURATION, .def = "10s"},
    {"Version",                                                              "Of MQTT.", EXPORT_P_ONE_OF, .def = "3.1.1", .names = VERSIONS},
    {"AckTimeout","Without an acknowledgement so long: connect anew, send again.",
     EXPORT_P_DURATION, .def = "30s"},
    {"MaxMessageSize",
     "Bytes the broker takes; larger ones are put aside unsent: brokers acknowledge "
     "and drop them. 0: what MQTT has room for.", EXPORT_P_COUNT, .def = "0"},
    {NULL                                                   },
};

/* ---- compiling ---- */

static int seconds(const struct export_params *p, const char *name)
{
    int64_t ms = export_params_ms(p, name);
    return ms <= 0 ? 0 : ms > 60000 * 1000 ? 60000 : (int)((ms + 999) / 1000);
}

static int milliseconds(const struct export_params *p, const char *name)
{
    int64_t ms = export_params_ms(p, name);
    return ms <= 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
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

static enum edge_status mqtt_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct export_host *host, const struct export_params *p,
                                     void **ret)
{
    struct mqtt_stage *s = edge_new(a, struct mqtt_stage);
    int64_t max = export_params_count(p, "MaxMessageSize");
    s->host = host;
    s->topic = edge_strdup(a, export_params_text(p, "Topic"));
    s->client_id = edge_strdup(a, export_params_text(p, "ClientId"));
    s->secret_name = edge_strdup(a, export_params_text(p, "SecretName"));
    s->auth = (enum auth_mode)export_params_choice(p, "AuthMode");
    s->version = export_params_choice(p, "Version") == 1 ? 5 : 4;
    s->connect_timeout_s = seconds(p, "ConnectTimeout");
    s->keep_alive_s = seconds(p, "KeepAlive");
    s->retry_last_ms = milliseconds(p, "MaxReconnectInterval");
    s->ack_ms = milliseconds(p, "AckTimeout");
    s->ack_ms = s->ack_ms > 0 ? s->ack_ms : ACK_MS;
    s->retain = export_params_true(p, "Retain");
    s->skip_verify = export_params_true(p, "SkipVerify");
    s->connect_first = export_params_true(p, "PreConnect");
    s->max_bytes = max > 0 && max < MQTT_MAX ? (size_t)max : EXPORT_RECORD_MAX;
    s->qos = (int)export_params_count(p, "Qos");
    EDGE_TRY(take_broker(ctx, a, export_params_text(p, "BrokerAddress"), s));
    EDGE_TRY(take_will(ctx, a, p, s));
    if (s->auth != AUTH_NONE && !*s->secret_name) {
        return edge_fail(ctx, EDGE_INVALID, "parameter SecretName must be given with AuthMode %s",
                         EDGE_AUTH_MODES[s->auth]);
    }
    if (strpbrk(s->topic, "+#")) {
        return edge_fail(ctx, EDGE_INVALID, "parameter Topic must have no wildcard");
    }
    *ret = s;
    return EDGE_OK;
}

/* ---- the client ---- */

static void on_settled(void *state, void *token, enum edge_mqtt_fate fate, const char *reason)
{
    struct mqtt *c = state;
    struct export_outcome outcome = {.reason = reason};
    switch (fate) {
    case EDGE_MQTT_SENT:
        outcome.fate = EXPORT_DELIVERED;
        break;
    case EDGE_MQTT_REFUSED:
        outcome.fate = !reason || strstr(reason, "uota") || strstr(reason, "busy") ? EXPORT_RETRY
                       : strcasestr(reason, "not authorized")                      ? EXPORT_DENIED
                                                              : EXPORT_REJECTED;
        break;
    case EDGE_MQTT_EXPIRED: /* the spool drops it when it is read again */
    case EDGE_MQTT_DISPLACED:
    case EDGE_MQTT_BROKE:
        outcome.fate = EXPORT_RETRY;
        break;
    case EDGE_MQTT_UNSENT:
        outcome.fate = EXPORT_UNSENT;
        break;
    }
    if (c->errors && outcome.fate != EXPORT_DELIVERED && outcome.fate != EXPORT_UNSENT) {
        edge_counter_add(c->errors, 1);
    }
    (void)c->env.settle(c->env.queue, token, &outcome);
}

static void on_changed(void *state, bool up, const char *reason)
{
    struct mqtt *c = state;
    bool denied =
        reason && (strstr(reason, "refused: user name") || strcasestr(reason, "not authorized"));
    c->env.line(c->env.queue,
                up       ? EXPORT_LINE_UP
                : denied ? EXPORT_LINE_DENIED
                         : EXPORT_LINE_DOWN,
                reason);
}

static enum edge_status secret(struct edge_ctx *ctx, const struct mqtt_stage *s, const char *key,
                               const char **ret)
{
    return edge_wrap(ctx,
                     s->host->secret(s->host->state, ctx, &ctx->arena, s->secret_name, key, ret),
                     "secret '%s'", s->secret_name);
}

static enum edge_status take_secret(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                    struct edge_mqtt_config *config)
{
    if (s->auth == AUTH_PASSWORD) {
        EDGE_TRY(secret(ctx, s, "username", &config->username));
        EDGE_TRY(secret(ctx, s, "password", &config->password));
    } else if (s->auth == AUTH_CLIENT_CERT) {
        EDGE_TRY(secret(ctx, s, "clientcert", &config->cert));
        EDGE_TRY(secret(ctx, s, "clientkey", &config->key));
    } else if (s->auth == AUTH_CA_CERT) {
        return secret(ctx, s, "cacert", &config->ca);
    }
    if (s->auth != AUTH_NONE && secret(ctx, s, "cacert", &config->ca) != EDGE_OK) {
        edge_ctx_clear(ctx); /* it need not have one */
        config->ca = NULL;
    }
    return EDGE_OK;
}

static unsigned version_of(const struct mqtt_stage *s)
{
    return s->auth != AUTH_NONE && s->host->secrets_version
               ? s->host->secrets_version(s->host->state)
               : 0;
}

static enum edge_status connect_to(struct edge_ctx *ctx, struct mqtt *c)
{
    const struct mqtt_stage *s = c->stage;
    struct edge_mqtt_config config = {
        .protocol = s->protocol,
        .host = s->broker_host,
        .port = s->port,
        .version = s->version,
        .client_id = s->client_id,
        .skip_cert_verify = s->skip_verify,
        .keep_alive_s = s->keep_alive_s,
        .connect_timeout_s = s->connect_timeout_s,
        .retry_last_ms = s->retry_last_ms,
        .retry_refused_ms = REFUSED_MS,
        .ack_timeout_ms = s->ack_ms,
        .max_message = s->max_bytes,
        .window = WINDOW,
        .will = s->has_will ? &s->will : NULL,
        .state = c,
        .settled = on_settled,
        .changed = on_changed,
        .log = c->env.log,
    };
    struct edge_mqtt *client = NULL;
    c->secrets = version_of(s);
    EDGE_TRY(take_secret(ctx, s, &config));
    EDGE_TRY(edge_mqtt_open(ctx, &config, &client));
    {
        EDGE_LOCK(&c->lock);
        if (!c->stopping) {
            c->client = client;
            return EDGE_OK;
        }
    }
    edge_mqtt_free(client);
    return edge_fail(ctx, EDGE_UNAVAILABLE, "stopping");
}

static struct edge_mqtt *client_of(struct mqtt *c)
{
    EDGE_LOCK(&c->lock);
    return c->stopping ? NULL : c->client;
}

static bool stops(struct mqtt *c)
{
    EDGE_LOCK(&c->lock);
    return c->stopping;
}

/* ---- the connector ---- */

static enum edge_status mqtt_open(struct edge_ctx *ctx, const void *stage,
                                  const struct export_connector_env *env, void **ret)
{
    struct mqtt *c = edge_xalloc(1, sizeof(*c));
    c->stage = stage;
    c->env = *env;
    edge_mutex_init(&c->lock);
    if (env->metrics) {
        c->errors = edge_counter(env->metrics, "MqttExportErrors", "Messages that failed.");
        c->size = edge_histogram(env->metrics, "MqttExportSize", "Bytes of what was sent.");
    }
    if (c->stage->connect_first && connect_to(ctx, c) != EDGE_OK) {
        edge_ctx_clear(ctx); /* the first message has a place for the reason */
    }
    *ret = c;
    return EDGE_OK;
}

static enum edge_status publish(struct edge_ctx *ctx, struct edge_mqtt *client,
                                const struct mqtt_stage *s, const struct export_message *m,
                                const char *topic)
{
    struct edge_mqtt_property id = {"id", m->id};
    struct edge_mqtt_message out = {
        .topic = topic,
        .payload = m->payload,
        .size = m->size,
        .qos = s->qos,
        .retained = s->retain,
        .content_type = m->content_type,
        .properties = &id,
        .n_properties = 1,
    };
    struct edge_mqtt_delivery delivery = {.token = m->token};
    if (m->expires_ms > 0) {
        int64_t left_ms = m->expires_ms - edge_now_ms();
        delivery.expires_ms = edge_now_mono_ms() + (left_ms > 0 ? left_ms : 0);
        out.expiry_s = left_ms > 0 ? (uint32_t)((left_ms + 999) / 1000) : 1;
    }
    return edge_mqtt_publish(ctx, client, &out, &delivery);
}

static void mqtt_send(void *connector, struct edge_ctx *ctx, const struct export_message *m)
{
    struct mqtt *c = connector;
    struct edge_mqtt *client = client_of(c);
    const char *topic;
    enum export_fate otherwise = EXPORT_REJECTED;
    enum edge_status st = connector_topic(ctx, m, c->stage->topic, &topic);
    if (st == EDGE_OK && !client) {
        otherwise = EXPORT_DENIED;
        st = connect_to(ctx, c);
        client = client_of(c);
    }
    if (st == EDGE_OK && client) {
        size_t size = m->size; /* m may be settled before publish returns */
        st = publish(ctx, client, c->stage, m, topic);
        if (st == EDGE_OK) {
            if (c->size) {
                edge_histogram_add(c->size, size);
            }
            return;
        }
        otherwise = st == EDGE_UNAVAILABLE ? EXPORT_RETRY : EXPORT_REJECTED;
    }
    connector_settle(&c->env, m, stops(c) ? EXPORT_UNSENT : otherwise, edge_ctx_message(ctx, st));
}

static void mqtt_limits(const void *stage, unsigned *window, size_t *max_bytes)
{
    (void)window;
    *max_bytes = ((const struct mqtt_stage *)stage)->max_bytes;
}

/* With a new secret, a new client: what the old one had comes back unsent. */
static int64_t mqtt_tick(void *connector, struct edge_ctx *ctx)
{
    struct mqtt *c = connector;
    struct edge_mqtt *old = client_of(c);
    if (c->stage->auth == AUTH_NONE || !old) {
        return INT64_MAX;
    }
    if (version_of(c->stage) == c->secrets) {
        return edge_now_mono_ms() + SECRETS_MS;
    }
    ctx->log = c->env.log;
    edge_log_info(ctx, "secrets changed: connecting anew", "queue", c->env.name, NULL);
    {
        EDGE_LOCK(&c->lock);
        if (c->stopping) {
            return INT64_MAX; /* it is being stopped already */
        }
        c->client = NULL;
    }
    edge_mqtt_stop(old, edge_now_mono_ms());
    edge_mqtt_free(old);
    return edge_now_mono_ms();
}

static void mqtt_retry(void *connector)
{
    struct mqtt *c = connector;
    EDGE_LOCK(&c->lock); /* the client is not freed meanwhile */
    if (c->client) {
        edge_mqtt_retry(c->client);
    }
}

static void mqtt_stop(void *connector, int64_t deadline_ms)
{
    struct mqtt *c = connector;
    struct edge_mqtt *client;
    {
        EDGE_LOCK(&c->lock);
        c->stopping = true;
        client = c->client;
    }
    if (client) {
        edge_mqtt_stop(client, deadline_ms);
    }
}

static void mqtt_close(void *connector)
{
    struct mqtt *c = connector;
    struct edge_mqtt *client;
    {
        EDGE_LOCK(&c->lock);
        client = c->client;
    }
    edge_mqtt_free(client);
    edge_mutex_done(&c->lock);
    free(c);
}

static const struct export_connector MQTT = {
    .window = WINDOW,
    .limits = mqtt_limits,
    .open = mqtt_open,
    .send = mqtt_send,
    .tick = mqtt_tick,
    .retry = mqtt_retry,
    .stop = mqtt_stop,
    .close = mqtt_close,
};

const struct export_function export_mqtt = {
    .name = "MQTTExport",
    .doc = "Send to an MQTT broker.",
    .params = params,
    .compile = mqtt_compile,
    .connector = &MQTT,
};
