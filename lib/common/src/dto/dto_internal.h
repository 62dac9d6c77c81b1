/** What the rooms of the DTO layer share: reading a row, one value's rules, defaults. */
#ifndef EDGE_DTO_INTERNAL_H
#define EDGE_DTO_INTERNAL_H

#include "edge/dto.h"

static inline unsigned dto_kind(const struct edge_field *f)
{
    return f->kind & EDGE_K_MASK;
}

static inline bool dto_is_list(const struct edge_field *f)
{
    return dto_kind(f) == EDGE_K_LIST || dto_kind(f) == EDGE_K_MAP;
}

/** An element that is a bare value instead of an object: its last row says which. */
static inline bool dto_is_bare(const struct edge_dto *dto)
{
    return dto->n_fields > 0 && (dto->fields[dto->n_fields - 1].flags & EDGE_VALUE);
}

static inline size_t dto_count(const struct edge_field *f, const void *obj)
{
    return *(const size_t *)((const char *)obj + f->count_offset);
}

/** First element of a LIST or MAP. */
static inline const char *dto_items(const struct edge_field *f, const void *obj)
{
    return *(const char *const *)((const char *)obj + f->offset);
}

/** Where the member's value is: behind the pointer of EDGE_K_PTR members, NULL where that is NULL.
 */
static inline const void *dto_value(const struct edge_field *f, const void *obj)
{
    const char *at = (const char *)obj + f->offset;
    return f->kind & EDGE_K_PTR ? *(const void *const *)at : at;
}

/** The rules of one value that is there (not those of what it holds). */
enum edge_status dto_check_value(const struct edge_field *f, const void *obj,
                                 struct edge_scope *at);

/** Put the row's default into @p obj; a fault where the text does not fit the kind. */
enum edge_status dto_apply_default(const struct edge_field *f, void *obj, struct edge_scope *at);

/** A UUID, or empty. */
edge_value_check dto_check_request_id;

/** "field is required", in one place. */
enum edge_status dto_fail_required(struct edge_scope *at);

#endif
