/* What the SDK asks core-metadata and tells it, over REST. */
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "flows.h"

enum { PAGE = 1000, TIMEOUT_MS = 5000 };

static enum edge_status metadata_url(struct edge_ctx *ctx, const devsdk_service *svc,
                                     const char **ret)
{
    *ret = edge_peer_url(ctx, svc->rt, "core-metadata");
    return *ret ? EDGE_OK
                : edge_fail(ctx, EDGE_INTERNAL, "Clients.core-metadata is not configured");
}

static enum edge_status call(struct edge_ctx *ctx, devsdk_service *svc,
                             const struct edge_http_request *req, const cJSON **ret)
{
    const char *url;
    EDGE_TRY(metadata_url(ctx, svc, &url));
    enum edge_status st =
        edge_client_json(svc->rt->client, ctx, url, req, edge_now_mono_ms() + TIMEOUT_MS, ret);
    return edge_wrap(ctx, st, "core-metadata");
}

static enum edge_status get(struct edge_ctx *ctx, devsdk_service *svc, const char *target,
                            const cJSON **ret)
{
    const struct edge_http_request req = {.method = "GET", .target = target};
    return call(ctx, svc, &req, ret);
}

enum edge_status sdk_metadata_profile(struct edge_ctx *ctx, devsdk_service *svc, const char *name,
                                      struct device_profile *ret)
{
    const cJSON *answer;
    EDGE_TRY(get(ctx, svc,
                 edge_printf(&ctx->arena, "/api/v3/deviceprofile/name/%s",
                             edge_name_escape(&ctx->arena, name)),
                 &answer));
    const cJSON *profile = edge_json_member(answer, "profile", false);
    return edge_wrap(ctx, edge_dto_decode(ctx, &DEVICE_PROFILE, profile, ret), "core-metadata");
}

struct each {
    devsdk_service *svc;
    const char *key;
    sdk_item_visitor *visit;
    void *arg;
};

static enum edge_status take_up(struct edge_ctx *ctx, const cJSON *item, void *arg)
{
    const struct each *each = arg;
    EDGE_CTX_SCOPE(one);
    one.log = ctx->log;
    enum edge_status st = each->visit(&one, each->svc, item, each->arg);
    if (st == EDGE_UNAVAILABLE) {
        return edge_pass(ctx, st, &one);
    }
    if (st != EDGE_OK) {
        edge_log_error(&one, "cannot take up what core-metadata has", "of", each->key, "error",
                       edge_ctx_message(&one, st), NULL);
    }
    return EDGE_OK;
}

enum edge_status sdk_metadata_each(struct edge_ctx *ctx, devsdk_service *svc, const char *path,
                                   const char *key, sdk_item_visitor *visit, void *arg)
{
    EDGE_CTX_SCOPE(own);
    own.log = ctx->log;
    own.budget = svc->rt->budget;
    struct each each = {svc, key, visit, arg};
    struct edge_client_list list = {
        .path = path,
        .key = key,
        .limit = -1,
        .page = PAGE,
        .timeout_ms = TIMEOUT_MS,
        .visit = take_up,
        .arg = &each,
    };
    EDGE_TRY(metadata_url(ctx, svc, &list.base_url));
    enum edge_status st = edge_client_list(svc->rt->client, &own, &list);
    return edge_pass(ctx, edge_wrap(&own, st, "core-metadata"), &own);
}

enum edge_status sdk_metadata_has(struct edge_ctx *ctx, devsdk_service *svc, const char *kind,
                                  const char *name, bool *ret)
{
    const cJSON *answer;
    const char *target =
        edge_printf(&ctx->arena, "/api/v3/%s/name/%s", kind, edge_name_escape(&ctx->arena, name));
    enum edge_status st = get(ctx, svc, target, &answer);
    if (st == EDGE_NOT_FOUND) {
        edge_ctx_clear(ctx);
    }
    *ret = st == EDGE_OK;
    return st == EDGE_NOT_FOUND ? EDGE_OK : st;
}

/* ---- batches ------------------------------------------------------------------------------------ */

/* How one item of a 207 answer fared. */
static enum edge_status item_outcome(struct edge_ctx *ctx, const cJSON *item, bool existing_is_fine)
{
    int64_t code = 0;
    const cJSON *message = edge_json_member(item, "message", false);
    edge_json_int(edge_json_member(item, "statusCode", false), &code);
    if ((code >= 200 && code < 300) || (code == 409 && existing_is_fine)) {
        return EDGE_OK;
    }
    enum edge_status st = edge_status_from_http((int)code);
    st = edge_fail(ctx, st == EDGE_OK ? EDGE_INTERNAL : st, "%s",
                   cJSON_IsString(message) ? message->valuestring : "no reason given");
    return edge_wrap(ctx, st, "core-metadata");
}

static enum edge_status post(struct edge_ctx *ctx, devsdk_service *svc, const char *method,
                             const char *target, const char *body, const cJSON **ret)
{
    const struct edge_http_request req = {
        .method = method, .target = target, .body = body, .body_size = strlen(body)};
    return call(ctx, svc, &req, ret);
}

enum edge_status sdk_metadata_send(struct edge_ctx *ctx, devsdk_service *svc, const char *method,
                                   const char *target, const char *body, bool existing_is_fine)
{
    const cJSON *answer;
    EDGE_TRY(post(ctx, svc, method, target, body, &answer));
    const cJSON *item = cJSON_IsArray(answer) ? answer->child : NULL;
    for (; item; item = item->next) {
        EDGE_TRY(item_outcome(ctx, item, existing_is_fine));
    }
    return EDGE_OK;
}

/* Of the conflicts the one that says: it is there. */
static bool is_there(const cJSON *item)
{
    int64_t code = 0;
    const cJSON *message = edge_json_member(item, "message", false);
    edge_json_int(edge_json_member(item, "statusCode", false), &code);
    return code == 409 && cJSON_IsString(message) && strstr(message->valuestring, " name ") &&
           strstr(message->valuestring, "exists");
}

enum edge_status sdk_metadata_send_each(struct edge_ctx *ctx, devsdk_service *svc,
                                        const char *method, const char *target, const char *body,
                                        sdk_refused *refused, void *arg)
{
    const cJSON *answer;
    enum edge_status all = EDGE_OK;
    size_t i = 0;
    EDGE_TRY(post(ctx, svc, method, target, body, &answer));
    const cJSON *item = cJSON_IsArray(answer) ? answer->child : NULL;
    for (; item; item = item->next, i++) {
        EDGE_CTX_SCOPE(one);
        one.log = ctx->log;
        enum edge_status st = item_outcome(&one, item, is_there(item));
        if (st == EDGE_UNAVAILABLE) {
            all = all == EDGE_OK ? edge_pass(ctx, st, &one) : all;
        } else if (st != EDGE_OK) {
            refused(&one, st, i, arg);
        }
    }
    return all;
}

static const char *own_address(struct edge_ctx *ctx, const devsdk_service *svc)
{
    return edge_runtime_url(&ctx->arena, svc->rt);
}

enum edge_status sdk_metadata_reclaim(struct edge_ctx *ctx, devsdk_service *svc,
                                      struct device_service *ret_known)
{
    const cJSON *answer;
    EDGE_TRY(get(ctx, svc,
                 edge_printf(&ctx->arena, "/api/v3/deviceservice/name/%s",
                             edge_name_escape(&ctx->arena, svc->rt->name)),
                 &answer));
    EDGE_TRY(edge_wrap(ctx,
                       edge_dto_decode(ctx, &DEVICE_SERVICE,
                                       edge_json_member(answer, "service", false), ret_known),
                       "core-metadata"));
    const char *own = own_address(ctx, svc);
    if (strcmp(ret_known->base_address, own) == 0) {
        return EDGE_OK;
    }
    edge_log_warn(ctx, "core-metadata had another address of this service, telling it ours",
                  "address", own, "instead-of", ret_known->base_address, NULL);
    cJSON *item = edge_json_object(ctx), *service = cJSON_AddObjectToObject(item, "service");
    cJSON_AddStringToObject(item, "apiVersion", EDGE_API_VERSION);
    cJSON_AddStringToObject(service, "name", svc->rt->name);
    cJSON_AddStringToObject(service, "baseAddress", own);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    edge_buf_puts(&body, "[");
    edge_json_put(&body, item);
    edge_buf_puts(&body, "]");
    return sdk_metadata_send(ctx, svc, "PATCH", "/api/v3/deviceservice", edge_buf_str(&body),
                             false);
}

enum edge_status sdk_metadata_register(struct edge_ctx *ctx, devsdk_service *svc)
{
    const struct sdk_device_config *device = &svc->config->device;
    bool known;
    struct device_service_request request = {
        .base = {.api_version = EDGE_API_VERSION, .request_id = edge_uuid_make(&ctx->arena)},
        .service = { .name = svc->rt->name,
                 .admin_state = UNLOCKED,
                 .labels = device->labels,
                 .n_labels = device->n_labels,
                 .base_address = own_address(ctx, svc)}
    };
    EDGE_TRY(sdk_metadata_has(ctx, svc, "deviceservice", svc->rt->name, &known));
    const char *body = edge_printf(&ctx->arena, "[%s]",
                                   edge_dto_text(&DEVICE_SERVICE_REQUEST, &request, &ctx->arena));
    return sdk_metadata_send(ctx, svc, known ? "PATCH" : "POST", "/api/v3/deviceservice", body,
                             true);
}
