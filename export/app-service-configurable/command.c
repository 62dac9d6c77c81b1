/* Commands that clouds ask for: through core-command, as everybody's. */
#include <string.h>

#include "app.h"
#include "edge/client.h"
#include "edge/clock.h"
#include "edge/text.h"

enum { COMMAND_MS = 10 * 1000 };
static const char CORE_COMMAND[] = "core-command";

enum edge_status app_command(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                             const char *device, const char *command, const char *values,
                             int *ret_code, const char **ret_body)
{
    const struct app *app = state;
    const char *url = edge_peer_url(ctx, app->rt, CORE_COMMAND);
    struct edge_http_response answer;
    const struct edge_http_request request = {
        .method = values ? "PUT" : "GET",
        .target = edge_printf(&ctx->arena, "/api/v3/device/name/%s/%s",
                              edge_name_escape(&ctx->arena, device),
                              edge_name_escape(&ctx->arena, command)),
        .body = values,
        .body_size = values ? strlen(values) : 0,
    };
    if (!url) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "Clients.%s is not configured", CORE_COMMAND);
    }
    EDGE_TRY(edge_client_call(app->rt->client, ctx, url, &request, edge_now_mono_ms() + COMMAND_MS,
                              &answer));
    *ret_code = answer.code;
    *ret_body = edge_strndup(a, answer.body, answer.body_size);
    return EDGE_OK;
}
