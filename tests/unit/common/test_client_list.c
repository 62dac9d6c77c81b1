/* Lists of a neighbour, by socket and in process: all elements, whatever a page of them takes. */
#include <stdio.h>
#include <string.h>

#include "edge/budget.h"
#include "edge/client.h"
#include "suites.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

struct long_list {
    size_t n, size, monster, monster_size; /* elements of so many bytes; one of them is larger */
    size_t most;                           /* MaxResultCount */
};

static enum edge_status put_element(struct edge_call *call, const struct long_list *list, size_t i)
{
    size_t size = i == list->monster ? list->monster_size : list->size;
    edge_reply_list_item(call);
    struct edge_buf *body = edge_reply_body(call);
    edge_buf_printf(body, "{\"i\":%zu,\"text\":\"", i);
    memset(edge_buf_room(body, size), 'x', size);
    body->len += size;
    edge_buf_puts(body, "\"}");
    return edge_reply_check(call);
}

static enum edge_status reply_list(struct edge_call *call)
{
    const struct long_list *list = edge_call_state(call);
    struct edge_page page;
    int64_t n;
    EDGE_TRY(edge_call_page(call, &page));
    EDGE_TRY(edge_page_check(edge_call_ctx(call), &page, (int64_t)list->n, &n));
    edge_reply_list_open(call, "things", (int64_t)list->n);
    for (int64_t i = page.offset; i < page.offset + n; i++) {
        EDGE_TRY(put_element(call, list, (size_t)i));
    }
    return edge_reply_list_close(call);
}

struct seen {
    size_t n, out_of_order;
    int64_t last;
};

static enum edge_status see(struct edge_ctx *ctx, const cJSON *item, void *arg)
{
    struct seen *seen = arg;
    int64_t i = -1;
    CU_ASSERT(edge_json_int(edge_json_member(item, "i", false), &i));
    seen->out_of_order += i <= seen->last;
    seen->last = i;
    seen->n++;
    return i < 0 ? edge_fail(ctx, EDGE_REMOTE, "no number") : EDGE_OK;
}

static void test_a_list_is_read_in_pages_that_fit(void)
{
    static const struct {
        struct long_list list;
        int64_t page;
        size_t seen;
    } cases[] = {
        {{70, 1000000, 100, 0, 1024}, 1000, 70  },
        {{70, 1000000, 100, 0, 1024}, -1,   70  },
        {{70, 1000000, 100, 0, 50},   -1,   70  },
        {{5, 10, 2, 34 << 20, 1024},  -1,   4   }, /* one is passed over */
        {{1, 10, 0, 34 << 20, 1024},  1000, 0   },
        {{3000, 10, 5000, 0, 1024},   1000, 3000},
        {{0, 10, 5000, 0, 1024},      -1,   0   },
    };
    static const struct edge_route routes[] = {
        {"GET", "/things", reply_list, "", 0, 0, .params = EDGE_LABELLED_PARAMS}
    };
    for (size_t i = 0; i < 2 * N(cases); i++) {
        struct long_list list = cases[i % N(cases)].list;
        struct edge_budget *budget = edge_budget_create(EDGE_BUDGET_DEFAULT);
        struct edge_client *c = edge_client_create();
        struct edge_http_config config = {.routes = EDGE_TABLE(routes),
                                          .state = &list,
                                          .budget = budget,
                                          .threads = 1,
                                          .max_result_count = (int64_t)list.most};
        struct edge_http *http = NULL;
        EDGE_CTX_SCOPE(ctx);
        CU_ASSERT_EQUAL_FATAL(edge_http_start(&ctx, &config, &http), EDGE_OK);
        const char *url = edge_printf(&ctx.arena, "http://127.0.0.1:%d", edge_http_port(http));
        if (i >= N(cases)) {
            edge_client_attach(c, url, http);
        }
        struct seen seen = {.last = -1};
        struct edge_client_list asked = {
            .base_url = url,
            .path = "/things",
            .key = "things",
            .limit = -1,
            .page = cases[i % N(cases)].page,
            .timeout_ms = 20000,
            .visit = see,
            .arg = &seen,
        };
        ctx.budget = i >= N(cases) && i % 2 ? budget : NULL; /* by socket it would pay twice */
        enum edge_status st = edge_client_list(c, &ctx, &asked);
        if (st != EDGE_OK) {
            printf("case %zu: %s\n", i, edge_ctx_message(&ctx, st));
        }
        CU_ASSERT_EQUAL(st, EDGE_OK);
        CU_ASSERT_EQUAL(seen.n, cases[i % N(cases)].seen);
        CU_ASSERT_EQUAL(seen.out_of_order, 0);
        CU_ASSERT_FALSE(asked.changed);
        CU_ASSERT_EQUAL(asked.total, (int64_t)list.n);
        edge_client_free(c);
        edge_http_stop(http, 1000);
        struct edge_budget_state state;
        edge_budget_state(budget, &state);
        CU_ASSERT(state.peak > 0 || list.size < 1000);
        CU_ASSERT_EQUAL(state.in_use, 0);
        edge_budget_unref(budget);
    }
}

CU_TestInfo client_list_tests[] = {
    {"a list is read in pages that fit", test_a_list_is_read_in_pages_that_fit},
    CU_TEST_INFO_NULL,
};
