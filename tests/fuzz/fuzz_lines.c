/* Events and metrics as lines of InfluxDB's protocol: as many lines as are said, whatever the names and texts. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "contracts/event.h"
#include "edge/config.h"
#include "edge/json.h"
#include "edge/system_event.h"
#include "stages/line_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As InfluxDB looks for them: an end of a line within a text in quotes is none. */
static size_t count_lines(const char *text, size_t size)
{
    size_t n = 0;
    bool quoted = false, fields = false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\' && i + 1 < size) {
            i++;
        } else if (text[i] == ' ') {
            fields = true;
        } else if (text[i] == '"' && fields) {
            quoted = !quoted;
        } else if (text[i] == '\n' && !quoted) {
            fields = false;
            n++;
        }
    }
    assert(!quoted);
    return n;
}

static void write_lines(struct edge_ctx *ctx, const struct export_data *data, const char *as)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf b = EDGE_BUF_INIT;
    struct edge_named_text tags[] = {
        {"site",   "n\\"  },
        {"device", "other"}
    };
    const struct line_format f = {as, tags, 2, as != NULL, as ? 1000 : 0};
    size_t n = 0;
    enum edge_status st = line_put(ctx, &b, &f, data, &n);
    assert(st == EDGE_OK || (st == EDGE_INVALID && ctx->failure));
    assert(st != EDGE_OK || n == 0 || b.data[b.len - 1] == '\n');
    assert(st != EDGE_OK || count_lines(b.data, b.len) == n);
    edge_ctx_clear(ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    struct event event = {0};
    struct metric metric = {0};
    if (edge_json_parse(&ctx, (const char *)data, size, NULL, &tree) != EDGE_OK) {
        return 0;
    }
    if (edge_dto_decode(&ctx, &EVENT, tree, &event) == EDGE_OK) {
        const struct export_data one = {.kind = EXPORT_EVENT, .event = &event};
        write_lines(&ctx, &one, NULL);
        write_lines(&ctx, &one, "all of\nthem\\");
    }
    edge_ctx_clear(&ctx);
    if (edge_dto_decode(&ctx, &METRIC, tree, &metric) == EDGE_OK) {
        write_lines(&ctx, &(struct export_data){.kind = EXPORT_METRIC, .metric = &metric}, NULL);
    }
    return 0;
}
