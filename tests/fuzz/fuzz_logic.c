/* A rule of JSONLogic and, behind a line end, data: it has a value that can be written, or is refused with a text. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "edge/json.h"
#include "stages/stages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    const char *text = (const char *)data, *end = size > 0 ? memchr(text, '\n', size) : NULL;
    const cJSON *rule = NULL, *tree = NULL, *value = NULL;
    size_t n = end ? (size_t)(end - text) : size;
    if (edge_json_parse(&ctx, text, n, NULL, &rule) != EDGE_OK ||
        (end && edge_json_parse(&ctx, end + 1, size - n - 1, NULL, &tree) != EDGE_OK)) {
        return 0;
    }
    enum edge_status st = export_logic_apply(&ctx, rule, tree, &value);
    assert(st == EDGE_OK || (st == EDGE_INVALID && ctx.failure));
    return 0;
}
