#include "sdk_bench.h"

#include <string.h>

struct control bench_control;

/* ---- the driver ------------------------------------------------------------------------------ */

struct address {
    uint8_t slot;
    const char *line;
};
struct attribute {
    uint8_t index;
};
struct memory {
    int64_t value[8];
    atomic_int inside;
};

/* clang-format off */
static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, slot, "Slot", DEVSDK_U8, .required = true, .max = 7),
    DEVSDK_FIELD(struct address, line, "Line", DEVSDK_STRING),
    {0},
};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, index, "index", DEVSDK_U8, .max = 7),
    {0},
};
/* clang-format on */

static const char *lane(const devsdk_device *dev)
{
    return ((const struct address *)devsdk_addr(dev))->line;
}

static devsdk_result added(devsdk_device *dev)
{
    (void)dev;
    if (atomic_load(&bench_control.fail_added) > 0) {
        atomic_fetch_sub(&bench_control.fail_added, 1);
        return DEVSDK_LINK;
    }
    atomic_fetch_add(&bench_control.n_added, 1);
    return DEVSDK_OK;
}

static void removed(devsdk_device *dev)
{
    struct memory *m = devsdk_data(dev);
    if (atomic_load(&m->inside) != 0) {
        atomic_fetch_add(&bench_control.overlaps, 1);
    }
    atomic_fetch_add(&bench_control.n_removed, 1);
}

static void fill(devsdk_device *dev, devsdk_request *r)
{
    struct memory *m = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        const struct attribute *a = devsdk_attr(r, i);
        devsdk_set_int(r, i, a->index == 7 ? atomic_load(&bench_control.next) : m->value[a->index]);
    }
}

struct edge_pool *bench_elsewhere; /* made before its device service, freed after it */

static void finish_elsewhere(void *arg)
{
    devsdk_done(arg, DEVSDK_OK);
}

static devsdk_result answer(devsdk_device *dev, devsdk_request *r)
{
    switch (atomic_load(&bench_control.manner)) {
    case FROM_ELSEWHERE:
        fill(dev, r);
        return edge_pool_submit(bench_elsewhere, finish_elsewhere, r) ? DEVSDK_PENDING
                                                                      : DEVSDK_BUSY;
    case NEVER:
        atomic_store(&bench_control.kept, r);
        return DEVSDK_PENDING;
    case TIMES_OUT:
        return devsdk_fail(r, DEVSDK_TIMEOUT, "slot %d is silent",
                           ((const struct address *)devsdk_addr(dev))->slot);
    case DEVICE_ERROR:
        return DEVSDK_DEVICE;
    default:
        fill(dev, r);
        return DEVSDK_OK;
    }
}

static devsdk_result read_slots(devsdk_device *dev, devsdk_request *r)
{
    struct memory *m = devsdk_data(dev);
    if (atomic_fetch_add(&m->inside, 1) != 0) {
        atomic_fetch_add(&bench_control.overlaps, 1);
    }
    atomic_fetch_add(&bench_control.reads, 1);
    devsdk_result result;
    if (atomic_load(&bench_control.manner) == FROM_ELSEWHERE ||
        atomic_load(&bench_control.manner) == NEVER) {
        atomic_fetch_sub(&m->inside, 1); /* r and dev are the other thread's from here on */
        return answer(dev, r);
    }
    result = answer(dev, r);
    atomic_fetch_sub(&m->inside, 1);
    return result;
}

static devsdk_result write_slots(devsdk_device *dev, devsdk_request *r)
{
    struct memory *m = devsdk_data(dev);
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        m->value[((const struct attribute *)devsdk_attr(r, i))->index] = devsdk_wanted(r, i).i;
    }
    atomic_fetch_add(&bench_control.writes, 1);
    return DEVSDK_OK;
}

static devsdk_result discover(devsdk_service *svc, devsdk_scan *scan)
{
    (void)svc;
    devsdk_report(scan, &(devsdk_found){
                            .name = "Found-1",
                            .protocol = "Test",
                            .addr = &(struct address){.slot = 5, .line = "north"}
    });
    devsdk_report(scan, &(devsdk_found){
                            .name = "Found-2",
                            .protocol = "Test",
                            .addr = &(struct address){.slot = 6, .line = "south"}
    });
    devsdk_report(scan, &(devsdk_found){
                            .name = "Found-3",
                            .protocol = "Test",
                            .addr = &(struct address){.slot = 4, .line = "north"}
    });
    atomic_fetch_add(&bench_control.n_found, 3);
    return DEVSDK_OK;
}

const devsdk_driver bench_driver = {
    .abi = DEVSDK_ABI,
    .name = "device-test",
    .version = "1.0.0",
    .protocols = (const devsdk_protocol[]){{"Test", address_fields}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .device_size = sizeof(struct memory),
    .blocking = true,
    .lane = lane,
    .added = added,
    .removed = removed,
    .read = read_slots,
    .write = write_slots,
    .discover = discover,
};

const devsdk_driver bench_windowed = {
    .abi = DEVSDK_ABI,
    .name = "device-test",
    .version = "1.0.0",
    .protocols = (const devsdk_protocol[]){{"Test", address_fields}, {0}},
    .attributes = attribute_fields,
    .addr_size = sizeof(struct address),
    .attr_size = sizeof(struct attribute),
    .device_size = sizeof(struct memory),
    .max_per_request = 1,
    .added = added,
    .removed = removed,
    .read = read_slots,
    .write = write_slots,
};

void bench_reset(void)
{
    memset((void *)&bench_control, 0, sizeof(bench_control));
}

void bench_pool_done(struct edge_pool **pool)
{
    edge_pool_free(*pool);
}

/* ---- a profile and a device --------------------------------------------------------------------
 */

/* clang-format off */
const char bench_profile[] =
    "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"P\",\"deviceResources\":["
    RESOURCE("Count", "Int64", "RW", "0", "") ","
    RESOURCE("Small", "Int8", "RW", "1", ",\"maximum\":100,\"minimum\":-5,\"units\":\"C\"") ","
    RESOURCE("Scaled", "Int16", "RW", "2", ",\"scale\":10,\"offset\":5") ","
    RESOURCE("ReadOnly", "Int32", "R", "3", "") ","
    RESOURCE("WriteOnly", "Int32", "W", "4", "") ","
    RESOURCE("Mode", "Uint8", "RW", "5", ",\"defaultValue\":\"1\"") ","
    RESOURCE("Sure", "Int32", "R", "6", ",\"assertion\":\"0\"") ","
    RESOURCE("Moving", "Int32", "R", "7", "") "],\"deviceCommands\":["
    "{\"name\":\"Both\",\"readWrite\":\"RW\",\"resourceOperations\":[{\"deviceResource\":\"Count\"},"
    "{\"deviceResource\":\"Small\",\"defaultValue\":\"7\"}]},"
    "{\"name\":\"Modes\",\"readWrite\":\"RW\",\"resourceOperations\":[{\"deviceResource\":\"Mode\","
    "\"mappings\":{\"0\":\"off\",\"1\":\"on\"}}]},"
    "{\"name\":\"Mixed\",\"readWrite\":\"R\",\"resourceOperations\":[{\"deviceResource\":\"Count\"},"
    "{\"deviceResource\":\"Moving\"}]}"
    "]}}]";
/* clang-format on */

int64_t bench_add(struct edge_ctx *ctx, struct device_rig *r, const char *body)
{
    const cJSON *answer = ask(ctx, r->metadata, "POST", "/api/v3/device", body, 207);
    return int_at(answer, "0.statusCode");
}

void bench_patch(struct edge_ctx *ctx, struct device_rig *r, const char *body)
{
    const cJSON *answer = ask(ctx, r->metadata, "PATCH", "/api/v3/device", body, 207);
    CU_ASSERT_EQUAL(int_at(answer, "0.statusCode"), 200);
}

void bench_furnish(struct edge_ctx *ctx, struct device_rig *r, const char *device)
{
    ask(ctx, r->metadata, "POST", "/api/v3/deviceprofile", bench_profile, 207);
    CU_ASSERT_EQUAL(bench_add(ctx, r, device), 201);
    wait_for_code(r->device, "/api/v3/device/name/D/Count", 200);
}

const cJSON *bench_get(struct edge_ctx *ctx, struct device_rig *r, const char *command, int code)
{
    return ask(ctx, r->device, "GET", edge_printf(&ctx->arena, "%s%s", D, command), NULL, code);
}

const cJSON *bench_put(struct edge_ctx *ctx, struct device_rig *r, const char *command,
                       const char *body, int code)
{
    return ask(ctx, r->device, "PUT", edge_printf(&ctx->arena, "%s%s", D, command), body, code);
}

struct reached {
    atomic_int *counter;
    int n;
};

static bool has_reached(void *arg)
{
    const struct reached *w = arg;
    return atomic_load(w->counter) >= w->n;
}

bool bench_wait_count(atomic_int *counter, int n)
{
    struct reached w = {counter, n};
    return wait_until(has_reached, &w, 10000);
}
