/* Device services: POST, PATCH, GET, DELETE /deviceservice... (contract 4.2). */
#include "edge/clock.h"
#include "metadata.h"

static void announce_service(struct edge_ctx *ctx, struct metadata *meta, const char *action,
                             const struct device_service *service)
{
    metadata_announce(ctx, meta, "deviceservice", action, service->name, NULL, &DEVICE_SERVICE,
                      service);
}

/** POST item: add one device service. */
static enum edge_status service_add(struct edge_call *call, void *object, struct edge_item *item)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device_service *service = &((struct device_service_request *)object)->service;
    bool exists = false;
    EDGE_TRY(metadata_name_check(ctx, "device service", service->name));
    EDGE_TRY(metadata_has(ctx, meta, &SERVICES, "name", service->name, &exists));
    if (exists) {
        return edge_fail(ctx, EDGE_CONFLICT, "device service name %s already exists",
                         service->name);
    }
    metadata_stamp(ctx, &service->id, &service->created, &service->modified);
    EDGE_TRY(edge_store_add(ctx, meta->store, &SERVICES, service));
    announce_service(ctx, meta, "add", service);
    item->id = service->id;
    item->code = 201;
    return EDGE_OK;
}

enum edge_status services_add(struct edge_call *call)
{
    return metadata_change_each(call, &DEVICE_SERVICE_REQUEST, service_add);
}

/** PATCH item: JSON laid over the stored device service. */
static enum edge_status service_patch(struct edge_call *call, const cJSON *patch,
                                      struct edge_item *item)
{
    (void)item;
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device_service service;
    EDGE_TRY(metadata_get_patched(ctx, meta, &SERVICES, "device service", patch, &service));
    EDGE_TRY(edge_dto_patch(ctx, &DEVICE_SERVICE, patch, &service));
    service.modified = edge_now_ms();
    EDGE_TRY(edge_store_update(ctx, meta->store, &SERVICES, &service));
    announce_service(ctx, meta, "update", &service);
    return EDGE_OK;
}

enum edge_status services_patch(struct edge_call *call)
{
    return metadata_change_patched(call, "service", &DEVICE_SERVICE, service_patch);
}

enum edge_status services_all(struct edge_call *call)
{
    struct edge_query query = {.collection = &SERVICES};
    return metadata_reply_page(call, "services", &query);
}

enum edge_status service_get(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    struct device_service service;
    EDGE_TRY(metadata_get(ctx, edge_call_state(call), &SERVICES, "device service",
                          edge_call_param(call, "name"), &service));
    return edge_reply_object(call, "service", &DEVICE_SERVICE, &service);
}

static enum edge_status service_is_unused(struct edge_ctx *ctx, struct metadata *meta,
                                          const char *name)
{
    static const struct {
        const struct edge_collection *collection;
        const char *what;
    } users[] = {
        {&DEVICES,  "device"          },
        {&WATCHERS, "provisionWatcher"},
    };
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        bool used = false;
        EDGE_TRY(metadata_has(ctx, meta, users[i].collection, "serviceName", name, &used));
        if (used) {
            return edge_fail(ctx, EDGE_CONFLICT,
                             "fail to delete the device service when associated %s exists",
                             users[i].what);
        }
    }
    return EDGE_OK;
}

static enum edge_status service_remove(struct edge_call *call)
{
    struct metadata *meta = edge_call_state(call);
    struct edge_ctx *ctx = edge_call_ctx(call);
    const char *name = edge_call_param(call, "name");
    struct device_service service;
    EDGE_TRY(metadata_get(ctx, meta, &SERVICES, "device service", name, &service));
    EDGE_TRY(service_is_unused(ctx, meta, name));
    EDGE_TRY(edge_store_remove(ctx, meta->store, &SERVICES, "name", name));
    announce_service(ctx, meta, "delete", &service);
    return EDGE_OK;
}

enum edge_status service_delete(struct edge_call *call)
{
    return metadata_change(call, service_remove);
}
