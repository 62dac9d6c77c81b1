#include "device_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_metadata.h"
#include "devsdk/host.h"
#include "edge/clock.h"

enum { PATIENCE = 10000 };

/* ---- who listens --------------------------------------------------------------------------- */

struct listener {
    struct edge_mutex lock;
    const struct edge_message **heard EDGE_GUARDED;
    size_t n EDGE_GUARDED;
};

static enum edge_status hear(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    (void)ctx;
    struct listener *l = state;
    EDGE_LOCK(&l->lock);
    l->heard = edge_xrealloc(l->heard, l->n + 1, sizeof(struct edge_message *));
    l->heard[l->n++] = edge_message_ref(m);
    return EDGE_OK;
}

static enum edge_status listener_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    (void)ctx;
    struct listener *l = rt->state;
    edge_mutex_init(&l->lock);
    return EDGE_OK;
}

static void listener_stop(const struct edge_runtime *rt)
{
    struct listener *l = rt->state;
    {
        EDGE_LOCK(&l->lock);
        for (size_t i = 0; i < l->n; i++) {
            edge_message_unref(l->heard[i]);
        }
        free(l->heard);
    }
    edge_mutex_done(&l->lock);
}

struct listener_config {
    struct edge_base_config base;
    struct edge_writable writable;
};
static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct listener_config, base, NULL, "Base.", &EDGE_BASE_CONFIG,
                .flags = EDGE_INLINE),
    EDGE_OBJECT(struct listener_config, writable, "Writable", "Writable.", &EDGE_WRITABLE_CONFIG),
};
static const struct edge_dto CONFIG =
    EDGE_DTO(struct listener_config, "Configuration", config_fields);
static const struct edge_subscription subscriptions[] = {
    {"events/#", hear, "Events.", 0},
};
static const struct edge_service listener = {
    .name = "listener",
    .state_size = sizeof(struct listener),
    .config = &CONFIG,
    .writable_offset = offsetof(struct listener_config, writable),
    .subscriptions = subscriptions,
    .n_subscriptions = 1,
    .start = listener_start,
    .stop = listener_stop,
};

/* ---- the rig ------------------------------------------------------------------------------- */

static void put_config(const struct device_rig *r, const char *service, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", r->dir.path, service);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/%s/configuration.yaml", r->dir.path, service);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fprintf(f, "Service:\n  Port: 0\n%s", text);
    fclose(f);
}

static const char quiet[] = "Writable:\n  LogLevel: ERROR\n";

static void prepare(struct device_rig *r)
{
    *r = (struct device_rig){0};
    scratch_make(&r->dir);
    put_config(r, "core-metadata", quiet);
    put_config(r, "listener", quiet);
}

static void start(struct device_rig *r, const devsdk_driver *driver)
{
    EDGE_CTX_SCOPE(ctx);
    static struct edge_service device; /* one rig at a time */
    devsdk_descriptor(driver, NULL, &device);
    const struct edge_service *services[] = {&core_metadata, &listener, &device};
    char program[] = "test", cd[] = "-cd", data[] = "--data";
    char *argv[] = {program, cd, r->dir.path, data, r->dir.path, NULL};
    enum edge_status st = edge_host_start(&ctx, services, 3, 5, argv, &r->host);
    if (st != EDGE_OK) {
        fprintf(stderr, "host: %s\n", edge_ctx_message(&ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
    r->metadata = edge_host_runtime(r->host, "core-metadata");
    r->device = edge_host_runtime(r->host, driver->name);
    r->listener = edge_host_runtime(r->host, "listener")->state;
}

void device_rig_make(struct device_rig *r, const devsdk_driver *driver, const char *config)
{
    prepare(r);
    put_config(r, driver->name, config ? config : quiet);
    start(r, driver);
}

void device_rig_make_from(struct device_rig *r, const devsdk_driver *driver, const char *folder)
{
    char path[256];
    prepare(r);
    snprintf(path, sizeof(path), "%s/%s", r->dir.path, driver->name);
    CU_ASSERT_EQUAL_FATAL(symlink(folder, path), 0);
    start(r, driver);
}

void device_rig_done(struct device_rig *r)
{
    edge_host_stop(r->host);
    scratch_done(&r->dir);
}

const cJSON *ask(struct edge_ctx *ctx, const struct edge_runtime *rt, const char *method,
                 const char *target, const char *body, int code)
{
    struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = body ? strlen(body) : 0};
    struct edge_http_response res = {0};
    edge_http_call(rt->http, ctx, &req, &res);
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

/* ---- events -------------------------------------------------------------------------------- */

static bool is_of(const struct event *e, const char *device, const char *source)
{
    return (!*device || strcmp(e->device_name, device) == 0) &&
           (!*source || strcmp(e->source_name, source) == 0);
}

static const struct event *event_in(const struct edge_message *m)
{
    return &((const struct add_event_request *)m->object)->event;
}

size_t events_heard(const struct device_rig *r, const char *device, const char *source)
{
    struct listener *l = (struct listener *)(uintptr_t)r->listener;
    EDGE_LOCK(&l->lock);
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        n += is_of(event_in(l->heard[i]), device, source);
    }
    return n;
}

struct wanted {
    const struct device_rig *rig;
    const char *device, *source;
    size_t n;
};

static bool have_heard(void *arg)
{
    const struct wanted *w = arg;
    return events_heard(w->rig, w->device, w->source) >= w->n;
}

bool events_wait(const struct device_rig *r, const char *device, const char *source, size_t n)
{
    struct wanted w = {r, device, source, n};
    return wait_until(have_heard, &w, PATIENCE);
}

const struct event *event_latest(struct edge_ctx *ctx, const struct device_rig *r,
                                 const char *device, const char *source)
{
    struct listener *l = (struct listener *)(uintptr_t)r->listener;
    EDGE_LOCK(&l->lock);
    for (size_t i = l->n; i-- > 0;) {
        const struct event *e = event_in(l->heard[i]);
        if (is_of(e, device, source)) {
            return edge_dto_clone(&EVENT, &ctx->arena, e);
        }
    }
    return NULL;
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
    const struct edge_http_request req = {.method = "GET", .target = w->target};
    struct edge_http_response res = {0};
    edge_http_call(w->rt->http, &ctx, &req, &res);
    return res.code == w->code;
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
