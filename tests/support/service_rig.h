/** One service inside the test program: its real routes, store and bus on a scratch directory. */
#ifndef TESTS_SERVICE_RIG_H
#define TESTS_SERVICE_RIG_H

#include "edge/service.h"
#include "scratch.h"

struct service_rig {
    struct scratch dir;
    const struct edge_service *service;
    struct edge_host *host;
    const struct edge_runtime *rt; /* NULL: it does not run */
};

/**
 * An empty directory with a configuration file: quiet, any free port, the bus of the process; @p
 * yaml is added to it (may be ""). Starts nothing yet.
 */
void service_rig_make(struct service_rig *r, const struct edge_service *service, const char *yaml);
/** Start with what is in the directory; @p flag: one more for the command line, or NULL. The text
 * of a failure is in the context. */
enum edge_status service_rig_start(struct edge_ctx *ctx, struct service_rig *r, const char *flag);
void service_rig_stop(struct service_rig *r);
void service_rig_done(struct service_rig *r);

/** Make and start; a failure ends the test. */
void service_rig_up(struct service_rig *r, const struct edge_service *service, const char *yaml);
#define SERVICE_RIG(name, service, yaml)                                                           \
    __attribute__((cleanup(service_rig_done))) struct service_rig name;                            \
    service_rig_up(&name, service, yaml)

/** Asserts the code and prints what came instead. The body as a tree; NULL if there was none. */
const cJSON *service_rig_ask(struct edge_ctx *ctx, struct service_rig *r, const char *method,
                             const char *target, const char *body, int code);

/** As it came, where it is no JSON. */
const char *service_rig_text(struct edge_ctx *ctx, struct service_rig *r, const char *method,
                             const char *target, const char *body, int code);

#endif
