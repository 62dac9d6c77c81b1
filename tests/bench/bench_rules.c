/*
 * rules [SECONDS]: what rules cost: evaluations in a second on one core, bytes of a rule, a thousand rules on one event,
 * loading ten thousand. Beside each a loop of the same run that does nothing but arithmetic, to compare machines with.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "engine/rules_program.h"

enum { RULES = 1000, MANY = 10000 };

static void must(struct edge_ctx *ctx, enum edge_status st)
{
    if (st != EDGE_OK) {
        fprintf(stderr, "bench_rules: %s\n", edge_ctx_message(ctx, st));
        exit(1);
    }
}

static void count(void *state, struct rules_program *p, const struct rules_result *result)
{
    (void)p;
    *(uint64_t *)state += result->n;
}

/* Nanoseconds of a round of a loop of multiplications that wait for each other. */
static double calibrate(void)
{
    volatile uint64_t sink = 0;
    uint64_t x = 1;
    double start = bench_now();
    for (int i = 0; i < 50000000; i++) {
        x = x * 6364136223846793005U + 1442695040888963407U;
    }
    sink = x;
    (void)sink;
    return (bench_now() - start) / 50000000 * 1e9;
}

static struct event event_of(struct edge_arena *a, unsigned device)
{
    static const char *const names[] = {"t", "h", "d", "other"};
    static const char *const values[] = {"3.15e+01", "4.1e+01", "pump-8", "7"};
    static const unsigned types[] = {VT_FLOAT64, VT_FLOAT64, VT_STRING, VT_INT64};
    struct event e = {.device_name = edge_printf(a, "device-%u", device),
                      .profile_name = "Pump",
                      .source_name = "All",
                      .id = "d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e",
                      .origin = 1754470001000000001,
                      .n_readings = 4,
                      .readings = edge_new_n(a, struct reading, 4)};
    for (size_t i = 0; i < 4; i++) {
        e.readings[i] = (struct reading){.resource_name = names[i],
                                         .value_type = types[i],
                                         .value = values[i],
                                         .origin = e.origin,
                                         .device_name = e.device_name,
                                         .profile_name = e.profile_name};
    }
    return e;
}

static struct rules_program *program(struct rules_engine *e, const char *sql, uint64_t *told)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_program *p = NULL;
    must(&ctx, rules_program_create(&ctx, e, sql,
                                    &(struct rules_options){.emit = count, .state = told}, &p));
    return p;
}

/* One rule on one row, again and again: ns each. */
static double one(const char *sql, double seconds, uint64_t *ret_told)
{
    EDGE_CTX_SCOPE(ctx);
    struct rules_engine *e = rules_engine_create();
    struct rules_program *p = program(e, sql, ret_told);
    struct event event = event_of(&ctx.arena, 1);
    struct rules_row row;
    rules_row_of_event(e, &ctx.arena, &(struct rules_event){.event = &event, .stream = "demo"},
                       &row);
    uint64_t n = 0;
    double start = bench_now(), took = 0;
    while (took < seconds) {
        for (int i = 0; i < 100000; i++) {
            rules_program_push(p, &row, 1);
        }
        n += 100000;
        took = bench_now() - start;
    }
    rules_program_free(p);
    rules_engine_free(e);
    return took / (double)n * 1e9;
}

static void evaluations(double seconds)
{
    static const struct {
        const char *name, *sql;
    } rules[] = {
        {"predicate", "SELECT * FROM demo WHERE t>30 and h<40 or d='pump-7'"                    },
        {"select",    "SELECT t, h * 2 AS h2, meta(deviceName) AS device FROM demo WHERE t > 30"},
        {"star",      "SELECT * FROM demo WHERE t > 30"                                         },
        {"text",      "SELECT upper(d) AS u FROM demo WHERE d LIKE 'pump%' AND length(d) > 3"   },
        {"lag",       "SELECT t - lag(t) AS dt FROM demo WHERE t - lag(t) > 5"                  },
        {"window",    "SELECT avg(t) AS a FROM demo GROUP BY COUNTWINDOW(100)"                  },
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        uint64_t told = 0;
        double ns = one(rules[i].sql, seconds, &told);
        printf("%-10s %8.1f ns  %6.2f M/s  told %llu\n", rules[i].name, ns, 1e3 / ns,
               (unsigned long long)told);
    }
}

static size_t heap(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* Microseconds until all rules have seen one event, which is made into a row first. */
static double event_on(struct rules_engine *e, unsigned device)
{
    double rounds[101];
    EDGE_CTX_SCOPE(keep);
    struct event event = event_of(&keep.arena, device);
    for (size_t i = 0; i < 101; i++) {
        double start = bench_now();
        for (int k = 0; k < 20; k++) {
            EDGE_CTX_SCOPE(ctx);
            struct rules_row row;
            rules_row_of_event(e, &ctx.arena,
                               &(struct rules_event){.event = &event, .stream = "demo"}, &row);
            rules_engine_push(e, &row, 1);
        }
        rounds[i] = (bench_now() - start) / 20 * 1e6;
    }
    return bench_median(rounds, 101);
}

static double thousand(bool by_device, size_t *ret_bytes)
{
    struct rules_engine *e = rules_engine_create();
    struct rules_program *programs[RULES];
    uint64_t told = 0;
    size_t before = heap();
    for (unsigned i = 0; i < RULES; i++) {
        char sql[256];
        if (by_device) {
            snprintf(sql, sizeof(sql),
                     "SELECT * FROM demo WHERE t > 90 AND meta(deviceName) = 'device-%u'", i % 100);
        } else {
            snprintf(sql, sizeof(sql), "SELECT * FROM demo WHERE t>%u and h<40 or d='pump-7'",
                     40 + i % 50);
        }
        programs[i] = program(e, sql, &told);
    }
    double us = event_on(e, 7);
    *ret_bytes = (heap() - before) / RULES;
    for (unsigned i = 0; i < RULES; i++) {
        rules_program_free(programs[i]);
    }
    rules_engine_free(e);
    return us;
}

static double load_many(void)
{
    struct rules_engine *e = rules_engine_create();
    struct rules_program **programs = edge_xalloc(MANY, sizeof(*programs));
    uint64_t told = 0;
    double start = bench_now();
    for (unsigned i = 0; i < MANY; i++) {
        char sql[256];
        snprintf(sql, sizeof(sql),
                 "SELECT t, h, meta(deviceName) AS device FROM demo WHERE t > %u AND "
                 "meta(deviceName) = 'device-%u'",
                 i % 50, i % 1000);
        programs[i] = program(e, sql, &told);
    }
    event_on(e, 7); /* the index too */
    double took = bench_now() - start;
    for (unsigned i = 0; i < MANY; i++) {
        rules_program_free(programs[i]);
    }
    free(programs);
    rules_engine_free(e);
    return took;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    double before = calibrate();
    uint64_t told = 0;
    size_t bytes = 0, other = 0;
    evaluations(seconds);
    double predicate = one("SELECT * FROM demo WHERE t>30 and h<40 or d='pump-7'", seconds, &told);
    double same = thousand(false, &bytes), spread = thousand(true, &other);
    double load = load_many();
    double after = calibrate();
    printf(
        "1000 rules on one event: %.1f us where all look at its readings, %.1f us where one in a "
        "hundred does\n%zu bytes a rule, 10000 rules in %.3f s; calibration %.2f and %.2f ns\n",
        same, spread, bytes, load, before, after);
    printf("bench rules predicate_ns=%.1f evaluations=%.0f rule_bytes=%zu thousand_us=%.1f "
           "thousand_spread_us=%.1f load_10000_s=%.3f calibration_ns=%.2f\n",
           predicate, 1e9 / predicate, bytes, same, spread, load, before);
    return 0;
}
