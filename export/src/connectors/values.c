#include "values.h"

#include <string.h>

#include "contracts/event.h"

/* A list's text is JSON, where its numbers are. */
static void add_json(struct edge_ctx *ctx, cJSON *to, const char *name, const char *text)
{
    const cJSON *tree;
    if (edge_json_parse(ctx, text, strlen(text), NULL, &tree) == EDGE_OK) {
        cJSON_AddRawToObject(to, name, text);
    } else {
        edge_ctx_clear(ctx);
        cJSON_AddStringToObject(to, name, text);
    }
}

static void add_object(cJSON *to, const char *name, const cJSON *object)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    edge_json_put(&b, object);
    cJSON_AddRawToObject(to, name, edge_buf_str(&b));
}

static void add_reading(struct edge_ctx *ctx, cJSON *to, const struct reading *r)
{
    char text[VALUE_NUMBER_TEXT];
    struct value_number number;
    const char *name = r->resource_name, *value = r->value ? r->value : "";
    cJSON_DeleteItemFromObjectCaseSensitive(to, name); /* the later one counts */
    if (r->is_null) {
        cJSON_AddNullToObject(to, name);
    } else if (r->object) {
        add_object(to, name, r->object);
    } else if (r->value_type == VT_BOOL) {
        cJSON_AddBoolToObject(to, name, strcasecmp(value, "true") == 0);
    } else if (value_type_is_numeric(r->value_type) &&
               value_number_parse(r->value_type, value, &number)) {
        value_number_json(r->value_type, &number, text);
        cJSON_AddRawToObject(to, name, text);
    } else if (value_type_is_array(r->value_type)) {
        add_json(ctx, to, name, value);
    } else if (r->value_type != VT_BINARY) {
        cJSON_AddStringToObject(to, name, value);
    }
}

static enum edge_status values_of(struct edge_ctx *ctx, const cJSON *tree, const cJSON **ret)
{
    struct event event = {0};
    EDGE_TRY(edge_dto_decode(ctx, &EVENT, tree, &event));
    cJSON *values = edge_json_object(ctx);
    for (size_t i = 0; i < event.n_readings; i++) {
        add_reading(ctx, values, &event.readings[i]);
    }
    *ret = values;
    return EDGE_OK;
}

enum edge_status connector_values(struct edge_ctx *ctx, const struct export_message *m,
                                  const cJSON **ret)
{
    const cJSON *tree;
    EDGE_TRY(edge_wrap(ctx, edge_json_parse(ctx, m->payload, m->size, NULL, &tree),
                       "names and values are wanted: no JSON"));
    const cJSON *event = edge_json_member(tree, "event", true);
    event = cJSON_IsObject(event) ? event : tree;
    if (cJSON_IsArray(edge_json_member(event, "readings", true))) {
        return values_of(ctx, event, ret);
    }
    *ret = tree;
    return cJSON_IsObject(tree)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "names and values are wanted: no event, no object");
}
