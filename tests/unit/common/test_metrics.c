/* Metrics: values, quantiles, what Prometheus and the telemetry get to see. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/buf.h"
#include "edge/metrics.h"
#include "edge/thread.h"
#include "suites.h"

static void test_a_name_is_one_metric(void)
{
    struct edge_metrics *m = edge_metrics_create("core-data");
    struct edge_counter *c = edge_counter(m, "EventsPersisted", "Events stored.");
    edge_counter_add(c, 3);
    CU_ASSERT_PTR_EQUAL(edge_counter(m, "EventsPersisted", "Events stored."), c);
    edge_counter_add(edge_counter(m, "EventsPersisted", ""), 4);
    CU_ASSERT_EQUAL(edge_counter_get(c), 7);
    struct edge_gauge *g = edge_gauge(m, "QueueLength", "Waiting.");
    edge_gauge_set(g, 5);
    edge_gauge_add(g, -8);
    CU_ASSERT_EQUAL(edge_gauge_get(g), -3);
    edge_metrics_free(m);
    edge_metrics_free(NULL);
}

static void test_quantiles_are_within_seven_percent(void)
{
    static const uint64_t values[] = {0,
                                      1,
                                      7,
                                      15,
                                      16,
                                      17,
                                      31,
                                      1000,
                                      123456,
                                      999999937,
                                      1 << 30,
                                      4096,
                                      UINT64_C(1) << 62,
                                      UINT64_MAX / 3,
                                      UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct edge_metrics *m = edge_metrics_create("s");
        struct edge_histogram *h = edge_histogram(m, "Sizes", "");
        CU_ASSERT_EQUAL(edge_histogram_quantile(h, 0.5), 0);
        edge_histogram_add(h, 0); /* so that the extremes do not help */
        edge_histogram_add(h, values[i]);
        edge_histogram_add(h, UINT64_MAX);
        double got = (double)edge_histogram_quantile(h, 0.5);
        CU_ASSERT(fabs(got - (double)values[i]) <= 0.07 * (double)values[i]);
        edge_metrics_free(m);
    }
}

static void test_quantiles_of_a_spread(void)
{
    static const double qs[] = {0.01, 0.25, 0.5, 0.9, 0.99, 0.999};
    struct edge_metrics *m = edge_metrics_create("s");
    struct edge_histogram *h = edge_histogram(m, "RequestDuration", "");
    for (uint64_t v = 1; v <= 100000; v++) {
        edge_histogram_add(h, v * 1000);
    }
    for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
        double exact = qs[i] * 100000 * 1000;
        CU_ASSERT(fabs((double)edge_histogram_quantile(h, qs[i]) - exact) < 0.07 * exact);
    }
    CU_ASSERT_EQUAL(edge_histogram_count(h), 100000);
    CU_ASSERT(edge_histogram_quantile(h, 1) <= 100000 * 1000);
    CU_ASSERT(edge_histogram_quantile(h, 0) >= 1000);
    edge_metrics_free(m);
}

static void test_prometheus_text(void)
{
    struct edge_metrics *m = edge_metrics_create("core-\"data\"");
    edge_counter_add(edge_counter(m, "EventsPersisted", "Events\nstored."), 12);
    edge_gauge_set(edge_gauge(m, "HTTPConnections2Open", "Open \\ now."), -1);
    struct edge_buf out = EDGE_BUF_INIT;
    edge_metrics_prometheus(m, &out);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out),
                           "# HELP edgex_events_persisted_total Events\\nstored.\n"
                           "# TYPE edgex_events_persisted_total counter\n"
                           "edgex_events_persisted_total{service=\"core-\\\"data\\\"\"} 12\n"
                           "# HELP edgex_http_connections2_open Open \\\\ now.\n"
                           "# TYPE edgex_http_connections2_open gauge\n"
                           "edgex_http_connections2_open{service=\"core-\\\"data\\\"\"} -1\n");
    edge_buf_done(&out);
    edge_metrics_free(m);
}

static bool has_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    bool there = at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
    if (!there) {
        printf("missing: %s\nin:\n%s\n", line, text);
    }
    return there;
}

static void test_prometheus_histograms(void)
{
    static const char *const expect[] = {
        "# TYPE edgex_batch_size histogram",
        "edgex_batch_size_bucket{service=\"s\",le=\"0\"} 0",
        "edgex_batch_size_bucket{service=\"s\",le=\"3\"} 1",
        "edgex_batch_size_bucket{service=\"s\",le=\"15\"} 2",
        "edgex_batch_size_bucket{service=\"s\",le=\"1048575\"} 2",
        "edgex_batch_size_bucket{service=\"s\",le=\"+Inf\"} 3",
        "edgex_batch_size_sum{service=\"s\"} 5000017",
        "edgex_batch_size_count{service=\"s\"} 3",
        "# TYPE edgex_request_duration_seconds histogram",
        "edgex_request_duration_seconds_bucket{service=\"s\",le=\"1.023e-06\"} 0",
        "edgex_request_duration_seconds_bucket{service=\"s\",le=\"0.004194303\"} 1",
        "edgex_request_duration_seconds_bucket{service=\"s\",le=\"+Inf\"} 1",
        "edgex_request_duration_seconds_sum{service=\"s\"} 0.002",
        "edgex_request_duration_seconds_count{service=\"s\"} 1",
    };
    struct edge_metrics *m = edge_metrics_create("s");
    struct edge_histogram *sizes = edge_histogram(m, "BatchSize", "Readings.");
    edge_histogram_add(sizes, 2);
    edge_histogram_add(sizes, 15);
    edge_histogram_add(sizes, 5000000);
    edge_histogram_add(edge_histogram(m, "RequestDuration", "Time."), 2000000);
    struct edge_buf out = EDGE_BUF_INIT;
    edge_metrics_prometheus(m, &out);
    for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
        CU_ASSERT(has_line(edge_buf_str(&out), expect[i]));
    }
    edge_buf_done(&out);
    edge_metrics_free(m);
}

static void put_fields(void *out, const struct edge_metric_shown *shown)
{
    edge_buf_printf(out, "%s:", shown->name);
    if (shown->tag) {
        edge_buf_printf(out, " [%s=%s]", shown->tag, shown->tag_value);
    }
    for (unsigned i = 0; i < shown->n_fields; i++) {
        edge_buf_printf(out, " %s=%g", shown->fields[i].name, shown->fields[i].value);
    }
    edge_buf_puts(out, "\n");
}

static void test_telemetry_fields(void)
{
    struct edge_metrics *m = edge_metrics_create("s");
    edge_counter_add(edge_counter(m, "A", ""), 2);
    edge_gauge_set(edge_gauge(m, "B", ""), -2);
    struct edge_histogram *h = edge_histogram(m, "C", "");
    (void)edge_histogram(m, "Empty", "");
    edge_histogram_add(h, 4);
    edge_histogram_add(h, 8);
    struct edge_buf out = EDGE_BUF_INIT;
    edge_metrics_each(m, put_fields, &out);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out),
                           "A: counter-count=2\nB: gauge-value=-2\n"
                           "C: histogram-count=2 histogram-min=4 histogram-max=8 histogram-mean=6 "
                           "histogram-stddev=2 histogram-variance=4\n"
                           "Empty: histogram-count=0 histogram-min=0 histogram-max=0 "
                           "histogram-mean=0 histogram-stddev=0 histogram-variance=0\n");
    edge_buf_done(&out);
    edge_metrics_free(m);
}

static void test_gauges_may_have_a_tag_and_go(void)
{
    struct edge_metrics *m = edge_metrics_create("s");
    struct edge_gauge *g = edge_gauge_tagged(m, "Last-D", "", "device", "D");
    edge_gauge_set(g, 7);
    struct edge_buf out = EDGE_BUF_INIT;
    edge_metrics_each(m, put_fields, &out);
    edge_gauge_retire(g);
    edge_metrics_each(m, put_fields, &out);
    edge_metrics_prometheus(m, &out);
    CU_ASSERT_PTR_EQUAL(edge_gauge_tagged(m, "Last-D", "", "device", "D"), g);
    edge_metrics_each(m, put_fields, &out);
    CU_ASSERT_STRING_EQUAL(edge_buf_str(&out),
                           "Last-D: [device=D] gauge-value=7\nLast-D: [device=D] gauge-value=0\n");
    edge_buf_done(&out);
    edge_metrics_free(m);
}

static void *hammer(void *metrics)
{
    for (uint64_t i = 0; i < 20000; i++) {
        edge_histogram_add(edge_histogram(metrics, "C", ""), i);
        edge_counter_add(edge_counter(metrics, i % 2 ? "A" : "B", ""), 1);
    }
    return NULL;
}

static void test_threads_lose_nothing(void)
{
    struct edge_metrics *m = edge_metrics_create("s");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        threads[i] = edge_thread_start("hammer", hammer, m);
    }
    struct edge_buf out = EDGE_BUF_INIT;
    edge_metrics_prometheus(m, &out); /* while they add */
    edge_buf_done(&out);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CU_ASSERT_EQUAL(edge_counter_get(edge_counter(m, "A", "")), 40000);
    CU_ASSERT_EQUAL(edge_counter_get(edge_counter(m, "B", "")), 40000);
    CU_ASSERT_EQUAL(edge_histogram_count(edge_histogram(m, "C", "")), 80000);
    edge_metrics_free(m);
}

CU_TestInfo metrics_tests[] = {
    {"a name is one metric",               test_a_name_is_one_metric              },
    {"quantiles are within seven percent", test_quantiles_are_within_seven_percent},
    {"quantiles of a spread",              test_quantiles_of_a_spread             },
    {"prometheus text",                    test_prometheus_text                   },
    {"prometheus histograms",              test_prometheus_histograms             },
    {"telemetry fields",                   test_telemetry_fields                  },
    {"gauges may have a tag and go",       test_gauges_may_have_a_tag_and_go      },
    {"threads lose nothing",               test_threads_lose_nothing              },
    CU_TEST_INFO_NULL,
};
