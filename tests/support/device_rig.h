/**
 * A device service beside the real core-metadata and a listener for its events, in this process:
 * the in-process bus, real routes, data in a scratch directory.
 */
#ifndef TESTS_DEVICE_RIG_H
#define TESTS_DEVICE_RIG_H

#include <CUnit/CUnit.h>

#include "contracts/event.h"
#include "devsdk/devsdk.h"
#include "edge/service.h"
#include "edge/thread.h"
#include "platform.h"
#include "scratch.h"
#include "testkit.h"

struct device_rig {
    struct scratch dir;
    struct kit_rig kit;
    const struct edge_runtime *metadata, *device;
};

/** @p config: YAML of the device service below its ports; NULL: defaults, no files of its own. */
void device_rig_make(struct device_rig *r, const devsdk_driver *driver, const char *config);
/** With the configuration.yaml of @p folder, but for its port, and what lies beside it. */
void device_rig_make_from(struct device_rig *r, const devsdk_driver *driver, const char *folder);
void device_rig_done(struct device_rig *r);
#define DEVICE_RIG(name, driver, config)                                                           \
    __attribute__((cleanup(device_rig_done))) struct device_rig name;                              \
    device_rig_make(&name, driver, config)

/** Call a route and assert the code, printing what came instead. The body as a tree or NULL. */
const cJSON *ask(struct edge_ctx *ctx, const struct edge_runtime *rt, const char *method,
                 const char *target, const char *body, int code);

/** Events of that device and source so far ("" for any of each). */
size_t events_heard(const struct device_rig *r, const char *device, const char *source);
/** Waits until there are @p n; false after 10 s. */
bool events_wait(const struct device_rig *r, const char *device, const char *source, size_t n);
/** The latest such event, a copy in the context; NULL: none. */
const struct event *event_latest(struct edge_ctx *ctx, const struct device_rig *r,
                                 const char *device, const char *source);

/** Wait until GET @p target of @p rt answers @p code; asserts. */
void wait_for_code(const struct edge_runtime *rt, const char *target, int code);

#endif
