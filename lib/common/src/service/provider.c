/*
 * core-keeper as configuration provider: reads the trees of texts a service's configuration is made
 * from, and writes what it does not know yet. Keys are paths of the configuration, '/' between the
 * levels; entries of lists are levels called 0, 1, ...
 */
#include "provider.h"

#include <ctype.h>
#include <string.h>

#include "config/config_tree.h"
#include "edge/text.h"

enum { MAX_LEVELS = 32, MAX_VALUES = 5000 };

static const char READY[] = PROVIDER_COMMON "/IsCommonConfigReady";

enum edge_status provider_url(struct edge_ctx *ctx, const char *text, const char **ret_url)
{
    static const char kind[] = "keeper.";
    const char *rest = text + sizeof(kind) - 1;
    if (strncmp(text, kind, sizeof(kind) - 1) != 0) {
        return edge_fail(ctx, EDGE_UNSUPPORTED,
                         "configuration provider '%s': only keeper.http://HOST:PORT and "
                         "keeper.https://HOST:PORT are supported",
                         text);
    }
    bool is_http = strncmp(rest, "http://", 7) == 0;
    if (!is_http && strncmp(rest, "https://", 8) != 0) {
        return edge_fail(ctx, EDGE_UNSUPPORTED,
                         "configuration provider '%s': only http and https are supported", text);
    }
    const char *host = rest + (is_http ? 7 : 8);
    const char *colon = strrchr(host, ':');
    int64_t port;
    if (!colon || colon == host || host[strcspn(host, "/?# ")] != '\0' ||
        !edge_int_parse(colon + 1, &port) || port < 1 || port > 65535) {
        return edge_fail(ctx, EDGE_INVALID,
                         "configuration provider '%s': not of the form keeper.http://HOST:PORT",
                         text);
    }
    *ret_url = rest;
    return EDGE_OK;
}

/* ---- names of levels ------------------------------------------------------------------------ */

const char *provider_level(struct edge_arena *a, const char *name)
{
    size_t len = strlen(name);
    char *out = edge_new_n(a, char, 3 * len + 1), *at = out;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (isalnum(c) || strchr("-_~;=.", c)) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = "0123456789ABCDEF"[c >> 4];
            *at++ = "0123456789ABCDEF"[c & 15];
        }
    }
    return out;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* A key that leads nowhere stays whole: no table knows a name with a '/', and it is named as unknown. */
static void set_aside(struct edge_ctx *ctx, cJSON *tree, const char *path, size_t len,
                      const char *text)
{
    bool plain = !memchr(path, '/', len);
    config_put(tree, edge_printf(&ctx->arena, plain ? "%.*s/" : "%.*s", (int)len, path),
               cJSON_CreateString(text));
}

/* What the tables say of @p level below @p above: EDGE_K_ANY where they say nothing. */
static struct edge_field row_below(const struct edge_field *above, const char *level)
{
    static const struct edge_field any = {.kind = EDGE_K_ANY};
    if ((above->kind & EDGE_K_MASK) == EDGE_K_MAP) {
        const struct edge_field *last = &above->sub->fields[above->sub->n_fields - 1];
        return last->flags & EDGE_VALUE
                   ? (struct edge_field){.kind = last->kind, .sub = last->sub}
                   : (struct edge_field){.kind = EDGE_K_OBJ, .sub = above->sub};
    }
    const struct edge_field *row =
        (above->kind & EDGE_K_MASK) == EDGE_K_OBJ ? config_field_find(above->sub, level) : NULL;
    return row ? *row : any;
}

static bool is_scalar(const struct edge_field *row)
{
    unsigned kind = row->kind & EDGE_K_MASK;
    return kind != EDGE_K_OBJ && kind != EDGE_K_MAP && kind != EDGE_K_LIST && kind != EDGE_K_ANY;
}

/*
 * Put @p text where the levels of @p path lead. Nothing is below a key the tables know as a single
 * value; anywhere else a section wins over a text of the same name.
 */
static void put_value(struct edge_ctx *ctx, const struct edge_dto *dto, cJSON *tree,
                      const char *path, const char *text)
{
    cJSON *section = tree;
    const char *at = path;
    struct edge_field row = {.kind = EDGE_K_OBJ, .sub = dto};
    for (size_t depth = 0; depth < MAX_LEVELS; depth++) {
        size_t len = strcspn(at, "/");
        const char *level = edge_percent_decode(&ctx->arena, at, len);
        if (!level) {
            break;
        }
        row = row_below(&row, level);
        const char *name = row.json ? row.json : level; /* in whatever case it is given */
        const cJSON *there = config_member(section, name);
        if (at[len] == '\0' && cJSON_IsObject(there)) {
            break;
        }
        if (at[len] == '\0') {
            config_put(section, name, cJSON_CreateString(text));
            return;
        }
        if (is_scalar(&row)) {
            break;
        }
        if (cJSON_IsString(there)) {
            set_aside(ctx, tree, path, (size_t)(at - path) + len, there->valuestring);
        }
        section = config_section(section, name);
        at += len + 1;
    }
    set_aside(ctx, tree, path, strlen(path), text);
}

static enum edge_status get(struct edge_ctx *ctx, const struct provider *p, const char *key,
                            int64_t deadline_ms, const cJSON **ret)
{
    const struct edge_http_request request = {
        .method = "GET",
        .target = edge_printf(&ctx->arena, "/api/v3/kvs/key/%s?plaintext=true",
                              edge_name_escape(&ctx->arena, key)),
    };
    const cJSON *answer;
    EDGE_TRY(edge_client_json(p->client, ctx, p->url, &request, deadline_ms, &answer));
    *ret = edge_json_member(answer, "response", false);
    return cJSON_IsArray(*ret)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_REMOTE,
                           "the configuration provider at %s answers without values", p->url);
}

static const char *text_member(const cJSON *object, const char *name)
{
    const cJSON *member = edge_json_member(object, name, false);
    return cJSON_IsString(member) ? member->valuestring : NULL;
}

/* What there is below @p key as a tree, NULL where there is nothing. */
static enum edge_status read_below(struct edge_ctx *ctx, const struct provider *p,
                                   const struct edge_dto *dto, const char *key, int64_t deadline_ms,
                                   const cJSON **ret, uint64_t *mark)
{
    const cJSON *values, *value;
    size_t len = strlen(key);
    enum edge_status st = get(ctx, p, key, deadline_ms, &values);
    *ret = NULL;
    if (st == EDGE_NOT_FOUND) {
        edge_ctx_clear(ctx);
        return EDGE_OK;
    }
    EDGE_TRY(st);
    if (cJSON_GetArraySize(values) > MAX_VALUES) {
        return edge_fail(ctx, EDGE_INVALID,
                         "the configuration provider at %s has more than %d values below %s",
                         p->url, MAX_VALUES, key);
    }
    cJSON *tree = edge_json_object(ctx);
    cJSON_ArrayForEach(value, values)
    {
        const char *name = text_member(value, "key"), *text = text_member(value, "value");
        if (!name || !text || strncmp(name, key, len) != 0 || name[len] != '/') {
            continue; /* the key itself, or nothing we could use */
        }
        *mark = edge_hash(*mark, name);
        *mark = edge_hash(*mark, text);
        put_value(ctx, dto, tree, name + len + 1, text);
    }
    *ret = tree;
    return EDGE_OK;
}

enum edge_status provider_ready(struct edge_ctx *ctx, const struct provider *p, int64_t deadline_ms)
{
    const cJSON *values;
    enum edge_status st = get(ctx, p, READY, deadline_ms, &values);
    if (st != EDGE_OK && st != EDGE_NOT_FOUND) {
        return edge_wrap(ctx, st, "configuration provider at %s", p->url);
    }
    const char *text = st == EDGE_OK ? text_member(cJSON_GetArrayItem(values, 0), "value") : NULL;
    if (text && strcmp(text, "true") == 0) {
        return EDGE_OK;
    }
    edge_ctx_clear(ctx);
    return edge_fail(ctx, EDGE_UNAVAILABLE,
                     "configuration provider at %s: the common configuration is not there yet (%s)",
                     p->url, READY);
}

static const char *own_key(struct edge_ctx *ctx, const struct edge_config_source *source)
{
    return edge_printf(&ctx->arena, PROVIDER_ROOT "%s",
                       provider_level(&ctx->arena, source->service));
}

enum edge_status provider_read(struct edge_ctx *ctx, const struct provider *p,
                               const struct edge_config_source *source, int64_t deadline_ms,
                               struct edge_config_remote *ret, uint64_t *ret_mark)
{
    struct edge_config_remote remote = {0};
    uint64_t mark = EDGE_HASH;
    EDGE_TRY(read_below(ctx, p, source->dto, PROVIDER_COMMON "/all-services", deadline_ms,
                        &remote.all_services, &mark));
    if (source->common_section) {
        EDGE_TRY(read_below(ctx, p, source->dto,
                            edge_printf(&ctx->arena, PROVIDER_COMMON "/%s", source->common_section),
                            deadline_ms, &remote.section, &mark));
    }
    EDGE_TRY(
        read_below(ctx, p, source->dto, own_key(ctx, source), deadline_ms, &remote.own, &mark));
    *ret = remote;
    *ret_mark = mark;
    return EDGE_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

enum edge_status provider_write(struct edge_ctx *ctx, const struct provider *p, const char *key,
                                const cJSON *tree, int64_t deadline_ms)
{
    char uuid[EDGE_UUID_SIZE];
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    edge_uuid_new(uuid);
    edge_buf_puts(&body, "{\"apiVersion\":\"v3\",\"requestId\":");
    edge_json_put_string(&body, uuid);
    edge_buf_puts(&body, ",\"value\":");
    edge_json_put(&body, tree);
    edge_buf_puts(&body, "}");
    const struct edge_http_request request = {
        .method = "PUT",
        .target = edge_printf(&ctx->arena, "/api/v3/kvs/key/%s?flatten=true",
                              edge_name_escape(&ctx->arena, key)),
        .body = body.data,
        .body_size = body.len,
    };
    const cJSON *answer;
    return edge_client_json(p->client, ctx, p->url, &request, deadline_ms, &answer);
}

/* The leaves of @p from that @p known lacks, as texts below @p into; true if there are any. */
static bool collect(struct edge_arena *a, const cJSON *from, const cJSON *known, cJSON *into)
{
    bool any = false;
    size_t i = 0;
    for (const cJSON *member = from->child; member; member = member->next, i++) {
        const char *name = cJSON_IsArray(from) ? edge_printf(a, "%zu", i) : member->string;
        const cJSON *there = cJSON_IsArray(known) ? cJSON_GetArrayItem(known, (int)i)
                             : known              ? edge_json_member(known, name, true)
                                                  : NULL;
        const char *level = provider_level(a, name), *text = config_scalar_text(a, member);
        if (cJSON_IsArray(member) && there) {
            continue; /* a list is known or not, as a whole */
        }
        if (cJSON_IsObject(member) || cJSON_IsArray(member)) {
            cJSON *section = cJSON_CreateObject();
            bool more = collect(a, member, there, section);
            any = any || more;
            if (more) {
                config_put(into, level, section);
            } else {
                cJSON_Delete(section);
            }
        } else if (text && !there) {
            config_put(into, level, cJSON_CreateString(text));
            any = true;
        }
    }
    return any;
}

/* A shorter list must not keep the tail of the one before it. */
static enum edge_status remove_lists(struct edge_ctx *ctx, const struct provider *p,
                                     const char *key, const cJSON *from, int64_t deadline_ms)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, from)
    {
        const char *below =
            edge_printf(&ctx->arena, "%s/%s", key, provider_level(&ctx->arena, member->string));
        if (cJSON_IsObject(member)) {
            EDGE_TRY(remove_lists(ctx, p, below, member, deadline_ms));
        }
        if (!cJSON_IsArray(member)) {
            continue;
        }
        const struct edge_http_request request = {
            .method = "DELETE",
            .target = edge_printf(&ctx->arena, "/api/v3/kvs/key/%s?prefixMatch=true",
                                  edge_name_escape(&ctx->arena, below)),
        };
        const cJSON *answer;
        enum edge_status st =
            edge_client_json(p->client, ctx, p->url, &request, deadline_ms, &answer);
        if (st == EDGE_NOT_FOUND) {
            edge_ctx_clear(ctx);
        } else if (st != EDGE_OK) {
            return st;
        }
    }
    return EDGE_OK;
}

enum edge_status provider_seed(struct edge_ctx *ctx, const struct provider *p,
                               const struct edge_config_source *source,
                               const struct edge_config_remote *remote, bool overwrite,
                               int64_t deadline_ms, bool *ret_written)
{
    cJSON *mine = NULL, *missing = edge_json_object(ctx);
    EDGE_TRY(edge_config_private(ctx, source, &mine));
    if (overwrite) {
        EDGE_TRY(remove_lists(ctx, p, own_key(ctx, source), mine, deadline_ms));
    }
    *ret_written = collect(&ctx->arena, mine, overwrite ? NULL : remote->own, missing);
    return *ret_written ? provider_write(ctx, p, own_key(ctx, source), missing, deadline_ms)
                        : EDGE_OK;
}
