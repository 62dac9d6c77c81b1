/* The rows of the route tables: each service's say all there is to say of a route. */
#include <stdio.h>

#include "dtotest.h"
#include "edge_services.h"
#include "service/instance.h"

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
    expect_sound("every service", &common_routes);
    for (size_t i = 0; i < n; i++) {
        expect_sound(services[i]->name, &services[i]->routes);
    }
}

static enum edge_status nothing(struct edge_call *call)
{
    (void)call;
    return EDGE_OK;
}

static void test_a_row_that_says_too_little_is_named(void)
{
#define ROW "GET", "/x", nothing
    static const struct edge_query_param UNDOCUMENTED[] = {
        {"q", EDGE_Q_INT, ""},
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
        {{ROW, "X.", .query = UNDOCUMENTED, .answer = {EDGE_B_BASE}, .roles = EDGE_FOR_ALL},
         "query parameter"                                                                                  },
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

static void test_failures_follow_from_the_row(void)
{
    static const struct edge_route plain = {"GET", "/x", nothing, "X.", .fails = "404 409"};
    static const struct edge_route open = {"GET", "/x/{y}",        nothing,
                                           "X.",  EDGE_ROUTE_OPEN, .query = EDGE_PAGE_QUERY};
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
    CU_TEST_INFO_NULL,
};
