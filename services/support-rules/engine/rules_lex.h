/** Tokens of a statement; between rules_sql_lex.c and rules_sql_parse.c. */
#ifndef RULES_LEX_H
#define RULES_LEX_H

#include "edge/ctx.h"
#include "rules_value.h"

enum rules_token_kind {
    RULES_T_END,
    RULES_T_NAME,   /* text; quoted: in back ticks, never a keyword */
    RULES_T_NUMBER, /* value */
    RULES_T_TEXT,   /* text */
    RULES_T_SIGN,   /* text: one of the signs */
};

struct rules_token {
    uint8_t kind;
    bool quoted;
    uint16_t line, column; /* from 1 */
    const char *text;
    struct rules_value value;
};

struct rules_lexer {
    struct edge_ctx *ctx;
    const char *at, *end, *line_start;
    uint16_t line;
};

void rules_lexer_init(struct rules_lexer *l, struct edge_ctx *ctx, const char *sql, size_t len);
/** INVALID where there is no token. */
enum edge_status rules_lexer_next(struct rules_lexer *l, struct rules_token *ret);
/** Whether a name needs back ticks. */
bool rules_is_keyword(const char *name);

#endif
