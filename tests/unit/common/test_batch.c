/* Batches: all or nothing before anything is done, then a status for each item (contract 2.5). */
#include <string.h>

#include "edge/base.h"
#include "edge/budget.h"
#include "edge/http.h"
#include "suites.h"

struct thing {
    const char *id, *name;
    int64_t weight;
};
struct add_thing {
    struct edge_base_request base;
    struct thing thing;
};

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct thing, m, __VA_ARGS__)
static const struct edge_field thing_fields[] = {
    F(id, "id", "Assigned.", .flags = EDGE_READONLY),
    F(name, "name", "Unique.", .flags = EDGE_REQUIRED),
    F(weight, "weight", "In grams.", .min = 1, .max = 1000),
};
#undef F
/* clang-format on */
static const struct edge_dto THING = EDGE_DTO(struct thing, "Thing", thing_fields);
static const struct edge_field add_thing_fields[] = {
    EDGE_BASE_REQUEST_ROW(struct add_thing),
    EDGE_OBJECT(struct add_thing, thing, "thing", "To add.", &THING, .flags = EDGE_REQUIRED),
};
static const struct edge_dto ADD_THING =
    EDGE_DTO(struct add_thing, "AddThingRequest", add_thing_fields);

enum { BUDGET = 1024 * 1024, ITEM_BYTES = BUDGET / 3 };

/* The state is how many items were handled. */
static enum edge_status handle(struct edge_call *call, const char *name, struct edge_item *item)
{
    struct edge_ctx *ctx = edge_call_ctx(call);
    ++*(int *)edge_call_state(call);
    EDGE_TRY(edge_ctx_charge(ctx, ITEM_BYTES));
    if (name && strcmp(name, "taken") == 0) {
        enum edge_status st = edge_fail(ctx, EDGE_CONFLICT, "%s exists", name);
        return edge_wrap(ctx, st, "not added");
    }
    if (name && strcmp(name, "broken") == 0) {
        return EDGE_INTERNAL;
    }
    item->code = 200;
    return EDGE_OK;
}

static enum edge_status add(struct edge_call *call, void *object, struct edge_item *item)
{
    struct add_thing *request = object;
    EDGE_TRY(handle(call, request->thing.name, item));
    item->id = request->thing.name;
    item->code = 201;
    return EDGE_OK;
}

static enum edge_status patch(struct edge_call *call, const cJSON *object, struct edge_item *item)
{
    const cJSON *name = edge_json_member(object, "name", false);
    return handle(call, cJSON_IsString(name) ? name->valuestring : NULL, item);
}

static enum edge_status add_all(struct edge_call *call)
{
    return edge_each_decoded(call, &ADD_THING, add);
}

static enum edge_status patch_all(struct edge_call *call)
{
    return edge_each_patch(call, "thing", &THING, patch);
}

static const struct edge_route routes[] = {
    {"POST",  "/thing", add_all,   "", 0,                     0},
    {"PATCH", "/thing", patch_all, "", 0,                     0},
    {"POST",  "/chain", add_all,   "", EDGE_ROUTE_ITEM_CHAIN, 0},
};

struct row {
    const char *body;
    int code, handled;
    const char *expect; /* the body of a 207; part of any other */
};

static void expect_rows(const char *method, const char *target, const struct row *rows, size_t n)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http *http;
    int handled;
    struct edge_budget *budget = edge_budget_create(BUDGET); /* for two items, not for four */
    const struct edge_http_config config = {
        .routes = EDGE_TABLE(routes), .threads = 1, .state = &handled, .budget = budget};
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &http), EDGE_OK);
    for (size_t i = 0; i < n; i++) {
        struct edge_http_response response;
        const struct edge_http_request request = {.method = method,
                                                  .target = target,
                                                  .body = rows[i].body,
                                                  .body_size = strlen(rows[i].body)};
        handled = 0;
        edge_http_call(http, &ctx, &request, &response);
        CU_ASSERT_EQUAL(response.code, rows[i].code);
        CU_ASSERT_EQUAL(handled, rows[i].handled);
        bool as_expected =
            rows[i].code == 207
                ? strcmp(response.body, edge_printf(&ctx.arena, "%s\n", rows[i].expect)) == 0
                : strstr(response.body, rows[i].expect) != NULL;
        CU_ASSERT_TRUE(as_expected);
        if (!as_expected || response.code != rows[i].code) {
            fprintf(stderr, "%s: %d %s\n", rows[i].body, response.code, response.body);
        }
    }
    edge_http_stop(http, 0);
    struct edge_budget_state state;
    edge_budget_state(budget, &state);
    CU_ASSERT_EQUAL(state.in_use, 0);
    edge_budget_unref(budget);
}

#define ID "e6e8a2f4-eb14-4649-9e2b-175247911369"

static void test_items_have_a_status_each(void)
{
    static const struct row rows[] = {
        {"[]",                                                           207, 0, "null"},
        {"null",                                                         207, 0, "null"},
        {" [ ] ",                                                        207, 0, "null"},
        {"[{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"a\"}}]",         207, 1,
         "[{\"apiVersion\":\"v3\",\"statusCode\":201,\"id\":\"a\"}]"                   },
        {"[{\"apiVersion\":\"v3\",\"requestId\":\"" ID "\",\"thing\":{\"name\":\"a\"}},"
         "{\"apiVersion\":\"v3\",\"requestId\":\"\",\"thing\":{\"name\":\"taken\"}},"
         "{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"broken\"}},"
         "{\"APIVERSION\":\"v3\",\"Thing\":{\"NAME\":\"b\"}}]", 207, 4,
         "[{\"apiVersion\":\"v3\",\"requestId\":\"" ID "\",\"statusCode\":201,\"id\":\"a\"},"
         "{\"apiVersion\":\"v3\",\"message\":\"not added\",\"statusCode\":409},"
         "{\"apiVersion\":\"v3\",\"message\":\"internal error\",\"statusCode\":500},"
         "{\"apiVersion\":\"v3\",\"statusCode\":201,\"id\":\"b\"}]"                    },
    };
    expect_rows("POST", "/thing", rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_chains_of_items(void)
{
    static const struct row rows[] = {
        {"[{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"taken\"}}]", 207, 1,
         "[{\"apiVersion\":\"v3\",\"message\":\"not added -> taken exists\",\"statusCode\":409}]"},
    };
    expect_rows("POST", "/chain", rows, 1);
}

static void test_one_bad_item_spoils_all(void)
{
    static const struct row rows[] = {
        {"",                                                                                 400, 0, "EOF"                  },
        {"{}",                                                                               400, 0, "body must be an array"},
        {"1",                                                                                400, 0, "body must be an array"},
        {"[",                                                                                400, 0, "\"statusCode\":400"   },
        {"[1]",                                                                              400, 0, "\"statusCode\":400"   },
        {"[null]",                                                                           400, 0, "\"statusCode\":400"   },
        {"[{}]",                                                                             400, 0, "apiVersion"           },
        {"[{\"apiVersion\":\"v3\"}]",                                                        400, 0, "thing"                },
        {"[{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"a\"}},"
         "{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"\"}}]",                      400, 0, "name"                 },
        {"[{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"a\"}},"
         "{\"apiVersion\":\"v3\",\"requestId\":\"x\",\"thing\":{\"name\":\"b\"}}]", 400, 0, "requestId"            },
        {"[{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"a\",\"weight\":1001}}]",             400, 0, "weight"               },
    };
    expect_rows("POST", "/thing", rows, sizeof(rows) / sizeof(rows[0]));
}

#define PATCH(thing) "[{\"apiVersion\":\"v3\",\"thing\":" thing "}]"
#define PATCHED      "[{\"apiVersion\":\"v3\",\"statusCode\":200}]"

static void test_patches(void)
{
    static const struct row rows[] = {
        {"[]",                                                                                        207, 0, "null"                                                 },
        {PATCH("{\"name\":\"a\"}"),                                                                   207, 1, PATCHED                                                },
        {PATCH("{\"name\":\"a\",\"weight\":2}"),                                                      207, 1, PATCHED                                                },
        {PATCH("{\"name\":\"a\",\"weight\":null}"),                                                   207, 1, PATCHED                                                },
        {PATCH("{\"id\":\"" ID "\"}"),                                                                207, 1, PATCHED                                                },
        {PATCH("{\"id\":\"{E6E8A2F4-EB14-4649-9E2B-175247911369}\"}"),                                207, 1, PATCHED                                                },
        {PATCH("{\"id\":\"\",\"name\":\"a\"}"),                                                       207, 1, PATCHED                                                },
        {PATCH("{\"id\":null,\"name\":\"a\"}"),                                                       207, 1, PATCHED                                                },
        {PATCH("{\"id\":\"" ID "\",\"name\":null}"),                                                  207, 1, PATCHED                                                },
        {PATCH("{\"name\":\"taken\"}"),                                                               207, 1,
         "[{\"apiVersion\":\"v3\",\"message\":\"not added\",\"statusCode\":409}]"                                                                                    },
        {"[{\"apiVersion\":\"v3\",\"requestId\":\"" ID "\",\"thing\":{\"name\":\"a\"}},"
         "{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"taken\"}}]",                          207, 2,
         "[{\"apiVersion\":\"v3\",\"requestId\":\"" ID "\",\"statusCode\":200},"
         "{\"apiVersion\":\"v3\",\"message\":\"not added\",\"statusCode\":409}]"                                                                                     },
        {PATCH("{}"),                                                                                 400, 0, "Thing.id field is required if the name is not present"},
        {PATCH("{\"id\":\"\"}"),                                                                      400, 0, "Thing.id field is required if the name is not present"},
        {PATCH("{\"id\":\"x\",\"name\":\"a\"}"),                                                      400, 0, "Thing.id field needs a uuid"                          },
        {PATCH("{\"id\":1,\"name\":\"a\"}"),                                                          400, 0, "id"                                                   },
        {PATCH("{\"name\":\"\"}"),                                                                    400, 0, "name"                                                 },
        {PATCH("{\"name\":\"\",\"id\":\"" ID "\"}"),                                                  400, 0, "name"                                                 },
        {PATCH("{\"name\":1}"),                                                                       400, 0, "name"                                                 },
        {PATCH("{\"name\":\"a\",\"weight\":0}"),                                                      400, 0, "weight"                                               },
        {PATCH("{\"name\":\"a\",\"weight\":\"1\"}"),                                                  400, 0, "weight"                                               },
        {PATCH("[]"),                                                                                 400, 0, "\"statusCode\":400"                                   },
        {PATCH("null"),                                                                               400, 0, "thing field is required"                              },
        {"[{\"apiVersion\":\"v3\"}]",                                                                 400, 0, "thing field is required"                              },
        {"[{\"thing\":{\"name\":\"a\"}}]",                                                            400, 0, "apiVersion"                                           },
        {"[{\"apiVersion\":\"v3\",\"thing\":{\"name\":\"a\"}},{\"apiVersion\":\"v3\",\"thing\":{}}]",
         400,                                                                                              0, "Thing.id"                                             },
    };
    expect_rows("PATCH", "/thing", rows, sizeof(rows) / sizeof(rows[0]));
}

CU_TestInfo batch_tests[] = {
    {"items have a status each", test_items_have_a_status_each},
    {"chains of items",          test_chains_of_items         },
    {"one bad item spoils all",  test_one_bad_item_spoils_all },
    {"patches",                  test_patches                 },
    CU_TEST_INFO_NULL,
};
