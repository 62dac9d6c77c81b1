/* Deep copies: what a cache or another thread keeps must not point into the maker's arena. */
#include "edge/dto.h"

#include <string.h>

#include "dto_internal.h"

static void clone_members(const struct edge_dto *dto, struct edge_arena *a, void *obj);

static void *copy_of(struct edge_arena *a, const void *bytes, size_t size)
{
    void *copy = edge_alloc(a, 1, size);
    return size > 0 ? memcpy(copy, bytes, size) : copy;
}

static void clone_entries(const struct edge_field *f, struct edge_arena *a, char *obj)
{
    size_t n = dto_count(f, obj);
    const char *from = dto_items(f, obj);
    if (!from) {
        return;
    }
    char *items = copy_of(a, from, n * f->elem_size);
    for (size_t i = 0; i < n; i++) {
        char *e = items + i * f->elem_size;
        if (f->sub) {
            clone_members(f->sub, a, e);
        } else {
            *(const char **)e = edge_strdup(a, *(const char **)e);
        }
    }
    *(void **)(obj + f->offset) = items;
}

static void clone_pointed(const struct edge_field *f, struct edge_arena *a, void **slot)
{
    if (!*slot) {
        return;
    }
    if (dto_kind(f) == EDGE_K_OBJ) {
        *slot = edge_dto_clone(f->sub, a, *slot);
    } else {
        *slot = copy_of(a, *slot, dto_kind(f) == EDGE_K_BOOL ? sizeof(bool) : sizeof(int64_t));
    }
}

static void clone_member(const struct edge_field *f, struct edge_arena *a, char *obj)
{
    void *slot = obj + f->offset;
    if (f->kind & EDGE_K_PTR) {
        clone_pointed(f, a, slot);
        return;
    }
    switch (dto_kind(f)) {
    case EDGE_K_STR: {
        const char **s = slot;
        *s = *s ? edge_strdup(a, *s) : NULL;
        break;
    }
    case EDGE_K_ANY: {
        const cJSON **json = slot;
        *json = *json ? edge_json_clone(a, *json) : NULL;
        break;
    }
    case EDGE_K_BYTES: {
        struct edge_bytes *b = slot;
        b->data = b->data ? copy_of(a, b->data, b->size) : NULL;
        break;
    }
    case EDGE_K_OBJ:
        clone_members(f->sub, a, slot);
        break;
    case EDGE_K_LIST:
    case EDGE_K_MAP:
        clone_entries(f, a, obj);
        break;
    default:
        break; /* numbers came along with the struct */
    }
}

static void clone_members(const struct edge_dto *dto, struct edge_arena *a, void *obj)
{
    for (size_t i = 0; i < dto->n_fields; i++) {
        clone_member(&dto->fields[i], a, obj);
    }
    if (dto->clone_more) {
        dto->clone_more(obj, a);
    }
}

void *edge_dto_clone(const struct edge_dto *dto, struct edge_arena *a, const void *obj)
{
    void *copy = copy_of(a, obj, dto->size);
    clone_members(dto, a, copy);
    return copy;
}
