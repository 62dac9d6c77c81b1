/* The configuration's doors: a YAML file laid over the tables, and after a 0xff byte the text of a
 * few variables. Whatever comes, it is taken or refused with a reason. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_tree.h"
#include "edge/log.h"
#include "edge/yaml.h"

struct fuzz_config {
    struct edge_base_config base;
    struct edge_writable writable;
    const cJSON *driver;
};
static const struct edge_field fields[] = {
    EDGE_OBJECT(struct fuzz_config, base, NULL, "Common.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct fuzz_config, writable, "Writable", "Live.", &EDGE_WRITABLE_CONFIG),
    EDGE_FIELD(struct fuzz_config, driver, "Driver", "Free form."),
};
static const struct edge_dto CONFIG = EDGE_DTO(struct fuzz_config, "Configuration", fields);

static enum edge_status take(struct edge_ctx *ctx, const char *text, size_t len, const char *value)
{
    struct fuzz_config config;
    const cJSON *from;
    cJSON *tree = edge_json_object(ctx);
    setenv("SERVICE_PORT", value, 1);
    setenv("SERVICE_LABELS", value, 1);
    setenv("DRIVER_A", value, 1);
    EDGE_TRY(edge_yaml_parse(ctx, text, len, NULL, &from));
    struct config_layer strict = {ctx, "fuzz", 0, NULL};
    struct config_judge judge = {.refused = edge_json_object(ctx)};
    struct config_layer forgiving = {ctx, "fuzz", CONFIG_TEXTS | CONFIG_FORGIVING, &judge};
    cJSON *kept = edge_json_object(ctx);
    enum edge_status st = config_overlay(&forgiving, &CONFIG, kept, from);
    assert(st == EDGE_OK); /* whatever is wrong is refused alone */
    st = edge_dto_decode(ctx, &CONFIG, kept, &config);
    assert(st == EDGE_OK);
    config_strip_secrets(&CONFIG, kept);
    EDGE_TRY(config_overlay(&strict, &CONFIG, tree, from));
    EDGE_TRY(config_overlay_env(&strict, &CONFIG, "", tree));
    EDGE_TRY(edge_dto_decode(ctx, &CONFIG, tree, &config));
    assert(edge_dto_text(&CONFIG, &config, &ctx->arena));
    return EDGE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_log *log = edge_log_create("fuzz");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    ctx.log = log;
    const uint8_t *mark = size > 0 ? memchr(data, 0xff, size) : NULL;
    size_t len = mark ? (size_t)(mark - data) : size;
    const char *value =
        mark ? edge_strndup(&ctx.arena, (const char *)mark + 1, size - len - 1) : "1";
    enum edge_status st = take(&ctx, edge_strndup(&ctx.arena, (const char *)data, len), len, value);
    assert(st == EDGE_OK || ctx.failure);
    edge_log_free(log);
    return 0;
}
