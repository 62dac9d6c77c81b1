/* Configuration values: which keys there may be, what text is kept of a value, and writing it.
 * Written by clients (kvs.c) and by the seed of the common configuration (common.c). */
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "keeper.h"

static const char *const BY_KEY[] = {"key", NULL};
const struct edge_collection VALUES = {"value", &KV, BY_KEY, NULL, NULL};

enum edge_status kv_key_check(struct edge_ctx *ctx, const char *key)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~;=./%";
    size_t len = strspn(key, allowed), levels = 1;
    if (len == 0 || key[len] != '\0') {
        return edge_fail(ctx, EDGE_INVALID,
                         "key only allows characters between a to z, A to Z, 0 to 9, or one of -_ "
                         "~;=./%%");
    }
    for (const char *s = key; *s; s++) {
        levels += *s == '/';
    }
    if (len > KEEPER_MAX_KEY || levels > KEEPER_MAX_LEVELS) {
        return edge_fail(ctx, EDGE_INVALID,
                         "key '%s' is longer than %d bytes or deeper than %d levels",
                         edge_text_brief(&ctx->arena, key, 64), KEEPER_MAX_KEY, KEEPER_MAX_LEVELS);
    }
    return EDGE_OK;
}

static const char *number_text(struct edge_arena *a, const cJSON *value)
{
    if (cJSON_IsRaw(value)) { /* a long integer, as its digits */
        return value->valuestring;
    }
    char text[EDGE_REAL_PLAIN_SIZE];
    size_t len = edge_real_plain(value->valuedouble, text);
    return edge_strndup(a, text, len);
}

const char *kv_text(struct edge_arena *a, const cJSON *value)
{
    if (cJSON_IsString(value)) {
        return value->valuestring;
    }
    if (edge_json_is_number(value)) {
        return number_text(a, value);
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf json = EDGE_BUF_INIT;
    edge_json_put(&json, value);
    return edge_strndup(a, json.data, json.len);
}

/* Clients resolve "." and ".." in a path before they send it: such a key could not be asked for. */
static bool has_dot_level(const char *key)
{
    for (const char *level = key;; level++) {
        size_t len = strcspn(level, "/");
        if ((len == 1 && level[0] == '.') || (len == 2 && memcmp(level, "..", 2) == 0)) {
            return true;
        }
        level += len;
        if (*level == '\0') {
            return false;
        }
    }
}

static enum edge_status write_value(struct edge_ctx *ctx, struct edge_store *store, const char *key,
                                    const char *value)
{
    struct kv stored;
    struct kv kv = {.key = key, .created = edge_now_ms(), .value = value};
    kv.modified = kv.created;
    enum edge_status st = edge_store_get(ctx, store, &VALUES, "key", key, &stored);
    if (st == EDGE_NOT_FOUND) {
        return edge_store_add(ctx, store, &VALUES, &kv);
    }
    EDGE_TRY(st);
    kv.created = stored.created;
    return edge_store_update(ctx, store, &VALUES, &kv);
}

enum edge_status kv_write(struct edge_ctx *ctx, struct keeper *keeper, const char *key,
                          const char *value)
{
    EDGE_TRY(kv_key_check(ctx, key));
    if (has_dot_level(key)) {
        return edge_fail(ctx, EDGE_INVALID, "key '%s' has a level that cannot be part of a path",
                         edge_text_brief(&ctx->arena, key, 64));
    }
    if (strlen(value) > KEEPER_MAX_VALUE) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "the value of '%s' is larger than %d bytes", key,
                         KEEPER_MAX_VALUE);
    }
    EDGE_CTX_SCOPE(own); /* thousands of keys may come in one request: none leaves memory behind */
    own.log = ctx->log;
    enum edge_status st = write_value(&own, keeper->store, key, value);
    return edge_pass(ctx, st, &own);
}

enum edge_status kv_within_capacity(struct edge_ctx *ctx, struct keeper *keeper)
{
    struct edge_query all = {.collection = &VALUES};
    int64_t n = 0;
    EDGE_TRY(edge_store_count(ctx, keeper->store, &all, &n));
    if (n > KEEPER_MAX_KEYS) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "there can be no more than %d keys", KEEPER_MAX_KEYS);
    }
    return EDGE_OK;
}
