/**
 * What the rooms of core-keeper share: its state, its collections, and the steps several of them
 * take. values.c writes configuration values, kvs.c and registry.c are the routes, health.c asks
 * the registered services whether they are up, readers.c knows who listens, common.c seeds the common
 * configuration.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "edge/keeper.h"
#include "edge/service.h"
#include "edge/store.h"

enum {
    KEEPER_MAX_KEY = 1024,          /* bytes of a key */
    KEEPER_MAX_LEVELS = 64,         /* of a key: each becomes a topic */
    KEEPER_MAX_VALUE = 256 * 1024,  /* bytes of a value's text */
    KEEPER_MAX_WRITTEN = 10000,     /* keys one request may write */
    KEEPER_MAX_KEYS = 100000,       /* in the store */
    KEEPER_MAX_ANSWER = 32 << 20,   /* bytes */
    KEEPER_MAX_REGISTRATIONS = 512, /* each is asked again and again */
};

struct common_source {
    const char *file;
};
struct keeper_config {
    struct edge_base_config base;
    struct edge_writable writable;
    struct common_source common;
};

struct health;
struct readers;
struct keeper {
    const struct edge_runtime *rt;
    struct edge_store *store;
    struct health *health;
    struct readers *readers;
};

extern const struct edge_collection VALUES, REGISTRATIONS;
extern const struct edge_dto REGISTERED; /* the answer to a registration */

/* Handlers, by file. */
edge_handler kv_get, kv_put, kv_delete; /* kvs.c */
edge_handler registry_add, registry_put, registry_all, registry_get,
    registry_delete; /* registry.c */

/** A boolean of the query as Go's ParseBool reads it; false where absent or empty. */
enum edge_status keeper_query_bool(struct edge_call *call, const char *name, bool *ret);

/* ---- values.c: everything here inside a change of the store ---- */

/** INVALID where it has a character keys must not have, or is too long or too deep. */
enum edge_status kv_key_check(struct edge_ctx *ctx, const char *key);
/** What is kept of a value: the text of a string, boolean or number, else JSON. */
const char *kv_text(struct edge_arena *a, const cJSON *value);
/** Write one value, new or not; a key keeps its time of creation. */
enum edge_status kv_write(struct edge_ctx *ctx, struct keeper *keeper, const char *key,
                          const char *value);
/** TOO_LARGE where the store holds more keys than it may. */
enum edge_status kv_within_capacity(struct edge_ctx *ctx, struct keeper *keeper);

/* ---- common.c ---- */

/**
 * Write the common configuration official services wait for (contract 12.3) where it is not there
 * yet, or where an operator asked for it (-o).
 */
enum edge_status common_seed(struct edge_ctx *ctx, struct keeper *keeper);

/* ---- readers.c; any thread ---- */

struct readers *readers_create(void);
void readers_free(struct readers *r); /* NULL is fine */
/** @p key was asked for; @p names: its keys only. */
void readers_note(struct edge_ctx *ctx, struct readers *r, const char *key, bool names);
/** The service has signed off. */
void readers_forget(struct readers *r, const char *service);
/** What to tell who has put @p key, where its service is likely not to hear of it; else NULL. */
const char *readers_remark(struct edge_ctx *ctx, struct keeper *keeper, const char *key);

/* ---- health.c ---- */

/** Start asking the services the store has; *ret also on failure. */
enum edge_status health_start(struct edge_ctx *ctx, struct keeper *keeper, struct health **ret);
/** Ask from now on as @p r says, instead of what was said before; a halted service is not asked. */
void health_watch(struct health *h, const struct registration *r);
/** The registration is gone. */
void health_forget(struct health *h, const char *service_id);
/** When the service was asked last, ms since 1970; 0: not yet. */
int64_t health_checked_ms(struct health *h, const char *service_id);
/** No more questions; those under way end at once and change nothing. NULL is fine. */
void health_quiesce(struct health *h);
/** After health_quiesce(); the timers still run. NULL is fine. */
void health_free(struct health *h);

#endif
