/* The HTTP server over real sockets: routes, headers, envelopes, limits; and calls from inside. */
#include <string.h>

#include "edge/config.h"
#include "edge/text.h"
#include "http_rig.h"

static void test_requests_reach_their_handler(void)
{
    struct rig f;
    rig_serve(&f);
    rig_ask(&f, "GET", "/show/a%2Fb/c%20d?q=1+2&q=3&x=%26", "X-Test: yes\r\n", NULL);
    EXPECT(&f, 200, "GET name=a/b/c d q=1 2 raw=q=1+2&q=3&x=%26 header=yes body=0: [1 2] [3] [&]");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Content-Type"), "text/plain");
    rig_ask(&f, "POST", "/show/a", NULL, "hello");
    EXPECT(&f, 200, "POST name=a q=- raw= header=- body=5:hello");
    rig_ask(&f, "GET", "/show/a", NULL, "a body on GET");
    EXPECT(&f, 200, "GET name=a q=- raw= header=- body=13:a body on GET");
    http_probe_raw(&f.arena, f.port,
                   "POST /show/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
                   &f.answer);
    EXPECT(&f, 200, "POST name=a q=- raw= header=- body=7:abcdefg");
    http_probe_raw(&f.arena, f.port, "GET /show/a HTTP/1.0\r\n\r\n", &f.answer);
    EXPECT(&f, 200, "GET name=a q=- raw= header=- body=0:");
    rig_done(&f);
}

static void test_items_leave_no_memory_behind(void)
{
    struct rig f;
    rig_serve(&f);
    rig_ask(&f, "POST", "/each", NULL,
            "[{\"apiVersion\":\"a\"},{\"apiVersion\":\"bad\"},{\"apiVersion\":\"c\"}]");
    EXPECT(&f, 207,
           "[{\"apiVersion\":\"v3\",\"statusCode\":201,\"id\":\"0 of a\"},"
           "{\"apiVersion\":\"v3\",\"message\":\"0 of bad\",\"statusCode\":409},"
           "{\"apiVersion\":\"v3\",\"statusCode\":201,\"id\":\"0 of c\"}]\n");
    rig_done(&f);
}

static void test_framework_answers(void)
{
    struct rig f;
    rig_serve(&f);
    rig_ask(&f, "GET", "/nowhere", NULL, NULL);
    EXPECT(&f, 404, "{\"message\":\"Not Found\"}\n");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Content-Type"), "application/json");
    rig_ask(&f, "DELETE", "/show/a", NULL, NULL);
    EXPECT(&f, 405, "{\"message\":\"Method Not Allowed\"}\n");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Allow"), "OPTIONS, GET, POST");
    rig_ask(&f, "get", "/show/a", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 405);
    rig_ask(&f, "POST", "/nowhere", NULL, "a body nobody wants");
    EXPECT(&f, 404, "{\"message\":\"Not Found\"}\n");
    rig_ask(&f, "OPTIONS", "/show/a", NULL, NULL);
    EXPECT(&f, 204, "");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Allow"), "OPTIONS, GET, POST");
    rig_ask(&f, "OPTIONS", "/nowhere", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 404);
    rig_ask(&f, "GET", "/empty", NULL, NULL);
    EXPECT(&f, 202, "");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Content-Type"), "");
    rig_ask(&f, "GET", "/empty-json", NULL, NULL);
    EXPECT(&f, 200, "");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Content-Type"), "application/json");
    rig_done(&f);
}

static void test_failures_become_envelopes(void)
{
    struct rig f;
    rig_serve(&f);
    rig_ask(&f, "GET", "/fail/409", NULL, NULL);
    EXPECT(&f, 409, "{\"apiVersion\":\"v3\",\"message\":\"doing it\",\"statusCode\":409}\n");
    rig_ask(&f, "GET", "/fail/500?id=abc", NULL, NULL);
    EXPECT(
        &f, 500,
        "{\"apiVersion\":\"v3\",\"requestId\":\"abc\",\"message\":\"doing it\",\"statusCode\":500}\n");
    rig_done(&f);
    rig_serve_with(&f, (struct edge_http_config){.full_chain = true});
    rig_ask(&f, "GET", "/fail/404", NULL, NULL);
    EXPECT(
        &f, 404,
        "{\"apiVersion\":\"v3\",\"message\":\"doing it -> the \\\"cause\\\"\",\"statusCode\":404}\n");
    rig_done(&f);
}

static void test_correlation_ids(void)
{
    struct rig f;
    rig_serve(&f);
    rig_ask(&f, "GET", "/json", "X-Correlation-ID: my id\r\n", NULL); /* a blank is not printable */
    CU_ASSERT_TRUE(edge_uuid_is_strict(rig_header(&f, "X-Correlation-ID")));
    rig_ask(&f, "GET", "/json", "x-correlation-id: my-id\r\n", NULL);
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "X-Correlation-ID"), "my-id");
    EXPECT(&f, 200, "{\"ping\":true}\n");
    rig_ask(&f, "GET", "/nowhere", NULL, NULL);
    CU_ASSERT_TRUE(edge_uuid_is_strict(rig_header(&f, "X-Correlation-ID")));
    const char *longest = "123456789012345678901234567890123456789012345678901234567890123";
    rig_ask(&f, "GET", "/json", edge_printf(&f.arena, "X-Correlation-ID: %s\r\n", longest), NULL);
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "X-Correlation-ID"), longest);
    rig_ask(&f, "GET", "/json", edge_printf(&f.arena, "X-Correlation-ID: %s4\r\n", longest), NULL);
    CU_ASSERT_TRUE(edge_uuid_is_strict(rig_header(&f, "X-Correlation-ID")));
    rig_ask(&f, "GET", "/bare", NULL, NULL);
    EXPECT(&f, 200, "{\"ping\":true}");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "X-Correlation-ID"), "");
    rig_ask(&f, "GET", "/bare", "X-Correlation-ID: abc\r\n", NULL);
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "X-Correlation-ID"), "abc");
    rig_done(&f);
}

static enum edge_status only_with_token(struct edge_call *call, void *arg)
{
    const char *token = edge_call_header(call, "Authorization");
    if (!token) {
        return EDGE_UNAUTHORIZED;
    }
    return strcmp(token, arg) == 0
               ? EDGE_OK
               : edge_wrap(edge_call_ctx(call),
                           edge_fail(edge_call_ctx(call), EDGE_UNAUTHORIZED, "bad"), "invalid jwt");
}

static void test_who_may_come_in(void)
{
    struct rig f;
    char token[] = "Bearer x";
    rig_serve_with(
        &f, (struct edge_http_config){.authenticate = only_with_token, .authenticate_arg = token});
    rig_ask(&f, "GET", "/json", NULL, NULL);
    EXPECT(&f, 401, "{\"message\":\"Unauthorized\"}\n");
    rig_ask(&f, "GET", "/json", "Authorization: Bearer y\r\n", NULL);
    EXPECT(&f, 401,
           "{\"apiVersion\":\"v3\",\"message\":\"invalid jwt -> bad\",\"statusCode\":401}\n");
    rig_ask(&f, "GET", "/json", "Authorization: Bearer x\r\n", NULL);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    rig_ask(&f, "GET", "/open", NULL, NULL);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    rig_done(&f);
}

static void test_other_origins(void)
{
    static const char preflight[] = "Origin: http://a\r\nAccess-Control-Request-Method: PUT\r\n";
    const struct edge_cors cors = {.enable = true,
                                   .allow_credentials = true,
                                   .allowed_origin = "https://localhost",
                                   .allowed_methods = "GET, POST",
                                   .allowed_headers = "Authorization",
                                   .expose_headers = "X-Correlation-ID",
                                   .max_age = 3600};
    struct rig f;
    rig_serve(&f);
    rig_ask(&f, "OPTIONS", "/json", preflight, NULL);
    EXPECT(&f, 200, "");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Allow-Origin"), "");
    rig_done(&f);
    rig_serve_with(&f, (struct edge_http_config){.cors = &cors});
    rig_ask(&f, "GET", "/json", NULL, NULL);
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Allow-Origin"), "");
    rig_ask(&f, "GET", "/json", "Origin: http://a\r\n", NULL);
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Allow-Origin"), "https://localhost");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Allow-Credentials"), "true");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Vary"), "Origin");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Expose-Headers"), "X-Correlation-ID");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Allow-Methods"), "");
    rig_ask(&f, "OPTIONS", "/nowhere", preflight, NULL);
    EXPECT(&f, 200, "");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Allow-Methods"), "GET, POST");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Allow-Headers"), "Authorization");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Max-Age"), "3600");
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Access-Control-Expose-Headers"), "");
    rig_done(&f);
}

static void test_requests_are_counted(void)
{
    struct rig f;
    rig_serve(&f);
    rig_ask(&f, "GET", "/json", NULL, NULL);
    rig_ask(&f, "GET", "/nowhere", NULL, NULL);
    rig_ask(&f, "GET", "/elsewhere", NULL, NULL);
    CU_ASSERT_EQUAL(edge_counter_get(edge_counter(f.metrics, "HttpRequests", "")), 3);
    CU_ASSERT_EQUAL(edge_histogram_count(edge_histogram(f.metrics, "HttpRequestDuration", "")), 3);
    rig_done(&f);
}

static void test_body_limits(void)
{
    static const char too_large[] = "{\"apiVersion\":\"v3\",\"message\":\"request size exceed "
                                    "Service.MaxRequestSize(%d KB)\",\"statusCode\":413}\n";
    struct rig f;
    rig_serve_with(&f, (struct edge_http_config){.max_body = 2048});
    char *body = edge_alloc(&f.arena, 2050, 1);
    memset(body, 'x', 2048);
    rig_ask(&f, "POST", "/show/a", NULL, body);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    body[2048] = 'x';
    rig_ask(&f, "POST", "/show/a", NULL, body);
    EXPECT(&f, 413, edge_printf(&f.arena, too_large, 2));
    CU_ASSERT_STRING_EQUAL(rig_header(&f, "Connection"), "close");
    rig_ask(&f, "POST", "/show/a", "Expect: 100-continue\r\n", body);
    CU_ASSERT_EQUAL(f.answer.code, 413);
    rig_ask(&f, "POST", "/small", NULL, "123456789");
    EXPECT(&f, 413, edge_printf(&f.arena, too_large, 1));
    http_probe_raw(&f.arena, f.port,
                   "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n",
                   &f.answer);
    EXPECT(&f, 413, edge_printf(&f.arena, too_large, 1));
    rig_ask(&f, "POST", "/small", "Expect: 100-continue\r\n", "12345678");
    CU_ASSERT_EQUAL(f.answer.code, 100);
    rig_done(&f);
}

/* Service.MaxRequestSize (contract 2.7) is for all routes, also for those that take more. */
static void test_server_limits_all_bodies(void)
{
    struct rig f;
    rig_serve_with(&f, (struct edge_http_config){.max_body = 4});
    rig_ask(&f, "POST", "/small", NULL, "1234");
    CU_ASSERT_NOT_EQUAL(f.answer.code, 413);
    rig_ask(&f, "POST", "/small", NULL, "12345");
    CU_ASSERT_EQUAL(f.answer.code, 413);
    rig_done(&f);
}

/* ---- calls from inside ------------------------------------------------------------------- */

static void test_calls_from_inside(void)
{
    static const struct {
        const char *method, *target, *body;
        int code;
        const char *expect;
    } cases[] = {
        {"GET",  "/json",           NULL,        200, "{\"ping\":true}\n"                              },
        {"POST", "/show/a%2Fb?q=1", "x",         200, "POST name=a/b q=1 raw=q=1 header=- body=1:x [1]"},
        {"GET",  "/waits",          NULL,        200, "{\"waited\":\"\"}\n"                            },
        {"GET",  "/worker",         NULL,        200, "{\"waited\":\"\"}\n"                            },
        {"GET",  "/elsewhere",      NULL,        200, "{\"finished\":true}\n"                          },
        {"GET",  "/before",         NULL,        200, "{\"finished\":true}\n"                          },
        {"GET",  "/late-failure",   NULL,        409,
         "{\"apiVersion\":\"v3\",\"message\":\"taken\",\"statusCode\":409}\n"                          },
        {"GET",  "/nowhere",        NULL,        404, "{\"message\":\"Not Found\"}\n"                  },
        {"PUT",  "/json",           NULL,        405, "{\"message\":\"Method Not Allowed\"}\n"         },
        {"GET",  "/empty",          NULL,        202, ""                                               },
        {"GET",  "/show/%2e",       NULL,        400,
         "{\"apiVersion\":\"v3\",\"message\":\"the request target has a dot "
         "segment\",\"statusCode\":400}\n"                                                             },
        {"POST", "/small",          "123456789", 413,
         "{\"apiVersion\":\"v3\",\"message\":\"request size exceed Service.MaxRequestSize(1 "
         "KB)\",\"statusCode\":413}\n"                                                                 },
    };
    struct rig f;
    char token[] = "nobody has it";
    rig_serve_with(
        &f, (struct edge_http_config){.authenticate = only_with_token, .authenticate_arg = token});
    gate_open(f.state.gate);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        const struct edge_http_request req = {.method = cases[i].method,
                                              .target = cases[i].target,
                                              .body = cases[i].body,
                                              .body_size =
                                                  cases[i].body ? strlen(cases[i].body) : 0};
        struct edge_http_response response;
        edge_http_call(f.http, &ctx, &req, &response);
        CU_ASSERT_EQUAL(response.code, cases[i].code);
        CU_ASSERT_STRING_EQUAL(response.body, cases[i].expect);
        CU_ASSERT_EQUAL(response.body_size, strlen(cases[i].expect));
    }
    rig_done(&f);
}

static void test_inside_timeout(void)
{
    struct rig f;
    rig_serve_with(&f, (struct edge_http_config){.request_timeout_ms = 30});
    EDGE_CTX_SCOPE(ctx);
    const struct edge_http_request req = {.method = "GET", .target = "/keep"};
    struct edge_http_response response;
    edge_http_call(f.http, &ctx, &req, &response);
    CU_ASSERT_EQUAL(response.code, 503);
    CU_ASSERT_STRING_EQUAL(response.body, "request timeout");
    rig_finish(rig_take_kept(&f));
    rig_done(&f);
}

CU_TestInfo http_tests[] = {
    {"items leave no memory behind", test_items_leave_no_memory_behind},
    {"requests reach their handler", test_requests_reach_their_handler},
    {"framework answers",            test_framework_answers           },
    {"failures become envelopes",    test_failures_become_envelopes   },
    {"correlation ids",              test_correlation_ids             },
    {"who may come in",              test_who_may_come_in             },
    {"other origins",                test_other_origins               },
    {"requests are counted",         test_requests_are_counted        },
    {"body limits",                  test_body_limits                 },
    {"the server limits all bodies", test_server_limits_all_bodies    },
    {"calls from inside",            test_calls_from_inside           },
    {"a timeout inside",             test_inside_timeout              },
    CU_TEST_INFO_NULL,
};
