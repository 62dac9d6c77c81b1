/* The log as an operator's tools read it: what arrives on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "edge/ctx.h"
#include "edge/log.h"
#include "edge/thread.h"
#include "suites.h"

static char *line_with_value(const char *value)
{
    struct edge_log *log = edge_log_create("app-1");
    EDGE_CTX_SCOPE(ctx);
    ctx.log = log;
    capture_start();
    edge_log_info(&ctx, "value seen", "key", value, NULL);
    char *text = capture_end();
    edge_log_free(log);
    return text;
}

static void test_a_line_has_its_parts_in_order(void)
{
    struct edge_log *log = edge_log_create("core-data");
    EDGE_CTX_SCOPE(ctx);
    ctx.log = log;
    snprintf(ctx.correlation_id, sizeof(ctx.correlation_id), "abc-1");
    capture_start();
    edge_log_warn(&ctx, "device lost", "device", "pump-1", "reason", "no answer", NULL);
    char *text = capture_end();
    CU_ASSERT_EQUAL(strncmp(text, "level=WARN ts=20", 16), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Z app=core-data correlation-id=abc-1 msg=\"device lost\" "
                                        "device=pump-1 reason=\"no answer\"\n"));
    CU_ASSERT_EQUAL(strlen(strchr(strstr(text, "ts="), '.')) - strlen(strchr(text, 'Z')), 10);
    free(text);
    edge_log_free(log);
}

static void test_values_cannot_forge_lines(void)
{
    static const struct {
        const char *value, *expect;
    } cases[] = {
        {"plain",             " key=plain\n"                    },
        {"",                  " key=\"\"\n"                     },
        {"two words",         " key=\"two words\"\n"            },
        {"a=b",               " key=\"a=b\"\n"                  },
        {"say \"hi\"\\",      " key=\"say \\\"hi\\\"\\\\\"\n"   },
        {"x\nlevel=ERROR",    " key=\"x\\nlevel=ERROR\"\n"      },
        {"a\r\tb\x1b[2J\x7f", " key=\"a\\r\\tb\\x1b[2J\\x7f\"\n"},
        {"Pumpe äöü €",  " key=\"Pumpe äöü €\"\n"     },
        {"c1 \xc2\x9b bad",   " key=\"c1 \\xc2\\x9b bad\"\n"    },
        {"cut \xe2\x82",      " key=\"cut \\xe2\\x82\"\n"       },
        {"over \xc0\xaf",     " key=\"over \\xc0\\xaf\"\n"      },
        {"half \xed\xa0\x80", " key=\"half \\xed\\xa0\\x80\"\n" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = line_with_value(cases[i].value);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, cases[i].expect));
        CU_ASSERT_EQUAL(capture_count(text, "\n"), 1);
        free(text);
    }
}

static void test_long_values_are_cut_but_lines_stay_whole(void)
{
    char *big = edge_xalloc(20001, 1);
    memset(big, 'x', 20000);
    struct edge_log *log = edge_log_create("a");
    EDGE_CTX_SCOPE(ctx);
    ctx.log = log;
    capture_start();
    edge_log_info(&ctx, "big", "one", big, "two", big, "three", big, "four", "4", NULL);
    memset(big, '\n', 20000);
    edge_log_info(&ctx, big, "one", big, NULL);
    char *text = capture_end();
    CU_ASSERT(strlen(text) < 8192);
    CU_ASSERT_EQUAL(capture_count(text, "\n"), 2);
    CU_ASSERT_EQUAL(strncmp(strchr(text, '\n') + 1, "level=INFO ts=", 14), 0);
    CU_ASSERT_EQUAL(strcmp(text + strlen(text) - 5, "...\"\n"), 0);
    free(text);
    free(big);
    edge_log_free(log);
}

static void test_the_level_decides(void)
{
    enum edge_log_level level = EDGE_LOG_INFO;
    CU_ASSERT(edge_log_level_parse("debug", &level));
    CU_ASSERT_EQUAL(level, EDGE_LOG_DEBUG);
    CU_ASSERT_FALSE(edge_log_level_parse("loud", &level));
    struct edge_log *log = edge_log_create("a");
    EDGE_CTX_SCOPE(ctx);
    ctx.log = log;
    capture_start();
    edge_log_debug(&ctx, "quiet", NULL);
    edge_log_set_level(log, level);
    edge_log_debug(&ctx, "heard", NULL);
    edge_log_trace(&ctx, "quiet", NULL);
    edge_log_set_level(log, EDGE_LOG_ERROR);
    edge_log_warn(&ctx, "quiet", NULL);
    edge_log_info(NULL, "of the process", NULL);
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "quiet"), 0);
    CU_ASSERT_EQUAL(capture_count(text, "level=DEBUG"), 1);
    CU_ASSERT_EQUAL(capture_count(text, "app=edgex msg=\"of the process\"\n"), 1);
    free(text);
    edge_log_free(log);
}

static void test_a_null_value_ends_the_list(void)
{
    const char *nothing = NULL;
    capture_start();
    edge_log_error(NULL, "odd", "a", nothing, NULL);
    edge_log_error(NULL, "odd", "a", NULL);
    char *text = capture_end();
    CU_ASSERT_EQUAL(capture_count(text, "msg=\"odd\" a=\"\"\n"), 2);
    free(text);
}

static void test_repeated_warnings_are_summed_up(void)
{
    struct edge_log *log = edge_log_create("a");
    EDGE_CTX_SCOPE(ctx);
    ctx.log = log;
    capture_start();
    for (int i = 0; i < 500; i++) {
        edge_log_error(&ctx, "disk full", "file", "x", NULL);
        edge_log_info(&ctx, "going on", NULL);
    }
    edge_log_free(log);
    char *text = capture_end();
    unsigned shown = capture_count(text, "msg=\"disk full\" file=x\n");
    unsigned long suppressed = 0;
    for (const char *at = strstr(text, "suppressed="); at; at = strstr(at + 1, "suppressed=")) {
        suppressed += strtoul(at + strlen("suppressed="), NULL, 10);
    }
    CU_ASSERT(shown >= 20 && shown < 500);
    CU_ASSERT_EQUAL(shown + suppressed, 500);
    CU_ASSERT_EQUAL(capture_count(text, "going on"), 500);
    free(text);
}

#define PADDING "................................"

static void *shout(void *log)
{
    EDGE_CTX_SCOPE(ctx);
    ctx.log = log;
    for (int i = 0; i < 200; i++) {
        edge_log_info(&ctx, "from a thread", "padding", PADDING, NULL);
    }
    return NULL;
}

static void test_threads_do_not_mix_lines(void)
{
    struct edge_log *log = edge_log_create("a");
    pthread_t threads[4];
    capture_start();
    for (int i = 0; i < 4; i++) {
        threads[i] = edge_thread_start("shout", shout, log);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    char *text = capture_end();
    unsigned whole = 0;
    char *rest = text;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *end = strstr(line, " msg=");
        whole += strncmp(line, "level=INFO ts=", 14) == 0 && end &&
                 strcmp(end, " msg=\"from a thread\" padding=" PADDING) == 0;
    }
    CU_ASSERT_EQUAL(whole, 800);
    free(text);
    edge_log_free(log);
}

CU_TestInfo log_tests[] = {
    {"a line has its parts in order",            test_a_line_has_its_parts_in_order           },
    {"values cannot forge lines",                test_values_cannot_forge_lines               },
    {"long values are cut but lines stay whole", test_long_values_are_cut_but_lines_stay_whole},
    {"the level decides",                        test_the_level_decides                       },
    {"a null value ends the list",               test_a_null_value_ends_the_list              },
    {"repeated warnings are summed up",          test_repeated_warnings_are_summed_up         },
    {"threads do not mix lines",                 test_threads_do_not_mix_lines                },
    CU_TEST_INFO_NULL,
};
