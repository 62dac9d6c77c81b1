/* From tokens to a statement: clauses here, expressions in rules_sql_expr.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "rules_parse.h"

enum edge_status rules_fail_at(struct edge_ctx *ctx, unsigned line, unsigned column,
                               const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return edge_fail(ctx, EDGE_INVALID, "line %u, column %u: %s", line, column, text);
}

/* ---- tokens ------------------------------------------------------------------------------- */

enum edge_status parse_advance(struct parser *p)
{
    p->token = p->next;
    return rules_lexer_next(&p->lexer, &p->next);
}

bool parse_at_word(const struct parser *p, const char *word)
{
    return p->token.kind == RULES_T_NAME && !p->token.quoted &&
           strcasecmp(p->token.text, word) == 0;
}

bool parse_next_is(const struct parser *p, const char *sign)
{
    return p->next.kind == RULES_T_SIGN && strcmp(p->next.text, sign) == 0;
}

bool parse_at_sign(const struct parser *p, const char *sign)
{
    return p->token.kind == RULES_T_SIGN && strcmp(p->token.text, sign) == 0;
}

enum edge_status parse_unexpected(const struct parser *p, const char *expected)
{
    const struct rules_token *t = &p->token;
    char found[80];
    if (t->kind == RULES_T_END) {
        snprintf(found, sizeof(found), "the end");
    } else if (t->kind == RULES_T_NUMBER) {
        snprintf(found, sizeof(found), "a number");
    } else {
        snprintf(found, sizeof(found), "%s'%.40s'", t->kind == RULES_T_TEXT ? "the text " : "",
                 t->text);
    }
    return rules_fail_at(p->lexer.ctx, t->line, t->column, "expected %s, found %s", expected,
                         found);
}

enum edge_status parse_word(struct parser *p, const char *word)
{
    return parse_at_word(p, word) ? parse_advance(p) : parse_unexpected(p, word);
}

enum edge_status parse_sign(struct parser *p, const char *sign)
{
    char expected[8];
    snprintf(expected, sizeof(expected), "'%s'", sign);
    return parse_at_sign(p, sign) ? parse_advance(p) : parse_unexpected(p, expected);
}

enum edge_status parse_name(struct parser *p, const char *expected, const char **ret)
{
    if (p->token.kind != RULES_T_NAME || (!p->token.quoted && rules_is_keyword(p->token.text))) {
        return parse_unexpected(p, expected);
    }
    *ret = p->token.text;
    return parse_advance(p);
}

/* ---- lists of what grows ------------------------------------------------------------------ */

/* One more at the end of a list; NULL, with the reason, where it has @p max. */
#define PUSH(p, list, n, cap, max, what)                                                           \
    ((n) >= (max) ? (parse_too_many(p, max, what), NULL)                                           \
                  : (edge_make_room(&(p)->lexer.ctx->arena, list, n, cap),                         \
                     memset(&(list)[n], 0, sizeof((list)[n])), &(list)[(n)++]))

static void parse_too_many(const struct parser *p, int max, const char *what)
{
    (void)rules_fail_at(p->lexer.ctx, p->token.line, p->token.column, "more than %d %s", max, what);
}

enum edge_status parse_push_node(struct parser *p, struct node_list *list, struct rules_node *node)
{
    struct rules_node **at;
    at = PUSH(p, list->at, list->n, list->cap, RULES_NODES_MAX, "expressions");
    if (!at) {
        return EDGE_INVALID;
    }
    *at = node;
    return EDGE_OK;
}

/* ---- SELECT ------------------------------------------------------------------------------- */

static enum edge_status parse_except(struct parser *p, struct rules_item *item)
{
    size_t cap = 0;
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(parse_sign(p, "("));
    for (bool more = true; more;) {
        const char **name;
        name = PUSH(p, item->except, item->n_except, cap, RULES_ITEMS_SELECT, "columns");
        if (!name) {
            return EDGE_INVALID;
        }
        EDGE_TRY(parse_name(p, "a column", name));
        more = parse_at_sign(p, ",");
        EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
    }
    return parse_sign(p, ")");
}

static enum edge_status parse_replace(struct parser *p, struct rules_item *item)
{
    size_t cap = 0;
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(parse_sign(p, "("));
    for (bool more = true; more;) {
        struct rules_item *at;
        at = PUSH(p, item->replace, item->n_replace, cap, RULES_ITEMS_SELECT, "columns");
        if (!at) {
            return EDGE_INVALID;
        }
        EDGE_TRY(parse_expression(p, &at->node));
        EDGE_TRY(parse_word(p, "as"));
        EDGE_TRY(parse_name(p, "a column", &at->alias));
        more = parse_at_sign(p, ",");
        EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
    }
    return parse_sign(p, ")");
}

static enum edge_status parse_item(struct parser *p, struct rules_item *item)
{
    if (parse_at_sign(p, "*")) {
        EDGE_TRY(parse_star(p, NULL, &item->node));
    } else if (p->token.kind == RULES_T_NAME && parse_next_is(p, ".")) {
        EDGE_TRY(parse_expression_or_star(p, &item->node));
    } else {
        EDGE_TRY(parse_expression(p, &item->node));
    }
    if (item->node->kind == RULES_N_STAR) {
        if (parse_at_word(p, "except")) {
            EDGE_TRY(parse_except(p, item));
        }
        return parse_at_word(p, "replace") ? parse_replace(p, item) : EDGE_OK;
    }
    if (parse_at_word(p, "as")) {
        EDGE_TRY(parse_advance(p));
        return parse_name(p, "a name", &item->alias);
    }
    return EDGE_OK;
}

static enum edge_status parse_items(struct parser *p, struct rules_select *s)
{
    size_t cap = 0;
    for (bool more = true; more;) {
        struct rules_item *item;
        item = PUSH(p, s->items, s->n_items, cap, RULES_ITEMS_SELECT, "columns");
        if (!item) {
            return EDGE_INVALID;
        }
        EDGE_TRY(parse_item(p, item));
        more = parse_at_sign(p, ",");
        EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
    }
    return parse_at_word(p, "from") ? EDGE_OK : parse_unexpected(p, "',' or FROM");
}

/* ---- FROM --------------------------------------------------------------------------------- */

static enum edge_status parse_source(struct parser *p, struct rules_from *from)
{
    from->line = p->token.line;
    from->column = p->token.column;
    EDGE_TRY(parse_name(p, "the name of a stream or table", &from->name));
    if (parse_at_word(p, "as")) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_name(p, "a name", &from->alias));
    }
    return EDGE_OK;
}

/* Which join begins here; RULES_FROM: none. */
static enum edge_status parse_join_kind(struct parser *p, uint8_t *ret)
{
    static const struct {
        const char *word;
        uint8_t join;
    } words[] = {
        {"inner", RULES_INNER},
        {"left",  RULES_LEFT },
        {"right", RULES_RIGHT},
        {"full",  RULES_FULL },
        {"cross", RULES_CROSS},
        {"join",  RULES_INNER}
    };
    *ret = RULES_FROM;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (parse_at_word(p, words[i].word)) {
            *ret = words[i].join;
            EDGE_TRY(strcmp(words[i].word, "join") != 0 ? parse_advance(p) : EDGE_OK);
            EDGE_TRY(parse_at_word(p, "outer") ? parse_advance(p) : EDGE_OK);
            return parse_word(p, "join");
        }
    }
    return EDGE_OK;
}

static enum edge_status parse_from(struct parser *p, struct rules_select *s)
{
    size_t cap = 0;
    struct rules_from *from;
    EDGE_TRY(parse_word(p, "from"));
    from = PUSH(p, s->from, s->n_from, cap, RULES_SOURCES_MAX, "streams");
    if (!from) {
        return EDGE_INVALID;
    }
    EDGE_TRY(parse_source(p, from));
    for (;;) {
        uint8_t join;
        EDGE_TRY(parse_join_kind(p, &join));
        if (join == RULES_FROM) {
            return EDGE_OK;
        }
        from = PUSH(p, s->from, s->n_from, cap, RULES_SOURCES_MAX, "streams");
        if (!from) {
            return EDGE_INVALID;
        }
        from->join = join;
        EDGE_TRY(parse_source(p, from));
        if (parse_at_word(p, "on")) {
            EDGE_TRY(parse_advance(p));
            EDGE_TRY(parse_expression(p, &from->on));
        } else if (join != RULES_CROSS) {
            return parse_unexpected(p, "ON");
        }
    }
}

/* ---- GROUP BY ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint8_t kind;
    uint8_t min, max; /* numbers behind the unit */
} WINDOWS[] = {
    {"tumblingwindow", RULES_W_TUMBLING, 1, 1},
    {"hoppingwindow",  RULES_W_HOPPING,  2, 2},
    {"slidingwindow",  RULES_W_SLIDING,  1, 2},
    {"sessionwindow",  RULES_W_SESSION,  2, 2},
    {"countwindow",    RULES_W_COUNT,    1, 2},
};
static const char *const UNITS[] = {"dd", "hh", "mi", "ss", "ms"};

int64_t rules_unit_ms(unsigned unit)
{
    static const int64_t ms[] = {86400000, 3600000, 60000, 1000, 1};
    return ms[unit < 5 ? unit : 4];
}

static enum edge_status parse_unit(struct parser *p, uint8_t *ret)
{
    for (uint8_t i = 0; i < 5; i++) {
        if (parse_at_word(p, UNITS[i])) {
            *ret = i;
            EDGE_TRY(parse_advance(p));
            return parse_sign(p, ",");
        }
    }
    return parse_unexpected(p, "a unit: dd, hh, mi, ss or ms");
}

static enum edge_status parse_length(struct parser *p, int64_t *ret)
{
    /* no window is longer than a year */
    if (p->token.kind != RULES_T_NUMBER || p->token.value.kind != RULES_INT ||
        p->token.value.i < 1 || p->token.value.i > 31622400000) {
        return parse_unexpected(p, "a whole number above 0");
    }
    *ret = p->token.value.i;
    return parse_advance(p);
}

static enum edge_status parse_window_more(struct parser *p, struct rules_window *w)
{
    if (parse_at_word(p, "filter")) {
        EDGE_TRY(parse_filter(p, &w->filter));
    }
    if (parse_at_word(p, "over")) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_sign(p, "("));
        EDGE_TRY(parse_word(p, "when"));
        if (w->kind != RULES_W_SLIDING) {
            return parse_unexpected(p, "no WHEN: only a SLIDINGWINDOW has one");
        }
        EDGE_TRY(parse_expression(p, &w->when));
        EDGE_TRY(parse_sign(p, ")"));
    }
    return EDGE_OK;
}

static enum edge_status check_window(const struct parser *p, const struct rules_token *at,
                                     const struct rules_window *w)
{
    int64_t ms = w->kind == RULES_W_COUNT ? 1 : rules_unit_ms(w->unit);
    const char *fault = NULL;
    if (w->length > 31622400000 / ms || w->second > 31622400000 / ms) {
        fault = "a window is not longer than 366 days";
    } else if (w->kind == RULES_W_COUNT && w->length > 1000000) {
        fault = "a window of more than 1000000 rows";
    } else if (w->second > w->length && (w->kind == RULES_W_COUNT || w->kind == RULES_W_HOPPING)) {
        fault = "the second number is larger than the first";
    }
    return fault ? rules_fail_at(p->lexer.ctx, at->line, at->column, "%s", fault) : EDGE_OK;
}

static enum edge_status parse_window(struct parser *p, size_t i, struct rules_window *w)
{
    struct rules_token at = p->token;
    if (w->kind != RULES_W_NONE) {
        return parse_unexpected(p, "one window");
    }
    w->kind = WINDOWS[i].kind;
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(parse_sign(p, "("));
    EDGE_TRY(w->kind != RULES_W_COUNT ? parse_unit(p, &w->unit) : EDGE_OK);
    EDGE_TRY(parse_length(p, &w->length));
    if (WINDOWS[i].min == 2 || (WINDOWS[i].max == 2 && parse_at_sign(p, ","))) {
        EDGE_TRY(parse_sign(p, ","));
        EDGE_TRY(parse_length(p, &w->second));
    }
    EDGE_TRY(parse_sign(p, ")"));
    EDGE_TRY(check_window(p, &at, w));
    return parse_window_more(p, w);
}

static enum edge_status parse_group(struct parser *p, struct rules_select *s)
{
    struct node_list keys = {0};
    for (bool more = true; more;) {
        size_t i = 0, n = sizeof(WINDOWS) / sizeof(WINDOWS[0]);
        while (i < n && !(parse_at_word(p, WINDOWS[i].name) && parse_next_is(p, "("))) {
            i++;
        }
        if (i < n) {
            EDGE_TRY(parse_window(p, i, &s->window));
        } else {
            struct rules_node *key;
            EDGE_TRY(parse_expression(p, &key));
            EDGE_TRY(parse_push_node(p, &keys, key));
        }
        more = parse_at_sign(p, ",");
        EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
    }
    s->keys = keys.at;
    s->n_keys = keys.n;
    return EDGE_OK;
}

/* ---- the rest ----------------------------------------------------------------------------- */

static enum edge_status parse_order(struct parser *p, struct rules_select *s)
{
    size_t cap = 0;
    for (bool more = true; more;) {
        struct rules_order *order;
        order = PUSH(p, s->order, s->n_order, cap, 16, "columns to order by");
        if (!order) {
            return EDGE_INVALID;
        }
        EDGE_TRY(parse_expression(p, &order->node));
        order->descending = parse_at_word(p, "desc");
        if (order->descending || parse_at_word(p, "asc")) {
            EDGE_TRY(parse_advance(p));
        }
        more = parse_at_sign(p, ",");
        EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
    }
    return EDGE_OK;
}

/* Both words of "group by" and "order by". */
static enum edge_status parse_by(struct parser *p, const char *word, bool *ret)
{
    *ret = parse_at_word(p, word);
    if (*ret) {
        EDGE_TRY(parse_advance(p));
        EDGE_TRY(parse_word(p, "by"));
    }
    return EDGE_OK;
}

static enum edge_status parse_condition(struct parser *p, const char *word, struct rules_node **ret)
{
    if (!parse_at_word(p, word)) {
        return EDGE_OK;
    }
    EDGE_TRY(parse_advance(p));
    return parse_expression(p, ret);
}

static enum edge_status parse_clauses(struct parser *p, struct rules_select *s)
{
    bool by;
    EDGE_TRY(parse_condition(p, "where", &s->where));
    EDGE_TRY(parse_by(p, "group", &by));
    EDGE_TRY(by ? parse_group(p, s) : EDGE_OK);
    EDGE_TRY(parse_condition(p, "having", &s->having));
    EDGE_TRY(parse_by(p, "order", &by));
    EDGE_TRY(by ? parse_order(p, s) : EDGE_OK);
    if (parse_at_word(p, "limit")) {
        EDGE_TRY(parse_advance(p));
        if (p->token.kind != RULES_T_NUMBER || p->token.value.kind != RULES_INT) {
            return parse_unexpected(p, "a whole number");
        }
        s->limit = p->token.value.i;
        EDGE_TRY(parse_advance(p));
    }
    if (parse_at_sign(p, ";")) {
        EDGE_TRY(parse_advance(p));
    }
    return p->token.kind == RULES_T_END
               ? EDGE_OK
               : parse_unexpected(p, "an operator, the next clause or the end");
}

enum edge_status parse_start(struct parser *p, struct edge_ctx *ctx, const char *sql)
{
    size_t len = strnlen(sql, RULES_SQL_MAX + 1);
    if (len > RULES_SQL_MAX) {
        return edge_fail(ctx, EDGE_INVALID, "a statement of more than %d bytes", RULES_SQL_MAX);
    }
    if (!edge_utf8_valid(sql, len)) {
        return edge_fail(ctx, EDGE_INVALID, "the statement is not UTF-8");
    }
    rules_lexer_init(&p->lexer, ctx, sql, len);
    EDGE_TRY(parse_advance(p));
    return parse_advance(p);
}

enum edge_status rules_parse(struct edge_ctx *ctx, const char *sql, struct rules_select **ret)
{
    struct parser p = {0};
    struct rules_select *s = edge_new(&ctx->arena, struct rules_select);
    s->limit = -1;
    EDGE_TRY(parse_start(&p, ctx, sql));
    EDGE_TRY(parse_word(&p, "select"));
    EDGE_TRY(parse_items(&p, s));
    EDGE_TRY(parse_from(&p, s));
    EDGE_TRY(parse_clauses(&p, s));
    *ret = s;
    return EDGE_OK;
}

enum edge_status rules_parse_expression(struct edge_ctx *ctx, const char *text,
                                        struct rules_node **ret)
{
    struct parser p = {0};
    struct rules_node *node;
    EDGE_TRY(parse_start(&p, ctx, text));
    EDGE_TRY(parse_expression(&p, &node));
    if (p.token.kind != RULES_T_END) {
        return parse_unexpected(&p, "an operator or the end");
    }
    *ret = node;
    return EDGE_OK;
}
