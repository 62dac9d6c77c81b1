/*
 * Statements of rules: what parses is printed and parses to the same; what compiles runs on any rows, within bounds, and
 * its state is the same when it was saved and loaded. Even inputs are a text and rows, odd ones choose from the grammar.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/rules_ast.h"
#include "engine/rules_functions.h"
#include "engine/rules_program.h"
#include "engine/rules_stream.h"

struct bytes {
    const uint8_t *at, *end;
};

static unsigned next(struct bytes *b, unsigned n)
{
    return b->at < b->end ? *b->at++ % n : 0;
}

/* ---- statements from the grammar ------------------------------------------------------------ */

static const char *const COLUMNS[] = {"a",    "b",    "t.c",   "`select`", "d", "meta(deviceName)",
                                      "o->k", "l[0]", "l[1:]", "x"};
static const char *const OPS[] = {"+", "-",  "*", "/",  "%", "&",  "|",     "^",
                                  "=", "!=", "<", "<=", ">", ">=", " and ", " or "};
static const char *const CONSTANTS[] = {"0",
                                        "1",
                                        "-1",
                                        "9223372036854775807",
                                        "18446744073709551615",
                                        "1.5",
                                        "'x'",
                                        "\"a%\"",
                                        "true",
                                        "null",
                                        "1e300",
                                        "''",
                                        "2"};

static void put_expression(struct edge_buf *out, struct bytes *b, unsigned depth, bool aggregates);

static void put_call(struct edge_buf *out, struct bytes *b, unsigned depth, bool aggregates)
{
    const struct rules_function_table *t = &RULES_FUNCTIONS[next(b, (unsigned)RULES_N_FUNCTIONS)];
    unsigned n = 0;
    while (t->rows[n].name) {
        n++;
    }
    const struct rules_function *f = &t->rows[next(b, n)];
    bool inner = aggregates && !f->aggregate;
    edge_buf_printf(out, "%s(", f->name);
    for (int i = 0; i < f->min; i++) {
        edge_buf_puts(out, i ? "," : "");
        if (i == 0 && f->flags & RULES_FN_STAR && next(b, 2)) {
            edge_buf_puts(out, "*");
        } else {
            put_expression(out, b, depth + 1, inner);
        }
    }
    edge_buf_puts(out, ")");
    if (f->aggregate && next(b, 4) == 1) {
        edge_buf_puts(out, " FILTER (WHERE ");
        put_expression(out, b, depth + 1, false);
        edge_buf_puts(out, ")");
    }
    if (f->analytic && next(b, 3) == 1) {
        edge_buf_puts(out, " OVER (PARTITION BY a WHEN b > 1)");
    }
}

static void put_test(struct edge_buf *out, struct bytes *b, unsigned depth)
{
    static const char *const tests[] = {" IN (1, 'x', a)",
                                        " NOT IN (2)",
                                        " BETWEEN 1 AND 5",
                                        " NOT BETWEEN a AND 3",
                                        " LIKE 'a%_'",
                                        " IS NULL",
                                        " IN l",
                                        "->k",
                                        "[a]",
                                        "[:b]"};
    edge_buf_puts(out, "(");
    put_expression(out, b, depth + 1, false);
    edge_buf_printf(out, ")%s", tests[next(b, 10)]);
}

static void put_expression(struct edge_buf *out, struct bytes *b, unsigned depth, bool aggregates)
{
    switch (depth > 6 ? next(b, 2) : next(b, 8)) {
    case 0:
        edge_buf_puts(out, COLUMNS[next(b, 10)]);
        break;
    case 1:
        edge_buf_puts(out, CONSTANTS[next(b, 13)]);
        break;
    case 2:
    case 3:
        put_expression(out, b, depth + 1, aggregates);
        edge_buf_puts(out, OPS[next(b, 16)]);
        put_expression(out, b, depth + 1, aggregates);
        break;
    case 4:
        put_test(out, b, depth);
        break;
    case 5:
        edge_buf_puts(out, "CASE WHEN ");
        put_expression(out, b, depth + 1, aggregates);
        edge_buf_puts(out, " THEN ");
        put_expression(out, b, depth + 1, aggregates);
        edge_buf_puts(out, next(b, 2) ? " END" : " ELSE 3 END");
        break;
    case 6:
        put_call(out, b, depth, aggregates);
        break;
    default:
        edge_buf_puts(out, next(b, 2) ? "NOT (" : "-(");
        put_expression(out, b, depth + 1, aggregates);
        edge_buf_puts(out, ")");
    }
}

static void put_statement(struct edge_buf *out, struct bytes *b)
{
    static const char *const windows[] = {"TUMBLINGWINDOW(ms, 9)",    "HOPPINGWINDOW(ms, 20, 7)",
                                          "SLIDINGWINDOW(ms, 9)",     "SLIDINGWINDOW(ms, 9, 4)",
                                          "SESSIONWINDOW(ms, 30, 6)", "COUNTWINDOW(3)",
                                          "COUNTWINDOW(4, 2)"};
    static const char *const joins[] = {"", " INNER JOIN u ON t.a = u.a",
                                        " LEFT JOIN u ON t.a < u.b", " FULL JOIN u ON t.a != u.a",
                                        " CROSS JOIN u"};
    edge_buf_puts(out, next(b, 5) == 1 ? "SELECT *, " : "SELECT ");
    for (unsigned n = next(b, 3) + 1; n > 0; n--) {
        put_expression(out, b, 0, true);
        edge_buf_puts(out, next(b, 2) ? " AS a" : "");
        edge_buf_puts(out, n > 1 ? ", " : "");
    }
    edge_buf_printf(out, " FROM t%s", joins[next(b, 3) ? 0 : next(b, 5)]);
    if (next(b, 2)) {
        edge_buf_puts(out, " WHERE ");
        put_expression(out, b, 1, false);
    }
    if (next(b, 3)) {
        edge_buf_printf(out, " GROUP BY %s%s", next(b, 2) ? "d, " : "", windows[next(b, 7)]);
    }
    if (next(b, 4) == 1) {
        edge_buf_puts(out, " HAVING ");
        put_expression(out, b, 2, true);
    }
    edge_buf_puts(out, next(b, 4) == 1 ? " ORDER BY a DESC, b LIMIT 3" : "");
}

/* ---- rows ----------------------------------------------------------------------------------- */

static struct rules_value any_value(struct edge_arena *a, struct bytes *b, unsigned depth)
{
    static const char *const texts[] = {
        "", "x", "abc", "2024-02-29T12:00:00Z", "{\"k\":[1]}", "\xc3\xa9", "YWJj", "12"};
    static const double reals[] = {0, 1, -1.5, 1e300, 9007199254740993.0, 0.1, 1e-300, 3};
    struct rules_value *items = edge_new_n(a, struct rules_value, 4);
    struct rules_member *members = edge_new_n(a, struct rules_member, 2);
    switch (next(b, depth > 2 ? 7 : 9)) {
    case 0:
        return rules_null();
    case 1:
        return rules_bool(next(b, 2));
    case 2:
        return rules_int((int64_t)next(b, 7) - 3);
    case 3:
        return next(b, 2) ? rules_int(INT64_MIN) : rules_uint(UINT64_MAX);
    case 4:
        return rules_real(reals[next(b, 8)]);
    case 5:
        return rules_text(texts[next(b, 8)]);
    case 6:
        return (struct rules_value){.kind = RULES_BYTES, .n = 3, .bytes = "a\0b"};
    case 7:
        for (int i = 0; i < 4; i++) {
            items[i] = any_value(a, b, depth + 1);
        }
        return (struct rules_value){.kind = RULES_ARRAY, .n = next(b, 5), .items = items};
    default:
        members[0] = (struct rules_member){"k", any_value(a, b, depth + 1)};
        members[1] = (struct rules_member){"select", any_value(a, b, depth + 1)};
        return (struct rules_value){.kind = RULES_OBJECT, .n = next(b, 3), .members = members};
    }
}

static void any_row(struct rules_engine *e, struct edge_arena *a, struct bytes *b, int64_t ms,
                    struct rules_row *ret)
{
    static const char *const names[] = {"a", "b", "c", "select", "d", "o", "l", "x"};
    struct rules_member *members = edge_new_n(a, struct rules_member, 8);
    struct rules_value object = {.kind = RULES_OBJECT, .members = members};
    for (unsigned i = 0; i < 8; i++) {
        if (next(b, 4)) {
            members[object.n++] = (struct rules_member){names[i], any_value(a, b, 0)};
        }
    }
    rules_row_of_object(e, a, next(b, 3) == 1 ? "u" : "t", &object, ms, ret);
}

/* ---- runs ----------------------------------------------------------------------------------- */

struct outcome {
    uint64_t told, hash;
};

static void emit(void *state, struct rules_program *p, const struct rules_result *result)
{
    struct outcome *o = state;
    struct edge_buf json = EDGE_BUF_INIT;
    (void)p;
    o->told++;
    assert(!result->error || (result->n == 0 && *result->error));
    for (size_t i = 0; i < result->n; i++) {
        assert(result->rows[i].kind == RULES_OBJECT);
        rules_put_json(&json, &result->rows[i]);
        o->hash = rules_hash(o->hash, &result->rows[i]);
    }
    edge_buf_done(&json);
}

static void push_rows(struct rules_engine *e, struct rules_program *p, struct bytes *b,
                      int64_t from, int n)
{
    for (int i = 0; i < n; i++) {
        EDGE_CTX_SCOPE(ctx);
        struct rules_row row;
        int64_t ms = from + i * 3 - (int64_t)next(b, 5);
        any_row(e, &ctx.arena, b, ms, &row);
        rules_program_tick(p, ms);
        rules_program_push(p, &row, ms);
        assert(rules_program_state_bytes(p) < 1 << 22);
    }
}

static bool repeatable(const char *sql)
{
    return !strstr(sql, "rand") && !strstr(sql, "newuuid");
}

/* One runs on, another one begins in the middle with what the first had saved. */
static void run(const struct rules_select *select, const char *sql, struct bytes rows,
                bool event_time)
{
    EDGE_CTX_SCOPE(ctx);
    struct outcome one = {0}, two = {0};
    struct rules_engine *e = rules_engine_create();
    struct rules_program *p, *q;
    struct rules_options options = {
        .emit = emit,
        .state = &one,
        .event_time = event_time,
        .late_tolerance_ms = 2,
        .limits = {.window_rows = 20, .joined = 200, .backlog = 8, .partitions = 4}
    };
    if (rules_program_compile(&ctx, e, select, &options, &p) != EDGE_OK) {
        assert(ctx.failure);
        rules_engine_free(e);
        return;
    }
    push_rows(e, p, &rows, 1000, 12);
    struct edge_buf state = EDGE_BUF_INIT, explained = EDGE_BUF_INIT;
    rules_program_save(p, &state);
    rules_program_explain(p, &explained);
    options.state = &two;
    assert(rules_program_compile(&ctx, e, select, &options, &q) == EDGE_OK);
    assert(rules_program_load(&ctx, q, state.data, state.len) == EDGE_OK);
    one = (struct outcome){0};
    struct bytes again = rows;
    push_rows(e, p, &rows, 1100, 12);
    push_rows(e, q, &again, 1100, 12);
    rules_program_tick(p, 5000);
    rules_program_tick(q, 5000);
    assert(!repeatable(sql) || (one.told == two.told && one.hash == two.hash));
    edge_buf_done(&state);
    edge_buf_done(&explained);
    rules_program_free(q);
    rules_program_free(p);
    rules_engine_free(e);
}

static void load_garbage(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_value v;
    const char *at = (const char *)data;
    (void)rules_value_read(&ctx.arena, &at, at + size, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    struct bytes b = {data, data + size};
    struct edge_buf sql = EDGE_BUF_INIT, first = EDGE_BUF_INIT, second = EDGE_BUF_INIT;
    struct rules_select *select, *same;
    unsigned mode = next(&b, 8);
    load_garbage(data, size);
    if (mode & 1) {
        put_statement(&sql, &b);
    } else {
        const uint8_t *nul = memchr(b.at, '\0', (size_t)(b.end - b.at));
        const uint8_t *end = nul ? nul : b.end;
        edge_buf_put(&sql, b.at, (size_t)(end - b.at));
        b.at = nul ? nul + 1 : b.end;
    }
    struct rules_stream *stream;
    assert(rules_parse_stream(&ctx, edge_buf_str(&sql), &stream) == EDGE_OK || ctx.failure);
    edge_ctx_clear(&ctx);
    if (rules_parse(&ctx, edge_buf_str(&sql), &select) == EDGE_OK) {
        rules_print(&first, select);
        if (first.len <= RULES_SQL_MAX) {
            assert(rules_parse(&ctx, edge_buf_str(&first), &same) == EDGE_OK);
            rules_print(&second, same);
            assert(strcmp(edge_buf_str(&first), edge_buf_str(&second)) == 0);
        }
        run(select, edge_buf_str(&first), b, mode & 2);
    } else {
        assert(ctx.failure);
    }
    edge_buf_done(&sql);
    edge_buf_done(&first);
    edge_buf_done(&second);
    return 0;
}
