/* A statement as SQL again: with the parentheses it needs, names in back ticks. */
#include <string.h>

#include "edge/text.h"
#include "rules_ast.h"

static const char *const OP_TEXTS[RULES_OPS] = {
    "",  "OR", "AND", "=", "!=", "<", "<=", ">", ">=", "+",
    "-", "*",  "/",   "%", "&",  "|", "^",  "-", "NOT"};

const char *rules_op_text(unsigned op)
{
    return op < RULES_OPS ? OP_TEXTS[op] : "";
}

enum { RANK_PRIMARY = 9, RANK_NEG = 8, RANK_MUL = 6, RANK_ADD = 5, RANK_COMPARE = 4, RANK_NOT = 3 };

static int rank_of(const struct rules_node *n)
{
    static const uint8_t ranks[RULES_OPS] = {0, 1, 2, 4, 4, 4, 4, 4, 4, 5,
                                             5, 6, 6, 6, 6, 5, 5, 8, 3};
    switch (n->kind) {
    case RULES_N_UNARY:
    case RULES_N_BINARY:
        return ranks[n->op];
    case RULES_N_IN:
    case RULES_N_IN_LIST:
    case RULES_N_BETWEEN:
    case RULES_N_LIKE:
    case RULES_N_IS_NULL:
        return RANK_COMPARE;
    default:
        return RANK_PRIMARY;
    }
}

static void put(struct edge_buf *out, const struct rules_node *n, int rank)
{
    bool parens = rank_of(n) < rank;
    edge_buf_puts(out, parens ? "(" : "");
    rules_print_expression(out, n);
    edge_buf_puts(out, parens ? ")" : "");
}

static void put_name(struct edge_buf *out, const char *name)
{
    edge_buf_putc(out, '`');
    for (; *name; name++) {
        if (*name == '`') {
            edge_buf_putc(out, '`');
        }
        edge_buf_putc(out, *name);
    }
    edge_buf_putc(out, '`');
}

static void put_text(struct edge_buf *out, const char *text)
{
    edge_buf_putc(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') {
            edge_buf_putc(out, *text == '\'' ? '\'' : '\\');
        }
        edge_buf_putc(out, *text);
    }
    edge_buf_putc(out, '\'');
}

static void put_real(struct edge_buf *out, double f)
{
    char text[EDGE_REAL_TEXT_SIZE];
    edge_real_json(f, text);
    edge_buf_puts(out, text);
    if (!strpbrk(text, ".eE")) {
        edge_buf_puts(out, ".0");
    }
}

static void put_value(struct edge_buf *out, const struct rules_value *v)
{
    switch (v->kind) {
    case RULES_BOOL:
        edge_buf_puts(out, v->b ? "TRUE" : "FALSE");
        break;
    case RULES_INT:
    case RULES_UINT:
        edge_buf_put_u64(out, v->u);
        break;
    case RULES_REAL:
        put_real(out, v->f);
        break;
    case RULES_TEXT:
        put_text(out, v->text);
        break;
    default:
        edge_buf_puts(out, "NULL");
    }
}

static void put_list(struct edge_buf *out, struct rules_node *const *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        edge_buf_puts(out, i ? ", " : "");
        put(out, nodes[i], 0);
    }
}

static void put_qualified(struct edge_buf *out, const char *stream, const char *name)
{
    if (stream) {
        put_name(out, stream);
        edge_buf_putc(out, '.');
    }
    if (name) {
        put_name(out, name);
    } else {
        edge_buf_putc(out, '*');
    }
}

static void put_filter(struct edge_buf *out, const struct rules_node *filter)
{
    if (filter) {
        edge_buf_puts(out, " FILTER (WHERE ");
        put(out, filter, 0);
        edge_buf_putc(out, ')');
    }
}

static void put_call(struct edge_buf *out, const struct rules_node *n)
{
    /* a call's name is a word, never quoted: it has no back ticks to begin with */
    edge_buf_puts(out, n->name);
    edge_buf_putc(out, '(');
    put_list(out, n->args, n->n_args);
    edge_buf_putc(out, ')');
    put_filter(out, n->filter);
    if (n->n_partition || n->when) {
        edge_buf_puts(out, " OVER (");
        if (n->n_partition) {
            edge_buf_puts(out, "PARTITION BY ");
            put_list(out, n->partition, n->n_partition);
        }
        if (n->when) {
            edge_buf_puts(out, n->n_partition ? " WHEN " : "WHEN ");
            put(out, n->when, 0);
        }
        edge_buf_putc(out, ')');
    }
}

static void put_case(struct edge_buf *out, const struct rules_node *n)
{
    edge_buf_puts(out, "CASE");
    if (n->subject) {
        edge_buf_putc(out, ' ');
        put(out, n->subject, 0);
    }
    for (size_t i = 0; i + 1 < n->n_args; i += 2) {
        edge_buf_puts(out, " WHEN ");
        put(out, n->args[i], 0);
        edge_buf_puts(out, " THEN ");
        put(out, n->args[i + 1], 0);
    }
    if (n->otherwise) {
        edge_buf_puts(out, " ELSE ");
        put(out, n->otherwise, 0);
    }
    edge_buf_puts(out, " END");
}

/* IN, BETWEEN, LIKE, IS NULL */
static void put_test(struct edge_buf *out, const struct rules_node *n)
{
    put(out, n->args[0], RANK_COMPARE);
    if (n->kind == RULES_N_IS_NULL) {
        edge_buf_puts(out, n->negated ? " IS NOT NULL" : " IS NULL");
        return;
    }
    edge_buf_puts(out, n->negated ? " NOT" : "");
    switch (n->kind) {
    case RULES_N_IN:
        edge_buf_puts(out, " IN (");
        put_list(out, n->args + 1, n->n_args - 1);
        edge_buf_putc(out, ')');
        break;
    case RULES_N_IN_LIST:
        edge_buf_puts(out, " IN ");
        put(out, n->args[1], RANK_ADD);
        break;
    case RULES_N_BETWEEN:
        edge_buf_puts(out, " BETWEEN ");
        put(out, n->args[1], RANK_ADD);
        edge_buf_puts(out, " AND ");
        put(out, n->args[2], RANK_ADD);
        break;
    default:
        edge_buf_puts(out, " LIKE ");
        put(out, n->args[1], RANK_ADD);
    }
}

static void put_slice(struct edge_buf *out, const struct rules_node *n)
{
    put(out, n->args[0], RANK_PRIMARY);
    edge_buf_putc(out, '[');
    for (int i = 1; i <= 2; i++) {
        edge_buf_puts(out, i == 2 ? ":" : "");
        if (n->args[i]) {
            put(out, n->args[i], 0);
        }
    }
    edge_buf_putc(out, ']');
}

void rules_print_expression(struct edge_buf *out, const struct rules_node *n)
{
    switch (n->kind) {
    case RULES_N_CONST:
        put_value(out, &n->value);
        break;
    case RULES_N_COLUMN:
    case RULES_N_STAR:
        put_qualified(out, n->stream, n->name);
        break;
    case RULES_N_META:
        edge_buf_puts(out, "meta(");
        put_qualified(out, n->stream, n->name);
        edge_buf_putc(out, ')');
        break;
    case RULES_N_UNARY: {
        bool neg = n->op == RULES_OP_NEG;
        edge_buf_puts(out, neg ? "-" : "NOT ");
        put(out, n->args[0], neg ? RANK_PRIMARY : RANK_NOT);
        break;
    }
    case RULES_N_BINARY:
        put(out, n->args[0], rank_of(n));
        edge_buf_putc(out, ' ');
        edge_buf_puts(out, OP_TEXTS[n->op]);
        edge_buf_putc(out, ' ');
        put(out, n->args[1], rank_of(n) + 1);
        break;
    case RULES_N_MEMBER:
        put(out, n->args[0], RANK_PRIMARY);
        edge_buf_puts(out, "->");
        put_name(out, n->name);
        break;
    case RULES_N_INDEX:
        put(out, n->args[0], RANK_PRIMARY);
        edge_buf_putc(out, '[');
        put(out, n->args[1], 0);
        edge_buf_putc(out, ']');
        break;
    case RULES_N_SLICE:
        put_slice(out, n);
        break;
    case RULES_N_CALL:
        put_call(out, n);
        break;
    case RULES_N_CASE:
        put_case(out, n);
        break;
    default:
        put_test(out, n);
    }
}

/* ---- clauses ------------------------------------------------------------------------------ */

static void put_item(struct edge_buf *out, const struct rules_item *item)
{
    put(out, item->node, 0);
    if (item->alias) {
        edge_buf_puts(out, " AS ");
        put_name(out, item->alias);
    }
    for (size_t i = 0; i < item->n_except; i++) {
        edge_buf_puts(out, i ? ", " : " EXCEPT (");
        put_name(out, item->except[i]);
    }
    edge_buf_puts(out, item->n_except ? ")" : "");
    for (size_t i = 0; i < item->n_replace; i++) {
        edge_buf_puts(out, i ? ", " : " REPLACE (");
        put_item(out, &item->replace[i]);
    }
    edge_buf_puts(out, item->n_replace ? ")" : "");
}

static void put_from(struct edge_buf *out, const struct rules_from *from)
{
    static const char *const joins[] = {" FROM ",       " INNER JOIN ", " LEFT JOIN ",
                                        " RIGHT JOIN ", " FULL JOIN ",  " CROSS JOIN "};
    edge_buf_puts(out, joins[from->join]);
    put_name(out, from->name);
    if (from->alias) {
        edge_buf_puts(out, " AS ");
        put_name(out, from->alias);
    }
    if (from->on) {
        edge_buf_puts(out, " ON ");
        put(out, from->on, 0);
    }
}

static void put_window(struct edge_buf *out, const struct rules_window *w)
{
    static const char *const names[] = {"",
                                        "TUMBLINGWINDOW(",
                                        "HOPPINGWINDOW(",
                                        "SLIDINGWINDOW(",
                                        "SESSIONWINDOW(",
                                        "COUNTWINDOW("};
    static const char *const units[] = {"dd, ", "hh, ", "mi, ", "ss, ", "ms, "};
    edge_buf_puts(out, names[w->kind]);
    edge_buf_puts(out, w->kind == RULES_W_COUNT ? "" : units[w->unit]);
    edge_buf_put_i64(out, w->length);
    if (w->second) {
        edge_buf_puts(out, ", ");
        edge_buf_put_i64(out, w->second);
    }
    edge_buf_putc(out, ')');
    put_filter(out, w->filter);
    if (w->when) {
        edge_buf_puts(out, " OVER (WHEN ");
        put(out, w->when, 0);
        edge_buf_putc(out, ')');
    }
}

static void put_condition(struct edge_buf *out, const char *word, const struct rules_node *n)
{
    if (n) {
        edge_buf_puts(out, word);
        put(out, n, 0);
    }
}

static void put_group(struct edge_buf *out, const struct rules_select *s)
{
    if (s->n_keys || s->window.kind != RULES_W_NONE) {
        edge_buf_puts(out, " GROUP BY ");
        put_list(out, s->keys, s->n_keys);
        if (s->window.kind != RULES_W_NONE) {
            edge_buf_puts(out, s->n_keys ? ", " : "");
            put_window(out, &s->window);
        }
    }
}

void rules_print(struct edge_buf *out, const struct rules_select *s)
{
    edge_buf_puts(out, "SELECT ");
    for (size_t i = 0; i < s->n_items; i++) {
        edge_buf_puts(out, i ? ", " : "");
        put_item(out, &s->items[i]);
    }
    for (size_t i = 0; i < s->n_from; i++) {
        put_from(out, &s->from[i]);
    }
    put_condition(out, " WHERE ", s->where);
    put_group(out, s);
    put_condition(out, " HAVING ", s->having);
    for (size_t i = 0; i < s->n_order; i++) {
        edge_buf_puts(out, i ? ", " : " ORDER BY ");
        put(out, s->order[i].node, 0);
        edge_buf_puts(out, s->order[i].descending ? " DESC" : "");
    }
    if (s->limit >= 0) {
        edge_buf_puts(out, " LIMIT ");
        edge_buf_put_i64(out, s->limit);
    }
}
