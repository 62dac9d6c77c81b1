/* What is known about a message on its way, and texts made of it. */
#include <string.h>
#include <strings.h>

#include "edge/buf.h"
#include "stages.h"

const char *const EXPORT_KIND_NAMES[] = {"nothing", "event", "addEventRequest",
                                         "metric",  "bytes", "list"};

const char *export_flow_value(const struct export_flow *flow, const char *name)
{
    const struct export_value *v = flow->values;
    while (v && strcasecmp(v->name, name) != 0) {
        v = v->next;
    }
    return v ? v->value : NULL;
}

/* Lists are short, and shared with other runs of the message: a new value hides the old one. */
void export_flow_set(struct export_flow *flow, const char *name, const char *value)
{
    struct export_value *v = edge_new(&flow->ctx->arena, struct export_value);
    char *lower = (char *)(uintptr_t)edge_strdup(&flow->ctx->arena, name);
    for (char *c = lower; *c; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    *v = (struct export_value){flow->values, lower, edge_strdup(&flow->ctx->arena, value)};
    flow->values = v;
}

enum edge_status export_flow_format(const struct export_flow *flow, const char *text,
                                    const char **ret)
{
    struct edge_ctx *ctx = flow->ctx;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    bool changed = false;
    for (const char *open = strchr(text, '{'); open; open = strchr(text, '{')) {
        const char *close = strchr(open, '}');
        if (!close) {
            break;
        }
        const char *name = edge_strndup(&ctx->arena, open + 1, (size_t)(close - open - 1));
        const char *value = export_flow_value(flow, name);
        if (!value) {
            return edge_fail(ctx, EDGE_INVALID, "nothing is known to stand for {%s}", name);
        }
        edge_buf_put(&b, text, (size_t)(open - text));
        edge_buf_puts(&b, value);
        text = close + 1;
        changed = true;
    }
    *ret = text;
    if (changed) {
        edge_buf_puts(&b, text);
        *ret = edge_strndup(&ctx->arena, b.data ? b.data : "", b.len);
    }
    return EDGE_OK;
}

enum export_verdict stage_wants(struct export_flow *flow, const char *what)
{
    static const char *const kinds[] = {"nothing",  "an event", "a request to add an event",
                                        "a metric", "bytes",    "a list"};
    (void)!edge_fail(flow->ctx, EDGE_INVALID, "wants %s, not %s", what, kinds[flow->data.kind]);
    return EXPORT_FAIL;
}

void stage_put(struct export_flow *flow, const void *bytes, size_t n, const char *content_type)
{
    flow->data = (struct export_data){
        .kind = EXPORT_BYTES,
        .bytes = {edge_strndup(&flow->ctx->arena, bytes ? bytes : "", n), n},
        .content_type = content_type,
    };
}

const char **export_list(struct edge_arena *a, const char *text, size_t *ret_n)
{
    static const char blank[] = " \t\r\n";
    const char **list = edge_new_n(a, const char *, strlen(text) + 1);
    size_t n = 0;
    for (const char *at = text; *at; at += *at == ',') {
        at += strspn(at, blank);
        size_t len = strcspn(at, ",");
        const char *end = at + len;
        while (len > 0 && strchr(blank, at[len - 1])) {
            len--;
        }
        if (len > 0) {
            list[n++] = edge_strndup(a, at, len);
        }
        at = end;
    }
    *ret_n = n;
    return list;
}
