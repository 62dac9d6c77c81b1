/*
 * Queues and secrets of registrations. Inside, a queue is called after the registration's id, which stays when its name
 * changes; outside, after its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "edge/text.h"

/* ---- secrets ------------------------------------------------------------------------------------ */

static enum edge_status read_file(struct edge_ctx *ctx, struct edge_arena *a, const char *path,
                                  const char **ret)
{
    enum { MOST = 1 << 20 };
    FILE *f = path && *path ? fopen(path, "re") : NULL;
    if (!f) {
        return edge_fail(ctx, EDGE_NOT_FOUND, "%s: %s", path && *path ? path : "no file",
                         path && *path ? strerror(errno) : "Certificates names none");
    }
    char *text = edge_alloc(a, 1, MOST + 1);
    text[fread(text, 1, MOST, f)] = '\0';
    fclose(f);
    *ret = text;
    return EDGE_OK;
}

static enum edge_status value_of(struct edge_ctx *ctx, struct edge_arena *a,
                                 const struct lane *lane, const char *key, const char **ret)
{
    const struct certificate *c = lane->certificate;
    const char *text = strcmp(key, "username") == 0   ? lane->user
                       : strcmp(key, "password") == 0 ? lane->password
                                                      : lane->key;
    if (strcmp(key, "clientcert") == 0) {
        return read_file(ctx, a, c ? c->cert : NULL, ret);
    }
    if (strcmp(key, "clientkey") == 0) {
        return read_file(ctx, a, c ? c->key : NULL, ret);
    }
    if (strcmp(key, "cacert") == 0) {
        return read_file(ctx, a, c ? c->ca : NULL, ret);
    }
    if (strcmp(key, LANE_BASIC) == 0) {
        const char *both =
            edge_printf(a, "%s:%s", lane->user, lane->password ? lane->password : "");
        *ret = edge_printf(a, "Basic %s", edge_base64_encode(a, both, strlen(both)));
        return EDGE_OK;
    }
    *ret = edge_strdup(a, text ? text : "");
    return EDGE_OK;
}

static const struct lane *lane_with(const struct plan *plan, const char *secret_name)
{
    for (size_t i = 0; plan && i < plan->n; i++) {
        if (strcmp(plan->lanes[i].secret_name, secret_name) == 0) {
            return &plan->lanes[i];
        }
    }
    return NULL;
}

enum edge_status queues_secret(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                               const char *name, const char *key, const char **ret)
{
    struct client *client = state;
    EDGE_LOCK(&client->lock);
    const struct lane *lane = lane_with(client->plan, name);
    lane = lane ? lane : lane_with(client->before, name);
    if (lane) {
        return value_of(ctx, a, lane, key, ret);
    }
    return edge_fail(ctx, EDGE_NOT_FOUND, "the registration has changed");
}

/* ---- names -------------------------------------------------------------------------------------- */

const char *queues_outside(void *state, struct edge_arena *a, const char *name)
{
    struct client *client = state;
    size_t len = strcspn(name, ".");
    EDGE_LOCK(&client->lock);
    for (size_t i = 0; client->plan && i < client->plan->n; i++) {
        const struct lane *lane = &client->plan->lanes[i];
        if (strlen(lane->id) == len && strncmp(lane->id, name, len) == 0) {
            return edge_printf(a, "%s%s", lane->name, name + len);
        }
    }
    return name;
}

static const char *outside(struct edge_arena *a, const struct lane *lane)
{
    return edge_printf(a, "%s.%s", lane->name, lane->function);
}

const char *queues_inside(void *state, struct edge_arena *a, const char *name)
{
    struct client *client = state;
    EDGE_LOCK(&client->lock);
    for (size_t i = 0; client->plan && i < client->plan->n; i++) {
        const struct lane *lane = &client->plan->lanes[i];
        if (strcmp(outside(a, lane), name) == 0) {
            return edge_printf(a, "%s.%s", lane->id, lane->function);
        }
    }
    return NULL;
}

struct export_queue_status *queues_missing(void *state, struct edge_ctx *ctx, size_t *ret_n)
{
    struct client *client = state;
    size_t n = 0;
    EDGE_LOCK(&client->lock);
    struct export_queue_status *list =
        edge_new_n(&ctx->arena, struct export_queue_status, client->plan ? client->plan->n : 0);
    for (size_t i = 0; client->plan && i < client->plan->n; i++) {
        const struct lane *lane = &client->plan->lanes[i];
        if (lane->reason) {
            list[n++] = (struct export_queue_status){
                .name = outside(&ctx->arena, lane),
                .state = lane->state,
                .last_error = edge_strdup(&ctx->arena, lane->reason),
            };
        }
    }
    *ret_n = n;
    return list;
}

/* ---- what is left of registrations that are gone -------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static uint64_t depth_of(struct edge_ctx *ctx, const char *folder)
{
    struct edge_spool_config config = {.dir = folder};
    struct edge_spool_state state = {0};
    struct edge_spool *spool;
    if (edge_spool_open(ctx, &config, &spool) == EDGE_OK) {
        edge_spool_state(spool, &state);
        edge_spool_close(spool);
    }
    edge_ctx_clear(ctx);
    return state.depth;
}

static bool is_wanted(struct client *client, struct edge_arena *a, const char *queue)
{
    EDGE_LOCK(&client->lock);
    for (size_t i = 0; client->plan && i < client->plan->n; i++) {
        const struct lane *lane = &client->plan->lanes[i];
        if (strcmp(edge_printf(a, "%s.%s", lane->id, lane->function), queue) == 0) {
            return true;
        }
    }
    return false;
}

void queues_orphan(void *state, struct edge_ctx *ctx, const char *queue, const char *folder)
{
    enum { OPEN_FOLDERS = 8 };
    struct client *client = state;
    if (is_wanted(client, &ctx->arena, queue)) {
        return; /* of one that is refused as it is now: it may be mended */
    }
    uint64_t waiting = depth_of(ctx, folder);
    uint64_t aside = depth_of(ctx, edge_printf(&ctx->arena, "%s/quarantine", folder));
    if (nftw(folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0) {
        edge_log_warn(ctx, "queue cannot be removed", "folder", folder, "reason", strerror(errno),
                      NULL);
        return;
    }
    edge_log_warn(ctx, "queue of a registration that is gone is dropped", "queue", queue, "waiting",
                  edge_printf(&ctx->arena, "%llu", (unsigned long long)waiting), "quarantined",
                  edge_printf(&ctx->arena, "%llu", (unsigned long long)aside), NULL);
}
