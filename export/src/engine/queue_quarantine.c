/** What a peer will never take: a spool below the queue's own, from which only an operator's word removes. */
#include "queue_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/clock.h"
#include "edge/text.h"

enum { LIST_MAX = 1000 };

enum edge_status queue_quarantine_open(struct edge_ctx *ctx, struct export_queue *q, bool make)
{
    struct edge_spool *spool = NULL;
    struct edge_spool_config config = {
        .dir = edge_printf(&ctx->arena, "%s/quarantine", q->config.spool.dir),
        .segment_bytes = 1 << 20,
        .max_bytes = 64 << 20,
        .full = EDGE_SPOOL_BLOCK,
        .durability = q->config.spool.durability,
        .min_free_bytes = q->config.spool.min_free_bytes,
        .log = q->config.spool.log,
    };
    {
        EDGE_LOCK(&q->lock);
        if (q->quarantine || (!make && access(config.dir, F_OK) != 0)) {
            return EDGE_OK;
        }
    }
    EDGE_TRY(edge_spool_open(ctx, &config, &spool)); /* only the pump makes one: no race */
    EDGE_LOCK(&q->lock);
    q->quarantine = spool;
    return EDGE_OK;
}

struct edge_spool *queue_quarantine(struct export_queue *q)
{
    EDGE_LOCK(&q->lock);
    return q->quarantine;
}

/* The context without the queue's own members, and these in front. */
static const char *context_with(struct edge_arena *a, const cJSON *tree, const char *own)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    const cJSON *item;
    edge_buf_printf(&b, "{%s", own);
    cJSON_ArrayForEach(item, tree)
    {
        if (item->string && strcmp(item->string, "mid") != 0 &&
            strcmp(item->string, "reason") != 0 && strcmp(item->string, "since") != 0) {
            edge_buf_putc(&b, ',');
            edge_json_put_string(&b, item->string);
            edge_buf_putc(&b, ':');
            edge_json_put(&b, item);
        }
    }
    edge_buf_putc(&b, '}');
    return edge_strndup(a, b.data, b.len);
}

static const char *own_members(struct edge_arena *a, const char *id, const char *reason)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    edge_buf_printf(&b, "\"mid\":\"%s\",\"since\":\"%" PRId64 "\",\"reason\":", id, edge_now_ms());
    edge_json_put_string(&b, reason);
    return edge_strndup(a, b.data, b.len);
}

bool queue_quarantine_put(struct edge_ctx *ctx, struct export_queue *q,
                          const struct queue_slot *slot, const char *reason)
{
    struct edge_arena *a = &ctx->arena;
    struct edge_spool_record record = slot->record;
    const cJSON *context = NULL;
    enum edge_status st = queue_quarantine_open(ctx, q, true);
    if (st == EDGE_OK) {
        const struct export_value *values;
        if (export_context_read(ctx, record.context, &context, &values) != EDGE_OK) {
            edge_ctx_clear(ctx); /* that may be why it is here */
        }
        record.context = context_with(a, context, own_members(a, slot->message.id, reason));
        record.attempts += 1;
        record.expires_ms = 0;
        record.spooled_ms = 0;
        st = edge_spool_append(ctx, queue_quarantine(q), &record, 1, 0);
    }
    if (st != EDGE_OK) {
        edge_log_error(ctx, "message that the peer refused is lost", "queue", q->config.name,
                       "reason", edge_ctx_message(ctx, st), NULL);
    }
    return st == EDGE_OK;
}

enum edge_status export_quarantine_list(struct edge_ctx *ctx, struct export_queue *q,
                                        uint64_t after, size_t limit,
                                        struct export_quarantined **ret, size_t *ret_n)
{
    struct edge_spool *spool = queue_quarantine(q);
    size_t most = limit < LIST_MAX ? limit : LIST_MAX, n = 0;
    struct export_quarantined *list = edge_new_n(&ctx->arena, struct export_quarantined, most + 1);
    for (uint64_t seq = after + 1; spool && n < most; n++) {
        struct export_quarantined *one = &list[n];
        enum edge_status st = edge_spool_read(ctx, spool, seq, &one->record);
        if (st == EDGE_NOT_FOUND) {
            edge_ctx_clear(ctx);
            break;
        }
        EDGE_TRY(st);
        const cJSON *context;
        const struct export_value *values;
        EDGE_TRY(export_context_read(ctx, one->record.context, &context, &values));
        const char *since = queue_context_text(context, "since");
        one->seq = one->record.seq;
        one->reason = queue_context_text(context, "reason");
        one->since_ms = since ? strtoll(since, NULL, 10) : 0;
        seq = one->seq + 1;
    }
    *ret = list;
    *ret_n = n;
    return EDGE_OK;
}

static enum edge_status replay(struct edge_ctx *ctx, struct export_queue *q,
                               const struct export_quarantined *one)
{
    struct edge_spool_record record = one->record;
    const cJSON *context;
    const struct export_value *values;
    EDGE_TRY(export_context_read(ctx, record.context, &context, &values));
    const char *id = queue_context_text(context, "mid");
    record.context = context_with(&ctx->arena, context,
                                  edge_printf(&ctx->arena, "\"mid\":\"%s\"", id ? id : ""));
    record.spooled_ms = 0;
    return export_queue_put(ctx, q, &record, 1, 0);
}

/* One, or all that are there now. */
static enum edge_status each(struct edge_ctx *ctx, struct export_queue *q, uint64_t seq, bool again)
{
    struct edge_spool *spool = queue_quarantine(q);
    struct edge_spool_state state = {0};
    bool found = false;
    if (spool) {
        edge_spool_state(spool, &state);
    }
    for (uint64_t after = seq > 0 ? seq - 1 : 0;;) {
        EDGE_CTX_SCOPE(own);
        struct export_quarantined *one;
        size_t n;
        own.log = ctx->log;
        enum edge_status st = export_quarantine_list(&own, q, after, 1, &one, &n);
        if (st == EDGE_OK && (n == 0 || one->seq >= state.next || (seq > 0 && one->seq != seq))) {
            break;
        }
        if (st == EDGE_OK && again) {
            st = replay(&own, q, one);
        }
        EDGE_TRY(edge_pass(ctx, st, &own));
        edge_spool_settle(spool, one->seq);
        after = one->seq;
        found = true;
    }
    return found || seq == 0 ? EDGE_OK
                             : edge_fail(ctx, EDGE_NOT_FOUND,
                                         "no message %" PRIu64 " is in the quarantine of '%s'", seq,
                                         q->config.name);
}

enum edge_status export_quarantine_replay(struct edge_ctx *ctx, struct export_queue *q,
                                          uint64_t seq)
{
    return each(ctx, q, seq, true);
}

enum edge_status export_quarantine_delete(struct edge_ctx *ctx, struct export_queue *q,
                                          uint64_t seq)
{
    return each(ctx, q, seq, false);
}
