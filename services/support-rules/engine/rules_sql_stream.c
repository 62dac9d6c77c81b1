#include "rules_stream.h"

#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "rules_parse.h"

enum { COLUMNS_MAX = 1024, OPTIONS_MAX = 64, TYPE_DEPTH = 8 };

const char *rules_stream_option(const struct rules_stream *s, const char *key)
{
    for (size_t i = 0; i < s->n_options; i++) {
        if (strcasecmp(s->options[i].key, key) == 0) {
            return s->options[i].value;
        }
    }
    return NULL;
}

static enum edge_status parse_type(struct parser *p, unsigned depth, const char **ret);

/* The members of a struct: "(a bigint, b string)". */
static enum edge_status parse_members(struct parser *p, unsigned depth, const char **ret)
{
    struct edge_arena *a = &p->lexer.ctx->arena;
    const char *text = "struct(", *name, *type;
    for (bool more = true; more;) {
        EDGE_TRY(parse_name(p, "a member", &name));
        EDGE_TRY(parse_type(p, depth + 1, &type));
        text = edge_printf(a, "%s%s %s", text, name, type);
        more = parse_at_sign(p, ",");
        EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
        text = more ? edge_printf(a, "%s, ", text) : text;
    }
    *ret = edge_printf(a, "%s)", text);
    return parse_sign(p, ")");
}

static enum edge_status parse_type(struct parser *p, unsigned depth, const char **ret)
{
    static const char *const scalars[] = {"bigint",   "float",   "string",
                                          "datetime", "boolean", "bytea"};
    const char *of;
    for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
        if (parse_at_word(p, scalars[i])) {
            *ret = scalars[i];
            return parse_advance(p);
        }
    }
    bool array = parse_at_word(p, "array");
    if ((!array && !parse_at_word(p, "struct")) || depth == TYPE_DEPTH) {
        return parse_unexpected(
            p,
            "a type: bigint, float, string, datetime, boolean, bytea, array(...) or struct(...)");
    }
    EDGE_TRY(parse_advance(p));
    EDGE_TRY(parse_sign(p, "("));
    if (!array) {
        return parse_members(p, depth, ret);
    }
    EDGE_TRY(parse_type(p, depth + 1, &of));
    *ret = edge_printf(&p->lexer.ctx->arena, "array(%s)", of);
    return parse_sign(p, ")");
}

static enum edge_status parse_columns(struct parser *p, struct rules_stream *s)
{
    size_t cap = 0;
    EDGE_TRY(parse_sign(p, "("));
    while (!parse_at_sign(p, ")")) {
        if (s->n_columns == COLUMNS_MAX) {
            return parse_unexpected(p, "no more than 1024 columns");
        }
        edge_make_room(&p->lexer.ctx->arena, s->columns, s->n_columns, cap);
        struct rules_stream_column *column = &s->columns[s->n_columns++];
        EDGE_TRY(parse_name(p, "a column or ')'", &column->name));
        EDGE_TRY(parse_type(p, 0, &column->type));
        if (!parse_at_sign(p, ")")) { /* one at the end is taken too */
            EDGE_TRY(parse_at_sign(p, ",") ? parse_advance(p) : parse_unexpected(p, "',' or ')'"));
        }
    }
    return parse_advance(p);
}

static enum edge_status parse_option_value(struct parser *p, const char **ret)
{
    struct edge_buf text = EDGE_BUF_INIT;
    if (p->token.kind == RULES_T_NUMBER) {
        rules_put_json(&text, &p->token.value);
        *ret = edge_strdup(&p->lexer.ctx->arena, edge_buf_str(&text));
        edge_buf_done(&text);
        return parse_advance(p);
    }
    if (p->token.kind != RULES_T_TEXT && p->token.kind != RULES_T_NAME) {
        return parse_unexpected(p, "a value");
    }
    *ret = p->token.text;
    return parse_advance(p);
}

static enum edge_status parse_options(struct parser *p, struct rules_stream *s)
{
    size_t cap = 0;
    EDGE_TRY(parse_word(p, "with"));
    EDGE_TRY(parse_sign(p, "("));
    for (bool more = true; more;) {
        struct rules_token at = p->token;
        const char *key = NULL, *value = NULL;
        if (s->n_options == OPTIONS_MAX) {
            return parse_unexpected(p, "no more than 64 options");
        }
        EDGE_TRY(parse_name(p, "an option", &key));
        EDGE_TRY(parse_sign(p, "="));
        EDGE_TRY(parse_option_value(p, &value));
        if (rules_stream_option(s, key)) {
            return rules_fail_at(p->lexer.ctx, at.line, at.column, "option %s is there twice", key);
        }
        edge_make_room(&p->lexer.ctx->arena, s->options, s->n_options, cap);
        s->options[s->n_options++] = (struct rules_stream_option){key, value};
        more = parse_at_sign(p, ",");
        EDGE_TRY(more ? parse_advance(p) : EDGE_OK);
    }
    return parse_sign(p, ")");
}

enum edge_status rules_parse_stream(struct edge_ctx *ctx, const char *sql,
                                    struct rules_stream **ret)
{
    struct parser p = {0};
    struct rules_stream *s = edge_new(&ctx->arena, struct rules_stream);
    EDGE_TRY(parse_start(&p, ctx, sql));
    EDGE_TRY(parse_word(&p, "create"));
    s->table = parse_at_word(&p, "table");
    if (!s->table && !parse_at_word(&p, "stream")) {
        return parse_unexpected(&p, "stream or table");
    }
    EDGE_TRY(parse_advance(&p));
    EDGE_TRY(parse_name(&p, "a name", &s->name));
    EDGE_TRY(parse_at_sign(&p, "(") ? parse_columns(&p, s) : EDGE_OK);
    EDGE_TRY(parse_options(&p, s));
    if (parse_at_sign(&p, ";")) {
        EDGE_TRY(parse_advance(&p));
    }
    *ret = s;
    return p.token.kind == RULES_T_END ? EDGE_OK : parse_unexpected(&p, "the end");
}
