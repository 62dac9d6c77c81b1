/*
 * Snapshots of devices, the lives they share, and the entries they belong to.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "model.h"
#include "params.h"

/* ---- entries ------------------------------------------------------------------------------- */

struct sdk_entry *sdk_entry_create(devsdk_service *svc, const char *name)
{
    struct sdk_entry *e = edge_xalloc(1, sizeof(*e));
    atomic_init(&e->refs, 1);
    e->svc = svc;
    e->name = edge_xstrdup(name);
    edge_mutex_init(&e->lock);
    return e;
}

struct sdk_entry *sdk_entry_ref(struct sdk_entry *e)
{
    atomic_fetch_add(&e->refs, 1);
    return e;
}

void sdk_entry_unref(struct sdk_entry *e)
{
    if (atomic_fetch_sub(&e->refs, 1) == 1) {
        assert(e->n_schedules == 0);
        edge_mutex_done(&e->lock);
        free(e->schedules);
        free(e->name);
        free(e);
    }
}

devsdk_device *sdk_entry_device(struct sdk_entry *e)
{
    EDGE_LOCK(&e->lock);
    return e->device ? sdk_device_ref(e->device) : NULL;
}

bool sdk_entry_is_down(struct sdk_entry *e)
{
    EDGE_LOCK(&e->lock);
    return e->down;
}

/* ---- addresses ----------------------------------------------------------------------------- */

static const struct protocol *block_find(const struct device *dto, const char *name)
{
    for (size_t i = 0; i < dto->n_protocols; i++) {
        if (strcmp(dto->protocols[i].name, name) == 0) {
            return &dto->protocols[i];
        }
    }
    return NULL;
}

enum edge_status sdk_address_parse(struct edge_ctx *ctx, const devsdk_driver *driver,
                                   const struct device *dto, struct edge_arena *a, void *addr,
                                   const char **ret_protocol)
{
    const char *known = "";
    *ret_protocol = "";
    if (!driver->protocols || !driver->protocols[0].name) {
        return EDGE_OK;
    }
    for (const devsdk_protocol *p = driver->protocols; p->name; p++) {
        const struct protocol *block = block_find(dto, p->name);
        if (block) {
            *ret_protocol = p->name;
            return sdk_params_parse(ctx, p->fields, block->properties, a, addr);
        }
        known = edge_printf(&ctx->arena, "%s%s'%s'", known, *known ? " or " : "", p->name);
    }
    return edge_fail(ctx, EDGE_INVALID, "protocols: %s is missing", known);
}

static void address_init(const devsdk_driver *driver, devsdk_device *d)
{
    EDGE_CTX_SCOPE(ctx);
    d->addr = edge_alloc(&d->arena, 1, driver->addr_size + 1);
    enum edge_status st = sdk_address_parse(&ctx, driver, d->dto, &d->arena, d->addr, &d->protocol);
    if (st != EDGE_OK) {
        d->fault = edge_strdup(&d->arena, edge_ctx_message(&ctx, st));
    }
}

static bool same_address(const devsdk_device *a, const devsdk_device *b)
{
    if (a->dto->n_protocols != b->dto->n_protocols || a->fault || b->fault) {
        return false;
    }
    struct edge_buf texts[2] = {EDGE_BUF_INIT, EDGE_BUF_INIT};
    const struct device *both[2] = {a->dto, b->dto};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < both[k]->n_protocols; i++) {
            edge_buf_puts(&texts[k], both[k]->protocols[i].name);
            edge_json_put(&texts[k], both[k]->protocols[i].properties);
        }
    }
    bool same = strcmp(edge_buf_str(&texts[0]), edge_buf_str(&texts[1])) == 0;
    edge_buf_done(&texts[0]);
    edge_buf_done(&texts[1]);
    return same;
}

/* ---- lives --------------------------------------------------------------------------------- */

static enum sdk_turn end_life(struct sdk_job *job, struct sdk_lane *lane);

static struct sdk_life *life_create(devsdk_service *svc)
{
    struct sdk_life *life = edge_xalloc(1, sizeof(*life) + svc->driver->device_size);
    atomic_init(&life->refs, 1);
    life->job.run = end_life;
    EDGE_LOCK(&svc->lock);
    svc->n_lives++;
    return life;
}

static void life_free(devsdk_service *svc, struct sdk_life *life)
{
    free(life);
    EDGE_LOCK(&svc->lock);
    svc->n_lives--;
    edge_cond_broadcast(&svc->idle);
}

devsdk_result sdk_life_begin(devsdk_device *d)
{
    const int64_t first_ms = 1000, longest_ms = 60000;
    const devsdk_driver *driver = d->entry->svc->driver;
    struct sdk_life *life = d->life;
    if (life->added || d->fault) {
        return DEVSDK_OK; /* a faulty address is told per request */
    }
    int64_t now_ms = edge_now_mono_ms();
    if (now_ms < life->retry_ms) {
        return DEVSDK_LINK;
    }
    devsdk_result result = driver->added ? driver->added(d) : DEVSDK_OK;
    if (result == DEVSDK_OK) {
        life->added = true;
        life->backoff_ms = 0;
        return DEVSDK_OK;
    }
    int64_t longer = life->backoff_ms * 2 < longest_ms ? life->backoff_ms * 2 : longest_ms;
    life->backoff_ms = life->backoff_ms > 0 ? longer : first_ms;
    life->retry_ms = now_ms + life->backoff_ms;
    return result < 0 ? result : DEVSDK_LINK;
}

/* ---- snapshots ----------------------------------------------------------------------------- */

static void lane_init(devsdk_service *svc, devsdk_device *d)
{
    EDGE_CTX_SCOPE(ctx);
    const char *shared = svc->driver->lane && !d->fault ? svc->driver->lane(d) : NULL;
    const char *key = shared ? edge_printf(&ctx.arena, "shared:%s", shared)
                             : edge_printf(&ctx.arena, "device:%s", d->dto->name);
    d->lane = sdk_lane_get(svc->lanes, key);
}

devsdk_device *sdk_device_create(struct sdk_entry *e, const struct device *dto,
                                 struct sdk_profile *profile, devsdk_device *before)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_service *svc = e->svc;
    devsdk_device *d = edge_xalloc(1, sizeof(*d));
    atomic_init(&d->refs, 1);
    d->entry = sdk_entry_ref(e);
    d->dto = edge_dto_clone(&DEVICE, &d->arena, dto);
    d->profile = profile;
    address_init(svc->driver, d);
    d->topic = edge_printf(&d->arena, "%s/events/device/%s/%s/%s", svc->rt->base_topic,
                           sdk_topic_level(&ctx.arena, svc, svc->rt->name),
                           sdk_topic_level(&ctx.arena, svc, profile ? profile->dto->name : ""),
                           sdk_topic_level(&ctx.arena, svc, d->dto->name));
    if (before && before->profile == profile && same_address(before, d)) {
        d->life = before->life;
        atomic_fetch_add(&d->life->refs, 1);
    } else {
        d->life = life_create(svc);
    }
    lane_init(svc, d);
    return d;
}

devsdk_device *sdk_device_ref(devsdk_device *d)
{
    atomic_fetch_add(&d->refs, 1);
    return d;
}

static void device_free(devsdk_device *d)
{
    sdk_lane_put(d->lane);
    sdk_profile_unref(d->profile);
    sdk_entry_unref(d->entry);
    edge_arena_done(&d->arena);
    free(d);
}

static enum sdk_turn end_life(struct sdk_job *job, struct sdk_lane *lane)
{
    (void)lane;
    struct sdk_life *life = EDGE_CONTAINER(job, struct sdk_life, job);
    devsdk_device *d = life->last;
    devsdk_service *svc = d->entry->svc;
    if (life->added && svc->driver->removed) {
        svc->driver->removed(d);
    }
    device_free(d);
    life_free(svc, life);
    return SDK_NEXT;
}

void sdk_device_unref(devsdk_device *d)
{
    if (atomic_fetch_sub(&d->refs, 1) != 1) {
        return;
    }
    if (atomic_fetch_sub(&d->life->refs, 1) != 1) {
        device_free(d);
        return;
    }
    d->life->last = d;
    sdk_lane_submit(d->lane, &d->life->job, SDK_CONTROL);
}

/* ---- for drivers --------------------------------------------------------------------------- */

devsdk_service *devsdk_of(const devsdk_device *d)
{
    return d->entry->svc;
}

const char *devsdk_name(const devsdk_device *d)
{
    return d->dto->name;
}

const char *devsdk_profile(const devsdk_device *d)
{
    return d->profile ? d->profile->dto->name : "";
}

const char *devsdk_protocol_name(const devsdk_device *d)
{
    return d->protocol;
}

const void *devsdk_addr(const devsdk_device *d)
{
    return d->addr;
}

void *devsdk_data(devsdk_device *d)
{
    return d->life->data;
}

void devsdk_put(devsdk_device *d)
{
    if (d) {
        sdk_device_unref(d);
    }
}
