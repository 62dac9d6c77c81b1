/* What the CBOR door lets in comes out as CBOR and as JSON that read back the same. */
#include <assert.h>
#include <string.h>

#include "edge/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    if (edge_cbor_parse(&ctx, data, size, NULL, &tree) != EDGE_OK) {
        assert(ctx.failure);
        return 0;
    }
    struct edge_buf first = EDGE_BUF_INIT, second = EDGE_BUF_INIT;
    edge_cbor_put(&first, tree);
    assert(edge_cbor_parse(&ctx, first.data, first.len, NULL, &tree) == EDGE_OK);
    edge_cbor_put(&second, tree);
    assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);

    first.len = second.len = 0;
    edge_json_put(&first, tree);
    assert(edge_json_parse(&ctx, first.data, first.len, NULL, &tree) == EDGE_OK);
    edge_json_put(&second, tree);
    assert(strcmp(edge_buf_str(&first), edge_buf_str(&second)) == 0);
    edge_buf_done(&first);
    edge_buf_done(&second);
    return 0;
}
