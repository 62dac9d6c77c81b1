/**
 * The engine of rules: statements become programs, rows go in, results come out. No threads, no timers, no clock: the
 * owner says what time it is, and rules_engine_next_ms() when to call again. One thread at a time for an engine and all
 * that is made with it; several engines may run side by side.
 *
 *     struct rules_engine *e = rules_engine_create();
 *     rules_program_create(ctx, e, "SELECT temperature FROM demo WHERE temperature > 30",
 *                          &(struct rules_options){.emit = act, .state = me}, &program);
 *     rules_row_of_event(e, &arena, &(struct rules_event){.event = event, .stream = "demo"}, &row);
 *     rules_engine_push(e, &row, now_ms);      all programs that may care
 *     rules_engine_tick(e, now_ms);            when rules_engine_next_ms(e) says so
 *
 * A row that a program cannot work on (text against number, overflow, x / 0, an index out of range) is an error of that
 * row: counted, handed to `emit` as a text, forgotten.
 */
#ifndef RULES_PROGRAM_H
#define RULES_PROGRAM_H

#include "contracts/event.h"
#include "edge/buf.h"
#include "edge/ctx.h"
#include "rules_value.h"

struct rules_engine;
struct rules_program;
struct rules_select;
struct rules_node;

#define RULES_NEVER INT64_MAX

/* ---- rows ------------------------------------------------------------------------------------- */

struct rules_column {
    const char *name;
    uint32_t symbol; /* of the name; 0: no program speaks of it */
    struct rules_value value;
    const struct reading *reading; /* NULL: of no event */
};
/** What a program sees of an event, or of any object. Points to what it was made from; lives as long as that. */
struct rules_row {
    const char *stream; /* name of the stream it comes on; programs on another one do not see it */
    uint32_t stream_symbol;
    uint32_t device, profile;  /* symbols, for the index; 0: nobody asks */
    int64_t ts_ms;             /* event time */
    const struct event *event; /* for meta(); NULL: there is none */
    const char *correlation_id;
    unsigned hops; /* how many rules it has come through: the owner's, handed on in results */
    struct rules_value meta;      /* where there is no event: an object, or missing */
    struct rules_column *columns; /* in their order, names unique (the last of equal ones) */
    size_t n;
    const uint16_t *table; /* symbol -> column + 1, open addressing */
    uint32_t mask;
};

/** An event on its way in. */
struct rules_event {
    const struct event *event;
    const char *stream;
    const char *correlation_id; /* NULL: none */
    unsigned hops;
};
/**
 * A row of the readings of an event, in @p a. Bool, integers, floats (Float32 as the double it is: 1.1 becomes
 * 1.100000023841858), String, arrays of these, Object, ObjectArray and Binary. Null readings and texts that are no value
 * of their type are left out.
 */
void rules_row_of_event(struct rules_engine *e, struct edge_arena *a, const struct rules_event *in,
                        struct rules_row *ret);
/** A row of an object (a message of another rule, a table's row, a fact); no columns where it is none. */
void rules_row_of_object(struct rules_engine *e, struct edge_arena *a, const char *stream,
                         const struct rules_value *object, int64_t ts_ms, struct rules_row *ret);
/** Column of a row by name; NULL: not there. */
const struct rules_value *rules_row_find(const struct rules_row *row, const char *name);

/* ---- tables ----------------------------------------------------------------------------------- */

/** Rows to look up: what streams are joined with outside of windows. Kept by copy. */
struct rules_table;
enum { RULES_TABLE_ROWS = 10000 };
struct rules_table *rules_table_create(struct rules_engine *e);
/** After all programs that use it. */
void rules_table_free(struct rules_table *t);
/** Add an object; in place of the one that has the same value in member @p key, where that is not NULL. False: full. */
bool rules_table_put(struct rules_table *t, const char *key, const struct rules_value *object);
void rules_table_clear(struct rules_table *t);
size_t rules_table_rows(const struct rules_table *t);

/* ---- programs --------------------------------------------------------------------------------- */

/** What came out: the rows of one message. All of it is gone after the call. */
struct rules_result {
    const struct rules_value *rows; /* objects */
    size_t n;
    const char *error; /* of a row or window; NULL: none; n is 0 then. Of a window, ten are told */
    int64_t now_ms;
    int64_t window_start, window_end; /* 0: no window of time */
    const struct rules_row *cause;    /* the row it is of; NULL: of a window */
    unsigned hops;                    /* the most of all rows it came from */
};
/** Must not push, create or free anything of the engine: what is told is put aside, and worked on afterwards. */
typedef void rules_emit(void *state, struct rules_program *p, const struct rules_result *result);

/** What a name after FROM or JOIN stands for. */
struct rules_source {
    struct rules_table *table; /* NULL: a stream */
};
/** False: there is no such stream or table. */
typedef bool rules_find_source(void *state, const char *name, struct rules_source *ret);

/** Bounds of what a program may hold; 0: the default in brackets. */
struct rules_limits {
    /* [100000] Beyond, the oldest rows of a window go, counted as `dropped`. Of tumbling windows that keep sums instead
     * of rows, these are groups, and rows of further groups go. */
    size_t window_rows;
    size_t window_bytes; /* [8 MiB] likewise */
    size_t partitions;   /* [1000] of OVER (PARTITION BY): the one quiet for longest begins anew */
    size_t joined;       /* [100000] rows of a join, ten times as many pairs; more is an error */
    size_t backlog;      /* [1024] windows without rows told in a row; the rest is passed over */
};

struct rules_options {
    const char *id;            /* of the rule, for rule_id(); copied; NULL: "" */
    bool event_time;           /* isEventTime */
    int64_t late_tolerance_ms; /* lateTolerance */
    struct rules_limits limits;
    rules_emit *emit;
    void *state;
    rules_find_source *find; /* NULL: every name is a stream */
    void *find_state;
};

struct rules_stats {
    uint64_t in;      /* rows on its streams that it looked at */
    uint64_t matched; /* rows that WHERE let pass */
    uint64_t out;     /* messages */
    uint64_t out_rows;
    uint64_t errors;
    uint64_t late;    /* rows dropped because they came after their window */
    uint64_t dropped; /* rows that windows had no room for */
    uint64_t skipped; /* windows without rows that were passed over */
};

/**
 * INVALID with line, column and what was expected. From then on the engine pushes rows to it; it is in no state until
 * the first one. @p sql is not needed afterwards.
 */
enum edge_status rules_program_create(struct edge_ctx *ctx, struct rules_engine *e, const char *sql,
                                      const struct rules_options *options,
                                      struct rules_program **ret);
/** The same of a statement that is parsed already (rules_ast.h). */
enum edge_status rules_program_compile(struct edge_ctx *ctx, struct rules_engine *e,
                                       const struct rules_select *select,
                                       const struct rules_options *options,
                                       struct rules_program **ret);
void rules_program_free(struct rules_program *p);

/** One row, to this program alone. */
void rules_program_push(struct rules_program *p, const struct rules_row *row, int64_t now_ms);
/** The same, whatever stream the row is on: to each source that is one. */
void rules_program_push_any(struct rules_program *p, const struct rules_row *row, int64_t now_ms);
/** What is due by now: windows that end. */
void rules_program_tick(struct rules_program *p, int64_t now_ms);
/** When it wants rules_program_tick(); RULES_NEVER: not of itself. */
int64_t rules_program_next_ms(const struct rules_program *p);
/** All that windows hold is theirs no more: as after creating it. */
void rules_program_reset(struct rules_program *p);

void *rules_program_state(const struct rules_program *p); /* rules_options.state */
const char *rules_program_id(const struct rules_program *p);
const struct rules_stats *rules_program_stats(const struct rules_program *p);
/** The text of the last error; "": there was none. */
const char *rules_program_error(const struct rules_program *p);
/** Bytes of the program, and of what its windows and functions remember. */
size_t rules_program_bytes(const struct rules_program *p);
size_t rules_program_state_bytes(const struct rules_program *p);
/** What it is: code, slots, where the index has it. For `explain`. */
void rules_program_explain(const struct rules_program *p, struct edge_buf *out);

/**
 * State as bytes, for checkpoints: windows, what analytic functions remember, counters. They fit programs of the same
 * statement and options only.
 */
void rules_program_save(const struct rules_program *p, struct edge_buf *out);
/** CONFLICT: of another program. INVALID: damaged, or of another version. The program is as after reset then. */
enum edge_status rules_program_load(struct edge_ctx *ctx, struct rules_program *p,
                                    const void *bytes, size_t size);

/* ---- expressions ------------------------------------------------------------------------------- */

/**
 * An expression alone, over one row: conditions of rule documents, JSONLogic, templates. It may use what remembers
 * (lag, had_changed, ...), no aggregates.
 */
struct rules_expression;
enum edge_status rules_expression_create(struct edge_ctx *ctx, struct rules_engine *e,
                                         const char *text, struct rules_expression **ret);
enum edge_status rules_expression_compile(struct edge_ctx *ctx, struct rules_engine *e,
                                          const struct rules_node *node,
                                          struct rules_expression **ret);
void rules_expression_free(struct rules_expression *x);
/**
 * INVALID with the reason where the row is in error. The value lives until the engine works on the next row; what is no
 * boolean is not true.
 */
enum edge_status rules_expression_eval(struct edge_ctx *ctx, struct rules_expression *x,
                                       const struct rules_row *row, int64_t now_ms,
                                       struct rules_value *ret);

/* ---- the engine --------------------------------------------------------------------------------- */

struct rules_engine *rules_engine_create(void);
/** After all its programs, tables and expressions. */
void rules_engine_free(struct rules_engine *e);
/** A row to all programs that may care: those the index has for its devices, profiles and resources, and the rest. */
void rules_engine_push(struct rules_engine *e, const struct rules_row *row, int64_t now_ms);
/** What is due, of all programs. */
void rules_engine_tick(struct rules_engine *e, int64_t now_ms);
/** The earliest of all; RULES_NEVER: none. */
int64_t rules_engine_next_ms(struct rules_engine *e);
/** Programs in all, and those of which no resource is known that they need: every row goes to them. */
size_t rules_engine_programs(const struct rules_engine *e);
size_t rules_engine_scanned(const struct rules_engine *e);

#endif
