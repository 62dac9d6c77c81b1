/* What a test asks: profiles and devices of core-metadata, reads, writes and scans of the driver's service. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "contracts/device.h"
#include "contracts/profile.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "flows/flows.h"
#include "model/lane.h"
#include "results.h"

enum { PATIENCE_MS = 10000 };

/* ---- calls --------------------------------------------------------------------------------------------- */

/* A driver that did not start: that is what everything says. */
static bool runs(devsdk_test *t)
{
    return t->rig.host != NULL;
}

static int fail(devsdk_test *t, struct edge_ctx *ctx, enum edge_status st)
{
    kit_say(t, edge_status_http(st), edge_ctx_message(ctx, st));
    return t->status;
}

static int ask_metadata(devsdk_test *t, struct edge_ctx *ctx, const char *method,
                        const char *target, const char *body)
{
    const char *text;
    struct edge_http_response res = kit_call(ctx, t->rig.metadata, method, target, body);
    int status = kit_verdict(ctx, &res, &text);
    kit_say(t, status, text);
    return status;
}

/* A wait for what the device service takes up behind its threads. */
static bool wait_for(bool (*is_so)(devsdk_test *t, const char *name), devsdk_test *t,
                     const char *name)
{
    for (int64_t deadline_ms = edge_now_mono_ms() + PATIENCE_MS; !is_so(t, name);) {
        if (edge_now_mono_ms() > deadline_ms) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return true;
}

static int taken_up(devsdk_test *t, bool (*is_so)(devsdk_test *t, const char *name),
                    const char *name)
{
    int status = t->status;
    if (!wait_for(is_so, t, name)) {
        kit_say(t, 500, "the device service did not take it up");
        return 500;
    }
    return status;
}

static const char *wrapped(struct edge_ctx *ctx, const char *key, const cJSON *tree)
{
    struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, tree);
    const char *body =
        edge_printf(&ctx->arena, "[{\"apiVersion\":\"" EDGE_API_VERSION "\",\"%s\":%s}]", key,
                    edge_buf_str(&text));
    edge_buf_done(&text);
    return body;
}

/* ---- profiles and devices --------------------------------------------------------------------------------- */

int devsdk_test_profile(devsdk_test *t, const char *profile)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    if (!runs(t)) {
        return t->status;
    }
    enum edge_status st = kit_tree(&ctx, profile, &tree);
    if (st != EDGE_OK) {
        return fail(t, &ctx, st);
    }
    return ask_metadata(t, &ctx, "POST", "/api/v3/deviceprofile", wrapped(&ctx, "profile", tree));
}

/* As core-metadata has it: what of it does not change by itself, as a text; NULL: it has none. */
static const char *wanted_text(devsdk_test *t, struct edge_ctx *ctx, const char *name,
                               struct device *ret)
{
    const cJSON *tree;
    const char *target =
        edge_printf(&ctx->arena, "/api/v3/device/name/%s", edge_name_escape(&ctx->arena, name));
    struct edge_http_response res = kit_call(ctx, t->rig.metadata, "GET", target, NULL);
    if (res.code != 200 || kit_answer_tree(ctx, &res, &tree) != EDGE_OK ||
        edge_dto_decode(ctx, &DEVICE, edge_json_member(tree, "device", true), ret) != EDGE_OK) {
        return NULL;
    }
    struct device same = *ret;
    same.modified = 0;
    same.operating_state = 0;
    return edge_dto_text(&DEVICE, &same, &ctx->arena);
}

static bool has_device(devsdk_test *t, const char *name)
{
    EDGE_CTX_SCOPE(ctx);
    struct device device;
    const char *wanted = wanted_text(t, &ctx, name, &device);
    devsdk_device *dev = sdk_device_find(kit_watch_service(), name);
    if (!dev || !wanted) {
        devsdk_put(dev);
        return false;
    }
    struct device here = *dev->dto;
    here.modified = 0;
    here.operating_state = 0;
    bool same = strcmp(edge_dto_text(&DEVICE, &here, &ctx.arena), wanted) == 0;
    devsdk_put(dev);
    return same;
}

static bool has_no_device(devsdk_test *t, const char *name)
{
    (void)t;
    devsdk_device *dev = sdk_device_find(kit_watch_service(), name);
    devsdk_put(dev);
    return dev == NULL;
}

static enum edge_status devices_read(struct edge_ctx *ctx, devsdk_test *t, const char *text,
                                     struct device_file *ret)
{
    const cJSON *tree;
    EDGE_TRY(kit_tree(ctx, text, &tree));
    if (cJSON_IsObject(tree) && !edge_json_member(tree, "deviceList", false)) {
        cJSON *list = edge_json_object(ctx), *one = cJSON_CreateArray();
        cJSON_AddItemToObject(list, "deviceList", one);
        cJSON_AddItemReferenceToArray(one, (cJSON *)(uintptr_t)tree);
        tree = list;
    }
    return device_file_decode(ctx, tree, t->rig.device->name, ret);
}

static int device_add(devsdk_test *t, struct edge_ctx *ctx, const struct device *device)
{
    const struct device_request request = {.base = {.api_version = EDGE_API_VERSION},
                                           .device = *device};
    const char *body =
        edge_printf(&ctx->arena, "[%s]", edge_dto_text(&DEVICE_REQUEST, &request, &ctx->arena));
    int status = ask_metadata(t, ctx, "POST", "/api/v3/device", body);
    return status == 201 ? taken_up(t, has_device, device->name) : status;
}

int devsdk_test_device(devsdk_test *t, const char *device)
{
    EDGE_CTX_SCOPE(ctx);
    struct device_file file;
    if (!runs(t)) {
        return t->status;
    }
    enum edge_status st = devices_read(&ctx, t, device, &file);
    if (st != EDGE_OK) {
        return fail(t, &ctx, st);
    }
    int status = 201;
    for (size_t i = 0; i < file.n_devices && status == 201; i++) {
        status = device_add(t, &ctx, &file.devices[i]);
    }
    return status;
}

static const char *name_in(const cJSON *tree)
{
    const cJSON *name = cJSON_IsObject(tree) ? edge_json_member(tree, "name", false) : NULL;
    return cJSON_IsString(name) ? name->valuestring : "";
}

int devsdk_test_change(devsdk_test *t, const char *device)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    if (!runs(t)) {
        return t->status;
    }
    enum edge_status st = kit_tree(&ctx, device, &tree);
    if (st != EDGE_OK) {
        return fail(t, &ctx, st);
    }
    int status = ask_metadata(t, &ctx, "PATCH", "/api/v3/device", wrapped(&ctx, "device", tree));
    return status == 200 ? taken_up(t, has_device, name_in(tree)) : status;
}

static bool has_watcher(devsdk_test *t, const char *name)
{
    (void)t;
    return sdk_watcher_has(kit_watch_service(), name);
}

int devsdk_test_watcher(devsdk_test *t, const char *provision_watcher)
{
    EDGE_CTX_SCOPE(ctx);
    struct provision_watcher_request request = {.base = {.api_version = EDGE_API_VERSION}};
    const cJSON *tree;
    if (!runs(t)) {
        return t->status;
    }
    enum edge_status st = kit_tree(&ctx, provision_watcher, &tree);
    if (st == EDGE_OK) {
        st = edge_dto_decode(&ctx, &PROVISION_WATCHER, tree, &request.watcher);
    }
    if (st != EDGE_OK) {
        return fail(t, &ctx, st);
    }
    const char *body = edge_printf(&ctx.arena, "[%s]",
                                   edge_dto_text(&PROVISION_WATCHER_REQUEST, &request, &ctx.arena));
    int status = ask_metadata(t, &ctx, "POST", "/api/v3/provisionwatcher", body);
    return status == 201 ? taken_up(t, has_watcher, request.watcher.name) : status;
}

int devsdk_test_remove(devsdk_test *t, const char *device)
{
    EDGE_CTX_SCOPE(ctx);
    if (!runs(t)) {
        return t->status;
    }
    const char *target =
        edge_printf(&ctx.arena, "/api/v3/device/name/%s", edge_name_escape(&ctx.arena, device));
    int status = ask_metadata(t, &ctx, "DELETE", target, NULL);
    if (status != 200) {
        return status;
    }
    status = taken_up(t, has_no_device, device);
    if (status == 200 && !kit_watch_wait_removed(device, edge_now_mono_ms() + PATIENCE_MS / 5)) {
        kit_say(t, 500, "removed() was not called: the device is still held");
        status = 500;
    }
    return status;
}

bool devsdk_test_share_lane(devsdk_test *t, const char *device, const char *other)
{
    if (!runs(t)) {
        return false;
    }
    devsdk_device *a = sdk_device_find(kit_watch_service(), device);
    devsdk_device *b = sdk_device_find(kit_watch_service(), other);
    bool shared = a && b && a->lane == b->lane;
    devsdk_put(a);
    devsdk_put(b);
    return shared;
}

bool devsdk_test_is_up(devsdk_test *t, const char *device)
{
    EDGE_CTX_SCOPE(ctx);
    struct device as;
    return runs(t) && wanted_text(t, &ctx, device, &as) && as.operating_state == OPERATING_UP;
}

/* ---- requests -------------------------------------------------------------------------------------------- */

static const devsdk_test_result *answer_of(devsdk_test *t, struct edge_ctx *ctx,
                                           const struct edge_http_response *res)
{
    const cJSON *tree;
    const char *text;
    struct event_response answer;
    int status = kit_verdict(ctx, res, &text);
    if (status != 200 || kit_answer_tree(ctx, res, &tree) != EDGE_OK ||
        !edge_json_member(tree, "event", true)) {
        return kit_result(t, status, text);
    }
    enum edge_status st = edge_dto_decode(ctx, &EVENT_RESPONSE, tree, &answer);
    return st == EDGE_OK ? kit_result_event(t, &answer.event)
                         : kit_result(t, 500, edge_ctx_message(ctx, st));
}

static const devsdk_test_result *command(devsdk_test *t, const char *method, const char *device,
                                         const char *source, const char *query, const char *body)
{
    EDGE_CTX_SCOPE(ctx);
    if (!runs(t)) {
        return kit_result(t, t->status, t->text);
    }
    const char *target = edge_printf(
        &ctx.arena, "/api/v3/device/name/%s/%s%s%s", edge_name_escape(&ctx.arena, device),
        edge_name_escape(&ctx.arena, source), query ? "?" : "", query ? query : "");
    struct edge_http_response res = kit_call(&ctx, t->rig.device, method, target, body);
    return answer_of(t, &ctx, &res);
}

const devsdk_test_result *devsdk_test_read(devsdk_test *t, const char *device, const char *source,
                                           const char *query)
{
    return command(t, "GET", device, source, query, NULL);
}

const devsdk_test_result *devsdk_test_write(devsdk_test *t, const char *device, const char *source,
                                            const char *values)
{
    return command(t, "PUT", device, source, NULL, values);
}

const char *devsdk_test_value(const devsdk_test_result *r, const char *resource)
{
    for (size_t i = 0; r && i < r->n; i++) {
        if (strcmp(r->readings[i].resource, resource) == 0) {
            return r->readings[i].value;
        }
    }
    return NULL;
}

/* ---- what comes by itself ----------------------------------------------------------------------------------- */

const devsdk_test_result *devsdk_test_event(devsdk_test *t, const char *device, const char *source,
                                            int timeout_ms)
{
    EDGE_CTX_SCOPE(ctx);
    if (!runs(t)) {
        return NULL;
    }
    const struct event *e = kit_event_take(t->rig.listener, (struct kit_wanted){device, source},
                                           edge_now_mono_ms() + timeout_ms, &ctx.arena);
    return e ? kit_result_event(t, e) : NULL;
}

static bool wait_background(devsdk_service *svc, int64_t deadline_ms)
{
    EDGE_LOCK(&svc->lock);
    while (svc->n_background > 0) {
        if (!edge_cond_wait_until(&svc->idle, &svc->lock, deadline_ms)) {
            return svc->n_background == 0;
        }
    }
    return true;
}

/* One sets off the other: lanes, what runs beside them, and what both say on the bus. True where something was under way. */
static bool settle_some(const devsdk_test *t, devsdk_service *svc, int64_t deadline_ms)
{
    bool waited =
        !sdk_lanes_wait_quiet(svc->lanes, 0) || !kit_watch_wait_idle(0) || !wait_background(svc, 0);
    (void)sdk_lanes_wait_quiet(svc->lanes, deadline_ms);
    (void)kit_watch_wait_idle(deadline_ms);
    (void)wait_background(svc, deadline_ms);
    (void)edge_bus_wait_idle(t->rig.metadata->bus, deadline_ms, &waited);
    (void)edge_bus_wait_idle(svc->rt->bus, deadline_ms, &waited);
    return waited;
}

/* What is under way ends before time goes on: nothing is late because we were fast. */
static void settle(const devsdk_test *t, devsdk_service *svc)
{
    int64_t deadline_ms = edge_now_mono_ms() + 1000;
    while (settle_some(t, svc, deadline_ms) && edge_now_mono_ms() < deadline_ms) {
    }
}

void devsdk_test_skip(devsdk_test *t, int64_t ms)
{
    if (!runs(t)) {
        return;
    }
    devsdk_service *svc = kit_watch_service();
    int64_t until_ms = edge_now_mono_ms() + ms, left_ms;
    settle(t, svc);
    while ((left_ms = until_ms - edge_now_mono_ms()) > 0) {
        (void)edge_timers_skip(svc->rt->timers, left_ms);
        settle(t, svc);
    }
}

/* ---- scans --------------------------------------------------------------------------------------------------- */

/* NULL: it ended well, *ret_id says which it was. */
static const devsdk_test_result *scan(devsdk_test *t, struct edge_ctx *ctx, const char *target,
                                      const char *body)
{
    const char *text, *why = NULL;
    edge_uuid_new(ctx->correlation_id);
    struct edge_http_response res = kit_call(ctx, t->rig.device, "POST", target, body);
    int status = kit_verdict(ctx, &res, &text);
    if (status != 202) {
        return kit_result(t, status, text);
    }
    if (!kit_scan_wait(t->rig.listener, ctx->correlation_id,
                       edge_now_mono_ms() + INT64_C(6) * PATIENCE_MS, &ctx->arena, &why)) {
        why = "the scan does not end";
    }
    return why ? kit_result(t, 500, why) : NULL;
}

const devsdk_test_result *devsdk_test_discover(devsdk_test *t)
{
    EDGE_CTX_SCOPE(ctx);
    const devsdk_test_found *found;
    if (!runs(t)) {
        return kit_result(t, t->status, t->text);
    }
    (void)kit_watch_found(t, &found);
    const devsdk_test_result *failed = scan(t, &ctx, "/api/v3/discovery", NULL);
    size_t n = kit_watch_found(t, &found);
    return failed ? failed : kit_result_found(t, found, n);
}

static const devsdk_test_result *profile_of(devsdk_test *t, struct edge_ctx *ctx,
                                            const char *device)
{
    struct device as;
    struct device_profile profile;
    const cJSON *tree;
    if (!wanted_text(t, ctx, device, &as)) {
        return kit_result(t, 404, "the device is gone");
    }
    const char *target = edge_printf(&ctx->arena, "/api/v3/deviceprofile/name/%s",
                                     edge_name_escape(&ctx->arena, as.profile_name));
    struct edge_http_response res = kit_call(ctx, t->rig.metadata, "GET", target, NULL);
    enum edge_status st = kit_answer_tree(ctx, &res, &tree);
    if (st == EDGE_OK) {
        st = edge_dto_decode(ctx, &DEVICE_PROFILE, edge_json_member(tree, "profile", true),
                             &profile);
    }
    return st == EDGE_OK ? kit_result_profile(t, &profile)
                         : kit_result(t, 500, edge_ctx_message(ctx, st));
}

const devsdk_test_result *devsdk_test_scan_profile(devsdk_test *t, const char *device,
                                                   const char *options)
{
    EDGE_CTX_SCOPE(ctx);
    if (!runs(t)) {
        return kit_result(t, t->status, t->text);
    }
    struct edge_buf body = EDGE_BUF_INIT;
    edge_buf_puts(&body, "{\"apiVersion\":\"" EDGE_API_VERSION "\",\"deviceName\":");
    edge_json_put_string(&body, device);
    edge_buf_puts(&body, options ? ",\"options\":" : "");
    edge_buf_puts(&body, options ? options : "");
    edge_buf_puts(&body, "}");
    const devsdk_test_result *failed = scan(t, &ctx, "/api/v3/profilescan", edge_buf_str(&body));
    edge_buf_done(&body);
    if (failed) {
        return failed;
    }
    (void)wait_for(has_device, t, device); /* it follows the profile */
    return profile_of(t, &ctx, device);
}
