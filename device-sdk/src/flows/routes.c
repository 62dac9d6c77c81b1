/* Routes of drivers' own, behind the SDK's. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "flows.h"

/* A call is the server's, under a name of the SDK's. */
static struct edge_call *inner(const devsdk_call *call)
{
    return (struct edge_call *)(uintptr_t)call;
}

const char *devsdk_call_param(const devsdk_call *call, const char *name)
{
    return edge_call_param(inner(call), name);
}

const char *devsdk_call_query(const devsdk_call *call, const char *name)
{
    return edge_call_query(inner(call), name);
}

const char *devsdk_call_header(const devsdk_call *call, const char *name)
{
    return edge_call_header(inner(call), name);
}

const void *devsdk_call_body(const devsdk_call *call, size_t *ret_n)
{
    return edge_call_body(inner(call), ret_n);
}

void devsdk_reply(devsdk_call *call, int code, const char *type, const void *body, size_t n)
{
    edge_reply_code(inner(call), code);
    if (n > 0) {
        edge_reply_type(inner(call), edge_strdup(&edge_call_ctx(inner(call))->arena, type));
        edge_buf_put(edge_reply_body(inner(call)), body, n);
    }
}

devsdk_result devsdk_call_fail(devsdk_call *call, devsdk_result result, const char *fmt, ...)
{
    struct edge_ctx *ctx = edge_call_ctx(inner(call));
    va_list args;
    va_start(args, fmt);
    (void)edge_fail(ctx, sdk_outcome(result, NULL), "%s", edge_vprintf(&ctx->arena, fmt, args));
    va_end(args);
    return result;
}

/* ---- the table ------------------------------------------------------------------------------ */

static enum edge_status call_driver(struct edge_call *call)
{
    devsdk_service *svc = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const struct edge_route *row = edge_call_route(call);
    const devsdk_route *route = svc->driver->routes;
    if (atomic_load(&svc->locked)) {
        return edge_fail(ctx, EDGE_LOCKED, "service locked");
    }
    while (strcmp(route->method, row->method) != 0 || strcmp(route->path, row->path) != 0) {
        route++;
    }
    devsdk_result result = route->handler(svc, (devsdk_call *)call);
    const char *text;
    enum edge_status st = sdk_outcome(result, &text);
    if (st == EDGE_OK || ctx->failure) {
        return st;
    }
    return edge_fail(ctx, st, "%s", text);
}

static struct edge_route row_of(const devsdk_route *r)
{
    static const unsigned roles[] = {[DEVSDK_FOR_DEVICES] = EDGE_FOR_SOURCES,
                                     [DEVSDK_FOR_READERS] = EDGE_FOR_READERS,
                                     [DEVSDK_FOR_OPERATORS] = EDGE_FOR_OPERATORS,
                                     [DEVSDK_FOR_INSTALLERS] = EDGE_FOR_INSTALLERS};
    const struct edge_body body = {r->type ? EDGE_B_RAW : EDGE_B_ANY, .also = r->type,
                                   .optional = true};
    const bool asks = strcmp(r->method, "GET") != 0 && strcmp(r->method, "DELETE") != 0;
    return (struct edge_route){
        .method = r->method,
        .path = r->path,
        .handler = call_driver,
        .doc = r->doc,
        .flags = EDGE_ROUTE_BARE | EDGE_ROUTE_WAITS,
        .request = asks ? body : (struct edge_body){EDGE_B_EMPTY},
        .answer = body,
        .fails = "404 423",
        .roles = (size_t)r->who < sizeof(roles) / sizeof(roles[0]) ? roles[r->who] : 0,
    };
}

/* Rows outlive the server, and a driver's table is const: those of each are made once in a process. */
struct table {
    struct table *next;
    const devsdk_route *of;
    size_t n;
    struct edge_route rows[];
};
static struct {
    pthread_mutex_t lock;
    struct table *first;
} made = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct table *table_make(const struct edge_routes *sdk, const devsdk_route *own)
{
    size_t n = 0;
    while (own[n].method) {
        n++;
    }
    struct table *t = edge_xalloc(1, sizeof(*t) + (sdk->n + n) * sizeof(t->rows[0]));
    t->of = own;
    t->n = sdk->n + n;
    memcpy(t->rows, sdk->rows, sdk->n * sizeof(t->rows[0]));
    for (size_t i = 0; i < n; i++) {
        t->rows[sdk->n + i] = row_of(&own[i]);
    }
    return t;
}

struct edge_routes sdk_routes_with(struct edge_routes sdk, const devsdk_driver *driver)
{
    const devsdk_route *own = driver->abi >= 3 ? driver->routes : NULL;
    if (!own) {
        return sdk;
    }
    pthread_mutex_lock(&made.lock);
    struct table *t = made.first;
    while (t && t->of != own) {
        t = t->next;
    }
    if (!t) {
        t = table_make(&sdk, own);
        t->next = made.first;
        made.first = t;
    }
    pthread_mutex_unlock(&made.lock);
    return (struct edge_routes){t->rows, t->n};
}
