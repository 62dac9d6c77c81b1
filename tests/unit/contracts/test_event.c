/* Events and readings on the wire. */
#include <stdlib.h>

#include "contracts/event.h"
#include "dtotest.h"
#include "edge/message.h"
#include "suites.h"

#define ID "d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e"
#define HEAD                                                                                       \
    "{\"apiVersion\":\"v3\",\"id\":\"" ID                                                          \
    "\",\"deviceName\":\"D1\",\"profileName\":\"P\",\"sourceName\":\"S\",\"origin\":1754470001000000001,\"readings\":["
#define READ                                                                                       \
    "{\"origin\":1754470001000000001,\"deviceName\":\"D1\",\"resourceName\":\"R\",\"profileName\":\"P\",\"valueType\":"
#define REQUEST  "{\"apiVersion\":\"v3\",\"requestId\":\"\",\"event\":"
#define READING1 READ "\"Bool\",\"value\":\"true\"}"

static void test_requests_round_trip(void)
{
    static const char request[] =
        "{\"apiVersion\":\"v3\",\"requestId\":\"e6e8a2f4-eb14-4649-9e2b-175247911369\",\"event\":" HEAD
        "{\"id\":\"" ID
        "\",\"origin\":1754470001000000001,\"deviceName\":\"D1\",\"resourceName\":\"R\","
        "\"profileName\":\"P\",\"valueType\":\"Bool\",\"units\":\"u\",\"tags\":{\"a\":1},\"value\":\"true\"}],"
        "\"tags\":{\"Gateway\":{\"id\":9007199254740993}}}}";
    expect_round_trip(&ADD_EVENT_REQUEST, request, request);
    static const char response[] =
        "{\"apiVersion\":\"v3\",\"statusCode\":200,\"event\":" HEAD READING1 "]}}";
    expect_round_trip(&EVENT_RESPONSE, response, response);
}

static void test_value_parts_round_trip(void)
{
    static const struct {
        const char *in, *out; /* out NULL: the same */
    } cases[] = {
        {"\"Int64\",\"value\":\"-12\"}",                                         NULL                                                                  },
        {"\"String\",\"value\":\"\"}",                                           NULL                                                                  },
        {"\"Float64\",\"value\":\"1.234e+01\"}",                                 NULL                                                                  },
        {"\"Int8Array\",\"value\":\"[1, 2, 3]\"}",                               NULL                                                                  },
        {"\"StringArray\",\"value\":\"[\\\"a\\\",\\\"b\\\"]\"}",                 NULL                                                                  },
        {"\"Binary\",\"binaryValue\":\"AAEC\",\"mediaType\":\"image/png\"}",     NULL                                                                  },
        {"\"Binary\",\"binaryValue\":\"\"}",                                     NULL                                                                  },
        {"\"Object\",\"objectValue\":{\"a\":1,\"b\":[null]}}",                   NULL                                                                  },
        {"\"ObjectArray\",\"objectValue\":[{\"a\":1}]}",                         NULL                                                                  },
        {"\"Int32\",\"value\":null,\"binaryValue\":null,\"objectValue\":null}",  NULL                                                                  },
        {"\"Binary\",\"value\":null,\"binaryValue\":null,\"objectValue\":null}", NULL                                                                  },
        {"\"Binary\",\"binaryValue\":[222,173,0],\"mediaType\":\"m\"}",
         "\"Binary\",\"binaryValue\":\"3q0A\",\"mediaType\":\"m\"}"                                                                                    },
        {"\"Object\"}",                                                          "\"Object\",\"value\":null,\"binaryValue\":null,\"objectValue\":null}"},
        {"\"Int32\",\"binaryValue\":\"AAEC\"}",
         "\"Int32\",\"value\":null,\"binaryValue\":null,\"objectValue\":null}"                                                                         },
        {"\"uINT8\",\"value\":\"1\",\"extension\":[1]}",                         "\"Uint8\",\"value\":\"1\"}"                                          },
        {"\"Int32\",\"value\":1234567}",                                         "\"Int32\",\"value\":\"1234567\"}"                                    },
        {"\"Uint64\",\"value\":18446744073709551615}",
         "\"Uint64\",\"value\":\"18446744073709551615\"}"                                                                                              },
        {"\"Float64\",\"value\":12.5}",                                          "\"Float64\",\"value\":\"12.5\"}"                                     },
        {"\"Bool\",\"value\":true}",                                             "\"Bool\",\"value\":\"true\"}"                                        },
        {"\"String\",\"value\":1}",                                              "\"String\",\"value\":\"1\"}"                                         },
        {"\"Int8Array\",\"value\":[1,-2]}",                                      "\"Int8Array\",\"value\":\"[1, -2]\"}"                                },
        {"\"BoolArray\",\"value\":[true,\"f\"]}",                                "\"BoolArray\",\"value\":\"[true, f]\"}"                              },
        {"\"StringArray\",\"value\":[\"a\",\"b,\"]}",
         "\"StringArray\",\"value\":\"[\\\"a\\\",\\\"b,\\\"]\"}"                                                                                       },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_arena a = EDGE_ARENA_INIT;
        const char *out = cases[i].out ? cases[i].out : cases[i].in;
        expect_round_trip(&EVENT, edge_printf(&a, "%s%s%s]}", HEAD, READ, cases[i].in),
                          edge_printf(&a, "%s%s%s]}", HEAD, READ, out));
        edge_arena_done(&a);
    }
}

static void test_bad_events_are_refused(void)
{
    static const struct {
        const char *reading, *expect;
    } cases[] = {
        {READ "\"Int8\",\"value\":\"128\"}",
         "Event.readings[0] The value does not match the Int8 valueType"                                                                                     },
        {READ "\"Int8\",\"value\":\"\"}",
         "Event.readings[0] The value does not match the Int8 valueType"                                                                                     },
        {READ "\"Int8Array\",\"value\":\"\"}",
         "Event.readings[0] The value does not match the Int8Array valueType"                                                                                },
        {READ "\"Int8Array\",\"value\":[{\"a\":1}]}",
         "Event.readings[0] The value does not match the Int8Array valueType"                                                                                },
        {READ "\"Int8\",\"value\":{}}",                                                                       "Event.readings[0].value must be a string"     },
        {READ "\"Number\",\"value\":\"1\"}",                                                                  "Event.readings[0].valueType " VALUE_TYPE_FAULT},
        {READ "null,\"value\":\"1\"}",                                                                        "Event.readings[0].valueType field is required"},
        {READ "\"Binary\",\"binaryValue\":\"AA==\"}",
         "Event.readings[0].mediaType field validation failed on the required_with tag with value ''"                                                        },
        {READ "\"Binary\",\"binaryValue\":\"A\"}",                                                            "Event.readings[0].binaryValue must be base64" },
        {READ "\"Binary\",\"binaryValue\":[256],\"mediaType\":\"m\"}",
         "Event.readings[0].binaryValue must be base64"                                                                                                      },
        {READ "\"Binary\",\"binaryValue\":\"AA==\",\"mediaType\":1}",
         "Event.readings[0].mediaType must be a string"                                                                                                      },
        {"{\"origin\":0,\"devicename\":\"D\",\"valueType\":\"Bool\",\"value\":\"1\"}",
         "Event.readings[0].origin field is required; Event.readings[0].deviceName field is required; "
         "Event.readings[0].resourceName field is required"                                                                                                  },
        {"{\"origin\":1,\"deviceName\":\"D\",\"resourceName\":\" \",\"valueType\":\"Bool\",\"value\":\"1\"}",
         "Event.readings[0].resourceName field should not be empty string"                                                                                   },
        {"7",                                                                                                 "Event.readings[0] must be an object"          },
        {"",                                                                                                  "Event.readings field should greater than 0"   },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_arena a = EDGE_ARENA_INIT;
        expect_fault(&EVENT, edge_printf(&a, "%s%s]}", HEAD, cases[i].reading), cases[i].expect);
        edge_arena_done(&a);
    }
    expect_fault(&ADD_EVENT_REQUEST, "{\"apiVersion\":\"v3\"}",
                 "AddEventRequest.event field is required");
    expect_fault(
        &ADD_EVENT_REQUEST, "{\"event\":{\"id\":\"x\",\"origin\":1.5,\"tags\":[]}}",
        "AddEventRequest.apiVersion field is required; AddEventRequest.event.id field needs a uuid; "
        "AddEventRequest.event.deviceName field is required; AddEventRequest.event.origin must be an integer; "
        "AddEventRequest.event.readings field is required; AddEventRequest.event.tags must be an object");
    expect_fault(
        &ADD_EVENT_REQUEST, REQUEST HEAD READING1 "]},\"REQUESTID\":\"x\"}",
        "AddEventRequest.requestId field validation failed on the len=0|uuid tag with value ''");
}

static void test_numeric_values_are_json_numbers(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"\"Int64\",\"value\":\"007\"}",                     "\"Int64\",\"value\":7}"                                            },
        {"\"Uint64\",\"value\":\"18446744073709551615\"}",
         "\"Uint64\",\"value\":18446744073709551615}"                                                                            },
        {"\"Float32\",\"value\":\"1.1e+00\"}",               "\"Float32\",\"value\":1.1}"                                        },
        {"\"Float64\",\"value\":\"NaN\"}",                   "\"Float64\",\"value\":\"NaN\"}"                                    },
        {"\"Bool\",\"value\":\"true\"}",                     "\"Bool\",\"value\":\"true\"}"                                      },
        {"\"String\",\"value\":\"1\"}",                      "\"String\",\"value\":\"1\"}"                                       },
        {"\"Int8Array\",\"value\":\"[1, -2]\"}",             "\"Int8Array\",\"value\":[1,-2]}"                                   },
        {"\"Float64Array\",\"value\":\"[1e+00, 2.5e+00]\"}", "\"Float64Array\",\"value\":[1,2.5]}"                               },
        {"\"BoolArray\",\"value\":\"[true]\"}",              "\"BoolArray\",\"value\":\"[true]\"}"                               },
        {"\"Int8\"}",                                        "\"Int8\",\"value\":null,\"binaryValue\":null,\"objectValue\":null}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct event e;
        const char *in = edge_printf(&ctx.arena, "%s%s%s]}", HEAD, READ, cases[i].in);
        CU_ASSERT_EQUAL_FATAL(decode(&ctx, &EVENT, in, &e), EDGE_OK);
        expect_same(edge_dto_text(&EVENT_NUMERIC, &e, &ctx.arena),
                    edge_printf(&ctx.arena, "%s%s%s]}", HEAD, READ, cases[i].out));
        expect_same(edge_dto_text(&READING_NUMERIC, &e.readings[0], &ctx.arena),
                    edge_printf(&ctx.arena, "%s%s", READ, cases[i].out));
    }
}

static void test_binary_is_a_byte_string_in_cbor(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct event e;
    CU_ASSERT_EQUAL_FATAL(
        decode(&ctx, &EVENT,
               HEAD READ "\"Binary\",\"binaryValue\":\"3q2+7w==\",\"mediaType\":\"m\"}]}", &e),
        EDGE_OK);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    edge_dto_encode(&EVENT, &e, EDGE_CBOR, &out);
    CU_ASSERT_PTR_NOT_NULL(memmem(out.data, out.len, "\x44\xde\xad\xbe\xef", 5));
    CU_ASSERT_TRUE(event_has_binary(&e));
    CU_ASSERT_EQUAL(event_encoding(&e), EDGE_CBOR);
}

static void test_the_process_can_ask_for_cbor(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct event e;
    CU_ASSERT_EQUAL_FATAL(decode(&ctx, &EVENT, HEAD READING1 "]}", &e), EDGE_OK);
    CU_ASSERT_EQUAL(event_encoding(&e), EDGE_JSON);
    edge_wire_forms.cbor_events = true;
    CU_ASSERT_EQUAL(event_encoding(&e), EDGE_CBOR);
    edge_wire_forms.cbor_events = false;
}

static void test_optimized_payloads_do_not_repeat_the_event(void)
{
    static const char whole[] =
        REQUEST "{\"apiVersion\":\"v3\",\"id\":\"" ID
                "\",\"deviceName\":\"D1\",\"profileName\":\"P\",\"sourceName\":\"R\","
                "\"origin\":1754470001000000001,\"readings\":[" READING1 "]}}";
    static const char shortened[] = REQUEST
        "{\"apiVersion\":\"v3\",\"id\":\"" ID
        "\",\"deviceName\":\"D1\",\"profileName\":\"P\",\"sourceName\":\"R\","
        "\"origin\":1754470001000000001,\"readings\":[{\"valueType\":\"Bool\",\"value\":\"true\"}]}}";
    static const char several[] = REQUEST
        "{\"apiVersion\":\"v3\",\"id\":\"" ID
        "\",\"deviceName\":\"D1\",\"profileName\":\"P\",\"sourceName\":\"R\","
        "\"origin\":1754470001000000001,\"readings\":[{\"resourceName\":\"R\",\"valueType\":\"Bool\",\"value\":\"true\"},"
        "{\"origin\":5,\"deviceName\":\"D2\",\"resourceName\":\"Q\",\"valueType\":\"Int8\",\"value\":\"1\"}]}}";
    expect_fault(
        &ADD_EVENT_REQUEST, shortened,
        "AddEventRequest.event.readings[0].origin field is required; AddEventRequest.event.readings[0].deviceName field is required; "
        "AddEventRequest.event.readings[0].resourceName field is required");
    edge_wire_forms.short_events = true;
    expect_round_trip(&ADD_EVENT_REQUEST, whole, shortened);
    expect_round_trip(&ADD_EVENT_REQUEST, several, several);
    EDGE_CTX_SCOPE(ctx);
    struct add_event_request request;
    CU_ASSERT_EQUAL(decode(&ctx, &ADD_EVENT_REQUEST, shortened, &request), EDGE_OK);
    const char *as_answered = edge_dto_text(&EVENT, &request.event, &ctx.arena);
    edge_wire_forms.short_events = false;
    expect_same(edge_dto_text(&ADD_EVENT_REQUEST, &request, &ctx.arena), whole);
    CU_ASSERT_PTR_NOT_NULL(strstr(as_answered, READING1));
    CU_ASSERT_PTR_NOT_NULL(strstr(whole, as_answered));
}

CU_TestInfo event_tests[] = {
    {"requests round-trip",                        test_requests_round_trip                       },
    {"value parts round-trip",                     test_value_parts_round_trip                    },
    {"bad events are refused",                     test_bad_events_are_refused                    },
    {"numeric values are JSON numbers",            test_numeric_values_are_json_numbers           },
    {"binary is a byte string in CBOR",            test_binary_is_a_byte_string_in_cbor           },
    {"the process can ask for CBOR",               test_the_process_can_ask_for_cbor              },
    {"optimized payloads do not repeat the event", test_optimized_payloads_do_not_repeat_the_event},
    CU_TEST_INFO_NULL,
};
