/*
 * What export-distro answered, on its own port: it was told of changes of registrations there. Here nobody needs to be
 * told; who does it all the same is answered as then.
 */
#include <string.h>

#include "client.h"
#include "edge/text.h"

enum { DRAIN_MS = 500 };

struct notification {
    const char *name, *operation;
};

/* clang-format off */
static const struct edge_field notification_fields[] = {
    EDGE_FIELD(struct notification, name, "name", "Of the registration."),
    EDGE_FIELD(struct notification, operation, "operation", "add, update or delete."),
};
static const struct edge_dto NOTIFICATION = EDGE_DTO(struct notification, "NotifyUpdate", notification_fields);
/* clang-format on */

enum edge_status v1_ping(struct edge_call *call)
{
    edge_reply_type(call, "text/plain");
    edge_buf_puts(edge_reply_body(call), "pong");
    return EDGE_OK;
}

static enum edge_status notified(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    static const char *const operations[] = {"add", "update", "delete"};
    const cJSON *json = NULL;
    struct notification n;
    enum edge_status st = edge_call_json(call, &json);
    st = st == EDGE_OK ? edge_dto_decode(ctx, &NOTIFICATION, json, &n) : st;
    if (st != EDGE_OK) {
        return v1_answer(call, 400, edge_ctx_message(ctx, st));
    }
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (n.name && *n.name && n.operation && strcmp(n.operation, operations[i]) == 0) {
            edge_reply_type(call, "text/plain; charset=utf-8");
            return EDGE_OK;
        }
    }
    return v1_answer(call, 400, "Need a name, and an operation: add, update or delete");
}

/* clang-format off */
static const struct edge_route routes[] = {
    {"GET", "/api/v1/ping", v1_ping, "pong.", EDGE_ROUTE_OPEN, .answer = {EDGE_B_RAW, .also = "text/plain"}, .roles = EDGE_FOR_ALL},
    {"PUT", "/api/v1/notify/registrations", notified, "A registration has changed; nothing is to be done.", .request = {EDGE_B_DTO, .dto = &NOTIFICATION}, .answer = {EDGE_B_EMPTY}, .roles = EDGE_FOR_SERVICES},
};
/* clang-format on */

enum edge_status distro_start(struct edge_ctx *ctx, struct client *client)
{
    const struct edge_runtime *rt = client->rt;
    const struct edge_service_info *info = &rt->base->service;
    if (client->config->distro.port == 0) {
        return EDGE_OK;
    }
    client->tls = (struct edge_http_tls){info->security.cert_file, info->security.key_file,
                                         info->security.ca_file};
    bool is_tls = info->security.mode && strcmp(info->security.mode, "tls") == 0;
    const struct edge_http_config config = {
        .service = rt->name,
        .host =
            info->server_bind_addr && *info->server_bind_addr ? info->server_bind_addr : info->host,
        .port = (uint16_t)client->config->distro.port,
        .routes = EDGE_TABLE(routes),
        .state = client,
        .pool = rt->pool,
        .log = rt->log,
        .budget = rt->budget,
        .threads = 1,
        .max_result_count = info->max_result_count,
        .request_timeout_ms = rt->request_timeout_ms,
        .tls = is_tls ? &client->tls : NULL,
    };
    return edge_wrap(ctx, edge_http_start(ctx, &config, &client->distro), "Distro.Port");
}

void distro_stop(struct client *client)
{
    if (client->distro) {
        edge_http_stop(client->distro, DRAIN_MS);
        client->distro = NULL;
    }
}
