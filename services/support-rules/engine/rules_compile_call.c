/* Calls: scalar functions as they stand, aggregates and analytic ones as pieces of their own. */
#include <string.h>
#include <strings.h>

#include "rules_compile.h"

/* Asked once of each; of one that is being asked (it speaks of itself), no. */
static bool alias_has_aggregate(const struct compiler *c, struct compile_alias *alias)
{
    if (alias && !alias->asked) {
        alias->asked = true;
        alias->has = compile_has_aggregate(c, alias->node);
    }
    return alias && alias->has;
}

bool compile_has_aggregate(const struct compiler *c, const struct rules_node *node)
{
    if (!node) {
        return false;
    }
    if (node->kind == RULES_N_CALL) {
        const char *near;
        const struct rules_function *fn = rules_function_find(node->name, &near);
        if (fn && fn->aggregate) {
            return true;
        }
    }
    if (node->kind == RULES_N_COLUMN && !node->stream) {
        return alias_has_aggregate(c, compile_alias_find(c, node->name));
    }
    bool has = compile_has_aggregate(c, node->subject) || compile_has_aggregate(c, node->otherwise);
    for (size_t i = 0; i < node->n_args && !has; i++) {
        has = compile_has_aggregate(c, node->args[i]);
    }
    return has;
}

const char *compile_own_name(const struct rules_node *node)
{
    switch (node->kind) {
    case RULES_N_COLUMN:
    case RULES_N_MEMBER:
        return node->name;
    case RULES_N_META:
        return node->name ? node->name : "meta";
    case RULES_N_CALL:
        return node->name;
    case RULES_N_INDEX:
    case RULES_N_SLICE:
        return compile_own_name(node->args[0]);
    default:
        return NULL;
    }
}

static enum edge_status check_args(struct compiler *c, const struct rules_node *node,
                                   const struct rules_function *fn)
{
    size_t max = fn->max < 0 ? RULES_ARGS_MAX : (size_t)fn->max;
    if (node->n_args < (size_t)fn->min || node->n_args > max) {
        return compile_fail(c, node, "%s(%s) takes %d%s arguments, not %zu", fn->name, fn->args,
                            fn->min,
                            fn->min == fn->max ? ""
                            : fn->max < 0      ? " or more"
                                               : " or so",
                            node->n_args);
    }
    for (size_t i = 0; i < node->n_args; i++) {
        if (node->args[i]->kind == RULES_N_STAR && !(fn->flags & RULES_FN_STAR)) {
            return compile_fail(c, node->args[i], "%s() does not take *", fn->name);
        }
    }
    if (node->filter && !fn->aggregate) {
        return compile_fail(c, node, "%s() is no aggregate: it has no FILTER", fn->name);
    }
    if ((node->n_partition || node->when) && !fn->analytic) {
        return compile_fail(c, node, "%s() remembers nothing: it has no OVER", fn->name);
    }
    return EDGE_OK;
}

/* ---- scalars ------------------------------------------------------------------------------ */

static enum edge_status function_index(struct compiler *c, const struct rules_node *node,
                                       const struct rules_function *fn, uint16_t *ret)
{
    for (uint16_t i = 0; i < c->p.n_functions; i++) {
        if (c->functions[i] == fn) {
            *ret = i;
            return EDGE_OK;
        }
    }
    if (c->p.n_functions == 500) {
        return compile_fail(c, node, "more than 500 functions");
    }
    edge_make_room(&c->ctx->arena, c->functions, c->p.n_functions, c->cap_functions);
    c->functions[c->p.n_functions] = fn;
    *ret = c->p.n_functions++;
    return EDGE_OK;
}

/* A constant pattern is compiled once, and a wrong one is told at once. */
static enum edge_status pattern_index(struct compiler *c, const struct rules_node *node,
                                      const char *text, uint32_t *ret)
{
    struct edge_pattern *pattern;
    if (c->p.n_patterns == 100) {
        return compile_fail(c, node, "more than 100 patterns");
    }
    EDGE_CTX_SCOPE(own);
    enum edge_status st = edge_pattern_create(&own, text, EDGE_PATTERN_SEARCH, &pattern);
    if (st != EDGE_OK) {
        return compile_fail(c, node, "%s", edge_ctx_message(&own, st));
    }
    edge_make_room(&c->ctx->arena, c->patterns, c->p.n_patterns, c->cap_patterns);
    c->patterns[c->p.n_patterns++] = pattern;
    *ret = c->p.n_patterns;
    return EDGE_OK;
}

static enum edge_status compile_scalar(struct compiler *c, const struct rules_node *node,
                                       const struct rules_function *fn)
{
    uint32_t pattern = 0;
    uint16_t index = 0;
    for (size_t i = 0; i < node->n_args; i++) {
        EDGE_TRY(compile_node(c, node->args[i]));
    }
    if (fn->flags & RULES_FN_PATTERN && node->args[1]->kind == RULES_N_CONST &&
        node->args[1]->value.kind == RULES_TEXT) {
        EDGE_TRY(pattern_index(c, node->args[1], node->args[1]->value.text, &pattern));
    }
    EDGE_TRY(function_index(c, node, fn, &index));
    return compile_emit(c, node, OP_CALL, (uint8_t)node->n_args, index, pattern);
}

/* ---- aggregates --------------------------------------------------------------------------- */

/* Within: rows as they come. */
static enum edge_status compile_of_rows(struct compiler *c, const struct rules_node *node,
                                        struct rules_aggregate *a)
{
    if (node->n_args > 0 && node->args[0]->kind != RULES_N_STAR) {
        EDGE_TRY(compile_piece(c, node->args[0], &a->code));
    } else if (!(a->fn->flags & RULES_FN_NULLS)) { /* the rows themselves are wanted */
        struct rules_node star = {.kind = RULES_N_STAR,
                                  .line = node->line,
                                  .column = node->column,
                                  .stream = node->n_args ? node->args[0]->stream : NULL};
        EDGE_TRY(compile_piece(c, &star, &a->code));
    }
    if (node->n_args > 1) {
        a->n_more = (uint8_t)(node->n_args - 1);
        EDGE_TRY(compile_pieces(c, node->args + 1, node->n_args - 1, &a->more));
    }
    if (a->fn->flags & RULES_FN_COLUMNS) { /* it gives rows of the group */
        c->p.whole = true;
    }
    return node->filter ? compile_piece(c, node->filter, &a->filter) : EDGE_OK;
}

static enum edge_status compile_aggregate(struct compiler *c, const struct rules_node *node,
                                          const struct rules_function *fn)
{
    if (c->in_aggregate || c->place == PLACE_ROW) {
        return compile_fail(c, node, "%s(): %s has no aggregates", fn->name,
                            c->in_aggregate ? "the argument of an aggregate" : c->where);
    }
    for (uint8_t i = 0; i < c->p.n_aggregates; i++) {
        if (c->aggregate_nodes[i] == node) { /* by way of an alias */
            c->saw_aggregate = true;
            return compile_emit(c, node, OP_AGGREGATE, 0, i, 0);
        }
    }
    if (c->p.n_aggregates == 200) {
        return compile_fail(c, node, "more than 200 aggregates");
    }
    struct rules_aggregate a = {.fn = fn};
    c->place = PLACE_ROW;
    c->in_aggregate = true;
    EDGE_TRY(compile_of_rows(c, node, &a));
    c->in_aggregate = false;
    c->place = PLACE_GROUP;
    c->saw_aggregate = true;
    edge_make_room(&c->ctx->arena, c->aggregate_nodes, c->p.n_aggregates, c->cap_aggregate_nodes);
    edge_make_room(&c->ctx->arena, c->aggregates, c->p.n_aggregates, c->cap_aggregates);
    c->aggregate_nodes[c->p.n_aggregates] = node;
    c->aggregates[c->p.n_aggregates] = a;
    return compile_emit(c, node, OP_AGGREGATE, 0, c->p.n_aggregates++, 0);
}

/* ---- analytic functions ------------------------------------------------------------------- */

static const char *const *own_names(struct compiler *c, const struct rules_node *node)
{
    const char **names = edge_new_n(&c->ctx->arena, const char *, node->n_args + 1);
    for (size_t i = 0; i < node->n_args; i++) {
        const char *name =
            node->args[i]->kind == RULES_N_STAR ? "*" : compile_own_name(node->args[i]);
        uint32_t symbol = rules_symbol(c->engine, name ? name : "kuiper_field_0");
        names[i] = c->engine->symbols[symbol];
    }
    return names;
}

static enum edge_status compile_analytic_pieces(struct compiler *c, const struct rules_node *node,
                                                struct rules_analytic *a)
{
    EDGE_TRY(node->n_args ? compile_pieces(c, node->args, node->n_args, &a->args) : EDGE_OK);
    EDGE_TRY(node->when ? compile_piece(c, node->when, &a->when) : EDGE_OK);
    if (node->n_partition > 8) {
        return compile_fail(c, node, "PARTITION BY has more than 8 expressions");
    }
    a->n_keys = (uint8_t)node->n_partition;
    return node->n_partition ? compile_pieces(c, node->partition, node->n_partition, &a->keys)
                             : EDGE_OK;
}

static enum edge_status compile_analytic(struct compiler *c, const struct rules_node *node,
                                         const struct rules_function *fn)
{
    for (uint8_t i = 0; i < c->p.n_analytics; i++) {
        if (c->analytic_nodes[i] == node) {
            return compile_emit(c, node, OP_ANALYTIC, 0, i, 0);
        }
    }
    struct rules_analytic a = {.fn = fn, .n_args = (uint8_t)node->n_args};
    for (size_t i = 0; i < node->n_args; i++) {
        a.late |= compile_has_aggregate(c, node->args[i]);
    }
    a.late |= c->p.n_sources > 1;
    if (c->in_aggregate || (a.late && c->place == PLACE_ROW)) {
        return compile_fail(c, node, "%s(): %s cannot have it", fn->name,
                            c->in_aggregate ? "the argument of an aggregate" : c->where);
    }
    if (c->p.n_analytics == 100) {
        return compile_fail(c, node, "more than 100 functions that remember");
    }
    enum compile_place place = c->place;
    c->place = a.late ? place : PLACE_ROW;
    EDGE_TRY(compile_analytic_pieces(c, node, &a));
    c->place = place;
    a.names = fn->flags & RULES_FN_COLUMNS ? own_names(c, node) : NULL;
    edge_make_room(&c->ctx->arena, c->analytic_nodes, c->p.n_analytics, c->cap_analytic_nodes);
    edge_make_room(&c->ctx->arena, c->analytics, c->p.n_analytics, c->cap_analytics);
    c->analytic_nodes[c->p.n_analytics] = node;
    c->analytics[c->p.n_analytics] = a;
    return compile_emit(c, node, OP_ANALYTIC, 0, c->p.n_analytics++, 0);
}

enum edge_status compile_call(struct compiler *c, const struct rules_node *node)
{
    const char *near = NULL;
    const struct rules_function *fn = rules_function_find(node->name, &near);
    if (!fn) {
        return near ? compile_fail(c, node, "there is no function '%s'; is '%s' meant?", node->name,
                                   near)
                    : compile_fail(c, node, "there is no function '%s'", node->name);
    }
    EDGE_TRY(check_args(c, node, fn));
    if (fn->scalar) {
        return compile_scalar(c, node, fn);
    }
    if (fn->aggregate) {
        return compile_aggregate(c, node, fn);
    }
    if (fn->flags & RULES_FN_COLUMNS && c->depth == 0) {
        return compile_fail(c, node, "%s() gives columns: it stands in SELECT alone", fn->name);
    }
    return compile_analytic(c, node, fn);
}
