/*
 * The MQTT client of drivers: the common one (edge/mqtt.h) and a thread that shows the driver what came. The common
 * one's callbacks run on threads that all clients of the process share, the message bus among them: they copy and
 * queue here, and what the driver does with it holds up nobody else.
 */
#include "devsdk/mqtt.h"

#include <stdlib.h>
#include <string.h>

#include "edge/bus.h"
#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/mqtt.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "model/model.h"

enum {
    MAX_WAITING = 1000,
    MAX_UNREAD = 10000,
    CLOSE_MS = 500,
    COMPLAIN_MS = 30 * 1000, /* between two lines about messages dropped */
};
static const size_t MAX_WAITING_BYTES = (size_t)16 << 20, MAX_UNREAD_BYTES = (size_t)8 << 20,
                    MAX_MESSAGE = (size_t)16 << 20;

enum kind { MESSAGE, FATE, SUBSCRIBED, CHANGED };

/* Something to show the driver; its bytes stand behind it. */
struct item {
    struct item *next;
    enum kind kind;
    size_t size; /* of all of it */
    devsdk_mqtt_message message;
    void *token;
    int fate;
    const char *filter, *text; /* NULL where there is none */
    char bytes[];
};

struct devsdk_mqtt {
    devsdk_service *svc;
    struct edge_mqtt *mqtt;
    devsdk_mqtt_config config; /* bounds and callbacks; texts are the common client's affair */
    pthread_t thread;
    struct edge_counter *counter;

    struct edge_mutex lock;
    struct edge_cond wake;
    struct item *head EDGE_GUARDED, **tail EDGE_GUARDED;
    size_t n_unread EDGE_GUARDED, unread_bytes EDGE_GUARDED; /* messages only */
    uint64_t dropped EDGE_GUARDED;
    int64_t quiet_until_ms EDGE_GUARDED;
    bool ending EDGE_GUARDED;
};

/* ---- what came, queued --------------------------------------------------------------------- */

static void append(devsdk_mqtt *m, struct item *item) EDGE_REQUIRES(m->lock)
{
    item->next = NULL;
    *m->tail = item;
    m->tail = &item->next;
    edge_cond_signal(&m->wake);
}

static void queue(devsdk_mqtt *m, struct item *item)
{
    EDGE_LOCK(&m->lock);
    append(m, item);
}

/* Is there room? Else it is dropped, counted, and said now and then. */
static bool has_room(devsdk_mqtt *m, size_t payload, size_t size)
{
    bool say = false;
    {
        EDGE_LOCK(&m->lock);
        if (payload <= m->config.max_message && m->n_unread < m->config.max_unread &&
            (m->n_unread == 0 || m->unread_bytes + size <= m->config.max_unread_bytes)) {
            return true;
        }
        m->dropped++;
        int64_t now = edge_now_mono_ms();
        say = now >= m->quiet_until_ms;
        m->quiet_until_ms = say ? now + COMPLAIN_MS : m->quiet_until_ms;
    }
    edge_counter_add(m->counter, 1);
    if (say) {
        devsdk_log(m->svc, DEVSDK_WARN, "MQTT messages dropped: %s (more are counted only)",
                   payload > m->config.max_message ? "one is too large"
                                                   : "they come faster than they are taken");
    }
    return false;
}

static const char *put(char **at, const void *bytes, size_t n)
{
    char *copy = *at;
    memcpy(copy, n > 0 ? bytes : "", n);
    copy[n] = '\0';
    *at += n + 1;
    return copy;
}

static const char *put_text(char **at, const char *text)
{
    return text ? put(at, text, strlen(text)) : NULL;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static void on_received(void *state, const struct edge_mqtt_message *in)
{
    devsdk_mqtt *m = state;
    size_t size = sizeof(struct item) + text_size(in->topic) + in->size + 1 +
                  text_size(in->content_type) + text_size(in->response_topic) +
                  in->correlation_size + 1;
    if (!m->config.received || !has_room(m, in->size, size)) {
        return;
    }
    struct item *item = edge_xalloc(1, size);
    char *at = item->bytes;
    item->kind = MESSAGE;
    item->size = size;
    item->message = (devsdk_mqtt_message){
        .topic = put_text(&at, in->topic),
        .payload = put(&at, in->payload, in->size),
        .n = in->size,
        .qos = (uint8_t)in->qos,
        .retained = in->retained,
        .content_type = put_text(&at, in->content_type),
        .response_topic = put_text(&at, in->response_topic),
        .correlation = in->correlation ? put(&at, in->correlation, in->correlation_size) : NULL,
        .correlation_n = in->correlation_size,
        .expiry_s = in->expiry_s,
    };
    EDGE_LOCK(&m->lock);
    m->n_unread++;
    m->unread_bytes += size;
    append(m, item);
}

/* Anything but a message. */
static struct item *word(enum kind kind, const char *filter, const char *text)
{
    struct item *item = edge_xalloc(1, sizeof(*item) + text_size(filter) + text_size(text));
    char *at = item->bytes;
    item->kind = kind;
    item->filter = put_text(&at, filter);
    item->text = put_text(&at, text);
    return item;
}

static void on_settled(void *state, void *token, enum edge_mqtt_fate fate, const char *reason)
{
    static const devsdk_mqtt_fate fates[] = {
        [EDGE_MQTT_SENT] = DEVSDK_MQTT_SENT,       [EDGE_MQTT_REFUSED] = DEVSDK_MQTT_REFUSED,
        [EDGE_MQTT_EXPIRED] = DEVSDK_MQTT_EXPIRED, [EDGE_MQTT_DISPLACED] = DEVSDK_MQTT_UNSENT,
        [EDGE_MQTT_BROKE] = DEVSDK_MQTT_UNSENT,    [EDGE_MQTT_UNSENT] = DEVSDK_MQTT_UNSENT,
    };
    devsdk_mqtt *m = state;
    if (token && m->config.sent) {
        struct item *item = word(FATE, NULL, reason);
        item->token = token;
        item->fate = (int)fates[fate];
        queue(m, item);
    }
}

static void on_subscribed(void *state, const char *pattern, const char *refusal)
{
    devsdk_mqtt *m = state;
    if (m->config.subscribed) {
        queue(m, word(SUBSCRIBED, pattern, refusal));
    }
}

static void on_changed(void *state, bool up, const char *reason)
{
    devsdk_mqtt *m = state;
    if (m->config.changed) {
        queue(m, word(CHANGED, NULL, up ? NULL : reason ? reason : "no reason"));
    }
}

/* ---- shown to the driver ----------------------------------------------------------------------- */

static void show(devsdk_mqtt *m, const struct item *item)
{
    const devsdk_mqtt_config *c = &m->config;
    switch (item->kind) {
    case MESSAGE:
        c->received(c->arg, &item->message);
        break;
    case FATE:
        c->sent(c->arg, item->token, (devsdk_mqtt_fate)item->fate, item->text);
        break;
    case SUBSCRIBED:
        c->subscribed(c->arg, item->filter, item->text);
        break;
    case CHANGED:
        c->changed(c->arg, !item->text, item->text);
        break;
    }
}

/* The next one, waited for; NULL: the end, and nothing is left. */
static struct item *next_item(devsdk_mqtt *m, bool *ret_ending)
{
    EDGE_LOCK(&m->lock);
    while (!m->head && !m->ending) {
        edge_cond_wait(&m->wake, &m->lock);
    }
    struct item *item = m->head;
    *ret_ending = m->ending;
    if (item) {
        m->head = item->next;
        m->tail = m->head ? m->tail : &m->head;
        m->n_unread -= item->kind == MESSAGE;
        m->unread_bytes -= item->kind == MESSAGE ? item->size : 0;
    }
    return item;
}

static void *show_all(void *arg)
{
    devsdk_mqtt *m = arg;
    struct item *item;
    bool ending;
    while ((item = next_item(m, &ending)) != NULL) {
        if (!ending || item->kind == FATE) {
            show(m, item);
        }
        free(item);
    }
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------------- */

static struct edge_mqtt_message to_common(const devsdk_mqtt_message *m)
{
    return (struct edge_mqtt_message){
        .topic = m->topic,
        .payload = m->payload,
        .size = m->n,
        .qos = m->qos,
        .retained = m->retained,
        .content_type = m->content_type,
        .response_topic = m->response_topic,
        .correlation = m->correlation,
        .correlation_size = m->correlation_n,
        .expiry_s = m->expiry_s,
    };
}

static void set_bounds(devsdk_mqtt_config *c)
{
    c->max_waiting = c->max_waiting ? c->max_waiting : MAX_WAITING;
    c->max_waiting_bytes = c->max_waiting_bytes ? c->max_waiting_bytes : MAX_WAITING_BYTES;
    c->max_unread = c->max_unread ? c->max_unread : MAX_UNREAD;
    c->max_unread_bytes = c->max_unread_bytes ? c->max_unread_bytes : MAX_UNREAD_BYTES;
    c->max_message = c->max_message ? c->max_message : MAX_MESSAGE;
}

static enum edge_status open_common(struct edge_ctx *ctx, devsdk_mqtt *m,
                                    const devsdk_mqtt_config *c)
{
    bool tls = false;
    const char *scheme = c->scheme && *c->scheme ? c->scheme : "tcp";
    if (!c->host || !*c->host) {
        return edge_fail(ctx, EDGE_INVALID, "an MQTT broker needs a host");
    }
    edge_mqtt_protocol(scheme, &tls);
    struct edge_mqtt_message will = c->will ? to_common(c->will) : (struct edge_mqtt_message){0};
    struct edge_mqtt_config config = {
        .protocol = scheme,
        .host = c->host,
        .port = c->port ? c->port
                : tls   ? 8883
                        : 1883,
        .version = c->version == 5 ? 5 : 4,
        .client_id = c->client_id && *c->client_id ? c->client_id : m->svc->driver->name,
        .username = c->username,
        .password = c->password,
        .ca = c->ca,
        .cert = c->cert,
        .key = c->key,
        .skip_cert_verify = c->skip_verify,
        .session_s = c->session_s,
        .keep_alive_s = (int)c->keep_alive_s,
        .connect_timeout_s = (int)c->connect_timeout_s,
        .retry_first_ms = (int)c->retry_first_ms,
        .retry_last_ms = (int)c->retry_last_ms,
        .max_outgoing = m->config.max_waiting,
        .max_bytes = m->config.max_waiting_bytes,
        .all = true,
        .will = c->will ? &will : NULL,
        .state = m,
        .received = on_received,
        .settled = on_settled,
        .subscribed = on_subscribed,
        .changed = on_changed,
        .log = m->svc->rt->log,
    };
    return edge_mqtt_open(ctx, &config, &m->mqtt);
}

static void client_free(devsdk_mqtt *m)
{
    edge_cond_done(&m->wake);
    edge_mutex_done(&m->lock);
    free(m);
}

devsdk_mqtt *devsdk_mqtt_open(devsdk_service *svc, const devsdk_mqtt_config *config, char *why,
                              size_t size)
{
    devsdk_mqtt *m = edge_xalloc(1, sizeof(*m));
    m->svc = svc;
    m->config = *config;
    set_bounds(&m->config);
    m->counter = edge_counter(svc->rt->metrics, "MqttMessagesDropped",
                              "Messages of brokers that came faster than they were taken.");
    edge_mutex_init(&m->lock);
    edge_cond_init(&m->wake);
    {
        EDGE_LOCK(&m->lock);
        m->tail = &m->head;
    }
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    enum edge_status st = open_common(&ctx, m, config);
    if (st != EDGE_OK) {
        edge_text_fit(why, size, edge_ctx_message(&ctx, st));
        client_free(m);
        return NULL;
    }
    m->thread = edge_thread_start("mqtt-driver", show_all, m);
    return m;
}

void devsdk_mqtt_close(devsdk_mqtt *m)
{
    if (!m) {
        return;
    }
    edge_mqtt_stop(m->mqtt, edge_now_mono_ms() + CLOSE_MS);
    {
        EDGE_LOCK(&m->lock);
        m->ending = true;
        edge_cond_signal(&m->wake);
    }
    pthread_join(m->thread, NULL);
    edge_mqtt_free(m->mqtt);
    client_free(m);
}

/* ---- calls -------------------------------------------------------------------------------------- */

void devsdk_mqtt_login(devsdk_mqtt *m, const char *username, const char *password)
{
    edge_mqtt_login(m->mqtt, username, password);
}

devsdk_result devsdk_mqtt_subscribe(devsdk_mqtt *m, const char *filter, unsigned qos)
{
    if (edge_topic_pattern_fault(filter) || qos > 2) {
        return DEVSDK_INVALID;
    }
    edge_mqtt_subscribe(m->mqtt, filter, (int)qos);
    return DEVSDK_OK;
}

void devsdk_mqtt_unsubscribe(devsdk_mqtt *m, const char *filter)
{
    edge_mqtt_unsubscribe(m->mqtt, filter);
}

devsdk_result devsdk_mqtt_publish(devsdk_mqtt *m, const devsdk_mqtt_message *message,
                                  int64_t until_ms, void *token)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = m->svc->rt->log;
    bool is_topic = *message->topic && !strpbrk(message->topic, "+#");
    if (!is_topic || message->qos > 2) {
        return DEVSDK_INVALID;
    }
    const struct edge_mqtt_message out = to_common(message);
    switch (
        edge_mqtt_publish(&ctx, m->mqtt, &out,
                          &(struct edge_mqtt_delivery){.token = token, .expires_ms = until_ms})) {
    case EDGE_OK:
        return DEVSDK_OK;
    case EDGE_INVALID:
        return DEVSDK_INVALID;
    case EDGE_TOO_LARGE:
        return DEVSDK_RANGE;
    default:
        return DEVSDK_BUSY;
    }
}

bool devsdk_mqtt_connected(devsdk_mqtt *m)
{
    return edge_mqtt_connected(m->mqtt);
}

uint64_t devsdk_mqtt_dropped(devsdk_mqtt *m)
{
    EDGE_LOCK(&m->lock);
    return m->dropped;
}

bool devsdk_mqtt_matches(const char *filter, const char *topic)
{
    return edge_topic_matches(filter, topic);
}
