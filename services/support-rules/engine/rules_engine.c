/* The engine: names, its programs, tables; what all of them get. */
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"

enum { MEMORY_BLOCK = 32768 };

struct rules_engine *rules_engine_create(void)
{
    struct rules_engine *e = edge_xalloc(1, sizeof(*e));
    rules_memory_init(&e->memory, MEMORY_BLOCK);
    return e;
}

void rules_engine_free(struct rules_engine *e)
{
    if (!e) {
        return;
    }
    rules_index_free(e->index);
    edge_map_done(&e->names);
    for (uint32_t i = 1; i < e->n_symbols; i++) {
        free((char *)e->symbols[i]);
    }
    free(e->symbols);
    free(e->programs);
    rules_memory_done(&e->memory);
    free(e);
}

/* ---- names -------------------------------------------------------------------------------- */

uint32_t rules_symbol_find(const struct rules_engine *e, const char *name)
{
    return (uint32_t)(uintptr_t)edge_map_find(&e->names, name);
}

uint32_t rules_symbol(struct rules_engine *e, const char *name)
{
    uint32_t symbol = rules_symbol_find(e, name);
    if (symbol) {
        return symbol;
    }
    if (e->n_symbols == 0) {
        e->n_symbols = 1; /* 0 is none */
    }
    edge_make_room(NULL, e->symbols, e->n_symbols, e->cap_symbols);
    symbol = e->n_symbols++;
    e->symbols[symbol] = edge_xstrdup(name);
    edge_map_put(&e->names, name, (void *)(uintptr_t)symbol);
    return symbol;
}

/* ---- programs ----------------------------------------------------------------------------- */

static void index_fresh(struct rules_engine *e)
{
    if (e->index_stale || !e->index) {
        rules_index_free(e->index);
        e->index = rules_index_build(e);
        e->index_stale = false;
    }
}

void rules_engine_push(struct rules_engine *e, const struct rules_row *row, int64_t now_ms)
{
    index_fresh(e);
    rules_index_push(e, row, now_ms);
}

void rules_engine_tick(struct rules_engine *e, int64_t now_ms)
{
    index_fresh(e);
    rules_index_tick(e->index, now_ms);
}

int64_t rules_engine_next_ms(struct rules_engine *e)
{
    index_fresh(e);
    return rules_index_next(e->index);
}

size_t rules_engine_programs(const struct rules_engine *e)
{
    return e->n_programs;
}

size_t rules_engine_scanned(const struct rules_engine *e)
{
    return e->index ? rules_index_scanned(e->index) : 0;
}

/* ---- tables ------------------------------------------------------------------------------- */

struct table_row {
    struct rules_owned object;
    struct edge_arena arena;
    struct rules_row row;
    uint32_t symbols; /* the engine knew so many names when the row was made */
};
struct rules_table {
    struct rules_engine *engine;
    struct table_row **rows;
    size_t n, cap;
};

struct rules_table *rules_table_create(struct rules_engine *e)
{
    struct rules_table *t = edge_xalloc(1, sizeof(*t));
    t->engine = e;
    return t;
}

void rules_table_clear(struct rules_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        edge_arena_done(&t->rows[i]->arena);
        rules_owned_done(&t->rows[i]->object);
        free(t->rows[i]);
    }
    t->n = 0;
}

void rules_table_free(struct rules_table *t)
{
    if (t) {
        rules_table_clear(t);
        free(t->rows);
        free(t);
    }
}

static struct table_row *table_find(const struct rules_table *t, const char *key,
                                    const struct rules_value *object)
{
    const struct rules_value *wanted = key ? rules_member_find(object, key) : NULL;
    for (size_t i = 0; wanted && i < t->n; i++) {
        const struct rules_value *has = rules_member_find(&t->rows[i]->object.value, key);
        if (has && rules_equal(has, wanted)) {
            return t->rows[i];
        }
    }
    return NULL;
}

/* The row as programs see it; made anew when there are names it did not know of. */
static void table_row_refresh(struct rules_engine *e, struct table_row *r)
{
    if (r->symbols != e->n_symbols) {
        edge_arena_done(&r->arena);
        r->arena = (struct edge_arena)EDGE_ARENA_INIT;
        rules_row_of_object(e, &r->arena, "", &r->object.value, 0, &r->row);
        r->symbols = e->n_symbols;
    }
}

bool rules_table_put(struct rules_table *t, const char *key, const struct rules_value *object)
{
    struct table_row *r = table_find(t, key, object);
    if (!r && t->n == RULES_TABLE_ROWS) {
        return false;
    }
    if (!r) {
        edge_make_room(NULL, t->rows, t->n, t->cap);
        r = t->rows[t->n++] = edge_xalloc(1, sizeof(*r));
    }
    rules_owned_set(&r->object, object);
    r->symbols = 0;
    return true;
}

size_t rules_table_rows(const struct rules_table *t)
{
    return t->n;
}

struct rules_list rules_table_list(struct rules_engine *e, const struct rules_table *t)
{
    struct rules_part *parts = rules_alloc(&e->memory, t->n, sizeof(*parts));
    for (size_t i = 0; parts && i < t->n; i++) {
        table_row_refresh(e, t->rows[i]);
        parts[i].row = &t->rows[i]->row;
    }
    return (struct rules_list){.parts = parts, .n = parts ? t->n : 0};
}
