/* The HTTP side (contract 6.1): lists of commands from core-metadata, and commands handed on to the
 * device service that owns the device. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "edge/base.h"
#include "edge/cbor.h"
#include "edge/text.h"

static int64_t deadline_of(struct edge_call *call)
{
    return command_deadline(edge_call_state(call), edge_call_began_ms(call));
}

enum edge_status commands_all(struct edge_call *call)
{
    struct command_state *cmd = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct edge_page page;
    struct multi_device_core_commands_response answer;
    EDGE_TRY(edge_call_page(call, &page));
    EDGE_TRY(lookup_all_commands(ctx, cmd, page.offset, page.limit, deadline_of(call), &answer));
    EDGE_TRY(edge_reply_check(call)); /* the answer is as large as what it is made from */
    return edge_reply_dto(call, &MULTI_DEVICE_CORE_COMMANDS_RESPONSE, &answer);
}

enum edge_status commands_of_device(struct edge_call *call)
{
    struct command_state *cmd = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device_core_command offered;
    EDGE_TRY(lookup_commands(ctx, cmd, edge_call_param(call, "name"), deadline_of(call), &offered));
    return edge_reply_object(call, "deviceCoreCommand", &DEVICE_CORE_COMMAND, &offered);
}

/* ---- handing on ------------------------------------------------------------------------------ */

/* Where a command goes. */
struct destination {
    const char *url, *target;
    int64_t deadline_ms;
};

static size_t key_len(const char *parameter)
{
    return strcspn(parameter, "=");
}

static int by_key(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    size_t x_len = key_len(*x), y_len = key_len(*y);
    int order = memcmp(*x, *y, x_len < y_len ? x_len : y_len);
    if (order != 0 || x_len != y_len) {
        return order != 0 ? order : x_len < y_len ? -1 : 1;
    }
    return *x < *y ? -1 : *x > *y; /* equal keys keep their order: they lie in one text */
}

/* "?" and the parameters sorted by key, escaped as they came; "" without any. */
static const char *sorted_query(struct edge_arena *a, const char *query)
{
    if (!*query) {
        return "";
    }
    char *text = edge_new_n(a, char, strlen(query) + 1);
    memcpy(text, query, strlen(query));
    const char **parameters = edge_new_n(a, const char *, strlen(query) + 1);
    size_t n = 0;
    char *rest = NULL;
    for (char *p = strtok_r(text, "&", &rest); p; p = strtok_r(NULL, "&", &rest)) {
        parameters[n++] = p;
    }
    qsort(parameters, n, sizeof(*parameters), by_key);
    struct edge_buf out = EDGE_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        edge_buf_putc(&out, i == 0 ? '?' : '&');
        edge_buf_puts(&out, parameters[i]);
    }
    const char *sorted = edge_strdup(a, edge_buf_str(&out));
    edge_buf_done(&out);
    return sorted;
}

static enum edge_status find_destination(struct edge_call *call, struct destination *ret)
{
    struct command_state *cmd = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *name = edge_call_param(call, "name");
    const char *command = edge_call_param(call, "command");
    struct device device;
    ret->deadline_ms = deadline_of(call);
    EDGE_TRY(lookup_device(ctx, cmd, name, ret->deadline_ms, &device));
    EDGE_TRY(lookup_address(ctx, cmd, &device, ret->deadline_ms, &ret->url));
    ret->target =
        edge_printf(&ctx->arena, "/api/v3/device/name/%s/%s%s", edge_name_escape(&ctx->arena, name),
                    edge_name_escape(&ctx->arena, command),
                    sorted_query(&ctx->arena, edge_call_query_string(call)));
    return EDGE_OK;
}

static enum edge_status parse_answer(struct edge_ctx *ctx, const struct edge_http_response *answer,
                                     const cJSON **ret)
{
    EDGE_TRY(edge_ctx_charge(ctx, answer->body_size)); /* its texts once more */
    if (edge_media_is(answer->content_type, "application/cbor")) {
        return edge_cbor_parse(ctx, answer->body, answer->body_size, NULL, ret);
    }
    return edge_json_parse(ctx, answer->body, answer->body_size, NULL, ret);
}

static enum edge_status reply_with(struct edge_call *call, const cJSON *body)
{
    edge_json_put(edge_reply_body(call), body);
    return EDGE_OK;
}

/* Read: the event the device service made, as JSON whatever it came as. */
enum edge_status command_read(struct edge_call *call)
{
    struct command_state *cmd = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct destination to;
    struct edge_http_response answer;
    const cJSON *body = NULL;
    EDGE_TRY(check_event_switch(ctx, edge_call_query(call, "ds-returnevent")));
    EDGE_TRY(check_event_switch(ctx, edge_call_query(call, "ds-pushevent")));
    EDGE_TRY(find_destination(call, &to));
    struct edge_http_request req = {.method = "GET", .target = to.target};
    EDGE_TRY(edge_client_call(cmd->rt->client, ctx, to.url, &req, to.deadline_ms, &answer));
    if (answer.code > 207) { /* the text of a read carries the whole body (contract 6.1) */
        enum edge_status st = edge_status_from_http(answer.code);
        return edge_fail(ctx, st == EDGE_OK ? EDGE_INTERNAL : st,
                         "request failed, status code: %d, err: %s", answer.code, answer.body);
    }
    if (answer.body_size == 0) { /* ds-returnevent=false: nothing to show */
        edge_reply_type(call, "application/json");
        return EDGE_OK;
    }
    enum edge_status st = parse_answer(ctx, &answer, &body);
    if (ctx->busy) {
        return st;
    }
    if (st != EDGE_OK) {
        return edge_wrap(ctx, EDGE_REMOTE, "cannot use the answer of %s%s", to.url, to.target);
    }
    return reply_with(call, body);
}

/* Write: the values as they came, the device service's answer as it comes. */
enum edge_status command_write(struct edge_call *call)
{
    struct command_state *cmd = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct destination to;
    const cJSON *values = NULL, *answer = NULL;
    EDGE_TRY(edge_wrap(ctx, edge_call_json(call, &values), "failed to parse request body"));
    if (!cJSON_IsObject(values)) {
        return edge_fail(ctx, EDGE_INVALID, "failed to parse request body: it is no object");
    }
    EDGE_TRY(find_destination(call, &to));
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, values);
    struct edge_http_request req = {
        .method = "PUT", .target = to.target, .body = text.data, .body_size = text.len};
    EDGE_TRY(edge_client_json(cmd->rt->client, ctx, to.url, &req, to.deadline_ms, &answer));
    return answer ? reply_with(call, answer) : edge_reply_base(call, 200, NULL);
}
