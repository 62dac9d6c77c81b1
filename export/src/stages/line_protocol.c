/* Lines of InfluxDB's protocol, escaped as its documentation says; ToLineProtocol, which makes them of metrics. */
#include "line_protocol.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "edge/system_event.h"
#include "edge/text.h"
#include "stages.h"

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
void line_put_tag(struct edge_buf *b, const char *name, const char *value)
{
    if (name && *name && value && *value) {
        edge_buf_putc(b, ',');
        put_escaped(b, name, ",= ");
        edge_buf_putc(b, '=');
        put_escaped(b, value, ",= ");
    }
}

static bool is_empty(const char *text)
{
    return !text || !*text;
}

static void put_quoted(struct edge_buf *b, const char *text)
{
    edge_buf_putc(b, '"');
    for (; *text; text++) {
        edge_buf_puts(b, *text == '"' || *text == '\\' ? "\\" : "");
        edge_buf_putc(b, *text);
    }
    edge_buf_putc(b, '"');
}

static void end_line(struct edge_buf *b, const struct line_format *f, int64_t ns)
{
    edge_buf_putc(b, ' ');
    edge_buf_put_i64(b, f->unit_ns > 1 ? ns / f->unit_ns : ns);
    edge_buf_putc(b, '\n');
}

/* ---- metrics ---- */

/* Numbers that came as JSON are floats, as official services have them: a field keeps its type at the peer. */
static enum edge_status put_value(struct edge_ctx *ctx, struct edge_buf *b,
                                  const struct metric_field *f)
{
    double real;
    if (cJSON_IsString(f->value)) {
        put_quoted(b, f->value->valuestring);
    } else if (cJSON_IsBool(f->value)) {
        edge_buf_puts(b, cJSON_IsTrue(f->value) ? "true" : "false");
    } else if (edge_json_real(f->value, &real)) {
        edge_json_put_real(b, real);
    } else {
        return edge_fail(ctx, EDGE_INVALID, "field '%s' of the metric is no value", f->name);
    }
    return EDGE_OK;
}

static enum edge_status put_metric(struct edge_ctx *ctx, struct edge_buf *b,
                                   const struct line_format *l, const struct metric *m)
{
    if (m->n_fields == 0) {
        return edge_fail(ctx, EDGE_INVALID, "metric '%s' has no fields", m->name);
    }
    put_escaped(b, m->name, ", ");
    for (size_t i = 0; i < m->n_tags; i++) {
        line_put_tag(b, m->tags[i].name, m->tags[i].value);
    }
    for (size_t i = 0; i < l->n_tags; i++) {
        line_put_tag(b, l->tags[i].name, l->tags[i].value);
    }
    for (size_t i = 0; i < m->n_fields; i++) {
        edge_buf_putc(b, i > 0 ? ',' : ' ');
        put_escaped(b, m->fields[i].name, ",= ");
        edge_buf_putc(b, '=');
        EDGE_TRY(put_value(ctx, b, &m->fields[i]));
    }
    end_line(b, l, m->timestamp);
    return EDGE_OK;
}

/* ---- events ---- */

/* Sorted, as the peer likes them; the first of a name stays. */
struct tag_list {
    struct edge_named_text *at;
    size_t n;
};

static void tag_add(struct tag_list *list, const char *name, const char *value)
{
    size_t i = list->n;
    for (size_t k = 0; k < list->n; k++) {
        if (strcmp(list->at[k].name, name) == 0) {
            return;
        }
    }
    for (; i > 0 && strcmp(list->at[i - 1].name, name) > 0; i--) {
        list->at[i] = list->at[i - 1];
    }
    list->at[i] = (struct edge_named_text){name, value};
    list->n++;
}

static const char *text_of(struct edge_arena *a, const cJSON *value)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    if (cJSON_IsString(value)) {
        return value->valuestring;
    }
    edge_json_put(&b, value);
    return edge_strndup(a, b.data ? b.data : "", b.len);
}

static void tags_add(struct edge_arena *a, struct tag_list *list, const cJSON *tags)
{
    const cJSON *tag;
    cJSON_ArrayForEach(tag, tags)
    {
        if (tag->string && (cJSON_IsString(tag) || cJSON_IsNumber(tag) || cJSON_IsBool(tag))) {
            tag_add(list, tag->string, text_of(a, tag));
        }
    }
}

static struct tag_list tags_of(struct edge_arena *a, const struct line_format *f,
                               const struct event *e, const struct reading *r)
{
    enum { OWN = 3 };
    size_t most =
        OWN + f->n_tags + (size_t)cJSON_GetArraySize(e->tags) + (size_t)cJSON_GetArraySize(r->tags);
    struct tag_list list = {.at = edge_new_n(a, struct edge_named_text, most)};
    tag_add(&list, "device", e->device_name);
    tag_add(&list, "source", e->source_name);
    if (f->measurement) {
        tag_add(&list, "profile", e->profile_name);
    }
    tags_add(a, &list, r->tags);
    tags_add(a, &list, e->tags);
    for (size_t i = 0; i < f->n_tags; i++) {
        tag_add(&list, f->tags[i].name, f->tags[i].value);
    }
    return list;
}

static bool can_be_stored(const struct reading *r)
{
    struct value_number n;
    if (r->is_null || r->value_type == VT_BINARY || is_empty(r->resource_name)) {
        return false;
    }
    if (r->value_type == VT_OBJECT || r->value_type == VT_OBJECT_ARRAY) {
        return r->object;
    }
    if (!r->value) {
        return false;
    }
    return !value_type_is_float(r->value_type) ||
           !value_number_parse(r->value_type, r->value, &n) || isfinite(n.f);
}

static enum edge_status put_number(struct edge_ctx *ctx, struct edge_buf *b,
                                   const struct line_format *f, const struct reading *r)
{
    struct value_number n;
    char text[EDGE_REAL_TEXT_SIZE];
    if (!value_number_parse(r->value_type, r->value, &n)) {
        return edge_fail(ctx, EDGE_INVALID, "'%s' of '%s' is no %s", r->value, r->resource_name,
                         VALUE_TYPES[r->value_type]);
    }
    if (r->value_type == VT_BOOL) {
        edge_buf_puts(b, n.i ? "true" : "false");
    } else if (value_type_is_float(r->value_type)) {
        (void)(r->value_type == VT_FLOAT32 ? edge_float_e((float)n.f, text)
                                           : edge_real_e(n.f, text));
        edge_buf_puts(b, text);
    } else if (!value_type_is_unsigned(r->value_type)) {
        edge_buf_printf(b, "%" PRId64 "i", n.i);
    } else if (f->has_unsigned || n.u <= INT64_MAX) {
        edge_buf_printf(b, "%" PRIu64 "%c", n.u, f->has_unsigned ? 'u' : 'i');
    } else {
        return edge_fail(ctx, EDGE_INVALID, "%s of '%s' is more than the peer's integers hold",
                         r->value, r->resource_name);
    }
    return EDGE_OK;
}

static enum edge_status put_field(struct edge_ctx *ctx, struct edge_buf *b,
                                  const struct line_format *f, const struct reading *r)
{
    put_escaped(b, r->resource_name, ",= ");
    edge_buf_putc(b, '=');
    if (value_type_is_numeric(r->value_type) || r->value_type == VT_BOOL) {
        return put_number(ctx, b, f, r);
    }
    put_quoted(b, r->object ? text_of(&ctx->arena, r->object) : r->value);
    return EDGE_OK;
}

/* Whether @p r goes into the line that began with @p first: same time, no tags of their own, another name. */
static bool goes_along(const struct reading *first, const struct reading *r)
{
    if (r->origin != first->origin || r->tags || first->tags) {
        return false;
    }
    for (; first < r; first++) {
        if (strcmp(first->resource_name, r->resource_name) == 0) {
            return false;
        }
    }
    return true;
}

static enum edge_status put_event(struct edge_ctx *ctx, struct edge_buf *b,
                                  const struct line_format *f, const struct event *e, size_t *ret_n)
{
    const struct reading *first = NULL;
    const char *measurement = f->measurement ? f->measurement : e->profile_name;
    if (is_empty(measurement)) {
        return edge_fail(ctx, EDGE_INVALID,
                         "the event names no profile, nor is there a Measurement");
    }
    for (size_t i = 0; i < e->n_readings; i++) {
        const struct reading *r = &e->readings[i];
        if (!can_be_stored(r)) {
            continue;
        }
        if (first && goes_along(first, r)) {
            edge_buf_putc(b, ',');
        } else {
            if (first) {
                end_line(b, f, first->origin);
            }
            struct tag_list tags = tags_of(&ctx->arena, f, e, r);
            first = r;
            ++*ret_n;
            put_escaped(b, measurement, ", ");
            for (size_t k = 0; k < tags.n; k++) {
                line_put_tag(b, tags.at[k].name, tags.at[k].value);
            }
            edge_buf_putc(b, ' ');
        }
        EDGE_TRY(put_field(ctx, b, f, r));
    }
    if (first) {
        end_line(b, f, first->origin);
    }
    return EDGE_OK;
}

enum edge_status line_put(struct edge_ctx *ctx, struct edge_buf *b, const struct line_format *f,
                          const struct export_data *data, size_t *ret_n)
{
    switch (data->kind) {
    case EXPORT_METRIC:
        ++*ret_n;
        return put_metric(ctx, b, f, data->metric);
    case EXPORT_EVENT:
    case EXPORT_ADD_EVENT:
        return put_event(ctx, b, f, data->event, ret_n);
    case EXPORT_LIST:
        for (size_t i = 0; i < data->n_items; i++) {
            EDGE_TRY(line_put(ctx, b, f, &data->items[i], ret_n));
        }
        return EDGE_OK;
    case EXPORT_NOTHING:
    case EXPORT_BYTES:
        break;
    }
    return edge_fail(ctx, EDGE_INVALID, "lines are made of events and metrics, not of %s",
                     EXPORT_KIND_NAMES[data->kind]);
}

/* ---- ToLineProtocol ---- */

static enum export_verdict run(const void *stage, struct export_flow *flow)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    if (flow->data.kind != EXPORT_METRIC) {
        return stage_wants(flow, "a metric");
    }
    if (put_metric(flow->ctx, &b, stage, flow->data.metric) != EDGE_OK) {
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
    struct line_format *l = edge_new(a, struct line_format);
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
