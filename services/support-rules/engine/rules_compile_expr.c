/* Expressions to code. Constants are folded as they come; a column against a constant is one operation. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "rules_compile.h"

enum { CODE_MAX = 16000, CONSTANTS_MAX = 4000, FOLDED_MAX = 4096 /* bytes */ };

enum edge_status compile_fail(struct compiler *c, const struct rules_node *node, const char *fmt,
                              ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return rules_fail_at(c->ctx, node->line, node->column, "%s", text);
}

/* ---- emitting ----------------------------------------------------------------------------- */

static bool same_constant(const struct rules_value *a, const struct rules_value *b)
{
    return a->kind == b->kind && rules_equal(a, b) && (a->kind != RULES_REAL || a->u == b->u);
}

enum edge_status compile_constant(struct compiler *c, const struct rules_node *at,
                                  const struct rules_value *v, uint32_t *ret)
{
    for (uint32_t i = 0; i < c->p.n_constants; i++) {
        if (same_constant(&c->constants[i], v)) {
            *ret = i;
            return EDGE_OK;
        }
    }
    if (c->p.n_constants == CONSTANTS_MAX) {
        return compile_fail(c, at, "more than %d constants", CONSTANTS_MAX);
    }
    edge_make_room(&c->ctx->arena, c->constants, c->p.n_constants, c->cap_constants);
    char *to = edge_alloc(&c->ctx->arena, 1, rules_copy_size(v) + 1);
    c->constants[c->p.n_constants] = rules_copy_to(&to, v);
    *ret = c->p.n_constants++;
    return EDGE_OK;
}

/* Operands of an operation that can be computed now where they are constants; 0: it cannot. */
static size_t foldable(const struct compiler *c, const struct rules_code *code)
{
    switch (code->op) {
    case OP_COMPARE:
    case OP_ARITH:
    case OP_LIKE:
    case OP_INDEX:
    case OP_IN_LIST:
        return 2;
    case OP_NEG:
    case OP_NOT:
    case OP_IS_NULL:
    case OP_MEMBER:
    case OP_TRUTH:
        return 1;
    case OP_BETWEEN:
        return 3;
    case OP_IN:
        return code->b + 1U;
    case OP_SLICE:
        return 1U + (code->a & 1U) + (code->a >> 1 & 1U);
    case OP_CALL:
        return c->functions[code->b]->flags & RULES_FN_IMPURE ? 0 : code->a;
    default:
        return 0;
    }
}

static bool all_constant(const struct code_list *list, size_t n)
{
    if (n == 0 || list->n < n + 1 || list->n - 1 - n < list->label) {
        return false;
    }
    for (size_t i = list->n - 1 - n; i < list->n - 1; i++) {
        if (list->at[i].op != OP_CONST) {
            return false;
        }
    }
    return true;
}

/* Run the operation at the end of the list now. */
static enum edge_status fold(struct compiler *c, const struct rules_node *at, size_t n)
{
    struct code_list *list = c->into;
    struct rules_program p = {.engine = c->engine,
                              .id = "",
                              .code = &list->at[list->n - 1 - n],
                              .constants = c->constants,
                              .functions = c->functions,
                              .patterns = c->patterns};
    struct rules_env env;
    struct rules_value v;
    edge_make_room(&c->ctx->arena, list->at, list->n, list->cap);
    p.code = &list->at[list->n - 1 - n];
    list->at[list->n] = (struct rules_code){.op = OP_RET};
    rules_engine_fresh(c->engine);
    rules_env_init(&env, &p, 0);
    if (!rules_eval(&env, 0, &v)) {
        return compile_fail(c, at, "%s", env.call.error);
    }
    uint32_t k;
    if (rules_copy_size(&v) > FOLDED_MAX) {
        return EDGE_OK; /* made anew each time rather than kept */
    }
    EDGE_TRY(compile_constant(c, at, &v, &k));
    list->n -= n + 1;
    list->at[list->n++] = (struct rules_code){.op = OP_CONST, .c = k};
    return EDGE_OK;
}

/* "column op constant" becomes one operation. */
static void fuse(struct code_list *list)
{
    if (list->n < 3 || list->n - 3 < list->label) {
        return;
    }
    struct rules_code *at = &list->at[list->n - 3];
    if (at[0].op == OP_SLOT && at[1].op == OP_CONST && at[2].op == OP_COMPARE) {
        at[0] = (struct rules_code){.op = OP_COMPARE_SC, .a = at[2].a, .b = at[0].b, .c = at[1].c};
        list->n -= 2;
    }
}

enum edge_status compile_emit(struct compiler *c, const struct rules_node *at, uint8_t op,
                              uint8_t a, uint16_t b, uint32_t k)
{
    struct code_list *list = c->into;
    if (list->n >= CODE_MAX) {
        return compile_fail(c, at, "the expression is too long");
    }
    edge_make_room(&c->ctx->arena, list->at, list->n, list->cap);
    list->at[list->n++] = (struct rules_code){.op = op, .a = a, .b = b, .c = k};
    size_t n = foldable(c, &list->at[list->n - 1]);
    if (all_constant(list, n)) {
        return fold(c, at, n);
    }
    fuse(list);
    return EDGE_OK;
}

static bool jumps(const struct rules_code *code)
{
    return code->op == OP_AND || code->op == OP_OR || code->op == OP_IF_NOT || code->op == OP_JUMP;
}

/* The list behind all code so far; jumps within it move along. */
static enum edge_status append(struct compiler *c, const struct rules_node *at,
                               const struct code_list *list, uint32_t *ret)
{
    size_t base = c->code.n;
    if (base + list->n > CODE_MAX) {
        return compile_fail(c, at, "the statement is too long");
    }
    for (size_t i = 0; i < list->n; i++) {
        edge_make_room(&c->ctx->arena, c->code.at, c->code.n, c->code.cap);
        c->code.at[c->code.n] = list->at[i];
        if (jumps(&list->at[i])) {
            c->code.at[c->code.n].c += (uint32_t)base;
        }
        c->code.n++;
    }
    *ret = (uint32_t)base;
    return EDGE_OK;
}

enum edge_status compile_pieces(struct compiler *c, struct rules_node *const *nodes, size_t n,
                                uint32_t *ret)
{
    struct code_list list = {0}, *outer = c->into;
    c->into = &list;
    for (size_t i = 0; i < n; i++) {
        EDGE_TRY(compile_node(c, nodes[i]));
    }
    EDGE_TRY(compile_emit(c, nodes[0], OP_RET, 0, 0, 0));
    c->into = outer;
    return append(c, nodes[0], &list, ret);
}

enum edge_status compile_piece(struct compiler *c, const struct rules_node *node, uint32_t *ret)
{
    struct rules_node *one = (struct rules_node *)node;
    return compile_pieces(c, &one, 1, ret);
}

/* ---- columns ------------------------------------------------------------------------------ */

int compile_source(const struct compiler *c, const char *name)
{
    for (size_t i = 0; c->select && i < c->select->n_from; i++) {
        const struct rules_from *from = &c->select->from[i];
        if (strcmp(from->alias ? from->alias : from->name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

struct compile_alias *compile_alias_find(const struct compiler *c, const char *name)
{
    for (size_t i = c->n_aliases; i > 0; i--) {
        if (strcmp(c->aliases[i - 1].name, name) == 0) {
            return &c->aliases[i - 1];
        }
    }
    return NULL;
}

enum edge_status compile_slot(struct compiler *c, const struct rules_node *at, unsigned source,
                              unsigned meta, const char *name, uint16_t *ret)
{
    uint32_t symbol = rules_symbol(c->engine, name);
    for (uint16_t i = 0; i < c->p.n_slots; i++) {
        if (c->slots[i].symbol == symbol && c->slots[i].source == source &&
            c->slots[i].meta == meta) {
            *ret = i;
            return EDGE_OK;
        }
    }
    if (c->p.n_slots == 1000) {
        return compile_fail(c, at, "more than 1000 columns");
    }
    edge_make_room(&c->ctx->arena, c->slots, c->p.n_slots, c->cap_slots);
    c->slots[c->p.n_slots] = (struct rules_slot){.name = c->engine->symbols[symbol],
                                                 .symbol = symbol,
                                                 .source = (uint8_t)source,
                                                 .meta = (uint8_t)meta};
    *ret = c->p.n_slots++;
    return EDGE_OK;
}

/* An alias hides the column of its name; but where no aggregate can stand, "avg(a) AS a" is not meant. */
struct compile_alias *compile_alias_visible(const struct compiler *c, const char *name)
{
    struct compile_alias *alias = compile_alias_find(c, name);
    struct rules_node use = {.kind = RULES_N_COLUMN, .name = name};
    return alias && c->place == PLACE_ROW && compile_has_aggregate(c, &use) ? NULL : alias;
}

static unsigned any_source(const struct compiler *c)
{
    return c->p.n_sources > 1 ? RULES_ANY : 0;
}

static enum edge_status compile_alias_use(struct compiler *c, const struct rules_node *node,
                                          struct compile_alias *alias)
{
    if (!alias->done) {
        if (alias->begun) {
            return compile_fail(c, node, "alias '%s' is defined by itself", alias->name);
        }
        bool saw = c->saw_aggregate;
        const char *self = c->self_name;
        alias->begun = true;
        c->saw_aggregate = false;
        c->self_name = alias->name;
        EDGE_TRY(compile_piece(c, alias->node, &alias->code));
        alias->aggregates = c->saw_aggregate;
        c->self_name = self;
        c->saw_aggregate = saw;
        alias->done = true;
    }
    if (alias->aggregates && c->place == PLACE_ROW) {
        return compile_fail(c, node, "%s has no aggregates, and '%s' is one", c->where,
                            alias->name);
    }
    c->saw_aggregate |= alias->aggregates;
    return compile_emit(c, node, OP_ALIAS, 0, (uint16_t)(alias - c->aliases), alias->code);
}

static enum edge_status compile_column_named(struct compiler *c, const struct rules_node *node,
                                             const char *name)
{
    struct compile_alias *alias = compile_alias_visible(c, name);
    if (alias && !(c->self_name && strcmp(c->self_name, name) == 0)) {
        return compile_alias_use(c, node, alias);
    }
    uint16_t slot;
    EDGE_TRY(compile_slot(c, node, any_source(c), META_NO, name, &slot));
    return compile_emit(c, node, OP_SLOT, 0, slot, 0);
}

static enum edge_status compile_member(struct compiler *c, const struct rules_node *node)
{
    struct rules_value name = rules_text(node->name);
    uint32_t k;
    EDGE_TRY(compile_constant(c, node, &name, &k));
    return compile_emit(c, node, OP_MEMBER, 0, 0, k);
}

static enum edge_status compile_column(struct compiler *c, const struct rules_node *node)
{
    if (!node->stream) {
        return compile_column_named(c, node, node->name);
    }
    int source = compile_source(c, node->stream);
    if (source < 0) { /* column.member */
        EDGE_TRY(compile_column_named(c, node, node->stream));
        return compile_member(c, node);
    }
    uint16_t slot;
    EDGE_TRY(compile_slot(c, node, (unsigned)source, META_NO, node->name, &slot));
    return compile_emit(c, node, OP_SLOT, 0, slot, 0);
}

const char *const RULES_META_NAMES[] = {
    "", "*", "id", "deviceName", "profileName", "sourceName", "origin", "tags", "correlationid"};

static unsigned meta_of(const char *name)
{
    for (unsigned i = META_ID; i < META_READING; i++) {
        if (strcasecmp(RULES_META_NAMES[i], name) == 0) {
            return i;
        }
    }
    return META_READING;
}

static enum edge_status compile_meta(struct compiler *c, const struct rules_node *node)
{
    unsigned source = any_source(c);
    int named = node->stream ? compile_source(c, node->stream) : -1;
    bool member = node->stream && named < 0;
    const char *name = member ? node->stream : node->name;
    uint16_t slot;
    source = named >= 0 ? (unsigned)named : source;
    EDGE_TRY(
        compile_slot(c, node, source, name ? meta_of(name) : META_ALL, name ? name : "*", &slot));
    EDGE_TRY(compile_emit(c, node, OP_SLOT, 0, slot, 0));
    return member ? compile_member(c, node) : EDGE_OK;
}

static enum edge_status compile_star(struct compiler *c, const struct rules_node *node)
{
    int source = node->stream ? compile_source(c, node->stream) : -1;
    if (node->stream && source < 0) {
        return compile_fail(c, node, "there is no stream '%s' in FROM", node->stream);
    }
    c->p.whole = true;
    return compile_emit(c, node, OP_ROW, source < 0 ? (uint8_t)RULES_ANY : (uint8_t)source, 0, 0);
}

/* ---- operators ---------------------------------------------------------------------------- */

static void patch(struct code_list *list, size_t at)
{
    list->at[at].c = (uint32_t)list->n;
    list->label = list->n;
}

/* AND and OR: the right side only where it decides. */
static enum edge_status compile_logic(struct compiler *c, const struct rules_node *node)
{
    EDGE_TRY(compile_node(c, node->args[0]));
    size_t jump = c->into->n;
    EDGE_TRY(compile_emit(c, node, node->op == RULES_OP_AND ? OP_AND : OP_OR, 0, 0, 0));
    EDGE_TRY(compile_node(c, node->args[1]));
    EDGE_TRY(compile_emit(c, node, OP_TRUTH, 0, 0, 0));
    patch(c->into, jump);
    return EDGE_OK;
}

static enum edge_status compile_args(struct compiler *c, const struct rules_node *node)
{
    for (size_t i = 0; i < node->n_args; i++) {
        EDGE_TRY(node->args[i] ? compile_node(c, node->args[i]) : EDGE_OK);
    }
    return EDGE_OK;
}

static unsigned mirrored(unsigned op)
{
    static const uint8_t mirror[RULES_OPS] = {
        [RULES_OP_EQ] = RULES_OP_EQ, [RULES_OP_NE] = RULES_OP_NE, [RULES_OP_LT] = RULES_OP_GT,
        [RULES_OP_LE] = RULES_OP_GE, [RULES_OP_GT] = RULES_OP_LT, [RULES_OP_GE] = RULES_OP_LE};
    return mirror[op];
}

static enum edge_status compile_binary(struct compiler *c, const struct rules_node *node)
{
    if (node->op == RULES_OP_AND || node->op == RULES_OP_OR) {
        return compile_logic(c, node);
    }
    unsigned op = node->op;
    bool test = op >= RULES_OP_EQ && op <= RULES_OP_GE;
    if (test && node->args[0]->kind == RULES_N_CONST) { /* "30 < t" as "t > 30" */
        EDGE_TRY(compile_node(c, node->args[1]));
        EDGE_TRY(compile_node(c, node->args[0]));
        op = mirrored(op);
    } else {
        EDGE_TRY(compile_args(c, node));
    }
    return compile_emit(c, node, test ? OP_COMPARE : OP_ARITH, (uint8_t)op, 0, 0);
}

static enum edge_status compile_case(struct compiler *c, const struct rules_node *node)
{
    size_t *ends = edge_new_n(&c->ctx->arena, size_t, node->n_args / 2 + 1), n_ends = 0;
    if (node->subject) {
        EDGE_TRY(compile_node(c, node->subject));
    }
    for (size_t i = 0; i + 1 < node->n_args; i += 2) {
        EDGE_TRY(node->subject ? compile_emit(c, node, OP_DUP, 0, 0, 0) : EDGE_OK);
        c->into->label = c->into->n;
        EDGE_TRY(compile_node(c, node->args[i]));
        EDGE_TRY(node->subject ? compile_emit(c, node, OP_COMPARE, RULES_OP_EQ, 0, 0) : EDGE_OK);
        size_t next = c->into->n;
        EDGE_TRY(compile_emit(c, node, OP_IF_NOT, 0, 0, 0));
        c->into->label = c->into->n;
        EDGE_TRY(compile_node(c, node->args[i + 1]));
        ends[n_ends++] = c->into->n;
        EDGE_TRY(compile_emit(c, node, OP_JUMP, 0, 0, 0));
        patch(c->into, next);
    }
    EDGE_TRY(node->otherwise ? compile_node(c, node->otherwise)
                             : compile_emit(c, node, OP_MISSING, 0, 0, 0));
    for (size_t i = 0; i < n_ends; i++) {
        patch(c->into, ends[i]);
    }
    return node->subject ? compile_emit(c, node, OP_UNDER, 0, 0, 0) : EDGE_OK;
}

static enum edge_status compile_test(struct compiler *c, const struct rules_node *node)
{
    static const uint8_t ops[] = {[RULES_N_IN] = OP_IN,
                                  [RULES_N_IN_LIST] = OP_IN_LIST,
                                  [RULES_N_BETWEEN] = OP_BETWEEN,
                                  [RULES_N_LIKE] = OP_LIKE,
                                  [RULES_N_IS_NULL] = OP_IS_NULL};
    EDGE_TRY(compile_args(c, node));
    uint16_t n = node->kind == RULES_N_IN ? (uint16_t)(node->n_args - 1) : 0;
    if (n > RULES_ARGS_MAX * 8) {
        return compile_fail(c, node, "IN has more than %d values", RULES_ARGS_MAX * 8);
    }
    return compile_emit(c, node, ops[node->kind], node->negated, n, 0);
}

static enum edge_status compile_slice(struct compiler *c, const struct rules_node *node)
{
    EDGE_TRY(compile_args(c, node));
    uint8_t which = (uint8_t)((node->args[1] ? 1 : 0) | (node->args[2] ? 2 : 0));
    return compile_emit(c, node, OP_SLICE, which, 0, 0);
}

enum edge_status compile_node(struct compiler *c, const struct rules_node *node)
{
    uint32_t k;
    switch (node->kind) {
    case RULES_N_CONST:
        EDGE_TRY(compile_constant(c, node, &node->value, &k));
        return compile_emit(c, node, OP_CONST, 0, 0, k);
    case RULES_N_COLUMN:
        return compile_column(c, node);
    case RULES_N_STAR:
        return compile_star(c, node);
    case RULES_N_META:
        return compile_meta(c, node);
    case RULES_N_UNARY:
        EDGE_TRY(compile_node(c, node->args[0]));
        return compile_emit(c, node, node->op == RULES_OP_NEG ? OP_NEG : OP_NOT, 0, 0, 0);
    case RULES_N_BINARY:
        return compile_binary(c, node);
    case RULES_N_MEMBER:
        EDGE_TRY(compile_node(c, node->args[0]));
        return compile_member(c, node);
    case RULES_N_INDEX:
        EDGE_TRY(compile_args(c, node));
        return compile_emit(c, node, OP_INDEX, 0, 0, 0);
    case RULES_N_SLICE:
        return compile_slice(c, node);
    case RULES_N_CALL:
        return compile_call(c, node);
    case RULES_N_CASE:
        return compile_case(c, node);
    default:
        return compile_test(c, node);
    }
}
