/*
 * Configuration from the environment: every key of the tables has a variable, called as its path in
 * upper case (SERVICE_PORT, CLIENTS_CORE_METADATA_HOST). Values are typed by the tables; one that
 * does not fit is a failure that names the variable.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_tree.h"
#include "edge/text.h"

struct env_layer {
    struct edge_ctx *ctx;
    const char *prefix;
    const struct config_layer *layer;
};

static enum edge_status env_section(const struct env_layer *l, const struct edge_dto *dto,
                                    cJSON *into, const struct config_path *at);

/* Is anything set below @p name, "CLIENTS"? Most sections are not, and need no visit. */
static bool any_below(const char *name)
{
    size_t len = strlen(name);
    for (char **var = environ; *var; var++) {
        if (strncmp(*var, name, len) == 0 && (*var)[len] == '_') {
            return true;
        }
    }
    return false;
}

static const char *env_name(const struct env_layer *l, const struct config_path *at)
{
    return config_env_name(&l->ctx->arena, l->prefix, at);
}

/* The value of the variable for @p at, NULL if unset. */
static enum edge_status env_text(const struct env_layer *l, const struct config_path *at,
                                 const char **ret)
{
    const char *name = env_name(l, at);
    const char *text = getenv(name);
    if (text && !edge_utf8_valid(text, strlen(text))) {
        return edge_fail(l->ctx, EDGE_INVALID, "environment variable %s: not UTF-8", name);
    }
    *ret = text;
    return EDGE_OK;
}

static enum edge_status env_scalar(const struct env_layer *l, const struct edge_field *f,
                                   const char *key, cJSON *into, const struct config_path *at)
{
    const char *text = NULL, *reason = NULL;
    EDGE_TRY(env_text(l, at, &text));
    if (!text) {
        return EDGE_OK;
    }
    cJSON given = {.type = cJSON_String, .valuestring = (char *)(uintptr_t)text};
    cJSON *node = config_coerce(&l->ctx->arena, f, &given, &reason);
    struct config_layer named = *l->layer;
    named.origin = edge_printf(&l->ctx->arena, "environment variable %s", env_name(l, at));
    if (!node) {
        return named.flags & CONFIG_FORGIVING
                   ? config_refuse(&named, f, key, into, &given, at, reason)
                   : edge_fail(l->ctx, EDGE_INVALID, "%s: %s", named.origin, reason);
    }
    config_put(into, key, node);
    config_note_origin(&named, at, named.origin);
    return EDGE_OK;
}

static enum edge_status env_list(const struct env_layer *l, const struct edge_field *f, cJSON *into,
                                 const struct config_path *at)
{
    const char *text = NULL;
    EDGE_TRY(env_text(l, at, &text));
    if (text && !f->sub) {
        config_put(into, f->json, config_text_list(&l->ctx->arena, text));
    }
    return EDGE_OK;
}

/* Has the map an entry that variables call as they would call @p key? */
static bool has_entry(struct edge_arena *a, const cJSON *map, const char *key)
{
    struct config_path wanted = {NULL, key};
    const char *name = config_env_name(a, "", &wanted);
    const cJSON *member;
    cJSON_ArrayForEach(member, map)
    {
        struct config_path here = {NULL, member->string};
        if (strcmp(config_env_name(a, "", &here), name) == 0) {
            return true;
        }
    }
    return false;
}

/* "CORE_DATA" as official keys of such maps are written: "core-data". */
static const char *entry_key(struct edge_arena *a, const char *name, size_t len, char separator)
{
    char *key = edge_new_n(a, char, len + 1);
    for (size_t i = 0; i < len; i++) {
        key[i] = (char)(name[i] == '_' ? separator : tolower((unsigned char)name[i]));
    }
    return key;
}

/* How much of "CORE_DATA_HOST" or "MQTT_SECRETDATA_USERNAME" is the entry's name, if the rest is the
 * row @p f of such entries; 0: it is not. */
static size_t entry_len(struct edge_arena *a, const struct edge_field *f, const char *name)
{
    struct config_path row = {NULL, f->json};
    unsigned kind = f->kind & EDGE_K_MASK;
    bool section = kind == EDGE_K_OBJ || kind == EDGE_K_MAP;
    const char *part = edge_printf(a, section ? "%s_" : "%s", config_env_name(a, "_", &row));
    size_t part_len = strlen(part), len = strlen(name);
    if (section) {
        const char *at = strstr(name, part);
        return at && at[part_len] ? (size_t)(at - name) : 0;
    }
    return len > part_len && strcmp(name + len - part_len, part) == 0 ? len - part_len : 0;
}

static void add_entry(const struct env_layer *l, const struct edge_dto *dto, cJSON *map,
                      const char *name)
{
    struct edge_arena *a = &l->ctx->arena;
    for (size_t i = 0; i < dto->n_fields; i++) {
        size_t len = dto->fields[i].json ? entry_len(a, &dto->fields[i], name) : 0;
        const char *key = entry_key(a, name, len, '-');
        if (len > 0 && !has_entry(a, map, key)) {
            config_section(map, key);
        }
    }
}

/* Which keys metrics and tags have nobody can tell from capitals; those of secrets are small. */
static void add_secret(const struct env_layer *l, cJSON *map, const char *name)
{
    struct edge_arena *a = &l->ctx->arena;
    const char *key = entry_key(a, name, strlen(name), '_');
    if (!has_entry(a, map, key)) {
        config_put(map, key, cJSON_CreateString(""));
    }
}

/*
 * Entries the files do not have, where their shape is known: CLIENTS_CORE_DATA_HOST makes
 * "core-data", WRITABLE_INSECURESECRETS_MQTT_SECRETDATA_USERNAME "mqtt" and its "username".
 */
static void add_entries(const struct env_layer *l, const struct edge_dto *dto, cJSON *map,
                        const struct config_path *at)
{
    const struct edge_field *last = &dto->fields[dto->n_fields - 1];
    const char *prefix = edge_printf(&l->ctx->arena, "%s_", env_name(l, at));
    size_t start = strlen(prefix);
    for (char **var = environ; *var; var++) {
        size_t len = strcspn(*var, "=");
        if (len <= start || strncmp(*var, prefix, start) != 0) {
            continue;
        }
        const char *name = edge_strndup(&l->ctx->arena, *var + start, len - start);
        if (!(last->flags & EDGE_VALUE)) {
            add_entry(l, dto, map, name);
        } else if (last->flags & EDGE_SECRET) {
            add_secret(l, map, name);
        }
    }
}

static enum edge_status env_map(const struct env_layer *l, const struct edge_field *f, cJSON *into,
                                const struct config_path *at)
{
    const struct edge_field *last = &f->sub->fields[f->sub->n_fields - 1];
    cJSON *map = config_section(into, f->json);
    cJSON *member, *next;
    for (member = map->child; member; member = next) {
        next = member->next; /* the member may be replaced */
        struct config_path here = {at, edge_strdup(&l->ctx->arena, member->string)};
        if (!(last->flags & EDGE_VALUE)) {
            EDGE_TRY(env_section(l, f->sub, member, &here));
        } else {
            EDGE_TRY(env_scalar(l, last, here.key, map, &here));
        }
    }
    return EDGE_OK;
}

/* Free-form sections: variables for what is there, of the type it has. */
static enum edge_status env_any(const struct env_layer *l, cJSON *into, const char *key,
                                const struct config_path *at)
{
    cJSON *value = config_member(into, key);
    if (cJSON_IsObject(value)) {
        cJSON *member, *next;
        for (member = value->child; member; member = next) {
            next = member->next;
            struct config_path here = {at, edge_strdup(&l->ctx->arena, member->string)};
            EDGE_TRY(env_any(l, value, here.key, &here));
        }
        return EDGE_OK;
    }
    if (!value || cJSON_IsArray(value)) {
        return EDGE_OK;
    }
    struct edge_field like = {.kind = cJSON_IsBool(value)          ? EDGE_K_BOOL
                                      : edge_json_is_number(value) ? EDGE_K_REAL
                                                                   : EDGE_K_STR};
    int64_t integer;
    if (edge_json_int(value, &integer)) {
        like.kind = EDGE_K_INT;
    }
    return env_scalar(l, &like, key, into, at);
}

static enum edge_status env_field(const struct env_layer *l, const struct edge_field *f,
                                  cJSON *into, const struct config_path *at)
{
    switch (f->kind & EDGE_K_MASK) {
    case EDGE_K_OBJ:
        return any_below(env_name(l, at))
                   ? env_section(l, f->sub, config_section(into, f->json), at)
                   : EDGE_OK;
    case EDGE_K_MAP:
        if (!any_below(env_name(l, at))) {
            return EDGE_OK;
        }
        add_entries(l, f->sub, config_section(into, f->json), at);
        return env_map(l, f, into, at);
    case EDGE_K_LIST:
        return env_list(l, f, into, at);
    case EDGE_K_ANY:
        return env_any(l, into, f->json, at);
    default:
        return env_scalar(l, f, f->json, into, at);
    }
}

static enum edge_status env_section(const struct env_layer *l, const struct edge_dto *dto,
                                    cJSON *into, const struct config_path *at)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        if (f->flags & EDGE_INLINE) {
            EDGE_TRY(env_section(l, f->sub, into, at));
        } else if (!(f->flags & EDGE_KEY)) {
            struct config_path here = {at, f->json};
            EDGE_TRY(env_field(l, f, into, &here));
        }
    }
    return EDGE_OK;
}

enum edge_status config_overlay_env(const struct config_layer *layer, const struct edge_dto *dto,
                                    const char *prefix, cJSON *into)
{
    struct env_layer l = {layer->ctx, prefix, layer};
    size_t len = strlen(prefix);
    bool any = len == 0;
    for (char **var = environ; *var && !any; var++) {
        any = strncmp(*var, prefix, len) == 0;
    }
    return any ? env_section(&l, dto, into, NULL) : EDGE_OK;
}
