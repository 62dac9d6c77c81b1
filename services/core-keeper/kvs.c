/* The key/value routes (contract 7.1): read and remove by key or by tree, write one value or a tree
 * of them, and tell everybody what changed (edgex/configs/<key>). */
#include <string.h>

#include "edge/text.h"
#include "keeper.h"

static struct edge_query tree_of(const char *key)
{
    return (struct edge_query){.collection = &VALUES,
                               .terms = {{.member = "key", .value = key, .below = true}},
                               .n_terms = 1,
                               .limit = -1};
}

/** @p value: as it was sent, NULL: the key was deleted. One message per request. */
static void announce(struct edge_ctx *ctx, struct keeper *keeper, const char *key,
                     const cJSON *value)
{
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    edge_message_topic(m, "%s/%s", keeper->rt->base_topic, key);
    struct kv_change *change = edge_new(a, struct kv_change);
    *change = (struct kv_change){
        .key = edge_strdup(a, key),
        .value = value ? edge_json_clone(a, value) : NULL,
    };
    m->correlation_id = edge_strdup(a, ctx->correlation_id);
    m->dto = &KV_CHANGE;
    m->object = change;
    edge_announce_change(ctx, keeper->rt, keeper->store, m);
}

/* ---- reading ----------------------------------------------------------------------------- */

enum shape { KEYS, BASE64, PLAIN };

struct listing {
    struct edge_call *call;
    enum shape shape;
    size_t n;
};

static void put_row(struct edge_ctx *ctx, struct edge_buf *out, struct kv *kv)
{
    kv->value = edge_base64_encode(&ctx->arena, kv->value, strlen(kv->value));
    edge_dto_encode(&KV, kv, EDGE_JSON, out);
}

/* A stored document is what plaintext shows; another shape takes it apart. Keys come without any. */
static enum edge_status list_row(void *arg, const char *text, size_t len)
{
    struct listing *l = arg;
    struct edge_ctx *ctx = edge_call_ctx(l->call);
    struct edge_buf *out = edge_reply_body(l->call);
    l->n++;
    edge_reply_list_item(l->call);
    if (l->shape == PLAIN) {
        edge_buf_put(out, text, len);
    } else if (l->shape == KEYS) {
        edge_json_put_string(out, text);
    } else {
        EDGE_CTX_SCOPE(row);
        struct kv kv;
        if (edge_dto_decode_text(&row, &KV, text, len, &kv) != EDGE_OK) {
            return edge_fail(ctx, EDGE_INTERNAL, "a stored value cannot be read: %s",
                             edge_ctx_message(&row, EDGE_INTERNAL));
        }
        put_row(&row, out, &kv);
    }
    return out->len <= KEEPER_MAX_ANSWER
               ? edge_reply_check(l->call)
               : edge_fail(ctx, EDGE_TOO_LARGE, "more than %d MiB: ask for a part of the tree",
                           KEEPER_MAX_ANSWER >> 20);
}

static enum edge_status list_tree(struct edge_call *call, const char *key, enum shape shape,
                                  size_t *ret_n)
{
    struct keeper *keeper = edge_call_state(call);
    struct edge_query tree = tree_of(key);
    struct listing listing = {call, shape, 0};
    tree.only = shape == KEYS ? "key" : NULL;
    edge_reply_list_open(call, "response", -1);
    EDGE_TRY(edge_store_each(edge_call_ctx(call), keeper->store, &tree, list_row, &listing));
    *ret_n = listing.n;
    return edge_reply_list_close(call);
}

enum edge_status kv_get(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct keeper *keeper = edge_call_state(call);
    const char *key = edge_call_param(call, "key");
    bool keys_only = false, plain = false;
    size_t n = 0;
    EDGE_TRY(kv_key_check(ctx, key));
    EDGE_TRY(keeper_query_bool(call, "keyOnly", &keys_only));
    EDGE_TRY(keeper_query_bool(call, "plaintext", &plain));
    readers_note(ctx, keeper->readers, key, keys_only);
    EDGE_TRY(list_tree(call, key, keys_only ? KEYS : plain ? PLAIN : BASE64, &n));
    if (n == 0) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "no key starting with '%s' found", key);
    }
    return EDGE_OK;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* A tree on its way into the store, key by key. */
struct expansion {
    struct edge_call *call;
    struct edge_buf path;
    size_t n;
};

static void expansion_done(struct expansion *x)
{
    edge_buf_done(&x->path);
}

static enum edge_status write_one(struct expansion *x, const char *value)
{
    struct edge_ctx *ctx = edge_call_ctx(x->call);
    const char *key = edge_buf_str(&x->path);
    if (++x->n > KEEPER_MAX_WRITTEN) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "a request can write no more than %d keys",
                         KEEPER_MAX_WRITTEN);
    }
    EDGE_TRY(kv_write(ctx, edge_call_state(x->call), key, value));
    edge_reply_list_item(x->call);
    edge_json_put_string(edge_reply_body(x->call), key);
    return EDGE_OK;
}

/* Objects become levels of the key; lists have no text of their own, a null says nothing. */
static enum edge_status write_tree(struct expansion *x, const cJSON *value)
{
    if (cJSON_IsNull(value)) {
        return EDGE_OK;
    }
    if (cJSON_IsArray(value)) {
        return write_one(x, "");
    }
    if (!cJSON_IsObject(value)) {
        return write_one(x, kv_text(&edge_call_ctx(x->call)->arena, value));
    }
    size_t len = x->path.len;
    for (const cJSON *member = value->child; member; member = member->next) {
        edge_buf_putc(&x->path, '/');
        edge_buf_puts(&x->path, member->string);
        EDGE_TRY(write_tree(x, member));
        x->path.len = len;
    }
    return EDGE_OK;
}

/* What a request writes or removes. */
struct kv_step {
    struct edge_call *call;
    const char *key;
    const cJSON *value;
    bool flatten, with_children;
};

/* All keys or none; they are listed in the reply as they are written. */
static enum edge_status write_value(struct edge_ctx *ctx, void *arg)
{
    const struct kv_step *step = arg;
    struct keeper *keeper = edge_call_state(step->call);
    EDGE_CLEANUP(expansion_done) struct expansion x = {.call = step->call};
    edge_buf_puts(&x.path, step->key);
    EDGE_TRY(step->flatten ? write_tree(&x, step->value)
                           : write_one(&x, kv_text(&ctx->arena, step->value)));
    EDGE_TRY(kv_within_capacity(ctx, keeper));
    announce(ctx, keeper, step->key, step->value);
    return EDGE_OK;
}

static enum edge_status value_of(struct edge_call *call, const cJSON **ret)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct kv_request request;
    const cJSON *body = NULL;
    EDGE_TRY(edge_call_json(call, &body));
    EDGE_TRY(edge_dto_decode(ctx, &KV_REQUEST, body, &request));
    if (!request.value) {
        return edge_fail(ctx, EDGE_INVALID, "the value field is undefined");
    }
    if (cJSON_IsObject(request.value) && !request.value->child) {
        return edge_fail(ctx, EDGE_INVALID, "the value field is an empty object");
    }
    *ret = request.value;
    return EDGE_OK;
}

/* A text beside the keys, where official answers have one when something is wrong. */
static void remark(struct edge_call *call, const char *key)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *text = readers_remark(ctx, edge_call_state(call), key);
    if (!text) {
        return;
    }
    edge_log_warn(ctx, "a value was put that its service is likely not to hear of", "key", key,
                  "reason", text, NULL);
    struct edge_buf *body = edge_reply_body(call);
    body->len--; /* the closing brace */
    edge_buf_puts(body, ",\"message\":");
    edge_json_put_string(body, text);
    edge_buf_putc(body, '}');
}

enum edge_status kv_put(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct keeper *keeper = edge_call_state(call);
    struct kv_step step = {.call = call, .key = edge_call_param(call, "key")};
    EDGE_TRY(kv_key_check(ctx, step.key));
    EDGE_TRY(keeper_query_bool(call, "flatten", &step.flatten));
    EDGE_TRY(value_of(call, &step.value));
    edge_reply_list_open(call, "response", -1);
    EDGE_TRY(edge_store_change(ctx, keeper->store, write_value, &step));
    EDGE_TRY(edge_reply_list_close(call));
    remark(call, step.key);
    return EDGE_OK;
}

/* ---- removing ---------------------------------------------------------------------------- */

static enum edge_status remove_tree(struct edge_ctx *ctx, void *arg)
{
    const struct kv_step *step = arg;
    struct keeper *keeper = edge_call_state(step->call);
    struct edge_query tree = tree_of(step->key), exact = tree;
    exact.terms[0].below = false;
    size_t n = 0;
    int64_t own = 0;
    EDGE_TRY(list_tree(step->call, step->key, KEYS, &n));
    EDGE_TRY(edge_store_count(ctx, keeper->store, &exact, &own));
    if (n == 0) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "key '%s' not found", step->key);
    }
    if (n > (size_t)own && !step->with_children) {
        return edge_fail(ctx, EDGE_CONFLICT,
                         "keys having the same prefix %s exist and cannot be deleted", step->key);
    }
    EDGE_TRY(edge_store_remove_all(ctx, keeper->store, &tree));
    announce(ctx, keeper, step->key, NULL);
    return EDGE_OK;
}

enum edge_status kv_delete(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct keeper *keeper = edge_call_state(call);
    struct kv_step step = {.call = call, .key = edge_call_param(call, "key")};
    EDGE_TRY(kv_key_check(ctx, step.key));
    EDGE_TRY(keeper_query_bool(call, "prefixMatch", &step.with_children));
    return edge_store_change(ctx, keeper->store, remove_tree, &step);
}
