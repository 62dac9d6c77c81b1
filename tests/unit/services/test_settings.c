/* Numbers and durations below zero, tried on every key of every service's configuration. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "edge/config.h"
#include "edge/log.h"
#include "edge/text.h"
#include "edge_services.h"
#include "scratch.h"
#include "suites.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

struct trial {
    struct edge_ctx *ctx;
    const struct edge_dto *dto; /* of the whole */
    const struct scratch *dir;
    size_t n; /* keys tried */
};

/* Is the value refused by the key, and nothing else? */
static bool is_refused(const struct trial *t, const char *path, const char *value)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_log *log = edge_log_create("test");
    edge_log_set_level(log, EDGE_LOG_ERROR);
    ctx.log = log;
    cJSON *own = edge_json_object(&ctx), *section = own;
    const char *dot;
    for (; (dot = strchr(path, '.')); path = dot + 1) {
        const char *key = edge_printf(&ctx.arena, "%.*s", (int)(dot - path), path);
        section = cJSON_AddObjectToObject(section, key);
    }
    cJSON_AddStringToObject(section, path, value);
    struct edge_options options = {.config_dir = t->dir->path, .data_dir = t->dir->path};
    struct edge_config_remote remote = {.own = own};
    struct edge_config_source source = {.dto = t->dto,
                                        .service = "svc",
                                        .port = 1,
                                        .options = &options,
                                        .base_yaml = "{}\n",
                                        .remote = &remote};
    struct edge_config_loaded loaded = {0};
    void *config = edge_new_n(&ctx.arena, char, t->dto->size);
    enum edge_status st = edge_config_load(&ctx, &source, config, &loaded);
    CU_ASSERT_EQUAL(st, EDGE_OK);
    if (st != EDGE_OK) {
        printf("\n    %s", edge_ctx_message(&ctx, st));
    }
    ctx.log = NULL;
    edge_log_free(log);
    return cJSON_GetArraySize(loaded.refused) == 1;
}

/* Where a number below zero means something: off, any number, or what 0 means too. */
static bool may_be_negative(const char *path)
{
    static const char *const keys[] = {
        "Retention.Interval",
        "Retention.DefaultMaxCap",
        "Retention.DefaultMinCap",
        "ExternalCommand.MaxConcurrentRequests",
        "Service.CORSConfiguration.CORSMaxAge",
        "Writable.StoreAndForward.MaxRetryCount", /* 1 */
    };
    for (size_t i = 0; i < N(keys); i++) {
        if (strcmp(path, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void try_row(struct trial *t, const struct edge_field *f, const char *path)
{
    int64_t ns;
    bool number = (f->kind & EDGE_K_MASK) == EDGE_K_INT;
    bool duration = (f->kind & EDGE_K_MASK) == EDGE_K_STR && f->def &&
                    edge_duration_parse(f->def, true, &ns) && strpbrk(f->def, "smhd");
    if (!number && !duration) {
        return;
    }
    t->n++;
    bool refused = is_refused(t, path, number ? "-3" : "-5s");
    if (refused == may_be_negative(path)) {
        printf("\n    %s of %s ", path, t->dto->name);
    }
    CU_ASSERT_NOT_EQUAL(refused, may_be_negative(path));
}

static void try_rows(struct trial *t, const struct edge_dto *dto, const char *above)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        const char *path =
            !f->json ? above
                     : edge_printf(&t->ctx->arena, "%s%s%s", above, *above ? "." : "", f->json);
        if ((f->kind & EDGE_K_MASK) == EDGE_K_OBJ) {
            try_rows(t, f->sub, path);
        } else if (f->json) {
            try_row(t, f, path);
        }
    }
}

static void test_nothing_is_negative_that_cannot_be(void)
{
    size_t n;
    const struct edge_service *const *services = edge_services(&n);
    struct scratch dir;
    scratch_make(&dir);
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct trial t = {.ctx = &ctx, .dto = services[i]->config, .dir = &dir};
        try_rows(&t, t.dto, "");
        CU_ASSERT(t.n > 10);
    }
    scratch_done(&dir);
}

CU_TestInfo settings_tests[] = {
    {"nothing is negative that cannot be", test_nothing_is_negative_that_cannot_be},
    CU_TEST_INFO_NULL,
};
