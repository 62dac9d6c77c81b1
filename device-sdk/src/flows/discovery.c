/*
 * Discovery: the driver reports what it finds, provision watchers say what is wanted, metadata is
 * told. One discovery at a time; it runs on the worker pool and can be cancelled.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/log.h"
#include "edge/pattern.h"
#include "edge/text.h"
#include "model/params.h"
#include "scan.h"

enum { MAX_FOUND = 10000 };

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
    EDGE_LOCK(&svc->flows->scan_lock);
    struct sdk_watcher *before = NULL;
    size_t i = 0;
    while (i < svc->flows->n_watchers && strcmp(svc->flows->watchers[i]->dto->name, name) != 0) {
        i++;
    }
    if (i < svc->flows->n_watchers) {
        before = svc->flows->watchers[i];
        svc->flows->watchers[i] = svc->flows->watchers[--svc->flows->n_watchers];
    }
    if (w) {
        svc->flows->watchers = edge_xrealloc(svc->flows->watchers, svc->flows->n_watchers + 1,
                                             sizeof(*svc->flows->watchers));
        svc->flows->watchers[svc->flows->n_watchers++] = w;
    }
    return before;
}

/* All watchers, each with a reference, in the context's arena. */
static size_t all_watchers(struct edge_ctx *ctx, devsdk_service *svc, struct sdk_watcher ***ret)
{
    EDGE_LOCK(&svc->flows->scan_lock);
    *ret = edge_new_n(&ctx->arena, struct sdk_watcher *, svc->flows->n_watchers + 1);
    for (size_t i = 0; i < svc->flows->n_watchers; i++) {
        (*ret)[i] = svc->flows->watchers[i];
        atomic_fetch_add(&svc->flows->watchers[i]->refs, 1);
    }
    return svc->flows->n_watchers;
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

bool sdk_watcher_has(devsdk_service *svc, const char *name)
{
    EDGE_LOCK(&svc->flows->scan_lock);
    size_t i = 0;
    while (i < svc->flows->n_watchers && strcmp(svc->flows->watchers[i]->dto->name, name) != 0) {
        i++;
    }
    return i < svc->flows->n_watchers;
}

void sdk_watchers_keep(struct edge_ctx *ctx, devsdk_service *svc, const struct edge_map *names)
{
    struct sdk_watcher **watchers;
    size_t n = all_watchers(ctx, svc, &watchers);
    for (size_t i = 0; i < n; i++) {
        if (!edge_map_find(names, watchers[i]->dto->name)) {
            sdk_watcher_remove(svc, watchers[i]->dto->name);
        }
        watcher_unref(watchers[i]);
    }
}

void sdk_watchers_clear(devsdk_service *svc)
{
    EDGE_LOCK(&svc->flows->scan_lock);
    for (size_t i = 0; i < svc->flows->n_watchers; i++) {
        watcher_unref(svc->flows->watchers[i]);
    }
    free(svc->flows->watchers);
    svc->flows->watchers = NULL;
    svc->flows->n_watchers = 0;
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

/* Nobody waits for an answer here: an expression at its limit is told to the log. */
static bool matches(struct edge_ctx *ctx, const struct sdk_watcher *w, size_t i, const char *text)
{
    bool found = false;
    if (edge_pattern_match(ctx, w->patterns[i], text, &found) != EDGE_OK) {
        edge_log_warn(ctx, "a provision watcher cannot decide", "watcher", w->dto->name, "reason",
                      edge_ctx_message(ctx, EDGE_INVALID), NULL);
        edge_ctx_clear(ctx);
    }
    return found;
}

static bool identified(struct edge_ctx *ctx, const struct sdk_watcher *w, const cJSON *properties)
{
    for (size_t i = 0; i < w->dto->n_identifiers; i++) {
        const cJSON *node = edge_json_member(properties, w->dto->identifiers[i].key, true);
        if (!node || !matches(ctx, w, i, value_text(ctx, node))) {
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

/* The first watcher that wants it, with a reference; NULL: none. Patterns may take their time, so
 * no lock is held meanwhile. */
static struct sdk_watcher *watcher_for(struct edge_ctx *ctx, devsdk_service *svc,
                                       const cJSON *properties)
{
    struct sdk_watcher **watchers, *wanted = NULL;
    size_t n = all_watchers(ctx, svc, &watchers);
    for (size_t i = 0; i < n; i++) {
        struct sdk_watcher *w = watchers[i];
        if (!wanted && w->dto->admin_state == UNLOCKED && identified(ctx, w, properties) &&
            !blocked(ctx, w, properties)) {
            wanted = w;
        } else {
            watcher_unref(w);
        }
    }
    return wanted;
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
    if (scan->profile) {
        return DEVSDK_UNSUPPORTED;
    }
    if (atomic_fetch_add(&scan->n_reported, 1) >= MAX_FOUND) {
        return DEVSDK_BUSY;
    }
    const cJSON *properties =
        sdk_params_print(&ctx, fields_of(svc->driver, found->protocol), found->addr);
    if (sdk_onlooker) {
        sdk_onlooker->reports(found, properties);
    }
    struct sdk_entry *known = sdk_entry_find(svc, found->name);
    if (known) {
        sdk_entry_unref(known);
        return DEVSDK_OK;
    }
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

/* ---- running ------------------------------------------------------------------------------- */

/* The one under way stays: false, and its id, where there is one ("" when stopping). */
static bool scan_open(devsdk_service *svc, const char *request_id, devsdk_scan **ret,
                      char running[SDK_SCAN_ID_SIZE])
{
    EDGE_LOCK(&svc->flows->scan_lock);
    running[0] = '\0';
    if (svc->flows->scan || atomic_load(&svc->quiet)) {
        memcpy(running, svc->flows->scan ? svc->flows->scan->request_id : "",
               svc->flows->scan ? SDK_SCAN_ID_SIZE : 1);
        return false;
    }
    svc->flows->scan = *ret = edge_xalloc(1, sizeof(**ret));
    sdk_scan_init(*ret, svc, "discovery", request_id);
    return true;
}

/* Whoever hears of the end may begin another one at once. */
static void scan_leave(devsdk_service *svc)
{
    EDGE_LOCK(&svc->flows->scan_lock);
    svc->flows->scan = NULL;
}

static void discover(devsdk_service *svc, void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    devsdk_scan *scan = arg;
    sdk_scan_progress(scan, 0, NULL);
    devsdk_result result = svc->driver->discover(svc, scan);
    scan_leave(svc);
    if (result == DEVSDK_OK || devsdk_cancelled(scan)) {
        sdk_scan_progress(scan, 100, devsdk_cancelled(scan) ? "stopped" : NULL);
    } else {
        const char *why = sdk_scan_fault(&ctx, scan, result);
        edge_log_error(&ctx, "discovery failed", "error", why, NULL);
        sdk_scan_progress(scan, -1, why);
    }
    sdk_scan_done(scan);
    free(scan);
}

/* *ret_id: of what runs now, by us or before us; "": nothing can. */
static void scan_begin(devsdk_service *svc, const char *request_id, char ret_id[SDK_SCAN_ID_SIZE])
{
    devsdk_scan *scan;
    if (!scan_open(svc, request_id, &scan, ret_id)) {
        return;
    }
    memcpy(ret_id, scan->request_id, SDK_SCAN_ID_SIZE);
    if (!sdk_background(svc, discover, scan)) {
        ret_id[0] = '\0';
        scan_leave(svc);
        sdk_scan_done(scan);
        free(scan);
    }
}

/* Asked for while one runs, it is that one which was triggered (contract 10.1 knows no 409 here). */
enum edge_status sdk_http_discovery_start(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    devsdk_service *svc = edge_call_state(call);
    char id[SDK_SCAN_ID_SIZE];
    if (atomic_load(&svc->locked)) {
        return edge_fail(ctx, EDGE_LOCKED, "service locked");
    }
    if (!svc->config->device.discovery.enabled) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "device discovery disabled");
    }
    if (!svc->driver->discover) {
        return edge_fail(ctx, EDGE_UNSUPPORTED, "%s cannot discover devices", svc->rt->name);
    }
    scan_begin(svc, ctx->correlation_id, id);
    if (!*id) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "too busy to discover devices");
    }
    edge_call_set_request_id(call, edge_strdup(&ctx->arena, id));
    return edge_reply_base(call, 202, "Device Discovery is triggered.");
}

/* Cancel the discovery of @p request_id (NULL: whichever); false where another one runs. */
static bool scan_cancel(devsdk_service *svc, const char *request_id)
{
    EDGE_LOCK(&svc->flows->scan_lock);
    if (!svc->flows->scan) {
        return true;
    }
    if (request_id && strcmp(request_id, svc->flows->scan->request_id) != 0) {
        return false;
    }
    atomic_store(&svc->flows->scan->cancelled, true);
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
    edge_call_set_request_id(call, id);
    if (!svc->driver->discover) {
        return edge_fail(ctx, EDGE_UNSUPPORTED, "%s cannot discover devices", svc->rt->name);
    }
    if (!scan_cancel(svc, *id ? id : NULL)) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "no discovery with request id '%s' is under way", id);
    }
    return edge_reply_base(call, 200, NULL);
}

/* ---- by itself ----------------------------------------------------------------------------- */

static void arm_discovery(devsdk_service *svc)
{
    int64_t ns;
    const struct sdk_discovery_config *config = &svc->config->device.discovery;
    if (config->enabled && svc->driver->discover && !atomic_load(&svc->quiet) &&
        edge_duration_parse(config->interval, true, &ns) && ns >= 1000000) {
        edge_timer_arm(svc->rt->timers, &svc->flows->discovery, edge_now_mono_ms() + ns / 1000000);
    }
}

static void discovery_due(struct edge_timer *timer)
{
    devsdk_service *svc = EDGE_CONTAINER(timer, struct sdk_flows, discovery)->svc;
    char id[EDGE_UUID_SIZE], running[SDK_SCAN_ID_SIZE];
    edge_uuid_new(id);
    if (!atomic_load(&svc->locked)) {
        scan_begin(svc, id, running);
    }
    arm_discovery(svc);
}

void sdk_discovery_schedule(devsdk_service *svc)
{
    svc->flows->discovery.fn = discovery_due;
    arm_discovery(svc);
}
