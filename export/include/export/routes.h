/**
 * Rows of routes that every service with queues has: /api/v3/export/queue... Its state begins with a struct
 * export_front.
 */
#ifndef EXPORT_ROUTES_H
#define EXPORT_ROUTES_H

#include "edge/route.h"
#include "export/engine.h"

struct export_front {
    struct export_engine *engine;
    /** How a queue is called outside, and by that inside (NULL: there is none); NULL: the same. */
    const char *(*outside)(void *state, struct edge_arena *a, const char *name);
    const char *(*inside)(void *state, struct edge_arena *a, const char *name);
    /** What has no queue and should, called as outside; NULL: nothing. In @p ctx's arena. */
    struct export_queue_status *(*missing)(void *state, struct edge_ctx *ctx, size_t *ret_n);
};

extern edge_handler export_queues_route, export_queue_route, export_queue_do_route,
    export_quarantine_route, export_quarantine_replay_route, export_quarantine_delete_route;
extern const struct edge_dto EXPORT_QUEUE, EXPORT_QUARANTINED;
extern const struct edge_param EXPORT_DO_PARAMS[], EXPORT_QUARANTINE_PARAMS[], EXPORT_SEQ_PARAMS[];

/* clang-format off */
#define EXPORT_QUEUE_PATH "/api/v3/export/queue"
#define EXPORT_QUEUE_ROUTES \
    {"GET", EXPORT_QUEUE_PATH, export_queues_route, "What waits for each peer, and how it stands.", 0, .answer = {EDGE_B_PLAIN_LIST, "queues", &EXPORT_QUEUE}, .roles = EDGE_FOR_READERS}, \
    {"GET", EXPORT_QUEUE_PATH "/{name}", export_queue_route, "One queue.", 0, .answer = {EDGE_B_OBJECT, "queue", &EXPORT_QUEUE}, .fails = "404", .roles = EDGE_FOR_READERS}, \
    {"GET", EXPORT_QUEUE_PATH "/{name}/quarantine", export_quarantine_route, "What its peer will never take.", EDGE_ROUTE_WAITS, .params = EXPORT_QUARANTINE_PARAMS, .answer = {EDGE_B_PLAIN_LIST, "messages", &EXPORT_QUARANTINED}, .fails = "404", .roles = EDGE_FOR_READERS}, \
    {"POST", EXPORT_QUEUE_PATH "/{name}/quarantine/replay", export_quarantine_replay_route, "Try these again, behind what waits.", EDGE_ROUTE_WAITS, .params = EXPORT_SEQ_PARAMS, .answer = {EDGE_B_BASE}, .fails = "404", .roles = EDGE_FOR_KEEPERS}, \
    {"DELETE", EXPORT_QUEUE_PATH "/{name}/quarantine", export_quarantine_delete_route, "Forget these.", EDGE_ROUTE_WAITS, .params = EXPORT_SEQ_PARAMS, .answer = {EDGE_B_BASE}, .fails = "404", .roles = EDGE_FOR_KEEPERS}, \
    {"POST", EXPORT_QUEUE_PATH "/{name}/{action}", export_queue_do_route, "Hold a queue up, let it go on, have it try now, or empty it.", EDGE_ROUTE_WAITS, .params = EXPORT_DO_PARAMS, .answer = {EDGE_B_BASE}, .fails = "404", .roles = EDGE_FOR_KEEPERS}
/* clang-format on */

#endif
