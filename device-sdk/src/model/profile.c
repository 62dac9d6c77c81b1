/*
 * Profiles as the SDK uses them: attributes parsed once into the driver's structs, mappings found,
 * and names of clients and auto-events turned into the resources they stand for.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/pattern.h"
#include "model.h"
#include "params.h"
#include "value.h"

/* ---- snapshots ----------------------------------------------------------------------------- */

/* The first command operation that names the resource gives its mappings (contract 10.2). */
static const struct resource_operation *first_operation(const struct device_profile *p,
                                                        const char *resource)
{
    for (size_t c = 0; c < p->n_commands; c++) {
        const struct device_command *command = &p->commands[c];
        for (size_t i = 0; i < command->n_operations; i++) {
            if (strcmp(command->operations[i].device_resource, resource) == 0) {
                return &command->operations[i];
            }
        }
    }
    return NULL;
}

static enum edge_status parse_attributes(struct edge_ctx *ctx, const devsdk_driver *driver,
                                         const struct sdk_resource *r, struct edge_arena *a,
                                         void *attr)
{
    char why[SDK_WHY_MAX] = "";
    EDGE_TRY(sdk_params_parse(ctx, driver->attributes, r->dto->attributes, a, attr));
    if (!driver->check_attr || driver->check_attr(&r->point, attr, why, sizeof(why)) == DEVSDK_OK) {
        return EDGE_OK;
    }
    return edge_fail(ctx, EDGE_INVALID, "%s",
                     *why ? why : "the driver does not take these attributes");
}

static void resource_init(const devsdk_driver *driver, struct sdk_profile *p, size_t i)
{
    EDGE_CTX_SCOPE(ctx);
    struct sdk_resource *r = &p->resources[i];
    void *attr = edge_alloc(&p->arena, 1, driver->attr_size + 1);
    r->dto = &p->dto->resources[i];
    const struct resource_properties *props = &r->dto->properties;
    r->point = (devsdk_point){
        .name = r->dto->name,
        .units = props->units ? props->units : "",
        .media_type = props->media_type ? props->media_type : "",
        .readable = rw_can_read(props->read_write),
        .writable = rw_can_write(props->read_write),
        .attr = attr,
    };
    r->point.type = sdk_type_of(props->value_type, &r->point.elem);
    const struct resource_operation *op = first_operation(p->dto, r->dto->name);
    if (op) {
        r->mappings = op->mappings;
        r->n_mappings = op->n_mappings;
    }
    enum edge_status st = parse_attributes(&ctx, driver, r, &p->arena, attr);
    if (st != EDGE_OK) {
        r->fault = edge_strdup(&p->arena, edge_ctx_message(&ctx, st));
        r->point.attr = NULL;
    }
}

struct sdk_profile *sdk_profile_create(const devsdk_driver *driver,
                                       const struct device_profile *dto)
{
    struct sdk_profile *p = edge_xalloc(1, sizeof(*p));
    atomic_init(&p->refs, 1);
    p->dto = edge_dto_clone(&DEVICE_PROFILE, &p->arena, dto);
    p->resources = edge_new_n(&p->arena, struct sdk_resource, p->dto->n_resources + 1);
    for (size_t i = 0; i < p->dto->n_resources; i++) {
        resource_init(driver, p, i);
    }
    return p;
}

struct sdk_profile *sdk_profile_ref(struct sdk_profile *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void sdk_profile_unref(struct sdk_profile *p)
{
    if (p && atomic_fetch_sub(&p->refs, 1) == 1) {
        edge_arena_done(&p->arena);
        free(p);
    }
}

enum edge_status sdk_profile_check(struct edge_ctx *ctx, const struct sdk_profile *p)
{
    enum edge_status st = EDGE_OK;
    for (size_t i = 0; i < p->dto->n_resources; i++) {
        const struct sdk_resource *r = &p->resources[i];
        if (r->fault) {
            st = edge_fail(ctx, EDGE_INVALID, "%s: %s", r->dto->name, r->fault);
        }
    }
    return st;
}

/* ---- sources ------------------------------------------------------------------------------- */

static const struct sdk_resource *resource_find(const struct sdk_profile *p, const char *name)
{
    for (size_t i = 0; i < p->dto->n_resources; i++) {
        if (strcmp(p->dto->resources[i].name, name) == 0) {
            return &p->resources[i];
        }
    }
    return NULL;
}

static enum edge_status check_access(struct edge_ctx *ctx, const char *kind, const char *name,
                                     unsigned read_write, enum sdk_access access)
{
    if (access == SDK_FOR_READ && !rw_can_read(read_write)) {
        return edge_fail(ctx, EDGE_NOT_ALLOWED, "%s %s is marked as write-only", kind, name);
    }
    if (access == SDK_FOR_WRITE && !rw_can_write(read_write)) {
        return edge_fail(ctx, EDGE_NOT_ALLOWED, "%s %s is marked as read-only", kind, name);
    }
    return EDGE_OK;
}

static enum edge_status command_source(struct edge_ctx *ctx, struct edge_arena *a,
                                       const struct sdk_profile *p,
                                       const struct device_command *command, enum sdk_access access,
                                       struct sdk_source *ret)
{
    EDGE_TRY(check_access(ctx, "DeviceCommand", command->name, command->read_write, access));
    ret->command = command;
    ret->ops = edge_new_n(a, struct sdk_op, command->n_operations);
    for (size_t i = 0; i < command->n_operations; i++) {
        const struct resource_operation *op = &command->operations[i];
        const struct sdk_resource *r = resource_find(p, op->device_resource);
        if (!r) {
            return edge_fail(ctx, EDGE_NOT_FOUND, "DeviceResource %s not found",
                             op->device_resource);
        }
        ret->ops[ret->n_ops++] = (struct sdk_op){r, op};
    }
    return EDGE_OK;
}

static void free_pattern(void *pattern)
{
    edge_pattern_free(pattern);
}

static enum edge_status pattern_source(struct edge_ctx *ctx, struct edge_arena *a,
                                       const struct sdk_profile *p, const char *name,
                                       struct sdk_source *ret)
{
    struct edge_pattern *pattern;
    bool found = false;
    EDGE_TRY(edge_pattern_create(ctx, name, EDGE_PATTERN_WHOLE, &pattern));
    edge_defer(&ctx->arena, free_pattern, pattern);
    ret->ops = edge_new_n(a, struct sdk_op, p->dto->n_resources + 1);
    for (size_t i = 0; i < p->dto->n_resources; i++) {
        const struct sdk_resource *r = &p->resources[i];
        bool matches = false;
        EDGE_TRY(edge_pattern_match(ctx, pattern, r->dto->name, &matches));
        if (!matches) {
            continue;
        }
        found = true;
        if (rw_can_read(r->dto->properties.read_write)) {
            ret->ops[ret->n_ops++] = (struct sdk_op){r, NULL};
        }
    }
    if (!found) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "Regex DeviceResource %s not found", name);
    }
    if (ret->n_ops == 0) {
        return edge_fail(ctx, EDGE_NOT_ALLOWED, "Regex DeviceResource %s is marked as write-only",
                         name);
    }
    return EDGE_OK;
}

enum edge_status sdk_source_find(struct edge_ctx *ctx, struct edge_arena *a,
                                 const struct sdk_profile *p, const char *name,
                                 enum sdk_access access, bool patterns, struct sdk_source *ret)
{
    struct sdk_source source = {.name = edge_strdup(a, name)};
    const struct device_command *command = profile_command(p->dto, name);
    const struct sdk_resource *r = command ? NULL : resource_find(p, name);
    if (command) {
        EDGE_TRY(command_source(ctx, a, p, command, access, &source));
    } else if (r) { /* a name that is there is meant literally, whatever signs are in it */
        EDGE_TRY(check_access(ctx, "DeviceResource", name, r->dto->properties.read_write, access));
        source.ops = edge_new(a, struct sdk_op);
        source.ops[source.n_ops++] = (struct sdk_op){r, NULL};
    } else if (patterns && !edge_pattern_is_plain(name)) {
        EDGE_TRY(pattern_source(ctx, a, p, name, &source));
    } else {
        return edge_fail(ctx, EDGE_NOT_FOUND, "DeviceResource %s not found", name);
    }
    *ret = source;
    return EDGE_OK;
}

const char *sdk_profile_probe(const struct sdk_profile *p)
{
    for (size_t i = 0; i < p->dto->n_resources; i++) {
        if (rw_can_read(p->dto->resources[i].properties.read_write) && !p->resources[i].fault) {
            return p->dto->resources[i].name;
        }
    }
    return NULL;
}
