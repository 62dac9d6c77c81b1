/* AddTags, SetResponseData, WrapIntoEvent: what is said about a message. */
#include <string.h>
#include <strings.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "stages.h"

/* ---- AddTags -------------------------------------------------------------------------------- */

struct tags {
    struct edge_named_text *at;
    size_t n;
};

enum edge_status stage_tags(struct edge_ctx *ctx, struct edge_arena *a, const char *text,
                            struct edge_named_text **ret, size_t *ret_n)
{
    size_t n;
    const char **list = export_list(a, text, &n);
    *ret = edge_new_n(a, struct edge_named_text, n);
    *ret_n = n;
    for (size_t i = 0; i < n; i++) {
        const char *colon = strchr(list[i], ':');
        if (!colon || colon == list[i] || !colon[1] || strchr(colon + 1, ':')) {
            return edge_fail(ctx, EDGE_INVALID, "Tags: '%s' is not of the form name:value",
                             list[i]);
        }
        size_t len = (size_t)(colon - list[i]);
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        while (len > 0 && (list[i][len - 1] == ' ' || list[i][len - 1] == '\t')) {
            len--;
        }
        (*ret)[i] = (struct edge_named_text){edge_strndup(a, list[i], len), value};
    }
    return EDGE_OK;
}

static enum edge_status tags_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct export_host *host,
                                     const struct export_params *params, void **ret)
{
    (void)host;
    struct tags *t = edge_new(a, struct tags);
    *ret = t;
    return stage_tags(ctx, a, export_params_text(params, "Tags"), &t->at, &t->n);
}

static bool is_new_tag(const struct tags *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (name && strcmp(t->at[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum export_verdict tags_run(const void *stage, struct export_flow *flow)
{
    const struct tags *t = stage;
    if (flow->data.kind != EXPORT_EVENT) {
        return stage_wants(flow, "an event");
    }
    if (t->n == 0) {
        return EXPORT_GO_ON;
    }
    struct event *event = edge_new(&flow->ctx->arena, struct event);
    *event = *flow->data.event;
    cJSON *all = edge_json_object(flow->ctx);
    for (const cJSON *tag = event->tags ? event->tags->child : NULL; tag; tag = tag->next) {
        if (!is_new_tag(t, tag->string)) {
            cJSON_AddItemToObject(all, tag->string ? tag->string : "", cJSON_Duplicate(tag, true));
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        cJSON_AddStringToObject(all, t->at[i].name, t->at[i].value);
    }
    event->tags = all;
    flow->data.event = event;
    return EXPORT_GO_ON;
}

static const struct export_param tags_params[] = {
    {"Tags",         "name:value, commas between them.", EXPORT_P_TEXT, .def = ""},
    {0},
};

const struct export_function export_add_tags = {
    .name = "AddTags",
    .doc = "Tags for an event; those it has already get the new value.",
    .params = tags_params,
    .compile = tags_compile,
    .run = tags_run,
};

/* ---- SetResponseData ------------------------------------------------------------------------ */

struct response {
    const char *content_type; /* "": that of the data */
};

static enum edge_status response_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                         const struct export_host *host,
                                         const struct export_params *params, void **ret)
{
    (void)ctx;
    (void)host;
    struct response *r = edge_new(a, struct response);
    r->content_type = export_params_text(params, "ResponseContentType");
    *ret = r;
    return EDGE_OK;
}

static enum export_verdict response_run(const void *stage, struct export_flow *flow)
{
    const struct response *r = stage;
    const char *type = NULL;
    if (export_data_bytes(flow->ctx, &flow->data, &flow->response, &type) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    if (*r->content_type) {
        flow->response_content_type = r->content_type;
    } else if (!flow->response_content_type) {
        flow->response_content_type = type;
    }
    return EXPORT_GO_ON;
}

static const struct export_param response_params[] = {
    {"ResponseContentType", "Of the response; empty: that of the data.", EXPORT_P_TEXT, .def = ""},
    {0       },
};

const struct export_function export_set_response_data = {
    .name = "SetResponseData",
    .doc = "What came so far is the response to the trigger.",
    .params = response_params,
    .compile = response_compile,
    .run = response_run,
};

/* ---- WrapIntoEvent -------------------------------------------------------------------------- */

struct wrap {
    const char *profile, *device, *resource, *media_type;
    unsigned type;
};

static enum edge_status wrap_compile(struct edge_ctx *ctx, struct edge_arena *a,
                                     const struct export_host *host,
                                     const struct export_params *params, void **ret)
{
    (void)host;
    struct wrap *w = edge_new(a, struct wrap);
    const char *type = export_params_text(params, "ValueType");
    w->profile = export_params_text(params, "ProfileName");
    w->device = export_params_text(params, "DeviceName");
    w->resource = export_params_text(params, "ResourceName");
    w->media_type = export_params_text(params, "MediaType");
    *ret = w;
    if (!value_type_parse(type, &w->type)) {
        return edge_fail(ctx, EDGE_INVALID, "ValueType: there is no type '%s'", type);
    }
    return w->type != VT_BINARY || *w->media_type
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "MediaType is missing, ValueType is Binary");
}

static enum edge_status fill(struct edge_ctx *ctx, const struct wrap *w, struct edge_bytes bytes,
                             struct reading *r)
{
    if (w->type == VT_BINARY) {
        r->binary = bytes;
        r->media_type = w->media_type;
        return EDGE_OK;
    }
    if (w->type == VT_OBJECT || w->type == VT_OBJECT_ARRAY) {
        return edge_json_parse(ctx, bytes.data, bytes.size, NULL, &r->object);
    }
    const char *text = edge_strndup(&ctx->arena, bytes.data, bytes.size);
    if (!value_text_valid(w->type, text)) {
        return edge_fail(ctx, EDGE_INVALID, "'%s' is no %s",
                         edge_text_brief(&ctx->arena, text, 100), VALUE_TYPES[w->type]);
    }
    r->value = text;
    return EDGE_OK;
}

static enum export_verdict wrap_run(const void *stage, struct export_flow *flow)
{
    const struct wrap *w = stage;
    struct edge_ctx *ctx = flow->ctx;
    struct edge_bytes bytes;
    const char *type;
    struct event *event = edge_new(&ctx->arena, struct event);
    struct reading *r = edge_new(&ctx->arena, struct reading);
    if (export_data_bytes(ctx, &flow->data, &bytes, &type) != EDGE_OK ||
        fill(ctx, w, bytes, r) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    r->id = edge_uuid_make(&ctx->arena);
    r->device_name = w->device;
    r->profile_name = w->profile;
    r->resource_name = w->resource;
    r->value_type = w->type;
    r->origin = edge_origin_ns();
    *event = (struct event){
        .api_version = EDGE_API_VERSION,
        .id = edge_uuid_make(&ctx->arena),
        .device_name = w->device,
        .profile_name = w->profile,
        .source_name = w->resource,
        .origin = r->origin,
        .readings = r,
        .n_readings = 1,
    };
    export_flow_set(flow, "devicename", w->device);
    export_flow_set(flow, "profilename", w->profile);
    export_flow_set(flow, "sourcename", w->resource);
    flow->data = (struct export_data){.kind = EXPORT_ADD_EVENT, .event = event};
    return EXPORT_GO_ON;
}

static const struct export_param wrap_params[] = {
    {"ProfileName",  "Of the event.", EXPORT_P_TEXT},
    {"DeviceName", "Of the event.", EXPORT_P_TEXT},
    {"ResourceName",   "Of the reading, and of the event as its source.", EXPORT_P_TEXT},
    {"ValueType", "Of the reading, in any case.", EXPORT_P_TEXT},
    {"MediaType", "Of Binary.", EXPORT_P_TEXT, .def = ""},
    {0},
};

const struct export_function export_wrap_into_event = {
    .name = "WrapIntoEvent",
    .doc = "A value as an event, in a request to add it.",
    .params = wrap_params,
    .compile = wrap_compile,
    .run = wrap_run,
};
