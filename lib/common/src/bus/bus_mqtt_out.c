/*
 * The way out over MQTT: in order of publishing, but for events, which follow behind all else. Paho gets few messages at a time (each
 * is a copy in its own unbounded queue) and says when one is written (QoS 0) or acknowledged; the
 * next follows from that very callback, on paho's sending thread. What was not confirmed when the
 * connection broke goes back to its place in the queue.
 */
#include "bus_mqtt.h"

#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"

enum {
    /* One: a blocked socket holds up our bounded queue and not paho's. */
    WINDOW_QOS_0 = 1,
    /* Acknowledgements take a round trip. What was not acknowledged comes again after a reconnect.
     */
    WINDOW_QOS_1_2 = 64,
    /* Connections that broke while a message was the oldest under way: no broker will take it. */
    MAX_BREAKS = 3,
};

struct outgoing *outgoing_make(struct link *link, const struct edge_message *m)
{
    size_t topic_size = strlen(m->topic) + 1;
    struct outgoing *o = edge_xalloc(1, sizeof(*o) + topic_size);
    o->link = link;
    o->qos = link->qos;
    o->retained = link->retained;
    edge_envelope_encode(m, &o->bytes);
    memcpy(o->topic, m->topic, topic_size);
    return o;
}

void outgoing_free(struct outgoing *o)
{
    edge_buf_done(&o->bytes);
    free(o);
}

/* Mostly the end; what failed goes back in front of what was published after it. */
static void insert(struct link *link, struct outgoing *o) EDGE_REQUIRES(link->lock)
{
    struct outgoing_queue *q = o->is_event ? &link->events : &link->others;
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
    link->n_outgoing++;
    link->outgoing_bytes += o->bytes.len;
}

static struct outgoing *take_from(struct link *link, struct outgoing_queue *q)
    EDGE_REQUIRES(link->lock)
{
    struct outgoing *o = q->head;
    if (o) {
        q->head = o->next;
        q->tail = o->next ? q->tail : NULL;
        link->n_outgoing--;
        link->outgoing_bytes -= o->bytes.len;
    }
    return o;
}

/* What is sent next. */
static struct outgoing *first(const struct link *link) EDGE_REQUIRES(link->lock)
{
    return link->others.head ? link->others.head : link->events.head;
}

static struct outgoing *take(struct link *link) EDGE_REQUIRES(link->lock)
{
    return take_from(link, link->others.head ? &link->others : &link->events);
}

static struct outgoing *take_oldest(struct link *link) EDGE_REQUIRES(link->lock)
{
    const struct outgoing *event = link->events.head, *other = link->others.head;
    bool from_events = event && (!other || event->seq < other->seq);
    return take_from(link, from_events ? &link->events : &link->others);
}

static size_t drop_oldest(struct link *link) EDGE_REQUIRES(link->lock)
{
    size_t n = 0;
    while (link->n_outgoing > link->max_outgoing ||
           (link->n_outgoing > 1 && link->outgoing_bytes > BUS_MAX_BYTES)) {
        outgoing_free(take_oldest(link));
        n++;
    }
    return n;
}

bool outgoing_ready(const struct link *link)
{
    const struct outgoing *o = first(link);
    if (link->state != LINK_UP || !o || link->pumping || link->in_flight >= WINDOW_QOS_1_2) {
        return false;
    }
    return o->qos > 0 || link->in_flight_unacked < WINDOW_QOS_0;
}

void outgoing_add(struct link *link, struct outgoing *o)
{
    size_t dropped;
    {
        EDGE_LOCK(&link->lock);
        o->seq = ++link->seq;
        insert(link, o);
        dropped = drop_oldest(link);
        if (outgoing_ready(link)) {
            edge_cond_signal(&link->wake);
        }
    }
    if (dropped > 0) {
        bus_count_dropped(link->bus, dropped, "too much is waiting for the broker");
    }
}

static void settle(struct link *link, int qos) EDGE_REQUIRES(link->lock)
{
    link->in_flight--;
    link->in_flight_unacked -= qos == 0;
    link->progress++;
    if (link->n_outgoing == 0 && link->in_flight == 0) {
        edge_cond_broadcast(&link->changed);
    }
}

static void put_back(struct link *link, struct outgoing *o)
{
    EDGE_LOCK(&link->lock);
    int qos = o->qos;
    if (o->once) {
        outgoing_free(o);
    } else {
        insert(link, o);
    }
    settle(link, qos);
}

static void on_sent(void *context, MQTTAsync_successData *data)
{
    (void)data;
    struct outgoing *o = context;
    struct link *link = o->link;
    int qos = o->qos;
    outgoing_free(o);
    {
        EDGE_LOCK(&link->lock);
        settle(link, qos);
    }
    outgoing_pump(link);
}

static void on_unsent(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    struct outgoing *o = context;
    put_back(o->link, o);
}

void outgoing_blame(struct link *link)
{
    {
        EDGE_LOCK(&link->lock);
        struct outgoing *o = link->broke ? first(link) : NULL;
        link->broke = false;
        if (!o || !o->tried || ++o->n_breaks < MAX_BREAKS) {
            return;
        }
        outgoing_free(take(link));
    }
    bus_count_dropped(link->bus, 1, "the connection broke each time it was sent");
}

static int hand_over(struct link *link, struct outgoing *o)
{
    MQTTAsync_message message = MQTTAsync_message_initializer;
    message.payload = o->bytes.data;
    message.payloadlen = (int)o->bytes.len;
    message.qos = o->qos;
    message.retained = o->retained;
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.onSuccess = on_sent;
    response.onFailure = on_unsent;
    response.context = o;
    return MQTTAsync_sendMessage(link->client, o->topic, &message, &response);
}

/* The next one worth sending; NULL ends the turn. */
static struct outgoing *next(struct link *link, bool first)
{
    EDGE_LOCK(&link->lock);
    link->pumping = first ? link->pumping : false;
    int64_t now = edge_now_mono_ms();
    while (outgoing_ready(link)) {
        struct outgoing *o = take(link);
        if (o->expires_ms == 0 || now < o->expires_ms) {
            link->pumping = true;
            link->in_flight++;
            link->in_flight_unacked += o->qos == 0;
            o->tried = true;
            return o;
        }
        outgoing_free(o); /* who asked has given up: an old command must not be obeyed */
    }
    if (link->n_outgoing == 0 && link->in_flight == 0) {
        edge_cond_broadcast(&link->changed);
    }
    return NULL;
}

void outgoing_pump(struct link *link)
{
    for (struct outgoing *o = next(link, true); o; o = next(link, false)) {
        if (hand_over(link, o) != MQTTASYNC_SUCCESS) {
            put_back(link, o); /* the connection is gone; its end is reported soon */
            EDGE_LOCK(&link->lock);
            link->pumping = false;
            return;
        }
    }
}

size_t outgoing_clear(struct link *link)
{
    EDGE_LOCK(&link->lock);
    size_t n = 0;
    for (struct outgoing *o = take(link); o; o = take(link)) {
        outgoing_free(o);
        n++;
    }
    return n;
}
