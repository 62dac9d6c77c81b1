/** What must hold for any bytes: they are refused with a text, or what they become is stable. */
#ifndef TESTS_FUZZ_CONTRACT_H
#define TESTS_FUZZ_CONTRACT_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "edge/cbor.h"
#include "edge/dto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_must_equal(const struct edge_dto *dto, const void *obj, const char *text)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    assert(strcmp(edge_dto_text(dto, obj, &a), text) == 0);
    edge_arena_done(&a);
}

/** By way of CBOR into @p ret; returns its JSON text. */
static inline const char *fuzz_by_cbor(struct edge_ctx *ctx, const struct edge_dto *dto,
                                       const void *obj, void *ret)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf cbor = EDGE_BUF_INIT;
    const cJSON *tree = NULL;
    edge_dto_encode(dto, obj, EDGE_CBOR, &cbor);
    assert(edge_cbor_parse(ctx, cbor.data, cbor.len, NULL, &tree) == EDGE_OK);
    assert(edge_dto_decode(ctx, dto, tree, ret) == EDGE_OK);
    return edge_dto_text(dto, ret, &ctx->arena);
}

/** Whatever was accepted is written, read and written again unchanged, in both encodings. */
static inline void fuzz_accepted(const struct edge_dto *dto, const void *obj)
{
    EDGE_CTX_SCOPE(ctx);
    void *again = edge_alloc(&ctx.arena, 1, dto->size);
    void *once_more = edge_alloc(&ctx.arena, 1, dto->size);
    assert(edge_dto_check(&ctx, dto, obj) == EDGE_OK);
    const char *text = edge_dto_text(dto, obj, &ctx.arena);
    assert(edge_dto_decode_text(&ctx, dto, text, strlen(text), again) == EDGE_OK);
    fuzz_must_equal(dto, again, text);
    fuzz_must_equal(dto, edge_dto_clone(dto, &ctx.arena, obj), text);
    /* CBOR makes a real of a free-form integer beyond 64 bits, once. */
    text = fuzz_by_cbor(&ctx, dto, obj, again);
    assert(strcmp(fuzz_by_cbor(&ctx, dto, again, once_more), text) == 0);
}

static inline void fuzz_tree(struct edge_ctx *ctx, const struct edge_dto *dto, const cJSON *json)
{
    void *obj = edge_alloc(&ctx->arena, 1, dto->size);
    enum edge_status st = edge_dto_decode(ctx, dto, json, obj);
    assert(st == EDGE_OK || st == EDGE_INVALID);
    assert((st == EDGE_OK) == (!ctx->failure));
    if (st == EDGE_OK) {
        fuzz_accepted(dto, obj);
    }
    edge_ctx_clear(ctx);
    void *patched = edge_alloc(&ctx->arena, 1, dto->size);
    edge_dto_init(ctx, dto, patched);
    enum edge_status tried = edge_dto_patch_try(ctx, dto, json);
    enum edge_status applied = edge_dto_patch(ctx, dto, json, patched);
    assert(tried == EDGE_OK || applied != EDGE_OK);
    edge_ctx_clear(ctx);
}

/** The first byte says which table, and whether the rest is JSON or CBOR. */
static inline void fuzz_contracts(const struct edge_dto *const *tables, size_t n,
                                  const uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    EDGE_CTX_SCOPE(ctx);
    const cJSON *json = NULL;
    const char *text = (const char *)data + 1;
    enum edge_status st = data[0] & 0x80 ? edge_cbor_parse(&ctx, text, size - 1, NULL, &json)
                                         : edge_json_parse(&ctx, text, size - 1, NULL, &json);
    if (st == EDGE_OK) {
        fuzz_tree(&ctx, tables[(data[0] & 0x7f) % n], json);
    }
}

#endif
