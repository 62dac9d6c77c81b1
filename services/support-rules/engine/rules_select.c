/* What a row or a window makes: filtered, grouped, aggregated, projected, ordered, told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"

/* ---- telling ------------------------------------------------------------------------------ */

void rules_tell(struct rules_program *p, struct rules_env *env, const struct rules_batch *b,
                const struct rules_value *rows, size_t n)
{
    p->stats.out++;
    p->stats.out_rows += n;
    if (p->emit) {
        struct rules_result result = {.rows = rows,
                                      .n = n,
                                      .now_ms = env->call.now_ms,
                                      .window_start = b->start,
                                      .window_end = b->end,
                                      .cause = b->cause,
                                      .hops = b->hops};
        p->emit(p->state, p, &result);
    }
}

void rules_tell_error(struct rules_program *p, struct rules_env *env, const struct rules_row *cause)
{
    p->stats.errors++;
    if (!p->error) {
        p->error = edge_xalloc(1, RULES_ERROR_SIZE);
    }
    memcpy(p->error, env->call.error, RULES_ERROR_SIZE);
    if (p->emit) {
        struct rules_result result = {.error = p->error,
                                      .now_ms = env->call.now_ms,
                                      .window_start = env->call.window_start,
                                      .window_end = env->call.window_end,
                                      .cause = cause,
                                      .hops = cause ? cause->hops : 0};
        p->emit(p->state, p, &result);
    }
}

/* ---- one row ------------------------------------------------------------------------------ */

struct out_list {
    struct rules_call *call;
    struct rules_member *at;
    size_t n, cap;
    bool check;
};

static bool out_room(struct out_list *o, size_t more)
{
    if (o->n + more <= o->cap) {
        return true;
    }
    size_t cap = (o->n + more) * 2;
    struct rules_member *at = rules_new_members(o->call, cap);
    if (!at) {
        return false;
    }
    if (o->n) {
        memcpy(at, o->at, o->n * sizeof(*at));
    }
    o->at = at;
    o->cap = cap;
    return true;
}

static bool out_put(struct out_list *o, const char *name, const struct rules_value *v)
{
    for (size_t i = 0; o->check && i < o->n; i++) {
        if (strcmp(o->at[i].name, name) == 0) {
            o->at[i].value = *v;
            return true;
        }
    }
    if (!out_room(o, 1)) {
        return false;
    }
    o->at[o->n++] = (struct rules_member){name, *v};
    return true;
}

static bool excepted(const struct rules_out *out, const char *name)
{
    for (uint16_t i = 0; i < out->n_except; i++) {
        if (strcmp(out->except[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* All members of an object: of a star, or of a function that gives columns. */
static bool out_members(struct out_list *o, const struct rules_out *out,
                        const struct rules_value *object)
{
    bool first = o->n == 0; /* their names are unique among themselves */
    for (uint32_t i = 0; object->kind == RULES_OBJECT && i < object->n; i++) {
        const struct rules_member *m = &object->members[i];
        if (excepted(out, m->name)) {
            continue;
        }
        if (!(first ? (out_room(o, 1) && (o->at[o->n++] = *m, true))
                    : out_put(o, m->name, &m->value))) {
            return false;
        }
    }
    return true;
}

static bool out_one(struct rules_env *env, struct out_list *o, const struct rules_out *out)
{
    struct rules_value v;
    switch (out->kind) {
    case OUT_COLUMN: {
        const struct rules_value *column = rules_slot_load(env, out->slot);
        return column->kind == RULES_MISSING || out_put(o, out->name, column);
    }
    case OUT_STAR:
        return rules_whole(env, out->source, &v) && out_members(o, out, &v);
    case OUT_COLUMNS:
        return rules_eval(env, out->code, &v) && out_members(o, out, &v);
    default: /* nothing that was computed is left out */
        return rules_eval(env, out->code, &v) &&
               (rules_is_nothing(&v) || out_put(o, out->name, &v));
    }
}

bool rules_project(struct rules_program *p, struct rules_env *env, struct rules_value *ret)
{
    struct out_list o = {.call = &env->call, .check = p->checks_names};
    if (!out_room(&o, p->n_outs)) {
        return false;
    }
    for (uint16_t i = 0; i < p->n_outs; i++) {
        if (!out_one(env, &o, &p->outs[i])) {
            return false;
        }
    }
    *ret = rules_object(o.at, o.n);
    return true;
}

/* ---- groups ------------------------------------------------------------------------------- */

struct group {
    const struct rules_value *keys;
    uint64_t hash;
    size_t *tuples;
    size_t n, cap;
};

struct work {
    struct rules_program *p;
    struct rules_env *env;
    const struct rules_batch *b;
    struct group *groups;
    size_t n_groups, cap_groups;
    uint32_t *table; /* hash -> group + 1 */
    size_t mask;
    struct rules_value *rows; /* what comes out */
    struct rules_value *orders;
    size_t n_rows, cap_rows;
    size_t errors;
};

static const struct rules_part *tuple(const struct work *w, size_t i)
{
    return w->b->tuples + i * w->p->n_sources;
}

static bool no_memory(struct rules_env *env)
{
    return rules_error(&env->call, "too much memory for one evaluation");
}

/* An array in the evaluation's memory with room for one more. */
static bool grow(struct rules_env *env, void **at, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return true;
    }
    size_t more = *cap ? *cap * 2 : 8;
    void *to = rules_alloc(env->call.memory, more, size);
    if (!to) {
        return no_memory(env);
    }
    if (n) {
        memcpy(to, *at, n * size);
    }
    *at = to;
    *cap = more;
    return true;
}

static bool group_keys(struct work *w, size_t i, struct rules_value **ret, uint64_t *ret_hash)
{
    const struct rules_program *p = w->p;
    struct rules_value *keys = rules_alloc(w->env->call.memory, p->n_keys + 1U, sizeof(*keys));
    uint64_t hash = 7;
    if (!keys) {
        return no_memory(w->env);
    }
    if (!rules_env_row(w->env, tuple(w, i))) {
        return false;
    }
    for (uint8_t k = 0; k < p->n_keys; k++) {
        if (!rules_eval(w->env, p->keys[k], &keys[k])) {
            return false;
        }
        hash = rules_hash(hash, &keys[k]);
    }
    *ret = keys;
    *ret_hash = hash;
    return true;
}

static bool same_keys(const struct rules_program *p, const struct group *g,
                      const struct rules_value *keys, uint64_t hash)
{
    bool same = g->hash == hash;
    for (uint8_t k = 0; same && k < p->n_keys; k++) {
        same = rules_equal(&g->keys[k], &keys[k]);
    }
    return same;
}

static bool table_grow(struct work *w)
{
    size_t size = w->table ? (w->mask + 1) * 2 : 64;
    w->table = rules_alloc(w->env->call.memory, size, sizeof(*w->table));
    if (!w->table) {
        return no_memory(w->env);
    }
    w->mask = size - 1;
    for (size_t g = 0; g < w->n_groups; g++) {
        size_t at = w->groups[g].hash & w->mask;
        while (w->table[at]) {
            at = (at + 1) & w->mask;
        }
        w->table[at] = (uint32_t)(g + 1);
    }
    return true;
}

static struct group *group_find(struct work *w, const struct rules_value *keys, uint64_t hash)
{
    if ((!w->table || w->n_groups * 2 > w->mask) && !table_grow(w)) {
        return NULL;
    }
    size_t at = hash & w->mask;
    for (; w->table[at]; at = (at + 1) & w->mask) {
        struct group *g = &w->groups[w->table[at] - 1];
        if (same_keys(w->p, g, keys, hash)) {
            return g;
        }
    }
    if (!grow(w->env, (void **)&w->groups, w->n_groups, &w->cap_groups, sizeof(*w->groups))) {
        return NULL;
    }
    w->groups[w->n_groups] = (struct group){.keys = keys, .hash = hash};
    w->table[at] = (uint32_t)(w->n_groups + 1);
    return &w->groups[w->n_groups++];
}

static bool group_add(struct work *w, size_t i)
{
    struct rules_value *keys = NULL;
    uint64_t hash = 0;
    if (!group_keys(w, i, &keys, &hash)) {
        return false;
    }
    struct group *g = group_find(w, keys, hash);
    if (!g || !grow(w->env, (void **)&g->tuples, g->n, &g->cap, sizeof(*g->tuples))) {
        return false;
    }
    g->tuples[g->n++] = i;
    return true;
}

/* ---- aggregates --------------------------------------------------------------------------- */

/* Whether the row counts, and its value. */
static bool aggregate_value(struct work *w, const struct rules_aggregate *a, size_t i,
                            struct rules_value *ret, bool *ret_counts)
{
    if (!rules_env_row(w->env, tuple(w, i)) || !rules_holds(w->env, a->filter, ret_counts)) {
        return false;
    }
    *ret = rules_bool(true);
    return !*ret_counts || a->code == 0 || rules_eval(w->env, a->code, ret);
}

static bool aggregate_more(struct work *w, const struct rules_aggregate *a, const struct group *g,
                           struct rules_value *ret)
{
    if (a->n_more == 0) {
        return true;
    }
    if (!rules_env_row(w->env, g->n ? tuple(w, g->tuples[0]) : NULL) ||
        !rules_run(w->env, a->more, w->p->engine->stack)) {
        return false;
    }
    memcpy(ret, w->p->engine->stack, a->n_more * sizeof(*ret));
    return true;
}

static bool aggregate_rows(struct work *w, const struct group *g, struct rules_value *rows)
{
    for (size_t i = 0; i < g->n; i++) {
        if (!rules_env_row(w->env, tuple(w, g->tuples[i])) ||
            !rules_whole(w->env, RULES_ANY, &rows[i])) {
            return false;
        }
    }
    return true;
}

static bool aggregate(struct work *w, const struct rules_aggregate *a, const struct group *g,
                      struct rules_value *ret)
{
    struct rules_env *env = w->env;
    struct rules_value *rows = NULL;
    struct rules_value *more = rules_alloc(env->call.memory, a->n_more + 1U, sizeof(*more));
    struct rules_value *values = rules_alloc(env->call.memory, g->n + 1, sizeof(*values));
    size_t n = 0;
    bool wants_rows = a->fn->flags & RULES_FN_COLUMNS;
    rows = wants_rows ? rules_alloc(env->call.memory, g->n + 1, sizeof(*rows)) : NULL;
    if (!values || !more || (wants_rows && !rows)) {
        return no_memory(env);
    }
    if (wants_rows && !aggregate_rows(w, g, rows)) {
        return false;
    }
    for (size_t i = 0; i < g->n; i++) {
        bool counts;
        if (!aggregate_value(w, a, g->tuples[i], &values[n], &counts)) {
            return false;
        }
        if (counts && rows) {
            rows[n] = rows[i];
        }
        n += counts;
    }
    *ret = rules_null();
    env->call.group_rows = rows;
    return aggregate_more(w, a, g, more) &&
           a->fn->aggregate(&env->call, values, n, more, a->n_more, ret);
}

/* ---- rows that come out ------------------------------------------------------------------- */

static bool add_row(struct work *w, const struct rules_value *row)
{
    size_t cap = w->cap_rows;
    const struct rules_program *p = w->p;
    if (!grow(w->env, (void **)&w->rows, w->n_rows, &w->cap_rows, sizeof(*w->rows))) {
        return false;
    }
    if (p->n_orders && cap != w->cap_rows) {
        struct rules_value *orders =
            rules_alloc(w->env->call.memory, w->cap_rows * p->n_orders, sizeof(*orders));
        if (!orders) {
            return no_memory(w->env);
        }
        if (w->n_rows) {
            memcpy(orders, w->orders, w->n_rows * p->n_orders * sizeof(*orders));
        }
        w->orders = orders;
    }
    for (uint8_t k = 0; k < p->n_orders; k++) {
        if (!rules_eval(w->env, p->orders[k].code, &w->orders[w->n_rows * p->n_orders + k])) {
            return false;
        }
    }
    w->rows[w->n_rows++] = *row;
    return true;
}

/* The row of @p env, of a group or of itself: what remembers, HAVING, SELECT. */
static bool finish_row(struct work *w, const struct rules_part *parts)
{
    struct rules_program *p = w->p;
    struct rules_env *env = w->env;
    struct rules_value *analytics = NULL, row;
    bool holds;
    if (!rules_env_row(env, parts)) {
        return false;
    }
    env->analytics = w->b->analytics;
    if (p->n_analytics) {
        analytics = rules_alloc(env->call.memory, p->n_analytics, sizeof(*analytics));
        if (!analytics) {
            return no_memory(env);
        }
        if (w->b->analytics) {
            memcpy(analytics, w->b->analytics, p->n_analytics * sizeof(*analytics));
        }
        if (!rules_analytics_run(p, env, true, analytics)) {
            return false;
        }
    }
    if (!rules_holds(env, p->having, &holds)) {
        return false;
    }
    return !holds || (rules_project(p, env, &row) && add_row(w, &row));
}

static bool finish_group(struct work *w, const struct group *g)
{
    const struct rules_program *p = w->p;
    struct rules_env *env = w->env;
    struct rules_value *values =
        rules_alloc(env->call.memory, p->n_aggregates + 1U, sizeof(*values));
    if (!values) {
        return no_memory(env);
    }
    env->aggregates = NULL;
    for (uint8_t i = 0; i < p->n_aggregates; i++) {
        if (!aggregate(w, &p->aggregates[i], g, &values[i])) {
            return false;
        }
    }
    env->aggregates = values;
    return finish_row(w, g->n ? tuple(w, g->tuples[0]) : NULL);
}

static int by_orders(const void *a, const void *b, void *arg)
{
    const struct work *w = arg;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    for (uint8_t k = 0; k < w->p->n_orders; k++) {
        int order =
            rules_compare(&w->orders[x * w->p->n_orders + k], &w->orders[y * w->p->n_orders + k]);
        if (order) {
            return w->p->orders[k].descending ? -order : order;
        }
    }
    return x < y ? -1 : x > y; /* as they came */
}

static bool order_rows(struct work *w)
{
    if (w->p->n_orders == 0 || w->n_rows < 2) {
        return true;
    }
    size_t *at = rules_alloc(w->env->call.memory, w->n_rows, sizeof(*at));
    struct rules_value *rows = rules_alloc(w->env->call.memory, w->n_rows, sizeof(*rows));
    if (!at || !rows) {
        return no_memory(w->env);
    }
    for (size_t i = 0; i < w->n_rows; i++) {
        at[i] = i;
    }
    qsort_r(at, w->n_rows, sizeof(*at), by_orders, w);
    for (size_t i = 0; i < w->n_rows; i++) {
        rows[i] = w->rows[at[i]];
    }
    w->rows = rows;
    return true;
}

enum { ERRORS_TOLD = 10 }; /* of a window; the rest are counted */

static void work_error(struct work *w)
{
    if (w->errors++ < ERRORS_TOLD) {
        rules_tell_error(w->p, w->env, w->b->cause);
    } else {
        w->p->stats.errors++;
    }
}

/* ---- a batch ------------------------------------------------------------------------------ */

/* Rows that WHERE lets pass go to their groups, or out. A row in error is told and left out. */
static void take_tuple(struct work *w, size_t i)
{
    struct rules_env *env = w->env;
    struct rules_program *p = w->p;
    bool holds = true;
    env->aggregates = NULL;
    bool ok =
        rules_env_row(env, tuple(w, i)) && (!w->b->filter || rules_holds(env, p->where, &holds));
    if (ok && holds) {
        p->stats.matched += w->b->filter;
        ok = p->grouped ? group_add(w, i) : finish_row(w, tuple(w, i));
    }
    if (!ok) {
        work_error(w);
    }
}

/* No rows, and yet one comes out: of a window of event time without keys. */
static bool tells_nothing(const struct work *w)
{
    const struct rules_program *p = w->p;
    return w->b->n == 0 && w->b->n_ready == 0 && !w->b->failed && p->grouped && p->n_keys == 0 &&
           p->event_time && !p->having;
}

void rules_batch_run(struct rules_program *p, struct rules_env *env, const struct rules_batch *b)
{
    struct work w = {.p = p, .env = env, .b = b};
    static const struct rules_value nothing = {.kind = RULES_OBJECT};
    env->call.window_start = b->start;
    env->call.window_end = b->end;
    env->analytics = b->analytics;
    for (size_t i = 0; i < b->n; i++) {
        take_tuple(&w, i);
    }
    for (size_t g = 0; g < w.n_groups; g++) {
        if (!finish_group(&w, &w.groups[g])) {
            work_error(&w);
        }
    }
    for (size_t i = 0; i < b->n_ready; i++) {
        env->aggregates = b->ready[i].aggregates;
        if (!finish_row(&w, &b->ready[i].first)) {
            work_error(&w);
        }
    }
    env->aggregates = NULL;
    if (tells_nothing(&w)) {
        rules_tell(p, env, b, &nothing, 1);
        return;
    }
    if (!order_rows(&w)) {
        work_error(&w);
        return;
    }
    size_t n = p->limit >= 0 && (size_t)p->limit < w.n_rows ? (size_t)p->limit : w.n_rows;
    if (n > 0) {
        rules_tell(p, env, b, w.rows, n);
    }
}
