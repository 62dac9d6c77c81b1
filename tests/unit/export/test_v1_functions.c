/* V1Filter, V1Format, V1Encrypt: what registrations of EdgeX 1 made of an event, byte for byte. */
#include <stdio.h>
#include <string.h>

#include "edge/text.h"
#include "export/engine.h"
#include "suites.h"

static enum edge_status secret(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                               const char *name, const char *key, const char **ret)
{
    (void)name;
    *ret = state ? edge_strdup(a, state) : NULL;
    return state ? EDGE_OK : edge_fail(ctx, EDGE_NOT_FOUND, "no secret with %s", key);
}

#define READING_OF(name, type, value)                                                              \
    "{\"id\":\"2e2682eb-0f24-48aa-ae4c-de9dac3fb9bc\",\"origin\":1602168089665565200,"             \
    "\"deviceName\":\"Pump\",\"resourceName\":\"" name                                             \
    "\",\"profileName\":\"P\",\"valueType\":\"" type "\"," value "}"
#define EVENT_OF(readings)                                                                         \
    "{\"apiVersion\":\"v3\",\"id\":\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\","                      \
    "\"deviceName\":\"Pump\",\"profileName\":\"P\",\"sourceName\":\"S\","                          \
    "\"origin\":1602168089665565200,\"readings\":[" readings "]}"
#define THREE                                                                                      \
    EVENT_OF(READING_OF("b", "Float64", "\"value\":\"3.8e+01\"") "," READING_OF(                   \
        "a", "String", "\"value\":\"<x> & \\\"y\\\"\"") "," READING_OF("c", "Bool",                \
                                                                       "\"value\":\"true\""))

/* What a function with these parameters makes of an event; NULL: it stops there. In the context's arena. */
static const char *made(struct edge_ctx *ctx, const char *function, const char *const *pairs,
                        const char *event_json, const char *key, struct export_data *ret_data)
{
    static struct export_host host;
    struct edge_named_text given[4];
    struct export_params params;
    size_t n = 0;
    void *stage;
    const struct export_function *f = export_function_find(function);
    struct event *event = edge_new(&ctx->arena, struct event);
    host = (struct export_host){.state = (void *)(uintptr_t)key, .secret = secret};
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (; pairs[2 * n]; n++) {
        given[n] = (struct edge_named_text){pairs[2 * n], pairs[2 * n + 1]};
    }
    CU_ASSERT_EQUAL_FATAL(export_params_check(ctx, &ctx->arena, f, function, given, n, &params),
                          EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(f->compile(ctx, &ctx->arena, &host, &params, &stage), EDGE_OK);
    struct export_flow flow = {.ctx = ctx};
    if (strcmp(function, "V1Encrypt") == 0) {
        flow.data = (struct export_data){
            .kind = EXPORT_BYTES, .bytes = {event_json, strlen(event_json)}
        };
    } else {
        CU_ASSERT_EQUAL_FATAL(
            edge_dto_decode_text(ctx, &EVENT, event_json, strlen(event_json), event), EDGE_OK);
        flow.data = (struct export_data){.kind = EXPORT_EVENT, .event = event};
    }
    if (f->run(stage, &flow) != EXPORT_GO_ON) {
        return NULL;
    }
    struct edge_bytes b;
    const char *type;
    CU_ASSERT_EQUAL_FATAL(export_data_bytes(ctx, &flow.data, &b, &type), EDGE_OK);
    if (ret_data) {
        *ret_data = flow.data;
    }
    return edge_strndup(&ctx->arena, b.data, b.size);
}
#define MADE(function, json, key, ret, ...)                                                        \
    made(&ctx, function, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, json, key, ret)

/* ---- V1Filter -------------------------------------------------------------------------------- */

static void test_devices(void)
{
    static const struct {
        const char *devices;
        bool passes;
    } rows[] = {
        {"",                true },
        {"Pump",            true },
        {"Fan, Pump",       true },
        {"Pum",             false}, /* exactly, no expressions */
        {"Pum.",            false},
        {"pump",            false},
        {"[\"Pump\"]",      true },
        {"[\"Pump, Fan\"]", false},
        {"[]",              true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *text =
            MADE("V1Filter", THREE, NULL, NULL, "DeviceIdentifiers", rows[i].devices);
        CU_ASSERT_EQUAL(text != NULL, rows[i].passes);
    }
}

static void test_readings_in_the_order_of_the_list(void)
{
    static const struct {
        const char *values, *names;
        bool has_id;
    } rows[] = {
        {"",           "b a c", true },
        {"c,a",        "c a",   false},
        {"a, b, c, d", "a b c", false},
        {"a,a",        "a a",   false},
        {"[\"b\"]",    "b",     false},
        {"d",          NULL,    false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct export_data data;
        const char *names = NULL;
        if (MADE("V1Filter", THREE, NULL, &data, "ValueDescriptorIdentifiers", rows[i].values)) {
            names = data.event->readings[0].resource_name;
            for (size_t k = 1; k < data.event->n_readings; k++) {
                names =
                    edge_printf(&ctx.arena, "%s %s", names, data.event->readings[k].resource_name);
            }
            CU_ASSERT_EQUAL(data.event->id != NULL, rows[i].has_id);
        }
        CU_ASSERT_EQUAL(names == NULL, rows[i].names == NULL);
        CU_ASSERT(!names || strcmp(names, rows[i].names) == 0);
    }
}

/* ---- V1Format -------------------------------------------------------------------------------- */

#define MS "1602168089665"
#define JSON_READING(name, value)                                                                  \
    "{\"id\":\"2e2682eb-0f24-48aa-ae4c-de9dac3fb9bc\",\"created\":" MS ",\"origin\":" MS           \
    ",\"device\":\"Pump\",\"name\":\"" name "\",\"value\":\"" value "\"}"
#define JSON_EVENT                                                                                 \
    "{\"id\":\"7a1707f0-166f-4c4b-bc9d-1d54c74e0137\",\"device\":\"Pump\",\"created\":" MS         \
    ",\"origin\":" MS ",\"readings\":[" JSON_READING("b", "3.8e+01") "," JSON_READING(             \
        "a", "\\u003cx\\u003e \\u0026 \\\"y\\\"") "," JSON_READING("c", "true") "]}"
#define XML_READING(name, value)                                                                   \
    "<Readings><Id>2e2682eb-0f24-48aa-ae4c-de9dac3fb9bc</Id><Pushed>0</Pushed><Created>" MS        \
    "</Created><Origin>" MS "</Origin><Modified>0</Modified><Device>Pump</Device><Name>" name      \
    "</Name><Value>" value "</Value></Readings>"

static void test_each_format(void)
{
    static const struct {
        const char *format, *type, *text;
    } rows[] = {
        {"JSON",                       "application/json",                              JSON_EVENT},
        {"SERIALIZED",                 "application/json",                              JSON_EVENT},
        {"IOTCORE_JSON",               "application/json",                              JSON_EVENT},
        {"XML",                        "application/xml",
         "<Event><ID>7a1707f0-166f-4c4b-bc9d-1d54c74e0137</ID><Pushed>0</Pushed><Device>Pump"
         "</Device><Created>" MS "</Created><Modified>0</Modified><Origin>" MS
         "</Origin>" XML_READING("b",                                                               "3.8e+01") XML_READING("a", "&lt;x&gt; &amp; &#34;y&#34;")
             XML_READING("c", "true") "</Event>"},
        {"AWS_JSON", "application/json",
         "{\"state\":{\"reported\":{\"a\":\"\\u003cx\\u003e \\u0026 \\\"y\\\"\",\"b\":38,"
         "\"c\":true}}}"                                       },
        {"THINGSBOARD_JSON",          "application/json",
         "{\"Pump\":[{\"ts\":" MS ",\"values\":{\"a\":\"\\u003cx\\u003e \\u0026 \\\"y\\\"\","
         "\"b\":\"3.8e+01\",\"c\":\"true\"}}]}"                                 },
        {"CSV", "text/csv",
         MS ",Pump,b,3.8e+01\n" MS ",Pump,a,\"<x> & \"\"y\"\"\"\n" MS ",Pump,c,true\n"                },
        {"NOOP",                  "application/json", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct export_data data = {0};
        const char *text = MADE("V1Format", THREE, NULL, &data, "Format", rows[i].format);
        CU_ASSERT_PTR_NOT_NULL_FATAL(text);
        if (strcmp(text, rows[i].text) != 0) {
            printf("(%s: %s) ", rows[i].format, text);
        }
        CU_ASSERT_STRING_EQUAL(text, rows[i].text);
        CU_ASSERT_STRING_EQUAL(data.content_type, rows[i].type);
    }
}

/* Name by name: its envelope has ids and a time of its own. */
static void test_azure(void)
{
    EDGE_CTX_SCOPE(ctx);
    const char *text = MADE("V1Format", THREE, NULL, NULL, "Format", "AZURE_JSON");
    const cJSON *json = NULL, *body;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, text, strlen(text), NULL, &json), EDGE_OK);
    static const char *const names[] = {
        "id",
        "sequenceNumber",
        "To",
        "CreationTimeUtc",
        "ExpiryTimeUtc",
        "EnqueuedTime",
        "CorrelationId",
        "userId",
        "ack",
        "connectionDeviceId",
        "connectionDeviceGenerationId",
        "connectionAuthMethod",
        "body",
        "properties",
    };
    const cJSON *at = json->child;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++, at = at->next) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        CU_ASSERT_STRING_EQUAL(at->string, names[i]);
    }
    CU_ASSERT_PTR_NULL(at);
    CU_ASSERT(edge_uuid_is_strict(edge_json_member(json, "id", true)->valuestring));
    CU_ASSERT_STRING_EQUAL(edge_json_member(json, "connectionDeviceId", true)->valuestring, "Pump");
    body = edge_json_member(json, "body", true);
    const void *bytes;
    size_t n;
    CU_ASSERT(edge_base64_decode(&ctx.arena, body->valuestring, &bytes, &n));
    CU_ASSERT_STRING_EQUAL(edge_strndup(&ctx.arena, bytes, n), JSON_EVENT);
}

static void test_values_of_aws_by_trial(void)
{
    static const struct {
        const char *value, *as;
    } rows[] = {
        {"1",            "1"               },
        {"-1.50",        "-1.5"            },
        {"+.5",          "0.5"             },
        {"5.",           "5"               },
        {"1e3",          "1000"            },
        {"1e21",         "1e+21"           },
        {"0.0000001",    "1e-7"            },
        {"1e400",        "\"1e400\""       }, /* no number of 64 bits */
        {"NaN",          "\"NaN\""         }, /* none of JSON */
        {"Inf",          "\"Inf\""         },
        {"0x10",         "\"0x10\""        },
        {" 1",           "\" 1\""          },
        {"1 ",           "\"1 \""          },
        {"1e",           "\"1e\""          },
        {".",            "\".\""           },
        {"-",            "\"-\""           },
        {"T",            "true"            },
        {"False",        "false"           },
        {"tRUE",         "\"tRUE\""        },
        {"\\u2028\\t",   "\"\\u2028\\t\""  },
        {"\\u0001",      "\"\\u0001\""     },
        {"\xc3\xa4",     "\"\xc3\xa4\""    },
        {"\xe2\x82\xac", "\"\xe2\x82\xac\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const char *event = edge_printf(
            &ctx.arena, EVENT_OF(READING_OF("r", "String", "\"value\":\"%s\"")), rows[i].value);
        const char *text = MADE("V1Format", event, NULL, NULL, "Format", "AWS_JSON");
        const char *wanted =
            edge_printf(&ctx.arena, "{\"state\":{\"reported\":{\"r\":%s}}}", rows[i].as);
        if (strcmp(text, wanted) != 0) {
            printf("(%s: %s) ", rows[i].value, text);
        }
        CU_ASSERT_STRING_EQUAL(text, wanted);
    }
}

/* What EdgeX 1 did not have, or left out. */
static void test_odd_readings(void)
{
    EDGE_CTX_SCOPE(ctx);
    static const char event[] = EVENT_OF(
        READING_OF("r", "String", "\"value\":\"1\"") "," READING_OF("r", "String", "\"value\":\"2\"") "," READING_OF(
            "bin", "Binary",
            "\"mediaType\":\"x/y\","
            "\"binaryValue\":\"AQI=\"") "," READING_OF("obj", "Object",
                                                       "\"objectValue\":{\"k\":1}") "," READING_OF("null",
                                                                                                   "Int8",
                                                                                                   "\"value\":null"));
    const char *json = MADE("V1Format", event, NULL, NULL, "Format", "JSON");
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"name\":\"bin\",\"binaryValue\":\"AQI=\"}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"name\":\"obj\",\"value\":\"{\\\"k\\\":1}\"}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"name\":\"null\"}"));
    CU_ASSERT_STRING_EQUAL(MADE("V1Format", event, NULL, NULL, "Format", "THINGSBOARD_JSON"),
                           "{\"Pump\":[{\"ts\":" MS ",\"values\":{\"bin\":\"AQI=\",\"null\":\"\","
                           "\"obj\":\"{\\\"k\\\":1}\",\"r\":\"2\"}}]}");
    CU_ASSERT_PTR_NOT_NULL(strstr(MADE("V1Format", event, NULL, NULL, "Format", "XML"),
                                  "<BinaryValue>AQI=</BinaryValue>"));
    CU_ASSERT_PTR_NOT_NULL(MADE("V1Format", event, NULL, NULL, "Format", "CSV"));
}

static void test_points(void)
{
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_STRING_EQUAL(
        MADE("V1Format", THREE, NULL, NULL, "Format", "INFLUXDB"),
        "readings,device=Pump,event_id=7a1707f0-166f-4c4b-bc9d-1d54c74e0137,resource_name=b "
        "created=" MS "i,origin=" MS "i,value=38 " MS "565\n");
    static const char texts[] = EVENT_OF(READING_OF("r", "String", "\"value\":\"NaN\""));
    CU_ASSERT_PTR_NULL(MADE("V1Format", texts, NULL, NULL, "Format", "INFLUXDB"));
}

/* ---- V1Encrypt ------------------------------------------------------------------------------- */

static void test_the_vector(void)
{
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_STRING_EQUAL(MADE("V1Encrypt", "This is the test string used for testing", "123",
                                NULL, "SecretName", "s", "SecretValueKey", "k",
                                "InitializingVector", "123"),
                           "kmK6IlSbowo1wPmoPVxPIgnnmTNghUQ73kB5+2iAXiGK8qnvYqJZEN0ewVScDE3U");
    /* Nothing is a whole block; of a vector the first 16 bytes count. */
    const char *cut = MADE("V1Encrypt", "", "123", NULL, "SecretName", "s", "SecretValueKey", "k",
                           "InitializingVector", "0123456789abcdef");
    const char *longer = MADE("V1Encrypt", "", "123", NULL, "SecretName", "s", "SecretValueKey",
                              "k", "InitializingVector", "0123456789abcdefghi");
    CU_ASSERT_STRING_EQUAL(cut, longer);
    CU_ASSERT_EQUAL(strlen(cut), 24);
    CU_ASSERT_PTR_NULL(MADE("V1Encrypt", "", NULL, NULL, "SecretName", "s", "SecretValueKey", "k"));
}

CU_TestInfo v1_functions_tests[] = {
    {"devices",                           test_devices                          },
    {"readings in the order of the list", test_readings_in_the_order_of_the_list},
    {"each format",                       test_each_format                      },
    {"Azure's envelope",                  test_azure                            },
    {"values of AWS by trial",            test_values_of_aws_by_trial           },
    {"odd readings",                      test_odd_readings                     },
    {"points of InfluxDB",                test_points                           },
    {"the vector of the encryption",      test_the_vector                       },
    CU_TEST_INFO_NULL,
};
