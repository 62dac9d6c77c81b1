/** Commands that read neighbouring registers in one go. */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "contracts/profile.h"
#include "ctl_registers.h"

struct edge_map;

/** A command for each run of neighbours of one table, unit and group that one question can read. The registers are
 * those of the profile's resources, in their order; @p names are taken. */
void ctl_commands_make(struct edge_ctx *ctx, const struct ctl_registers *registers,
                       struct edge_map *names, struct device_profile *profile);

/** @p text as a name: letters, digits, - and _. "" where nothing of it is left. */
const char *ctl_name_of(struct edge_arena *a, const char *text);

#endif
