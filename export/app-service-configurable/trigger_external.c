/* Messages of a broker outside (external-mqtt), as they are, and responses back to it. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "edge/thread.h"

enum { STOP_MS = 500, SECOND_MS = 1000 };

struct external {
    struct app *app;
    struct edge_arena arena;
    struct edge_mqtt *mqtt;
};

/* On the receiving thread: the message is acknowledged when this returns, so it is in its queue by then. */
static void received(void *state, const struct edge_mqtt_message *m)
{
    struct external *x = state;
    EDGE_CTX_SCOPE(ctx);
    char id[EDGE_UUID_SIZE];
    edge_uuid_new(id);
    memcpy(ctx.correlation_id, id, sizeof(id));
    ctx.log = x->app->rt->log;
    const struct export_input in = {
        .topic = m->topic, .body = {m->payload, m->size},
             .content_type = m->content_type
    };
    enum edge_status st = export_engine_run(&ctx, x->app->front.engine, &in, NULL, 0);
    if (st != EDGE_OK) {
        edge_log_warn(&ctx, "message from outside cannot be taken", "topic", m->topic, "reason",
                      edge_ctx_message(&ctx, st), NULL);
    }
}

static enum edge_status credentials(struct edge_ctx *ctx, struct external *x,
                                    const struct export_external_mqtt *c,
                                    struct edge_mqtt_config *ret)
{
    struct edge_bus_config bus = {0};
    const struct edge_broker_secret secret = {
        .section = "Trigger.ExternalMqtt",
        .auth_mode = EDGE_AUTH_MODES[c->auth_mode],
        .secret_name = c->secret_name,
        .writable = edge_runtime_writable(x->app->rt),
        .metrics = x->app->rt->metrics,
    };
    EDGE_TRY(edge_broker_credentials(ctx, &x->arena, &secret, &bus));
    ret->username = bus.username;
    ret->password = bus.password;
    ret->ca = bus.ca;
    ret->cert = bus.cert;
    ret->key = bus.key;
    return EDGE_OK;
}

static int whole_seconds(const char *duration)
{
    int64_t ns = 0;
    const int64_t second = 1000000000;
    return duration && edge_duration_parse(duration, true, &ns) && ns > 0
               ? (int)((ns + second - 1) / second)
               : 0;
}

static enum edge_status open_client(struct edge_ctx *ctx, struct external *x,
                                    const struct export_external_mqtt *c)
{
    const struct edge_mqtt_message will = {
        .topic = c->will.topic,
        .payload = c->will.payload,
        .size = c->will.payload ? strlen(c->will.payload) : 0,
        .qos = (int)c->will.qos,
        .retained = c->will.retained,
    };
    struct edge_mqtt_config config = {
        .client_id = c->client_id && *c->client_id ? c->client_id : x->app->rt->name,
        .skip_cert_verify = c->skip_cert_verify,
        .keep_alive_s = (int)c->keep_alive,
        .connect_timeout_s = whole_seconds(c->connect_timeout),
        .retry_first_ms = (int)c->retry_interval * SECOND_MS,
        .retry_last_ms = (int)c->retry_interval * SECOND_MS,
        .session_s = c->qos > 0 ? UINT32_MAX : 0, /* what comes while we are away is kept for us */
        .will = c->will.enabled ? &will : NULL,
        .state = x,
        .received = received,
        .log = x->app->rt->log,
    };
    EDGE_TRY(edge_wrap(ctx,
                       edge_mqtt_url(ctx, &x->arena, c->url ? c->url : "", &config.protocol,
                                     &config.host, &config.port),
                       "Trigger.ExternalMqtt.Url"));
    EDGE_TRY(credentials(ctx, x, c, &config));
    return edge_mqtt_open(ctx, &config, &x->mqtt);
}

enum edge_status trigger_external_start(struct edge_ctx *ctx, struct app *app)
{
    const struct export_external_mqtt *c = &app->config->trigger.external;
    const char *list = app->config->trigger.subscribe_topics;
    size_t n;
    const char **topics = export_list(&ctx->arena, list ? list : "", &n);
    app->external = edge_xalloc(1, sizeof(*app->external));
    app->external->app = app;
    EDGE_TRY(open_client(ctx, app->external, c));
    for (size_t i = 0; i < n; i++) {
        edge_mqtt_subscribe(app->external->mqtt, topics[i], (int)c->qos);
    }
    return EDGE_OK;
}

void trigger_external_respond(struct app *app, const struct export_flow *flow)
{
    struct edge_ctx *ctx = flow->ctx;
    const struct export_external_mqtt *c = &app->config->trigger.external;
    const char *topic = NULL;
    const char *wanted = app->config->trigger.publish_topic;
    if (!wanted || !*wanted || !app->external || !app->external->mqtt) {
        return;
    }
    enum edge_status st = export_flow_format(flow, wanted, &topic);
    if (st == EDGE_OK) {
        const struct edge_mqtt_message m = {
            .topic = topic,
            .payload = flow->response.data,
            .size = flow->response.size,
            .qos = (int)c->qos,
            .retained = c->retain,
            .content_type = flow->response_content_type,
        };
        st = edge_mqtt_publish(ctx, app->external->mqtt, &m, &(struct edge_mqtt_delivery){0});
    }
    if (st != EDGE_OK) {
        edge_log_warn(ctx, "response not published", "topic", wanted, "reason",
                      edge_ctx_message(ctx, st), NULL);
        edge_ctx_clear(ctx);
    }
}

void trigger_external_stop(struct app *app)
{
    if (app->external && app->external->mqtt) {
        edge_mqtt_stop(app->external->mqtt, edge_now_mono_ms() + STOP_MS);
    }
}

void trigger_external_free(struct app *app)
{
    struct external *x = app->external;
    if (!x) {
        return;
    }
    app->external = NULL;
    edge_mqtt_free(x->mqtt);
    edge_arena_done(&x->arena);
    free(x);
}
