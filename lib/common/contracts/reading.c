/* Readings: the table, and the value part, which depends on the value type (contract 3.4). */
#include "event.h"

#include <math.h>
#include <string.h>

/* ---- the value part, in -------------------------------------------------------------------- */

struct value_nodes {
    const cJSON *value, *binary, *object, *media_type; /* NULL: absent or null */
};

static struct value_nodes find_value_nodes(const cJSON *json)
{
    struct value_nodes found = {0};
    for (const cJSON *v = json->child; v; v = v->next) {
        const cJSON *node = cJSON_IsNull(v) ? NULL : v;
        if (strcmp(v->string, "value") == 0) {
            found.value = node;
        } else if (strcmp(v->string, "binaryValue") == 0) {
            found.binary = node;
        } else if (strcmp(v->string, "objectValue") == 0) {
            found.object = node;
        } else if (strcmp(v->string, "mediaType") == 0) {
            found.media_type = node;
        }
    }
    return found;
}

/* [1,2] -> "[1, 2]", as a device service would have written it. */
static const char *array_literal(struct edge_arena *a, unsigned type, const cJSON *array)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    if (type == VT_STRING_ARRAY) {
        edge_json_put(&text, array);
        return edge_strndup(a, text.data, text.len);
    }
    edge_buf_putc(&text, '[');
    for (const cJSON *e = array->child; e; e = e->next) {
        if (cJSON_IsString(e)) {
            edge_buf_puts(&text, e->valuestring);
        } else {
            edge_json_put(&text, e);
        }
        edge_buf_puts(&text, e->next ? ", " : "");
    }
    edge_buf_putc(&text, ']');
    return edge_strndup(a, text.data, text.len);
}

/* A value may come as JSON number, truth or array instead of text (contract 3.4). NULL: neither. */
static const char *value_literal(struct edge_arena *a, unsigned type, const cJSON *v)
{
    if (cJSON_IsString(v)) {
        return v->valuestring;
    }
    if (cJSON_IsArray(v)) {
        return array_literal(a, type, v);
    }
    if (!edge_json_is_number(v) && !cJSON_IsBool(v)) {
        return NULL;
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, v);
    return edge_strndup(a, text.data, text.len);
}

static enum edge_status decode_simple(const cJSON *v, struct reading *r, struct edge_scope *at)
{
    r->value = value_literal(&edge_scope_ctx(at)->arena, r->value_type, v);
    if (!r->value) {
        return edge_scope_fail(at, "value", "must be a string");
    }
    if (!value_text_valid(r->value_type, r->value)) {
        return edge_scope_fail(at, NULL, "The value does not match the %s valueType",
                               VALUE_TYPES[r->value_type]);
    }
    return EDGE_OK;
}

static enum edge_status decode_binary(const struct value_nodes *in, struct reading *r,
                                      struct edge_scope *at)
{
    if (!edge_bytes_parse(&edge_scope_ctx(at)->arena, in->binary, &r->binary)) {
        return edge_scope_fail(at, "binaryValue", "must be base64");
    }
    if (in->media_type && !cJSON_IsString(in->media_type)) {
        return edge_scope_fail(at, "mediaType", "must be a string");
    }
    r->media_type = in->media_type ? in->media_type->valuestring : NULL;
    if (r->binary.size > 0 && (!r->media_type || !*r->media_type)) {
        return edge_scope_fail(at, "mediaType",
                               "field validation failed on the required_with tag with value ''");
    }
    return EDGE_OK;
}

/* The value type says which member counts; without that one it is a null reading. */
static enum edge_status reading_decode_value(const cJSON *json, void *obj, struct edge_scope *at)
{
    struct reading *r = obj;
    struct value_nodes in = find_value_nodes(json);
    if (r->value_type == VT_BINARY) {
        r->is_null = !in.binary;
        return r->is_null ? EDGE_OK : decode_binary(&in, r, at);
    }
    if (r->value_type == VT_OBJECT || r->value_type == VT_OBJECT_ARRAY) {
        r->is_null = !in.object;
        r->object = in.object;
        return EDGE_OK;
    }
    r->is_null = !in.value;
    return r->is_null ? EDGE_OK : decode_simple(in.value, r, at);
}

/* ---- and out ------------------------------------------------------------------------------- */

static void put_null_reading(struct edge_encoder *e)
{
    edge_put_null(e, "value");
    edge_put_null(e, "binaryValue");
    edge_put_null(e, "objectValue");
}

/* Binary, Object and null readings; false for those whose value is a text. */
static bool put_special(const struct reading *r, struct edge_encoder *e)
{
    bool object = r->value_type == VT_OBJECT || r->value_type == VT_OBJECT_ARRAY;
    if (r->is_null) {
        put_null_reading(e);
    } else if (r->value_type == VT_BINARY) {
        edge_put_bytes(e, "binaryValue", r->binary);
        if (r->media_type && *r->media_type) {
            edge_put_string(e, "mediaType", r->media_type);
        }
    } else if (object) {
        edge_put_tree(e, "objectValue", r->object);
    } else {
        return false;
    }
    return true;
}

static void reading_encode_value(const void *obj, struct edge_encoder *e)
{
    const struct reading *r = obj;
    if (!put_special(r, e)) {
        edge_put_string(e, "value", r->value ? r->value : "");
    }
}

static void put_number(struct edge_encoder *e, const char *key, unsigned type, const char *text)
{
    struct value_number n;
    bool known = value_number_parse(type, text, &n);
    if (!known || (value_type_is_float(type) && !isfinite(n.f))) {
        edge_put_string(e, key, text); /* NaN and infinities are no JSON numbers */
    } else if (value_type_is_unsigned(type)) {
        edge_put_uint(e, key, n.u);
    } else if (value_type_is_integer(type)) {
        edge_put_int(e, key, n.i);
    } else {
        edge_put_real(e, key, value_number_real(type, &n));
    }
}

static void put_numbers(struct edge_encoder *e, unsigned type, const char *text)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    const char **items;
    size_t n;
    if (value_array_split(&a, type, text, &items, &n)) {
        edge_put_list_open(e, "value", n);
        for (size_t i = 0; i < n; i++) {
            put_number(e, NULL, value_type_element(type), items[i]);
        }
        edge_put_list_close(e);
    } else {
        edge_put_string(e, "value", text);
    }
    edge_arena_done(&a);
}

static void reading_encode_numeric(const void *obj, struct edge_encoder *e)
{
    const struct reading *r = obj;
    const char *text = r->value ? r->value : "";
    if (put_special(r, e)) {
        return;
    }
    if (value_type_is_numeric(r->value_type)) {
        put_number(e, "value", r->value_type, text);
    } else if (value_type_is_array(r->value_type) &&
               value_type_is_numeric(value_type_element(r->value_type))) {
        put_numbers(e, r->value_type, text);
    } else {
        edge_put_string(e, "value", text);
    }
}

static void reading_clone_value(void *obj, struct edge_arena *a)
{
    struct reading *r = obj;
    r->value = r->value ? edge_strdup(a, r->value) : NULL;
    r->media_type = r->media_type ? edge_strdup(a, r->media_type) : NULL;
    r->object = r->object ? edge_json_clone(a, r->object) : NULL;
    if (r->binary.data) {
        r->binary.data = edge_strndup(a, r->binary.data, r->binary.size);
    }
}

/* ---- table --------------------------------------------------------------------------------- */

/* What is required of readings is checked by their event, which may have to restore it first. */
/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct reading, m, __VA_ARGS__)
static const struct edge_field reading_fields[] = {
    F(id, "id", "Not kept."),
    F(origin, "origin", "When it was taken, ns since 1970. Required."),
    F(device_name, "deviceName", "Device it comes from. Required.", .check = edge_check_not_blank),
    F(resource_name, "resourceName", "Resource that was read. Required.", .check = edge_check_not_blank),
    F(profile_name, "profileName", "Profile of the device."),
    F(value_type, "valueType", "Type of the value; any case.", .flags = EDGE_REQUIRED | EDGE_ANY_CASE, .names = VALUE_TYPES, .fault = VALUE_TYPE_FAULT),
    F(units, "units", "Unit of measure."),
    F(tags, "tags", "Free form.", .check = edge_check_object),
};
/* What the value type says of the value is written by hand. */
#define BINARY_AND_OBJECT \
    EDGE_FIELD(struct reading, binary, "binaryValue", "Of Binary; null: nothing was read.", .flags = EDGE_EMIT_NULL), \
    F(media_type, "mediaType", "Of Binary: its content type."), \
    F(object, "objectValue", "Of Object and ObjectArray: any JSON; null: nothing was read.")
static const struct edge_field value_fields[] = {
    F(value, "value", "Of all other types, as a text; null: nothing was read.", .flags = EDGE_EMIT_NULL),
    BINARY_AND_OBJECT,
};
static const struct edge_field numeric_value_fields[] = {
    F(object, "value", "Of all other types: numbers, and lists of them, as JSON; else a text; null: nothing was read."),
    BINARY_AND_OBJECT,
};
#undef F
/* clang-format on */
#define MORE(table) .more = (table), .n_more = sizeof(table) / sizeof((table)[0])
const struct edge_dto READING =
    EDGE_DTO(struct reading, "Reading", reading_fields, .exact_keys = true, MORE(value_fields),
             .encode_more = reading_encode_value, .decode_more = reading_decode_value,
             .clone_more = reading_clone_value);
const struct edge_dto READING_NUMERIC =
    EDGE_DTO(struct reading, "NumericReading", reading_fields, .exact_keys = true,
             MORE(numeric_value_fields), .encode_more = reading_encode_numeric,
             .decode_more = reading_decode_value, .clone_more = reading_clone_value);
