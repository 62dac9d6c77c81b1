/**
 * One table per DTO: each row says what a member is called, where it lives in its struct, what it
 * may hold and what it means. Decoding, checking, patching, encoding (JSON and CBOR), cloning,
 * configuration and the docs pages all come from the rows.
 *
 *     #define F(m, ...) EDGE_FIELD(struct device, m, __VA_ARGS__)
 *     static const struct edge_field device_fields[] = {
 *         F(name, "name", "Unique among devices.", .flags = EDGE_REQUIRED),
 *         EDGE_LIST(struct device, labels, "labels", "Words to search by.", NULL),
 *         EDGE_MAP(struct device, protocols, "protocols", "Addresses.", &PROTOCOL),
 *     };
 *     #undef F
 *     const struct edge_dto DEVICE = EDGE_DTO(struct device, "Device", device_fields);
 *
 * The kind comes from the member's C type, so table and struct cannot disagree. Members point into
 * the arena of the context that decoded them (or into its JSON tree, which the arena owns).
 */
#ifndef EDGE_DTO_H
#define EDGE_DTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "edge/json.h"

enum edge_kind {
    EDGE_K_BOOL,  /* bool */
    EDGE_K_INT,   /* int64_t */
    EDGE_K_UINT,  /* uint64_t */
    EDGE_K_REAL,  /* double */
    EDGE_K_STR,   /* const char * */
    EDGE_K_ENUM,  /* unsigned: index into .names; a first name "" stands for absent */
    EDGE_K_ANY,   /* const cJSON *: any JSON; NULL: absent or null */
    EDGE_K_BYTES, /* struct edge_bytes: base64 in JSON, a byte string in CBOR */
    EDGE_K_OBJ,   /* nested struct described by .sub */
    EDGE_K_LIST,  /* T *x; size_t n_x; .sub NULL: list of const char * */
    EDGE_K_MAP,   /* like LIST, sorted by key; in JSON an object, keyed by the EDGE_KEY member */
    EDGE_K_MASK = 0x0f,
    EDGE_K_PTR = 0x10 /* the member points to the value; NULL means absent */
};

/** Bytes that belong to an arena. data NULL: absent. */
struct edge_bytes {
    const void *data;
    size_t size;
};

enum edge_field_flags {
    EDGE_REQUIRED = 1 << 0,   /* absent, null or "" is a fault; always written */
    EDGE_READONLY = 1 << 1,   /* a patch leaves it alone */
    EDGE_NULLABLE = 1 << 2,   /* a patch with null clears it; elsewhere null counts as absent */
    EDGE_EMIT_EMPTY = 1 << 3, /* written even when empty: "", 0, false, [], {} */
    EDGE_KEY = 1 << 4,        /* map element: the member that holds the key (the first row) */
    EDGE_VALUE = 1 << 5,      /* map element: the member that holds the bare value (the last row) */
    EDGE_INLINE = 1 << 6,     /* OBJ whose members appear in the parent */
    EDGE_NONZERO = 1 << 7,    /* numbers: 0 counts as missing (contract: required) */
    EDGE_NOT_EMPTY = 1 << 8,  /* lists and maps: must hold something (contract: gt=0) */
    EDGE_ANY_CASE = 1 << 9,   /* enum names match in any case, and are kept in the canonical one */
    EDGE_WRITABLE = 1 << 10,  /* configuration: may change while running */
    EDGE_SECRET = 1 << 11,    /* configuration: strings are written as "<redacted>" */
    EDGE_EMIT_NULL = 1 << 12, /* written as null when empty */
    EDGE_WHOLE = 1 << 13,     /* OBJ: a patch replaces it as a whole, not member by member */
    EDGE_SCALAR = 1 << 14,    /* strings: numbers and truths too, as their JSON text; null: NULL */
};

struct edge_dto;
struct edge_encoder;

/** Where we are in the text: knows the path, takes the faults. Made by the library. */
struct edge_scope {
    const struct edge_scope *up;
    const char *key; /* NULL: element index of the scope above */
    size_t index;
    struct edge_ctx *ctx;
    bool patch, partial;
};
typedef enum edge_status edge_value_check(const void *value, struct edge_scope *at);

struct edge_field {
    const char *json, *doc;
    const struct edge_dto *sub;
    const char *const *names; /* NULL-ended; the index is the value */
    const char *def;          /* default, as text; with EMIT_EMPTY also what "" is written as */
    const char *fault; /* enum: words for a value outside .names; NULL: "... one of 'A' 'B'" */
    /* Extra rule on a value that is there: gets const char * of strings (of each entry of a string
     * list), else the member's address (of the value itself where the member is a pointer). */
    edge_value_check *check;
    double min, max; /* of the value, characters of a string, entries of a list; 0,0: unbounded */
    size_t offset, count_offset, elem_size;
    unsigned kind, flags;
};

struct edge_dto {
    const char *name;
    size_t size;
    const struct edge_field *fields;
    size_t n_fields;
    edge_value_check *check; /* rule across members, run when each member is sound */
    bool strict;             /* unknown members are faults (configuration) */
    bool exact_keys;         /* its keys match by case (events and readings, contract 3.3) */
    /** Another object (made in @p scratch) to write by another table instead; NULL: as it is. */
    const struct edge_dto *(*encode_as)(const void **obj, struct edge_arena *scratch);
    /** Put members a table cannot express after the tabled ones (readings' value part). */
    void (*encode_more)(const void *obj, struct edge_encoder *enc);
    const struct edge_field *more; /* those members, for descriptions only */
    size_t n_more;
    /** Read what encode_more wrote; @p json is the object. Runs where the members are sound. */
    enum edge_status (*decode_more)(const cJSON *json, void *obj, struct edge_scope *at);
    /** Copy what decode_more made (everything else is copied already). */
    void (*clone_more)(void *obj, struct edge_arena *a);
};

enum { EDGE_DTO_MAX_FIELDS = 64 }; /* rows of one table */

#define EDGE_KIND(T, m)                                                                            \
    _Generic(((T *)0)->m,                                                                          \
        bool: EDGE_K_BOOL,                                                                         \
        int64_t: EDGE_K_INT,                                                                       \
        uint64_t: EDGE_K_UINT,                                                                     \
        double: EDGE_K_REAL,                                                                       \
        unsigned: EDGE_K_ENUM,                                                                     \
        const char *: EDGE_K_STR,                                                                  \
        const cJSON *: EDGE_K_ANY,                                                                 \
        struct edge_bytes: EDGE_K_BYTES,                                                           \
        const bool *: EDGE_K_BOOL | EDGE_K_PTR,                                                    \
        const int64_t *: EDGE_K_INT | EDGE_K_PTR,                                                  \
        const uint64_t *: EDGE_K_UINT | EDGE_K_PTR,                                                \
        const double *: EDGE_K_REAL | EDGE_K_PTR)

#define EDGE_FIELD(T, m, key, text, ...)                                                           \
    {                                                                                              \
        .json = key, .doc = text, .kind = EDGE_KIND(T, m), .offset = offsetof(T, m), __VA_ARGS__   \
    }
#define EDGE_OBJECT(T, m, key, text, dto, ...)                                                     \
    {                                                                                              \
        .json = key, .doc = text, .kind = EDGE_K_OBJ, .sub = dto, .offset = offsetof(T, m),        \
        .elem_size = sizeof(((T *)0)->m), __VA_ARGS__                                              \
    }
/** A nested struct that may be absent: the member is a pointer to it. */
#define EDGE_OBJECT_PTR(T, m, key, text, dto, ...)                                                 \
    {                                                                                              \
        .json = key, .doc = text, .kind = EDGE_K_OBJ | EDGE_K_PTR, .sub = dto,                     \
        .offset = offsetof(T, m), .elem_size = sizeof(*((T *)0)->m), __VA_ARGS__                   \
    }
#define EDGE_LIST_AS_(k, T, m, key, text, dto, ...)                                                \
    {                                                                                              \
        .json = key, .doc = text, .kind = k, .sub = dto, .offset = offsetof(T, m),                 \
        .count_offset = offsetof(T, n_##m), .elem_size = sizeof(*((T *)0)->m), __VA_ARGS__         \
    }
#define EDGE_LIST(...) EDGE_LIST_AS_(EDGE_K_LIST, __VA_ARGS__)
#define EDGE_MAP(...)  EDGE_LIST_AS_(EDGE_K_MAP, __VA_ARGS__)

#define EDGE_DTO(T, label, table, ...)                                                             \
    {                                                                                              \
        .name = label, .size = sizeof(T), .fields = table,                                         \
        .n_fields = sizeof(table) / sizeof((table)[0]), __VA_ARGS__                                \
    }

/* ---- in ---------------------------------------------------------------------------------- */

/** Fill @p obj (dto->size bytes) from @p json: defaults, every rule checked, every fault told. */
enum edge_status edge_dto_decode(struct edge_ctx *ctx, const struct edge_dto *dto,
                                 const cJSON *json, void *obj);
/** Text to object in one go. */
enum edge_status edge_dto_decode_text(struct edge_ctx *ctx, const struct edge_dto *dto,
                                      const char *text, size_t len, void *obj);
/**
 * Like decode, onto an existing object: absent members stay as they are. Nested objects are patched
 * member by member (EDGE_WHOLE and pointers: replaced), lists and maps are replaced.
 */
enum edge_status edge_dto_patch(struct edge_ctx *ctx, const struct edge_dto *dto, const cJSON *json,
                                void *obj);
/** Would each value of a patch be sound? Tried on an empty object, without rules across members. */
enum edge_status edge_dto_patch_try(struct edge_ctx *ctx, const struct edge_dto *dto,
                                    const cJSON *json);
/** Defaults only; for objects made by hand. */
void edge_dto_init(struct edge_ctx *ctx, const struct edge_dto *dto, void *obj);
/** The checks alone, on an object made by hand. */
enum edge_status edge_dto_check(struct edge_ctx *ctx, const struct edge_dto *dto, const void *obj);

/** Report a fault at @p member (NULL: here) of the scope: "Device.autoEvents[3].interval <text>".
 */
enum edge_status edge_scope_fail(struct edge_scope *at, const char *member, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
struct edge_ctx *edge_scope_ctx(struct edge_scope *at);
/** A scope one level down, for checks that walk: key NULL means element @p index. */
struct edge_scope edge_scope_below(const struct edge_scope *at, const char *key, size_t index);

/* Checks shared by many rows; texts as contract 3.1. */
edge_value_check edge_check_not_blank; /* "field should not be empty string" */
edge_value_check edge_check_uuid;      /* strict form; "" passes */
edge_value_check edge_check_uri;
edge_value_check edge_check_duration_0s;  /* with days, not negative; "" passes */
edge_value_check edge_check_duration_1ms; /* required, at least 1 ms */
edge_value_check edge_check_duration_set; /* configuration: any, but not empty */
edge_value_check edge_check_interval;     /* configuration: not empty, not negative */
edge_value_check edge_check_count;        /* EDGE_K_INT: not negative */
edge_value_check edge_check_object;       /* EDGE_K_ANY: a map; {} counts as empty */

/** Bytes of a base64 text or, as Go takes them too, of an array of numbers. */
bool edge_bytes_parse(struct edge_arena *a, const cJSON *json, struct edge_bytes *ret);

/* ---- out --------------------------------------------------------------------------------- */

enum edge_encoding { EDGE_JSON, EDGE_CBOR };

/** Where an encoder writes: the same calls make JSON text or CBOR. */
struct edge_encoder {
    struct edge_buf *out;
    enum edge_encoding encoding;
    bool comma;    /* JSON: a member came before */
    size_t map_at; /* CBOR: where the open map's head stands */
    size_t map_n;  /* CBOR: its members so far */
};

/** Append @p obj. */
void edge_dto_encode(const struct edge_dto *dto, const void *obj, enum edge_encoding encoding,
                     struct edge_buf *out);
/** As a NUL-terminated JSON text in @p a. */
const char *edge_dto_text(const struct edge_dto *dto, const void *obj, struct edge_arena *a);
/** As a tree in the context's arena. */
const cJSON *edge_dto_tree(struct edge_ctx *ctx, const struct edge_dto *dto, const void *obj);

/* One member each; for encode_more. A NULL key puts a bare value. */
void edge_put_string(struct edge_encoder *e, const char *key, const char *value);
void edge_put_int(struct edge_encoder *e, const char *key, int64_t value);
void edge_put_uint(struct edge_encoder *e, const char *key, uint64_t value);
void edge_put_real(struct edge_encoder *e, const char *key, double value);
void edge_put_bool(struct edge_encoder *e, const char *key, bool value);
void edge_put_null(struct edge_encoder *e, const char *key);
void edge_put_bytes(struct edge_encoder *e, const char *key, struct edge_bytes value);
void edge_put_tree(struct edge_encoder *e, const char *key, const cJSON *value);
/** An array of @p n bare values, put one by one between the two calls. */
void edge_put_list_open(struct edge_encoder *e, const char *key, size_t n);
void edge_put_list_close(struct edge_encoder *e);
/** A whole object. */
void edge_put_object(struct edge_encoder *e, const char *key, const struct edge_dto *dto,
                     const void *obj);

/* ---- the rest ---------------------------------------------------------------------------- */

/** Deep copy into @p a, so that it may outlive the source's arena. */
void *edge_dto_clone(const struct edge_dto *dto, struct edge_arena *a, const void *obj);

/** Markdown table of every member. */
void edge_dto_docs(const struct edge_dto *dto, FILE *out);

/** NULL if the table is sound, else what is wrong with it. For unit tests. */
const char *edge_dto_verify(const struct edge_dto *dto);

#endif
