/* A device service that starts before what it needs: it says what it waits for, answers meanwhile,
 * and works as soon as its neighbours do. */
#include <CUnit/CUnit.h>

#include "broker.h"
#include "platform.h"
#include "suites.h"

struct word {
    const struct platform *p;
    const char *text;
};

static bool is_said(void *arg)
{
    const struct word *w = arg;
    return platform_logged(w->p, VIRTUAL, w->text);
}

static void expect_said(const struct platform *p, const char *text)
{
    struct word w = {p, text};
    bool said = wait_until(is_said, &w, PATIENCE_MS);
    if (!said) {
        printf("never logged: %s\n", text);
    }
    CU_ASSERT_TRUE(said);
}

static bool answers(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, arg, VIRTUAL, "GET", "/api/v3/ping", NULL, NULL) == 200;
}

static bool reads(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, arg, VIRTUAL, "GET", "/api/v3/device/name/Random-Integer-Device/Int8", NULL,
                NULL) == 200;
}

static bool has_events(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    return call(&ctx, arg, DATA, "GET", "/api/v3/event/count", NULL, &body) == 200 &&
           int_at(body, "count") > 0;
}

#define SPLIT(name)                                                                                \
    __attribute__((cleanup(platform_done))) struct platform name;                                  \
    platform_make(&name, SHAPE_SPLIT)

static void test_alone_then_broker_then_metadata(void)
{
    EDGE_CTX_SCOPE(ctx);
    SPLIT(p);
    platform_start(&p, VIRTUAL);
    CU_ASSERT_TRUE(wait_until(answers, &p, PATIENCE_MS));
    expect_said(&p, "no connection to the message broker");
    expect_said(&p, edge_printf(&ctx.arena, "127.0.0.1:%u", (unsigned)p.broker_port));
    expect_said(&p, "waiting for a neighbour");
    expect_said(&p, "neighbour=core-metadata");
    expect(&ctx, &p, VIRTUAL, "GET", "/api/v3/device/name/Random-Integer-Device/Int8", NULL, 503);
    platform_start_broker(&p);
    expect_said(&p, "message broker connected");
    platform_start(&p, METADATA);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE(wait_until(reads, &p, PATIENCE_MS));
    CU_ASSERT_TRUE(wait_until(has_events, &p, PATIENCE_MS));
    CU_ASSERT_TRUE(platform_down(&p));
}

static void test_metadata_then_broker(void)
{
    SPLIT(p);
    platform_start(&p, VIRTUAL);
    platform_start(&p, METADATA);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE(wait_until(answers, &p, PATIENCE_MS));
    expect_said(&p, "no connection to the message broker");
    platform_start_broker(&p);
    CU_ASSERT_TRUE(wait_until(reads, &p, PATIENCE_MS));
    CU_ASSERT_TRUE(wait_until(has_events, &p, PATIENCE_MS));
}

static void test_a_broker_that_refuses(void)
{
    SPLIT(p);
    struct broker *b = broker_start("allow_anonymous false\n");
    p.broker_port = broker_port(b);
    platform_start(&p, VIRTUAL);
    platform_start(&p, METADATA);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE(wait_until(answers, &p, PATIENCE_MS));
    expect_said(&p, "authori"); /* the broker's reason, with one letter or another */
    CU_ASSERT_FALSE(platform_logged(&p, VIRTUAL, "message broker connected"));
    broker_free(b);
    platform_start_broker(&p); /* at the same place, and willing */
    CU_ASSERT_TRUE(wait_until(reads, &p, PATIENCE_MS));
    CU_ASSERT_TRUE(wait_until(has_events, &p, PATIENCE_MS));
}

CU_TestInfo waiting_tests[] = {
    {"alone, then a broker, then metadata", test_alone_then_broker_then_metadata},
    {"metadata, then a broker",             test_metadata_then_broker           },
    {"a broker that refuses",               test_a_broker_that_refuses          },
    CU_TEST_INFO_NULL,
};
