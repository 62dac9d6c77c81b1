/* The steps every resource of core-metadata takes: look up, list, stamp. */
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "metadata.h"

static const char *const BY_ID_AND_NAME[] = {"id", "name", NULL};
static const char *const DEVICE_KEYS[] = {"serviceName", "profileName", "parent", NULL};
static const char *const PROFILE_KEYS[] = {"manufacturer", "model", NULL};
static const char *const WATCHER_KEYS[] = {"serviceName", "discoveredDevice.profileName", NULL};

const struct edge_collection DEVICES = {"device", &DEVICE, BY_ID_AND_NAME, DEVICE_KEYS, "labels"};
const struct edge_collection PROFILES = {"profile", &DEVICE_PROFILE, BY_ID_AND_NAME, PROFILE_KEYS,
                                         "labels"};
const struct edge_collection SERVICES = {"service", &DEVICE_SERVICE, BY_ID_AND_NAME, NULL,
                                         "labels"};
const struct edge_collection WATCHERS = {"watcher", &PROVISION_WATCHER, BY_ID_AND_NAME,
                                         WATCHER_KEYS, "labels"};

enum edge_status metadata_count(struct edge_ctx *ctx, struct metadata *meta,
                                const struct edge_collection *c, const char *member,
                                const char *value, int64_t *ret)
{
    struct edge_query query = {.collection = c, .terms = {{member, value}}, .n_terms = 1};
    return edge_store_count(ctx, meta->store, &query, ret);
}

enum edge_status metadata_has(struct edge_ctx *ctx, struct metadata *meta,
                              const struct edge_collection *c, const char *member,
                              const char *value, bool *ret)
{
    int64_t n = 0;
    EDGE_TRY(metadata_count(ctx, meta, c, member, value, &n));
    *ret = n > 0;
    return EDGE_OK;
}

enum edge_status metadata_get(struct edge_ctx *ctx, struct metadata *meta,
                              const struct edge_collection *c, const char *what, const char *name,
                              void *obj)
{
    enum edge_status st = edge_store_get(ctx, meta->store, c, "name", name, obj);
    if (st == EDGE_NOT_FOUND) {
        return edge_fail(ctx, st, "no %s with name '%s' found", what, name);
    }
    return st;
}

enum edge_status metadata_get_patched(struct edge_ctx *ctx, struct metadata *meta,
                                      const struct edge_collection *c, const char *what,
                                      const cJSON *patch, void *obj)
{
    const char *id = cJSON_GetStringValue(edge_json_member(patch, "id", false));
    const char *name = cJSON_GetStringValue(edge_json_member(patch, "name", false));
    if (!id || !*id) {
        return metadata_get(ctx, meta, c, what, name ? name : "", obj);
    }
    char canonical[EDGE_UUID_SIZE];
    if (!edge_uuid_parse(id, canonical)) {
        return edge_fail(ctx, EDGE_INVALID, "%s.id field needs a uuid", c->dto->name);
    }
    const char *text = NULL;
    enum edge_status st = edge_store_get_text(ctx, meta->store, c, "id", canonical, &text);
    if (st == EDGE_NOT_FOUND) {
        return edge_fail(ctx, st, "no %s with id '%s' found", what, id);
    }
    EDGE_TRY(st);
    const cJSON *stored = NULL;
    EDGE_TRY(edge_json_parse(ctx, text, strlen(text), NULL, &stored));
    const char *stored_name = cJSON_GetStringValue(edge_json_member(stored, "name", true));
    if (name && (!stored_name || strcmp(name, stored_name) != 0)) {
        /* The spelling is the official service's. */
        return edge_fail(ctx, EDGE_INVALID, "%s name '%s' not match the exsting '%s' ", what, name,
                         stored_name ? stored_name : "");
    }
    return edge_dto_decode(ctx, c->dto, stored, obj);
}

/* A growing list of documents. */
struct gathering {
    struct edge_call *call;
    struct edge_texts *found;
    size_t cap;
};

static enum edge_status gather_text(void *arg, const char *text, size_t len)
{
    struct gathering *g = arg;
    struct edge_arena *a = &edge_call_ctx(g->call)->arena;
    edge_make_room(a, g->found->texts, g->found->n, g->cap);
    g->found->texts[g->found->n++] = edge_strndup(a, text, len);
    return edge_reply_check(g->call);
}

enum edge_status metadata_gather(struct edge_call *call, const struct edge_query *query,
                                 struct edge_texts *ret)
{
    const struct metadata *meta = edge_call_state(call);
    struct gathering g = {.call = call, .found = ret};
    *ret = (struct edge_texts){0};
    return edge_store_each(edge_call_ctx(call), meta->store, query, gather_text, &g);
}

static enum edge_status put_text(void *arg, const char *text, size_t len)
{
    struct edge_call *call = arg;
    edge_reply_list_item(call);
    edge_buf_put(edge_reply_body(call), text, len);
    return edge_reply_check(call);
}

enum edge_status metadata_reply_page(struct edge_call *call, const char *key,
                                     struct edge_query *query)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct edge_page page;
    EDGE_TRY(edge_call_page(call, &page));
    query->labels = page.labels;
    query->n_labels = page.n_labels;
    query->offset = page.offset;

    int64_t total = 0;
    EDGE_TRY(edge_store_count(ctx, meta->store, query, &total));
    EDGE_TRY(edge_page_check(ctx, &page, total, &query->limit));
    edge_reply_list_open(call, key, total);
    if (query->limit > 0) {
        EDGE_TRY(edge_store_each(ctx, meta->store, query, put_text, call));
    }
    return edge_reply_list_close(call);
}

enum edge_status metadata_name_check(struct edge_ctx *ctx, const char *what, const char *name)
{
    const char *fault = edge_name_fault(&ctx->arena, name);
    return fault ? edge_fail(ctx, EDGE_INVALID, "%s name '%s' %s", what,
                             edge_text_brief(&ctx->arena, name, 64), fault)
                 : EDGE_OK;
}

void metadata_stamp(struct edge_ctx *ctx, const char **id, int64_t *created, int64_t *modified)
{
    if (!*id || !**id) {
        *id = edge_uuid_make(&ctx->arena);
    }
    *created = *modified = edge_now_ms();
}
