/** Commands that read neighbouring registers in one go. */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "contracts/profile.h"
#include "ctl_registers.h"

struct ctl_names;

/** A command for each run of neighbours of one table, unit and group that one question can read. The registers are
 * those of the profile's resources, in their order; @p names are taken. */
void ctl_commands_make(struct edge_ctx *ctx, const struct ctl_registers *registers,
                       struct ctl_names *names, struct device_profile *profile);

#endif
