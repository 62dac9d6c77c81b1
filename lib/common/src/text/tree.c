/*
 * Builds cJSON trees in an arena: one allocation per node, all freed at once. Limits on depth and
 * nodes, equal keys and long integers are dealt with here, once for all doors.
 */
#include "tree.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "edge/map.h"
#include "edge/text.h"

enum {
    DEFAULT_BYTES = 32 << 20,
    DEFAULT_DEPTH = 32,
    DEFAULT_NODES = 200000,
    MAX_DEPTH = 1000, /* writers and cJSON's own functions recurse */
    FEW_MEMBERS = 16, /* compared pairwise */
    VALUE_BYTES = 80, /* of memory */
    PAID_AT_ONCE = 64,
};

struct edge_json_limits tree_limits(const struct edge_json_limits *limits)
{
    struct edge_json_limits l = limits ? *limits : (struct edge_json_limits){0};
    if (l.bytes == 0) {
        l.bytes = DEFAULT_BYTES;
    }
    if (l.depth == 0) {
        l.depth = DEFAULT_DEPTH;
    }
    if (l.depth > MAX_DEPTH) {
        l.depth = MAX_DEPTH;
    }
    if (l.nodes == 0) {
        l.nodes = DEFAULT_NODES;
    }
    return l;
}

void tree_init(struct tree *t, struct edge_arena *a, const struct edge_json_limits *limits)
{
    *t = (struct tree){.arena = a, .limits = tree_limits(limits), .refusal = EDGE_INVALID};
    t->frames = edge_new_n(a, struct tree_frame, t->limits.depth);
}

int tree_inside(const struct tree *t)
{
    return t->depth > 0 ? t->frames[t->depth - 1].node->type : 0;
}

/* As cJSON links them: the first child's prev is the last child. */
static void append(struct tree_frame *parent, cJSON *node)
{
    cJSON *first = parent->node->child;
    parent->n++;
    if (!first) {
        parent->node->child = node;
        node->prev = node;
        return;
    }
    node->prev = first->prev;
    first->prev->next = node;
    first->prev = node;
}

bool tree_pay(struct tree *t)
{
    if (!t->payer || ++t->unpaid < PAID_AT_ONCE) {
        return true;
    }
    enum edge_status st = edge_ctx_charge(t->payer, t->unpaid * VALUE_BYTES);
    t->unpaid = 0;
    if (st != EDGE_OK) {
        t->refusal = st;
        t->fault = "too much memory";
    }
    return st == EDGE_OK;
}

cJSON *tree_add(struct tree *t, int type)
{
    if (t->nodes >= t->limits.nodes) {
        t->fault = "too many values";
        return NULL;
    }
    if (!tree_pay(t)) {
        return NULL;
    }
    t->nodes++;
    cJSON *node = edge_new(t->arena, cJSON);
    node->type = type;
    if (t->depth == 0) {
        t->root = node;
        return node;
    }
    node->string = (char *)t->key;
    t->key = NULL;
    append(&t->frames[t->depth - 1], node);
    return node;
}

cJSON *tree_add_bool(struct tree *t, bool value)
{
    cJSON *node = tree_add(t, value ? cJSON_True : cJSON_False);
    if (node) {
        node->valueint = value;
    }
    return node;
}

cJSON *tree_add_string(struct tree *t, const char *value)
{
    cJSON *node = tree_add(t, cJSON_String);
    if (node) {
        node->valuestring = (char *)value;
    }
    return node;
}

cJSON *tree_add_real(struct tree *t, double value)
{
    cJSON *node = tree_add(t, cJSON_Number);
    if (node) {
        node->valuedouble = value;
        node->valueint = value >= INT_MAX ? INT_MAX : value <= INT_MIN ? INT_MIN : (int)value;
    }
    return node;
}

cJSON *tree_add_integer(struct tree *t, bool negative, const char *digits, size_t n)
{
    if (n <= EXACT_DIGITS) {
        int64_t v = 0;
        for (size_t i = 0; i < n; i++) {
            v = v * 10 + (digits[i] - '0');
        }
        return tree_add_real(t, negative ? -(double)v : (double)v);
    }
    cJSON *node = tree_add(t, cJSON_Raw);
    if (node) {
        char *text = edge_alloc(t->arena, n + negative + 1, 1);
        text[0] = '-';
        memcpy(text + negative, digits, n);
        node->valuestring = text;
    }
    return node;
}

bool tree_open(struct tree *t, int type)
{
    if (t->depth >= t->limits.depth) {
        t->fault = "nested too deeply";
        return false;
    }
    cJSON *node = tree_add(t, type);
    if (!node) {
        return false;
    }
    t->frames[t->depth++] = (struct tree_frame){.node = node};
    return true;
}

void tree_drop(struct tree *t, cJSON *member)
{
    cJSON *holder = t->frames[t->depth - 1].node;
    if (member->next) {
        member->next->prev = member->prev;
    } else {
        holder->child->prev = member->prev; /* the last one is known by the first */
    }
    if (holder->child == member) {
        holder->child = member->next;
    } else {
        member->prev->next = member->next;
    }
}

cJSON *tree_add_copy(struct tree *t, const cJSON *from)
{
    bool holds = cJSON_IsObject(from) || cJSON_IsArray(from);
    if (!holds) {
        cJSON *node = tree_add(t, from->type);
        if (node) {
            node->valuestring = from->valuestring; /* of the same arena */
            node->valuedouble = from->valuedouble;
            node->valueint = from->valueint;
        }
        return node;
    }
    if (!tree_open(t, from->type & 0xff)) {
        return NULL;
    }
    cJSON *node = t->frames[t->depth - 1].node;
    for (const cJSON *child = from->child; child; child = child->next) {
        t->key = child->string;
        if (!tree_add_copy(t, child)) {
            return NULL;
        }
    }
    tree_close(t);
    return node;
}

bool tree_plain_bool(const cJSON *node, bool *ret)
{
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n"};
    if (!cJSON_IsString(node) || !(node->type & TREE_PLAIN)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(node->valuestring, words[i]) == 0) {
            *ret = i % 2 == 0;
            return true;
        }
    }
    return false;
}

/* ---- equal keys -------------------------------------------------------------------------- */

static void unlink_member(cJSON *object, cJSON *member)
{
    /* An equal member comes later, so this is never the last. */
    if (object->child == member) {
        object->child = member->next;
    } else {
        member->prev->next = member->next;
    }
    member->next->prev = member->prev;
}

static bool repeated_later(const cJSON *member)
{
    for (const cJSON *m = member->next; m; m = m->next) {
        if (m->string[0] == member->string[0] && strcmp(m->string, member->string) == 0) {
            return true;
        }
    }
    return false;
}

static void drop_repeated(cJSON *object, size_t n)
{
    if (n <= FEW_MEMBERS) {
        for (cJSON *m = object->child, *next; m; m = next) {
            next = m->next;
            if (repeated_later(m)) {
                unlink_member(object, m);
            }
        }
        return;
    }
    struct edge_map seen = EDGE_MAP_INIT;
    for (cJSON *m = object->child; m; m = m->next) {
        cJSON *before = edge_map_put(&seen, m->string, m);
        if (before) {
            unlink_member(object, before);
        }
    }
    edge_map_done(&seen);
}

void tree_close(struct tree *t)
{
    struct tree_frame *frame = &t->frames[--t->depth];
    if (frame->n > 1 && cJSON_IsObject(frame->node)) {
        drop_repeated(frame->node, frame->n);
    }
}

const char *tree_text(struct edge_arena *a, const char *s, size_t len)
{
    if (len == 0 || !memchr(s, '\0', len)) {
        return edge_strndup(a, s, len);
    }
    size_t nuls = 0;
    for (size_t i = 0; i < len; i++) {
        nuls += s[i] == '\0';
    }
    char *text = edge_alloc(a, len + nuls * strlen(EDGE_REPLACEMENT) + 1, 1);
    char *out = text;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\0') {
            memcpy(out, EDGE_REPLACEMENT, strlen(EDGE_REPLACEMENT));
            out += strlen(EDGE_REPLACEMENT);
        } else {
            *out++ = s[i];
        }
    }
    return text;
}
