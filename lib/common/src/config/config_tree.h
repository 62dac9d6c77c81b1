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

/** What was left out of a configuration so far, and what the one before held and left out. */
struct config_judge {
    const struct edge_config_loaded *before; /* NULL: there was none */
    cJSON *refused;                          /* as edge_config_loaded.refused */
    edge_config_free_check *check_free;      /* may be NULL */
    const void *free_arg;
    cJSON *origins; /* of the values that are judged by the decoding only; may be NULL */
};

enum config_origin_flags {
    CONFIG_SHARED = 1 << 0, /* for other services too: unknown keys are no reason to warn */
    /* Every value is a text; a list is one too ("a, b"), or a section of its elements ("0", "1"). */
    CONFIG_TEXTS = 1 << 1,
    CONFIG_FORGIVING = 1 << 2, /* a value that cannot be is refused alone; needs a judge */
};

/** One source being laid over. @p origin names it in failures and warnings. */
struct config_layer {
    struct edge_ctx *ctx;
    const char *origin;
    unsigned flags;
    struct config_judge *judge; /* NULL: strict, and silent about unknown keys */
};

/**
 * Lay @p from (NULL or null: nothing) over @p into. Keys no table knows are left out, with a
 * warning.
 */
enum edge_status config_overlay(const struct config_layer *layer, const struct edge_dto *dto,
                                cJSON *into, const cJSON *from);
/** Lay the environment's values over @p into: variables called @p prefix and the key's path. */
enum edge_status config_overlay_env(const struct config_layer *layer, const struct edge_dto *dto,
                                    const char *prefix, cJSON *into);

/**
 * @p given for @p key of @p into cannot be: INVALID with the key and @p reason or, where the layer
 * is forgiving, OK with what the key held before. @p field may be NULL.
 */
enum edge_status config_refuse(const struct config_layer *layer, const struct edge_field *field,
                               const char *key, cJSON *into, const cJSON *given,
                               const struct config_path *at, const char *reason);

/** @p at has its value from @p origin: told should the whole not decode. */
void config_note_origin(const struct config_layer *layer, const struct config_path *at,
                        const char *origin);

/* config_secrets.c */
/** What a service keeps its own secrets in. NOT_FOUND, INVALID name it. */
enum edge_status config_secrets_read(struct edge_ctx *ctx, const char *path, const cJSON **ret);
/** Take out of @p tree whatever the tables call secret, and credentials of free-form sections. */
void config_strip_secrets(const struct edge_dto *dto, cJSON *tree);
/** Write "<redacted>" in their place. */
void config_mask_secrets(const struct edge_dto *dto, cJSON *tree);

/** A whole file, at most 1 MiB; @p path may be a URI, which needs @p client. NOT_FOUND, INVALID name it. */
enum edge_status config_file_read(struct edge_ctx *ctx, struct edge_client *client,
                                  const char *path, const char **ret, size_t *ret_len);

#endif
