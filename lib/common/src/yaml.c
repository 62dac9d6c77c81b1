/*
 * The YAML door: libyaml's events to the tree the JSON door makes. What makes YAML dangerous
 * (aliases that multiply, tags that construct) is refused; scalars are typed here.
 */
#include "edge/yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "tree.h"

struct loader {
    struct edge_ctx *ctx;
    const char *text;
    yaml_parser_t parser;
    struct tree tree;
    size_t documents;
};

#define DIGITS "0123456789"

/* ---- scalars ----------------------------------------------------------------------------- */

static bool is_one_of(const char *s, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(s, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_real(const char *s)
{
    s += *s == '-' || *s == '+';
    size_t whole = strspn(s, DIGITS);
    s += whole;
    size_t fraction = 0;
    if (*s == '.') {
        fraction = strspn(++s, DIGITS);
        s += fraction;
    }
    if (whole + fraction == 0) {
        return false;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        size_t exponent = strspn(s, DIGITS);
        s += exponent;
        return exponent > 0 && !*s;
    }
    return !*s;
}

/* 0x1f or 0o17 that fits 64 bits. */
static bool is_hex_or_octal(const char *s, uint64_t *ret)
{
    if (s[0] != '0' || (s[1] != 'x' && s[1] != 'o')) {
        return false;
    }
    uint64_t base = s[1] == 'x' ? 16 : 8, v = 0;
    size_t len = strlen(s + 2);
    if (len == 0 || strspn(s + 2, base == 16 ? DIGITS "abcdefABCDEF" : "01234567") != len) {
        return false;
    }
    for (s += 2; *s; s++) {
        unsigned digit = *s <= '9' ? (unsigned)(*s - '0') : (unsigned)(*s | 0x20) - 'a' + 10;
        if (__builtin_mul_overflow(v, base, &v)) {
            return false;
        }
        v += digit;
    }
    *ret = v;
    return true;
}

/* Decimal digits with a sign; NULL where only a string keeps it all. */
static cJSON *add_decimal(struct tree *t, const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t zeros = strspn(digits, "0");
    if (zeros > 0 && !digits[zeros]) {
        zeros--;
    }
    size_t n = strlen(digits + zeros);
    bool canonical = zeros == 0 && *text != '+';
    if (n > 308 || (n > EXACT_DIGITS && !canonical)) {
        return tree_add_string(t, text);
    }
    return tree_add_integer(t, *text == '-', digits + zeros, n);
}

/* A plain scalar, typed by the core schema; @p text is in the arena. NULL beyond a limit. */
static cJSON *add_plain(struct tree *t, const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    cJSON *node;
    uint64_t bits;
    if (is_one_of(text, nulls)) {
        return tree_add(t, cJSON_NULL);
    }
    if (is_one_of(text, trues) || is_one_of(text, falses)) {
        node = tree_add_bool(t, is_one_of(text, trues));
    } else if (is_hex_or_octal(text, &bits)) {
        char digits[24];
        int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)bits);
        node = tree_add_integer(t, false, digits, (size_t)n);
    } else if (!is_real(text)) {
        node = tree_add_string(t, text);
    } else if (!strpbrk(text, ".eE")) {
        node = add_decimal(t, text);
    } else {
        double v = strtod(text, NULL);
        node = isinf(v) ? tree_add_string(t, text) : tree_add_real(t, v);
    }
    if (node && !node->valuestring) {
        node->valuestring = (char *)text;
    }
    return node;
}

/* ---- events ------------------------------------------------------------------------------ */

static enum edge_status refuse(struct loader *l, const yaml_event_t *event, const char *why)
{
    return edge_fail(l->ctx, EDGE_INVALID, "line %zu: %s", event->start_mark.line + 1, why);
}

static bool expects_key(const struct loader *l)
{
    return tree_inside(&l->tree) == cJSON_Object && !l->tree.key;
}

static enum edge_status load_scalar(struct loader *l, const yaml_event_t *event)
{
    const char *text = tree_text(&l->ctx->arena, (const char *)event->data.scalar.value,
                                 event->data.scalar.length);
    if (event->data.scalar.anchor || event->data.scalar.tag) {
        return refuse(l, event, "anchors and tags are not allowed");
    }
    if (expects_key(l)) {
        l->tree.key = text;
        return EDGE_OK;
    }
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const cJSON *node = plain ? add_plain(&l->tree, text) : tree_add_string(&l->tree, text);
    return node ? EDGE_OK : refuse(l, event, l->tree.fault);
}

static enum edge_status load_start(struct loader *l, const yaml_event_t *event)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    bool marked = mapping ? event->data.mapping_start.anchor || event->data.mapping_start.tag
                          : event->data.sequence_start.anchor || event->data.sequence_start.tag;
    if (marked) {
        return refuse(l, event, "anchors and tags are not allowed");
    }
    if (expects_key(l)) {
        return refuse(l, event, "a key must be a plain or quoted text");
    }
    bool opened = tree_open(&l->tree, mapping ? cJSON_Object : cJSON_Array);
    return opened ? EDGE_OK : refuse(l, event, l->tree.fault);
}

static enum edge_status load_event(struct loader *l, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return l->documents++ == 0 ? EDGE_OK : refuse(l, event, "only one document is allowed");
    case YAML_SCALAR_EVENT:
        return load_scalar(l, event);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return load_start(l, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        tree_close(&l->tree);
        return EDGE_OK;
    case YAML_ALIAS_EVENT:
        return refuse(l, event, "aliases are not allowed");
    default:
        return EDGE_OK;
    }
}

/* libyaml knows the line of most faults; of bytes it cannot read it knows the offset only. */
static enum edge_status malformed(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    size_t line = p->problem_mark.line + 1;
    if (p->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < p->problem_offset; i++) {
            line += l->text[i] == '\n';
        }
    }
    return edge_fail(l->ctx, EDGE_INVALID, "line %zu: %s", line,
                     p->problem ? p->problem : "malformed yaml");
}

static enum edge_status load(struct loader *l)
{
    for (;;) {
        EDGE_CLEANUP(yaml_event_delete) yaml_event_t event;
        if (!yaml_parser_parse(&l->parser, &event)) {
            return malformed(l); /* the event is zeroed */
        }
        if (event.type == YAML_STREAM_END_EVENT) {
            return EDGE_OK;
        }
        EDGE_TRY(load_event(l, &event));
    }
}

static void loader_done(struct loader *l)
{
    yaml_parser_delete(&l->parser);
}

enum edge_status edge_yaml_parse(struct edge_ctx *ctx, const char *text, size_t len,
                                 const struct edge_json_limits *limits, const cJSON **ret)
{
    EDGE_CLEANUP(loader_done) struct loader l = {.ctx = ctx, .text = text};
    tree_init(&l.tree, &ctx->arena, limits);
    if (len > l.tree.limits.bytes) {
        return edge_fail(ctx, EDGE_TOO_LARGE, "yaml of %zu bytes is over the limit of %zu", len,
                         l.tree.limits.bytes);
    }
    if (!yaml_parser_initialize(&l.parser)) {
        return edge_fail(ctx, EDGE_INTERNAL, "no yaml parser");
    }
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING); /* never guessed from a mark */
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
    EDGE_TRY(load(&l));
    if (!l.tree.root) {
        tree_add(&l.tree, cJSON_NULL);
    }
    *ret = l.tree.root;
    return EDGE_OK;
}
