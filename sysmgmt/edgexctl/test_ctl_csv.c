/* Tables as spreadsheets save them, and what stands in their cells. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "ctl_cells.h"
#include "ctl_csv.h"
#include "suites.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* As "a|b/c|d": cells and rows; the failure's words where it is none. */
static bool reads(const char *text, size_t n, const char *wanted)
{
    EDGE_CTX_SCOPE(ctx);
    struct ctl_csv csv;
    const char *got = "";
    enum edge_status st = ctl_csv_read(&ctx, text, n, &csv);
    for (size_t i = 0; st == EDGE_OK && i < csv.n; i++) {
        for (size_t k = 0; k < csv.rows[i].n; k++) {
            got = edge_printf(&ctx.arena, "%s%s%s", got,
                              k > 0   ? "|"
                              : i > 0 ? "/"
                                      : "",
                              csv.rows[i].cells[k]);
        }
    }
    got = st == EDGE_OK ? got : edge_ctx_message(&ctx, st);
    if (strcmp(got, wanted) != 0) {
        printf("got %s, not %s\n", got, wanted);
    }
    return strcmp(got, wanted) == 0;
}
#define READS(text, wanted) CU_ASSERT_TRUE(reads((text), sizeof(text) - 1, (wanted)))

static void test_separators_and_line_ends_are_found_out(void)
{
    READS("a,b\n1,2\n", "a|b/1|2");
    READS("a;b\r\n1,5;2\r\n", "a|b/1,5|2");
    READS("a\tb\r1\t2", "a|b/1|2");
    READS("\xef\xbb\xbf"
          "a;b\n\n;\n1;2",
          "a|b/1|2");
    READS("a,\"b;c;d\"\n", "a|b;c;d");
    READS("title\na;b\n", "title/a|b");
    READS("", "");
    READS("\n\r\n\r", "");
    READS(" a , b ,\n", "a|b|");
}

static void test_quotes(void)
{
    READS("\"a\",\"b \"\"x\"\"\",\"c,d\"\n", "a|b \"x\"|c,d");
    READS("\"two\r\nlines\",b", "two\r\nlines|b");
    READS("  \"a\"  ,b", "a|b");
    READS("5\" pipe,b", "5\" pipe|b");
    READS("a,b\nc,\"d\ne", "line 2: a quote does not end");
    READS("a,b\n\"c\"d,e", "line 2: something stands behind a quote's end");
    READS("a,\"b\nb\"\nc,\"d", "line 3: a quote does not end");
}

static void test_other_codes(void)
{
    READS("a;\xb0"
          "C;\x80\n",
          "a|\xc2\xb0"
          "C|\xe2\x82\xac");
    READS("\xff\xfe"
          "a\0b\0",
          "this is UTF-16: save it as UTF-8");
    READS("a,b\0c", "this is no text: it has NULs in it");
}

static void test_lines_are_counted(void)
{
    static const char text[] = "a;b\r\n\r\n\"x\r\ny\";1\r2;3\n4;5";
    EDGE_CTX_SCOPE(ctx);
    struct ctl_csv csv;
    CU_ASSERT_EQUAL_FATAL(ctl_csv_read(&ctx, text, sizeof(text) - 1, &csv), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(csv.n, 4);
    CU_ASSERT_EQUAL(csv.rows[0].line, 1);
    CU_ASSERT_EQUAL(csv.rows[1].line, 3);
    CU_ASSERT_EQUAL(csv.rows[2].line, 5);
    CU_ASSERT_EQUAL(csv.rows[3].line, 6);
}

/* ---- cells -------------------------------------------------------------------------------------------- */

static void test_addresses(void)
{
    static const struct {
        const char *text;
        bool hex;
        long number; /* -1: none */
        int bit;
        unsigned count;
    } cases[] = {
        {"40001",                false, 40001,  -1, 1},
        {"0x1F",                 false, 31,     -1, 1},
        {"1Fh",                  false, 31,     -1, 1},
        {"1F",                   true,  31,     -1, 1},
        {"10",                   true,  16,     -1, 1},
        {"10.3",                 false, 10,     3,  1},
        {"10:15",                false, 10,     15, 1},
        {"10.16",                false, -1,     0,  0},
        {"10.",                  false, -1,     0,  0},
        {"40001-40002",          false, 40001,  -1, 2},
        {"40001..40004",         false, 40001,  -1, 4},
        {"1 - 2",                false, 1,      -1, 2},
        {"0x10-0x11",            false, 16,     -1, 2},
        {"2-1",                  false, -1,     0,  0},
        {"1-500",                false, -1,     0,  0},
        {"",                     false, -1,     0,  0},
        {"abc",                  false, -1,     0,  0},
        {"0x",                   false, -1,     0,  0},
        {"12a",                  false, -1,     0,  0},
        {"-1",                   false, -1,     0,  0},
        {"1,5",                  false, -1,     0,  0},
        {"465536",               false, 465536, -1, 1},
        {"1000000",              false, -1,     0,  0},
        {"99999999999999999999", false, -1,     0,  0},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct ctl_address a;
        bool is = ctl_address_parse(cases[i].text, cases[i].hex, &a);
        bool right = cases[i].number < 0 ? !is
                                         : is && a.number == (uint32_t)cases[i].number &&
                                               a.bit == cases[i].bit && a.count == cases[i].count;
        if (!right) {
            printf("'%s': %d %u.%d x%u\n", cases[i].text, is, a.number, a.bit, a.count);
        }
        CU_ASSERT_TRUE(right);
    }
}

static void test_modicon(void)
{
    static const struct {
        const char *text;
        enum ctl_table table; /* CTL_NO_TABLE: it is none */
        uint32_t address;
    } cases[] = {
        {"40001",  CTL_HOLDING,  0    },
        {"49999",  CTL_HOLDING,  9998 },
        {"30010",  CTL_INPUT,    9    },
        {"10001",  CTL_DISCRETE, 0    },
        {"00001",  CTL_COILS,    0    },
        {"400001", CTL_HOLDING,  0    },
        {"465536", CTL_HOLDING,  65535},
        {"465537", CTL_NO_TABLE, 0    },
        {"40000",  CTL_NO_TABLE, 0    },
        {"20001",  CTL_NO_TABLE, 0    },
        {"50001",  CTL_NO_TABLE, 0    },
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct ctl_address a;
        enum ctl_table table = CTL_NO_TABLE;
        uint32_t address = 0;
        CU_ASSERT_TRUE(ctl_address_parse(cases[i].text, false, &a));
        CU_ASSERT_EQUAL(ctl_from_modicon(&a, &table, &address), cases[i].table != CTL_NO_TABLE);
        CU_ASSERT_EQUAL(table, cases[i].table);
        CU_ASSERT_EQUAL(address, cases[i].address);
    }
}

static void test_types(void)
{
    static const struct {
        const char *text;
        int raw; /* -1: none */
        unsigned characters;
        bool bytes, words;
    } cases[] = {
        {"UINT16",                 CTL_UINT16,  0,  false, false},
        {"u16",                    CTL_UINT16,  0,  false, false},
        {"Unsigned Int 16",        CTL_UINT16,  0,  false, false},
        {"16-bit signed",          CTL_INT16,   0,  false, false},
        {"DINT",                   CTL_INT32,   0,  false, false},
        {"U_LONG",                 CTL_UINT32,  0,  false, false},
        {"REAL",                   CTL_FLOAT32, 0,  false, false},
        {"float32 (CDAB)",         CTL_FLOAT32, 0,  false, true },
        {"double [little endian]", CTL_FLOAT64, 0,  true,  true },
        {"STRING[16]",             CTL_STRING,  16, false, false},
        {"char(7)",                CTL_STRING,  7,  false, false},
        {"string",                 CTL_STRING,  0,  false, false},
        {"bool",                   CTL_BOOL,    0,  false, false},
        {"uint8",                  -1,          0,  false, false},
        {"",                       -1,          0,  false, false},
        {"float32 (XYZ)",          -1,          0,  false, false},
        {"float32 (CDAB",          -1,          0,  false, false},
        {"string[x]",              -1,          0,  false, false},
        {"int128",                 -1,          0,  false, false},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct ctl_type t;
        bool is = ctl_type_parse(cases[i].text, &t);
        bool right = cases[i].raw < 0
                         ? !is
                         : is && (int)t.raw == cases[i].raw &&
                               t.characters == cases[i].characters &&
                               t.order.bytes == cases[i].bytes && t.order.words == cases[i].words;
        if (!right) {
            printf("'%s'\n", cases[i].text);
        }
        CU_ASSERT_TRUE(right);
    }
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        bool comma, is;
        double value;
    } cases[] = {
        {"0.1",     false, true,  0.1 },
        {"0,1",     true,  true,  0.1 },
        {"0,1",     false, false, 0   },
        {"1e-3",    false, true,  1e-3},
        {"x0.5",    false, true,  0.5 },
        {"* 10",    false, true,  10  },
        {"/10",     false, true,  0.1 },
        {"1/10",    false, true,  0.1 },
        {"1 / 100", false, true,  0.01},
        {"2/10",    false, false, 0   },
        {"/0",      false, false, 0   },
        {"",        false, false, 0   },
        {"1.2.3",   false, false, 0   },
        {"1e999",   false, false, 0   },
        {"nan",     false, false, 0   },
        {"0x10",    false, false, 0   },
        {"-5",      false, true,  -5  },
        {"10 V",    false, false, 0   },
        {"1,000.5", true,  false, 0   },
    };
    for (size_t i = 0; i < N(cases); i++) {
        double value = 0;
        bool is = ctl_number_parse(cases[i].text, cases[i].comma, &value);
        if (is != cases[i].is || (is && value != cases[i].value)) {
            printf("'%s': %d %g\n", cases[i].text, is, value);
        }
        CU_ASSERT_EQUAL(is, cases[i].is);
        CU_ASSERT_TRUE(!is || value == cases[i].value);
    }
}

static void test_tables_functions_and_access(void)
{
    enum ctl_table table;
    bool reads_it, writes;
    struct ctl_order order;
    CU_ASSERT_TRUE(ctl_table_parse("Holding Register", &table) && table == CTL_HOLDING);
    CU_ASSERT_TRUE(ctl_table_parse("3x", &table) && table == CTL_INPUT);
    CU_ASSERT_TRUE(ctl_table_parse("DISCRETES_INPUT", &table) && table == CTL_DISCRETE);
    CU_ASSERT_FALSE(ctl_table_parse("file", &table));
    CU_ASSERT_TRUE(ctl_function_parse("03", &table, &writes) && table == CTL_HOLDING && !writes);
    CU_ASSERT_TRUE(ctl_function_parse("FC03, FC06 / 16", &table, &writes) && table == CTL_HOLDING &&
                   writes);
    CU_ASSERT_TRUE(ctl_function_parse("0x04", &table, &writes) && table == CTL_INPUT && !writes);
    CU_ASSERT_FALSE(ctl_function_parse("3/4", &table, &writes));
    CU_ASSERT_FALSE(ctl_function_parse("read", &table, &writes));
    CU_ASSERT_FALSE(ctl_function_parse("43", &table, &writes));
    CU_ASSERT_TRUE(ctl_access_parse("Read-Only", &reads_it, &writes) && reads_it && !writes);
    CU_ASSERT_TRUE(ctl_access_parse("R/W", &reads_it, &writes) && reads_it && writes);
    CU_ASSERT_TRUE(ctl_access_parse("wo", &reads_it, &writes) && !reads_it && writes);
    CU_ASSERT_FALSE(ctl_access_parse("maybe", &reads_it, &writes));
    CU_ASSERT_TRUE(ctl_order_parse("Big-endian byte swap", &order) && order.bytes && !order.words);
    CU_ASSERT_FALSE(ctl_order_parse("middle", &order));
}

CU_TestInfo ctl_csv_tests[] = {
    {"separators and line ends are found out", test_separators_and_line_ends_are_found_out},
    {"quotes",                                 test_quotes                                },
    {"other codes",                            test_other_codes                           },
    {"lines are counted",                      test_lines_are_counted                     },
    {"addresses",                              test_addresses                             },
    {"Modicon's addresses",                    test_modicon                               },
    {"types",                                  test_types                                 },
    {"numbers",                                test_numbers                               },
    {"tables, functions and access",           test_tables_functions_and_access           },
    CU_TEST_INFO_NULL,
};
