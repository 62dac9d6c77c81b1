/*
 * The way out over MQTT: in order of publishing, but for what follows behind all else. Paho gets few
 * messages at a time (each is a copy in its own unbounded queue) and says when one is written (QoS 0) or
 * acknowledged; the next follows from that very callback, on paho's sending thread. What was not confirmed
 * when the connection broke goes back to its place in the queue.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/text.h"
#include "mqtt.h"

enum {
    /* One: a blocked socket holds up our bounded queue and not paho's. */
    WINDOW_QOS_0 = 1,
    /* Connections that broke while a message was the oldest under way: no broker will take it. */
    MAX_BREAKS = 3,
    PACKET_HEAD = 5 + 2 + 2, /* of a PUBLISH: type and length, the topic's length, its id */
};

/* ---- a message ----------------------------------------------------------------------------- */

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const void *pack(char **at, const void *bytes, size_t size)
{
    if (size == 0) {
        return NULL;
    }
    void *copy = *at;
    memcpy(copy, bytes, size);
    *at += size;
    return copy;
}

static struct outgoing *outgoing_make(struct edge_mqtt *m, const struct edge_mqtt_message *from)
{
    size_t n_properties = m->config.version == 5 ? from->n_properties : 0;
    size_t size = sizeof(struct outgoing) + n_properties * sizeof(struct edge_mqtt_property) +
                  text_size(from->topic) + from->size + text_size(from->content_type) +
                  text_size(from->response_topic) + from->correlation_size;
    for (size_t i = 0; i < n_properties; i++) {
        size += text_size(from->properties[i].name) + text_size(from->properties[i].value);
    }
    struct outgoing *o = edge_xalloc(1, size);
    char *at = (char *)&o->properties[n_properties];
    struct edge_mqtt_message *to = &o->message;
    o->mqtt = m;
    *to = *from;
    to->topic = pack(&at, from->topic, text_size(from->topic));
    to->payload = pack(&at, from->payload, from->size);
    to->content_type = pack(&at, from->content_type, text_size(from->content_type));
    to->response_topic = pack(&at, from->response_topic, text_size(from->response_topic));
    to->correlation = pack(&at, from->correlation, from->correlation_size);
    for (size_t i = 0; i < n_properties; i++) {
        const struct edge_mqtt_property *p = &from->properties[i];
        o->properties[i].name = pack(&at, p->name, text_size(p->name));
        o->properties[i].value = pack(&at, p->value, text_size(p->value));
    }
    to->properties = o->properties;
    to->n_properties = n_properties;
    return o;
}

static const char *fate_text(enum edge_mqtt_fate fate)
{
    static const char *const texts[] = {
        [EDGE_MQTT_SENT] = "sent",
        [EDGE_MQTT_REFUSED] = "the broker refused it",
        [EDGE_MQTT_EXPIRED] = "its time had passed",
        [EDGE_MQTT_DISPLACED] = "too much is waiting for the broker",
        [EDGE_MQTT_BROKE] = "the connection broke each time it was sent",
        [EDGE_MQTT_UNSENT] = "closing before they were sent",
    };
    return texts[fate];
}

/* Its end; not with the lock held. */
static void settle(struct outgoing *o, enum edge_mqtt_fate fate, const char *reason)
{
    const struct edge_mqtt_config *c = &o->mqtt->config;
    if (c->settled) {
        c->settled(c->state, o->delivery.token, fate, reason ? reason : fate_text(fate));
    }
    free(o);
}

static void settle_all(struct outgoing *o, enum edge_mqtt_fate fate)
{
    while (o) {
        struct outgoing *next = o->next;
        settle(o, fate, NULL);
        o = next;
    }
}

/* ---- the queues ----------------------------------------------------------------------------- */

/* Mostly the end; what failed goes back in front of what was published after it. */
static void insert(struct edge_mqtt *m, struct outgoing *o) EDGE_REQUIRES(m->lock)
{
    struct outgoing_queue *q = o->delivery.behind ? &m->behind : &m->others;
    struct outgoing **at = &q->head;
    if (q->tail && q->tail->seq < o->seq) {
        at = &q->tail->next;
    }
    while (*at && (*at)->seq < o->seq) {
        at = &(*at)->next;
    }
    o->next = *at;
    *at = o;
    if (!o->next) {
        q->tail = o;
    }
    m->n_outgoing++;
    m->outgoing_bytes += o->message.size;
}

static struct outgoing *take_from(struct edge_mqtt *m, struct outgoing_queue *q)
    EDGE_REQUIRES(m->lock)
{
    struct outgoing *o = q->head;
    if (o) {
        q->head = o->next;
        q->tail = o->next ? q->tail : NULL;
        o->next = NULL;
        m->n_outgoing--;
        m->outgoing_bytes -= o->message.size;
    }
    return o;
}

/* What is sent next. */
static struct outgoing *first(const struct edge_mqtt *m) EDGE_REQUIRES(m->lock)
{
    return m->others.head ? m->others.head : m->behind.head;
}

static struct outgoing *take(struct edge_mqtt *m) EDGE_REQUIRES(m->lock)
{
    return take_from(m, m->others.head ? &m->others : &m->behind);
}

static struct outgoing *take_oldest(struct edge_mqtt *m) EDGE_REQUIRES(m->lock)
{
    const struct outgoing *behind = m->behind.head, *other = m->others.head;
    bool from_behind = behind && (!other || behind->seq < other->seq);
    return take_from(m, from_behind ? &m->behind : &m->others);
}

static bool is_full(const struct edge_mqtt *m, size_t n, size_t bytes) EDGE_REQUIRES(m->lock)
{
    return n > m->config.max_outgoing || (n > 1 && bytes > m->config.max_bytes);
}

/* The oldest go where it is too many; in a list. */
static struct outgoing *take_displaced(struct edge_mqtt *m) EDGE_REQUIRES(m->lock)
{
    struct outgoing *list = NULL, **at = &list;
    while (is_full(m, m->n_outgoing, m->outgoing_bytes)) {
        *at = take_oldest(m);
        at = &(*at)->next;
    }
    return list;
}

bool mqtt_out_ready(const struct edge_mqtt *m)
{
    const struct outgoing *o = first(m);
    if (m->state != MQTT_UP || !o || m->pumping || m->in_flight >= m->window) {
        return false;
    }
    return o->message.qos > 0 || m->in_flight_unacked < WINDOW_QOS_0;
}

enum edge_status edge_mqtt_publish(struct edge_ctx *ctx, struct edge_mqtt *m,
                                   const struct edge_mqtt_message *message,
                                   const struct edge_mqtt_delivery *delivery)
{
    if (message->size > m->config.max_message) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "message on '%s' has %zu bytes", message->topic,
                         message->size);
    }
    if (!edge_text_is_plain(message->topic)) {
        return edge_fail(ctx, EDGE_INVALID, "topic '%s' has a character no broker takes",
                         message->topic);
    }
    struct outgoing *o = outgoing_make(m, message), *displaced = NULL;
    o->delivery = delivery ? *delivery : (struct edge_mqtt_delivery){0};
    bool taken;
    {
        EDGE_LOCK(&m->lock);
        taken = !m->stop && (m->config.displace ||
                             !is_full(m, m->n_outgoing + 1, m->outgoing_bytes + message->size));
        if (taken) {
            o->seq = ++m->seq;
            insert(m, o);
            displaced = take_displaced(m);
            if (mqtt_out_ready(m)) {
                edge_cond_signal(&m->wake);
            }
        }
    }
    if (!taken) {
        free(o);
        return edge_fail(ctx, EDGE_UNAVAILABLE, "%s", fate_text(EDGE_MQTT_DISPLACED));
    }
    settle_all(displaced, EDGE_MQTT_DISPLACED);
    return EDGE_OK;
}

/* ---- under way ------------------------------------------------------------------------------ */

static void take_off(struct edge_mqtt *m, struct outgoing *o) EDGE_REQUIRES(m->lock)
{
    if (m->flying.tail) {
        m->flying.tail->next = o;
    } else {
        m->flying.head = o;
    }
    m->flying.tail = o;
    m->in_flight++;
    m->in_flight_unacked += o->message.qos == 0;
    o->tried = true;
    o->sent_ms = edge_now_mono_ms();
}

/* Mostly the first. */
static void land(struct edge_mqtt *m, struct outgoing *o) EDGE_REQUIRES(m->lock)
{
    struct outgoing **at = &m->flying.head, *before = NULL;
    while (*at != o) {
        before = *at;
        at = &(*at)->next;
    }
    *at = o->next;
    if (m->flying.tail == o) {
        m->flying.tail = before;
    }
    o->next = NULL;
    m->in_flight--;
    m->in_flight_unacked -= o->message.qos == 0;
    m->progress++;
}

static void tell_idle(struct edge_mqtt *m) EDGE_REQUIRES(m->lock)
{
    if (m->n_outgoing == 0 && m->in_flight == 0) {
        edge_cond_broadcast(&m->changed);
    }
}

static void put_back(struct edge_mqtt *m, struct outgoing *o)
{
    bool again = !o->delivery.once;
    {
        EDGE_LOCK(&m->lock);
        land(m, o);
        if (again) {
            insert(m, o);
        }
        tell_idle(m);
    }
    if (!again) {
        settle(o, EDGE_MQTT_BROKE, "the connection broke when it was sent");
    }
}

static void finish(struct outgoing *o, enum edge_mqtt_fate fate, const char *reason)
{
    struct edge_mqtt *m = o->mqtt;
    {
        EDGE_LOCK(&m->lock);
        land(m, o);
        tell_idle(m);
    }
    settle(o, fate, reason);
    mqtt_out_pump(m);
}

static void on_sent(void *context, MQTTAsync_successData *data)
{
    (void)data;
    finish(context, EDGE_MQTT_SENT, NULL);
}

static void on_sent_5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    finish(context, EDGE_MQTT_SENT, NULL);
}

static void on_unsent(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    struct outgoing *o = context;
    put_back(o->mqtt, o);
}

static void on_unsent_5(void *context, MQTTAsync_failureData5 *data)
{
    struct outgoing *o = context;
    if (data && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        finish(o, EDGE_MQTT_REFUSED, MQTTReasonCode_toString(data->reasonCode));
    } else {
        put_back(o->mqtt, o);
    }
}

void mqtt_out_recall(struct edge_mqtt *m)
{
    for (;;) {
        struct outgoing *o;
        {
            EDGE_LOCK(&m->lock);
            o = m->flying.head;
        }
        if (!o) {
            return;
        }
        put_back(m, o);
    }
}

void mqtt_out_blame(struct edge_mqtt *m)
{
    struct outgoing *o;
    {
        EDGE_LOCK(&m->lock);
        o = m->broke ? first(m) : NULL;
        m->broke = false;
        if (!o || !o->tried || ++o->n_breaks < MAX_BREAKS) {
            return;
        }
        o = take(m);
    }
    settle(o, EDGE_MQTT_BROKE, NULL);
}

/* ---- handing over ---------------------------------------------------------------------------- */

static MQTTLenString len_string(const void *bytes, size_t size)
{
    return (MQTTLenString){.len = (int)size, .data = (char *)(uintptr_t)bytes};
}

static void add_data(MQTTProperties *to, enum MQTTPropertyCodes code, MQTTLenString data,
                     MQTTLenString value)
{
    if (data.data) {
        MQTTProperty p = {.identifier = code};
        p.value.data = data;
        p.value.value = value;
        MQTTProperties_add(to, &p); /* a copy */
    }
}

static void write_properties(const struct edge_mqtt_message *from, MQTTProperties *to)
{
    const MQTTLenString none = {0};
    const char *content_type = from->content_type, *response_topic = from->response_topic;
    add_data(to, MQTTPROPERTY_CODE_CONTENT_TYPE,
             len_string(content_type, content_type ? strlen(content_type) : 0), none);
    add_data(to, MQTTPROPERTY_CODE_RESPONSE_TOPIC,
             len_string(response_topic, response_topic ? strlen(response_topic) : 0), none);
    add_data(to, MQTTPROPERTY_CODE_CORRELATION_DATA,
             len_string(from->correlation, from->correlation_size), none);
    for (size_t i = 0; i < from->n_properties; i++) {
        const struct edge_mqtt_property *p = &from->properties[i];
        add_data(to, MQTTPROPERTY_CODE_USER_PROPERTY, len_string(p->name, strlen(p->name)),
                 len_string(p->value, strlen(p->value)));
    }
    if (from->expiry_s > 0) {
        MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL};
        expiry.value.integer4 = from->expiry_s;
        MQTTProperties_add(to, &expiry);
    }
}

static int hand_over(struct edge_mqtt *m, struct outgoing *o)
{
    MQTTAsync_message message = MQTTAsync_message_initializer;
    message.payload = (void *)(uintptr_t)o->message.payload;
    message.payloadlen = (int)o->message.size;
    message.qos = o->message.qos;
    message.retained = o->message.retained;
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.context = o;
    if (m->config.version == 5) {
        response.onSuccess5 = on_sent_5;
        response.onFailure5 = on_unsent_5;
        write_properties(&o->message, &message.properties);
    } else {
        response.onSuccess = on_sent;
        response.onFailure = on_unsent;
    }
    int rc = MQTTAsync_sendMessage(m->client, o->message.topic, &message, &response);
    MQTTProperties_free(&message.properties);
    return rc;
}

/* The next one worth sending, NULL ends the turn; and those that are not, with their fate. */
static struct outgoing *next(struct edge_mqtt *m, bool is_first, struct outgoing **expired,
                             struct outgoing **too_large)
{
    EDGE_LOCK(&m->lock);
    m->pumping = is_first ? m->pumping : false;
    int64_t now = edge_now_mono_ms();
    while (mqtt_out_ready(m)) {
        struct outgoing *o = take(m);
        struct outgoing **leave = NULL;
        if (o->delivery.expires_ms > 0 && now >= o->delivery.expires_ms) {
            leave = expired; /* who asked has given up: an old command must not be obeyed */
        } else if (m->max_packet > 0 &&
                   o->message.size + strlen(o->message.topic) + PACKET_HEAD > m->max_packet) {
            leave = too_large;
        }
        if (!leave) {
            m->pumping = true;
            take_off(m, o);
            return o;
        }
        o->next = *leave;
        *leave = o;
    }
    tell_idle(m);
    return NULL;
}

static struct outgoing *next_one(struct edge_mqtt *m, bool is_first)
{
    struct outgoing *expired = NULL, *too_large = NULL;
    struct outgoing *o = next(m, is_first, &expired, &too_large);
    settle_all(expired, EDGE_MQTT_EXPIRED);
    while (too_large) {
        struct outgoing *after = too_large->next;
        settle(too_large, EDGE_MQTT_REFUSED, "larger than the broker takes");
        too_large = after;
    }
    return o;
}

void mqtt_out_pump(struct edge_mqtt *m)
{
    for (struct outgoing *o = next_one(m, true); o; o = next_one(m, false)) {
        if (hand_over(m, o) != MQTTASYNC_SUCCESS) {
            put_back(m, o); /* the connection is gone; its end is reported soon */
            EDGE_LOCK(&m->lock);
            m->pumping = false;
            return;
        }
    }
}

void mqtt_out_clear(struct edge_mqtt *m)
{
    mqtt_out_recall(m);
    struct outgoing *list = NULL, **at = &list;
    {
        EDGE_LOCK(&m->lock);
        while ((*at = take(m))) {
            at = &(*at)->next;
        }
    }
    settle_all(list, EDGE_MQTT_UNSENT);
}
