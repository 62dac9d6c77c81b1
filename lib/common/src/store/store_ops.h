/** What a back end of the store provides; store.c is the only caller. */
#ifndef EDGE_STORE_OPS_H
#define EDGE_STORE_OPS_H

#include "edge/store.h"

/** Values of the key members, in the order of collection->unique then ->indexed; NULL: empty. */
struct store_row {
    const char *keys[12];
    size_t n_keys;
    const char *doc; /* JSON text */
};

struct edge_store_ops {
    const char *name; /* value of Database.Type */
    bool waits;       /* even for what it only reads: it asks another program */
    enum edge_status (*open)(struct edge_ctx *ctx, const struct edge_store_config *config,
                             const struct edge_collection *const *collections, size_t n,
                             void **ret_db);
    void (*close)(void *db);
    enum edge_status (*add)(struct edge_ctx *ctx, void *db, const struct edge_collection *c,
                            const struct store_row *row);
    /** Replaces the row whose first key equals row->keys[0]. */
    enum edge_status (*update)(struct edge_ctx *ctx, void *db, const struct edge_collection *c,
                               const struct store_row *row);
    enum edge_status (*remove)(struct edge_ctx *ctx, void *db, const struct edge_collection *c,
                               const char *member, const char *value);
    enum edge_status (*remove_all)(struct edge_ctx *ctx, void *db, const struct edge_query *query);
    enum edge_status (*each)(struct edge_ctx *ctx, void *db, const struct edge_query *query,
                             edge_store_visitor *visit, void *arg);
    enum edge_status (*count)(struct edge_ctx *ctx, void *db, const struct edge_query *query,
                              int64_t *ret);
    enum edge_status (*begin)(struct edge_ctx *ctx, void *db);
    enum edge_status (*end)(struct edge_ctx *ctx, void *db, bool commit);
};

extern const struct edge_store_ops edge_store_sqlite;

/** edge_store_open() with a back end whatever the configuration calls it. */
enum edge_status store_open_on(struct edge_ctx *ctx, const struct edge_store_ops *ops,
                               const struct edge_store_config *config,
                               const struct edge_collection *const *collections, size_t n,
                               struct edge_store **ret);

#endif
