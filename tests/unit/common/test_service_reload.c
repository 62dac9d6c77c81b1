/* What a running service takes up of its changed file. */

#include "service_bench.h"
#include "suites.h"

static void test_a_changed_file_is_taken_up(void)
{
    struct bench b;
    bench_open(&b);
    bench_start(&b);
    for (unsigned i = 1; i <= 4; i++) {
        bench_put(&b, "svc-a",
                  edge_printf(&b.ctx.arena, "Writable: {LogLevel: ERROR, Speed: %u}\n", i + 1));
        CU_ASSERT_FATAL(bench_wait(&b.stage, &b.stage.reconfigured, i));
        CU_ASSERT_EQUAL(bench_speed(&b), i + 1);
    }
    bench_expect(&b, "svc-a", "GET", "/api/v3/config", NULL, 200, "\"Speed\":5");
    bench_expect(&b, "svc-b", "GET", "/api/v3/config", NULL, 200, "\"Speed\":1");
    bench_close(&b);
}

static void test_an_unsound_file_changes_nothing(void)
{
    static const char *const bad[] = {"Writable: [\n", "Writable: {Speed: 5}\n: [\n", "- 5\n"};
    struct bench b;
    bench_open(&b);
    bench_start(&b);
    edge_log_set_level(edge_host_runtime(b.host, "svc-a")->log, EDGE_LOG_ERROR + 1);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bench_put(&b, "svc-a", bad[i]);
        bench_put(&b, "svc-b",
                  edge_printf(&b.ctx.arena, "Writable: {LogLevel: ERROR, Speed: %u}\n", i + 2));
        CU_ASSERT_FATAL(bench_wait(&b.stage, &b.stage.reconfigured, i + 1));
        CU_ASSERT_EQUAL(bench_speed(&b), 1);
    }
    bench_close(&b);
}

/* The key alone keeps what it held; what stands beside it is taken up. */
static void test_a_bad_value_of_a_file_is_refused_alone(void)
{
    static const char *const bad[] = {
        "Writable: {Speed: 3, LogLevel: LOUD}\n", "Writable: {Speed: 4, Telemetry: 5}\n",
        "Writable: {Speed: 5}\nService: {Port: x}\n", "Writable: {Speed: 10, LogLevel: DEBUG}\n",
        "Writable: {Speed: [6], LogLevel: DEBUG}\n"};
    static const int64_t speeds[] = {3, 4, 5, 5, 5};
    struct bench b;
    bench_open(&b);
    bench_put(&b, "svc-a", "Writable: {Speed: 2, LogLevel: ERROR, Telemetry: {Interval: 7m}}\n");
    bench_start(&b);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        edge_log_set_level(edge_host_runtime(b.host, "svc-a")->log, EDGE_LOG_ERROR);
        bench_put(&b, "svc-a", bad[i]);
        CU_ASSERT_FATAL(bench_wait(&b.stage, &b.stage.reconfigured, i + 1));
        CU_ASSERT_EQUAL(bench_speed(&b), speeds[i]);
    }
    bench_close(&b);
}

static void test_keys_outside_writable_wait_for_a_restart(void)
{
    struct bench b;
    bench_open(&b);
    bench_start(&b);
    edge_log_set_level(edge_host_runtime(b.host, "svc-a")->log, EDGE_LOG_ERROR);
    bench_put(&b, "svc-a", "Service: {MaxResultCount: 5}\nWritable: {LogLevel: ERROR, Speed: 2}\n");
    CU_ASSERT_FATAL(bench_wait(&b.stage, &b.stage.reconfigured, 1));
    CU_ASSERT_EQUAL(bench_speed(&b), 2);
    const struct edge_runtime *rt = edge_host_runtime(b.host, "svc-a");
    CU_ASSERT_EQUAL(rt->base->service.max_result_count, 1024);
    bench_expect(&b, "svc-a", "GET", "/api/v3/config", NULL, 200, "\"MaxResultCount\":1024");
    bench_close(&b);
}

CU_TestInfo service_reload_tests[] = {
    {"a changed file is taken up",               test_a_changed_file_is_taken_up              },
    {"an unsound file changes nothing",          test_an_unsound_file_changes_nothing         },
    {"a bad value of a file is refused alone",   test_a_bad_value_of_a_file_is_refused_alone  },
    {"keys outside Writable wait for a restart", test_keys_outside_writable_wait_for_a_restart},
    CU_TEST_INFO_NULL,
};
