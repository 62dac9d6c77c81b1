/* Memory has a bound, whatever the peers send and ask for. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/cbor.h"
#include "edge/dto.h"
#include "edge/yaml.h"
#include "http_bounded.h"

static void test_a_budget_is_kept(void)
{
    struct edge_budget *b = edge_budget_create(BOUNDED_LIMIT);
    struct edge_budget_state state;
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, BOUNDED_LIMIT / 2));
    CU_ASSERT_FALSE(
        edge_budget_resize(b, 0, BOUNDED_LIMIT / 2)); /* an eighth is left to the small */
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, 1000));
    CU_ASSERT_TRUE(edge_budget_resize(b, BOUNDED_LIMIT / 2, BOUNDED_LIMIT / 4));
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, BOUNDED_LIMIT / 2));
    edge_budget_state(b, &state);
    CU_ASSERT_EQUAL(state.in_use, BOUNDED_LIMIT / 4 + BOUNDED_LIMIT / 2 + 1000);
    CU_ASSERT_EQUAL(state.peak, state.in_use);
    CU_ASSERT_EQUAL(state.refused, 1);
    CU_ASSERT(state.refused_ms > 0);
    CU_ASSERT_TRUE(edge_budget_resize(b, state.in_use, 0));
    CU_ASSERT_FALSE(
        edge_budget_resize(b, 0, BOUNDED_LIMIT - BOUNDED_LIMIT / 8)); /* too much for one */
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, edge_budget_most(b)));
    edge_budget_limit(b, 0);
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, SIZE_MAX / 2));
    edge_budget_unref(b);
}

static void test_a_budget_rests_once(void)
{
    enum { MUCH = 10 * 1024 * 1024 };
    struct edge_budget *b = edge_budget_create(0);
    CU_ASSERT_FALSE(edge_budget_has_rest(b));
    CU_ASSERT_TRUE(edge_budget_resize(b, 0, MUCH));
    CU_ASSERT_FALSE(edge_budget_has_rest(b));
    CU_ASSERT_TRUE(edge_budget_resize(b, MUCH, 1000));
    CU_ASSERT_TRUE(edge_budget_has_rest(b));
    CU_ASSERT_FALSE(edge_budget_has_rest(b));
    CU_ASSERT_TRUE(edge_budget_resize(b, 1000, 2000));
    CU_ASSERT_FALSE(edge_budget_has_rest(b)); /* not again for little */
    edge_budget_unref(b);
}

static void test_bodies_have_a_budget(void)
{
    enum { N = 4, SIZE = 400 * 1024 };
    struct bounded f;
    int fds[N];
    unsigned refused = 0;
    bounded_serve_with(&f, (struct edge_http_config){.body_deadline_ms = 60000});
    char *part = edge_alloc(&f.arena, SIZE + 1, 1);
    memset(part, ' ', SIZE);
    for (int i = 0; i < N; i++) {
        fds[i] =
            bounded_open(&f, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 700000\r\n\r\n");
        http_probe_text(fds[i], part);
        http_probe_ask(&f.arena, f.port, "GET", "/ping", NULL, NULL, &f.answer);
        CU_ASSERT_EQUAL(f.answer.code, 200); /* who wants little is served all the same */
    }
    for (int i = 0; i < N; i++) { /* those that stand still give way, too */
        http_probe_read(&f.arena, fds[i], HTTP_PROBE_MS, &f.answer);
        refused += f.answer.code == 503;
        if (f.answer.code == 503) {
            CU_ASSERT_STRING_EQUAL(http_answer_header(&f.arena, &f.answer, "Retry-After"), "1");
            CU_ASSERT_PTR_NOT_NULL(strstr(f.answer.body, "too much memory is in use"));
        }
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(refused, N);
    CU_ASSERT(bounded_peak(&f) <= BOUNDED_LIMIT);
    CU_ASSERT(edge_counter_get(edge_counter(f.metrics, "HttpRequestsRefused", "")) >= 1);
    CU_ASSERT_TRUE(wait_until(bounded_owes_nothing, &f, HTTP_PROBE_MS));
    const char *body = edge_strndup(&f.arena, part, 200 * 1024);
    http_probe_ask(&f.arena, f.port, "POST", "/size", NULL, body, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200); /* and there is room again */
    http_probe_ask(&f.arena, f.port, "POST", "/size", "Content-Length: 4000000\r\n", NULL,
                   &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 413); /* what never fits says so, not to come again */
    bounded_done(&f);
}

static void test_answers_have_a_budget(void)
{
    struct bounded f;
    bounded_serve(&f);
    http_probe_ask(&f.arena, f.port, "GET", "/whole", NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 503);
    CU_ASSERT_STRING_EQUAL(http_answer_header(&f.arena, &f.answer, "Retry-After"), "1");
    CU_ASSERT_TRUE(wait_until(bounded_owes_nothing, &f, HTTP_PROBE_MS));
    bounded_done(&f);
}

/* Heads of which no server can make anything, by the thousand. */
static void test_oversized_heads_leave_nothing(void)
{
    struct bounded f;
    bounded_serve(&f);
    struct edge_buf text = EDGE_BUF_INIT;
    for (int shape = 0; shape < 3; shape++) {
        text.len = 0;
        edge_buf_puts(&text, shape == 0   ? "GET /ping?"
                             : shape == 1 ? "GET /ping HTTP/1.1\r\nHost: x\r\nCookie: "
                                          : "");
        for (int i = 0; i < 3000; i++) {
            edge_buf_puts(&text, shape == 0   ? "abc=d&"
                                 : shape == 1 ? "abc=d; "
                                              : "GET /ping HTTP/1.1\r\nHost: x\r\nX: y\r\n");
        }
        for (int i = 0; i < 300; i++) {
            int fd = http_probe_open(f.port);
            http_probe_send(fd, text.data, text.len);
            close(fd);
        }
    }
    edge_buf_done(&text);
    CU_ASSERT_TRUE(wait_until(bounded_owes_nothing, &f, HTTP_PROBE_MS));
    CU_ASSERT(bounded_peak(&f) <= BOUNDED_LIMIT);
    bounded_done(&f);
}

static void test_many_parameters_are_read(void)
{
    struct bounded f;
    bounded_serve(&f);
    struct edge_buf target = EDGE_BUF_INIT;
    edge_buf_puts(&target, "/ping?");
    while (target.len < 4090) {
        edge_buf_puts(&target, "a=1&");
    }
    http_probe_ask(&f.arena, f.port, "GET", edge_buf_str(&target), NULL, NULL, &f.answer);
    CU_ASSERT_EQUAL(f.answer.code, 200);
    edge_buf_done(&target);
    bounded_done(&f);
}

/* A target of many parameters is made into several times its length. */
static void test_parameters_are_counted(void)
{
    enum { N = 2000 };
    struct bounded f;
    bounded_serve(&f);
    struct edge_buf text = EDGE_BUF_INIT;
    edge_buf_puts(&text, "GET /keep?");
    for (int i = 0; i < N; i++) {
        edge_buf_puts(&text, "a&");
    }
    edge_buf_puts(&text, " HTTP/1.1\r\nHost: x\r\n\r\n");
    int fd = bounded_open(&f, edge_buf_str(&text));
    edge_buf_done(&text);
    CU_ASSERT_TRUE_FATAL(wait_until(bounded_is_kept, &f.state, HTTP_PROBE_MS));
    CU_ASSERT(bounded_in_use(&f) >= N * 2 * sizeof(char *));
    edge_call_finish(f.state.kept, EDGE_OK);
    close(fd);
    CU_ASSERT_TRUE(wait_until(bounded_owes_nothing, &f, HTTP_PROBE_MS));
    bounded_done(&f);
}

struct part {
    int64_t a, b, c, d, e, f, g, h;
};
struct whole {
    struct part *list;
    size_t n_list;
};
static const struct edge_field part_fields[] = {EDGE_FIELD(struct part, a, "a", "A number.")};
static const struct edge_dto PART = EDGE_DTO(struct part, "Part", part_fields);
static const struct edge_field whole_fields[] = {
    EDGE_LIST(struct whole, list, "list", "Of parts.", &PART),
};
static const struct edge_dto WHOLE = EDGE_DTO(struct whole, "Whole", whole_fields);

enum { N_SMALL = 20000 };

static const struct growing {
    const char *begin, *each, *end;
    enum { MADE_OF_CBOR, MADE_OF_YAML, MADE_OF_LISTS } kind;
} growing[] = {
    {"\x9f",                                             "\xa0", "\xff", MADE_OF_CBOR },
    {"a: &a [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\nb: &b [", "*a,",  "1]\n", MADE_OF_YAML },
    {"{\"list\":[{}",                                    ",{}",  "]}",   MADE_OF_LISTS},
};

static enum edge_status grow(struct edge_ctx *ctx, const struct growing *g, size_t n)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    const cJSON *tree = NULL;
    struct whole whole;
    edge_buf_puts(&text, g->begin);
    for (size_t i = 0; i < n; i++) {
        edge_buf_puts(&text, g->each);
    }
    edge_buf_puts(&text, g->end);
    switch (g->kind) {
    case MADE_OF_CBOR:
        return edge_cbor_parse(ctx, text.data, text.len, NULL, &tree);
    case MADE_OF_YAML:
        return edge_yaml_parse(ctx, text.data, text.len, NULL, &tree);
    default:
        return edge_dto_decode_text(ctx, &WHOLE, text.data, text.len, &whole);
    }
}

/* A byte of CBOR, an alias of YAML, two brackets in a list: what is made of them is a hundred times as large,
 * and nobody can see that before. */
static void test_what_bodies_grow_to_has_a_budget(void)
{
    for (size_t i = 0; i < sizeof(growing) / sizeof(growing[0]); i++) {
        const struct growing *g = &growing[i];
        struct edge_budget *b = edge_budget_create(BOUNDED_LIMIT);
        struct edge_budget_state state;
        for (int others = 0; others < 2; others++) {
            EDGE_CTX_SCOPE(ctx);
            ctx.budget = b;
            size_t held = others ? BOUNDED_LIMIT / 2 : 0;
            CU_ASSERT_TRUE(edge_budget_resize(b, 0, held));
            CU_ASSERT_EQUAL(grow(&ctx, g, others ? N_SMALL / 2 : N_SMALL),
                            others ? EDGE_UNAVAILABLE : EDGE_TOO_LARGE);
            CU_ASSERT_EQUAL(ctx.busy, others);
            edge_budget_state(b, &state);
            CU_ASSERT(state.in_use <= BOUNDED_LIMIT);
            CU_ASSERT(ctx.arena.used <= 2 * BOUNDED_LIMIT);
            CU_ASSERT_TRUE(edge_budget_resize(b, held, 0));
        }
        edge_budget_state(b, &state);
        CU_ASSERT_EQUAL(state.in_use, 0); /* with the contexts */
        edge_budget_unref(b);
        EDGE_CTX_SCOPE(free_of_charge);
        CU_ASSERT_EQUAL(grow(&free_of_charge, g, N_SMALL / 4), EDGE_OK);
    }
}

CU_TestInfo http_budget_tests[] = {
    {"a budget is kept",                 test_a_budget_is_kept                },
    {"a budget rests once",              test_a_budget_rests_once             },
    {"bodies have a budget",             test_bodies_have_a_budget            },
    {"what bodies grow to has a budget", test_what_bodies_grow_to_has_a_budget},
    {"answers have a budget",            test_answers_have_a_budget           },
    {"oversized heads leave nothing",    test_oversized_heads_leave_nothing   },
    {"many parameters are read",         test_many_parameters_are_read        },
    {"parameters are counted",           test_parameters_are_counted          },
    CU_TEST_INFO_NULL,
};
