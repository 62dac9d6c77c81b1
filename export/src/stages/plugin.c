/*
 * Plugin: a function from a shared object (edgex/stage.h). An object runs with all rights of the service: only files
 * are loaded that nobody but root or the service's own user could have written.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/text.h"
#include "edge/thread.h"
#include "edgex/stage.h"
#include "stages.h"

enum { ERROR_SIZE = 256 };

struct plugin {
    void *object;
    const struct edgex_stage *table;
    void *stage;
    struct edge_mutex lock; /* one call at a time */
};

/* ---- a call --------------------------------------------------------------------------------- */

struct run {
    struct export_flow *flow;
    bool replaced;
    struct edge_bytes out;
    const char *content_type;
    const char *error;
};

static const char *run_value(void *run, const char *name)
{
    return export_flow_value(((struct run *)run)->flow, name);
}

static void run_out(void *run, const void *data, size_t size, const char *content_type)
{
    struct run *r = run;
    struct edge_arena *a = &r->flow->ctx->arena;
    r->replaced = true;
    r->out =
        (struct edge_bytes){edge_strndup(a, data ? data : "", data ? size : 0), data ? size : 0};
    r->content_type = content_type ? edge_strdup(a, content_type) : NULL;
}

static void run_error(void *run, const char *text)
{
    struct run *r = run;
    r->error = edge_text_brief(&r->flow->ctx->arena, text ? text : "", ERROR_SIZE);
}

static enum edge_status take_event(struct run *r)
{
    struct edge_ctx *ctx = r->flow->ctx;
    struct event *event = edge_new(&ctx->arena, struct event);
    EDGE_TRY(edge_wrap(ctx, edge_dto_decode_text(ctx, &EVENT, r->out.data, r->out.size, event),
                       "what the stage returns is no event"));
    r->flow->data.event = event;
    return EDGE_OK;
}

static enum edge_status take_out(struct run *r)
{
    struct edge_ctx *ctx = r->flow->ctx;
    if (!r->replaced) {
        return edge_fail(ctx, EDGE_INVALID, "the stage replaces the message by nothing");
    }
    if (!r->content_type && r->flow->data.kind == EXPORT_EVENT) {
        return take_event(r);
    }
    r->flow->data = (struct export_data){
        .kind = EXPORT_BYTES, .bytes = r->out, .content_type = r->content_type};
    return EDGE_OK;
}

static enum export_verdict verdict_of(struct run *r, enum edgex_stage_verdict v)
{
    struct edge_ctx *ctx = r->flow->ctx;
    switch (v) {
    case EDGEX_STAGE_PASS:
        return EXPORT_GO_ON;
    case EDGEX_STAGE_DROP:
        return EXPORT_STOP;
    case EDGEX_STAGE_REPLACE:
        return take_out(r) == EDGE_OK ? EXPORT_GO_ON : EXPORT_FAIL;
    case EDGEX_STAGE_FAIL:
        break;
    }
    (void)!edge_fail(ctx, EDGE_INVALID, "%s",
                     r->error ? r->error : "the stage failed without a word");
    return EXPORT_FAIL;
}

static enum export_verdict run_plugin(const void *stage, struct export_flow *flow)
{
    struct plugin *p = (struct plugin *)(uintptr_t)stage;
    struct run r = {.flow = flow};
    struct edge_bytes bytes;
    const char *type = NULL;
    if (export_data_bytes(flow->ctx, &flow->data, &bytes, &type) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    const struct edgex_stage_message m = {
        .kind = EXPORT_KIND_NAMES[flow->data.kind],
        .content_type = type ? type : "",
        .data = bytes.data,
        .size = bytes.size,
        .run = &r,
        .value = run_value,
        .out = run_out,
        .error = run_error,
    };
    enum edgex_stage_verdict v;
    {
        EDGE_LOCK(&p->lock);
        v = p->table->process(p->stage, &m);
    }
    return verdict_of(&r, v);
}

/* ---- loading -------------------------------------------------------------------------------- */

static void plugin_end(void *arg)
{
    struct plugin *p = arg;
    if (p->stage && p->table->destroy) {
        p->table->destroy(p->stage);
    }
    if (p->object) {
        dlclose(p->object);
    }
    edge_mutex_done(&p->lock);
}

/* The file itself and the folder it is in. */
static enum edge_status check_owner(struct edge_ctx *ctx, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return edge_fail(ctx, EDGE_INVALID, "Library: %s: %s", path, strerror(errno));
    }
    bool ours = st.st_uid == 0 || st.st_uid == geteuid();
    return ours && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID,
                           "Library: others than root and this service's user may write %s", path);
}

static enum edge_status load(struct edge_ctx *ctx, struct plugin *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (*path != '/') {
        return edge_fail(ctx, EDGE_INVALID, "Library must begin with /, not '%s'", path);
    }
    EDGE_TRY(check_owner(
        ctx, edge_strndup(&ctx->arena, path, slash > path ? (size_t)(slash - path) : 1)));
    EDGE_TRY(check_owner(ctx, path));
    p->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    p->table = p->object ? dlsym(p->object, "edgex_stage_v1") : NULL;
    if (!p->table) {
        const char *why = dlerror();
        return edge_fail(ctx, EDGE_INVALID, "Library: %s", why ? why : path);
    }
    if (p->table->abi != EDGEX_STAGE_ABI || p->table->size < sizeof(struct edgex_stage) ||
        !p->table->init || !p->table->process) {
        return edge_fail(ctx, EDGE_INVALID, "Library: %s is of version %u, not %u", path,
                         p->table->abi, EDGEX_STAGE_ABI);
    }
    return EDGE_OK;
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)host;
    char error[ERROR_SIZE] = "";
    struct plugin *p = edge_new(a, struct plugin);
    edge_mutex_init(&p->lock);
    edge_defer(a, plugin_end, p);
    *ret = p;
    EDGE_TRY(load(ctx, p, export_params_text(params, "Library")));
    p->stage = p->table->init(export_params_text(params, "Settings"), error, sizeof(error));
    error[sizeof(error) - 1] = '\0';
    return p->stage
               ? EDGE_OK
               : edge_fail(ctx, EDGE_INVALID, "%s", *error ? error : "the stage will not begin");
}

static const struct export_param params[] = {
    {"Library",     "A shared object that exports edgex_stage_v1 (edgex/stage.h); an absolute path.",
     EXPORT_P_TEXT},
    {"Settings", "For it, as it likes.", EXPORT_P_TEXT, .def = ""},
    {0   },
};

const struct export_function export_plugin = {
    .name = "Plugin",
    .doc = "What a shared object makes of it.",
    .params = params,
    .compile = compile,
    .run = run_plugin,
};
