/* System events of core-metadata (contract 4.6): the only call-back device services have. */
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "metadata.h"

const char *metadata_topic_level(const struct metadata *meta, struct edge_arena *a,
                                 const char *name)
{
    return edge_name_level(a, name, meta->rt->base->service.enable_name_field_escape);
}

void metadata_announce(struct edge_ctx *ctx, struct metadata *meta, const char *type,
                       const char *action, const char *owner, const char *profile,
                       const struct edge_dto *dto, const void *details)
{
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    bool has_profile = profile && *profile;
    edge_message_topic(m, "%s/system-events/core-metadata/%s/%s/%s%s%s", meta->rt->base_topic, type,
                       action, metadata_topic_level(meta, a, owner), has_profile ? "/" : "",
                       has_profile ? metadata_topic_level(meta, a, profile) : "");
    struct system_event *event = edge_new(a, struct system_event);
    *event = (struct system_event){
        .api_version = EDGE_API_VERSION,
        .type = edge_strdup(a, type),
        .action = edge_strdup(a, action),
        .source = "core-metadata",
        .owner = edge_strdup(a, owner),
        .details = edge_json_clone(a, edge_dto_tree(ctx, dto, details)),
        .timestamp = edge_now_ns(),
    };
    m->correlation_id = edge_strdup(a, ctx->correlation_id);
    m->dto = &SYSTEM_EVENT;
    m->object = event;
    edge_announce_change(ctx, meta->rt, meta->store, m);
}
