/* Messages of the EdgeX message bus. */
#include "edge/bus.h"
#include "edge/message.h"
#include "edge/service.h"
#include "export/engine.h"

static enum edge_status bus_message(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    if (m->retained) {
        return EDGE_OK; /* it was had when it was new */
    }
    const struct export_input in = {.topic = m->topic, .message = m};
    EDGE_TRY(edge_message_sound(ctx, m));
    return export_engine_run(ctx, state, &in, NULL, 0);
}

/*
 * What a broker brings is in its queue before the broker is told that it came, so that a kill between the two loses
 * nothing. Where a full queue blocks it may not: who receives for all would wait for room that comes with what he
 * receives.
 */
static unsigned flags_for(enum edge_spool_full full)
{
    return EDGE_SUB_EVENTS | (full == EDGE_SPOOL_BLOCK ? 0 : EDGE_SUB_AT_ONCE);
}

enum edge_status export_engine_listen(struct edge_ctx *ctx, struct export_engine *e,
                                      const struct edge_runtime *rt, const char *topics,
                                      enum edge_spool_full full)
{
    size_t n;
    const char **list = export_list(&ctx->arena, topics ? topics : "", &n);
    if (n == 0) {
        return edge_fail(ctx, EDGE_INVALID, "no topics to listen to");
    }
    for (size_t i = 0; i < n; i++) {
        const char *pattern = edge_printf(&ctx->arena, "%s/%s", rt->base_topic, list[i]);
        EDGE_TRY(edge_bus_subscribe(ctx, rt->bus, pattern, bus_message, e, flags_for(full)));
    }
    return EDGE_OK;
}
