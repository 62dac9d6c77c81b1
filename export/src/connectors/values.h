/** What an event says, for peers that want names and values. */
#ifndef EXPORT_CONNECTORS_VALUES_H
#define EXPORT_CONNECTORS_VALUES_H

#include "edge/json.h"
#include "export/connector.h"

/**
 * An object {resource: value, ...}: numbers and truth as JSON has them, binary values left out. Of an event, or of a JSON
 * object, which is taken as it is. INVALID for everything else. In @p ctx's arena.
 */
enum edge_status connector_values(struct edge_ctx *ctx, const struct export_message *m,
                                  const cJSON **ret);

#endif
