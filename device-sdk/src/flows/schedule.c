/*
 * The auto-events of devices: each is a machine (autoevent.c) whose read goes through the device's
 * lane like any other, and whose result is an event on the bus, or nothing where nothing changed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "flows.h"

/* What was sent last of one resource. */
struct last {
    const char *resource; /* malloc'd in a schedule's list */
    bool is_number;
    double number;
    uint64_t digest;
};

struct sdk_schedule {
    struct sdk_auto machine;
    atomic_uint refs;
    struct sdk_job job;
    struct sdk_lane *lane; /* where the job was queued; machine.lock */
    struct sdk_entry *entry;
    char *source;
    bool on_change;
    double threshold;
    bool warned;         /* in the lane: that its source is unknown */
    atomic_bool failing; /* the last read did; said once */
    struct last *last;   /* in the lane, as is the next */
    size_t n_last;
};

/* A read under way. */
struct run {
    struct sdk_schedule *schedule;
    unsigned generation;
};

static struct sdk_schedule *schedule_of(struct sdk_auto *a)
{
    return (struct sdk_schedule *)a; /* its first member */
}

static void unref(struct sdk_schedule *s)
{
    if (atomic_fetch_sub(&s->refs, 1) == 1) {
        sdk_auto_done(&s->machine);
        sdk_entry_unref(s->entry);
        for (size_t i = 0; i < s->n_last; i++) {
            free((char *)(uintptr_t)s->last[i].resource);
        }
        free(s->last);
        free(s->source);
        free(s);
    }
}

/* ---- the machine's hands --------------------------------------------------------------------- */

static bool enqueue(struct sdk_auto *a)
{
    struct sdk_schedule *s = schedule_of(a);
    devsdk_device *dev = sdk_entry_device(s->entry);
    if (!dev) {
        return false;
    }
    s->lane = dev->lane; /* lives as long as the job waits in it */
    atomic_fetch_add(&s->refs, 1);
    bool queued = sdk_lane_submit(s->lane, &s->job, SDK_AUTO);
    if (!queued) {
        unref(s);
    }
    sdk_device_unref(dev);
    return queued;
}

static void withdraw(struct sdk_auto *a)
{
    struct sdk_schedule *s = schedule_of(a);
    if (sdk_lane_withdraw(s->lane, &s->job)) {
        unref(s);
    }
}

static void skipped(struct sdk_auto *a, uint64_t n)
{
    edge_counter_add(schedule_of(a)->entry->svc->auto_events_skipped, n);
}

static const struct sdk_auto_ops ops = {enqueue, withdraw, skipped, edge_now_mono_ms};

/* ---- what changed ---------------------------------------------------------------------------- */

static uint64_t digest(const void *bytes, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    }
    return h;
}

static struct last last_of(const struct sdk_schedule *s, const struct reading *r)
{
    struct value_number number;
    struct last now = {.resource = r->resource_name};
    if (r->is_null) {
        now.digest = 1;
    } else if (r->value) {
        now.digest = digest(r->value, strlen(r->value));
        if (s->threshold > 0 && value_type_is_numeric(r->value_type) &&
            value_number_parse(r->value_type, r->value, &number)) {
            now.is_number = true;
            now.number = value_number_real(r->value_type, &number);
        }
    } else if (r->object) {
        struct edge_buf text = EDGE_BUF_INIT;
        edge_json_put(&text, r->object);
        now.digest = digest(text.data, text.len);
        edge_buf_done(&text);
    } else {
        now.digest = digest(r->binary.data, r->binary.size);
    }
    return now;
}

static struct last *last_find(const struct sdk_schedule *s, const char *resource)
{
    for (size_t i = 0; i < s->n_last; i++) {
        if (strcmp(s->last[i].resource, resource) == 0) {
            return &s->last[i];
        }
    }
    return NULL;
}

static bool differs(const struct sdk_schedule *s, const struct reading *r)
{
    const struct last *before = last_find(s, r->resource_name);
    if (!before) {
        return true;
    }
    struct last now = last_of(s, r);
    if (now.is_number && before->is_number && isfinite(now.number) && isfinite(before->number)) {
        return fabs(now.number - before->number) > s->threshold;
    }
    return now.digest != before->digest;
}

static void remember(struct sdk_schedule *s, const struct event *event)
{
    for (size_t i = 0; i < event->n_readings; i++) {
        struct last now = last_of(s, &event->readings[i]);
        struct last *before = last_find(s, now.resource);
        if (!before) {
            s->last = edge_xrealloc(s->last, s->n_last + 1, sizeof(*s->last));
            before = &s->last[s->n_last++];
            before->resource = edge_xstrdup(now.resource);
        }
        now.resource = before->resource;
        *before = now;
    }
}

/* Leave what did not change out of the event, or say that nothing did. */
static bool keep_changes(struct sdk_schedule *s, const struct edge_message *m)
{
    bool changed_only = s->entry->svc->config->device.auto_events.send_changed_readings_only;
    struct event *event = (struct event *)(uintptr_t)sdk_event_of(m); /* not published yet */
    size_t kept = 0, n_changed = 0;
    for (size_t i = 0; i < event->n_readings; i++) {
        bool changed = differs(s, &event->readings[i]);
        n_changed += changed;
        if (changed || !changed_only) {
            event->readings[kept++] = event->readings[i];
        }
    }
    event->n_readings = kept;
    return n_changed > 0;
}

/* ---- a read ---------------------------------------------------------------------------------- */

static void publish(struct edge_ctx *ctx, struct sdk_schedule *s, struct devsdk_request *r)
{
    struct edge_message *m;
    enum edge_status st = sdk_event_build(ctx, r, &m);
    if (st != EDGE_OK) {
        edge_log_warn(ctx, "auto-event failed", "device", s->entry->name, "source", s->source,
                      "error", edge_ctx_message(ctx, st), NULL);
        return;
    }
    if (!m) {
        return;
    }
    /* What was sent is remembered only when it is on its way. */
    if ((!s->on_change || keep_changes(s, m)) && sdk_event_publish(r->svc, m) && s->on_change) {
        remember(s, sdk_event_of(m));
    }
    edge_message_unref(m);
}

static void run_done(struct devsdk_request *r, devsdk_result result)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = r->svc->rt->log;
    struct run *run = r->arg;
    struct sdk_schedule *s = run->schedule;
    if (!sdk_auto_is_current(&s->machine, run->generation)) {
        edge_log_debug(&ctx, "auto-event over after it was stopped", "device", s->entry->name,
                       "source", s->source, NULL);
    } else if (result == DEVSDK_OK) {
        atomic_store(&s->failing, false);
        publish(&ctx, s, r);
    } else if (!atomic_exchange(&s->failing, true)) {
        enum edge_status st = sdk_request_status(&ctx, r, result);
        edge_log_warn(&ctx, "auto-event failed", "device", s->entry->name, "source", s->source,
                      "error", edge_ctx_message(&ctx, st), NULL);
    }
    sdk_auto_finish(&s->machine, run->generation);
    unref(s);
}

static bool resolve(struct sdk_schedule *s, devsdk_device *dev, struct edge_ctx *ctx,
                    struct sdk_source *ret)
{
    enum edge_status st =
        sdk_source_find(ctx, &ctx->arena, dev->profile, s->source, SDK_FOR_READ, true, ret);
    if (st == EDGE_OK) {
        st = sdk_source_check(ctx, dev, ret);
    }
    if (st != EDGE_OK && !s->warned) {
        s->warned = true;
        edge_log_warn(ctx, "auto-event names what cannot be read", "device", s->entry->name,
                      "source", s->source, "error", edge_ctx_message(ctx, st), NULL);
    }
    return st == EDGE_OK;
}

/* In the lane: the read, or nothing where the device has moved on meanwhile. */
static enum sdk_turn begin(struct sdk_schedule *s, devsdk_device *dev, struct sdk_lane *lane,
                           unsigned generation)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = s->entry->svc->rt->log;
    struct sdk_source source;
    if (!dev || !dev->profile || dev->lane != lane || !resolve(s, dev, &ctx, &source)) {
        sdk_auto_finish(&s->machine, generation);
        unref(s);
        return SDK_NEXT;
    }
    struct devsdk_request *r = sdk_request_create(dev, &source, SDK_FOR_READ, run_done, NULL);
    struct run *run = edge_new(&r->arena, struct run);
    *run = (struct run){s, generation};
    r->arg = run;
    return sdk_request_run_now(r);
}

static enum sdk_turn take_turn(struct sdk_job *job, struct sdk_lane *lane)
{
    struct sdk_schedule *s = EDGE_CONTAINER(job, struct sdk_schedule, job);
    unsigned generation;
    if (!sdk_auto_start(&s->machine, &generation)) {
        unref(s);
        return SDK_NEXT;
    }
    devsdk_device *dev = sdk_entry_device(s->entry);
    enum sdk_turn turn = begin(s, dev, lane, generation);
    devsdk_put(dev);
    return turn;
}

/* ---- a device's ------------------------------------------------------------------------------ */

static int64_t interval_ms(const char *text)
{
    int64_t ns;
    return edge_duration_parse(text, false, &ns) && ns >= 1000000 ? ns / 1000000 : 0;
}

static struct sdk_schedule *create(struct sdk_entry *e, const struct auto_event *spec)
{
    EDGE_CTX_SCOPE(ctx);
    struct sdk_schedule *s = edge_xalloc(1, sizeof(*s));
    atomic_init(&s->refs, 1);
    s->job.run = take_turn;
    s->entry = sdk_entry_ref(e);
    s->source = edge_xstrdup(spec->source_name);
    s->on_change = spec->on_change;
    s->threshold = spec->on_change_threshold;
    sdk_auto_init(&s->machine, e->svc->rt->timers, &ops, interval_ms(spec->interval),
                  edge_printf(&ctx.arena, "%s/%s", e->name, s->source));
    return s;
}

static bool is_as(const struct sdk_schedule *s, const struct auto_event *spec)
{
    return strcmp(s->source, spec->source_name) == 0 &&
           s->machine.interval_ms == interval_ms(spec->interval) &&
           s->on_change == spec->on_change && s->threshold == spec->on_change_threshold;
}

/* The entry's schedule for @p spec, taken out of its list; NULL: it has none. */
static struct sdk_schedule *take(struct sdk_entry *e, const struct auto_event *spec)
{
    for (size_t i = 0; i < e->n_schedules; i++) {
        struct sdk_schedule *s = e->schedules[i];
        if (s && is_as(s, spec)) {
            e->schedules[i] = NULL;
            return s;
        }
    }
    return NULL;
}

static bool may_run(struct sdk_entry *e, const devsdk_device *dev)
{
    const devsdk_service *svc = e->svc;
    return dev && dev->profile && dev->dto->admin_state == UNLOCKED && !sdk_entry_is_down(e) &&
           !atomic_load(&svc->locked) && !atomic_load(&svc->quiet);
}

void sdk_schedules_update(struct sdk_entry *e, const devsdk_device *dev)
{
    size_t n_specs = dev ? dev->dto->n_auto_events : 0, n = 0;
    struct sdk_schedule **kept = edge_xalloc(n_specs + 1, sizeof(struct sdk_schedule *));
    for (size_t i = 0; i < n_specs; i++) {
        const struct auto_event *spec = &dev->dto->auto_events[i];
        if (interval_ms(spec->interval) > 0) {
            struct sdk_schedule *s = take(e, spec);
            kept[n++] = s ? s : create(e, spec);
        }
    }
    for (size_t i = 0; i < e->n_schedules; i++) {
        if (e->schedules[i]) {
            sdk_auto_disable(&e->schedules[i]->machine);
            unref(e->schedules[i]);
        }
    }
    free(e->schedules);
    e->schedules = kept;
    e->n_schedules = n;
    bool run = may_run(e, dev);
    for (size_t i = 0; i < n; i++) {
        if (run) {
            sdk_auto_enable(&kept[i]->machine);
        } else {
            sdk_auto_disable(&kept[i]->machine);
        }
    }
}
