/**
 * Values of rules: 16 bytes, by copy. Whatever they point to belongs to somebody else: the row they came with, the
 * program (constants), the memory of the evaluation (results), or a rules_owned.
 *
 * Integers are exact: RULES_INT holds what an int64 can, RULES_UINT only what lies above that, so that equal numbers of
 * one sort are of one kind. Missing is a member that is not there, null one that says so; conditions treat both alike.
 */
#ifndef RULES_VALUE_H
#define RULES_VALUE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/arena.h"
#include "edge/buf.h"

enum rules_kind {
    RULES_MISSING, /* 0: a zeroed value is missing */
    RULES_NULL,
    RULES_BOOL,
    RULES_INT,
    RULES_UINT, /* above INT64_MAX only */
    RULES_REAL,
    RULES_TEXT,
    RULES_BYTES,
    RULES_ARRAY,
    RULES_OBJECT,
    RULES_KINDS
};

struct rules_member;
struct rules_value {
    uint8_t kind; /* enum rules_kind */
    uint32_t n;   /* bytes of TEXT (without its NUL) and BYTES, members of ARRAY and OBJECT */
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double f;
        const char *text; /* UTF-8, NUL-terminated */
        const void *bytes;
        const struct rules_value *items;
        const struct rules_member *members; /* in their order, names unique */
    };
};
struct rules_member {
    const char *name;
    struct rules_value value;
};

enum {
    RULES_TEXT_MAX = 1 << 20,    /* bytes of a text a rule makes */
    RULES_ITEMS_MAX = 65536,     /* members of an array or object a rule makes */
    RULES_MEMORY_MAX = 32 << 20, /* bytes one evaluation may use */
    RULES_VALUE_DEPTH = 64,      /* of arrays and objects within each other */
};

/**
 * Memory of one evaluation: a block that is used again and again, and an arena for what does not fit. Nothing is freed
 * singly. rules_alloc() gives NULL beyond RULES_MEMORY_MAX: the row is then in error, nothing else.
 */
struct rules_memory {
    char *block;
    size_t used, size; /* of the block */
    struct edge_arena more;
};
void rules_memory_init(struct rules_memory *m, size_t size);
/** All of it is free again. */
void rules_memory_reset(struct rules_memory *m);
void rules_memory_done(struct rules_memory *m);
/** Zeroed; NULL where that is too much. */
void *rules_alloc(struct rules_memory *m, size_t n, size_t size);

static inline struct rules_value rules_null(void)
{
    return (struct rules_value){.kind = RULES_NULL};
}
static inline struct rules_value rules_bool(bool b)
{
    return (struct rules_value){.kind = RULES_BOOL, .b = b};
}
static inline struct rules_value rules_int(int64_t i)
{
    return (struct rules_value){.kind = RULES_INT, .i = i};
}
static inline struct rules_value rules_uint(uint64_t u)
{
    return u <= INT64_MAX ? rules_int((int64_t)u)
                          : (struct rules_value){.kind = RULES_UINT, .u = u};
}
static inline struct rules_value rules_real(double f)
{
    return (struct rules_value){.kind = RULES_REAL, .f = f};
}
static inline bool rules_is_nothing(const struct rules_value *v)
{
    return v->kind <= RULES_NULL;
}
static inline bool rules_is_integer(const struct rules_value *v)
{
    return v->kind == RULES_INT || v->kind == RULES_UINT;
}
static inline bool rules_is_number(const struct rules_value *v)
{
    return v->kind >= RULES_INT && v->kind <= RULES_REAL;
}
/** Points to @p s, which must not be longer than 4 GB. */
struct rules_value rules_text(const char *s);

/** "bigint", "string", ...: as error texts and cast() call a kind. */
const char *rules_kind_name(unsigned kind);
/** A number as double; integers above 2^53 are rounded. */
double rules_as_real(const struct rules_value *v);

/** Order of two numbers, exact for every mix of kinds: < 0, 0, > 0. NaN is below all. */
int rules_number_compare(const struct rules_value *a, const struct rules_value *b);
/**
 * Total order of any two values, for ORDER BY, min, max and array_sort: nothing, bool, numbers, texts, bytes, arrays,
 * objects; within a kind as one expects.
 */
int rules_compare(const struct rules_value *a, const struct rules_value *b);
/** Deep; numbers by value, missing equals null, objects whatever the order of their members. */
bool rules_equal(const struct rules_value *a, const struct rules_value *b);
/** Equal values have equal hashes. */
uint64_t rules_hash(uint64_t seed, const struct rules_value *v);

/** Member of an object; NULL: not there, or no object. Names are case-sensitive. */
const struct rules_value *rules_member_find(const struct rules_value *object, const char *name);

/**
 * From JSON. Numbers are reals as in every schemaless source, but integers above 2^53 stay exact. Deep: in @p a, texts
 * are copied too.
 */
struct rules_value rules_of_json(struct edge_arena *a, const cJSON *json);
/** As JSON: missing as null, NaN and infinities as null, bytes as base64. */
void rules_put_json(struct edge_buf *out, const struct rules_value *v);

/** A value that lives on: a deep copy in one block (none for scalars). Zeroed: missing. */
struct rules_owned {
    struct rules_value value;
    void *block;
    size_t size; /* of the block */
};
/** Take a copy of @p v in place of what was there; the block is used again where it is large enough. */
void rules_owned_set(struct rules_owned *o, const struct rules_value *v);
void rules_owned_done(struct rules_owned *o);
/** Bytes a deep copy needs besides the value itself; and the copy, at *@p at, which moves on. */
size_t rules_copy_size(const struct rules_value *v);
struct rules_value rules_copy_to(char **at, const struct rules_value *v);

/** Bytes of a value, for checkpoints; and back: false where they are malformed. Texts point into the bytes. */
void rules_value_write(struct edge_buf *out, const struct rules_value *v);
bool rules_value_read(struct edge_arena *a, const char **at, const char *end,
                      struct rules_value *ret);

#endif
