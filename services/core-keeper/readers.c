/*
 * Who listens: which services have read their configuration here. Who puts a value for one that is
 * registered and never did is told so, since it may run without -cp and will take no notice.
 *
 * Official services read the names of their keys (keyOnly) when they start, and nothing more until a
 * change is announced; ours read the values again and again. Anybody may read values, so that counts
 * for a while only.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/map.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "keeper.h"

#define ROOT "edgex/v4/"

enum {
    MAX_READERS = 1024, /* one more is not remembered: at worst a remark too many */
    HEARS_MS = 30000,   /* ours ask every 10 s */
};

struct reader {
    bool asked_names;
    int64_t asked_ms;
};

struct readers {
    struct edge_mutex lock;
    struct edge_map by_service EDGE_GUARDED;
};

struct readers *readers_create(void)
{
    struct readers *r = edge_xalloc(1, sizeof(*r));
    edge_mutex_init(&r->lock);
    return r;
}

void readers_free(struct readers *r)
{
    if (!r) {
        return;
    }
    struct reader *reader;
    for (size_t pos = 0; (reader = edge_map_next(&r->by_service, &pos, NULL));) {
        free(reader);
    }
    edge_map_done(&r->by_service);
    edge_mutex_done(&r->lock);
    free(r);
}

/* The service whose key this is, or is above; NULL: nobody's. */
static const char *service_of(struct edge_arena *a, const char *key, bool *ret_whole)
{
    size_t len = strlen(ROOT);
    if (strncmp(key, ROOT, len) != 0) {
        return NULL;
    }
    const char *level = key + len;
    size_t n = strcspn(level, "/");
    *ret_whole = level[n] == '\0';
    return n > 0 ? edge_percent_decode(a, level, n) : NULL;
}

void readers_note(struct edge_ctx *ctx, struct readers *r, const char *key, bool names)
{
    bool whole = false;
    const char *service = service_of(&ctx->arena, key, &whole);
    if (!service || !whole) {
        return;
    }
    EDGE_LOCK(&r->lock);
    struct reader *reader = edge_map_find(&r->by_service, service);
    if (!reader && r->by_service.n >= MAX_READERS) {
        return;
    }
    if (!reader) {
        reader = edge_xalloc(1, sizeof(*reader));
        edge_map_put(&r->by_service, service, reader);
    }
    reader->asked_names = reader->asked_names || names;
    reader->asked_ms = edge_now_mono_ms();
}

void readers_forget(struct readers *r, const char *service)
{
    EDGE_LOCK(&r->lock);
    free(edge_map_remove(&r->by_service, service));
}

static bool hears(struct readers *r, const char *service)
{
    EDGE_LOCK(&r->lock);
    const struct reader *reader = edge_map_find(&r->by_service, service);
    return reader && (reader->asked_names || edge_now_mono_ms() - reader->asked_ms < HEARS_MS);
}

const char *readers_remark(struct edge_ctx *ctx, struct keeper *keeper, const char *key)
{
    bool whole;
    struct registration known;
    const char *service = service_of(&ctx->arena, key, &whole);
    if (!service || hears(keeper->readers, service)) {
        return NULL;
    }
    enum edge_status st =
        edge_store_get(ctx, keeper->store, &REGISTRATIONS, "serviceId", service, &known);
    if (st != EDGE_OK) {
        edge_ctx_clear(ctx); /* what is not registered may be started later, and read it then */
        return NULL;
    }
    if (registration_is(&known, REGISTRATION_HALT)) {
        return NULL;
    }
    return edge_printf(&ctx->arena,
                       "%s is registered and has not read its configuration here since core-keeper "
                       "started: without -cp it takes no notice",
                       service);
}
