/* Windows: which rows belong to which, when they are told, and what grouping makes of them. */
#include "rules_rig.h"
#include "suites.h"

/* clang-format off */

static void test_windows_by_the_clock(void)
{
    static const struct rules_case cases[] = {
        /* aligned to natural time; what is on the border belongs to the next */
        {"SELECT count(*) AS c, sum(a) AS s FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)",
         "1003 {\"a\":1}\n9999 {\"a\":2}\n10000 {\"a\":3}\n20000",
         "0-10000 {\"c\":2,\"s\":3}\n10000-20000 {\"c\":1,\"s\":3}\n"},
        /* windows without rows are not told */
        {"SELECT count(*) AS c FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)",
         "1000 {\"a\":1}\n95000 {\"a\":2}\n200000", "0-10000 {\"c\":1}\n90000-100000 {\"c\":1}\n"},
        {"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(mi, 1)",
         "1000 {\"a\":1}\n2000 {\"a\":2}\n3000 {}\n60000",
         "0-60000 {\"a\":1}{\"a\":2}{}\n"},
        {"SELECT count(*) AS c FROM demo GROUP BY HOPPINGWINDOW(ss, 10, 5)",
         "1000 {}\n7000 {}\n12000 {}\n30000",
         "-5000-5000 {\"c\":1}\n0-10000 {\"c\":2}\n5000-15000 {\"c\":2}\n10000-20000 {\"c\":1}\n"},
        {"SELECT count(*) AS c FROM demo GROUP BY SLIDINGWINDOW(ss, 10)",
         "1000 {}\n5000 {}\n11000 {}\n15001 {}",
         "-9000-1000 {\"c\":1}\n-5000-5000 {\"c\":2}\n1000-11000 {\"c\":2}\n5001-15001 {\"c\":2}\n"},
        {"SELECT collect(a) AS a FROM demo GROUP BY SLIDINGWINDOW(ss, 2, 3)",
         "1000 {\"a\":1}\n2500 {\"a\":2}\n3999 {\"a\":3}\n4500 {\"a\":4}\n9000",
         "-1000-4000 {\"a\":[1,2,3]}\n500-5500 {\"a\":[1,2,3,4]}\n1999-6999 {\"a\":[2,3,4]}\n2500-7500 {\"a\":[3,4]}\n"},
        {"SELECT count(*) AS c FROM demo GROUP BY SLIDINGWINDOW(ss, 10) OVER (WHEN a > 5)",
         "1000 {\"a\":1}\n2000 {\"a\":9}\n3000 {\"a\":1}", "-8000-2000 {\"c\":2}\n"},
        {"SELECT count(*) AS c FROM demo GROUP BY SESSIONWINDOW(ss, 100, 5)",
         "1000 {}\n4000 {}\n9500 {}\n20000", "1000-9000 {\"c\":2}\n9500-14500 {\"c\":1}\n"},
        /* no session is longer than its length, looked at by multiples of that */
        {"SELECT count(*) AS c FROM demo GROUP BY SESSIONWINDOW(ss, 10, 5)",
         "1000 {}\n5000 {}\n9000 {}\n13000 {}\n17000 {}\n20000\n30000",
         "1000-20000 {\"c\":5}\n"},
        {"SELECT collect(a) AS a FROM demo GROUP BY COUNTWINDOW(3)",
         "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}\n4 {\"a\":4}\n5 {\"a\":5}\n6 {\"a\":6}\n7 {\"a\":7}",
         "0-0 {\"a\":[1,2,3]}\n0-0 {\"a\":[4,5,6]}\n"},
        {"SELECT collect(a) AS a FROM demo GROUP BY COUNTWINDOW(5, 2)",
         "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}\n4 {\"a\":4}\n5 {\"a\":5}\n6 {\"a\":6}\n7 {\"a\":7}\n8 {\"a\":8}",
         "0-0 {\"a\":[2,3,4,5,6]}\n0-0 {\"a\":[4,5,6,7,8]}\n"},
    };
    RULES_CASES(cases, true);
}

static void test_where_and_filter(void)
{
    static const struct rules_case cases[] = {
        /* a count window counts all rows, WHERE looks at what is in it */
        {"SELECT collect(a) AS a FROM demo WHERE a > 2 GROUP BY COUNTWINDOW(3)",
         "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}\n4 {\"a\":1}\n5 {\"a\":1}\n6 {\"a\":1}",
         "{\"a\":[3]}\n"},
        /* FILTER looks at what comes in */
        {"SELECT collect(a) AS a FROM demo GROUP BY COUNTWINDOW(2) FILTER(WHERE a > 2)",
         "1 {\"a\":1}\n2 {\"a\":3}\n3 {\"a\":2}\n4 {\"a\":4}", "{\"a\":[3,4]}\n"},
        {"SELECT count(*) AS c FROM demo WHERE a > 2 GROUP BY TUMBLINGWINDOW(ss, 1)",
         "1 {\"a\":1}\n2 {\"a\":3}\n1000", "{\"c\":1}\n"},
        {"SELECT count(*) FILTER(WHERE a > 2) AS c, count(*) AS d, sum(a) FILTER(WHERE a < 0) AS s FROM demo GROUP BY TUMBLINGWINDOW(ss, 1)",
         "1 {\"a\":1}\n2 {\"a\":3}\n1000", "{\"c\":1,\"d\":2}\n"},
    };
    RULES_CASES(cases, false);
}

static void test_groups(void)
{
    static const char rows[] = "1 {\"d\":\"x\",\"a\":1}\n2 {\"d\":\"y\",\"a\":5}\n3 {\"d\":\"x\",\"a\":3}\n"
                               "4 {\"d\":\"z\",\"a\":null}\n1000";
    static const struct rules_case cases[] = {
        {"SELECT d, avg(a) AS m, count(a) AS c FROM demo GROUP BY d, TUMBLINGWINDOW(ss, 1)", rows,
         "{\"d\":\"x\",\"m\":2,\"c\":2}{\"d\":\"y\",\"m\":5,\"c\":1}{\"d\":\"z\",\"c\":0}\n"},
        {"SELECT d, max(a) AS m FROM demo GROUP BY TUMBLINGWINDOW(ss, 1), d HAVING m > 3", rows,
         "{\"d\":\"y\",\"m\":5}\n"},
        {"SELECT d FROM demo GROUP BY d, TUMBLINGWINDOW(ss, 1) HAVING count(*) > 1", rows,
         "{\"d\":\"x\"}\n"},
        {"SELECT d, sum(a) AS s FROM demo GROUP BY d, TUMBLINGWINDOW(ss, 1) HAVING count(*) > 9",
         rows, ""},
        {"SELECT d, a FROM demo GROUP BY TUMBLINGWINDOW(ss, 1) ORDER BY a DESC, d LIMIT 2", rows,
         "{\"d\":\"y\",\"a\":5}{\"d\":\"x\",\"a\":3}\n"},
        {"SELECT d, a FROM demo GROUP BY TUMBLINGWINDOW(ss, 1) ORDER BY d", rows,
         "{\"d\":\"x\",\"a\":1}{\"d\":\"x\",\"a\":3}{\"d\":\"y\",\"a\":5}{\"d\":\"z\",\"a\":null}\n"},
        {"SELECT *, window_start() AS s, window_end() AS e FROM demo WHERE a = 5 GROUP BY TUMBLINGWINDOW(ss, 1)",
         rows, "{\"d\":\"y\",\"a\":5,\"s\":0,\"e\":1000}\n"},
        {"SELECT upper(d) AS k, count(*) AS c FROM demo GROUP BY k, TUMBLINGWINDOW(ss, 1)", rows,
         "{\"k\":\"X\",\"c\":2}{\"k\":\"Y\",\"c\":1}{\"k\":\"Z\",\"c\":1}\n"},
        {"SELECT a, d FROM demo GROUP BY TUMBLINGWINDOW(ss, 1) HAVING a + 'x' > 1", rows,
         "! float + string: these are not two numbers\n! float + string: these are not two numbers\n! float + string: these are not two numbers\n"},
    };
    RULES_CASES(cases, false);
}

static void test_aggregates(void)
{
    static const char rows[] = "1 {\"a\":4,\"s\":\"b\",\"o\":{\"x\":1}}\n2 {\"a\":1,\"s\":\"a\",\"o\":{\"x\":2,\"y\":3}}\n"
                               "3 {\"a\":null}\n4 {\"a\":3,\"s\":\"b\"}\n5 {\"a\":2}\n1000";
#define W " FROM demo GROUP BY TUMBLINGWINDOW(ss, 1)"
    static const struct rules_case cases[] = {
        {"SELECT avg(a) AS a, count(a) AS c, count(*) AS n, max(a) AS x, min(a) AS y, sum(a) AS s, max(s) AS t" W,
         rows, "{\"a\":2.5,\"c\":4,\"n\":5,\"x\":4,\"y\":1,\"s\":10,\"t\":\"b\"}\n"},
        {"SELECT stddev(a) AS a, stddevs(a) AS b, var(a) AS c, vars(a) AS d, median(a) AS e" W,
         rows,
         "{\"a\":1.118033988749895,\"b\":1.2909944487358056,\"c\":1.25,\"d\":1.6666666666666667,\"e\":2.5}\n"},
        {"SELECT percentile_cont(a, 0.25) AS a, percentile_disc(a, 0.25) AS b, percentile(a, 1) AS c" W,
         rows, "{\"a\":1.75,\"b\":1,\"c\":4}\n"},
        {"SELECT collect(a) AS a, last_value(a) AS l, first_value(a) AS f, merge_agg(o) AS m" W, rows,
         "{\"a\":[4,1,null,3,2],\"l\":2,\"f\":4,\"m\":{\"x\":2,\"y\":3}}\n"},
        {"SELECT collect(*)[1]->s AS r, deduplicate(s, true)[0]->a AS d" W, rows,
         "{\"r\":\"a\",\"d\":4}\n"},
        {"SELECT deduplicate(s, false)->a AS d" W, "1 {\"s\":1,\"a\":7}\n2 {\"s\":2,\"a\":8}\n1000",
         "{\"d\":8}\n"},
        {"SELECT deduplicate(s, false)->a AS d" W, "1 {\"s\":1,\"a\":7}\n2 {\"s\":1,\"a\":8}\n1000",
         "{}\n"},
        {"SELECT merge_agg(*) AS m" W, "1 {\"a\":1,\"b\":2}\n2 {\"b\":5,\"d\":6}\n1000",
         "{\"m\":{\"a\":1,\"b\":5,\"d\":6}}\n"},
        /* integers average as integers, sums are exact, and never wrap */
        {"SELECT avg(cast(a, 'bigint')) AS a" W, rows, "{\"a\":2}\n"},
        {"SELECT sum(a) AS s" W,
         "1 {\"a\":9223372036854775807}\n2 {\"a\":9223372036854775807}\n1000",
         "{\"s\":18446744073709551614}\n"},
        {"SELECT sum(a) AS s" W, "1 {\"a\":18446744073709551615}\n2 {\"a\":9223372036854775807}\n1000",
         "! the sum is out of range: it has more than 64 bits\n"},
        {"SELECT sum(a) AS s" W, "1 {\"a\":18446744073709551615}\n2 {\"a\":18446744073709551615}\n1000 {}", "! the sum is out of range: it has more than 64 bits\n", .event_time = true},
        /* a row in error is left out of a window that adds up; where rows are kept, its group is in error */
        {"SELECT sum(s) AS s" W, rows, "! a string is no number to add\n! a string is no number to add\n! a string is no number to add\n{}\n"},
        {"SELECT sum(s) AS s, collect(a) AS a" W, rows, "! a string is no number to add\n"},
    };
    RULES_CASES(cases, false);
}

static void test_event_time(void)
{
    static const struct rules_case cases[] = {
        /* the watermark is the newest event; windows without rows are told too, without their counts */
        {"SELECT count(*) AS c FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)",
         "1000 {}\n9999 {}\n10000 {}\n31000 {}", "0-10000 {\"c\":2}\n10000-20000 {\"c\":1}\n20000-30000 {}\n",
         .event_time = true},
        /* what comes late is dropped */
        {"SELECT collect(a) AS a FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)",
         "5000 {\"a\":1}\n12000 {\"a\":2}\n9000 {\"a\":3}\n20000 {\"a\":4}",
         "0-10000 {\"a\":[1]}\n10000-20000 {\"a\":[2]}\n", .event_time = true},
        {"SELECT collect(a) AS a FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)",
         "5000 {\"a\":1}\n12000 {\"a\":2}\n9000 {\"a\":3}\n23000 {\"a\":4}\n33000 {\"a\":5}",
         "0-10000 {\"a\":[1,3]}\n10000-20000 {\"a\":[2]}\n20000-30000 {\"a\":[4]}\n",
         .event_time = true, .late_ms = 3000},
        {"SELECT collect(a) AS a FROM demo GROUP BY SESSIONWINDOW(ss, 100, 5)",
         "1000 {\"a\":1}\n4000 {\"a\":2}\n3000 {\"a\":3}\n9500 {\"a\":4}\n20000 {\"a\":5}",
         "1000-9000 {\"a\":[1,3,2]}\n9500-14500 {\"a\":[4]}\n", .event_time = true, .late_ms = 1000},
        {"SELECT collect(a) AS a FROM demo GROUP BY SLIDINGWINDOW(ss, 2)",
         "1000 {\"a\":1}\n2000 {\"a\":2}\n1500 {\"a\":3}\n4000 {\"a\":4}",
         "-1000-1000 {\"a\":[1]}\n-500-1500 {\"a\":[1,3]}\n0-2000 {\"a\":[1,3,2]}\n",
         .event_time = true, .late_ms = 1000},
        /* a gap of many windows is bounded */
        {"SELECT count(*) AS c FROM demo GROUP BY TUMBLINGWINDOW(ss, 1)",
         "500 {}\n1000000500 {}\n1000001500 {}",
         "0-1000 {\"c\":1}\n1000-2000 {}\n2000-3000 {}\n1000000000-1000001000 {\"c\":1}\n",
         .event_time = true, .limits = {.backlog = 2}},
    };
    RULES_CASES(cases, true);
}

static void test_joins(void)
{
    static const char rows[] = "1 l {\"id\":1,\"a\":10}\n2 r {\"id\":1,\"b\":20}\n3 l {\"id\":2,\"a\":11}\n"
                               "4 r {\"id\":3,\"b\":21}\n5 r {\"id\":1,\"b\":22}\n1000";
#define J(kind, on) "SELECT a, b FROM l " kind " JOIN r " on " GROUP BY TUMBLINGWINDOW(ss, 1)"
    static const struct rules_case cases[] = {
        {J("INNER", "ON l.id = r.id"), rows, "{\"a\":10,\"b\":20}{\"a\":10,\"b\":22}\n"},
        {J("LEFT", "ON l.id = r.id"), rows, "{\"a\":10,\"b\":20}{\"a\":10,\"b\":22}{\"a\":11}\n"},
        {J("RIGHT", "ON l.id = r.id"), rows, "{\"a\":10,\"b\":20}{\"a\":10,\"b\":22}{\"b\":21}\n"},
        {J("FULL", "ON l.id = r.id"), rows,
         "{\"a\":10,\"b\":20}{\"a\":10,\"b\":22}{\"a\":11}{\"b\":21}\n"},
        {J("CROSS", ""), rows,
         "{\"a\":10,\"b\":20}{\"a\":10,\"b\":21}{\"a\":10,\"b\":22}{\"a\":11,\"b\":20}{\"a\":11,\"b\":21}{\"a\":11,\"b\":22}\n"},
        {"SELECT * FROM l INNER JOIN r ON l.id = r.id WHERE b > 20 GROUP BY TUMBLINGWINDOW(ss, 1)",
         rows, "{\"id\":1,\"a\":10,\"b\":22}\n"},
        {"SELECT r.*, count(*) AS c FROM l INNER JOIN r ON l.id = r.id GROUP BY l.id, TUMBLINGWINDOW(ss, 1)",
         rows, "{\"id\":1,\"b\":20,\"c\":2}\n"},
        {"SELECT x.a AS xa, y.a AS ya FROM l AS x INNER JOIN l AS y ON x.id < y.id GROUP BY TUMBLINGWINDOW(ss, 1)",
         rows, "{\"xa\":10,\"ya\":11}\n"},
        /* tables need no window */
        {"SELECT a, tab.name FROM l INNER JOIN tab ON l.id = tab.id",
         "0 tab {\"id\":1,\"name\":\"one\"}\n0 tab {\"id\":2,\"name\":\"two\"}\n1 l {\"id\":2,\"a\":1}\n2 l {\"id\":3,\"a\":2}",
         "{\"a\":1,\"name\":\"two\"}\n"},
        {"SELECT a, name FROM l LEFT JOIN tab ON l.id = tab.id",
         "0 tab {\"id\":1,\"name\":\"one\"}\n1 l {\"id\":1,\"a\":1}\n2 l {\"id\":3,\"a\":2}",
         "{\"a\":1,\"name\":\"one\"}\n{\"a\":2}\n"},
        {J("CROSS", ""), rows, "! the join has more than 4 rows\n", .limits = {.joined = 4}},
    };
    RULES_CASES(cases, false);
}

static void test_windows_are_bounded(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_rig rig = {0};
    const struct rules_case c = {
        .sql = "SELECT count(*) AS c, min(a) AS a FROM demo GROUP BY HOPPINGWINDOW(ss, 100, 100)",
        .limits = {.window_rows = 10}};
    CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &rig, &c), EDGE_OK);
    for (int i = 0; i < 100; i++) {
        char line[64];
        snprintf(line, sizeof(line), "%d {\"a\":%d}", i + 1, i);
        rules_rig_line(&rig, line);
    }
    char end[] = "100000";
    rules_rig_line(&rig, end);
    CU_ASSERT_TRUE(rules_rig_same("ten rows", edge_buf_str(&rig.out), "{\"c\":10,\"a\":90}\n"));
    CU_ASSERT_EQUAL(rules_program_stats(rig.program)->dropped, 90);
    CU_ASSERT_EQUAL(rules_program_next_ms(rig.program), RULES_NEVER);
    rules_rig_end(&rig);
}

/* A window full of rows in error does not tell each of them. */
static void test_errors_of_a_window_are_few(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_rig rig = {0};
    const struct rules_case c = {.sql = "SELECT a / 0 AS x FROM demo GROUP BY TUMBLINGWINDOW(ss, 100)"};
    CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &rig, &c), EDGE_OK);
    for (int i = 0; i < 100; i++) {
        char line[] = "1 {\"a\":1}";
        rules_rig_line(&rig, line);
    }
    char end[] = "100000";
    rules_rig_line(&rig, end);
    CU_ASSERT_EQUAL(rules_program_stats(rig.program)->errors, 100);
    CU_ASSERT_EQUAL(rig.out.len, 10 * strlen("! division by zero\n"));
    rules_rig_end(&rig);
}

/* Sums need no rows: a million of them are in a window of two groups. */
static void test_sums_keep_no_rows(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_rig rig = {0};
    const struct rules_case c = {
        .sql = "SELECT d, count(*) AS c, avg(a) AS m, max(a) AS x FROM demo GROUP BY d, TUMBLINGWINDOW(ss, 100)",
        .limits = {.window_rows = 2}};
    CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &rig, &c), EDGE_OK);
    for (int i = 0; i < 3000; i++) {
        char line[64];
        snprintf(line, sizeof(line), "%d {\"a\":%d,\"d\":%d}", i + 1, i, i % 3);
        rules_rig_line(&rig, line);
    }
    CU_ASSERT_TRUE(rules_program_state_bytes(rig.program) < 2000);
    char end[] = "100000";
    rules_rig_line(&rig, end);
    CU_ASSERT_TRUE(rules_rig_same("two groups", edge_buf_str(&rig.out),
                                  "{\"d\":0,\"c\":1000,\"m\":1498.5,\"x\":2997}{\"d\":1,\"c\":1000,\"m\":1499.5,\"x\":2998}\n"));
    CU_ASSERT_EQUAL(rules_program_stats(rig.program)->dropped, 1000);
    CU_ASSERT_EQUAL(rules_program_next_ms(rig.program), RULES_NEVER);
    rules_rig_end(&rig);
}

static const char *random_value(unsigned *seed)
{
    static const char *const values[] = {"1", "2.5", "-7", "null", "9007199254740993", "0.1", "18446744073709551615"};
    return values[rand_r(seed) % (rand_r(seed) % 8 ? 6 : 7)];
}

/* A tumbling window that adds up, and a hopping one that keeps rows, of the same length: they tell the same. */
static void test_sums_are_what_rows_give(void)
{
    static const char *const selects[] = {"count(*) AS c, count(a) AS n", "sum(a) AS s, avg(a) AS m", "max(a) AS x, min(a) AS y", "d, last_value(a) AS l, first_value(b) AS f",
                                          "stddev(b) AS s, vars(b) AS v, b", "sum(b) FILTER(WHERE a > 1) AS s, d", "lag(b) AS l, count(*) AS c, upper('k') AS k"};
    unsigned seed = 3;
    for (int round = 0; round < 280; round++) {
        EDGE_CTX_SCOPE(ctx);
        struct rules_rig rigs[2] = {0};
        const char *keys = round % 2 ? "d, " : "", *having = round % 3 ? "" : " HAVING count(*) > 1";
        for (int i = 0; i < 2; i++) {
            const char *sql = edge_printf(&ctx.arena, "SELECT %s FROM demo WHERE isnull(b) = false GROUP BY %s%s%s", selects[round % 7], keys, i ? "HOPPINGWINDOW(ms, 50, 50)" : "TUMBLINGWINDOW(ms, 50)", having);
            rigs[i].windows = true;
            CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &rigs[i], &(struct rules_case){.sql = sql, .event_time = round % 4 == 0}), EDGE_OK);
        }
        for (int64_t now = 100; now < 1500; now += rand_r(&seed) % 40) {
            int64_t at = round % 8 ? now : now - rand_r(&seed) % 30; /* some are late */
            const char *a = random_value(&seed);
            int b = rand_r(&seed) % 20, d = rand_r(&seed) % 3;
            const char *line = edge_printf(&ctx.arena, "%lld {\"a\":%s,\"b\":%d,\"d\":%d}", (long long)at, a, b, d);
            rules_rig_play(&rigs[0], line);
            rules_rig_play(&rigs[1], line);
        }
        rules_rig_play(&rigs[0], "2000");
        rules_rig_play(&rigs[1], "2000");
        CU_ASSERT_TRUE(rigs[0].out.len > 0);
        char *expect = edge_xstrdup(edge_buf_str(&rigs[1].out));
        CU_ASSERT_TRUE(rules_rig_same(selects[round % 7], edge_buf_str(&rigs[0].out), expect));
        free(expect);
        rules_rig_end(&rigs[0]);
        rules_rig_end(&rigs[1]);
    }
}

static void test_a_program_says_when(void)
{
    static const struct {
        const char *window;
        int64_t next;
    } cases[] = {{"TUMBLINGWINDOW(ss, 10)", 10000},  {"HOPPINGWINDOW(ss, 10, 5)", 5000},
                 {"SLIDINGWINDOW(ss, 1)", RULES_NEVER}, {"SLIDINGWINDOW(ss, 1, 2)", 3500},
                 {"SESSIONWINDOW(ss, 60, 3)", 4500}, {"COUNTWINDOW(2)", RULES_NEVER}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct rules_rig rig = {0};
        char sql[128], line[] = "1500 {\"a\":1}";
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM demo GROUP BY %s", cases[i].window);
        CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &rig, &(struct rules_case){.sql = sql}),
                              EDGE_OK);
        CU_ASSERT_EQUAL(rules_engine_next_ms(rig.engine), RULES_NEVER);
        rules_rig_line(&rig, line);
        CU_ASSERT_EQUAL(rules_engine_next_ms(rig.engine), cases[i].next);
        rules_rig_end(&rig);
    }
}

CU_TestInfo rules_windows_tests[] = {
    {"windows by the clock", test_windows_by_the_clock},
    {"WHERE and FILTER", test_where_and_filter},
    {"groups", test_groups},
    {"aggregates", test_aggregates},
    {"event time", test_event_time},
    {"joins", test_joins},
    {"windows are bounded", test_windows_are_bounded},
    {"errors of a window are few", test_errors_of_a_window_are_few},
    {"sums keep no rows", test_sums_keep_no_rows},
    {"sums are what rows give", test_sums_are_what_rows_give},
    {"a program says when", test_a_program_says_when},
    CU_TEST_INFO_NULL,
};
