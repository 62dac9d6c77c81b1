#include "ctl_profile.h"

#include <stdlib.h>
#include <string.h>

#include "ctl_commands.h"
#include "ctl_names.h"
#include "edge/text.h"
#include "edge/yaml.h"

static const char *const TABLES[] = {[CTL_COILS] = "COILS",
                                     [CTL_DISCRETE] = "DISCRETES_INPUT",
                                     [CTL_INPUT] = "INPUT_REGISTERS",
                                     [CTL_HOLDING] = "HOLDING_REGISTERS"};

/* ---- names ----------------------------------------------------------------------------------- */

static const char *place_name(struct edge_arena *a, const struct ctl_register *r)
{
    static const char *const names[] = {"", "Coil", "DiscreteInput", "InputRegister",
                                        "HoldingRegister"};
    return r->bit >= 0 ? edge_printf(a, "%s_%u_%d", names[r->table], r->address, r->bit)
                       : edge_printf(a, "%s_%u", names[r->table], r->address);
}

/* Of the name, else of the description, else of its place; and nobody else's. */
static const char *resource_name(struct edge_arena *a, const struct ctl_register *r,
                                 struct ctl_names *names, struct ctl_said *said)
{
    const char *base = ctl_name_of(a, r->name);
    base = *base ? base : ctl_name_of(a, r->description);
    base = *base ? base : place_name(a, r);
    const char *name = ctl_names_take(names, a, base);
    if (name != base) {
        ctl_remark(said, "line %u: there is a %s already, this one becomes %s", r->line, base,
                   name);
    }
    return name;
}

/* ---- resources ------------------------------------------------------------------------------------------ */

static bool is_scaled(const struct ctl_register *r)
{
    return r->scale != 1 || r->offset != 0;
}

static bool is_whole(enum ctl_raw raw)
{
    return raw >= CTL_INT16 && raw <= CTL_UINT64;
}

/* A scaled whole number is a real one; 16 bits have room in 32. */
static unsigned value_type(const struct ctl_register *r)
{
    static const unsigned types[] = {
        [CTL_BOOL] = VT_BOOL,     [CTL_INT16] = VT_INT16,     [CTL_UINT16] = VT_UINT16,
        [CTL_INT32] = VT_INT32,   [CTL_UINT32] = VT_UINT32,   [CTL_INT64] = VT_INT64,
        [CTL_UINT64] = VT_UINT64, [CTL_FLOAT32] = VT_FLOAT32, [CTL_FLOAT64] = VT_FLOAT64,
        [CTL_STRING] = VT_STRING};
    if (is_scaled(r) && is_whole(r->raw)) {
        return r->raw == CTL_INT16 || r->raw == CTL_UINT16 ? VT_FLOAT32 : VT_FLOAT64;
    }
    return types[r->raw];
}

static const cJSON *attributes(struct edge_ctx *ctx, const struct ctl_register *r)
{
    static const char *const raws[] = {"", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64"};
    cJSON *object = edge_json_object(ctx);
    cJSON_AddStringToObject(object, "primaryTable", TABLES[r->table]);
    if (r->bit >= 0) {
        cJSON_AddStringToObject(object, "startingAddress",
                                edge_printf(&ctx->arena, "%u.%d", r->address, r->bit));
    } else {
        cJSON_AddNumberToObject(object, "startingAddress", r->address);
    }
    if (is_scaled(r) && is_whole(r->raw)) {
        cJSON_AddStringToObject(object, "rawType", raws[r->raw]);
    }
    if (r->order.bytes) {
        cJSON_AddBoolToObject(object, "isByteSwap", true);
    }
    if (r->order.words) {
        cJSON_AddBoolToObject(object, "isWordSwap", true);
    }
    if (r->raw == CTL_STRING) {
        cJSON_AddNumberToObject(object, "stringRegisterSize", r->registers);
    }
    if (r->unit_id >= 0) {
        cJSON_AddNumberToObject(object, "unitId", r->unit_id);
    }
    return object;
}

static const double *number(struct edge_arena *a, double value, double usual)
{
    double *kept = edge_new(a, double);
    *kept = value;
    return value == usual ? NULL : kept;
}

static struct device_resource resource_of(struct edge_ctx *ctx, const struct ctl_register *r,
                                          const char *name)
{
    static const unsigned access[2][2] = {
        {RW_R, RW_W },
        {RW_R, RW_RW}
    }; /* [read][write] */
    return (struct device_resource){
        .name = name,
        .description = *r->description ? r->description : NULL,
        .attributes = attributes(ctx, r),
        .properties = {.value_type = value_type(r),
                       .read_write = access[r->can_read][r->can_write],
                       .units = *r->units ? r->units : NULL,
                       .scale = number(&ctx->arena, r->scale, 1),
                       .offset = number(&ctx->arena, r->offset, 0),
                       .minimum = r->raw == CTL_BOOL || r->raw == CTL_STRING ? NULL : r->minimum,
                       .maximum = r->raw == CTL_BOOL || r->raw == CTL_STRING ? NULL : r->maximum},
    };
}

enum edge_status ctl_profile_make(struct edge_ctx *ctx, const struct ctl_registers *registers,
                                  const struct ctl_profile_wish *wish, struct ctl_said *said,
                                  struct device_profile *ret)
{
    EDGE_CLEANUP(ctl_names_done) struct ctl_names names = {0};
    edge_dto_init(ctx, &DEVICE_PROFILE, ret);
    ret->name = wish->name;
    ret->manufacturer = wish->manufacturer;
    ret->model = wish->model;
    ret->description = wish->description;
    ret->resources = edge_new_n(&ctx->arena, struct device_resource, registers->n + 1);
    for (size_t i = 0; i < registers->n; i++) {
        const struct ctl_register *r = &registers->list[i];
        const char *name = resource_name(&ctx->arena, r, &names, said);
        ret->resources[ret->n_resources++] = resource_of(ctx, r, name);
    }
    if (wish->commands) {
        ctl_commands_make(ctx, registers, &names, ret);
    }
    return edge_dto_check(ctx, &DEVICE_PROFILE, ret);
}

/* ---- YAML ------------------------------------------------------------------------------------------------- */

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

static void drop_hidden(cJSON *list)
{
    for (cJSON *e = list ? list->child : NULL; e; e = e->next) {
        cJSON_DeleteItemFromObjectCaseSensitive(e, "isHidden");
    }
}

/* What a file need not say. */
static const cJSON *for_people(struct edge_ctx *ctx, const struct device_profile *profile)
{
    cJSON *tree = cJSON_Duplicate(edge_dto_tree(ctx, &DEVICE_PROFILE, profile), true);
    edge_defer(&ctx->arena, delete_tree, tree);
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "linkedDeviceCount");
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "apiVersion");
    drop_hidden(cJSON_GetObjectItemCaseSensitive(tree, "deviceResources"));
    drop_hidden(cJSON_GetObjectItemCaseSensitive(tree, "deviceCommands"));
    if (profile->n_commands == 0) {
        cJSON_DeleteItemFromObjectCaseSensitive(tree, "deviceCommands");
    }
    return tree;
}

enum edge_status ctl_profile_yaml(struct edge_ctx *ctx, const struct device_profile *profile,
                                  struct edge_buf *out)
{
    const cJSON *tree = NULL;
    struct device_profile again = {0};
    size_t began = out->len;
    edge_yaml_put(out, for_people(ctx, profile));
    EDGE_TRY(edge_yaml_parse(ctx, out->data + began, out->len - began, NULL, &tree));
    EDGE_TRY(edge_dto_decode(ctx, &DEVICE_PROFILE, tree, &again));
    bool same = strcmp(edge_dto_text(&DEVICE_PROFILE, profile, &ctx->arena),
                       edge_dto_text(&DEVICE_PROFILE, &again, &ctx->arena)) == 0;
    return same ? EDGE_OK
                : edge_fail(ctx, EDGE_INTERNAL, "the profile does not come back as it was written");
}
