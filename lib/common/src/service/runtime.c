/* What a running service may ask of the library: its present configuration, time, a place for data. */
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

const char *edge_runtime_store_type(const struct edge_runtime *rt)
{
    const char *type = rt->base->database.type;
    return strcmp(type, "postgres") == 0 ? "sqlite" : type;
}

void runtime_note_store(const struct edge_runtime *rt, const struct edge_store *store)
{
    instance_of(rt)->reads_wait = edge_store_waits(store);
}

enum edge_status edge_runtime_store(struct edge_ctx *ctx, const struct edge_runtime *rt,
                                    const char *name,
                                    const struct edge_collection *const *collections, size_t n,
                                    struct edge_store **ret)
{
    struct edge_store_config config = {.type = edge_runtime_store_type(rt)};
    EDGE_TRY(edge_runtime_data_file(ctx, rt, name, &config.file));
    EDGE_TRY(edge_store_open(ctx, &config, collections, n, ret));
    runtime_note_store(rt, *ret);
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
