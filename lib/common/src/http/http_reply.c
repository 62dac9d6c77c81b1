/* What a handler says: envelopes of contract 2.3 and 2.4, written straight into the reply. */
#include <stdio.h>
#include <string.h>

#include "edge/base.h"
#include "http_internal.h"

static const char json_type[] = "application/json";

struct edge_buf *edge_reply_body(struct edge_call *call)
{
    return &call->reply;
}

void edge_reply_code(struct edge_call *call, int http_code)
{
    call->code = http_code;
}

void edge_reply_type(struct edge_call *call, const char *content_type)
{
    call->type = content_type;
    call->typed = true;
}

void edge_call_set_request_id(struct edge_call *call, const char *request_id)
{
    call->request_id = request_id;
}

void edge_reply_stream(struct edge_call *call, edge_reply_source *source, void *arg)
{
    call->source = source;
    call->source_arg = arg;
}

void *edge_call_source_arg(const struct edge_call *call)
{
    return call->source_arg;
}

const char *http_reason(int code)
{
    static const struct {
        int code;
        const char *text;
    } reasons[] = {
        {200, "OK"                             },
        {201, "Created"                        },
        {202, "Accepted"                       },
        {204, "No Content"                     },
        {207, "Multi-Status"                   },
        {400, "Bad Request"                    },
        {401, "Unauthorized"                   },
        {403, "Forbidden"                      },
        {404, "Not Found"                      },
        {405, "Method Not Allowed"             },
        {408, "Request Timeout"                },
        {409, "Conflict"                       },
        {413, "Content Too Large"              },
        {414, "URI Too Long"                   },
        {416, "Range Not Satisfiable"          },
        {417, "Expectation Failed"             },
        {423, "Locked"                         },
        {429, "Too Many Requests"              },
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"          },
        {501, "Not Implemented"                },
        {502, "Bad Gateway"                    },
        {503, "Service Unavailable"            },
        {504, "Gateway Timeout"                },
        {505, "HTTP Version Not Supported"     },
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].code == code) {
            return reasons[i].text;
        }
    }
    return "Unknown";
}

/* ---- envelopes --------------------------------------------------------------------------- */

void http_put_base(struct edge_buf *out, const char *request_id, const char *message, int code)
{
    edge_buf_puts(out, "{\"apiVersion\":\"" EDGE_API_VERSION "\"");
    if (request_id && *request_id) {
        edge_buf_puts(out, ",\"requestId\":");
        edge_json_put_string(out, request_id);
    }
    if (message && *message) {
        edge_buf_puts(out, ",\"message\":");
        edge_json_put_string(out, message);
    }
    edge_buf_puts(out, ",\"statusCode\":");
    edge_buf_put_i64(out, code);
}

const char *http_shown_message(struct edge_ctx *ctx, enum edge_status st, bool full_chain)
{
    return full_chain ? edge_ctx_message(ctx, st) : edge_ctx_outermost(ctx, st);
}

/* A reply that replaces whatever the handler had begun. */
static struct edge_buf *begin_anew(struct edge_call *call, int code)
{
    call->code = code;
    call->type = json_type;
    call->reply.len = 0;
    return &call->reply;
}

void http_reply_failure(struct edge_call *call, enum edge_status st, int code, bool full_chain)
{
    const char *message = http_shown_message(&call->ctx, st, full_chain);
    struct edge_buf *out = begin_anew(call, code);
    http_put_base(out, call->request_id, message, code);
    edge_buf_putc(out, '}');
}

void http_reply_plain(struct edge_call *call, int code, const char *message)
{
    struct edge_buf *out = begin_anew(call, code);
    edge_buf_puts(out, "{\"message\":");
    edge_json_put_string(out, message);
    edge_buf_putc(out, '}');
}

enum edge_status edge_reply_base(struct edge_call *call, int http_code, const char *message)
{
    call->code = http_code;
    http_put_base(&call->reply, call->request_id, message, http_code);
    edge_buf_putc(&call->reply, '}');
    return EDGE_OK;
}

enum edge_status edge_reply_id(struct edge_call *call, const char *id)
{
    call->code = 201;
    http_put_base(&call->reply, call->request_id, NULL, 201);
    edge_buf_puts(&call->reply, ",\"id\":");
    edge_json_put_string(&call->reply, id);
    edge_buf_putc(&call->reply, '}');
    return EDGE_OK;
}

/* ---- objects and lists ------------------------------------------------------------------- */

static void put_key(struct edge_buf *out, const char *key)
{
    edge_buf_putc(out, ',');
    edge_json_put_string(out, key);
    edge_buf_putc(out, ':');
}

enum edge_status edge_reply_object(struct edge_call *call, const char *key,
                                   const struct edge_dto *dto, const void *obj)
{
    http_put_base(&call->reply, NULL, NULL, 200);
    put_key(&call->reply, key);
    edge_dto_encode(dto, obj, EDGE_JSON, &call->reply);
    edge_buf_putc(&call->reply, '}');
    return EDGE_OK;
}

enum edge_status edge_reply_text(struct edge_call *call, const char *key, const char *json)
{
    http_put_base(&call->reply, NULL, NULL, 200);
    put_key(&call->reply, key);
    edge_buf_puts(&call->reply, json);
    edge_buf_putc(&call->reply, '}');
    return EDGE_OK;
}

enum edge_status edge_reply_dto(struct edge_call *call, const struct edge_dto *dto, const void *obj)
{
    edge_dto_encode(dto, obj, EDGE_JSON, &call->reply);
    return EDGE_OK;
}

void edge_reply_list_open(struct edge_call *call, const char *key, int64_t total)
{
    http_put_base(&call->reply, NULL, NULL, 200);
    if (total >= 0) {
        edge_buf_puts(&call->reply, ",\"totalCount\":");
        edge_buf_put_i64(&call->reply, total);
    }
    put_key(&call->reply, key);
    edge_buf_putc(&call->reply, '[');
    call->has_items = false;
}

void edge_reply_list_item(struct edge_call *call)
{
    if (call->has_items) {
        edge_buf_putc(&call->reply, ',');
    }
    call->has_items = true;
}

enum edge_status edge_reply_list_close(struct edge_call *call)
{
    edge_buf_puts(&call->reply, "]}");
    return EDGE_OK;
}

/* ---- other origins (contract 2.8) -------------------------------------------------------- */

static void add_if_set(http_header_sink *add, void *arg, const char *name, const char *value)
{
    if (value && *value) {
        add(arg, name, value);
    }
}

void http_cors_headers(const struct edge_call *call, http_header_sink *add, void *arg)
{
    const struct edge_cors *cors = call->http->config.cors;
    if (!cors || !cors->enable || !edge_call_header(call, "Origin")) {
        return;
    }
    add_if_set(add, arg, "Access-Control-Allow-Origin", cors->allowed_origin);
    if (cors->allow_credentials) {
        add(arg, "Access-Control-Allow-Credentials", "true");
    }
    add(arg, "Vary", "Origin");
    if (!call->preflight) {
        add_if_set(add, arg, "Access-Control-Expose-Headers", cors->expose_headers);
        return;
    }
    add_if_set(add, arg, "Access-Control-Allow-Methods", cors->allowed_methods);
    add_if_set(add, arg, "Access-Control-Allow-Headers", cors->allowed_headers);
    if (cors->max_age > 0) {
        char seconds[24];
        snprintf(seconds, sizeof(seconds), "%lld", (long long)cors->max_age);
        add(arg, "Access-Control-Max-Age", seconds);
    }
}
