/* From a JSON tree to structs: walks a table beside an object of the tree, fills members, reports
 * every fault. Talks to the JSON door for exact numbers and to dto_checks.c for the rules. */
#include "edge/dto.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dto_internal.h"
#include "edge/text.h"
#include "text/tree.h"

static enum edge_status decode_object(const struct edge_dto *dto, const cJSON *json, void *obj,
                                      struct edge_scope *at);

enum edge_status edge_dto_decode(struct edge_ctx *ctx, const struct edge_dto *dto,
                                 const cJSON *json, void *obj)
{
    struct edge_scope root = {.key = dto->name, .ctx = ctx};
    memset(obj, 0, dto->size);
    return decode_object(dto, json, obj, &root);
}

enum edge_status edge_dto_decode_text(struct edge_ctx *ctx, const struct edge_dto *dto,
                                      const char *text, size_t len, void *obj)
{
    const cJSON *json;
    EDGE_TRY(edge_json_parse(ctx, text, len, NULL, &json));
    return edge_dto_decode(ctx, dto, json, obj);
}

enum edge_status edge_dto_patch(struct edge_ctx *ctx, const struct edge_dto *dto, const cJSON *json,
                                void *obj)
{
    struct edge_scope root = {.key = dto->name, .ctx = ctx, .patch = true};
    return decode_object(dto, json, obj, &root);
}

enum edge_status edge_dto_patch_try(struct edge_ctx *ctx, const struct edge_dto *dto,
                                    const cJSON *json)
{
    struct edge_scope root = {.key = dto->name, .ctx = ctx, .patch = true, .partial = true};
    return decode_object(dto, json, edge_alloc(&ctx->arena, 1, dto->size), &root);
}

void edge_dto_init(struct edge_ctx *ctx, const struct edge_dto *dto, void *obj)
{
    memset(obj, 0, dto->size);
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        struct edge_scope at = {.key = f->json, .ctx = ctx};
        if (f->kind == EDGE_K_OBJ) {
            edge_dto_init(ctx, f->sub, (char *)obj + f->offset);
        } else if (f->def) {
            enum edge_status st = dto_apply_default(f, obj, &at);
            assert(st == EDGE_OK); /* edge_dto_verify() says so before */
            (void)st;
        }
    }
}

/* ---- one value ----------------------------------------------------------------------------- */

static enum edge_status fill_int(const cJSON *v, int64_t *out, struct edge_scope *at)
{
    return edge_json_int(v, out) ? EDGE_OK : edge_scope_fail(at, NULL, "must be an integer");
}

static enum edge_status fill_uint(const cJSON *v, uint64_t *out, struct edge_scope *at)
{
    return edge_json_uint(v, out) ? EDGE_OK
                                  : edge_scope_fail(at, NULL, "must be a non-negative integer");
}

static enum edge_status fill_bool(const cJSON *v, bool *out, struct edge_scope *at)
{
    if (tree_plain_bool(v, out)) {
        return EDGE_OK;
    }
    if (!cJSON_IsBool(v)) {
        return edge_scope_fail(at, NULL, "must be true or false");
    }
    *out = cJSON_IsTrue(v);
    return EDGE_OK;
}

static enum edge_status fill_string(const cJSON *v, const char **out, struct edge_scope *at)
{
    /* A YAML number or truth keeps its text: there it may well be meant as a string. */
    bool written = cJSON_IsNumber(v) || cJSON_IsBool(v);
    if (!cJSON_IsString(v) && !(written && v->valuestring)) {
        return edge_scope_fail(at, NULL, "must be a string");
    }
    *out = v->valuestring; /* lives as long as the tree: the arena */
    return EDGE_OK;
}

static enum edge_status fill_scalar(const cJSON *v, const char **out, struct edge_scope *at)
{
    if (cJSON_IsArray(v) || cJSON_IsObject(v)) {
        return edge_scope_fail(at, NULL, "must be a single value");
    }
    if (cJSON_IsNull(v) || v->valuestring) {
        *out = v->valuestring;
        return EDGE_OK;
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_json_put(&text, v);
    *out = edge_strdup(&at->ctx->arena, edge_buf_str(&text));
    return EDGE_OK;
}

static enum edge_status fail_enum(const struct edge_field *f, struct edge_scope *at)
{
    if (f->fault) {
        return edge_scope_fail(at, NULL, "%s", f->fault);
    }
    EDGE_CLEANUP(edge_buf_done) struct edge_buf list = EDGE_BUF_INIT;
    for (size_t i = 0; f->names[i]; i++) {
        edge_buf_printf(&list, f->names[i][0] ? " '%s'" : "%s", f->names[i]);
    }
    return edge_scope_fail(at, NULL, "field should be one of%s", edge_buf_str(&list));
}

static enum edge_status fill_enum(const struct edge_field *f, const cJSON *v, unsigned *out,
                                  struct edge_scope *at)
{
    const char *s = v->valuestring;
    if (!cJSON_IsString(v) && !s) {
        return edge_scope_fail(at, NULL, "must be a string");
    }
    for (unsigned i = 0; f->names[i]; i++) {
        if (s[0] == f->names[i][0] && strcmp(s, f->names[i]) == 0) {
            *out = i;
            return EDGE_OK;
        }
    }
    for (unsigned i = 0; (f->flags & EDGE_ANY_CASE) && f->names[i]; i++) {
        if (strcasecmp(s, f->names[i]) == 0) {
            *out = i;
            return EDGE_OK;
        }
    }
    if (s[0] == '\0' && (f->flags & EDGE_REQUIRED)) {
        return dto_fail_required(at);
    }
    return fail_enum(f, at);
}

static enum edge_status fill_bytes(const cJSON *v, struct edge_bytes *out, struct edge_scope *at)
{
    return edge_bytes_parse(&at->ctx->arena, v, out) ? EDGE_OK
                                                     : edge_scope_fail(at, NULL, "must be base64");
}

bool edge_bytes_parse(struct edge_arena *a, const cJSON *json, struct edge_bytes *ret)
{
    if (cJSON_IsString(json)) {
        return edge_base64_decode(a, json->valuestring, &ret->data, &ret->size);
    }
    if (!cJSON_IsArray(json)) {
        return false;
    }
    unsigned char *bytes = edge_alloc(a, (size_t)cJSON_GetArraySize(json), 1);
    size_t n = 0;
    for (const cJSON *e = json->child; e; e = e->next) {
        uint64_t byte;
        if (!edge_json_uint(e, &byte) || byte > UINT8_MAX) {
            return false;
        }
        bytes[n++] = (unsigned char)byte;
    }
    *ret = (struct edge_bytes){bytes, n};
    return true;
}

/* ---- lists and maps ------------------------------------------------------------------------ */

struct entry {
    const cJSON *node;
    size_t place;
};

static int entry_compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->node->string, y->node->string);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* Sorted by key (contract 2.2); of equal keys the last one stays. Returns how many. */
static size_t map_entries(const cJSON *object, struct entry *entries)
{
    size_t n = 0;
    bool sorted = true;
    for (const cJSON *v = object->child; v; v = v->next, n++) {
        entries[n] = (struct entry){v, n};
        sorted = sorted && (n == 0 || strcmp(entries[n - 1].node->string, v->string) < 0);
    }
    if (sorted) {
        return n;
    }
    qsort(entries, n, sizeof(*entries), entry_compare);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++) {
        bool same = strcmp(entries[kept - 1].node->string, entries[i].node->string) == 0;
        entries[same ? kept - 1 : kept++] = entries[i];
    }
    return kept;
}

static enum edge_status decode_entry(const struct edge_field *f, const cJSON *v, void *slot,
                                     struct edge_scope *at)
{
    return f->sub ? decode_object(f->sub, v, slot, at) : fill_string(v, slot, at);
}

static enum edge_status decode_map(const struct edge_field *f, const cJSON *v, char **ret_items,
                                   size_t *ret_n, struct edge_scope *at)
{
    if (!cJSON_IsObject(v)) {
        return edge_scope_fail(at, NULL, "must be an object");
    }
    struct edge_arena *a = &at->ctx->arena;
    size_t n = (size_t)cJSON_GetArraySize(v);
    EDGE_TRY(edge_ctx_charge(at->ctx, n * (sizeof(struct entry) + f->elem_size)));
    struct entry *entries = edge_new_n(a, struct entry, n);
    n = map_entries(v, entries);
    char *items = edge_alloc(a, n, f->elem_size);
    enum edge_status st = EDGE_OK;
    for (size_t i = 0; i < n; i++) {
        struct edge_scope here = edge_scope_below(at, entries[i].node->string, 0);
        here.patch = here.partial = false;
        enum edge_status one = decode_entry(f, entries[i].node, items + i * f->elem_size, &here);
        st = one != EDGE_OK ? one : st;
    }
    *ret_items = items;
    *ret_n = n;
    return st;
}

static enum edge_status decode_list(const struct edge_field *f, const cJSON *v, char **ret_items,
                                    size_t *ret_n, struct edge_scope *at)
{
    if (!cJSON_IsArray(v)) {
        return edge_scope_fail(at, NULL, "must be an array");
    }
    size_t n = (size_t)cJSON_GetArraySize(v), i = 0;
    EDGE_TRY(edge_ctx_charge(at->ctx, n * f->elem_size));
    char *items = edge_alloc(&at->ctx->arena, n, f->elem_size);
    enum edge_status st = EDGE_OK;
    for (const cJSON *e = v->child; e; e = e->next, i++) {
        struct edge_scope here = edge_scope_below(at, NULL, i);
        here.patch = here.partial = false;
        enum edge_status one = decode_entry(f, e, items + i * f->elem_size, &here);
        st = one != EDGE_OK ? one : st;
    }
    *ret_items = items;
    *ret_n = n;
    return st;
}

static enum edge_status fill_entries(const struct edge_field *f, const cJSON *v, char *obj,
                                     struct edge_scope *at)
{
    char *items = NULL;
    size_t n = 0;
    EDGE_TRY(dto_kind(f) == EDGE_K_MAP ? decode_map(f, v, &items, &n, at)
                                       : decode_list(f, v, &items, &n, at));
    *(void **)(obj + f->offset) = items;
    *(size_t *)(obj + f->count_offset) = n;
    return EDGE_OK;
}

/* ---- members ------------------------------------------------------------------------------- */

static enum edge_status fill_object(const struct edge_field *f, const cJSON *v, void *slot,
                                    struct edge_scope *at)
{
    if (!at->patch || !(f->kind & EDGE_K_PTR || f->flags & EDGE_WHOLE)) {
        return decode_object(f->sub, v, slot, at);
    }
    struct edge_scope fresh = *at;
    fresh.patch = fresh.partial = false;
    memset(slot, 0, f->elem_size);
    return decode_object(f->sub, v, slot, &fresh);
}

static enum edge_status fill(const struct edge_field *f, const cJSON *v, char *obj,
                             struct edge_scope *at)
{
    void *slot = obj + f->offset;
    if (f->kind & EDGE_K_PTR) {
        size_t size = dto_kind(f) == EDGE_K_OBJ ? f->elem_size : sizeof(int64_t);
        slot = edge_alloc(&at->ctx->arena, 1, size);
        *(void **)(obj + f->offset) = slot;
    }
    switch (dto_kind(f)) {
    case EDGE_K_BOOL:
        return fill_bool(v, slot, at);
    case EDGE_K_INT:
        return fill_int(v, slot, at);
    case EDGE_K_UINT:
        return fill_uint(v, slot, at);
    case EDGE_K_REAL:
        return edge_json_real(v, slot) ? EDGE_OK : edge_scope_fail(at, NULL, "must be a number");
    case EDGE_K_STR:
        return f->flags & EDGE_SCALAR ? fill_scalar(v, slot, at) : fill_string(v, slot, at);
    case EDGE_K_ENUM:
        return fill_enum(f, v, slot, at);
    case EDGE_K_ANY:
        *(const cJSON **)slot = v;
        return EDGE_OK;
    case EDGE_K_BYTES:
        return fill_bytes(v, slot, at);
    case EDGE_K_OBJ:
        return fill_object(f, v, slot, at);
    default:
        return fill_entries(f, v, obj, at);
    }
}

enum edge_status dto_apply_default(const struct edge_field *f, void *obj, struct edge_scope *at)
{
    char *text = (char *)(uintptr_t)f->def; /* cJSON has no const; nobody writes it */
    cJSON node = {.type = cJSON_String, .valuestring = text};
    if (dto_kind(f) == EDGE_K_BOOL) {
        node.type = strcmp(text, "true") == 0 ? cJSON_True : cJSON_False;
    } else if (dto_kind(f) == EDGE_K_INT || dto_kind(f) == EDGE_K_UINT ||
               dto_kind(f) == EDGE_K_REAL) {
        node.type = cJSON_Raw;
    }
    return fill(f, &node, obj, at);
}

static void clear_member(const struct edge_field *f, char *obj)
{
    static const size_t width[] = {
        [EDGE_K_BOOL] = sizeof(bool),    [EDGE_K_INT] = sizeof(int64_t),
        [EDGE_K_UINT] = sizeof(int64_t), [EDGE_K_REAL] = sizeof(double),
        [EDGE_K_STR] = sizeof(char *),   [EDGE_K_ENUM] = sizeof(unsigned),
        [EDGE_K_ANY] = sizeof(cJSON *),  [EDGE_K_BYTES] = sizeof(struct edge_bytes),
        [EDGE_K_LIST] = sizeof(void *),  [EDGE_K_MAP] = sizeof(void *),
    };
    size_t size = dto_kind(f) == EDGE_K_OBJ ? f->elem_size : width[dto_kind(f)];
    memset(obj + f->offset, 0, f->kind & EDGE_K_PTR ? sizeof(void *) : size);
    if (dto_is_list(f)) {
        *(size_t *)(obj + f->count_offset) = 0;
    }
}

static enum edge_status decode_absent(const struct edge_field *f, char *obj, struct edge_scope *at)
{
    static const cJSON nothing = {.type = cJSON_Object};
    if (f->def) {
        return dto_apply_default(f, obj, at);
    }
    if (f->flags & (EDGE_REQUIRED | EDGE_NONZERO)) {
        return dto_fail_required(at);
    }
    if (f->kind == EDGE_K_OBJ) {
        return decode_object(f->sub, &nothing, obj + f->offset, at); /* its defaults and faults */
    }
    return f->flags & EDGE_NOT_EMPTY ? dto_check_value(f, obj, at) : EDGE_OK;
}

/* @v NULL: absent. @at is the member's own scope. */
static enum edge_status decode_member(const struct edge_field *f, const cJSON *v, char *obj,
                                      struct edge_scope *at)
{
    if (v && !cJSON_IsNull(v)) {
        if (at->patch && (f->flags & EDGE_READONLY)) {
            return EDGE_OK;
        }
        EDGE_TRY(fill(f, v, obj, at));
        return dto_check_value(f, obj, at);
    }
    if (!at->patch) {
        return decode_absent(f, obj, at);
    }
    if (v && (f->flags & EDGE_NULLABLE)) {
        clear_member(f, obj);
    }
    return EDGE_OK;
}

/* Clients write members in the table's order: the row after the last hit is the likely one. */
static size_t row_of(const struct edge_dto *dto, const char *key, size_t guess)
{
    for (size_t k = 0, i = guess; k < dto->n_fields; k++, i++) {
        i = i >= dto->n_fields ? 0 : i;
        const char *name = dto->fields[i].json;
        if (name && name[0] == key[0] && strcmp(name, key) == 0) {
            return i;
        }
    }
    for (size_t i = 0; !dto->exact_keys && i < dto->n_fields; i++) {
        const char *name = dto->fields[i].json;
        if (name && strcasecmp(name, key) == 0) {
            return i;
        }
    }
    return dto->n_fields;
}

static bool knows(const struct edge_dto *dto, const char *key)
{
    if (row_of(dto, key, 0) < dto->n_fields) {
        return true;
    }
    for (size_t i = 0; i < dto->n_fields; i++) {
        if ((dto->fields[i].flags & EDGE_INLINE) && knows(dto->fields[i].sub, key)) {
            return true;
        }
    }
    return false;
}

static enum edge_status refuse_unknown(const struct edge_dto *dto, const cJSON *json,
                                       struct edge_scope *at)
{
    enum edge_status st = EDGE_OK;
    for (const cJSON *v = json->child; v; v = v->next) {
        if (!knows(dto, v->string)) {
            struct edge_scope here = edge_scope_below(at, v->string, 0);
            st = edge_scope_fail(&here, NULL, "is not a known member");
        }
    }
    return st;
}

/* One pass over the object says which node each row has; the last of equal keys wins. */
static void match_rows(const struct edge_dto *dto, const cJSON *json,
                       const cJSON *found[EDGE_DTO_MAX_FIELDS])
{
    size_t guess = 0;
    for (const cJSON *v = json->child; v; v = v->next) {
        size_t row = row_of(dto, v->string, guess);
        if (row < dto->n_fields) {
            found[row] = v;
            guess = row + 1;
        }
    }
}

static enum edge_status decode_row(const struct edge_field *f, const cJSON *json,
                                   const cJSON *found, void *obj, struct edge_scope *at)
{
    if (f->flags & EDGE_KEY) {
        *(const char **)((char *)obj + f->offset) = at->key;
        return dto_check_value(f, obj, at);
    }
    if (f->flags & EDGE_INLINE) {
        return decode_object(f->sub, json, (char *)obj + f->offset, at);
    }
    if (f->flags & EDGE_VALUE) {
        return decode_member(f, json, obj, at);
    }
    struct edge_scope here = edge_scope_below(at, f->json, 0);
    return decode_member(f, found, obj, &here);
}

static enum edge_status decode_object(const struct edge_dto *dto, const cJSON *json, void *obj,
                                      struct edge_scope *at)
{
    const cJSON *found[EDGE_DTO_MAX_FIELDS];
    assert(dto->n_fields <= EDGE_DTO_MAX_FIELDS);
    memset(found, 0, dto->n_fields * sizeof(found[0]));
    if (!dto_is_bare(dto)) {
        if (!cJSON_IsObject(json)) {
            return edge_scope_fail(at, NULL, "must be an object");
        }
        match_rows(dto, json, found);
    }
    enum edge_status st = EDGE_OK;
    for (size_t i = 0; i < dto->n_fields; i++) {
        enum edge_status one = decode_row(&dto->fields[i], json, found[i], obj, at);
        st = one != EDGE_OK ? one : st;
    }
    if (dto->strict && !dto_is_bare(dto)) {
        enum edge_status one = refuse_unknown(dto, json, at);
        st = one != EDGE_OK ? one : st;
    }
    if (st == EDGE_OK && dto->decode_more) {
        st = dto->decode_more(json, obj, at);
    }
    return st == EDGE_OK && dto->check && !at->partial ? dto->check(obj, at) : st;
}
