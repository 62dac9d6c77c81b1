/* The tree of routes finds what a plain reading of the rules, row by row, finds. */
#include <assert.h>
#include <string.h>

#include "http/http_internal.h"

enum { MAX_SEGMENTS = 8 };

static enum edge_status nothing(struct edge_call *call)
{
    (void)call;
    return EDGE_OK;
}

#define ROW(method, path)                                                                          \
    {                                                                                              \
        method, path, nothing, ""                                                                  \
    }
static const struct edge_route rows[] = {
    ROW("GET", "/a"),         ROW("GET", "/a/{x}"),         ROW("PUT", "/a/{x}"),
    ROW("GET", "/a/b"),       ROW("GET", "/a/b/{y}/c"),     ROW("PUT", "/a/b/{y}/{z}"),
    ROW("GET", "/b/{x}/c"),   ROW("GET", "/b/{x}/{y}"),     ROW("PUT", "/b/c/{x}"),
    ROW("GET", "/{x}/c/{y}"), ROW("GET", "/{x}/{y}/a/{z}"), ROW("PUT", "/c/{x}/{y}/b"),
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

struct segments {
    struct http_slice at[MAX_SEGMENTS];
    size_t n;
};

static struct segments segments_of(const char *path)
{
    struct segments s = {.n = 0};
    while (*path == '/' && s.n < MAX_SEGMENTS) {
        size_t len = strcspn(path + 1, "/");
        s.at[s.n++] = (struct http_slice){path + 1, len};
        path += 1 + len;
    }
    return s;
}

static bool same(struct http_slice a, struct http_slice b)
{
    return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

static bool is_param(struct http_slice s)
{
    return s.len > 0 && s.text[0] == '{';
}

/* Does any row go on where @p row ends? */
static bool continues(const struct segments *row)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        struct segments other = segments_of(rows[i].path);
        size_t k = 0;
        while (k < row->n && k < other.n &&
               (is_param(row->at[k]) ? is_param(other.at[k]) : same(row->at[k], other.at[k]))) {
            k++;
        }
        if (k == row->n && other.n > row->n) {
            return true;
        }
    }
    return false;
}

static bool row_matches(const struct segments *row, const struct segments *path)
{
    struct http_slice last = row->at[row->n - 1];
    bool greedy = is_param(last) && !continues(row);
    if (greedy ? path->n < row->n : path->n != row->n) {
        return false;
    }
    for (size_t i = 0; i < row->n; i++) {
        if (!is_param(row->at[i]) && !same(row->at[i], path->at[i])) {
            return false;
        }
    }
    return path->at[row->n - 1].len > 0 || (greedy && path->n > row->n);
}

/* The one that is static where they first differ. */
static bool goes_before(const struct segments *a, const struct segments *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        if (is_param(a->at[i]) != is_param(b->at[i])) {
            return !is_param(a->at[i]);
        }
    }
    return a->n > b->n;
}

static const struct edge_route *find(const char *method, const struct segments *path)
{
    const struct edge_route *best = NULL;
    for (size_t i = 0; i < N_ROWS; i++) {
        struct segments row = segments_of(rows[i].path);
        struct segments top = segments_of(best ? best->path : "");
        if (strcmp(rows[i].method, method) == 0 && row_matches(&row, path) &&
            (!best || goes_before(&row, &top))) {
            best = &rows[i];
        }
    }
    return best;
}

/* One letter of the input is one of the path, so that few bytes make a long one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char alphabet[] = "/abc";
    static struct http_router *router;
    char path[64] = "/";
    size_t len = 1;
    if (!router) {
        EDGE_CTX_SCOPE(ctx);
        const struct edge_routes table = EDGE_TABLE(rows);
        router = http_router_create();
        assert(http_router_add(&ctx, router, &table) == EDGE_OK);
    }
    if (size == 0 || size > sizeof(path) - 2) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        path[len++] = alphabet[data[i] & 3];
    }
    struct segments segments = segments_of(path);
    if (segments.n == MAX_SEGMENTS) {
        return 0;
    }
    const char *method = (data[0] & 1) ? "PUT" : "GET";
    const struct edge_route *expected = find(method, &segments);
    struct http_match match;
    http_router_match(router, http_method_of(method), path, len, &match);
    assert((match.end ? match.end->row : NULL) == expected);
    for (size_t i = 0; match.end && i < match.end->n_names; i++) {
        assert(match.params[i].text >= path &&
               match.params[i].text + match.params[i].len <= path + len);
    }
    return 0;
}
