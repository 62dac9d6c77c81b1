/**
 * The client behind MQTTExport and the clouds. A message is delivered when the broker has acknowledged it (QoS 0: when
 * it is written), which has a deadline. While the secret is missing, messages are denied, and wait.
 */
#include "mqtt_client.h"

#include <stdlib.h>
#include <string.h>

#include "edge/backoff.h"
#include "edge/clock.h"
#include "edge/log.h"
#include "edge/metrics.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "words.h"

enum {
    WINDOW = 64,
    SECRETS_MS = 1000,
    REFUSED_MS = 30 * 1000,
    REFUSED_LAST_MS = 900 * 1000,
    CLOCK_MS = 30 * 1000, /* the wall clock was set: tokens count by it */
    ALL = 100,
    REASON_SIZE = 256,
};

/* A message with the client: sent where no answer follows; else until there is one. */
struct outgoing {
    struct outgoing *next;
    void *token;
    char id[33];
    bool sent, answered;
    int64_t deadline_ms;   /* of the answer, once it is sent */
    enum export_fate fate; /* where it is answered */
    char reason[REASON_SIZE];
};

struct mqtt {
    const struct mqtt_stage *stage;
    struct export_connector_env env;
    struct edge_counter *errors;
    struct edge_histogram *size;

    struct edge_mutex lock;
    struct edge_cond changed EDGE_GUARDED;
    struct edge_mqtt *client EDGE_GUARDED; /* NULL: none yet, or its secret is missing */
    bool stopping EDGE_GUARDED;
    struct outgoing *out EDGE_GUARDED; /* messages with the client */
    bool was_refused EDGE_GUARDED;
    unsigned users EDGE_GUARDED;      /* of the client: it is not freed meanwhile */
    struct export_commands *commands; /* NULL: none are taken */
    int64_t renew_ms EDGE_GUARDED;
    struct edge_backoff refused EDGE_GUARDED;

    void *memory;     /* NULL: none; the queue's thread, as the next */
    unsigned secrets; /* of the client */
    int64_t wall_to_mono_ms;
    int64_t again_ms; /* where there is no client */
};

static unsigned version_of(const struct mqtt_stage *s)
{
    return s->credentials && s->host->secrets_version ? s->host->secrets_version(s->host->state)
                                                      : 0;
}

/* ---- what the client says ---- */

static void settle(struct mqtt *c, struct outgoing *o, enum export_fate fate, const char *reason)
{
    struct export_outcome outcome = {.fate = fate, .reason = reason};
    if (c->errors && fate != EXPORT_DELIVERED && fate != EXPORT_UNSENT) {
        edge_counter_add(c->errors, 1);
    }
    (void)c->env.settle(c->env.queue, o->token, &outcome);
    free(o);
    mqtt_wake(c);
}

static void unlink_out(struct mqtt *c, struct outgoing *o) EDGE_REQUIRES(c->lock)
{
    struct outgoing **at = &c->out;
    while (*at != o) {
        at = &(*at)->next;
    }
    *at = o->next;
}

static enum export_fate fate_of(const struct mqtt_stage *s, enum edge_mqtt_fate fate,
                                const char *reason)
{
    switch (fate) {
    case EDGE_MQTT_SENT:
        return EXPORT_DELIVERED;
    case EDGE_MQTT_REFUSED:
        return !reason || strstr(reason, "uota") || strstr(reason, "busy") ? EXPORT_RETRY
               : strcasestr(reason, "not authorized")                      ? EXPORT_DENIED
                                                                           : EXPORT_REJECTED;
    case EDGE_MQTT_BROKE:
        return s->hangs_up ? EXPORT_DENIED : EXPORT_RETRY;
    case EDGE_MQTT_EXPIRED: /* the spool drops it when it is read again */
    case EDGE_MQTT_DISPLACED:
        return EXPORT_RETRY;
    case EDGE_MQTT_UNSENT:
        break;
    }
    return EXPORT_UNSENT;
}

static void on_settled(void *state, void *token, enum edge_mqtt_fate fate, const char *reason)
{
    struct mqtt *c = state;
    struct outgoing *o = token;
    if (!o) {
        return; /* a reply */
    }
    {
        EDGE_LOCK(&c->lock);
        if (c->stage->answers && fate == EDGE_MQTT_SENT && !o->answered) {
            o->sent = true;
            o->deadline_ms = edge_now_mono_ms() + c->stage->ack_ms;
            return;
        }
        unlink_out(c, o);
    }
    if (o->answered) {
        settle(c, o, o->fate, o->reason);
    } else if (fate == EDGE_MQTT_BROKE && c->stage->hangs_up) {
        settle(c, o, EXPORT_DENIED, "the peer hangs up on this message: does its policy allow it?");
    } else {
        settle(c, o, fate_of(c->stage, fate, reason), reason);
    }
}

void mqtt_answer(struct mqtt *c, const char *id, enum export_fate fate, const char *reason)
{
    struct outgoing *o;
    {
        EDGE_LOCK(&c->lock);
        for (o = c->out; o && strcmp(o->id, id) != 0; o = o->next) {
        }
        if (!o || o->answered) {
            return;
        }
        o->answered = true;
        o->fate = fate;
        edge_text_fit(o->reason, sizeof(o->reason), reason);
        if (!o->sent) {
            return; /* its acknowledgement is still to come */
        }
        unlink_out(c, o);
    }
    settle(c, o, o->fate, o->reason);
}

/* Those that were sent and have no answer: since their deadline, or, where nobody listens any more, all of them. */
static void give_up(struct mqtt *c, bool all)
{
    int64_t now_ms = edge_now_mono_ms();
    for (;;) {
        struct outgoing *o;
        {
            EDGE_LOCK(&c->lock);
            for (o = c->out; o && !(o->sent && (all || o->deadline_ms <= now_ms)); o = o->next) {
            }
            if (!o) {
                return;
            }
            unlink_out(c, o);
        }
        settle(c, o, all ? EXPORT_UNSENT : EXPORT_RETRY, "no answer");
    }
}

/* ---- what comes from there ---- */

struct export_commands *mqtt_commands(const struct mqtt *c)
{
    return c->commands;
}

static void on_executed(void *arg, struct edge_ctx *ctx, const struct export_command *command,
                        int code, const char *body)
{
    struct mqtt *c = arg;
    c->stage->executed(c, c->stage, ctx, command, code, body);
}

void mqtt_reply(struct mqtt *c, const char *topic, const char *text)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_mqtt *client;
    {
        EDGE_LOCK(&c->lock);
        if (c->stopping || !c->client) {
            return;
        }
        client = c->client;
        c->users++;
    }
    const struct edge_mqtt_message m = {
        .topic = topic, .payload = text, .size = strlen(text), .qos = 1};
    const struct edge_mqtt_delivery delivery = {.once = true};
    if (edge_mqtt_publish(&ctx, client, &m, &delivery) != EDGE_OK) {
        edge_log_warn(&ctx, "reply not sent", "queue", c->env.name, "topic", topic, NULL);
    }
    EDGE_LOCK(&c->lock);
    c->users--;
    edge_cond_broadcast(&c->changed);
}

static void on_received(void *state, const struct edge_mqtt_message *m)
{
    struct mqtt *c = state;
    c->stage->received(c, c->stage, m);
}

/* Where a token or a place is refused, the next attempt has another one. */
static void mark(struct mqtt *c, bool up, bool denied)
{
    EDGE_LOCK(&c->lock);
    if (up) {
        c->was_refused = false;
        edge_backoff_reset(&c->refused);
    } else if (denied && !c->was_refused && (c->renew_ms < INT64_MAX || c->memory)) {
        c->was_refused = true;
        c->renew_ms = edge_now_mono_ms() + edge_backoff_next(&c->refused);
    }
}

bool mqtt_wait(struct mqtt *c, bool (*done)(void *), void *arg, int64_t deadline_ms)
{
    EDGE_LOCK(&c->lock);
    while (!c->stopping && !done(arg)) {
        if (!edge_cond_wait_until(&c->changed, &c->lock, deadline_ms)) {
            return done(arg);
        }
    }
    return !c->stopping;
}

void mqtt_wake(struct mqtt *c)
{
    EDGE_LOCK(&c->lock);
    edge_cond_broadcast(&c->changed);
}

static void on_changed(void *state, bool up, const char *reason)
{
    struct mqtt *c = state;
    bool denied =
        reason && (strstr(reason, "refused: user name") || strcasestr(reason, "not authorized"));
    mark(c, up, denied);
    c->env.line(c->env.queue,
                up       ? EXPORT_LINE_UP
                : denied ? EXPORT_LINE_DENIED
                         : EXPORT_LINE_DOWN,
                reason);
    if (up && c->stage->heard) {
        c->stage->heard(c, c->stage);
    }
}

/* ---- the client ---- */

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
        .alpn = s->alpn,
        .keep_alive_s = s->keep_alive_s,
        .connect_timeout_s = s->connect_timeout_s,
        .retry_last_ms = s->retry_last_ms,
        .retry_refused_ms = REFUSED_MS,
        .ack_timeout_ms = s->ack_ms,
        .max_message = s->max_bytes,
        .held = true, /* until everybody finds it */
        .window = s->window > 0 ? s->window : WINDOW,
        .will = s->has_will ? &s->will : NULL,
        .state = c,
        .settled = on_settled,
        .changed = on_changed,
        .received = s->received ? on_received : NULL,
        .log = c->env.log,
    };
    struct mqtt_login login = {
        .config = &config, .renew_ms = INT64_MAX, .connector = c, .memory = c->memory};
    struct edge_mqtt *client = NULL;
    bool stopping;
    c->secrets = version_of(s);
    c->wall_to_mono_ms = edge_now_ms() - edge_now_mono_ms();
    {
        EDGE_LOCK(&c->lock);
        login.refused = c->was_refused;
    }
    if (s->credentials) {
        EDGE_TRY(s->credentials(ctx, s, &login));
    }
    {
        EDGE_LOCK(&c->lock);
        c->was_refused = false;
        c->renew_ms = login.renew_ms;
    }
    EDGE_TRY(edge_mqtt_open(ctx, &config, &client));
    for (const char *const *at = s->patterns; at && *at; at++) {
        edge_mqtt_subscribe(client, *at, 1);
    }
    {
        EDGE_LOCK(&c->lock);
        if (!c->stopping) {
            c->client = client;
        }
        stopping = c->stopping;
    }
    if (stopping) {
        edge_mqtt_free(client);
        return edge_fail(ctx, EDGE_UNAVAILABLE, "stopping");
    }
    edge_mqtt_release(client);
    return EDGE_OK;
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
    edge_cond_init(&c->changed);
    {
        EDGE_LOCK(&c->lock);
        c->refused = (struct edge_backoff){
            .first_ms = REFUSED_MS, .last_ms = REFUSED_LAST_MS, .spread_percent = ALL};
    }
    if (env->metrics) {
        c->errors = edge_counter(env->metrics, "MqttExportErrors", "Messages that failed.");
        c->size = edge_histogram(env->metrics, "MqttExportSize", "Bytes of what was sent.");
    }
    if (c->stage->memory_size > 0) {
        c->memory = edge_xalloc(1, c->stage->memory_size);
    }
    if (c->stage->executed) {
        c->commands = export_commands_start(c->stage->host, env->log, on_executed, c);
    }
    if (c->stage->connect_first && connect_to(ctx, c) != EDGE_OK) {
        edge_ctx_clear(ctx); /* the first message has a place for the reason */
    }
    *ret = c;
    return EDGE_OK;
}

static enum edge_status compose(struct edge_ctx *ctx, const struct mqtt *c,
                                const struct export_message *m, struct edge_mqtt_message *out)
{
    const struct mqtt_stage *s = c->stage;
    *out = (struct edge_mqtt_message){
        .payload = m->payload,
        .size = m->size,
        .qos = s->qos,
        .retained = s->retain,
        .content_type = m->content_type,
    };
    if (s->topic) {
        EDGE_TRY(connector_topic(ctx, m, s->topic, &out->topic));
    }
    return s->compose ? s->compose(ctx, s, c->memory, m, out) : EDGE_OK;
}

static enum edge_status publish(struct edge_ctx *ctx, struct mqtt *c, struct edge_mqtt *client,
                                const struct export_message *m,
                                const struct edge_mqtt_message *composed)
{
    struct edge_mqtt_property id = {"id", m->id};
    struct edge_mqtt_message out = *composed;
    struct outgoing *o = edge_xalloc(1, sizeof(*o));
    struct edge_mqtt_delivery delivery = {.token = o};
    o->token = m->token;
    memcpy(o->id, m->id, sizeof(o->id));
    out.properties = &id;
    out.n_properties = 1;
    if (m->expires_ms > 0) {
        int64_t left_ms = m->expires_ms - edge_now_ms();
        delivery.expires_ms = edge_now_mono_ms() + (left_ms > 0 ? left_ms : 0);
        out.expiry_s = left_ms > 0 ? (uint32_t)((left_ms + 999) / 1000) : 1;
    }
    {
        EDGE_LOCK(&c->lock);
        o->next = c->out;
        c->out = o;
    }
    enum edge_status st = edge_mqtt_publish(ctx, client, &out, &delivery);
    if (st != EDGE_OK) {
        {
            EDGE_LOCK(&c->lock);
            unlink_out(c, o);
        }
        free(o);
    }
    return st;
}

static void mqtt_send(void *connector, struct edge_ctx *ctx, const struct export_message *m)
{
    struct mqtt *c = connector;
    struct edge_mqtt *client = client_of(c);
    struct edge_mqtt_message out;
    enum export_fate otherwise = EXPORT_REJECTED;
    enum edge_status st = EDGE_OK;
    if (!client) {
        st = connect_to(ctx, c);
        otherwise = st == EDGE_OK            ? EXPORT_REJECTED
                    : st == EDGE_UNAVAILABLE ? EXPORT_RETRY
                                             : EXPORT_DENIED;
        client = client_of(c);
    }
    if (st == EDGE_OK) {
        st = compose(ctx, c, m, &out);
    }
    if (st == EDGE_OK && client && !out.topic) {
        connector_settle(&c->env, m, EXPORT_ABSORBED, NULL);
        return;
    }
    if (st == EDGE_OK && client) {
        size_t size = out.size; /* m may be settled before publish returns */
        st = publish(ctx, c, client, m, &out);
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
    const struct mqtt_stage *s = stage;
    *max_bytes = s->max_bytes;
    *window = s->window > 0 ? s->window : *window;
}

/* ---- another connection instead of this one ---- */

/* NULL: it stays. */
static const char *why_anew(struct mqtt *c, int64_t *ret_next_ms)
{
    int64_t now_ms = edge_now_mono_ms(), skew_ms = edge_now_ms() - now_ms - c->wall_to_mono_ms;
    if (version_of(c->stage) != c->secrets) {
        return "secrets changed";
    }
    EDGE_LOCK(&c->lock);
    *ret_next_ms = now_ms + SECRETS_MS < c->renew_ms ? now_ms + SECRETS_MS : c->renew_ms;
    if (c->renew_ms == INT64_MAX) {
        return NULL;
    }
    if (skew_ms > CLOCK_MS || skew_ms < -CLOCK_MS) {
        return "the clock was set";
    }
    return now_ms >= c->renew_ms ? "the token grows old" : NULL;
}

/* What is under way is waited for, so that none of it is sent twice. False: it is being stopped already. */
static bool hang_up(struct mqtt *c, struct edge_mqtt *old)
{
    int64_t until_ms = edge_now_mono_ms() + c->stage->ack_ms;
    bool wait = edge_mqtt_connected(old);
    {
        EDGE_LOCK(&c->lock);
        if (c->stopping) {
            return false;
        }
        c->client = NULL;
        while (wait && c->out && !c->stopping &&
               edge_cond_wait_until(&c->changed, &c->lock, until_ms)) {
        }
        while (c->users > 0) {
            edge_cond_wait(&c->changed, &c->lock);
        }
    }
    edge_mqtt_stop(old, edge_now_mono_ms());
    edge_mqtt_free(old);
    give_up(c, true);
    return true;
}

/* Where no message asks for it. */
static void try_to_connect(struct edge_ctx *ctx, struct mqtt *c)
{
    enum edge_status st = connect_to(ctx, c);
    if (st != EDGE_OK && !stops(c)) {
        c->env.line(c->env.queue, st == EDGE_UNAVAILABLE ? EXPORT_LINE_DOWN : EXPORT_LINE_DENIED,
                    edge_ctx_message(ctx, st));
    }
    edge_ctx_clear(ctx);
}

/* Who takes commands does not wait for a message to try. */
static int64_t connect_again(struct edge_ctx *ctx, struct mqtt *c)
{
    int64_t now_ms = edge_now_mono_ms();
    if (now_ms >= c->again_ms || version_of(c->stage) != c->secrets) {
        c->again_ms = now_ms + REFUSED_MS;
        try_to_connect(ctx, c);
    }
    return edge_now_mono_ms() + SECRETS_MS;
}

static int64_t mqtt_tick(void *connector, struct edge_ctx *ctx)
{
    struct mqtt *c = connector;
    struct edge_mqtt *old = client_of(c);
    int64_t next_ms = INT64_MAX;
    give_up(c, false);
    if (!c->stage->credentials || stops(c)) {
        return INT64_MAX;
    }
    if (!old) {
        return c->stage->executed ? connect_again(ctx, c) : INT64_MAX;
    }
    const char *why = why_anew(c, &next_ms);
    if (!why) {
        return next_ms;
    }
    ctx->log = c->env.log;
    edge_log_info(ctx, "connecting anew", "queue", c->env.name, "reason", why, NULL);
    if (!hang_up(c, old)) {
        return INT64_MAX;
    }
    try_to_connect(ctx, c);
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
        edge_cond_broadcast(&c->changed);
    }
    if (client) {
        edge_mqtt_stop(client, deadline_ms);
    }
    give_up(c, true);
}

static void mqtt_close(void *connector)
{
    struct mqtt *c = connector;
    struct edge_mqtt *client;
    {
        EDGE_LOCK(&c->lock);
        client = c->client;
    }
    export_commands_stop(c->commands);
    edge_mqtt_free(client);
    edge_cond_done(&c->changed);
    edge_mutex_done(&c->lock);
    free(c->memory);
    free(c);
}

const struct export_connector mqtt_connector = {
    .window = WINDOW,
    .limits = mqtt_limits,
    .open = mqtt_open,
    .send = mqtt_send,
    .tick = mqtt_tick,
    .retry = mqtt_retry,
    .stop = mqtt_stop,
    .close = mqtt_close,
};
