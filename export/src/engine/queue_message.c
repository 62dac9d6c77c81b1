/** Records as connectors see them: values of the context, stable ids, bytes. */
#include "queue_internal.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "edge/json.h"

const char *queue_context_text(const cJSON *tree, const char *name)
{
    const cJSON *member = tree ? edge_json_member(tree, name, true) : NULL;
    return cJSON_IsString(member) ? member->valuestring : NULL;
}

static const struct export_value *values_of(struct edge_arena *a, const cJSON *tree)
{
    const struct export_value *first = NULL, **end = &first;
    const cJSON *item, *values = tree ? edge_json_member(tree, "values", true) : NULL;
    cJSON_ArrayForEach(item, values)
    {
        if (item->string && cJSON_IsString(item)) {
            struct export_value *v = edge_new(a, struct export_value);
            *v = (struct export_value){NULL, item->string, item->valuestring};
            *end = v;
            end = &v->next;
        }
    }
    return first;
}

enum edge_status export_context_read(struct edge_ctx *ctx, const char *context,
                                     const cJSON **ret_tree, const struct export_value **ret_values)
{
    *ret_tree = NULL;
    *ret_values = NULL;
    if (context && *context) {
        EDGE_TRY(edge_json_parse(ctx, context, strlen(context), NULL, ret_tree));
        *ret_values = values_of(&ctx->arena, *ret_tree);
    }
    return EDGE_OK;
}

void queue_message_id(const char *queue, const struct edge_spool_record *record,
                      const cJSON *context, char id[33])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    struct edge_buf text = EDGE_BUF_INIT;
    const char *known = queue_context_text(context, "mid");
    const char *event = queue_context_text(context, "id");
    if (known && strlen(known) == 32) {
        memcpy(id, known, 33);
        return;
    }
    if (event) {
        edge_buf_puts(&text, event);
    } else {
        edge_buf_printf(&text, "%" PRIu64 " %" PRId64 " %" PRId64, record->seq, record->spooled_ms,
                        record->origin_ns);
    }
    edge_buf_putc(&text, '\0'); /* no two pairs of texts are the same bytes */
    edge_buf_puts(&text, queue);
    EVP_Digest(text.data, text.len, hash, NULL, EVP_sha256(), NULL);
    edge_buf_done(&text);
    for (size_t i = 0; i < 16; i++) {
        id[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        id[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    id[32] = '\0';
}

enum edge_status queue_message_make(struct export_queue *q, struct queue_slot *slot)
{
    struct edge_ctx *ctx = &slot->ctx;
    const struct edge_spool_record *r = &slot->record;
    struct export_message *m = &slot->message;
    *m = (struct export_message){
        .seq = r->seq,
        .correlation_id = r->correlation_id,
        .content_type = r->content_type,
        .payload = r->payload,
        .size = r->size,
        .kind = r->kind,
        .origin_ns = r->origin_ns,
        .expires_ms = r->expires_ms,
        .attempt = r->attempts + 1,
        .token = slot,
    };
    const cJSON *context;
    queue_message_id(q->config.name, r, NULL, m->id);
    EDGE_TRY(edge_wrap(ctx, export_context_read(ctx, r->context, &context, &m->values),
                       "the message's context"));
    queue_message_id(q->config.name, r, context, m->id);
    m->last = queue_ends_with(q, r->seq);
    if (r->kind != 0 && !q->config.connector->gathers) {
        struct export_data data;
        struct edge_bytes bytes = {r->payload, r->size};
        EDGE_TRY(export_data_thaw(ctx, r->kind, bytes, r->content_type, &data));
        if (data.n_items > 0) {
            EDGE_TRY(queue_part(q, slot, &data));
        }
        EDGE_TRY(export_data_bytes(ctx, &data, &bytes, &m->content_type));
        m->payload = bytes.data;
        m->size = bytes.size;
        m->kind = 0;
    }
    if (q->max_bytes > 0 && m->size > q->max_bytes) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "%zu bytes are more than the %zu the peer takes",
                         m->size, q->max_bytes);
    }
    return EDGE_OK;
}
