/* What a running service may ask of the library: its present configuration, time, its neighbours.
 */
#include <string.h>

#include "instance.h"

enum { COMPLAIN_MS = 30 * 1000 }; /* between two lines about a neighbour that stays away */

static struct edge_instance *instance_of(const struct edge_runtime *rt)
{
    return (struct edge_instance *)(uintptr_t)rt;
}

const void *edge_runtime_writable(const struct edge_runtime *rt)
{
    return atomic_load_explicit(&instance_of(rt)->writable, memory_order_acquire);
}

bool edge_runtime_stopping(const struct edge_runtime *rt)
{
    return atomic_load(&instance_of(rt)->host->stopping);
}

bool edge_runtime_sleep(const struct edge_runtime *rt, int64_t ms)
{
    struct edge_host *host = instance_of(rt)->host;
    int64_t deadline_ms = edge_now_mono_ms() + ms;
    EDGE_LOCK(&host->lock);
    while (!atomic_load(&host->stopping) && edge_now_mono_ms() < deadline_ms) {
        edge_cond_wait_until(&host->changed, &host->lock, deadline_ms);
    }
    return !atomic_load(&host->stopping);
}

/* At once, then 50 ms, 100 ms, ... and at last EDGEX_STARTUP_INTERVAL later. */
enum edge_status edge_wait_for_peer(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                    const char *client)
{
    const int64_t first_ms = 50, longest_ms = rt->options->startup_interval_ms;
    const struct edge_http_request ping = {.method = "GET", .target = "/api/v3/ping"};
    const char *url = edge_config_client_url(&ctx->arena, rt->base, client);
    int64_t until = edge_now_mono_ms() + rt->options->startup_duration_ms;
    /* A neighbour that starts with us is nothing to speak of. */
    int64_t complain_ms = edge_now_mono_ms() + 2 * first_ms + longest_ms;
    if (!url) {
        return edge_fail(ctx, EDGE_INVALID, "Clients.%s is not configured", client);
    }
    for (int64_t pause = first_ms;; pause = pause * 2 < longest_ms ? pause * 2 : longest_ms) {
        EDGE_CTX_SCOPE(attempt);
        attempt.log = ctx->log;
        struct edge_http_response answer;
        int64_t now = edge_now_mono_ms();
        int64_t deadline = now + longest_ms < until ? now + longest_ms : until;
        enum edge_status st = edge_client_call(rt->client, &attempt, url, &ping, deadline, &answer);
        if (st == EDGE_OK && answer.code == 200) {
            return EDGE_OK;
        }
        if (edge_now_mono_ms() >= complain_ms) {
            edge_log_warn(ctx, "waiting for a neighbour", "neighbour", client, "url", url, "error",
                          st == EDGE_OK ? "it does not answer with 200"
                                        : edge_ctx_message(&attempt, st),
                          NULL);
            complain_ms = edge_now_mono_ms() + COMPLAIN_MS;
        }
        if (now + pause >= until) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "%s does not answer at %s", client, url);
        }
        if (!edge_runtime_sleep(rt, pause)) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "stopped while waiting for %s", client);
        }
    }
}
