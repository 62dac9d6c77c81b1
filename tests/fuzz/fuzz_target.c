/* A target that passes the door has no dot segments and decodes to UTF-8, path and query alike. */
#include <assert.h>
#include <string.h>

#include "edge/text.h"
#include "http/http_internal.h"

static void check_segment(struct edge_arena *a, const char *segment, size_t len)
{
    const char *text = edge_percent_decode(a, segment, len);
    assert(text && edge_utf8_valid(text, strlen(text)));
    assert(strcmp(text, ".") != 0 && strcmp(text, "..") != 0);
}

static void check_query(struct edge_arena *a, const char *query)
{
    size_t n;
    const struct http_pair *pairs = http_query_parse(a, query, &n);
    assert(n <= strlen(query));
    for (size_t i = 0; i < n; i++) {
        assert(edge_utf8_valid(pairs[i].name, strlen(pairs[i].name)));
        assert(edge_utf8_valid(pairs[i].value, strlen(pairs[i].value)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    EDGE_CTX_SCOPE(ctx);
    const char *target = edge_strndup(&ctx.arena, (const char *)data, size);
    if (http_target_check(&ctx, target) != EDGE_OK) {
        assert(ctx.failure);
        return 0;
    }
    assert(*target == '/');
    while (*target == '/') {
        size_t len = strcspn(target + 1, "/?");
        check_segment(&ctx.arena, target + 1, len);
        target += 1 + len;
    }
    check_query(&ctx.arena, *target == '?' ? target + 1 : "");
    return 0;
}
