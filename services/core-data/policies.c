/* How long events of which source are kept: what the auto events of devices say, by device. Filled
 * from a list of all devices, kept current by what the bus tells. Devices that say nothing but the
 * defaults, as most do, take no room. */
#include <stdlib.h>
#include <string.h>

#include "edge/map.h"
#include "edge/pattern.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "state.h"

struct source_policy {
    const char *source;
    struct edge_pattern *pattern; /* NULL: comparing texts is enough */
    struct policy policy;
};

struct device_policies {
    struct edge_arena arena; /* holds this struct too */
    const char *device;
    uint64_t listing; /* at which it was known last */
    struct source_policy *sources;
    size_t n_sources;
};

struct policies {
    struct policy defaults;
    struct edge_mutex lock;
    struct edge_map devices EDGE_GUARDED; /* to device_policies */
    uint64_t listing EDGE_GUARDED;
    bool is_listing EDGE_GUARDED;
};

struct policies *policies_create(const struct policy *defaults)
{
    struct policies *p = edge_xalloc(1, sizeof(*p));
    p->defaults = *defaults;
    edge_mutex_init(&p->lock);
    return p;
}

static void entry_free(struct device_policies *d)
{
    if (!d) {
        return;
    }
    for (size_t i = 0; i < d->n_sources; i++) {
        edge_pattern_free(d->sources[i].pattern);
    }
    struct edge_arena arena = d->arena;
    edge_arena_done(&arena);
}

void policies_free(struct policies *p)
{
    if (!p) {
        return;
    }
    {
        EDGE_LOCK(&p->lock);
        size_t pos = 0;
        for (struct device_policies *d; (d = edge_map_next(&p->devices, &pos, NULL));) {
            entry_free(d);
        }
        edge_map_done(&p->devices);
    }
    edge_mutex_done(&p->lock);
    free(p);
}

/* What is left out, or 0, is as the service's defaults say (contract 5.6). */
static struct policy policy_of(const struct policy *defaults, const struct retention *r)
{
    struct policy p = *defaults;
    p.max_cap = r->max_cap != 0 ? r->max_cap : p.max_cap;
    p.min_cap = r->min_cap != 0 ? r->min_cap : p.min_cap;
    if (r->duration && *r->duration) {
        (void)edge_duration_parse(r->duration, true, &p.duration); /* checked with the device */
    }
    return p;
}

static struct edge_pattern *pattern_of(const char *source)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_pattern *pattern = NULL;
    if (edge_pattern_is_plain(source) ||
        edge_pattern_create(&ctx, source, EDGE_PATTERN_WHOLE, &pattern) != EDGE_OK) {
        return NULL; /* what is no expression is a name all the same */
    }
    return pattern;
}

static bool says_more(const struct policy *defaults, const struct device *device)
{
    for (size_t i = 0; i < device->n_auto_events; i++) {
        const struct policy p = policy_of(defaults, &device->auto_events[i].retention);
        if (p.max_cap != defaults->max_cap || p.min_cap != defaults->min_cap ||
            p.duration != defaults->duration) {
            return true;
        }
    }
    return false;
}

static struct device_policies *entry_make(const struct policy *defaults,
                                          const struct device *device)
{
    struct edge_arena arena = EDGE_ARENA_INIT;
    struct device_policies *d = edge_new(&arena, struct device_policies);
    d->device = edge_strdup(&arena, device->name);
    d->n_sources = says_more(defaults, device) ? device->n_auto_events : 0;
    d->sources = edge_new_n(&arena, struct source_policy, d->n_sources);
    for (size_t i = 0; i < d->n_sources; i++) {
        const struct auto_event *e = &device->auto_events[i];
        d->sources[i] = (struct source_policy){
            .source = edge_strdup(&arena, e->source_name),
            .pattern = pattern_of(e->source_name),
            .policy = policy_of(defaults, &e->retention),
        };
    }
    d->arena = arena;
    return d;
}

static void entry_put(struct policies *p, struct device_policies *d) EDGE_REQUIRES(p->lock);

/* Who says nothing is kept only while a list may say something older. */
static void entry_put(struct policies *p, struct device_policies *d)
{
    d->listing = p->listing;
    if (d->n_sources > 0 || p->is_listing) {
        entry_free(edge_map_put(&p->devices, d->device, d));
    } else {
        entry_free(edge_map_remove(&p->devices, d->device));
        entry_free(d);
    }
}

void policies_put(struct policies *p, const struct device *device)
{
    struct device_policies *d = entry_make(&p->defaults, device);
    EDGE_LOCK(&p->lock);
    entry_put(p, d);
}

void policies_remove(struct policies *p, const char *device)
{
    policies_put(p, &(struct device){.name = device});
}

void policies_list_begin(struct policies *p)
{
    EDGE_LOCK(&p->lock);
    p->listing++;
    p->is_listing = true;
}

void policies_list(struct policies *p, const struct device *device)
{
    struct device_policies *d = entry_make(&p->defaults, device);
    EDGE_LOCK(&p->lock);
    const struct device_policies *known = edge_map_find(&p->devices, d->device);
    if ((known && known->listing == p->listing) || (!known && d->n_sources == 0)) {
        entry_free(d); /* what came over the bus since the list began is newer */
        return;
    }
    entry_put(p, d);
}

void policies_list_end(struct policies *p)
{
    struct edge_map current = EDGE_MAP_INIT;
    EDGE_LOCK(&p->lock);
    size_t pos = 0;
    for (struct device_policies *d; (d = edge_map_next(&p->devices, &pos, NULL));) {
        if (d->listing == p->listing && d->n_sources > 0) {
            edge_map_put(&current, d->device, d);
        } else {
            entry_free(d);
        }
    }
    edge_map_done(&p->devices);
    p->devices = current;
    p->is_listing = false;
}

/* The auto event of that very name, else the first whose expression is about it: the source of an
 * event may be a resource, a command, or the expression itself. */
static const struct source_policy *find(const struct device_policies *d, const char *source)
{
    for (size_t i = 0; i < d->n_sources; i++) {
        if (strcmp(d->sources[i].source, source) == 0) {
            return &d->sources[i];
        }
    }
    for (size_t i = 0; i < d->n_sources; i++) {
        EDGE_CTX_SCOPE(ctx);
        bool matches = false;
        if (d->sources[i].pattern &&
            edge_pattern_match(&ctx, d->sources[i].pattern, source, &matches) == EDGE_OK &&
            matches) {
            return &d->sources[i];
        }
    }
    return NULL; /* nor where an expression cannot decide */
}

struct policy policies_find(struct policies *p, const char *device, const char *source)
{
    EDGE_LOCK(&p->lock);
    const struct device_policies *d = edge_map_find(&p->devices, device);
    const struct source_policy *s = d ? find(d, source) : NULL;
    return s ? s->policy : p->defaults;
}
