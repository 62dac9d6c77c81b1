/* What rules remember: analytic functions, checkpoints of them and of windows. */
#include "rules_rig.h"
#include "suites.h"

/* clang-format off */
static void test_lag_and_latest(void)
{
    static const struct rules_case cases[] = {
        {"SELECT lag(a) AS x FROM demo", "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}", "{}\n{\"x\":1}\n{\"x\":2}\n"},
        {"SELECT lag(a, 2, 0) AS x FROM demo", "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}\n4 {\"a\":4}", "{\"x\":0}\n{\"x\":0}\n{\"x\":1}\n{\"x\":2}\n"},
        {"SELECT lag(a, 1, 0, true) AS x FROM demo", "1 {\"a\":1}\n2 {\"a\":null}\n3 {\"a\":3}", "{\"x\":0}\n{\"x\":1}\n{\"x\":1}\n"},
        {"SELECT lag(a) OVER (PARTITION BY d) AS x FROM demo", "1 {\"d\":\"x\",\"a\":1}\n2 {\"d\":\"y\",\"a\":2}\n3 {\"d\":\"x\",\"a\":3}\n4 {\"d\":\"y\",\"a\":4}", "{}\n{}\n{\"x\":1}\n{\"x\":2}\n"},
        {"SELECT latest(a, 0) AS x FROM demo", "1 {}\n2 {\"a\":2}\n3 {\"b\":1}", "{\"x\":0}\n{\"x\":2}\n{\"x\":2}\n"},
        /* it sees rows that WHERE does not let pass */
        {"SELECT a, lag(a) AS x FROM demo WHERE a > 1", "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":0}\n4 {\"a\":5}", "{\"a\":2,\"x\":1}\n{\"a\":5,\"x\":0}\n"},
        {"SELECT a FROM demo WHERE a - lag(a) > 5", "1 {\"a\":1}\n2 {\"a\":3}\n3 {\"a\":10}", "{\"a\":10}\n"},
        /* rows that WHEN does not let pass are not seen: the last result stands */
        {"SELECT lag(a) OVER (WHEN b = 1) AS x FROM demo", "1 {\"a\":1,\"b\":1}\n2 {\"a\":2,\"b\":1}\n3 {\"a\":3,\"b\":0}\n4 {\"a\":4,\"b\":1}", "{}\n{\"x\":1}\n{\"x\":1}\n{\"x\":2}\n"},
        {"SELECT ts - lag(ts, 1, ts, true) OVER (WHEN had_changed(true, s)) AS d FROM demo", "1 {\"ts\":1,\"s\":1}\n2 {\"ts\":2,\"s\":1}\n3 {\"ts\":5,\"s\":2}\n4 {\"ts\":6,\"s\":2}", "{\"d\":0}\n{\"d\":1}\n{\"d\":4}\n{\"d\":5}\n"},
        {"SELECT lag(a, 0) AS x FROM demo", "1 {\"a\":1}", "! an offset is from 1 to 1000\n"},
        {"SELECT lag(s) AS x FROM demo", "1 {\"s\":{\"k\":[1,\"two\"]}}\n2 {\"s\":\"b\"}\n3 {}", "{}\n{\"x\":{\"k\":[1,\"two\"]}}\n{\"x\":\"b\"}\n"},
    };
    RULES_CASES(cases, false);
}

static void test_changes(void)
{
    static const char rows[] = "1 {\"ts\":1,\"t\":23,\"h\":88}\n2 {\"ts\":2,\"t\":23,\"h\":88}\n3 {\"ts\":3,\"t\":23,\"h\":88}\n4 {\"ts\":4,\"t\":25,\"h\":88}\n"
                               "5 {\"ts\":5,\"t\":25,\"h\":90}\n6 {\"ts\":6,\"t\":25,\"h\":91}\n7 {\"ts\":7,\"t\":25,\"h\":91}";
    static const struct rules_case cases[] = {
        {"SELECT changed_cols('', true, t) FROM demo", rows, "{\"t\":23}\n{}\n{}\n{\"t\":25}\n{}\n{}\n{}\n"},
        {"SELECT changed_cols('c_', true, t, h) FROM demo", rows, "{\"c_t\":23,\"c_h\":88}\n{}\n{}\n{\"c_t\":25}\n{\"c_h\":90}\n{\"c_h\":91}\n{}\n"},
        {"SELECT changed_cols('c_', false, *) FROM demo", rows, "{\"c_ts\":1,\"c_t\":23,\"c_h\":88}\n{\"c_ts\":2}\n{\"c_ts\":3}\n{\"c_ts\":4,\"c_t\":25}\n{\"c_ts\":5,\"c_h\":90}\n{\"c_ts\":6,\"c_h\":91}\n{\"c_ts\":7}\n"},
        {"SELECT changed_cols('t', true, avg(t)) FROM demo GROUP BY COUNTWINDOW(2)", rows, "{\"tavg\":23}\n{\"tavg\":24}\n{\"tavg\":25}\n"},
        {"SELECT ts, t, h FROM demo WHERE had_changed(true, t, h) = true", rows, "{\"ts\":1,\"t\":23,\"h\":88}\n{\"ts\":4,\"t\":25,\"h\":88}\n{\"ts\":5,\"t\":25,\"h\":90}\n{\"ts\":6,\"t\":25,\"h\":91}\n"},
        {"SELECT ts FROM demo WHERE had_changed(true, t) = true AND had_changed(true, h) = false", rows, "{\"ts\":4}\n"},
        {"SELECT changed_col(true, t) AS myTemp, changed_col(true, h) AS myHum FROM demo", rows, "{\"myTemp\":23,\"myHum\":88}\n{}\n{}\n{\"myTemp\":25}\n{\"myHum\":90}\n{\"myHum\":91}\n{}\n"},
        {"SELECT ts FROM demo WHERE changed_col(true, t) > 24", rows, "{\"ts\":4}\n"},
        {"SELECT had_changed(true, a) AS x, had_changed(false, a) AS y FROM demo", "1 {\"a\":1}\n2 {\"a\":null}\n3 {\"a\":1}", "{\"x\":true,\"y\":true}\n{\"x\":false,\"y\":true}\n{\"x\":false,\"y\":true}\n"},
        {"SELECT had_changed(true, *) AS x FROM demo", "1 {\"a\":1}\n2 {\"a\":1}\n3 {\"a\":2}", "{\"x\":true}\n{\"x\":false}\n{\"x\":true}\n"},
        {"SELECT acc_sum(a) AS s, acc_max(a) AS x, acc_min(a) AS y, acc_count(a) AS c, acc_avg(a) AS v FROM demo", "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}", "{\"s\":1,\"x\":1,\"y\":1,\"c\":1,\"v\":1}\n{\"s\":3,\"x\":2,\"y\":1,\"c\":2,\"v\":1.5}\n{\"s\":6,\"x\":3,\"y\":1,\"c\":3,\"v\":2}\n"},
        {"SELECT acc_sum(a) OVER (PARTITION BY d) AS s FROM demo", "1 {\"d\":1,\"a\":1}\n2 {\"d\":2,\"a\":5}\n3 {\"d\":1,\"a\":3}", "{\"s\":1}\n{\"s\":5}\n{\"s\":4}\n"},
        {"SELECT a, lag(a) AS x FROM demo GROUP BY COUNTWINDOW(2)", "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}\n4 {\"a\":4}", "{\"a\":1}{\"a\":2,\"x\":1}\n{\"a\":3,\"x\":2}{\"a\":4,\"x\":3}\n"},
    };
    RULES_CASES(cases, false);
}

/* The one that was quiet for longest begins anew. */
static void test_partitions_are_bounded(void)
{
    static const struct rules_case cases[] = {
        {"SELECT d, lag(a) OVER (PARTITION BY d) AS x FROM demo", "1 {\"d\":1,\"a\":1}\n2 {\"d\":2,\"a\":2}\n3 {\"d\":1,\"a\":3}\n4 {\"d\":3,\"a\":4}\n5 {\"d\":1,\"a\":5}\n6 {\"d\":2,\"a\":6}",
         "{\"d\":1}\n{\"d\":2}\n{\"d\":1,\"x\":1}\n{\"d\":3}\n{\"d\":1,\"x\":3}\n{\"d\":2}\n", .limits = {.partitions = 2}},
    };
    RULES_CASES(cases, false);
}

/* Statements with state, a first half and a second: what a rule does that was saved between them is what one does that
 * ran on. */
static const struct { struct rules_case c; const char *second; } RESUMED[] = {
    {{"SELECT lag(a, 2) AS x FROM demo", "1 {\"a\":1}\n2 {\"a\":{\"k\":[1]}}", ""}, "3 {\"a\":3}\n4 {\"a\":4}"},
    {{"SELECT acc_avg(a) OVER (PARTITION BY d WHEN a > 0) AS x FROM demo", "1 {\"a\":1,\"d\":\"x\"}\n2 {\"a\":2,\"d\":\"y\"}", ""}, "3 {\"a\":3,\"d\":\"y\"}\n4 {\"a\":4,\"d\":\"x\"}\n5 {\"a\":-1,\"d\":\"x\"}"},
    {{"SELECT collect(*) AS x, count(*) AS c FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)", "1 {\"a\":\"one\"}\n2 {\"b\":[1,2,{}]}", ""}, "9000 {\"a\":3}\n10000"},
    {{"SELECT d, sum(a) AS s, stddev(a) AS v, max(t) AS m, count(*) AS c, avg(a) AS g FROM demo GROUP BY d, TUMBLINGWINDOW(ss, 10)", "1 {\"a\":1,\"d\":\"x\",\"t\":\"long text\"}\n2 {\"a\":0.1,\"d\":\"y\",\"t\":\"b\"}\n3 {\"a\":5,\"d\":\"x\"}", ""}, "9000 {\"a\":3,\"d\":\"x\",\"t\":\"zz\"}\n10000"},
    {{"SELECT collect(a) AS x FROM demo GROUP BY HOPPINGWINDOW(ss, 10, 5)", "1000 {\"a\":1}\n6000 {\"a\":2}", ""}, "9000 {\"a\":3}\n30000"},
    {{"SELECT collect(a) AS x FROM demo GROUP BY SLIDINGWINDOW(ss, 10, 5)", "1000 {\"a\":1}\n2000 {\"a\":2}", ""}, "9000 {\"a\":3}\n30000"},
    {{"SELECT collect(a) AS x FROM demo GROUP BY SESSIONWINDOW(ss, 10, 5)", "1000 {\"a\":1}\n2000 {\"a\":2}", ""}, "3000 {\"a\":3}\n30000"},
    {{"SELECT collect(a) AS x FROM demo GROUP BY COUNTWINDOW(3, 2)", "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}", ""}, "4 {\"a\":4}\n5 {\"a\":5}\n6 {\"a\":6}"},
    {{"SELECT collect(a) AS x FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)", "1000 {\"a\":1}\n12000 {\"a\":2}", "", .event_time = true}, "9000 {\"a\":3}\n20000 {\"a\":4}"},
    {{"SELECT a, b, changed_cols('', true, a) FROM l LEFT JOIN r ON l.id = r.id GROUP BY TUMBLINGWINDOW(ss, 1)", "1 l {\"id\":1,\"a\":1}\n2 r {\"id\":1,\"b\":2}", ""}, "3 l {\"id\":2,\"a\":9}\n1000"},
};
/* clang-format on */

static void test_state_is_saved_and_loaded(void)
{
    for (size_t i = 0; i < sizeof(RESUMED) / sizeof(RESUMED[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct rules_rig on = {0}, later = {0};
        struct edge_buf state = EDGE_BUF_INIT, again = EDGE_BUF_INIT;
        CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &on, &RESUMED[i].c), EDGE_OK);
        CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &later, &RESUMED[i].c), EDGE_OK);
        rules_rig_play(&on, RESUMED[i].c.script);
        rules_program_save(on.program, &state);
        CU_ASSERT_EQUAL(rules_program_load(&ctx, later.program, state.data, state.len), EDGE_OK);
        rules_program_save(later.program, &again);
        CU_ASSERT_TRUE(again.len == state.len && memcmp(again.data, state.data, state.len) == 0);
        on.out.len = 0;
        rules_rig_play(&on, RESUMED[i].second);
        rules_rig_play(&later, RESUMED[i].second);
        CU_ASSERT_TRUE(on.out.len > 0);
        char *expect = edge_xstrdup(edge_buf_str(&on.out));
        CU_ASSERT_TRUE(rules_rig_same(RESUMED[i].c.sql, edge_buf_str(&later.out), expect));
        free(expect);
        rules_rig_end(&on);
        rules_rig_end(&later);
        edge_buf_done(&state);
        edge_buf_done(&again);
    }
}

/* Cut at every byte, and with every byte changed: refused, and the rule begins with nothing. */
static void test_damaged_state_is_refused(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_rig rig = {0};
    struct edge_buf state = EDGE_BUF_INIT;
    CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &rig, &RESUMED[2].c), EDGE_OK);
    rules_rig_play(&rig, RESUMED[2].c.script);
    rules_program_save(rig.program, &state);
    size_t full = rules_program_state_bytes(rig.program);
    for (size_t i = 0; i < state.len; i++) {
        CU_ASSERT_NOT_EQUAL(rules_program_load(&ctx, rig.program, state.data, i), EDGE_OK);
        state.data[i] ^= 1;
        CU_ASSERT_NOT_EQUAL(rules_program_load(&ctx, rig.program, state.data, state.len), EDGE_OK);
        state.data[i] ^= 1;
        edge_ctx_clear(&ctx);
    }
    CU_ASSERT_TRUE(rules_program_state_bytes(rig.program) < full);
    CU_ASSERT_EQUAL(rules_program_load(&ctx, rig.program, state.data, state.len), EDGE_OK);
    CU_ASSERT_EQUAL(rules_program_state_bytes(rig.program), full);
    rules_rig_end(&rig);

    struct rules_rig other = {0};
    CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &other, &RESUMED[3].c), EDGE_OK);
    CU_ASSERT_EQUAL(rules_program_load(&ctx, other.program, state.data, state.len), EDGE_CONFLICT);
    rules_rig_end(&other);
    edge_buf_done(&state);
}

CU_TestInfo rules_memory_tests[] = {
    {"lag and latest",            test_lag_and_latest           },
    {"changes and sums",          test_changes                  },
    {"partitions are bounded",    test_partitions_are_bounded   },
    {"state is saved and loaded", test_state_is_saved_and_loaded},
    {"damaged state is refused",  test_damaged_state_is_refused },
    CU_TEST_INFO_NULL,
};
