/* The switches of payloads (contract 3.4, 11.2), set on all services: events reach the store and
 * commands their device whatever they travel as, over a real broker. */
#include <CUnit/CUnit.h>
#include <stdlib.h>

#include "platform.h"
#include "suites.h"

struct stored {
    const struct platform *p;
    const char *device;
};

static bool are_stored(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    const struct stored *s = arg;
    const cJSON *body = NULL;
    const char *path = edge_printf(&ctx.arena, "/api/v3/event/device/name/%s?limit=1", s->device);
    return call(&ctx, s->p, DATA, "GET", path, NULL, &body) == 200 &&
           int_at(body, "totalCount") > 0;
}

/* Read it over core-command, have the event pushed, find it stored. */
static void read_and_store(const struct platform *p, const char *device, const char *resource)
{
    EDGE_CTX_SCOPE(ctx);
    expect(&ctx, p, COMMAND, "GET",
           edge_printf(&ctx.arena, "/api/v3/device/name/%s/%s?ds-pushevent=true", device, resource),
           NULL, 200);
    struct stored s = {p, device};
    CU_ASSERT_TRUE(wait_until(are_stored, &s, PATIENCE_MS));
    const cJSON *body = expect(
        &ctx, p, DATA, "GET",
        edge_printf(&ctx.arena, "/api/v3/reading/device/name/%s?limit=1", device), NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "readings.0.deviceName"), device);
    CU_ASSERT_STRING_NOT_EQUAL(text_at(body, "readings.0.resourceName"), "");
    CU_ASSERT_STRING_NOT_EQUAL(text_at(body, "readings.0.profileName"), "");
    CU_ASSERT_TRUE(int_at(body, "readings.0.origin") > 0);
}

static void write_and_read(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    static const char path[] = "/api/v3/device/name/Random-Integer-Device/Int16";
    expect(&ctx, p, COMMAND, "PUT", "/api/v3/device/name/Random-Integer-Device/WriteInt16Value",
           "{\"Int16\":\"-42\"}", 200);
    const cJSON *body = expect(&ctx, p, COMMAND, "GET", path, NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "event.readings.0.value"), "-42");
}

/* A device is added after its service was asked over the bus and heard of after it was told so. */
static bool answers(void *p)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, p, VIRTUAL, "GET", "/api/v3/device/name/New/Int8", NULL, NULL) == 200;
}

static void add_device(struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body =
        expect(&ctx, p, METADATA, "POST", "/api/v3/device",
               "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"New\",\"adminState\":\"UNLOCKED\","
               "\"operatingState\":\"UP\",\"serviceName\":\"device-virtual\",\"profileName\":"
               "\"Random-Integer-Device\",\"protocols\":{\"other\":{\"Address\":\"x\"}}}}]",
               207);
    CU_ASSERT_EQUAL(int_at(body, "0.statusCode"), 201);
    CU_ASSERT_TRUE(wait_until(answers, p, PATIENCE_MS));
}

static void travel(const char *name)
{
    setenv(name, "true", 1);
    PLATFORM(p, SHAPE_SPLIT);
    unsetenv(name);
    read_and_store(&p, "Random-Integer-Device", "Int8");
    write_and_read(&p);
    add_device(&p);
    CU_ASSERT_TRUE(platform_down(&p));
}

static void test_payloads_in_base64(void)
{
    travel("EDGEX_MSG_BASE64_PAYLOAD");
}

static void test_envelopes_in_cbor(void)
{
    travel("EDGEX_MSG_CBOR_ENCODE");
}

static void test_payloads_that_do_not_repeat_the_event(void)
{
    travel("EDGEX_OPTIMIZE_EVENT_PAYLOAD");
}

/* Commands answer with CBOR then, which is no business of this client: events only. */
static void test_events_in_cbor(void)
{
    setenv("EDGEX_ENCODE_ALL_EVENTS_CBOR", "true", 1);
    PLATFORM(p, SHAPE_SPLIT);
    unsetenv("EDGEX_ENCODE_ALL_EVENTS_CBOR");
    struct stored s = {&p, "Random-Integer-Device"};
    CU_ASSERT_TRUE(wait_until(are_stored, &s, PATIENCE_MS));
    add_device(&p);
    CU_ASSERT_TRUE(platform_down(&p));
}

CU_TestInfo payloads_tests[] = {
    {"payloads in base64",                    test_payloads_in_base64                   },
    {"envelopes in CBOR",                     test_envelopes_in_cbor                    },
    {"payloads that do not repeat the event", test_payloads_that_do_not_repeat_the_event},
    {"events in CBOR",                        test_events_in_cbor                       },
    CU_TEST_INFO_NULL,
};
