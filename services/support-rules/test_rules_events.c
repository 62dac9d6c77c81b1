/* Events as rows, what meta() says of them, and which rules the index asks. */
#include "edge/dto.h"
#include "rules_rig.h"
#include "suites.h"

static const char EVENT_TEXT[] =
    "{\"apiVersion\":\"v3\",\"id\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"deviceName\":\"pump-7\","
    "\"profileName\":\"Pump\",\"sourceName\":\"All\",\"origin\":1754470001000000001,"
    "\"tags\":{\"site\":\"north\"},\"readings\":[%s]}";
static const char READING_TEXT[] =
    "{\"id\":\"0f7e8f9a-2c60-4a3d-8c3c-2f1f7b1f6f43\",\"origin\":1754470001000000002,"
    "\"deviceName\":\"pump-7\",\"resourceName\":\"%s\",\"profileName\":\"Pump\",\"valueType\":\"%s\",%s}";

struct reading_case {
    const char *name, *type, *rest; /* of the reading's JSON */
};

static struct event *event_of(struct edge_ctx *ctx, const struct reading_case *readings, size_t n)
{
    struct edge_buf list = EDGE_BUF_INIT;
    const cJSON *json = NULL;
    struct event *event = edge_new(&ctx->arena, struct event);
    for (size_t i = 0; i < n; i++) {
        edge_buf_puts(&list, i ? "," : "");
        edge_buf_puts(&list, edge_printf(&ctx->arena, READING_TEXT, readings[i].name,
                                         readings[i].type, readings[i].rest));
    }
    const char *text = edge_printf(&ctx->arena, EVENT_TEXT, edge_buf_str(&list));
    enum edge_status st = edge_json_parse(ctx, text, strlen(text), NULL, &json);
    st = st == EDGE_OK ? edge_dto_decode(ctx, &EVENT, json, event) : st;
    if (st != EDGE_OK) {
        printf("no event: %s\n", edge_ctx_message(ctx, st));
        abort();
    }
    edge_buf_done(&list);
    return event;
}

static void push_event(struct edge_ctx *ctx, struct rules_engine *e, const struct event *event)
{
    struct rules_row row;
    const struct rules_event in = {.event = event, .stream = "demo", .correlation_id = "c-1"};
    rules_row_of_event(e, &ctx->arena, &in, &row);
    rules_engine_push(e, &row, event->origin / 1000000);
}

static void expect_of(const char *sql, const struct event *event, const char *expect)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_rig rig = {0};
    enum edge_status st = rules_rig_start(&ctx, &rig, &(struct rules_case){.sql = sql});
    if (st != EDGE_OK) {
        printf("%s: %s\n", sql, edge_ctx_message(&ctx, st));
    }
    CU_ASSERT_EQUAL_FATAL(st, EDGE_OK);
    push_event(&ctx, rig.engine, event);
    CU_ASSERT_TRUE(rules_rig_same(sql, edge_buf_str(&rig.out), expect));
    rules_rig_end(&rig);
}

/* clang-format off */
static const struct reading_case READINGS[] = {
    {"b", "Bool", "\"value\":\"true\""},
    {"s", "String", "\"value\":\"x y\""},
    {"i8", "Int8", "\"value\":\"-5\""},
    {"i64", "Int64", "\"value\":\"-9223372036854775808\""},
    {"u64", "Uint64", "\"value\":\"18446744073709551615\""},
    {"f32", "Float32", "\"value\":\"1.1\""},
    {"f64", "Float64", "\"value\":\"1.1e+00\""},
    {"l", "Int16Array", "\"value\":\"[1, 2, 3]\""},
    {"sl", "StringArray", "\"value\":\"[\\\"a\\\", \\\"b\\\"]\""},
    {"o", "Object", "\"objectValue\":{\"k\":[1,{\"m\":true}]}"},
    {"bin", "Binary", "\"mediaType\":\"image/png\",\"binaryValue\":\"AQID\""},
    {"u", "Float64", "\"units\":\"bar\",\"value\":\"2\""},
};

static void test_readings_become_columns(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct event *e = event_of(&ctx, READINGS, sizeof(READINGS) / sizeof(READINGS[0]));
    expect_of("SELECT * FROM demo", e,
              "{\"b\":true,\"s\":\"x y\",\"i8\":-5,\"i64\":-9223372036854775808,\"u64\":18446744073709551615,\"f32\":1.100000023841858,"
              "\"f64\":1.1,\"l\":[1,2,3],\"sl\":[\"a\",\"b\"],\"o\":{\"k\":[1,{\"m\":true}]},\"bin\":\"AQID\",\"u\":2}\n");
    expect_of("SELECT i8 / 2 AS x, l[-1] AS y, o->k[1]->m AS z, length(bin) AS n FROM demo", e, "{\"x\":-2,\"y\":3,\"z\":true,\"n\":3}\n");
    expect_of("SELECT f32 FROM demo WHERE f32 > 1.1", e, "{\"f32\":1.100000023841858}\n");
    expect_of("SELECT -i64 AS x FROM demo", e, "{\"x\":9223372036854775808}\n");
    expect_of("SELECT u64 * 2 AS x FROM demo", e, "! the integer result is out of range: it has more than 64 bits\n");
}

/* Null readings, and texts that are no value of their type, are left out. */
static void test_what_is_left_out(void)
{
    struct reading readings[] = {{.resource_name = "null", .value_type = VT_INT8, .is_null = true},
                                 {.resource_name = "words", .value_type = VT_INT8, .value = "twelve"},
                                 {.resource_name = "large", .value_type = VT_INT8, .value = "200"},
                                 {.resource_name = "list", .value_type = VT_INT8_ARRAY, .value = "[1, x]"},
                                 {.resource_name = "twice", .value_type = VT_INT8, .value = "1"},
                                 {.resource_name = "twice", .value_type = VT_INT8, .value = "2"},
                                 {.resource_name = NULL, .value_type = VT_INT8, .value = "1"}};
    const struct event e = {.readings = readings, .n_readings = 7};
    expect_of("SELECT *, meta(deviceName) AS d, meta(nope->x) AS n FROM demo", &e, "{\"twice\":2}\n");
}

static void test_meta(void)
{
    EDGE_CTX_SCOPE(ctx);
    const struct event *e = event_of(&ctx, READINGS + 10, 2);
    expect_of("SELECT meta(id) AS a, meta(deviceName) AS b, meta(profileName) AS c, meta(sourceName) AS d, meta(correlationid) AS f FROM demo", e,
              "{\"a\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"b\":\"pump-7\",\"c\":\"Pump\",\"d\":\"All\",\"f\":\"c-1\"}\n");
    /* every digit of an origin is there */
    expect_of("SELECT meta(origin) AS a, meta(u->origin) AS b, meta(demo.origin) AS c FROM demo", e,
              "{\"a\":1754470001000000001,\"b\":1754470001000000002,\"c\":1754470001000000001}\n");
    expect_of("SELECT meta(tags)->site AS a, meta(tags) AS b FROM demo WHERE meta(deviceName) = 'pump-7'", e, "{\"a\":\"north\",\"b\":{\"site\":\"north\"}}\n");
    expect_of("SELECT meta(u->units) AS a, meta(bin->mediaType) AS b, meta(bin->valueType) AS c, meta(u.valueType) AS d FROM demo", e,
              "{\"a\":\"bar\",\"b\":\"image/png\",\"c\":\"Binary\",\"d\":\"Float64\"}\n");
    expect_of("SELECT meta(deviceName), event_time() AS t FROM demo", e, "{\"deviceName\":\"pump-7\",\"t\":1754470001000}\n");
    expect_of("SELECT keys(meta(*)) AS k FROM demo", e, "{\"k\":[\"id\",\"deviceName\",\"profileName\",\"sourceName\",\"origin\",\"tags\",\"correlationid\",\"bin\",\"u\"]}\n");
}

/* Statements, and what the index knows of them. */
static const struct { const char *sql; bool scanned; } INDEXED[] = {
    {"SELECT * FROM demo WHERE temp > 30", false},
    {"SELECT * FROM demo WHERE temp > 30 AND meta(deviceName) = 'd1'", false},
    {"SELECT * FROM demo WHERE meta(profileName) = 'p1' AND hum < 5", false},
    {"SELECT * FROM demo WHERE meta(deviceName) = 'd2'", false},
    {"SELECT * FROM demo WHERE temp > 30 OR hum < 5", false},
    {"SELECT * FROM demo WHERE temp > 30 OR isnull(hum)", true},
    {"SELECT * FROM demo WHERE temp BETWEEN 1 AND 50 AND hum IN (1, 2, 3)", false},
    {"SELECT temp AS hum FROM demo WHERE hum > 30", true},
    {"SELECT * FROM demo WHERE NOT (temp > 30)", true},
    {"SELECT * FROM demo", true},
    {"SELECT temp - lag(temp) AS d FROM demo WHERE temp > 0", true},
    {"SELECT count(*) AS c FROM demo WHERE temp > 30 GROUP BY COUNTWINDOW(3)", true},
    {"SELECT count(*) AS c FROM demo GROUP BY COUNTWINDOW(3) FILTER(WHERE temp > 30)", false},
    {"SELECT avg(temp) AS temp FROM demo WHERE temp > 30 GROUP BY TUMBLINGWINDOW(ms, 10)", false},
    {"SELECT * FROM other WHERE temp > 30", false},
};
/* clang-format on */
enum { N_INDEXED = sizeof(INDEXED) / sizeof(INDEXED[0]) };

static void test_what_the_index_knows(void)
{
    for (size_t i = 0; i < N_INDEXED; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct rules_rig rig = {0};
        CU_ASSERT_EQUAL_FATAL(
            rules_rig_start(&ctx, &rig, &(struct rules_case){.sql = INDEXED[i].sql}), EDGE_OK);
        char none[] = "1 nowhere-else {}";
        rules_rig_line(&rig, none);
        bool scanned = rules_engine_scanned(rig.engine) == 1;
        if (scanned != INDEXED[i].scanned) {
            printf("%s: %s\n", INDEXED[i].sql, scanned ? "scanned" : "indexed");
        }
        CU_ASSERT_EQUAL(scanned, INDEXED[i].scanned);
        rules_rig_end(&rig);
    }
}

static struct event *random_event(struct edge_arena *a, unsigned *seed)
{
    static const char *const devices[] = {"d1", "d2", "d3"}, *const profiles[] = {"p1", "p2"};
    static const char *const names[] = {"temp", "hum", "other"};
    struct event *e = edge_new(a, struct event);
    e->device_name = devices[rand_r(seed) % 3];
    e->profile_name = profiles[rand_r(seed) % 2];
    e->readings = edge_new_n(a, struct reading, 3);
    for (size_t i = 0; i < 3; i++) {
        if (rand_r(seed) % 2) {
            e->readings[e->n_readings++] =
                (struct reading){.resource_name = names[i],
                                 .value_type = VT_INT16,
                                 .value = edge_printf(a, "%d", rand_r(seed) % 60 - 5)};
        }
    }
    return e;
}

/* All rules in one engine, asked by the index, do what each does that is handed every row. */
static void test_the_index_loses_nothing(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_rig each[N_INDEXED] = {0};
    struct rules_rig indexed[N_INDEXED] = {0};
    struct rules_engine *e = rules_engine_create();
    unsigned seed = 7;
    for (size_t i = 0; i < N_INDEXED; i++) {
        const struct rules_case c = {.sql = INDEXED[i].sql};
        indexed[i].engine = e;
        CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &indexed[i], &c), EDGE_OK);
        CU_ASSERT_EQUAL_FATAL(rules_rig_start(&ctx, &each[i], &c), EDGE_OK);
    }
    for (int64_t now = 1; now < 2000; now++) {
        EDGE_CTX_SCOPE(own);
        struct rules_row row;
        struct rules_event in = {.event = random_event(&own.arena, &seed), .stream = "demo"};
        rules_row_of_event(e, &own.arena, &in, &row);
        rules_engine_tick(e, now);
        rules_engine_push(e, &row, now);
        for (size_t i = 0; i < N_INDEXED; i++) {
            rules_row_of_event(each[i].engine, &own.arena, &in, &row);
            rules_program_tick(each[i].program, now);
            rules_program_push(each[i].program, &row, now);
        }
    }
    for (size_t i = 0; i < N_INDEXED; i++) {
        const struct rules_stats *mine = rules_program_stats(indexed[i].program);
        CU_ASSERT_EQUAL(indexed[i].out.len, each[i].out.len);
        CU_ASSERT_TRUE(INDEXED[i].scanned || mine->in < 2000);
        CU_ASSERT_TRUE(i == N_INDEXED - 1 || each[i].out.len > 0);
        if (indexed[i].out.len == each[i].out.len && each[i].out.len) {
            CU_ASSERT_EQUAL(memcmp(indexed[i].out.data, each[i].out.data, each[i].out.len), 0);
        }
    }
    for (size_t i = 0; i < N_INDEXED; i++) {
        rules_program_free(indexed[i].program);
        edge_buf_done(&indexed[i].out);
        rules_rig_end(&each[i]);
    }
    CU_ASSERT_EQUAL(rules_engine_programs(e), 0);
    rules_engine_free(e);
}

static void test_expressions_alone(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_engine *e = rules_engine_create();
    struct rules_expression *x;
    struct rules_row row;
    struct rules_value v, object = rules_rig_object(&ctx, "{\"a\":5,\"s\":\"x\"}");
    CU_ASSERT_EQUAL_FATAL(rules_expression_create(&ctx, e, "a > 3 AND s = 'x'", &x), EDGE_OK);
    rules_row_of_object(e, &ctx.arena, "", &object, 0, &row);
    CU_ASSERT_EQUAL(rules_expression_eval(&ctx, x, &row, 1, &v), EDGE_OK);
    CU_ASSERT_TRUE(v.kind == RULES_BOOL && v.b);
    rules_expression_free(x);
    CU_ASSERT_EQUAL_FATAL(rules_expression_create(&ctx, e, "a + s", &x), EDGE_OK);
    CU_ASSERT_EQUAL(rules_expression_eval(&ctx, x, &row, 1, &v), EDGE_INVALID);
    edge_ctx_clear(&ctx);
    rules_expression_free(x);
    CU_ASSERT_EQUAL_FATAL(rules_expression_create(&ctx, e, "had_changed(true, a)", &x), EDGE_OK);
    CU_ASSERT_EQUAL(rules_expression_eval(&ctx, x, &row, 1, &v), EDGE_OK);
    CU_ASSERT_TRUE(v.b);
    CU_ASSERT_EQUAL(rules_expression_eval(&ctx, x, &row, 1, &v), EDGE_OK);
    CU_ASSERT_FALSE(v.b);
    rules_expression_free(x);
    CU_ASSERT_EQUAL(rules_expression_create(&ctx, e, "count(*) > 3", &x), EDGE_INVALID);
    CU_ASSERT_EQUAL(rules_expression_create(&ctx, e, "a >", &x), EDGE_INVALID);
    rules_engine_free(e);
}

CU_TestInfo rules_events_tests[] = {
    {"readings become columns", test_readings_become_columns},
    {"what is left out",        test_what_is_left_out       },
    {"meta",                    test_meta                   },
    {"what the index knows",    test_what_the_index_knows   },
    {"the index loses nothing", test_the_index_loses_nothing},
    {"expressions alone",       test_expressions_alone      },
    CU_TEST_INFO_NULL,
};
