/*
 * A registration of EdgeX 1 as a client writes it: refused with a text, or kept; shown without its password; laid over
 * another one, where what comes of it is refused or kept as well.
 */
#include "registration.h"

#include "fuzz_contract.h"

static const char BASE[] =
    "{\"name\":\"base\",\"format\":\"JSON\",\"destination\":\"REST_ENDPOINT\",\"addressable\":"
    "{\"name\":\"a\",\"protocol\":\"HTTP\",\"address\":\"h\",\"port\":1,\"user\":\"u\","
    "\"password\":\"never to be shown\"},\"filter\":{\"deviceIdentifiers\":[\"d\"]}}";

/* What is kept is read again as it was, and answers have no password. */
static void accepted(struct edge_ctx *ctx, struct registration *r)
{
    struct registration again;
    const char *kept = edge_dto_text(&V1_REGISTRATION, r, &ctx->arena);
    assert(edge_dto_decode_text(ctx, &V1_REGISTRATION, kept, strlen(kept), &again) == EDGE_OK);
    assert(strcmp(edge_dto_text(&V1_REGISTRATION, &again, &ctx->arena), kept) == 0);
    assert(registration_fault(&ctx->arena, &again) == NULL);
    struct registration shown = registration_shown(&ctx->arena, &again, false);
    assert(!shown.addressable.password && !shown.encryption.key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    struct registration given, base;
    const cJSON *json = NULL;
    if (edge_json_parse(&ctx, (const char *)data, size, NULL, &json) != EDGE_OK ||
        edge_dto_decode(&ctx, &V1_REGISTRATION, json, &given) != EDGE_OK) {
        assert(*edge_ctx_message(&ctx, EDGE_INVALID));
        return 0;
    }
    assert(edge_dto_decode_text(&ctx, &V1_REGISTRATION, BASE, sizeof(BASE) - 1, &base) == EDGE_OK);
    registration_merge(&base, &given, json);
    if (registration_fault(&ctx.arena, &base) == NULL) {
        accepted(&ctx, &base);
    }
    if (registration_fault(&ctx.arena, &given) == NULL) {
        accepted(&ctx, &given);
    }
    return 0;
}
