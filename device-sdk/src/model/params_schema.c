/*
 * A driver's tables as one JSON Schema document (draft 2020-12): what a device's protocols, a resource's attributes and
 * the section Driver of the configuration may hold. A number may come as a text, as the parser has it: its limits are
 * checked where it is a number, its form where it is a text. What JSON Schema has no word for stands in x- members.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "edge/text.h"
#include "params.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"
/* As texts. Whole: decimal, or hexadecimal behind 0x. */
#define WHOLE    "[+-]?[0-9]+|0[xX][0-9a-fA-F]+"
#define REAL     "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?"
#define DURATION "[+-]?([0-9]*\\.?[0-9]+(ns|us|\xc2\xb5s|ms|s|m|h))+"
#define TRUTH    "1|t|T|TRUE|true|True|0|f|F|FALSE|false|False"

static const struct kind {
    const char *name;    /* x-type */
    const char *pattern; /* of it as a text; NULL: any */
    double min, max;     /* of the member; both 0: no limit that a double can say */
    const char *types[4];
} kinds[] = {
    [DEVSDK_BOOL] = {"bool",    TRUTH, 0,         0,          {"boolean", "string"}                  },
    [DEVSDK_I8] = {"int8",    WHOLE, INT8_MIN,  INT8_MAX,   {"integer", "string"}                  },
    [DEVSDK_I16] = {"int16",   WHOLE, INT16_MIN, INT16_MAX,  {"integer", "string"}                  },
    [DEVSDK_I32] = {"int32",   WHOLE, INT32_MIN, INT32_MAX,  {"integer", "string"}                  },
    [DEVSDK_I64] = {"int64",   WHOLE, 0,         0,          {"integer", "string"}                  },
    [DEVSDK_U8] = {"uint8",   WHOLE, 0,         UINT8_MAX,  {"integer", "string"}                  },
    [DEVSDK_U16] = {"uint16",  WHOLE, 0,         UINT16_MAX, {"integer", "string"}                  },
    [DEVSDK_U32] = {"uint32",  WHOLE, 0,         UINT32_MAX, {"integer", "string"}                  },
    [DEVSDK_U64] = {"uint64",  WHOLE, 0,         0,          {"integer", "string"}                  },
    [DEVSDK_F32] = {"float32", REAL,  0,         0,          {"number", "string"}                   },
    [DEVSDK_F64] = {"float64", REAL,  0,         0,          {"number", "string"}                   },
    [DEVSDK_STRING] = {"string",  NULL,  0,         0,          {"string", "number", "boolean"}        },
    [DEVSDK_OBJECT] = {"object",  NULL,  0,         0,          {"object", "array", "string", "number"}},
};

static bool is_text(const devsdk_field *f)
{
    return f->type == DEVSDK_STRING || f->type == DEVSDK_OBJECT;
}

/* A default as what the row is of; a text where it is none of that ("500ms"). */
static void put_default(const devsdk_field *f, cJSON *schema)
{
    const cJSON *value = NULL;
    if (!f->def) {
        return;
    }
    EDGE_CTX_SCOPE(scratch);
    bool parsed = !f->one_of && !is_text(f) &&
                  edge_json_parse(&scratch, f->def, strlen(f->def), NULL, &value) == EDGE_OK &&
                  !cJSON_IsString(value);
    if (parsed) {
        cJSON_AddItemToObject(schema, "default", cJSON_Duplicate(value, true));
    } else {
        cJSON_AddStringToObject(schema, "default", f->def);
    }
}

static void put_limits(const devsdk_field *f, cJSON *schema)
{
    const struct kind *k = &kinds[f->type];
    bool own = f->min != 0 || f->max != 0;
    if (is_text(f)) {
        if (f->min > 0) {
            cJSON_AddNumberToObject(schema, "minLength", f->min);
        }
        if (f->max > 0) {
            cJSON_AddNumberToObject(schema, "maxLength", f->max);
        }
        return;
    }
    double min = own ? fmax(f->min, k->min == 0 && k->max == 0 ? -DBL_MAX : k->min) : k->min;
    double max = own ? fmin(f->max, k->max == 0 ? DBL_MAX : k->max) : k->max;
    if (f->type == DEVSDK_U64 || min != 0 || max != 0) {
        cJSON_AddNumberToObject(schema, "minimum", min);
    }
    if (min != 0 || max != 0) {
        cJSON_AddNumberToObject(schema, "maximum", max);
    }
}

static void put_types(const char *const *types, cJSON *schema)
{
    cJSON *list = cJSON_AddArrayToObject(schema, "type");
    for (size_t i = 0; i < 4 && types[i]; i++) {
        cJSON_AddItemToArray(list, cJSON_CreateString(types[i]));
    }
}

/* Words that are numbers may come as such, like all numbers. */
static void put_words(const char *const *words, cJSON *schema)
{
    cJSON *list = cJSON_AddArrayToObject(schema, "enum");
    for (size_t i = 0; words[i]; i++) {
        int64_t number;
        cJSON_AddItemToArray(list, cJSON_CreateString(words[i]));
        if (edge_int_parse(words[i], &number)) {
            cJSON_AddItemToArray(list, cJSON_CreateNumber((double)number));
        }
    }
}

static void put_value(struct edge_ctx *ctx, const devsdk_field *f, cJSON *schema)
{
    const struct kind *k = &kinds[f->type];
    if (f->one_of) {
        put_words(f->one_of, schema);
        cJSON_AddStringToObject(schema, "x-type", "enum");
        cJSON_AddBoolToObject(schema, "x-ignore-case", true);
        return;
    }
    put_types(k->types, schema);
    put_limits(f, schema);
    if (k->pattern) { /* an empty text says "not set" where it may */
        cJSON_AddStringToObject(schema, "pattern",
                                edge_printf(&ctx->arena, "^(%s%s%s)%s$", k->pattern,
                                            f->unit ? "|" : "", f->unit ? DURATION : "",
                                            f->required ? "" : "?"));
    }
    cJSON_AddStringToObject(schema, "x-type", k->name);
    if (f->unit) {
        cJSON_AddStringToObject(schema, "x-unit", f->unit);
    }
}

static cJSON *object_of(struct edge_ctx *ctx, const devsdk_field *fields)
{
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
    cJSON *required = cJSON_CreateArray();
    for (const devsdk_field *f = fields; f && f->key; f++) {
        cJSON *one = cJSON_AddObjectToObject(properties, f->key);
        if (f->help) {
            cJSON_AddStringToObject(one, "description", f->help);
        }
        put_value(ctx, f, one);
        put_default(f, one);
        if (f->required && !f->def) {
            cJSON_AddItemToArray(required, cJSON_CreateString(f->key));
        }
    }
    if (cJSON_GetArraySize(required) > 0) {
        cJSON_AddItemToObject(schema, "required", required);
    } else {
        cJSON_Delete(required);
    }
    return schema;
}

/* A device has one of them; other blocks are somebody else's. */
static cJSON *protocols_of(struct edge_ctx *ctx, const devsdk_protocol *protocols)
{
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON_AddStringToObject(schema, "description", "Of a device: where it is reached.");
    if (!protocols || !protocols->name) {
        cJSON_AddStringToObject(cJSON_AddObjectToObject(schema, "additionalProperties"), "type",
                                "object");
        return schema;
    }
    cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
    cJSON *any = cJSON_AddArrayToObject(schema, "anyOf");
    for (const devsdk_protocol *p = protocols; p->name; p++) {
        cJSON_AddItemToObject(properties, p->name, object_of(ctx, p->fields));
        cJSON *one = cJSON_CreateObject();
        cJSON_AddItemToArray(cJSON_AddArrayToObject(one, "required"), cJSON_CreateString(p->name));
        cJSON_AddItemToArray(any, one);
    }
    return schema;
}

static void put_ref(cJSON *properties, const char *key)
{
    char ref[64];
    snprintf(ref, sizeof(ref), "#/$defs/%s", key);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(properties, key), "$ref", ref);
}

const cJSON *sdk_params_schema(struct edge_ctx *ctx, const devsdk_driver *d)
{
    cJSON *schema = edge_json_object(ctx);
    cJSON_AddStringToObject(schema, "$schema", DIALECT);
    cJSON_AddStringToObject(schema, "$id", edge_printf(&ctx->arena, "urn:edgex:%s", d->name));
    cJSON_AddStringToObject(schema, "title", d->name);
    if (d->doc) {
        cJSON_AddStringToObject(schema, "description", d->doc);
    }
    cJSON_AddNumberToObject(schema, "x-port", d->port);
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON *properties = cJSON_AddObjectToObject(schema, "properties");
    put_ref(properties, "protocols");
    put_ref(properties, "attributes");
    put_ref(properties, "Driver");
    cJSON *defs = cJSON_AddObjectToObject(schema, "$defs");
    cJSON_AddItemToObject(defs, "protocols", protocols_of(ctx, d->protocols));
    cJSON *attributes = object_of(ctx, d->attributes);
    cJSON_AddStringToObject(attributes, "description",
                            "Of a resource in a profile: what it is there.");
    cJSON_AddItemToObject(defs, "attributes", attributes);
    cJSON *config = object_of(ctx, d->config);
    cJSON_AddStringToObject(config, "description", "Of the service's configuration.");
    if (d->config) { /* a key it does not have is a fault */
        cJSON_AddBoolToObject(config, "additionalProperties", false);
    }
    cJSON_AddItemToObject(defs, "Driver", config);
    return schema;
}
