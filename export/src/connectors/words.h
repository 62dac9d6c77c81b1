/** Texts of parameters with {placeholders} in them, as URLs and topics may hold them. */
#ifndef EXPORT_CONNECTORS_WORDS_H
#define EXPORT_CONNECTORS_WORDS_H

#include "export/connector.h"

/** The message's values in place of {names}, with what a URL cannot hold escaped; '/' stays. */
enum edge_status connector_url(struct edge_ctx *ctx, const struct export_message *m,
                               const char *text, const char **ret);
/** Likewise for a topic: wildcards are escaped. */
enum edge_status connector_topic(struct edge_ctx *ctx, const struct export_message *m,
                                 const char *text, const char **ret);
void connector_settle(const struct export_connector_env *env, const struct export_message *m,
                      enum export_fate fate, const char *reason);

#endif
