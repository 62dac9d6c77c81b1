/* What the YAML door lets in comes out as JSON that reads back the same, and as YAML that does. */
#include <assert.h>
#include <string.h>

#include "edge/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree;
    if (edge_yaml_parse(&ctx, (const char *)data, size, NULL, &tree) != EDGE_OK) {
        assert(strncmp(edge_ctx_message(&ctx, EDGE_INVALID), "line ", 5) == 0);
        return 0;
    }
    struct edge_buf first = EDGE_BUF_INIT, second = EDGE_BUF_INIT;
    edge_json_put(&first, tree);
    assert(edge_json_parse(&ctx, first.data, first.len, NULL, &tree) == EDGE_OK);
    edge_json_put(&second, tree);
    assert(strcmp(edge_buf_str(&first), edge_buf_str(&second)) == 0);
    struct edge_buf yaml = EDGE_BUF_INIT, third = EDGE_BUF_INIT;
    edge_yaml_put(&yaml, tree);
    assert(edge_yaml_parse(&ctx, yaml.data, yaml.len, NULL, &tree) == EDGE_OK);
    edge_json_put(&third, tree);
    assert(strcmp(edge_buf_str(&first), edge_buf_str(&third)) == 0);
    edge_buf_done(&first);
    edge_buf_done(&second);
    edge_buf_done(&yaml);
    edge_buf_done(&third);
    return 0;
}
