#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "rules_ast.h"
#include "rules_lex.h"

static const char *const SIGNS[] = {"->", "<=", ">=", "!=", "<>", "==", "+", "-", "*",
                                    "/",  "%",  "&",  "|",  "^",  "=",  "<", ">", "(",
                                    ")",  "[",  "]",  ",",  ".",  ":",  ";"};

static const char *const KEYWORDS[] = {
    "select", "from",    "join",  "left",   "right",     "inner",  "full",  "cross",
    "on",     "where",   "group", "order",  "having",    "by",     "asc",   "desc",
    "and",    "or",      "case",  "when",   "then",      "else",   "end",   "in",
    "not",    "between", "like",  "over",   "partition", "as",     "limit", "true",
    "false",  "null",    "is",    "except", "replace",   "filter", "outer"};

bool rules_is_keyword(const char *name)
{
    for (size_t i = 0; i < sizeof(KEYWORDS) / sizeof(KEYWORDS[0]); i++) {
        if (strcasecmp(KEYWORDS[i], name) == 0) {
            return true;
        }
    }
    return false;
}

void rules_lexer_init(struct rules_lexer *l, struct edge_ctx *ctx, const char *sql, size_t len)
{
    *l =
        (struct rules_lexer){.ctx = ctx, .at = sql, .end = sql + len, .line_start = sql, .line = 1};
}

static uint16_t column_of(const struct rules_lexer *l, const char *at)
{
    return (uint16_t)(at - l->line_start + 1);
}

static enum edge_status fail(const struct rules_lexer *l, const char *at, const char *what)
{
    return rules_fail_at(l->ctx, l->line, column_of(l, at), "%s", what);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct rules_lexer *l, size_t ahead)
{
    return (size_t)(l->end - l->at) > ahead ? l->at[ahead] : '\0';
}

static void step(struct rules_lexer *l)
{
    if (*l->at++ == '\n') {
        l->line++;
        l->line_start = l->at;
    }
}

/* A comment in the way of C, or from "-- " to the end of the line. */
static enum edge_status skip_comment(struct rules_lexer *l, bool *ret)
{
    *ret = false;
    if (peek(l, 0) == '/' && peek(l, 1) == '*') {
        const char *start = l->at;
        uint16_t line = l->line, column = column_of(l, start);
        for (l->at += 2; l->at < l->end && !(peek(l, 0) == '*' && peek(l, 1) == '/');) {
            step(l);
        }
        if (l->at == l->end) {
            return rules_fail_at(l->ctx, line, column, "the comment that begins here has no end");
        }
        l->at += 2;
        *ret = true;
    } else if (peek(l, 0) == '-' && peek(l, 1) == '-' && strchr(" \t\r\n", peek(l, 2))) {
        while (l->at < l->end && *l->at != '\n') {
            l->at++;
        }
        *ret = true;
    }
    return EDGE_OK;
}

static enum edge_status skip_space(struct rules_lexer *l)
{
    bool comment = true;
    while (comment) {
        while (l->at < l->end && strchr(" \t\r\n", *l->at) && *l->at) {
            step(l);
        }
        EDGE_TRY(skip_comment(l, &comment));
    }
    return EDGE_OK;
}

static const char *const ESCAPES = "\"'`\\/nrtbf", *const ESCAPED = "\"'`\\/\n\r\t\b\f";

/* What stands between two quotes: the quote itself doubled, or behind a backslash. */
static enum edge_status read_quoted(struct rules_lexer *l, struct rules_token *t)
{
    const char *start = l->at;
    char quote = *l->at++;
    char *text = edge_alloc(&l->ctx->arena, (size_t)(l->end - start), 1), *out = text;
    for (;;) {
        if (l->at == l->end) {
            return rules_fail_at(l->ctx, t->line, t->column, "the %s that begins here has no end",
                                 quote == '`' ? "name" : "text");
        }
        if (*l->at == quote) {
            l->at++;
            if (l->at == l->end || *l->at != quote) {
                break;
            }
        } else if (*l->at == '\\' && quote != '`' && l->at + 1 < l->end) {
            const char *known = strchr(ESCAPES, l->at[1]);
            if (known && l->at[1]) {
                *out++ = ESCAPED[known - ESCAPES];
                l->at += 2;
                continue;
            }
            if (l->at[1] != '\n') { /* kept: patterns have many of them */
                *out++ = *l->at++;
            }
        }
        *out++ = *l->at;
        step(l);
    }
    if (memchr(text, '\0', (size_t)(out - text))) {
        return rules_fail_at(l->ctx, t->line, t->column, "NUL in a text");
    }
    t->text = text;
    t->kind = quote == '`' ? RULES_T_NAME : RULES_T_TEXT;
    t->quoted = quote == '`';
    return t->quoted && out == text ? fail(l, start, "a name in back ticks is empty") : EDGE_OK;
}

static enum edge_status read_number(struct rules_lexer *l, struct rules_token *t)
{
    const char *start = l->at;
    bool real = false;
    while (is_digit(peek(l, 0))) {
        l->at++;
    }
    if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
        real = true;
        for (l->at++; is_digit(peek(l, 0));) {
            l->at++;
        }
    }
    if (peek(l, 0) == 'e' || peek(l, 0) == 'E') {
        size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
        if (is_digit(peek(l, 1 + sign))) {
            real = true;
            for (l->at += 1 + sign; is_digit(peek(l, 0));) {
                l->at++;
            }
        }
    }
    if (is_letter(peek(l, 0))) {
        return fail(l, l->at,
                    "a letter behind a number (names that begin with a digit stand in back ticks)");
    }
    const char *text = edge_strndup(&l->ctx->arena, start, (size_t)(l->at - start));
    uint64_t u;
    t->kind = RULES_T_NUMBER;
    if (real) {
        t->value = rules_real(strtod(text, NULL));
        return isfinite(t->value.f) ? EDGE_OK : fail(l, start, "a number out of range");
    }
    while (text[0] == '0' && text[1]) {
        text++;
    }
    if (!edge_uint_parse(text, &u)) {
        return fail(l, start, "an integer above 18446744073709551615");
    }
    t->value = rules_uint(u);
    return EDGE_OK;
}

static enum edge_status read_sign(struct rules_lexer *l, struct rules_token *t)
{
    for (size_t i = 0; i < sizeof(SIGNS) / sizeof(SIGNS[0]); i++) {
        size_t len = strlen(SIGNS[i]);
        if ((size_t)(l->end - l->at) >= len && memcmp(l->at, SIGNS[i], len) == 0) {
            l->at += len;
            t->kind = RULES_T_SIGN;
            t->text = SIGNS[i];
            return EDGE_OK;
        }
    }
    char what[48];
    unsigned char c = (unsigned char)*l->at;
    snprintf(what, sizeof(what), c > ' ' ? "unexpected '%c'" : "unexpected byte 0x%02x", c);
    return fail(l, l->at, what);
}

enum edge_status rules_lexer_next(struct rules_lexer *l, struct rules_token *ret)
{
    EDGE_TRY(skip_space(l));
    *ret = (struct rules_token){.line = l->line, .column = column_of(l, l->at), .text = ""};
    if (l->at == l->end) {
        return EDGE_OK;
    }
    if (strchr("'\"`", *l->at) && *l->at) {
        return read_quoted(l, ret);
    }
    if (is_digit(*l->at) || (*l->at == '.' && is_digit(peek(l, 1)))) {
        return read_number(l, ret);
    }
    if (is_letter(*l->at)) {
        const char *start = l->at;
        while (is_letter(peek(l, 0)) || is_digit(peek(l, 0))) {
            l->at++;
        }
        ret->kind = RULES_T_NAME;
        ret->text = edge_strndup(&l->ctx->arena, start, (size_t)(l->at - start));
        return EDGE_OK;
    }
    return read_sign(l, ret);
}
