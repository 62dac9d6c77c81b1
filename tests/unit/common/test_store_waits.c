/* A store whose back end asks another program: what reads from it runs on workers. */
#include "edge/config.h"
#include "http_probe.h"
#include "service/instance.h"
#include "service_rig.h"
#include "store/store_ops.h"
#include "suites.h"
#include "wait.h"

#include <unistd.h>

/* ---- the back end --------------------------------------------------------------------------- */

static struct gate *gate; /* of the test that runs */

static enum edge_status far_open(struct edge_ctx *ctx, const struct edge_store_config *config,
                                 const struct edge_collection *const *collections, size_t n,
                                 void **ret_db)
{
    (void)ctx;
    (void)config;
    (void)collections;
    (void)n;
    (void)ret_db;
    return EDGE_OK;
}

static void far_close(void *db)
{
    (void)db;
}

static enum edge_status far_count(struct edge_ctx *ctx, void *db, const struct edge_query *query,
                                  int64_t *ret)
{
    (void)ctx;
    (void)db;
    (void)query;
    gate_pass(gate);
    *ret = 7;
    return EDGE_OK;
}

static const struct edge_store_ops far_away = {
    .name = "far", .waits = true, .open = far_open, .close = far_close, .count = far_count};

/* ---- the service ---------------------------------------------------------------------------- */

struct state {
    struct edge_store *store;
};

static enum edge_status read_get(struct edge_call *call)
{
    const struct state *state = edge_call_state(call);
    const struct edge_query all = {0};
    int64_t n = 0;
    EDGE_TRY(edge_store_count(edge_call_ctx(call), state->store, &all, &n));
    return edge_reply_base(call, n == 7 ? 200 : 500, NULL);
}

static enum edge_status quick_get(struct edge_call *call)
{
    return edge_reply_base(call, 200, NULL);
}

static enum edge_status start_far(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct state *state = rt->state;
    EDGE_TRY(store_open_on(ctx, &far_away, NULL, NULL, 0, &state->store));
    runtime_note_store(rt, state->store);
    return EDGE_OK;
}

static enum edge_status start_near(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct state *state = rt->state;
    return edge_runtime_store(ctx, rt, "near.db", NULL, 0, &state->store);
}

static void stop(const struct edge_runtime *rt)
{
    struct state *state = rt->state;
    edge_store_close(state->store);
}

/* clang-format off */
struct config {
    struct edge_base_config base;
    struct edge_writable writable;
};
static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct config, writable, "Writable", "Switches.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
};
static const struct edge_dto CONFIG = EDGE_DTO(struct config, "Configuration", config_fields);
/* clang-format on */

static const struct edge_route routes[] = {
    {"GET", "/api/v3/read", read_get, "Read.",              EDGE_ROUTE_READS},
    {"GET",     "/api/v3/quick",               quick_get,    "Answer."},
};

#define SERVICE(begin)                                                                             \
    {                                                                                              \
        .name = "svc", .doc = "reads", .state_size = sizeof(struct state), .config = &CONFIG,      \
        .writable_offset = offsetof(struct config, writable), .routes = EDGE_TABLE(routes),        \
        .start = begin, .stop = stop,                                                              \
    }
static const struct edge_service far = SERVICE(start_far), near = SERVICE(start_near);

/* ---- tests ---------------------------------------------------------------------------------- */

enum { READERS = 16 }; /* more than there are event threads */

static void test_readers_of_a_store_that_waits_hold_up_nobody(void)
{
    gate = gate_create();
    SERVICE_RIG(rig, &far, "");
    EDGE_CTX_SCOPE(ctx);
    int fds[READERS];
    for (size_t i = 0; i < READERS; i++) {
        fds[i] = http_probe_open(rig.rt->port);
        http_probe_text(fds[i], "GET /api/v3/read HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    CU_ASSERT_TRUE(gate_wait_for(gate, READERS)); /* all of them wait for the store */
    struct http_answer answer;
    http_probe_ask(&ctx.arena, rig.rt->port, "GET", "/api/v3/quick", "", NULL, &answer);
    CU_ASSERT_EQUAL(answer.code, 200);
    gate_open(gate);
    for (size_t i = 0; i < READERS; i++) {
        http_probe_read(&ctx.arena, fds[i], HTTP_PROBE_MS, &answer);
        CU_ASSERT_EQUAL(answer.code, 200);
        close(fds[i]);
    }
    service_rig_stop(&rig);
    gate_free(gate);
}

static bool reads_wait(const struct service_rig *rig)
{
    return ((const struct edge_instance *)rig->rt)->reads_wait;
}

static void test_the_embedded_store_waits_for_nobody(void)
{
    SERVICE_RIG(rig, &near, "");
    CU_ASSERT_FALSE(reads_wait(&rig)); /* its readers stay where they are quickest */
}

CU_TestInfo store_waits_tests[] = {
    {"readers of a store that waits hold up nobody",
     test_readers_of_a_store_that_waits_hold_up_nobody                                       },
    {"the embedded store waits for nobody",          test_the_embedded_store_waits_for_nobody},
    CU_TEST_INFO_NULL,
};
