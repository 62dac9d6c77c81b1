/* Numbers in queries and paths, and pages of lists: rules and texts of contract 2.6. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http_internal.h"

enum { DEFAULT_LIMIT = 20, DEFAULT_MAX_RESULTS = 1024 };

/* Go's decimal integers: an optional sign and digits. NULL if it is one, else what Go calls it. */
static const char *parse_int(const char *text, int64_t *ret)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t n = strspn(digits, "0123456789");
    if (n == 0 || digits[n] != '\0') {
        return "invalid syntax";
    }
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        return "value out of range";
    }
    *ret = value;
    return NULL;
}

static const char *trimmed(struct edge_arena *a, const char *text)
{
    static const char blanks[] = " \t\r\n\v\f";
    text += strspn(text, blanks);
    size_t len = strlen(text);
    while (len > 0 && strchr(blanks, text[len - 1])) {
        len--;
    }
    return edge_strndup(a, text, len);
}

/* A parameter nobody is told of is none. */
static enum edge_status min_of(struct edge_call *call, const char *name, int64_t *ret)
{
    const struct edge_route *route = call->end->row;
    const struct edge_param *row = edge_route_param(route, name);
    if (!row) {
        return edge_fail(&call->ctx, EDGE_INTERNAL, "route %s has no row of the parameter %s",
                         route->path, name);
    }
    *ret = row->min;
    return EDGE_OK;
}

/* Up to @p max; untouched where absent or blank. */
static enum edge_status query_int(struct edge_call *call, const char *name, int64_t max,
                                  int64_t *ret)
{
    int64_t min = 0;
    EDGE_TRY(min_of(call, name, &min));
    struct edge_ctx *ctx = &call->ctx;
    const char *given = edge_call_query(call, name);
    const char *text = given ? trimmed(&ctx->arena, given) : "";
    int64_t value;
    if (*text == '\0') {
        return EDGE_OK;
    }
    const char *fault = parse_int(text, &value);
    if (fault) {
        return edge_fail(ctx, EDGE_INVALID,
                         "failed to parse querystring %s's value %s into integer. "
                         "Error:strconv.Atoi: parsing \"%s\": %s",
                         name, text, text, fault);
    }
    if (value < min || value > max) {
        return edge_fail(ctx, EDGE_INVALID,
                         "querystring %s's value %lld is out of min %lld ~ max %lld range.", name,
                         (long long)value, (long long)min, (long long)max);
    }
    *ret = value;
    return EDGE_OK;
}

static bool has_param(const struct edge_call *call, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < call->end->n_names; i++) {
        if (call->end->names[i].len == len && memcmp(call->end->names[i].text, name, len) == 0) {
            return true;
        }
    }
    return false;
}

enum edge_status edge_call_param_int(struct edge_call *call, const char *name, int64_t *ret)
{
    struct edge_ctx *ctx = &call->ctx;
    if (!has_param(call, name)) {
        return query_int(call, name, INT64_MAX, ret);
    }
    int64_t min = 0;
    EDGE_TRY(min_of(call, name, &min));
    const char *text = edge_call_param(call, name);
    int64_t value;
    const char *fault = parse_int(text, &value);
    if (fault) {
        return edge_fail(ctx, EDGE_INVALID,
                         "failed to parse path param %s's value %s into integer. "
                         "Error:strconv.ParseInt: parsing \"%s\": %s",
                         name, text, text, fault);
    }
    if (value < min) {
        return edge_fail(ctx, EDGE_INVALID,
                         "path param %s's value %lld is out of min %lld ~ max %lld range.", name,
                         (long long)value, (long long)min, (long long)INT64_MAX);
    }
    *ret = value;
    return EDGE_OK;
}

static void split_labels(struct edge_arena *a, const char *text, struct edge_page *page)
{
    size_t max = 1;
    for (const char *s = text; *s != '\0'; s++) {
        max += *s == ',';
    }
    page->labels = edge_new_n(a, const char *, max);
    while (page->n_labels < max) {
        size_t len = strcspn(text, ",");
        page->labels[page->n_labels++] = edge_strndup(a, text, len);
        text += len + (text[len] == ',');
    }
}

enum edge_status edge_call_page(struct edge_call *call, struct edge_page *ret)
{
    int64_t most = call->http->config.max_result_count;
    if (most <= 0) {
        most = DEFAULT_MAX_RESULTS;
    }
    struct edge_page page = {.limit = most < DEFAULT_LIMIT ? most : DEFAULT_LIMIT};
    EDGE_TRY(query_int(call, "offset", INT32_MAX, &page.offset));
    EDGE_TRY(query_int(call, "limit", most, &page.limit));
    if (page.limit < 0) {
        page.limit = most;
    }
    const char *labels = edge_call_query(call, "labels");
    if (labels && *labels) {
        split_labels(&call->ctx.arena, labels, &page);
    }
    *ret = page;
    return EDGE_OK;
}

enum edge_status edge_page_check(struct edge_ctx *ctx, const struct edge_page *page, int64_t total,
                                 int64_t *ret_n)
{
    int64_t offset = page->offset > 0 ? page->offset : 0;
    if (page->limit == 0 || total == 0) {
        *ret_n = 0;
        return EDGE_OK;
    }
    if (offset > total) {
        return edge_fail(ctx, EDGE_OUT_OF_RANGE,
                         "query objects bounds out of range. length:%lld offset:%lld",
                         (long long)total, (long long)offset);
    }
    *ret_n = total - offset < page->limit ? total - offset : page->limit;
    return EDGE_OK;
}
