/* FileExport: lines as they came, files that grow and are renamed, half-written lines, folders that are not there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue_bench.h"

static const char *path_of(struct queue_bench *b, const char *name)
{
    return edge_printf(&b->arena, "%s/%s", b->dir.path, name);
}

static const char *contents(struct queue_bench *b, const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = edge_alloc(&b->arena, 1, 4096);
    size_t n = f ? fread(text, 1, 4095, f) : 0;
    text[n] = '\0';
    if (f) {
        fclose(f);
    }
    return text;
}

static void append(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "a");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_EQUAL(fwrite(text, 1, n, f), n);
    fclose(f);
}

#define FILE_EXPORT(b, ...)                                                                        \
    CU_ASSERT_PTR_NULL_FATAL(bench_stage(b, "FileExport", (const char *const[]){__VA_ARGS__, NULL}))

static void test_a_line_a_message(void)
{
    QUEUE_BENCH(b);
    const char *path = path_of(&b, "out");
    FILE_EXPORT(&b, "Path", path, "Sync", "true");
    bench_open(&b);
    bench_put(&b, "first");
    bench_put(&b, "second,\nof two lines");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_STRING_EQUAL(contents(&b, path), "first\nsecond, of two lines\n");
    CU_ASSERT(bench_wait_followed(&b, 2));
    CU_ASSERT_STRING_EQUAL(b.followed[0], "first"); /* what came goes on */
}

static void test_a_half_line_is_taken_back(void)
{
    QUEUE_BENCH(b);
    const char *path = path_of(&b, "out");
    append(path, "whole\nhal", 9);
    FILE_EXPORT(&b, "Path", path);
    bench_open(&b);
    bench_put(&b, "next");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_STRING_EQUAL(contents(&b, path), "whole\nnext\n");
}

static void test_files_are_renamed(void)
{
    enum { FULL = (1 << 20) - 2 };
    QUEUE_BENCH(b);
    const char *path = path_of(&b, "out");
    char *line = edge_alloc(&b.arena, 1, FULL + 2);
    memset(line, 'x', FULL);
    line[FULL] = '\n';
    append(path, line, FULL + 1);
    FILE_EXPORT(&b, "Path", path, "MaxMB", "1", "Files", "2");
    bench_open(&b);
    bench_put(&b, ""); /* the last that fits */
    bench_put(&b, "new");
    CU_ASSERT(bench_wait_depth(&b, 0));
    struct stat old;
    CU_ASSERT_EQUAL(stat(path_of(&b, "out.1"), &old), 0);
    CU_ASSERT_EQUAL(old.st_size, FULL + 2);
    CU_ASSERT_STRING_EQUAL(contents(&b, path), "new\n");
    append(path, line, FULL + 1);
    bench_close(&b);
    bench_open(&b);
    bench_put(&b, "newer");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_STRING_EQUAL(contents(&b, path), "newer\n");
    CU_ASSERT_NSTRING_EQUAL(contents(&b, path_of(&b, "out.1")), "new\n", 4);
    CU_ASSERT_NOT_EQUAL(access(path_of(&b, "out.2"), F_OK), 0);
}

static void test_a_folder_that_is_not_there_is_waited_for(void)
{
    QUEUE_BENCH(b);
    const char *path = path_of(&b, "later/out");
    FILE_EXPORT(&b, "Path", path);
    b.config.retry_first_ms = b.config.retry_last_ms = 20;
    bench_open(&b);
    bench_put(&b, "kept");
    CU_ASSERT(bench_wait_retries(&b, 2));
    CU_ASSERT(bench_says(&b, "No such file"));
    CU_ASSERT_EQUAL(mkdir(path_of(&b, "later"), 0700), 0);
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_STRING_EQUAL(contents(&b, path), "kept\n");
}

static void test_faults_of_parameters(void)
{
    QUEUE_BENCH(b);
    static const struct {
        const char *params[8], *text;
    } rows[] = {
        {{"Path", "out"},                                   "Path must begin with /"                     },
        {{"Path", "/tmp/x", "MaxMB", "0"},                  "MaxMB must be a number from 1 to 2147483647"},
        {{"Path", "/tmp/x", "MaxMB", "111111111111111111"}, "MaxMB must be a number"                     },
        {{"Path", "/tmp/x", "Files", "0"},                  "Files must be a number from 1 to"           },
        {{NULL},                                            "Path is missing"                            },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = bench_stage(&b, "FileExport", rows[i].params);
        CU_ASSERT_PTR_NOT_NULL_FATAL(why);
        CU_ASSERT_PTR_NOT_NULL(strstr(why, rows[i].text));
    }
}

CU_TestInfo file_export_tests[] = {
    {"a line a message",                         test_a_line_a_message                        },
    {"a half line is taken back",                test_a_half_line_is_taken_back               },
    {"files are renamed",                        test_files_are_renamed                       },
    {"a folder that is not there is waited for", test_a_folder_that_is_not_there_is_waited_for},
    {"faults of parameters",                     test_faults_of_parameters                    },
    CU_TEST_INFO_NULL,
};
