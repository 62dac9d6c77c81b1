/* Pages and numbers of requests: rules and texts of contract 2.6. */
#include <string.h>

#include "edge/http.h"
#include "suites.h"

/* What a row asks for, shown as text. */
static enum edge_status show_page(struct edge_call *call)
{
    struct edge_page page;
    int64_t total = 5, n;
    EDGE_TRY(edge_call_page(call, &page));
    EDGE_TRY(edge_call_param_int(call, "total", &total));
    EDGE_TRY(edge_page_check(edge_call_ctx(call), &page, total, &n));
    edge_reply_type(call, "text/plain");
    edge_buf_printf(edge_reply_body(call), "%lld+%lld n=%lld", (long long)page.offset,
                    (long long)page.limit, (long long)n);
    for (size_t i = 0; i < page.n_labels; i++) {
        edge_buf_printf(edge_reply_body(call), " [%s]", page.labels[i]);
    }
    return EDGE_OK;
}

static enum edge_status show_path(struct edge_call *call)
{
    int64_t start;
    EDGE_TRY(edge_call_param_int(call, "start", &start));
    edge_reply_type(call, "text/plain");
    edge_buf_put_i64(edge_reply_body(call), start);
    return EDGE_OK;
}

static enum edge_status show_unsaid(struct edge_call *call)
{
    int64_t n = 0;
    return edge_call_param_int(call, "n", &n);
}

#define TOTAL_ROW                                                                                  \
    {                                                                                              \
        "total", EDGE_P_INT, "How many there are."                                                 \
    }
static const struct edge_param from_0[] = {EDGE_PAGE_ROWS, EDGE_LABELS_ROW, TOTAL_ROW, {NULL}};
static const struct edge_param from_any[] = {
    {"offset",      EDGE_P_INT, "From here.", .min = -1},
    EDGE_LIMIT_ROW, TOTAL_ROW, {NULL}
};
static const struct edge_param starts[] = {
    {"start",   EDGE_P_INT, "Begin."},
    {NULL}
};

static const struct edge_route routes[] = {
    {"GET",               "/page/0", show_page, "",                            .params = from_0},
    {"GET",                   "/page/any",                        show_page,    "", .params = from_any},
    {"GET", "/start/{start}",          show_path,               "",                            .params = starts},
    {"GET",                 "/unsaid",          show_unsaid,     ""  },
};

struct row {
    const char *target;
    int code;
    const char *expect; /* the body, or what its message says */
};

static void expect_rows(int64_t max_result_count, const struct row *rows, size_t n)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http *http;
    const struct edge_http_config config = {
        .routes = EDGE_TABLE(routes), .threads = 1, .max_result_count = max_result_count};
    CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &http), EDGE_OK);
    for (size_t i = 0; i < n; i++) {
        struct edge_http_response response;
        const struct edge_http_request request = {.method = "GET", .target = rows[i].target};
        edge_http_call(http, &ctx, &request, &response);
        CU_ASSERT_EQUAL(response.code, rows[i].code);
        const char *expect =
            rows[i].code == 200
                ? rows[i].expect
                : edge_printf(&ctx.arena,
                              "{\"apiVersion\":\"v3\",\"message\":\"%s\",\"statusCode\":%d}\n",
                              rows[i].expect, rows[i].code);
        CU_ASSERT_STRING_EQUAL(response.body, expect);
        if (strcmp(response.body, expect) != 0) {
            fprintf(stderr, "%s: %s\n", rows[i].target, response.body);
        }
    }
    edge_http_stop(http, 0);
}

static void test_pages(void)
{
    static const struct row rows[] = {
        {"/page/0",                             200, "0+20 n=5"                                            },
        {"/page/0?offset=&limit=",              200, "0+20 n=5"                                            },
        {"/page/0?offset=%20&limit=%20%09",     200, "0+20 n=5"                                            },
        {"/page/0?offset=2&limit=2",            200, "2+2 n=2"                                             },
        {"/page/0?offset=+2+&limit=%2B2",       200, "2+2 n=2"                                             },
        {"/page/0?limit=-1",                    200, "0+1024 n=5"                                          },
        {"/page/0?limit=1024",                  200, "0+1024 n=5"                                          },
        {"/page/0?limit=0&offset=9",            200, "9+0 n=0"                                             },
        {"/page/0?offset=5",                    200, "5+20 n=0"                                            },
        {"/page/0?offset=4",                    200, "4+20 n=1"                                            },
        {"/page/0?offset=9&total=0",            200, "9+20 n=0"                                            },
        {"/page/0?offset=2147483647&total=0",   200, "2147483647+20 n=0"                                   },
        {"/page/any?offset=-1",                 200, "-1+20 n=5"                                           },
        {"/page/0?labels=a",                    200, "0+20 n=5 [a]"                                        },
        {"/page/0?labels=a,b%2Cc,",             200, "0+20 n=5 [a] [b] [c] []"                             },
        {"/page/0?labels=",                     200, "0+20 n=5"                                            },
        {"/page/0?offset=9",                    416, "query objects bounds out of range. length:5 offset:9"},
        {"/page/0?offset=-1",                   400,
         "querystring offset's value -1 is out of min 0 ~ max 2147483647 range."                           },
        {"/page/any?offset=-2",                 400,
         "querystring offset's value -2 is out of min -1 ~ max 2147483647 range."                          },
        {"/page/0?offset=2147483648",           400,
         "querystring offset's value 2147483648 is out of min 0 ~ max 2147483647 range."                   },
        {"/page/0?limit=2000",                  400,
         "querystring limit's value 2000 is out of min -1 ~ max 1024 range."                               },
        {"/page/0?limit=-2",                    400,
         "querystring limit's value -2 is out of min -1 ~ max 1024 range."                                 },
        {"/page/0?limit=abc",                   400,
         "failed to parse querystring limit's value abc into integer. Error:strconv.Atoi: parsing "
         "\\\"abc\\\": invalid syntax"                                                                     },
        {"/page/0?limit=1.5",                   400,
         "failed to parse querystring limit's value 1.5 into integer. Error:strconv.Atoi: parsing "
         "\\\"1.5\\\": invalid syntax"                                                                     },
        {"/page/0?limit=-",                     400,
         "failed to parse querystring limit's value - into integer. Error:strconv.Atoi: parsing "
         "\\\"-\\\": invalid syntax"                                                                       },
        {"/page/0?offset=99999999999999999999", 400,
         "failed to parse querystring offset's value 99999999999999999999 into integer. "
         "Error:strconv.Atoi: parsing \\\"99999999999999999999\\\": value out of range"                    },
    };
    expect_rows(0, rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_small_services_have_small_pages(void)
{
    static const struct row rows[] = {
        {"/page/0",          200, "0+3 n=3"                                                    },
        {"/page/0?limit=-1", 200, "0+3 n=3"                                                    },
        {"/page/0?limit=4",  400, "querystring limit's value 4 is out of min -1 ~ max 3 range."},
    };
    expect_rows(3, rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_numbers_in_paths(void)
{
    static const struct row rows[] = {
        {"/start/0",                   200, "0"                                           },
        {"/start/1754470001000000001", 200, "1754470001000000001"                         },
        {"/start/9223372036854775807", 200, "9223372036854775807"                         },
        {"/start/-1",                  400,
         "path param start's value -1 is out of min 0 ~ max 9223372036854775807 range."   },
        {"/start/x",                   400,
         "failed to parse path param start's value x into integer. Error:strconv.ParseInt: parsing "
         "\\\"x\\\": invalid syntax"                                                      },
        {"/start/9223372036854775808", 400,
         "failed to parse path param start's value 9223372036854775808 into integer. "
         "Error:strconv.ParseInt: parsing \\\"9223372036854775808\\\": value out of range"},
        {"/start/%201",                400,
         "failed to parse path param start's value  1 into integer. Error:strconv.ParseInt: "
         "parsing \\\" 1\\\": invalid syntax"                                             },
    };
    expect_rows(0, rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_numbers_no_row_names_are_refused(void)
{
    static const struct row rows[] = {
        {"/unsaid?n=1", 500, "route /unsaid has no row of the parameter n"},
    };
    expect_rows(0, rows, sizeof(rows) / sizeof(rows[0]));
}

CU_TestInfo page_tests[] = {
    {"pages",                            test_pages                           },
    {"small services have small pages",  test_small_services_have_small_pages },
    {"numbers in paths",                 test_numbers_in_paths                },
    {"numbers no row names are refused", test_numbers_no_row_names_are_refused},
    CU_TEST_INFO_NULL,
};
