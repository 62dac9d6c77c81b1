/* Scans: their progress as system events (contract 10.5), their end, the driver's words for it. */
#include "scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/system_event.h"
#include "edge/text.h"

void sdk_scan_init(devsdk_scan *scan, devsdk_service *svc, const char *action,
                   const char *request_id)
{
    scan->svc = svc;
    scan->action = action;
    edge_mutex_init(&scan->lock);
    snprintf(scan->request_id, sizeof(scan->request_id), "%s", request_id);
}

void sdk_scan_done(devsdk_scan *scan)
{
    edge_mutex_done(&scan->lock);
}

void sdk_scan_progress(devsdk_scan *scan, int percent, const char *message)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_service *svc = scan->svc;
    cJSON *details = edge_json_object(&ctx);
    cJSON_AddStringToObject(details, "requestId", scan->request_id);
    cJSON_AddNumberToObject(details, "progress", percent);
    if (message && *message) {
        cJSON_AddStringToObject(details, "message", message);
    }
    if (!scan->profile) {
        cJSON_AddNumberToObject(details, "discoveredDeviceCount", atomic_load(&scan->n_added));
    }
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    struct system_event *e = edge_new(a, struct system_event);
    *e = (struct system_event){.api_version = EDGE_API_VERSION,
                               .type = "device",
                               .action = scan->action,
                               .source = edge_strdup(a, svc->rt->name),
                               .owner = edge_strdup(a, svc->rt->name),
                               .details = edge_json_clone(a, details),
                               .timestamp = edge_now_ns()};
    m->dto = &SYSTEM_EVENT;
    m->object = e;
    m->content_type = "application/json";
    m->correlation_id = edge_strdup(a, scan->request_id);
    m->request_id = "";
    const char *name = sdk_topic_level(a, svc, svc->rt->name);
    edge_message_topic(m, "%s/system-events/%s/device/%s/%s", svc->rt->base_topic, name,
                       scan->action, name);
    sdk_outbox_put(svc->outbox, m, 0);
    edge_message_unref(m);
}

const char *sdk_scan_fault(struct edge_ctx *ctx, devsdk_scan *scan, devsdk_result result)
{
    EDGE_LOCK(&scan->lock);
    return scan->fault[0] ? edge_strdup(&ctx->arena, scan->fault)
                          : edge_printf(&ctx->arena, "the driver failed (%d)", (int)result);
}

/* ---- for drivers --------------------------------------------------------------------------- */

/* 0 and 100 are the SDK's to say. */
void devsdk_progress(devsdk_scan *scan, unsigned percent, const char *message)
{
    sdk_scan_progress(scan, percent < 100 ? (int)percent : 99, message);
}

bool devsdk_cancelled(const devsdk_scan *scan)
{
    return atomic_load(&scan->cancelled);
}

devsdk_result devsdk_scan_fail(devsdk_scan *scan, devsdk_result result, const char *fmt, ...)
{
    va_list args;
    EDGE_CTX_SCOPE(own);
    EDGE_LOCK(&scan->lock);
    va_start(args, fmt);
    edge_text_fit(scan->fault, sizeof(scan->fault), edge_vprintf(&own.arena, fmt, args));
    va_end(args);
    return result;
}
