/* Messages of the EdgeX message bus, and responses back to it. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "edge/text.h"

enum edge_status trigger_bus_start(struct edge_ctx *ctx, struct app *app)
{
    const struct export_writable *w = edge_runtime_writable(app->rt);
    return edge_wrap(ctx,
                     export_engine_listen(ctx, app->front.engine, app->rt,
                                          app->config->trigger.subscribe_topics, w->spool.full),
                     "Trigger.SubscribeTopics");
}

void trigger_bus_respond(struct app *app, const struct export_flow *flow)
{
    struct edge_ctx *ctx = flow->ctx;
    const char *wanted = app->config->trigger.publish_topic, *topic = NULL;
    if (!wanted || !*wanted) {
        return;
    }
    enum edge_status st = export_flow_format(flow, wanted, &topic);
    struct edge_message *m = edge_message_create(flow->response.size + 512);
    struct edge_arena *a = edge_message_arena(m);
    if (st == EDGE_OK) {
        edge_message_topic(m, "%s/%s", app->rt->base_topic, topic);
        m->correlation_id = edge_strdup(a, ctx->correlation_id);
        m->content_type = edge_strdup(a, flow->response_content_type ? flow->response_content_type
                                                                     : "application/json");
        const cJSON *tree = NULL;
        EDGE_CTX_SCOPE(own);
        if (edge_media_is(m->content_type, "application/json") &&
            edge_json_parse(&own, flow->response.data, flow->response.size, NULL, &tree) ==
                EDGE_OK) {
            m->json = edge_json_clone(a, tree);
        } else {
            cJSON *bytes = edge_new(a, cJSON);
            bytes->type = cJSON_String;
            bytes->valuestring =
                (char *)(uintptr_t)edge_base64_encode(a, flow->response.data, flow->response.size);
            m->json = bytes;
        }
        st = edge_bus_publish(ctx, app->rt->bus, m);
    }
    edge_message_unref(m);
    if (st != EDGE_OK) {
        edge_log_warn(ctx, "response not published", "topic", wanted, "reason",
                      edge_ctx_message(ctx, st), NULL);
        edge_ctx_clear(ctx);
    }
}
