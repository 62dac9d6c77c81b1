/* InfluxExport before a real InfluxDB 1, and before one that answers as a script says. */
#include <stdio.h>
#include <string.h>

#include "edge/clock.h"
#include "influx.h"
#include "queue_bench.h"
#include "tcp_peer.h"
#include "wait.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define ANSWER(code, more, body, len)                                                              \
    "HTTP/1.1 " code " Text\r\nContent-Length: " len "\r\n" more "\r\n" body
#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"

#define INFLUX(b, url, ...)                                                                        \
    CU_ASSERT_PTR_NULL_FATAL(                                                                      \
        bench_stage(b, "InfluxExport", (const char *const[]){"Url", url, __VA_ARGS__ NULL}))
#define V1 "Version", "1", "Database", "edgex", "MaxWait", "20ms"
#define V2 "Bucket", "metrics", "Org", "my org", "MaxWait", "20ms"

static void put(struct queue_bench *b, enum export_kind kind, const char *json)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_spool_record r = {.origin_ns = edge_now_ns(),
                                  .context = "{}",
                                  .content_type = "application/json",
                                  .kind = (uint8_t)kind,
                                  .payload = json,
                                  .size = strlen(json)};
    CU_ASSERT_EQUAL(export_queue_put(&ctx, b->q, &r, 1, edge_now_mono_ms()), EDGE_OK);
}

/* @p readings: of "{...},{...}", without what all of them have. */
static const char *event(struct queue_bench *b, int64_t origin, const char *more,
                         const char *readings)
{
    return edge_printf(&b->arena,
                       "{\"apiVersion\":\"v3\",\"id\":\"b2d5b4f4-7c9e-4e0c-8d6a-0d3c1a5e2f10\","
                       "\"deviceName\":\"pump 1\",\"profileName\":\"P,1\",\"sourceName\":\"all\","
                       "\"origin\":%lld%s,\"readings\":[%s]}",
                       (long long)origin, more, readings);
}

static const char *reading(struct queue_bench *b, int64_t origin, const char *name,
                           const char *type, const char *value)
{
    return edge_printf(&b->arena,
                       "{\"deviceName\":\"pump 1\",\"profileName\":\"P,1\",\"resourceName\":\"%s\","
                       "\"valueType\":\"%s\",\"origin\":%lld,%s}",
                       name, type, (long long)origin, value);
}

static void put_value(struct queue_bench *b, int64_t origin, const char *name, const char *type,
                      const char *text)
{
    const char *value = edge_printf(&b->arena, "\"value\":\"%s\"", text);
    put(b, EXPORT_EVENT, event(b, origin, "", reading(b, origin, name, type, value)));
}

static bool shows(struct queue_bench *b, struct influx_server *s, const char *statement,
                  const char *text)
{
    const char *got = influx_query(&b->arena, s, "edgex", statement);
    if (!strstr(got, text)) {
        printf("%s: %snot: %s\n", statement, got, text);
        return false;
    }
    return true;
}

static struct influx_server *server_with_database(struct queue_bench *b, const char *http)
{
    struct influx_server *s = influx_start(http);
    influx_query(&b->arena, s, "", "CREATE DATABASE edgex");
    return s;
}

/* ---- a real one ---- */

static void test_values_are_read_back(void)
{
    QUEUE_BENCH(b);
    struct influx_server *s = server_with_database(&b, NULL);
    INFLUX(&b, influx_url(s), V1, "Tags", "site:n\\1, line:a=b c", );
    bench_open(&b);
    int64_t at = 1700000000123456789;
    const char *readings =
        edge_printf(&b.arena, "%s,%s,%s,%s,%s,%s,%s,%s,%s",
                    reading(&b, at, "Int", "Int64", "\"value\":\"-9223372036854775808\""),
                    reading(&b, at, "Uint", "Uint64", "\"value\":\"9223372036854775807\""),
                    reading(&b, at, "Float", "Float32", "\"value\":\"1.5e+00\""),
                    reading(&b, at, "On", "Bool", "\"value\":\"true\""),
                    reading(&b, at, "Say", "String", "\"value\":\"a \\\"b\\\" \\\\ c,d=e\\nf\""),
                    reading(&b, at, "List", "Int8Array", "\"value\":\"[1, 2]\""),
                    reading(&b, at, "Map", "Object", "\"objectValue\":{\"x\":\"y\"}"),
                    reading(&b, at, "NaN", "Float64", "\"value\":\"NaN\""),
                    reading(&b, at + 1000000, "Int", "Int64", "\"value\":\"7\""));
    put(&b, EXPORT_EVENT, event(&b, at, ",\"tags\":{\"floor\":3,\"empty\":\"\"}", readings));
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 0);
    CU_ASSERT_EQUAL(b.n_followed, 1);
    CU_ASSERT(shows(
        &b, s,
        "SELECT \"Int\", \"Uint\", \"Float\", \"On\", \"Say\", \"List\", \"Map\" FROM \"P,1\"",
        "[\"2023-11-14T22:13:20.123456789Z\",-9223372036854775808,9223372036854775807,1.5,true,"
        "\"a \\\"b\\\" \\\\ c,d=e\\nf\",\"[1, 2]\",\"{\\\"x\\\":\\\"y\\\"}\"]"));
    CU_ASSERT(
        shows(&b, s, "SELECT \"Int\" FROM \"P,1\"", "[\"2023-11-14T22:13:20.124456789Z\",7]"));
    CU_ASSERT(
        shows(&b, s, "SHOW SERIES",
              "\"P\\\\,1,device=pump\\\\ 1,floor=3,line=a\\\\=b\\\\ c,site=n\\\\1,source=all\""));
    CU_ASSERT(shows(&b, s, "SHOW FIELD KEYS", "[\"Int\",\"integer\"]"));
    CU_ASSERT(shows(&b, s, "SHOW FIELD KEYS", "[\"Uint\",\"integer\"]"));
    CU_ASSERT_PTR_NULL(strstr(influx_query(&b.arena, s, "edgex", "SHOW FIELD KEYS"), "NaN"));
    bench_close(&b);
    influx_free(s);
}

static void test_a_point_twice_is_one_point(void)
{
    QUEUE_BENCH(b);
    struct influx_server *s = server_with_database(&b, NULL);
    INFLUX(&b, influx_url(s), V1, "Measurement", "all of them", "Precision", "ms", );
    bench_open(&b);
    for (int i = 0; i < 2; i++) {
        put_value(&b, 1700000000123456789, "Int", "Int64", "5");
        CU_ASSERT(bench_wait_depth(&b, 0));
    }
    CU_ASSERT(shows(&b, s, "SELECT * FROM \"all of them\"",
                    "\"columns\":[\"time\",\"Int\",\"device\",\"profile\",\"source\"],\"values\":"
                    "[[\"2023-11-14T22:13:20.123Z\",5,\"pump 1\",\"P,1\",\"all\"]]}"));
    bench_close(&b);
    influx_free(s);
}

static void test_metrics(void)
{
    QUEUE_BENCH(b);
    struct influx_server *s = server_with_database(&b, NULL);
    INFLUX(&b, influx_url(s), V1, );
    bench_open(&b);
    put(&b, EXPORT_METRIC,
        "{\"apiVersion\":\"v3\",\"name\":\"EventsPersisted\",\"fields\":[{\"name\":\"counter-count\",\"value\":12}],"
        "\"tags\":[{\"name\":\"service\",\"value\":\"core-data\"}],\"timestamp\":1700000000000000000}");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(shows(&b, s, "SELECT * FROM EventsPersisted",
                    "[\"2023-11-14T22:13:20Z\",12,\"core-data\"]"));
    CU_ASSERT(shows(&b, s, "SHOW FIELD KEYS", "[\"counter-count\",\"float\"]"));
    bench_close(&b);
    influx_free(s);
}

/* One that the database will not have is put aside, whoever came with it. */
static void test_a_bad_line_is_put_aside_alone(void)
{
    enum { ALL = 50, BAD = 17 };
    EDGE_CTX_SCOPE(ctx);
    struct export_quarantined *aside;
    size_t n;
    QUEUE_BENCH(b);
    struct influx_server *s = server_with_database(&b, NULL);
    INFLUX(&b, influx_url(s), V1, "MaxLines", "50", );
    bench_open(&b);
    put_value(&b, 1700000000000000000, "T", "Float64", "1.0e+00");
    CU_ASSERT(bench_wait_depth(&b, 0));
    export_queue_pause(b.q, true);
    for (int i = 1; i <= ALL; i++) {
        bool bad = i == BAD;
        put_value(&b, 1700000000000000000 + i * 1000000000LL, "T", bad ? "String" : "Float64",
                  bad ? "warm" : "2.0e+00");
    }
    export_queue_pause(b.q, false);
    CU_ASSERT(bench_wait_quarantined(&b, 1));
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(shows(&b, s, "SELECT COUNT(\"T\") FROM \"P,1\"", ",50]"));
    CU_ASSERT_EQUAL(export_quarantine_list(&ctx, b.q, 0, 10, &aside, &n), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(aside[0].record.payload, "warm"));
    CU_ASSERT_PTR_NOT_NULL(strstr(aside[0].reason, "field type conflict"));
    CU_ASSERT_EQUAL(b.n_followed, ALL);
    CU_ASSERT_EQUAL(bench_status(&b).retries, 0);
    bench_close(&b);
    influx_free(s);
}

static void test_a_batch_that_is_too_large(void)
{
    enum { ALL = 40 };
    QUEUE_BENCH(b);
    struct influx_server *s = server_with_database(&b, "max-body-size = 500\n");
    INFLUX(&b, influx_url(s), V1, );
    bench_open(&b);
    export_queue_pause(b.q, true);
    for (int i = 0; i < ALL; i++) {
        put_value(&b, 1700000000000000000 + i * 1000000000LL, "T", "Float64", "2.0e+00");
    }
    export_queue_pause(b.q, false);
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 0);
    CU_ASSERT(shows(&b, s, "SELECT COUNT(\"T\") FROM \"P,1\"", ",40]"));
    CU_ASSERT(bench_says(&b, "answered 413"));
    bench_close(&b);
    influx_free(s);
}

static void test_who_may_write(void)
{
    QUEUE_BENCH(b);
    struct influx_server *s = server_with_database(&b, "auth-enabled = true\n");
    influx_query(&b.arena, s, "", "CREATE USER root WITH PASSWORD 'secret' WITH ALL PRIVILEGES");
    INFLUX(&b, influx_url(s), V1, "SecretName", "influx", );
    b.config.denied_first_ms = b.config.denied_last_ms = 3600 * 1000;
    bench_secret(&b, "influx/username", "root");
    bench_secret(&b, "influx/password", "wrong");
    bench_open(&b);
    put_value(&b, 1700000000000000000, "T", "Float64", "2.0e+00");
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_DENIED));
    CU_ASSERT(bench_says(&b, "answered 401"));
    bench_secret(&b, "influx/password", "secret");
    CU_ASSERT(bench_wait_retries(&b, 2));
    CU_ASSERT(bench_says(&b, "answered 404"));
    CU_ASSERT_EQUAL(bench_status(&b).depth,
                    1); /* a database that is missing is not the point's fault */
    bench_close(&b);
    influx_free(s);
}

static void test_while_it_is_mute_everything_waits(void)
{
    QUEUE_BENCH(b);
    struct influx_server *s = server_with_database(&b, NULL);
    INFLUX(&b, influx_url(s), V1, "Timeout", "200ms", );
    bench_open(&b);
    influx_freeze(s);
    put_value(&b, 1700000000000000000, "T", "Float64", "2.0e+00");
    CU_ASSERT(bench_wait_retries(&b, 2));
    bench_close(&b);
    bench_open(&b);
    influx_thaw(s);
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT(shows(&b, s, "SELECT COUNT(\"T\") FROM \"P,1\"", ",1]"));
    bench_close(&b);
    influx_free(s);
}

/* ---- as the interface of 2 is described ---- */

static void test_the_interface_of_2(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, NO_CONTENT}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    bench_secret(&b, "influx/token", "t0ken==");
    INFLUX(&b, edge_printf(&b.arena, "%s/base/", tcp_peer_url(p)), V2, "SecretName", "influx",
           "Precision", "s", );
    bench_open(&b);
    put_value(&b, 1700000000999999999, "U", "Uint64", "18446744073709551615");
    CU_ASSERT(bench_wait_depth(&b, 0));
    const char *got = tcp_peer_last(p);
    CU_ASSERT_PTR_EQUAL(
        got,
        strstr(got,
               "POST /base/api/v2/write?org=my%20org&bucket=metrics&precision=s HTTP/1.1\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "Authorization: Token t0ken==\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        got, "\r\n\r\nP\\,1,device=pump\\ 1,source=all U=18446744073709551615u 1700000000\n"));
    bench_close(&b);
    tcp_peer_free(p);
}

static void test_what_it_answers(void)
{
    static const struct {
        const char *answer;
        unsigned quarantined, retries;
    } rows[] = {
        {ANSWER("400", "",                   "", "0"), 1, 0},
        {ANSWER("422", "",                   "", "0"), 1, 0},
        {ANSWER("413", "",                   "", "0"), 1, 0},
        {ANSWER("404", "",                   "", "0"), 0, 1},
        {ANSWER("429", "Retry-After: 0\r\n", "", "0"), 0, 1},
        {ANSWER("503", "",                   "", "0"), 0, 1},
        {ANSWER("401", "",                   "", "0"), 0, 1},
    };
    for (size_t i = 0; i < N(rows); i++) {
        const struct peer_step script[] = {
            {PEER_ANSWER, rows[i].answer},
            {PEER_ANSWER, NO_CONTENT    }
        };
        QUEUE_BENCH(b);
        struct tcp_peer *p = tcp_peer_start(script, N(script));
        INFLUX(&b, tcp_peer_url(p), V2, );
        bench_open(&b);
        put_value(&b, 1700000000000000000, "I", "Int8", "1");
        CU_ASSERT(bench_wait_depth(&b, 0));
        CU_ASSERT_EQUAL(bench_status(&b).quarantined, rows[i].quarantined);
        CU_ASSERT_EQUAL(bench_status(&b).retries, rows[i].retries);
        bench_close(&b);
        tcp_peer_free(p);
    }
}

static void test_it_says_when_to_come_again(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, ANSWER("503", "Retry-After: 100\r\n", "", "0")},
        {PEER_ANSWER,         NO_CONTENT                },
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    INFLUX(&b, tcp_peer_url(p), V2, );
    bench_open(&b);
    put_value(&b, 1700000000000000000, "I", "Int8", "1");
    CU_ASSERT(bench_wait_state(&b, EXPORT_Q_BACKOFF));
    CU_ASSERT(bench_status(&b).next_retry_ms > edge_now_ms() + 90000);
    export_queue_flush(b.q);
    CU_ASSERT(bench_wait_depth(&b, 0));
    bench_close(&b);
    tcp_peer_free(p);
}

static void test_a_stop_does_not_wait_for_a_mute_one(void)
{
    static const struct peer_step script[] = {
        {PEER_HANG, NULL}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    INFLUX(&b, tcp_peer_url(p), V2, );
    bench_open(&b);
    put_value(&b, 1700000000000000000, "I", "Int8", "1");
    CU_ASSERT(tcp_peer_wait_for(p, 1));
    int64_t began_ms = edge_now_mono_ms();
    export_queue_stop(b.q, edge_now_mono_ms() + 50);
    CU_ASSERT(edge_now_mono_ms() - began_ms < 5000);
    CU_ASSERT_EQUAL(bench_status(&b).depth, 1);
    bench_close(&b);
    tcp_peer_free(p);
}

static void test_what_is_no_point(void)
{
    static const struct peer_step script[] = {
        {PEER_ANSWER, NO_CONTENT}
    };
    QUEUE_BENCH(b);
    struct tcp_peer *p = tcp_peer_start(script, N(script));
    INFLUX(&b, tcp_peer_url(p), V1, );
    bench_open(&b);
    bench_put(&b, "bytes");                                                    /* put aside */
    put_value(&b, 1700000000000000000, "U", "Uint64", "18446744073709551615"); /* likewise */
    put_value(&b, 1700000000000000000, "F", "Float64", "NaN"); /* nothing is left of it */
    put(&b, EXPORT_EVENT,
        event(&b, 1700000000000000000, "",
              reading(&b, 1700000000000000000, "B", "Binary",
                      "\"binaryValue\":\"AAAA\",\"mediaType\":\"image/png\"")));
    put(&b, EXPORT_EVENT,
        "{\"apiVersion\":\"v3\",\"id\":\"b2d5b4f4-7c9e-4e0c-8d6a-0d3c1a5e2f10\",\"deviceName\":\"d\","
        "\"sourceName\":\"s\",\"origin\":1,\"readings\":[{\"deviceName\":\"d\",\"resourceName\":\"r\","
        "\"profileName\":\"p\",\"valueType\":\"Int8\",\"value\":\"1\",\"origin\":1}]}");
    CU_ASSERT(bench_wait_depth(&b, 0));
    CU_ASSERT_EQUAL(bench_status(&b).quarantined, 3);
    CU_ASSERT_EQUAL(tcp_peer_requests(p), 0);
    CU_ASSERT(bench_says(&b, "names no profile"));
    bench_close(&b);
    tcp_peer_free(p);
}

static void test_parameters_are_checked(void)
{
    static const struct {
        const char *params[12];
        const char *says;
    } rows[] = {
        {{"Url", "http://a", "Version", "1"},                     "Database"   },
        {{"Url", "http://a", "Version", "2"},                     "Bucket"     },
        {{"Url", "http://a", "Version", "3"},                     "Version"    },
        {{"Url", "http://a/?db=x", "Bucket", "b"},                "query"      },
        {{"Url", "ftp://a", "Bucket", "b"},                       "Url"        },
        {{"Url", "http://a", "Bucket", "b", "MaxLines", "0"},     "MaxLines"   },
        {{"Url", "http://a", "Bucket", "b", "MaxWait", "0s"},     "MaxWait"    },
        {{"Url", "http://a", "Bucket", "b", "Measurement", "#x"}, "Measurement"},
        {{"Url", "http://a", "Bucket", "b", "Tags", "x"},         "Tags"       },
        {{"Url", "http://a", "Bucket", "b", "Precision", "m"},    "Precision"  },
    };
    for (size_t i = 0; i < N(rows); i++) {
        QUEUE_BENCH(b);
        const char *said = bench_stage(&b, "InfluxExport", rows[i].params);
        CU_ASSERT_PTR_NOT_NULL_FATAL(said);
        if (!strstr(said, rows[i].says)) {
            printf("got: %s\nnot: %s\n", said, rows[i].says);
            CU_FAIL("another text");
        }
    }
}

CU_TestInfo influx_export_tests[] = {
    {"values are read back",                test_values_are_read_back               },
    {"a point twice is one point",          test_a_point_twice_is_one_point         },
    {"metrics",                             test_metrics                            },
    {"a bad line is put aside alone",       test_a_bad_line_is_put_aside_alone      },
    {"a batch that is too large",           test_a_batch_that_is_too_large          },
    {"who may write",                       test_who_may_write                      },
    {"while it is mute everything waits",   test_while_it_is_mute_everything_waits  },
    {"the interface of 2",                  test_the_interface_of_2                 },
    {"what it answers",                     test_what_it_answers                    },
    {"it says when to come again",          test_it_says_when_to_come_again         },
    {"a stop does not wait for a mute one", test_a_stop_does_not_wait_for_a_mute_one},
    {"what is no point",                    test_what_is_no_point                   },
    {"parameters are checked",              test_parameters_are_checked             },
    CU_TEST_INFO_NULL,
};
