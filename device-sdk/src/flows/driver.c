/* What drivers ask of their service, and unsolicited data. */
#include <stdarg.h>
#include <string.h>

#include "edge/clock.h"
#include "flows.h"

const void *devsdk_config(const devsdk_service *svc)
{
    return svc->driver_config;
}

void *devsdk_service_data(devsdk_service *svc)
{
    return svc->driver_data;
}

devsdk_result devsdk_secret(const devsdk_service *svc, const char *name, const char *key, char *ret,
                            size_t size)
{
    const char *value = edge_runtime_secret(svc->rt, name, key);
    if (!value) {
        return DEVSDK_NO_OBJECT;
    }
    size_t len = strlen(value);
    if (len >= size) {
        return DEVSDK_RANGE;
    }
    memcpy(ret, value, len + 1);
    return DEVSDK_OK;
}

int64_t devsdk_now_ms(void)
{
    return edge_now_mono_ms();
}

void devsdk_log(const devsdk_service *svc, devsdk_level level, const char *fmt, ...)
{
    static const enum edge_log_level levels[] = {[DEVSDK_ERROR] = EDGE_LOG_ERROR,
                                                 [DEVSDK_WARN] = EDGE_LOG_WARN,
                                                 [DEVSDK_INFO] = EDGE_LOG_INFO,
                                                 [DEVSDK_DEBUG] = EDGE_LOG_DEBUG};
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    if (!edge_log_enabled(&ctx, levels[level])) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    edge_log_write(&ctx, levels[level], edge_vprintf(&ctx.arena, fmt, args), NULL);
    va_end(args);
}

void devsdk_metric(devsdk_service *svc, const char *name, uint64_t delta)
{
    edge_counter_add(edge_counter(svc->rt->metrics, name, "Counted by the driver."), delta);
}

/* ---- unsolicited data ------------------------------------------------------------------------ */

static void push_done(struct devsdk_request *r, devsdk_result result)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = r->svc->rt->log;
    struct edge_message *event = NULL;
    enum edge_status st = sdk_request_status(&ctx, r, result);
    if (st == EDGE_OK) {
        st = sdk_event_build(&ctx, r, &event);
    }
    bool news = sdk_note_push(r->dev->entry, st == EDGE_OK);
    if (st != EDGE_OK) {
        edge_counter_add(r->svc->pushes_refused, 1);
    }
    if (news) { /* there may be thousands a second */
        edge_log_warn(&ctx, "unsolicited data not taken", "device", r->dev->dto->name, "error",
                      edge_ctx_message(&ctx, st), NULL);
    }
    if (event) {
        sdk_event_publish(r->svc, event);
        edge_message_unref(event);
    }
}

static devsdk_result takes_pushes(const devsdk_device *dev)
{
    devsdk_service *svc = dev->entry->svc;
    if (!dev->profile || dev->dto->admin_state != UNLOCKED || atomic_load(&svc->locked)) {
        return DEVSDK_LOCKED;
    }
    return svc->config->device.enable_async_readings && !atomic_load(&svc->quiet) &&
                   !sdk_outbox_is_full(svc->outbox)
               ? DEVSDK_OK
               : DEVSDK_BUSY;
}

devsdk_result devsdk_push_check(devsdk_device *dev, const char *source_name)
{
    EDGE_CTX_SCOPE(ctx);
    struct sdk_source source;
    enum edge_status st = dev->profile ? sdk_source_find(&ctx, &ctx.arena, dev->profile,
                                                         source_name, SDK_FOR_READ, false, &source)
                                       : EDGE_OK;
    if (st != EDGE_OK) {
        return st == EDGE_NOT_FOUND ? DEVSDK_NO_OBJECT : DEVSDK_DENIED;
    }
    return takes_pushes(dev);
}

static devsdk_request *push(devsdk_device *dev, const struct sdk_source *source)
{
    struct devsdk_request *r = sdk_request_create(dev, source, SDK_FOR_READ, push_done, NULL);
    r->pushed = true;
    r->n_window = r->n_items;
    if (sdk_onlooker) {
        sdk_onlooker->pushes(r);
    }
    return r;
}

devsdk_request *devsdk_push(devsdk_device *dev, const char *source_name)
{
    EDGE_CTX_SCOPE(ctx);
    struct sdk_source source;
    if (takes_pushes(dev) != DEVSDK_OK ||
        sdk_source_find(&ctx, &ctx.arena, dev->profile, source_name, SDK_FOR_READ, false,
                        &source) != EDGE_OK) {
        return NULL;
    }
    return push(dev, &source);
}

devsdk_request *devsdk_push_set(devsdk_device *dev, const char *source_name, const unsigned *points,
                                unsigned n)
{
    EDGE_CTX_SCOPE(ctx);
    struct sdk_source source = {.name = source_name,
                                .ops = edge_new_n(&ctx.arena, struct sdk_op, n + 1)};
    if (takes_pushes(dev) != DEVSDK_OK || n == 0 || !*source_name) {
        return NULL;
    }
    for (; source.n_ops < n; source.n_ops++) {
        const devsdk_point *p = devsdk_point_at(dev, points[source.n_ops]);
        if (!p || !p->readable) {
            return NULL;
        }
        source.ops[source.n_ops].resource = &dev->profile->resources[points[source.n_ops]];
    }
    return push(dev, &source);
}
