/* What goes through a pipeline as bytes: for a peer, and to be kept. */
#include <string.h>

#include "edge/cbor.h"
#include "edge/system_event.h"
#include "edge/text.h"
#include "stages.h"

static const char JSON[] = "application/json";
enum { FROZEN_LIST = 0x80, FROZEN_MERGED = 0x40, KIND_MASK = 0x3f };

static void take(struct edge_ctx *ctx, struct edge_buf *b, struct edge_bytes *ret)
{
    *ret = (struct edge_bytes){edge_strndup(&ctx->arena, b->data ? b->data : "", b->len), b->len};
}

static void put_add_event(const struct event *event, enum edge_encoding encoding,
                          struct edge_buf *out)
{
    struct add_event_request request = {.event = *event};
    request.base.api_version = EDGE_API_VERSION;
    edge_dto_encode(&ADD_EVENT_REQUEST, &request, encoding, out);
}

/* One that is no list and no bytes. */
static const char *put_object(const struct export_data *d, struct edge_buf *out)
{
    if (d->kind == EXPORT_METRIC) {
        edge_dto_encode(&METRIC, d->metric, EDGE_JSON, out);
        return JSON;
    }
    enum edge_encoding encoding = event_has_binary(d->event) ? EDGE_CBOR : EDGE_JSON;
    if (d->kind == EXPORT_ADD_EVENT) {
        put_add_event(d->event, encoding, out);
    } else {
        edge_dto_encode(&EVENT, d->event, encoding, out);
    }
    return encoding == EDGE_CBOR ? "application/cbor" : JSON;
}

/* Bytes in a list are base64, as Go writes them; events with binary data are JSON there. */
static void put_item(const struct export_data *d, struct edge_buf *out)
{
    switch (d->kind) {
    case EXPORT_BYTES:
        edge_buf_putc(out, '"');
        edge_base64_put(out, d->bytes.data, d->bytes.size);
        edge_buf_putc(out, '"');
        break;
    case EXPORT_EVENT:
        edge_dto_encode(&EVENT, d->event, EDGE_JSON, out);
        break;
    case EXPORT_ADD_EVENT:
        put_add_event(d->event, EDGE_JSON, out);
        break;
    case EXPORT_METRIC:
        edge_dto_encode(&METRIC, d->metric, EDGE_JSON, out);
        break;
    case EXPORT_NOTHING:
    case EXPORT_LIST:
        edge_buf_puts(out, "null");
        break;
    }
}

static void put_list(const struct export_data *d, struct edge_buf *out)
{
    edge_buf_putc(out, '[');
    for (size_t i = 0; i < d->n_items; i++) {
        edge_buf_puts(out, i > 0 ? "," : "");
        put_item(&d->items[i], out);
    }
    edge_buf_putc(out, ']');
}

enum edge_status export_data_bytes(struct edge_ctx *ctx, const struct export_data *d,
                                   struct edge_bytes *ret, const char **ret_type)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    switch (d->kind) {
    case EXPORT_NOTHING:
        return edge_fail(ctx, EDGE_INVALID, "there is nothing to hand on");
    case EXPORT_BYTES:
        *ret = d->bytes;
        *ret_type = d->content_type;
        return EDGE_OK;
    case EXPORT_LIST:
        put_list(d, &b);
        *ret_type = JSON;
        break;
    case EXPORT_EVENT:
    case EXPORT_ADD_EVENT:
    case EXPORT_METRIC:
        *ret_type = put_object(d, &b);
        break;
    }
    take(ctx, &b, ret);
    return EDGE_OK;
}

enum edge_status export_data_freeze(struct edge_ctx *ctx, const struct export_data *d,
                                    struct edge_bytes *ret, uint8_t *ret_kind,
                                    const char **ret_type)
{
    *ret_kind = (uint8_t)d->kind;
    if (d->kind == EXPORT_LIST) {
        *ret_kind = (uint8_t)(FROZEN_LIST | (d->n_items > 0 ? d->items[0].kind : EXPORT_BYTES));
    }
    if (d->kind == EXPORT_BYTES && d->n_items > 1) { /* so that it can be cut again */
        struct export_data list = *d;
        list.kind = EXPORT_LIST;
        *ret_kind = FROZEN_LIST | FROZEN_MERGED | EXPORT_BYTES;
        EDGE_TRY(export_data_bytes(ctx, &list, ret, ret_type));
        *ret_type = d->content_type;
        return EDGE_OK;
    }
    return export_data_bytes(ctx, d, ret, ret_type);
}

void export_data_merge(struct edge_ctx *ctx, struct export_data *d)
{
    size_t size = 0, at = 0;
    for (size_t i = 0; i < d->n_items; i++) {
        size += d->items[i].bytes.size;
    }
    char *all = edge_alloc(&ctx->arena, size + 1, 1);
    for (size_t i = 0; i < d->n_items; i++) {
        memcpy(all + at, d->items[i].bytes.data, d->items[i].bytes.size);
        at += d->items[i].bytes.size;
    }
    d->kind = EXPORT_BYTES;
    d->bytes = (struct edge_bytes){all, size};
}

/* ---- made again ----------------------------------------------------------------------------- */

static enum edge_status thaw_tree(struct edge_ctx *ctx, enum export_kind kind, const cJSON *tree,
                                  struct export_data *ret)
{
    ret->kind = kind;
    if (kind == EXPORT_METRIC) {
        struct metric *metric = edge_new(&ctx->arena, struct metric);
        ret->metric = metric;
        return edge_dto_decode(ctx, &METRIC, tree, metric);
    }
    if (kind == EXPORT_BYTES) {
        return cJSON_IsString(tree) && edge_base64_decode(&ctx->arena, tree->valuestring,
                                                          &ret->bytes.data, &ret->bytes.size)
                   ? EDGE_OK
                   : edge_fail(ctx, EDGE_DAMAGED, "what was kept is no list of bytes");
    }
    if (kind == EXPORT_ADD_EVENT) {
        struct add_event_request *request = edge_new(&ctx->arena, struct add_event_request);
        ret->event = &request->event;
        return edge_dto_decode(ctx, &ADD_EVENT_REQUEST, tree, request);
    }
    struct event *event = edge_new(&ctx->arena, struct event);
    ret->event = event;
    return edge_dto_decode(ctx, &EVENT, tree, event);
}

static enum edge_status thaw_list(struct edge_ctx *ctx, enum export_kind kind, const cJSON *tree,
                                  struct export_data *ret)
{
    size_t n = (size_t)cJSON_GetArraySize(tree), i = 0;
    struct export_data *items = edge_new_n(&ctx->arena, struct export_data, n);
    *ret = (struct export_data){.kind = EXPORT_LIST, .items = items, .n_items = n};
    for (const cJSON *item = tree ? tree->child : NULL; item; item = item->next) {
        EDGE_TRY(thaw_tree(ctx, kind, item, &items[i++]));
    }
    return EDGE_OK;
}

enum edge_status export_data_thaw(struct edge_ctx *ctx, uint8_t kind, struct edge_bytes bytes,
                                  const char *content_type, struct export_data *ret)
{
    const cJSON *tree = NULL;
    *ret = (struct export_data){0};
    if (kind == EXPORT_NOTHING || kind == EXPORT_BYTES) {
        *ret = (struct export_data){.kind = bytes.data ? EXPORT_BYTES : EXPORT_NOTHING,
                                    .bytes = bytes,
                                    .content_type = content_type};
        return EDGE_OK;
    }
    if ((kind & KIND_MASK) > EXPORT_BYTES) {
        return edge_fail(ctx, EDGE_DAMAGED, "what was kept is of no known kind");
    }
    bool cbor =
        bytes.size > 0 && *(const char *)bytes.data != '{' && *(const char *)bytes.data != '[';
    EDGE_TRY(cbor ? edge_cbor_parse(ctx, bytes.data, bytes.size, NULL, &tree)
                  : edge_json_parse(ctx, bytes.data, bytes.size, NULL, &tree));
    if (!(kind & FROZEN_LIST)) {
        return thaw_tree(ctx, kind, tree, ret);
    }
    EDGE_TRY(thaw_list(ctx, kind & KIND_MASK, tree, ret));
    if (kind & FROZEN_MERGED) {
        export_data_merge(ctx, ret);
        ret->content_type = content_type;
    }
    return EDGE_OK;
}
