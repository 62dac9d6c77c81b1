/** A small driver under the test's control beside the real core-metadata: what suites of the SDK share. */
#ifndef TESTS_SDK_BENCH_H
#define TESTS_SDK_BENCH_H

#include <stdatomic.h>

#include "device_rig.h"

enum manner { AT_ONCE, FROM_ELSEWHERE, NEVER, TIMES_OUT, DEVICE_ERROR };

/* What the test makes the driver do, and what it saw of it. */
struct control {
    atomic_int manner, reads, writes, n_added, n_removed, overlaps;
    atomic_int fail_added; /* so many times */
    _Atomic(devsdk_request *) kept;
    atomic_long next; /* what reads of index 7 say */
    _Atomic(int) n_found;
};
extern struct control bench_control;

extern const devsdk_driver bench_driver, bench_windowed; /* the other takes one value per request */
extern struct edge_pool *bench_elsewhere; /* made before its device service, freed after it */

void bench_reset(void);
void bench_pool_done(struct edge_pool **pool);

#define ELSEWHERE                                                                                  \
    __attribute__((cleanup(bench_pool_done))) struct edge_pool *pool =                             \
        edge_pool_create("elsewhere", 2, 64);                                                      \
    bench_elsewhere = pool

#define RESOURCE(name, type, rw, index, more)                                                      \
    "{\"name\":\"" name "\",\"attributes\":{\"index\":" index "},\"properties\":{\"valueType\":"   \
    "\"" type "\",\"readWrite\":\"" rw "\"" more "}}"
#define DEVICE_NAMED(name, more)                                                                   \
    "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"" name "\",\"adminState\":\"UNLOCKED\","       \
    "\"operatingState\":\"UP\",\"serviceName\":\"device-test\",\"profileName\":\"P\"," more "}}]"
#define SLOT(n) "\"protocols\":{\"Test\":{\"Slot\":" n "}}"
#define AUTO(interval, source, more)                                                               \
    "\"autoEvents\":[{\"interval\":\"" interval "\",\"sourceName\":\"" source "\"" more "}]"
#define PATCH_OF(name, more) "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"" name "\"," more "}}]"

extern const char bench_profile[]; /* of P, in an array of one */
static const char D[] = "/api/v3/device/name/D/";

int64_t bench_add(struct edge_ctx *ctx, struct device_rig *r, const char *body);
void bench_patch(struct edge_ctx *ctx, struct device_rig *r, const char *body);
/** Device D as in @p device; waits until the driver has it. */
void bench_furnish(struct edge_ctx *ctx, struct device_rig *r, const char *device);
const cJSON *bench_get(struct edge_ctx *ctx, struct device_rig *r, const char *command, int code);
const cJSON *bench_put(struct edge_ctx *ctx, struct device_rig *r, const char *command,
                       const char *body, int code);

#define QUIET "Writable:\n  LogLevel: ERROR\n"
#define RIG(name, config)                                                                          \
    bench_reset();                                                                                 \
    EDGE_CTX_SCOPE(ctx);                                                                           \
    DEVICE_RIG(name, &bench_driver, config)

bool bench_wait_count(atomic_int *counter, int n);

#endif
