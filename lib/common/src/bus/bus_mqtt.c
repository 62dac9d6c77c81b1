/*
 * The bus over an MQTT 3.1.1 broker, with paho's asynchronous client. A thread of ours connects,
 * renews the subscriptions and starts sending; paho's callbacks only copy and queue. Handlers and
 * publishers never call paho: its receiving thread holds paho's lock while it waits for room in a
 * full queue, and who empties that queue must not wait for it.
 */
#include "bus_mqtt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/ctx.h"
#include "edge/text.h"

enum {
    FIRST_BACKOFF_MS = 100,
    LAST_BACKOFF_MS = 500,   /* who comes back is found at once */
    FIGHT_BACKOFF_MS = 5000, /* among clients that push each other out nobody should be quick */
    STABLE_MS = 5000,        /* a connection that lasted: the next back-off starts afresh */
    SHORT_MS = 2000,         /* one that did not: perhaps somebody else has our client id */
    COMPLAIN_MS = 30 * 1000, /* between two lines about a broker that stays away */
    FIRST_NUDGE_MS = 5,
    LAST_NUDGE_MS = 200,
    HANG_UP_MS = 2000,
    LAST_CHANCE_MS = 1000,           /* for a broker that is away when we close */
    MAX_PAYLOAD = 200 * 1000 * 1000, /* MQTT ends at 256 MiB */
};

/* ---- state ------------------------------------------------------------------------------- */

/* @reason is foreign text. */
static void set_down(struct link *link, const char *reason) EDGE_REQUIRES(link->lock)
{
    if (link->state == LINK_DOWN) {
        return;
    }
    int64_t now = edge_now_mono_ms();
    bool was_up = link->state >= LINK_CONNECTED;
    bool short_lived = was_up && now - link->up_since_ms < SHORT_MS;
    link->n_short = short_lived ? link->n_short + 1 : was_up ? 0 : link->n_short;
    EDGE_CTX_SCOPE(own);
    if (link->n_short > 1) {
        reason =
            edge_printf(&own.arena, "%s (again soon: is another client using this id?)", reason);
    }
    edge_text_fit(link->reason, sizeof(link->reason), reason);
    if (link->tls_fault[0]) {
        edge_text_fit(link->reason, sizeof(link->reason), link->tls_fault);
        link->tls_fault[0] = '\0';
    }
    if (was_up) {
        link->quiet_until_ms = 0;
        link->broke = true;
    }
    if (was_up && now - link->up_since_ms >= STABLE_MS) {
        link->backoff_ms = FIRST_BACKOFF_MS;
    }
    link->state = LINK_DOWN;
    link->n_asked = link->n_acked = 0;
    link->next_ms = now + link->backoff_ms;
    int64_t longest_ms = link->n_short > 1 ? FIGHT_BACKOFF_MS : LAST_BACKOFF_MS;
    link->backoff_ms = link->backoff_ms * 2 < longest_ms ? link->backoff_ms * 2 : longest_ms;
    link->report = true;
    edge_cond_signal(&link->wake);
    edge_cond_broadcast(&link->changed);
}

static void on_connected(void *context, char *cause)
{
    (void)cause;
    struct link *link = context;
    EDGE_LOCK(&link->lock);
    link->state = LINK_CONNECTED;
    link->up_since_ms = edge_now_mono_ms();
    link->epoch++;
    link->n_asked = link->n_acked = 0;
    link->tls_fault[0] = '\0';
    edge_cond_signal(&link->wake);
}

static void on_lost(void *context, char *cause)
{
    struct link *link = context;
    EDGE_LOCK(&link->lock);
    set_down(link, cause ? cause : "the broker closed the connection");
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
    struct link *link = context;
    const char *reason = data ? refusal(data->code) : NULL;
    if (!reason) {
        reason = data && data->message ? data->message : "cannot connect";
    }
    EDGE_LOCK(&link->lock);
    set_down(link, reason);
}

static int on_tls_fault(const char *text, size_t len, void *context)
{
    struct link *link = context;
    EDGE_LOCK(&link->lock);
    if (!link->tls_fault[0]) {
        EDGE_CTX_SCOPE(own);
        edge_text_fit(link->tls_fault, sizeof(link->tls_fault),
                      edge_strndup(&own.arena, text, strcspn(text, "\r\n")));
    }
    return (int)len;
}

/* ---- connecting -------------------------------------------------------------------------- */

static MQTTAsync_SSLOptions tls_options(struct link *link)
{
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    tls.trustStore = link->ca_file;
    tls.keyStore = link->cert_file;
    tls.privateKey = link->key_file;
    tls.enableServerCertAuth = !link->skip_cert_verify;
    tls.verify = !link->skip_cert_verify;
    tls.ssl_error_cb = on_tls_fault;
    tls.ssl_error_context = link;
    return tls;
}

static void hang_up(struct link *link, const char *reason)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnect(link->client, &options); /* fails where there is nothing to hang up */
    EDGE_LOCK(&link->lock);
    set_down(link, reason);
}

static int client_create(struct link *link, MQTTAsync *ret)
{
    int rc = MQTTAsync_create(ret, link->uri, link->client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL);
    if (rc == MQTTASYNC_SUCCESS) {
        MQTTAsync_setCallbacks(*ret, link, on_lost, incoming_take, NULL);
        MQTTAsync_setConnected(*ret, link, on_connected);
    }
    return rc;
}

/*
 * What paho had not sent when the connection broke it would send on the next one: before the
 * subscriptions are renewed, after what we took back, and be it an old command. A new client has no
 * such memory; the old one hands everything back as it goes.
 */
static void forget_leftovers(struct link *link)
{
    {
        EDGE_LOCK(&link->lock);
        if (link->in_flight == 0 || link->pumping) {
            return;
        }
    }
    MQTTAsync old = link->client, fresh = NULL;
    if (client_create(link, &fresh) == MQTTASYNC_SUCCESS) {
        link->client = fresh; /* nobody sends while unconnected */
        MQTTAsync_destroy(&old);
    }
}

static void connect_now(struct link *link)
{
    if (MQTTAsync_isConnected(link->client)) {
        hang_up(link, "connection is in disorder");
        return;
    }
    forget_leftovers(link);
    outgoing_blame(link);
    MQTTAsync_SSLOptions tls = tls_options(link);
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    options.cleansession = 1;
    options.keepAliveInterval = link->keep_alive_s;
    options.connectTimeout = link->connect_timeout_s;
    options.username = link->username;
    options.password = link->password;
    options.ssl = link->tls ? &tls : NULL;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    if (link->away) {
        will.topicName = link->away->topic;
        will.payload.data = link->will.data;
        will.payload.len = (int)link->will.len;
        will.retained = 1;
        options.will = &will;
    }
    options.onFailure = on_connect_failed; /* success: on_connected */
    options.context = link;
    int rc = MQTTAsync_connect(link->client, &options);
    if (rc != MQTTASYNC_SUCCESS) {
        const char *text = MQTTAsync_strerror(rc);
        EDGE_LOCK(&link->lock);
        set_down(link, text ? text : "cannot connect");
    }
}

/*
 * Paho's sending thread loses a wake-up that comes between its last look at its queue and its wait,
 * and then sleeps for a second. A second CONNECT on a connection is ignored, but wakes it.
 */
static void nudge(struct link *link)
{
    MQTTAsync_reconnect(link->client);
}

static void log_change(struct link *link)
{
    char reason[sizeof(link->reason)];
    enum link_state state;
    {
        EDGE_LOCK(&link->lock);
        int64_t now = edge_now_mono_ms();
        link->report = false;
        state = link->state;
        memcpy(reason, link->reason, sizeof(reason));
        if (state == LINK_DOWN && now < link->quiet_until_ms) {
            return;
        }
        link->quiet_until_ms = now + COMPLAIN_MS;
    }
    struct edge_ctx ctx = {.log = link->bus->log};
    if (state == LINK_UP) {
        edge_log_info(&ctx, "message broker connected", "broker", link->uri, "client-id",
                      link->client_id, NULL);
    } else {
        edge_log_warn(&ctx, "no connection to the message broker, trying again", "broker",
                      link->uri, "client-id", link->client_id, "reason", reason, NULL);
    }
}

/* A retained word about ourselves. */
static void say(struct link *link, const struct edge_message *m)
{
    if (m) {
        struct outgoing *o = outgoing_make(link, m);
        o->retained = true;
        outgoing_add(link, o);
    }
}

/* ---- the link thread --------------------------------------------------------------------- */

enum work {
    WORK_NONE,
    WORK_CONNECT,
    WORK_TUNE,
    WORK_SUBSCRIBE,
    WORK_ANNOUNCE,
    WORK_SEND,
    WORK_NUDGE,
    WORK_HANG_UP
};

static enum work work_unconnected(struct link *link) EDGE_REQUIRES(link->lock)
{
    int64_t now = edge_now_mono_ms();
    if (link->held) {
        edge_cond_wait(&link->wake, &link->lock);
        return WORK_NONE;
    }
    if (now < link->next_ms) {
        edge_cond_wait_until(&link->wake, &link->lock, link->next_ms);
        return WORK_NONE;
    }
    if (link->state == LINK_CONNECTING) {
        set_down(link, "no answer from the broker");
        return WORK_NONE;
    }
    link->state = LINK_CONNECTING;
    link->next_ms = now + (int64_t)link->connect_timeout_s * 1000 + LINK_ANSWER_MS;
    return WORK_CONNECT;
}

static enum work work_connected(struct link *link, int64_t *nudge_ms) EDGE_REQUIRES(link->lock)
{
    if (link->state == LINK_CONNECTED) {
        link->state = LINK_SUBSCRIBING;
        return WORK_TUNE;
    }
    bool asking = link->n_asked > link->n_acked;
    if (!asking && link->n_acked < link->n_patterns) {
        return WORK_SUBSCRIBE;
    }
    if (!asking && link->state == LINK_SUBSCRIBING) {
        link->state = LINK_UP;
        link->report = true;
        edge_cond_broadcast(&link->changed);
        return WORK_ANNOUNCE;
    }
    if (asking && edge_now_mono_ms() >= link->next_ms) {
        return WORK_HANG_UP;
    }
    if (outgoing_ready(link)) {
        return WORK_SEND;
    }
    if (!asking && link->in_flight == 0) {
        *nudge_ms = FIRST_NUDGE_MS;
        edge_cond_wait(&link->wake, &link->lock);
        return WORK_NONE;
    }
    uint64_t progress = link->progress;
    bool woken = edge_cond_wait_until(&link->wake, &link->lock, edge_now_mono_ms() + *nudge_ms);
    if (woken || link->progress != progress) {
        *nudge_ms = FIRST_NUDGE_MS;
        return WORK_NONE;
    }
    *nudge_ms = *nudge_ms * 2 < LAST_NUDGE_MS ? *nudge_ms * 2 : LAST_NUDGE_MS;
    return WORK_NUDGE;
}

/* False: it is time to stop. */
static bool find_work(struct link *link, int64_t *nudge_ms, enum work *ret, bool *ret_report)
{
    EDGE_LOCK(&link->lock);
    *ret = WORK_NONE;
    if (!link->stop && !link->report) {
        *ret =
            link->state < LINK_CONNECTED ? work_unconnected(link) : work_connected(link, nudge_ms);
    }
    *ret_report = link->report;
    return !link->stop;
}

static void *link_run(void *arg)
{
    struct link *link = arg;
    int64_t nudge_ms = FIRST_NUDGE_MS;
    enum work work;
    bool report;
    while (find_work(link, &nudge_ms, &work, &report)) {
        if (report) {
            log_change(link);
        }
        if (work == WORK_CONNECT) {
            connect_now(link);
        } else if (work == WORK_TUNE) {
            socket_no_delay(link->port);
        } else if (work == WORK_SUBSCRIBE) {
            incoming_ask(link);
        } else if (work == WORK_ANNOUNCE) {
            say(link, link->here);
        } else if (work == WORK_SEND) {
            outgoing_pump(link);
        } else if (work == WORK_NUDGE) {
            nudge(link);
        } else if (work == WORK_HANG_UP) {
            hang_up(link, "no answer to a subscription");
        }
    }
    return NULL;
}

/* ---- the transport ----------------------------------------------------------------------- */

static const char *copy(struct link *link, const char *text)
{
    return text && *text ? edge_strdup(&link->arena, text) : NULL;
}

static enum edge_status configure(struct edge_ctx *ctx, struct link *link,
                                  const struct edge_bus_config *c)
{
    static const struct {
        const char *name;
        bool tls;
    } protocols[] = {
        {"tcp",   false},
        {"mqtt",  false},
        {"ssl",   true },
        {"tls",   true },
        {"mqtts", true }
    };
    const size_t n = sizeof(protocols) / sizeof(protocols[0]);
    size_t i = 0;
    while (i < n && strcmp(protocols[i].name, c->protocol) != 0) {
        i++;
    }
    if (i == n) {
        return edge_fail(ctx, EDGE_INVALID, "message bus protocol '%s' is not supported",
                         c->protocol);
    }
    bool bare_ipv6 = strchr(c->host, ':') && c->host[0] != '[';
    link->tls = protocols[i].tls;
    link->uri = edge_printf(&link->arena, bare_ipv6 ? "%s[%s]:%u" : "%s%s:%u",
                            link->tls ? "ssl://" : "tcp://", c->host, c->port);
    link->port = c->port;
    link->client_id = copy(link, c->client_id);
    if (!link->client_id) {
        char uuid[EDGE_UUID_SIZE];
        edge_uuid_new(uuid);
        link->client_id =
            edge_printf(&link->arena, "%s-%.8s", c->service ? c->service : "edgex", uuid);
    }
    link->username = copy(link, c->username);
    link->password = copy(link, c->password);
    link->ca_file = copy(link, c->ca_file);
    link->cert_file = copy(link, c->cert_file);
    link->key_file = copy(link, c->key_file);
    link->skip_cert_verify = c->skip_cert_verify;
    link->retained = c->retained;
    link->qos = c->qos;
    link->event_qos = c->event_qos;
    link->keep_alive_s = c->keep_alive_s > 0 ? c->keep_alive_s : 10;
    link->connect_timeout_s = c->connect_timeout_s > 0 ? c->connect_timeout_s : 5;
    link->max_outgoing = c->max_outgoing ? c->max_outgoing : BUS_MAX_OUTGOING;
    if (link->away) {
        edge_envelope_encode(link->away, &link->will);
    }
    return EDGE_OK;
}

static enum edge_status mqtt_open(struct edge_ctx *ctx, struct edge_bus *bus,
                                  const struct edge_bus_config *config)
{
    struct link *link = edge_xalloc(1, sizeof(*link));
    link->bus = bus;
    bus->link = link;
    edge_mutex_init(&link->lock);
    edge_cond_init(&link->wake);
    edge_cond_init(&link->changed);
    {
        EDGE_LOCK(&link->lock);
        link->backoff_ms = FIRST_BACKOFF_MS;
        link->held = config->held;
    }
    link->here = config->here;
    link->away = config->away;
    EDGE_TRY(configure(ctx, link, config));
    int rc = client_create(link, &link->client);
    if (rc != MQTTASYNC_SUCCESS) {
        link->client = NULL;
        return edge_fail(ctx, EDGE_INVALID, "message broker '%s': %s", link->uri,
                         MQTTAsync_strerror(rc));
    }
    link->thread = edge_thread_start("bus-link", link_run, link);
    return EDGE_OK;
}

static int event_qos(const struct link *link)
{
    return link->event_qos > link->qos ? link->event_qos : link->qos;
}

static void mqtt_subscribe(struct edge_bus *bus, const char *pattern, unsigned flags)
{
    struct link *link = bus->link;
    incoming_want(link, pattern, flags & EDGE_SUB_EVENTS ? event_qos(link) : link->qos);
}

static enum edge_status mqtt_publish(struct edge_ctx *ctx, struct edge_bus *bus,
                                     const struct edge_message *m, int64_t expires_ms)
{
    struct link *link = bus->link;
    struct outgoing *o = outgoing_make(link, m);
    size_t size = o->bytes.len;
    if (size > MAX_PAYLOAD) {
        outgoing_free(o);
        return edge_fail(ctx, EDGE_TOO_LARGE, "message on '%s' has %zu bytes", m->topic, size);
    }
    o->expires_ms = expires_ms;
    o->once = m->once;
    o->is_event = m->is_event;
    o->qos = m->is_event ? event_qos(link) : link->qos;
    outgoing_add(link, o);
    bus_count(bus->sent, 1);
    return EDGE_OK;
}

static bool mqtt_wanted(const struct edge_bus *bus, const char *topic)
{
    (void)bus;
    (void)topic;
    return true;
}

static bool is_connected(const struct link *link) EDGE_REQUIRES(link->lock)
{
    return link->state == LINK_UP && link->n_acked == link->n_patterns;
}

static bool mqtt_connected(const struct edge_bus *bus)
{
    struct link *link = bus->link;
    EDGE_LOCK(&link->lock);
    return is_connected(link);
}

static bool mqtt_wait_connected(struct edge_bus *bus, int64_t deadline_ms)
{
    struct link *link = bus->link;
    EDGE_LOCK(&link->lock);
    while (!is_connected(link) && !atomic_load(&bus->closing)) {
        if (!edge_cond_wait_until(&link->changed, &link->lock, deadline_ms)) {
            return is_connected(link);
        }
    }
    return is_connected(link);
}

static unsigned mqtt_connections(const struct edge_bus *bus)
{
    struct link *link = bus->link;
    EDGE_LOCK(&link->lock);
    return link->epoch;
}

static void mqtt_release(struct edge_bus *bus)
{
    struct link *link = bus->link;
    EDGE_LOCK(&link->lock);
    link->held = false;
    edge_cond_signal(&link->wake);
}

static void mqtt_announce(struct edge_bus *bus)
{
    struct link *link = bus->link;
    say(link, link->here);
}

static void mqtt_wake(struct edge_bus *bus)
{
    struct link *link = bus->link;
    EDGE_LOCK(&link->lock);
    edge_cond_broadcast(&link->changed);
}

static void wait_sent(struct link *link, int64_t deadline_ms)
{
    int64_t last_chance_ms = edge_now_mono_ms() + LAST_CHANCE_MS;
    last_chance_ms = last_chance_ms < deadline_ms ? last_chance_ms : deadline_ms;
    EDGE_LOCK(&link->lock);
    while (!link->held && (link->n_outgoing > 0 || link->in_flight > 0)) {
        int64_t until_ms = link->state == LINK_UP ? deadline_ms : last_chance_ms;
        if (edge_now_mono_ms() >= until_ms) {
            break;
        }
        edge_cond_wait_until(&link->changed, &link->lock, until_ms);
    }
    link->stop = true;
    edge_cond_signal(&link->wake);
}

static void on_hung_up(void *context, MQTTAsync_successData *data)
{
    (void)data;
    struct link *link = context;
    EDGE_LOCK(&link->lock);
    link->hung_up = true;
    edge_cond_broadcast(&link->changed);
}

/* So that the broker need not guess what became of us. */
static void say_goodbye(struct link *link)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    options.onSuccess = on_hung_up;
    options.context = link;
    if (MQTTAsync_disconnect(link->client, &options) != MQTTASYNC_SUCCESS) {
        return;
    }
    int64_t deadline = edge_now_mono_ms() + HANG_UP_MS;
    EDGE_LOCK(&link->lock);
    while (!link->hung_up) {
        if (!edge_cond_wait_until(&link->changed, &link->lock, deadline)) {
            return;
        }
    }
}

static void mqtt_close(struct edge_bus *bus, int64_t deadline_ms)
{
    struct link *link = bus->link;
    if (mqtt_connected(bus)) {
        say(link, link->away); /* who is not connected has had its last will said */
    }
    wait_sent(link, deadline_ms);
    pthread_join(link->thread, NULL);
    say_goodbye(link);
    MQTTAsync_destroy(&link->client); /* hands back what it still had; no callback after it */
    size_t lost = outgoing_clear(link);
    if (lost > 0) {
        bus_count_dropped(bus, lost, "closing before they were sent");
    }
}

static void mqtt_free(struct edge_bus *bus)
{
    struct link *link = bus->link;
    edge_message_unref(link->last);
    edge_message_unref(link->here);
    edge_message_unref(link->away);
    edge_buf_done(&link->will);
    {
        EDGE_LOCK(&link->lock);
        free(link->patterns);
    }
    edge_cond_done(&link->wake);
    edge_cond_done(&link->changed);
    edge_mutex_done(&link->lock);
    edge_arena_done(&link->arena);
    free(link);
}

const struct bus_transport BUS_MQTT = {
    .open = mqtt_open,
    .subscribe = mqtt_subscribe,
    .publish = mqtt_publish,
    .wanted = mqtt_wanted,
    .connected = mqtt_connected,
    .wait_connected = mqtt_wait_connected,
    .connections = mqtt_connections,
    .release = mqtt_release,
    .announce = mqtt_announce,
    .wake = mqtt_wake,
    .close = mqtt_close,
    .free = mqtt_free,
};
