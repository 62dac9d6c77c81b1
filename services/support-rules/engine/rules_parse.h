/** What the two files of the parser share. */
#ifndef RULES_PARSE_H
#define RULES_PARSE_H

#include "rules_ast.h"
#include "rules_lex.h"

struct parser {
    struct rules_lexer lexer;
    struct rules_token token, next; /* where it is, and what comes then */
    unsigned depth;
    size_t n_nodes;
};

struct node_list {
    struct rules_node **at;
    size_t n, cap;
};

/** At the first token. INVALID: too long, or no UTF-8. */
enum edge_status parse_start(struct parser *p, struct edge_ctx *ctx, const char *sql);
enum edge_status parse_advance(struct parser *p);
bool parse_at_word(const struct parser *p, const char *word);
bool parse_at_sign(const struct parser *p, const char *sign);
bool parse_next_is(const struct parser *p, const char *sign);
enum edge_status parse_unexpected(const struct parser *p, const char *expected);
enum edge_status parse_word(struct parser *p, const char *word);
enum edge_status parse_sign(struct parser *p, const char *sign);
/** A name that is no keyword. */
enum edge_status parse_name(struct parser *p, const char *expected, const char **ret);
enum edge_status parse_push_node(struct parser *p, struct node_list *list, struct rules_node *node);

enum edge_status parse_expression(struct parser *p, struct rules_node **ret);
/** The same, or "stream.*". */
enum edge_status parse_expression_or_star(struct parser *p, struct rules_node **ret);
/** At the star. */
enum edge_status parse_star(struct parser *p, const char *stream, struct rules_node **ret);
/** FILTER ( WHERE ... ) */
enum edge_status parse_filter(struct parser *p, struct rules_node **ret);

#endif
