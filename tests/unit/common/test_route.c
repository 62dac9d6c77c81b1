/* The route table and the door for targets: pure functions, rows of cases. */
#include <string.h>

#include "http/http_internal.h"
#include "suites.h"

static enum edge_status nothing(struct edge_call *call)
{
    (void)call;
    return EDGE_OK;
}

#define ROW(method, path)                                                                          \
    {                                                                                              \
        method, path, nothing, ""                                                                  \
    }

/* Shapes of the official services: keeper, metadata, data. */
static const struct edge_route rows[] = {
    ROW("GET", "/api/v3/ping"),
    ROW("GET", "/api/v3/kvs/key/{key}"),
    ROW("PUT", "/api/v3/kvs/key/{key}"),
    ROW("POST", "/api/v3/device"),
    ROW("PATCH", "/api/v3/device"),
    ROW("GET", "/api/v3/device/all"),
    ROW("GET", "/api/v3/device/name/{name}"),
    ROW("DELETE", "/api/v3/device/name/{name}"),
    ROW("POST", "/api/v3/device/name/fixed"),
    ROW("GET", "/api/v3/deviceprofile/name/{name}"),
    ROW("DELETE", "/api/v3/deviceprofile/name/{name}/resource/{resource}"),
    ROW("GET", "/api/v3/event/start/{start}/end/{end}"),
    ROW("GET", "/api/v3/reading/{a}/x"),
    ROW("GET", "/api/v3/reading/name/y"),
};
static const struct edge_routes table = EDGE_TABLE(rows);

static struct http_router *router_of(const struct edge_routes *routes)
{
    EDGE_CTX_SCOPE(ctx);
    struct http_router *router = http_router_create();
    CU_ASSERT_EQUAL(http_router_add(&ctx, router, routes), EDGE_OK);
    return router;
}

static void test_paths_find_their_route(void)
{
    static const struct {
        const char *method, *path, *route, *first, *second;
    } cases[] = {
        {"GET",    "/api/v3/ping",                              "/api/v3/ping",                          NULL,    NULL },
        {"GET",    "/api/v3/kvs/key/a/b/c",                     "/api/v3/kvs/key/{key}",                 "a/b/c", NULL },
        {"PUT",    "/api/v3/kvs/key/a%2Fb",                     "/api/v3/kvs/key/{key}",                 "a%2Fb", NULL },
        {"GET",    "/api/v3/device/name/a/b",                   "/api/v3/device/name/{name}",            "a/b",   NULL },
        {"GET",    "/api/v3/device/name/a/",                    "/api/v3/device/name/{name}",            "a/",    NULL },
        {"GET",    "/api/v3/device/name//a",                    "/api/v3/device/name/{name}",            "/a",    NULL },
 /* a static row that lacks the method does not hide the parameter */
        {"GET",    "/api/v3/device/name/fixed",                 "/api/v3/device/name/{name}",            "fixed", NULL },
        {"POST",   "/api/v3/device/name/fixed",                 "/api/v3/device/name/fixed",             NULL,    NULL },
        {"GET",    "/api/v3/deviceprofile/name/p",              "/api/v3/deviceprofile/name/{name}",     "p",     NULL },
        {"DELETE", "/api/v3/deviceprofile/name/p/resource/r/s",
         "/api/v3/deviceprofile/name/{name}/resource/{resource}",                                        "p",     "r/s"},
        {"DELETE", "/api/v3/deviceprofile/name//resource/r",
         "/api/v3/deviceprofile/name/{name}/resource/{resource}",                                        "",      "r"  },
        {"GET",    "/api/v3/event/start/1/end/2",               "/api/v3/event/start/{start}/end/{end}", "1",     "2"  },
 /* backtracking: "name" is a static segment that leads nowhere here */
        {"GET",    "/api/v3/reading/name/x",                    "/api/v3/reading/{a}/x",                 "name",  NULL },
        {"GET",    "/api/v3/reading/name/y",                    "/api/v3/reading/name/y",                NULL,    NULL },
    };
    struct http_router *router = router_of(&table);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_match m;
        http_router_match(router, http_method_of(cases[i].method), cases[i].path,
                          strlen(cases[i].path), &m);
        CU_ASSERT_PTR_NOT_NULL_FATAL(m.end);
        CU_ASSERT_STRING_EQUAL(m.end->row->path, cases[i].route);
        const char *expected[] = {cases[i].first, cases[i].second};
        for (size_t p = 0; p < 2 && expected[p]; p++) {
            CU_ASSERT(m.end->n_names > p);
            CU_ASSERT_EQUAL(m.params[p].len, strlen(expected[p]));
            CU_ASSERT_EQUAL(memcmp(m.params[p].text, expected[p], m.params[p].len), 0);
        }
    }
    http_router_free(router);
}

static void test_paths_without_a_route(void)
{
    static const char *const unknown[] = {
        "",
        "/",
        "//",
        "/api",
        "/api/v3",
        "/api/v3/",
        "/api/v3/ping/",
        "/api/v3/pin",
        "/api/v3/pings",
        "/API/v3/ping",
        "/api/v3/pin%67",
        "/api/v3/kvs/key",
        "/api/v3/kvs/key/",
        "/api/v3/device/name/",
        "/api/v3/deviceprofile/name/",
        "/api/v3/deviceprofile/name/a/b",
        "/api/v3/deviceprofile/name/a/resource/",
        "/api/v3/event/start/1/end/",
        "api/v3/ping",
    };
    struct http_router *router = router_of(&table);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        struct http_match m;
        http_router_match(router, HTTP_GET, unknown[i], strlen(unknown[i]), &m);
        CU_ASSERT_PTR_NULL(m.end);
        CU_ASSERT_EQUAL(m.methods, 0);
    }
    http_router_free(router);
}

static void test_other_methods_are_told(void)
{
    struct http_router *router = router_of(&table);
    struct http_match m;
    http_router_match(router, HTTP_PUT, "/api/v3/device", 14, &m);
    CU_ASSERT_PTR_NULL(m.end);
    CU_ASSERT_EQUAL(m.methods, 1U << HTTP_POST | 1U << HTTP_PATCH);
    http_router_match(router, HTTP_PUT, "/api/v3/device/name/fixed", 25, &m);
    CU_ASSERT_EQUAL(m.methods, 1U << HTTP_POST | 1U << HTTP_GET | 1U << HTTP_DELETE);
    http_router_match(router, HTTP_OTHER, "/api/v3/ping", 12, &m);
    CU_ASSERT_EQUAL(m.methods, 1U << HTTP_GET);
    http_router_free(router);
}

static void test_bad_rows_are_named(void)
{
    static const struct {
        struct edge_route rows[2];
        const char *expect;
    } cases[] = {
        {{ROW("GET", "/a"), ROW("GET", "/a")},                                   "GET /a is there twice"    },
        {{ROW("GET", "/a/{x}"), ROW("GET", "/a/{y}")},                           "GET /a/{y} is there twice"},
        {{ROW("GET", "/a"), ROW("FETCH", "/b")},                                 "FETCH /b is malformed"    },
        {{ROW("GET", "/a"), ROW("GET", "b")},                                    "GET b is malformed"       },
        {{ROW("GET", "/a"), ROW("GET", "/b/")},                                  "GET /b/ is malformed"     },
        {{ROW("GET", "/a"), ROW("GET", "/{}")},                                  "GET /{} is malformed"     },
        {{ROW("GET", "/a"), ROW("GET", "/x{y}")},                                "GET /x{y} is malformed"   },
        {{ROW("GET", "/a"), ROW("GET", "/{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9}")}, "is malformed"             },
        {{ROW("GET", "/a"), {"GET", "/b", NULL, "", 0, 0}},                      "GET /b is malformed"      },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct http_router *router = http_router_create();
        const struct edge_routes routes = {cases[i].rows, 2};
        CU_ASSERT_EQUAL(http_router_add(&ctx, router, &routes), EDGE_INTERNAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INTERNAL), cases[i].expect));
        http_router_free(router);
    }
}

static void test_targets_are_checked(void)
{
    static const struct {
        const char *target, *fault; /* NULL: fine */
    } cases[] = {
        {"/",                            NULL              },
        {"/api/v3/ping",                 NULL              },
        {"/a%2Fb",                       NULL              },
        {"/a%5Cb",                       NULL              },
        {"/a/..b",                       NULL              },
        {"/a/b..",                       NULL              },
        {"/a/...",                       NULL              },
        {"/a/%252e%252e",                NULL              }, /* decoded once it is a name, not a dot segment */
        {"/a;b=c",                       NULL              },
        {"/\xc3\xa4",                    NULL              },
        {"/%c3%a4",                      NULL              },
        {"/%c3\xa4",                     NULL              },
        {"/a?b=../..&c=/./",             NULL              },
        {"/a?b=%2e%2e",                  NULL              },
        {"/a?b=%C3%A4",                  NULL              },
        {"*",                            "start with '/'"  },
        {"",                             "start with '/'"  },
        {"http://localhost/api/v3/ping", "start with '/'"  },
        {"api",                          "start with '/'"  },
        {"/a/../b",                      "dot segment"     },
        {"/..",                          "dot segment"     },
        {"/.",                           "dot segment"     },
        {"/./",                          "dot segment"     },
        {"/a/%2e%2e/b",                  "dot segment"     },
        {"/a/%2E./b",                    "dot segment"     },
        {"/a/.%2e?x",                    "dot segment"     },
        {"/a/%2e",                       "dot segment"     },
        {"/a%00b",                       "NUL"             },
        {"/a?b=%00",                     "NUL"             },
        {"/a%",                          "malformed escape"},
        {"/a%2",                         "malformed escape"},
        {"/a%2g",                        "malformed escape"},
        {"/a%g2",                        "malformed escape"},
        {"/a?b=100%",                    "malformed escape"},
        {"/a%u0041",                     "malformed escape"},
        {"/a\\b",                        "to be escaped"   },
        {"/a\tb",                        "to be escaped"   },
        {"/a\x7f",                       "to be escaped"   },
        {"/a#b",                         "to be escaped"   },
        {"/%c0%af",                      "not UTF-8"       },
        {"/%c3/%a4",                     "not UTF-8"       },
        {"/\xff",                        "not UTF-8"       },
        {"/a?b=%ff",                     "not UTF-8"       },
        {"/%ed%a0%80",                   "not UTF-8"       },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        enum edge_status st = http_target_check(&ctx, cases[i].target);
        CU_ASSERT_EQUAL(st, cases[i].fault ? EDGE_INVALID : EDGE_OK);
        if (cases[i].fault) {
            CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, st), cases[i].fault));
        }
    }
}

static void test_queries_are_decoded(void)
{
    static const struct {
        const char *query;
        size_t n;
        const char *name, *value; /* of the last pair */
    } cases[] = {
        {"",                0, NULL,  NULL   },
        {"&&",              0, NULL,  NULL   },
        {"a",               1, "a",   ""     },
        {"a=",              1, "a",   ""     },
        {"=b",              1, "",    "b"    },
        {"a=b=c",           1, "a",   "b=c"  },
        {"x=1&a+b=c%2Bd+e", 2, "a b", "c+d e"},
        {"x=1&&y=%26%3D",   2, "y",   "&="   },
        {"a=1;b=2",         1, "a",   "1;b=2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_arena a = EDGE_ARENA_INIT;
        size_t n;
        struct http_pair *pairs = http_query_parse(&a, cases[i].query, &n);
        CU_ASSERT_EQUAL(n, cases[i].n);
        if (n > 0) {
            CU_ASSERT_STRING_EQUAL(pairs[n - 1].name, cases[i].name);
            CU_ASSERT_STRING_EQUAL(pairs[n - 1].value, cases[i].value);
        }
        edge_arena_done(&a);
    }
}

CU_TestInfo route_tests[] = {
    {"paths find their route", test_paths_find_their_route},
    {"paths without a route",  test_paths_without_a_route },
    {"other methods are told", test_other_methods_are_told},
    {"bad rows are named",     test_bad_rows_are_named    },
    {"targets are checked",    test_targets_are_checked   },
    {"queries are decoded",    test_queries_are_decoded   },
    CU_TEST_INFO_NULL,
};
