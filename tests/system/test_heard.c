/* "Up" is a promise: what is published the moment a service answers ping is heard, also where the
 * broker is slow; and a broker that stays away keeps nobody down for ever. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "platform.h"
#include "suites.h"

enum { N_EVENTS = 12 };

#define SPLIT(name)                                                                                \
    __attribute__((cleanup(platform_done))) struct platform name;                                  \
    platform_make(&name, SHAPE_SPLIT)

static void free_broker(struct broker **b)
{
    broker_free(*b);
}

struct question {
    struct platform *p;
    enum platform_service service;
    int code;
};

static bool pings(void *arg)
{
    const struct question *q = arg;
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, q->p, q->service, "GET", "/api/v3/ping", NULL, NULL) == q->code;
}

static bool all_stored(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    return call(&ctx, arg, DATA, "GET", "/api/v3/event/count", NULL, &body) == 200 &&
           int_at(body, "count") == N_EVENTS;
}

static const char *event_envelope(struct edge_ctx *ctx)
{
    return edge_printf(
        &ctx->arena,
        "{\"apiVersion\":\"v3\",\"correlationID\":\"%s\",\"requestID\":\"\",\"errorCode\":0,"
        "\"contentType\":\"application/json\",\"payload\":{\"apiVersion\":\"v3\",\"requestId\":"
        "\"%s\",\"event\":{\"apiVersion\":\"v3\",\"id\":\"%s\",\"deviceName\":\"early\","
        "\"profileName\":\"bird\",\"sourceName\":\"worm\",\"origin\":%lld,\"readings\":[{"
        "\"origin\":1,\"deviceName\":\"early\",\"resourceName\":\"worm\",\"profileName\":\"bird\","
        "\"valueType\":\"Int8\",\"value\":\"1\"}]}}}",
        edge_uuid_make(&ctx->arena), edge_uuid_make(&ctx->arena), edge_uuid_make(&ctx->arena),
        (long long)edge_origin_ns());
}

static void publish_events(struct broker *b)
{
    EDGE_CTX_SCOPE(ctx);
    for (int i = 0; i < N_EVENTS; i++) {
        const char *text = event_envelope(&ctx);
        CU_ASSERT_TRUE(broker_publish_raw(b, "edgex/events/device/early-service/bird/early/worm",
                                          text, strlen(text)));
    }
}

/* A broker that takes connections and says nothing shows the moment that is otherwise short. */
static void test_not_up_before_it_is_heard(void)
{
    SPLIT(p);
    __attribute__((cleanup(free_broker))) struct broker *b = broker_start(NULL);
    p.broker_port = broker_port(b);
    broker_freeze(b);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE(wait_until(pings, &(struct question){&p, DATA, 503}, PATIENCE_MS));
    CU_ASSERT_FALSE(platform_logged(&p, DATA, "core-data is up"));
    broker_thaw(b);
    CU_ASSERT_TRUE(wait_until(pings, &(struct question){&p, DATA, 200}, PATIENCE_MS));
    publish_events(b);
    CU_ASSERT_TRUE(wait_until(all_stored, &p, PATIENCE_MS));
    CU_ASSERT_FALSE(platform_logged(&p, DATA, "starting without it"));
}

static void test_without_a_broker_it_starts_all_the_same(void)
{
    SPLIT(p);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE(wait_until(pings, &(struct question){&p, DATA, 200}, PATIENCE_MS));
    CU_ASSERT_TRUE(platform_logged(&p, DATA, "message bus not connected in time"));
    CU_ASSERT_TRUE(platform_down(&p));
}

/* Waiting for the broker is no reason not to hear a signal. */
static void test_a_stop_ends_the_waiting(void)
{
    SPLIT(p);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE(wait_until(pings, &(struct question){&p, DATA, 503}, PATIENCE_MS));
    CU_ASSERT_TRUE(platform_stop(&p, DATA));
    CU_ASSERT_FALSE(platform_logged(&p, DATA, "starting without it"));
}

CU_TestInfo heard_tests[] = {
    {"not up before it is heard",               test_not_up_before_it_is_heard              },
    {"without a broker it starts all the same", test_without_a_broker_it_starts_all_the_same},
    {"a stop ends the waiting",                 test_a_stop_ends_the_waiting                },
    CU_TEST_INFO_NULL,
};
