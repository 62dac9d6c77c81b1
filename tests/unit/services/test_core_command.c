/* core-command: what it offers, and how it hands commands on, over HTTP and the bus. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "command_world.h"
#include "edge/clock.h"
#include "edge/service.h"
#include "edge/text.h"
#include "suites.h"
#include "tcp_peer.h"

/* ---- lists ------------------------------------------------------------------------------------
 */

static void test_a_device_offers_what_its_profile_shows(void)
{
    struct world *w = world_start("5s");
    EDGE_CTX_SCOPE(ctx);
    const struct edge_runtime *rt = edge_host_runtime(w->host, "core-command");
    struct edge_http_response r = world_request(w, &ctx, "GET", "/api/v3/device/name/D1", NULL);
    const char *address =
        edge_printf(&ctx.arena, "\"url\":\"http://localhost:%u\"", edge_http_port(rt->http));
    CU_ASSERT(says(&r, 200,
                   "{\"apiVersion\":\"v3\",\"statusCode\":200,\"deviceCoreCommand\":{"
                   "\"deviceName\":\"D1\",\"profileName\":\"P1\",\"coreCommands\":[{"
                   "\"name\":\"Both\",\"get\":true,\"set\":true,"
                   "\"path\":\"/api/v3/device/name/D1/Both\","));
    CU_ASSERT(says(&r, 200, address));
    CU_ASSERT(says(&r, 200,
                   "\"parameters\":[{\"resourceName\":\"Set\",\"valueType\":\"Int32\"},"
                   "{\"resourceName\":\"Both\",\"valueType\":\"String\"}]},"
                   "{\"name\":\"Temp\",\"get\":true,\"path\":"));
    CU_ASSERT(says(&r, 200,
                   "\"parameters\":[{\"resourceName\":\"Temp\",\"valueType\":\"Float64\"}]},"
                   "{\"name\":\"Set\","));
    CU_ASSERT_PTR_NULL(strstr(r.body, "Secret"));
    CU_ASSERT_PTR_NULL(strstr(strstr(r.body, "\"name\":\"Both\"") + 1, "\"name\":\"Both\""));
    world_stop(w);
}

static void test_lists_count_devices_without_profile(void)
{
    static const struct {
        const char *target;
        int code;
        const char *has;
    } cases[] = {
        {"/api/v3/device/all",          200,
         "\"totalCount\":3,\"deviceCoreCommands\":[{\"deviceName\":\"D1\""                 },
        {"/api/v3/device/all",          200, "]},{\"deviceName\":\"D2\""                   },
        {"/api/v3/device/all?offset=3", 200, "\"totalCount\":3,\"deviceCoreCommands\":null"},
        {"/api/v3/device/all?limit=x",  400, "limit"                                       },
        {"/api/v3/device/name/bare",    404, "has no profile"                              },
        {"/api/v3/device/name/nobody",  404,
         "\"request failed, status code: 404, err: no device with name 'nobody' found\""   },
        {"/api/v3/device/name/lost",    404, "no profile with name 'P2' found"             },
    };
    struct world *w = world_start("5s");
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_http_response r = world_request(w, &ctx, "GET", cases[i].target, NULL);
        CU_ASSERT(says(&r, cases[i].code, cases[i].has));
        CU_ASSERT_PTR_NULL(strstr(r.body, "\"bare\""));
    }
    world_stop(w);
}

/* What it is made from is fetched and forgotten piece by piece. */
static void test_a_long_list_is_fetched_in_pages(void)
{
    struct world *w = world_start("10s");
    EDGE_CTX_SCOPE(ctx);
    n_large_devices = 950;
    largest_page = 0;
    struct edge_http_response r =
        world_request(w, &ctx, "GET", "/api/v3/device/all?limit=-1", NULL);
    CU_ASSERT_EQUAL(r.code, 200);
    CU_ASSERT(largest_page <= 100);
    const char *at = r.body;
    int n = 0;
    char name[32];
    do {
        snprintf(name, sizeof(name), "\"deviceName\":\"L%d\"", n);
        at = strstr(at, name);
        n += at != NULL;
    } while (at);
    CU_ASSERT_EQUAL(n, 950);
    r = world_request(w, &ctx, "GET", "/api/v3/device/all?offset=3&limit=150", NULL);
    CU_ASSERT(says(&r, 200, "\"totalCount\":950,\"deviceCoreCommands\":[{\"deviceName\":\"L3\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.body, "\"L152\""));
    CU_ASSERT_PTR_NULL(strstr(r.body, "\"L153\""));
    n_large_devices = 0;
    world_stop(w);
}

/* ---- commands over HTTP ------------------------------------------------------------------------
 */

#define HEAD(code, type, length)                                                                   \
    "HTTP/1.1 " code " X\r\nContent-Type: " type "\r\nContent-Length: " length "\r\n\r\n"

struct exchange {
    const char *method, *target, *body;
    struct peer_step step; /* what the device service does */
    const char *asked;     /* start of what it must have been asked */
    int code;
    const char *has;
};

static void run_exchanges(const struct exchange *x, size_t n)
{
    struct world *w = world_start("5s");
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct tcp_peer *p = tcp_peer_start(&x[i].step, 1);
        device_service_url = tcp_peer_url(p);
        struct edge_http_response r = world_request(w, &ctx, x[i].method, x[i].target, x[i].body);
        CU_ASSERT(says(&r, x[i].code, x[i].has));
        if (x[i].asked && !strstr(tcp_peer_last(p), x[i].asked)) {
            printf("asked: %s\nnot: %s\n", tcp_peer_last(p), x[i].asked);
            CU_FAIL("the device service was asked something else");
        }
        if (!x[i].asked) {
            CU_ASSERT_EQUAL(tcp_peer_requests(p), 0);
        }
        tcp_peer_free(p);
    }
    world_stop(w);
}

static void test_reads_are_handed_on(void)
{
    static const struct exchange exchanges[] = {
        {"GET",
         "/api/v3/device/name/D1/Temp",                              NULL,
         {PEER_ANSWER,
          HEAD("200", "application/json", "33") "{\"event\":{\"origin\":1700000000123456789}}"},
         "GET /api/v3/device/name/D1/Temp HTTP",                                                         502,
         "cannot use the answer of http"                                                                                }, /* cut: length is wrong */
        {"GET",
         "/api/v3/device/name/D1/Temp?x=2&ds-pushevent=true&a=%20b", NULL,
         {PEER_ANSWER,
          HEAD("200", "application/json", "40") "{\"event\":{\"origin\":1700000000123456789}} "},
         "GET /api/v3/device/name/D1/Temp?a=%20b&ds-pushevent=true&x=2 HTTP",                            200,
         "{\"event\":{\"origin\":1700000000123456789}}"                                                                 },
        {"GET",
         "/api/v3/device/name/a%2Fb%20+/x/y",                        NULL,
         {PEER_ANSWER, HEAD("200", "application/json", "2") "{}"},
         "GET /api/v3/device/name/a%2Fb%20%2B/x%2Fy HTTP",                                               200,
         "{}"                                                                                                           },
        {"GET",
         "/api/v3/device/name/D1/Temp",                              NULL,
         {PEER_ANSWER, HEAD("200", "application/cbor", "6") "\xa1"
                                                            "aaB\x01\x02"},
         "GET",                                                                                          200,
         "{\"a\":\"AQI=\"}"                                                                                             },
        {"GET",
         "/api/v3/device/name/D1/Temp?ds-returnevent=false",         NULL,
         {PEER_ANSWER, HEAD("200", "application/json", "0")},
         "?ds-returnevent=false HTTP",                                                                   200,
         ""                                                                                                             },
        {"GET",
         "/api/v3/device/name/D1/Temp",                              NULL,
         {PEER_ANSWER, HEAD("423", "application/json", "16") "{\"message\":\"no\"}"},
         "GET",                                                                                          423,
         "request failed, status code: 423, err: {\\\"message\\\":\\\"no\\\"}"                                          },
        {"GET",
         "/api/v3/device/name/D1/Temp",                              NULL,
         {PEER_ANSWER, HEAD("500", "application/json", "29") "{\"message\":\"reading -> mute\"}"},
         "GET",                                                                                          500,
         "request failed, status code: 500, err: {\\\"message\\\":\\\"reading -> mute\\\"}\","                          },
        {"GET",
         "/api/v3/device/name/D1/Temp?ds-pushevent=yes",             NULL,
         {PEER_HANG, NULL},
         NULL,                                                                                           400,
         "invalid query parameter, yes has to be true or false"                                                         },
        {"GET",
         "/api/v3/device/name/D1/Temp?ds-returnevent=True",          NULL,
         {PEER_HANG, NULL},
         NULL,                                                                                           400,
         "invalid query parameter, True has to be true or false"                                                        },
        {"GET",
         "/api/v3/device/name/nobody/Temp",                          NULL,
         {PEER_HANG, NULL},
         NULL,                                                                                           404,
         "request failed, status code: 404, err: no device with name 'nobody' found"                                    },
        {"GET", "/api/v3/device/name//Temp",                         NULL, {PEER_HANG, NULL},      NULL, 400, "is empty"},
    };
    run_exchanges(exchanges, N(exchanges));
}

static void test_writes_are_handed_on(void)
{
    static const struct exchange exchanges[] = {
        {"PUT",
         "/api/v3/device/name/D1/Set?b=1&a=2", "{\"Set\":\"7\",\"big\":9007199254740993}",
         {PEER_ANSWER,
          HEAD("200", "application/json", "36") "{\"apiVersion\":\"v3\",\"statusCode\":200} "},
         "PUT /api/v3/device/name/D1/Set?a=2&b=1 HTTP", 200,
         "{\"apiVersion\":\"v3\",\"statusCode\":200}"                     },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "{\"big\":9007199254740993}",
         {PEER_ANSWER, HEAD("200", "application/json", "0")},
         "{\"big\":9007199254740993}",                  200,
         "\"statusCode\":200"                                             },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "{\"Set\":\"7\"}",
         {PEER_ANSWER, HEAD("423", "application/json", "23") "{\"message\":\"D1 locked\"} "},
         "PUT",                                         423,
         "\"request failed, status code: 423, err: D1 locked\""           },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "{\"Set\":\"7\"}",
         {PEER_ANSWER,
          HEAD("500", "application/json", "34") "{\"message\":\"writing -> a -> mute\"}"},
         "PUT",                                         500,
         "\"request failed, status code: 500, err: writing -> a -> mute\""},
        {"PUT",
         "/api/v3/device/name/D1/Set",         "[1]",
         {PEER_HANG, NULL},
         NULL,                                          400,
         "failed to parse request body"                                   },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "{",
         {PEER_HANG, NULL},
         NULL,                                          400,
         "failed to parse request body"                                   },
        {"PUT",
         "/api/v3/device/name/D1/Set",         "",
         {PEER_HANG, NULL},
         NULL,                                          400,
         "failed to parse request body"                                   },
    };
    run_exchanges(exchanges, N(exchanges));
}

/* A body of 10 KB is shown to its end, one of 100 KB as far as it goes, and that it was cut. */
static void test_long_reasons_are_relayed(void)
{
    static const struct {
        size_t n_words;
        bool whole;
    } cases[] = {
        {2500,  true },
        {25000, false},
    };
    for (size_t i = 0; i < N(cases); i++) {
        EDGE_CTX_SCOPE(ctx);
        EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
        edge_buf_puts(&body, "{\"message\":\"");
        for (size_t n = 0; n < cases[i].n_words; n++) {
            edge_buf_puts(&body, "mot\xc3\xa9 ");
        }
        edge_buf_puts(&body, "end\"}");
        const char *answer = edge_printf(
            &ctx.arena,
            "HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
            body.len, edge_buf_str(&body));
        const struct exchange exchanges[] = {
            {"GET",
             "/api/v3/device/name/D1/Temp", NULL,
             {PEER_ANSWER, answer},
             "GET", 500,
             cases[i].whole ? "mot\xc3\xa9 end\\\"}\"," : "mot\xc3\xa9 ...\","},
            {"PUT",
             "/api/v3/device/name/D1/Set",  "{\"Set\":\"7\"}",
             {PEER_ANSWER, answer},
             "PUT", 500,
             cases[i].whole ? "mot\xc3\xa9 end\"," : "mot\xc3\xa9 ...\","     },
        };
        run_exchanges(exchanges, N(exchanges));
    }
}

static void test_an_unreachable_device_service_is_503(void)
{
    struct world *w = world_start("5s");
    EDGE_CTX_SCOPE(ctx);
    struct peer_step unused = {PEER_HANG, NULL};
    struct tcp_peer *p = tcp_peer_create(&unused, 1); /* refuses */
    device_service_url = tcp_peer_url(p);
    struct edge_http_response r =
        world_request(w, &ctx, "GET", "/api/v3/device/name/D1/Temp", NULL);
    CU_ASSERT(says(&r, 503, "failed to send a http request"));
    r = world_request(w, &ctx, "PUT", "/api/v3/device/name/D1/Set", "{\"Set\":\"1\"}");
    CU_ASSERT(says(&r, 503, "failed to send a http request"));
    tcp_peer_free(p);
    world_stop(w);
}

static void test_a_silent_device_service_is_503_in_time(void)
{
    struct world *w = world_start("200ms");
    EDGE_CTX_SCOPE(ctx);
    struct peer_step hang = {PEER_HANG, NULL};
    struct tcp_peer *p = tcp_peer_start(&hang, 1);
    device_service_url = tcp_peer_url(p);
    int64_t start = edge_now_mono_ms();
    struct edge_http_response r =
        world_request(w, &ctx, "GET", "/api/v3/device/name/D1/Temp", NULL);
    CU_ASSERT_EQUAL(r.code, 503);
    CU_ASSERT(edge_now_mono_ms() - start < 4000);
    tcp_peer_free(p);
    world_stop(w);
}

static void test_a_device_service_of_the_same_process_is_a_function_call(void)
{
    struct world *w = world_start("5s");
    EDGE_CTX_SCOPE(ctx);
    const struct edge_runtime *rt = edge_host_runtime(w->host, "device-fake");
    device_service_url = edge_printf(&ctx.arena, "http://localhost:%u", edge_http_port(rt->http));
    struct edge_http_response r =
        world_request(w, &ctx, "GET", "/api/v3/device/name/D1/Temp", NULL);
    CU_ASSERT(says(&r, 200, "\"event\":{\"origin\":1}"));
    CU_ASSERT(pthread_equal(driver_thread, pthread_self()));
    world_stop(w);
}

/* ---- the bus ----------------------------------------------------------------------------------
 */

/* Ask core-command as a program on the bus would; NULL where no answer came within @p ms. */
static void test_commands_over_the_bus(void)
{
    static const struct {
        const char *topic, *param, *value, *payload;
        bool error;
        const char *has;
    } cases[] = {
        {"command/request/D1/Temp/get",     "ds-pushevent", "true", NULL,              false,
         "{\"did\":\"get\",\"push\":\"true\",\"sent\":\"\"}"                                                               },
        {"command/request/D1/Set/SET",      NULL,           NULL,   "{\"Set\":\"7\"}", false,
         "{\"did\":\"set\",\"push\":\"\",\"sent\":\"{\\\"Set\\\":\\\"7\\\"}\"}"                                            },
        {"command/request/D1/bad/get",      NULL,           NULL,   NULL,              true,  "sensor broken"              },
        {"command/request/D1/Temp/poke",    NULL,           NULL,   NULL,              true,  "poke"                       },
        {"command/request/D1/Temp/get",     "ds-pushevent", "yes",  NULL,              true,
         "yes has to be true or false"                                                                                     },
        {"command/request/nobody/Temp/get", NULL,           NULL,   NULL,              true,
         "no device with name 'nobody' found"                                                                              },
        {"command/request/Temp/get",        NULL,           NULL,   NULL,              true,  "topic"                      },
        {"commandquery/request/D1",         NULL,           NULL,   NULL,              false,
         "\"deviceCoreCommand\":{\"deviceName\":\"D1\""                                                                    },
        {"commandquery/request/all",        "offset",       "0",    NULL,              false,
         "\"totalCount\":3,\"deviceCoreCommands\":[{"                                                                      },
        {"commandquery/request/all",        "offset",       "3",    NULL,              false, "\"deviceCoreCommands\":null"},
        {"commandquery/request/all",        "limit",        "many", NULL,              true,  "limit"                      },
        {"commandquery/request/nobody",     NULL,           NULL,   NULL,              true,
         "no device with name 'nobody' found"                                                                              },
    };
    struct world *w = world_start("5s");
    for (size_t i = 0; i < N(cases); i++) {
        struct edge_message *m =
            world_ask(w, cases[i].topic, cases[i].param, cases[i].value, cases[i].payload, 10000);
        CU_ASSERT(answer_has(m, cases[i].error, cases[i].has));
        if (m && !m->error_code) {
            CU_ASSERT_STRING_EQUAL(m->correlation_id, "corr-1");
        }
        edge_message_unref(m);
    }
    world_stop(w);
}

/* Encoded again, a picture is a byte string and no text. */
static void test_binaries_on_the_bus_stay_binary(void)
{
    struct world *w = world_start("5s");
    struct edge_message *m =
        world_ask(w, "command/request/D1/picture/get", NULL, NULL, NULL, 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf envelope = EDGE_BUF_INIT;
    edge_envelope_encode(m, &envelope);
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, envelope.data, envelope.len, NULL, &tree), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(cJSON_GetStringValue(edge_json_member(tree, "contentType", false)),
                           "application/cbor");
    const char *payload = cJSON_GetStringValue(edge_json_member(tree, "payload", false));
    const void *cbor = NULL;
    size_t size = 0;
    CU_ASSERT_TRUE_FATAL(edge_base64_decode(&ctx.arena, payload, &cbor, &size));
    CU_ASSERT_PTR_NOT_NULL(memmem(cbor, size,
                                  "\x6b"
                                  "binaryValue"
                                  "\x43\x01\x02\xff",
                                  16));
    edge_message_unref(m);
    world_stop(w);
}

static void test_silence_is_answered_by_silence(void)
{
    struct world *w = world_start("100ms");
    CU_ASSERT_PTR_NULL(world_ask(w, "command/request/D1/silent/get", NULL, NULL, NULL, 600));
    struct edge_message *m = world_ask(w, "command/request/D1/Temp/get", NULL, NULL, NULL, 10000);
    CU_ASSERT(answer_has(m, false, "\"did\":\"get\""));
    edge_message_unref(m);
    world_stop(w);
}

CU_TestInfo core_command_tests[] = {
    {"a device offers what its profile shows",                  test_a_device_offers_what_its_profile_shows},
    {"lists count devices without profile",                     test_lists_count_devices_without_profile   },
    {"a long list is fetched in pages",                         test_a_long_list_is_fetched_in_pages       },
    {"reads are handed on",                                     test_reads_are_handed_on                   },
    {"writes are handed on",                                    test_writes_are_handed_on                  },
    {"long reasons are relayed",                                test_long_reasons_are_relayed              },
    {"an unreachable device service is 503",                    test_an_unreachable_device_service_is_503  },
    {"a silent device service is 503 in time",                  test_a_silent_device_service_is_503_in_time},
    {"a device service of the same process is a function call",
     test_a_device_service_of_the_same_process_is_a_function_call                                          },
    {"commands over the bus",                                   test_commands_over_the_bus                 },
    {"binaries on the bus stay binary",                         test_binaries_on_the_bus_stay_binary       },
    {"silence is answered by silence",                          test_silence_is_answered_by_silence        },
    CU_TEST_INFO_NULL,
};
