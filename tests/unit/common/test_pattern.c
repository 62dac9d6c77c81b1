/* Regular expressions from outside: what they match, and that none of them can be a bomb. */
#include <string.h>

#include "edge/clock.h"
#include "edge/pattern.h"
#include "suites.h"

static void pattern_done(struct edge_pattern **p)
{
    edge_pattern_free(*p);
}

static void test_patterns_match(void)
{
    static const struct {
        const char *pattern, *text;
        enum edge_pattern_mode mode;
        bool expect;
    } cases[] = {
        {"Int.*",             "Int8",              EDGE_PATTERN_WHOLE,  true },
        {"Int",               "Int8",              EDGE_PATTERN_WHOLE,  false},
        {"Int",               "XInt8",             EDGE_PATTERN_SEARCH, true },
        {"a|ab",              "ab",                EDGE_PATTERN_WHOLE,  true },
        {"^host[0-9]+$",      "host12",            EDGE_PATTERN_SEARCH, true },
        {"(a+)+$",            "aaaaaaaaaaaaab",    EDGE_PATTERN_WHOLE,  false},
        {"\xc3\xa4.\xc3\xb6", "\xc3\xa4x\xc3\xb6", EDGE_PATTERN_WHOLE,  true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        EDGE_CLEANUP(pattern_done) struct edge_pattern *p = NULL;
        CU_ASSERT_EQUAL(edge_pattern_create(&ctx, cases[i].pattern, cases[i].mode, &p), EDGE_OK);
        bool matches = !cases[i].expect;
        CU_ASSERT_EQUAL(edge_pattern_match(&ctx, p, cases[i].text, &matches), EDGE_OK);
        CU_ASSERT_EQUAL(matches, cases[i].expect);
    }
}

static void test_bombs_are_bounded(void)
{
    static const char *const bombs[] = {"(a+)+$", "(a|a)*$", "(.*)*x", "((a{1,100}){1,100})$"};
    char text[2000];
    unsigned n_undecided = 0;
    memset(text, 'a', sizeof(text) - 2);
    text[sizeof(text) - 2] = 'b';
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        EDGE_CLEANUP(pattern_done) struct edge_pattern *p = NULL;
        int64_t start = edge_now_mono_ms();
        if (edge_pattern_create(&ctx, bombs[i], EDGE_PATTERN_WHOLE, &p) == EDGE_OK) {
            bool matches = false;
            if (edge_pattern_match(&ctx, p, text, &matches) != EDGE_OK) {
                CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), bombs[i]));
                n_undecided++;
            }
            CU_ASSERT_FALSE(matches);
        }
        CU_ASSERT(edge_now_mono_ms() - start < 1000);
    }
    CU_ASSERT(n_undecided > 0); /* which is not to say that they do not match */
}

static void test_wrong_patterns_are_named(void)
{
    static const char *const wrong[] = {"(", "[z-a]", "a{2,1}",
                                        "((((a{1,255}){1,255}){1,255}){1,255})"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_pattern *p = NULL;
        CU_ASSERT_EQUAL(edge_pattern_create(&ctx, wrong[i], EDGE_PATTERN_WHOLE, &p), EDGE_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), wrong[i]));
    }
}

static void test_places_are_told(void)
{
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(pattern_done) struct edge_pattern *p = NULL;
    bool found = false;
    size_t start = 0, end = 0;
    CU_ASSERT_EQUAL(edge_pattern_create(&ctx, "[0-9]+", EDGE_PATTERN_SEARCH, &p), EDGE_OK);
    CU_ASSERT_EQUAL(edge_pattern_find(&ctx, p, "a12b345", 0, &found, &start, &end), EDGE_OK);
    CU_ASSERT_TRUE(found && start == 1 && end == 3);
    CU_ASSERT_EQUAL(edge_pattern_find(&ctx, p, "a12b345", 3, &found, &start, &end), EDGE_OK);
    CU_ASSERT_TRUE(found && start == 4 && end == 7);
    CU_ASSERT_EQUAL(edge_pattern_find(&ctx, p, "a12b345", 7, &found, &start, &end), EDGE_OK);
    CU_ASSERT_FALSE(found);
}

CU_TestInfo pattern_tests[] = {
    {"patterns match",           test_patterns_match          },
    {"places are told",          test_places_are_told         },
    {"bombs are bounded",        test_bombs_are_bounded       },
    {"wrong patterns are named", test_wrong_patterns_are_named},
    CU_TEST_INFO_NULL,
};
