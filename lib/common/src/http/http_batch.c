/*
 * Batches (contract 2.5): the whole array is sound or nothing is done; then one item after the
 * other, each with a status of its own in the 207.
 */
#include <assert.h>

#include "edge/base.h"
#include "edge/log.h"
#include "edge/text.h"
#include "http_internal.h"

/* The array of the body; *ret NULL where there is nothing to do. */
static enum edge_status batch_of(struct edge_call *call, const cJSON **ret)
{
    const cJSON *body;
    EDGE_TRY(edge_call_json(call, &body));
    if (!cJSON_IsArray(body) && !cJSON_IsNull(body)) {
        return edge_fail(&call->ctx, EDGE_INVALID, "body must be an array");
    }
    *ret = cJSON_IsArray(body) && body->child ? body : NULL;
    return EDGE_OK;
}

static enum edge_status reply_empty(struct edge_call *call)
{
    edge_reply_code(call, 207);
    edge_buf_puts(&call->reply, "null");
    return EDGE_OK;
}

static void log_failed_item(struct edge_call *call, enum edge_status st)
{
    if (edge_status_http(st) >= 500) {
        edge_log_error(&call->ctx, "item failed", "method", call->method, "route",
                       call->route->path, "error", edge_ctx_message(&call->ctx, st), NULL);
    }
}

/* Put what came of an item behind what is there, and make the context ready for the next one. */
static void put_item(struct edge_call *call, const struct edge_item *item, enum edge_status st)
{
    struct edge_buf *out = &call->reply;
    bool full_chain =
        call->http->config.full_chain || (call->route->flags & EDGE_ROUTE_ITEM_CHAIN) != 0;
    assert(st != EDGE_PENDING); /* items are done one by one */
    edge_buf_putc(out, out->len == 0 ? '[' : ',');
    if (st == EDGE_OK) {
        http_put_base(out, item->request_id, NULL, item->code != 0 ? item->code : 200);
        if (item->id) {
            edge_buf_puts(out, ",\"id\":");
            edge_json_put_string(out, item->id);
        }
    } else {
        log_failed_item(call, st);
        http_put_base(out, item->request_id, http_shown_message(&call->ctx, st, full_chain),
                      edge_status_http(st));
    }
    edge_buf_putc(out, '}');
    edge_ctx_clear(&call->ctx);
}

static enum edge_status batch_end(struct edge_call *call)
{
    edge_reply_code(call, 207);
    edge_buf_putc(&call->reply, ']');
    return EDGE_OK;
}

/* What the batch has while one of its items has its turn. */
struct batch {
    struct edge_arena arena;
    struct edge_account *account;
};

/* Each item has an arena of its own, and pays for it: thousands of them would not fit in memory together. */
static struct batch turn_begin(struct edge_call *call)
{
    struct batch batch = {call->ctx.arena, call->ctx.account};
    call->ctx.arena = (struct edge_arena)EDGE_ARENA_INIT;
    call->ctx.account = NULL;
    return batch;
}

static void turn_end(struct edge_call *call, struct batch batch)
{
    edge_arena_done(&call->ctx.arena);
    call->ctx.arena = batch.arena;
    call->ctx.account = batch.account;
}

static enum edge_status run_item(struct edge_call *call, edge_item_handler *each, void *object,
                                 struct edge_item *item)
{
    return each(call, object, item);
}

enum edge_status edge_each_decoded(struct edge_call *call, const struct edge_dto *request,
                                   edge_item_handler *each)
{
    return edge_each_decoded_in(call, request, run_item, each);
}

enum edge_status edge_each_decoded_in(struct edge_call *call, const struct edge_dto *request,
                                      edge_item_runner *run, edge_item_handler *each)
{
    struct edge_ctx *ctx = &call->ctx;
    const cJSON *array, *element;
    EDGE_TRY(batch_of(call, &array));
    if (!array) {
        return reply_empty(call);
    }
    size_t n = (size_t)cJSON_GetArraySize(array), i = 0;
    char *objects = edge_alloc(&ctx->arena, n, request->size);
    cJSON_ArrayForEach(element, array)
    {
        EDGE_TRY(edge_dto_decode(ctx, request, element, objects + i++ * request->size));
    }
    for (i = 0; i < n; i++) {
        void *object = objects + i * request->size;
        const struct edge_base_request *base = object;
        struct edge_item item = {.request_id = base->request_id};
        struct batch batch = turn_begin(call);
        put_item(call, &item, run(call, each, object, &item));
        turn_end(call, batch);
    }
    return batch_end(call);
}

/* ---- patches ----------------------------------------------------------------------------- */

/* *ret NULL where the member is absent or null. */
static enum edge_status text_member(struct edge_ctx *ctx, const struct edge_dto *dto,
                                    const cJSON *object, const char *key, const char **ret)
{
    const cJSON *member = edge_json_member(object, key, dto->exact_keys);
    *ret = NULL;
    if (!member || cJSON_IsNull(member)) {
        return EDGE_OK;
    }
    if (!cJSON_IsString(member)) {
        return edge_fail(ctx, EDGE_INVALID, "%s.%s must be a string", dto->name, key);
    }
    *ret = member->valuestring;
    return EDGE_OK;
}

/* A patch says by id, by name or by both what it is for (contract 3.1). */
static enum edge_status check_named(struct edge_ctx *ctx, const struct edge_dto *dto,
                                    const cJSON *patch)
{
    const char *id, *name;
    EDGE_TRY(text_member(ctx, dto, patch, "id", &id));
    EDGE_TRY(text_member(ctx, dto, patch, "name", &name));
    if (name && *name == '\0') {
        return edge_fail(ctx, EDGE_INVALID, "%s.name field should not be empty string", dto->name);
    }
    if (id && *id != '\0' && !edge_uuid_parse(id, NULL)) {
        return edge_fail(ctx, EDGE_INVALID, "%s.id field needs a uuid", dto->name);
    }
    if (!name && (!id || *id == '\0')) {
        return edge_fail(ctx, EDGE_INVALID, "%s.id field is required if the name is not present",
                         dto->name);
    }
    return EDGE_OK;
}

struct patch {
    struct edge_base_request base;
    const cJSON *object;
};

static enum edge_status decode_patch(struct edge_ctx *ctx, const cJSON *element, const char *key,
                                     const struct edge_dto *dto, struct patch *ret)
{
    EDGE_TRY(edge_dto_decode(ctx, &EDGE_BASE_REQUEST, element, &ret->base));
    const cJSON *object = edge_json_member(element, key, false);
    if (!object || cJSON_IsNull(object)) {
        return edge_fail(ctx, EDGE_INVALID, "%s field is required", key);
    }
    EDGE_TRY(edge_dto_patch_try(ctx, dto, object));
    EDGE_TRY(check_named(ctx, dto, object));
    ret->object = object;
    return EDGE_OK;
}

static enum edge_status run_patch(struct edge_call *call, edge_patch_handler *each,
                                  const cJSON *patch, struct edge_item *item)
{
    return each(call, patch, item);
}

enum edge_status edge_each_patch(struct edge_call *call, const char *key,
                                 const struct edge_dto *dto, edge_patch_handler *each)
{
    return edge_each_patch_in(call, key, dto, run_patch, each);
}

enum edge_status edge_each_patch_in(struct edge_call *call, const char *key,
                                    const struct edge_dto *dto, edge_patch_runner *run,
                                    edge_patch_handler *each)
{
    struct edge_ctx *ctx = &call->ctx;
    const cJSON *array, *element;
    EDGE_TRY(batch_of(call, &array));
    if (!array) {
        return reply_empty(call);
    }
    size_t n = (size_t)cJSON_GetArraySize(array), i = 0;
    struct patch *patches = edge_new_n(&ctx->arena, struct patch, n);
    cJSON_ArrayForEach(element, array)
    {
        EDGE_TRY(decode_patch(ctx, element, key, dto, &patches[i++]));
    }
    for (i = 0; i < n; i++) {
        struct edge_item item = {.request_id = patches[i].base.request_id};
        struct batch batch = turn_begin(call);
        put_item(call, &item, run(call, each, patches[i].object, &item));
        turn_end(call, batch);
    }
    return batch_end(call);
}
