/* Units of measure (contract 4.5): a YAML file read once, shown at GET /uom, and the rule for the
 * units of resources where Writable.UoM.Validation is on. */
#include <stdlib.h>
#include <string.h>

#include "edge/yaml.h"
#include "metadata.h"

struct uom {
    struct edge_ctx ctx; /* owns what follows */
    const char *yaml;    /* the file as it is; NULL: none was found */
    const char *json;    /* {"source":..,"units":{..}} */
    const cJSON *groups; /* Units of the file */
};

/* ---- the file ---------------------------------------------------------------------------- */

/* A file may leave it out. */
static const char *source_of(const cJSON *node)
{
    const char *source = cJSON_GetStringValue(edge_json_member(node, "Source", false));
    return source ? source : "";
}

static void put_group(struct edge_encoder *e, const cJSON *group)
{
    edge_buf_putc(e->out, '{');
    e->comma = false;
    edge_put_string(e, "source", source_of(group));
    const cJSON *values = edge_json_member(group, "Values", false);
    if (cJSON_IsArray(values)) {
        edge_put_tree(e, "values", values);
    }
    edge_buf_putc(e->out, '}');
    e->comma = true;
}

/* The wire's spelling of the file: small letters, the groups as they are called. */
static const char *uom_json(struct uom *uom, const cJSON *file)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    struct edge_encoder e = {.out = &out, .encoding = EDGE_JSON};
    edge_buf_putc(&out, '{');
    edge_put_string(&e, "source", source_of(file));
    edge_buf_puts(&out, ",\"units\":{");
    const char *comma = "";
    for (const cJSON *g = uom->groups ? uom->groups->child : NULL; g; g = g->next, comma = ",") {
        edge_buf_puts(&out, comma);
        edge_json_put_string(&out, g->string);
        edge_buf_putc(&out, ':');
        put_group(&e, g);
    }
    edge_buf_puts(&out, "}}");
    return edge_strdup(&uom->ctx.arena, edge_buf_str(&out));
}

static enum edge_status uom_read(struct uom *uom, const struct edge_runtime *rt, const char *path)
{
    const char *text = NULL;
    size_t len = 0;
    const cJSON *file = NULL;
    EDGE_TRY(edge_config_read(&uom->ctx, rt->client, rt->resource_dir, path, &text, &len));
    EDGE_TRY(edge_yaml_parse(&uom->ctx, text, len, NULL, &file));
    uom->yaml = text;
    uom->groups = edge_json_member(file, "Units", false);
    uom->json = uom_json(uom, file);
    return EDGE_OK;
}

enum edge_status uom_open(struct edge_ctx *ctx, const struct edge_runtime *rt, struct uom **ret)
{
    const struct metadata_config *config = rt->config;
    struct uom *uom = edge_xalloc(1, sizeof(*uom));
    *ret = uom;
    uom->json = "{\"source\":\"\",\"units\":{}}";
    const char *path = config->uom.file;
    enum edge_status st = uom_read(uom, rt, path);
    const char *reason = edge_ctx_message(&uom->ctx, st);
    if (st == EDGE_NOT_FOUND) {
        edge_log_warn(ctx, "no units of measure", "file", path, "reason", reason, NULL);
        return EDGE_OK;
    }
    if (st != EDGE_OK &&
        rt->options->config_provider) { /* the path may be somebody's mistake there */
        edge_log_error(ctx, "no units of measure", "file", path, "reason", reason, NULL);
        return EDGE_OK;
    }
    return st == EDGE_OK ? EDGE_OK : edge_fail(ctx, st, "units of measure %s: %s", path, reason);
}

void uom_close(struct uom *uom)
{
    if (uom) {
        edge_ctx_done(&uom->ctx);
        free(uom);
    }
}

/* ---- the rule ---------------------------------------------------------------------------- */

static bool units_known(const struct uom *uom, const char *units)
{
    for (const cJSON *g = uom->groups ? uom->groups->child : NULL; g; g = g->next) {
        const cJSON *values = edge_json_member(g, "Values", false);
        for (const cJSON *v = values ? values->child : NULL; v; v = v->next) {
            if (v->valuestring && strcmp(v->valuestring, units) == 0) {
                return true;
            }
        }
    }
    return false;
}

enum edge_status uom_check_resource(struct edge_ctx *ctx, struct metadata *meta,
                                    const struct device_resource *resource)
{
    const char *units = resource->properties.units;
    if (!metadata_writable(meta)->uom.validation || !units || !*units ||
        units_known(meta->uom, units)) {
        return EDGE_OK;
    }
    return edge_fail(ctx, EDGE_INVALID, "DeviceResource %s units %s is invalid", resource->name,
                     units);
}

enum edge_status uom_check_profile(struct edge_ctx *ctx, struct metadata *meta,
                                   const struct device_profile *profile)
{
    for (size_t i = 0; i < profile->n_resources; i++) {
        EDGE_TRY(uom_check_resource(ctx, meta, &profile->resources[i]));
    }
    return EDGE_OK;
}

/* ---- the route --------------------------------------------------------------------------- */

enum edge_status uom_get(struct edge_call *call)
{
    struct metadata *meta = edge_call_state(call);
    const char *accept = edge_call_header(call, "Accept");
    if (meta->uom->yaml && accept && strcmp(accept, "application/x-yaml") == 0) {
        edge_reply_type(call, "application/x-yaml");
        edge_buf_puts(edge_reply_body(call), meta->uom->yaml);
        return EDGE_OK;
    }
    return edge_reply_text(call, "uom", meta->uom->json);
}
