/* Commands from outside (contract 6.3): a second MQTT broker, topics of its own. Requests are checked
 * and counted on the delivery thread and served by workers; what a stranger sends costs a line in the
 * log and no more. A broker that is away is waited for, and core-command does all else meanwhile. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "edge/clock.h"
#include "edge/mqtt.h"
#include "edge/text.h"
#include "edge/thread.h"

enum {
    MAX_CONCURRENT = 32, /* where the configuration says nothing of use */
    QUIESCE_MS = 2000,   /* for requests under way when stopping */
    DRAIN_MS = 1000,
    MAX_PENDING = 1000, /* messages not taken yet; answers not sent yet */
};

/* A request under way; it ends on the worker that served it. */
struct external_request {
    struct external_request *next;
    struct external *external;
    struct edge_message *message;
    struct bus_target target; /* of a command */
    const char *device;       /* of a query; NULL: it is a command */
    struct asker asker;
};

struct external {
    struct command_state *cmd;
    const struct external_mqtt *config;
    struct edge_bus_config connection;
    struct edge_bus *bus; /* NULL: not opened yet */
    size_t max_active;
    struct edge_mutex lock;
    struct edge_cond changed;
    struct external_request *active EDGE_GUARDED;
    size_t n_active EDGE_GUARDED;
    bool closing EDGE_GUARDED;
};

/* ---- configuration ----------------------------------------------------------------------------
 */

static bool given(const char *text)
{
    return text && *text;
}

/* An answer that is heard as a request would be answered, without end. */
static enum edge_status check_topics(struct edge_ctx *ctx, const struct external_topics *t)
{
    const struct {
        const char *key, *value;
    } all[] = {
        {"CommandRequestTopic",        t->request        },
        {"CommandResponseTopicPrefix", t->response_prefix},
        {"CommandQueryRequestTopic",   t->query_request  },
        {"CommandQueryResponseTopic",  t->query_response },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (!given(all[i].value)) {
            return edge_fail(ctx, EDGE_INVALID, "ExternalMQTT.Topics.%s is missing", all[i].key);
        }
    }
    const char *const answers[] = {
        edge_printf(&ctx->arena, "%s/device/command/get", t->response_prefix),
        t->query_response,
    };
    for (size_t i = 0; i < 2; i++) {
        if (strpbrk(answers[i], "+#")) {
            return edge_fail(ctx, EDGE_INVALID,
                             "ExternalMQTT.Topics: answers cannot go to '%s', it has wildcards",
                             answers[i]);
        }
        if (edge_topic_matches(t->request, answers[i]) ||
            edge_topic_matches(t->query_request, answers[i])) {
            return edge_fail(ctx, EDGE_INVALID,
                             "ExternalMQTT.Topics: answers on '%s' would be taken for requests",
                             answers[i]);
        }
    }
    return EDGE_OK;
}

static enum edge_status read_config(struct edge_ctx *ctx, struct command_state *cmd,
                                    const struct external_mqtt *config, struct edge_bus_config *c)
{
    int64_t timeout = 0;
    const struct edge_broker_secret secret = {
        .section = "ExternalMQTT",
        .auth_mode = EDGE_AUTH_MODES[config->auth_mode],
        .secret_name = config->secret_name,
        .writable = edge_runtime_writable(cmd->rt),
        .metrics = cmd->rt->metrics,
    };
    EDGE_TRY(edge_wrap(
        ctx, edge_mqtt_url(ctx, &cmd->arena, config->url, &c->protocol, &c->host, &c->port),
        "ExternalMQTT.Url"));
    EDGE_TRY(edge_broker_credentials(ctx, &cmd->arena, &secret, c));
    EDGE_TRY(check_topics(ctx, &config->topics));
    if (given(config->connect_timeout) &&
        !edge_duration_parse(config->connect_timeout, true, &timeout)) {
        return edge_fail(ctx, EDGE_INVALID, "ExternalMQTT.ConnectTimeout '%s' is no duration",
                         config->connect_timeout);
    }
    c->type = "mqtt";
    c->service = "external";
    c->client_id = config->client_id;
    c->qos = (int)config->qos;
    c->keep_alive_s = (int)config->keep_alive;
    c->connect_timeout_s = timeout <= 0 ? 0 : (int)((timeout + 999999999) / 1000000000);
    c->retained = config->retain;
    c->skip_cert_verify = config->skip_cert_verify;
    c->max_queued = c->max_outgoing = MAX_PENDING;
    c->log = cmd->rt->log;
    c->budget = cmd->rt->budget;
    return EDGE_OK;
}

enum edge_status external_create(struct edge_ctx *ctx, struct command_state *cmd)
{
    const struct command_config *config = cmd->rt->config;
    int64_t max = config->external_command.max_concurrent_requests;
    struct edge_bus_config connection = {0};
    if (!config->external_mqtt.enabled) {
        return EDGE_OK;
    }
    EDGE_TRY(read_config(ctx, cmd, &config->external_mqtt, &connection));
    if (!config->external_mqtt.auto_reconnect) {
        edge_log_warn(ctx, "ExternalMQTT.AutoReconnect false has no effect: brokers are waited for",
                      NULL);
    }
    struct external *x = edge_xalloc(1, sizeof(*x));
    x->cmd = cmd;
    x->config = &config->external_mqtt;
    x->connection = connection;
    x->max_active = max > 0 ? (size_t)max : MAX_CONCURRENT;
    edge_mutex_init(&x->lock);
    edge_cond_init(&x->changed);
    cmd->external = x;
    return EDGE_OK;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static enum edge_status unsound(struct edge_ctx *ctx, const char *what, const char *text,
                                const char *why)
{
    return edge_fail(ctx, EDGE_INVALID, "%s '%s' is %s", what,
                     edge_text_brief(&ctx->arena, text, 64), why);
}

/* What is no sound request gets no answer: whoever sent it may not be who it says. */
static enum edge_status check_envelope(struct edge_ctx *ctx, const struct edge_message *m)
{
    if (m->retained) { /* it comes at every connection: a write must not happen again each time */
        return edge_fail(ctx, EDGE_INVALID, "retained requests are not obeyed");
    }
    if (strcmp(m->api_version, "v3") != 0) {
        return unsound(ctx, "apiVersion", m->api_version, "not v3");
    }
    if (!edge_uuid_parse(m->request_id, NULL)) {
        return unsound(ctx, "requestID", m->request_id, "no uuid");
    }
    if (*m->correlation_id && !edge_uuid_parse(m->correlation_id, NULL)) {
        return unsound(ctx, "correlationID", m->correlation_id, "no uuid");
    }
    if (!edge_media_is(m->content_type, "application/json")) {
        return unsound(ctx, "contentType", m->content_type, "not application/json");
    }
    return EDGE_OK;
}

static void request_free(struct external_request *r)
{
    edge_message_unref(r->message);
    free(r);
}

/* A copy of the message that holds the request's texts. */
static struct external_request *request_make(struct external *x, const struct edge_message *m)
{
    struct external_request *r = edge_xalloc(1, sizeof(*r));
    r->external = x;
    r->message = serve_copy(m);
    if (!*m->correlation_id) {
        r->message->correlation_id = edge_uuid_make(edge_message_arena(r->message));
    }
    r->asker = (struct asker){.bus = x->bus, .external = true};
    return r;
}

static void leave(struct external_request *r)
{
    struct external *x = r->external;
    {
        EDGE_LOCK(&x->lock);
        struct external_request **at = &x->active;
        while (*at != r) {
            at = &(*at)->next;
        }
        *at = r->next;
        x->n_active--;
        edge_cond_broadcast(&x->changed);
    }
    request_free(r);
}

/* By a worker. */
static void serve(void *arg)
{
    struct external_request *r = arg;
    struct command_state *cmd = r->external->cmd;
    const struct edge_message *m = r->message;
    EDGE_CTX_SCOPE(ctx);
    ctx.log = cmd->rt->log;
    ctx.budget = cmd->rt->budget;
    size_t len = strnlen(m->correlation_id, sizeof(ctx.correlation_id) - 1);
    memcpy(ctx.correlation_id, m->correlation_id, len);
    enum edge_status st = r->device ? serve_query(&ctx, cmd, m, r->device, &r->asker)
                                    : serve_command(&ctx, cmd, m, &r->target, &r->asker);
    if (st != EDGE_OK) {
        edge_log_warn(&ctx, "external request failed", "answer", r->asker.topic, "reason",
                      edge_ctx_message(&ctx, st), NULL);
    }
    leave(r);
}

static enum edge_status busy(struct edge_ctx *ctx)
{
    return edge_fail(ctx, EDGE_UNAVAILABLE,
                     "core-command busy: too many concurrent external commands");
}

/* CONFLICT: the same request is under way, sent again by the broker or by mistake. A write must not
 * happen twice, and the answer to the first is one to both. */
static enum edge_status enter(struct edge_ctx *ctx, struct external *x, struct external_request *r)
{
    EDGE_LOCK(&x->lock);
    if (x->closing) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "core-command is stopping");
    }
    for (const struct external_request *other = x->active; other; other = other->next) {
        if (strcasecmp(other->message->request_id, r->message->request_id) == 0) {
            return edge_fail(ctx, EDGE_CONFLICT, "request %s is under way already",
                             r->message->request_id);
        }
    }
    if (x->n_active >= x->max_active) {
        return busy(ctx);
    }
    r->next = x->active;
    x->active = r;
    x->n_active++;
    return EDGE_OK;
}

/* To a worker, or back to who asks; @p r is gone afterwards. */
static enum edge_status take(struct edge_ctx *ctx, struct external *x, struct external_request *r)
{
    enum edge_status st = edge_message_sound(ctx, r->message);
    st = st == EDGE_OK ? enter(ctx, x, r) : st;
    if (st == EDGE_OK) {
        if (edge_pool_submit(x->cmd->rt->pool, serve, r)) {
            return EDGE_OK;
        }
        st = serve_failure(ctx, r->message, &r->asker, busy(ctx));
        leave(r);
        return st;
    }
    if (st != EDGE_CONFLICT) {
        st = serve_failure(ctx, r->message, &r->asker, st);
    }
    request_free(r);
    return st;
}

/* How many levels stand before those that a request fills in. */
static size_t n_fixed(struct edge_ctx *ctx, const char *pattern)
{
    const char **levels;
    size_t n = edge_topic_levels(&ctx->arena, pattern, false, &levels);
    size_t fixed = 0;
    while (fixed < n && strcmp(levels[fixed], "#") != 0 && strcmp(levels[fixed], "+") != 0) {
        fixed++;
    }
    return fixed;
}

static enum edge_status levels_after(struct edge_ctx *ctx, const char *topic, const char *pattern,
                                     size_t n_wanted, const char *wanted, struct edge_arena *a,
                                     const char ***ret)
{
    const char **levels;
    size_t n = edge_topic_levels(a, topic, true, &levels);
    if (n < n_fixed(ctx, pattern) + n_wanted) {
        return edge_fail(ctx, EDGE_INVALID, "topic '%s' does not end in %s", topic, wanted);
    }
    *ret = levels + n - n_wanted;
    return EDGE_OK;
}

/* The last @p n levels, each with its slash, as they came. */
static const char *tail_of(const char *topic, size_t n)
{
    const char *at = topic + strlen(topic);
    while (n > 0 && at > topic) {
        at--;
        n -= *at == '/';
    }
    return at;
}

static enum edge_status external_command(void *state, struct edge_ctx *ctx,
                                         const struct edge_message *m)
{
    struct external *x = state;
    const struct external_topics *topics = &x->config->topics;
    const char **levels;
    EDGE_TRY(check_envelope(ctx, m));
    struct external_request *r = request_make(x, m);
    struct edge_arena *a = edge_message_arena(r->message);
    enum edge_status st =
        levels_after(ctx, m->topic, topics->request, 3, "device, command and method", a, &levels);
    if (st != EDGE_OK) {
        request_free(r);
        return st;
    }
    r->target = (struct bus_target){levels[0], levels[1], levels[2]};
    r->asker.topic =
        edge_printf(a, "%s%s", topics->response_prefix, tail_of(m->topic, 3)); /* (contract 6.3) */
    return take(ctx, x, r);
}

static enum edge_status external_query(void *state, struct edge_ctx *ctx,
                                       const struct edge_message *m)
{
    struct external *x = state;
    const struct external_topics *topics = &x->config->topics;
    const char **levels;
    EDGE_TRY(check_envelope(ctx, m));
    struct external_request *r = request_make(x, m);
    enum edge_status st = levels_after(ctx, m->topic, topics->query_request, 1, "a device or all",
                                       edge_message_arena(r->message), &levels);
    if (st != EDGE_OK) {
        request_free(r);
        return st;
    }
    r->device = levels[0];
    r->asker.topic = topics->query_response;
    return take(ctx, x, r);
}

/* ---- life -------------------------------------------------------------------------------------
 */

enum edge_status external_open(struct edge_ctx *ctx, struct command_state *cmd)
{
    struct external *x = cmd->external;
    if (!x) {
        return EDGE_OK;
    }
    EDGE_TRY(edge_wrap(ctx, edge_bus_open(ctx, &x->connection, &x->bus), "ExternalMQTT"));
    EDGE_TRY(edge_wrap(ctx,
                       edge_bus_subscribe(ctx, x->bus, x->config->topics.request, external_command,
                                          x, EDGE_SUB_REQUESTS),
                       "ExternalMQTT.Topics.CommandRequestTopic"));
    return edge_wrap(ctx,
                     edge_bus_subscribe(ctx, x->bus, x->config->topics.query_request,
                                        external_query, x, EDGE_SUB_REQUESTS),
                     "ExternalMQTT.Topics.CommandQueryRequestTopic");
}

void external_quiesce(struct command_state *cmd)
{
    struct external *x = cmd->external;
    if (!x) {
        return;
    }
    {
        int64_t deadline_ms = edge_now_mono_ms() + QUIESCE_MS;
        EDGE_LOCK(&x->lock);
        x->closing = true;
        while (x->n_active > 0 && edge_cond_wait_until(&x->changed, &x->lock, deadline_ms)) {
        }
    }
    edge_bus_stop(x->bus, DRAIN_MS);
}

void external_free(struct command_state *cmd)
{
    struct external *x = cmd->external;
    if (!x) {
        return;
    }
    edge_bus_close(x->bus, DRAIN_MS);
    edge_cond_done(&x->changed);
    edge_mutex_done(&x->lock);
    free(x);
    cmd->external = NULL;
}
