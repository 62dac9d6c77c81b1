/* The rows of the route tables: each service's say all there is to say of a route. */
#include <ctype.h>
#include <stdio.h>

#include "edge_services.h"
#include "service/instance.h"
#include "service_rig.h"
#include "suites.h"

static void expect_sound(const char *whose, const struct edge_routes *routes)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    const char *wrong = edge_routes_verify(routes, &a);
    if (wrong) {
        printf("\n    %s: %s ", whose, wrong);
    }
    CU_ASSERT_PTR_NULL(wrong);
    edge_arena_done(&a);
}

static void test_rows_say_everything(void)
{
    size_t n;
    const struct edge_service *const *services = edge_services(&n);
    expect_sound("every service", &edge_common_routes);
    for (size_t i = 0; i < n; i++) {
        expect_sound(services[i]->name, &services[i]->routes);
    }
}

/* ---- descriptions -------------------------------------------------------------------------- */

/* The operation of a row in its service's description. */
static const cJSON *operation_of(const cJSON *document, const struct edge_route *row)
{
    char method[16] = "";
    for (size_t i = 0; row->method[i] && i + 1 < sizeof(method); i++) {
        method[i] = (char)tolower(row->method[i]);
    }
    const cJSON *paths = edge_json_member(document, "paths", true);
    size_t prefix = strncmp(row->path, "/api/v3", 7) == 0 ? 7 : 0;
    const cJSON *path = edge_json_member(paths, row->path + prefix, true);
    return path ? edge_json_member(path, method, true) : NULL;
}

static void expect_described(const char *whose, const cJSON *document,
                             const struct edge_routes *routes)
{
    for (size_t i = 0; i < routes->n; i++) {
        const struct edge_route *row = &routes->rows[i];
        const cJSON *operation = operation_of(document, row);
        CU_ASSERT_PTR_NOT_NULL_FATAL(operation);
        char code[8];
        snprintf(code, sizeof(code), "%d", edge_body_code(&row->answer));
        const cJSON *responses = edge_json_member(operation, "responses", true);
        bool answered = edge_json_member(responses, code, true) != NULL;
        if (!answered) {
            printf("\n    %s %s %s: no %s ", whose, row->method, row->path, code);
        }
        CU_ASSERT_TRUE(answered);
        CU_ASSERT_EQUAL(edge_json_member(responses, "404", true) != NULL,
                        edge_route_may_fail(row, 404));
        CU_ASSERT_TRUE(cJSON_GetArraySize(edge_json_member(operation, "x-roles", true)) > 0);
        CU_ASSERT_EQUAL(edge_json_member(operation, "requestBody", true) != NULL,
                        row->request.form != EDGE_B_UNSAID);
    }
}

static void test_each_service_describes_its_routes(void)
{
    size_t n;
    const struct edge_service *const *services = edge_services(&n);
    for (size_t i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        const cJSON *document = NULL;
        CU_ASSERT_EQUAL_FATAL(edge_service_describe(&ctx, services[i], &document), EDGE_OK);
        expect_described(services[i]->name, document, &services[i]->routes);
        expect_described(services[i]->name, document, &edge_common_routes);
    }
}

static void test_a_service_tells_its_description(void)
{
    SERVICE_RIG(rig, &core_keeper, "CommonConfig:\n  File: \"\"\n");
    EDGE_CTX_SCOPE(ctx);
    const cJSON *told = service_rig_ask(&ctx, &rig, "GET", "/api/v3/openapi.json", NULL, 200);
    const cJSON *made = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_service_describe(&ctx, &core_keeper, &made), EDGE_OK);
    CU_ASSERT_TRUE(cJSON_Compare(told, made, true));
}

struct named {
    const char *name;
};
static const struct edge_field named_fields[] = {EDGE_FIELD(struct named, name, "name", "A.")};
static const struct edge_field other_fields[] = {EDGE_FIELD(struct named, name, "other", "B.")};
static const struct edge_dto NAMED = EDGE_DTO(struct named, "Thing", named_fields);
static const struct edge_dto OTHER = EDGE_DTO(struct named, "Thing", other_fields);

/* ---- rows ---------------------------------------------------------------------------------- */

static enum edge_status nothing(struct edge_call *call)
{
    (void)call;
    return EDGE_OK;
}

static void test_a_row_that_says_too_little_is_named(void)
{
#define ROW "GET", "/x", nothing
    static const struct edge_param UNDOCUMENTED[] = {
        {"q", EDGE_P_INT, ""},
        {NULL}
    };
    static const struct {
        struct edge_route row;
        const char *wrong;
    } cases[] = {
        {{ROW, "", .answer = {EDGE_B_BASE}, .roles = EDGE_FOR_ALL},                              "no doc"   },
        {{ROW, "X.", .answer = {EDGE_B_BASE}},                                                   "no roles" },
        {{ROW, "X.", .answer = {EDGE_B_BASE}, .roles = EDGE_ROLE_END},                           "no roles" },
        {{ROW, "X.", .roles = EDGE_FOR_ALL},                                                     "no answer"},
        {{ROW, "X.", .answer = {EDGE_B_OBJECT}, .roles = EDGE_FOR_ALL},                          "no key"   },
        {{ROW, "X.", .answer = {EDGE_B_LIST, "xs"}, .roles = EDGE_FOR_ALL},                      "no DTO"   },
        {{ROW, "X.", .answer = {EDGE_B_RAW}, .roles = EDGE_FOR_ALL},                             "no type"  },
        {{ROW, "X.", .request = {EDGE_B_BATCH}, .answer = {EDGE_B_BASE}, .roles = EDGE_FOR_ALL},
         "batch"                                                                                            },
        {{ROW, "X.", .answer = {EDGE_B_BASE}, .fails = "404,409", .roles = EDGE_FOR_ALL},
         "statuses"                                                                                         },
        {{ROW, "X.", .answer = {EDGE_B_BASE}, .fails = "200", .roles = EDGE_FOR_ALL},            "statuses" },
        {{ROW, "X.", .params = UNDOCUMENTED, .answer = {EDGE_B_BASE}, .roles = EDGE_FOR_ALL},
         "parameter has no doc"                                                                             },
        {{ROW, "X.", .answer = {EDGE_B_BASE}, .fails = "404 409", .roles = EDGE_FOR_ALL},        NULL       },
    };
#undef ROW
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_arena a = EDGE_ARENA_INIT;
        const struct edge_routes routes = {&cases[i].row, 1};
        const char *wrong = edge_routes_verify(&routes, &a);
        bool as_said = cases[i].wrong ? wrong && strstr(wrong, cases[i].wrong) : !wrong;
        if (!as_said) {
            printf("\n    case %zu: %s ", i, wrong ? wrong : "sound");
        }
        CU_ASSERT_TRUE(as_said);
        edge_arena_done(&a);
    }
}

static void test_two_tables_of_one_name_are_told(void)
{
    static const struct edge_route rows[] = {
        {"GET", "/api/v3/x", nothing, "X.", .answer = {EDGE_B_DTO, .dto = &NAMED}},
        {"GET", "/api/v3/y", nothing, "Y.", .answer = {EDGE_B_DTO, .dto = &OTHER}},
    };
    const struct edge_routes routes = EDGE_TABLE(rows);
    const cJSON *document = NULL;
    EDGE_CTX_SCOPE(ctx);
    enum edge_status st = edge_routes_describe(&ctx, "x", "X.", &routes, 1, &document);
    CU_ASSERT_EQUAL(st, EDGE_INTERNAL);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&ctx, st), "two tables are called Thing");
}

static void test_failures_follow_from_the_row(void)
{
    static const struct edge_route plain = {"GET", "/x", nothing, "X.", .fails = "404 409"};
    static const struct edge_route open = {"GET", "/x/{y}",        nothing,
                                           "X.",  EDGE_ROUTE_OPEN, .params = EDGE_PAGE_PARAMS};
    static const struct edge_route taking = {"PUT", "/x", nothing, "X.", .request = {EDGE_B_ANY}};
    static const struct {
        const struct edge_route *row;
        int code;
        bool may;
    } cases[] = {
        {&plain,  404, true },
        {&plain,  409, true },
        {&plain,  400, false},
        {&plain,  401, true },
        {&plain,  416, false},
        {&plain,  413, false},
        {&plain,  500, true },
        {&open,   401, false},
        {&open,   400, true },
        {&open,   416, true },
        {&open,   404, false},
        {&taking, 400, true },
        {&taking, 413, true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(edge_route_may_fail(cases[i].row, cases[i].code), cases[i].may);
    }
}

CU_TestInfo rows_tests[] = {
    {"rows say everything",                 test_rows_say_everything                },
    {"a row that says too little is named", test_a_row_that_says_too_little_is_named},
    {"failures follow from the row",        test_failures_follow_from_the_row       },
    {"each service describes its routes",   test_each_service_describes_its_routes  },
    {"a service tells its description",     test_a_service_tells_its_description    },
    {"two tables of one name are told",     test_two_tables_of_one_name_are_told    },
    CU_TEST_INFO_NULL,
};
