/*
 * Tumbling windows that are added up: of each group its first row and its sums are kept, however many rows come. What such
 * a window holds grows with its groups alone; where there is no room for another group, its rows are dropped and counted.
 */
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"

enum sum_kind {
    SUM_NO,
    SUM_COUNT,
    SUM_SUM,
    SUM_AVG,
    SUM_MAX,
    SUM_MIN,
    SUM_LAST,
    SUM_FIRST,
    SUM_STDDEV,
    SUM_STDDEVS,
    SUM_VAR,
    SUM_VARS
};

static const char *const SUM_NAMES[] = {"",       "count",   "sum",        "avg",
                                        "max",    "min",     "last_value", "first_value",
                                        "stddev", "stddevs", "var",        "vars"};

struct pane_sum {
    struct rules_sum sum;
    struct rules_spread_sum spread;
    int64_t count;
    struct rules_owned best; /* of max, min, last, first */
};
struct pane_group {
    uint64_t hash;
    struct rules_owned keys; /* an array */
    struct rules_kept *first;
    struct pane_sum sums[];
};
struct rules_pane {
    int64_t end;
    struct pane_group **groups; /* as they came */
    size_t n, cap;
    uint32_t *table; /* hash -> group + 1, open addressing */
    size_t mask;
};

unsigned rules_sum_kind(const struct rules_function *fn)
{
    for (unsigned i = SUM_COUNT; i <= SUM_VARS; i++) {
        if (strcmp(SUM_NAMES[i], fn->name) == 0) {
            return i;
        }
    }
    return SUM_NO;
}

/* ---- groups ------------------------------------------------------------------------------- */

static size_t group_size(const struct rules_program *p)
{
    return sizeof(struct pane_group) + p->n_aggregates * sizeof(struct pane_sum);
}

static void group_free(const struct rules_program *p, struct pane_group *g)
{
    for (uint8_t i = 0; i < p->n_aggregates; i++) {
        rules_owned_done(&g->sums[i].best);
    }
    rules_owned_done(&g->keys);
    free(g->first);
    free(g);
}

static void pane_free(const struct rules_program *p, struct rules_pane *pane)
{
    for (size_t i = 0; i < pane->n; i++) {
        group_free(p, pane->groups[i]);
    }
    free(pane->groups);
    free(pane->table);
    free(pane);
}

static struct rules_pane *pane_at(struct rules_windowing *w, int64_t end, bool make)
{
    size_t i = w->n_panes;
    while (i > 0 && w->panes[i - 1]->end > end) {
        i--;
    }
    if (i > 0 && w->panes[i - 1]->end == end) {
        return w->panes[i - 1];
    }
    if (!make) {
        return NULL;
    }
    edge_make_room(NULL, w->panes, w->n_panes, w->cap_panes);
    memmove(&w->panes[i + 1], &w->panes[i], (w->n_panes - i) * sizeof(*w->panes));
    w->n_panes++;
    w->panes[i] = edge_xalloc(1, sizeof(*w->panes[i]));
    w->panes[i]->end = end;
    return w->panes[i];
}

static void table_put(struct rules_pane *pane, uint64_t hash, size_t group)
{
    size_t at = hash & pane->mask;
    while (pane->table[at]) {
        at = (at + 1) & pane->mask;
    }
    pane->table[at] = (uint32_t)(group + 1);
}

static void pane_put(struct rules_pane *pane, struct pane_group *g)
{
    edge_make_room(NULL, pane->groups, pane->n, pane->cap);
    pane->groups[pane->n++] = g;
    if (pane->table && pane->n * 2 <= pane->mask) {
        table_put(pane, g->hash, pane->n - 1);
        return;
    }
    size_t size = pane->table ? (pane->mask + 1) * 2 : 8;
    free(pane->table);
    pane->table = edge_xalloc(size, sizeof(*pane->table));
    pane->mask = size - 1;
    for (size_t i = 0; i < pane->n; i++) {
        table_put(pane, pane->groups[i]->hash, i);
    }
}

static struct pane_group *pane_find(const struct rules_pane *pane, const struct rules_value *keys,
                                    uint64_t hash)
{
    for (size_t at = hash & pane->mask; pane->table && pane->table[at];
         at = (at + 1) & pane->mask) {
        struct pane_group *g = pane->groups[pane->table[at] - 1];
        if (g->hash == hash && rules_equal(&g->keys.value, keys)) {
            return g;
        }
    }
    return NULL;
}

static bool keys_of(struct rules_program *p, struct rules_env *env, struct rules_value *ret)
{
    struct rules_value *items = rules_new_items(&env->call, p->n_keys);
    for (uint8_t i = 0; items && i < p->n_keys; i++) {
        if (!rules_eval(env, p->keys[i], &items[i])) {
            return false;
        }
    }
    *ret = rules_array(items, p->n_keys);
    return items != NULL;
}

/* ---- sums --------------------------------------------------------------------------------- */

static bool keep_best(struct rules_call *c, struct pane_sum *s, const struct rules_value *v,
                      int sign)
{
    bool better;
    if (!rules_is_better(c, v, &s->best.value, sign, &better)) {
        return false;
    }
    if (better) {
        rules_owned_set(&s->best, v);
    }
    return true;
}

static bool sum_add(struct rules_call *c, unsigned kind, struct pane_sum *s,
                    const struct rules_value *v)
{
    bool something = !rules_is_nothing(v);
    switch (kind) {
    case SUM_COUNT:
        s->count += something;
        return true;
    case SUM_SUM:
    case SUM_AVG:
        return rules_sum_add(c, &s->sum, v);
    case SUM_MAX:
        return keep_best(c, s, v, 1);
    case SUM_MIN:
        return keep_best(c, s, v, -1);
    case SUM_LAST:
    case SUM_FIRST:
        if (something && (kind == SUM_LAST || rules_is_nothing(&s->best.value))) {
            rules_owned_set(&s->best, v);
        }
        return true;
    default:
        return rules_spread_add(c, &s->spread, v);
    }
}

static bool sum_result(struct rules_call *c, unsigned kind, const struct pane_sum *s,
                       struct rules_value *ret)
{
    switch (kind) {
    case SUM_COUNT:
        *ret = rules_int(s->count);
        return true;
    case SUM_SUM:
        return rules_sum_total(c, &s->sum, ret);
    case SUM_AVG:
        return rules_sum_average(c, &s->sum, ret);
    case SUM_MAX:
    case SUM_MIN:
    case SUM_LAST:
    case SUM_FIRST:
        *ret = s->best.value;
        return true;
    default:
        rules_spread_result(&s->spread, kind == SUM_STDDEVS || kind == SUM_VARS,
                            kind == SUM_STDDEV || kind == SUM_STDDEVS, ret);
        return true;
    }
}

/* What each aggregate is to add of this row; missing: FILTER does not let it pass. */
static struct rules_value *values_of(struct rules_program *p, struct rules_env *env)
{
    struct rules_value *values =
        rules_alloc(env->call.memory, p->n_aggregates + 1U, sizeof(*values));
    for (uint8_t i = 0; values && i < p->n_aggregates; i++) {
        const struct rules_aggregate *a = &p->aggregates[i];
        bool counts;
        if (!rules_holds(env, a->filter, &counts)) {
            return NULL;
        }
        if (counts && a->code == 0) {
            values[i] = rules_bool(true);
        } else if (counts && !rules_eval(env, a->code, &values[i])) {
            return NULL;
        }
    }
    return values;
}

static struct pane_group *group_new(struct rules_program *p, struct rules_env *env,
                                    const struct rules_row *row,
                                    const struct rules_value *analytics, int64_t ts_ms,
                                    const struct rules_value *keys, uint64_t hash)
{
    struct rules_kept *first = rules_keep(p, env, row, 0, analytics, ts_ms);
    if (!first) {
        return NULL;
    }
    struct pane_group *g = edge_xalloc(1, group_size(p));
    g->hash = hash;
    g->first = first;
    rules_owned_set(&g->keys, keys);
    return g;
}

static size_t group_bytes(const struct rules_program *p, const struct pane_group *g)
{
    return group_size(p) + g->keys.size + g->first->size;
}

bool rules_panes_add(struct rules_program *p, struct rules_env *env, const struct rules_row *row,
                     const struct rules_value *analytics, int64_t ts_ms, int64_t end)
{
    struct rules_windowing *w = p->window;
    struct rules_value keys;
    struct rules_value *values = values_of(p, env);
    if (!values || !keys_of(p, env, &keys)) {
        return false;
    }
    uint64_t hash = rules_hash(13, &keys);
    struct rules_pane *pane = pane_at(w, end, true);
    struct pane_group *g = pane_find(pane, &keys, hash);
    if (!g) {
        if (w->n >= p->limits.window_rows || w->bytes >= p->limits.window_bytes) {
            p->stats.dropped++;
            return true;
        }
        g = group_new(p, env, row, analytics, ts_ms, &keys, hash);
        if (!g) {
            return rules_error(&env->call, "the row is too large for a window");
        }
        pane_put(pane, g);
        w->n++;
        w->bytes += group_bytes(p, g);
    }
    g->first->hops =
        row->hops > g->first->hops ? (uint8_t)(row->hops < 255 ? row->hops : 255) : g->first->hops;
    for (uint8_t i = 0; i < p->n_aggregates; i++) {
        if (values[i].kind != RULES_MISSING &&
            !sum_add(&env->call, p->aggregates[i].sum, &g->sums[i], &values[i])) {
            return false;
        }
    }
    return true;
}

static struct rules_value *group_results(struct rules_program *p, struct rules_env *env,
                                         const struct pane_group *g)
{
    struct rules_value *values =
        rules_alloc(env->call.memory, p->n_aggregates + 1U, sizeof(*values));
    if (!values) {
        rules_error(&env->call, "too much memory for one window");
    }
    for (uint8_t i = 0; values && i < p->n_aggregates; i++) {
        if (!sum_result(&env->call, p->aggregates[i].sum, &g->sums[i], &values[i])) {
            return NULL;
        }
    }
    return values;
}

bool rules_panes_ready(struct rules_program *p, struct rules_env *env, int64_t end,
                       struct rules_batch *b)
{
    const struct rules_pane *pane = pane_at(p->window, end, false);
    if (!pane) {
        return true;
    }
    struct rules_ready *ready = rules_alloc(env->call.memory, pane->n, sizeof(*ready));
    if (!ready) {
        return rules_error(&env->call, "too much memory for one window");
    }
    for (size_t i = 0; i < pane->n; i++) {
        const struct pane_group *g = pane->groups[i];
        struct rules_value *values = group_results(p, env, g);
        if (!values) { /* a sum out of range: of this group alone */
            rules_tell_error(p, env, NULL);
            b->failed = true;
            continue;
        }
        ready[b->n_ready++] =
            (struct rules_ready){.first = {.kept = g->first}, .aggregates = values};
        b->hops = g->first->hops > b->hops ? g->first->hops : b->hops;
    }
    b->ready = ready;
    return true;
}

int64_t rules_panes_first(const struct rules_windowing *w)
{
    return w->panes[0]->end;
}

/* ---- the end ------------------------------------------------------------------------------ */

void rules_panes_remove(struct rules_program *p, int64_t end)
{
    struct rules_windowing *w = p->window;
    size_t n = 0;
    while (n < w->n_panes && w->panes[n]->end <= end) {
        for (size_t i = 0; i < w->panes[n]->n; i++) {
            w->n--;
            w->bytes -= group_bytes(p, w->panes[n]->groups[i]);
        }
        pane_free(p, w->panes[n++]);
    }
    if (n > 0) {
        memmove(w->panes, w->panes + n, (w->n_panes - n) * sizeof(*w->panes));
        w->n_panes -= n;
    }
}

/* ---- checkpoints -------------------------------------------------------------------------- */

struct sum_bytes {
    __int128 whole;
    double real, correction, mean, m2;
    int64_t sum_n, spread_n, count, reals;
};

static void sum_write(const struct pane_sum *s, struct edge_buf *out)
{
    struct sum_bytes bytes = {.whole = s->sum.whole,
                              .real = s->sum.real,
                              .correction = s->sum.correction,
                              .mean = s->spread.mean,
                              .m2 = s->spread.m2,
                              .sum_n = s->sum.n,
                              .spread_n = s->spread.n,
                              .count = s->count,
                              .reals = s->sum.reals};
    edge_buf_put(out, &bytes, sizeof(bytes));
    rules_value_write(out, &s->best.value);
}

static bool sum_read(struct edge_arena *a, const char **at, const char *end, struct pane_sum *s)
{
    struct sum_bytes bytes;
    struct rules_value best;
    if ((size_t)(end - *at) < sizeof(bytes)) {
        return false;
    }
    memcpy(&bytes, *at, sizeof(bytes));
    *at += sizeof(bytes);
    s->sum = (struct rules_sum){.whole = bytes.whole,
                                .real = bytes.real,
                                .correction = bytes.correction,
                                .n = bytes.sum_n,
                                .reals = bytes.reals != 0};
    s->spread = (struct rules_spread_sum){bytes.mean, bytes.m2, bytes.spread_n};
    s->count = bytes.count;
    if (!rules_value_read(a, at, end, &best)) {
        return false;
    }
    rules_owned_set(&s->best, &best);
    return true;
}

void rules_panes_save(const struct rules_program *p, struct edge_buf *out)
{
    const struct rules_windowing *w = p->window;
    edge_buf_put(out, &w->n_panes, sizeof(w->n_panes));
    for (size_t i = 0; i < w->n_panes; i++) {
        const struct rules_pane *pane = w->panes[i];
        edge_buf_put(out, &pane->end, sizeof(pane->end));
        edge_buf_put(out, &pane->n, sizeof(pane->n));
        for (size_t k = 0; k < pane->n; k++) {
            rules_value_write(out, &pane->groups[k]->keys.value);
            rules_kept_write(p, pane->groups[k]->first, out);
            for (uint8_t s = 0; s < p->n_aggregates; s++) {
                sum_write(&pane->groups[k]->sums[s], out);
            }
        }
    }
}

static bool group_read(struct rules_program *p, struct rules_pane *pane, struct edge_arena *a,
                       const char **at, const char *end)
{
    struct rules_value keys;
    struct rules_kept *first;
    if (!rules_value_read(a, at, end, &keys) || !rules_kept_read(p, a, at, end, &first)) {
        return false;
    }
    struct pane_group *g = edge_xalloc(1, group_size(p));
    g->first = first;
    g->hash = rules_hash(13, &keys);
    rules_owned_set(&g->keys, &keys);
    pane_put(pane, g);
    p->window->n++;
    p->window->bytes += group_bytes(p, g);
    for (uint8_t s = 0; s < p->n_aggregates; s++) {
        if (!sum_read(a, at, end, &g->sums[s])) {
            return false;
        }
    }
    return true;
}

static bool count_read(const char **at, const char *end, uint64_t *ret)
{
    if ((size_t)(end - *at) < sizeof(*ret)) {
        return false;
    }
    memcpy(ret, *at, sizeof(*ret));
    *at += sizeof(*ret);
    return true;
}

bool rules_panes_load(struct rules_program *p, struct edge_arena *a, const char **at,
                      const char *end)
{
    uint64_t n_panes, n, pane_end;
    if (!count_read(at, end, &n_panes)) {
        return false;
    }
    for (uint64_t i = 0; i < n_panes; i++) {
        if (!count_read(at, end, &pane_end) || !count_read(at, end, &n)) {
            return false;
        }
        struct rules_pane *pane = pane_at(p->window, (int64_t)pane_end, true);
        for (uint64_t k = 0; k < n; k++) {
            if (p->window->n >= p->limits.window_rows || !group_read(p, pane, a, at, end)) {
                return false;
            }
        }
    }
    return true;
}
