/** Registers as a device profile for device-modbus. */
#ifndef CTL_PROFILE_H
#define CTL_PROFILE_H

#include "contracts/profile.h"
#include "ctl_registers.h"

struct ctl_profile_wish {
    const char *name, *manufacturer, *model, *description; /* NULL: none */
    bool commands;                                         /* group neighbours */
};

/** In the context's arena; names that had to be changed are remarks. INVALID where our own decoder does not take it. */
enum edge_status ctl_profile_make(struct edge_ctx *ctx, const struct ctl_registers *registers,
                                  const struct ctl_profile_wish *wish, struct ctl_said *said,
                                  struct device_profile *ret);

/** As YAML, without what is as it is anyway. INVALID: it does not come back as it is. */
enum edge_status ctl_profile_yaml(struct edge_ctx *ctx, const struct device_profile *profile,
                                  struct edge_buf *out);

#endif
