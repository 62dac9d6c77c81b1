/* What a table says of itself: the Markdown page of its members, and whether it is sound. */
#include "edge/dto.h"

#include <string.h>
#include <strings.h>

#include "dto_internal.h"

/* ---- the page ------------------------------------------------------------------------------ */

static const char *kind_name(const struct edge_field *f)
{
    static const char *const names[] = {
        [EDGE_K_BOOL] = "boolean", [EDGE_K_INT] = "int64",    [EDGE_K_UINT] = "uint64",
        [EDGE_K_REAL] = "number",  [EDGE_K_STR] = "string",   [EDGE_K_ENUM] = "enum",
        [EDGE_K_ANY] = "any JSON", [EDGE_K_BYTES] = "base64", [EDGE_K_OBJ] = "object",
        [EDGE_K_LIST] = "array",   [EDGE_K_MAP] = "map",
    };
    if (dto_is_list(f) && !f->sub) {
        return "array of strings";
    }
    if (dto_is_list(f) && dto_is_bare(f->sub)) {
        return dto_kind(f) == EDGE_K_MAP ? "map of values" : "array of values";
    }
    return names[dto_kind(f)];
}

static const char *required_text(const struct edge_field *f)
{
    if (f->flags & EDGE_NOT_EMPTY) {
        return "yes, not empty";
    }
    return f->flags & (EDGE_REQUIRED | EDGE_NONZERO) ? "yes" : "";
}

static void put_row(const struct edge_field *f, const char *path, FILE *out)
{
    fprintf(out, "| `%s` | %s | %s | %s", path, kind_name(f), required_text(f), f->doc);
    const char *before = " One of ";
    for (size_t i = 0; f->names && f->names[i]; i++) {
        if (f->names[i][0]) {
            fprintf(out, "%s`%s`", before, f->names[i]);
            before = ", ";
        }
    }
    fputs(f->names ? "." : "", out);
    if (f->max != 0) {
        fprintf(out, " %.15g to %.15g.", f->min, f->max);
    } else if (f->min != 0) {
        fprintf(out, " At least %.15g.", f->min);
    }
    if (f->def) {
        fprintf(out, " Default `%s`.", f->def);
    }
    if (f->flags & EDGE_READONLY) {
        fputs(" A PATCH does not change it.", out);
    }
    if (f->flags & EDGE_WRITABLE) {
        fputs(" May change while running.", out);
    }
    fputs(" |\n", out);
}

static void put_rows(const struct edge_dto *dto, struct edge_arena *a, const char *prefix,
                     FILE *out)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        const struct edge_field *f = &dto->fields[i];
        if (f->flags & EDGE_INLINE) {
            put_rows(f->sub, a, prefix, out);
            continue;
        }
        if (f->flags & (EDGE_KEY | EDGE_VALUE)) {
            continue;
        }
        put_row(f, edge_printf(a, "%s%s", prefix, f->json), out);
        if (f->sub) {
            unsigned kind = dto_kind(f);
            const char *tail = kind == EDGE_K_OBJ ? "." : kind == EDGE_K_MAP ? "{}." : "[].";
            put_rows(f->sub, a, edge_printf(a, "%s%s%s", prefix, f->json, tail), out);
        }
    }
}

void edge_dto_docs(const struct edge_dto *dto, FILE *out)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    fprintf(out, "### %s\n\n| member | type | required | meaning |\n|---|---|---|---|\n",
            dto->name);
    put_rows(dto, &a, "", out);
    edge_arena_done(&a);
}

/* ---- soundness ----------------------------------------------------------------------------- */

static bool is_scalar(const struct edge_field *f)
{
    return dto_kind(f) <= EDGE_K_ENUM;
}

static const char *verify_default(const struct edge_dto *dto, const struct edge_field *f)
{
    if (!f->def) {
        return NULL;
    }
    if (!is_scalar(f)) {
        return "only scalars have defaults";
    }
    if (f->flags & EDGE_REQUIRED) {
        return "a required member has a default";
    }
    bool truth = strcmp(f->def, "true") == 0 || strcmp(f->def, "false") == 0;
    if (dto_kind(f) == EDGE_K_BOOL && !truth) {
        return "a default is not true or false";
    }
    EDGE_CTX_SCOPE(ctx);
    struct edge_scope at = {.key = dto->name, .ctx = &ctx};
    void *scratch = edge_alloc(&ctx.arena, 1, dto->size);
    if (dto_apply_default(f, scratch, &at) != EDGE_OK ||
        dto_check_value(f, scratch, &at) != EDGE_OK) {
        return "a default breaks the rules of its member";
    }
    return NULL;
}

static const char *verify_sub(const struct edge_dto *dto, const struct edge_field *f)
{
    unsigned kind = dto_kind(f);
    if (!f->sub) {
        if (kind == EDGE_K_OBJ || kind == EDGE_K_MAP) {
            return "a nested object has no table";
        }
        bool wrong = kind == EDGE_K_LIST && f->elem_size != sizeof(char *);
        return wrong ? "a list without a table holds no strings" : NULL;
    }
    if (is_scalar(f) || f->sub == dto) {
        return "a table stands where none can be";
    }
    if (f->elem_size != f->sub->size) {
        return "a nested table describes another struct";
    }
    if (kind == EDGE_K_MAP && !(f->sub->n_fields && f->sub->fields[0].flags & EDGE_KEY)) {
        return "a map's element does not start with its key";
    }
    return edge_dto_verify(f->sub);
}

static const char *verify_place(const struct edge_dto *dto, size_t i)
{
    const struct edge_field *f = &dto->fields[i];
    if ((f->flags & EDGE_KEY) && (i != 0 || f->kind != EDGE_K_STR)) {
        return "a key is not the first row, or no string";
    }
    if ((f->flags & EDGE_VALUE) && i + 1 != dto->n_fields) {
        return "a bare value is not the last row";
    }
    if ((f->flags & EDGE_INLINE) && f->kind != EDGE_K_OBJ) {
        return "only objects can be inlined";
    }
    if ((f->json == NULL) != !!(f->flags & (EDGE_INLINE | EDGE_KEY | EDGE_VALUE))) {
        return "a member has no JSON name, or one it does not need";
    }
    for (size_t k = 0; k < i; k++) {
        const char *other = dto->fields[k].json;
        if (f->json && other && strcasecmp(f->json, other) == 0) {
            return "a JSON name appears twice";
        }
    }
    return NULL;
}

static const char *verify_row(const struct edge_dto *dto, size_t i)
{
    const struct edge_field *f = &dto->fields[i];
    if (!f->doc || !*f->doc) {
        return "a member has no doc";
    }
    if (f->offset >= dto->size || f->count_offset >= dto->size) {
        return "a member lies outside its struct";
    }
    if ((dto_kind(f) == EDGE_K_ENUM) != (f->names != NULL)) {
        return "an enum has no names, or something else has";
    }
    if (f->max != 0 && f->min > f->max) {
        return "a minimum is above its maximum";
    }
    const char *wrong = verify_place(dto, i);
    wrong = wrong ? wrong : verify_sub(dto, f);
    return wrong ? wrong : verify_default(dto, f);
}

const char *edge_dto_verify(const struct edge_dto *dto)
{
    if (!dto->name || dto->n_fields == 0 || dto->n_fields > EDGE_DTO_MAX_FIELDS) {
        return "a table has no name, no rows, or too many";
    }
    for (size_t i = 0; i < dto->n_fields; i++) {
        const char *wrong = verify_row(dto, i);
        if (wrong) {
            return wrong;
        }
    }
    return NULL;
}
