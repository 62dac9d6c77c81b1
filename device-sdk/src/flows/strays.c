/*
 * Keys no table of the driver has, below the attributes of resources and in the protocol block of a
 * device: mostly slips, so they are told when a profile or a device is taken, with the name that may
 * be meant. What the snapshot before had was told then; nothing has to be remembered, and where
 * thousands have the same slip the log counts them.
 */
#include <string.h>

#include "edge/text.h"
#include "flows.h"
#include "model/params.h"

enum { SHOWN = 100 }; /* bytes of a key */

static void free_map(void *map)
{
    edge_map_done(map);
}

static struct edge_map *map_make(struct edge_ctx *ctx)
{
    struct edge_map *map = edge_new(&ctx->arena, struct edge_map);
    edge_defer(&ctx->arena, free_map, map);
    return map;
}

/* Has the driver no such key, and had @p before no such member? */
static bool is_new_stray(const devsdk_field *fields, const cJSON *member, const cJSON *before,
                         struct edge_nearest *near)
{
    *near = (struct edge_nearest){.wanted = member->string};
    return !sdk_params_row(fields, member->string, near) &&
           !(before && edge_json_member(before, member->string, true));
}

/* ---- attributes ----------------------------------------------------------------------------- */

/* One key of a profile, however many resources have it. */
struct stray {
    struct stray *next;
    const char *key, *nearest;
    const char *resource; /* the first */
    size_t n_resources;
};

struct stray_list {
    struct stray *first, **end;
    struct edge_map *by_key;
};

static void note_stray(struct edge_ctx *ctx, struct stray_list *list, const char *resource,
                       const struct edge_nearest *near)
{
    struct stray *s = edge_map_find(list->by_key, near->wanted);
    if (!s) {
        s = edge_new(&ctx->arena, struct stray);
        *s = (struct stray){.key = near->wanted, .nearest = near->name, .resource = resource};
        edge_map_put(list->by_key, s->key, s);
        *list->end = s;
        list->end = &s->next;
    }
    s->n_resources++;
}

/* Attributes by the name of their resource. */
static struct edge_map *attributes_of(struct edge_ctx *ctx, const struct device_profile *p)
{
    struct edge_map *map = map_make(ctx);
    for (size_t i = 0; p && i < p->n_resources; i++) {
        if (p->resources[i].attributes) {
            edge_map_put(map, p->resources[i].name, (void *)(uintptr_t)p->resources[i].attributes);
        }
    }
    return map;
}

void sdk_strays_of_profile(devsdk_service *svc, const struct sdk_profile *now,
                           const struct sdk_profile *before)
{
    const devsdk_field *fields = svc->driver->attributes;
    if (!fields) {
        return;
    }
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    struct stray_list list = {.end = &list.first, .by_key = map_make(&ctx)};
    const struct edge_map *known = attributes_of(&ctx, before ? before->dto : NULL);
    for (size_t i = 0; i < now->dto->n_resources; i++) {
        const struct device_resource *r = &now->dto->resources[i];
        const cJSON *member;
        struct edge_nearest near;
        cJSON_ArrayForEach(member, r->attributes)
        {
            if (is_new_stray(fields, member, edge_map_find(known, r->name), &near)) {
                note_stray(&ctx, &list, r->name, &near);
            }
        }
    }
    for (const struct stray *s = list.first; s; s = s->next) {
        edge_log_warn(&ctx, "unknown attribute ignored", "profile", now->dto->name, "resource",
                      s->resource, "attribute", edge_text_brief(&ctx.arena, s->key, SHOWN),
                      "resources", edge_printf(&ctx.arena, "%zu", s->n_resources),
                      s->nearest ? "nearest" : NULL, s->nearest, NULL);
    }
}

/* ---- protocols ------------------------------------------------------------------------------- */

static const devsdk_field *fields_of(const devsdk_driver *driver, const char *protocol)
{
    for (const devsdk_protocol *p = driver->protocols; p && p->name; p++) {
        if (strcmp(p->name, protocol) == 0) {
            return p->fields;
        }
    }
    return NULL;
}

static const cJSON *properties_of(const devsdk_device *d, const char *protocol)
{
    for (size_t i = 0; d && i < d->dto->n_protocols; i++) {
        if (strcmp(d->dto->protocols[i].name, protocol) == 0) {
            return d->dto->protocols[i].properties;
        }
    }
    return NULL;
}

void sdk_strays_of_device(devsdk_service *svc, const devsdk_device *now,
                          const devsdk_device *before)
{
    const devsdk_field *fields = fields_of(svc->driver, now->protocol);
    if (!fields) {
        return;
    }
    EDGE_CTX_SCOPE(ctx);
    ctx.log = svc->rt->log;
    const cJSON *known = properties_of(before, now->protocol), *member;
    struct edge_nearest near;
    cJSON_ArrayForEach(member, properties_of(now, now->protocol))
    {
        if (is_new_stray(fields, member, known, &near)) {
            edge_log_warn(&ctx, "unknown protocol property ignored", "device", now->dto->name,
                          "protocol", now->protocol, "property",
                          edge_text_brief(&ctx.arena, near.wanted, SHOWN),
                          near.name ? "nearest" : NULL, near.name, NULL);
        }
    }
}
