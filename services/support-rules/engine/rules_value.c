#include "rules_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/text.h"

/* ---- memory ------------------------------------------------------------------------------- */

void rules_memory_init(struct rules_memory *m, size_t size)
{
    *m = (struct rules_memory){.block = edge_xalloc(1, size), .size = size};
}

void rules_memory_reset(struct rules_memory *m)
{
    m->used = 0;
    if (m->more.used > 0) {
        edge_arena_done(&m->more);
        m->more = (struct edge_arena)EDGE_ARENA_INIT;
    }
}

void rules_memory_done(struct rules_memory *m)
{
    edge_arena_done(&m->more);
    free(m->block);
    *m = (struct rules_memory){0};
}

void *rules_alloc(struct rules_memory *m, size_t n, size_t size)
{
    size_t want;
    if (__builtin_mul_overflow(n, size, &want) || want > RULES_MEMORY_MAX ||
        m->more.used > RULES_MEMORY_MAX - want) {
        return NULL;
    }
    want = (want + 15) & ~(size_t)15;
    if (want > m->size - m->used) {
        return edge_alloc(&m->more, 1, want ? want : 1);
    }
    void *p = m->block + m->used;
    m->used += want;
    return memset(p, 0, want);
}

/* ---- kinds -------------------------------------------------------------------------------- */

struct rules_value rules_text(const char *s)
{
    return (struct rules_value){.kind = RULES_TEXT, .n = (uint32_t)strlen(s), .text = s};
}

const char *rules_kind_name(unsigned kind)
{
    static const char *const names[RULES_KINDS] = {"nothing", "null",  "boolean", "bigint",
                                                   "bigint",  "float", "string",  "bytea",
                                                   "array",   "struct"};
    return kind < RULES_KINDS ? names[kind] : "nothing";
}

double rules_as_real(const struct rules_value *v)
{
    switch (v->kind) {
    case RULES_INT:
        return (double)v->i;
    case RULES_UINT:
        return (double)v->u;
    case RULES_REAL:
        return v->f;
    default:
        return 0;
    }
}

/* ---- order -------------------------------------------------------------------------------- */

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* Exact: a double is cut into what an int64 holds and the rest. */
static int int_against_real(int64_t i, double f)
{
    if (isnan(f)) {
        return 1;
    }
    if (f >= 0x1p63) {
        return -1;
    }
    if (f < -0x1p63) {
        return 1;
    }
    int64_t whole = (int64_t)f;
    double rest = f - (double)whole;
    return i != whole ? ORDER(i, whole) : ORDER(0, rest);
}

static int uint_against_real(uint64_t u, double f)
{
    if (isnan(f) || f < 0x1p63) { /* a RULES_UINT is above */
        return 1;
    }
    return f >= 0x1p64 ? -1 : ORDER(u, (uint64_t)f);
}

static int real_against_real(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return ORDER(!isnan(a), !isnan(b));
    }
    return ORDER(a, b);
}

int rules_number_compare(const struct rules_value *a, const struct rules_value *b)
{
    if (a->kind == b->kind) {
        return a->kind == RULES_INT    ? ORDER(a->i, b->i)
               : a->kind == RULES_UINT ? ORDER(a->u, b->u)
                                       : real_against_real(a->f, b->f);
    }
    if (b->kind == RULES_REAL) {
        return a->kind == RULES_INT ? int_against_real(a->i, b->f) : uint_against_real(a->u, b->f);
    }
    if (a->kind == RULES_REAL) {
        return b->kind == RULES_INT ? -int_against_real(b->i, a->f)
                                    : -uint_against_real(b->u, a->f);
    }
    return a->kind == RULES_UINT ? 1 : -1;
}

static int rank(const struct rules_value *v)
{
    static const uint8_t ranks[RULES_KINDS] = {0, 0, 1, 2, 2, 2, 3, 4, 5, 6};
    return ranks[v->kind];
}

static int compare_bytes(const struct rules_value *a, const struct rules_value *b)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    int order = n ? memcmp(a->bytes, b->bytes, n) : 0;
    return order ? order : ORDER(a->n, b->n);
}

static int compare_items(const struct rules_value *a, const struct rules_value *b)
{
    for (uint32_t i = 0; i < a->n && i < b->n; i++) {
        int order = rules_compare(&a->items[i], &b->items[i]);
        if (order) {
            return order;
        }
    }
    return ORDER(a->n, b->n);
}

static int compare_members(const struct rules_value *a, const struct rules_value *b)
{
    for (uint32_t i = 0; i < a->n && i < b->n; i++) {
        int order = strcmp(a->members[i].name, b->members[i].name);
        order = order ? order : rules_compare(&a->members[i].value, &b->members[i].value);
        if (order) {
            return order;
        }
    }
    return ORDER(a->n, b->n);
}

int rules_compare(const struct rules_value *a, const struct rules_value *b)
{
    int order = ORDER(rank(a), rank(b));
    if (order) {
        return order;
    }
    switch (a->kind) {
    case RULES_BOOL:
        return ORDER(a->b, b->b);
    case RULES_INT:
    case RULES_UINT:
    case RULES_REAL:
        return rules_number_compare(a, b);
    case RULES_TEXT:
    case RULES_BYTES:
        return compare_bytes(a, b);
    case RULES_ARRAY:
        return compare_items(a, b);
    case RULES_OBJECT:
        return compare_members(a, b);
    default:
        return 0;
    }
}

static bool members_equal(const struct rules_value *a, const struct rules_value *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (uint32_t i = 0; i < a->n; i++) {
        const struct rules_member *m = &a->members[i];
        /* mostly they stand in the same order */
        const struct rules_value *other = strcmp(m->name, b->members[i].name) == 0
                                              ? &b->members[i].value
                                              : rules_member_find(b, m->name);
        if (!other || !rules_equal(&m->value, other)) {
            return false;
        }
    }
    return true;
}

bool rules_equal(const struct rules_value *a, const struct rules_value *b)
{
    if (rank(a) != rank(b)) {
        return false;
    }
    if (a->kind == RULES_OBJECT) {
        return members_equal(a, b);
    }
    if (a->kind == RULES_ARRAY) {
        bool same = a->n == b->n;
        for (uint32_t i = 0; same && i < a->n; i++) {
            same = rules_equal(&a->items[i], &b->items[i]);
        }
        return same;
    }
    return rules_compare(a, b) == 0;
}

/* ---- hashes ------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    for (; n >= 8; at += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        h = mix(h, word);
    }
    uint64_t rest = n;
    for (size_t i = 0; i < n; i++) {
        rest = rest << 8 | at[i];
    }
    return mix(h, rest);
}

static uint64_t hash_real(uint64_t h, double f)
{
    if (f >= -0x1p63 && f < 0x1p63 && f == floor(f)) {
        return mix(h, (uint64_t)(int64_t)f); /* as the integer it equals */
    }
    if (f >= 0x1p63 && f < 0x1p64) {
        return mix(h, (uint64_t)f);
    }
    uint64_t bits = UINT64_C(0x7ff8000000000000);
    if (!isnan(f)) {
        memcpy(&bits, &f, sizeof(bits));
    }
    return mix(h, bits);
}

uint64_t rules_hash(uint64_t h, const struct rules_value *v)
{
    h = mix(h, (uint64_t)rank(v));
    switch (v->kind) {
    case RULES_BOOL:
        return mix(h, v->b);
    case RULES_INT:
    case RULES_UINT:
        return mix(h, v->u);
    case RULES_REAL:
        return hash_real(h, v->f);
    case RULES_TEXT:
    case RULES_BYTES:
        return hash_bytes(h, v->bytes, v->n);
    case RULES_ARRAY:
        for (uint32_t i = 0; i < v->n; i++) {
            h = rules_hash(h, &v->items[i]);
        }
        return h;
    case RULES_OBJECT: { /* whatever their order */
        uint64_t sum = v->n;
        for (uint32_t i = 0; i < v->n; i++) {
            const struct rules_member *m = &v->members[i];
            sum += rules_hash(hash_bytes(1, m->name, strlen(m->name)), &m->value);
        }
        return mix(h, sum);
    }
    default:
        return h;
    }
}

const struct rules_value *rules_member_find(const struct rules_value *object, const char *name)
{
    for (uint32_t i = 0; object->kind == RULES_OBJECT && i < object->n; i++) {
        if (strcmp(object->members[i].name, name) == 0) {
            return &object->members[i].value;
        }
    }
    return NULL;
}
