/*
 * What core-metadata asks and tells over the bus. Questions are answered at once; news are queued
 * and taken up one after the other on the worker pool, since they may have to fetch a profile. When
 * news were lost (too many, or metadata could not be reached) everything is fetched again.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/system_event.h"
#include "edge/text.h"
#include "flows.h"

enum { MAX_NEWS = 1000 };

struct sdk_news {
    struct sdk_news *next;
    const struct edge_message *message;
};

/* ---- would the driver take this device? --------------------------------------------------------
 */

/* A profile we cannot have now is no reason to refuse: its faults are told per request. */
static struct sdk_profile *profile_of(devsdk_service *svc, const struct device *dto)
{
    EDGE_CTX_SCOPE(scratch);
    struct sdk_profile *p = NULL;
    const char *name = dto->profile_name;
    bool has = name && *name && sdk_profile_get_now(&scratch, svc, name, &p) == EDGE_OK;
    return has ? p : NULL;
}

static void put_device(void *d)
{
    sdk_device_unref(d);
}

static enum edge_status ask_driver(struct edge_ctx *ctx, const devsdk_device *draft)
{
    char why[SDK_WHY_MAX] = "";
    const devsdk_driver *driver = draft->entry->svc->driver;
    if (!driver->validate || driver->validate(draft, why, sizeof(why)) == DEVSDK_OK) {
        return EDGE_OK;
    }
    return edge_fail(ctx, EDGE_INVALID, "%s", *why ? why : "the driver does not take it");
}

static enum edge_status validate(struct edge_ctx *ctx, devsdk_service *svc,
                                 const struct edge_message *m)
{
    const void *object;
    EDGE_TRY(edge_message_sound(ctx, m));
    EDGE_TRY(edge_message_decode(ctx, m, &DEVICE_REQUEST, &object));
    const struct device *dto = &((const struct device_request *)object)->device;
    devsdk_device *draft = sdk_device_draft(svc, dto, profile_of(svc, dto));
    edge_defer(&ctx->arena, put_device, draft);
    if (draft->fault) {
        return edge_fail(ctx, EDGE_INVALID, "%s", draft->fault);
    }
    if (draft->profile) {
        EDGE_TRY(sdk_profile_check(ctx, draft->profile));
    }
    return ask_driver(ctx, draft);
}

enum edge_status sdk_bus_validate(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    devsdk_service *svc = state;
    enum edge_status st = validate(ctx, svc, m);
    struct edge_message *reply =
        sdk_answer(svc, m, st == EDGE_OK ? NULL : edge_ctx_message(ctx, st));
    sdk_outbox_put(svc->outbox, reply, 0);
    edge_message_unref(reply);
    return EDGE_OK;
}

/* ---- news ---------------------------------------------------------------------------------- */

static void take_up_news(devsdk_service *svc, void *arg);

static bool worker_begins(devsdk_service *svc)
{
    EDGE_LOCK(&svc->lock);
    if (svc->flows->news_running || (!svc->flows->news && !svc->flows->news_lost)) {
        return false;
    }
    svc->flows->news_running = true;
    return true;
}

static void worker_ends(devsdk_service *svc)
{
    EDGE_LOCK(&svc->lock);
    svc->flows->news_running = false;
}

/* See that somebody takes them up. */
static void kick(devsdk_service *svc)
{
    if (worker_begins(svc) && !sdk_background(svc, take_up_news, NULL)) {
        worker_ends(svc);
    }
}

static void lose(devsdk_service *svc)
{
    EDGE_LOCK(&svc->lock);
    svc->flows->news_lost = true;
}

void sdk_resync(devsdk_service *svc)
{
    lose(svc);
    kick(svc);
}

void sdk_news_kick(devsdk_service *svc)
{
    kick(svc);
}

static void queue_news(devsdk_service *svc, const struct edge_message *m)
{
    EDGE_LOCK(&svc->lock);
    if (svc->flows->n_news == MAX_NEWS) {
        svc->flows->news_lost = true;
        return;
    }
    struct sdk_news *news = edge_xalloc(1, sizeof(*news));
    news->message = edge_message_ref(m);
    if (svc->flows->news) {
        svc->flows->news_last->next = news;
    } else {
        svc->flows->news = news;
    }
    svc->flows->news_last = news;
    svc->flows->n_news++;
}

enum edge_status sdk_bus_system_event(void *state, struct edge_ctx *ctx,
                                      const struct edge_message *m)
{
    (void)ctx;
    devsdk_service *svc = state;
    if (!atomic_load(&svc->quiet)) {
        queue_news(svc, m);
        kick(svc);
    }
    return EDGE_OK;
}

/* The oldest; NULL: none, and then *ret_lost says whether all must be fetched. */
static const struct edge_message *next_news(devsdk_service *svc, bool *ret_lost)
{
    EDGE_LOCK(&svc->lock);
    struct sdk_news *news = svc->flows->news;
    if (!news) {
        *ret_lost = svc->flows->news_lost;
        svc->flows->news_lost = false;
        return NULL;
    }
    const struct edge_message *m = news->message;
    svc->flows->news = news->next;
    svc->flows->n_news--;
    free(news);
    return m;
}

void sdk_news_clear(devsdk_service *svc)
{
    bool lost;
    const struct edge_message *m;
    while ((m = next_news(svc, &lost)) != NULL) {
        edge_message_unref(m);
    }
}

/* ---- taking them up ------------------------------------------------------------------------ */

static enum edge_status device_changed(struct edge_ctx *ctx, devsdk_service *svc,
                                       const struct system_event *e)
{
    struct device dto;
    EDGE_TRY(edge_dto_decode(ctx, &DEVICE, e->details, &dto));
    bool ours = strcmp(dto.service_name, svc->rt->name) == 0;
    if (strcmp(e->action, "delete") == 0 || !ours) {
        sdk_device_remove(svc, dto.name);
        return EDGE_OK;
    }
    return sdk_device_apply(ctx, svc, &dto);
}

static enum edge_status profile_changed(struct edge_ctx *ctx, devsdk_service *svc,
                                        const struct system_event *e)
{
    struct device_profile dto;
    EDGE_TRY(edge_dto_decode(ctx, &DEVICE_PROFILE, e->details, &dto));
    struct sdk_profile *known = sdk_profile_find(svc, dto.name);
    if (known && strcmp(e->action, "delete") == 0) {
        sdk_profile_remove(svc, dto.name);
    } else if (known && strcmp(e->action, "update") == 0) {
        sdk_profile_apply(svc, &dto);
    }
    sdk_profile_unref(known);
    return EDGE_OK;
}

static enum edge_status watcher_changed(struct edge_ctx *ctx, devsdk_service *svc,
                                        const struct system_event *e)
{
    struct provision_watcher dto;
    EDGE_TRY(edge_dto_decode(ctx, &PROVISION_WATCHER, e->details, &dto));
    bool ours = strcmp(dto.service_name, svc->rt->name) == 0 ||
                strcmp(dto.service_name, svc->driver->name) == 0;
    if (strcmp(e->action, "delete") == 0 || !ours) {
        sdk_watcher_remove(svc, dto.name);
        return EDGE_OK;
    }
    return sdk_watcher_apply(ctx, svc, &dto);
}

static void take_up_service(devsdk_service *svc, const struct device_service *known)
{
    bool locked = known->admin_state == LOCKED;
    if (atomic_exchange(&svc->locked, locked) != locked) {
        sdk_catalog_refresh(svc);
    }
}

static enum edge_status service_changed(struct edge_ctx *ctx, devsdk_service *svc,
                                        const struct system_event *e)
{
    struct device_service dto;
    EDGE_TRY(edge_dto_decode(ctx, &DEVICE_SERVICE, e->details, &dto));
    if (strcmp(dto.name, svc->rt->name) == 0) {
        take_up_service(svc, &dto);
    }
    return EDGE_OK;
}

static const struct {
    const char *type;
    enum edge_status (*take_up)(struct edge_ctx *ctx, devsdk_service *svc,
                                const struct system_event *e);
} kinds[] = {
    {"device",           device_changed },
    {"deviceprofile",    profile_changed},
    {"provisionwatcher", watcher_changed},
    {"deviceservice",    service_changed},
};

static bool concerns_us(const devsdk_service *svc, const struct system_event *e)
{
    const char *owner = e->owner ? e->owner : "";
    return strcmp(owner, svc->rt->name) == 0 || strcmp(owner, svc->driver->name) == 0 ||
           strcmp(owner, "core-metadata") == 0;
}

static enum edge_status take_up(struct edge_ctx *ctx, devsdk_service *svc,
                                const struct edge_message *m)
{
    const void *object;
    EDGE_TRY(edge_message_decode(ctx, m, &SYSTEM_EVENT, &object));
    const struct system_event *e = object;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(e->type, kinds[i].type) == 0 && concerns_us(svc, e)) {
            return kinds[i].take_up(ctx, svc, e);
        }
    }
    return EDGE_OK;
}

static void take_up_one(devsdk_service *svc, const struct edge_message *m)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    enum edge_status st = take_up(&ctx, svc, m);
    if (st != EDGE_OK) {
        edge_log_warn(&ctx, "system event not taken up", "topic", m->topic, "error",
                      edge_ctx_message(&ctx, st), NULL);
        if (st == EDGE_UNAVAILABLE) {
            lose(svc);
        }
    }
    edge_message_unref(m);
}

static void fetch_all(devsdk_service *svc)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    struct device_service known;
    enum edge_status st = sdk_metadata_reclaim(&ctx, svc, &known);
    if (st == EDGE_OK) {
        take_up_service(svc, &known);
        st = sdk_catalog_sync(&ctx, svc);
    }
    if (st == EDGE_OK) {
        edge_log_info(&ctx, "devices fetched again", NULL);
        return;
    }
    edge_log_warn(&ctx, "devices not fetched, trying again", "error", edge_ctx_message(&ctx, st),
                  NULL);
    lose(svc); /* the next tick tries again */
}

static void take_up_news(devsdk_service *svc, void *arg)
{
    (void)arg;
    bool lost = false;
    const struct edge_message *m;
    while (!atomic_load(&svc->quiet) && (m = next_news(svc, &lost)) != NULL) {
        take_up_one(svc, m);
    }
    if (lost && !atomic_load(&svc->quiet)) {
        fetch_all(svc);
    }
    worker_ends(svc);
}
