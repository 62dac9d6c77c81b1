/* What a device must satisfy before it is stored (contract 4.3): its service, its profile, the
 * limits, and its driver's own opinion. */
#include <string.h>

#include "edge/clock.h"
#include "edge/pattern.h"
#include "edge/text.h"
#include "metadata.h"

enum edge_status device_service_must_exist(struct edge_ctx *ctx, struct metadata *meta,
                                           const char *service)
{
    bool exists = false;
    EDGE_TRY(metadata_has(ctx, meta, &SERVICES, "name", service, &exists));
    return exists ? EDGE_OK
                  : edge_fail(ctx, EDGE_INVALID, "device service '%s' does not exists", service);
}

/* ---- the profile ------------------------------------------------------------------------- */

static void pattern_done(struct edge_pattern **p)
{
    edge_pattern_free(*p);
}

/* The source of an auto event: a command's name, a resource's, or an expression for resources. */
static enum edge_status profile_has_source(struct edge_ctx *ctx,
                                           const struct device_profile *profile, const char *source,
                                           bool *ret)
{
    *ret = profile_command(profile, source) || profile_resource(profile, source);
    if (*ret || edge_pattern_is_plain(source)) {
        return EDGE_OK;
    }
    EDGE_CLEANUP(pattern_done) struct edge_pattern *pattern = NULL;
    EDGE_TRY(edge_pattern_create(ctx, source, EDGE_PATTERN_WHOLE, &pattern));
    for (size_t i = 0; i < profile->n_resources && !*ret; i++) {
        EDGE_TRY(edge_pattern_match(ctx, pattern, profile->resources[i].name, ret));
    }
    return EDGE_OK;
}

static enum edge_status auto_event_fits(struct edge_ctx *ctx, const struct device_profile *profile,
                                        const struct auto_event *event)
{
    int64_t interval = 0;
    if (!edge_duration_parse(event->interval, false, &interval) || interval <= 0) {
        return edge_fail(ctx, EDGE_INVALID, "auto event interval '%s' not valid", event->interval);
    }
    bool found = false;
    EDGE_TRY(profile_has_source(ctx, profile, event->source_name, &found));
    return found ? EDGE_OK
                 : edge_fail(ctx, EDGE_INVALID,
                             "auto event source '%s' cannot be found in the device profile '%s'",
                             event->source_name, profile->name);
}

static enum edge_status profile_of(struct edge_ctx *ctx, struct metadata *meta,
                                   const struct device *device, struct device_profile *ret)
{
    enum edge_status st =
        edge_store_get(ctx, meta->store, &PROFILES, "name", device->profile_name, ret);
    if (st == EDGE_NOT_FOUND) {
        return edge_fail(ctx, EDGE_INVALID,
                         "device profile '%s' not found during validating device '%s'",
                         device->profile_name, device->name);
    }
    return st;
}

enum edge_status device_fits_profile(struct edge_ctx *ctx, struct metadata *meta,
                                     const struct device *device)
{
    if (!device->profile_name || !*device->profile_name) {
        return EDGE_OK;
    }
    struct device_profile profile;
    EDGE_TRY(profile_of(ctx, meta, device, &profile));
    for (size_t i = 0; i < device->n_auto_events; i++) {
        EDGE_TRY(auto_event_fits(ctx, &profile, &device->auto_events[i]));
    }
    return EDGE_OK;
}

enum edge_status device_drop_unknown_auto_events(struct edge_ctx *ctx, struct metadata *meta,
                                                 struct device *device)
{
    if (!device->profile_name || !*device->profile_name) {
        return EDGE_OK;
    }
    struct device_profile profile;
    EDGE_TRY(profile_of(ctx, meta, device, &profile));
    size_t kept = 0;
    for (size_t i = 0; i < device->n_auto_events; i++) {
        if (auto_event_fits(ctx, &profile, &device->auto_events[i]) == EDGE_OK) {
            device->auto_events[kept++] = device->auto_events[i];
        }
        edge_ctx_clear(ctx);
    }
    device->n_auto_events = kept;
    return EDGE_OK;
}

/* ---- the parent -------------------------------------------------------------------------- */

enum { MAX_ANCESTORS = 1000 }; /* the store is held while they are walked */

/* A parent need not exist, so that a device may come to stand above others when it is added. */
enum edge_status device_parent_fits(struct edge_ctx *ctx, struct metadata *meta,
                                    const struct device *device)
{
    const char *ancestor = device->parent;
    if (ancestor && strcmp(ancestor, device->name) == 0) {
        return edge_fail(ctx, EDGE_INVALID, "a device cannot be its own parent");
    }
    for (int n = 0; ancestor && *ancestor; n++) {
        if (n == MAX_ANCESTORS || strcmp(ancestor, device->name) == 0) {
            return edge_fail(
                ctx, EDGE_CONFLICT,
                "device '%s' cannot be below '%s': that is below it, or has %d ancestors",
                device->name, device->parent, MAX_ANCESTORS);
        }
        EDGE_CTX_SCOPE(turn);
        struct device above;
        enum edge_status st =
            edge_store_get(&turn, meta->store, &DEVICES, "name", ancestor, &above);
        if (st == EDGE_NOT_FOUND) {
            break;
        }
        EDGE_TRY(edge_pass(ctx, st, &turn));
        ancestor = above.parent ? edge_strdup(&ctx->arena, above.parent) : NULL;
    }
    return EDGE_OK;
}

/* ---- the limits -------------------------------------------------------------------------- */

static enum edge_status resources_of(struct edge_ctx *ctx, struct metadata *meta,
                                     const struct device *device, int64_t *ret)
{
    *ret = 0;
    if (!device || !device->profile_name || !*device->profile_name) {
        return EDGE_OK;
    }
    struct device_profile profile;
    enum edge_status st =
        edge_store_get(ctx, meta->store, &PROFILES, "name", device->profile_name, &profile);
    if (st == EDGE_OK) {
        *ret = (int64_t)profile.n_resources;
    }
    return st == EDGE_NOT_FOUND ? EDGE_OK : st;
}

/* Resources in use: each device has those of its profile. */
static enum edge_status resources_in_use(struct edge_ctx *ctx, struct metadata *meta, int64_t *ret)
{
    struct edge_query query = {.collection = &PROFILES, .limit = -1};
    struct edge_texts found;
    EDGE_TRY(edge_store_find(ctx, meta->store, &query, &found));
    *ret = 0;
    for (size_t i = 0; i < found.n; i++) {
        EDGE_CTX_SCOPE(turn);
        struct device_profile profile;
        EDGE_TRY(edge_dto_decode_text(&turn, &DEVICE_PROFILE, found.texts[i],
                                      strlen(found.texts[i]), &profile));
        int64_t devices = 0;
        EDGE_TRY(metadata_count(&turn, meta, &DEVICES, "profileName", profile.name, &devices));
        *ret += devices * (int64_t)profile.n_resources;
    }
    return EDGE_OK;
}

enum edge_status device_within_capacity(struct edge_ctx *ctx, struct metadata *meta,
                                        const struct device *before, const struct device *device)
{
    const struct metadata_writable *limits = metadata_writable(meta);
    if (limits->max_devices > 0 && !before) {
        struct edge_query query = {.collection = &DEVICES};
        int64_t n = 0;
        EDGE_TRY(edge_store_count(ctx, meta->store, &query, &n));
        if (n >= limits->max_devices) {
            return edge_fail(ctx, EDGE_INVALID,
                             "the existing total number of device is '%lld', add device '%s' will "
                             "exceed the maximum limitation '%lld'",
                             (long long)n, device->name, (long long)limits->max_devices);
        }
    }
    if (limits->max_resources > 0) {
        int64_t in_use = 0, had = 0, wants = 0;
        EDGE_TRY(resources_in_use(ctx, meta, &in_use));
        EDGE_TRY(resources_of(ctx, meta, before, &had));
        EDGE_TRY(resources_of(ctx, meta, device, &wants));
        if (wants > had && in_use - had + wants > limits->max_resources) {
            return edge_fail(ctx, EDGE_INVALID,
                             "the existing total number of device resource is '%lld', device '%s' "
                             "will exceed the maximum limitation '%lld'",
                             (long long)in_use, device->name, (long long)limits->max_resources);
        }
    }
    return EDGE_OK;
}

/* ---- the driver -------------------------------------------------------------------------- */

/* The client hears of a silent driver item by item: before its request as a whole times out. */
static int64_t driver_deadline(const struct metadata *meta)
{
    int64_t timeout_ms = meta->rt->request_timeout_ms;
    return edge_now_mono_ms() + timeout_ms - timeout_ms / 10;
}

static struct edge_message *validation_request(struct edge_ctx *ctx, struct metadata *meta,
                                               const struct device *device, const char *service)
{
    struct edge_message *m = edge_message_create(0);
    struct edge_arena *a = edge_message_arena(m);
    edge_message_topic(m, "%s/%s/validate/device", meta->rt->base_topic, service);
    struct device_request request = {
        .base = {EDGE_API_VERSION, edge_uuid_make(a)},
        .device = *device,
    };
    m->correlation_id = edge_strdup(a, ctx->correlation_id);
    m->request_id = edge_uuid_make(a);
    m->dto = &DEVICE_REQUEST;
    m->object = edge_dto_clone(&DEVICE_REQUEST, a, &request);
    return m;
}

static void message_done(struct edge_message **m)
{
    if (*m) {
        edge_message_unref(*m);
    }
}

enum edge_status device_accepted_by_driver(struct edge_ctx *ctx, struct metadata *meta,
                                           const struct device *device)
{
    const char *service = metadata_topic_level(meta, &ctx->arena, device->service_name);
    EDGE_CLEANUP(message_done)
    struct edge_message *request = validation_request(ctx, meta, device, service);
    EDGE_CLEANUP(message_done) struct edge_message *answer = NULL;
    const char *prefix = edge_printf(&ctx->arena, "%s/response/%s", meta->rt->base_topic, service);
    enum edge_status st = EDGE_UNAVAILABLE;
    if (edge_bus_wanted(meta->rt->bus, request->topic)) {
        st = edge_bus_request(ctx, meta->rt->bus, request, prefix, driver_deadline(meta), &answer);
    }
    if (st != EDGE_OK) {
        edge_ctx_clear(ctx);
        return edge_fail(ctx, EDGE_UNAVAILABLE, "Error sending request to topic '%s'",
                         request->topic);
    }
    if (answer->error_code != 0) {
        return edge_fail(ctx, EDGE_INTERNAL, "Device %s validation failed: %s", device->name,
                         answer->text ? answer->text : "");
    }
    return EDGE_OK;
}
