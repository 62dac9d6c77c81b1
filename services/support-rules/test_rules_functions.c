/* Functions: a call, and what it gives. Rows have the columns of ROW. */
#include "engine/rules_functions.h"
#include "rules_rig.h"
#include "suites.h"

static const char ROW[] =
    "1754470001500 {\"a\":3.7,\"s\":\"Hello W\\u00f6rld\",\"l\":[3,1,2,3,null],\"o\":{\"x\":1,\"y\":{\"z\":[1,2]}},"
    "\"e\":[{\"key\":\"k1\",\"value\":1},{\"key\":\"k2\",\"value\":2}],\"n\":null,\"neg\":-4}";

/* clang-format off */
static const struct { const char *call, *expect; } CALLS[] = {
    {"abs(neg)", "4"}, {"abs(-9223372036854775807)", "9223372036854775807"}, {"acos(1)", "0"}, {"acos(2)", ""}, {"asin(0)", "0"}, {"atan(0)", "0"}, {"atan2(0, 1)", "0"},
    {"bitand(6, 3)", "2"}, {"bitor(6, 3)", "7"}, {"bitxor(6, 3)", "5"}, {"bitnot(0)", "-1"}, {"ceil(a)", "4"}, {"ceiling(a)", "4"}, {"floor(a)", "3"}, {"round(a)", "4"}, {"round(5)", "5"},
    {"cos(0)", "1"}, {"cosh(0)", "1"}, {"cot(0)", ""}, {"degrees(0)", "0"}, {"radians(180)", "3.141592653589793"}, {"exp(0)", "1"}, {"ln(1)", "0"}, {"ln(0)", ""}, {"log(1000)", "3"}, {"log(2, 8)", "3"}, {"log(-1)", ""},
    {"mod(7, 4)", "3"}, {"mod(a, 0)", "!mod: division by zero"}, {"pi()", "3.141592653589793"}, {"power(2, 10)", "1024"}, {"pow(2, 3)", "8"}, {"rand() < 1", "true"}, {"sign(neg)", "-1"}, {"sin(0)", "0"}, {"sinh(0)", "0"}, {"sqrt(9)", "3"}, {"sqrt(neg)", ""},
    {"tan(0)", "0"}, {"tanh(0)", "0"}, {"trunc(3.14159, 2)", "3.14"}, {"abs(s)", "!abs: argument 1 is a string, not a number"}, {"abs(n)", ""},

    {"concat(s, 1, true, n)", "\"Hello W\u00f6rld1true\""}, {"concat(l, l)", "[3,1,2,3,null,3,1,2,3,null]"}, {"startswith(s, 'He')", "true"}, {"endswith(s, 'ld')", "true"}, {"endswith('a', 'aa')", "false"},
    {"indexof(s, 'rld')", "8"}, {"indexof(s, 'x')", "-1"}, {"length(s)", "11"}, {"numbytes(s)", "12"}, {"length(l)", "5"}, {"lower(s)", "\"hello w\u00f6rld\""}, {"upper(s)", "\"HELLO W\u00f6RLD\""}, {"lpad('a', 2)", "\"  a\""}, {"rpad('a', 2)", "\"a  \""},
    {"trim('  a ')", "\"a\""}, {"ltrim('  a ')", "\"a \""}, {"rtrim('  a ')", "\"  a\""}, {"trim('   ')", "\"\""}, {"substring(s, 6, 2)", "\"W\u00f6\""}, {"substring(s, 6)", "\"W\u00f6rld\""}, {"substring(s, 90)", "\"\""}, {"substring(s, -1)", "!substring: a start or length below 0"},
    {"replace('banana', 'an', 'x')", "\"bxxa\""}, {"replace('banana', '', 'x')", "\"banana\""}, {"reverse('a\u00f6b')", "\"b\u00f6a\""}, {"split_value('/test/device001/message', '/', 0)", "\"\""}, {"split_value('/test/device001/message', '/', 3)", "\"message\""}, {"split_value('a,b', ',', -1)", "\"b\""}, {"split_value('a,b', ',', 2)", "!split_value: part 2 of 2"},
    {"regexp_matches(s, '^H.*d$')", "true"}, {"regexp_matches(s, concat('x', 'y'))", "false"}, {"regexp_replace('a1b22', '[0-9]+', '#')", "\"a#b#\""}, {"regexp_replace('ab', 'x*', '-')", "\"-a-b-\""}, {"regexp_substring('a1b22', '[0-9]+$')", "\"22\""}, {"regexp_substr('abc', 'x')", "\"\""},
    {"repeat('ab', 2)", "[\"ab\",\"ab\"]"}, {"repeat('ab', 100000)", "!repeat: 100000 times"},

    {"now()", "\"2025-08-06 08:46:41\""}, {"now(3)", "\"2025-08-06 08:46:41.500\""}, {"cur_date()", "\"2025-08-06\""}, {"cur_time()", "\"08:46:41\""}, {"current_timestamp()", "\"2025-08-06 08:46:41\""}, {"tstamp()", "1754470001500"}, {"event_time()", "1754470001500"},
    {"rule_id()", "\"rule-1\""}, {"window_start()", "0"}, {"window_end()", "0"}, {"format_time(1754470001500, 'YYYY-MM-dd HH:mm:ssSSS XXX')", "\"2025-08-06 08:46:41.500 +00:00\""}, {"format_time('2024-02-29T23:05:06Z', 'YY MMM MMMM d EEE EEEE h a m s')", "\"24 Feb February 29 Thu Thursday 11 PM 5 6\""},
    {"date_calc('2019-01-01', '1h30m')", "\"2019-01-01 01:30:00\""}, {"date_calc(0, '-1s')", "-1000"}, {"date_calc(0, 'x')", "!date_calc: 'x' is no duration"}, {"date_diff('2024-03-01', '2024-02-28')", "2"}, {"day_name('2024-02-29')", "\"Thursday\""}, {"day(0)", "1"}, {"day_of_month('2024-02-29')", "29"}, {"day_of_week('2024-02-25')", "1"}, {"day_of_year('2024-12-31')", "366"},
    {"from_days(1)", "\"1970-01-02\""}, {"from_unix_time(86400)", "\"1970-01-02 00:00:00\""}, {"hour('2024-02-29 13:14:15.000016')", "13"}, {"minute('2024-02-29 13:14:15')", "14"}, {"second('2024-02-29 13:14:15+01:00')", "15"}, {"microsecond('2024-02-29 13:14:15.000016')", "16"}, {"last_day('2024-02-01')", "\"2024-02-29\""}, {"month('2024-02-01')", "2"}, {"month_name('2024-02-01')", "\"February\""}, {"year('2024-02-01')", "2024"}, {"hour('yesterday')", "!hour: argument 1 is no time"}, {"hour(1e300)", "!hour: a time beyond the year 9999"},

    {"cast('12', 'bigint')", "12"}, {"cast(a, 'bigint')", "3"}, {"cast(true, 'bigint')", "1"}, {"cast('x', 'bigint')", "!cast: a string that is no bigint"}, {"cast(1e300, 'bigint')", "!cast: the number is out of the range of a bigint"}, {"cast('1.5', 'float')", "1.5"}, {"cast(1.5, 'string')", "\"1.5\""}, {"cast(l, 'string')", "\"[3,1,2,3,null]\""}, {"cast('true', 'boolean')", "true"}, {"cast(0, 'boolean')", "false"}, {"cast('ab', 'bytea')", "\"YWI=\""}, {"cast(0, 'datetime')", "\"1970-01-01T00:00:00.000Z\""}, {"cast(1, 'word')", "!cast: 'word' is none of bigint, float, string, boolean, bytea, datetime"},
    {"encode('abc', 'base64')", "\"YWJj\""}, {"cast(decode('YWJj', 'base64'), 'string')", "\"abc\""}, {"decode('%', 'base64')", "!decode: that is no base64"}, {"chr(65)", "\"A\""}, {"chr(0)", "!chr: there is no character 0"}, {"md5('abc')", "\"900150983cd24fb0d6963f7d28e17f72\""}, {"sha1('abc')", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""}, {"sha256('abc')", "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""}, {"length(sha384('abc'))", "96"}, {"length(sha512('abc'))", "128"}, {"crc32('abc')", "\"352441c2\""}, {"isnull(n)", "true"}, {"isNull(s)", "false"}, {"coalesce(n, nope, 5)", "5"}, {"length(newuuid())", "36"},

    {"to_json(o)", "\"{\\\"x\\\":1,\\\"y\\\":{\\\"z\\\":[1,2]}}\""}, {"parse_json('[1,{\"a\":2}]')[1]->a", "2"}, {"parse_json('[')", "!parse_json: malformed json at byte 1: unexpected end"}, {"json_path_exists(o, '$.y.z')", "true"}, {"json_path_exists(o, '$.q')", "false"}, {"json_path_query(e, '$[*].key')", "[\"k1\",\"k2\"]"}, {"json_path_query(o, '$.y[\"z\"][-1]')", "[2]"}, {"json_path_query_first(e, '$.value')", "1"}, {"json_path_query(o, '$.[')", "!json_path_query: json path: no name at '['"},
    {"keys(o)", "[\"x\",\"y\"]"}, {"values(o)", "[1,{\"z\":[1,2]}]"}, {"items(o)[0]", "[\"x\",1]"}, {"object(array_create('a', 'b'), array_create(1, 2))", "{\"a\":1,\"b\":2}"}, {"zip(items(o))->x", "1"}, {"kvpair_array_to_obj(e)", "{\"k1\":1,\"k2\":2}"}, {"object_construct('a', 1, 'b', n)", "{\"a\":1}"}, {"object_concat(o, object_construct('x', 2))->x", "2"}, {"erase(o, 'x')", "{\"y\":{\"z\":[1,2]}}"}, {"erase(o, array_create('x', 'y'))", "{}"},

    {"cardinality(l)", "5"}, {"cardinality(n)", "0"}, {"array_cardinality(l)", "4"}, {"array_position(l, 3)", "0"}, {"array_last_position(l, 3)", "3"}, {"array_position(n, 3)", "-1"}, {"element_at(l, -2)", "3"}, {"element_at(l, 9)", "!element_at: index 9 is out of range: the array has 5"}, {"array_contains(l, 2)", "true"}, {"array_contains_any(l, array_create(7, 1))", "true"}, {"array_create(1, 'a')", "[1,\"a\"]"}, {"array_remove(l, 3)", "[1,2,null]"}, {"array_distinct(l)", "[3,1,2,null]"}, {"array_union(array_create(1), array_create(1, 2))", "[1,2]"}, {"array_intersect(l, array_create(3, 9))", "[3]"}, {"array_except(l, array_create(3))", "[1,2,null]"},
    {"array_max(l)", "3"}, {"array_min(l)", "1"}, {"array_avg(l)", "2.25"}, {"array_flatten(array_create(l, 7))", "[3,1,2,3,null,7]"}, {"array_join(l, '-')", "\"3-1-2-3\""}, {"array_join(l, ',', 'x')", "\"3,1,2,3,x\""}, {"array_concat(l, n, array_create(9))", "[3,1,2,3,null,9]"}, {"array_sort(array_create(3, 2, 'b', 'a'))", "[2,3,\"a\",\"b\"]"}, {"sequence(1, 5, 2)", "[1,3,5]"}, {"sequence(3, 1)", "[3,2,1]"}, {"sequence(1, 2, 0)", "!sequence: a step of 0 leads nowhere"}, {"sequence(1, 9000000000000)", "!sequence: more than 65536 members"},
};
/* clang-format on */
enum { N_CALLS = sizeof(CALLS) / sizeof(CALLS[0]) };

/* Once over columns, and once as it is folded where its arguments are constants: the same either way. */
static void test_calls(void)
{
    for (size_t i = 0; i < N_CALLS; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct rules_rig rig = {0};
        const char *sql = edge_printf(&ctx.arena, "SELECT %s AS r FROM demo", CALLS[i].call);
        const char *wanted = CALLS[i].expect;
        const char *expect = *wanted == '!' ? edge_printf(&ctx.arena, "! %s\n", wanted + 1)
                             : *wanted      ? edge_printf(&ctx.arena, "{\"r\":%s}\n", wanted)
                                            : "{}\n";
        enum edge_status st = rules_rig_start(&ctx, &rig, &(struct rules_case){.sql = sql});
        if (st == EDGE_OK) {
            rules_rig_play(&rig, ROW);
            CU_ASSERT_TRUE(rules_rig_same(sql, edge_buf_str(&rig.out), expect));
        } else { /* told at once */
            const char *told = strstr(edge_ctx_message(&ctx, st), ": ");
            CU_ASSERT_TRUE_FATAL(told && *wanted == '!');
            CU_ASSERT_TRUE(rules_rig_same(sql, told + 2, wanted + 1));
        }
        rules_rig_end(&rig);
    }
}

static bool called(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < N_CALLS; i++) {
        for (const char *at = CALLS[i].call; (at = strcasestr(at, name)); at++) {
            bool begins =
                at == CALLS[i].call || !strchr("abcdefghijklmnopqrstuvwxyz_0123456789", at[-1]);
            if (begins && at[len] == '(') {
                return true;
            }
        }
    }
    return false;
}

static bool is_synonym(const char *name)
{
    static const char *const names[] = {"local_time", "local_timestamp", "current_date",
                                        "current_time"};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Rows are in order, have all they need, and each scalar function is called above. */
static void test_tables(void)
{
    for (size_t t = 0; t < RULES_N_FUNCTIONS; t++) {
        for (const struct rules_function *f = RULES_FUNCTIONS[t].rows; f->name; f++) {
            const char *near;
            CU_ASSERT_PTR_EQUAL(rules_function_find(f->name, &near), f);
            CU_ASSERT_EQUAL(!!f->scalar + !!f->aggregate + !!f->analytic, 1);
            CU_ASSERT_TRUE(f->max < 0 || f->min <= f->max);
            CU_ASSERT_TRUE(f->args && f->doc && f->doc[strlen(f->doc) - 1] == '.');
            if (f->scalar && !called(f->name) && !is_synonym(f->name)) {
                printf("%s is not called by any test\n", f->name);
                CU_ASSERT_TRUE(false);
            }
        }
    }
}

static void test_patterns_are_bounded(void)
{
    static const struct rules_case cases[] = {
        {"SELECT regexp_matches(s, '(a+)+$') AS x FROM demo",
         "1 {\"s\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}\n2 {\"s\":\"aaa\"}", "! regexp_matches: regular expression '(a+)+$' takes too many steps to compare with 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'\n{\"x\":true}\n"},
    };
    RULES_CASES(cases, false);
}

/* Whatever a rule does with one row or window, it ends soon, and says why. */
static void test_steps_are_bounded(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_rig rig = {0};
    const struct rules_case c = {
        .sql =
            "SELECT CASE WHEN k = 1 THEN s LIKE concat('%', p, 'b') WHEN k = 2 THEN cardinality(array_union(sequence(k, 4000), sequence(5000, 9000))) ELSE k END AS x FROM demo"};
    CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &rig, &c), EDGE_OK);
    char *line = edge_alloc(&ctx.arena, 1, 400000);
    char *a = edge_alloc(&ctx.arena, 1, 300001), *b = edge_alloc(&ctx.arena, 1, 10001);
    memset(a, 'a', 300000);
    memset(b, 'a', 10000);
    snprintf(line, 400000, "1 {\"k\":1,\"s\":\"%s\",\"p\":\"%s\"}", a, b);
    rules_rig_line(&rig, line);
    char sets[] = "2 {\"k\":2}", fine[] = "3 {\"k\":3}";
    rules_rig_line(&rig, sets);
    rules_rig_line(&rig, fine);
    CU_ASSERT_TRUE(rules_rig_same("steps", edge_buf_str(&rig.out),
                                  "! it takes more than 20000000 steps\n"
                                  "! array_union: an array of more than 4096\n{\"x\":3}\n"));
    rules_rig_end(&rig);
}

CU_TestInfo rules_functions_tests[] = {
    {"calls",                test_calls               },
    {"tables",               test_tables              },
    {"patterns are bounded", test_patterns_are_bounded},
    {"steps are bounded",    test_steps_are_bounded   },
    CU_TEST_INFO_NULL,
};
