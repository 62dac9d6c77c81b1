/* Clauses to a program, and the program into one block. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/text.h"
#include "rules_compile.h"

/* ---- FROM --------------------------------------------------------------------------------- */

static enum edge_status check_from_name(struct compiler *c, size_t i)
{
    const struct rules_from *from = &c->select->from[i];
    const char *name = from->alias ? from->alias : from->name;
    for (size_t k = 0; k < i; k++) {
        const struct rules_from *other = &c->select->from[k];
        if (strcmp(other->alias ? other->alias : other->name, name) == 0) {
            return rules_fail_at(c->ctx, from->line, from->column,
                                 "'%s' is there twice; call one of them otherwise with AS", name);
        }
    }
    return EDGE_OK;
}

static enum edge_status compile_from(struct compiler *c, const struct rules_options *o)
{
    const struct rules_select *s = c->select;
    c->sources = edge_new_n(&c->ctx->arena, struct rules_join_source, s->n_from);
    c->p.n_sources = (uint8_t)s->n_from;
    size_t streams = 0;
    for (size_t i = 0; i < s->n_from; i++) {
        struct rules_source source = {0};
        const struct rules_from *from = &s->from[i];
        EDGE_TRY(check_from_name(c, i));
        if (o->find && !o->find(o->find_state, from->name, &source)) {
            return rules_fail_at(c->ctx, from->line, from->column,
                                 "there is no stream or table '%s'", from->name);
        }
        c->sources[i].join = from->join;
        c->sources[i].table = source.table;
        c->sources[i].symbol = source.table ? 0 : rules_symbol(c->engine, from->name);
        streams += !source.table;
    }
    if (streams == 0) {
        return rules_fail_at(c->ctx, s->from[0].line, s->from[0].column,
                             "'%s' is a table: a statement needs a stream", s->from[0].name);
    }
    if (streams > 1 && s->window.kind == RULES_W_NONE) {
        return rules_fail_at(c->ctx, s->from[1].line, s->from[1].column,
                             "streams are joined within a window: GROUP BY one");
    }
    return EDGE_OK;
}

static enum edge_status compile_joins(struct compiler *c)
{
    for (size_t i = 0; i < c->select->n_from; i++) {
        const struct rules_node *on = c->select->from[i].on;
        c->place = PLACE_ROW;
        c->where = "ON";
        EDGE_TRY(on ? compile_piece(c, on, &c->sources[i].on) : EDGE_OK);
    }
    return EDGE_OK;
}

/* ---- SELECT ------------------------------------------------------------------------------- */

static const char *interned(struct compiler *c, const char *name)
{
    uint32_t symbol = rules_symbol(c->engine, name); /* which may move the list */
    return c->engine->symbols[symbol];
}

static void add_alias(struct compiler *c, const struct rules_item *item)
{
    c->aliases[c->n_aliases++] =
        (struct compile_alias){.name = interned(c, item->alias), .node = item->node};
}

static void collect_aliases(struct compiler *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->select->n_items; i++) {
        n += 1 + c->select->items[i].n_replace;
    }
    c->aliases = edge_new_n(&c->ctx->arena, struct compile_alias, n);
    for (size_t i = 0; i < c->select->n_items; i++) {
        if (c->select->items[i].alias) {
            add_alias(c, &c->select->items[i]);
        }
    }
    c->p.n_aliases = (uint16_t)c->n_aliases;
}

static bool is_columns_call(const struct rules_node *node)
{
    const char *near;
    const struct rules_function *fn =
        node->kind == RULES_N_CALL ? rules_function_find(node->name, &near) : NULL;
    return fn && fn->analytic && fn->flags & RULES_FN_COLUMNS;
}

/* One expression of SELECT, not a star. */
static enum edge_status compile_value_out(struct compiler *c, const struct rules_item *item,
                                          struct rules_out *out, unsigned *unnamed)
{
    char numbered[32];
    const char *name = item->alias ? item->alias : compile_own_name(item->node);
    if (!name) {
        snprintf(numbered, sizeof(numbered), "kuiper_field_%u", (*unnamed)++);
        name = numbered;
    }
    out->name = interned(c, name);
    c->depth = is_columns_call(item->node) ? 1 : 0;
    if (c->depth) {
        out->kind = OUT_COLUMNS;
        c->p.checks_names = true;
    }
    c->self_name = item->alias;
    EDGE_TRY(compile_piece(c, item->node, &out->code));
    c->self_name = NULL;
    c->depth = 0;
    const struct rules_code *first = &c->code.at[out->code];
    if (first->op == OP_SLOT && first[1].op == OP_RET) {
        out->kind = OUT_COLUMN;
        out->slot = first->b;
    }
    return EDGE_OK;
}

static enum edge_status compile_star_out(struct compiler *c, const struct rules_item *item,
                                         struct rules_out *out)
{
    int source = item->node->stream ? compile_source(c, item->node->stream) : -1;
    if (item->node->stream && source < 0) {
        return compile_fail(c, item->node, "there is no stream '%s' in FROM", item->node->stream);
    }
    const char **except = edge_new_n(&c->ctx->arena, const char *, item->n_except + 1);
    for (size_t i = 0; i < item->n_except; i++) {
        except[i] = interned(c, item->except[i]);
    }
    *out = (struct rules_out){.kind = OUT_STAR,
                              .source = source < 0 ? (uint8_t)RULES_ANY : (uint8_t)source,
                              .except = except,
                              .n_except = (uint16_t)item->n_except};
    c->p.whole = c->p.checks_names = c->p.starred = true;
    return EDGE_OK;
}

static enum edge_status compile_outs(struct compiler *c)
{
    const struct rules_select *s = c->select;
    size_t n = 0;
    unsigned unnamed = 0;
    for (size_t i = 0; i < s->n_items; i++) {
        n += 1 + s->items[i].n_replace;
    }
    c->outs = edge_new_n(&c->ctx->arena, struct rules_out, n);
    for (size_t i = 0; i < s->n_items; i++) {
        const struct rules_item *item = &s->items[i];
        bool star = item->node->kind == RULES_N_STAR;
        struct rules_out *out = &c->outs[c->p.n_outs++];
        EDGE_TRY(star ? compile_star_out(c, item, out) : compile_value_out(c, item, out, &unnamed));
        for (size_t k = 0; k < item->n_replace; k++) {
            EDGE_TRY(compile_value_out(c, &item->replace[k], &c->outs[c->p.n_outs++], &unnamed));
        }
    }
    for (size_t i = 0; i < c->p.n_outs; i++) {
        for (size_t k = 0; k < i && !c->p.checks_names; k++) {
            c->p.checks_names = c->outs[i].name == c->outs[k].name;
        }
    }
    return EDGE_OK;
}

/* ---- the other clauses -------------------------------------------------------------------- */

static enum edge_status compile_window(struct compiler *c, struct rules_windowing *w)
{
    const struct rules_window *from = &c->select->window;
    bool count = from->kind == RULES_W_COUNT;
    int64_t unit = count ? 1 : rules_unit_ms(from->unit);
    *w = (struct rules_windowing){
        .kind = from->kind, .length_ms = from->length * unit, .second_ms = from->second * unit};
    if (from->kind == RULES_W_TUMBLING || (count && from->second == 0)) {
        w->second_ms = w->length_ms;
    }
    /* These are about the rows that come, whatever WHERE thinks of them; and joined rows are made by the window. */
    w->where_after = count || from->kind == RULES_W_SLIDING || c->p.n_sources > 1;
    if (count && (uint64_t)w->length_ms > c->p.limits.window_rows) {
        return compile_fail(c, c->select->items[0].node, "a COUNTWINDOW of more than %zu rows",
                            c->p.limits.window_rows);
    }
    c->place = PLACE_ROW;
    c->where = "FILTER";
    EDGE_TRY(from->filter ? compile_piece(c, from->filter, &w->filter) : EDGE_OK);
    c->where = "WHEN";
    return from->when ? compile_piece(c, from->when, &w->when) : EDGE_OK;
}

static enum edge_status compile_keys(struct compiler *c)
{
    const struct rules_select *s = c->select;
    c->place = PLACE_ROW;
    c->where = "GROUP BY";
    if (s->n_keys > 16) {
        return compile_fail(c, s->keys[16], "GROUP BY has more than 16 expressions");
    }
    c->keys = edge_new_n(&c->ctx->arena, uint32_t, s->n_keys + 1);
    for (size_t i = 0; i < s->n_keys; i++) {
        EDGE_TRY(compile_piece(c, s->keys[i], &c->keys[i]));
    }
    c->p.n_keys = (uint8_t)s->n_keys;
    return EDGE_OK;
}

static enum edge_status compile_orders(struct compiler *c)
{
    const struct rules_select *s = c->select;
    c->orders = edge_new_n(&c->ctx->arena, struct rules_ordering, s->n_order + 1);
    for (size_t i = 0; i < s->n_order; i++) {
        c->orders[i].descending = s->order[i].descending;
        EDGE_TRY(compile_piece(c, s->order[i].node, &c->orders[i].code));
    }
    c->p.n_orders = (uint8_t)s->n_order;
    return EDGE_OK;
}

/* Whether the window's rows need not be kept: every aggregate can be added up as they come, and they come in order. */
static bool adds_up(struct compiler *c, const struct rules_windowing *w)
{
    bool all = w->kind == RULES_W_TUMBLING && c->p.n_sources == 1 && c->p.grouped && !c->p.whole &&
               !(c->p.event_time && c->p.late_ms > 0);
    for (uint8_t i = 0; i < c->p.n_aggregates; i++) {
        struct rules_aggregate *a = &c->aggregates[i];
        a->sum = a->n_more == 0 ? (uint8_t)rules_sum_kind(a->fn) : 0;
        all = all && a->sum != 0;
    }
    return all;
}

static enum edge_status compile_clauses(struct compiler *c, struct rules_windowing *w)
{
    const struct rules_select *s = c->select;
    collect_aliases(c);
    c->place = PLACE_ROW;
    c->where = "WHERE";
    EDGE_TRY(s->where ? compile_piece(c, s->where, &c->p.where) : EDGE_OK);
    EDGE_TRY(compile_joins(c));
    EDGE_TRY(compile_window(c, w));
    EDGE_TRY(compile_keys(c));
    c->place = PLACE_GROUP;
    c->where = "SELECT";
    EDGE_TRY(compile_outs(c));
    EDGE_TRY(s->having ? compile_piece(c, s->having, &c->p.having) : EDGE_OK);
    EDGE_TRY(compile_orders(c));
    c->p.limit = s->limit;
    c->p.grouped = c->p.n_aggregates > 0 || c->p.n_keys > 0;
    w->adds_up = adds_up(c, w);
    return EDGE_OK;
}

/* Rules that must see every row have no needs: what they remember or count hangs on all of them. */
static void find_needs(struct compiler *c, const struct rules_windowing *w)
{
    const struct rules_node *where = c->select->window.filter;
    if (!where && !(w->kind != RULES_W_NONE && w->where_after)) {
        where = c->select->where;
    }
    c->place = PLACE_ROW;
    c->needs = edge_new_n(&c->ctx->arena, struct rules_need, COMPILE_NEEDS_MAX);
    if (where && c->p.n_analytics == 0 && c->p.n_sources == 1 && !c->p.event_time) {
        c->p.n_needs = (uint8_t)compile_needs(c, where, c->needs, COMPILE_NEEDS_MAX);
    }
}

/* ---- the block ---------------------------------------------------------------------------- */

struct block {
    char *at; /* NULL: only measured */
    size_t size;
};

static void *place_in(struct block *b, const void *from, size_t n, size_t size)
{
    size_t bytes = (n * size + 7) & ~(size_t)7;
    void *to = b->at ? b->at + b->size : NULL;
    b->size += bytes;
    if (to && n) {
        memcpy(to, from, n * size);
    }
    return to;
}

static void place_constants(struct compiler *c, struct block *b, struct rules_program *p)
{
    struct rules_value *to = place_in(b, c->constants, c->p.n_constants, sizeof(*c->constants));
    for (size_t i = 0; i < c->p.n_constants; i++) {
        char *at = b->at ? b->at + b->size : NULL;
        b->size += rules_copy_size(&c->constants[i]);
        if (at) {
            to[i] = rules_copy_to(&at, &c->constants[i]);
        }
    }
    p->constants = to;
}

static void place_outs(struct compiler *c, struct block *b, struct rules_program *p)
{
    struct rules_out *outs = place_in(b, c->outs, c->p.n_outs, sizeof(*c->outs));
    for (size_t i = 0; i < c->p.n_outs; i++) {
        const void *except =
            place_in(b, c->outs[i].except, c->outs[i].n_except, sizeof(*c->outs[i].except));
        if (outs) {
            outs[i].except = except;
        }
    }
    p->outs = outs;
}

static void place_analytics(struct compiler *c, struct block *b, struct rules_program *p)
{
    struct rules_analytic *to = place_in(b, c->analytics, c->p.n_analytics, sizeof(*c->analytics));
    for (size_t i = 0; i < c->p.n_analytics; i++) {
        const struct rules_analytic *a = &c->analytics[i];
        const void *names = place_in(b, a->names, a->names ? a->n_args : 0, sizeof(*a->names));
        if (to) {
            to[i].names = a->names ? names : NULL;
        }
    }
    p->analytics = to;
}

static void place_all(struct compiler *c, struct block *b, struct rules_program *p, const char *id,
                      const struct rules_windowing *w)
{
    place_in(b, &c->p, 1, sizeof(c->p));
    p->id = place_in(b, id, 1, strlen(id) + 1);
    p->code = place_in(b, c->code.at, c->code.n, sizeof(*c->code.at));
    place_constants(c, b, p);
    p->slots = place_in(b, c->slots, c->p.n_slots, sizeof(*c->slots));
    place_outs(c, b, p);
    p->functions = place_in(b, c->functions, c->p.n_functions, sizeof(*c->functions));
    p->patterns = place_in(b, c->patterns, c->p.n_patterns, sizeof(*c->patterns));
    p->sources = place_in(b, c->sources, c->p.n_sources, sizeof(*c->sources));
    p->aggregates = place_in(b, c->aggregates, c->p.n_aggregates, sizeof(*c->aggregates));
    place_analytics(c, b, p);
    p->keys = place_in(b, c->keys, c->p.n_keys, sizeof(*c->keys));
    p->orders = place_in(b, c->orders, c->p.n_orders, sizeof(*c->orders));
    p->needs = place_in(b, c->needs, c->p.n_needs, sizeof(*c->needs));
    p->window = w->kind != RULES_W_NONE ? place_in(b, w, 1, sizeof(*w)) : NULL;
}

static struct rules_program *assemble(struct compiler *c, const char *id,
                                      const struct rules_windowing *w)
{
    struct block b = {0};
    struct rules_program measured = {0};
    place_all(c, &b, &measured, id, w);
    size_t size = b.size;
    b = (struct block){.at = edge_xalloc(1, size)};
    struct rules_program *p = (void *)b.at;
    c->p.n_code = (uint16_t)c->code.n;
    c->p.bytes = size;
    place_all(c, &b, p, id, w);
    if (p->window) {
        rules_window_reset(p);
    }
    return p;
}

/* ---- limits, identity --------------------------------------------------------------------- */

static size_t or_default(size_t v, size_t otherwise)
{
    return v ? v : otherwise;
}

static void set_options(struct compiler *c, const struct rules_options *o)
{
    struct rules_program *p = &c->p;
    p->engine = c->engine;
    p->emit = o->emit;
    p->state = o->state;
    p->event_time = o->event_time;
    p->late_ms = o->late_tolerance_ms > 0 ? o->late_tolerance_ms : 0;
    p->limit = -1;
    p->limits = (struct rules_limits){
        .window_rows = or_default(o->limits.window_rows, 100000),
        .window_bytes = or_default(o->limits.window_bytes, 8 << 20),
        .partitions = or_default(o->limits.partitions, 1000),
        .joined = or_default(o->limits.joined, 100000),
        .backlog = or_default(o->limits.backlog, 1024),
    };
}

static uint64_t identity(const struct rules_select *s, const struct rules_options *o)
{
    struct edge_buf text = EDGE_BUF_INIT;
    rules_print(&text, s);
    uint64_t hash = edge_hash(EDGE_HASH, edge_buf_str(&text));
    edge_buf_done(&text);
    return hash * 31 + (uint64_t)o->event_time * 7 + (uint64_t)o->late_tolerance_ms;
}

static void free_patterns(struct edge_pattern **patterns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        edge_pattern_free(patterns[i]);
    }
}

static void compiler_init(struct compiler *c, struct edge_ctx *ctx, struct rules_engine *e)
{
    c->ctx = ctx;
    c->engine = e;
    c->into = &c->code;
    edge_make_room(&ctx->arena, c->code.at, c->code.n, c->code.cap);
    c->code.at[c->code.n++] = (struct rules_code){.op = OP_RET};
}

enum edge_status rules_program_compile(struct edge_ctx *ctx, struct rules_engine *e,
                                       const struct rules_select *select,
                                       const struct rules_options *options,
                                       struct rules_program **ret)
{
    struct compiler c = {.select = select};
    struct rules_windowing window;
    compiler_init(&c, ctx, e);
    set_options(&c, options);
    enum edge_status st = compile_from(&c, options);
    st = st == EDGE_OK ? compile_clauses(&c, &window) : st;
    if (st != EDGE_OK) {
        free_patterns(c.patterns, c.p.n_patterns);
        return st;
    }
    find_needs(&c, &window);
    c.p.hash = identity(select, options);
    struct rules_program *p = assemble(&c, options->id ? options->id : "", &window);
    edge_make_room(NULL, e->programs, e->n_programs, e->cap_programs);
    p->index = (uint32_t)e->n_programs;
    e->programs[e->n_programs++] = p;
    e->index_stale = true;
    *ret = p;
    return EDGE_OK;
}

enum edge_status rules_program_create(struct edge_ctx *ctx, struct rules_engine *e, const char *sql,
                                      const struct rules_options *options,
                                      struct rules_program **ret)
{
    EDGE_CTX_SCOPE(own); /* what it takes to compile is gone afterwards */
    struct rules_select *select;
    enum edge_status st = rules_parse(&own, sql, &select);
    st = st == EDGE_OK ? rules_program_compile(&own, e, select, options, ret) : st;
    return edge_pass(ctx, st, &own);
}

/* ---- expressions alone -------------------------------------------------------------------- */

struct rules_expression {
    struct rules_program *p;
};

enum edge_status rules_expression_compile(struct edge_ctx *ctx, struct rules_engine *e,
                                          const struct rules_node *node,
                                          struct rules_expression **ret)
{
    struct rules_join_source source = {0};
    struct rules_windowing none = {0};
    struct compiler c = {.sources = &source, .where = "an expression alone", .place = PLACE_ROW};
    compiler_init(&c, ctx, e);
    set_options(&c, &(struct rules_options){0});
    c.p.n_sources = 1;
    c.p.expression = true;
    enum edge_status st = compile_piece(&c, node, &c.p.where);
    if (st != EDGE_OK) {
        free_patterns(c.patterns, c.p.n_patterns);
        return st;
    }
    struct rules_expression *x = edge_xalloc(1, sizeof(*x));
    x->p = assemble(&c, "", &none);
    *ret = x;
    return EDGE_OK;
}

enum edge_status rules_expression_create(struct edge_ctx *ctx, struct rules_engine *e,
                                         const char *text, struct rules_expression **ret)
{
    EDGE_CTX_SCOPE(own);
    struct rules_node *node;
    enum edge_status st = rules_parse_expression(&own, text, &node);
    st = st == EDGE_OK ? rules_expression_compile(&own, e, node, ret) : st;
    return edge_pass(ctx, st, &own);
}

void rules_expression_free(struct rules_expression *x)
{
    if (x) {
        rules_program_free(x->p);
        free(x);
    }
}

enum edge_status rules_expression_eval(struct edge_ctx *ctx, struct rules_expression *x,
                                       const struct rules_row *row, int64_t now_ms,
                                       struct rules_value *ret)
{
    struct rules_program *p = x->p;
    struct rules_env env;
    struct rules_part part = {.row = row};
    rules_engine_fresh(p->engine);
    rules_env_init(&env, p, now_ms);
    env.call.ts_ms = row ? row->ts_ms : now_ms;
    struct rules_value *results =
        rules_alloc(env.call.memory, p->n_analytics + 1U, sizeof(*results));
    if (!results || !rules_env_row(&env, &part) || !rules_analytics_run(p, &env, false, results) ||
        !rules_eval(&env, p->where, ret)) {
        return edge_fail(ctx, EDGE_INVALID, "%s", env.call.error);
    }
    return EDGE_OK;
}

/* ---- the end ------------------------------------------------------------------------------ */

void rules_program_free(struct rules_program *p)
{
    if (!p) {
        return;
    }
    struct rules_engine *e = p->engine;
    if (!p->expression) {
        e->programs[p->index] = e->programs[--e->n_programs];
        e->programs[p->index]->index = p->index;
        e->index_stale = true;
    }
    rules_analytics_reset(p);
    if (p->window) {
        rules_window_done(p);
    }
    free_patterns(p->patterns, p->n_patterns);
    free(p->error);
    free(p);
}
