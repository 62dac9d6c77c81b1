/* What a running service may ask of the library: its present configuration, time, its neighbours.
 */
#include <string.h>

#include "edge/store.h"
#include "instance.h"

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

/* ---- data ---------------------------------------------------------------------------------- */

enum edge_status edge_runtime_data_file(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                        const char *name, struct edge_data_file_config *ret)
{
    const struct edge_database_info *database = &rt->base->database;
    if (strcmp(database->type, "postgres") == 0) {
        edge_log_info(
            ctx, "Database.Type postgres is taken for the embedded store, which needs no server",
            NULL);
    }
    *ret = (struct edge_data_file_config){
        .path = edge_printf(&ctx->arena, "%s/%s", rt->data_dir, name),
        .reserve_bytes = database->reserve_kb * 1024,
        .min_free_bytes = database->min_free_kb * 1024,
        .log = rt->log,
        .metrics = rt->metrics,
        .unusable = &instance_of(rt)->store_unusable,
    };
    return EDGE_OK;
}

/* ---- announcing ---------------------------------------------------------------------------- */

struct announcement {
    struct edge_ctx *ctx;
    struct edge_bus *bus;
    struct edge_message *message;
};

static void announcement_publish(void *arg)
{
    const struct announcement *a = arg;
    enum edge_status st = edge_bus_publish(a->ctx, a->bus, a->message);
    if (st != EDGE_OK) {
        edge_log_error(a->ctx, "change not announced", "topic", a->message->topic, "reason",
                       edge_ctx_message(a->ctx, st), NULL);
        edge_ctx_clear(a->ctx);
    }
}

static void announcement_done(void *message)
{
    edge_message_unref(message);
}

void edge_announce_change(struct edge_ctx *ctx, const struct edge_runtime *rt,
                          struct edge_store *store, struct edge_message *m)
{
    struct announcement *a = edge_new(&ctx->arena, struct announcement);
    *a = (struct announcement){.ctx = ctx, .bus = rt->bus, .message = m};
    edge_defer(&ctx->arena, announcement_done, m);
    edge_store_after(ctx, store, announcement_publish, a);
}

/* ---- neighbours ---------------------------------------------------------------------------- */

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
    const int64_t first_ms = 50, longest_ms = rt->options->startup_interval_ms;
    const struct edge_http_request ping = {.method = "GET", .target = "/api/v3/ping"};
    int64_t next_word_ms = 0;
    int64_t until = edge_now_mono_ms() + rt->options->startup_duration_ms;
    for (int64_t pause = first_ms;; pause = pause * 2 < longest_ms ? pause * 2 : longest_ms) {
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
        if (now + pause >= until) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "%s does not answer at %s", client, url);
        }
        if (!edge_runtime_sleep(rt, pause)) {
            return edge_fail(ctx, EDGE_UNAVAILABLE, "stopped while waiting for %s", client);
        }
    }
}
