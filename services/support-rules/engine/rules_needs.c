/*
 * What an event must bring for WHERE to be true. A comparison with what is not there is false, so "temperature > 30 AND
 * meta(deviceName) = 'pump'" can hold for events of that device with that resource only: the index asks no other rule.
 */
#include <string.h>

#include "rules_compile.h"

struct needs {
    struct rules_need at[COMPILE_NEEDS_MAX];
    size_t n; /* any of them; 0: not known */
};

/* The plain column behind an expression that is nothing where the column is nothing; NULL: there is none. */
static const char *column_of(const struct compiler *c, const struct rules_node *node)
{
    while (node->kind == RULES_N_MEMBER || node->kind == RULES_N_INDEX ||
           (node->kind == RULES_N_UNARY && node->op == RULES_OP_NEG) ||
           (node->kind == RULES_N_BINARY && node->op >= RULES_OP_ADD &&
            node->args[0]->kind != RULES_N_CONST)) {
        node = node->args[0];
    }
    if (node->kind != RULES_N_COLUMN) {
        return NULL;
    }
    bool member = node->stream && compile_source(c, node->stream) < 0;
    const char *name = member ? node->stream : node->name;
    return node->stream && !member ? name : compile_alias_visible(c, name) ? NULL : name;
}

static bool of_meta(const struct rules_node *node, const char *name)
{
    return node->kind == RULES_N_META && node->name && strcmp(node->name, name) == 0;
}

static struct needs needs_of_comparison(struct compiler *c, const struct rules_node *node)
{
    struct needs needs = {0};
    for (int i = 0; i < 2; i++) {
        const struct rules_node *a = node->args[i], *b = node->args[1 - i];
        bool text = b->kind == RULES_N_CONST && b->value.kind == RULES_TEXT;
        if (node->op == RULES_OP_EQ && text && of_meta(a, "deviceName")) {
            needs.at[0].device = rules_symbol(c->engine, b->value.text);
            needs.n = 1;
            return needs;
        }
        if (node->op == RULES_OP_EQ && text && of_meta(a, "profileName")) {
            needs.at[0].profile = rules_symbol(c->engine, b->value.text);
            needs.n = 1;
            return needs;
        }
    }
    for (int i = 0; i < 2 && needs.n == 0; i++) {
        const char *name = column_of(c, node->args[i]);
        if (name) {
            needs.at[0].resource = rules_symbol(c->engine, name);
            needs.n = 1;
        }
    }
    return needs;
}

/* Every pair, where that is few enough; else the side that asks for less of them. */
static struct needs needs_of_both(const struct needs *a, const struct needs *b)
{
    if (a->n == 0 || b->n == 0 || a->n * b->n > COMPILE_NEEDS_MAX) {
        return a->n == 0 || (b->n != 0 && b->n < a->n) ? *b : *a;
    }
    struct needs both = {0};
    for (size_t i = 0; i < a->n; i++) {
        for (size_t k = 0; k < b->n; k++) {
            struct rules_need *need = &both.at[both.n++];
            *need = a->at[i];
            need->device = need->device ? need->device : b->at[k].device;
            need->profile = need->profile ? need->profile : b->at[k].profile;
            need->resource = need->resource ? need->resource : b->at[k].resource;
        }
    }
    return both;
}

static struct needs needs_of(struct compiler *c, const struct rules_node *node);

static struct needs needs_of_either(struct compiler *c, const struct rules_node *node)
{
    struct needs a = needs_of(c, node->args[0]), b = needs_of(c, node->args[1]);
    if (a.n == 0 || b.n == 0 || a.n + b.n > COMPILE_NEEDS_MAX) {
        return (struct needs){0};
    }
    memcpy(a.at + a.n, b.at, b.n * sizeof(b.at[0]));
    a.n += b.n;
    return a;
}

static struct needs needs_of(struct compiler *c, const struct rules_node *node)
{
    struct needs needs = {0};
    const char *name = NULL;
    if (node->kind == RULES_N_BINARY && node->op == RULES_OP_OR) {
        return needs_of_either(c, node);
    }
    if (node->kind == RULES_N_BINARY && node->op == RULES_OP_AND) {
        struct needs a = needs_of(c, node->args[0]), b = needs_of(c, node->args[1]);
        return needs_of_both(&a, &b);
    }
    if (node->kind == RULES_N_BINARY && node->op >= RULES_OP_EQ && node->op <= RULES_OP_GE) {
        return needs_of_comparison(c, node);
    }
    if (node->kind == RULES_N_IN || node->kind == RULES_N_BETWEEN || node->kind == RULES_N_LIKE) {
        name = column_of(c, node->args[0]);
    } else if (node->kind == RULES_N_COLUMN || node->kind == RULES_N_MEMBER) {
        name = column_of(c, node);
    }
    if (name) {
        needs.at[0].resource = rules_symbol(c->engine, name);
        needs.n = 1;
    }
    return needs;
}

size_t compile_needs(struct compiler *c, const struct rules_node *where, struct rules_need *ret,
                     size_t max)
{
    struct needs needs = needs_of(c, where);
    if (needs.n > max) {
        return 0;
    }
    memcpy(ret, needs.at, needs.n * sizeof(*ret));
    return needs.n;
}
