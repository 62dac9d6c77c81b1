/* core-data as its clients see it: real routes, a real store, the bus of the process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "core_data.h"
#include "edge/budget.h"
#include "edge/cbor.h"
#include "edge/clock.h"
#include "edge/message.h"
#include "edge/system_event.h"
#include "edge/text.h"
#include "edge/thread.h"
#include "scratch.h"
#include "state.h"
#include "suites.h"
#include "wait.h"

#define API "/api/v3"
#define ID  "9d2b2e5e-0000-4000-8000-000000000001"
#define R   "1f0e8b52-7d0f-4b1c-9a55-000000000001"

struct fixture {
    struct edge_ctx ctx;
    struct scratch dir;
    struct edge_host *host;
    const struct edge_runtime *rt;
};

struct setting {
    const char *name, *value;
};

static void set_all(const struct setting *settings, bool set)
{
    for (; settings->name; settings++) {
        if (set) {
            setenv(settings->name, settings->value, 1);
        } else {
            unsetenv(settings->name);
        }
    }
}

static const struct setting ALWAYS[] = {
    {"EDGEX_SECURITY_SECRET_STORE", "false" },
    {"MESSAGEBUS_TYPE",             "memory"},
    {"SERVICE_PORT",                "0"     },
    {"WRITABLE_LOGLEVEL",           "ERROR" },
    {NULL,                          NULL    },
};

static void start(struct fixture *f, const struct setting *settings)
{
    *f = (struct fixture){.ctx = EDGE_CTX_INIT};
    scratch_make(&f->dir);
    static const struct edge_service *const SERVICES[] = {&core_data};
    char *argv[] = {(char *)"test", (char *)"--data", f->dir.path,
                    (char *)"-cd",  f->dir.path,      NULL};
    set_all(ALWAYS, true);
    set_all(settings, true);
    enum edge_status st = edge_host_start(&f->ctx, SERVICES, 1, 5, argv, &f->host);
    set_all(settings, false);
    if (st != EDGE_OK) {
        fprintf(stderr, "start: %s\n", edge_ctx_message(&f->ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
    f->rt = edge_host_runtime(f->host, "core-data");
}

static void stop(struct fixture *f)
{
    edge_host_stop(f->host);
    scratch_done(&f->dir);
    edge_ctx_done(&f->ctx);
}

static const struct setting NO_SETTINGS[] = {
    {NULL, NULL}
};
#define CORE_DATA(name, settings)                                                                  \
    EDGE_CLEANUP(stop) struct fixture name;                                                        \
    start(&name, settings)

static const char *call(struct fixture *f, const char *method, const char *target, const char *type,
                        const void *body, size_t size, int *ret_code)
{
    struct edge_http_request req = {
        .method = method, .target = target, .content_type = type, .body = body, .body_size = size};
    struct edge_http_response answer;
    edge_http_call(f->rt->http, &f->ctx, &req, &answer);
    *ret_code = answer.code;
    return answer.body;
}

/* The answer has that code, and @p text in it. */
static void expect(struct fixture *f, const char *method, const char *target, const char *body,
                   int code, const char *text)
{
    int got = 0;
    const char *answer = call(f, method, target, NULL, body, body ? strlen(body) : 0, &got);
    bool found = strstr(answer, text) != NULL;
    if (got != code || !found) {
        fprintf(stderr, "%s %s: %d %s\n  expected %d ...%s...\n", method, target, got, answer, code,
                text);
    }
    CU_ASSERT_EQUAL(got, code);
    CU_ASSERT_TRUE(found);
}

static const char *event_json(struct fixture *f, const char *id, const char *device,
                              const char *source, long long origin, const char *readings)
{
    return edge_printf(&f->ctx.arena,
                       "{\"apiVersion\":\"v3\",\"requestId\":\"" R "\",\"event\":{"
                       "\"apiVersion\":\"v3\",\"id\":\"%s\",\"deviceName\":\"%s\","
                       "\"profileName\":\"P\",\"sourceName\":\"%s\",\"origin\":%lld,"
                       "\"readings\":[%s]}}",
                       id, device, source, origin, readings);
}

static const char *reading_json(struct fixture *f, const char *device, const char *resource,
                                long long origin, const char *type, const char *value)
{
    return edge_printf(&f->ctx.arena,
                       "{\"origin\":%lld,\"deviceName\":\"%s\",\"resourceName\":\"%s\","
                       "\"profileName\":\"P\",\"valueType\":\"%s\",\"value\":\"%s\"}",
                       origin, device, resource, type, value);
}

/* One event of @p device with readings a (Int32 007) and b (Float64 12.30). */
static void post(struct fixture *f, unsigned number, const char *device, long long origin)
{
    EDGE_CTX_SCOPE(ctx);
    const char *id = edge_printf(&ctx.arena, "9d2b2e5e-0000-4000-8000-%012u", number);
    const char *readings =
        edge_printf(&ctx.arena, "%s,%s", reading_json(f, device, "a", origin, "Int32", "007"),
                    reading_json(f, device, "b", origin, "Float64", "12.30"));
    expect(f, "POST", edge_printf(&ctx.arena, API "/event/svc/P/%s/S", device),
           event_json(f, id, device, "S", origin, readings), 201, id);
}

static void test_posted_event_comes_back(void)
{
    CORE_DATA(f, NO_SETTINGS);
    const char *readings = reading_json(&f, "D", "a", 1754470001000000001, "Int32", "007");
    const char *body = event_json(&f, ID, "D", "S", 1754470001000000001, readings);
    expect(&f, "POST", API "/event/svc/P/D/S", body, 201,
           "{\"apiVersion\":\"v3\",\"requestId\":\"" R "\",\"statusCode\":201,\"id\":\"" ID "\"}");
    expect(
        &f, "GET", API "/event/id/" ID, NULL, 200,
        "\"event\":{\"apiVersion\":\"v3\",\"id\":\"" ID "\",\"deviceName\":\"D\","
        "\"profileName\":\"P\",\"sourceName\":\"S\",\"origin\":1754470001000000001,"
        "\"readings\":[{\"origin\":1754470001000000001,\"deviceName\":\"D\","
        "\"resourceName\":\"a\",\"profileName\":\"P\",\"valueType\":\"Int32\",\"value\":\"7\"}]");
    expect(&f, "GET", API "/event/id/" ID "?numeric=true", NULL, 200, "\"value\":7}");
    expect(&f, "GET", API "/reading/device/name/D?limit=1", NULL, 200,
           "{\"apiVersion\":\"v3\",\"statusCode\":200,\"totalCount\":1,\"readings\":[{\"origin\":"
           "1754470001000000001,\"deviceName\":\"D\",\"resourceName\":\"a\",\"profileName\":\"P\","
           "\"valueType\":\"Int32\",\"value\":\"7\"}]}");
}

static void test_cbor_with_binary_comes_back(void)
{
    CORE_DATA(f, NO_SETTINGS);
    struct reading reading = {
        .device_name = "D",
        .resource_name = "picture",
        .profile_name = "P",
        .origin = 5,
        .value_type = VT_BINARY,
        .binary = {"\x00\xff\x01", 3},
        .media_type = "image/png",
    };
    struct add_event_request request = {
        .base = {"v3", R },
        .event = { "v3", ID, "D", "P", "S", 5, &reading, 1, NULL},
    };
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    edge_dto_encode(&ADD_EVENT_REQUEST, &request, EDGE_CBOR, &body);
    int code = 0;
    (void)call(&f, "POST", API "/event/svc/P/D/S", "application/CBOR", body.data, body.len, &code);
    CU_ASSERT_EQUAL(code, 201);
    expect(&f, "GET", API "/reading/all", NULL, 200,
           "\"binaryValue\":\"AP8B\",\"mediaType\":\"image/png\"");
}

static void test_bad_posts_store_nothing(void)
{
    static const struct setting SMALL[] = {
        {"MAXEVENTSIZE", "2" },
        {NULL,           NULL}
    };
    CORE_DATA(f, SMALL);
    const char *reading = reading_json(&f, "D", "a", 5, "Int8", "5");
    const char *good = event_json(&f, ID, "D", "S", 5, reading);
    expect(&f, "POST", API "/event/%20/P/D/S", good, 400, "service name");
    expect(&f, "POST", API "/event/svc/P/D/other", good, 400,
           "\"requestId\":\"" R "\",\"message\":\"event's sourceName S mismatches other\"");
    expect(&f, "POST", API "/event/svc/X/other/other", good, 400, "profileName P mismatches X");
    expect(&f, "POST", API "/event/svc/P/D/S", "", 400, "EOF");
    expect(&f, "POST", API "/event/svc/P/D/S", "[]", 400, "message");
    expect(&f, "POST", API "/event/svc/P/D/S", event_json(&f, "no-uuid", "D", "S", 5, reading), 400,
           "field needs a uuid");
    expect(&f, "POST", API "/event/svc/P/D/S", event_json(&f, ID, "D", "S", 0, reading), 400,
           "origin");
    expect(&f, "POST", API "/event/svc/P/D/S", event_json(&f, ID, "D", "S", 5, ""), 400,
           "readings");
    expect(&f, "POST", API "/event/svc/P/D/S",
           event_json(&f, ID, "D", "S", 5, reading_json(&f, "D", "a", 5, "Int8", "128")), 400,
           "The value does not match the Int8 valueType");
    const char *blob = edge_printf(&f.ctx.arena, "%2100s", "x");
    expect(&f, "POST", API "/event/svc/P/D/S",
           event_json(&f, ID, "D", "S", 5, reading_json(&f, "D", "a", 5, "String", blob)), 413,
           "request size exceed 2 KB");
    for (size_t len = 1; len < strlen(good); len++) {
        int code = 0;
        (void)call(&f, "POST", API "/event/svc/P/D/S", NULL, good, len, &code);
        CU_ASSERT_EQUAL(code, 400);
        (void)call(&f, "POST", API "/event/svc/P/D/S", "application/cbor", good, len, &code);
        CU_ASSERT_EQUAL(code, 400);
    }
    expect(&f, "GET", API "/event/count", NULL, 200, "\"count\":0}");
    expect(&f, "POST", API "/event/svc/P/D/S", good, 201, ID);
}

static void test_queries_find_what_they_name(void)
{
    CORE_DATA(f, NO_SETTINGS);
    for (unsigned i = 1; i <= 10; i++) {
        post(&f, i, i % 2 ? "odd" : "even", i * 100);
    }
    static const struct {
        const char *target, *expect;
    } rows[] = {
        {"/event/count",                                               "\"count\":10}"                                  },
        {"/event/count/device/name/odd",                               "\"count\":5}"                                   },
        {"/event/count/device/name/nobody",                            "\"count\":0}"                                   },
        {"/reading/count",                                             "\"count\":20}"                                  },
        {"/reading/count/device/name/even",                            "\"count\":10}"                                  },
        {"/event/all",
         "\"totalCount\":10,\"events\":[{\"apiVersion\":\"v3\",\"id\":\"9d2b2e5e-0000-4000-8000-000000000010\""         },
        {"/event/all?offset=3&limit=1",                                "\"id\":\"9d2b2e5e-0000-4000-8000-000000000007\""},
        {"/event/all?offset=-1&limit=1",                               "\"totalCount\":0,\"events\":[{"                 },
        {"/event/all?offset=10",                                       "\"totalCount\":10,\"events\":[]"                },
        {"/event/all?limit=0",                                         "\"totalCount\":10,\"events\":[]"                },
        {"/event/device/name/odd",                                     "\"totalCount\":5"                               },
        {"/event/start/200/end/400",                                   "\"totalCount\":3"                               },
        {"/reading/all",
         "\"totalCount\":20,\"readings\":[{\"origin\":1000,\"deviceName\":\"even\",\"resourceName\":\"a\""              },
        {"/reading/all?numeric=true",                                  "\"value\":12.3}"                                },
        {"/reading/all?numeric=garbage",                               "\"value\":\"1.23e+01\""                         },
        {"/reading/device/name/odd",                                   "\"totalCount\":10"                              },
        {"/reading/device/name/nobody",                                "\"totalCount\":0,\"readings\":[]"               },
        {"/reading/resourceName/a",                                    "\"totalCount\":10"                              },
        {"/reading/start/100/end/100",                                 "\"totalCount\":2"                               },
        {"/reading/resourceName/b/start/100/end/500",                  "\"totalCount\":5"                               },
        {"/reading/device/name/odd/resourceName/a",                    "\"totalCount\":5"                               },
        {"/reading/device/name/odd/resourceName/a/start/300/end/9999", "\"totalCount\":4"                               },
        {"/reading/device/name/odd/start/0/end/400",                   "\"totalCount\":4"                               },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect(&f, "GET", edge_printf(&f.ctx.arena, API "%s", rows[i].target), NULL, 200,
               rows[i].expect);
    }
}

static void test_bad_queries_say_why(void)
{
    CORE_DATA(f, NO_SETTINGS);
    post(&f, 1, "D", 100);
    expect(&f, "GET", API "/event/id/xyz", NULL, 400, "fail to parse id as an UUID");
    expect(&f, "GET", API "/event/id/" R, NULL, 404, "no event with id '" R "' found");
    expect(&f, "GET", API "/event/all?offset=2", NULL, 416,
           "query objects bounds out of range. length:1 offset:2");
    expect(&f, "GET", API "/event/all?offset=-2", NULL, 400, "out of min -1");
    expect(&f, "GET", API "/event/all?limit=abc", NULL, 400, "limit");
    expect(&f, "GET", API "/reading/start/5/end/4", NULL, 400,
           "end's value 4 is not allowed to be less than start's value 5");
    expect(&f, "GET", API "/reading/start/x/end/4", NULL, 400, "start");
    expect(&f, "GET", API "/reading/start/-1/end/4", NULL, 400, "start");
    expect(&f, "GET", API "/reading/device/name//resourceName/a", NULL, 400, "empty");
    expect(&f, "GET", API "/reading/all?aggregateFunc=median", NULL, 400,
           "invalid aggregate function specified");
}

static void test_resources_may_be_named_in_the_body(void)
{
    CORE_DATA(f, NO_SETTINGS);
    post(&f, 1, "D", 100);
    const char *target = API "/reading/device/name/D/start/0/end/1000";
    expect(&f, "GET", target, "{\"resourceNames\":[\"b\"]}", 200, "\"totalCount\":1,");
    expect(&f, "GET", target, "{\"resourceNames\":[\"a\",\"b\",\"c\",\"a\"]}", 200,
           "\"totalCount\":2,");
    expect(&f, "GET", target, "{\"resourceNames\":[\"c\"]}", 200, "\"totalCount\":0,");
    expect(&f, "GET", target, "{\"resourceNames\":[]}", 200, "\"totalCount\":2,");
    expect(&f, "GET", target, "{}", 200, "\"totalCount\":2,");
    expect(&f, "GET", target, "{\"resourceNames\":\"a\"}", 400, "not in expected format");
    expect(&f, "GET", target, "{\"resourceNames\":[1]}", 400, "not in expected format");
    expect(&f, "GET", target, "{\"resourceNames\":{\"a\":\"b\"}}", 400, "not in expected format");
    expect(&f, "GET", target, "{\"resour", 400, "message");
}

static void test_aggregates_are_grouped(void)
{
    CORE_DATA(f, NO_SETTINGS);
    for (unsigned i = 1; i <= 3; i++) {
        post(&f, i, "D", i * 100);
    }
    post(&f, 4, "A", 100);
    expect(&f, "GET", API "/reading/all?aggregateFunc=SUM", NULL, 200,
           "{\"apiVersion\":\"v3\",\"statusCode\":200,\"aggregateFunc\":\"SUM\",\"readings\":["
           "{\"deviceName\":\"A\",\"resourceName\":\"a\",\"profileName\":\"P\","
           "\"valueType\":\"Int64\",\"value\":7},"
           "{\"deviceName\":\"A\",\"resourceName\":\"b\"");
    expect(&f, "GET", API "/reading/device/name/D?aggregateFunc=count", NULL, 200,
           "\"valueType\":\"Uint64\",\"value\":3}");
    expect(&f, "GET", API "/reading/device/name/D/start/0/end/200?aggregateFunc=sum&limit=1", NULL,
           200,
           "[{\"deviceName\":\"D\",\"resourceName\":\"a\",\"profileName\":\"P\","
           "\"valueType\":\"Int64\",\"value\":14}]}");
}

static struct event_store *store_of(const struct fixture *f)
{
    return ((const struct core_data *)f->rt->state)->store;
}

static void test_deletions_answer_and_happen(void)
{
    CORE_DATA(f, NO_SETTINGS);
    for (unsigned i = 1; i <= 6; i++) {
        post(&f, i, i % 2 ? "odd" : "even", i * 100);
    }
    const char *first = API "/event/id/9d2b2e5e-0000-4000-8000-000000000001";
    expect(&f, "DELETE", first, NULL, 200, "\"statusCode\":200}");
    expect(&f, "DELETE", first, NULL, 404, "no event with id");
    expect(&f, "DELETE", API "/event/id/xyz", NULL, 400, "Failed to parse ID as an UUID");
    expect(&f, "DELETE", API "/event/device/name/%20", NULL, 400,
           "blank device name is not allowed");
    expect(&f, "DELETE", API "/event/device/name/odd", NULL, 202, "\"statusCode\":202}");
    event_store_settle(store_of(&f));
    expect(&f, "GET", API "/event/count/device/name/odd", NULL, 200, "\"count\":0}");
    expect(&f, "GET", API "/event/count", NULL, 200, "\"count\":3}");
    expect(&f, "DELETE", API "/event/age/x", NULL, 400, "age format parsing failed");
    expect(&f, "DELETE", API "/event/age/-5", NULL, 400, "age format parsing failed");
    expect(&f, "DELETE", API "/event/age/9223372036854775807", NULL, 202, "202");
    event_store_settle(store_of(&f));
    expect(&f, "GET", API "/event/count", NULL, 200, "\"count\":3}");
    expect(&f, "DELETE", API "/event/age/1000", NULL, 202, "202");
    event_store_settle(store_of(&f));
    expect(&f, "GET", API "/event/count", NULL, 200, "\"count\":0}");
}

/* ---- the bus -----------------------------------------------------------------------------------
 */

struct awaited {
    const struct fixture *f;
    uint64_t n;
};

static bool has_persisted(void *arg)
{
    const struct awaited *a = arg;
    return edge_counter_get(edge_counter(a->f->rt->metrics, "EventsPersisted", "")) == a->n;
}

static bool persisted(struct fixture *f, uint64_t n)
{
    return wait_until(has_persisted, &(struct awaited){f, n}, 10000);
}

static void publish_event(struct fixture *f, const char *topic, const char *json)
{
    struct edge_message *m = edge_message_create(0);
    edge_message_topic(m, "%s", topic);
    struct edge_ctx ctx = EDGE_CTX_INIT;
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, json, strlen(json), NULL, &tree), EDGE_OK);
    m->json = edge_json_clone(edge_message_arena(m), tree);
    CU_ASSERT_EQUAL(edge_bus_publish(&f->ctx, f->rt->bus, m), EDGE_OK);
    edge_message_unref(m);
    edge_ctx_done(&ctx);
}

static void test_events_of_the_bus_are_stored(void)
{
    CORE_DATA(f, NO_SETTINGS);
    const char *json =
        event_json(&f, ID, "D/1", "S", 5, reading_json(&f, "D/1", "a", 5, "Int8", "5"));
    publish_event(&f, "edgex/events/device/svc/P/D%2F1/other", json);
    publish_event(&f, "edgex/events/device/svc/X/D%2F1/S", json);
    publish_event(&f, "edgex/events/device/short", json);
    publish_event(&f, "edgex/events/device/svc/P/D%2F1/S", "{\"event\":{}}");
    publish_event(&f, "edgex/events/core/svc/P/D%2F1/S", json);
    publish_event(&f, "edgex/events/device/svc/P/D%2F1/S", json);
    CU_ASSERT_TRUE(persisted(&f, 1));
    expect(&f, "GET", API "/event/count/device/name/D%2F1", NULL, 200, "\"count\":1}");
    CU_ASSERT_EQUAL(edge_counter_get(edge_counter(f.rt->metrics, "ReadingsPersisted", "")), 1);
}

/* Events that take a hundred times their length while they gather: the budget pays, and who cannot be paid for
 * is stored before the next one comes. */
static void test_events_of_the_bus_are_paid_for(void)
{
    static const struct setting SMALL[] = {
        {"SERVICE_MEMORYBUDGET", "24576"},
        {NULL,                   NULL   }
    };
    enum { EVENTS = 12, ZEROS = 100000, LEAST = 4 * 1024 * 1024 };
    CORE_DATA(f, SMALL);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf zeros = EDGE_BUF_INIT;
    for (int i = 0; i < ZEROS; i++) {
        edge_buf_puts(&zeros, i ? ",0" : "0");
    }
    for (unsigned i = 0; i < EVENTS; i++) {
        const char *json = edge_printf(
            &f.ctx.arena,
            "{\"apiVersion\":\"v3\",\"event\":{\"apiVersion\":\"v3\",\"id\":\"%08x%s\",\"deviceName\":"
            "\"D\",\"profileName\":\"P\",\"sourceName\":\"S\",\"origin\":%u,\"tags\":{\"a\":[%s]},"
            "\"readings\":[%s]}}",
            i, &ID[8], i + 1, edge_buf_str(&zeros), reading_json(&f, "D", "a", 5, "Int8", "5"));
        publish_event(&f, "edgex/events/device/svc/P/D/S", json);
    }
    CU_ASSERT_TRUE(persisted(&f, EVENTS));
    struct edge_budget_state state;
    edge_budget_state(f.rt->budget, &state);
    CU_ASSERT(state.peak > LEAST && state.peak <= state.limit);
    CU_ASSERT(state.in_use < LEAST);
}

struct heard {
    struct edge_mutex lock;
    struct edge_cond changed;
    int n;
    char topic[128], correlation_id[64], content_type[32];
    char bytes[16]; /* of a binary first reading */
};

static enum edge_status hear(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct heard *h = state;
    const void *object = NULL;
    EDGE_TRY(edge_message_decode(ctx, m, &ADD_EVENT_REQUEST, &object));
    EDGE_LOCK(&h->lock);
    snprintf(h->topic, sizeof(h->topic), "%s", m->topic);
    snprintf(h->correlation_id, sizeof(h->correlation_id), "%s", m->correlation_id);
    snprintf(h->content_type, sizeof(h->content_type), "%s", m->content_type);
    const struct reading *r = ((const struct add_event_request *)object)->event.readings;
    snprintf(h->bytes, sizeof(h->bytes), "%.*s", (int)r->binary.size, (const char *)r->binary.data);
    h->n++;
    edge_cond_broadcast(&h->changed);
    return EDGE_OK;
}

static int wait_heard(struct heard *h, int n)
{
    int64_t deadline = edge_now_mono_ms() + 10000;
    EDGE_LOCK(&h->lock);
    while (h->n < n && edge_cond_wait_until(&h->changed, &h->lock, deadline)) {
    }
    return h->n;
}

static void heard_init(struct heard *h)
{
    *h = (struct heard){.n = 0};
    edge_mutex_init(&h->lock);
    edge_cond_init(&h->changed);
}

/* The bus ends first: it calls until then. */
static void heard_done(struct fixture *f, struct heard *h)
{
    edge_host_stop(f->host);
    f->host = NULL;
    edge_cond_done(&h->changed);
    edge_mutex_done(&h->lock);
}

static const struct setting NOT_STORED[] = {
    {"WRITABLE_PERSISTDATA", "false"},
    {NULL,                   NULL   }
};

static void test_posted_events_are_passed_on(void)
{
    CORE_DATA(f, NOT_STORED);
    struct heard heard;
    heard_init(&heard);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&f.ctx, f.rt->bus, "edgex/events/core/#", hear, &heard, 0),
                    EDGE_OK);
    post(&f, 1, "D", 100);
    CU_ASSERT_EQUAL(wait_heard(&heard, 1), 1);
    CU_ASSERT_STRING_EQUAL(heard.topic, "edgex/events/core/svc/P/D/S");
    CU_ASSERT_TRUE(edge_uuid_parse(heard.correlation_id, NULL));
    expect(&f, "GET", API "/event/count", NULL, 200, "\"count\":0}");
    /* Passed on even if the path is wrong (contract 5.1). */
    expect(&f, "POST", API "/event/svc/P/D/other",
           event_json(&f, ID, "D", "S", 5, reading_json(&f, "D", "a", 5, "Int8", "5")), 400,
           "mismatches");
    CU_ASSERT_EQUAL(wait_heard(&heard, 2), 2);
    heard_done(&f, &heard);
}

/* A posted event of one binary reading, in @p encoding. */
static void post_bytes(struct fixture *f, enum edge_encoding encoding, const char *type,
                       const void *bytes, size_t size)
{
    struct reading reading = {
        .device_name = "D",
        .resource_name = "picture",
        .profile_name = "P",
        .origin = 5,
        .value_type = VT_BINARY,
        .binary = {bytes, size},
        .media_type = "image/png",
    };
    struct add_event_request request = {
        .base = {"v3", R },
        .event = { "v3", ID, "D", "P", "S", 5, &reading, 1, NULL},
    };
    EDGE_CLEANUP(edge_buf_done) struct edge_buf body = EDGE_BUF_INIT;
    edge_dto_encode(&ADD_EVENT_REQUEST, &request, encoding, &body);
    int code = 0;
    (void)call(f, "POST", API "/event/svc/P/D/S", type, body.data, body.len, &code);
    CU_ASSERT_EQUAL(code, 201);
}

static void test_events_are_passed_on_as_they_came(void)
{
    static const struct {
        enum edge_encoding encoding;
        const char *type, *always, *heard;
    } rows[] = {
        {EDGE_JSON, NULL,                             NULL,   "application/json"},
        {EDGE_JSON, "application/json",               NULL,   "application/json"},
        {EDGE_CBOR, "application/cbor",               NULL,   "application/cbor"},
        {EDGE_CBOR, "application/CBOR; charset=none", NULL,   "application/cbor"},
        {EDGE_JSON, "application/json",               "true", "application/cbor"},
    };
    CORE_DATA(f, NOT_STORED);
    struct heard heard;
    heard_init(&heard);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&f.ctx, f.rt->bus, "edgex/events/core/#", hear, &heard, 0),
                    EDGE_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        edge_wire_forms.cbor_events = rows[i].always != NULL;
        char bytes[8];
        snprintf(bytes, sizeof(bytes), "\xff%zu", i);
        post_bytes(&f, rows[i].encoding, rows[i].type, bytes, strlen(bytes));
        edge_wire_forms.cbor_events = false;
        CU_ASSERT_EQUAL(wait_heard(&heard, (int)i + 1), (int)i + 1);
        CU_ASSERT_STRING_EQUAL(heard.content_type, rows[i].heard);
        CU_ASSERT_STRING_EQUAL(heard.bytes, bytes);
    }
    heard_done(&f, &heard);
}

/* The limit holds for the request and for the message made of it, which may be larger. */
static void test_large_messages_are_not_passed_on(void)
{
    static const struct setting SMALL[] = {
        {"MAXEVENTSIZE",      "4"    },
        {"WRITABLE_LOGLEVEL", "ERROR"},
        {NULL,                NULL   }
    };
    CORE_DATA(f, SMALL);
    struct heard heard;
    heard_init(&heard);
    CU_ASSERT_EQUAL(edge_bus_subscribe(&f.ctx, f.rt->bus, "edgex/events/core/#", hear, &heard, 0),
                    EDGE_OK);
    static char bytes[3500];
    memset(bytes, 'x', sizeof(bytes));
    post_bytes(&f, EDGE_CBOR, "application/cbor", bytes, 3500); /* base64 makes it a third more */
    expect(&f, "GET", API "/event/count", NULL, 200, "\"count\":1}");
    post_bytes(&f, EDGE_CBOR, "application/cbor", "after", 5);
    CU_ASSERT_EQUAL(wait_heard(&heard, 1), 1);
    CU_ASSERT_STRING_EQUAL(heard.bytes, "after");
    post_bytes(&f, EDGE_CBOR, "application/cbor", bytes, 2000);
    CU_ASSERT_EQUAL(wait_heard(&heard, 2), 2);
    heard_done(&f, &heard);
}

static enum edge_status hear_metric(void *state, struct edge_ctx *ctx, const struct edge_message *m)
{
    struct heard *h = state;
    const void *object = NULL;
    EDGE_TRY(edge_message_decode(ctx, m, &METRIC, &object));
    const struct metric *metric = object;
    EDGE_LOCK(&h->lock);
    if (metric->fields[0].value->valuedouble == 2) {
        snprintf(h->topic, sizeof(h->topic), "%s", m->topic);
        snprintf(h->bytes, sizeof(h->bytes), "%s", metric->fields[0].name);
        h->n = 1;
        edge_cond_broadcast(&h->changed);
    }
    return EDGE_OK;
}

static void test_what_is_stored_is_counted_on_the_bus(void)
{
    static const struct setting COUNTED[] = {
        {"WRITABLE_TELEMETRY_INTERVAL",                  "20ms"},
        {"WRITABLE_TELEMETRY_METRICS_READINGSPERSISTED", "true"},
        {NULL,                                           NULL  }
    };
    CORE_DATA(f, COUNTED);
    struct heard heard;
    heard_init(&heard);
    CU_ASSERT_EQUAL(
        edge_bus_subscribe(&f.ctx, f.rt->bus, "edgex/telemetry/#", hear_metric, &heard, 0),
        EDGE_OK);
    post(&f, 1, "D", 100);
    CU_ASSERT_EQUAL(wait_heard(&heard, 1), 1);
    CU_ASSERT_STRING_EQUAL(heard.topic, "edgex/telemetry/core-data/ReadingsPersisted");
    CU_ASSERT_STRING_EQUAL(heard.bytes, "counter-count");
    heard_done(&f, &heard);
}

static void publish_removed(struct fixture *f, const char *action, const char *device)
{
    publish_event(f, "edgex/system-events/core-metadata/device/delete/svc/P",
                  edge_printf(&f->ctx.arena,
                              "{\"apiVersion\":\"v3\",\"type\":\"device\",\"action\":\"%s\","
                              "\"source\":\"core-metadata\",\"owner\":\"svc\",\"tags\":null,"
                              "\"details\":{\"name\":\"%s\"},\"timestamp\":1}",
                              action, device));
}

static bool has_stored(void *arg)
{
    const struct awaited *a = arg;
    EDGE_CTX_SCOPE(ctx);
    const struct event_filter all = {EVENT_FILTER_ALL};
    int64_t got = -1;
    CU_ASSERT_EQUAL(event_store_count_events(&ctx, store_of(a->f), &all, &got), EDGE_OK);
    return got == (int64_t)a->n;
}

static void test_events_of_removed_devices_are_purged(void)
{
    static const struct setting PURGE[] = {
        {"WRITABLE_EVENTPURGE", "true"},
        {NULL,                  NULL  }
    };
    CORE_DATA(f, PURGE);
    post(&f, 1, "gone", 100);
    post(&f, 2, "stays", 200);
    publish_removed(&f, "update", "stays");
    publish_removed(&f, "delete", "gone");
    CU_ASSERT_TRUE(wait_until(has_stored, &(struct awaited){&f, 1}, 10000));
    expect(&f, "GET", API "/event/count/device/name/stays", NULL, 200, "\"count\":1}");
}

/* ---- many at once ------------------------------------------------------------------------------
 */

struct poster {
    struct fixture *f;
    unsigned first;
};

static void *post_many(void *arg)
{
    struct poster *p = arg;
    struct fixture own = {.ctx = EDGE_CTX_INIT, .rt = p->f->rt};
    for (unsigned i = 0; i < 100; i++) {
        post(&own, p->first + i, "D", p->first + i);
    }
    edge_ctx_done(&own.ctx);
    return NULL;
}

static void test_concurrent_posts_are_all_there(void)
{
    CORE_DATA(f, NO_SETTINGS);
    struct poster posters[4];
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++) {
        posters[i] = (struct poster){&f, 1 + i * 100};
        threads[i] = edge_thread_start("post", post_many, &posters[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    expect(&f, "GET", API "/event/count", NULL, 200, "\"count\":400}");
    expect(&f, "GET", API "/reading/count", NULL, 200, "\"count\":800}");
}

/* Of one full disk there is one thing to say. */
static void test_refused_events_are_told_together(void)
{
    struct edge_log *log = edge_log_create("core-data");
    struct refusals refusals = {.n = 0};
    refusals_init(&refusals);
    capture_start();
    for (int64_t i = 0; i < 5000; i++) {
        refusals_note(&refusals, log, "the disk is nearly full", 1000 + i);
    }
    refusals_note(&refusals, log, "the disk is nearly full", 11000);
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "\n"), 2);
    CU_ASSERT_EQUAL(capture_count(text, "count=1 reason=\"the disk is nearly full\""), 1);
    CU_ASSERT_EQUAL(capture_count(text, "count=5000 "), 1);
    free(text);
    refusals_done(&refusals);
    edge_log_free(log);
}

CU_TestInfo core_data_tests[] = {
    {"refused events are told together",     test_refused_events_are_told_together    },
    {"a posted event comes back",            test_posted_event_comes_back             },
    {"CBOR with binary comes back",          test_cbor_with_binary_comes_back         },
    {"bad posts store nothing",              test_bad_posts_store_nothing             },
    {"queries find what they name",          test_queries_find_what_they_name         },
    {"bad queries say why",                  test_bad_queries_say_why                 },
    {"resources may be named in the body",   test_resources_may_be_named_in_the_body  },
    {"aggregates are grouped",               test_aggregates_are_grouped              },
    {"deletions answer and happen",          test_deletions_answer_and_happen         },
    {"events of the bus are stored",         test_events_of_the_bus_are_stored        },
    {"events of the bus are paid for",       test_events_of_the_bus_are_paid_for      },
    {"posted events are passed on",          test_posted_events_are_passed_on         },
    {"events are passed on as they came",    test_events_are_passed_on_as_they_came   },
    {"large messages are not passed on",     test_large_messages_are_not_passed_on    },
    {"what is stored is counted on the bus", test_what_is_stored_is_counted_on_the_bus},
    {"events of removed devices are purged", test_events_of_removed_devices_are_purged},
    {"concurrent posts are all there",       test_concurrent_posts_are_all_there      },
    CU_TEST_INFO_NULL,
};
