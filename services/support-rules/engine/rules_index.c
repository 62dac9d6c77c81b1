/*
 * Which programs may care for a row. A program that needs a resource stands under (device, resource), (profile, resource)
 * or the resource alone, one that needs a device only under (device, any); all others are asked each time.
 */
#include <stdlib.h>
#include <string.h>

#include "rules_code.h"

enum scope { SCOPE_ANY, SCOPE_DEVICE, SCOPE_PROFILE };

struct entry {
    uint64_t key;
    struct rules_program *program;
};
struct slot {
    uint64_t key; /* 0: empty */
    uint32_t first, n;
};
struct rules_index {
    struct entry *entries; /* by key */
    struct slot *slots;    /* open addressing */
    struct rules_program **scan;
    struct rules_program **timed; /* with a window */
    size_t n_entries, n_scan, n_timed, mask;
};

/* Never 0: a resource or a scope is there. */
static uint64_t key_of(enum scope scope, uint32_t name, uint32_t resource)
{
    return (uint64_t)scope << 62 | (uint64_t)name << 31 | resource;
}

static uint64_t key_of_need(const struct rules_need *n)
{
    return n->device    ? key_of(SCOPE_DEVICE, n->device, n->resource)
           : n->profile ? key_of(SCOPE_PROFILE, n->profile, n->resource)
                        : key_of(SCOPE_ANY, 0, n->resource);
}

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->program->index < y->program->index ? -1 : x->program->index > y->program->index;
}

static size_t hash_key(uint64_t key)
{
    return (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20);
}

static void fill_slots(struct rules_index *x)
{
    size_t size = 16;
    while (size < x->n_entries * 2) {
        size *= 2;
    }
    x->slots = edge_xalloc(size, sizeof(*x->slots));
    x->mask = size - 1;
    for (size_t i = 0; i < x->n_entries;) {
        size_t first = i, at = hash_key(x->entries[i].key) & x->mask;
        while (i < x->n_entries && x->entries[i].key == x->entries[first].key) {
            i++;
        }
        while (x->slots[at].key) {
            at = (at + 1) & x->mask;
        }
        x->slots[at] = (struct slot){x->entries[first].key, (uint32_t)first, (uint32_t)(i - first)};
    }
}

struct rules_index *rules_index_build(struct rules_engine *e)
{
    struct rules_index *x = edge_xalloc(1, sizeof(*x));
    size_t n = 0;
    for (size_t i = 0; i < e->n_programs; i++) {
        n += e->programs[i]->n_needs;
    }
    x->entries = edge_xalloc(n + 1, sizeof(*x->entries));
    x->scan = edge_xalloc(e->n_programs + 1, sizeof(*x->scan));
    x->timed = edge_xalloc(e->n_programs + 1, sizeof(*x->timed));
    for (size_t i = 0; i < e->n_programs; i++) {
        struct rules_program *p = e->programs[i];
        for (size_t k = 0; k < p->n_needs; k++) {
            x->entries[x->n_entries++] = (struct entry){key_of_need(&p->needs[k]), p};
        }
        if (p->window && !p->event_time) {
            x->timed[x->n_timed++] = p;
        }
        if (p->n_needs == 0) {
            x->scan[x->n_scan++] = p;
        }
    }
    qsort(x->entries, x->n_entries, sizeof(*x->entries), by_key);
    fill_slots(x);
    return x;
}

void rules_index_free(struct rules_index *x)
{
    if (x) {
        free(x->entries);
        free(x->slots);
        free(x->scan);
        free(x->timed);
        free(x);
    }
}

size_t rules_index_scanned(const struct rules_index *x)
{
    return x->n_scan;
}

static void push_once(struct rules_program *p, const struct rules_row *row, int64_t now_ms)
{
    if (p->seen != p->engine->pushes) {
        p->seen = p->engine->pushes;
        rules_program_push(p, row, now_ms);
    }
}

static void push_key(struct rules_engine *e, uint64_t key, const struct rules_row *row,
                     int64_t now_ms)
{
    const struct rules_index *x = e->index;
    for (size_t at = hash_key(key) & x->mask; x->slots[at].key; at = (at + 1) & x->mask) {
        const struct slot *s = &x->slots[at];
        if (s->key == key) {
            for (uint32_t i = 0; i < s->n; i++) {
                push_once(x->entries[s->first + i].program, row, now_ms);
            }
            return;
        }
    }
}

void rules_index_push(struct rules_engine *e, const struct rules_row *row, int64_t now_ms)
{
    e->pushes = e->pushes == UINT32_MAX ? 1 : e->pushes + 1;
    for (size_t i = 0; i <= row->n; i++) {
        uint32_t resource = i < row->n ? row->columns[i].symbol : 0;
        if (i < row->n && resource == 0) {
            continue;
        }
        if (resource) {
            push_key(e, key_of(SCOPE_ANY, 0, resource), row, now_ms);
        }
        if (row->device) {
            push_key(e, key_of(SCOPE_DEVICE, row->device, resource), row, now_ms);
        }
        if (row->profile) {
            push_key(e, key_of(SCOPE_PROFILE, row->profile, resource), row, now_ms);
        }
    }
    for (size_t i = 0; i < e->index->n_scan; i++) {
        push_once(e->index->scan[i], row, now_ms);
    }
}

void rules_index_tick(const struct rules_index *x, int64_t now_ms)
{
    for (size_t i = 0; i < x->n_timed; i++) {
        if (rules_window_next(x->timed[i]->window) <= now_ms) {
            rules_program_tick(x->timed[i], now_ms);
        }
    }
}

int64_t rules_index_next(const struct rules_index *x)
{
    int64_t next = RULES_NEVER;
    for (size_t i = 0; i < x->n_timed; i++) {
        int64_t ms = rules_window_next(x->timed[i]->window);
        next = ms < next ? ms : next;
    }
    return next;
}
