/* Where a service's neighbours are, and waiting for them. */

#include "edge/backoff.h"
#include "edge/client.h"
#include "edge/clock.h"
#include "instance.h"

static struct edge_instance *instance_of(const struct edge_runtime *rt)
{
    return (struct edge_instance *)(uintptr_t)rt;
}

const char *edge_peer_url(struct edge_ctx *ctx, const struct edge_runtime *rt, const char *client)
{
    struct registry *registry = &instance_of(rt)->registry;
    const char *url = registry->url ? registry_find(registry, ctx, client) : NULL;
    return url ? url : edge_config_client_url(&ctx->arena, rt->base, client);
}

/* Said when the waiting begins and every ten seconds of it: a service that waits tells for whom. */
static void tell_waiting(struct edge_ctx *ctx, const char *client, const char *url, const char *why,
                         int64_t *next_ms)
{
    const int64_t every_ms = 10000;
    int64_t now = edge_now_mono_ms();
    if (now >= *next_ms) {
        *next_ms = now + every_ms;
        edge_log_info(ctx, "waiting for a neighbour", "neighbour", client, "url", url, "reason",
                      why, NULL);
    }
}

/* At once, then 50 ms, 100 ms, ... and at last EDGEX_STARTUP_INTERVAL later. */
enum edge_status edge_wait_for_peer(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                    const char *client)
{
    const int64_t longest_ms = rt->options->startup_interval_ms;
    const struct edge_http_request ping = {.method = "GET", .target = "/api/v3/ping"};
    int64_t next_word_ms = 0;
    int64_t until = edge_now_mono_ms() + rt->options->startup_duration_ms;
    struct edge_backoff pauses = {.first_ms = 50, .last_ms = longest_ms};
    for (;;) {
        EDGE_CTX_SCOPE(attempt);
        attempt.log = ctx->log;
        struct edge_http_response answer;
        const char *url = edge_peer_url(&attempt, rt, client);
        if (!url && !instance_of(rt)->registry.url) {
            return edge_fail(ctx, EDGE_INVALID, "Clients.%s is not configured", client);
        }
        int64_t now = edge_now_mono_ms();
        int64_t deadline = now + longest_ms < until ? now + longest_ms : until;
        enum edge_status st =
            url ? edge_client_call(rt->client, &attempt, url, &ping, deadline, &answer)
                : edge_fail(&attempt, EDGE_UNAVAILABLE, "it is not registered");
        if (st == EDGE_OK && answer.code == 200) {
            return EDGE_OK;
        }
        url = url ? url : "";
        tell_waiting(ctx, client, url,
                     st == EDGE_OK ? "it is not ready" : edge_ctx_message(&attempt, st),
                     &next_word_ms);
        int64_t pause = edge_backoff_next(&pauses);
        if (now + pause >= until) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "%s does not answer at %s", client, url);
        }
        if (!edge_runtime_sleep(rt, pause)) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "stopped while waiting for %s", client);
        }
    }
}
