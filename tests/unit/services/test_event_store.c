/* The event store: what goes in comes out, in order, counted, until it is removed. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "edge/clock.h"
#include "edge/json.h"
#include "store_support.h"
#include "suites.h"

static const struct event_filter ALL = {EVENT_FILTER_ALL};

static int64_t count_readings(struct store_fixture *f, const struct event_filter *filter)
{
    int64_t n = -1;
    CU_ASSERT_EQUAL(event_store_count_readings(&f->ctx, f->store, filter, &n), EDGE_OK);
    return n;
}

static int64_t count_events(struct store_fixture *f, const struct event_filter *filter)
{
    int64_t n = -1;
    CU_ASSERT_EQUAL(event_store_count_events(&f->ctx, f->store, filter, &n), EDGE_OK);
    return n;
}

static const struct reading *first_reading(struct store_fixture *f, const char *resource)
{
    struct event_filter filter = {.resources = &resource, .n_resources = 1, EVENT_FILTER_ALL};
    struct reading *r = NULL;
    size_t n = 0;
    CU_ASSERT_EQUAL(event_store_readings(&f->ctx, f->store, &filter, 0, 10, &r, &n), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    return r;
}

static void test_values_come_back_normalised(void)
{
    static const struct {
        unsigned type;
        const char *in, *out;
    } rows[] = {
        {VT_INT8,         "007",                  "7"                   },
        {VT_INT64,        "-9223372036854775808", "-9223372036854775808"},
        {VT_UINT64,       "18446744073709551615", "18446744073709551615"},
        {VT_FLOAT64,      "12.30",                "1.23e+01"            },
        {VT_FLOAT32,      "0.1",                  "1e-01"               },
        {VT_FLOAT64,      "nan",                  "NaN"                 },
        {VT_FLOAT64,      "-inf",                 "-Inf"                },
        {VT_FLOAT64,      "100",                  "1e+02"               },
        {VT_BOOL,         "T",                    "true"                },
        {VT_STRING,       "",                     ""                    },
        {VT_STRING,       "h\xc3\xa4 'x'",        "h\xc3\xa4 'x'"       },
        {VT_STRING,       "007",                  "007"                 },
        {VT_INT32_ARRAY,  "[1,  2]",              "[1,  2]"             },
        {VT_STRING_ARRAY, "[\"a\",\"b\"]",        "[\"a\",\"b\"]"       },
    };
    STORE_FIXTURE(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct event *e = make_event(&f.ctx.arena, "d", "s", 1000, 1);
        const char *name = edge_printf(&f.ctx.arena, "value %zu", i);
        e->readings[0].resource_name = name;
        e->readings[0].value_type = rows[i].type;
        e->readings[0].value = rows[i].in;
        CU_ASSERT_EQUAL_FATAL(store_add(&f, e), EDGE_OK);
        const struct reading *r = first_reading(&f, name);
        CU_ASSERT_EQUAL(r->value_type, rows[i].type);
        CU_ASSERT_STRING_EQUAL(r->value, rows[i].out);
    }
}

static void test_null_binary_and_objects_come_back(void)
{
    STORE_FIXTURE(f);
    struct event *e = make_event(&f.ctx.arena, "d", "s", 1000, 4);
    e->readings[0].is_null = true;
    e->readings[0].value = NULL;
    e->readings[1].value_type = VT_BINARY;
    e->readings[1].value = NULL;
    e->readings[1].binary = (struct edge_bytes){"a\0b", 3};
    e->readings[1].media_type = "image/png";
    e->readings[2].value_type = VT_OBJECT;
    e->readings[2].value = NULL;
    CU_ASSERT_EQUAL(
        edge_json_parse(&f.ctx, "{\"n\":9007199254740993}", 22, NULL, &e->readings[2].object),
        EDGE_OK);
    CU_ASSERT_EQUAL(edge_json_parse(&f.ctx, "{\"k\":\"v\"}", 9, NULL, &e->readings[3].tags),
                    EDGE_OK);
    e->readings[3].units = "m/s";
    e->tags = e->readings[3].tags;
    CU_ASSERT_EQUAL_FATAL(store_add(&f, e), EDGE_OK);

    struct event got;
    CU_ASSERT_EQUAL_FATAL(event_store_get(&f.ctx, f.store, e->id, &got), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(got.n_readings, 4);
    CU_ASSERT_TRUE(got.readings[0].is_null);
    CU_ASSERT_EQUAL(got.readings[1].binary.size, 3);
    CU_ASSERT_EQUAL(memcmp(got.readings[1].binary.data, "a\0b", 3), 0);
    CU_ASSERT_STRING_EQUAL(got.readings[1].media_type, "image/png");
    int64_t exact = 0;
    CU_ASSERT_TRUE(edge_json_int(edge_json_member(got.readings[2].object, "n", true), &exact));
    CU_ASSERT_EQUAL(exact, 9007199254740993);
    CU_ASSERT_STRING_EQUAL(got.readings[3].units, "m/s");
    CU_ASSERT_STRING_EQUAL(edge_json_member(got.readings[3].tags, "k", true)->valuestring, "v");
    CU_ASSERT_PTR_NOT_NULL(got.tags);
}

static void test_event_comes_back_by_id(void)
{
    STORE_FIXTURE(f);
    struct event *e = make_event(&f.ctx.arena, "d", "s", 1000, 3), got;
    CU_ASSERT_EQUAL_FATAL(store_add(&f, e), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(event_store_get(&f.ctx, f.store, e->id, &got), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(got.id, e->id);
    CU_ASSERT_STRING_EQUAL(got.device_name, "d");
    CU_ASSERT_STRING_EQUAL(got.source_name, "s");
    CU_ASSERT_STRING_EQUAL(got.profile_name, "profile");
    CU_ASSERT_EQUAL(got.origin, 1000);
    CU_ASSERT_EQUAL(got.n_readings, 3);
    CU_ASSERT_EQUAL(event_store_get(&f.ctx, f.store, make_id(&f.ctx.arena, 1u << 30), &got),
                    EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(event_store_get(&f.ctx, f.store, "no uuid", &got), EDGE_NOT_FOUND);
}

static void test_equal_origins_keep_their_order(void)
{
    STORE_FIXTURE(f);
    struct event *e = make_event(&f.ctx.arena, "d", "s", 5, 4);
    e->readings[2].origin = 6;
    CU_ASSERT_EQUAL_FATAL(store_add(&f, e), EDGE_OK);
    struct event got;
    CU_ASSERT_EQUAL_FATAL(event_store_get(&f.ctx, f.store, e->id, &got), EDGE_OK);
    static const char *const ORDER[] = {"r2", "r0", "r1", "r3"};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_STRING_EQUAL(got.readings[i].resource_name, ORDER[i]);
    }
    struct reading *r = NULL;
    size_t n = 0;
    CU_ASSERT_EQUAL(event_store_readings(&f.ctx, f.store, &ALL, 0, 10, &r, &n), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(n, 4);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_STRING_EQUAL(r[i].resource_name, ORDER[i]);
    }
}

static void test_bad_events_are_refused_alone(void)
{
    STORE_FIXTURE(f);
    struct event *bad = make_event(&f.ctx.arena, "d", "s", 1, 1);
    bad->id = "not-a-uuid";
    CU_ASSERT_EQUAL(store_add(&f, bad), EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&f.ctx, EDGE_INVALID), "not-a-uuid"));
    bad = make_event(&f.ctx.arena, "d", "s", 1, 2);
    bad->readings[1].value = "twelve";
    CU_ASSERT_EQUAL(store_add(&f, bad), EDGE_INVALID);
    bad = make_event(&f.ctx.arena, edge_printf(&f.ctx.arena, "%2000s", "x"), "s", 1, 1);
    CU_ASSERT_EQUAL(store_add(&f, bad), EDGE_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&f.ctx, EDGE_INVALID), "longer than"));
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 0);
    CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, "d", "s", 1, 2)), EDGE_OK);
    CU_ASSERT_EQUAL(count_readings(&f, &ALL), 2);
}

static void test_removing_one_event_takes_its_readings(void)
{
    STORE_FIXTURE(f);
    struct event *a = make_event(&f.ctx.arena, "d", "s", 1, 2);
    struct event *b = make_event(&f.ctx.arena, "d", "s", 2, 3);
    struct event got;
    CU_ASSERT_EQUAL(store_add(&f, a), EDGE_OK);
    CU_ASSERT_EQUAL(store_add(&f, b), EDGE_OK);
    CU_ASSERT_EQUAL(store_remove_id(&f, a->id), EDGE_OK);
    CU_ASSERT_EQUAL(store_remove_id(&f, a->id), EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(event_store_get(&f.ctx, f.store, a->id, &got), EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(event_store_get(&f.ctx, f.store, b->id, &got), EDGE_OK);
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 1);
    CU_ASSERT_EQUAL(count_readings(&f, &ALL), 3);
    store_reopen(&f);
    CU_ASSERT_EQUAL(count_readings(&f, &ALL), 3);
}

static void test_equal_ids_are_kept_and_removed_together(void)
{
    STORE_FIXTURE(f);
    struct event *a = make_event(&f.ctx.arena, "d", "s", 1, 1);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(store_add(&f, a), EDGE_OK);
    }
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 3);
    CU_ASSERT_EQUAL(store_remove_id(&f, a->id), EDGE_OK);
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 0);
}

static void add_many(struct store_fixture *f, const char *device, int64_t from, int64_t to)
{
    size_t n = (size_t)(to - from);
    struct latch l;
    latch_init(&l, n);
    struct latched_job *jobs = edge_new_n(&f->ctx.arena, struct latched_job, n);
    for (size_t i = 0; i < n; i++) {
        jobs[i].job = (struct event_job){
            .kind = EVENT_ADD,
            .event = make_event(&f->ctx.arena, device, "s", from + (int64_t)i, 2)};
        latched_submit(f->store, &jobs[i], &l);
    }
    latch_wait(&l);
    CU_ASSERT_EQUAL(l.st, EDGE_OK);
}

static size_t n_segments(struct store_fixture *f)
{
    struct event_store_stats stats;
    event_store_stats(f->store, &stats);
    return stats.segments;
}

static void test_age_drops_whole_segments(void)
{
    STORE_FIXTURE(f);
    add_many(&f, "d", 0, 1000);
    event_store_settle(f.store);
    add_many(&f, "d", 1000, 2000); /* several batches: several segments */
    for (int64_t i = 2000; i < 2100; i++) {
        CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, "d", "s", i, 2)), EDGE_OK);
    }
    event_store_settle(f.store);
    size_t before = n_segments(&f);
    CU_ASSERT(before >= 3);
    CU_ASSERT_EQUAL(store_remove(&f, NULL, NULL, 2049), EDGE_OK);
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 50);
    CU_ASSERT_EQUAL(count_readings(&f, &ALL), 100);
    CU_ASSERT(n_segments(&f) < before);
    CU_ASSERT_EQUAL(store_remove(&f, NULL, NULL, INT64_MAX), EDGE_OK);
    CU_ASSERT_EQUAL(count_readings(&f, &ALL), 0);
    CU_ASSERT_EQUAL(n_segments(&f), 1);
    add_many(&f, "d", 1, 2);
    CU_ASSERT_EQUAL(count_readings(&f, &ALL), 2);
}

static size_t n_removals(struct store_fixture *f)
{
    struct event_store_stats stats;
    event_store_stats(f->store, &stats);
    return stats.removals;
}

/* What no deletion takes alone, a segment of two devices, they take together. */
static void test_deletions_drop_segments_together(void)
{
    STORE_FIXTURE(f);
    for (int64_t i = 0; i < 400; i++) {
        const char *device = i % 2 ? "odd" : "even";
        CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, device, "s", i, 2)), EDGE_OK);
    }
    event_store_settle(f.store);
    size_t before = n_segments(&f);
    CU_ASSERT(before > 4);
    static const struct event_removal both[] = {
        {"odd",  "s", 300},
        {"even", "s", 340}
    };
    CU_ASSERT_EQUAL(
        store_do(&f,
                 &(struct event_job){.kind = EVENT_REMOVE_EACH, .removals = both, .n_removals = 2}),
        EDGE_OK);
    event_store_settle(f.store);
    CU_ASSERT_EQUAL(n_removals(&f), 0);
    CU_ASSERT(n_segments(&f) < before - 3);
    struct event_filter odd = {.device = "odd", EVENT_FILTER_ALL};
    struct event_filter even = {.device = "even", EVENT_FILTER_ALL};
    CU_ASSERT_EQUAL(count_events(&f, &odd), 50);
    CU_ASSERT_EQUAL(count_events(&f, &even), 29);
    store_reopen(&f);
    CU_ASSERT_EQUAL(count_readings(&f, &ALL), 158);
}

static void test_origins_are_found_by_rank(void)
{
    STORE_FIXTURE(f);
    for (int64_t i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, "d", i % 2 ? "a" : "b", i, 1)),
                        EDGE_OK);
    }
    static const struct {
        int64_t nth, origin; /* -1: there is none */
    } rows[] = {
        {0,  89},
        {1,  87},
        {44, 1 },
        {45, -1}
    };
    const struct event_filter filter = {
        .device = "d", .source = "a", .start = INT64_MIN, .end = 90};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t origin = -1;
        enum edge_status st =
            event_store_nth_origin(&f.ctx, f.store, &filter, rows[i].nth, &origin);
        CU_ASSERT_EQUAL(st, rows[i].origin < 0 ? EDGE_NOT_FOUND : EDGE_OK);
        CU_ASSERT_EQUAL(origin, rows[i].origin);
    }
}

static void test_devices_are_removed_and_counted_apart(void)
{
    STORE_FIXTURE(f);
    for (int64_t i = 0; i < 200; i++) {
        CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, i % 2 ? "odd" : "even", "s", i, 2)),
                        EDGE_OK);
    }
    struct event_filter odd = {.device = "odd", EVENT_FILTER_ALL};
    struct event_filter even = {.device = "even", EVENT_FILTER_ALL};
    CU_ASSERT_EQUAL(count_events(&f, &odd), 100);
    CU_ASSERT_EQUAL(store_remove(&f, "odd", NULL, INT64_MAX), EDGE_OK);
    CU_ASSERT_EQUAL(count_events(&f, &odd), 0);
    CU_ASSERT_EQUAL(count_readings(&f, &odd), 0);
    CU_ASSERT_EQUAL(count_events(&f, &even), 100);
    CU_ASSERT_EQUAL(count_readings(&f, &even), 200);
    struct event_source *sources = NULL;
    size_t n = 0;
    event_store_sources(&f.ctx, f.store, &sources, &n);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT_STRING_EQUAL(sources[0].device, "even");
    CU_ASSERT_EQUAL(sources[0].n_events, 100);
    CU_ASSERT_EQUAL(store_remove(&f, "nobody", NULL, INT64_MAX), EDGE_OK);
    store_reopen(&f);
    CU_ASSERT_EQUAL(count_readings(&f, &ALL), 200);
}

static void test_events_after_a_removal_stay(void)
{
    STORE_FIXTURE(f);
    add_many(&f, "d", 0, 500);
    struct latch l;
    latch_init(&l, 2);
    struct latched_job jobs[2] = {
        {.job = {.kind = EVENT_REMOVE, .removal = {.device = "d", .cutoff = INT64_MAX}}},
        {.job = {.kind = EVENT_ADD, .event = make_event(&f.ctx.arena, "d", "s", 7, 1)}},
    };
    latched_submit(f.store, &jobs[0], &l);
    latched_submit(f.store, &jobs[1], &l);
    latch_wait(&l);
    event_store_settle(f.store);
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 1);
}

static void test_sums_are_exact(void)
{
    STORE_FIXTURE(f);
    static const char *const VALUES[] = {"18446744073709551615", "18446744073709551615", "1"};
    for (size_t i = 0; i < 3; i++) {
        struct event *e = make_event(&f.ctx.arena, "d", "s", (int64_t)i, 3);
        e->readings[0].value_type = VT_UINT64;
        e->readings[0].value = VALUES[i];
        e->readings[1].value_type = VT_FLOAT32;
        e->readings[1].value = i == 2 ? "nan" : i == 1 ? "1.5" : "0.1";
        e->readings[2].value_type = VT_STRING;
        CU_ASSERT_EQUAL_FATAL(store_add(&f, e), EDGE_OK);
    }
    static const struct {
        enum event_aggregate how;
        unsigned type[3];
        const char *value[3];
    } rows[] = {
        {AGGREGATE_SUM,
         {VT_FLOAT64, VT_FLOAT64, VT_STRING},
         {"36893488147419103000", "1.6000000014901161", "\"\""}                   },
        {AGGREGATE_MIN,   {VT_UINT64, VT_FLOAT64, VT_STRING}, {"1", "0.1", "\"\""}},
        {AGGREGATE_MAX,
         {VT_UINT64, VT_FLOAT64, VT_STRING},
         {"18446744073709551615", "1.5", "\"\""}                                  },
        {AGGREGATE_COUNT, {VT_UINT64, VT_UINT64, VT_UINT64},  {"3", "2", "0"}     },
        {AGGREGATE_AVG,
         {VT_FLOAT64, VT_FLOAT64, VT_STRING},
         {"12297829382473034000", "0.8000000007450581", "\"\""}                   },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct event_group *g = NULL;
        size_t n = 0;
        CU_ASSERT_EQUAL(event_store_aggregate(&f.ctx, f.store, &ALL, rows[i].how, 0, &g, &n),
                        EDGE_OK);
        CU_ASSERT_EQUAL_FATAL(n, 3);
        for (size_t k = 0; k < 3; k++) {
            CU_ASSERT_EQUAL(g[k].value_type, rows[i].type[k]);
            CU_ASSERT_STRING_EQUAL(g[k].value, rows[i].value[k]);
        }
    }
}

/* A client that reads an Int64 where the answer says Int64 must be able to. */
static void test_sums_are_of_a_type_that_holds_them(void)
{
    static const struct {
        unsigned type;
        const char *values[2];
        unsigned sum_type;
        const char *sum;
    } rows[] = {
        {VT_INT64,  {"9223372036854775806", "1"},   VT_INT64,   "9223372036854775807" },
        {VT_INT64,  {"9223372036854775807", "1"},   VT_FLOAT64, "9223372036854776000" },
        {VT_INT64,  {"-9223372036854775807", "-1"}, VT_INT64,   "-9223372036854775808"},
        {VT_INT64,  {"-9223372036854775808", "-1"}, VT_FLOAT64, "-9223372036854776000"},
        {VT_UINT64, {"18446744073709551614", "1"},  VT_UINT64,  "18446744073709551615"},
        {VT_UINT64, {"18446744073709551615", "1"},  VT_FLOAT64, "18446744073709552000"},
        {VT_INT8,   {"127", "127"},                 VT_INT64,   "254"                 },
        {VT_UINT8,  {"255", "255"},                 VT_UINT64,  "510"                 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STORE_FIXTURE(f);
        for (size_t k = 0; k < 2; k++) {
            struct event *e = make_event(&f.ctx.arena, "d", "s", (int64_t)k, 1);
            e->readings[0].value_type = rows[i].type;
            e->readings[0].value = rows[i].values[k];
            CU_ASSERT_EQUAL_FATAL(store_add(&f, e), EDGE_OK);
        }
        struct event_group *g = NULL;
        size_t n = 0;
        CU_ASSERT_EQUAL(event_store_aggregate(&f.ctx, f.store, &ALL, AGGREGATE_SUM, 0, &g, &n),
                        EDGE_OK);
        CU_ASSERT_EQUAL_FATAL(n, 1);
        CU_ASSERT_EQUAL(g[0].value_type, rows[i].sum_type);
        CU_ASSERT_STRING_EQUAL(g[0].value, rows[i].sum);
    }
}

/* JSON has no word for them, so they count no more than texts do. */
static void test_aggregates_leave_out_what_is_not_finite(void)
{
    STORE_FIXTURE(f);
    static const struct {
        const char *mixed, *none, *large, *back;
    } values[] = {
        {"1.5",  "nan",  "1e308", "1e308" },
        {"inf",  "inf",  "1e308", "1e308" },
        {"-inf", "-inf", "1e308", "-1e308"},
        {"nan",  "nan",  "1e308", "-1e308"},
        {"2.5",  "inf",  "1e308", "0"     },
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct event *e = make_event(&f.ctx.arena, "d", "s", (int64_t)i, 4);
        const char *const texts[] = {values[i].mixed, values[i].none, values[i].large,
                                     values[i].back};
        static const char *const NAMES[] = {"a mixed", "b none", "c large", "d back"};
        for (size_t k = 0; k < 4; k++) {
            e->readings[k].resource_name = NAMES[k];
            e->readings[k].value_type = VT_FLOAT64;
            e->readings[k].value = texts[k];
        }
        CU_ASSERT_EQUAL_FATAL(store_add(&f, e), EDGE_OK);
    }
    static const struct {
        enum event_aggregate how;
        const char *value[4];
    } rows[] = {
        {AGGREGATE_AVG,   {"2", "\"\"", "1e+308", "0"}        },
        {AGGREGATE_SUM,   {"4", "\"\"", "\"\"", "0"}          },
        {AGGREGATE_MIN,   {"1.5", "\"\"", "1e+308", "-1e+308"}},
        {AGGREGATE_MAX,   {"2.5", "\"\"", "1e+308", "1e+308"} },
        {AGGREGATE_COUNT, {"2", "0", "5", "5"}                },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct event_group *g = NULL;
        size_t n = 0;
        CU_ASSERT_EQUAL(event_store_aggregate(&f.ctx, f.store, &ALL, rows[i].how, 0, &g, &n),
                        EDGE_OK);
        CU_ASSERT_EQUAL_FATAL(n, 4);
        for (size_t k = 0; k < 4; k++) {
            CU_ASSERT_STRING_EQUAL(g[k].value, rows[i].value[k]);
        }
    }
}

/* ---- gathering ---------------------------------------------------------------------------------- */

static size_t left_of(struct latch *l)
{
    EDGE_LOCK(&l->lock);
    return l->left;
}

static void submit_waiting(struct store_fixture *f, struct latched_job *job, struct latch *l,
                           int64_t origin)
{
    job->job = (struct event_job){.kind = EVENT_ADD,
                                  .event = make_event(&f->ctx.arena, "d", "s", origin, 1),
                                  .may_wait = true};
    latched_submit(f->store, job, l);
}

/* What gathers is found by every question, and is committed before it is. */
static void test_what_gathers_is_found_at_once(void)
{
    STORE_FIXTURE(f);
    f.config.gather_ms = 3600 * 1000;
    f.config.gather_events = 1000;
    store_reopen(&f);
    struct latched_job jobs[6];
    struct latch l;
    latch_init(&l, 6);
    struct event event;
    struct event_group *groups = NULL;
    size_t n_groups = 0;
    for (int64_t i = 0; i < 6; i++) {
        submit_waiting(&f, &jobs[i], &l, i + 1);
        CU_ASSERT_EQUAL(left_of(&l), (size_t)(6 - i)); /* it waits */
        switch (i) {
        case 0:
            CU_ASSERT_EQUAL(count_events(&f, &ALL), 1);
            break;
        case 1:
            CU_ASSERT_EQUAL(event_store_get(&f.ctx, f.store, jobs[1].job.event->id, &event),
                            EDGE_OK);
            break;
        case 2:
            CU_ASSERT_EQUAL(count_readings(&f, &ALL), 3);
            break;
        case 3:
            CU_ASSERT_EQUAL(event_store_aggregate(&f.ctx, f.store, &ALL, AGGREGATE_COUNT, 0,
                                                  &groups, &n_groups),
                            EDGE_OK);
            CU_ASSERT_EQUAL_FATAL(n_groups, 1);
            CU_ASSERT_STRING_EQUAL(groups[0].value, "4");
            break;
        case 4: /* one that may not wait takes along what has gathered */
            CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, "d", "s", 100, 1)), EDGE_OK);
            break;
        default:
            event_store_hurry(f.store);
        }
        if (i < 5) {
            CU_ASSERT_EQUAL(left_of(&l), (size_t)(5 - i));
        }
    }
    latch_wait(&l);
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 7);
}

static void test_what_gathers_does_not_wait_for_ever(void)
{
    STORE_FIXTURE(f);
    static const struct {
        int64_t ms;
        size_t events;
    } rows[] = {
        {3600 * 1000, 3   }, /* so many are enough */
        {30,          1000}, /* so long is enough */
        {0,           1000}, /* nothing waits */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f.config.gather_ms = rows[i].ms;
        f.config.gather_events = rows[i].events;
        store_reopen(&f);
        struct latched_job jobs[3];
        struct latch l;
        latch_init(&l, 3);
        for (int64_t k = 0; k < 3; k++) {
            submit_waiting(&f, &jobs[k], &l, k);
        }
        latch_wait(&l);
    }
    f.config.gather_ms = 3600 * 1000;
    store_reopen(&f);
    struct latched_job job;
    struct latch l;
    latch_init(&l, 1);
    submit_waiting(&f, &job, &l, 5);
    event_store_close(f.store); /* commits what has gathered */
    f.store = NULL;
    latch_wait(&l);
    store_reopen(&f);
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 10);
}

static void test_an_event_sent_again_is_stored_once(void)
{
    STORE_FIXTURE(f);
    const struct event *events[70];
    for (int i = 0; i < 70; i++) { /* more than a segment */
        events[i] = make_event(&f.ctx.arena, "d", "s", i, 1);
        CU_ASSERT_EQUAL(store_add(&f, events[i]), EDGE_OK);
    }
    event_store_settle(f.store);
    for (int i = 0; i < 70; i++) {
        const struct event_job again = {.kind = EVENT_ADD, .event = events[i], .again = true};
        CU_ASSERT_EQUAL(store_do(&f, &again), EDGE_CONFLICT);
    }
    store_reopen(&f);
    const struct event_job again = {.kind = EVENT_ADD, .event = events[69], .again = true};
    CU_ASSERT_EQUAL(store_do(&f, &again), EDGE_CONFLICT);
    const struct event_job fresh = {
        .kind = EVENT_ADD, .event = make_event(&f.ctx.arena, "d", "s", 5, 1), .again = true};
    CU_ASSERT_EQUAL(store_do(&f, &fresh), EDGE_OK);
    CU_ASSERT_EQUAL(count_events(&f, &ALL), 71);
}

/* What came last is removed; its names are forgotten at the next start, and the one after that does not miss
 * them. */
static void test_names_nobody_uses_are_forgotten(void)
{
    STORE_FIXTURE(f);
    for (int i = 0; i < 140; i++) { /* a segment holds 60 */
        const char *device = i == 1 ? "B" : "A";
        CU_ASSERT_EQUAL(store_add(&f, make_event(&f.ctx.arena, device, "s", 1000 + i, 1)), EDGE_OK);
    }
    event_store_settle(f.store);
    CU_ASSERT_EQUAL(store_remove(&f, "B", NULL, INT64_MAX), EDGE_OK);
    for (int i = 0; i < 3; i++) {
        const struct event_filter all = {EVENT_FILTER_ALL};
        int64_t n = -1;
        CU_ASSERT_EQUAL(event_store_count_events(&f.ctx, f.store, &all, &n), EDGE_OK);
        CU_ASSERT_EQUAL(n, 139);
        store_reopen(&f);
    }
}

/* A thousand readings of resources that nobody has heard of before. */
static struct event *with_new_names(struct edge_arena *a, int nth)
{
    struct event *e = make_event(a, "D", "s", 1000 + nth, 1000);
    for (size_t i = 0; i < e->n_readings; i++) {
        e->readings[i].resource_name = edge_printf(a, "%d-%zu-%01000d", nth, i, 0);
    }
    return e;
}

/* They stay in memory while the store is open. */
static void test_names_are_bounded_in_bytes(void)
{
    STORE_FIXTURE(f);
    f.config.segment_readings = f.config.segment_events = 0; /* as it comes */
    store_reopen(&f);
    enum edge_status st = EDGE_OK;
    int n = 0;
    for (; n < 70 && st == EDGE_OK; n++) {
        EDGE_CTX_SCOPE(ctx);
        st = store_add(&f, with_new_names(&ctx.arena, n));
    }
    CU_ASSERT_EQUAL(st, EDGE_INVALID);
    CU_ASSERT(n > 50);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&f.ctx, st), "too many different names"));
    edge_ctx_clear(&f.ctx);
    EDGE_CTX_SCOPE(ctx);
    CU_ASSERT_EQUAL(store_add(&f, with_new_names(&ctx.arena, 0)), EDGE_OK); /* these are known */
    CU_ASSERT_EQUAL(store_remove(&f, "D", NULL, INT64_MAX), EDGE_OK);
    store_reopen(&f);
    CU_ASSERT_EQUAL(store_add(&f, with_new_names(&ctx.arena, n)), EDGE_OK);
}

/* ---- clocks that are wrong ------------------------------------------------------------------ */

static int64_t arrived_before(struct store_fixture *f, int64_t ms)
{
    const struct event_filter filter = {EVENT_FILTER_ALL, .arrived_before_ms = ms};
    int64_t n = -1;
    CU_ASSERT_EQUAL(event_store_count_events(&f->ctx, f->store, &filter, &n), EDGE_OK);
    return n;
}

static void add_some(struct store_fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(store_add(f, make_event(&f->ctx.arena, "D", "s", edge_now_ns(), 1)),
                        EDGE_OK);
    }
}

/* A glance at another time, with a segment begun in it: nothing arrived longer ago than it did, now or after
 * a start. */
static void test_a_wrong_clock_ends_no_segment(void)
{
    static const int64_t hour = INT64_C(3600) * 1000000000;
    static const int64_t steps[] = {-INT64_C(1795000000) * 1000000000, -8 * 24 * hour,
                                    INT64_C(365) * 24 * hour};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        STORE_FIXTURE(f);
        const int64_t begun = edge_now_ms();
        add_some(&f, 70); /* a segment holds 60 */
        edge_clock_step(steps[i]);
        add_some(&f, 70);
        store_reopen(&f);
        add_some(&f, 1);
        edge_clock_step(-steps[i]);
        CU_ASSERT_EQUAL(arrived_before(&f, begun), 0);
        add_some(&f, 70);
        CU_ASSERT_EQUAL(arrived_before(&f, begun), 0);
        store_reopen(&f);
        CU_ASSERT_EQUAL(arrived_before(&f, begun), 0);
        if (steps[i] < 0) { /* from here on it is known again what ended when */
            CU_ASSERT(arrived_before(&f, edge_now_ms() + 1) >= 141);
        }
    }
}

/* As an earlier version has left it. */
static void test_a_wrong_beginning_in_the_file_is_not_believed(void)
{
    STORE_FIXTURE(f);
    const int64_t begun = edge_now_ms();
    add_some(&f, 70);
    event_store_close(f.store);
    f.store = NULL;
    sqlite3 *db = NULL;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(f.path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(
        sqlite3_exec(db, "UPDATE segment SET created=5000 WHERE id=2", NULL, NULL, NULL),
        SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_changes(db), 1);
    sqlite3_close(db);
    store_reopen(&f);
    CU_ASSERT_EQUAL(arrived_before(&f, begun), 0);
}

static void test_a_back_end_is_found_by_its_name(void)
{
    STORE_FIXTURE(f);
    f.config.type = "sqlite";
    store_reopen(&f);
    event_store_close(f.store);
    f.store = NULL;
    f.config.type = "mongodb";
    CU_ASSERT_EQUAL(event_store_open(&f.ctx, &f.config, &f.store), EDGE_INVALID);
    CU_ASSERT_STRING_EQUAL(edge_ctx_message(&f.ctx, EDGE_INVALID),
                           "database type 'mongodb' is unknown");
}

CU_TestInfo event_store_tests[] = {
    {"values come back normalised",                   test_values_come_back_normalised            },
    {"null, binary and objects come back",            test_null_binary_and_objects_come_back      },
    {"an event comes back by id",                     test_event_comes_back_by_id                 },
    {"equal origins keep their order",                test_equal_origins_keep_their_order         },
    {"bad events are refused alone",                  test_bad_events_are_refused_alone           },
    {"removing one event takes its readings",         test_removing_one_event_takes_its_readings  },
    {"equal ids are kept and removed together",       test_equal_ids_are_kept_and_removed_together},
    {"age drops whole segments",                      test_age_drops_whole_segments               },
    {"deletions drop segments together",              test_deletions_drop_segments_together       },
    {"origins are found by rank",                     test_origins_are_found_by_rank              },
    {"devices are removed and counted apart",         test_devices_are_removed_and_counted_apart  },
    {"events after a removal stay",                   test_events_after_a_removal_stay            },
    {"sums are exact",                                test_sums_are_exact                         },
    {"sums are of a type that holds them",            test_sums_are_of_a_type_that_holds_them     },
    {"aggregates leave out what is not finite",       test_aggregates_leave_out_what_is_not_finite},
    {"what gathers is found at once",                 test_what_gathers_is_found_at_once          },
    {"what gathers does not wait for ever",           test_what_gathers_does_not_wait_for_ever    },
    {"an event sent again is stored once",            test_an_event_sent_again_is_stored_once     },
    {"names nobody uses are forgotten",               test_names_nobody_uses_are_forgotten        },
    {"names are bounded in bytes",                    test_names_are_bounded_in_bytes             },
    {"a wrong clock ends no segment",                 test_a_wrong_clock_ends_no_segment          },
    {"a wrong beginning in the file is not believed",
     test_a_wrong_beginning_in_the_file_is_not_believed                                           },
    {"a back end is found by its name",               test_a_back_end_is_found_by_its_name        },
    CU_TEST_INFO_NULL,
};
