/** Values of JSONLogic, as JavaScript has them, and what its operations share. */
#ifndef STAGES_JSON_VALUE_H
#define STAGES_JSON_VALUE_H

#include "edge/ctx.h"
#include "edge/json.h"

enum { LOGIC_STEPS = 1000000, LOGIC_DEPTH = 64, LOGIC_BYTES_MAX = 4 << 20 };

/* One evaluation; everything it makes is in the context's arena. */
struct logic_eval {
    struct edge_ctx *ctx;
    unsigned steps, depth;
    size_t bytes;      /* of texts it made */
    const char *fault; /* the first one: nothing counts from then on */
};

typedef const cJSON *logic_value; /* NULL: undefined */

logic_value logic_fail(struct logic_eval *e, const char *why);
/** Whatever is evaluated, copied or walked through is one; false where it fails. */
bool logic_step(struct logic_eval *e);

cJSON *logic_make(struct logic_eval *e, int type);
logic_value logic_make_bool(struct logic_eval *e, bool truth);
logic_value logic_make_number(struct logic_eval *e, double n);
logic_value logic_make_text(struct logic_eval *e, const char *text, size_t n);
void logic_append(struct logic_eval *e, cJSON *list, logic_value item);

bool logic_is_null(logic_value v);
bool logic_truth(logic_value v);
double logic_to_number(struct logic_eval *e, logic_value v);
double logic_parse_float(struct logic_eval *e, logic_value v);
const char *logic_text_of(struct logic_eval *e, logic_value v);
/** Characters, as JavaScript counts them: those beyond 16 bits are two. */
size_t logic_text_length(const char *text);
/** Where the i-th begins, or the text ends; one that is two is not cut. */
const char *logic_text_at(const char *text, size_t i);
/** === */
bool logic_same(logic_value a, logic_value b);
/** == */
bool logic_alike(struct logic_eval *e, logic_value a, logic_value b);
bool logic_less(struct logic_eval *e, logic_value a, logic_value b, bool or_equal);

/** json_operations.c: a row each. */
struct logic_operation {
    const char *name;
    logic_value (*run)(struct logic_eval *e, const cJSON *args, logic_value data);
};
extern const struct logic_operation LOGIC_OPERATIONS[];
extern const size_t LOGIC_N_OPERATIONS;

/** json_logic.c */
logic_value logic_evaluate(struct logic_eval *e, const cJSON *rule, logic_value data);

#endif
