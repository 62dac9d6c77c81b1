/**
 * Aggregates: every matching reading is looked at, in whichever order is cheaper, and its number
 * added to the group of its device, resource, profile and value type. Sums are exact: integers in
 * 128 bits.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/clock.h"
#include "edge/text.h"
#include "event_sqlite.h"

/* A segment is scanned from end to end where at least one row in this many matches. */
enum { SCAN_RATIO = 8, LOOK_EVERY = 4096 };

/* A power of two, so that nothing is rounded; 2^64 readings of any size add up. */
static const double SCALE = 0x1p-64;

struct sum {
    const struct dict_entry *series;
    int64_t n;
    __int128 whole; /* sum of integers */
    double real;    /* sum of reals */
    double scaled;  /* the same times SCALE, which does not overflow */
    struct value_number min, max;
    bool any;
};

struct summing {
    struct edge_ctx *ctx;
    struct event_db *store;
    struct reader *reader;
    const struct row_plan *plan;
    struct sum *sums; /* by series id */
    int64_t deadline_ms;
};

static bool less(unsigned type, const struct value_number *a, const struct value_number *b)
{
    if (value_type_is_float(type)) {
        return a->f < b->f;
    }
    return value_type_is_unsigned(type) ? a->u < b->u : a->i < b->i;
}

/* Columns: origin, series, value. */
static void sum_row(const struct summing *job, sqlite3_stmt *stmt)
{
    int64_t origin = sqlite3_column_int64(stmt, 0);
    uint32_t key = (uint32_t)sqlite3_column_int64(stmt, 1);
    if (origin < job->plan->start || origin > job->plan->end ||
        !row_match_has(&job->plan->match, key) || !job->sums[key].series) {
        return;
    }
    struct sum *sum = &job->sums[key];
    sum->any = true;
    unsigned type = sum->series->type;
    int form = sqlite3_column_type(stmt, 2);
    if (!value_type_is_numeric(type) || (form != SQLITE_INTEGER && form != SQLITE_FLOAT)) {
        return;
    }
    struct value_number v = {.i = sqlite3_column_int64(stmt, 2),
                             .f = sqlite3_column_double(stmt, 2)};
    v.u = (uint64_t)v.i;
    if (value_type_is_float(type)) {
        if (!isfinite(v.f)) {
            return; /* no number of JSON's, as NaN, which is stored as a text */
        }
        sum->real += v.f;
        sum->scaled += v.f * SCALE;
    } else {
        sum->whole += value_type_is_unsigned(type) ? (__int128)v.u : (__int128)v.i;
    }
    sum->min = sum->n == 0 || less(type, &v, &sum->min) ? v : sum->min;
    sum->max = sum->n == 0 || less(type, &sum->max, &v) ? v : sum->max;
    sum->n++;
}

static enum edge_status sum_rows(const struct summing *job, uint32_t segment, enum segment_sql sql,
                                 const struct dict_entry *series)
{
    sqlite3_stmt *stmt = NULL;
    EDGE_TRY(reader_statement(job->ctx, job->store, job->reader, segment, sql, &stmt));
    if (!stmt) {
        return EDGE_OK;
    }
    if (series) {
        sqlite3_bind_int64(stmt, 1, series->id);
        sqlite3_bind_int64(stmt, 2, job->plan->start);
        sqlite3_bind_int64(stmt, 3, job->plan->end);
    }
    bool row = true;
    for (unsigned i = 1; row; i++) {
        EDGE_TRY(reader_step(job->ctx, job->store, job->reader, segment, stmt, &row));
        if (row) {
            sum_row(job, stmt);
        }
        if (i % LOOK_EVERY == 0 && job->deadline_ms && edge_now_mono_ms() > job->deadline_ms) {
            return edge_fail(job->ctx, EDGE_UNAVAILABLE, "request timeout");
        }
    }
    return EDGE_OK;
}

static enum edge_status sum_part(const struct summing *job, const struct row_part *p)
{
    const struct row_match *m = &job->plan->match;
    if (p->hot || m->all || p->matches * SCAN_RATIO > p->rows) {
        return sum_rows(job, p->segment, SQL_ALL_READINGS, NULL);
    }
    for (size_t i = 0; i < m->n; i++) {
        EDGE_TRY(sum_rows(job, p->segment, SQL_SERIES_READINGS, m->entries[i]));
    }
    return EDGE_OK;
}

static int by_group(const void *a, const void *b)
{
    const struct dict_entry *x = ((const struct sum *)a)->series;
    const struct dict_entry *y = ((const struct sum *)b)->series;
    int order = strcmp(x->device, y->device);
    order = order ? order : strcmp(x->name, y->name);
    order = order ? order : strcmp(x->profile, y->profile);
    return order ? order : (x->type > y->type) - (x->type < y->type);
}

static void merge(struct sum *into, const struct sum *from)
{
    unsigned type = into->series->type;
    if (from->n > 0) {
        into->min = into->n == 0 || less(type, &from->min, &into->min) ? from->min : into->min;
        into->max = into->n == 0 || less(type, &into->max, &from->max) ? from->max : into->max;
    }
    into->n += from->n;
    into->whole += from->whole;
    into->real += from->real;
    into->scaled += from->scaled;
}

/* Series that differ in units only are one group. */
static size_t sums_group(struct sum *sums, size_t n_ids)
{
    size_t n = 0;
    for (size_t i = 0; i < n_ids; i++) {
        if (sums[i].any) {
            sums[n++] = sums[i];
        }
    }
    if (n == 0) {
        return 0;
    }
    qsort(sums, n, sizeof(*sums), by_group);
    size_t last = 0;
    for (size_t i = 1; i < n; i++) {
        if (by_group(&sums[last], &sums[i]) == 0) {
            merge(&sums[last], &sums[i]);
        } else {
            sums[++last] = sums[i];
        }
    }
    return last + 1;
}

static const char *whole_text(struct edge_arena *a, __int128 v)
{
    char digits[48];
    size_t at = sizeof(digits) - 1;
    digits[at] = '\0';
    unsigned __int128 rest = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    do {
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest > 0);
    if (v < 0) {
        digits[--at] = '-';
    }
    return edge_strdup(a, digits + at);
}

static const char *real_text(struct edge_arena *a, double v)
{
    if (!isfinite(v)) {
        return "\"\""; /* a sum that no double holds; clients expect a number or this */
    }
    char text[EDGE_REAL_TEXT_SIZE];
    edge_real_json(v, text);
    return edge_strdup(a, text);
}

/* What went beyond the range on the way may have come back into it. */
static double total(const struct sum *sum)
{
    return isfinite(sum->real) ? sum->real : sum->scaled / SCALE;
}

static double average(const struct sum *sum, bool real)
{
    double n = (double)sum->n;
    if (!real) {
        return (double)sum->whole / n;
    }
    return isfinite(sum->real) ? sum->real / n : sum->scaled / n / SCALE;
}

static unsigned widest(unsigned type)
{
    if (value_type_is_float(type)) {
        return VT_FLOAT64;
    }
    return value_type_is_unsigned(type) ? VT_UINT64 : VT_INT64;
}

/* Exact where a number of the kind holds it; clients read the value as what its type says. */
static void sum_value(struct edge_arena *a, const struct sum *sum, struct event_group *ret)
{
    unsigned type = sum->series->type;
    __int128 least = value_type_is_unsigned(type) ? 0 : INT64_MIN;
    __int128 most = value_type_is_unsigned(type) ? (__int128)UINT64_MAX : INT64_MAX;
    if (value_type_is_float(type)) {
        ret->value = real_text(a, total(sum));
    } else if (sum->whole < least || sum->whole > most) {
        ret->value_type = VT_FLOAT64;
        ret->value = real_text(a, (double)sum->whole);
    } else {
        ret->value = whole_text(a, sum->whole);
    }
}

static void group_value(struct edge_arena *a, const struct sum *sum, enum event_aggregate how,
                        struct event_group *ret)
{
    unsigned type = sum->series->type;
    bool real = value_type_is_float(type), large = value_type_is_unsigned(type);
    const struct value_number *edge = how == AGGREGATE_MIN ? &sum->min : &sum->max;
    ret->value_type = widest(type);
    switch (how) {
    case AGGREGATE_COUNT:
        ret->value_type = VT_UINT64;
        ret->value = whole_text(a, sum->n);
        return;
    case AGGREGATE_AVG:
        ret->value_type = VT_FLOAT64;
        ret->value = real_text(a, average(sum, real));
        break;
    case AGGREGATE_SUM:
        sum_value(a, sum, ret);
        break;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        ret->value = real ? real_text(a, value_number_real(type, edge))
                          : whole_text(a, large ? (__int128)edge->u : (__int128)edge->i);
        break;
    }
    if (sum->n == 0) {
        ret->value_type = type;
        ret->value = "\"\"";
    }
}

static enum edge_status sum_all(struct summing *job)
{
    size_t n_ids = job->plan->match.n_bits;
    job->sums = edge_new_n(&job->ctx->arena, struct sum, n_ids);
    for (size_t i = 0; i < job->plan->match.n; i++) {
        const struct dict_entry *e = job->plan->match.entries[i];
        job->sums[e->id].series = e;
    }
    for (size_t i = 0; i < job->plan->n_parts; i++) {
        EDGE_TRY(sum_part(job, &job->plan->parts[i]));
    }
    return EDGE_OK;
}

static void plan_and_reader_done(struct summing *job)
{
    row_plan_done((struct row_plan *)job->plan);
    if (job->reader) {
        reader_release(job->store, job->reader);
    }
}

enum edge_status rows_aggregate(struct edge_ctx *ctx, void *db, const struct event_filter *filter,
                                enum event_aggregate how, int64_t deadline_ms,
                                struct event_group **ret, size_t *ret_n)
{
    struct event_db *s = db;
    struct row_plan plan = {0};
    row_plan_make(ctx, s, ROW_READING, filter, &plan);
    row_match_list(ctx, s, ROW_READING, &plan.match);
    EDGE_CLEANUP(plan_and_reader_done)
    struct summing job = {.ctx = ctx, .store = s, .plan = &plan, .deadline_ms = deadline_ms};
    EDGE_TRY(reader_acquire(ctx, s, &job.reader));
    EDGE_TRY(sum_all(&job));
    size_t n = sums_group(job.sums, plan.match.n_bits);
    struct event_group *groups = edge_new_n(&ctx->arena, struct event_group, n);
    for (size_t i = 0; i < n; i++) {
        const struct dict_entry *e = job.sums[i].series;
        groups[i] =
            (struct event_group){.device = e->device, .resource = e->name, .profile = e->profile};
        group_value(&ctx->arena, &job.sums[i], how, &groups[i]);
    }
    *ret = groups;
    *ret_n = n;
    return EDGE_OK;
}
