/* Devices and profiles that drivers bring along while they run: what a gateway or a hub tells of. */
#include <stdio.h>
#include <string.h>

#include "edge/text.h"
#include "flows.h"

static devsdk_result told(struct edge_ctx *ctx, enum edge_status st, char *why, size_t size)
{
    if (st == EDGE_OK) {
        return DEVSDK_OK;
    }
    snprintf(why, size, "%s", edge_ctx_message(ctx, st));
    return st == EDGE_NOT_FOUND                          ? DEVSDK_NO_OBJECT
           : st == EDGE_UNAVAILABLE || st == EDGE_REMOTE ? DEVSDK_LINK
                                                         : DEVSDK_INVALID;
}

/* The object of @p json, a copy to add to, and its name. */
static enum edge_status parse(struct edge_ctx *ctx, const char *json, cJSON **ret,
                              const char **ret_name)
{
    const cJSON *tree;
    EDGE_TRY(edge_json_parse(ctx, json, strlen(json), NULL, &tree));
    const cJSON *name = cJSON_IsObject(tree) ? edge_json_member(tree, "name", false) : NULL;
    if (!cJSON_IsString(name)) {
        return edge_fail(ctx, EDGE_INVALID, "no name");
    }
    *ret = edge_json_object(ctx);
    for (const cJSON *member = tree->child; member; member = member->next) {
        cJSON_AddItemToObject(*ret, member->string, cJSON_Duplicate(member, true));
    }
    *ret_name = name->valuestring;
    return EDGE_OK;
}

static void set_default(cJSON *object, const char *key, const char *value)
{
    if (!edge_json_member(object, key, false)) {
        cJSON_AddStringToObject(object, key, value);
    }
}

static enum edge_status send(struct edge_ctx *ctx, devsdk_service *svc, const char *method,
                             const char *target, const char *key, const cJSON *object)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    edge_buf_printf(&body, "[{\"apiVersion\":\"%s\",\"%s\":", EDGE_API_VERSION, key);
    edge_json_put(&body, object);
    edge_buf_puts(&body, "}]");
    return sdk_metadata_send(ctx, svc, method, target, edge_buf_str(&body), false);
}

static enum edge_status put_device(struct edge_ctx *ctx, devsdk_service *svc, const char *json)
{
    cJSON *device;
    const char *name;
    EDGE_TRY(parse(ctx, json, &device, &name));
    struct sdk_entry *known = sdk_entry_find(svc, name);
    if (known) {
        sdk_entry_unref(known);
        return send(ctx, svc, "PATCH", "/api/v3/device", "device", device);
    }
    set_default(device, "serviceName", svc->rt->name);
    set_default(device, "adminState", "UNLOCKED");
    set_default(device, "operatingState", "UP");
    return send(ctx, svc, "POST", "/api/v3/device?bypassValidation=true", "device", device);
}

static enum edge_status put_profile(struct edge_ctx *ctx, devsdk_service *svc, const char *json)
{
    cJSON *profile;
    const char *name;
    bool there;
    EDGE_TRY(parse(ctx, json, &profile, &name));
    EDGE_TRY(sdk_metadata_has(ctx, svc, "deviceprofile", name, &there));
    return send(ctx, svc, there ? "PUT" : "POST", "/api/v3/deviceprofile", "profile", profile);
}

devsdk_result devsdk_put_device(devsdk_service *svc, const char *json, char *why, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    return told(&ctx, put_device(&ctx, svc, json), why, size);
}

devsdk_result devsdk_put_profile(devsdk_service *svc, const char *json, char *why, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    return told(&ctx, put_profile(&ctx, svc, json), why, size);
}
