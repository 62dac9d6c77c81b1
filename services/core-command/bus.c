/* The message bus side (contract 6.2): who asks, and where the answer goes. What goes wrong is told
 * in an error envelope, only silence of the device service is met with silence. */
#include <string.h>

#include "command.h"

/* Could it be the last level of a topic, and of no other than meant? */
static bool usable_request_id(const char *id)
{
    return id && *id && !strpbrk(id, "/+#");
}

static struct asker asker_of(struct edge_ctx *ctx, const struct command_state *cmd,
                             const struct edge_message *m)
{
    const struct edge_runtime *rt = cmd->rt;
    return (struct asker){
        .bus = rt->bus,
        .topic =
            edge_printf(&ctx->arena, "%s/response/%s/%s", rt->base_topic, rt->name, m->request_id),
    };
}

/* Device, command and method are the last three levels of the topic. */
static enum edge_status read_topic(struct edge_ctx *ctx, const struct edge_message *m,
                                   struct bus_target *ret)
{
    const char **levels;
    size_t n = edge_topic_levels(&ctx->arena, m->topic, true, &levels);
    if (n < 7 || strcmp(levels[n - 4], "request") != 0) {
        return edge_fail(ctx, EDGE_INVALID, "topic %s does not end in device, command and method",
                         m->topic);
    }
    *ret = (struct bus_target){levels[n - 3], levels[n - 2], levels[n - 1]};
    return EDGE_OK;
}

enum edge_status bus_command(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct command_state *cmd = state;
    struct bus_target target;
    if (!usable_request_id(m->request_id)) {
        return edge_fail(ctx, EDGE_INVALID, "command without a usable requestID is dropped");
    }
    const struct asker to = asker_of(ctx, cmd, m);
    enum edge_status st = edge_message_sound(ctx, m);
    st = st == EDGE_OK ? read_topic(ctx, m, &target) : st;
    return st == EDGE_OK ? serve_command(ctx, cmd, m, &target, &to)
                         : serve_failure(ctx, m, &to, st);
}

enum edge_status bus_query(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct command_state *cmd = state;
    if (!usable_request_id(m->request_id)) {
        return edge_fail(ctx, EDGE_INVALID, "command query without a usable requestID is dropped");
    }
    const struct asker to = asker_of(ctx, cmd, m);
    enum edge_status st = edge_message_sound(ctx, m);
    if (st != EDGE_OK) {
        return serve_failure(ctx, m, &to, st);
    }
    const char **levels;
    size_t n = edge_topic_levels(&ctx->arena, m->topic, true, &levels);
    return serve_query(ctx, cmd, m, levels[n - 1], &to);
}
