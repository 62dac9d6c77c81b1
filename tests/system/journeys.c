#include "journeys.h"

#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"

#define EVENT_ID "2f6b2e2a-6c4e-4c59-9b4f-0b8e9f3f6a01"

struct target {
    const struct platform *p;
    const char *path;
    int64_t at_least;
};

static bool total_reached(void *arg)
{
    const struct target *t = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    return call(&ctx, t->p, DATA, "GET", t->path, NULL, &body) == 200 &&
           int_at(body, "totalCount") >= t->at_least;
}

static bool wait_for_total(const struct platform *p, const char *path, int64_t at_least)
{
    return wait_until(total_reached, &(struct target){p, path, at_least}, PATIENCE_MS);
}

static const char *event_request(struct edge_ctx *ctx, const char *id, const char *device,
                                 int64_t origin, const char *value)
{
    return edge_printf(
        &ctx->arena,
        "{\"apiVersion\":\"v3\",\"requestId\":\"%s\",\"event\":{\"apiVersion\":\"v3\","
        "\"id\":\"%s\",\"deviceName\":\"%s\",\"profileName\":\"prof\","
        "\"sourceName\":\"src\",\"origin\":%lld,\"readings\":[{\"origin\":%lld,"
        "\"deviceName\":\"%s\",\"resourceName\":\"src\",\"profileName\":\"prof\","
        "\"valueType\":\"Int64\",\"value\":\"%s\"}]}}",
        id, id, device, (long long)origin, (long long)origin, device, value);
}

/* ---- the journey of a reading ------------------------------------------------------------ */

void journey_readings_arrive(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_TRUE(wait_for_total(&p, "/api/v3/reading/resourceName/Int16", 2));
    const cJSON *body =
        expect(&ctx, &p, DATA, "GET",
               "/api/v3/reading/device/name/Random-Integer-Device/resourceName/Int16"
               "?limit=2",
               NULL, 200);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(body, "readings")), 2);
    CU_ASSERT_STRING_EQUAL(text_at(body, "readings.0.valueType"), "Int16");
    CU_ASSERT_STRING_EQUAL(text_at(body, "readings.0.profileName"), "Random-Integer-Device");
    CU_ASSERT(int_at(body, "readings.0.origin") > int_at(body, "readings.1.origin"));
    CU_ASSERT(int_at(body, "readings.0.origin") >
              1700000000000000000); /* exact to the nanosecond */

    body = expect(&ctx, &p, DATA, "GET", "/api/v3/event/all?limit=1", NULL, 200);
    const char *id = text_at(body, "events.0.id");
    body = expect(&ctx, &p, DATA, "GET", edge_printf(&ctx.arena, "/api/v3/event/id/%s", id), NULL,
                  200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "event.id"), id);
    CU_ASSERT(cJSON_GetArraySize(at(body, "event.readings")) >= 1);
}

/* ---- the journey of a command ------------------------------------------------------------ */

void journey_commands_read_and_write(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    const char *int16 = "/api/v3/device/name/Random-Integer-Device/Int16";
    const cJSON *body = expect(&ctx, &p, COMMAND, "GET", int16, NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "event.readings.0.resourceName"), "Int16");

    expect(&ctx, &p, COMMAND, "PUT", "/api/v3/device/name/Random-Integer-Device/WriteInt16Value",
           "{\"Int16\":\"-4711\"}", 200);
    for (int i = 0; i < 3; i++) { /* writing a value ends its randomisation */
        body = expect(&ctx, &p, COMMAND, "GET", int16, NULL, 200);
        CU_ASSERT_STRING_EQUAL(text_at(body, "event.readings.0.value"), "-4711");
    }
    body = expect(&ctx, &p, COMMAND, "GET",
                  edge_printf(&ctx.arena, "%s?ds-pushevent=true&ds-returnevent=true", int16), NULL,
                  200);
    const char *pushed = edge_printf(&ctx.arena, "/api/v3/event/id/%s", text_at(body, "event.id"));
    struct target t = {&p, "/api/v3/reading/resourceName/Int16", 1};
    CU_ASSERT_TRUE(wait_until(total_reached, &t, PATIENCE_MS));
    int code = 0;
    for (int64_t end = edge_now_mono_ms() + 10000; code != 200 && edge_now_mono_ms() < end;) {
        code = call(&ctx, &p, DATA, "GET", pushed, NULL, NULL);
    }
    CU_ASSERT_EQUAL(code, 200);

    expect(&ctx, &p, COMMAND, "PUT", int16, "{\"Int16\":\"40000\"}", 400);
    expect(&ctx, &p, COMMAND, "PUT", int16, "[1]", 400);
    expect(&ctx, &p, COMMAND, "GET", "/api/v3/device/name/Random-Integer-Device/Nothing", NULL,
           404);
    expect(&ctx, &p, COMMAND, "GET", "/api/v3/device/name/Nobody/Int16", NULL, 404);
    expect(&ctx, &p, COMMAND, "GET", edge_printf(&ctx.arena, "%s?ds-pushevent=maybe", int16), NULL,
           400);

    body = expect(&ctx, &p, COMMAND, "GET", "/api/v3/device/name/Random-Integer-Device", NULL, 200);
    CU_ASSERT(cJSON_GetArraySize(at(body, "deviceCoreCommand.coreCommands")) >= 8);
    body = expect(&ctx, &p, COMMAND, "GET", "/api/v3/device/all", NULL, 200);
    CU_ASSERT(int_at(body, "totalCount") >= 6);
}

/* ---- events from outside ----------------------------------------------------------------- */

void journey_posted_events_are_stored(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    const char *post = "/api/v3/event/svc/prof/posted%2Fdevice/src";
    const int64_t origin = 1755850000123456789;
    const cJSON *body =
        expect(&ctx, &p, DATA, "POST", post,
               event_request(&ctx, EVENT_ID, "posted/device", origin, "9223372036854775807"), 201);
    CU_ASSERT_STRING_EQUAL(text_at(body, "id"), EVENT_ID);
    CU_ASSERT_STRING_EQUAL(text_at(body, "requestId"), EVENT_ID);
    body = expect(&ctx, &p, DATA, "GET", "/api/v3/event/id/" EVENT_ID, NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "event.origin"), origin);
    CU_ASSERT_STRING_EQUAL(text_at(body, "event.readings.0.value"), "9223372036854775807");
    CU_ASSERT_STRING_EQUAL(text_at(body, "event.deviceName"), "posted/device");
    body = expect(&ctx, &p, DATA, "GET",
                  "/api/v3/event/start/1755850000123456789/end/1755850000123456789", NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "totalCount"), 1);
    expect(&ctx, &p, DATA, "GET", "/api/v3/event/start/2/end/1", NULL, 400);
    expect(&ctx, &p, DATA, "DELETE", "/api/v3/event/id/" EVENT_ID, NULL, 200);
    expect(&ctx, &p, DATA, "GET", "/api/v3/event/id/" EVENT_ID, NULL, 404);
    expect(&ctx, &p, DATA, "DELETE", "/api/v3/event/id/" EVENT_ID, NULL, 404);
}

/* ---- restarts ---------------------------------------------------------------------------- */

void journey_restart_keeps_everything(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    enum { EVENTS = 50 };
    for (int i = 0; i < EVENTS; i++) {
        const char *id = edge_uuid_make(&ctx.arena);
        expect(&ctx, &p, DATA, "POST", "/api/v3/event/svc/prof/kept/src",
               event_request(&ctx, id, "kept", 1000 + i, edge_printf(&ctx.arena, "%d", i)), 201);
    }
    expect(&ctx, &p, METADATA, "PATCH", "/api/v3/device?bypassValidation=true",
           "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"Random-Float-Device\","
           "\"description\":\"changed\"}}]",
           207);
    CU_ASSERT_TRUE_FATAL(platform_down(&p));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    const cJSON *body =
        expect(&ctx, &p, DATA, "GET", "/api/v3/event/device/name/kept?limit=1000", NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "totalCount"), EVENTS);
    CU_ASSERT_STRING_EQUAL(text_at(body, "events.0.readings.0.value"), "49");
    body = expect(&ctx, &p, METADATA, "GET", "/api/v3/device/name/Random-Float-Device", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "device.description"), "changed");
    body = expect(&ctx, &p, METADATA, "GET", "/api/v3/device/all", NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "totalCount"), 6); /* the service's own were not added twice */
}

/* ---- the journey of a change ------------------------------------------------------------- */

static const char *patch_device(struct edge_ctx *ctx, const char *name, const char *members)
{
    return edge_printf(&ctx->arena, "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"%s\",%s}}]",
                       name, members);
}

static bool gone_or_answering(const struct platform *p, const char *target, int code)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, p, COMMAND, "GET", target, NULL, NULL) == code;
}

struct command_target {
    const struct platform *p;
    const char *target;
    int code;
};

static bool command_gives(void *arg)
{
    const struct command_target *t = arg;
    return gone_or_answering(t->p, t->target, t->code);
}

void journey_odd_names_travel(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    const char *added =
        "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"hall 1/#2 100%25\",\"adminState\":\"UNLOCKED\","
        "\"operatingState\":\"UP\",\"serviceName\":\"device-virtual\","
        "\"profileName\":\"Random-Integer-Device\",\"protocols\":{\"other\":{}},"
        "\"autoEvents\":[{\"interval\":\"50ms\",\"sourceName\":\"Int[0-9]+\"}]}}]";
    const cJSON *body = expect(&ctx, &p, METADATA, "POST", "/api/v3/device", added, 207);
    CU_ASSERT_EQUAL(int_at(body, "0.statusCode"), 201);
    CU_ASSERT_TRUE(wait_for_total(&p, "/api/v3/reading/device/name/hall%201%2F%232%20100%2525", 4));
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/device/name/hall%201%2F%232%20100%2525", NULL,
           200);
}

void journey_devices_come_and_go(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    const char *added =
        "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"new one\",\"adminState\":\"UNLOCKED\","
        "\"operatingState\":\"UP\",\"serviceName\":\"device-virtual\","
        "\"profileName\":\"Random-Integer-Device\",\"protocols\":{\"other\":{}},"
        "\"autoEvents\":[{\"interval\":\"50ms\",\"sourceName\":\"Int8\"}]}}]";
    const cJSON *body = expect(&ctx, &p, METADATA, "POST", "/api/v3/device", added, 207);
    CU_ASSERT_EQUAL(int_at(body, "0.statusCode"), 201);
    CU_ASSERT_TRUE(wait_for_total(&p, "/api/v3/reading/device/name/new%20one", 3));
    body = expect(&ctx, &p, METADATA, "POST", "/api/v3/device", added, 207);
    CU_ASSERT_EQUAL(int_at(body, "0.statusCode"), 409);

    const char *int8 = "/api/v3/device/name/new%20one/Int8";
    body = expect(&ctx, &p, METADATA, "PATCH", "/api/v3/device",
                  patch_device(&ctx, "new one", "\"adminState\":\"LOCKED\""), 207);
    CU_ASSERT_EQUAL(int_at(body, "0.statusCode"), 200);
    CU_ASSERT_TRUE(wait_until(command_gives, &(struct command_target){&p, int8, 423}, PATIENCE_MS));
    body = expect(&ctx, &p, METADATA, "PATCH", "/api/v3/device",
                  patch_device(&ctx, "new one", "\"adminState\":\"UNLOCKED\""), 207);
    CU_ASSERT_EQUAL(int_at(body, "0.statusCode"), 200);
    CU_ASSERT_TRUE(wait_until(command_gives, &(struct command_target){&p, int8, 200}, PATIENCE_MS));

    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/device/name/new%20one", NULL, 200);
    expect(&ctx, &p, METADATA, "GET", "/api/v3/device/name/new%20one", NULL, 404);
    CU_ASSERT_TRUE(wait_until(command_gives, &(struct command_target){&p, int8, 404}, PATIENCE_MS));
}

void journey_profiles_are_uploaded(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    const char *profile =
        "[{\"apiVersion\":\"v3\",\"profile\":{\"name\":\"thermo\",\"manufacturer\":\"M\",\"model\":\"T1\","
        "\"deviceResources\":[{\"name\":\"Float64\",\"isHidden\":false,\"properties\":"
        "{\"valueType\":\"float64\",\"readWrite\":\"RW\",\"minimum\":-40,\"maximum\":85.5}}]}}]";
    const cJSON *body = expect(&ctx, &p, METADATA, "POST", "/api/v3/deviceprofile", profile, 207);
    CU_ASSERT_EQUAL(int_at(body, "0.statusCode"), 201);
    body = expect(&ctx, &p, METADATA, "GET", "/api/v3/deviceprofile/name/thermo", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "profile.deviceResources.0.properties.valueType"),
                           "Float64");
    body = expect(&ctx, &p, METADATA, "GET", "/api/v3/deviceprofile/manufacturer/M/model/T1", NULL,
                  200);
    CU_ASSERT_EQUAL(int_at(body, "totalCount"), 1);
    body = expect(
        &ctx, &p, METADATA, "POST", "/api/v3/device",
        "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"t1\",\"adminState\":\"UNLOCKED\","
        "\"operatingState\":\"UP\",\"serviceName\":\"device-virtual\",\"profileName\":\"thermo\","
        "\"protocols\":{}}}]",
        207);
    CU_ASSERT_EQUAL(int_at(body, "0.statusCode"), 201);
    CU_ASSERT_TRUE(wait_until(command_gives,
                              &(struct command_target){&p, "/api/v3/device/name/t1/Float64", 200},
                              PATIENCE_MS));
    expect(&ctx, &p, COMMAND, "PUT", "/api/v3/device/name/t1/Float64", "{\"Float64\":\"85.6\"}",
           400);
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/deviceprofile/name/thermo", NULL, 409);
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/deviceservice/name/device-virtual", NULL, 409);
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/device/name/t1", NULL, 200);
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/deviceprofile/name/thermo", NULL, 200);
}

/* ---- what bad input gets ----------------------------------------------------------------- */

void journey_bad_input_is_refused(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    static const struct {
        enum platform_service service;
        const char *method, *target, *body;
        int code;
    } cases[] = {
        {METADATA, "POST",   "/api/v3/device",                                 "[{\"apiVersion\":\"v3\",\"device\":{}}]", 400},
        {METADATA, "POST",   "/api/v3/device",                                 "{}",                                      400},
        {METADATA, "POST",   "/api/v3/device",                                 "",                                        400},
        {METADATA, "POST",   "/api/v3/device",                                 "[{\"apiVersion\":",                       400},
        {METADATA, "POST",   "/api/v3/device",                                 "[1]",                                     400},
        {METADATA, "POST",   "/api/v3/device",                                 "[]",                                      207},
        {METADATA, "GET",    "/api/v3/device/all?limit=2000",                  NULL,                                      400},
        {METADATA, "GET",    "/api/v3/device/all?offset=x",                    NULL,                                      400},
        {METADATA, "GET",    "/api/v3/device/all?offset=1000",                 NULL,                                      416},
        {METADATA, "GET",    "/api/v3/device/name/a%00b",                      NULL,                                      400},
        {METADATA, "GET",    "/api/v3/../etc/passwd",                          NULL,                                      400},
        {METADATA, "GET",    "/api/v3/%2e%2e/device/all",                      NULL,                                      400},
        {METADATA, "GET",    "/api/v3/nothing",                                NULL,                                      404},
        {METADATA, "PUT",    "/api/v3/device",                                 "[]",                                      405},
        {METADATA, "PATCH",  "/api/v3/device",
         "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"\"}}]",                                                          400},
        {DATA,     "POST",   "/api/v3/event/svc/prof/dev/src",                 "{\"apiVersion\":\"v3\",\"event\":{}}",
         400                                                                                                                 },
        {DATA,     "POST",   "/api/v3/event/svc/prof/dev/src",                 "\xff\xfe",                                400},
        {DATA,     "GET",    "/api/v3/event/id/not-a-uuid",                    NULL,                                      400},
        {DATA,     "DELETE", "/api/v3/event/age/tomorrow",                     NULL,                                      400},
        {DATA,     "GET",    "/api/v3/reading/all?aggregateFunc=mode",         NULL,                                      400},
        {COMMAND,  "PUT",    "/api/v3/device/name/Random-Integer-Device/Int8", "{\"Int8\":",                              400},
        {VIRTUAL,  "GET",    "/api/v3/device/name/nobody/x",                   NULL,                                      404},
        {VIRTUAL,  "PUT",    "/api/v3/device/name/Random-Integer-Device/Int8", "{\"Int8\":\"128\"}",
         400                                                                                                                 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cJSON *body = expect(&ctx, &p, cases[i].service, cases[i].method, cases[i].target,
                                   cases[i].body, cases[i].code);
        if (cases[i].code == 400 || cases[i].code == 416) {
            CU_ASSERT_EQUAL(int_at(body, "statusCode"), cases[i].code);
            CU_ASSERT(strlen(text_at(body, "message")) > 0);
        }
    }
    const cJSON *body = expect(&ctx, &p, METADATA, "GET", "/api/v3/device/all", NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "totalCount"), 6);
}

void journey_drivers_judge_devices(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    static const struct {
        const char *service, *profile, *extra;
        int code;
    } cases[] = {
        {"nobody",         "Random-Float-Device", "",                          400},
        {"device-virtual", "no such profile",     "",                          400},
        {"device-virtual", "Random-Float-Device",
         ",\"autoEvents\":[{\"interval\":\"1x\",\"sourceName\":\"Float32\"}]", 400},
        {"device-virtual", "Random-Float-Device",
         ",\"autoEvents\":[{\"interval\":\"1s\",\"sourceName\":\"Int8\"}]",    400},
        {"device-virtual", "Random-Float-Device",
         ",\"autoEvents\":[{\"interval\":\"1s\",\"sourceName\":\"Float.*\"}]", 201},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const cJSON *body = NULL;
        int code =
            call(&ctx, &p, METADATA, "POST", "/api/v3/device",
                 edge_printf(&ctx.arena,
                             "[{\"apiVersion\":\"v3\",\"device\":{\"name\":\"judged\","
                             "\"adminState\":\"UNLOCKED\",\"operatingState\":\"UP\","
                             "\"serviceName\":\"%s\",\"profileName\":\"%s\",\"protocols\":{}%s}}]",
                             cases[i].service, cases[i].profile, cases[i].extra),
                 &body);
        int64_t item = code == 207 ? int_at(body, "0.statusCode") : code;
        CU_ASSERT_EQUAL(item, cases[i].code);
    }
    expect(&ctx, &p, METADATA, "DELETE", "/api/v3/device/name/judged", NULL, 200);
}

void journey_common_endpoints_answer(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    for (enum platform_service s = 0; s < N_SERVICES; s++) {
        const cJSON *body = expect(&ctx, &p, s, "GET", "/api/v3/ping", NULL, 200);
        CU_ASSERT_STRING_EQUAL(text_at(body, "serviceName"), service_places[s].name);
        body = expect(&ctx, &p, s, "GET", "/api/v3/version", NULL, 200);
        CU_ASSERT_STRING_EQUAL(text_at(body, "version"), "4.1.0");
        body = expect(&ctx, &p, s, "GET", "/api/v3/config", NULL, 200);
        CU_ASSERT_EQUAL(int_at(body, "config.Service.Port"), p.port[s]);
        expect(&ctx, &p, s, "POST", "/api/v3/secret", "{}", 400);
        expect(
            &ctx, &p, s, "POST", "/api/v3/secret",
            "{\"apiVersion\":\"v3\",\"secretName\":\"a\",\"secretData\":[{\"key\":\"k\",\"value\":\"v\"}]}",
            405);
    }
}

static bool device_has_no_events(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    call(&ctx, arg, DATA, "GET", "/api/v3/event/count/device/name/purged", NULL, &body);
    return int_at(body, "count") == 0;
}

void journey_deletions_are_followed(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    for (int i = 0; i < 20; i++) {
        expect(&ctx, &p, DATA, "POST", "/api/v3/event/svc/prof/purged/src",
               event_request(&ctx, edge_uuid_make(&ctx.arena), "purged", 1000 + i, "1"), 201);
        expect(&ctx, &p, DATA, "POST", "/api/v3/event/svc/prof/spared/src",
               event_request(&ctx, edge_uuid_make(&ctx.arena), "spared", edge_now_ns(), "1"), 201);
    }
    expect(&ctx, &p, DATA, "DELETE", "/api/v3/event/device/name/purged", NULL, 202);
    CU_ASSERT_TRUE(wait_until(device_has_no_events, &p, PATIENCE_MS));
    const cJSON *body =
        expect(&ctx, &p, DATA, "GET", "/api/v3/reading/count/device/name/spared", NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "count"), 20);
    expect(&ctx, &p, DATA, "DELETE", "/api/v3/event/age/3600000000000", NULL, 202);
    body = expect(&ctx, &p, DATA, "GET", "/api/v3/event/count/device/name/spared", NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "count"), 20);
}

/* ---- configuration and registry ---------------------------------------------------------- */

void journey_configuration_is_served(enum platform_shape shape)
{
    PLATFORM(p, shape);
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body =
        expect(&ctx, &p, KEEPER, "GET",
               "/api/v3/kvs/key/edgex%2Fv4%2Fcore%2Dcommon%2Dconfig%2Dbootstrapper%2F"
               "IsCommonConfigReady?plaintext=true",
               NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "response.0.value"), "true");
    const char *key = "/api/v3/kvs/key/edgex/v4/mine/Writable/LogLevel";
    expect(&ctx, &p, KEEPER, "PUT", key, "{\"apiVersion\":\"\",\"value\":\"DEBUG\"}", 200);
    const char *registration =
        "{\"apiVersion\":\"v3\",\"registration\":{\"serviceId\":\"mine\","
        "\"host\":\"localhost\",\"port\":1,\"HealthCheck\":{\"interval\":\"1h\","
        "\"path\":\"/api/v3/ping\",\"type\":\"http\"}}}";
    expect(&ctx, &p, KEEPER, "POST", "/api/v3/registry", registration, 201);
    expect(&ctx, &p, KEEPER, "POST", "/api/v3/registry", registration, 409);
    CU_ASSERT_TRUE_FATAL(platform_down(&p));
    CU_ASSERT_TRUE_FATAL(platform_up(&p));
    body = expect(&ctx, &p, KEEPER, "GET", edge_printf(&ctx.arena, "%s?plaintext=true", key), NULL,
                  200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "response.0.value"), "DEBUG");
    body = expect(&ctx, &p, KEEPER, "GET", "/api/v3/registry/serviceId/mine", NULL, 200);
    CU_ASSERT_STRING_EQUAL(text_at(body, "registration.host"), "localhost");
}
