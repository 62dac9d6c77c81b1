/** Short words for what tests of DTOs say over and over; each prints what it got when it fails. */
#ifndef TESTS_DTOTEST_H
#define TESTS_DTOTEST_H

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "edge/cbor.h"
#include "edge/dto.h"

static inline enum edge_status decode(struct edge_ctx *ctx, const struct edge_dto *dto,
                                      const char *json, void *obj)
{
    enum edge_status st = edge_dto_decode_text(ctx, dto, json, strlen(json), obj);
    if (st != EDGE_OK) {
        printf("\n    refused: %s ", edge_ctx_message(ctx, st));
    }
    return st;
}

static inline void expect_same(const char *got, const char *expect)
{
    if (strcmp(got, expect) != 0) {
        printf("\n    got:    %s\n    expect: %s ", got, expect);
    }
    CU_ASSERT_STRING_EQUAL(got, expect);
}

/** @p json is refused as @p dto, with exactly this message. */
static inline void expect_fault(const struct edge_dto *dto, const char *json, const char *message)
{
    EDGE_CTX_SCOPE(ctx);
    void *obj = edge_alloc(&ctx.arena, 1, dto->size);
    enum edge_status st = edge_dto_decode_text(&ctx, dto, json, strlen(json), obj);
    CU_ASSERT_EQUAL(st, EDGE_INVALID);
    expect_same(edge_ctx_message(&ctx, st), message);
}

/** @p json is decoded as @p dto and comes back as @p expect, also by way of CBOR and of a copy. */
static inline void expect_round_trip(const struct edge_dto *dto, const char *json,
                                     const char *expect)
{
    struct edge_arena kept = EDGE_ARENA_INIT;
    EDGE_CLEANUP(edge_buf_done) struct edge_buf cbor = EDGE_BUF_INIT;
    const void *copy = NULL;
    {
        EDGE_CTX_SCOPE(ctx);
        void *obj = edge_alloc(&ctx.arena, 1, dto->size);
        CU_ASSERT_EQUAL_FATAL(decode(&ctx, dto, json, obj), EDGE_OK);
        expect_same(edge_dto_text(dto, obj, &ctx.arena), expect);
        edge_dto_encode(dto, obj, EDGE_CBOR, &cbor);
        copy = edge_dto_clone(dto, &kept, obj);
    }
    expect_same(edge_dto_text(dto, copy, &kept), expect);

    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    void *again = edge_alloc(&ctx.arena, 1, dto->size);
    CU_ASSERT_EQUAL_FATAL(edge_cbor_parse(&ctx, cbor.data, cbor.len, NULL, &tree), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(edge_dto_decode(&ctx, dto, tree, again), EDGE_OK);
    expect_same(edge_dto_text(dto, again, &ctx.arena), expect);
    edge_arena_done(&kept);
}

#endif
