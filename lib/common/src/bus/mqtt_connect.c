/*
 * What paho is told of a connection, and what it says about one: a client of paho's, the options of a
 * CONNECT, and for each failure a text that says what an operator can do about it.
 */
#include "mqtt.h"

#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/text.h"

enum {
    FIGHT_BACKOFF_MS = 5000, /* among clients that push each other out nobody should be quick */
    STABLE_MS = 5000,        /* a connection that lasted: the next back-off starts afresh */
    SHORT_MS = 2000,         /* one that did not: perhaps somebody else has our client id */
    HANG_UP_MS = 2000,
};

/* ---- down, and why ------------------------------------------------------------------------ */

void mqtt_connect_set_down(struct edge_mqtt *m, const char *reason)
{
    if (m->state == MQTT_DOWN) {
        return;
    }
    int64_t now = edge_now_mono_ms();
    bool was_up = m->state >= MQTT_CONNECTED;
    bool short_lived = was_up && now - m->up_since_ms < SHORT_MS;
    m->n_short = short_lived ? m->n_short + 1 : was_up ? 0 : m->n_short;
    EDGE_CTX_SCOPE(own);
    if (m->n_short > 1) {
        reason =
            edge_printf(&own.arena, "%s (again soon: is another client using this id?)", reason);
    }
    edge_text_fit(m->reason, sizeof(m->reason), m->tls_fault[0] ? m->tls_fault : reason);
    m->tls_fault[0] = '\0';
    if (was_up) {
        m->quiet_until_ms = 0;
        m->broke = true;
    }
    if (was_up && now - m->up_since_ms >= STABLE_MS) {
        edge_backoff_reset(&m->backoff);
    }
    m->state = MQTT_DOWN;
    m->n_asked = m->n_acked = 0;
    int64_t longest_ms = m->config.retry_last_ms;
    m->backoff.last_ms =
        m->n_short > 1 && longest_ms < FIGHT_BACKOFF_MS ? FIGHT_BACKOFF_MS : longest_ms;
    m->next_ms = now + edge_backoff_next(&m->backoff);
    m->report = true;
    edge_cond_signal(&m->wake);
    edge_cond_broadcast(&m->changed);
}

static void down(struct edge_mqtt *m, const char *reason)
{
    EDGE_LOCK(&m->lock);
    mqtt_connect_set_down(m, reason);
}

static void on_connected(void *context, char *cause)
{
    (void)cause;
    struct edge_mqtt *m = context;
    EDGE_LOCK(&m->lock);
    m->state = MQTT_CONNECTED;
    m->up_since_ms = edge_now_mono_ms();
    m->epoch++;
    m->n_asked = m->n_acked = 0;
    mqtt_in_forget(m);
    m->tls_fault[0] = '\0';
    edge_cond_signal(&m->wake);
}

static void on_lost(void *context, char *cause)
{
    down(context, cause ? cause : "the broker closed the connection");
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
    (void)properties;
    EDGE_CTX_SCOPE(own);
    const char *text = MQTTReasonCode_toString(code);
    down(context, edge_printf(&own.arena, "the broker closed the connection: %s",
                              text ? text : "no reason"));
}

static void refused(struct edge_mqtt *m, const char *reason)
{
    EDGE_LOCK(&m->lock);
    m->backoff.floor_ms = m->config.retry_refused_ms;
    mqtt_connect_set_down(m, reason);
}

static void failed(struct edge_mqtt *m, const char *message)
{
    EDGE_LOCK(&m->lock);
    m->unsure = !m->tls_fault[0]; /* "TCP/TLS connect failure" */
    mqtt_connect_set_down(m, message ? message : "cannot connect");
}

/* Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3). */
static const char *refusal(int code)
{
    static const char *const texts[] = {
        [1] = "refused: protocol version",   [2] = "refused: client id",
        [3] = "refused: server unavailable", [4] = "refused: user name or password",
        [5] = "refused: not authorized",
    };
    bool known = code > 0 && code < (int)(sizeof(texts) / sizeof(texts[0]));
    return known ? texts[code] : NULL;
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data)
{
    const char *reason = data ? refusal(data->code) : NULL;
    if (reason) {
        refused(context, reason);
    } else {
        failed(context, data ? data->message : NULL);
    }
}

static void on_connect_failed_5(void *context, MQTTAsync_failureData5 *data)
{
    int code = data ? data->code : 0; /* where paho puts it in truth */
    const char *text = code >= MQTTREASONCODE_UNSPECIFIED_ERROR
                           ? MQTTReasonCode_toString((enum MQTTReasonCodes)code)
                           : NULL;
    if (text) {
        EDGE_CTX_SCOPE(own);
        refused(context, edge_printf(&own.arena, "refused: %s", text));
    } else {
        failed(context, data ? data->message : NULL);
    }
}

/* The broker's own bounds. */
static void on_connected_5(void *context, MQTTAsync_successData5 *data)
{
    struct edge_mqtt *m = context;
    EDGE_LOCK(&m->lock);
    m->window = m->config.window;
    m->max_packet = 0;
    MQTTProperties *all = &data->properties;
    if (MQTTProperties_hasProperty(all, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM)) {
        int n = MQTTProperties_getNumericValue(all, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
        m->window = n > 0 && (size_t)n < m->window ? (size_t)n : m->window;
    }
    if (MQTTProperties_hasProperty(all, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE)) {
        m->max_packet =
            (unsigned)MQTTProperties_getNumericValue(all, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE);
    }
}

/* OpenSSL's "id:error:number:library:function:reason:file:line:". */
static const char *tls_reason(struct edge_arena *a, const char *text)
{
    enum { REASON = 5 };
    const char *at = text;
    for (int i = 0; i < REASON && at; i++) {
        at = strchr(at, ':');
        at = at ? at + 1 : NULL;
    }
    at = at && strstr(text, ":error:") ? at : text;
    return edge_printf(a, "TLS: %s", edge_strndup(a, at, strcspn(at, at == text ? "\r\n" : ":")));
}

static int on_tls_fault(const char *text, size_t len, void *context)
{
    struct edge_mqtt *m = context;
    EDGE_LOCK(&m->lock);
    if (!m->tls_fault[0]) {
        EDGE_CTX_SCOPE(own);
        edge_text_fit(m->tls_fault, sizeof(m->tls_fault), tls_reason(&own.arena, text));
    }
    return (int)len;
}

/* ---- up ------------------------------------------------------------------------------------ */

static bool is_5(const struct edge_mqtt *m)
{
    return m->config.version == 5;
}

static int client_create(struct edge_mqtt *m, MQTTAsync *ret)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    options.maxBufferedMessages = (int)m->config.window + 1;
    int rc =
        MQTTAsync_createWithOptions(ret, m->uri, m->config.client_id, MQTTCLIENT_PERSISTENCE_NONE,
                                    NULL, is_5(m) ? &options : NULL);
    if (rc == MQTTASYNC_SUCCESS) {
        MQTTAsync_setCallbacks(*ret, m, on_lost, mqtt_in_take, NULL);
        MQTTAsync_setConnected(*ret, m, on_connected);
        if (is_5(m)) {
            MQTTAsync_setDisconnected(*ret, m, on_disconnected);
        }
    }
    return rc;
}

const char *mqtt_connect_prepare(struct edge_mqtt *m)
{
    MQTTAsync client = NULL;
    int rc = client_create(m, &client);
    if (rc != MQTTASYNC_SUCCESS) {
        const char *text = MQTTAsync_strerror(rc);
        return text ? text : "cannot connect";
    }
    m->client = client;
    return NULL;
}

void mqtt_connect_hang_up(struct edge_mqtt *m, const char *reason)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnect(m->client, &options); /* fails where there is nothing to hang up */
    down(m, reason);
}

/*
 * What paho had not sent when the connection broke it would send on the next one: before the
 * subscriptions are renewed, after what we took back, and be it an old command. A new client has no
 * such memory; the old one hands everything back as it goes.
 */
static void forget_leftovers(struct edge_mqtt *m)
{
    {
        EDGE_LOCK(&m->lock);
        if (m->in_flight == 0 || m->pumping) {
            return;
        }
    }
    MQTTAsync fresh = NULL;
    if (client_create(m, &fresh) == MQTTASYNC_SUCCESS) {
        mqtt_paho_replace(m, fresh); /* nobody sends while unconnected */
        mqtt_out_recall(m);
    }
}

static void tls_options(struct edge_mqtt *m, MQTTAsync_connectOptions *options,
                        MQTTAsync_SSLOptions *tls)
{
    const struct edge_mqtt_config *c = &m->config;
    if (!m->tls) {
        return;
    }
    tls->trustStore = c->ca;
    tls->keyStore = c->cert;
    tls->privateKey = c->key;
    tls->enableServerCertAuth = !c->skip_cert_verify;
    tls->verify = !c->skip_cert_verify;
    tls->ssl_error_cb = on_tls_fault;
    tls->ssl_error_context = m;
    if (m->alpn[0]) {
        tls->protos = m->alpn;
        tls->protos_len = m->alpn[0] + 1U;
    }
    options->ssl = tls;
}

static void will_options(const struct edge_mqtt *m, MQTTAsync_connectOptions *options,
                         MQTTAsync_willOptions *will)
{
    const struct edge_mqtt_message *said = m->config.will;
    if (said) {
        will->topicName = said->topic;
        will->payload.data = said->payload;
        will->payload.len = (int)said->size;
        will->qos = said->qos;
        will->retained = said->retained;
        options->will = will;
    }
}

static MQTTAsync_connectOptions connect_options(struct edge_mqtt *m)
{
    static const MQTTAsync_connectOptions version_3 = MQTTAsync_connectOptions_initializer,
                                          version_5 = MQTTAsync_connectOptions_initializer5;
    const struct edge_mqtt_config *c = &m->config;
    MQTTAsync_connectOptions options = is_5(m) ? version_5 : version_3;
    if (is_5(m)) {
        options.cleanstart = c->session_s == 0;
        options.onSuccess5 = on_connected_5;
        options.onFailure5 = on_connect_failed_5;
    } else {
        options.MQTTVersion = MQTTVERSION_3_1_1;
        options.cleansession = c->session_s == 0;
        options.onFailure = on_connect_failed; /* success: on_connected */
    }
    options.keepAliveInterval = c->keep_alive_s;
    options.connectTimeout = c->connect_timeout_s;
    {
        EDGE_LOCK(&m->lock);
        options.username = c->username;
        options.password = c->password;
    }
    options.context = m;
    return options;
}

/* Paho would look for the name with its lock held, and every client of the process would wait. */
static bool find_host(struct edge_mqtt *m)
{
    EDGE_CTX_SCOPE(own);
    const char *fault = mqtt_paho_obstacle(&own.arena, m->config.host, m->config.port, false, 0);
    if (fault) {
        down(m, fault);
    }
    return !fault;
}

void mqtt_connect_now(struct edge_mqtt *m)
{
    if (MQTTAsync_isConnected(m->client)) {
        mqtt_connect_hang_up(m, "connection is in disorder");
        return;
    }
    forget_leftovers(m);
    mqtt_out_blame(m);
    if (!find_host(m)) {
        return;
    }
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTAsync_connectOptions options = connect_options(m);
    tls_options(m, &options, &tls);
    will_options(m, &options, &will);
    if (is_5(m) && m->config.session_s > 0) {
        MQTTProperty session = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
        session.value.integer4 = m->config.session_s;
        MQTTProperties_add(&properties, &session);
        options.connectProperties = &properties;
    }
    int rc = MQTTAsync_connect(m->client, &options);
    MQTTProperties_free(&properties);
    if (rc != MQTTASYNC_SUCCESS) {
        const char *text = MQTTAsync_strerror(rc);
        down(m, text ? text : "cannot connect");
    }
}

/* ---- the end ------------------------------------------------------------------------------- */

static void hung_up(struct edge_mqtt *m)
{
    EDGE_LOCK(&m->lock);
    m->hung_up = true;
    edge_cond_broadcast(&m->changed);
}

static void on_hung_up(void *context, MQTTAsync_successData *data)
{
    (void)data;
    hung_up(context);
}

static void on_hung_up_5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    hung_up(context);
}

void mqtt_connect_say_goodbye(struct edge_mqtt *m)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    if (is_5(m)) {
        options.onSuccess5 = on_hung_up_5;
    } else {
        options.onSuccess = on_hung_up;
    }
    options.context = m;
    if (MQTTAsync_disconnect(m->client, &options) != MQTTASYNC_SUCCESS) {
        return;
    }
    int64_t deadline = edge_now_mono_ms() + HANG_UP_MS;
    EDGE_LOCK(&m->lock);
    while (!m->hung_up) {
        if (!edge_cond_wait_until(&m->changed, &m->lock, deadline)) {
            return;
        }
    }
}
