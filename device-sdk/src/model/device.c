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

static enum edge_status parse_block(struct edge_ctx *ctx, const devsdk_driver *driver,
                                    const devsdk_protocol *p, const struct protocol *block,
                                    struct edge_arena *a, void *addr)
{
    char why[SDK_WHY_MAX] = "";
    EDGE_TRY(sdk_params_parse(ctx, p->fields, block->properties, a, addr));
    if (!driver->check_addr || driver->check_addr(p->name, addr, why, sizeof(why)) == DEVSDK_OK) {
        return EDGE_OK;
    }
    return edge_fail(ctx, EDGE_INVALID, "%s", *why ? why : "the driver does not take this address");
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
            return parse_block(ctx, driver, p, block, a, addr);
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

static bool same_properties(const struct protocol *a, const struct protocol *b)
{
    struct edge_buf texts[2] = {EDGE_BUF_INIT, EDGE_BUF_INIT};
    edge_json_put(&texts[0], a->properties);
    edge_json_put(&texts[1], b->properties);
    bool same = strcmp(edge_buf_str(&texts[0]), edge_buf_str(&texts[1])) == 0;
    edge_buf_done(&texts[0]);
    edge_buf_done(&texts[1]);
    return same;
}

static bool same_protocols(const devsdk_device *a, const devsdk_device *b)
{
    bool same = a->dto->n_protocols == b->dto->n_protocols;
    for (size_t i = 0; same && i < a->dto->n_protocols; i++) {
        const struct protocol *p = &a->dto->protocols[i], *q = &b->dto->protocols[i];
        same = strcmp(p->name, q->name) == 0 && same_properties(p, q);
    }
    return same;
}

/* The block the driver has its address of. */
static bool same_address(const devsdk_device *a, const devsdk_device *b)
{
    const struct protocol *blocks[] = {block_find(a->dto, a->protocol),
                                       block_find(b->dto, b->protocol)};
    return strcmp(a->protocol, b->protocol) == 0 &&
           (!*a->protocol || same_properties(blocks[0], blocks[1]));
}

/* ---- lives --------------------------------------------------------------------------------- */

static enum sdk_turn end_life(struct sdk_job *job, struct sdk_lane *lane);

static struct sdk_life *life_create(devsdk_service *svc)
{
    struct sdk_life *life = edge_xalloc(1, sizeof(*life) + svc->driver->device_size);
    life->backoff = (struct edge_backoff){.first_ms = 1000, .last_ms = 60000};
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

static void device_free(devsdk_device *d)
{
    if (d->lane) {
        sdk_lane_put(d->lane);
    }
    sdk_profile_unref(d->profile);
    sdk_entry_unref(d->entry);
    edge_arena_done(&d->arena);
    free(d);
}

/* The driver may point into what it was told of, until it is told of @p d or the life has ended (NULL): its
 * memory stays though nobody has a reference. What may go then. */
static devsdk_device *told_swap(struct sdk_entry *e, struct sdk_life *life, devsdk_device *d)
{
    EDGE_LOCK(&e->lock);
    devsdk_device *over = life->told_is_over ? life->told : NULL;
    life->told = d;
    life->told_is_over = false;
    return over;
}

static void tell(devsdk_device *d)
{
    devsdk_device *over = told_swap(d->entry, d->life, d);
    if (over) {
        device_free(over);
    }
}

devsdk_result sdk_life_begin(devsdk_device *d)
{
    const devsdk_driver *driver = d->entry->svc->driver;
    struct sdk_life *life = d->life;
    if (life->added && d->revision > life->heard) {
        life->heard = d->revision;
        driver->updated(d);
        tell(d);
    }
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
        life->heard = d->revision;
        edge_backoff_reset(&life->backoff);
        tell(d);
        return DEVSDK_OK;
    }
    life->retry_ms = now_ms + edge_backoff_next(&life->backoff);
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

/* All but lane and life. */
static devsdk_device *snapshot(struct sdk_entry *e, const struct device *dto,
                               struct sdk_profile *profile)
{
    devsdk_device *d = edge_xalloc(1, sizeof(*d));
    atomic_init(&d->refs, 1);
    d->entry = sdk_entry_ref(e);
    d->dto = edge_dto_clone(&DEVICE, &d->arena, dto);
    d->profile = profile;
    address_init(e->svc->driver, d);
    return d;
}

devsdk_device *sdk_device_draft(devsdk_service *svc, const struct device *dto,
                                struct sdk_profile *profile)
{
    struct sdk_entry *e = sdk_entry_create(svc, dto->name);
    devsdk_device *d = snapshot(e, dto, profile);
    sdk_entry_unref(e);
    return d;
}

/* Does @p d go on where @p before is? What the driver is to hear of then makes a revision. */
static bool goes_on(const devsdk_driver *driver, const devsdk_device *before, devsdk_device *d)
{
    if (!before || before->fault || d->fault) {
        return false;
    }
    bool same = before->profile == d->profile && same_protocols(before, d);
    d->revision = before->revision + !same;
    return same || (driver->updated && same_address(before, d));
}

devsdk_device *sdk_device_create(struct sdk_entry *e, const struct device *dto,
                                 struct sdk_profile *profile, devsdk_device *before)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_service *svc = e->svc;
    devsdk_device *d = snapshot(e, dto, profile);
    d->topic = edge_printf(&d->arena, "%s/events/device/%s/%s/%s", svc->rt->base_topic,
                           sdk_topic_level(&ctx.arena, svc, svc->rt->name),
                           sdk_topic_level(&ctx.arena, svc, profile ? profile->dto->name : ""),
                           sdk_topic_level(&ctx.arena, svc, d->dto->name));
    if (goes_on(svc->driver, before, d)) {
        d->life = before->life;
        atomic_fetch_add(&d->life->refs, 1);
    } else {
        d->revision = 0;
        d->life = life_create(svc);
    }
    lane_init(svc, d);
    if (before && d->life == before->life && d->lane != before->lane) {
        atomic_fetch_sub(&d->life->refs, 1); /* not the last one */
        d->revision = 0;
        d->life = life_create(svc);
    }
    return d;
}

devsdk_device *sdk_device_ref(devsdk_device *d)
{
    atomic_fetch_add(&d->refs, 1);
    return d;
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
    devsdk_device *over = told_swap(d->entry, life, NULL);
    if (over) {
        device_free(over);
    }
    device_free(d);
    life_free(svc, life);
    return SDK_NEXT;
}

/* One reference of the life less; *ret_stays: the driver may still point into @p d. True for the last. */
static bool life_leave(devsdk_device *d, bool *ret_stays)
{
    struct sdk_life *life = d->life;
    EDGE_LOCK(&d->entry->lock);
    bool last = atomic_fetch_sub(&life->refs, 1) == 1;
    *ret_stays = !last && life->told == d;
    life->told_is_over = life->told_is_over || *ret_stays;
    return last;
}

void sdk_device_unref(devsdk_device *d)
{
    bool stays = false;
    if (atomic_fetch_sub(&d->refs, 1) != 1) {
        return;
    }
    if (d->life && life_leave(d, &stays)) {
        d->life->last = d;
        sdk_lane_submit(d->lane, &d->life->job, SDK_CONTROL);
    } else if (!stays) {
        device_free(d);
    }
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
    return d->life ? d->life->data : NULL;
}

void devsdk_put(devsdk_device *d)
{
    if (d) {
        sdk_device_unref(d);
    }
}
