#include "refusals.h"

#include <inttypes.h>

#include "edge/ctx.h"

enum { EVERY_MS = 10000 };

void refusals_init(struct refusals *r)
{
    edge_mutex_init(&r->lock);
}

void refusals_done(struct refusals *r)
{
    edge_mutex_done(&r->lock);
}

/* How many are to be told; 0: not yet. */
static uint64_t due(struct refusals *r, int64_t now_ms)
{
    EDGE_LOCK(&r->lock);
    uint64_t n = ++r->n;
    if (now_ms < r->next_ms) {
        return 0;
    }
    r->n = 0;
    r->next_ms = now_ms + EVERY_MS;
    return n;
}

void refusals_note(struct refusals *r, const struct edge_log *log, const char *why, int64_t now_ms)
{
    uint64_t n = due(r, now_ms);
    if (n > 0) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = log;
        edge_log_warn(&ctx, "events from the bus are not stored", "count",
                      edge_printf(&ctx.arena, "%" PRIu64, n), "reason", why, NULL);
    }
}
