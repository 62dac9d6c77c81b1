/*
 * Metrics: counters, gauges and histograms of atomics in an append-only list, shown as Prometheus
 * text and as the numeric fields of the official telemetry.
 *
 * A histogram is log-linear: eight buckets to each power of two, exact below 16. The middle of a
 * bucket is at most 1/16 away from any value in it.
 */
#include "edge/metrics.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "edge/arena.h"
#include "edge/buf.h"
#include "edge/thread.h"

enum { SUB_BITS = 3, SUBS = 1 << SUB_BITS, BUCKETS = (64 - SUB_BITS + 1) * SUBS };

struct edge_counter {
    _Atomic uint64_t value;
};

struct edge_gauge {
    _Atomic int64_t value;
    atomic_bool retired;
};

struct edge_histogram {
    _Atomic uint64_t count, sum, min, max;
    _Atomic uint64_t buckets[BUCKETS];
};

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct metric {
    _Atomic(struct metric *) next;
    enum kind kind;
    char *name, *help;
    char *tag, *tag_value; /* NULL: none */
    union {
        struct edge_counter counter;
        struct edge_gauge gauge;
        struct edge_histogram *histogram;
    };
};

struct edge_metrics {
    char *service;
    struct edge_mutex lock; /* of who appends; readers walk without */
    _Atomic(struct metric *) first;
};

/* ---- the registry -------------------------------------------------------------------------- */

struct edge_metrics *edge_metrics_create(const char *service)
{
    struct edge_metrics *m = edge_xalloc(1, sizeof(*m));
    m->service = edge_xstrdup(service);
    edge_mutex_init(&m->lock);
    return m;
}

static struct metric *first_metric(const struct edge_metrics *m)
{
    return atomic_load_explicit(&m->first, memory_order_acquire);
}

static struct metric *next_metric(const struct metric *x)
{
    return atomic_load_explicit(&x->next, memory_order_acquire);
}

void edge_metrics_free(struct edge_metrics *m)
{
    if (!m) {
        return;
    }
    struct metric *next;
    for (struct metric *x = first_metric(m); x; x = next) {
        next = next_metric(x);
        if (x->kind == HISTOGRAM) {
            free(x->histogram);
        }
        free(x->name);
        free(x->help);
        free(x->tag);
        free(x->tag_value);
        free(x);
    }
    edge_mutex_done(&m->lock);
    free(m->service);
    free(m);
}

static bool is_shown(const struct metric *x)
{
    return x->kind != GAUGE || !atomic_load_explicit(&x->gauge.retired, memory_order_relaxed);
}

static struct metric *find(const struct edge_metrics *m, enum kind kind, const char *name)
{
    for (struct metric *x = first_metric(m); x; x = next_metric(x)) {
        if (strcmp(x->name, name) == 0) {
            assert(x->kind == kind);
            return x;
        }
    }
    return NULL;
}

static struct metric *metric_create(enum kind kind, const char *name, const char *help,
                                    const char *tag, const char *value)
{
    struct metric *x = edge_xalloc(1, sizeof(*x));
    x->kind = kind;
    x->name = edge_xstrdup(name);
    x->help = edge_xstrdup(help);
    x->tag = tag ? edge_xstrdup(tag) : NULL;
    x->tag_value = tag ? edge_xstrdup(value) : NULL;
    if (kind == HISTOGRAM) {
        x->histogram = edge_xalloc(1, sizeof(*x->histogram));
        atomic_init(&x->histogram->min, UINT64_MAX);
    }
    return x;
}

static struct metric *find_or_add(struct edge_metrics *m, enum kind kind, const char *name,
                                  const char *help, const char *tag, const char *value)
{
    struct metric *x = find(m, kind, name);
    if (x) {
        return x;
    }
    EDGE_LOCK(&m->lock);
    x = find(m, kind, name); /* another thread may have been faster */
    if (x) {
        return x;
    }
    x = metric_create(kind, name, help, tag, value);
    _Atomic(struct metric *) *end = &m->first;
    for (struct metric *at = first_metric(m); at; at = next_metric(at)) {
        end = &at->next;
    }
    atomic_store_explicit(end, x, memory_order_release);
    return x;
}

struct edge_counter *edge_counter(struct edge_metrics *m, const char *name, const char *help)
{
    return &find_or_add(m, COUNTER, name, help, NULL, NULL)->counter;
}

struct edge_gauge *edge_gauge(struct edge_metrics *m, const char *name, const char *help)
{
    return edge_gauge_tagged(m, name, help, NULL, NULL);
}

struct edge_gauge *edge_gauge_tagged(struct edge_metrics *m, const char *name, const char *help,
                                     const char *tag, const char *value)
{
    struct edge_gauge *g = &find_or_add(m, GAUGE, name, help, tag, value)->gauge;
    atomic_store_explicit(&g->retired, false, memory_order_relaxed);
    return g;
}

void edge_gauge_retire(struct edge_gauge *g)
{
    atomic_store_explicit(&g->value, 0, memory_order_relaxed);
    atomic_store_explicit(&g->retired, true, memory_order_relaxed);
}

struct edge_histogram *edge_histogram(struct edge_metrics *m, const char *name, const char *help)
{
    return find_or_add(m, HISTOGRAM, name, help, NULL, NULL)->histogram;
}

/* ---- values -------------------------------------------------------------------------------- */

void edge_counter_add(struct edge_counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(&c->value, n, memory_order_relaxed);
}

uint64_t edge_counter_get(const struct edge_counter *c)
{
    return atomic_load_explicit(&c->value, memory_order_relaxed);
}

void edge_gauge_set(struct edge_gauge *g, int64_t v)
{
    atomic_store_explicit(&g->value, v, memory_order_relaxed);
}

void edge_gauge_add(struct edge_gauge *g, int64_t n)
{
    atomic_fetch_add_explicit(&g->value, n, memory_order_relaxed);
}

int64_t edge_gauge_get(const struct edge_gauge *g)
{
    return atomic_load_explicit(&g->value, memory_order_relaxed);
}

static unsigned bucket_of(uint64_t v)
{
    if (v < SUBS) {
        return (unsigned)v;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(v) - SUB_BITS;
    return shift * SUBS + (unsigned)(v >> shift);
}

/* Its lowest value, and in *ret_last its highest. */
static uint64_t bucket_first(unsigned bucket, uint64_t *ret_last)
{
    unsigned shift = bucket < SUBS ? 0 : bucket / SUBS - 1;
    uint64_t first = (uint64_t)(bucket - shift * SUBS) << shift;
    *ret_last = first + ((UINT64_C(1) << shift) - 1);
    return first;
}

void edge_histogram_add(struct edge_histogram *h, uint64_t v)
{
    atomic_fetch_add_explicit(&h->buckets[bucket_of(v)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum, v, memory_order_relaxed);
    uint64_t min = atomic_load_explicit(&h->min, memory_order_relaxed);
    while (v < min && !atomic_compare_exchange_weak(&h->min, &min, v)) {
    }
    uint64_t max = atomic_load_explicit(&h->max, memory_order_relaxed);
    while (v > max && !atomic_compare_exchange_weak(&h->max, &max, v)) {
    }
    atomic_fetch_add_explicit(&h->count, 1, memory_order_release);
}

uint64_t edge_histogram_count(const struct edge_histogram *h)
{
    return atomic_load_explicit(&h->count, memory_order_acquire);
}

/* The middle of a bucket, no further out than what was really seen. */
static uint64_t bucket_value(const struct edge_histogram *h, unsigned bucket)
{
    uint64_t min = atomic_load_explicit(&h->min, memory_order_relaxed);
    uint64_t max = atomic_load_explicit(&h->max, memory_order_relaxed);
    uint64_t last;
    uint64_t first = bucket_first(bucket, &last);
    uint64_t middle = first + (last - first) / 2;
    return middle < min ? min : middle > max ? max : middle;
}

uint64_t edge_histogram_quantile(const struct edge_histogram *h, double q)
{
    uint64_t count = edge_histogram_count(h);
    if (count == 0) {
        return 0;
    }
    uint64_t rank = (uint64_t)ceil(q * (double)count);
    rank = rank < 1 ? 1 : rank > count ? count : rank;
    uint64_t seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        if (seen >= rank) {
            return bucket_value(h, i);
        }
    }
    return atomic_load_explicit(&h->max, memory_order_relaxed);
}

static double mean_of(const struct edge_histogram *h)
{
    uint64_t count = edge_histogram_count(h);
    uint64_t sum = atomic_load_explicit(&h->sum, memory_order_relaxed);
    return count > 0 ? (double)sum / (double)count : 0;
}

static double variance_of(const struct edge_histogram *h)
{
    double mean = mean_of(h), squares = 0, count = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        double n = (double)atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        if (n > 0) {
            double off = (double)bucket_value(h, i) - mean;
            squares += n * off * off;
            count += n;
        }
    }
    return count > 0 ? squares / count : 0;
}

/* ---- the official telemetry ---------------------------------------------------------------- */

static void visit_histogram(const struct metric *x, edge_metric_visitor *visit, void *arg)
{
    const struct edge_histogram *h = x->histogram;
    uint64_t count = edge_histogram_count(h);
    double variance = variance_of(h);
    struct edge_metric_field fields[] = {
        {"histogram-count",    (double)count                           },
        {"histogram-min",      count ? (double)atomic_load(&h->min) : 0},
        {"histogram-max",      (double)atomic_load(&h->max)            },
        {"histogram-mean",     mean_of(h)                              },
        {"histogram-stddev",   sqrt(variance)                          },
        {"histogram-variance", variance                                },
    };
    visit(arg, &(struct edge_metric_shown){.name = x->name,
                                           .fields = fields,
                                           .n_fields = sizeof(fields) / sizeof(fields[0])});
}

void edge_metrics_each(const struct edge_metrics *m, edge_metric_visitor *visit, void *arg)
{
    for (const struct metric *x = first_metric(m); x; x = next_metric(x)) {
        if (x->kind == HISTOGRAM) {
            visit_histogram(x, visit, arg);
        }
        if (x->kind == HISTOGRAM || !is_shown(x)) {
            continue;
        }
        struct edge_metric_field field = {"counter-count", (double)edge_counter_get(&x->counter)};
        if (x->kind == GAUGE) {
            field = (struct edge_metric_field){"gauge-value", (double)edge_gauge_get(&x->gauge)};
        }
        visit(arg, &(struct edge_metric_shown){x->name, x->tag, x->tag_value, &field, 1});
    }
}

/* ---- Prometheus ---------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s), end_len = strlen(end);
    return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

/* Durations are kept in ns and shown in seconds, as Prometheus wants. */
static bool is_duration(const struct metric *x)
{
    return x->kind == HISTOGRAM && ends_with(x->name, "Duration");
}

/* edgex_<EventsPersisted in snake case><suffix of kind and unit> */
static void put_name(struct edge_buf *out, const struct metric *x)
{
    edge_buf_puts(out, "edgex_");
    for (const char *s = x->name; *s; s++) {
        bool upper = isupper((unsigned char)*s);
        bool after_word =
            s > x->name && (islower((unsigned char)s[-1]) || isdigit((unsigned char)s[-1]));
        bool before_word =
            s > x->name && isupper((unsigned char)s[-1]) && islower((unsigned char)s[1]);
        if (upper && (after_word || before_word)) {
            edge_buf_putc(out, '_');
        }
        bool plain = isalnum((unsigned char)*s) && (unsigned char)*s < 0x80;
        edge_buf_putc(out, plain ? (char)tolower((unsigned char)*s) : '_');
    }
    edge_buf_puts(out, x->kind == COUNTER ? "_total" : is_duration(x) ? "_seconds" : "");
}

static void put_escaped(struct edge_buf *out, const char *s, bool quotes)
{
    for (; *s; s++) {
        if (*s == '\n') {
            edge_buf_puts(out, "\\n");
        } else if (*s == '\\' || (*s == '"' && quotes)) {
            edge_buf_putc(out, '\\');
            edge_buf_putc(out, *s);
        } else {
            edge_buf_putc(out, *s);
        }
    }
}

static void put_head(struct edge_buf *out, const struct metric *x)
{
    static const char *const types[] = {
        [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
    edge_buf_puts(out, "# HELP ");
    put_name(out, x);
    edge_buf_putc(out, ' ');
    put_escaped(out, x->help, false);
    edge_buf_puts(out, "\n# TYPE ");
    put_name(out, x);
    edge_buf_printf(out, " %s\n", types[x->kind]);
}

/* name<suffix>{service="...",le="..."} and a blank; le NULL: without. */
static void put_series(struct edge_buf *out, const struct edge_metrics *m, const struct metric *x,
                       const char *suffix, const char *le)
{
    put_name(out, x);
    edge_buf_printf(out, "%s{service=\"", suffix);
    put_escaped(out, m->service, true);
    edge_buf_puts(out, "\"");
    if (le) {
        edge_buf_printf(out, ",le=\"%s\"", le);
    }
    edge_buf_puts(out, "} ");
}

/* Bounds at every second power of two, less one, so that each is the end of a bucket of ours. */
static void put_histogram(struct edge_buf *out, const struct edge_metrics *m,
                          const struct metric *x)
{
    const struct edge_histogram *h = x->histogram;
    const bool seconds = is_duration(x);
    const unsigned first_power = seconds ? 10 : 0; /* 1 us */
    const unsigned last_power = seconds ? 36 : 20; /* 69 s */
    uint64_t seen = 0;
    unsigned i = 0;
    for (unsigned power = first_power; power <= last_power; power += 2) {
        uint64_t bound = (UINT64_C(1) << power) - 1;
        for (; i <= bucket_of(bound); i++) {
            seen += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        }
        struct edge_buf le = EDGE_BUF_INIT;
        edge_buf_printf(&le, "%.10g", seconds ? (double)bound / 1e9 : (double)bound);
        put_series(out, m, x, "_bucket", edge_buf_str(&le));
        edge_buf_printf(out, "%" PRIu64 "\n", seen);
        edge_buf_done(&le);
    }
    for (; i < BUCKETS; i++) {
        seen += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
    }
    double sum = (double)atomic_load_explicit(&h->sum, memory_order_relaxed);
    put_series(out, m, x, "_bucket", "+Inf");
    edge_buf_printf(out, "%" PRIu64 "\n", seen);
    put_series(out, m, x, "_sum", NULL);
    edge_buf_printf(out, "%.17g\n", seconds ? sum / 1e9 : sum);
    put_series(out, m, x, "_count", NULL);
    edge_buf_printf(out, "%" PRIu64 "\n", seen);
}

void edge_metrics_prometheus(const struct edge_metrics *m, struct edge_buf *out)
{
    for (const struct metric *x = first_metric(m); x; x = next_metric(x)) {
        if (!is_shown(x)) {
            continue;
        }
        put_head(out, x);
        if (x->kind == HISTOGRAM) {
            put_histogram(out, m, x);
            continue;
        }
        put_series(out, m, x, "", NULL);
        if (x->kind == COUNTER) {
            edge_buf_printf(out, "%" PRIu64 "\n", edge_counter_get(&x->counter));
        } else {
            edge_buf_printf(out, "%" PRId64 "\n", edge_gauge_get(&x->gauge));
        }
    }
}
