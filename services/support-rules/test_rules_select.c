/* What a statement makes of rows: the dialect as EdgeX users know it, a row of a table for each sentence. */
#include "engine/rules_stream.h"
#include "rules_rig.h"
#include "suites.h"

static void test_names_and_aliases(void)
{
    static const struct rules_case cases[] = {
        {"SELECT a, b AS x FROM demo",                             "1 {\"a\":1,\"b\":2}",                      "{\"a\":1,\"x\":2}\n"                                                       },
        {"select * from demo",                                     "1 {\"a\":1,\"b\":null}",                   "{\"a\":1,\"b\":null}\n"                                                    },
 /* names are case-sensitive, keywords and functions are not */
        {"SELECT A, UPPER(a) AS u FROM demo WHERE Upper(a) = 'X'", "1 {\"a\":\"x\"}",
         "{\"u\":\"X\"}\n"                                                                                                                                                                 },
        {"SELECT a FROM Demo",                                     "1 {\"a\":1}",                              ""                                                                          },
 /* an alias hides the column of that name everywhere */
        {"SELECT a AS b, b AS c FROM demo",                        "1 {\"a\":1,\"b\":2}",                      "{\"b\":1,\"c\":1}\n"                                                       },
        {"SELECT a AS b FROM demo WHERE b = 1",                    "1 {\"a\":1,\"b\":2}\n2 {\"a\":3,\"b\":1}",
         "{\"b\":1}\n"                                                                                                                                                                     },
        {"SELECT a + 1 AS a, a + 2 AS sum2 FROM demo",             "1 {\"a\":1}",                              "{\"a\":2,\"sum2\":4}\n"                                                    },
        {"SELECT a + 1 AS sum1, sum1 + 1 AS sum2 FROM demo",       "1 {\"a\":1}",
         "{\"sum1\":2,\"sum2\":3}\n"                                                                                                                                                       },
        {"SELECT b AS a, a AS b FROM demo",                        "",
         "refused: line 1, column 8: alias 'b' is defined by itself\n"                                                                                                                     },
        {"SELECT a + 1, length(b), b->c, d[0], 7 FROM demo",       "1 {\"a\":1,\"b\":\"xy\",\"d\":[5]}",
         "! string has no member 'c'\n"                                                                                                                                                    },
        {"SELECT a + 1, length(b), e->c, d[0], 7 FROM demo",
         "1 {\"a\":1,\"b\":\"xy\",\"d\":[5],\"e\":{\"c\":3}}",                                                 "{\"kuiper_field_0\":2,\"length\":2,\"c\":3,\"d\":5,\"kuiper_field_1\":7}\n"},
        {"SELECT * EXCEPT(a, b) FROM demo",                        "1 {\"a\":1,\"b\":2,\"c\":3}",              "{\"c\":3}\n"                                                               },
        {"SELECT * REPLACE(a + b AS b), c AS d FROM demo",         "1 {\"a\":1,\"b\":2,\"c\":3}",
         "{\"a\":1,\"b\":3,\"c\":3,\"d\":3}\n"                                                                                                                                             },
        {"SELECT * EXCEPT(a) REPLACE(a * 2 AS a) FROM demo",       "1 {\"a\":1,\"b\":2}",
         "{\"b\":2,\"a\":2}\n"                                                                                                                                                             },
        {"SELECT `select`, `a-b`, `\xe6\xb8\xa9` FROM demo",
         "1 {\"select\":1,\"a-b\":2,\"\xe6\xb8\xa9\":3}",                                                      "{\"select\":1,\"a-b\":2,\"\xe6\xb8\xa9\":3}\n"                             },
        {"SELECT d.a, d.o.x, o.x AS y FROM demo AS d",             "1 {\"a\":1,\"o\":{\"x\":2}}",
         "{\"a\":1,\"x\":2,\"y\":2}\n"                                                                                                                                                     },
        {"/* one */ SELECT a -- two\n FROM demo;",                 "1 {\"a\":1}",                              "{\"a\":1}\n"                                                               },
        {"SELECT a FROM demo LIMIT 0",                             "1 {\"a\":1}",                              ""                                                                          },
    };
    RULES_CASES(cases, false);
}

static void test_nothing(void)
{
    static const struct rules_case cases[] = {
  /* a missing field leaves its key out; the row is sent all the same */
        {"SELECT nope FROM demo",                                                                    "1 {\"a\":1}",              "{}\n"                                                },
        {"SELECT nope AS x, a FROM demo",                                                            "1 {\"a\":null}",           "{\"a\":null}\n"                                      },
        {"SELECT nope + 1 AS x, a * 2 AS y FROM demo",                                               "1 {\"a\":null}",           "{}\n"                                                },
 /* every comparison with either is false */
        {"SELECT 1 AS x FROM demo WHERE nope != 1 OR nope = 1 OR a != 1 OR a = null",
         "1 {\"a\":null}",                                                                                                       ""                                                    },
        {"SELECT 1 AS x FROM demo WHERE nope NOT IN (1) OR a NOT BETWEEN 1 AND 2 OR a NOT LIKE 'x'",
         "1 {\"a\":null}",                                                                                                       ""                                                    },
        {"SELECT isnull(nope) AS x, coalesce(nope, a, 3) AS y FROM demo",                            "1 {\"a\":null}",
         "{\"x\":true,\"y\":3}\n"                                                                                                                                                      },
        {"SELECT CASE WHEN a > 5 THEN 1 END AS x FROM demo",                                         "1 {\"a\":1}\n2 {\"a\":6}",
         "{}\n{\"x\":1}\n"                                                                                                                                                             },
        {"SELECT CASE a WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE 'many' END AS x FROM demo",
         "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":3}",                                                                                "{\"x\":\"one\"}\n{\"x\":\"two\"}\n{\"x\":\"many\"}\n"},
        {"SELECT a IS NULL AS x, NOT (a = 1) AS y, -b AS z, b <> 2 AS u FROM demo",
         "1 {\"a\":null,\"b\":2}",                                                                                               "{\"x\":true,\"y\":true,\"z\":-2,\"u\":false}\n"      },
    };
    RULES_CASES(cases, false);
}

static void test_numbers(void)
{
    static const struct rules_case cases[] = {
        {"SELECT 5 / 2 AS x, 5.0 / 2 AS y, 7 % 4 AS z, 2 + 3 * 4 AS u FROM demo", "1 {}",
         "{\"x\":2,\"y\":2.5,\"z\":3,\"u\":14}\n"                                                                                                                   },
 /* numbers of JSON are floats */
        {"SELECT a / 2 AS x FROM demo",                                           "1 {\"a\":5}",                    "{\"x\":2.5}\n"                                 },
        {"SELECT a / b AS x FROM demo",                                           "1 {\"a\":5,\"b\":0}",            "! division by zero\n"                          },
        {"SELECT 1 / 0 AS x FROM demo",                                           "",                               "refused: line 1, column 10: division by zero\n"},
 /* integers are exact, and never wrap */
        {"SELECT 9223372036854775807 + 1 AS x, a FROM demo",                      "1 {\"a\":18446744073709551615}",
         "{\"x\":9223372036854775808,\"a\":18446744073709551615}\n"                                                                                                 },
        {"SELECT a + 1 AS x FROM demo",                                           "1 {\"a\":18446744073709551615}",
         "! the integer result is out of range: it has more than 64 bits\n"                                                                                         },
        {"SELECT a FROM demo WHERE a > 9007199254740992.0",                       "1 {\"a\":9007199254740993}",
         "{\"a\":9007199254740993}\n"                                                                                                                               },
        {"SELECT 6 & 3 AS x, 6 | 3 AS y, 6 ^ 3 AS z FROM demo",                   "1 {}",
         "{\"x\":2,\"y\":7,\"z\":5}\n"                                                                                                                              },
 /* text against number is an error of the row */
        {"SELECT a FROM demo WHERE a > 'x'",                                      "1 {\"a\":1}",
         "! float > string: these cannot be compared so\n"                                                                                                          },
        {"SELECT a + 'x' AS y FROM demo",                                         "1 {\"a\":1}",
         "! float + string: these are not two numbers\n"                                                                                                            },
        {"SELECT a FROM demo WHERE a",                                            "1 {\"a\":1}",                    "! a condition is a boolean, not a float\n"     },
        {"SELECT a FROM demo WHERE a",                                            "1 {\"a\":true}",                 "{\"a\":true}\n"                                },
    };
    RULES_CASES(cases, false);
}

static void test_conditions(void)
{
    static const struct rules_case cases[] = {
        {"SELECT t FROM demo WHERE t>30 and h<40 or d='pump-7'",
         "1 {\"t\":31,\"h\":39,\"d\":\"x\"}\n2 {\"t\":31,\"h\":41,\"d\":\"x\"}\n3 {\"t\":1,\"h\":50,\"d\":\"pump-7\"}",
         "{\"t\":31}\n{\"t\":1}\n"                                                                                                                                      },
        {"SELECT a FROM demo WHERE a IN (1, 3, 'x')",            "1 {\"a\":1}\n2 {\"a\":2}\n3 {\"a\":\"x\"}",
         "{\"a\":1}\n{\"a\":\"x\"}\n"                                                                                                                                   },
        {"SELECT a FROM demo WHERE a NOT IN (1, 3)",             "1 {\"a\":1}\n2 {\"a\":2}",                            "{\"a\":2}\n"                                   },
        {"SELECT a FROM demo WHERE a IN l",                      "1 {\"a\":1,\"l\":[1,2]}\n2 {\"a\":3,\"l\":[1]}",
         "{\"a\":1}\n"                                                                                                                                                  },
        {"SELECT a FROM demo WHERE a BETWEEN 10 AND 15",
         "1 {\"a\":9}\n2 {\"a\":10}\n3 {\"a\":15}\n4 {\"a\":16}",                                                       "{\"a\":10}\n{\"a\":15}\n"                      },
        {"SELECT a FROM demo WHERE a NOT BETWEEN 10 AND 15",     "1 {\"a\":9}\n2 {\"a\":10}",
         "{\"a\":9}\n"                                                                                                                                                  },
        {"SELECT a FROM demo WHERE a LIKE 'pre%_x'",
         "1 {\"a\":\"prex\"}\n2 {\"a\":\"prefix\"}\n3 {\"a\":\"pr\"}\n4 {\"a\":\"pre\xc3\xa9x\"}",                      "{\"a\":\"prefix\"}\n{\"a\":\"pre\xc3\xa9x\"}\n"},
        {"SELECT a FROM demo WHERE a NOT LIKE '%b%'",            "1 {\"a\":\"abc\"}\n2 {\"a\":\"ac\"}",
         "{\"a\":\"ac\"}\n"                                                                                                                                             },
        {"SELECT a FROM demo WHERE 30 < a AND NOT a = 40",
         "1 {\"a\":31}\n2 {\"a\":40}\n3 {\"a\":3}",                                                                     "{\"a\":31}\n"                                  },
 /* the right side is asked only where it decides */
        {"SELECT a FROM demo WHERE a = 1 OR a > 'x'",            "1 {\"a\":1}",                                         "{\"a\":1}\n"                                   },
    };
    RULES_CASES(cases, false);
}

static void test_paths(void)
{
    static const char row[] =
        "1 {\"name\":{\"first\":\"Tom\"},\"children\":[\"Sara\",\"Alex\",\"Jack\"],\"x\":0,\"y\":2,"
        "\"followers\":{\"Group1\":[{\"first\":\"John\"},{\"first\":\"Ken\"}]},\"fav.movie\":\"D\"}";
    static const struct rules_case cases[] = {
        {"SELECT demo.name->first, name.first AS f FROM demo",                                                                  row,
         "{\"first\":\"Tom\",\"f\":\"Tom\"}\n"                                                                                                                                                                                                            },
        {"SELECT children[0] AS a, children[-1] AS b, children[-2] AS c FROM demo",                                             row,
         "{\"a\":\"Sara\",\"b\":\"Jack\",\"c\":\"Alex\"}\n"                                                                                                                                                                                               },
        {"SELECT children[3] FROM demo",                                                                                        row, "! index 3 is out of range: the array has 3\n"                                                                       },
        {"SELECT children[-4] FROM demo",                                                                                       row, "! index -4 is out of range: the array has 3\n"                                                                      },
        {"SELECT children[0:1] AS a, children[1:-1] AS b, children[:] AS c, children[:2] AS d, children[x+1:y] AS e FROM demo",
         row,                                                                                                                        "{\"a\":[\"Sara\"],\"b\":[\"Alex\"],\"c\":[\"Sara\",\"Alex\",\"Jack\"],\"d\":[\"Sara\",\"Alex\"],\"e\":[\"Alex\"]}\n"},
        {"SELECT followers->Group1[:1]->first AS a, followers->Group1[1]->first AS b FROM demo",
         row,                                                                                                                        "{\"a\":[\"John\"],\"b\":\"Ken\"}\n"                                                                                 },
        {"SELECT `fav.movie` AS m, nope->x AS n, nope[0] AS o FROM demo",                                                       row, "{\"m\":\"D\"}\n"                                                                                                    },
    };
    RULES_CASES(cases, false);
}

static void test_faults_name_the_place(void)
{
    static const struct rules_case cases[] = {
        {"SELEC a FROM demo",                                       "", "refused: line 1, column 1: expected select, found 'SELEC'\n"},
        {"SELECT a\nFROM",                                          "",
         "refused: line 2, column 5: expected the name of a stream or table, found the end\n"                                        },
        {"SELECT a FROM demo WHERE",                                "",
         "refused: line 1, column 25: expected a value, found the end\n"                                                             },
        {"SELECT a b FROM demo",                                    "",
         "refused: line 1, column 10: expected ',' or FROM, found 'b'\n"                                                             },
        {"SELECT abz(a) FROM demo",                                 "",
         "refused: line 1, column 8: there is no function 'abz'; is 'abs' meant?\n"                                                  },
        {"SELECT abs() FROM demo",                                  "",
         "refused: line 1, column 8: abs(number) takes 1 arguments, not 0\n"                                                         },
        {"SELECT a FROM nowhere",                                   "",
         "refused: line 1, column 15: there is no stream or table 'nowhere'\n"                                                       },
        {"SELECT a FROM demo WHERE count(*) > 1",                   "",
         "refused: line 1, column 26: count(): WHERE has no aggregates\n"                                                            },
        {"SELECT sum(max(a)) FROM demo",                            "",
         "refused: line 1, column 12: max(): the argument of an aggregate has no aggregates\n"                                       },
        {"SELECT 'a FROM demo",                                     "",
         "refused: line 1, column 8: the text that begins here has no end\n"                                                         },
        {"SELECT a FROM demo GROUP BY TUMBLINGWINDOW(xx, 10)",      "",
         "refused: line 1, column 44: expected a unit: dd, hh, mi, ss or ms, found 'xx'\n"                                           },
        {"SELECT a FROM demo GROUP BY COUNTWINDOW(2, 3)",           "",
         "refused: line 1, column 29: the second number is larger than the first\n"                                                  },
        {"SELECT a FROM demo WHERE regexp_matches(a, '(x')",        "",
         "refused: line 1, column 44: regular expression '(x' is wrong at 2: missing closing parenthesis\n"                          },
        {"SELECT a FROM demo INNER JOIN other ON demo.a = other.a", "",
         "refused: line 1, column 31: streams are joined within a window: GROUP BY one\n"                                            },
        {"SELECT changed_cols('', true, a) > 1 FROM demo",          "",
         "refused: line 1, column 8: changed_cols() gives columns: it stands in SELECT alone\n"                                      },
        {"SELECT a FROM demo WHERE a = 99999999999999999999",       "",
         "refused: line 1, column 30: an integer above 18446744073709551615\n"                                                       },
    };
    RULES_CASES(cases, false);
}

static void test_limits(void)
{
    struct edge_buf sql = EDGE_BUF_INIT;
    EDGE_CTX_SCOPE(ctx);
    struct rules_engine *e = rules_engine_create();
    struct rules_program *p;
    const struct rules_options none = {0};
    edge_buf_puts(&sql, "SELECT ");
    for (int i = 0; i < 200; i++) {
        edge_buf_putc(&sql, '(');
    }
    CU_ASSERT_EQUAL(rules_program_create(&ctx, e, edge_buf_str(&sql), &none, &p), EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), "within each other"));
    edge_ctx_clear(&ctx);
    sql.len = 0;
    edge_buf_puts(&sql, "SELECT a");
    for (int i = 0; i < 500; i++) {
        edge_buf_puts(&sql, "+a");
    }
    edge_buf_puts(&sql, " FROM demo");
    CU_ASSERT_EQUAL(rules_program_create(&ctx, e, edge_buf_str(&sql), &none, &p), EDGE_INVALID);
    edge_ctx_clear(&ctx);
    sql.len = 0;
    for (int i = 0; i < 17000; i++) {
        edge_buf_putc(&sql, ' ');
    }
    CU_ASSERT_EQUAL(rules_program_create(&ctx, e, edge_buf_str(&sql), &none, &p), EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_INVALID), "16384"));
    CU_ASSERT_EQUAL(rules_engine_programs(e), 0);
    rules_engine_free(e);
    edge_buf_done(&sql);
}

/* As one line: name, columns, options. */
static const char *stream_text(struct edge_ctx *ctx, const char *sql)
{
    struct rules_stream *s;
    enum edge_status st = rules_parse_stream(ctx, sql, &s);
    if (st != EDGE_OK) {
        return edge_ctx_message(ctx, st);
    }
    const char *text = edge_printf(&ctx->arena, "%s %s", s->table ? "table" : "stream", s->name);
    for (size_t i = 0; i < s->n_columns; i++) {
        text = edge_printf(&ctx->arena, "%s, %s %s", text, s->columns[i].name, s->columns[i].type);
    }
    for (size_t i = 0; i < s->n_options; i++) {
        text = edge_printf(&ctx->arena, "%s; %s=%s", text, s->options[i].key, s->options[i].value);
    }
    return text;
}

static void test_streams(void)
{
    static const struct {
        const char *sql, *expect;
    } cases[] = {
        {"create stream demo() WITH (FORMAT=\"JSON\", TYPE=\"edgex\")",
         "stream demo; FORMAT=JSON; TYPE=edgex"                                                                                                                                                                       },
        {"CREATE STREAM `from` (a BIGINT, b ARRAY(STRING), c STRUCT(x FLOAT, `y z` ARRAY(BOOLEAN)),) WITH (DATASOURCE='t/#', RETAIN_SIZE=3, SHARED=true);",
         "stream from, a bigint, b array(string), c struct(x float, y z array(boolean)); DATASOURCE=t/#; RETAIN_SIZE=3; SHARED=true"                                                                                  },
        {"CREATE TABLE t WITH (KIND=\"lookup\")",                                                                                                           "table t; KIND=lookup"                                    },
        {"CREATE VIEW v WITH (a='b')",                                                                                                                      "line 1, column 8: expected stream or table, found 'VIEW'"},
        {"CREATE STREAM s (a INTEGER) WITH (a='b')",
         "line 1, column 20: expected a type: bigint, float, string, datetime, boolean, bytea, array(...) or struct(...), found 'INTEGER'"                                                                            },
        {"CREATE STREAM s ()",                                                                                                                              "line 1, column 19: expected with, found the end"         },
        {"CREATE STREAM s () WITH (TYPE='a', type='b')",
         "line 1, column 36: option type is there twice"                                                                                                                                                              },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        CU_ASSERT_TRUE(
            rules_rig_same(cases[i].sql, stream_text(&ctx, cases[i].sql), cases[i].expect));
    }
    EDGE_CTX_SCOPE(ctx);
    struct rules_stream *s;
    CU_ASSERT_EQUAL_FATAL(rules_parse_stream(&ctx, cases[0].sql, &s), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(rules_stream_option(s, "Format"), "JSON");
    CU_ASSERT_PTR_NULL(rules_stream_option(s, "KEY"));
}

CU_TestInfo rules_select_tests[] = {
    {"names and aliases",           test_names_and_aliases    },
    {"what is missing or null",     test_nothing              },
    {"numbers are exact",           test_numbers              },
    {"conditions",                  test_conditions           },
    {"members, indexes, slices",    test_paths                },
    {"faults name line and column", test_faults_name_the_place},
    {"statements have limits",      test_limits               },
    {"streams and tables",          test_streams              },
    CU_TEST_INFO_NULL,
};
