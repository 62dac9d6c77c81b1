/* Transform: an event as JSON or XML, the latter as Go's encoder writes it. */
#include <string.h>

#include "edge/buf.h"
#include "edge/text.h"
#include "stages.h"

static const char *const TYPES[] = {"json", "xml", NULL};
enum { JSON_TYPE, XML_TYPE };

struct transform {
    unsigned type;
};

static void put_escaped(struct edge_buf *b, const char *text)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '"':
            edge_buf_puts(b, "&#34;");
            break;
        case '\'':
            edge_buf_puts(b, "&#39;");
            break;
        case '&':
            edge_buf_puts(b, "&amp;");
            break;
        case '<':
            edge_buf_puts(b, "&lt;");
            break;
        case '>':
            edge_buf_puts(b, "&gt;");
            break;
        case '\t':
            edge_buf_puts(b, "&#x9;");
            break;
        case '\n':
            edge_buf_puts(b, "&#xA;");
            break;
        case '\r':
            edge_buf_puts(b, "&#xD;");
            break;
        default: /* control characters are none of XML's */
            if ((unsigned char)*text < ' ') {
                edge_buf_puts(b, EDGE_REPLACEMENT);
            } else {
                edge_buf_putc(b, *text);
            }
        }
    }
}

void stage_xml_text(struct edge_buf *b, const char *name, const char *text)
{
    edge_buf_printf(b, "<%s>", name);
    put_escaped(b, text);
    edge_buf_printf(b, "</%s>", name);
}

void stage_xml_number(struct edge_buf *b, const char *name, int64_t n)
{
    edge_buf_printf(b, "<%s>%lld</%s>", name, (long long)n, name);
}

/* A key may be what no element is called: such characters become "_". */
static const char *element_name(struct edge_arena *a, const char *key)
{
    char *name = (char *)(uintptr_t)edge_printf(a, "%s%s", *key ? "" : "_", key);
    for (char *c = name; *c; c++) {
        bool letter = ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') || *c == '_' || (*c & 0x80);
        bool inside = c > name && ((*c >= '0' && *c <= '9') || *c == '-' || *c == '.');
        *c = letter || inside ? *c : '_';
    }
    return name;
}

static void put_tags(struct edge_arena *a, struct edge_buf *b, const cJSON *tags)
{
    if (!tags || !tags->child) {
        return;
    }
    edge_buf_puts(b, "<Tags>");
    for (const cJSON *t = tags->child; t; t = t->next) {
        EDGE_CLEANUP(edge_buf_done) struct edge_buf value = EDGE_BUF_INIT;
        if (!cJSON_IsString(t)) {
            edge_json_put(&value, t);
        }
        stage_xml_text(b, element_name(a, t->string ? t->string : ""),
                       cJSON_IsString(t) ? t->valuestring : edge_buf_str(&value));
    }
    edge_buf_puts(b, "</Tags>");
}

static void put_reading(struct edge_arena *a, struct edge_buf *b, const struct reading *r)
{
    edge_buf_puts(b, "<Readings>");
    stage_xml_text(b, "Id", r->id);
    stage_xml_number(b, "Origin", r->origin);
    stage_xml_text(b, "DeviceName", r->device_name);
    stage_xml_text(b, "ResourceName", r->resource_name);
    stage_xml_text(b, "ProfileName", r->profile_name);
    stage_xml_text(b, "ValueType", VALUE_TYPES[r->value_type]);
    stage_xml_text(b, "Units", r->units);
    put_tags(a, b, r->tags);
    stage_xml_text(b, "BinaryValue",
                   r->binary.data ? edge_base64_encode(a, r->binary.data, r->binary.size) : "");
    stage_xml_text(b, "MediaType", r->media_type);
    stage_xml_text(b, "Value", r->value);
    if (r->object) {
        EDGE_CLEANUP(edge_buf_done) struct edge_buf value = EDGE_BUF_INIT;
        edge_json_put(&value, r->object);
        stage_xml_text(b, "ObjectValue", edge_buf_str(&value));
    }
    edge_buf_puts(b, "</Readings>");
}

static void put_xml(struct edge_arena *a, struct edge_buf *b, const struct event *e)
{
    edge_buf_puts(b, "<Event>");
    stage_xml_text(b, "ApiVersion", e->api_version);
    stage_xml_text(b, "Id", e->id);
    stage_xml_text(b, "DeviceName", e->device_name);
    stage_xml_text(b, "ProfileName", e->profile_name);
    stage_xml_text(b, "SourceName", e->source_name);
    stage_xml_number(b, "Origin", e->origin);
    for (size_t i = 0; i < e->n_readings; i++) {
        put_reading(a, b, &e->readings[i]);
    }
    put_tags(a, b, e->tags);
    edge_buf_puts(b, "</Event>");
}

static enum export_verdict run(const void *stage, struct export_flow *flow)
{
    const struct transform *t = stage;
    if (flow->data.kind != EXPORT_EVENT) {
        return stage_wants(flow, "an event");
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    const char *type = t->type == XML_TYPE ? "application/xml" : "application/json";
    if (t->type == XML_TYPE) {
        put_xml(&flow->ctx->arena, &b, flow->data.event);
    } else {
        edge_dto_encode(&EVENT, flow->data.event, EDGE_JSON, &b);
    }
    stage_put(flow, b.data, b.len, type);
    flow->response_content_type = type;
    return EXPORT_GO_ON;
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)ctx;
    (void)host;
    struct transform *t = edge_new(a, struct transform);
    t->type = export_params_choice(params, "Type");
    *ret = t;
    return EDGE_OK;
}

static const struct export_param params[] = {
    {"Type",           "json or xml.", EXPORT_P_ONE_OF, .names = TYPES},
    {0},
};

const struct export_function export_transform = {
    .name = "Transform",
    .doc = "An event as a text.",
    .params = params,
    .compile = compile,
    .run = run,
};
