/* kill -9 at random points under load, again and again: every event that was acknowledged is there.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "edge/clock.h"
#include "edge/map.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "long_run.h"
#include "platform.h"
#include "suites.h"

enum { CLIENTS = 4 };

/* What all clients of all rounds were told: 201. */
struct acknowledged {
    struct edge_mutex lock;
    struct edge_map ids EDGE_GUARDED;
};

struct load {
    const struct platform *p;
    struct acknowledged *acknowledged;
    _Atomic bool stop;
};

static const char *request_of(struct edge_ctx *ctx, const char *id)
{
    return edge_printf(&ctx->arena,
                       "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":\"%s\","
                       "\"deviceName\":\"killed\",\"profileName\":\"p\",\"sourceName\":\"s\","
                       "\"origin\":%lld,\"readings\":[{\"origin\":1,\"deviceName\":\"killed\","
                       "\"resourceName\":\"s\",\"profileName\":\"p\",\"valueType\":\"Int8\","
                       "\"value\":\"1\"}]}}",
                       id, (long long)edge_now_ns());
}

static void *post_until_stopped(void *arg)
{
    struct load *load = arg;
    while (!atomic_load(&load->stop)) {
        EDGE_CTX_SCOPE(ctx);
        const char *id = edge_uuid_make(&ctx.arena);
        if (call(&ctx, load->p, DATA, "POST", "/api/v3/event/svc/p/killed/s", request_of(&ctx, id),
                 NULL) == 201) {
            EDGE_LOCK(&load->acknowledged->lock);
            edge_map_put(&load->acknowledged->ids, id, load);
        }
    }
    return NULL;
}

static void load_then_kill(struct platform *p, struct acknowledged *acknowledged)
{
    struct load load = {.p = p, .acknowledged = acknowledged};
    pthread_t clients[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&clients[i], NULL, post_until_stopped, &load), 0);
    }
    unsigned random = 0;
    CU_ASSERT_EQUAL(getrandom(&random, sizeof(random), 0), sizeof(random));
    poll(NULL, 0, 5 + (int)(random % 120)); /* the point of death is what varies */
    platform_kill(p);
    atomic_store(&load.stop, true);
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i], NULL);
    }
}

/* Takes what is stored out of the map; what remains was lost. */
static void strike_out_stored(const struct platform *p, struct edge_map *ids)
{
    for (int offset = 0;; offset += 1024) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *body =
            expect(&ctx, p, DATA, "GET",
                   edge_printf(&ctx.arena, "/api/v3/event/device/name/killed?limit=1024&offset=%d",
                               offset),
                   NULL, 200);
        const cJSON *events = at(body, "events");
        for (const cJSON *e = events ? events->child : NULL; e; e = e->next) {
            edge_map_remove(ids, text_at(e, "id"));
        }
        if (cJSON_GetArraySize(events) < 1024) {
            return;
        }
    }
}

static size_t count_of(struct acknowledged *a)
{
    EDGE_LOCK(&a->lock);
    return a->ids.n;
}

static void test_nothing_acknowledged_is_lost(void)
{
    struct platform p __attribute__((cleanup(platform_done)));
    platform_make(&p, SHAPE_ONE);
    struct acknowledged acknowledged = {.ids = EDGE_MAP_INIT};
    edge_mutex_init(&acknowledged.lock);
    const int rounds = long_run_rounds(1000, 50);
    for (int round = 0; round < rounds; round++) {
        long_run_tell("kills", round, rounds);
        CU_ASSERT_TRUE_FATAL(platform_up(&p));
        load_then_kill(&p, &acknowledged);
    }
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    size_t n = count_of(&acknowledged);
    CU_ASSERT(n > (size_t)rounds);
    {
        EDGE_LOCK(&acknowledged.lock);
        strike_out_stored(&p, &acknowledged.ids);
    }
    size_t lost = count_of(&acknowledged);
    printf("(%zu acknowledged, %zu lost) ", n, lost);
    CU_ASSERT_EQUAL(lost, 0);
    /* Whenever it comes, a kill leaves nothing behind that is taken for damage. */
    CU_ASSERT_FALSE(platform_logged(&p, DATA, "damaged"));
    EDGE_LOCK(&acknowledged.lock);
    edge_map_done(&acknowledged.ids);
}

CU_TestInfo kill_tests[] = {
    {"nothing acknowledged is lost over many kills", test_nothing_acknowledged_is_lost},
    CU_TEST_INFO_NULL,
};
