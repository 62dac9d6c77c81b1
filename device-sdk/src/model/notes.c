/*
 * Is a device up? Noted where it shows, on whatever thread that is; what follows from it is drawn
 * elsewhere (opstate.c), for all devices that changed at once.
 */
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "model.h"

/* Start the reporter unless it runs. */
static bool reporter_begins(devsdk_service *svc)
{
    EDGE_LOCK(&svc->lock);
    if (svc->reporting || !svc->dirty) {
        return false;
    }
    svc->reporting = true;
    return true;
}

void sdk_report_ends(devsdk_service *svc)
{
    EDGE_LOCK(&svc->lock);
    svc->reporting = false;
}

static void kick(devsdk_service *svc)
{
    if (reporter_begins(svc) && !sdk_background(svc, svc->report, NULL)) {
        sdk_report_ends(svc); /* the next tick tries again */
    }
}

void sdk_report_retry(devsdk_service *svc)
{
    kick(svc);
}

/* Into the list of changed ones; e->dirty was set by the caller, who found it unset. */
void sdk_report_list(struct sdk_entry *e)
{
    devsdk_service *svc = e->svc;
    EDGE_LOCK(&svc->lock);
    e->next_dirty = svc->dirty;
    svc->dirty = sdk_entry_ref(e);
}

/* Set the state; true where the caller has to list the entry. */
static bool set_down(struct sdk_entry *e, bool down) EDGE_REQUIRES(e->lock)
{
    bool list = !e->dirty;
    e->down = down;
    e->unreported = true;
    e->dirty = true;
    return list;
}

static bool count_result(struct sdk_entry *e, bool good, bool *ret_changed)
{
    const unsigned allowed = (unsigned)e->svc->config->device.allowed_fails;
    EDGE_LOCK(&e->lock);
    e->failures = good ? 0 : e->failures + 1;
    bool down = e->down;
    if (allowed > 0 && (good || e->failures >= allowed)) {
        down = !good;
    }
    *ret_changed = down != e->down;
    return *ret_changed && set_down(e, down);
}

static void log_change(struct sdk_entry *e, bool up, const char *why)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = e->svc->rt->log;
    if (up) {
        edge_log_info(&ctx, "device is up", "device", e->name, "why", why, NULL);
    } else {
        edge_log_warn(&ctx, "device is down", "device", e->name, "why", why, NULL);
    }
}

/* A metric per device is shown to those who ask for it only: there may be thousands. */
void sdk_connected_reconfigure(devsdk_service *svc)
{
    static const char name[] = "LastConnected";
    const struct edge_telemetry *t = &sdk_writable(svc)->base.telemetry;
    bool wanted = false;
    for (size_t i = 0; i < t->n_metrics; i++) {
        const char *prefix = t->metrics[i].name;
        size_t len = strlen(prefix) < sizeof(name) - 1 ? strlen(prefix) : sizeof(name) - 1;
        wanted = wanted || (t->metrics[i].value && len > 0 && strncmp(prefix, name, len) == 0);
    }
    atomic_store(&svc->wants_last_connected, wanted);
}

static void note_connected(struct sdk_entry *e)
{
    struct edge_gauge *gauge = atomic_load(&e->last_connected);
    if (!atomic_load(&e->svc->wants_last_connected)) {
        return;
    }
    if (!gauge) {
        EDGE_CTX_SCOPE(ctx);
        gauge = edge_gauge_tagged(
            e->svc->rt->metrics, edge_printf(&ctx.arena, "LastConnected-%s", e->name),
            "When the device answered last, ns since 1970.", "device", e->name);
        atomic_store(&e->last_connected, gauge);
    }
    edge_gauge_set(gauge, edge_now_ns());
}

void sdk_connected_forget(struct sdk_entry *e)
{
    struct edge_gauge *gauge = atomic_load(&e->last_connected);
    if (gauge) {
        edge_gauge_retire(gauge);
    }
}

void sdk_note_result(devsdk_device *dev, devsdk_result result)
{
    bool good = result == DEVSDK_OK, changed;
    struct sdk_entry *e = dev->entry;
    if (good) {
        note_connected(e);
    }
    if (!good && result != DEVSDK_TIMEOUT && result != DEVSDK_LINK) {
        return; /* "no such register" says that the device lives */
    }
    bool list = count_result(e, good, &changed);
    if (changed) {
        log_change(e, good, good ? "it answered" : "it failed too often in a row");
    }
    if (list) {
        sdk_report_list(e);
        kick(e->svc);
    }
}

static bool link_changes(struct sdk_entry *e, bool up, bool *ret_list)
{
    EDGE_LOCK(&e->lock);
    if (up) {
        e->failures = 0;
    }
    if (e->down == !up) {
        return false;
    }
    *ret_list = set_down(e, !up);
    return true;
}

void sdk_note_link(struct sdk_entry *e, bool up, const char *why)
{
    bool list = false;
    if (link_changes(e, up, &list)) {
        log_change(e, up, why ? why : "the driver says so");
    }
    if (list) {
        sdk_report_list(e);
        kick(e->svc);
    }
}

static bool assertion_changes(struct sdk_entry *e, uint64_t resource, bool holds)
{
    EDGE_LOCK(&e->lock);
    if (!holds) {
        e->broken = e->broken && e->down ? e->broken : resource; /* the first one */
        return true;
    }
    if (e->broken != resource) {
        return false;
    }
    e->broken = 0;
    return e->down;
}

void sdk_note_assertion(struct sdk_entry *e, const char *resource, bool holds)
{
    if (assertion_changes(e, edge_hash(EDGE_HASH, resource), holds)) {
        sdk_note_link(e, holds, holds ? "its values hold again" : "an assertion does not hold");
    }
}

bool sdk_note_push(struct sdk_entry *e, bool taken)
{
    EDGE_LOCK(&e->lock);
    bool news = !taken && !e->push_faulty;
    e->push_faulty = !taken;
    return news;
}

void devsdk_link(devsdk_device *d, bool up, const char *why)
{
    sdk_note_link(d->entry, up, why);
}
