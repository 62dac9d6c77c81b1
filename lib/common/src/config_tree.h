/**
 * Configuration while it is put together: a JSON tree under the canonical key names, into which the
 * sources are laid one after the other, guided by the tables; decoded once at the end. Private to
 * the library.
 */
#ifndef EDGE_CONFIG_TREE_H
#define EDGE_CONFIG_TREE_H

#include "edge/config.h"

/** Where we are; the chain of stack frames is spelled out only when somebody asks. */
struct config_path {
    const struct config_path *up;
    const char *key;
};

/** "Service.CORSConfiguration.EnableCORS" */
const char *config_path_text(struct edge_arena *a, const struct config_path *at);
/** SERVICE_CORSCONFIGURATION_ENABLECORS after @p prefix. */
const char *config_env_name(struct edge_arena *a, const char *prefix, const struct config_path *at);

/** The row called @p key in any case, inlined tables included; NULL if none. */
const struct edge_field *config_field_find(const struct edge_dto *dto, const char *key);

/**
 * @p from as a node of the type the row asks for, as forgiving as Go's weak typing ("8080" is a
 * number where one is wanted). NULL with the reason in *ret_reason where it does not fit.
 */
cJSON *config_coerce(struct edge_arena *a, const struct edge_field *field, const cJSON *from,
                     const char **ret_reason);
/** "a, b" as a list of texts; an empty text is an empty list. */
cJSON *config_text_list(struct edge_arena *a, const char *text);
/** A single value as a person would have written it; NULL where @p node is none. */
const char *config_scalar_text(struct edge_arena *a, const cJSON *node);
/** Set @p key of @p object, replacing what was there. */
void config_put(cJSON *object, const char *key, cJSON *item);
/** The section @p key of @p object, made where it is missing. */
cJSON *config_section(cJSON *object, const char *key);
/** The member as something to change, NULL if absent; exact case. */
cJSON *config_member(const cJSON *object, const char *key);

/**
 * Lay @p from (NULL or null: nothing) over @p into. @p origin names it in failures and warnings.
 * Keys no table knows are left out, with a warning.
 */
enum config_origin_flags {
    CONFIG_SHARED = 1 << 0, /* for other services too: unknown keys are no reason to warn */
    /* Every value is a text; a list is one too ("a, b"), or a section of its elements ("0", "1"). */
    CONFIG_TEXTS = 1 << 1,
};
enum edge_status config_overlay(struct edge_ctx *ctx, const struct edge_dto *dto,
                                const char *origin, unsigned flags, cJSON *into, const cJSON *from);

/** A whole file, at most 1 MiB; @p path may be a URI, which needs @p client. NOT_FOUND, INVALID name it. */
enum edge_status config_file_read(struct edge_ctx *ctx, struct edge_client *client,
                                  const char *path, const char **ret, size_t *ret_len);

/** Lay the environment's values over @p into: variables called @p prefix and the key's path. */
enum edge_status config_overlay_env(struct edge_ctx *ctx, const struct edge_dto *dto,
                                    const char *prefix, cJSON *into);

#endif
