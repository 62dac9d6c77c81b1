/*
 * The YAML door: libyaml's events to the tree the JSON door makes, as the parser of the official services
 * reads it: anchors, aliases and merge keys are taken, within the limits of the tree; a key that is there
 * twice is an error. Tags that construct are refused; scalars are typed here.
 */
#include "edge/yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "edge/map.h"
#include "tree.h"

/* The key of what is merged into its mapping; told from a quoted "<<" by its address. */
static char MERGE_KEY[] = "<<";

/* An open mapping or sequence. */
struct level {
    cJSON *node;
    const char *anchor;   /* to be known when it is complete; NULL: none */
    struct edge_map keys; /* of a mapping: key to the line it stands in */
    struct level *outer;
};

struct loader {
    struct edge_ctx *ctx;
    const char *text;
    yaml_parser_t parser;
    struct tree tree;
    struct level *level;     /* innermost */
    struct edge_map anchors; /* to complete nodes */
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
    if (node) {
        node->type |= cJSON_IsString(node) ? TREE_PLAIN : 0;
    }
    return node;
}

/* ---- events ------------------------------------------------------------------------------ */

static enum edge_status refuse(struct loader *l, const yaml_event_t *event, const char *why)
{
    return edge_fail(l->ctx, EDGE_INVALID, "line %zu: %s", event->start_mark.line + 1, why);
}

/* The tree takes no more. */
static enum edge_status beyond(struct loader *l, const yaml_event_t *event)
{
    enum edge_status st = l->tree.refusal;
    return st == EDGE_INVALID ? refuse(l, event, l->tree.fault) : st;
}

static bool expects_key(const struct loader *l)
{
    return tree_inside(&l->tree) == cJSON_Object && !l->tree.key;
}

static const char *anchor_of(struct loader *l, const yaml_char_t *anchor)
{
    return anchor ? edge_strdup(&l->ctx->arena, (const char *)anchor) : NULL;
}

static enum edge_status remember(struct loader *l, const yaml_event_t *event, const char *anchor,
                                 cJSON *node)
{
    if (!anchor) {
        return EDGE_OK;
    }
    edge_map_put(&l->anchors, anchor, node); /* a later one of that name takes its place */
    return tree_pay(&l->tree) ? EDGE_OK : beyond(l, event);
}

/* A key of the innermost mapping; twice is once too often. */
static enum edge_status take_key(struct loader *l, const yaml_event_t *event, const char *text)
{
    size_t line = event->start_mark.line + 1;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const void *before = edge_map_put(&l->level->keys, text, (void *)(uintptr_t)line);
    if (before) {
        return refuse(l, event,
                      edge_printf(&l->ctx->arena, "key '%s' stands in line %zu already", text,
                                  (size_t)(uintptr_t)before));
    }
    l->tree.key = plain && strcmp(text, MERGE_KEY) == 0 ? MERGE_KEY : text;
    return tree_pay(&l->tree) ? EDGE_OK : beyond(l, event);
}

static enum edge_status load_scalar(struct loader *l, const yaml_event_t *event)
{
    static const char string_tag[] = YAML_STR_TAG;
    const char *text = tree_text(&l->ctx->arena, (const char *)event->data.scalar.value,
                                 event->data.scalar.length);
    const char *tag = (const char *)event->data.scalar.tag;
    if (tag && strcmp(tag, string_tag) != 0 && strcmp(tag, "!") != 0) {
        return refuse(l, event, "tags are not allowed");
    }
    if (expects_key(l)) {
        return take_key(l, event, text);
    }
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag;
    cJSON *node = plain ? add_plain(&l->tree, text) : tree_add_string(&l->tree, text);
    if (!node) {
        return beyond(l, event);
    }
    return remember(l, event, anchor_of(l, event->data.scalar.anchor), node);
}

static enum edge_status load_start(struct loader *l, const yaml_event_t *event)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor =
        mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    if (mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag) {
        return refuse(l, event, "tags are not allowed");
    }
    if (expects_key(l)) {
        return refuse(l, event, "a key must be a plain or quoted text");
    }
    if (!tree_open(&l->tree, mapping ? cJSON_Object : cJSON_Array)) {
        return beyond(l, event);
    }
    struct level *level = edge_new(&l->ctx->arena, struct level);
    level->node = l->tree.frames[l->tree.depth - 1].node;
    level->anchor = anchor_of(l, anchor);
    level->outer = l->level;
    l->level = level;
    return EDGE_OK;
}

static enum edge_status load_alias(struct loader *l, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    const cJSON *node = edge_map_find(&l->anchors, name);
    if (!node) {
        return refuse(l, event, edge_printf(&l->ctx->arena, "there is no anchor '%s' above", name));
    }
    if (expects_key(l)) {
        return refuse(l, event, "a key must be a plain or quoted text");
    }
    return tree_add_copy(&l->tree, node) ? EDGE_OK : beyond(l, event);
}

/* What @p from has and the mapping being closed has not. */
static bool merge_from(struct loader *l, const cJSON *from)
{
    for (const cJSON *member = from->child; member; member = member->next) {
        if (member->string != MERGE_KEY && !edge_map_put(&l->level->keys, member->string, l)) {
            l->tree.key = member->string;
            if (!tree_add_copy(&l->tree, member)) {
                return false;
            }
        }
    }
    return true;
}

/* Own keys win over merged ones, and earlier merged ones over later. */
static enum edge_status merge(struct loader *l, const yaml_event_t *event)
{
    cJSON *merged = l->level->node->child;
    while (merged && merged->string != MERGE_KEY) {
        merged = merged->next;
    }
    if (!merged) {
        return EDGE_OK;
    }
    bool list = cJSON_IsArray(merged);
    for (const cJSON *from = list ? merged->child : merged; from; from = from->next) {
        if (!cJSON_IsObject(from)) {
            return refuse(l, event, "'<<' takes mappings only");
        }
        if (!merge_from(l, from)) {
            return beyond(l, event);
        }
        if (!list) {
            break;
        }
    }
    tree_drop(&l->tree, merged);
    return EDGE_OK;
}

static enum edge_status load_end(struct loader *l, const yaml_event_t *event)
{
    struct level *level = l->level;
    EDGE_TRY(merge(l, event));
    edge_map_done(&level->keys);
    tree_close(&l->tree);
    l->level = level->outer;
    return remember(l, event, level->anchor, level->node);
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
        return load_end(l, event);
    case YAML_ALIAS_EVENT:
        return load_alias(l, event);
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
    for (; l->level; l->level = l->level->outer) {
        edge_map_done(&l->level->keys);
    }
    edge_map_done(&l->anchors);
    yaml_parser_delete(&l->parser);
}

enum edge_status edge_yaml_parse(struct edge_ctx *ctx, const char *text, size_t len,
                                 const struct edge_json_limits *limits, const cJSON **ret)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (len >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0) {
        text += strlen(mark);
        len -= strlen(mark);
    }
    EDGE_CLEANUP(loader_done) struct loader l = {.ctx = ctx, .text = text};
    tree_init(&l.tree, &ctx->arena, limits);
    l.tree.payer = ctx;
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
