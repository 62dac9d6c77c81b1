/* Changing what is stored, in one step of the store: what a request read and checked still holds when
 * it writes (edge_store_change), whoever else changes what at the same moment. */
#include "metadata.h"

struct item_step {
    struct edge_call *call;
    edge_item_handler *each;
    void *object;
    struct edge_item *item;
};

static enum edge_status item_step(struct edge_ctx *ctx, void *arg)
{
    (void)ctx;
    const struct item_step *s = arg;
    return s->each(s->call, s->object, s->item);
}

static enum edge_status run_item(struct edge_call *call, edge_item_handler *each, void *object,
                                 struct edge_item *item)
{
    struct metadata *meta = edge_call_state(call);
    struct item_step step = {call, each, object, item};
    return edge_store_change(edge_call_ctx(call), meta->store, item_step, &step);
}

enum edge_status metadata_change_each(struct edge_call *call, const struct edge_dto *request,
                                      edge_item_handler *each)
{
    return edge_each_decoded_in(call, request, run_item, each);
}

struct patch_step {
    struct edge_call *call;
    edge_patch_handler *each;
    const cJSON *patch;
    struct edge_item *item;
};

static enum edge_status patch_step(struct edge_ctx *ctx, void *arg)
{
    (void)ctx;
    const struct patch_step *s = arg;
    return s->each(s->call, s->patch, s->item);
}

static enum edge_status run_patch(struct edge_call *call, edge_patch_handler *each,
                                  const cJSON *patch, struct edge_item *item)
{
    struct metadata *meta = edge_call_state(call);
    struct patch_step step = {call, each, patch, item};
    return edge_store_change(edge_call_ctx(call), meta->store, patch_step, &step);
}

enum edge_status metadata_change_patched(struct edge_call *call, const char *key,
                                         const struct edge_dto *dto, edge_patch_handler *each)
{
    return edge_each_patch_in(call, key, dto, run_patch, each);
}

struct call_step {
    struct edge_call *call;
    edge_handler *change;
};

static enum edge_status call_step(struct edge_ctx *ctx, void *arg)
{
    (void)ctx;
    const struct call_step *s = arg;
    return s->change(s->call);
}

enum edge_status metadata_change(struct edge_call *call, edge_handler *change)
{
    struct metadata *meta = edge_call_state(call);
    struct call_step step = {call, change};
    EDGE_TRY(edge_store_change(edge_call_ctx(call), meta->store, call_step, &step));
    return edge_reply_base(call, 200, NULL);
}
