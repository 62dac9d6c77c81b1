/* A service that keeps what the driver's service says: events, and how scans end. */
#include <stdlib.h>
#include <string.h>

#include "contracts/event_ack.h"
#include "edge/arena.h"
#include "edge/clock.h"
#include "testkit.h"

struct heard {
    const struct edge_message *message;
    bool taken;
};

struct kit_listener {
    const struct edge_runtime *rt;
    struct edge_mutex lock;
    struct edge_cond more;
    struct heard *events EDGE_GUARDED;
    size_t n EDGE_GUARDED;
    const struct edge_message **ends EDGE_GUARDED; /* of scans */
    size_t n_ends EDGE_GUARDED;
};

static enum edge_status hear_event(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    (void)ctx;
    struct kit_listener *l = state;
    EDGE_LOCK(&l->lock);
    l->events = edge_xrealloc(l->events, l->n + 1, sizeof(*l->events));
    l->events[l->n++] = (struct heard){edge_message_ref(m), false};
    edge_cond_broadcast(&l->more);
    return EDGE_OK;
}

/* Core-data is there, as far as the SDK is concerned: nothing waits for it. */
static enum edge_status hear_ask(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct kit_listener *l = state;
    struct edge_message *hello = edge_message_create(0);
    struct event_acker *said = edge_new(edge_message_arena(hello), struct event_acker);
    (void)m;
    *said = (struct event_acker){EDGE_API_VERSION, l->rt->name, l->rt->name};
    hello->dto = &EVENT_ACKER;
    hello->object = said;
    edge_message_topic(hello, "%s/event-acks/core-data/hello", l->rt->base_topic);
    enum edge_status st = edge_bus_publish(ctx, l->rt->bus, hello);
    edge_message_unref(hello);
    return st;
}

static const struct system_event *system_event_in(const struct edge_message *m)
{
    return m->object;
}

static int progress_of(const struct edge_message *m)
{
    int64_t progress = 0;
    const cJSON *node = edge_json_member(system_event_in(m)->details, "progress", true);
    return node && edge_json_int(node, &progress) ? (int)progress : 0;
}

static enum edge_status hear_scan(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    (void)ctx;
    struct kit_listener *l = state;
    if (m->dto != &SYSTEM_EVENT || (progress_of(m) >= 0 && progress_of(m) < 100)) {
        return EDGE_OK;
    }
    EDGE_LOCK(&l->lock);
    l->ends = edge_xrealloc(l->ends, l->n_ends + 1, sizeof(struct edge_message *));
    l->ends[l->n_ends++] = edge_message_ref(m);
    edge_cond_broadcast(&l->more);
    return EDGE_OK;
}

static enum edge_status start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    (void)ctx;
    struct kit_listener *l = rt->state;
    l->rt = rt;
    edge_mutex_init(&l->lock);
    edge_cond_init(&l->more);
    return EDGE_OK;
}

static void forget(struct kit_listener *l)
{
    EDGE_LOCK(&l->lock);
    for (size_t i = 0; i < l->n; i++) {
        edge_message_unref(l->events[i].message);
    }
    for (size_t i = 0; i < l->n_ends; i++) {
        edge_message_unref(l->ends[i]);
    }
    free(l->events);
    free(l->ends);
}

static void stop(const struct edge_runtime *rt)
{
    struct kit_listener *l = rt->state;
    forget(l);
    edge_cond_done(&l->more);
    edge_mutex_done(&l->lock);
}

struct listener_config {
    struct edge_base_config base;
    struct edge_writable writable;
};
static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct listener_config, base, NULL, "Base.", &EDGE_BASE_CONFIG,
                .flags = EDGE_INLINE),
    EDGE_OBJECT(struct listener_config, writable, "Writable", "Writable.", &EDGE_WRITABLE_CONFIG),
};
static const struct edge_dto CONFIG =
    EDGE_DTO(struct listener_config, "Configuration", config_fields);
static const struct edge_subscription subscriptions[] = {
    {"events/#",                             hear_event, "Events.",               0},
    {"system-events/+/device/discovery/#",   hear_scan,  "Ends of scans.",        0},
    {"system-events/+/device/profilescan/#", hear_scan,  "Ends of the other",     0},
    {"event-acks/core-data/ask/+",           hear_ask,   "In core-data's place.", 0},
};
const struct edge_service kit_listener_service = {
    .name = "listener",
    .state_size = sizeof(struct kit_listener),
    .config = &CONFIG,
    .writable_offset = offsetof(struct listener_config, writable),
    .subscriptions = subscriptions,
    .n_subscriptions = sizeof(subscriptions) / sizeof(subscriptions[0]),
    .start = start,
    .stop = stop,
};

/* ---- events -------------------------------------------------------------------------------------- */

static const struct event *event_in(const struct edge_message *m)
{
    return &((const struct add_event_request *)m->object)->event;
}

static bool is_of(const char *name, const char *wanted)
{
    return !wanted || !*wanted || strcmp(name, wanted) == 0;
}

static bool is_wanted(const struct heard *h, struct kit_wanted wanted)
{
    const struct event *e = event_in(h->message);
    return is_of(e->device_name, wanted.device) && is_of(e->source_name, wanted.source);
}

static size_t count(struct kit_listener *l, struct kit_wanted wanted) EDGE_REQUIRES(l->lock)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        n += is_wanted(&l->events[i], wanted);
    }
    return n;
}

size_t kit_events_heard(struct kit_listener *l, struct kit_wanted wanted)
{
    EDGE_LOCK(&l->lock);
    return count(l, wanted);
}

bool kit_events_wait(struct kit_listener *l, struct kit_wanted wanted, size_t n,
                     int64_t deadline_ms)
{
    EDGE_LOCK(&l->lock);
    while (count(l, wanted) < n) {
        if (!edge_cond_wait_until(&l->more, &l->lock, deadline_ms)) {
            return count(l, wanted) >= n;
        }
    }
    return true;
}

const struct event *kit_event_latest(struct kit_listener *l, struct kit_wanted wanted,
                                     struct edge_arena *a)
{
    EDGE_LOCK(&l->lock);
    for (size_t i = l->n; i-- > 0;) {
        if (is_wanted(&l->events[i], wanted)) {
            return edge_dto_clone(&EVENT, a, event_in(l->events[i].message));
        }
    }
    return NULL;
}

static struct heard *first_left(struct kit_listener *l, struct kit_wanted wanted)
    EDGE_REQUIRES(l->lock)
{
    for (size_t i = 0; i < l->n; i++) {
        if (!l->events[i].taken && is_wanted(&l->events[i], wanted)) {
            return &l->events[i];
        }
    }
    return NULL;
}

const struct event *kit_event_take(struct kit_listener *l, struct kit_wanted wanted,
                                   int64_t deadline_ms, struct edge_arena *a)
{
    EDGE_LOCK(&l->lock);
    struct heard *found;
    bool in_time = true;
    while ((found = first_left(l, wanted)) == NULL && in_time) {
        in_time = edge_cond_wait_until(&l->more, &l->lock, deadline_ms);
    }
    if (!found) {
        return NULL;
    }
    found->taken = true;
    return edge_dto_clone(&EVENT, a, event_in(found->message));
}

/* ---- scans ---------------------------------------------------------------------------------------- */

static const char *detail(const struct edge_message *m, const char *key)
{
    const cJSON *node = edge_json_member(system_event_in(m)->details, key, true);
    return cJSON_IsString(node) ? node->valuestring : "";
}

static const struct edge_message *end_of(struct kit_listener *l, const char *id)
    EDGE_REQUIRES(l->lock)
{
    for (size_t i = 0; i < l->n_ends; i++) {
        if (strcmp(detail(l->ends[i], "requestId"), id) == 0) {
            return l->ends[i];
        }
    }
    return NULL;
}

bool kit_scan_wait(struct kit_listener *l, const char *id, int64_t deadline_ms,
                   struct edge_arena *a, const char **ret_why)
{
    EDGE_LOCK(&l->lock);
    const struct edge_message *end;
    bool in_time = true;
    while ((end = end_of(l, id)) == NULL && in_time) {
        in_time = edge_cond_wait_until(&l->more, &l->lock, deadline_ms);
    }
    if (end) {
        *ret_why = progress_of(end) < 0 ? edge_strdup(a, detail(end, "message")) : NULL;
    }
    return end != NULL;
}
