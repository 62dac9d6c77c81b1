/* From what the platform answers to what the test looks at. */
#include "results.h"

#include <string.h>

#include "contracts/profile.h"
#include "edge/cbor.h"

static const char *text_of(struct edge_arena *a, const char *text)
{
    return edge_strdup(a, text ? text : "");
}

static const char *json_text(struct edge_arena *a, const cJSON *tree)
{
    struct edge_buf buf = EDGE_BUF_INIT;
    edge_json_put(&buf, tree);
    const char *text = edge_strndup(a, edge_buf_str(&buf), buf.len);
    edge_buf_done(&buf);
    return text;
}

static void reading_fill(struct edge_arena *a, const struct reading *from, devsdk_test_reading *to)
{
    *to = (devsdk_test_reading){
        .device = text_of(a, from->device_name),
        .profile = text_of(a, from->profile_name),
        .resource = text_of(a, from->resource_name),
        .type = VALUE_TYPES[from->value_type],
        .media_type = text_of(a, from->media_type),
        .units = text_of(a, from->units),
        .origin = from->origin,
    };
    if (from->object) {
        to->value = json_text(a, from->object);
    } else if (!from->is_null) {
        to->value = text_of(a, from->value);
        to->bytes = edge_strndup(a, from->binary.data ? (const char *)from->binary.data : "",
                                 from->binary.size);
        to->n = from->binary.size;
    }
}

const devsdk_test_result *kit_result(devsdk_test *t, int status, const char *text)
{
    EDGE_LOCK(&t->lock);
    devsdk_test_result *r = edge_new(&t->arena, devsdk_test_result);
    *r = (devsdk_test_result){.status = status, .text = text_of(&t->arena, text), .source = ""};
    return r;
}

const devsdk_test_result *kit_result_event(devsdk_test *t, const struct event *e)
{
    EDGE_LOCK(&t->lock);
    struct edge_arena *a = &t->arena;
    devsdk_test_reading *readings = edge_new_n(a, devsdk_test_reading, e->n_readings + 1);
    for (size_t i = 0; i < e->n_readings; i++) {
        reading_fill(a, &e->readings[i], &readings[i]);
    }
    devsdk_test_result *r = edge_new(a, devsdk_test_result);
    *r = (devsdk_test_result){.status = 200,
                              .text = "",
                              .source = text_of(a, e->source_name),
                              .origin = e->origin,
                              .readings = readings,
                              .n = e->n_readings};
    return r;
}

const devsdk_test_result *kit_result_found(devsdk_test *t, const devsdk_test_found *found, size_t n)
{
    EDGE_LOCK(&t->lock);
    devsdk_test_result *r = edge_new(&t->arena, devsdk_test_result);
    *r =
        (devsdk_test_result){.status = 200, .text = "", .source = "", .found = found, .n_found = n};
    return r;
}

const devsdk_test_result *kit_result_profile(devsdk_test *t, const struct device_profile *p)
{
    static const char *const accesses[] = {
        [RW_R] = "R", [RW_W] = "W", [RW_RW] = "RW", [RW_WR] = "RW"};
    devsdk_test_found *found;
    {
        EDGE_LOCK(&t->lock);
        found = edge_new_n(&t->arena, devsdk_test_found, p->n_resources + 1);
        for (size_t i = 0; i < p->n_resources; i++) {
            const struct device_resource *r = &p->resources[i];
            found[i] = (devsdk_test_found){
                text_of(&t->arena, r->name), VALUE_TYPES[r->properties.value_type],
                accesses[r->properties.read_write],
                r->attributes ? json_text(&t->arena, r->attributes) : "{}"};
        }
    }
    return kit_result_found(t, found, p->n_resources);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

enum edge_status kit_answer_tree(struct edge_ctx *ctx, const struct edge_http_response *res,
                                 const cJSON **ret)
{
    if (res->content_type && strcmp(res->content_type, "application/cbor") == 0) {
        return edge_cbor_parse(ctx, res->body, res->body_size, NULL, ret);
    }
    return edge_json_parse(ctx, res->body, res->body_size, NULL, ret);
}

static int item_verdict(const cJSON *item, int otherwise, const char **ret_text)
{
    int64_t code = otherwise;
    const cJSON *status = edge_json_member(item, "statusCode", true);
    const cJSON *message = edge_json_member(item, "message", true);
    *ret_text = cJSON_IsString(message) ? message->valuestring : "";
    return status && edge_json_int(status, &code) ? (int)code : otherwise;
}

int kit_verdict(struct edge_ctx *ctx, const struct edge_http_response *res, const char **ret_text)
{
    const cJSON *tree;
    *ret_text = "";
    if (kit_answer_tree(ctx, res, &tree) != EDGE_OK) {
        edge_ctx_clear(ctx);
        return res->code;
    }
    if (!cJSON_IsArray(tree)) {
        return item_verdict(tree, res->code, ret_text);
    }
    int status = res->code;
    for (const cJSON *item = tree->child; item; item = item->next) {
        status = item_verdict(item, res->code, ret_text);
        if (status >= 300) {
            break;
        }
    }
    return status;
}
