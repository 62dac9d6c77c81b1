/* Every table of the contracts is sound and prints a page; the small ones round-trip. */
#include <stdlib.h>

#include "contracts/command.h"
#include "contracts/device.h"
#include "contracts/event.h"
#include "contracts/profile.h"
#include "dtotest.h"
#include "edge/keeper.h"
#include "edge/system_event.h"
#include "suites.h"

static void test_every_table_is_sound(void)
{
    static const struct edge_dto *const tables[] = {
        &EDGE_BASE_REQUEST,
        &READING,
        &READING_NUMERIC,
        &EVENT,
        &EVENT_NUMERIC,
        &ADD_EVENT_REQUEST,
        &EVENT_RESPONSE,
        &DEVICE_RESOURCE,
        &DEVICE_COMMAND,
        &DEVICE_PROFILE,
        &PROFILE_BASIC_INFO,
        &PROFILE_REQUEST,
        &PROFILE_SCAN_REQUEST,
        &AUTO_EVENT,
        &DEVICE,
        &DEVICE_REQUEST,
        &DEVICE_FILE,
        &DEVICE_SERVICE,
        &DEVICE_SERVICE_REQUEST,
        &PROVISION_WATCHER,
        &PROVISION_WATCHER_REQUEST,
        &SYSTEM_EVENT,
        &METRIC,
        &DEVICE_CORE_COMMAND,
        &DEVICE_CORE_COMMAND_RESPONSE,
        &MULTI_DEVICE_CORE_COMMANDS_RESPONSE,
        &REGISTRATION,
        &REGISTRATION_REQUEST,
        &KV,
        &KV_REQUEST,
        &KV_CHANGE,
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        const char *wrong = edge_dto_verify(tables[i]);
        if (wrong) {
            printf("\n    %s: %s ", tables[i]->name, wrong);
        }
        CU_ASSERT_PTR_NULL(wrong);
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        edge_dto_docs(tables[i], out);
        fclose(out);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, tables[i]->name));
        CU_ASSERT_PTR_NULL(strstr(text, "(null)"));
        free(text);
    }
}

static void test_system_events(void)
{
    static const char full[] =
        "{\"apiVersion\":\"v3\",\"type\":\"device\",\"action\":\"add\",\"source\":\"core-metadata\",\"owner\":\"device-simple\","
        "\"tags\":null,\"details\":{\"name\":\"D1\"},\"timestamp\":1754470000000123456}";
    expect_round_trip(&SYSTEM_EVENT, full, full);
    expect_fault(
        &SYSTEM_EVENT, "{\"tags\":[]}",
        "SystemEvent.type field is required; SystemEvent.action field is required; SystemEvent.tags must be an object");
    EDGE_CTX_SCOPE(ctx);
    struct system_event made = {.type = "t", .action = "a", .timestamp = 1};
    expect_same(
        edge_dto_text(&SYSTEM_EVENT, &made, &ctx.arena),
        "{\"apiVersion\":\"v3\",\"type\":\"t\",\"action\":\"a\",\"source\":\"\",\"owner\":\"\",\"tags\":null,\"details\":null,\"timestamp\":1}");
}

static void test_metrics(void)
{
    static const char full[] =
        "{\"apiVersion\":\"v3\",\"name\":\"EventsSent\",\"fields\":[{\"name\":\"counter-count\",\"value\":12},{\"name\":\"x\",\"value\":0.5}],"
        "\"tags\":[{\"name\":\"service\",\"value\":\"device-simple\"}],\"timestamp\":1754470000000123456}";
    expect_round_trip(&METRIC, full, full);
}

static void test_core_commands(void)
{
    static const char full[] =
        "{\"apiVersion\":\"v3\",\"statusCode\":200,\"deviceCoreCommand\":{\"deviceName\":\"D\",\"profileName\":\"P\",\"coreCommands\":["
        "{\"name\":\"C\",\"get\":true,\"set\":true,\"path\":\"/p\",\"url\":\"http://h\",\"parameters\":[{\"resourceName\":\"R\",\"valueType\":\"Bool\"}]},"
        "{\"name\":\"E\",\"get\":true}]}}";
    expect_round_trip(&DEVICE_CORE_COMMAND_RESPONSE, full, full);
    static const char none[] =
        "{\"apiVersion\":\"v3\",\"statusCode\":200,\"totalCount\":0,\"deviceCoreCommands\":null}";
    expect_round_trip(&MULTI_DEVICE_CORE_COMMANDS_RESPONSE, none, none);
    expect_round_trip(&DEVICE_CORE_COMMAND, "{\"deviceName\":\"D\"}",
                      "{\"deviceName\":\"D\",\"profileName\":\"\"}");
}

static void test_registrations(void)
{
    static const char in[] =
        "{\"serviceId\":\"s\",\"status\":\"\",\"host\":\"h\",\"port\":59999,\"healthCheck\":{\"interval\":\"10s\","
        "\"path\":\"/api/v3/ping\",\"type\":\"http\"}}";
    static const char out[] =
        "{\"serviceId\":\"s\",\"status\":\"\",\"host\":\"h\",\"port\":59999,\"HealthCheck\":{\"interval\":\"10s\","
        "\"path\":\"/api/v3/ping\",\"type\":\"http\"}}";
    expect_round_trip(&REGISTRATION, in, out);
    expect_fault(&REGISTRATION,
                 "{\"serviceId\":\"s\",\"host\":\"h@evil/?\",\"port\":65536,\"healthCheck\":{"
                 "\"interval\":\"0s\",\"path\":\"@evil\",\"type\":\"http://evil\"}}",
                 "Registration.host is not a host name; "
                 "Registration.port must be between 1 and 65535; "
                 "Registration.HealthCheck.interval field should follows the ISO 8601 Durations "
                 "format, e.g.,100ms, 24h, or be greater than or equal to the minimum value 1ms ; "
                 "Registration.HealthCheck.path is not an absolute path; "
                 "Registration.HealthCheck.type is not a protocol");
    expect_fault(&REGISTRATION, "{}",
                 "Registration.serviceId field is required; Registration.host field is required; "
                 "Registration.port field is required; "
                 "Registration.HealthCheck.interval field is required; "
                 "Registration.HealthCheck.path field is required; "
                 "Registration.HealthCheck.type field is required");
}

static void test_configuration_values(void)
{
    static const char full[] =
        "{\"key\":\"edgex/v4/a\",\"Created\":1,\"Modified\":2,\"value\":\"\"}";
    expect_round_trip(&KV, full, full);
    expect_round_trip(&KV_REQUEST, "{\"apiVersion\":\"\",\"Value\":{\"a\":[1]}}",
                      "{\"value\":{\"a\":[1]}}");
    expect_round_trip(&KV_CHANGE, "{\"key\":\"a\"}",
                      "{\"key\":\"a\",\"Created\":0,\"Modified\":0}");
}

CU_TestInfo tables_tests[] = {
    {"every table is sound", test_every_table_is_sound},
    {"system events",        test_system_events       },
    {"metrics",              test_metrics             },
    {"core commands",        test_core_commands       },
    {"registrations",        test_registrations       },
    {"configuration values", test_configuration_values},
    CU_TEST_INFO_NULL,
};
