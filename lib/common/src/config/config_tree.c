/*
 * Lays one configuration source over another, guided by the tables: keys in any case, values in any
 * spelling of their type, unknown keys named and left out. What remains is checked when it is
 * decoded; of a forgiving source each value is checked at once, so that a bad one goes alone.
 */
#include "config_tree.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/log.h"
#include "edge/text.h"
#include "text/tree.h"

static enum edge_status overlay_section(const struct config_layer *l, const struct edge_dto *dto,
                                        cJSON *into, const cJSON *from,
                                        const struct config_path *at);
static bool says_nothing(const struct config_layer *l, unsigned kind, const cJSON *from);

const char *config_path_text(struct edge_arena *a, const struct config_path *at)
{
    if (!at->up) {
        return edge_strdup(a, at->key);
    }
    return edge_printf(a, "%s.%s", config_path_text(a, at->up), at->key);
}

static const char *path_joined(struct edge_arena *a, const char *prefix,
                               const struct config_path *at)
{
    if (!at->up) {
        return edge_printf(a, "%s%s", prefix, at->key);
    }
    return edge_printf(a, "%s_%s", path_joined(a, prefix, at->up), at->key);
}

const char *config_env_name(struct edge_arena *a, const char *prefix, const struct config_path *at)
{
    const char *joined = path_joined(a, prefix, at);
    size_t len = strlen(joined);
    char *name = edge_new_n(a, char, len + 1);
    for (size_t i = 0; i < len; i++) {
        char c = joined[i];
        name[i] = (char)(c == '/' || c == '-' ? '_' : toupper((unsigned char)c));
    }
    return name;
}

const struct edge_field *config_field_find(const struct edge_dto *dto, const char *key)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        if (f->flags & EDGE_INLINE) {
            const struct edge_field *inner = config_field_find(f->sub, key);
            if (inner) {
                return inner;
            }
        } else if (f->json && strcasecmp(f->json, key) == 0) {
            return f;
        }
    }
    return NULL;
}

void config_put(cJSON *object, const char *key, cJSON *item)
{
    if (config_member(object, key)) {
        cJSON_ReplaceItemInObjectCaseSensitive(object, key, item);
    } else {
        cJSON_AddItemToObject(object, key, item);
    }
}

cJSON *config_member(const cJSON *object, const char *key)
{
    cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        if (strcmp(member->string, key) == 0) {
            return member;
        }
    }
    return NULL;
}

cJSON *config_section(cJSON *object, const char *key)
{
    cJSON *section = config_member(object, key);
    if (!cJSON_IsObject(section)) {
        section = cJSON_CreateObject();
        config_put(object, key, section);
    }
    return section;
}

const char *config_scalar_text(struct edge_arena *a, const cJSON *node)
{
    int64_t i;
    double d;
    if (node->valuestring) {
        return node->valuestring; /* of YAML numbers and truths: their text */
    }
    if (cJSON_IsBool(node)) {
        return cJSON_IsTrue(node) ? "true" : "false";
    }
    if (edge_json_int(node, &i)) {
        return edge_printf(a, "%lld", (long long)i);
    }
    if (edge_json_real(node, &d)) {
        char text[EDGE_REAL_TEXT_SIZE];
        edge_real_json(d, text);
        return edge_strdup(a, text);
    }
    return NULL;
}

cJSON *config_text_list(struct edge_arena *a, const char *text)
{
    cJSON *list = cJSON_CreateArray();
    while (*text) {
        size_t len = strcspn(text, ",");
        const char *from = text + strspn(text, " \t"), *to = text + len;
        while (to > from && (to[-1] == ' ' || to[-1] == '\t')) {
            to--;
        }
        if (to > from) {
            cJSON_AddItemToArray(list,
                                 cJSON_CreateString(edge_strndup(a, from, (size_t)(to - from))));
        }
        text += len + (text[len] == ',');
    }
    return list;
}

/* As the JSON door makes them: digits where a double would lose some. */
static cJSON *integer(struct edge_arena *a, int64_t i)
{
    const int64_t exact = 999999999999999;
    return i >= -exact && i <= exact ? cJSON_CreateNumber((double)i)
                                     : cJSON_CreateRaw(edge_printf(a, "%lld", (long long)i));
}

static cJSON *int_from(struct edge_arena *a, const cJSON *from)
{
    int64_t i;
    bool sound =
        cJSON_IsString(from) ? edge_int_parse(from->valuestring, &i) : edge_json_int(from, &i);
    return sound ? integer(a, i) : NULL;
}

static cJSON *uint_from(struct edge_arena *a, const cJSON *from)
{
    uint64_t u;
    bool sound =
        cJSON_IsString(from) ? edge_uint_parse(from->valuestring, &u) : edge_json_uint(from, &u);
    if (!sound) {
        return NULL;
    }
    return u <= INT64_MAX ? integer(a, (int64_t)u)
                          : cJSON_CreateRaw(edge_printf(a, "%llu", (unsigned long long)u));
}

static cJSON *real_from(const cJSON *from)
{
    double d;
    if (!cJSON_IsString(from)) {
        return edge_json_real(from, &d) ? cJSON_CreateNumber(d) : NULL;
    }
    char *end;
    d = strtod(from->valuestring, &end);
    bool sound = end != from->valuestring && !*end && isfinite(d);
    return sound ? cJSON_CreateNumber(d) : NULL;
}

static cJSON *bool_from(const cJSON *from, const char *text)
{
    bool value;
    if (cJSON_IsBool(from)) {
        return cJSON_CreateBool(cJSON_IsTrue(from));
    }
    bool sound = tree_plain_bool(from, &value) || edge_bool_parse(text, &value);
    return sound ? cJSON_CreateBool(value) : NULL;
}

cJSON *config_coerce(struct edge_arena *a, const struct edge_field *f, const cJSON *from,
                     const char **ret_reason)
{
    static const char *const wanted[EDGE_K_MASK + 1] = {
        [EDGE_K_BOOL] = "true or false",
        [EDGE_K_INT] = "an integer",
        [EDGE_K_UINT] = "a positive integer",
        [EDGE_K_REAL] = "a number",
    };
    unsigned kind = f->kind & EDGE_K_MASK;
    const char *text = config_scalar_text(a, from);
    if (!text) {
        *ret_reason = "is not a single value";
        return NULL;
    }
    cJSON *node;
    switch (kind) {
    case EDGE_K_BOOL:
        node = bool_from(from, text);
        break;
    case EDGE_K_INT:
        node = int_from(a, from);
        break;
    case EDGE_K_UINT:
        node = uint_from(a, from);
        break;
    case EDGE_K_REAL:
        node = real_from(from);
        break;
    default:
        return cJSON_CreateString(text);
    }
    if (!node) {
        *ret_reason = edge_printf(a, "'%s' is not %s", edge_text_brief(a, text, 100), wanted[kind]);
    }
    return node;
}

/* ---- values that cannot be ------------------------------------------------------------------ */

/* What the configuration before had there. */
static const cJSON *held_at(const struct config_judge *judge, const struct config_path *at)
{
    if (!at) {
        return judge->before ? judge->before->tree : NULL;
    }
    const cJSON *above = held_at(judge, at->up);
    return cJSON_IsObject(above) ? edge_json_member(above, at->key, false) : NULL;
}

/* Says the table so or, where there is none, the name? */
static bool is_secret(const struct edge_field *f, const struct config_path *at, const char *text)
{
    bool secret = f && (f->flags & EDGE_SECRET);
    for (; at && !secret; at = at->up) {
        secret = strcasecmp(at->key, "SecretData") == 0 ||
                 edge_config_is_credential(f ? NULL : at->key, text);
    }
    return secret;
}

static const char *given_text(struct edge_arena *a, const cJSON *given)
{
    const char *text = config_scalar_text(a, given);
    if (text) {
        return text;
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf json = EDGE_BUF_INIT;
    edge_json_put(&json, given);
    return edge_strdup(a, edge_buf_str(&json));
}

/* Keep it in mind; false where the loading before said so already. */
static bool is_news(const struct config_layer *l, const struct config_path *at, const char *text)
{
    const char *name = edge_printf(&l->ctx->arena, "%s: %s", l->origin,
                                   at ? config_path_text(&l->ctx->arena, at) : "the whole");
    const struct edge_config_loaded *before = l->judge->before;
    const cJSON *known = before ? config_member(before->refused, name) : NULL;
    config_put(l->judge->refused, name, cJSON_CreateString(text));
    return !known || strcmp(known->valuestring, text) != 0;
}

/* Values may be long, and are not all for everybody's eyes. */
static const char *shown_text(const struct config_layer *l, const struct edge_field *f,
                              const struct config_path *at, const char *text)
{
    return is_secret(f, at, text) ? "<redacted>" : edge_printf(&l->ctx->arena, "%.200s", text);
}

enum edge_status config_refuse(const struct config_layer *l, const struct edge_field *f,
                               const char *key, cJSON *into, const cJSON *given,
                               const struct config_path *at, const char *reason)
{
    struct edge_arena *a = &l->ctx->arena;
    const char *path = at ? config_path_text(a, at) : "the whole";
    if (!(l->flags & CONFIG_FORGIVING)) {
        return edge_fail(l->ctx, EDGE_INVALID, "%s: %s: %s", l->origin, path, reason);
    }
    const cJSON *held = at ? held_at(l->judge, at) : NULL;
    if (held && into) {
        config_put(into, key, cJSON_Duplicate(held, true));
    }
    const char *text = given_text(a, given), *shown = shown_text(l, f, at, text);
    if (is_news(l, at, text)) {
        bool secret = strcmp(shown, text) != 0 && is_secret(f, at, text);
        edge_log_warn(l->ctx, "configuration value refused, the key keeps what it held", "key",
                      path, "value", shown, "source", l->origin, "reason",
                      secret ? "not of the form it must have" : reason, NULL);
    }
    return EDGE_OK;
}

/* Why @p node cannot be the value of the row, NULL where it can. */
static const char *objection(const struct config_layer *l, const struct edge_dto *dto,
                             const struct edge_field *f, cJSON *node)
{
    if (!(l->flags & CONFIG_FORGIVING)) {
        return NULL; /* decoding tells all faults at once */
    }
    EDGE_CTX_SCOPE(trial);
    enum edge_status st;
    if (f->flags & EDGE_VALUE) {
        st = edge_dto_patch_try(&trial, dto, node);
    } else {
        cJSON *section = edge_json_object(&trial);
        cJSON_AddItemReferenceToObject(section, f->json, node);
        st = edge_dto_patch_try(&trial, dto, section);
    }
    if (st == EDGE_OK) {
        return NULL;
    }
    const char *text = edge_ctx_message(&trial, st), *after = strchr(text, ' ');
    return edge_strdup(&l->ctx->arena, after ? after + 1 : text); /* without the path in front */
}

/* Official keys that mean nothing here: known, so no reason for a warning. */
static bool is_idle(const struct config_path *at)
{
    static const char *const idle[] = {
        "SecurityOptions", "MaxConns",   "MaxConnIdleTime", "MaxConnLifetime",
        "Format",          "QueueGroup", "Durable",         "RetryOnFailedConnect",
        "AutoProvision",   "Deliver",    "Subject",         "DefaultPubRetryAttempts",
        "CleanSession"};
    for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
        if (at->up && strcasecmp(at->key, idle[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* @p nearest: the key that may be meant; may be NULL. */
static void unknown_key(const struct config_layer *l, const struct config_path *at,
                        const cJSON *given, const char *nearest)
{
    if (!l->judge || (l->flags & CONFIG_SHARED) || is_idle(at)) {
        edge_log_debug(l->ctx, "configuration key has no effect here", "key",
                       config_path_text(&l->ctx->arena, at), "file", l->origin, NULL);
        return;
    }
    const char *text = given_text(&l->ctx->arena, given);
    if (is_news(l, at, text)) {
        edge_log_warn(l->ctx, "unknown configuration key ignored", "key",
                      config_path_text(&l->ctx->arena, at), "value", shown_text(l, NULL, at, text),
                      "file", l->origin, nearest ? "nearest" : NULL, nearest, NULL);
    }
}

/* The keys of a table, inlined ones too. */
static void offer_keys(const struct edge_dto *dto, struct edge_nearest *near)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        if (f->flags & EDGE_INLINE) {
            offer_keys(f->sub, near);
        } else if (f->json) {
            edge_nearest_offer(near, f->json);
        }
    }
}

void config_note_origin(const struct config_layer *l, const struct config_path *at,
                        const char *origin)
{
    if (l->judge && l->judge->origins) {
        config_put(l->judge->origins, config_path_text(&l->ctx->arena, at),
                   cJSON_CreateString(origin));
    }
}

/* @p dto: of the section; of a map of bare values the table of its entries. */
static enum edge_status overlay_scalar(const struct config_layer *l, const struct edge_dto *dto,
                                       const struct edge_field *f, const char *key, cJSON *into,
                                       const cJSON *from, const struct config_path *at)
{
    const char *reason = NULL;
    cJSON *node = config_coerce(&l->ctx->arena, f, from, &reason);
    if (node && (reason = objection(l, dto, f, node))) {
        cJSON_Delete(node);
        node = NULL;
    }
    if (!node) {
        return config_refuse(l, f, key, into, from, at, reason);
    }
    config_put(into, key, node);
    config_note_origin(l, at, l->origin);
    return EDGE_OK;
}

/* The elements, added to @p list; one that cannot be fails with its place. */
static enum edge_status list_elements(const struct config_layer *l, const struct edge_field *f,
                                      cJSON *list, const cJSON *from, const struct config_path *at)
{
    static const struct edge_field text = {.kind = EDGE_K_STR};
    const cJSON *element;
    cJSON_ArrayForEach(element, from)
    {
        cJSON *node;
        const char *reason = NULL;
        if (f->sub) {
            node = cJSON_CreateObject();
            cJSON_AddItemToArray(list, node);
            EDGE_TRY(overlay_section(l, f->sub, node, element, at));
        } else if ((node = config_coerce(&l->ctx->arena, &text, element, &reason))) {
            cJSON_AddItemToArray(list, node);
        } else {
            return config_refuse(l, f, NULL, NULL, element, at, reason);
        }
    }
    return EDGE_OK;
}

/* A list is one value: taken whole or not at all. */
static enum edge_status overlay_list(const struct config_layer *l, const struct edge_dto *dto,
                                     const struct edge_field *f, cJSON *into, const cJSON *from,
                                     const struct config_path *at)
{
    struct config_layer strict = *l;
    strict.flags &= ~(unsigned)CONFIG_FORGIVING;
    cJSON *list;
    const char *reason = NULL;
    if ((l->flags & CONFIG_TEXTS) && cJSON_IsString(from) && !f->sub) {
        list = config_text_list(&l->ctx->arena, from->valuestring);
    } else if (!cJSON_IsArray(from) && !((l->flags & CONFIG_TEXTS) && cJSON_IsObject(from))) {
        return config_refuse(l, f, f->json, into, from, at, "must be a list");
    } else {
        list = cJSON_CreateArray();
        enum edge_status st = list_elements(&strict, f, list, from, at);
        if (st != EDGE_OK && !(l->flags & CONFIG_FORGIVING)) {
            cJSON_Delete(list);
            return st;
        }
        if (st != EDGE_OK) {
            reason = edge_strdup(&l->ctx->arena, edge_ctx_message(l->ctx, st));
            edge_ctx_clear(l->ctx);
        }
    }
    reason = reason ? reason : objection(l, dto, f, list);
    if (reason) {
        cJSON_Delete(list);
        return config_refuse(l, f, f->json, into, from, at, reason);
    }
    config_put(into, f->json, list);
    return EDGE_OK;
}

/* An entry made for values that were all refused is none. */
static enum edge_status overlay_entry(const struct config_layer *l, const struct edge_dto *dto,
                                      cJSON *map, const cJSON *from, const struct config_path *at)
{
    if (!cJSON_IsObject(from)) {
        return config_refuse(l, NULL, at->key, map, from, at, "must be a section");
    }
    bool is_new = !config_member(map, at->key);
    cJSON *entry = config_section(map, at->key);
    EDGE_TRY(overlay_section(l, dto, entry, from, at));
    if ((l->flags & CONFIG_FORGIVING) && is_new && !entry->child && from->child) {
        cJSON_DeleteItemFromObjectCaseSensitive(map, at->key);
    }
    return EDGE_OK;
}

static enum edge_status overlay_map(const struct config_layer *l, const struct edge_field *f,
                                    cJSON *into, const cJSON *from, const struct config_path *at)
{
    if (!cJSON_IsObject(from)) {
        return config_refuse(l, f, f->json, into, from, at, "must be a section");
    }
    cJSON *map = config_section(into, f->json);
    const struct edge_field *last = &f->sub->fields[f->sub->n_fields - 1];
    const cJSON *member;
    cJSON_ArrayForEach(member, from)
    {
        struct config_path here = {at, member->string};
        bool section = !(last->flags & EDGE_VALUE);
        if (says_nothing(l, section ? EDGE_K_OBJ : last->kind & EDGE_K_MASK, member)) {
            continue;
        }
        if (section) {
            EDGE_TRY(overlay_entry(l, f->sub, map, member, &here));
        } else if ((last->kind & EDGE_K_MASK) == EDGE_K_ANY) {
            config_put(map, member->string, cJSON_Duplicate(member, true));
        } else {
            EDGE_TRY(overlay_scalar(l, f->sub, last, member->string, map, member, &here));
        }
    }
    return EDGE_OK;
}

/* Why a key directly below a free-form section cannot have this value, NULL where it can. One that
 * nobody knows is named. */
static const char *free_objection(const struct config_layer *l, const cJSON *from,
                                  const struct config_path *at)
{
    const struct config_judge *judge = l->judge;
    if (!judge || !judge->check_free || !at->up || at->up->up) {
        return NULL;
    }
    EDGE_CTX_SCOPE(trial);
    struct edge_nearest near = {.wanted = at->key};
    enum edge_status st =
        judge->check_free(&trial, judge->free_arg, at->up->key, at->key, from, &near);
    if (st == EDGE_NOT_FOUND) {
        unknown_key(l, at, from, near.name);
    }
    return st == EDGE_INVALID && (l->flags & CONFIG_FORGIVING)
               ? edge_strdup(&l->ctx->arena, edge_ctx_message(&trial, st))
               : NULL;
}

/* Sections merge, everything else is replaced; neither takes the other's place unasked. */
static enum edge_status overlay_any(const struct config_layer *l, cJSON *into, const char *key,
                                    const cJSON *from, const struct config_path *at)
{
    const cJSON *there = config_member(into, key);
    if ((l->flags & CONFIG_FORGIVING) && there && !cJSON_IsNull(there) &&
        cJSON_IsObject(there) != cJSON_IsObject(from)) {
        return config_refuse(l, NULL, key, into, from, at,
                             cJSON_IsObject(there) ? "must be a section" : "is not a single value");
    }
    const char *reason = free_objection(l, from, at);
    if (reason) {
        return config_refuse(l, NULL, key, into, from, at, reason);
    }
    if (!cJSON_IsObject(from)) {
        config_put(into, key, cJSON_Duplicate(from, true));
        return EDGE_OK;
    }
    cJSON *section = config_section(into, key);
    const cJSON *member;
    cJSON_ArrayForEach(member, from)
    {
        struct config_path here = {at, member->string};
        EDGE_TRY(overlay_any(l, section, member->string, member, &here));
    }
    return EDGE_OK;
}

/* A key without a value: where all values are texts it is an empty one, unless the field is a text. */
static bool says_nothing(const struct config_layer *l, unsigned kind, const cJSON *from)
{
    return cJSON_IsNull(from) ||
           ((l->flags & CONFIG_TEXTS) && kind != EDGE_K_STR && kind != EDGE_K_ENUM &&
            kind != EDGE_K_ANY && kind != EDGE_K_LIST && cJSON_IsString(from) &&
            *from->valuestring == '\0');
}

static enum edge_status overlay_field(const struct config_layer *l, const struct edge_dto *dto,
                                      const struct edge_field *f, cJSON *into, const cJSON *from,
                                      const struct config_path *at)
{
    if (says_nothing(l, f->kind & EDGE_K_MASK, from)) {
        return EDGE_OK;
    }
    switch (f->kind & EDGE_K_MASK) {
    case EDGE_K_OBJ:
        return cJSON_IsObject(from)
                   ? overlay_section(l, f->sub, config_section(into, f->json), from, at)
                   : config_refuse(l, f, f->json, into, from, at, "must be a section");
    case EDGE_K_MAP:
        return overlay_map(l, f, into, from, at);
    case EDGE_K_LIST:
        return overlay_list(l, dto, f, into, from, at);
    case EDGE_K_ANY:
        return overlay_any(l, into, f->json, from, at);
    default:
        return overlay_scalar(l, dto, f, f->json, into, from, at);
    }
}

/* The table @p key's row stands in: @p dto, or one it inlines. */
static const struct edge_dto *table_of(const struct edge_dto *dto, const struct edge_field *row)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        if (f == row) {
            return dto;
        }
        const struct edge_dto *inner = f->flags & EDGE_INLINE ? table_of(f->sub, row) : NULL;
        if (inner) {
            return inner;
        }
    }
    return NULL;
}

static enum edge_status overlay_section(const struct config_layer *l, const struct edge_dto *dto,
                                        cJSON *into, const cJSON *from,
                                        const struct config_path *at)
{
    if (cJSON_IsNull(from)) {
        return EDGE_OK;
    }
    if (!cJSON_IsObject(from)) { /* an element of a list, or the whole */
        return config_refuse(l, NULL, NULL, NULL, from, at, "must be a section");
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, from)
    {
        struct config_path here = {at, member->string};
        const struct edge_field *f = config_field_find(dto, member->string);
        if (f) {
            EDGE_TRY(overlay_field(l, table_of(dto, f), f, into, member, &here));
        } else {
            struct edge_nearest near = {.wanted = member->string};
            offer_keys(dto, &near);
            unknown_key(l, &here, member, near.name);
        }
    }
    return EDGE_OK;
}

enum edge_status config_overlay(const struct config_layer *layer, const struct edge_dto *dto,
                                cJSON *into, const cJSON *from)
{
    return from ? overlay_section(layer, dto, into, from, NULL) : EDGE_OK;
}
