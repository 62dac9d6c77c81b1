/** What the files of the compiler share. */
#ifndef RULES_COMPILE_H
#define RULES_COMPILE_H

#include "rules_code.h"

struct code_list {
    struct rules_code *at;
    size_t n, cap;
    size_t label; /* a jump leads here: what is before it is not folded with what comes */
};

struct compile_alias {
    const char *name;
    const struct rules_node *node;
    uint32_t code;
    bool begun, done, aggregates;
    bool asked, has; /* an aggregate in it */
};

/* What may stand in the expression at hand. */
enum compile_place {
    PLACE_ROW,   /* of rows as they come: WHERE, arguments of aggregates */
    PLACE_GROUP, /* of what comes out: SELECT, HAVING, ORDER BY */
};

struct compiler {
    struct edge_ctx *ctx;
    struct rules_engine *engine;
    const struct rules_select *select; /* NULL: an expression alone */
    struct rules_program p;            /* counts, flags */
    struct code_list code;             /* all of it */
    struct code_list *into;            /* of the expression at hand */
    struct rules_value *constants;
    struct rules_slot *slots;
    struct rules_out *outs;
    const struct rules_function **functions;
    struct edge_pattern **patterns;
    struct rules_join_source *sources;
    struct rules_aggregate *aggregates;
    const struct rules_node **aggregate_nodes;
    struct rules_analytic *analytics;
    const struct rules_node **analytic_nodes;
    uint32_t *keys;
    struct rules_ordering *orders;
    struct rules_need *needs;
    struct compile_alias *aliases;
    size_t n_aliases;
    const struct rules_node *self; /* the alias's own expression: its name is the column's there */
    const char *self_name;
    enum compile_place place;
    const char *where; /* the clause at hand, for texts */
    bool in_aggregate, in_where, saw_aggregate;
    unsigned depth;
    size_t cap_constants, cap_slots, cap_functions, cap_patterns, cap_aggregates, cap_analytics;
    size_t cap_aggregate_nodes, cap_analytic_nodes;
};

/** Code of an expression as a piece of its own; where it begins. */
enum edge_status compile_piece(struct compiler *c, const struct rules_node *node, uint32_t *ret);
/** Of several, which are pushed one after the other. */
enum edge_status compile_pieces(struct compiler *c, struct rules_node *const *nodes, size_t n,
                                uint32_t *ret);
enum edge_status compile_node(struct compiler *c, const struct rules_node *node);
enum edge_status compile_fail(struct compiler *c, const struct rules_node *node, const char *fmt,
                              ...) __attribute__((format(printf, 3, 4)));
enum edge_status compile_emit(struct compiler *c, const struct rules_node *at, uint8_t op,
                              uint8_t a, uint16_t b, uint32_t k);
enum edge_status compile_constant(struct compiler *c, const struct rules_node *at,
                                  const struct rules_value *v, uint32_t *ret);
enum edge_status compile_slot(struct compiler *c, const struct rules_node *at, unsigned source,
                              unsigned meta, const char *name, uint16_t *ret);
enum edge_status compile_call(struct compiler *c, const struct rules_node *node);
/** Source called so; -1: none. */
int compile_source(const struct compiler *c, const char *name);
struct compile_alias *compile_alias_find(const struct compiler *c, const char *name);
/** The same, where the name stands for it here. */
struct compile_alias *compile_alias_visible(const struct compiler *c, const char *name);
/** What a column is called that has no alias; NULL: nothing of its own. */
const char *compile_own_name(const struct rules_node *node);
bool compile_has_aggregate(const struct compiler *c, const struct rules_node *node);

/** What WHERE needs; 0: that is not known. */
size_t compile_needs(struct compiler *c, const struct rules_node *where, struct rules_need *ret,
                     size_t max);
enum { COMPILE_NEEDS_MAX = 8 };

#endif
