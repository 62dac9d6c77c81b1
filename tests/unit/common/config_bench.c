#include "config_bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "edge/text.h"
#include "suites.h"

/* clang-format off */
static const struct edge_field limits_fields[] = {
    EDGE_FIELD(struct limits, max_entries, "MaxEntries", "Most of them.", .def = "100", .min = 1, .max = 1000),
    EDGE_FIELD(struct limits, ratio, "Ratio", "Of something.", .def = "0.5"),
    EDGE_LIST(struct limits, names, "Names", "Some words.", NULL),
};
static const struct edge_dto LIMITS = EDGE_DTO(struct limits, "Limits", limits_fields);
static const struct edge_field writable_fields[] = {
    EDGE_OBJECT(struct writable, base, NULL, "Common.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_INLINE),
    EDGE_FIELD(struct writable, persist, "PersistData", "Store events.", .def = "true", .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto WRITABLE = EDGE_DTO(struct writable, "Writable", writable_fields);
static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct test_config, base, NULL, "Common.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct test_config, writable, "Writable", "Live.", &WRITABLE, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct test_config, limits, "Limits", "Bounds.", &LIMITS),
    EDGE_FIELD(struct test_config, driver, "Driver", "Free form."),
};
const struct edge_dto TEST_CONFIG = EDGE_DTO(struct test_config, "Configuration", config_fields);
/* clang-format on */

void config_bench_open(struct config_bench *b)
{
    *b = (struct config_bench){.ctx = EDGE_CTX_INIT};
    scratch_make(&b->dir);
    b->options = (struct edge_options){.config_dir = b->dir.path, .data_dir = "var"};
    b->source = (struct edge_config_source){
        .dto = &TEST_CONFIG, .service = "core-data", .port = 59880, .options = &b->options};
}

void config_bench_close(struct config_bench *b)
{
    scratch_done(&b->dir);
    edge_ctx_done(&b->ctx);
}

void config_bench_put(struct config_bench *b, const char *name, const char *text)
{
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        mkdir(edge_printf(&b->ctx.arena, "%s/%.*s", b->dir.path, (int)(slash - name), name), 0700);
    }
    FILE *f = fopen(edge_printf(&b->ctx.arena, "%s/%s", b->dir.path, name), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

void config_bench_load(struct config_bench *b)
{
    enum edge_status st = edge_config_load(&b->ctx, &b->source, &b->config, &b->loaded);
    if (st != EDGE_OK) {
        printf("\n    %s", edge_ctx_message(&b->ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
}

void config_bench_fails(struct config_bench *b, const char *text)
{
    enum edge_status st = edge_config_load(&b->ctx, &b->source, &b->config, &b->loaded);
    CU_ASSERT_NOT_EQUAL(st, EDGE_OK);
    bool named = strstr(edge_ctx_message(&b->ctx, st), text) != NULL;
    if (!named) {
        printf("\n    got '%s', expected '%s'", edge_ctx_message(&b->ctx, st), text);
    }
    CU_ASSERT(named);
    edge_ctx_clear(&b->ctx);
}

const cJSON *config_bench_tree(struct config_bench *b, const char *json)
{
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&b->ctx, json, strlen(json), NULL, &tree), EDGE_OK);
    return tree;
}

size_t config_bench_refused(const struct config_bench *b)
{
    return (size_t)cJSON_GetArraySize(b->loaded.refused);
}
