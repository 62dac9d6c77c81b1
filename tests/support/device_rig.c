#include "device_rig.h"

#include <stdio.h>
#include <string.h>

#include "edge/clock.h"

enum { PATIENCE = 10000 };

typedef enum edge_status put_config(struct edge_ctx *ctx, const char *dir, const char *service,
                                    const char *what, const char *log_level);

static void start(struct device_rig *r, const devsdk_driver *driver, put_config *put,
                  const char *what)
{
    EDGE_CTX_SCOPE(ctx);
    *r = (struct device_rig){0};
    scratch_make(&r->dir);
    enum edge_status st = put(&ctx, r->dir.path, driver->name, what, what ? "INFO" : "ERROR");
    if (st == EDGE_OK) {
        st = kit_rig_start(&ctx, &r->kit, r->dir.path, driver);
    }
    if (st != EDGE_OK) {
        fprintf(stderr, "rig: %s\n", edge_ctx_message(&ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
    r->metadata = r->kit.metadata;
    r->device = r->kit.device;
}

void device_rig_make(struct device_rig *r, const devsdk_driver *driver, const char *config)
{
    start(r, driver, kit_put_config, config);
}

void device_rig_make_from(struct device_rig *r, const devsdk_driver *driver, const char *folder)
{
    start(r, driver, kit_put_folder, folder);
}

void device_rig_done(struct device_rig *r)
{
    kit_rig_stop(&r->kit);
    scratch_done(&r->dir);
}

const cJSON *ask(struct edge_ctx *ctx, const struct edge_runtime *rt, const char *method,
                 const char *target, const char *body, int code)
{
    struct edge_http_response res = kit_call(ctx, rt, method, target, body);
    if (res.code != code) {
        fprintf(stderr, "%s %s: %d instead of %d: %s\n", method, target, res.code, code, res.body);
    }
    CU_ASSERT_EQUAL(res.code, code);
    const cJSON *tree = NULL;
    if (res.body_size > 0 && strcmp(res.content_type, "application/json") == 0) {
        CU_ASSERT_EQUAL(edge_json_parse(ctx, res.body, res.body_size, NULL, &tree), EDGE_OK);
    }
    return tree;
}

size_t events_heard(const struct device_rig *r, const char *device, const char *source)
{
    return kit_events_heard(r->kit.listener, (struct kit_wanted){device, source});
}

bool events_wait(const struct device_rig *r, const char *device, const char *source, size_t n)
{
    return kit_events_wait(r->kit.listener, (struct kit_wanted){device, source}, n,
                           edge_now_mono_ms() + PATIENCE);
}

const struct event *event_latest(struct edge_ctx *ctx, const struct device_rig *r,
                                 const char *device, const char *source)
{
    return kit_event_latest(r->kit.listener, (struct kit_wanted){device, source}, &ctx->arena);
}

struct answer_wanted {
    const struct edge_runtime *rt;
    const char *target;
    int code;
};

static bool answers(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    const struct answer_wanted *w = arg;
    return kit_call(&ctx, w->rt, "GET", w->target, NULL).code == w->code;
}

void wait_for_code(const struct edge_runtime *rt, const char *target, int code)
{
    struct answer_wanted w = {rt, target, code};
    bool came = wait_until(answers, &w, PATIENCE);
    if (!came) {
        fprintf(stderr, "GET %s never answered %d\n", target, code);
    }
    CU_ASSERT_TRUE(came);
}
