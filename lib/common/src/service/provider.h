/** core-keeper as configuration provider (-cp): what an official service does with it, contract 7.4. */
#ifndef EDGE_PROVIDER_H
#define EDGE_PROVIDER_H

#include "edge/client.h"
#include "edge/config.h"

/** Key of what all services share, and of a service's own values, in the provider. */
#define PROVIDER_ROOT   "edgex/v4/"
#define PROVIDER_COMMON PROVIDER_ROOT "core-common-config-bootstrapper"

struct provider {
    struct edge_client *client;
    const char *url; /* http://localhost:59890 */
};

/** "keeper.http://host:port" as the address to call. INVALID, UNSUPPORTED: another kind. */
enum edge_status provider_url(struct edge_ctx *ctx, const char *text, const char **ret_url);

/** Does it answer, and is the common configuration complete? UNAVAILABLE says what is missing. */
enum edge_status provider_ready(struct edge_ctx *ctx, const struct provider *p,
                                int64_t deadline_ms);

/**
 * All it holds for @p source->service, in the context's arena; *ret_mark changes when any of it does.
 */
enum edge_status provider_read(struct edge_ctx *ctx, const struct provider *p,
                               const struct edge_config_source *source, int64_t deadline_ms,
                               struct edge_config_remote *ret, uint64_t *ret_mark);

/**
 * Give it what @p source's private file and environment say and @p remote does not have yet (@p
 * overwrite: all of it). *ret_written: something was, @p remote is no longer what it holds.
 */
enum edge_status provider_seed(struct edge_ctx *ctx, const struct provider *p,
                               const struct edge_config_source *source,
                               const struct edge_config_remote *remote, bool overwrite,
                               int64_t deadline_ms, bool *ret_written);

/** Write the texts of @p tree below @p key, all or none. */
enum edge_status provider_write(struct edge_ctx *ctx, const struct provider *p, const char *key,
                                const cJSON *tree, int64_t deadline_ms);

/** @p name as one level of a key: what a key may not hold is percent-encoded. */
const char *provider_level(struct edge_arena *a, const char *name);

#endif
