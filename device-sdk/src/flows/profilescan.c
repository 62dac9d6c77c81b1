/*
 * Profile scans: the driver looks at a device and offers what it finds; that becomes a profile in
 * core-metadata, and the device follows it from then on (contract 10.1). One scan per device, a few
 * at once. A scan begins in the device's lane, since added() comes before everything else, and goes
 * on as a background job, so that the lane keeps serving however long it takes.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "model/params.h"
#include "model/value.h"
#include "scan.h"

enum { MAX_SCANS = 8, MAX_RESOURCES = 10000 };

struct sdk_profile_scan {
    devsdk_scan scan;
    struct sdk_profile_scan *next;
    devsdk_device *dev; /* a reference */
    struct sdk_job job; /* its beginning, in the lane */
    const cJSON *options;
    struct edge_arena arena;
    /* Under scan.lock: drivers may offer from several threads. */
    struct device_profile profile;
    size_t cap;
    struct edge_map names;
};

/* ---- what the driver offers ------------------------------------------------------------------ */

static bool type_of(const devsdk_offered *o, unsigned *ret)
{
    if (o->type == DEVSDK_ARRAY && o->elem == DEVSDK_OBJECT) {
        *ret = VT_OBJECT_ARRAY;
        return true;
    }
    for (unsigned vt = 0; vt < VT_COUNT; vt++) {
        devsdk_type elem, type = sdk_type_of(vt, &elem);
        if (type == o->type && (type != DEVSDK_ARRAY || elem == o->elem)) {
            *ret = vt;
            return true;
        }
    }
    return false;
}

static const double *keep_real(struct edge_arena *a, double value)
{
    double *copy = edge_new(a, double);
    *copy = value;
    return copy;
}

static void offer_fill(struct sdk_profile_scan *s, const devsdk_offered *o, unsigned value_type,
                       struct device_resource *ret)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_arena *a = &s->arena;
    const devsdk_driver *driver = s->scan.svc->driver;
    *ret = (struct device_resource){
        .name = edge_strdup(a, o->name),
        .description = o->description ? edge_strdup(a, o->description) : NULL,
        .properties = {.value_type = value_type,
                       .read_write = o->readable ? (o->writable ? RW_RW : RW_R) : RW_W,
                       .units = o->units ? edge_strdup(a, o->units) : NULL,
                       .default_value = o->def ? edge_strdup(a, o->def) : NULL,
                       .media_type = o->media_type ? edge_strdup(a, o->media_type) : NULL}
    };
    if (o->min != 0 || o->max != 0) {
        ret->properties.minimum = keep_real(a, o->min);
        ret->properties.maximum = keep_real(a, o->max);
    }
    if (o->attr && driver->attributes) {
        ret->attributes = edge_json_clone(a, sdk_params_print(&ctx, driver->attributes, o->attr));
    }
}

devsdk_result devsdk_offer(devsdk_scan *scan, const devsdk_offered *o)
{
    struct sdk_profile_scan *s = scan->profile;
    unsigned value_type;
    if (!s) {
        return DEVSDK_UNSUPPORTED;
    }
    if (!o->name || !*o->name || !(o->readable || o->writable) || !type_of(o, &value_type) ||
        (o->type == DEVSDK_BINARY && o->writable)) {
        return DEVSDK_INVALID;
    }
    EDGE_LOCK(&scan->lock);
    if (edge_map_find(&s->names, o->name)) {
        return DEVSDK_INVALID;
    }
    if (s->profile.n_resources >= MAX_RESOURCES) {
        return DEVSDK_BUSY;
    }
    edge_make_room(NULL, s->profile.resources, s->profile.n_resources, s->cap);
    offer_fill(s, o, value_type, &s->profile.resources[s->profile.n_resources++]);
    edge_map_put(&s->names, o->name, s);
    return DEVSDK_OK;
}

void devsdk_describe(devsdk_scan *scan, const char *manufacturer, const char *model,
                     const char *description)
{
    struct sdk_profile_scan *s = scan->profile;
    if (s) {
        EDGE_LOCK(&scan->lock);
        s->profile.manufacturer = manufacturer ? edge_strdup(&s->arena, manufacturer) : NULL;
        s->profile.model = model ? edge_strdup(&s->arena, model) : NULL;
        s->profile.description = description ? edge_strdup(&s->arena, description) : NULL;
    }
}

const char *devsdk_scan_option(devsdk_scan *scan, const char *key)
{
    struct sdk_profile_scan *s = scan->profile;
    const cJSON *node = s && s->options ? edge_json_member(s->options, key, true) : NULL;
    if (!node || cJSON_IsString(node)) {
        return node ? node->valuestring : NULL;
    }
    struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, node);
    EDGE_LOCK(&scan->lock);
    const char *copy = edge_strndup(&s->arena, text.data, text.len);
    edge_buf_done(&text);
    return copy;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static void scan_free(struct sdk_profile_scan *s)
{
    devsdk_put(s->dev);
    edge_map_done(&s->names);
    free(s->profile.resources);
    edge_arena_done(&s->arena);
    sdk_scan_done(&s->scan);
    free(s);
}

static void unlist(devsdk_service *svc, struct sdk_profile_scan *s)
    EDGE_REQUIRES(svc->flows->scan_lock)
{
    struct sdk_profile_scan **link = &svc->flows->profile_scans;
    while (*link != s) {
        link = &(*link)->next;
    }
    *link = s->next;
    svc->flows->n_profile_scans--;
}

/* Off the list first: whoever hears of the end may begin another one at once. */
static void scan_leave(struct sdk_profile_scan *s)
{
    EDGE_LOCK(&s->scan.svc->flows->scan_lock);
    unlist(s->scan.svc, s);
}

/* Tell how it ended; the scan is gone afterwards. */
static void scan_tell(struct edge_ctx *ctx, struct sdk_profile_scan *s, enum edge_status st)
{
    const char *device = s->dev->dto->name;
    if (st == EDGE_OK) {
        edge_log_info(ctx, "profile scanned", "device", device, "profile", s->profile.name, NULL);
        sdk_scan_progress(&s->scan, 100, NULL);
    } else if (devsdk_cancelled(&s->scan)) {
        edge_log_info(ctx, "profile scan stopped", "device", device, NULL);
        sdk_scan_progress(&s->scan, -1, "stopped");
    } else {
        const char *why = edge_ctx_message(ctx, st);
        edge_log_error(ctx, "profile scan failed", "device", device, "error", why, NULL);
        sdk_scan_progress(&s->scan, -1, why);
    }
    scan_free(s);
}

/* ---- running --------------------------------------------------------------------------------- */

static enum edge_status stopped(struct edge_ctx *ctx)
{
    return edge_fail(ctx, EDGE_UNAVAILABLE, "stopped");
}

static enum edge_status ask_driver(struct edge_ctx *ctx, struct sdk_profile_scan *s)
{
    devsdk_result result = s->scan.svc->driver->scan_profile(s->dev, &s->scan);
    if (devsdk_cancelled(&s->scan)) {
        return stopped(ctx);
    }
    return result == DEVSDK_OK
               ? EDGE_OK
               : edge_fail(ctx, EDGE_REMOTE, "%s", sdk_scan_fault(ctx, &s->scan, result));
}

static enum edge_status add_profile(struct edge_ctx *ctx, struct sdk_profile_scan *s)
{
    const struct profile_request request = {
        .base = {.api_version = EDGE_API_VERSION, .request_id = edge_uuid_make(&ctx->arena)},
        .profile = s->profile
    };
    const char *body =
        edge_printf(&ctx->arena, "[%s]", edge_dto_text(&PROFILE_REQUEST, &request, &ctx->arena));
    return sdk_metadata_send(ctx, s->scan.svc, "POST", "/api/v3/deviceprofile", body, false);
}

static enum edge_status set_profile(struct edge_ctx *ctx, struct sdk_profile_scan *s)
{
    struct edge_buf body = EDGE_BUF_INIT;
    edge_buf_puts(&body, "[{\"apiVersion\":\"" EDGE_API_VERSION "\",\"device\":{\"name\":");
    edge_json_put_string(&body, s->dev->dto->name);
    edge_buf_puts(&body, ",\"profileName\":");
    edge_json_put_string(&body, s->profile.name);
    edge_buf_puts(&body, "}}]");
    enum edge_status st =
        sdk_metadata_send(ctx, s->scan.svc, "PATCH", "/api/v3/device", edge_buf_str(&body), false);
    edge_buf_done(&body);
    return edge_wrap(ctx, st, "profile %s is added, but not the device's", s->profile.name);
}

static void run(devsdk_service *svc, void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    struct sdk_profile_scan *s = arg;
    ctx.log = svc->rt->log;
    memcpy(ctx.correlation_id, s->scan.request_id, sizeof(s->scan.request_id));
    sdk_scan_progress(&s->scan, 0, NULL);
    enum edge_status st = ask_driver(&ctx, s);
    if (st == EDGE_OK) {
        st = add_profile(&ctx, s);
    }
    if (st == EDGE_OK) {
        st = set_profile(&ctx, s);
    }
    scan_leave(s);
    scan_tell(&ctx, s, st);
}

/* Withdrawn from the lane by whoever cancels, else our turn. */
static enum edge_status begin(struct edge_ctx *ctx, struct sdk_profile_scan *s)
{
    if (devsdk_cancelled(&s->scan)) {
        return stopped(ctx);
    }
    if (s->dev->fault) {
        return edge_fail(ctx, EDGE_INVALID, "%s", s->dev->fault);
    }
    if (sdk_life_begin(s->dev) != DEVSDK_OK) {
        return edge_fail(ctx, EDGE_REMOTE, "the driver could not take the device up");
    }
    return sdk_background(s->scan.svc, run, s)
               ? EDGE_OK
               : edge_fail(ctx, EDGE_UNAVAILABLE, "too busy to scan a device");
}

static enum sdk_turn begin_in_lane(struct sdk_job *job, struct sdk_lane *lane)
{
    EDGE_CTX_SCOPE(ctx);
    (void)lane;
    struct sdk_profile_scan *s = EDGE_CONTAINER(job, struct sdk_profile_scan, job);
    ctx.log = s->scan.svc->rt->log;
    enum edge_status st = begin(&ctx, s);
    if (st != EDGE_OK) {
        scan_leave(s);
        scan_tell(&ctx, s, st);
    }
    return SDK_NEXT;
}

static struct sdk_profile_scan *find(devsdk_service *svc, const char *device)
    EDGE_REQUIRES(svc->flows->scan_lock)
{
    struct sdk_profile_scan *s = svc->flows->profile_scans;
    while (s && strcmp(s->dev->dto->name, device) != 0) {
        s = s->next;
    }
    return s;
}

/* List it and queue its beginning. */
static enum edge_status launch(struct edge_ctx *ctx, devsdk_service *svc,
                               struct sdk_profile_scan *s)
{
    const char *device = s->dev->dto->name;
    EDGE_LOCK(&svc->flows->scan_lock);
    if (find(svc, device)) {
        return edge_fail(ctx, EDGE_CONFLICT,
                         "another profile scan process for %s is currently running", device);
    }
    if (svc->flows->n_profile_scans >= MAX_SCANS || atomic_load(&svc->quiet)) {
        return edge_fail(ctx, EDGE_UNAVAILABLE, "too many profile scans are under way");
    }
    s->next = svc->flows->profile_scans;
    svc->flows->profile_scans = s;
    svc->flows->n_profile_scans++;
    sdk_lane_submit(s->dev->lane, &s->job, SDK_CONTROL);
    return EDGE_OK;
}

/* ---- being asked ----------------------------------------------------------------------------- */

static enum edge_status may_scan(struct edge_ctx *ctx, devsdk_service *svc)
{
    if (!svc->driver->scan_profile) {
        return edge_fail(ctx, EDGE_UNSUPPORTED, "%s cannot make profiles of devices",
                         svc->rt->name);
    }
    return atomic_load(&svc->locked) ? edge_fail(ctx, EDGE_LOCKED, "service locked") : EDGE_OK;
}

static enum edge_status decode(struct edge_ctx *ctx, struct edge_call *call,
                               struct profile_scan_request *ret)
{
    const cJSON *body;
    EDGE_TRY(edge_call_json(call, &body));
    return edge_dto_decode(ctx, &PROFILE_SCAN_REQUEST, body, ret);
}

static enum edge_status name_is_free(struct edge_ctx *ctx, devsdk_service *svc, const char *name)
{
    bool taken;
    EDGE_TRY(sdk_metadata_has(ctx, svc, "deviceprofile", name, &taken));
    return taken ? edge_fail(ctx, EDGE_CONFLICT, "profile name %s is duplicated", name) : EDGE_OK;
}

static struct sdk_profile_scan *scan_create(devsdk_device *dev, const char *request_id,
                                            const struct profile_scan_request *request)
{
    struct sdk_profile_scan *s = edge_xalloc(1, sizeof(*s));
    const char *name = request->profile_name;
    sdk_scan_init(&s->scan, dev->entry->svc, "profilescan", request_id);
    s->scan.profile = s;
    s->dev = dev;
    s->job.run = begin_in_lane;
    s->options = request->options ? edge_json_clone(&s->arena, request->options) : NULL;
    s->profile.name = name && *name ? edge_strdup(&s->arena, name)
                                    : edge_printf(&s->arena, "%s_profile_%lld", dev->dto->name,
                                                  (long long)(edge_now_ns() / 1000000));
    return s;
}

enum edge_status sdk_http_profile_scan_start(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    devsdk_service *svc = edge_call_state(call);
    struct profile_scan_request request;
    EDGE_TRY(may_scan(ctx, svc));
    EDGE_TRY(decode(ctx, call, &request));
    const char *id = request.base.request_id;
    id = id && *id ? id : ctx->correlation_id;
    edge_call_set_request_id(call, id);
    devsdk_device *dev = sdk_device_find(svc, request.device_name);
    if (!dev) {
        return sdk_device_unknown(ctx, svc, request.device_name);
    }
    struct sdk_profile_scan *s = scan_create(dev, id, &request);
    enum edge_status st = name_is_free(ctx, svc, s->profile.name);
    if (st == EDGE_OK) {
        st = launch(ctx, svc, s);
    }
    if (st != EDGE_OK) {
        scan_free(s);
        return st;
    }
    return edge_reply_base(call, 202, "Device ProfileScan is triggered.");
}

/* Cancel it; where it had not begun it is returned, and is the caller's to end. */
static struct sdk_profile_scan *cancel_one(devsdk_service *svc, struct sdk_profile_scan *s)
    EDGE_REQUIRES(svc->flows->scan_lock)
{
    atomic_store(&s->scan.cancelled, true);
    if (!sdk_lane_withdraw(s->dev->lane, &s->job)) {
        return NULL;
    }
    unlist(svc, s);
    return s;
}

static struct sdk_profile_scan *cancel(devsdk_service *svc, const char *device)
{
    EDGE_LOCK(&svc->flows->scan_lock);
    if (device) {
        struct sdk_profile_scan *s = find(svc, device);
        return s ? cancel_one(svc, s) : NULL;
    }
    for (struct sdk_profile_scan *s = svc->flows->profile_scans; s; s = s->next) {
        if (cancel_one(svc, s)) {
            return s;
        }
    }
    return NULL;
}

void sdk_profile_scan_cancel(devsdk_service *svc, const char *device)
{
    struct sdk_profile_scan *s;
    while ((s = cancel(svc, device)) != NULL) {
        EDGE_CTX_SCOPE(ctx);
        ctx.log = svc->rt->log;
        scan_tell(&ctx, s, stopped(&ctx));
    }
}

enum edge_status sdk_http_profile_scan_stop(struct edge_call *call)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    devsdk_service *svc = edge_call_state(call);
    const char *name = edge_call_param(call, "name");
    EDGE_TRY(may_scan(ctx, svc));
    struct sdk_entry *e = sdk_entry_find(svc, name);
    if (!e) {
        return sdk_device_unknown(ctx, svc, name);
    }
    sdk_entry_unref(e);
    sdk_profile_scan_cancel(svc, name);
    return edge_reply_base(call, 200, NULL);
}
