/*
 * The way in over MQTT: which patterns the broker is asked for, and what it sends because of them.
 */
#include "bus_mqtt.h"

#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/ctx.h"

enum { REFUSED = 0x80 }; /* by the broker's rules, in a SUBACK */

/* Subscriptions under way. */
struct asking {
    struct link *link;
    unsigned epoch;
    size_t first, n;
};

void incoming_want(struct link *link, const char *pattern, int qos)
{
    EDGE_LOCK(&link->lock);
    for (size_t i = 0; i < link->n_patterns; i++) {
        if (strcmp(link->patterns[i].text, pattern) == 0) {
            return;
        }
    }
    if (link->n_patterns == link->cap_patterns) {
        link->cap_patterns = link->cap_patterns ? link->cap_patterns * 2 : 8;
        link->patterns = edge_xrealloc(link->patterns, link->cap_patterns, sizeof(struct pattern));
    }
    link->patterns[link->n_patterns++] =
        (struct pattern){.text = edge_strdup(&link->arena, pattern), .qos = qos};
    edge_cond_signal(&link->wake);
}

static void asking_end(struct asking *asking, bool answered)
{
    struct link *link = asking->link;
    {
        EDGE_LOCK(&link->lock);
        if (answered && asking->epoch == link->epoch) {
            link->n_acked = asking->first + asking->n;
        }
        link->progress++;
        edge_cond_signal(&link->wake);
        edge_cond_broadcast(&link->changed);
    }
    free(asking);
}

static void log_refused(struct link *link, size_t i)
{
    const char *pattern;
    {
        EDGE_LOCK(&link->lock);
        pattern = link->patterns[i].text;
    }
    struct edge_ctx ctx = {.log = link->bus->log};
    edge_log_error(&ctx, "broker refused a subscription", "topic", pattern, NULL);
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
    struct asking *asking = context;
    for (size_t i = 0; i < asking->n; i++) {
        int granted = asking->n == 1 ? data->alt.qos : data->alt.qosList[i];
        if (granted == REFUSED) {
            log_refused(asking->link, asking->first + i);
        }
    }
    asking_end(asking, true);
}

static void on_not_subscribed(void *context, MQTTAsync_failureData *data)
{
    struct asking *asking = context;
    bool refused = data && data->code == REFUSED;
    if (refused) {
        log_refused(asking->link, asking->first);
    }
    asking_end(asking, refused); /* else the connection broke: the next one asks again */
}

void incoming_ask(struct link *link)
{
    struct asking *asking = edge_xalloc(1, sizeof(*asking));
    struct edge_arena a = EDGE_ARENA_INIT;
    char **topics;
    int *qos;
    {
        EDGE_LOCK(&link->lock);
        *asking =
            (struct asking){link, link->epoch, link->n_acked, link->n_patterns - link->n_acked};
        topics = edge_new_n(&a, char *, asking->n);
        qos = edge_new_n(&a, int, asking->n);
        for (size_t i = 0; i < asking->n; i++) {
            topics[i] = (char *)(uintptr_t)link->patterns[asking->first + i].text;
            qos[i] = link->patterns[asking->first + i].qos;
        }
        link->n_asked = link->n_patterns;
        link->next_ms = edge_now_mono_ms() + LINK_ANSWER_MS;
    }
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    response.onSuccess = on_subscribed;
    response.onFailure = on_not_subscribed;
    response.context = asking;
    if (MQTTAsync_subscribeMany(link->client, (int)asking->n, topics, qos, &response) !=
        MQTTASYNC_SUCCESS) {
        asking_end(asking, false); /* the connection is gone; its end is reported soon */
    }
    edge_arena_done(&a);
}

static size_t n_matching(struct link *link, const char *topic)
{
    EDGE_LOCK(&link->lock);
    size_t n = 0;
    for (size_t i = 0; i < link->n_asked; i++) {
        n += edge_topic_matches(link->patterns[i].text, topic);
    }
    return n;
}

/* Brokers may send a message once for each of our patterns that match, one right after the other.
 */
static bool is_copy(struct link *link, const struct edge_message *m)
{
    const struct bus_message *now = bus_message_of(m);
    if (link->n_copies > 0) {
        const struct bus_message *before = bus_message_of(link->last);
        if (strcmp(link->last->topic, m->topic) == 0 && before->wire_size == now->wire_size &&
            memcmp(before->wire, now->wire, now->wire_size) == 0) {
            link->n_copies--;
            return true;
        }
    }
    size_t n = n_matching(link, m->topic);
    edge_message_unref(link->last);
    link->n_copies = n > 1 ? n - 1 : 0;
    link->last =
        n > 1 ? bus_message_from_wire(m->topic, strlen(m->topic), now->wire, now->wire_size) : NULL;
    return false;
}

int incoming_take(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    struct link *link = context;
    size_t len = strlen(topic);
    if (topic_len == 0 || (size_t)topic_len == len) { /* else a NUL is inside */
        struct edge_message *m =
            bus_message_from_wire(topic, len, message->payload, (size_t)message->payloadlen);
        m->retained = message->retained != 0;
        if (!is_copy(link, m)) {
            bus_arrive(link->bus, m, true);
        }
        edge_message_unref(m);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}
