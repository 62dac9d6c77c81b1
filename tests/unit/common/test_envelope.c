/* The envelope on the wire: every form it may have, and what is none. */
#include <stdlib.h>
#include <string.h>

#include "bus/bus_internal.h"
#include "edge/json.h"
#include "edge/text.h"
#include "suites.h"

struct point {
    const char *name;
    int64_t origin;
    uint64_t large;
    double real;
    struct edge_bytes bytes;
};
/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct point, m, __VA_ARGS__)
static const struct edge_field point_fields[] = {
    F(name, "name", "Name.", .flags = EDGE_REQUIRED),
    F(origin, "origin", "ns."),
    F(large, "large", "Up to 2^64-1."),
    F(real, "real", "Any."),
    F(bytes, "bytes", "Bytes."),
};
#undef F
/* clang-format on */
static const struct edge_dto POINT = EDGE_DTO(struct point, "Point", point_fields);
static const struct point POINT_1 = {
    "p \"1\"\n", 1754470001000000001, UINT64_MAX, 0.1, {"\0\xff\n", 3}
};

static void switches(bool base64, bool cbor)
{
    edge_wire_forms = (struct edge_wire_forms){.base64_payloads = base64, .cbor_envelopes = cbor};
}

static void switches_off(void)
{
    switches(false, false);
}

static struct edge_message *decoded(struct edge_ctx *ctx, const void *bytes, size_t size)
{
    struct edge_message *m = NULL;
    enum edge_status st = edge_envelope_decode(ctx, "edgex/x", bytes, size, &m);
    if (st != EDGE_OK) {
        printf("%s\n", edge_ctx_message(ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
    return m;
}

static struct edge_message *decoded_text(struct edge_ctx *ctx, const char *text)
{
    return decoded(ctx, text, strlen(text));
}

static bool is_point_1(struct edge_ctx *ctx, const struct edge_message *m)
{
    const struct point *p = NULL;
    if (edge_message_decode(ctx, m, &POINT, (const void **)&p) != EDGE_OK) {
        printf("%s\n", edge_ctx_message(ctx, EDGE_INVALID));
        return false;
    }
    return strcmp(p->name, POINT_1.name) == 0 && p->origin == POINT_1.origin &&
           p->large == POINT_1.large && p->real == POINT_1.real && p->bytes.size == 3 &&
           memcmp(p->bytes.data, POINT_1.bytes.data, 3) == 0;
}

static void test_objects_survive_every_form(void)
{
    static const char *const types[] = {"application/json", "application/cbor"};
    for (int i = 0; i < 8; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_pair params[] = {
            {"ds-pushevent", "true"},
            {"q \"",         ""    }
        };
        switches(i & 1, i & 2);
        struct edge_message *m = edge_message_create(0);
        m->dto = &POINT;
        m->object = &POINT_1;
        m->content_type = types[i >> 2];
        m->correlation_id = "c";
        m->request_id = "r";
        m->params = params;
        m->n_params = 2;
        struct edge_buf out = EDGE_BUF_INIT;
        edge_envelope_encode(m, &out);
        struct edge_message *got = decoded(&ctx, out.data, out.len);
        CU_ASSERT_STRING_EQUAL(got->topic, "edgex/x");
        CU_ASSERT_STRING_EQUAL(got->correlation_id, "c");
        CU_ASSERT_STRING_EQUAL(got->request_id, "r");
        CU_ASSERT_STRING_EQUAL(got->content_type, i & 2 ? types[1] : types[i >> 2]);
        CU_ASSERT_EQUAL(got->error_code, 0);
        CU_ASSERT_EQUAL(got->n_params, 2);
        CU_ASSERT_STRING_EQUAL(edge_message_param(got, "ds-pushevent"), "true");
        CU_ASSERT_STRING_EQUAL(edge_message_param(got, "q \""), "");
        CU_ASSERT(is_point_1(&ctx, got));
        edge_buf_done(&out);

        m->dto = NULL; /* the same again from the tree that came */
        m->object = NULL;
        m->json = got->json;
        edge_envelope_encode(m, &out);
        struct edge_message *again = decoded(&ctx, out.data, out.len);
        CU_ASSERT(is_point_1(&ctx, again));
        edge_buf_done(&out);
        edge_message_unref(again);
        edge_message_unref(got);
        edge_message_unref(m);
    }
    switches_off();
}

static const char *encoded(struct edge_ctx *ctx, const struct edge_message *m)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    edge_envelope_encode(m, &out);
    return edge_strndup(&ctx->arena, out.data, out.len);
}

static void test_the_wire_is_the_contract_s(void)
{
    EDGE_CTX_SCOPE(ctx);
    switches_off();
    struct edge_message *m = edge_message_create(0);
    m->correlation_id = "c1";
    CU_ASSERT_STRING_EQUAL(
        encoded(&ctx, m),
        "{\"apiVersion\":\"v3\",\"receivedTopic\":\"\",\"correlationID\":\"c1\",\"requestID\":\"\","
        "\"errorCode\":0,\"contentType\":\"application/json\",\"payload\":null}");
    m->error_code = 1;
    m->text = "no \"device\"";
    m->content_type = "text/plain";
    m->request_id = "r1";
    CU_ASSERT_STRING_EQUAL(
        encoded(&ctx, m),
        "{\"apiVersion\":\"v3\",\"receivedTopic\":\"\",\"correlationID\":\"c1\","
        "\"requestID\":\"r1\","
        "\"errorCode\":1,\"contentType\":\"text/plain\",\"payload\":\"no \\\"device\\\"\"}");
    switches(true, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(encoded(&ctx, m), "\"payload\":\"bm8gImRldmljZSI=\""));
    m->error_code = 0;
    m->text = NULL;
    m->content_type = "application/json";
    CU_ASSERT_PTR_NOT_NULL(strstr(encoded(&ctx, m), "\"payload\":null"));
    CU_ASSERT_EQUAL(edge_json_parse(&ctx, "{\"a\":1754470001000000001}", 25, NULL, &m->json),
                    EDGE_OK);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(encoded(&ctx, m), "\"payload\":\"eyJhIjoxNzU0NDcwMDAxMDAwMDAwMDAxfQ==\""));
    switches_off();
    CU_ASSERT_PTR_NOT_NULL(strstr(encoded(&ctx, m), "\"payload\":{\"a\":1754470001000000001}"));
    edge_message_unref(m);
}

static void test_what_peers_send_is_understood(void)
{
    static const struct {
        const char *text, *payload; /* as JSON; NULL: null */
    } cases[] = {
        {"{\"apiVersion\":\"v3\",\"payload\":{\"a\":1}}",                       "{\"a\":1}"          },
        {"{\"payload\":[1,2]}",                                                 "[1,2]"              },
        {"{\"payload\":7}",                                                     "7"                  },
        {"{\"apiVersion\":\"v3\"}",                                             NULL                 },
        {"{\"APIVERSION\":\"v3\",\"PayLoad\":true}",                            "true"               },
        {"{\"payload\":null,\"queryParams\":null,\"requestID\":null}",          NULL                 },
        {"{\"payload\":\"eyJhIjoxfQ==\",\"contentType\":\"application/json\"}", "{\"a\":1}"          },
        {"{\"payload\":\"eyJhIjoxfQ==\"}",                                      "{\"a\":1}"          },
        {"{\"payload\":\"oWFhAQ==\",\"contentType\":\"application/cbor\"}",     "{\"a\":1}"          },
        {"{\"payload\":\"bnVsbA==\"}",                                          NULL                 },
        {"{\"payload\":\"not base64!\"}",                                       "\"not base64!\""    },
        {" {\"payload\":{},\"contentType\":\"\",\"other\":{\"x\":1}} ",         "{}"                 },
        {"{\"payload\":1754470001000000001}",                                   "1754470001000000001"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m = decoded_text(&ctx, cases[i].text);
        CU_ASSERT_PTR_NULL(m->text);
        CU_ASSERT_EQUAL(m->json != NULL, cases[i].payload != NULL);
        if (m->json && cases[i].payload) {
            struct edge_buf b = EDGE_BUF_INIT;
            edge_json_put(&b, m->json);
            CU_ASSERT_STRING_EQUAL(edge_buf_str(&b), cases[i].payload);
            edge_buf_done(&b);
        }
        edge_message_unref(m);
    }
}

static void test_errors_are_texts(void)
{
    static const struct {
        const char *text, *expect;
    } cases[] = {
        {"{\"errorCode\":1,\"contentType\":\"text/plain\",\"payload\":\"device D1 locked\"}",
         "device D1 locked"                                                                                                },
        {"{\"errorCode\":1,\"contentType\":\"text/plain\",\"payload\":\"ZGV2aWNlIEQxIGxvY2tlZA==\"}",
         "device D1 locked"                                                                                                },
        {"{\"errorCode\":1,\"contentType\":\"text/plain\",\"payload\":\"abcd\"}",                     "abcd"               },
        {"{\"errorCode\":1,\"payload\":\"\"}",                                                        ""                   },
        {"{\"errorCode\":1,\"payload\":null}",                                                        ""                   },
        {"{\"errorCode\":1,\"payload\":{\"message\":\"x\"}}",                                         "{\"message\":\"x\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m = decoded_text(&ctx, cases[i].text);
        CU_ASSERT_EQUAL(m->error_code, 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(m->text);
        CU_ASSERT_STRING_EQUAL(m->text, cases[i].expect);
        const void *p = NULL;
        CU_ASSERT_EQUAL(edge_message_decode(&ctx, m, &POINT, &p), EDGE_INVALID);
        const cJSON *tree = NULL;
        CU_ASSERT_EQUAL(edge_message_tree(&ctx, m, &tree), EDGE_OK);
        CU_ASSERT_STRING_EQUAL(tree->valuestring, cases[i].expect);
        edge_message_unref(m);
    }
}

static void test_what_is_no_envelope_is_refused(void)
{
#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        BYTES(""),
        BYTES("{"),
        BYTES("[]"),
        BYTES("7"),
        BYTES("\"x\""),
        BYTES("null"),
        BYTES("{}"),
        BYTES("{\"foo\":1}"),
        BYTES("hello"),
        BYTES("\0\0\0"),
        BYTES("\xff\xfe"),
        BYTES("\xa1"),
        BYTES("\xbf\xff"),
        BYTES("\xc0"),
        BYTES("{\"payload\":\"e30="),
        BYTES("{\"payload\":\"e30K\",\"contentType\":\"application/cbor\"}"),
        BYTES("{\"payload\":\"eyJh\"}"), /* base64 of the torn {"a */
        BYTES("{\"payload\":1,\"errorCode\":\"1\"}"),
        BYTES("{\"payload\":1,\"errorCode\":-1}"),
        BYTES("{\"payload\":1,\"errorCode\":99999999999}"),
        BYTES("{\"payload\":1,\"requestID\":7}"),
        BYTES("{\"payload\":1,\"contentType\":{}}"),
        BYTES("{\"payload\":1,\"queryParams\":[]}"),
        BYTES("{\"payload\":1,\"queryParams\":{\"a\":{}}}"),
        BYTES("{\"payload\":1} x"),
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m = NULL;
        enum edge_status st = edge_envelope_decode(&ctx, "t", cases[i].bytes, cases[i].size, &m);
        if (st != EDGE_INVALID) {
            printf("case %zu: %s\n", i, cases[i].bytes);
        }
        CU_ASSERT_EQUAL(st, EDGE_INVALID);
        CU_ASSERT_PTR_NULL(m);
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), "message envelope: "));
    }
}

/* What official clients send is a text; others mean what stands there. */
static void test_parameters_are_texts(void)
{
    static const struct {
        const char *json, *text; /* NULL: it is not there */
    } cases[] = {
        {"\"x\"",                "x"                   },
        {"\"\"",                 ""                    },
        {"7",                    "7"                   },
        {"-7",                   "-7"                  },
        {"1.50",                 "1.5"                 },
        {"1754470001000000001",  "1754470001000000001" },
        {"18446744073709551615", "18446744073709551615"},
        {"true",                 "true"                },
        {"false",                "false"               },
        {"null",                 NULL                  },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m = decoded_text(
            &ctx, edge_printf(&ctx.arena, "{\"payload\":1,\"queryParams\":{\"a\":%s,\"b\":\"y\"}}",
                              cases[i].json));
        const char *text = edge_message_param(m, "a"), *want = cases[i].text;
        CU_ASSERT_STRING_EQUAL(text ? text : "none", want ? want : "none");
        CU_ASSERT_EQUAL(m->n_params, want ? 2 : 1);
        CU_ASSERT_STRING_EQUAL(edge_message_param(m, "b"), "y");
        edge_message_unref(m);
    }
    EDGE_CTX_SCOPE(ctx);
    static const char cbor[] = "\xa2\x67payload\x01\x6bqueryParams\xa3\x61"
                               "a\x05\x61"
                               "b\xf5\x61"
                               "c\xf6";
    struct edge_message *m = decoded(&ctx, cbor, sizeof(cbor) - 1);
    CU_ASSERT_STRING_EQUAL(edge_message_param(m, "a"), "5");
    CU_ASSERT_STRING_EQUAL(edge_message_param(m, "b"), "true");
    CU_ASSERT_PTR_NULL(edge_message_param(m, "c"));
    edge_message_unref(m);
}

/* Who asks can be told what is wrong, as long as it is known who that is. */
static void test_faults_leave_what_an_answer_needs(void)
{
#define IDS "\"requestID\":\"r1\",\"correlationID\":\"c1\""
    static const struct {
        const char *text, *fault; /* a part of it; NULL: nobody to tell */
    } cases[] = {
        {"{" IDS ",\"payload\":1,\"queryParams\":{\"list\":[1]}}",
         "queryParams.list must be a single value"                                                         },
        {"{" IDS ",\"payload\":1,\"queryParams\":{\"a\":1,\"object\":{}}}",
         "queryParams.object must be a single value"                                                       },
        {"{" IDS ",\"payload\":1,\"queryParams\":[]}",                      "queryParams must be an object"},
        {"{" IDS ",\"payload\":1,\"queryParams\":\"a=b\"}",                 "queryParams must be an object"},
        {"{" IDS ",\"payload\":1,\"apiVersion\":3}",                        "apiVersion must be a string"  },
        {"{" IDS ",\"payload\":1,\"contentType\":{}}",                      "contentType must be a string" },
        {"{" IDS ",\"payload\":1,\"errorCode\":\"1\"}",                     "errorCode must be an integer" },
        {"{" IDS ",\"payload\":\"eyJh\"}",                                  "payload"                      }, /* base64 of the torn {"a */
        {"{" IDS "}",                                                       "no apiVersion, no payload"    },
        {"{\"requestID\":\"r1\",\"payload\":1,\"correlationID\":7}",
         "correlationID must be a string"                                                                  },
        {"{\"payload\":1,\"requestID\":7}",                                 NULL                           },
        {"{\"payload\":1,\"contentType\":7}",                               NULL                           },
        {"{" IDS ",\"payload\":1",                                          NULL                           },
        {"["
         "{" IDS "}]",
         NULL                                                                                              },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_message *m =
            bus_message_from_wire("t", 1, cases[i].text, strlen(cases[i].text));
        CU_ASSERT_EQUAL(bus_message_open(&ctx, m), EDGE_INVALID);
        CU_ASSERT_EQUAL(m->fault != NULL, cases[i].fault != NULL);
        if (m->fault && cases[i].fault) {
            if (!strstr(m->fault, cases[i].fault)) {
                printf("%s\n", m->fault);
            }
            CU_ASSERT_PTR_NOT_NULL(strstr(m->fault, cases[i].fault));
            CU_ASSERT_STRING_EQUAL(m->request_id, "r1");
            CU_ASSERT(m->correlation_id[0] == '\0' || strcmp(m->correlation_id, "c1") == 0);
            CU_ASSERT_EQUAL(m->n_params, 0);
            CU_ASSERT_PTR_NULL(m->json);
            EDGE_CTX_SCOPE(again);
            CU_ASSERT_EQUAL(edge_message_sound(&again, m), EDGE_INVALID);
        }
        edge_message_unref(m);
    }
#undef IDS
}

static void test_depth_is_bounded_and_size_is_not_small(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_buf b = EDGE_BUF_INIT;
    struct edge_message *m = NULL;
    edge_buf_puts(&b, "{\"payload\":");
    for (int i = 0; i < 100; i++) {
        edge_buf_putc(&b, '[');
    }
    for (int i = 0; i < 100; i++) {
        edge_buf_putc(&b, ']');
    }
    edge_buf_putc(&b, '}');
    CU_ASSERT_EQUAL(edge_envelope_decode(&ctx, "t", b.data, b.len, &m), EDGE_INVALID);
    b.len = 0;
    edge_buf_puts(&b, "{\"payload\":{\"values\":[0");
    for (int i = 1; i < 500 * 1000; i++) { /* one event of 500,000 numbers */
        edge_buf_puts(&b, ",1.5");
    }
    edge_buf_puts(&b, "]}}");
    m = decoded(&ctx, b.data, b.len);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(edge_json_member(m->json, "values", true)), 500 * 1000);
    edge_message_unref(m);
    edge_buf_done(&b);
}

static void test_decoded_objects_outlive_the_message(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_message *m =
        decoded_text(&ctx, "{\"payload\":{\"name\":\"n\",\"origin\":5,\"bytes\":\"AAE=\"}}");
    const struct point *p = NULL;
    CU_ASSERT_EQUAL(edge_message_decode(&ctx, m, &POINT, (const void **)&p), EDGE_OK);
    edge_message_unref(m);
    CU_ASSERT_STRING_EQUAL(p->name, "n");
    CU_ASSERT_EQUAL(p->bytes.size, 2);
}

static void test_faults_of_payloads_are_named(void)
{
    EDGE_CTX_SCOPE(ctx);
    const void *p = NULL;
    struct edge_message *m = decoded_text(&ctx, "{\"payload\":{\"origin\":\"x\"}}");
    CU_ASSERT_EQUAL(edge_message_decode(&ctx, m, &POINT, &p), EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), "origin"));
    edge_message_unref(m);
    edge_ctx_clear(&ctx);
    m = decoded_text(&ctx, "{\"payload\":null}");
    CU_ASSERT_EQUAL(edge_message_decode(&ctx, m, &POINT, &p), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, EDGE_INVALID), "message holds no Point");
    edge_message_unref(m);
}

CU_TestInfo envelope_tests[] = {
    {"parameters are texts",                   test_parameters_are_texts                  },
    {"faults leave what an answer needs",      test_faults_leave_what_an_answer_needs     },
    {"objects survive every form",             test_objects_survive_every_form            },
    {"the wire is the contract's",             test_the_wire_is_the_contract_s            },
    {"what peers send is understood",          test_what_peers_send_is_understood         },
    {"errors are texts",                       test_errors_are_texts                      },
    {"what is no envelope is refused",         test_what_is_no_envelope_is_refused        },
    {"depth is bounded and size is not small", test_depth_is_bounded_and_size_is_not_small},
    {"decoded objects outlive the message",    test_decoded_objects_outlive_the_message   },
    {"faults of payloads are named",           test_faults_of_payloads_are_named          },
    CU_TEST_INFO_NULL,
};
