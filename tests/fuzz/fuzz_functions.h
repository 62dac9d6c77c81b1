/** A function of a pipeline made of texts, and run on what can be had from bytes. */
#ifndef TESTS_FUZZ_FUNCTIONS_H
#define TESTS_FUZZ_FUNCTIONS_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "edge/system_event.h"
#include "edge/text.h"
#include "export/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline enum edge_status fuzz_secret(void *state, struct edge_ctx *ctx, struct edge_arena *a,
                                           const char *name, const char *key, const char **ret)
{
    (void)state;
    *ret = edge_strdup(a, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    return *name ? EDGE_OK : edge_fail(ctx, EDGE_NOT_FOUND, "no secret %s with %s", name, key);
}

static inline unsigned fuzz_version(void *state)
{
    (void)state;
    return 1;
}

/** Refused with a text, or made. */
static inline enum edge_status fuzz_make(struct edge_ctx *ctx, const struct export_function *f,
                                         const struct edge_named_text *given, size_t n, void **ret)
{
    static const struct export_host host = {
        .secret = fuzz_secret, .secrets_version = fuzz_version, .service = "fuzz"};
    struct export_params params;
    enum edge_status st = export_params_check(ctx, &ctx->arena, f, f->name, given, n, &params);
    st = st == EDGE_OK ? f->compile(ctx, &ctx->arena, &host, &params, ret) : st;
    assert((st == EDGE_OK) == (!ctx->failure));
    return st;
}

/** An event, a metric, or else the bytes as they are. */
static inline struct export_data fuzz_data(struct edge_ctx *ctx, const char *text, size_t n)
{
    struct event *event = edge_new(&ctx->arena, struct event);
    struct metric *metric = edge_new(&ctx->arena, struct metric);
    struct export_data d = {
        .kind = EXPORT_BYTES, .bytes = {text, n},
             .content_type = "application/json"
    };
    if (edge_dto_decode_text(ctx, &EVENT, text, n, event) == EDGE_OK) {
        d = (struct export_data){.kind = EXPORT_EVENT, .event = event};
    } else if (edge_dto_decode_text(ctx, &METRIC, text, n, metric) == EDGE_OK) {
        d = (struct export_data){.kind = EXPORT_METRIC, .metric = metric};
    }
    edge_ctx_clear(ctx);
    return d;
}

/** What it makes can be handed on; what it refuses has a reason. */
static inline void fuzz_run(struct edge_ctx *ctx, const struct export_function *f,
                            const void *stage, struct export_data data)
{
    struct export_flow flow = {.ctx = ctx, .data = data};
    struct edge_bytes bytes;
    const char *type = NULL;
    enum export_verdict verdict = f->run(stage, &flow);
    assert(verdict != EXPORT_FAIL || ctx->failure);
    if (verdict == EXPORT_GO_ON) {
        enum edge_status st = export_data_bytes(ctx, &flow.data, &bytes, &type);
        assert(st == EDGE_OK || ctx->failure);
    }
}

#endif
