/**
 * core-command between a core-metadata and a device service that say what a test wants. The former,
 * and the device service on the bus, are small services in the same host; the device service behind
 * HTTP is whoever listens at device_service_url.
 */
#ifndef TESTS_COMMAND_WORLD_H
#define TESTS_COMMAND_WORLD_H

#include <pthread.h>
#include <stdatomic.h>

#include "edge/service.h"
#include "scratch.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define NOBODY   "http://127.0.0.1:1"

/* Set before a request, by the thread that makes it; world_stop() sets the first to NOBODY again. */
extern const char *device_service_url; /* what the fake core-metadata tells */
extern const char *silent_service_url; /* likewise, of the service of device "still" */
/** Devices core-metadata has beside the usual ones, and the largest page of them anybody asked for. */
extern atomic_int n_large_devices, largest_page;
extern pthread_t
    driver_thread; /* the one that the HTTP handler of the device service ran on last */

struct world {
    struct scratch dir;
    struct edge_host *host;
};

/** @p request_timeout: core-command's. */
struct world *world_start(const char *request_timeout);
void world_stop(struct world *w);

/** Of core-command, in this process. */
struct edge_http_response world_request(struct world *w, struct edge_ctx *ctx, const char *method,
                                        const char *target, const char *body);
/** Has it that code and text ("": no body)? Else it is printed. */
bool says(const struct edge_http_response *r, int code, const char *text);

/** Ask core-command on edgex/core/@p topic over the bus; @p param and @p payload may be NULL. NULL: no answer
 * within @p ms. */
struct edge_message *world_ask(struct world *w, const char *topic, const char *param,
                               const char *value, const char *payload, int64_t ms);
/** Is it an error, or none, with that text? Else it is printed. */
bool answer_has(const struct edge_message *m, bool error, const char *text);

#endif
