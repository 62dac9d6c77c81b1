/**
 * What the doors for JSON, CBOR and YAML share: building a cJSON tree in an arena, within limits.
 * Nodes and texts belong to the arena; nothing here is for cJSON_Delete.
 */
#ifndef COMMON_TREE_H
#define COMMON_TREE_H

#include "edge/json.h"

enum { EXACT_DIGITS = 15 }; /* of an integer that any double holds */

struct tree_frame {
    cJSON *node; /* an open array or object */
    size_t n;    /* its members so far */
};

struct tree {
    struct edge_arena *arena;
    struct edge_json_limits limits;
    size_t depth, nodes;
    struct tree_frame *frames; /* the open containers, outermost first */
    cJSON *root;
    const char *key;   /* of the next member, in the arena */
    const char *fault; /* why an add was refused */
    /* Whose budget pays for the values. NULL: nobody's, or it did so before: their number can be seen
     * in JSON, where something stands between any two of them. */
    struct edge_ctx *payer;
    size_t unpaid; /* values */
    enum edge_status
        refusal; /* as what an add was refused; the payer has the text unless INVALID */
};

/** The limits to go by: defaults filled in, depth at most 1000. */
struct edge_json_limits tree_limits(const struct edge_json_limits *limits);

void tree_init(struct tree *t, struct edge_arena *a, const struct edge_json_limits *limits);

/** Something as large as a value was made besides; false (see fault) where the budget has no room. */
bool tree_pay(struct tree *t);

/** A node of @p type at the place where the next value goes; NULL (see fault) beyond a limit. */
cJSON *tree_add(struct tree *t, int type);
cJSON *tree_add_bool(struct tree *t, bool value);
cJSON *tree_add_string(struct tree *t, const char *value); /* in the arena */
cJSON *tree_add_real(struct tree *t, double value);        /* finite */
/** Take a member out of the innermost container. */
void tree_drop(struct tree *t, cJSON *member);
/** A copy of a node and all below it, where the next value goes; NULL beyond a limit. */
cJSON *tree_add_copy(struct tree *t, const cJSON *from);
/** An integer by its sign and its digits, without leading zeros; long ones are kept as digits. */
cJSON *tree_add_integer(struct tree *t, bool negative, const char *digits, size_t n);

/** Add an array or object; what follows goes into it until tree_close. False beyond a limit. */
bool tree_open(struct tree *t, int type);
/** The innermost container is complete. Of equal keys the last stays. */
void tree_close(struct tree *t);

/** Type of the innermost open container, or 0. */
int tree_inside(const struct tree *t);

/** Copy of a text that may hold NUL characters, which become U+FFFD: a C string cannot hold them.
 */
const char *tree_text(struct edge_arena *a, const char *s, size_t len);

/** Beside a node's type: a YAML scalar without quotes. */
enum { TREE_PLAIN = 1 << 16 };
/** Where a boolean is wanted such a scalar may say yes, no, on, off, y or n, as for yaml.v3. */
bool tree_plain_bool(const cJSON *node, bool *ret);

#endif
