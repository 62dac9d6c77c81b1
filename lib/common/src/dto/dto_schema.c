/* What a table says of itself to programs: JSON Schema. Members, types, limits, names, docs; what is
 * required; each table once, by its name. */
#include "dto_schema.h"

#include <string.h>

#include "dto_internal.h"

struct dto_schema_seen {
    struct dto_schema_seen *next;
    const char *name;
    const void *what;
};

static void put_members(struct dto_schemas *s, const struct edge_dto *dto, bool patch,
                        cJSON *properties, cJSON *required);

/* ---- names --------------------------------------------------------------------------------- */

bool dto_schema_claim(struct dto_schemas *s, const char *name, const void *what)
{
    for (const struct dto_schema_seen *known = s->seen; known; known = known->next) {
        if (strcmp(known->name, name) == 0) {
            s->clash = known->what == what ? s->clash : name;
            return false;
        }
    }
    struct dto_schema_seen *fresh = edge_new(&s->ctx->arena, struct dto_schema_seen);
    *fresh = (struct dto_schema_seen){s->seen, name, what};
    s->seen = fresh;
    return true;
}

cJSON *dto_schema_ref(const struct dto_schemas *s, const char *name)
{
    cJSON *ref = cJSON_CreateObject();
    cJSON_AddStringToObject(ref, "$ref",
                            edge_printf(&s->ctx->arena, "#/components/schemas/%s", name));
    return ref;
}

cJSON *dto_schema_of(const char *type)
{
    cJSON *schema = cJSON_CreateObject();
    if (type) {
        cJSON_AddStringToObject(schema, "type", type);
    }
    return schema;
}

cJSON *dto_schema_list(cJSON *items)
{
    cJSON *schema = dto_schema_of("array");
    cJSON_AddItemToObject(schema, "items", items);
    return schema;
}

/* ---- one member ---------------------------------------------------------------------------- */

/* Least and most, by the words of the type. */
static void put_limits(const struct edge_field *f, cJSON *schema)
{
    static const char *const words[][2] = {
        {"minimum",       "maximum"      },
        {"minLength",     "maxLength"    },
        {"minItems",      "maxItems"     },
        {"minProperties", "maxProperties"}
    };
    unsigned kind = dto_kind(f);
    const char *const *word = words[kind == EDGE_K_STR    ? 1
                                    : kind == EDGE_K_LIST ? 2
                                    : kind == EDGE_K_MAP  ? 3
                                                          : 0];
    bool some = f->flags & EDGE_NOT_EMPTY || f->check == edge_check_not_blank;
    if (f->min != 0 || (f->max != 0 && kind <= EDGE_K_REAL)) {
        cJSON_AddNumberToObject(schema, word[0], f->min);
    } else if (some) {
        cJSON_AddNumberToObject(schema, word[0], 1);
    }
    if (f->max != 0) {
        cJSON_AddNumberToObject(schema, word[1], f->max);
    }
}

static const char *format_of(const struct edge_field *f)
{
    switch (dto_kind(f)) {
    case EDGE_K_INT:
        return "int64";
    case EDGE_K_UINT:
        return "uint64";
    case EDGE_K_REAL:
        return "double";
    case EDGE_K_BYTES:
        return "byte";
    default:
        return f->check == edge_check_uuid || f->check == dto_check_request_id ? "uuid"
               : f->check == edge_check_uri                                    ? "uri"
                                                                               : NULL;
    }
}

static void add_names(cJSON *schema, const char *const *names)
{
    cJSON *list = cJSON_AddArrayToObject(schema, "enum");
    for (size_t i = 0; names[i]; i++) {
        if (names[i][0]) {
            cJSON_AddItemToArray(list, cJSON_CreateString(names[i]));
        }
    }
}

static cJSON *scalar(const struct edge_field *f)
{
    static const char *const types[] = {
        [EDGE_K_BOOL] = "boolean", [EDGE_K_INT] = "integer", [EDGE_K_UINT] = "integer",
        [EDGE_K_REAL] = "number",  [EDGE_K_STR] = "string",  [EDGE_K_ENUM] = "string",
        [EDGE_K_BYTES] = "string", [EDGE_K_ANY] = NULL,
    };
    unsigned kind = dto_kind(f);
    bool object = kind == EDGE_K_ANY && f->check == edge_check_object;
    cJSON *schema = dto_schema_of(object ? "object" : types[kind]);
    const char *format = format_of(f);
    if (format) {
        cJSON_AddStringToObject(schema, "format", format);
    }
    if (f->names) {
        add_names(schema, f->names);
    }
    return schema;
}

static cJSON *member(struct dto_schemas *s, const struct edge_field *f, bool patch);

/* What a list or a map holds. */
static cJSON *element(struct dto_schemas *s, const struct edge_field *f)
{
    if (!f->sub) {
        return dto_schema_of("string");
    }
    return dto_is_bare(f->sub) ? member(s, &f->sub->fields[f->sub->n_fields - 1], false)
                               : dto_schema(s, f->sub);
}

static cJSON *shape(struct dto_schemas *s, const struct edge_field *f, bool patch)
{
    switch (dto_kind(f)) {
    case EDGE_K_OBJ:
        return patch && !(f->kind & EDGE_K_PTR || f->flags & EDGE_WHOLE)
                   ? dto_schema_patch(s, f->sub)
                   : dto_schema(s, f->sub);
    case EDGE_K_LIST:
        return dto_schema_list(element(s, f));
    case EDGE_K_MAP: {
        cJSON *map = dto_schema_of("object");
        cJSON_AddItemToObject(map, "additionalProperties", element(s, f));
        return map;
    }
    default:
        return scalar(f);
    }
}

/* {"type": "string"} takes null too: {"type": ["string", "null"]}. References: one of both. */
static cJSON *or_null(cJSON *schema)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(schema, "type");
    cJSON *types = cJSON_CreateArray();
    if (type) {
        cJSON_AddItemToArray(types, cJSON_CreateString(type->valuestring));
        cJSON_AddItemToArray(types, cJSON_CreateString("null"));
        cJSON_ReplaceItemInObjectCaseSensitive(schema, "type", types);
        return schema;
    }
    cJSON_AddItemToArray(types, schema);
    cJSON_AddItemToArray(types, dto_schema_of("null"));
    cJSON *either = cJSON_CreateObject();
    cJSON_AddItemToObject(either, "anyOf", types);
    return either;
}

static cJSON *member(struct dto_schemas *s, const struct edge_field *f, bool patch)
{
    cJSON *schema = shape(s, f, patch);
    put_limits(f, schema);
    bool nothing_is_null = f->flags & EDGE_EMIT_NULL || (patch && f->flags & EDGE_NULLABLE);
    schema = nothing_is_null && dto_kind(f) != EDGE_K_ANY ? or_null(schema) : schema;
    if (f->def && dto_kind(f) == EDGE_K_STR && !patch) {
        cJSON_AddStringToObject(schema, "default", f->def);
    }
    cJSON_AddStringToObject(schema, "description", f->doc);
    return schema;
}

/* ---- a table ------------------------------------------------------------------------------- */

/* Made by the service: created, modified. An id may be given, a name must. */
static bool is_told_only(const struct edge_field *f)
{
    return f->flags & EDGE_READONLY && !(f->flags & EDGE_REQUIRED) && !f->check;
}

static void put_member(struct dto_schemas *s, const struct edge_field *f, bool patch,
                       cJSON *properties, cJSON *required)
{
    if (f->flags & EDGE_KEY || (patch && is_told_only(f))) {
        return;
    }
    if (f->flags & EDGE_INLINE) {
        put_members(s, f->sub, patch, properties, required);
        return;
    }
    cJSON *schema = member(s, f, patch);
    if (is_told_only(f)) {
        cJSON_AddBoolToObject(schema, "readOnly", true);
    }
    cJSON_AddItemToObject(properties, f->json, schema);
    if (!patch && f->flags & (EDGE_REQUIRED | EDGE_NONZERO)) {
        cJSON_AddItemToArray(required, cJSON_CreateString(f->json));
    }
}

static void put_members(struct dto_schemas *s, const struct edge_dto *dto, bool patch,
                        cJSON *properties, cJSON *required)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        put_member(s, &dto->fields[i], patch, properties, required);
    }
    for (size_t i = 0; i < dto->n_more; i++) {
        put_member(s, &dto->more[i], patch, properties, required);
    }
}

static cJSON *named(struct dto_schemas *s, const struct edge_dto *dto, const char *name, bool patch)
{
    /* Two tables with the same rows are one thing (an event, and how services send it). */
    if (dto_schema_claim(s, name, dto->fields)) {
        cJSON *schema = dto_schema_of("object"), *required = cJSON_CreateArray();
        cJSON_AddItemToObject(s->into, name, schema); /* before those it refers to */
        put_members(s, dto, patch, cJSON_AddObjectToObject(schema, "properties"), required);
        if (cJSON_GetArraySize(required) > 0) {
            cJSON_AddItemToObject(schema, "required", required);
        } else {
            cJSON_Delete(required);
        }
    }
    return dto_schema_ref(s, name);
}

cJSON *dto_schema(struct dto_schemas *s, const struct edge_dto *dto)
{
    return named(s, dto, dto->name, false);
}

cJSON *dto_schema_patch(struct dto_schemas *s, const struct edge_dto *dto)
{
    return named(s, dto, edge_printf(&s->ctx->arena, "Update%s", dto->name), true);
}
