/* Expressions: operators by their rank, what stands behind a value, calls. */
#include <string.h>
#include <strings.h>

#include "rules_functions.h"
#include "rules_parse.h"

enum { HEIGHT_MAX = 400 }; /* of the tree: who walks it does so by recursion */

/* Ranks of operators, higher binds closer. Between AND and comparisons stands NOT. */
enum { RANK_OR = 1, RANK_AND, RANK_NOT, RANK_COMPARE, RANK_ADD, RANK_MUL };

static const struct {
    const char *text;
    uint8_t op, rank;
    bool word;
} OPERATORS[] = {
    {"or",  RULES_OP_OR,      RANK_OR,      true },
    {"and", RULES_OP_AND,     RANK_AND,     true },
    {"=",   RULES_OP_EQ,      RANK_COMPARE, false},
    {"==",  RULES_OP_EQ,      RANK_COMPARE, false},
    {"!=",  RULES_OP_NE,      RANK_COMPARE, false},
    {"<>",  RULES_OP_NE,      RANK_COMPARE, false},
    {"<=",  RULES_OP_LE,      RANK_COMPARE, false},
    {"<",   RULES_OP_LT,      RANK_COMPARE, false},
    {">=",  RULES_OP_GE,      RANK_COMPARE, false},
    {">",   RULES_OP_GT,      RANK_COMPARE, false},
    {"+",   RULES_OP_ADD,     RANK_ADD,     false},
    {"-",   RULES_OP_SUB,     RANK_ADD,     false},
    {"|",   RULES_OP_BIT_OR,  RANK_ADD,     false},
    {"^",   RULES_OP_BIT_XOR, RANK_ADD,     false},
    {"*",   RULES_OP_MUL,     RANK_MUL,     false},
    {"/",   RULES_OP_DIV,     RANK_MUL,     false},
    {"%",   RULES_OP_MOD,     RANK_MUL,     false},
    {"&",   RULES_OP_BIT_AND, RANK_MUL,     false},
};

static enum edge_status parse_ranked(struct parser *p, int rank, struct rules_node **ret);
static enum edge_status parse_operand(struct parser *p, bool star, struct rules_node **ret);

/* ---- nodes -------------------------------------------------------------------------------- */

static enum edge_status node_new(struct parser *p, const struct rules_token *at, uint8_t kind,
                                 struct rules_node **ret)
{
    if (++p->n_nodes > RULES_NODES_MAX) {
        return rules_fail_at(p->lexer.ctx, at->line, at->column, "more than %d expressions",
                             RULES_NODES_MAX);
    }
    *ret = edge_new(&p->lexer.ctx->arena, struct rules_node);
    **ret = (struct rules_node){.kind = kind, .line = at->line, .column = at->column};
    return EDGE_OK;
}

static void grow(struct rules_node *node, const struct rules_node *child)
{
    if (child && child->height >= node->height) {
        node->height = (uint16_t)(child->height + 1);
    }
}

static enum edge_status node_done(struct parser *p, struct rules_node *node)
{
    for (size_t i = 0; i < node->n_args; i++) {
        grow(node, node->args[i]);
    }
    for (size_t i = 0; i < node->n_partition; i++) {
        grow(node, node->partition[i]);
    }
    grow(node, node->subject);
    grow(node, node->otherwise);
    grow(node, node->filter);
    grow(node, node->when);
    return node->height <= HEIGHT_MAX
               ? EDGE_OK
               : rules_fail_at(p->lexer.ctx, node->line, node->column,
                               "more than %d operators within each other", HEIGHT_MAX);
}

static enum edge_status node_of(struct parser *p, const struct rules_token *at, uint8_t kind,
                                struct rules_node *a, struct rules_node *b, struct rules_node *c,
                                struct rules_node **ret)
{
    EDGE_TRY(node_new(p, at, kind, ret));
    struct rules_node *node = *ret;
    node->args = edge_new_n(&p->lexer.ctx->arena, struct rules_node *, 3);
    node->args[0] = a;
    node->args[1] = b;
    node->args[2] = c;
    node->n_args = c || kind == RULES_N_SLICE ? 3 : b ? 2 : 1;
    return node_done(p, node);
}

static enum edge_status deeper(struct parser *p)
{
    return ++p->depth <= RULES_DEPTH_MAX
               ? EDGE_OK
               : rules_fail_at(p->lexer.ctx, p->token.line, p->token.column,
                               "more than %d expressions within each other", RULES_DEPTH_MAX);
}

enum edge_status parse_star(struct parser *p, const char *stream, struct rules_node **ret)
{
    EDGE_TRY(node_new(p, &p->token, RULES_N_STAR, ret));
    (*ret)->stream = stream;
    return parse_advance(p);
}

/* ---- what is behind a value --------------------------------------------------------------- */

static enum edge_status parse_member_name(struct parser *p, const char **ret)
{
    if (p->token.kind != RULES_T_NAME) { /* a keyword will do here */
        return parse_unexpected(p, "the name of a member");
    }
    *ret = p->token.text;
    return parse_advance(p);
}

static enum edge_status parse_member(struct parser *p, struct rules_node **node)
{
    struct rules_node *member;
    struct rules_token at = p->token;
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(node_of(p, &at, RULES_N_MEMBER, *node, NULL, NULL, &member));
    *node = member;
    return parse_member_name(p, &member->name);
}

/* [i], [from:to], [:to], [from:], [:] */
static enum edge_status parse_index(struct parser *p, struct rules_node **node)
{
    struct rules_node *from = NULL, *to = NULL;
    struct rules_token at = p->token;
    EDGE_TRY(deeper(p));
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(parse_at_sign(p, ":") ? EDGE_OK : parse_ranked(p, RANK_OR, &from));
    bool slice = parse_at_sign(p, ":");
    if (slice) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_at_sign(p, "]") ? EDGE_OK : parse_ranked(p, RANK_OR, &to));
    }
    EDGE_TRY(parse_sign(p, "]"));
    p->depth--;
    return node_of(p, &at, slice ? RULES_N_SLICE : RULES_N_INDEX, *node, from, to, node);
}

static enum edge_status parse_behind(struct parser *p, struct rules_node **node)
{
    for (;;) {
        if (parse_at_sign(p, "->") || parse_at_sign(p, ".")) {
            EDGE_TRY(parse_member(p, node));
        } else if (parse_at_sign(p, "[")) {
            EDGE_TRY(parse_index(p, node));
        } else {
            return EDGE_OK;
        }
    }
}

/* ---- calls -------------------------------------------------------------------------------- */

enum edge_status parse_filter(struct parser *p, struct rules_node **ret)
{
    EDGE_TRY(parse_word(p, "filter"));
    EDGE_TRY(parse_sign(p, "("));
    EDGE_TRY(parse_word(p, "where"));
    EDGE_TRY(parse_expression(p, ret));
    return parse_sign(p, ")");
}

static enum edge_status parse_over(struct parser *p, struct rules_node *call)
{
    struct node_list keys = {0};
    EDGE_TRY(parse_word(p, "over"));
    EDGE_TRY(parse_sign(p, "("));
    if (parse_at_word(p, "partition")) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_word(p, "by"));
        for (bool more = true; more;) {
            struct rules_node *key;
            EDGE_TRY(parse_expression(p, &key));
            EDGE_TRY(parse_push_node(p, &keys, key));
            more = parse_at_sign(p, ",");
            EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
        }
        call->partition = keys.at;
        call->n_partition = keys.n;
    }
    if (parse_at_word(p, "when")) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_expression(p, &call->when));
    } else if (keys.n == 0) {
        return parse_unexpected(p, "PARTITION BY or WHEN");
    }
    return parse_sign(p, ")");
}

static enum edge_status parse_args(struct parser *p, struct rules_node *call)
{
    struct node_list args = {0};
    EDGE_TRY(parse_sign(p, "("));
    while (!parse_at_sign(p, ")")) {
        struct rules_node *arg;
        if (args.n > 0) {
            EDGE_TRY(parse_at_sign(p, ",") ? parse_advance(p)
                                           : parse_unexpected(p, "an operator, ',' or ')'"));
        }
        if (args.n == RULES_ARGS_MAX) {
            return parse_unexpected(p, "no more than 64 arguments");
        }
        EDGE_TRY(parse_at_sign(p, "*") ? parse_star(p, NULL, &arg)
                                       : parse_expression_or_star(p, &arg));
        EDGE_TRY(parse_push_node(p, &args, arg));
    }
    call->args = args.at;
    call->n_args = args.n;
    return parse_sign(p, ")");
}

/* meta(name), meta(stream.name), meta(reading->key), meta(*) */
static enum edge_status parse_meta(struct parser *p, struct rules_node **ret)
{
    EDGE_TRY(node_new(p, &p->token, RULES_N_META, ret));
    struct rules_node *meta = *ret;
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(parse_sign(p, "("));
    if (parse_at_sign(p, "*")) {
        EDGE_TRY(parse_advance(p));
        return parse_sign(p, ")");
    }
    EDGE_TRY(parse_member_name(p, &meta->name));
    if (parse_at_sign(p, ".")) {
        EDGE_TRY(parse_advance(p));
        meta->stream = meta->name;
        EDGE_TRY(parse_member_name(p, &meta->name));
    }
    EDGE_TRY(parse_behind(p, ret));
    return parse_sign(p, ")");
}

static enum edge_status parse_call(struct parser *p, struct rules_node **ret)
{
    EDGE_TRY(deeper(p));
    if (strcasecmp(p->token.text, "meta") == 0) {
        EDGE_TRY(parse_meta(p, ret));
        p->depth--;
        return EDGE_OK;
    }
    struct rules_node *call;
    EDGE_TRY(node_new(p, &p->token, RULES_N_CALL, &call));
    call->name = p->token.text;
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(parse_args(p, call));
    EDGE_TRY(parse_at_word(p, "filter") ? parse_filter(p, &call->filter) : EDGE_OK);
    EDGE_TRY(parse_at_word(p, "over") ? parse_over(p, call) : EDGE_OK);
    p->depth--;
    *ret = call;
    return node_done(p, call);
}

/* ---- CASE --------------------------------------------------------------------------------- */

static enum edge_status parse_case(struct parser *p, struct rules_node **ret)
{
    struct node_list args = {0};
    struct rules_node *node, *arg;
    EDGE_TRY(deeper(p));
    EDGE_TRY(node_new(p, &p->token, RULES_N_CASE, &node));
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(parse_at_word(p, "when") ? EDGE_OK : parse_expression(p, &node->subject));
    if (!parse_at_word(p, "when")) {
        return parse_unexpected(p, "WHEN");
    }
    while (parse_at_word(p, "when")) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_expression(p, &arg));
        EDGE_TRY(parse_push_node(p, &args, arg));
        EDGE_TRY(parse_word(p, "then"));
        EDGE_TRY(parse_expression(p, &arg));
        EDGE_TRY(parse_push_node(p, &args, arg));
    }
    if (parse_at_word(p, "else")) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_expression(p, &node->otherwise));
    }
    EDGE_TRY(parse_at_word(p, "end") ? parse_advance(p) : parse_unexpected(p, "WHEN, ELSE or END"));
    p->depth--;
    node->args = args.at;
    node->n_args = args.n;
    *ret = node;
    return node_done(p, node);
}

/* ---- values ------------------------------------------------------------------------------- */

static enum edge_status parse_constant(struct parser *p, struct rules_value value,
                                       struct rules_node **ret)
{
    EDGE_TRY(node_new(p, &p->token, RULES_N_CONST, ret));
    (*ret)->value = value;
    return parse_advance(p);
}

static enum edge_status parse_column(struct parser *p, bool star, struct rules_node **ret)
{
    struct rules_token at = p->token;
    const char *name, *stream = NULL;
    EDGE_TRY(parse_name(p, "a value", &name));
    if (parse_at_sign(p, ".")) {
        EDGE_TRY(parse_advance(p));
        if (star && parse_at_sign(p, "*")) {
            return parse_star(p, name, ret);
        }
        stream = name;
        EDGE_TRY(parse_member_name(p, &name));
    }
    EDGE_TRY(node_new(p, &at, RULES_N_COLUMN, ret));
    (*ret)->stream = stream;
    (*ret)->name = name;
    return EDGE_OK;
}

static enum edge_status parse_primary(struct parser *p, bool star, struct rules_node **ret)
{
    const struct rules_token *t = &p->token;
    if (t->kind == RULES_T_NUMBER) {
        return parse_constant(p, t->value, ret);
    }
    if (t->kind == RULES_T_TEXT) {
        return parse_constant(p, rules_text(t->text), ret);
    }
    if (parse_at_sign(p, "(")) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_expression(p, ret));
        return parse_at_sign(p, ")") ? parse_advance(p) : parse_unexpected(p, "an operator or ')'");
    }
    if (t->kind == RULES_T_NAME && !t->quoted) {
        if (parse_at_word(p, "true") || parse_at_word(p, "false")) {
            return parse_constant(p, rules_bool(parse_at_word(p, "true")), ret);
        }
        if (parse_at_word(p, "null")) {
            return parse_constant(p, rules_null(), ret);
        }
        if (parse_at_word(p, "case")) {
            return parse_case(p, ret);
        }
        if (parse_next_is(p, "(") && (!rules_is_keyword(t->text) || parse_at_word(p, "replace"))) {
            return parse_call(p, ret);
        }
    }
    return parse_column(p, star, ret);
}

static enum edge_status parse_unary(struct parser *p, uint8_t op, int rank, struct rules_node **ret)
{
    struct rules_token at = p->token;
    struct rules_node *operand;
    EDGE_TRY(deeper(p));
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(rank ? parse_ranked(p, rank, &operand) : parse_operand(p, false, &operand));
    EDGE_TRY(node_of(p, &at, RULES_N_UNARY, operand, NULL, NULL, ret));
    (*ret)->op = op;
    p->depth--;
    return EDGE_OK;
}

static enum edge_status parse_operand(struct parser *p, bool star, struct rules_node **ret)
{
    if (parse_at_sign(p, "-")) {
        return parse_unary(p, RULES_OP_NEG, 0, ret);
    }
    EDGE_TRY(parse_primary(p, star, ret));
    return (*ret)->kind == RULES_N_STAR ? EDGE_OK : parse_behind(p, ret);
}

/* ---- operators ---------------------------------------------------------------------------- */

static enum edge_status parse_in(struct parser *p, const struct rules_token *at, bool negated,
                                 struct rules_node **node)
{
    EDGE_TRY(parse_advance(p));
    if (!parse_at_sign(p, "(")) { /* an array */
        struct rules_node *list;
        EDGE_TRY(parse_ranked(p, RANK_ADD, &list));
        EDGE_TRY(node_of(p, at, RULES_N_IN_LIST, *node, list, NULL, node));
        (*node)->negated = negated;
        return EDGE_OK;
    }
    struct node_list args = {0};
    EDGE_TRY(parse_push_node(p, &args, *node));
    EDGE_TRY(parse_advance(p));
    for (bool more = true; more;) {
        struct rules_node *arg;
        EDGE_TRY(parse_expression(p, &arg));
        EDGE_TRY(parse_push_node(p, &args, arg));
        more = parse_at_sign(p, ",");
        EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
    }
    EDGE_TRY(parse_sign(p, ")"));
    EDGE_TRY(node_new(p, at, RULES_N_IN, node));
    (*node)->args = args.at;
    (*node)->n_args = args.n;
    (*node)->negated = negated;
    return node_done(p, *node);
}

/* [NOT] IN, BETWEEN, LIKE, IS [NOT] NULL; false where none of them is there. */
static enum edge_status parse_test(struct parser *p, struct rules_node **node, bool *ret)
{
    struct rules_token at = p->token;
    struct rules_node *low, *high = NULL;
    bool negated = parse_at_word(p, "not");
    *ret = true;
    EDGE_TRY(negated ? parse_advance(p) : EDGE_OK);
    if (parse_at_word(p, "in")) {
        return parse_in(p, &at, negated, node);
    }
    if (parse_at_word(p, "between") || parse_at_word(p, "like")) {
        bool between = parse_at_word(p, "between");
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_ranked(p, RANK_ADD, &low));
        if (between) {
            EDGE_TRY(parse_word(p, "and"));
            EDGE_TRY(parse_ranked(p, RANK_ADD, &high));
        }
        EDGE_TRY(node_of(p, &at, between ? RULES_N_BETWEEN : RULES_N_LIKE, *node, low, high, node));
        (*node)->negated = negated;
        return EDGE_OK;
    }
    if (negated) {
        return parse_unexpected(p, "IN, BETWEEN or LIKE");
    }
    if (parse_at_word(p, "is")) {
        EDGE_TRY(parse_advance(p));
        negated = parse_at_word(p, "not");
        EDGE_TRY(negated ? parse_advance(p) : EDGE_OK);
        EDGE_TRY(parse_word(p, "null"));
        EDGE_TRY(node_of(p, &at, RULES_N_IS_NULL, *node, NULL, NULL, node));
        (*node)->negated = negated;
        return EDGE_OK;
    }
    *ret = false;
    return EDGE_OK;
}

/* The operator that is next, where its rank is at least @p rank; NULL: none. */
static size_t operator_at(const struct parser *p, int rank)
{
    size_t n = sizeof(OPERATORS) / sizeof(OPERATORS[0]);
    for (size_t i = 0; i < n; i++) {
        if (OPERATORS[i].rank >= rank &&
            (OPERATORS[i].word ? parse_at_word(p, OPERATORS[i].text)
                               : parse_at_sign(p, OPERATORS[i].text))) {
            return i;
        }
    }
    return n;
}

static enum edge_status parse_ranked_from(struct parser *p, int rank, bool star,
                                          struct rules_node **ret)
{
    struct rules_node *left, *right;
    if (rank <= RANK_NOT && parse_at_word(p, "not")) {
        EDGE_TRY(parse_unary(p, RULES_OP_NOT, RANK_NOT, &left));
    } else {
        EDGE_TRY(parse_operand(p, star, &left));
    }
    while (left->kind != RULES_N_STAR) {
        bool test = false;
        if (rank <= RANK_COMPARE) {
            EDGE_TRY(parse_test(p, &left, &test));
        }
        size_t i = test ? 0 : operator_at(p, rank);
        if (test) {
            continue;
        }
        if (i == sizeof(OPERATORS) / sizeof(OPERATORS[0])) {
            break;
        }
        struct rules_token at = p->token;
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_ranked(p, OPERATORS[i].rank + 1, &right));
        EDGE_TRY(node_of(p, &at, RULES_N_BINARY, left, right, NULL, &left));
        left->op = OPERATORS[i].op;
    }
    *ret = left;
    return EDGE_OK;
}

static enum edge_status parse_ranked(struct parser *p, int rank, struct rules_node **ret)
{
    return parse_ranked_from(p, rank, false, ret);
}

enum edge_status parse_expression(struct parser *p, struct rules_node **ret)
{
    EDGE_TRY(deeper(p));
    EDGE_TRY(parse_ranked(p, RANK_OR, ret));
    p->depth--;
    return EDGE_OK;
}

enum edge_status parse_expression_or_star(struct parser *p, struct rules_node **ret)
{
    EDGE_TRY(deeper(p));
    EDGE_TRY(parse_ranked_from(p, RANK_OR, true, ret));
    p->depth--;
    return EDGE_OK;
}
