/* What a handler asks of its request. */
#include <string.h>
#include <strings.h>

#include "http_internal.h"

struct edge_ctx *edge_call_ctx(struct edge_call *call)
{
    return &call->ctx;
}

void *edge_call_state(struct edge_call *call)
{
    return call->http->config.state;
}

const char *edge_call_method(const struct edge_call *call)
{
    return call->method;
}

const struct edge_route *edge_call_route(const struct edge_call *call)
{
    return call->end->row;
}

const char *edge_call_param(const struct edge_call *call, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < call->end->n_names; i++) {
        if (call->end->names[i].len == len && memcmp(call->end->names[i].text, name, len) == 0) {
            return call->params[i];
        }
    }
    return "";
}

const char *edge_call_query(const struct edge_call *call, const char *name)
{
    for (size_t i = 0; i < call->n_queries; i++) {
        if (strcmp(call->queries[i].name, name) == 0) {
            return call->queries[i].value;
        }
    }
    return NULL;
}

const char *edge_call_query_string(const struct edge_call *call)
{
    return call->query;
}

const char *edge_call_query_at(const struct edge_call *call, size_t i, const char **ret_value)
{
    if (i >= call->n_queries) {
        return NULL;
    }
    *ret_value = call->queries[i].value;
    return call->queries[i].name;
}

bool edge_call_query_is_true(const struct edge_call *call, const char *name)
{
    const char *value = edge_call_query(call, name);
    return value && strcmp(value, "true") == 0;
}

const char *edge_call_header(const struct edge_call *call, const char *name)
{
    for (size_t i = 0; i < call->n_headers; i++) {
        if (strcasecmp(call->headers[i].name, name) == 0) {
            return call->headers[i].value;
        }
    }
    return NULL;
}

const void *edge_call_body(const struct edge_call *call, size_t *ret_size)
{
    if (ret_size) {
        *ret_size = call->body.len;
    }
    return call->body.data ? call->body.data : "";
}

enum edge_status edge_call_json(struct edge_call *call, const cJSON **ret)
{
    size_t size;
    const char *text = edge_call_body(call, &size);
    return edge_json_parse(&call->ctx, text, size, NULL, ret);
}
