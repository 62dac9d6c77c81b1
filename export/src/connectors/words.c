#include "words.h"

#include <ctype.h>
#include <string.h>

#include "edge/buf.h"

static bool url_takes(char c)
{
    return isalnum((unsigned char)c) || strchr("-._~/:@,", c);
}

static bool topic_takes(char c)
{
    return c != '+' && c != '#';
}

static const char *escaped(struct edge_arena *a, const char *text, bool (*takes)(char))
{
    struct edge_buf out = EDGE_BUF_INIT;
    for (const char *c = text; *c; c++) {
        if (takes(*c)) {
            edge_buf_putc(&out, *c);
        } else {
            edge_buf_printf(&out, "%%%02X", (unsigned char)*c);
        }
    }
    const char *ret = edge_strndup(a, out.data ? out.data : "", out.len);
    edge_buf_done(&out);
    return ret;
}

static enum edge_status format(struct edge_ctx *ctx, const struct export_message *m,
                               const char *text, bool (*takes)(char), const char **ret)
{
    if (!strchr(text, '{')) {
        *ret = text;
        return EDGE_OK;
    }
    struct export_flow flow = {.ctx = ctx};
    for (const struct export_value *v = m->values; v; v = v->next) {
        export_flow_set(&flow, v->name, escaped(&ctx->arena, v->value, takes));
    }
    return export_flow_format(&flow, text, ret);
}

enum edge_status connector_url(struct edge_ctx *ctx, const struct export_message *m,
                               const char *text, const char **ret)
{
    return format(ctx, m, text, url_takes, ret);
}

enum edge_status connector_topic(struct edge_ctx *ctx, const struct export_message *m,
                                 const char *text, const char **ret)
{
    return format(ctx, m, text, topic_takes, ret);
}

void connector_settle(const struct export_connector_env *env, const struct export_message *m,
                      enum export_fate fate, const char *reason)
{
    struct export_outcome outcome = {.fate = fate, .reason = reason};
    (void)env->settle(env->queue, m->token, &outcome);
}
