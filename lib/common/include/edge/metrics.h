/**
 * Counters, gauges and log-linear histograms. A service owns one registry; values are atomics, so
 * any thread may change them. Shown as Prometheus text at GET /api/v3/metrics and, where
 * Writable.Telemetry names them, published to <base>/telemetry/<service>/<name> (contract 11.5).
 */
#ifndef EDGE_METRICS_H
#define EDGE_METRICS_H

#include <stdint.h>

struct edge_buf;

struct edge_metrics *edge_metrics_create(const char *service);
void edge_metrics_free(struct edge_metrics *m);

/* Each returns the metric of that name, made on first use; valid until the registry is freed.
 * Names are the official ones in CamelCase ("EventsPersisted"), help is one line. In Prometheus
 * they are edgex_events_persisted_total and so on; a histogram whose name ends in Duration is shown
 * in seconds. */
struct edge_counter *edge_counter(struct edge_metrics *m, const char *name, const char *help);
struct edge_gauge *edge_gauge(struct edge_metrics *m, const char *name, const char *help);
/** Of durations in ns, or of any non-negative integer; relative error of a quantile below 7 %. */
struct edge_histogram *edge_histogram(struct edge_metrics *m, const char *name, const char *help);

/** A gauge of one of many things of a kind (a device): telemetry shows the tag beside it. */
struct edge_gauge *edge_gauge_tagged(struct edge_metrics *m, const char *name, const char *help,
                                     const char *tag, const char *value);
/** Show it no more, until somebody asks for it again by its name. */
void edge_gauge_retire(struct edge_gauge *g);

void edge_counter_add(struct edge_counter *c, uint64_t n);
uint64_t edge_counter_get(const struct edge_counter *c);
void edge_gauge_set(struct edge_gauge *g, int64_t v);
void edge_gauge_add(struct edge_gauge *g, int64_t n);
int64_t edge_gauge_get(const struct edge_gauge *g);
void edge_histogram_add(struct edge_histogram *h, uint64_t v);
/** @p q in 0..1; 0 when empty. */
uint64_t edge_histogram_quantile(const struct edge_histogram *h, double q);
uint64_t edge_histogram_count(const struct edge_histogram *h);

/** Prometheus text exposition of everything registered, labelled service="<service>". */
void edge_metrics_prometheus(const struct edge_metrics *m, struct edge_buf *out);

/** What the official telemetry shows of one metric: a name and numeric fields. */
struct edge_metric_field {
    const char *name; /* "counter-count", "gauge-value", "histogram-mean", ... */
    double value;
};
struct edge_metric_shown {
    const char *name, *tag, *tag_value; /* tag NULL: none */
    const struct edge_metric_field *fields;
    unsigned n_fields;
};
typedef void edge_metric_visitor(void *arg, const struct edge_metric_shown *shown);
void edge_metrics_each(const struct edge_metrics *m, edge_metric_visitor *visit, void *arg);

#endif
