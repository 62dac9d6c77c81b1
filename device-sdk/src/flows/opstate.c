/*
 * Up and down (contract 10.4): what follows from what was noted (notes.c). Auto-events stop and metadata
 * is told on the worker pool, for all devices that changed at once: a dead line with a thousand devices
 * is one PATCH.
 */

#include "edge/clock.h"
#include "flows.h"

enum { REPORT_MAX = 500, ECHO_MS = 10000 };

/* ---- attending ------------------------------------------------------------------------------- */

static void attend_in(struct sdk_entry *e, int64_t ms)
{
    EDGE_LOCK(&e->lock);
    if (e->device && ms > 0) {
        e->timer_ms = edge_now_mono_ms() + ms;
        edge_timer_arm(e->svc->rt->timers, &e->timer, e->timer_ms);
    }
}

static bool is_to_be_attended(struct sdk_entry *e)
{
    EDGE_LOCK(&e->lock);
    return e->timer_ms > edge_now_mono_ms();
}

static int64_t probe_ms(const struct sdk_entry *e)
{
    return e->svc->config->device.device_down_timeout * 1000;
}

void sdk_attend_now(struct sdk_entry *e)
{
    EDGE_LOCK(&e->lock);
    if (e->device && !e->attending && !atomic_load(&e->svc->quiet)) {
        e->attending = true;
        sdk_entry_ref(e);
        sdk_lane_submit(e->device->lane, &e->attend, SDK_CONTROL);
    }
}

static void attend_due(struct edge_timer *timer)
{
    sdk_attend_now(EDGE_CONTAINER(timer, struct sdk_entry, timer));
}

/* Does metadata know better than we? Not when it does not know yet what we know, or repeats what we
 * told, which may have been overtaken since. */
static bool knows_better(struct sdk_entry *e) EDGE_REQUIRES(e->lock)
{
    if (e->echoes > 0 && edge_now_mono_ms() < e->echoes_until_ms) {
        e->echoes--;
        return false;
    }
    e->echoes = 0;
    return !e->unreported;
}

static bool take_state(struct sdk_entry *e, const struct device *dto)
{
    EDGE_LOCK(&e->lock);
    if (knows_better(e)) {
        e->down = dto->operating_state == OPERATING_DOWN;
        e->failures = e->down ? e->failures : 0;
    }
    return e->down;
}

/* News of a device that is DOWN do not put its next try off, or with enough of them there would be none. */
void sdk_note_snapshot(struct sdk_entry *e, const struct device *dto)
{
    if (take_state(e, dto) && !is_to_be_attended(e)) {
        attend_in(e, probe_ms(e));
    }
}

static void probe_done(struct devsdk_request *r, devsdk_result result)
{
    struct sdk_entry *e = r->dev->entry;
    if (result == DEVSDK_OK) {
        sdk_note_link(e, true, "it answered");
    } else {
        attend_in(e, probe_ms(e));
    }
}

static enum sdk_turn probe(devsdk_device *dev)
{
    EDGE_CTX_SCOPE(ctx);
    struct sdk_source source;
    const char *name = dev->profile ? sdk_profile_probe(dev->profile) : NULL;
    if (!name || sdk_source_find(&ctx, &ctx.arena, dev->profile, name, SDK_FOR_READ, false,
                                 &source) != EDGE_OK) {
        return SDK_NEXT;
    }
    return sdk_request_run_now(sdk_request_create(dev, &source, SDK_FOR_READ, probe_done, NULL));
}

/* In the lane. */
static enum sdk_turn attend_device(struct sdk_entry *e, devsdk_device *dev)
{
    bool failed_before = dev->life->backoff.pause_ms > 0;
    devsdk_result result = sdk_life_begin(dev);
    if (result != DEVSDK_OK) {
        sdk_note_link(e, false, "the driver could not take it up");
        attend_in(e, dev->life->retry_ms - edge_now_mono_ms() + 1);
        return SDK_NEXT;
    }
    if (failed_before) {
        sdk_note_link(e, true, "the driver has taken it up");
    } else if (probe_ms(e) > 0 && sdk_entry_is_down(e)) {
        return probe(dev);
    }
    return SDK_NEXT;
}

static devsdk_device *attend_begins(struct sdk_entry *e)
{
    EDGE_LOCK(&e->lock);
    e->attending = false;
    return e->device ? sdk_device_ref(e->device) : NULL;
}

static enum sdk_turn attend(struct sdk_job *job, struct sdk_lane *lane)
{
    struct sdk_entry *e = EDGE_CONTAINER(job, struct sdk_entry, attend);
    devsdk_device *dev = attend_begins(e);
    enum sdk_turn turn = SDK_NEXT;
    if (dev && dev->lane != lane) {
        sdk_attend_now(e); /* it has moved to another one */
    } else if (dev && !atomic_load(&e->svc->quiet)) {
        turn = attend_device(e, dev);
    }
    devsdk_put(dev);
    sdk_entry_unref(e);
    return turn;
}

void sdk_attend_init(struct sdk_entry *e)
{
    e->attend.run = attend;
    e->timer.fn = attend_due;
}

/* ---- reporting ------------------------------------------------------------------------------- */

static struct sdk_entry *take_dirty(devsdk_service *svc)
{
    EDGE_LOCK(&svc->lock);
    struct sdk_entry *e = svc->dirty;
    if (e) {
        svc->dirty = e->next_dirty;
    }
    return e;
}

/* Is there something to tell? Then *ret_down is it. */
static bool begin_report(struct sdk_entry *e, bool *ret_down)
{
    EDGE_LOCK(&e->lock);
    bool tell = e->unreported && e->device;
    e->dirty = false;
    e->unreported = false;
    *ret_down = e->down;
    if (tell) {
        e->echoes++;
        e->echoes_until_ms = edge_now_mono_ms() + ECHO_MS;
    }
    return tell;
}

static void follow(struct sdk_entry *e, bool down)
{
    EDGE_LOCK(&e->svc->flows->changes);
    devsdk_device *dev = sdk_entry_device(e);
    if (dev) {
        sdk_schedules_update(e, dev);
        sdk_device_unref(dev);
    }
    if (down) {
        attend_in(e, probe_ms(e));
    }
}

/* There will be no echo; @p again: it is to be told later. True where the caller has to list it. */
static bool note_untold(struct sdk_entry *e, bool again)
{
    EDGE_LOCK(&e->lock);
    e->echoes -= e->echoes > 0;
    if (!again) {
        return false;
    }
    bool list = !e->dirty;
    e->unreported = true;
    e->dirty = true;
    return list;
}

static void put_patch(struct edge_buf *body, const struct sdk_entry *e, bool down)
{
    edge_buf_puts(body, body->len > 1 ? "," : "");
    edge_buf_puts(body, "{\"apiVersion\":\"" EDGE_API_VERSION "\",\"device\":{\"name\":");
    edge_json_put_string(body, e->name);
    edge_buf_printf(body, ",\"operatingState\":\"%s\"}}", down ? "DOWN" : "UP");
}

/* One batch; false where metadata could not be reached. */
static bool report_some(devsdk_service *svc)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    struct edge_buf body = EDGE_BUF_INIT;
    struct sdk_entry **told = edge_new_n(&ctx.arena, struct sdk_entry *, REPORT_MAX), *e;
    size_t n = 0;
    edge_buf_putc(&body, '[');
    while (n < REPORT_MAX && (e = take_dirty(svc)) != NULL) {
        bool down;
        if (begin_report(e, &down)) {
            put_patch(&body, e, down);
        }
        follow(e, down);
        told[n++] = e;
    }
    edge_buf_putc(&body, ']');
    enum edge_status st = EDGE_OK;
    if (body.len > 2) {
        st = sdk_metadata_send(&ctx, svc, "PATCH", "/api/v3/device?bypassValidation=true",
                               edge_buf_str(&body), false);
    }
    if (st != EDGE_OK) {
        edge_log_warn(&ctx, "operating states not reported", "error", edge_ctx_message(&ctx, st),
                      NULL);
    }
    for (size_t i = 0; i < n; i++) {
        if (st != EDGE_OK && note_untold(told[i], st == EDGE_UNAVAILABLE)) {
            sdk_report_list(told[i]);
        }
        sdk_entry_unref(told[i]);
    }
    edge_buf_done(&body);
    return st != EDGE_UNAVAILABLE && n == REPORT_MAX;
}

void sdk_report(devsdk_service *svc, void *arg)
{
    (void)arg;
    while (report_some(svc)) {
    }
    sdk_report_ends(svc);
}
