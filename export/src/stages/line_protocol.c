/* ToLineProtocol: a metric as a line of InfluxDB's protocol, escaped as its documentation says. */
#include <string.h>

#include "edge/buf.h"
#include "edge/system_event.h"
#include "edge/text.h"
#include "stages.h"

struct line {
    struct edge_named_text *tags;
    size_t n_tags;
};

/* Line ends cannot be in names, nor a backslash at their end, which would escape what follows: a blank stands for them. */
static void put_escaped(struct edge_buf *b, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\n' || *text == '\r' || (*text == '\\' && !text[1])) {
            edge_buf_puts(b, "\\ ");
        } else {
            if (strchr(special, *text)) {
                edge_buf_putc(b, '\\');
            }
            edge_buf_putc(b, *text);
        }
    }
}

/* An empty value would spoil the line. */
static void put_tag(struct edge_buf *b, const char *name, const char *value)
{
    if (name && *name && value && *value) {
        edge_buf_putc(b, ',');
        put_escaped(b, name, ",= ");
        edge_buf_putc(b, '=');
        put_escaped(b, value, ",= ");
    }
}

/* Numbers that came as JSON are floats, as official services have them: a field keeps its type at the peer. */
static enum edge_status put_value(struct edge_ctx *ctx, struct edge_buf *b,
                                  const struct metric_field *f)
{
    double real;
    if (cJSON_IsString(f->value)) {
        edge_buf_putc(b, '"');
        for (const char *c = f->value->valuestring; *c; c++) {
            edge_buf_puts(b, *c == '"' || *c == '\\' ? "\\" : "");
            edge_buf_putc(b, *c);
        }
        edge_buf_putc(b, '"');
    } else if (cJSON_IsBool(f->value)) {
        edge_buf_puts(b, cJSON_IsTrue(f->value) ? "true" : "false");
    } else if (edge_json_real(f->value, &real)) {
        edge_json_put_real(b, real);
    } else {
        return edge_fail(ctx, EDGE_INVALID, "field '%s' of the metric is no value", f->name);
    }
    return EDGE_OK;
}

static enum edge_status put_line(struct edge_ctx *ctx, struct edge_buf *b, const struct line *l,
                                 const struct metric *m)
{
    if (m->n_fields == 0) {
        return edge_fail(ctx, EDGE_INVALID, "metric '%s' has no fields", m->name);
    }
    put_escaped(b, m->name, ", ");
    for (size_t i = 0; i < m->n_tags; i++) {
        put_tag(b, m->tags[i].name, m->tags[i].value);
    }
    for (size_t i = 0; i < l->n_tags; i++) {
        put_tag(b, l->tags[i].name, l->tags[i].value);
    }
    for (size_t i = 0; i < m->n_fields; i++) {
        edge_buf_putc(b, i > 0 ? ',' : ' ');
        put_escaped(b, m->fields[i].name, ",= ");
        edge_buf_putc(b, '=');
        EDGE_TRY(put_value(ctx, b, &m->fields[i]));
    }
    edge_buf_putc(b, ' ');
    edge_buf_put_i64(b, m->timestamp);
    edge_buf_putc(b, '\n');
    return EDGE_OK;
}

static enum export_verdict run(const void *stage, struct export_flow *flow)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    if (flow->data.kind != EXPORT_METRIC) {
        return stage_wants(flow, "a metric");
    }
    if (put_line(flow->ctx, &b, stage, flow->data.metric) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    stage_put(flow, b.data, b.len, "text/plain");
    return EXPORT_GO_ON;
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)host;
    struct line *l = edge_new(a, struct line);
    *ret = l;
    return stage_tags(ctx, a, export_params_text(params, "Tags"), &l->tags, &l->n_tags);
}

static const struct export_param params[] = {
    {"Tags",         "name:value, commas between them; added to each line.", EXPORT_P_TEXT, .def = ""},
    {0},
};

const struct export_function export_to_line_protocol = {
    .name = "ToLineProtocol",
    .doc = "A metric as a line for InfluxDB.",
    .params = params,
    .compile = compile,
    .run = run,
};
