#include "ctl_commands.h"

#include <stdlib.h>
#include <string.h>

#include "ctl_names.h"

enum { GAP_MAX = 8, REGISTERS_MAX = 125, BITS_MAX = 2000 };

struct member {
    const struct ctl_register *reg;
    const struct device_resource *resource;
};

static int by_place(const void *a, const void *b)
{
    const struct ctl_register *x = ((const struct member *)a)->reg,
                              *y = ((const struct member *)b)->reg;
    if (x->table != y->table) {
        return x->table < y->table ? -1 : 1;
    }
    if (x->unit_id != y->unit_id) {
        return x->unit_id < y->unit_id ? -1 : 1;
    }
    int groups = strcmp(x->group, y->group);
    if (groups != 0) {
        return groups;
    }
    if (x->address != y->address) {
        return x->address < y->address ? -1 : 1;
    }
    return x->bit < y->bit ? -1 : x->bit > y->bit;
}

static bool is_neighbour(const struct member *first, const struct member *last,
                         const struct member *next)
{
    const struct ctl_register *a = first->reg, *b = last->reg, *c = next->reg;
    bool is_bits = c->table == CTL_COILS || c->table == CTL_DISCRETE;
    return a->table == c->table && a->unit_id == c->unit_id && strcmp(a->group, c->group) == 0 &&
           c->address <= b->address + b->registers + GAP_MAX &&
           c->address + c->registers - a->address <= (is_bits ? BITS_MAX : REGISTERS_MAX);
}

static const char *command_name(struct edge_arena *a, const struct member *first,
                                const struct member *last, struct ctl_names *names)
{
    static const char *const tables[] = {"", "Coils", "DiscreteInputs", "InputRegisters",
                                         "HoldingRegisters"};
    const char *base = ctl_name_of(a, first->reg->group);
    base = *base ? base
                 : edge_printf(a, "%s_%u_%u", tables[first->reg->table], first->reg->address,
                               last->reg->address + last->reg->registers - 1);
    return ctl_names_take(names, a, base);
}

/* Of members first to last; one alone is no group. */
static void add_command(struct edge_ctx *ctx, const struct member *first, size_t n,
                        struct ctl_names *names, struct device_profile *profile)
{
    bool all_write = true;
    if (n < 2) {
        return;
    }
    struct device_command *c = &profile->commands[profile->n_commands++];
    *c = (struct device_command){.name = command_name(&ctx->arena, first, first + n - 1, names)};
    c->operations = edge_new_n(&ctx->arena, struct resource_operation, n);
    for (size_t i = 0; i < n; i++) {
        c->operations[c->n_operations++].device_resource = first[i].resource->name;
        all_write = all_write && first[i].reg->can_write;
    }
    c->read_write = all_write ? RW_RW : RW_R;
}

void ctl_commands_make(struct edge_ctx *ctx, const struct ctl_registers *registers,
                       struct ctl_names *names, struct device_profile *profile)
{
    struct member *members = edge_new_n(&ctx->arena, struct member, registers->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < registers->n; i++) {
        if (registers->list[i].can_read) {
            members[n++] = (struct member){&registers->list[i], &profile->resources[i]};
        }
    }
    qsort(members, n, sizeof(members[0]), by_place);
    profile->commands = edge_new_n(&ctx->arena, struct device_command, n / 2 + 1);
    for (size_t first = 0, i = 1; i <= n; i++) {
        if (i == n || !is_neighbour(&members[first], &members[i - 1], &members[i])) {
            add_command(ctx, &members[first], i - first, names, profile);
            first = i;
        }
    }
}
