/*
 * The way in over MQTT: which patterns the broker is asked for, and what it sends because of them.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/bus.h"
#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/log.h"
#include "mqtt.h"

enum { REFUSED = 0x80 }; /* by the broker's rules, in a SUBACK; MQTT 5: and above */

/* Subscriptions under way. */
struct asking {
    struct edge_mqtt *mqtt;
    unsigned epoch;
    size_t first, n;
};

/* The one that is wanted, else the last one of that text; NULL: never heard of. */
static struct pattern *pattern_find(struct edge_mqtt *m, const char *text) EDGE_REQUIRES(m->lock)
{
    for (size_t i = m->n_patterns; i > 0; i--) {
        if (strcmp(m->patterns[i - 1].text, text) == 0) {
            return &m->patterns[i - 1];
        }
    }
    return NULL;
}

void edge_mqtt_subscribe(struct edge_mqtt *m, const char *pattern, int qos)
{
    EDGE_LOCK(&m->lock);
    struct pattern *known = pattern_find(m, pattern);
    if (known && !known->unwanted) {
        return;
    }
    if (known && !known->left) { /* in its place; and the broker sends again what it retains */
        known->left = true;
        m->n_leaving--;
    }
    const char *text = known ? known->text : edge_strdup(&m->arena, pattern);
    edge_make_room(NULL, m->patterns, m->n_patterns, m->cap_patterns);
    m->patterns[m->n_patterns++] = (struct pattern){.text = text, .qos = qos};
    edge_cond_signal(&m->wake);
}

void edge_mqtt_unsubscribe(struct edge_mqtt *m, const char *pattern)
{
    EDGE_LOCK(&m->lock);
    struct pattern *known = pattern_find(m, pattern);
    if (known && !known->unwanted) {
        known->unwanted = true;
        m->n_leaving++;
        edge_cond_signal(&m->wake);
    }
}

void mqtt_in_forget(struct edge_mqtt *m)
{
    size_t n = 0;
    bool clean =
        m->config.session_s == 0; /* else the broker knows our patterns until told otherwise */
    m->n_leaving = 0;
    for (size_t i = 0; i < m->n_patterns; i++) {
        struct pattern *p = &m->patterns[i];
        if (!p->unwanted || (!p->left && !clean)) {
            m->n_leaving += p->unwanted;
            m->patterns[n++] = *p;
        }
    }
    m->n_patterns = n;
}

static void asking_end(struct asking *asking, bool answered)
{
    struct edge_mqtt *m = asking->mqtt;
    {
        EDGE_LOCK(&m->lock);
        if (answered && asking->epoch == m->epoch) {
            m->n_acked = asking->first + asking->n;
        }
        m->progress++;
        edge_cond_signal(&m->wake);
        edge_cond_broadcast(&m->changed);
    }
    free(asking);
}

static void tell_answer(const struct asking *asking, size_t i, int code)
{
    struct edge_mqtt *m = asking->mqtt;
    const char *pattern, *refusal = NULL;
    {
        EDGE_LOCK(&m->lock);
        if (asking->epoch != m->epoch || m->patterns[asking->first + i].unwanted) {
            return;
        }
        pattern = m->patterns[asking->first + i].text;
    }
    if (code >= REFUSED) {
        refusal = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
        refusal = refusal ? refusal : "refused";
        struct edge_ctx ctx = {.log = m->config.log};
        edge_log_error(&ctx, "broker refused a subscription", "topic", pattern, NULL);
    }
    if (m->config.subscribed) {
        m->config.subscribed(m->config.state, pattern, refusal);
    }
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
    struct asking *asking = context;
    for (size_t i = 0; i < asking->n; i++) {
        int granted = asking->n == 1 ? data->alt.qos : data->alt.qosList[i];
        tell_answer(asking, i, granted);
    }
    asking_end(asking, true);
}

static void on_subscribed_5(void *context, MQTTAsync_successData5 *data)
{
    struct asking *asking = context;
    for (size_t i = 0; i < asking->n; i++) {
        bool listed = asking->n > 1 && (int)i < data->alt.sub.reasonCodeCount;
        tell_answer(asking, i, (int)(listed ? data->alt.sub.reasonCodes[i] : data->reasonCode));
    }
    asking_end(asking, true);
}

/* Else the connection broke: the next one asks again. */
static void not_subscribed(struct asking *asking, int code)
{
    bool refused = code >= REFUSED;
    if (refused) {
        tell_answer(asking, 0, code);
    }
    asking_end(asking, refused);
}

static void on_not_subscribed(void *context, MQTTAsync_failureData *data)
{
    not_subscribed(context, data ? data->code : 0);
}

static void on_not_subscribed_5(void *context, MQTTAsync_failureData5 *data)
{
    not_subscribed(context, data ? (int)data->reasonCode : 0);
}

void mqtt_in_ask(struct edge_mqtt *m)
{
    struct asking *asking = edge_xalloc(1, sizeof(*asking));
    struct edge_arena a = EDGE_ARENA_INIT;
    char **topics;
    int *qos;
    {
        EDGE_LOCK(&m->lock);
        *asking = (struct asking){m, m->epoch, m->n_acked, m->n_patterns - m->n_acked};
        topics = edge_new_n(&a, char *, asking->n);
        qos = edge_new_n(&a, int, asking->n);
        for (size_t i = 0; i < asking->n; i++) {
            topics[i] = (char *)(uintptr_t)m->patterns[asking->first + i].text;
            qos[i] = m->patterns[asking->first + i].qos;
        }
        m->n_asked = m->n_patterns;
        m->next_ms = edge_now_mono_ms() + MQTT_ANSWER_MS;
    }
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.context = asking;
    if (m->config.version == 5) {
        response.onSuccess5 = on_subscribed_5;
        response.onFailure5 = on_not_subscribed_5;
    } else {
        response.onSuccess = on_subscribed;
        response.onFailure = on_not_subscribed;
    }
    if (MQTTAsync_subscribeMany(m->client, (int)asking->n, topics, qos, &response) !=
        MQTTASYNC_SUCCESS) {
        asking_end(asking, false); /* the connection is gone; its end is reported soon */
    }
    edge_arena_done(&a);
}

/* Nobody waits for the answer: what comes until then is nobody's. */
void mqtt_in_leave(struct edge_mqtt *m)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    char **topics;
    size_t n = 0;
    {
        EDGE_LOCK(&m->lock);
        topics = edge_new_n(&a, char *, m->n_leaving);
        for (size_t i = 0; i < m->n_acked; i++) {
            struct pattern *p = &m->patterns[i];
            if (p->unwanted && !p->left) {
                p->left = true;
                topics[n++] = (char *)(uintptr_t)p->text;
            }
        }
        m->n_leaving -= n;
    }
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    if (n > 0) {
        MQTTAsync_unsubscribeMany(m->client, (int)n, topics, &response);
    }
    edge_arena_done(&a);
}

/* ---- what comes ---------------------------------------------------------------------------- */

static size_t n_matching(struct edge_mqtt *m, const char *topic)
{
    EDGE_LOCK(&m->lock);
    size_t n = 0;
    for (size_t i = 0; i < m->n_asked; i++) {
        n += !m->patterns[i].left && edge_topic_matches(m->patterns[i].text, topic);
    }
    return n;
}

static bool same(const struct edge_buf *b, const void *bytes, size_t size)
{
    return b->len == size && (size == 0 || memcmp(b->data, bytes, size) == 0);
}

static void keep(struct edge_buf *b, const void *bytes, size_t size)
{
    edge_buf_done(b);
    edge_buf_put(b, bytes, size);
}

/* Brokers may send a message once for each of our patterns that match, one right after the other.
 */
static bool is_copy(struct edge_mqtt *m, const struct edge_mqtt_message *message)
{
    if (m->config.all) {
        return false;
    }
    size_t topic_len = strlen(message->topic);
    if (m->n_copies > 0 && same(&m->last_topic, message->topic, topic_len) &&
        same(&m->last_payload, message->payload, message->size)) {
        m->n_copies--;
        return true;
    }
    size_t n = n_matching(m, message->topic);
    m->n_copies = n > 1 ? n - 1 : 0;
    keep(&m->last_topic, message->topic, n > 1 ? topic_len : 0);
    keep(&m->last_payload, message->payload, n > 1 ? message->size : 0);
    return false;
}

static const char *text_of(struct edge_arena *a, const MQTTLenString *s)
{
    return edge_strndup(a, s->data ? s->data : "", s->data ? (size_t)s->len : 0);
}

/* MQTT 5's. */
static void read_properties(struct edge_arena *a, const MQTTProperties *from,
                            struct edge_mqtt_message *to)
{
    struct edge_mqtt_property *list = NULL;
    if (from->count > 0) {
        list = edge_new_n(a, struct edge_mqtt_property, (size_t)from->count);
    }
    for (int i = 0; i < from->count; i++) {
        const MQTTProperty *p = &from->array[i];
        switch ((int)p->identifier) {
        case MQTTPROPERTY_CODE_CONTENT_TYPE:
            to->content_type = text_of(a, &p->value.data);
            break;
        case MQTTPROPERTY_CODE_RESPONSE_TOPIC:
            to->response_topic = text_of(a, &p->value.data);
            break;
        case MQTTPROPERTY_CODE_CORRELATION_DATA:
            to->correlation = p->value.data.data;
            to->correlation_size = (size_t)p->value.data.len;
            break;
        case MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL:
            to->expiry_s = p->value.integer4;
            break;
        case MQTTPROPERTY_CODE_USER_PROPERTY:
            list[to->n_properties++] = (struct edge_mqtt_property){text_of(a, &p->value.data),
                                                                   text_of(a, &p->value.value)};
            break;
        default:
            break;
        }
    }
    to->properties = list;
}

int mqtt_in_take(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    struct edge_mqtt *m = context;
    if (topic_len == 0 || (size_t)topic_len == strlen(topic)) { /* else a NUL is inside */
        struct edge_arena a = EDGE_ARENA_INIT;
        struct edge_mqtt_message in = {
            .topic = topic,
            .payload = message->payload,
            .size = (size_t)message->payloadlen,
            .qos = message->qos,
            .retained = message->retained != 0,
        };
        read_properties(&a, &message->properties, &in);
        if (!is_copy(m, &in) && m->config.received) {
            m->config.received(m->config.state, &in);
        }
        edge_arena_done(&a);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}
