/**
 * A statement as it was written: what the parser makes of SQL, what the compiler reads. All of it lives in the arena of
 * the context it was parsed with and is not changed afterwards.
 */
#ifndef RULES_AST_H
#define RULES_AST_H

#include "edge/buf.h"
#include "edge/ctx.h"
#include "rules_value.h"

enum {
    RULES_SQL_MAX = 16384, /* bytes of a statement */
    RULES_NODES_MAX = 2000,
    RULES_DEPTH_MAX = 48,  /* expressions within each other */
    RULES_SOURCES_MAX = 8, /* streams and tables of one statement */
    RULES_ITEMS_SELECT = 256,
};

enum rules_node_kind {
    RULES_N_CONST, /* value */
    RULES_N_COLUMN, /* [stream.]name; where no source is called so: the member `name` of the column `stream` */
    RULES_N_STAR,   /* [stream.]*: as an argument */
    RULES_N_META,   /* meta([stream.]name); name NULL: meta(*) */
    RULES_N_UNARY,  /* op, args[0] */
    RULES_N_BINARY, /* op, args[0], args[1] */
    RULES_N_MEMBER, /* args[0]->name */
    RULES_N_INDEX,  /* args[0][args[1]] */
    RULES_N_SLICE,  /* args[0][args[1]:args[2]], NULL where left out */
    RULES_N_CALL,   /* name(args), and filter, partition, when */
    RULES_N_CASE, /* args: WHEN, THEN pairs; value of CASE in `subject`, ELSE in `otherwise`, NULL each where there is none */
    RULES_N_IN,   /* args[0] IN (args[1], ...); negated: NOT IN */
    RULES_N_IN_LIST, /* args[0] IN args[1], an array; negated likewise */
    RULES_N_BETWEEN, /* args[0] BETWEEN args[1] AND args[2]; negated likewise */
    RULES_N_LIKE,    /* args[0] LIKE args[1]; negated likewise */
    RULES_N_IS_NULL, /* args[0] IS NULL; negated: IS NOT NULL */
};

enum rules_op {
    RULES_OP_NONE,
    RULES_OP_OR,
    RULES_OP_AND,
    RULES_OP_EQ,
    RULES_OP_NE,
    RULES_OP_LT,
    RULES_OP_LE,
    RULES_OP_GT,
    RULES_OP_GE,
    RULES_OP_ADD,
    RULES_OP_SUB,
    RULES_OP_MUL,
    RULES_OP_DIV,
    RULES_OP_MOD,
    RULES_OP_BIT_AND,
    RULES_OP_BIT_OR,
    RULES_OP_BIT_XOR,
    RULES_OP_NEG,
    RULES_OP_NOT,
    RULES_OPS
};
/** As it is written: "and", "!=", ... */
const char *rules_op_text(unsigned op);

struct rules_node {
    uint8_t kind; /* enum rules_node_kind */
    uint8_t op;   /* enum rules_op */
    bool negated;
    uint16_t height;       /* of the tree below */
    uint16_t line, column; /* where it begins, from 1 */
    const char *stream, *name;
    struct rules_value value;
    struct rules_node **args;
    size_t n_args;
    struct rules_node *subject, *otherwise; /* CASE */
    struct rules_node *filter, *when;       /* CALL: FILTER (WHERE ..), OVER (.. WHEN ..) */
    struct rules_node **partition;          /* CALL: OVER (PARTITION BY ...) */
    size_t n_partition;
};

struct rules_item {          /* of SELECT */
    struct rules_node *node; /* RULES_N_STAR: all columns */
    const char *alias;       /* NULL: none */
    const char **except;     /* of a star */
    size_t n_except;
    struct rules_item *replace; /* of a star: node and alias */
    size_t n_replace;
};

enum rules_join { RULES_FROM, RULES_INNER, RULES_LEFT, RULES_RIGHT, RULES_FULL, RULES_CROSS };
struct rules_from {
    const char *name, *alias; /* alias NULL: none */
    uint8_t join;             /* enum rules_join; the first one is RULES_FROM */
    struct rules_node *on;
    uint16_t line, column;
};

enum rules_window_kind {
    RULES_W_NONE,
    RULES_W_TUMBLING,
    RULES_W_HOPPING,
    RULES_W_SLIDING,
    RULES_W_SESSION,
    RULES_W_COUNT,
};
struct rules_window {
    uint8_t kind;   /* enum rules_window_kind */
    uint8_t unit;   /* index into "dd hh mi ss ms" */
    int64_t length; /* as written: in units; rows of COUNT */
    int64_t second; /* hop, delay, time-out or interval; 0: none was given */
    struct rules_node *filter, *when;
};

struct rules_order {
    struct rules_node *node;
    bool descending;
};

struct rules_select {
    struct rules_item *items;
    size_t n_items;
    struct rules_from *from;
    size_t n_from;
    struct rules_node *where, *having;
    struct rules_node **keys; /* GROUP BY without the window */
    size_t n_keys;
    struct rules_window window;
    struct rules_order *order;
    size_t n_order;
    int64_t limit; /* -1: none */
};

/** INVALID with "line L, column C: expected ..., found ...". @p sql is not needed afterwards. */
enum edge_status rules_parse(struct edge_ctx *ctx, const char *sql, struct rules_select **ret);
/** An expression alone, as the `when` of a rule document. */
enum edge_status rules_parse_expression(struct edge_ctx *ctx, const char *text,
                                        struct rules_node **ret);

/** As SQL again, names in back ticks: parsed, it gives the same. */
void rules_print(struct edge_buf *out, const struct rules_select *s);
void rules_print_expression(struct edge_buf *out, const struct rules_node *n);
/** Milliseconds of a unit: dd, hh, mi, ss, ms by index. */
int64_t rules_unit_ms(unsigned unit);

/** The failure of a place in a statement. */
enum edge_status rules_fail_at(struct edge_ctx *ctx, unsigned line, unsigned column,
                               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
