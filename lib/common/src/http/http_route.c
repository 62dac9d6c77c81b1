/*
 * The route table as a tree of path segments, made once at the start. Looking up walks the raw
 * path: static segments before parameters, with backtracking; a parameter that nothing continues
 * behind takes the whole rest (contract 2.1). Each node is visited at most once per look-up.
 */
#include <stdlib.h>
#include <string.h>

#include "http_internal.h"

struct node {
    struct http_slice segment; /* of a static node */
    struct node *next;         /* sibling */
    struct node *statics, *param;
    const struct http_endpoint *ends[HTTP_METHOD_COUNT];
    unsigned methods; /* 1 << method of each of ends */
};

struct http_router {
    struct edge_arena arena;
    struct node root;
};

/* One look-up. */
struct walk {
    enum http_method method;
    struct http_slice params[HTTP_MAX_PARAMS];
    size_t n_params;
    unsigned methods;
    const struct http_endpoint *found;
};

static const char *const method_names[] = {
#define X(name) #name,
    HTTP_METHOD_LIST(X)
#undef X
};

static bool walk_from(struct walk *w, const struct node *node, struct http_slice rest);

enum http_method http_method_of(const char *name)
{
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
        if (strcmp(name, method_names[i]) == 0) {
            return (enum http_method)i;
        }
    }
    return HTTP_OTHER;
}

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

struct http_router *http_router_create(void)
{
    return edge_xalloc(1, sizeof(struct http_router));
}

void http_router_free(struct http_router *router)
{
    if (router) {
        edge_arena_done(&router->arena);
        free(router);
    }
}

/* ---- adding ------------------------------------------------------------------------------ */

/* Cut the segment off the front of @p rest, which stands behind a '/'. False: it is the last one.
 */
static bool cut_segment(struct http_slice *rest, struct http_slice *ret_segment)
{
    const char *slash = memchr(rest->text, '/', rest->len);
    if (!slash) {
        *ret_segment = *rest;
        return false;
    }
    size_t len = (size_t)(slash - rest->text);
    *ret_segment = (struct http_slice){rest->text, len};
    *rest = (struct http_slice){slash + 1, rest->len - len - 1};
    return true;
}

static bool slice_equal(struct http_slice a, struct http_slice b)
{
    return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

static struct node *child_for(struct edge_arena *a, struct node *node, struct http_slice segment)
{
    if (segment.text[0] == '{') {
        if (!node->param) {
            node->param = edge_new(a, struct node);
        }
        return node->param;
    }
    struct node **link = &node->statics;
    while (*link && !slice_equal((*link)->segment, segment)) {
        link = &(*link)->next;
    }
    if (!*link) {
        *link = edge_new(a, struct node);
        (*link)->segment = segment;
    }
    return *link;
}

/* A static word, or a name in braces. */
static bool segment_is_sound(struct http_slice s, bool *ret_is_param)
{
    *ret_is_param = s.len > 0 && s.text[0] == '{';
    if (*ret_is_param) {
        return s.len > 2 && s.text[s.len - 1] == '}' && !memchr(s.text + 1, '{', s.len - 1);
    }
    return s.len > 0 && !memchr(s.text, '{', s.len) && !memchr(s.text, '}', s.len);
}

static enum edge_status add_row(struct edge_ctx *ctx, struct http_router *router,
                                const struct edge_route *row)
{
    enum http_method method = http_method_of(row->method);
    struct http_endpoint *end = edge_new(&router->arena, struct http_endpoint);
    end->row = row;
    if (method == HTTP_OTHER || row->path[0] != '/' || !row->handler) {
        return edge_fail(ctx, EDGE_INTERNAL, "route %s %s is malformed", row->method, row->path);
    }
    struct node *node = &router->root;
    struct http_slice rest = {row->path + 1, strlen(row->path + 1)}, segment;
    bool more;
    do {
        bool is_param;
        more = cut_segment(&rest, &segment);
        if (!segment_is_sound(segment, &is_param) ||
            (is_param && end->n_names == HTTP_MAX_PARAMS)) {
            return edge_fail(ctx, EDGE_INTERNAL, "route %s %s is malformed", row->method,
                             row->path);
        }
        if (is_param) {
            end->names[end->n_names++] = (struct http_slice){segment.text + 1, segment.len - 2};
        }
        node = child_for(&router->arena, node, segment);
    } while (more);
    if (node->ends[method]) {
        return edge_fail(ctx, EDGE_INTERNAL, "route %s %s is there twice", row->method, row->path);
    }
    node->ends[method] = end;
    node->methods |= 1U << method;
    return EDGE_OK;
}

enum edge_status http_router_add(struct edge_ctx *ctx, struct http_router *router,
                                 const struct edge_routes *routes)
{
    for (size_t i = 0; i < routes->n; i++) {
        EDGE_TRY(add_row(ctx, router, &routes->rows[i]));
    }
    return EDGE_OK;
}

/* ---- looking up -------------------------------------------------------------------------- */

/* The path ends at @p node: the walk is over if it answers the method. */
static bool end_at(struct walk *w, const struct node *node)
{
    w->methods |= node->methods;
    if (w->method != HTTP_OTHER) {
        w->found = node->ends[w->method];
    }
    return w->found != NULL;
}

static bool walk_param(struct walk *w, const struct node *param, struct http_slice value, bool more,
                       struct http_slice rest)
{
    w->params[w->n_params++] = value;
    if (more ? walk_from(w, param, rest) : value.len > 0 && end_at(w, param)) {
        return true;
    }
    w->n_params--;
    return false;
}

static bool walk_from(struct walk *w, const struct node *node, struct http_slice rest)
{
    const struct http_slice all = rest;
    struct http_slice segment;
    bool more = cut_segment(&rest, &segment);
    for (const struct node *child = node->statics; child; child = child->next) {
        if (slice_equal(child->segment, segment)) {
            if (more ? walk_from(w, child, rest) : end_at(w, child)) {
                return true;
            }
            break;
        }
    }
    const struct node *param = node->param;
    if (!param) {
        return false;
    }
    bool greedy = !param->statics && !param->param;
    return greedy ? walk_param(w, param, all, false, all)
                  : walk_param(w, param, segment, more, rest);
}

void http_router_match(const struct http_router *router, enum http_method method, const char *path,
                       size_t len, struct http_match *ret)
{
    struct walk w = {.method = method};
    if (len > 0 && path[0] == '/') {
        walk_from(&w, &router->root, (struct http_slice){path + 1, len - 1});
    }
    ret->end = w.found;
    ret->methods = w.methods;
    memcpy(ret->params, w.params, sizeof(ret->params));
}
