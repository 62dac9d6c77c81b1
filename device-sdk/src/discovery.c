/*
 * Discovery: the driver reports what it finds, provision watchers say what is wanted, metadata is
 * told. One discovery at a time; it runs on the worker pool and can be cancelled.
 */
#include <stdlib.h>
#include <string.h>

#include "contracts/system_event.h"
#include "edge/clock.h"
#include "edge/pattern.h"
#include "edge/text.h"
#include "params.h"
#include "sdk.h"

enum { MAX_FOUND = 10000 };

struct devsdk_scan {
    devsdk_service *svc;
    char request_id[64];
    atomic_bool cancelled;
    atomic_uint n_added, n_reported;
};

/* Immutable but for its place in the service's list. */
struct sdk_watcher {
    atomic_uint refs;
    struct edge_arena arena;
    const struct provision_watcher *dto;
    struct edge_pattern **patterns; /* one per identifier */
};

/* ---- watchers ------------------------------------------------------------------------------ */

static void watcher_unref(struct sdk_watcher *w)
{
    if (w && atomic_fetch_sub(&w->refs, 1) == 1) {
        for (size_t i = 0; i < w->dto->n_identifiers; i++) {
            edge_pattern_free(w->patterns[i]);
        }
        edge_arena_done(&w->arena);
        free(w);
    }
}

static enum edge_status watcher_create(struct edge_ctx *ctx, const struct provision_watcher *dto,
                                       struct sdk_watcher **ret)
{
    struct sdk_watcher *w = edge_xalloc(1, sizeof(*w));
    atomic_init(&w->refs, 1);
    w->dto = edge_dto_clone(&PROVISION_WATCHER, &w->arena, dto);
    w->patterns = edge_new_n(&w->arena, struct edge_pattern *, w->dto->n_identifiers + 1);
    for (size_t i = 0; i < w->dto->n_identifiers; i++) {
        enum edge_status st = edge_pattern_create(ctx, w->dto->identifiers[i].pattern,
                                                  EDGE_PATTERN_SEARCH, &w->patterns[i]);
        if (st != EDGE_OK) {
            watcher_unref(w);
            return edge_wrap(ctx, st, "provision watcher '%s'", dto->name);
        }
    }
    *ret = w;
    return EDGE_OK;
}

/* Put @p w in the place of the one of that name; NULL takes it out. */
static struct sdk_watcher *watcher_swap(devsdk_service *svc, const char *name,
                                        struct sdk_watcher *w)
{
    EDGE_LOCK(&svc->scan_lock);
    struct sdk_watcher *before = NULL;
    size_t i = 0;
    while (i < svc->n_watchers && strcmp(svc->watchers[i]->dto->name, name) != 0) {
        i++;
    }
    if (i < svc->n_watchers) {
        before = svc->watchers[i];
        svc->watchers[i] = svc->watchers[--svc->n_watchers];
    }
    if (w) {
        svc->watchers = edge_xrealloc(svc->watchers, svc->n_watchers + 1, sizeof(*svc->watchers));
        svc->watchers[svc->n_watchers++] = w;
    }
    return before;
}

enum edge_status sdk_watcher_apply(struct edge_ctx *ctx, devsdk_service *svc,
                                   const struct provision_watcher *dto)
{
    struct sdk_watcher *w = NULL;
    EDGE_TRY(watcher_create(ctx, dto, &w));
    watcher_unref(watcher_swap(svc, dto->name, w));
    return EDGE_OK;
}

void sdk_watcher_remove(devsdk_service *svc, const char *name)
{
    watcher_unref(watcher_swap(svc, name, NULL));
}

void sdk_watchers_clear(devsdk_service *svc)
{
    EDGE_LOCK(&svc->scan_lock);
    for (size_t i = 0; i < svc->n_watchers; i++) {
        watcher_unref(svc->watchers[i]);
    }
    free(svc->watchers);
    svc->watchers = NULL;
    svc->n_watchers = 0;
}

/* ---- matching ------------------------------------------------------------------------------ */

static const char *value_text(struct edge_ctx *ctx, const cJSON *node)
{
    if (cJSON_IsString(node)) {
        return node->valuestring;
    }
    struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, node);
    const char *copy = edge_strndup(&ctx->arena, text.data, text.len);
    edge_buf_done(&text);
    return copy;
}

static bool identified(struct edge_ctx *ctx, const struct sdk_watcher *w, const cJSON *properties)
{
    for (size_t i = 0; i < w->dto->n_identifiers; i++) {
        const cJSON *node = edge_json_member(properties, w->dto->identifiers[i].key, true);
        if (!node || !edge_pattern_matches(w->patterns[i], value_text(ctx, node))) {
            return false;
        }
    }
    return true;
}

static bool blocked(struct edge_ctx *ctx, const struct sdk_watcher *w, const cJSON *properties)
{
    for (size_t i = 0; i < w->dto->n_blocking_identifiers; i++) {
        const struct watch_blocking *b = &w->dto->blocking_identifiers[i];
        const cJSON *node = edge_json_member(properties, b->key, true);
        for (size_t k = 0; node && k < b->n_values; k++) {
            if (strcmp(value_text(ctx, node), b->values[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The first watcher that wants it, with a reference; NULL: none. */
static struct sdk_watcher *watcher_for(struct edge_ctx *ctx, devsdk_service *svc,
                                       const cJSON *properties)
{
    EDGE_LOCK(&svc->scan_lock);
    for (size_t i = 0; i < svc->n_watchers; i++) {
        struct sdk_watcher *w = svc->watchers[i];
        if (w->dto->admin_state == UNLOCKED && identified(ctx, w, properties) &&
            !blocked(ctx, w, properties)) {
            atomic_fetch_add(&w->refs, 1);
            return w;
        }
    }
    return NULL;
}

/* ---- reporting ----------------------------------------------------------------------------- */

static enum edge_status add_found(struct edge_ctx *ctx, devsdk_service *svc,
                                  const devsdk_found *found, const cJSON *properties,
                                  const struct provision_watcher *watcher)
{
    const struct discovered_device *as = &watcher->discovered_device;
    struct protocol protocol = {.name = found->protocol, .properties = properties};
    struct device_request request = {
        .base = {.api_version = EDGE_API_VERSION, .request_id = edge_uuid_make(&ctx->arena)},
        .device = { .name = found->name,
                 .parent = found->parent,
                 .description = found->description,
                 .admin_state = as->admin_state,
                 .operating_state = OPERATING_UP,
                 .service_name = svc->rt->name,
                 .profile_name = as->profile_name,
                 .auto_events = as->auto_events,
                 .n_auto_events = as->n_auto_events,
                 .protocols = &protocol,
                 .n_protocols = 1,
                 .properties = as->properties}
    };
    struct device *device = &request.device;
    while (found->labels && found->labels[device->n_labels]) {
        device->n_labels++;
    }
    device->labels = (const char **)(uintptr_t)found->labels;
    const char *body =
        edge_printf(&ctx->arena, "[%s]", edge_dto_text(&DEVICE_REQUEST, &request, &ctx->arena));
    return sdk_metadata_send(ctx, svc, "POST", "/api/v3/device?bypassValidation=true", body, true);
}

static const devsdk_field *fields_of(const devsdk_driver *driver, const char *protocol)
{
    for (const devsdk_protocol *p = driver->protocols; p && p->name; p++) {
        if (strcmp(p->name, protocol) == 0) {
            return p->fields;
        }
    }
    return NULL;
}

devsdk_result devsdk_report(devsdk_scan *scan, const devsdk_found *found)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_service *svc = scan->svc;
    ctx.log = svc->rt->log;
    if (!found->name || !*found->name || !found->protocol) {
        return DEVSDK_INVALID;
    }
    if (atomic_fetch_add(&scan->n_reported, 1) >= MAX_FOUND) {
        return DEVSDK_BUSY;
    }
    struct sdk_entry *known = sdk_entry_find(svc, found->name);
    if (known) {
        sdk_entry_unref(known);
        return DEVSDK_OK;
    }
    const cJSON *properties =
        sdk_params_print(&ctx, fields_of(svc->driver, found->protocol), found->addr);
    struct sdk_watcher *w = watcher_for(&ctx, svc, properties);
    if (!w) {
        edge_log_debug(&ctx, "discovered device is not wanted", "device", found->name, NULL);
        return DEVSDK_OK;
    }
    enum edge_status st = add_found(&ctx, svc, found, properties, w->dto);
    if (st == EDGE_OK) {
        atomic_fetch_add(&scan->n_added, 1);
        edge_log_info(&ctx, "discovered device added", "device", found->name, "watcher",
                      w->dto->name, NULL);
    } else {
        edge_log_error(&ctx, "discovered device not added", "device", found->name, "error",
                       edge_ctx_message(&ctx, st), NULL);
    }
    watcher_unref(w);
    return st == EDGE_OK ? DEVSDK_OK : DEVSDK_LINK;
}

static void publish_progress(devsdk_scan *scan, int percent, const char *message)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_service *svc = scan->svc;
    cJSON *details = edge_json_object(&ctx);
    cJSON_AddStringToObject(details, "requestId", scan->request_id);
    cJSON_AddNumberToObject(details, "progress", percent);
    if (message && *message) {
        cJSON_AddStringToObject(details, "message", message);
    }
    cJSON_AddNumberToObject(details, "discoveredDeviceCount", atomic_load(&scan->n_added));
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    struct system_event *e = edge_new(a, struct system_event);
    *e = (struct system_event){.api_version = EDGE_API_VERSION,
                               .type = "device",
                               .action = "discovery",
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
    edge_message_topic(m, "%s/system-events/%s/device/discovery/%s", svc->rt->base_topic, name,
                       name);
    sdk_outbox_put(svc->outbox, m, 0);
    edge_message_unref(m);
}

void devsdk_progress(devsdk_scan *scan, unsigned percent, const char *message)
{
    publish_progress(scan, percent < 100 ? (int)percent : 99, message);
}

bool devsdk_cancelled(const devsdk_scan *scan)
{
    return atomic_load(&scan->cancelled);
}

/* ---- running ------------------------------------------------------------------------------- */

/* NULL where one is under way. */
static devsdk_scan *scan_open(devsdk_service *svc, const char *request_id)
{
    EDGE_LOCK(&svc->scan_lock);
    if (svc->scan || atomic_load(&svc->quiet)) {
        return NULL;
    }
    devsdk_scan *scan = edge_xalloc(1, sizeof(*scan));
    scan->svc = svc;
    size_t len = strnlen(request_id, sizeof(scan->request_id) - 1);
    memcpy(scan->request_id, request_id, len);
    svc->scan = scan;
    return scan;
}

static void scan_close(devsdk_service *svc, devsdk_scan *scan)
{
    EDGE_LOCK(&svc->scan_lock);
    svc->scan = NULL;
    free(scan);
}

static void discover(devsdk_service *svc, void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    devsdk_scan *scan = arg;
    publish_progress(scan, 0, NULL);
    devsdk_result result = svc->driver->discover(svc, scan);
    if (result == DEVSDK_OK) {
        publish_progress(scan, 100, atomic_load(&scan->cancelled) ? "stopped" : NULL);
    } else {
        edge_log_error(&ctx, "discovery failed", NULL);
        publish_progress(scan, -1, "the driver failed");
    }
    scan_close(svc, scan);
}

static bool scan_begin(devsdk_service *svc, const char *request_id)
{
    devsdk_scan *scan = scan_open(svc, request_id);
    if (!scan) {
        return false;
    }
    if (!sdk_background(svc, discover, scan)) {
        scan_close(svc, scan);
        return false;
    }
    return true;
}

enum edge_status sdk_http_discovery_start(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    devsdk_service *svc = edge_call_state(call);
    if (atomic_load(&svc->locked)) {
        return edge_fail(ctx, EDGE_LOCKED, "service locked");
    }
    if (!svc->config->device.discovery.enabled) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "device discovery disabled");
    }
    if (!svc->driver->discover) {
        return edge_fail(ctx, EDGE_UNSUPPORTED, "%s cannot discover devices", svc->rt->name);
    }
    if (!scan_begin(svc, ctx->correlation_id)) {
        return edge_fail(ctx, EDGE_CONFLICT, "another device discovery is under way");
    }
    edge_call_set_request_id(call, ctx->correlation_id);
    return edge_reply_base(call, 202, "Device Discovery is triggered.");
}

/* Cancel the discovery of @p request_id (NULL: whichever); false where another one runs. */
static bool scan_cancel(devsdk_service *svc, const char *request_id)
{
    EDGE_LOCK(&svc->scan_lock);
    if (!svc->scan) {
        return true;
    }
    if (request_id && strcmp(request_id, svc->scan->request_id) != 0) {
        return false;
    }
    atomic_store(&svc->scan->cancelled, true);
    return true;
}

void sdk_discovery_cancel(devsdk_service *svc)
{
    scan_cancel(svc, NULL);
}

enum edge_status sdk_http_discovery_stop(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    devsdk_service *svc = edge_call_state(call);
    const char *id = edge_call_param(call, "id");
    if (!svc->driver->discover) {
        return edge_fail(ctx, EDGE_UNSUPPORTED, "%s cannot discover devices", svc->rt->name);
    }
    if (!scan_cancel(svc, *id ? id : NULL)) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "no discovery with request id '%s' is under way", id);
    }
    return edge_reply_base(call, 200, NULL);
}

enum edge_status sdk_http_scan_unsupported(struct edge_call *call)
{
    devsdk_service *svc = edge_call_state(call);
    return edge_fail(edge_call_ctx(call), EDGE_UNSUPPORTED, "%s cannot make profiles of devices",
                     svc->rt->name);
}

/* ---- by itself ----------------------------------------------------------------------------- */

static void arm_discovery(devsdk_service *svc)
{
    int64_t ns;
    const struct sdk_discovery_config *config = &svc->config->device.discovery;
    if (config->enabled && svc->driver->discover && !atomic_load(&svc->quiet) &&
        edge_duration_parse(config->interval, true, &ns) && ns >= 1000000) {
        edge_timer_arm(svc->rt->timers, &svc->discovery, edge_now_mono_ms() + ns / 1000000);
    }
}

static void discovery_due(struct edge_timer *timer)
{
    devsdk_service *svc =
        (devsdk_service *)((char *)timer - offsetof(struct devsdk_service, discovery));
    char id[EDGE_UUID_SIZE];
    edge_uuid_new(id);
    if (!atomic_load(&svc->locked)) {
        scan_begin(svc, id);
    }
    arm_discovery(svc);
}

void sdk_discovery_schedule(devsdk_service *svc)
{
    svc->discovery.fn = discovery_due;
    arm_discovery(svc);
}
