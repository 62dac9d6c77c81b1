/** What the files of the engine share: programs as they run. Others see rules_program.h. */
#ifndef RULES_CODE_H
#define RULES_CODE_H

#include "edge/map.h"
#include "edge/pattern.h"
#include "rules_ast.h"
#include "rules_functions.h"
#include "rules_program.h"

/* ---- code --------------------------------------------------------------------------------- */

enum rules_opcode {
    OP_RET,
    OP_CONST,      /* push constant c */
    OP_SLOT,       /* push column b */
    OP_ALIAS,      /* push alias b, computed once for a row by the code at c */
    OP_ANALYTIC,   /* push what analytic function b gave for this row */
    OP_AGGREGATE,  /* push what aggregate b gave for this group */
    OP_ROW,        /* push all columns as an object; a: source, RULES_ANY: of all */
    OP_COMPARE,    /* a: operator */
    OP_COMPARE_SC, /* column b against constant c; a: operator */
    OP_ARITH,      /* a: operator */
    OP_NEG,
    OP_NOT,
    OP_AND,    /* top is not true: false instead, jump to c; else pop */
    OP_OR,     /* top is true: jump to c; else pop */
    OP_TRUTH,  /* top as a boolean */
    OP_IF_NOT, /* pop; jump to c where it is not true */
    OP_JUMP,   /* to c */
    OP_DUP,
    OP_UNDER,   /* remove what is below the top */
    OP_MISSING, /* push missing */
    OP_IN,      /* b values below the top of which the first is looked for; a: negated */
    OP_IN_LIST, /* a: negated */
    OP_BETWEEN, /* a: negated */
    OP_LIKE,    /* a: negated */
    OP_IS_NULL, /* a: negated */
    OP_MEMBER,  /* by the name in constant c */
    OP_INDEX,
    OP_SLICE, /* a: 1 from is there, 2 to is there */
    OP_CALL,  /* function b with a arguments; c: pattern + 1, 0: none */
    OP_CODES
};
struct rules_code {
    uint8_t op, a;
    uint16_t b;
    uint32_t c;
};

enum { RULES_STEPS_MAX = 20000000 }; /* of one push or tick of a program: some tenths of a second */
enum { RULES_ANY = 0xff, RULES_STACK = 2048, RULES_ERROR_SIZE = 256 };

/* What meta() may ask for; the names are META_NAMES. */
enum rules_meta {
    META_NO, /* a column */
    META_ALL,
    META_ID,
    META_DEVICE,
    META_PROFILE,
    META_SOURCE,
    META_ORIGIN,
    META_TAGS,
    META_CORRELATION,
    META_READING, /* of the reading called so */
};

struct rules_slot {
    const char *name; /* the engine's */
    uint32_t symbol;
    uint8_t source; /* RULES_ANY: the first that has it */
    uint8_t meta;   /* enum rules_meta */
};

/* Code is told by where it begins; 0, where a RET stands, is none. */
struct rules_out { /* of SELECT */
    const char *name;
    uint32_t code;
    uint8_t kind;   /* enum rules_out_kind */
    uint8_t source; /* of a star; RULES_ANY: all */
    uint16_t slot;  /* of a column */
    uint16_t n_except;
    const char *const *except;
};
enum rules_out_kind { OUT_VALUE, OUT_COLUMN, OUT_STAR, OUT_COLUMNS };

struct rules_aggregate {
    const struct rules_function *fn;
    uint32_t code, filter; /* of its argument; 0: a star */
    uint32_t more;         /* code that pushes further arguments */
    uint8_t n_more;
    uint8_t sum; /* how it is added up row by row; 0: it needs all of them */
};

struct rules_partition {
    struct rules_owned key, state;
    uint64_t hash, used;
};
struct rules_analytic {
    const struct rules_function *fn;
    uint32_t args, when, keys; /* code that pushes them */
    const char *const *names;  /* of RULES_FN_COLUMNS: the arguments' own */
    uint8_t n_args, n_keys;
    bool late; /* over what comes out of groups, not over rows */
    struct rules_partition *partitions;
    uint32_t n_partitions, cap_partitions;
};

struct rules_part { /* of a joined row: of one source; both NULL: nothing matched */
    const struct rules_row *row;
    const struct rules_kept *kept;
};

struct rules_join_source {
    uint32_t symbol; /* of the stream; 0: a table */
    struct rules_table *table;
    uint32_t on;
    uint8_t join;
};

struct rules_ordering {
    uint32_t code;
    bool descending;
};

/* ---- windows ------------------------------------------------------------------------------ */

struct rules_kept { /* a row of a window: one block */
    int64_t ts_ms;
    uint32_t size; /* of the block */
    uint8_t source, hops;
    struct rules_value values
        []; /* columns by slot, early analytic results, the whole row where that is asked for */
};

struct rules_windowing {
    uint8_t kind;
    int64_t length_ms, second_ms; /* COUNT: rows */
    uint32_t filter, when;
    bool where_after; /* WHERE looks at the window's rows, not at what comes in */

    struct rules_kept **rows; /* by time, from `first` on */
    size_t first, n, cap, bytes;
    int64_t next_end;    /* TUMBLING, HOPPING; RULES_NEVER: no row yet */
    int64_t start, last; /* SESSION: of the one that is open; RULES_NEVER: none */
    uint64_t since;      /* COUNT: rows since the last window */
    int64_t *triggers;   /* SLIDING: when rows came whose windows are not due yet */
    size_t n_triggers, cap_triggers;
    struct rules_pane *
        *panes; /* TUMBLING, added up row by row: windows that are open, by their end */
    size_t n_panes, cap_panes;
    bool adds_up;
    int64_t newest[RULES_SOURCES_MAX]; /* event time of each source; INT64_MIN: none yet */
    int64_t watermark;
};

/* ---- programs ----------------------------------------------------------------------------- */

struct rules_need { /* what an event must have for WHERE to be true: symbols, 0 is any */
    uint32_t device, profile, resource;
};

struct rules_program {
    struct rules_engine *engine;
    rules_emit *emit;
    void *state;
    const char *id;
    const struct rules_code *code;
    const struct rules_value *constants;
    const struct rules_slot *slots;
    const struct rules_out *outs;
    const struct rules_function *const *functions;
    struct edge_pattern **patterns;
    const struct rules_join_source *sources;
    const struct rules_aggregate *aggregates;
    struct rules_analytic *analytics;
    const uint32_t *keys; /* code of each */
    const struct rules_ordering *orders;
    const struct rules_need *needs;
    struct rules_windowing *window; /* NULL: none */
    uint32_t where, having;
    uint16_t n_code, n_constants, n_slots, n_outs, n_functions, n_patterns, n_aliases;
    uint8_t n_sources, n_aggregates, n_analytics, n_keys, n_orders, n_needs;
    bool event_time, grouped, starred, whole, expression;
    bool checks_names; /* columns of the same name may come out */
    int64_t limit, late_ms;
    struct rules_limits limits;
    struct rules_stats stats;
    char *error;
    uint64_t hash;  /* of statement and options: whose state it is */
    uint32_t index; /* among the engine's */
    uint32_t seen;  /* the push it was last part of */
    size_t bytes;
};

struct rules_engine {
    struct edge_map names; /* name -> symbol */
    const char **symbols;  /* by symbol */
    uint32_t n_symbols;
    size_t cap_symbols;
    struct rules_program **programs;
    size_t n_programs, cap_programs;
    struct rules_index *index;
    bool index_stale;
    uint32_t pushes;
    uint64_t ticks; /* counts what is used, for partitions */
    struct rules_memory memory;
    uint64_t steps; /* of the push or tick at hand */
    char error[RULES_ERROR_SIZE];
    struct rules_value stack[RULES_STACK];
};

/** Symbol of a name: a new one, or 0 where there is none yet. */
uint32_t rules_symbol(struct rules_engine *e, const char *name);
uint32_t rules_symbol_find(const struct rules_engine *e, const char *name);

/* ---- evaluation --------------------------------------------------------------------------- */

struct rules_call {
    struct rules_engine *engine;
    struct rules_memory *memory;
    const char *id;
    const struct edge_pattern *pattern;   /* of RULES_FN_PATTERN; NULL: not compiled */
    const char *const *names;             /* of RULES_FN_COLUMNS */
    const struct rules_value *group_rows; /* of aggregates that want rows */
    int64_t now_ms, ts_ms, window_start, window_end;
    char *error; /* the engine's, of RULES_ERROR_SIZE */
};

struct rules_env {
    struct rules_call call;
    const struct rules_program *p;
    const struct rules_part *parts;
    struct rules_value *aliases; /* kind 0xff: not computed */
    const struct rules_value *analytics, *aggregates;
};

/** Before each push and tick: memory and steps are there again. */
void rules_engine_fresh(struct rules_engine *e);
void rules_env_init(struct rules_env *env, const struct rules_program *p, int64_t now_ms);
/** Forget what was computed of the row before. False: no memory. */
bool rules_env_row(struct rules_env *env, const struct rules_part *parts);
/** Run the code at @p at; what it pushes is at @p base. False: call.error says why. */
bool rules_run(struct rules_env *env, uint32_t at, struct rules_value *base);
/** The value of the code at @p at. */
bool rules_eval(struct rules_env *env, uint32_t at, struct rules_value *ret);
/** Likewise, whether it is true; true where there is none. */
bool rules_holds(struct rules_env *env, uint32_t at, bool *ret);
/** Column @p slot of the row; never NULL. */
const struct rules_value *rules_slot_load(struct rules_env *env, unsigned slot);
/** All columns of a part of the row as an object. */
bool rules_whole(struct rules_env *env, unsigned source, struct rules_value *ret);

bool rules_arith(struct rules_call *c, unsigned op, const struct rules_value *a,
                 const struct rules_value *b, struct rules_value *ret);
bool rules_test(struct rules_call *c, unsigned op, const struct rules_value *a,
                const struct rules_value *b, bool *ret);
bool rules_like(struct rules_call *c, const char *text, const char *pattern, bool *ret);
/** So many steps more; false, with the reason, where that are too many. */
bool rules_spend(struct rules_call *c, uint64_t steps);
static inline uint32_t rules_spread(uint32_t symbol)
{
    return symbol * UINT32_C(2654435769) >> 7;
}

/** Column by symbol; NULL: not there. */
static inline const struct rules_column *rules_row_column(const struct rules_row *row,
                                                          uint32_t symbol)
{
    for (uint32_t i = rules_spread(symbol) & row->mask; row->table && row->table[i];
         i = (i + 1) & row->mask) {
        const struct rules_column *column = &row->columns[row->table[i] - 1];
        if (column->symbol == symbol) {
            return column;
        }
    }
    return NULL;
}
/** What meta() says of a live row. */
bool rules_meta(struct rules_env *env, const struct rules_row *row, const struct rules_slot *slot,
                struct rules_value *ret);
extern const char *const RULES_META_NAMES[]; /* by enum rules_meta, "" where there is none */

/* ---- what functions are made with ---------------------------------------------------------- */

/** Room for a text of @p n bytes and its NUL; NULL, with the reason, where it is too long. */
char *rules_new_text(struct rules_call *c, size_t n);
struct rules_value *rules_new_items(struct rules_call *c, size_t n);
struct rules_member *rules_new_members(struct rules_call *c, size_t n);
struct rules_value rules_array(const struct rules_value *items, size_t n);
struct rules_value rules_object(const struct rules_member *members, size_t n);
/** Argument @p i as what is wanted; an error names it. */
bool rules_arg_text(struct rules_call *c, const struct rules_value *args, size_t i,
                    const char **ret);
bool rules_arg_int(struct rules_call *c, const struct rules_value *args, size_t i, int64_t *ret);
bool rules_arg_real(struct rules_call *c, const struct rules_value *args, size_t i, double *ret);
bool rules_arg_bool(struct rules_call *c, const struct rules_value *args, size_t i, bool *ret);
bool rules_arg_array(struct rules_call *c, const struct rules_value *args, size_t i);
bool rules_arg_object(struct rules_call *c, const struct rules_value *args, size_t i);
/** Any value as text, as concat() and cast() do. */
bool rules_to_text(struct rules_call *c, const struct rules_value *v, const char **ret);

/** Arrays behind each other; null is empty. */
bool rules_concat_arrays(struct rules_call *c, const struct rules_value *args, size_t n,
                         struct rules_value *ret);
/** cast(..., 'datetime'). */
bool rules_time_cast(struct rules_call *c, const struct rules_value *args, struct rules_value *ret);

/* ---- what aggregates add up ---------------------------------------------------------------- */

/** Sum and number of what is not null: exact as long as all are integers. */
struct rules_sum {
    __int128 whole;
    double real, correction;
    int64_t n;
    bool reals;
};
bool rules_sum_add(struct rules_call *c, struct rules_sum *s, const struct rules_value *v);
bool rules_sum_total(struct rules_call *c, const struct rules_sum *s, struct rules_value *ret);
bool rules_sum_average(struct rules_call *c, const struct rules_sum *s, struct rules_value *ret);

/** Mean and sum of squares of what is not null, in one go (Welford). */
struct rules_spread_sum {
    double mean, m2;
    int64_t n;
};
bool rules_spread_add(struct rules_call *c, struct rules_spread_sum *s,
                      const struct rules_value *v);
void rules_spread_result(const struct rules_spread_sum *s, int less, bool root,
                         struct rules_value *ret);

/** Whether @p v is larger than @p best (sign 1), or smaller (-1); a first one is either. */
bool rules_is_better(struct rules_call *c, const struct rules_value *v,
                     const struct rules_value *best, int sign, bool *ret);

/* ---- steps of a program -------------------------------------------------------------------- */

/** All analytic functions that are (not) @p late, over the row of @p env. */
bool rules_analytics_run(struct rules_program *p, struct rules_env *env, bool late,
                         struct rules_value *results);
void rules_analytics_reset(struct rules_program *p);
size_t rules_analytics_bytes(const struct rules_program *p);
void rules_analytics_save(const struct rules_program *p, struct edge_buf *out);
bool rules_analytics_load(struct rules_program *p, struct edge_arena *a, const char **at,
                          const char *end);

/** What a window or a row makes: joined, filtered, grouped, ordered, and told. */
struct rules_ready { /* a group that was added up */
    struct rules_part first;
    const struct rules_value *aggregates;
};
struct rules_batch {
    const struct rules_part *tuples; /* n times n_sources */
    size_t n;
    int64_t start, end;
    bool filter; /* WHERE is still to be asked */
    unsigned hops;
    const struct rules_row *cause;
    const struct rules_value *analytics; /* of a live row */
    const struct rules_ready *ready;     /* groups instead of tuples */
    size_t n_ready;
    bool failed; /* a group was in error: the window had rows */
};
void rules_batch_run(struct rules_program *p, struct rules_env *env, const struct rules_batch *b);
/** One object of the row of @p env. */
bool rules_project(struct rules_program *p, struct rules_env *env, struct rules_value *ret);
void rules_tell(struct rules_program *p, struct rules_env *env, const struct rules_batch *b,
                const struct rules_value *rows, size_t n);
void rules_tell_error(struct rules_program *p, struct rules_env *env,
                      const struct rules_row *cause);

/** All rows joined; false with the reason. @p lists: the rows of each source. */
struct rules_list {
    const struct rules_part *parts;
    size_t n;
};
bool rules_join_run(struct rules_program *p, struct rules_env *env, const struct rules_list *lists,
                    const struct rules_part **ret, size_t *ret_n);

struct rules_list rules_table_list(struct rules_engine *e, const struct rules_table *t);

/** The row as a window keeps it; NULL: too large. */
struct rules_kept *rules_keep(struct rules_program *p, struct rules_env *env,
                              const struct rules_row *row, unsigned source,
                              const struct rules_value *analytics, int64_t ts_ms);
/* A row as bytes, and back. */
void rules_kept_write(const struct rules_program *p, const struct rules_kept *kept,
                      struct edge_buf *out);
bool rules_kept_read(const struct rules_program *p, struct edge_arena *a, const char **at,
                     const char *end, struct rules_kept **ret);

/* Tumbling windows whose aggregates are added up as rows come: of each group its first row and its sums are kept. */
/** How to add up; 0: it cannot be. */
unsigned rules_sum_kind(const struct rules_function *fn);
bool rules_panes_add(struct rules_program *p, struct rules_env *env, const struct rules_row *row,
                     const struct rules_value *analytics, int64_t ts_ms, int64_t end);
/** The groups of the window that ends then, in the evaluation's memory. False: no memory. */
bool rules_panes_ready(struct rules_program *p, struct rules_env *env, int64_t end,
                       struct rules_batch *b);
/** End of the first window that is open; there is one. */
int64_t rules_panes_first(const struct rules_windowing *w);
/** Windows that have ended by then; INT64_MAX: all. */
void rules_panes_remove(struct rules_program *p, int64_t end);
void rules_panes_save(const struct rules_program *p, struct edge_buf *out);
bool rules_panes_load(struct rules_program *p, struct edge_arena *a, const char **at,
                      const char *end);

/** A row of source @p source that WHERE and FILTER have let pass. */
void rules_window_add(struct rules_program *p, struct rules_env *env, const struct rules_row *row,
                      unsigned source, const struct rules_value *analytics, int64_t ts_ms);
/** The clock, or the watermark, is there: windows that end are told. */
void rules_window_until(struct rules_program *p, int64_t ms, int64_t now_ms);
int64_t rules_window_next(const struct rules_windowing *w);
void rules_window_reset(struct rules_program *p);
void rules_window_done(struct rules_program *p);
void rules_window_save(const struct rules_program *p, struct edge_buf *out);
bool rules_window_load(struct rules_program *p, struct edge_arena *a, const char **at,
                       const char *end);

void rules_index_free(struct rules_index *x);
struct rules_index *rules_index_build(struct rules_engine *e);
void rules_index_push(struct rules_engine *e, const struct rules_row *row, int64_t now_ms);
size_t rules_index_scanned(const struct rules_index *x);
void rules_index_tick(const struct rules_index *x, int64_t now_ms);
int64_t rules_index_next(const struct rules_index *x);

#endif
